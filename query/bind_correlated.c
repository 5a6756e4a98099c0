/*
 * bind_correlated.c - subqueries that read columns of the select around them become joins.
 *
 * What they say by equality with columns around is the key of a table that is joined (bind_lookup.c); the rest of
 * their WHERE stays in that table:
 *
 *   EXISTS (select), x IN (select)   see bind_exists.c
 *   (SELECT f(SUM(x)) ...)           a left join; f is computed around, COUNT of no row is 0
 *   (SELECT x ...)                   a left join, and an error for rows that find more than one (1242)
 *
 * A row around finds at most one row of the table, so its rows stay as many as they are. Anything else
 * is left as it is, and fails where it names a column that is not its own (1235).
 */
#include "query/bind_correlated.h"

#include "query/lex.h"
#include "query/value.h"

static sl_status
open_scope(struct sl_binder *b, const struct sl_syntax_select *syntax, struct sl_scope *scope,
           struct sl_error *err)
{
    struct sl_subquery *subqueries = b->subqueries;
    uint32_t count = b->subquery_count;

    *scope = (struct sl_scope){.binder = b, .syntax = syntax};
    scope->select = sl_arena_calloc(b->typing.arena, 1, sizeof(*scope->select));
    if (scope->select == NULL)
        return sl_fail_memory(err);
    sl_status st = sl_bind_source(scope, err);
    b->subqueries = subqueries; /* this scope answers what names mean, and is gone then */
    b->subquery_count = count;
    return st;
}

static unsigned
names_of(const struct sl_correlated *c, const struct sl_scope *inner, const struct sl_node *node)
{
    unsigned names = 0;

    if (node == NULL)
        return 0;
    if (node->kind == SL_NODE_LAST)
        return SL_OF_INNER;
    if (node->kind == SL_NODE_NAME)
        return sl_bind_is_column(inner, node)       ? SL_OF_INNER
               : sl_bind_is_column(&c->outer, node) ? SL_OF_OUTER
                                                    : 0;
    for (uint32_t i = 0; i < node->arg_count; i++)
        names |= names_of(c, inner, node->args[i]);
    return names | names_of(c, inner, node->operand) | names_of(c, inner, node->filter);
}

static unsigned
names_of_select(const struct sl_correlated *c, const struct sl_scope *inner,
                const struct sl_syntax_select *select)
{
    unsigned names = names_of(c, inner, select->where) | names_of(c, inner, select->having);

    for (uint32_t i = 0; i < select->item_count; i++)
        names |= names_of(c, inner, select->items[i].expr);
    for (uint32_t i = 0; i < select->group_count; i++)
        names |= names_of(c, inner, select->groups[i]);
    for (uint32_t i = 0; i < select->join_count; i++)
        names |= names_of(c, inner, select->joins[i].on);
    return names;
}

sl_status
sl_correlated_fail(const struct sl_correlated *c, uint32_t position, struct sl_error *err)
{
    return sl_bind_fail(
        c->binder, err, SL_UNSUPPORTED, 1235, position,
        "a subquery that reads columns of the select around it may do so by equality of one of "
        "its own (and EXISTS by one other comparison), and without GROUP BY, HAVING and LIMIT");
}

static bool
names_sides(const struct sl_scope *s, const struct sl_node *node)
{
    enum sl_key_kind kind;
    bool is_found = sl_bind_is_sided(s, node, &kind);

    for (uint32_t i = 0; i < node->arg_count && !is_found; i++)
        is_found = names_sides(s, node->args[i]);
    return is_found;
}

static bool
is_exact(enum sl_type type)
{
    return sl_type_is_integer(type) || type == SL_TYPE_DECIMAL;
}

/* A value around equals one key at most, and the keys that are grouped as one are equal to it alike: else rows
 * would be found twice, or not at all. */
