/*
 * bind_expr.c - nodes of the tree become typed expressions.
 */
#include "query/bind.h"
#include "query/lex.h"
#include "query/value.h"
#include "storage/base/limits.h"

sl_status
sl_bind_op(struct sl_scope *s, enum sl_function_id id, uint32_t position, struct sl_expr *a,
           struct sl_expr *b, struct sl_expr **out_expr, struct sl_error *err)
{
    struct sl_expr *args[2] = {a, b};

    return sl_expr_call(&s->binder->typing, id, position, args, b == NULL ? 1 : 2, out_expr, err);
}

sl_status
sl_bind_if(struct sl_scope *s, uint32_t position, struct sl_expr *condition, struct sl_expr *then,
           struct sl_expr *otherwise, struct sl_expr **out_expr, struct sl_error *err)
{
    struct sl_expr *args[3] = {condition, then, otherwise};

    return sl_expr_call(&s->binder->typing, SL_FN_IF, position, args, 3, out_expr, err);
}

static sl_status
bind_value(struct sl_scope *s, const struct sl_node *node, const struct sl_value *value,
           struct sl_expr **out_expr, struct sl_error *err)
{
    return sl_expr_const(&s->binder->typing, node->position, value, out_expr, err);
}

static sl_status
bind_number(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
            struct sl_error *err)
{
    struct sl_value value = {.type = SL_TYPE_F64};
    sl_i128 number;

    if (node->kind == SL_NODE_DOUBLE) {
        (void)sl_text_to_f64(node->text, &value.as.f64);
        return bind_value(s, node, &value, out_expr, err);
    }
    const uint8_t *dot = memchr(node->text.bytes, '.', node->text.size_bytes);
    size_t scale = dot == NULL ? 0 : (size_t)(node->text.bytes + node->text.size_bytes - dot - 1);
    if (scale > SL_DECIMAL_SCALE_MAX)
        scale = SL_DECIMAL_SCALE_MAX;
    if (!sl_text_to_decimal(node->text, (unsigned)scale, &number)) {
        (void)sl_text_to_f64(node->text, &value.as.f64); /* more digits than a DECIMAL has */
        return bind_value(s, node, &value, out_expr, err);
    }
    if (dot != NULL || number > UINT64_MAX) {
        value.type = SL_TYPE_DECIMAL;
        value.scale = (uint8_t)scale;
        value.as.i128 = number;
    } else {
        value.type = number > INT64_MAX ? SL_TYPE_U64 : SL_TYPE_I64;
        value.as.u64 = (uint64_t)number;
    }
    return bind_value(s, node, &value, out_expr, err);
}

static sl_status
bind_parameter(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
               struct sl_error *err)
{
    const struct sl_session *session = s->binder->session;
    struct sl_value null = {.type = SL_TYPE_NULL, .is_null = true};

    if (session->parameter_count > 0) {
        if ((uint64_t)node->number >= session->parameter_count)
            return sl_bind_fail(s->binder, err, SL_TYPE, 1210, node->position,
                                "parameter %d has no value", (int)node->number + 1);
        return bind_value(s, node, &session->parameters[node->number], out_expr, err);
    }
    SL_TRY(bind_value(s, node, &null, out_expr, err));
    (*out_expr)->kind = SL_EXPR_PARAMETER;
    (*out_expr)->slot = (uint32_t)node->number;
    (*out_expr)->type = (struct sl_sql_type){.type = SL_TYPE_TEXT, .is_nullable = true};
    return SL_OK;
}

/* The conditions of a CASE, as booleans; none sets a variable. */
static sl_status
bind_whens(struct sl_scope *s, const struct sl_node *node, struct sl_expr *operand,
           struct sl_expr **whens, struct sl_error *err)
{
    for (uint32_t i = 0; i < node->arg_count / 2; i++) {
        const struct sl_node *condition = node->args[(size_t)2 * i];
        SL_TRY(sl_bind_expr(s, condition, &whens[i], err));
        if (operand != NULL)
            SL_TRY(sl_bind_op(s, SL_FN_EQ, condition->position, operand, whens[i], &whens[i], err));
    }
    return SL_OK;
}

/* The results of a CASE, ELSE behind them, and the variables as each leaves them. */
static sl_status
bind_results(struct sl_scope *s, const struct sl_node *node, bool may_assign,
             struct sl_expr **values, struct sl_assigned **afters, struct sl_error *err)
{
    struct sl_value null = {.type = SL_TYPE_NULL, .is_null = true};
    uint32_t pairs = node->arg_count / 2;
    struct sl_assigned *before = s->assigned;

