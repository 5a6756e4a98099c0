/*
 * insert.h - the rows of an INSERT after binding, and how they get into a builder.
 *
 * Ownership: all of it lies in the statement's arena; columns are the schema's.
 * Threads:   one.
 * Layer:     query, internal.
 */
#ifndef SLUICE_QUERY_INSERT_H
#define SLUICE_QUERY_INSERT_H

#include "query/load.h"
#include "query/syntax.h"
#include "storage/field.h"

/* Where a value of the list goes. */
struct sl_insert_target {
    struct sl_field field; /* column NULL: the value is dropped (a column that flows have anyway) */
    uint32_t position;     /* in the text */
};

struct sl_insert {
    const struct sl_insert_target *targets;
    uint32_t width;
    const struct sl_cell
        *cells; /* NONE, TEXT and VALUE; row by row. NULL: LOAD DATA, or a select */
    uint32_t row_count;
    const char *file; /* LOAD DATA: the name of the client's file; NULL: cells */
    struct sl_load_format format;
    const char *origin; /* "insert:DATABASE.VIEW" */
    bool is_delayed;
    bool is_ignore;
};

/* How far a statement's rows have got. */
struct sl_insert_progress {
    uint64_t row_next;
    uint64_t stored;              /* rows in builders */
    struct sl_warnings *warnings; /* of IGNORE: values that their columns cannot hold, rows that are
                                   * no flows; of LOAD DATA: lines of another width. Borrowed */
};

/*
 * Put rows into the builder until all are there or it is full. SL_TYPE (1366, 1364): a value that
 * its column cannot hold, a flow without a time; the builder is then as it was before.
 */
SL_MUST_CHECK
sl_status sl_insert_fill(const struct sl_insert *insert, struct sl_schema *schema,
                         struct sl_insert_progress *progress, struct sl_builder *builder,
                         struct sl_error *err);

/* The same with rows of INSERT ... SELECT, a vector for each value of the list: *row of them are done; `cells` and
 * `values` have room for a row. */
SL_MUST_CHECK
sl_status sl_insert_select(const struct sl_insert *insert, struct sl_schema *schema,
                           const struct sl_vector *vectors, uint32_t count, uint32_t *row,
                           struct sl_cell *cells, struct sl_value *values,
                           struct sl_insert_progress *progress, struct sl_builder *builder,
                           struct sl_error *err);

/* A line of LOAD DATA, the next row, with so many fields: a warning when they are not `width`. */
void sl_insert_check_width(const struct sl_insert_progress *progress, uint32_t width,
                           uint32_t fields);

/* The same with the lines of a file that are there; `cells` has room for a row. */
SL_MUST_CHECK
sl_status sl_insert_load(const struct sl_insert *insert, struct sl_schema *schema,
                         struct sl_load *load, struct sl_cell *cells,
                         struct sl_insert_progress *progress, struct sl_builder *builder,
                         struct sl_error *err);

#endif
