/*
 * op_sort.c - ORDER BY, with or without a LIMIT.
 *
 * Every worker keeps a store of the rows that may still be in the answer. With a limit of n
 * rows a store is cut back to its best n from time to time, and the rank of its worst row then
 * bounds what any worker still has to look at (sort_pick.h).
 *
 * Where the rows come straight from a scan and few are kept, a store holds only what decides the
 * order, and where each row lies; the other outputs are fetched for the rows of the answer.
 *
 * At the end each store is sorted and the stores are merged as the rows leave.
 */
#include "query/op.h"
#include "query/row_fetch.h"
#include "query/row_store.h"
#include "query/sort_pick.h"

/* A store is cut back when it holds twice what must be kept and this many more. */
enum { SORT_SLACK_ROWS = 4096 };
enum { SORT_CHUNK_ROWS = 4096 };

struct sort_worker {
    struct sl_row_store store;
    uint32_t entry_next; /* merge: the next to leave */
};

/* Where an output is in the end. */
struct sort_output {
    bool is_fetched;
    uint32_t column; /* of the row store, or of what is fetched */
};

struct sort {
    struct sl_sort_picking picking;
    struct sort_output *outputs;
    uint32_t output_count;
    struct sl_op *scan; /* NULL: nothing is fetched late */
    bool is_by_time;    /* the scan is narrowed by the first order, which is last_seen */
    struct sl_term *late_terms;
    struct sl_sql_type *late_types;
    uint32_t late_count;
    struct sl_row_fetch fetch;
    struct sl_row_ref *early, *late; /* fetching late: the rows of the answer, in order */
    uint32_t ref_next;
    struct sort_worker *workers;
    struct sl_op_arenas arenas;
    uint64_t rows_left; /* to give */
};

/* ---- the order of rows in stores ---- */

