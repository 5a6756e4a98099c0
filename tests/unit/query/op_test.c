/*
 * op_test.c - operators over hand-made rows, with several workers, against naive versions.
 *
 * Method: a source operator of the test hands chunks of random rows to whichever worker asks.
 * Grouping is compared with a linear search over groups, sorting with qsort, limits by counting.
 * Budget, cancel and deadline must each end a query with their own status, and a closed plan
 * must have given all memory back.
 */
#include "query/plan.h"
#include "query/row_store.h"
#include "storage/base/clock.h"
#include "tests/support/test.h"
#include "tests/unit/query/op_world.h"

#include <stdio.h>
#include <strings.h>

enum { ROWS = 6000, CHUNK = 500, COLUMNS = 4, COLUMN_A = 0, COLUMN_B, COLUMN_T, COLUMN_X };

static const struct sl_sql_type types[COLUMNS] = {
    {.type = SL_TYPE_I64},
    {.type = SL_TYPE_U16, .is_nullable = true},
    {.type = SL_TYPE_TEXT, .is_nullable = true},
    {.type = SL_TYPE_ADDR, .is_nullable = true},
};

struct row {
    int64_t a;
    uint64_t b;
    char t[8];
    struct sl_addr x;
    bool has_b, has_t, has_x;
};

/* ---- a source ---- */

struct source {
    struct op_source base;
    struct sl_row_store store;
    const struct row *rows;
};

static sl_status
source_start(struct sl_op *op, struct sl_error *err)
{
    struct source *source = op->state;

    SL_TRY(op_source_start(op, err));
    sl_row_store_init(&source->store, op->exec, types, COLUMNS);
    for (uint32_t i = 0; i < ROWS; i++) {
        const struct row *r = &source->rows[i];
        struct sl_value values[COLUMNS] = {
            {.type = SL_TYPE_I64, .as.i64 = r->a},
            {.type = SL_TYPE_U16, .is_null = !r->has_b, .as.u64 = r->b},
            {.type = SL_TYPE_TEXT,
             .is_null = !r->has_t,
             .as.slice = {(const uint8_t *)r->t, (uint32_t)strlen(r->t)}},
            {.type = SL_TYPE_ADDR, .is_null = !r->has_x, .as.addr = r->x},
        };
        SL_TRY(sl_row_store_append_values(&source->store, values, err));
    }
    return SL_OK;
}

static sl_status
source_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    struct source *source = op->state;
    struct sl_arena *arena = source->base.arenas.arenas[worker];
    unsigned first = CHUNK * atomic_fetch_add(&source->base.next, 1);

    sl_arena_reset(arena);
    if (first >= ROWS)
        return SL_OK;
    struct sl_row_ref *refs = sl_arena_calloc(arena, CHUNK, sizeof(*refs));
    struct sl_vector *vectors = sl_arena_calloc(arena, COLUMNS, sizeof(*vectors));
    if (refs == NULL || vectors == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    for (uint32_t i = 0; i < CHUNK; i++)
        refs[i] = (struct sl_row_ref){.store = &source->store, .row = first + i};
    for (uint32_t i = 0; i < COLUMNS; i++)
        SL_TRY(sl_row_store_gather(refs, CHUNK, i, arena, &vectors[i], err));
    out_chunk->count = CHUNK;
    out_chunk->inputs = vectors;
    out_chunk->arena = arena;
    return SL_OK;
}

static void
source_close(struct sl_op *op)
{
    struct source *source = op->state;
    sl_row_store_fini(&source->store);
    op_source_close(op);
}

static void
source_describe(const struct sl_op *op, struct sl_buf *out)
{
    (void)op;
    sl_buf_text(out, "rows of the test");
}

static const struct sl_op_class source_class = {
    .name = "source",
    .start = source_start,
    .next = source_next,
    .close = source_close,
    .describe = source_describe,
};

/* ---- a world ---- */

struct world {
    struct op_world op;
    struct row *rows;
    uint64_t seed;
};

