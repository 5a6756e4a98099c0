/*
 * segment_stream.c - see segment_stream.h.
 */
#include "storage/segment/segment_stream.h"

#include <stdatomic.h>

#include "storage/base/file.h"
#include "storage/segment/segment_decode.h"
#include "storage/segment/segment_kernel.h"

enum { BLOCKS_AHEAD = 4 };

/* Bytes of the file, from the first to the last of some parts. */
struct span {
    uint64_t start, end;
};

static void
span_add(struct span *span, const struct sl_segment_part *parts, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; parts != NULL && i < end; i++) {
        if (parts[i].size_bytes == 0)
            continue;
        uint64_t part_end = parts[i].offset + parts[i].size_bytes;
        span->start = parts[i].offset < span->start ? parts[i].offset : span->start;
        span->end = part_end > span->end ? part_end : span->end;
    }
}

/* Parts of one stream lie one behind the other: of the blocks that will be asked for, and the map
 * in front of them. A few blocks at a time: the first block of the next stream would else wait for
 * the last one of this stream. */
static void
announce_one(struct sl_segment_cursor *cursor, uint32_t index)
{
    const struct sl_segment_stream *stream = &cursor->group->streams[index];
    _Atomic uint32_t *announced = &cursor->reader->groups[cursor->group_number].announced[index];
    struct span span = {.start = UINT64_MAX};
    uint32_t known = atomic_load_explicit(announced, memory_order_relaxed);
    uint32_t ahead_end = cursor->block + BLOCKS_AHEAD;
    uint32_t end = ahead_end < cursor->expected_end ? ahead_end : cursor->expected_end;
    uint32_t first = known > cursor->block ? known : cursor->block;
    if (first >= end)
        return;
    /* Relaxed: at worst something is announced twice. */
    atomic_store_explicit(announced, end, memory_order_relaxed);
    span_add(&span, stream->map, 0, known == 0 ? sl_segment_block_count(stream->map_count) : 0);
    span_add(&span, stream->blocks, first, end);
    span_add(&span, stream->differences, first, end);
    span_add(&span, stream->exception_rows, first, end);
    span_add(&span, stream->exception_values, first, end);
    if (span.end != 0)
        sl_file_will_read(cursor->reader->fd, span.start, (size_t)(span.end - span.start));
}

void
sl_segment_stream_announce(struct sl_segment_cursor *cursor, uint32_t index)
{
    const struct sl_segment_stream *stream = &cursor->group->streams[index];
    if (sl_segment_cursor_is_ready(cursor, index))
        return;
    for (uint32_t i = 0; i < stream->closure_count; i++)
        announce_one(cursor, stream->closure[i]);
}

/* Values into 32 bits. */
static sl_status
narrow_picked(const struct sl_segment_cursor *cursor, const struct sl_segment_part *part,
              const uint64_t *wide, uint32_t count, uint32_t *values, struct sl_error *err)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < count; i++) {
        all |= wide[i];
        values[i] = (uint32_t)wide[i];
    }
    if (all > UINT32_MAX)
        return sl_segment_fail(cursor->reader, part->offset, err, "a value beyond 32 bits");
    return SL_OK;
}

/* Values of single rows, those that the cursor is focused on. */
static sl_status
decode_rows(struct sl_segment_cursor *cursor, const struct sl_segment_part *part,
            struct sl_segment_slot *slot, struct sl_segment_counters *counters,
            struct sl_error *err)
{
    uint64_t *wide = slot->values;
    if (slot->width == 4)
        wide = sl_arena_alloc(cursor->arena, cursor->row_count * sizeof(*wide));
    if (wide == NULL)
        return sl_segment_decoding_fail(err);
    SL_TRY(sl_segment_decode_picked(cursor, part, cursor->block_rows, cursor->rows,
                                    cursor->row_count, wide, counters, err));
    return slot->width == 8
               ? SL_OK
               : narrow_picked(cursor, part, wide, cursor->row_count, slot->values, err);
}

/* The rows focused on, from what is decoded of the block. */
static void
pick_ready(const struct sl_segment_cursor *cursor, uint32_t index, struct sl_segment_slot *slot)
{
    const struct sl_segment_slot *block = &cursor->block_slots[index];
    if (slot->width == 4)
        for (uint32_t i = 0; i < cursor->row_count; i++)
            ((uint32_t *)slot->values)[i] = ((const uint32_t *)block->values)[cursor->rows[i]];
    else
        for (uint32_t i = 0; i < cursor->row_count; i++)
            ((uint64_t *)slot->values)[i] = ((const uint64_t *)block->values)[cursor->rows[i]];
}

static void
select_narrow(const struct sl_segment_slot *a, const struct sl_segment_slot *b,
              const struct sl_segment_slot *c, uint32_t first, uint32_t count, uint32_t *out)
{
    sl_segment_kernels_best()->select((const uint32_t *)a->values + first,
                                      (const uint32_t *)b->values + first,
                                      (const uint32_t *)c->values + first, count, out + first);
}

