/*
 * segment_item.c - dictionaries, maps and indexes of a group: loaded once, kept while used.
 *
 * The first thread that asks for an item loads it, without the lock; others wait for it, or load
 * what will be asked for next.
 */
#include <stdatomic.h>

#include "storage/codec/codec.h"
#include "storage/segment/segment_open.h"

static sl_status
fail_memory(const struct sl_segment_reader *reader, struct sl_error *err)
{
    return sl_fail(err, SL_LIMIT, "%s: no memory for a dictionary or an index", reader->name);
}

static sl_status
read_raw(const struct sl_segment_reader *reader, const struct sl_segment_part *part,
         struct sl_arena *arena, uint8_t **out_bytes, struct sl_segment_counters *counters,
         struct sl_error *err)
{
    *out_bytes = sl_arena_alloc(arena, part->size_bytes);
    if (*out_bytes == NULL)
        return fail_memory(reader, err);
    return sl_segment_read_part(reader, part, *out_bytes, counters, err);
}

/* Does the last entry of a piece come before the first one of the next? A code is looked for in one. */
static sl_status
check_end(const struct sl_segment_reader *reader, const struct sl_segment_dictionary *dictionary,
          uint32_t piece, struct sl_addr last, struct sl_error *err)
{
    if (piece + 1 == dictionary->piece_count ||
        sl_addr_compare(last, dictionary->firsts[piece + 1]) < 0)
        return SL_OK;
    return sl_segment_fail(reader, dictionary->parts[piece].offset, err,
                           "addresses reach into the next piece");
}

/* Pieces first .. end - 1, whose bytes are `raw`, when all their addresses are IPv4; else false. */
static bool
decode_short(const struct sl_segment_dictionary *dictionary, uint32_t first, uint32_t end,
             const uint8_t *raw, uint32_t *short_addrs)
{
    for (uint32_t i = first; i < end; i++) {
        uint32_t count =
            sl_segment_piece_size(dictionary->entry_count, SL_SEGMENT_PIECE_ENTRIES, i);
        if (!sl_codec_decode_keys_u32(raw, dictionary->parts[i].size_bytes, dictionary->firsts[i],
                                      count, short_addrs))
            return false;
        raw += dictionary->parts[i].size_bytes;
        short_addrs += count;
    }
    return true;
}

static sl_status
decode_wide(const struct sl_segment_reader *reader, const struct sl_segment_dictionary *dictionary,
            uint32_t first, uint32_t end, const uint8_t *raw, struct sl_addr *addrs,
            struct sl_error *err)
{
    for (uint32_t i = first; i < end; i++) {
        uint32_t count =
            sl_segment_piece_size(dictionary->entry_count, SL_SEGMENT_PIECE_ENTRIES, i);
        sl_status st = sl_codec_decode_keys(raw, dictionary->parts[i].size_bytes,
                                            dictionary->firsts[i], count, addrs, err);
        if (st != SL_OK) {
            sl_segment_locate(reader, dictionary->parts[i].offset, err);
            return st;
        }
        raw += dictionary->parts[i].size_bytes;
        addrs += count;
    }
    return SL_OK;
}

/* Some pieces of a dictionary, or all of them. */
static sl_status
load_addresses(const struct sl_segment_reader *reader,
               const struct sl_segment_dictionary *dictionary, uint32_t first, uint32_t end,
               struct sl_segment_item *item, struct sl_arena *scratch,
               struct sl_segment_counters *counters, struct sl_error *err)
{
    const struct sl_segment_part *parts = &dictionary->parts[first];
    uint32_t last = end * SL_SEGMENT_PIECE_ENTRIES;
    last = last < dictionary->entry_count ? last : dictionary->entry_count;
    uint32_t count = last - first * SL_SEGMENT_PIECE_ENTRIES;
    uint8_t *raw = sl_arena_alloc(scratch, (size_t)sl_segment_parts_bytes(parts, end - first));
    if (raw == NULL)
        return fail_memory(reader, err);
    SL_TRY(sl_segment_read_parts(reader, parts, end - first, raw, counters, err));
    if (end == first || sl_addr_is_v4(dictionary->firsts[end - 1])) {
        uint32_t *short_addrs = sl_arena_alloc(item->arena, count * sizeof(*short_addrs));
        if (short_addrs == NULL)
            return fail_memory(reader, err);
        item->short_addrs = short_addrs;
        if (!decode_short(dictionary, first, end, raw, short_addrs)) {
            item->short_addrs = NULL;
            sl_arena_clear(item->arena);
        }
    }
    if (item->short_addrs == NULL) {
        struct sl_addr *addrs = sl_arena_alloc(item->arena, count * sizeof(*addrs));
        if (addrs == NULL)
            return fail_memory(reader, err);
        item->addrs = addrs;
        SL_TRY(decode_wide(reader, dictionary, first, end, raw, addrs, err));
    }
    for (uint32_t i = first; i < end; i++) {
        uint32_t size = sl_segment_piece_size(dictionary->entry_count, SL_SEGMENT_PIECE_ENTRIES, i);
        uint32_t entry = (i - first) * SL_SEGMENT_PIECE_ENTRIES + size - 1;
        SL_TRY(check_end(reader, dictionary, i, sl_segment_item_addr(item, entry), err));
    }
    return SL_OK;
}

