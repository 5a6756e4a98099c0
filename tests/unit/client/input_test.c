/*
 * input_test.c - plain, gzip and zstd files read as one stream; damaged and cut ones are refused.
 */
#include "client/input.h"

#include <stdio.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/support/test.h"

enum { CONTENT_BYTES = 3000000 };

static uint8_t *
make_content(void)
{
    uint64_t seed = test_seed();
    uint8_t *bytes = sl_new(CONTENT_BYTES);
    for (size_t i = 0; i < CONTENT_BYTES; i++)
        bytes[i] = (uint8_t)(test_random(&seed) % 7 == 0 ? test_random(&seed) : i / 1000);
    return bytes;
}

static void
write_file(const char *path, const void *bytes, size_t size_bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size_bytes, file), size_bytes);
    assert_int_equal(fclose(file), 0);
}

/* Everything the input gives, in odd pieces; the status of the last read. */
static sl_status
read_all(const char *path, uint8_t *out, size_t *out_bytes, struct sl_error *err)
{
    struct sl_input *input = NULL;
    uint64_t seed = 5;
    *out_bytes = 0;
    sl_status st = sl_input_open(path, &input, err);
    while (st == SL_OK) {
        size_t got = 0;
        size_t room =
            sl_min_size(2U * CONTENT_BYTES - *out_bytes, 1 + test_random_below(&seed, 70000));
        st = sl_input_read(input, out + *out_bytes, room, &got, err);
        if (got == 0)
            break;
        *out_bytes += got;
    }
    sl_input_close(input);
    return st;
}

static void
every_form_reads_back(void **state)
{
    char *dir = test_dir_create();
    char path[512];
    uint8_t *content = make_content();
    uint8_t *back = sl_new(2U * CONTENT_BYTES);
    size_t back_bytes = 0;
    struct sl_error err = {0};
    (void)state;

    (void)snprintf(path, sizeof(path), "%s/plain", dir);
    write_file(path, content, CONTENT_BYTES);
    TEST_OK(read_all(path, back, &back_bytes, &err), &err);
    assert_int_equal(back_bytes, CONTENT_BYTES);
    assert_memory_equal(back, content, CONTENT_BYTES);

    (void)snprintf(path, sizeof(path), "%s/gzip", dir);
    gzFile gzip = gzopen(path, "wb1");
    assert_int_equal(gzwrite(gzip, content, CONTENT_BYTES), CONTENT_BYTES);
    assert_int_equal(gzclose(gzip), Z_OK);
    TEST_OK(read_all(path, back, &back_bytes, &err), &err);
    assert_int_equal(back_bytes, CONTENT_BYTES);
    assert_memory_equal(back, content, CONTENT_BYTES);

    (void)snprintf(path, sizeof(path), "%s/zstd", dir);
    size_t bound = ZSTD_compressBound(CONTENT_BYTES);
    uint8_t *squeezed = sl_new(2 * bound);
    size_t squeezed_bytes = ZSTD_compress(squeezed, bound, content, CONTENT_BYTES, 1);
    memcpy(squeezed + squeezed_bytes, squeezed, squeezed_bytes);
    write_file(path, squeezed, 2 * squeezed_bytes); /* two frames are one stream */
    TEST_OK(read_all(path, back, &back_bytes, &err), &err);
    assert_int_equal(back_bytes, 2 * CONTENT_BYTES);
    assert_memory_equal(back + CONTENT_BYTES, content, CONTENT_BYTES);

    write_file(path, squeezed, squeezed_bytes - 10);
    assert_int_equal(read_all(path, back, &back_bytes, &err), SL_FORMAT);
    squeezed[squeezed_bytes / 2] ^= 0x55;
    write_file(path, squeezed, squeezed_bytes);
    sl_status st = read_all(path, back, &back_bytes, &err);
    assert_true(st == SL_FORMAT || memcmp(back, content, CONTENT_BYTES) != 0);
    free(squeezed);
    free(back);
    free(content);
    test_dir_remove(dir);
}

static void
a_gzip_file_that_ends_early_is_refused(void **state)
{
    char *dir = test_dir_create();
    char path[512];
    uint8_t *content = make_content();
    uint8_t *back = sl_new(2U * CONTENT_BYTES);
    size_t back_bytes = 0;
    size_t file_bytes = 0;
    struct sl_error err = {0};
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/gzip", dir);
    gzFile gzip = gzopen(path, "wb1");
    assert_int_equal(gzwrite(gzip, content, CONTENT_BYTES), CONTENT_BYTES);
    assert_int_equal(gzclose(gzip), Z_OK);
    uint8_t *file = test_read_file(path, &file_bytes);
    write_file(path, file, file_bytes / 2);
    assert_int_equal(read_all(path, back, &back_bytes, &err), SL_FORMAT);
    assert_non_null(strstr(err.text, "ends in the middle"));
    assert_int_equal(read_all("/nowhere/at/all", back, &back_bytes, &err), SL_IO);
    free(file);
    free(back);
    free(content);
    test_dir_remove(dir);
}

/* A look at the head takes nothing away; a stream of it is the same bytes, and tells why it fails. */
static void
the_head_is_seen_and_the_stream_is_whole(void **state)
{
    char *dir = test_dir_create();
    char path[512];
    uint8_t *content = make_content();
    uint8_t *back = sl_new(CONTENT_BYTES + 1);
    struct sl_input *input = NULL;
    struct sl_error err = {0};
    const uint8_t *head = NULL;
    size_t head_bytes = 0;
    (void)state;
    for (unsigned is_cut = 0; is_cut < 2; is_cut++) {
        (void)snprintf(path, sizeof(path), "%s/stream%u", dir, is_cut);
        gzFile file = gzopen(path, "wb1");
        assert_int_equal(gzwrite(file, content, CONTENT_BYTES), CONTENT_BYTES);
        assert_int_equal(gzclose(file), Z_OK);
        if (is_cut != 0)
            assert_int_equal(truncate(path, 100000), 0);
        TEST_OK(sl_input_open(path, &input, &err), &err);
        TEST_OK(sl_input_peek(input, &head, &head_bytes, &err), &err);
        assert_int_equal(head_bytes, SL_INPUT_HEAD_BYTES);
        assert_memory_equal(head, content, SL_INPUT_HEAD_BYTES);
        FILE *stream = sl_input_stream(input, &err);
        assert_non_null(stream);
        size_t got = fread(back, 1, CONTENT_BYTES + 1, stream);
        assert_memory_equal(back, content, got);
        assert_int_equal(got == CONTENT_BYTES, is_cut == 0);
        assert_int_equal(ferror(stream) != 0, is_cut != 0);
        assert_int_equal(strstr(err.text, "ends in the middle") != NULL, is_cut != 0);
        assert_int_equal(fclose(stream), 0);
        sl_input_close(input);
    }
    free(content);
    free(back);
    test_dir_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_reads_back),
        cmocka_unit_test(a_gzip_file_that_ends_early_is_refused),
        cmocka_unit_test(the_head_is_seen_and_the_stream_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
