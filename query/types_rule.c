/*
 * types_rule.c - type rules of comparisons, choices and arithmetic.
 */
#include "query/types.h"
#include "query/value.h"

static bool
any_nullable(const struct sl_expr *call)
{
    bool is_nullable = (call->function->flags & SL_FN_NULLABLE) != 0;

    for (uint32_t i = 0; i < call->arg_count; i++)
        is_nullable |= call->args[i]->type.is_nullable;
    return is_nullable;
}

/* What the sides of a comparison are, as bits by type class. */
struct sides {
    bool has_addr, has_mac, has_time, has_date, has_span, has_bytes, has_f64, has_decimal, has_int;
    bool has_number_column; /* a number that is no constant */
    bool is_binary;
    uint8_t scale;
    uint8_t time_scale;
};

static void
look_at(struct sides *s, const struct sl_expr *arg)
{
    bool is_number = false;

    switch (arg->type.type) {
    case SL_TYPE_ADDR:
        s->has_addr = true;
        break;
    case SL_TYPE_MAC:
        s->has_mac = true;
        break;
    case SL_TYPE_TIME:
        s->has_time = true;
        break;
    case SL_TYPE_DATE:
        s->has_date = true;
        break;
    case SL_TYPE_SPAN:
        s->has_span = true;
        break;
    case SL_TYPE_OCTETS:
        s->is_binary = true;
        s->has_bytes = true;
        break;
    case SL_TYPE_TEXT:
        s->is_binary |= arg->type.is_binary;
        s->has_bytes = true;
        break;
    case SL_TYPE_F64:
        s->has_f64 = true;
        is_number = true;
        break;
    case SL_TYPE_DECIMAL:
        s->has_decimal = true;
        is_number = true;
        s->scale = s->scale > arg->type.scale ? s->scale : arg->type.scale;
        break;
    case SL_TYPE_NULL:
        break;
    default:
        s->has_int = true;
        is_number = true;
    }
    s->has_number_column |= is_number && arg->kind != SL_EXPR_CONST;
}

/* The one type in which the sides are compared; SL_TYPE_NULL: integers, as they are. */
static struct sl_sql_type
common_type(const struct sides *s)
{
    struct sl_sql_type type = sl_sql_type_of(SL_TYPE_NULL);
    bool has_number = s->has_int || s->has_decimal || s->has_f64;

    if (s->has_addr) {
        type.type = SL_TYPE_ADDR;
    } else if (s->has_mac) {
        type.type = SL_TYPE_MAC;
    } else if ((s->has_time || s->has_date) && !s->has_number_column) {
        type.type = s->has_time || s->has_bytes || has_number ? SL_TYPE_TIME : SL_TYPE_DATE;
        type.scale = type.type == SL_TYPE_TIME ? 6 : 0;
    } else if (s->has_span && !has_number) {
        type.type = SL_TYPE_SPAN;
        type.scale = 6;
    } else if (s->has_time || s->has_date || s->has_span || s->has_f64 ||
               (s->has_bytes && has_number)) {
        type.type = SL_TYPE_F64;
    } else if (s->has_bytes) {
        type.type = SL_TYPE_TEXT;
        type.is_binary = s->is_binary;
    } else if (s->has_decimal) {
        type.type = SL_TYPE_DECIMAL;
        type.scale = s->scale;
    }
    return type;
}

/*
 * A constant that is compared with integers and is one, whatever it is written as ('6', 6.0,
 * 6e0), becomes one: the comparison stays exact, and bounds reach the scan.
 */
static sl_status
narrow_constant(struct sl_typing *t, struct sl_expr **arg, struct sl_error *err)
{
    const struct sl_expr *e = *arg;
    sl_i128 number = 0;
    bool is_whole = false;

    if (e->kind != SL_EXPR_CONST || e->value.is_null)
        return SL_OK;
    if (e->type.type == SL_TYPE_F64 && e->value.as.f64 > -9e15 && e->value.as.f64 < 9e15) {
        number = (int64_t)e->value.as.f64;
        is_whole = (double)number == e->value.as.f64;
    } else if (e->type.type == SL_TYPE_DECIMAL) {
        sl_i128 power = sl_power_of_ten(e->value.scale);
        number = e->value.as.i128 / power;
        is_whole = e->value.as.i128 % power == 0;
    } else if (e->type.type == SL_TYPE_TEXT) {
        is_whole = sl_text_to_decimal(e->value.as.slice, 6, &number) && number % 1000000 == 0;
        number /= 1000000;
    }
    if (!is_whole || number > INT64_MAX || number < INT64_MIN)
        return SL_OK;
    return sl_expr_const_i64(t, e->position, (int64_t)number, arg, err);
}

/* Constants that cannot be what the column is: an error instead of a silent NULL. */
static sl_status
check_constant(struct sl_typing *t, const struct sl_expr *before, const struct sl_expr *after,
               struct sl_error *err)
{
    bool is_bad = before->kind == SL_EXPR_CONST && !before->value.is_null &&
                  after->kind == SL_EXPR_CONST && after->value.is_null;

