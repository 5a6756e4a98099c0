/*
 * own_rows.h - INSERT, DELETE and SELECT of tables that clients have made for themselves (own_table.h).
 *
 * Errors: SL_LIMIT beyond what such a table may hold; SL_CORRUPT: stored rows are none; SL_EXISTS: another
 *         statement has changed the table while a DELETE looked at it.
 * Layer:  query, internal.
 */
#ifndef SLUICE_QUERY_OWN_ROWS_H
#define SLUICE_QUERY_OWN_ROWS_H

#include "query/exec.h"
#include "query/front.h"
#include "query/own_table.h"

/* All rows into the sink, each with its number behind its columns. */
SL_MUST_CHECK
sl_status sl_own_fill(const struct sl_own_table *table, struct sl_virtual_sink *sink,
                      struct sl_error *err);

SL_MUST_CHECK
sl_status sl_own_insert(struct sl_exec *exec, const struct sl_own_change *change,
                        struct sl_error *err);
/* The statement's select gives the numbers of the rows that go. */
SL_MUST_CHECK
sl_status sl_own_delete(struct sl_exec *exec, struct sl_statement *statement,
                        uint64_t *out_deleted_rows, struct sl_error *err);

#endif
