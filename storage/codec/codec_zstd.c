/*
 * codec_zstd.c - what a light scheme left, squeezed once more: for merges, which have the time.
 *
 * Layout
 *     1   form: 0 scheme, 1 planes
 *     scheme:  1       codec, PACK .. DICT
 *              varint  bytes of that codec, at most SL_SCHEME_BYTES_MAX
 *              rest    a zstd frame of them
 *     planes:  1       width w, 1 .. 8
 *              rest    a zstd frame of w planes: plane b holds byte b (0 is the lowest) of each value
 *
 * Planes win where high bytes follow a pattern and low ones do not (doubles, tokens, addresses as
 * numbers): bits packed across bytes would hide the pattern.
 */
#include "storage/codec/bits.h"
#include "storage/codec/frame_zstd.h"
#include "storage/codec/pack.h"
#include "storage/codec/scheme.h"

enum { FORM_SCHEME = 0, FORM_PLANES = 1 };

static unsigned
plane_count(const uint64_t *values, uint32_t count)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < count; i++)
        all |= values[i];
    return all == 0 ? 1 : (sl_bits_width(all) + 7) / 8;
}

static void
write_planes(const uint64_t *values, uint32_t count, unsigned planes, uint8_t *bytes)
{
    for (unsigned plane = 0; plane < planes; plane++)
        for (uint32_t i = 0; i < count; i++)
            bytes[(size_t)plane * count + i] = (uint8_t)(values[i] >> (8 * plane));
}

void
sl_scheme_zstd_encode(const uint64_t *values, uint32_t count, enum sl_codec codec,
                      const void *inner, size_t inner_bytes, struct sl_buf *out)
{
    size_t start_bytes = out->size_bytes;
    sl_buf_u8(out, FORM_SCHEME);
    sl_buf_u8(out, (uint8_t)codec);
    sl_buf_varint(out, inner_bytes);
    bool has_scheme = sl_zstd_compress(inner, inner_bytes, SL_ZSTD_LEVEL_MERGE, out);
    size_t scheme_bytes = out->size_bytes - start_bytes;

    unsigned planes = plane_count(values, count);
    struct sl_buf *raw = &sl_scratch_get()->planes;
    sl_buf_clear(raw);
    uint8_t *at = sl_buf_extend(raw, (size_t)planes * count);
    if (at == NULL)
        return;
    write_planes(values, count, planes, at);
    sl_buf_u8(out, FORM_PLANES);
    sl_buf_u8(out, (uint8_t)planes);
    bool has_planes = sl_zstd_compress(at, raw->size_bytes, SL_ZSTD_LEVEL_MERGE, out);
    size_t planes_bytes = out->size_bytes - start_bytes - scheme_bytes;

    if (!has_scheme || out->bad) {
        out->bad = true;
    } else if (has_planes && planes_bytes < scheme_bytes) {
        memmove(&out->bytes[start_bytes], &out->bytes[start_bytes + scheme_bytes], planes_bytes);
        out->size_bytes = start_bytes + planes_bytes;
    } else {
        out->size_bytes = start_bytes + scheme_bytes;
    }
}

/* The next `picks` rows of the target, out of `planes` planes of `count` bytes. */
static void
pick_planes(const uint8_t *bytes, unsigned planes, uint32_t count, struct sl_target *target,
            uint32_t picks)
{
    for (uint32_t i = target->row_next; i < target->row_next + picks; i++) {
        uint64_t value = 0;
        for (unsigned plane = 0; plane < planes; plane++)
            value |= (uint64_t)bytes[(size_t)plane * count + target->rows[i]] << (8 * plane);
        target->picked[i] = value;
    }
    sl_target_picked(target, picks);
}

/* values[i] = byte i of each plane, the first the lowest; planes lie `stride` bytes apart. */
static void
join_narrow(const uint8_t *bytes, size_t stride, unsigned planes, uint32_t count, uint32_t *values)
{
    const uint8_t *second = planes > 1 ? bytes + stride : NULL;
    const uint8_t *third = planes > 2 ? bytes + 2 * stride : NULL;
    const uint8_t *fourth = planes > 3 ? bytes + 3 * stride : NULL;

    if (planes == 1)
        for (uint32_t i = 0; i < count; i++)
            values[i] = bytes[i];
    else if (planes == 2)
        for (uint32_t i = 0; i < count; i++)
            values[i] = bytes[i] | (uint32_t)second[i] << 8;
    else if (planes == 3)
        for (uint32_t i = 0; i < count; i++)
            values[i] = bytes[i] | (uint32_t)second[i] << 8 | (uint32_t)third[i] << 16;
    else
        for (uint32_t i = 0; i < count; i++)
            values[i] = bytes[i] | (uint32_t)second[i] << 8 | (uint32_t)third[i] << 16 |
                        (uint32_t)fourth[i] << 24;
}

