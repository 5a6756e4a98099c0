/*
 * file.c - see file.h.
 */
#include "storage/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

static int
real_open(void *context, int dir_fd, const char *path, int flags, mode_t mode)
{
    (void)context;
    return openat(dir_fd, path, flags, mode);
}

static int
real_close(void *context, int fd)
{
    (void)context;
    return close(fd);
}

static _Thread_local bool reads_memory_only; /* see sl_file_set_impatient */

static ssize_t
real_pread(void *context, int fd, void *bytes, size_t size_bytes, off_t offset)
{
    (void)context;
    if (reads_memory_only) {
        struct iovec piece = {.iov_base = bytes, .iov_len = size_bytes};
        return preadv2(fd, &piece, 1, offset, RWF_NOWAIT);
    }
    return pread(fd, bytes, size_bytes, offset);
}

static ssize_t
real_pwrite(void *context, int fd, const void *bytes, size_t size_bytes, off_t offset)
{
    (void)context;
    return pwrite(fd, bytes, size_bytes, offset);
}

static int
real_fdatasync(void *context, int fd)
{
    (void)context;
    return fdatasync(fd);
}

static int
real_fsync(void *context, int fd)
{
    (void)context;
    return fsync(fd);
}

static int
real_ftruncate(void *context, int fd, off_t size_bytes)
{
    (void)context;
    return ftruncate(fd, size_bytes);
}

static int
real_renameat(void *context, int dir_fd, const char *source, const char *target)
{
    (void)context;
    return renameat(dir_fd, source, dir_fd, target);
}

static int
real_unlinkat(void *context, int dir_fd, const char *path)
{
    (void)context;
    return unlinkat(dir_fd, path, 0);
}

static int
real_mkdirat(void *context, int dir_fd, const char *path, mode_t mode)
{
    (void)context;
    return mkdirat(dir_fd, path, mode);
}

static int
real_linkat(void *context, int dir_fd, const char *source, int target_dir_fd, const char *target)
{
    (void)context;
    return linkat(dir_fd, source, target_dir_fd, target, 0);
}

const struct sl_file_calls sl_file_real_calls = {
    .open = real_open,
    .close = real_close,
    .pread = real_pread,
    .pwrite = real_pwrite,
    .fdatasync = real_fdatasync,
    .fsync = real_fsync,
    .ftruncate = real_ftruncate,
    .renameat = real_renameat,
    .unlinkat = real_unlinkat,
    .mkdirat = real_mkdirat,
    .linkat = real_linkat,
};

static const struct sl_file_calls *calls = &sl_file_real_calls;

void
sl_file_install(const struct sl_file_calls *table)
{
    calls = table == NULL ? &sl_file_real_calls : table;
}

static sl_status
open_file(int dir_fd, const char *path, int flags, mode_t mode, int *out_fd, struct sl_error *err)
{
    *out_fd = -1;
    int fd = calls->open(calls->context, dir_fd, path, flags | O_CLOEXEC, mode);
    if (fd < 0 && errno == ENOENT) {
        (void)sl_fail_errno(err, "open %s", path);
        if (err != NULL)
            err->status = SL_MISSING;
        return SL_MISSING;
    }
    if (fd < 0)
        return sl_fail_errno(err, "open %s", path);
    *out_fd = fd;
    return SL_OK;
}

sl_status
sl_file_open(int dir_fd, const char *path, int flags, int *out_fd, struct sl_error *err)
{
    return open_file(dir_fd, path, flags, 0644, out_fd, err);
}

sl_status
sl_file_open_private(int dir_fd, const char *path, int flags, int *out_fd, struct sl_error *err)
{
    return open_file(dir_fd, path, flags, 0600, out_fd, err);
}

void
sl_file_close(int fd)
{
    if (fd >= 0)
        (void)calls->close(calls->context, fd);
}

void
sl_file_set_impatient(bool is_impatient)
{
    reads_memory_only = is_impatient;
}

sl_status
sl_file_read_at(int fd, uint64_t offset, void *bytes, size_t size_bytes, struct sl_error *err)
{
    uint8_t *at = bytes;
    size_t left_bytes = size_bytes;
    while (left_bytes > 0) {
        ssize_t got = calls->pread(calls->context, fd, at, left_bytes, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && reads_memory_only)
            return sl_fail(err, SL_TIMEOUT, "bytes at offset %" PRIu64 " are not in memory",
                           offset);
        if (got < 0)
            return sl_fail_errno(err, "read %zu bytes at offset %" PRIu64, left_bytes, offset);
        if (got == 0)
            return sl_fail(err, SL_CORRUPT, "file ends at offset %" PRIu64 ", %zu bytes missing",
                           offset, left_bytes);
        at += got;
        offset += (uint64_t)got;
        left_bytes -= (size_t)got;
    }
    return SL_OK;
}

