/*
 * codec.c - see codec.h: the table of schemes and the way of a block through them.
 *
 * Layout of a block
 *     CONSTANT  varint value
 *     others    1 step form: 0 none, 1 divided
 *               divided: varint base, varint step, at least 2: each value is
 *                        base + step * decoded, modulo 2^64
 *               the bytes of the scheme, described in its file, to the end of the block
 */
#include "storage/codec/codec.h"
#include "storage/base/cursor.h"
#include "storage/codec/bits.h"
#include "storage/codec/choose.h"
#include "storage/codec/pack.h"
#include "storage/codec/scheme.h"

enum { STEP_NONE = 0, STEP_DIVIDED = 1 };

/* The share of a block that zstd must save, however fast it is read. */
enum { LIGHT_IS_WORTH = 64 };

_Static_assert(SL_CODEC_COUNT == 6, "every codec has its cases below");

const char *
sl_codec_name(enum sl_codec codec)
{
    static const char *const names[SL_CODEC_COUNT] = {
#define X(name, number, text) [number] = (text),
        SL_CODEC_LIST(X)
#undef X
    };
    return (unsigned)codec < SL_CODEC_COUNT ? names[codec] : "?";
}

/* Append what `codec` makes of the values; false when it cannot take them. */
static bool
encode_scheme(enum sl_codec codec, const uint64_t *values, uint32_t count, struct sl_buf *out)
{
    switch (codec) {
    case SL_CODEC_PACK:
        sl_pack_encode(values, count, 0, out);
        return true;
    case SL_CODEC_DELTA:
        sl_scheme_delta_encode(values, count, out);
        return true;
    case SL_CODEC_RUN:
        sl_scheme_run_encode(values, count, out);
        return true;
    case SL_CODEC_DICT:
        return sl_scheme_dict_encode(values, count, out);
    case SL_CODEC_CONSTANT:
    case SL_CODEC_ZSTD:
    case SL_CODEC_COUNT:
        break;
    }
    return false;
}

/* Replace the bytes from `start_bytes` on by those of `other`. */
static void
replace_tail(struct sl_buf *out, size_t start_bytes, const struct sl_buf *other)
{
    out->size_bytes = start_bytes;
    sl_buf_append(out, other->bytes, other->size_bytes);
}

/* The smallest of the light schemes: the expected winner, and each of the others as long as it
 * promises less than what is there. */
static enum sl_codec
encode_light(const uint64_t *values, uint32_t count, struct sl_buf *out)
{
    struct sl_choice choice = sl_codec_choose(values, count);
    struct sl_buf *trial = &sl_scratch_get()->trial;
    size_t start_bytes = out->size_bytes;
    enum sl_codec best = SL_CODEC_COUNT;

    for (size_t i = 0; i < SL_COUNTOF(choice.codec); i++) {
        size_t best_bytes = out->size_bytes - start_bytes;
        if (best != SL_CODEC_COUNT && choice.bytes[i] >= best_bytes)
            break;
        sl_buf_clear(trial);
        if (!encode_scheme(choice.codec[i], values, count, trial))
            continue;
        SL_ASSERT(!trial->bad);
        if (best == SL_CODEC_COUNT || trial->size_bytes < best_bytes) {
            replace_tail(out, start_bytes, trial);
            best = choice.codec[i];
        }
        if (out->bad)
            break;
    }
    SL_ASSERT(best != SL_CODEC_COUNT); /* PACK takes everything */
    return best;
}

/* Put zstd on top of what `codec` left behind `start_bytes`, where it pays. */
static enum sl_codec
encode_squeezed(const uint64_t *values, uint32_t count, enum sl_codec codec, size_t start_bytes,
                struct sl_buf *out)
{
    struct sl_buf *trial = &sl_scratch_get()->trial;
    size_t light_bytes = out->size_bytes - start_bytes;

    sl_buf_clear(trial);
    uint64_t reading =
        sl_scheme_zstd_encode(values, count, codec, &out->bytes[start_bytes], light_bytes, trial);
    if (trial->bad)
        return codec;
    /* A light one also reads single minis: a few bytes are no reason. */
    if (trial->size_bytes + light_bytes / LIGHT_IS_WORTH > light_bytes)
        return codec;
    if (trial->size_bytes * SL_BYTE_WORTH + reading >=
        light_bytes * SL_BYTE_WORTH + sl_codec_reading(codec, count))
        return codec;
    replace_tail(out, start_bytes, trial);
    return SL_CODEC_ZSTD;
}

