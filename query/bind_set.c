/*
 * bind_set.c - SET and USE: constants, checked, as changes for the client's next session.
 *
 * A variable that answers depend on takes only values that are done; the others take any, and
 * are shown again. Assignments see what those before them have set.
 */
#include "query/bind.h"
#include "query/lex.h"
#include "query/system_variable.h"
#include "query/value.h"

struct setting {
    struct sl_binder *binder;
    struct sl_session session; /* with what was set so far */
    struct sl_variable *all;   /* the session's variables, then the changes, newest first */
    struct sl_variable *changes;
    uint32_t change_count;
};

static sl_status
fail_setting(const struct setting *s, const struct sl_assignment *a, uint16_t number,
             const char *what, struct sl_error *err)
{
    sl_status status = number == 1235 ? SL_UNSUPPORTED : SL_NAME;
    return sl_bind_fail(s->binder, err, status, number, a->position, "%s \"%.*s\"", what,
                        (int)sl_min_size(a->name.size_bytes, 64), (const char *)a->name.bytes);
}

/* "@" + "name", in lower case where case means nothing. */
static const char *
full_name(const struct setting *s, const char *sign, struct sl_slice name)
{
    size_t sign_bytes = strlen(sign);
    size_t size_bytes = sl_min_size(name.size_bytes, SL_COLUMN_NAME_BYTES_MAX);
    char *text = sl_arena_alloc(s->binder->typing.arena, sign_bytes + size_bytes + 1);
    if (text == NULL)
        return NULL;
    memcpy(text, sign, sign_bytes);
    memcpy(text + sign_bytes, name.bytes, size_bytes);
    text[sign_bytes + size_bytes] = '\0';
    return text;
}

static sl_status
change(struct setting *s, const char *name, const struct sl_value *value, struct sl_error *err)
{
    if (name == NULL)
        return sl_fail_memory(err);
    s->changes[s->change_count++] = (struct sl_variable){.name = name, .value = *value};
    /* The newest stands in front of all that are older. */
    s->session.variables--;
    s->session.variable_count++;
    s->all[s->session.variables - s->all] = (struct sl_variable){.name = name, .value = *value};
    return SL_OK;
}

sl_status
sl_bind_constant(struct sl_binder *b, const struct sl_node *node, struct sl_expr **out_expr,
                 struct sl_error *err)
{
    struct sl_syntax_select none = {.position = node->position};
    struct sl_select select = {.source = SL_SOURCE_NONE};
    struct sl_scope scope = {
        .binder = b, .syntax = &none, .select = &select, .place = SL_PLACE_WHERE};
    uint32_t subqueries = b->subquery_count;
    bool is_once = b->typing.is_once;

    b->typing.is_once = true;
    sl_status st = sl_bind_expr(&scope, node, out_expr, err);
    b->typing.is_once = is_once;
    SL_TRY(st);
    return b->subquery_count == subqueries
               ? SL_OK
               : sl_bind_fail(
                     b, err, SL_UNSUPPORTED, 1235, node->position,
                     "a subquery is no constant, which is wanted here: use INSERT ... SELECT");
}

static sl_status
evaluate(struct setting *s, const struct sl_assignment *a, struct sl_value *out_value,
         struct sl_error *err)
{
    struct sl_expr *expr = NULL;
    SL_TRY(sl_bind_constant(s->binder, a->value, &expr, err));
    if (expr->kind != SL_EXPR_CONST)
        return fail_setting(s, a, 1235, "only a constant can be the value of", err);
    *out_value = expr->value;
    return SL_OK;
}

static bool
is_text(const struct sl_value *value)
{
    return !value->is_null && value->type == SL_TYPE_TEXT;
}

/* ON, OFF and TRUE are numbers; other texts are none. */
static bool
make_number(struct sl_value *value)
{
    bool is_on = is_text(value) && sl_slice_is(value->as.slice, "ON");
    bool is_off = is_text(value) && sl_slice_is(value->as.slice, "OFF");
    if (is_on || is_off)
        *value = (struct sl_value){.type = SL_TYPE_I64, .as.i64 = is_on};
    if (!value->is_null && value->type == SL_TYPE_BOOL)
        *value = (struct sl_value){.type = SL_TYPE_I64, .as.i64 = (int64_t)value->as.u64};
    return !value->is_null && (value->type == SL_TYPE_I64 || value->type == SL_TYPE_U64);
}

/* Modes that change what a text means: it would be read as if they were not set. */
static bool
is_harmless_mode(struct sl_slice modes)
{
    static const char *const refused[] = {"ANSI",
                                          "ANSI_QUOTES",
                                          "PIPES_AS_CONCAT",
                                          "NO_BACKSLASH_ESCAPES",
                                          "REAL_AS_FLOAT",
                                          "NO_UNSIGNED_SUBTRACTION",
                                          "HIGH_NOT_PRECEDENCE"};
    uint32_t start = 0;
    for (uint32_t i = 0; i <= modes.size_bytes; i++) {
        if (i < modes.size_bytes && modes.bytes[i] != ',')
            continue;
        struct sl_slice mode = {.bytes = modes.bytes + start, .size_bytes = i - start};
        for (size_t k = 0; k < SL_COUNTOF(refused); k++)
            if (sl_slice_is(mode, refused[k]))
                return false;
        start = i + 1;
    }
    return true;
}

