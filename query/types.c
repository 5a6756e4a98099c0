/*
 * types.c - calls, casts and constants: the ground of the type rules.
 */
#include "query/types.h"

#include "query/lex.h"
#include "query/value.h"
#include "storage/base/clock.h"

sl_status
sl_typing_fail(struct sl_typing *t, struct sl_error *err, uint16_t number, uint32_t position,
               const char *story)
{
    return sl_fail_at(err, SL_TYPE, number, t->text, t->text_bytes, position, "%s", story);
}

static sl_status
make_expr(struct sl_typing *t, enum sl_expr_kind kind, uint32_t position, struct sl_expr **out_expr,
          struct sl_error *err)
{
    *out_expr = sl_arena_calloc(t->arena, 1, sizeof(**out_expr));
    if (*out_expr == NULL)
        return sl_fail_memory(err);
    (*out_expr)->kind = kind;
    (*out_expr)->position = position;
    return SL_OK;
}

sl_status
sl_expr_const(struct sl_typing *t, uint32_t position, const struct sl_value *value,
              struct sl_expr **out_expr, struct sl_error *err)
{
    SL_TRY(make_expr(t, SL_EXPR_CONST, position, out_expr, err));
    SL_ASSERT(*out_expr != NULL);
    struct sl_value *own = &(*out_expr)->value;
    *own = *value;
    own->is_null = value->is_null || value->type == SL_TYPE_NULL;
    if (sl_type_is_bytes(value->type) && !own->is_null) {
        /* The statement outlives its text and the session's values. */
        own->as.slice.bytes = (const uint8_t *)sl_arena_string(
            t->arena, (const char *)value->as.slice.bytes, value->as.slice.size_bytes);
        if (own->as.slice.bytes == NULL)
            return sl_fail_memory(err);
    }
    (*out_expr)->type = (struct sl_sql_type){
        .type = value->type,
        .scale = value->scale,
        .is_nullable = (*out_expr)->value.is_null,
        .is_binary = value->type == SL_TYPE_OCTETS,
        .length = sl_type_is_bytes(value->type) && !(*out_expr)->value.is_null
                      ? value->as.slice.size_bytes
                      : 0,
    };
    return SL_OK;
}

sl_status
sl_expr_const_i64(struct sl_typing *t, uint32_t position, int64_t number, struct sl_expr **out_expr,
                  struct sl_error *err)
{
    struct sl_value value = {.type = SL_TYPE_I64, .as.i64 = number};

    return sl_expr_const(t, position, &value, out_expr, err);
}

/* Bounds that let everybody walk the tree by recursion and without counting. */
static sl_status
measure(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    uint64_t weight = 1;

    for (uint32_t i = 0; i < call->arg_count; i++) {
        weight += 1 + (uint64_t)call->args[i]->weight;
        if (call->args[i]->depth >= call->depth)
            call->depth = call->args[i]->depth + 1;
    }
    if (weight > SL_EXPR_WEIGHT_MAX || call->depth > SL_EXPR_DEPTH_MAX)
        return sl_fail_at(err, SL_LIMIT, 0, t->text, t->text_bytes, call->position,
                          "an expression is too large");
    call->weight = (uint32_t)weight;
    return SL_OK;
}

sl_status
sl_expr_fold(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    struct sl_eval eval = {.arena = t->arena, .warnings = t->warnings, .err = err};
    struct sl_value small[8], *args = small, value;

    SL_TRY(measure(t, call, err));
    if ((call->function->flags & SL_FN_VOLATILE) != 0 && !t->is_once)
        return SL_OK;
    for (uint32_t i = 0; i < call->arg_count; i++)
        if (call->args[i]->kind != SL_EXPR_CONST)
            return SL_OK;
    if (call->arg_count > SL_COUNTOF(small))
        args = sl_arena_calloc(t->arena, call->arg_count, sizeof(*args));
    if (args == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < call->arg_count; i++)
        args[i] = call->args[i]->value;
    sl_status st = sl_function_apply(&eval, call, args, &value);
    if (st == SL_LIMIT && err != NULL && err->sql_number == 1690) {
        char story[SL_ERROR_TEXT_BYTES];
        memcpy(story, err->text, sizeof(story));
        return sl_fail_at(err, st, 1690, t->text, t->text_bytes, call->position, "%s", story);
    }
    SL_TRY(st);
    call->kind = SL_EXPR_CONST;
    call->value = value;
    call->depth = call->weight = 0;
    call->type.is_nullable = value.is_null;
    if (sl_type_is_bytes(value.type) && !value.is_null)
        call->type.length = value.as.slice.size_bytes;
    return SL_OK;
}