/* Products of 32 bits are one instruction where those of 64 are none. */
static void
scale_narrow(const struct sl_segment_slot *a, const struct sl_segment_slot *b,
             const struct sl_segment_slot *c, uint32_t first, uint32_t count, uint64_t *out)
{
    const uint32_t *x = (const uint32_t *)a->values + first;
    const uint32_t *y = (const uint32_t *)b->values + first;
    const uint32_t *z = (const uint32_t *)c->values + first;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t product = (uint64_t)x[i] * y[i] + z[i];
        out[first + i] = x[i] == 0 ? y[i] : product;
    }
}

/* One mini of a computed stream of width 8. */
static void
combine_wide(enum sl_segment_form form, const struct sl_segment_slot *a,
             const struct sl_segment_slot *b, const struct sl_segment_slot *c, uint32_t first,
             uint32_t count, uint64_t *out)
{
    uint64_t room[3][SL_MINI_ROWS];
    const uint64_t *x = sl_segment_slot_widen(a, first, count, room[0]);
    const uint64_t *y = sl_segment_slot_widen(b, first, count, room[1]);
    out += first;
    if (form == SL_SEGMENT_FORM_ADD) {
        for (uint32_t i = 0; i < count; i++)
            out[i] = x[i] + y[i];
        return;
    }
    const uint64_t *z = sl_segment_slot_widen(c, first, count, room[2]);
    if (form == SL_SEGMENT_FORM_SELECT) {
        for (uint32_t i = 0; i < count; i++)
            out[i] = x[i] == 0 ? y[i] : z[i];
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        out[i] = x[i] == 0 ? y[i] : x[i] * y[i] + z[i];
}

/* The map at a's values. */
static sl_status
look_up(struct sl_segment_cursor *cursor, uint32_t index, const struct sl_segment_slot *a,
        const struct sl_segment_item *item, uint32_t first, uint32_t count,
        struct sl_segment_slot *slot, struct sl_error *err)
{
    const struct sl_segment_stream *stream = &cursor->group->streams[index];
    const uint32_t *codes = (const uint32_t *)a->values + first;
    uint32_t beyond = 0;
    for (uint32_t i = 0; i < count; i++)
        beyond |= codes[i] >= stream->map_count;
    if (beyond != 0)
        return sl_segment_fail(cursor->reader, cursor->group->directory.offset, err,
                               "stream %u: a key beyond the map of %u entries", index,
                               stream->map_count);
    /* Locals: a store through values may else change where the map is. */
    if (slot->width == 4) {
        const uint32_t *map = item->map_narrow;
        uint32_t *values = (uint32_t *)slot->values + first;
        for (uint32_t i = 0; i < count; i++)
            values[i] = map[codes[i]];
    } else {
        const uint64_t *map = item->map_wide;
        uint64_t *values = (uint64_t *)slot->values + first;
        for (uint32_t i = 0; i < count; i++)
            values[i] = map[codes[i]];
    }
    return SL_OK;
}

/* Exceptions of the block, over whatever the map gave. */
static sl_status
apply_exceptions(struct sl_segment_cursor *cursor, const struct sl_segment_stream *stream,
                 struct sl_segment_slot *slot, struct sl_segment_counters *counters,
                 struct sl_error *err)
{
    uint32_t count = stream->exception_counts[cursor->block];
    if (count == 0)
        return SL_OK;
    uint32_t *rows = sl_segment_block_buffer_take(cursor, 4);
    uint64_t *values = sl_segment_block_buffer_take(cursor, 8);
    uint32_t next = 0; /* of the rows focused on */
    if (rows == NULL || values == NULL)
        return sl_segment_decoding_fail(err);
    const struct sl_segment_part *rows_part = &stream->exception_rows[cursor->block];
    SL_TRY(sl_segment_decode_values(cursor, rows_part, count, SL_SEGMENT_ALL_MINIS, 4, rows,
                                    counters, err));
    SL_TRY(sl_segment_decode_values(cursor, &stream->exception_values[cursor->block], count,
                                    SL_SEGMENT_ALL_MINIS, 8, values, counters, err));
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i] >= cursor->block_rows || (i > 0 && rows[i] <= rows[i - 1]) ||
            (slot->width == 4 && values[i] > UINT32_MAX))
            return sl_segment_fail(cursor->reader, rows_part->offset, err,
                                   "exception %u is out of order or range", i);
        uint32_t at = rows[i];
        if (cursor->rows != NULL) {
            while (next < cursor->row_count && cursor->rows[next] < at)
                next++;
            if (next == cursor->row_count || cursor->rows[next] != at)
                continue;
            at = next;
        }
        if (slot->width == 4)
            ((uint32_t *)slot->values)[at] = (uint32_t)values[i];
        else
            ((uint64_t *)slot->values)[at] = values[i];
    }
    sl_segment_block_buffer_give(cursor, 4, 1);
    sl_segment_block_buffer_give(cursor, 8, 1);
    return SL_OK;
}

