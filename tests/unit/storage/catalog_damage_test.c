/*
 * catalog_damage_test.c - a damaged file is refused or harmless.
 *
 * Method: bytes of the data file damaged, all of both roots and a seeded sample of the rest: open must
 * refuse, or show exactly what was stored and stay writable. Every bit of a record damaged.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "storage/base/file.h"
#include "storage/catalog_record.h"
#include "tests/unit/storage/catalog_sample.h"

/* Of LMDB. */
#define PAGE_BYTES ((off_t)4096)

static void
write_byte(const struct catalog_place *p, uint64_t offset, uint8_t byte)
{
    struct sl_error err = {0};
    int fd;
    TEST_OK(sl_file_open(AT_FDCWD, p->file, O_WRONLY, &fd, &err), &err);
    TEST_OK(sl_file_write_at(fd, offset, &byte, 1, &err), &err);
    sl_file_close(fd);
}

static void
write_whole(const struct catalog_place *p, const uint8_t *bytes, size_t size_bytes)
{
    struct sl_error err = {0};
    int fd;
    TEST_OK(sl_file_open(AT_FDCWD, p->file, O_WRONLY | O_TRUNC, &fd, &err), &err);
    TEST_OK(sl_file_write_at(fd, 0, bytes, size_bytes, &err), &err);
    sl_file_close(fd);
}

/* A closed catalog with records of every kind; returns the bytes of its file, which the caller owns. */
static uint8_t *
write_everything(const struct catalog_place *p, size_t *out_size_bytes)
{
    struct sl_catalog *catalog = catalog_open(p);
    catalog_put_everything(catalog);
    sl_catalog_close(catalog);
    return test_read_file(p->file, out_size_bytes);
}

static void
a_file_made_by_its_directorys_name_opens_too(void **state)
{
    (void)state;
    struct catalog_place p = catalog_place_create();
    struct sl_catalog *catalog;
    size_t size_bytes;
    uint8_t *bytes = write_everything(&p, &size_bytes);
    for (size_t root = 0; root < 2; root++) { /* LMDB's MDB_NOSUBDIR */
        size_t flags_offset = root * (size_t)PAGE_BYTES + 40 + 5;
        assert_int_equal(bytes[flags_offset], 0x40);
        write_byte(&p, flags_offset, 0);
    }
    free(bytes);
    catalog = catalog_open(&p);
    catalog_expect_everything(catalog);
    catalog_put_everything(catalog);
    sl_catalog_close(catalog);
    catalog = catalog_open(&p);
    catalog_expect_everything(catalog);
    sl_catalog_close(catalog);
    test_dir_remove(p.root);
}

/* Undetected damage must be harmless: everything is there, and stays there when more comes. */
static void
expect_harmless(struct catalog_place *p, struct sl_catalog *catalog)
{
    catalog_expect_everything(catalog);
    for (unsigned i = 0; i < 3; i++) {
        struct sl_catalog_edit *edit = sl_catalog_edit_create();
        sl_catalog_put_counter(edit, SL_CATALOG_SEGMENT_NUMBER, 21);
        sl_catalog_put_meta(edit, "other", &i, sizeof(i), "0123456789", 10);
        catalog_commit(catalog, edit);
    }
    sl_catalog_close(catalog);
    catalog = catalog_open(p);
    catalog_expect_everything(catalog);
    sl_catalog_close(catalog);
}