static struct sl_sql_type
type_of_letter(char letter)
{
    static const struct {
        char letter;
        enum sl_type type;
    } letters[] = {{'t', SL_TYPE_TEXT}, {'o', SL_TYPE_OCTETS}, {'i', SL_TYPE_I64},
                   {'I', SL_TYPE_I64},  {'u', SL_TYPE_U64},    {'d', SL_TYPE_F64},
                   {'T', SL_TYPE_TIME}, {'D', SL_TYPE_DATE},   {'S', SL_TYPE_SPAN},
                   {'a', SL_TYPE_ADDR}, {'m', SL_TYPE_MAC},    {'b', SL_TYPE_BOOL},
                   {'B', SL_TYPE_BOOL}};

    for (size_t i = 0; i < SL_COUNTOF(letters); i++)
        if (letters[i].letter == letter)
            return (struct sl_sql_type){
                .type = letters[i].type,
                .scale = letters[i].type == SL_TYPE_TIME || letters[i].type == SL_TYPE_SPAN ? 6 : 0,
                .is_nullable = true};
    SL_ASSERT(letter == '.'); /* which no argument is cast to */
    return sl_sql_type_of(SL_TYPE_NULL);
}

/* Arguments and result as the signature says. */
static sl_status
apply_signature(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    const char *signature = call->function->signature;
    const char *arrow = strchr(signature, '>');
    const char *at = signature;
    struct sl_sql_type result = type_of_letter(arrow[1]);

    for (uint32_t i = 0; i < call->arg_count; i++) {
        struct sl_sql_type wanted = sl_sql_type_of(SL_TYPE_NULL);
        if (*at != '.') {
            wanted = type_of_letter(*at);
            /* What arrives as a time keeps the digits it has. */
            if (wanted.type == SL_TYPE_TIME && call->args[i]->type.type == SL_TYPE_TIME)
                wanted.scale = call->args[i]->type.scale;
            SL_TRY(sl_expr_coerce(t, &call->args[i], &wanted, err));
        }
        if (i == 0 && result.type == SL_TYPE_TIME && wanted.type == SL_TYPE_TIME)
            result.scale = wanted.scale;
        if (result.type == SL_TYPE_TEXT && call->args[i]->type.type == SL_TYPE_TEXT)
            result.is_binary |= call->args[i]->type.is_binary;
        if (at + 1 < arrow)
            at++;
    }
    result.is_nullable = (call->function->flags & SL_FN_NULLABLE) != 0;
    if (arrow[1] != 'B' && arrow[1] != 'I')
        for (uint32_t i = 0; i < call->arg_count; i++)
            result.is_nullable |= call->args[i]->type.is_nullable;
    if (result.type == SL_TYPE_TEXT)
        result.length = 255;
    call->type = result;
    return SL_OK;
}

sl_status
sl_expr_call(struct sl_typing *t, enum sl_function_id id, uint32_t position,
             struct sl_expr *const *args, uint32_t arg_count, struct sl_expr **out_expr,
             struct sl_error *err)
{
    const struct sl_function *function = sl_function_at(id);
    struct sl_expr *call;

    if (arg_count < function->arg_min ||
        (function->arg_max != SL_FN_ARGS_ANY && arg_count > function->arg_max))
        return sl_fail_at(err, SL_TYPE, 1582, t->text, t->text_bytes, position,
                          "incorrect parameter count in the call to %s", function->name);
    SL_TRY(make_expr(t, SL_EXPR_CALL, position, &call, err));
    call->function = function;
    call->args = sl_arena_calloc(t->arena, arg_count, sizeof(struct sl_expr *));
    if (call->args == NULL)
        return sl_fail_memory(err);
    if (arg_count > 0)
        memcpy(call->args, args, arg_count * sizeof(struct sl_expr *));
    call->arg_count = arg_count;
    if (function->type != NULL)
        SL_TRY(function->type(t, call, err));
    else
        SL_TRY(apply_signature(t, call, err));
    *out_expr = call;
    return sl_expr_fold(t, call, err);
}

/* A call with a given type: CAST, TO_LOCAL and TO_UTC, which have no rule of their own. */
static sl_status
make_typed(struct sl_typing *t, enum sl_function_id id, const struct sl_sql_type *type,
           struct sl_expr *arg, struct sl_expr *other, struct sl_expr **out_expr,
           struct sl_error *err)
{
    struct sl_expr *call;

    SL_TRY(make_expr(t, SL_EXPR_CALL, arg->position, &call, err));
    call->function = sl_function_at(id);
    call->arg_count = other == NULL ? 1 : 2;
    call->args = sl_arena_calloc(t->arena, 2, sizeof(struct sl_expr *));
    if (call->args == NULL)
        return sl_fail_memory(err);
    call->args[0] = arg;
    call->args[1] = other;
    call->type = *type;
    call->type.is_nullable = arg->type.is_nullable;
    *out_expr = call;
    return sl_expr_fold(t, call, err);
}

