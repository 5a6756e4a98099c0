/*
 * partition.c - see partition.h.
 *
 * Two passes over last_seen: the first counts rows for each minute, from which each hour's slice
 * follows; the second gives every row to its slice. Minutes are kept in a sorted array, and rows
 * come mostly in runs of the same minute, so that a look-up is rare.
 */
#include "storage/partition.h"

struct minute {
    int64_t minute; /* since 1970 */
    uint64_t rows;
    bool is_by_receipt;
};

struct minutes {
    struct minute *list; /* owned, sorted by (is_by_receipt, minute) */
    uint32_t count, capacity;
};

uint32_t
sl_slice_minutes(uint64_t rows, uint32_t minutes)
{
    static const uint32_t lengths[] = {1, 2, 5, 10, 20};
    uint64_t per_minute = rows / (minutes == 0 ? 1 : minutes);
    for (uint32_t i = 0; i < SL_COUNTOF(lengths); i++)
        if (per_minute >= (SL_SLICE_ROWS - SL_SLICE_ROWS / 8) / lengths[i])
            return lengths[i];
    return 60;
}

static int
compare_minute(const struct minute *a, int64_t minute, bool is_by_receipt)
{
    if (a->is_by_receipt != is_by_receipt)
        return a->is_by_receipt ? 1 : -1;
    return a->minute < minute ? -1 : a->minute > minute;
}

static void
count_minute(struct minutes *minutes, int64_t minute, bool is_by_receipt, uint64_t rows)
{
    uint32_t low = 0;
    uint32_t high = minutes->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_minute(&minutes->list[middle], minute, is_by_receipt) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < minutes->count && compare_minute(&minutes->list[low], minute, is_by_receipt) == 0) {
        minutes->list[low].rows += rows;
        return;
    }
    if (minutes->count == minutes->capacity) {
        minutes->capacity = minutes->capacity * 2 + 64;
        minutes->list = sl_grow(minutes->list, sizeof(struct minute), minutes->capacity);
    }
    memmove(&minutes->list[low + 1], &minutes->list[low],
            (minutes->count - low) * sizeof(struct minute));
    minutes->count++;
    minutes->list[low] =
        (struct minute){.minute = minute, .rows = rows, .is_by_receipt = is_by_receipt};
}

/* The rows of one entry as (minute, by receipt), one row at a time. */
struct walk {
    const struct sl_mem_entry *entry;
    const struct sl_vector *last_seen; /* NULL: 0 for all rows */
};

static struct walk
walk_entry(const struct sl_mem_entry *entry)
{
    struct walk walk = {.entry = entry};
    for (uint32_t i = 0; i < entry->batch->column_count; i++) {
        const struct sl_batch_column *column = &entry->batch->columns[i];
        bool is_it = column->column->index == SL_COLUMN_LAST_SEEN;
        if (is_it && column->vector.value_count != 0)
            walk.last_seen = &column->vector;
    }
    return walk;
}

static int64_t
filing_minute(const struct sl_mem_entry *entry, int64_t last_seen_us, bool *out_by_receipt)
{
    int64_t time_us =
        sl_partition_time(last_seen_us, entry->received_us, entry->is_import, out_by_receipt);
    return sl_partition_floor(time_us, SL_US_PER_MINUTE) / SL_US_PER_MINUTE;
}

static int64_t
walk_minute(const struct walk *walk, uint32_t row, bool *out_by_receipt)
{
    int64_t last_seen = walk->last_seen == NULL ? 0 : (int64_t)sl_vector_u64(walk->last_seen, row);
    return filing_minute(walk->entry, last_seen, out_by_receipt);
}

/* Do all rows lie in one minute, as their bounds show? A minute is an interval, as are the times
 * that are believed. */
static bool
is_one_minute(const struct sl_mem_entry *entry, int64_t *out_minute)
{
    bool is_first_by_receipt = false;
    bool is_last_by_receipt = false;
    *out_minute = filing_minute(entry, entry->last_seen_min_us, &is_first_by_receipt);
    int64_t last = filing_minute(entry, entry->last_seen_max_us, &is_last_by_receipt);
    return !is_first_by_receipt && !is_last_by_receipt && *out_minute == last;
}