static void
a_damaged_byte_is_refused_or_harmless(void **state)
{
    (void)state;
    struct catalog_place p = catalog_place_create();
    struct sl_catalog *catalog;
    size_t size_bytes;
    uint8_t *bytes = write_everything(&p, &size_bytes);
    uint64_t seed = test_seed();
    unsigned refused = 0, tried = 0;

    for (size_t i = 0; i < size_bytes; i++) {
        bool is_root = i % 4096 < 160 && i < 8192;
        if (test_random_below(&seed, is_root ? 100 : 12000) >= test_rounds(100))
            continue;
        struct sl_error err = {0};
        uint8_t flip = (uint8_t)(1u << test_random_below(&seed, 8));
        tried++;
        write_byte(&p, i, bytes[i] ^ flip);
        sl_status st = sl_catalog_open(p.path, &catalog, &err);
        struct sl_error check_err = {0};
        sl_status check_st = sl_catalog_check(p.path, &check_err);
        if (st == SL_OK) {
            assert_int_equal(check_st, SL_OK);
            expect_harmless(&p, catalog);
        } else {
            assert_true(st == SL_CORRUPT || st == SL_VERSION);
            assert_null(catalog);
            assert_true(check_st == SL_VERSION || check_st == SL_CORRUPT);
            assert_true(strlen(check_err.text) > 0);
            refused++;
        }
        write_whole(&p, bytes, size_bytes);
    }
    print_message("%u damaged bytes of %zu, %u refused\n", tried, size_bytes, refused);
    assert_true(refused > tried / 8);
    free(bytes);
    test_dir_remove(p.root);
}

static void
a_cut_file_is_refused(void **state)
{
    (void)state;
    struct catalog_place p = catalog_place_create();
    struct sl_catalog *catalog;
    size_t size_bytes;
    uint8_t *bytes = write_everything(&p, &size_bytes);
    for (size_t cut = 0; cut < size_bytes; cut += 2048 * (100 / test_rounds(100))) {
        struct sl_error err = {0};
        write_whole(&p, bytes, cut);
        assert_int_equal(sl_catalog_open(p.path, &catalog, &err), SL_CORRUPT);
    }
    free(bytes);
    test_dir_remove(p.root);
}

static void
a_damaged_catalog_is_moved_aside(void **state)
{
    (void)state;
    struct catalog_place p = catalog_place_create();
    char moved[4200];
    char expected[4200];
    struct sl_error err = {0};
    for (unsigned i = 1; i <= 3; i++) {
        sl_catalog_close(catalog_open(&p));
        TEST_OK(sl_catalog_move_aside(p.path, moved, sizeof(moved), &err), &err);
        (void)snprintf(expected, sizeof(expected), "%s.damaged-%u", p.path, i);
        assert_string_equal(moved, expected);
        struct stat info;
        assert_int_equal(stat(moved, &info), 0);
    }
    assert_int_equal(sl_catalog_check(p.path, &err), SL_MISSING);
    struct sl_catalog *catalog = catalog_open(&p);
    assert_true(sl_catalog_is_new(catalog));
    sl_catalog_close(catalog);
    test_dir_remove(p.root);
}

static void
every_damaged_bit_of_a_record_is_refused(void **state)
{
    (void)state;
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    struct sl_catalog_segment segment = catalog_segment(5);
    struct sl_catalog_column column = {"a", SL_TYPE_U8, SL_UNIT_NONE};
    struct sl_error err = {0};
    sl_catalog_put_segment(edit, &segment);
    sl_catalog_put_column(edit, 0, &column);
    sl_catalog_put_meta(edit, "k", "key", 3, "value", 5);
    for (size_t i = 0; i < edit->op_count; i++) {
        const struct sl_catalog_op *op = &edit->ops[i];
        uint8_t *record = edit->bytes.bytes + op->key_offset - SL_CATALOG_RECORD_HEAD_BYTES;
        size_t size_bytes = SL_CATALOG_RECORD_HEAD_BYTES + op->key_bytes + op->value_bytes;
        struct sl_catalog_record decoded;
        TEST_OK(sl_catalog_record_decode(record, size_bytes, &decoded, &err), &err);
        for (size_t bit = 0; bit < size_bytes * 8; bit++) {
            record[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(sl_catalog_record_decode(record, size_bytes, &decoded, &err),
                             SL_CORRUPT);
            record[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t cut = 0; cut < size_bytes; cut++)
            assert_int_equal(sl_catalog_record_decode(record, cut, &decoded, &err), SL_CORRUPT);
    }
    sl_catalog_edit_destroy(edit);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_made_by_its_directorys_name_opens_too),
        cmocka_unit_test(every_damaged_bit_of_a_record_is_refused),
        cmocka_unit_test(a_damaged_byte_is_refused_or_harmless),
        cmocka_unit_test(a_cut_file_is_refused),
        cmocka_unit_test(a_damaged_catalog_is_moved_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
