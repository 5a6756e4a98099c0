/*
 * exec.c - cancel, deadline, parallel phases; chunks and their lazy columns.
 */
#include "query/exec.h"

#include "storage/base/clock.h"
#include "storage/base/thread.h"
#include "storage/base/words.h"

sl_status
sl_exec_check(struct sl_exec *exec, struct sl_error *err)
{
    sl_pool_each_lasts(SL_POOL_ALONE_US);
    if (atomic_load_explicit(&exec->is_cancelled, memory_order_relaxed))
        return sl_fail(err, SL_CANCELLED, "query was cancelled");
    if (atomic_load_explicit(&exec->is_failing, memory_order_relaxed))
        return sl_fail(err, SL_CANCELLED, "another worker of the query failed");
    if (exec->snapshot != NULL && sl_snapshot_is_revoked(exec->snapshot))
        return sl_fail(err, SL_CANCELLED, "query was cancelled: its files must make room");
    if (exec->deadline_us != 0 && sl_clock_monotonic_us() > exec->deadline_us)
        return sl_fail(err, SL_TIMEOUT, "query ran longer than its limit of %" PRId64 " ms",
                       exec->env->timeout_us / SL_US_PER_MS);
    return SL_OK;
}

sl_status
sl_exec_out_of_memory(const struct sl_exec *exec, struct sl_error *err)
{
    size_t limit_bytes = sl_budget_limit(&exec->budget);
    bool is_shared = limit_bytes < exec->budget.limit_bytes;
    bool is_large = limit_bytes >= 1 << 20;

    return sl_fail(err, SL_LIMIT,
                   "query needs more than %s of %zu %s: narrow the time range, "
                   "group by fewer keys, add a LIMIT, or raise %s",
                   is_shared ? "is left of the queries' memory" : "its memory budget",
                   limit_bytes >> (is_large ? 20 : 10), is_large ? "MiB" : "KiB",
                   is_shared ? "memory-limit" : "query-memory");
}

struct phase {
    struct sl_exec *exec;
    sl_exec_each_fn *run;
    void *context;
    bool is_long; /* workers are called at once */
    struct sl_mutex lock;
    sl_status status; /* guarded by lock: the first failure */
    struct sl_error error;
};

static void
run_phase(void *context, unsigned index)
{
    struct phase *phase = context;
    struct sl_error err = {0};

    if (phase->is_long)
        sl_pool_each_lasts(0);
    sl_status st = phase->run(phase->context, index, &err);
    if (st == SL_OK)
        return;
    sl_mutex_lock(&phase->lock);
    if (phase->status == SL_OK) {
        phase->status = st;
        phase->error = err;
    }
    sl_mutex_unlock(&phase->lock);
    /* Relaxed: it only asks the others to hurry; the result is read after they have joined. */
    atomic_store_explicit(&phase->exec->is_failing, true, memory_order_relaxed);
}

sl_status
sl_exec_each(struct sl_exec *exec, unsigned count, sl_exec_each_fn *run, void *context,
             struct sl_error *err)
{
    struct phase phase = {.exec = exec, .run = run, .context = context, .is_long = exec->is_long};
    int64_t started_us = sl_clock_monotonic_us();

    sl_mutex_init(&phase.lock, SL_LOCK_QUERY);
    sl_pool_each(exec->env->pool, exec->threads, count, run_phase, &phase);
    sl_mutex_fini(&phase.lock);
    exec->is_long = exec->is_long || sl_clock_monotonic_us() - started_us > SL_POOL_ALONE_US;
    if (phase.status != SL_OK && err != NULL)
        *err = phase.error;
    return phase.status;
}

uint32_t
sl_chunk_selected(const struct sl_chunk *chunk)
{
    if (chunk->selection == NULL)
        return chunk->count;
    return (uint32_t)sl_words_count(chunk->selection, sl_words_for(chunk->count));
}

uint32_t
sl_chunk_rows(const struct sl_chunk *chunk, uint32_t *out_rows)
{
    if (chunk->selection == NULL) {
        for (uint32_t row = 0; row < chunk->count; row++)
            out_rows[row] = row;
        return chunk->count;
    }
    return sl_words_list(chunk->selection, chunk->count, out_rows);
}

sl_status
sl_term_compile(const struct sl_expr *expr, uint32_t input_count, struct sl_arena *arena,
                struct sl_term *out_term, struct sl_error *err)
{
    struct sl_term term = {.type = expr->type, .expr = expr};

