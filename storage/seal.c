/*
 * seal.c - see seal.h.
 */
#include "storage/seal.h"

#include "storage/base/log.h"
#include "storage/merge.h"
#include "storage/partition.h"
#include "storage/segment_note.h"

/* Rows of a group are half as many again as they should be at most, and what the last batch has too
 * many. */
enum { SEAL_GROUP_ROWS_MAX = SL_SEAL_GROUP_ROWS / 2 * 3 + SL_BATCH_ROWS_MAX };

_Static_assert((int)SEAL_GROUP_ROWS_MAX <= (int)SL_GROUP_ROWS_MAX,
               "a group as large as the format lets it be");

/* One segment to write: consecutive parts of a slice, cut into groups. */
struct seal_output {
    const struct sl_time_slice *slice;
    uint32_t group_ends[SL_GROUPS_PER_SEGMENT_MAX]; /* past the last part of each group */
    uint32_t group_count;
    uint32_t first_part;
};

struct seal {
    struct sl_store *store;
    struct sl_mem_view view;
    struct sl_slice_plan plan;
    uint64_t position;
    struct seal_output *outputs; /* owned, the newest slice last */
    struct sl_live **lives;      /* owned, one reference each */
    uint32_t output_count, live_count;
    uint64_t first_number;
    uint64_t bytes;
    struct sl_segment_note ledger; /* what the last segment carries */
};

static struct seal_output *
add_output(struct seal *seal, const struct sl_time_slice *slice, uint32_t first_part)
{
    seal->outputs = sl_grow(seal->outputs, sizeof(struct seal_output), seal->output_count + 1);
    struct seal_output *output = &seal->outputs[seal->output_count++];
    *output = (struct seal_output){.slice = slice, .first_part = first_part};
    return output;
}

/*
 * Cut a slice into groups of much the same size, about SL_SEAL_GROUP_ROWS, and these into segments. A
 * full group with a short one behind it would be worse: the next merge copies what is at least half
 * full, and encodes the short ones again. Groups end where a batch ends.
 */
static void
plan_slice(struct seal *seal, const struct sl_time_slice *slice)
{
    struct seal_output *output = add_output(seal, slice, 0);
    uint64_t count = (slice->rows + SL_SEAL_GROUP_ROWS / 2) / SL_SEAL_GROUP_ROWS;
    uint64_t group = 1; /* the one being filled */
    uint64_t rows = 0;  /* of the slice, before the part */
    uint64_t first = 0; /* and before the output */
    for (uint32_t part = 0; part < slice->part_count; part++) {
        bool is_full = group < count && rows >= slice->rows * group / count;
        if (is_full) {
            output->group_ends[output->group_count++] = part;
            group++;
        }
        if (is_full && (output->group_count == SL_GROUPS_PER_SEGMENT_MAX ||
                        rows - first > SL_MERGE_ROWS_MAX - SEAL_GROUP_ROWS_MAX)) {
            output = add_output(seal, slice, part);
            first = rows;
        }
        rows += slice->parts[part].rows;
    }
    output->group_ends[output->group_count++] = slice->part_count;
}

static sl_status
write_group(struct seal *seal, struct sl_segment_writer *writer, const struct sl_time_slice *slice,
            uint32_t first_part, uint32_t end_part, struct sl_error *err)
{
    struct sl_store *store = seal->store;
    uint32_t count = end_part - first_part;
    struct sl_segment_rows *rows = sl_new((count + 1) * sizeof(struct sl_segment_rows));
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (struct sl_segment_rows){.batch = slice->parts[first_part + i].batch,
                                           .selection = slice->parts[first_part + i].selection};
    /* Seals go before merges: see merge.c. */
    sl_mutex_lock(&store->lock);
    store->seal_waiting++;
    sl_store_turn_take_locked(store, SL_TURN_ENCODE);
    store->seal_waiting--;
    sl_mutex_unlock(&store->lock);
    sl_status st = sl_segment_writer_group(writer, rows, count, NULL, err);
    sl_store_turn_give(store, SL_TURN_ENCODE);
    free(rows);
    return st;
}

