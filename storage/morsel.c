/*
 * morsel.c - a worker's cursor over a scan: see scan.h.
 *
 * The selection starts as the minis that pruning left, less the dead rows.
 */
#include "storage/base/words.h"
#include "storage/scan_state.h"
#include "storage/store_state.h"

/* What constant vectors of columns that rows do not have point to. */
static const uint64_t zeros[2];
static const uint32_t empty_offsets[2];

struct sl_morsel *
sl_morsel_open(struct sl_scan *scan)
{
    struct sl_morsel *morsel = sl_new(sizeof(*morsel));
    morsel->scan = scan;
    return morsel;
}

static void
leave_piece(struct sl_morsel *morsel)
{
    struct sl_error ignored = {0};
    if (morsel->group != NULL) {
        sl_status st = sl_segment_cursor_seek(morsel->cursor, NULL, 0, 0, &ignored);
        SL_ASSERT(st == SL_OK); /* to stand nowhere needs nothing */
        sl_scan_leave(morsel->scan, morsel->group);
    }
    morsel->group = NULL;
    morsel->batch = NULL;
    morsel->row_count = 0;
    morsel->is_focused = false;
    morsel->is_damaged = false;
    morsel->decided = 0;
}

void
sl_morsel_close(struct sl_morsel *morsel)
{
    if (morsel == NULL)
        return;
    leave_piece(morsel);
    sl_scan_charge(morsel->scan, &morsel->cost, 0);
    sl_segment_cursor_destroy(morsel->cursor);
    free(morsel);
}

static void
select_all(struct sl_morsel *morsel)
{
    size_t words = sl_words_for(morsel->row_count);
    memset(morsel->selection, 0xff, words * sizeof(uint64_t));
    if (morsel->row_count % 64 != 0)
        morsel->selection[words - 1] = (UINT64_C(1) << (morsel->row_count % 64)) - 1;
}

/* Clear the rows of minis that are no candidates. */
static void
select_minis(struct sl_morsel *morsel)
{
    enum { MINI_WORDS = SL_MINI_ROWS / 64 };
    size_t words = sl_words_for(morsel->row_count);
    for (size_t mini = 0; mini * MINI_WORDS < words; mini++) {
        size_t bit = (size_t)morsel->block * SL_BLOCK_MINIS + mini;
        if (sl_bit_get(morsel->group->minis, bit))
            continue;
        size_t first = mini * MINI_WORDS;
        size_t end = sl_min_size(first + MINI_WORDS, words);
        memset(&morsel->selection[first], 0, (end - first) * sizeof(uint64_t));
    }
}

static void
select_living(struct sl_morsel *morsel)
{
    const struct sl_scan_unit *unit = morsel->group->unit;
    const struct sl_bitmap *dead = unit->live->deads[unit->group];
    uint64_t words[SL_BLOCK_ROWS / 64];
    if (dead == NULL)
        return;
    sl_bitmap_read(dead, morsel->block * SL_BLOCK_ROWS, morsel->row_count, words);
    for (size_t i = 0; i < sl_words_for(morsel->row_count); i++)
        morsel->selection[i] &= ~words[i];
}

static uint64_t
count_selected(const struct sl_morsel *morsel)
{
    return sl_words_count(morsel->selection, sl_words_for(morsel->row_count));
}

static void
select_none(struct sl_morsel *morsel)
{
    memset(morsel->selection, 0, sl_words_for(morsel->row_count) * sizeof(uint64_t));
}

/* Be on a block of a group, which is left with it; the cursor is still to follow. */
static void
enter_block(struct sl_morsel *morsel, struct sl_scan_group *group, uint32_t block)
{
    const struct sl_scan_unit *unit = group->unit;
    uint64_t min = 0;
    uint64_t max = 0;
    morsel->group = group;
    morsel->unit = unit;
    morsel->block = block;
    morsel->row_count = sl_segment_reader_block_rows(group->reader, unit->group, block);
    if (morsel->cursor == NULL) {
        morsel->cursor = sl_segment_cursor_create(morsel->scan->request.budget);
        sl_segment_cursor_keep(morsel->cursor, morsel->scan->segment_rows);
    }
    const struct sl_column *last_seen =
        sl_schema_at(morsel->scan->snapshot->store->schema, SL_COLUMN_LAST_SEEN);
    bool has_zone =
        sl_segment_reader_zone(group->reader, unit->group, block, last_seen, &min, &max);
    morsel->min_us = has_zone ? (int64_t)min : unit->min_us;
    morsel->max_us = has_zone ? (int64_t)max : unit->max_us;
}

