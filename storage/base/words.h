/*
 * words.h - bits of many words: how many are set, and which.
 *
 * Bit i of word w stands for w * 64 + i. The scalar kernels are the definition; the others compute
 * the same and are taken where the CPU can count and find bits by itself.
 *
 * Threads: pure, any.
 * Layer:   base.
 */
#ifndef SLUICE_STORAGE_BASE_WORDS_H
#define SLUICE_STORAGE_BASE_WORDS_H

#include "storage/base/base.h"

struct sl_words_kernels {
    /* Set bits of `count` words. */
    uint64_t (*count)(const uint64_t *words, size_t count);
    /* Which of the first `bit_count` bits are set, ascending; how many. No bit at or beyond bit_count is
     * set; there is room for bit_count numbers, and those behind the last one may be written to. */
    uint32_t (*list)(const uint64_t *words, uint32_t bit_count, uint32_t *out);
};

extern const struct sl_words_kernels sl_words_kernels_scalar;

/* The fastest that this CPU can run. */
const struct sl_words_kernels *sl_words_kernels_best(void);

static inline uint64_t
sl_words_count(const uint64_t *words, size_t count)
{
    return sl_words_kernels_best()->count(words, count);
}

static inline uint32_t
sl_words_list(const uint64_t *words, uint32_t bit_count, uint32_t *out)
{
    return sl_words_kernels_best()->list(words, bit_count, out);
}

#endif
