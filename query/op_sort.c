/*
 * op_sort.c - ORDER BY, with or without a LIMIT.
 *
 * Every worker keeps a store of the rows that may still be in the answer. With a limit of n
 * rows a store is cut back to its best n from time to time, and the rank of its worst row then
 * bounds what any worker still has to look at: `bound_rank`, shared, only falls. Of a chunk the
 * first order is computed for all rows, everything else for those that pass.
 *
 * Where the rows come straight from a scan and few are kept, a store holds only what decides the
 * order, and where each row lies; the other outputs are fetched for the rows of the answer.
 *
 * At the end each store is sorted and the stores are merged as the rows leave.
 */
#include "query/op.h"
#include "query/row_fetch.h"
#include "query/row_store.h"

/* A store is cut back when it holds twice what must be kept and this many more. */
enum { SORT_SLACK_ROWS = 4096 };
enum { SORT_CHUNK_ROWS = 4096, PICK_SLACK_ROWS = 256, PICK_STEP_ROWS = 256 };

struct sort_entry {
    uint64_t rank; /* of the first order, turned round for DESC: smaller comes first */
    uint32_t row;
};

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
    const struct sl_order *orders;
    uint32_t order_count;
    uint32_t *order_columns; /* of the stores, for each order */
    struct sort_output *outputs;
    uint32_t output_count;
    /* What stores hold: a column for each term; fetching late, place and row number behind. */
    struct sl_term *terms;
    uint32_t term_count;
    struct sl_sql_type *types;
    uint64_t keep_rows;
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
    atomic_uint_fast64_t bound_rank;
};

