/*
 * own_rows.c - see own_rows.h.
 */
#include "query/own_rows.h"

#include "query/plan.h"
#include "query/subquery.h"
#include "query/types.h"
#include "query/value.h"

static sl_status
fail_corrupt(const struct sl_own_table *table, struct sl_error *err)
{
    return sl_fail(err, SL_CORRUPT, "the rows of the table \"%s\" are damaged", table->table.name);
}

/* All rows of the table as they are now. */
static sl_status
open_rows(const struct sl_exec *exec, const struct sl_own_table *table, struct sl_arena *arena,
          struct sl_slice *out_rows, struct sl_error *err)
{
    if (!sl_definitions_rows(exec->env->definitions, table->database, table->name, arena, out_rows))
        return sl_fail(err, SL_NAME, "there is no table \"%s\" any more", table->table.name);
    return SL_OK;
}

static struct sl_cursor
cursor_of(struct sl_slice rows, uint32_t *out_count)
{
    struct sl_cursor cursor = sl_cursor_over(rows.bytes, rows.size_bytes);

    *out_count = rows.size_bytes == 0 ? 0 : sl_cursor_u32le(&cursor);
    return cursor;
}

sl_status
sl_own_fill(const struct sl_own_table *table, struct sl_virtual_sink *sink, struct sl_error *err)
{
    const struct sl_exec *exec = sl_virtual_exec(sink);
    struct sl_arena *arena = sl_arena_create((size_t)2 * SL_DEFINITION_ROWS_BYTES_MAX);
    struct sl_value *values =
        sl_arena_calloc(arena, (size_t)table->column_count + 1, sizeof(*values));
    struct sl_slice rows = {0};
    uint32_t count = 0;

    sl_status st = values == NULL ? sl_fail_memory(err) : open_rows(exec, table, arena, &rows, err);
    struct sl_cursor cursor = cursor_of(rows, &count);
    for (uint32_t row = 0; row < count && st == SL_OK; row++) {
        if (!sl_own_row_take(&cursor, table, values)) {
            st = fail_corrupt(table, err);
            break;
        }
        values[table->column_count] = (struct sl_value){.type = SL_TYPE_I64, .as.i64 = row};
        st = sl_virtual_emit(sink, values, err);
    }
    sl_arena_destroy(arena);
    return st;
}

/* ---- INSERT ---- */

static sl_status
append_rows(void *context, struct sl_slice rows, struct sl_buf *out_rows, struct sl_error *err)
{
    const struct sl_own_change *change = context;
    uint32_t count = 0;
    struct sl_cursor cursor = cursor_of(rows, &count);

    (void)err;
    sl_buf_u32le(out_rows, count + change->row_count);
    sl_buf_append(out_rows, cursor.next, sl_cursor_left(&cursor));
    sl_buf_append(out_rows, change->rows.bytes, change->rows.size_bytes);
    return SL_OK;
}

static sl_status
fail_full(struct sl_error *err)
{
    return sl_fail(err, SL_LIMIT, "a table of one's own holds at most %d bytes",
                   SL_DEFINITION_ROWS_BYTES_MAX);
}

sl_status
sl_own_encode(const struct sl_own_change *change, const struct sl_vector *vectors, uint32_t count,
              struct sl_value *values, struct sl_buf *rows, struct sl_error *err)
{
    const struct sl_virtual_column *columns = change->table->table.columns;

    for (uint32_t i = 0; i < change->table->column_count; i++)
        values[i] = (struct sl_value){.type = columns[i].type.type, .is_null = true};
    for (uint32_t row = 0; row < count && !rows->bad; row++) {
        for (uint32_t i = 0; i < change->width; i++)
            values[change->columns[i]] = sl_vector_value(&vectors[i], row);
        sl_own_row_put(rows, change->table, values);
    }
    return rows->bad ? fail_full(err) : SL_OK;
}

sl_status
sl_own_insert(struct sl_exec *exec, const struct sl_own_change *change, struct sl_error *err)
{
    struct sl_own_change own = *change;

    if (change->row_count == 0)
        return SL_OK;
    return sl_definitions_change_rows(exec->env->definitions, change->table->database,
                                      change->table->name, append_rows, &own, err);
}

/* ---- LOAD DATA ---- */

/* One line as a row. */
static sl_status
load_row(const struct sl_own_change *change, struct sl_typing *typing, const struct sl_cell *cells,
         struct sl_value *values, struct sl_error *err)
{
    const struct sl_virtual_column *columns = change->table->table.columns;

    for (uint32_t i = 0; i < change->table->column_count; i++)
        values[i] = (struct sl_value){.type = columns[i].type.type, .is_null = true};
    for (uint32_t i = 0; i < change->width; i++) {
        struct sl_value text = {
            .type = SL_TYPE_TEXT,
            .as.slice = {.bytes = cells[i].as.bytes, .size_bytes = cells[i].size_bytes}};
        struct sl_expr *expr = NULL;
        bool is_good = true;
        if (cells[i].kind != SL_CELL_TEXT)
            continue;
        uint32_t column = change->columns[i];
        SL_TRY(sl_expr_const(typing, 0, &text, &expr, err));
        SL_TRY(sl_own_value(typing, expr, &columns[column], &values[column], &is_good, err));
    }
    return SL_OK;
}

