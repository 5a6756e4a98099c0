/*
 * group_merge.c - the tables of all workers become one, a partition at a time.
 *
 * Partitions are independent, so the workers share them out: the lists of a partition are joined
 * and united. Holistic aggregates are finished in the same pass; without keys there is one group
 * and its values lie in all partitions, so that case is finished at the end by one thread.
 */
#include "query/group.h"

struct merge_context {
    const struct group *group;
    struct sl_arena *arena;
};

/* A sl_group_merge_fn for main records. */
static bool
merge_states(void *context, void *const *into, void *const *from, uint32_t count)
{
    const struct merge_context *merge = context;
    const struct group *group = merge->group;

    for (uint32_t a = 0; a < group->aggregate_count; a++)
        if (!sl_aggregate_merge_many(group->aggregates[a].aggregate, into, from,
                                     group->aggregates[a].offset, count, merge->arena))
            return false;
    return true;
}

static bool
unite_values(const struct group *group, struct group_worker *w, unsigned partition)
{
    for (uint32_t i = 0; i < group->aggregate_count; i++) {
        struct group_aggregate *a = &group->aggregates[i];
        if (a->value_table >= 0 && !sl_group_table_unite(&w->value_tables[a->value_table],
                                                         partition, group_value_merge, a, NULL))
            return false;
    }
    return true;
}

static size_t
worker_bytes(const struct group *group, const struct group_worker *w)
{
    size_t bytes = sl_group_table_count(&w->table) * w->table.record_bytes;

    for (uint32_t i = 0; i < group->value_table_count; i++)
        bytes += sl_group_table_count(&w->value_tables[i]) * w->value_tables[i].record_bytes;
    return bytes;
}

bool
group_make_room(const struct group *group, struct group_worker *w)
{
    struct merge_context context = {.group = group, .arena = w->kept};

    if (worker_bytes(group, w) < w->room_bytes)
        return true;
    if (!group_numbers_forget(group, w))
        return false;
    for (unsigned p = 0; p < SL_GROUP_PARTITIONS; p++)
        if (!sl_group_table_unite(&w->table, p, merge_states, &context, NULL) ||
            !unite_values(group, w, p))
            return false;
    sl_group_table_forget(&w->table);
    for (uint32_t i = 0; i < group->value_table_count; i++)
        sl_group_table_forget(&w->value_tables[i]);
    w->room_bytes = sl_max_size(w->room_bytes, 2 * worker_bytes(group, w));
    return true;
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

static sl_status
merge_partition(void *context, unsigned partition, struct sl_error *err)
{
    struct sl_op *op = context;
    struct group *group = op->state;
    struct group_worker *first = &group->workers[0];
    struct merge_context merge = {.group = group};
    struct sl_group_index index = {0};

    SL_TRY(sl_exec_check(op->exec, err));
    join_workers(op, partition);
    if (first->table.partitions[partition].record_count != 0)
        merge.arena = group_kept(group, partition);
    bool is_done = sl_group_table_unite(&first->table, partition, merge_states, &merge, &index) &&
                   unite_values(group, first, partition);
    if (is_done && group->key_count != 0 && group->value_table_count != 0)
        is_done = group_finish(op, &index, partition, partition + 1);
    sl_group_index_fini(&index, first->table.budget);
    return is_done ? SL_OK : sl_exec_out_of_memory(op->exec, err);
}

/* Where the chunks of groups begin. */
static bool
cut_chunks(const struct sl_op *op)
{
    struct group *group = op->state;
    const struct sl_group_table *table = &group->workers[0].table;
    uint64_t total = sl_group_table_count(table);
    uint64_t seen = 0;

    group->chunks =
        sl_arena_calloc(op->exec->arena, total / GROUP_CHUNK_ROWS + 1, sizeof(*group->chunks));
    if (group->chunks == NULL)
        return false;
    for (unsigned p = 0; p < SL_GROUP_PARTITIONS; p++) {
        const struct sl_group_partition *part = &table->partitions[p];
        for (const struct sl_group_page *page = part->first; page != NULL; page = page->next) {
            uint64_t start = group->chunk_count * GROUP_CHUNK_ROWS; /* of the next chunk */
            uint32_t count = sl_group_page_count(table, part, page);
            for (; start < seen + count; start += GROUP_CHUNK_ROWS)
                group->chunks[group->chunk_count++] = (struct group_place){
                    .page = page, .partition = p, .at = (uint32_t)(start - seen)};
            seen += count;
        }
    }
    return true;
}

sl_status
group_merge(struct sl_op *op, struct sl_error *err)
{
    struct group *group = op->state;
    struct sl_group_table *table = &group->workers[0].table;
    bool is_one = group->key_count == 0 && group->value_table_count == 0;

    SL_TRY(sl_exec_each(op->exec, is_one ? 1 : SL_GROUP_PARTITIONS, merge_partition, op, err));
    if (group->key_count == 0) {
        /* Without keys there is one group even where there are no rows. */
        if (table->partitions[0].record_count == 0 &&
            sl_group_table_append(table, 0, NULL, NULL) == NULL)
            return sl_exec_out_of_memory(op->exec, err);
        if (group->value_table_count != 0 && !group_finish(op, NULL, 0, SL_GROUP_PARTITIONS))
            return sl_exec_out_of_memory(op->exec, err);
    }
    return cut_chunks(op) ? SL_OK : sl_exec_out_of_memory(op->exec, err);
}