enum sl_codec
sl_codec_encode(const uint64_t *values, uint32_t count, enum sl_effort effort, struct sl_buf *out)
{
    uint64_t min;
    uint64_t max;

    SL_ASSERT(count >= 1 && count <= SL_BLOCK_ROWS);
    sl_bits_range(values, count, &min, &max);
    if (min == max) {
        sl_buf_varint(out, min);
        return SL_CODEC_CONSTANT;
    }
    uint64_t step = sl_codec_divisor(values, count, min);
    if (step == 1) {
        sl_buf_u8(out, STEP_NONE);
    } else {
        uint64_t *quotients = sl_scratch_get()->quotients;
        const struct sl_exact exact = sl_exact_of(step);
        for (uint32_t i = 0; i < count; i++)
            quotients[i] = sl_exact_quotient(exact, values[i] - min);
        values = quotients;
        sl_buf_u8(out, STEP_DIVIDED);
        sl_buf_varint(out, min);
        sl_buf_varint(out, step);
    }
    size_t start_bytes = out->size_bytes;
    enum sl_codec codec = encode_light(values, count, out);
    if (effort == SL_EFFORT_MERGE && !out->bad)
        codec = encode_squeezed(values, count, codec, start_bytes, out);
    return codec;
}

/* Eight at a time, which compilers turn into wide instructions at any level. */
static bool
narrow_mini(const uint64_t *values, uint32_t count, uint32_t *narrow)
{
    uint64_t all[8] = {0};
    uint32_t whole = count - count % 8;
    for (uint32_t i = 0; i < whole; i += 8)
        for (uint32_t lane = 0; lane < 8; lane++) {
            all[lane] |= values[i + lane];
            narrow[i + lane] = (uint32_t)values[i + lane];
        }
    for (uint32_t i = whole; i < count; i++) {
        all[0] |= values[i];
        narrow[i] = (uint32_t)values[i];
    }
    for (uint32_t lane = 1; lane < 8; lane++)
        all[0] |= all[lane];
    return all[0] <= UINT32_MAX;
}

/* Rows still wanted that lie in the mini. */
static uint32_t
count_rows(const struct sl_target *target, uint32_t mini)
{
    uint32_t end = (mini + 1) * SL_MINI_ROWS;
    uint32_t i = target->row_next;
    while (i < target->row_count && target->rows[i] < end)
        i++;
    return i - target->row_next;
}

uint32_t
sl_target_picks(const struct sl_target *target, uint32_t mini)
{
    enum { PICK_ROWS_MAX = SL_MINI_ROWS / 8 }; /* beyond, decoding all of them is faster */
    uint32_t count = target->rows == NULL ? 0 : count_rows(target, mini);
    return count <= PICK_ROWS_MAX ? count : 0;
}

void
sl_shift_apply(struct sl_shift shift, uint32_t count, uint64_t *values)
{
    if (shift.base != 0 || shift.step != 1) /* else they are what the scheme wrote */
        for (uint32_t i = 0; i < count; i++)
            values[i] = shift.base + shift.step * values[i];
}

void
sl_target_picked(struct sl_target *target, uint32_t count)
{
    sl_shift_apply(target->shift, count, &target->picked[target->row_next]);
    target->row_next += count;
}

/* Of a whole mini take the rows that are wanted. */
static void
pick_rows(struct sl_target *target, uint32_t mini)
{
    const uint64_t *values = target->stage;
    uint32_t count = count_rows(target, mini);
    for (uint32_t i = target->row_next; i < target->row_next + count; i++)
        target->picked[i] = values[target->rows[i] % SL_MINI_ROWS];
    sl_target_picked(target, count);
}

bool
sl_target_done(struct sl_target *target, uint32_t mini, uint32_t count)
{
    uint64_t *values = sl_target_mini(target, mini);
    if (target->rows != NULL) {
        pick_rows(target, mini);
        return true;
    }
    sl_shift_apply(target->shift, count, values);
    if (target->wide != NULL)
        return true;
    return narrow_mini(values, count, &target->narrow[(size_t)mini * SL_MINI_ROWS]);
}

/* Of codes take the rows that are wanted. */
static void
pick_codes(struct sl_target *target, uint32_t mini, uint64_t minimum)
{
    uint32_t count = count_rows(target, mini);
    for (uint32_t i = target->row_next; i < target->row_next + count; i++)
        target->picked[i] = minimum + target->codes[target->rows[i] % SL_MINI_ROWS];
    sl_target_picked(target, count);
}

/* Do values of 32 bits come out whatever of 0 .. span goes in? */
static bool
is_narrow(uint64_t base, uint64_t step, uint32_t span)
{
    uint64_t last;
    return !__builtin_mul_overflow(span, step, &last) &&
           !__builtin_add_overflow(last, base, &last) && last <= UINT32_MAX;
}

bool
sl_target_done_codes(struct sl_target *target, uint32_t mini, uint32_t count, uint64_t minimum,
                     uint32_t span)
{
    uint32_t *codes = sl_target_codes(target, mini);
    uint64_t *values = sl_target_mini(target, mini);
    uint64_t base = target->shift.base + target->shift.step * minimum;
    if (target->rows != NULL) {
        pick_codes(target, mini, minimum);
        return true;
    }
    if (target->narrow != NULL && is_narrow(base, target->shift.step, span)) {
        if (base != 0 || target->shift.step != 1)
            sl_bits_scale_u32(codes, count, (uint32_t)base, (uint32_t)target->shift.step);
        return true;
    }
    sl_bits_scale(codes, count, base, target->shift.step, values);
    return target->wide != NULL || narrow_mini(values, count, codes);
}

