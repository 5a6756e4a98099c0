/*
 * types.h - what type an expression has, and how its arguments get there.
 *
 * MySQL 8's rules: integers stay integers and are unsigned as soon as one side is; `/` adds four
 * digits to a DECIMAL; text is a double in arithmetic; a comparison has one type for all its
 * sides. A call whose arguments are constants becomes a constant.
 *
 * Layer: query, internal to the binder.
 */
#ifndef SLUICE_QUERY_TYPES_H
#define SLUICE_QUERY_TYPES_H

#include "query/bound.h"
#include "query/function.h"
#include "storage/base/zone.h"

enum {
    SL_EXPR_DEPTH_MAX = 1000,     /* frames of a recursion over an expression: under 1 MiB */
    SL_EXPR_WEIGHT_MAX = 1000000, /* ten IN lists of the greatest length */
};

struct sl_typing {
    struct sl_arena *arena;
    const char *text; /* of the statement, for messages */
    size_t text_bytes;
    int64_t now_us;
    const struct sl_zone *zone;   /* the session's; NULL: UTC */
    struct sl_warnings *warnings; /* of what is folded; NULL: nobody is told. Borrowed */
    bool is_once;                 /* what is bound is computed once: RAND() is a constant then */
};

static inline struct sl_sql_type
sl_sql_type_of(enum sl_type type)
{
    return (struct sl_sql_type){.type = type, .is_nullable = true};
}

SL_MUST_CHECK
sl_status sl_expr_const(struct sl_typing *t, uint32_t position, const struct sl_value *value,
                        struct sl_expr **out_expr, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_expr_const_i64(struct sl_typing *t, uint32_t position, int64_t number,
                            struct sl_expr **out_expr, struct sl_error *err);

/* A typed call, folded when it is constant. `args` is copied. Checks the number of arguments. */
SL_MUST_CHECK
sl_status sl_expr_call(struct sl_typing *t, enum sl_function_id id, uint32_t position,
                       struct sl_expr *const *args, uint32_t arg_count, struct sl_expr **out_expr,
                       struct sl_error *err);

/* Turn a typed call into its value, when its arguments are constants. */
SL_MUST_CHECK
sl_status sl_expr_fold(struct sl_typing *t, struct sl_expr *call, struct sl_error *err);

/* Replace *expr by itself as `type`: a cast where one is needed. */
SL_MUST_CHECK
sl_status sl_expr_coerce(struct sl_typing *t, struct sl_expr **expr, const struct sl_sql_type *type,
                         struct sl_error *err);

/* For type rules of single functions: the type of a call, which may be NULL where an argument may or the
 * function says so; TEXT is of up to 64 characters. And an argument as a type. */
void sl_call_set_type(struct sl_expr *call, enum sl_type type, uint8_t scale);
SL_MUST_CHECK
sl_status sl_call_coerce(struct sl_typing *t, struct sl_expr **arg, enum sl_type type,
                         uint8_t scale, struct sl_error *err);

/* One type for all of them (CASE, IF, UNION, GREATEST), and coerce them to it. */
SL_MUST_CHECK
sl_status sl_expr_unify(struct sl_typing *t, struct sl_expr **exprs, uint32_t count,
                        struct sl_sql_type *out_type, struct sl_error *err);

/* The type that holds both. */
struct sl_sql_type sl_sql_type_unify(const struct sl_sql_type *a, const struct sl_sql_type *b);

/* A number of the class that arithmetic uses: integers as they are, DECIMAL, else DOUBLE. */
struct sl_sql_type sl_sql_type_numeric(const struct sl_sql_type *type);

/* *expr as local time (TIME), for fields and texts of it. */
SL_MUST_CHECK
sl_status sl_expr_local(struct sl_typing *t, struct sl_expr **expr, struct sl_error *err);

/* One more argument of a call: the number of the session's zone. */
SL_MUST_CHECK
sl_status sl_expr_add_zone(struct sl_typing *t, struct sl_expr *call, struct sl_error *err);

sl_status sl_typing_fail(struct sl_typing *t, struct sl_error *err, uint16_t number,
                         uint32_t position, const char *story);

/* Type rules named in function.def. */
sl_type_fn sl_type_compare, sl_type_like, sl_type_if, sl_type_unify, sl_type_single;
sl_type_fn sl_type_arithmetic, sl_type_divide, sl_type_int_div, sl_type_negate, sl_type_integral,
    sl_type_round, sl_type_hex, sl_type_format;
sl_type_fn sl_type_unix_timestamp, sl_type_from_unixtime, sl_type_to_date, sl_type_field,
    sl_type_field_text, sl_type_date_add, sl_type_timestampdiff, sl_type_datediff,
    sl_type_convert_tz;
sl_type_fn sl_type_week, sl_type_sec_to_time, sl_type_maketime, sl_type_time_of_day,
    sl_type_timediff, sl_type_addtime, sl_type_str_to_date;
sl_type_fn sl_type_inet_ntoa, sl_type_inet6_aton, sl_type_inet6_ntoa, sl_type_is_address;
sl_type_fn sl_type_flow_duration, sl_type_flow_rate, sl_type_flow_idx;

#endif
