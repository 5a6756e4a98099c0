/*
 * spill_test.c - groups that go to disk are the groups that stay in memory.
 *
 * Method: nearly every flow of a store is a group of its own. Statements of every kind of aggregate
 * run with memory to spare, and with groups that are put aside after every chunk: the answers are
 * the same, and nothing is left of the disk that was taken. One statement runs within a budget that
 * is too small for its groups; without disk, or with too little of it, it says so.
 */
#include "tests/query/oracle.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { ROWS = 280000, BATCH_ROWS = 4000 };

#define FIRST_US INT64_C(1700000000000000)

struct world {
    struct oracle_store base;
    struct sl_budget disk;
};

static void
set_number(struct world *w, struct sl_builder *b, enum sl_core_column column, uint64_t value)
{
    sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(w->base.schema, column)), value);
}

/* Every third address is IPv6. */
static void
set_addr(struct world *w, struct sl_builder *b, enum sl_core_column column, uint64_t number)
{
    struct sl_addr addr = {.low = number,
                           .high = number % 3 == 0 ? UINT64_C(0x20010db800000000) : 0};
    sl_builder_set_addr(b, sl_builder_column(b, sl_schema_at(w->base.schema, column)), addr);
}

static void
add_row(struct world *w, struct sl_builder *b, uint64_t *seed)
{
    uint64_t time_us = (uint64_t)FIRST_US + test_random_below(seed, 3500) * 1000000;
    char app[24];

    set_number(w, b, SL_COLUMN_FIRST_SEEN, time_us);
    set_number(w, b, SL_COLUMN_LAST_SEEN, time_us + 1000);
    set_number(w, b, SL_COLUMN_PROTOCOL, test_random_below(seed, 2) == 0 ? 17 : 6);
    set_number(w, b, SL_COLUMN_SRC_PORT, test_random_below(seed, 30000));
    set_number(w, b, SL_COLUMN_DST_PORT, test_random_below(seed, 900));
    set_number(w, b, SL_COLUMN_IN_BYTES,
               test_random_below(seed, 20) == 0 ? UINT64_C(1) << 62
                                                : 100 + test_random_below(seed, 5000));
    set_number(w, b, SL_COLUMN_IN_PACKETS, 1 + test_random_below(seed, 20));
    set_number(w, b, SL_COLUMN_SAMPLING_RATE, 1);
    set_addr(w, b, SL_COLUMN_SRC_ADDR, 0x0a000000 + test_random_below(seed, 3000));
    set_addr(w, b, SL_COLUMN_DST_ADDR, 0xc0000200 + test_random_below(seed, 400));
    if (test_random_below(seed, 4) != 0) {
        (void)snprintf(app, sizeof(app), "App %u", (unsigned)test_random_below(seed, 300));
        sl_builder_set_slice(b, sl_builder_column(b, sl_schema_at(w->base.schema, SL_COLUMN_APP)),
                             app, (uint32_t)strlen(app));
    }
    sl_builder_next(b);
}

static int
set_up(void **state)
{
    struct world *w = sl_new(sizeof(*w));
    struct sl_error err = {0};
    uint64_t seed = test_seed();

    oracle_store_open(&w->base);
    for (uint32_t done = 0; done < ROWS; done += BATCH_ROWS) {
        struct sl_builder *b = sl_builder_create(SL_BATCH_ROWS_MAX);
        for (uint32_t i = 0; i < BATCH_ROWS; i++)
            add_row(w, b, &seed);
        struct sl_batch *batch = sl_builder_finish(b);
        TEST_OK(sl_store_append(w->base.store, batch, NULL, NULL, NULL, &err), &err);
        sl_batch_release(batch);
        sl_builder_destroy(b);
        if (done == 4 * BATCH_ROWS)
            TEST_OK(sl_store_flush(w->base.store, &err), &err);
    }
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *w = *state;

    oracle_store_close(&w->base);
    free(w);
    return 0;
}

static void
forget_disk(struct world *w)
{
    w->disk = (struct sl_budget){0};
    w->base.env.spill = NULL;
    w->base.env.group_bytes = 0;
    w->base.env.memory_bytes = (size_t)256 << 20;
}