static void
count_entry(const struct sl_mem_entry *entry, struct minutes *minutes)
{
    struct walk walk = walk_entry(entry);
    int64_t run_minute = 0;
    bool is_run_by_receipt = false;
    uint64_t run_rows = 0;
    if (is_one_minute(entry, &run_minute)) {
        count_minute(minutes, run_minute, false, entry->batch->row_count);
        return;
    }
    for (uint32_t row = 0; row < entry->batch->row_count; row++) {
        bool is_by_receipt = false;
        int64_t minute = walk_minute(&walk, row, &is_by_receipt);
        if (run_rows != 0 && minute == run_minute && is_by_receipt == is_run_by_receipt) {
            run_rows++;
            continue;
        }
        if (run_rows != 0)
            count_minute(minutes, run_minute, is_run_by_receipt, run_rows);
        run_minute = minute;
        is_run_by_receipt = is_by_receipt;
        run_rows = 1;
    }
    count_minute(minutes, run_minute, is_run_by_receipt, run_rows);
}

static void
add_slice(struct sl_slice_plan *plan, int64_t first_minute, uint32_t length, bool is_by_receipt)
{
    plan->slices = sl_grow(plan->slices, sizeof(struct sl_time_slice), plan->count + 1);
    plan->slices[plan->count++] = (struct sl_time_slice){
        .first_us = first_minute * SL_US_PER_MINUTE,
        .last_us = (first_minute + length) * SL_US_PER_MINUTE - 1,
        .is_by_receipt = is_by_receipt,
    };
}

/* Slices of one hour, whose minutes are list[first .. end). */
static void
plan_hour(const struct minutes *minutes, uint32_t first, uint32_t end, struct sl_slice_plan *plan)
{
    uint64_t rows = 0;
    for (uint32_t i = first; i < end; i++)
        rows += minutes->list[i].rows;
    uint32_t length = sl_slice_minutes(rows, end - first);
    int64_t last_start = INT64_MIN;
    for (uint32_t i = first; i < end; i++) {
        int64_t start = sl_partition_floor(minutes->list[i].minute, length);
        if (start != last_start)
            add_slice(plan, start, length, minutes->list[i].is_by_receipt);
        plan->slices[plan->count - 1].rows += minutes->list[i].rows;
        last_start = start;
    }
}

static void
plan_slices(const struct minutes *minutes, struct sl_slice_plan *plan)
{
    for (uint32_t first = 0; first < minutes->count;) {
        const struct minute *start = &minutes->list[first];
        int64_t hour = sl_partition_floor(start->minute, 60);
        uint32_t end = first;
        while (end < minutes->count && minutes->list[end].is_by_receipt == start->is_by_receipt &&
               sl_partition_floor(minutes->list[end].minute, 60) == hour)
            end++;
        plan_hour(minutes, first, end, plan);
        first = end;
    }
}

/* The slice of a minute: the list is sorted by (is_by_receipt, time) here. NULL: none. */
static struct sl_time_slice *
find_slice(const struct sl_slice_plan *plan, int64_t minute, bool is_by_receipt)
{
    int64_t time_us = minute * SL_US_PER_MINUTE;
    uint32_t low = 0;
    uint32_t high = plan->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct sl_time_slice *slice = &plan->slices[middle];
        bool is_below = slice->is_by_receipt != is_by_receipt ? !slice->is_by_receipt
                                                              : slice->last_us < time_us;
        if (is_below)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == plan->count || plan->slices[low].is_by_receipt != is_by_receipt)
        return NULL;
    return plan->slices[low].first_us <= time_us ? &plan->slices[low] : NULL;
}

static int
compare_rows(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? 1 : left > right ? -1 : 0;
}

/* Keep the fullest SL_SLICES_MAX - 1 slices; the rows of the others go by receipt. */
static void
trim_slices(struct sl_slice_plan *plan)
{
    if (plan->count < SL_SLICES_MAX)
        return;
    uint64_t *rows = sl_new(plan->count * sizeof(uint64_t));
    for (uint32_t i = 0; i < plan->count; i++)
        rows[i] = plan->slices[i].rows;
    qsort(rows, plan->count, sizeof(uint64_t), compare_rows);
    uint64_t least = rows[SL_SLICES_MAX - 2];
    free(rows);
    uint32_t kept = 0;
    uint32_t room = SL_SLICES_MAX - 1;
    for (uint32_t i = 0; i < plan->count; i++) {
        bool is_kept = plan->slices[i].rows >= least && room > 0;
        if (!is_kept)
            continue;
        plan->slices[kept++] = plan->slices[i];
        room--;
    }
    plan->count = kept;
}

/* Room for rows of a batch, which are all of it or those that will be selected. */
static struct sl_slice_part *
add_part(struct sl_time_slice *slice, const struct sl_batch *batch)
{
    if (slice->part_count == slice->part_capacity) {
        slice->part_capacity = slice->part_capacity * 2 + 4;
        slice->parts = sl_grow(slice->parts, sizeof(struct sl_slice_part), slice->part_capacity);
    }
    struct sl_slice_part *part = &slice->parts[slice->part_count++];
    *part = (struct sl_slice_part){.batch = batch};
    return part;
}

