/*
 * segment_row_order_test.c - rows in the order of values: sorted, stable, and found by interval.
 *
 * Random values of each width, of few and of many different ones, over lengths around those at which
 * fences and tops begin and over full blocks; what is found is held against a look at every row.
 */
#include "storage/segment/segment_row_order.h"

#include "tests/support/test.h"

struct column {
    uint8_t *values; /* exactly as many bytes as there are */
    struct sl_segment_row_values of;
    void *order;
};

static void
fill(struct column *c, uint32_t count, uint8_t width, uint64_t distinct, uint64_t *seed)
{
    uint64_t least = test_random(seed);
    c->values = sl_new((size_t)count * width);
    for (uint32_t row = 0; row < count; row++) {
        uint64_t value = least + test_random_below(seed, distinct);
        memcpy(c->values + (size_t)row * width, &value, width);
    }
    c->of = (struct sl_segment_row_values){c->values, width, count};
    void *scratch = sl_new(sl_segment_row_order_scratch(count));
    c->order = sl_new(sl_segment_row_order_bytes(count));
    sl_segment_row_order_sort(&c->of, scratch, c->order);
    free(scratch);
}

static void
drop(struct column *c)
{
    free(c->values);
    free(c->order);
}

static void
check_sorted(const struct column *c)
{
    uint32_t count;
    const uint16_t *rows = sl_segment_row_order_find(&c->of, c->order, 0, UINT32_MAX, &count);
    assert_int_equal(count, c->of.count);
    for (uint32_t i = 1; i < count; i++) {
        uint32_t before = sl_segment_row_value(&c->of, rows[i - 1]);
        uint32_t value = sl_segment_row_value(&c->of, rows[i]);
        assert_true(before < value || (before == value && rows[i - 1] < rows[i]));
    }
}

static void
check_interval(const struct column *c, uint32_t low, uint32_t high)
{
    uint32_t found, expected = 0;
    const uint16_t *rows = sl_segment_row_order_find(&c->of, c->order, low, high, &found);
    for (uint32_t row = 0; row < c->of.count; row++) {
        uint32_t value = sl_segment_row_value(&c->of, row);
        expected += value >= low && value <= high;
    }
    assert_int_equal(found, expected);
    for (uint32_t i = 0; i < found; i++) {
        uint32_t value = sl_segment_row_value(&c->of, rows[i]);
        assert_true(value >= low && value <= high);
    }
}

/* Intervals that begin and end at values that are there, beside them, and anywhere. */
static void
check_intervals(const struct column *c, unsigned rounds, uint64_t *seed)
{
    check_interval(c, 0, 0);
    check_interval(c, UINT32_MAX, UINT32_MAX);
    for (unsigned i = 0; i < rounds; i++) {
        uint32_t ends[2];
        for (unsigned e = 0; e < 2; e++)
            ends[e] =
                test_random_below(seed, 4) == 0
                    ? (uint32_t)test_random(seed)
                    : sl_segment_row_value(&c->of, (uint32_t)test_random_below(seed, c->of.count)) +
                          (uint32_t)test_random_below(seed, 3) - 1;
        uint32_t high = test_random_below(seed, 2) == 0 ? ends[0] : ends[1];
        check_interval(c, ends[0] < high ? ends[0] : high, ends[0] < high ? high : ends[0]);
    }
}

static void
rows_are_found_by_interval(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1,    2,    15,   16,    17,    255,  256,
                                      1023, 1024, 1025, 16384, 40000, 65536};
    static const uint8_t widths[] = {1, 2, 4};
    static const uint64_t distincts[] = {1, 3, 200, 70000, UINT64_C(1) << 32};
    uint64_t seed = test_seed();
    for (size_t n = 0; n < SL_COUNTOF(counts); n++)
        for (size_t w = 0; w < SL_COUNTOF(widths); w++)
            for (size_t d = 0; d < SL_COUNTOF(distincts); d++) {
                struct column column;
                fill(&column, counts[n], widths[w], distincts[d], &seed);
                check_sorted(&column);
                check_intervals(&column, 20, &seed);
                drop(&column);
            }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_by_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
