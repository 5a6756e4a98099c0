/*
 * bits.h - integers of one width, laid side by side as bits.
 *
 * Value i takes bits i * width .. (i + 1) * width - 1 of the bytes, where bit b is bit b % 8 of
 * byte b / 8: least significant bits first. The last byte is filled up with zero bits.
 *
 * Reading is the inner loop of every scan. The scalar version is the definition; the one for
 * AVX2 computes the same and is taken where the CPU has it: it lets one byte shuffle bring each
 * value into a lane of its own, which serves every width up to 57.
 *
 * Threads: pure, any.
 * Layer:   codec.
 */
#ifndef SLUICE_STORAGE_CODEC_BITS_H
#define SLUICE_STORAGE_CODEC_BITS_H

#include "storage/base/base.h"

/* Significant bits of a value: 0 for 0, 64 for the largest. */
static inline unsigned
sl_bits_width(uint64_t value)
{
    return value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
}

/* Bytes that `count` values of `width` bits take. */
static inline size_t
sl_bits_bytes(size_t count, unsigned width)
{
    return (count * width + 7) / 8;
}

/* The low `width` bits; width 0 .. 64. */
static inline uint64_t
sl_bits_mask(unsigned width)
{
    return width == 0 ? 0 : UINT64_MAX >> (64 - width);
}

/*
 * Division without a rest, by a number that is not 0: a shift, and a multiplication by the inverse
 * of what is odd in it modulo 2^64 (Hacker's Delight, 10-16 and 10-17).
 */
struct sl_exact {
    uint64_t inverse;
    uint64_t quotient_max; /* UINT64_MAX / divisor */
    unsigned shift;
};

static inline struct sl_exact
sl_exact_of(uint64_t divisor)
{
    struct sl_exact exact = {.quotient_max = UINT64_MAX / divisor,
                             .shift = (unsigned)__builtin_ctzll(divisor)};
    uint64_t odd = divisor >> exact.shift;
    /* Right in the low 3 bits; each step doubles them. */
    exact.inverse = odd;
    for (unsigned bits = 3; bits < 64; bits *= 2)
        exact.inverse *= 2 - odd * exact.inverse;
    return exact;
}

/* value / divisor, of a multiple. */
static inline uint64_t
sl_exact_quotient(struct sl_exact exact, uint64_t value)
{
    return (value >> exact.shift) * exact.inverse;
}

static inline bool
sl_exact_is_multiple(struct sl_exact exact, uint64_t value)
{
    bool is_even_enough = (value & ((UINT64_C(1) << exact.shift) - 1)) == 0;
    return is_even_enough && sl_exact_quotient(exact, value) <= exact.quotient_max;
}

/* Write the low `width` bits of values[i] - base to bytes[0 .. sl_bits_bytes()). */
void sl_bits_write(const uint64_t *values, size_t count, uint64_t base, unsigned width,
                   uint8_t *bytes);

/*
 * values[i] = base + value i of the bits. `readable_bytes`, at least sl_bits_bytes(), is how far
 * memory at `bytes` may be read: with some slack behind the last value all of it goes fast.
 */
void sl_bits_read(const uint8_t *bytes, size_t readable_bytes, size_t count, uint64_t base,
                  unsigned width, uint64_t *values);

/* The same for up to 32 bits, without a base. */
void sl_bits_read_u32(const uint8_t *bytes, size_t readable_bytes, size_t count, unsigned width,
                      uint32_t *values);

/* Value `index` of the bits. `readable_bytes` as above. */
uint64_t sl_bits_read_at(const uint8_t *bytes, size_t readable_bytes, size_t index, unsigned width);

/* The definition, for tests. */
void sl_bits_read_scalar(const uint8_t *bytes, size_t readable_bytes, size_t count, uint64_t base,
                         unsigned width, uint64_t *values);

/* values[i] = base + step * codes[i] modulo 2^64; and in place, modulo 2^32. */
void sl_bits_scale(const uint32_t *codes, size_t count, uint64_t base, uint64_t step,
                   uint64_t *values);
void sl_bits_scale_u32(uint32_t *values, size_t count, uint32_t base, uint32_t step);

/* values[i] is made of byte i of `planes` planes, 1 .. 4, the lowest first; they lie `stride` bytes
 * apart. */
void sl_bits_join(const uint8_t *bytes, size_t stride, unsigned planes, size_t count,
                  uint32_t *values);

/* Least and greatest of `count` values, at least one. */
void sl_bits_range(const uint64_t *values, size_t count, uint64_t *out_min, uint64_t *out_max);

/* The definition, for tests. */
void sl_bits_range_scalar(const uint64_t *values, size_t count, uint64_t *out_min,
                          uint64_t *out_max);

/* counts[w] += number of values with sl_bits_width(values[i] - base) == w. */
void sl_bits_histogram(const uint64_t *values, size_t count, uint64_t base, uint32_t counts[65]);

#endif
