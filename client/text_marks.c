/*
 * text_marks.c - see text_marks.h.
 */
#include "client/text_marks.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Append the places of the bits of `mask`, eight at a time: what is too many is overwritten. */
static inline uint32_t
put_bits(uint64_t mask, uint32_t base, uint32_t *places, uint32_t count)
{
    uint32_t total = count + (uint32_t)__builtin_popcountll(mask);
    while (mask != 0) {
        for (unsigned i = 0; i < 8; i++) {
            places[count + i] = base + (uint32_t)__builtin_ctzll(mask | UINT64_C(1) << 63);
            mask &= mask - 1;
        }
        count += 8;
    }
    return total;
}

void
sl_text_marks_scalar(const char *text, uint32_t size_bytes, char separator, uint32_t separators_max,
                     uint32_t others_max, struct sl_text_marks *marks)
{
    marks->separator_count = marks->other_count = 0;
    for (uint32_t at = 0; at < size_bytes; at++) {
        if (at % SL_MARKS_STEP_BYTES == 0 &&
            (marks->separator_count >= separators_max || marks->other_count >= others_max))
            return;
        char c = text[at];
        if (c == separator)
            marks->separators[marks->separator_count++] = at;
        else if (c == '\n' || c == '\r' || c == '"')
            marks->others[marks->other_count++] = at;
    }
}

#if defined(__x86_64__)

#define AVX2 __attribute__((target("avx2,bmi,popcnt")))

AVX2
static inline uint64_t
equal_bits(__m256i low, __m256i high, __m256i wanted)
{
    uint32_t low_bits = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
    uint32_t high_bits = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted));
    return (uint64_t)high_bits << 32 | low_bits;
}

AVX2
static void
marks_wide(const char *text, uint32_t size_bytes, char separator, uint32_t separators_max,
           uint32_t others_max, struct sl_text_marks *marks)
{
    const __m256i separators = _mm256_set1_epi8(separator);
    const __m256i ends = _mm256_set1_epi8('\n');
    const __m256i returns = _mm256_set1_epi8('\r');
    const __m256i quotes = _mm256_set1_epi8('"');
    uint32_t separator_count = 0;
    uint32_t other_count = 0;
    for (uint32_t at = 0; at < size_bytes; at += SL_MARKS_STEP_BYTES) {
        if (separator_count >= separators_max || other_count >= others_max)
            break;
        __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)(text + at));
        __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(text + at + 32));
        uint64_t inside =
            size_bytes - at >= 64 ? UINT64_MAX : (UINT64_C(1) << (size_bytes - at)) - 1;
        uint64_t is_separator = equal_bits(low, high, separators) & inside;
        uint64_t is_other = (equal_bits(low, high, ends) | equal_bits(low, high, returns) |
                             equal_bits(low, high, quotes)) &
                            inside & ~is_separator;
        separator_count = put_bits(is_separator, at, marks->separators, separator_count);
        other_count = put_bits(is_other, at, marks->others, other_count);
    }
    marks->separator_count = separator_count;
    marks->other_count = other_count;
}

sl_text_marks_fn *
sl_text_marks_best(void)
{
    bool has_bits = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
    return has_bits && __builtin_cpu_supports("avx2") ? marks_wide : sl_text_marks_scalar;
}

#else

sl_text_marks_fn *
sl_text_marks_best(void)
{
    return sl_text_marks_scalar;
}

#endif
