/*
 * filter_test.c - no key is ever denied, few strangers are believed, and only whole filters open.
 */
#include "storage/index/filter.h"
#include "tests/support/test.h"

static void
expect_few_others(size_t bits_per_key, unsigned wrong_percent_max)
{
    static const size_t counts[] = {0, 1, 25, 26, 1000, 100000};
    uint64_t seed = test_seed();
    for (size_t c = 0; c < SL_COUNTOF(counts); c++) {
        uint64_t *hashes = sl_new((counts[c] + 1) * sizeof(*hashes));
        struct sl_buf buf = sl_buf_empty(SIZE_MAX);
        struct sl_error err = {0};
        struct sl_filter filter;
        unsigned wrong = 0;
        for (size_t i = 0; i < counts[c]; i++)
            hashes[i] = sl_filter_hash_addr(sl_addr_from_v4((uint32_t)test_random(&seed)));
        sl_filter_encode(hashes, counts[c], bits_per_key, &buf);
        assert_true(buf.size_bytes <= 36 + counts[c] * bits_per_key / 8 + 32);
        TEST_OK(sl_filter_open(buf.bytes, buf.size_bytes, &filter, &err), &err);
        for (size_t i = 0; i < counts[c]; i++)
            assert_true(sl_filter_may_contain(&filter, hashes[i]));
        for (unsigned i = 0; i < 20000; i++)
            wrong += sl_filter_may_contain(&filter, test_random(&seed));
        assert_true(wrong < 20000 / 100 * wrong_percent_max);
        sl_buf_fini(&buf);
        free(hashes);
    }
}

static void
every_key_is_found_and_few_others(void **state)
{
    (void)state;
    expect_few_others(10, 3);
    expect_few_others(6, 13);
}

static void
the_hash_of_an_address_is_fixed(void **state)
{
    (void)state;
    struct sl_addr low = {.low = 1};
    struct sl_addr high = {.high = 1};
    assert_true(sl_filter_hash_addr(low) != sl_filter_hash_addr(high));
    assert_true(sl_filter_hash_addr(low) == sl_filter_hash_addr(sl_addr_from_v4(1)));
}

static void
only_a_whole_filter_opens(void **state)
{
    uint8_t bytes[4 + 32 * 3] = {2};
    struct sl_filter filter;
    (void)state;
    for (size_t size = 0; size <= sizeof(bytes); size++)
        assert_int_equal(sl_filter_open(bytes, size, &filter, NULL),
                         size == 4 + 64 ? SL_OK : SL_CORRUPT);
    bytes[0] = 0;
    assert_int_equal(sl_filter_open(bytes, 4, &filter, NULL), SL_CORRUPT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_found_and_few_others),
        cmocka_unit_test(the_hash_of_an_address_is_fixed),
        cmocka_unit_test(only_a_whole_filter_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
