/*
 * segment_writer_test.c - what a writer does beside writing rows: it copies groups, works with a
 * second thread, and leaves nothing behind where it ends early or without memory.
 */
#include <fcntl.h>

#include "storage/base/file.h"
#include "tests/unit/storage/segment/segment_written.h"

/* A row of one column, so that the columns of what follows get other numbers. */
static void
write_narrow_group(const struct written *w, struct sl_segment_writer *writer)
{
    struct sl_error err = {0};
    struct sl_builder *b = sl_builder_create(1);
    sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(w->schema, SL_COLUMN_IN_BYTES)), 7);
    sl_builder_next(b);
    struct sl_batch *batch = sl_builder_finish(b);
    const struct sl_segment_rows rows = {.batch = batch};
    TEST_OK(sl_segment_writer_group(writer, &rows, 1, NULL, &err), &err);
    sl_batch_release(batch);
    sl_builder_destroy(b);
}

static void
copied_groups_read_back(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (unsigned round = 0; round < test_rounds(20); round++) {
        struct sl_error err = {0};
        struct written w;
        struct sl_segment_summary summary;
        written_start(&w);
        written_add_random(&w, round == 0 ? SL_BATCH_ROWS_MAX : 2000, &seed, round % 2 == 1);
        written_write(&w, "a.segment", 2);
        struct sl_segment_reader *reader = written_open(&w, "a.segment");
        struct sl_segment_writer *writer = written_writer(&w, "b.segment", NULL);
        write_narrow_group(&w, writer);
        TEST_OK(sl_segment_writer_copy(writer, reader, 1, &err), &err);
        TEST_OK(sl_segment_writer_copy(writer, reader, 0, &err), &err);
        TEST_OK(sl_segment_writer_commit(writer, &summary, &err), &err);
        sl_segment_writer_close(writer);
        (void)sl_segment_reader_drop(reader, SL_SEGMENT_DROP_ALL);
        sl_segment_reader_close(reader);
        assert_int_equal(summary.row_count, 2 * w.row_count + 1);
        written_check(&w, "b.segment");
        reader = written_open(&w, "b.segment");
        written_compare_group(&w, reader, 1, &seed);
        written_compare_group(&w, reader, 2, &seed);
        (void)sl_segment_reader_drop(reader, SL_SEGMENT_DROP_ALL);
        sl_segment_reader_close(reader);
        written_stop(&w);
    }
}

static void
a_damaged_group_is_not_copied(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct written w;
    int fd = -1;
    uint8_t byte = 0;
    written_start(&w);
    written_add_random(&w, 2000, &seed, false);
    written_write(&w, "a.segment", 1);
    TEST_OK(sl_file_open(w.dir_fd, "a.segment", O_RDWR, &fd, &err), &err);
    TEST_OK(sl_file_read_at(fd, SL_SEGMENT_HEAD_BYTES + 5, &byte, 1, &err), &err);
    byte ^= 1;
    TEST_OK(sl_file_write_at(fd, SL_SEGMENT_HEAD_BYTES + 5, &byte, 1, &err), &err);
    sl_file_close(fd);
    struct sl_segment_reader *reader = written_open(&w, "a.segment");
    struct sl_segment_writer *writer = written_writer(&w, "b.segment", NULL);
    assert_int_equal(sl_segment_writer_copy(writer, reader, 0, &err), SL_CORRUPT);
    assert_non_null(strstr(err.text, "a.segment: offset 32"));
    sl_segment_writer_close(writer);
    sl_segment_reader_close(reader);
    written_stop(&w);
}

static void
a_writer_that_is_closed_early_leaves_nothing(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct written w;
    int fd;
    written_start(&w);
    written_add_random(&w, 50, &seed, false);
    struct sl_segment_writer *writer = written_writer(&w, "a.segment", NULL);
    TEST_OK(sl_segment_writer_group(writer, w.rows, w.piece_count, NULL, &err), &err);
    sl_segment_writer_close(writer);
    assert_int_not_equal(sl_file_open(w.dir_fd, "a.segment", O_RDONLY, &fd, NULL), SL_OK);
    assert_int_not_equal(sl_file_open(w.dir_fd, "a.segment.tmp", O_RDONLY, &fd, NULL), SL_OK);
    written_stop(&w);
}

/* So many rows that they are sorted in two parts as well. */
static void
a_second_thread_changes_no_byte(void **state)
{
    (void)state;
    enum { ROWS = 33000 };
    uint64_t seed = test_seed();
    struct written w;
    written_start(&w);
    written_add_rows(&w, ROWS, &seed, false);
    written_add_rows(&w, ROWS, &seed, true);
    written_write_alone(&w, "alone.segment", 1);
    written_write(&w, "shared.segment", 1);
    size_t alone_bytes, shared_bytes;
    uint8_t *alone = written_bytes(&w, "alone.segment", &alone_bytes);
    uint8_t *shared = written_bytes(&w, "shared.segment", &shared_bytes);
    assert_int_equal(alone_bytes, shared_bytes);
    assert_memory_equal(alone, shared, alone_bytes);
    free(alone);
    free(shared);
    written_stop(&w);
}

/* A group of all rows, in an arena of the budget. */
static sl_status
write_within(const struct written *w, struct sl_budget *budget)
{
    struct sl_error err = {0};
    struct sl_arena *arena = sl_arena_create_shared(budget);
    struct sl_segment_writer *writer = written_writer(w, "a.segment", arena);
    sl_status st = sl_segment_writer_group(writer, w->rows, w->piece_count, NULL, &err);
    sl_segment_writer_close(writer);
    sl_arena_destroy(arena);
    return st;
}

static void
a_writer_without_memory_says_so_and_gives_all_back(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct written w;
    written_start(&w);
    written_add_random(&w, 3000, &seed, false);
    written_run_short(&w, write_within);
    written_stop(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copied_groups_read_back),
        cmocka_unit_test(a_damaged_group_is_not_copied),
        cmocka_unit_test(a_writer_that_is_closed_early_leaves_nothing),
        cmocka_unit_test(a_second_thread_changes_no_byte),
        cmocka_unit_test(a_writer_without_memory_says_so_and_gives_all_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