static bool
is_unique(const struct sl_sql_type *key, const struct sl_sql_type *probe)
{
    if (key->type == probe->type)
        return key->is_binary == probe->is_binary;
    return (is_exact(key->type) && is_exact(probe->type)) ||
           (key->type == SL_TYPE_ADDR && sl_type_is_bytes(probe->type));
}

/* One more equality between the subquery's rows and those around. */
sl_status
sl_correlated_types(struct sl_correlated *c, struct sl_scope *inner, struct sl_node *key,
                    struct sl_node *probe, struct sl_sql_type out_types[2], struct sl_error *err)
{
    struct sl_binder *b = c->binder;
    struct sl_subquery *subqueries = b->subqueries;
    uint32_t count = b->subquery_count;
    struct sl_expr *own, *around;

    if (names_of(c, inner, key) != SL_OF_INNER || names_sides(inner, key) ||
        names_sides(&c->outer, probe))
        return sl_correlated_fail(c, probe->position, err);
    SL_TRY(sl_bind_expr(inner, key, &own, err));
    SL_TRY(sl_bind_expr(&c->outer, probe, &around, err));
    b->subqueries = subqueries;
    b->subquery_count = count;
    out_types[0] = own->type;
    out_types[1] = around->type;
    return SL_OK;
}

sl_status
sl_correlated_add_key(struct sl_correlated *c, struct sl_scope *inner, struct sl_lookup *lookup,
                      struct sl_node *key, struct sl_node *probe, struct sl_error *err)
{
    struct sl_sql_type types[2] = {{0}};

    SL_TRY(sl_correlated_types(c, inner, key, probe, types, err));
    if (lookup->key_count == SL_LOOKUP_KEYS_MAX || !is_unique(&types[0], &types[1]))
        return sl_correlated_fail(c, probe->position, err);
    lookup->keys[lookup->key_count] = key;
    lookup->probes[lookup->key_count++] = probe;
    return SL_OK;
}

/* A comparison of a column of the subquery with one around it: a key, or the bound of an EXISTS. */
static sl_status
add_comparison(struct sl_correlated *c, struct sl_scope *inner, struct sl_lookup *lookup,
               const struct sl_node *node, struct sl_error *err)
{
    bool is_left = names_of(c, inner, node->args[0]) == SL_OF_INNER;
    struct sl_node *key = node->args[is_left ? 0 : 1], *probe = node->args[is_left ? 1 : 0];

    if (names_of(c, inner, probe) != SL_OF_OUTER)
        return sl_correlated_fail(c, node->position, err);
    if (node->function == SL_FN_EQ)
        return sl_correlated_add_key(c, inner, lookup, key, probe, err);
    if (lookup->bound != NULL)
        return sl_correlated_fail(c, node->position, err);
    lookup->bound = node;
    lookup->is_bound_left = is_left;
    return SL_OK;
}

static bool
is_comparison(const struct sl_node *node)
{
    return node->kind == SL_NODE_OPERATOR &&
           (node->function == SL_FN_EQ || node->function == SL_FN_NE ||
            node->function == SL_FN_LT || node->function == SL_FN_LE ||
            node->function == SL_FN_GT || node->function == SL_FN_GE);
}

/* The ANDed parts of the subquery's WHERE: keys, a bound, and the rest. */
static sl_status
split_where(struct sl_correlated *c, struct sl_scope *inner, struct sl_lookup *lookup,
            struct sl_node *node, struct sl_error *err)
{
    if (node == NULL)
        return SL_OK;
    if (node->kind == SL_NODE_OPERATOR && node->function == SL_FN_AND) {
        SL_TRY(split_where(c, inner, lookup, node->args[0], err));
        return split_where(c, inner, lookup, node->args[1], err);
    }
    if ((names_of(c, inner, node) & SL_OF_OUTER) == 0) {
        struct sl_node *both[2] = {lookup->where, node};
        if (lookup->where == NULL)
            lookup->where = node;
        else
            SL_TRY(sl_bind_make_operator(c->binder, SL_FN_AND, node->position, both, 2,
                                         &lookup->where, err));
        return SL_OK;
    }
    return is_comparison(node) ? add_comparison(c, inner, lookup, node, err)
                               : sl_correlated_fail(c, node->position, err);
}

