/*
 * insert.c - see insert.h.
 */
#include "query/insert.h"

#include "query/value.h"

static void
set_value(const struct sl_column *column, struct sl_builder *b, const struct sl_value *value)
{
    struct sl_builder_column *c = sl_builder_column(b, column);
    switch (column->type) {
    case SL_TYPE_F64:
        sl_builder_set_f64(b, c, value->as.f64);
        return;
    case SL_TYPE_ADDR:
        sl_builder_set_addr(b, c, value->as.addr);
        return;
    case SL_TYPE_TEXT:
    case SL_TYPE_OCTETS:
        sl_builder_set_slice(b, c, value->as.slice.bytes, value->as.slice.size_bytes);
        return;
    default:
        sl_builder_set_u64(b, c, value->as.u64); /* eight bytes, signed or not */
        return;
    }
}

/* A row or a value that does not fit: with IGNORE it is left out, and that is a warning. */
static sl_status
refuse(const struct sl_insert *insert, const struct sl_insert_progress *progress,
       const struct sl_error *story, uint16_t number, struct sl_error *err)
{
    uint64_t row = progress->row_next + 1;

    if (insert->is_ignore) {
        sl_warnings_add(progress->warnings, SL_WARNING_WARNING, number, "row %" PRIu64 ": %.200s",
                        row, story->text);
        return SL_OK;
    }
    (void)sl_fail(err, SL_TYPE, "row %" PRIu64 ": %.200s", row, story->text);
    if (err != NULL)
        err->sql_number = number;
    return SL_TYPE;
}

/* The bytes of a text column of octets are its value; an import has them in hexadecimal. */
static sl_status
set_text(const struct sl_field *field, struct sl_schema *schema, struct sl_builder *b,
         const struct sl_cell *cell, struct sl_error *err)
{
    if (field->column->type != SL_TYPE_OCTETS)
        return sl_field_set(field, schema, b, (const char *)cell->as.bytes, cell->size_bytes, err);
    sl_builder_set_slice(b, sl_builder_column(b, field->column), cell->as.bytes, cell->size_bytes);
    return SL_OK;
}

static sl_status
fill_row(const struct sl_insert *insert, struct sl_schema *schema, const struct sl_cell *cells,
         struct sl_insert_progress *progress, struct sl_builder *b, struct sl_error *err)
{
    struct sl_error story = {0};
    for (uint32_t i = 0; i < insert->width; i++) {
        const struct sl_insert_target *target = &insert->targets[i];
        const struct sl_cell *cell = &cells[i];
        if (cell->kind == SL_CELL_NONE || target->field.column == NULL)
            continue;
        if (cell->kind == SL_CELL_VALUE) {
            set_value(target->field.column, b, cell->as.value);
            continue;
        }
        if (set_text(&target->field, schema, b, cell, &story) != SL_OK)
            SL_TRY(refuse(insert, progress, &story, 1366, err));
    }
    sl_builder_set_slice(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_ORIGIN)),
                         insert->origin, strlen(insert->origin));
    if (sl_field_end_row(schema, b, INT64_MIN, &story) != SL_OK)
        return refuse(insert, progress, &story, 1364, err);
    progress->stored++;
    return SL_OK;
}

sl_status
sl_insert_fill(const struct sl_insert *insert, struct sl_schema *schema,
               struct sl_insert_progress *progress, struct sl_builder *builder,
               struct sl_error *err)
{
    struct sl_insert_progress before = *progress;
    uint32_t rows_before = builder->row_count;
    while (progress->row_next < insert->row_count && !sl_builder_is_full(builder)) {
        const struct sl_cell *cells = &insert->cells[progress->row_next * insert->width];
        sl_status st = fill_row(insert, schema, cells, progress, builder, err);
        if (st != SL_OK) {
            sl_builder_truncate(builder, rows_before);
            *progress = before;
            return st;
        }
        progress->row_next++;
    }
    return SL_OK;
}

sl_status
sl_insert_select(const struct sl_insert *insert, struct sl_schema *schema,
                 const struct sl_vector *vectors, uint32_t count, uint32_t *row,
                 struct sl_cell *cells, struct sl_value *values,
                 struct sl_insert_progress *progress, struct sl_builder *builder,
                 struct sl_error *err)
{
    for (; *row < count && !sl_builder_is_full(builder); ++*row) {
        for (uint32_t i = 0; i < insert->width; i++) {
            values[i] = sl_vector_value(&vectors[i], *row);
            cells[i] = (struct sl_cell){.kind = SL_CELL_VALUE, .as.value = &values[i]};
            if (values[i].is_null)
                cells[i].kind = SL_CELL_NONE;
            else if (sl_type_is_bytes(values[i].type))
                cells[i] = (struct sl_cell){.kind = SL_CELL_TEXT,
                                            .as.bytes = values[i].as.slice.bytes,
                                            .size_bytes = values[i].as.slice.size_bytes};
        }
        SL_TRY(fill_row(insert, schema, cells, progress, builder, err));
        progress->row_next++;
    }
    return SL_OK;
}

void
sl_insert_check_width(const struct sl_insert_progress *progress, uint32_t width, uint32_t fields)
{
    uint64_t row = progress->row_next + 1;

    if (fields < width)
        sl_warnings_add(progress->warnings, SL_WARNING_WARNING, 1261,
                        "Row %" PRIu64 " doesn't contain data for all columns", row);
    else if (fields > width)
        sl_warnings_add(progress->warnings, SL_WARNING_WARNING, 1262,
                        "Row %" PRIu64
                        " was truncated; it contained more data than there were input columns",
                        row);
}

sl_status
sl_insert_load(const struct sl_insert *insert, struct sl_schema *schema, struct sl_load *load,
               struct sl_cell *cells, struct sl_insert_progress *progress,
               struct sl_builder *builder, struct sl_error *err)
{
    while (!sl_builder_is_full(builder)) {
        bool found = false;
        uint32_t fields = 0;
        sl_load_row(load, cells, insert->width, &found, &fields);
        if (!found)
            break;
        sl_insert_check_width(progress, insert->width, fields);
        SL_TRY(fill_row(insert, schema, cells, progress, builder, err));
        progress->row_next++;
    }
    return SL_OK;
}
