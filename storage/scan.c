/*
 * scan.c - see scan.h: units in order, handed out to workers.
 *
 * A unit is a row group or a batch of the memtable. Units are sorted once, at open, by what the
 * catalog knows. A worker that finds no block of an open group claims the next unit, opens and
 * prunes it without the lock, and puts it where all workers take blocks from. So several workers
 * share a group, few files are open at a time, and nothing is opened that narrowing made
 * pointless meanwhile.
 */
#include <stdatomic.h>

#include "storage/scan_state.h"

#include "storage/base/clock.h"
#include "storage/base/words.h"
#include "storage/codec/codec.h"
#include "storage/segment/segment_stock.h"

void
sl_scan_prepare(unsigned workers)
{
    sl_segment_stock_fill(workers);
}

void
sl_scan_prepare_thread(void)
{
    sl_codec_prepare();
}

/* False when no row with first_seen or last_seen in these bounds satisfies the clause. */
static bool
clause_may_match_time(const struct sl_clause *clause, const int64_t bounds[4])
{
    for (uint32_t i = 0; i < clause->test_count; i++) {
        const struct sl_test *test = &clause->tests[i];
        bool is_first = test->column->is_core && test->column->index == SL_COLUMN_FIRST_SEEN;
        bool is_last = test->column->is_core && test->column->index == SL_COLUMN_LAST_SEEN;
        if (test->kind != SL_TEST_RANGE || (!is_first && !is_last))
            return true;
        int64_t min_us = bounds[is_first ? 0 : 2];
        int64_t max_us = bounds[is_first ? 1 : 3];
        if ((int64_t)test->low.low <= max_us && (int64_t)test->high.low >= min_us)
            return true;
    }
    return clause->test_count == 0;
}

static bool
may_match_time(const struct sl_scan_request *request, const int64_t bounds[4])
{
    if ((request->prune & SL_PRUNE_TIME) == 0)
        return true;
    for (uint32_t i = 0; i < request->clause_count; i++)
        if (!clause_may_match_time(&request->clauses[i], bounds))
            return false;
    return true;
}

/* Pruning left more rows; are they too many? Under the lock. */
static sl_status
add_candidates(struct sl_scan *scan, uint64_t rows, struct sl_error *err)
{
    uint64_t rows_max = scan->request.rows_max;
    scan->shared->candidate_rows += rows;
    if (rows_max == 0 || scan->shared->candidate_rows <= rows_max)
        return SL_OK;
    return sl_fail(err, SL_LIMIT, "more than %" PRIu64 " rows are left to look at", rows_max);
}

static void
add_segments(struct sl_scan *scan)
{
    const struct sl_version *version = scan->snapshot->version;
    struct sl_scan_counters *counters = &scan->shared->counters;
    for (uint32_t i = 0; i < version->count; i++) {
        const struct sl_catalog_segment *info = &version->segments[i]->info;
        const int64_t bounds[4] = {info->first_seen_min_us, info->first_seen_max_us,
                                   info->last_seen_min_us, info->last_seen_max_us};
        counters->segments++;
        if (!may_match_time(&scan->request, bounds)) {
            counters->segments_pruned_time++;
            continue;
        }
        scan->segment_rows += info->rows;
        for (uint32_t group = 0; group < info->groups; group++)
            scan->units[scan->unit_count++] =
                (struct sl_scan_unit){.min_us = info->last_seen_min_us,
                                      .max_us = info->last_seen_max_us,
                                      .live = version->segments[i],
                                      .group = group,
                                      .segment = i};
    }
}

/* Their rows are all candidates. */
static uint64_t
add_entries(struct sl_scan *scan)
{
    const struct sl_mem_view *view = &scan->snapshot->view;
    uint64_t rows = 0;
    for (uint32_t chunk = 0; chunk < view->chunk_count; chunk++) {
        for (uint32_t i = 0; i < sl_mem_view_count(view, chunk); i++) {
            const struct sl_mem_entry *entry = &view->chunks[chunk]->entries[i];
            const int64_t bounds[4] = {entry->first_seen_min_us, entry->first_seen_max_us,
                                       entry->last_seen_min_us, entry->last_seen_max_us};
            if (!may_match_time(&scan->request, bounds))
                continue;
            rows += entry->batch->row_count;
            scan->units[scan->unit_count++] =
                (struct sl_scan_unit){.min_us = entry->last_seen_min_us,
                                      .max_us = entry->last_seen_max_us,
                                      .entry = entry};
        }
    }
    return rows;
}

