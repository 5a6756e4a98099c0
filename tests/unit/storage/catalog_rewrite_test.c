/*
 * catalog_rewrite_test.c - a data file that is mostly free pages is written anew, and no failure on the
 * way costs a record.
 *
 * Method: examples, some of them with a directory that cannot be written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "storage/base/file.h"
#include "tests/unit/storage/catalog_sample.h"

/* Of LMDB. */
#define PAGE_BYTES ((off_t)4096)

static struct stat
stat_file(const struct catalog_place *p)
{
    struct stat info;
    assert_int_equal(stat(p->file, &info), 0);
    return info;
}

static void
a_catalog_that_shrank_is_written_anew(void **state)
{
    (void)state;
    struct catalog_place p = catalog_place_create();
    struct sl_catalog *catalog = catalog_open(&p);
    catalog_keep_segments(catalog, 1, CATALOG_SEGMENTS);
    struct stat large = stat_file(&p);
    catalog_keep_segments(catalog, 8, 9);
    struct stat small = stat_file(&p);
    assert_true(small.st_ino != large.st_ino);
    assert_true(small.st_size <= 4 * PAGE_BYTES && small.st_size < large.st_size / 4);
    assert_int_equal(sl_catalog_bytes(catalog), small.st_size);
    catalog_expect_segments(catalog, 8, 9);

    /* What follows goes into the new file, and counts from its transaction on. */
    for (uint64_t i = 10; i < 20; i++) {
        catalog_keep_segments(catalog, 8, i);
        sl_catalog_close(catalog);
        catalog = catalog_open(&p);
        assert_false(sl_catalog_is_new(catalog));
        catalog_expect_segments(catalog, 8, i);
    }
    sl_catalog_close(catalog);
    test_dir_remove(p.root);
}

static void
commits_of_one_size_do_not_write_it_anew(void **state)
{
    (void)state;
    enum { VALUE_BYTES = 1 << 20 };
    static const uint64_t sizes[] = {1, 20, 60, 200, CATALOG_SEGMENTS};
    uint8_t *value = sl_new(VALUE_BYTES);
    for (size_t i = 0; i < 2 * SL_COUNTOF(sizes); i++) {
        struct catalog_place p = catalog_place_create();
        struct sl_catalog *catalog = catalog_open(&p);
        struct stat first = stat_file(&p);
        for (unsigned round = 0; round < 30; round++) {
            catalog_keep_segments(catalog, 1, sizes[i / 2]); /* each changes every page */
            if (i % 2 == 0)
                continue;
            struct sl_catalog_edit *edit = sl_catalog_edit_create();
            sl_catalog_put_meta(edit, "large", "", 0, value, VALUE_BYTES);
            catalog_commit(catalog, edit);
        }
        assert_int_equal(stat_file(&p).st_ino, first.st_ino);
        sl_catalog_close(catalog);
        test_dir_remove(p.root);
    }
    free(value);
}

static bool must_fail_rename, must_fail_sync;

static int
failing_renameat(void *context, int dir_fd, const char *source, const char *target)
{
    if (!must_fail_rename)
        return sl_file_real_calls.renameat(context, dir_fd, source, target);
    errno = EIO;
    return -1;
}

static int
failing_fsync(void *context, int fd)
{
    if (!must_fail_sync)
        return sl_file_real_calls.fsync(context, fd);
    errno = EIO;
    return -1;
}

static void
a_name_that_is_not_on_disk_holds_commits_back(void **state)
{
    (void)state;
    struct sl_file_calls calls = sl_file_real_calls;
    calls.renameat = failing_renameat;
    calls.fsync = failing_fsync;
    for (unsigned round = 0; round < 4; round++) {
        struct catalog_place p = catalog_place_create();
        struct sl_catalog *catalog = catalog_open(&p);
        struct sl_error err = {0};
        bool is_renamed = round % 2 == 0;
        bool is_synced = round / 2 == 0;
        catalog_keep_segments(catalog, 1, CATALOG_SEGMENTS);
        struct stat large = stat_file(&p);
        must_fail_rename = !is_renamed;
        must_fail_sync = !is_synced;
        sl_file_install(&calls);
        catalog_keep_segments(catalog, 8, 9); /* done, whatever becomes of the file */
        assert_int_equal(stat_file(&p).st_ino == large.st_ino, !is_renamed);
        catalog_expect_segments(catalog, 8, 9);
        struct stat info;
        assert_int_equal(stat(p.rest, &info), -1);

        struct sl_catalog_edit *edit = sl_catalog_edit_create();
        struct sl_catalog_segment s = catalog_segment(10);
        sl_catalog_put_segment(edit, &s);
        assert_int_equal(sl_catalog_commit(catalog, edit, &err), is_synced ? SL_OK : SL_IO);
        catalog_expect_segments(catalog, 8, is_synced ? 10 : 9);
        must_fail_rename = must_fail_sync = false;
        catalog_keep_segments(catalog, 8, 12);
        assert_true(stat_file(&p).st_size <= 12 * PAGE_BYTES && large.st_size > 12 * PAGE_BYTES);
        sl_file_install(NULL);
        sl_catalog_close(catalog);
        catalog = catalog_open(&p);
        catalog_expect_segments(catalog, 8, 12);
        sl_catalog_close(catalog);
        test_dir_remove(p.root);
    }
}

static void
what_a_power_cut_left_beside_it_is_removed(void **state)
{
    (void)state;
    struct catalog_place p = catalog_place_create();
    struct sl_error err = {0};
    struct stat info;
    int fd;
    struct sl_catalog *catalog = catalog_open(&p);
    catalog_put_everything(catalog);
    sl_catalog_close(catalog);
    TEST_OK(sl_file_open(AT_FDCWD, p.rest, O_WRONLY | O_CREAT, &fd, &err), &err);
    TEST_OK(sl_file_write_at(fd, 0, "half", 4, &err), &err);
    sl_file_close(fd);
    catalog = catalog_open(&p);
    catalog_expect_everything(catalog);
    sl_catalog_close(catalog);
    assert_int_equal(stat(p.rest, &info), -1);
    test_dir_remove(p.root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_catalog_that_shrank_is_written_anew),
        cmocka_unit_test(commits_of_one_size_do_not_write_it_anew),
        cmocka_unit_test(a_name_that_is_not_on_disk_holds_commits_back),
        cmocka_unit_test(what_a_power_cut_left_beside_it_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
