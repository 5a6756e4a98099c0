/*
 * bind_own.c - tables that clients have made for themselves: names, values and what a DELETE removes.
 */
#include "query/bind.h"
#include "query/definition.h"
#include "query/lex.h"
#include "query/own_table.h"
#include "query/value.h"

sl_status
sl_bind_own_table(struct sl_binder *b, const struct sl_syntax_select *syntax,
                  struct sl_own_table **out_table, struct sl_error *err)
{
    struct sl_slice database = syntax->schema.size_bytes > 0 ? syntax->schema : b->database;
    struct sl_definition found;

    *out_table = NULL;
    if (syntax->subselect != NULL || sl_is_system_database(database) ||
        !sl_definition_is_own(syntax->table) ||
        !sl_definitions_find(b->env->definitions, database, syntax->table, b->typing.arena,
                             &found) ||
        found.kind != SL_DEFINITION_TABLE)
        return SL_OK;
    return sl_own_table_make(&found, b->typing.arena, out_table, err);
}

/* ---- INSERT ---- */

/* The column that each value of a row is for. */
static sl_status
bind_columns(struct sl_binder *b, const struct sl_syntax_insert *from,
             const struct sl_own_table *table, uint32_t **out_columns, uint32_t *out_width,
             struct sl_error *err)
{
    *out_width = from->columns == NULL ? table->column_count : from->column_count;
    *out_columns = sl_arena_calloc(b->typing.arena, *out_width, sizeof(**out_columns));
    if (*out_columns == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < *out_width; i++) {
        uint32_t column = i;
        if (from->columns != NULL) {
            const struct sl_insert_name *name = &from->columns[i];
            for (column = 0; column < table->column_count; column++)
                if (sl_slice_is(name->text, table->table.columns[column].name))
                    break;
            if (column == table->column_count)
                return sl_bind_fail(
                    b, err, SL_NAME, 1054, name->position, "unknown column \"%.*s\"",
                    (int)sl_min_size(name->text.size_bytes, 64), (const char *)name->text.bytes);
        }
        (*out_columns)[i] = column;
    }
    return SL_OK;
}

/* A value of the column's type; what it cannot be is an error, or NULL with IGNORE. */
static sl_status
bind_value(struct sl_binder *b, const struct sl_cell *cell, const struct sl_virtual_column *column,
           bool is_ignore, uint32_t position, struct sl_value *out_value, struct sl_error *err)
{
    struct sl_value text = {.type = SL_TYPE_TEXT,
                            .as.slice = {.bytes = cell->as.bytes, .size_bytes = cell->size_bytes}};
    struct sl_expr *expr = NULL;
    bool is_good = true;

    *out_value = (struct sl_value){.type = column->type.type, .is_null = true};
    if (cell->kind == SL_CELL_NONE)
        return SL_OK;
    if (cell->kind == SL_CELL_NODE)
        SL_TRY(sl_bind_constant(b, cell->as.node, &expr, err));
    else
        SL_TRY(sl_expr_const(&b->typing, position, &text, &expr, err));
    SL_TRY(sl_own_value(&b->typing, expr, column, out_value, &is_good, err));
    if (!is_good && !is_ignore)
        return sl_bind_fail(b, err, SL_TYPE, 1366, position, "no value for the column %s (%s)",
                            column->name, sl_type_name(column->type.type));
    return SL_OK;
}

static sl_status
encode_rows(struct sl_binder *b, const struct sl_syntax_insert *from, const uint32_t *columns,
            uint32_t width, const struct sl_own_table *table, struct sl_buf *out,
            struct sl_error *err)
{
    struct sl_value *values =
        sl_arena_calloc(b->typing.arena, (size_t)table->column_count + 1, sizeof(*values));

    if (values == NULL)
        return sl_fail_memory(err);
    for (uint32_t row = 0; row < from->row_count; row++) {
        const struct sl_cell *cells = &from->cells[(size_t)row * width];
        for (uint32_t i = 0; i < table->column_count; i++)
            values[i] =
                (struct sl_value){.type = table->table.columns[i].type.type, .is_null = true};
        for (uint32_t i = 0; i < width; i++)
            SL_TRY(bind_value(b, &cells[i], &table->table.columns[columns[i]], from->is_ignore,
                              from->values_position, &values[columns[i]], err));
        sl_own_row_put(out, table, values);
    }
    return out->bad ? sl_fail(err, SL_LIMIT, "a table of one's own holds at most %d bytes",
                              SL_DEFINITION_ROWS_BYTES_MAX)
                    : SL_OK;
}

