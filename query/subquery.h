/*
 * subquery.h - the selects behind IN run, and their values take their place.
 *
 * Errors: SL_LIMIT when there are more than SL_SQL_IN_LIST_MAX values.
 * Layer:  query, internal.
 */
#ifndef SLUICE_QUERY_SUBQUERY_H
#define SLUICE_QUERY_SUBQUERY_H

#include "query/exec.h"
#include "query/front.h"

/* Run them in turn; then the statement's tree can be planned. */
SL_MUST_CHECK
sl_status sl_subqueries_run(struct sl_exec *exec, struct sl_statement *statement,
                            struct sl_error *err);

#endif
