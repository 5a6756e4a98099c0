/*
 * partition_test.c - rows are filed under believable times, and every row in exactly one slice.
 */
#include "storage/partition.h"

#include "tests/support/test.h"

/* 2026-11-23T12:00:00Z. */
#define NOW_US (INT64_C(1795435200) * 1000000)

static void
a_live_row_is_believed_within_its_window(void **state)
{
    (void)state;
    static const struct {
        int64_t last_seen_us;
        bool is_import, is_by_receipt;
    } cases[] = {
        {NOW_US, false, false},
        {NOW_US + 5 * SL_US_PER_MINUTE, false, false},
        {NOW_US + 5 * SL_US_PER_MINUTE + 1, false, true},
        {NOW_US - SL_US_PER_DAY, false, false},
        {NOW_US - SL_US_PER_DAY - 1, false, true},
        {0, false, true},
        {INT64_MIN, false, true},
        {INT64_MAX, false, true},
        {NOW_US - 400 * SL_US_PER_DAY, true, false},
        {1, true, false},
        {0, true, true},
        {INT64_MIN, true, true},
        {SL_PARTITION_TIME_MAX_US, true, false},
        {INT64_MAX, true, true},
    };
    for (size_t i = 0; i < SL_COUNTOF(cases); i++) {
        bool is_by_receipt = false;
        int64_t time_us =
            sl_partition_time(cases[i].last_seen_us, NOW_US, cases[i].is_import, &is_by_receipt);
        assert_int_equal(is_by_receipt, cases[i].is_by_receipt);
        assert_int_equal(time_us, is_by_receipt ? NOW_US : cases[i].last_seen_us);
    }
}

static void
slices_are_as_short_as_their_rows_allow(void **state)
{
    (void)state;
    assert_int_equal(sl_slice_minutes(SL_SLICE_ROWS, 1), 1);
    assert_int_equal(sl_slice_minutes(60 * UINT64_C(1000000), 60), 1);
    assert_int_equal(sl_slice_minutes(SL_SLICE_ROWS / 2, 1), 2);
    assert_int_equal(sl_slice_minutes(SL_SLICE_ROWS / 5, 1), 5);
    assert_int_equal(sl_slice_minutes(SL_SLICE_ROWS, 10), 10);
    assert_int_equal(sl_slice_minutes(SL_SLICE_ROWS, 20), 20);
    assert_int_equal(sl_slice_minutes(SL_SLICE_ROWS, 60), 60);
    assert_int_equal(sl_slice_minutes(1, 1), 60);
}

static struct sl_batch *
build(struct sl_schema *schema, const int64_t *times, uint32_t count)
{
    struct sl_builder *b = sl_builder_create(count);
    for (uint32_t i = 0; i < count; i++) {
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_LAST_SEEN)),
                           (uint64_t)times[i]);
        sl_builder_next(b);
    }
    struct sl_batch *batch = sl_builder_finish(b);
    sl_builder_destroy(b);
    return batch;
}

/* Append a batch of imported rows with these times. */
static void
append(struct sl_memtable *table, struct sl_schema *schema, const int64_t *times, uint32_t count,
       uint64_t position)
{
    struct sl_mem_hour hours[SL_MEM_HOURS_MAX];
    struct sl_batch *batch = build(schema, times, count);
    struct sl_mem_entry entry = sl_mem_entry_of(batch, position, NOW_US, true);
    sl_memtable_append(table, &entry, hours, sl_mem_entry_hours(&entry, hours), 0);
    sl_batch_release(batch);
}

static void
check_plan(const struct sl_slice_plan *plan, uint64_t row_count)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct sl_time_slice *slice = &plan->slices[i];
        uint64_t slice_rows = 0;
        for (uint32_t k = 0; k < slice->part_count; k++) {
            const struct sl_slice_part *part = &slice->parts[k];
            for (uint32_t row = 0; row < part->batch->row_count; row++) {
                if (part->selection != NULL && !sl_bit_get(part->selection, row))
                    continue;
                slice_rows++;
                int64_t last_seen = (int64_t)sl_vector_u64(&part->batch->columns[0].vector, row);
                assert_true(slice->is_by_receipt ||
                            (last_seen >= slice->first_us && last_seen <= slice->last_us));
            }
        }
        int64_t length_us = slice->last_us - slice->first_us + 1;
        assert_int_equal(slice_rows, slice->rows);
        assert_int_equal(sl_partition_floor(slice->first_us, length_us), slice->first_us);
        assert_true(i == 0 || plan->slices[i - 1].last_us <= slice->last_us);
        rows += slice_rows;
    }
    assert_int_equal(rows, row_count);
}

