/*
 * bounds_side.c - see bounds_side.h.
 */
#include "query/bounds_side.h"

#include "query/value.h"
#include "storage/base/clock.h"

enum {
    SECONDS_SLACK = 1,      /* UNIX_TIMESTAMP may round; its fraction lies between integers */
    FACTOR_MAX = 1000000000 /* nanoseconds */
};

/* Beyond every column's values, also in the greatest unit, and yet no product of both overflows. */
#define FAR ((sl_i128)1 << 80)

bool
sl_bound_is_constant(const struct sl_expr *expr)
{
    return expr->kind == SL_EXPR_CONST && !expr->value.is_null;
}

bool
sl_bound_integer(const struct sl_expr *expr, sl_i128 *out)
{
    const struct sl_value *value = &expr->value;

    if (!sl_bound_is_constant(expr))
        return false;
    if (sl_type_is_signed(value->type))
        *out = value->as.i64;
    else if (sl_type_is_unsigned(value->type))
        *out = value->type == SL_TYPE_BOOL ? (value->as.u64 & 0xff) != 0 : value->as.u64;
    else
        return false;
    return true;
}

static bool
whole_decimal(const struct sl_expr *expr, sl_i128 *out)
{
    if (!sl_bound_is_constant(expr) || expr->value.type != SL_TYPE_DECIMAL)
        return false;
    sl_i128 unit = sl_power_of_ten(expr->value.scale);
    *out = expr->value.as.i128 / unit;
    return expr->value.as.i128 % unit == 0 && *out > -FAR && *out < FAR;
}

bool
sl_bound_side_integer(const struct sl_bound_side *side, const struct sl_expr *constant,
                      sl_i128 *out)
{
    return sl_bound_integer(constant, out) ||
           (side->form == SL_SIDE_TIME && whole_decimal(constant, out));
}

const struct sl_column *
sl_bound_column(const struct sl_expr *expr, const struct sl_input *inputs)
{
    return expr->kind == SL_EXPR_INPUT ? inputs[expr->slot].column : NULL;
}

bool
sl_bound_interval(enum sl_function_id id, sl_i128 value, sl_i128 *low, sl_i128 *high)
{
    *low = -FAR;
    *high = FAR;
    switch ((int)id) {
    case SL_FN_EQ:
    case SL_FN_NULL_EQ:
        *low = *high = value;
        return true;
    case SL_FN_LT:
        *high = value - 1;
        return true;
    case SL_FN_LE:
        *high = value;
        return true;
    case SL_FN_GT:
        *low = value + 1;
        return true;
    case SL_FN_GE:
        *low = value;
        return true;
    default:
        return false;
    }
}

/* x * constant is x, counted in smaller steps. */
static const struct sl_expr *
without_factor(const struct sl_expr *expr, sl_i128 *out_factor)
{
    sl_i128 factor;

    if (!sl_expr_is_call(expr, SL_FN_MUL) ||
        (!sl_bound_integer(expr->args[1], &factor) && !whole_decimal(expr->args[1], &factor)) ||
        factor < 1 || factor > FACTOR_MAX)
        return expr;
    *out_factor = factor;
    return expr->args[0];
}

/*
 * Functions of a time that rise with it: an interval of the function's values is an interval of
 * times, widened by as much as the function may have rounded.
 */
static bool
is_of_time(const struct sl_expr *expr, const struct sl_input *inputs, struct sl_bound_side *side)
{
    sl_i128 step = 0;

    expr = without_factor(expr, &side->factor);
    if (expr->kind != SL_EXPR_CALL || expr->arg_count == 0)
        return false;
    const struct sl_column *column = sl_bound_column(expr->args[0], inputs);
    if (column == NULL || column->type != SL_TYPE_TIME)
        return false;
    side->column = column;
    switch ((int)expr->function->id) {
    case SL_FN_UNIX_TIMESTAMP:
        side->unit_us = SL_US_PER_S;
        side->slack_us = (sl_i128)SECONDS_SLACK * SL_US_PER_S;
        return true;
    case SL_FN_UNIX_BUCKET:
        side->unit_us = SL_US_PER_S;
        break;
    case SL_FN_TIME_BUCKET:
        side->unit_us = 1;
        break;
    case SL_FN_DATE:
        side->unit_us = SL_US_PER_DAY;
        side->slack_us = (sl_i128)2 * SL_US_PER_DAY; /* time zones */
        return true;
    default:
        return false;
    }
    if (expr->arg_count < 2 || !sl_bound_integer(expr->args[1], &step) || step <= 0 ||
        step > INT32_MAX)
        return false;
    side->slack_us = step * SL_US_PER_S;
    return true;
}

