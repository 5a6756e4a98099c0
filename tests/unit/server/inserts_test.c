/*
 * inserts_test.c - many threads put rows of statements into one store: every row arrives once, those
 * that were answered are seen, batches are shared.
 */
#include "server/inserts.h"

#include <stdio.h>
#include <unistd.h>

#include "server/stats.h"
#include "storage/base/buf.h"
#include "storage/base/file.h"
#include "storage/base/thread.h"
#include "storage/store.h"
#include "tests/support/test.h"

enum { THREADS = 8, STATEMENTS = 200 };

struct fixture {
    char *directory;
    struct sl_pool *pool;
    struct sl_schema *schema;
    struct sl_store *store;
    struct sl_stats *stats;
    struct sl_inserts *inserts;
    struct sl_query_env env;
};

static int
set_up(void **state)
{
    struct fixture *f = sl_new(sizeof(*f));
    struct sl_store_options options = sl_store_options_default();
    struct sl_error err = {0};
    f->directory = test_dir_create();
    f->pool = sl_pool_create("test", 2, 0);
    f->schema = sl_schema_create();
    f->stats = sl_stats_create();
    options.directory = f->directory;
    TEST_OK(sl_store_open(&options, f->schema, &f->store, &err), &err);
    f->inserts = sl_inserts_create(f->store, f->stats);
    f->env = (struct sl_query_env){.store = f->store,
                                   .schema = f->schema,
                                   .threads_max = 1,
                                   .memory_bytes = (size_t)64 << 20,
                                   .settle = sl_inserts_settle,
                                   .settle_context = f->inserts};
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;
    sl_inserts_destroy(f->inserts);
    sl_store_close(f->store);
    sl_stats_destroy(f->stats);
    sl_schema_destroy(f->schema);
    sl_pool_destroy(f->pool);
    test_dir_remove(f->directory);
    free(f);
    return 0;
}

/* Who waits for a ticket. */
struct waiter {
    struct sl_mutex lock;
    struct sl_cond called;
    bool is_called;
};

static void
call(void *context)
{
    struct waiter *w = context;
    sl_mutex_lock(&w->lock);
    w->is_called = true;
    sl_cond_signal(&w->called);
    sl_mutex_unlock(&w->lock);
}

static void
wait_for(struct waiter *w)
{
    sl_mutex_lock(&w->lock);
    while (!w->is_called)
        sl_cond_wait(&w->called, &w->lock);
    w->is_called = false;
    sl_mutex_unlock(&w->lock);
}

static struct sl_query *
prepare(struct fixture *f, const char *text)
{
    static const struct sl_session session = {
        .dialect = SL_DIALECT_NATIVE, .database = "flows", .time_zone = "UTC", .user = "test"};
    struct sl_query *query = NULL;
    struct sl_error err = {0};
    TEST_OK(sl_query_prepare(&f->env, &session, text, strlen(text), &query, &err), &err);
    return query;
}

/* Run the statement to its answer. */
static void
insert(struct fixture *f, const char *text, enum sl_insert_ack ack)
{
    struct waiter w = {0};
    struct sl_insert_ticket ticket = {.call = call, .context = &w};
    struct sl_query *query = prepare(f, text);
    bool is_done = false;
    sl_mutex_init(&w.lock, SL_LOCK_NET);
    sl_cond_init(&w.called);
    while (!is_done) {
        struct sl_error err = {0};
        bool is_waiting = false;
        TEST_OK(sl_inserts_put(f->inserts, query, ack, &ticket, &is_done, &is_waiting, &err), &err);
        if (is_waiting)
            wait_for(&w);
        TEST_OK(ticket.failure.status, &ticket.failure);
    }
    sl_query_free(query);
    sl_cond_fini(&w.called);
    sl_mutex_fini(&w.lock);
}

static uint64_t
count(struct fixture *f, const char *what)
{
    struct sl_query *query = prepare(f, what);
    const struct sl_vector *vectors = NULL;
    uint32_t row_count = 0;
    struct sl_error err = {0};
    TEST_OK(sl_query_next(query, &vectors, &row_count, &err), &err);
    assert_int_equal(row_count, 1);
    uint64_t number = sl_vector_u64(&vectors[0], 0);
    sl_query_free(query);
    return number;
}

