/*
 * group_prune.c - groups that nobody asks for are left out before they cost anything.
 *
 * Who asks for the hosts with the greatest sums, or for those with at least so much (sl_group_floor), wants
 * a few of very many. So the sums of a dictionary stay where they are when another one comes: a *run*, in
 * which each key is at most once. In the end there is a *floor*, below which no group of the answer lies:
 * what was asked for, or the n-th greatest sum of some run. Each run has its share of it, by its rows. A group
 * that is below the share of every run is below the floor altogether; those that reach it in some run are
 * *candidates*, and so are all that have a record in a table already. Candidates are bits by hash of the
 * address, so that what runs hold of one becomes records from all runs or from none: a group is whole, or
 * it is not there.
 *
 * Only addresses: no other dictionaries are so large that it pays.
 */
#include "query/group.h"

enum {
    CANDIDATE_WORDS = (1 << GROUP_CANDIDATE_BITS) / 64,
    RECORDS_MAX =
        1 << (GROUP_CANDIDATE_BITS - 3), /* of tables: with more of them few are left out */
    RUNS_FIRST = 8,
};

bool
group_prune_is_possible(const struct group *group)
{
    return group->has_floor && group->key_count == 1 && group->keys[0].addrs != NULL &&
           group->is_all_sums;
}

/* The asked sum of each entry, `stride` words apart. */
static const uint64_t *
asked_sums(const struct group *group, const struct group_dense *run)
{
    const uint64_t *sums = (const void *)run->records;
    return sums + group->aggregates[group->asked.aggregate].sum;
}

/* ---- keeping runs ---- */

/* The n-th greatest sum of a run, if it is above `floor`, else that. */
static uint64_t
raise_floor(const struct group *group, const struct group_dense *run, uint64_t floor)
{
    const uint64_t *sums = asked_sums(group, run);
    uint64_t heap[GROUP_TOP_MAX];
    uint32_t count = (uint32_t)group->asked.keep;

    SL_ASSERT(count != 0 && count <= GROUP_TOP_MAX);
    for (uint32_t i = 0; i < count; i++)
        heap[i] = floor;
    for (uint32_t entry = 0; entry < run->vector.count; entry++)
        if (sums[(size_t)entry * group->sum_stride] > heap[0])
            group_floor_replace_least(heap, count, sums[(size_t)entry * group->sum_stride]);
    return heap[0];
}

static bool
reserve_run(struct group_runs *runs)
{
    uint32_t capacity = runs->capacity == 0 ? (uint32_t)RUNS_FIRST : 2 * runs->capacity;

    if (runs->count < runs->capacity)
        return true;
    struct group_dense *more = realloc(runs->runs, capacity * sizeof(*more));
    if (more == NULL)
        return false;
    runs->runs = more;
    runs->capacity = capacity;
    return true;
}

bool
group_run_keep(const struct group *group, struct group_worker *w, struct group_dense *dense)
{
    struct group_runs *runs = &w->runs;

    if (!group->is_pruned || runs->is_off || !dense->is_summed || dense->dictionary == 0 ||
        !reserve_run(runs))
        return false;
    if (group->asked.kind == SL_FLOOR_TOP)
        runs->floor = raise_floor(group, dense, runs->floor);
    runs->runs[runs->count++] = *dense;
    runs->bytes += group_dense_bytes(group, dense);
    *dense = (struct group_dense){0};
    return true;
}

void
group_runs_fini(const struct group *group, struct group_runs *runs, struct sl_budget *budget)
{
    for (uint32_t i = 0; i < runs->count; i++)
        group_dense_fini(group, &runs->runs[i], budget);
    free(runs->runs);
    *runs = (struct group_runs){.is_off = true};
}

bool
group_runs_flush(const struct group *group, struct group_worker *w)
{
    for (uint32_t i = 0; i < w->runs.count; i++) {
        if (!group_dense_flush(group, w, &w->runs.runs[i]))
            return false;
        group_dense_fini(group, &w->runs.runs[i], w->table.budget);
    }
    group_runs_fini(group, &w->runs, w->table.budget);
    return true;
}