static bool
is_string_ascending(const uint8_t *bytes, const uint32_t *offsets, uint32_t entry)
{
    size_t left = offsets[entry] - offsets[entry - 1];
    size_t right = offsets[entry + 1] - offsets[entry];
    size_t common = left < right ? left : right;
    int order =
        common == 0 ? 0 : memcmp(bytes + offsets[entry - 1], bytes + offsets[entry], common);
    return order != 0 ? order < 0 : left < right;
}

static sl_status
load_strings(const struct sl_segment_reader *reader, const struct sl_segment_dictionary *dictionary,
             const uint8_t *raw, struct sl_segment_item *item, struct sl_error *err)
{
    uint8_t *bytes;
    uint32_t *offsets;
    sl_status st =
        sl_codec_decode_bytes(raw, dictionary->parts[0].size_bytes, dictionary->entry_count,
                              dictionary->bytes, item->arena, &bytes, &offsets, err);
    if (st != SL_OK) {
        sl_segment_locate(reader, dictionary->parts[0].offset, err);
        return st;
    }
    if (offsets[dictionary->entry_count] != dictionary->bytes)
        return sl_segment_fail(reader, dictionary->parts[0].offset, err,
                               "dictionary has %u bytes, not %u", offsets[dictionary->entry_count],
                               dictionary->bytes);
    for (uint32_t i = 1; i < dictionary->entry_count; i++)
        if (!is_string_ascending(bytes, offsets, i))
            return sl_segment_fail(reader, dictionary->parts[0].offset, err,
                                   "dictionary does not ascend at entry %u", i);
    item->bytes = bytes;
    item->offsets = offsets;
    return SL_OK;
}

/* All blocks of a FUNCTION's map. */
static sl_status
load_map(const struct sl_segment_reader *reader, const struct sl_segment_stream *stream,
         struct sl_segment_item *item, struct sl_arena *scratch,
         struct sl_segment_counters *counters, struct sl_error *err)
{
    void *map = sl_arena_alloc(item->arena, (size_t)stream->map_count * stream->width);
    if (map == NULL)
        return fail_memory(reader, err);
    for (uint32_t i = 0; i < sl_segment_block_count(stream->map_count); i++) {
        const struct sl_segment_part *part = &stream->map[i];
        uint32_t count = sl_segment_block_size(stream->map_count, i);
        size_t first = (size_t)i * SL_BLOCK_ROWS;
        uint8_t *raw;
        SL_TRY(read_raw(reader, part, scratch, &raw, counters, err));
        sl_status st = stream->width == 4
                           ? sl_codec_decode_u32((enum sl_codec)part->codec, raw, part->size_bytes,
                                                 count, UINT32_MAX, (uint32_t *)map + first, err)
                           : sl_codec_decode((enum sl_codec)part->codec, raw, part->size_bytes,
                                             count, UINT32_MAX, (uint64_t *)map + first, err);
        if (st != SL_OK) {
            sl_segment_locate(reader, part->offset, err);
            return st;
        }
    }
    if (stream->width == 4)
        item->map_narrow = map;
    else
        item->map_wide = map;
    return SL_OK;
}

/* Which of the pieces that follow the streams of a group is item `number`? The index, or the dictionary
 * of addresses, whose piece it is: the other one is NULL. */
struct piece {
    const struct sl_segment_index *index;
    const struct sl_segment_dictionary *dictionary;
    uint32_t number; /* among its own */
};

static struct piece
find_piece(const struct sl_segment_group *group, uint32_t number)
{
    number -= group->dictionary_count + group->stream_count;
    for (uint32_t i = 0; i < group->index_count; i++) {
        const struct sl_segment_index *index = &group->indexes[i];
        if (number < index->first_piece + index->piece_count)
            return (struct piece){.index = index, .number = number - index->first_piece};
    }
    number -= group->index_pieces;
    uint32_t i = 0;
    while (group->dictionaries[i].kind != SL_SEGMENT_DICTIONARY_ADDRESSES ||
           number >= group->dictionaries[i].first_piece + group->dictionaries[i].piece_count)
        i++;
    const struct sl_segment_dictionary *dictionary = &group->dictionaries[i];
    return (struct piece){.dictionary = dictionary, .number = number - dictionary->first_piece};
}

