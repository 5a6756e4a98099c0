/*
 * merge.c - see merge.h.
 *
 * A row group that is half full already, and of which no row is dead, would come out much as it went in:
 * it is copied, unless the slower codecs are wanted. So at high rates, where seals make full groups,
 * a merge costs next to nothing; what it saves is files.
 *
 * The rows of other groups are gathered block by block until a group is full; each block keeps a cursor of its own,
 * whose vectors the writer reads without a copy. Sorting and encoding a group happens with the
 * ENCODE turn, which a seal that waits gets first: so no more than one group is decoded or
 * encoded at a time, and merges use what seals leave.
 */
#include "storage/merge.h"

#include <stdatomic.h>

#include "storage/base/log.h"
#include "storage/segment_note.h"

/* Blocks of one output group: as many as full ones would be, and room for small inputs. */
enum { MERGE_PARTS_MAX = 512 };

/* A group of so many rows is large enough: twice as many save one or two percent of the bytes. */
enum { MERGE_COPY_ROWS_MIN = SL_MERGE_GROUP_ROWS / 2 };

struct merge_part {
    struct sl_batch *batch;           /* owned; vectors borrowed from the cursor */
    struct sl_segment_cursor *cursor; /* owned, kept from group to group */
    uint64_t *selection;              /* owned; NULL: all rows */
};

struct merge {
    struct sl_store *store;
    const struct sl_merge_pick *pick;
    struct sl_segment_writer *writer; /* owned; NULL until the first group */
    struct sl_segment_meta meta;
    struct sl_segment_note note;
    struct sl_buf note_bytes;
    uint64_t removed[SL_MERGE_FAN_IN_MAX]; /* numbers of the inputs */
    uint64_t *replaces; /* owned: the inputs, and what they replaced themselves */
    uint32_t replace_count;
    uint32_t input;                                         /* the one that is being read */
    struct sl_segment_reader *readers[SL_MERGE_FAN_IN_MAX]; /* lent by their files */
    uint32_t reader_count;
    struct merge_part parts[MERGE_PARTS_MAX];
    uint32_t part_count;
    uint64_t part_rows;
    int64_t spare_rows;    /* by which copied groups may fall short, that all find a place */
    uint32_t unripe_count; /* groups that are gathered, if there are two */
    bool is_awaited;       /* somebody waits for it: a second thread may encode */
    bool has_turn;
};

/* The ENCODE turn, after all seals that wait for it. */
static sl_status
take_encode_turn(struct merge *merge, struct sl_error *err)
{
    struct sl_store *store = merge->store;
    sl_status st = SL_OK;
    if (merge->has_turn)
        return SL_OK;
    sl_mutex_lock(&store->lock);
    while ((store->seal_waiting != 0 || store->turns[SL_TURN_ENCODE]) && !store->is_closing)
        sl_cond_wait(&store->changed, &store->lock);
    if (store->is_closing)
        st = sl_fail(err, SL_CANCELLED, "the store is being closed");
    else
        store->turns[SL_TURN_ENCODE] = true;
    merge->has_turn = st == SL_OK;
    sl_mutex_unlock(&store->lock);
    return st;
}

static void
give_encode_turn(struct merge *merge)
{
    if (merge->has_turn)
        sl_store_turn_give(merge->store, SL_TURN_ENCODE);
    merge->has_turn = false;
}

static void
drop_parts(struct merge *merge)
{
    for (uint32_t i = 0; i < merge->part_count; i++) {
        struct merge_part *part = &merge->parts[i];
        struct sl_error ignored = {0};
        sl_batch_release(part->batch);
        free(part->selection);
        part->batch = NULL;
        part->selection = NULL;
        sl_status st = sl_segment_cursor_seek(part->cursor, NULL, 0, 0, &ignored);
        SL_ASSERT(st == SL_OK); /* to stand nowhere needs nothing */
    }
    merge->part_count = 0;
    merge->part_rows = 0;
}

