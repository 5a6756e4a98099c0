/*
 * bucket_kernel.c - see bucket_kernel.h.
 *
 * With distance = (time - low) / 2^SL_BUCKET_SHIFT and unit = step / 2^SL_BUCKET_SHIFT, the bucket is
 * distance / unit. That is distance * magic / 2^shift with magic = 2^shift / unit, rounded up: magic
 * is too great by less than one, so the quotient is exact where distance * unit is below 2^shift.
 *
 * Where all distances are below 2^31, shift is 32 + log2(unit), rounded down. Magic fits 32 bits,
 * because a unit is seconds times 5^6 and no power of two. Else shift is 64.
 *
 * The loops are plain C, compiled twice; with AVX2 they become wide.
 */
#include "query/bucket_kernel.h"

#include "storage/base/clock.h"

#define TIME_MAX (INT64_MAX / 4) /* no bucket's end overflows below it */
#define NARROW   (UINT64_C(1) << 31)

static uint64_t
unit_of(const struct sl_buckets *buckets)
{
    return (uint64_t)buckets->step_us >> SL_BUCKET_SHIFT;
}

bool
sl_buckets_lay_out(int64_t min_us, int64_t max_us, int64_t step_us, struct sl_buckets *out_buckets)
{
    uint64_t limit;

    SL_ASSERT(step_us > 0 && step_us % SL_US_PER_S == 0);
    if (min_us > max_us || min_us < -TIME_MAX || max_us > TIME_MAX || step_us > TIME_MAX)
        return false;
    int64_t low_us = (min_us / step_us - (min_us % step_us < 0)) * step_us;
    uint64_t count = (uint64_t)(max_us - low_us) / (uint64_t)step_us + 1;
    if (count > SL_BUCKETS_MAX)
        return false;
    *out_buckets =
        (struct sl_buckets){.low_us = low_us, .step_us = step_us, .count = (uint32_t)count};
    uint64_t unit = unit_of(out_buckets);
    return unit <= UINT64_MAX / SL_BUCKETS_MAX && /* so that the product is one */
           !__builtin_mul_overflow(unit * count, unit, &limit);
}

static inline __attribute__((always_inline)) void
find_bounds(const int64_t *times, uint32_t count, int64_t *min_us, int64_t *max_us)
{
    int64_t min = *min_us, max = *max_us;

    for (uint32_t i = 0; i < count; i++) {
        min = times[i] < min ? times[i] : min;
        max = times[i] > max ? times[i] : max;
    }
    *min_us = min;
    *max_us = max;
}

static inline __attribute__((always_inline)) void
find_codes(const int64_t *restrict times, uint32_t count, const struct sl_buckets *buckets,
           uint32_t *restrict codes)
{
    uint64_t low = (uint64_t)buckets->low_us;
    uint64_t unit = unit_of(buckets);
    uint32_t last = buckets->count - 1;

    if (unit * buckets->count > NARROW) {
        uint64_t magic = UINT64_MAX / unit + 1;
        for (uint32_t i = 0; i < count; i++) {
            uint64_t distance = ((uint64_t)times[i] - low) >> SL_BUCKET_SHIFT;
            uint64_t code = (uint64_t)((sl_u128)distance * magic >> 64);
            codes[i] = code < last ? (uint32_t)code : last;
        }
        return;
    }
    unsigned shift = 32 + 63 - (unsigned)__builtin_clzll(unit);
    uint32_t magic = (uint32_t)((UINT64_C(1) << shift) / unit + 1);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t distance = (uint32_t)(((uint64_t)times[i] - low) >> SL_BUCKET_SHIFT);
        uint32_t code = (uint32_t)((uint64_t)distance * magic >> shift);
        codes[i] = code < last ? code : last;
    }
}

static void
bounds(const int64_t *times, uint32_t count, int64_t *min_us, int64_t *max_us)
{
    find_bounds(times, count, min_us, max_us);
}

static void
codes(const int64_t *times, uint32_t count, const struct sl_buckets *buckets, uint32_t *out_codes)
{
    find_codes(times, count, buckets, out_codes);
}

const struct sl_bucket_kernels sl_bucket_kernels_scalar = {.bounds = bounds, .codes = codes};

#if defined(__x86_64__)

#define AVX2 __attribute__((target("avx2")))

AVX2
static void
wide_bounds(const int64_t *times, uint32_t count, int64_t *min_us, int64_t *max_us)
{
    find_bounds(times, count, min_us, max_us);
}

AVX2
static void
wide_codes(const int64_t *times, uint32_t count, const struct sl_buckets *buckets,
           uint32_t *out_codes)
{
    find_codes(times, count, buckets, out_codes);
}

static const struct sl_bucket_kernels wide = {.bounds = wide_bounds, .codes = wide_codes};

const struct sl_bucket_kernels *
sl_bucket_kernels_best(void)
{
    return __builtin_cpu_supports("avx2") ? &wide : &sl_bucket_kernels_scalar;
}

#else

const struct sl_bucket_kernels *
sl_bucket_kernels_best(void)
{
    return &sl_bucket_kernels_scalar;
}

#endif
