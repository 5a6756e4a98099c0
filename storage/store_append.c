/*
 * store_append.c - a batch on its way in: journal, memtable, ledger; and who sent it.
 *
 * Everything that costs (encoding, finding bounds and hours) happens before the APPEND turn is
 * taken. With the turn, the batch gets its journal position and then its place in the memtable,
 * so that both have the same order and a seal can name one position that covers its prefix. A sync
 * may be quicker than the step between the two: who waits for the disk is told when both are done,
 * so that what was answered is seen.
 */
#include "storage/base/clock.h"
#include "storage/batch_codec.h"
#include "storage/partition.h"
#include "storage/store_state.h"

bool
sl_store_is_seal_due(const struct sl_store *store, int64_t now_us)
{
    const struct sl_memtable *table = &store->memtable;
    if (table->rows == table->frozen_rows)
        return false;
    return sl_memtable_hour_rows_max(table) >= store->options.seal_rows ||
           table->hour_count > SL_PARTITIONS_OPEN_MAX ||
           table->bytes - table->frozen_bytes >=
               store->options.memory_limit_bytes / SL_SHARE_SEAL ||
           now_us - table->oldest_us >= store->options.seal_age_us;
}

static void
file_import(struct sl_store *store, const struct sl_store_filing *filing)
{
    struct sl_import *import = sl_ledger_add_import(&store->ledger, filing->import_id);
    const struct sl_mem_entry *entry = filing->entry;
    /* A frame whose offset is known already was counted before (replay). */
    if (filing->import_offset > import->offset || import->rows == 0)
        import->rows += entry->batch->row_count;
    if (filing->import_offset > import->offset)
        import->offset = filing->import_offset;
    if (entry->last_seen_min_us < import->oldest_us)
        import->oldest_us = entry->last_seen_min_us;
    if (entry->last_seen_max_us > import->newest_us)
        import->newest_us = entry->last_seen_max_us;
    import->last_position = entry->position;
    import->is_dirty = true;
}

void
sl_store_file(struct sl_store *store, const struct sl_store_filing *filing)
{
    const struct sl_mem_entry *entry = filing->entry;
    sl_memtable_append(&store->memtable, entry, filing->hours, filing->hour_count,
                       sl_clock_monotonic_us());
    SL_ASSERT(entry->position >= store->next_position);
    store->next_position = entry->position + 1;
    store->rows_appended += entry->batch->row_count;
    if (filing->is_import)
        file_import(store, filing);
    if (filing->producer_bytes == 0)
        return;
    struct sl_producer *producer =
        sl_ledger_add_producer(&store->ledger, filing->producer, filing->producer_bytes);
    if (producer == NULL)
        return; /* replay with a smaller limit: its rows are kept, its name starts anew */
    if (filing->batch_number > producer->appended_number)
        producer->appended_number = filing->batch_number;
    if (filing->epoch > producer->epoch)
        producer->epoch = filing->epoch;
    producer->touched_us = entry->received_us;
    producer->is_dirty = true;
}

/* May this batch of this producer be appended now? Under the lock, with the APPEND turn. */
static sl_status
check_producer(struct sl_store *store, const struct sl_append_from *from, struct sl_error *err)
{
    struct sl_producer *producer =
        sl_ledger_find_producer(&store->ledger, from->producer, strlen(from->producer));
    if (producer == NULL || producer->epoch != from->epoch)
        return sl_fail(err, SL_FENCED, "producer %s: epoch %" PRIu64 " is not the newest",
                       from->producer, from->epoch);
    if (from->batch_number <= producer->appended_number)
        return sl_fail(err, SL_EXISTS, "producer %s: batch %" PRIu64 " is stored already",
                       from->producer, from->batch_number);
    if (from->batch_number != producer->appended_number + 1)
        return sl_fail(err, SL_FORMAT, "producer %s: batch %" PRIu64 " follows %" PRIu64,
                       from->producer, from->batch_number, producer->appended_number);
    return SL_OK;
}

