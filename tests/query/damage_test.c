/*
 * damage_test.c - a damaged block of a column that only the late fetch of a top-N reads.
 *
 * Method: two hours of flows, a segment each, whose numbers alternate, so that the first ten rows
 * of an order come from both. One byte of one segment is damaged such that the order can be read
 * and the column that is fetched last cannot.
 */
#include "tests/query/oracle.h"

#include <fcntl.h>
#include <stdio.h>

#include "storage/base/file.h"
#include "storage/clause.h"

enum { ROWS_PER_HOUR = 3000, TOP_ROWS = 10 };

#define FIRST_US INT64_C(1700000000000000)
#define HOUR_US  INT64_C(3600000000)

static const char order_alone[] = "SELECT in_bytes FROM flows ORDER BY in_bytes DESC LIMIT 10";
static const char with_late[] =
    "SELECT in_bytes, dst_port FROM flows ORDER BY in_bytes DESC LIMIT 10";

static void
set_number(struct oracle_store *s, struct sl_builder *b, enum sl_core_column column, uint64_t value)
{
    sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(s->schema, column)), value);
}

/* The bytes of row i of an hour, and its port, which they say. */
static uint64_t
bytes_of(uint32_t hour, uint32_t i)
{
    return (uint64_t)i * 2 + hour;
}

static uint64_t
port_of(uint64_t bytes)
{
    return bytes * 40503 % 60000;
}

static void
load_hour(struct oracle_store *s, uint32_t hour)
{
    struct sl_error err = {0};
    struct sl_builder *b = sl_builder_create(ROWS_PER_HOUR);
    for (uint32_t i = 0; i < ROWS_PER_HOUR; i++) {
        uint64_t time_us = (uint64_t)(FIRST_US + hour * HOUR_US) + i;
        set_number(s, b, SL_COLUMN_FIRST_SEEN, time_us);
        set_number(s, b, SL_COLUMN_LAST_SEEN, time_us);
        set_number(s, b, SL_COLUMN_IN_BYTES, bytes_of(hour, i));
        set_number(s, b, SL_COLUMN_DST_PORT, port_of(bytes_of(hour, i)));
        sl_builder_next(b);
    }
    struct sl_batch *batch = sl_builder_finish(b);
    TEST_OK(sl_store_append(s->store, batch, NULL, NULL, NULL, &err), &err);
    sl_batch_release(batch);
    sl_builder_destroy(b);
    TEST_OK(sl_store_flush(s->store, &err), &err);
}

static void
flip(const struct oracle_store *s, uint64_t offset)
{
    char path[512];
    uint8_t byte = 0;
    int fd = -1;
    struct sl_error err = {0};
    (void)snprintf(path, sizeof(path), "%s/segments/0000000002.segment", s->directory);
    TEST_OK(sl_file_open(AT_FDCWD, path, O_RDWR, &fd, &err), &err);
    TEST_OK(sl_file_read_at(fd, offset, &byte, 1, &err), &err);
    byte ^= 0x55;
    TEST_OK(sl_file_write_at(fd, offset, &byte, 1, &err), &err);
    sl_file_close(fd);
}

static sl_status
run(struct oracle_store *s, const char *text, struct sl_error *err)
{
    struct oracle_table table;
    *err = (struct sl_error){0};
    sl_status st = oracle_run(&s->env, &s->session, text, &table, err);
    if (st == SL_OK)
        oracle_table_fini(&table);
    return st;
}

/* Damage what the order does not need and the late column does; false: there is no such byte. */
static bool
damage_late_column(struct oracle_store *s)
{
    for (uint64_t offset = 40; offset < ROWS_PER_HOUR; offset += 101) {
        struct sl_error err = {0};
        oracle_store_pause(s);
        flip(s, offset);
        oracle_store_open(s);
        if (run(s, order_alone, &err) == SL_OK && run(s, with_late, &err) == SL_CORRUPT)
            return true;
        oracle_store_pause(s);
        flip(s, offset);
        oracle_store_open(s);
    }
    return false;
}

static void
rows_whose_late_columns_are_damaged_are_left_out(void **state)
{
    struct oracle_store s = {0};
    struct oracle_table table;
    struct sl_error err = {0};

    (void)state;
    oracle_store_open(&s);
    load_hour(&s, 0);
    load_hour(&s, 1);
    TEST_OK(run(&s, with_late, &err), &err);
    assert_true(damage_late_column(&s));
    /* Who may not leave anything out is told where the damage is. */
    assert_int_equal(run(&s, with_late, &err), SL_CORRUPT);
    assert_non_null(strstr(err.text, "0000000002.segment: offset "));
    /* Twice: the second time what could be read is in the cache. */
    s.env.may_skip_damage = true;
    for (unsigned round = 0; round < 2; round++) {
        TEST_OK(oracle_run(&s.env, &s.session, with_late, &table, &err), &err);
        assert_int_equal(table.row_count, TOP_ROWS / 2);
        for (uint32_t row = 0; row < table.row_count; row++) {
            uint64_t bytes = bytes_of(0, ROWS_PER_HOUR - 1 - row);
            assert_int_equal(table.cells[2 * row].integer, bytes);
            assert_int_equal(table.cells[2 * row + 1].integer, port_of(bytes));
        }
        oracle_table_fini(&table);
    }
    oracle_store_close(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_whose_late_columns_are_damaged_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