static void
open_world(struct world *w, unsigned threads)
{
    static const char *const texts[] = {"a", "A", "bb", "Bb", "", "long"};
    struct source *source =
        op_world_open(&w->op, threads, types, COLUMNS, &source_class, sizeof(*source));

    w->seed = test_seed();
    w->rows = sl_new(ROWS * sizeof(*w->rows));
    for (uint32_t i = 0; i < ROWS; i++) {
        struct row *r = &w->rows[i];
        r->a = (int64_t)test_random_below(&w->seed, 60) - 30;
        r->b = test_random_below(&w->seed, 7);
        r->has_b = test_random_below(&w->seed, 9) != 0;
        r->has_t = test_random_below(&w->seed, 5) != 0;
        r->has_x = test_random_below(&w->seed, 5) != 0;
        r->x = (struct sl_addr){.low = test_random_below(&w->seed, 50),
                                .high = test_random_below(&w->seed, 2)};
        (void)snprintf(r->t, sizeof(r->t), "%s",
                       texts[test_random_below(&w->seed, SL_COUNTOF(texts))]);
    }
    source->rows = w->rows;
}

static void
close_world(struct world *w, struct sl_op *root)
{
    op_world_close(&w->op, root);
    free(w->rows);
}

/* ---- grouping ---- */

struct naive {
    const struct row *first;
    int64_t count, sum, min;
    bool seen[64];
    struct sl_addr max_x;
    bool has_x;
};

static bool
same_text(const struct row *p, const struct row *q)
{
    return p->has_t == q->has_t && (!p->has_t || strcasecmp(p->t, q->t) == 0);
}

static struct naive *
find_naive(struct naive *groups, uint32_t *count, const struct row *r)
{
    for (uint32_t i = 0; i < *count; i++) {
        const struct row *f = groups[i].first;
        if (f->has_b == r->has_b && (!r->has_b || f->b == r->b) && same_text(f, r))
            return &groups[i];
    }
    groups[*count] = (struct naive){.first = r, .min = INT64_MAX};
    return &groups[(*count)++];
}

static uint32_t
group_naively(const struct world *w, struct naive *groups)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < ROWS; i++) {
        const struct row *r = &w->rows[i];
        struct naive *g = find_naive(groups, &count, r);
        g->count++;
        g->sum += r->a;
        g->min = r->a < g->min ? r->a : g->min;
        g->seen[r->a + 30] = true;
        if (r->has_x && (!g->has_x || sl_addr_compare(r->x, g->max_x) > 0))
            g->max_x = r->x;
        g->has_x = g->has_x || r->has_x;
    }
    return count;
}

/* One row of the operator against the naive group with the same keys. */
static void
check_group(const struct sl_chunk *chunk, uint32_t row, struct naive *groups, uint32_t count)
{
    struct row key = {0};
    const struct sl_vector *aggregates = chunk->aggregates;

    key.has_b = !sl_vector_is_null(&chunk->keys[0], row);
    key.b = key.has_b ? sl_vector_u64(&chunk->keys[0], row) : 0;
    key.has_t = !sl_vector_is_null(&chunk->keys[1], row);
    if (key.has_t) {
        struct sl_slice text = sl_vector_slice(&chunk->keys[1], row);
        memcpy(key.t, text.bytes, text.size_bytes);
    }
    uint32_t before = count;
    struct naive *g = find_naive(groups, &count, &key);
    assert_int_equal(count, before);
    int64_t distinct = 0;
    for (size_t i = 0; i < SL_COUNTOF(g->seen); i++)
        distinct += g->seen[i];
    assert_int_equal(sl_vector_u64(&aggregates[0], row), g->count);
    assert_true(sl_vector_i128(&aggregates[1], row) == g->sum);
    assert_int_equal((int64_t)sl_vector_u64(&aggregates[2], row), g->min);
    assert_int_equal(sl_vector_is_null(&aggregates[3], row), !g->has_x);
    if (g->has_x)
        assert_true(sl_addr_equal(sl_vector_addr(&aggregates[3], row), g->max_x));
    assert_int_equal(sl_vector_u64(&aggregates[4], row), distinct);
}

