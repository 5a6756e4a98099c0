/*
 * query.c - the facade: one statement from its text to its last row.
 *
 * Rows come in rounds: every worker makes one chunk, then they are handed to the caller one by
 * one. An ordered plan has one worker that gives rows, so a round is one chunk and the order
 * stays. LIMIT without ORDER BY ends after the round that filled it.
 *
 * States: prepared -> started (first next) -> ended or failed. A failed query answers the same
 * failure again.
 */
#include "query/query.h"

#include "query/define.h"
#include "query/front.h"
#include "query/info_schema.h"
#include "query/insert.h"
#include "query/own_rows.h"
#include "query/plan.h"
#include "query/subquery.h"
#include "storage/base/clock.h"
#include "storage/base/limits.h"
#include "storage/scan.h"
#include "storage/store.h"

#define QUERY_MAGIC UINT32_C(0x5c0e7a11)

enum {
    /* Trees, programs and plan of one statement, in the memory of all queries: a list of rows takes up
     * to twenty times its text. */
    STATEMENT_BYTES_MAX = 1 << 30,
};

struct round {
    struct sl_vector *vectors; /* of the result's columns; NULL: nothing */
    uint32_t count;
    bool is_ended; /* the worker has no more */
};

struct sl_query {
    uint32_t magic;
    struct sl_query_env env;
    struct sl_session session;
    struct sl_budget memory; /* of the arena */
    struct sl_arena *arena;  /* owned: statement, plan */
    struct sl_statement statement;
    struct sl_exec exec;
    struct sl_op *root; /* NULL: DELETE, empty, or parameters without values */
    struct sl_query_info info;
    struct sl_insert_progress inserted; /* INSERT */
    struct sl_load load;                /* LOAD DATA */
    struct sl_cell *cells;              /* LOAD DATA, INSERT ... SELECT: of one row */
    struct sl_value *values;            /* INSERT ... SELECT: of one row */
    const struct sl_vector
        *selected; /* INSERT ... SELECT: borrowed, until the next are asked for */
    uint32_t selected_count;
    uint32_t selected_next;
    struct round *rounds; /* exec.threads of them */
    unsigned round_next;
    unsigned round_count;
    bool is_started;
    bool is_ended;
    sl_status failure;
    struct sl_error failure_error;
    atomic_bool is_running;    /* the scan may be asked for its progress */
    struct sl_buf explanation; /* owned */
    struct sl_buf own_rows;    /* owned: into a client's own table, until all are there */
    struct sl_vector explained;
    int64_t started_us; /* wall clock */
};

/* ---- prepare ---- */

static sl_status
fail_size(struct sl_error *err)
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
        return fail_size(err);
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
        return fail_size(err);
    /* The plan of a select with subqueries needs their values. */
    return query->statement.subqueries != NULL
               ? SL_OK
               : sl_plan_build(&query->exec, query->statement.select, &query->root, err);
}

static sl_status
prepare_select(struct sl_query *query, bool has_values, struct sl_error *err)
{
    query->info.kind = SL_STATEMENT_ROWS;
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
        return fail_size(err);
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
    return query->values == NULL ? fail_size(err) : prepare_rounds(query, has_values, err);
}

