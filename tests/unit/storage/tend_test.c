/*
 * tend_test.c - what the threads that look after a store leave alone, and what they do for the first
 * questions.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/slab.h"
#include "storage/segment/segment_writer.h"
#include "storage/store_state.h"
#include "storage/tend.h"
#include "tests/model/store_rows.h"

enum { ROWS = 1000 };

/* Longer than the encoder's memory is kept, and a tick of the thread that gives it back. */
#define IDLE_US (INT64_C(3) * SL_US_PER_S)

static struct sl_store *
open_store(const char *path, struct sl_schema *schema)
{
    struct sl_store_options options = sl_store_options_default();
    struct sl_store *store = NULL;
    struct sl_error err = {0};
    options.directory = path;
    options.is_merge_off = true; /* it would open segments too */
    TEST_OK(sl_store_open(&options, schema, &store, &err), &err);
    return store;
}

static void
write_group(struct sl_store *store, struct sl_segment_writer *writer, struct sl_batch *batch)
{
    struct sl_error err = {0};
    struct sl_segment_rows rows = {.batch = batch};
    sl_store_turn_take(store, SL_TURN_ENCODE);
    TEST_OK(sl_segment_writer_group(writer, &rows, 1, NULL, &err), &err);
    sl_store_turn_give(store, SL_TURN_ENCODE);
}

/* As after a seal: slabs that batches have left. */
static void
leave_slabs(void)
{
    void *pieces[3 * SL_SLAB_BYTES / SL_SLAB_PIECE_BYTES_MAX];
    for (unsigned i = 0; i < SL_COUNTOF(pieces); i++)
        pieces[i] = sl_slab_take(SL_SLAB_PIECE_BYTES_MAX);
    for (unsigned i = 0; i < SL_COUNTOF(pieces); i++)
        sl_slab_give(pieces[i]);
    assert_true(sl_slab_kept_bytes() != 0);
}

/* A merge may read for seconds between two groups: its writer borrows the encoder all that time,
 * while the seal thread finds it idle. */
static void
the_memory_of_a_writer_between_two_groups_may_be_given_back(void **state)
{
    char *path = test_dir_create();
    struct sl_schema *schema = sl_schema_create();
    struct sl_store *store = open_store(path, schema);
    struct sl_segment_writer *writer = NULL;
    struct sl_segment_summary summary = {0};
    struct sl_error err = {0};
    int64_t times[ROWS];
    (void)state;
    for (unsigned i = 0; i < ROWS; i++)
        times[i] = ROWS_START_US;
    struct sl_batch *batch = rows_build(schema, 0, times, ROWS);
    struct sl_segment_meta meta = {.number = sl_store_segment_number(store),
                                   .partition_first_us = ROWS_START_US,
                                   .partition_last_us = ROWS_START_US};
    TEST_OK(sl_segment_writer_open(store->segments_fd, "waits", &meta, SL_EFFORT_SEAL,
                                   store->encoder, &writer, &err),
            &err);
    write_group(store, writer, batch);
    leave_slabs();
    usleep((useconds_t)IDLE_US);
    assert_int_equal(sl_slab_kept_bytes(), 0);
    sl_store_turn_take(store, SL_TURN_ENCODE);
    assert_int_equal(sl_arena_used_bytes(store->encoder), 0); /* it was */
    sl_store_turn_give(store, SL_TURN_ENCODE);
    write_group(store, writer, batch);
    TEST_OK(sl_segment_writer_commit(writer, &summary, &err), &err);
    assert_int_equal(summary.row_count, 2 * ROWS);
    sl_segment_writer_close(writer);
    sl_batch_release(batch);
    sl_store_close(store);
    sl_schema_destroy(schema);
    test_dir_remove(path);
}

static void
memory_is_kept_while_the_next_seal_is_near(void **state)
{
    const uint32_t seal_rows = 1 << 20;
    (void)state;
    assert_false(sl_tend_is_idle(SL_US_PER_S, 0, seal_rows)); /* groups follow each other */
    assert_true(sl_tend_is_idle(INT64_C(3) * SL_US_PER_S, 0, seal_rows));
    assert_true(sl_tend_is_idle(INT64_C(3) * SL_US_PER_S, 1000, seal_rows)); /* a trickle */
    assert_false(sl_tend_is_idle(INT64_C(3) * SL_US_PER_S, seal_rows / 2, seal_rows));
    assert_false(sl_tend_is_idle(INT64_C(29) * SL_US_PER_S, seal_rows - 1, seal_rows));
    assert_true(sl_tend_is_idle(INT64_C(31) * SL_US_PER_S, seal_rows - 1, seal_rows));
    assert_true(sl_tend_is_idle(SL_US_PER_HOUR, seal_rows / 2, seal_rows)); /* it has stopped */
    assert_false(sl_tend_is_idle(INT64_MAX / 2, UINT64_MAX, 1));            /* nothing wraps */
}

