/*
 * origin.c - see origin.h.
 */
#include "server/origin.h"

sl_status
sl_origin_fill(struct sl_batch *batch, const struct sl_schema *schema, const char *origin,
               struct sl_error *err)
{
    SL_ASSERT(batch->references == 1);
    const struct sl_column *column = sl_schema_at(schema, SL_COLUMN_ORIGIN);
    if (sl_batch_find(batch, column) != NULL)
        return SL_OK;

    uint32_t size_bytes = (uint32_t)strlen(origin);
    char *bytes = sl_arena_string(batch->arena, origin, size_bytes);
    uint32_t *offsets = sl_arena_calloc(batch->arena, 2, sizeof(*offsets));
    struct sl_batch_column *columns =
        sl_arena_calloc(batch->arena, batch->column_count + 1, sizeof(*columns));
    if (bytes == NULL || offsets == NULL || columns == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for the origin of a batch");

    offsets[1] = size_bytes;
    if (batch->column_count != 0)
        memcpy(columns, batch->columns, batch->column_count * sizeof(*columns));
    columns[batch->column_count] = (struct sl_batch_column){
        .column = column,
        .vector = {.type = SL_TYPE_TEXT,
                   .encoding = SL_CONSTANT,
                   .count = batch->row_count,
                   .value_count = 1,
                   .offsets = offsets,
                   .bytes = (const uint8_t *)bytes},
    };
    batch->columns = columns;
    batch->column_count++;
    return SL_OK;
}