/* What a table can be made of: LIMIT 1, without an order, asks for any row. */
static bool
is_simple(const struct sl_syntax_select *select, bool *out_any)
{
    const struct sl_node *limit = select->limit;

    *out_any = limit != NULL && limit->kind == SL_NODE_INTEGER && sl_slice_is(limit->text, "1") &&
               select->order_count == 0;
    return select->next_union == NULL && select->group_count == 0 && select->having == NULL &&
           select->offset == NULL && (limit == NULL || *out_any);
}

bool
sl_correlated_has_aggregate(const struct sl_node *node)
{
    if (node == NULL || sl_bind_is_aggregate(node))
        return node != NULL;
    for (uint32_t i = 0; i < node->arg_count; i++)
        if (sl_correlated_has_aggregate(node->args[i]))
            return true;
    return sl_correlated_has_aggregate(node->operand);
}

/* ---- each kind of subquery ---- */

/* An aggregate becomes a column; what it is of no row is said around. */
static sl_status
lift_aggregate(struct sl_correlated *c, struct sl_lookup *lookup, struct sl_node *aggregate,
               struct sl_node **out_node, struct sl_error *err)
{
    struct sl_node *args[2] = {NULL, NULL};
    bool is_bits = sl_slice_is(aggregate->text, "BIT_OR") ||
                   sl_slice_is(aggregate->text, "BIT_AND") ||
                   sl_slice_is(aggregate->text, "BIT_XOR");
    bool is_count = sl_slice_is(aggregate->text, "COUNT") ||
                    sl_slice_is(aggregate->text, "APPROX_COUNT_DISTINCT");

    if (is_bits)
        return sl_correlated_fail(c, aggregate->position, err);
    SL_TRY(sl_lookup_add(c, lookup, aggregate, &args[0], err));
    *out_node = args[0];
    if (!is_count)
        return SL_OK;
    SL_TRY(sl_bind_make_number(c->binder, 0, aggregate->position, &args[1], err));
    return sl_bind_make_call(c->binder, "IFNULL", aggregate->position, args, 2, out_node, err);
}

/* An expression over aggregates, as one over their columns; it names no other column of the subquery. */
static sl_status
lift(struct sl_correlated *c, const struct sl_scope *inner, struct sl_lookup *lookup,
     struct sl_node *node, struct sl_node **out_node, struct sl_error *err)
{
    *out_node = node;
    if (sl_bind_is_aggregate(node))
        return lift_aggregate(c, lookup, node, out_node, err);
    if (node->kind == SL_NODE_NAME && sl_bind_is_column(inner, node))
        return sl_correlated_fail(c, node->position, err);
    if (node->arg_count == 0 && node->operand == NULL)
        return SL_OK;
    struct sl_node *copy = sl_arena_calloc(c->binder->typing.arena, 1, sizeof(*copy));
    struct sl_node **args =
        sl_arena_calloc(c->binder->typing.arena, (size_t)node->arg_count + 1, sizeof(*args));
    if (copy == NULL || args == NULL)
        return sl_fail_memory(err);
    *copy = *node;
    copy->args = args;
    for (uint32_t i = 0; i < node->arg_count; i++)
        SL_TRY(lift(c, inner, lookup, node->args[i], &args[i], err));
    if (node->operand != NULL)
        SL_TRY(lift(c, inner, lookup, node->operand, &copy->operand, err));
    *out_node = copy;
    return SL_OK;
}

/* (SELECT x ...): any row's x, and how many rows there were, unless one was asked for. */
static sl_status
join_row(struct sl_correlated *c, struct sl_lookup *lookup, struct sl_node *value, bool is_any,
         struct sl_node **out_node, struct sl_error *err)
{
    struct sl_node *any = NULL, *star = NULL, *count = NULL, *args[2] = {NULL, NULL};

