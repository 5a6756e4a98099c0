/*
 * query.c - the facade: one statement from its text to its last row.
 *
 * States: prepared -> started (first next) -> ended or failed. A failed query answers the same
 * failure again.
 */
#include "query/define.h"
#include "query/info_schema.h"
#include "query/own_rows.h"
#include "query/query_state.h"
#include "storage/base/clock.h"
#include "storage/base/limits.h"
#include "storage/scan.h"
#include "storage/store.h"

enum {
    /* Trees, programs and plan of one statement, in the memory of all queries: a list of rows takes up
     * to twenty times its text. */
    STATEMENT_BYTES_MAX = 1 << 30,
};

/* ---- prepare ---- */

sl_status
sl_query_fail_size(struct sl_error *err)
{
    return sl_fail(err, SL_LIMIT, "statement is too large");
}

static sl_status
describe_result(struct sl_query *query, struct sl_error *err)
{
    const struct sl_select *select = query->statement.select;
    uint32_t count = select->visible_count;
    struct sl_result_column *columns = sl_arena_calloc(query->arena, count, sizeof(*columns));

    if (columns == NULL)
        return sl_query_fail_size(err);
    for (uint32_t i = 0; i < count; i++)
        columns[i] = (struct sl_result_column){.name = select->outputs[i].name,
                                               .table = select->outputs[i].origin_table,
                                               .origin = select->outputs[i].origin_column,
                                               .type = select->outputs[i].expr->type};
    query->info.columns = columns;
    query->info.column_count = count;
    return SL_OK;
}

static void
describe_explanation(struct sl_query *query)
{
    static const struct sl_result_column column = {
        .name = "EXPLAIN",
        .table = "",
        .origin = "",
        .type = {.type = SL_TYPE_TEXT, .length = 1024},
    };
    query->info.columns = &column;
    query->info.column_count = 1;
}

static void
init_exec(struct sl_query *query)
{
    struct sl_exec *exec = &query->exec;
    const struct sl_query_env *env = &query->env;
    unsigned threads = env->pool == NULL ? 1 : env->threads_max;

    exec->env = env;
    exec->session = &query->session;
    exec->shown_table = query->statement.table;
    exec->arena = query->arena;
    exec->budget.limit_bytes = env->memory_bytes == 0 ? SIZE_MAX : env->memory_bytes;
    exec->budget.outer = env->memory;
    exec->threads = threads < 1 ? 1 : threads > SL_THREADS_MAX ? SL_THREADS_MAX : threads;
    exec->is_analyzed = query->statement.class == SL_CLASS_EXPLAIN_ANALYZE;
}

/* The plan of the statement's select, whose rows come in rounds. */
static sl_status
prepare_rounds(struct sl_query *query, bool has_values, struct sl_error *err)
{
    if (!has_values)
        return SL_OK;
    query->rounds = sl_arena_calloc(query->arena, query->exec.threads, sizeof(*query->rounds));
    if (query->rounds == NULL)
        return sl_query_fail_size(err);
    /* The plan of a select with subqueries needs their values. */
    return query->statement.subqueries != NULL
               ? SL_OK
               : sl_plan_build(&query->exec, query->statement.select, &query->root, err);
}

/* SLEEP: no longer than the statement may run, which then it has. */
static void
prepare_pause(struct sl_query *query)
{
    int64_t timeout_us = sl_query_timeout_us(query);

    query->info.pause_us = query->statement.pause_us;
    if (timeout_us == 0 || query->info.pause_us <= timeout_us)
        return;
    query->info.pause_us = timeout_us;
    query->failure =
        sl_fail(&query->failure_error, SL_TIMEOUT,
                "query ran longer than its limit of %" PRId64 " ms", timeout_us / SL_US_PER_MS);
}

static sl_status
prepare_select(struct sl_query *query, bool has_values, struct sl_error *err)
{
    prepare_pause(query);
    query->info.kind = SL_STATEMENT_ROWS;
    query->info.found_rows = -1;
    if (query->statement.class != SL_CLASS_SELECT)
        describe_explanation(query);
    else
        SL_TRY(describe_result(query, err));
    return prepare_rounds(query, has_values, err);
}

