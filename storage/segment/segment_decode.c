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

sl_status
sl_segment_decoding_fail(struct sl_error *err)
{
    return sl_fail(err, SL_LIMIT, "no memory to decode a block");
}

static struct sl_segment_pool *
pool_of(struct sl_segment_cursor *cursor, uint8_t width)
{
    unsigned kind = width == 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : 3;
    return &cursor->pools[kind];
}

void *
sl_segment_block_buffer_take(struct sl_segment_cursor *cursor, uint8_t width)
{
    struct sl_segment_pool *pool = pool_of(cursor, width);
    if (pool->used == pool->count) {
        size_t bytes = (size_t)SL_BLOCK_ROWS * width;
        if (!charge(cursor, bytes))
            return NULL;
        void *buffer = sl_try_alloc(bytes);
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
    struct sl_segment_pool *pool = pool_of(cursor, width);
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

sl_status
sl_segment_decode_read(struct sl_segment_cursor *cursor, const struct sl_segment_part *part,
                       struct sl_segment_counters *counters, struct sl_error *err)
{
    if (part->size_bytes > cursor->raw_capacity) {
        size_t capacity = part->size_bytes + part->size_bytes / 4;
        if (!charge(cursor, capacity - cursor->raw_capacity))
            return sl_segment_decoding_fail(err);
        uint8_t *raw = realloc(cursor->raw, capacity);
        if (raw == NULL)
            return sl_segment_decoding_fail(err);
        cursor->raw = raw;
        cursor->raw_capacity = capacity;
    }
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
