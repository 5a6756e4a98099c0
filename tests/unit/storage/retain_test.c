/*
 * retain_test.c - what goes by age and by the disk cap, who is told to stop for it, what is due
 * for a merge; producers are fenced, and their batches come in order.
 */
#include "storage/base/clock.h"
#include "storage/merge.h"
#include "storage/partition.h"
#include "tests/model/store_rows.h"

enum { BATCH_ROWS = 600, HOURS = 5 };

struct scene {
    char *path;
    struct sl_schema *schema;
    struct sl_store *store;
    struct sl_store_options options;
};

static const struct sl_hash128 import_id = {21, 22};

static void
open_scene(struct scene *s)
{
    struct sl_error err = {0};
    s->schema = sl_schema_create();
    TEST_OK(sl_store_open(&s->options, s->schema, &s->store, &err), &err);
}

static void
close_scene(struct scene *s)
{
    sl_store_close(s->store);
    sl_schema_destroy(s->schema);
}

/* Rows of hour -`hour`, as part of import `id`. */
static void
append_import(struct scene *s, struct sl_hash128 id, uint64_t number, int64_t hour)
{
    int64_t times[BATCH_ROWS];
    struct sl_error err = {0};
    const struct sl_append_from from = {.import_id = &id, .import_offset = number + 1};
    for (int i = 0; i < BATCH_ROWS; i++)
        times[i] = ROWS_START_US - hour * SL_US_PER_HOUR + i;
    struct sl_batch *rows = rows_build(s->schema, number * BATCH_ROWS, times, BATCH_ROWS);
    TEST_OK(sl_store_append(s->store, rows, &from, NULL, NULL, &err), &err);
    sl_batch_release(rows);
}

static void
append_hour(struct scene *s, uint64_t number, int64_t hour)
{
    append_import(s, import_id, number, hour);
}

/* One segment an hour, the oldest last. */
static int
setup(void **state)
{
    struct scene *s = sl_new(sizeof(*s));
    struct sl_error err = {0};
    s->path = test_dir_create();
    s->options = sl_store_options_default();
    s->options.directory = s->path;
    s->options.is_background_off = true;
    sl_clock_set_us(ROWS_START_US);
    open_scene(s);
    for (int hour = 0; hour < HOURS; hour++)
        append_hour(s, (uint64_t)hour, hour + 1);
    TEST_OK(sl_store_flush(s->store, &err), &err);
    *state = s;
    return 0;
}

static int
teardown(void **state)
{
    struct scene *s = *state;
    close_scene(s);
    test_dir_remove(s->path);
    sl_clock_set_us(INT64_MIN);
    free(s);
    return 0;
}

static struct sl_store_status
status_of(struct scene *s)
{
    struct sl_store_status status;
    sl_store_status(s->store, &status);
    return status;
}

static void
reopen_with(struct scene *s, int64_t retention_us, uint64_t disk_cap_bytes)
{
    close_scene(s);
    s->options.retention_us = retention_us;
    s->options.disk_cap_bytes = disk_cap_bytes;
    open_scene(s);
}

static void
slices_older_than_the_retention_go(void **state)
{
    struct scene *s = *state;
    struct sl_error err = {0};
    assert_int_equal(status_of(s).segment_count, HOURS);
    reopen_with(s, 3 * SL_US_PER_HOUR, 0);
    assert_int_equal(sl_store_retention_from_us(s->store), ROWS_START_US - 3 * SL_US_PER_HOUR);
    TEST_OK(sl_store_retain(s->store, &err), &err);
    assert_int_equal(status_of(s).segment_count, 3);
    assert_int_equal(status_of(s).rows_dropped_retention, 2 * BATCH_ROWS);
}

static void
an_import_is_forgotten_with_its_rows(void **state)
{
    struct scene *s = *state;
    struct sl_error err = {0};
    struct sl_import_state import;
    TEST_OK(sl_store_import_finish(s->store, import_id, &err), &err);
    reopen_with(s, SL_US_PER_HOUR, 0);
    TEST_OK(sl_store_import_find(s->store, import_id, &import, &err), &err);
    assert_true(import.is_finished);
    sl_clock_set_us(ROWS_START_US + 6 * SL_US_PER_HOUR);
    TEST_OK(sl_store_retain(s->store, &err), &err);
    assert_int_equal(status_of(s).segment_count, 0);
    TEST_OK(sl_store_import_find(s->store, import_id, &import, &err), &err);
    assert_false(import.is_finished);
    assert_int_equal(import.offset, 0);
}

