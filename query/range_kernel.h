/*
 * range_kernel.h - which of many numbers lie in a range or a set, which pairs of them far apart.
 *
 * Rows are told as bits: bit i of word w stands for value w * 64 + i; bits at and beyond `count`
 * are zero. The scalar kernels are the definition; those for AVX2 compute the same and are taken
 * where the CPU has it.
 *
 * Threads: pure, any.
 * Layer:   query.
 */
#ifndef SLUICE_QUERY_RANGE_KERNEL_H
#define SLUICE_QUERY_RANGE_KERNEL_H

#include "storage/base/base.h"

/* truth: value - low, modulo 2^width, is at most span. Values of two's complement may be asked for
 * the same way. */
struct sl_range_kernels {
    void (*u8)(const uint8_t *values, uint32_t count, uint8_t low, uint8_t span, uint64_t *truth);
    void (*u16)(const uint16_t *values, uint32_t count, uint16_t low, uint16_t span,
                uint64_t *truth);
    void (*u32)(const uint32_t *values, uint32_t count, uint32_t low, uint32_t span,
                uint64_t *truth);
    void (*u64)(const uint64_t *values, uint32_t count, uint64_t low, uint64_t span,
                uint64_t *truth);
    /* truth: is_true[code] is UINT8_MAX; the others are 0. */
    void (*codes)(const uint32_t *codes, uint32_t count, const uint8_t *is_true, uint64_t *truth);
    /* truth: to - from is at least `least`. False, and truth is worth nothing, where a value is so
     * far from 0 (2^62) that a difference might not fit. */
    bool (*gap)(const int64_t *from, const int64_t *to, uint32_t count, int64_t least,
                uint64_t *truth);
};

extern const struct sl_range_kernels sl_range_kernels_scalar;

/* The widest that this CPU can run. */
const struct sl_range_kernels *sl_range_kernels_best(void);

#endif
