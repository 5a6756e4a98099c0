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

struct sl_segment_emit {
    int fd;
    enum sl_effort effort;
    uint64_t offset;                /* in the file, of the first byte in `buf` */
    struct sl_buf buf;              /* bytes not yet written */
    struct sl_buf late;             /* dictionaries, which follow the streams */
    struct sl_buf indexes;          /* which follow the dictionaries */
    struct sl_buf trial;            /* of sl_segment_emit_estimate */
    struct sl_arena *arena;         /* of the group */
    struct sl_segment_group *group; /* under construction */
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
    bool is_exact; /* no row is an exception */
};

/* FUNCTION: exceptions are the rows whose value is not map->values[map->codes[row]]. */
SL_MUST_CHECK
sl_status sl_segment_emit_function(struct sl_segment_emit *emit, uint32_t owner,
                                   const struct sl_segment_map *map, const uint64_t *values,
                                   uint32_t *out_stream, struct sl_error *err);

/* ADD, SCALE, SELECT */
uint32_t sl_segment_emit_combined(struct sl_segment_emit *emit, enum sl_segment_form form,
                                  uint32_t owner, uint32_t a, uint32_t b, uint32_t c);

/* Sorted, distinct entries. Their parts follow those of all streams: see sl_segment_emit_group_end. */
SL_MUST_CHECK
sl_status sl_segment_emit_addresses(struct sl_segment_emit *emit, uint32_t owner,
                                    const struct sl_addr *addrs, uint32_t count,
                                    uint32_t *out_dictionary, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_segment_emit_strings(struct sl_segment_emit *emit, uint32_t owner,
                                  const struct sl_slice *slices, uint32_t count,
                                  uint32_t *out_dictionary, struct sl_error *err);

/* Enter bytes that the caller has appended to emit->indexes, from `start` on, as an index. */
void sl_segment_emit_index(struct sl_segment_emit *emit, enum sl_segment_index_kind kind,
                           uint32_t number, size_t start);

/* All streams are there: append the dictionaries, then the indexes that take at most one byte in
 * SL_SEGMENT_INDEX_SHARE of the group. */
enum { SL_SEGMENT_INDEX_SHARE = 20 };
void sl_segment_emit_group_end(struct sl_segment_emit *emit);

/* Bytes that these values would take, from a sample of their blocks. */
uint64_t sl_segment_emit_estimate(struct sl_segment_emit *emit, const uint64_t *values,
                                  uint32_t count);

#endif
