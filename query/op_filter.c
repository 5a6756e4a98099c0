/*
 * op_filter.c - rows for which every conjunct of a WHERE is true.
 *
 * What the scan chose the rows by is true of them. A range of last_seen, which nearly every statement
 * has, is decided by what the morsel knows as a whole where that is enough, and else, where times are
 * kept as distances from a base, on these: half the bytes, and no times to make up. Rows of a host are
 * told by the codes of their addresses: so of the dictionary of a row group a small piece is enough.
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

/* A conjunct about addresses on its way through a chunk. */
struct coding {
    const struct sl_chunk *chunk;
    uint32_t minis; /* with a row that still counts */
    uint64_t truth[SL_BLOCK_ROWS / 64];
};

enum { MINI_WORDS = SL_MINI_ROWS / 64 };

/* Words of mini `mini` of so many rows. */
static size_t
mini_words(uint32_t row_count, uint32_t mini)
{
    uint32_t left = row_count - mini * SL_MINI_ROWS;
    return sl_words_for(left < SL_MINI_ROWS ? left : SL_MINI_ROWS);
}

/* The minis with a selected row; an index may have left few. Of these nothing is true yet. */
static void
open_minis(struct coding *coding)
{
    uint32_t count = coding->chunk->count;
    coding->minis = 0;
    for (uint32_t mini = 0; mini * SL_MINI_ROWS < count; mini++) {
        const uint64_t *words = coding->chunk->selection + (size_t)mini * MINI_WORDS;
        size_t word_count = mini_words(count, mini);
        uint64_t any = 0;
        for (size_t w = 0; w < word_count; w++)
            any |= words[w];
        if (any == 0)
            continue;
        coding->minis |= UINT32_C(1) << mini;
        memset(coding->truth + (size_t)mini * MINI_WORDS, 0, word_count * sizeof(uint64_t));
    }
}

/* The rows whose code is in the range are true. */
static void
add_codes(const struct sl_code_range *range, struct coding *coding)
{
    const struct sl_range_kernels *kernels = sl_range_kernels_best();
    uint64_t some[MINI_WORDS];

    for (uint32_t left = coding->minis; left != 0; left &= left - 1) {
        uint32_t mini = (uint32_t)__builtin_ctz(left);
        size_t first = (size_t)mini * SL_MINI_ROWS;
        size_t word_count = mini_words(coding->chunk->count, mini);
        uint64_t *truth = coding->truth + first / 64;
        const uint64_t *present = range->present == NULL ? NULL : range->present + first / 64;
        if (range->rows == SL_CODES_BETWEEN) {
            uint32_t rows = coding->chunk->count - (uint32_t)first;
            rows = rows < SL_MINI_ROWS ? rows : SL_MINI_ROWS;
            kernels->u32(range->codes + first, rows, range->first, range->span, some);
        } else {
            memset(some, 0xff, sizeof(some));
        }
        for (size_t w = 0; w < word_count; w++)
            truth[w] |= present == NULL ? some[w] : some[w] & present[w];
    }
}

/* The rows of one test; *out_is_known false: the column has to be asked. */
static sl_status
add_test(const struct sl_test *test, struct coding *coding, bool *out_is_known,
         struct sl_error *err)
{
    const struct sl_chunk *chunk = coding->chunk;
    bool is_set = test->kind == SL_TEST_SET;
    uint32_t count = is_set ? test->key_count : 1;

    *out_is_known = true;
    for (uint32_t i = 0; i < count && *out_is_known; i++) {
        struct sl_code_range range;
        SL_TRY(sl_morsel_codes(
            chunk->lazy->morsel, test->column, is_set ? test->keys[i] : test->low,
            is_set ? test->keys[i] : test->high, chunk->selection, &range, out_is_known, err));
        if (*out_is_known && range.rows != SL_CODES_NONE)
            add_codes(&range, coding);
    }
    return SL_OK;
}

/* Keep the selected rows that are true; false when none is left. */
static bool
keep_true(const struct coding *coding)
{
    uint64_t any = 0;
    for (uint32_t left = coding->minis; left != 0; left &= left - 1) {
        uint32_t mini = (uint32_t)__builtin_ctz(left);
        size_t first = (size_t)mini * MINI_WORDS;
        size_t word_count = mini_words(coding->chunk->count, mini);
        for (size_t w = first; w < first + word_count; w++)
            any |= coding->chunk->selection[w] &= coding->truth[w];
    }
    return any != 0;
}

/* A conjunct about addresses by codes; *out_is_done false: it is still to be decided. */
static sl_status
filter_codes(const struct sl_conjunct *conjunct, struct sl_chunk *chunk, bool *out_is_done,
             struct sl_error *err)
{
    const struct sl_clause *clause = conjunct->addresses;
    struct coding coding;

    *out_is_done = clause != NULL && chunk->lazy != NULL && chunk->selection != NULL;
    if (!*out_is_done)
        return SL_OK;
    SL_ASSERT(chunk->count <= SL_BLOCK_ROWS);
    coding.chunk = chunk;
    open_minis(&coding);
    for (uint32_t i = 0; i < clause->test_count && *out_is_done; i++)
        SL_TRY(add_test(&clause->tests[i], &coding, out_is_done, err));
    if (*out_is_done && !keep_true(&coding))
        chunk->count = 0;
    return SL_OK;
}

sl_status
sl_conjuncts_filter(const struct sl_conjunct *conjuncts, uint32_t conjunct_count,
                    struct sl_chunk *chunk, struct sl_error *err)
{
    for (uint32_t i = 0; i < conjunct_count && chunk->count != 0; i++) {
        bool is_done = is_satisfied(&conjuncts[i], chunk) || filter_distances(&conjuncts[i], chunk);
        if (!is_done)
            SL_TRY(filter_codes(&conjuncts[i], chunk, &is_done, err));
        if (!is_done)
            SL_TRY(sl_term_filter(&conjuncts[i].term, chunk, err));
    }
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
