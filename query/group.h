/*
 * group.h - the inside of the group operator: layout of records, state of the workers.
 *
 *   op_group.c      the operator: start, next, close, and chunks of groups
 *   group_build.c   rows to records, per worker
 *   group_merge.c   tables of the workers to one, per partition; distinct values, quantiles
 *
 * A record of the main table:
 *
 *   key bytes              each key at its offset, widest first, then a bit for each NULL
 *   sl_aggregate_state     one for each aggregate
 *
 * A record of a value table (one for each holistic aggregate):
 *
 *   key bytes              of the group
 *   16 bytes               the value (union sl_argument; text: its number in a pool)
 *   8 bytes                how often (QUANTILE, GROUP_CONCAT), the register (HyperLogLog), or 0
 *
 * A value record lies in the partition of its group, so that one thread finishes both; without
 * keys there is one group, and values are spread by their own hash.
 *
 * Layer: query, internal to the group operator.
 */
#ifndef SLUICE_QUERY_GROUP_H
#define SLUICE_QUERY_GROUP_H

#include "query/aggregate.h"
#include "query/group_table.h"
#include "query/op.h"
#include "query/text_pool.h"

enum {
    GROUP_SLICE_ROWS = 2048,   /* rows mapped to records at a time: scratch stays in L2 */
    GROUP_CHUNK_ROWS = 8192,   /* groups in a chunk */
    GROUP_DIRECT_MAX = 131072, /* entries of a direct array: 1 MiB */
    GROUP_SIDES_MAX = 2,
    GROUP_VALUE_BYTES = 16,
    GROUP_DICTIONARY_MAX = 1 << 22,   /* entries: as many as a row group has rows */
    GROUP_VALUE_KEY_BYTES_MAX = 1000, /* key bytes of a group with a value table */
    GROUP_HLL_BITS = 12,              /* 4096 registers: 1.6 % */
    GROUP_CONCAT_BYTES_MAX = SL_TEXT_BYTES_MAX,
};

struct group_key {
    const struct sl_key *key;
    struct sl_term term;  /* EXPR, or the source side */
    struct sl_term other; /* HOST, PORT: the destination side */
    uint32_t offset;
    uint32_t bytes;
    uint32_t null_bit;         /* from the start of the record */
    struct sl_text_pool *pool; /* owned; TEXT and OCTETS */
};

struct group_aggregate {
    const struct sl_aggregate *aggregate;
    struct sl_term term;       /* unless COUNT(*) */
    size_t offset;             /* of the state, in the main record */
    int32_t value_table;       /* number among the holistic ones, -1 */
    struct sl_text_pool *pool; /* owned; holistic over TEXT and OCTETS */
};

/*
 * The records of the entries of one dictionary, kept from chunk to chunk: blocks of a row group
 * share theirs. Whether it is the same is told by its bytes, because memory is used again.
 */
struct group_dictionary {
    uint8_t *entries; /* owned: a copy */
    void **records;   /* owned: of each entry, then of NULL */
    size_t entry_bytes;
    uint32_t entry_count;
};

struct group_worker {
    struct sl_group_table table;
    struct group_dictionary dictionaries[GROUP_SIDES_MAX];
    struct sl_group_table *value_tables; /* of each holistic aggregate */
    struct sl_text_cache **key_caches;   /* of each key; NULL unless text */
    struct sl_text_cache **value_caches; /* of each aggregate; NULL unless needed */
    struct sl_arena *kept;               /* texts of MIN, MAX, ANY */
    /* Scratch of one slice, in `kept`. */
    uint8_t *keys;
    void **records;
    void **found;
    union sl_argument *values;
    uint32_t *index;
};

struct group {
    struct group_key *keys;
    uint32_t key_count;
    struct group_aggregate *aggregates;
    uint32_t aggregate_count;
    uint32_t value_table_count;
    bool has_sides; /* a HOST or PORT key */
    size_t key_bytes;
    struct group_worker *workers;
    struct sl_arena *texts[SL_GROUP_PARTITIONS]; /* owned: GROUP_CONCAT */
    struct sl_op_arenas arenas;
    uint64_t chunk_counts[SL_GROUP_PARTITIONS];
    atomic_uint_fast64_t next_chunk;
};

/* Put the rows of a chunk into the worker's tables. */
SL_MUST_CHECK
sl_status group_build_chunk(struct sl_op *op, unsigned worker, struct sl_chunk *chunk,
                            struct sl_error *err);

/* Give back what a remembered dictionary holds. */
void group_dictionary_fini(struct group_dictionary *dictionary, struct sl_budget *budget);

/* Merge everything into the tables of worker 0 and finish the holistic aggregates. */
SL_MUST_CHECK
sl_status group_merge(struct sl_op *op, struct sl_error *err);

static inline struct sl_aggregate_state *
group_state(void *record, const struct group_aggregate *aggregate)
{
    return (struct sl_aggregate_state *)(void *)((uint8_t *)record + aggregate->offset);
}

#endif
