/*
 * segment_kernel.c - see segment_kernel.h.
 */
#include "storage/segment/segment_kernel.h"

static uint32_t
max_u32(const uint32_t *values, uint32_t count)
{
    uint32_t max = 0;
    for (uint32_t i = 0; i < count; i++)
        max = values[i] > max ? values[i] : max;
    return max;
}

static void
to_u16(const uint32_t *values, uint32_t count, uint16_t *out)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = (uint16_t)values[i];
}

static void
to_u8(const uint32_t *values, uint32_t count, uint8_t *out)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = (uint8_t)values[i];
}

static void
select_rows(const uint32_t *sides, const uint32_t *left, const uint32_t *right, uint32_t count,
            uint32_t *out)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t is_right = 0 - (uint32_t)(sides[i] != 0);
        out[i] = (left[i] & ~is_right) | (right[i] & is_right);
    }
}

static void
spread_u32(const uint64_t *answers, uint32_t count, const uint32_t *leads,
           const uint32_t *differences, uint32_t *out)
{
    for (uint32_t i = 0; i < count; i++) {
        bool is_answer = sl_bit_get(answers, i);
        leads += !is_answer;
        out[i] = leads[-1];
        if (is_answer && differences != NULL)
            out[i] += sl_segment_unzigzag_narrow(*differences++);
    }
}

static void
spread_u64(const uint64_t *answers, uint32_t count, const uint64_t *leads,
           const uint64_t *differences, uint64_t *out)
{
    for (uint32_t i = 0; i < count; i++) {
        bool is_answer = sl_bit_get(answers, i);
        leads += !is_answer;
        out[i] = leads[-1];
        if (is_answer && differences != NULL)
            out[i] += sl_segment_unzigzag_wide(*differences++);
    }
}

const struct sl_segment_kernels sl_segment_kernels_scalar = {
    .max_u32 = max_u32,
    .to_u16 = to_u16,
    .to_u8 = to_u8,
    .select = select_rows,
    .spread_u32 = spread_u32,
    .spread_u64 = spread_u64,
};

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

AVX2
static inline __m256i
load(const uint32_t *values)
{
    return _mm256_loadu_si256((const __m256i *)values);
}

AVX2
static uint32_t
max_u32_wide(const uint32_t *values, uint32_t count)
{
    uint32_t lanes[8];
    __m256i first = _mm256_setzero_si256();
    __m256i second = first;
    uint32_t i = 0;
    for (; i + 16 <= count; i += 16) {
        first = _mm256_max_epu32(first, load(&values[i]));
        second = _mm256_max_epu32(second, load(&values[i + 8]));
    }
    _mm256_storeu_si256((__m256i *)lanes, _mm256_max_epu32(first, second));
    uint32_t max = max_u32(lanes, 8);
    uint32_t rest = max_u32(&values[i], count - i);
    return max > rest ? max : rest;
}

/* Sixteen values as so many of 16 bits. A pack takes its operands by halves: the middle quarters
 * change places afterwards. */
AVX2
static inline __m256i
pack_16(const uint32_t *values)
{
    const __m256i mask = _mm256_set1_epi32(UINT16_MAX);
    __m256i first = _mm256_and_si256(load(values), mask);
    __m256i second = _mm256_and_si256(load(values + 8), mask);
    return _mm256_permute4x64_epi64(_mm256_packus_epi32(first, second), 0xd8);
}

AVX2
static void
to_u16_wide(const uint32_t *values, uint32_t count, uint16_t *out)
{
    uint32_t i = 0;
    for (; i + 16 <= count; i += 16)
        _mm256_storeu_si256((__m256i *)&out[i], pack_16(&values[i]));
    to_u16(&values[i], count - i, &out[i]);
}

AVX2
static void
to_u8_wide(const uint32_t *values, uint32_t count, uint8_t *out)
{
    const __m256i mask = _mm256_set1_epi16(UINT8_MAX);
    uint32_t i = 0;
    for (; i + 32 <= count; i += 32) {
        __m256i first = _mm256_and_si256(pack_16(&values[i]), mask);
        __m256i second = _mm256_and_si256(pack_16(&values[i + 16]), mask);
        __m256i bytes = _mm256_permute4x64_epi64(_mm256_packus_epi16(first, second), 0xd8);
        _mm256_storeu_si256((__m256i *)&out[i], bytes);
    }
    to_u8(&values[i], count - i, &out[i]);
}

AVX2
static void
select_rows_wide(const uint32_t *sides, const uint32_t *left, const uint32_t *right, uint32_t count,
                 uint32_t *out)
{
    const __m256i zero = _mm256_setzero_si256();
    uint32_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256i is_left = _mm256_cmpeq_epi32(load(&sides[i]), zero);
        _mm256_storeu_si256((__m256i *)&out[i],
                            _mm256_blendv_epi8(load(&right[i]), load(&left[i]), is_left));
    }
    select_rows(&sides[i], &left[i], &right[i], count - i, &out[i]);
}

#define EACH_BYTE UINT64_C(0x0101010101010101)

