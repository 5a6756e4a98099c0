/*
 * sort_pick.c - see sort_pick.h.
 */
#include "query/sort_pick.h"

#include "query/function.h"
#include "query/range_kernel.h"

enum { PICK_SLACK_ROWS = 256, PICK_STEP_ROWS = 256 };

/* ---- sorting entries: a merge sort whose order is a context away ---- */

static bool
comes_first(const struct sl_sort_entry *a, const struct sl_sort_entry *b,
            sl_sort_compare_fn *compare, const void *context)
{
    if (a->rank != b->rank)
        return a->rank < b->rank;
    return compare(context, a->row, b->row) <= 0;
}

static void
insertion_sort(struct sl_sort_entry *entries, uint32_t count, sl_sort_compare_fn *compare,
               const void *context)
{
    for (uint32_t i = 1; i < count; i++) {
        struct sl_sort_entry entry = entries[i];
        uint32_t at = i;
        for (; at > 0 && !comes_first(&entries[at - 1], &entry, compare, context); at--)
            entries[at] = entries[at - 1];
        entries[at] = entry;
    }
}

/* Bottom-up. */
void
sl_sort_entries(struct sl_sort_entry *entries, struct sl_sort_entry *scratch, uint32_t count,
                sl_sort_compare_fn *compare, const void *context)
{
    enum { RUN = 16 };
    struct sl_sort_entry *from = entries;
    struct sl_sort_entry *to = scratch;

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
        struct sl_sort_entry *swap = from;
        from = to;
        to = swap;
    }
    if (from != entries)
        memcpy(entries, from, count * sizeof(*entries));
}

/* ---- picking ---- */

struct chunk_order {
    const struct sl_sort_picking *picking;
    const struct sl_vector *vectors; /* of each order */
};

static int
compare_in_chunk(const void *context, uint32_t row_a, uint32_t row_b)
{
    const struct chunk_order *order = context;
    const struct sl_sort_picking *picking = order->picking;

    for (uint32_t i = 0; i < picking->order_count; i++) {
        const struct sl_vector *vector = &order->vectors[i];
        const struct sl_sql_type *type = &picking->types[picking->order_columns[i]];
        int result = sl_vector_compare(vector, row_a, vector, row_b, type);
        if (result != 0)
            return picking->orders[i].is_descending ? -result : result;
    }
    return 0;
}