    for (uint32_t i = 0; i <= pairs; i++) {
        bool is_else = i == pairs;
        s->assigned = before;
        s->may_assign = may_assign;
        if (is_else && node->arg_count % 2 == 0)
            SL_TRY(bind_value(s, node, &null, &values[i], err));
        else
            SL_TRY(sl_bind_expr(s, node->args[is_else ? 2 * i : 2 * i + 1], &values[i], err));
        afters[i] = s->assigned;
    }
    s->assigned = before;
    s->may_assign = false;
    return SL_OK;
}

static sl_status
bind_case(struct sl_scope *s, const struct sl_node *node, bool may_assign,
          struct sl_expr **out_expr, struct sl_error *err)
{
    struct sl_arena *arena = s->binder->typing.arena;
    uint32_t count = node->arg_count / 2 + 1;
    struct sl_expr *operand = NULL;
    struct sl_sql_type type;
    struct sl_expr **whens = sl_arena_calloc(arena, count, sizeof(struct sl_expr *));
    struct sl_expr **values = sl_arena_calloc(arena, count, sizeof(struct sl_expr *));
    struct sl_assigned **afters = sl_arena_calloc(arena, count, sizeof(struct sl_assigned *));

    if (whens == NULL || values == NULL || afters == NULL)
        return sl_fail_memory(err);
    if (node->operand != NULL)
        SL_TRY(sl_bind_expr(s, node->operand, &operand, err));
    SL_TRY(bind_whens(s, node, operand, whens, err));
    SL_TRY(bind_results(s, node, may_assign, values, afters, err));
    SL_TRY(sl_expr_unify(&s->binder->typing, values, count, &type, err));
    *out_expr = values[count - 1];
    for (uint32_t i = count - 1; i-- > 0;)
        SL_TRY(sl_bind_if(s, node->position, whens[i], values[i], *out_expr, out_expr, err));
    return sl_bind_assigned_by_case(s, node, whens, afters, count, err);
}

/* IF(a, b, c) whose results may set variables */
static sl_status
bind_if_as_case(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
                struct sl_error *err)
{
    struct sl_node as_case = *node;

    as_case.kind = SL_NODE_CASE;
    as_case.operand = NULL;
    return bind_case(s, &as_case, true, out_expr, err);
}

/* time + INTERVAL n unit */
static sl_status
bind_interval(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
              struct sl_error *err)
{
    struct sl_expr *args[3] = {NULL};

    if (node->operand == NULL)
        return sl_bind_fail(s->binder, err, SL_SYNTAX, 1064, node->position,
                            "an INTERVAL must be added to a time");
    SL_TRY(sl_bind_expr(s, node->operand, &args[0], err));
    SL_TRY(sl_bind_expr(s, node->args[0], &args[1], err));
    if (node->text.size_bytes != 0)
        SL_TRY(sl_bind_op(s, SL_FN_NEG, node->position, args[1], NULL, &args[1], err));
    SL_TRY(
        sl_expr_const_i64(&s->binder->typing, node->position, (int64_t)node->unit, &args[2], err));
    return sl_expr_call(&s->binder->typing, SL_FN_DATE_ADD, node->position, args, 3, out_expr, err);
}

/* LAST 1h: last_seen >= now - 1h */
static sl_status
bind_last(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
          struct sl_error *err)
{
    struct sl_value from = {
        .type = SL_TYPE_TIME, .scale = 6, .as.i64 = s->binder->typing.now_us - node->number};
    struct sl_node name = {.kind = SL_NODE_NAME,
                           .position = node->position,
                           .text = {.bytes = (const uint8_t *)"last_seen", .size_bytes = 9}};
    struct sl_expr *column, *bound;

    SL_TRY(sl_bind_name(s, &name, &column, err));
    SL_TRY(bind_value(s, node, &from, &bound, err));
    return sl_bind_op(s, SL_FN_GE, node->position, column, bound, out_expr, err);
}

/* UNIX_TIMESTAMP(t), or whole seconds of t as views have them. */
static bool
is_seconds(const struct sl_expr *expr)
{
    const struct sl_expr *width = sl_expr_is_call(expr, SL_FN_UNIX_BUCKET) ? expr->args[1] : NULL;

    return sl_expr_is_call(expr, SL_FN_UNIX_TIMESTAMP) ||
           (width != NULL && width->kind == SL_EXPR_CONST && width->value.as.i64 == 1);
}

