/*
 * group_dense.c - one key with a large dictionary: states in an array, by code.
 *
 * Blocks of a row group share a dictionary, so for as long as a worker meets the same one, a row
 * costs an addition at records[code] and no hash. When another dictionary comes, and at the end,
 * what the array holds becomes records, each entry once, at the ends of the table's lists.
 *
 * What must stay true: a dictionary is recognised by its number alone (batch.h), and its entries
 * are copied, because memory of a row group that was read may be gone.
 */
#include "query/group.h"

enum { AHEAD = 24 }; /* rows whose records are on their way from memory */

static size_t
records_bytes(const struct group *group, uint32_t entry_capacity)
{
    return ((size_t)entry_capacity + 1) * group_dense_record_bytes(group);
}

void
group_dense_fini(const struct group *group, struct group_dense *dense, struct sl_budget *budget)
{
    if (dense->records != NULL)
        sl_budget_give(budget,
                       records_bytes(group, dense->entry_capacity) + dense->entry_bytes_capacity);
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
                 const struct sl_vector *key, uint32_t row_count, struct group_dense **out_dense)
{
    struct group_dense *dense = &w->denses[side];

    *out_dense = NULL;
    if (key->encoding != SL_DICT || key->dictionary == 0 || sl_type_is_bytes(key->type) ||
        group->value_table_count != 0)
        return true;
    for (unsigned s = 0; s <= side; s++)
        if (w->denses[s].dictionary == key->dictionary) {
            *out_dense = &w->denses[s];
            return true;
        }
    /* An array for a few rows costs more than asking the table for them. */
    if (row_count < key->value_count / 32 || key->value_count > GROUP_DICTIONARY_MAX)
        return true;
    if (!group_dense_flush(group, w, dense))
        return false;
    if (!reserve(group, dense, w->table.budget, key->value_count, key->width))
        return true;
    memcpy(dense->entries, key->values, (size_t)key->value_count * key->width);
    dense->dictionary = key->dictionary;
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
    size_t record_bytes = group_dense_record_bytes(group);

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

/* The states of w->records[0 .. count), whose keys are w->keys, leave the array. */
static bool
move_states(const struct group *group, struct group_worker *w, uint32_t count)
{
    const uint8_t *key = w->keys;

    for (uint32_t i = 0; i < count; i++, key += group->key_bytes) {
        unsigned partition = sl_group_partition_of(sl_group_hash(key, group->key_bytes));
        uint8_t *dense = w->records[i];
        if (sl_group_table_append(&w->table, partition, dense, key) == NULL)
            return false;
        for (size_t at = 0; at < group_dense_record_bytes(group); at += 8)
            memset(dense + at, 0, 8);
    }
    return true;
}

static bool
is_seen(const struct group *group, const uint8_t *record)
{
    uint64_t seen;
    memcpy(&seen, record + group->state_bytes, sizeof(seen));
    return seen != 0;
}

bool
group_dense_flush(const struct group *group, struct group_worker *w, struct group_dense *dense)
{
    size_t record_bytes = group_dense_record_bytes(group);
    uint32_t *entries = w->index;
    uint32_t count = 0;

    if (dense->dictionary == 0)
        return true;
    dense->dictionary = 0;
    struct key_side side = {.vectors = &dense->vector};
    for (uint32_t entry = 0; entry < dense->vector.count; entry++) {
        uint8_t *record = dense->records + entry * record_bytes;
        if (!is_seen(group, record))
            continue;
        w->records[count] = record;
        entries[count++] = entry;
        if (count < GROUP_SLICE_ROWS)
            continue;
        if (!group_pack_keys(group, w, &side, entries, count) || !move_states(group, w, count))
            return false;
        count = 0;
    }
    if (count != 0 &&
        (!group_pack_keys(group, w, &side, entries, count) || !move_states(group, w, count)))
        return false;
    uint8_t *record = dense->records + dense->vector.count * record_bytes;
    if (!is_seen(group, record))
        return true;
    struct sl_vector null = sl_vector_nulls(dense->vector.type, 1);
    side.vectors = &null;
    w->records[0] = record;
    entries[0] = 0;
    return group_pack_keys(group, w, &side, entries, 1) && move_states(group, w, 1);
}
