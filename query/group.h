/*
 * group.h - the inside of the group operator: layout of records, state of the workers.
 *
 *   op_group.c      the operator: start, next, close, and chunks of groups
 *   group_build.c   rows to records, per worker
 *   group_number.h  rows to numbers of groups, and sums by number: group_code.c, group_number.c,
 *                   group_sum.c
 *   group_key.c     keys of rows as the bytes of a record, and back
 *   group_dense.c   one key with a large dictionary: states by code, without a hash table
 *   group_memo.c    the same with few rows of it: records by code
 *   group_prune.c   of such states, those of groups that may be asked for
 *   group_floor.c   of records, those of groups that may be asked for
 *   group_value.c   distinct values, and those of quantiles, as records
 *   group_distinct.c how many distinct values a group has, by sorting them
 *   group_merge.c   tables of the workers to one, per partition
 *   group_finish.c  what the values of a group come to
 *
 * A record of the main table:
 *
 *   states                 one for each aggregate (aggregate.h)
 *   key bytes              each key at its offset, widest first, then a bit for each NULL; an
 *                          address is its code (addr_pool.h), a text its number (text_pool.h)
 *
 * A record of a value table (one for each holistic aggregate):
 *
 *   8 bytes                how often (QUANTILE, GROUP_CONCAT), the register (HyperLogLog); none
 *                          for the distinct ones
 *   4 bytes                the place of the group's record (group_table.h)
 *   value bytes            as many as its type has; code or number as above
 *
 * A value record lies in the partition of its group, so that one thread finishes both. Until
 * then, the state of the first holistic aggregate is the place of the record. Without keys there is one
 * group, at place 0, and values are spread by their own hash.
 *
 * Layer: query, internal to the group operator.
 */
#ifndef SLUICE_QUERY_GROUP_H
#define SLUICE_QUERY_GROUP_H

#include "query/addr_pool.h"
#include "query/aggregate.h"
#include "query/group_number.h"
#include "query/group_table.h"
#include "query/op.h"
#include "query/text_pool.h"

enum {
    GROUP_SLICE_ROWS = 2048, /* rows mapped to records at a time: scratch stays in L2 */
    GROUP_CHUNK_ROWS = 8192, /* groups in a chunk */
    GROUP_SIDES_MAX = GROUP_NUMBER_SIDES_MAX,
    GROUP_DICTIONARY_MAX = 1 << 22, /* entries: as many as a row group has rows */
    GROUP_ENTRIES_PER_ROW = 8,      /* of a chunk: an array over more of them does not pay */
    GROUP_VALUE_OFFSET = 4,         /* of the value, in the key of a value record */
    GROUP_VALUE_KEY_BYTES_MAX = 24,
    GROUP_RECENT_BITS = 14, /* values that came lately: 128 KiB */
    GROUP_HLL_BITS = 12,    /* 4096 registers: 1.6 % */
    GROUP_CONCAT_BYTES_MAX = SL_TEXT_BYTES_MAX,
    GROUP_CANDIDATE_BITS = 19, /* of the filter of candidates: 64 KiB */
    GROUP_TOP_MAX = 1024,      /* groups by their order: above it all groups are made */
};

struct group_key {
    const struct sl_key *key;
    struct sl_term term;  /* EXPR, or the source side */
    struct sl_term other; /* HOST, PORT: the destination side */
    uint32_t offset;
    uint32_t bytes;
    uint32_t null_bit;          /* from the start of the key bytes; not for ADDR */
    struct sl_text_pool *pool;  /* owned; TEXT and OCTETS */
    struct sl_addr_pool *addrs; /* owned; ADDR */
};

struct group_aggregate {
    const struct sl_aggregate *aggregate;
    struct sl_term term;        /* unless COUNT(*) */
    size_t offset;              /* of the state, in the main record */
    unsigned sum;               /* which of the sums by number holds it, or GROUP_SUM_NONE */
    int32_t value_table;        /* number among the holistic ones, -1 */
    uint32_t value_bytes;       /* holistic */
    struct sl_text_pool *pool;  /* owned; holistic over TEXT and OCTETS */
    struct sl_addr_pool *addrs; /* owned; holistic over ADDR */
};

