/*
 * segment_row_order.h - the rows of a block in the order of a column's values.
 *
 * Rows with the same value ascend. Values of an interval are found by halving, and their rows are
 * neighbours: nobody looks at the others. As bytes, which are kept (segment_match.h), aligned as for
 * uint32_t, native integers:
 *
 *     4 x tops     every 1,024th value in the order, from the first one on
 *     4 x fences   every 16th
 *     2 x count    the rows
 *
 * A search reads a few lines of tops and fences, and four values of the column; without them it would be
 * sixteen values, each on a line of its own, one after the other.
 *
 * Threads: pure, any.
 * Layer:   segment, internal.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_ROW_ORDER_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_ROW_ORDER_H

#include "storage/base/base.h"
#include "storage/base/limits.h"

_Static_assert(SL_BLOCK_ROWS - 1 <= UINT16_MAX, "a row of a block is 16 bits");

/* Values of a block: `count` (1 .. SL_BLOCK_ROWS) unsigned integers of `width` (1, 2, 4) bytes. */
struct sl_segment_row_values {
    const void *values;
    uint8_t width;
    uint32_t count;
};

static inline uint32_t
sl_segment_row_value(const struct sl_segment_row_values *v, uint32_t row)
{
    switch (v->width) {
    case 1:
        return ((const uint8_t *)v->values)[row];
    case 2:
        return ((const uint16_t *)v->values)[row];
    default:
        return ((const uint32_t *)v->values)[row];
    }
}

/* Bytes of the order of so many rows, and of the scratch that sorting them takes, aligned as for
 * uint32_t. */
size_t sl_segment_row_order_bytes(uint32_t count);
size_t sl_segment_row_order_scratch(uint32_t count);

/* The order of the values, to out_order. */
void sl_segment_row_order_sort(const struct sl_segment_row_values *values, void *scratch,
                               void *out_order);

/* Rows with a value low .. high, both inclusive: returns the first of *out_count. */
const uint16_t *sl_segment_row_order_find(const struct sl_segment_row_values *values,
                                          const void *order, uint32_t low, uint32_t high,
                                          uint32_t *out_count);

#endif
