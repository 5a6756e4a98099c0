/*
 * slq_test.c - statements with the rows they must give: tests/query/<name>.slq.
 *
 * A script is a line "# description", then statements. A statement is a line that begins with
 * "> ", then the rows it gives, one a line, values separated by tabs, NULL as "NULL"; or one
 * line "! " and the failure. A blank line ends it. "> dialect mysql" and "> dialect native"
 * choose the dialect, "> memory N" the budget in KiB, "> database NAME" the session's database; "> reopen"
 * reads what clients have defined from the store again.
 *
 * Every script runs over the twelve rows of `flows_rows` below, four of them sealed, and over
 * the virtual table system.numbers (n: 1 .. 5, name).
 */
#include "tests/query/oracle.h"

#include <dirent.h>
#include <stdio.h>

#include "storage/clause.h"
#include "storage/value_text.h"

/* last_seen in seconds after 2023-11-14 22:13:20, source, destination, ports, protocol, bytes,
 * packets, application ("": none). */
static const struct {
    unsigned second;
    const char *src, *dst;
    unsigned src_port, dst_port, protocol, bytes, packets;
    const char *app;
} flows_rows[] = {
    {0, "10.0.0.1", "192.0.2.1", 40000, 443, 6, 1000, 10, "TLS"},
    {10, "10.0.0.1", "192.0.2.2", 40001, 443, 6, 2000, 20, "TLS"},
    {20, "10.0.0.2", "192.0.2.1", 40002, 53, 17, 80, 1, "DNS"},
    {30, "10.0.0.2", "192.0.2.53", 40003, 53, 17, 90, 1, "dns"},
    {60, "10.0.0.3", "10.0.0.1", 40004, 22, 6, 5000, 50, "SSH"},
    {70, "192.0.2.1", "10.0.0.1", 443, 40005, 6, 700, 7, "TLS"},
    {80, "2001:db8::1", "2001:db8::2", 40006, 80, 6, 300, 3, "HTTP"},
    {90, "2001:db8::1", "2001:db8::3", 40007, 80, 6, 400, 4, "HTTP"},
    {120, "10.0.0.4", "10.0.0.4", 50000, 50000, 17, 10, 1, ""},
    {130, "10.0.0.5", "192.0.2.9", 8, 0, 1, 64, 1, ""},
    {3600, "10.0.0.6", "192.0.2.9", 40008, 443, 6, 1, 1, "TLS"},
    {3610, "10.0.0.6", "192.0.2.9", 40009, 443, 6, 9999, 9, "TLS"},
};

enum { SEALED_ROWS = 4 };
#define FIRST_US INT64_C(1700000000000000)

static sl_status
fill_numbers(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    static const char *const names[] = {"one", "two", "three", "four", "five"};
    (void)context;

    for (size_t i = 0; i < SL_COUNTOF(names); i++) {
        struct sl_value values[] = {
            {.type = SL_TYPE_I64, .as.i64 = (int64_t)i + 1},
            {.type = SL_TYPE_TEXT,
             .as.slice = {(const uint8_t *)names[i], (uint32_t)strlen(names[i])}},
        };
        SL_TRY(sl_virtual_emit(sink, values, err));
    }
    return SL_OK;
}

static const struct sl_virtual_column number_columns[] = {
    {"n", {.type = SL_TYPE_I64}},
    {"name", {.type = SL_TYPE_TEXT, .length = 10}},
};
static const struct sl_virtual_table numbers = {.schema = "system",
                                                .name = "numbers",
                                                .columns = number_columns,
                                                .column_count = SL_COUNTOF(number_columns),
                                                .fill = fill_numbers};
static const struct sl_virtual_table *const tables[] = {&numbers, NULL};

struct world {
    char *directory;
    struct sl_schema *schema;
    struct sl_pool *pool;
    struct sl_store *store;
    struct sl_query_env env;
    struct sl_session session;
    char database[65]; /* the session's */
};

static void
set_number(const struct world *w, struct sl_builder *b, enum sl_core_column column, uint64_t value)
{
    sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(w->schema, column)), value);
}

static void
set_addr(const struct world *w, struct sl_builder *b, enum sl_core_column column, const char *text)
{
    struct sl_addr addr;
    assert_true(sl_addr_parse(text, strlen(text), &addr));
    sl_builder_set_addr(b, sl_builder_column(b, sl_schema_at(w->schema, column)), addr);
}

