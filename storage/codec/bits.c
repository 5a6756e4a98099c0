/*
 * bits.c - see bits.h.
 *
 * Why horizontal packing (neighbours side by side) and not the interleaved kind: a reader then
 * starts at any value, the tail of a short mini needs no padding, and with a byte shuffle the
 * two are equally fast.
 */
#include "storage/codec/bits.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are written as they lie");

/* Bits on their way into memory, low first. */
struct sink {
    uint8_t *bytes;
    uint64_t pending;
    unsigned used; /* of `pending`: below 64 */
};

/* Append the `width` bits of a value, 1 .. 64, which has no others. */
static inline void
put(struct sink *sink, uint64_t value, unsigned width)
{
    sink->pending |= value << sink->used;
    sink->used += width;
    if (sink->used >= 64) {
        memcpy(sink->bytes, &sink->pending, 8);
        sink->bytes += 8;
        sink->used -= 64;
        /* What did not fit; a shift by the full width would be undefined. */
        sink->pending = sink->used == 0 ? 0 : value >> (width - sink->used);
    }
}

void
sl_bits_write(const uint64_t *values, size_t count, uint64_t base, unsigned width, uint8_t *bytes)
{
    uint64_t mask = sl_bits_mask(width);
    struct sink sink = {.bytes = bytes};
    size_t i = 0;

    if (width == 0)
        return;
    /* Narrow values are joined first: each that is put waits for the one before. */
    for (; width <= 16 && i + 4 <= count; i += 4) {
        uint64_t high = ((values[i + 3] - base) & mask) << width | ((values[i + 2] - base) & mask);
        uint64_t low = ((values[i + 1] - base) & mask) << width | ((values[i] - base) & mask);
        put(&sink, high << 2 * width | low, 4 * width);
    }
    for (; width <= 32 && i + 2 <= count; i += 2)
        put(&sink, ((values[i + 1] - base) & mask) << width | ((values[i] - base) & mask),
            2 * width);
    for (; i < count; i++)
        put(&sink, (values[i] - base) & mask, width);
    memcpy(sink.bytes, &sink.pending, (sink.used + 7) / 8);
}

/* The `width` bits that begin at bit `at`; reads only bytes they lie in. */
static uint64_t
read_one(const uint8_t *bytes, size_t at, unsigned width)
{
    size_t first = at / 8;
    size_t last = (at + width - 1) / 8;
    uint64_t low = 0;
    uint64_t high = 0;
    memcpy(&low, &bytes[first], sl_min_size(last - first + 1, 8));
    if (last - first == 8)
        high = bytes[last];
    unsigned shift = at % 8;
    uint64_t value = low >> shift;
    if (shift != 0)
        value |= high << (64 - shift);
    return value & sl_bits_mask(width);
}

uint64_t
sl_bits_read_at(const uint8_t *bytes, size_t readable_bytes, size_t index, unsigned width)
{
    size_t at = index * width;
    uint64_t word;
    if (width == 0)
        return 0;
    if (width > 57 || at / 8 + 8 > readable_bytes)
        return read_one(bytes, at, width);
    memcpy(&word, &bytes[at / 8], 8);
    return word >> (at % 8) & sl_bits_mask(width);
}

/* Values [first, count): whole words while they can be read, byte by byte at the end. */
static void
read_from(const uint8_t *bytes, size_t readable_bytes, size_t first, size_t count, uint64_t base,
          unsigned width, uint64_t *values)
{
    uint64_t mask = sl_bits_mask(width);
    size_t at = first * width;
    size_t i = first;
    if (width == 64) {
        for (; i < count; i++) {
            uint64_t word;
            memcpy(&word, &bytes[i * 8], 8);
            values[i] = base + word;
        }
    } else if (width <= 57) {
        for (; i < count && at / 8 + 8 <= readable_bytes; i++, at += width) {
            uint64_t word;
            memcpy(&word, &bytes[at / 8], 8);
            values[i] = base + (word >> (at % 8) & mask);
        }
    }
    for (; i < count; i++, at += width)
        values[i] = base + read_one(bytes, at, width);
}

void
sl_bits_read_scalar(const uint8_t *bytes, size_t readable_bytes, size_t count, uint64_t base,
                    unsigned width, uint64_t *values)
{
    SL_DEBUG_ASSERT(readable_bytes >= sl_bits_bytes(count, width));
    if (width == 0) {
        for (size_t i = 0; i < count; i++)
            values[i] = base;
        return;
    }
    read_from(bytes, readable_bytes, 0, count, base, width, values);
}

/* Loops that are the same source for every CPU: a compiler makes wide instructions of them where it
 * may. */

