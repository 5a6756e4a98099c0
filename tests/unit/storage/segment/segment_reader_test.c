/*
 * segment_reader_test.c - what a reader loads beside blocks: once, whoever asks for it, announced
 * before it is read, and let go when nobody uses it.
 */
#include <sched.h>
#include <stdatomic.h>

#include "storage/base/clock.h"
#include "storage/segment/segment_open.h"
#include "tests/unit/storage/segment/segment_written.h"

enum { READERS = 4, READER_ROUNDS = 3 };

struct reading {
    const struct written *written;
    struct sl_segment_reader *reader;
    uint64_t sum;
};

/* Reads three columns of all blocks, letting go of the dictionaries in between. */
static void
read_repeatedly(void *context)
{
    struct reading *reading = context;
    static const uint32_t indexes[] = {SL_COLUMN_SRC_ADDR, SL_COLUMN_SRC_AS, SL_COLUMN_NEXT_HOP};
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    for (uint32_t round = 0; round < READER_ROUNDS; round++) {
        reading->sum = 0;
        for (uint32_t b = 0; b < sl_segment_reader_blocks(reading->reader, 0); b++) {
            sl_status st = sl_segment_cursor_seek(cursor, reading->reader, 0, b, NULL);
            for (size_t i = 0; st == SL_OK && i < SL_COUNTOF(indexes); i++) {
                struct sl_vector v;
                const struct sl_column *column = sl_schema_at(reading->written->schema, indexes[i]);
                st = sl_segment_cursor_column(cursor, column, NULL, &v, NULL, NULL);
                for (uint32_t row = 0; st == SL_OK && row < v.count; row++)
                    if (!sl_vector_is_null(&v, row))
                        reading->sum += v.type == SL_TYPE_ADDR ? sl_vector_addr(&v, row).low
                                                               : sl_vector_u64(&v, row);
            }
            SL_ASSERT(st == SL_OK);
        }
        sl_status left = sl_segment_cursor_seek(cursor, NULL, 0, 0, NULL);
        SL_ASSERT(left == SL_OK);
        (void)sl_segment_reader_drop(reading->reader, SL_SEGMENT_DROP_ALL);
    }
    sl_segment_cursor_destroy(cursor);
}

static void
threads_share_a_reader_and_its_dictionaries(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct written w;
    struct reading readings[READERS];
    struct sl_thread *threads[READERS];
    written_start(&w);
    written_add_dependent(&w, &seed);
    written_write(&w, "a.segment", 1);
    struct sl_segment_reader *reader = written_open(&w, "a.segment");
    for (uint32_t i = 0; i < READERS; i++) {
        readings[i] = (struct reading){&w, reader, 0};
        threads[i] = sl_thread_start("reader", read_repeatedly, &readings[i]);
    }
    for (uint32_t i = 0; i < READERS; i++)
        sl_thread_join(threads[i]);
    for (uint32_t i = 1; i < READERS; i++)
        assert_int_equal(readings[i].sum, readings[0].sum);
    sl_segment_reader_close(reader);
    written_stop(&w);
}

static void
dictionaries_stay_while_they_are_used_again(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct written w;
    written_start(&w);
    written_add_dependent(&w, &seed);
    written_write(&w, "a.segment", 1);
    struct sl_segment_reader *reader = written_open(&w, "a.segment");
    for (unsigned round = 0; round < 2; round++) {
        written_compare_group(&w, reader, 0, NULL);
        assert_true(sl_segment_reader_drop(reader, SL_SEGMENT_DROP_STALE) > 0);
    }
    size_t filter_bytes = sl_segment_reader_drop(reader, SL_SEGMENT_DROP_STALE);
    assert_true(filter_bytes == sl_segment_reader_drop(reader, SL_SEGMENT_DROP_STALE));
    assert_int_equal(sl_segment_reader_drop(reader, SL_SEGMENT_DROP_ALL), 0);
    sl_segment_reader_close(reader);
    written_stop(&w);
}

/* Streams of which blocks below `end` are announced. */
static uint32_t
count_announced(const struct sl_segment_reader *reader, uint32_t end)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < reader->footer.groups[0].stream_count; i++)
        count += reader->groups[0].announced[i] == end;
    return count;
}

