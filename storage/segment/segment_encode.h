/*
 * segment_encode.h - one row group: from pieces of batches to streams in the file.
 *
 * Here it is decided what a column becomes: client's and server's streams, a duration, bytes per
 * packet, a function of an address, a dictionary or plain strings (segment_format.h names them).
 * Nothing here is needed to read a file.
 *
 * Layer: segment.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_ENCODE_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_ENCODE_H

#include "storage/segment/segment_emit.h"

/* Numbers of the columns in the footer, given in the order in which they are first seen. */
struct sl_segment_numbers {
    uint32_t count;
    const struct sl_column *columns[SL_COLUMNS_MAX];
    uint32_t number_of[SL_COLUMNS_MAX]; /* schema index -> number + 1, or 0 */
};

/* The number of a column, given now if it has none yet. */
uint32_t sl_segment_number(struct sl_segment_numbers *numbers, const struct sl_column *column);

struct sl_segment_encode_request {
    const struct sl_segment_rows *rows;
    size_t rows_count;
    struct sl_segment_numbers *numbers; /* grows */
    struct sl_segment_summary *summary; /* widened by the bounds of the rows */
    struct sl_arena *lane_arena;        /* for a part of the directory */
    bool is_shared;                     /* some columns are encoded by a thread of their own */
};

/* Encode the rows as a group of `emit`'s file, without its directory. *out_order, in the arena: as
 * out_order of segment_writer.h. */
SL_MUST_CHECK
sl_status sl_segment_encode(struct sl_segment_emit *emit,
                            const struct sl_segment_encode_request *request, struct sl_arena *arena,
                            struct sl_segment_group *out_group, const uint32_t **out_order,
                            struct sl_error *err);

#endif
