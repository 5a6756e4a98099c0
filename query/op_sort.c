/*
 * op_sort.c - ORDER BY, with or without a LIMIT.
 *
 * Every worker keeps a store of the rows that may still be in the answer. With a limit of n
 * rows a store is cut back to its best n from time to time, and the rank of its worst row then
 * bounds what any worker still has to look at: `bound_rank`, shared, only falls. Of a chunk only
 * the columns that decide the order are computed for all rows; the other outputs for the rows
 * that pass.
 *
 * At the end each store is sorted and the stores are merged as the rows leave.
 */
#include "query/op.h"
#include "query/row_store.h"

/* A store is cut back when it holds twice what must be kept and this many more. */
enum { SORT_SLACK_ROWS = 4096 };
enum { SORT_CHUNK_ROWS = 4096, PICK_SLACK_ROWS = 256 };

struct sort_entry {
    uint64_t rank; /* of the first order, turned round for DESC: smaller comes first */
    uint32_t row;
};

struct sort_worker {
    struct sl_row_store store;
    uint32_t entry_next; /* merge: the next to leave */
};

struct sort {
    const struct sl_term *outputs;
    uint32_t output_count;
    const struct sl_order *orders;
    uint32_t order_count;
    uint64_t keep_rows;
    struct sl_op *scan; /* NULL, or narrowed by the first order, which is last_seen */
    struct sl_sql_type *types;
    struct sort_worker *workers;
    struct sl_op_arenas arenas;
    uint64_t rows_left; /* to give */
    atomic_uint_fast64_t bound_rank;
};

static uint64_t
turn(const struct sort *sort, uint64_t rank)
{
    return sort->orders[0].is_descending ? ~rank : rank;
}

/* ---- sorting entries: a merge sort whose order is a context away ---- */

typedef int compare_fn(const void *context, uint32_t row_a, uint32_t row_b);

static bool
comes_first(const struct sort_entry *a, const struct sort_entry *b, compare_fn *compare,
            const void *context)
{
    if (a->rank != b->rank)
        return a->rank < b->rank;
    return compare(context, a->row, b->row) <= 0;
}

static void
insertion_sort(struct sort_entry *entries, uint32_t count, compare_fn *compare, const void *context)
{
    for (uint32_t i = 1; i < count; i++) {
        struct sort_entry entry = entries[i];
        uint32_t at = i;
        for (; at > 0 && !comes_first(&entries[at - 1], &entry, compare, context); at--)
            entries[at] = entries[at - 1];
        entries[at] = entry;
    }
}

/* Bottom-up and stable; `scratch` is as large as `entries`. The result is in `entries`. */
static void
sort_entries(struct sort_entry *entries, struct sort_entry *scratch, uint32_t count,
             compare_fn *compare, const void *context)
{
    enum { RUN = 16 };
    struct sort_entry *from = entries;
    struct sort_entry *to = scratch;

    for (uint32_t start = 0; start < count; start += RUN)
        insertion_sort(entries + start, count - start < RUN ? count - start : RUN, compare,
                       context);
    for (uint64_t width = RUN; width < count; width *= 2) {
        for (uint64_t start = 0; start < count; start += 2 * width) {
            uint64_t middle = start + width < count ? start + width : count;
            uint64_t end = start + 2 * width < count ? start + 2 * width : count;
            uint64_t a = start;
            uint64_t b = middle;
            for (uint64_t at = start; at < end; at++) {
                bool is_a =
                    b == end || (a < middle && comes_first(&from[a], &from[b], compare, context));
                to[at] = is_a ? from[a++] : from[b++];
            }
        }
        struct sort_entry *swap = from;
        from = to;
        to = swap;
    }
    if (from != entries)
        memcpy(entries, from, count * sizeof(*entries));
}

/* ---- the order of rows in a chunk and in a store ---- */

struct chunk_order {
    const struct sort *sort;
    const struct sl_vector *vectors; /* of each order */
};

static int
compare_in_chunk(const void *context, uint32_t row_a, uint32_t row_b)
{
    const struct chunk_order *order = context;
    const struct sort *sort = order->sort;

    for (uint32_t i = 0; i < sort->order_count; i++) {
        const struct sl_vector *vector = &order->vectors[i];
        const struct sl_sql_type *type = &sort->types[sort->orders[i].output];
        int result = sl_vector_compare(vector, row_a, vector, row_b, type);
        if (result != 0)
            return sort->orders[i].is_descending ? -result : result;
    }
    return 0;
}

