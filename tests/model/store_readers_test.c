/*
 * store_readers_test.c - eight readers repeat COUNT, SUM and a hash of rows while rows come in,
 * seals and merges run.
 *
 * One writer appends rows 0, 1, 2 ... in batches. Every snapshot must then be exactly a prefix of
 * them, in whole batches: its count tells which, and its sum and hash must be that prefix's. The
 * count never falls for a reader, is at least what was appended before the snapshot was taken,
 * and at most what was sent before it was read.
 */
#include <stdatomic.h>
#include <unistd.h>

#include "storage/base/arena.h"
#include "storage/base/clock.h"
#include "storage/base/thread.h"
#include "tests/model/store_rows.h"

enum { READERS = 8, BATCH_ROWS = 400, BATCHES = 90 };

struct prefix {
    uint64_t rows, sum, hash;
};

struct scene {
    struct sl_budget memory; /* for decoded blocks */
    struct sl_schema *schema;
    struct sl_store *store;
    struct prefix prefixes[BATCHES + 1]; /* written before the batch is sent */
    _Atomic uint64_t sent, appended;     /* batches */
    _Atomic uint64_t durable;
    _Atomic bool is_done;
    _Atomic uint64_t faults, rounds;
};

static void
count_durable(void *context, sl_status status)
{
    struct scene *scene = context;
    if (status == SL_OK)
        atomic_fetch_add(&scene->durable, 1);
}

static void
writer_main(void *context)
{
    struct scene *scene = context;
    struct sl_error err = {0};
    const struct sl_hash128 id = {1, 2};
    for (uint64_t batch = 0; batch < BATCHES; batch++) {
        int64_t times[BATCH_ROWS];
        struct prefix next = scene->prefixes[batch];
        for (uint64_t i = 0; i < BATCH_ROWS; i++) {
            uint64_t row = batch * BATCH_ROWS + i;
            times[i] = ROWS_START_US - SL_US_PER_HOUR + (int64_t)(row % 90) * SL_US_PER_MINUTE / 2;
            next.rows++;
            next.sum += row;
            next.hash += rows_hash(row, times[i]);
        }
        scene->prefixes[batch + 1] = next;
        atomic_store(&scene->sent, batch + 1); /* publishes the prefix to the readers */
        struct sl_batch *rows = rows_build(scene->schema, batch * BATCH_ROWS, times, BATCH_ROWS);
        const struct sl_append_from from = {.import_id = &id, .import_offset = batch + 1};
        if (sl_store_append(scene->store, rows, &from, count_durable, scene, &err) != SL_OK)
            atomic_fetch_add(&scene->faults, 1);
        atomic_store(&scene->appended, batch + 1);
        sl_batch_release(rows);
        (void)usleep(10000);
    }
}

static void
reader_main(void *context)
{
    struct scene *scene = context;
    struct sl_error err = {0};
    uint64_t last_batches = 0;
    bool is_last = false;
    while (!is_last) {
        is_last = atomic_load(&scene->is_done);
        struct rows_seen seen = {0};
        uint64_t appended = atomic_load(&scene->appended);
        struct sl_snapshot *snapshot = sl_snapshot_acquire(scene->store);
        sl_status st = rows_read(snapshot, scene->schema, NULL, &seen, &err);
        uint64_t sent = atomic_load(&scene->sent);
        uint64_t batches = seen.rows / BATCH_ROWS;
        bool is_good = st == SL_OK && seen.broken == 0 && seen.rows % BATCH_ROWS == 0 &&
                       batches >= last_batches && batches >= appended && batches <= sent &&
                       sl_snapshot_row_count(snapshot) == seen.rows &&
                       seen.sum == scene->prefixes[batches].sum &&
                       seen.hash == scene->prefixes[batches].hash;
        if (!is_good)
            atomic_fetch_add(&scene->faults, 1);
        last_batches = batches;
        sl_snapshot_release(snapshot);
        atomic_fetch_add(&scene->rounds, 1);
    }
}

static void
readers_see_every_row_once(void **state)
{
    (void)state;
    struct sl_error err = {0};
    struct scene *scene = sl_new(sizeof(*scene));
    struct sl_pool *pool = sl_pool_create("test", 2, 0);
    sl_pool_set_eager(pool);
    struct sl_thread *readers[READERS];
    struct sl_store_status status;
    char *path = test_dir_create();
    struct sl_store_options options = sl_store_options_default();
    options.directory = path;
    options.seal_rows = 1500;
    options.memory_limit_bytes = 1 << 20; /* readers have to let go of dictionaries all the time */
    scene->memory.limit_bytes = options.cache_bytes = 1 << 18;
    options.memory = &scene->memory;
    options.commit_interval_us = 5000;
    sl_clock_set_us(ROWS_START_US + 2 * SL_US_PER_HOUR);
    scene->schema = sl_schema_create();
    TEST_OK(sl_store_open(&options, scene->schema, &scene->store, &err), &err);
    for (int i = 0; i < READERS; i++)
        readers[i] = sl_thread_start("reader", reader_main, scene);
    struct sl_thread *writer = sl_thread_start("writer", writer_main, scene);
    sl_thread_join(writer);
    /* On a busy machine merges come last: the readers go on until they have seen one. */
    sl_store_status(scene->store, &status);
    for (int i = 0; i < 3000 && (status.merges == 0 || status.seals < 4); i++) {
        (void)usleep(10000);
        sl_store_status(scene->store, &status);
    }
    atomic_store(&scene->is_done, true);
    for (int i = 0; i < READERS; i++)
        sl_thread_join(readers[i]);
    assert_int_equal(scene->faults, 0);
    assert_true(status.seals >= 4);
    assert_true(status.merges >= 1);

    sl_store_close(scene->store);
    assert_int_equal(scene->durable, BATCHES);
    TEST_OK(sl_store_open(&options, scene->schema, &scene->store, &err), &err);
    atomic_store(&scene->is_done, true);
    reader_main(scene);
    assert_int_equal(scene->faults, 0);
    sl_store_close(scene->store);
    sl_pool_destroy(pool);
    sl_schema_destroy(scene->schema);
    sl_clock_set_us(INT64_MIN);
    test_dir_remove(path);
    free(scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(readers_see_every_row_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
