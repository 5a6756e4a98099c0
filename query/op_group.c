/*
 * op_group.c - GROUP BY and DISTINCT: layout of the records, the operator, chunks of groups.
 *
 * See group.h for the parts and group_build.c for what makes it fast.
 */
#include "query/group.h"

static uint32_t
key_bytes_of(enum sl_type type)
{
    if (sl_type_is_bytes(type))
        return sizeof(uint32_t);
    if (type == SL_TYPE_ADDR)
        return sizeof(uint32_t);
    if (type == SL_TYPE_NULL)
        return 1;
    return (uint32_t)sl_type_bytes(type);
}

/* Widest keys first, so that each is aligned; the NULL bits come last. */
static void
lay_out_keys(struct group *group)
{
    static const uint32_t widths[] = {16, 8, 4, 2, 1};
    uint32_t at = 0;

    for (size_t w = 0; w < SL_COUNTOF(widths); w++)
        for (uint32_t i = 0; i < group->key_count; i++) {
            struct group_key *key = &group->keys[i];
            if (key->bytes != widths[w])
                continue;
            key->offset = at;
            at += key->bytes;
        }
    uint32_t bits = 8 * at;
    for (uint32_t i = 0; i < group->key_count; i++)
        if (group->keys[i].key->type.type != SL_TYPE_ADDR)
            group->keys[i].null_bit = bits++;
    group->key_used_bytes = ((size_t)bits + 7) / 8;
    group->key_bytes = (group->key_used_bytes + 7) / 8 * 8;
}

/* Which sum by number an aggregate has: counts share one, sums of unsigned integers have their own. */
static unsigned
choose_sum(struct group *group, const struct sl_aggregate *aggregate)
{
    bool is_sum = aggregate->kind == SL_AGG_SUM || aggregate->kind == SL_AGG_AVG;

    if (aggregate->kind == SL_AGG_COUNT_STAR || aggregate->kind == SL_AGG_COUNT)
        return GROUP_SUM_COUNT;
    if (!is_sum || sl_form_of(aggregate->argument->type.type) != SL_FORM_U64 ||
        group->sum_stride == GROUP_SUMS_MAX)
        return GROUP_SUM_NONE;
    return group->sum_stride++;
}

static sl_status
compile_terms(struct group *group, const struct sl_exec *exec, uint32_t input_count,
              struct sl_error *err)
{
    for (uint32_t i = 0; i < group->key_count; i++) {
        struct group_key *key = &group->keys[i];
        SL_TRY(sl_term_compile(key->key->expr, input_count, exec->arena, &key->term, err));
        key->bytes = key_bytes_of(key->key->type.type);
        if (key->key->kind == SL_KEY_EXPR)
            continue;
        SL_TRY(sl_term_compile(key->key->other, input_count, exec->arena, &key->other, err));
        group->has_sides = true;
    }
    lay_out_keys(group);
    group->sum_stride = 1;
    group->is_all_sums = true;
    for (uint32_t i = 0; i < group->aggregate_count; i++) {
        struct group_aggregate *a = &group->aggregates[i];
        a->sum = choose_sum(group, a->aggregate);
        group->is_all_sums &= a->sum != GROUP_SUM_NONE;
        a->offset = group->state_bytes;
        group->state_bytes += sl_aggregate_state_bytes(a->aggregate);
        a->value_table = -1;
        if (a->aggregate->kind == SL_AGG_COUNT_STAR)
            continue;
        SL_TRY(sl_term_compile(a->aggregate->argument, input_count, exec->arena, &a->term, err));
        if (!sl_aggregate_is_holistic(a->aggregate->kind))
            continue;
        if (group->value_table_count == 0)
            group->place_offset = a->offset;
        a->value_table = (int32_t)group->value_table_count++;
        a->value_bytes = group_value_bytes(a->aggregate);
    }
    return SL_OK;
}