static int
compare_rows(const struct sort *sort, const struct sl_row_store *a, uint32_t row_a,
             const struct sl_row_store *b, uint32_t row_b)
{
    for (uint32_t i = 0; i < sort->order_count; i++) {
        int result = sl_row_store_compare(a, row_a, b, row_b, sort->orders[i].output);
        if (result != 0)
            return sort->orders[i].is_descending ? -result : result;
    }
    return 0;
}

struct store_order {
    const struct sort *sort;
    const struct sl_row_store *store;
};

static int
compare_in_store(const void *context, uint32_t row_a, uint32_t row_b)
{
    const struct store_order *order = context;
    return compare_rows(order->sort, order->store, row_a, order->store, row_b);
}

/* ---- collecting ---- */

static void
lower_bound_rank(struct sort *sort, uint64_t rank)
{
    /* Relaxed: a stale bound only keeps rows that a later cut drops. */
    uint64_t seen = atomic_load_explicit(&sort->bound_rank, memory_order_relaxed);
    while (rank < seen &&
           !atomic_compare_exchange_weak_explicit(&sort->bound_rank, &seen, rank,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

/* Tell the scan how far it still has to go, from the worst row of a full store. */
static void
narrow_scan(const struct sort *sort, const struct sl_row_store *store, uint32_t worst_row)
{
    const struct sl_row_column *column = &store->columns[sort->orders[0].output];
    int64_t time_us;

    memcpy(&time_us, column->values + (size_t)worst_row * sizeof(time_us), sizeof(time_us));
    if (sort->orders[0].is_descending)
        sl_op_scan_narrow(sort->scan, time_us, INT64_MAX);
    else
        sl_op_scan_narrow(sort->scan, INT64_MIN, time_us);
}

/* Sort the store of a worker into `entries` and drop what cannot be in the answer. */
static sl_status
cut_store(struct sl_op *op, struct sort_worker *w, struct sl_error *err)
{
    struct sort *sort = op->state;
    struct sl_row_store *store = &w->store;
    uint32_t count = store->row_count;
    uint32_t kept = sort->keep_rows < count ? (uint32_t)sort->keep_rows : count;
    size_t bytes = (size_t)count * sizeof(struct sort_entry) * 2;

    if (!sl_budget_take(&op->exec->budget, bytes))
        return sl_exec_out_of_memory(op->exec, err);
    struct sort_entry *entries = sl_try_alloc(bytes + 1);
    uint32_t *rows = sl_try_alloc((size_t)kept * sizeof(*rows) + 1);
    sl_status st = SL_OK;
    if (entries == NULL || rows == NULL) {
        st = sl_exec_out_of_memory(op->exec, err);
        goto out;
    }
    for (uint32_t i = 0; i < count; i++) {
        entries[i].rank = turn(sort, sl_row_store_rank(store, i, sort->orders[0].output));
        entries[i].row = i;
    }
    struct store_order order = {.sort = sort, .store = store};
    sort_entries(entries, entries + count, count, compare_in_store, &order);
    for (uint32_t i = 0; i < kept; i++)
        rows[i] = entries[i].row;
    if (kept == sort->keep_rows && kept != 0) {
        lower_bound_rank(sort, entries[kept - 1].rank);
        if (sort->scan != NULL)
            narrow_scan(sort, store, rows[kept - 1]);
    }
    st = sl_row_store_keep(store, rows, kept, err);
out:
    free(rows);
    free(entries);
    sl_budget_give(&op->exec->budget, bytes);
    return st;
}

/* The best keep_rows of `count` entries, in order; the worst of them bounds all workers. */
static uint32_t
cut_entries(struct sort *sort, struct sort_entry *entries, uint32_t count,
            const struct chunk_order *order)
{
    uint32_t kept = (uint32_t)sort->keep_rows;

    sort_entries(entries, entries + count, count, compare_in_chunk, order);
    if (kept != 0)
        lower_bound_rank(sort, entries[kept - 1].rank);
    return kept;
}

/*
 * The rows of a chunk that can still be in the answer, at most keep_rows of them. What passes is cut
 * whenever it is twice as many and some more, so that most rows meet a bound that is near its end.
 * `entries` has room for two of each row.
 */
static uint32_t
pick_rows(struct sort *sort, const struct sl_chunk *chunk, const struct chunk_order *order,
          uint32_t *rows, struct sort_entry *entries)
{
    const struct sl_sql_type *type = &sort->types[sort->orders[0].output];
    uint64_t bound = atomic_load_explicit(&sort->bound_rank, memory_order_relaxed);
    uint32_t selected = sl_chunk_rows(chunk, rows);
    uint64_t full =
        sort->keep_rows > UINT32_MAX ? UINT64_MAX : 2 * sort->keep_rows + PICK_SLACK_ROWS;
    uint32_t count = 0;

    for (uint32_t i = 0; i < selected; i++) {
        uint64_t rank = turn(sort, sl_vector_rank(&order->vectors[0], rows[i], type));
        if (rank > bound)
            continue;
        entries[count++] = (struct sort_entry){.rank = rank, .row = rows[i]};
        if (count == full) {
            count = cut_entries(sort, entries, count, order);
            bound = count == 0 ? 0 : entries[count - 1].rank;
        }
    }
    if (count > sort->keep_rows)
        count = cut_entries(sort, entries, count, order);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = entries[i].row;
    return count;
}

static sl_status
collect_chunk(struct sl_op *op, struct sort_worker *w, struct sl_chunk *chunk, struct sl_error *err)
{
    struct sort *sort = op->state;
    struct sl_arena *arena = chunk->arena;
    struct sl_vector *vectors = sl_arena_calloc(arena, sort->output_count, sizeof(*vectors));
    struct sl_vector *ordered = sl_arena_calloc(arena, sort->order_count, sizeof(*ordered));
    uint32_t *rows = sl_arena_calloc(arena, chunk->count, sizeof(*rows));
    struct sort_entry *entries = sl_arena_calloc(arena, chunk->count, 2 * sizeof(*entries));
    uint64_t *picked = sl_arena_calloc(arena, sl_words_for(chunk->count), sizeof(*picked));
    bool *is_done = sl_arena_calloc(arena, sort->output_count, sizeof(*is_done));

    if (vectors == NULL || ordered == NULL || rows == NULL || entries == NULL || picked == NULL ||
        is_done == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    for (uint32_t i = 0; i < sort->order_count; i++) {
        uint32_t output = sort->orders[i].output;
        if (!is_done[output])
            SL_TRY(sl_term_run(&sort->outputs[output], chunk, NULL, &vectors[output], err));
        is_done[output] = true;
        ordered[i] = vectors[output];
    }
    struct chunk_order order = {.sort = sort, .vectors = ordered};
    uint32_t count = pick_rows(sort, chunk, &order, rows, entries);
    if (count == 0)
        return SL_OK;
    for (uint32_t i = 0; i < count; i++)
        sl_bit_set(picked, rows[i]);
    for (uint32_t i = 0; i < sort->output_count; i++)
        if (!is_done[i])
            SL_TRY(sl_term_run(&sort->outputs[i], chunk, picked, &vectors[i], err));
    SL_TRY(sl_row_store_append(&w->store, vectors, rows, count, err));
    uint64_t slack = sort->scan != NULL ? 0 : sort->keep_rows + SORT_SLACK_ROWS;
    if (sort->keep_rows < UINT32_MAX && w->store.row_count >= sort->keep_rows + slack)
        return cut_store(op, w, err);
    return SL_OK;
}

static sl_status
collect(void *context, unsigned worker, struct sl_error *err)
{
    struct sl_op *op = context;
    struct sort *sort = op->state;
    struct sort_worker *w = &sort->workers[worker];
    struct sl_chunk chunk;

    for (;;) {
        SL_TRY(sl_op_next(op->children[0], worker, &chunk, err));
        if (chunk.count == 0)
            break;
        SL_TRY(collect_chunk(op, w, &chunk, err));
    }
    return cut_store(op, w, err);
}

static sl_status
sort_start(struct sl_op *op, struct sl_error *err)
{
    struct sort *sort = op->state;

    SL_TRY(sl_op_arenas_open(&sort->arenas, op->exec, err));
    for (unsigned i = 0; i < op->exec->threads; i++)
        sl_row_store_init(&sort->workers[i].store, op->exec, sort->types, sort->output_count);
    if (sort->keep_rows == 0)
        return SL_OK;
    SL_TRY(sl_exec_each(op->exec, op->children[0]->width, collect, op, err));
    uint64_t total = 0;
    for (unsigned i = 0; i < op->exec->threads; i++)
        total += sort->workers[i].store.row_count;
    sort->rows_left = total < sort->keep_rows ? total : sort->keep_rows;
    return SL_OK;
}

/* ---- giving ---- */

/* The worker whose next row comes first: a handful of workers, so a plain search. */
static struct sort_worker *
pick_worker(const struct sl_op *op)
{
    const struct sort *sort = op->state;
    struct sort_worker *best = NULL;

    for (unsigned i = 0; i < op->exec->threads; i++) {
        struct sort_worker *w = &sort->workers[i];
        if (w->entry_next == w->store.row_count)
            continue;
        if (best == NULL ||
            compare_rows(sort, &w->store, w->entry_next, &best->store, best->entry_next) < 0)
            best = w;
    }
    return best;
}

static sl_status
sort_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    struct sort *sort = op->state;
    struct sl_arena *arena = sort->arenas.arenas[worker];
    uint32_t count =
        sort->rows_left < SORT_CHUNK_ROWS ? (uint32_t)sort->rows_left : SORT_CHUNK_ROWS;

    sl_arena_reset(arena);
    if (count == 0)
        return SL_OK;
    struct sl_row_ref *refs = sl_arena_calloc(arena, count, sizeof(*refs));
    struct sl_vector *vectors = sl_arena_calloc(arena, sort->output_count, sizeof(*vectors));
    if (refs == NULL || vectors == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    for (uint32_t i = 0; i < count; i++) {
        struct sort_worker *w = pick_worker(op);
        SL_ASSERT(w != NULL);
        refs[i] = (struct sl_row_ref){.store = &w->store, .row = w->entry_next++};
    }
    for (uint32_t i = 0; i < sort->output_count; i++)
        SL_TRY(sl_row_store_gather(refs, count, i, arena, &vectors[i], err));
    sort->rows_left -= count;
    out_chunk->count = count;
    out_chunk->inputs = vectors;
    out_chunk->arena = arena;
    return SL_OK;
}

static void
sort_close(struct sl_op *op)
{
    struct sort *sort = op->state;

    for (unsigned i = 0; i < op->exec->threads; i++)
        sl_row_store_fini(&sort->workers[i].store);
    sl_op_arenas_close(&sort->arenas, op->exec);
}

static void
sort_describe(const struct sl_op *op, struct sl_buf *out)
{
    const struct sort *sort = op->state;

    if (sort->keep_rows == UINT64_MAX)
        sl_buf_text(out, "sort");
    else
        sl_buf_printf(out, "top %" PRIu64, sort->keep_rows);
    sl_buf_printf(out, " by %" PRIu32 " key%s, %" PRIu32 " columns", sort->order_count,
                  sort->order_count == 1 ? "" : "s", sort->output_count);
    if (sort->scan != NULL)
        sl_buf_text(out, ", ends the scan early");
}

static const struct sl_op_class sort_class = {
    .name = "sort",
    .start = sort_start,
    .next = sort_next,
    .close = sort_close,
    .describe = sort_describe,
};

sl_status
sl_op_sort(struct sl_exec *exec, struct sl_op *child, const struct sl_term *outputs,
           uint32_t output_count, const struct sl_order *orders, uint32_t order_count,
           uint64_t keep_rows, struct sl_op *scan, struct sl_op **out_op, struct sl_error *err)
{
    SL_ASSERT(order_count > 0);
    *out_op = sl_op_create(exec, &sort_class, child, sizeof(struct sort));
    struct sl_sql_type *types = sl_arena_calloc(exec->arena, output_count, sizeof(*types));
    struct sort_worker *workers = sl_arena_calloc(exec->arena, exec->threads, sizeof(*workers));
    if (*out_op == NULL || types == NULL || workers == NULL)
        return sl_fail(err, SL_LIMIT, "statement is too large");
    for (uint32_t i = 0; i < output_count; i++)
        types[i] = outputs[i].type;
    struct sort *sort = (*out_op)->state;
    sort->outputs = outputs;
    sort->output_count = output_count;
    sort->orders = orders;
    sort->order_count = order_count;
    sort->keep_rows = keep_rows;
    sort->scan = scan;
    sort->types = types;
    sort->workers = workers;
    atomic_init(&sort->bound_rank, UINT64_MAX);
    (*out_op)->width = 1;
    return SL_OK;
}
