/* query_change.c - DELETE, INSERT and definitions, carried out: see query_state.h and query.h. */
#include "query/define.h"
#include "query/own_rows.h"
#include "query/query_state.h"
#include "query/subquery.h"
#include "storage/scan.h"
#include "storage/store.h"

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

sl_status
sl_query_run_delete(struct sl_query *query, struct sl_error *err)
{
    const struct sl_select *select = query->statement.select;
    struct sl_conjunct *conjuncts = NULL;
    struct deletion deletion = {.exec = &query->exec, .select = select};

    if (query->is_started)
        return SL_OK;
    query->is_started = true;
    sl_query_set_deadline(query);
    SL_TRY(sl_subqueries_run(&query->exec, &query->statement, NULL, err));
    SL_TRY(sl_bounds_split(select->where, select->inputs, select->input_count, query->arena,
                           &conjuncts, &deletion.conjunct_count, &deletion.is_never, err));
    deletion.conjuncts = conjuncts;
    /* The store takes its own snapshot, of everything that is readable then. */
    sl_snapshot_release(query->exec.snapshot);
    query->exec.snapshot = NULL;
    return sl_store_delete(query->env.store, match_rows, &deletion, &query->info.affected_rows,
                           err);
}

sl_status
sl_query_run_define(struct sl_query *query, struct sl_error *err)
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
        SL_TRY(sl_query_next_rows(query, &vectors, &count, err));
        SL_TRY(sl_own_encode(&change, vectors, count, query->values, &query->own_rows, err));
        change.row_count += count; /* a row takes a byte at least */
    } while (count != 0);
    change.rows = (struct sl_slice){.bytes = query->own_rows.bytes,
                                    .size_bytes = (uint32_t)query->own_rows.size_bytes};
    query->info.affected_rows = change.row_count;
    return sl_own_insert(&query->exec, &change, err);
}

/* INSERT and DELETE of a table that a client has made for itself. */
sl_status
sl_query_change_own(struct sl_query *query, struct sl_error *err)
{
    const struct sl_own_change *change = query->statement.own;

    if (query->is_started)
        return SL_OK;
    if (query->values != NULL)
        return select_own(query, err);
    query->is_started = true;
    sl_query_set_deadline(query);
    if (query->statement.class == SL_CLASS_OWN_DELETE)
        return sl_own_delete(&query->exec, &query->statement, &query->info.affected_rows, err);
    query->info.affected_rows = change->row_count;
    return sl_own_insert(&query->exec, change, err);
}

/* ---- INSERT ---- */

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
            SL_TRY(sl_query_next_rows(query, &query->selected, &query->selected_count, err));
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
    SL_ASSERT(query->magic == SL_QUERY_MAGIC);
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
    query->info.affected_rows = progress->stored;
    return SL_OK;
}

sl_status
sl_query_feed(struct sl_query *query, const void *bytes, size_t size_bytes, struct sl_error *err)
{
    SL_ASSERT(query->magic == SL_QUERY_MAGIC);
    SL_ASSERT(query->info.wants_input);
    query->info.wants_input = false;
    return sl_load_feed(&query->load, bytes, size_bytes, err);
}