static bool
open_worker(const struct group *group, const struct sl_exec *exec, struct sl_budget *budget,
            unsigned worker)
{
    struct group_worker *w = &group->workers[worker];
    size_t value_key_bytes = group->value_table_count == 0 ? 0 : GROUP_VALUE_KEY_BYTES_MAX;

    sl_group_table_init(&w->table, budget, group->state_bytes, group->key_bytes);
    if (group->value_table_count != 0 && group->key_count != 0)
        sl_group_table_number(&w->table, group->place_offset, worker, exec->threads);
    w->room_bytes = group->room_bytes;
    sl_spill_init(&w->spill, exec->env);
    w->kept = sl_arena_create_shared(budget);
    w->value_tables =
        sl_arena_calloc(exec->arena, group->value_table_count, sizeof(*w->value_tables));
    w->codes =
        sl_arena_calloc(exec->arena, (size_t)group->key_count * GROUP_SIDES_MAX, sizeof(*w->codes));
    w->seen = sl_arena_calloc(exec->arena, group->aggregate_count, sizeof(*w->seen));
    w->value_codes = sl_arena_calloc(exec->arena, group->aggregate_count, sizeof(*w->value_codes));
    w->recent = sl_arena_calloc(exec->arena, group->aggregate_count, sizeof(void *));
    w->argument_codes = sl_arena_calloc(exec->arena, group->aggregate_count, sizeof(void *));
    w->key_caches = sl_arena_calloc(exec->arena, group->key_count, sizeof(*w->key_caches));
    w->value_caches = sl_arena_calloc(exec->arena, group->aggregate_count, sizeof(void *));
    w->keys = sl_arena_calloc(w->kept, GROUP_SLICE_ROWS, group->key_bytes);
    w->value_keys = sl_arena_calloc(w->kept, GROUP_SLICE_ROWS, value_key_bytes);
    w->records = sl_arena_alloc(w->kept, GROUP_SLICE_ROWS * sizeof(*w->records));
    w->found = sl_arena_alloc(w->kept, GROUP_SLICE_ROWS * sizeof(*w->found));
    w->values = sl_arena_alloc(w->kept, GROUP_SLICE_ROWS * sizeof(*w->values));
    w->fresh = sl_arena_alloc(w->kept, GROUP_SLICE_ROWS * sizeof(*w->fresh));
    w->index = sl_arena_alloc(w->kept, GROUP_SLICE_ROWS * sizeof(*w->index));
    w->sums = sl_arena_alloc(w->kept, GROUP_SLICE_ROWS * sizeof(*w->sums));
    w->missing = sl_arena_alloc(w->kept, sizeof(*w->missing));
    w->narrow = sl_arena_alloc(w->kept, GROUP_SLICE_ROWS * sizeof(*w->narrow));
    if (w->value_codes == NULL || w->argument_codes == NULL || w->recent == NULL ||
        w->missing == NULL || w->sums == NULL || w->narrow == NULL)
        return false;
    if (w->codes == NULL || w->seen == NULL || w->fresh == NULL || w->value_tables == NULL ||
        w->key_caches == NULL || w->value_caches == NULL || w->keys == NULL ||
        w->value_keys == NULL || w->records == NULL || w->found == NULL || w->values == NULL ||
        w->index == NULL || !group_numbers_init(group, budget, w->kept, &w->numbers))
        return false;
    for (uint32_t i = 0; i < group->aggregate_count; i++) {
        const struct group_aggregate *a = &group->aggregates[i];
        if (a->value_table >= 0)
            group_value_table_init(a, budget, &w->value_tables[a->value_table]);
        if (a->value_table < 0 || !group_value_is_narrow(a))
            continue;
        w->recent[i] = sl_arena_calloc(w->kept, sizeof(uint64_t), 1 << GROUP_RECENT_BITS);
        if (w->recent[i] == NULL)
            return false;
        group_value_forget(w, i);
    }
    if (group->has_floor && group->asked.kind == SL_FLOOR_TOP) {
        w->turn.greatest = sl_arena_calloc(w->kept, group->asked.keep, sizeof(uint64_t));
        if (w->turn.greatest == NULL)
            return false;
    }
    for (uint32_t i = 0; i < group->key_count; i++)
        if (group->keys[i].pool != NULL)
            w->key_caches[i] = sl_text_cache_create(group->keys[i].pool);
    for (uint32_t i = 0; i < group->aggregate_count; i++)
        if (group->aggregates[i].pool != NULL)
            w->value_caches[i] = sl_text_cache_create(group->aggregates[i].pool);
    return true;
}

static bool
is_binary_text(const struct sl_sql_type *type)
{
    return type->is_binary || type->type == SL_TYPE_OCTETS;
}

static sl_status
build(void *context, unsigned worker, struct sl_error *err)
{
    struct sl_op *op = context;
    struct sl_chunk chunk;

    for (;;) {
        SL_TRY(sl_op_next(op->children[0], worker, &chunk, err));
        if (chunk.count == 0)
            return group_build_end(op, worker, err);
        SL_TRY(group_build_chunk(op, worker, &chunk, err));
    }
}

