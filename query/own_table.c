/*
 * own_table.c - see own_table.h.
 */
#include "query/own_table.h"

#include "query/type_text.h"
#include "query/value.h"

/* The columns, and the number of the row, which has no name that could be written. */
static sl_status
make_columns(const struct sl_definition *definition, struct sl_own_table *table,
             struct sl_arena *arena, struct sl_error *err)
{
    struct sl_slice name, type;
    uint32_t count = 0;

    for (uint32_t at = 0; sl_definition_column(definition, &at, &name, &type);)
        count++;
    struct sl_virtual_column *columns = sl_arena_calloc(arena, (size_t)count + 1, sizeof(*columns));
    if (columns == NULL)
        return sl_fail_memory(err);
    count = 0;
    for (uint32_t at = 0; sl_definition_column(definition, &at, &name, &type); count++) {
        columns[count].name = sl_arena_string(arena, (const char *)name.bytes, name.size_bytes);
        columns[count].type = sl_type_declared(type);
        if (columns[count].name == NULL)
            return sl_fail_memory(err);
    }
    columns[count] = (struct sl_virtual_column){"", {.type = SL_TYPE_I64}};
    table->table.columns = columns;
    table->table.column_count = table->column_count = count;
    return SL_OK;
}

sl_status
sl_own_table_make(const struct sl_definition *definition, struct sl_arena *arena,
                  struct sl_own_table **out_table, struct sl_error *err)
{
    struct sl_own_table *table = sl_arena_calloc(arena, 1, sizeof(*table));

    *out_table = table;
    if (table == NULL)
        return sl_fail_memory(err);
    table->database = definition->database;
    table->name = definition->name;
    table->table.own = table;
    table->table.schema = sl_arena_string(arena, (const char *)definition->database.bytes,
                                          definition->database.size_bytes);
    table->table.name =
        sl_arena_string(arena, (const char *)definition->name.bytes, definition->name.size_bytes);
    if (table->table.schema == NULL || table->table.name == NULL)
        return sl_fail_memory(err);
    return make_columns(definition, table, arena, err);
}

void
sl_own_row_put(struct sl_buf *out, const struct sl_own_table *table, const struct sl_value *values)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct sl_value *value = &values[i];
        sl_buf_u8(out, !value->is_null);
        if (value->is_null)
            continue;
        SL_ASSERT(value->type == table->table.columns[i].type.type);
        if (sl_type_is_bytes(value->type)) {
            sl_buf_varint(out, value->as.slice.size_bytes);
            sl_buf_append(out, value->as.slice.bytes, value->as.slice.size_bytes);
        } else if (value->type == SL_TYPE_DECIMAL) {
            sl_buf_u64le(out, (uint64_t)value->as.i128);
            sl_buf_u64le(out, (uint64_t)(value->as.i128 >> 64));
        } else {
            sl_buf_u64le(out, value->as.u64);
        }
    }
}

bool
sl_own_row_take(struct sl_cursor *cursor, const struct sl_own_table *table,
                struct sl_value *out_values)
{
    for (uint32_t i = 0; i < table->column_count && !cursor->bad; i++) {
        const struct sl_sql_type *type = &table->table.columns[i].type;
        struct sl_value *value = &out_values[i];
        uint8_t is_there = sl_cursor_u8(cursor);
        *value = (struct sl_value){.type = type->type, .scale = type->scale};
        value->is_null = is_there == 0;
        if (is_there > 1)
            return false;
        if (value->is_null)
            continue;
        if (sl_type_is_bytes(type->type)) {
            uint64_t size_bytes = sl_cursor_varint(cursor);
            if (size_bytes > SL_DEFINITION_ROWS_BYTES_MAX)
                return false;
            value->as.slice.size_bytes = (uint32_t)size_bytes;
            value->as.slice.bytes = sl_cursor_take(cursor, size_bytes);
        } else if (type->type == SL_TYPE_DECIMAL) {
            uint64_t low = sl_cursor_u64le(cursor);
            uint64_t high = sl_cursor_u64le(cursor);
            value->as.i128 = (sl_i128)((unsigned __int128)high << 64 | low);
        } else {
            value->as.u64 = sl_cursor_u64le(cursor);
        }
    }
    return !cursor->bad;
}