static int
compare_rows(const struct sort *sort, const struct sl_row_store *a, uint32_t row_a,
             const struct sl_row_store *b, uint32_t row_b)
{
    for (uint32_t i = 0; i < sort->picking.order_count; i++) {
        int result = sl_row_store_compare(a, row_a, b, row_b, sort->picking.order_columns[i]);
        if (result != 0)
            return sort->picking.orders[i].is_descending ? -result : result;
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

/* Tell the scan how far it still has to go, from the worst row of a full store. */
static void
narrow_scan(const struct sort *sort, const struct sl_row_store *store, uint32_t worst_row)
{
    const struct sl_row_column *column = &store->columns[sort->picking.order_columns[0]];
    int64_t time_us;

    memcpy(&time_us, column->values + (size_t)worst_row * sizeof(time_us), sizeof(time_us));
    if (sort->picking.orders[0].is_descending)
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
    uint32_t kept = sort->picking.keep_rows < count ? (uint32_t)sort->picking.keep_rows : count;
    size_t bytes = (size_t)count * sizeof(struct sl_sort_entry) * 2;

    if (!sl_budget_take(&op->exec->budget, bytes))
        return sl_exec_out_of_memory(op->exec, err);
    struct sl_sort_entry *entries = sl_try_alloc(bytes + 1);
    uint32_t *rows = sl_try_alloc((size_t)kept * sizeof(*rows) + 1);
    sl_status st = SL_OK;
    if (entries == NULL || rows == NULL) {
        st = sl_exec_out_of_memory(op->exec, err);
        goto out;
    }
    for (uint32_t i = 0; i < count; i++) {
        entries[i].rank = sl_sort_turn(&sort->picking,
                                       sl_row_store_rank(store, i, sort->picking.order_columns[0]));
        entries[i].row = i;
    }
    struct store_order order = {.sort = sort, .store = store};
    sl_sort_entries(entries, entries + count, count, compare_in_store, &order);
    for (uint32_t i = 0; i < kept; i++)
        rows[i] = entries[i].row;
    if (kept == sort->picking.keep_rows && kept != 0) {
        sl_sort_lower_bound(&sort->picking, entries[kept - 1].rank);
        if (sort->is_by_time)
            narrow_scan(sort, store, rows[kept - 1]);
    }
    st = sl_row_store_keep(store, rows, kept, err);
out:
    free(rows);
    free(entries);
    sl_budget_give(&op->exec->budget, bytes);
    return st;
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
        SL_TRY(sl_sort_pick(&sort->picking, op->exec, &chunk, &w->store, err));
        uint64_t slack = sort->is_by_time ? 0 : sort->picking.keep_rows + SORT_SLACK_ROWS;
        if (sort->picking.keep_rows < UINT32_MAX &&
            w->store.row_count >= sort->picking.keep_rows + slack)
            SL_TRY(cut_store(op, w, err));
    }
    return cut_store(op, w, err);
}

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

static uint64_t
place_of(const struct sl_row_ref *ref, uint32_t column)
{
    const struct sl_row_column *places = &ref->store->columns[column];
    uint64_t place = 0;
    memcpy(&place, places->values + ref->row * places->value_bytes, places->value_bytes);
    return place;
}

/* Fetch what is still missing of the rows of the answer. */
static sl_status
fetch_late(struct sl_op *op, struct sl_error *err)
{
    struct sort *sort = op->state;
    uint32_t count = (uint32_t)sort->rows_left;
    struct sl_arena *arena = sort->arenas.arenas[0];
    struct sl_row_place *places = sl_arena_alloc(arena, count * sizeof(*places));
    uint32_t kept = 0;

    sort->early = sl_arena_alloc(arena, count * sizeof(*sort->early));
    sort->late = sl_arena_alloc(arena, count * sizeof(*sort->late));
    if (places == NULL || sort->early == NULL || sort->late == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    for (uint32_t i = 0; i < count; i++) {
        struct sort_worker *w = pick_worker(op);
        struct sl_row_ref ref = {.store = &w->store, .row = w->entry_next++};
        sort->early[i] = ref;
        places[i] = (struct sl_row_place){
            .place = place_of(&ref, sort->picking.term_count),
            .row = (uint32_t)place_of(&ref, sort->picking.term_count + 1),
            .index = i,
        };
    }
    SL_TRY(sl_row_fetch_run(&sort->fetch, places, count, sort->late, err));
    for (uint32_t i = 0; i < count; i++) {
        if (sort->late[i].store == NULL)
            continue; /* damaged, and damage may be left out */
        sort->early[kept] = sort->early[i];
        sort->late[kept++] = sort->late[i];
    }
    sort->rows_left = kept;
    return SL_OK;
}

static sl_status
sort_start(struct sl_op *op, struct sl_error *err)
{
    struct sort *sort = op->state;
    uint32_t place_columns = sort->scan == NULL ? 0 : SL_SORT_PLACE_COLUMNS;

    SL_TRY(sl_op_arenas_open(&sort->arenas, op->exec, err));
    for (unsigned i = 0; i < op->exec->threads; i++)
        sl_row_store_init(&sort->workers[i].store, op->exec, sort->picking.types,
                          sort->picking.term_count + place_columns);
    if (sort->late_count != 0)
        SL_TRY(sl_row_fetch_init(&sort->fetch, sort->scan, sort->late_terms, sort->late_types,
                                 sort->late_count, err));
    if (sort->picking.keep_rows == 0)
        return SL_OK;
    SL_TRY(sl_exec_each(op->exec, op->children[0]->width, collect, op, err));
    uint64_t total = 0;
    for (unsigned i = 0; i < op->exec->threads; i++)
        total += sort->workers[i].store.row_count;
    sort->rows_left = total < sort->picking.keep_rows ? total : sort->picking.keep_rows;
    return sort->late_count != 0 && total != 0 ? fetch_late(op, err) : SL_OK;
}

/* ---- giving ---- */

/* The next `count` rows in their order; NULL without memory. */
static const struct sl_row_ref *
next_rows(const struct sl_op *op, struct sl_arena *arena, uint32_t count)
{
    struct sort *sort = op->state;
    const struct sl_row_ref *refs = sort->early + sort->ref_next;

    if (sort->late_count != 0) {
        sort->ref_next += count;
        return refs;
    }
    struct sl_row_ref *picked = sl_arena_alloc(arena, count * sizeof(*picked));
    for (uint32_t i = 0; picked != NULL && i < count; i++) {
        struct sort_worker *w = pick_worker(op);
        SL_ASSERT(w != NULL);
        picked[i] = (struct sl_row_ref){.store = &w->store, .row = w->entry_next++};
    }
    return picked;
}

static sl_status
sort_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    struct sort *sort = op->state;
    struct sl_arena *arena = sort->arenas.arenas[worker];
    uint32_t count =
        sort->rows_left < SORT_CHUNK_ROWS ? (uint32_t)sort->rows_left : SORT_CHUNK_ROWS;

    if (sort->early == NULL)
        sl_arena_reset(arena);
    if (count == 0)
        return SL_OK;
    struct sl_vector *vectors = sl_arena_calloc(arena, sort->output_count, sizeof(*vectors));
    const struct sl_row_ref *early = next_rows(op, arena, count);
    const struct sl_row_ref *late = early;
    if (early == NULL || vectors == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    if (sort->late_count != 0)
        late = &sort->late[early - sort->early];
    for (uint32_t i = 0; i < sort->output_count; i++) {
        const struct sort_output *output = &sort->outputs[i];
        SL_TRY(sl_row_store_gather(output->is_fetched ? late : early, count, output->column, arena,
                                   &vectors[i], err));
    }
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
    sl_row_fetch_fini(&sort->fetch);
    sl_op_arenas_close(&sort->arenas, op->exec);
}

static void
sort_describe(const struct sl_op *op, struct sl_buf *out)
{
    const struct sort *sort = op->state;

    if (sort->picking.keep_rows == UINT64_MAX)
        sl_buf_text(out, "sort");
    else
        sl_buf_printf(out, "top %" PRIu64, sort->picking.keep_rows);
    sl_buf_printf(out, " by %" PRIu32 " key%s, %" PRIu32 " columns", sort->picking.order_count,
                  sort->picking.order_count == 1 ? "" : "s", sort->output_count);
    if (sort->is_by_time)
        sl_buf_text(out, ", ends the scan early");
    if (sort->late_count != 0)
        sl_buf_printf(out, ", %" PRIu32 " fetched at the end", sort->late_count);
}

static const struct sl_op_class sort_class = {
    .name = "sort",
    .start = sort_start,
    .next = sort_next,
    .close = sort_close,
    .describe = sort_describe,
};

/* Which outputs the stores hold: fetching late, those that are an order, else all. */
static void
share_outputs(struct sort *sort, const struct sl_term *outputs)
{
    for (uint32_t i = 0; i < sort->output_count; i++) {
        bool is_order = false;
        for (uint32_t k = 0; k < sort->picking.order_count; k++)
            is_order = is_order || sort->picking.orders[k].output == i;
        bool is_late = sort->scan != NULL && !is_order;
        uint32_t column = is_late ? sort->late_count++ : sort->picking.term_count++;
        sort->outputs[i] = (struct sort_output){.is_fetched = is_late, .column = column};
        (is_late ? sort->late_terms : sort->picking.terms)[column] = outputs[i];
        (is_late ? sort->late_types : sort->picking.types)[column] = outputs[i].type;
    }
    for (uint32_t k = 0; k < sort->picking.order_count; k++)
        sort->picking.order_columns[k] = sort->outputs[sort->picking.orders[k].output].column;
    sort->picking.types[sort->picking.term_count] = (struct sl_sql_type){.type = SL_TYPE_U64};
    sort->picking.types[sort->picking.term_count + 1] = (struct sl_sql_type){.type = SL_TYPE_U32};
}

sl_status
sl_op_sort(struct sl_exec *exec, struct sl_op *child, const struct sl_term *outputs,
           uint32_t output_count, const struct sl_order *orders, uint32_t order_count,
           uint64_t keep_rows, struct sl_op *scan, bool is_by_time, struct sl_op **out_op,
           struct sl_error *err)
{
    SL_ASSERT(order_count > 0);
    SL_ASSERT(scan != NULL || !is_by_time);
    struct sl_arena *arena = exec->arena;
    *out_op = sl_op_create(exec, &sort_class, child, sizeof(struct sort));
    if (*out_op == NULL)
        return sl_fail(err, SL_LIMIT, "statement is too large");
    struct sort *sort = (*out_op)->state;
    size_t column_count = (size_t)output_count + SL_SORT_PLACE_COLUMNS;
    sort->picking.terms = sl_arena_calloc(arena, output_count, sizeof(*sort->picking.terms));
    sort->late_terms = sl_arena_calloc(arena, output_count, sizeof(*sort->late_terms));
    sort->picking.types = sl_arena_calloc(arena, column_count, sizeof(*sort->picking.types));
    sort->late_types = sl_arena_calloc(arena, output_count, sizeof(*sort->late_types));
    sort->outputs = sl_arena_calloc(arena, output_count, sizeof(*sort->outputs));
    sort->picking.order_columns =
        sl_arena_calloc(arena, order_count, sizeof(*sort->picking.order_columns));
    sort->workers = sl_arena_calloc(arena, exec->threads, sizeof(*sort->workers));
    if (sort->picking.terms == NULL || sort->late_terms == NULL || sort->picking.types == NULL ||
        sort->late_types == NULL || sort->outputs == NULL || sort->picking.order_columns == NULL ||
        sort->workers == NULL)
        return sl_fail(err, SL_LIMIT, "statement is too large");
    sort->output_count = output_count;
    sort->picking.orders = orders;
    sort->picking.order_count = order_count;
    sort->picking.keep_rows = keep_rows;
    sort->picking.has_places = scan != NULL;
    sort->scan = scan;
    sort->is_by_time = is_by_time;
    share_outputs(sort, outputs);
    atomic_init(&sort->picking.bound_rank, UINT64_MAX);
    (*out_op)->width = 1;
    return SL_OK;
}
