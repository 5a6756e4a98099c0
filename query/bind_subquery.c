/*
 * bind_subquery.c - selects inside expressions: what runs before the statement that it stands in.
 *
 * Such a select sees no columns of the one around it, but for those that bind_correlated.c makes
 * joins of. A node that is bound twice (an alias, both sides of `host`) is one subquery.
 */
#include "query/bind.h"
#include "query/bind_correlated.h"
#include "query/value.h"

static enum sl_subquery_kind
kind_of(const struct sl_node *node)
{
    if (node->kind == SL_NODE_EXISTS)
        return SL_SUBQUERY_EXISTS;
    return node->kind == SL_NODE_SELECT ? SL_SUBQUERY_VALUE : SL_SUBQUERY_LIST;
}

/* No more rows than decide are asked for; a list needs each value once. */
static void
cut_rows(enum sl_subquery_kind kind, struct sl_select *select)
{
    uint64_t needed = kind == SL_SUBQUERY_EXISTS ? 1 : 2;
    bool is_plain = select->next_union == NULL && select->order_count == 0 &&
                    select->limit == UINT64_MAX && select->offset == 0;

    if (kind != SL_SUBQUERY_LIST) {
        select->limit = select->limit < needed ? select->limit : needed;
        return;
    }
    /* Texts that differ in case alone are one to DISTINCT, and two to BINARY x IN (...). */
    for (uint32_t i = 0; i < select->visible_count; i++)
        is_plain = is_plain && select->outputs[i].expr->type.type != SL_TYPE_TEXT;
    select->is_distinct = select->is_distinct || is_plain;
}

static sl_status
bind_select(struct sl_scope *s, const struct sl_node *node, struct sl_subquery *subquery,
            struct sl_error *err)
{
    struct sl_binder *b = s->binder;
    const struct sl_scope *outer = b->outer;
    struct sl_scope around = *s;
    uint32_t width = subquery->kind == SL_SUBQUERY_LIST ? node->arg_count : 1;

    around.outer = outer;
    b->outer = &around;
    sl_status st = sl_bind_chain(b, node->select, &subquery->select, err);
    b->outer = outer;
    SL_TRY(st);
    if (subquery->kind != SL_SUBQUERY_EXISTS && subquery->select->visible_count != width)
        return sl_bind_fail(b, err, SL_TYPE, 1241, node->position,
                            "the subquery must have %u column%s", width, width == 1 ? "" : "s");
    cut_rows(subquery->kind, subquery->select);
    return SL_OK;
}

static sl_status
find_or_bind(struct sl_scope *s, const struct sl_node *node, struct sl_subquery **out_subquery,
             struct sl_error *err)
{
    struct sl_binder *b = s->binder;

    for (*out_subquery = b->subqueries; *out_subquery != NULL;
         *out_subquery = (*out_subquery)->next)
        if ((*out_subquery)->node == node)
            return SL_OK;
    struct sl_subquery *subquery = sl_arena_calloc(b->typing.arena, 1, sizeof(*subquery));
    if (subquery == NULL)
        return sl_fail_memory(err);
    subquery->kind = kind_of(node);
    subquery->node = node;
    SL_TRY(bind_select(s, node, subquery, err));
    subquery->type = (struct sl_sql_type){.type = SL_TYPE_BOOL};
    if (subquery->kind == SL_SUBQUERY_VALUE) {
        subquery->type = subquery->select->outputs[0].expr->type;
        subquery->type.is_nullable = true;
    }
    subquery->number = b->subquery_count++;
    subquery->next = b->subqueries;
    *out_subquery = b->subqueries = subquery;
    return SL_OK;
}

/* left IN (select): a call that is typed when the values are there. */
static sl_status
bind_in(struct sl_scope *s, const struct sl_node *node, struct sl_expr *leaf,
        struct sl_expr **out_expr, struct sl_error *err)
{
    struct sl_arena *arena = s->binder->typing.arena;
    struct sl_expr *in = sl_arena_calloc(arena, 1, sizeof(*in));
    struct sl_expr **args = sl_arena_calloc(arena, node->arg_count + 1, sizeof(struct sl_expr *));

