/*
 * subquery.c - see subquery.h.
 */
#include "query/subquery.h"

#include "query/plan.h"
#include "query/system_variable.h"
#include "query/types.h"
#include "query/value.h"
#include "storage/base/limits.h"

/* The arguments of an IN while they are gathered: its left side, then values. */
struct list {
    struct sl_typing *typing;
    struct sl_expr **args;
    uint32_t count;
    uint32_t capacity;
};

static sl_status
add_arg(struct list *list, struct sl_expr *arg, struct sl_error *err)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 64 : 2 * list->capacity;
        struct sl_expr **grown =
            sl_arena_calloc(list->typing->arena, capacity, sizeof(struct sl_expr *));
        if (grown == NULL)
            return sl_fail_memory(err);
        if (list->count > 0)
            memcpy(grown, list->args, list->count * sizeof(struct sl_expr *));
        list->args = grown;
        list->capacity = capacity;
    }
    list->args[list->count++] = arg;
    return SL_OK;
}

/* A value that lives as long as the statement. */
static sl_status
add_value(struct list *list, const struct sl_vector *vector, uint32_t row, struct sl_error *err)
{
    struct sl_value value = sl_vector_value(vector, row);
    struct sl_expr *constant;

    if (list->count > SL_SQL_IN_LIST_MAX)
        return sl_fail(err, SL_LIMIT, "a subquery behind IN gives more than %d values",
                       SL_SQL_IN_LIST_MAX);
    if (!value.is_null && sl_type_is_bytes(value.type)) {
        value.as.slice.bytes = (const uint8_t *)sl_arena_string(
            list->typing->arena, (const char *)value.as.slice.bytes, value.as.slice.size_bytes);
        if (value.as.slice.bytes == NULL)
            return sl_fail_memory(err);
    }
    SL_TRY(sl_expr_const(list->typing, 0, &value, &constant, err));
    return add_arg(list, constant, err);
}

static sl_status
add_values(struct list *list, struct sl_op *root, struct sl_error *err)
{
    struct sl_chunk chunk = {0};

    for (unsigned worker = 0; worker < root->width; worker++)
        do {
            SL_TRY(sl_op_next(root, worker, &chunk, err));
            for (uint32_t row = 0; row < chunk.count; row++)
                if (chunk.selection == NULL || sl_bit_get(chunk.selection, row))
                    SL_TRY(add_value(list, &chunk.inputs[0], row, err));
        } while (chunk.count != 0);
    return SL_OK;
}

/* `left IN ()` is false. */
static sl_status
fill_in(struct list *list, struct sl_expr *in, struct sl_error *err)
{
    const struct sl_value no = {.type = SL_TYPE_BOOL};
    struct sl_expr *filled;

    if (list->count == 1)
        SL_TRY(sl_expr_const(list->typing, in->position, &no, &filled, err));
    else
        SL_TRY(sl_expr_call(list->typing, list->count == 2 ? SL_FN_EQ : SL_FN_IN, in->position,
                            list->args, list->count, &filled, err));
    *in = *filled;
    return SL_OK;
}

static sl_status
run_one(struct sl_exec *exec, struct sl_typing *typing, struct sl_subquery *subquery,
        struct sl_error *err)
{
    struct list list = {.typing = typing};
    struct sl_op *root = NULL;

    SL_TRY(add_arg(&list, subquery->left, err));
    sl_status st = sl_plan_build(exec, subquery->select, &root, err);
    if (st == SL_OK)
        st = sl_op_start(root, err);
    if (st == SL_OK)
        st = add_values(&list, root, err);
    sl_op_close(root);
    return st == SL_OK ? fill_in(&list, subquery->in, err) : st;
}

sl_status
sl_subqueries_run(struct sl_exec *exec, struct sl_statement *statement, struct sl_error *err)
{
    struct sl_typing typing = {.arena = exec->arena, .now_us = statement->now_us, .text = ""};

    if (!sl_zone_find(exec->session->time_zone, &typing.zone))
        return sl_fail(err, SL_NAME, "unknown time zone");
    for (struct sl_subquery *s = statement->subqueries; s != NULL; s = s->next)
        SL_TRY(run_one(exec, &typing, s, err));
    return SL_OK;
}
