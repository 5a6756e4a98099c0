/*
 * filter_test.c - no key is ever denied, and few strangers are believed.
 */
#include "storage/index/filter.h"
#include "tests/support/test.h"

static bool
may_contain(const struct sl_buf *buf, uint64_t hash)
{
    uint32_t block_count = (uint32_t)(buf->size_bytes / SL_FILTER_BLOCK_BYTES);
    uint32_t block = sl_filter_block_of(hash, block_count);
    assert_true(block < block_count);
    return sl_filter_block_may_contain(buf->bytes + (size_t)block * SL_FILTER_BLOCK_BYTES, hash);
}

static void
expect_few_others(size_t bits_per_key, unsigned wrong_percent_max)
{
    static const size_t counts[] = {0, 1, 25, 26, 1000, 100000};
    uint64_t seed = test_seed();
    for (size_t c = 0; c < SL_COUNTOF(counts); c++) {
        uint64_t *hashes = sl_new((counts[c] + 1) * sizeof(*hashes));
        struct sl_buf buf = sl_buf_empty(SIZE_MAX);
        unsigned wrong = 0;
        for (size_t i = 0; i < counts[c]; i++)
            hashes[i] = sl_filter_hash_addr(sl_addr_from_v4((uint32_t)test_random(&seed)));
        sl_filter_encode(hashes, counts[c], bits_per_key, &buf);
        assert_true(buf.size_bytes <= 32 + counts[c] * bits_per_key / 8 + 32);
        assert_int_equal(buf.size_bytes, sl_filter_block_count(counts[c], bits_per_key) *
                                             (size_t)SL_FILTER_BLOCK_BYTES);
        for (size_t i = 0; i < counts[c]; i++)
            assert_true(may_contain(&buf, hashes[i]));
        for (unsigned i = 0; i < 20000; i++)
            wrong += may_contain(&buf, test_random(&seed));
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_found_and_few_others),
        cmocka_unit_test(the_hash_of_an_address_is_fixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
