/*
 * disk.h - a disk that forgets: power cuts for tests.
 *
 * A disk is a switch table (storage/base/file.h) over a real directory. It passes calls on and
 * remembers, for each file and each directory, what was not synced. It can stop at a chosen call:
 * that call and all later ones fail with EIO, and the work is abandoned. disk_cut then makes an
 * image of the directory as it might be found after the power came back: what was synced is
 * there; every other write is there, missing, or torn at 512-byte sectors, and every other
 * creation, removal and renaming of a name has happened or not, each for itself.
 *
 * The model: fdatasync makes a file's bytes and size durable, but not its name; fsync of a
 * directory makes its names durable, but no bytes. Directory operations are single, a rename is
 * never half done. Files that are changed past the table (LMDB's) are copied as they are.
 *
 * Threads: the table's calls may come from any thread; everything else from one, while no work
 *          is running.
 */
#ifndef SLUICE_TESTS_CRASH_DISK_H
#define SLUICE_TESTS_CRASH_DISK_H

#include "storage/base/file.h"

struct disk;

/* What exists already, when it is first touched, counts as synced. */
struct disk *disk_create(void);
void disk_destroy(struct disk *disk);

/* The table, for sl_file_install. */
const struct sl_file_calls *disk_calls(struct disk *disk);

/* Calls that change the disk are numbered 0, 1, 2 ...: stop at this one. The interrupted call
 * itself may or may not have reached the disk. */
void disk_stop_at(struct disk *disk, uint64_t call);
/* Such calls so far. */
uint64_t disk_call_count(const struct disk *disk);
bool disk_is_stopped(const struct disk *disk);

enum disk_fate {
    DISK_DROP, /* nothing unsynced is there */
    DISK_KEEP, /* everything is there: a killed process, not a power cut */
    DISK_MIX,  /* the seed decides for each write, sector and name */
};

/* The image of directory `path` (work below it went through the table) at `image_path`, which is
 * made. */
void disk_cut(struct disk *disk, const char *path, const char *image_path, enum disk_fate fate,
              uint64_t *seed);

#endif
