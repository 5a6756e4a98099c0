/*
 * journal_test.c - what is acknowledged comes back exactly once, and damage is told from a tail.
 *
 * Method: examples of the promises of journal.h; every byte of a small journal damaged in turn,
 * every length of it cut; every system call of an append failed in turn. Power cuts are in
 * tests/crash/journal_crash_test.c.
 */
#include "storage/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/journal_format.h"
#include "tests/support/test.h"

enum { SEEN_MAX = 4096 };

struct seen {
    uint64_t from_position;
    size_t count;
    uint64_t positions[SEEN_MAX];
    uint64_t values[SEEN_MAX];
    struct sl_journal_frame last; /* pointers are stale */
    char last_producer[SL_PRODUCER_NAME_BYTES_MAX + 1];
    unsigned damage_count;
    char damage_file[64];
    uint64_t damage_offset;
};

/* A batch of a test is a number, then bytes that follow from it. */
static size_t
make_batch(uint64_t value, uint8_t *bytes, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        bytes[i] = (uint8_t)(i < 8 ? value >> (8 * i) : value + i);
    return size_bytes;
}

static sl_status
see(void *context, uint64_t position, const struct sl_journal_frame *frame, struct sl_error *err)
{
    struct seen *seen = context;
    uint64_t value = 0;
    const uint8_t *bytes = frame->batch;
    (void)err;
    assert_true(seen->count < SEEN_MAX);
    assert_true(frame->batch_bytes >= 8);
    for (size_t i = 0; i < 8; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    for (size_t i = 8; i < frame->batch_bytes; i++)
        assert_int_equal(bytes[i], (uint8_t)(value + i));
    seen->positions[seen->count] = position;
    seen->values[seen->count++] = value;
    seen->last = *frame;
    memcpy(seen->last_producer, frame->producer, frame->producer_bytes);
    seen->last_producer[frame->producer_bytes] = 0;
    return SL_OK;
}

static void
see_damage(void *context, const char *file, uint64_t offset, const char *reason)
{
    struct seen *seen = context;
    assert_non_null(reason);
    seen->damage_count++;
    seen->damage_offset = offset;
    (void)snprintf(seen->damage_file, sizeof(seen->damage_file), "%s", file);
}

static int
open_dir(const char *path)
{
    struct sl_error err = {0};
    int fd;
    TEST_OK(sl_dir_open(AT_FDCWD, path, &fd, &err), &err);
    return fd;
}

static struct sl_journal *
open_journal(int dir_fd, const struct sl_journal_options *options, struct seen *seen)
{
    struct sl_error err = {0};
    struct sl_journal *journal;
    struct sl_journal_replay replay = {
        .from_position = seen->from_position, .visit = see, .report = see_damage, .context = seen};
    seen->count = 0;
    seen->damage_count = 0;
    TEST_OK(sl_journal_open(dir_fd, options, &replay, &journal, &err), &err);
    return journal;
}

static sl_status
append(struct sl_journal *journal, uint64_t value, size_t size_bytes, uint64_t *out_position,
       struct sl_error *err)
{
    uint8_t *bytes = sl_new(size_bytes);
    struct sl_journal_frame frame = {.batch = bytes,
                                     .batch_bytes = make_batch(value, bytes, size_bytes)};
    sl_status st = sl_journal_append(journal, &frame, NULL, NULL, out_position, err);
    free(bytes);
    return st;
}

static void
append_values(struct sl_journal *journal, uint64_t first, uint64_t count, size_t size_bytes)
{
    struct sl_error err = {0};
    uint64_t position;
    for (uint64_t i = 0; i < count; i++)
        TEST_OK(append(journal, first + i, size_bytes, &position, &err), &err);
    TEST_OK(sl_journal_sync(journal, &err), &err);
}

static void
expect_values(const struct seen *seen, uint64_t first, uint64_t count)
{
    assert_int_equal(seen->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(seen->values[i], first + i);
}

static void
what_was_appended_comes_back_in_order(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = open_dir(path);
    struct seen *seen = sl_new(sizeof(*seen));
    struct sl_error err = {0};
    uint8_t batch[100];
    uint64_t position;

    struct sl_journal *journal = open_journal(dir_fd, NULL, seen);
    append_values(journal, 10, 5, 33);
    struct sl_journal_frame frame = {.producer = "importer-7",
                                     .producer_bytes = 10,
                                     .epoch = 3,
                                     .batch_number = 99,
                                     .is_import = true,
                                     .import_id = {.low = 1, .high = 2},
                                     .import_offset = 12345,
                                     .batch = batch,
                                     .batch_bytes = make_batch(15, batch, sizeof(batch))};
    TEST_OK(sl_journal_append(journal, &frame, NULL, NULL, &position, &err), &err);
    assert_int_equal(position, 6);
    sl_journal_close(journal);

    journal = open_journal(dir_fd, NULL, seen);
    expect_values(seen, 10, 6);
    assert_int_equal(seen->positions[5], 6);
    assert_string_equal(seen->last_producer, "importer-7");
    assert_int_equal(seen->last.epoch, 3);
    assert_int_equal(seen->last.batch_number, 99);
    assert_true(seen->last.is_import);
    assert_int_equal(seen->last.import_id.high, 2);
    assert_int_equal(seen->last.import_offset, 12345);
    assert_int_equal(seen->damage_count, 0);

    /* Appends go on behind all positions, and replay starts where it is told to. */
    append_values(journal, 16, 1, 8);
    sl_journal_close(journal);
    seen->from_position = 4;
    sl_journal_close(open_journal(dir_fd, NULL, seen));
    expect_values(seen, 13, 4);
    seen->from_position = 1000;
    journal = open_journal(dir_fd, NULL, seen);
    assert_int_equal(seen->count, 0);
    TEST_OK(append(journal, 1, 8, &position, &err), &err);
    assert_int_equal(position, 1000);
    sl_journal_close(journal);
    sl_journal_close(open_journal(dir_fd, NULL, seen));
    expect_values(seen, 1, 1);
    assert_int_equal(seen->damage_count, 0);

    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

struct told {
    _Atomic unsigned ok;
    _Atomic unsigned failed;
};

static void
tell(void *context, sl_status status)
{
    struct told *told = context;
    if (status == SL_OK)
        told->ok++;
    else
        told->failed++;
}

struct appender {
    struct sl_journal *journal;
    struct told *told;
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
        frame.batch_bytes = make_batch(a->first + i, batch, sizeof(batch));
        if (sl_journal_append(a->journal, &frame, tell, a->told, &position, &err) != SL_OK)
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
    int dir_fd = open_dir(path);
    struct seen *seen = sl_new(sizeof(*seen));
    struct told told = {0};
    struct sl_journal_options options = sl_journal_options_default();
    options.file_bytes = 20000; /* many rotations */
    options.pending_bytes_max = 2000;

    struct sl_journal *journal = open_journal(dir_fd, &options, seen);
    struct appender appenders[APPENDERS];
    struct sl_thread *threads[APPENDERS];
    for (unsigned i = 0; i < APPENDERS; i++) {
        appenders[i] = (struct appender){journal, &told, i * 1000};
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

    sl_journal_close(open_journal(dir_fd, &options, seen));
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
    int dir_fd = open_dir(path);
    struct seen *seen = sl_new(sizeof(*seen));
    struct sl_error err = {0};
    struct sl_journal_options options = sl_journal_options_default();
    struct sl_journal_status status;
    uint64_t position;
    options.commit_interval_us = 20 * SL_US_PER_MS;

    struct sl_journal *journal = open_journal(dir_fd, &options, seen);
    TEST_OK(append(journal, 1, 8, &position, &err), &err);
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

static void
trim_removes_what_lies_wholly_below(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = open_dir(path);
    struct seen *seen = sl_new(sizeof(*seen));
    struct sl_error err = {0};
    struct sl_journal_options options = sl_journal_options_default();
    struct sl_journal_status before, after;
    options.file_bytes = 1000;

    struct sl_journal *journal = open_journal(dir_fd, &options, seen);
    append_values(journal, 1, 100, 100);
    sl_journal_status(journal, &before);
    assert_true(before.file_count > 10);
    TEST_OK(sl_journal_trim(journal, 51, &err), &err);
    sl_journal_status(journal, &after);
    assert_in_range(after.file_count, before.file_count / 2 - 1, before.file_count / 2 + 2);
    sl_journal_close(journal);

    seen->from_position = 51;
    journal = open_journal(dir_fd, &options, seen);
    expect_values(seen, 51, 50);
    assert_int_equal(seen->damage_count, 0);
    TEST_OK(sl_journal_trim(journal, UINT64_MAX, &err), &err);
    sl_journal_status(journal, &after);
    assert_int_equal(after.file_count, 1);
    sl_journal_close(journal);

    /* Frames that the catalog does not cover, and no file holds, are missed. */
    seen->from_position = 60;
    sl_journal_close(open_journal(dir_fd, &options, seen));
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
    int dir_fd = open_dir(path);
    struct seen *seen = sl_new(sizeof(*seen));
    struct sl_error err = {0};
    struct sl_journal_status status;

    struct sl_journal *journal = open_journal(dir_fd, NULL, seen);
    append_values(journal, 1, 3, 1 << 20);
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

static void
limits_are_refused(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = open_dir(path);
    struct seen *seen = sl_new(sizeof(*seen));
    struct sl_error err = {0};
    uint64_t position;
    struct sl_journal *journal = open_journal(dir_fd, NULL, seen);
    char name[SL_PRODUCER_NAME_BYTES_MAX + 1] = {0};

    struct sl_journal_frame frame = {.batch = "12345678", .batch_bytes = 8};
    frame.producer = name;
    frame.producer_bytes = sizeof(name);
    assert_int_equal(sl_journal_append(journal, &frame, NULL, NULL, &position, &err), SL_LIMIT);
    frame.producer_bytes = sizeof(name) - 1;
    TEST_OK(sl_journal_append(journal, &frame, NULL, NULL, &position, &err), &err);
    frame.batch_bytes = 0;
    assert_int_equal(sl_journal_append(journal, &frame, NULL, NULL, &position, &err), SL_LIMIT);
    frame.batch_bytes = (size_t)SL_BATCH_BYTES_MAX + 1;
    assert_int_equal(sl_journal_append(journal, &frame, NULL, NULL, &position, &err), SL_LIMIT);
    sl_journal_close(journal);
    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

/* A switch table that fails call number `fail_at` of those that change the disk. */
struct failing {
    _Atomic int calls;
    int fail_at;
    bool is_stuck; /* and every later one */
};

static bool
fails(struct failing *f)
{
    int call = f->calls++;
    if (call != f->fail_at && !(f->is_stuck && call > f->fail_at))
        return false;
    errno = EIO;
    return true;
}

static ssize_t
failing_pwrite(void *context, int fd, const void *bytes, size_t size_bytes, off_t offset)
{
    return fails(context) ? -1 : pwrite(fd, bytes, size_bytes, offset);
}

static int
failing_fdatasync(void *context, int fd)
{
    return fails(context) ? -1 : fdatasync(fd);
}

static int
failing_fsync(void *context, int fd)
{
    return fails(context) ? -1 : fsync(fd);
}

static int
failing_renameat(void *context, int dir_fd, const char *source, const char *target)
{
    return fails(context) ? -1 : renameat(dir_fd, source, dir_fd, target);
}

static struct sl_file_calls
failing_calls(struct failing *f)
{
    struct sl_file_calls calls = sl_file_real_calls;
    calls.context = f;
    calls.pwrite = failing_pwrite;
    calls.fdatasync = failing_fdatasync;
    calls.fsync = failing_fsync;
    calls.renameat = failing_renameat;
    return calls;
}

/* The memtable of the test: values first .. first + count - 1. */
struct memtable {
    uint64_t first, count;
    uint8_t batch[32];
    uint64_t placed_count, placed_last;
};

static bool
memtable_next(void *context, uint64_t index, struct sl_journal_frame *out_frame)
{
    struct memtable *m = context;
    if (index == m->count)
        return false;
    *out_frame = (struct sl_journal_frame){
        .batch = m->batch, .batch_bytes = make_batch(m->first + index, m->batch, sizeof(m->batch))};
    return true;
}

static void
memtable_placed(void *context, uint64_t index, uint64_t position)
{
    struct memtable *m = context;
    assert_int_equal(index, m->placed_count);
    m->placed_count++;
    m->placed_last = position;
}

/* Fail call number `fail_at` of three appends; then replace, failing call `replace_at`. */
static void
fail_and_replace(int fail_at, int replace_at)
{
    char *path = test_dir_create();
    int dir_fd = open_dir(path);
    struct seen *seen = sl_new(sizeof(*seen));
    struct failing failing = {.fail_at = -1};
    struct sl_file_calls calls = failing_calls(&failing);
    struct sl_journal_options options = sl_journal_options_default();
    struct told told = {0};
    struct sl_error err = {0};
    uint64_t position;
    options.file_bytes = 150; /* the second frame rotates */

    struct sl_journal *journal = open_journal(dir_fd, &options, seen);
    sl_file_install(&calls);
    failing.calls = 0;
    failing.fail_at = fail_at;
    unsigned count = 0;
    uint8_t batch[32];
    struct sl_journal_frame frame = {.batch = batch};
    bool is_broken = false;
    while (count < 3 && !is_broken) {
        frame.batch_bytes = make_batch(count, batch, sizeof(batch));
        TEST_OK(sl_journal_append(journal, &frame, tell, &told, &position, &err), &err);
        count++;
        is_broken = sl_journal_sync(journal, &err) != SL_OK;
    }
    assert_int_equal(is_broken, sl_journal_trouble(journal, NULL));
    if (is_broken) {
        /* The commit thread may have failed before the sync was called, or during it. */
        assert_true(err.status == SL_IO || err.status == SL_READONLY);
        assert_int_equal(sl_journal_append(journal, &frame, tell, &told, &position, &err),
                         SL_READONLY);
        assert_int_equal(sl_journal_sync(journal, &err), SL_READONLY);
        failing.calls = 0;
        failing.fail_at = replace_at;
        struct memtable memtable = {.count = count};
        struct sl_journal_refill refill = {memtable_next, memtable_placed, &memtable};
        if (sl_journal_replace(journal, &refill, &err) != SL_OK) {
            assert_int_equal(memtable.placed_count, 0);
            assert_true(sl_journal_trouble(journal, NULL));
            TEST_OK(sl_journal_replace(journal, &refill, &err), &err);
        }
        assert_int_equal(memtable.placed_count, count);
        assert_true(memtable.placed_last > position);
        assert_false(sl_journal_trouble(journal, NULL));
        append_values(journal, count, 2, 32);
        count += 2;
    }
    sl_journal_close(journal);
    sl_file_install(NULL);
    assert_int_equal(told.ok + told.failed, is_broken ? count - 2 : count);
    assert_int_equal(told.failed, is_broken ? 1 : 0);

    sl_journal_close(open_journal(dir_fd, &options, seen));
    expect_values(seen, 0, count);
    assert_int_equal(seen->damage_count, 0);
    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

static void
a_failed_call_ends_acknowledgements_until_replaced(void **state)
{
    (void)state;
    for (int fail_at = 0; fail_at < 10; fail_at++)
        for (int replace_at = -1; replace_at < 6; replace_at++)
            fail_and_replace(fail_at, replace_at);
}

static void
a_journal_that_stays_broken_keeps_what_it_acknowledged(void **state)
{
    (void)state;
    for (int fail_at = 0; fail_at < 12; fail_at++) {
        char *path = test_dir_create();
        int dir_fd = open_dir(path);
        struct seen *seen = sl_new(sizeof(*seen));
        struct failing failing = {.fail_at = fail_at, .is_stuck = true};
        struct sl_file_calls calls = failing_calls(&failing);
        struct sl_journal_options options = sl_journal_options_default();
        struct sl_error err = {0};
        uint64_t position, acknowledged = 0;
        options.file_bytes = 300;

        struct sl_journal *journal = open_journal(dir_fd, &options, seen);
        sl_file_install(&calls);
        for (uint64_t i = 0; i < 6 && sl_journal_sync(journal, &err) == SL_OK; i++) {
            acknowledged = i;
            if (append(journal, i, 40, &position, &err) != SL_OK)
                break;
        }
        sl_journal_close(journal);
        sl_file_install(NULL);
        sl_journal_close(open_journal(dir_fd, &options, seen));
        assert_true(seen->count >= acknowledged);
        for (size_t i = 0; i < seen->count; i++)
            assert_int_equal(seen->values[i], i);
        assert_int_equal(seen->damage_count, 0);
        free(seen);
        sl_file_close(dir_fd);
        test_dir_remove(path);
    }
}

static void
write_whole(int dir_fd, const char *name, const uint8_t *bytes, size_t size_bytes)
{
    struct sl_error err = {0};
    int fd;
    TEST_OK(sl_file_open(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, &fd, &err), &err);
    TEST_OK(sl_file_write_at(fd, 0, bytes, size_bytes, &err), &err);
    sl_file_close(fd);
}

static const char first_name[] = "0000000001.journal";
enum { SMALL_FRAMES = 4, SMALL_FRAME_BYTES = SL_JOURNAL_FRAME_HEAD_BYTES + 40 };

/* A small journal of one file, closed in order: its bytes. */
static uint8_t *
small_journal(const char *path, int dir_fd, size_t *out_size_bytes)
{
    struct seen *seen = sl_new(sizeof(*seen));
    struct sl_journal *journal = open_journal(dir_fd, NULL, seen);
    append_values(journal, 0, SMALL_FRAMES, 37);
    sl_journal_close(journal);
    free(seen);
    char name[4096];
    (void)snprintf(name, sizeof(name), "%s/%s", path, first_name);
    return test_read_file(name, out_size_bytes);
}

static uint64_t
check_damage(int dir_fd, struct seen *seen)
{
    struct sl_error err = {0};
    uint64_t damaged;
    seen->damage_count = 0;
    TEST_OK(sl_journal_check(dir_fd, 0, see_damage, seen, &damaged, &err), &err);
    assert_int_equal(damaged, seen->damage_count);
    return damaged;
}

static void
every_damaged_byte_is_told_and_the_rest_is_replayed(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = open_dir(path);
    struct seen *seen = sl_new(sizeof(*seen));
    size_t size_bytes;
    uint8_t *bytes = small_journal(path, dir_fd, &size_bytes);
    size_t mark_offset = size_bytes - SL_JOURNAL_FRAME_HEAD_BYTES;
    assert_int_equal(mark_offset, SL_JOURNAL_HEAD_BYTES + SMALL_FRAMES * SMALL_FRAME_BYTES);

    uint64_t seed = test_seed();
    for (size_t i = 0; i < size_bytes; i++) {
        if (test_random_below(&seed, 100) >= test_rounds(100))
            continue;
        char *copy_path = test_dir_create();
        int copy_fd = open_dir(copy_path);
        bytes[i] ^= (uint8_t)(1u << (i % 8));
        write_whole(copy_fd, first_name, bytes, size_bytes);
        bytes[i] ^= (uint8_t)(1u << (i % 8));

        bool is_head = i < SL_JOURNAL_HEAD_BYTES;
        bool is_mark = i >= mark_offset;
        size_t frame = is_head ? 0 : (i - SL_JOURNAL_HEAD_BYTES) / SMALL_FRAME_BYTES;
        assert_int_equal(check_damage(copy_fd, seen), is_mark ? 0 : 1);

        sl_journal_close(open_journal(copy_fd, NULL, seen));
        assert_int_equal(seen->damage_count, is_mark ? 0 : 1);
        assert_int_equal(seen->count, is_head || is_mark ? SMALL_FRAMES : SMALL_FRAMES - 1);
        if (!is_mark) {
            assert_string_equal(seen->damage_file, first_name);
            assert_int_equal(seen->damage_offset,
                             is_head ? 0 : SL_JOURNAL_HEAD_BYTES + frame * SMALL_FRAME_BYTES);
        }
        for (size_t k = 0; k < seen->count; k++)
            assert_true(is_head || is_mark || seen->values[k] != frame);

        /* It stays reported, and what comes later is not lost with it. */
        struct sl_journal *journal = open_journal(copy_fd, NULL, seen);
        append_values(journal, 77, 1, 8);
        sl_journal_close(journal);
        sl_journal_close(open_journal(copy_fd, NULL, seen));
        assert_int_equal(seen->values[seen->count - 1], 77);
        assert_int_equal(seen->damage_count, is_mark ? 0 : 1);
        sl_file_close(copy_fd);
        test_dir_remove(copy_path);
    }
    free(bytes);
    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

static void
a_file_cut_anywhere_keeps_its_whole_frames(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = open_dir(path);
    struct seen *seen = sl_new(sizeof(*seen));
    size_t size_bytes;
    uint8_t *bytes = small_journal(path, dir_fd, &size_bytes);

    uint64_t seed = test_seed();
    for (size_t cut = 0; cut <= size_bytes; cut++) {
        if (test_random_below(&seed, 100) >= test_rounds(100))
            continue;
        char *copy_path = test_dir_create();
        int copy_fd = open_dir(copy_path);
        write_whole(copy_fd, first_name, bytes, cut);
        size_t whole =
            cut < SL_JOURNAL_HEAD_BYTES ? 0 : (cut - SL_JOURNAL_HEAD_BYTES) / SMALL_FRAME_BYTES;
        assert_int_equal(check_damage(copy_fd, seen), 0);
        struct sl_journal *journal = open_journal(copy_fd, NULL, seen);
        expect_values(seen, 0, whole);
        append_values(journal, whole, 1, 8);
        sl_journal_close(journal);
        sl_journal_close(open_journal(copy_fd, NULL, seen));
        expect_values(seen, 0, whole + 1);
        assert_int_equal(seen->damage_count, 0);
        sl_file_close(copy_fd);
        test_dir_remove(copy_path);
    }
    free(bytes);
    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

static void
a_frame_at_another_place_is_not_believed(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = open_dir(path);
    struct seen *seen = sl_new(sizeof(*seen));
    size_t size_bytes;
    uint8_t *bytes = small_journal(path, dir_fd, &size_bytes);

    /* The second frame over the third, all bytes as a writer of ours wrote them. */
    uint8_t *second = bytes + SL_JOURNAL_HEAD_BYTES + SMALL_FRAME_BYTES;
    memcpy(second + SMALL_FRAME_BYTES, second, SMALL_FRAME_BYTES);
    write_whole(dir_fd, first_name, bytes, size_bytes);
    sl_journal_close(open_journal(dir_fd, NULL, seen));
    assert_int_equal(seen->count, SMALL_FRAMES - 1);
    assert_int_equal(seen->damage_count, 1);

    /* The whole file under another number. */
    char *other_path = test_dir_create();
    int other_fd = open_dir(other_path);
    write_whole(other_fd, "0000000002.journal", bytes, size_bytes);
    sl_journal_close(open_journal(other_fd, NULL, seen));
    assert_int_equal(seen->count, 0);
    assert_int_equal(seen->damage_count, 1);
    sl_file_close(other_fd);
    test_dir_remove(other_path);

    free(bytes);
    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

static void
a_newer_format_is_refused_and_left_alone(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = open_dir(path);
    struct sl_error err = {0};
    struct sl_journal *journal;
    struct sl_journal_replay replay = {0};
    size_t size_bytes;
    uint8_t *bytes = small_journal(path, dir_fd, &size_bytes);

    bytes[8] = 2;
    uint64_t hash = sl_hash64(bytes, 56);
    for (size_t i = 0; i < 8; i++)
        bytes[56 + i] = (uint8_t)(hash >> (8 * i));
    write_whole(dir_fd, first_name, bytes, size_bytes);
    assert_int_equal(sl_journal_open(dir_fd, NULL, &replay, &journal, &err), SL_VERSION);
    assert_null(journal);
    free(bytes);
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
        cmocka_unit_test(trim_removes_what_lies_wholly_below),
        cmocka_unit_test(covered_files_that_grew_large_are_left_early),
        cmocka_unit_test(limits_are_refused),
        cmocka_unit_test(a_failed_call_ends_acknowledgements_until_replaced),
        cmocka_unit_test(a_journal_that_stays_broken_keeps_what_it_acknowledged),
        cmocka_unit_test(every_damaged_byte_is_told_and_the_rest_is_replayed),
        cmocka_unit_test(a_file_cut_anywhere_keeps_its_whole_frames),
        cmocka_unit_test(a_frame_at_another_place_is_not_believed),
        cmocka_unit_test(a_newer_format_is_refused_and_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
