/*
 * codec_keys.c - strictly ascending 128-bit keys: a block of a dictionary of addresses.
 *
 * The first key is known from elsewhere. Layout of the others
 *     varint  long keys: those whose high half is not 0, which follow the short ones (IPv4, and
 *             little else)
 *     of the short ones a list: the difference from the key before, less 1
 *     of the long ones a list: the high half less that of the key before
 *             and another: the low half; where the high half is that of the key before, its
 *             difference from the low half before, less 1
 *     list:   nothing where there are no such keys, else 1 codec, varint bytes, the block of values
 *             (codec.h)
 */
#include "storage/base/addr.h"
#include "storage/codec/codec.h"
#include "storage/codec/scheme.h"

_Static_assert((int)SL_CODEC_KEYS_MAX <= (int)SL_BLOCK_ROWS, "a list is a block of values");

/* What differs from the key before. */
static uint64_t
high_difference(const struct sl_addr *keys, uint32_t i)
{
    return keys[i].high - keys[i - 1].high;
}

static uint64_t
low_difference(const struct sl_addr *keys, uint32_t i)
{
    bool is_same = keys[i].high == keys[i - 1].high;
    return is_same ? keys[i].low - keys[i - 1].low - 1 : keys[i].low;
}

/* Append the list of keys first .. end - 1. */
static void
append_list(const struct sl_addr *keys, uint32_t first, uint32_t end,
            uint64_t (*difference)(const struct sl_addr *, uint32_t), enum sl_effort effort,
            struct sl_buf *out)
{
    uint64_t *values = sl_scratch_get()->keys;
    struct sl_buf list = sl_buf_empty(SL_SCHEME_BYTES_MAX);
    if (first == end)
        return;
    for (uint32_t i = first; i < end; i++)
        values[i - first] = difference(keys, i);
    sl_buf_u8(out, (uint8_t)sl_codec_encode(values, end - first, effort, &list));
    sl_buf_varint(out, list.size_bytes);
    sl_buf_append(out, list.bytes, list.size_bytes);
    out->bad = out->bad || list.bad;
    sl_buf_fini(&list);
}

