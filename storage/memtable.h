/*
 * memtable.h - batches that are readable and not sealed yet.
 *
 * Batches lie in chunks in the order of their journal positions. A chunk is only ever added to
 * at its end, and an entry never changes once it is counted: a *view* is a list of chunks with
 * the count that each had then, and stays true whatever happens afterwards.
 *
 * A seal freezes the table: the chunks of that moment become its prefix, and what comes later
 * goes to new chunks. Whoever publishes the segments of the prefix drops it in the same breath.
 *
 * Ownership: a chunk holds one reference to each of its batches; views share chunks.
 * Threads:   the table belongs to whoever holds the store's lock, a view to one thread.
 * Layer:     storage. Called from the store and the scan.
 */
#ifndef SLUICE_STORAGE_MEMTABLE_H
#define SLUICE_STORAGE_MEMTABLE_H

#include "storage/batch.h"

struct sl_mem_entry {
    struct sl_batch *batch; /* shared: one reference */
    uint64_t position;      /* of its journal frame */
    int64_t received_us;
    bool is_import;
    size_t bytes; /* of the batch in memory */
    int64_t first_seen_min_us, first_seen_max_us;
    int64_t last_seen_min_us, last_seen_max_us;
};

enum { SL_MEM_CHUNK_ENTRIES = 256 };

struct sl_mem_chunk {
    _Atomic uint32_t references;
    uint32_t entry_count; /* rises under the store's lock */
    struct sl_mem_entry entries[SL_MEM_CHUNK_ENTRIES];
};

/* Rows of one hour of partition time that are not frozen. */
struct sl_mem_hour {
    int64_t hour; /* since 1970; SL_MEM_HOUR_RECEIPT: all rows filed by receipt */
    uint64_t rows;
};
#define SL_MEM_HOUR_RECEIPT INT64_MIN

/* Hours that are told apart: one more than may be open, so that a seal becomes due. */
enum { SL_MEM_HOURS_MAX = SL_PARTITIONS_OPEN_MAX + 1 };

struct sl_memtable {
    struct sl_mem_chunk **chunks;
    uint32_t chunk_count, chunk_capacity;
    uint32_t frozen_count; /* chunks of the prefix that is being sealed */
    uint64_t rows, bytes;
    uint64_t frozen_rows, frozen_bytes;         /* part of them */
    int64_t oldest_us;                          /* monotonic time of the oldest row not frozen */
    struct sl_mem_hour hours[SL_MEM_HOURS_MAX]; /* not frozen */
    uint32_t hour_count;
};

struct sl_mem_view {
    struct sl_mem_chunk **chunks; /* owned array, one reference each */
    uint32_t chunk_count;
    uint32_t last_count; /* entries of the last chunk; the others are full or closed */
    uint64_t rows;
};

/* An entry with the bounds of its batch. Takes no reference. */
struct sl_mem_entry sl_mem_entry_of(struct sl_batch *batch, uint64_t position, int64_t received_us,
                                    bool is_import);

void sl_memtable_fini(struct sl_memtable *table);

/* Rows of a batch by hour, at most SL_MEM_HOURS_MAX of them (what is beyond counts with the last).
 * Pure: done before the lock is taken. */
uint32_t sl_mem_entry_hours(const struct sl_mem_entry *entry,
                            struct sl_mem_hour hours[SL_MEM_HOURS_MAX]);

/* Add an entry at the end, with its hours; acquires the batch. */
void sl_memtable_append(struct sl_memtable *table, const struct sl_mem_entry *entry,
                        const struct sl_mem_hour *hours, uint32_t hour_count, int64_t now_us);

/* Rows of the fullest hour that is not frozen. */
uint64_t sl_memtable_hour_rows_max(const struct sl_memtable *table);

/* Everything becomes the prefix. There must be none yet. */
void sl_memtable_freeze(struct sl_memtable *table);

/* The prefix was not sealed: its rows wait again. */
void sl_memtable_thaw(struct sl_memtable *table);

/* The prefix was sealed: hand its chunks over in *out_view (to be released without the lock). */
void sl_memtable_drop_frozen(struct sl_memtable *table, struct sl_mem_view *out_view);

/* View of everything, or of the frozen prefix. */
void sl_memtable_view(const struct sl_memtable *table, struct sl_mem_view *out_view);
void sl_memtable_view_frozen(const struct sl_memtable *table, struct sl_mem_view *out_view);
void sl_mem_view_fini(struct sl_mem_view *view);

/* Entries of chunk number `chunk` in this view. */
static inline uint32_t
sl_mem_view_count(const struct sl_mem_view *view, uint32_t chunk)
{
    return chunk + 1 == view->chunk_count ? view->last_count : view->chunks[chunk]->entry_count;
}

#endif