/* Columns of a store that say where a row lies, behind those of its terms. */
enum { PLACE_COLUMNS = 2 };

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
        const struct sl_sql_type *type = &sort->types[sort->order_columns[i]];
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
        int result = sl_row_store_compare(a, row_a, b, row_b, sort->order_columns[i]);
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
    const struct sl_row_column *column = &store->columns[sort->order_columns[0]];
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
        entries[i].rank = turn(sort, sl_row_store_rank(store, i, sort->order_columns[0]));
        entries[i].row = i;
    }
    struct store_order order = {.sort = sort, .store = store};
    sort_entries(entries, entries + count, count, compare_in_store, &order);
    for (uint32_t i = 0; i < kept; i++)
        rows[i] = entries[i].row;
    if (kept == sort->keep_rows && kept != 0) {
        lower_bound_rank(sort, entries[kept - 1].rank);
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

static int
compare_nothing(const void *context, uint32_t row_a, uint32_t row_b)
{
    (void)context;
    (void)row_a;
    (void)row_b;
    return 0;
}

/* Entries with a rank beyond that of the keep_rows-th best go; the others stay in their order.
 * Returns how many: more than keep_rows where ranks are equal. Behind them is room for twice as
 * many. */
static uint32_t
cut_entries(struct sort *sort, struct sort_entry *entries, uint32_t count)
{
    struct sort_entry *sorted = entries + count;
    uint32_t kept = 0;

    memcpy(sorted, entries, count * sizeof(*sorted));
    sort_entries(sorted, sorted + count, count, compare_nothing, NULL);
    uint64_t bound = sorted[sort->keep_rows - 1].rank;
    lower_bound_rank(sort, bound);
    for (uint32_t i = 0; i < count; i++) {
        entries[kept] = entries[i];
        kept += entries[i].rank <= bound;
    }
    return kept;
}

/* Room for entries of one chunk before they are cut: what is kept twice, and some. */
static uint32_t
entry_capacity(const struct sort *sort, uint32_t row_count)
{
    uint64_t wanted = sort->keep_rows > UINT32_MAX ? UINT32_MAX : 2 * sort->keep_rows;
    wanted += PICK_SLACK_ROWS;
    return wanted < row_count ? (uint32_t)wanted : row_count;
}

/* Room for the entries, and for cutting them. */
static struct sort_entry *
take_entries(struct sl_arena *arena, uint32_t capacity)
{
    return sl_arena_alloc(arena,
                          3 * (size_t)(capacity + PICK_STEP_ROWS) * sizeof(struct sort_entry));
}

/*
 * The rows of a chunk that the rank of their first order leaves in the game. What passes is cut
 * whenever `capacity` are there, so that most rows meet a bound that is near its end; where more
 * than half of it have one rank, that is of no use, and the capacity doubles. *entries is
 * taken from the arena, with room for three of each. UINT32_MAX: no memory.
 */
static uint32_t
pick_rows(struct sort *sort, const struct sl_chunk *chunk, const struct sl_vector *first,
          const uint32_t *rows, uint32_t row_count, struct sort_entry **entries)
{
    const struct sl_sql_type *type = &sort->types[sort->order_columns[0]];
    uint64_t bound = atomic_load_explicit(&sort->bound_rank, memory_order_relaxed);
    uint64_t turned = turn(sort, 0);
    uint32_t capacity = entry_capacity(sort, row_count);
    uint64_t ranks[PICK_STEP_ROWS];
    uint32_t count = 0;

    *entries = take_entries(chunk->arena, capacity);
    if (*entries == NULL)
        return UINT32_MAX;
    for (uint32_t start = 0; start < row_count; start += PICK_STEP_ROWS) {
        uint32_t step = row_count - start < PICK_STEP_ROWS ? row_count - start : PICK_STEP_ROWS;
        struct sort_entry *to = *entries;
        sl_vector_ranks(first, &rows[start], step, type, ranks);
        bool is_any = false;
        for (uint32_t i = 0; i < step; i++) {
            ranks[i] ^= turned;
            is_any |= ranks[i] <= bound;
        }
        for (uint32_t i = 0; is_any && i < step; i++) { /* without a branch: they pass at random */
            to[count] = (struct sort_entry){.rank = ranks[i], .row = rows[start + i]};
            count += ranks[i] <= bound;
        }
        if (count < capacity || count <= sort->keep_rows)
            continue;
        count = cut_entries(sort, to, count);
        bound = atomic_load_explicit(&sort->bound_rank, memory_order_relaxed);
        if (count <= capacity / 2)
            continue;
        capacity *= 2;
        struct sort_entry *grown = take_entries(chunk->arena, capacity);
        if (grown == NULL)
            return UINT32_MAX;
        memcpy(grown, to, count * sizeof(*grown));
        *entries = grown;
    }
    return count;
}

/* Of the entries, whose order vectors are there, the best keep_rows by all orders. */
static uint32_t
cut_picked(struct sort *sort, const struct chunk_order *order, struct sort_entry *entries,
           uint32_t count)
{
    if (count <= sort->keep_rows)
        return count;
    sort_entries(entries, entries + count, count, compare_in_chunk, order);
    return (uint32_t)sort->keep_rows;
}

/* Leave the entries' rows selected and make them the whole chunk where they are few: entries then
 * have new row numbers. */
static sl_status
select_picked(struct sl_chunk *chunk, struct sort_entry *entries, uint32_t count,
              struct sl_error *err)
{
    uint32_t row_count = chunk->count;

    if (chunk->selection == NULL)
        chunk->selection = sl_arena_alloc(chunk->arena, sl_words_for(row_count) * sizeof(uint64_t));
    if (chunk->selection == NULL)
        return sl_fail(err, SL_LIMIT, "query memory is used up");
    memset(chunk->selection, 0, sl_words_for(row_count) * sizeof(uint64_t));
    for (uint32_t i = 0; i < count; i++)
        sl_bit_set(chunk->selection, entries[i].row);
    SL_TRY(sl_chunk_focus(chunk, err));
    if (chunk->count == row_count)
        return SL_OK;
    for (uint32_t i = 0; i < count; i++)
        entries[i].row = i;
    return SL_OK;
}

/* Where the rows of a chunk of the scan lie, as the last two columns of a store. */
static sl_status
name_places(const struct sl_chunk *chunk, const uint32_t *rows, uint32_t count,
            struct sl_vector *vectors, struct sl_error *err)
{
    const struct sl_morsel *morsel = chunk->lazy->morsel;
    uint64_t *place = sl_arena_alloc(chunk->arena, sizeof(*place));
    uint32_t *numbers = sl_arena_alloc(chunk->arena, chunk->count * sizeof(*numbers));

    if (place == NULL || numbers == NULL)
        return sl_fail(err, SL_LIMIT, "query memory is used up");
    *place = sl_morsel_place(morsel);
    for (uint32_t i = 0; i < count; i++)
        numbers[rows[i]] = sl_morsel_row_number(morsel, rows[i]);
    vectors[0] = (struct sl_vector){.type = SL_TYPE_U64,
                                    .encoding = SL_CONSTANT,
                                    .width = sizeof(*place),
                                    .count = chunk->count,
                                    .value_count = 1,
                                    .values = place};
    vectors[1] = (struct sl_vector){.type = SL_TYPE_U32,
                                    .encoding = SL_PLAIN,
                                    .width = sizeof(*numbers),
                                    .count = chunk->count,
                                    .value_count = chunk->count,
                                    .values = numbers};
    return SL_OK;
}

/* Put the picked rows of a chunk into the worker's store. `first`, when not NULL, is the first
 * order's vector. */
static sl_status
keep_picked(struct sl_op *op, struct sort_worker *w, struct sl_chunk *chunk,
            const struct sl_vector *first, struct sort_entry *entries, uint32_t count,
            uint32_t *rows, struct sl_error *err)
{
    struct sort *sort = op->state;
    size_t vector_count = sort->term_count + PLACE_COLUMNS;
    struct sl_vector *vectors = sl_arena_calloc(chunk->arena, vector_count, sizeof(*vectors));
    struct sl_vector *ordered = sl_arena_calloc(chunk->arena, sort->order_count, sizeof(*ordered));

    if (vectors == NULL || ordered == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    for (uint32_t i = 0; i < sort->term_count; i++)
        if (first != NULL && i == sort->order_columns[0])
            vectors[i] = *first;
        else
            SL_TRY(sl_term_run(&sort->terms[i], chunk, NULL, &vectors[i], err));
    for (uint32_t i = 0; i < sort->order_count; i++)
        ordered[i] = vectors[sort->order_columns[i]];
    struct chunk_order order = {.sort = sort, .vectors = ordered};
    count = cut_picked(sort, &order, entries, count);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = entries[i].row;
    if (sort->scan != NULL)
        SL_TRY(name_places(chunk, rows, count, &vectors[sort->term_count], err));
    return sl_row_store_append(&w->store, vectors, rows, count, err);
}

/* Leave the rows selected that the bound lets pass, where there is a quick way to tell. */
static sl_status
select_within(const struct sort *sort, struct sl_chunk *chunk, const struct sl_vector *first,
              struct sl_error *err)
{
    const struct sl_sql_type *type = &sort->types[sort->order_columns[0]];
    uint64_t bound = atomic_load_explicit(&sort->bound_rank, memory_order_relaxed);
    bool is_descending = sort->orders[0].is_descending;
    size_t words = sl_words_for(chunk->count);

    if (bound == UINT64_MAX)
        return SL_OK;
    uint64_t *truth = sl_arena_alloc(chunk->arena, words * sizeof(*truth));
    if (truth == NULL)
        return sl_fail(err, SL_LIMIT, "query memory is used up");
    if (!sl_vector_rank_between(first, type, is_descending ? ~bound : 0,
                                is_descending ? UINT64_MAX : bound, truth))
        return SL_OK;
    if (chunk->selection == NULL)
        chunk->selection = truth;
    else
        for (size_t i = 0; i < words; i++)
            chunk->selection[i] &= truth[i];
    return SL_OK;
}

static sl_status
collect_chunk(struct sl_op *op, struct sort_worker *w, struct sl_chunk *chunk, struct sl_error *err)
{
    struct sort *sort = op->state;
    uint32_t *rows = sl_arena_alloc(chunk->arena, chunk->count * sizeof(*rows));
    struct sort_entry *entries = NULL;
    struct sl_vector first;

    if (rows == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    SL_TRY(sl_term_run(&sort->terms[sort->order_columns[0]], chunk, NULL, &first, err));
    SL_TRY(select_within(sort, chunk, &first, err));
    uint32_t selected = sl_chunk_rows(chunk, rows);
    uint32_t count = pick_rows(sort, chunk, &first, rows, selected, &entries);
    if (count == UINT32_MAX)
        return sl_exec_out_of_memory(op->exec, err);
    if (count == 0)
        return SL_OK;
    uint32_t row_count = chunk->count;
    if (count < row_count)
        SL_TRY(select_picked(chunk, entries, count, err));
    bool is_focused = chunk->count != row_count;
    SL_TRY(keep_picked(op, w, chunk, is_focused ? NULL : &first, entries, count, rows, err));
    uint64_t slack = sort->is_by_time ? 0 : sort->keep_rows + SORT_SLACK_ROWS;
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
            .place = place_of(&ref, sort->term_count),
            .row = (uint32_t)place_of(&ref, sort->term_count + 1),
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
    uint32_t place_columns = sort->scan == NULL ? 0 : PLACE_COLUMNS;

    SL_TRY(sl_op_arenas_open(&sort->arenas, op->exec, err));
    for (unsigned i = 0; i < op->exec->threads; i++)
        sl_row_store_init(&sort->workers[i].store, op->exec, sort->types,
                          sort->term_count + place_columns);
    if (sort->late_count != 0)
        SL_TRY(sl_row_fetch_init(&sort->fetch, sort->scan, sort->late_terms, sort->late_types,
                                 sort->late_count, err));
    if (sort->keep_rows == 0)
        return SL_OK;
    SL_TRY(sl_exec_each(op->exec, op->children[0]->width, collect, op, err));
    uint64_t total = 0;
    for (unsigned i = 0; i < op->exec->threads; i++)
        total += sort->workers[i].store.row_count;
    sort->rows_left = total < sort->keep_rows ? total : sort->keep_rows;
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

    if (sort->keep_rows == UINT64_MAX)
        sl_buf_text(out, "sort");
    else
        sl_buf_printf(out, "top %" PRIu64, sort->keep_rows);
    sl_buf_printf(out, " by %" PRIu32 " key%s, %" PRIu32 " columns", sort->order_count,
                  sort->order_count == 1 ? "" : "s", sort->output_count);
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
        for (uint32_t k = 0; k < sort->order_count; k++)
            is_order = is_order || sort->orders[k].output == i;
        bool is_late = sort->scan != NULL && !is_order;
        uint32_t column = is_late ? sort->late_count++ : sort->term_count++;
        sort->outputs[i] = (struct sort_output){.is_fetched = is_late, .column = column};
        (is_late ? sort->late_terms : sort->terms)[column] = outputs[i];
        (is_late ? sort->late_types : sort->types)[column] = outputs[i].type;
    }
    for (uint32_t k = 0; k < sort->order_count; k++)
        sort->order_columns[k] = sort->outputs[sort->orders[k].output].column;
    sort->types[sort->term_count] = (struct sl_sql_type){.type = SL_TYPE_U64};
    sort->types[sort->term_count + 1] = (struct sl_sql_type){.type = SL_TYPE_U32};
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
    size_t column_count = (size_t)output_count + PLACE_COLUMNS;
    sort->terms = sl_arena_calloc(arena, output_count, sizeof(*sort->terms));
    sort->late_terms = sl_arena_calloc(arena, output_count, sizeof(*sort->late_terms));
    sort->types = sl_arena_calloc(arena, column_count, sizeof(*sort->types));
    sort->late_types = sl_arena_calloc(arena, output_count, sizeof(*sort->late_types));
    sort->outputs = sl_arena_calloc(arena, output_count, sizeof(*sort->outputs));
    sort->order_columns = sl_arena_calloc(arena, order_count, sizeof(*sort->order_columns));
    sort->workers = sl_arena_calloc(arena, exec->threads, sizeof(*sort->workers));
    if (sort->terms == NULL || sort->late_terms == NULL || sort->types == NULL ||
        sort->late_types == NULL || sort->outputs == NULL || sort->order_columns == NULL ||
        sort->workers == NULL)
        return sl_fail(err, SL_LIMIT, "statement is too large");
    sort->output_count = output_count;
    sort->orders = orders;
    sort->order_count = order_count;
    sort->keep_rows = keep_rows;
    sort->scan = scan;
    sort->is_by_time = is_by_time;
    share_outputs(sort, outputs);
    atomic_init(&sort->bound_rank, UINT64_MAX);
    (*out_op)->width = 1;
    return SL_OK;
}