static sl_status
seek_cursor(struct sl_morsel *morsel, struct sl_error *err)
{
    return sl_segment_cursor_seek(morsel->cursor, morsel->group->reader, morsel->group->unit->group,
                                  morsel->block, err);
}

/* The block behind the last of those that follow without a gap and have candidates. */
static uint32_t
run_end(const struct sl_scan_group *group, uint32_t block)
{
    uint32_t end = block + 1;
    while (end < group->block_count && sl_scan_is_candidate(group, end))
        end++;
    return end;
}

/* Where few rows can satisfy the clauses, and it is known which, the morsel is these. */
static sl_status
look_up_rows(struct sl_morsel *morsel, struct sl_error *err)
{
    const struct sl_scan_request *request = &morsel->scan->request;
    if ((request->prune & SL_PRUNE_ROWS) == 0 || request->clause_count == 0)
        return SL_OK;
    morsel->decided = sl_segment_cursor_look_up(morsel->cursor, request->clauses,
                                                request->clause_count, morsel->selection);
    uint64_t rows = morsel->decided == 0 ? 0 : count_selected(morsel);
    bool is_focused;
    return rows == 0 || rows * SL_SCAN_FOCUS_SHARE > morsel->row_count
               ? SL_OK
               : sl_morsel_focus(morsel, &is_focused, err);
}

static sl_status
stand_on_block(struct sl_morsel *morsel, const struct sl_scan_piece *piece, struct sl_error *err)
{
    enter_block(morsel, piece->group, piece->block);
    if (!sl_scan_wants(morsel->scan, morsel->min_us, morsel->max_us)) {
        select_none(morsel);
        return SL_OK;
    }
    select_all(morsel);
    select_minis(morsel);
    select_living(morsel);
    SL_TRY(seek_cursor(morsel, err));
    sl_segment_cursor_expect(morsel->cursor, run_end(morsel->group, morsel->block));
    return look_up_rows(morsel, err);
}

static void
stand_on_batch(struct sl_morsel *morsel, const struct sl_scan_unit *unit)
{
    const struct sl_mem_entry *entry = unit->entry;
    morsel->batch = unit;
    morsel->row_count = entry->batch->row_count;
    morsel->min_us = entry->last_seen_min_us;
    morsel->max_us = entry->last_seen_max_us;
    select_all(morsel);
}

sl_status
sl_morsel_next(struct sl_morsel *morsel, bool *out_more, struct sl_error *err)
{
    *out_more = false;
    for (;;) {
        struct sl_scan_piece piece;
        leave_piece(morsel);
        if (sl_snapshot_is_revoked(morsel->scan->snapshot))
            return sl_fail(err, SL_CANCELLED,
                           "the disk is full: rows that this query reads had to go");
        SL_TRY(sl_scan_take(morsel->scan, morsel->unit, &morsel->cost, &piece, err));
        if (piece.group == NULL && piece.batch == NULL) {
            sl_scan_charge(morsel->scan, &morsel->cost, 0); /* what was pruned counts too */
            return SL_OK;
        }
        if (piece.batch != NULL)
            stand_on_batch(morsel, piece.batch);
        else
            SL_TRY(stand_on_block(morsel, &piece, err));
        uint64_t rows = count_selected(morsel);
        sl_scan_charge(morsel->scan, &morsel->cost, rows);
        if (rows != 0) {
            *out_more = true;
            return SL_OK;
        }
    }
}

sl_status
sl_morsel_focus(struct sl_morsel *morsel, bool *out_is_focused, struct sl_error *err)
{
    *out_is_focused = false;
    if (morsel->group == NULL || morsel->is_focused || morsel->is_damaged)
        return SL_OK;
    SL_TRY(sl_segment_cursor_focus(morsel->cursor, morsel->selection, &morsel->row_count, err));
    select_all(morsel);
    morsel->is_focused = true;
    *out_is_focused = true;
    return SL_OK;
}

/* Its unit and its block, which is below SL_SEGMENT_GROUP_BLOCKS_MAX. */
uint64_t
sl_morsel_place(const struct sl_morsel *morsel)
{
    const struct sl_scan_unit *units = morsel->scan->units;
    SL_ASSERT(morsel->group != NULL || morsel->batch != NULL);
    if (morsel->group != NULL)
        return (uint64_t)(morsel->group->unit - units) << 32 | morsel->block;
    return (uint64_t)(morsel->batch - units) << 32;
}

uint32_t
sl_morsel_row_number(const struct sl_morsel *morsel, uint32_t row)
{
    SL_ASSERT(row < morsel->row_count);
    return morsel->is_focused ? sl_segment_cursor_row(morsel->cursor, row) : row;
}

