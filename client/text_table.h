/*
 * text_table.h - a table of text: a first line with the names of its columns, a line for each row.
 *
 * The separator is the first character of the first line that is neither letter, digit, underscore,
 * point, blank nor quote (nProbe's default is |). A field may be quoted as RFC 4180 has it; a quoted
 * field does not span lines. A separator at the end of a line ends its last field.
 *
 * sl_text_table_row is the definition. sl_text_table_rows takes many plain lines at once: it finds
 * all separators, then sets column after column. Where it meets a line that is not plain (a quote,
 * another number of fields, a value that is refused) it stops, and the line is left to the definition.
 *
 * Ownership: the caller's. Columns are borrowed from the schema.
 * Threads:   one.
 * Layer:     client, internal.
 */
#ifndef SLUICE_CLIENT_TEXT_TABLE_H
#define SLUICE_CLIENT_TEXT_TABLE_H

#include "client/text_marks.h"
#include "storage/field.h"
#include "storage/field_cells.h"

enum {
    SL_TABLE_FIELDS_MAX = 1024,
    SL_TABLE_ROWS_MAX = 256, /* lines taken at once: their text and marks stay in the cache */
    SL_TABLE_LINES_BYTES_MAX = 1 << 20,           /* and so many bytes */
    SL_TABLE_PADDING_BYTES = SL_MARKS_STEP_BYTES, /* readable behind the text, whatever it is */
};

_Static_assert((int)SL_TABLE_PADDING_BYTES >= (int)SL_CELLS_PADDING_BYTES,
               "cells are read beyond their end");

/* The same text in every row. */
struct sl_text_constant {
    struct sl_field field;
    char text[64 + SL_CELLS_PADDING_BYTES];
    uint32_t text_bytes;
};

struct sl_text_table {
    struct sl_schema *schema; /* borrowed */
    char separator;
    uint32_t field_count; /* 0: the first line was not read */
    struct sl_field fields[SL_TABLE_FIELDS_MAX];
    struct sl_text_constant constants[2];
    uint32_t constant_count;
    bool is_columnar;         /* sl_text_table_rows may take lines */
    uint32_t rows_wanted;     /* how many lines it looks for: fewer where lines are odd */
    uint32_t line_separators; /* of the last plain line, at least 1, */
    uint32_t line_others;     /* and its '\r' and '\n' */
    sl_text_marks_fn *find_marks;
    uint32_t *separators; /* owned, with their slack */
    uint32_t *line_ends;  /* owned, the one before the first, then the others */
};

void sl_text_table_init(struct sl_text_table *table, struct sl_schema *schema);
void sl_text_table_fini(struct sl_text_table *table);

/* Read the first line. SL_FORMAT and SL_LIMIT with the reason. */
SL_MUST_CHECK
sl_status sl_text_table_head(struct sl_text_table *table, char *line, size_t line_bytes,
                             struct sl_error *err);

/* A column that no field of the first line fills has this text (at most 64 bytes) in every row. */
void sl_text_table_add_constant(struct sl_text_table *table, const struct sl_column *column,
                                const char *text);

/* Does a field of the first line fill the column? */
bool sl_text_table_has(const struct sl_text_table *table, enum sl_core_column column);

/* Set the builder's current row from a line without its end; the line is changed. SL_FORMAT with the
 * reason. */
SL_MUST_CHECK
sl_status sl_text_table_row(const struct sl_text_table *table, struct sl_builder *builder,
                            char *line, size_t line_bytes, struct sl_error *err);

/*
 * Set and complete rows from whole lines at the start of text[0 .. size_bytes), as sl_text_table_row
 * and sl_field_end_row do with `oldest_us`, while the builder has room. How many lines it took, each
 * one row, and their bytes. 0: the first line is not plain.
 */
uint32_t sl_text_table_rows(struct sl_text_table *table, struct sl_builder *builder,
                            const char *text, size_t size_bytes, int64_t oldest_us,
                            size_t *out_bytes);

#endif
