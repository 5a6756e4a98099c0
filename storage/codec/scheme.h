/*
 * scheme.h - what the schemes share: where decoded minis go, and the memory a thread works in.
 *
 * A scheme encodes the values of a block (after their common divisor was taken out) and decodes
 * the minis that are wanted into a *target*, which puts the divisor back and narrows to 32 bits
 * where the caller wants that. Schemes therefore exist once, for one width.
 *
 * Threads: each thread has a scratch of its own (about 3 MiB), made when it first needs one and
 *          freed when it ends: neither encode nor decode allocates for each call.
 * Layer:   codec.
 */
#ifndef SLUICE_STORAGE_CODEC_SCHEME_H
#define SLUICE_STORAGE_CODEC_SCHEME_H

#include "storage/base/base.h"
#include "storage/base/buf.h"
#include "storage/base/cursor.h"
#include "storage/base/limits.h"
#include "storage/codec/codec.h"

enum {
    /* Distinct values of a block's dictionary: codes of 12 bits, and one mini of PACK. */
    SL_DICT_ENTRIES_MAX = SL_MINI_ROWS,
    SL_DICT_SLOTS = 4 * SL_DICT_ENTRIES_MAX,
    /* Values below are their own slots, and sorted as they lie there. */
    SL_DICT_SMALL = 1 << 16,
    /* No scheme makes more of a block: RUN at its worst packs twice 64 bits a value, DELTA works
     * with two encodings side by side, and heads are a few hundred bytes. */
    SL_SCHEME_BYTES_MAX = 2 * 8 * SL_BLOCK_ROWS + 65536,
};

struct sl_scratch {
    uint64_t quotients[SL_BLOCK_ROWS]; /* encode: values without their divisor */
    uint64_t first[SL_BLOCK_ROWS];     /* differences; values of runs; codes */
    uint64_t second[SL_BLOCK_ROWS];    /* lengths of runs */
    uint64_t slot_values[SL_DICT_SLOTS];
    uint16_t slot_codes[SL_DICT_SLOTS];  /* 0: free, else code + 1 */
    uint16_t small_codes[SL_DICT_SMALL]; /* by value */
    struct sl_buf trial;                 /* encode: a second candidate */
    struct sl_buf planes;                /* bytes that zstd reads, or has written */
    uint8_t plane[SL_BLOCK_ROWS];        /* encode: one byte of each value */
    uint64_t keys[SL_BLOCK_ROWS];        /* halves of keys, which are blocks of values in turn */
};

/* The calling thread's. Never NULL. */
struct sl_scratch *sl_scratch_get(void);

struct sl_shift {
    uint64_t base, step;
};

struct sl_target {
    uint64_t *wide;               /* either this */
    uint32_t *narrow;             /* or this is where values go */
    uint64_t *picked;             /* or, with `rows`, only those of single rows of the block */
    const uint32_t *rows;         /* ascending; NULL: all rows of the minis */
    uint32_t row_count, row_next; /* rows before row_next are done: minis come in order */
    struct sl_shift shift;        /* value = base + step * decoded */
    uint64_t stage[SL_MINI_ROWS]; /* a mini on its way to 32 bits */
    uint32_t codes[SL_MINI_ROWS]; /* a mini on its way to 64 bits */
};

/* Where a scheme writes mini `mini`. */
static inline uint64_t *
sl_target_mini(struct sl_target *target, uint32_t mini)
{
    return target->wide != NULL ? &target->wide[(size_t)mini * SL_MINI_ROWS] : target->stage;
}

/*
 * A scheme that can read single values asks how many rows of the mini to pick: 0 where the whole
 * mini is to be decoded. It writes them to picked[row_next ..) and says so.
 */
uint32_t sl_target_picks(const struct sl_target *target, uint32_t mini);
void sl_target_picked(struct sl_target *target, uint32_t count);

/* The mini's `count` values are written; false when one does not fit the target. */
SL_MUST_CHECK
bool sl_target_done(struct sl_target *target, uint32_t mini, uint32_t count);

/* A scheme whose values need no more than 32 bits writes them here instead, for half the price: */
static inline uint32_t *
sl_target_codes(struct sl_target *target, uint32_t mini)
{
    return target->narrow != NULL ? &target->narrow[(size_t)mini * SL_MINI_ROWS] : target->codes;
}

/* They are written, each less `minimum`, none more than `span` beyond it. */
SL_MUST_CHECK
bool sl_target_done_codes(struct sl_target *target, uint32_t mini, uint32_t count, uint64_t minimum,
                          uint32_t span);

/* A scheme that has fewer values than rows takes base and step off the target, and puts them into
 * these. */
struct sl_shift sl_target_take_shift(struct sl_target *target);
void sl_shift_apply(struct sl_shift shift, uint32_t count, uint64_t *values);

/*
 * The schemes. Encoders append; dict_encode says false, and leaves `out` as it was, when the
 * block has too many distinct values. Decoders step over exactly their own bytes, and say false
 * for bytes that are not ours; `minis` has bits below the block's minis only.
 */
void sl_scheme_delta_encode(const uint64_t *values, uint32_t count, struct sl_buf *out);
void sl_scheme_run_encode(const uint64_t *values, uint32_t count, struct sl_buf *out);
SL_MUST_CHECK
bool sl_scheme_dict_encode(const uint64_t *values, uint32_t count, struct sl_buf *out);

SL_MUST_CHECK
bool sl_scheme_pack_decode(struct sl_cursor *c, uint32_t count, uint32_t minis,
                           struct sl_target *target);
SL_MUST_CHECK
bool sl_scheme_delta_decode(struct sl_cursor *c, uint32_t count, uint32_t minis,
                            struct sl_target *target);
SL_MUST_CHECK
bool sl_scheme_run_decode(struct sl_cursor *c, uint32_t count, uint32_t minis,
                          struct sl_target *target);
SL_MUST_CHECK
bool sl_scheme_dict_decode(struct sl_cursor *c, uint32_t count, uint32_t minis,
                           struct sl_target *target);

/* Layout in codec_zstd.c. `inner` is what `codec` made of the values; appends to `out` what costs less
 * (choose.h), zstd of that or of the values' byte planes, and returns the time to read it. */
uint64_t sl_scheme_zstd_encode(const uint64_t *values, uint32_t count, enum sl_codec codec,
                               const void *inner, size_t inner_bytes, struct sl_buf *out);
SL_MUST_CHECK
bool sl_scheme_zstd_decode(struct sl_cursor *c, uint32_t count, uint32_t minis,
                           struct sl_target *target);

/* Decode what one of the light schemes (PACK .. DICT) wrote. */
SL_MUST_CHECK
bool sl_scheme_decode(enum sl_codec codec, struct sl_cursor *c, uint32_t count, uint32_t minis,
                      struct sl_target *target);

#endif
