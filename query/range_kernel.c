/*
 * range_kernel.c - see range_kernel.h.
 */
#include "query/range_kernel.h"

#define DEFINE_SCALAR(name, type)                                                              \
    static void name(const type *values, uint32_t count, type low, type span, uint64_t *truth) \
    {                                                                                          \
        for (uint32_t row = 0; row < count; row += 64) {                                       \
            uint32_t lanes = count - row < 64 ? count - row : 64;                              \
            uint64_t word = 0;                                                                 \
            for (uint32_t lane = 0; lane < lanes; lane++)                                      \
                word |= (uint64_t)((type)(values[row + lane] - low) <= span) << lane;          \
            truth[row / 64] = word;                                                            \
        }                                                                                      \
    }

DEFINE_SCALAR(range_u8, uint8_t)
DEFINE_SCALAR(range_u16, uint16_t)
DEFINE_SCALAR(range_u32, uint32_t)
DEFINE_SCALAR(range_u64, uint64_t)

static void
codes_8(const uint32_t *codes, uint32_t count, const uint8_t *is_true, uint64_t *truth)
{
    for (uint32_t row = 0; row < count; row += 64) {
        uint32_t lanes = count - row < 64 ? count - row : 64;
        uint64_t word = 0;
        for (uint32_t lane = 0; lane < lanes; lane++)
            word |= (uint64_t)(is_true[codes[row + lane]] & 1) << lane;
        truth[row / 64] = word;
    }
}

/* The top bit says whether the two top bits of the value differ: it is beyond 2^62. */
static uint64_t
distance_of(int64_t value)
{
    return (uint64_t)value ^ (uint64_t)value << 1;
}

static bool
gap_64(const int64_t *from, const int64_t *to, uint32_t count, int64_t least, uint64_t *truth)
{
    uint64_t far = 0;
    for (uint32_t row = 0; row < count; row += 64) {
        uint32_t lanes = count - row < 64 ? count - row : 64;
        uint64_t word = 0;
        for (uint32_t lane = 0; lane < lanes; lane++) {
            int64_t begin = from[row + lane];
            int64_t end = to[row + lane];
            far |= distance_of(begin) | distance_of(end);
            word |= (uint64_t)((int64_t)((uint64_t)end - (uint64_t)begin) >= least) << lane;
        }
        truth[row / 64] = word;
    }
    return far >> 63 == 0;
}

const struct sl_range_kernels sl_range_kernels_scalar = {
    .u8 = range_u8,
    .u16 = range_u16,
    .u32 = range_u32,
    .u64 = range_u64,
    .codes = codes_8,
    .gap = gap_64,
};

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

AVX2
static inline __m256i
load(const void *at)
{
    return _mm256_loadu_si256((const __m256i *)at);
}

/* All ones in each lane that is in the range: a <= b is min(a, b) = a, for unsigned numbers. */
AVX2
static inline __m256i
inside_8(const uint8_t *values, __m256i low, __m256i span)
{
    __m256i offset = _mm256_sub_epi8(load(values), low);
    return _mm256_cmpeq_epi8(_mm256_min_epu8(offset, span), offset);
}

AVX2
static inline __m256i
inside_16(const uint16_t *values, __m256i low, __m256i span)
{
    __m256i offset = _mm256_sub_epi16(load(values), low);
    return _mm256_cmpeq_epi16(_mm256_min_epu16(offset, span), offset);
}

AVX2
static inline __m256i
inside_32(const uint32_t *values, __m256i low, __m256i span)
{
    __m256i offset = _mm256_sub_epi32(load(values), low);
    return _mm256_cmpeq_epi32(_mm256_min_epu32(offset, span), offset);
}

/* Bits of 32 lanes of 16 bits. A pack takes its operands by halves: the middle quarters change
 * places afterwards. */
AVX2
static inline uint64_t
bits_of_16(__m256i first, __m256i second)
{
    __m256i bytes = _mm256_permute4x64_epi64(_mm256_packs_epi16(first, second), 0xd8);
    return (uint32_t)_mm256_movemask_epi8(bytes);
}

/* Bits of 32 values of 32 bits: packed twice, quarters of eight lie where their halves do. */
AVX2
static inline uint64_t
bits_of_32(const uint32_t *values, __m256i low, __m256i span)
{
    __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i first =
        _mm256_packs_epi32(inside_32(values, low, span), inside_32(values + 8, low, span));
    __m256i second =
        _mm256_packs_epi32(inside_32(values + 16, low, span), inside_32(values + 24, low, span));
    __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(first, second), order);
    return (uint32_t)_mm256_movemask_epi8(bytes);
}

AVX2
static void
wide_u8(const uint8_t *values, uint32_t count, uint8_t low, uint8_t span, uint64_t *truth)
{
    uint32_t whole = count - count % 64;
    __m256i lows = _mm256_set1_epi8((char)low), spans = _mm256_set1_epi8((char)span);
    for (uint32_t row = 0; row < whole; row += 64) {
        uint32_t first = (uint32_t)_mm256_movemask_epi8(inside_8(&values[row], lows, spans));
        uint32_t second = (uint32_t)_mm256_movemask_epi8(inside_8(&values[row + 32], lows, spans));
        truth[row / 64] = first | (uint64_t)second << 32;
    }
    range_u8(&values[whole], count - whole, low, span, &truth[whole / 64]);
}