    SL_TRY(sl_program_compile(expr, arena, &term.program, err));
    term.slots = sl_arena_calloc(arena, input_count, sizeof(*term.slots));
    if (term.slots == NULL)
        return sl_fail(err, SL_LIMIT, "statement is too large");
    for (uint32_t slot = 0; slot < input_count; slot++)
        if (sl_program_reads_input(term.program, slot))
            term.slots[term.slot_count++] = slot;
    *out_term = term;
    return SL_OK;
}

void
sl_term_announce(const struct sl_term *term, const struct sl_chunk *chunk)
{
    const struct sl_lazy *lazy = chunk->lazy;
    for (uint32_t i = 0; lazy != NULL && i < term->slot_count; i++)
        if (!lazy->is_fetched[term->slots[i]])
            sl_morsel_announce(lazy->morsel, lazy->inputs[term->slots[i]].column);
}

static sl_status
fetch_slots(const struct sl_term *term, struct sl_chunk *chunk, const uint64_t *selection,
            struct sl_error *err)
{
    struct sl_lazy *lazy = chunk->lazy;

    if (lazy == NULL)
        return SL_OK;
    for (uint32_t i = 0; i < term->slot_count; i++) {
        uint32_t slot = term->slots[i];
        SL_ASSERT(slot < lazy->input_count);
        if (lazy->is_fetched[slot])
            continue;
        SL_TRY(sl_morsel_column(lazy->morsel, lazy->inputs[slot].column, selection,
                                &chunk->inputs[slot], err));
        lazy->is_fetched[slot] = true;
    }
    return SL_OK;
}

/* Keys or aggregates that are not there yet: `vectors`, of which `is_given` tells. */
static bool
give_groups(const struct sl_term *term, const struct sl_chunk *chunk, const uint64_t *selection,
            enum sl_expr_kind kind, uint32_t count, bool *is_given, struct sl_vector *vectors)
{
    const struct sl_lazy_groups *groups = chunk->groups;

    for (uint32_t slot = 0; slot < count; slot++) {
        if (is_given[slot] || !sl_program_loads(term->program, kind, slot))
            continue;
        if (!groups->give(groups->context, kind, slot, selection, chunk->arena, &vectors[slot]))
            return false;
        is_given[slot] = true;
    }
    return true;
}

/* Everything the term reads, for the rows of `selection`. */
static sl_status
fetch_term(const struct sl_term *term, struct sl_chunk *chunk, const uint64_t *selection,
           struct sl_error *err)
{
    const struct sl_lazy_groups *groups = chunk->groups;

    SL_TRY(fetch_slots(term, chunk, selection, err));
    if (groups == NULL)
        return SL_OK;
    if (!give_groups(term, chunk, selection, SL_EXPR_KEY, groups->key_count, groups->is_given,
                     chunk->keys) ||
        !give_groups(term, chunk, selection, SL_EXPR_AGGREGATE, groups->aggregate_count,
                     groups->is_given + groups->key_count, chunk->aggregates))
        return sl_fail(err, SL_LIMIT, "query memory is used up");
    return SL_OK;
}

sl_status
sl_term_fetch(const struct sl_term *term, struct sl_chunk *chunk, struct sl_error *err)
{
    return fetch_term(term, chunk, chunk->selection, err);
}

static sl_status
check_exec(void *context, struct sl_error *err)
{
    return sl_exec_check(context, err);
}

static struct sl_program_row_source
view_source(const struct sl_chunk *chunk)
{
    return (struct sl_program_row_source){
        .inputs = chunk->inputs,
        .keys = chunk->keys,
        .aggregates = chunk->aggregates,
        .check = chunk->exec == NULL ? NULL : check_exec,
        .check_context = chunk->exec,
        .warnings = chunk->exec == NULL ? NULL : chunk->exec->env->warnings};
}

sl_status
sl_term_run(const struct sl_term *term, struct sl_chunk *chunk, const uint64_t *selection,
            struct sl_vector *out_vector, struct sl_error *err)
{
    const uint64_t *rows = selection != NULL ? selection : chunk->selection;
    struct sl_program_row_source source = view_source(chunk);

    SL_TRY(fetch_term(term, chunk, rows, err));
    return sl_program_run(term->program, &source, chunk->count, rows, chunk->arena, out_vector,
                          err);
}

