/*
 * segment_golden_test.c - a segment of format version 3, kept as it was written, still reads; one of
 * an older version is refused in words.
 *
 * tests/golden/segment-3.segment holds the rows that make_rows gives. It is written anew only on
 * purpose, with SLUICE_GOLDEN_WRITE=1, when a new format version gets a file of its own.
 */
#include <fcntl.h>

#include "storage/base/file.h"
#include "storage/segment/segment_check.h"
#include "tests/unit/storage/segment/segment_rows.h"

#define GOLDEN_NAME "segment-3.segment"

enum { ROWS = 400 };

/* From a fixed seed: these rows must never change. */
static struct sl_batch *
make_rows(struct sl_schema *schema)
{
    uint64_t seed = 20261124;
    (void)rows_columns_add(schema);
    return rows_batch(schema, ROWS, &seed, true);
}

static void
write_golden(int dir_fd, const struct sl_batch *batch)
{
    struct sl_error err = {0};
    struct sl_segment_writer *writer;
    struct sl_segment_summary summary;
    const struct sl_segment_meta meta = {.number = 1};
    const struct sl_segment_rows rows = {batch, NULL};
    TEST_OK(
        sl_segment_writer_open(dir_fd, GOLDEN_NAME, &meta, SL_EFFORT_MERGE, NULL, &writer, &err),
        &err);
    TEST_OK(sl_segment_writer_group(writer, &rows, 1, NULL, &err), &err);
    TEST_OK(sl_segment_writer_commit(writer, &summary, &err), &err);
    sl_segment_writer_close(writer);
}

/* A hash of a row that does not depend on where the row stands. */
static uint64_t
hash_row(const struct sl_schema *schema, const struct sl_vector *const *vectors, uint32_t row)
{
    uint64_t sum = 0;
    for (uint32_t c = 0; c < sl_schema_count(schema); c++) {
        const struct sl_vector *v = vectors[c];
        uint64_t value = 0;
        if (v == NULL || sl_vector_is_null(v, row))
            value = sl_schema_at(schema, c)->is_nullable ? 1 : 2; /* 2: as the value 0 */
        else if (v->type == SL_TYPE_ADDR)
            value = 3 + sl_vector_addr(v, row).low + 31 * sl_vector_addr(v, row).high;
        else if (!sl_type_is_bytes(v->type))
            value = 2 + sl_vector_u64(v, row);
        else
            for (uint32_t i = 0; i < sl_vector_slice(v, row).size_bytes; i++)
                value = value * 257 + sl_vector_slice(v, row).bytes[i] + 5;
        sum = (sum ^ value) * UINT64_C(0x9e3779b97f4a7c15);
        sum ^= sum >> 29;
    }
    return sum;
}

static void
a_file_of_version_3_reads_back_to_its_rows(void **state)
{
    (void)state;
    struct sl_error err = {0};
    struct sl_schema *schema = sl_schema_create();
    struct sl_batch *batch = make_rows(schema);
    struct sl_segment_reader *reader;
    uint64_t offset;
    int dir_fd;
    TEST_OK(sl_dir_open(AT_FDCWD, "tests/golden", &dir_fd, &err), &err);
    if (getenv("SLUICE_GOLDEN_WRITE") != NULL)
        write_golden(dir_fd, batch);
    TEST_OK(sl_segment_check(dir_fd, GOLDEN_NAME, NULL, &offset, &err), &err);
    TEST_OK(sl_segment_reader_open(dir_fd, GOLDEN_NAME, schema, NULL, &reader, &err), &err);
    assert_int_equal(sl_segment_reader_summary(reader)->row_count, ROWS);
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    TEST_OK(sl_segment_cursor_seek(cursor, reader, 0, 0, &err), &err);
    uint32_t count = sl_schema_count(schema);
    struct sl_vector *vectors = sl_new(count * sizeof(*vectors));
    const struct sl_vector **read = sl_new(count * sizeof(void *));
    const struct sl_vector **given = sl_new(count * sizeof(void *));
    for (uint32_t c = 0; c < count; c++) {
        const struct sl_column *column = sl_schema_at(schema, c);
        TEST_OK(sl_segment_cursor_column(cursor, column, NULL, &vectors[c], NULL, &err), &err);
        read[c] = &vectors[c];
        given[c] = sl_batch_find(batch, column);
    }
    uint64_t sum_read = 0;
    uint64_t sum_given = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        sum_read += hash_row(schema, read, row);
        sum_given += hash_row(schema, given, row);
    }
    assert_int_equal(sum_read, sum_given);
    free(given);
    free(read);
    free(vectors);
    sl_segment_cursor_destroy(cursor);
    sl_segment_reader_close(reader);
    sl_batch_release(batch);
    sl_file_close(dir_fd);
    sl_schema_destroy(schema);
}

static void
a_file_of_version_2_is_refused(void **state)
{
    (void)state;
    struct sl_error err = {0};
    struct sl_schema *schema = sl_schema_create();
    struct sl_segment_reader *reader;
    uint64_t offset;
    int dir_fd;
    TEST_OK(sl_dir_open(AT_FDCWD, "tests/golden", &dir_fd, &err), &err);
    assert_int_equal(
        sl_segment_reader_open(dir_fd, "segment-2.segment", schema, NULL, &reader, &err),
        SL_VERSION);
    assert_null(reader);
    assert_string_equal(err.text,
                        "segment-2.segment: offset 8: format version 2, this build reads 3");
    assert_int_equal(sl_segment_check(dir_fd, "segment-2.segment", NULL, &offset, &err),
                     SL_VERSION);
    sl_file_close(dir_fd);
    sl_schema_destroy(schema);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_version_3_reads_back_to_its_rows),
        cmocka_unit_test(a_file_of_version_2_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