AVX2
static void
wide_u16(const uint16_t *values, uint32_t count, uint16_t low, uint16_t span, uint64_t *truth)
{
    uint32_t whole = count - count % 64;
    __m256i lows = _mm256_set1_epi16((short)low), spans = _mm256_set1_epi16((short)span);
    for (uint32_t row = 0; row < whole; row += 64) {
        uint64_t word = 0;
        for (uint32_t lane = 0; lane < 64; lane += 32)
            word |= bits_of_16(inside_16(&values[row + lane], lows, spans),
                               inside_16(&values[row + lane + 16], lows, spans))
                    << lane;
        truth[row / 64] = word;
    }
    range_u16(&values[whole], count - whole, low, span, &truth[whole / 64]);
}

AVX2
static void
wide_u32(const uint32_t *values, uint32_t count, uint32_t low, uint32_t span, uint64_t *truth)
{
    uint32_t whole = count - count % 64;
    __m256i lows = _mm256_set1_epi32((int)low), spans = _mm256_set1_epi32((int)span);
    for (uint32_t row = 0; row < whole; row += 64)
        truth[row / 64] = bits_of_32(&values[row], lows, spans) |
                          bits_of_32(&values[row + 32], lows, spans) << 32;
    range_u32(&values[whole], count - whole, low, span, &truth[whole / 64]);
}

/* There is no unsigned minimum of 64 bits: with the sign bits flipped, signed order is theirs. */
AVX2
static void
wide_u64(const uint64_t *values, uint32_t count, uint64_t low, uint64_t span, uint64_t *truth)
{
    uint32_t whole = count - count % 64;
    __m256i lows = _mm256_set1_epi64x((long long)low);
    __m256i sign = _mm256_set1_epi64x(INT64_MIN);
    __m256i spans = _mm256_xor_si256(_mm256_set1_epi64x((long long)span), sign);
    for (uint32_t row = 0; row < whole; row += 64) {
        uint64_t beyond = 0;
        for (uint32_t lane = 0; lane < 64; lane += 4) {
            __m256i offset = _mm256_sub_epi64(load(&values[row + lane]), lows);
            __m256i greater = _mm256_cmpgt_epi64(_mm256_xor_si256(offset, sign), spans);
            beyond |= (uint64_t)(uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(greater)) << lane;
        }
        truth[row / 64] = ~beyond;
    }
    range_u64(&values[whole], count - whole, low, span, &truth[whole / 64]);
}

/* A byte for each row, then a bit: to shift bits together one by one is three times as slow. */
AVX2
static void
wide_codes(const uint32_t *codes, uint32_t count, const uint8_t *is_true, uint64_t *truth)
{
    uint32_t whole = count - count % 64;
    uint8_t bytes[64];
    for (uint32_t row = 0; row < whole; row += 64) {
        for (uint32_t lane = 0; lane < 64; lane++)
            bytes[lane] = is_true[codes[row + lane]];
        uint32_t first = (uint32_t)_mm256_movemask_epi8(load(bytes));
        uint32_t second = (uint32_t)_mm256_movemask_epi8(load(&bytes[32]));
        truth[row / 64] = first | (uint64_t)second << 32;
    }
    codes_8(&codes[whole], count - whole, is_true, &truth[whole / 64]);
}

AVX2
static bool
wide_gap(const int64_t *from, const int64_t *to, uint32_t count, int64_t least, uint64_t *truth)
{
    uint32_t whole = count - count % 64;
    __m256i leasts = _mm256_set1_epi64x(least);
    __m256i far = _mm256_setzero_si256();
    for (uint32_t row = 0; row < whole; row += 64) {
        uint64_t below = 0;
        for (uint32_t lane = 0; lane < 64; lane += 4) {
            __m256i begin = load(&from[row + lane]);
            __m256i end = load(&to[row + lane]);
            far = _mm256_or_si256(far, _mm256_xor_si256(begin, _mm256_slli_epi64(begin, 1)));
            far = _mm256_or_si256(far, _mm256_xor_si256(end, _mm256_slli_epi64(end, 1)));
            __m256i less = _mm256_cmpgt_epi64(leasts, _mm256_sub_epi64(end, begin));
            below |= (uint64_t)(uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(less)) << lane;
        }
        truth[row / 64] = ~below;
    }
    bool is_near = _mm256_movemask_pd(_mm256_castsi256_pd(far)) == 0;
    return gap_64(&from[whole], &to[whole], count - whole, least, &truth[whole / 64]) && is_near;
}

static const struct sl_range_kernels wide = {
    .u8 = wide_u8,
    .u16 = wide_u16,
    .u32 = wide_u32,
    .u64 = wide_u64,
    .codes = wide_codes,
    .gap = wide_gap,
};

const struct sl_range_kernels *
sl_range_kernels_best(void)
{
    return __builtin_cpu_supports("avx2") ? &wide : &sl_range_kernels_scalar;
}

#else

const struct sl_range_kernels *
sl_range_kernels_best(void)
{
    return &sl_range_kernels_scalar;
}

#endif
