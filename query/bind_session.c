/*
 * bind_session.c - functions that are constants of the statement: the time, the session and who asks.
 */
#include <stdio.h>

#include "query/bind.h"
#include "query/lex.h"
#include "query/value.h"
#include "storage/base/clock.h"

/* Functions that are constants of the statement. */
enum session_function {
    SESSION_NOW,
    SESSION_UTC,
    SESSION_DATE,
    SESSION_CLOCK,
    SESSION_UTC_DATE,
    SESSION_UTC_CLOCK,
    SESSION_DATABASE,
    SESSION_USER,
    SESSION_ACCOUNT,
    SESSION_ROLE,
    SESSION_VERSION,
    SESSION_CONNECTION,
    SESSION_INSERT_ID,
    SESSION_ROW_COUNT,
    SESSION_FOUND_ROWS,
    SESSION_SLEEP,
    SESSION_NONE,
};

static const struct {
    const char *name;
    enum session_function function;
    bool is_word; /* means the same without parentheses */
} session_functions[] = {
    {"NOW", SESSION_NOW, false},
    {"CURRENT_TIMESTAMP", SESSION_NOW, true},
    {"LOCALTIME", SESSION_NOW, true},
    {"LOCALTIMESTAMP", SESSION_NOW, true},
    {"SYSDATE", SESSION_NOW, false},
    {"UTC_TIMESTAMP", SESSION_UTC, true},
    {"CURDATE", SESSION_DATE, false},
    {"CURRENT_DATE", SESSION_DATE, true},
    {"CURTIME", SESSION_CLOCK, false},
    {"CURRENT_TIME", SESSION_CLOCK, true},
    {"UTC_DATE", SESSION_UTC_DATE, true},
    {"UTC_TIME", SESSION_UTC_CLOCK, true},
    {"DATABASE", SESSION_DATABASE, false},
    {"SCHEMA", SESSION_DATABASE, false},
    {"USER", SESSION_USER, false},
    {"SESSION_USER", SESSION_USER, false},
    {"SYSTEM_USER", SESSION_USER, false},
    {"CURRENT_USER", SESSION_ACCOUNT, true},
    {"CURRENT_ROLE", SESSION_ROLE, false},
    {"VERSION", SESSION_VERSION, false},
    {"CONNECTION_ID", SESSION_CONNECTION, false},
    {"LAST_INSERT_ID", SESSION_INSERT_ID, false},
    {"ROW_COUNT", SESSION_ROW_COUNT, false},
    {"FOUND_ROWS", SESSION_FOUND_ROWS, false},
    {"SLEEP", SESSION_SLEEP, false},
};

static enum session_function
find_session(struct sl_slice name, bool is_word)
{
    for (size_t i = 0; i < SL_COUNTOF(session_functions); i++)
        if (sl_slice_is(name, session_functions[i].name) &&
            (!is_word || session_functions[i].is_word))
            return session_functions[i].function;
    return SESSION_NONE;
}

bool
sl_bind_is_constant_word(const struct sl_node *node)
{
    return !node->is_quoted && node->qualifier.size_bytes == 0 &&
           find_session(node->text, true) != SESSION_NONE;
}

static sl_status
bind_text(struct sl_scope *s, uint32_t position, const char *text, struct sl_expr **out_expr,
          struct sl_error *err)
{
    struct sl_value value = {.type = SL_TYPE_TEXT, .is_null = text == NULL};

    if (text != NULL) {
        value.as.slice.size_bytes = (uint32_t)strlen(text);
        value.as.slice.bytes = (const uint8_t *)sl_arena_string(s->binder->typing.arena, text,
                                                                value.as.slice.size_bytes);
        if (value.as.slice.bytes == NULL)
            return sl_fail_memory(err);
    }
    return sl_expr_const(&s->binder->typing, position, &value, out_expr, err);
}

/* Of "127.0.0.1:50012" and "[::1]:50012" what stands before the port; localhost where nothing is known. */
static struct sl_slice
host_of(const char *peer)
{
    const char *colon = peer == NULL ? NULL : strrchr(peer, ':');
    bool is_v6 = colon != NULL && peer[0] == '[' && colon - peer > 1;

    if (colon == NULL || colon == peer)
        return (struct sl_slice){.bytes = (const uint8_t *)"localhost", .size_bytes = 9};
    return (struct sl_slice){.bytes = (const uint8_t *)peer + is_v6,
                             .size_bytes = (uint32_t)(colon - peer) - 2U * is_v6};
}

