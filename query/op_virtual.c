/*
 * op_virtual.c - rows of a virtual table: made once, at start, then handed out in chunks.
 */
#include "query/op.h"
#include "query/own_rows.h"
#include "query/row_store.h"

enum { VIRTUAL_CHUNK_ROWS = 4096 };

struct sl_virtual_sink {
    const struct sl_exec *exec;
    struct sl_row_store store;
};

struct virtual_op {
    const struct sl_virtual_table *table;
    const struct sl_input *inputs;
    uint32_t input_count;
    struct sl_sql_type *types; /* of the table's columns */
    struct sl_virtual_sink sink;
    struct sl_op_arenas arenas;
    uint32_t next_row;
};

const struct sl_exec *
sl_virtual_exec(const struct sl_virtual_sink *sink)
{
    return sink->exec;
}

const struct sl_session *
sl_virtual_session(const struct sl_virtual_sink *sink)
{
    return sink->exec->session;
}

sl_status
sl_virtual_emit(struct sl_virtual_sink *sink, const struct sl_value *values, struct sl_error *err)
{
    return sl_row_store_append_values(&sink->store, values, err);
}

/* Of a row; one of a client's has its number behind them. */
static uint32_t
count_columns(const struct sl_virtual_table *table)
{
    return table->column_count + (table->own != NULL);
}

static sl_status
virtual_start(struct sl_op *op, struct sl_error *err)
{
    struct virtual_op *state = op->state;
    const struct sl_virtual_table *table = state->table;

    SL_TRY(sl_op_arenas_open(&state->arenas, op->exec, err));
    state->sink.exec = op->exec;
    sl_row_store_init(&state->sink.store, op->exec, state->types, count_columns(table));
    if (table->own != NULL)
        return sl_own_fill(table->own, &state->sink, err);
    return table->fill(op->exec->env->tables_context, &state->sink, err);
}

static sl_status
virtual_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    struct virtual_op *state = op->state;
    const struct sl_row_store *store = &state->sink.store;
    struct sl_arena *arena = state->arenas.arenas[worker];
    uint32_t left = store->row_count - state->next_row;
    uint32_t count = left < VIRTUAL_CHUNK_ROWS ? left : VIRTUAL_CHUNK_ROWS;

    sl_arena_reset(arena);
    if (count == 0)
        return SL_OK;
    struct sl_row_ref *refs = sl_arena_calloc(arena, count, sizeof(*refs));
    struct sl_vector *vectors = sl_arena_calloc(arena, state->input_count, sizeof(*vectors));
    if (refs == NULL || vectors == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    for (uint32_t i = 0; i < count; i++)
        refs[i] = (struct sl_row_ref){.store = store, .row = state->next_row + i};
    for (uint32_t i = 0; i < state->input_count; i++)
        SL_TRY(sl_row_store_gather(refs, count, state->inputs[i].index, arena, &vectors[i], err));
    state->next_row += count;
    out_chunk->count = count;
    out_chunk->inputs = vectors;
    out_chunk->arena = arena;
    return SL_OK;
}

static void
virtual_close(struct sl_op *op)
{
    struct virtual_op *state = op->state;

    sl_row_store_fini(&state->sink.store);
    sl_op_arenas_close(&state->arenas, op->exec);
}

static void
virtual_describe(const struct sl_op *op, struct sl_buf *out)
{
    const struct virtual_op *state = op->state;
    sl_buf_printf(out, "virtual table %s.%s", state->table->schema, state->table->name);
}

static const struct sl_op_class virtual_class = {
    .name = "virtual",
    .start = virtual_start,
    .next = virtual_next,
    .close = virtual_close,
    .describe = virtual_describe,
};

sl_status
sl_op_virtual(struct sl_exec *exec, const struct sl_virtual_table *table,
              const struct sl_input *inputs, uint32_t input_count, struct sl_op **out_op,
              struct sl_error *err)
{
    *out_op = sl_op_create(exec, &virtual_class, NULL, sizeof(struct virtual_op));
    struct sl_sql_type *types = sl_arena_calloc(exec->arena, count_columns(table), sizeof(*types));
    if (*out_op == NULL || types == NULL)
        return sl_fail(err, SL_LIMIT, "statement is too large");
    for (uint32_t i = 0; i < count_columns(table); i++)
        types[i] = table->columns[i].type;
    struct virtual_op *state = (*out_op)->state;
    state->table = table;
    state->inputs = inputs;
    state->input_count = input_count;
    state->types = types;
    (*out_op)->width = 1;
    return SL_OK;
}