    SL_TRY(sl_bind_make_call(c->binder, "ANY_VALUE", value->position, &value, 1, &any, err));
    SL_TRY(sl_lookup_add(c, lookup, any, &args[0], err));
    *out_node = args[0];
    if (is_any)
        return SL_OK;
    SL_TRY(sl_bind_make_star(c->binder, value->position, &star, err));
    SL_TRY(sl_bind_make_call(c->binder, "COUNT", value->position, &star, 1, &count, err));
    SL_TRY(sl_lookup_add(c, lookup, count, &args[1], err));
    return sl_bind_make_operator(c->binder, SL_FN_SINGLE, value->position, args, 2, out_node, err);
}

static sl_status
join_value(struct sl_correlated *c, const struct sl_scope *inner, struct sl_lookup *lookup,
           bool is_any, struct sl_node **out_node, struct sl_error *err)
{
    const struct sl_syntax_select *select = lookup->select;
    struct sl_node *value = select->items[0].expr;

    if (select->item_count != 1 || value->kind == SL_NODE_STAR)
        return sl_bind_fail(c->binder, err, SL_TYPE, 1241, lookup->position,
                            "the subquery must have 1 column");
    if (select->is_distinct || (names_of(c, inner, value) & SL_OF_OUTER) != 0)
        return sl_correlated_fail(c, lookup->position, err);
    SL_TRY(sl_lookup_open(c, lookup, err));
    if (sl_correlated_has_aggregate(value))
        SL_TRY(lift(c, inner, lookup, value, out_node, err));
    else
        SL_TRY(join_row(c, lookup, value, is_any, out_node, err));
    return sl_lookup_join(c, lookup, SL_JOIN_LEFT, err);
}

/* *out_node stays the node when it is no such subquery. */
static sl_status
join_subquery(struct sl_correlated *c, struct sl_node *node, bool must, struct sl_node **out_node,
              struct sl_error *err)
{
    struct sl_lookup lookup = {.select = node->select, .position = node->position};
    struct sl_scope inner;
    bool is_any = false;

    *out_node = node;
    if (node->select->next_union != NULL)
        return SL_OK;
    SL_TRY(open_scope(c->binder, node->select, &inner, err));
    if ((names_of_select(c, &inner, node->select) & SL_OF_OUTER) == 0)
        return SL_OK;
    if (!is_simple(node->select, &is_any))
        return sl_correlated_fail(c, node->position, err);
    SL_TRY(split_where(c, &inner, &lookup, node->select->where, err));
    if (lookup.bound != NULL && (lookup.key_count == 0 || node->kind != SL_NODE_EXISTS))
        return sl_correlated_fail(c, lookup.bound->position, err);
    if (lookup.key_count == 0)
        return sl_correlated_fail(c, node->position, err);
    switch (node->kind) {
    case SL_NODE_EXISTS:
        return sl_bind_exists(c, &inner, &lookup, must, out_node, err);
    case SL_NODE_IN_SELECT:
        return sl_bind_member(c, &inner, &lookup, node, must, out_node, err);
    default:
        return join_value(c, &inner, &lookup, is_any, out_node, err);
    }
}

/* ---- the select around ---- */

static bool
is_subquery(const struct sl_node *node)
{
    return node->kind == SL_NODE_SELECT || node->kind == SL_NODE_EXISTS ||
           node->kind == SL_NODE_IN_SELECT;
}

static bool
has_subquery(const struct sl_node *node)
{
    if (node == NULL || is_subquery(node))
        return node != NULL;
    for (uint32_t i = 0; i < node->arg_count; i++)
        if (has_subquery(node->args[i]))
            return true;
    return has_subquery(node->operand);
}

