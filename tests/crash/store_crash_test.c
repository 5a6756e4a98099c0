/*
 * store_crash_test.c - a power cut or a kill at any call loses nothing that was acknowledged.
 *
 * A scripted workload (ingest, seal, merge, delete, retention, import) runs over a disk that
 * stops at the n-th call that changes it. The directory is then made as it might be found after
 * the power came back (disk.h), and opened. The same script runs in a process that is killed
 * before its n-th call (killer.h), and its directory is opened as it is. Promises:
 *
 *   - every row that was acknowledged is there once, unless its removal was acknowledged too;
 *   - a batch that was not acknowledged is there as a whole or not at all, and so is a DELETE;
 *   - the producer is told how far it got, sends again from there, and ends with every row once;
 *   - sl_store_check finds nothing.
 *
 * n takes every value, so that each two steps of seal, merge and retention are parted; a sanitizer's
 * run samples, with another offset for each seed. LMDB writes past the table: its own steps are
 * not cut.
 */
#include <fcntl.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/base/clock.h"
#include "tests/crash/disk.h"
#include "tests/crash/killer.h"
#include "tests/model/store_rows.h"

enum { BATCH_ROWS = 120, BATCHES = 15, ROWS = BATCH_ROWS * BATCHES, SAMPLES = 400, DOOMED = 7 };

enum fate { ABSENT, PRESENT, EITHER };

enum verb { APPEND, FLUSH, MERGE, ERASE, RETAIN, FINISH };

/* What the workload does, in order. Batches below OLD_BATCHES are older than retention allows
 * when RETAIN comes. */
enum { OLD_BATCHES = 3 };
static const enum verb script[] = {
    APPEND, APPEND, APPEND, FLUSH,  APPEND, FLUSH,  APPEND, APPEND, FLUSH,  MERGE,
    APPEND, ERASE,  APPEND, APPEND, FLUSH,  RETAIN, APPEND, MERGE,  APPEND, ERASE,
    APPEND, FLUSH,  FINISH, APPEND, MERGE,  APPEND, APPEND, FLUSH,
};

struct work {
    struct sl_schema *schema;
    struct sl_store *store;
    struct sl_store_options options;
    uint64_t epoch, sent; /* batches of the producer */
    enum fate fates[ROWS];
    sem_t answered;
    _Atomic sl_status answer;
};

static const struct sl_hash128 import_id = {11, 13};

static int64_t
time_of(uint64_t id)
{
    int64_t age_us = id < OLD_BATCHES * BATCH_ROWS ? 5 * SL_US_PER_DAY : 2 * SL_US_PER_HOUR;
    return ROWS_START_US - age_us + (int64_t)(id % 40) * SL_US_PER_S;
}

static void
on_durable(void *context, sl_status status)
{
    struct work *w = context;
    atomic_store(&w->answer, status);
    (void)sem_post(&w->answered);
}

static sl_status
append(struct work *w, struct sl_error *err)
{
    int64_t times[BATCH_ROWS];
    uint64_t first = w->sent * BATCH_ROWS;
    for (uint64_t i = 0; i < BATCH_ROWS; i++) {
        times[i] = time_of(first + i);
        w->fates[first + i] = EITHER;
    }
    const struct sl_append_from from = {.producer = "crash",
                                        .epoch = w->epoch,
                                        .batch_number = w->sent + 1,
                                        .import_id = &import_id,
                                        .import_offset = w->sent + 1};
    struct sl_batch *batch = rows_build(w->schema, first, times, BATCH_ROWS);
    w->sent++;
    sl_status st = sl_store_append(w->store, batch, &from, on_durable, w, err);
    sl_batch_release(batch);
    if (st != SL_OK)
        return st;
    while (sem_wait(&w->answered) != 0)
        continue;
    st = atomic_load(&w->answer);
    for (uint64_t i = 0; i < BATCH_ROWS && st == SL_OK; i++)
        w->fates[first + i] = PRESENT;
    return st;
}

/* Rows of the DELETE or of retention: uncertain while it runs, gone when it has answered. */
static void
doom(struct work *w, bool (*is_doomed)(uint64_t id), enum fate fate)
{
    for (uint64_t id = 0; id < ROWS; id++)
        if (is_doomed(id) && w->fates[id] != ABSENT)
            w->fates[id] = fate;
}

static bool
is_erased(uint64_t id)
{
    return id % DOOMED == 3;
}

static bool
is_old(uint64_t id)
{
    return id < OLD_BATCHES * BATCH_ROWS;
}

