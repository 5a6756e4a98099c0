/*
 * file_test.c - complete reads and writes; each system call fails once.
 */
#include "storage/base/file.h"

#include <errno.h>
#include <fcntl.h>

#include "tests/support/test.h"

static void
what_is_written_is_read(void **state)
{
    char *path = test_dir_create();
    struct sl_error err = {0};
    int dir = -1;
    int fd = -1;
    uint64_t size = 0;
    char back[6] = "";
    (void)state;
    TEST_OK(sl_dir_open(AT_FDCWD, path, &dir, &err), &err);
    TEST_OK(sl_file_open(dir, "new.tmp", O_RDWR | O_CREAT | O_EXCL, &fd, &err), &err);
    TEST_OK(sl_file_write_at(fd, 3, "hello", 5, &err), &err);
    TEST_OK(sl_file_sync(fd, &err), &err);
    TEST_OK(sl_file_size(fd, &size, &err), &err);
    assert_int_equal(size, 8);
    TEST_OK(sl_file_read_at(fd, 3, back, 5, &err), &err);
    assert_string_equal(back, "hello");
    assert_int_equal(sl_file_read_at(fd, 4, back, 5, &err), SL_CORRUPT);
    TEST_OK(sl_file_truncate(fd, 2, &err), &err);
    sl_file_close(fd);
    TEST_OK(sl_file_rename(dir, "new.tmp", "done", &err), &err);
    TEST_OK(sl_dir_sync(dir, &err), &err);
    assert_int_equal(sl_file_open(dir, "new.tmp", O_RDONLY, &fd, &err), SL_MISSING);
    TEST_OK(sl_file_remove(dir, "done", &err), &err);
    TEST_OK(sl_file_remove(dir, "done", &err), &err);
    sl_file_close(dir);
    test_dir_remove(path);
}

struct fault {
    unsigned calls_left; /* until the call fails */
    bool is_short;       /* transfers one byte at a time instead */
    bool is_interrupted; /* every second call is EINTR */
    unsigned calls;
};

static bool
due(struct fault *fault)
{
    return fault->calls_left != 0 && --fault->calls_left == 0;
}

static ssize_t
fault_pwrite(void *context, int fd, const void *bytes, size_t size_bytes, off_t offset)
{
    struct fault *fault = context;
    if (due(fault)) {
        errno = ENOSPC;
        return -1;
    }
    if (fault->is_interrupted && fault->calls++ % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return sl_file_real_calls.pwrite(NULL, fd, bytes, fault->is_short ? 1 : size_bytes, offset);
}

static ssize_t
fault_pread(void *context, int fd, void *bytes, size_t size_bytes, off_t offset)
{
    struct fault *fault = context;
    if (due(fault)) {
        errno = EIO;
        return -1;
    }
    if (fault->is_interrupted && fault->calls++ % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return sl_file_real_calls.pread(NULL, fd, bytes, fault->is_short ? 1 : size_bytes, offset);
}

static void
short_and_interrupted_transfers_complete(void **state)
{
    char *path = test_dir_create();
    struct sl_error err = {0};
    struct fault fault = {.is_short = true, .is_interrupted = true};
    struct sl_file_calls calls = sl_file_real_calls;
    int dir = -1;
    int fd = -1;
    char back[12] = "";
    (void)state;
    calls.context = &fault;
    calls.pwrite = fault_pwrite;
    calls.pread = fault_pread;
    TEST_OK(sl_dir_open(AT_FDCWD, path, &dir, &err), &err);
    TEST_OK(sl_file_open(dir, "f", O_RDWR | O_CREAT, &fd, &err), &err);
    sl_file_install(&calls);
    TEST_OK(sl_file_write_at(fd, 0, "hello world", 11, &err), &err);
    TEST_OK(sl_file_read_at(fd, 0, back, 11, &err), &err);
    assert_string_equal(back, "hello world");
    fault = (struct fault){.calls_left = 1};
    assert_int_equal(sl_file_write_at(fd, 0, "x", 1, &err), SL_IO);
    assert_int_equal(err.os_errno, ENOSPC);
    fault = (struct fault){.calls_left = 1};
    assert_int_equal(sl_file_read_at(fd, 0, back, 1, &err), SL_IO);
    assert_int_equal(err.os_errno, EIO);
    sl_file_install(NULL);
    sl_file_close(fd);
    sl_file_close(dir);
    test_dir_remove(path);
}

/* Of a file that is not in memory EAGAIN is the answer of the system. */
static ssize_t
absent_pread(void *context, int fd, void *bytes, size_t size_bytes, off_t offset)
{
    (void)context, (void)fd, (void)bytes, (void)size_bytes, (void)offset;
    errno = EAGAIN;
    return -1;
}

static void
the_impatient_read_what_is_in_memory(void **state)
{
    char *path = test_dir_create();
    struct sl_error err = {0};
    struct sl_file_calls calls = sl_file_real_calls;
    int dir = -1;
    int fd = -1;
    char back[6] = "";
    (void)state;
    calls.pread = absent_pread;
    TEST_OK(sl_dir_open(AT_FDCWD, path, &dir, &err), &err);
    TEST_OK(sl_file_open(dir, "f", O_RDWR | O_CREAT, &fd, &err), &err);
    TEST_OK(sl_file_write_at(fd, 0, "hello", 5, &err), &err);
    sl_file_set_impatient(true);
    sl_status st = sl_file_read_at(fd, 0, back, 5, &err);
    /* Just written; but there are file systems that never say so. */
    assert_true(st == SL_TIMEOUT || (st == SL_OK && memcmp(back, "hello", 5) == 0));
    sl_file_install(&calls);
    assert_int_equal(sl_file_read_at(fd, 0, back, 5, &err), SL_TIMEOUT);
    sl_file_set_impatient(false);
    assert_int_equal(sl_file_read_at(fd, 0, back, 5, &err), SL_IO);
    sl_file_install(NULL);
    TEST_OK(sl_file_read_at(fd, 0, back, 5, &err), &err);
    sl_file_close(fd);
    sl_file_close(dir);
    test_dir_remove(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(short_and_interrupted_transfers_complete),
        cmocka_unit_test(the_impatient_read_what_is_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
