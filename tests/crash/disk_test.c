/*
 * disk_test.c - the simulated disk forgets what it may forget, and nothing else.
 *
 * Method: small scripts of calls; images of each fate, the mixed one many times, compared with
 * the states that the model of disk.h allows.
 */
#include "tests/crash/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/test.h"

struct bench {
    char *root;
    char live[4096];
    struct disk *disk;
    int dir_fd;
    uint64_t seed;
    unsigned images;
};

static struct bench
set_up(void)
{
    struct bench b = {.root = test_dir_create(), .disk = disk_create(), .seed = test_seed()};
    struct sl_error err = {0};
    (void)snprintf(b.live, sizeof(b.live), "%s/live", b.root);
    TEST_OK(sl_dir_open(AT_FDCWD, b.live, &b.dir_fd, &err), &err);
    sl_file_install(disk_calls(b.disk));
    return b;
}

static void
tear_down(struct bench *b)
{
    sl_file_install(NULL);
    sl_file_close(b->dir_fd);
    disk_destroy(b->disk);
    test_dir_remove(b->root);
}

/* The file `name` of a new image as text; NULL when it is not there. free() it. */
static char *
cut_and_read(struct bench *b, enum disk_fate fate, const char *name)
{
    char image[4200], file[4400];
    (void)snprintf(image, sizeof(image), "%s/image-%u", b->root, b->images++);
    disk_cut(b->disk, b->live, image, fate, &b->seed);
    (void)snprintf(file, sizeof(file), "%s/%s", image, name);
    if (access(file, F_OK) != 0)
        return NULL;
    size_t size_bytes;
    uint8_t *bytes = test_read_file(file, &size_bytes);
    char *text = sl_new(size_bytes + 1);
    memcpy(text, bytes, size_bytes);
    free(bytes);
    return text;
}

static void
expect_text(struct bench *b, enum disk_fate fate, const char *name, const char *expected)
{
    char *text = cut_and_read(b, fate, name);
    if (expected == NULL)
        assert_null(text);
    else
        assert_string_equal(text, expected);
    free(text);
}

static int
write_text(struct bench *b, const char *name, const char *text)
{
    struct sl_error err = {0};
    int fd;
    TEST_OK(sl_file_open(b->dir_fd, name, O_RDWR | O_CREAT, &fd, &err), &err);
    TEST_OK(sl_file_write_at(fd, 0, text, strlen(text), &err), &err);
    return fd;
}

static void
a_name_needs_its_directory_synced_and_bytes_their_file(void **state)
{
    (void)state;
    struct bench b = set_up();
    struct sl_error err = {0};
    int fd = write_text(&b, "a", "hello");
    expect_text(&b, DISK_DROP, "a", NULL);
    expect_text(&b, DISK_KEEP, "a", "hello");
    TEST_OK(sl_file_sync(fd, &err), &err);
    expect_text(&b, DISK_DROP, "a", NULL);
    TEST_OK(sl_dir_sync(b.dir_fd, &err), &err);
    expect_text(&b, DISK_DROP, "a", "hello");
    TEST_OK(sl_file_write_at(fd, 0, "J", 1, &err), &err);
    TEST_OK(sl_file_truncate(fd, 2, &err), &err);
    expect_text(&b, DISK_DROP, "a", "hello");
    expect_text(&b, DISK_KEEP, "a", "Je");
    TEST_OK(sl_file_sync(fd, &err), &err);
    expect_text(&b, DISK_DROP, "a", "Je");
    sl_file_close(fd);
    tear_down(&b);
}

static void
a_rename_is_never_half_done(void **state)
{
    (void)state;
    struct bench b = set_up();
    struct sl_error err = {0};
    int old_fd = write_text(&b, "a", "old");
    int new_fd = write_text(&b, "a.tmp", "new");
    TEST_OK(sl_file_sync(old_fd, &err), &err);
    TEST_OK(sl_file_sync(new_fd, &err), &err);
    TEST_OK(sl_dir_sync(b.dir_fd, &err), &err);
    TEST_OK(sl_file_rename(b.dir_fd, "a.tmp", "a", &err), &err);
    expect_text(&b, DISK_DROP, "a", "old");
    expect_text(&b, DISK_DROP, "a.tmp", "new");
    expect_text(&b, DISK_KEEP, "a", "new");
    expect_text(&b, DISK_KEEP, "a.tmp", NULL);
    unsigned olds = 0, news = 0;
    for (unsigned i = 0; i < 40; i++) {
        char *text = cut_and_read(&b, DISK_MIX, "a");
        assert_non_null(text);
        olds += strcmp(text, "old") == 0;
        news += strcmp(text, "new") == 0;
        free(text);
    }
    assert_int_equal(olds + news, 40);
    assert_true(olds > 0 && news > 0);
    TEST_OK(sl_dir_sync(b.dir_fd, &err), &err);
    expect_text(&b, DISK_DROP, "a", "new");
    TEST_OK(sl_file_remove(b.dir_fd, "a", &err), &err);
    expect_text(&b, DISK_DROP, "a", "new");
    expect_text(&b, DISK_KEEP, "a", NULL);
    sl_file_close(old_fd);
    sl_file_close(new_fd);
    tear_down(&b);
}

