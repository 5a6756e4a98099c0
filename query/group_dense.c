/*
 * group_dense.c - one key with a large dictionary: states in an array, by code.
 *
 * Blocks of a row group share a dictionary, so for as long as a worker meets the same one, a row
 * costs an addition at records[code] and no hash. When another dictionary comes, and at the end,
 * what the array holds becomes records, each entry once, at the ends of the table's lists; or it is kept
 * for group_prune.c to choose from.
 *
 * What must stay true: a dictionary is recognised by its number alone (batch.h), and its entries
 * are copied, because memory of a row group that was read may be gone.
 */
#include "query/group.h"

enum { AHEAD = 24 }; /* rows whose records are on their way from memory */

static size_t
states_bytes(const struct group *group)
{
    return group->state_bytes + sizeof(uint64_t);
}

static size_t
record_bytes_of(const struct group *group, const struct group_dense *dense)
{
    return dense->is_summed ? group->sum_stride * sizeof(uint64_t) : states_bytes(group);
}

/* Room for records of either kind. */
static size_t
records_bytes(const struct group *group, uint32_t entry_capacity)
{
    size_t sums_bytes = group->sum_stride * sizeof(uint64_t);
    return ((size_t)entry_capacity + 1) * sl_max_size(states_bytes(group), sums_bytes);
}

size_t
group_dense_bytes(const struct group *group, const struct group_dense *dense)
{
    return records_bytes(group, dense->entry_capacity) + dense->entry_bytes_capacity;
}

void
group_dense_fini(const struct group *group, struct group_dense *dense, struct sl_budget *budget)
{
    if (dense->records != NULL)
        sl_budget_give(budget, group_dense_bytes(group, dense));
    free(dense->entries);
    free(dense->records);
    *dense = (struct group_dense){0};
}

/* Room for `entry_count` entries of `width` bytes; all records are zero. */
static bool
reserve(const struct group *group, struct group_dense *dense, struct sl_budget *budget,
        uint32_t entry_count, size_t width)
{
    size_t entry_bytes = entry_count * width;
    size_t bytes = records_bytes(group, entry_count) + entry_bytes;

    if (entry_count <= dense->entry_capacity && entry_bytes <= dense->entry_bytes_capacity)
        return true;
    group_dense_fini(group, dense, budget);
    if (!sl_budget_take(budget, bytes))
        return false;
    dense->entries = sl_try_alloc(entry_bytes);
    dense->records = sl_try_alloc(records_bytes(group, entry_count));
    if (dense->entries == NULL || dense->records == NULL) {
        free(dense->entries);
        free(dense->records);
        *dense = (struct group_dense){0};
        sl_budget_give(budget, bytes);
        return false;
    }
    dense->entry_capacity = entry_count;
    dense->entry_bytes_capacity = entry_bytes;
    return true;
}

bool
group_dense_open(const struct group *group, struct group_worker *w, unsigned side,
                 const struct sl_vector *key, bool is_summed, uint32_t row_count,
                 struct group_dense **out_dense)
{
    struct group_dense *dense = &w->denses[side];

    *out_dense = NULL;
    if (key->encoding != SL_DICT || key->dictionary == 0 || sl_type_is_bytes(key->type) ||
        group->value_table_count != 0)
        return true;
    for (unsigned s = 0; s <= side; s++)
        if (w->denses[s].dictionary == key->dictionary && w->denses[s].is_summed == is_summed) {
            *out_dense = &w->denses[s];
            return true;
        }
    /* An array for a few rows costs more than asking the table for them. */
    if (row_count < key->value_count / GROUP_ENTRIES_PER_ROW ||
        key->value_count > GROUP_DICTIONARY_MAX)
        return true;
    if (!group_dense_leave(group, w, dense))
        return false;
    if (!reserve(group, dense, w->table.budget, key->value_count, key->width))
        return true;
    memcpy(dense->entries, key->values, (size_t)key->value_count * key->width);
    dense->dictionary = key->dictionary;
    dense->is_summed = is_summed;
    dense->vector = (struct sl_vector){.type = key->type,
                                       .encoding = SL_PLAIN,
                                       .width = key->width,
                                       .scale = key->scale,
                                       .count = key->value_count,
                                       .value_count = key->value_count,
                                       .values = dense->entries};
    *out_dense = dense;
    return true;
}

void
group_dense_map(const struct group *group, const struct group_dense *dense,
                const struct sl_vector *key, const uint32_t *rows, uint32_t count,
                void **out_records)
{
    static const uint64_t seen = 1;
    size_t record_bytes = states_bytes(group);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t code = key->codes[rows[i]];
        if (i + AHEAD < count)
            __builtin_prefetch(dense->records + key->codes[rows[i + AHEAD]] * record_bytes, 1);
        if (key->present != NULL && !sl_bit_get(key->present, rows[i]))
            code = dense->vector.count; /* NULL */
        uint8_t *record = dense->records + code * record_bytes;
        memcpy(record + group->state_bytes, &seen, sizeof(seen));
        out_records[i] = record;
    }
}

