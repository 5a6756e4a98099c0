/*
 * recover.c - see recover.h.
 */
#include "storage/recover.h"

#include "storage/base/cursor.h"
#include "storage/base/file.h"
#include "storage/base/log.h"
#include "storage/batch_codec.h"
#include "storage/seal.h"

static int
compare_number(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static sl_status
visit_number(void *context, const char *name, struct sl_error *err)
{
    struct sl_recover_numbers *numbers = context;
    uint64_t number = 0;
    (void)err;
    if (!sl_segment_name_parse(name, &number))
        return SL_OK;
    if (numbers->count == numbers->capacity) {
        numbers->capacity = numbers->capacity * 2 + 64;
        numbers->numbers = sl_grow(numbers->numbers, sizeof(uint64_t), numbers->capacity);
    }
    numbers->numbers[numbers->count++] = number;
    return SL_OK;
}

sl_status
sl_recover_list(int segments_fd, struct sl_recover_numbers *out_numbers, struct sl_error *err)
{
    *out_numbers = (struct sl_recover_numbers){0};
    sl_status st = sl_dir_walk(segments_fd, visit_number, out_numbers, err);
    if (out_numbers->count != 0)
        qsort(out_numbers->numbers, out_numbers->count, sizeof(uint64_t), compare_number);
    return st;
}

/* err is not NULL here. */
static sl_status
open_catalog(struct sl_store *store, bool *out_must_rebuild, struct sl_error *err)
{
    struct sl_buf path = sl_buf_empty(SL_PATH_BYTES_MAX);
    char aside[SL_PATH_BYTES_MAX];
    sl_buf_printf(&path, "%s/catalog", store->directory);
    sl_buf_u8(&path, 0);
    if (path.bad)
        return sl_fail(err, SL_LIMIT, "the path of the directory is too long");
    const char *text = (const char *)path.bytes;
    sl_status st = sl_catalog_open(text, &store->catalog, err);
    *out_must_rebuild = st == SL_CORRUPT;
    if (st == SL_CORRUPT) {
        const struct sl_error why = *err;
        st = sl_catalog_move_aside(text, aside, sizeof(aside), err);
        if (st == SL_OK) {
            sl_log(SL_LOG_ERROR, "store", "the catalog is damaged and now lies in %s: %s", aside,
                   why.text);
            st = sl_catalog_open(text, &store->catalog, err);
        }
    }
    sl_buf_fini(&path);
    return st;
}

static void
load_columns(struct sl_store *store, const struct sl_catalog_state *state)
{
    bool is_in_order = true;
    for (size_t i = 0; i < state->column_count; i++) {
        const struct sl_catalog_column *record = &state->columns[i];
        const struct sl_column *column = NULL;
        struct sl_error why = {0};
        if (sl_schema_add(store->schema, record->name, record->type, record->unit, &column, &why) !=
            SL_OK)
            sl_log(SL_LOG_ERROR, "store", "column %s of the catalog: %s", record->name, why.text);
        is_in_order = is_in_order && column != NULL && column->index == SL_CORE_COLUMN_COUNT + i;
    }
    /* Else the schema held other columns before: the next publication writes all anew. */
    store->stored_columns = is_in_order ? (uint32_t)state->column_count : 0;
}

static sl_status
load_deads(const struct sl_catalog_state *state, struct sl_live *live, struct sl_error *err)
{
    for (size_t i = 0; i < state->dead_count; i++) {
        const struct sl_catalog_dead *dead = &state->deads[i];
        if (dead->segment != live->info.number || dead->group >= SL_GROUPS_PER_SEGMENT_MAX)
            continue;
        sl_bitmap_destroy(live->deads[dead->group]);
        SL_TRY(sl_bitmap_decode(dead->bitmap, dead->bitmap_bytes, &live->deads[dead->group], err));
    }
    return SL_OK;
}

static sl_status
load_version(struct sl_store *store, const struct sl_catalog_state *state, struct sl_error *err)
{
    struct sl_live **added = sl_new((state->segment_count + 1) * sizeof(struct sl_live *));
    struct sl_version_change change = {.added = added};
    sl_status st = SL_OK;
    for (size_t i = 0; i < state->segment_count && st == SL_OK; i++) {
        const struct sl_catalog_segment *info = &state->segments[i];
        struct sl_live_file *file = sl_live_file_create(store->files, info->number, info->bytes);
        struct sl_live *live = sl_live_create(info, file, sl_clock_monotonic_us());
        added[change.added_count++] = live;
        if (info->dead_rows != 0)
            st = load_deads(state, live, err);
    }
    struct sl_version *version = sl_version_apply(store->version, &change);
    sl_version_release(store->version);
    store->version = version;
    for (uint32_t i = 0; i < change.added_count; i++)
        sl_live_release(added[i]);
    free(added);
    return st;
}

struct sweep {
    struct sl_store *store;
    uint32_t removed;
};

static sl_status
sweep_file(void *context, const char *name, struct sl_error *err)
{
    struct sweep *sweep = context;
    uint64_t number = 0;
    size_t length = strlen(name);
    bool is_segment = sl_segment_name_parse(name, &number);
    bool is_unfinished = length > 4 && strcmp(&name[length - 4], ".tmp") == 0;
    if (is_segment && number >= sweep->store->next_segment)
        sweep->store->next_segment = number + 1;
    if (is_segment && sl_version_find(sweep->store->version, number) != NULL)
        return SL_OK;
    if (!is_segment && !is_unfinished)
        return SL_OK; /* not ours */
    sweep->removed++;
    return sl_file_remove(sweep->store->segments_fd, name, err);
}

/* Remove what the catalog does not name. */
static sl_status
sweep_files(struct sl_store *store, struct sl_error *err)
{
    struct sweep sweep = {.store = store};
    SL_TRY(sl_dir_walk(store->segments_fd, sweep_file, &sweep, err));
    if (sweep.removed != 0)
        sl_log(SL_LOG_INFO, "store", "%" PRIu32 " segment files were not in use and are removed",
               sweep.removed);
    return sweep.removed == 0 ? SL_OK : sl_dir_sync(store->segments_fd, err);
}

struct replay {
    struct sl_store *store;
    uint64_t frames, rows, damaged;
};

static void
file_frame(struct replay *replay, uint64_t position, const struct sl_journal_frame *frame,
           struct sl_batch *batch)
{
    struct sl_store *store = replay->store;
    struct sl_cursor cursor = sl_cursor_over(frame->batch, frame->batch_bytes);
    int64_t received_us = (int64_t)sl_cursor_u64le(&cursor);
    struct sl_mem_entry entry = sl_mem_entry_of(batch, position, received_us, frame->is_import);
    struct sl_mem_hour hours[SL_MEM_HOURS_MAX];
    const struct sl_store_filing filing = {
        .entry = &entry,
        .hours = hours,
        .hour_count = sl_mem_entry_hours(&entry, hours),
        .producer = frame->producer,
        .producer_bytes = frame->producer_bytes,
        .epoch = frame->epoch,
        .batch_number = frame->batch_number,
        .is_import = frame->is_import,
        .import_id = frame->import_id,
        .import_offset = frame->import_offset,
    };
    sl_mutex_lock(&store->lock);
    sl_store_file(store, &filing);
    sl_mutex_unlock(&store->lock);
    replay->frames++;
    replay->rows += batch->row_count;
}

static sl_status
replay_frame(void *context, uint64_t position, const struct sl_journal_frame *frame,
             struct sl_error *err)
{
    struct replay *replay = context;
    struct sl_store *store = replay->store;
    struct sl_batch *batch = NULL;
    struct sl_error why = {0};
    sl_status st = SL_CORRUPT;
    if (frame->batch_bytes > SL_STORE_ENVELOPE_BYTES)
        st = sl_batch_decode((const uint8_t *)frame->batch + SL_STORE_ENVELOPE_BYTES,
                             frame->batch_bytes - SL_STORE_ENVELOPE_BYTES, store->schema, &batch,
                             &why);
    if (st != SL_OK) {
        /* Its hash held, so this is no accident of the disk; the rows after it count as well. */
        replay->damaged++;
        sl_log(SL_LOG_ERROR, "store", "journal frame %" PRIu64 " is left out: %s", position,
               why.text);
        return SL_OK;
    }
    file_frame(replay, position, frame, batch);
    sl_batch_release(batch);

    sl_mutex_lock(&store->lock);
    bool is_due = sl_store_is_seal_due(store, INT64_MIN / 2);
    sl_mutex_unlock(&store->lock);
    return is_due ? sl_seal(store, err) : SL_OK;
}

static void
replay_report(void *context, const char *file, uint64_t offset, const char *reason)
{
    struct replay *replay = context;
    replay->damaged++;
    sl_log(SL_LOG_ERROR, "store", "journal %s is damaged at offset %" PRIu64 ": %s", file, offset,
           reason);
}

static sl_status
replay_journal(struct sl_store *store, struct sl_error *err)
{
    struct replay replay = {.store = store};
    const struct sl_journal_replay wanted = {.from_position = store->next_position,
                                             .visit = replay_frame,
                                             .report = replay_report,
                                             .context = &replay};
    struct sl_journal_options options = sl_journal_options_default();
    struct sl_journal_status status = {0};
    options.commit_interval_us = store->options.commit_interval_us;
    SL_TRY(sl_journal_open(store->journal_fd, &options, &wanted, &store->journal, err));
    sl_journal_status(store->journal, &status);
    if (status.next_position > store->next_position)
        store->next_position = status.next_position;
    store->rows_appended = 0; /* since open */
    if (replay.frames != 0)
        sl_log(SL_LOG_INFO, "store", "replayed %" PRIu64 " rows in %" PRIu64 " batches",
               replay.rows, replay.frames);
    return SL_OK;
}

static sl_status
load(struct sl_store *store, bool must_rebuild, struct sl_error *err)
{
    struct sl_catalog_state *state = NULL;
    struct sl_recover_numbers numbers = {0};
    SL_TRY(sl_catalog_load(store->catalog, &state, err));
    sl_status st = sl_recover_list(store->segments_fd, &numbers, err);
    /* A catalog that never saw a segment, beside segments: it is gone, and this is a new one. */
    must_rebuild |= numbers.count != 0 && state->counters[SL_CATALOG_SEGMENT_NUMBER] == 0;
    free(numbers.numbers);
    if (st == SL_OK && must_rebuild) {
        sl_catalog_state_destroy(state);
        state = NULL;
        st = sl_recover_catalog(store, err);
        if (st == SL_OK)
            st = sl_catalog_load(store->catalog, &state, err);
    }
    if (st == SL_OK) {
        load_columns(store, state);
        sl_ledger_load(&store->ledger, state);
        store->next_segment = state->counters[SL_CATALOG_SEGMENT_NUMBER];
        store->next_position = state->counters[SL_CATALOG_JOURNAL_POSITION];
        if (store->next_segment == 0)
            store->next_segment = 1;
        if (store->next_position == 0)
            store->next_position = 1;
        st = load_version(store, state, err);
    }
    sl_catalog_state_destroy(state);
    return st;
}

sl_status
sl_recover(struct sl_store *store, struct sl_error *err)
{
    bool must_rebuild = false;
    struct sl_error story = {0};
    sl_status st = open_catalog(store, &must_rebuild, &story);
    if (st != SL_OK) {
        if (err != NULL)
            *err = story;
        return st;
    }
    SL_TRY(load(store, must_rebuild, err));
    SL_TRY(sweep_files(store, err));
    return replay_journal(store, err);
}
