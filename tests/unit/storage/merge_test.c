/*
 * merge_test.c - what a merge copies and what it gathers.
 *
 * Large groups are a million rows: these tests make few of them. Rows prove themselves
 * (tests/model/store_rows.h), and every byte of the directory is proven at the end.
 */
#include "storage/base/clock.h"
#include "storage/merge.h"
#include "tests/model/store_rows.h"

enum { LARGE_ROWS = SL_MERGE_GROUP_ROWS - 20000 };

struct scene {
    char *path;
    struct sl_schema *schema;
    struct sl_store *store;
    uint64_t rows; /* ids below it */
};

static int
setup(void **state)
{
    struct scene *s = sl_new(sizeof(*s));
    struct sl_error err = {0};
    struct sl_store_options options = sl_store_options_default();
    s->path = test_dir_create();
    s->schema = sl_schema_create();
    options.directory = s->path;
    options.is_background_off = true;
    sl_clock_set_us(ROWS_START_US);
    TEST_OK(sl_store_open(&options, s->schema, &s->store, &err), &err);
    *state = s;
    return 0;
}

static void
report(void *context, enum sl_check_part part, const char *finding)
{
    (void)context;
    (void)part;
    print_error("%s\n", finding);
}

static int
teardown(void **state)
{
    struct scene *s = *state;
    struct sl_error err = {0};
    uint64_t damaged = 0;
    sl_store_close(s->store);
    TEST_OK(sl_store_check(s->path, report, NULL, &damaged, &err), &err);
    assert_int_equal(damaged, 0);
    sl_schema_destroy(s->schema);
    test_dir_remove(s->path);
    sl_clock_set_us(INT64_MIN);
    free(s);
    return 0;
}

/* One segment of so many rows of the last hour, spread over all of it: few enough for one slice. */
static void
add_segment(struct scene *s, uint32_t rows)
{
    struct sl_error err = {0};
    static int64_t times[SL_BATCH_ROWS_MAX];
    for (uint32_t done = 0; done < rows;) {
        uint32_t count = rows - done < SL_BATCH_ROWS_MAX ? rows - done : SL_BATCH_ROWS_MAX;
        for (uint32_t i = 0; i < count; i++)
            times[i] = ROWS_START_US - SL_US_PER_HOUR + (done + i) % 3600 * SL_US_PER_S;
        struct sl_batch *batch = rows_build(s->schema, s->rows, times, count);
        TEST_OK(sl_store_append(s->store, batch, NULL, NULL, NULL, &err), &err);
        sl_batch_release(batch);
        s->rows += count;
        done += count;
    }
    TEST_OK(sl_store_flush(s->store, &err), &err);
}

static void
list_segment(void *context, const struct sl_segment_info *info)
{
    uint32_t *groups = context;
    groups[0]++;
    groups[1] += info->groups;
}

/* All rows but `dead` of them are there once, in one segment of `groups` groups. */
static void
expect(struct scene *s, uint64_t dead, uint32_t groups)
{
    struct sl_error err = {0};
    uint32_t found[2] = {0};
    struct rows_seen seen = {.id_count = s->rows};
    seen.times = sl_new(s->rows * sizeof(uint32_t));
    struct sl_snapshot *snapshot = sl_snapshot_acquire(s->store);
    TEST_OK(rows_read(snapshot, s->schema, NULL, &seen, &err), &err);
    sl_snapshot_release(snapshot);
    assert_int_equal(seen.rows, s->rows - dead);
    assert_int_equal(seen.broken, 0);
    for (uint64_t id = 0; id < s->rows; id++)
        assert_true(seen.times[id] <= 1);
    free(seen.times);
    sl_store_segments(s->store, list_segment, found);
    assert_int_equal(found[0], 1);
    assert_int_equal(found[1], groups);
}

static void
large_groups_are_copied_and_small_ones_gathered(void **state)
{
    struct scene *s = *state;
    struct sl_error err = {0};
    add_segment(s, 3000);
    add_segment(s, LARGE_ROWS);
    add_segment(s, 5000);
    TEST_OK(sl_store_merge_all(s->store, &err), &err);
    expect(s, 0, 2); /* to gather all would have made one full group and a rest: two as well */
    add_segment(s, 40000);
    TEST_OK(sl_store_merge_all(s->store, &err), &err);
    expect(s, 0, 2);
}

static void
half_full_groups_are_copied(void **state)
{
    struct scene *s = *state;
    struct sl_error err = {0};
    for (unsigned i = 0; i < 3; i++)
        add_segment(s, SL_MERGE_GROUP_ROWS / 2 + 1000);
    TEST_OK(sl_store_merge_all(s->store, &err), &err);
    expect(s, 0, 3); /* gathered they would have made two */
}

static void
a_seal_leaves_no_short_group_behind_a_full_one(void **state)
{
    struct scene *s = *state;
    add_segment(s, SL_MERGE_GROUP_ROWS + 100000);
    expect(s, 0, 1);
}

static void
a_seal_cuts_groups_of_much_the_same_size(void **state)
{
    struct scene *s = *state;
    struct sl_error err = {0};
    add_segment(s, SL_MERGE_GROUP_ROWS / 2 * 3 + 10000);
    add_segment(s, 1000);
    TEST_OK(sl_store_merge_all(s->store, &err), &err);
    expect(s, 0, 3); /* both large ones are half full, and copied */
}

static void
a_group_with_dead_rows_is_not_copied(void **state)
{
    struct scene *s = *state;
    struct sl_error err = {0};
    struct rows_doomed doomed = {.schema = s->schema, .modulus = 2, .rest = 1};
    uint64_t deleted = 0;
    add_segment(s, LARGE_ROWS);
    TEST_OK(sl_store_delete(s->store, rows_match, &doomed, &deleted, &err), &err);
    assert_int_equal(deleted, LARGE_ROWS / 2);
    add_segment(s, 3000);
    TEST_OK(sl_store_merge_all(s->store, &err), &err);
    expect(s, deleted, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(large_groups_are_copied_and_small_ones_gathered, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(half_full_groups_are_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(a_seal_leaves_no_short_group_behind_a_full_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_seal_cuts_groups_of_much_the_same_size, setup, teardown),
        cmocka_unit_test_setup_teardown(a_group_with_dead_rows_is_not_copied, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
