/*
 * disk_image.c - what a power cut leaves of the simulated disk: see disk_cut in disk.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/crash/disk_node.h"
#include "tests/support/test.h"

enum { SECTOR_BYTES = 512 };

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
            disk_apply_change(bytes, size_bytes, c, 0, c->size_bytes);
        return;
    }
    for (size_t at = 0; at < c->size_bytes;) {
        size_t part = SECTOR_BYTES - (size_t)((c->offset + at) % SECTOR_BYTES);
        part = sl_min_size(part, c->size_bytes - at);
        if (survives(cut))
            disk_apply_change(bytes, size_bytes, c, at, part);
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
find_real(const char *path, ino_t inode, char out_path[DISK_PATH_BYTES])
{
    struct stat info;
    if (inode == 0 || stat(path, &info) != 0)
        return false;
    if (info.st_ino == inode) {
        (void)snprintf(out_path, DISK_PATH_BYTES, "%s", path);
        return true;
    }
    DIR *dir = S_ISDIR(info.st_mode) ? opendir(path) : NULL;
    bool is_found = false;
    for (struct dirent *e = dir == NULL ? NULL : readdir(dir); e != NULL && !is_found;
         e = readdir(dir)) {
        char below[DISK_PATH_BYTES];
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
    char real[DISK_PATH_BYTES];
    DIR *dir = find_real(cut->root, node->inode, real) ? opendir(real) : NULL;
    for (struct dirent *e = dir == NULL ? NULL : readdir(dir); e != NULL; e = readdir(dir)) {
        char source[DISK_PATH_BYTES + 300];
        char below[DISK_PATH_BYTES];
        struct stat info;
        (void)snprintf(source, sizeof(source), "%s/%s", real, e->d_name);
        (void)snprintf(below, sizeof(below), "%s/%s", target, e->d_name);
        if (stat(source, &info) == 0 && S_ISREG(info.st_mode) &&
            disk_find_node(cut->disk, info.st_ino) == NULL)
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
        disk_set_name(&merged, node->names[i].text, node->names[i].node);
    for (size_t i = 0; i < node->change_count; i++) {
        const struct change *c = &node->changes[i];
        if (!survives(cut))
            continue;
        if (c->removed != NULL)
            disk_drop_name(&merged, c->removed);
        if (c->added != NULL) {
            disk_drop_name(&merged, c->added);
            disk_set_name(&merged, c->added, c->node);
        }
    }
    for (size_t i = 0; i < merged.name_count; i++) {
        char below[DISK_PATH_BYTES];
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
    char real[DISK_PATH_BYTES];
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
    struct node *found = disk_find_node(cut->disk, node->inode);
    disk_capture_directory(cut->disk, found, AT_FDCWD, real);
    image_directory(cut, found, target);
}

void
disk_cut(struct disk *disk, const char *path, const char *image_path, enum disk_fate fate,
         uint64_t *seed)
{
    struct cut cut = {.disk = disk, .fate = fate, .seed = seed, .root = path};
    struct node *root = disk_node_at(disk, AT_FDCWD, path);
    assert_non_null(root);
    image_node(&cut, root, image_path);
}
