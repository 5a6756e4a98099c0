/*
 * segment_stream.h - streams of a block into their slots, whatever their form.
 *
 * A column asks for its stream's closure in ascending order, so that operands are ready before what
 * is computed from them. A cursor that is focused on a few rows takes them from the block's slots
 * where these are ready; else leaves are decoded value by value, and the forms are evaluated over
 * the few.
 *
 * Ownership: values of slots are the cursor's (segment_cursor.h).
 * Errors:    SL_LIMIT, SL_CORRUPT: no number of the file is followed before it was checked.
 *            counters may be NULL.
 * Layer:     segment, internal.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_STREAM_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_STREAM_H

#include "storage/segment/segment_cursor.h"

/* A stream will be asked for, of this block and of those expected behind it: the system may fetch it
 * and all that it is computed from meanwhile, side by side. Once for each block. */
void sl_segment_stream_announce(struct sl_segment_cursor *cursor, uint32_t index);

/* Bring minis of a stream about, and of all that it is computed from. */
SL_MUST_CHECK
sl_status sl_segment_stream_evaluate(struct sl_segment_cursor *cursor, uint32_t index,
                                     uint32_t minis, struct sl_segment_counters *counters,
                                     struct sl_error *err);

/*
 * Two forms for the above, in segment_stream_pair.c. The slot of an ANSWERS stream holds a struct
 * sl_segment_answers: which rows of the block are answers; of the whole block, wherever the cursor
 * is focused.
 */
SL_MUST_CHECK
sl_status sl_segment_answers_evaluate(struct sl_segment_cursor *cursor, uint32_t index,
                                      struct sl_segment_slot *slot,
                                      struct sl_segment_counters *counters, struct sl_error *err);

/* Minis of a PAIRED stream, whose answers are ready, into the slot's buffer. */
SL_MUST_CHECK
sl_status sl_segment_paired_evaluate(struct sl_segment_cursor *cursor,
                                     const struct sl_segment_stream *stream, uint32_t minis,
                                     const struct sl_segment_slot *slot,
                                     struct sl_segment_counters *counters, struct sl_error *err);

/* The same at the rows focused on. */
SL_MUST_CHECK
sl_status sl_segment_paired_pick(struct sl_segment_cursor *cursor,
                                 const struct sl_segment_stream *stream,
                                 struct sl_segment_slot *slot, struct sl_segment_counters *counters,
                                 struct sl_error *err);

#endif
