/*
 * snapshot.c - see scan.h and snapshot.h.
 */
#include "storage/snapshot.h"

#include <stdatomic.h>

#include "storage/store_state.h"

static struct sl_snapshot *
acquire(struct sl_store *store, bool is_sealed_only)
{
    struct sl_snapshot *snapshot = sl_new(sizeof(*snapshot));
    snapshot->store = store;
    sl_mutex_lock(&store->lock);
    snapshot->version = store->version;
    sl_version_acquire(snapshot->version);
    if (!is_sealed_only)
        sl_memtable_view(&store->memtable, &snapshot->view);
    snapshot->next = store->snapshots;
    if (snapshot->next != NULL)
        snapshot->next->previous = snapshot;
    store->snapshots = snapshot;
    sl_mutex_unlock(&store->lock);
    snapshot->rows = snapshot->version->rows + snapshot->view.rows;
    return snapshot;
}

struct sl_snapshot *
sl_snapshot_acquire(struct sl_store *store)
{
    SL_ASSERT(store->magic == SL_STORE_MAGIC);
    return acquire(store, false);
}

struct sl_snapshot *
sl_snapshot_acquire_sealed(struct sl_store *store)
{
    return acquire(store, true);
}

void
sl_snapshot_release(struct sl_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    struct sl_store *store = snapshot->store;
    sl_mutex_lock(&store->lock);
    if (snapshot->previous == NULL)
        store->snapshots = snapshot->next;
    else
        snapshot->previous->next = snapshot->next;
    if (snapshot->next != NULL)
        snapshot->next->previous = snapshot->previous;
    sl_mutex_unlock(&store->lock);
    /* The last holder of a file removes it here, without the lock. */
    sl_version_release(snapshot->version);
    sl_mem_view_fini(&snapshot->view);
    free(snapshot);
}

bool
sl_snapshot_is_revoked(const struct sl_snapshot *snapshot)
{
    /* Relaxed: it carries nothing but itself, and a reader asks again soon. */
    return atomic_load_explicit(&snapshot->is_revoked, memory_order_relaxed);
}

uint64_t
sl_snapshot_row_count(const struct sl_snapshot *snapshot)
{
    return snapshot->rows;
}

static bool
holds_dropped(const struct sl_version *version)
{
    for (uint32_t i = 0; i < version->count; i++)
        if (atomic_load_explicit(&version->segments[i]->file->is_dropped, memory_order_relaxed))
            return true;
    return false;
}

void
sl_snapshots_revoke(struct sl_store *store)
{
    sl_mutex_lock(&store->lock);
    for (struct sl_snapshot *s = store->snapshots; s != NULL; s = s->next)
        if (s->version != store->version && holds_dropped(s->version))
            atomic_store_explicit(&s->is_revoked, true, memory_order_relaxed);
    sl_mutex_unlock(&store->lock);
}
