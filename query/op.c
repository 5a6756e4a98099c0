/*
 * op.c - what all operators have in common, and the operators that only pass chunks on:
 * none, rename, project, limit, union.
 */
#include "query/op.h"

#include "query/aggregate.h"
#include "storage/base/clock.h"

sl_status
sl_op_start(struct sl_op *op, struct sl_error *err)
{
    for (unsigned i = 0; i < SL_OP_CHILDREN_MAX; i++)
        if (op->children[i] != NULL)
            SL_TRY(sl_op_start(op->children[i], err));
    op->is_started = true;
    if (op->class->start == NULL)
        return SL_OK;
    int64_t start_us = sl_clock_monotonic_us();
    sl_status st = op->class->start(op, err);
    atomic_fetch_add_explicit(&op->time_us, sl_clock_monotonic_us() - start_us,
                              memory_order_relaxed);
    return st;
}

sl_status
sl_op_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    *out_chunk = (struct sl_chunk){.exec = op->exec};
    SL_ASSERT(op->is_started);
    if (worker >= op->width)
        return SL_OK;
    SL_TRY(sl_exec_check(op->exec, err));
    if (!op->exec->is_analyzed)
        return op->class->next(op, worker, out_chunk, err);

    int64_t start_us = sl_clock_monotonic_us();
    sl_status st = op->class->next(op, worker, out_chunk, err);
    atomic_fetch_add_explicit(&op->time_us, sl_clock_monotonic_us() - start_us,
                              memory_order_relaxed);
    if (st == SL_OK && out_chunk->count != 0)
        atomic_fetch_add_explicit(&op->rows_out, sl_chunk_selected(out_chunk),
                                  memory_order_relaxed);
    return st;
}

/* Plans are as deep as the statement is nested, which the parser bounds. */
void
sl_op_stop(struct sl_op *op)
{
    atomic_store_explicit(&op->is_stopped, true, memory_order_relaxed);
    for (unsigned i = 0; i < SL_OP_CHILDREN_MAX; i++)
        if (op->children[i] != NULL)
            sl_op_stop(op->children[i]);
}

void
sl_op_close(struct sl_op *op)
{
    if (op == NULL)
        return;
    if (op->class->close != NULL)
        op->class->close(op);
    for (unsigned i = 0; i < SL_OP_CHILDREN_MAX; i++)
        sl_op_close(op->children[i]);
}

struct sl_op *
sl_op_create(struct sl_exec *exec, const struct sl_op_class *class, struct sl_op *child,
             size_t state_bytes)
{
    struct sl_op *op = sl_arena_calloc(exec->arena, 1, sizeof(*op));
    void *state = sl_arena_calloc(exec->arena, 1, state_bytes);

    if (op == NULL || state == NULL)
        return NULL;
    op->class = class;
    op->exec = exec;
    op->children[0] = child;
    op->width = child != NULL ? child->width : exec->threads;
    op->state = state;
    return op;
}

sl_status
sl_op_arenas_open(struct sl_op_arenas *arenas, struct sl_exec *exec, struct sl_error *err)
{
    arenas->arenas = sl_arena_calloc(exec->arena, exec->threads, sizeof(*arenas->arenas));
    if (arenas->arenas == NULL)
        return sl_fail(err, SL_LIMIT, "statement is too large");
    for (unsigned i = 0; i < exec->threads; i++)
        arenas->arenas[i] = sl_arena_create_shared(&exec->budget);
    return SL_OK;
}

void
sl_op_arenas_close(struct sl_op_arenas *arenas, const struct sl_exec *exec)
{
    if (arenas->arenas == NULL)
        return;
    for (unsigned i = 0; i < exec->threads; i++)
        sl_arena_destroy(arenas->arenas[i]);
    arenas->arenas = NULL;
}

static sl_status
fail_plan(struct sl_error *err)
{
    return sl_fail(err, SL_LIMIT, "statement is too large");
}

/* ---- none: one row without columns ---- */

struct none {
    atomic_bool is_given;
    struct sl_op_arenas arenas;
};