__attribute__((always_inline)) static inline void
scale(const uint32_t *codes, size_t count, uint64_t base, uint64_t step, uint64_t *values)
{
    uint32_t narrow_step = (uint32_t)step;
    if (step == narrow_step) /* a product of 32 bits each is one instruction */
        for (size_t i = 0; i < count; i++)
            values[i] = base + (uint64_t)codes[i] * narrow_step;
    else
        for (size_t i = 0; i < count; i++)
            values[i] = base + codes[i] * step;
}

__attribute__((always_inline)) static inline void
scale_u32(uint32_t *values, size_t count, uint32_t base, uint32_t step)
{
    for (size_t i = 0; i < count; i++)
        values[i] = base + values[i] * step;
}

__attribute__((always_inline)) static inline void
join(const uint8_t *bytes, size_t stride, unsigned planes, size_t count, uint32_t *values)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t value = bytes[i];
        for (unsigned plane = 1; plane < planes; plane++)
            value |= (uint32_t)bytes[plane * stride + i] << (8 * plane);
        values[i] = value;
    }
}

__attribute__((always_inline)) static inline void
join_any(const uint8_t *bytes, size_t stride, unsigned planes, size_t count, uint32_t *values)
{
    switch (planes) { /* a loop of its own for each number */
    case 1:
        join(bytes, stride, 1, count, values);
        break;
    case 2:
        join(bytes, stride, 2, count, values);
        break;
    case 3:
        join(bytes, stride, 3, count, values);
        break;
    default:
        join(bytes, stride, 4, count, values);
        break;
    }
}

