/*
 * codec_keys.c - strictly ascending 128-bit keys: the dictionaries of addresses.
 *
 * Layout
 *     varint  short keys: those whose high half is 0 (all of IPv4, and little else)
 *     for each SL_BLOCK_ROWS short keys: pack.h, origin 0: the first key of all as it is, each
 *             further one as its difference from the one before, less 1
 *     for each SL_BLOCK_ROWS of the other keys:
 *             pack.h, origin 0: its high half less that of the key before (of the first one: less 0)
 *             pack.h, origin 0: its low half; where the high half is that of the key before, its
 *             difference from the low half before, less 1
 */
#include "storage/base/addr.h"
#include "storage/codec/codec.h"
#include "storage/codec/pack.h"
#include "storage/codec/scheme.h"

static void
encode_short(const struct sl_addr *keys, uint32_t count, struct sl_buf *out)
{
    uint64_t *differences = sl_scratch_get()->first;
    for (uint32_t first = 0; first < count; first += SL_BLOCK_ROWS) {
        uint32_t entries = sl_pack_share(first, count);
        for (uint32_t i = 0; i < entries; i++) {
            uint64_t before = first + i == 0 ? UINT64_MAX : keys[first + i - 1].low;
            differences[i] = keys[first + i].low - before - 1;
        }
        sl_pack_encode(differences, entries, 0, out);
    }
}

static void
encode_long(const struct sl_addr *keys, uint32_t count, struct sl_buf *out)
{
    struct sl_scratch *scratch = sl_scratch_get();
    struct sl_addr before = {0};
    for (uint32_t first = 0; first < count; first += SL_BLOCK_ROWS) {
        uint32_t entries = sl_pack_share(first, count);
        for (uint32_t i = 0; i < entries; i++) {
            struct sl_addr key = keys[first + i];
            scratch->first[i] = key.high - before.high;
            scratch->second[i] = key.high == before.high ? key.low - before.low - 1 : key.low;
            before = key;
        }
        sl_pack_encode(scratch->first, entries, 0, out);
        sl_pack_encode(scratch->second, entries, 0, out);
    }
}

void
sl_codec_encode_keys(const struct sl_addr *keys, uint32_t count, struct sl_buf *out)
{
    uint32_t short_count = 0;
    while (short_count < count && keys[short_count].high == 0)
        short_count++;
    for (uint32_t i = 1; i < count; i++)
        SL_DEBUG_ASSERT(sl_addr_compare(keys[i - 1], keys[i]) < 0);
    sl_buf_varint(out, short_count);
    encode_short(keys, short_count, out);
    encode_long(&keys[short_count], count - short_count, out);
}

/* Differences into keys; false when one passes the end of 64 bits. */
static bool
decode_short(struct sl_cursor *c, uint32_t count, struct sl_addr *keys)
{
    uint64_t *differences = sl_scratch_get()->first;
    for (uint32_t first = 0; first < count; first += SL_BLOCK_ROWS) {
        struct sl_pack pack;
        uint32_t entries = sl_pack_share(first, count);
        if (!sl_pack_open(&pack, c, entries, 0) || !sl_pack_read_all(&pack, differences))
            return false;
        for (uint32_t i = 0; i < entries; i++) {
            uint64_t low = differences[i];
            if (first + i != 0) {
                uint64_t before = keys[first + i - 1].low;
                if (before == UINT64_MAX || __builtin_add_overflow(low, before + 1, &low))
                    return false;
            }
            keys[first + i] = (struct sl_addr){.low = low};
        }
    }
    return true;
}

static bool
decode_long(struct sl_cursor *c, uint32_t count, struct sl_addr *keys)
{
    struct sl_scratch *scratch = sl_scratch_get();
    struct sl_addr before = {0};
    for (uint32_t first = 0; first < count; first += SL_BLOCK_ROWS) {
        struct sl_pack pack;
        uint32_t entries = sl_pack_share(first, count);
        if (!sl_pack_open(&pack, c, entries, 0) || !sl_pack_read_all(&pack, scratch->first))
            return false;
        if (!sl_pack_open(&pack, c, entries, 0) || !sl_pack_read_all(&pack, scratch->second))
            return false;
        for (uint32_t i = 0; i < entries; i++) {
            struct sl_addr key = {.low = scratch->second[i]};
            if (__builtin_add_overflow(before.high, scratch->first[i], &key.high))
                return false;
            if (key.high == 0)
                return false; /* it would be a short one */
            if (key.high == before.high) {
                if (before.low == UINT64_MAX)
                    return false;
                if (__builtin_add_overflow(key.low, before.low + 1, &key.low))
                    return false;
            }
            keys[first + i] = key;
            before = key;
        }
    }
    return true;
}

sl_status
sl_codec_decode_keys(const void *bytes, size_t size_bytes, uint32_t count, struct sl_addr *keys,
                     struct sl_error *err)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    uint64_t short_count = sl_cursor_varint(&c);

    if (c.bad || short_count > count)
        return sl_fail(err, SL_CORRUPT, "keys: no head of ours");
    uint32_t long_count = count - (uint32_t)short_count;
    if (!decode_short(&c, (uint32_t)short_count, keys) ||
        !decode_long(&c, long_count, &keys[short_count]) || sl_cursor_left(&c) != 0)
        return sl_fail(err, SL_CORRUPT, "keys: %zu bytes are not %u ascending keys", size_bytes,
                       count);
    return SL_OK;
}
