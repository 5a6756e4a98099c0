/*
 * plan.h - a bound select becomes operators.
 *
 * What is decided here: conjuncts and clauses of the WHERE (bounds.h), the order of the scan,
 * whether rows are sorted or only the best kept, where a LIMIT cuts, and that COUNT(*) without a
 * WHERE reads nothing.
 *
 * Ownership: everything in exec->arena.
 * Layer:     query, internal.
 */
#ifndef SLUICE_QUERY_PLAN_H
#define SLUICE_QUERY_PLAN_H

#include "query/op.h"

/* `select` is the head of its UNION chain. *out_op is the root, not started. */
SL_MUST_CHECK
sl_status sl_plan_build(struct sl_exec *exec, const struct sl_select *select, struct sl_op **out_op,
                        struct sl_error *err);

/* The plan as text, one line for each operator, the root first; with the counters of a run when
 * exec->is_analyzed. */
void sl_plan_explain(const struct sl_op *root, unsigned depth, struct sl_buf *out);

#endif
