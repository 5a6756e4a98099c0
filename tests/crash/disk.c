/*
 * disk.c - see disk.h.
 *
 * A node stands for a file or a directory. It is found by its inode number while it exists, and
 * lives on without one after its last name went, because an image may bring the name back. A node
 * that was never changed through the table is not captured: its contents are those of the real
 * file when the image is made.
 */
#include "tests/crash/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/base/thread.h"
#include "tests/support/test.h"

enum { SECTOR_BYTES = 512, FDS_MAX = 4096, PATH_BYTES = 4096 };

struct node;

/* One change that was not synced: of a file (bytes at an offset, or a new size), or of a
 * directory (take a name away, then give one to a node). */
struct change {
    bool is_resize;
    uint64_t offset; /* resize: the new size */
    uint8_t *bytes;  /* owned */
    size_t size_bytes;
    char *removed; /* owned; NULL: none */
    char *added;   /* owned; NULL: none */
    struct node *node;
};

struct name {
    char *text; /* owned */
    struct node *node;
};

struct node {
    ino_t inode; /* 0: it has no name any more */
    bool is_directory;
    bool is_captured;
    uint8_t *bytes; /* of a captured file, as synced; owned */
    size_t size_bytes;
    struct name *names; /* of a captured directory, as synced; owned */
    size_t name_count;
    struct change *changes; /* owned, in order */
    size_t change_count;
};

struct disk {
    struct sl_file_calls calls;
    pthread_mutex_t mutex; /* guards everything below */
    struct node **nodes;   /* owned */
    size_t node_count;
    struct node *node_of_fd[FDS_MAX]; /* files opened for writing */
    uint64_t call_count;
    uint64_t stop_at;
    bool is_stopped;
};

static struct node *
find_node(const struct disk *d, ino_t inode)
{
    for (size_t i = 0; i < d->node_count; i++)
        if (d->nodes[i]->inode == inode)
            return d->nodes[i];
    return NULL;
}

static struct node *
add_node(struct disk *d, ino_t inode, bool is_directory)
{
    struct node *node = sl_new(sizeof(*node));
    node->inode = inode;
    node->is_directory = is_directory;
    d->nodes = sl_grow(d->nodes, sizeof(struct node *), d->node_count + 1);
    d->nodes[d->node_count++] = node;
    return node;
}

static struct change *
add_change(struct node *node)
{
    node->changes = sl_grow(node->changes, sizeof(*node->changes), node->change_count + 1);
    struct change *change = &node->changes[node->change_count++];
    *change = (struct change){0};
    return change;
}

static void
free_changes(struct node *node)
{
    for (size_t i = 0; i < node->change_count; i++) {
        free(node->changes[i].bytes);
        free(node->changes[i].removed);
        free(node->changes[i].added);
    }
    free(node->changes);
    node->changes = NULL;
    node->change_count = 0;
}

static void
set_name(struct node *node, const char *text, struct node *target)
{
    node->names = sl_grow(node->names, sizeof(*node->names), node->name_count + 1);
    node->names[node->name_count++] = (struct name){sl_new_string(text), target};
}

static void
drop_name(struct node *node, const char *text)
{
    for (size_t i = 0; i < node->name_count; i++) {
        if (strcmp(node->names[i].text, text) != 0)
            continue;
        free(node->names[i].text);
        node->names[i] = node->names[--node->name_count];
        return;
    }
}

static void
capture_file(struct node *node, int dir_fd, const char *path)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    assert_true(fd >= 0 && fstat(fd, &info) == 0);
    node->size_bytes = (size_t)info.st_size;
    node->bytes = sl_new(node->size_bytes + 1);
    assert_int_equal(pread(fd, node->bytes, node->size_bytes, 0), node->size_bytes);
    (void)close(fd);
    node->is_captured = true;
}

/* The node behind a real path; NULL when there is nothing. */
static struct node *
node_at(struct disk *d, int dir_fd, const char *path)
{
    struct stat info;
    if (fstatat(dir_fd, path, &info, 0) != 0)
        return NULL;
    struct node *node = find_node(d, info.st_ino);
    return node != NULL ? node : add_node(d, info.st_ino, S_ISDIR(info.st_mode));
}

static void
capture_directory(struct disk *d, struct node *node, int dir_fd, const char *path)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fdopendir(fd);
    assert_non_null(dir);
    node->is_captured = true;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            set_name(node, e->d_name, node_at(d, fd, e->d_name));
    (void)closedir(dir);
}

/* Split a path: the node of its directory, captured, and the last name. */
static struct node *
parent_of(struct disk *d, int dir_fd, const char *path, const char **out_name)
{
    char parent[PATH_BYTES] = ".";
    const char *slash = strrchr(path, '/');
    *out_name = slash == NULL ? path : slash + 1;
    if (slash != NULL)
        (void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path + 1), path);
    struct node *node = node_at(d, dir_fd, parent);
    if (node != NULL && !node->is_captured)
        capture_directory(d, node, dir_fd, parent);
    return node;
}

