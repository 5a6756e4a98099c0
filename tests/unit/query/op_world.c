/*
 * op_world.c - see op_world.h.
 */
#include "tests/unit/query/op_world.h"

#include "query/group.h"

sl_status
op_source_start(struct sl_op *op, struct sl_error *err)
{
    struct op_source *source = op->state;
    return sl_op_arenas_open(&source->arenas, op->exec, err);
}

void
op_source_close(struct sl_op *op)
{
    struct op_source *source = op->state;
    sl_op_arenas_close(&source->arenas, op->exec);
}

void *
op_world_open(struct op_world *w, unsigned threads, const struct sl_sql_type *types,
              uint32_t column_count, const struct sl_op_class *class, size_t state_bytes)
{
    *w =
        (struct op_world){.env.threads_max = threads, .types = types, .column_count = column_count};
    w->env.pool = sl_pool_create("test", 3, 0);
    sl_pool_set_eager(w->env.pool);
    w->exec.env = &w->env;
    w->exec.arena = sl_arena_create(64 << 20);
    w->exec.budget.limit_bytes = (size_t)1 << 30;
    w->exec.threads = threads;
    w->source = sl_op_create(&w->exec, class, NULL, state_bytes);
    assert_non_null(w->source);
    return w->source->state;
}

void
op_world_close(struct op_world *w, struct sl_op *root)
{
    sl_op_close(root);
    assert_int_equal(w->exec.budget.used_bytes, 0);
    sl_arena_destroy(w->exec.arena);
    sl_pool_destroy(w->env.pool);
}

struct sl_expr *
op_world_input(struct op_world *w, uint32_t number)
{
    struct sl_expr *expr = sl_arena_calloc(w->exec.arena, 1, sizeof(*expr));
    expr->kind = SL_EXPR_INPUT;
    expr->slot = number;
    expr->type = w->types[number];
    return expr;
}

struct sl_op *
op_world_group(struct op_world *w, const struct sl_key *keys, uint32_t key_count,
               const struct sl_aggregate *aggregates, uint32_t aggregate_count,
               const struct sl_group_floor *floor, size_t room_bytes)
{
    struct sl_error err = {0};
    struct sl_op *op = NULL;

    TEST_OK(sl_op_group(&w->exec, w->source, keys, key_count, aggregates, aggregate_count,
                        w->column_count, &op, &err),
            &err);
    if (floor != NULL)
        sl_op_group_narrow(op, floor);
    if (room_bytes != 0)
        ((struct group *)op->state)->room_bytes = room_bytes;
    TEST_OK(sl_op_start(op, &err), &err);
    return op;
}

const struct sl_aggregate *
op_world_count_and_sum(struct op_world *w, uint32_t summed)
{
    struct sl_aggregate *aggregates = sl_arena_calloc(w->exec.arena, 2, sizeof(*aggregates));

    aggregates[0] = (struct sl_aggregate){.kind = SL_AGG_COUNT_STAR, .type.type = SL_TYPE_I64};
    aggregates[1] = (struct sl_aggregate){
        .kind = SL_AGG_SUM, .type.type = SL_TYPE_DECIMAL, .argument = op_world_input(w, summed)};
    return aggregates;
}

struct sl_group_floor
op_world_floor(unsigned turn, const uint64_t *leasts)
{
    static const uint64_t keeps[] = {1, 5, 20, GROUP_TOP_MAX, GROUP_TOP_MAX + 1};
    unsigned at = turn / 4;

    if (turn % 2 == 0)
        return (struct sl_group_floor){
            .kind = SL_FLOOR_TOP, .aggregate = turn / 2 % 2, .keep = keeps[at % 5]};
    return (struct sl_group_floor){
        .kind = SL_FLOOR_LEAST, .aggregate = turn / 2 % 2, .least = leasts[at % 4]};
}

static int
compare_descending(const void *a, const void *b)
{
    const sl_u128 *x = a;
    const sl_u128 *y = b;
    return (*x < *y) - (*x > *y);
}

sl_u128
op_world_least(const struct sl_group_floor *floor, sl_u128 *values, uint32_t count)
{
    qsort(values, count, sizeof(*values), compare_descending);
    return floor->kind == SL_FLOOR_LEAST ? floor->least : values[floor->keep - 1];
}

bool
op_world_groups(struct sl_op *op, struct sl_chunk *out_chunk)
{
    struct sl_error err = {0};

    TEST_OK(sl_op_next(op, 0, out_chunk, &err), &err);
    const struct sl_lazy_groups *groups = out_chunk->groups;
    for (uint32_t slot = 0; groups != NULL && slot < groups->key_count; slot++)
        assert_true(groups->give(groups->context, SL_EXPR_KEY, slot, out_chunk->selection,
                                 out_chunk->arena, &out_chunk->keys[slot]));
    for (uint32_t slot = 0; groups != NULL && slot < groups->aggregate_count; slot++)
        assert_true(groups->give(groups->context, SL_EXPR_AGGREGATE, slot, out_chunk->selection,
                                 out_chunk->arena, &out_chunk->aggregates[slot]));
    return out_chunk->count != 0;
}
