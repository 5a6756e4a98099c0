/*
 * op.h - the operator contract: start, next, close.
 *
 * An operator turns the chunks of its children into chunks of its own. It is read by several
 * workers at once: next(worker) hands worker number `worker` rows that no other worker gets.
 * An operator that must see all rows first (group, sort) does so in start, where it runs its
 * child on all workers and waits for them.
 *
 *   start   once, from the query's thread, children first
 *   next    any number of times; one thread at a time for each worker number; a chunk of 0 rows
 *           is that worker's end, and asking again stays at the end
 *   stop    nobody wants more rows: chunks in the making may end early
 *   close   once, always, also after a failure of start
 *
 * A chunk is borrowed until the next call with the same worker. Operators below a projection
 * pass inputs (or keys and aggregates) of their select, those above it pass its outputs as
 * inputs. `width` is the number of workers that can get rows: 1 where an order must be kept.
 *
 * Ownership: operators lie in the plan's arena; what they take while running they give back in
 *            close.
 * Layer:     query, internal.
 */
#ifndef SLUICE_QUERY_OP_H
#define SLUICE_QUERY_OP_H

#include "query/bounds.h"
#include "query/exec.h"
#include "storage/base/buf.h"

struct sl_op;

struct sl_op_class {
    const char *name;
    sl_status (*start)(struct sl_op *op, struct sl_error *err);
    sl_status (*next)(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk,
                      struct sl_error *err);
    void (*close)(struct sl_op *op);
    /* One line of EXPLAIN without its end; `op->exec->is_analyzed`: with counters. */
    void (*describe)(const struct sl_op *op, struct sl_buf *out);
};

enum { SL_OP_CHILDREN_MAX = 2 };

struct sl_op {
    const struct sl_op_class *class;
    struct sl_exec *exec;
    struct sl_op *children[SL_OP_CHILDREN_MAX];
    unsigned width;
    bool is_started;
    atomic_bool is_stopped;
    atomic_uint_fast64_t rows_out; /* ANALYZE */
    atomic_int_fast64_t time_us;   /* ANALYZE: of all workers, children included */
    void *state;                   /* of the class, in the plan's arena */
};

/* Through these, so that counters and states are kept in one place. */
SL_MUST_CHECK
sl_status sl_op_start(struct sl_op *op, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_op_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk,
                     struct sl_error *err);
void sl_op_stop(struct sl_op *op);
void sl_op_close(struct sl_op *op); /* and its children; NULL is allowed */

/* A new operator with `state_bytes` of zeroed state; NULL when the arena is full. */
struct sl_op *sl_op_create(struct sl_exec *exec, const struct sl_op_class *class,
                           struct sl_op *child, size_t state_bytes);

/* One arena for each worker, counted by the query's budget. */
struct sl_op_arenas {
    struct sl_arena **arenas; /* exec->threads of them */
};
SL_MUST_CHECK
sl_status sl_op_arenas_open(struct sl_op_arenas *arenas, struct sl_exec *exec,
                            struct sl_error *err);
void sl_op_arenas_close(struct sl_op_arenas *arenas, const struct sl_exec *exec);

/* ---- the operators; each creator answers SL_LIMIT when the statement is too large ---- */

/* One row without columns. */
SL_MUST_CHECK
sl_status sl_op_none(struct sl_exec *exec, struct sl_op **out_op, struct sl_error *err);

/* Morsels of the store. The request is copied; clauses are borrowed from the arena. */
SL_MUST_CHECK
sl_status sl_op_scan(struct sl_exec *exec, const struct sl_input *inputs, uint32_t input_count,
                     const struct sl_scan_request *request, struct sl_op **out_op,
                     struct sl_error *err);
/* What the scan saw so far; zero for an operator that is no scan. */
void sl_op_scan_counters(const struct sl_op *op, struct sl_scan_counters *out_counters);
bool sl_op_is_scan(const struct sl_op *op);
/* Rows that a scan handed out before, once more: rows[0 .. count), ascending, of a place. The chunk
 * has them alone, or, when it has more than `count`, at these numbers. */
SL_MUST_CHECK
sl_status sl_op_scan_revisit(struct sl_op *op, unsigned worker, uint64_t place,
                             const uint32_t *rows, uint32_t count, struct sl_chunk *out_chunk,
                             struct sl_error *err);
/* See sl_scan_narrow_time. */
void sl_op_scan_narrow(struct sl_op *op, int64_t low_us, int64_t high_us);

