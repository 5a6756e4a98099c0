/*
 * bind_call.c - calls by name: aggregates, and the table of functions.
 */
#include "query/bind.h"
#include "query/lex.h"
#include "query/value.h"

static const struct {
    const char *name;
    enum sl_aggregate_kind kind;
    uint8_t args;
} aggregates[] = {
    {"COUNT", SL_AGG_COUNT, 1},
    {"SUM", SL_AGG_SUM, 1},
    {"AVG", SL_AGG_AVG, 1},
    {"MIN", SL_AGG_MIN, 1},
    {"MAX", SL_AGG_MAX, 1},
    {"STD", SL_AGG_STDDEV_POP, 1},
    {"STDDEV", SL_AGG_STDDEV_POP, 1},
    {"STDDEV_POP", SL_AGG_STDDEV_POP, 1},
    {"STDDEV_SAMP", SL_AGG_STDDEV_SAMP, 1},
    {"VARIANCE", SL_AGG_VAR_POP, 1},
    {"VAR_POP", SL_AGG_VAR_POP, 1},
    {"VAR_SAMP", SL_AGG_VAR_SAMP, 1},
    {"BIT_OR", SL_AGG_BIT_OR, 1},
    {"BIT_AND", SL_AGG_BIT_AND, 1},
    {"BIT_XOR", SL_AGG_BIT_XOR, 1},
    {"ANY_VALUE", SL_AGG_ANY, 1},
    {"GROUP_CONCAT", SL_AGG_GROUP_CONCAT, 1},
    {"MEDIAN", SL_AGG_QUANTILE, 1},
    {"QUANTILE", SL_AGG_QUANTILE, 2},
    {"PERCENTILE", SL_AGG_QUANTILE, 2},
    {"APPROX_MEDIAN", SL_AGG_APPROX_QUANTILE, 1},
    {"APPROX_QUANTILE", SL_AGG_APPROX_QUANTILE, 2},
    {"APPROX_PERCENTILE", SL_AGG_APPROX_QUANTILE, 2},
    {"APPROX_COUNT_DISTINCT", SL_AGG_APPROX_COUNT_DISTINCT, 1},
};

static sl_status
fail_unknown(struct sl_scope *s, const struct sl_node *node, struct sl_error *err)
{
    struct sl_nearest nearest = sl_nearest_to(node->text.bytes, node->text.size_bytes);

    int size = node->text.size_bytes > 64 ? 64 : (int)node->text.size_bytes;

    for (size_t i = 0; i < SL_COUNTOF(aggregates); i++)
        sl_nearest_offer(&nearest, aggregates[i].name);
    sl_function_suggest(&nearest);
    if (nearest.best != NULL)
        return sl_bind_fail(s->binder, err, SL_NAME, 1305, node->position,
                            "unknown function \"%.*s\", did you mean \"%s\"?", size,
                            (const char *)node->text.bytes, nearest.best);
    return sl_bind_fail(s->binder, err, SL_NAME, 1305, node->position, "unknown function \"%.*s\"",
                        size, (const char *)node->text.bytes);
}

