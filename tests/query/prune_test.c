/*
 * prune_test.c - each index switched off: the answers stay, the rows read rise.
 *
 * Method: hours of flows are sealed into segments, with one address, one port and one
 * application that few rows have. A query that an index helps runs with all indexes, with that
 * one switched off, and with none; EXPLAIN ANALYZE tells the rows read.
 */
#include "tests/query/oracle.h"

#include <stdio.h>

#include "storage/base/arena.h"
#include "storage/clause.h"

enum { HOURS = 4, ROWS_PER_HOUR = 30000 };

#define FIRST_US INT64_C(1700000000000000)
#define HOUR_US  INT64_C(3600000000)

struct world {
    struct oracle_store base;
    uint64_t seed;
};

static void
set_number(struct world *w, struct sl_builder *b, enum sl_core_column column, uint64_t value)
{
    sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(w->base.schema, column)), value);
}

static void
add_row(struct world *w, struct sl_builder *b, uint32_t hour, uint32_t number)
{
    /* One row in 10,000 is the needle: it has the rare address, port and application. */
    bool is_needle = hour == 2 && number % 10000 == 77;
    uint64_t time_us =
        (uint64_t)(FIRST_US + hour * HOUR_US) + test_random_below(&w->seed, 3500) * 1000000;
    uint32_t host = 0x0a000000 + (uint32_t)test_random_below(&w->seed, 3000);
    uint64_t port = test_random_below(&w->seed, 4) == 0 ? 53 : 443;

    set_number(w, b, SL_COLUMN_FIRST_SEEN, time_us);
    set_number(w, b, SL_COLUMN_LAST_SEEN, time_us + (1 + test_random_below(&w->seed, 2000)) * 1000);
    set_number(w, b, SL_COLUMN_PROTOCOL, port == 53 ? 17 : 6);
    set_number(w, b, SL_COLUMN_SRC_PORT, 20000 + test_random_below(&w->seed, 30000));
    set_number(w, b, SL_COLUMN_DST_PORT, is_needle ? 7777 : port);
    set_number(w, b, SL_COLUMN_INPUT_IF, is_needle ? 99 : test_random_below(&w->seed, 4));
    set_number(w, b, SL_COLUMN_IN_BYTES, 100 + test_random_below(&w->seed, 5000));
    set_number(w, b, SL_COLUMN_IN_PACKETS, 1 + test_random_below(&w->seed, 20));
    set_number(w, b, SL_COLUMN_SAMPLING_RATE, 1);
    sl_builder_set_addr(b, sl_builder_column(b, sl_schema_at(w->base.schema, SL_COLUMN_SRC_ADDR)),
                        sl_addr_from_v4(is_needle ? 0x0a000bb9 + 7 : host));
    sl_builder_set_addr(b, sl_builder_column(b, sl_schema_at(w->base.schema, SL_COLUMN_DST_ADDR)),
                        sl_addr_from_v4(0xc0000200 + (uint32_t)test_random_below(&w->seed, 200)));
    if (number % 3 == 0) /* others have none */
        sl_builder_set_addr(b,
                            sl_builder_column(b, sl_schema_at(w->base.schema, SL_COLUMN_NEXT_HOP)),
                            sl_addr_from_v4(0x0a090000 + number % 5));
    if (is_needle)
        sl_builder_set_slice(b, sl_builder_column(b, sl_schema_at(w->base.schema, SL_COLUMN_APP)),
                             "Rare", 4);
    sl_builder_next(b);
}

static void
load(struct world *w)
{
    struct sl_error err = {0};

    for (uint32_t hour = 0; hour < HOURS; hour++) {
        struct sl_builder *b = sl_builder_create(SL_BATCH_ROWS_MAX);
        for (uint32_t i = 0; i < ROWS_PER_HOUR; i++)
            add_row(w, b, hour, i);
        struct sl_batch *batch = sl_builder_finish(b);
        TEST_OK(sl_store_append(w->base.store, batch, NULL, NULL, NULL, &err), &err);
        sl_batch_release(batch);
        sl_builder_destroy(b);
        TEST_OK(sl_store_flush(w->base.store, &err), &err);
    }
}

