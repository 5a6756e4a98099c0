/*
 * segment_cursor.c - where a cursor stands: its life, its block, the rows that it is focused on.
 *
 * What it brings about there is the affair of segment_vector.c and of what lies below that.
 */
#include "storage/segment/segment_cursor.h"

#include <stdlib.h>

#include "storage/base/words.h"
#include "storage/segment/segment_decode.h"

struct sl_segment_cursor *
sl_segment_cursor_create(struct sl_budget *budget)
{
    struct sl_segment_cursor *cursor = sl_new(sizeof(*cursor));
    cursor->magic = SL_SEGMENT_CURSOR_MAGIC;
    cursor->budget = budget;
    cursor->arena = sl_segment_arena_create(budget);
    return cursor;
}

void
sl_segment_cursor_distrust(struct sl_segment_cursor *cursor)
{
    cursor->is_distrustful = true;
}

void
sl_segment_cursor_keep(struct sl_segment_cursor *cursor, uint64_t row_count)
{
    cursor->is_keeping = true;
    cursor->scan_rows = row_count;
    cursor->row_bytes = 4; /* one column, as most take */
}

/* Bytes of a row of what was asked for of this block, about as a cache keeps it. */
static uint32_t
count_row_bytes(const struct sl_segment_cursor *cursor)
{
    uint32_t row_bytes = 0;
    for (uint32_t i = 0; i < cursor->group->column_count; i++) {
        const struct sl_vector *vector = &cursor->outputs[i].vector;
        if (cursor->outputs[i].is_open && vector->encoding != SL_CONSTANT)
            row_bytes += vector->encoding == SL_DICT || vector->width > 4 ? 4 : vector->width;
    }
    return row_bytes;
}

/* Give back what the vectors of this block lend. */
static void
leave_kept(struct sl_segment_cursor *cursor)
{
    for (uint32_t i = 0; cursor->group != NULL && i < cursor->group->column_count; i++) {
        if (cursor->outputs[i].kept != NULL)
            sl_segment_cache_leave(cursor->reader->cache, cursor->outputs[i].kept);
        cursor->outputs[i].kept = NULL;
    }
}

static void
leave(struct sl_segment_cursor *cursor)
{
    leave_kept(cursor);
    if (cursor->reader != NULL)
        sl_segment_group_release(cursor->reader, cursor->group_number);
    cursor->reader = NULL;
    cursor->group = NULL;
}

void
sl_segment_cursor_destroy(struct sl_segment_cursor *cursor)
{
    if (cursor == NULL)
        return;
    SL_ASSERT(cursor->magic == SL_SEGMENT_CURSOR_MAGIC);
    leave(cursor);
    for (unsigned k = 0; k < SL_SEGMENT_BUFFER_KINDS; k++) {
        for (uint32_t i = 0; i < cursor->pools[k].count; i++)
            sl_segment_stock_give(k, cursor->pools[k].buffers[i]);
        free(cursor->pools[k].buffers);
    }
    free(cursor->slots);
    free(cursor->block_slots);
    free(cursor->outputs);
    sl_segment_decode_end(cursor);
    sl_arena_destroy(cursor->arena);
    if (cursor->budget != NULL)
        sl_budget_give(cursor->budget, cursor->budget_bytes);
    sl_retire(&cursor->magic);
    free(cursor);
}

/* Room for the slots and outputs of a group, all empty. */
static void
clear_slots(struct sl_segment_cursor *cursor)
{
    uint32_t streams = cursor->group->stream_count;
    uint32_t columns = cursor->group->column_count;
    if (streams > cursor->slot_capacity) {
        cursor->slots = sl_grow(cursor->slots, sizeof(*cursor->slots), streams);
        cursor->block_slots = sl_grow(cursor->block_slots, sizeof(*cursor->slots), streams);
        cursor->slot_capacity = streams;
    }
    if (columns > cursor->output_capacity) {
        cursor->outputs = sl_grow(cursor->outputs, sizeof(*cursor->outputs), columns);
        cursor->output_capacity = columns;
    }
    if (streams != 0)
        memset(cursor->slots, 0, streams * sizeof(*cursor->slots));
    if (columns != 0)
        memset(cursor->outputs, 0, columns * sizeof(*cursor->outputs));
    for (unsigned k = 0; k < SL_SEGMENT_BUFFER_KINDS; k++)
        cursor->pools[k].used = 0;
    sl_arena_reset(cursor->arena);
}

sl_status
sl_segment_cursor_seek(struct sl_segment_cursor *cursor, struct sl_segment_reader *reader,
                       uint32_t group, uint32_t block, struct sl_error *err)
{
    SL_ASSERT(cursor->magic == SL_SEGMENT_CURSOR_MAGIC);
    if (reader == NULL) {
        leave(cursor);
        return SL_OK;
    }
    SL_ASSERT(reader->magic == SL_SEGMENT_READER_MAGIC);
    if (group >= reader->footer.summary.group_count ||
        block >= reader->footer.groups[group].block_count)
        return sl_fail(err, SL_MISSING, "%s: no block %u in row group %u", reader->name, block,
                       group);
    if (cursor->group != NULL && cursor->rows == NULL)
        cursor->row_bytes = count_row_bytes(cursor);
    if (cursor->reader != reader || cursor->group_number != group) {
        sl_segment_group_acquire(reader, group);
        leave(cursor);
    }
    leave_kept(cursor);
    cursor->reader = reader;
    cursor->group_number = group;
    cursor->group = &reader->footer.groups[group];
    cursor->block = block;
    cursor->expected_end = block + 1;
    cursor->block_rows = sl_segment_block_size(cursor->group->row_count, block);
    cursor->row_count = cursor->block_rows;
    cursor->rows = NULL;
    clear_slots(cursor);
    return SL_OK;
}

void
sl_segment_cursor_expect(struct sl_segment_cursor *cursor, uint32_t end_block)
{
    SL_ASSERT(cursor->reader != NULL && end_block <= cursor->group->block_count);
    cursor->expected_end = end_block;
}

sl_status
sl_segment_cursor_focus(struct sl_segment_cursor *cursor, const uint64_t *selection,
                        uint32_t *out_row_count, struct sl_error *err)
{
    SL_ASSERT(cursor->magic == SL_SEGMENT_CURSOR_MAGIC);
    SL_ASSERT(cursor->reader != NULL && cursor->rows == NULL);
    uint32_t *rows = sl_arena_alloc(cursor->arena, cursor->block_rows * sizeof(*rows));
    if (rows == NULL)
        return sl_segment_decoding_fail(err);
    uint32_t count = sl_words_list(selection, cursor->block_rows, rows);
    leave_kept(cursor);
    sl_segment_cursor_exchange_slots(cursor);
    memset(cursor->slots, 0, cursor->group->stream_count * sizeof(*cursor->slots));
    memset(cursor->outputs, 0, cursor->group->column_count * sizeof(*cursor->outputs));
    cursor->focus_minis = sl_segment_minis_of(selection, cursor->block_rows);
    cursor->rows = rows;
    cursor->row_count = count;
    *out_row_count = count;
    return SL_OK;
}

uint32_t
sl_segment_cursor_row(const struct sl_segment_cursor *cursor, uint32_t row)
{
    SL_ASSERT(cursor->rows != NULL && row < cursor->row_count);
    return cursor->rows[row];
}