/* Codes of a slice's rows; of NULL, the number of entries. */
static const uint32_t *
codes_of(const struct sl_vector *key, const struct group_slice *slice, uint32_t *room)
{
    if (slice->is_adjacent && key->present == NULL)
        return key->codes + slice->rows[0];
    for (uint32_t i = 0; i < slice->count; i++) {
        uint32_t row = slice->rows[i];
        bool is_null = key->present != NULL && !sl_bit_get(key->present, row);
        room[i] = is_null ? key->value_count : key->codes[row];
    }
    return room;
}

enum group_outcome
group_dense_add(const struct group *group, struct group_worker *w, struct group_dense *dense,
                const struct sl_vector *key, const struct sl_vector *arguments,
                const struct group_slice *slice)
{
    uint64_t most;

    if (!group_sums_read(group, w, arguments, slice, &most))
        return GROUP_UNFIT;
    if ((dense->sum_bound + most) >> 63 != 0) {
        uint64_t dictionary = dense->dictionary;
        if (!group_dense_flush(group, w, dense))
            return GROUP_NO_MEMORY;
        dense->dictionary = dictionary;
    }
    dense->sum_bound += most;
    dense->row_count += slice->count;
    group_sums_put(w, codes_of(key, slice, w->numbers.row_numbers), slice->count,
                   (uint64_t *)(void *)dense->records);
    return GROUP_DONE;
}

/* The states of w->records[0 .. count), whose keys are w->keys, leave the array. */
static bool
move_states(const struct group *group, struct group_worker *w, const struct group_dense *dense,
            uint32_t count)
{
    const uint8_t *key = w->keys;
    size_t bytes = record_bytes_of(group, dense);

    for (uint32_t i = 0; i < count; i++, key += group->key_bytes) {
        unsigned partition = sl_group_partition_of(sl_group_hash(key, group->key_bytes));
        const void *state = dense->is_summed ? NULL : w->records[i];
        w->sums[i] = w->records[i];
        w->found[i] = sl_group_table_append(&w->table, partition, state, key);
        if (w->found[i] == NULL)
            return false;
    }
    if (dense->is_summed && !group_sums_move(group, w->sums, w->found, count, w->kept))
        return false;
    for (uint32_t i = 0; i < count; i++)
        for (size_t at = 0; at < bytes; at += 8)
            memset((uint8_t *)w->records[i] + at, 0, 8);
    return true;
}

static bool
is_seen(const struct group *group, const struct group_dense *dense, const uint8_t *record)
{
    uint64_t seen;
    memcpy(&seen, dense->is_summed ? record : record + group->state_bytes, sizeof(seen));
    return seen != 0;
}

/* May the group of an entry be asked for? */
static bool
is_candidate(const struct group *group, const struct group_dense *dense, uint32_t entry)
{
    uint64_t bit = group_candidate_bit(sl_vector_entry_addr(&dense->vector, entry));
    return atomic_load_explicit(&group->candidates[bit / 64], memory_order_relaxed) >> bit % 64 & 1;
}

bool
group_dense_flush(const struct group *group, struct group_worker *w, struct group_dense *dense)
{
    size_t record_bytes = record_bytes_of(group, dense);
    uint32_t *entries = w->index;
    uint32_t count = 0;

    if (dense->dictionary == 0)
        return true;
    dense->dictionary = 0;
    dense->sum_bound = 0;
    dense->row_count = 0;
    struct key_side side = {.vectors = &dense->vector};
    for (uint32_t entry = 0; entry < dense->vector.count; entry++) {
        uint8_t *record = dense->records + entry * record_bytes;
        if (!is_seen(group, dense, record) ||
            (group->candidates != NULL && !is_candidate(group, dense, entry)))
            continue;
        w->records[count] = record;
        entries[count++] = entry;
        if (count < GROUP_SLICE_ROWS)
            continue;
        if (!group_pack_keys(group, w, &side, entries, count) ||
            !move_states(group, w, dense, count))
            return false;
        count = 0;
    }
    if (count != 0 &&
        (!group_pack_keys(group, w, &side, entries, count) || !move_states(group, w, dense, count)))
        return false;
    uint8_t *record = dense->records + dense->vector.count * record_bytes;
    if (!is_seen(group, dense, record))
        return true;
    struct sl_vector null = sl_vector_nulls(dense->vector.type, 1);
    side.vectors = &null;
    w->records[0] = record;
    entries[0] = 0;
    return group_pack_keys(group, w, &side, entries, 1) && move_states(group, w, dense, 1);
}

bool
group_dense_leave(const struct group *group, struct group_worker *w, struct group_dense *dense)
{
    return group_run_keep(group, w, dense) || group_dense_flush(group, w, dense);
}
