/*
 * segment_damage_test.c - a damaged file is told from a whole one, byte by byte.
 *
 * Every byte of a small segment is changed in turn: the proof must say SL_CORRUPT, and reading,
 * tried for a part of them, must end in an error or give the values that were written. The same
 * for many lengths that the file could have been cut to.
 */
#include <fcntl.h>

#include "storage/base/file.h"
#include "storage/segment/segment_check.h"
#include "tests/unit/storage/segment/segment_written.h"

enum { ROWS = 40, READ_EVERY = 3 };

/* What a reading gave: a hash of all values, or a status. */
struct reading {
    sl_status status;
    uint64_t sum;
};

static void
add_value(struct reading *reading, const struct sl_vector *v, uint32_t row)
{
    uint64_t value = 1;
    if (!sl_vector_is_null(v, row) && v->type == SL_TYPE_ADDR) {
        value = sl_vector_addr(v, row).low ^ sl_vector_addr(v, row).high;
    } else if (!sl_vector_is_null(v, row) && sl_type_is_bytes(v->type)) {
        struct sl_slice slice = sl_vector_slice(v, row);
        for (uint32_t i = 0; i < slice.size_bytes; i++)
            value = value * 257 + slice.bytes[i];
    } else if (!sl_vector_is_null(v, row)) {
        value = sl_vector_u64(v, row);
    }
    reading->sum = reading->sum * UINT64_C(6364136223846793005) + value;
}

static struct reading
read_all(int dir_fd)
{
    struct sl_schema *schema = sl_schema_create();
    struct sl_segment_reader *reader;
    struct reading reading = {0};
    (void)rows_columns_add(schema);
    reading.status = sl_segment_reader_open(dir_fd, "a", schema, NULL, &reader, NULL);
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    if (reading.status == SL_OK)
        reading.status = sl_segment_cursor_seek(cursor, reader, 0, 0, NULL);
    for (uint32_t c = 0; reading.status == SL_OK && c < sl_schema_count(schema); c++) {
        struct sl_vector v;
        reading.status =
            sl_segment_cursor_column(cursor, sl_schema_at(schema, c), NULL, &v, NULL, NULL);
        for (uint32_t row = 0; reading.status == SL_OK && row < v.count; row++)
            add_value(&reading, &v, row);
    }
    sl_segment_cursor_destroy(cursor);
    sl_segment_reader_close(reader);
    sl_schema_destroy(schema);
    return reading;
}

static void
write_file(int dir_fd, const uint8_t *bytes, size_t size_bytes)
{
    struct sl_error err = {0};
    int fd;
    TEST_OK(sl_file_open(dir_fd, "a", O_WRONLY | O_CREAT | O_TRUNC, &fd, &err), &err);
    TEST_OK(sl_file_write_at(fd, 0, bytes, size_bytes, &err), &err);
    sl_file_close(fd);
}

static void
write_byte(int dir_fd, uint64_t offset, uint8_t byte)
{
    struct sl_error err = {0};
    int fd;
    TEST_OK(sl_file_open(dir_fd, "a", O_WRONLY, &fd, &err), &err);
    TEST_OK(sl_file_write_at(fd, offset, &byte, 1, &err), &err);
    sl_file_close(fd);
}

struct file {
    struct written w;
    uint8_t *bytes;
    size_t size_bytes;
};

static int
start(void **state)
{
    struct file *file = sl_new(sizeof(*file));
    uint64_t seed = test_seed();
    written_start(&file->w);
    written_add_rows(&file->w, ROWS, &seed, true);
    written_write(&file->w, "a", 1);
    file->bytes = written_bytes(&file->w, "a", &file->size_bytes);
    *state = file;
    return 0;
}

static int
stop(void **state)
{
    struct file *file = *state;
    written_stop(&file->w);
    free(file->bytes);
    free(file);
    return 0;
}

static void
every_changed_byte_is_noticed(void **state)
{
    struct file *file = *state;
    uint64_t seed = test_seed();
    write_file(file->w.dir_fd, file->bytes, file->size_bytes);
    const struct reading whole = read_all(file->w.dir_fd);
    assert_int_equal(whole.status, SL_OK);
    for (size_t i = 0; i < file->size_bytes; i++) {
        uint8_t flip = (uint8_t)(1 + test_random_below(&seed, 255));
        uint64_t offset;
        struct sl_error err = {0};
        write_byte(file->w.dir_fd, i, file->bytes[i] ^ flip);
        if (sl_segment_check(file->w.dir_fd, "a", NULL, &offset, &err) != SL_CORRUPT)
            fail_msg("byte %zu: %s", i, err.text);
        assert_true(offset <= i);
        assert_non_null(strstr(err.text, "offset"));
        if (i % READ_EVERY == 0) {
            struct reading reading = read_all(file->w.dir_fd);
            if (reading.status == SL_OK)
                assert_int_equal(reading.sum, whole.sum);
            else
                assert_int_equal(reading.status, SL_CORRUPT);
        }
        write_byte(file->w.dir_fd, i, file->bytes[i]);
    }
}

static void
every_length_cut_is_noticed(void **state)
{
    struct file *file = *state;
    for (size_t size = 0; size < file->size_bytes; size += 1 + size / 50) {
        uint64_t offset;
        write_file(file->w.dir_fd, file->bytes, size);
        assert_int_equal(sl_segment_check(file->w.dir_fd, "a", NULL, &offset, NULL), SL_CORRUPT);
        assert_int_equal(read_all(file->w.dir_fd).status, SL_CORRUPT);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(every_length_cut_is_noticed),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