/* LOAD DATA stays a statement that asks for a file; what comes of its lines is own_rows.c's. */
static sl_status
bind_load(struct sl_binder *b, const struct sl_syntax_insert *from, uint32_t width,
          struct sl_statement *statement, struct sl_error *err)
{
    struct sl_insert *insert = sl_arena_calloc(b->typing.arena, 1, sizeof(*insert));

    if (insert == NULL)
        return sl_fail_memory(err);
    insert->width = width;
    insert->format = from->format;
    insert->file =
        sl_arena_string(b->typing.arena, (const char *)from->file.bytes, from->file.size_bytes);
    statement->insert = insert;
    return insert->file == NULL ? sl_fail_memory(err) : SL_OK;
}

/* INSERT ... SELECT: each output gets the type of its column. */
static sl_status
bind_source(struct sl_binder *b, const struct sl_syntax_insert *from,
            const struct sl_own_change *change, struct sl_statement *statement,
            struct sl_error *err)
{
    statement->class = SL_CLASS_OWN_INSERT;
    SL_TRY(sl_bind_inserted(b, from, change->width, &statement->select, err));
    for (uint32_t i = 0; i < change->width; i++)
        SL_TRY(sl_expr_coerce(&b->typing, &statement->select->outputs[i].expr,
                              &change->table->table.columns[change->columns[i]].type, err));
    return SL_OK;
}

sl_status
sl_bind_own_insert(struct sl_binder *b, const struct sl_syntax *syntax,
                   const struct sl_own_table *table, struct sl_statement *statement,
                   struct sl_error *err)
{
    const struct sl_syntax_insert *from = &syntax->insert;
    struct sl_own_change *change = sl_arena_calloc(b->typing.arena, 1, sizeof(*change));
    struct sl_buf rows = sl_buf_empty(SL_DEFINITION_ROWS_BYTES_MAX);
    uint32_t *columns = NULL;
    uint32_t width = 0;

    if (change == NULL)
        return sl_fail_memory(err);
    SL_TRY(bind_columns(b, from, table, &columns, &width, err));
    statement->own = change;
    *change = (struct sl_own_change){.table = table, .columns = columns, .width = width};
    if (from->is_load && width == 0)
        return sl_bind_fail(b, err, SL_TYPE, 1113, syntax->select->table_position,
                            "the table has no columns");
    if (from->is_load)
        return bind_load(b, from, width, statement, err);
    if (from->source != NULL)
        return bind_source(b, from, change, statement, err);
    if (from->cell_count / from->row_count != width)
        return sl_bind_fail(b, err, SL_SYNTAX, 1136, from->values_position,
                            "column count does not match value count at row 1");
    sl_status st = encode_rows(b, from, columns, width, table, &rows, err);
    const char *copy =
        st != SL_OK ? NULL
                    : sl_arena_string(b->typing.arena, (const char *)rows.bytes, rows.size_bytes);
    if (st == SL_OK && copy == NULL)
        st = sl_fail_memory(err);
    change->rows =
        (struct sl_slice){.bytes = (const uint8_t *)copy, .size_bytes = (uint32_t)rows.size_bytes};
    change->row_count = from->row_count;
    sl_buf_fini(&rows);
    statement->class = SL_CLASS_OWN_INSERT;
    return st;
}

/* ---- DELETE ---- */

sl_status
sl_bind_own_delete(struct sl_binder *b, const struct sl_syntax_select *syntax,
                   struct sl_own_table *table, struct sl_statement *statement, struct sl_error *err)
{
    struct sl_scope s = {.binder = b, .syntax = syntax};
    struct sl_own_change *change = sl_arena_calloc(b->typing.arena, 1, sizeof(*change));
    struct sl_input number = {.index = table->column_count};
    struct sl_expr *expr;
    uint32_t capacity = 0;

    s.select = sl_arena_calloc(b->typing.arena, 1, sizeof(*s.select));
    if (change == NULL || s.select == NULL)
        return sl_fail_memory(err);
    s.level.from = syntax;
    s.select->source = SL_SOURCE_VIRTUAL;
    s.select->table = &table->table;
    s.select->limit = UINT64_MAX;
    number.type = table->table.columns[table->column_count].type;
    SL_TRY(sl_bind_where(&s, err));
    SL_TRY(sl_bind_input(&s, &number, syntax->table_position, &expr, err));
    SL_TRY(sl_bind_output(&s, "", expr, &capacity, syntax->table_position, err));
    s.select->visible_count = 1;
    change->table = table;
    statement->class = SL_CLASS_OWN_DELETE;
    statement->select = s.select;
    statement->own = change;
    return SL_OK;
}
