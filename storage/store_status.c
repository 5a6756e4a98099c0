/*
 * store_status.c - the numbers behind `status` and the system tables: see store.h.
 */
#include <stdio.h>

#include "storage/store_state.h"

static void
add_segments(const struct sl_version *version, struct sl_store_status *status)
{
    status->time_min_us = INT64_MAX;
    status->time_max_us = INT64_MIN;
    status->segment_count = version->count;
    for (uint32_t i = 0; i < version->count; i++) {
        const struct sl_catalog_segment *info = &version->segments[i]->info;
        status->rows_sealed += info->rows - info->dead_rows;
        status->rows_dead += info->dead_rows;
        status->segment_bytes += info->bytes;
        status->index_bytes += info->index_bytes;
        if (info->last_seen_min_us < status->time_min_us)
            status->time_min_us = info->last_seen_min_us;
        if (info->last_seen_max_us > status->time_max_us)
            status->time_max_us = info->last_seen_max_us;
    }
    if (version->count == 0)
        status->time_min_us = status->time_max_us = 0;
}

void
sl_store_status(struct sl_store *store, struct sl_store_status *out_status)
{
    SL_ASSERT(store->magic == SL_STORE_MAGIC);
    struct sl_journal_status journal = {0};
    struct sl_error trouble = {0};
    *out_status = (struct sl_store_status){0};
    sl_journal_status(store->journal, &journal);
    out_status->is_readonly = sl_journal_trouble(store->journal, &trouble);
    out_status->journal_bytes = journal.bytes;
    out_status->bytes_written_journal = journal.bytes_written;
    out_status->catalog_bytes = sl_catalog_bytes(store->catalog);

    sl_mutex_lock(&store->lock);
    struct sl_version *version = store->version;
    sl_version_acquire(version);
    out_status->rows_memory = store->memtable.rows;
    out_status->rows_appended = store->rows_appended;
    out_status->seals = store->seals;
    out_status->merges = store->merges;
    out_status->merge_backlog_bytes = store->merge_backlog_bytes;
    out_status->bytes_written_seal = store->bytes_written_seal;
    out_status->bytes_written_merge = store->bytes_written_merge;
    out_status->rows_dropped_retention = store->rows_dropped_retention;
    if (store->is_seal_failing && !out_status->is_readonly)
        trouble = store->seal_trouble;
    sl_mutex_unlock(&store->lock);
    (void)snprintf(out_status->trouble, sizeof(out_status->trouble), "%s", trouble.text);
    add_segments(version, out_status);
    sl_version_release(version);
}

void
sl_store_segments(struct sl_store *store, sl_segment_info_fn *visit, void *context)
{
    struct sl_version *version = sl_store_version(store);
    for (uint32_t i = 0; i < version->count; i++) {
        const struct sl_catalog_segment *info = &version->segments[i]->info;
        const struct sl_segment_info row = {
            .name = version->segments[i]->file->name,
            .rows = info->rows,
            .dead_rows = info->dead_rows,
            .bytes = info->bytes,
            .index_bytes = info->index_bytes,
            .groups = info->groups,
            .level = info->level,
            .generation = info->generation,
            .partition_first_us = info->partition_first_us,
            .partition_last_us = info->partition_last_us,
            .last_seen_min_us = info->last_seen_min_us,
            .last_seen_max_us = info->last_seen_max_us,
        };
        visit(context, &row);
    }
    sl_version_release(version);
}

struct column_bytes {
    uint64_t *data, *index; /* owned, by schema index; the last one: no column */
};

static void
add_bytes(void *context, const struct sl_column *column, uint64_t data_bytes, uint64_t index_bytes)
{
    struct column_bytes *sums = context;
    uint32_t slot = column == NULL ? SL_COLUMNS_MAX : column->index;
    sums->data[slot] += data_bytes;
    sums->index[slot] += index_bytes;
}

sl_status
sl_store_column_bytes(struct sl_store *store, sl_column_bytes_fn *visit, void *context,
                      struct sl_error *err)
{
    struct sl_version *version = sl_store_version(store);
    struct column_bytes sums = {
        .data = sl_new((SL_COLUMNS_MAX + 1) * sizeof(uint64_t)),
        .index = sl_new((SL_COLUMNS_MAX + 1) * sizeof(uint64_t)),
    };
    sl_status st = SL_OK;
    for (uint32_t i = 0; i < version->count && st == SL_OK; i++) {
        struct sl_segment_reader *reader = NULL;
        st = sl_live_file_enter(version->segments[i]->file, &reader, err);
        if (st != SL_OK)
            break;
        sl_segment_reader_bytes(reader, add_bytes, &sums);
        sl_live_file_leave(version->segments[i]->file);
    }
    uint32_t count = sl_schema_count(store->schema);
    for (uint32_t i = 0; i < count && st == SL_OK; i++)
        if (sums.data[i] + sums.index[i] != 0)
            visit(context, sl_schema_at(store->schema, i)->name, sums.data[i], sums.index[i]);
    if (st == SL_OK && sums.data[SL_COLUMNS_MAX] + sums.index[SL_COLUMNS_MAX] != 0)
        visit(context, "", sums.data[SL_COLUMNS_MAX], sums.index[SL_COLUMNS_MAX]);
    free(sums.data);
    free(sums.index);
    sl_version_release(version);
    return st;
}

static uint32_t
copy_imports(const struct sl_ledger *ledger, struct sl_import_info *out, uint32_t capacity)
{
    uint32_t count = 0;
    for (size_t bucket = 0; bucket < SL_LEDGER_BUCKETS; bucket++) {
        const struct sl_import *import = ledger->imports[bucket];
        for (; import != NULL && count < capacity; import = import->next)
            out[count++] = (struct sl_import_info){.id = import->id,
                                                   .offset = import->offset,
                                                   .rows = import->rows,
                                                   .newest_us = import->newest_us,
                                                   .is_finished = import->is_finished};
    }
    return count;
}

sl_status
sl_store_imports(struct sl_store *store, sl_import_info_fn *visit, void *context,
                 struct sl_error *err)
{
    SL_ASSERT(store->magic == SL_STORE_MAGIC);
    sl_mutex_lock(&store->lock);
    uint32_t capacity = store->ledger.import_count;
    sl_mutex_unlock(&store->lock);

    /* Copied, because a visitor may block; what came in between the two locks is left out. */
    struct sl_import_info *list = sl_try_alloc(sl_max_size(capacity, 1) * sizeof(*list));
    if (list == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for the list of imports");
    sl_mutex_lock(&store->lock);
    uint32_t count = copy_imports(&store->ledger, list, capacity);
    sl_mutex_unlock(&store->lock);
    for (uint32_t i = 0; i < count; i++)
        visit(context, &list[i]);
    free(list);
    return SL_OK;
}
