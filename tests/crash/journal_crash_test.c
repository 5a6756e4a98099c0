/*
 * journal_crash_test.c - a power cut at any call loses nothing that was acknowledged.
 *
 * Method: a script of appends, syncs, rotations, trims, a failed sync and a replacement runs on a
 * simulated disk (disk.h) that stops at call n, for every n until the script runs to its end.
 * Images of each fate are opened on the real disk; some are first opened on a second simulated
 * disk that stops during recovery. What comes back must be the values the script appended, in
 * order, without a hole or a repetition, at least up to the last acknowledged, and no damage may
 * be told. Then more is appended and read back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "storage/base/log.h"
#include "storage/journal.h"
#include "tests/crash/disk.h"
#include "tests/support/test.h"

enum { VALUE_BYTES = 700, VALUES_MAX = 64, MIXES = 6 };

/* What the script knows when the power goes. */
struct script {
    uint64_t appended;      /* values 0 .. appended - 1 */
    uint64_t acknowledged;  /* values 0 .. acknowledged - 1 are durable */
    uint64_t covered_value; /* values below it were sealed, as the catalog would know */
    uint64_t covered_position;
    uint64_t positions[VALUES_MAX];
};

/* A table over the disk's that can fail syncs: trouble that passes. */
struct trouble {
    struct sl_file_calls calls;
    const struct sl_file_calls *disk_calls;
    _Atomic bool is_failing;
};

static int
troubled_fdatasync(void *context, int fd)
{
    struct trouble *t = context;
    if (!t->is_failing)
        return t->disk_calls->fdatasync(t->disk_calls->context, fd);
    errno = EIO;
    return -1;
}

static int
pass_open(void *context, int dir_fd, const char *path, int flags, mode_t mode)
{
    const struct sl_file_calls *c = ((struct trouble *)context)->disk_calls;
    return c->open(c->context, dir_fd, path, flags, mode);
}

static int
pass_close(void *context, int fd)
{
    const struct sl_file_calls *c = ((struct trouble *)context)->disk_calls;
    return c->close(c->context, fd);
}

static ssize_t
pass_pread(void *context, int fd, void *bytes, size_t size_bytes, off_t offset)
{
    const struct sl_file_calls *c = ((struct trouble *)context)->disk_calls;
    return c->pread(c->context, fd, bytes, size_bytes, offset);
}

static ssize_t
pass_pwrite(void *context, int fd, const void *bytes, size_t size_bytes, off_t offset)
{
    const struct sl_file_calls *c = ((struct trouble *)context)->disk_calls;
    return c->pwrite(c->context, fd, bytes, size_bytes, offset);
}

static int
pass_fsync(void *context, int fd)
{
    const struct sl_file_calls *c = ((struct trouble *)context)->disk_calls;
    return c->fsync(c->context, fd);
}

static int
pass_ftruncate(void *context, int fd, off_t size_bytes)
{
    const struct sl_file_calls *c = ((struct trouble *)context)->disk_calls;
    return c->ftruncate(c->context, fd, size_bytes);
}

static int
pass_renameat(void *context, int dir_fd, const char *source, const char *target)
{
    const struct sl_file_calls *c = ((struct trouble *)context)->disk_calls;
    return c->renameat(c->context, dir_fd, source, target);
}

static int
pass_unlinkat(void *context, int dir_fd, const char *path)
{
    const struct sl_file_calls *c = ((struct trouble *)context)->disk_calls;
    return c->unlinkat(c->context, dir_fd, path);
}

static int
pass_mkdirat(void *context, int dir_fd, const char *path, mode_t mode)
{
    const struct sl_file_calls *c = ((struct trouble *)context)->disk_calls;
    return c->mkdirat(c->context, dir_fd, path, mode);
}

static struct trouble
make_trouble(struct disk *disk)
{
    struct trouble t = {.disk_calls = disk_calls(disk)};
    t.calls = (struct sl_file_calls){.open = pass_open,
                                     .close = pass_close,
                                     .pread = pass_pread,
                                     .pwrite = pass_pwrite,
                                     .fdatasync = troubled_fdatasync,
                                     .fsync = pass_fsync,
                                     .ftruncate = pass_ftruncate,
                                     .renameat = pass_renameat,
                                     .unlinkat = pass_unlinkat,
                                     .mkdirat = pass_mkdirat};
    return t;
}

