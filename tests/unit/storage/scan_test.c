/*
 * scan_test.c - morsels come in the order that was asked for, to any number of workers, each row
 * once; pruning changes what is read and not what is found.
 *
 * The rows are half in segments of several hours, half in the memtable.
 */
#include "storage/scan.h"

#include <stdatomic.h>

#include "storage/base/clock.h"
#include "storage/base/thread.h"
#include "tests/model/store_rows.h"

enum { BATCH_ROWS = 700, HOURS = 6, ROWS = 2 * HOURS * BATCH_ROWS, WORKERS = 4 };

struct scene {
    char *path;
    struct sl_schema *schema;
    struct sl_store *store;
    struct sl_snapshot *snapshot;
};

static void
append_hour(struct scene *s, uint64_t number, int64_t hour)
{
    int64_t times[BATCH_ROWS];
    struct sl_error err = {0};
    const struct sl_hash128 id = {1, 1};
    const struct sl_append_from from = {.import_id = &id, .import_offset = number + 1};
    for (int i = 0; i < BATCH_ROWS; i++)
        times[i] = ROWS_START_US - hour * SL_US_PER_HOUR + i * INT64_C(1000);
    struct sl_batch *rows = rows_build(s->schema, number * BATCH_ROWS, times, BATCH_ROWS);
    TEST_OK(sl_store_append(s->store, rows, &from, NULL, NULL, &err), &err);
    sl_batch_release(rows);
}

static int
setup(void **state)
{
    struct scene *s = sl_new(sizeof(*s));
    struct sl_store_options options = sl_store_options_default();
    struct sl_error err = {0};
    s->path = test_dir_create();
    s->schema = sl_schema_create();
    options.directory = s->path;
    options.is_background_off = true;
    sl_clock_set_us(ROWS_START_US);
    TEST_OK(sl_store_open(&options, s->schema, &s->store, &err), &err);
    for (uint64_t i = 0; i < HOURS; i++)
        append_hour(s, i, (int64_t)(i * 5 % HOURS) + 1);
    TEST_OK(sl_store_flush(s->store, &err), &err);
    for (uint64_t i = 0; i < HOURS; i++)
        append_hour(s, HOURS + i, (int64_t)i + 1);
    s->snapshot = sl_snapshot_acquire(s->store);
    *state = s;
    return 0;
}

static int
teardown(void **state)
{
    struct scene *s = *state;
    sl_snapshot_release(s->snapshot);
    sl_store_close(s->store);
    sl_schema_destroy(s->schema);
    test_dir_remove(s->path);
    sl_clock_set_us(INT64_MIN);
    free(s);
    return 0;
}

static void
morsels_come_in_the_order_of_time(void **state)
{
    struct scene *s = *state;
    static const enum sl_scan_order orders[] = {SL_SCAN_NEWEST_FIRST, SL_SCAN_OLDEST_FIRST};
    for (size_t i = 0; i < SL_COUNTOF(orders); i++) {
        const struct sl_scan_request request = {.order = orders[i], .prune = SL_PRUNE_ALL};
        bool is_newest = orders[i] == SL_SCAN_NEWEST_FIRST;
        struct sl_error err = {0};
        struct sl_scan *scan = NULL;
        int64_t last_us = is_newest ? INT64_MAX : INT64_MIN;
        uint64_t rows = 0;
        bool is_more = true;
        TEST_OK(sl_scan_open(s->snapshot, &request, &scan, &err), &err);
        struct sl_morsel *morsel = sl_morsel_open(scan);
        while (is_more) {
            TEST_OK(sl_morsel_next(morsel, &is_more, &err), &err);
            if (!is_more)
                break;
            int64_t min_us = 0;
            int64_t max_us = 0;
            sl_morsel_time(morsel, &min_us, &max_us);
            assert_true(min_us <= max_us);
            assert_true(is_newest ? max_us <= last_us : min_us >= last_us);
            last_us = is_newest ? max_us : min_us;
            rows += sl_morsel_row_count(morsel);
        }
        assert_int_equal(rows, ROWS);
        sl_morsel_close(morsel);
        sl_scan_close(scan);
    }
}