/* Wait for room, take the APPEND turn, and see whether the batch may come in. */
static sl_status
admit(struct sl_store *store, const struct sl_append_from *from, struct sl_error *err)
{
    sl_status st = SL_OK;
    uint64_t bytes_max = store->options.memory_limit_bytes / SL_SHARE_MEMTABLE;
    sl_mutex_lock(&store->lock);
    while (st == SL_OK && store->memtable.bytes >= bytes_max && !store->is_closing) {
        if (store->is_seal_failing || store->options.is_background_off)
            st = sl_fail(err, SL_LIMIT, "memory is full and cannot be sealed%s%s",
                         store->is_seal_failing ? ": " : "", store->seal_trouble.text);
        else
            sl_cond_wait(&store->changed, &store->lock);
    }
    if (st == SL_OK && store->is_over_cap)
        st = sl_fail(err, SL_LIMIT, "the disk cap is reached and nothing is left to drop");
    if (st != SL_OK) {
        sl_mutex_unlock(&store->lock);
        return st;
    }
    sl_store_turn_take_locked(store, SL_TURN_APPEND);
    if (store->is_closing)
        st = sl_fail(err, SL_CANCELLED, "the store is being closed");
    else if (from != NULL && from->producer != NULL)
        st = check_producer(store, from, err);
    if (st != SL_OK)
        sl_store_turn_give_locked(store, SL_TURN_APPEND);
    sl_mutex_unlock(&store->lock);
    return st;
}

/* Who waits for a batch. Freed by on_disk. */
struct awaited {
    struct sl_store *store;
    sl_durable_fn *durable;
    void *context;
    bool is_filed; /* guarded by the lock of store */
};

/* The journal's thread. */
static void
on_disk(void *context, sl_status status)
{
    struct awaited *awaited = context;
    struct sl_store *store = awaited->store;
    sl_mutex_lock(&store->lock);
    while (!awaited->is_filed)
        sl_cond_wait(&store->changed, &store->lock);
    sl_mutex_unlock(&store->lock);
    awaited->durable(awaited->context, status);
    free(awaited);
}

static struct awaited *
await(struct sl_store *store, sl_durable_fn *durable, void *context)
{
    if (durable == NULL)
        return NULL;
    struct awaited *awaited = sl_new(sizeof(*awaited));
    *awaited = (struct awaited){.store = store, .durable = durable, .context = context};
    return awaited;
}

/* Journal, then memtable. Gives the APPEND turn back. */
static sl_status
enter(struct sl_store *store, const struct sl_journal_frame *frame, struct sl_buf *draft,
      struct sl_mem_entry *entry, sl_durable_fn *durable, void *context, struct sl_error *err)
{
    struct sl_mem_hour hours[SL_MEM_HOURS_MAX];
    struct sl_store_filing filing = {
        .entry = entry,
        .hours = hours,
        .hour_count = sl_mem_entry_hours(entry, hours),
        .producer = frame->producer,
        .producer_bytes = frame->producer_bytes,
        .epoch = frame->epoch,
        .batch_number = frame->batch_number,
        .is_import = frame->is_import,
        .import_id = frame->import_id,
        .import_offset = frame->import_offset,
    };
    struct awaited *awaited = await(store, durable, context);
    sl_status st = sl_journal_append(store->journal, frame, draft, awaited == NULL ? NULL : on_disk,
                                     awaited, &entry->position, err);
    if (st != SL_OK)
        free(awaited);
    sl_mutex_lock(&store->lock);
    if (st == SL_OK) {
        sl_store_file(store, &filing);
        if (awaited != NULL)
            awaited->is_filed = true;
        if (sl_store_is_seal_due(store, sl_clock_monotonic_us()))
            sl_cond_broadcast(&store->wake);
    }
    sl_store_turn_give_locked(store, SL_TURN_APPEND);
    sl_mutex_unlock(&store->lock);
    return st;
}

