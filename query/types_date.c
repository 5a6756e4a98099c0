/*
 * types_date.c - type rules of dates, of lengths of time, and of what reads them from texts.
 */
#include "query/syntax.h"
#include "query/types.h"
#include "query/value.h"

/* Digits behind the point of a text that is a time, at most 6. */
static uint8_t
digits_of_text(struct sl_slice text)
{
    const uint8_t *dot = memchr(text.bytes, '.', text.size_bytes);
    uint8_t digits = 0;

    if (dot == NULL)
        return 0;
    for (dot++; dot < text.bytes + text.size_bytes && *dot >= '0' && *dot <= '9' && digits < 6;
         dot++)
        digits++;
    return digits;
}

/* Digits behind the second that an argument has: those of its type, of a constant text its own. */
static uint8_t
digits_of(const struct sl_expr *arg)
{
    switch (arg->type.type) {
    case SL_TYPE_TIME:
    case SL_TYPE_SPAN:
        return arg->type.scale;
    case SL_TYPE_DECIMAL:
        return arg->type.scale > 6 ? 6 : arg->type.scale;
    case SL_TYPE_TEXT:
    case SL_TYPE_OCTETS:
        return arg->kind == SL_EXPR_CONST && !arg->value.is_null
                   ? digits_of_text(arg->value.as.slice)
                   : 6;
    case SL_TYPE_F64:
        return 6;
    default:
        return 0;
    }
}

/* A date, of the local clock. */
static sl_status
coerce_date(struct sl_typing *t, struct sl_expr **arg, struct sl_error *err)
{
    return sl_call_coerce(t, arg, SL_TYPE_DATE, 0, err);
}

/* WEEK(t[, mode]), WEEKOFYEAR(t), YEARWEEK(t[, mode]) */
sl_status
sl_type_week(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    SL_TRY(coerce_date(t, &call->args[0], err));
    if (call->arg_count > 1)
        SL_TRY(sl_call_coerce(t, &call->args[1], SL_TYPE_I64, 0, err));
    sl_call_set_type(call, SL_TYPE_I64, 0);
    return SL_OK;
}

/* SEC_TO_TIME(n): as many digits as n has. */
sl_status
sl_type_sec_to_time(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    uint8_t digits = digits_of(call->args[0]);

    SL_TRY(sl_call_coerce(t, &call->args[0], SL_TYPE_F64, 0, err));
    sl_call_set_type(call, SL_TYPE_SPAN, digits);
    return SL_OK;
}

/* MAKETIME(hour, minute, second) */
sl_status
sl_type_maketime(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    uint8_t digits = digits_of(call->args[2]);

    SL_TRY(sl_call_coerce(t, &call->args[0], SL_TYPE_I64, 0, err));
    SL_TRY(sl_call_coerce(t, &call->args[1], SL_TYPE_I64, 0, err));
    SL_TRY(sl_call_coerce(t, &call->args[2], SL_TYPE_DECIMAL, 6, err));
    sl_call_set_type(call, SL_TYPE_SPAN, digits);
    return SL_OK;
}

/* TIME(t): the time of day, or the length that t is. */
sl_status
sl_type_time_of_day(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    uint8_t digits = digits_of(call->args[0]);

    SL_TRY(sl_call_coerce(t, &call->args[0], SL_TYPE_SPAN, digits, err));
    sl_call_set_type(call, SL_TYPE_SPAN, digits);
    call->type.is_nullable = true;
    return SL_OK;
}

/* A length, or what is to be read as one: a constant text that is one, or a value that is no time. */
static bool
is_span(const struct sl_expr *arg)
{
    int64_t span_us;

    if (sl_type_is_bytes(arg->type.type))
        return arg->kind == SL_EXPR_CONST &&
               (arg->value.is_null || sl_text_to_span(arg->value.as.slice, &span_us));
    return arg->type.type == SL_TYPE_SPAN;
}

/* TIMEDIFF(a, b) */
sl_status
sl_type_timediff(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    bool are_spans = is_span(call->args[0]) && is_span(call->args[1]);
    uint8_t a = digits_of(call->args[0]), b = digits_of(call->args[1]);

    for (uint32_t i = 0; i < 2; i++) {
        if (are_spans)
            SL_TRY(sl_call_coerce(t, &call->args[i], SL_TYPE_SPAN, 6, err));
        else
            SL_TRY(sl_expr_local(t, &call->args[i], err));
    }
    sl_call_set_type(call, SL_TYPE_SPAN, a > b ? a : b);
    return SL_OK;
}

/* ADDTIME(t, length), SUBTIME: of the type of t. */
sl_status
sl_type_addtime(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    bool is_length = is_span(call->args[0]);
    uint8_t a = digits_of(call->args[0]), b = digits_of(call->args[1]);

    if (is_length)
        SL_TRY(sl_call_coerce(t, &call->args[0], SL_TYPE_SPAN, 6, err));
    else
        SL_TRY(sl_expr_local(t, &call->args[0], err));
    SL_TRY(sl_call_coerce(t, &call->args[1], SL_TYPE_SPAN, 6, err));
    SL_TRY(sl_expr_add_zone(t, call, err));
    sl_call_set_type(call, is_length ? SL_TYPE_SPAN : SL_TYPE_TIME, a > b ? a : b);
    return SL_OK;
}

/* What the letters of a format speak of. */
struct contents {
    bool has_date, has_clock, has_fraction;
};

static struct contents
contents_of(struct sl_slice format)
{
    struct contents c = {0};

    for (uint32_t i = 0; i + 1 < format.size_bytes; i++) {
        if (format.bytes[i] != '%')
            continue;
        char letter = (char)format.bytes[++i];
        c.has_fraction |= letter == 'f';
        c.has_clock |= letter != '\0' && strchr("HkhIlisSfprT", letter) != NULL;
        c.has_date |= letter != '\0' && strchr("YymcMbdeDj", letter) != NULL;
    }
    return c;
}

/* STR_TO_DATE(text, format): a constant format decides what it is; else a time. */
sl_status
sl_type_str_to_date(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    struct contents c = {.has_date = true, .has_clock = true, .has_fraction = true};

    SL_TRY(sl_call_coerce(t, &call->args[0], SL_TYPE_TEXT, 0, err));
    SL_TRY(sl_call_coerce(t, &call->args[1], SL_TYPE_TEXT, 0, err));
    if (call->args[1]->kind == SL_EXPR_CONST && !call->args[1]->value.is_null)
        c = contents_of(call->args[1]->value.as.slice);
    SL_TRY(sl_expr_add_zone(t, call, err));
    if (!c.has_clock)
        sl_call_set_type(call, SL_TYPE_DATE, 0);
    else
        sl_call_set_type(call, c.has_date ? SL_TYPE_TIME : SL_TYPE_SPAN, c.has_fraction ? 6 : 0);
    return SL_OK;
}