/* DELETE of all rows of batch `number`, one by one. */
static void
delete_batch(struct scene *s, uint64_t number)
{
    struct sl_error err = {0};
    uint64_t deleted = 0;
    struct rows_doomed doomed = {.schema = s->schema, .modulus = UINT64_MAX};
    for (uint64_t id = number * BATCH_ROWS; id < (number + 1) * BATCH_ROWS; id++) {
        doomed.rest = id;
        TEST_OK(sl_store_delete(s->store, rows_match, &doomed, &deleted, &err), &err);
        assert_int_equal(deleted, 1);
    }
}

static bool
is_known(struct scene *s, struct sl_hash128 id)
{
    struct sl_error err = {0};
    struct sl_import_state import;
    TEST_OK(sl_store_import_find(s->store, id, &import, &err), &err);
    assert_int_equal(import.is_finished, import.offset != 0);
    return import.is_finished;
}

/* Two imports, one hour apart, in segments of their own, and rows of others before and behind. */
static void
an_import_is_forgotten_when_its_rows_are_deleted(void **state)
{
    struct scene *s = *state;
    struct sl_error err = {0};
    static const struct sl_hash128 ids[2] = {{31, 0}, {32, 0}};
    for (uint64_t i = 0; i < 2; i++) {
        append_import(s, ids[i], HOURS + i, -1 - (int64_t)i);
        TEST_OK(sl_store_import_finish(s->store, ids[i], &err), &err);
    }
    TEST_OK(sl_store_flush(s->store, &err), &err);
    delete_batch(s, HOURS);
    assert_false(is_known(s, ids[0]));
    assert_true(is_known(s, ids[1]));
    reopen_with(s, 0, 0);
    assert_false(is_known(s, ids[0]));
    assert_true(is_known(s, ids[1]));
    /* Its rows again, and rows of others in its time that stay: it is remembered. */
    append_import(s, ids[0], HOURS, -1);
    TEST_OK(sl_store_import_finish(s->store, ids[0], &err), &err);
    append_hour(s, HOURS + 2, -1);
    delete_batch(s, HOURS);
    assert_true(is_known(s, ids[0]));
}

static void
the_cap_takes_the_oldest_and_stops_who_holds_them(void **state)
{
    struct scene *s = *state;
    struct sl_error err = {0};
    struct rows_seen seen = {0};
    struct sl_store_status before = status_of(s);
    uint64_t used_bytes = before.segment_bytes + before.journal_bytes + before.catalog_bytes;
    reopen_with(s, 0, used_bytes);
    struct sl_snapshot *reader = sl_snapshot_acquire(s->store);
    /* Two further hours pass the cap by about two segments. */
    append_hour(s, HOURS, 0);
    append_hour(s, HOURS + 1, -1);
    TEST_OK(sl_store_flush(s->store, &err), &err);
    TEST_OK(sl_store_retain(s->store, &err), &err);
    struct sl_store_status after = status_of(s);
    assert_true(after.segment_count < HOURS + 2);
    assert_true(after.segment_count > 0);
    assert_int_equal(after.time_max_us, ROWS_START_US + SL_US_PER_HOUR + BATCH_ROWS - 1);
    assert_true(after.time_min_us > before.time_min_us);
    /* Its files are still there, and count. */
    assert_true(sl_snapshot_is_revoked(reader));
    assert_int_equal(rows_read(reader, s->schema, NULL, &seen, &err), SL_CANCELLED);
    sl_snapshot_release(reader);
    struct sl_snapshot *fresh = sl_snapshot_acquire(s->store);
    assert_false(sl_snapshot_is_revoked(fresh));
    sl_snapshot_release(fresh);
}

