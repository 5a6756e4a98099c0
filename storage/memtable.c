/*
 * memtable.c - see memtable.h.
 */
#include "storage/memtable.h"

#include <stdatomic.h>

#include "storage/partition.h"

static void
find_bounds(const struct sl_batch *batch, enum sl_core_column index, int64_t *out_min,
            int64_t *out_max)
{
    *out_min = *out_max = 0; /* a column that the batch lacks reads as 0 */
    for (uint32_t i = 0; i < batch->column_count; i++) {
        const struct sl_vector *v = &batch->columns[i].vector;
        if (batch->columns[i].column->index != (uint32_t)index)
            continue;
        uint32_t entries = v->encoding == SL_PLAIN ? v->count : v->value_count;
        if (entries == 0)
            return;
        const int64_t *values = v->values;
        int64_t min = values[0];
        int64_t max = values[0];
        for (uint32_t entry = 1; entry < entries; entry++) {
            min = values[entry] < min ? values[entry] : min;
            max = values[entry] > max ? values[entry] : max;
        }
        *out_min = min;
        *out_max = max;
    }
}

struct sl_mem_entry
sl_mem_entry_of(struct sl_batch *batch, uint64_t position, int64_t received_us, bool is_import)
{
    struct sl_mem_entry entry = {.batch = batch,
                                 .position = position,
                                 .received_us = received_us,
                                 .is_import = is_import,
                                 .bytes = sl_batch_bytes(batch)};
    find_bounds(batch, SL_COLUMN_FIRST_SEEN, &entry.first_seen_min_us, &entry.first_seen_max_us);
    find_bounds(batch, SL_COLUMN_LAST_SEEN, &entry.last_seen_min_us, &entry.last_seen_max_us);
    return entry;
}

static void
count_hour(struct sl_mem_hour *hours, uint32_t *hour_count, int64_t hour, uint64_t rows)
{
    for (uint32_t i = 0; i < *hour_count; i++) {
        if (hours[i].hour == hour || (i + 1 == SL_MEM_HOURS_MAX)) {
            hours[i].rows += rows;
            return;
        }
    }
    hours[(*hour_count)++] = (struct sl_mem_hour){.hour = hour, .rows = rows};
}

/* The hour that a row is filed under. */
static int64_t
filing_hour(const struct sl_mem_entry *entry, int64_t last_seen_us)
{
    bool is_by_receipt = false;
    int64_t time_us =
        sl_partition_time(last_seen_us, entry->received_us, entry->is_import, &is_by_receipt);
    return is_by_receipt ? SL_MEM_HOUR_RECEIPT
                         : sl_partition_floor(time_us, SL_US_PER_HOUR) / SL_US_PER_HOUR;
}

uint32_t
sl_mem_entry_hours(const struct sl_mem_entry *entry, struct sl_mem_hour hours[SL_MEM_HOURS_MAX])
{
    const struct sl_batch *batch = entry->batch;
    const struct sl_vector *last_seen = NULL;
    uint32_t hour_count = 0;
    int64_t run_hour = filing_hour(entry, entry->last_seen_min_us);
    uint64_t run_rows = 0;

    /* Most batches lie within an hour, which their bounds show: it is an interval. Times that are
     * filed by receipt are those outside of one. */
    if (run_hour != SL_MEM_HOUR_RECEIPT &&
        run_hour == filing_hour(entry, entry->last_seen_max_us)) {
        count_hour(hours, &hour_count, run_hour, batch->row_count);
        return hour_count;
    }
    for (uint32_t i = 0; i < batch->column_count; i++)
        if (batch->columns[i].column->index == SL_COLUMN_LAST_SEEN)
            last_seen = &batch->columns[i].vector;
    for (uint32_t row = 0; row < batch->row_count; row++) {
        bool has_value = last_seen != NULL && last_seen->value_count != 0;
        int64_t hour = filing_hour(entry, has_value ? (int64_t)sl_vector_u64(last_seen, row) : 0);
        if (run_rows != 0 && hour != run_hour) {
            count_hour(hours, &hour_count, run_hour, run_rows);
            run_rows = 0;
        }
        run_hour = hour;
        run_rows++;
    }
    count_hour(hours, &hour_count, run_hour, run_rows);
    return hour_count;
}