/* Type of the argument and of the result. */
static sl_status
type_aggregate(struct sl_scope *s, struct sl_aggregate *a, struct sl_error *err)
{
    struct sl_typing *t = &s->binder->typing;
    SL_ASSERT(a->argument != NULL);
    struct sl_sql_type number = sl_sql_type_numeric(&a->argument->type);
    struct sl_sql_type wanted = number;

    switch (a->kind) {
    case SL_AGG_COUNT_STAR:
    case SL_AGG_COUNT:
    case SL_AGG_COUNT_DISTINCT:
    case SL_AGG_APPROX_COUNT_DISTINCT:
        a->type = (struct sl_sql_type){.type = SL_TYPE_I64};
        return SL_OK;
    case SL_AGG_MIN:
    case SL_AGG_MAX:
    case SL_AGG_ANY:
        a->type = a->argument->type;
        a->type.is_nullable = true;
        return SL_OK;
    case SL_AGG_SUM:
    case SL_AGG_SUM_DISTINCT:
        a->type = number;
        if (number.type != SL_TYPE_F64)
            a->type.type = SL_TYPE_DECIMAL;
        break;
    case SL_AGG_AVG:
    case SL_AGG_AVG_DISTINCT:
        a->type = number;
        if (number.type != SL_TYPE_F64) {
            a->type.type = SL_TYPE_DECIMAL;
            a->type.scale = (uint8_t)(number.scale + 4 > SL_DECIMAL_SCALE_MAX ? SL_DECIMAL_SCALE_MAX
                                                                              : number.scale + 4);
        }
        break;
    case SL_AGG_QUANTILE:
    case SL_AGG_APPROX_QUANTILE:
    case SL_AGG_STDDEV_POP:
    case SL_AGG_STDDEV_SAMP:
    case SL_AGG_VAR_POP:
    case SL_AGG_VAR_SAMP:
        wanted = a->type = sl_sql_type_of(SL_TYPE_F64);
        break;
    case SL_AGG_GROUP_CONCAT:
        wanted = a->type = sl_sql_type_of(SL_TYPE_TEXT);
        a->type.length = 65535;
        wanted = a->is_ordered ? a->argument->type : wanted;
        break;
    case SL_AGG_BIT_OR:
    case SL_AGG_BIT_AND:
    case SL_AGG_BIT_XOR:
        wanted = sl_sql_type_of(SL_TYPE_U64);
        a->type = (struct sl_sql_type){.type = SL_TYPE_U64};
        break;
    }
    if (a->kind != SL_AGG_BIT_OR && a->kind != SL_AGG_BIT_AND && a->kind != SL_AGG_BIT_XOR)
        a->type.is_nullable = true;
    return sl_expr_coerce(t, &a->argument, &wanted, err);
}

/* The second argument of QUANTILE (0..1) and PERCENTILE (0..100). */
static sl_status
bind_share(struct sl_scope *s, const struct sl_node *node, double *out_share, struct sl_error *err)
{
    bool is_percent =
        node->text.size_bytes >= 10 && (node->text.bytes[node->text.size_bytes - 10] | 0x20) == 'p';
    struct sl_sql_type number = sl_sql_type_of(SL_TYPE_F64);
    struct sl_expr *share;

    if (node->arg_count == 1) {
        *out_share = 0.5;
        return SL_OK;
    }
    SL_TRY(sl_bind_expr(s, node->args[1], &share, err));
    SL_TRY(sl_expr_coerce(&s->binder->typing, &share, &number, err));
    double value = is_percent ? share->value.as.f64 / 100 : share->value.as.f64;
    if (share->kind != SL_EXPR_CONST || share->value.is_null || !(value >= 0 && value <= 1))
        return sl_bind_fail(s->binder, err, SL_TYPE, 1210, node->args[1]->position,
                            "this must be a constant from 0 to %d", is_percent ? 100 : 1);
    *out_share = value;
    return SL_OK;
}

/* Several arguments of COUNT(DISTINCT a, b) count as one. */
static sl_status
bind_arguments(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
               struct sl_error *err)
{
    struct sl_expr *args[16];
    bool is_tuple = node->is_distinct && node->arg_count > 1 && sl_slice_is(node->text, "COUNT");

    if (node->arg_count > SL_COUNTOF(args))
        return sl_bind_fail(s->binder, err, SL_LIMIT, 0, node->position,
                            "at most %zu values can be counted together", SL_COUNTOF(args));
    for (uint32_t i = 0; i < (is_tuple ? node->arg_count : 1); i++)
        SL_TRY(sl_bind_expr(s, node->args[i], &args[i], err));
    *out_expr = args[0];
    return is_tuple ? sl_expr_call(&s->binder->typing, SL_FN_TUPLE, node->position, args,
                                   node->arg_count, out_expr, err)
                    : SL_OK;
}

/* What the aggregate is of; NULL stands for COUNT(*) of all rows. */
static sl_status
bind_argument(struct sl_scope *s, const struct sl_node *node, bool is_star, struct sl_aggregate *a,
              struct sl_error *err)
{
    struct sl_value null = {.type = SL_TYPE_NULL, .is_null = true};
    struct sl_sql_type truth = sl_sql_type_of(SL_TYPE_BOOL);
    struct sl_expr *condition, *nothing;