sl_status
sl_morsel_seek(struct sl_morsel *morsel, uint64_t place, struct sl_error *err)
{
    SL_ASSERT(place >> 32 < morsel->scan->unit_count);
    const struct sl_scan_unit *unit = &morsel->scan->units[place >> 32];
    struct sl_scan_group *group = NULL;
    leave_piece(morsel);
    if (unit->entry != NULL) {
        stand_on_batch(morsel, unit);
        select_none(morsel);
        return SL_OK;
    }
    SL_TRY(sl_scan_visit(unit, &group, err));
    enter_block(morsel, group, (uint32_t)place);
    select_none(morsel);
    return seek_cursor(morsel, err);
}

bool
sl_morsel_is_damaged(const struct sl_morsel *morsel)
{
    return morsel->is_damaged;
}

bool
sl_morsel_is_decided(const struct sl_morsel *morsel, uint32_t clause)
{
    return clause < 32 && (morsel->decided >> clause & 1) != 0;
}

uint32_t
sl_morsel_row_count(const struct sl_morsel *morsel)
{
    return morsel->row_count;
}

uint64_t *
sl_morsel_selection(struct sl_morsel *morsel)
{
    return morsel->selection;
}

void
sl_morsel_time(const struct sl_morsel *morsel, int64_t *out_min_us, int64_t *out_max_us)
{
    *out_min_us = morsel->min_us;
    *out_max_us = morsel->max_us;
}

/* The column of rows that do not have it. */
static void
absent_column(const struct sl_column *column, uint32_t row_count, struct sl_vector *out_vector)
{
    *out_vector = sl_vector_nulls(column->type, row_count);
    if (column->is_nullable)
        return;
    out_vector->value_count = 1;
    out_vector->values = zeros;
    out_vector->offsets = empty_offsets;
    out_vector->bytes = (const uint8_t *)zeros;
}

void
sl_morsel_announce(struct sl_morsel *morsel, const struct sl_column *column)
{
    if (morsel->group != NULL && !morsel->is_damaged)
        sl_segment_cursor_announce(morsel->cursor, column);
}

/* Nothing of a damaged block can be trusted to belong together: all its rows are left out, where the
 * scan may do so. */
static bool
skip_damage(struct sl_morsel *morsel, sl_status st)
{
    if (st != SL_CORRUPT || !morsel->scan->request.may_skip_damage)
        return false;
    morsel->is_damaged = true;
    sl_scan_count_damage(morsel->scan, 1, count_selected(morsel));
    select_none(morsel);
    return true;
}

sl_status
sl_morsel_column(struct sl_morsel *morsel, const struct sl_column *column,
                 const uint64_t *selection, struct sl_vector *out_vector, struct sl_error *err)
{
    SL_ASSERT(morsel->group != NULL || morsel->batch != NULL);
    if (morsel->batch != NULL) {
        const struct sl_vector *vector = sl_batch_find(morsel->batch->entry->batch, column);
        if (vector != NULL)
            *out_vector = *vector;
        else
            absent_column(column, morsel->row_count, out_vector);
        return SL_OK;
    }
    if (!morsel->is_damaged) {
        sl_status st = sl_segment_cursor_column(morsel->cursor, column, selection, out_vector,
                                                &morsel->cost, err);
        if (!skip_damage(morsel, st))
            return st;
    }
    *out_vector = sl_vector_nulls(column->type, morsel->row_count);
    return SL_OK;
}

sl_status
sl_morsel_codes(struct sl_morsel *morsel, const struct sl_column *column, struct sl_addr low,
                struct sl_addr high, const uint64_t *selection, struct sl_code_range *out_range,
                bool *out_is_known, struct sl_error *err)
{
    *out_range = (struct sl_code_range){.rows = SL_CODES_NONE};
    *out_is_known = morsel->group != NULL && !morsel->is_focused && !morsel->is_damaged;
    if (!*out_is_known)
        return SL_OK;
    sl_status st = sl_segment_cursor_codes(morsel->cursor, column, low, high, selection, out_range,
                                           &morsel->cost, err);
    return skip_damage(morsel, st) ? SL_OK : st;
}

bool
sl_morsel_distances(struct sl_morsel *morsel, const struct sl_column *column,
                    const uint32_t **out_distances, uint64_t *out_base)
{
    return morsel->group != NULL && !morsel->is_damaged &&
           sl_segment_cursor_distances(morsel->cursor, column, out_distances, out_base);
}