static sl_status
none_start(struct sl_op *op, struct sl_error *err)
{
    struct none *none = op->state;
    return sl_op_arenas_open(&none->arenas, op->exec, err);
}

static sl_status
none_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    struct none *none = op->state;
    (void)err;

    if (atomic_exchange(&none->is_given, true))
        return SL_OK;
    out_chunk->count = 1;
    out_chunk->arena = none->arenas.arenas[worker];
    return SL_OK;
}

static void
none_close(struct sl_op *op)
{
    struct none *none = op->state;
    sl_op_arenas_close(&none->arenas, op->exec);
}

static void
none_describe(const struct sl_op *op, struct sl_buf *out)
{
    (void)op;
    sl_buf_text(out, "one row");
}

static const struct sl_op_class none_class = {
    .name = "none",
    .start = none_start,
    .next = none_next,
    .close = none_close,
    .describe = none_describe,
};

sl_status
sl_op_none(struct sl_exec *exec, struct sl_op **out_op, struct sl_error *err)
{
    *out_op = sl_op_create(exec, &none_class, NULL, sizeof(struct none));
    if (*out_op == NULL)
        return fail_plan(err);
    (*out_op)->width = 1;
    return SL_OK;
}

/* ---- row count ---- */

struct row_count {
    const struct sl_aggregate *aggregates;
    uint32_t aggregate_count;
    atomic_bool is_given;
    struct sl_op_arenas arenas;
};

static sl_status
row_count_start(struct sl_op *op, struct sl_error *err)
{
    struct row_count *state = op->state;
    return sl_op_arenas_open(&state->arenas, op->exec, err);
}

static sl_status
row_count_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    struct row_count *state = op->state;
    struct sl_arena *arena = state->arenas.arenas[worker];

    if (atomic_exchange(&state->is_given, true))
        return SL_OK;
    struct sl_vector *vectors = sl_arena_calloc(arena, state->aggregate_count, sizeof(*vectors));
    struct sl_value *values = sl_arena_calloc(arena, state->aggregate_count, sizeof(*values));
    if (vectors == NULL || values == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    for (uint32_t i = 0; i < state->aggregate_count; i++) {
        uint64_t counted = sl_snapshot_row_count(op->exec->snapshot); /* SL_STATE_COUNT */
        sl_aggregate_finish(&state->aggregates[i], &counted, &values[i]);
        vectors[i] = (struct sl_vector){.type = values[i].type,
                                        .encoding = SL_CONSTANT,
                                        .width = (uint8_t)sl_type_bytes(values[i].type),
                                        .scale = values[i].scale,
                                        .count = 1,
                                        .value_count = 1,
                                        .values = &values[i].as};
    }
    out_chunk->count = 1;
    out_chunk->aggregates = vectors;
    out_chunk->arena = arena;
    return SL_OK;
}

static void
row_count_close(struct sl_op *op)
{
    struct row_count *state = op->state;
    sl_op_arenas_close(&state->arenas, op->exec);
}

static void
row_count_describe(const struct sl_op *op, struct sl_buf *out)
{
    (void)op;
    sl_buf_text(out, "row count of the snapshot");
}

static const struct sl_op_class row_count_class = {
    .name = "row_count",
    .start = row_count_start,
    .next = row_count_next,
    .close = row_count_close,
    .describe = row_count_describe,
};

sl_status
sl_op_row_count(struct sl_exec *exec, const struct sl_aggregate *aggregates,
                uint32_t aggregate_count, struct sl_op **out_op, struct sl_error *err)
{
    *out_op = sl_op_create(exec, &row_count_class, NULL, sizeof(struct row_count));
    if (*out_op == NULL)
        return fail_plan(err);
    struct row_count *state = (*out_op)->state;
    state->aggregates = aggregates;
    state->aggregate_count = aggregate_count;
    (*out_op)->width = 1;
    return SL_OK;
}

/* ---- rename: outputs of a subselect or of a joined table become inputs ---- */

