/*
 * journal_test.c - what is acknowledged comes back exactly once.
 *
 * Method: examples of the promises of journal.h. Calls that fail are in journal_trouble_test.c,
 * damaged files in journal_damage_test.c, power cuts in tests/crash/journal_crash_test.c.
 */
#include "storage/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include "storage/base/clock.h"
#include "tests/unit/storage/journal_sample.h"

static void
what_was_appended_comes_back_in_order(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = sample_open_dir(path);
    struct sample_seen *seen = sl_new(sizeof(*seen));
    struct sl_error err = {0};
    uint8_t batch[100];
    uint64_t position;

    struct sl_journal *journal = sample_open(dir_fd, NULL, seen);
    sample_append_values(journal, 10, 5, 33);
    struct sl_journal_frame frame = {.producer = "importer-7",
                                     .producer_bytes = 10,
                                     .epoch = 3,
                                     .batch_number = 99,
                                     .is_import = true,
                                     .import_id = {.low = 1, .high = 2},
                                     .import_offset = 12345,
                                     .batch = batch,
                                     .batch_bytes = sample_batch(15, batch, sizeof(batch))};
    TEST_OK(sample_append_frame(journal, &frame, NULL, NULL, &position, &err), &err);
    assert_int_equal(position, 6);
    sl_journal_close(journal);

    journal = sample_open(dir_fd, NULL, seen);
    sample_expect_values(seen, 10, 6);
    assert_int_equal(seen->positions[5], 6);
    assert_string_equal(seen->last_producer, "importer-7");
    assert_int_equal(seen->last.epoch, 3);
    assert_int_equal(seen->last.batch_number, 99);
    assert_true(seen->last.is_import);
    assert_int_equal(seen->last.import_id.high, 2);
    assert_int_equal(seen->last.import_offset, 12345);
    assert_int_equal(seen->damage_count, 0);

    /* Appends go on behind all positions, and replay starts where it is told to. */
    sample_append_values(journal, 16, 1, 8);
    sl_journal_close(journal);
    seen->from_position = 4;
    sl_journal_close(sample_open(dir_fd, NULL, seen));
    sample_expect_values(seen, 13, 4);
    seen->from_position = 1000;
    journal = sample_open(dir_fd, NULL, seen);
    assert_int_equal(seen->count, 0);
    TEST_OK(sample_append(journal, 1, 8, &position, &err), &err);
    assert_int_equal(position, 1000);
    sl_journal_close(journal);
    sl_journal_close(sample_open(dir_fd, NULL, seen));
    sample_expect_values(seen, 1, 1);
    assert_int_equal(seen->damage_count, 0);

    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

struct appender {
    struct sl_journal *journal;
    struct sample_told *told;
    uint64_t first;
};

enum { APPENDERS = 8, APPENDS = 300 };

static void
append_and_wait(void *context)
{
    struct appender *a = context;
    struct sl_error err = {0};
    uint8_t batch[64];
    uint64_t position;
    for (uint64_t i = 0; i < APPENDS; i++) {
        struct sl_journal_frame frame = {.batch = batch};
        frame.batch_bytes = sample_batch(a->first + i, batch, sizeof(batch));
        if (sample_append_frame(a->journal, &frame, sample_tell, a->told, &position, &err) != SL_OK)
            return;
        if (i % 10 == 9 && sl_journal_sync(a->journal, &err) != SL_OK)
            return;
    }
}

static void
waiters_share_syncs_and_each_is_told_once(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = sample_open_dir(path);
    struct sample_seen *seen = sl_new(sizeof(*seen));
    struct sample_told told = {0};
    struct sl_journal_options options = sl_journal_options_default();
    options.file_bytes = 20000; /* many rotations */
    options.pending_bytes_max = 2000;

    struct sl_journal *journal = sample_open(dir_fd, &options, seen);
    struct appender appenders[APPENDERS];
    struct sl_thread *threads[APPENDERS];
    for (unsigned i = 0; i < APPENDERS; i++) {
        appenders[i] = (struct appender){journal, &told, (uint64_t)i * 1000};
        threads[i] = sl_thread_start("appender", append_and_wait, &appenders[i]);
    }
    for (unsigned i = 0; i < APPENDERS; i++)
        sl_thread_join(threads[i]);
    struct sl_journal_status status;
    sl_journal_status(journal, &status);
    assert_true(status.file_count > 5);
    assert_true(status.syncs < APPENDERS * APPENDS);
    sl_journal_close(journal);
    assert_int_equal(told.ok, APPENDERS * APPENDS);
    assert_int_equal(told.failed, 0);

    sl_journal_close(sample_open(dir_fd, &options, seen));
    assert_int_equal(seen->count, APPENDERS * APPENDS);
    uint64_t next[APPENDERS] = {0};
    for (size_t i = 0; i < seen->count; i++) {
        assert_int_equal(seen->positions[i], i + 1);
        assert_int_equal(seen->values[i] % 1000, next[seen->values[i] / 1000]++);
    }
    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

static void
frames_nobody_waits_for_are_durable_after_the_interval(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = sample_open_dir(path);
    struct sample_seen *seen = sl_new(sizeof(*seen));
    struct sl_error err = {0};
    struct sl_journal_options options = sl_journal_options_default();
    struct sl_journal_status status;
    uint64_t position;
    options.commit_interval_us = 20 * SL_US_PER_MS;

    struct sl_journal *journal = sample_open(dir_fd, &options, seen);
    TEST_OK(sample_append(journal, 1, 8, &position, &err), &err);
    for (int i = 0; i < 1000; i++) {
        sl_journal_status(journal, &status);
        if (status.durable_position > position)
            break;
        (void)usleep(5000);
    }
    assert_int_equal(status.durable_position, position + 1);
    sl_journal_close(journal);
    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

/* Long frames fill the journal's queue many times over before the interval ends: they are in the
 * file by then, each from the memory of one before it, and one sync makes all of them durable. */
static void
long_frames_are_written_before_they_are_synced(void **state)
{
    (void)state;
    enum { COUNT = 40, LONG_BYTES = 300000 };
    char *path = test_dir_create();
    int dir_fd = sample_open_dir(path);
    struct sample_seen *seen = sl_new(sizeof(*seen));
    struct sl_error err = {0};
    struct sl_journal_options options = sl_journal_options_default();
    struct sl_journal_status status = {0};
    uint64_t position;
    options.commit_interval_us = SL_US_PER_HOUR;

    struct sl_journal *journal = sample_open(dir_fd, &options, seen);
    for (uint64_t i = 0; i < COUNT; i++)
        TEST_OK(sample_append(journal, i, LONG_BYTES, &position, &err), &err);
    for (int i = 0; i < 1000 && status.bytes_written < (COUNT - 5) * LONG_BYTES; i++) {
        (void)usleep(5000);
        sl_journal_status(journal, &status);
    }
    assert_true(status.bytes_written >= (COUNT - 5) * LONG_BYTES);
    assert_int_equal(status.durable_position, 1);
    assert_int_equal(status.syncs, 0);
    TEST_OK(sl_journal_sync(journal, &err), &err);
    sl_journal_status(journal, &status);
    assert_int_equal(status.durable_position, COUNT + 1);
    assert_int_equal(status.syncs, 1);
    sample_append_values(journal, COUNT, 1, 8);
    sl_journal_close(journal);

    sl_journal_close(sample_open(dir_fd, &options, seen));
    sample_expect_values(seen, 0, COUNT + 1);
    assert_int_equal(seen->damage_count, 0);
    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

static void
trim_removes_what_lies_wholly_below(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = sample_open_dir(path);
    struct sample_seen *seen = sl_new(sizeof(*seen));
    struct sl_error err = {0};
    struct sl_journal_options options = sl_journal_options_default();
    struct sl_journal_status before, after;
    options.file_bytes = 1000;

    struct sl_journal *journal = sample_open(dir_fd, &options, seen);
    sample_append_values(journal, 1, 100, 100);
    sl_journal_status(journal, &before);
    assert_true(before.file_count > 10);
    TEST_OK(sl_journal_trim(journal, 51, &err), &err);
    sl_journal_status(journal, &after);
    assert_in_range(after.file_count, before.file_count / 2 - 1, before.file_count / 2 + 2);
    sl_journal_close(journal);

    seen->from_position = 51;
    journal = sample_open(dir_fd, &options, seen);
    sample_expect_values(seen, 51, 50);
    assert_int_equal(seen->damage_count, 0);
    TEST_OK(sl_journal_trim(journal, UINT64_MAX, &err), &err);
    sl_journal_status(journal, &after);
    assert_int_equal(after.file_count, 1);
    sl_journal_close(journal);

    /* Frames that the catalog does not cover, and no file holds, are missed. */
    seen->from_position = 60;
    sl_journal_close(sample_open(dir_fd, &options, seen));
    assert_int_equal(seen->damage_count, 1);
    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

static void
covered_files_that_grew_large_are_left_early(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = sample_open_dir(path);
    struct sample_seen *seen = sl_new(sizeof(*seen));
    struct sl_error err = {0};
    struct sl_journal_status status;

    struct sl_journal *journal = sample_open(dir_fd, NULL, seen);
    sample_append_values(journal, 1, 3, 1 << 20);
    for (int i = 0; i < 1000; i++) {
        TEST_OK(sl_journal_trim(journal, 4, &err), &err);
        sl_journal_status(journal, &status);
        if (status.bytes < 1000)
            break;
        (void)usleep(1000);
    }
    assert_true(status.bytes < 1000);
    sl_journal_close(journal);
    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

static uint64_t
size_of_only_file(int dir_fd)
{
    struct sl_error err = {0};
    uint64_t size_bytes = 0;
    int fd = -1;
    TEST_OK(sl_file_open(dir_fd, "0000000001.journal", O_RDONLY, &fd, &err), &err);
    TEST_OK(sl_file_size(fd, &size_bytes, &err), &err);
    sl_file_close(fd);
    return size_bytes;
}

/* A sync that changes no length is one write of the disk, and waits for nobody else's. */
static void
short_frames_go_where_room_was_made(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = sample_open_dir(path);
    struct sample_seen *seen = sl_new(sizeof(*seen));
    struct sl_journal_status status;

    struct sl_journal *journal = sample_open(dir_fd, NULL, seen);
    sample_append_values(journal, 1, 1, 100);
    uint64_t room_bytes = size_of_only_file(dir_fd);
    for (uint64_t i = 2; i <= 50; i++)
        sample_append_values(journal, i, 1, 100);
    assert_int_equal(size_of_only_file(dir_fd), room_bytes);
    sl_journal_status(journal, &status);
    assert_true(status.bytes < room_bytes / 2);

    /* Whoever finds the room takes it for that, as after a power cut. */
    uint64_t damaged = 0;
    struct sl_error err = {0};
    TEST_OK(sl_journal_check(dir_fd, 1, sample_see_damage, seen, &damaged, &err), &err);
    assert_int_equal(damaged, 0);
    sl_journal_close(journal);
    assert_true(size_of_only_file(dir_fd) < room_bytes / 2);
    sl_journal_close(sample_open(dir_fd, NULL, seen));
    sample_expect_values(seen, 1, 50);
    assert_int_equal(seen->damage_count, 0);
    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

static void
limits_are_refused(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = sample_open_dir(path);
    struct sample_seen *seen = sl_new(sizeof(*seen));
    struct sl_error err = {0};
    uint64_t position;
    struct sl_journal *journal = sample_open(dir_fd, NULL, seen);
    char name[SL_PRODUCER_NAME_BYTES_MAX] = {0};

    uint8_t *batch = sl_new((size_t)SL_BATCH_BYTES_MAX + 1);
    struct sl_journal_frame frame = {.batch = batch, .batch_bytes = 8};
    frame.producer = name;
    frame.producer_bytes = sizeof(name);
    TEST_OK(sample_append_frame(journal, &frame, NULL, NULL, &position, &err), &err);
    frame.batch_bytes = 0;
    assert_int_equal(sample_append_frame(journal, &frame, NULL, NULL, &position, &err), SL_LIMIT);
    frame.batch_bytes = (size_t)SL_BATCH_BYTES_MAX + 1;
    assert_int_equal(sample_append_frame(journal, &frame, NULL, NULL, &position, &err), SL_LIMIT);
    free(batch);
    sl_journal_close(journal);
    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_appended_comes_back_in_order),
        cmocka_unit_test(waiters_share_syncs_and_each_is_told_once),
        cmocka_unit_test(frames_nobody_waits_for_are_durable_after_the_interval),
        cmocka_unit_test(long_frames_are_written_before_they_are_synced),
        cmocka_unit_test(trim_removes_what_lies_wholly_below),
        cmocka_unit_test(covered_files_that_grew_large_are_left_early),
        cmocka_unit_test(short_frames_go_where_room_was_made),
        cmocka_unit_test(limits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