static sl_status
check_system(const struct setting *s, const struct sl_assignment *a,
             const struct sl_system_variable *variable, struct sl_value *value,
             struct sl_error *err)
{
    struct sl_value own = sl_system_variable_value(variable);
    bool is_none = value->is_null && variable->rule == SL_SYSTEM_CHARSET;
    bool is_kind = variable->kind == SL_SYSTEM_TEXT ? is_text(value) : make_number(value);
    if (variable->rule == SL_SYSTEM_READONLY)
        return fail_setting(s, a, 1238, "this variable cannot be set:", err);
    if (!is_kind && !is_none)
        return fail_setting(s, a, 1232, "a value of the wrong type for", err);
    switch (variable->rule) {
    case SL_SYSTEM_FIXED:
        if (value->as.u64 != own.as.u64)
            return fail_setting(s, a, 1235, "no other value is supported for", err);
        return SL_OK;
    case SL_SYSTEM_CHARSET:
        if (!is_none && !sl_is_charset(value->as.slice))
            return fail_setting(s, a, 1115, "unknown character set for", err);
        return SL_OK;
    case SL_SYSTEM_MODE:
        while (value->as.slice.size_bytes > 0 && value->as.slice.bytes[0] == ',') {
            value->as.slice.bytes++; /* CONCAT(@@sql_mode, ',MODE') */
            value->as.slice.size_bytes--;
        }
        if (!is_harmless_mode(value->as.slice))
            return fail_setting(s, a, 1235, "a mode that is not supported in", err);
        return SL_OK;
    case SL_SYSTEM_FREE:
    case SL_SYSTEM_READONLY:
        break;
    }
    return SL_OK;
}

static sl_status
set_time_zone(struct setting *s, const struct sl_assignment *a, struct sl_error *err)
{
    struct sl_value value = {.type = SL_TYPE_TEXT,
                             .as.slice = {.bytes = (const uint8_t *)"UTC", .size_bytes = 3}};
    const struct sl_zone *known = NULL;
    if (a->value != NULL)
        SL_TRY(evaluate(s, a, &value, err));
    const char *zone = is_text(&value) ? sl_arena_string(s->binder->typing.arena,
                                                         (const char *)value.as.slice.bytes,
                                                         value.as.slice.size_bytes)
                                       : NULL;
    if (zone == NULL || strlen(zone) != value.as.slice.size_bytes || !sl_zone_find(zone, &known))
        return fail_setting(s, a, 1298, "unknown or incorrect value of", err);
    return change(s, "time_zone", &value, err);
}

static sl_status
set_system(struct setting *s, const struct sl_assignment *a, struct sl_error *err)
{
    const struct sl_system_variable *variable = sl_system_variable_find(a->name);
    if (sl_slice_is(a->name, "time_zone"))
        return set_time_zone(s, a, err);
    if (variable == NULL)
        return fail_setting(s, a, 1193, "unknown system variable", err);
    struct sl_value value = sl_system_variable_value(variable);
    if (a->value != NULL)
        SL_TRY(evaluate(s, a, &value, err));
    SL_TRY(check_system(s, a, variable, &value, err));
    return change(s, full_name(s, "@@", a->name), &value, err);
}

static sl_status
set_user(struct setting *s, const struct sl_assignment *a, struct sl_error *err)
{
    struct sl_value value = {.type = SL_TYPE_NULL, .is_null = true};
    if (a->name.size_bytes > SL_COLUMN_NAME_BYTES_MAX)
        return fail_setting(s, a, 3061, "the name of a variable is too long:", err);
    if (a->value != NULL)
        SL_TRY(evaluate(s, a, &value, err));
    return change(s, full_name(s, "@", a->name), &value, err);
}

static sl_status
set_database(struct setting *s, const struct sl_assignment *a, struct sl_error *err)
{
    struct sl_value value = {.type = SL_TYPE_TEXT, .as.slice = a->name};
    if (a->name.size_bytes == 0 || a->name.size_bytes > SL_COLUMN_NAME_BYTES_MAX ||
        memchr(a->name.bytes, '\0', a->name.size_bytes) != NULL)
        return fail_setting(s, a, 1049, "unknown database", err);
    return change(s, "database", &value, err);
}

sl_status
sl_bind_set(struct sl_binder *b, const struct sl_syntax *syntax, struct sl_statement *statement,
            struct sl_error *err)
{
    const struct sl_session *before = b->session;
    uint32_t count = syntax->assignment_count;
    struct setting s = {.binder = b, .session = *before};
    size_t all_count = (size_t)before->variable_count + count;
    s.changes = sl_arena_calloc(b->typing.arena, count, sizeof(*s.changes));
    s.all = sl_arena_calloc(b->typing.arena, all_count, sizeof(*s.all));
    if (s.changes == NULL || s.all == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < before->variable_count; i++)
        s.all[count + i] = before->variables[i];
    s.session.variables = s.all + count;

    sl_status st = SL_OK;
    b->session = &s.session;
    for (uint32_t i = 0; i < count && st == SL_OK; i++) {
        const struct sl_assignment *a = &syntax->assignments[i];
        st = a->kind == SL_ASSIGN_USER     ? set_user(&s, a, err)
             : a->kind == SL_ASSIGN_SYSTEM ? set_system(&s, a, err)
                                           : set_database(&s, a, err);
    }
    b->session = before;
    statement->changes = s.changes;
    statement->change_count = s.change_count;
    return st;
}
