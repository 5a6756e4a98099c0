/*
 * store_model_test.c - the real store and a naive one agree after every random operation.
 *
 * The naive store is an array: one entry for each row ever sent, with its partition time and
 * whether it is alive. Operations are append (live, lying clocks, imports, duplicates), DELETE,
 * flush, merge, retention and reopening; readers that opened long ago must still see what they
 * saw then. The seed is printed.
 */
#include "storage/base/arena.h"
#include "storage/base/clock.h"
#include "storage/partition.h"
#include "tests/model/store_rows.h"

enum { ROWS_MAX = 60000, STEPS = 220, READERS = 4, BATCH_MAX = 2500 };

struct model_row {
    int64_t partition_us;
    bool is_alive;
};

struct reader {
    struct sl_snapshot *snapshot;
    uint64_t rows, sum;
};

struct model {
    uint64_t seed;
    char *path;
    struct sl_budget memory; /* for decoded blocks */
    struct sl_schema *schema;
    struct sl_store *store;
    struct sl_store_options options;
    struct model_row *rows;
    uint64_t row_count;
    int64_t now_us;
    uint64_t epoch, batch_number, import_offset;
    struct sl_hash128 import_id;
    struct reader readers[READERS];
};

static uint64_t
below(struct model *m, uint64_t bound)
{
    return test_random_below(&m->seed, bound);
}

static void
open_store(struct model *m)
{
    struct sl_error err = {0};
    uint64_t durable = 0;
    m->schema = sl_schema_create();
    TEST_OK(sl_store_open(&m->options, m->schema, &m->store, &err), &err);
    TEST_OK(sl_store_producer_open(m->store, "model", &m->epoch, &durable, &err), &err);
    assert_int_equal(durable, m->batch_number);
}

static void
release_readers(struct model *m)
{
    for (int i = 0; i < READERS; i++) {
        sl_snapshot_release(m->readers[i].snapshot);
        m->readers[i].snapshot = NULL;
    }
}

static void
close_store(struct model *m)
{
    release_readers(m);
    sl_store_close(m->store);
    sl_schema_destroy(m->schema);
}

/* last_seen of a new row: mostly now, sometimes late, sometimes a lie. */
static int64_t
draw_time(struct model *m, bool is_import)
{
    uint64_t draw = below(m, 100);
    int64_t minute = SL_US_PER_MINUTE;
    if (is_import)
        return m->now_us - (int64_t)below(m, 3 * 24 * 60) * minute / 8 - SL_US_PER_DAY;
    if (draw < 80)
        return m->now_us - (int64_t)below(m, 90) * SL_US_PER_S;
    if (draw < 95)
        return m->now_us - (int64_t)below(m, 60 * 12) * minute;
    return draw < 98 ? (int64_t)below(m, 1000000) : m->now_us + 30 * SL_US_PER_DAY;
}

static void
do_append(struct model *m)
{
    int64_t times[BATCH_MAX];
    uint32_t count = 1 + (uint32_t)below(m, BATCH_MAX);
    bool is_import = below(m, 4) == 0;
    struct sl_error err = {0};
    if (m->row_count + count > ROWS_MAX)
        return;
    for (uint32_t i = 0; i < count; i++) {
        bool is_by_receipt = false;
        times[i] = draw_time(m, is_import);
        m->rows[m->row_count + i] = (struct model_row){
            .partition_us = sl_partition_time(times[i], m->now_us, is_import, &is_by_receipt),
            .is_alive = true};
    }
    struct sl_batch *batch = rows_build(m->schema, m->row_count, times, count);
    struct sl_append_from from = {.producer = "model",
                                  .epoch = m->epoch,
                                  .batch_number = m->batch_number + 1,
                                  .import_id = is_import ? &m->import_id : NULL,
                                  .import_offset = m->import_offset + count};
    bool is_anonymous = below(m, 5) == 0;
    TEST_OK(sl_store_append(m->store, batch, is_anonymous ? NULL : &from, NULL, NULL, &err), &err);
    if (is_anonymous && is_import)
        for (uint32_t i = 0; i < count; i++) {
            bool is_by_receipt = false;
            m->rows[m->row_count + i].partition_us =
                sl_partition_time(times[i], m->now_us, false, &is_by_receipt);
        }
    if (!is_anonymous) {
        m->batch_number++;
        if (is_import)
            m->import_offset += count;
        assert_int_equal(sl_store_append(m->store, batch, &from, NULL, NULL, &err), SL_EXISTS);
    }
    sl_batch_release(batch);
    m->row_count += count;
}

static void
do_delete(struct model *m)
{
    struct sl_error err = {0};
    uint64_t modulus = 2 + below(m, 40);
    struct rows_doomed doomed = {
        .schema = m->schema, .modulus = modulus, .rest = below(m, modulus)};
    uint64_t expected = 0;
    uint64_t deleted = 0;
    for (uint64_t id = 0; id < m->row_count; id++) {
        if (!m->rows[id].is_alive || id % modulus != doomed.rest)
            continue;
        m->rows[id].is_alive = false;
        expected++;
    }
    TEST_OK(sl_store_delete(m->store, rows_match, &doomed, &deleted, &err), &err);
    assert_int_equal(deleted, expected);
}

