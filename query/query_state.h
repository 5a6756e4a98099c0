/*
 * query_state.h - a statement while it is carried out: what query.c prepares, query_rows.c gives
 * rows of, and query_change.c changes flows and tables by.
 *
 * Threads: as query.h says of the statement.
 * Layer:   query, internal.
 */
#ifndef SLUICE_QUERY_QUERY_STATE_H
#define SLUICE_QUERY_QUERY_STATE_H

#include "query/front.h"
#include "query/insert.h"
#include "query/plan.h"
#include "query/query.h"

#define SL_QUERY_MAGIC UINT32_C(0x5c0e7a11)

/* What a worker gave in this round. */
struct sl_round {
    struct sl_vector *vectors; /* of the result's columns; NULL: nothing */
    uint32_t count;
    bool is_ended; /* the worker has no more */
};

struct sl_query {
    uint32_t magic;
    struct sl_query_env env;
    struct sl_session session;
    struct sl_budget memory; /* of the arena */
    struct sl_arena *arena;  /* owned: statement, plan */
    struct sl_statement statement;
    struct sl_exec exec;
    struct sl_op *root; /* NULL: DELETE, empty, or parameters without values */
    struct sl_query_info info;
    struct sl_warnings warnings;
    struct sl_insert_progress inserted; /* INSERT */
    struct sl_load load;                /* LOAD DATA */
    struct sl_cell *cells;              /* LOAD DATA, INSERT ... SELECT: of one row */
    struct sl_value *values;            /* INSERT ... SELECT: of one row */
    const struct sl_vector
        *selected; /* INSERT ... SELECT: borrowed, until the next are asked for */
    uint32_t selected_count;
    uint32_t selected_next;
    struct sl_round *rounds; /* exec.threads of them */
    unsigned round_next;
    unsigned round_count;
    bool is_started;
    bool is_ended;
    sl_status failure;
    struct sl_error failure_error;
    atomic_bool is_running;    /* the scan may be asked for its progress */
    struct sl_buf explanation; /* owned */
    struct sl_buf own_rows;    /* owned: into a client's own table, until all are there */
    struct sl_vector explained;
    int64_t started_us; /* wall clock */
};

sl_status sl_query_fail_size(struct sl_error *err);

/* How long it may run; 0: without a limit. */
int64_t sl_query_timeout_us(const struct sl_query *query);

/* From here on the statement's time runs. */
void sl_query_set_deadline(struct sl_query *query);

/* The next rows of the statement's select, as sl_query_next gives them; the first call starts it. */
SL_MUST_CHECK
sl_status sl_query_next_rows(struct sl_query *query, const struct sl_vector **out_vectors,
                             uint32_t *out_count, struct sl_error *err);

/* The lines of EXPLAIN, as rows, once. */
SL_MUST_CHECK
sl_status sl_query_next_explanation(struct sl_query *query, const struct sl_vector **out_vectors,
                                    uint32_t *out_count, struct sl_error *err);

/* DELETE of flows; what defines views, tables and columns; INSERT into and DELETE of a client's own
 * table. Each does all of it at the first call, and nothing at later ones. */
SL_MUST_CHECK
sl_status sl_query_run_delete(struct sl_query *query, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_query_run_define(struct sl_query *query, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_query_change_own(struct sl_query *query, struct sl_error *err);

#endif