/* Eight rows, a byte for each. */
struct step {
    uint64_t is_answer; /* 1 or 0 */
    uint64_t lead;      /* of the row: its number among those from the first row's on */
    uint64_t answer;    /* answers in front of the row */
    uint32_t answer_count;
    uint32_t first; /* the first row is an answer: 1, else 0 */
};

static inline struct step
step_of(uint64_t bits)
{
    struct step step;
    uint64_t lanes = ((bits & 0xff) * EACH_BYTE) & UINT64_C(0x8040201008040201);
    step.is_answer = ((lanes + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7) & EACH_BYTE;
    uint64_t inclusive = step.is_answer * EACH_BYTE;
    step.first = bits & 1;
    step.answer = inclusive - step.is_answer;
    step.lead = UINT64_C(0x0706050403020100) + step.first * EACH_BYTE - inclusive;
    step.answer_count = (uint32_t)(inclusive >> 56);
    return step;
}

AVX2
static inline __m256i
lanes_of(uint64_t bytes)
{
    return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)bytes));
}

/* Byte i of the low four as the number of a lane of 64 bits, for a permutation of such of 32. */
AVX2
static inline __m256i
wide_lanes_of(uint64_t bytes)
{
    __m256i lanes = _mm256_cvtepu8_epi64(_mm_cvtsi64_si128((long long)bytes));
    __m256i low = _mm256_slli_epi64(lanes, 1);
    __m256i high = _mm256_slli_epi64(lanes, 33);
    return _mm256_or_si256(_mm256_or_si256(low, high), _mm256_set1_epi64x((long long)1 << 32));
}

AVX2
static void
spread_u32_wide(const uint64_t *answers, uint32_t count, const uint32_t *leads,
                const uint32_t *differences, uint32_t *out)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i one = _mm256_set1_epi32(1);
    uint32_t i = 0;
    for (; i + 8 <= count; i += 8) {
        struct step step = step_of(answers[i / 64] >> (i % 64));
        __m256i from = _mm256_loadu_si256((const __m256i *)(leads - step.first));
        __m256i values = _mm256_permutevar8x32_epi32(from, lanes_of(step.lead));
        if (differences != NULL) {
            __m256i code = _mm256_loadu_si256((const __m256i *)differences);
            code = _mm256_permutevar8x32_epi32(code, lanes_of(step.answer));
            __m256i sign = _mm256_sub_epi32(zero, _mm256_and_si256(code, one));
            __m256i difference = _mm256_xor_si256(_mm256_srli_epi32(code, 1), sign);
            __m256i is_answer = _mm256_sub_epi32(zero, lanes_of(step.is_answer));
            values = _mm256_add_epi32(values, _mm256_and_si256(difference, is_answer));
            differences += step.answer_count;
        }
        _mm256_storeu_si256((__m256i *)&out[i], values);
        leads += 8 - step.answer_count;
    }
    uint64_t rest = i < count ? answers[i / 64] >> (i % 64) : 0;
    spread_u32(&rest, count - i, leads, differences, &out[i]);
}

/* Four rows at `from`, by the numbers of their lanes. */
AVX2
static inline __m256i
gather_wide(const uint64_t *from, uint64_t bytes)
{
    __m256i four = _mm256_loadu_si256((const __m256i *)from);
    return _mm256_permutevar8x32_epi32(four, wide_lanes_of(bytes));
}

AVX2
static void
spread_u64_wide(const uint64_t *answers, uint32_t count, const uint64_t *leads,
                const uint64_t *differences, uint64_t *out)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i one = _mm256_set1_epi64x(1);
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) {
        struct step step = step_of(answers[i / 64] >> (i % 64) & 0xf);
        __m256i values = gather_wide(leads - step.first, step.lead);
        if (differences != NULL) {
            __m256i code = gather_wide(differences, step.answer);
            __m256i sign = _mm256_sub_epi64(zero, _mm256_and_si256(code, one));
            __m256i difference = _mm256_xor_si256(_mm256_srli_epi64(code, 1), sign);
            __m256i is_answer = _mm256_cvtepu8_epi64(_mm_cvtsi64_si128((long long)step.is_answer));
            is_answer = _mm256_sub_epi64(zero, is_answer);
            values = _mm256_add_epi64(values, _mm256_and_si256(difference, is_answer));
            differences += step.answer_count;
        }
        _mm256_storeu_si256((__m256i *)&out[i], values);
        leads += 4 - step.answer_count;
    }
    uint64_t rest = i < count ? answers[i / 64] >> (i % 64) : 0;
    spread_u64(&rest, count - i, leads, differences, &out[i]);
}

static const struct sl_segment_kernels wide = {
    .max_u32 = max_u32_wide,
    .to_u16 = to_u16_wide,
    .to_u8 = to_u8_wide,
    .select = select_rows_wide,
    .spread_u32 = spread_u32_wide,
    .spread_u64 = spread_u64_wide,
};

const struct sl_segment_kernels *
sl_segment_kernels_best(void)
{
    return __builtin_cpu_supports("avx2") ? &wide : &sl_segment_kernels_scalar;
}

#else

const struct sl_segment_kernels *
sl_segment_kernels_best(void)
{
    return &sl_segment_kernels_scalar;
}

#endif
