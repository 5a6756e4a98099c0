/*
 * definition.h - what clients have created: views, tables and databases, by database name.
 *
 * A view is a select, kept as its text. A table is a list of columns as they were declared. One that
 * has the name of a built-in view holds no rows, because those are flows; any other is its creator's
 * own, and its rows are kept here, as bytes (own_table.h). A database is a name.
 *
 * Names are compared without regard to ASCII case and are at most SL_COLUMN_NAME_BYTES_MAX long.
 *
 * Ownership: what is found is copied into the caller's arena.
 * Threads:   any.
 * Errors:    SL_LIMIT beyond SL_DEFINITIONS_MAX or SL_DEFINITION_BYTES_MAX; those of `save`.
 * Layer:     query, internal.
 */
#ifndef SLUICE_QUERY_DEFINITION_H
#define SLUICE_QUERY_DEFINITION_H

#include "query/query.h"
#include "storage/base/arena.h"
#include "storage/base/buf.h"

enum {
    SL_DEFINITIONS_MAX = 10000,
    SL_DEFINITION_BYTES_MAX = 64 << 10,
    SL_DEFINITION_ROWS_BYTES_MAX = 4 << 20,   /* of one table: a value of the catalog */
    SL_DEFINITIONS_ROWS_BYTES_MAX = 64 << 20, /* of all of them: they are in memory */
};

/* Stored as numbers: never reuse one. */
enum sl_definition_kind {
    SL_DEFINITION_VIEW = 1,
    SL_DEFINITION_TABLE = 2,
    SL_DEFINITION_DATABASE = 3, /* has neither name nor text */
};

struct sl_definition {
    enum sl_definition_kind kind;
    enum sl_dialect dialect; /* of a view's text */
    struct sl_slice database;
    struct sl_slice name;
    struct sl_slice text; /* VIEW: a select. TABLE: "type\tname\n" for each column */
    uint32_t row_count;   /* TABLE: those that are kept here, when it was found */
    uint32_t row_bytes;
};

/* Make it durable before it counts; text NULL: forget it. */
typedef sl_status sl_definition_save_fn(void *context, const struct sl_definition *definition,
                                        struct sl_error *err);

/* The same for the rows of a table; none: forget them. */
typedef sl_status sl_definition_save_rows_fn(void *context, const struct sl_definition *definition,
                                             struct sl_slice rows, struct sl_error *err);

/* Both may be NULL: then nothing is durable. Never NULL. */
struct sl_definitions *sl_definitions_create(sl_definition_save_fn *save,
                                             sl_definition_save_rows_fn *save_rows, void *context);

/* All functions below take NULL for "there are none". */
bool sl_definitions_find(struct sl_definitions *definitions, struct sl_slice database,
                         struct sl_slice name, struct sl_arena *arena,
                         struct sl_definition *out_definition);

/* Add it, or put it in the place of the one with its names. */
SL_MUST_CHECK
sl_status sl_definitions_put(struct sl_definitions *definitions,
                             const struct sl_definition *definition, struct sl_error *err);
/* *out_found: there was one of these names. */
SL_MUST_CHECK
sl_status sl_definitions_remove(struct sl_definitions *definitions, struct sl_slice database,
                                struct sl_slice name, bool *out_found, struct sl_error *err);
/* As read from where `save` puts them: taken as it is. */
SL_MUST_CHECK
sl_status sl_definitions_load(struct sl_definitions *definitions,
                              const struct sl_definition *definition, struct sl_error *err);

/* All of them, copied to the arena, in the order of database and name. */
SL_MUST_CHECK
sl_status sl_definitions_list(struct sl_definitions *definitions, struct sl_arena *arena,
                              struct sl_definition **out_list, uint32_t *out_count,
                              struct sl_error *err);

/* The rows of a table, copied; false: there is no such table, or no memory. */
SL_MUST_CHECK
bool sl_definitions_rows(struct sl_definitions *definitions, struct sl_slice database,
                         struct sl_slice name, struct sl_arena *arena, struct sl_slice *out_rows);

/* Put what `change` makes of them into their place, durably, while nobody else changes any. */
typedef sl_status sl_definition_change_rows_fn(void *context, struct sl_slice rows,
                                               struct sl_buf *out_rows, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_definitions_change_rows(struct sl_definitions *definitions, struct sl_slice database,
                                     struct sl_slice name, sl_definition_change_rows_fn *change,
                                     void *context, struct sl_error *err);
/* As read from where `save_rows` puts them; false: there is no such table. */
SL_MUST_CHECK
bool sl_definitions_load_rows(struct sl_definitions *definitions, struct sl_slice database,
                              struct sl_slice name, struct sl_slice rows);

/* Would a table of this name be its creator's own? */
bool sl_definition_is_own(struct sl_slice name);

/* information_schema and its kin: no name in them is a flow's. */
bool sl_is_system_database(struct sl_slice database);

/* Column number *at of a table's text, and step on; false behind the last one. */
bool sl_definition_column(const struct sl_definition *table, uint32_t *at,
                          struct sl_slice *out_name, struct sl_slice *out_type);

#endif
