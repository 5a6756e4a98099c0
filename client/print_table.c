/*
 * print_table.c - the only user of libsmartcols. See print.h.
 *
 * A table's widths need its rows, so rows are laid out in pages: a result of any size prints
 * with bounded memory, and only a result longer than a page may change its widths on the way.
 */
#include <libsmartcols.h>

#include "client/print.h"
#include "storage/value_text.h"

enum { PAGE_ROWS = 10000, CELL_BYTES_MAX = 1 << 20 };

static bool
is_number(enum sl_type type)
{
    return (type >= SL_TYPE_U8 && type <= SL_TYPE_F64) || type == SL_TYPE_DECIMAL;
}

static struct libscols_table *
new_table(const struct sl_wire_column *columns, uint32_t column_count, bool has_head)
{
    struct libscols_table *table = scols_new_table();
    if (table == NULL)
        return NULL;
    (void)scols_table_enable_noheadings(table, !has_head);
    (void)scols_table_enable_maxout(table, 0);
    for (uint32_t i = 0; i < column_count; i++) {
        int flags = is_number(columns[i].type) ? SCOLS_FL_RIGHT : 0;
        struct libscols_column *column = scols_table_new_column(table, columns[i].name, 0, flags);
        if (column == NULL) {
            scols_unref_table(table);
            return NULL;
        }
        (void)scols_column_set_safechars(column, "\n");
    }
    return table;
}

/* A cell's text, free()d by the table. */
static char *
cell_text(const struct sl_vector *v, uint32_t row)
{
    struct sl_buf text = sl_buf_empty(CELL_BYTES_MAX);
    size_t size_bytes = 0;
    if (sl_vector_is_null(v, row))
        sl_buf_text(&text, "NULL");
    else
        sl_value_format(v, row, &text);
    sl_buf_u8(&text, '\0');
    char *taken = (char *)sl_buf_take(&text, &size_bytes);
    sl_buf_fini(&text);
    return taken;
}

static sl_status
add_row(struct libscols_table *table, const struct sl_vector *vectors, uint32_t column_count,
        uint32_t row, struct sl_error *err)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    if (line == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for a table of this size; use --format csv");
    for (uint32_t i = 0; i < column_count; i++) {
        char *text = cell_text(&vectors[i], row);
        if (text == NULL || scols_line_refer_data(line, i, text) != 0) {
            free(text);
            return sl_fail(err, SL_LIMIT, "no memory for a table of this size; use --format csv");
        }
    }
    return SL_OK;
}

struct pager {
    struct libscols_table *table; /* the page that is being filled, NULL for none */
    const struct sl_wire_column *columns;
    uint32_t column_count;
    uint32_t page_rows;
    uint64_t rows;
    FILE *file;
};

static sl_status
print_page(struct pager *p, struct sl_error *err)
{
    if (p->table == NULL)
        return SL_OK;
    (void)scols_table_set_stream(p->table, p->file);
    int failed = scols_print_table(p->table);
    scols_unref_table(p->table);
    p->table = NULL;
    p->page_rows = 0;
    if (failed != 0 || fflush(p->file) != 0)
        return sl_fail(err, SL_IO, "the output cannot be written");
    return SL_OK;
}

static sl_status
begin_page(struct pager *p, struct sl_error *err)
{
    p->table = new_table(p->columns, p->column_count, p->rows == 0);
    if (p->table == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for a table");
    return SL_OK;
}

/* A result without rows: libsmartcols prints nothing then, not even what was asked for. */
static sl_status
print_head(const struct pager *p, struct sl_error *err)
{
    for (uint32_t i = 0; i < p->column_count; i++)
        if (fprintf(p->file, "%s%c", p->columns[i].name, i + 1 < p->column_count ? ' ' : '\n') < 0)
            return sl_fail_errno(err, "the output cannot be written");
    return fflush(p->file) == 0 ? SL_OK : sl_fail_errno(err, "the output cannot be written");
}

static sl_status
print_pages(struct pager *p, struct sl_result *result, struct sl_error *err)
{
    for (;;) {
        const struct sl_vector *vectors = NULL;
        uint32_t count = 0;
        SL_TRY(sl_result_next(result, &vectors, &count, err));
        if (count == 0)
            return p->rows == 0 ? print_head(p, err) : print_page(p, err);
        for (uint32_t row = 0; row < count; row++) {
            if (p->table == NULL)
                SL_TRY(begin_page(p, err));
            SL_TRY(add_row(p->table, vectors, p->column_count, row, err));
            p->rows++;
            if (++p->page_rows == PAGE_ROWS)
                SL_TRY(print_page(p, err));
        }
    }
}

sl_status
sl_print_table(struct sl_result *result, FILE *file, uint64_t *out_rows, struct sl_error *err)
{
    struct pager p = {.file = file};
    p.columns = sl_result_columns(result, &p.column_count);
    sl_status st = SL_OK;
    /* An empty result shows its headings all the same. */
    if (p.column_count != 0)
        st = begin_page(&p, err);
    if (st == SL_OK)
        st = print_pages(&p, result, err);
    if (p.table != NULL)
        scols_unref_table(p.table);
    *out_rows = p.rows;
    return st;
}