/* user@host */
static sl_status
bind_user(struct sl_scope *s, const struct sl_node *node, struct sl_slice host,
          struct sl_expr **out_expr, struct sl_error *err)
{
    const char *user = s->binder->session->user == NULL ? "" : s->binder->session->user;
    struct sl_value value = {.type = SL_TYPE_TEXT};
    size_t size = strlen(user) + 1 + host.size_bytes;
    char *text = sl_arena_alloc(s->binder->typing.arena, size + 1);

    if (text == NULL)
        return sl_fail_memory(err);
    (void)snprintf(text, size + 1, "%s@%.*s", user, (int)host.size_bytes, (const char *)host.bytes);
    value.as.slice =
        (struct sl_slice){.bytes = (const uint8_t *)text, .size_bytes = (uint32_t)size};
    return sl_expr_const(&s->binder->typing, node->position, &value, out_expr, err);
}

/* NOW([digits]) and its kin; `less_us` is what is taken off. */
static sl_status
bind_now(struct sl_scope *s, const struct sl_node *node, const struct sl_zone *zone,
         struct sl_expr **out_expr, struct sl_error *err)
{
    struct sl_value now = {.type = SL_TYPE_TIME,
                           .as.i64 = sl_zone_to_utc(zone, s->binder->typing.now_us)};
    struct sl_expr *digits;
    int64_t scale = 0;

    if (node->arg_count == 1) {
        SL_TRY(sl_bind_expr(s, node->args[0], &digits, err));
        scale = digits->kind == SL_EXPR_CONST && digits->type.type == SL_TYPE_I64
                    ? digits->value.as.i64
                    : -1;
    }
    if (node->arg_count > 1 || scale < 0 || scale > 6)
        return sl_bind_fail(s->binder, err, SL_TYPE, 1426, node->position,
                            "a time has 0 to 6 digits behind its second");
    now.scale = (uint8_t)scale;
    int64_t unit = (int64_t)sl_power_of_ten(6U - (unsigned)scale);
    now.as.i64 -= ((now.as.i64 % unit) + unit) % unit;
    return sl_expr_const(&s->binder->typing, node->position, &now, out_expr, err);
}

/* CURTIME([digits]), UTC_TIME([digits]): the time of day of NOW. */
static sl_status
bind_clock(struct sl_scope *s, const struct sl_node *node, const struct sl_zone *zone,
           struct sl_expr **out_expr, struct sl_error *err)
{
    struct sl_sql_type span = sl_sql_type_of(SL_TYPE_SPAN);

    SL_TRY(bind_now(s, node, zone, out_expr, err));
    span.scale = (*out_expr)->type.scale;
    return sl_expr_coerce(&s->binder->typing, out_expr, &span, err);
}

/* Is it computed once, whatever else the statement says? */
static bool
is_lone_item(const struct sl_scope *s, const struct sl_node *node)
{
    const struct sl_syntax_select *syntax = s->syntax;
    bool is_item = false;

    for (uint32_t i = 0; i < syntax->item_count; i++)
        is_item = is_item || syntax->items[i].expr == node;
    return is_item && s->select->source == SL_SOURCE_NONE && s->binder->outer == NULL &&
           syntax->group_count == 0 && syntax->where == NULL && syntax->limit == NULL;
}

/* SLEEP(seconds): 0. Whoever runs the statement waits, so that no worker does. */
static sl_status
bind_sleep(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
           struct sl_error *err)
{
    enum { SLEEP_S_MAX = 3600 };
    struct sl_binder *b = s->binder;
    struct sl_sql_type number = sl_sql_type_of(SL_TYPE_F64);
    struct sl_expr *seconds;