/* Statements that are refused to those who may only ask. */
static sl_status
check_reader(const struct sl_statement *statement, const struct sl_session *session,
             struct sl_error *err)
{
    switch (statement->class) {
    case SL_CLASS_SELECT:
    case SL_CLASS_EXPLAIN:
    case SL_CLASS_EXPLAIN_ANALYZE:
    case SL_CLASS_SESSION:
    case SL_CLASS_KILL:
    case SL_CLASS_EMPTY:
    case SL_CLASS_INSERT: /* refused when it is bound, before it adds a column */
        return SL_OK;
    case SL_CLASS_DEFINE:
        if (statement->definition_count == 0)
            return SL_OK; /* what is asked for is there already */
        break;
    case SL_CLASS_DELETE:
    case SL_CLASS_OWN_INSERT:
    case SL_CLASS_OWN_DELETE:
        break;
    }
    (void)sl_fail(err, SL_DENIED, "the role of user \"%.80s\" is reader: it changes nothing",
                  session->user);
    if (err != NULL)
        err->sql_number = 1142; /* ER_TABLEACCESS_DENIED_ERROR */
    return SL_DENIED;
}

static enum sl_command
command_of(const struct sl_statement *statement)
{
    switch (statement->class) {
    case SL_CLASS_SELECT:
        return statement->is_show ? SL_COMMAND_OTHER : SL_COMMAND_SELECT;
    case SL_CLASS_INSERT:
        return statement->insert->file != NULL ? SL_COMMAND_LOAD : SL_COMMAND_INSERT;
    case SL_CLASS_OWN_INSERT:
        return SL_COMMAND_INSERT;
    case SL_CLASS_DELETE:
    case SL_CLASS_OWN_DELETE:
        return SL_COMMAND_DELETE;
    case SL_CLASS_EXPLAIN:
    case SL_CLASS_EXPLAIN_ANALYZE:
    case SL_CLASS_SESSION:
    case SL_CLASS_KILL:
    case SL_CLASS_DEFINE:
    case SL_CLASS_EMPTY:
        break;
    }
    return SL_COMMAND_OTHER;
}

/* Of what the statement reads. An INSERT of values reads nothing. */
static void
take_snapshot(struct sl_query *query)
{
    const struct sl_query_env *env = &query->env;
    bool is_of_values =
        query->statement.class == SL_CLASS_INSERT && query->statement.select == NULL;
    if (is_of_values || env->store == NULL)
        return;
    if (env->settle != NULL)
        env->settle(env->settle_context);
    query->exec.snapshot = sl_snapshot_acquire(env->store);
}

static bool
is_limited(const struct sl_query_env *env, const struct sl_session *session)
{
    return session->dialect == SL_DIALECT_MYSQL && env->mysql_delete != SL_DELETE_ALL;
}

static sl_status
prepare_insert(struct sl_query *query, bool has_values, struct sl_error *err)
{
    const struct sl_insert *insert = query->statement.insert;
    if (has_values)
        SL_TRY(sl_define_run(query->env.definitions, query->statement.definitions,
                             query->statement.definition_count, err));
    query->info.kind = SL_STATEMENT_INSERT;
    query->info.insert_rows = insert->cells != NULL ? insert->row_count : UINT32_MAX;
    query->info.insert_columns = insert->width;
    query->info.is_delayed = insert->is_delayed;
    query->info.file = insert->file;
    query->info.wants_input = insert->file != NULL;
    if (insert->cells != NULL)
        return SL_OK;
    query->cells = sl_arena_calloc(query->arena, insert->width, sizeof(*query->cells));
    query->values = sl_arena_calloc(query->arena, insert->width, sizeof(*query->values));
    if (query->cells == NULL || query->values == NULL)
        return sl_query_fail_size(err);
    if (query->statement.select != NULL)
        return prepare_rounds(query, has_values, err);
    sl_load_init(&query->load, &insert->format);
    return SL_OK;
}

