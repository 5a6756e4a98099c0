/*
 * store_trouble_test.c - a sync that fails ends acknowledgements, until the journal is replaced;
 * then nothing that was readable is lost, and what is sent again is known. What is acknowledged is
 * readable.
 */
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "tests/model/store_rows.h"

enum { BATCH_ROWS = 50 };

static _Atomic bool must_fail;

static int
failing_fdatasync(void *context, int fd)
{
    if (!atomic_load(&must_fail))
        return sl_file_real_calls.fdatasync(context, fd);
    errno = EIO;
    return -1;
}

struct answer {
    sem_t arrived;
    _Atomic sl_status status;
};

static void
on_durable(void *context, sl_status status)
{
    struct answer *answer = context;
    atomic_store(&answer->status, status);
    (void)sem_post(&answer->arrived);
}

/* Append batch `number`; what append says, or what became of it. */
static sl_status
append(struct sl_store *store, struct sl_schema *schema, uint64_t epoch, uint64_t number)
{
    int64_t times[BATCH_ROWS];
    struct answer answer = {.status = SL_OK};
    struct sl_error err = {0};
    const struct sl_append_from from = {
        .producer = "probe", .epoch = epoch, .batch_number = number};
    (void)sem_init(&answer.arrived, 0, 0);
    for (int i = 0; i < BATCH_ROWS; i++)
        times[i] = ROWS_START_US - i;
    struct sl_batch *rows = rows_build(schema, (number - 1) * BATCH_ROWS, times, BATCH_ROWS);
    sl_status st = sl_store_append(store, rows, &from, on_durable, &answer, &err);
    sl_batch_release(rows);
    while (st == SL_OK && sem_wait(&answer.arrived) != 0)
        continue;
    (void)sem_destroy(&answer.arrived);
    return st == SL_OK ? atomic_load(&answer.status) : st;
}

static void
check_rows(struct sl_store *store, struct sl_schema *schema, uint64_t batches)
{
    struct sl_error err = {0};
    struct rows_seen seen = {.id_count = batches * BATCH_ROWS};
    seen.times = sl_new(seen.id_count * sizeof(uint32_t));
    struct sl_snapshot *snapshot = sl_snapshot_acquire(store);
    TEST_OK(rows_read(snapshot, schema, NULL, &seen, &err), &err);
    sl_snapshot_release(snapshot);
    assert_int_equal(seen.rows, batches * BATCH_ROWS);
    assert_int_equal(seen.broken, 0);
    for (uint64_t id = 0; id < seen.id_count; id++)
        assert_int_equal(seen.times[id], 1);
    free(seen.times);
}

static void
a_failed_journal_is_replaced(void **state)
{
    (void)state;
    struct sl_file_calls calls = sl_file_real_calls;
    struct sl_store_options options = sl_store_options_default();
    struct sl_store_status status;
    struct sl_error err = {0};
    struct sl_store *store = NULL;
    uint64_t epoch = 0;
    uint64_t number = 0;
    char *path = test_dir_create();
    struct sl_schema *schema = sl_schema_create();
    calls.fdatasync = failing_fdatasync;
    sl_file_install(&calls);
    sl_clock_set_us(ROWS_START_US);
    options.directory = path;
    TEST_OK(sl_store_open(&options, schema, &store, &err), &err);
    TEST_OK(sl_store_producer_open(store, "probe", &epoch, &number, &err), &err);
    assert_int_equal(append(store, schema, epoch, 1), SL_OK);

    atomic_store(&must_fail, true);
    assert_int_equal(append(store, schema, epoch, 2), SL_IO);
    assert_int_equal(append(store, schema, epoch, 3), SL_READONLY);
    sl_store_status(store, &status);
    assert_true(status.is_readonly);
    assert_true(status.trouble[0] != 0);

    atomic_store(&must_fail, false);
    for (int i = 0; i < 2000 && status.is_readonly; i++) {
        (void)usleep(10000);
        sl_store_status(store, &status);
    }
    assert_false(status.is_readonly);
    /* The client connects again and asks: batch 2 is there, 3 is not. */
    TEST_OK(sl_store_producer_open(store, "probe", &epoch, &number, &err), &err);
    assert_int_equal(number, 2);
    assert_int_equal(append(store, schema, epoch, 3), SL_OK);
    check_rows(store, schema, 3);
    sl_store_close(store);
    sl_schema_destroy(schema);

    schema = sl_schema_create();
    TEST_OK(sl_store_open(&options, schema, &store, &err), &err);
    check_rows(store, schema, 3);
    sl_store_close(store);
    sl_schema_destroy(schema);
    sl_file_install(NULL);
    sl_clock_set_us(INT64_MIN);
    test_dir_remove(path);
}

