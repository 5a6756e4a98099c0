/*
 * bind_concat.c - GROUP_CONCAT([DISTINCT] x, ... [ORDER BY y [DESC], ...] [SEPARATOR 's']).
 *
 * The values of several arguments are one text. With an ORDER BY the argument of the aggregate is a
 * call of SORTED, whose bytes bring their order along; without, texts stand in their own. Of texts that DISTINCT
 * takes for one, the first in the order is it.
 */
#include "query/bind.h"
#include "query/value.h"

enum { CONCAT_ORDERS_MAX = 16 };

static sl_status
bind_text(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_text,
          struct sl_error *err)
{
    struct sl_sql_type text = sl_sql_type_of(SL_TYPE_TEXT);
    struct sl_expr **args =
        sl_arena_calloc(s->binder->typing.arena, node->arg_count, sizeof(struct sl_expr *));

    if (args == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < node->arg_count; i++)
        SL_TRY(sl_bind_expr(s, node->args[i], &args[i], err));
    *out_text = args[0];
    if (node->arg_count > 1)
        return sl_expr_call(&s->binder->typing, SL_FN_CONCAT, node->position, args, node->arg_count,
                            out_text, err);
    return sl_expr_coerce(&s->binder->typing, out_text, &text, err);
}

/* A number is that of an argument. */
static sl_status
bind_order(struct sl_scope *s, const struct sl_node *node, const struct sl_node *order,
           struct sl_expr **out_expr, struct sl_error *err)
{
    if (order->kind != SL_NODE_INTEGER)
        return sl_bind_expr(s, order, out_expr, err);
    uint32_t number = order->text.size_bytes == 1 ? (uint32_t)(order->text.bytes[0] - '0') : 0;
    if (number == 0 || number > node->arg_count)
        return sl_bind_fail(s->binder, err, SL_NAME, 1054, order->position,
                            "there is no argument of this number");
    return sl_bind_expr(s, node->args[number - 1], out_expr, err);
}

sl_status
sl_bind_concat(struct sl_scope *s, const struct sl_node *node, struct sl_aggregate *a,
               struct sl_error *err)
{
    struct sl_expr *args[2 + CONCAT_ORDERS_MAX] = {NULL};
    int64_t directions = 0;

    SL_TRY(bind_text(s, node, &a->argument, err));
    if (node->order_count == 0)
        return SL_OK;
    if (node->order_count > CONCAT_ORDERS_MAX)
        return sl_bind_fail(s->binder, err, SL_LIMIT, 0, node->position,
                            "GROUP_CONCAT is ordered by at most %d values", CONCAT_ORDERS_MAX);
    for (uint32_t i = 0; i < node->order_count; i++) {
        SL_TRY(bind_order(s, node, node->orders[i].expr, &args[2 + i], err));
        directions |= (int64_t)node->orders[i].is_descending << i;
    }
    args[0] = a->argument;
    SL_TRY(sl_expr_const_i64(&s->binder->typing, node->position, directions, &args[1], err));
    a->is_ordered = true;
    return sl_expr_call(&s->binder->typing, SL_FN_SORTED, node->position, args,
                        2 + node->order_count, &a->argument, err);
}
