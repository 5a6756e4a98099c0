/*
 * bind_subquery.c - x IN (select): what runs before the statement that it stands in.
 *
 * The select sees no columns of the one around it. It is allowed in a WHERE only: there the tree
 * is used as it was bound, so that the place of the list can be filled later; elsewhere the tree
 * may be copied, and a view's column may be used in any place.
 */
#include "query/bind.h"
#include "query/value.h"

sl_status
sl_bind_in_select(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
                  struct sl_error *err)
{
    struct sl_arena *arena = s->binder->typing.arena;
    struct sl_subquery *subquery = sl_arena_calloc(arena, 1, sizeof(*subquery));
    struct sl_expr *in = sl_arena_calloc(arena, 1, sizeof(*in));
    struct sl_expr **args = sl_arena_calloc(arena, 1, sizeof(struct sl_expr *));

    if (subquery == NULL || in == NULL || args == NULL)
        return sl_fail_memory(err);
    if (!s->in_where)
        return sl_bind_fail(s->binder, err, SL_UNSUPPORTED, 1235, node->position,
                            "a subquery behind IN is supported in WHERE only");
    SL_TRY(sl_bind_expr(s, node->args[0], &subquery->left, err));
    SL_TRY(sl_bind_chain(s->binder, node->select, &subquery->select, err));
    if (subquery->select->visible_count != 1)
        return sl_bind_fail(s->binder, err, SL_TYPE, 1241, node->position,
                            "a subquery behind IN has one column");
    args[0] = subquery->left;
    *in = (struct sl_expr){.kind = SL_EXPR_CALL,
                           .type = {.type = SL_TYPE_BOOL, .is_nullable = true},
                           .position = node->position,
                           .function = sl_function_at(SL_FN_IN),
                           .args = args,
                           .arg_count = 1,
                           .depth = subquery->left->depth + 1,
                           .weight = subquery->left->weight + 1};
    subquery->in = in;
    subquery->next = s->binder->subqueries;
    s->binder->subqueries = subquery;
    *out_expr = in;
    return SL_OK;
}

struct sl_subquery *
sl_bind_subqueries(struct sl_binder *b)
{
    struct sl_subquery *first = NULL;

    while (b->subqueries != NULL) {
        struct sl_subquery *subquery = b->subqueries;
        b->subqueries = subquery->next;
        subquery->next = first;
        first = subquery;
    }
    return first;
}