static void
join_wide(const uint8_t *bytes, size_t stride, unsigned planes, uint32_t count, uint64_t *values)
{
    uint32_t low[SL_MINI_ROWS];
    join_narrow(bytes, stride, planes < 4 ? planes : 4, count, low);
    for (uint32_t i = 0; i < count; i++)
        values[i] = low[i];
    for (unsigned plane = 4; plane < planes; plane++) {
        const uint8_t *from = &bytes[plane * stride];
        for (uint32_t i = 0; i < count; i++)
            values[i] |= (uint64_t)from[i] << (8 * plane);
    }
}

static bool
decode_planes(struct sl_cursor *c, uint32_t count, uint32_t minis, struct sl_target *target)
{
    struct sl_buf *raw = &sl_scratch_get()->planes;
    unsigned planes = sl_cursor_u8(c);

    if (planes == 0 || planes > 8)
        return false;
    sl_buf_clear(raw);
    uint8_t *bytes = sl_buf_extend(raw, (size_t)planes * count);
    size_t frame_bytes = sl_cursor_left(c);
    const uint8_t *frame = sl_cursor_take(c, frame_bytes);
    if (bytes == NULL || frame == NULL)
        return false;
    if (!sl_zstd_decompress(frame, frame_bytes, bytes, raw->size_bytes))
        return false;
    bool is_narrow = planes <= 4 && sl_target_is_narrow(target, UINT64_MAX >> (64 - 8 * planes));
    for (uint32_t m = 0; m < sl_mini_count(count); m++) {
        uint32_t rows = sl_mini_rows(count, m);
        uint64_t *values = sl_target_mini(target, m);
        if ((minis >> m & 1) == 0)
            continue;
        uint32_t picks = sl_target_picks(target, m);
        if (picks != 0) {
            pick_planes(bytes, planes, count, target, picks);
            continue;
        }
        if (is_narrow) {
            join_narrow(bytes + sl_mini_first(m), count, planes, rows,
                        target->narrow + sl_mini_first(m));
            sl_target_step_narrow(target, m, rows);
            continue;
        }
        join_wide(bytes + sl_mini_first(m), count, planes, rows, values);
        if (!sl_target_done(target, m, rows))
            return false;
    }
    return true;
}

static bool
decode_scheme(struct sl_cursor *c, uint32_t count, uint32_t minis, struct sl_target *target)
{
    struct sl_buf *raw = &sl_scratch_get()->planes;
    uint8_t codec = sl_cursor_u8(c);
    uint64_t inner_bytes = sl_cursor_varint(c);

    if (codec < SL_CODEC_PACK || codec > SL_CODEC_DICT)
        return false;
    if (inner_bytes == 0 || inner_bytes > SL_SCHEME_BYTES_MAX)
        return false;
    sl_buf_clear(raw);
    uint8_t *bytes = sl_buf_extend(raw, (size_t)inner_bytes);
    size_t frame_bytes = sl_cursor_left(c);
    const uint8_t *frame = sl_cursor_take(c, frame_bytes);
    if (bytes == NULL || frame == NULL)
        return false;
    if (!sl_zstd_decompress(frame, frame_bytes, bytes, (size_t)inner_bytes))
        return false;
    struct sl_cursor inner = sl_cursor_over(bytes, (size_t)inner_bytes);
    return sl_scheme_decode((enum sl_codec)codec, &inner, count, minis, target) &&
           sl_cursor_left(&inner) == 0;
}

bool
sl_scheme_zstd_decode(struct sl_cursor *c, uint32_t count, uint32_t minis, struct sl_target *target)
{
    switch (sl_cursor_u8(c)) {
    case FORM_SCHEME:
        return !c->bad && decode_scheme(c, count, minis, target);
    case FORM_PLANES:
        return decode_planes(c, count, minis, target);
    default:
        return false;
    }
}
