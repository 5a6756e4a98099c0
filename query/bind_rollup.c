/*
 * bind_rollup.c - GROUP BY ... WITH ROLLUP.
 *
 * A select with n keys has n + 1 levels: each groups by one key less, from the last on, and shows NULL for
 * those that it has not. They are a chain of UNION ALL, and each reads the rows anew: every aggregate is
 * then what it is alone. A select above the chain orders and cuts it, and drops what only that needs. Without
 * an ORDER BY a level's rows stand behind those that they are the total of.
 */
#include "query/bind.h"
#include "query/value.h"

sl_status
sl_bind_rollup_key(struct sl_scope *s, struct sl_expr **expr, struct sl_error *err)
{
    for (uint32_t i = 0; i < s->select->key_count; i++) {
        const struct sl_key *key = &s->select->keys[i];
        if (key->kind != SL_KEY_EXPR || key->expr->kind == SL_EXPR_CONST ||
            !sl_expr_equal(*expr, key->expr))
            continue;
        struct sl_expr *slot = sl_arena_calloc(s->binder->typing.arena, 1, sizeof(*slot));
        if (slot == NULL)
            return sl_fail_memory(err);
        *slot = (struct sl_expr){
            .kind = SL_EXPR_KEY, .type = key->type, .position = (*expr)->position, .slot = i};
        slot->type.is_nullable = true;
        *expr = slot;
        return SL_OK;
    }
    return SL_OK;
}

/* The number of the key that a node is; an error when it is none. */
static sl_status
find_key(struct sl_scope *s, const struct sl_node *node, uint32_t *out_index, struct sl_error *err)
{
    struct sl_expr *expr;

    SL_TRY(sl_bind_expr(s, node, &expr, err));
    if (expr->kind != SL_EXPR_KEY)
        return sl_bind_fail(s->binder, err, SL_TYPE, 3602, node->position,
                            "GROUPING needs what the select groups by");
    *out_index = expr->slot;
    return SL_OK;
}

sl_status
sl_bind_grouping(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
                 struct sl_error *err)
{
    int64_t bits = 0;
    uint32_t index = 0;

    if (s->syntax == NULL || !s->syntax->is_rollup || s->in_aggregate || node->arg_count == 0 ||
        node->arg_count > 63)
        return sl_bind_fail(s->binder, err, SL_TYPE, 1111, node->position,
                            "GROUPING is of the keys of a select WITH ROLLUP");
    for (uint32_t i = 0; i < node->arg_count; i++) {
        SL_TRY(find_key(s, node->args[i], &index, err));
        bits = bits << 1 | (index + s->rolled_count >= s->select->key_count);
    }
    return sl_expr_const_i64(&s->binder->typing, node->position, bits, out_expr, err);
}

/* The key itself, as outputs show it. */
static sl_status
bind_key_value(struct sl_scope *s, uint32_t index, struct sl_expr **out_expr, struct sl_error *err)
{
    const struct sl_key *key = &s->select->keys[index];

    s->place = SL_PLACE_TAIL;
    if (key->kind != SL_KEY_EXPR)
        return sl_bind_sided_key(s, key->kind, key->expr->position, out_expr, err);
    *out_expr = key->expr;
    return sl_bind_rollup_key(s, out_expr, err);
}

sl_status
sl_bind_rollup_order(struct sl_scope *s, uint32_t *capacity, struct sl_error *err)
{
    struct sl_select *select = s->select;

    for (uint32_t i = 0; i < select->key_count && s->syntax->order_count == 0; i++) {
        bool is_rolled = i + s->rolled_count >= select->key_count;
        struct sl_expr *expr = NULL;
        SL_TRY(sl_expr_const_i64(&s->binder->typing, 0, is_rolled, &expr, err));
        SL_TRY(sl_bind_output(s, "", expr, capacity, 0, err));
        SL_TRY(bind_key_value(s, i, &expr, err));
        SL_TRY(sl_bind_output(s, "", expr, capacity, 0, err));
    }
    return SL_OK;
}

