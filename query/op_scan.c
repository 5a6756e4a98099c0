/*
 * op_scan.c - flows of the store, a morsel at a time.
 *
 * Each worker has a cursor on the one scan. Columns are not read here: the chunk carries the
 * morsel, and whoever evaluates an expression fetches what it reads.
 */
#include "query/op.h"

struct scan_worker {
    struct sl_morsel *morsel; /* owned */
    struct sl_vector *vectors;
    struct sl_lazy lazy;
    bool is_done;
};

struct scan {
    const struct sl_input *inputs;
    uint32_t input_count;
    struct sl_scan_request request;
    _Atomic(struct sl_scan *) scan; /* owned; progress looks at it from other threads */
    struct scan_worker *workers;
    struct sl_op_arenas arenas;
};

static sl_status
scan_start(struct sl_op *op, struct sl_error *err)
{
    struct scan *scan = op->state;

    SL_ASSERT(op->exec->snapshot != NULL);
    SL_TRY(sl_op_arenas_open(&scan->arenas, op->exec, err));
    struct sl_scan *opened = NULL;
    scan->request.deadline_us = op->exec->deadline_us;
    SL_TRY(sl_scan_open(op->exec->snapshot, &scan->request, &opened, err));
    scan->scan = opened;
    return SL_OK;
}

/* The morsel's rows as a chunk whose columns are still to be fetched. */
static void
offer_rows(const struct scan *scan, unsigned worker, struct sl_chunk *out_chunk)
{
    struct scan_worker *w = &scan->workers[worker];

    memset(w->lazy.is_fetched, 0, scan->input_count * sizeof(bool));
    w->lazy.morsel = w->morsel;
    out_chunk->count = sl_morsel_row_count(w->morsel);
    out_chunk->selection = sl_morsel_selection(w->morsel);
    out_chunk->inputs = w->vectors;
    out_chunk->lazy = &w->lazy;
    out_chunk->arena = scan->arenas.arenas[worker];
}

static sl_status
scan_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    struct scan *scan = op->state;
    struct scan_worker *w = &scan->workers[worker];
    bool is_more = false;

    if (w->is_done || atomic_load_explicit(&op->is_stopped, memory_order_relaxed))
        return SL_OK;
    if (w->morsel == NULL)
        w->morsel = sl_morsel_open(scan->scan);
    sl_arena_reset(scan->arenas.arenas[worker]);
    SL_TRY(sl_morsel_next(w->morsel, &is_more, err));
    if (!is_more) {
        w->is_done = true;
        return SL_OK;
    }
    offer_rows(scan, worker, out_chunk);
    return SL_OK;
}

static void
scan_close(struct sl_op *op)
{
    struct scan *scan = op->state;

    for (unsigned i = 0; i < op->exec->threads; i++)
        if (scan->workers[i].morsel != NULL)
            sl_morsel_close(scan->workers[i].morsel);
    if (scan->scan != NULL)
        sl_scan_close(scan->scan);
    sl_op_arenas_close(&scan->arenas, op->exec);
}

static void
scan_describe(const struct sl_op *op, struct sl_buf *out)
{
    static const char *const orders[] = {
        [SL_SCAN_ANY] = "",
        [SL_SCAN_NEWEST_FIRST] = ", newest first",
        [SL_SCAN_OLDEST_FIRST] = ", oldest first",
    };
    const struct scan *scan = op->state;

    sl_buf_printf(out, "scan flows, %" PRIu32 " columns", scan->input_count);
    sl_buf_text(out, orders[scan->request.order]);
    for (uint32_t i = 0; i < scan->request.clause_count; i++) {
        const struct sl_clause *clause = &scan->request.clauses[i];
        sl_buf_text(out, i == 0 ? ", pruned by " : " and ");
        for (uint32_t k = 0; k < clause->test_count; k++) {
            bool is_repeated = k != 0 && clause->tests[k - 1].column == clause->tests[k].column;
            if (is_repeated)
                continue;
            sl_buf_printf(out, "%s%s", k == 0 ? "" : "|", clause->tests[k].column->name);
        }
    }
}

static const struct sl_op_class scan_class = {
    .name = "scan",
    .start = scan_start,
    .next = scan_next,
    .close = scan_close,
    .describe = scan_describe,
};

sl_status
sl_op_scan(struct sl_exec *exec, const struct sl_input *inputs, uint32_t input_count,
           const struct sl_scan_request *request, struct sl_op **out_op, struct sl_error *err)
{
    *out_op = sl_op_create(exec, &scan_class, NULL, sizeof(struct scan));
    if (*out_op == NULL)
        return sl_fail(err, SL_LIMIT, "statement is too large");
    struct scan *scan = (*out_op)->state;
    scan->inputs = inputs;
    scan->input_count = input_count;
    scan->request = *request;
    scan->workers = sl_arena_calloc(exec->arena, exec->threads, sizeof(*scan->workers));
    if (scan->workers == NULL)
        return sl_fail(err, SL_LIMIT, "statement is too large");
    for (unsigned i = 0; i < exec->threads; i++) {
        struct scan_worker *w = &scan->workers[i];
        w->vectors = sl_arena_calloc(exec->arena, input_count, sizeof(*w->vectors));
        w->lazy.inputs = inputs;
        w->lazy.input_count = input_count;
        w->lazy.is_fetched = sl_arena_calloc(exec->arena, input_count, sizeof(bool));
        if (w->vectors == NULL || w->lazy.is_fetched == NULL)
            return sl_fail(err, SL_LIMIT, "statement is too large");
    }
    return SL_OK;
}

bool
sl_op_is_scan(const struct sl_op *op)
{
    return op->class == &scan_class;
}

void
sl_op_scan_counters(const struct sl_op *op, struct sl_scan_counters *out_counters)
{
    const struct scan *scan = op->state;

    *out_counters = (struct sl_scan_counters){0};
    if (op->class == &scan_class && scan->scan != NULL)
        sl_scan_counters(scan->scan, out_counters);
}

sl_status
sl_op_scan_revisit(struct sl_op *op, unsigned worker, uint64_t place, const uint32_t *rows,
                   uint32_t count, struct sl_chunk *out_chunk, struct sl_error *err)
{
    const struct scan *scan = op->state;
    struct scan_worker *w = &scan->workers[worker];
    bool is_focused = false;

    SL_ASSERT(op->class == &scan_class && count != 0);
    if (w->morsel == NULL)
        w->morsel = sl_morsel_open(scan->scan);
    sl_arena_reset(scan->arenas.arenas[worker]);
    SL_TRY(sl_morsel_seek(w->morsel, place, err));
    for (uint32_t i = 0; i < count; i++)
        sl_bit_set(sl_morsel_selection(w->morsel), rows[i]);
    SL_TRY(sl_morsel_focus(w->morsel, &is_focused, err));
    offer_rows(scan, worker, out_chunk);
    return SL_OK;
}

void
sl_op_scan_narrow(struct sl_op *op, int64_t low_us, int64_t high_us)
{
    const struct scan *scan = op->state;

    SL_ASSERT(op->class == &scan_class);
    sl_scan_narrow_time(scan->scan, low_us, high_us);
}
