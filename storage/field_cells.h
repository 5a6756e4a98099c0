/*
 * field_cells.h - many values of one field at once: a column of a table of text.
 *
 * field.h is the definition of what a text means. Here loops over a column of cells take those that
 * are written in the usual way (decimal digits, dotted addresses, ISO 8601 and seconds, text) eight
 * bytes at a time and straight into the builder's array; every other cell is given to sl_field_set.
 * So both say the same of every text, and a test compares them.
 *
 * Rows are ahead of the builder here: cell i is of row builder->row_count + i, and rows count when
 * sl_field_end_rows has completed them.
 *
 * Threads: one for a builder.
 * Layer:   batch. Facade: every layer above may include it.
 */
#ifndef SLUICE_STORAGE_FIELD_CELLS_H
#define SLUICE_STORAGE_FIELD_CELLS_H

#include "storage/field.h"

/* So many bytes behind the last cell are readable, whatever they are. */
enum { SL_CELLS_PADDING_BYTES = 16 };

/*
 * Cell i is text[before[i * before_step] + 1 .. after[i * after_step]), the sum modulo 2^32: what
 * stands between two separators. So the places of separators, found once, are all cells of a table.
 * A step of 0 gives all rows the same text.
 */
struct sl_cells {
    const char *text; /* borrowed */
    const uint32_t *before;
    const uint32_t *after;
    size_t before_step;
    size_t after_step;
    uint32_t count; /* at most what the builder has room for */
};

static inline const char *
sl_cells_at(const struct sl_cells *cells, uint32_t i, uint32_t *out_bytes)
{
    uint32_t start = cells->before[i * cells->before_step] + 1;
    *out_bytes = cells->after[i * cells->after_step] - start;
    return cells->text + start;
}

/* Can columns of these fields be set one after the other? Not when two of them may give a row the
 * same text: the first of the row counts then, and not the first of the fields. */
bool sl_field_are_columns(const struct sl_field *fields, uint32_t count);

/* Set a column of cells. The number of cells from the first on that are set; when it is less than
 * cells->count, the next one must be left to sl_field_set in its row, which may refuse it. Later
 * rows may hold values then. */
uint32_t sl_field_set_cells(const struct sl_field *field, struct sl_schema *schema,
                            struct sl_builder *builder, const struct sl_cells *cells);

/* Complete `count` rows as sl_field_end_row does. The number that it took: the row after these is
 * one that sl_field_end_row refuses. What any of `set_count` rows has set beyond is taken back. */
uint32_t sl_field_end_rows(struct sl_schema *schema, struct sl_builder *builder, uint32_t count,
                           uint32_t set_count, int64_t oldest_us);

#endif
