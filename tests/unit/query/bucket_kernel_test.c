/*
 * bucket_kernel_test.c - times fall into the buckets that a division says.
 *
 * Method: steps of a second to years, times at random and at the first and last microsecond of
 * buckets, as many as may be; scalar and widest kernels against plain division. Times outside of
 * all buckets get a code that is one.
 */
#include "query/bucket_kernel.h"
#include "storage/base/clock.h"
#include "tests/support/test.h"

enum { TIMES = 1003 };

static int64_t
draw_time(uint64_t *seed, const struct sl_buckets *buckets)
{
    uint64_t draw = test_random(seed);
    int64_t bucket = (int64_t)(draw >> 8) % buckets->count;
    int64_t first = buckets->low_us + (bucket < 0 ? -bucket : bucket) * buckets->step_us;
    int64_t offset = (int64_t)(test_random(seed) >> 1) % buckets->step_us;

    return first + (draw % 4 == 0 ? 0 : draw % 4 == 1 ? buckets->step_us - 1 : offset);
}

static void
check(const struct sl_bucket_kernels *kernels, const struct sl_buckets *buckets, uint64_t *seed)
{
    int64_t *times = malloc(TIMES * sizeof(*times));
    uint32_t *codes = malloc(TIMES * sizeof(*codes));
    int64_t min = INT64_MAX, max = INT64_MIN, least = INT64_MAX, greatest = INT64_MIN;

    for (unsigned i = 0; i < TIMES; i++) {
        times[i] = draw_time(seed, buckets);
        least = times[i] < least ? times[i] : least;
        greatest = times[i] > greatest ? times[i] : greatest;
    }
    kernels->bounds(times, TIMES, &min, &max);
    assert_true(min == least && max == greatest);
    kernels->codes(times, TIMES, buckets, codes);
    for (unsigned i = 0; i < TIMES; i++)
        assert_int_equal(codes[i], (times[i] - buckets->low_us) / buckets->step_us);
    for (unsigned i = 0; i < TIMES; i++)
        times[i] = (int64_t)test_random(seed);
    kernels->codes(times, TIMES, buckets, codes);
    for (unsigned i = 0; i < TIMES; i++)
        assert_true(codes[i] < buckets->count);
    free(times);
    free(codes);
}

static void
buckets_are_those_of_a_division(void **state)
{
    static const int64_t seconds[] = {1,    2,     7,     60,     299,     300,
                                      3600, 86400, 86401, 604800, 2678400, 31622400};
    uint64_t seed = test_seed();
    (void)state;

    for (unsigned turn = 0; turn < 2000; turn++) {
        int64_t step_us = seconds[turn % SL_COUNTOF(seconds)] * SL_US_PER_S;
        int64_t min_us = (int64_t)(test_random(&seed) >> 14) - (INT64_C(1) << 49);
        uint64_t wanted = 1 + test_random_below(&seed, turn % 2 == 0 ? SL_BUCKETS_MAX : 20);
        struct sl_buckets buckets;
        if (!sl_buckets_lay_out(min_us, min_us + (int64_t)(wanted - 1) * step_us, step_us,
                                &buckets))
            continue;
        assert_true(buckets.low_us <= min_us && min_us < buckets.low_us + step_us);
        assert_int_equal(buckets.low_us % step_us, 0);
        assert_true(buckets.count >= wanted);
        check(&sl_bucket_kernels_scalar, &buckets, &seed);
        check(sl_bucket_kernels_best(), &buckets, &seed);
    }
}

static void
what_cannot_be_exact_is_refused(void **state)
{
    struct sl_buckets buckets;
    (void)state;

    assert_true(sl_buckets_lay_out(0, 3599999999, SL_US_PER_S, &buckets));
    assert_int_equal(buckets.count, 3600);
    assert_true(sl_buckets_lay_out(-1, 0, SL_US_PER_S, &buckets));
    assert_int_equal(buckets.count, 2);
    assert_int_equal(buckets.low_us, -SL_US_PER_S);
    assert_false(sl_buckets_lay_out(1, 0, SL_US_PER_S, &buckets));
    assert_false(
        sl_buckets_lay_out(0, (int64_t)SL_BUCKETS_MAX * SL_US_PER_S, SL_US_PER_S, &buckets));
    assert_false(sl_buckets_lay_out(INT64_MIN, 0, SL_US_PER_DAY, &buckets));
    assert_false(sl_buckets_lay_out(0, INT64_MAX, SL_US_PER_DAY, &buckets));
    assert_false(sl_buckets_lay_out(0, 4000 * SL_US_PER_DAY, SL_US_PER_DAY, &buckets));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_are_those_of_a_division),
        cmocka_unit_test(what_cannot_be_exact_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
