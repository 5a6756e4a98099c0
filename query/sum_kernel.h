/*
 * sum_kernel.h - sums of the selected ones of many numbers.
 *
 * Bit i of word w of a selection stands for value w * 64 + i; bits at and beyond `count` are zero.
 * The scalar kernels are the definition; those for AVX2 compute the same and are taken where the
 * CPU has it.
 *
 * Threads: pure, any.
 * Layer:   query.
 */
#ifndef SLUICE_QUERY_SUM_KERNEL_H
#define SLUICE_QUERY_SUM_KERNEL_H

#include "storage/base/base.h"

/* The sum modulo 2^64; `selection` NULL: of all values. */
struct sl_sum_kernels {
    uint64_t (*u8)(const uint8_t *values, const uint64_t *selection, uint32_t count);
    uint64_t (*u16)(const uint16_t *values, const uint64_t *selection, uint32_t count);
    uint64_t (*u32)(const uint32_t *values, const uint64_t *selection, uint32_t count);
};

extern const struct sl_sum_kernels sl_sum_kernels_scalar;

/* The widest that this CPU can run. */
const struct sl_sum_kernels *sl_sum_kernels_best(void);

#endif