/* The node with its subqueries joined: a copy of what changes. */
static sl_status
rewrite(struct sl_correlated *c, struct sl_node *node, bool must, struct sl_node **out_node,
        struct sl_error *err)
{
    *out_node = node;
    if (!has_subquery(node))
        return SL_OK;
    if (is_subquery(node))
        return join_subquery(c, node, must, out_node, err);
    struct sl_node *copy = sl_arena_calloc(c->binder->typing.arena, 1, sizeof(*copy));
    struct sl_node **args =
        sl_arena_calloc(c->binder->typing.arena, (size_t)node->arg_count + 1, sizeof(*args));
    if (copy == NULL || args == NULL)
        return sl_fail_memory(err);
    bool is_and = node->kind == SL_NODE_OPERATOR && node->function == SL_FN_AND;
    *copy = *node;
    copy->args = args;
    for (uint32_t i = 0; i < node->arg_count; i++)
        SL_TRY(rewrite(c, node->args[i], must && is_and, &args[i], err));
    if (node->operand != NULL)
        SL_TRY(rewrite(c, node->operand, false, &copy->operand, err));
    *out_node = copy;
    return SL_OK;
}

/* What WITH ROLLUP has of HAVING is of its totals too, and behind UNION, ORDER BY is of the chain. */
static bool
has_own_having(const struct sl_syntax_select *syntax)
{
    return syntax->having != NULL && !syntax->is_rollup;
}

static bool
has_own_orders(const struct sl_syntax_select *syntax)
{
    return syntax->order_count > 0 && !syntax->is_rollup && syntax->next_union == NULL;
}

static bool
may_correlate(const struct sl_syntax_select *syntax)
{
    bool is_found =
        has_subquery(syntax->where) || (has_own_having(syntax) && has_subquery(syntax->having));

    for (uint32_t i = 0; i < syntax->order_count && has_own_orders(syntax) && !is_found; i++)
        is_found = has_subquery(syntax->orders[i].expr);

    for (uint32_t i = 0; i < syntax->item_count && !is_found; i++)
        is_found = has_subquery(syntax->items[i].expr);
    return is_found && (syntax->table.size_bytes > 0 || syntax->subselect != NULL);
}

static sl_status
rewrite_orders(struct sl_correlated *c, const struct sl_syntax_select *syntax, struct sl_error *err)
{
    struct sl_order_item *orders =
        sl_arena_calloc(c->binder->typing.arena, syntax->order_count, sizeof(*orders));

    if (orders == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < syntax->order_count; i++) {
        orders[i] = syntax->orders[i];
        SL_TRY(rewrite(c, syntax->orders[i].expr, false, &orders[i].expr, err));
    }
    c->select.orders = orders;
    return SL_OK;
}

sl_status
sl_bind_correlated(struct sl_binder *b, const struct sl_syntax_select *syntax,
                   const struct sl_syntax_select **out_syntax, struct sl_error *err)
{
    *out_syntax = syntax;
    if (!may_correlate(syntax))
        return SL_OK;
    struct sl_correlated *c = sl_arena_calloc(b->typing.arena, 1, sizeof(*c));
    struct sl_item *items = sl_arena_calloc(b->typing.arena, syntax->item_count, sizeof(*items));
    if (c == NULL || items == NULL)
        return sl_fail_memory(err);
    c->binder = b;
    c->select = *syntax;
    c->select.items = items;
    SL_TRY(open_scope(b, syntax, &c->outer, err));
    if (syntax->where != NULL)
        SL_TRY(rewrite(c, syntax->where, true, &c->select.where, err));
    for (uint32_t i = 0; i < syntax->item_count; i++) {
        items[i] = syntax->items[i];
        SL_TRY(rewrite(c, syntax->items[i].expr, false, &items[i].expr, err));
    }
    if (has_own_having(syntax))
        SL_TRY(rewrite(c, syntax->having, false, &c->select.having, err));
    if (has_own_orders(syntax))
        SL_TRY(rewrite_orders(c, syntax, err));
    if (c->select.join_count > syntax->join_count)
        *out_syntax = &c->select;
    return SL_OK;
}