static void
make_value(uint64_t value, uint8_t bytes[VALUE_BYTES])
{
    memset(bytes, (int)value + 1, VALUE_BYTES);
}

static void
append(struct script *s, struct sl_journal *journal)
{
    uint8_t bytes[VALUE_BYTES];
    uint64_t position;
    const struct sl_journal_frame frame = {0};
    struct sl_buf draft;
    make_value(s->appended, bytes);
    assert_true(s->appended < VALUES_MAX);
    sl_journal_draft(journal, &frame, VALUE_BYTES, &draft);
    sl_buf_append(&draft, bytes, VALUE_BYTES);
    if (sl_journal_append(journal, &frame, &draft, NULL, NULL, &position, NULL) == SL_OK)
        s->positions[s->appended++] = position;
}

static void
sync_all(struct script *s, struct sl_journal *journal)
{
    if (sl_journal_sync(journal, NULL) == SL_OK)
        s->acknowledged = s->appended;
}

/* The catalog covers everything below `value` from now on. */
static void
cover(struct script *s, struct sl_journal *journal, uint64_t value)
{
    if (value >= s->appended)
        return;
    s->covered_value = value;
    s->covered_position = s->positions[value];
    sl_status st = sl_journal_trim(journal, s->covered_position, NULL);
    (void)st; /* what could not be removed is still covered */
}

static bool
refill_next(void *context, uint64_t index, struct sl_journal_frame *out_frame)
{
    static uint8_t bytes[VALUE_BYTES];
    struct script *s = context;
    if (s->covered_value + index >= s->appended)
        return false;
    make_value(s->covered_value + index, bytes);
    *out_frame = (struct sl_journal_frame){.batch = bytes, .batch_bytes = VALUE_BYTES};
    return true;
}

static void
refill_placed(void *context, uint64_t index, uint64_t position)
{
    struct script *s = context;
    s->positions[s->covered_value + index] = position;
    s->acknowledged = s->appended;
}

static void
run_script(struct script *s, struct trouble *trouble, const char *path)
{
    struct sl_journal_options options = sl_journal_options_default();
    struct sl_journal_replay replay = {0};
    struct sl_journal_refill refill = {refill_next, refill_placed, s};
    struct sl_journal *journal;
    int dir_fd;

    options.file_bytes = 3000; /* a file holds four frames */
    if (sl_dir_open(AT_FDCWD, path, &dir_fd, NULL) != SL_OK)
        return;
    if (sl_journal_open(dir_fd, &options, &replay, &journal, NULL) != SL_OK) {
        sl_file_close(dir_fd);
        return;
    }
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i <= round; i++)
            append(s, journal);
        sync_all(s, journal);
    }
    cover(s, journal, 6);
    append(s, journal);
    append(s, journal);
    trouble->is_failing = true;
    sync_all(s, journal);
    trouble->is_failing = false;
    if (sl_journal_replace(journal, &refill, NULL) == SL_OK) {
        append(s, journal);
        sync_all(s, journal);
        cover(s, journal, 9);
        for (unsigned i = 0; i < 6; i++)
            append(s, journal);
        sync_all(s, journal);
        cover(s, journal, s->appended - 1);
        append(s, journal);
    }
    sl_journal_close(journal);
    if (!disk_is_stopped((struct disk *)trouble->disk_calls->context))
        s->acknowledged = s->appended;
    sl_file_close(dir_fd);
}

struct seen {
    uint64_t first; /* value that must come first */
    uint64_t count;
    unsigned damage_count;
};

static sl_status
see(void *context, uint64_t position, const struct sl_journal_frame *frame, struct sl_error *err)
{
    struct seen *seen = context;
    uint8_t expected[VALUE_BYTES];
    (void)position;
    (void)err;
    make_value(seen->first + seen->count, expected);
    assert_int_equal(frame->batch_bytes, VALUE_BYTES);
    assert_memory_equal(frame->batch, expected, VALUE_BYTES);
    seen->count++;
    return SL_OK;
}

static void
see_damage(void *context, const char *file, uint64_t offset, const char *reason)
{
    struct seen *seen = context;
    seen->damage_count++;
    print_message("damage told: %s at %" PRIu64 ": %s\n", file, offset, reason);
}