/* INSERT ... SELECT into a client's own table. */
static sl_status
prepare_own_select(struct sl_query *query, bool has_values, struct sl_error *err)
{
    uint32_t count = query->statement.own->table->column_count;

    query->values = sl_arena_calloc(query->arena, (size_t)count + 1, sizeof(*query->values));
    return query->values == NULL ? sl_query_fail_size(err) : prepare_rounds(query, has_values, err);
}

/* What statements of its class need beyond the binder's work. */
static sl_status
prepare_class(struct sl_query *query, bool has_values, struct sl_error *err)
{
    switch (query->statement.class) {
    case SL_CLASS_SELECT:
    case SL_CLASS_EXPLAIN:
    case SL_CLASS_EXPLAIN_ANALYZE:
        return prepare_select(query, has_values, err);
    case SL_CLASS_DELETE:
        query->info.is_limited = is_limited(&query->env, &query->session);
        return query->env.store != NULL ? SL_OK
                                        : sl_fail(err, SL_MISSING, "there is no table flows here");
    case SL_CLASS_INSERT:
        return prepare_insert(query, has_values, err);
    case SL_CLASS_SESSION:
        query->info.changes = query->statement.changes;
        query->info.change_count = query->statement.change_count;
        return SL_OK;
    case SL_CLASS_KILL:
        query->info.is_kill = true;
        query->info.kill_id = query->statement.kill_id;
        query->info.kills_connection = query->statement.kills_connection;
        return SL_OK;
    case SL_CLASS_OWN_INSERT:
        return query->statement.select == NULL ? SL_OK : prepare_own_select(query, has_values, err);
    case SL_CLASS_DEFINE:
    case SL_CLASS_OWN_DELETE:
    case SL_CLASS_EMPTY:
        return SL_OK;
    }
    return SL_OK;
}

sl_status
sl_query_prepare(const struct sl_query_env *env, const struct sl_session *session, const char *text,
                 size_t text_bytes, struct sl_query **out_query, struct sl_error *err)
{
    struct sl_query *query = sl_new(sizeof(*query));
    sl_status st;

    *out_query = NULL;
    query->magic = SL_QUERY_MAGIC;
    query->env = *env;
    query->env.catalog = sl_info_schema_tables();
    query->env.warnings = &query->warnings;
    sl_warnings_init(&query->warnings);
    query->inserted.warnings = &query->warnings;
    query->session = *session;
    query->memory = (struct sl_budget){.limit_bytes = STATEMENT_BYTES_MAX, .outer = env->memory};
    query->arena = sl_arena_create_shared(&query->memory);
    query->started_us = sl_clock_now_us();
    query->explanation = sl_buf_empty(16 << 20);
    query->own_rows = sl_buf_empty(SL_DEFINITION_ROWS_BYTES_MAX);
    st = sl_statement_bind(&query->env, session, text, text_bytes, query->arena, &query->statement,
                           err);
    if (st == SL_OK && session->is_reader)
        st = check_reader(&query->statement, session, err);
    if (st != SL_OK)
        goto fail;
    if (query->statement.session != NULL)
        query->session = *query->statement.session;
    query->info.kind = SL_STATEMENT_OK;
    query->info.parameter_count = query->statement.parameter_count;
    query->info.consumed_bytes = query->statement.consumed_bytes;
    query->info.command = command_of(&query->statement);
    query->info.keeps_warnings = query->statement.keeps_warnings;
    if (query->statement.database != NULL)
        query->session.database = query->statement.database;
    init_exec(query);
    take_snapshot(query);

    bool has_values = query->statement.parameter_count == 0 || session->parameter_count != 0;
    st = prepare_class(query, has_values, err);
    if (st != SL_OK)
        goto fail;
    if (!has_values)
        query->failure =
            sl_fail(&query->failure_error, SL_TYPE, "the statement's parameters have no values");
    *out_query = query;
    return SL_OK;
fail:
    sl_query_free(query);
    return st;
}

bool
sl_query_is_narrow(const struct sl_query *query)
{
    SL_ASSERT(query->magic == SL_QUERY_MAGIC);
    return query->statement.class == SL_CLASS_SELECT && query->root != NULL && !query->exec.is_wide;
}