static sl_status
load_piece(const struct sl_segment_reader *reader, const struct piece *piece,
           struct sl_segment_item *item, struct sl_arena *scratch,
           struct sl_segment_counters *counters, struct sl_error *err)
{
    uint8_t *raw;
    if (piece->dictionary != NULL)
        return load_addresses(reader, piece->dictionary, piece->number, piece->number + 1, item,
                              scratch, counters, err);
    SL_TRY(read_raw(reader, &piece->index->parts[piece->number], item->arena, &raw, counters, err));
    item->bytes = raw;
    return SL_OK;
}

/* Bytes that are not the item themselves go to `scratch`. */
static sl_status
load_item(const struct sl_segment_reader *reader, uint32_t group_number, uint32_t number,
          struct sl_segment_item *item, struct sl_arena *scratch,
          struct sl_segment_counters *counters, struct sl_error *err)
{
    const struct sl_segment_group *group = &reader->footer.groups[group_number];
    if (number >= group->dictionary_count + group->stream_count) {
        struct piece piece = find_piece(group, number);
        return load_piece(reader, &piece, item, scratch, counters, err);
    }
    if (number >= group->dictionary_count)
        return load_map(reader, &group->streams[number - group->dictionary_count], item, scratch,
                        counters, err);
    const struct sl_segment_dictionary *dictionary = &group->dictionaries[number];
    uint8_t *raw;
    if (dictionary->kind == SL_SEGMENT_DICTIONARY_ADDRESSES)
        return load_addresses(reader, dictionary, 0, dictionary->piece_count, item, scratch,
                              counters, err);
    SL_TRY(read_raw(reader, dictionary->parts, scratch, &raw, counters, err));
    return load_strings(reader, dictionary, raw, item, err);
}

static void
destroy_item(struct sl_segment_item *item)
{
    if (item == NULL)
        return;
    sl_arena_destroy(item->arena);
    free(item);
}

static sl_status
create_item(const struct sl_segment_reader *reader, uint32_t group, uint32_t number,
            struct sl_segment_item **out_item, struct sl_segment_counters *counters,
            struct sl_error *err)
{
    static atomic_uint_fast64_t item_count;
    struct sl_segment_item *item = sl_new(sizeof(*item));
    /* Relaxed: numbers need only differ. */
    item->identity = atomic_fetch_add_explicit(&item_count, 1, memory_order_relaxed) + 1;
    item->arena = sl_segment_arena_create(reader->budget);
    struct sl_arena *scratch = sl_segment_arena_create(reader->budget);
    sl_status st = load_item(reader, group, number, item, scratch, counters, err);
    sl_arena_destroy(scratch);
    if (st != SL_OK) {
        destroy_item(item);
        item = NULL;
    }
    *out_item = item;
    return st;
}

void
sl_segment_item_want(struct sl_segment_reader *reader, uint32_t group, uint32_t number)
{
    struct sl_segment_open_group *open = &reader->groups[group];
    SL_ASSERT(number < open->item_count);
    sl_mutex_lock(&reader->lock);
    open->is_wanted[number] = true;
    sl_mutex_unlock(&reader->lock);
}

/* Load an item that the caller has marked as loading, and install it. No lock held. */
static sl_status
load_marked(struct sl_segment_reader *reader, uint32_t group, uint32_t number,
            struct sl_segment_item **out_item, struct sl_segment_counters *counters,
            struct sl_error *err)
{
    struct sl_segment_open_group *open = &reader->groups[group];
    sl_status st = create_item(reader, group, number, out_item, counters, err);
    if (st == SL_LIMIT) { /* what nobody uses makes room */
        (void)sl_segment_reader_drop(reader, SL_SEGMENT_DROP_ALL);
        st = create_item(reader, group, number, out_item, counters, err);
    }
    sl_mutex_lock(&reader->lock);
    open->items[number] = *out_item;
    open->is_loading[number] = false;
    sl_cond_broadcast(&reader->loaded);
    sl_mutex_unlock(&reader->lock);
    return st;
}

/* Another item than the one waited for, marked as loading; false when none is wanted. Under the
 * lock. */
static bool
mark_wanted(struct sl_segment_open_group *open, uint32_t *out_number)
{
    for (uint32_t i = 0; i < open->item_count; i++) {
        if (!open->is_wanted[i] || open->is_loading[i])
            continue;
        open->is_wanted[i] = false; /* once */
        if (open->items[i] != NULL)
            continue;
        open->is_loading[i] = true;
        *out_number = i;
        return true;
    }
    return false;
}

