/*
 * pack.h - integers packed by mini: the scheme PACK, and the brick the other schemes are built of.
 *
 * Layout of `count` packed values, cut into minis of SL_MINI_ROWS (the last may be shorter):
 *
 *     heads, one for each mini:
 *         1       width w, 0 .. 64
 *         1       high width h, 0 .. 64 - w; 0: no exceptions
 *         2       exceptions e, 1 .. values of the mini, little-endian; only when h > 0
 *         varint  zigzag of: minimum less the minimum of the mini before (of the first mini: less
 *                 `origin`), modulo 2^64
 *     bodies, one for each mini:
 *         the low w bits of each (value - minimum), bits.h
 *         only when h > 0: e positions within the mini, 12 bits each, bits.h
 *         only when h > 0: e high parts (value - minimum) >> w, h bits each, bits.h
 *
 * The few values that need more than w bits are the exceptions: they are patched after the plain
 * ones are read, and so a single large counter does not widen 4,095 small ones. `origin` is known
 * to both sides from the context: 0 for unsigned values, 2^63 for signed ones.
 *
 * Threads: pure, any.
 * Layer:   codec.
 */
#ifndef SLUICE_STORAGE_CODEC_PACK_H
#define SLUICE_STORAGE_CODEC_PACK_H

#include "storage/base/base.h"
#include "storage/base/buf.h"
#include "storage/base/cursor.h"
#include "storage/base/limits.h"

enum { SL_PACK_POSITION_BITS = 12 };

_Static_assert(1 << SL_PACK_POSITION_BITS == SL_MINI_ROWS, "a position names a value of a mini");

/* Where the origin of signed values lies: their keys have the sign bit flipped. */
#define SL_PACK_SIGNED_ORIGIN (UINT64_C(1) << 63)

struct sl_pack_mini {
    const uint8_t *body; /* borrowed */
    uint64_t minimum;
    uint32_t count;
    uint32_t exception_count;
    uint8_t width;
    uint8_t high_width;
};

/* Packed values, proven to lie within the bytes given. */
struct sl_pack {
    uint32_t mini_count;
    const uint8_t *end; /* of what may be read */
    struct sl_pack_mini minis[SL_BLOCK_MINIS];
};

/* Minis of `count` values. */
static inline uint32_t
sl_mini_count(uint32_t count)
{
    return (count + SL_MINI_ROWS - 1) / SL_MINI_ROWS;
}

/* Number of the first value of mini `mini`. */
static inline size_t
sl_mini_first(uint32_t mini)
{
    return (size_t)mini * SL_MINI_ROWS;
}

/* Values of mini `mini` of `count` values. */
static inline uint32_t
sl_mini_rows(uint32_t count, uint32_t mini)
{
    uint32_t left = count - mini * SL_MINI_ROWS;
    return left < SL_MINI_ROWS ? left : SL_MINI_ROWS;
}

/* Of `count` values in a row of packs: how many the one that begins with value `first` holds. */
static inline uint32_t
sl_pack_share(uint32_t first, uint32_t count)
{
    return count - first < SL_BLOCK_ROWS ? count - first : SL_BLOCK_ROWS;
}

static inline uint64_t
sl_zigzag(uint64_t difference)
{
    return difference << 1 ^ (0 - (difference >> 63));
}

static inline uint64_t
sl_unzigzag(uint64_t code)
{
    return code >> 1 ^ (0 - (code & 1));
}

/*
 * The width that makes `count` values smallest, from the number of values by width. *out_bits is
 * the size of the body. counts[w] is the number of values (less the minimum) of w bits.
 */
unsigned sl_pack_best_width(const uint32_t counts[65], uint32_t count, uint64_t *out_bits);

/* Append; count 0 .. SL_BLOCK_ROWS. */
void sl_pack_encode(const uint64_t *values, uint32_t count, uint64_t origin, struct sl_buf *out);

/* The same in two steps, for who wants to know first how many bytes it takes: they are returned. In the
 * plan bodies are NULL. */
size_t sl_pack_plan(const uint64_t *values, uint32_t count, uint64_t origin,
                    struct sl_pack *out_plan);
void sl_pack_write(const struct sl_pack *plan, const uint64_t *values, uint64_t origin,
                   struct sl_buf *out);

/* Step over `count` packed values; false when they are not there or not ours. */
SL_MUST_CHECK
bool sl_pack_open(struct sl_pack *pack, struct sl_cursor *c, uint32_t count, uint64_t origin);

/* Read one mini into values[0 .. its count); false for an exception outside it. */
SL_MUST_CHECK
bool sl_pack_read(const struct sl_pack *pack, uint32_t mini, uint64_t *values);

/* The same of a mini of up to 32 bits into 32, each less the minimum. */
static inline bool
sl_pack_is_narrow(const struct sl_pack_mini *mini)
{
    return mini->width + mini->high_width <= 32;
}

/* No value of a narrow mini is more beyond its minimum. */
static inline uint32_t
sl_pack_span(const struct sl_pack_mini *mini)
{
    return (uint32_t)((UINT64_C(1) << (mini->width + mini->high_width)) - 1);
}

SL_MUST_CHECK
bool sl_pack_read_u32(const struct sl_pack *pack, uint32_t mini, uint32_t *offsets);

/* Read single values of one mini: values[i] is the one of row rows[i] of all packed values. `rows`
 * ascend and lie in the mini. */
void sl_pack_pick(const struct sl_pack *pack, uint32_t mini, const uint32_t *rows, uint32_t count,
                  uint64_t *values);

/* Read all minis, one behind the other. */
SL_MUST_CHECK
bool sl_pack_read_all(const struct sl_pack *pack, uint64_t *values);

#endif