static int
set_up(void **state)
{
    struct world *w = sl_new(sizeof(*w));

    w->seed = test_seed();
    oracle_store_open(&w->base);
    load(w);
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

/* "rows read: N of ..." of EXPLAIN ANALYZE. */
static uint64_t
rows_read(struct world *w, const char *text)
{
    struct oracle_table table;
    struct sl_error err = {0};
    char explained[1000];
    uint64_t rows = UINT64_MAX;

    (void)snprintf(explained, sizeof(explained), "EXPLAIN ANALYZE %s", text);
    TEST_OK(oracle_run(&w->base.env, &w->base.session, explained, &table, &err), &err);
    for (uint32_t i = 0; i < table.row_count; i++) {
        const char *at = strstr(table.cells[i].text, "rows read: ");
        if (at != NULL)
            rows = strtoull(at + strlen("rows read: "), NULL, 10);
    }
    oracle_table_fini(&table);
    assert_true(rows != UINT64_MAX);
    return rows;
}

/* `text` gives the same with and without `bits`, and reads more rows without. */
static void
check_index(struct world *w, uint32_t bits, uint32_t others, const char *text)
{
    struct oracle_table with, without;
    struct sl_error err = {0};

    w->base.env.prune = others | bits;
    TEST_OK(oracle_run(&w->base.env, &w->base.session, text, &with, &err), &err);
    uint64_t rows_with = rows_read(w, text);
    w->base.env.prune = others;
    TEST_OK(oracle_run(&w->base.env, &w->base.session, text, &without, &err), &err);
    uint64_t rows_without = rows_read(w, text);
    w->base.env.prune = SL_PRUNE_ALL;
    oracle_table_sort(&with);
    oracle_table_sort(&without);
    const char *difference = oracle_table_differ(&with, &without);
    if (difference != NULL)
        fail_msg("%s: %s", text, difference);
    if (rows_with >= rows_without)
        fail_msg("%s: %" PRIu64 " rows read with the index, %" PRIu64 " without", text, rows_with,
                 rows_without);
    oracle_table_fini(&with);
    oracle_table_fini(&without);
}

static void
time_prunes_segments(void **state)
{
    check_index(*state, SL_PRUNE_TIME, 0,
                "SELECT COUNT(*), SUM(in_bytes) FROM flows WHERE last_seen >= "
                "'2023-11-15 00:30:00'");
}

static void
zones_prune_blocks(void **state)
{
    check_index(*state, SL_PRUNE_ZONE, 0,
                "SELECT COUNT(*), SUM(in_bytes) FROM flows WHERE input_if = 99");
}

static void
bitmaps_find_a_rare_value(void **state)
{
    check_index(*state, SL_PRUNE_BITMAP, 0,
                "SELECT COUNT(*), SUM(in_bytes) FROM flows WHERE dst_port = 7777");
}

static void
postings_find_an_address(void **state)
{
    check_index(*state, SL_PRUNE_POSTINGS, 0,
                "SELECT COUNT(*), SUM(in_bytes) FROM flows WHERE src_addr = '10.0.11.192'");
}

/* Conditions that are decided by codes of addresses, against the same asked for row by row. */
static void
addresses_are_told_by_codes(void **state)
{
    static const char *const conditions[] = {
        "src_addr = 10.0.3.4",
        "10.0.3.4 = src_addr",
        "src_addr = 10.0.11.192 OR dst_addr = 192.0.2.7",
        "host = 192.0.2.7",
        "host IN (192.0.2.7, 10.0.0.1, 172.16.0.1, NULL)",
        "src_addr IN (10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7, "
        "10.0.0.8, 10.0.0.9, 10.0.0.10)",
        "src_addr IN 10.0.4.0/24",
        "src_addr IN 0.0.0.0/0",
        "src_addr BETWEEN 10.0.0.200 AND 10.0.1.100",
        "src_addr BETWEEN 10.0.1.100 AND 10.0.0.200",
        "src_addr = '2001:db8::1' OR dst_addr IN 192.0.2.0/28",
        "next_hop = 10.9.0.2",
        "next_hop <=> 10.9.0.3",
        "next_hop IN 10.9.0.0/30 OR src_addr = 10.0.3.4",
        "next_hop = 10.9.0.2 AND src_addr IN 10.0.4.0/22",
        "next_hop = 10.8.0.1",
        "dst_addr = 192.0.2.9 AND last_seen < '2023-11-14 23:00:00' AND dst_port = 53",
        "src_addr < 10.0.0.9 OR src_addr >= 10.0.11.180",
    };
    struct world *w = *state;
    struct sl_session session = w->base.session;

    session.dialect =
        SL_DIALECT_NATIVE; /* which knows addresses and networks as they are written */
    for (size_t i = 0; i < SL_COUNTOF(conditions); i++) {
        struct oracle_table by_codes, by_rows;
        struct sl_error err = {0};
        char text[600];
        (void)snprintf(text, sizeof(text),
                       "SELECT COUNT(*), SUM(in_bytes), MIN(src_addr), MAX(dst_addr) FROM flows "
                       "WHERE %s",
                       conditions[i]);
        TEST_OK(oracle_run(&w->base.env, &session, text, &by_codes, &err), &err);
        (void)snprintf(text, sizeof(text),
                       "SELECT COUNT(*), SUM(in_bytes), MIN(src_addr), MAX(dst_addr) FROM flows "
                       "WHERE IF(%s, 1, 0) = 1",
                       conditions[i]);
        TEST_OK(oracle_run(&w->base.env, &session, text, &by_rows, &err), &err);
        const char *difference = oracle_table_differ(&by_codes, &by_rows);
        if (difference != NULL)
            fail_msg("%s: %s", conditions[i], difference);
        oracle_table_fini(&by_codes);
        oracle_table_fini(&by_rows);
    }
}

/* Rows of blocks that were asked for again and again, by single columns, by either of two, and together
 * with what says more than the lookup does. */
static void
rows_of_kept_blocks_are_looked_up(void **state)
{
    struct world *w = *state;
    static const char *const conditions[] = {
        "src_addr = '10.0.3.7'",
        "src_addr = '10.0.3.7' OR dst_port = 7777",
        "src_addr IN ('10.0.3.7', '10.0.9.1') AND in_bytes > 2000",
        "src_addr BETWEEN '10.0.3.0' AND '10.0.3.15' AND in_packets > 3",
        "(src_addr = '10.0.3.7' AND in_bytes > 2000) OR src_port = 20001",
        "src_port BETWEEN 20000 AND 20050 AND in_packets <> 3",
        "last_seen >= '2023-11-14 23:00:00' AND last_seen < '2023-11-14 23:01:00'",
        "src_addr = '10.0.3.7' AND last_seen < '2023-11-14 23:30:00'",
    };
    enum {
        ROUNDS = 200
    }; /* one of 32 blocks that are looked into is sorted, of two columns at most */
    char text[400];

    for (size_t i = 0; i < SL_COUNTOF(conditions); i++) {
        (void)snprintf(text, sizeof(text),
                       "SELECT COUNT(*), SUM(in_bytes), MIN(last_seen) FROM flows WHERE %s",
                       conditions[i]);
        for (unsigned round = 0; round < ROUNDS; round++)
            (void)rows_read(w, text);
        check_index(w, SL_PRUNE_ROWS, SL_PRUNE_TIME, text);
    }
}

/* Numbers that rise with a time: seconds with a fraction, milliseconds, nanoseconds. */
static void
numbers_of_times_prune(void **state)
{
    static const char *const conditions[] = {
        "UNIX_TIMESTAMP(last_seen) >= 1700007300",
        "UNIX_TIMESTAMP(last_seen) BETWEEN 1700007300 AND 1800000000",
        "UNIX_TIMESTAMP(last_seen) * 1000 > 1700007300500",
        "DATE(last_seen) > DATE('2030-01-01')",
        "UNIX_TIMESTAMP(last_seen) * 1000000000 >= 1700007300000000000 AND "
        "UNIX_TIMESTAMP(last_seen) * 1000000000 < 1800000000000000000",
    };
    char text[400];

    for (size_t i = 0; i < SL_COUNTOF(conditions); i++) {
        (void)snprintf(text, sizeof(text),
                       "SELECT COUNT(*), SUM(in_bytes), MIN(last_seen) FROM flows WHERE %s",
                       conditions[i]);
        check_index(*state, SL_PRUNE_TIME, 0, text);
    }
}

/* Predicates on a view's seconds and address numbers reach the indexes of flows. */
static void
views_prune_as_flows_do(void **state)
{
    check_index(*state, SL_PRUNE_TIME, 0,
                "SELECT COUNT(*), SUM(IN_BYTES) FROM nfflows WHERE LAST_SWITCHED >= 1700007300");
    check_index(*state, SL_PRUNE_ZONE, 0,
                "SELECT COUNT(*), SUM(IN_BYTES) FROM flowsv4 WHERE FIRST_SWITCHED >= 1700007300");
    check_index(*state, SL_PRUNE_POSTINGS, 0,
                "SELECT COUNT(*), SUM(IN_BYTES) FROM flowsv4 WHERE IP_SRC_ADDR = '167775168' AND "
                "INTERFACE_ID = '0'");
    check_index(*state, SL_PRUNE_POSTINGS, 0,
                "SELECT COUNT(*) FROM (SELECT IPV4_SRC_ADDR AS a FROM nfflows) AS t WHERE a IN "
                "(167775168, 1)");
    check_index(*state, SL_PRUNE_BITMAP, 0,
                "SELECT COUNT(*) FROM flowsv4 WHERE L4_DST_PORT='7777'");
}

/* Alternatives that dashboards switch off: what is left of the OR is found by the index. */
static void
alternatives_that_are_false_do_not_count(void **state)
{
    check_index(*state, SL_PRUNE_BITMAP, 0,
                "SELECT COUNT(*), SUM(in_bytes) FROM flows WHERE ('7777' = '' OR dst_port = 7777)");
    check_index(
        *state, SL_PRUNE_POSTINGS, 0,
        "SELECT COUNT(*) FROM flows WHERE (src_addr = '10.0.11.192' OR src_addr IS NULL AND "
        "'any' IN ('10.0.11.192', 'x'))");
}

/* Most rows have no application: a name for those is found by scanning, another by the index. */
static void
rows_without_a_text_stay(void **state)
{
    struct world *w = *state;
    struct oracle_table table;
    struct sl_error err = {0};

    check_index(
        w, SL_PRUNE_BITMAP, 0,
        "SELECT COUNT(*), SUM(in_bytes) FROM flows WHERE IFNULL(app, 'none') IN ('rare', 'x')");
    check_index(w, SL_PRUNE_BITMAP, 0,
                "SELECT COUNT(*), SUM(in_bytes) FROM flows WHERE IFNULL(app, 'none') = 'rare'");
    TEST_OK(oracle_run(&w->base.env, &w->base.session,
                       "SELECT COUNT(*) FROM flows WHERE IFNULL(app, 'none') IN ('NONE', 'rare')",
                       &table, &err),
            &err);
    assert_int_equal(table.cells[0].integer, HOURS * ROWS_PER_HOUR);
    oracle_table_fini(&table);
}

static void
filters_leave_dictionaries_unread(void **state)
{
    check_index(*state, SL_PRUNE_FILTER, 0,
                "SELECT COUNT(*), SUM(in_bytes) FROM flows WHERE src_addr = '10.0.11.192'");
}

/* With one thread: of two, one may read everything while the other holds the newest rows. */
static void
an_order_by_time_ends_the_scan_early(void **state)
{
    struct world *w = *state;
    uint32_t threads_max = w->base.env.threads_max;
    w->base.env.threads_max = 1;
    uint64_t rows =
        rows_read(w, "SELECT last_seen, src_addr FROM flows ORDER BY last_seen DESC LIMIT 5");
    w->base.env.threads_max = threads_max;
    assert_true(rows < (uint64_t)HOURS * ROWS_PER_HOUR);
}

/* Both give the same rows. */
static void
check_same(struct world *w, const char *text, const char *other)
{
    struct oracle_table one, two;
    struct sl_error err = {0};

    TEST_OK(oracle_run(&w->base.env, &w->base.session, text, &one, &err), &err);
    TEST_OK(oracle_run(&w->base.env, &w->base.session, other, &two, &err), &err);
    oracle_table_sort(&one);
    oracle_table_sort(&two);
    const char *difference = oracle_table_differ(&one, &two);
    if (difference != NULL)
        fail_msg("%s; %s: %s", text, other, difference);
    oracle_table_fini(&one);
    oracle_table_fini(&two);
}

/* Once the bound is there, rows are left out before their duration is computed; a sum is no order
 * that this is known of. */
static void
the_longest_flows_are_the_longest(void **state)
{
    static const char *const ends[] = {"DESC LIMIT 20", "LIMIT 20", "DESC LIMIT 3000",
                                       "DESC LIMIT 5 OFFSET 100"};
    char text[200], other[200];

    for (size_t i = 0; i < SL_COUNTOF(ends); i++)
        for (unsigned is_filtered = 0; is_filtered < 2; is_filtered++) {
            const char *where = is_filtered ? "WHERE dst_port = 53" : "";
            (void)snprintf(text, sizeof(text), "SELECT duration FROM flows %s ORDER BY duration %s",
                           where, ends[i]);
            (void)snprintf(other, sizeof(other),
                           "SELECT duration FROM flows %s ORDER BY duration + 0 %s", where,
                           ends[i]);
            check_same(*state, text, other);
        }
}

/* Bounds of last_seen become one; denied, they stay as they are. */
static void
bounds_of_a_time_are_joined(void **state)
{
    static const char *const pairs[][2] = {
        {"last_seen >= '2023-11-14 23:30:00' AND last_seen < '2023-11-15 00:10:00'",
         "NOT (last_seen < '2023-11-14 23:30:00' OR last_seen >= '2023-11-15 00:10:00')"},
        {"'2023-11-14 23:30:00' < last_seen AND dst_port = 53 AND '2023-11-15 00:10:00' >= "
         "last_seen",
         "dst_port = 53 AND "
         "NOT (last_seen <= '2023-11-14 23:30:00' OR last_seen > '2023-11-15 00:10:00')"},
        {"last_seen BETWEEN '2023-11-14 23:30:00' AND '2023-11-15 00:10:00' AND "
         "last_seen > '2023-11-14 23:40:00' AND last_seen < '2023-11-16 00:00:00'",
         "NOT (last_seen <= '2023-11-14 23:40:00' OR last_seen > '2023-11-15 00:10:00')"},
        {"last_seen > '2023-11-15 00:10:00' AND last_seen < '2023-11-14 23:30:00'", "1 = 0"},
    };
    char text[400], other[400];

    for (size_t i = 0; i < SL_COUNTOF(pairs); i++) {
        static const char select[] = "SELECT COUNT(*), SUM(in_bytes) FROM flows WHERE";
        (void)snprintf(text, sizeof(text), "%s %s", select, pairs[i][0]);
        (void)snprintf(other, sizeof(other), "%s %s", select, pairs[i][1]);
        check_same(*state, text, other);
    }
}

static void
a_count_of_everything_reads_nothing(void **state)
{
    struct world *w = *state;
    struct oracle_table table;
    struct sl_error err = {0};

    TEST_OK(oracle_run(&w->base.env, &w->base.session, "SELECT COUNT(*) FROM flows", &table, &err),
            &err);
    assert_int_equal(table.row_count, 1);
    assert_int_equal(table.cells[0].integer, HOURS * ROWS_PER_HOUR);
    oracle_table_fini(&table);
}

/* The needles lie in minis 0, 2 and 4 of a block: filters work on these, with views of what they read. */
static void
filters_pass_over_minis_without_candidates(void **state)
{
    static const char *const texts[] = {
        "SELECT COUNT(*), SUM(bytes), MIN(src_port) FROM flows WHERE dst_port = 7777 AND (src_port "
        "> 35000 OR app = 'Rare')",
        "SELECT src_port, app FROM flows WHERE dst_port = 7777 AND IF(src_port % 2 = 0, src_port, "
        "bytes) > 2000",
        "SELECT COUNT(*) FROM flows WHERE dst_port IN (7777, 7778) AND NOT (src_addr <> "
        "'10.0.11.192' AND app IS NULL)",
    };
    struct world *w = *state;

    for (size_t i = 0; i < SL_COUNTOF(texts); i++)
        check_index(w, SL_PRUNE_BITMAP, SL_PRUNE_TIME | SL_PRUNE_ZONE, texts[i]);
}

static void
a_query_refuses_to_look_at_more_rows_than_it_may(void **state)
{
    static const char text[] = "SELECT COUNT(*) FROM flows WHERE dst_port = 7777";
    struct world *w = *state;
    struct oracle_table table;
    struct sl_error err = {0};

    w->base.env.prune =
        SL_PRUNE_ALL & ~SL_PRUNE_ROWS; /* what is looked up is bounded as if it was not */
    w->base.env.rows_max = rows_read(w, text);
    TEST_OK(oracle_run(&w->base.env, &w->base.session, text, &table, &err), &err);
    oracle_table_fini(&table);
    w->base.env.rows_max--;
    assert_int_equal(oracle_run(&w->base.env, &w->base.session, text, &table, &err), SL_LIMIT);
    w->base.env.rows_max = 0;
    w->base.env.prune = SL_PRUNE_ALL;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_prunes_segments),
        cmocka_unit_test(zones_prune_blocks),
        cmocka_unit_test(bitmaps_find_a_rare_value),
        cmocka_unit_test(postings_find_an_address),
        cmocka_unit_test(addresses_are_told_by_codes),
        cmocka_unit_test(rows_of_kept_blocks_are_looked_up),
        cmocka_unit_test(numbers_of_times_prune),
        cmocka_unit_test(views_prune_as_flows_do),
        cmocka_unit_test(rows_without_a_text_stay),
        cmocka_unit_test(alternatives_that_are_false_do_not_count),
        cmocka_unit_test(filters_leave_dictionaries_unread),
        cmocka_unit_test(an_order_by_time_ends_the_scan_early),
        cmocka_unit_test(the_longest_flows_are_the_longest),
        cmocka_unit_test(bounds_of_a_time_are_joined),
        cmocka_unit_test(a_count_of_everything_reads_nothing),
        cmocka_unit_test(filters_pass_over_minis_without_candidates),
        cmocka_unit_test(a_query_refuses_to_look_at_more_rows_than_it_may),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