static void
producers_are_fenced_and_counted(void **state)
{
    struct scene *s = *state;
    struct sl_error err = {0};
    uint64_t first_epoch = 0;
    uint64_t second_epoch = 0;
    uint64_t number = 0;
    int64_t times[4] = {ROWS_START_US, ROWS_START_US, ROWS_START_US, ROWS_START_US};
    struct sl_batch *rows = rows_build(s->schema, 0, times, 4);
    struct sl_append_from from = {.producer = "probe", .epoch = 1, .batch_number = 1};
    assert_int_equal(sl_store_append(s->store, rows, &from, NULL, NULL, &err), SL_FENCED);
    TEST_OK(sl_store_producer_open(s->store, "probe", &first_epoch, &number, &err), &err);
    assert_int_equal(number, 0);
    from.epoch = first_epoch;
    TEST_OK(sl_store_append(s->store, rows, &from, NULL, NULL, &err), &err);
    assert_int_equal(sl_store_append(s->store, rows, &from, NULL, NULL, &err), SL_EXISTS);
    from.batch_number = 3;
    assert_int_equal(sl_store_append(s->store, rows, &from, NULL, NULL, &err), SL_FORMAT);
    TEST_OK(sl_store_producer_open(s->store, "probe", &second_epoch, &number, &err), &err);
    assert_int_equal(number, 1);
    assert_true(second_epoch > first_epoch);
    from.batch_number = 2;
    assert_int_equal(sl_store_append(s->store, rows, &from, NULL, NULL, &err), SL_FENCED);
    from.epoch = second_epoch;
    TEST_OK(sl_store_append(s->store, rows, &from, NULL, NULL, &err), &err);
    sl_batch_release(rows);
    close_scene(s);
    open_scene(s);
    TEST_OK(sl_store_producer_open(s->store, "probe", &first_epoch, &number, &err), &err);
    assert_int_equal(number, 2);
    assert_true(first_epoch > second_epoch);
}

/* What a plan is asked about: segments of 1,000 rows each unless told. */
struct plan_case {
    uint32_t count;
    int64_t age_us;       /* the first one's slice ended so long before ROWS_START_US */
    uint32_t level;       /* of all but the first `cold` */
    int64_t monotonic_us; /* since they were born */
    uint32_t cold;
    int64_t step_us; /* between the slices of two of them: 0, one slice */
    uint64_t rows;
    uint32_t expected_count, expected_level;
    int64_t expected_us; /* width of the output; 0: an hour */
};

static struct sl_version *
build_version(struct sl_live_files *files, const struct plan_case *c)
{
    struct sl_live *lives[SL_MERGE_FAN_IN_MAX];
    struct sl_version *empty = sl_version_create();
    for (uint32_t i = 0; i < c->count; i++) {
        int64_t end_us = ROWS_START_US - c->age_us + i * c->step_us;
        const struct sl_catalog_segment info = {
            .number = i + 1,
            .rows = c->rows == 0 ? 1000 : c->rows,
            .groups = 1,
            .level = i < c->cold ? SL_MERGE_LEVEL_COLD : c->level,
            .partition_first_us = end_us - SL_US_PER_HOUR,
            .partition_last_us = end_us - 1,
        };
        lives[i] = sl_live_create(&info, sl_live_file_create(files, i + 1, 0), 0);
    }
    const struct sl_version_change change = {.added = lives, .added_count = c->count};
    struct sl_version *version = sl_version_apply(empty, &change);
    for (uint32_t i = 0; i < c->count; i++)
        sl_live_release(lives[i]);
    sl_version_release(empty);
    return version;
}

static void
expect_plans(const struct plan_case *cases, size_t count)
{
    struct sl_schema *schema = sl_schema_create();
    struct sl_live_files *files = sl_live_files_create(-1, schema, 0);
    for (size_t i = 0; i < count; i++) {
        const struct plan_case *c = &cases[i];
        struct sl_merge_pick pick;
        struct sl_version *version = build_version(files, c);
        bool is_due =
            sl_merge_plan(version, ROWS_START_US, c->monotonic_us, SL_MERGE_WHEN_DUE, &pick);
        int64_t width_us = c->expected_us == 0 ? SL_US_PER_HOUR : c->expected_us;
        assert_int_equal(is_due, c->expected_count != 0);
        assert_int_equal(pick.count, c->expected_count);
        assert_int_equal(pick.level, c->expected_level);
        if (is_due) {
            assert_int_equal(pick.last_us - pick.first_us, width_us - 1);
            if (width_us == SL_MERGE_SPAN_US)
                assert_int_equal(sl_partition_floor(pick.first_us, width_us), pick.first_us);
        }
        sl_version_release(version);
    }
    sl_live_files_destroy(files);
    sl_schema_destroy(schema);
}

