/*
 * program.h - an expression as a flat list of vector steps.
 *
 * The front compiles a bound expression once for a query; every worker runs it over morsels.
 * No recursion at run time. A step over constant arguments yields a constant; a step over one
 * dictionary and constants runs over the dictionary's entries and keeps the codes, when the
 * function is cheap to apply to values that no row has. So a predicate on a dictionary column
 * costs one evaluation for each distinct value.
 *
 * Threads: a compiled program is immutable; sl_program_run is pure but for its arena.
 * Layer:   query, internal.
 */
#ifndef SLUICE_QUERY_PROGRAM_H
#define SLUICE_QUERY_PROGRAM_H

#include "query/bound.h"
#include "query/function.h"
#include "storage/base/arena.h"
#include "storage/base/status.h"

struct sl_program;

/* What a running expression may ask about: fixed for the whole statement. */
struct sl_session; /* query.h */

/* Compile; lives in `arena`. INPUT, KEY and AGGREGATE slots become positions in `slots` as
 * `slot_of` says: operators decide what vector stands where. */
SL_MUST_CHECK
sl_status sl_program_compile(const struct sl_expr *expr, struct sl_arena *arena,
                             struct sl_program **out_program, struct sl_error *err);

/* The inputs a program reads: a bitmap over INPUT slots, KEY slots, AGGREGATE slots. An operator
 * fetches only these columns. */
bool sl_program_reads_input(const struct sl_program *program, uint32_t slot);

/* Does it read this slot of this kind (INPUT, KEY, AGGREGATE)? */
bool sl_program_loads(const struct sl_program *program, enum sl_expr_kind kind, uint32_t slot);

/* Vectors by kind of slot; entries that the program does not read may be garbage. `check` (NULL: none) is
 * asked once for every 1,024 rows of a function that is computed row by row, and for every 64 KiB of the
 * texts that it reads and makes; its failure ends the run. */
struct sl_program_row_source {
    const struct sl_vector *inputs;
    const struct sl_vector *keys;
    const struct sl_vector *aggregates;
    sl_eval_check_fn *check;
    void *check_context;
    struct sl_warnings *warnings; /* of what is computed row by row; NULL: nobody is told */
};

/*
 * Evaluate over `count` rows. Rows outside `selection` (NULL: all) may be skipped: their result
 * is unspecified but readable. *out_vector borrows from `arena` and from the sources. Text
 * functions and decimals may fail with SL_LIMIT.
 */
SL_MUST_CHECK
sl_status sl_program_run(const struct sl_program *program,
                         const struct sl_program_row_source *source, uint32_t count,
                         const uint64_t *selection, struct sl_arena *arena,
                         struct sl_vector *out_vector, struct sl_error *err);

/* Evaluate a predicate and keep in `selection` only the rows where it is true (not NULL). */
SL_MUST_CHECK
sl_status sl_program_filter(const struct sl_program *program,
                            const struct sl_program_row_source *source, uint32_t count,
                            uint64_t *selection, struct sl_arena *arena, struct sl_error *err);

#endif