struct rename_op {
    const struct sl_input *inputs;
    uint32_t input_count;
    uint32_t table;
    uint32_t read_count;        /* inputs of the table */
    struct sl_vector **vectors; /* of each worker: input_count */
};

static sl_status
rename_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    const struct rename_op *rename_op = op->state;
    struct sl_vector *vectors = rename_op->vectors[worker];

    SL_TRY(sl_op_next(op->children[0], worker, out_chunk, err));
    if (out_chunk->count == 0)
        return SL_OK;
    for (uint32_t i = 0; i < rename_op->input_count; i++)
        if (rename_op->inputs[i].table == rename_op->table)
            vectors[i] = out_chunk->inputs[rename_op->inputs[i].index];
    out_chunk->inputs = vectors;
    return SL_OK;
}

static void
rename_describe(const struct sl_op *op, struct sl_buf *out)
{
    const struct rename_op *rename_op = op->state;
    sl_buf_printf(out, "subselect, %" PRIu32 " columns read", rename_op->read_count);
}

static const struct sl_op_class rename_class = {
    .name = "rename",
    .next = rename_next,
    .describe = rename_describe,
};

sl_status
sl_op_rename(struct sl_exec *exec, struct sl_op *child, const struct sl_input *inputs,
             uint32_t input_count, uint32_t table, struct sl_op **out_op, struct sl_error *err)
{
    *out_op = sl_op_create(exec, &rename_class, child, sizeof(struct rename_op));
    if (*out_op == NULL)
        return fail_plan(err);
    struct rename_op *rename_op = (*out_op)->state;
    rename_op->inputs = inputs;
    rename_op->input_count = input_count;
    rename_op->table = table;
    for (uint32_t i = 0; i < input_count; i++)
        rename_op->read_count += inputs[i].table == table;
    rename_op->vectors = sl_arena_calloc(exec->arena, exec->threads, sizeof(*rename_op->vectors));
    if (rename_op->vectors == NULL)
        return fail_plan(err);
    for (unsigned i = 0; i < exec->threads; i++) {
        rename_op->vectors[i] = sl_arena_calloc(exec->arena, input_count, sizeof(struct sl_vector));
        if (rename_op->vectors[i] == NULL)
            return fail_plan(err);
    }
    return SL_OK;
}

/* ---- project ---- */

struct project {
    const struct sl_term *outputs;
    uint32_t output_count;
};

static sl_status
project_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    const struct project *project = op->state;

    SL_TRY(sl_op_next(op->children[0], worker, out_chunk, err));
    if (out_chunk->count == 0)
        return SL_OK;
    struct sl_vector *vectors =
        sl_arena_calloc(out_chunk->arena, project->output_count, sizeof(*vectors));
    if (vectors == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    for (uint32_t i = 0; i < project->output_count; i++)
        SL_TRY(sl_term_run(&project->outputs[i], out_chunk, NULL, &vectors[i], err));
    out_chunk->inputs = vectors;
    out_chunk->lazy = NULL;
    return SL_OK;
}

static void
project_describe(const struct sl_op *op, struct sl_buf *out)
{
    const struct project *project = op->state;
    sl_buf_printf(out, "project %" PRIu32 " columns", project->output_count);
}

static const struct sl_op_class project_class = {
    .name = "project",
    .next = project_next,
    .describe = project_describe,
};

sl_status
sl_op_project(struct sl_exec *exec, struct sl_op *child, const struct sl_term *outputs,
              uint32_t output_count, struct sl_op **out_op, struct sl_error *err)
{
    *out_op = sl_op_create(exec, &project_class, child, sizeof(struct project));
    if (*out_op == NULL)
        return fail_plan(err);
    struct project *project = (*out_op)->state;
    project->outputs = outputs;
    project->output_count = output_count;
    return SL_OK;
}

/* ---- limit ---- */

/*
 * Workers number their rows as they come: a chunk takes as many numbers as it has rows and
 * keeps those of [offset, end). Below a sort only one worker has rows, so the order stays.
 */
struct limit {
    uint64_t offset;
    uint64_t end;
    atomic_uint_fast64_t taken;
};

