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
#include "query/insert.h"
#include "query/own_table.h"

/* All rows into the sink, each with its number behind its columns. */
SL_MUST_CHECK
sl_status sl_own_fill(const struct sl_own_table *table, struct sl_virtual_sink *sink,
                      struct sl_error *err);

/* Rows of INSERT ... SELECT, a vector for each column of the change, into `rows`, encoded; `values` has room for a
 * row. */
SL_MUST_CHECK
sl_status sl_own_encode(const struct sl_own_change *change, const struct sl_vector *vectors,
                        uint32_t count, struct sl_value *values, struct sl_buf *rows,
                        struct sl_error *err);
SL_MUST_CHECK
sl_status sl_own_insert(struct sl_exec *exec, const struct sl_own_change *change,
                        struct sl_error *err);
/* The lines of a file that are there, into `rows`, encoded; a field that its column cannot hold is NULL, and
 * dropped. `cells` has room for a line. */
SL_MUST_CHECK
sl_status sl_own_load(const struct sl_exec *exec, const struct sl_statement *statement,
                      struct sl_load *load, struct sl_cell *cells,
                      struct sl_insert_progress *progress, struct sl_buf *rows,
                      struct sl_error *err);
/* The statement's select gives the numbers of the rows that go. */
SL_MUST_CHECK
sl_status sl_own_delete(struct sl_exec *exec, struct sl_statement *statement,
                        uint64_t *out_deleted_rows, struct sl_error *err);

#endif