const struct sl_query_info *
sl_query_info(const struct sl_query *query)
{
    SL_ASSERT(query->magic == SL_QUERY_MAGIC);
    return &query->info;
}

struct sl_warnings *
sl_query_warnings(struct sl_query *query)
{
    SL_ASSERT(query->magic == SL_QUERY_MAGIC);
    return &query->warnings;
}

/* ---- rows, and what else is done ---- */

sl_status
sl_query_next(struct sl_query *query, const struct sl_vector **out_vectors, uint32_t *out_count,
              struct sl_error *err)
{
    sl_status st = SL_OK;
    struct sl_error story = {0};

    SL_ASSERT(query->magic == SL_QUERY_MAGIC);
    *out_vectors = NULL;
    *out_count = 0;
    if (query->failure != SL_OK) {
        if (err != NULL)
            *err = query->failure_error;
        return query->failure;
    }
    if (query->is_ended)
        return SL_OK;
    switch (query->statement.class) {
    case SL_CLASS_SELECT:
        st = sl_query_next_rows(query, out_vectors, out_count, &story);
        break;
    case SL_CLASS_EXPLAIN:
    case SL_CLASS_EXPLAIN_ANALYZE:
        st = sl_query_next_explanation(query, out_vectors, out_count, &story);
        break;
    case SL_CLASS_DELETE:
        st = sl_query_run_delete(query, &story);
        break;
    case SL_CLASS_INSERT:
        st = sl_fail(&story, SL_UNSUPPORTED, "rows cannot be inserted here");
        break;
    case SL_CLASS_DEFINE:
        st = sl_query_run_define(query, &story);
        break;
    case SL_CLASS_OWN_INSERT:
    case SL_CLASS_OWN_DELETE:
        st = sl_query_change_own(query, &story);
        break;
    case SL_CLASS_SESSION: /* the caller carries the changes */
    case SL_CLASS_KILL:    /* and knows the connections */
    case SL_CLASS_EMPTY:
        break;
    }
    if (st != SL_OK) {
        query->failure = st;
        query->failure_error = story;
        if (err != NULL)
            *err = story;
        *out_count = 0;
        return st;
    }
    query->is_ended = *out_count == 0;
    return SL_OK;
}

void
sl_query_cancel(struct sl_query *query)
{
    SL_ASSERT(query->magic == SL_QUERY_MAGIC);
    atomic_store_explicit(&query->exec.is_cancelled, true, memory_order_relaxed);
}

/* Scans of a plan, added up. */
static void
add_progress(const struct sl_op *op, struct sl_query_progress *progress)
{
    struct sl_scan_counters c;

    if (sl_op_is_scan(op)) {
        sl_op_scan_counters(op, &c);
        progress->rows_total += c.rows_total;
        progress->rows_done += c.rows_selected;
        progress->bytes_read += c.bytes_read;
    }
    for (unsigned i = 0; i < SL_OP_CHILDREN_MAX; i++)
        if (op->children[i] != NULL)
            add_progress(op->children[i], progress);
}

void
sl_query_progress(const struct sl_query *query, struct sl_query_progress *out_progress)
{
    struct sl_query_progress progress = {.started_us = query->started_us};

    SL_ASSERT(query->magic == SL_QUERY_MAGIC);
    progress.memory_bytes =
        atomic_load_explicit(&query->exec.budget.used_bytes, memory_order_relaxed);
    if (atomic_load(&query->is_running))
        add_progress(query->root, &progress);
    *out_progress = progress;
}

void
sl_query_free(struct sl_query *query)
{
    if (query == NULL)
        return;
    SL_ASSERT(query->magic == SL_QUERY_MAGIC);
    sl_op_close(query->root);
    if (query->exec.snapshot != NULL)
        sl_snapshot_release(query->exec.snapshot);
    sl_buf_fini(&query->explanation);
    sl_buf_fini(&query->own_rows);
    sl_load_fini(&query->load);
    sl_warnings_fini(&query->warnings);
    sl_arena_destroy(query->arena);
    sl_retire(&query->magic);
    free(query);
}
