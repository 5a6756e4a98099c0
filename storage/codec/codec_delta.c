/*
 * codec_delta.c - differences of neighbours, packed.
 *
 * Layout
 *     1   mode: 0 offset, 1 zigzag
 *     pack.h, origin 0: the first value of each mini
 *     pack.h, one entry for each value: its difference from the value before, modulo 2^64
 *         offset  with the sign bit flipped, origin 2^63
 *         zigzag  sl_zigzag, origin 0
 * The entry of a mini's first value means nothing: each mini starts anew, so that one is decoded
 * without those before it.
 *
 * Why two modes: steady growth is narrowest less its smallest step. But where a sort key within
 * starts over now and then, a few differences are very negative; as a minimum they would widen
 * all the others, while as zigzags they are exceptions like any other.
 */
#include "storage/codec/pack.h"
#include "storage/codec/scheme.h"

enum { MODE_OFFSET = 0, MODE_ZIGZAG = 1 };

/* Differences with the sign bit flipped. A mini's first entry repeats its second. */
static void
subtract(const uint64_t *values, uint32_t count, uint64_t *differences)
{
    for (uint32_t i = 1; i < count; i++)
        differences[i] = (values[i] - values[i - 1]) ^ SL_PACK_SIGNED_ORIGIN;
    for (uint32_t i = 0; i < count; i += SL_MINI_ROWS)
        differences[i] = i + 1 < count ? differences[i + 1] : SL_PACK_SIGNED_ORIGIN;
}

static void
encode_firsts(const uint64_t *values, uint32_t count, struct sl_buf *out)
{
    uint64_t firsts[SL_BLOCK_MINIS];
    for (uint32_t m = 0; m < sl_mini_count(count); m++)
        firsts[m] = values[sl_mini_first(m)];
    sl_pack_encode(firsts, sl_mini_count(count), 0, out);
}

void
sl_scheme_delta_encode(const uint64_t *values, uint32_t count, struct sl_buf *out)
{
    struct sl_scratch *scratch = sl_scratch_get();
    uint64_t *offsets = scratch->first;
    uint64_t *zigzags = scratch->second;
    struct sl_pack offset_plan;
    struct sl_pack zigzag_plan;

    subtract(values, count, offsets);
    for (uint32_t i = 0; i < count; i++)
        zigzags[i] = sl_zigzag(offsets[i] ^ SL_PACK_SIGNED_ORIGIN);
    size_t offset_bytes = sl_pack_plan(offsets, count, SL_PACK_SIGNED_ORIGIN, &offset_plan);
    size_t zigzag_bytes = sl_pack_plan(zigzags, count, 0, &zigzag_plan);
    bool is_zigzag = zigzag_bytes < offset_bytes;
    sl_buf_u8(out, is_zigzag ? MODE_ZIGZAG : MODE_OFFSET);
    encode_firsts(values, count, out);
    if (is_zigzag)
        sl_pack_write(&zigzag_plan, zigzags, 0, out);
    else
        sl_pack_write(&offset_plan, offsets, SL_PACK_SIGNED_ORIGIN, out);
}

static void
add_up(uint64_t first, bool is_zigzag, uint32_t count, uint64_t *values)
{
    uint64_t sum = first;
    values[0] = first;
    if (is_zigzag) {
        for (uint32_t i = 1; i < count; i++)
            values[i] = sum += sl_unzigzag(values[i]);
    } else {
        for (uint32_t i = 1; i < count; i++)
            values[i] = sum += values[i] ^ SL_PACK_SIGNED_ORIGIN;
    }
}

/* The same from 32 bits: differences less `minimum`. Returns all bits that a value has. */
static uint64_t
add_up_codes(uint64_t first, bool is_zigzag, uint64_t minimum, uint32_t count, uint32_t *codes)
{
    uint64_t sum = first;
    uint64_t all = first;
    uint64_t step = minimum ^ SL_PACK_SIGNED_ORIGIN;
    codes[0] = (uint32_t)first;
    if (is_zigzag)
        for (uint32_t i = 1; i < count; i++) {
            sum += sl_unzigzag(minimum + codes[i]);
            all |= sum;
            codes[i] = (uint32_t)sum;
        }
    else
        for (uint32_t i = 1; i < count; i++) {
            sum += step + codes[i];
            all |= sum;
            codes[i] = (uint32_t)sum;
        }
    return all;
}

static bool
read_mini(const struct sl_pack *pack, uint32_t m, uint64_t first, bool is_zigzag,
          struct sl_target *target)
{
    const struct sl_pack_mini *mini = &pack->minis[m];
    if (sl_pack_is_narrow(mini) && target->narrow != NULL) {
        uint32_t *codes = sl_target_codes(target, m);
        if (!sl_pack_read_u32(pack, m, codes))
            return false;
        uint64_t all = add_up_codes(first, is_zigzag, mini->minimum, mini->count, codes);
        return all <= UINT32_MAX && sl_target_done_codes(target, m, mini->count, 0, (uint32_t)all);
    }
    uint64_t *values = sl_target_mini(target, m);
    if (!sl_pack_read(pack, m, values))
        return false;
    add_up(first, is_zigzag, mini->count, values);
    return sl_target_done(target, m, mini->count);
}

bool
sl_scheme_delta_decode(struct sl_cursor *c, uint32_t count, uint32_t minis,
                       struct sl_target *target)
{
    struct sl_pack pack;
    uint64_t firsts[SL_MINI_ROWS];
    uint8_t mode = sl_cursor_u8(c);

    if (mode > MODE_ZIGZAG)
        return false;
    if (!sl_pack_open(&pack, c, sl_mini_count(count), 0) || !sl_pack_read_all(&pack, firsts))
        return false;
    if (!sl_pack_open(&pack, c, count, mode == MODE_ZIGZAG ? 0 : SL_PACK_SIGNED_ORIGIN))
        return false;
    for (uint32_t m = 0; m < pack.mini_count; m++) {
        if ((minis >> m & 1) == 0)
            continue;
        if (!read_mini(&pack, m, firsts[m], mode == MODE_ZIGZAG, target))
            return false;
    }
    return true;
}
