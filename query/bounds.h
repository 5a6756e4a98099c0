/*
 * bounds.h - what a WHERE says about single columns, in the words that a scan can prune by.
 *
 * The predicate is cut into conjuncts. Each becomes a program, which decides exactly, and, where
 * it is a comparison of columns with constants (or an OR of such), a clause, which may only be
 * too wide. Conjuncts are ordered so that the cheap and selective ones run first.
 *
 * Layer: query, internal.
 */
#ifndef SLUICE_QUERY_BOUNDS_H
#define SLUICE_QUERY_BOUNDS_H

#include "query/exec.h"

/* One part of an AND. */
struct sl_conjunct {
    struct sl_term term;
    const struct sl_expr *expr;
    uint32_t cost; /* lower runs first */
    /* It says exactly: last_seen lies in [low_us, high_us]. A morsel whose bounds lie inside
     * need not decode its times. */
    bool is_time_range;
    int64_t low_us;
    int64_t high_us;
    /* It says exactly what this clause says, of which each test asks a column for a few ranges of addresses:
     * rows are told by the codes of their addresses. NULL: it does not. Set with the clauses. */
    const struct sl_clause *addresses;
    /* Number of its clause + 1, where the clause says just the same; 0: it has none, or is wider. */
    uint32_t exact_clause;
};

/* Cut `where` (NULL: no conjuncts) and compile. *out_never: a conjunct is constant and not true. */
SL_MUST_CHECK
sl_status sl_bounds_split(const struct sl_expr *where, const struct sl_input *inputs,
                          uint32_t input_count, struct sl_arena *arena,
                          struct sl_conjunct **out_conjuncts, uint32_t *out_count, bool *out_never,
                          struct sl_error *err);

/* Clauses of conjuncts over columns of the store, in `arena`; sets `addresses` and exact_clause of the conjuncts. */
SL_MUST_CHECK
sl_status sl_bounds_clauses(struct sl_conjunct *conjuncts, uint32_t count,
                            const struct sl_input *inputs, struct sl_arena *arena,
                            struct sl_clause **out_clauses, uint32_t *out_count,
                            struct sl_error *err);

#endif
