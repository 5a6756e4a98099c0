/*
 * disk.c - the switch table of the simulated disk: see disk.h. Calls are carried out on real files,
 * and remembered until they are synced.
 */
#include "tests/crash/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "storage/base/thread.h"
#include "tests/crash/disk_node.h"
#include "tests/support/test.h"

/* With the lock held, at a call that changes the disk: false when it must fail. The call that is
 * interrupted is *out_in_flight: its change is remembered, but not carried out. */
static bool
enter(struct disk *d, bool *out_in_flight)
{
    *out_in_flight = false;
    if (d->is_stopped)
        return false;
    d->is_stopped = d->call_count++ == d->stop_at;
    *out_in_flight = d->is_stopped;
    return true;
}

static int
stopped(void)
{
    errno = EIO;
    return -1;
}

static void
change_names(struct node *directory, const char *removed, const char *added, struct node *node)
{
    struct change *c = disk_add_change(directory);
    c->removed = removed != NULL ? sl_new_string(removed) : NULL;
    c->added = added != NULL ? sl_new_string(added) : NULL;
    c->node = node;
}

static int
call_open(void *context, int dir_fd, const char *path, int flags, mode_t mode)
{
    struct disk *d = context;
    bool in_flight;
    const char *name;
    int fd = -1;

    (void)pthread_mutex_lock(&d->mutex);
    bool is_writing = (flags & O_ACCMODE) != O_RDONLY;
    struct node *parent = is_writing ? disk_parent_of(d, dir_fd, path, &name) : NULL;
    bool is_there = faccessat(dir_fd, path, F_OK, 0) == 0;
    bool is_new = parent != NULL && !is_there && (flags & O_CREAT) != 0;
    if (d->is_stopped || (is_new && !enter(d, &in_flight)) || d->is_stopped) {
        fd = stopped();
        goto out;
    }
    fd = openat(dir_fd, path, flags & ~O_TRUNC, mode);
    if (fd < 0 || !is_writing)
        goto out;
    assert_true(fd < DISK_FDS_MAX);
    struct node *node = disk_node_at(d, dir_fd, path);
    if (is_new)
        change_names(parent, NULL, name, node);
    if (!node->is_captured)
        disk_capture_file(node, dir_fd, path);
    if ((flags & O_TRUNC) != 0 && ftruncate(fd, 0) == 0)
        disk_add_change(node)->is_resize = true;
    d->node_of_fd[fd] = node;
out:
    (void)pthread_mutex_unlock(&d->mutex);
    return fd;
}

static int
call_close(void *context, int fd)
{
    struct disk *d = context;
    (void)pthread_mutex_lock(&d->mutex);
    if (fd >= 0 && fd < DISK_FDS_MAX)
        d->node_of_fd[fd] = NULL;
    int result = close(fd);
    (void)pthread_mutex_unlock(&d->mutex);
    return result;
}

static ssize_t
call_pread(void *context, int fd, void *bytes, size_t size_bytes, off_t offset)
{
    struct disk *d = context;
    (void)pthread_mutex_lock(&d->mutex);
    bool is_stopped = d->is_stopped;
    (void)pthread_mutex_unlock(&d->mutex);
    return is_stopped ? stopped() : pread(fd, bytes, size_bytes, offset);
}