    if (is_star && node->filter == NULL)
        return SL_OK;
    if (is_star)
        SL_TRY(sl_expr_const_i64(&s->binder->typing, node->position, 1, &a->argument, err));
    else if (a->kind == SL_AGG_GROUP_CONCAT)
        SL_TRY(sl_bind_concat(s, node, a, err));
    else
        SL_TRY(bind_arguments(s, node, &a->argument, err));
    if (node->filter == NULL)
        return SL_OK;
    /* All aggregates leave NULL out. */
    SL_TRY(sl_bind_expr(s, node->filter, &condition, err));
    SL_TRY(sl_expr_coerce(&s->binder->typing, &condition, &truth, err));
    SL_TRY(sl_expr_const(&s->binder->typing, node->position, &null, &nothing, err));
    return sl_bind_if(s, node->filter->position, condition, a->argument, nothing, &a->argument,
                      err);
}

static sl_status
bind_aggregate(struct sl_scope *s, const struct sl_node *node, size_t index,
               struct sl_expr **out_expr, struct sl_error *err)
{
    struct sl_aggregate a = {.kind = aggregates[index].kind};
    bool is_star = node->arg_count == 1 && node->args[0]->kind == SL_NODE_STAR;
    bool is_count = a.kind == SL_AGG_COUNT;

    if (s->in_aggregate || s->place == SL_PLACE_WHERE || s->place == SL_PLACE_GROUP)
        return sl_bind_fail(s->binder, err, SL_TYPE, 1111, node->position,
                            "invalid use of the aggregate %s", aggregates[index].name);
    bool is_many = (is_count && node->is_distinct) || a.kind == SL_AGG_GROUP_CONCAT;
    if (node->arg_count != aggregates[index].args && !(is_many && node->arg_count > 1))
        return sl_bind_fail(s->binder, err, SL_TYPE, 1582, node->position,
                            "incorrect parameter count in the call to %s", aggregates[index].name);
    s->in_aggregate = true;
    sl_status st = bind_argument(s, node, is_star && is_count && !node->is_distinct, &a, err);
    s->in_aggregate = false;
    SL_TRY(st);
    if (a.kind == SL_AGG_QUANTILE || a.kind == SL_AGG_APPROX_QUANTILE)
        SL_TRY(bind_share(s, node, &a.parameter, err));
    if (node->is_distinct) {
        if (is_count)
            a.kind = SL_AGG_COUNT_DISTINCT;
        else if (a.kind == SL_AGG_SUM)
            a.kind = SL_AGG_SUM_DISTINCT;
        else if (a.kind == SL_AGG_AVG)
            a.kind = SL_AGG_AVG_DISTINCT;
        else if (a.kind == SL_AGG_GROUP_CONCAT)
            a.is_distinct = true;
        else if (a.kind != SL_AGG_MIN && a.kind != SL_AGG_MAX)
            return sl_bind_fail(s->binder, err, SL_UNSUPPORTED, 1235, node->position,
                                "DISTINCT inside %s is not supported yet", aggregates[index].name);
    }
    if (a.argument == NULL || (a.kind == SL_AGG_COUNT && !a.argument->type.is_nullable)) {
        a.kind = SL_AGG_COUNT_STAR; /* COUNT(*), COUNT(1), COUNT(src_port) */
        a.argument = NULL;
        a.type = (struct sl_sql_type){.type = SL_TYPE_I64};
        return sl_bind_aggregate(s, &a, node->position, out_expr, err);
    }
    if (a.kind == SL_AGG_GROUP_CONCAT)
        a.separator = node->separator.bytes != NULL
                          ? node->separator
                          : (struct sl_slice){.bytes = (const uint8_t *)",", .size_bytes = 1};
    SL_TRY(type_aggregate(s, &a, err));
    return sl_bind_aggregate(s, &a, node->position, out_expr, err);
}

/* Its number in the list, or the list's length. */
static size_t
find_aggregate(struct sl_slice name)
{
    size_t i = 0;

    while (i < SL_COUNTOF(aggregates) && !sl_slice_is(name, aggregates[i].name))
        i++;
    return i;
}

bool
sl_bind_is_aggregate(const struct sl_node *node)
{
    return node->kind == SL_NODE_CALL && find_aggregate(node->text) < SL_COUNTOF(aggregates);
}

/* Calls that are written by others: IFNULL, COALESCE, NVL2, NULLIF, BIN, OCT, FROM_UNIXTIME with a format. */
static sl_status
bind_rewritten(struct sl_scope *s, const struct sl_node *node, struct sl_expr **args,
               struct sl_expr **out_expr, bool *out_found, struct sl_error *err)
{
    struct sl_typing *t = &s->binder->typing;
    struct sl_value null = {.type = SL_TYPE_NULL, .is_null = true};
    struct sl_expr *test, *nothing;
    struct sl_sql_type type;