static sl_status
open_writer(struct merge *merge, struct sl_error *err)
{
    char name[SL_SEGMENT_NAME_BYTES];
    sl_segment_note_encode(&merge->note, &merge->note_bytes);
    SL_ASSERT(!merge->note_bytes.bad);
    merge->meta = (struct sl_segment_meta){
        .number = sl_store_segment_number(merge->store),
        .level = merge->pick->level,
        .is_by_receipt = merge->pick->is_by_receipt,
        .partition_first_us = merge->pick->first_us,
        .partition_last_us = merge->pick->last_us,
        .replaces = merge->replaces,
        .replace_count = merge->replace_count,
        .note = merge->note_bytes.bytes,
        .note_bytes = (uint32_t)merge->note_bytes.size_bytes,
    };
    sl_segment_name(merge->meta.number, name);
    SL_TRY(sl_segment_writer_open(merge->store->segments_fd, name, &merge->meta,
                                  merge->pick->effort, merge->store->encoder, &merge->writer, err));
    if (merge->is_awaited)
        sl_segment_writer_share(merge->writer);
    return SL_OK;
}

static sl_status
flush_group(struct merge *merge, struct sl_error *err)
{
    struct sl_segment_rows rows[MERGE_PARTS_MAX];
    sl_status st = SL_OK;
    if (merge->part_count == 0)
        return SL_OK;
    if (merge->writer == NULL)
        st = open_writer(merge, err);
    for (uint32_t i = 0; i < merge->part_count; i++)
        rows[i] = (struct sl_segment_rows){.batch = merge->parts[i].batch,
                                           .selection = merge->parts[i].selection};
    if (st == SL_OK)
        st = sl_segment_writer_group(merge->writer, rows, merge->part_count, NULL, err);
    drop_parts(merge);
    sl_memory_trim();
    give_encode_turn(merge);
    return st;
}

/* The columns of the block on which the part's cursor stands, as a batch that borrows. */
static sl_status
borrow_batch(struct merge_part *part, const struct sl_segment_reader *reader, uint32_t group,
             uint32_t row_count, struct sl_error *err)
{
    struct sl_arena *arena = sl_arena_create(SIZE_MAX);
    struct sl_batch *batch = sl_arena_calloc(arena, 1, sizeof(*batch));
    uint32_t count = 0;
    while (sl_segment_reader_column_at(reader, group, count) != NULL)
        count++;
    struct sl_batch_column *columns =
        batch == NULL ? NULL : sl_arena_calloc(arena, count, sizeof(*columns));
    if (columns == NULL) {
        sl_arena_destroy(arena);
        return sl_fail(err, SL_LIMIT, "memory for a block of %" PRIu32 " columns", count);
    }
    batch->row_count = row_count;
    batch->column_count = count;
    batch->columns = columns;
    batch->arena = arena;
    atomic_store_explicit(&batch->references, 1, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        columns[i].column = sl_segment_reader_column_at(reader, group, i);
        sl_status st = sl_segment_cursor_column(part->cursor, columns[i].column, part->selection,
                                                &columns[i].vector, NULL, err);
        if (st != SL_OK) {
            sl_batch_release(batch);
            return st;
        }
    }
    part->batch = batch;
    return SL_OK;
}

/* Rows of the block that are not dead, as a bitmap for the writer; NULL: all of them. */
static uint64_t *
select_living(const struct sl_bitmap *dead, uint32_t block, uint32_t row_count, uint32_t *out_rows)
{
    uint32_t first = block * SL_BLOCK_ROWS;
    *out_rows = row_count;
    if (dead == NULL)
        return NULL;
    uint64_t dead_rows = sl_bitmap_count_range(dead, first, first + row_count - 1);
    *out_rows = row_count - (uint32_t)dead_rows;
    if (dead_rows == 0)
        return NULL;
    size_t words = sl_words_for(row_count);
    uint64_t *selection = sl_new(words * sizeof(uint64_t));
    sl_bitmap_read(dead, first, row_count, selection);
    for (size_t i = 0; i < words; i++)
        selection[i] = ~selection[i];
    if (row_count % 64 != 0)
        selection[words - 1] &= (UINT64_C(1) << (row_count % 64)) - 1;
    return selection;
}

