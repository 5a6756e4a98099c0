/*
 * store_publish.c - turns, and the one place where the state of a store changes: see
 * store_state.h.
 */
#include <stdatomic.h>

#include "storage/forget.h"
#include "storage/store_state.h"

void
sl_store_turn_take_locked(struct sl_store *store, enum sl_turn turn)
{
    while (store->turns[turn])
        sl_cond_wait(&store->changed, &store->lock);
    store->turns[turn] = true;
}

void
sl_store_turn_give_locked(struct sl_store *store, enum sl_turn turn)
{
    SL_ASSERT(store->turns[turn]);
    store->turns[turn] = false;
    if (turn == SL_TURN_ENCODE)
        store->encoded_us = sl_clock_monotonic_us();
    sl_cond_broadcast(&store->changed);
}

void
sl_store_turn_take(struct sl_store *store, enum sl_turn turn)
{
    sl_mutex_lock(&store->lock);
    sl_store_turn_take_locked(store, turn);
    sl_mutex_unlock(&store->lock);
}

void
sl_store_turn_give(struct sl_store *store, enum sl_turn turn)
{
    sl_mutex_lock(&store->lock);
    sl_store_turn_give_locked(store, turn);
    sl_mutex_unlock(&store->lock);
}

uint64_t
sl_store_segment_number(struct sl_store *store)
{
    sl_mutex_lock(&store->lock);
    uint64_t number = store->next_segment++;
    sl_mutex_unlock(&store->lock);
    return number;
}

struct sl_version *
sl_store_version(struct sl_store *store)
{
    sl_mutex_lock(&store->lock);
    struct sl_version *version = store->version;
    sl_version_acquire(version);
    sl_mutex_unlock(&store->lock);
    return version;
}

struct sl_catalog_segment
sl_store_segment_record(const struct sl_segment_meta *meta,
                        const struct sl_segment_summary *summary)
{
    return (struct sl_catalog_segment){.number = meta->number,
                                       .rows = summary->row_count,
                                       .bytes = summary->file_bytes,
                                       .index_bytes = summary->index_bytes,
                                       .groups = summary->group_count,
                                       .level = meta->level,
                                       .generation = meta->generation,
                                       .is_filed_by_receipt = meta->is_by_receipt,
                                       .partition_first_us = meta->partition_first_us,
                                       .partition_last_us = meta->partition_last_us,
                                       .first_seen_min_us = summary->first_seen_min_us,
                                       .first_seen_max_us = summary->first_seen_max_us,
                                       .last_seen_min_us = summary->last_seen_min_us,
                                       .last_seen_max_us = summary->last_seen_max_us};
}

uint32_t
sl_store_put_growth(struct sl_store *store, struct sl_catalog_edit *edit)
{
    sl_mutex_lock(&store->lock);
    uint32_t stored = store->stored_columns;
    uint64_t next_segment = store->next_segment;
    sl_mutex_unlock(&store->lock);
    uint32_t count = sl_schema_count(store->schema) - SL_CORE_COLUMN_COUNT;
    for (uint32_t i = stored; i < count; i++) {
        const struct sl_column *column = sl_schema_at(store->schema, SL_CORE_COLUMN_COUNT + i);
        struct sl_catalog_column record = {
            .name = column->name, .type = column->type, .unit = column->unit};
        sl_catalog_put_column(edit, i, &record);
    }
    sl_catalog_put_counter(edit, SL_CATALOG_SEGMENT_NUMBER, next_segment);
    return count;
}

/* Mark the files that the new version lacks. */
static void
drop_files(const struct sl_version *old, const struct sl_version *next,
           const struct sl_version_change *change)
{
    for (uint32_t i = 0; i < change->removed_count; i++) {
        struct sl_live *live = sl_version_find(old, change->removed[i]);
        if (live != NULL && sl_version_find(next, change->removed[i]) == NULL)
            sl_live_file_drop(live->file);
    }
}

/* Journal frames from here on are in the memtable. Under the lock. */
static uint64_t
first_position(const struct sl_store *store)
{
    const struct sl_memtable *table = &store->memtable;
    return table->rows == 0 ? store->next_position : table->chunks[0]->entries[0].position;
}

sl_status
sl_store_publish(struct sl_store *store, struct sl_catalog_edit *edit,
                 const struct sl_version_change *change, bool is_seal, struct sl_error *err)
{
    struct sl_mem_view sealed = {0};
    struct sl_forgotten forgotten = {0};
    uint32_t columns = sl_store_put_growth(store, edit);
    sl_mutex_lock(&store->lock);
    SL_ASSERT(store->turns[SL_TURN_PUBLISH]); /* nobody else changes the version */
    uint64_t memory_position = first_position(store);
    struct sl_version *old = store->version;
    struct sl_version *next = sl_version_apply(old, change);
    if (is_seal)
        sl_ledger_put_dirty(&store->ledger, edit);
    else
        forgotten = sl_forget_imports(&store->ledger, next, memory_position, edit);
    sl_mutex_unlock(&store->lock);
    sl_status st = sl_catalog_commit(store->catalog, edit, err);

    sl_mutex_lock(&store->lock);
    if (st != SL_OK) {
        if (is_seal)
            sl_ledger_soil(&store->ledger);
        sl_mutex_unlock(&store->lock);
        sl_version_release(next);
        free(forgotten.ids);
        return st;
    }
    store->version = next;
    store->stored_columns = columns;
    for (uint32_t i = 0; i < forgotten.count; i++)
        sl_ledger_forget_import(&store->ledger, forgotten.ids[i], memory_position);
    if (is_seal)
        sl_memtable_drop_frozen(&store->memtable, &sealed);
    drop_files(old, store->version, change);
    sl_cond_broadcast(&store->changed);
    sl_mutex_unlock(&store->lock);
    sl_version_release(old);
    sl_mem_view_fini(&sealed);
    free(forgotten.ids);
    return SL_OK;
}