void
sl_sort_lower_bound(struct sl_sort_picking *picking, uint64_t rank)
{
    /* Relaxed: a stale bound only keeps rows that a later cut drops. */
    uint64_t seen = atomic_load_explicit(&picking->bound_rank, memory_order_relaxed);
    while (rank < seen &&
           !atomic_compare_exchange_weak_explicit(&picking->bound_rank, &seen, rank,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
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
cut_entries(struct sl_sort_picking *picking, struct sl_sort_entry *entries, uint32_t count)
{
    struct sl_sort_entry *sorted = entries + count;
    uint32_t kept = 0;

    memcpy(sorted, entries, count * sizeof(*sorted));
    sl_sort_entries(sorted, sorted + count, count, compare_nothing, NULL);
    uint64_t bound = sorted[picking->keep_rows - 1].rank;
    sl_sort_lower_bound(picking, bound);
    for (uint32_t i = 0; i < count; i++) {
        entries[kept] = entries[i];
        kept += entries[i].rank <= bound;
    }
    return kept;
}

/* Room for entries of one chunk before they are cut: what is kept twice, and some. */
static uint32_t
entry_capacity(const struct sl_sort_picking *picking, uint32_t row_count)
{
    uint64_t wanted = picking->keep_rows > UINT32_MAX ? UINT32_MAX : 2 * picking->keep_rows;
    wanted += PICK_SLACK_ROWS;
    return wanted < row_count ? (uint32_t)wanted : row_count;
}

/* Room for the entries, and for cutting them. */
static struct sl_sort_entry *
take_entries(struct sl_arena *arena, uint32_t capacity)
{
    return sl_arena_alloc(arena,
                          3 * (size_t)(capacity + PICK_STEP_ROWS) * sizeof(struct sl_sort_entry));
}

/*
 * The rows of a chunk that the rank of their first order leaves in the game. What passes is cut
 * whenever `capacity` are there, so that most rows meet a bound that is near its end; where more
 * than half of it have one rank, that is of no use, and the capacity doubles. *entries is
 * taken from the arena, with room for three of each. UINT32_MAX: no memory.
 */
static uint32_t
pick_rows(struct sl_sort_picking *picking, const struct sl_chunk *chunk,
          const struct sl_vector *first, const uint32_t *rows, uint32_t row_count,
          struct sl_sort_entry **entries)
{
    const struct sl_sql_type *type = &picking->types[picking->order_columns[0]];
    uint64_t bound = atomic_load_explicit(&picking->bound_rank, memory_order_relaxed);
    uint64_t turned = sl_sort_turn(picking, 0);
    uint32_t capacity = entry_capacity(picking, row_count);
    uint64_t ranks[PICK_STEP_ROWS];
    uint32_t count = 0;

    *entries = take_entries(chunk->arena, capacity);
    if (*entries == NULL)
        return UINT32_MAX;
    for (uint32_t start = 0; start < row_count; start += PICK_STEP_ROWS) {
        uint32_t step = row_count - start < PICK_STEP_ROWS ? row_count - start : PICK_STEP_ROWS;
        struct sl_sort_entry *to = *entries;
        sl_vector_ranks(first, &rows[start], step, type, ranks);
        bool is_any = false;
        for (uint32_t i = 0; i < step; i++) {
            ranks[i] ^= turned;
            is_any |= ranks[i] <= bound;
        }
        for (uint32_t i = 0; is_any && i < step; i++) { /* without a branch: they pass at random */
            to[count] = (struct sl_sort_entry){.rank = ranks[i], .row = rows[start + i]};
            count += ranks[i] <= bound;
        }
        if (count < capacity || count <= picking->keep_rows)
            continue;
        count = cut_entries(picking, to, count);
        bound = atomic_load_explicit(&picking->bound_rank, memory_order_relaxed);
        if (count <= capacity / 2)
            continue;
        capacity *= 2;
        struct sl_sort_entry *grown = take_entries(chunk->arena, capacity);
        if (grown == NULL)
            return UINT32_MAX;
        memcpy(grown, to, count * sizeof(*grown));
        *entries = grown;
    }
    return count;
}

/* Of the entries, whose order vectors are there, the best keep_rows by all orders. */
static uint32_t
cut_picked(const struct sl_sort_picking *picking, const struct chunk_order *order,
           struct sl_sort_entry *entries, uint32_t count)
{
    if (count <= picking->keep_rows)
        return count;
    sl_sort_entries(entries, entries + count, count, compare_in_chunk, order);
    return (uint32_t)picking->keep_rows;
}

/* Leave the entries' rows selected and make them the whole chunk where they are few: entries then
 * have new row numbers. */
static sl_status
select_picked(struct sl_chunk *chunk, struct sl_sort_entry *entries, uint32_t count,
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
keep_picked(const struct sl_sort_picking *picking, const struct sl_exec *exec,
            struct sl_chunk *chunk, const struct sl_vector *first, struct sl_sort_entry *entries,
            uint32_t count, uint32_t *rows, struct sl_row_store *store, struct sl_error *err)
{
    size_t vector_count = picking->term_count + SL_SORT_PLACE_COLUMNS;
    struct sl_vector *vectors = sl_arena_calloc(chunk->arena, vector_count, sizeof(*vectors));
    struct sl_vector *ordered =
        sl_arena_calloc(chunk->arena, picking->order_count, sizeof(*ordered));

    if (vectors == NULL || ordered == NULL)
        return sl_exec_out_of_memory(exec, err);
    for (uint32_t i = 0; i < picking->term_count; i++)
        if (first != NULL && i == picking->order_columns[0])
            vectors[i] = *first;
        else
            SL_TRY(sl_term_run(&picking->terms[i], chunk, NULL, &vectors[i], err));
    for (uint32_t i = 0; i < picking->order_count; i++)
        ordered[i] = vectors[picking->order_columns[i]];
    struct chunk_order order = {.picking = picking, .vectors = ordered};
    count = cut_picked(picking, &order, entries, count);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = entries[i].row;
    if (picking->has_places)
        SL_TRY(name_places(chunk, rows, count, &vectors[picking->term_count], err));
    return sl_row_store_append(store, vectors, rows, count, err);
}

static void
narrow_selection(struct sl_chunk *chunk, uint64_t *truth)
{
    if (chunk->selection == NULL) {
        chunk->selection = truth;
        return;
    }
    for (size_t i = 0; i < sl_words_for(chunk->count); i++)
        chunk->selection[i] &= truth[i];
}

/* The two times of an order by duration, longest first; false where it is another order. */
static bool
find_times(const struct sl_sort_picking *picking, const struct sl_chunk *chunk,
           const struct sl_vector **out_first, const struct sl_vector **out_last)
{
    const struct sl_expr *expr = picking->terms[picking->order_columns[0]].expr;
    const struct sl_vector *times[2];

    for (unsigned i = 0; i < 2; i++) {
        if (expr->args[i]->kind != SL_EXPR_INPUT)
            return false;
        times[i] = &chunk->inputs[expr->args[i]->slot];
        if (times[i]->encoding != SL_PLAIN || times[i]->width != 8 || times[i]->present != NULL)
            return false;
    }
    *out_first = times[0];
    *out_last = times[1];
    return true;
}

/*
 * The same as select_within for an order by duration, before there are any: once the bound is near its
 * end, nearly all rows go, and to compute what they are out by costs more than to see that they are.
 */
static sl_status
select_long(const struct sl_sort_picking *picking, struct sl_chunk *chunk, struct sl_error *err)
{
    const struct sl_term *term = &picking->terms[picking->order_columns[0]];
    uint64_t bound = atomic_load_explicit(&picking->bound_rank, memory_order_relaxed);
    const struct sl_vector *first, *last;
    int64_t least_us;

    if (bound == UINT64_MAX || !picking->orders[0].is_descending ||
        !sl_expr_is_call(term->expr, SL_FN_FLOW_DURATION) || !sl_decimal_of_rank(~bound, &least_us))
        return SL_OK;
    SL_TRY(sl_term_fetch(term, chunk, err));
    uint64_t *truth = sl_arena_alloc(chunk->arena, sl_words_for(chunk->count) * sizeof(*truth));
    if (truth == NULL)
        return sl_fail(err, SL_LIMIT, "query memory is used up");
    if (!find_times(picking, chunk, &first, &last) ||
        !sl_range_kernels_best()->gap(first->values, last->values, chunk->count, least_us, truth))
        return SL_OK;
    narrow_selection(chunk, truth);
    return sl_chunk_focus(chunk, err);
}

/* Leave the rows selected that the bound lets pass, where there is a quick way to tell. */
static sl_status
select_within(const struct sl_sort_picking *picking, struct sl_chunk *chunk,
              const struct sl_vector *first, struct sl_error *err)
{
    const struct sl_sql_type *type = &picking->types[picking->order_columns[0]];
    uint64_t bound = atomic_load_explicit(&picking->bound_rank, memory_order_relaxed);
    bool is_descending = picking->orders[0].is_descending;
    size_t words = sl_words_for(chunk->count);

    if (bound == UINT64_MAX)
        return SL_OK;
    uint64_t *truth = sl_arena_alloc(chunk->arena, words * sizeof(*truth));
    if (truth == NULL)
        return sl_fail(err, SL_LIMIT, "query memory is used up");
    if (!sl_vector_rank_between(first, type, is_descending ? ~bound : 0,
                                is_descending ? UINT64_MAX : bound, truth))
        return SL_OK;
    narrow_selection(chunk, truth);
    return SL_OK;
}

sl_status
sl_sort_pick(struct sl_sort_picking *picking, struct sl_exec *exec, struct sl_chunk *chunk,
             struct sl_row_store *store, struct sl_error *err)
{
    uint32_t *rows = sl_arena_alloc(chunk->arena, chunk->count * sizeof(*rows));
    struct sl_sort_entry *entries = NULL;
    struct sl_vector first;

    if (rows == NULL)
        return sl_exec_out_of_memory(exec, err);
    SL_TRY(select_long(picking, chunk, err));
    if (sl_chunk_selected(chunk) == 0)
        return SL_OK;
    SL_TRY(sl_term_run(&picking->terms[picking->order_columns[0]], chunk, NULL, &first, err));
    SL_TRY(select_within(picking, chunk, &first, err));
    uint32_t selected = sl_chunk_rows(chunk, rows);
    uint32_t count = pick_rows(picking, chunk, &first, rows, selected, &entries);
    if (count == UINT32_MAX)
        return sl_exec_out_of_memory(exec, err);
    if (count == 0)
        return SL_OK;
    uint32_t row_count = chunk->count;
    if (count < row_count)
        SL_TRY(select_picked(chunk, entries, count, err));
    bool is_focused = chunk->count != row_count;
    return keep_picked(picking, exec, chunk, is_focused ? NULL : &first, entries, count, rows,
                       store, err);
}