static void
unsynced_writes_tear_at_sectors(void **state)
{
    (void)state;
    enum { BYTES = 4 * 512 };
    struct bench b = set_up();
    struct sl_error err = {0};
    char text[BYTES + 1] = {0};
    memset(text, 'o', BYTES);
    int fd = write_text(&b, "a", text);
    TEST_OK(sl_file_sync(fd, &err), &err);
    TEST_OK(sl_dir_sync(b.dir_fd, &err), &err);
    memset(text, 'n', BYTES);
    TEST_OK(sl_file_write_at(fd, 0, text, BYTES, &err), &err);
    unsigned torn = 0, whole = 0, none = 0;
    for (unsigned i = 0; i < 100; i++) {
        char *found = cut_and_read(&b, DISK_MIX, "a");
        unsigned news = 0;
        for (unsigned sector = 0; sector < 4; sector++) {
            for (unsigned k = 1; k < 512; k++)
                assert_int_equal(found[sector * 512 + k], found[sector * 512]);
            news += found[sector * 512] == 'n';
        }
        none += news == 0;
        whole += news == 4;
        torn += news > 0 && news < 4;
        free(found);
    }
    assert_true(torn > 0 && whole > 0 && none > 0);
    sl_file_close(fd);
    tear_down(&b);
}

static void
what_existed_and_what_is_not_seen_stays(void **state)
{
    (void)state;
    struct bench b = set_up();
    struct sl_error err = {0};
    int sub_fd;
    int fd = write_text(&b, "before", "was here");
    sl_file_close(fd);
    disk_destroy(b.disk);
    b.disk = disk_create();
    sl_file_install(disk_calls(b.disk));
    TEST_OK(sl_file_remove(b.dir_fd, "before", &err), &err);
    expect_text(&b, DISK_DROP, "before", "was here");
    expect_text(&b, DISK_KEEP, "before", NULL);

    TEST_OK(sl_dir_open(b.dir_fd, "sub.new", &sub_fd, &err), &err);
    fd = openat(sub_fd, "unseen", O_WRONLY | O_CREAT, 0644);
    assert_int_equal(write(fd, "lmdb", 4), 4);
    (void)close(fd);
    TEST_OK(sl_dir_sync(b.dir_fd, &err), &err);
    TEST_OK(sl_file_rename(b.dir_fd, "sub.new", "sub", &err), &err);
    expect_text(&b, DISK_DROP, "sub.new/unseen", "lmdb");
    expect_text(&b, DISK_KEEP, "sub/unseen", "lmdb");
    sl_file_close(sub_fd);
    tear_down(&b);
}

static void
a_stopped_disk_refuses_everything(void **state)
{
    (void)state;
    struct bench b = set_up();
    struct sl_error err = {0};
    int fd = write_text(&b, "a", "12345"); /* calls 0 and 1 */
    assert_int_equal(disk_call_count(b.disk), 2);
    disk_stop_at(b.disk, 3);
    TEST_OK(sl_dir_sync(b.dir_fd, &err), &err);
    assert_int_equal(sl_file_sync(fd, &err), SL_IO);
    assert_true(disk_is_stopped(b.disk));
    assert_int_equal(err.os_errno, EIO);
    char byte;
    assert_int_equal(sl_file_write_at(fd, 0, "x", 1, &err), SL_IO);
    assert_int_equal(sl_file_read_at(fd, 0, &byte, 1, &err), SL_IO);
    assert_int_equal(sl_file_remove(b.dir_fd, "a", &err), SL_IO);
    expect_text(&b, DISK_DROP, "a", "");
    expect_text(&b, DISK_KEEP, "a", "12345");
    sl_file_close(fd);
    tear_down(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_needs_its_directory_synced_and_bytes_their_file),
        cmocka_unit_test(a_rename_is_never_half_done),
        cmocka_unit_test(unsynced_writes_tear_at_sectors),
        cmocka_unit_test(what_existed_and_what_is_not_seen_stays),
        cmocka_unit_test(a_stopped_disk_refuses_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
