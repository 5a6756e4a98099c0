/*
 * group_merge.c - the tables of all workers become one, a partition at a time.
 *
 * Partitions are independent: the lists of one are joined and united when its groups are asked for,
 * and gone before the next ones are. Holistic aggregates are finished in the same pass; without keys
 * there is one group and its values lie in all partitions, so that case is finished by one thread.
 */
#include "query/group.h"

struct merge_context {
    const struct group *group;
    struct sl_arena *arena;
    struct group_places *places;
};

/* ---- numbers of records ---- */

static size_t
places_bytes(uint64_t given_count)
{
    return given_count * (2 * sizeof(uint32_t) + sizeof(void *));
}

static void
places_fini(struct group_places *places, struct sl_budget *budget)
{
    if (places->records == NULL)
        return;
    free(places->records);
    sl_budget_give(budget, places_bytes(places->given_count));
}

/* Before records are united: each number is its own. False: the budget is used up. */
static bool
places_open(struct group_places *places, const struct sl_group_table *table, unsigned partition)
{
    uint64_t given = sl_group_number_end(table, partition);

    *places = (struct group_places){.given_count = given};
    if (!sl_budget_take(table->budget, places_bytes(given)))
        return false;
    places->records = sl_try_alloc(places_bytes(given) + 1);
    if (places->records == NULL) {
        sl_budget_give(table->budget, places_bytes(given));
        return false;
    }
    places->numbers = (uint32_t *)(void *)(places->records + given);
    places->fresh = places->numbers + given;
    for (uint32_t number = 0; number < given; number++)
        places->numbers[number] = number;
    memset(places->fresh, 0, given * sizeof(*places->fresh));
    return true;
}

static uint32_t *
place_at(const struct group *group, void *record)
{
    return (uint32_t *)(void *)((uint8_t *)record + group->place_offset);
}

/* Records have been united: they are numbered anew, in their order. For the last time: from 0, and
 * their states are zero where their places were. */
static void
places_settle(struct group_places *places, const struct group *group, struct sl_group_table *table,
              unsigned partition, bool is_last)
{
    struct sl_group_partition *p = &table->partitions[partition];

    p->number = 0;
    for (struct sl_group_page *page = p->first; page != NULL; page = page->next) {
        uint32_t count = sl_group_page_count(table, p, page);
        for (uint32_t i = 0; i < count; i++, p->number++) {
            uint8_t *record = page->records + i * table->record_bytes;
            uint32_t *place = place_at(group, record);
            uint32_t number =
                (uint32_t)(is_last ? p->number : sl_group_number_end(table, partition));
            places->fresh[sl_group_place_number(*place)] = number;
            places->records[number] = record;
            *place = is_last ? 0 : sl_group_place(partition, number);
        }
    }
    for (uint64_t i = 0; i < places->given_count; i++)
        places->numbers[i] = places->fresh[places->numbers[i]];
}

static void
renumber_values(const struct group_places *places, struct sl_group_table *values,
                unsigned partition)
{
    struct sl_group_partition *p = &values->partitions[partition];

    for (struct sl_group_page *page = p->first; page != NULL; page = page->next) {
        uint32_t count = sl_group_page_count(values, p, page);
        uint8_t *key = page->records + values->state_bytes;
        for (uint32_t i = 0; i < count; i++, key += values->record_bytes) {
            uint32_t number = sl_group_place_number(group_value_place(key));
            uint32_t place = sl_group_place(partition, places->numbers[number]);
            memcpy(key, &place, sizeof(place));
        }
    }
}

/* ---- uniting ---- */

/* A sl_group_merge_fn for main records. */
static bool
merge_states(void *context, void *const *into, void *const *from, uint32_t count)
{
    const struct merge_context *merge = context;
    const struct group *group = merge->group;

    for (uint32_t a = 0; a < group->aggregate_count; a++)
        if (group->aggregates[a].value_table < 0 &&
            !sl_aggregate_merge_many(group->aggregates[a].aggregate, into, from,
                                     group->aggregates[a].offset, count, merge->arena))
            return false;
    if (merge->places == NULL)
        return true;
    for (uint32_t i = 0; i < count; i++)
        merge->places->numbers[sl_group_place_number(*place_at(group, from[i]))] =
            sl_group_place_number(*place_at(group, into[i]));
    return true;
}

