/*
 * subquery_fill.c - see subquery_fill.h.
 *
 * Expressions are shared between places of a tree: a call that was filled is a constant, or a call
 * without subqueries, when it is met again.
 */
#include "query/subquery_fill.h"

#include "query/value.h"

struct filling {
    struct sl_typing *typing;
    struct sl_subquery *const *subqueries;
};

static sl_status
call(struct filling *f, enum sl_function_id id, const struct sl_expr *in, struct sl_expr **args,
     uint32_t count, struct sl_expr **out_expr, struct sl_error *err)
{
    return sl_expr_call(f->typing, id, in->position, args, count, out_expr, err);
}

/* left IN (values); `values` are every `step`-th of the list. */
static sl_status
make_in(struct filling *f, const struct sl_expr *in, struct sl_expr *left,
        struct sl_expr *const *values, uint32_t count, uint32_t step, struct sl_expr **out_expr,
        struct sl_error *err)
{
    struct sl_expr **args =
        sl_arena_calloc(f->typing->arena, (size_t)count + 1, sizeof(struct sl_expr *));

    if (args == NULL)
        return sl_fail_memory(err);
    args[0] = left;
    for (uint32_t i = 0; i < count; i++)
        args[i + 1] = values[(size_t)i * step];
    return call(f, count == 1 ? SL_FN_EQ : SL_FN_IN, in, args, count + 1, out_expr, err);
}

/* (a, b) = row `row` of the list. */
static sl_status
make_row(struct filling *f, const struct sl_expr *in, struct sl_expr *const *values,
         struct sl_expr **out_expr, struct sl_error *err)
{
    uint32_t width = in->arg_count - 1;

    for (uint32_t i = 0; i < width; i++) {
        struct sl_expr *args[2] = {in->args[i], values[i]};
        struct sl_expr *both[2] = {*out_expr, NULL};
        SL_TRY(call(f, SL_FN_EQ, in, args, 2, &both[1], err));
        *out_expr = both[1];
        if (i > 0)
            SL_TRY(call(f, SL_FN_AND, in, both, 2, out_expr, err));
    }
    return SL_OK;
}

/* Any of `count` rows: halves, so that the tree stays flat. */
static sl_status
make_rows(struct filling *f, const struct sl_expr *in, struct sl_expr *const *values,
          uint32_t count, struct sl_expr **out_expr, struct sl_error *err)
{
    uint32_t width = in->arg_count - 1;
    struct sl_expr *halves[2];

    if (count == 1)
        return make_row(f, in, values, out_expr, err);
    SL_TRY(make_rows(f, in, values, count / 2, &halves[0], err));
    SL_TRY(
        make_rows(f, in, &values[(size_t)(count / 2) * width], count - count / 2, &halves[1], err));
    return call(f, SL_FN_OR, in, halves, 2, out_expr, err);
}

/* (a, b) IN (rows): a IN (...) AND b IN (...), which indexes serve, AND any row is equal. */
static sl_status
make_row_in(struct filling *f, const struct sl_expr *in, struct sl_expr *const *values,
            uint32_t count, struct sl_expr **out_expr, struct sl_error *err)
{
    uint32_t width = in->arg_count - 1;

    SL_TRY(make_rows(f, in, values, count, out_expr, err));
    for (uint32_t i = 0; i < width; i++) {
        struct sl_expr *both[2] = {NULL, *out_expr};
        SL_TRY(make_in(f, in, in->args[i], &values[i], count, width, &both[0], err));
        SL_TRY(call(f, SL_FN_AND, in, both, 2, out_expr, err));
    }
    return SL_OK;
}

/* `left IN ()` is false. */
static sl_status
fill_in(struct filling *f, struct sl_expr *in, const struct sl_subquery *subquery,
        struct sl_error *err)
{
    const struct sl_value no = {.type = SL_TYPE_BOOL};
    uint32_t width = in->arg_count - 1;
    SL_ASSERT(width > 0);
    uint32_t count = subquery->value_count / width;
    struct sl_expr *filled = NULL;

    if (count == 0)
        SL_TRY(sl_expr_const(f->typing, in->position, &no, &filled, err));
    else if (width == 1)
        SL_TRY(make_in(f, in, in->args[0], subquery->values, count, 1, &filled, err));
    else
        SL_TRY(make_row_in(f, in, subquery->values, count, &filled, err));
    SL_ASSERT(filled != NULL);
    *in = *filled;
    return SL_OK;
}

static sl_status
fill(struct filling *f, struct sl_expr **expr, struct sl_error *err)
{
    struct sl_expr *e = *expr;
    const struct sl_subquery *list = NULL;

    if (e == NULL || (e->kind != SL_EXPR_CALL && e->kind != SL_EXPR_SUBQUERY))
        return SL_OK;
    if (e->kind == SL_EXPR_SUBQUERY) {
        *expr = f->subqueries[e->slot]->values[0];
        return SL_OK;
    }
    for (uint32_t i = 0; i < e->arg_count; i++) {
        const struct sl_expr *arg = e->args[i];
        if (arg->kind == SL_EXPR_SUBQUERY && f->subqueries[arg->slot]->kind == SL_SUBQUERY_LIST)
            list = f->subqueries[arg->slot];
        else
            SL_TRY(fill(f, &e->args[i], err));
    }
    return list != NULL ? fill_in(f, e, list, err) : sl_expr_fold(f->typing, e, err);
}

static sl_status fill_chain(struct filling *f, struct sl_select *chain, struct sl_error *err);

static sl_status
fill_joins(struct filling *f, struct sl_select *select, struct sl_error *err)
{
    for (uint32_t i = 0; i < select->join_count; i++) {
        struct sl_join *join = &select->joins[i];
        for (uint32_t k = 0; k < join->key_count; k++) {
            SL_TRY(fill(f, &join->keys[k].probe, err));
            SL_TRY(fill(f, &join->keys[k].build, err));
        }
        SL_TRY(fill(f, &join->condition, err));
        SL_TRY(fill_chain(f, join->select, err));
    }
    return SL_OK;
}

static sl_status
fill_select(struct filling *f, struct sl_select *select, struct sl_error *err)
{
    SL_TRY(fill(f, &select->where, err));
    for (uint32_t i = 0; i < select->key_count; i++)
        SL_TRY(fill(f, &select->keys[i].expr, err));
    for (uint32_t i = 0; i < select->aggregate_count; i++)
        SL_TRY(fill(f, &select->aggregates[i].argument, err));
    SL_TRY(fill(f, &select->having, err));
    for (uint32_t i = 0; i < select->output_count; i++)
        SL_TRY(fill(f, &select->outputs[i].expr, err));
    SL_TRY(fill_joins(f, select, err));
    return fill_chain(f, select->subselect, err);
}

static sl_status
fill_chain(struct filling *f, struct sl_select *chain, struct sl_error *err)
{
    for (struct sl_select *select = chain; select != NULL; select = select->next_union)
        SL_TRY(fill_select(f, select, err));
    return SL_OK;
}

sl_status
sl_subqueries_fill(struct sl_typing *typing, struct sl_subquery *const *subqueries,
                   struct sl_select *chain, struct sl_error *err)
{
    struct filling filling = {.typing = typing, .subqueries = subqueries};

    return fill_chain(&filling, chain, err);
}