static sl_status
perform(struct work *w, enum verb verb, struct sl_error *err)
{
    struct rows_doomed doomed = {.schema = w->schema, .modulus = DOOMED, .rest = 3};
    uint64_t deleted = 0;
    switch (verb) {
    case APPEND:
        return append(w, err);
    case FLUSH:
        return sl_store_flush(w->store, err);
    case MERGE:
        return sl_store_merge_all(w->store, err);
    case ERASE:
        doom(w, is_erased, EITHER);
        SL_TRY(sl_store_delete(w->store, rows_match, &doomed, &deleted, err));
        doom(w, is_erased, ABSENT);
        return SL_OK;
    case RETAIN:
        doom(w, is_old, EITHER);
        SL_TRY(sl_store_retain(w->store, err));
        doom(w, is_old, ABSENT);
        return SL_OK;
    case FINISH:
        return sl_store_import_finish(w->store, import_id, err);
    }
    return SL_OK;
}

static sl_status
open_work(struct work *w, const char *path, uint64_t *out_durable, struct sl_error *err)
{
    w->options = sl_store_options_default();
    w->options.directory = path;
    w->options.is_background_off = true;
    w->options.retention_us = SL_US_PER_DAY;
    w->schema = sl_schema_create();
    SL_TRY(sl_store_open(&w->options, w->schema, &w->store, err));
    return sl_store_producer_open(w->store, "crash", &w->epoch, out_durable, err);
}

static void
close_work(struct work *w)
{
    sl_store_close(w->store);
    sl_schema_destroy(w->schema);
    w->store = NULL;
}

/* Run the script until something fails. */
static void
run_script(struct work *w, const char *path)
{
    struct sl_error err = {0};
    uint64_t durable = 0;
    sl_status st = open_work(w, path, &durable, &err);
    for (size_t i = 0; i < SL_COUNTOF(script) && st == SL_OK; i++)
        st = perform(w, script[i], &err);
    close_work(w);
}

static void
read_all(struct work *w, struct rows_seen *seen)
{
    struct sl_error err = {0};
    *seen = (struct rows_seen){.id_count = ROWS};
    seen->times = sl_new(ROWS * sizeof(uint32_t));
    struct sl_snapshot *snapshot = sl_snapshot_acquire(w->store);
    TEST_OK(rows_read(snapshot, w->schema, NULL, seen, &err), &err);
    sl_snapshot_release(snapshot);
    assert_int_equal(seen->broken, 0);
}

/* Uncertain rows that share a fate: those of the batch under way, the DELETE's, retention's. */
static void
check_together(const struct work *w, const struct rows_seen *seen, uint64_t first, uint64_t end,
               bool (*belongs)(uint64_t id))
{
    uint64_t there = 0;
    uint64_t count = 0;
    for (uint64_t id = first; id < end; id++) {
        if (w->fates[id] != EITHER || !belongs(id))
            continue;
        there += seen->times[id];
        count++;
    }
    assert_true(there == 0 || there == count);
}

static bool
is_other(uint64_t id)
{
    return !is_erased(id);
}

static void
check_promises(struct work *w, uint64_t call)
{
    struct rows_seen seen;
    read_all(w, &seen);
    for (uint64_t id = 0; id < ROWS; id++) {
        bool is_good = w->fates[id] == EITHER ? seen.times[id] <= 1
                                              : seen.times[id] == (w->fates[id] == PRESENT);
        if (!is_good)
            fail_msg("stopped at call %" PRIu64 ": row %" PRIu64 " is there %" PRIu32 " times",
                     call, id, seen.times[id]);
    }
    uint64_t last = w->sent == 0 ? 0 : (w->sent - 1) * BATCH_ROWS;
    if (w->sent != 0)
        check_together(w, &seen, last, last + BATCH_ROWS, is_other);
    check_together(w, &seen, OLD_BATCHES * BATCH_ROWS, last, is_erased);
    free(seen.times);
}

/* The client connects again and sends what is missing; then every row that nobody removed is
 * there once. */
static void
finish_sending(struct work *w, uint64_t durable)
{
    struct rows_seen before;
    struct rows_seen after;
    struct sl_error err = {0};
    assert_true(durable <= w->sent);
    read_all(w, &before);
    w->sent = durable;
    while (w->sent < BATCHES)
        TEST_OK(append(w, &err), &err);
    read_all(w, &after);
    for (uint64_t id = 0; id < ROWS; id++)
        assert_int_equal(after.times[id], id / BATCH_ROWS < durable ? before.times[id] : 1);
    free(before.times);
    free(after.times);
}