sl_status
sl_query_prepare(const struct sl_query_env *env, const struct sl_session *session, const char *text,
                 size_t text_bytes, struct sl_query **out_query, struct sl_error *err)
{
    struct sl_query *query = sl_new(sizeof(*query));
    sl_status st;

    *out_query = NULL;
    query->magic = QUERY_MAGIC;
    query->env = *env;
    query->env.catalog = sl_info_schema_tables();
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
    if (query->statement.database != NULL)
        query->session.database = query->statement.database;
    init_exec(query);
    take_snapshot(query);

    bool has_values = query->statement.parameter_count == 0 || session->parameter_count != 0;
    switch (query->statement.class) {
    case SL_CLASS_SELECT:
    case SL_CLASS_EXPLAIN:
    case SL_CLASS_EXPLAIN_ANALYZE:
        st = prepare_select(query, has_values, err);
        break;
    case SL_CLASS_DELETE:
        query->info.is_limited = is_limited(env, session);
        if (env->store == NULL)
            st = sl_fail(err, SL_MISSING, "there is no table flows here");
        break;
    case SL_CLASS_INSERT:
        st = prepare_insert(query, has_values, err);
        break;
    case SL_CLASS_SESSION:
        query->info.changes = query->statement.changes;
        query->info.change_count = query->statement.change_count;
        break;
    case SL_CLASS_KILL:
        query->info.is_kill = true;
        query->info.kill_id = query->statement.kill_id;
        query->info.kills_connection = query->statement.kills_connection;
        break;
    case SL_CLASS_OWN_INSERT:
        if (query->statement.select != NULL)
            st = prepare_own_select(query, has_values, err);
        break;
    case SL_CLASS_DEFINE:
    case SL_CLASS_OWN_DELETE:
    case SL_CLASS_EMPTY:
        break;
    }
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
    SL_ASSERT(query->magic == QUERY_MAGIC);
    return query->statement.class == SL_CLASS_SELECT && query->root != NULL && !query->exec.is_wide;
}

const struct sl_query_info *
sl_query_info(const struct sl_query *query)
{
    SL_ASSERT(query->magic == QUERY_MAGIC);
    return &query->info;
}

/* ---- rounds ---- */

/* The selected rows of a chunk as vectors of their own. */
static sl_status
compact_chunk(const struct sl_query *query, struct sl_chunk *chunk, struct round *round,
              struct sl_error *err)
{
    uint32_t columns = query->statement.select->visible_count;
    uint32_t selected = sl_chunk_selected(chunk);

    round->count = selected;
    round->vectors = chunk->inputs;
    if (selected == chunk->count)
        return SL_OK;
    uint32_t *rows = sl_arena_alloc(chunk->arena, (size_t)chunk->count * sizeof(*rows));
    round->vectors = sl_arena_calloc(chunk->arena, columns, sizeof(*round->vectors));
    if (rows == NULL || round->vectors == NULL)
        return sl_exec_out_of_memory(&query->exec, err);
    (void)sl_chunk_rows(chunk, rows);
    for (uint32_t i = 0; i < columns; i++)
        if (!sl_vector_gather(&chunk->inputs[i], rows, selected, chunk->arena, &round->vectors[i]))
            return sl_exec_out_of_memory(&query->exec, err);
    return SL_OK;
}

static sl_status
run_round(void *context, unsigned worker, struct sl_error *err)
{
    struct sl_query *query = context;
    struct round *round = &query->rounds[worker];
    struct sl_chunk chunk;

    round->count = 0;
    if (round->is_ended)
        return SL_OK;
    SL_TRY(sl_op_next(query->root, worker, &chunk, err));
    round->is_ended = chunk.count == 0;
    return chunk.count == 0 ? SL_OK : compact_chunk(query, &chunk, round, err);
}

/* EXPLAIN ANALYZE: to the end, without keeping anything. */
static sl_status
drain(void *context, unsigned worker, struct sl_error *err)
{
    struct sl_query *query = context;
    struct sl_chunk chunk;

    do {
        SL_TRY(sl_op_next(query->root, worker, &chunk, err));
    } while (chunk.count != 0);
    return SL_OK;
}

static void
set_deadline(struct sl_query *query)
{
    int64_t timeout_us = query->env.timeout_us;
    int64_t own_us = query->statement.timeout_us;
    if (own_us != 0 && (timeout_us == 0 || own_us < timeout_us))
        timeout_us = own_us;
    query->exec.deadline_us = timeout_us == 0 ? 0 : sl_clock_monotonic_us() + timeout_us;
}

/* What prepare left undone. */
static sl_status
plan_late(struct sl_query *query, struct sl_error *err)
{
    if (query->root != NULL)
        return SL_OK;
    SL_TRY(sl_subqueries_run(&query->exec, &query->statement, err));
    return sl_plan_build(&query->exec, query->statement.select, &query->root, err);
}

static sl_status
start_plan(struct sl_query *query, struct sl_error *err)
{
    set_deadline(query);
    SL_TRY(plan_late(query, err));
    atomic_store(&query->is_running, true);
    return sl_op_start(query->root, err);
}