static sl_status
open_image(const char *path, const struct script *s, int *out_dir_fd, struct seen *out_seen,
           struct sl_journal **out_journal, struct sl_error *err)
{
    struct sl_journal_replay replay = {.from_position = s->covered_position,
                                       .visit = see,
                                       .report = see_damage,
                                       .context = out_seen};
    *out_seen = (struct seen){.first = s->covered_value};
    SL_TRY(sl_dir_open(AT_FDCWD, path, out_dir_fd, err));
    sl_status st = sl_journal_open(*out_dir_fd, NULL, &replay, out_journal, err);
    if (st != SL_OK)
        sl_file_close(*out_dir_fd);
    return st;
}

static void
expect_promises(const char *path, const struct script *script)
{
    struct script s = *script;
    struct sl_error err = {0};
    struct sl_journal *journal;
    struct seen seen;
    int dir_fd;
    uint64_t damaged;

    TEST_OK(sl_dir_open(AT_FDCWD, path, &dir_fd, &err), &err);
    seen = (struct seen){0};
    TEST_OK(sl_journal_check(dir_fd, s.covered_position, see_damage, &seen, &damaged, &err), &err);
    assert_int_equal(damaged, 0);
    sl_file_close(dir_fd);

    TEST_OK(open_image(path, &s, &dir_fd, &seen, &journal, &err), &err);
    assert_int_equal(seen.damage_count, 0);
    assert_true(s.covered_value + seen.count >= s.acknowledged);
    assert_true(s.covered_value + seen.count <= s.appended);
    s.appended = s.covered_value + seen.count;
    append(&s, journal);
    append(&s, journal);
    sync_all(&s, journal);
    assert_int_equal(s.acknowledged, s.appended);
    sl_journal_close(journal);
    sl_file_close(dir_fd);

    TEST_OK(open_image(path, &s, &dir_fd, &seen, &journal, &err), &err);
    assert_int_equal(seen.damage_count, 0);
    assert_int_equal(s.covered_value + seen.count, s.appended);
    sl_journal_close(journal);
    sl_file_close(dir_fd);
}

/* Open the image on a disk of its own that stops, and cut that one. */
static void
cut_recovery(const char *image, const char *second, const struct script *s, uint64_t *seed)
{
    struct disk *disk = disk_create();
    struct sl_journal *journal;
    struct seen seen;
    int dir_fd;
    disk_stop_at(disk, test_random_below(seed, 8));
    sl_file_install(disk_calls(disk));
    if (open_image(image, s, &dir_fd, &seen, &journal, NULL) == SL_OK) {
        sl_journal_close(journal);
        sl_file_close(dir_fd);
    }
    sl_file_install(NULL);
    disk_cut(disk, image, second, DISK_MIX, seed);
    disk_destroy(disk);
}

/* One run that stops at call n. False when it ran to its end. */
static bool
stop_at(uint64_t n, uint64_t *seed)
{
    char *root = test_dir_create();
    char live[4096], image[4200], second[4300];
    struct disk *disk = disk_create();
    struct trouble trouble = make_trouble(disk);
    struct script s = {0};

    trouble.calls.context = &trouble;
    (void)snprintf(live, sizeof(live), "%s/live", root);
    sl_file_install(NULL);
    int dir_fd;
    struct sl_error err = {0};
    TEST_OK(sl_dir_open(AT_FDCWD, live, &dir_fd, &err), &err);
    sl_file_close(dir_fd);
    disk_stop_at(disk, n);
    sl_file_install(&trouble.calls);
    run_script(&s, &trouble, live);
    sl_file_install(NULL);

    for (unsigned i = 0; i < 2 + MIXES; i++) {
        enum disk_fate fate = i == 0 ? DISK_DROP : i == 1 ? DISK_KEEP : DISK_MIX;
        (void)snprintf(image, sizeof(image), "%s/image-%u", root, i);
        (void)snprintf(second, sizeof(second), "%s-second", image);
        disk_cut(disk, live, image, fate, seed);
        if (i % 2 == 1) {
            cut_recovery(image, second, &s, seed);
            expect_promises(second, &s);
        } else {
            expect_promises(image, &s);
        }
    }
    bool is_stopped = disk_is_stopped(disk);
    disk_destroy(disk);
    test_dir_remove(root);
    return is_stopped;
}

static void
a_power_cut_at_any_call_keeps_what_was_acknowledged(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    uint64_t n = 0;
    while (stop_at(n, &seed))
        n++;
    print_message("%" PRIu64 " calls\n", n);
    assert_true(n > 40);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut_at_any_call_keeps_what_was_acknowledged),
    };
    sl_log_set_level(SL_LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