static void
a_narrowed_scan_ends_early(void **state)
{
    struct scene *s = *state;
    const struct sl_scan_request request = {.order = SL_SCAN_NEWEST_FIRST};
    struct sl_error err = {0};
    struct sl_scan *scan = NULL;
    uint64_t rows = 0;
    bool is_more = true;
    TEST_OK(sl_scan_open(s->snapshot, &request, &scan, &err), &err);
    struct sl_morsel *morsel = sl_morsel_open(scan);
    TEST_OK(sl_morsel_next(morsel, &is_more, &err), &err);
    while (is_more) {
        rows += sl_morsel_row_count(morsel);
        sl_scan_narrow_time(scan, ROWS_START_US - 2 * SL_US_PER_HOUR, INT64_MAX);
        sl_scan_narrow_time(scan, INT64_MIN, INT64_MAX); /* widens nothing */
        TEST_OK(sl_morsel_next(morsel, &is_more, &err), &err);
    }
    assert_int_equal(rows, 4 * BATCH_ROWS);
    sl_morsel_close(morsel);
    sl_scan_close(scan);
}

/* Read all that the request leaves. */
static sl_status
read_all(struct scene *s, const struct sl_scan_request *request, uint64_t *out_rows,
         struct sl_error *err)
{
    struct sl_scan *scan = NULL;
    bool is_more = true;
    *out_rows = 0;
    sl_status st = sl_scan_open(s->snapshot, request, &scan, err);
    if (st != SL_OK)
        return st;
    struct sl_morsel *morsel = sl_morsel_open(scan);
    while (st == SL_OK && is_more) {
        st = sl_morsel_next(morsel, &is_more, err);
        *out_rows += st == SL_OK && is_more ? sl_morsel_row_count(morsel) : 0;
    }
    sl_morsel_close(morsel);
    sl_scan_close(scan);
    return st;
}

static void
a_scan_refuses_more_rows_than_it_may_have(void **state)
{
    struct scene *s = *state;
    struct sl_scan_request request = {.prune = SL_PRUNE_ALL, .rows_max = ROWS};
    struct sl_error err = {0};
    uint64_t rows = 0;
    TEST_OK(read_all(s, &request, &rows, &err), &err);
    assert_int_equal(rows, ROWS);
    request.rows_max = ROWS - 1; /* the last segment is one too many */
    assert_int_equal(read_all(s, &request, &rows, &err), SL_LIMIT);
    request.rows_max = ROWS / 2 - 1; /* the memtable alone is */
    assert_int_equal(read_all(s, &request, &rows, &err), SL_LIMIT);
    assert_int_equal(rows, 0);
}

/* Rows of the last two hours with one source address, counted by hand. */
static uint64_t
count_matches(struct scene *s, uint32_t prune, struct sl_scan_counters *out_counters)
{
    const struct sl_column *last_seen = sl_schema_at(s->schema, SL_COLUMN_LAST_SEEN);
    const struct sl_column *src_addr = sl_schema_at(s->schema, SL_COLUMN_SRC_ADDR);
    const int64_t low_us = ROWS_START_US - 2 * SL_US_PER_HOUR;
    const struct sl_addr addr = sl_addr_from_v4(UINT32_C(0x0a000000) + 77);
    const struct sl_test tests[] = {
        {.kind = SL_TEST_RANGE,
         .column = last_seen,
         .low = {.low = (uint64_t)low_us},
         .high = {.low = (uint64_t)INT64_MAX}},
        {.kind = SL_TEST_SET, .column = src_addr, .keys = &addr, .key_count = 1},
    };
    const struct sl_clause clauses[] = {{&tests[0], 1}, {&tests[1], 1}};
    const struct sl_scan_request request = {.clauses = clauses, .clause_count = 2, .prune = prune};
    struct sl_error err = {0};
    struct sl_scan *scan = NULL;
    uint64_t count = 0;
    bool is_more = true;
    TEST_OK(sl_scan_open(s->snapshot, &request, &scan, &err), &err);
    struct sl_morsel *morsel = sl_morsel_open(scan);
    TEST_OK(sl_morsel_next(morsel, &is_more, &err), &err);
    while (is_more) {
        struct sl_vector times;
        struct sl_vector addrs;
        const uint64_t *selection = sl_morsel_selection(morsel);
        TEST_OK(sl_morsel_column(morsel, last_seen, selection, &times, &err), &err);
        TEST_OK(sl_morsel_column(morsel, src_addr, selection, &addrs, &err), &err);
        for (uint32_t row = 0; row < sl_morsel_row_count(morsel); row++)
            count += sl_bit_get(selection, row) && (int64_t)sl_vector_u64(&times, row) >= low_us &&
                     sl_addr_equal(sl_vector_addr(&addrs, row), addr);
        TEST_OK(sl_morsel_next(morsel, &is_more, &err), &err);
    }
    sl_morsel_close(morsel);
    sl_scan_counters(scan, out_counters);
    sl_scan_close(scan);
    return count;
}