static sl_status
group_start(struct sl_op *op, struct sl_error *err)
{
    struct group *group = op->state;
    struct sl_budget *budget = &op->exec->budget;

    SL_TRY(sl_op_arenas_open(&group->arenas, op->exec, err));
    for (uint32_t i = 0; i < group->key_count; i++) {
        const struct sl_sql_type *type = &group->keys[i].key->type;
        if (sl_type_is_bytes(type->type))
            group->keys[i].pool = sl_text_pool_create(budget, is_binary_text(type));
        if (type->type == SL_TYPE_ADDR)
            group->keys[i].addrs = sl_addr_pool_create(budget);
    }
    for (uint32_t i = 0; i < group->aggregate_count; i++) {
        struct group_aggregate *a = &group->aggregates[i];
        if (a->value_table < 0)
            continue;
        const struct sl_sql_type *type = &a->aggregate->argument->type;
        /* Concatenated texts keep their spelling, distinct ones are equal without it. */
        bool is_exact = is_binary_text(type) ||
                        (a->aggregate->kind == SL_AGG_GROUP_CONCAT && !a->aggregate->is_distinct);
        if (sl_type_is_bytes(type->type))
            a->pool = sl_text_pool_create(budget, is_exact);
        if (type->type == SL_TYPE_ADDR)
            a->addrs = sl_addr_pool_create(budget);
    }
    group->has_floor = group_floor_is_possible(group);
    group->is_pruned = group_prune_is_possible(group);
    if (group->has_floor && group->asked.kind == SL_FLOOR_LEAST)
        group_floor_raise(group, group->asked.least);
    for (unsigned i = 0; i < op->exec->threads; i++)
        if (!open_worker(group, op->exec, budget, i))
            return sl_exec_out_of_memory(op->exec, err);
    SL_TRY(sl_exec_each(op->exec, op->children[0]->width, build, op, err));
    SL_TRY(group_prune(op, err));
    return group->key_count == 0 ? group_merge_keyless(op, err) : SL_OK;
}

static void
close_worker(const struct group *group, struct group_worker *w, struct sl_budget *budget)
{
    for (unsigned s = 0; s < GROUP_SIDES_MAX; s++) {
        group_dense_fini(group, &w->denses[s], budget);
        group_memo_fini(&w->memos[s], budget);
    }
    group_runs_fini(group, &w->runs, budget);
    for (uint32_t i = 0; i < group->key_count * GROUP_SIDES_MAX && w->codes != NULL; i++)
        group_codes_fini(&w->codes[i], budget);
    for (uint32_t i = 0; i < group->aggregate_count && w->seen != NULL; i++)
        group_seen_fini(&w->seen[i], budget);
    for (uint32_t i = 0; i < group->aggregate_count && w->value_codes != NULL; i++)
        group_codes_fini(&w->value_codes[i], budget);
    group_numbers_fini(group, &w->numbers);
    sl_spill_fini(&w->spill);
    sl_group_table_fini(&w->table);
    for (uint32_t i = 0; i < group->value_table_count && w->value_tables != NULL; i++)
        sl_group_table_fini(&w->value_tables[i]);
    for (uint32_t i = 0; i < group->key_count && w->key_caches != NULL; i++)
        sl_text_cache_destroy(w->key_caches[i]);
    for (uint32_t i = 0; i < group->aggregate_count && w->value_caches != NULL; i++)
        sl_text_cache_destroy(w->value_caches[i]);
    if (w->kept != NULL)
        sl_arena_destroy(w->kept);
}

static void
group_close(struct sl_op *op)
{
    struct group *group = op->state;

    for (unsigned i = 0; i < op->exec->threads; i++)
        close_worker(group, &group->workers[i], &op->exec->budget);
    for (uint32_t i = 0; i < group->key_count; i++) {
        sl_text_pool_destroy(group->keys[i].pool);
        sl_addr_pool_destroy(group->keys[i].addrs);
    }
    for (uint32_t i = 0; i < group->aggregate_count; i++) {
        sl_text_pool_destroy(group->aggregates[i].pool);
        sl_addr_pool_destroy(group->aggregates[i].addrs);
    }
    for (unsigned p = 0; p < SL_GROUP_PARTITIONS; p++)
        sl_arena_destroy(group->kept[p]);
    sl_op_arenas_close(&group->arenas, op->exec);
}

