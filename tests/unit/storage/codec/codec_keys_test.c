/*
 * codec_keys_test.c - sorted keys come back, as 32 bits too where they fit; cut ones are refused.
 */
#include <stdio.h>

#include "storage/base/addr.h"
#include "storage/codec/codec.h"
#include "tests/support/test.h"

enum { COUNT = SL_CODEC_KEYS_MAX };

static int
compare_keys(const void *left, const void *right)
{
    return sl_addr_compare(*(const struct sl_addr *)left, *(const struct sl_addr *)right);
}

static struct sl_addr
draw_key(uint64_t *seed, unsigned round, uint32_t i)
{
    struct sl_addr key = {.low = test_random(seed) >> 32};
    if (round % 3 == 1 && i % 4 == 0)
        key = (struct sl_addr){.low = test_random(seed),
                               .high = UINT64_C(0x20010db8) << 32 | test_random_below(seed, 500)};
    if (round % 3 == 2 && i % 7 == 0)
        key.high = UINT64_MAX - test_random_below(seed, 2);
    return key;
}

/* Ascending and distinct; returns how many. */
static uint32_t
draw_keys(uint64_t *seed, unsigned round, struct sl_addr *keys)
{
    uint32_t drawn = round < 4 ? round + 1 : 1 + (uint32_t)test_random_below(seed, COUNT);
    uint32_t count = 0;
    if (round % 8 == 7)
        drawn = COUNT;
    for (uint32_t i = 0; i < drawn; i++)
        keys[i] = draw_key(seed, round, i);
    qsort(keys, drawn, sizeof(*keys), compare_keys);
    for (uint32_t i = 0; i < drawn; i++)
        if (count == 0 || !sl_addr_equal(keys[i], keys[count - 1]))
            keys[count++] = keys[i];
    if (round % 2 == 0)
        keys[count - 1] = (struct sl_addr){.low = UINT64_MAX, .high = UINT64_MAX};
    if (round % 5 == 4) /* long ones alone */
        for (uint32_t i = 0; i < count; i++)
            keys[i] = (struct sl_addr){.high = 1 + i / 3, .low = i * UINT64_C(0x123456789)};
    return count;
}

static void
keys_come_back(void **state)
{
    struct sl_addr *keys = sl_new(COUNT * sizeof(*keys));
    struct sl_addr *decoded = sl_new(COUNT * sizeof(*keys));
    uint32_t *short_keys = sl_new(COUNT * sizeof(*short_keys));
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        uint32_t count = draw_keys(&seed, round, keys);
        struct sl_buf buf = sl_buf_empty(SIZE_MAX);
        struct sl_error err = {0};
        sl_codec_encode_keys(keys, count, round % 4 < 2 ? SL_EFFORT_SEAL : SL_EFFORT_MERGE, &buf);
        TEST_OK(sl_codec_decode_keys(buf.bytes, buf.size_bytes, keys[0], count, decoded, &err),
                &err);
        assert_memory_equal(keys, decoded, count * sizeof(*keys));
        bool are_short = sl_addr_is_v4(keys[count - 1]);
        assert_int_equal(
            sl_codec_decode_keys_u32(buf.bytes, buf.size_bytes, keys[0], count, short_keys),
            are_short);
        for (uint32_t i = 0; are_short && i < count; i++)
            assert_int_equal(short_keys[i], keys[i].low);
        assert_false(
            sl_codec_decode_keys_u32(buf.bytes, buf.size_bytes - 1, keys[0], count, short_keys));
        assert_int_equal(
            sl_codec_decode_keys(buf.bytes, buf.size_bytes - 1, keys[0], count, decoded, NULL),
            SL_CORRUPT);
        if (count == COUNT)
            printf("%u keys: %.2f bytes a key\n", count, (double)buf.size_bytes / count);
        sl_buf_fini(&buf);
    }
    free(short_keys);
    free(decoded);
    free(keys);
}

/* The differences are those of keys; another first key makes keys that pass the end. */
static void
keys_beyond_the_end_are_refused(void **state)
{
    const struct sl_addr keys[] = {{.low = 1}, {.low = UINT32_MAX}};
    const struct sl_addr long_keys[] = {{.low = 1}, {.low = 7, .high = 2}, {.low = 9, .high = 2}};
    const struct sl_addr last = {.low = UINT64_MAX, .high = UINT64_MAX};
    struct sl_addr decoded[3];
    uint32_t short_keys[3];
    struct sl_buf buf = sl_buf_empty(SIZE_MAX);
    (void)state;
    sl_codec_encode_keys(keys, 2, SL_EFFORT_SEAL, &buf);
    assert_true(sl_codec_decode_keys_u32(buf.bytes, buf.size_bytes, keys[0], 2, short_keys));
    const struct sl_addr above = {.low = 2};
    assert_false(sl_codec_decode_keys_u32(buf.bytes, buf.size_bytes, above, 2, short_keys));
    const struct sl_addr end = {.low = UINT64_MAX - 1};
    assert_int_equal(sl_codec_decode_keys(buf.bytes, buf.size_bytes, end, 2, decoded, NULL),
                     SL_CORRUPT);
    assert_int_equal(sl_codec_decode_keys(buf.bytes, buf.size_bytes, last, 2, decoded, NULL),
                     SL_CORRUPT); /* short ones do not follow long ones */
    sl_buf_clear(&buf);
    sl_codec_encode_keys(long_keys, 3, SL_EFFORT_SEAL, &buf);
    const struct sl_addr high = {.high = UINT64_MAX - 1};
    assert_int_equal(sl_codec_decode_keys(buf.bytes, buf.size_bytes, high, 3, decoded, NULL),
                     SL_CORRUPT);
    sl_buf_fini(&buf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_back),
        cmocka_unit_test(keys_beyond_the_end_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
