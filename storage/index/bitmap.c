/*
 * bitmap.c - see bitmap.h.
 *
 * The portable format of Roaring, all little-endian, as it is proven here:
 *
 *     4   cookie: 12346 no run containers, or 12347 in the low half and containers - 1 in the high
 *     4   containers, 0 .. 65536              only with cookie 12346
 *     (containers + 7) / 8  flags, bit i: container i has runs      only with cookie 12347
 *     4   each container: 2 key, strictly ascending; 2 members - 1
 *     4   each container: offset from the first byte; absent with cookie 12347 and fewer than 4
 *     containers, one behind the other:
 *         runs    2 number of runs, each: 2 first, 2 length - 1; ascending, with a gap between any
 *                 two (the library compares sets run by run), with as many members as the header
 *                 says
 *         array   up to 4096 members: 2 each, strictly ascending
 *         bitset  more members: 8192 bytes, with as many ones
 */
#include "storage/index/bitmap.h"
#include "storage/base/cursor.h"

#include <roaring/roaring.h>

enum {
    COOKIE_PLAIN = 12346,
    COOKIE_RUNS = 12347,
    CONTAINERS_MAX = 65536,
    ARRAY_MEMBERS_MAX = 4096,
    BITSET_BYTES = 8192,
    OFFSETS_FROM_CONTAINERS = 4, /* with run containers, offsets are left out below this */
};

/* The library's type behind a name of ours. */
static roaring_bitmap_t *
unwrap(struct sl_bitmap *bitmap)
{
    SL_ASSERT(bitmap != NULL);
    return (roaring_bitmap_t *)(void *)bitmap;
}

static const roaring_bitmap_t *
view(const struct sl_bitmap *bitmap)
{
    SL_ASSERT(bitmap != NULL);
    return (const roaring_bitmap_t *)(const void *)bitmap;
}

static struct sl_bitmap *
wrap(roaring_bitmap_t *roaring)
{
    SL_ASSERT(roaring != NULL); /* no memory for a few bytes */
    return (struct sl_bitmap *)(void *)roaring;
}

struct sl_bitmap *
sl_bitmap_create(void)
{
    return wrap(roaring_bitmap_create());
}

struct sl_bitmap *
sl_bitmap_create_sorted(const uint32_t *members, size_t count)
{
    roaring_bitmap_t *roaring = roaring_bitmap_create();
    if (count != 0)
        roaring_bitmap_add_many(roaring, count, members);
    return wrap(roaring);
}

struct sl_bitmap *
sl_bitmap_clone(const struct sl_bitmap *bitmap)
{
    return wrap(roaring_bitmap_copy(view(bitmap)));
}

void
sl_bitmap_destroy(struct sl_bitmap *bitmap)
{
    if (bitmap != NULL)
        roaring_bitmap_free(unwrap(bitmap));
}

void
sl_bitmap_add(struct sl_bitmap *bitmap, uint32_t member)
{
    roaring_bitmap_add(unwrap(bitmap), member);
}

void
sl_bitmap_add_range(struct sl_bitmap *bitmap, uint32_t first, uint32_t last)
{
    if (first <= last)
        roaring_bitmap_add_range_closed(unwrap(bitmap), first, last);
}

void
sl_bitmap_or(struct sl_bitmap *target, const struct sl_bitmap *other)
{
    roaring_bitmap_or_inplace(unwrap(target), view(other));
}

void
sl_bitmap_and(struct sl_bitmap *target, const struct sl_bitmap *other)
{
    if (target != other)
        roaring_bitmap_and_inplace(unwrap(target), view(other));
}

void
sl_bitmap_andnot(struct sl_bitmap *target, const struct sl_bitmap *other)
{
    if (target == other)
        roaring_bitmap_clear(unwrap(target));
    else
        roaring_bitmap_andnot_inplace(unwrap(target), view(other));
}

bool
sl_bitmap_contains(const struct sl_bitmap *bitmap, uint32_t member)
{
    return roaring_bitmap_contains(view(bitmap), member);
}

bool
sl_bitmap_equal(const struct sl_bitmap *left, const struct sl_bitmap *right)
{
    return roaring_bitmap_equals(view(left), view(right));
}

uint64_t
sl_bitmap_count(const struct sl_bitmap *bitmap)
{
    return roaring_bitmap_get_cardinality(view(bitmap));
}

uint64_t
sl_bitmap_count_range(const struct sl_bitmap *bitmap, uint32_t first, uint32_t last)
{
    if (first > last)
        return 0;
    return roaring_bitmap_range_cardinality(view(bitmap), first, (uint64_t)last + 1);
}

void
sl_bitmap_read(const struct sl_bitmap *bitmap, uint32_t first, uint32_t count, uint64_t *words)
{
    uint32_t members[512];
    roaring_uint32_iterator_t at;
    uint32_t read = 0;

    memset(words, 0, sl_words_for(count) * sizeof(*words));
    roaring_init_iterator(view(bitmap), &at);
    if (!roaring_move_uint32_iterator_equalorlarger(&at, first))
        return;
    do {
        read = roaring_read_uint32_iterator(&at, members, SL_COUNTOF(members));
        for (uint32_t i = 0; i < read; i++) {
            if (members[i] - first >= count)
                return;
            sl_bit_set(words, members[i] - first);
        }
    } while (read == SL_COUNTOF(members));
}