static sl_status
add_block(struct merge *merge, uint32_t input, uint32_t group, uint32_t block, struct sl_error *err)
{
    struct sl_segment_reader *reader = merge->readers[input];
    const struct sl_bitmap *dead = merge->pick->inputs[input]->deads[group];
    uint32_t row_count = sl_segment_reader_block_rows(reader, group, block);
    uint32_t living = 0;
    uint64_t *selection = select_living(dead, block, row_count, &living);
    if (living == 0) {
        free(selection);
        return SL_OK;
    }
    bool is_full =
        merge->part_rows + living > SL_MERGE_GROUP_ROWS || merge->part_count == MERGE_PARTS_MAX;
    sl_status st = is_full ? flush_group(merge, err) : SL_OK;
    if (st == SL_OK)
        st = take_encode_turn(merge, err);
    if (st != SL_OK) {
        free(selection);
        return st;
    }
    struct merge_part *part = &merge->parts[merge->part_count++];
    if (part->cursor == NULL)
        part->cursor = sl_segment_cursor_create(NULL);
    part->selection = selection;
    merge->part_rows += living;
    SL_TRY(sl_segment_cursor_seek(part->cursor, reader, group, block, err));
    return borrow_batch(part, reader, group, row_count, err);
}

/*
 * The output replaces its inputs, and what these replaced: a file that a reader held when the
 * process ended must not come back when the catalog is rebuilt.
 */
static void
add_replaces(struct merge *merge, uint64_t number, const struct sl_segment_reader *reader)
{
    const struct sl_segment_meta *meta = sl_segment_reader_meta(reader);
    uint64_t count = (uint64_t)merge->replace_count + meta->replace_count + 1;
    if (count > SL_SEGMENT_REPLACES_MAX - SL_MERGE_FAN_IN_MAX)
        count = merge->replace_count + 1; /* so many merges ago that nobody holds them */
    merge->replaces = sl_grow(merge->replaces, sizeof(uint64_t), count);
    merge->replaces[merge->replace_count++] = number;
    for (uint32_t i = 0; merge->replace_count < count; i++)
        merge->replaces[merge->replace_count++] = meta->replaces[i];
}

static sl_status
open_inputs(struct merge *merge, struct sl_error *err)
{
    for (uint32_t i = 0; i < merge->pick->count; i++) {
        const struct sl_live *live = merge->pick->inputs[i];
        merge->input = i;
        merge->removed[i] = live->info.number;
        SL_TRY(sl_live_file_enter(live->file, &merge->readers[i], err));
        merge->reader_count++;
        add_replaces(merge, live->info.number, merge->readers[i]);
        const struct sl_segment_meta *meta = sl_segment_reader_meta(merge->readers[i]);
        struct sl_segment_note note = {0};
        SL_TRY(sl_segment_note_decode(meta->note, meta->note_bytes, &note, err));
        if (note.position > merge->note.position)
            merge->note.position = note.position;
        for (uint32_t k = 0; k < note.producer_count; k++)
            sl_segment_note_add_producer(&merge->note, &note.producers[k]);
        for (uint32_t k = 0; k < note.import_count; k++)
            sl_segment_note_add_import(&merge->note, &note.imports[k]);
        sl_segment_note_fini(&note);
        if (sl_segment_reader_summary(merge->readers[i])->group_count != live->info.groups)
            return sl_fail(err, SL_CORRUPT, "%s: not the groups that the catalog knows",
                           live->file->name);
    }
    return SL_OK;
}

/* Large, and in a file without dead rows: bounds are those of whole files. */
static bool
is_ripe(const struct merge *merge, uint32_t input, uint32_t group)
{
    return merge->pick->inputs[input]->info.dead_rows == 0 &&
           sl_segment_reader_rows(merge->readers[input], group) >= MERGE_COPY_ROWS_MIN;
}

