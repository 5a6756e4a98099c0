/*
 * segment_keep_test.c - blocks that a cursor keeps are those that were written, and kept only for
 * who comes back.
 */
#include "storage/segment/segment_open.h"
#include "tests/unit/storage/segment/segment_written.h"

/* A segment whose reader keeps blocks in a cache that takes from `memory`. */
struct keeping {
    struct written w;
    struct sl_budget memory;
    struct sl_segment_cache *cache;
    struct sl_segment_reader *reader;
};

static void
start(struct keeping *k)
{
    *k = (struct keeping){.memory.limit_bytes = SIZE_MAX};
    written_start(&k->w);
}

/* Write what was added, and read it through a cache of so many bytes. */
static void
keep(struct keeping *k, size_t cache_bytes)
{
    written_write(&k->w, "a.segment", 1);
    k->cache = sl_segment_cache_create(cache_bytes, &k->memory);
    k->reader = written_open(&k->w, "a.segment");
    sl_segment_reader_keep(k->reader, k->cache);
}

static void
stop(struct keeping *k)
{
    sl_segment_reader_close(k->reader);
    assert_int_equal(k->memory.used_bytes, 0);
    sl_segment_cache_destroy(k->cache);
    written_stop(&k->w);
}

/* Read everything with a cursor that keeps, for a scan of so many rows; returns the values that were
 * decoded. */
static uint64_t
read_kept(const struct keeping *k, uint64_t scan_rows)
{
    struct sl_error err = {0};
    struct sl_segment_counters counters = {0};
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    sl_segment_cursor_keep(cursor, scan_rows);
    for (uint32_t b = 0; b < sl_segment_reader_blocks(k->reader, 0); b++) {
        uint32_t rows = sl_segment_reader_block_rows(k->reader, 0, b);
        TEST_OK(sl_segment_cursor_seek(cursor, k->reader, 0, b, &err), &err);
        for (uint32_t c = 0; c < sl_schema_count(k->w.schema); c++) {
            struct sl_vector vector;
            const struct sl_column *column = sl_schema_at(k->w.schema, c);
            TEST_OK(sl_segment_cursor_column(cursor, column, NULL, &vector, &counters, &err), &err);
        }
        written_compare_block(&k->w, cursor, b, rows, NULL);
    }
    sl_segment_cursor_destroy(cursor);
    return counters.values_decoded;
}

static void
kept_blocks_are_those_that_were_written(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct keeping k;
    start(&k);
    for (unsigned i = 0; i < 2; i++)
        written_add_rows(&k.w, 50000, &seed, i == 0);
    keep(&k, SIZE_MAX);
    uint64_t decoded_first = read_kept(&k, 100000);
    assert_int_equal(sl_segment_cache_bytes(k.cache), 0); /* nobody came back yet */
    assert_int_equal(read_kept(&k, 100000), decoded_first);
    size_t kept_bytes = sl_segment_cache_bytes(k.cache);
    uint64_t decoded_then = read_kept(&k, 100000);
    assert_true(kept_bytes > 0);
    assert_int_equal(kept_bytes, k.memory.used_bytes);
    assert_int_equal(kept_bytes, sl_segment_cache_bytes(k.cache));
    /* What is left is strings without a dictionary. */
    assert_true(decoded_then < decoded_first / 4);
    stop(&k);
}

