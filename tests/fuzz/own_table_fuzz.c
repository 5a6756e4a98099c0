/*
 * own_table_fuzz.c - any bytes as the rows of a client's own table, of columns that the first line says; what
 * is read and written again reads the same.
 */
#include <string.h>

#include "query/own_table.h"

enum { MEMORY_BYTES = 1 << 20, COLUMNS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    const uint8_t *end = size_bytes == 0 ? NULL : memchr(bytes, '\0', size_bytes);
    struct sl_arena *arena = sl_arena_create(MEMORY_BYTES);
    struct sl_own_table *table = NULL;
    struct sl_value values[COLUMNS_MAX];

    if (end != NULL) {
        const struct sl_definition definition = {
            .kind = SL_DEFINITION_TABLE,
            .database = {.bytes = (const uint8_t *)"d", .size_bytes = 1},
            .name = {.bytes = (const uint8_t *)"t", .size_bytes = 1},
            .text = {.bytes = bytes, .size_bytes = (uint32_t)(end - bytes)}};
        struct sl_cursor cursor = sl_cursor_over(end + 1, size_bytes - (size_t)(end + 1 - bytes));
        bool is_made = sl_own_table_make(&definition, arena, &table, NULL) == SL_OK &&
                       table->column_count > 0 && table->column_count <= COLUMNS_MAX;
        while (is_made && sl_cursor_left(&cursor) > 0 && sl_own_row_take(&cursor, table, values)) {
            struct sl_value again[COLUMNS_MAX];
            struct sl_buf out = sl_buf_empty(size_bytes + COLUMNS_MAX);
            sl_own_row_put(&out, table, values);
            SL_ASSERT(!out.bad);
            struct sl_cursor back = sl_cursor_over(out.bytes, out.size_bytes);
            SL_ASSERT(sl_own_row_take(&back, table, again) && sl_cursor_left(&back) == 0);
            for (uint32_t i = 0; i < table->column_count; i++)
                SL_ASSERT(values[i].is_null == again[i].is_null);
            sl_buf_fini(&out);
        }
    }
    sl_arena_destroy(arena);
    return 0;
}