struct sl_shift
sl_target_take_shift(struct sl_target *target)
{
    struct sl_shift shift = target->shift;
    target->shift = (struct sl_shift){.base = 0, .step = 1};
    return shift;
}

static bool
decode_constant(struct sl_cursor *c, uint32_t count, uint32_t minis, struct sl_target *target)
{
    uint64_t value = sl_cursor_varint(c);
    if (c->bad)
        return false;
    for (uint32_t m = 0; m < sl_mini_count(count); m++) {
        uint32_t *codes = sl_target_codes(target, m);
        uint32_t rows = sl_mini_rows(count, m);
        if ((minis >> m & 1) == 0)
            continue;
        memset(codes, 0, rows * sizeof(*codes));
        if (!sl_target_done_codes(target, m, rows, value, 0))
            return false;
    }
    return true;
}

bool
sl_scheme_decode(enum sl_codec codec, struct sl_cursor *c, uint32_t count, uint32_t minis,
                 struct sl_target *target)
{
    switch (codec) {
    case SL_CODEC_PACK:
        return sl_scheme_pack_decode(c, count, minis, target);
    case SL_CODEC_DELTA:
        return sl_scheme_delta_decode(c, count, minis, target);
    case SL_CODEC_RUN:
        return sl_scheme_run_decode(c, count, minis, target);
    case SL_CODEC_DICT:
        return sl_scheme_dict_decode(c, count, minis, target);
    case SL_CODEC_CONSTANT:
    case SL_CODEC_ZSTD:
    case SL_CODEC_COUNT:
        break;
    }
    return false;
}

/* What stands before the bytes of a scheme. */
static bool
read_step(struct sl_cursor *c, struct sl_target *target)
{
    uint8_t form = sl_cursor_u8(c);
    if (form == STEP_NONE)
        return !c->bad;
    if (form != STEP_DIVIDED)
        return false;
    target->shift.base = sl_cursor_varint(c);
    target->shift.step = sl_cursor_varint(c);
    return !c->bad && target->shift.step >= 2;
}

static sl_status
decode_block(enum sl_codec codec, const void *bytes, size_t size_bytes, uint32_t count,
             uint32_t minis, struct sl_target *target, struct sl_error *err)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    bool is_good = false;

    SL_ASSERT(count >= 1 && count <= SL_BLOCK_ROWS);
    target->shift = (struct sl_shift){.base = 0, .step = 1};
    if (codec == SL_CODEC_CONSTANT)
        is_good = decode_constant(&c, count, minis, target);
    else if (codec == SL_CODEC_ZSTD)
        is_good = read_step(&c, target) && sl_scheme_zstd_decode(&c, count, minis, target);
    else
        is_good = read_step(&c, target) && sl_scheme_decode(codec, &c, count, minis, target);
    if (!is_good || c.bad || sl_cursor_left(&c) != 0)
        return sl_fail(err, SL_CORRUPT, "block of codec %s (%u): %zu bytes are not %u values",
                       sl_codec_name(codec), (unsigned)codec, size_bytes, count);
    return SL_OK;
}

sl_status
sl_codec_decode(enum sl_codec codec, const void *bytes, size_t size_bytes, uint32_t count,
                uint32_t minis, uint64_t *values, struct sl_error *err)
{
    struct sl_target target;
    target.wide = values;
    target.narrow = NULL;
    target.rows = NULL;
    return decode_block(codec, bytes, size_bytes, count, minis, &target, err);
}

sl_status
sl_codec_decode_u32(enum sl_codec codec, const void *bytes, size_t size_bytes, uint32_t count,
                    uint32_t minis, uint32_t *values, struct sl_error *err)
{
    struct sl_target target;
    target.wide = NULL;
    target.narrow = values;
    target.rows = NULL;
    return decode_block(codec, bytes, size_bytes, count, minis, &target, err);
}

sl_status
sl_codec_decode_rows(enum sl_codec codec, const void *bytes, size_t size_bytes, uint32_t count,
                     const uint32_t *rows, uint32_t row_count, uint64_t *values,
                     struct sl_error *err)
{
    struct sl_target target;
    uint32_t minis = 0;
    target.wide = NULL;
    target.narrow = NULL;
    target.picked = values;
    target.rows = rows;
    target.row_count = row_count;
    target.row_next = 0;
    for (uint32_t i = 0; i < row_count; i++)
        minis |= UINT32_C(1) << (rows[i] / SL_MINI_ROWS);
    sl_status st = decode_block(codec, bytes, size_bytes, count, minis, &target, err);
    SL_ASSERT(st != SL_OK || target.row_next == row_count);
    return st;
}
