/*
 * live_file.h - segment files in use: shared, opened when needed, removed when left.
 *
 * A file is named by live segments, and by the versions and snapshots that hold those. When the
 * catalog no longer names it, it is marked as dropped; it goes when the last of them lets go.
 * At most a bounded number of files is open at a time, and what they keep in memory is bounded: row
 * groups that were not used lately keep only their filters then (a clock goes round them), and where
 * that is not enough, the least recently used file that nobody reads from is closed when another is
 * opened.
 *
 * Ownership: a file is shared by count; a reader is lent between open and leave.
 * Threads:   any.
 * Errors:    those of sl_segment_reader_open.
 * Layer:     storage.
 */
#ifndef SLUICE_STORAGE_LIVE_FILE_H
#define SLUICE_STORAGE_LIVE_FILE_H

#include "storage/base/thread.h"
#include "storage/segment/segment_reader.h"

enum {
    /* "<20 digits>.segment" and ".tmp" behind it. */
    SL_SEGMENT_NAME_BYTES = 40,
    /* Open files: well below the usual 1,024 descriptors of a process. */
    SL_LIVE_FILES_OPEN_MAX = 256,
};

struct sl_live_files;

struct sl_live_file {
    struct sl_live_files *files; /* borrowed, outlives it */
    _Atomic uint32_t references;
    _Atomic bool is_dropped;
    _Atomic bool is_damaged; /* a merge failed on it: none tries again before a restart */
    uint64_t number;
    uint64_t bytes;
    char name[SL_SEGMENT_NAME_BYTES];
    /* Below: guarded by the lock of files. */
    struct sl_segment_reader *reader; /* owned; NULL: closed */
    uint32_t users;
    bool is_opening;
    struct sl_live_file *newer, *older; /* of the open ones, by use */
};

/* dir_fd and schema are borrowed. memory_bytes: what readers that nobody uses may keep. */
struct sl_live_files *sl_live_files_create(int dir_fd, struct sl_schema *schema,
                                           size_t memory_bytes);
/* Keep decoded blocks of the files for queries, at most bytes_max of `memory` (segment_cache.h).
 * Before any file is opened. */
void sl_live_files_keep(struct sl_live_files *files, size_t bytes_max, struct sl_budget *memory);
/* All files were released. NULL is allowed. */
void sl_live_files_destroy(struct sl_live_files *files);

/* Bytes of files that are dropped and still held by readers. */
uint64_t sl_live_files_held_bytes(const struct sl_live_files *files);

/* A file that exists, with one reference. */
struct sl_live_file *sl_live_file_create(struct sl_live_files *files, uint64_t number,
                                         uint64_t bytes);
void sl_live_file_acquire(struct sl_live_file *file);
/* The last one closes the file, and removes it when it was dropped. NULL is allowed. */
void sl_live_file_release(struct sl_live_file *file);
/* The catalog does not name it any more. */
void sl_live_file_drop(struct sl_live_file *file);

void sl_live_file_mark_damaged(struct sl_live_file *file);
bool sl_live_file_is_damaged(const struct sl_live_file *file);

/* Borrow its reader until sl_live_file_leave. The caller holds a reference meanwhile. */
SL_MUST_CHECK
sl_status sl_live_file_enter(struct sl_live_file *file, struct sl_segment_reader **out_reader,
                             struct sl_error *err);
void sl_live_file_leave(struct sl_live_file *file);

/*
 * Open it before anybody asks for it: among files that nobody has asked for since, it is closed first. The
 * caller holds a reference. False: there is no room, for a quarter of the files that may be open are, or a
 * quarter of what readers may keep is taken. A file that cannot be opened stays closed, and who enters it is
 * told.
 */
bool sl_live_file_prepare(struct sl_live_file *file);

/* "0000000012.segment". */
void sl_segment_name(uint64_t number, char name[SL_SEGMENT_NAME_BYTES]);
/* The number of a name as above; false for any other name. */
SL_MUST_CHECK
bool sl_segment_name_parse(const char *name, uint64_t *out_number);

#endif