void
sl_file_leaps(int fd)
{
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
}

void
sl_file_will_read(int fd, uint64_t offset, size_t size_bytes)
{
    /* Linux fetches no more than its read-ahead, 128 KiB as a rule, for one call. */
    enum { STEP_BYTES = 128 << 10 };
    for (size_t at = 0; at < size_bytes; at += STEP_BYTES)
        (void)posix_fadvise(fd, (off_t)(offset + at),
                            (off_t)sl_min_size(size_bytes - at, STEP_BYTES), POSIX_FADV_WILLNEED);
}

sl_status
sl_file_write_at(int fd, uint64_t offset, const void *bytes, size_t size_bytes,
                 struct sl_error *err)
{
    const uint8_t *at = bytes;
    size_t left_bytes = size_bytes;
    while (left_bytes > 0) {
        ssize_t put = calls->pwrite(calls->context, fd, at, left_bytes, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return sl_fail_errno(err, "write %zu bytes at offset %" PRIu64, left_bytes, offset);
        at += put;
        offset += (uint64_t)put;
        left_bytes -= (size_t)put;
    }
    return SL_OK;
}

sl_status
sl_file_sync(int fd, struct sl_error *err)
{
    if (calls->fdatasync(calls->context, fd) != 0)
        return sl_fail_errno(err, "sync file");
    return SL_OK;
}

sl_status
sl_file_truncate(int fd, uint64_t size_bytes, struct sl_error *err)
{
    if (calls->ftruncate(calls->context, fd, (off_t)size_bytes) != 0)
        return sl_fail_errno(err, "truncate to %" PRIu64 " bytes", size_bytes);
    return SL_OK;
}

sl_status
sl_file_size(int fd, uint64_t *out_size_bytes, struct sl_error *err)
{
    struct stat info;
    *out_size_bytes = 0;
    if (fstat(fd, &info) != 0)
        return sl_fail_errno(err, "stat");
    *out_size_bytes = (uint64_t)info.st_size;
    return SL_OK;
}

sl_status
sl_file_rename(int dir_fd, const char *source, const char *target, struct sl_error *err)
{
    if (calls->renameat(calls->context, dir_fd, source, target) != 0)
        return sl_fail_errno(err, "rename %s to %s", source, target);
    return SL_OK;
}

sl_status
sl_file_remove(int dir_fd, const char *path, struct sl_error *err)
{
    if (calls->unlinkat(calls->context, dir_fd, path) != 0 && errno != ENOENT)
        return sl_fail_errno(err, "remove %s", path);
    return SL_OK;
}

sl_status
sl_dir_open(int dir_fd, const char *path, int *out_fd, struct sl_error *err)
{
    *out_fd = -1;
    if (calls->mkdirat(calls->context, dir_fd, path, 0750) != 0 && errno != EEXIST)
        return sl_fail_errno(err, "make directory %s", path);
    int fd = calls->open(calls->context, dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return sl_fail_errno(err, "open directory %s", path);
    *out_fd = fd;
    return SL_OK;
}

sl_status
sl_dir_sync(int dir_fd, struct sl_error *err)
{
    if (calls->fsync(calls->context, dir_fd) != 0)
        return sl_fail_errno(err, "sync directory");
    return SL_OK;
}

sl_status
sl_dir_walk(int dir_fd, sl_dir_visit_fn *visit, void *context, struct sl_error *err)
{
    sl_status st = SL_OK;
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sl_fail_errno(err, "open directory");
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        st = sl_fail_errno(err, "read directory");
        (void)close(fd);
        return st;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL && st == SL_OK; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        st = visit(context, entry->d_name, err);
    }
    (void)closedir(dir);
    return st;
}

sl_status
sl_dir_space(int fd, uint64_t *out_free_bytes, uint64_t *out_total_bytes, struct sl_error *err)
{
    struct statvfs info;
    *out_free_bytes = *out_total_bytes = 0;
    if (fstatvfs(fd, &info) != 0)
        return sl_fail_errno(err, "ask for the space of the file system");
    *out_free_bytes = (uint64_t)info.f_bavail * info.f_frsize;
    *out_total_bytes = (uint64_t)info.f_blocks * info.f_frsize;
    return SL_OK;
}

void
sl_file_reserve_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

void
sl_file_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* the old limit stays when it is refused */
}
