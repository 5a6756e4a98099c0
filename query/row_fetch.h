/*
 * row_fetch.h - columns of rows that a scan has passed, once it is known which rows matter.
 *
 * A sort that keeps few rows of many remembers of each only what decides the order and where it
 * lies. At the end the other columns are fetched: the rows of a block together, each block once,
 * blocks by all workers.
 *
 * Ownership: init in the caller's memory, fini gives everything back; refs point into it.
 * Threads:   one caller; it runs on the query's workers.
 * Layer:     query, internal.
 */
#ifndef SLUICE_QUERY_ROW_FETCH_H
#define SLUICE_QUERY_ROW_FETCH_H

#include "query/op.h"
#include "query/row_store.h"

/* A row of the scan: sl_morsel_place, sl_morsel_row_number. */
struct sl_row_place {
    uint64_t place;
    uint32_t row;
    uint32_t index; /* into the refs */
};

struct sl_row_fetch {
    struct sl_exec *exec;        /* borrowed */
    struct sl_op *scan;          /* borrowed, run to its end */
    const struct sl_term *terms; /* borrowed: what to compute of each row */
    const struct sl_sql_type *types;
    uint32_t term_count;
    struct sl_row_store *stores; /* of each worker: a column for each term */
};

/* `types`: of the terms, borrowed. */
SL_MUST_CHECK
sl_status sl_row_fetch_init(struct sl_row_fetch *fetch, struct sl_op *scan,
                            const struct sl_term *terms, const struct sl_sql_type *types,
                            uint32_t term_count, struct sl_error *err);
void sl_row_fetch_fini(struct sl_row_fetch *fetch);

/* out_refs[places[i].index] is row i; its store is NULL when the row turned out to be damaged.
 * `places` are sorted here. */
SL_MUST_CHECK
sl_status sl_row_fetch_run(struct sl_row_fetch *fetch, struct sl_row_place *places, uint32_t count,
                           struct sl_row_ref *out_refs, struct sl_error *err);

#endif
