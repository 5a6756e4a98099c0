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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_blocks_are_those_that_were_written),
        cmocka_unit_test(kept_times_are_lent_as_distances),
        cmocka_unit_test(a_scan_larger_than_the_cache_keeps_its_share),
        cmocka_unit_test(a_few_rows_are_kept_when_they_are_asked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