/* Without a row there is no total either. */
static sl_status
require_rows(struct sl_scope *s, struct sl_error *err)
{
    struct sl_aggregate rows = {.kind = SL_AGG_COUNT_STAR, .type = {.type = SL_TYPE_I64}};
    struct sl_expr *having = s->select->having, *count, *none, *is_any;

    SL_TRY(sl_bind_aggregate(s, &rows, 0, &count, err));
    SL_TRY(sl_expr_const_i64(&s->binder->typing, 0, 0, &none, err));
    SL_TRY(sl_bind_op(s, SL_FN_GT, 0, count, none, &is_any, err));
    if (having == NULL)
        s->select->having = is_any;
    else
        SL_TRY(sl_bind_op(s, SL_FN_AND, 0, is_any, having, &s->select->having, err));
    return SL_OK;
}

/* The levels, the finest first, as a chain all of whose outputs can be read. */
static sl_status
bind_levels(struct sl_binder *b, const struct sl_syntax_select *syntax, bool is_alone,
            struct sl_scope *first, struct sl_error *err)
{
    struct sl_select *last = NULL;

    for (uint32_t rolled = 0; rolled <= syntax->group_count; rolled++) {
        struct sl_scope *s = first, other;
        if (rolled > 0)
            s = &other;
        SL_TRY(sl_bind_one(b, syntax, is_alone, rolled, s, err));
        if (rolled == syntax->group_count)
            SL_TRY(require_rows(s, err));
        s->select->is_distinct = false;
        s->select->is_union_all = true;
        if (last != NULL)
            last->next_union = s->select;
        last = s->select;
    }
    return SL_OK;
}

/* Each output of the chain, as an output of the select that reads it. */
static sl_status
make_outputs(struct sl_binder *b, const struct sl_select *chain, struct sl_select *select,
             struct sl_error *err)
{
    uint32_t count = chain->output_count;
    struct sl_expr *slots = sl_arena_calloc(b->typing.arena, count, sizeof(*slots));

    select->inputs = sl_arena_calloc(b->typing.arena, count, sizeof(*select->inputs));
    select->outputs = sl_arena_calloc(b->typing.arena, count, sizeof(*select->outputs));
    if (slots == NULL || select->inputs == NULL || select->outputs == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        const struct sl_sql_type *type = &chain->outputs[i].expr->type;
        slots[i] = (struct sl_expr){.kind = SL_EXPR_INPUT, .type = *type, .slot = i};
        select->inputs[i] = (struct sl_input){.index = i, .type = *type};
        select->outputs[i] = chain->outputs[i];
        select->outputs[i].expr = &slots[i];
    }
    select->input_count = select->output_count = count;
    return SL_OK;
}

/* The ORDER BY that was written, or the one that puts totals behind their rows. */
static sl_status
make_orders(struct sl_binder *b, const struct sl_select *chain, struct sl_select *select,
            struct sl_error *err)
{
    uint32_t hidden = chain->output_count - select->visible_count;

    select->orders = chain->orders;
    select->order_count = chain->order_count;
    if (select->order_count > 0)
        return SL_OK;
    select->orders = sl_arena_calloc(b->typing.arena, hidden, sizeof(*select->orders));
    if (select->orders == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < hidden; i++)
        select->orders[i].output = select->visible_count + i;
    select->order_count = hidden;
    return SL_OK;
}

sl_status
sl_bind_rollup(struct sl_binder *b, const struct sl_syntax_select *syntax, bool is_alone,
               struct sl_scope *s, struct sl_error *err)
{
    struct sl_select *select = sl_arena_calloc(b->typing.arena, 1, sizeof(*select));

    if (select == NULL)
        return sl_fail_memory(err);
    SL_TRY(bind_levels(b, syntax, is_alone, s, err));
    struct sl_select *chain = s->select;
    *select = (struct sl_select){.source = SL_SOURCE_SELECT,
                                 .subselect = chain,
                                 .visible_count = chain->visible_count,
                                 .is_distinct = syntax->is_distinct,
                                 .limit = UINT64_MAX,
                                 .is_union_all = syntax->is_union_all};
    for (struct sl_select *level = chain; level != NULL; level = level->next_union)
        level->visible_count = level->output_count;
    SL_TRY(sl_bind_unify(b, chain, err));
    SL_TRY(make_outputs(b, chain, select, err));
    if (is_alone)
        SL_TRY(make_orders(b, chain, select, err));
    chain->order_count = 0;
    s->select = select;
    return SL_OK;
}
