/*
 * bounds_time.c - see bounds_time.h.
 */
#include "query/bounds_time.h"

#include "query/bounds_side.h"

static bool
is_last_seen(const struct sl_expr *expr, const struct sl_input *inputs)
{
    const struct sl_column *column = sl_bound_column(expr, inputs);
    return column != NULL && column->is_core && column->index == SL_COLUMN_LAST_SEEN;
}

void
sl_bounds_find_time(struct sl_conjunct *conjunct, const struct sl_input *inputs)
{
    const struct sl_expr *expr = conjunct->expr;
    sl_i128 low = 0;
    sl_i128 high = 0;
    sl_i128 value;

    if (expr->kind != SL_EXPR_CALL || expr->arg_count < 2)
        return;
    enum sl_function_id id = expr->function->id;
    if (id == SL_FN_BETWEEN && is_last_seen(expr->args[0], inputs)) {
        if (!sl_bound_integer(expr->args[1], &low) || !sl_bound_integer(expr->args[2], &high) ||
            expr->args[1]->value.type != SL_TYPE_TIME || expr->args[2]->value.type != SL_TYPE_TIME)
            return;
    } else {
        const struct sl_expr *side = expr->args[0];
        const struct sl_expr *constant = expr->args[1];
        if (sl_bound_is_constant(side)) {
            side = expr->args[1];
            constant = expr->args[0];
            id = sl_bound_mirror(id);
        }
        if (!is_last_seen(side, inputs) || !sl_bound_integer(constant, &value) ||
            constant->value.type != SL_TYPE_TIME || !sl_bound_interval(id, value, &low, &high))
            return;
    }
    conjunct->is_time_range = true;
    conjunct->low_us = low < INT64_MIN ? INT64_MIN : low > INT64_MAX ? INT64_MAX : (int64_t)low;
    conjunct->high_us = high > INT64_MAX ? INT64_MAX : high < INT64_MIN ? INT64_MIN : (int64_t)high;
}

/* The time itself, below a conjunct that is a range of it. */
static struct sl_expr *
time_of(const struct sl_expr *expr)
{
    return sl_bound_is_constant(expr->args[0]) ? expr->args[1] : expr->args[0];
}

static struct sl_expr *
constant_time(const struct sl_expr *time, int64_t time_us, struct sl_arena *arena)
{
    struct sl_expr *expr = sl_arena_calloc(arena, 1, sizeof(*expr));
    if (expr == NULL)
        return NULL;
    *expr = (struct sl_expr){.kind = SL_EXPR_CONST, .type = time->type, .position = time->position};
    expr->type.is_nullable = false;
    expr->value = (struct sl_value){.type = SL_TYPE_TIME, .as.i64 = time_us};
    return expr;
}

sl_status
sl_bounds_join_times(struct sl_conjunct *range, const struct sl_conjunct *other,
                     uint32_t input_count, struct sl_arena *arena, struct sl_error *err)
{
    struct sl_expr *between = sl_arena_calloc(arena, 1, sizeof(*between));
    struct sl_expr **args = sl_arena_calloc(arena, 3, sizeof(*args));

    if (between == NULL || args == NULL)
        return sl_fail(err, SL_LIMIT, "statement is too large");
    if (other->low_us > range->low_us)
        range->low_us = other->low_us;
    if (other->high_us < range->high_us)
        range->high_us = other->high_us;
    *between = *range->expr;
    between->function = sl_function_at(SL_FN_BETWEEN);
    between->args = args;
    between->arg_count = 3;
    args[0] = time_of(range->expr);
    args[1] = constant_time(args[0], range->low_us, arena);
    args[2] = constant_time(args[0], range->high_us, arena);
    if (args[1] == NULL || args[2] == NULL)
        return sl_fail(err, SL_LIMIT, "statement is too large");
    range->expr = between;
    return sl_term_compile(between, input_count, arena, &range->term, err);
}