/* Keep rows number [first, last) of those that are selected. */
static sl_status
limit_cut(struct sl_op *op, struct sl_chunk *chunk, uint64_t first, uint64_t last,
          struct sl_error *err)
{
    uint64_t *kept = sl_arena_calloc(chunk->arena, sl_words_for(chunk->count), sizeof(*kept));
    if (kept == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    uint64_t number = 0;
    for (uint32_t row = 0; row < chunk->count && number < last; row++) {
        if (chunk->selection != NULL && !sl_bit_get(chunk->selection, row))
            continue;
        if (number >= first)
            sl_bit_set(kept, row);
        number++;
    }
    chunk->selection = kept;
    return SL_OK;
}

static sl_status
limit_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    struct limit *limit = op->state;

    while (atomic_load_explicit(&limit->taken, memory_order_relaxed) < limit->end) {
        SL_TRY(sl_op_next(op->children[0], worker, out_chunk, err));
        if (out_chunk->count == 0)
            return SL_OK;
        uint64_t rows = sl_chunk_selected(out_chunk);
        uint64_t start = atomic_fetch_add_explicit(&limit->taken, rows, memory_order_relaxed);
        if (start + rows >= limit->end)
            sl_op_stop(op->children[0]);
        if (start + rows <= limit->offset || start >= limit->end)
            continue;
        uint64_t first = start < limit->offset ? limit->offset - start : 0;
        uint64_t last = start + rows > limit->end ? limit->end - start : rows;
        if (first == 0 && last == rows)
            return SL_OK;
        return limit_cut(op, out_chunk, first, last, err);
    }
    *out_chunk = (struct sl_chunk){0};
    return SL_OK;
}

static void
limit_describe(const struct sl_op *op, struct sl_buf *out)
{
    const struct limit *limit = op->state;
    sl_buf_printf(out, "limit %" PRIu64 " offset %" PRIu64, limit->end - limit->offset,
                  limit->offset);
}

static const struct sl_op_class limit_class = {
    .name = "limit",
    .next = limit_next,
    .describe = limit_describe,
};

sl_status
sl_op_limit(struct sl_exec *exec, struct sl_op *child, uint64_t limit, uint64_t offset,
            struct sl_op **out_op, struct sl_error *err)
{
    *out_op = sl_op_create(exec, &limit_class, child, sizeof(struct limit));
    if (*out_op == NULL)
        return fail_plan(err);
    struct limit *state = (*out_op)->state;
    state->offset = offset;
    state->end = limit > UINT64_MAX - offset ? UINT64_MAX : offset + limit;
    return SL_OK;
}

/* ---- union ---- */

struct union_op {
    bool *is_first_done; /* of each worker */
};

static sl_status
union_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    struct union_op *state = op->state;

    if (!state->is_first_done[worker]) {
        SL_TRY(sl_op_next(op->children[0], worker, out_chunk, err));
        if (out_chunk->count != 0)
            return SL_OK;
        state->is_first_done[worker] = true;
    }
    return sl_op_next(op->children[1], worker, out_chunk, err);
}

static void
union_describe(const struct sl_op *op, struct sl_buf *out)
{
    (void)op;
    sl_buf_text(out, "union all");
}

static const struct sl_op_class union_class = {
    .name = "union",
    .next = union_next,
    .describe = union_describe,
};

sl_status
sl_op_union(struct sl_exec *exec, struct sl_op *first, struct sl_op *second, struct sl_op **out_op,
            struct sl_error *err)
{
    *out_op = sl_op_create(exec, &union_class, first, sizeof(struct union_op));
    if (*out_op == NULL)
        return fail_plan(err);
    struct union_op *state = (*out_op)->state;
    state->is_first_done = sl_arena_calloc(exec->arena, exec->threads, sizeof(bool));
    if (state->is_first_done == NULL)
        return fail_plan(err);
    (*out_op)->children[1] = second;
    (*out_op)->width = first->width > second->width ? first->width : second->width;
    return SL_OK;
}
