/*
 * segment_column.h - a row group while it is encoded, and what is common to all of its columns.
 *
 * A column is flattened in the order given, permuted into the inner order, its zones are taken, it
 * is indexed where that is wanted, and then it is emitted, alone or with its partner of the other
 * side. Work arrays of eight bytes a row are reused from column to column.
 *
 * Ownership: everything lies in the arena of the group.
 * Errors:    SL_LIMIT (memory), SL_IO.
 * Layer:     segment, internal.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_COLUMN_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_COLUMN_H

#include "storage/segment/segment_encode.h"
#include "storage/segment/segment_function.h"
#include "storage/segment/segment_input.h"

enum { SL_SEGMENT_DECIDERS_ALL = (1 << SL_SEGMENT_DECIDER_COUNT) - 1 };

/* A column in the inner order. */
struct sl_segment_ordered {
    const struct sl_column *column; /* NULL: the input lacks it */
    uint32_t number;
    uint64_t *keys;
    uint64_t *present; /* bits in the inner order */
    uint32_t null_count;
    struct sl_segment_zone *zones;
    bool is_trivial; /* NULL or zero everywhere: not stored */
};

/* A column of addresses or strings as final codes, in the order given. */
struct sl_segment_coded {
    const struct sl_column *column; /* NULL: the input lacks it */
    uint32_t *codes;
    uint64_t *present;
    uint32_t null_count;
    uint32_t entry_count; /* of its dictionary */
};

struct sl_segment_encoding {
    struct sl_segment_emit *emit;
    struct sl_segment_input input;
    struct sl_segment_numbers *numbers;
    struct sl_segment_summary *summary;
    struct sl_arena *arena;
    struct sl_error *err;
    uint32_t row_count;
    uint32_t *order;
    uint64_t *flat;         /* scratch: a column in the order given */
    uint64_t *flat_present; /* scratch */
    uint64_t *work[4];      /* keys of columns in the inner order */
    uint64_t *bits[2];      /* their presence */
    uint8_t *sides;         /* inner order: 0 or 1 */
    uint32_t side_stream;   /* SL_SEGMENT_NONE: the source is the client everywhere */
    uint64_t *answers;      /* bits in the inner order */
    struct sl_segment_functions functions;
    struct sl_segment_set addrs;
    uint32_t packet_streams[2]; /* that bytes refer to; SL_SEGMENT_NONE: no packets */
    bool is_packets_sided;
    uint64_t done[(SL_COLUMNS_MAX + 63) / 64]; /* columns that are dealt with */
};

sl_status sl_segment_encoding_fail(struct sl_segment_encoding *e);

const struct sl_column *sl_segment_column_find(const struct sl_segment_input *input,
                                               uint32_t index);

/* Its number in the footer. */
uint32_t sl_segment_column_number(struct sl_segment_encoding *e, const struct sl_column *column);

/* A column of fixed size (not ADDR), in the inner order, in work[slot] and bits[bits_slot]. NULL: a
 * trivial one, whose keys mean nothing. */
SL_MUST_CHECK
sl_status sl_segment_column_keys(struct sl_segment_encoding *e, const struct sl_column *column,
                                 unsigned slot, unsigned bits_slot,
                                 struct sl_segment_ordered *out_ordered);

/* The same for codes, in work[slot] and bits[slot]. */
SL_MUST_CHECK
sl_status sl_segment_column_codes(struct sl_segment_encoding *e,
                                  const struct sl_segment_coded *coded, unsigned slot,
                                  struct sl_segment_ordered *out_ordered);

/* Emit its keys as VALUES, or as a function of one of the deciders (bits). */
SL_MUST_CHECK
sl_status sl_segment_column_emit(struct sl_segment_encoding *e,
                                 const struct sl_segment_ordered *ordered, unsigned deciders,
                                 uint32_t *out_stream);

/* Enter it in the directory, with its presence where some rows lack it. `dictionary` may be
 * SL_SEGMENT_NONE. */
SL_MUST_CHECK
sl_status sl_segment_column_add(struct sl_segment_encoding *e,
                                const struct sl_segment_ordered *ordered, uint32_t stream,
                                uint32_t dictionary);

/* All of it, for a column without a special form. */
SL_MUST_CHECK
sl_status sl_segment_column_encode(struct sl_segment_encoding *e, const struct sl_column *column);

#endif
