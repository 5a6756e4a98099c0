/*
 * disk_node.c - see disk_node.h.
 *
 * A node stands for a file or a directory. It is found by its inode number while it exists, and
 * lives on without one after its last name went, because an image may bring the name back. A node
 * that was never changed through the table is not captured: its contents are those of the real
 * file when the image is made.
 */
#include "tests/crash/disk_node.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/test.h"

struct node *
disk_find_node(const struct disk *d, ino_t inode)
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

struct change *
disk_add_change(struct node *node)
{
    node->changes = sl_grow(node->changes, sizeof(*node->changes), node->change_count + 1);
    struct change *change = &node->changes[node->change_count++];
    *change = (struct change){0};
    return change;
}

void
disk_free_changes(struct node *node)
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

void
disk_set_name(struct node *node, const char *text, struct node *target)
{
    node->names = sl_grow(node->names, sizeof(*node->names), node->name_count + 1);
    node->names[node->name_count++] = (struct name){sl_new_string(text), target};
}

void
disk_drop_name(struct node *node, const char *text)
{
    for (size_t i = 0; i < node->name_count; i++) {
        if (strcmp(node->names[i].text, text) != 0)
            continue;
        free(node->names[i].text);
        node->names[i] = node->names[--node->name_count];
        return;
    }
}

void
disk_capture_file(struct node *node, int dir_fd, const char *path)
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

struct node *
disk_node_at(struct disk *d, int dir_fd, const char *path)
{
    struct stat info;
    if (fstatat(dir_fd, path, &info, 0) != 0)
        return NULL;
    struct node *node = disk_find_node(d, info.st_ino);
    return node != NULL ? node : add_node(d, info.st_ino, S_ISDIR(info.st_mode));
}

void
disk_capture_directory(struct disk *d, struct node *node, int dir_fd, const char *path)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fdopendir(fd);
    assert_non_null(dir);
    node->is_captured = true;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            disk_set_name(node, e->d_name, disk_node_at(d, fd, e->d_name));
    (void)closedir(dir);
}

struct node *
disk_parent_of(struct disk *d, int dir_fd, const char *path, const char **out_name)
{
    char parent[DISK_PATH_BYTES] = ".";
    const char *slash = strrchr(path, '/');
    *out_name = slash == NULL ? path : slash + 1;
    if (slash != NULL)
        (void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path + 1), path);
    struct node *node = disk_node_at(d, dir_fd, parent);
    if (node != NULL && !node->is_captured)
        disk_capture_directory(d, node, dir_fd, parent);
    return node;
}

void
disk_apply_change(uint8_t **bytes, size_t *size_bytes, const struct change *c, size_t skip_bytes,
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

void
disk_sync_node(struct node *node)
{
    for (size_t i = 0; i < node->change_count; i++) {
        const struct change *c = &node->changes[i];
        if (!node->is_directory) {
            disk_apply_change(&node->bytes, &node->size_bytes, c, 0, c->size_bytes);
            continue;
        }
        if (c->removed != NULL)
            disk_drop_name(node, c->removed);
        if (c->added != NULL) {
            disk_drop_name(node, c->added);
            disk_set_name(node, c->added, c->node);
        }
    }
    disk_free_changes(node);
}