/* UNIX_TIMESTAMP(t) DIV n * n is a time bucket, whoever writes it. */
static sl_status
recognise_bucket(struct sl_scope *s, struct sl_expr **expr, struct sl_error *err)
{
    const struct sl_expr *product = *expr;

    if (!sl_expr_is_call(product, SL_FN_MUL) || !sl_expr_is_call(product->args[0], SL_FN_INT_DIV))
        return SL_OK;
    const struct sl_expr *quotient = product->args[0];
    const struct sl_expr *seconds = quotient->args[0];
    const struct sl_expr *n = quotient->args[1], *m = product->args[1];
    if (n->kind != SL_EXPR_CONST || m->kind != SL_EXPR_CONST || n->type.type != SL_TYPE_I64 ||
        m->type.type != SL_TYPE_I64 || n->value.is_null || m->value.is_null ||
        n->value.as.i64 != m->value.as.i64 || n->value.as.i64 <= 0 ||
        n->value.as.i64 > INT64_C(1000000000))
        return SL_OK;
    if (!is_seconds(seconds))
        return SL_OK;
    return sl_bind_op(s, SL_FN_UNIX_BUCKET, product->position, seconds->args[0], quotient->args[1],
                      expr, err);
}

/* Among operators, a hexadecimal literal of up to 8 bytes is a number. */
static sl_status
bind_operand(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
             struct sl_error *err)
{
    struct sl_value value = {.type = SL_TYPE_U64};

    if (node->kind != SL_NODE_BYTES || node->text.size_bytes > 8)
        return sl_bind_expr(s, node, out_expr, err);
    for (uint32_t i = 0; i < node->text.size_bytes; i++)
        value.as.u64 = value.as.u64 << 8 | node->text.bytes[i];
    return bind_value(s, node, &value, out_expr, err);
}

static sl_status
bind_operator(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
              struct sl_error *err)
{
    struct sl_expr *args[3] = {NULL};

    switch (node->function) {
    case SL_FN_EQ:
    case SL_FN_NE:
    case SL_FN_LT:
    case SL_FN_LE:
    case SL_FN_GT:
    case SL_FN_GE:
    case SL_FN_NULL_EQ:
    case SL_FN_BETWEEN:
    case SL_FN_IN:
    case SL_FN_LIKE:
    case SL_FN_REGEXP:
    case SL_FN_IS_NULL:
        return sl_bind_predicate(s, node, out_expr, err);
    default:
        break;
    }
    SL_ASSERT(node->arg_count <= SL_COUNTOF(args));
    for (uint32_t i = 0; i < node->arg_count; i++)
        SL_TRY(bind_operand(s, node->args[i], &args[i], err));
    SL_TRY(sl_expr_call(&s->binder->typing, node->function, node->position, args, node->arg_count,
                        out_expr, err));
    return node->function == SL_FN_MUL ? recognise_bucket(s, out_expr, err) : SL_OK;
}

/* HAVING and ORDER BY know the aliases of the list. */
static const struct sl_node *
find_alias(const struct sl_scope *s, const struct sl_node *node)
{
    if (node->qualifier.size_bytes != 0)
        return NULL;
    for (uint32_t i = 0; i < s->syntax->item_count; i++) {
        const struct sl_item *item = &s->syntax->items[i];
        if (item->is_alias && sl_text_compare(item->name, node->text, false) == 0)
            return item->expr;
    }
    return NULL;
}

static sl_status
bind_alias_or_name(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
                   struct sl_error *err)
{
    bool is_group = s->place == SL_PLACE_GROUP;
    const struct sl_node *alias = NULL;

    if (s->place == SL_PLACE_TAIL || is_group)
        alias = find_alias(s, node);
    /* GROUP BY prefers the column, and so does the argument of an aggregate. */
    if (alias != NULL && (is_group || s->in_aggregate) && sl_bind_is_column(s, node))
        alias = NULL;
    if (alias == NULL) {
        if (!sl_bind_is_column(s, node) && sl_bind_is_constant_word(node))
            return sl_bind_call(s, node, out_expr, err);
        return sl_bind_name(s, node, out_expr, err);
    }
    enum sl_clause_place place = s->place;
    s->place = is_group ? SL_PLACE_WHERE : SL_PLACE_OUTPUT; /* aliases do not see each other */
    sl_status st = sl_bind_expr(s, alias, out_expr, err);
    s->place = place;
    return st;
}

/* CAST and CONVERT. */
static sl_status
bind_cast(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
          struct sl_error *err)
{
    SL_TRY(sl_bind_expr(s, node->args[0], out_expr, err));
    SL_TRY(sl_expr_coerce(&s->binder->typing, out_expr, &node->cast, err));
    /* Bytes pass for a text wherever one is wanted; whoever asks for a text gets one. */
    if ((*out_expr)->type.type == SL_TYPE_OCTETS && node->cast.type == SL_TYPE_TEXT) {
        struct sl_sql_type text = node->cast;
        text.length = SL_SQL_VALUE_BYTES_MAX;
        SL_TRY(sl_expr_coerce(&s->binder->typing, out_expr, &text, err));
    }
    if ((*out_expr)->type.is_binary == node->cast.is_binary ||
        (*out_expr)->type.type != SL_TYPE_TEXT)
        return SL_OK;
    struct sl_expr *copy = sl_arena_alloc(s->binder->typing.arena, sizeof(*copy));
    if (copy == NULL)
        return sl_fail_memory(err);
    *copy = **out_expr;
    copy->type.is_binary = node->cast.is_binary;
    *out_expr = copy;
    return SL_OK;
}