static int
compare_newest(const void *a, const void *b)
{
    const struct sl_scan_unit *left = a;
    const struct sl_scan_unit *right = b;
    if (left->max_us != right->max_us)
        return left->max_us > right->max_us ? -1 : 1;
    return left->group < right->group ? -1 : left->group > right->group;
}

static int
compare_oldest(const void *a, const void *b)
{
    const struct sl_scan_unit *left = a;
    const struct sl_scan_unit *right = b;
    if (left->min_us != right->min_us)
        return left->min_us < right->min_us ? -1 : 1;
    return left->group < right->group ? -1 : left->group > right->group;
}

static size_t
count_units(const struct sl_snapshot *snapshot)
{
    size_t count = 0;
    for (uint32_t i = 0; i < snapshot->version->count; i++)
        count += snapshot->version->segments[i]->info.groups;
    for (uint32_t chunk = 0; chunk < snapshot->view.chunk_count; chunk++)
        count += sl_mem_view_count(&snapshot->view, chunk);
    return count;
}

sl_status
sl_scan_open(struct sl_snapshot *snapshot, const struct sl_scan_request *request,
             struct sl_scan **out_scan, struct sl_error *err)
{
    *out_scan = NULL;
    size_t unit_count = count_units(snapshot);
    size_t charged_bytes =
        (unit_count + 1) * sizeof(struct sl_scan_unit) + snapshot->version->count + 1;
    if (unit_count >= UINT32_MAX)
        return sl_fail(err, SL_LIMIT, "%zu row groups are too many for one query", unit_count);
    if (request->budget != NULL && !sl_budget_take(request->budget, charged_bytes))
        return sl_fail(err, SL_LIMIT, "memory for a scan of %zu row groups", unit_count);

    struct sl_scan *scan = sl_new(sizeof(*scan));
    scan->snapshot = snapshot;
    scan->request = *request;
    scan->charged_bytes = charged_bytes;
    atomic_store_explicit(&scan->low_us, INT64_MIN, memory_order_relaxed);
    atomic_store_explicit(&scan->high_us, INT64_MAX, memory_order_relaxed);
    scan->units = sl_new((unit_count + 1) * sizeof(struct sl_scan_unit));
    scan->shared = sl_new(sizeof(*scan->shared));
    scan->shared->matches = sl_new(snapshot->version->count + 1);
    sl_mutex_init(&scan->shared->lock, SL_LOCK_SCAN);
    sl_cond_init(&scan->shared->changed);
    scan->shared->counters.rows_total = snapshot->rows;
    scan->shared->counters.rows_memtable = snapshot->view.rows;
    add_segments(scan);
    sl_status st = add_candidates(scan, add_entries(scan), err);
    SL_ASSERT(scan->unit_count <= unit_count);
    if (st != SL_OK) {
        sl_scan_close(scan);
        return st;
    }
    switch (request->order) {
    case SL_SCAN_NEWEST_FIRST:
        qsort(scan->units, scan->unit_count, sizeof(struct sl_scan_unit), compare_newest);
        break;
    case SL_SCAN_OLDEST_FIRST:
        qsort(scan->units, scan->unit_count, sizeof(struct sl_scan_unit), compare_oldest);
        break;
    case SL_SCAN_ANY:
        break;
    }
    *out_scan = scan;
    return SL_OK;
}

void
sl_scan_close(struct sl_scan *scan)
{
    if (scan == NULL)
        return;
    struct sl_scan_shared *shared = scan->shared;
    while (shared->groups != NULL) {
        struct sl_scan_group *group = shared->groups;
        SL_ASSERT(group->users == 0); /* all morsels were closed before */
        shared->groups = group->next;
        sl_live_file_leave(group->unit->live->file);
        free(group);
    }
    sl_cond_fini(&shared->changed);
    sl_mutex_fini(&shared->lock);
    free(shared->matches);
    free(shared);
    if (scan->request.budget != NULL)
        sl_budget_give(scan->request.budget, scan->charged_bytes);
    free(scan->units);
    free(scan);
}

