/*
 * group_number.h - rows to the numbers of their groups, and sums by number.
 *
 * Where groups are few or middling, what is done for each row is done column by column, on arrays of
 * plain numbers:
 *
 *   row -> code      the keys of the row side by side in 63 bits, each as an id, 0 for NULL
 *   code -> number   an array, or open addressing where the codes lie far apart
 *   number -> sums   how many rows, and the sum of each summed argument: 8 bytes each
 *
 * The rows of a single key with a dictionary find the number by entry, once it was met in this way.
 *
 * The id of an unsigned integer is its value plus one, that of a text its number in the pool plus
 * one. Other values, such as times and addresses, are numbered as they come. All but integers must
 * come as constants or as entries of a dictionary, so that this is asked once for an entry and not
 * once for a row.
 *
 * A worker numbers the groups it meets, from 1, and keeps numbers and sums from chunk to chunk.
 * A number has its record in the worker's table from the start; sums are added to it when they may
 * overflow, and at the end. Keys that do not fit, and all rows once there are GROUP_NUMBERS_MAX
 * groups, or many with few rows each, are UNFIT: their rows go to the table by their keys.
 *
 * Threads: one worker's.
 * Layer:   query, internal to the group operator.
 */
#ifndef SLUICE_QUERY_GROUP_NUMBER_H
#define SLUICE_QUERY_GROUP_NUMBER_H

#include "query/aggregate.h"

struct group;
struct group_key;
struct group_worker;
struct key_side;

enum {
    GROUP_NUMBERS_MAX = 1 << 20,        /* groups of a worker */
    GROUP_NUMBER_ARRAY_BITS = 23,       /* of a code that an array is indexed by: 32 MiB */
    GROUP_NUMBER_ENTRIES_MAX = 1 << 16, /* of a dictionary, where there are several keys */
    GROUP_NUMBER_SIDES_MAX = 2,
    GROUP_NUMBER_KEYS_MAX = 16,
    GROUP_SUMS_MAX = 16, /* counts and sums by number; further ones are in the records alone */
    GROUP_SUM_COUNT = 0, /* which of them: the count of rows */
    GROUP_SUM_NONE = GROUP_SUMS_MAX,
};

enum group_outcome {
    GROUP_DONE,
    GROUP_UNFIT,     /* and nothing was done */
    GROUP_NO_MEMORY, /* the budget is used up */
};

/* Some selected rows of a chunk, ascending. */
struct group_slice {
    const uint32_t *rows;
    uint32_t count;   /* 1 .. GROUP_SLICE_ROWS */
    bool is_adjacent; /* rows[i] is rows[0] + i */
};

/* The ids of a dictionary's entries, and the numbers of their groups where they are the only key; 0
 * where it was not asked for yet. */
struct group_entries {
    uint64_t dictionary; /* 0: of one chunk alone */
    uint32_t *ids;       /* owned */
    uint32_t *numbers;   /* owned */
    uint32_t capacity;   /* of both */
};

/* Ids of values as they came: open addressing, at most half full. */
struct group_ids {
    union sl_argument *values; /* owned: of each id, from 1; there are as many as half the slots */
    uint32_t *slots;           /* owned: ids, 0 where empty */
    uint32_t slot_mask;
    uint32_t count;
};

/* One key's part of a code. */
struct group_code_part {
    uint64_t seen; /* all bits that ids had so far */
    unsigned shift;
    unsigned bits;        /* of `seen` */
    struct group_ids ids; /* of values that have none by themselves */
    struct group_entries entries[GROUP_NUMBER_SIDES_MAX];
};

/* The values of a slice, side by side. */
struct group_values {
    const void *values; /* in the column, or in row_values */
    uint8_t width;      /* 1, 2, 4 or 8 */
};

struct group_numbers {
    struct sl_budget *budget;      /* borrowed */
    struct group_code_part *parts; /* of each key */
    unsigned bits;                 /* of a code */
    uint32_t chunk_rows;           /* of the chunk that was opened last */
    uint32_t *array; /* owned: number of each code, 0 for none; NULL: slots are used */
    unsigned array_bits;
    /* Owned: slot_mask + 1, at most half of them used; or NULL. A slot is 0, or a number below as many bits
     * of its code as there is room for. */
    uint64_t *slots;
    uint32_t slot_mask;
    uint32_t count;
    uint64_t mapped_rows; /* since the numbers began at 1 */
    uint32_t capacity;
    bool is_full; /* for good: everything is UNFIT */
    /* Entry 0 of these is no group's. */
    uint64_t *codes; /* owned: of each number */
    void **records;  /* owned: of each number, in the worker's table */
    uint64_t *sums;  /* owned: sum_stride for each number, the count of rows first */
    unsigned sum_stride;
    uint64_t sum_bound; /* no sum is greater */
    /* Scratch of one slice. */
    uint64_t *row_codes;
    uint32_t *row_numbers;
    uint32_t *run_rows;
    uint32_t *run_numbers;
    uint32_t *missing;
    uint64_t *row_values;                       /* GROUP_SLICE_ROWS for each summed argument */
    struct group_values values[GROUP_SUMS_MAX]; /* of each summed argument */
};