static sl_status
write_output(struct seal *seal, uint32_t index, struct sl_error *err)
{
    struct sl_store *store = seal->store;
    const struct seal_output *output = &seal->outputs[index];
    bool is_last = index + 1 == seal->output_count;
    struct sl_segment_note note = {0};
    if (is_last)
        note = seal->ledger; /* borrows its arrays */
    note.seal_last = seal->first_number + seal->output_count - 1;
    note.position = seal->position;
    struct sl_buf note_bytes = sl_buf_empty(SL_SEGMENT_NOTE_BYTES_MAX);
    sl_segment_note_encode(&note, &note_bytes);
    SL_ASSERT(!note_bytes.bad);
    struct sl_segment_meta meta = {
        .number = seal->first_number + index,
        .is_by_receipt = output->slice->is_by_receipt,
        .partition_first_us = output->slice->first_us,
        .partition_last_us = output->slice->last_us,
        .note = note_bytes.bytes,
        .note_bytes = (uint32_t)note_bytes.size_bytes,
    };
    struct sl_segment_writer *writer = NULL;
    struct sl_segment_summary summary = {0};
    char name[SL_SEGMENT_NAME_BYTES];
    sl_segment_name(meta.number, name);
    sl_status st = sl_segment_writer_open(store->segments_fd, name, &meta, SL_EFFORT_SEAL,
                                          store->encoder, &writer, err);
    if (st == SL_OK)
        sl_segment_writer_share(writer);
    uint32_t part = output->first_part;
    for (uint32_t group = 0; group < output->group_count && st == SL_OK; group++) {
        st = write_group(seal, writer, output->slice, part, output->group_ends[group], err);
        part = output->group_ends[group];
    }
    if (st == SL_OK)
        st = sl_segment_writer_commit(writer, &summary, err);
    sl_segment_writer_close(writer);
    sl_buf_fini(&note_bytes);
    if (st != SL_OK)
        return st;
    struct sl_catalog_segment record = sl_store_segment_record(&meta, &summary);
    struct sl_live_file *file = sl_live_file_create(store->files, meta.number, summary.file_bytes);
    seal->lives[seal->live_count++] = sl_live_create(&record, file, sl_clock_monotonic_us());
    seal->bytes += summary.file_bytes;
    return SL_OK;
}

/* What producers and imports had reached at the freeze, for the note. Under the lock. */
static void
copy_ledger(struct seal *seal)
{
    struct sl_ledger *ledger = &seal->store->ledger;
    for (uint32_t i = 0; i < SL_LEDGER_BUCKETS; i++) {
        for (const struct sl_producer *p = ledger->producers[i]; p != NULL; p = p->next) {
            struct sl_catalog_producer record = {.name = p->name,
                                                 .name_bytes = p->name_bytes,
                                                 .epoch = p->epoch,
                                                 .batch_number = p->safe_number,
                                                 .touched_us = p->touched_us};
            if (p->is_dirty)
                sl_segment_note_append_producer(&seal->ledger, &record);
        }
        for (const struct sl_import *m = ledger->imports[i]; m != NULL; m = m->next) {
            struct sl_catalog_import record = {.id = m->id,
                                               .offset = m->safe_offset,
                                               .rows = m->safe_rows,
                                               .oldest_us = m->safe_oldest_us,
                                               .newest_us = m->safe_newest_us,
                                               .is_finished = m->is_finished};
            if (m->is_dirty)
                sl_segment_note_append_import(&seal->ledger, &record);
        }
    }
}

static void
freeze(struct seal *seal)
{
    struct sl_store *store = seal->store;
    sl_mutex_lock(&store->lock);
    sl_store_turn_take_locked(store, SL_TURN_APPEND);
    sl_memtable_freeze(&store->memtable);
    sl_memtable_view_frozen(&store->memtable, &seal->view);
    seal->position = store->next_position;
    sl_ledger_settle(&store->ledger);
    copy_ledger(seal);
    sl_store_turn_give_locked(store, SL_TURN_APPEND);
    sl_mutex_unlock(&store->lock);
}

