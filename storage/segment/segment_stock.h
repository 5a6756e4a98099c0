/*
 * segment_stock.h - buffers that blocks are decoded into, kept from query to query.
 *
 * A cursor decodes into some megabytes and ends with its query. Memory that malloc takes from the
 * system for that, and gives back, is cleared and faulted in anew, two microseconds a page: of a
 * first question after a start that was a third. A stock that was filled beforehand has its pages,
 * and keeps as many buffers as it was filled with; what is taken beyond them comes from malloc and
 * goes back to it.
 *
 * Ownership: whoever takes a buffer gives it back, as the same kind.
 * Threads:   any.
 * Errors:    NULL when the system has no memory.
 * Layer:     segment, internal; filled through scan.h.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_STOCK_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_STOCK_H

#include "storage/base/base.h"
#include "storage/base/limits.h"

/* Kinds of buffers: a block of values of 1, 2, 4 or 8 bytes. */
enum { SL_SEGMENT_BUFFER_KINDS = 4 };

static inline size_t
sl_segment_buffer_bytes(unsigned kind)
{
    return (size_t)SL_BLOCK_ROWS << kind;
}

/* What it holds is unspecified. */
void *sl_segment_stock_take(unsigned kind);
void sl_segment_stock_give(unsigned kind, void *buffer);

/* From now on keep what the cursors of so many workers take, and have that much; 0: nothing. */
void sl_segment_stock_fill(unsigned workers);

#endif
