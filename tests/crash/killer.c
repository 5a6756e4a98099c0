/*
 * killer.c - see killer.h.
 */
#include "tests/crash/killer.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static void
step(void *context)
{
    struct killer *killer = context;
    if (atomic_fetch_add(&killer->made, 1) != killer->kill_at)
        return;
    (void)kill(getpid(), SIGKILL);
    for (;;)
        (void)pause(); /* the other threads are on their way out too */
}

static int
step_open(void *context, int dir_fd, const char *path, int flags, mode_t mode)
{
    if ((flags & (O_CREAT | O_TRUNC)) != 0)
        step(context);
    return sl_file_real_calls.open(NULL, dir_fd, path, flags, mode);
}

static ssize_t
step_pwrite(void *context, int fd, const void *bytes, size_t size_bytes, off_t offset)
{
    step(context);
    return sl_file_real_calls.pwrite(NULL, fd, bytes, size_bytes, offset);
}

static int
step_fdatasync(void *context, int fd)
{
    step(context);
    return sl_file_real_calls.fdatasync(NULL, fd);
}

static int
step_fsync(void *context, int fd)
{
    step(context);
    return sl_file_real_calls.fsync(NULL, fd);
}

static int
step_ftruncate(void *context, int fd, off_t size_bytes)
{
    step(context);
    return sl_file_real_calls.ftruncate(NULL, fd, size_bytes);
}

static int
step_renameat(void *context, int dir_fd, const char *source, const char *target)
{
    step(context);
    return sl_file_real_calls.renameat(NULL, dir_fd, source, target);
}

static int
step_unlinkat(void *context, int dir_fd, const char *path)
{
    step(context);
    return sl_file_real_calls.unlinkat(NULL, dir_fd, path);
}

static int
step_mkdirat(void *context, int dir_fd, const char *path, mode_t mode)
{
    step(context);
    return sl_file_real_calls.mkdirat(NULL, dir_fd, path, mode);
}

static int
step_linkat(void *context, int dir_fd, const char *source, int target_dir_fd, const char *target)
{
    step(context);
    return sl_file_real_calls.linkat(NULL, dir_fd, source, target_dir_fd, target);
}

void
killer_install(struct killer *killer, uint64_t kill_at)
{
    killer->calls = sl_file_real_calls;
    killer->calls.context = killer;
    killer->calls.open = step_open;
    killer->calls.pwrite = step_pwrite;
    killer->calls.fdatasync = step_fdatasync;
    killer->calls.fsync = step_fsync;
    killer->calls.ftruncate = step_ftruncate;
    killer->calls.renameat = step_renameat;
    killer->calls.unlinkat = step_unlinkat;
    killer->calls.mkdirat = step_mkdirat;
    killer->calls.linkat = step_linkat;
    atomic_store(&killer->made, 0);
    killer->kill_at = kill_at;
    sl_file_install(&killer->calls);
}
