/*
 * segment_function.h - columns that are a function of another one.
 *
 * AS, mask, interface and exporter are mostly given by one address of the flow, the next hop by
 * the interface that leads there, the observation domain by the exporter. Where that holds for
 * nearly all rows of a group, the value is stored once for each entry of the address dictionary
 * (or each code of what decides), with the rows that deviate; where it does not hold, or saves
 * nothing, the column stays as it is. Both are estimated from the group itself: nothing is
 * assumed.
 *
 * Layer: segment.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_FUNCTION_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_FUNCTION_H

#include "storage/segment/segment_emit.h"

/* What decides: addresses of the group's dictionary, or small numbers. */
enum sl_segment_decider {
    SL_SEGMENT_CLIENT,
    SL_SEGMENT_SERVER,
    SL_SEGMENT_SOURCE, /* src_addr */
    SL_SEGMENT_TARGET, /* dst_addr */
    SL_SEGMENT_EXPORTER,
    SL_SEGMENT_OUTPUT_IF,
    SL_SEGMENT_DECIDER_COUNT,
};

/* Codes of exporters and interfaces that may decide. */
enum { SL_SEGMENT_SMALL_CODES_MAX = 1 << 16 };

/* The candidate of one code: side by side, because codes come at random. */
struct sl_segment_ballot {
    uint64_t value;
    uint64_t votes; /* for it, less those against; and a bit that says whether any row came */
};

/* Decisions that are open at a time. */
enum { SL_SEGMENT_DECISIONS = 4 };

struct sl_segment_functions {
    uint32_t row_count;
    uint32_t map_capacity; /* entries of the maps and of ballots; 0: nothing is a function */
    uint32_t streams[SL_SEGMENT_DECIDER_COUNT];
    uint32_t code_counts[SL_SEGMENT_DECIDER_COUNT]; /* 0: this one decides nothing */
    uint32_t *codes[SL_SEGMENT_DECIDER_COUNT];      /* by row, inner order */
    uint64_t *maps[SL_SEGMENT_DECISIONS + 1];       /* of each decision, and a trial */
    struct sl_segment_ballot *ballots;
};

/* Room for `row_count` rows and `addr_count` addresses; false when there is no memory. `spare`: arrays of
 * row_count entries that nobody else needs any more. */
SL_MUST_CHECK
bool sl_segment_functions_init(struct sl_segment_functions *functions, uint32_t row_count,
                               uint32_t addr_count, uint32_t *const spare[2],
                               struct sl_arena *arena);

/* From now on the values of a stream decide; they are below code_count (0: unknown, and if they are
 * too large they do not). */
void sl_segment_functions_add(struct sl_segment_functions *functions,
                              enum sl_segment_decider decider, uint32_t stream,
                              const uint64_t *values, uint32_t code_count);

/* What is smaller: a FUNCTION, or VALUES. */
struct sl_segment_decision {
    struct sl_segment_map map; /* codes NULL: VALUES */
    uint64_t bytes;            /* estimated */
};

/* Choose for `values` among the deciders in `deciders` (bits). The map is kept under `number`, below
 * SL_SEGMENT_DECISIONS, until that is decided anew or a pair is emitted. */
struct sl_segment_decision sl_segment_function_decide(struct sl_segment_functions *functions,
                                                      struct sl_segment_emit *emit, unsigned number,
                                                      unsigned deciders, const uint64_t *values);

/* Emit the values as it was decided for them. */
SL_MUST_CHECK
sl_status sl_segment_function_emit(struct sl_segment_emit *emit, uint32_t owner,
                                   const struct sl_segment_decision *decision,
                                   const uint64_t *values, uint32_t *out_stream,
                                   struct sl_error *err);

/* What the client has and what the server has of a property of addresses: two FUNCTIONs with one
 * map where that is smaller, else VALUES. Both belong to owner. */
SL_MUST_CHECK
sl_status sl_segment_function_emit_pair(struct sl_segment_functions *functions,
                                        struct sl_segment_emit *emit, const uint32_t owners[2],
                                        const uint64_t *const values[2], uint32_t out_streams[2],
                                        struct sl_error *err);

#endif
