/*
 * subquery_fill.h - a bound tree whose subqueries have values: these become constants in it.
 *
 * Layer: query, internal.
 */
#ifndef SLUICE_QUERY_SUBQUERY_FILL_H
#define SLUICE_QUERY_SUBQUERY_FILL_H

#include "query/front.h"
#include "query/types.h"

/* In every expression of the chain and of what it reads. `subqueries`: by number; those that the chain
 * names must have run. Errors: those of typing and of folding. */
SL_MUST_CHECK
sl_status sl_subqueries_fill(struct sl_typing *typing, struct sl_subquery *const *subqueries,
                             struct sl_select *chain, struct sl_error *err);

#endif
