/*
 * codec_keys.c - strictly ascending 128-bit keys: the dictionaries of addresses.
 *
 * Layout
 *     varint  short keys: those whose high half is 0 (all of IPv4, and little else)
 *     for each SL_BLOCK_ROWS short keys: a list: the first key of all as it is, each further one as
 *             its difference from the one before, less 1
 *     for each SL_BLOCK_ROWS of the other keys:
 *             a list: its high half less that of the key before (of the first one: less 0)
 *             a list: its low half; where the high half is that of the key before, its difference
 *             from the low half before, less 1
 *     list:   1 codec, varint bytes, the block of values (codec.h)
 */
#include "storage/base/addr.h"
#include "storage/codec/codec.h"
#include "storage/codec/pack.h"
#include "storage/codec/scheme.h"

/* What differs from the key before; of the first key there is none before. */
static uint64_t
short_difference(const struct sl_addr *keys, uint32_t i)
{
    return i == 0 ? keys[0].low : keys[i].low - keys[i - 1].low - 1;
}

static uint64_t
high_difference(const struct sl_addr *keys, uint32_t i)
{
    return i == 0 ? keys[0].high : keys[i].high - keys[i - 1].high;
}

static uint64_t
low_difference(const struct sl_addr *keys, uint32_t i)
{
    bool is_same = i != 0 && keys[i].high == keys[i - 1].high;
    return is_same ? keys[i].low - keys[i - 1].low - 1 : keys[i].low;
}

/* Append the list of keys first .. first + count - 1. */
static void
append_list(const struct sl_addr *keys, uint32_t first, uint32_t count,
            uint64_t (*difference)(const struct sl_addr *, uint32_t), enum sl_effort effort,
            struct sl_buf *out)
{
    uint64_t *values = sl_scratch_get()->keys;
    struct sl_buf list = sl_buf_empty(SL_SCHEME_BYTES_MAX);
    for (uint32_t i = 0; i < count; i++)
        values[i] = difference(keys, first + i);
    sl_buf_u8(out, (uint8_t)sl_codec_encode(values, count, effort, &list));
    sl_buf_varint(out, list.size_bytes);
    sl_buf_append(out, list.bytes, list.size_bytes);
    out->bad = out->bad || list.bad;
    sl_buf_fini(&list);
}

void
sl_codec_encode_keys(const struct sl_addr *keys, uint32_t count, enum sl_effort effort,
                     struct sl_buf *out)
{
    uint32_t short_count = 0;
    while (short_count < count && keys[short_count].high == 0)
        short_count++;
    for (uint32_t i = 1; i < count; i++)
        SL_DEBUG_ASSERT(sl_addr_compare(keys[i - 1], keys[i]) < 0);
    sl_buf_varint(out, short_count);
    for (uint32_t i = 0; i < short_count; i += SL_BLOCK_ROWS)
        append_list(keys, i, sl_pack_share(i, short_count), short_difference, effort, out);
    const struct sl_addr *long_keys = &keys[short_count];
    uint32_t long_count = count - short_count;
    for (uint32_t i = 0; i < long_count; i += SL_BLOCK_ROWS) {
        append_list(long_keys, i, sl_pack_share(i, long_count), high_difference, effort, out);
        append_list(long_keys, i, sl_pack_share(i, long_count), low_difference, effort, out);
    }
}

/* The block of a list. */
struct list {
    enum sl_codec codec;
    const uint8_t *bytes; /* NULL: none of ours */
    size_t size_bytes;
};

static struct list
take_list(struct sl_cursor *c)
{
    uint8_t codec = sl_cursor_u8(c);
    uint64_t size_bytes = sl_cursor_varint(c);
    if (c->bad || codec >= SL_CODEC_COUNT || size_bytes > sl_cursor_left(c))
        return (struct list){.bytes = NULL};
    return (struct list){.codec = (enum sl_codec)codec,
                         .bytes = sl_cursor_take(c, (size_t)size_bytes),
                         .size_bytes = (size_t)size_bytes};
}

static const uint64_t *
decode_list(const struct list *list, uint32_t count)
{
    uint64_t *values = sl_scratch_get()->keys;
    return sl_codec_decode(list->codec, list->bytes, list->size_bytes, count, UINT32_MAX, values,
                           NULL) == SL_OK
               ? values
               : NULL;
}

/* A list in the scratch, or NULL. */
static const uint64_t *
read_list(struct sl_cursor *c, uint32_t count)
{
    struct list list = take_list(c);
    return list.bytes == NULL ? NULL : decode_list(&list, count);
}