static sl_status
next_rows(struct sl_query *query, const struct sl_vector **out_vectors, uint32_t *out_count,
          struct sl_error *err)
{
    if (!query->is_started) {
        query->is_started = true;
        SL_TRY(start_plan(query, err));
    }
    for (;;) {
        for (; query->round_next < query->round_count; query->round_next++) {
            const struct round *round = &query->rounds[query->round_next];
            if (round->count == 0)
                continue;
            *out_vectors = round->vectors;
            *out_count = round->count;
            query->round_next++;
            return SL_OK;
        }
        bool is_more = query->round_count == 0;
        for (unsigned i = 0; i < query->round_count; i++)
            is_more = is_more || !query->rounds[i].is_ended;
        if (!is_more)
            return SL_OK;
        query->round_next = 0;
        query->round_count = query->root->width;
        SL_TRY(sl_exec_each(&query->exec, query->round_count, run_round, query, err));
    }
}

/* ---- EXPLAIN ---- */

static sl_status
next_explanation(struct sl_query *query, const struct sl_vector **out_vectors, uint32_t *out_count,
                 struct sl_error *err)
{
    if (query->is_started)
        return SL_OK;
    query->is_started = true;
    set_deadline(query);
    if (query->exec.is_analyzed) {
        SL_TRY(start_plan(query, err));
        SL_TRY(sl_exec_each(&query->exec, query->root->width, drain, query, err));
    }
    SL_TRY(plan_late(query, err));
    sl_plan_explain(query->root, &query->explanation);
    if (query->explanation.bad)
        return sl_fail(err, SL_LIMIT, "the plan is too long to be shown");

    /* One row for each line; a line's end is not part of it, so the lines are closed up. */
    uint8_t *bytes = query->explanation.bytes;
    size_t size_bytes = query->explanation.size_bytes;
    uint32_t lines = 0;
    for (size_t i = 0; i < size_bytes; i++)
        lines += bytes[i] == '\n';
    uint32_t *offsets = sl_arena_calloc(query->arena, (size_t)lines + 1, sizeof(*offsets));
    if (offsets == NULL)
        return fail_size(err);
    uint32_t kept = 0;
    uint32_t line = 0;
    for (size_t i = 0; i < size_bytes; i++) {
        if (bytes[i] == '\n')
            offsets[++line] = kept;
        else
            bytes[kept++] = bytes[i];
    }
    query->explained = (struct sl_vector){.type = SL_TYPE_TEXT,
                                          .encoding = SL_PLAIN,
                                          .count = lines,
                                          .value_count = lines,
                                          .offsets = offsets,
                                          .bytes = bytes};
    *out_vectors = &query->explained;
    *out_count = lines;
    return SL_OK;
}

/* ---- DELETE ---- */

struct deletion {
    struct sl_exec *exec;
    const struct sl_select *select;
    const struct sl_conjunct *conjuncts;
    uint32_t conjunct_count;
    bool is_never;
};

/* Leave in the morsel's selection the rows that go. */
static sl_status
match_rows(void *context, struct sl_morsel *morsel, struct sl_error *err)
{
    const struct deletion *deletion = context;
    const struct sl_select *select = deletion->select;
    struct sl_arena *arena = sl_arena_create_shared(&deletion->exec->budget);
    uint32_t row_count = sl_morsel_row_count(morsel);
    struct sl_lazy lazy = {
        .morsel = morsel, .inputs = select->inputs, .input_count = select->input_count};
    struct sl_chunk chunk = {.count = row_count,
                             .selection = sl_morsel_selection(morsel),
                             .lazy = &lazy,
                             .exec = deletion->exec,
                             .arena = arena};
    sl_status st = sl_exec_check(deletion->exec, err);

    lazy.is_fetched = sl_arena_calloc(arena, select->input_count, sizeof(bool));
    chunk.inputs = sl_arena_calloc(arena, select->input_count, sizeof(*chunk.inputs));
    if (st == SL_OK && (lazy.is_fetched == NULL || chunk.inputs == NULL))
        st = sl_exec_out_of_memory(deletion->exec, err);
    if (st == SL_OK)
        st = sl_conjuncts_filter(deletion->conjuncts, deletion->conjunct_count, &chunk, err);
    if (st == SL_OK && deletion->is_never)
        memset(chunk.selection, 0, sl_words_for(row_count) * sizeof(uint64_t));
    sl_arena_destroy(arena);
    return st;
}