    if (!is_lone_item(s, node))
        return sl_bind_fail(b, err, SL_UNSUPPORTED, 1235, node->position,
                            "SLEEP is an item of a select without FROM, WHERE and LIMIT only");
    SL_TRY(sl_bind_expr(s, node->args[0], &seconds, err));
    SL_TRY(sl_expr_coerce(&b->typing, &seconds, &number, err));
    const struct sl_value *value = &seconds->value;
    if (seconds->kind == SL_EXPR_CONST && !value->is_null && value->as.f64 > SLEEP_S_MAX)
        return sl_bind_fail(b, err, SL_LIMIT, 1210, node->position,
                            "SLEEP lasts %d seconds at most", (int)SLEEP_S_MAX);
    if (seconds->kind == SL_EXPR_CONST && !value->is_null && value->as.f64 >= 0)
        b->pause_us += (int64_t)(value->as.f64 * SL_US_PER_S);
    else
        sl_warnings_add(b->env->warnings, SL_WARNING_WARNING, 1210,
                        "Incorrect arguments to sleep.");
    return sl_expr_const_i64(&b->typing, node->position, 0, out_expr, err);
}

static sl_status
bind_function(struct sl_scope *s, const struct sl_node *node, enum session_function function,
              struct sl_expr **out_expr, struct sl_error *err)
{
    const struct sl_session *session = s->binder->session;
    struct sl_sql_type date = sl_sql_type_of(SL_TYPE_DATE);
    bool is_clock = function == SESSION_CLOCK || function == SESSION_UTC_CLOCK;
    uint32_t arg_count = function == SESSION_SLEEP ? 1 : 0;

    if (function > SESSION_UTC && !is_clock && node->arg_count != arg_count)
        return sl_bind_fail(s->binder, err, SL_TYPE, 1582, node->position,
                            "incorrect parameter count in the call to %.*s",
                            (int)node->text.size_bytes, (const char *)node->text.bytes);
    switch (function) {
    case SESSION_NOW:
        return bind_now(s, node, NULL, out_expr, err);
    case SESSION_UTC:
        return bind_now(s, node, s->binder->typing.zone, out_expr, err);
    case SESSION_DATE:
        SL_TRY(bind_now(s, node, NULL, out_expr, err));
        return sl_expr_coerce(&s->binder->typing, out_expr, &date, err);
    case SESSION_UTC_DATE:
        SL_TRY(bind_now(s, node, s->binder->typing.zone, out_expr, err));
        return sl_expr_coerce(&s->binder->typing, out_expr, &date, err);
    case SESSION_CLOCK:
        return bind_clock(s, node, NULL, out_expr, err);
    case SESSION_UTC_CLOCK:
        return bind_clock(s, node, s->binder->typing.zone, out_expr, err);
    case SESSION_DATABASE:
        return bind_text(s, node->position, sl_session_database(session), out_expr, err);
    case SESSION_USER:
        return bind_user(s, node, host_of(session->peer), out_expr, err);
    case SESSION_ACCOUNT: /* a user is the same wherever he comes from */
        return bind_user(s, node, (struct sl_slice){.bytes = (const uint8_t *)"%", .size_bytes = 1},
                         out_expr, err);
    case SESSION_ROLE:
        return bind_text(s, node->position,
                         session->is_reader  ? "reader"
                         : session->is_admin ? "admin"
                                             : "writer",
                         out_expr, err);
    case SESSION_VERSION:
        return bind_text(s, node->position, "8.0.36-sluice", out_expr, err);
    case SESSION_CONNECTION:
        return sl_expr_const_i64(&s->binder->typing, node->position,
                                 (int64_t)session->connection_id, out_expr, err);
    case SESSION_INSERT_ID: /* no table has an AUTO_INCREMENT */
        return sl_expr_const_i64(&s->binder->typing, node->position, 0, out_expr, err);
    case SESSION_ROW_COUNT:
        return sl_expr_const_i64(&s->binder->typing, node->position, session->row_count, out_expr,
                                 err);
    case SESSION_FOUND_ROWS:
        return sl_expr_const_i64(&s->binder->typing, node->position, session->found_rows, out_expr,
                                 err);
    case SESSION_SLEEP:
        return bind_sleep(s, node, out_expr, err);
    case SESSION_NONE:
        break;
    }
    return SL_OK;
}

sl_status
sl_bind_session(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
                bool *out_found, struct sl_error *err)
{
    enum session_function function = find_session(node->text, false);

    *out_found = function != SESSION_NONE;
    return *out_found ? bind_function(s, node, function, out_expr, err) : SL_OK;
}
