/*
 * file.h - files, with every system call behind one switch table.
 *
 * Reads and writes are complete or fail: short transfers and EINTR are handled here. What
 * changes a disk goes through `struct sl_file_calls`, so that a test can fail, stop, tear or
 * forget the n-th call (tests/crash). Our own code never calls open, pwrite, fsync, rename
 * ... in another way; LMDB does its own I/O and is named as the exception.
 *
 * Durability is three steps, in this order: sl_file_sync the new file, sl_file_rename it to
 * its name, sl_dir_sync its directory. Until the last one returns, nothing may rely on it.
 *
 * Threads: calls are independent; installing a table is for tests before threads start.
 * Errors:  SL_IO with errno; SL_CORRUPT when a file ends before what is read from it.
 */
#ifndef SLUICE_STORAGE_BASE_FILE_H
#define SLUICE_STORAGE_BASE_FILE_H

#include <sys/types.h>

#include "storage/base/base.h"
#include "storage/base/status.h"

/* The system calls, with their own semantics (-1 and errno). context is the table's. */
struct sl_file_calls {
    void *context;
    int (*open)(void *context, int dir_fd, const char *path, int flags, mode_t mode);
    int (*close)(void *context, int fd);
    ssize_t (*pread)(void *context, int fd, void *bytes, size_t size_bytes, off_t offset);
    ssize_t (*pwrite)(void *context, int fd, const void *bytes, size_t size_bytes, off_t offset);
    int (*fdatasync)(void *context, int fd); /* of files */
    int (*fsync)(void *context, int fd);     /* of directories */
    int (*ftruncate)(void *context, int fd, off_t size_bytes);
    int (*renameat)(void *context, int dir_fd, const char *source, const char *target);
    int (*unlinkat)(void *context, int dir_fd, const char *path);
    int (*mkdirat)(void *context, int dir_fd, const char *path, mode_t mode);
    int (*linkat)(void *context, int dir_fd, const char *source, int target_dir_fd,
                  const char *target);
};

/* Install another table (NULL: the real one). The table is borrowed until the next install. */
void sl_file_install(const struct sl_file_calls *table);

/* Give descriptors 0, 1 and 2 that the program was started without to /dev/null, the wrong way
 * round: to use them stays an error, and no file or socket of ours gets their number, which
 * would then be written to by whoever prints. First thing in main. */
void sl_file_reserve_standard(void);

/* The real system calls, for wrappers to pass on to. */
extern const struct sl_file_calls sl_file_real_calls;

/* Open `path` relative to dir_fd (AT_FDCWD allowed); O_CLOEXEC is added. */
SL_MUST_CHECK
sl_status sl_file_open(int dir_fd, const char *path, int flags, int *out_fd, struct sl_error *err);

/* The same with O_CREAT, for a file that its owner alone may read (mode 0600). */
SL_MUST_CHECK
sl_status sl_file_open_private(int dir_fd, const char *path, int flags, int *out_fd,
                               struct sl_error *err);

/* Close a descriptor of sl_file_open or sl_dir_open. -1 is allowed. What was not synced
 * before may be lost; a caller that cares has synced. */
void sl_file_close(int fd);

SL_MUST_CHECK
sl_status sl_file_read_at(int fd, uint64_t offset, void *bytes, size_t size_bytes,
                          struct sl_error *err);
/* From now on this thread reads only what the system has in memory (true), or whatever it takes
 * (false, as threads begin): what would wait for a disk is SL_TIMEOUT. */
void sl_file_set_impatient(bool is_impatient);
/* The file will be read here and there: what is not asked for or announced is not read ahead. No
 * promise, no error. */
void sl_file_leaps(int fd);
/* These bytes will be read soon: the system may fetch them meanwhile. No promise, no error. */
void sl_file_will_read(int fd, uint64_t offset, size_t size_bytes);
SL_MUST_CHECK
sl_status sl_file_write_at(int fd, uint64_t offset, const void *bytes, size_t size_bytes,
                           struct sl_error *err);
SL_MUST_CHECK
sl_status sl_file_sync(int fd, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_file_truncate(int fd, uint64_t size_bytes, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_file_size(int fd, uint64_t *out_size_bytes, struct sl_error *err);

/* Within one directory; replaces the target. */
SL_MUST_CHECK
sl_status sl_file_rename(int dir_fd, const char *source, const char *target, struct sl_error *err);
/* A file that is not there is not an error. */
SL_MUST_CHECK
sl_status sl_file_remove(int dir_fd, const char *path, struct sl_error *err);

/* Open (and make when missing) a directory. */
SL_MUST_CHECK
sl_status sl_dir_open(int dir_fd, const char *path, int *out_fd, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_dir_sync(int dir_fd, struct sl_error *err);

/* Call visit(context, name) for each entry but . and .. in unspecified order; a visit that
 * returns an error ends the walk with it. Names are borrowed for the call. */
typedef sl_status sl_dir_visit_fn(void *context, const char *name, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_dir_walk(int dir_fd, sl_dir_visit_fn *visit, void *context, struct sl_error *err);

/* As many descriptors as the system lets this process have: a thousand clients of MySQL take three
 * thousand. For programs, at their start. */
void sl_file_raise_limit(void);

/* Free and total bytes of the file system that holds fd. */
SL_MUST_CHECK
sl_status sl_dir_space(int fd, uint64_t *out_free_bytes, uint64_t *out_total_bytes,
                       struct sl_error *err);

#endif