static sl_status
run_delete(struct sl_query *query, struct sl_error *err)
{
    const struct sl_select *select = query->statement.select;
    struct sl_conjunct *conjuncts = NULL;
    struct deletion deletion = {.exec = &query->exec, .select = select};

    if (query->is_started)
        return SL_OK;
    query->is_started = true;
    set_deadline(query);
    SL_TRY(sl_subqueries_run(&query->exec, &query->statement, err));
    SL_TRY(sl_bounds_split(select->where, select->inputs, select->input_count, query->arena,
                           &conjuncts, &deletion.conjunct_count, &deletion.is_never, err));
    deletion.conjuncts = conjuncts;
    /* The store takes its own snapshot, of everything that is readable then. */
    sl_snapshot_release(query->exec.snapshot);
    query->exec.snapshot = NULL;
    return sl_store_delete(query->env.store, match_rows, &deletion, &query->info.affected_rows,
                           err);
}

static sl_status
run_define(struct sl_query *query, struct sl_error *err)
{
    if (query->is_started)
        return SL_OK;
    query->is_started = true;
    return sl_define_run(query->env.definitions, query->statement.definitions,
                         query->statement.definition_count, err);
}

/* INSERT ... SELECT into such a table: all rows go in together. */
static sl_status
select_own(struct sl_query *query, struct sl_error *err)
{
    struct sl_own_change change = *query->statement.own;
    const struct sl_vector *vectors = NULL;
    uint32_t count = 0;

    do {
        count = 0;
        SL_TRY(next_rows(query, &vectors, &count, err));
        SL_TRY(sl_own_encode(&change, vectors, count, query->values, &query->own_rows, err));
        change.row_count += count; /* a row takes a byte at least */
    } while (count != 0);
    change.rows = (struct sl_slice){.bytes = query->own_rows.bytes,
                                    .size_bytes = (uint32_t)query->own_rows.size_bytes};
    query->info.affected_rows = change.row_count;
    return sl_own_insert(&query->exec, &change, err);
}

/* INSERT and DELETE of a table that a client has made for itself. */
static sl_status
change_own(struct sl_query *query, struct sl_error *err)
{
    const struct sl_own_change *change = query->statement.own;

    if (query->is_started)
        return SL_OK;
    if (query->values != NULL)
        return select_own(query, err);
    query->is_started = true;
    set_deadline(query);
    if (query->statement.class == SL_CLASS_OWN_DELETE)
        return sl_own_delete(&query->exec, &query->statement, &query->info.affected_rows, err);
    query->info.affected_rows = change->row_count;
    return sl_own_insert(&query->exec, change, err);
}

/* ---- the rest of the facade ---- */

sl_status
sl_query_next(struct sl_query *query, const struct sl_vector **out_vectors, uint32_t *out_count,
              struct sl_error *err)
{
    sl_status st = SL_OK;
    struct sl_error story = {0};