/* To the local clock of the session, or from it. */
static sl_status
convert(struct sl_typing *t, struct sl_expr **expr, enum sl_function_id id, struct sl_error *err)
{
    struct sl_expr *zone;

    SL_TRY(sl_expr_const_i64(t, (*expr)->position, sl_zone_number(t->zone), &zone, err));
    return make_typed(t, id, &(*expr)->type, *expr, zone, expr, err);
}

sl_status
sl_expr_add_zone(struct sl_typing *t, struct sl_expr *call, struct sl_error *err)
{
    struct sl_expr **args = sl_arena_calloc(t->arena, call->arg_count + 1, sizeof(*args));

    if (args == NULL)
        return sl_fail_memory(err);
    memcpy(args, call->args, call->arg_count * sizeof(*args));
    SL_TRY(
        sl_expr_const_i64(t, call->position, sl_zone_number(t->zone), &args[call->arg_count], err));
    call->args = args;
    call->arg_count++;
    return SL_OK;
}

/* Does a constant text name its zone itself ("...Z", "...+02:00")? */
static bool
has_zone(const struct sl_expr *expr)
{
    if (expr->kind != SL_EXPR_CONST || expr->value.is_null || !sl_type_is_bytes(expr->type.type))
        return false;
    struct sl_slice s = expr->value.as.slice;
    if (s.size_bytes > 0 && (s.bytes[s.size_bytes - 1] | 0x20) == 'z')
        return true;
    return s.size_bytes > 16 &&
           (s.bytes[s.size_bytes - 6] == '+' || s.bytes[s.size_bytes - 6] == '-');
}

/* Conversions that nothing can make sense of. */
static bool
can_cast(enum sl_type from, enum sl_type to)
{
    if (to == SL_TYPE_MAC)
        return from == SL_TYPE_MAC || sl_type_is_bytes(from) || from == SL_TYPE_NULL;
    return true;
}

sl_status
sl_expr_coerce(struct sl_typing *t, struct sl_expr **expr, const struct sl_sql_type *type,
               struct sl_error *err)
{
    const struct sl_sql_type *from = &(*expr)->type;
    bool is_same = from->type == type->type && from->scale == type->scale &&
                   (type->length == 0 || from->length <= type->length) &&
                   (from->is_binary == type->is_binary || !type->is_binary);

    if (type->type == SL_TYPE_TEXT && from->type == SL_TYPE_OCTETS && type->length == 0)
        return SL_OK; /* bytes are a text that compares as bytes */
    if (is_same)
        return SL_OK;
    if (!can_cast(from->type, type->type))
        return sl_typing_fail(t, err, 1210, (*expr)->position, "a value of an unfitting type");
    bool is_to_time =
        type->type == SL_TYPE_TIME && (sl_type_is_bytes(from->type) || from->type == SL_TYPE_DATE);
    bool is_from_time = from->type == SL_TYPE_TIME && type->type != SL_TYPE_TIME;
    bool is_local = !has_zone(*expr);
    bool keeps_null = sl_type_is_integer(from->type) && sl_type_is_integer(type->type);
    bool is_nullable = from->is_nullable || !keeps_null;
    if (is_from_time && t->zone != NULL && type->type != SL_TYPE_BOOL)
        SL_TRY(convert(t, expr, SL_FN_TO_LOCAL, err));
    SL_TRY(make_typed(t, SL_FN_CAST, type, *expr, NULL, expr, err));
    if (is_to_time && t->zone != NULL && is_local)
        SL_TRY(convert(t, expr, SL_FN_TO_UTC, err));
    /* Text, and numbers beyond the target's range, may become NULL. */
    if ((*expr)->kind == SL_EXPR_CALL)
        (*expr)->type.is_nullable = is_nullable;
    return SL_OK;
}

sl_status
sl_expr_local(struct sl_typing *t, struct sl_expr **expr, struct sl_error *err)
{
    struct sl_sql_type time = {.type = SL_TYPE_TIME, .scale = 6, .is_nullable = true};

    if ((*expr)->type.type == SL_TYPE_TIME)
        time.scale = (*expr)->type.scale;
    SL_TRY(sl_expr_coerce(t, expr, &time, err));
    return t->zone == NULL ? SL_OK : convert(t, expr, SL_FN_TO_LOCAL, err);
}

