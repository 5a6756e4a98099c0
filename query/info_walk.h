/*
 * info_walk.h - walks for information_schema: databases, their tables, the tables' columns.
 *
 * A fill function makes rows while it walks: it puts the values of a row in order and ends it.
 *
 * Ownership: names that a visitor gets are borrowed for the call.
 * Layer:     query, internal to information_schema.
 */
#ifndef SLUICE_QUERY_INFO_WALK_H
#define SLUICE_QUERY_INFO_WALK_H

#include "query/definition.h"
#include "query/flow_view.h"
#include "query/op.h"

enum { SL_INFO_VALUES_MAX = 32 };

/* One run of a fill function. The row being made is `values`, `count` of them so far. */
struct sl_info_walk {
    const struct sl_exec *exec;
    struct sl_virtual_sink *sink;
    struct sl_arena *arena; /* owned */
    struct sl_definition *definitions;
    uint32_t definition_count;
    struct sl_value values[SL_INFO_VALUES_MAX];
    uint32_t count;
    struct sl_buf text; /* owned: of one row */
};

enum sl_info_kind { SL_INFO_FLOWS, SL_INFO_BUILT_IN, SL_INFO_CLIENTS, SL_INFO_VIRTUAL };

/* One table of one database. */
struct sl_info_table {
    enum sl_info_kind kind;
    struct sl_slice database;
    struct sl_slice name;
    bool is_view;
    const struct sl_flow_view *view;            /* BUILT_IN */
    const struct sl_definition *definition;     /* CLIENTS, and a BUILT_IN one that was created */
    const struct sl_virtual_table *virtual_one; /* VIRTUAL */
};

struct sl_info_column {
    const char *name;
    struct sl_slice type;
    bool is_nullable;
    const char *comment;
    uint32_t number; /* from 1 */
};

typedef sl_status sl_info_database_fn(struct sl_info_walk *walk, struct sl_slice database,
                                      struct sl_error *err);
typedef sl_status sl_info_table_fn(struct sl_info_walk *walk, const struct sl_info_table *table,
                                   struct sl_error *err);
typedef sl_status sl_info_column_fn(struct sl_info_walk *walk, const struct sl_info_table *table,
                                    const struct sl_info_column *column, struct sl_error *err);

struct sl_slice sl_info_slice_of(const char *text);

/* The next value of the row. */
void sl_info_put_slice(struct sl_info_walk *walk, struct sl_slice text);
void sl_info_put_text(struct sl_info_walk *walk, const char *text);
void sl_info_put_null(struct sl_info_walk *walk, enum sl_type type);
/* A negative number is NULL. */
void sl_info_put_number(struct sl_info_walk *walk, int64_t number);
SL_MUST_CHECK
sl_status sl_info_end_row(struct sl_info_walk *walk, struct sl_error *err);

SL_MUST_CHECK
sl_status sl_info_each_database(struct sl_info_walk *walk, sl_info_database_fn *visit,
                                struct sl_error *err);
SL_MUST_CHECK
sl_status sl_info_each_table(struct sl_info_walk *walk, struct sl_slice database,
                             sl_info_table_fn *visit, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_info_each_column(struct sl_info_walk *walk, const struct sl_info_table *table,
                              sl_info_column_fn *visit, struct sl_error *err);

#endif