static void
every_row_is_in_one_slice(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    uint64_t seed = test_seed();
    struct sl_schema *schema = sl_schema_create();
    /* Spread over an hour, a day, and a thousand years: the last has more slices than allowed. */
    static const int64_t spreads_us[] = {SL_US_PER_HOUR, SL_US_PER_DAY, 50000 * SL_US_PER_DAY};
    for (size_t spread = 0; spread < SL_COUNTOF(spreads_us); spread++) {
        struct sl_memtable table = {0};
        struct sl_mem_view view;
        struct sl_slice_plan plan;
        for (uint64_t batch = 1; batch <= 4; batch++) {
            int64_t times[COUNT];
            for (int i = 0; i < COUNT; i++)
                times[i] = NOW_US - (int64_t)test_random_below(&seed, (uint64_t)spreads_us[spread]);
            append(&table, schema, times, COUNT, batch);
        }
        sl_memtable_view(&table, &view);
        sl_slice_plan_init(&view, &plan);
        assert_true(plan.count <= SL_SLICES_MAX + 1);
        check_plan(&plan, 4 * COUNT);
        sl_slice_plan_fini(&plan);
        sl_mem_view_fini(&view);
        sl_memtable_fini(&table);
    }
    sl_schema_destroy(schema);
}

static uint64_t
count_rows(const struct sl_mem_view *view)
{
    uint64_t rows = 0;
    for (uint32_t chunk = 0; chunk < view->chunk_count; chunk++)
        for (uint32_t i = 0; i < sl_mem_view_count(view, chunk); i++)
            rows += view->chunks[chunk]->entries[i].batch->row_count;
    return rows;
}

static void
a_view_stays_what_it_was(void **state)
{
    (void)state;
    enum { BATCHES = 700 }; /* more than two chunks */
    struct sl_schema *schema = sl_schema_create();
    struct sl_memtable table = {0};
    struct sl_mem_view views[8];
    uint64_t rows = 0;
    const int64_t times[3] = {NOW_US, NOW_US - 1, NOW_US + 1};
    for (uint64_t i = 0; i < BATCHES; i++) {
        if (i % 100 == 0)
            sl_memtable_view(&table, &views[i / 100]);
        append(&table, schema, times, 3, i + 1);
        rows += 3;
    }
    assert_int_equal(table.rows, rows);
    assert_int_equal(sl_memtable_hour_rows_max(&table), rows - BATCHES);

    struct sl_mem_view frozen;
    struct sl_mem_view dropped;
    sl_memtable_freeze(&table);
    append(&table, schema, times, 3, BATCHES + 1);
    sl_memtable_view_frozen(&table, &frozen);
    assert_int_equal(count_rows(&frozen), rows);
    sl_memtable_thaw(&table);
    sl_memtable_freeze(&table);
    sl_memtable_drop_frozen(&table, &dropped);
    assert_int_equal(count_rows(&dropped), rows + 3);
    assert_int_equal(table.rows, 0);
    assert_int_equal(table.bytes, 0);
    for (uint64_t i = 0; i < BATCHES / 100; i++) {
        assert_int_equal(count_rows(&views[i]), i * 300);
        assert_int_equal(views[i].rows, i * 300);
        sl_mem_view_fini(&views[i]);
    }
    sl_mem_view_fini(&frozen);
    sl_mem_view_fini(&dropped);
    sl_memtable_fini(&table);
    sl_schema_destroy(schema);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_live_row_is_believed_within_its_window),
        cmocka_unit_test(slices_are_as_short_as_their_rows_allow),
        cmocka_unit_test(every_row_is_in_one_slice),
        cmocka_unit_test(a_view_stays_what_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
