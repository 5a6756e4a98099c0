/*
 * bind_exists.c - EXISTS (select) and x IN (select) of a correlated subquery, over the tables that it becomes.
 *
 *   EXISTS, keys alone   where rows must meet it an inner join, else a left one and "a row was found"
 *   EXISTS, and y < z    a left join to MIN(y), and MIN(y) < z; y > z has MAX, y <> z either of them
 *   x IN, a must         x = y is a key more: an inner join
 *   x IN, anywhere       two left joins, one with that key and one without, because MySQL's IN is NULL where x is
 *                        not found among values of which one is NULL, or is NULL itself and there are values
 */
#include "query/bind_correlated.h"
#include "query/value.h"

static sl_status
fail_aggregate(const struct sl_correlated *c, const struct sl_lookup *lookup, struct sl_error *err)
{
    const struct sl_syntax_select *select = lookup->select;

    for (uint32_t i = 0; i < select->item_count; i++)
        if (sl_correlated_has_aggregate(select->items[i].expr))
            return sl_correlated_fail(c, lookup->position, err);
    return SL_OK;
}

static sl_status
join_found(struct sl_correlated *c, struct sl_lookup *lookup, bool must, struct sl_node **out_node,
           struct sl_error *err)
{
    SL_TRY(sl_lookup_open(c, lookup, err));
    SL_TRY(sl_lookup_join(c, lookup, must ? SL_JOIN_INNER : SL_JOIN_LEFT, err));
    return must ? sl_bind_make_truth(c->binder, true, lookup->position, out_node, err)
                : sl_lookup_found(c, lookup, out_node, err);
}

/* ---- EXISTS ---- */

/* Does the order of keys agree with how they compare to such values? */
static bool
has_order(const struct sl_sql_type *key, const struct sl_sql_type *probe)
{
    if (key->type == probe->type)
        return key->is_binary == probe->is_binary;
    return !sl_type_is_bytes(key->type) && key->type != SL_TYPE_ADDR && probe->type != SL_TYPE_ADDR;
}

/* One more column of the table, name(key), compared with what the key is compared with. */
static sl_status
compare_extreme(struct sl_correlated *c, struct sl_lookup *lookup, const char *name,
                struct sl_node **out_node, struct sl_error *err)
{
    const struct sl_node *bound = lookup->bound;
    unsigned own = lookup->is_bound_left ? 0 : 1;
    struct sl_node *sides[2] = {bound->args[0], bound->args[1]};
    struct sl_node *extreme = NULL;

    SL_TRY(sl_bind_make_call(c->binder, name, bound->position, &sides[own], 1, &extreme, err));
    SL_TRY(sl_lookup_add(c, lookup, extreme, &sides[own], err));
    return sl_bind_make_operator(c->binder, bound->function, bound->position, sides, 2, out_node,
                                 err);
}

/* Some key compares so when the least or the greatest does. */
static sl_status
join_bound(struct sl_correlated *c, struct sl_scope *inner, struct sl_lookup *lookup,
           struct sl_node **out_node, struct sl_error *err)
{
    const struct sl_node *bound = lookup->bound;
    bool is_less = bound->function == SL_FN_LT || bound->function == SL_FN_LE;
    unsigned own = lookup->is_bound_left ? 0 : 1;
    struct sl_node *either[2] = {NULL, NULL};
    struct sl_sql_type types[2] = {{0}};

    SL_TRY(sl_correlated_types(c, inner, bound->args[own], bound->args[1 - own], types, err));
    if (!has_order(&types[0], &types[1]))
        return sl_correlated_fail(c, bound->position, err);
    SL_TRY(sl_lookup_open(c, lookup, err));
    if (bound->function == SL_FN_NE) {
        SL_TRY(compare_extreme(c, lookup, "MIN", &either[0], err));
        SL_TRY(compare_extreme(c, lookup, "MAX", &either[1], err));
        SL_TRY(
            sl_bind_make_operator(c->binder, SL_FN_OR, bound->position, either, 2, out_node, err));
    } else {
        SL_TRY(compare_extreme(c, lookup, is_less == lookup->is_bound_left ? "MIN" : "MAX",
                               out_node, err));
    }
    either[0] = *out_node;
    SL_TRY(
        sl_bind_make_operator(c->binder, SL_FN_IS_TRUE, bound->position, either, 1, out_node, err));
    return sl_lookup_join(c, lookup, SL_JOIN_LEFT, err);
}