static void
release_chunk(struct sl_mem_chunk *chunk)
{
    /* The release half publishes this thread's last reads of the chunk, the acquire half lets
     * the thread that frees it see those of all others. */
    if (atomic_fetch_sub_explicit(&chunk->references, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < chunk->entry_count; i++)
        sl_batch_release(chunk->entries[i].batch);
    free(chunk);
}

void
sl_memtable_fini(struct sl_memtable *table)
{
    for (uint32_t i = 0; i < table->chunk_count; i++)
        release_chunk(table->chunks[i]);
    free(table->chunks);
    *table = (struct sl_memtable){0};
}

/* The chunk that takes the next entry: the last one, unless it is full or frozen. */
static struct sl_mem_chunk *
open_chunk(struct sl_memtable *table)
{
    if (table->chunk_count > table->frozen_count) {
        struct sl_mem_chunk *last = table->chunks[table->chunk_count - 1];
        if (last->entry_count < SL_MEM_CHUNK_ENTRIES)
            return last;
    }
    if (table->chunk_count == table->chunk_capacity) {
        table->chunk_capacity = table->chunk_capacity * 2 + 8;
        table->chunks =
            sl_grow(table->chunks, sizeof(struct sl_mem_chunk *), table->chunk_capacity);
    }
    struct sl_mem_chunk *chunk = sl_new(sizeof(*chunk));
    atomic_store_explicit(&chunk->references, 1, memory_order_relaxed);
    table->chunks[table->chunk_count++] = chunk;
    return chunk;
}

void
sl_memtable_append(struct sl_memtable *table, const struct sl_mem_entry *entry,
                   const struct sl_mem_hour *hours, uint32_t hour_count, int64_t now_us)
{
    struct sl_mem_chunk *chunk = open_chunk(table);
    sl_batch_acquire(entry->batch);
    chunk->entries[chunk->entry_count] = *entry;
    chunk->entry_count++;
    if (table->rows == table->frozen_rows)
        table->oldest_us = now_us;
    table->rows += entry->batch->row_count;
    table->bytes += entry->bytes;
    for (uint32_t i = 0; i < hour_count; i++)
        count_hour(table->hours, &table->hour_count, hours[i].hour, hours[i].rows);
}

uint64_t
sl_memtable_hour_rows_max(const struct sl_memtable *table)
{
    uint64_t max = 0;
    for (uint32_t i = 0; i < table->hour_count; i++)
        max = table->hours[i].rows > max ? table->hours[i].rows : max;
    return max;
}

void
sl_memtable_freeze(struct sl_memtable *table)
{
    SL_ASSERT(table->frozen_count == 0);
    table->frozen_count = table->chunk_count;
    table->frozen_rows = table->rows;
    table->frozen_bytes = table->bytes;
    table->hour_count = 0;
}

void
sl_memtable_thaw(struct sl_memtable *table)
{
    /* Their hours are not counted again: the next seal is due by age or by size anyway. */
    table->frozen_count = 0;
    table->frozen_rows = 0;
    table->frozen_bytes = 0;
}

void
sl_memtable_drop_frozen(struct sl_memtable *table, struct sl_mem_view *out_view)
{
    uint32_t count = table->frozen_count;
    SL_ASSERT(count <= table->chunk_count);
    *out_view = (struct sl_mem_view){.chunk_count = count};
    out_view->chunks = sl_new((count + 1) * sizeof(struct sl_mem_chunk *));
    memcpy(out_view->chunks, table->chunks, count * sizeof(struct sl_mem_chunk *));
    out_view->last_count = count == 0 ? 0 : table->chunks[count - 1]->entry_count;
    out_view->rows = table->frozen_rows;
    memmove(table->chunks, table->chunks + count,
            (table->chunk_count - count) * sizeof(struct sl_mem_chunk *));
    table->chunk_count -= count;
    table->rows -= table->frozen_rows;
    table->bytes -= table->frozen_bytes;
    sl_memtable_thaw(table);
}

static void
view_chunks(const struct sl_memtable *table, uint32_t count, struct sl_mem_view *out_view)
{
    *out_view = (struct sl_mem_view){.chunk_count = count};
    out_view->chunks = sl_new((count + 1) * sizeof(struct sl_mem_chunk *));
    for (uint32_t i = 0; i < count; i++) {
        out_view->chunks[i] = table->chunks[i];
        atomic_fetch_add_explicit(&table->chunks[i]->references, 1, memory_order_relaxed);
    }
    if (count != 0)
        out_view->last_count = table->chunks[count - 1]->entry_count;
}

void
sl_memtable_view(const struct sl_memtable *table, struct sl_mem_view *out_view)
{
    view_chunks(table, table->chunk_count, out_view);
    out_view->rows = table->rows;
}

void
sl_memtable_view_frozen(const struct sl_memtable *table, struct sl_mem_view *out_view)
{
    view_chunks(table, table->frozen_count, out_view);
    out_view->rows = table->frozen_rows;
}

void
sl_mem_view_fini(struct sl_mem_view *view)
{
    for (uint32_t i = 0; i < view->chunk_count; i++)
        release_chunk(view->chunks[i]);
    free(view->chunks);
    *view = (struct sl_mem_view){0};
}
