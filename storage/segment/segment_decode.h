/*
 * segment_decode.h - buffers of a cursor, and parts of the file decoded into them.
 *
 * Buffers are taken from pools of the cursor and go back when it moves: they are as long as a full
 * block, and a query touches a handful of them, which come from the stock.
 *
 * Ownership: buffers are the cursor's, lent until it moves or they are given back.
 * Errors:    a buffer is NULL when the budget or the memory is exhausted, and
 *            sl_segment_decoding_fail() says so. The rest: SL_LIMIT or SL_CORRUPT, with the story.
 * Layer:     segment, internal.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_DECODE_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_DECODE_H

#include "storage/segment/segment_cursor.h"

/* "no memory to decode a block", SL_LIMIT. */
sl_status sl_segment_decoding_fail(struct sl_error *err);

/* A buffer of a block of values of `width` bytes. What it holds is unspecified. */
SL_MUST_CHECK
void *sl_segment_block_buffer_take(struct sl_segment_cursor *cursor, uint8_t width);

/* Give the last `count` of this width back, before the cursor moves. */
void sl_segment_block_buffer_give(struct sl_segment_cursor *cursor, uint8_t width, uint32_t count);

/* A buffer of as many values as vectors have. */
SL_MUST_CHECK
void *sl_segment_buffer_take(struct sl_segment_cursor *cursor, uint8_t width);

/* The bytes of a part, proven, in cursor->raw. counters may be NULL, here and below. */
SL_MUST_CHECK
sl_status sl_segment_decode_read(struct sl_segment_cursor *cursor,
                                 const struct sl_segment_part *part,
                                 struct sl_segment_counters *counters, struct sl_error *err);

/* Give cursor->raw back. */
void sl_segment_decode_end(struct sl_segment_cursor *cursor);

/* Some minis of the `count` values of a part, of 4 or 8 bytes each, at their place in `values`. */
SL_MUST_CHECK
sl_status sl_segment_decode_values(struct sl_segment_cursor *cursor,
                                   const struct sl_segment_part *part, uint32_t count,
                                   uint32_t minis, uint8_t width, void *values,
                                   struct sl_segment_counters *counters, struct sl_error *err);

/* Single values out of the `count` of a part, whose numbers ascend. */
SL_MUST_CHECK
sl_status sl_segment_decode_picked(struct sl_segment_cursor *cursor,
                                   const struct sl_segment_part *part, uint32_t count,
                                   const uint32_t *picks, uint32_t pick_count, uint64_t *values,
                                   struct sl_segment_counters *counters, struct sl_error *err);

#endif
