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
               const struct sl_aggregate *aggregates, uint32_t aggregate_count, size_t room_bytes)
{
    struct sl_error err = {0};
    struct sl_op *op = NULL;

    TEST_OK(sl_op_group(&w->exec, w->source, keys, key_count, aggregates, aggregate_count,
                        w->column_count, &op, &err),
            &err);
    if (room_bytes != 0)
        ((struct group *)op->state)->room_bytes = room_bytes;
    TEST_OK(sl_op_start(op, &err), &err);
    return op;
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