static bool
check_runs(struct sl_cursor *c, uint32_t member_count)
{
    uint32_t run_count = sl_cursor_u16le(c);
    uint32_t next = 0; /* the least first of the run to come */
    uint32_t members = 0;
    for (uint32_t i = 0; i < run_count; i++) {
        uint32_t first = sl_cursor_u16le(c);
        uint32_t last = first + sl_cursor_u16le(c);
        if (c->bad || first < next || last > UINT16_MAX)
            return false;
        members += last - first + 1;
        next = last + 2;
    }
    return members == member_count;
}

static bool
check_array(struct sl_cursor *c, uint32_t member_count)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < member_count; i++) {
        uint32_t member = sl_cursor_u16le(c);
        if (c->bad || member < next)
            return false;
        next = member + 1;
    }
    return true;
}

static bool
check_bitset(struct sl_cursor *c, uint32_t member_count)
{
    const uint8_t *bytes = sl_cursor_take(c, BITSET_BYTES);
    uint32_t members = 0;
    if (bytes == NULL)
        return false;
    for (size_t i = 0; i < BITSET_BYTES; i += 8)
        members += (uint32_t)__builtin_popcountll(sl_read_le(&bytes[i], 8));
    return members == member_count;
}

/* The parts before the containers; each a piece of the bytes that are proven. */
struct layout {
    uint32_t container_count;
    const uint8_t *run_flags; /* NULL: no container has runs */
    struct sl_cursor heads;
    struct sl_cursor offsets;
    bool has_offsets;
};

static bool
read_layout(struct sl_cursor *c, struct layout *layout)
{
    uint32_t cookie = sl_cursor_u32le(c);
    layout->run_flags = NULL;
    layout->has_offsets = true;
    if (cookie == COOKIE_PLAIN) {
        layout->container_count = sl_cursor_u32le(c);
        if (layout->container_count > CONTAINERS_MAX)
            return false;
    } else if ((cookie & UINT16_MAX) == COOKIE_RUNS) {
        layout->container_count = (cookie >> 16) + 1;
        layout->run_flags = sl_cursor_take(c, (layout->container_count + 7) / 8);
        layout->has_offsets = layout->container_count >= OFFSETS_FROM_CONTAINERS;
    } else {
        return false;
    }
    layout->heads = sl_cursor_sub(c, (size_t)layout->container_count * 4);
    layout->offsets =
        sl_cursor_sub(c, layout->has_offsets ? (size_t)layout->container_count * 4 : 0);
    return !c->bad;
}

/* Is this exactly one bitmap in the portable format? */
static bool
check_portable(const uint8_t *bytes, size_t size_bytes)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    struct layout layout;
    uint32_t next_key = 0;

    if (!read_layout(&c, &layout))
        return false;
    for (uint32_t i = 0; i < layout.container_count; i++) {
        uint32_t key = sl_cursor_u16le(&layout.heads);
        uint32_t member_count = sl_cursor_u16le(&layout.heads) + UINT32_C(1);
        bool is_good = false;
        if (key < next_key)
            return false;
        next_key = key + 1;
        if (layout.has_offsets && sl_cursor_u32le(&layout.offsets) != (size_t)(c.next - bytes))
            return false;
        if (layout.run_flags != NULL && (layout.run_flags[i / 8] >> (i % 8) & 1))
            is_good = check_runs(&c, member_count);
        else if (member_count <= ARRAY_MEMBERS_MAX)
            is_good = check_array(&c, member_count);
        else
            is_good = check_bitset(&c, member_count);
        if (!is_good)
            return false;
    }
    return !c.bad && sl_cursor_left(&c) == 0;
}

void
sl_bitmap_encode(struct sl_bitmap *bitmap, struct sl_buf *out)
{
    roaring_bitmap_t *roaring = unwrap(bitmap);
    (void)roaring_bitmap_run_optimize(roaring);
    size_t size_bytes = roaring_bitmap_portable_size_in_bytes(roaring);
    uint8_t *at = sl_buf_extend(out, size_bytes);
    if (at == NULL)
        return;
    SL_ASSERT(roaring_bitmap_portable_serialize(roaring, (char *)at) == size_bytes);
    SL_DEBUG_ASSERT(check_portable(at, size_bytes));
}

sl_status
sl_bitmap_decode(const void *bytes, size_t size_bytes, struct sl_bitmap **out_bitmap,
                 struct sl_error *err)
{
    *out_bitmap = NULL;
    if (size_bytes == 0 || !check_portable(bytes, size_bytes))
        return sl_fail(err, SL_CORRUPT, "bitmap: %zu bytes are not one", size_bytes);
    roaring_bitmap_t *roaring = roaring_bitmap_portable_deserialize_safe(bytes, size_bytes);
    if (roaring == NULL)
        return sl_fail(err, SL_CORRUPT, "bitmap: the library refused %zu bytes", size_bytes);
    *out_bitmap = wrap(roaring);
    return SL_OK;
}