/* Kept times are lent as distances, before and after they were asked for, and not to who looks at few. */
static void
kept_times_are_lent_as_distances(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct keeping k;
    start(&k);
    written_add_rows(&k.w, 5000, &seed, true);
    keep(&k, SIZE_MAX);
    const struct sl_column *last_seen = sl_schema_at(k.w.schema, SL_COLUMN_LAST_SEEN);
    const struct sl_column *in_bytes = sl_schema_at(k.w.schema, SL_COLUMN_IN_BYTES);
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    sl_segment_cursor_keep(cursor, 0);
    const uint32_t *distances = NULL;
    uint64_t base = 0;
    struct sl_vector vector;
    for (unsigned round = 0; round < 3; round++) {
        TEST_OK(sl_segment_cursor_seek(cursor, k.reader, 0, 0, &err), &err);
        bool is_lent = sl_segment_cursor_distances(cursor, last_seen, &distances, &base);
        assert_int_equal(is_lent, round == 2);
        TEST_OK(sl_segment_cursor_column(cursor, last_seen, NULL, &vector, NULL, &err), &err);
    }
    assert_true(sl_segment_cursor_distances(cursor, last_seen, &distances, &base));
    for (uint32_t row = 0; row < vector.count; row++)
        assert_int_equal(base + distances[row], sl_vector_u64(&vector, row));
    assert_false(sl_segment_cursor_distances(cursor, in_bytes, &distances, &base));
    uint64_t few[SL_BLOCK_ROWS / 64] = {5};
    uint32_t count;
    TEST_OK(sl_segment_cursor_focus(cursor, few, &count, &err), &err);
    assert_false(sl_segment_cursor_distances(cursor, last_seen, &distances, &base));
    sl_segment_cursor_destroy(cursor);
    stop(&k);
}

/* Of a scan far larger than the cache hardly anything is kept, however often it comes back. */
static void
a_scan_larger_than_the_cache_keeps_its_share(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct keeping k;
    start(&k);
    written_add_rows(&k.w, 3000, &seed, false);
    keep(&k, 64 << 20);
    for (unsigned round = 0; round < 3; round++)
        (void)read_kept(&k, UINT64_C(1) << 40);
    assert_int_equal(sl_segment_cache_bytes(k.cache), 0);
    for (unsigned round = 0; round < 2; round++)
        (void)read_kept(&k, 3000);
    assert_true(sl_segment_cache_bytes(k.cache) > 0);
    stop(&k);
}

/* Of a column that nobody came for, a few rows are decoded alone; who comes again finds it kept. */
static void
a_few_rows_are_kept_when_they_are_asked_for_again(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct keeping k;
    start(&k);
    written_add_rows(&k.w, 6000, &seed, false);
    written_add_rows(&k.w, 6000, &seed, true);
    keep(&k, SIZE_MAX);
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    sl_segment_cursor_keep(cursor, 0);
    for (unsigned round = 0; round < 3; round++) {
        for (uint32_t b = 0; b < sl_segment_reader_blocks(k.reader, 0); b++) {
            uint32_t rows = sl_segment_reader_block_rows(k.reader, 0, b);
            TEST_OK(sl_segment_cursor_seek(cursor, k.reader, 0, b, &err), &err);
            written_compare_few(&k.w, cursor, b, rows, &seed);
        }
        assert_true((sl_segment_cache_bytes(k.cache) != 0) == (round > 0));
    }
    sl_segment_cursor_destroy(cursor);
    stop(&k);
}

/* Does the value of a row lie between those of two other rows, in the order of the type? */
static bool
is_between(const struct sl_vector *v, uint32_t row, struct sl_addr low, struct sl_addr high)
{
    if (sl_vector_is_null(v, row))
        return false;
    if (v->type == SL_TYPE_ADDR) {
        struct sl_addr value = sl_vector_addr(v, row);
        return sl_addr_compare(value, low) >= 0 && sl_addr_compare(value, high) <= 0;
    }
    uint64_t value = sl_vector_u64(v, row);
    return sl_type_is_signed(v->type)
               ? (int64_t)value >= (int64_t)low.low && (int64_t)value <= (int64_t)high.low
               : value >= low.low && value <= high.low;
}