/* What a chunk's keys look like on one side. */
struct key_side {
    struct sl_vector *vectors; /* of each key */
    uint32_t **numbers; /* of each entry, SL_TEXT_NONE when not asked yet: of texts, and codes
                         * of addresses with a dictionary; NULL: no such key, or nobody's */
};

/* The codes of the addresses of one dictionary, kept in the same way. */
struct group_codes {
    uint32_t *codes; /* owned: SL_ADDR_CODE_NONE when not asked yet */
    uint64_t dictionary;
    uint32_t capacity;
};

/* Which entries of a dictionary were met: distinct values without keys, see group_value.c. */
struct group_seen {
    uint64_t *bits; /* owned: of `capacity` entries */
    uint64_t dictionary;
    uint32_t capacity;
};

/*
 * States of the entries of one dictionary, then of NULL: see group_dense.c. A dense record is
 * the states, then 8 bytes, 1 when a row has the entry and else 0. Where all aggregates are counts
 * and sums, it is these, 8 bytes each (group_number.h).
 */
struct group_dense {
    uint64_t dictionary;     /* 0: none, and all records are zero */
    struct sl_vector vector; /* plain: the entries */
    uint8_t *entries;        /* owned: a copy */
    uint8_t *records;        /* owned: entry_capacity + 1 */
    size_t entry_bytes_capacity;
    uint32_t entry_capacity;
    bool is_summed;
    uint64_t sum_bound; /* no sum is greater */
    uint64_t row_count; /* rows that were summed */
};

/* Sums of dictionaries that went by, of a worker: see group_prune.c. */
struct group_runs {
    struct group_dense *runs; /* owned */
    uint32_t count;
    uint32_t capacity;
    size_t bytes;   /* of all runs */
    bool is_off;    /* there was no room for them */
    uint64_t floor; /* no group of the answer has less */
};

/* The records of the entries of one dictionary, as far as they were met: see group_memo.c. */
struct group_memo {
    uint64_t dictionary;   /* 0: none */
    uint32_t *numbers;     /* owned: of each entry, then of NULL; 0: not met */
    size_t entry_capacity; /* of `numbers` */
    void **records;        /* owned: of each number, from 1 */
    size_t capacity;
    uint32_t count; /* of numbers */
};

/* Addresses of a slice that ask the pool for their codes together. */
struct group_missing {
    uint32_t count;
    uint32_t at[GROUP_SLICE_ROWS]; /* of the slice's rows */
    uint32_t codes[GROUP_SLICE_ROWS];
    struct sl_addr addrs[GROUP_SLICE_ROWS];
};

/* What a worker gives out: the groups of one partition after the other. */
struct group_turn {
    unsigned partition;
    const struct sl_group_page *page; /* of the next group; NULL: the partition is used up */
    uint32_t at;
    /* Of the asked aggregate, the greatest values so far: a heap, the least first. NULL: nobody asks. */
    uint64_t *greatest;
    uint8_t given[SL_GROUP_PARTITIONS]; /* partitions that were used up by the last chunk */
    unsigned given_count;
};

struct group_worker {
    struct sl_group_table table;
    size_t room_bytes; /* of all tables: above it they are united, or put aside */
    struct sl_spill spill;
    struct group_numbers numbers;
    struct group_dense denses[GROUP_SIDES_MAX];
    struct group_runs runs;
    struct group_memo memos[GROUP_SIDES_MAX];
    struct group_codes *codes; /* of each key, for each side */
    struct group_seen *seen;   /* of each aggregate */
    uint64_t **recent;         /* of each aggregate: values that came lately; NULL unless narrow */
    struct group_codes *value_codes; /* of each aggregate */
    uint32_t **argument_codes;       /* of each aggregate: of this chunk's dictionary, or NULL */
    struct sl_group_table *value_tables; /* of each holistic aggregate */
    struct sl_text_cache **key_caches;   /* of each key; NULL unless text */
    struct sl_text_cache **value_caches; /* of each aggregate; NULL unless needed */
    struct sl_arena *kept;               /* what states point to */
    struct group_turn turn;
    /* Scratch of one slice, in `kept`. */
    uint8_t *keys;
    void *value_keys;
    void **records;
    void **found;
    const uint64_t **sums;
    union sl_argument *values;
    uint32_t *fresh;
    uint32_t *index;
    uint32_t *narrow;
    struct group_missing *missing;
};

