/*
 * codec_zstd.c - what a light scheme left, squeezed once more: for merges, which have the time.
 *
 * Layout
 *     1   form: 0 scheme, 1 planes
 *     scheme:  1       codec, PACK .. DICT
 *              varint  bytes of that codec, at most SL_SCHEME_BYTES_MAX
 *              rest    a zstd frame of them
 *     planes:  1       planes w, 1 .. 8
 *              varint  base
 *              planes, lowest first; plane b holds byte b (0 is the lowest) of each value less the
 *              base, modulo 2^64:
 *                  varint  bytes n, at most those of the plane
 *                  n       the plane as it is, when n is the number of values, else a zstd frame
 *
 * Planes win where high bytes follow a pattern and low ones do not (doubles, tokens, addresses as
 * numbers): bits packed across bytes would hide the pattern. Each plane has a frame of its own,
 * because what is saved is in the statistics of its bytes, and those of two planes are not alike.
 * For the same reason the level that looks for no repetition is often the best one: it wastes
 * nothing on those by chance, and is read fastest.
 */
#include "storage/codec/bits.h"
#include "storage/codec/choose.h"
#include "storage/codec/frame_zstd.h"
#include "storage/codec/pack.h"
#include "storage/codec/scheme.h"

enum { FORM_SCHEME = 0, FORM_PLANES = 1 };

/* Time to read a byte, in tenths of a nanosecond, as measured: of a plane as it is, of literals, of
 * repetitions among them, and of a frame that is hardly anything but one repetition. */
enum { READ_PLAIN = 1, READ_LITERALS = 11, READ_REPETITIONS = 13, READ_SPARSE = 4 };

/* Time to read `count` bytes out of a frame of `frame_bytes`. */
static uint64_t
reading_of(size_t count, size_t frame_bytes, int level)
{
    unsigned each = level == SL_ZSTD_LEVEL_LITERALS ? READ_LITERALS : READ_REPETITIONS;
    return count * (frame_bytes < count / 32 ? READ_SPARSE : each);
}

/* Append one plane and add the time to read it; false when there is no memory. */
static bool
write_plane(const uint64_t *values, uint32_t count, uint64_t base, unsigned plane,
            uint64_t *reading, struct sl_buf *out)
{
    static const int levels[] = {SL_ZSTD_LEVEL_LITERALS, SL_ZSTD_LEVEL_SEAL, SL_ZSTD_LEVEL_MERGE};
    struct sl_scratch *scratch = sl_scratch_get();
    size_t best_start = SIZE_MAX; /* of the frame; else the plane as it is */
    size_t best_bytes = count;
    uint64_t best_reading = (uint64_t)count * READ_PLAIN;
    for (uint32_t i = 0; i < count; i++)
        scratch->plane[i] = (uint8_t)((values[i] - base) >> (8 * plane));
    sl_buf_clear(&scratch->planes);
    for (size_t i = 0; i < SL_COUNTOF(levels); i++) {
        size_t start = scratch->planes.size_bytes;
        if (!sl_zstd_compress(scratch->plane, count, levels[i], &scratch->planes))
            return false;
        size_t size_bytes = scratch->planes.size_bytes - start;
        uint64_t frame_reading = reading_of(count, size_bytes, levels[i]);
        if (size_bytes >= count ||
            size_bytes * SL_BYTE_WORTH + frame_reading >= best_bytes * SL_BYTE_WORTH + best_reading)
            continue;
        best_start = start;
        best_bytes = size_bytes;
        best_reading = frame_reading;
    }
    *reading += best_reading;
    sl_buf_varint(out, best_bytes);
    sl_buf_append(out, best_start == SIZE_MAX ? scratch->plane : &scratch->planes.bytes[best_start],
                  best_bytes);
    return true;
}

static bool
encode_planes(const uint64_t *values, uint32_t count, uint64_t *reading, struct sl_buf *out)
{
    uint64_t min;
    uint64_t max;
    sl_bits_range(values, count, &min, &max);
    unsigned planes = min == max ? 1 : (sl_bits_width(max - min) + 7) / 8;
    sl_buf_u8(out, FORM_PLANES);
    sl_buf_u8(out, (uint8_t)planes);
    sl_buf_varint(out, min);
    for (unsigned plane = 0; plane < planes; plane++)
        if (!write_plane(values, count, min, plane, reading, out))
            return false;
    return true;
}