/* With room for few records, tables are united after each chunk. */
static void
groups_agree_with_a_linear_search(void **state)
{
    struct world w;
    (void)state;

    for (unsigned turn = 0; turn < 8; turn++) {
        unsigned threads = turn % 4 + 1;
        open_world(&w, threads);
        struct sl_key keys[] = {
            {.expr = op_world_input(&w.op, COLUMN_B), .type = types[COLUMN_B]},
            {.expr = op_world_input(&w.op, COLUMN_T), .type = types[COLUMN_T]},
        };
        struct sl_sql_type whole = {.type = SL_TYPE_I64};
        struct sl_sql_type decimal = {.type = SL_TYPE_DECIMAL};
        struct sl_aggregate aggregates[] = {
            {.kind = SL_AGG_COUNT_STAR, .type = whole},
            {.kind = SL_AGG_SUM, .type = decimal, .argument = op_world_input(&w.op, COLUMN_A)},
            {.kind = SL_AGG_MIN, .type = whole, .argument = op_world_input(&w.op, COLUMN_A)},
            {.kind = SL_AGG_MAX,
             .type = types[COLUMN_X],
             .argument = op_world_input(&w.op, COLUMN_X)},
            {.kind = SL_AGG_COUNT_DISTINCT,
             .type = whole,
             .argument = op_world_input(&w.op, COLUMN_A)},
        };
        struct sl_op *op = op_world_group(&w.op, keys, 2, aggregates, SL_COUNTOF(aggregates), NULL,
                                          turn >= 4 ? 1 : 0);
        struct naive groups[100];
        uint32_t expected = group_naively(&w, groups);
        uint32_t count = 0;
        struct sl_chunk chunk;
        while (op_world_groups(op, &chunk)) {
            for (uint32_t row = 0; row < chunk.count; row++)
                check_group(&chunk, row, groups, expected);
            count += chunk.count;
        }
        assert_int_equal(count, expected);
        close_world(&w, op);
    }
}

/* ---- sorting ---- */

static int
compare_rows(const void *p, const void *q)
{
    const struct row *a = p;
    const struct row *b = q;

    if (a->has_t != b->has_t)
        return a->has_t ? -1 : 1; /* descending: NULL last */
    int order = a->has_t ? -strcasecmp(a->t, b->t) : 0;
    return order != 0 ? order : (a->a > b->a) - (a->a < b->a);
}

static void
sort_once(uint64_t keep_rows, unsigned threads)
{
    static const struct sl_order orders[] = {{.output = COLUMN_T, .is_descending = true},
                                             {.output = COLUMN_A}};
    struct world w;
    struct sl_op *op = NULL;
    struct sl_error err = {0};
    struct sl_term terms[COLUMNS];
    struct sl_chunk chunk;

    open_world(&w, threads);
    for (uint32_t i = 0; i < COLUMNS; i++)
        TEST_OK(
            sl_term_compile(op_world_input(&w.op, i), COLUMNS, w.op.exec.arena, &terms[i], &err),
            &err);
    TEST_OK(sl_op_sort(&w.op.exec, w.op.source, terms, COLUMNS, orders, 2, keep_rows, NULL, false,
                       &op, &err),
            &err);
    TEST_OK(sl_op_start(op, &err), &err);
    qsort(w.rows, ROWS, sizeof(*w.rows), compare_rows);
    uint32_t at = 0;
    for (;;) {
        TEST_OK(sl_op_next(op, 0, &chunk, &err), &err);
        if (chunk.count == 0)
            break;
        for (uint32_t row = 0; row < chunk.count; row++, at++) {
            const struct row *r = &w.rows[at];
            assert_int_equal((int64_t)sl_vector_u64(&chunk.inputs[COLUMN_A], row), r->a);
            assert_int_equal(sl_vector_is_null(&chunk.inputs[COLUMN_T], row), !r->has_t);
            if (!r->has_t)
                continue;
            struct sl_slice text = sl_vector_slice(&chunk.inputs[COLUMN_T], row);
            assert_int_equal(text.size_bytes, strlen(r->t));
            assert_int_equal(strncasecmp((const char *)text.bytes, r->t, text.size_bytes), 0);
        }
    }
    assert_int_equal(at, keep_rows < ROWS ? keep_rows : ROWS);
    close_world(&w, op);
}

static void
sorted_rows_agree_with_qsort(void **state)
{
    static const uint64_t keeps[] = {0, 1, 10, 499, 5999, 6000, 6001, UINT64_MAX};
    (void)state;

    for (size_t i = 0; i < SL_COUNTOF(keeps); i++)
        for (unsigned threads = 1; threads <= 4; threads += 3)
            sort_once(keeps[i], threads);
}

/* ---- limits, and how a query ends early ---- */

