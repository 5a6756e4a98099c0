/*
 * segment_decode.c - see segment_decode.h.
 */
#include "storage/segment/segment_decode.h"

#include <stdlib.h>

#include "storage/codec/codec.h"

static bool
charge(struct sl_segment_cursor *cursor, size_t bytes)
{
    if (cursor->budget != NULL && !sl_budget_take(cursor->budget, bytes))
        return false;
    cursor->budget_bytes += bytes;
    return true;
}

static void
discharge(struct sl_segment_cursor *cursor, size_t bytes)
{
    if (cursor->budget != NULL)
        sl_budget_give(cursor->budget, bytes);
    cursor->budget_bytes -= bytes;
}

sl_status
sl_segment_decoding_fail(struct sl_error *err)
{
    return sl_fail(err, SL_LIMIT, "no memory to decode a block");
}

/* Of a buffer of values of `width` bytes: 1, 2, 4 or 8. */
static unsigned
kind_of(uint8_t width)
{
    return (unsigned)__builtin_ctz(width);
}

void *
sl_segment_block_buffer_take(struct sl_segment_cursor *cursor, uint8_t width)
{
    unsigned kind = kind_of(width);
    struct sl_segment_pool *pool = &cursor->pools[kind];
    if (pool->used == pool->count) {
        if (!charge(cursor, sl_segment_buffer_bytes(kind)))
            return NULL;
        void *buffer = sl_segment_stock_take(kind);
        if (buffer == NULL)
            return NULL;
        pool->buffers = sl_grow(pool->buffers, sizeof(*pool->buffers), pool->count + 1);
        pool->buffers[pool->count++] = buffer;
    }
    return pool->buffers[pool->used++];
}

void
sl_segment_block_buffer_give(struct sl_segment_cursor *cursor, uint8_t width, uint32_t count)
{
    struct sl_segment_pool *pool = &cursor->pools[kind_of(width)];
    SL_ASSERT(count <= pool->used);
    pool->used -= count;
}

void *
sl_segment_buffer_take(struct sl_segment_cursor *cursor, uint8_t width)
{
    if (cursor->rows != NULL)
        return sl_arena_alloc(cursor->arena, (size_t)cursor->row_count * width);
    return sl_segment_block_buffer_take(cursor, width);
}

/* Parts are smaller than a buffer, as a rule: raw is one then. */
enum { RAW_KIND = SL_SEGMENT_BUFFER_KINDS - 1 };

void
sl_segment_decode_end(struct sl_segment_cursor *cursor)
{
    if (cursor->raw == NULL)
        return;
    if (cursor->raw_capacity == sl_segment_buffer_bytes(RAW_KIND))
        sl_segment_stock_give(RAW_KIND, cursor->raw);
    else
        free(cursor->raw);
    discharge(cursor, cursor->raw_capacity);
    cursor->raw = NULL;
    cursor->raw_capacity = 0;
}

/* Room for a part in raw, whose bytes go. */
static bool
grow_raw(struct sl_segment_cursor *cursor, size_t size_bytes)
{
    size_t buffer_bytes = sl_segment_buffer_bytes(RAW_KIND);
    bool is_buffer = size_bytes <= buffer_bytes;
    size_t capacity = is_buffer ? buffer_bytes : size_bytes + size_bytes / 4;
    sl_segment_decode_end(cursor);
    if (!charge(cursor, capacity))
        return false;
    cursor->raw = is_buffer ? sl_segment_stock_take(RAW_KIND) : malloc(capacity);
    if (cursor->raw == NULL) {
        discharge(cursor, capacity);
        return false;
    }
    cursor->raw_capacity = capacity;
    return true;
}

sl_status
sl_segment_decode_read(struct sl_segment_cursor *cursor, const struct sl_segment_part *part,
                       struct sl_segment_counters *counters, struct sl_error *err)
{
    if (part->size_bytes > cursor->raw_capacity && !grow_raw(cursor, part->size_bytes))
        return sl_segment_decoding_fail(err);
    return sl_segment_read_part(cursor->reader, part, cursor->raw, counters, err);
}

sl_status
sl_segment_decode_values(struct sl_segment_cursor *cursor, const struct sl_segment_part *part,
                         uint32_t count, uint32_t minis, uint8_t width, void *values,
                         struct sl_segment_counters *counters, struct sl_error *err)
{
    SL_TRY(sl_segment_decode_read(cursor, part, counters, err));
    enum sl_codec codec = (enum sl_codec)part->codec;
    sl_status st =
        width == 4
            ? sl_codec_decode_u32(codec, cursor->raw, part->size_bytes, count, minis, values, err)
            : sl_codec_decode(codec, cursor->raw, part->size_bytes, count, minis, values, err);
    if (st != SL_OK)
        sl_segment_locate(cursor->reader, part->offset, err);
    if (counters != NULL)
        counters->values_decoded += (uint64_t)__builtin_popcount(minis) * SL_MINI_ROWS;
    return st;
}

sl_status
sl_segment_decode_picked(struct sl_segment_cursor *cursor, const struct sl_segment_part *part,
                         uint32_t count, const uint32_t *picks, uint32_t pick_count,
                         uint64_t *values, struct sl_segment_counters *counters,
                         struct sl_error *err)
{
    SL_TRY(sl_segment_decode_read(cursor, part, counters, err));
    sl_status st = sl_codec_decode_rows((enum sl_codec)part->codec, cursor->raw, part->size_bytes,
                                        count, picks, pick_count, values, err);
    if (st != SL_OK)
        sl_segment_locate(cursor->reader, part->offset, err);
    if (counters != NULL)
        counters->values_decoded += pick_count;
    return st;
}
