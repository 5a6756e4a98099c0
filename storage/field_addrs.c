/*
 * field_addrs.c - see field_addrs.h.
 */
#include "storage/field_addrs.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { BYTES_MIN = 7, BYTES_MAX = 15 }; /* "1.1.1.1", "255.255.255.255" */

_Static_assert((int)BYTES_MAX < (int)SL_CELLS_PADDING_BYTES, "16 bytes of a cell are readable");

/* One of four parts and the character behind it: 1 to 3 digits, at most 255. */
static inline uint32_t
take_octet(const char **text, uint32_t *bad)
{
    uint32_t word;
    memcpy(&word, *text, sizeof(word));
    word ^= 0x30303030;
    /* A byte that is no digit. A carry only comes from such a byte, and the first one counts. */
    uint32_t ends = ((word + 0x76767676) | word) & 0x80808080;
    uint32_t digits = (uint32_t)__builtin_ctz(ends | 1U << 31) / 8;
    *bad |= (ends == 0) | (digits == 0);
    word = (uint32_t)((uint64_t)word << (32 - 8 * digits));
    uint32_t octet = (word >> 24) + 10 * (word >> 16 & 255) + 100 * (word >> 8 & 255);
    *bad |= octet > 255;
    *text += digits + 1;
    return octet;
}

uint32_t
sl_field_addrs_scalar(const struct sl_cells *cells, bool is_none, struct sl_addr *addrs)
{
    uint32_t i = 0;
    for (; i < cells->count; i++) {
        uint32_t size_bytes;
        uint32_t bad = 0;
        uint32_t addr = 0;
        const char *text = sl_cells_at(cells, i, &size_bytes);
        const char *at = text;
        if (size_bytes - BYTES_MIN > BYTES_MAX - BYTES_MIN)
            break;
        for (unsigned part = 0; part < 4; part++) {
            addr = addr << 8 | take_octet(&at, &bad);
            bad |= part != 3 && at[-1] != '.';
        }
        if (bad != 0 || at != text + size_bytes + 1 || (addr == 0 && is_none))
            break;
        addrs[i] = sl_addr_from_v4(addr);
    }
    return i;
}

#if defined(__x86_64__)

#define AVX2 __attribute__((target("avx2,bmi,popcnt")))

/*
 * Each number goes to four bytes, its last digit to the last one: the shuffle of byte j of number k
 * is end[k] - 4 + j, or none before start[k]. Weights of 100, 10 and 1 and two additions of
 * neighbours make four numbers of them.
 */
AVX2
static inline bool
parse_wide(const char *text, uint32_t size_bytes, uint32_t *out_addr)
{
    const __m128i spread = _mm_setr_epi8(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    const __m128i back =
        _mm_setr_epi8(-4, -3, -2, -1, -4, -3, -2, -1, -4, -3, -2, -1, -4, -3, -2, -1);
    const __m128i weights =
        _mm_setr_epi8(0, 100, 10, 1, 0, 100, 10, 1, 0, 100, 10, 1, 0, 100, 10, 1);
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)text);
    uint32_t points = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('.')));
    points &= (1U << size_bytes) - 1;
    if (__builtin_popcount(points) != 3)
        return false;
    uint32_t ends = (uint32_t)__builtin_ctz(points);
    points &= points - 1;
    ends |= (uint32_t)__builtin_ctz(points) << 8;
    points &= points - 1;
    ends |= (uint32_t)__builtin_ctz(points) << 16 | size_bytes << 24;
    uint32_t starts = (ends << 8) + 0x01010100;
    /* 1 to 3 digits: no borrow, for no number ends before it starts. */
    uint32_t digits = ends - starts;
    if (((digits | (digits + 0x7c7c7c7c)) & 0x80808080) != 0 ||
        ((digits - 0x01010101) & 0x80808080) != 0)
        return false;
    __m128i places = _mm_add_epi8(_mm_shuffle_epi8(_mm_cvtsi32_si128((int)ends), spread), back);
    __m128i firsts = _mm_shuffle_epi8(_mm_cvtsi32_si128((int)starts), spread);
    places = _mm_or_si128(places, _mm_cmpgt_epi8(firsts, places));
    __m128i values = _mm_shuffle_epi8(_mm_xor_si128(bytes, _mm_set1_epi8('0')), places);
    __m128i pairs = _mm_maddubs_epi16(values, weights);
    __m128i numbers = _mm_madd_epi16(pairs, _mm_set1_epi16(1));
    __m128i odd = _mm_or_si128(_mm_cmpgt_epi32(numbers, _mm_set1_epi32(255)),
                               _mm_cmpgt_epi8(values, _mm_set1_epi8(9)));
    odd = _mm_or_si128(odd, values); /* the sign bit: bytes beyond 127 */
    if (_mm_movemask_epi8(odd) != 0)
        return false;
    const __m128i turn = _mm_setr_epi8(12, 8, 4, 0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    *out_addr = (uint32_t)_mm_cvtsi128_si32(_mm_shuffle_epi8(numbers, turn));
    return true;
}

AVX2
static uint32_t
addrs_wide(const struct sl_cells *cells, bool is_none, struct sl_addr *addrs)
{
    uint32_t i = 0;
    for (; i < cells->count; i++) {
        uint32_t size_bytes;
        uint32_t addr;
        const char *text = sl_cells_at(cells, i, &size_bytes);
        if (size_bytes - BYTES_MIN > BYTES_MAX - BYTES_MIN ||
            !parse_wide(text, size_bytes, &addr) || (addr == 0 && is_none))
            break;
        addrs[i] = sl_addr_from_v4(addr);
    }
    return i;
}

sl_field_addrs_fn *
sl_field_addrs_best(void)
{
    bool has_bits = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
    return has_bits && __builtin_cpu_supports("avx2") ? addrs_wide : sl_field_addrs_scalar;
}

#else

sl_field_addrs_fn *
sl_field_addrs_best(void)
{
    return sl_field_addrs_scalar;
}

#endif
