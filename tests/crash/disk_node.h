/*
 * disk_node.h - what the simulated disk knows of each file and directory: what was synced, and the
 * changes since, in order. Shared by disk.c, which records, and disk_image.c, which cuts.
 *
 * Threads: the disk's mutex is held.
 */
#ifndef SLUICE_TESTS_CRASH_DISK_NODE_H
#define SLUICE_TESTS_CRASH_DISK_NODE_H

#include <pthread.h>
#include <sys/stat.h>

#include "tests/crash/disk.h"

enum { DISK_FDS_MAX = 4096, DISK_PATH_BYTES = 4096 };

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
    struct node *node_of_fd[DISK_FDS_MAX]; /* files opened for writing */
    uint64_t call_count;
    uint64_t stop_at;
    bool is_stopped;
};

/* NULL when the disk has not seen it. */
struct node *disk_find_node(const struct disk *d, ino_t inode);

struct change *disk_add_change(struct node *node);
void disk_free_changes(struct node *node);

/* Of a directory, as synced. */
void disk_set_name(struct node *node, const char *text, struct node *target);
void disk_drop_name(struct node *node, const char *text);

/* Read the contents of the real file or directory into the node. */
void disk_capture_file(struct node *node, int dir_fd, const char *path);
void disk_capture_directory(struct disk *d, struct node *node, int dir_fd, const char *path);

/* The node behind a real path; NULL when there is nothing. */
struct node *disk_node_at(struct disk *d, int dir_fd, const char *path);

/* Split a path: the node of its directory, captured, and the last name. */
struct node *disk_parent_of(struct disk *d, int dir_fd, const char *path, const char **out_name);

/* Put a part of a change into bytes, which grow. */
void disk_apply_change(uint8_t **bytes, size_t *size_bytes, const struct change *c,
                       size_t skip_bytes, size_t part_bytes);

/* Everything that did not reach the disk does now. */
void disk_sync_node(struct node *node);

#endif