void
sl_codec_encode_keys(const struct sl_addr *keys, uint32_t count, enum sl_effort effort,
                     struct sl_buf *out)
{
    SL_ASSERT(count >= 1 && count <= SL_CODEC_KEYS_MAX);
    uint32_t short_end = 1;
    for (uint32_t i = 1; i < count; i++)
        SL_DEBUG_ASSERT(sl_addr_compare(keys[i - 1], keys[i]) < 0);
    while (short_end < count && keys[short_end].high == 0)
        short_end++;
    sl_buf_varint(out, count - short_end);
    append_list(keys, 1, short_end, low_difference, effort, out);
    append_list(keys, short_end, count, high_difference, effort, out);
    append_list(keys, short_end, count, low_difference, effort, out);
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

/* A list in the scratch; NULL: there is none of ours. */
static const uint64_t *
read_list(struct sl_cursor *c, uint32_t count)
{
    struct list list = take_list(c);
    return list.bytes == NULL ? NULL : decode_list(&list, count);
}

/* Differences of 32 bits, as those of IPv4 are, into keys[first .. end); false: they are others, or the
 * keys are near the end of 64 bits. */
static bool
add_narrow(const struct list *list, uint32_t first, uint32_t end, struct sl_addr *keys)
{
    uint32_t *differences = (void *)sl_scratch_get()->keys;
    uint64_t low = keys[first - 1].low;
    if (low > UINT64_MAX / 2 ||
        sl_codec_decode_u32(list->codec, list->bytes, list->size_bytes, end - first, UINT32_MAX,
                            differences, NULL) != SL_OK)
        return false;
    for (uint32_t i = first; i < end; i++) { /* so few of 32 bits: no sum overflows */
        low += differences[i - first] + UINT64_C(1);
        keys[i] = (struct sl_addr){.low = low};
    }
    return true;
}

/* The same of any; false when one passes the end of 64 bits. */
static bool
add_wide(const struct list *list, uint32_t first, uint32_t end, struct sl_addr *keys)
{
    const uint64_t *differences = decode_list(list, end - first);
    uint64_t low = keys[first - 1].low;
    if (differences == NULL)
        return false;
    for (uint32_t i = first; i < end; i++) {
        if (low == UINT64_MAX || __builtin_add_overflow(low + 1, differences[i - first], &low))
            return false;
        keys[i] = (struct sl_addr){.low = low};
    }
    return true;
}

static bool
decode_short(struct sl_cursor *c, uint32_t first, uint32_t end, struct sl_addr *keys)
{
    if (first == end)
        return true;
    struct list list = take_list(c);
    return list.bytes != NULL &&
           (add_narrow(&list, first, end, keys) || add_wide(&list, first, end, keys));
}

static bool
decode_high(struct sl_cursor *c, uint32_t first, uint32_t end, struct sl_addr *keys)
{
    const uint64_t *differences = read_list(c, end - first);
    uint64_t high = keys[first - 1].high;
    if (differences == NULL)
        return false;
    for (uint32_t i = first; i < end; i++) {
        if (__builtin_add_overflow(high, differences[i - first], &high) || high == 0)
            return false; /* with 0 it would be a short one */
        keys[i].high = high;
    }
    return true;
}

/* Low halves of keys whose high ones are there. */
static bool
decode_low(struct sl_cursor *c, uint32_t first, uint32_t end, struct sl_addr *keys)
{
    const uint64_t *differences = read_list(c, end - first);
    if (differences == NULL)
        return false;
    for (uint32_t i = first; i < end; i++) {
        struct sl_addr before = keys[i - 1];
        keys[i].low = differences[i - first];
        if (keys[i].high != before.high)
            continue;
        if (before.low == UINT64_MAX ||
            __builtin_add_overflow(keys[i].low, before.low + 1, &keys[i].low))
            return false;
    }
    return true;
}

static bool
decode_keys(struct sl_cursor *c, uint32_t count, struct sl_addr *keys)
{
    uint64_t long_count = sl_cursor_varint(c);
    if (c->bad || long_count >= count || (keys[0].high != 0 && long_count != count - 1))
        return false;
    uint32_t short_end = count - (uint32_t)long_count;
    if (!decode_short(c, 1, short_end, keys))
        return false;
    return short_end == count ||
           (decode_high(c, short_end, count, keys) && decode_low(c, short_end, count, keys));
}

bool
sl_codec_decode_keys_u32(const void *bytes, size_t size_bytes, struct sl_addr first, uint32_t count,
                         uint32_t *keys)
{
    SL_ASSERT(count >= 1 && count <= SL_CODEC_KEYS_MAX);
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    if (!sl_addr_is_v4(first) || sl_cursor_varint(&c) != 0 || c.bad)
        return false;
    keys[0] = (uint32_t)first.low;
    if (count > 1) {
        struct list list = take_list(&c);
        if (list.bytes == NULL ||
            sl_codec_decode_u32(list.codec, list.bytes, list.size_bytes, count - 1, UINT32_MAX,
                                &keys[1], NULL) != SL_OK)
            return false;
    }
    uint64_t next = first.low + 1;         /* the smallest that the next key may be */
    for (uint32_t i = 1; i < count; i++) { /* differences of 32 bits: no sum overflows */
        next += keys[i];
        keys[i] = (uint32_t)next++;
    }
    return next <= (uint64_t)UINT32_MAX + 1 && sl_cursor_left(&c) == 0;
}

sl_status
sl_codec_decode_keys(const void *bytes, size_t size_bytes, struct sl_addr first, uint32_t count,
                     struct sl_addr *keys, struct sl_error *err)
{
    SL_ASSERT(count >= 1 && count <= SL_CODEC_KEYS_MAX);
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    keys[0] = first;
    if (!decode_keys(&c, count, keys) || sl_cursor_left(&c) != 0)
        return sl_fail(err, SL_CORRUPT, "keys: %zu bytes are not %u ascending keys", size_bytes,
                       count);
    return SL_OK;
}
