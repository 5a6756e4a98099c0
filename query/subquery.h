/*
 * subquery.h - the selects inside expressions run, and their values take their place.
 *
 * They count against the budget of the query, and its deadline and cancel end them.
 *
 * Errors: SL_LIMIT when a list has more than SL_SQL_IN_LIST_MAX values; SL_TYPE (1242) when a value
 *         has more than one row.
 * Layer:  query, internal.
 */
#ifndef SLUICE_QUERY_SUBQUERY_H
#define SLUICE_QUERY_SUBQUERY_H

#include "query/exec.h"
#include "query/front.h"

/* Run them in turn; then the statement's tree can be planned. Their plans are appended to
 * `explanation`, unless that is NULL. */
SL_MUST_CHECK
sl_status sl_subqueries_run(struct sl_exec *exec, struct sl_statement *statement,
                            struct sl_buf *explanation, struct sl_error *err);

#endif