/* Everything that did not reach the disk does now. */
static void
apply_file_change(uint8_t **bytes, size_t *size_bytes, const struct change *c, size_t skip_bytes,
                  size_t part_bytes)
{
    size_t end = (size_t)c->offset + (c->is_resize ? 0 : skip_bytes + part_bytes);
    if (end > *size_bytes) {
        *bytes = sl_grow(*bytes, 1, end + 1);
        memset(*bytes + *size_bytes, 0, end - *size_bytes);
        *size_bytes = end;
    }
    if (c->is_resize)
        *size_bytes = end;
    else if (part_bytes > 0)
        memcpy(*bytes + c->offset + skip_bytes, c->bytes + skip_bytes, part_bytes);
}

static void
sync_node(struct node *node)
{
    for (size_t i = 0; i < node->change_count; i++) {
        const struct change *c = &node->changes[i];
        if (!node->is_directory) {
            apply_file_change(&node->bytes, &node->size_bytes, c, 0, c->size_bytes);
            continue;
        }
        if (c->removed != NULL)
            drop_name(node, c->removed);
        if (c->added != NULL) {
            drop_name(node, c->added);
            set_name(node, c->added, c->node);
        }
    }
    free_changes(node);
}

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
    struct change *c = add_change(directory);
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
    struct node *parent = is_writing ? parent_of(d, dir_fd, path, &name) : NULL;
    bool is_there = faccessat(dir_fd, path, F_OK, 0) == 0;
    bool is_new = parent != NULL && !is_there && (flags & O_CREAT) != 0;
    if (d->is_stopped || (is_new && !enter(d, &in_flight)) || d->is_stopped) {
        fd = stopped();
        goto out;
    }
    fd = openat(dir_fd, path, flags & ~O_TRUNC, mode);
    if (fd < 0 || !is_writing)
        goto out;
    assert_true(fd < FDS_MAX);
    struct node *node = node_at(d, dir_fd, path);
    if (is_new)
        change_names(parent, NULL, name, node);
    if (!node->is_captured)
        capture_file(node, dir_fd, path);
    if ((flags & O_TRUNC) != 0 && ftruncate(fd, 0) == 0)
        add_change(node)->is_resize = true;
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
    if (fd >= 0 && fd < FDS_MAX)
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
            struct change *c = add_change(node);
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
        struct node *node = find_node(d, info.st_ino);
        if (node != NULL && node->is_captured)
            sync_node(node);
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
            struct change *c = add_change(node);
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
    struct node *node = node_at(d, dir_fd, path);
    if (node != NULL && !node->is_directory && !node->is_captured)
        capture_file(node, dir_fd, path);
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
    struct node *parent = parent_of(d, dir_fd, source, &source_name);
    assert_ptr_equal(parent, parent_of(d, dir_fd, target, &target_name));
    if (!enter(d, &in_flight)) {
        result = stopped();
    } else {
        struct node *node = node_at(d, dir_fd, source);
        bool is_replacing = fstatat(dir_fd, target, &info, 0) == 0;
        if (is_replacing)
            keep_contents(d, dir_fd, target);
        result = in_flight ? 0 : renameat(dir_fd, source, dir_fd, target);
        if (result == 0 && node != NULL)
            change_names(parent, source_name, target_name, node);
        if (result == 0 && !in_flight && is_replacing)
            forget_inode(find_node(d, info.st_ino), info.st_ino, info.st_nlink);
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
    struct node *parent = parent_of(d, dir_fd, path, &name);
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
            forget_inode(find_node(d, info.st_ino), info.st_ino, info.st_nlink);
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
    struct node *parent = parent_of(d, dir_fd, path, &name);
    if (faccessat(dir_fd, path, F_OK, 0) == 0) {
        errno = d->is_stopped ? EIO : EEXIST;
    } else if (!enter(d, &in_flight) || in_flight) {
        result = stopped();
    } else {
        result = mkdirat(dir_fd, path, mode);
        struct node *node = result == 0 ? node_at(d, dir_fd, path) : NULL;
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
    struct node *parent = parent_of(d, target_dir_fd, target, &name);
    if (!enter(d, &in_flight) || in_flight) {
        result = stopped();
    } else {
        result = linkat(dir_fd, source, target_dir_fd, target, 0);
        if (result == 0)
            change_names(parent, NULL, name, node_at(d, dir_fd, source));
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
        free_changes(node);
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

/* What an image is made with. */
struct cut {
    struct disk *disk;
    enum disk_fate fate;
    uint64_t *seed;
    const char *root; /* the real directory */
};

/* One chance in two of something that was not synced. */
static bool
survives(const struct cut *cut)
{
    if (cut->fate == DISK_MIX)
        return test_random_below(cut->seed, 2) == 0;
    return cut->fate == DISK_KEEP;
}

static void
write_image(const char *path, const uint8_t *bytes, size_t size_bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size_bytes, 0), size_bytes);
    (void)close(fd);
}

static void
copy_real(const char *source, const char *target)
{
    size_t size_bytes;
    uint8_t *bytes = test_read_file(source, &size_bytes);
    write_image(target, bytes, size_bytes);
    free(bytes);
}

/* A write of which each sector has its own fate: all of it, nothing, or any part. */
static void
tear(const struct cut *cut, const struct change *c, uint8_t **bytes, size_t *size_bytes)
{
    bool is_torn = cut->fate == DISK_MIX && test_random_below(cut->seed, 3) == 0;
    if (!is_torn) {
        if (survives(cut))
            apply_file_change(bytes, size_bytes, c, 0, c->size_bytes);
        return;
    }
    for (size_t at = 0; at < c->size_bytes;) {
        size_t part = SECTOR_BYTES - (size_t)((c->offset + at) % SECTOR_BYTES);
        part = sl_min_size(part, c->size_bytes - at);
        if (survives(cut))
            apply_file_change(bytes, size_bytes, c, at, part);
        at += part;
    }
}

static void
image_file(const struct cut *cut, const struct node *node, const char *target)
{
    size_t size_bytes = node->size_bytes;
    uint8_t *bytes = sl_new(size_bytes + 1);
    if (size_bytes > 0)
        memcpy(bytes, node->bytes, size_bytes);
    for (size_t i = 0; i < node->change_count; i++)
        tear(cut, &node->changes[i], &bytes, &size_bytes);
    write_image(target, bytes, size_bytes);
    free(bytes);
}

/* The real path of an inode below `path`, found by walking; false when it has none. */
static bool
find_real(const char *path, ino_t inode, char out_path[PATH_BYTES])
{
    struct stat info;
    if (inode == 0 || stat(path, &info) != 0)
        return false;
    if (info.st_ino == inode) {
        (void)snprintf(out_path, PATH_BYTES, "%s", path);
        return true;
    }
    DIR *dir = S_ISDIR(info.st_mode) ? opendir(path) : NULL;
    bool is_found = false;
    for (struct dirent *e = dir == NULL ? NULL : readdir(dir); e != NULL && !is_found;
         e = readdir(dir)) {
        char below[PATH_BYTES];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        (void)snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
        is_found = find_real(below, inode, out_path);
    }
    if (dir != NULL)
        (void)closedir(dir);
    return is_found;
}

static void image_node(const struct cut *cut, const struct node *node, const char *target);

/* Files of a directory that the disk never saw (LMDB's), as they are. */
static void
image_unseen(const struct cut *cut, const struct node *node, const char *target)
{
    char real[PATH_BYTES];
    DIR *dir = find_real(cut->root, node->inode, real) ? opendir(real) : NULL;
    for (struct dirent *e = dir == NULL ? NULL : readdir(dir); e != NULL; e = readdir(dir)) {
        char source[PATH_BYTES + 300];
        char below[PATH_BYTES];
        struct stat info;
        (void)snprintf(source, sizeof(source), "%s/%s", real, e->d_name);
        (void)snprintf(below, sizeof(below), "%s/%s", target, e->d_name);
        if (stat(source, &info) == 0 && S_ISREG(info.st_mode) &&
            find_node(cut->disk, info.st_ino) == NULL)
            copy_real(source, below);
    }
    if (dir != NULL)
        (void)closedir(dir);
}

static void
image_directory(const struct cut *cut, const struct node *node, const char *target)
{
    struct node merged = {.is_directory = true};
    assert_true(mkdir(target, 0750) == 0 || errno == EEXIST);
    for (size_t i = 0; i < node->name_count; i++)
        set_name(&merged, node->names[i].text, node->names[i].node);
    for (size_t i = 0; i < node->change_count; i++) {
        const struct change *c = &node->changes[i];
        if (!survives(cut))
            continue;
        if (c->removed != NULL)
            drop_name(&merged, c->removed);
        if (c->added != NULL) {
            drop_name(&merged, c->added);
            set_name(&merged, c->added, c->node);
        }
    }
    for (size_t i = 0; i < merged.name_count; i++) {
        char below[PATH_BYTES];
        (void)snprintf(below, sizeof(below), "%s/%s", target, merged.names[i].text);
        image_node(cut, merged.names[i].node, below);
        free(merged.names[i].text);
    }
    free(merged.names);
    image_unseen(cut, node, target);
}

/* Depth is that of the data directory: three. */
static void
image_node(const struct cut *cut, const struct node *node, const char *target)
{
    char real[PATH_BYTES];
    if (node->is_captured && !node->is_directory) {
        image_file(cut, node, target);
        return;
    }
    if (node->is_captured) {
        image_directory(cut, node, target);
        return;
    }
    if (!find_real(cut->root, node->inode, real))
        return;
    if (!node->is_directory) {
        copy_real(real, target);
        return;
    }
    struct node *found = find_node(cut->disk, node->inode);
    capture_directory(cut->disk, found, AT_FDCWD, real);
    image_directory(cut, found, target);
}

void
disk_cut(struct disk *disk, const char *path, const char *image_path, enum disk_fate fate,
         uint64_t *seed)
{
    struct cut cut = {.disk = disk, .fate = fate, .seed = seed, .root = path};
    struct node *root = node_at(disk, AT_FDCWD, path);
    assert_non_null(root);
    image_node(&cut, root, image_path);
}