static sl_status
write_segments(struct seal *seal, struct sl_error *err)
{
    struct sl_store *store = seal->store;
    sl_slice_plan_init(&seal->view, &seal->plan);
    for (uint32_t i = 0; i < seal->plan.count; i++)
        if (seal->plan.slices[i].part_count != 0)
            plan_slice(seal, &seal->plan.slices[i]);
    seal->lives = sl_new((seal->output_count + 1) * sizeof(struct sl_live *));
    sl_mutex_lock(&store->lock);
    seal->first_number = store->next_segment;
    store->next_segment += seal->output_count;
    sl_mutex_unlock(&store->lock);
    for (uint32_t i = 0; i < seal->output_count; i++)
        SL_TRY(write_output(seal, i, err));
    return SL_OK;
}

static sl_status
publish(struct seal *seal, struct sl_error *err)
{
    struct sl_store *store = seal->store;
    const struct sl_version_change change = {.added = seal->lives, .added_count = seal->live_count};
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    for (uint32_t i = 0; i < seal->live_count; i++)
        sl_catalog_put_segment(edit, &seal->lives[i]->info);
    sl_catalog_put_counter(edit, SL_CATALOG_JOURNAL_POSITION, seal->position);
    sl_store_turn_take(store, SL_TURN_PUBLISH);
    sl_status st = sl_store_publish(store, edit, &change, true, err);
    sl_store_turn_give(store, SL_TURN_PUBLISH);
    return st;
}

/* Forget what was written for nothing: the rows are in memory and in the journal. */
static void
undo(struct seal *seal)
{
    struct sl_store *store = seal->store;
    for (uint32_t i = 0; i < seal->live_count; i++)
        sl_live_file_drop(seal->lives[i]->file);
    sl_mutex_lock(&store->lock);
    sl_memtable_thaw(&store->memtable);
    sl_mutex_unlock(&store->lock);
}

static void
fini(struct seal *seal)
{
    for (uint32_t i = 0; i < seal->live_count; i++)
        sl_live_release(seal->lives[i]);
    free(seal->lives);
    free(seal->outputs);
    sl_slice_plan_fini(&seal->plan);
    sl_segment_note_fini(&seal->ledger);
    sl_mem_view_fini(&seal->view);
}

static void
note_result(struct seal *seal, sl_status st, const struct sl_error *story)
{
    struct sl_store *store = seal->store;
    sl_mutex_lock(&store->lock);
    store->is_seal_failing = st != SL_OK;
    store->seal_trouble = *story;
    if (st == SL_OK) {
        store->seals++;
        store->bytes_written_seal += seal->bytes;
    }
    sl_cond_broadcast(&store->changed);
    sl_cond_broadcast(&store->wake);
    sl_mutex_unlock(&store->lock);
}

sl_status
sl_seal(struct sl_store *store, struct sl_error *err)
{
    struct seal seal = {.store = store};
    struct sl_error story = {0};
    sl_store_turn_take(store, SL_TURN_SEAL);
    freeze(&seal);
    sl_status st = SL_OK;
    bool is_empty = seal.view.chunk_count == 0;
    if (!is_empty) {
        st = write_segments(&seal, &story);
        if (st == SL_OK)
            st = publish(&seal, &story);
        if (st != SL_OK)
            undo(&seal);
        note_result(&seal, st, &story);
    }
    fini(&seal);
    sl_store_turn_give(store, SL_TURN_SEAL);
    if (st != SL_OK) {
        sl_error_prefix(&story, "seal");
        if (err != NULL)
            *err = story;
        return st;
    }
    /* Up to where the catalog says, and no further. Only space is lost when this fails. */
    bool must_trim = !is_empty && store->journal != NULL;
    if (must_trim && sl_journal_trim(store->journal, seal.position, &story) != SL_OK)
        sl_log(SL_LOG_WARN, "store", "the journal was not trimmed: %s", story.text);
    return SL_OK;
}