static sl_status
evaluate_function(struct sl_segment_cursor *cursor, uint32_t index, uint32_t minis,
                  struct sl_segment_slot *slot, struct sl_segment_counters *counters,
                  struct sl_error *err)
{
    const struct sl_segment_stream *stream = &cursor->group->streams[index];
    const struct sl_segment_item *item;
    SL_TRY(sl_segment_item_get(cursor->reader, cursor->group_number,
                               sl_segment_item_of_stream(cursor->group, stream->map_of), &item,
                               counters, err));
    for (unsigned m = 0; m < SL_BLOCK_MINIS; m++)
        if ((minis >> m & 1) != 0)
            SL_TRY(look_up(cursor, index, &cursor->slots[stream->a], item, m * SL_MINI_ROWS,
                           sl_segment_cursor_mini_rows(cursor, m), slot, err));
    return apply_exceptions(cursor, stream, slot, counters, err);
}

/* Bring the minis of a stream about whose operands are ready. */
static sl_status
evaluate_one(struct sl_segment_cursor *cursor, uint32_t index, uint32_t minis,
             struct sl_segment_counters *counters, struct sl_error *err)
{
    const struct sl_segment_stream *stream = &cursor->group->streams[index];
    struct sl_segment_slot *slot = &cursor->slots[index];
    minis &= ~slot->ready;
    if (minis == 0)
        return SL_OK;
    if (stream->form == SL_SEGMENT_FORM_ANSWERS)
        return sl_segment_answers_evaluate(cursor, index, slot, counters, err);
    if (slot->values == NULL) {
        slot->width = stream->width;
        slot->values = sl_segment_buffer_take(cursor, slot->width);
        if (slot->values == NULL)
            return sl_segment_decoding_fail(err);
        if (minis != SL_SEGMENT_ALL_MINIS) /* readable, and no code beyond a dictionary */
            memset(slot->values, 0, (size_t)cursor->row_count * slot->width);
    }
    enum sl_segment_form form = (enum sl_segment_form)stream->form;
    if (sl_segment_cursor_is_ready(cursor, index)) {
        pick_ready(cursor, index, slot);
    } else if (form == SL_SEGMENT_FORM_VALUES && cursor->rows != NULL) {
        SL_TRY(decode_rows(cursor, &stream->blocks[cursor->block], slot, counters, err));
    } else if (form == SL_SEGMENT_FORM_VALUES) {
        SL_TRY(sl_segment_decode_values(cursor, &stream->blocks[cursor->block], cursor->row_count,
                                        minis, slot->width, slot->values, counters, err));
    } else if (form == SL_SEGMENT_FORM_FUNCTION) {
        SL_TRY(evaluate_function(cursor, index, minis, slot, counters, err));
    } else if (form == SL_SEGMENT_FORM_PAIRED && cursor->rows != NULL) {
        SL_TRY(sl_segment_paired_pick(cursor, stream, slot, counters, err));
    } else if (form == SL_SEGMENT_FORM_PAIRED) {
        SL_TRY(sl_segment_paired_evaluate(cursor, stream, minis, slot, counters, err));
    } else {
        const struct sl_segment_slot *a = &cursor->slots[stream->a];
        const struct sl_segment_slot *b = &cursor->slots[stream->b];
        const struct sl_segment_slot *c = &cursor->slots[stream->c];
        for (unsigned m = 0; m < SL_BLOCK_MINIS; m++) {
            uint32_t count = (minis >> m & 1) != 0 ? sl_segment_cursor_mini_rows(cursor, m) : 0;
            if (count == 0)
                continue;
            if (slot->width == 4)
                select_narrow(a, b, c, m * SL_MINI_ROWS, count, slot->values);
            else if (form == SL_SEGMENT_FORM_SCALE && a->width + b->width + c->width == 12)
                scale_narrow(a, b, c, m * SL_MINI_ROWS, count, slot->values);
            else
                combine_wide(form, a, b, c, m * SL_MINI_ROWS, count, slot->values);
        }
    }
    slot->ready |= minis;
    return SL_OK;
}

sl_status
sl_segment_stream_evaluate(struct sl_segment_cursor *cursor, uint32_t index, uint32_t minis,
                           struct sl_segment_counters *counters, struct sl_error *err)
{
    const struct sl_segment_stream *stream = &cursor->group->streams[index];
    if (sl_segment_cursor_is_ready(cursor, index)) /* no need of what it is computed from */
        return evaluate_one(cursor, index, minis, counters, err);
    for (uint32_t i = 0; i < stream->closure_count; i++)
        SL_TRY(evaluate_one(cursor, stream->closure[i], minis, counters, err));
    return SL_OK;
}
