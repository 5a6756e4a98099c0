/*
 * bind.c - one statement: parse and bind.
 */
#include "query/bind.h"
#include "query/system_variable.h"

#include "query/parse.h"
#include "query/value.h"
#include "storage/base/clock.h"

/* SHOW about a table: the complaint when it is not there is a select's. */
static sl_status
check_table(struct sl_binder *b, const struct sl_syntax *syntax, struct sl_error *err)
{
    struct sl_node star = {.kind = SL_NODE_STAR};
    struct sl_item item = {.expr = &star};
    struct sl_syntax_select select = {
        .items = &item, .item_count = 1, .schema = syntax->database, .table = syntax->table};
    struct sl_select *bound;

    return syntax->table.size_bytes == 0 ? SL_OK : sl_bind_chain(b, &select, &bound, err);
}

/* Is the table that a SHOW is about a view, a client's or a built-in one? */
static bool
is_view(const struct sl_binder *b, const struct sl_syntax *syntax)
{
    struct sl_slice database = syntax->database.size_bytes > 0 ? syntax->database : b->database;
    struct sl_definition found;

    if (sl_is_system_database(database))
        return false;
    if (sl_definitions_find(b->env->definitions, database, syntax->table, b->typing.arena, &found))
        return found.kind == SL_DEFINITION_VIEW;
    return sl_flow_view_find(syntax->table) != NULL;
}

static sl_status
bind_show(struct sl_binder *b, const struct sl_syntax *syntax, struct sl_statement *statement,
          struct sl_error *err)
{
    SL_TRY(check_table(b, syntax, err));
    statement->is_show = true;
    statement->table = syntax->table;
    statement->keeps_warnings = syntax->keeps_warnings;
    if (syntax->database.size_bytes > 0) {
        statement->database = sl_bind_make_name(b, syntax->database);
        if (statement->database == NULL)
            return sl_fail_memory(err);
    }
    bool has_view = syntax->view_select != NULL && is_view(b, syntax);
    if (syntax->wants_view && !has_view)
        return sl_bind_fail(b, err, SL_TYPE, 1347, 0, "\"%.*s\" is not a view",
                            (int)sl_min_size(syntax->table.size_bytes, 64),
                            (const char *)syntax->table.bytes);
    return sl_bind_chain(b, has_view ? syntax->view_select : syntax->select, &statement->select,
                         err);
}

/* @@sql_select_limit is the LIMIT of a select that has none. */
static void
limit_select(const struct sl_session *session, struct sl_select *select)
{
    static const char name[] = "sql_select_limit";
    const struct sl_slice slice = {.bytes = (const uint8_t *)name, .size_bytes = sizeof(name) - 1};
    const struct sl_value *limit = sl_session_find(session, "@@", slice);

    if (limit != NULL && select->limit == UINT64_MAX && !limit->is_null)
        select->limit = limit->type == SL_TYPE_I64 && limit->as.i64 < 0 ? 0 : limit->as.u64;
}

/* SET STATEMENT ... FOR: the session as it is for this statement. */
static sl_status
enter_session(struct sl_binder *b, const struct sl_syntax *syntax,
              const struct sl_session **out_session, struct sl_error *err)
{
    struct sl_statement set = {0};
    struct sl_session *own = sl_arena_calloc(b->typing.arena, 1, sizeof(*own));

    if (own == NULL)
        return sl_fail_memory(err);
    SL_TRY(sl_bind_set(b, syntax, &set, err));
    *own = *b->session;
    size_t count = (size_t)set.change_count + own->variable_count;
    struct sl_variable *all = sl_arena_calloc(b->typing.arena, count, sizeof(*all));
    if (all == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < set.change_count; i++) {
        const struct sl_variable *change = &set.changes[i];
        all[set.change_count - 1 - i] = *change; /* the newest stands in front */
        if (strcmp(change->name, "time_zone") != 0)
            continue;
        own->time_zone =
            sl_arena_string(b->typing.arena, (const char *)change->value.as.slice.bytes,
                            change->value.as.slice.size_bytes);
        if (own->time_zone == NULL)
            return sl_fail_memory(err);
        (void)!sl_zone_find(own->time_zone, &b->typing.zone);
    }
    if (own->variable_count > 0)
        memcpy(&all[set.change_count], own->variables, own->variable_count * sizeof(*all));
    own->variables = all;
    own->variable_count = (uint32_t)count;
    b->session = *out_session = own;
    return SL_OK;
}