/* ---- chunks of groups ---- */

/* Those of a chunk, and who gives their keys and aggregates. */
struct group_chunk {
    const struct group *group;
    void **records;
    uint32_t count;
    struct sl_lazy_groups lazy;
};

static bool
give_aggregate(const struct group_aggregate *a, void *const *records, uint32_t count,
               const uint64_t *selection, struct sl_arena *arena, struct sl_vector *out)
{
    const struct sl_sql_type *type = &a->aggregate->type;
    size_t bytes = sl_type_bytes(type->type);
    void *values;
    uint64_t *present;

    if (!group_make_vector(type, count, arena, out, &values, &present))
        return false;
    if (selection == NULL &&
        sl_aggregate_finish_plain(a->aggregate, records, a->offset, count, values)) {
        out->present = NULL;
        return true;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct sl_value value;
        if (selection != NULL && !sl_bit_get(selection, i))
            continue;
        sl_aggregate_finish(a->aggregate, group_state(records[i], a), &value);
        if (value.is_null)
            continue;
        sl_bit_set(present, i);
        if (sl_type_is_bytes(type->type))
            ((struct sl_slice *)values)[i] = value.as.slice;
        else
            memcpy((uint8_t *)values + i * bytes, &value.as, bytes);
    }
    return !sl_type_is_bytes(type->type) || group_pour_slices(values, count, arena, out);
}

/* A sl_groups_give_fn. */
static bool
give(const void *context, enum sl_expr_kind kind, uint32_t slot, const uint64_t *selection,
     struct sl_arena *arena, struct sl_vector *out)
{
    const struct group_chunk *chunk = context;
    const struct group *group = chunk->group;

    return kind == SL_EXPR_KEY ? group_give_key(group, &group->keys[slot], chunk->records,
                                                chunk->count, selection, arena, out)
                               : give_aggregate(&group->aggregates[slot], chunk->records,
                                                chunk->count, selection, arena, out);
}

/* Nobody reads the groups of the last chunk any more. */
static void
release_given(struct group *group, struct group_turn *turn)
{
    for (unsigned i = 0; i < turn->given_count; i++) {
        sl_group_partition_fini(&group->workers[0].table, turn->given[i]);
        sl_arena_destroy(group->kept[turn->given[i]]);
        group->kept[turn->given[i]] = NULL;
    }
    turn->given_count = 0;
}

/* Take the next partition that nobody has; false: there is none. */
static sl_status
take_partition(struct sl_op *op, struct group_turn *turn, bool *out_is_taken, struct sl_error *err)
{
    struct group *group = op->state;
    unsigned partition = atomic_fetch_add_explicit(&group->next_partition, 1, memory_order_relaxed);

    *out_is_taken = partition < SL_GROUP_PARTITIONS;
    if (!*out_is_taken)
        return SL_OK;
    if (group->key_count != 0)
        SL_TRY(group_merge_partition(op, partition, turn->greatest, err));
    turn->partition = partition;
    turn->page = group->workers[0].table.partitions[partition].first;
    turn->at = 0;
    return SL_OK;
}

/* The records of the worker's next chunk; *out_count is 0 at the end. */
static sl_status
take_records(struct sl_op *op, struct group_turn *turn, void **out_records, uint32_t *out_count,
             struct sl_error *err)
{
    struct group *group = op->state;
    const struct sl_group_table *table = &group->workers[0].table;
    uint32_t taken = 0;
    bool is_more = true;

    release_given(group, turn);
    while (taken < GROUP_CHUNK_ROWS && is_more) {
        if (turn->page == NULL) {
            SL_TRY(take_partition(op, turn, &is_more, err));
            continue;
        }
        uint32_t count =
            sl_group_page_count(table, &table->partitions[turn->partition], turn->page);
        for (; turn->at < count && taken < GROUP_CHUNK_ROWS; turn->at++)
            out_records[taken++] =
                (uint8_t *)(uintptr_t)turn->page->records + turn->at * table->record_bytes;
        if (turn->at < count)
            break;
        turn->page = turn->page->next;
        turn->at = 0;
        if (turn->page == NULL)
            turn->given[turn->given_count++] = (uint8_t)turn->partition;
    }
    *out_count = taken;
    return SL_OK;
}

