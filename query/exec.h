/*
 * exec.h - what the operators of one running query share, and the chunks they pass on.
 *
 * A *chunk* is some rows on their way up the plan: vectors of equal length and a selection.
 * Rows of a scan are lazy: a vector is fetched when a program first reads it, and then only for
 * the rows that are still selected. That is the whole of late materialisation.
 *
 * Threads: an exec is shared by all workers of a query; a chunk belongs to one worker.
 * Layer:   query, internal.
 */
#ifndef SLUICE_QUERY_EXEC_H
#define SLUICE_QUERY_EXEC_H

#include <stdatomic.h>

#include "query/program.h"
#include "query/query.h"
#include "storage/base/arena.h"
#include "storage/base/status.h"
#include "storage/scan.h"

struct sl_exec {
    const struct sl_query_env *env;   /* borrowed for the life of the query */
    const struct sl_session *session; /* the same */
    struct sl_slice shown_table;      /* SHOW about a table; else empty */
    struct sl_snapshot *snapshot;     /* owned by the query; NULL without a store */
    struct sl_arena *arena;           /* borrowed: plan and programs */
    struct sl_budget budget;          /* memory of the running operators */
    unsigned threads;                 /* workers, 1 .. SL_THREADS_MAX */
    int64_t deadline_us;              /* monotonic; 0: none */
    bool is_analyzed;                 /* operators measure their time */
    bool is_long;                     /* a phase of it called workers: the next do at once */
    bool is_wide;                     /* not narrow: see sl_query_is_narrow */
    atomic_bool is_cancelled;
    atomic_bool is_failing; /* a worker failed: the others of its phase give up */
};

/* SL_CANCELLED, SL_TIMEOUT, or SL_OK. Asked once for each chunk; a phase that lasts gets its workers
 * here. */
SL_MUST_CHECK
sl_status sl_exec_check(struct sl_exec *exec, struct sl_error *err);

/* The one message for "over budget". */
sl_status sl_exec_out_of_memory(const struct sl_exec *exec, struct sl_error *err);

/*
 * Run `run` for 0 .. count - 1 on the workers and wait. The first failure is the answer; the
 * others see sl_exec_check fail and end early.
 */
typedef sl_status sl_exec_each_fn(void *context, unsigned index, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_exec_each(struct sl_exec *exec, unsigned count, sl_exec_each_fn *run, void *context,
                       struct sl_error *err);

/* Where the columns of a chunk come from when somebody asks. */
struct sl_lazy {
    struct sl_morsel *morsel;
    const struct sl_input *inputs; /* FLOWS inputs, borrowed */
    bool *is_fetched;              /* of each input */
    uint32_t input_count;
};

struct sl_chunk {
    uint32_t count;      /* rows; 0 is the end */
    uint64_t *selection; /* bitmap of count bits with at least one set; NULL: all rows */
    struct sl_vector *inputs;
    struct sl_vector *keys;
    struct sl_vector *aggregates;
    struct sl_lazy *lazy;   /* NULL: all inputs are there */
    struct sl_arena *arena; /* borrowed: lives as long as the chunk */
};

/* Selected rows of a chunk. */
uint32_t sl_chunk_selected(const struct sl_chunk *chunk);

/* Their numbers, ascending; `out_rows` has room for chunk->count. Returns how many. */
uint32_t sl_chunk_rows(const struct sl_chunk *chunk, uint32_t *out_rows);

/* A compiled expression and the inputs it reads. */
struct sl_term {
    struct sl_program *program;
    uint32_t *slots; /* owned by the arena */
    uint32_t slot_count;
    struct sl_sql_type type;
};

/* In `arena`. */
SL_MUST_CHECK
sl_status sl_term_compile(const struct sl_expr *expr, uint32_t input_count, struct sl_arena *arena,
                          struct sl_term *out_term, struct sl_error *err);

/* It will be run: what it reads may be fetched meanwhile, with that of others. */
void sl_term_announce(const struct sl_term *term, const struct sl_chunk *chunk);

/* Fetch what it reads for the rows of `selection` (NULL: those of the chunk), and run it. */
SL_MUST_CHECK
sl_status sl_term_run(const struct sl_term *term, struct sl_chunk *chunk, const uint64_t *selection,
                      struct sl_vector *out_vector, struct sl_error *err);

/* Keep only the rows for which it is true; chunk->count becomes 0 when none is left. */
SL_MUST_CHECK
sl_status sl_term_filter(const struct sl_term *term, struct sl_chunk *chunk, struct sl_error *err);

/*
 * Where few rows of a lazy chunk are selected, make them the whole chunk: what is fetched from now
 * on is decoded for them alone. Vectors computed before no longer fit.
 */
SL_MUST_CHECK
sl_status sl_chunk_focus(struct sl_chunk *chunk, struct sl_error *err);

/* A copy of the rows `rows[0 .. count)` of `vector`, in `arena`; NULL values when it is full. */
SL_MUST_CHECK
bool sl_vector_gather(const struct sl_vector *vector, const uint32_t *rows, uint32_t count,
                      struct sl_arena *arena, struct sl_vector *out_vector);

/* -1, 0, 1: two rows in the order of ORDER BY: NULL first, text by letters unless binary. */
int sl_vector_compare(const struct sl_vector *a, uint32_t row_a, const struct sl_vector *b,
                      uint32_t row_b, const struct sl_sql_type *type);

/* The same for byte strings alone. */
int sl_slice_compare(struct sl_slice a, struct sl_slice b, bool is_binary);

/*
 * A number that rises with the order above (never falls): equal numbers say nothing, unequal
 * ones decide. NULL is 0.
 */
uint64_t sl_vector_rank(const struct sl_vector *vector, uint32_t row,
                        const struct sl_sql_type *type);

/* Which of all rows have a rank between, as bits; false where there is no quick way to tell. */
bool sl_vector_rank_between(const struct sl_vector *vector, const struct sl_sql_type *type,
                            uint64_t low, uint64_t high, uint64_t *out_truth);

/* The ranks of rows[0 .. count). */
void sl_vector_ranks(const struct sl_vector *vector, const uint32_t *rows, uint32_t count,
                     const struct sl_sql_type *type, uint64_t *out_ranks);

#endif