enum { SEGMENTS = 3 };

static _Atomic unsigned open_count;
static char opened[SEGMENTS][SL_SEGMENT_NAME_BYTES]; /* the first so many, in their order */

static int
counting_open(void *context, int dir_fd, const char *path, int flags, mode_t mode)
{
    uint64_t number;
    if (flags == (O_RDONLY | O_CLOEXEC) && sl_segment_name_parse(path, &number)) {
        assert_true(open_count < SEGMENTS); /* each once */
        (void)snprintf(opened[open_count], sizeof(opened[0]), "%s", path);
        atomic_fetch_add(&open_count, 1);
    }
    return sl_file_real_calls.open(context, dir_fd, path, flags, mode);
}

/* A directory with segments of SEGMENTS hours, the newest of which was written first. */
static char *
write_segments(struct sl_schema *schema)
{
    char *path = test_dir_create();
    struct sl_store *store = open_store(path, schema);
    struct sl_error err = {0};
    for (int i = 0; i < SEGMENTS; i++) {
        const int64_t time_us = ROWS_START_US - i * SL_US_PER_HOUR;
        struct sl_batch *row = rows_build(schema, (uint64_t)i, &time_us, 1);
        TEST_OK(sl_store_append(store, row, NULL, NULL, NULL, &err), &err);
        sl_batch_release(row);
        TEST_OK(sl_store_flush(store, &err), &err);
    }
    sl_store_close(store);
    return path;
}

static void
after_a_start_the_newest_segments_are_opened(void **state)
{
    struct sl_schema *schema = sl_schema_create();
    struct sl_file_calls calls = sl_file_real_calls;
    (void)state;
    calls.open = counting_open;
    sl_clock_set_us(ROWS_START_US);
    char *path = write_segments(schema);
    open_count = 0;
    sl_file_install(&calls);
    struct sl_store *store = open_store(path, schema);
    while (atomic_load(&open_count) < SEGMENTS)
        usleep(1000);
    sl_store_close(store);
    for (unsigned i = 1; i < SEGMENTS; i++) /* the newest one has the lowest number */
        assert_true(strcmp(opened[i - 1], opened[i]) < 0);
    sl_file_install(NULL);
    sl_schema_destroy(schema);
    test_dir_remove(path);
    sl_clock_set_us(INT64_MIN);
}

/* The same store without threads, whose readers may keep so much. */
static struct sl_store *
open_still(const char *path, struct sl_schema *schema, uint64_t memory_bytes)
{
    struct sl_store_options options = sl_store_options_default();
    struct sl_store *store = NULL;
    struct sl_error err = {0};
    options.directory = path;
    options.memory_limit_bytes = memory_bytes;
    options.is_background_off = true;
    TEST_OK(sl_store_open(&options, schema, &store, &err), &err);
    return store;
}

static void
files_that_nobody_asked_for_are_few_and_closed_first(void **state)
{
    struct sl_schema *schema = sl_schema_create();
    struct sl_segment_reader *reader = NULL;
    struct sl_error err = {0};
    (void)state;
    sl_clock_set_us(ROWS_START_US);
    char *path = write_segments(schema);
    struct sl_store *store = open_still(path, schema, UINT64_C(512) << 20);
    struct sl_version *version = sl_store_version(store);
    assert_int_equal(version->count, SEGMENTS);
    struct sl_live_file *first = version->segments[0]->file;
    struct sl_live_file *second = version->segments[1]->file;
    struct sl_live_file *asked = version->segments[2]->file;
    assert_true(sl_live_file_prepare(first));
    TEST_OK(sl_live_file_enter(asked, &reader, &err), &err);
    sl_live_file_leave(asked);
    assert_true(sl_live_file_prepare(second));
    assert_ptr_equal(second->newer, first);
    assert_ptr_equal(first->newer, asked);
    assert_null(asked->newer);
    sl_version_release(version);
    sl_store_close(store);

    store = open_still(path, schema, 1024);
    version = sl_store_version(store);
    assert_true(sl_live_file_prepare(version->segments[0]->file));
    assert_false(sl_live_file_prepare(version->segments[1]->file));
    assert_null(version->segments[1]->file->reader);
    sl_version_release(version);
    sl_store_close(store);
    sl_schema_destroy(schema);
    test_dir_remove(path);
    sl_clock_set_us(INT64_MIN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_start_the_newest_segments_are_opened),
        cmocka_unit_test(files_that_nobody_asked_for_are_few_and_closed_first),
        cmocka_unit_test(memory_is_kept_while_the_next_seal_is_near),
        cmocka_unit_test(the_memory_of_a_writer_between_two_groups_may_be_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
