/*
 * segment_emit.h - the parts of a row group, one behind the other, and the streams they make.
 *
 * Emitting a stream encodes its blocks, appends them to the file and enters them in the group's
 * directory; streams get their numbers in the order in which they are emitted, so that whatever a
 * stream refers to stands before it.
 *
 * Ownership: what the directory points to lies in the arena of the group.
 * Errors:    SL_IO, SL_LIMIT.
 * Layer:     segment.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_EMIT_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_EMIT_H

#include "storage/segment/segment_directory.h"

struct sl_segment_tally; /* segment_index.c */

struct sl_segment_emit {
    int fd; /* -1: of a lane (segment_lane.h), which keeps its bytes */
    enum sl_effort effort;
    uint64_t offset;                /* in the file, of the first byte in `buf` */
    struct sl_buf buf;              /* bytes not yet written */
    struct sl_buf late;             /* dictionaries, which follow the streams */
    struct sl_buf indexes;          /* which follow the dictionaries */
    struct sl_buf trial;            /* of sl_segment_emit_estimate */
    struct sl_arena *arena;         /* of the group */
    struct sl_segment_group *group; /* under construction */
    struct sl_segment_tally *tally; /* for the indexes of the group, in its arena; NULL: not yet */
    const uint64_t *answers;        /* bits by row, borrowed; NULL: no row answers another one */
    uint32_t answer_stream;         /* if so */
    uint64_t *pairs;                /* if so: scratch, leads and differences of a block */
    uint32_t stream_capacity, dictionary_capacity, column_capacity, index_capacity;
};

void sl_segment_emit_init(struct sl_segment_emit *emit, int fd, enum sl_effort effort,
                          uint64_t offset);
void sl_segment_emit_fini(struct sl_segment_emit *emit);

/* Start a group of row_count rows and at most column_count columns. */
SL_MUST_CHECK
sl_status sl_segment_emit_group(struct sl_segment_emit *emit, struct sl_segment_group *group,
                                uint32_t row_count, uint32_t column_count, struct sl_arena *arena,
                                struct sl_error *err);

/* Write what is buffered when it is more than `keep_bytes`. */
SL_MUST_CHECK
sl_status sl_segment_emit_flush(struct sl_segment_emit *emit, size_t keep_bytes,
                                struct sl_error *err);

/* Append bytes as a part. */
void sl_segment_emit_part(struct sl_segment_emit *emit, const void *bytes, size_t size_bytes,
                          struct sl_segment_part *out_part);

/* VALUES: one for each row. `owner` is the column number that the bytes are counted under. */
SL_MUST_CHECK
sl_status sl_segment_emit_values(struct sl_segment_emit *emit, uint32_t owner,
                                 const uint64_t *values, uint32_t *out_stream,
                                 struct sl_error *err);

/* ANSWERS: `answers` (as in segment_pair.h, block by block) stays the caller's until the group ends. */
SL_MUST_CHECK
sl_status sl_segment_emit_answers(struct sl_segment_emit *emit, uint32_t owner,
                                  const uint64_t *answers, struct sl_error *err);

/* PAIRED, of values that answers have in common with their leads, or nearly so; VALUES where no row
 * is an answer. `width`: 4 only when all of them fit 32 bits, else 8. */
SL_MUST_CHECK
sl_status sl_segment_emit_paired(struct sl_segment_emit *emit, uint32_t owner,
                                 const uint64_t *values, uint8_t width, uint32_t *out_stream,
                                 struct sl_error *err);

/* BYTES */
SL_MUST_CHECK
sl_status sl_segment_emit_bytes(struct sl_segment_emit *emit, uint32_t owner,
                                const struct sl_slice *slices, uint32_t *out_stream,
                                struct sl_error *err);

/* A map of the values below map_count of stream `a`. */
struct sl_segment_map {
    uint32_t stream;        /* a */
    const uint32_t *codes;  /* its values, by row */
    const uint64_t *values; /* map_count */
    uint32_t count;
    uint8_t width;        /* 4 or 8: of map and values */
    bool is_exact;        /* no row is an exception */
    uint32_t shared_with; /* a FUNCTION that has the map already, or SL_SEGMENT_NONE */
};

/* FUNCTION: exceptions are the rows whose value is not map->values[map->codes[row]]. */
SL_MUST_CHECK
sl_status sl_segment_emit_function(struct sl_segment_emit *emit, uint32_t owner,
                                   const struct sl_segment_map *map, const uint64_t *values,
                                   uint32_t *out_stream, struct sl_error *err);

/* ADD, SCALE, SELECT */
uint32_t sl_segment_emit_combined(struct sl_segment_emit *emit, enum sl_segment_form form,
                                  uint32_t owner, uint32_t a, uint32_t b, uint32_t c);

/* The width of a stream of these values. */
uint8_t sl_segment_emit_width(const uint64_t *values, uint32_t count);

/* Sorted, distinct entries. Their parts follow those of all streams: see sl_segment_emit_group_end. */
SL_MUST_CHECK
sl_status sl_segment_emit_addresses(struct sl_segment_emit *emit, uint32_t owner,
                                    const struct sl_addr *addrs, uint32_t count,
                                    uint32_t *out_dictionary, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_segment_emit_strings(struct sl_segment_emit *emit, uint32_t owner,
                                  const struct sl_slice *slices, uint32_t count,
                                  uint32_t *out_dictionary, struct sl_error *err);

/* Enter an index of column `number`, and of column `also` unless that is SL_SEGMENT_NONE. The caller
 * appends its pieces to emit->indexes, one behind the other, and tells of each where it began. */
SL_MUST_CHECK
sl_status sl_segment_emit_index(struct sl_segment_emit *emit, enum sl_segment_index_kind kind,
                                uint32_t number, uint32_t also, uint32_t piece_count,
                                struct sl_segment_index **out_index, struct sl_error *err);
void sl_segment_emit_index_piece(struct sl_segment_emit *emit, struct sl_segment_index *index,
                                 uint32_t piece, size_t start);

/* All streams are there: append the dictionaries, then the indexes that take at most one byte in
 * SL_SEGMENT_INDEX_SHARE of the group for each of their columns. */
enum { SL_SEGMENT_INDEX_SHARE = 20 };
void sl_segment_emit_group_end(struct sl_segment_emit *emit);

/* Bytes that these values would take, from a sample of their blocks. */
uint64_t sl_segment_emit_estimate(struct sl_segment_emit *emit, const uint64_t *values,
                                  uint32_t count);

#endif