    SL_ASSERT(query->magic == QUERY_MAGIC);
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
        st = next_rows(query, out_vectors, out_count, &story);
        break;
    case SL_CLASS_EXPLAIN:
    case SL_CLASS_EXPLAIN_ANALYZE:
        st = next_explanation(query, out_vectors, out_count, &story);
        break;
    case SL_CLASS_DELETE:
        st = run_delete(query, &story);
        break;
    case SL_CLASS_INSERT:
        st = sl_fail(&story, SL_UNSUPPORTED, "rows cannot be inserted here");
        break;
    case SL_CLASS_DEFINE:
        st = run_define(query, &story);
        break;
    case SL_CLASS_OWN_INSERT:
    case SL_CLASS_OWN_DELETE:
        st = change_own(query, &story);
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

/* LOAD DATA into a table that a client has made for itself: all rows go in when the file has ended. */
static sl_status
load_own(struct sl_query *query, struct sl_error *err)
{
    struct sl_own_change change = *query->statement.own;

    SL_TRY(sl_own_load(&query->exec, &query->statement, &query->load, query->cells,
                       &query->inserted, &query->own_rows, err));
    if (!query->load.is_ended)
        return SL_OK;
    change.row_count = (uint32_t)query->inserted.stored; /* a row takes a byte at least */
    change.rows = (struct sl_slice){.bytes = query->own_rows.bytes,
                                    .size_bytes = (uint32_t)query->own_rows.size_bytes};
    return sl_own_insert(&query->exec, &change, err);
}

/* INSERT ... SELECT into flows. */
static sl_status
fill_selected(struct sl_query *query, struct sl_builder *builder, bool *out_is_done,
              struct sl_error *err)
{
    while (!sl_builder_is_full(builder)) {
        if (query->selected_next == query->selected_count) {
            query->selected_next = query->selected_count = 0;
            SL_TRY(next_rows(query, &query->selected, &query->selected_count, err));
            *out_is_done = query->selected_count == 0;
            if (*out_is_done)
                return SL_OK;
        }
        SL_TRY(sl_insert_select(query->statement.insert, query->env.schema, query->selected,
                                query->selected_count, &query->selected_next, query->cells,
                                query->values, &query->inserted, builder, err));
    }
    return SL_OK;
}

sl_status
sl_query_fill(struct sl_query *query, struct sl_builder *builder, bool *out_is_done,
              struct sl_error *err)
{
    SL_ASSERT(query->magic == QUERY_MAGIC);
    SL_ASSERT(query->statement.class == SL_CLASS_INSERT);
    *out_is_done = false;
    if (query->failure != SL_OK) {
        if (err != NULL)
            *err = query->failure_error;
        return query->failure;
    }
    const struct sl_insert *insert = query->statement.insert;
    struct sl_insert_progress *progress = &query->inserted;
    struct sl_schema *schema = query->env.schema;
    if (query->statement.own != NULL) {
        SL_TRY(load_own(query, err));
        *out_is_done = query->load.is_ended;
        query->info.wants_input = !query->load.is_ended;
    } else if (query->statement.select != NULL) {
        SL_TRY(fill_selected(query, builder, out_is_done, err));
    } else if (insert->file == NULL) {
        SL_TRY(sl_insert_fill(insert, schema, progress, builder, err));
        *out_is_done = progress->row_next == insert->row_count;
    } else {
        SL_TRY(sl_insert_load(insert, schema, &query->load, query->cells, progress, builder, err));
        bool is_used_up = !sl_builder_is_full(builder);
        *out_is_done = is_used_up && query->load.is_ended;
        query->info.wants_input = is_used_up && !query->load.is_ended;
    }
    uint64_t warnings = progress->skipped + progress->dropped;
    query->info.affected_rows = progress->stored;
    query->info.warning_count = warnings > UINT32_MAX ? UINT32_MAX : (uint32_t)warnings;
    return SL_OK;
}

sl_status
sl_query_feed(struct sl_query *query, const void *bytes, size_t size_bytes, struct sl_error *err)
{
    SL_ASSERT(query->magic == QUERY_MAGIC);
    SL_ASSERT(query->info.wants_input);
    query->info.wants_input = false;
    return sl_load_feed(&query->load, bytes, size_bytes, err);
}

void
sl_query_cancel(struct sl_query *query)
{
    SL_ASSERT(query->magic == QUERY_MAGIC);
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

    SL_ASSERT(query->magic == QUERY_MAGIC);
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
    SL_ASSERT(query->magic == QUERY_MAGIC);
    sl_op_close(query->root);
    if (query->exec.snapshot != NULL)
        sl_snapshot_release(query->exec.snapshot);
    sl_buf_fini(&query->explanation);
    sl_buf_fini(&query->own_rows);
    sl_load_fini(&query->load);
    sl_arena_destroy(query->arena);
    sl_retire(&query->magic);
    free(query);
}
