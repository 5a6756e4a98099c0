/*
 * bind_stage.c - from the first stage to the second: keys and aggregates take the place of
 * columns.
 */
#include "query/bind.h"
#include "query/value.h"

void *
sl_bind_grow(struct sl_scope *s, void *array, size_t element_bytes, uint32_t count,
             uint32_t *capacity, struct sl_error *err)
{
    if (count < *capacity)
        return array;
    uint32_t wanted = *capacity == 0 ? 8 : *capacity * 2;
    void *grown = sl_arena_calloc(s->binder->typing.arena, wanted, element_bytes);
    if (grown == NULL) {
        (void)sl_fail_memory(err);
        return NULL;
    }
    if (count > 0)
        memcpy(grown, array, count * element_bytes);
    *capacity = wanted;
    return grown;
}

static bool
values_equal(const struct sl_value *a, const struct sl_value *b)
{
    if (a->type != b->type || a->is_null != b->is_null || a->scale != b->scale)
        return false;
    return a->is_null || sl_value_compare(a, b, true) == 0;
}

bool
sl_expr_equal(const struct sl_expr *a, const struct sl_expr *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind || a->type.type != b->type.type || a->type.scale != b->type.scale ||
        a->type.is_binary != b->type.is_binary || a->weight != b->weight)
        return false;
    switch (a->kind) {
    case SL_EXPR_CONST:
        return values_equal(&a->value, &b->value);
    case SL_EXPR_INPUT:
    case SL_EXPR_KEY:
    case SL_EXPR_AGGREGATE:
    case SL_EXPR_PARAMETER:
    case SL_EXPR_SUBQUERY:
        return a->slot == b->slot;
    case SL_EXPR_CALL:
        break;
    }
    if (a->function != b->function || a->arg_count != b->arg_count ||
        a->type.length != b->type.length)
        return false;
    for (uint32_t i = 0; i < a->arg_count; i++)
        if (!sl_expr_equal(a->args[i], b->args[i]))
            return false;
    return true;
}

static sl_status
make_slot(struct sl_scope *s, enum sl_expr_kind kind, uint32_t slot, const struct sl_sql_type *type,
          uint32_t position, struct sl_expr **out_expr, struct sl_error *err)
{
    struct sl_expr *expr = sl_arena_calloc(s->binder->typing.arena, 1, sizeof(*expr));

    if (expr == NULL)
        return sl_fail_memory(err);
    expr->kind = kind;
    expr->slot = slot;
    expr->type = *type;
    expr->position = position;
    *out_expr = expr;
    return SL_OK;
}

sl_status
sl_bind_aggregate(struct sl_scope *s, const struct sl_aggregate *aggregate, uint32_t position,
                  struct sl_expr **out_expr, struct sl_error *err)
{
    struct sl_select *select = s->select;

    for (uint32_t i = 0; i < select->aggregate_count; i++) {
        const struct sl_aggregate *a = &select->aggregates[i];
        bool is_same = a->kind == aggregate->kind && a->parameter == aggregate->parameter &&
                       a->is_distinct == aggregate->is_distinct &&
                       (a->argument == NULL) == (aggregate->argument == NULL) &&
                       sl_text_compare(a->separator, aggregate->separator, true) == 0;
        if (is_same && (a->argument == NULL || sl_expr_equal(a->argument, aggregate->argument)))
            return make_slot(s, SL_EXPR_AGGREGATE, i, &a->type, position, out_expr, err);
    }
    struct sl_aggregate *grown = sl_bind_grow(s, select->aggregates, sizeof(*grown),
                                              select->aggregate_count, &s->aggregate_capacity, err);
    if (grown == NULL)
        return SL_LIMIT;
    select->aggregates = grown;
    grown[select->aggregate_count] = *aggregate;
    return make_slot(s, SL_EXPR_AGGREGATE, select->aggregate_count++, &aggregate->type, position,
                     out_expr, err);
}

sl_status
sl_bind_lift(struct sl_scope *s, struct sl_expr **expr, struct sl_error *err)
{
    struct sl_expr *e = *expr;

    if (e->kind == SL_EXPR_KEY && e->slot + s->rolled_count >= s->select->key_count) {
        struct sl_value null = {.type = e->type.type, .scale = e->type.scale, .is_null = true};
        return sl_expr_const(&s->binder->typing, e->position, &null, expr, err);
    }
    if (e->kind == SL_EXPR_CONST || e->kind == SL_EXPR_KEY || e->kind == SL_EXPR_AGGREGATE ||
        e->kind == SL_EXPR_PARAMETER || e->kind == SL_EXPR_SUBQUERY)
        return SL_OK;
    for (uint32_t i = 0; i < s->select->key_count; i++) {
        const struct sl_key *key = &s->select->keys[i];
        if (key->kind == SL_KEY_EXPR && sl_expr_equal(e, key->expr))
            return make_slot(s, SL_EXPR_KEY, i, &key->type, e->position, expr, err);
    }
    if (e->kind == SL_EXPR_INPUT) {
        /* A column that is not grouped by: any of its values, as MySQL without
         * ONLY_FULL_GROUP_BY. */
        struct sl_aggregate any = {.kind = SL_AGG_ANY, .type = e->type, .argument = e};
        any.type.is_nullable = true;
        return sl_bind_aggregate(s, &any, e->position, expr, err);
    }
    struct sl_expr *copy = sl_arena_alloc(s->binder->typing.arena, sizeof(*copy));
    struct sl_expr **args =
        sl_arena_calloc(s->binder->typing.arena, e->arg_count, sizeof(struct sl_expr *));
    if (copy == NULL || args == NULL)
        return sl_fail_memory(err);
    *copy = *e;
    copy->args = args;
    for (uint32_t i = 0; i < e->arg_count; i++) {
        args[i] = e->args[i];
        SL_TRY(sl_bind_lift(s, &args[i], err));
    }
    *expr = copy;
    return SL_OK;
}
