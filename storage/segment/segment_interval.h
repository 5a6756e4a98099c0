/*
 * segment_interval.h - what a test asks for, as an interval of a column's keys.
 *
 * Keys are those of segment_format.h: codes where the column has a dictionary, because sorted dictionaries
 * turn a range of addresses into a range of codes, and an address that is not there into nothing at all.
 *
 * Threads: any, on a group that is acquired.
 * Errors:  as segment_lookup.h, for addresses.
 * Layer:   segment, internal.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_INTERVAL_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_INTERVAL_H

#include "storage/segment/segment_open.h"

/* Both ends inclusive. */
struct sl_segment_interval {
    uint64_t first, last;
};

/*
 * low .. high (storage/clause.h) as keys of a column of `type` of the group: F64 and byte strings have
 * none. *out_is_any is false when no key of the column can be between them. counters may be NULL.
 */
SL_MUST_CHECK
sl_status sl_segment_interval_find(struct sl_segment_reader *reader, uint32_t group,
                                   const struct sl_segment_group_column *column, enum sl_type type,
                                   struct sl_addr low, struct sl_addr high,
                                   struct sl_segment_interval *out_interval, bool *out_is_any,
                                   struct sl_segment_counters *counters, struct sl_error *err);

#endif