/* A batch that came before is answered when it is durable, whichever connection sent it. */
static sl_status
answer_duplicate(struct sl_store *store, sl_durable_fn *durable, void *context,
                 struct sl_error *err)
{
    struct sl_error sync_err = {0};
    sl_status st = sl_journal_sync(store->journal, &sync_err);
    if (st != SL_OK) {
        if (err != NULL)
            *err = sync_err;
        return st;
    }
    if (durable != NULL)
        durable(context, SL_OK);
    return SL_EXISTS;
}

/* The payload of a frame: time of receipt, and the batch, in the bytes it came as where it did. */
static void
draft_batch(struct sl_store *store, const struct sl_journal_frame *frame, int64_t now_us,
            const struct sl_batch *batch, const struct sl_append_from *from, struct sl_buf *out)
{
    bool is_encoded = from != NULL && from->encoded != NULL;
    size_t about_bytes = is_encoded ? from->encoded_bytes : sl_batch_bytes(batch);
    sl_journal_draft(store->journal, frame, SL_STORE_ENVELOPE_BYTES + about_bytes, out);
    sl_buf_u64le(out, (uint64_t)now_us);
    if (is_encoded)
        sl_buf_append(out, from->encoded, from->encoded_bytes);
    else
        sl_batch_encode(batch, out);
}

sl_status
sl_store_append(struct sl_store *store, struct sl_batch *batch, const struct sl_append_from *from,
                sl_durable_fn *durable, void *context, struct sl_error *err)
{
    SL_ASSERT(store->magic == SL_STORE_MAGIC);
    int64_t now_us = sl_clock_now_us();
    struct sl_journal_frame frame = {0};
    if (batch->row_count == 0 || batch->row_count > SL_BATCH_ROWS_MAX)
        return sl_fail(err, SL_LIMIT, "a batch of %" PRIu32 " rows", batch->row_count);
    if (from != NULL && from->producer != NULL) {
        frame.producer = from->producer;
        frame.producer_bytes = strnlen(from->producer, SL_PRODUCER_NAME_BYTES_MAX + 1);
        frame.epoch = from->epoch;
        frame.batch_number = from->batch_number;
        if (frame.producer_bytes == 0 || frame.producer_bytes > SL_PRODUCER_NAME_BYTES_MAX)
            return sl_fail(err, SL_LIMIT, "a producer's name of %zu bytes", frame.producer_bytes);
    }
    if (from != NULL && from->import_id != NULL) {
        frame.is_import = true;
        frame.import_id = *from->import_id;
        frame.import_offset = from->import_offset;
    }
    struct sl_buf draft;
    draft_batch(store, &frame, now_us, batch, from, &draft);
    struct sl_mem_entry entry = sl_mem_entry_of(batch, 0, now_us, frame.is_import);
    sl_status st = admit(store, from, err);
    if (st == SL_OK)
        st = enter(store, &frame, &draft, &entry, durable, context, err);
    else if (st == SL_EXISTS)
        st = answer_duplicate(store, durable, context, err);
    sl_buf_fini(&draft);
    return st;
}

/* Commit one entry of the ledger: one of the two. Imports are looked up when nobody can forget
 * them any more. */
struct ledger_change {
    struct sl_producer *producer;
    const struct sl_hash128 *import_id;
};

static sl_status
commit_entry(struct sl_store *store, const struct ledger_change *change, struct sl_error *err)
{
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    sl_mutex_lock(&store->lock);
    sl_store_turn_take_locked(store, SL_TURN_PUBLISH);
    if (change->producer != NULL)
        sl_producer_put(change->producer, edit);
    struct sl_import *import = change->import_id == NULL
                                   ? NULL
                                   : sl_ledger_find_import(&store->ledger, *change->import_id);
    if (import != NULL)
        sl_import_put(import, edit);
    sl_mutex_unlock(&store->lock);
    sl_status st = sl_catalog_commit(store->catalog, edit, err);
    sl_mutex_lock(&store->lock);
    if (st != SL_OK && change->producer != NULL)
        change->producer->is_dirty = true;
    if (st != SL_OK && import != NULL)
        import->is_dirty = true;
    sl_store_turn_give_locked(store, SL_TURN_PUBLISH);
    sl_mutex_unlock(&store->lock);
    return st;
}