/* False: the arena is full. */
SL_MUST_CHECK
bool group_numbers_init(const struct group *group, struct sl_budget *budget, struct sl_arena *arena,
                        struct group_numbers *out_numbers);
void group_numbers_fini(const struct group *group, struct group_numbers *numbers);

/* A chunk comes, of which `row_count` rows count on this side: which entries have which ids? UNFIT
 * when its keys do not come in a form that has ids. */
SL_MUST_CHECK
enum group_outcome group_numbers_open(const struct group *group, struct group_worker *w,
                                      unsigned side_index, const struct key_side *side,
                                      uint32_t row_count);

/* Move all sums to the records and begin again at number 1: records are about to move. False: the
 * budget is used up. */
SL_MUST_CHECK
bool group_numbers_forget(const struct group *group, struct group_worker *w);

/* The numbers of a slice's rows, in row_numbers. Without keys there is one group, number 1, and row_numbers
 * is not written. */
SL_MUST_CHECK
enum group_outcome group_numbers_map(const struct group *group, struct group_worker *w,
                                     unsigned side_index, struct key_side *side,
                                     const struct group_slice *slice);

/* ---- codes of rows: group_code.c ---- */

SL_MUST_CHECK
bool group_code_init(const struct group *group, struct sl_arena *arena,
                     struct group_numbers *numbers);
void group_code_fini(const struct group *group, struct group_numbers *numbers);

/* Numbers begin anew: those of entries are forgotten. */
void group_code_forget(const struct group *group, struct group_numbers *numbers);

/* The part of group_numbers_open that is about keys. */
SL_MUST_CHECK
enum group_outcome group_code_open(const struct group *group, struct group_numbers *numbers,
                                   unsigned side_index, const struct key_side *side,
                                   uint32_t row_count);

/* Codes of a slice's rows in row_codes, which are good for nothing when *out_is_wider: some id is
 * wider than its part, and `seen` tells by how much. */
SL_MUST_CHECK
enum group_outcome group_code_put(const struct group *group, struct group_worker *w,
                                  unsigned side_index, struct key_side *side,
                                  const struct group_slice *slice, bool *out_is_wider);

/* ---- sums by number: group_sum.c ---- */

/* Are the counts and sums among the aggregates, for these arguments, ones that sums by number can
 * hold? Aggregates that are neither are updated in the records, whatever the answer. */
bool group_sums_fit(const struct group *group, const struct sl_vector *arguments);

/* Add the slice that was mapped last. UNFIT when its values are so large that a sum may overflow. */
SL_MUST_CHECK
enum group_outcome group_sums_add(const struct group *group, struct group_worker *w,
                                  const struct sl_vector *arguments,
                                  const struct group_slice *slice);

/* Without keys, and where all aggregates are counts and sums: add the selected rows of a chunk
 * (NULL: all) at once. UNFIT where a column is none of narrow plain values, or a constant. */
SL_MUST_CHECK
enum group_outcome group_sums_add_chunk(const struct group *group, struct group_worker *w,
                                        const struct sl_vector *arguments,
                                        const uint64_t *selection, uint32_t row_count);

/*
 * The parts of it, for sums that lie elsewhere: the values of a slice are read, and no sum grows by
 * more than *out_most (false: by 2^63); then they are added to sums[row_numbers[i] * sum_stride],
 * where the count of rows is the first; and those of each group are moved to its record (false: the
 * budget is used up).
 */
SL_MUST_CHECK
bool group_sums_read(const struct group *group, struct group_worker *w,
                     const struct sl_vector *arguments, const struct group_slice *slice,
                     uint64_t *out_most);
void group_sums_put(const struct group_worker *w, const uint32_t *row_numbers, uint32_t count,
                    uint64_t *sums);
SL_MUST_CHECK
bool group_sums_move(const struct group *group, const uint64_t *const *sums, void *const *records,
                     uint32_t count, struct sl_arena *arena);

/* Move what the sums hold to the records; false: the budget is used up. */
SL_MUST_CHECK
bool group_sums_fold(const struct group *group, struct group_worker *w);

#endif