static void
a_directory_is_open_once(void **state)
{
    (void)state;
    struct sl_store_options options = sl_store_options_default();
    struct sl_error err = {0};
    struct sl_store *store = NULL;
    struct sl_store *other = NULL;
    uint64_t damaged = 0;
    char *path = test_dir_create();
    struct sl_schema *schema = sl_schema_create();
    options.directory = path;
    TEST_OK(sl_store_open(&options, schema, &store, &err), &err);
    assert_int_equal(sl_store_open(&options, schema, &other, &err), SL_IO);
    assert_null(other);
    assert_non_null(strstr(err.text, "in use"));
    assert_int_equal(sl_store_check(path, NULL, NULL, &damaged, &err), SL_IO);
    sl_store_close(store);
    TEST_OK(sl_store_check(path, NULL, NULL, &damaged, &err), &err);
    assert_int_equal(damaged, 0);
    sl_schema_destroy(schema);
    test_dir_remove(path);
}

static int
quick_fdatasync(void *context, int fd)
{
    (void)context;
    (void)fd;
    return 0;
}

struct looking {
    struct sl_store *store;
    uint64_t wanted;
    _Atomic uint64_t misses;
    sem_t looked;
};

/* The journal's thread: who is told now asks at once. */
static void
look(void *context, sl_status status)
{
    struct looking *looking = context;
    struct sl_snapshot *snapshot = sl_snapshot_acquire(looking->store);
    if (status != SL_OK || sl_snapshot_row_count(snapshot) < looking->wanted)
        atomic_fetch_add(&looking->misses, 1);
    sl_snapshot_release(snapshot);
    (void)sem_post(&looking->looked);
}

static void
what_is_durable_is_seen(void **state)
{
    char *path = test_dir_create();
    struct sl_schema *schema = sl_schema_create();
    struct sl_store_options options = sl_store_options_default();
    struct sl_file_calls calls = sl_file_real_calls;
    struct looking looking = {0};
    struct sl_error err = {0};
    const int64_t time_us = ROWS_START_US;
    (void)state;
    calls.fdatasync = quick_fdatasync;
    options.directory = path;
    options.is_background_off = true;
    sl_clock_set_us(ROWS_START_US);
    TEST_OK(sl_store_open(&options, schema, &looking.store, &err), &err);
    sl_file_install(&calls);
    (void)sem_init(&looking.looked, 0, 0);
    for (uint64_t i = 0; i < test_rounds(20000); i++) {
        struct sl_batch *row = rows_build(schema, i, &time_us, 1);
        looking.wanted = i + 1;
        TEST_OK(sl_store_append(looking.store, row, NULL, look, &looking, &err), &err);
        sl_batch_release(row);
        while (sem_wait(&looking.looked) != 0)
            continue;
    }
    sl_file_install(NULL);
    assert_int_equal(looking.misses, 0);
    (void)sem_destroy(&looking.looked);
    sl_store_close(looking.store);
    sl_schema_destroy(schema);
    test_dir_remove(path);
    sl_clock_set_us(INT64_MIN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_journal_is_replaced),
        cmocka_unit_test(a_directory_is_open_once),
        cmocka_unit_test(what_is_durable_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