static bool
unite_values(const struct group *group, struct group_worker *w, const struct group_places *places,
             unsigned partition, bool is_last)
{
    for (uint32_t i = 0; i < group->aggregate_count; i++) {
        struct group_aggregate *a = &group->aggregates[i];
        if (a->value_table < 0)
            continue;
        struct sl_group_table *values = &w->value_tables[a->value_table];
        if (is_last && group_value_is_dealt(group, a)) {
            uint32_t count = (uint32_t)w->table.partitions[partition].record_count;
            if (!group_count_distinct(a, places, count, values, partition))
                return false;
            continue;
        }
        if (places != NULL)
            renumber_values(places, values, partition);
        if (!sl_group_table_unite(values, partition, group_value_merge, a, NULL))
            return false;
    }
    return true;
}

/* Records of a worker's partition, and values. `places` is NULL where records have no numbers; else
 * the caller gives them back. */
static bool
unite(const struct group *group, struct group_worker *w, unsigned partition, struct sl_arena *arena,
      struct group_places *places, bool is_last)
{
    struct merge_context context = {.group = group, .arena = arena, .places = places};

    if (places != NULL && !places_open(places, &w->table, partition))
        return false;
    if (!sl_group_table_unite(&w->table, partition, merge_states, &context, NULL))
        return false;
    if (places != NULL)
        places_settle(places, group, &w->table, partition, is_last);
    return unite_values(group, w, places, partition, is_last);
}

static bool
has_places(const struct group *group)
{
    return group->key_count != 0 && group->value_table_count != 0;
}

static size_t
worker_bytes(const struct group *group, const struct group_worker *w)
{
    size_t bytes = sl_group_table_count(&w->table) * w->table.record_bytes + w->runs.bytes;

    for (uint32_t i = 0; i < group->value_table_count; i++)
        bytes += sl_group_table_count(&w->value_tables[i]) * w->value_tables[i].record_bytes;
    return bytes;
}

/* What is kept in memory goes from here on. */
static void
forget_recent(const struct group *group, struct group_worker *w)
{
    sl_group_table_forget(&w->table);
    for (unsigned s = 0; s < GROUP_SIDES_MAX; s++)
        group_memo_forget(&w->memos[s]);
    for (uint32_t i = 0; i < group->value_table_count; i++)
        sl_group_table_forget(&w->value_tables[i]);
    for (uint32_t i = 0; i < group->aggregate_count; i++)
        group_value_forget(w, i);
}

/* Partition by partition, as long as the first ones show that it pays: a quarter of them is gone. */
static bool
unite_worker(const struct group *group, struct group_worker *w)
{
    enum { TRIED = 4 };
    size_t before = worker_bytes(group, w);

    for (unsigned p = 0; p < SL_GROUP_PARTITIONS; p++) {
        struct group_places places = {0};
        size_t gained = before - worker_bytes(group, w);
        if (p == TRIED && gained < before / SL_GROUP_PARTITIONS * TRIED / 4)
            break;
        bool is_done = unite(group, w, p, w->kept, has_places(group) ? &places : NULL, false);
        places_fini(&places, w->table.budget);
        if (!is_done)
            return false;
    }
    forget_recent(group, w);
    return true;
}

/* Everything goes to disk. */
static sl_status
spill_worker(const struct group *group, struct group_worker *w, struct sl_error *err)
{
    SL_TRY(sl_group_table_spill(&w->table, &w->spill, err));
    for (uint32_t i = 0; i < group->value_table_count; i++)
        SL_TRY(sl_group_table_spill(&w->value_tables[i], &w->spill, err));
    forget_recent(group, w);
    return SL_OK;
}

/* Numbers of records on disk stay as they are, and are given once: from the first time that records
 * went there, those in memory are not united any more. */
