/*
 * segment_open.h - an open segment from the inside: for reader, cursor, prune and check.
 *
 * A group has *items*: what several blocks need and what is therefore loaded once and kept: its
 * dictionaries, the maps of its FUNCTION streams, the pieces of its indexes and, for who needs few
 * entries (segment_lookup.h), those of its dictionaries of addresses. An item is immutable once it
 * is there, and stays while the group has users.
 *
 * Threads: as the reader's. `lock` guards users and items of all groups and is never held across
 *          a read of the file.
 * Layer:   segment, internal.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_OPEN_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_OPEN_H

#include "storage/base/thread.h"
#include "storage/segment/segment_cache.h"
#include "storage/segment/segment_directory.h"
#include "storage/segment/segment_reader.h"

#define SL_SEGMENT_READER_MAGIC UINT32_C(0x52474553) /* "SEGR" */

/* Dictionary, map or index in memory; all of it lies in its arena. */
struct sl_segment_item {
    struct sl_arena *arena;             /* owned */
    uint64_t identity;                  /* no other item of this process has it; never 0 */
    const struct sl_addr *addrs;        /* ADDRESSES or a piece, unless all are IPv4 */
    const uint32_t *short_addrs;        /* the same when all are IPv4 */
    const uint8_t *bytes;               /* BYTES; a piece of an index */
    const uint32_t *offsets;            /* BYTES */
    const uint32_t *map_narrow;         /* FUNCTION of width 4 */
    const uint64_t *map_wide;           /* FUNCTION of width 8 */
    struct sl_segment_item *next_taken; /* while the reader drops it */
};

/* Entry `entry` of a dictionary of addresses, or of a piece. */
static inline struct sl_addr
sl_segment_item_addr(const struct sl_segment_item *item, uint32_t entry)
{
    return item->addrs != NULL ? item->addrs[entry]
                               : (struct sl_addr){.low = item->short_addrs[entry]};
}

/* What may be kept of a column of a block: see segment_keep.h. */
enum sl_segment_keep {
    SL_SEGMENT_KEEP_VALUES,
    SL_SEGMENT_KEEP_ROW_ORDER,
    SL_SEGMENT_KEEP_KINDS,
};

struct sl_segment_open_group {
    uint32_t users;                 /* guarded by lock: cursors and prunings under way */
    struct sl_segment_item **items; /* guarded by lock; NULL: not loaded */
    bool *is_loading;               /* guarded by lock, of each item: a thread is at it */
    bool *is_wanted;                /* guarded by lock: it will be asked for */
    bool is_recent;                 /* guarded by lock: used since drop came by */
    uint32_t item_count;            /* dictionaries, streams, pieces: of indexes, of addresses */
    uint32_t *position_of;          /* column number -> position in columns + 1, or 0 */
    struct sl_segment_kept **kept;  /* by position, kind and block; the cache's */
    _Atomic bool *asked;            /* of each place: what belongs there was asked for */
    size_t place_count;
    _Atomic uint32_t *announced; /* by stream: blocks below are announced to the system */
};

struct sl_segment_reader {
    uint32_t magic;
    int fd;
    char *name;
    uint64_t file_bytes;
    struct sl_budget *budget;       /* borrowed; NULL: unbounded */
    struct sl_segment_cache *cache; /* borrowed; NULL: none */
    struct sl_arena *arena;         /* footer and directories */
    struct sl_segment_footer footer;
    const struct sl_column **columns; /* by number in the footer; borrowed from the schema */
    uint32_t *number_of;              /* schema index -> number + 1, or 0 */
    uint32_t number_of_count;
    struct sl_mutex lock;
    struct sl_cond loaded; /* some item is no longer being loaded */
    struct sl_segment_open_group groups[SL_GROUPS_PER_SEGMENT_MAX];
};

/* An arena under a budget that may be NULL. */
struct sl_arena *sl_segment_arena_create(struct sl_budget *budget);

/* Read and prove a part: exactly part->size_bytes into `bytes`. counters may be NULL. */
SL_MUST_CHECK
sl_status sl_segment_read_part(const struct sl_segment_reader *reader,
                               const struct sl_segment_part *part, void *bytes,
                               struct sl_segment_counters *counters, struct sl_error *err);

/* The same of parts that lie one behind the other, at once. */
SL_MUST_CHECK
sl_status sl_segment_read_parts(const struct sl_segment_reader *reader,
                                const struct sl_segment_part *parts, uint32_t count, void *bytes,
                                struct sl_segment_counters *counters, struct sl_error *err);

/* "<file>: offset <n>: what went wrong", SL_CORRUPT. */
SL_PRINTF(4, 5)
sl_status sl_segment_fail(const struct sl_segment_reader *reader, uint64_t offset,
                          struct sl_error *err, const char *format, ...);

/* Put file and offset in front of a story of a decoder. */
void sl_segment_locate(const struct sl_segment_reader *reader, uint64_t offset,
                       struct sl_error *err);

/* All parts of the group will be read. */
void sl_segment_group_announce(const struct sl_segment_reader *reader, uint32_t group);

/* Items of the group stay until it is released as often. */
void sl_segment_group_acquire(struct sl_segment_reader *reader, uint32_t group);
void sl_segment_group_release(struct sl_segment_reader *reader, uint32_t group);

/* Number of an item. */
static inline uint32_t
sl_segment_item_of_stream(const struct sl_segment_group *group, uint32_t stream)
{
    return group->dictionary_count + stream;
}

static inline uint32_t
sl_segment_item_of_index(const struct sl_segment_group *group, const struct sl_segment_index *index,
                         uint32_t piece)
{
    return group->dictionary_count + group->stream_count + index->first_piece + piece;
}

static inline uint32_t
sl_segment_item_of_addresses(const struct sl_segment_group *group,
                             const struct sl_segment_dictionary *dictionary, uint32_t piece)
{
    return group->dictionary_count + group->stream_count + group->index_pieces +
           dictionary->first_piece + piece;
}

static inline uint32_t
sl_segment_item_count(const struct sl_segment_group *group)
{
    return group->dictionary_count + group->stream_count + group->index_pieces +
           group->address_pieces;
}

/* The item will be asked for: a thread that has to wait for another item loads it meanwhile. */
void sl_segment_item_want(struct sl_segment_reader *reader, uint32_t group, uint32_t number);

/* The item, loaded when missing; the group must be acquired. */
SL_MUST_CHECK
sl_status sl_segment_item_get(struct sl_segment_reader *reader, uint32_t group, uint32_t number,
                              const struct sl_segment_item **out_item,
                              struct sl_segment_counters *counters, struct sl_error *err);

/* The item when it is loaded, else NULL; the group must be acquired. */
const struct sl_segment_item *sl_segment_item_find(struct sl_segment_reader *reader, uint32_t group,
                                                   uint32_t number);

/* From now on a block whose zone says that all values are one is decoded all the same. */
void sl_segment_cursor_distrust(struct sl_segment_cursor *cursor);

/* The column of a group that stands for `column`, or NULL. */
const struct sl_segment_group_column *sl_segment_find_column(const struct sl_segment_reader *reader,
                                                             uint32_t group,
                                                             const struct sl_column *column);

#endif