sl_status
sl_own_load(const struct sl_exec *exec, const struct sl_statement *statement, struct sl_load *load,
            struct sl_cell *cells, struct sl_insert_progress *progress, struct sl_buf *rows,
            struct sl_error *err)
{
    enum { ROW_BYTES_MAX = 64 << 20 };
    const struct sl_own_change *change = statement->own;
    struct sl_typing typing = {
        .now_us = statement->now_us, .text = "", .warnings = progress->warnings};
    struct sl_value *values =
        sl_arena_calloc(exec->arena, (size_t)change->table->column_count + 1, sizeof(*values));
    bool is_found = true;
    uint32_t fields = 0;

    if (values == NULL)
        return sl_fail_memory(err);
    if (!sl_zone_find(exec->session->time_zone, &typing.zone))
        return sl_fail(err, SL_NAME, "unknown time zone");
    typing.arena = sl_arena_create(ROW_BYTES_MAX);
    sl_status st = SL_OK;
    while (st == SL_OK && !rows->bad) {
        sl_load_row(load, cells, change->width, &is_found, &fields);
        if (!is_found)
            break;
        sl_arena_reset(typing.arena);
        sl_insert_check_width(progress, change->width, fields);
        st = load_row(change, &typing, cells, values, err);
        if (st == SL_OK)
            sl_own_row_put(rows, change->table, values);
        progress->stored++;
        progress->row_next++;
    }
    sl_arena_destroy(typing.arena);
    return st == SL_OK && rows->bad ? fail_full(err) : st;
}

/* ---- DELETE ---- */

struct deletion {
    const struct sl_own_table *table;
    struct sl_slice before; /* the rows that the numbers are of */
    uint64_t *gone;         /* bits by number */
    struct sl_value *values;
};

/* The numbers that the select gives, as bits. */
static sl_status
mark_rows(struct deletion *deletion, struct sl_op *root, uint32_t count, uint64_t *out_marked,
          struct sl_error *err)
{
    struct sl_chunk chunk = {0};

    for (unsigned worker = 0; worker < root->width; worker++)
        do {
            SL_TRY(sl_op_next(root, worker, &chunk, err));
            for (uint32_t i = 0; i < chunk.count; i++) {
                if (chunk.selection != NULL && !sl_bit_get(chunk.selection, i))
                    continue;
                uint64_t row = sl_vector_u64(&chunk.inputs[0], i);
                if (row >= count)
                    return sl_fail(err, SL_EXISTS, "the table has changed meanwhile: try again");
                sl_bit_set(deletion->gone, row);
                ++*out_marked;
            }
        } while (chunk.count != 0);
    return SL_OK;
}

static sl_status
leave_rows(void *context, struct sl_slice rows, struct sl_buf *out_rows, struct sl_error *err)
{
    const struct deletion *deletion = context;
    uint32_t count = 0, left = 0;
    struct sl_cursor cursor = cursor_of(rows, &count);

    if (sl_slice_compare(rows, deletion->before, true) != 0)
        return sl_fail(err, SL_EXISTS, "the table has changed meanwhile: try again");
    sl_buf_u32le(out_rows, 0);
    for (uint32_t row = 0; row < count; row++) {
        const uint8_t *start = cursor.next;
        if (!sl_own_row_take(&cursor, deletion->table, deletion->values))
            return fail_corrupt(deletion->table, err);
        if (sl_bit_get(deletion->gone, row))
            continue;
        sl_buf_append(out_rows, start, (size_t)(cursor.next - start));
        left++;
    }
    sl_buf_patch_u32le(out_rows, 0, left);
    return SL_OK;
}

sl_status
sl_own_delete(struct sl_exec *exec, struct sl_statement *statement, uint64_t *out_deleted_rows,
              struct sl_error *err)
{
    const struct sl_own_table *table = statement->own->table;
    struct deletion deletion = {.table = table};
    struct sl_op *root = NULL;
    uint32_t count = 0;

    SL_TRY(open_rows(exec, table, exec->arena, &deletion.before, err));
    (void)cursor_of(deletion.before, &count);
    deletion.gone = sl_arena_calloc(exec->arena, sl_words_for(count), sizeof(uint64_t));
    deletion.values =
        sl_arena_calloc(exec->arena, (size_t)table->column_count + 1, sizeof(struct sl_value));
    if (deletion.gone == NULL || deletion.values == NULL)
        return sl_fail_memory(err);
    SL_TRY(sl_subqueries_run(exec, statement, NULL, err));
    sl_status st = sl_plan_build(exec, statement->select, &root, err);
    if (st == SL_OK)
        st = sl_op_start(root, err);
    if (st == SL_OK)
        st = mark_rows(&deletion, root, count, out_deleted_rows, err);
    sl_op_close(root);
    if (st != SL_OK || *out_deleted_rows == 0)
        return st;
    return sl_definitions_change_rows(exec->env->definitions, table->database, table->name,
                                      leave_rows, &deletion, err);
}