static sl_status
count_rows(struct sl_op *op, uint64_t *out_rows, struct sl_error *err)
{
    struct sl_chunk chunk;

    *out_rows = 0;
    for (unsigned worker = 0; worker < op->width; worker++)
        do {
            SL_TRY(sl_op_next(op, worker, &chunk, err));
            *out_rows += sl_chunk_selected(&chunk);
        } while (chunk.count != 0);
    return SL_OK;
}

static void
a_limit_gives_exactly_its_rows(void **state)
{
    static const uint64_t cases[][3] = {
        {0, 0, 0},          {1, 0, 1},       {10, 495, 10},          {700, 5500, 500},
        {10, 6000, 0},      {5000, 0, 5000}, {UINT64_MAX, 17, 5983}, {UINT64_MAX, 0, 6000},
        {3, UINT64_MAX, 0},
    };
    struct sl_error err = {0};
    (void)state;

    for (size_t i = 0; i < SL_COUNTOF(cases); i++) {
        struct world w;
        struct sl_op *op = NULL;
        uint64_t rows;
        open_world(&w, 3);
        TEST_OK(sl_op_limit(&w.op.exec, w.op.source, cases[i][0], cases[i][1], &op, &err), &err);
        TEST_OK(sl_op_start(op, &err), &err);
        TEST_OK(count_rows(op, &rows, &err), &err);
        assert_int_equal(rows, cases[i][2]);
        close_world(&w, op);
    }
}

static void
a_small_budget_ends_a_group_with_one_clear_line(void **state)
{
    struct sl_error err = {0};
    (void)state;

    for (size_t kib = 1; kib <= 2048; kib *= 2) {
        struct world w;
        struct sl_op *op = NULL;
        open_world(&w, 2);
        struct sl_key key = {.expr = op_world_input(&w.op, COLUMN_T), .type = types[COLUMN_T]};
        struct sl_aggregate distinct = {.kind = SL_AGG_COUNT_DISTINCT,
                                        .type = {.type = SL_TYPE_I64},
                                        .argument = op_world_input(&w.op, COLUMN_X)};
        w.op.exec.budget.limit_bytes = kib << 10;
        TEST_OK(sl_op_group(&w.op.exec, w.op.source, &key, 1, &distinct, 1, COLUMNS, &op, &err),
                &err);
        sl_status st = sl_op_start(op, &err);
        if (kib == 1) {
            assert_int_equal(st, SL_LIMIT);
            assert_non_null(strstr(err.text, "memory budget"));
        }
        assert_true(st == SL_OK || st == SL_LIMIT);
        close_world(&w, op);
    }
}

static void
cancel_and_deadline_end_a_query(void **state)
{
    struct sl_error err = {0};
    struct world w;
    uint64_t rows;
    (void)state;

    open_world(&w, 2);
    TEST_OK(sl_op_start(w.op.source, &err), &err);
    atomic_store(&w.op.exec.is_cancelled, true);
    assert_int_equal(count_rows(w.op.source, &rows, &err), SL_CANCELLED);
    close_world(&w, w.op.source);

    open_world(&w, 2);
    TEST_OK(sl_op_start(w.op.source, &err), &err);
    w.op.exec.deadline_us = sl_clock_monotonic_us() - 1;
    assert_int_equal(count_rows(w.op.source, &rows, &err), SL_TIMEOUT);
    close_world(&w, w.op.source);
}

static void
a_union_gives_all_rows_of_both(void **state)
{
    struct sl_error err = {0};
    struct world w;
    struct sl_op *op = NULL;
    uint64_t rows;
    (void)state;

    open_world(&w, 3);
    struct sl_op *second = sl_op_create(&w.op.exec, &source_class, NULL, sizeof(struct source));
    ((struct source *)second->state)->rows = w.rows;
    TEST_OK(sl_op_union(&w.op.exec, w.op.source, second, &op, &err), &err);
    TEST_OK(sl_op_start(op, &err), &err);
    TEST_OK(count_rows(op, &rows, &err), &err);
    assert_int_equal(rows, 2 * ROWS);
    close_world(&w, op);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_agree_with_a_linear_search),
        cmocka_unit_test(sorted_rows_agree_with_qsort),
        cmocka_unit_test(a_limit_gives_exactly_its_rows),
        cmocka_unit_test(a_small_budget_ends_a_group_with_one_clear_line),
        cmocka_unit_test(cancel_and_deadline_end_a_query),
        cmocka_unit_test(a_union_gives_all_rows_of_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