static void
pruning_changes_what_is_read_and_not_what_is_found(void **state)
{
    struct scene *s = *state;
    struct sl_scan_counters all;
    struct sl_scan_counters some;
    uint64_t expected = count_matches(s, 0, &all);
    assert_int_equal(all.segments, HOURS);
    assert_int_equal(all.segments_pruned_time, 0);
    assert_int_equal(all.rows_selected, ROWS);
    for (uint32_t prune = 1; prune <= SL_PRUNE_ALL; prune++)
        assert_int_equal(count_matches(s, prune, &some), expected);
    assert_int_equal(some.segments_pruned_time, HOURS - 2);
    assert_true(some.rows_selected < all.rows_selected);
    assert_true(some.values_decoded < all.values_decoded);
}

static void
columns_that_rows_lack_are_null_or_zero(void **state)
{
    struct scene *s = *state;
    const struct sl_scan_request request = {.prune = SL_PRUNE_ALL};
    const struct sl_column *app = sl_schema_at(s->schema, SL_COLUMN_APP);
    const struct sl_column *tos = sl_schema_at(s->schema, SL_COLUMN_TOS);
    struct sl_error err = {0};
    struct sl_scan *scan = NULL;
    bool is_more = true;
    TEST_OK(sl_scan_open(s->snapshot, &request, &scan, &err), &err);
    struct sl_morsel *morsel = sl_morsel_open(scan);
    TEST_OK(sl_morsel_next(morsel, &is_more, &err), &err);
    while (is_more) {
        struct sl_vector v;
        TEST_OK(sl_morsel_column(morsel, app, NULL, &v, &err), &err);
        assert_true(sl_vector_is_null(&v, sl_morsel_row_count(morsel) - 1));
        TEST_OK(sl_morsel_column(morsel, tos, NULL, &v, &err), &err);
        assert_false(sl_vector_is_null(&v, 0));
        assert_int_equal(sl_vector_u64(&v, sl_morsel_row_count(morsel) - 1), 0);
        TEST_OK(sl_morsel_next(morsel, &is_more, &err), &err);
    }
    sl_morsel_close(morsel);
    sl_scan_close(scan);
}

static void
a_deadline_ends_the_opening_of_row_groups(void **state)
{
    struct scene *s = *state;
    const struct sl_scan_request request = {.prune = SL_PRUNE_ALL, .deadline_us = 1};
    struct sl_error err = {0};
    struct sl_scan *scan = NULL;
    bool is_more = true;
    TEST_OK(sl_scan_open(s->snapshot, &request, &scan, &err), &err);
    struct sl_morsel *morsel = sl_morsel_open(scan);
    assert_int_equal(sl_morsel_next(morsel, &is_more, &err), SL_TIMEOUT);
    assert_false(is_more);
    sl_morsel_close(morsel);
    sl_scan_close(scan);
}

