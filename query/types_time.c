/*
 * types_time.c - type rules of times, addresses and flows.
 */
#include "query/syntax.h"
#include "query/types.h"
#include "query/value.h"

void
sl_call_set_type(struct sl_expr *call, enum sl_type type, uint8_t scale)
{
    call->type = (struct sl_sql_type){.type = type, .scale = scale};
    call->type.is_nullable = (call->function->flags & SL_FN_NULLABLE) != 0;
    for (uint32_t i = 0; i < call->arg_count; i++)
        call->type.is_nullable |= call->args[i]->type.is_nullable;
    if (type == SL_TYPE_TEXT)
        call->type.length = 64;
}

sl_status
sl_call_coerce(struct sl_typing *t, struct sl_expr **arg, enum sl_type type, uint8_t scale,
               struct sl_error *err)
{
    struct sl_sql_type wanted = {.type = type, .scale = scale, .is_nullable = true};

    return sl_expr_coerce(t, arg, &wanted, err);
}

/* An argument as TIME that keeps the digits it has. */
static sl_status
coerce_time(struct sl_typing *t, struct sl_expr **arg, struct sl_error *err)
{
    if ((*arg)->type.type == SL_TYPE_TIME)
        return SL_OK;
    bool has_fraction = (*arg)->type.type != SL_TYPE_DATE;
    if ((*arg)->kind == SL_EXPR_CONST && sl_type_is_bytes((*arg)->type.type) &&
        !(*arg)->value.is_null)
        has_fraction =
            memchr((*arg)->value.as.slice.bytes, '.', (*arg)->value.as.slice.size_bytes) != NULL;
    return sl_call_coerce(t, arg, SL_TYPE_TIME, has_fraction ? 6 : 0, err);
}

/* Whole seconds are a BIGINT, others a DECIMAL. */
sl_status
sl_type_unix_timestamp(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    if (call->arg_count == 0) {
        struct sl_value now = {.type = SL_TYPE_TIME, .as.i64 = t->now_us};
        call->args = sl_arena_calloc(t->arena, 1, sizeof(struct sl_expr *));
        if (call->args == NULL)
            return sl_fail_memory(err);
        SL_TRY(sl_expr_const(t, call->position, &now, &call->args[0], err));
        call->arg_count = 1;
    }
    SL_TRY(coerce_time(t, &call->args[0], err));
    uint8_t scale = call->args[0]->type.scale;
    sl_call_set_type(call, scale == 0 ? SL_TYPE_I64 : SL_TYPE_DECIMAL, scale);
    return SL_OK;
}

sl_status
sl_type_from_unixtime(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    struct sl_sql_type number = sl_sql_type_numeric(&call->args[0]->type);
    uint8_t scale = number.type == SL_TYPE_F64 || number.type == SL_TYPE_DECIMAL ? 6 : 0;

    if (number.type == SL_TYPE_DECIMAL && number.scale < 6)
        scale = number.scale;
    SL_TRY(sl_call_coerce(t, &call->args[0], SL_TYPE_DECIMAL, 6, err));
    sl_call_set_type(call, SL_TYPE_TIME, scale);
    return SL_OK;
}

sl_status
sl_type_to_date(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    SL_TRY(sl_expr_local(t, &call->args[0], err));
    sl_call_set_type(call, SL_TYPE_DATE, 0);
    return SL_OK;
}

sl_status
sl_type_field(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    SL_TRY(sl_expr_local(t, &call->args[0], err));
    sl_call_set_type(call, SL_TYPE_I64, 0);
    return SL_OK;
}

/* DAYNAME(t), DATE_FORMAT(t, format) */
sl_status
sl_type_field_text(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    SL_TRY(sl_expr_local(t, &call->args[0], err));
    if (call->arg_count == 2)
        SL_TRY(sl_call_coerce(t, &call->args[1], SL_TYPE_TEXT, 0, err));
    sl_call_set_type(call, SL_TYPE_TEXT, 0);
    return SL_OK;
}