void
sl_scan_counters(const struct sl_scan *scan, struct sl_scan_counters *out_counters)
{
    sl_mutex_lock(&scan->shared->lock);
    *out_counters = scan->shared->counters;
    sl_mutex_unlock(&scan->shared->lock);
}

void
sl_scan_narrow_time(struct sl_scan *scan, int64_t low_us, int64_t high_us)
{
    /* Relaxed: a worker that sees the old bound does needless work, and nothing else. */
    int64_t low = atomic_load_explicit(&scan->low_us, memory_order_relaxed);
    while (low < low_us &&
           !atomic_compare_exchange_weak_explicit(&scan->low_us, &low, low_us, memory_order_relaxed,
                                                  memory_order_relaxed))
        continue;
    int64_t high = atomic_load_explicit(&scan->high_us, memory_order_relaxed);
    while (high > high_us &&
           !atomic_compare_exchange_weak_explicit(&scan->high_us, &high, high_us,
                                                  memory_order_relaxed, memory_order_relaxed))
        continue;
}

bool
sl_scan_wants(const struct sl_scan *scan, int64_t min_us, int64_t max_us)
{
    return max_us >= atomic_load_explicit(&scan->low_us, memory_order_relaxed) &&
           min_us <= atomic_load_explicit(&scan->high_us, memory_order_relaxed);
}

void
sl_scan_charge(struct sl_scan *scan, struct sl_segment_counters *cost, uint64_t rows)
{
    struct sl_scan_counters *counters = &scan->shared->counters;
    sl_mutex_lock(&scan->shared->lock);
    counters->bytes_read += cost->bytes_read;
    counters->values_decoded += cost->values_decoded;
    counters->blocks_pruned_zone += cost->blocks_pruned_zone;
    counters->blocks_pruned_index += cost->blocks_pruned_index;
    counters->rows_selected += rows;
    sl_mutex_unlock(&scan->shared->lock);
    *cost = (struct sl_segment_counters){0};
}

void
sl_scan_count_damage(struct sl_scan *scan, uint32_t blocks, uint64_t rows)
{
    sl_mutex_lock(&scan->shared->lock);
    scan->shared->counters.blocks_damaged += blocks;
    scan->shared->counters.rows_damaged += rows;
    sl_mutex_unlock(&scan->shared->lock);
}

/* Does the segment as a whole hold a candidate? Once for each segment; no lock held. */
static enum sl_scan_match
match_segment(struct sl_scan *scan, const struct sl_segment_reader *reader)
{
    const struct sl_scan_request *request = &scan->request;
    if (sl_segment_reader_match(reader, request->clauses, request->clause_count, request->prune))
        return SL_MATCH_YES;
    sl_mutex_lock(&scan->shared->lock);
    scan->shared->counters.segments_pruned_zone++;
    sl_mutex_unlock(&scan->shared->lock);
    return SL_MATCH_NO;
}

/* Open and prune the group of a unit; *out_group is NULL when nothing in it is a candidate.
 * *match in: what is known of its segment; out: what is known now. No lock held. */
static sl_status
open_group(struct sl_scan *scan, const struct sl_scan_unit *unit, enum sl_scan_match *match,
           struct sl_segment_counters *cost, struct sl_scan_group **out_group, struct sl_error *err)
{
    struct sl_segment_reader *reader = NULL;
    struct sl_scan_group *group = NULL;
    *out_group = NULL;
    SL_TRY(sl_live_file_enter(unit->live->file, &reader, err));
    sl_status st = SL_OK;
    const struct sl_segment_summary *summary = sl_segment_reader_summary(reader);
    if (summary->group_count != unit->live->info.groups ||
        summary->row_count != unit->live->info.rows) {
        st = sl_fail(err, SL_CORRUPT,
                     "%s holds %" PRIu64 " rows in %" PRIu32 " groups, the catalog says %" PRIu64
                     " in %" PRIu32,
                     unit->live->file->name, summary->row_count, summary->group_count,
                     unit->live->info.rows, unit->live->info.groups);
        goto out;
    }
    if (*match == SL_MATCH_UNKNOWN || *match == SL_MATCH_BUSY) {
        *match = match_segment(scan, reader);
        if (*match == SL_MATCH_NO)
            goto out;
    }
    group = sl_new(sizeof(*group));
    group->unit = unit;
    group->reader = reader;
    group->block_count = sl_segment_reader_blocks(reader, unit->group);
    st = sl_segment_reader_prune(reader, unit->group, scan->request.clauses,
                                 scan->request.clause_count, scan->request.prune, group->minis,
                                 cost, err);
    if (st != SL_OK)
        goto out;
    *out_group = group;
    return SL_OK;
out:
    free(group);
    sl_live_file_leave(unit->live->file);
    return st;
}

