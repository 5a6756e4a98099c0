/*
 * group_table.h - hash tables of groups: records found by a key of fixed size.
 *
 * A record is its key, then `state_bytes` of state, both multiples of 8 bytes; a new record's
 * state is zero. A table is cut into SL_GROUP_PARTITIONS by the top bits of a hash, so that the
 * tables of several workers can be merged partition by partition, in parallel and without a
 * lock. Records never move.
 *
 * Ownership: init in the caller's memory, fini gives everything back to the budget.
 * Threads:   one for each partition.
 * Layer:     query, internal.
 */
#ifndef SLUICE_QUERY_GROUP_TABLE_H
#define SLUICE_QUERY_GROUP_TABLE_H

#include "storage/base/arena.h"
#include "storage/base/base.h"

enum {
    SL_GROUP_PARTITION_BITS = 6,
    SL_GROUP_PARTITIONS = 1 << SL_GROUP_PARTITION_BITS,
    SL_GROUP_PAGES_MAX = 28, /* 16 records, 32, 64 ...: 2^32 records a partition */
};

struct sl_group_slot {
    uint32_t tag;   /* low half of the hash: gives the place, and most misses end here */
    uint32_t index; /* of the record, from 1; 0 is empty */
};

struct sl_group_partition {
    struct sl_group_slot *slots; /* owned: slot_mask + 1, or NULL */
    uint32_t slot_mask;
    uint32_t record_count;
    uint8_t *next; /* where the next record goes, unless it is page_end: then a page is opened */
    uint8_t *page_end;
    uint8_t *pages[SL_GROUP_PAGES_MAX]; /* owned */
};

struct sl_group_table {
    struct sl_budget *budget; /* borrowed */
    size_t key_bytes;
    size_t record_bytes;
    struct sl_group_partition partitions[SL_GROUP_PARTITIONS];
};

void sl_group_table_init(struct sl_group_table *table, struct sl_budget *budget, size_t key_bytes,
                         size_t state_bytes);
void sl_group_table_fini(struct sl_group_table *table);

/* Give back the memory of one partition, which is empty then. */
void sl_group_partition_fini(struct sl_group_table *table, unsigned partition);

/* 0 for no bytes at all: without keys there is one group, in partition 0. */
uint64_t sl_group_hash(const void *key, size_t key_bytes);

/* Word by word: key_bytes is a multiple of 8, and small. */
static inline bool
sl_group_keys_equal(const void *a, const void *b, size_t key_bytes)
{
    const uint8_t *x = a;
    const uint8_t *y = b;

    for (size_t at = 0; at < key_bytes; at += 8) {
        uint64_t u, v;
        memcpy(&u, x + at, 8);
        memcpy(&v, y + at, 8);
        if (u != v)
            return false;
    }
    return true;
}

static inline unsigned
sl_group_partition_of(uint64_t hash)
{
    return (unsigned)(hash >> (64 - SL_GROUP_PARTITION_BITS));
}

/* The record of `key`, added when missing; NULL when the budget is used up. */
void *sl_group_table_add(struct sl_group_table *table, unsigned partition, uint64_t hash,
                         const void *key, bool *out_is_new);

/*
 * The same for `count` keys, `stride` bytes apart, each in the partition of its hash. Slots are
 * fetched ahead, which hides the memory behind a large table. False: budget used up.
 */
SL_MUST_CHECK
bool sl_group_table_add_many(struct sl_group_table *table, const void *keys, size_t stride,
                             uint32_t count, void **out_records);

/*
 * A record more, whether or not the key is there already; NULL when the budget is used up. A table
 * of such records is a list by partition: nothing is found in it.
 */
void *sl_group_table_append(struct sl_group_table *table, unsigned partition, const void *key);

/* The record of `key`, or NULL. */
void *sl_group_table_find(const struct sl_group_table *table, unsigned partition, uint64_t hash,
                          const void *key);

/* Record number `index` of a partition, below its record_count. */
static inline void *
sl_group_record(const struct sl_group_table *table, unsigned partition, uint32_t index)
{
    uint64_t number = (uint64_t)index + 16;
    unsigned page = 59u - (unsigned)__builtin_clzll(number);
    uint64_t first = UINT64_C(16) << page;
    return table->partitions[partition].pages[page] + (number - first) * table->record_bytes;
}

/* How many records lie behind number `index` side by side, itself included. */
static inline uint32_t
sl_group_records_adjacent(const struct sl_group_table *table, unsigned partition, uint32_t index)
{
    uint64_t number = (uint64_t)index + 16;
    uint64_t page_end = UINT64_C(32) << (59u - (unsigned)__builtin_clzll(number));
    uint64_t end = (uint64_t)table->partitions[partition].record_count + 16;
    return (uint32_t)((page_end < end ? page_end : end) - number);
}

/* Records of all partitions. */
uint64_t sl_group_table_count(const struct sl_group_table *table);

#endif
