/*
 * codec_keys_test.c - sorted keys come back, as 32 bits too where they fit; cut ones are refused.
 */
#include <stdio.h>

#include "storage/base/addr.h"
#include "storage/codec/codec.h"
#include "tests/support/test.h"

static int
compare_keys(const void *left, const void *right)
{
    return sl_addr_compare(*(const struct sl_addr *)left, *(const struct sl_addr *)right);
}

static void
keys_come_back(void **state)
{
    enum { COUNT = 150000 };
    struct sl_addr *keys = sl_new(COUNT * sizeof(*keys));
    struct sl_addr *decoded = sl_new(COUNT * sizeof(*keys));
    uint32_t *short_keys = sl_new(COUNT * sizeof(*short_keys));
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned round = 0; round < 12; round++) {
        uint32_t drawn = round < 4 ? round : 1 + (uint32_t)test_random_below(&seed, COUNT);
        for (uint32_t i = 0; i < drawn; i++) {
            keys[i] = (struct sl_addr){.low = test_random(&seed) >> 32};
            if (round % 3 == 1 && i % 4 == 0)
                keys[i] = (struct sl_addr){.low = test_random(&seed),
                                           .high = UINT64_C(0x20010db8) << 32 |
                                                   test_random_below(&seed, 500)};
            if (round % 3 == 2 && i % 7 == 0)
                keys[i].high = UINT64_MAX - test_random_below(&seed, 2);
        }
        qsort(keys, drawn, sizeof(*keys), compare_keys);
        uint32_t count = 0;
        for (uint32_t i = 0; i < drawn; i++)
            if (count == 0 || !sl_addr_equal(keys[i], keys[count - 1]))
                keys[count++] = keys[i];
        if (count > 0 && round % 2 == 0)
            keys[count - 1] = (struct sl_addr){.low = UINT64_MAX, .high = UINT64_MAX};
        struct sl_buf buf = sl_buf_empty(SIZE_MAX);
        struct sl_error err = {0};
        sl_codec_encode_keys(keys, count, count % 2 == 0 ? SL_EFFORT_SEAL : SL_EFFORT_MERGE, &buf);
        TEST_OK(sl_codec_decode_keys(buf.bytes, buf.size_bytes, count, decoded, &err), &err);
        assert_memory_equal(keys, decoded, count * sizeof(*keys));
        bool are_short = count == 0 || sl_addr_is_v4(keys[count - 1]);
        assert_int_equal(sl_codec_decode_keys_u32(buf.bytes, buf.size_bytes, count, short_keys),
                         are_short);
        for (uint32_t i = 0; are_short && i < count; i++)
            assert_int_equal(short_keys[i], keys[i].low);
        assert_false(sl_codec_decode_keys_u32(buf.bytes, buf.size_bytes - 1, count, short_keys));
        assert_int_equal(sl_codec_decode_keys(buf.bytes, buf.size_bytes - 1, count, decoded, NULL),
                         SL_CORRUPT);
        if (count > 0)
            printf("%u keys: %.2f bytes a key\n", count, (double)buf.size_bytes / count);
        sl_buf_fini(&buf);
    }
    free(short_keys);
    free(decoded);
    free(keys);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
