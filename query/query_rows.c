/*
 * query_rows.c - rows of a select, and of EXPLAIN: see query_state.h.
 *
 * Rows come in rounds: every worker makes one chunk, then they are handed to the caller one by
 * one. An ordered plan has one worker that gives rows, so a round is one chunk and the order
 * stays. LIMIT without ORDER BY ends after the round that filled it.
 */
#include "query/query_state.h"
#include "query/subquery.h"
#include "storage/base/clock.h"

/* The selected rows of a chunk as vectors of their own. */
static sl_status
compact_chunk(const struct sl_query *query, struct sl_chunk *chunk, struct sl_round *round,
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
    struct sl_round *round = &query->rounds[worker];
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

int64_t
sl_query_timeout_us(const struct sl_query *query)
{
    int64_t timeout_us = query->env.timeout_us;
    int64_t own_us = query->statement.timeout_us;

    return own_us != 0 && (timeout_us == 0 || own_us < timeout_us) ? own_us : timeout_us;
}

void
sl_query_set_deadline(struct sl_query *query)
{
    int64_t timeout_us = sl_query_timeout_us(query);
    query->exec.deadline_us = timeout_us == 0 ? 0 : sl_clock_monotonic_us() + timeout_us;
}

/* What prepare left undone. */
static sl_status
plan_late(struct sl_query *query, struct sl_error *err)
{
    if (query->root != NULL)
        return SL_OK;
    bool is_explained = query->statement.class != SL_CLASS_SELECT;
    SL_TRY(sl_subqueries_run(&query->exec, &query->statement,
                             is_explained ? &query->explanation : NULL, err));
    if (query->statement.row_count != NULL)
        query->info.found_rows = query->statement.row_count->values[0]->value.as.i64;
    return sl_plan_build(&query->exec, query->statement.select, &query->root, err);
}

static sl_status
start_plan(struct sl_query *query, struct sl_error *err)
{
    sl_query_set_deadline(query);
    SL_TRY(plan_late(query, err));
    atomic_store(&query->is_running, true);
    return sl_op_start(query->root, err);
}

sl_status
sl_query_next_rows(struct sl_query *query, const struct sl_vector **out_vectors,
                   uint32_t *out_count, struct sl_error *err)
{
    if (!query->is_started) {
        query->is_started = true;
        SL_TRY(start_plan(query, err));
    }
    for (;;) {
        for (; query->round_next < query->round_count; query->round_next++) {
            const struct sl_round *round = &query->rounds[query->round_next];
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

sl_status
sl_query_next_explanation(struct sl_query *query, const struct sl_vector **out_vectors,
                          uint32_t *out_count, struct sl_error *err)
{
    if (query->is_started)
        return SL_OK;
    query->is_started = true;
    sl_query_set_deadline(query);
    if (query->exec.is_analyzed) {
        SL_TRY(start_plan(query, err));
        SL_TRY(sl_exec_each(&query->exec, query->root->width, drain, query, err));
    }
    SL_TRY(plan_late(query, err));
    sl_plan_explain(query->root, 0, &query->explanation);
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
        return sl_query_fail_size(err);
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