/* What decides which groups are copied. */
static void
plan_copies(struct merge *merge)
{
    int64_t rows = 0;
    for (uint32_t input = 0; input < merge->reader_count; input++) {
        const struct sl_segment_summary *summary = sl_segment_reader_summary(merge->readers[input]);
        rows += (int64_t)(summary->row_count - merge->pick->inputs[input]->info.dead_rows);
        for (uint32_t group = 0; group < summary->group_count; group++)
            merge->unripe_count += !is_ripe(merge, input, group);
    }
    /* A gathered group may fall short by a block. */
    merge->spare_rows =
        (int64_t)SL_GROUPS_PER_SEGMENT_MAX * (SL_MERGE_GROUP_ROWS - SL_BLOCK_ROWS) - rows;
}

/* A single group that is not ripe finds nobody to be gathered with. */
static bool
is_copied(const struct merge *merge, uint32_t input, uint32_t group)
{
    int64_t rows = sl_segment_reader_rows(merge->readers[input], group);
    bool is_whole = merge->pick->inputs[input]->info.dead_rows == 0;
    bool is_wanted = is_ripe(merge, input, group) || (is_whole && merge->unripe_count == 1);
    bool has_place = SL_MERGE_GROUP_ROWS - rows <= merge->spare_rows;
    return merge->pick->effort == SL_EFFORT_SEAL && is_wanted && has_place;
}

static sl_status
copy_group(struct merge *merge, uint32_t input, uint32_t group, struct sl_error *err)
{
    struct sl_segment_reader *reader = merge->readers[input];
    merge->spare_rows -= SL_MERGE_GROUP_ROWS - (int64_t)sl_segment_reader_rows(reader, group);
    SL_TRY(take_encode_turn(merge, err));
    sl_status st = merge->writer == NULL ? open_writer(merge, err) : SL_OK;
    if (st == SL_OK)
        st = sl_segment_writer_copy(merge->writer, reader, group, err);
    if (merge->part_count == 0)
        give_encode_turn(merge);
    return st;
}

static sl_status
copy_rows(struct merge *merge, struct sl_error *err)
{
    SL_TRY(open_inputs(merge, err));
    plan_copies(merge);
    for (uint32_t input = 0; input < merge->reader_count; input++) {
        const struct sl_segment_reader *reader = merge->readers[input];
        uint32_t groups = sl_segment_reader_summary(reader)->group_count;
        merge->input = input;
        for (uint32_t group = 0; group < groups; group++) {
            if (is_copied(merge, input, group)) {
                SL_TRY(copy_group(merge, input, group, err));
                continue;
            }
            for (uint32_t block = 0; block < sl_segment_reader_blocks(reader, group); block++)
                SL_TRY(add_block(merge, input, group, block, err));
        }
    }
    return flush_group(merge, err);
}

static void
merge_fini(struct merge *merge)
{
    drop_parts(merge);
    give_encode_turn(merge);
    for (uint32_t i = 0; i < MERGE_PARTS_MAX; i++)
        sl_segment_cursor_destroy(merge->parts[i].cursor);
    for (uint32_t i = 0; i < merge->reader_count; i++)
        sl_live_file_leave(merge->pick->inputs[i]->file);
    sl_segment_writer_close(merge->writer);
    sl_segment_note_fini(&merge->note);
    sl_buf_fini(&merge->note_bytes);
    free(merge->replaces);
}

/* Are all inputs still what they were? Under the lock. */
static bool
inputs_are_unchanged(const struct merge *merge)
{
    for (uint32_t i = 0; i < merge->pick->count; i++) {
        const struct sl_live *was = merge->pick->inputs[i];
        const struct sl_live *is = sl_version_find(merge->store->version, was->info.number);
        if (is == NULL || is->info.generation != was->info.generation)
            return false;
    }
    return true;
}