/* Is a row of the mini selected? */
static bool
has_rows(const struct sl_chunk *chunk, uint32_t mini)
{
    enum { MINI_WORDS = SL_MINI_ROWS / 64 };
    size_t first = (size_t)mini * MINI_WORDS;
    size_t end = sl_min_size(first + MINI_WORDS, sl_words_for(chunk->count));
    uint64_t any = 0;
    for (size_t w = first; w < end; w++)
        any |= chunk->selection[w];
    return any != 0;
}

/* What the term reads, from row `first` on. */
static void
view_inputs(const struct sl_term *term, const struct sl_chunk *chunk, uint32_t first,
            uint32_t count, struct sl_vector *views)
{
    for (uint32_t i = 0; i < term->slot_count; i++) {
        uint32_t slot = term->slots[i];
        views[slot] = sl_vector_view(&chunk->inputs[slot], first, count);
    }
}

/* Filter a chunk of flows mini after mini where an index has left few of them: neighbours together, and
 * those without rows not at all. */
static sl_status
filter_minis(const struct sl_term *term, struct sl_chunk *chunk, struct sl_error *err)
{
    struct sl_program_row_source source = view_source(chunk);
    uint32_t mini_count = (chunk->count + SL_MINI_ROWS - 1) / SL_MINI_ROWS;
    struct sl_vector *views =
        sl_arena_calloc(chunk->arena, chunk->lazy->input_count, sizeof(*views));

    if (views == NULL)
        return sl_fail(err, SL_LIMIT, "query memory is used up");
    source.inputs = views;
    for (uint32_t mini = 0, end; mini < mini_count; mini = end + 1) {
        for (end = mini; end < mini_count && has_rows(chunk, end);)
            end++;
        if (end == mini)
            continue;
        uint32_t first = mini * SL_MINI_ROWS;
        uint32_t rows = (uint32_t)sl_min_size((size_t)end * SL_MINI_ROWS, chunk->count) - first;
        view_inputs(term, chunk, first, rows, views);
        SL_TRY(sl_program_filter(term->program, &source, rows, chunk->selection + first / 64,
                                 chunk->arena, err));
    }
    return SL_OK;
}

sl_status
sl_term_filter(const struct sl_term *term, struct sl_chunk *chunk, struct sl_error *err)
{
    struct sl_program_row_source source = view_source(chunk);
    size_t words = sl_words_for(chunk->count);
    const uint64_t *rows = chunk->selection; /* NULL: all, which is quicker to fetch */

    if (rows == NULL) {
        chunk->selection = sl_arena_calloc(chunk->arena, words, sizeof(uint64_t));
        if (chunk->selection == NULL)
            return sl_fail(err, SL_LIMIT, "query memory is used up");
        memset(chunk->selection, 0xff, chunk->count / 64 * sizeof(uint64_t));
        if (chunk->count % 64 != 0)
            chunk->selection[words - 1] = (UINT64_C(1) << chunk->count % 64) - 1;
    }
    SL_TRY(fetch_term(term, chunk, rows, err));
    if (rows != NULL && chunk->lazy != NULL)
        SL_TRY(filter_minis(term, chunk, err));
    else
        SL_TRY(sl_program_filter(term->program, &source, chunk->count, chunk->selection,
                                 chunk->arena, err));
    for (size_t word = 0; word < words; word++)
        if (chunk->selection[word] != 0)
            return SL_OK;
    chunk->count = 0;
    return SL_OK;
}

sl_status
sl_chunk_focus(struct sl_chunk *chunk, struct sl_error *err)
{
    struct sl_lazy *lazy = chunk->lazy;
    bool is_focused = false;

    if (lazy == NULL || chunk->count == 0 || chunk->selection != sl_morsel_selection(lazy->morsel))
        return SL_OK;
    uint32_t selected = sl_chunk_selected(chunk);
    if (selected == 0 || (uint64_t)selected * SL_SCAN_FOCUS_SHARE > chunk->count)
        return SL_OK;
    SL_TRY(sl_morsel_focus(lazy->morsel, &is_focused, err));
    if (is_focused) {
        memset(lazy->is_fetched, 0, lazy->input_count * sizeof(bool));
        chunk->count = sl_morsel_row_count(lazy->morsel);
    }
    return SL_OK;
}