sl_status
group_make_room(struct sl_op *op, struct group_worker *w, struct sl_error *err)
{
    const struct group *group = op->state;
    bool can_spill = sl_spill_is_possible(&w->spill);

    if (worker_bytes(group, w) < w->room_bytes)
        return SL_OK;
    if (!group_runs_flush(group, w))
        return sl_exec_out_of_memory(op->exec, err);
    if (!group_numbers_forget(group, w))
        return sl_exec_out_of_memory(op->exec, err);
    if (w->spill.size_bytes != 0)
        return spill_worker(group, w, err);
    if (!unite_worker(group, w))
        return sl_exec_out_of_memory(op->exec, err);
    size_t bytes = worker_bytes(group, w);
    if (can_spill && w->room_bytes >= group->room_bytes_max && bytes > group->room_bytes_max / 2)
        return spill_worker(group, w, err);
    w->room_bytes = sl_max_size(w->room_bytes, 2 * bytes);
    if (can_spill)
        w->room_bytes = sl_min_size(w->room_bytes, group->room_bytes_max);
    return SL_OK;
}

/* What a worker has put aside of a partition comes back. */
static sl_status
load_partition(struct sl_op *op, struct group_worker *w, unsigned partition, struct sl_error *err)
{
    const struct group *group = op->state;

    if (w->spill.size_bytes == 0)
        return SL_OK;
    SL_TRY(sl_group_table_load(&w->table, partition, &w->spill, op->exec, err));
    for (uint32_t i = 0; i < group->value_table_count; i++)
        SL_TRY(sl_group_table_load(&w->value_tables[i], partition, &w->spill, op->exec, err));
    return SL_OK;
}

/* All records of the partition to worker 0. */
static void
join_workers(const struct sl_op *op, unsigned partition)
{
    const struct group *group = op->state;
    struct group_worker *first = &group->workers[0];

    for (unsigned i = 1; i < op->exec->threads; i++) {
        struct group_worker *w = &group->workers[i];
        sl_group_table_join(&first->table, &w->table, partition);
        for (uint32_t v = 0; v < group->value_table_count; v++)
            sl_group_table_join(&first->value_tables[v], &w->value_tables[v], partition);
    }
}

sl_status
group_merge_partition(struct sl_op *op, unsigned partition, uint64_t *greatest,
                      struct sl_error *err)
{
    struct group *group = op->state;
    struct group_worker *first = &group->workers[0];
    struct group_places places = {0};
    struct sl_arena *arena = NULL;

    SL_TRY(sl_exec_check(op->exec, err));
    for (unsigned i = 0; i < op->exec->threads; i++)
        SL_TRY(load_partition(op, &group->workers[i], partition, err));
    join_workers(op, partition);
    if (!group_floor_sift(group, &first->table, partition))
        return sl_exec_out_of_memory(op->exec, err);
    if (first->table.partitions[partition].record_count != 0)
        arena = group_kept(group, partition);
    bool is_done = unite(group, first, partition, arena, has_places(group) ? &places : NULL, true);
    if (is_done && has_places(group))
        is_done = group_finish(op, places.records, partition, partition + 1);
    places_fini(&places, first->table.budget);
    if (is_done)
        group_floor_learn(group, &first->table, partition, greatest);
    return is_done ? SL_OK : sl_exec_out_of_memory(op->exec, err);
}

static sl_status
merge_values(void *context, unsigned partition, struct sl_error *err)
{
    return group_merge_partition(context, partition, NULL, err);
}

sl_status
group_merge_keyless(struct sl_op *op, struct sl_error *err)
{
    struct group *group = op->state;
    struct sl_group_table *table = &group->workers[0].table;
    unsigned partitions = group->value_table_count == 0 ? 1 : SL_GROUP_PARTITIONS;

    SL_TRY(sl_exec_each(op->exec, partitions, merge_values, op, err));
    /* There is one group even where there are no rows. */
    if (table->partitions[0].record_count == 0 &&
        sl_group_table_append(table, 0, NULL, NULL) == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    void *records[] = {table->partitions[0].first->records};
    if (group->value_table_count != 0 && !group_finish(op, records, 0, SL_GROUP_PARTITIONS))
        return sl_exec_out_of_memory(op->exec, err);
    return SL_OK;
}