static void
load(struct world *w, size_t first, size_t last)
{
    struct sl_builder *b = sl_builder_create(100);
    struct sl_error err = {0};

    for (size_t i = first; i < last; i++) {
        uint64_t time_us = (uint64_t)FIRST_US + flows_rows[i].second * UINT64_C(1000000);
        set_number(w, b, SL_COLUMN_FIRST_SEEN, time_us - 500000);
        set_number(w, b, SL_COLUMN_LAST_SEEN, time_us);
        set_addr(w, b, SL_COLUMN_SRC_ADDR, flows_rows[i].src);
        set_addr(w, b, SL_COLUMN_DST_ADDR, flows_rows[i].dst);
        set_number(w, b, SL_COLUMN_SRC_PORT, flows_rows[i].src_port);
        set_number(w, b, SL_COLUMN_DST_PORT, flows_rows[i].dst_port);
        set_number(w, b, SL_COLUMN_PROTOCOL, flows_rows[i].protocol);
        set_number(w, b, SL_COLUMN_IN_BYTES, flows_rows[i].bytes);
        set_number(w, b, SL_COLUMN_IN_PACKETS, flows_rows[i].packets);
        set_number(w, b, SL_COLUMN_SAMPLING_RATE, 1);
        if (flows_rows[i].app[0] != 0)
            sl_builder_set_slice(b, sl_builder_column(b, sl_schema_at(w->schema, SL_COLUMN_APP)),
                                 flows_rows[i].app, strlen(flows_rows[i].app));
        sl_builder_next(b);
    }
    struct sl_batch *batch = sl_builder_finish(b);
    TEST_OK(sl_store_append(w->store, batch, NULL, NULL, NULL, &err), &err);
    sl_batch_release(batch);
    sl_builder_destroy(b);
}

static void
open_world(struct world *w)
{
    struct sl_error err = {0};

    w->directory = test_dir_create();
    w->schema = sl_schema_create();
    w->pool = sl_pool_create("test", 2);
    sl_pool_set_eager(w->pool);
    struct sl_store_options options = sl_store_options_default();
    options.directory = w->directory;
    options.is_background_off = true;
    TEST_OK(sl_store_open(&options, w->schema, w->pool, &w->store, &err), &err);
    load(w, 0, SEALED_ROWS);
    TEST_OK(sl_store_flush(w->store, &err), &err);
    load(w, SEALED_ROWS, SL_COUNTOF(flows_rows));
    w->env = (struct sl_query_env){.store = w->store,
                                   .schema = w->schema,
                                   .pool = w->pool,
                                   .threads_max = 2,
                                   .memory_bytes = (size_t)64 << 20,
                                   .tables = tables,
                                   .prune = SL_PRUNE_ALL};
    TEST_OK(sl_definitions_open(w->store, &w->env.definitions, &err), &err);
    (void)snprintf(w->database, sizeof(w->database), "flows");
    w->session = (struct sl_session){.database = w->database, .time_zone = "UTC", .user = "test"};
}

static void
close_world(struct world *w)
{
    sl_definitions_close(w->env.definitions);
    sl_store_close(w->store);
    sl_pool_destroy(w->pool);
    sl_schema_destroy(w->schema);
    test_dir_remove(w->directory);
}

static void
reopen_definitions(struct world *w)
{
    struct sl_error err = {0};

    sl_definitions_close(w->env.definitions);
    TEST_OK(sl_definitions_open(w->store, &w->env.definitions, &err), &err);
}

/* All rows of a statement, as they stand in a script. */
static sl_status
run(struct world *w, const char *text, struct sl_buf *out, struct sl_error *err)
{
    struct sl_query *query = NULL;
    const struct sl_vector *vectors;
    uint32_t count;

    sl_status st = sl_query_prepare(&w->env, &w->session, text, strlen(text), &query, err);
    while (st == SL_OK) {
        st = sl_query_next(query, &vectors, &count, err);
        if (st != SL_OK || count == 0)
            break;
        for (uint32_t row = 0; row < count; row++) {
            for (uint32_t i = 0; i < sl_query_info(query)->column_count; i++) {
                sl_buf_text(out, i == 0 ? "" : "\t");
                if (sl_vector_is_null(&vectors[i], row))
                    sl_buf_text(out, "NULL");
                else
                    sl_value_format(&vectors[i], row, out);
            }
            sl_buf_text(out, "\n");
        }
    }
    sl_query_free(query);
    return st;
}

static bool
set_option(struct world *w, const char *text)
{
    if (strcmp(text, "dialect mysql") == 0)
        w->session.dialect = SL_DIALECT_MYSQL;
    else if (strcmp(text, "dialect native") == 0)
        w->session.dialect = SL_DIALECT_NATIVE;
    else if (strncmp(text, "database ", 9) == 0)
        (void)snprintf(w->database, sizeof(w->database), "%s", text + 9);
    else if (strcmp(text, "reopen") == 0)
        reopen_definitions(w);
    else if (strncmp(text, "memory ", 7) == 0)
        w->env.memory_bytes = strtoull(text + 7, NULL, 10) << 10;
    else
        return false;
    return true;
}