static sl_status
group_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    const struct group *group = op->state;
    struct sl_arena *arena = group->arenas.arenas[worker];
    uint32_t count = 0;

    sl_arena_reset(arena);
    if (atomic_load_explicit(&op->is_stopped, memory_order_relaxed))
        return SL_OK;
    size_t slot_count = (size_t)group->key_count + group->aggregate_count;
    struct group_chunk *chunk = sl_arena_calloc(arena, 1, sizeof(*chunk));
    void **records = sl_arena_alloc(arena, GROUP_CHUNK_ROWS * sizeof(*records));
    struct sl_vector *vectors = sl_arena_calloc(arena, slot_count, sizeof(*vectors));
    bool *is_given = sl_arena_calloc(arena, slot_count, sizeof(*is_given));
    if (chunk == NULL || records == NULL || vectors == NULL || is_given == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    SL_TRY(take_records(op, &group->workers[worker].turn, records, &count, err));
    if (count == 0)
        return SL_OK;
    *chunk = (struct group_chunk){.group = group,
                                  .records = records,
                                  .count = count,
                                  .lazy = {.give = give,
                                           .context = chunk,
                                           .key_count = group->key_count,
                                           .aggregate_count = group->aggregate_count,
                                           .is_given = is_given}};
    out_chunk->count = count;
    out_chunk->keys = vectors;
    out_chunk->aggregates = vectors + group->key_count;
    out_chunk->groups = &chunk->lazy;
    out_chunk->arena = arena;
    return SL_OK;
}

static void
group_describe(const struct sl_op *op, struct sl_buf *out)
{
    const struct group *group = op->state;
    sl_buf_printf(out, "group by %" PRIu32 " key%s, %" PRIu32 " aggregate%s%s", group->key_count,
                  group->key_count == 1 ? "" : "s", group->aggregate_count,
                  group->aggregate_count == 1 ? "" : "s",
                  group->has_sides ? ", once for each side" : "");
    if (op->exec->is_analyzed && group->candidates != NULL)
        sl_buf_text(out, ", small ones left out");
    uint64_t spilled_bytes = 0;
    for (unsigned i = 0; op->exec->is_analyzed && i < op->exec->threads; i++)
        spilled_bytes += group->workers[i].spill.size_bytes;
    if (spilled_bytes != 0)
        sl_buf_printf(out, ", %" PRIu64 " KiB on disk meanwhile", (spilled_bytes + 1023) >> 10);
}

static const struct sl_op_class group_class = {
    .name = "group",
    .start = group_start,
    .next = group_next,
    .close = group_close,
    .describe = group_describe,
};

sl_status
sl_op_group(struct sl_exec *exec, struct sl_op *child, const struct sl_key *keys,
            uint32_t key_count, const struct sl_aggregate *aggregates, uint32_t aggregate_count,
            uint32_t input_count, struct sl_op **out_op, struct sl_error *err)
{
    *out_op = sl_op_create(exec, &group_class, child, sizeof(struct group));
    struct group_key *group_keys = sl_arena_calloc(exec->arena, key_count, sizeof(*group_keys));
    struct group_aggregate *group_aggregates =
        sl_arena_calloc(exec->arena, aggregate_count, sizeof(*group_aggregates));
    struct group_worker *workers = sl_arena_calloc(exec->arena, exec->threads, sizeof(*workers));
    if (*out_op == NULL || group_keys == NULL || group_aggregates == NULL || workers == NULL)
        return sl_fail(err, SL_LIMIT, "statement is too large");
    for (uint32_t i = 0; i < key_count; i++)
        group_keys[i].key = &keys[i];
    for (uint32_t i = 0; i < aggregate_count; i++)
        group_aggregates[i].aggregate = &aggregates[i];
    struct group *group = (*out_op)->state;
    group->keys = group_keys;
    group->key_count = key_count;
    group->aggregates = group_aggregates;
    group->aggregate_count = aggregate_count;
    group->workers = workers;
    size_t half_bytes = sl_budget_limit(&exec->budget) / 2;
    size_t group_bytes = exec->env->group_bytes == 0 ? half_bytes : exec->env->group_bytes;
    group->room_bytes_max = group_bytes / exec->threads;
    group->room_bytes = group->room_bytes_max / 2;
    (*out_op)->width = exec->threads;
    return compile_terms(group, exec, input_count, err);
}

void
sl_op_group_narrow(struct sl_op *op, const struct sl_group_floor *floor)
{
    struct group *group = op->state;
    SL_ASSERT(op->class == &group_class);
    group->asked = *floor;
}