/* INET_ATON(column), cast between integers or not. */
static bool
is_of_address(const struct sl_expr *expr, const struct sl_input *inputs, struct sl_bound_side *side)
{
    while (sl_expr_is_call(expr, SL_FN_CAST) && sl_type_is_integer(expr->type.type) &&
           sl_type_is_integer(expr->args[0]->type.type))
        expr = expr->args[0];
    if (!sl_expr_is_call(expr, SL_FN_INET_ATON))
        return false;
    side->column = sl_bound_column(expr->args[0], inputs);
    side->form = SL_SIDE_IPV4;
    return side->column != NULL && side->column->type == SL_TYPE_ADDR;
}

/* IFNULL(x, constant), which is IF(x IS NULL, constant, x), and IF(IS_IPV6(x), x, constant). */
static const struct sl_expr *
without_fallback(const struct sl_expr *expr, const struct sl_expr **out_fallback)
{
    *out_fallback = NULL;
    if (!sl_expr_is_call(expr, SL_FN_IF) || expr->args[0]->kind != SL_EXPR_CALL)
        return expr;
    const struct sl_expr *test = expr->args[0];
    bool is_null = test->function->id == SL_FN_IS_NULL;
    bool is_family = test->function->id == SL_FN_IS_IPV6 || test->function->id == SL_FN_IS_IPV4;
    const struct sl_expr *kept = is_null ? expr->args[2] : expr->args[1];
    const struct sl_expr *fallback = is_null ? expr->args[1] : expr->args[2];
    if ((!is_null && !is_family) || !sl_bound_is_constant(fallback))
        return expr;
    *out_fallback = fallback;
    return kept;
}

bool
sl_bound_side_of(const struct sl_expr *expr, const struct sl_input *inputs,
                 struct sl_bound_side *out_side)
{
    struct sl_bound_side side = {.unit_us = 1, .factor = 1};

    expr = without_fallback(expr, &side.fallback);
    side.column = sl_bound_column(expr, inputs);
    bool is_found = side.column != NULL;
    if (!is_found && is_of_time(expr, inputs, &side)) {
        side.form = SL_SIDE_TIME;
        is_found = true;
    }
    is_found = is_found || is_of_address(expr, inputs, &side);
    *out_side = side;
    return is_found;
}

bool
sl_bound_side_excludes(const struct sl_bound_side *side, enum sl_function_id id,
                       const struct sl_expr *constant)
{
    sl_i128 fallback, value, low, high;

    if (side->fallback == NULL)
        return true;
    if (sl_bound_integer(side->fallback, &fallback) && sl_bound_integer(constant, &value))
        return sl_bound_interval(id, value, &low, &high) && (fallback < low || fallback > high);
    if (side->fallback->value.type == SL_TYPE_TEXT && constant->value.type == SL_TYPE_TEXT)
        return id == SL_FN_EQ && sl_text_compare(side->fallback->value.as.slice,
                                                 constant->value.as.slice, false) != 0;
    bool is_addr = side->fallback->value.type == SL_TYPE_ADDR &&
                   constant->value.type == SL_TYPE_ADDR && id == SL_FN_EQ;
    return is_addr && !sl_addr_equal(side->fallback->value.as.addr, constant->value.as.addr);
}

enum sl_function_id
sl_bound_mirror(enum sl_function_id id)
{
    switch ((int)id) {
    case SL_FN_LT:
        return SL_FN_GT;
    case SL_FN_LE:
        return SL_FN_GE;
    case SL_FN_GT:
        return SL_FN_LT;
    case SL_FN_GE:
        return SL_FN_LE;
    default:
        return id;
    }
}