void
sl_bits_range_scalar(const uint64_t *values, size_t count, uint64_t *out_min, uint64_t *out_max)
{
    SL_ASSERT(count > 0);
    uint64_t min = values[0];
    uint64_t max = values[0];
    for (size_t i = 1; i < count; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    *out_min = min;
    *out_max = max;
}

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>

#define AVX2 __attribute__((target("avx2,lzcnt")))

/*
 * Eight values of up to 25 bits take `width` bytes. Each half of a register loads 16 bytes that
 * hold four of them, a shuffle gives each the four bytes it lies in (25 bits and a phase of 7
 * are 32), a shift for each lane takes the phase out.
 */
struct eight {
    __m256i order, phase, mask;
    size_t second; /* byte in which value 4 begins */
};

AVX2
static inline struct eight
eight_of(unsigned width)
{
    uint8_t shuffle[32];
    uint32_t shift[8];
    size_t second = 4 * (size_t)width / 8;
    for (unsigned lane = 0; lane < 8; lane++) {
        unsigned at = lane * width - (lane < 4 ? 0 : (unsigned)second * 8);
        shift[lane] = at % 8;
        for (unsigned byte = 0; byte < 4; byte++)
            shuffle[lane * 4 + byte] = (uint8_t)(at / 8 + byte);
    }
    return (struct eight){
        .order = _mm256_loadu_si256((const __m256i *)shuffle),
        .phase = _mm256_loadu_si256((const __m256i *)shift),
        .mask = _mm256_set1_epi32((int)sl_bits_mask(width)),
        .second = second,
    };
}

AVX2
static inline __m256i
read_eight(const struct eight *eight, const uint8_t *bytes)
{
    __m256i raw =
        _mm256_loadu2_m128i((const __m128i_u *)&bytes[eight->second], (const __m128i_u *)bytes);
    __m256i lanes = _mm256_srlv_epi32(_mm256_shuffle_epi8(raw, eight->order), eight->phase);
    return _mm256_and_si256(lanes, eight->mask);
}

AVX2
static size_t
read_u32(const uint8_t *bytes, size_t readable_bytes, size_t count, unsigned width,
         uint32_t *values)
{
    const struct eight eight = eight_of(width);
    size_t done = 0;
    for (size_t at = 0; done + 8 <= count && at + eight.second + 16 <= readable_bytes;
         done += 8, at += width)
        _mm256_storeu_si256((__m256i *)&values[done], read_eight(&eight, &bytes[at]));
    return done;
}

AVX2
static size_t
read_narrow(const uint8_t *bytes, size_t readable_bytes, size_t count, uint64_t base,
            unsigned width, uint64_t *values)
{
    const struct eight eight = eight_of(width);
    __m256i add = _mm256_set1_epi64x((long long)base);
    size_t done = 0;
    for (size_t at = 0; done + 8 <= count && at + eight.second + 16 <= readable_bytes;
         done += 8, at += width) {
        __m256i codes = read_eight(&eight, &bytes[at]);
        __m256i low = _mm256_cvtepu32_epi64(_mm256_castsi256_si128(codes));
        __m256i high = _mm256_cvtepu32_epi64(_mm256_extracti128_si256(codes, 1));
        _mm256_storeu_si256((__m256i *)&values[done], _mm256_add_epi64(low, add));
        _mm256_storeu_si256((__m256i *)&values[done + 4], _mm256_add_epi64(high, add));
    }
    return done;
}

/* The same for 26 .. 57 bits: two values in each half, eight bytes for each. */
AVX2
static size_t
read_wide(const uint8_t *bytes, size_t readable_bytes, size_t count, uint64_t base, unsigned width,
          uint64_t *values)
{
    uint8_t shuffle[64];
    uint64_t shift[8];
    size_t start[4]; /* byte in which values 0, 2, 4, 6 begin */
    for (unsigned lane = 0; lane < 8; lane++) {
        unsigned first = lane / 2;
        start[first] = (size_t)lane / 2 * 2 * width / 8;
        unsigned at = lane * width - (unsigned)start[first] * 8;
        shift[lane] = at % 8;
        for (unsigned byte = 0; byte < 8; byte++)
            shuffle[lane * 8 + byte] = (uint8_t)(at / 8 + byte);
    }
    __m256i order_low = _mm256_loadu_si256((const __m256i *)shuffle);
    __m256i order_high = _mm256_loadu_si256((const __m256i *)&shuffle[32]);
    __m256i phase_low = _mm256_loadu_si256((const __m256i *)shift);
    __m256i phase_high = _mm256_loadu_si256((const __m256i *)&shift[4]);
    __m256i mask = _mm256_set1_epi64x((long long)sl_bits_mask(width));
    __m256i add = _mm256_set1_epi64x((long long)base);

    size_t done = 0;
    for (size_t at = 0; done + 8 <= count && at + start[3] + 16 <= readable_bytes;
         done += 8, at += width) {
        __m256i low = _mm256_loadu2_m128i((const __m128i_u *)&bytes[at + start[1]],
                                          (const __m128i_u *)&bytes[at]);
        __m256i high = _mm256_loadu2_m128i((const __m128i_u *)&bytes[at + start[3]],
                                           (const __m128i_u *)&bytes[at + start[2]]);
        low = _mm256_srlv_epi64(_mm256_shuffle_epi8(low, order_low), phase_low);
        high = _mm256_srlv_epi64(_mm256_shuffle_epi8(high, order_high), phase_high);
        low = _mm256_add_epi64(_mm256_and_si256(low, mask), add);
        high = _mm256_add_epi64(_mm256_and_si256(high, mask), add);
        _mm256_storeu_si256((__m256i *)&values[done], low);
        _mm256_storeu_si256((__m256i *)&values[done + 4], high);
    }
    return done;
}

AVX2
static void
scale_wide(const uint32_t *codes, size_t count, uint64_t base, uint64_t step, uint64_t *values)
{
    scale(codes, count, base, step, values);
}

AVX2
static void
scale_u32_wide(uint32_t *values, size_t count, uint32_t base, uint32_t step)
{
    scale_u32(values, count, base, step);
}

AVX2
static void
join_wide(const uint8_t *bytes, size_t stride, unsigned planes, size_t count, uint32_t *values)
{
    join_any(bytes, stride, planes, count, values);
}

AVX2
static void
histogram_lzcnt(const uint64_t *values, size_t count, uint64_t base, uint32_t counts[65])
{
    /* Four tables, so that equal neighbours do not wait for each other's store. */
    uint32_t table[4][65] = {{0}};
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (size_t lane = 0; lane < 4; lane++)
            table[lane][64 - _lzcnt_u64(values[i + lane] - base)]++;
    for (; i < count; i++)
        table[0][64 - _lzcnt_u64(values[i] - base)]++;
    for (size_t w = 0; w <= 64; w++)
        counts[w] += table[0][w] + table[1][w] + table[2][w] + table[3][w];
}

/* Unsigned 64-bit numbers with their top bit flipped compare as signed ones. */
AVX2
static void
range_wide(const uint64_t *values, size_t count, uint64_t *out_min, uint64_t *out_max)
{
    enum { LANES = 8 };
    const __m256i flip = _mm256_set1_epi64x(INT64_MIN);
    __m256i min[2];
    __m256i max[2];
    for (size_t k = 0; k < 2; k++)
        min[k] = max[k] =
            _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)&values[4 * k]), flip);
    size_t i = LANES;
    for (; i + LANES <= count; i += LANES)
        for (size_t k = 0; k < 2; k++) {
            __m256i v =
                _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)&values[i + 4 * k]), flip);
            min[k] = _mm256_blendv_epi8(min[k], v, _mm256_cmpgt_epi64(min[k], v));
            max[k] = _mm256_blendv_epi8(max[k], v, _mm256_cmpgt_epi64(v, max[k]));
        }
    uint64_t lanes[2 * LANES];
    for (size_t k = 0; k < 2; k++) {
        _mm256_storeu_si256((__m256i *)&lanes[4 * k], _mm256_xor_si256(min[k], flip));
        _mm256_storeu_si256((__m256i *)&lanes[LANES + 4 * k], _mm256_xor_si256(max[k], flip));
    }
    uint64_t unused;
    sl_bits_range_scalar(lanes, LANES, out_min, &unused);
    sl_bits_range_scalar(&lanes[LANES], LANES, &unused, out_max);
    for (; i < count; i++) {
        *out_min = values[i] < *out_min ? values[i] : *out_min;
        *out_max = values[i] > *out_max ? values[i] : *out_max;
    }
}

