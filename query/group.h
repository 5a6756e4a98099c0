/*
 * group.h - the inside of the group operator: layout of records, state of the workers.
 *
 *   op_group.c      the operator: start, next, close, and chunks of groups
 *   group_build.c   rows to records, per worker
 *   group_number.h  rows to numbers of groups, and sums by number: group_code.c, group_number.c,
 *                   group_sum.c
 *   group_key.c     keys of rows as the bytes of a record
 *   group_dense.c   one key with a large dictionary: states by code, without a hash table
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
#include "query/group_number.h"
#include "query/group_table.h"
#include "query/op.h"
#include "query/text_pool.h"

enum {
    GROUP_SLICE_ROWS = 2048, /* rows mapped to records at a time: scratch stays in L2 */
    GROUP_CHUNK_ROWS = 8192, /* groups in a chunk */
    GROUP_SIDES_MAX = GROUP_NUMBER_SIDES_MAX,
    GROUP_VALUE_BYTES = 16,
    GROUP_DICTIONARY_MAX = 1 << 22,    /* entries: as many as a row group has rows */
    GROUP_PENDING_BYTES_MAX = 1 << 27, /* of a worker, and an eighth of the budget at most */
    GROUP_VALUE_KEY_BYTES_MAX = 1000,  /* key bytes of a group with a value table */
    GROUP_HLL_BITS = 12,               /* 4096 registers: 1.6 % */
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
    unsigned sum;              /* which of the sums by number holds it, or GROUP_SUM_NONE */
    int32_t value_table;       /* number among the holistic ones, -1 */
    struct sl_text_pool *pool; /* owned; holistic over TEXT and OCTETS */
};

/* What a chunk's keys look like on one side. */
struct key_side {
    struct sl_vector *vectors; /* of each key */
    uint32_t **numbers;        /* text keys: of each entry, SL_TEXT_NONE when not asked yet */
};

/*
 * States of the entries of one dictionary, then of NULL: see group_dense.c. A dense record is
 * 8 bytes, 1 when a row has the entry and else 0, then the states.
 */
struct group_dense {
    uint64_t dictionary;     /* 0: none, and all records are zero */
    struct sl_vector vector; /* plain: the entries */
    uint8_t *entries;        /* owned: a copy */
    uint8_t *records;        /* owned: entry_capacity + 1 */
    size_t entry_bytes_capacity;
    uint32_t entry_capacity;
};

struct group_worker {
    struct sl_group_table table;
    struct sl_group_table pending; /* a list: records that are not yet in the table */
    size_t pending_bytes;
    struct group_numbers numbers;
    struct group_dense denses[GROUP_SIDES_MAX];
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
    unsigned sum_stride; /* sums by number: the count, and the sums */
    bool is_all_sums;    /* they are all of the aggregates */
    bool has_sides;      /* a HOST or PORT key */
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

/* The worker has no more rows. */
SL_MUST_CHECK
sl_status group_build_end(struct sl_op *op, unsigned worker, struct sl_error *err);

/* Keys of rows[0 .. count), key_bytes apart, into w->keys; false: budget used up. */
SL_MUST_CHECK
bool group_pack_keys(const struct group *group, struct group_worker *w, struct key_side *side,
                     const uint32_t *rows, uint32_t count);

/* One entry, not text, at the start of `target`, `bytes` wide. */
void group_pack_value(const struct sl_vector *vector, uint32_t entry, uint32_t bytes,
                      uint8_t *target);

/* The number of a text in its pool; SL_TEXT_NONE: budget used up. */
uint32_t group_text_number(struct group_worker *w, uint32_t key_index, struct key_side *side,
                           uint32_t entry);

/*
 * The dense states for a chunk whose one key has a large dictionary with a name: those of side
 * `side` (or of side 0, where that is the same dictionary). *out_dense is NULL where they do not
 * pay or there is no memory for them. False: the ones before were in the way and could not be put
 * into the table.
 */
SL_MUST_CHECK
bool group_dense_open(const struct group *group, struct group_worker *w, unsigned side,
                      const struct sl_vector *key, uint32_t row_count,
                      struct group_dense **out_dense);

/* The dense records of rows[0 .. count). */
void group_dense_map(const struct group *group, const struct group_dense *dense,
                     const struct sl_vector *key, const uint32_t *rows, uint32_t count,
                     void **out_records);

/* Put what it holds into the worker's list of pending records, or into its table. */
SL_MUST_CHECK
bool group_dense_flush(const struct group *group, struct group_worker *w,
                       struct group_dense *dense);
void group_dense_fini(const struct group *group, struct group_dense *dense,
                      struct sl_budget *budget);

/* Merge the main records of `from` into `into`. A partition's share of a table is small enough to
 * stay in a cache, which is why records wait in lists until there are many for each. */
SL_MUST_CHECK
bool group_absorb(const struct group *group, struct sl_group_table *into,
                  const struct sl_group_table *from, unsigned partition);

/* Merge everything into the tables of worker 0 and finish the holistic aggregates. */
SL_MUST_CHECK
sl_status group_merge(struct sl_op *op, struct sl_error *err);

enum { GROUP_DENSE_HEAD_BYTES = 8 };

static inline size_t
group_dense_record_bytes(const struct group *group)
{
    return GROUP_DENSE_HEAD_BYTES + group->aggregate_count * sizeof(struct sl_aggregate_state);
}

static inline struct sl_aggregate_state *
group_state(void *record, const struct group_aggregate *aggregate)
{
    return (struct sl_aggregate_state *)(void *)((uint8_t *)record + aggregate->offset);
}

#endif