/* ---- candidates ---- */

static void
add_candidate(const struct group *group, struct sl_addr addr)
{
    uint64_t bit = group_candidate_bit(addr);
    /* Relaxed: they are read when all workers are done. */
    atomic_fetch_or_explicit(&group->candidates[bit / 64], UINT64_C(1) << bit % 64,
                             memory_order_relaxed);
}

/* Entries of a run that have its share of the floor. The shares of all runs add up to no more than
 * that. */
static void
add_of_run(const struct group *group, const struct group_dense *run)
{
    const uint64_t *sums = asked_sums(group, run);
    uint64_t share = (uint64_t)((sl_u128)group->floor * run->row_count / group->run_rows);

    for (uint32_t entry = 0; entry < run->vector.count; entry++)
        if (SL_UNLIKELY(sums[(size_t)entry * group->sum_stride] >= share))
            add_candidate(group, sl_vector_entry_addr(&run->vector, entry));
}

static void
add_of_table(const struct group *group, const struct sl_group_table *table)
{
    const struct group_key *key = &group->keys[0];

    for (unsigned i = 0; i < SL_GROUP_PARTITIONS; i++) {
        const struct sl_group_partition *p = &table->partitions[i];
        for (const struct sl_group_page *page = p->first; page != NULL; page = page->next) {
            const uint8_t *record = page->records + table->state_bytes + key->offset;
            uint32_t count = sl_group_page_count(table, p, page);
            for (uint32_t at = 0; at < count; at++, record += table->record_bytes) {
                uint32_t code;
                memcpy(&code, record, sizeof(code));
                if (code != SL_ADDR_CODE_NONE)
                    add_candidate(group, sl_addr_pool_addr(key->addrs, code));
            }
        }
    }
}

static sl_status
add_candidates(void *context, unsigned worker, struct sl_error *err)
{
    const struct sl_op *op = context;
    const struct group *group = op->state;
    const struct group_worker *w = &group->workers[worker];

    SL_TRY(sl_exec_check(op->exec, err));
    add_of_table(group, &w->table);
    for (uint32_t i = 0; i < w->runs.count; i++)
        add_of_run(group, &w->runs.runs[i]);
    return SL_OK;
}

static sl_status
flush_runs(void *context, unsigned worker, struct sl_error *err)
{
    const struct sl_op *op = context;
    const struct group *group = op->state;

    SL_TRY(sl_exec_check(op->exec, err));
    return group_runs_flush(group, &group->workers[worker]) ? SL_OK
                                                            : sl_exec_out_of_memory(op->exec, err);
}

/* What is known of all runs together; false: groups are not left out after all. */
static bool
find_floor(struct group *group, unsigned worker_count)
{
    uint64_t record_count = 0;
    bool is_in_memory = true;

    group->run_rows = 0;
    for (unsigned i = 0; i < worker_count; i++) {
        const struct group_worker *w = &group->workers[i];
        record_count += sl_group_table_count(&w->table);
        is_in_memory &= w->spill.size_bytes == 0;
        group_floor_raise(group, w->runs.floor);
        for (uint32_t run = 0; run < w->runs.count; run++)
            group->run_rows += w->runs.runs[run].row_count;
    }
    return group->floor != 0 && group->run_rows != 0 && is_in_memory && record_count <= RECORDS_MAX;
}

sl_status
group_prune(struct sl_op *op, struct sl_error *err)
{
    struct group *group = op->state;
    unsigned worker_count = op->exec->threads;

    if (!group->is_pruned)
        return SL_OK;
    if (find_floor(group, worker_count)) {
        _Atomic uint64_t *candidates =
            sl_arena_calloc(group->workers[0].kept, CANDIDATE_WORDS, sizeof(*candidates));
        if (candidates == NULL)
            return sl_exec_out_of_memory(op->exec, err);
        group->candidates = candidates;
        SL_TRY(sl_exec_each(op->exec, worker_count, add_candidates, op, err));
    }
    return sl_exec_each(op->exec, worker_count, flush_runs, op, err);
}
