/*
 * range_kernel_test.c - the wide kernels agree with their definition.
 *
 * Method: the definition is checked against the plain comparison by hand-written cases, the widest
 * kernels by comparison with it over random values. Counts 1 .. 200 are one word and several, with
 * every tail; buffers have their exact size, so that a read of one value too many is seen.
 */
#include "query/range_kernel.h"
#include "tests/support/test.h"

enum { CODES = 50 };

static void
ranges_include_both_ends_and_wrap(void **state)
{
    const uint16_t values[] = {0, 9, 10, 11, 20, 21, UINT16_MAX};
    uint64_t truth = UINT64_MAX;
    (void)state;
    sl_range_kernels_scalar.u16(values, SL_COUNTOF(values), 10, 10, &truth);
    assert_int_equal(truth, 0x1c);
    sl_range_kernels_scalar.u16(values, SL_COUNTOF(values), 0, UINT16_MAX, &truth);
    assert_int_equal(truth, 0x7f);
    /* -1 .. 9 in two's complement */
    sl_range_kernels_scalar.u16(values, SL_COUNTOF(values), UINT16_MAX, 10, &truth);
    assert_int_equal(truth, 0x43);
}

static void
codes_are_true_where_their_entry_is(void **state)
{
    const uint32_t codes[] = {2, 0, 1, 2, 2};
    const uint8_t is_true[] = {0, UINT8_MAX, UINT8_MAX};
    uint64_t truth = UINT64_MAX;
    (void)state;
    sl_range_kernels_scalar.codes(codes, SL_COUNTOF(codes), is_true, &truth);
    assert_int_equal(truth, 0x1d);
}

/* Half the draws are near each other, so that ranges keep neither all nor nothing. */
static uint64_t
draw(uint64_t *seed)
{
    uint64_t value = test_random(seed);
    return (value & 1) != 0 ? value >> 1 : value >> 1 & 63;
}

static void
agree_once(uint32_t count, uint64_t *seed)
{
    const struct sl_range_kernels *kernels[] = {&sl_range_kernels_scalar, sl_range_kernels_best()};
    size_t words = (count + 63) / 64;
    uint8_t *v8 = malloc(count);
    uint16_t *v16 = malloc(count * sizeof(*v16));
    uint32_t *v32 = malloc(count * sizeof(*v32));
    uint64_t *v64 = malloc(count * sizeof(*v64));
    uint64_t *truth[2] = {malloc(5 * words * sizeof(uint64_t)),
                          malloc(5 * words * sizeof(uint64_t))};
    uint8_t *is_true = malloc(CODES);
    uint32_t *codes = malloc(count * sizeof(*codes));
    uint64_t low = draw(seed), span = draw(seed);

    for (uint32_t i = 0; i < count; i++) {
        v64[i] = draw(seed);
        v32[i] = (uint32_t)v64[i];
        v16[i] = (uint16_t)v64[i];
        v8[i] = (uint8_t)v64[i];
        codes[i] = (uint32_t)test_random_below(seed, CODES);
    }
    for (unsigned i = 0; i < CODES; i++)
        is_true[i] = test_random_below(seed, 2) == 0 ? 0 : UINT8_MAX;
    for (unsigned k = 0; k < 2; k++) {
        kernels[k]->u8(v8, count, (uint8_t)low, (uint8_t)span, truth[k]);
        kernels[k]->u16(v16, count, (uint16_t)low, (uint16_t)span, truth[k] + words);
        kernels[k]->u32(v32, count, (uint32_t)low, (uint32_t)span, truth[k] + 2 * words);
        kernels[k]->u64(v64, count, low, span, truth[k] + 3 * words);
        kernels[k]->codes(codes, count, is_true, truth[k] + 4 * words);
    }
    assert_memory_equal(truth[0], truth[1], 5 * words * sizeof(uint64_t));
    free(is_true);
    free(codes);
    free(v8);
    free(v16);
    free(v32);
    free(v64);
    free(truth[0]);
    free(truth[1]);
}

static void
gaps_are_told_where_differences_fit(void **state)
{
    const int64_t from[] = {5, 5, 5, -7, INT64_C(1) << 61};
    const int64_t to[] = {8, 9, 4, 0, -(INT64_C(1) << 61)};
    const int64_t beyond = INT64_C(1) << 62;
    const int64_t below = -beyond - 1;
    uint64_t truth = UINT64_MAX;
    (void)state;
    assert_true(sl_range_kernels_scalar.gap(from, to, SL_COUNTOF(from), 4, &truth));
    assert_int_equal(truth, 0xa);
    assert_true(sl_range_kernels_scalar.gap(from, to, SL_COUNTOF(from), -1, &truth));
    assert_int_equal(truth, 0xf);
    assert_false(sl_range_kernels_scalar.gap(from, &beyond, 1, 4, &truth));
    assert_false(sl_range_kernels_scalar.gap(&below, to, 1, 4, &truth));
}

/* One value in many is too far. */
static void
agree_on_gaps(uint32_t count, uint64_t *seed)
{
    size_t words = (count + 63) / 64;
    int64_t *from = malloc(count * sizeof(*from));
    int64_t *to = malloc(count * sizeof(*to));
    uint64_t *scalar = malloc(words * sizeof(*scalar));
    uint64_t *best = malloc(words * sizeof(*best));
    int64_t least = (int64_t)(draw(seed) >> 2) - 30;
    for (uint32_t i = 0; i < count; i++) {
        from[i] = (int64_t)(draw(seed) >> 2) - 20;
        to[i] = (int64_t)(draw(seed) >> (test_random_below(seed, 5000) == 0 ? 0 : 2));
    }
    bool is_near = sl_range_kernels_scalar.gap(from, to, count, least, scalar);
    assert_int_equal(sl_range_kernels_best()->gap(from, to, count, least, best), is_near);
    if (is_near)
        assert_memory_equal(scalar, best, words * sizeof(*best));
    free(from);
    free(to);
    free(scalar);
    free(best);
}

static void
wide_kernels_agree_with_the_definition(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (uint32_t count = 1; count <= 200; count++)
        for (int round = 0; round < 30; round++)
            agree_once(count, &seed);
    for (uint32_t count = 1; count <= 200; count++)
        for (int round = 0; round < 30; round++)
            agree_on_gaps(count, &seed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_include_both_ends_and_wrap),
        cmocka_unit_test(gaps_are_told_where_differences_fit),
        cmocka_unit_test(codes_are_true_where_their_entry_is),
        cmocka_unit_test(wide_kernels_agree_with_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
