/*
 * words.c - see words.h.
 */
#include "storage/base/words.h"

/* Most words of a selection have no bit, or all: those are not counted. */
static uint64_t
count_bits(const uint64_t *words, size_t count)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++)
        if (words[i] == UINT64_MAX)
            bits += 64;
        else if (words[i] != 0)
            bits += (uint64_t)__builtin_popcountll(words[i]);
    return bits;
}

/* The bits of one word that stands for `first` and following. */
static inline uint32_t
list_word(uint64_t bits, uint32_t first, uint32_t *out)
{
    uint32_t count = 0;
    for (; bits != 0; bits &= bits - 1)
        out[count++] = first + (uint32_t)__builtin_ctzll(bits);
    return count;
}

static inline uint32_t
list_all(uint32_t first, uint32_t *out)
{
    for (uint32_t bit = 0; bit < 64; bit++)
        out[bit] = first + bit;
    return 64;
}

static uint32_t
list_bits(const uint64_t *words, uint32_t bit_count, uint32_t *out)
{
    uint32_t count = 0;
    for (uint32_t w = 0; w < sl_words_for(bit_count); w++)
        count += words[w] == UINT64_MAX ? list_all(w * 64, out + count)
                                        : list_word(words[w], w * 64, out + count);
    return count;
}

const struct sl_words_kernels sl_words_kernels_scalar = {.count = count_bits, .list = list_bits};

#if defined(__x86_64__)

#define BMI __attribute__((target("popcnt,bmi")))

BMI
static uint64_t
count_counted(const uint64_t *words, size_t count)
{
    uint64_t bits = 0;
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        if ((words[i] | words[i + 1] | words[i + 2] | words[i + 3]) == 0)
            continue; /* where there are none, there are none for long */
        for (size_t k = i; k < i + 4; k++)
            bits += (uint64_t)__builtin_popcountll(words[k]);
    }
    for (; i < count; i++)
        bits += (uint64_t)__builtin_popcountll(words[i]);
    return bits;
}

/* Where few rows of a word are selected, how many is a guess that the CPU gets wrong: four numbers
 * are written whatever there is. In front of the last word there is room for them. */
BMI
static uint32_t
list_counted(const uint64_t *words, uint32_t bit_count, uint32_t *out)
{
    uint32_t last = bit_count == 0 ? 0 : (bit_count - 1) / 64;
    uint32_t count = 0;
    for (uint32_t w = 0; w < last; w++) {
        uint64_t bits = words[w];
        if (bits == 0 && w % 4 == 0 && last - w >= 4 &&
            (words[w + 1] | words[w + 2] | words[w + 3]) == 0) {
            w += 3; /* as above */
            continue;
        }
        if (bits == UINT64_MAX) {
            count += list_all(w * 64, out + count);
            continue;
        }
        uint32_t *at = out + count;
        count += (uint32_t)__builtin_popcountll(bits);
        for (; bits != 0; at += 4)
            for (unsigned i = 0; i < 4; i++) {
                at[i] = w * 64 + (uint32_t)__builtin_ia32_tzcnt_u64(bits);
                bits &= bits - 1;
            }
    }
    return bit_count == 0 ? 0 : count + list_word(words[last], last * 64, out + count);
}

static const struct sl_words_kernels counted = {.count = count_counted, .list = list_counted};

const struct sl_words_kernels *
sl_words_kernels_best(void)
{
    return __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("bmi")
               ? &counted
               : &sl_words_kernels_scalar;
}

#else

const struct sl_words_kernels *
sl_words_kernels_best(void)
{
    return &sl_words_kernels_scalar;
}

#endif