static void
add_row(struct sl_time_slice *slice, const struct sl_batch *batch, uint32_t row)
{
    bool is_first = slice->part_count == 0 || slice->parts[slice->part_count - 1].batch != batch;
    if (is_first)
        add_part(slice, batch)->selection =
            sl_new(sl_words_for(batch->row_count) * sizeof(uint64_t));
    struct sl_slice_part *part = &slice->parts[slice->part_count - 1];
    sl_bit_set(part->selection, row);
    part->rows++;
}

/* Rows whose slice was cut away go to one slice that spans all of their receipt. */
static struct sl_time_slice *
fallback_slice(struct sl_slice_plan *plan, int64_t received_us)
{
    struct sl_time_slice *last = plan->count == 0 ? NULL : &plan->slices[plan->count - 1];
    int64_t hour_us = sl_partition_floor(received_us, SL_US_PER_HOUR);
    bool is_it = last != NULL && last->is_by_receipt && last->first_us <= hour_us &&
                 last->last_us >= hour_us;
    if (!is_it)
        add_slice(plan, hour_us / SL_US_PER_MINUTE, 60, true);
    return &plan->slices[plan->count - 1];
}

static void
split_entry(const struct sl_mem_entry *entry, struct sl_slice_plan *plan)
{
    struct walk walk = walk_entry(entry);
    struct sl_time_slice *slice = NULL;
    int64_t last_minute = 0;
    bool is_last_by_receipt = false;
    if (is_one_minute(entry, &last_minute)) {
        slice = find_slice(plan, last_minute, false);
        if (slice == NULL)
            slice = fallback_slice(plan, entry->received_us);
        add_part(slice, entry->batch)->rows = entry->batch->row_count;
        return;
    }
    for (uint32_t row = 0; row < entry->batch->row_count; row++) {
        bool is_by_receipt = false;
        int64_t minute = walk_minute(&walk, row, &is_by_receipt);
        if (slice == NULL || minute != last_minute || is_by_receipt != is_last_by_receipt) {
            slice = find_slice(plan, minute, is_by_receipt);
            if (slice == NULL)
                slice = fallback_slice(plan, entry->received_us);
            last_minute = minute;
            is_last_by_receipt = is_by_receipt;
        }
        add_row(slice, entry->batch, row);
    }
}

static int
compare_slice(const void *a, const void *b)
{
    const struct sl_time_slice *left = a;
    const struct sl_time_slice *right = b;
    if (left->last_us != right->last_us)
        return left->last_us < right->last_us ? -1 : 1;
    return (int)left->is_by_receipt - (int)right->is_by_receipt;
}

void
sl_slice_plan_init(const struct sl_mem_view *view, struct sl_slice_plan *out_plan)
{
    struct minutes minutes = {0};
    *out_plan = (struct sl_slice_plan){0};
    for (uint32_t chunk = 0; chunk < view->chunk_count; chunk++)
        for (uint32_t i = 0; i < sl_mem_view_count(view, chunk); i++)
            count_entry(&view->chunks[chunk]->entries[i], &minutes);
    plan_slices(&minutes, out_plan);
    free(minutes.list);
    trim_slices(out_plan);
    for (uint32_t chunk = 0; chunk < view->chunk_count; chunk++)
        for (uint32_t i = 0; i < sl_mem_view_count(view, chunk); i++)
            split_entry(&view->chunks[chunk]->entries[i], out_plan);

    for (uint32_t i = 0; i < out_plan->count; i++) {
        struct sl_time_slice *slice = &out_plan->slices[i];
        slice->rows = 0;
        for (uint32_t k = 0; k < slice->part_count; k++) {
            struct sl_slice_part *part = &slice->parts[k];
            slice->rows += part->rows;
            if (part->rows != part->batch->row_count)
                continue;
            free(part->selection);
            part->selection = NULL;
        }
    }
    qsort(out_plan->slices, out_plan->count, sizeof(struct sl_time_slice), compare_slice);
}

void
sl_slice_plan_fini(struct sl_slice_plan *plan)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        for (uint32_t k = 0; k < plan->slices[i].part_count; k++)
            free(plan->slices[i].parts[k].selection);
        free(plan->slices[i].parts);
    }
    free(plan->slices);
    *plan = (struct sl_slice_plan){0};
}
