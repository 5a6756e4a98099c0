/*
 * segment_keep.c - see segment_keep.h.
 */
#include "storage/segment/segment_keep.h"

#include <stdatomic.h>

#include "storage/base/hash.h"

static size_t
place_number(const struct sl_segment_cursor *cursor, const struct sl_segment_group_column *column,
             enum sl_segment_keep kind)
{
    const struct sl_segment_group *group = cursor->group;
    size_t position = (size_t)(column - group->columns) * SL_SEGMENT_KEEP_KINDS + kind;
    return position * group->block_count + cursor->block;
}

struct sl_segment_kept **
sl_segment_keep_place(const struct sl_segment_cursor *cursor,
                      const struct sl_segment_group_column *column, enum sl_segment_keep kind)
{
    const struct sl_segment_open_group *open = &cursor->reader->groups[cursor->group_number];
    if (!cursor->is_keeping || cursor->reader->cache == NULL || cursor->is_distrustful ||
        cursor->group->streams[column->stream].form == SL_SEGMENT_FORM_BYTES)
        return NULL;
    return &open->kept[place_number(cursor, column, kind)];
}

/*
 * Is the block in the part of the scan that there is room for? If each block of a larger scan took the
 * place of the one that was used least lately, all would be gone when the scan comes back to them.
 */
static bool
is_in_share(const struct sl_segment_cursor *cursor)
{
    uint64_t room_bytes = sl_segment_cache_room(cursor->reader->cache);
    uint64_t need_bytes = cursor->scan_rows * cursor->row_bytes;
    uint64_t identity = cursor->reader->footer.meta.number << 16 | cursor->group_number << 8;
    /* Some of the room is lost at the ends of slabs, some others have. */
    return need_bytes <= room_bytes ||
           sl_hash_u64(identity + cursor->block) % need_bytes < room_bytes - room_bytes / 8;
}

bool
sl_segment_keep_is_worth(struct sl_segment_cursor *cursor, struct sl_segment_kept **place)
{
    if (!is_in_share(cursor))
        return false;
    struct sl_segment_open_group *open = &cursor->reader->groups[cursor->group_number];
    /* Relaxed: it is a guess about the future and nothing else. */
    return atomic_exchange_explicit(&open->asked[place - open->kept], true, memory_order_relaxed);
}

bool
sl_segment_keep_was_asked(const struct sl_segment_cursor *cursor,
                          const struct sl_segment_group_column *column)
{
    const struct sl_segment_open_group *open = &cursor->reader->groups[cursor->group_number];
    return atomic_load_explicit(&open->asked[place_number(cursor, column, SL_SEGMENT_KEEP_VALUES)],
                                memory_order_relaxed);
}
