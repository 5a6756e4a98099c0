/*
 * store_damage_test.c - a damaged byte in each kind of file: what needs it fails and says where,
 * everything else still answers.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "tests/model/store_rows.h"

enum { BATCH_ROWS = 500, SEALED = 4, BATCHES = 6, ROWS = BATCH_ROWS * BATCHES };

struct place {
    char *path;
    struct sl_schema *schema;
    struct sl_store *store;
};

static sl_status
open_place(struct place *p, struct sl_error *err)
{
    struct sl_store_options options = sl_store_options_default();
    options.directory = p->path;
    options.is_background_off = true;
    p->schema = sl_schema_create();
    return sl_store_open(&options, p->schema, &p->store, err);
}

static void
close_place(struct place *p)
{
    sl_store_close(p->store);
    sl_schema_destroy(p->schema);
}

/* Four sealed batches, each an hour and a segment of its own, and two in the journal. */
static void
build_place(struct place *p)
{
    struct sl_error err = {0};
    const struct sl_hash128 id = {3, 4};
    p->path = test_dir_create();
    sl_clock_set_us(ROWS_START_US);
    TEST_OK(open_place(p, &err), &err);
    for (uint64_t batch = 0; batch < BATCHES; batch++) {
        int64_t times[BATCH_ROWS];
        for (int i = 0; i < BATCH_ROWS; i++)
            times[i] = ROWS_START_US - (int64_t)(BATCHES - batch) * SL_US_PER_HOUR + i;
        struct sl_batch *rows = rows_build(p->schema, batch * BATCH_ROWS, times, BATCH_ROWS);
        const struct sl_append_from from = {.import_id = &id, .import_offset = batch + 1};
        TEST_OK(sl_store_append(p->store, rows, &from, NULL, NULL, &err), &err);
        sl_batch_release(rows);
        if (batch < SEALED)
            TEST_OK(sl_store_flush(p->store, &err), &err);
    }
    close_place(p);
}

static void
remove_place(struct place *p)
{
    test_dir_remove(p->path);
    sl_clock_set_us(INT64_MIN);
}

/* Flip bits in `count` bytes of a file. */
static void
damage(const struct place *p, const char *file, uint64_t offset, size_t count)
{
    char path[512];
    uint8_t bytes[4096];
    struct sl_error err = {0};
    int fd = -1;
    SL_ASSERT(count <= sizeof(bytes));
    (void)snprintf(path, sizeof(path), "%s/%s", p->path, file);
    TEST_OK(sl_file_open(AT_FDCWD, path, O_RDWR, &fd, &err), &err);
    TEST_OK(sl_file_read_at(fd, offset, bytes, count, &err), &err);
    for (size_t i = 0; i < count; i++)
        bytes[i] ^= 0x55;
    TEST_OK(sl_file_write_at(fd, offset, bytes, count, &err), &err);
    sl_file_close(fd);
}

static void
note_finding(void *context, enum sl_check_part part, const char *finding)
{
    assert_true(strlen(sl_check_advice(part)) > 0);
    (void)snprintf(context, 256, "%s", finding);
}

/* The check finds something in a file of this name. */
static void
expect_finding(const struct place *p, const char *name)
{
    char file[256] = "";
    uint64_t damaged = 0;
    struct sl_error err = {0};
    TEST_OK(sl_store_check(p->path, note_finding, file, &damaged, &err), &err);
    assert_true(damaged > 0);
    if (strstr(file, name) == NULL)
        fail_msg("found in %s, not in %s", file, name);
}

static struct rows_seen
read_place(struct place *p, const struct sl_scan_request *request)
{
    struct sl_error err = {0};
    struct rows_seen seen = {0};
    struct sl_snapshot *snapshot = sl_snapshot_acquire(p->store);
    TEST_OK(rows_read(snapshot, p->schema, request, &seen, &err), &err);
    sl_snapshot_release(snapshot);
    assert_int_equal(seen.broken, 0);
    return seen;
}

