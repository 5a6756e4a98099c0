/*
 * segment_keep.h - what a cursor keeps of its blocks in the reader's cache, and when.
 *
 * Of a column of a block two things may be kept: its values (segment_vector.c), and its rows in
 * the order of these (segment_match.h). Both are kept the second time that they are asked for: then
 * they are something that queries come back to. Fresh memory for a block costs half as much as to decode
 * it, and a query that is asked once must not take the room of what others come back to.
 *
 * Threads: a cursor belongs to one.
 * Layer:   segment, internal.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_KEEP_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_KEEP_H

#include "storage/segment/segment_cursor.h"

/* The place of a column of the block in the reader's cache; NULL: it has none. */
struct sl_segment_kept **sl_segment_keep_place(const struct sl_segment_cursor *cursor,
                                               const struct sl_segment_group_column *column,
                                               enum sl_segment_keep kind);

/* May what belongs there be made and offered? It is asked for, not for the first time, and there is
 * room. */
bool sl_segment_keep_is_worth(struct sl_segment_cursor *cursor, struct sl_segment_kept **place);

/* Were values of the column of the block asked for before? */
bool sl_segment_keep_was_asked(const struct sl_segment_cursor *cursor,
                               const struct sl_segment_group_column *column);

#endif
