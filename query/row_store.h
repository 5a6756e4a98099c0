/*
 * row_store.h - rows kept while a query runs: what a sort collects, what a virtual table emits.
 *
 * Columns of plain values at their type's full width, text in an arena of its own; all of it
 * counted by the query's budget.
 *
 * Ownership: init in the caller's memory, fini gives everything back.
 * Threads:   one at a time; reading needs no lock once nobody appends.
 * Errors:    SL_LIMIT beyond the budget.
 * Layer:     query, internal.
 */
#ifndef SLUICE_QUERY_ROW_STORE_H
#define SLUICE_QUERY_ROW_STORE_H

#include "query/exec.h"

struct sl_row_column {
    uint8_t *values;   /* owned: capacity values; TEXT and OCTETS: struct sl_slice each */
    uint64_t *present; /* owned: capacity bits */
    size_t value_bytes;
};

struct sl_row_store {
    struct sl_exec *exec;            /* borrowed */
    const struct sl_sql_type *types; /* borrowed */
    struct sl_row_column *columns;   /* owned */
    struct sl_arena *text;           /* owned */
    size_t text_bytes;               /* of live rows and of those dropped since */
    uint32_t column_count;
    uint32_t row_count;
    uint32_t capacity;
};

void sl_row_store_init(struct sl_row_store *store, struct sl_exec *exec,
                       const struct sl_sql_type *types, uint32_t column_count);
void sl_row_store_fini(struct sl_row_store *store);

/* Append rows[0 .. count) of `vectors`, one vector for each column. */
SL_MUST_CHECK
sl_status sl_row_store_append(struct sl_row_store *store, const struct sl_vector *vectors,
                              const uint32_t *rows, uint32_t count, struct sl_error *err);

/* Append one row. */
SL_MUST_CHECK
sl_status sl_row_store_append_values(struct sl_row_store *store, const struct sl_value *values,
                                     struct sl_error *err);

/* Keep only rows[0 .. count), in that order; `rows` has no duplicates. */
SL_MUST_CHECK
sl_status sl_row_store_keep(struct sl_row_store *store, const uint32_t *rows, uint32_t count,
                            struct sl_error *err);

/* A view of one column: plain, borrowed until the next change. Not for TEXT and OCTETS. */
int sl_row_store_compare(const struct sl_row_store *a, uint32_t row_a, const struct sl_row_store *b,
                         uint32_t row_b, uint32_t column);

/* See sl_vector_rank. */
uint64_t sl_row_store_rank(const struct sl_row_store *store, uint32_t row, uint32_t column);

/* A row of some store. */
struct sl_row_ref {
    const struct sl_row_store *store;
    uint32_t row;
};

/* Copy `column` of refs[0 .. count) (stores of equal types) into a plain vector. */
SL_MUST_CHECK
sl_status sl_row_store_gather(const struct sl_row_ref *refs, uint32_t count, uint32_t column,
                              struct sl_arena *arena, struct sl_vector *out_vector,
                              struct sl_error *err);

#endif
