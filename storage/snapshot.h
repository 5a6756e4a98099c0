/*
 * snapshot.h - the inside of a snapshot: one version and one view of the memtable.
 *
 * Both are taken under the store's lock at once, and a seal publishes its segments and drops its
 * prefix under the same lock at once: a row is in exactly one of the two.
 *
 * Layer: storage. Internal to the store and the scan; others see scan.h.
 */
#ifndef SLUICE_STORAGE_SNAPSHOT_H
#define SLUICE_STORAGE_SNAPSHOT_H

#include "storage/memtable.h"
#include "storage/scan.h"
#include "storage/version.h"

struct sl_snapshot {
    struct sl_store *store;
    struct sl_snapshot *next, *previous; /* of the store's list */
    struct sl_version *version;          /* shared */
    struct sl_mem_view view;             /* shared chunks */
    uint64_t rows;
    _Atomic bool is_revoked;
};

/* A snapshot of the segments alone. */
struct sl_snapshot *sl_snapshot_acquire_sealed(struct sl_store *store);

/* Revoke all snapshots that hold files the store has dropped. */
void sl_snapshots_revoke(struct sl_store *store);

#endif