    if (in == NULL || args == NULL)
        return sl_fail_memory(err);
    *in = (struct sl_expr){.kind = SL_EXPR_CALL,
                           .type = {.type = SL_TYPE_BOOL, .is_nullable = true},
                           .position = node->position,
                           .function = sl_function_at(SL_FN_IN),
                           .args = args,
                           .arg_count = node->arg_count + 1};
    for (uint32_t i = 0; i < node->arg_count; i++) {
        SL_TRY(sl_bind_expr(s, node->args[i], &args[i], err));
        in->weight += 1 + args[i]->weight;
        in->depth = args[i]->depth >= in->depth ? args[i]->depth + 1 : in->depth;
    }
    args[node->arg_count] = leaf;
    *out_expr = in;
    return SL_OK;
}

static sl_status
bind_once(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
          struct sl_error *err)
{
    struct sl_expr *leaf = sl_arena_calloc(s->binder->typing.arena, 1, sizeof(*leaf));
    struct sl_subquery *subquery = NULL;

    if (leaf == NULL)
        return sl_fail_memory(err);
    SL_TRY(find_or_bind(s, node, &subquery, err));
    *leaf = (struct sl_expr){.kind = SL_EXPR_SUBQUERY,
                             .type = subquery->type,
                             .position = node->position,
                             .slot = subquery->number};
    *out_expr = leaf;
    return subquery->kind == SL_SUBQUERY_LIST ? bind_in(s, node, leaf, out_expr, err) : SL_OK;
}

/* host IN (select), port IN (select): either side. */
static sl_status
bind_sides(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
           struct sl_error *err)
{
    struct sl_expr *source = NULL, *target = NULL;

    s->side = SL_SIDE_SOURCE;
    sl_status st = bind_once(s, node, &source, err);
    s->side = SL_SIDE_TARGET;
    if (st == SL_OK)
        st = bind_once(s, node, &target, err);
    s->side = SL_SIDE_NONE;
    SL_TRY(st);
    return sl_bind_op(s, SL_FN_OR, node->position, source, target, out_expr, err);
}

sl_status
sl_bind_subquery(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
                 struct sl_error *err)
{
    enum sl_key_kind kind;
    bool is_sided = node->kind == SL_NODE_IN_SELECT && node->arg_count == 1 &&
                    s->side == SL_SIDE_NONE && s->place == SL_PLACE_WHERE &&
                    sl_bind_is_sided(s, node->args[0], &kind);

    return is_sided ? bind_sides(s, node, out_expr, err) : bind_once(s, node, out_expr, err);
}

sl_status
sl_bind_row_count(struct sl_binder *b, const struct sl_syntax_select *syntax,
                  const struct sl_subquery **out_subquery, struct sl_error *err)
{
    struct sl_arena *arena = b->typing.arena;
    struct sl_syntax_select *all = sl_arena_alloc(arena, sizeof(*all));
    struct sl_item *item = sl_arena_calloc(arena, 1, sizeof(*item));
    struct sl_subquery *subquery = sl_arena_calloc(arena, 1, sizeof(*subquery));
    struct sl_node *star = NULL;

    if (all == NULL || item == NULL || subquery == NULL)
        return sl_fail_memory(err);
    *all = *syntax;
    all->orders = NULL;
    all->order_count = 0;
    all->limit = all->offset = NULL;
    SL_TRY(sl_bind_make_star(b, syntax->position, &star, err));
    SL_TRY(sl_bind_make_call(b, "COUNT", syntax->position, &star, 1, &item->expr, err));
    const struct sl_syntax_select count = {.position = syntax->position,
                                           .table_position = syntax->position,
                                           .subselect = all,
                                           .items = item,
                                           .item_count = 1};
    SL_TRY(sl_bind_chain(b, &count, &subquery->select, err));
    subquery->kind = SL_SUBQUERY_VALUE;
    subquery->type = subquery->select->outputs[0].expr->type;
    subquery->number = b->subquery_count++;
    subquery->next = b->subqueries;
    *out_subquery = b->subqueries = subquery;
    return SL_OK;
}

bool
sl_bind_is_outer(const struct sl_binder *b, const struct sl_node *node)
{
    for (const struct sl_scope *s = b->outer; s != NULL; s = s->outer)
        if (sl_bind_is_column(s, node))
            return true;
    return false;
}

void
sl_bind_give_subqueries(struct sl_binder *b, struct sl_statement *statement)
{
    while (b->subqueries != NULL) {
        struct sl_subquery *subquery = b->subqueries;
        b->subqueries = subquery->next;
        subquery->next = statement->subqueries;
        statement->subqueries = subquery;
    }
    statement->subquery_count = b->subquery_count;
}
