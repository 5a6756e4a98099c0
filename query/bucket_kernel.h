/*
 * bucket_kernel.h - times to the numbers of the buckets that they lie in.
 *
 * The scalar kernels are the definition; those for AVX2 compute the same and are taken where the
 * CPU has it.
 *
 * Threads: pure, any.
 * Layer:   query.
 */
#ifndef SLUICE_QUERY_BUCKET_KERNEL_H
#define SLUICE_QUERY_BUCKET_KERNEL_H

#include "storage/base/base.h"

enum {
    SL_BUCKETS_MAX = 4096,
    SL_BUCKET_SHIFT = 6, /* whole seconds are multiples of 2^6 microseconds */
};

/* Buckets of `step_us`, a number of whole seconds below 10^9; the first begins at `low_us`. */
struct sl_buckets {
    int64_t low_us;
    int64_t step_us;
    uint32_t count; /* 1 .. SL_BUCKETS_MAX */
};

/* Buckets for all times of min_us .. max_us, which begin at multiples of the step; false when they
 * are too many, or too long for an exact multiplication. */
SL_MUST_CHECK
bool sl_buckets_lay_out(int64_t min_us, int64_t max_us, int64_t step_us,
                        struct sl_buckets *out_buckets);

struct sl_bucket_kernels {
    /* Least and greatest of `count` times, and of what is there already. */
    void (*bounds)(const int64_t *times, uint32_t count, int64_t *min_us, int64_t *max_us);
    /* The bucket of each time; of one outside of all of them, any. */
    void (*codes)(const int64_t *times, uint32_t count, const struct sl_buckets *buckets,
                  uint32_t *out_codes);
};

extern const struct sl_bucket_kernels sl_bucket_kernels_scalar;

/* The widest that this CPU can run. */
const struct sl_bucket_kernels *sl_bucket_kernels_best(void);

#endif
