/*
 * group_memo.c - one key with a dictionary of which a chunk has few rows: the record of each entry that
 * was met is remembered by its code.
 *
 * A row then costs a look at numbers[code], and no address, hash or comparison. An entry that is met for
 * the first time gets a record without a look for one that another dictionary may have brought: records
 * of equal keys are united in the end. Where a chunk has more rows, group_dense.c is better still.
 */
#include "query/group.h"

enum {
    MEMO_ENTRIES_PER_ROW =
        64,                /* to clear the numbers of so many costs less than to look for a row */
    AHEAD = 24,            /* rows whose numbers are on their way from memory */
    CAPACITY_FIRST = 4096, /* records; at least a slice's rows */
};

_Static_assert((int)CAPACITY_FIRST > (int)GROUP_SLICE_ROWS, "room for what a slice may bring");

void
group_memo_fini(struct group_memo *memo, struct sl_budget *budget)
{
    sl_budget_give(budget, memo->entry_capacity * sizeof(*memo->numbers) +
                               memo->capacity * sizeof(*memo->records));
    free(memo->numbers);
    free(memo->records);
    *memo = (struct group_memo){0};
}

void
group_memo_forget(struct group_memo *memo)
{
    memo->dictionary = 0;
    memo->count = 0;
}

/* Numbers of `entry_count` entries and of NULL, all 0. */
static bool
clear_numbers(struct group_memo *memo, struct sl_budget *budget, uint32_t entry_count)
{
    size_t count = (size_t)entry_count + 1;

    if (count <= memo->entry_capacity) {
        memset(memo->numbers, 0, count * sizeof(*memo->numbers));
        return true;
    }
    group_memo_fini(memo, budget);
    if (!sl_budget_take(budget, count * sizeof(*memo->numbers)))
        return false;
    memo->numbers = sl_try_alloc_table(count * sizeof(*memo->numbers));
    if (memo->numbers == NULL) {
        sl_budget_give(budget, count * sizeof(*memo->numbers));
        return false;
    }
    memo->entry_capacity = count;
    return true;
}

struct group_memo *
group_memo_open(struct group_worker *w, unsigned side, const struct sl_vector *key,
                uint32_t row_count)
{
    struct group_memo *memo = &w->memos[side];

    if (key->encoding != SL_DICT || key->dictionary == 0)
        return NULL;
    if (key->dictionary == memo->dictionary)
        return memo;
    if (row_count < key->value_count / MEMO_ENTRIES_PER_ROW ||
        key->value_count > GROUP_DICTIONARY_MAX)
        return NULL;
    group_memo_forget(memo);
    if (!clear_numbers(memo, w->table.budget, key->value_count))
        return NULL;
    memo->dictionary = key->dictionary;
    return memo;
}

/* Room for the records of a slice, of which number 0 is none. */
static bool
reserve(struct group_memo *memo, struct sl_budget *budget)
{
    size_t capacity = memo->capacity == 0 ? (size_t)CAPACITY_FIRST : 2 * memo->capacity;

    if (memo->count + GROUP_SLICE_ROWS < memo->capacity)
        return true;
    size_t more_bytes = (capacity - memo->capacity) * sizeof(*memo->records);
    if (!sl_budget_take(budget, more_bytes))
        return false;
    void **records = realloc(memo->records, capacity * sizeof(*records));
    if (records == NULL) {
        sl_budget_give(budget, more_bytes);
        return false;
    }
    memo->records = records;
    memo->capacity = capacity;
    return true;
}

/* The number of each row in `out_numbers`; rows whose entry is new are put down in `out_fresh`. Returns
 * how many. */
static uint32_t
number_rows(struct group_memo *memo, const struct sl_vector *key, const struct group_slice *slice,
            uint32_t *out_numbers, uint32_t *out_fresh)
{
    const uint32_t *rows = slice->rows;
    uint32_t fresh = 0;

    for (uint32_t i = 0; i < slice->count; i++) {
        uint32_t code = key->codes[rows[i]];
        if (i + AHEAD < slice->count)
            __builtin_prefetch(&memo->numbers[key->codes[rows[i + AHEAD]]], 1);
        if (key->present != NULL && !sl_bit_get(key->present, rows[i]))
            code = key->value_count;
        if (memo->numbers[code] == 0) {
            memo->numbers[code] = ++memo->count;
            out_fresh[fresh++] = rows[i];
        }
        out_numbers[i] = memo->numbers[code];
    }
    return fresh;
}

bool
group_memo_map(const struct group *group, struct group_worker *w, struct group_memo *memo,
               struct key_side *side, const struct group_slice *slice)
{
    uint32_t *numbers = w->numbers.row_numbers;
    uint32_t *fresh_rows = w->numbers.missing;
    const uint8_t *key = w->keys;

    if (!reserve(memo, w->table.budget))
        return false;
    uint32_t first = memo->count + 1;
    uint32_t fresh = number_rows(memo, &side->vectors[0], slice, numbers, fresh_rows);
    if (fresh != 0 && !group_pack_keys(group, w, side, fresh_rows, fresh))
        return false;
    for (uint32_t i = 0; i < fresh; i++, key += group->key_bytes) {
        unsigned partition = sl_group_partition_of(sl_group_hash(key, group->key_bytes));
        memo->records[first + i] = sl_group_table_append(&w->table, partition, NULL, key);
        if (memo->records[first + i] == NULL)
            return false;
    }
    for (uint32_t i = 0; i < slice->count; i++) {
        w->records[i] = memo->records[numbers[i]];
        __builtin_prefetch(w->records[i], 1);
    }
    return true;
}