/* One script; returns the number of statements that gave something else. */
static unsigned
run_script(struct world *w, const char *path)
{
    struct sl_buf expected = sl_buf_empty(1 << 20);
    struct sl_buf actual = sl_buf_empty(1 << 20);
    struct sl_error err = {0};
    char line[8192];
    unsigned failures = 0;
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    w->env.memory_bytes = (size_t)64 << 20;
    w->session.dialect = SL_DIALECT_NATIVE;
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, "> ", 2) != 0 || set_option(w, line + 2))
            continue;
        char *statement = sl_new_string(line + 2);
        sl_buf_clear(&expected);
        sl_buf_clear(&actual);
        while (fgets(line, sizeof(line), file) != NULL && line[0] != '\n')
            sl_buf_text(&expected, line);
        if (run(w, statement, &actual, &err) != SL_OK) {
            sl_buf_clear(&actual);
            sl_buf_printf(&actual, "! %s\n", err.text);
        }
        sl_buf_u8(&expected, 0);
        sl_buf_u8(&actual, 0);
        if (strcmp((char *)expected.bytes, (char *)actual.bytes) != 0) {
            print_message("%s: %s\nexpected:\n%sgot:\n%s", path, statement, expected.bytes,
                          actual.bytes);
            failures++;
        }
        free(statement);
    }
    (void)fclose(file);
    sl_buf_fini(&expected);
    sl_buf_fini(&actual);
    return failures;
}

static void
scripts_give_their_rows(void **state)
{
    struct world w;
    char path[SL_PATH_BYTES_MAX];
    unsigned failures = 0;
    unsigned scripts = 0;
    DIR *directory = opendir("tests/query");
    (void)state;

    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        size_t size = strlen(entry->d_name);
        if (size < 5 || strcmp(entry->d_name + size - 4, ".slq") != 0)
            continue;
        (void)snprintf(path, sizeof(path), "tests/query/%s", entry->d_name);
        open_world(&w);
        failures += run_script(&w, path);
        close_world(&w);
        scripts++;
    }
    (void)closedir(directory);
    assert_true(scripts > 0);
    assert_int_equal(failures, 0);
}

/* ---- what a script cannot say ---- */

static void
a_deadline_and_a_cancel_end_a_statement(void **state)
{
    struct world w;
    struct sl_query *query = NULL;
    struct sl_error err = {0};
    const struct sl_vector *vectors;
    uint32_t count;
    const char *text = "SELECT src_addr, COUNT(*) FROM flows GROUP BY 1";
    (void)state;

    open_world(&w);
    w.env.timeout_us = 1;
    TEST_OK(sl_query_prepare(&w.env, &w.session, text, strlen(text), &query, &err), &err);
    assert_int_equal(sl_query_next(query, &vectors, &count, &err), SL_TIMEOUT);
    assert_int_equal(sl_query_next(query, &vectors, &count, &err), SL_TIMEOUT);
    sl_query_free(query);

    w.env.timeout_us = 0;
    TEST_OK(sl_query_prepare(&w.env, &w.session, text, strlen(text), &query, &err), &err);
    sl_query_cancel(query);
    assert_int_equal(sl_query_next(query, &vectors, &count, &err), SL_CANCELLED);
    sl_query_free(query);
    close_world(&w);
}

static void
a_query_sees_the_rows_of_its_prepare(void **state)
{
    struct world w;
    struct sl_query *query = NULL;
    struct sl_error err = {0};
    const struct sl_vector *vectors;
    uint32_t count;
    uint64_t rows = 0;
    const char *text = "SELECT src_port FROM flows";
    (void)state;

    open_world(&w);
    TEST_OK(sl_query_prepare(&w.env, &w.session, text, strlen(text), &query, &err), &err);
    load(&w, 0, SL_COUNTOF(flows_rows));
    TEST_OK(sl_store_flush(w.store, &err), &err);
    do {
        TEST_OK(sl_query_next(query, &vectors, &count, &err), &err);
        rows += count;
    } while (count != 0);
    assert_int_equal(rows, SL_COUNTOF(flows_rows));
    struct sl_query_progress progress;
    sl_query_progress(query, &progress);
    assert_int_equal(progress.rows_total, SL_COUNTOF(flows_rows));
    assert_int_equal(progress.rows_done, SL_COUNTOF(flows_rows));
    sl_query_free(query);
    close_world(&w);
}

static void
a_delete_takes_exactly_its_rows(void **state)
{
    struct world w;
    struct sl_query *query = NULL;
    struct sl_error err = {0};
    struct sl_buf out = sl_buf_empty(1 << 16);
    const struct sl_vector *vectors;
    uint32_t count;
    const char *text = "DELETE FROM flows WHERE app = 'dns' OR src_addr = '10.0.0.6'";
    (void)state;

    open_world(&w);
    TEST_OK(sl_query_prepare(&w.env, &w.session, text, strlen(text), &query, &err), &err);
    assert_int_equal(sl_query_info(query)->kind, SL_STATEMENT_OK);
    TEST_OK(sl_query_next(query, &vectors, &count, &err), &err);
    assert_int_equal(count, 0);
    assert_int_equal(sl_query_info(query)->affected_rows, 4);
    sl_query_free(query);
    TEST_OK(run(&w, "SELECT COUNT(*), SUM(bytes) FROM flows WHERE bytes > 0", &out, &err), &err);
    sl_buf_u8(&out, 0);
    assert_string_equal((const char *)out.bytes, "8\t9474\n");
    sl_buf_fini(&out);
    close_world(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scripts_give_their_rows),
        cmocka_unit_test(a_deadline_and_a_cancel_end_a_statement),
        cmocka_unit_test(a_query_sees_the_rows_of_its_prepare),
        cmocka_unit_test(a_delete_takes_exactly_its_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
