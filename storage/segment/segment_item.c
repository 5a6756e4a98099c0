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

static sl_status
load_addresses(const struct sl_segment_reader *reader,
               const struct sl_segment_dictionary *dictionary, const uint8_t *raw,
               struct sl_segment_item *item, struct sl_error *err)
{
    uint32_t count = dictionary->entry_count;
    uint32_t *short_addrs = sl_arena_alloc(item->arena, count * sizeof(*short_addrs));
    if (short_addrs == NULL)
        return fail_memory(reader, err);
    if (sl_codec_decode_keys_u32(raw, dictionary->part.size_bytes, count, short_addrs)) {
        item->short_addrs = short_addrs;
        return SL_OK;
    }
    sl_arena_clear(item->arena);
    struct sl_addr *addrs = sl_arena_alloc(item->arena, count * sizeof(*addrs));
    if (addrs == NULL)
        return fail_memory(reader, err);
    sl_status st = sl_codec_decode_keys(raw, dictionary->part.size_bytes, count, addrs, err);
    if (st != SL_OK) {
        sl_segment_locate(reader, dictionary->part.offset, err);
        return st;
    }
    item->addrs = addrs;
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
    sl_status st = sl_codec_decode_bytes(raw, dictionary->part.size_bytes, dictionary->entry_count,
                                         dictionary->bytes, item->arena, &bytes, &offsets, err);
    if (st != SL_OK) {
        sl_segment_locate(reader, dictionary->part.offset, err);
        return st;
    }
    if (offsets[dictionary->entry_count] != dictionary->bytes)
        return sl_segment_fail(reader, dictionary->part.offset, err,
                               "dictionary has %u bytes, not %u", offsets[dictionary->entry_count],
                               dictionary->bytes);
    for (uint32_t i = 1; i < dictionary->entry_count; i++)
        if (!is_string_ascending(bytes, offsets, i))
            return sl_segment_fail(reader, dictionary->part.offset, err,
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

/* Bytes that are not the item themselves go to `scratch`. */
static sl_status
load_item(const struct sl_segment_reader *reader, uint32_t group_number, uint32_t number,
          struct sl_segment_item *item, struct sl_arena *scratch,
          struct sl_segment_counters *counters, struct sl_error *err)
{
    const struct sl_segment_group *group = &reader->footer.groups[group_number];
    uint8_t *raw;
    if (number < group->dictionary_count) {
        const struct sl_segment_dictionary *dictionary = &group->dictionaries[number];
        SL_TRY(read_raw(reader, &dictionary->part, scratch, &raw, counters, err));
        if (dictionary->kind == SL_SEGMENT_DICTIONARY_ADDRESSES)
            return load_addresses(reader, dictionary, raw, item, err);
        return load_strings(reader, dictionary, raw, item, err);
    }
    number -= group->dictionary_count;
    if (number < group->stream_count)
        return load_map(reader, &group->streams[number], item, scratch, counters, err);
    number -= group->stream_count;
    SL_ASSERT(number < group->index_count);
    SL_TRY(read_raw(reader, &group->indexes[number].part, item->arena, &raw, counters, err));
    item->bytes = raw;
    return SL_OK;
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
is_filter(const struct sl_segment_group *group, uint32_t item)
{
    uint32_t first_index = sl_segment_item_of_index(group, 0);
    return item >= first_index &&
           group->indexes[item - first_index].kind == SL_SEGMENT_INDEX_FILTER;
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

/* Should the group keep what it has? When asked again it will not, unless it was used meanwhile. */
static bool
take_recent(struct sl_segment_reader *reader, struct sl_segment_open_group *open)
{
    sl_mutex_lock(&reader->lock);
    bool is_recent = open->is_recent;
    open->is_recent = false;
    sl_mutex_unlock(&reader->lock);
    return is_recent;
}

/* Items of unused groups are taken out under the lock and freed after it. */
size_t
sl_segment_reader_drop(struct sl_segment_reader *reader, enum sl_segment_drop drop)
{
    SL_ASSERT(reader->magic == SL_SEGMENT_READER_MAGIC);
    size_t kept_bytes = 0;
    for (uint32_t g = 0; g < reader->footer.summary.group_count; g++) {
        struct sl_segment_open_group *open = &reader->groups[g];
        bool is_recent = take_recent(reader, open) && drop == SL_SEGMENT_DROP_STALE;
        for (uint32_t i = 0; i < open->item_count; i++) {
            struct sl_segment_item *item = NULL;
            bool is_kept = is_recent || (drop == SL_SEGMENT_DROP_STALE &&
                                         is_filter(&reader->footer.groups[g], i));
            sl_mutex_lock(&reader->lock);
            if (open->users == 0 && !is_kept) {
                item = open->items[i];
                open->items[i] = NULL;
            } else if (open->items[i] != NULL) {
                kept_bytes += sl_arena_used_bytes(open->items[i]->arena);
            }
            sl_mutex_unlock(&reader->lock);
            destroy_item(item);
        }
    }
    return kept_bytes;
}