sl_status
sl_store_producer_open(struct sl_store *store, const char *producer, uint64_t *out_epoch,
                       uint64_t *out_batch_number, struct sl_error *err)
{
    SL_ASSERT(store->magic == SL_STORE_MAGIC);
    *out_epoch = *out_batch_number = 0;
    size_t name_bytes = strnlen(producer, SL_PRODUCER_NAME_BYTES_MAX + 1);
    if (name_bytes == 0 || name_bytes > SL_PRODUCER_NAME_BYTES_MAX)
        return sl_fail(err, SL_LIMIT, "a producer's name of %zu bytes", name_bytes);

    /* No append is under way while the epoch rises, so none of the old epoch comes after. */
    sl_mutex_lock(&store->lock);
    sl_store_turn_take_locked(store, SL_TURN_APPEND);
    struct sl_producer *entry = sl_ledger_add_producer(&store->ledger, producer, name_bytes);
    if (entry != NULL) {
        entry->epoch++;
        entry->touched_us = sl_clock_now_us();
        entry->is_dirty = true;
        *out_epoch = entry->epoch;
        *out_batch_number = entry->appended_number;
    }
    sl_store_turn_give_locked(store, SL_TURN_APPEND);
    sl_mutex_unlock(&store->lock);
    if (entry == NULL)
        return sl_fail(err, SL_LIMIT, "more than %d producers", SL_PRODUCERS_MAX);

    /* What was appended becomes durable before anybody is told that it is. */
    SL_TRY(sl_journal_sync(store->journal, err));
    sl_mutex_lock(&store->lock);
    if (entry->safe_number < *out_batch_number)
        entry->safe_number = *out_batch_number;
    sl_mutex_unlock(&store->lock);
    const struct ledger_change change = {.producer = entry};
    return commit_entry(store, &change, err);
}

sl_status
sl_store_import_find(struct sl_store *store, struct sl_hash128 id,
                     struct sl_import_state *out_state, struct sl_error *err)
{
    *out_state = (struct sl_import_state){0};
    sl_mutex_lock(&store->lock);
    struct sl_import *import = sl_ledger_find_import(&store->ledger, id);
    if (import != NULL)
        *out_state =
            (struct sl_import_state){.offset = import->offset, .is_finished = import->is_finished};
    sl_mutex_unlock(&store->lock);
    return import == NULL ? SL_OK : sl_journal_sync(store->journal, err);
}

sl_status
sl_store_import_finish(struct sl_store *store, struct sl_hash128 id, struct sl_error *err)
{
    SL_TRY(sl_journal_sync(store->journal, err));
    sl_mutex_lock(&store->lock);
    struct sl_import *import = sl_ledger_add_import(&store->ledger, id);
    import->is_finished = true;
    import->is_dirty = true;
    sl_import_settle(import);
    sl_mutex_unlock(&store->lock);
    const struct ledger_change change = {.import_id = &id};
    return commit_entry(store, &change, err);
}

sl_status
sl_store_import_forget(struct sl_store *store, struct sl_hash128 id, struct sl_error *err)
{
    /* Frames of it that the journal still holds would bring it back at the next start. */
    SL_TRY(sl_store_flush(store, err));
    sl_store_turn_take(store, SL_TURN_PUBLISH);
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    sl_catalog_remove_import(edit, id);
    sl_status st = sl_catalog_commit(store->catalog, edit, err);
    sl_mutex_lock(&store->lock);
    if (st == SL_OK)
        sl_ledger_remove_import(&store->ledger, id);
    sl_store_turn_give_locked(store, SL_TURN_PUBLISH);
    sl_mutex_unlock(&store->lock);
    return st;
}

int64_t
sl_store_retention_from_us(const struct sl_store *store)
{
    return store->options.retention_us == 0 ? INT64_MIN
                                            : sl_clock_now_us() - store->options.retention_us;
}
