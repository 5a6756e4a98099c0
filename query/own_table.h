/*
 * own_table.h - a table that a client has created with columns of its own: what they are, and rows as
 * bytes.
 *
 * Such a table is a definition (definition.h) whose name is neither `flows` nor that of a built-in view.
 * It is meant for names and lists that flows are joined with: all its rows are one value, which is
 * written anew by each INSERT and DELETE. It has neither keys nor defaults, and NULL may stand anywhere.
 *
 *   OFFSET  SIZE  FIELD
 *        0     4  number of rows, n
 *        4     -  n rows: for each column a byte, 0 for NULL or 1, then
 *                   text, bytes   varint, their size; they
 *                   DECIMAL       16 bytes
 *                   anything else 8 bytes
 *
 * Numbers are little-endian. No bytes at all: no rows. The types are those of the declared columns, which
 * stay as they are while there are rows.
 *
 * Ownership: a table lies in the arena that it was made in; values borrow from the bytes they were read
 *            from.
 * Limits:    SL_DEFINITION_ROWS_BYTES_MAX.
 * Layer:     query, internal.
 */
#ifndef SLUICE_QUERY_OWN_TABLE_H
#define SLUICE_QUERY_OWN_TABLE_H

#include "query/definition.h"
#include "storage/base/buf.h"
#include "storage/base/cursor.h"

struct sl_own_table {
    struct sl_virtual_table table; /* its `own` is this */
    struct sl_slice database;
    struct sl_slice name;
    uint32_t column_count; /* declared ones; behind them table.columns has the number of the row */
};

/* The table of a definition. */
SL_MUST_CHECK
sl_status sl_own_table_make(const struct sl_definition *definition, struct sl_arena *arena,
                            struct sl_own_table **out_table, struct sl_error *err);

/* One row; `values` are of the columns' types. */
void sl_own_row_put(struct sl_buf *out, const struct sl_own_table *table,
                    const struct sl_value *values);
/* False: these are no rows of this table. */
SL_MUST_CHECK
bool sl_own_row_take(struct sl_cursor *cursor, const struct sl_own_table *table,
                     struct sl_value *out_values);

/* A constant as a value of the column; *out_is_good false: it is none, and the value is NULL. */
struct sl_expr;
struct sl_typing;
SL_MUST_CHECK
sl_status sl_own_value(struct sl_typing *typing, struct sl_expr *expr,
                       const struct sl_virtual_column *column, struct sl_value *out_value,
                       bool *out_is_good, struct sl_error *err);

/* What an INSERT, a LOAD DATA or a DELETE does to such a table. */
struct sl_own_change {
    const struct sl_own_table *table;
    struct sl_slice rows; /* INSERT: encoded, without their number */
    uint32_t row_count;
    const uint32_t
        *columns; /* LOAD DATA, INSERT ... SELECT: of each field of a line, each output */
    uint32_t width;
};

#endif