/* Columns of a virtual table. */
/* The query that a table's rows are made for. */
const struct sl_exec *sl_virtual_exec(const struct sl_virtual_sink *sink);
SL_MUST_CHECK
sl_status sl_op_virtual(struct sl_exec *exec, const struct sl_virtual_table *table,
                        const struct sl_input *inputs, uint32_t input_count, struct sl_op **out_op,
                        struct sl_error *err);

/* Rows for which every conjunct is true, tested in that order. `what` is for EXPLAIN. */
SL_MUST_CHECK
sl_status sl_op_filter(struct sl_exec *exec, struct sl_op *child,
                       const struct sl_conjunct *conjuncts, uint32_t conjunct_count,
                       const char *what, struct sl_op **out_op, struct sl_error *err);

/* Narrow one chunk by all conjuncts; its count becomes 0 when no row is left. */
SL_MUST_CHECK
sl_status sl_conjuncts_filter(const struct sl_conjunct *conjuncts, uint32_t conjunct_count,
                              struct sl_chunk *chunk, struct sl_error *err);

/* COUNT(*) of the whole snapshot, without reading it: one group of `aggregate_count` counts. */
SL_MUST_CHECK
sl_status sl_op_row_count(struct sl_exec *exec, const struct sl_aggregate *aggregates,
                          uint32_t aggregate_count, struct sl_op **out_op, struct sl_error *err);

/* Inputs of a select over a subselect or a joined table: output `inputs[i].index` of the child becomes
 * input i, where inputs[i].table is `table`; the others stay empty. */
SL_MUST_CHECK
sl_status sl_op_rename(struct sl_exec *exec, struct sl_op *child, const struct sl_input *inputs,
                       uint32_t input_count, uint32_t table, struct sl_op **out_op,
                       struct sl_error *err);

/*
 * op_join.c: the rows of `probe`, each with those of `build` that its keys find (bound.h, sl_join). Both carry
 * `inputs`, the second those of the join's table alone. What `build` gives is kept, in the query's
 * budget; rows of `probe` pass by. Borrows the join.
 */
SL_MUST_CHECK
sl_status sl_op_join(struct sl_exec *exec, struct sl_op *probe, struct sl_op *build,
                     const struct sl_input *inputs, uint32_t input_count,
                     const struct sl_join *join, struct sl_op **out_op, struct sl_error *err);

/* Outputs of a select. */
SL_MUST_CHECK
sl_status sl_op_project(struct sl_exec *exec, struct sl_op *child, const struct sl_term *outputs,
                        uint32_t output_count, struct sl_op **out_op, struct sl_error *err);

/*
 * Projection, then ORDER BY, then at most `keep_rows` rows (UINT64_MAX: all). `scan`, when not NULL,
 * is where the rows come from, perhaps through a filter: what does not decide the order is then
 * fetched at the end, for the rows of the answer. `is_by_time`: the first order is by last_seen,
 * and the scan is told how far in time it still has to walk.
 */
SL_MUST_CHECK
sl_status sl_op_sort(struct sl_exec *exec, struct sl_op *child, const struct sl_term *outputs,
                     uint32_t output_count, const struct sl_order *orders, uint32_t order_count,
                     uint64_t keep_rows, struct sl_op *scan, bool is_by_time, struct sl_op **out_op,
                     struct sl_error *err);

SL_MUST_CHECK
sl_status sl_op_limit(struct sl_exec *exec, struct sl_op *child, uint64_t limit, uint64_t offset,
                      struct sl_op **out_op, struct sl_error *err);

/* All rows of both. */
SL_MUST_CHECK
sl_status sl_op_union(struct sl_exec *exec, struct sl_op *first, struct sl_op *second,
                      struct sl_op **out_op, struct sl_error *err);

/* Groups: chunks carry keys and aggregates. Keys and aggregates are borrowed. */
SL_MUST_CHECK
sl_status sl_op_group(struct sl_exec *exec, struct sl_op *child, const struct sl_key *keys,
                      uint32_t key_count, const struct sl_aggregate *aggregates,
                      uint32_t aggregate_count, uint32_t input_count, struct sl_op **out_op,
                      struct sl_error *err);

/* Which groups are asked for, by a COUNT or a SUM: all whose value is at least `least`, or the `keep` with
 * the greatest values and whichever have the same as the last of them. Others may be left out. */
enum sl_floor_kind { SL_FLOOR_NONE, SL_FLOOR_LEAST, SL_FLOOR_TOP };

struct sl_group_floor {
    enum sl_floor_kind kind;
    uint32_t aggregate;
    uint64_t least; /* LEAST */
    uint64_t keep;  /* TOP */
};

/* Before the group operator is started. */
void sl_op_group_narrow(struct sl_op *op, const struct sl_group_floor *floor);

#endif