static void
do_retain(struct model *m)
{
    struct sl_error err = {0};
    TEST_OK(sl_store_flush(m->store, &err), &err);
    TEST_OK(sl_store_retain(m->store, &err), &err);
    int64_t from_us = sl_store_retention_from_us(m->store);
    /* Whole slices go. They are at most an hour long, so a row near the edge may stay: the model
     * learns from the store which did. */
    struct rows_seen seen = {.id_count = m->row_count};
    seen.times = sl_new((m->row_count + 1) * sizeof(uint32_t));
    struct sl_snapshot *snapshot = sl_snapshot_acquire(m->store);
    TEST_OK(rows_read(snapshot, m->schema, NULL, &seen, &err), &err);
    sl_snapshot_release(snapshot);
    for (uint64_t id = 0; id < m->row_count; id++) {
        struct model_row *row = &m->rows[id];
        if (!row->is_alive || row->partition_us >= from_us)
            continue;
        bool is_near = row->partition_us >= from_us - SL_US_PER_HOUR;
        assert_true(is_near || seen.times[id] == 0);
        row->is_alive = seen.times[id] != 0;
    }
    free(seen.times);
}

static void
do_reader(struct model *m)
{
    struct reader *reader = &m->readers[below(m, READERS)];
    struct sl_error err = {0};
    struct rows_seen seen = {0};
    if (reader->snapshot != NULL) {
        TEST_OK(rows_read(reader->snapshot, m->schema, NULL, &seen, &err), &err);
        assert_int_equal(seen.broken, 0);
        assert_int_equal(seen.rows, reader->rows);
        assert_int_equal(seen.sum, reader->sum);
        sl_snapshot_release(reader->snapshot);
        reader->snapshot = NULL;
        return;
    }
    reader->snapshot = sl_snapshot_acquire(m->store);
    reader->rows = reader->sum = 0;
    for (uint64_t id = 0; id < m->row_count; id++) {
        reader->rows += m->rows[id].is_alive;
        reader->sum += m->rows[id].is_alive ? id : 0;
    }
}

/* Every row of the model that is alive is there once, and no other. */
static void
compare(struct model *m)
{
    struct sl_error err = {0};
    struct rows_seen seen = {.id_count = m->row_count};
    uint64_t alive = 0;
    seen.times = sl_new((m->row_count + 1) * sizeof(uint32_t));
    struct sl_snapshot *snapshot = sl_snapshot_acquire(m->store);
    TEST_OK(rows_read(snapshot, m->schema, NULL, &seen, &err), &err);
    assert_int_equal(seen.broken, 0);
    for (uint64_t id = 0; id < m->row_count; id++) {
        alive += m->rows[id].is_alive;
        if (seen.times[id] != m->rows[id].is_alive)
            fail_msg("row %" PRIu64 " is there %" PRIu32 " times", id, seen.times[id]);
    }
    assert_int_equal(sl_snapshot_row_count(snapshot), alive);
    sl_snapshot_release(snapshot);
    free(seen.times);
}

static void
step(struct model *m)
{
    struct sl_error err = {0};
    uint64_t draw = below(m, 100);
    m->now_us += (int64_t)below(m, 20) * SL_US_PER_MINUTE;
    sl_clock_set_us(m->now_us);
    if (draw < 50) {
        do_append(m);
        return;
    }
    if (draw < 60) {
        TEST_OK(sl_store_flush(m->store, &err), &err);
    } else if (draw < 68) {
        do_delete(m);
    } else if (draw < 76) {
        TEST_OK(sl_store_merge_all(m->store, &err), &err);
    } else if (draw < 80) {
        do_retain(m);
    } else if (draw < 85) {
        close_store(m);
        open_store(m);
    } else {
        do_reader(m);
        return;
    }
    compare(m);
}

static void
store_agrees_with_the_naive_one(void **state)
{
    (void)state;
    struct model m = {.seed = test_seed(), .now_us = ROWS_START_US, .import_id = {7, 9}};
    uint64_t damaged = 0;
    struct sl_error err = {0};
    m.path = test_dir_create();
    m.rows = sl_new(ROWS_MAX * sizeof(struct model_row));
    m.options = sl_store_options_default();
    m.options.directory = m.path;
    m.options.is_background_off = true;
    m.memory.limit_bytes = m.options.cache_bytes = 1 << 18;
    m.options.memory = &m.memory;
    m.options.commit_interval_us = 1000;
    m.options.retention_us = 3 * SL_US_PER_DAY;
    sl_clock_set_us(m.now_us);
    open_store(&m);
    for (int i = 0; i < (int)test_rounds(STEPS); i++)
        step(&m);
    compare(&m);
    struct sl_import_state import = {0};
    TEST_OK(sl_store_import_find(m.store, m.import_id, &import, &err), &err);
    close_store(&m);
    TEST_OK(sl_store_check(m.path, NULL, NULL, &damaged, &err), &err);
    assert_int_equal(damaged, 0);
    sl_clock_set_us(INT64_MIN);
    free(m.rows);
    test_dir_remove(m.path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(store_agrees_with_the_naive_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