/* Differences of 32 bits, as those of IPv4 are, into keys `first` and following; false: they are others,
 * or the keys are near the end of 64 bits. */
static bool
add_narrow(const struct list *list, uint32_t first, uint32_t count, struct sl_addr *keys)
{
    uint32_t *differences = (void *)sl_scratch_get()->keys;
    struct sl_addr *out = &keys[first];
    uint64_t before = first == 0 ? UINT64_MAX : keys[first - 1].low;
    if ((first != 0 && before > UINT64_MAX / 2) ||
        sl_codec_decode_u32(list->codec, list->bytes, list->size_bytes, count, UINT32_MAX,
                            differences, NULL) != SL_OK)
        return false;
    for (uint32_t i = 0; i < count; i++) { /* at most 65,536 of 32 bits: no sum overflows */
        before += differences[i] + UINT64_C(1);
        out[i] = (struct sl_addr){.low = before};
    }
    return true;
}

/* The same of any; false when one passes the end of 64 bits. */
static bool
add_wide(const struct list *list, uint32_t first, uint32_t count, struct sl_addr *keys)
{
    const uint64_t *differences = decode_list(list, count);
    if (differences == NULL)
        return false;
    for (uint32_t i = first; i < first + count; i++) {
        uint64_t low = differences[i - first];
        if (i != 0) {
            uint64_t before = keys[i - 1].low;
            if (before == UINT64_MAX || __builtin_add_overflow(low, before + 1, &low))
                return false;
        }
        keys[i] = (struct sl_addr){.low = low};
    }
    return true;
}

static bool
decode_short(struct sl_cursor *c, uint32_t count, struct sl_addr *keys)
{
    for (uint32_t first = 0; first < count; first += SL_BLOCK_ROWS) {
        uint32_t entries = sl_pack_share(first, count);
        struct list list = take_list(c);
        if (list.bytes == NULL ||
            (!add_narrow(&list, first, entries, keys) && !add_wide(&list, first, entries, keys)))
            return false;
    }
    return true;
}

/* High halves of some keys, from that of the key before on. */
static bool
decode_high(struct sl_cursor *c, uint32_t count, uint64_t before, struct sl_addr *keys)
{
    const uint64_t *differences = read_list(c, count);
    if (differences == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (__builtin_add_overflow(before, differences[i], &before) || before == 0)
            return false; /* with 0 it would be a short one */
        keys[i].high = before;
    }
    return true;
}

/* Low halves of keys whose high ones are there; `before` is the key in front of them. */
static bool
decode_low(struct sl_cursor *c, uint32_t count, struct sl_addr before, struct sl_addr *keys)
{
    const uint64_t *differences = read_list(c, count);
    if (differences == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        keys[i].low = differences[i];
        if (keys[i].high == before.high) {
            if (before.low == UINT64_MAX)
                return false;
            if (__builtin_add_overflow(keys[i].low, before.low + 1, &keys[i].low))
                return false;
        }
        before = keys[i];
    }
    return true;
}

static bool
decode_long(struct sl_cursor *c, uint32_t count, struct sl_addr *keys)
{
    struct sl_addr before = {0};
    for (uint32_t first = 0; first < count; first += SL_BLOCK_ROWS) {
        uint32_t entries = sl_pack_share(first, count);
        if (!decode_high(c, entries, before.high, &keys[first]) ||
            !decode_low(c, entries, before, &keys[first]))
            return false;
        before = keys[first + entries - 1];
    }
    return true;
}

bool
sl_codec_decode_keys_u32(const void *bytes, size_t size_bytes, uint32_t count, uint32_t *keys)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    uint64_t next = 0; /* the smallest that the next key may be */
    if (sl_cursor_varint(&c) != count || c.bad)
        return false;
    for (uint32_t first = 0; first < count; first += SL_BLOCK_ROWS) {
        uint32_t entries = sl_pack_share(first, count);
        struct list list = take_list(&c);
        if (list.bytes == NULL ||
            sl_codec_decode_u32(list.codec, list.bytes, list.size_bytes, entries, UINT32_MAX,
                                &keys[first], NULL) != SL_OK)
            return false;
        for (uint32_t i = first; i < first + entries; i++) { /* 65,536 differences of 32 bits */
            next += keys[i];
            keys[i] = (uint32_t)next++;
        }
        if (next > (uint64_t)UINT32_MAX + 1)
            return false;
    }
    return sl_cursor_left(&c) == 0;
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
