/*
 * journal_trouble_test.c - a call that fails ends acknowledgements, until the journal is replaced.
 *
 * Method: every system call of an append, and of the replacement after it, failed in turn.
 */
#include "storage/journal.h"

#include <errno.h>
#include <stdio.h> /* renameat */
#include <unistd.h>

#include "tests/unit/storage/journal_sample.h"

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
        .batch = m->batch,
        .batch_bytes = sample_batch(m->first + index, m->batch, sizeof(m->batch))};
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
    int dir_fd = sample_open_dir(path);
    struct sample_seen *seen = sl_new(sizeof(*seen));
    struct failing failing = {.fail_at = -1};
    struct sl_file_calls calls = failing_calls(&failing);
    struct sl_journal_options options = sl_journal_options_default();
    struct sample_told told = {0};
    struct sl_error err = {0};
    uint64_t position;
    options.file_bytes = 150; /* the second frame rotates */

    struct sl_journal *journal = sample_open(dir_fd, &options, seen);
    sl_file_install(&calls);
    failing.calls = 0;
    failing.fail_at = fail_at;
    unsigned count = 0;
    uint8_t batch[32];
    struct sl_journal_frame frame = {.batch = batch};
    bool is_broken = false;
    while (count < 3 && !is_broken) {
        frame.batch_bytes = sample_batch(count, batch, sizeof(batch));
        TEST_OK(sample_append_frame(journal, &frame, sample_tell, &told, &position, &err), &err);
        count++;
        is_broken = sl_journal_sync(journal, &err) != SL_OK;
    }
    assert_int_equal(is_broken, sl_journal_trouble(journal, NULL));
    if (is_broken) {
        /* The commit thread may have failed before the sync was called, or during it. */
        assert_true(err.status == SL_IO || err.status == SL_READONLY);
        assert_int_equal(sample_append_frame(journal, &frame, sample_tell, &told, &position, &err),
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
        sample_append_values(journal, count, 2, 32);
        count += 2;
    }
    sl_journal_close(journal);
    sl_file_install(NULL);
    assert_int_equal(told.ok + told.failed, is_broken ? count - 2 : count);
    assert_int_equal(told.failed, is_broken ? 1 : 0);

    sl_journal_close(sample_open(dir_fd, &options, seen));
    sample_expect_values(seen, 0, count);
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
        int dir_fd = sample_open_dir(path);
        struct sample_seen *seen = sl_new(sizeof(*seen));
        struct failing failing = {.fail_at = fail_at, .is_stuck = true};
        struct sl_file_calls calls = failing_calls(&failing);
        struct sl_journal_options options = sl_journal_options_default();
        struct sl_error err = {0};
        uint64_t position, acknowledged = 0;
        options.file_bytes = 300;

        struct sl_journal *journal = sample_open(dir_fd, &options, seen);
        sl_file_install(&calls);
        for (uint64_t i = 0; i < 6 && sl_journal_sync(journal, &err) == SL_OK; i++) {
            acknowledged = i;
            if (sample_append(journal, i, 40, &position, &err) != SL_OK)
                break;
        }
        sl_journal_close(journal);
        sl_file_install(NULL);
        sl_journal_close(sample_open(dir_fd, &options, seen));
        assert_true(seen->count >= acknowledged);
        for (size_t i = 0; i < seen->count; i++)
            assert_int_equal(seen->values[i], i);
        assert_int_equal(seen->damage_count, 0);
        free(seen);
        sl_file_close(dir_fd);
        test_dir_remove(path);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_call_ends_acknowledgements_until_replaced),
        cmocka_unit_test(a_journal_that_stays_broken_keeps_what_it_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