static void
merges_are_due_by_tier_and_age(void **state)
{
    (void)state;
    static const struct plan_case cases[] = {
        {.count = 3, .age_us = SL_US_PER_HOUR},
        {.count = 4, .age_us = SL_US_PER_HOUR, .expected_count = 4, .expected_level = 1},
        {.count = 4, .age_us = -SL_US_PER_HOUR / 2}, /* not over yet */
        {.count = 16, .age_us = -SL_US_PER_HOUR / 2, .expected_count = 16, .expected_level = 1},
        {.count = 5,
         .age_us = SL_US_PER_HOUR,
         .level = 2,
         .expected_count = 5,
         .expected_level = 3},
    };
    expect_plans(cases, SL_COUNTOF(cases));
}

/* ROWS_START_US is noon: a span ended 30 hours before it, the next one 24 hours, which is not yet
 * longer ago than that. */
static void
a_cold_span_is_one_segment_if_it_has_few_rows(void **state)
{
    (void)state;
    static const int64_t hour = SL_US_PER_HOUR, settled = 2 * SL_US_PER_HOUR;
    const uint64_t third = SL_SLICE_ROWS / 3;
    const struct plan_case cases[] = {
        {1, 31 * hour, 1, 0, 0, 0, 0, 0, 0, 0}, /* came just now */
        {1, 31 * hour, 1, settled, 0, 0, 0, 1, SL_MERGE_LEVEL_COLD, SL_MERGE_SPAN_US},
        {1, 29 * hour, 1, settled, 0, 0, 0, 0, 0, 0}, /* its span is not cold */
        /* Six hours of a span; seven begin with one of the span before. */
        {6, 35 * hour, 1, settled, 0, hour, 0, 6, SL_MERGE_LEVEL_COLD, SL_MERGE_SPAN_US},
        {7, 36 * hour, 1, settled, 0, hour, 0, 1, SL_MERGE_LEVEL_COLD, SL_MERGE_SPAN_US},
        {3, 35 * hour, 1, settled, 0, hour, third, 3, SL_MERGE_LEVEL_COLD, SL_MERGE_SPAN_US},
        /* Too many rows for one segment: each slice is one. */
        {4, 35 * hour, 1, settled, 0, hour, third, 1, SL_MERGE_LEVEL_COLD, 0},
        {4, 35 * hour, 1, settled, 0, 0, third, 4, SL_MERGE_LEVEL_COLD, 0},
        {4, 35 * hour, 1, settled, 4, 0, third, 0, 0, 0},
        {7, 35 * hour, 1, settled, 3, 0, third, 4, SL_MERGE_LEVEL_COLD, 0},
        {6, 35 * hour, 1, settled, 3, 0, third, 0, 0, 0}, /* three late ones wait for a fourth */
        /* A span that was cold before: what came later waits until there are four in all. */
        {1, 35 * hour, 0, settled, 1, hour, 0, 0, 0, 0},
        {3, 35 * hour, 0, settled, 1, hour, 0, 0, 0, 0},
        {4, 35 * hour, 0, settled, 1, hour, 0, 4, SL_MERGE_LEVEL_COLD, SL_MERGE_SPAN_US},
    };
    expect_plans(cases, SL_COUNTOF(cases));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(slices_older_than_the_retention_go, setup, teardown),
        cmocka_unit_test_setup_teardown(an_import_is_forgotten_with_its_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(an_import_is_forgotten_when_its_rows_are_deleted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_cap_takes_the_oldest_and_stops_who_holds_them, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(producers_are_fenced_and_counted, setup, teardown),
        cmocka_unit_test(merges_are_due_by_tier_and_age),
        cmocka_unit_test(a_cold_span_is_one_segment_if_it_has_few_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