struct writer {
    struct fixture *fixture;
    unsigned number;
    unsigned pause_us; /* before each statement */
};

static void
write_rows(void *context)
{
    struct writer *writer = context;
    char text[160];
    for (unsigned i = 0; i < test_rounds(STATEMENTS); i++) {
        (void)snprintf(
            text, sizeof(text),
            "INSERT INTO flows (src_port, dst_port, last_seen) VALUES (%u, %u, 1795421730)",
            writer->number, i);
        insert(writer->fixture, text, i % 2 == 0 ? SL_INSERT_DURABLE : SL_INSERT_RECEIVED);
    }
}

static void
rows_of_many_threads_share_batches(void **state)
{
    struct fixture *f = *state;
    struct sl_thread *threads[THREADS];
    struct writer writers[THREADS];
    uint64_t wanted = (uint64_t)THREADS * test_rounds(STATEMENTS);
    for (unsigned i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){.fixture = f, .number = i};
        threads[i] = sl_thread_start("writer", write_rows, &writers[i]);
    }
    for (unsigned i = 0; i < THREADS; i++)
        sl_thread_join(threads[i]);
    assert_int_equal(count(f, "SELECT COUNT(*) FROM flows"), wanted);
    assert_int_equal(count(f, "SELECT COUNT(DISTINCT src_port, dst_port) FROM flows"), wanted);
    assert_int_equal(sl_stats_value(f->stats, SL_COUNTER_SQL_ROWS), wanted);
    assert_true(sl_stats_value(f->stats, SL_COUNTER_SQL_BATCHES) < wanted);
}

/* A batch of a long statement that is closed while the builder holds rows that were answered. */
static void
answered_rows_are_seen_behind_a_long_statement(void **state)
{
    struct fixture *f = *state;
    struct sl_buf text = sl_buf_empty(1 << 20);
    sl_buf_text(&text, "INSERT INTO flows (last_seen) VALUES (1795421730)");
    for (unsigned i = 1; i < 200; i++)
        sl_buf_text(&text, ", (1795421730)");
    sl_buf_u8(&text, 0);
    for (uint64_t round = 1; round <= 20; round++) {
        insert(f, "INSERT INTO flows (last_seen) VALUES (1795421730)", SL_INSERT_RECEIVED);
        insert(f, (const char *)text.bytes, SL_INSERT_RECEIVED);
        assert_int_equal(count(f, "SELECT COUNT(*) FROM flows"), round * 201);
    }
    sl_buf_fini(&text);
}

/* Whoever finds them settled sees what was answered without a wait. */
static void
settled_rows_are_seen_as_they_are(void **state)
{
    struct fixture *f = *state;
    f->env.settle = NULL;
    for (uint64_t round = 1; round <= 100; round++) {
        insert(f, "INSERT INTO flows (last_seen) VALUES (1795421730)", SL_INSERT_RECEIVED);
        if (round % 2 == 0)
            sl_inserts_settle(f->inserts);
        while (!sl_inserts_are_settled(f->inserts))
            (void)usleep(50);
        assert_int_equal(count(f, "SELECT COUNT(*) FROM flows"), round);
    }
}

static void
write_durable_rows(void *context)
{
    struct writer *writer = context;
    for (unsigned i = 0; i < test_rounds(STATEMENTS) / 4 + 1; i++) {
        (void)usleep(writer->pause_us);
        insert(writer->fixture, "INSERT INTO flows (last_seen) VALUES (1795421730)",
               SL_INSERT_DURABLE);
    }
}

static int
sync_slowly(void *context, int fd)
{
    const unsigned *sync_us = context;
    (void)usleep(*sync_us);
    return sl_file_real_calls.fdatasync(sl_file_real_calls.context, fd);
}

/* Rows that the writers of one round sent, for each sync. */
static uint64_t
rows_for_each_sync(struct fixture *f, unsigned pause_us)
{
    struct sl_thread *threads[THREADS];
    struct writer writer = {.fixture = f, .pause_us = pause_us};
    uint64_t rows = sl_stats_value(f->stats, SL_COUNTER_SQL_ROWS);
    uint64_t batches = sl_stats_value(f->stats, SL_COUNTER_SQL_BATCHES);
    for (unsigned i = 0; i < THREADS; i++)
        threads[i] = sl_thread_start("writer", write_durable_rows, &writer);
    for (unsigned i = 0; i < THREADS; i++)
        sl_thread_join(threads[i]);
    rows = sl_stats_value(f->stats, SL_COUNTER_SQL_ROWS) - rows;
    batches = sl_stats_value(f->stats, SL_COUNTER_SQL_BATCHES) - batches;
    assert_int_equal(rows, THREADS * (test_rounds(STATEMENTS) / 4 + 1));
    return rows / batches;
}