static ssize_t
call_pwrite(void *context, int fd, const void *bytes, size_t size_bytes, off_t offset)
{
    struct disk *d = context;
    bool in_flight;
    ssize_t put = -1;
    (void)pthread_mutex_lock(&d->mutex);
    struct node *node = d->node_of_fd[fd];
    assert_non_null(node);
    if (!enter(d, &in_flight)) {
        put = stopped();
    } else {
        put = in_flight ? (ssize_t)size_bytes : pwrite(fd, bytes, size_bytes, offset);
        if (put > 0) {
            struct change *c = disk_add_change(node);
            c->offset = (uint64_t)offset;
            c->size_bytes = (size_t)put;
            c->bytes = sl_new((size_t)put);
            memcpy(c->bytes, bytes, (size_t)put);
        }
        if (in_flight)
            put = stopped();
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return put;
}

/* fdatasync of a file and fsync of a directory. */
static int
call_sync(void *context, int fd)
{
    struct disk *d = context;
    bool in_flight;
    struct stat info;
    int result = 0;
    (void)pthread_mutex_lock(&d->mutex);
    if (!enter(d, &in_flight) || in_flight) {
        result = stopped();
    } else if (fstat(fd, &info) == 0) {
        struct node *node = disk_find_node(d, info.st_ino);
        if (node != NULL && node->is_captured)
            disk_sync_node(node);
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return result;
}

static int
call_ftruncate(void *context, int fd, off_t size_bytes)
{
    struct disk *d = context;
    bool in_flight;
    int result = 0;
    (void)pthread_mutex_lock(&d->mutex);
    struct node *node = d->node_of_fd[fd];
    assert_non_null(node);
    if (enter(d, &in_flight)) {
        result = in_flight ? 0 : ftruncate(fd, size_bytes);
        if (result == 0) {
            struct change *c = disk_add_change(node);
            c->is_resize = true;
            c->offset = (uint64_t)size_bytes;
        }
        if (in_flight)
            result = stopped();
    } else {
        result = stopped();
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return result;
}

/* A name that goes away, or is replaced: its contents must outlive it. */
static void
keep_contents(struct disk *d, int dir_fd, const char *path)
{
    struct node *node = disk_node_at(d, dir_fd, path);
    if (node != NULL && !node->is_directory && !node->is_captured)
        disk_capture_file(node, dir_fd, path);
}

/* Forget the inode number when the last name is gone: it may come back with another file. */
static void
forget_inode(struct node *node, ino_t inode, nlink_t links)
{
    if (node != NULL && node->inode == inode && !node->is_directory && links <= 1)
        node->inode = 0;
}

static int
call_renameat(void *context, int dir_fd, const char *source, const char *target)
{
    struct disk *d = context;
    bool in_flight;
    struct stat info;
    const char *source_name, *target_name;
    int result = -1;
    (void)pthread_mutex_lock(&d->mutex);
    struct node *parent = disk_parent_of(d, dir_fd, source, &source_name);
    assert_ptr_equal(parent, disk_parent_of(d, dir_fd, target, &target_name));
    if (!enter(d, &in_flight)) {
        result = stopped();
    } else {
        struct node *node = disk_node_at(d, dir_fd, source);
        bool is_replacing = fstatat(dir_fd, target, &info, 0) == 0;
        if (is_replacing)
            keep_contents(d, dir_fd, target);
        result = in_flight ? 0 : renameat(dir_fd, source, dir_fd, target);
        if (result == 0 && node != NULL)
            change_names(parent, source_name, target_name, node);
        if (result == 0 && !in_flight && is_replacing)
            forget_inode(disk_find_node(d, info.st_ino), info.st_ino, info.st_nlink);
        if (in_flight)
            result = stopped();
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return result;
}

static int
call_unlinkat(void *context, int dir_fd, const char *path)
{
    struct disk *d = context;
    bool in_flight;
    struct stat info;
    const char *name;
    int result = -1;
    (void)pthread_mutex_lock(&d->mutex);
    struct node *parent = disk_parent_of(d, dir_fd, path, &name);
    if (fstatat(dir_fd, path, &info, 0) != 0) {
        result = d->is_stopped ? stopped() : -1; /* errno says that it is not there */
    } else if (!enter(d, &in_flight)) {
        result = stopped();
    } else {
        keep_contents(d, dir_fd, path);
        result = in_flight ? 0 : unlinkat(dir_fd, path, 0);
        if (result == 0)
            change_names(parent, name, NULL, NULL);
        if (result == 0 && !in_flight)
            forget_inode(disk_find_node(d, info.st_ino), info.st_ino, info.st_nlink);
        if (in_flight)
            result = stopped();
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return result;
}

static int
call_mkdirat(void *context, int dir_fd, const char *path, mode_t mode)
{
    struct disk *d = context;
    bool in_flight;
    const char *name;
    int result = -1;
    (void)pthread_mutex_lock(&d->mutex);
    struct node *parent = disk_parent_of(d, dir_fd, path, &name);
    if (faccessat(dir_fd, path, F_OK, 0) == 0) {
        errno = d->is_stopped ? EIO : EEXIST;
    } else if (!enter(d, &in_flight) || in_flight) {
        result = stopped();
    } else {
        result = mkdirat(dir_fd, path, mode);
        struct node *node = result == 0 ? disk_node_at(d, dir_fd, path) : NULL;
        if (node != NULL) {
            node->is_captured = true; /* and empty */
            change_names(parent, NULL, name, node);
        }
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return result;
}

static int
call_linkat(void *context, int dir_fd, const char *source, int target_dir_fd, const char *target)
{
    struct disk *d = context;
    bool in_flight;
    const char *name;
    int result = -1;
    (void)pthread_mutex_lock(&d->mutex);
    struct node *parent = disk_parent_of(d, target_dir_fd, target, &name);
    if (!enter(d, &in_flight) || in_flight) {
        result = stopped();
    } else {
        result = linkat(dir_fd, source, target_dir_fd, target, 0);
        if (result == 0)
            change_names(parent, NULL, name, disk_node_at(d, dir_fd, source));
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return result;
}

struct disk *
disk_create(void)
{
    struct disk *d = sl_new(sizeof(*d));
    int failed = pthread_mutex_init(&d->mutex, NULL);
    SL_ASSERT(failed == 0);
    d->stop_at = UINT64_MAX;
    d->calls = (struct sl_file_calls){
        .context = d,
        .open = call_open,
        .close = call_close,
        .pread = call_pread,
        .pwrite = call_pwrite,
        .fdatasync = call_sync,
        .fsync = call_sync,
        .ftruncate = call_ftruncate,
        .renameat = call_renameat,
        .unlinkat = call_unlinkat,
        .mkdirat = call_mkdirat,
        .linkat = call_linkat,
    };
    return d;
}

void
disk_destroy(struct disk *disk)
{
    for (size_t i = 0; i < disk->node_count; i++) {
        struct node *node = disk->nodes[i];
        disk_free_changes(node);
        for (size_t k = 0; k < node->name_count; k++)
            free(node->names[k].text);
        free(node->names);
        free(node->bytes);
        free(node);
    }
    free(disk->nodes);
    (void)pthread_mutex_destroy(&disk->mutex);
    free(disk);
}

const struct sl_file_calls *
disk_calls(struct disk *disk)
{
    return &disk->calls;
}

void
disk_stop_at(struct disk *disk, uint64_t call)
{
    disk->stop_at = call;
}

uint64_t
disk_call_count(const struct disk *disk)
{
    return disk->call_count;
}

bool
disk_is_stopped(const struct disk *disk)
{
    return disk->is_stopped;
}
