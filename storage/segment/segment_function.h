/*
 * segment_function.h - columns that are a function of an address.
 *
 * AS, mask, interface, next hop and exporter are mostly given by one address of the flow, the
 * observation domain by the exporter. Where
 * that holds for nearly all rows of a group, the value is stored once for each entry of the
 * address dictionary, with the rows that deviate; where it does not hold, or saves nothing, the
 * column stays as it is. Both are estimated from the group itself: nothing is assumed.
 *
 * Layer: segment.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_FUNCTION_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_FUNCTION_H

#include "storage/segment/segment_emit.h"

/* What decides: addresses of the group's dictionary, or the exporter. */
enum sl_segment_decider {
    SL_SEGMENT_CLIENT,
    SL_SEGMENT_SERVER,
    SL_SEGMENT_TARGET, /* dst_addr */
    SL_SEGMENT_EXPORTER,
    SL_SEGMENT_DECIDER_COUNT,
};

/* The candidate of one code: side by side, because codes come at random. */
struct sl_segment_ballot {
    uint64_t value;
    uint64_t votes; /* for it, less those against; and a bit that says whether any row came */
};

struct sl_segment_functions {
    uint32_t row_count;
    uint32_t map_capacity; /* entries of the maps and of ballots; 0: nothing is a function */
    uint32_t streams[SL_SEGMENT_DECIDER_COUNT];
    uint32_t code_counts[SL_SEGMENT_DECIDER_COUNT]; /* 0: this one decides nothing */
    uint32_t *codes[SL_SEGMENT_DECIDER_COUNT];      /* by row, inner order */
    uint64_t *maps[2];                              /* the best so far, and a trial */
    struct sl_segment_ballot *ballots;
};

/* Emit values as what is smaller: a FUNCTION of one of the deciders in `deciders` (bits), or
 * VALUES. */
SL_MUST_CHECK
sl_status sl_segment_function_emit(struct sl_segment_functions *functions,
                                   struct sl_segment_emit *emit, uint32_t owner, unsigned deciders,
                                   const uint64_t *values, uint32_t *out_stream,
                                   struct sl_error *err);

#endif