/* IN_BYTES numbers the rows (see rows_build): a morsel that comes back has the same ones. */
static void
places_lead_back_to_their_rows(void **state)
{
    struct scene *s = *state;
    const struct sl_scan_request request = {.prune = SL_PRUNE_ALL};
    const struct sl_column *id = sl_schema_at(s->schema, SL_COLUMN_IN_BYTES);
    enum { ROW = 17, OTHER = 333, PLACES_MAX = 64 };
    uint64_t places[PLACES_MAX];
    uint64_t ids[PLACES_MAX];
    uint32_t count = 0;
    struct sl_error err = {0};
    struct sl_scan *scan = NULL;
    struct sl_vector v;
    bool is_more = true;
    TEST_OK(sl_scan_open(s->snapshot, &request, &scan, &err), &err);
    struct sl_morsel *morsel = sl_morsel_open(scan);
    TEST_OK(sl_morsel_next(morsel, &is_more, &err), &err);
    for (; is_more; count++) {
        assert_true(count < PLACES_MAX);
        TEST_OK(sl_morsel_column(morsel, id, NULL, &v, &err), &err);
        places[count] = sl_morsel_place(morsel);
        ids[count] = sl_vector_u64(&v, OTHER);
        TEST_OK(sl_morsel_next(morsel, &is_more, &err), &err);
    }
    for (uint32_t i = count; i-- > 0;) {
        bool is_focused = false;
        TEST_OK(sl_morsel_seek(morsel, places[i], &err), &err);
        assert_int_equal(sl_morsel_place(morsel), places[i]);
        sl_bit_set(sl_morsel_selection(morsel), ROW);
        sl_bit_set(sl_morsel_selection(morsel), OTHER);
        TEST_OK(sl_morsel_focus(morsel, &is_focused, &err), &err);
        uint32_t row = is_focused ? 1 : OTHER;
        assert_int_equal(sl_morsel_row_count(morsel), is_focused ? 2 : BATCH_ROWS);
        assert_int_equal(sl_morsel_row_number(morsel, row), OTHER);
        TEST_OK(sl_morsel_column(morsel, id, sl_morsel_selection(morsel), &v, &err), &err);
        assert_int_equal(sl_vector_u64(&v, row), ids[i]);
        TEST_OK(sl_morsel_focus(morsel, &is_focused, &err), &err);
        assert_false(is_focused);
    }
    sl_morsel_close(morsel);
    sl_scan_close(scan);
}

struct shared_scan {
    struct scene *scene;
    struct sl_scan *scan;
    _Atomic uint64_t rows, sum, faults;
};

static void
worker_main(void *context)
{
    struct shared_scan *shared = context;
    struct sl_error err = {0};
    struct sl_morsel *morsel = sl_morsel_open(shared->scan);
    bool is_more = true;
    while (is_more) {
        struct sl_vector ids;
        sl_status st = sl_morsel_next(morsel, &is_more, &err);
        if (st == SL_OK && is_more)
            st = sl_morsel_column(morsel, sl_schema_at(shared->scene->schema, SL_COLUMN_IN_BYTES),
                                  NULL, &ids, &err);
        if (st != SL_OK) {
            atomic_fetch_add(&shared->faults, 1);
            break;
        }
        for (uint32_t row = 0; is_more && row < sl_morsel_row_count(morsel); row++) {
            atomic_fetch_add(&shared->rows, 1);
            atomic_fetch_add(&shared->sum, sl_vector_u64(&ids, row));
        }
    }
    sl_morsel_close(morsel);
}

static void
workers_share_a_scan(void **state)
{
    struct scene *s = *state;
    const struct sl_scan_request request = {.prune = SL_PRUNE_ALL};
    struct sl_error err = {0};
    for (int round = 0; round < 20; round++) {
        struct shared_scan shared = {.scene = s};
        struct sl_thread *workers[WORKERS];
        TEST_OK(sl_scan_open(s->snapshot, &request, &shared.scan, &err), &err);
        for (int i = 0; i < WORKERS; i++)
            workers[i] = sl_thread_start("worker", worker_main, &shared);
        for (int i = 0; i < WORKERS; i++)
            sl_thread_join(workers[i]);
        sl_scan_close(shared.scan);
        assert_int_equal(shared.faults, 0);
        assert_int_equal(shared.rows, ROWS);
        assert_int_equal(shared.sum, (uint64_t)ROWS * (ROWS - 1) / 2);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(morsels_come_in_the_order_of_time),
        cmocka_unit_test(a_narrowed_scan_ends_early),
        cmocka_unit_test(a_scan_refuses_more_rows_than_it_may_have),
        cmocka_unit_test(pruning_changes_what_is_read_and_not_what_is_found),
        cmocka_unit_test(columns_that_rows_lack_are_null_or_zero),
        cmocka_unit_test(a_deadline_ends_the_opening_of_row_groups),
        cmocka_unit_test(places_lead_back_to_their_rows),
        cmocka_unit_test(workers_share_a_scan),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