static void
streams_are_announced_as_far_as_blocks_are_expected(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct sl_vector vector;
    struct written w;
    written_start(&w);
    for (unsigned i = 0; i < 3; i++)
        written_add_rows(&w, 50000, &seed, true);
    written_write(&w, "a.segment", 1);
    struct sl_segment_reader *reader = written_open(&w, "a.segment");
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    const struct sl_column *bytes = sl_schema_at(w.schema, SL_COLUMN_IN_BYTES);
    TEST_OK(sl_segment_cursor_seek(cursor, reader, 0, 0, &err), &err);
    TEST_OK(sl_segment_cursor_column(cursor, bytes, NULL, &vector, NULL, &err), &err);
    uint32_t count = count_announced(reader, 1);
    assert_in_range(count, 1, SL_SEGMENT_CLOSURE_MAX);
    assert_int_equal(count_announced(reader, 0), reader->footer.groups[0].stream_count - count);
    TEST_OK(sl_segment_cursor_seek(cursor, reader, 0, 1, &err), &err);
    sl_segment_cursor_expect(cursor, 3);
    TEST_OK(sl_segment_cursor_column(cursor, bytes, NULL, &vector, NULL, &err), &err);
    assert_int_equal(count_announced(reader, 3), count);
    TEST_OK(sl_segment_cursor_seek(cursor, reader, 0, 2, &err), &err);
    TEST_OK(sl_segment_cursor_column(cursor, bytes, NULL, &vector, NULL, &err), &err);
    assert_int_equal(count_announced(reader, 3), count);
    sl_segment_cursor_announce(cursor, sl_schema_at(w.schema, SL_COLUMN_SRC_ADDR));
    assert_in_range(count_announced(reader, 3), count + 1, reader->footer.groups[0].stream_count);
    sl_segment_cursor_destroy(cursor);
    sl_segment_reader_close(reader);
    written_stop(&w);
}

static void
what_was_asked_for_is_not_announced_again(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct written w;
    written_start(&w);
    written_add_rows(&w, 5000, &seed, true);
    written_write(&w, "a.segment", 1);
    struct sl_segment_reader *reader = written_open(&w, "a.segment");
    const struct sl_segment_group *group = &reader->footer.groups[0];
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    const struct sl_column *bytes = sl_schema_at(w.schema, SL_COLUMN_IN_BYTES);
    TEST_OK(sl_segment_cursor_seek(cursor, reader, 0, 0, &err), &err);
    for (size_t i = 0; i < reader->groups[0].place_count; i++)
        reader->groups[0].asked[i] = true;
    sl_segment_cursor_announce(cursor, bytes);
    assert_int_equal(count_announced(reader, 0), group->stream_count);
    for (size_t i = 0; i < reader->groups[0].place_count; i++)
        reader->groups[0].asked[i] = false;
    sl_segment_cursor_announce(cursor, bytes);
    assert_true(count_announced(reader, 0) < group->stream_count);
    sl_segment_cursor_destroy(cursor);
    sl_segment_reader_close(reader);
    written_stop(&w);
}

/* A run that reads from a file for a while. */
struct long_run {
    struct sl_segment_cursor *cursor;
    const struct sl_column *column;
    atomic_bool is_helped;
};

static void
read_or_help(void *context, unsigned index)
{
    struct long_run *run = context;
    struct sl_vector vector;
    struct sl_error err = {0};
    if (index == 1) {
        atomic_store(&run->is_helped, true);
        return;
    }
    int64_t started_us = sl_clock_monotonic_us();
    while (sl_clock_monotonic_us() - started_us <= SL_POOL_ALONE_US)
        continue;
    TEST_OK(sl_segment_cursor_column(run->cursor, run->column, NULL, &vector, NULL, &err), &err);
    while (!atomic_load(&run->is_helped)) /* only another thread can run index 1 */
        (void)sched_yield();
}