/* The gathering lasts half a slow sync. Under the thread sanitizer writers need longer to come again. */
#ifdef __SANITIZE_THREAD__
enum { SLOWER = 8 };
#else
enum { SLOWER = 1 };
#endif

/* Two groups that take turns would need a sync for each four rows. On a busy machine writers can be
 * late for the gathering, but not in every round. */
static void
check_shared(struct fixture *f, unsigned sync_us, unsigned pause_us)
{
    enum { ROUNDS = 8 };
    struct sl_file_calls slow = sl_file_real_calls;
    uint64_t best = 0;
    slow.context = &sync_us;
    slow.fdatasync = sync_slowly;
    sl_file_install(&slow);
    for (unsigned round = 0; round < ROUNDS && best <= THREADS / 2; round++) {
        uint64_t rows = rows_for_each_sync(f, pause_us);
        best = rows > best ? rows : best;
    }
    sl_file_install(NULL);
    assert_in_range(best, THREADS / 2 + 1, THREADS);
}

static void
who_waits_for_the_disk_shares_its_sync(void **state)
{
    check_shared(*state, 4000 * SLOWER, 0);
}

/* Clients of a busy machine, and a busy disk: the slower its syncs, the longer is worth waiting. */
static void
who_comes_late_shares_a_slow_sync(void **state)
{
    check_shared(*state, 30000, 3000);
}

static void
what_was_answered_on_receipt_is_seen(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 1; i <= 50; i++) {
        insert(f, "INSERT INTO flows (last_seen) VALUES (1795421730)", SL_INSERT_RECEIVED);
        assert_int_equal(count(f, "SELECT COUNT(*) FROM flows"), i);
    }
}

static void
a_long_statement_takes_several_batches(void **state)
{
    enum { ROWS = 40000, ROW_BYTES = 40 };
    struct fixture *f = *state;
    char *text = sl_new((size_t)ROWS * ROW_BYTES);
    size_t used = (size_t)snprintf(text, ROW_BYTES * 2, "INSERT INTO flows (last_seen) VALUES (1)");
    for (unsigned i = 1; i < ROWS; i++)
        used += (size_t)snprintf(text + used, ROW_BYTES, ",(%u)", 1795421730 + i % 60);
    insert(f, text, SL_INSERT_DURABLE);
    insert(f, text, SL_INSERT_RECEIVED);
    assert_int_equal(count(f, "SELECT COUNT(*) FROM flows"), 2 * ROWS);
    free(text);
}

static void
a_refused_row_leaves_the_others_alone(void **state)
{
    struct fixture *f = *state;
    struct sl_insert_ticket ticket = {.call = call};
    struct sl_error err = {0};
    bool is_done = false;
    bool is_waiting = false;
    insert(f, "INSERT INTO flows (last_seen) VALUES (1795421730)", SL_INSERT_RECEIVED);
    struct sl_query *query =
        prepare(f, "INSERT INTO flows (src_port, last_seen) VALUES (1, 1795421730), (1, NULL)");
    assert_int_equal(
        sl_inserts_put(f->inserts, query, SL_INSERT_DURABLE, &ticket, &is_done, &is_waiting, &err),
        SL_TYPE);
    assert_false(is_waiting);
    sl_query_free(query);
    assert_int_equal(count(f, "SELECT COUNT(*) FROM flows"), 1);
    assert_int_equal(count(f, "SELECT COUNT(*) FROM flows WHERE src_port = 1"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_of_many_threads_share_batches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answered_rows_are_seen_behind_a_long_statement, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(settled_rows_are_seen_as_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_waits_for_the_disk_shares_its_sync, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_comes_late_shares_a_slow_sync, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_answered_on_receipt_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_statement_takes_several_batches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_row_leaves_the_others_alone, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