/* Rows of a unit that cannot be opened. */
static uint64_t
unit_rows(const struct sl_scan_unit *unit)
{
    return unit->live->info.rows / (unit->live->info.groups == 0 ? 1 : unit->live->info.groups);
}

static sl_status
check_deadline(const struct sl_scan *scan, struct sl_error *err)
{
    int64_t deadline_us = scan->request.deadline_us;
    if (deadline_us == 0 || sl_clock_monotonic_us() <= deadline_us)
        return SL_OK;
    return sl_fail(err, SL_TIMEOUT, "query ran longer than its limit");
}

/* Rows of the minis that pruning left, of which the last one may be shorter. */
static uint64_t
candidate_rows(const struct sl_scan_group *group)
{
    uint32_t group_rows = sl_segment_reader_rows(group->reader, group->unit->group);
    uint32_t short_rows = (SL_MINI_ROWS - group_rows % SL_MINI_ROWS) % SL_MINI_ROWS;
    uint64_t rows = sl_words_count(group->minis, SL_SEGMENT_MINI_WORDS) * SL_MINI_ROWS;
    bool has_last = group_rows != 0 && sl_bit_get(group->minis, (group_rows - 1) / SL_MINI_ROWS);
    return has_last ? rows - short_rows : rows;
}

/* Open the group of a claimed unit and offer its blocks. Called and returns with the lock. */
static sl_status
prepare_unit(struct sl_scan *scan, const struct sl_scan_unit *unit,
             struct sl_segment_counters *cost, struct sl_error *err)
{
    struct sl_scan_shared *shared = scan->shared;
    enum sl_scan_match match = (enum sl_scan_match)shared->matches[unit->segment];
    struct sl_scan_group *group = NULL;
    bool is_first = match == SL_MATCH_UNKNOWN;
    if (is_first)
        shared->matches[unit->segment] = SL_MATCH_BUSY;
    shared->preparing++;
    sl_mutex_unlock(&shared->lock);

    sl_pool_each_lasts(SL_POOL_ALONE_US);
    sl_status st = check_deadline(scan, err);
    if (st == SL_OK)
        st = open_group(scan, unit, &match, cost, &group, err);
    if (st == SL_CORRUPT && scan->request.may_skip_damage) {
        sl_scan_count_damage(scan, 1, unit_rows(unit));
        st = SL_OK;
    }

    sl_mutex_lock(&shared->lock);
    shared->preparing--;
    if (is_first)
        shared->matches[unit->segment] = match == SL_MATCH_NO ? SL_MATCH_NO : SL_MATCH_YES;
    if (group != NULL) {
        struct sl_scan_group **link = &shared->groups;
        while (*link != NULL && (*link)->unit < unit)
            link = &(*link)->next;
        group->next = *link;
        *link = group;
        shared->counters.blocks += group->block_count;
        st = add_candidates(scan, candidate_rows(group), err);
    }
    sl_cond_broadcast(&shared->changed);
    return st;
}

bool
sl_scan_is_candidate(const struct sl_scan_group *group, uint32_t block)
{
    uint32_t bit = block * SL_BLOCK_MINIS;
    return (group->minis[bit / 64] >> (bit % 64) & ((1U << SL_BLOCK_MINIS) - 1)) != 0;
}

/* Unlink a group that has nothing left; NULL when it still has. Under the lock. */
static struct sl_scan_group *
retire_group(struct sl_scan_shared *shared, struct sl_scan_group *group)
{
    if (group->users != 0 || group->next_block < group->block_count)
        return NULL;
    struct sl_scan_group **link = &shared->groups;
    while (*link != group)
        link = &(*link)->next;
    *link = group->next;
    return group;
}

static void
close_group(struct sl_scan_group *group)
{
    if (group == NULL)
        return;
    sl_live_file_leave(group->unit->live->file);
    free(group);
}

/* A block of a group that is open, of `only` when that is not NULL; groups without one are retired.
 * Under the lock, which is let go for a moment when a group is closed. */
