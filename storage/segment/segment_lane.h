/*
 * segment_lane.h - some columns of a row group, encoded by a thread of their own.
 *
 * Once the order of the rows is known, columns have little to do with each other. A lane is an
 * encoding beside that of the group: with work arrays, buffers and an arena of its own, it shares what
 * neither changes any more (rows, order, sides, answers). Its streams may refer to those that were there when it was
 * opened, and come behind all others when it is finished: the file has the same bytes whether there was a
 * thread or not. Its columns are of fixed size and have no dictionaries.
 *
 * Ownership: a lane lies in the arena of the group, which must not be used by the lane while it runs;
 *            what it adds to the directory lies in the lane's arena.
 * Errors:    SL_LIMIT (memory), SL_IO.
 * Layer:     segment, internal.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_LANE_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_LANE_H

#include "storage/base/thread.h"
#include "storage/segment/segment_column.h"

typedef sl_status sl_segment_lane_fn(struct sl_segment_encoding *e);

struct sl_segment_lane {
    struct sl_segment_encoding encoding;
    struct sl_segment_emit emit;
    struct sl_segment_group group; /* its directory: the streams that were there, and its own */
    struct sl_segment_numbers numbers;
    uint32_t shared_count; /* streams that were there */
    struct sl_error err;
    sl_status status;
    sl_segment_lane_fn *run;
    struct sl_thread *thread; /* NULL: it has run already */
};

/* A lane of `e`, empty. From now on `e` has its first two work arrays only. */
SL_MUST_CHECK
sl_status sl_segment_lane_open(struct sl_segment_encoding *e, struct sl_arena *arena,
                               struct sl_segment_lane **out_lane);

/* Have it encode: in a thread, or before this returns. */
void sl_segment_lane_start(struct sl_segment_lane *lane, sl_segment_lane_fn *run, bool has_thread);

/* Wait for it, and append what it made unless `st`, the state of `e`, or its own is an error, which is
 * returned. */
SL_MUST_CHECK
sl_status sl_segment_lane_finish(struct sl_segment_lane *lane, struct sl_segment_encoding *e,
                                 sl_status st);

#endif