/* What became of the numbers of a partition's records when these were united. */
struct group_places {
    uint32_t *numbers; /* of each number that was given: the number it is now */
    uint32_t *fresh;
    void **records; /* of each number that there is now */
    uint64_t given_count;
};

struct group {
    struct group_key *keys;
    uint32_t key_count;
    struct group_aggregate *aggregates;
    uint32_t aggregate_count;
    uint32_t value_table_count;
    unsigned sum_stride;   /* sums by number: the count, and the sums */
    bool is_all_sums;      /* they are all of the aggregates */
    bool has_sides;        /* a HOST or PORT key */
    size_t key_bytes;      /* a multiple of 8 */
    size_t key_used_bytes; /* without padding */
    size_t state_bytes;
    size_t place_offset; /* in the states: see above */
    size_t room_bytes;   /* of a worker's tables at first */
    size_t room_bytes_max;
    struct group_worker *workers;
    struct sl_arena *kept[SL_GROUP_PARTITIONS]; /* owned; NULL until needed: as a worker's */
    struct sl_op_arenas arenas;
    atomic_uint next_partition; /* that nobody gives out yet */
    struct sl_group_floor asked;
    bool has_floor;               /* groups may be left out: see group_floor.c */
    bool is_pruned;               /* and before they have records: see group_prune.c */
    _Atomic uint64_t floor;       /* no group of the answer has less */
    uint64_t run_rows;            /* of all runs of all workers */
    _Atomic uint64_t *candidates; /* bits, in the arena of worker 0; NULL: every group is one */
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

/* The codes of the entries of a key's dictionary; NULL where they do not pay or there is no memory
 * for them. */
uint32_t *group_codes_open(struct group_codes *codes, struct sl_budget *budget,
                           const struct sl_vector *key, uint32_t row_count);
void group_codes_fini(struct group_codes *codes, struct sl_budget *budget);

/* The value of an entry that is no text, in as many bytes as its type has; false: budget used up. */
SL_MUST_CHECK
bool group_pack_value(const struct group_key *key, const struct sl_vector *vector, uint32_t entry,
                      uint8_t *target);

/* The number of a text in its pool; SL_TEXT_NONE: budget used up. */
uint32_t group_text_number(struct group_worker *w, uint32_t key_index, struct key_side *side,
                           uint32_t entry);

/* A key of `count` records, as a vector of its type in `arena`: of the selected ones (NULL: all). */
SL_MUST_CHECK
bool group_give_key(const struct group *group, const struct group_key *key, void *const *records,
                    uint32_t count, const uint64_t *selection, struct sl_arena *arena,
                    struct sl_vector *out);

/* A plain vector of `type`, without a value so far, with room for `count`. Texts: slices, which
 * group_pour_slices puts into place. */
SL_MUST_CHECK
bool group_make_vector(const struct sl_sql_type *type, uint32_t count, struct sl_arena *arena,
                       struct sl_vector *out, void **out_values, uint64_t **out_present);
SL_MUST_CHECK
bool group_pour_slices(const struct sl_slice *slices, uint32_t count, struct sl_arena *arena,
                       struct sl_vector *out);

/* Addresses as codes, `stride` bytes apart; SL_ADDR_CODE_NONE where there is none. `codes`: of the
 * dictionary, or NULL. False: budget used up. */
SL_MUST_CHECK
bool group_pack_addrs(struct sl_addr_pool *addrs, struct group_missing *missing,
                      const struct sl_vector *v, uint32_t *codes, size_t stride,
                      const uint32_t *rows, uint32_t count, void *out_codes);

/* A chunk comes, of which `row_count` rows count: codes for the dictionaries of its values. */
void group_values_open(const struct group *group, struct group_worker *w,
                       const struct sl_vector *arguments, uint32_t row_count);

/* Forget which values came lately: places of records are about to change. */
void group_value_forget(struct group_worker *w, uint32_t aggregate_index);

/* The values of rows[0 .. count), whose groups are w->records, for one holistic aggregate. */
SL_MUST_CHECK
bool group_add_values(const struct group *group, struct group_worker *w, uint32_t aggregate_index,
                      const struct sl_vector *argument, const uint32_t *rows, uint32_t count);
void group_seen_fini(struct group_seen *seen, struct sl_budget *budget);

/* The layout of a holistic aggregate's value table. */
uint32_t group_value_bytes(const struct sl_aggregate *aggregate);
void group_value_table_init(const struct group_aggregate *a, struct sl_budget *budget,
                            struct sl_group_table *out_table);
/* Is a record of it 8 bytes, and says the same when it comes again? */
bool group_value_is_narrow(const struct group_aggregate *a);
/* Is it counted by group_count_distinct, so that its values are not united in the end? */
bool group_value_is_dealt(const struct group *group, const struct group_aggregate *a);
/* The value of a record of it. */
union sl_argument group_value_read(const struct group_aggregate *a,
                                   const struct sl_group_table *table, const uint8_t *record);
sl_group_merge_fn group_value_merge; /* context: the group_aggregate */

/*
 * The dense states for a chunk whose one key has a large dictionary with a name: those of side
 * `side` (or of side 0, where that is the same dictionary). is_summed: all aggregates are counts and
 * sums, and the chunk's fit. *out_dense is NULL where they do not
 * pay or there is no memory for them. False: the ones before were in the way and could not be put
 * into the table.
 */
SL_MUST_CHECK
bool group_dense_open(const struct group *group, struct group_worker *w, unsigned side,
                      const struct sl_vector *key, bool is_summed, uint32_t row_count,
                      struct group_dense **out_dense);

/* The dense records of rows[0 .. count). */
void group_dense_map(const struct group *group, const struct group_dense *dense,
                     const struct sl_vector *key, const uint32_t *rows, uint32_t count,
                     void **out_records);

/* Add a slice to sums. UNFIT when its values are so large that a sum may overflow. */
SL_MUST_CHECK
enum group_outcome group_dense_add(const struct group *group, struct group_worker *w,
                                   struct group_dense *dense, const struct sl_vector *key,
                                   const struct sl_vector *arguments,
                                   const struct group_slice *slice);

/* Put what it holds into the worker's table. */
SL_MUST_CHECK
bool group_dense_flush(const struct group *group, struct group_worker *w,
                       struct group_dense *dense);
void group_dense_fini(const struct group *group, struct group_dense *dense,
                      struct sl_budget *budget);

/* What it takes in memory. */
size_t group_dense_bytes(const struct group *group, const struct group_dense *dense);

/* Another dictionary comes, or none: what `dense` holds is kept as a run where groups may be left out, else put
 * into the worker's table. */
SL_MUST_CHECK
bool group_dense_leave(const struct group *group, struct group_worker *w,
                       struct group_dense *dense);

/* May groups be left out for what is asked for? */
bool group_floor_is_possible(const struct group *group);

/* No group of the answer has less than `floor`. Any thread. */
void group_floor_raise(struct group *group, uint64_t floor);

/* Put `value` in the place of the least one of a heap of `count`, which is the first. */
void group_floor_replace_least(uint64_t *heap, uint64_t count, uint64_t value);

/* Records of a partition whose groups are below the floor go, if there is one. False: there is no
 * memory. */
SL_MUST_CHECK
bool group_floor_sift(const struct group *group, struct sl_group_table *table, unsigned partition);

/* The groups of a partition are whole: put their values into `greatest`, unless that is NULL, and raise the
 * floor. */
void group_floor_learn(struct group *group, const struct sl_group_table *table, unsigned partition,
                       uint64_t *greatest);

/* Where groups may be left out: may addresses go before they have records? */
bool group_prune_is_possible(const struct group *group);

/* Take the sums away from `dense`, which is empty then; false: they are not kept, and still there. */
SL_MUST_CHECK
bool group_run_keep(const struct group *group, struct group_worker *w, struct group_dense *dense);

/* Put what all runs of a worker hold of candidates into its table; no more are kept. */
SL_MUST_CHECK
bool group_runs_flush(const struct group *group, struct group_worker *w);
void group_runs_fini(const struct group *group, struct group_runs *runs, struct sl_budget *budget);

/* All rows are there: find the candidates, and put what runs hold of them into the tables. */
SL_MUST_CHECK
sl_status group_prune(struct sl_op *op, struct sl_error *err);

/* Which of the candidates' bits an address has. */
static inline uint64_t
group_candidate_bit(struct sl_addr addr)
{
    uint64_t hash = sl_group_mix(addr.high ^ UINT64_C(0x9e3779b97f4a7c15),
                                 addr.low ^ UINT64_C(0xd6e8feb86659fd93));
    return hash >> (64 - GROUP_CANDIDATE_BITS);
}

/* What is remembered of the dictionary of a chunk's one key, on side `side`; NULL: that does not pay, or
 * there is no memory for it. */
struct group_memo *group_memo_open(struct group_worker *w, unsigned side,
                                   const struct sl_vector *key, uint32_t row_count);

/* The records of a slice's rows, in w->records. False: budget used up. */
SL_MUST_CHECK
bool group_memo_map(const struct group *group, struct group_worker *w, struct group_memo *memo,
                    struct key_side *side, const struct group_slice *slice);

/* Records are about to move. */
void group_memo_forget(struct group_memo *memo);
void group_memo_fini(struct group_memo *memo, struct sl_budget *budget);

/* When a worker's tables have grown, unite their records, or put them aside on disk: pointers to
 * records are void then. */
SL_MUST_CHECK
sl_status group_make_room(struct sl_op *op, struct group_worker *w, struct sl_error *err);

/*
 * How many distinct values each group of a partition has, to its state; they are in no order and may
 * come again and again. False: the budget is used up.
 */
SL_MUST_CHECK
bool group_count_distinct(const struct group_aggregate *a, const struct group_places *places,
                          uint32_t group_count, const struct sl_group_table *table,
                          unsigned partition);

/*
 * The values of partitions first .. last - 1 to the states of their groups, for all holistic
 * aggregates. `records` are the groups by number.
 */
SL_MUST_CHECK
bool group_finish(struct sl_op *op, void *const *records, unsigned first, unsigned last);

/* Everything that the workers have of a partition becomes groups in the table of worker 0, whose
 * aggregates are finished. One thread for each partition. `greatest`: see group_turn. */
SL_MUST_CHECK
sl_status group_merge_partition(struct sl_op *op, unsigned partition, uint64_t *greatest,
                                struct sl_error *err);

/* The same without keys: the one group, in partition 0. */
SL_MUST_CHECK
sl_status group_merge_keyless(struct sl_op *op, struct sl_error *err);

/* The place of the group, from the key of a value record. */
static inline uint32_t
group_value_place(const void *key)
{
    uint32_t place;
    memcpy(&place, key, sizeof(place));
    return place;
}

static inline void *
group_state(void *record, const struct group_aggregate *aggregate)
{
    return (uint8_t *)record + aggregate->offset;
}

/* The arena of a partition; one thread for each. */
static inline struct sl_arena *
group_kept(struct group *group, unsigned partition)
{
    if (group->kept[partition] == NULL)
        group->kept[partition] = sl_arena_create_shared(group->workers[0].table.budget);
    return group->kept[partition];
}

#endif