static bool
take_block(struct sl_scan *scan, const struct sl_scan_unit *only, struct sl_scan_piece *out_piece)
{
    struct sl_scan_shared *shared = scan->shared;
    struct sl_scan_group *group = shared->groups;
    while (group != NULL) {
        const struct sl_scan_unit *unit = group->unit;
        if (only != NULL && unit != only) {
            group = group->next;
            continue;
        }
        if (!sl_scan_wants(scan, unit->min_us, unit->max_us))
            group->next_block = group->block_count;
        while (group->next_block < group->block_count) {
            uint32_t block = group->next_block++;
            if (!sl_scan_is_candidate(group, block))
                continue;
            group->users++;
            *out_piece = (struct sl_scan_piece){.group = group, .block = block};
            return true;
        }
        struct sl_scan_group *next = group->next;
        struct sl_scan_group *retired = retire_group(shared, group);
        if (retired != NULL) {
            sl_mutex_unlock(&shared->lock);
            close_group(retired);
            sl_mutex_lock(&shared->lock);
            next = shared->groups; /* others may have changed the list meanwhile */
        }
        group = next;
    }
    return false;
}

/* The next unit that may still be of interest, or NULL. Under the lock. A unit whose segment is
 * being matched by another worker has to wait. */
static const struct sl_scan_unit *
claim_unit(struct sl_scan *scan, bool *out_must_wait)
{
    struct sl_scan_shared *shared = scan->shared;
    *out_must_wait = false;
    while (shared->next_unit < scan->unit_count) {
        const struct sl_scan_unit *unit = &scan->units[shared->next_unit];
        if (unit->live != NULL && shared->matches[unit->segment] == SL_MATCH_BUSY) {
            *out_must_wait = true;
            return NULL;
        }
        shared->next_unit++;
        bool is_pruned = unit->live != NULL && shared->matches[unit->segment] == SL_MATCH_NO;
        if (!is_pruned && sl_scan_wants(scan, unit->min_us, unit->max_us))
            return unit;
    }
    return NULL;
}

sl_status
sl_scan_take(struct sl_scan *scan, const struct sl_scan_unit *last,
             struct sl_segment_counters *cost, struct sl_scan_piece *out_piece,
             struct sl_error *err)
{
    struct sl_scan_shared *shared = scan->shared;
    bool is_ordered = scan->request.order != SL_SCAN_ANY;
    sl_status st = SL_OK;
    *out_piece = (struct sl_scan_piece){0};
    sl_mutex_lock(&shared->lock);
    while (st == SL_OK) {
        bool must_wait = false;
        if ((is_ordered || last != NULL) && take_block(scan, is_ordered ? NULL : last, out_piece))
            break;
        const struct sl_scan_unit *unit = claim_unit(scan, &must_wait);
        if (unit == NULL && !is_ordered) {
            if (take_block(scan, NULL, out_piece))
                break;
            unit = claim_unit(scan, &must_wait); /* the lock may have been let go */
        }
        if (unit != NULL && !is_ordered)
            last = unit;
        if (unit != NULL && unit->entry != NULL) {
            out_piece->batch = unit;
            break;
        }
        if (unit != NULL) {
            st = prepare_unit(scan, unit, cost, err);
            continue;
        }
        if (!must_wait && shared->preparing == 0)
            break;
        sl_cond_wait(&shared->changed, &shared->lock);
    }
    sl_mutex_unlock(&shared->lock);
    return st;
}

sl_status
sl_scan_visit(const struct sl_scan_unit *unit, struct sl_scan_group **out_group,
              struct sl_error *err)
{
    struct sl_segment_reader *reader = NULL;
    SL_TRY(sl_live_file_enter(unit->live->file, &reader, err));
    struct sl_scan_group *group = sl_new(sizeof(*group));
    *group = (struct sl_scan_group){.unit = unit, .reader = reader, .users = 1, .is_visited = true};
    *out_group = group;
    return SL_OK;
}

void
sl_scan_leave(struct sl_scan *scan, struct sl_scan_group *group)
{
    if (group->is_visited) {
        close_group(group);
        return;
    }
    sl_mutex_lock(&scan->shared->lock);
    group->users--;
    struct sl_scan_group *retired = retire_group(scan->shared, group);
    sl_mutex_unlock(&scan->shared->lock);
    close_group(retired);
}
