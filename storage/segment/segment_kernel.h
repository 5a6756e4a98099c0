/*
 * segment_kernel.h - the innermost loops over the rows of a block.
 *
 * The scalar kernels are the definition; those for AVX2 compute the same and are taken where the
 * CPU has it. Which side a row has, and whether it is an answer, cannot be guessed: no kernel
 * branches on it.
 *
 * Threads: pure, any.
 * Layer:   segment, internal.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_KERNEL_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_KERNEL_H

#include "storage/base/base.h"

struct sl_segment_kernels {
    /* The largest; 0 of none. */
    uint32_t (*max_u32)(const uint32_t *values, uint32_t count);
    /* Their low 16 or 8 bits. */
    void (*to_u16)(const uint32_t *values, uint32_t count, uint16_t *out);
    void (*to_u8)(const uint32_t *values, uint32_t count, uint8_t *out);
    /* out[i] = sides[i] == 0 ? left[i] : right[i] */
    void (*select)(const uint32_t *sides, const uint32_t *left, const uint32_t *right,
                   uint32_t count, uint32_t *out);
    /*
     * Rows of leads and answers (segment_pair.h), `answers` a bit for each: a lead takes the next
     * of `leads`; an answer takes that of the lead before it, and where `differences` is not NULL
     * the next of them on top, out of its zigzag. A first row that is an answer goes with
     * leads[-1]. `count` leads and differences are readable, if not meant.
     */
    void (*spread_u32)(const uint64_t *answers, uint32_t count, const uint32_t *leads,
                       const uint32_t *differences, uint32_t *out);
    void (*spread_u64)(const uint64_t *answers, uint32_t count, const uint64_t *leads,
                       const uint64_t *differences, uint64_t *out);
};

extern const struct sl_segment_kernels sl_segment_kernels_scalar;

/* The widest that this CPU can run. */
const struct sl_segment_kernels *sl_segment_kernels_best(void);

/* A difference of 32 or 64 bits, out of its zigzag. */
static inline uint32_t
sl_segment_unzigzag_narrow(uint32_t code)
{
    return code >> 1 ^ (0 - (code & 1));
}

static inline uint64_t
sl_segment_unzigzag_wide(uint64_t code)
{
    return code >> 1 ^ (0 - (code & 1));
}

#endif