/* DATE_ADD(t, amount, unit): a DATE stays one when whole days are added. */
sl_status
sl_type_date_add(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    enum sl_time_unit unit = (enum sl_time_unit)call->args[2]->value.as.i64;
    bool is_date = call->args[0]->type.type == SL_TYPE_DATE && unit >= SL_TIME_DAY;

    if (!is_date)
        SL_TRY(coerce_time(t, &call->args[0], err));
    struct sl_sql_type amount = sl_sql_type_numeric(&call->args[1]->type);
    bool has_fraction =
        unit == SL_TIME_SECOND && (amount.type == SL_TYPE_DECIMAL || amount.type == SL_TYPE_F64);
    SL_TRY(sl_call_coerce(t, &call->args[1], SL_TYPE_DECIMAL, has_fraction ? 6 : 0, err));
    uint8_t scale = call->args[0]->type.scale;
    if (has_fraction || unit == SL_TIME_MICROSECOND)
        scale = 6;
    sl_call_set_type(call, is_date ? SL_TYPE_DATE : SL_TYPE_TIME, is_date ? 0 : scale);
    return sl_expr_add_zone(t, call, err);
}

/* CONVERT_TZ(t, from, to) */
sl_status
sl_type_convert_tz(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    SL_TRY(coerce_time(t, &call->args[0], err));
    SL_TRY(sl_expr_local(t, &call->args[0], err));
    SL_TRY(sl_call_coerce(t, &call->args[1], SL_TYPE_TEXT, 0, err));
    SL_TRY(sl_call_coerce(t, &call->args[2], SL_TYPE_TEXT, 0, err));
    sl_call_set_type(call, SL_TYPE_TIME, call->args[0]->type.scale);
    return sl_expr_add_zone(t, call, err);
}

sl_status
sl_type_timestampdiff(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    SL_TRY(sl_expr_local(t, &call->args[1], err));
    SL_TRY(sl_expr_local(t, &call->args[2], err));
    sl_call_set_type(call, SL_TYPE_I64, 0);
    return SL_OK;
}

sl_status
sl_type_datediff(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    SL_TRY(sl_call_coerce(t, &call->args[0], SL_TYPE_DATE, 0, err));
    SL_TRY(sl_call_coerce(t, &call->args[1], SL_TYPE_DATE, 0, err));
    sl_call_set_type(call, SL_TYPE_I64, 0);
    return SL_OK;
}

/* INET_NTOA of an address column is its text; of anything else that of the number. */
sl_status
sl_type_inet_ntoa(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    if (call->args[0]->type.type != SL_TYPE_ADDR)
        SL_TRY(sl_call_coerce(t, &call->args[0], SL_TYPE_I64, 0, err));
    sl_call_set_type(call, SL_TYPE_TEXT, 0);
    return SL_OK;
}

sl_status
sl_type_inet6_aton(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    SL_TRY(sl_call_coerce(t, &call->args[0], SL_TYPE_ADDR, 0, err));
    sl_call_set_type(call, SL_TYPE_OCTETS, 0);
    call->type.length = 16;
    return SL_OK;
}

sl_status
sl_type_inet6_ntoa(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    if (call->args[0]->type.type != SL_TYPE_ADDR)
        SL_TRY(sl_call_coerce(t, &call->args[0], SL_TYPE_OCTETS, 0, err));
    sl_call_set_type(call, SL_TYPE_TEXT, 0);
    return SL_OK;
}

sl_status
sl_type_is_address(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    if (call->args[0]->type.type != SL_TYPE_ADDR)
        SL_TRY(sl_call_coerce(t, &call->args[0], SL_TYPE_TEXT, 0, err));
    sl_call_set_type(call, SL_TYPE_BOOL, 0);
    return SL_OK;
}

sl_status
sl_type_flow_duration(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    SL_TRY(coerce_time(t, &call->args[0], err));
    SL_TRY(coerce_time(t, &call->args[1], err));
    sl_call_set_type(call, SL_TYPE_DECIMAL, 6);
    return SL_OK;
}

/* (total, first, last, factor) */
sl_status
sl_type_flow_rate(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    SL_TRY(sl_call_coerce(t, &call->args[0], SL_TYPE_U64, 0, err));
    SL_TRY(coerce_time(t, &call->args[1], err));
    SL_TRY(coerce_time(t, &call->args[2], err));
    SL_TRY(sl_call_coerce(t, &call->args[3], SL_TYPE_I64, 0, err));
    sl_call_set_type(call, SL_TYPE_F64, 0);
    return SL_OK;
}

/* (columns of flow_idx.def, as they are) */
sl_status
sl_type_flow_idx(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    (void)t;
    (void)err;
    call->type = (struct sl_sql_type){.type = SL_TYPE_I64};
    return SL_OK;
}