/* Exchange the inputs for `live` (NULL: all their rows were dead). */
static sl_status
publish(struct merge *merge, struct sl_live *live, bool *out_merged, struct sl_error *err)
{
    struct sl_store *store = merge->store;
    const struct sl_version_change change = {.removed = merge->removed,
                                             .removed_count = merge->pick->count,
                                             .added = &live,
                                             .added_count = live == NULL ? 0 : 1};
    /* A DELETE under way knows the inputs: let it finish, and see what it did to them. */
    sl_mutex_lock(&store->lock);
    while (store->turns[SL_TURN_ERASE] || store->turns[SL_TURN_PUBLISH])
        sl_cond_wait(&store->changed, &store->lock);
    store->turns[SL_TURN_PUBLISH] = true;
    *out_merged = inputs_are_unchanged(merge);
    sl_mutex_unlock(&store->lock);

    sl_status st = SL_OK;
    if (*out_merged) {
        struct sl_catalog_edit *edit = sl_catalog_edit_create();
        if (live != NULL)
            sl_catalog_put_segment(edit, &live->info);
        for (uint32_t i = 0; i < merge->pick->count; i++)
            sl_catalog_remove_segment(edit, merge->removed[i]);
        st = sl_store_publish(store, edit, &change, false, err);
        *out_merged = st == SL_OK;
    }
    sl_mutex_lock(&store->lock);
    store->merges += *out_merged;
    if (*out_merged && live != NULL)
        store->bytes_written_merge += live->info.bytes;
    sl_store_turn_give_locked(store, SL_TURN_PUBLISH);
    sl_mutex_unlock(&store->lock);
    if (live != NULL && !*out_merged)
        sl_live_file_drop(live->file);
    return st;
}

static sl_status
merge_pick(struct sl_store *store, const struct sl_merge_pick *pick, enum sl_merge_zeal zeal,
           bool *out_merged, struct sl_error *err)
{
    struct merge *merge = sl_new(sizeof(*merge));
    struct sl_segment_summary summary = {0};
    struct sl_live *live = NULL;
    merge->store = store;
    merge->pick = pick;
    merge->is_awaited = zeal == SL_MERGE_ALL;
    merge->note_bytes = sl_buf_empty(SL_SEGMENT_NOTE_BYTES_MAX);
    sl_status st = copy_rows(merge, err);
    if (st == SL_OK && merge->writer != NULL) {
        st = sl_segment_writer_commit(merge->writer, &summary, err);
        if (st == SL_OK) {
            struct sl_catalog_segment record = sl_store_segment_record(&merge->meta, &summary);
            live = sl_live_create(&record,
                                  sl_live_file_create(store->files, record.number, record.bytes),
                                  sl_clock_monotonic_us());
        }
    }
    if (st == SL_OK)
        st = publish(merge, live, out_merged, err);
    if (st == SL_CORRUPT || st == SL_MISSING) {
        const struct sl_live *bad = pick->inputs[merge->input];
        sl_live_file_mark_damaged(bad->file);
        sl_log(SL_LOG_ERROR, "store", "%s is not merged any more", bad->file->name);
    }
    merge_fini(merge);
    free(merge);
    sl_live_release(live);
    return st;
}

sl_status
sl_merge_run(struct sl_store *store, enum sl_merge_zeal zeal, bool *out_merged,
             struct sl_error *err)
{
    struct sl_merge_pick pick;
    sl_status st = SL_OK;
    *out_merged = false;
    sl_store_turn_take(store, SL_TURN_MERGE);
    struct sl_version *version = sl_store_version(store);
    if (sl_merge_plan(version, sl_clock_now_us(), sl_clock_monotonic_us(), zeal, &pick)) {
        sl_mutex_lock(&store->lock);
        store->merge_bytes = pick.bytes;
        sl_mutex_unlock(&store->lock);
        st = merge_pick(store, &pick, zeal, out_merged, err);
        sl_mutex_lock(&store->lock);
        store->merge_bytes = 0;
        sl_mutex_unlock(&store->lock);
    }
    sl_version_release(version);
    sl_store_turn_give(store, SL_TURN_MERGE);
    return st;
}
