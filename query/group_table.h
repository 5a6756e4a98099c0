/*
 * group_table.h - records by key: lists by partition, and a table of those that were met lately.
 *
 * A record is `state_bytes` of state, then its key, both multiples of 8 bytes; a new record's state
 * is zero. The top bits of a key's hash choose one of SL_GROUP_PARTITIONS lists.
 *
 * While rows come in, a key is looked for among the records of late: slots that fit a cache. When
 * they are full they are forgotten, and a key that comes again gets another record. Where few keys
 * were found, the next ones are not even looked for. So a table of
 * many groups costs a write at the end of a list for each row, not a walk through memory. In the
 * end, lists of all workers are joined, and a partition, whose records fit a cache too, is *united*:
 * records of equal keys become one, in place.
 *
 * Records do not move except by sl_group_table_unite and sl_group_table_keep. Those of all
 * partitions may be put aside on disk, and a partition's be brought back; what their states point to
 * must last as long.
 *
 * A table may be *numbered*: each new record then has its place, which is the partition and a
 * number within it, in a word of its state. So other tables name a record in 32 bits.
 *
 * Ownership: init in the caller's memory, fini gives everything back to the budget.
 * Threads:   adding one; after that, one for each partition.
 * Errors:    NULL or false when the budget is used up.
 * Layer:     query, internal.
 */
#ifndef SLUICE_QUERY_GROUP_TABLE_H
#define SLUICE_QUERY_GROUP_TABLE_H

#include "query/spill.h"
#include "storage/base/arena.h"

enum {
    SL_GROUP_PARTITION_BITS = 7,
    SL_GROUP_PARTITIONS = 1 << SL_GROUP_PARTITION_BITS,
    SL_GROUP_NUMBERS_MAX = 1 << (32 - SL_GROUP_PARTITION_BITS),
};

#define SL_GROUP_NO_PLACE SIZE_MAX

struct sl_exec;

struct sl_group_page {
    struct sl_group_page *next;
    uint32_t capacity; /* records */
    uint32_t count;    /* of the last page: see sl_group_page_count */
    uint8_t records[];
};

/* Records that lie on disk. */
struct sl_group_extent {
    uint64_t offset;
    uint64_t count;
};

struct sl_group_partition {
    struct sl_group_page *first; /* owned, and all that follow */
    struct sl_group_page *last;
    uint8_t *next; /* where the next record goes, unless it is page_end: then a page is opened */
    uint8_t *page_end;
    uint64_t record_count;
    uint64_t number;                 /* how many numbers were given */
    struct sl_group_extent *extents; /* owned; not among record_count */
    uint32_t extent_count;
};

/*
 * Open addressing, linear probing. A slot is 0, or 16 bits of the hash above the 48 bits of a
 * record's address.
 */
struct sl_group_index {
    uint64_t *slots; /* owned: mask + 1, or NULL */
    uint64_t mask;
    uint64_t used;
};

struct sl_group_table {
    struct sl_budget *budget; /* borrowed */
    size_t state_bytes;
    size_t key_bytes;
    size_t record_bytes;
    struct sl_group_index recent;
    uint64_t asked;        /* keys since the last were forgotten */
    uint64_t unasked;      /* keys that are still to be added without a look for them */
    size_t place_offset;   /* in the state; SL_GROUP_NO_PLACE: not numbered */
    uint32_t number_first; /* of each partition */
    uint32_t number_step;
    struct sl_group_partition partitions[SL_GROUP_PARTITIONS];
};

void sl_group_table_init(struct sl_group_table *table, struct sl_budget *budget, size_t state_bytes,
                         size_t key_bytes);
void sl_group_table_fini(struct sl_group_table *table);

/*
 * Records get places, at `offset` of their state: numbers `first`, `first + step` and so on, so
 * that tables whose records will be joined never give the same. At most SL_GROUP_NUMBERS_MAX of a
 * partition.
 */
void sl_group_table_number(struct sl_group_table *table, size_t offset, uint32_t first,
                           uint32_t step);

static inline uint32_t
sl_group_place(unsigned partition, uint32_t number)
{
    return number << SL_GROUP_PARTITION_BITS | partition;
}

static inline unsigned
sl_group_place_partition(uint32_t place)
{
    return place & (SL_GROUP_PARTITIONS - 1);
}

static inline uint32_t
sl_group_place_number(uint32_t place)
{
    return place >> SL_GROUP_PARTITION_BITS;
}