static sl_status
bind_node(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
          struct sl_error *err)
{
    struct sl_value value = {.type = SL_TYPE_NULL, .is_null = true};
    bool may_assign = s->may_assign;

    s->may_assign = false;
    switch (node->kind) {
    case SL_NODE_NULL:
        return bind_value(s, node, &value, out_expr, err);
    case SL_NODE_BOOL:
        value = (struct sl_value){.type = SL_TYPE_BOOL, .as.u64 = (uint64_t)node->number};
        return bind_value(s, node, &value, out_expr, err);
    case SL_NODE_NUMBER:
        return sl_expr_const_i64(&s->binder->typing, node->position, node->number, out_expr, err);
    case SL_NODE_INTEGER:
    case SL_NODE_DECIMAL:
    case SL_NODE_DOUBLE:
        return bind_number(s, node, out_expr, err);
    case SL_NODE_STRING:
    case SL_NODE_CIDR:
        value = (struct sl_value){.type = SL_TYPE_TEXT, .as.slice = node->text};
        return bind_value(s, node, &value, out_expr, err);
    case SL_NODE_BYTES:
        value = (struct sl_value){.type = SL_TYPE_OCTETS, .as.slice = node->text};
        return bind_value(s, node, &value, out_expr, err);
    case SL_NODE_ADDRESS:
        value = (struct sl_value){.type = SL_TYPE_ADDR};
        if (!sl_addr_parse((const char *)node->text.bytes, node->text.size_bytes, &value.as.addr))
            return sl_bind_fail(s->binder, err, SL_TYPE, 1411, node->position,
                                "this is not an address");
        return bind_value(s, node, &value, out_expr, err);
    case SL_NODE_NAME:
        return bind_alias_or_name(s, node, out_expr, err);
    case SL_NODE_STAR:
        return sl_bind_fail(s->binder, err, SL_SYNTAX, 1064, node->position,
                            "* stands for all columns and is no value");
    case SL_NODE_VARIABLE:
    case SL_NODE_SYSTEM:
        return sl_bind_variable(s, node, out_expr, err);
    case SL_NODE_ASSIGN:
        s->may_assign = may_assign;
        return sl_bind_assign(s, node, out_expr, err);
    case SL_NODE_PARAMETER:
        return bind_parameter(s, node, out_expr, err);
    case SL_NODE_OPERATOR:
        return bind_operator(s, node, out_expr, err);
    case SL_NODE_CALL:
        if (may_assign && node->arg_count == 3 && sl_slice_is(node->text, "IF"))
            return bind_if_as_case(s, node, out_expr, err);
        return sl_bind_call(s, node, out_expr, err);
    case SL_NODE_CASE:
        return bind_case(s, node, may_assign, out_expr, err);
    case SL_NODE_CAST:
        s->may_assign = may_assign;
        return bind_cast(s, node, out_expr, err);
    case SL_NODE_INTERVAL:
        return bind_interval(s, node, out_expr, err);
    case SL_NODE_LAST:
        return bind_last(s, node, out_expr, err);
    case SL_NODE_IN_SELECT:
    case SL_NODE_SELECT:
    case SL_NODE_EXISTS:
        return sl_bind_subquery(s, node, out_expr, err);
    case SL_NODE_ROW:
        return sl_bind_fail(s->binder, err, SL_TYPE, 1241, node->position,
                            "a row of values is good for =, <>, <=>, <, > and IN only");
    }
    return sl_bind_fail(s->binder, err, SL_SYNTAX, 1064, node->position, "a node without a kind");
}

sl_status
sl_bind_expr(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
             struct sl_error *err)
{
    if (s->binder->depth >= SL_EXPR_DEPTH_MAX)
        return sl_bind_fail(s->binder, err, SL_LIMIT, 0, node->position,
                            "the expression is more than %d levels deep, a chain of operators "
                            "counting one for each: shorten it, or use IN",
                            SL_EXPR_DEPTH_MAX);
    s->binder->depth++;
    sl_status st = bind_node(s, node, out_expr, err);
    s->binder->depth--;
    SL_TRY(st);
    bool is_second = s->place == SL_PLACE_OUTPUT || s->place == SL_PLACE_TAIL;
    return s->syntax != NULL && s->syntax->is_rollup && is_second && !s->in_aggregate
               ? sl_bind_rollup_key(s, out_expr, err)
               : SL_OK;
}
