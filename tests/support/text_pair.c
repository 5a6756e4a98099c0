/*
 * text_pair.c - see text_pair.h.
 *
 * Each way writes down what it made of the table: the rows of its batches as text, and the lines
 * that it refused. Padding is poisoned with digits, so that a cell that is read too far shows.
 */
#include "tests/support/text_pair.h"

#include "client/text_table.h"
#include "storage/base/buf.h"
#include "storage/value_text.h"

struct side {
    struct sl_schema *schema;
    struct sl_builder *builder;
    struct sl_text_table table;
    struct sl_buf story;
    uint32_t many; /* lines taken at once */
};

static void
tell_row(struct side *side, const struct sl_batch *batch, uint32_t row)
{
    for (uint32_t index = 0; index < sl_schema_count(side->schema); index++) {
        const struct sl_column *column = sl_schema_at(side->schema, index);
        const struct sl_vector *v = sl_batch_find(batch, column);
        if (v == NULL || sl_vector_is_null(v, row))
            continue;
        sl_buf_printf(&side->story, "%s=", column->name);
        sl_value_format(v, row, &side->story);
        sl_buf_u8(&side->story, ';');
    }
    sl_buf_u8(&side->story, '\n');
}

static void
finish(struct side *side)
{
    struct sl_batch *batch = sl_builder_finish(side->builder);
    for (uint32_t row = 0; batch != NULL && row < batch->row_count; row++)
        tell_row(side, batch, row);
    sl_batch_release(batch);
}

static void
take_line(struct side *side, char *line, size_t line_bytes, int64_t oldest_us)
{
    struct sl_error err = {0};
    sl_status st = sl_text_table_row(&side->table, side->builder, line, line_bytes, &err);
    if (st == SL_OK)
        st = sl_field_end_row(side->schema, side->builder, oldest_us, &err);
    else
        sl_builder_abandon(side->builder);
    if (st != SL_OK)
        sl_buf_text(&side->story, "refused\n");
}

static size_t
line_end(const char *text, size_t size_bytes)
{
    const char *stop = memchr(text, '\n', size_bytes);
    return stop == NULL ? size_bytes : (size_t)(stop - text) + 1;
}

static size_t
trim(const char *line, size_t size_bytes)
{
    if (size_bytes != 0 && line[size_bytes - 1] == '\n')
        size_bytes--;
    return size_bytes - (size_bytes != 0 && line[size_bytes - 1] == '\r');
}

static void
read_lines(struct side *side, char *text, size_t size_bytes, bool is_many, int64_t oldest_us)
{
    size_t at = 0;
    while (at < size_bytes) {
        size_t many_bytes = 0;
        if (is_many)
            side->many += sl_text_table_rows(&side->table, side->builder, text + at,
                                             size_bytes - at, oldest_us, &many_bytes);
        at += many_bytes;
        if (many_bytes == 0) {
            size_t bytes = line_end(text + at, size_bytes - at);
            size_t trimmed = trim(text + at, bytes);
            if (trimmed != 0)
                take_line(side, text + at, trimmed, oldest_us);
            at += bytes;
        }
        if (sl_builder_is_full(side->builder))
            finish(side);
    }
    finish(side);
}

static void
read_table(struct side *side, const uint8_t *bytes, size_t size_bytes, bool is_many,
           int64_t oldest_us)
{
    char *text = malloc(size_bytes + SL_TABLE_PADDING_BYTES);
    SL_ASSERT(text != NULL);
    memcpy(text, bytes, size_bytes);
    memset(text + size_bytes, '7', SL_TABLE_PADDING_BYTES);
    size_t head_bytes = line_end(text, size_bytes);
    sl_text_table_init(&side->table, side->schema);
    if (sl_text_table_head(&side->table, text, trim(text, head_bytes), NULL) == SL_OK &&
        side->table.field_count != 0) {
        if (!sl_text_table_has(&side->table, SL_COLUMN_ORIGIN))
            sl_text_table_add_constant(&side->table, sl_schema_at(side->schema, SL_COLUMN_ORIGIN),
                                       "a test");
        read_lines(side, text + head_bytes, size_bytes - head_bytes, is_many, oldest_us);
    }
    sl_text_table_fini(&side->table);
    free(text);
}

uint32_t
text_pair_check(const uint8_t *text, size_t size_bytes, uint32_t capacity, int64_t oldest_us)
{
    struct side *sides[2];
    for (unsigned i = 0; i < 2; i++) {
        sides[i] = sl_new(sizeof(*sides[i]));
        sides[i]->schema = sl_schema_create();
        sides[i]->builder = sl_builder_create(capacity);
        sides[i]->story = sl_buf_empty(SIZE_MAX);
        if (size_bytes != 0)
            read_table(sides[i], text, size_bytes, i == 1, oldest_us);
    }
    /* Rows of a batch are told when it is finished, after the lines that were refused meanwhile. */
    SL_ASSERT(sides[0]->story.size_bytes == sides[1]->story.size_bytes);
    SL_ASSERT(sides[0]->story.size_bytes == 0 ||
              memcmp(sides[0]->story.bytes, sides[1]->story.bytes, sides[0]->story.size_bytes) ==
                  0);
    uint32_t many = sides[1]->many;
    for (unsigned i = 0; i < 2; i++) {
        sl_buf_fini(&sides[i]->story);
        sl_builder_destroy(sides[i]->builder);
        sl_schema_destroy(sides[i]->schema);
        free(sides[i]);
    }
    return many;
}
