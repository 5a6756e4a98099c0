/*
 * codec.h - a block of values as bytes.
 *
 * A codec turns up to SL_BLOCK_ROWS unsigned 64-bit values (signed types arrive with their sign
 * bit flipped, so that unsigned order is their order) into bytes and back. All codecs are pure
 * functions over memory. Values are cut into minis of SL_MINI_ROWS, so that a reader that needs
 * a few rows decodes only the minis that hold them. The layout of each scheme is described on
 * top of its file and is part of the segment format; numbers are never reused.
 *
 * An encoded block says nothing of its length, count or hash: those lie in the directory of the
 * segment, apart from the bytes they speak of.
 *
 * Threads: pure, any. Each thread works in a scratch of its own (about 3 MiB), made when it first
 *          calls and freed when it ends; no call allocates but for its output.
 * Errors:  decode trusts nothing: SL_CORRUPT for bytes that no encoder of ours wrote; never a
 *          read or write outside the buffers given.
 * Layer:   codec.
 */
#ifndef SLUICE_STORAGE_CODEC_CODEC_H
#define SLUICE_STORAGE_CODEC_CODEC_H

#include "storage/base/addr.h"
#include "storage/base/base.h"
#include "storage/base/buf.h"
#include "storage/base/limits.h"
#include "storage/base/status.h"

/* number, name. A codec that never wins a block on real data leaves the tree. */
#define SL_CODEC_LIST(X)                                                             \
    X(CONSTANT, 0, "constant") /* one value */                                       \
    X(PACK, 1, "pack")         /* frame of reference, bit-packed by mini, patched */ \
    X(DELTA, 2, "delta")       /* differences, packed */                             \
    X(RUN, 3, "run")           /* run lengths and values */                          \
    X(DICT, 4, "dict")         /* sorted dictionary of the block, packed codes */    \
    X(ZSTD, 5, "zstd")         /* another codec's bytes, squeezed: cold only */

enum sl_codec {
#define X(name, number, text) SL_CODEC_##name = (number),
    SL_CODEC_LIST(X)
#undef X
        SL_CODEC_COUNT
};

const char *sl_codec_name(enum sl_codec codec);

/* How hard the chooser tries. */
enum sl_effort {
    SL_EFFORT_SEAL,  /* light codecs only */
    SL_EFFORT_MERGE, /* zstd on top where it pays */
};

/*
 * Encode with the codec that is smallest (chosen from a sample, then proven on the block), append
 * to `out`, tell which. count 1 .. SL_BLOCK_ROWS. The common divisor of clocks that tick in milli-
 * or whole seconds is taken out first and is part of the bytes.
 */
enum sl_codec sl_codec_encode(const uint64_t *values, uint32_t count, enum sl_effort effort,
                              struct sl_buf *out);

/*
 * Decode into values[0 .. count). `minis` has bit m set for each mini that is wanted (all ones:
 * everything); values of others are left alone.
 */
SL_MUST_CHECK
sl_status sl_codec_decode(enum sl_codec codec, const void *bytes, size_t size_bytes, uint32_t count,
                          uint32_t minis, uint64_t *values, struct sl_error *err);

/* The same into 32 bits, for codes and small columns; SL_CORRUPT for a value beyond them. */
SL_MUST_CHECK
sl_status sl_codec_decode_u32(enum sl_codec codec, const void *bytes, size_t size_bytes,
                              uint32_t count, uint32_t minis, uint32_t *values,
                              struct sl_error *err);

/* The values of rows[0 .. row_count) alone, which ascend and are below `count`, into
 * values[0 .. row_count). Where the codec lets it, nothing else is decoded. */
SL_MUST_CHECK
sl_status sl_codec_decode_rows(enum sl_codec codec, const void *bytes, size_t size_bytes,
                               uint32_t count, const uint32_t *rows, uint32_t row_count,
                               uint64_t *values, struct sl_error *err);

/*
 * Byte strings: `count` slices concatenated, offsets[count + 1]. zstd where it pays.
 * Decoding yields exactly the bytes and offsets that were given.
 */
void sl_codec_encode_bytes(const uint8_t *bytes, const uint32_t *offsets, uint32_t count,
                           enum sl_effort effort, struct sl_buf *out);
/* *out_bytes and *out_offsets live in `arena`; a total beyond bytes_max is SL_CORRUPT. */
struct sl_arena;
SL_MUST_CHECK
sl_status sl_codec_decode_bytes(const void *bytes, size_t size_bytes, uint32_t count,
                                size_t bytes_max, struct sl_arena *arena, uint8_t **out_bytes,
                                uint32_t **out_offsets, struct sl_error *err);

/* The calling thread will decode: what it does so in has its pages from now on. */
void sl_codec_prepare(void);

/*
 * Strictly ascending 128-bit keys (dictionaries of addresses), the same way: 1 .. SL_CODEC_KEYS_MAX
 * of them, the first of which is not in the bytes.
 */
enum { SL_CODEC_KEYS_MAX = 4096 };
void sl_codec_encode_keys(const struct sl_addr *keys, uint32_t count, enum sl_effort effort,
                          struct sl_buf *out);
SL_MUST_CHECK
sl_status sl_codec_decode_keys(const void *bytes, size_t size_bytes, struct sl_addr first,
                               uint32_t count, struct sl_addr *keys, struct sl_error *err);
/* The same where all of them fit 32 bits, as most do. False: they do not, or the bytes are not ours;
 * sl_codec_decode_keys knows. */
SL_MUST_CHECK
bool sl_codec_decode_keys_u32(const void *bytes, size_t size_bytes, struct sl_addr first,
                              uint32_t count, uint32_t *keys);

#endif