sl_status
sl_bind_exists(struct sl_correlated *c, struct sl_scope *inner, struct sl_lookup *lookup, bool must,
               struct sl_node **out_node, struct sl_error *err)
{
    SL_TRY(fail_aggregate(c, lookup, err));
    return lookup->bound != NULL ? join_bound(c, inner, lookup, out_node, err)
                                 : join_found(c, lookup, must, out_node, err);
}

/* ---- IN ---- */

/* How many of the values are NULL: COUNT(*) - COUNT(y). */
static sl_status
add_nulls(struct sl_correlated *c, struct sl_lookup *lookup, struct sl_node *value,
          struct sl_node **out_name, struct sl_error *err)
{
    struct sl_node *star = NULL, *counts[2] = {NULL, NULL}, *nulls = NULL;
    uint32_t position = lookup->position;

    SL_TRY(sl_bind_make_star(c->binder, position, &star, err));
    SL_TRY(sl_bind_make_call(c->binder, "COUNT", position, &star, 1, &counts[0], err));
    SL_TRY(sl_bind_make_call(c->binder, "COUNT", position, &value, 1, &counts[1], err));
    SL_TRY(sl_bind_make_operator(c->binder, SL_FN_SUB, position, counts, 2, &nulls, err));
    return sl_lookup_add(c, lookup, nulls, out_name, err);
}

/* Where x is not found: NULL, if x is and there are values or one of them is; else false. */
static sl_status
make_missed(struct sl_correlated *c, struct sl_lookup *all, struct sl_node *value,
            struct sl_node *wanted, struct sl_node **out_node, struct sl_error *err)
{
    struct sl_binder *b = c->binder;
    uint32_t position = all->position;
    struct sl_node *parts[2] = {NULL, NULL}, *choice[3] = {NULL, NULL, NULL};

    SL_TRY(sl_lookup_open(c, all, err));
    SL_TRY(add_nulls(c, all, value, &parts[0], err));
    SL_TRY(sl_lookup_join(c, all, SL_JOIN_LEFT, err));
    SL_TRY(sl_bind_make_operator(b, SL_FN_IS_NULL, position, &wanted, 1, &parts[1], err));
    SL_TRY(sl_bind_make_operator(b, SL_FN_OR, position, parts, 2, &parts[0], err));
    SL_TRY(sl_lookup_found(c, all, &parts[1], err));
    SL_TRY(sl_bind_make_operator(b, SL_FN_AND, position, parts, 2, &choice[0], err));
    SL_TRY(sl_bind_make_null(b, position, &choice[1], err));
    SL_TRY(sl_bind_make_truth(b, false, position, &choice[2], err));
    return sl_bind_make_call(b, "IF", position, choice, 3, out_node, err);
}

static sl_status
join_anywhere(struct sl_correlated *c, struct sl_scope *inner, struct sl_lookup *lookup,
              struct sl_node *wanted, struct sl_node **out_node, struct sl_error *err)
{
    struct sl_node *value = lookup->select->items[0].expr, *choice[3] = {NULL, NULL, NULL};
    struct sl_lookup found = *lookup;

    SL_TRY(sl_correlated_add_key(c, inner, &found, value, wanted, err));
    SL_TRY(join_found(c, &found, false, &choice[0], err));
    SL_TRY(sl_bind_make_truth(c->binder, true, lookup->position, &choice[1], err));
    SL_TRY(make_missed(c, lookup, value, wanted, &choice[2], err));
    return sl_bind_make_call(c->binder, "IF", lookup->position, choice, 3, out_node, err);
}

sl_status
sl_bind_member(struct sl_correlated *c, struct sl_scope *inner, struct sl_lookup *lookup,
               const struct sl_node *node, bool must, struct sl_node **out_node,
               struct sl_error *err)
{
    const struct sl_syntax_select *select = lookup->select;

    SL_TRY(fail_aggregate(c, lookup, err));
    if (select->limit != NULL || (!must && node->arg_count != 1))
        return sl_correlated_fail(c, node->position, err);
    if (select->item_count != node->arg_count)
        return sl_bind_fail(c->binder, err, SL_TYPE, 1241, node->position,
                            "the subquery must have %u columns", node->arg_count);
    if (!must)
        return join_anywhere(c, inner, lookup, node->args[0], out_node, err);
    for (uint32_t i = 0; i < node->arg_count; i++)
        SL_TRY(sl_correlated_add_key(c, inner, lookup, select->items[i].expr, node->args[i], err));
    return join_found(c, lookup, true, out_node, err);
}