/* Until nobody loads the item. Under the lock, which is let go meanwhile. */
static void
await_item(struct sl_segment_reader *reader, uint32_t group, uint32_t number,
           struct sl_segment_counters *counters)
{
    struct sl_segment_open_group *open = &reader->groups[group];
    while (open->is_loading[number]) {
        struct sl_segment_item *other;
        uint32_t wanted;
        if (!mark_wanted(open, &wanted)) {
            sl_cond_wait(&reader->loaded, &reader->lock);
            continue;
        }
        sl_mutex_unlock(&reader->lock);
        struct sl_error ignored = {0}; /* whoever asks for it will be told */
        (void)load_marked(reader, group, wanted, &other, counters, &ignored);
        sl_mutex_lock(&reader->lock);
    }
}

static bool
is_filter(const struct sl_segment_group *group, uint32_t number)
{
    if (number < group->dictionary_count + group->stream_count)
        return false;
    struct piece piece = find_piece(group, number);
    return piece.index != NULL && piece.index->kind == SL_SEGMENT_INDEX_FILTER;
}

const struct sl_segment_item *
sl_segment_item_find(struct sl_segment_reader *reader, uint32_t group, uint32_t number)
{
    struct sl_segment_open_group *open = &reader->groups[group];
    SL_ASSERT(number < open->item_count);
    sl_mutex_lock(&reader->lock);
    SL_ASSERT(open->users > 0);
    const struct sl_segment_item *item = open->items[number];
    open->is_recent |= item != NULL && !is_filter(&reader->footer.groups[group], number);
    sl_mutex_unlock(&reader->lock);
    return item;
}

sl_status
sl_segment_item_get(struct sl_segment_reader *reader, uint32_t group, uint32_t number,
                    const struct sl_segment_item **out_item, struct sl_segment_counters *counters,
                    struct sl_error *err)
{
    struct sl_segment_open_group *open = &reader->groups[group];
    *out_item = NULL;
    SL_ASSERT(number < open->item_count);
    sl_mutex_lock(&reader->lock);
    SL_ASSERT(open->users > 0);
    await_item(reader, group, number, counters);
    *out_item = open->items[number];
    open->is_loading[number] = *out_item == NULL;
    open->is_recent |= !is_filter(&reader->footer.groups[group], number);
    sl_mutex_unlock(&reader->lock);
    if (*out_item != NULL)
        return SL_OK;
    struct sl_segment_item *item;
    sl_status st = load_marked(reader, group, number, &item, counters, err);
    *out_item = item;
    return st;
}

void
sl_segment_group_acquire(struct sl_segment_reader *reader, uint32_t group)
{
    sl_mutex_lock(&reader->lock);
    reader->groups[group].users++;
    sl_mutex_unlock(&reader->lock);
}

void
sl_segment_group_release(struct sl_segment_reader *reader, uint32_t group)
{
    sl_mutex_lock(&reader->lock);
    SL_ASSERT(reader->groups[group].users > 0);
    reader->groups[group].users--;
    sl_mutex_unlock(&reader->lock);
}

/* Take the items of a group that it need not keep, as a list, and add the bytes of the others. What a
 * group used since it was asked last stays once more; its users' items stay in any case. */
static struct sl_segment_item *
take_items(struct sl_segment_reader *reader, uint32_t number, enum sl_segment_drop drop,
           size_t *kept_bytes)
{
    const struct sl_segment_group *group = &reader->footer.groups[number];
    struct sl_segment_open_group *open = &reader->groups[number];
    struct sl_segment_item *taken = NULL;
    sl_mutex_lock(&reader->lock);
    bool is_recent = open->is_recent && drop == SL_SEGMENT_DROP_STALE;
    open->is_recent = false;
    for (uint32_t i = 0; i < open->item_count; i++) {
        struct sl_segment_item *item = open->items[i];
        if (item == NULL)
            continue;
        bool is_kept = is_recent || (drop == SL_SEGMENT_DROP_STALE && is_filter(group, i));
        if (open->users != 0 || is_kept) {
            *kept_bytes += sl_arena_used_bytes(item->arena);
            continue;
        }
        open->items[i] = NULL;
        item->next_taken = taken;
        taken = item;
    }
    sl_mutex_unlock(&reader->lock);
    return taken;
}

/* Items of unused groups are taken out under the lock and freed after it. */
size_t
sl_segment_reader_drop(struct sl_segment_reader *reader, enum sl_segment_drop drop)
{
    SL_ASSERT(reader->magic == SL_SEGMENT_READER_MAGIC);
    size_t kept_bytes = 0;
    for (uint32_t g = 0; g < reader->footer.summary.group_count; g++) {
        struct sl_segment_item *item = take_items(reader, g, drop, &kept_bytes);
        while (item != NULL) {
            struct sl_segment_item *next = item->next_taken;
            destroy_item(item);
            item = next;
        }
    }
    return kept_bytes;
}