static void
check_clean(const char *path, uint64_t call)
{
    struct sl_error err = {0};
    uint64_t damaged = 0;
    TEST_OK(sl_store_check(path, NULL, NULL, &damaged, &err), &err);
    if (damaged != 0)
        fail_msg("stopped at call %" PRIu64 ": %" PRIu64 " findings", call, damaged);
}

/* One power cut. Returns the number of calls of the workload. */
static uint64_t
cut_once(uint64_t call, enum disk_fate fate, uint64_t *seed)
{
    struct work *w = sl_new(sizeof(*w));
    struct sl_error err = {0};
    uint64_t durable = 0;
    char *path = test_dir_create();
    char *image = test_dir_create();
    char store_path[512];
    char image_path[512];
    int fd = -1;
    (void)snprintf(store_path, sizeof(store_path), "%s/store", path);
    (void)snprintf(image_path, sizeof(image_path), "%s/store", image);
    /* Made before, and not right below a directory that others use: the disk knows files by
     * inode, and theirs come and go. */
    TEST_OK(sl_dir_open(AT_FDCWD, store_path, &fd, &err), &err);
    sl_file_close(fd);
    (void)sem_init(&w->answered, 0, 0);
    struct disk *disk = disk_create();
    disk_stop_at(disk, call);
    sl_file_install(disk_calls(disk));
    run_script(w, store_path);
    sl_file_install(NULL);
    uint64_t calls = disk_call_count(disk);
    disk_cut(disk, store_path, image_path, fate, seed);
    disk_destroy(disk);

    TEST_OK(open_work(w, image_path, &durable, &err), &err);
    check_promises(w, call);
    finish_sending(w, durable);
    close_work(w);
    check_clean(image_path, call);
    (void)sem_destroy(&w->answered);
    test_dir_remove(path);
    test_dir_remove(image);
    free(w);
    return calls;
}

/* What the process that is killed and the one that judges share. */
struct shared {
    struct work work;
    struct killer killer;
};

/* One kill -9, before call number `call` of the script. Returns the number of calls made. */
static uint64_t
kill_once(uint64_t call)
{
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    struct work *w = &shared->work;
    struct sl_error err = {0};
    uint64_t durable = 0;
    int status = 0;
    char *path = test_dir_create();
    (void)sem_init(&w->answered, 0, 0);
    (void)fflush(stdout);
    killer_install(&shared->killer, call);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        run_script(w, path);
        _exit(0);
    }
    sl_file_install(NULL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(call == UINT64_MAX ? status == 0
                                   : WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    uint64_t calls = atomic_load(&shared->killer.made);

    TEST_OK(open_work(w, path, &durable, &err), &err);
    check_promises(w, call);
    finish_sending(w, durable);
    close_work(w);
    check_clean(path, call);
    (void)sem_destroy(&w->answered);
    test_dir_remove(path);
    (void)munmap(shared, sizeof(*shared));
    return calls;
}

static void
a_kill_between_two_steps_loses_nothing_acknowledged(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    sl_clock_set_us(ROWS_START_US);
    uint64_t calls = kill_once(UINT64_MAX);
    assert_true(calls > 50);
    uint64_t stride = calls / test_rounds(SAMPLES) + 1;
    uint64_t kills = 0;
    /* Threads share the journal's calls, so their number differs a little from run to run. */
    for (uint64_t call = test_random_below(&seed, stride); call + 10 < calls; call += stride) {
        (void)kill_once(call);
        kills++;
    }
    printf("%" PRIu64 " kills over %" PRIu64 " calls\n", kills, calls);
    sl_clock_set_us(INT64_MIN);
}

static void
a_power_cut_loses_nothing_acknowledged(void **state)
{
    (void)state;
    static const enum disk_fate fates[] = {DISK_MIX, DISK_DROP, DISK_MIX, DISK_KEEP};
    uint64_t seed = test_seed();
    sl_clock_set_us(ROWS_START_US);
    uint64_t calls = cut_once(UINT64_MAX, DISK_KEEP, &seed);
    assert_true(calls > 50);
    uint64_t stride = calls / test_rounds(SAMPLES) + 1;
    unsigned round = (unsigned)test_random_below(&seed, SL_COUNTOF(fates));
    for (uint64_t call = test_random_below(&seed, stride); call < calls; call += stride)
        (void)cut_once(call, fates[round++ % SL_COUNTOF(fates)], &seed);
    printf("%u cuts over %" PRIu64 " calls\n", round, calls);
    sl_clock_set_us(INT64_MIN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kill_between_two_steps_loses_nothing_acknowledged),
        cmocka_unit_test(a_power_cut_loses_nothing_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