    *out_found = true;
    if (((sl_slice_is(node->text, "IFNULL") || sl_slice_is(node->text, "NVL")) &&
         node->arg_count == 2) ||
        (sl_slice_is(node->text, "COALESCE") && node->arg_count >= 1)) {
        SL_TRY(sl_expr_unify(t, args, node->arg_count, &type, err));
        *out_expr = args[node->arg_count - 1];
        for (uint32_t i = node->arg_count - 1; i-- > 0;) {
            if (!args[i]->type.is_nullable) {
                *out_expr = args[i];
                continue;
            }
            SL_TRY(sl_bind_op(s, SL_FN_IS_NULL, node->position, args[i], NULL, &test, err));
            struct sl_expr *rest = *out_expr;
            SL_TRY(sl_bind_if(s, node->position, test, rest, args[i], out_expr, err));
            (*out_expr)->type.is_nullable = rest->type.is_nullable;
        }
        return SL_OK;
    }
    if (sl_slice_is(node->text, "NVL2") && node->arg_count == 3) {
        SL_TRY(sl_bind_op(s, SL_FN_IS_NULL, node->position, args[0], NULL, &test, err));
        return sl_bind_if(s, node->position, test, args[2], args[1], out_expr, err);
    }
    if ((sl_slice_is(node->text, "BIN") || sl_slice_is(node->text, "OCT")) &&
        node->arg_count == 1) {
        struct sl_expr *conv[3] = {args[0], NULL, NULL};
        int64_t base = sl_slice_is(node->text, "BIN") ? 2 : 8;
        SL_TRY(sl_expr_const_i64(t, node->position, 10, &conv[1], err));
        SL_TRY(sl_expr_const_i64(t, node->position, base, &conv[2], err));
        return sl_expr_call(t, SL_FN_CONV, node->position, conv, 3, out_expr, err);
    }
    if (sl_slice_is(node->text, "NULLIF") && node->arg_count == 2) {
        SL_TRY(sl_bind_op(s, SL_FN_EQ, node->position, args[0], args[1], &test, err));
        SL_TRY(sl_expr_const(t, node->position, &null, &nothing, err));
        return sl_bind_if(s, node->position, test, nothing, args[0], out_expr, err);
    }
    if (sl_slice_is(node->text, "FROM_UNIXTIME") && node->arg_count == 2) {
        struct sl_expr *format[2] = {NULL, args[1]};
        SL_TRY(sl_bind_op(s, SL_FN_FROM_UNIXTIME, node->position, args[0], NULL, &format[0], err));
        return sl_expr_call(t, SL_FN_DATE_FORMAT, node->position, format, 2, out_expr, err);
    }
    *out_found = false;
    return SL_OK;
}

sl_status
sl_bind_call(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
             struct sl_error *err)
{
    bool found;

    if (node->filter != NULL && !sl_bind_is_aggregate(node))
        return sl_bind_fail(s->binder, err, SL_TYPE, 1064, node->filter->position,
                            "FILTER stands behind an aggregate only");
    SL_TRY(sl_bind_session(s, node, out_expr, &found, err));
    if (found)
        return SL_OK;
    if (sl_slice_is(node->text, "GROUPING"))
        return sl_bind_grouping(s, node, out_expr, err);
    size_t aggregate = find_aggregate(node->text);
    if (aggregate < SL_COUNTOF(aggregates))
        return bind_aggregate(s, node, aggregate, out_expr, err);
    const struct sl_function *function = sl_function_find(node->text.bytes, node->text.size_bytes);
    struct sl_expr **args =
        sl_arena_calloc(s->binder->typing.arena, node->arg_count + 1, sizeof(struct sl_expr *));
    if (args == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < node->arg_count; i++)
        SL_TRY(sl_bind_expr(s, node->args[i], &args[i], err));
    SL_TRY(bind_rewritten(s, node, args, out_expr, &found, err));
    if (found)
        return SL_OK;
    if (function == NULL)
        return fail_unknown(s, node, err);
    return sl_expr_call(&s->binder->typing, function->id, node->position, args, node->arg_count,
                        out_expr, err);
}
