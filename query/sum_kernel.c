/*
 * sum_kernel.c - see sum_kernel.h.
 */
#include "query/sum_kernel.h"

#define DEFINE_SCALAR(name, type)                                                       \
    static uint64_t name(const type *values, const uint64_t *selection, uint32_t count) \
    {                                                                                   \
        uint64_t sum = 0;                                                               \
        for (uint32_t i = 0; selection == NULL && i < count; i++)                       \
            sum += values[i];                                                           \
        for (uint32_t i = 0; selection != NULL && i < count; i++)                       \
            sum += sl_bit_get(selection, i) ? values[i] : 0;                            \
        return sum;                                                                     \
    }

DEFINE_SCALAR(sum_u8, uint8_t)
DEFINE_SCALAR(sum_u16, uint16_t)
DEFINE_SCALAR(sum_u32, uint32_t)

const struct sl_sum_kernels sl_sum_kernels_scalar = {.u8 = sum_u8, .u16 = sum_u16, .u32 = sum_u32};

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* Eight values and bits lane .. lane + 7 of `word`, which is in every lane: the selected ones are
 * added by two, low and high halves of 64 bits. */
AVX2
static inline __m256i
add_selected(__m256i sum, __m256i values, __m256i word, __m256i bits)
{
    const __m256i low = _mm256_set1_epi64x(UINT32_MAX);
    __m256i selected = _mm256_cmpeq_epi32(_mm256_and_si256(word, bits), bits);
    values = _mm256_and_si256(values, selected);
    sum = _mm256_add_epi64(sum, _mm256_srli_epi64(values, 32));
    return _mm256_add_epi64(sum, _mm256_and_si256(values, low));
}

AVX2
static inline __m256i
load_8(const uint8_t *values)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)values));
}

AVX2
static inline __m256i
load_16(const uint16_t *values)
{
    return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)values));
}

AVX2
static inline __m256i
load_32(const uint32_t *values)
{
    return _mm256_loadu_si256((const __m256i *)values);
}

AVX2
static inline uint64_t
add_lanes(__m256i sum)
{
    uint64_t lanes[4];
    _mm256_storeu_si256((__m256i *)lanes, sum);
    return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

/* Words without a bit are passed over: their values need not come from memory. */
#define DEFINE_WIDE(name, type, load, scalar)                                                \
    AVX2                                                                                     \
    static uint64_t name(const type *values, const uint64_t *selection, uint32_t count)      \
    {                                                                                        \
        const __m256i first = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);                \
        uint32_t whole = count - count % 64;                                                 \
        __m256i sum = _mm256_setzero_si256();                                                \
        for (uint32_t row = 0; row < whole; row += 64) {                                     \
            uint64_t word = selection == NULL ? UINT64_MAX : selection[row / 64];            \
            for (uint32_t half = 0; half < 64 && word != 0; half += 32, word >>= 32) {       \
                __m256i words = _mm256_set1_epi32((int)(uint32_t)word);                      \
                const type *at = &values[row + half];                                        \
                sum = add_selected(sum, load(at), words, first);                             \
                sum = add_selected(sum, load(at + 8), words, _mm256_slli_epi32(first, 8));   \
                sum = add_selected(sum, load(at + 16), words, _mm256_slli_epi32(first, 16)); \
                sum = add_selected(sum, load(at + 24), words, _mm256_slli_epi32(first, 24)); \
            }                                                                                \
        }                                                                                    \
        const uint64_t *rest = selection == NULL ? NULL : &selection[whole / 64];            \
        return add_lanes(sum) + scalar(&values[whole], rest, count - whole);                 \
    }

DEFINE_WIDE(wide_u8, uint8_t, load_8, sum_u8)
DEFINE_WIDE(wide_u16, uint16_t, load_16, sum_u16)
DEFINE_WIDE(wide_u32, uint32_t, load_32, sum_u32)

static const struct sl_sum_kernels wide = {.u8 = wide_u8, .u16 = wide_u16, .u32 = wide_u32};

const struct sl_sum_kernels *
sl_sum_kernels_best(void)
{
    return __builtin_cpu_supports("avx2") ? &wide : &sl_sum_kernels_scalar;
}

#else

const struct sl_sum_kernels *
sl_sum_kernels_best(void)
{
    return &sl_sum_kernels_scalar;
}

#endif