    if (!is_bad)
        return SL_OK;
    if (after->type.type == SL_TYPE_ADDR)
        return sl_typing_fail(t, err, 1411, before->position, "this is not an address");
    if (after->type.type == SL_TYPE_MAC)
        return sl_typing_fail(t, err, 1411, before->position, "this is not a MAC address");
    return sl_typing_fail(t, err, 1525, before->position, "this is not a date or time");
}

sl_status
sl_type_compare(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    struct sides sides = {0};

    for (uint32_t i = 0; i < call->arg_count; i++)
        look_at(&sides, call->args[i]);
    if (sides.has_int && sides.has_number_column && !sides.has_addr && !sides.has_mac &&
        !sides.has_time && !sides.has_date && !sides.has_span) {
        for (uint32_t i = 0; i < call->arg_count; i++)
            SL_TRY(narrow_constant(t, &call->args[i], err));
        sides = (struct sides){0};
        for (uint32_t i = 0; i < call->arg_count; i++)
            look_at(&sides, call->args[i]);
    }
    struct sl_sql_type type = common_type(&sides);
    for (uint32_t i = 0; i < call->arg_count; i++) {
        const struct sl_expr *before = call->args[i];
        if (type.type == SL_TYPE_NULL)
            break;
        if (type.type == SL_TYPE_TIME && before->type.type == SL_TYPE_TIME)
            continue; /* digits shown do not matter to order */
        SL_TRY(sl_expr_coerce(t, &call->args[i], &type, err));
        SL_TRY(check_constant(t, before, call->args[i], err));
    }
    call->type = sl_sql_type_of(SL_TYPE_BOOL);
    call->type.is_binary = type.is_binary; /* for the row function and the kernels */
    call->type.is_nullable = call->function->id != SL_FN_NULL_EQ && any_nullable(call);
    return SL_OK;
}

sl_status
sl_type_like(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    struct sl_sql_type text = sl_sql_type_of(SL_TYPE_TEXT);
    bool is_binary = false;

    for (uint32_t i = 0; i < call->arg_count; i++) {
        SL_TRY(sl_expr_coerce(t, &call->args[i], &text, err));
        is_binary |= call->args[i]->type.is_binary;
    }
    call->type = sl_sql_type_of(SL_TYPE_BOOL);
    call->type.is_binary = is_binary;
    call->type.is_nullable = any_nullable(call);
    return SL_OK;
}

sl_status
sl_type_if(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    struct sl_sql_type truth = sl_sql_type_of(SL_TYPE_BOOL);

    SL_TRY(sl_expr_coerce(t, &call->args[0], &truth, err));
    SL_TRY(sl_expr_unify(t, &call->args[1], 2, &call->type, err));
    call->type.is_nullable = call->args[1]->type.is_nullable || call->args[2]->type.is_nullable;
    return SL_OK;
}

/* SINGLE(value, rows that it is of) */
sl_status
sl_type_single(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    (void)t;
    (void)err;
    call->type = call->args[0]->type;
    call->type.is_nullable = true;
    return SL_OK;
}

sl_status
sl_type_unify(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    SL_TRY(sl_expr_unify(t, call->args, call->arg_count, &call->type, err));
    call->type.is_nullable = any_nullable(call);
    return SL_OK;
}

/* + - * MOD. Integers stay as wide as they come; the row function works in 128 bits. */
sl_status
sl_type_arithmetic(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    struct sl_sql_type a = sl_sql_type_numeric(&call->args[0]->type);
    struct sl_sql_type b = sl_sql_type_numeric(&call->args[1]->type);
    struct sl_sql_type type = sl_sql_type_of(SL_TYPE_I64);

    if (a.type == SL_TYPE_F64 || b.type == SL_TYPE_F64) {
        type.type = SL_TYPE_F64;
        a = b = type;
    } else if (a.type == SL_TYPE_DECIMAL || b.type == SL_TYPE_DECIMAL) {
        unsigned scale = call->function->id == SL_FN_MUL ? (unsigned)a.scale + b.scale
                         : a.scale > b.scale             ? a.scale
                                                         : b.scale;
        type.type = a.type = b.type = SL_TYPE_DECIMAL;
        type.scale = (uint8_t)(scale > SL_DECIMAL_SCALE_MAX ? SL_DECIMAL_SCALE_MAX : scale);
        if (call->function->id != SL_FN_MUL)
            a.scale = b.scale = type.scale;
    } else if (a.type != SL_TYPE_I64 ||
               (b.type != SL_TYPE_I64 && call->function->id != SL_FN_MOD)) {
        type.type = SL_TYPE_U64;
    }
    SL_TRY(sl_expr_coerce(t, &call->args[0], &a, err));
    SL_TRY(sl_expr_coerce(t, &call->args[1], &b, err));
    type.is_nullable = any_nullable(call);
    call->type = type;
    return SL_OK;
}