struct sl_sql_type
sl_sql_type_numeric(const struct sl_sql_type *type)
{
    struct sl_sql_type number = *type;

    number.is_binary = false;
    number.length = 0;
    switch (type->type) {
    case SL_TYPE_TEXT:
    case SL_TYPE_OCTETS:
        number.type = SL_TYPE_F64;
        number.scale = 0;
        break;
    case SL_TYPE_TIME:
    case SL_TYPE_SPAN:
        number.type = type->scale == 0 ? SL_TYPE_I64 : SL_TYPE_DECIMAL;
        break;
    case SL_TYPE_DATE:
    case SL_TYPE_BOOL:
    case SL_TYPE_NULL:
        number.type = SL_TYPE_I64;
        break;
    case SL_TYPE_ADDR:
    case SL_TYPE_MAC:
        number.type = SL_TYPE_U64;
        break;
    default:
        break;
    }
    return number;
}

static bool
is_unsigned(enum sl_type type)
{
    return type >= SL_TYPE_U8 && type <= SL_TYPE_U64;
}

static struct sl_sql_type
unify_numbers(struct sl_sql_type a, struct sl_sql_type b)
{
    struct sl_sql_type type = sl_sql_type_of(SL_TYPE_I64);
    bool is_mixed = is_unsigned(a.type) != is_unsigned(b.type);

    type.is_nullable = a.is_nullable || b.is_nullable;
    if (a.type == SL_TYPE_F64 || b.type == SL_TYPE_F64) {
        type.type = SL_TYPE_F64;
    } else if (a.type == SL_TYPE_DECIMAL || b.type == SL_TYPE_DECIMAL) {
        type.type = SL_TYPE_DECIMAL;
        type.scale = a.scale > b.scale ? a.scale : b.scale;
    } else if (is_mixed && (a.type == SL_TYPE_U64 || b.type == SL_TYPE_U64)) {
        type.type = SL_TYPE_DECIMAL; /* nothing shorter holds both */
    } else if (!is_mixed && is_unsigned(a.type)) {
        type.type = SL_TYPE_U64;
    }
    return type;
}

struct sl_sql_type
sl_sql_type_unify(const struct sl_sql_type *a, const struct sl_sql_type *b)
{
    struct sl_sql_type type = *a;

    type.is_nullable = a->is_nullable || b->is_nullable;
    if (a->type == SL_TYPE_NULL) {
        type = *b;
        type.is_nullable = true;
        return type;
    }
    if (b->type == SL_TYPE_NULL) {
        type.is_nullable = true;
        return type;
    }
    type.length = a->length > b->length ? a->length : b->length;
    type.is_binary = a->is_binary || b->is_binary;
    if (a->type == b->type) {
        type.scale = a->scale > b->scale ? a->scale : b->scale;
        return type;
    }
    bool a_number =
        sl_type_is_integer(a->type) || a->type == SL_TYPE_DECIMAL || a->type == SL_TYPE_F64;
    bool b_number =
        sl_type_is_integer(b->type) || b->type == SL_TYPE_DECIMAL || b->type == SL_TYPE_F64;
    if (a_number && b_number)
        return unify_numbers(*a, *b);
    bool is_times = (a->type == SL_TYPE_TIME && b->type == SL_TYPE_DATE) ||
                    (a->type == SL_TYPE_DATE && b->type == SL_TYPE_TIME);
    type.scale = 0;
    type.type = is_times ? SL_TYPE_TIME : SL_TYPE_TEXT;
    if (is_times)
        type.scale = a->scale > b->scale ? a->scale : b->scale;
    else
        type.length = 255;
    return type;
}

sl_status
sl_expr_unify(struct sl_typing *t, struct sl_expr **exprs, uint32_t count,
              struct sl_sql_type *out_type, struct sl_error *err)
{
    *out_type = exprs[0]->type;
    for (uint32_t i = 1; i < count; i++) {
        struct sl_sql_type next = exprs[i]->type;
        const struct sl_value *v = &exprs[i]->value;
        /* A small constant does not make an unsigned column a DECIMAL. */
        if (exprs[i]->kind == SL_EXPR_CONST && next.type == SL_TYPE_I64 && v->as.i64 >= 0 &&
            is_unsigned(out_type->type))
            next.type = out_type->type;
        v = &exprs[i - 1]->value;
        if (i == 1 && exprs[0]->kind == SL_EXPR_CONST && out_type->type == SL_TYPE_I64 &&
            v->as.i64 >= 0 && is_unsigned(next.type))
            out_type->type = next.type;
        *out_type = sl_sql_type_unify(out_type, &next);
    }
    if (is_unsigned(out_type->type))
        out_type->type = SL_TYPE_U64;
    struct sl_sql_type wanted = *out_type;
    wanted.length = 0;
    for (uint32_t i = 0; i < count; i++)
        SL_TRY(sl_expr_coerce(t, &exprs[i], &wanted, err));
    return SL_OK;
}
