/*
 * codec_bytes.c - byte strings: their lengths packed, their bytes side by side.
 *
 * Layout
 *     1     form: 0 plain, 1 zstd
 *     for each SL_BLOCK_ROWS strings (the last ones may be fewer):
 *           pack.h, origin 0: length of each
 *     rest  plain: the bytes of all strings, one behind the other
 *           zstd:  one frame of them
 */
#include "storage/base/arena.h"
#include "storage/codec/codec.h"
#include "storage/codec/frame_zstd.h"
#include "storage/codec/pack.h"
#include "storage/codec/scheme.h"

enum {
    FORM_PLAIN = 0,
    FORM_ZSTD = 1,
    ZSTD_BYTES_MIN = 64, /* a frame's own head eats what a shorter text could save */
    ZSTD_SAVES_PERCENT_MIN = 3,
};

static bool
append_squeezed(const uint8_t *bytes, size_t size_bytes, enum sl_effort effort, struct sl_buf *out)
{
    int level = effort == SL_EFFORT_MERGE ? SL_ZSTD_LEVEL_MERGE : SL_ZSTD_LEVEL_SEAL;
    size_t start_bytes = out->size_bytes;
    if (size_bytes < ZSTD_BYTES_MIN || !sl_zstd_compress(bytes, size_bytes, level, out))
        return false;
    uint64_t frame_bytes = out->size_bytes - start_bytes;
    if (frame_bytes * 100 <= (uint64_t)size_bytes * (100 - ZSTD_SAVES_PERCENT_MIN))
        return true;
    out->size_bytes = start_bytes;
    return false;
}

void
sl_codec_encode_bytes(const uint8_t *bytes, const uint32_t *offsets, uint32_t count,
                      enum sl_effort effort, struct sl_buf *out)
{
    uint64_t *lengths = sl_scratch_get()->first;
    size_t form_at = out->size_bytes;

    SL_ASSERT(count == 0 || offsets[0] == 0);
    sl_buf_u8(out, FORM_PLAIN);
    for (uint32_t first = 0; first < count; first += SL_BLOCK_ROWS) {
        uint32_t entries = sl_pack_share(first, count);
        for (uint32_t i = 0; i < entries; i++)
            lengths[i] = offsets[first + i + 1] - offsets[first + i];
        sl_pack_encode(lengths, entries, 0, out);
    }
    size_t size_bytes = count == 0 ? 0 : offsets[count];
    if (out->bad || size_bytes == 0)
        return;
    if (append_squeezed(bytes, size_bytes, effort, out))
        out->bytes[form_at] = FORM_ZSTD;
    else
        sl_buf_append(out, bytes, size_bytes);
}

/* Lengths into offsets; false when they are not there or add up to more than bytes_max. */
static bool
read_offsets(struct sl_cursor *c, uint32_t count, size_t bytes_max, uint32_t *offsets)
{
    uint64_t *lengths = sl_scratch_get()->first;
    uint64_t end = 0;

    offsets[0] = 0;
    for (uint32_t first = 0; first < count; first += SL_BLOCK_ROWS) {
        struct sl_pack pack;
        uint32_t entries = sl_pack_share(first, count);
        if (!sl_pack_open(&pack, c, entries, 0) || !sl_pack_read_all(&pack, lengths))
            return false;
        for (uint32_t i = 0; i < entries; i++) {
            if (lengths[i] > bytes_max - end)
                return false;
            end += lengths[i];
            offsets[first + i + 1] = (uint32_t)end;
        }
    }
    return true;
}

/* A lower bound of the bytes that `count` lengths take: two for the head of each mini. It keeps
 * a damaged count from asking for memory that no such block could need. */
static bool
can_hold(size_t size_bytes, uint32_t count)
{
    return size_bytes > (size_t)(count / SL_MINI_ROWS) * 2;
}

sl_status
sl_codec_decode_bytes(const void *bytes, size_t size_bytes, uint32_t count, size_t bytes_max,
                      struct sl_arena *arena, uint8_t **out_bytes, uint32_t **out_offsets,
                      struct sl_error *err)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);

    *out_bytes = NULL;
    *out_offsets = NULL;
    if (bytes_max > UINT32_MAX)
        bytes_max = UINT32_MAX;
    uint8_t form = sl_cursor_u8(&c);
    if (c.bad || form > FORM_ZSTD || !can_hold(size_bytes, count))
        return sl_fail(err, SL_CORRUPT, "byte strings: no head of ours");
    uint32_t *offsets = sl_arena_alloc(arena, ((size_t)count + 1) * sizeof(*offsets));
    if (offsets == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for %u byte strings", count);
    if (!read_offsets(&c, count, bytes_max, offsets))
        return sl_fail(err, SL_CORRUPT, "byte strings: their lengths are damaged");

    size_t total_bytes = offsets[count];
    size_t left_bytes = sl_cursor_left(&c);
    uint8_t *total = sl_arena_alloc(arena, total_bytes);
    if (total == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for %zu bytes of strings", total_bytes);
    if (form == FORM_ZSTD) {
        if (!sl_zstd_decompress(c.next, left_bytes, total, total_bytes))
            return sl_fail(err, SL_CORRUPT, "byte strings: the zstd frame is damaged");
    } else {
        if (left_bytes != total_bytes)
            return sl_fail(err, SL_CORRUPT, "byte strings: %zu bytes where %zu belong", left_bytes,
                           total_bytes);
        if (total_bytes != 0)
            memcpy(total, c.next, total_bytes);
    }
    *out_bytes = total;
    *out_offsets = offsets;
    return SL_OK;
}