/*
 * Asked of the CPU once: cpuid is slow under a hypervisor. Any thread may find the answer first;
 * all find the same one, and nothing else depends on it, so relaxed order will do. LZCNT is asked
 * for by its bit, because a CPU without it quietly runs another instruction in its place.
 */
static bool
has_avx2(void)
{
    enum { UNKNOWN, ABSENT, PRESENT };
    static _Atomic int answer = UNKNOWN;
    int known = atomic_load_explicit(&answer, memory_order_relaxed);
    if (SL_LIKELY(known != UNKNOWN))
        return known == PRESENT;
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    bool has_lzcnt = __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && (ecx & bit_LZCNT);
    known = has_lzcnt && __builtin_cpu_supports("avx2") ? PRESENT : ABSENT;
    atomic_store_explicit(&answer, known, memory_order_relaxed);
    return known == PRESENT;
}

#endif

void
sl_bits_range(const uint64_t *values, size_t count, uint64_t *out_min, uint64_t *out_max)
{
#if defined(__x86_64__)
    if (count >= 64 && has_avx2()) {
        range_wide(values, count, out_min, out_max);
        return;
    }
#endif
    sl_bits_range_scalar(values, count, out_min, out_max);
}

void
sl_bits_read(const uint8_t *bytes, size_t readable_bytes, size_t count, uint64_t base,
             unsigned width, uint64_t *values)
{
#if defined(__x86_64__)
    if (width >= 1 && width <= 57 && has_avx2()) {
        size_t done = width <= 25 ? read_narrow(bytes, readable_bytes, count, base, width, values)
                                  : read_wide(bytes, readable_bytes, count, base, width, values);
        read_from(bytes, readable_bytes, done, count, base, width, values);
        return;
    }
#endif
    sl_bits_read_scalar(bytes, readable_bytes, count, base, width, values);
}

void
sl_bits_read_u32(const uint8_t *bytes, size_t readable_bytes, size_t count, unsigned width,
                 uint32_t *values)
{
    size_t done = 0;
    SL_DEBUG_ASSERT(width <= 32);
#if defined(__x86_64__)
    if (width >= 1 && width <= 25 && has_avx2())
        done = read_u32(bytes, readable_bytes, count, width, values);
#endif
    for (size_t i = done; i < count; i++)
        values[i] = (uint32_t)sl_bits_read_at(bytes, readable_bytes, i, width);
}

void
sl_bits_scale(const uint32_t *codes, size_t count, uint64_t base, uint64_t step, uint64_t *values)
{
#if defined(__x86_64__)
    if (has_avx2()) {
        scale_wide(codes, count, base, step, values);
        return;
    }
#endif
    scale(codes, count, base, step, values);
}

void
sl_bits_scale_u32(uint32_t *values, size_t count, uint32_t base, uint32_t step)
{
#if defined(__x86_64__)
    if (has_avx2()) {
        scale_u32_wide(values, count, base, step);
        return;
    }
#endif
    scale_u32(values, count, base, step);
}

void
sl_bits_join(const uint8_t *bytes, size_t stride, unsigned planes, size_t count, uint32_t *values)
{
    SL_DEBUG_ASSERT(planes >= 1 && planes <= 4);
#if defined(__x86_64__)
    if (has_avx2()) {
        join_wide(bytes, stride, planes, count, values);
        return;
    }
#endif
    join_any(bytes, stride, planes, count, values);
}

void
sl_bits_histogram(const uint64_t *values, size_t count, uint64_t base, uint32_t counts[65])
{
#if defined(__x86_64__)
    if (has_avx2()) {
        histogram_lzcnt(values, count, base, counts);
        return;
    }
#endif
    for (size_t i = 0; i < count; i++)
        counts[sl_bits_width(values[i] - base)]++;
}
