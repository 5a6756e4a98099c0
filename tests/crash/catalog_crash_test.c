/*
 * catalog_crash_test.c - a power cut while the catalog writes its data file anew loses no commit.
 *
 * A catalog grows and shrinks, so that its file is written anew several times, over a disk that stops
 * at the n-th call that changes it; n takes every value. The directory is then made as it might be
 * found after the power came back (disk.h), and opened. Promises:
 *
 *   - it opens, and shows what the last acknowledged commit left, or the one under way;
 *   - more commits follow, and are there after the next opening;
 *   - nothing but the data file is left.
 *
 * LMDB writes past the table: its own steps are not cut, renames and syncs of names are.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "storage/catalog.h"
#include "tests/crash/disk.h"
#include "tests/support/test.h"

/* Segments 1 .. sizes[k] are there after commit k. */
static const uint64_t sizes[] = {300, 2, 3, 4, 300, 1, 5, 250, 0, 7, 8};
enum { SIZE_MAX_KEPT = 300, CUTS = 4 };

static sl_status
commit_segments(struct sl_catalog *catalog, uint64_t count, struct sl_error *err)
{
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    for (uint64_t i = 1; i <= SIZE_MAX_KEPT; i++) {
        const struct sl_catalog_segment s = {.number = i, .rows = i, .groups = 1};
        if (i <= count)
            sl_catalog_put_segment(edit, &s);
        else
            sl_catalog_remove_segment(edit, i);
    }
    return sl_catalog_commit(catalog, edit, err);
}

/* How many segments there are: always the first ones. */
static uint64_t
count_segments(struct sl_catalog *catalog)
{
    struct sl_error err = {0};
    struct sl_catalog_state *state;
    TEST_OK(sl_catalog_load(catalog, &state, &err), &err);
    uint64_t count = state->segment_count;
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(state->segments[i].number, i + 1);
    sl_catalog_state_destroy(state);
    return count;
}

/* Commit until something fails. Returns how many commits were acknowledged. */
static size_t
run_commits(const char *path)
{
    struct sl_error err = {0};
    struct sl_catalog *catalog;
    size_t done = 0;
    if (sl_catalog_open(path, &catalog, &err) != SL_OK)
        return 0;
    while (done < SL_COUNTOF(sizes) && commit_segments(catalog, sizes[done], &err) == SL_OK)
        done++;
    sl_catalog_close(catalog);
    return done;
}

static void
expect_data_file_alone(const char *path)
{
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        if (e->d_name[0] != '.')
            assert_string_equal(e->d_name, "data.mdb");
    (void)closedir(dir);
}

static void
check_image(const char *path, size_t done)
{
    struct sl_error err = {0};
    struct sl_catalog *catalog;
    TEST_OK(sl_catalog_open(path, &catalog, &err), &err);
    uint64_t count = count_segments(catalog);
    bool is_last = count == (done == 0 ? 0 : sizes[done - 1]);
    bool is_under_way = done < SL_COUNTOF(sizes) && count == sizes[done];
    assert_true(is_last || is_under_way);
    TEST_OK(commit_segments(catalog, 11, &err), &err);
    sl_catalog_close(catalog);
    TEST_OK(sl_catalog_open(path, &catalog, &err), &err);
    assert_int_equal(count_segments(catalog), 11);
    sl_catalog_close(catalog);
    expect_data_file_alone(path);
}

/* One run, stopped at a call, and what several power cuts leave of it. Returns the number of calls. */
static uint64_t
stop_once(uint64_t call, uint64_t *seed)
{
    static const enum disk_fate fates[CUTS] = {DISK_DROP, DISK_MIX, DISK_MIX, DISK_KEEP};
    char *root = test_dir_create();
    char work[500], path[512];
    struct sl_error err = {0};
    int fd;
    /* Made before, and not right below a directory that others use: the disk knows files by inode,
     * and theirs come and go. */
    (void)snprintf(work, sizeof(work), "%s/work", root);
    (void)snprintf(path, sizeof(path), "%s/catalog", work);
    TEST_OK(sl_dir_open(AT_FDCWD, work, &fd, &err), &err);
    sl_file_close(fd);
    struct disk *disk = disk_create();
    disk_stop_at(disk, call);
    sl_file_install(disk_calls(disk));
    size_t done = run_commits(path);
    sl_file_install(NULL);
    uint64_t calls = disk_call_count(disk);
    assert_true(done == SL_COUNTOF(sizes) || call < calls);
    for (size_t i = 0; i < CUTS; i++) {
        char *image = test_dir_create();
        char image_work[500], image_path[512];
        (void)snprintf(image_work, sizeof(image_work), "%s/work", image);
        (void)snprintf(image_path, sizeof(image_path), "%s/catalog", image_work);
        disk_cut(disk, work, image_work, fates[i], seed);
        check_image(image_path, done);
        test_dir_remove(image);
    }
    disk_destroy(disk);
    test_dir_remove(root);
    return calls;
}

static void
a_power_cut_at_any_call_loses_no_commit(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    uint64_t calls = stop_once(UINT64_MAX, &seed);
    assert_true(calls >= 4 + 2 * 3); /* made once, written anew three times: rename and sync */
    for (uint64_t call = 0; call < calls; call++)
        (void)stop_once(call, &seed);
    printf("%" PRIu64 " calls\n", calls);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut_at_any_call_loses_no_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