static void
a_damaged_segment_fails_the_query_that_needs_it(void **state)
{
    (void)state;
    struct place p = {0};
    struct sl_error err = {0};
    struct rows_seen seen = {0};
    build_place(&p);
    damage(&p, "segments/0000000002.segment", 200, 1);
    expect_finding(&p, "0000000002.segment");
    TEST_OK(open_place(&p, &err), &err);
    struct sl_snapshot *snapshot = sl_snapshot_acquire(p.store);
    assert_int_equal(rows_read(snapshot, p.schema, NULL, &seen, &err), SL_CORRUPT);
    assert_non_null(strstr(err.text, "0000000002.segment"));
    sl_snapshot_release(snapshot);

    const struct sl_scan_request skip = {.prune = SL_PRUNE_ALL, .may_skip_damage = true};
    assert_int_equal(read_place(&p, &skip).rows, ROWS - BATCH_ROWS);

    /* Rows of another hour do not need it. */
    const struct sl_test test = {
        .kind = SL_TEST_RANGE,
        .column = sl_schema_at(p.schema, SL_COLUMN_LAST_SEEN),
        .low = {.low = (uint64_t)(ROWS_START_US - 3 * SL_US_PER_HOUR)},
        .high = {.low = (uint64_t)ROWS_START_US},
    };
    const struct sl_clause clause = {.tests = &test, .test_count = 1};
    const struct sl_scan_request late = {
        .clauses = &clause, .clause_count = 1, .prune = SL_PRUNE_ALL};
    assert_int_equal(read_place(&p, &late).rows, 3 * BATCH_ROWS);
    close_place(&p);
    remove_place(&p);
}

static void
a_damaged_catalog_is_rebuilt(void **state)
{
    (void)state;
    struct place p = {0};
    struct sl_error err = {0};
    struct sl_import_state import;
    build_place(&p);
    damage(&p, "catalog/data.mdb", 0, 4096);
    damage(&p, "catalog/data.mdb", 4096, 4096);
    expect_finding(&p, "");
    TEST_OK(open_place(&p, &err), &err);
    assert_int_equal(read_place(&p, NULL).rows, ROWS);
    TEST_OK(sl_store_import_find(p.store, (struct sl_hash128){3, 4}, &import, &err), &err);
    assert_int_equal(import.offset, BATCHES);
    close_place(&p);
    remove_place(&p);
}

static void
a_lost_catalog_is_rebuilt_after_merges_too(void **state)
{
    (void)state;
    struct place p = {0};
    struct sl_error err = {0};
    char path[512];
    build_place(&p);
    TEST_OK(open_place(&p, &err), &err);
    for (int i = 0; i < 3; i++) {
        int64_t times[BATCH_ROWS];
        const struct sl_hash128 id = {5, 6};
        const struct sl_append_from from = {.import_id = &id, .import_offset = (uint64_t)i + 1};
        for (int k = 0; k < BATCH_ROWS; k++)
            times[k] = ROWS_START_US - BATCHES * SL_US_PER_HOUR + k;
        struct sl_batch *rows =
            rows_build(p.schema, ROWS + (uint64_t)i * BATCH_ROWS, times, BATCH_ROWS);
        TEST_OK(sl_store_append(p.store, rows, &from, NULL, NULL, &err), &err);
        sl_batch_release(rows);
        TEST_OK(sl_store_flush(p.store, &err), &err);
    }
    TEST_OK(sl_store_merge_all(p.store, &err), &err);
    close_place(&p);
    (void)snprintf(path, sizeof(path), "%s/catalog/data.mdb", p.path);
    assert_int_equal(unlink(path), 0);
    TEST_OK(open_place(&p, &err), &err);
    assert_int_equal(read_place(&p, NULL).rows, ROWS + 3 * BATCH_ROWS);
    close_place(&p);
    remove_place(&p);
}

static sl_status
find_first(void *context, const char *name, struct sl_error *err)
{
    (void)err;
    char *best = context;
    if (best[0] == 0 || strcmp(name, best) < 0)
        (void)snprintf(best, 256, "%s", name);
    return SL_OK;
}

static void
a_damaged_journal_frame_is_reported_and_the_others_stay(void **state)
{
    (void)state;
    struct place p = {0};
    struct sl_error err = {0};
    char dir[1024];
    char name[256] = "";
    char file[300];
    int fd = -1;
    build_place(&p);
    (void)snprintf(dir, sizeof(dir), "%s/journal", p.path);
    TEST_OK(sl_dir_open(AT_FDCWD, dir, &fd, &err), &err);
    TEST_OK(sl_dir_walk(fd, find_first, name, &err), &err);
    sl_file_close(fd);
    (void)snprintf(file, sizeof(file), "journal/%s", name);
    (void)snprintf(dir, sizeof(dir), "%s/%s", p.path, file);
    size_t size_bytes = 0;
    free(test_read_file(dir, &size_bytes));
    /* The file ends with a mark; before it lies the last batch. */
    damage(&p, file, size_bytes - 600, 1);
    expect_finding(&p, name);
    TEST_OK(open_place(&p, &err), &err);
    assert_int_equal(read_place(&p, NULL).rows, ROWS - BATCH_ROWS);
    close_place(&p);
    remove_place(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_segment_fails_the_query_that_needs_it),
        cmocka_unit_test(a_damaged_catalog_is_rebuilt),
        cmocka_unit_test(a_lost_catalog_is_rebuilt_after_merges_too),
        cmocka_unit_test(a_damaged_journal_frame_is_reported_and_the_others_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