/* Every number of the partition is below it. */
static inline uint64_t
sl_group_number_end(const struct sl_group_table *table, unsigned partition)
{
    return table->number_first + table->partitions[partition].number * table->number_step;
}

/* Give back the records of one partition, which is empty then. */
void sl_group_partition_fini(struct sl_group_table *table, unsigned partition);

static inline uint64_t
sl_group_mix(uint64_t a, uint64_t b)
{
    sl_u128 product = (sl_u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Of a multiple of 8 bytes. 0 for no bytes at all: without keys there is one group, in partition
 * 0. */
static inline uint64_t
sl_group_hash(const void *key, size_t key_bytes)
{
    const uint8_t *bytes = key;
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15);

    if (key_bytes == 0)
        return 0;
    for (size_t at = 0; at < key_bytes; at += 8) {
        uint64_t word;
        memcpy(&word, bytes + at, 8);
        hash = sl_group_mix(hash ^ word, UINT64_C(0xd6e8feb86659fd93));
    }
    return sl_group_mix(hash ^ UINT64_C(0xa0761d6478bd642f), UINT64_C(0xe7037ed1a0b428db));
}

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

/* A record of `key`: one that was met lately, or a new one. */
void *sl_group_table_add(struct sl_group_table *table, unsigned partition, uint64_t hash,
                         const void *key);

/*
 * The same for `count` keys, `stride` bytes apart, each in the partition of its hash. Neighbours
 * with the same key ask once, and slots are fetched ahead, which hides what is not in the first cache.
 */
SL_MUST_CHECK
bool sl_group_table_add_many(struct sl_group_table *table, const void *keys, size_t stride,
                             uint32_t count, void **out_records);

/* The slot of a key that comes soon is on its way from memory. */
static inline void
sl_group_table_fetch(const struct sl_group_table *table, uint64_t hash)
{
    if (table->recent.slots != NULL && table->unasked == 0)
        __builtin_prefetch(&table->recent.slots[hash & table->recent.mask]);
}

/* A new record, whether or not the key has one; its state is a copy of `state` unless that is NULL. */
void *sl_group_table_append(struct sl_group_table *table, unsigned partition, const void *state,
                            const void *key);

/* Forget which records were met lately: those that come are new. */
void sl_group_table_forget(struct sl_group_table *table);

/* Put all records of all partitions aside: none is remembered, and numbers that were given stay so. */
SL_MUST_CHECK
sl_status sl_group_table_spill(struct sl_group_table *table, struct sl_spill *spill,
                               struct sl_error *err);

/* Bring those of a partition back. */
SL_MUST_CHECK
sl_status sl_group_table_load(struct sl_group_table *table, unsigned partition,
                              const struct sl_spill *spill, const struct sl_exec *exec,
                              struct sl_error *err);

/* The records of a partition of `from`, all of them in memory, are those of `into`; both tables have
 * the same layout. */
void sl_group_table_join(struct sl_group_table *into, struct sl_group_table *from,
                         unsigned partition);

/* Add the states of from[i] to those of into[i]. */
typedef bool sl_group_merge_fn(void *context, void *const *into, void *const *from, uint32_t count);

/*
 * Records of equal keys in a partition become one. Records move; the caller forgets what it
 * remembered. *out_index, when wanted, then finds them: the caller gives it back.
 */
SL_MUST_CHECK
bool sl_group_table_unite(struct sl_group_table *table, unsigned partition,
                          sl_group_merge_fn *merge, void *context,
                          struct sl_group_index *out_index);

/* Is a record to stay? */
typedef bool sl_group_keep_fn(void *context, const uint8_t *record);

/* The other records of a partition are gone, and what they took in memory but a page. Records move; the
 * caller forgets what it remembered. */
void sl_group_table_keep(struct sl_group_table *table, unsigned partition,
                         sl_group_keep_fn *is_kept, void *context);

/* The record of `key`, or NULL. */
void *sl_group_index_find(const struct sl_group_index *index, const struct sl_group_table *table,
                          uint64_t hash, const void *key);
void sl_group_index_fini(struct sl_group_index *index, struct sl_budget *budget);

/* Records of a page of a partition. */
static inline uint32_t
sl_group_page_count(const struct sl_group_table *table, const struct sl_group_partition *p,
                    const struct sl_group_page *page)
{
    if (page != p->last)
        return page->count;
    return (uint32_t)((size_t)(p->next - page->records) / table->record_bytes);
}

/* Records of all partitions. */
uint64_t sl_group_table_count(const struct sl_group_table *table);

#endif