sl_status
sl_type_divide(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    struct sl_sql_type a = sl_sql_type_numeric(&call->args[0]->type);
    struct sl_sql_type b = sl_sql_type_numeric(&call->args[1]->type);
    struct sl_sql_type type = sl_sql_type_of(SL_TYPE_F64);

    if (a.type == SL_TYPE_F64 || b.type == SL_TYPE_F64) {
        a = b = type;
    } else {
        a.type = b.type = type.type = SL_TYPE_DECIMAL;
        type.scale =
            (uint8_t)(a.scale + 4 > SL_DECIMAL_SCALE_MAX ? SL_DECIMAL_SCALE_MAX : a.scale + 4);
    }
    SL_TRY(sl_expr_coerce(t, &call->args[0], &a, err));
    SL_TRY(sl_expr_coerce(t, &call->args[1], &b, err));
    call->type = type;
    return SL_OK;
}

sl_status
sl_type_int_div(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    struct sl_sql_type type = sl_sql_type_of(SL_TYPE_I64);

    for (uint32_t i = 0; i < 2; i++) {
        struct sl_sql_type number = sl_sql_type_numeric(&call->args[i]->type);
        if (number.type == SL_TYPE_F64) {
            number.type = SL_TYPE_DECIMAL;
            number.scale = 9;
        }
        SL_TRY(sl_expr_coerce(t, &call->args[i], &number, err));
        if (sl_type_is_unsigned(number.type))
            type.type = SL_TYPE_U64;
    }
    call->type = type;
    return SL_OK;
}

/* -x and ABS(x). */
sl_status
sl_type_negate(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    struct sl_sql_type type = sl_sql_type_numeric(&call->args[0]->type);
    bool is_abs = call->function->id == SL_FN_ABS;

    SL_TRY(sl_expr_coerce(t, &call->args[0], &type, err));
    if (sl_type_is_integer(type.type))
        type.type = is_abs && type.type != SL_TYPE_I64 ? SL_TYPE_U64 : SL_TYPE_I64;
    type.is_nullable = any_nullable(call);
    call->type = type;
    return SL_OK;
}

/* FLOOR, CEIL */
sl_status
sl_type_integral(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    struct sl_sql_type type = sl_sql_type_numeric(&call->args[0]->type);

    SL_TRY(sl_expr_coerce(t, &call->args[0], &type, err));
    if (type.type == SL_TYPE_DECIMAL)
        type.type = SL_TYPE_I64;
    else if (sl_type_is_unsigned(type.type))
        type.type = SL_TYPE_U64;
    type.scale = 0;
    type.is_nullable = any_nullable(call);
    call->type = type;
    return SL_OK;
}

/* ROUND(x[, d]), TRUNCATE(x, d): a constant d is the scale of the result. */
sl_status
sl_type_round(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    struct sl_sql_type type = sl_sql_type_numeric(&call->args[0]->type);
    struct sl_sql_type digits = sl_sql_type_of(SL_TYPE_I64);

    SL_TRY(sl_expr_coerce(t, &call->args[0], &type, err));
    if (call->arg_count == 2)
        SL_TRY(sl_expr_coerce(t, &call->args[1], &digits, err));
    if (type.type == SL_TYPE_DECIMAL) {
        int64_t wanted = 0;
        if (call->arg_count == 2)
            wanted =
                call->args[1]->kind == SL_EXPR_CONST ? call->args[1]->value.as.i64 : type.scale;
        if (wanted < type.scale)
            type.scale = (uint8_t)(wanted < 0 ? 0 : wanted);
    } else if (sl_type_is_unsigned(type.type)) {
        type.type = SL_TYPE_U64;
    }
    type.is_nullable = any_nullable(call);
    call->type = type;
    return SL_OK;
}

/* HEX of a number is that of its integer, of a text that of its bytes. */
sl_status
sl_type_hex(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    struct sl_sql_type type = sl_sql_type_of(SL_TYPE_U64);

    if (!sl_type_is_bytes(call->args[0]->type.type))
        SL_TRY(sl_expr_coerce(t, &call->args[0], &type, err));
    call->type = sl_sql_type_of(SL_TYPE_TEXT);
    call->type.length = 255;
    call->type.is_nullable = any_nullable(call);
    return SL_OK;
}

/* FORMAT(x, d): x as a DECIMAL of d digits. */
sl_status
sl_type_format(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    struct sl_sql_type digits = sl_sql_type_of(SL_TYPE_I64);
    struct sl_sql_type number = sl_sql_type_of(SL_TYPE_DECIMAL);

    SL_TRY(sl_expr_coerce(t, &call->args[1], &digits, err));
    if (call->args[1]->kind == SL_EXPR_CONST && call->args[1]->value.as.i64 > 0)
        number.scale =
            (uint8_t)(call->args[1]->value.as.i64 > 10 ? 10 : call->args[1]->value.as.i64);
    SL_TRY(sl_expr_coerce(t, &call->args[0], &number, err));
    call->type = sl_sql_type_of(SL_TYPE_TEXT);
    call->type.length = 64;
    call->type.is_nullable = any_nullable(call);
    return SL_OK;
}
