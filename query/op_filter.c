/*
 * op_filter.c - rows for which every conjunct of a WHERE is true.
 *
 * What the scan chose the rows by is true of them. A range of last_seen, which nearly every statement has, is decided by what the morsel knows as a
 * whole where that is enough, and else, where times are kept as distances from a base, on these: half
 * the bytes, and no times to make up.
 */
#include "query/op.h"
#include "query/range_kernel.h"
#include "storage/base/words.h"

struct filter {
    const struct sl_conjunct *conjuncts;
    uint32_t conjunct_count;
    const char *what;
};

/* All rows of the morsel satisfy it: the scan chose them by it, or the morsel knows their bounds. */
static bool
is_satisfied(const struct sl_conjunct *conjunct, const struct sl_chunk *chunk)
{
    int64_t min_us, max_us;

    if (chunk->lazy == NULL)
        return false;
    if (conjunct->exact_clause != 0 &&
        sl_morsel_is_decided(chunk->lazy->morsel, conjunct->exact_clause - 1))
        return true;
    if (!conjunct->is_time_range)
        return false;
    sl_morsel_time(chunk->lazy->morsel, &min_us, &max_us);
    return min_us >= conjunct->low_us && max_us <= conjunct->high_us;
}

/* Keep the selected rows whose distance is low .. low + span; false when none is left. */
static bool
keep_between(const uint32_t *distances, uint32_t count, uint32_t low, uint32_t span,
             uint64_t *selection)
{
    const struct sl_range_kernels *kernels = sl_range_kernels_best();
    uint64_t truth[SL_MINI_ROWS / 64];
    uint64_t any = 0;

    for (uint32_t first = 0; first < count; first += SL_MINI_ROWS) {
        uint32_t rows = count - first < SL_MINI_ROWS ? count - first : SL_MINI_ROWS;
        uint64_t *words = selection + first / 64;
        size_t word_count = sl_words_for(rows);
        if (sl_words_count(words, word_count) == 0) /* an index may have left few */
            continue;
        kernels->u32(distances + first, rows, low, span, truth);
        for (size_t w = 0; w < word_count; w++)
            any |= words[w] &= truth[w];
    }
    return any != 0;
}

/* The same by distances; false: the conjunct is still to be decided. */
static bool
filter_distances(const struct sl_conjunct *conjunct, struct sl_chunk *chunk)
{
    const uint32_t *distances;
    uint64_t base;

    if (!conjunct->is_time_range || chunk->lazy == NULL || chunk->selection == NULL)
        return false;
    const struct sl_column *column = chunk->lazy->inputs[conjunct->term.slots[0]].column;
    if (!sl_morsel_distances(chunk->lazy->morsel, column, &distances, &base) ||
        (int64_t)base > INT64_MAX - UINT32_MAX)
        return false;
    int64_t first_us = (int64_t)base;
    int64_t last_us = first_us + UINT32_MAX;
    int64_t low_us = conjunct->low_us > first_us ? conjunct->low_us : first_us;
    int64_t high_us = conjunct->high_us < last_us ? conjunct->high_us : last_us;
    if (low_us > high_us || !keep_between(distances, chunk->count, (uint32_t)(low_us - first_us),
                                          (uint32_t)(high_us - low_us), chunk->selection))
        chunk->count = 0;
    return true;
}

sl_status
sl_conjuncts_filter(const struct sl_conjunct *conjuncts, uint32_t conjunct_count,
                    struct sl_chunk *chunk, struct sl_error *err)
{
    for (uint32_t i = 0; i < conjunct_count && chunk->count != 0; i++)
        if (!is_satisfied(&conjuncts[i], chunk) && !filter_distances(&conjuncts[i], chunk))
            SL_TRY(sl_term_filter(&conjuncts[i].term, chunk, err));
    return SL_OK;
}

static sl_status
filter_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    const struct filter *filter = op->state;

    while (!atomic_load_explicit(&op->is_stopped, memory_order_relaxed)) {
        SL_TRY(sl_op_next(op->children[0], worker, out_chunk, err));
        if (out_chunk->count == 0)
            return SL_OK;
        for (uint32_t i = 0; i < filter->conjunct_count && out_chunk->count != 0; i++) {
            SL_TRY(sl_conjuncts_filter(&filter->conjuncts[i], 1, out_chunk, err));
            SL_TRY(sl_chunk_focus(out_chunk, err));
        }
        if (out_chunk->count != 0)
            return SL_OK;
    }
    *out_chunk = (struct sl_chunk){0};
    return SL_OK;
}

static void
filter_describe(const struct sl_op *op, struct sl_buf *out)
{
    const struct filter *filter = op->state;
    sl_buf_printf(out, "filter %s, %" PRIu32 " condition%s", filter->what, filter->conjunct_count,
                  filter->conjunct_count == 1 ? "" : "s");
}

static const struct sl_op_class filter_class = {
    .name = "filter",
    .next = filter_next,
    .describe = filter_describe,
};

sl_status
sl_op_filter(struct sl_exec *exec, struct sl_op *child, const struct sl_conjunct *conjuncts,
             uint32_t conjunct_count, const char *what, struct sl_op **out_op, struct sl_error *err)
{
    *out_op = sl_op_create(exec, &filter_class, child, sizeof(struct filter));
    if (*out_op == NULL)
        return sl_fail(err, SL_LIMIT, "statement is too large");
    struct filter *filter = (*out_op)->state;
    filter->conjuncts = conjuncts;
    filter->conjunct_count = conjunct_count;
    filter->what = what;
    return SL_OK;
}