static void
who_reads_calls_others(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct sl_pool *pool = sl_pool_create("test", 1, 0);
    struct written w;
    written_start(&w);
    written_add_rows(&w, 5000, &seed, true);
    written_write(&w, "a.segment", 1);
    struct sl_segment_reader *reader = written_open(&w, "a.segment");
    struct long_run run = {.cursor = sl_segment_cursor_create(NULL),
                           .column = sl_schema_at(w.schema, SL_COLUMN_IN_BYTES)};
    TEST_OK(sl_segment_cursor_seek(run.cursor, reader, 0, 0, &err), &err);
    sl_pool_each(pool, 2, 2, read_or_help, &run);
    assert_true(run.is_helped);
    sl_pool_destroy(pool);
    sl_segment_cursor_destroy(run.cursor);
    sl_segment_reader_close(reader);
    written_stop(&w);
}

enum { CROWD = 4, CROWD_ITEMS = 512 };

struct crowd {
    struct sl_segment_reader *reader;
    const struct sl_segment_item *items[CROWD][CROWD_ITEMS];
};

/* Dictionaries, maps and pieces of a group, in their order. */
static void
ask_items(void *context, unsigned index)
{
    struct crowd *crowd = context;
    const struct sl_segment_group *group = &crowd->reader->footer.groups[0];
    uint32_t count = sl_segment_item_count(group);
    SL_ASSERT(count <= CROWD_ITEMS);
    sl_segment_group_acquire(crowd->reader, 0);
    for (unsigned round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < count; i++) {
            uint32_t stream = i - group->dictionary_count;
            struct sl_error err = {0};
            if (stream < group->stream_count && group->streams[stream].map == NULL)
                continue; /* it has none */
            if (round == 0)
                sl_segment_item_want(crowd->reader, 0, i);
            else
                SL_ASSERT(sl_segment_item_get(crowd->reader, 0, i, &crowd->items[index][i], NULL,
                                              &err) == SL_OK);
        }
    }
    sl_segment_group_release(crowd->reader, 0);
}

static void
items_that_several_threads_want_are_loaded_once(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct written w;
    written_start(&w);
    for (unsigned i = 0; i < 3; i++)
        written_add_rows(&w, 50000, &seed, true);
    written_write(&w, "a.segment", 1);
    struct sl_pool *pool = sl_pool_create("crowd", CROWD, 0);
    for (unsigned round = 0; round < 20; round++) {
        struct crowd crowd = {.reader = written_open(&w, "a.segment")};
        sl_segment_group_acquire(crowd.reader, 0);
        sl_pool_each(pool, CROWD, CROWD, ask_items, &crowd);
        assert_non_null(crowd.items[0][0]);
        for (unsigned i = 1; i < CROWD; i++)
            assert_memory_equal(crowd.items[i], crowd.items[0], sizeof(crowd.items[0]));
        sl_segment_group_release(crowd.reader, 0);
        sl_segment_reader_close(crowd.reader);
    }
    sl_pool_destroy(pool);
    written_stop(&w);
}

/* Opens the file and reads the first block of every column. */
static sl_status
read_within(const struct written *w, struct sl_budget *budget)
{
    struct sl_error err = {0};
    struct sl_segment_reader *reader = NULL;
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(budget);
    sl_status st = sl_segment_reader_open(w->dir_fd, "a.segment", w->schema, budget, &reader, &err);
    if (st == SL_OK)
        st = sl_segment_cursor_seek(cursor, reader, 0, 0, &err);
    for (uint32_t c = 0; st == SL_OK && c < sl_schema_count(w->schema); c++) {
        struct sl_vector vector;
        const struct sl_column *column = sl_schema_at(w->schema, c);
        st = sl_segment_cursor_column(cursor, column, NULL, &vector, NULL, &err);
    }
    sl_segment_cursor_destroy(cursor);
    sl_segment_reader_close(reader);
    return st;
}

static void
a_reader_without_memory_says_so_and_gives_all_back(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct written w;
    written_start(&w);
    written_add_random(&w, 3000, &seed, false);
    written_write(&w, "a.segment", 1);
    written_run_short(&w, read_within);
    written_stop(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_reader_and_its_dictionaries),
        cmocka_unit_test(dictionaries_stay_while_they_are_used_again),
        cmocka_unit_test(streams_are_announced_as_far_as_blocks_are_expected),
        cmocka_unit_test(what_was_asked_for_is_not_announced_again),
        cmocka_unit_test(who_reads_calls_others),
        cmocka_unit_test(items_that_several_threads_want_are_loaded_once),
        cmocka_unit_test(a_reader_without_memory_says_so_and_gives_all_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