static void
answers_are_the_same(void **state)
{
    static const char *const texts[] = {
        "SELECT src_addr, dst_addr, src_port, dst_port, protocol, COUNT(*), SUM(in_bytes) FROM "
        "flows GROUP BY src_addr, dst_addr, src_port, dst_port, protocol",
        "SELECT src_addr, dst_addr, COUNT(DISTINCT dst_port), COUNT(*), SUM(in_packets) FROM flows "
        "GROUP BY src_addr, dst_addr",
        "SELECT src_addr, COUNT(DISTINCT dst_addr), SUM(DISTINCT in_packets), MIN(app), MAX(app), "
        "AVG(in_bytes), MAX(dst_addr) FROM flows GROUP BY src_addr",
        "SELECT src_addr, app, GROUP_CONCAT(DISTINCT dst_port ORDER BY dst_port), COUNT(app) FROM "
        "flows GROUP BY src_addr, app",
        "SELECT dst_port, QUANTILE(in_packets, 0.5), STDDEV(in_packets), BIT_OR(src_port) FROM "
        "flows GROUP BY dst_port",
        "SELECT app, dst_port, SUM(in_bytes) FROM flows GROUP BY app, dst_port",
        "SELECT host, COUNT(*), SUM(in_packets) FROM flows GROUP BY host",
        "SELECT COUNT(DISTINCT src_port), COUNT(*), SUM(in_bytes), GROUP_CONCAT(DISTINCT app) FROM "
        "flows",
        "SELECT DISTINCT src_addr, app FROM flows",
    };
    struct world *w = *state;
    struct sl_error err = {0};
    char path[SL_PATH_BYTES_MAX];

    w->base.session.dialect = SL_DIALECT_NATIVE;
    for (size_t i = 0; i < SL_COUNTOF(texts); i++) {
        struct oracle_table roomy, tight;
        forget_disk(w);
        TEST_OK(oracle_run(&w->base.env, &w->base.session, texts[i], &roomy, &err), &err);
        w->disk.limit_bytes = (size_t)256 << 20;
        w->base.env.spill = &w->disk;
        w->base.env.group_bytes = 1;
        TEST_OK(oracle_run(&w->base.env, &w->base.session, texts[i], &tight, &err), &err);
        assert_int_equal(w->disk.used_bytes, 0);
        oracle_table_sort(&roomy);
        oracle_table_sort(&tight);
        const char *difference = oracle_table_differ(&roomy, &tight);
        if (difference != NULL)
            fail_msg("%s: %s", texts[i], difference);
        oracle_table_fini(&roomy);
        oracle_table_fini(&tight);
    }
    (void)snprintf(path, sizeof(path), "%s/scratch-0", w->base.directory);
    assert_int_equal(access(path, F_OK), -1);
}

/* A plan that never starts closes nothing: descriptor 0 least of all. */
static void
a_plan_that_is_not_run_closes_no_file(void **state)
{
    struct world *w = *state;
    struct oracle_table table;
    struct sl_error err = {0};
    int fds[2];

    /* Standard input is something that is certainly open. */
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
    forget_disk(w);
    TEST_OK(oracle_run(&w->base.env, &w->base.session,
                       "EXPLAIN SELECT src_addr, COUNT(*) FROM flows GROUP BY src_addr", &table,
                       &err),
            &err);
    oracle_table_fini(&table);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

/* Is there this in the one-column answer of an EXPLAIN ANALYZE? */
static bool
analysis_tells(struct world *w, const char *what)
{
    struct oracle_table table;
    struct sl_error err = {0};
    bool is_there = false;

    TEST_OK(oracle_run(&w->base.env, &w->base.session,
                       "EXPLAIN ANALYZE SELECT src_addr, dst_port, COUNT(*) FROM flows GROUP BY "
                       "src_addr, dst_port",
                       &table, &err),
            &err);
    for (uint32_t i = 0; i < table.row_count; i++)
        is_there |= strstr(table.cells[i].text, what) != NULL;
    oracle_table_fini(&table);
    return is_there;
}

static void
explain_analyze_tells_what_went_to_disk(void **state)
{
    struct world *w = *state;

    forget_disk(w);
    assert_true(analysis_tells(w, "group by 2 keys, 1 aggregate"));
    assert_false(analysis_tells(w, "on disk"));
    w->disk.limit_bytes = (size_t)256 << 20;
    w->base.env.spill = &w->disk;
    w->base.env.group_bytes = 1;
    assert_true(analysis_tells(w, " KiB on disk meanwhile"));
}

/* SL_OK, or why not. */
static sl_status
run_tight(struct world *w, size_t disk_bytes, struct oracle_table *out_table, struct sl_error *err)
{
    static const char text[] =
        "SELECT COUNT(*), MAX(n), SUM(n) FROM (SELECT src_addr, dst_addr, src_port, dst_port, "
        "last_seen, in_bytes, COUNT(*) AS n, SUM(in_packets) AS p, MIN(in_packets) AS q, "
        "MAX(in_packets) AS r, MIN(in_bytes) AS s, MAX(in_bytes) AS u FROM flows GROUP BY "
        "src_addr, "
        "dst_addr, src_port, dst_port, last_seen, in_bytes) AS t WHERE p > 0 AND q <= r AND s <= u";

    forget_disk(w);
    w->base.env.memory_bytes = (size_t)18 << 20;
    w->base.env.group_bytes = (size_t)1 << 20;
    w->disk.limit_bytes = disk_bytes;
    w->base.env.spill = &w->disk;
    sl_status st = oracle_run(&w->base.env, &w->base.session, text, out_table, err);
    assert_int_equal(w->disk.used_bytes, 0);
    return st;
}

static void
a_budget_too_small_for_the_groups_does(void **state)
{
    struct world *w = *state;
    struct oracle_table table;
    struct sl_error err = {0};

    TEST_OK(run_tight(w, (size_t)64 << 20, &table, &err), &err);
    assert_int_equal(table.cells[2].integer, ROWS);
    oracle_table_fini(&table);
    assert_int_equal(run_tight(w, 0, &table, &err), SL_LIMIT);
    assert_non_null(strstr(err.text, "its memory budget of 18 MiB"));
    oracle_table_fini(&table);
    assert_int_equal(run_tight(w, (size_t)1 << 20, &table, &err), SL_LIMIT);
    assert_non_null(strstr(err.text, "its memory and 1 MiB of disk"));
    oracle_table_fini(&table);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_the_same),
        cmocka_unit_test(a_plan_that_is_not_run_closes_no_file),
        cmocka_unit_test(explain_analyze_tells_what_went_to_disk),
        cmocka_unit_test(a_budget_too_small_for_the_groups_does),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
