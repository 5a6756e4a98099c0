/*
 * version.h - the list of live segments at one moment, shared by everyone who reads it.
 *
 * Neither a live segment nor a version ever changes: DELETE makes a new live segment over the
 * same file, and every publication makes a new version. So a reader needs no lock, and sees one
 * state of the store from its first row to its last.
 *
 * Ownership: shared by count. A version holds its live segments, these hold their files.
 * Threads:   any.
 * Layer:     storage.
 */
#ifndef SLUICE_STORAGE_VERSION_H
#define SLUICE_STORAGE_VERSION_H

#include "storage/catalog.h"
#include "storage/index/bitmap.h"
#include "storage/live_file.h"

struct sl_live {
    _Atomic uint32_t references;
    struct sl_catalog_segment info;
    struct sl_live_file *file; /* shared */
    int64_t born_us;           /* monotonic: when this process first had it */
    struct sl_bitmap *deads[SL_GROUPS_PER_SEGMENT_MAX]; /* by group, owned; NULL: none */
};

struct sl_version {
    _Atomic uint32_t references;
    uint32_t count;
    uint64_t rows; /* without the dead ones */
    uint64_t bytes;
    struct sl_live *segments[]; /* by number */
};

/* Takes over the file's reference. Dead rows are put into `deads` before it is shared. */
struct sl_live *sl_live_create(const struct sl_catalog_segment *info, struct sl_live_file *file,
                               int64_t born_us);
void sl_live_acquire(struct sl_live *live);
void sl_live_release(struct sl_live *live); /* NULL is allowed */

/* No segments at all. */
struct sl_version *sl_version_create(void);
void sl_version_acquire(struct sl_version *version);
void sl_version_release(struct sl_version *version); /* NULL is allowed */

/* A change from one version to the next: segments that go, by number, and segments that come.
 * One that comes under the number of one that stays takes its place. */
struct sl_version_change {
    const uint64_t *removed;
    uint32_t removed_count;
    struct sl_live *const *added; /* the new version acquires them */
    uint32_t added_count;
};
struct sl_version *sl_version_apply(const struct sl_version *version,
                                    const struct sl_version_change *change);

/* The live segment of this number, or NULL. */
struct sl_live *sl_version_find(const struct sl_version *version, uint64_t number);

#endif