/* max_statement_time counts seconds, max_execution_time milliseconds; 0: no limit. */
static int64_t
timeout_of(const struct sl_session *session)
{
    static const struct {
        const char *name;
        int64_t unit_us;
    } limits[] = {{"max_statement_time", SL_US_PER_S}, {"max_execution_time", SL_US_PER_MS}};
    int64_t timeout_us = 0;

    for (size_t i = 0; i < SL_COUNTOF(limits); i++) {
        const struct sl_slice name = {.bytes = (const uint8_t *)limits[i].name,
                                      .size_bytes = (uint32_t)strlen(limits[i].name)};
        const struct sl_value *value = sl_session_find(session, "@@", name);
        bool is_set = value != NULL && !value->is_null && value->as.i64 > 0 &&
                      value->as.i64 <= INT64_MAX / SL_US_PER_S;
        if (is_set && (timeout_us == 0 || value->as.i64 * limits[i].unit_us < timeout_us))
            timeout_us = value->as.i64 * limits[i].unit_us;
    }
    return timeout_us;
}

/* A statement of each kind, by the function that knows it. */
static sl_status
bind_kind(struct sl_binder *b, struct sl_syntax *syntax, struct sl_statement *out_statement,
          struct sl_error *err)
{
    switch (syntax->kind) {
    case SL_SYNTAX_EMPTY:
        return SL_OK;
    case SL_SYNTAX_SELECT:
        out_statement->class = SL_CLASS_SELECT;
        SL_TRY(sl_bind_chain(b, syntax->select, &out_statement->select, err));
        out_statement->pause_us = b->pause_us;
        limit_select(b->session, out_statement->select);
        if (syntax->select->wants_found_rows && out_statement->select->limit != UINT64_MAX)
            return sl_bind_row_count(b, syntax->select, &out_statement->row_count, err);
        return SL_OK;
    case SL_SYNTAX_EXPLAIN:
    case SL_SYNTAX_EXPLAIN_ANALYZE:
        out_statement->class =
            syntax->kind == SL_SYNTAX_EXPLAIN ? SL_CLASS_EXPLAIN : SL_CLASS_EXPLAIN_ANALYZE;
        return sl_bind_chain(b, syntax->select, &out_statement->select, err);
    case SL_SYNTAX_DELETE:
        out_statement->class = SL_CLASS_DELETE;
        return sl_bind_delete(b, syntax->select, out_statement, err);
    case SL_SYNTAX_INSERT:
        out_statement->class = SL_CLASS_INSERT;
        return sl_bind_insert(b, syntax, out_statement, err);
    case SL_SYNTAX_UPDATE:
        return sl_bind_update(b, syntax, err);
    case SL_SYNTAX_DEFINE:
        out_statement->class = SL_CLASS_DEFINE;
        return sl_bind_define(b, syntax->define, out_statement, err);
    case SL_SYNTAX_SESSION:
        out_statement->class = SL_CLASS_SESSION;
        return sl_bind_set(b, syntax, out_statement, err);
    case SL_SYNTAX_KILL:
        out_statement->class = SL_CLASS_KILL;
        out_statement->kill_id = syntax->kill_id;
        out_statement->kills_connection = syntax->kills_connection;
        return SL_OK;
    case SL_SYNTAX_SHOW:
        out_statement->class = SL_CLASS_SELECT;
        return bind_show(b, syntax, out_statement, err);
    }
    return SL_OK;
}

sl_status
sl_statement_bind(const struct sl_query_env *env, const struct sl_session *session,
                  const char *text, size_t text_bytes, struct sl_arena *arena,
                  struct sl_statement *out_statement, struct sl_error *err)
{
    struct sl_syntax syntax;
    struct sl_binder b = {.env = env, .session = session};

    *out_statement = (struct sl_statement){.class = SL_CLASS_EMPTY};
    b.typing = (struct sl_typing){.arena = arena,
                                  .text = text,
                                  .text_bytes = text_bytes,
                                  .now_us = sl_clock_now_us(),
                                  .warnings = env->warnings};
    if (!sl_zone_find(session->time_zone, &b.typing.zone))
        return sl_bind_fail(&b, err, SL_NAME, 1298, 0, "unknown or incorrect time zone \"%.40s\"",
                            session->time_zone);
    const char *database = sl_session_database(session);
    if (database == NULL)
        database = "flows";
    b.database = (struct sl_slice){.bytes = (const uint8_t *)database,
                                   .size_bytes = (uint32_t)strlen(database)};
    SL_TRY(sl_parse(session->dialect, text, text_bytes, b.database, arena, &syntax, err));
    if (syntax.is_scoped)
        SL_TRY(enter_session(&b, &syntax, &out_statement->session, err));
    session = b.session;
    out_statement->timeout_us = timeout_of(session);
    out_statement->now_us = b.typing.now_us;
    out_statement->consumed_bytes = syntax.consumed_bytes;
    out_statement->parameter_count = syntax.parameter_count;
    if (syntax.kind == SL_SYNTAX_EMPTY)
        return SL_OK;
    SL_TRY(bind_kind(&b, &syntax, out_statement, err));
    sl_bind_give_subqueries(&b, out_statement);
    return SL_OK;
}