/* A test for one value of the column in the block, or for up to some more. */
static struct sl_test
make_test(const struct sl_column *column, const struct sl_vector *v, uint64_t *seed)
{
    struct sl_test test = {.kind = SL_TEST_RANGE, .column = column};
    uint32_t row = (uint32_t)test_random_below(seed, v->count);
    bool has_value = v->value_count != 0 && !sl_vector_is_null(v, row);
    if (v->type == SL_TYPE_ADDR && has_value)
        test.low = sl_vector_addr(v, row);
    else if (has_value)
        test.low.low = sl_vector_u64(v, row);
    test.high = test.low;
    uint64_t more = test_random_below(seed, 3) == 0 ? test_random_below(seed, 1 << 20) : 0;
    if (!__builtin_add_overflow(test.low.low, more, &test.high.low) &&
        (!sl_type_is_signed(v->type) || (int64_t)test.high.low >= (int64_t)test.low.low))
        return test;
    test.high = test.low;
    return test;
}

/* Look rows of the block up by a test on the column, or by that and another one: what was decided is what
 * a look at every row says, and nothing else is touched. Returns how often it was decided. */
static unsigned
check_look_up(const struct keeping *k, struct sl_segment_cursor *cursor,
              const struct sl_column *column, const struct sl_column *other, uint64_t *seed)
{
    struct sl_error err = {0};
    struct sl_vector vectors[2];
    struct sl_test tests[2];
    uint64_t selection[SL_BLOCK_ROWS / 64], before[SL_BLOCK_ROWS / 64];
    const struct sl_column *columns[2] = {column, other};
    uint32_t test_count = 1 + (uint32_t)test_random_below(seed, 2);
    TEST_OK(sl_segment_cursor_seek(cursor, k->reader, 0, 0, &err), &err);
    for (unsigned i = 0; i < 2; i++) {
        TEST_OK(sl_segment_cursor_column(cursor, columns[i], NULL, &vectors[i], NULL, &err), &err);
        tests[i] = make_test(columns[i], &vectors[i], seed);
    }
    const struct sl_clause clause = {tests, test_count};
    uint32_t count = vectors[0].count;
    memset(selection, 0, sizeof(selection));
    for (uint32_t row = 0; row < count; row++)
        sl_bit_set(selection, row);
    for (uint32_t w = 0; w < count / 64; w++)
        selection[w] &= test_random(seed) | test_random(seed);
    memcpy(before, selection, sizeof(before));
    uint32_t decided = sl_segment_cursor_look_up(cursor, &clause, 1, selection);
    for (uint32_t row = 0; row < count; row++) {
        bool is_kept = decided == 0;
        for (uint32_t t = 0; t < test_count; t++)
            is_kept |= is_between(&vectors[t], row, tests[t].low, tests[t].high);
        if (sl_bit_get(selection, row) != (is_kept && sl_bit_get(before, row)))
            fail_msg("%s: row %u", column->name, row);
    }
    return decided != 0;
}

/* Of every column whose values are integers or addresses. */
static void
rows_are_looked_up_as_they_are_written(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct keeping k;
    start(&k);
    written_add_rows(&k.w, 14000, &seed, false);
    written_add_rows(&k.w, 4000, &seed, true);
    keep(&k, SIZE_MAX);
    unsigned decided = 0;
    const struct sl_column *dst_addr = sl_schema_at(k.w.schema, SL_COLUMN_DST_ADDR);
    for (uint32_t c = 0; c < sl_schema_count(k.w.schema); c++) {
        const struct sl_column *column = sl_schema_at(k.w.schema, c);
        if (sl_type_is_bytes(column->type) || column->type == SL_TYPE_F64)
            continue;
        for (unsigned round = 0; round < 40; round++) {
            /* Clauses are known by their address as long as a cursor stays. */
            struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
            sl_segment_cursor_keep(cursor, 18000);
            decided += check_look_up(&k, cursor, column, dst_addr, &seed);
            sl_segment_cursor_destroy(cursor);
        }
    }
    assert_true(decided > 20);
    stop(&k);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_blocks_are_those_that_were_written),
        cmocka_unit_test(kept_times_are_lent_as_distances),
        cmocka_unit_test(a_scan_larger_than_the_cache_keeps_its_share),
        cmocka_unit_test(rows_are_looked_up_as_they_are_written),
        cmocka_unit_test(a_few_rows_are_kept_when_they_are_asked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