uint64_t
sl_scheme_zstd_encode(const uint64_t *values, uint32_t count, enum sl_codec codec,
                      const void *inner, size_t inner_bytes, struct sl_buf *out)
{
    size_t start_bytes = out->size_bytes;
    sl_buf_u8(out, FORM_SCHEME);
    sl_buf_u8(out, (uint8_t)codec);
    sl_buf_varint(out, inner_bytes);
    bool has_scheme = sl_zstd_compress(inner, inner_bytes, SL_ZSTD_LEVEL_MERGE, out);
    size_t scheme_bytes = out->size_bytes - start_bytes;
    uint64_t scheme_reading =
        sl_codec_reading(codec, count) + reading_of(inner_bytes, scheme_bytes, SL_ZSTD_LEVEL_MERGE);
    uint64_t planes_reading = (uint64_t)count * READ_PLAIN; /* to join them */
    bool has_planes = encode_planes(values, count, &planes_reading, out);
    size_t planes_bytes = out->size_bytes - start_bytes - scheme_bytes;

    if (!has_scheme || out->bad) {
        out->bad = true;
        return 0;
    }
    if (!has_planes || scheme_bytes * SL_BYTE_WORTH + scheme_reading <=
                           planes_bytes * SL_BYTE_WORTH + planes_reading) {
        out->size_bytes = start_bytes + scheme_bytes;
        return scheme_reading;
    }
    memmove(&out->bytes[start_bytes], &out->bytes[start_bytes + scheme_bytes], planes_bytes);
    out->size_bytes = start_bytes + planes_bytes;
    return planes_reading;
}

/* The planes of a block, plain, one behind the other in the scratch; NULL for what is not ours. */
static const uint8_t *
read_planes(struct sl_cursor *c, uint32_t count, unsigned planes)
{
    struct sl_buf *raw = &sl_scratch_get()->planes;
    sl_buf_clear(raw);
    uint8_t *bytes = sl_buf_extend(raw, (size_t)planes * count);
    for (unsigned plane = 0; bytes != NULL && plane < planes; plane++) {
        uint64_t size_bytes = sl_cursor_varint(c);
        if (size_bytes > count)
            return NULL;
        const uint8_t *from = sl_cursor_take(c, (size_t)size_bytes);
        uint8_t *to = &bytes[(size_t)plane * count];
        if (from == NULL)
            return NULL;
        if (size_bytes == count)
            memcpy(to, from, count);
        else if (!sl_zstd_decompress(from, (size_t)size_bytes, to, count))
            return NULL;
    }
    return bytes;
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

/* values[i] = byte i of each of more than four planes. */
static void
join_wide(const uint8_t *bytes, size_t stride, unsigned planes, uint32_t count, uint64_t *values)
{
    uint32_t low[SL_MINI_ROWS];
    sl_bits_join(bytes, stride, 4, count, low);
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
    unsigned planes = sl_cursor_u8(c);
    uint64_t base = sl_cursor_varint(c);

    if (c->bad || planes == 0 || planes > 8)
        return false;
    const uint8_t *bytes = read_planes(c, count, planes);
    if (bytes == NULL)
        return false;
    target->shift.base += target->shift.step * base;
    bool is_narrow = planes <= 4;
    for (uint32_t m = 0; m < sl_mini_count(count); m++) {
        uint32_t rows = sl_mini_rows(count, m);
        size_t first = sl_mini_first(m);
        if ((minis >> m & 1) == 0)
            continue;
        uint32_t picks = sl_target_picks(target, m);
        if (picks != 0) {
            pick_planes(bytes, planes, count, target, picks);
            continue;
        }
        if (is_narrow) {
            sl_bits_join(bytes + first, count, planes, rows, sl_target_codes(target, m));
            if (!sl_target_done_codes(target, m, rows, 0, UINT32_MAX >> (32 - 8 * planes)))
                return false;
            continue;
        }
        join_wide(bytes + first, count, planes, rows, sl_target_mini(target, m));
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
