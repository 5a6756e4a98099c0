/*
 * tend.c - see tend.h.
 */
#include "storage/tend.h"

#include <stdlib.h>

#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/slab.h"
#include "storage/merge.h"
#include "storage/retain.h"
#include "storage/seal.h"

#define TEND_TICK_US  (INT64_C(200) * 1000)
#define TEND_RETRY_US SL_US_PER_S
#define TEND_IDLE_US  (INT64_C(2) * SL_US_PER_S)

/* Memory is not worth giving back when a seal will want it again so soon: to get it costs more than to
 * fill it, on a guest whose host has taken it most of all. */
#define TEND_KEEP_US (INT64_C(30) * SL_US_PER_S)

/* So much freed memory may stay, and more for so many ticks in which none is freed: queries that
 * follow each other use it again. */
#define TEND_FREE_BYTES ((size_t)256 << 20)
#define TEND_FREE_TICKS 5

struct freed {
    size_t bytes;
    unsigned ticks;
};

#define TEND_RETAIN_US (INT64_C(10) * SL_US_PER_S)
#define TEND_CAP_US    SL_US_PER_S

/* What is tried again every second would fill the log of a full disk. */
static struct sl_log_kind seal_lines, merge_lines, journal_lines, retain_lines;

/* Wait for a wake or a while; false: the store is being closed. Under the lock. */
static bool
rest(struct sl_store *store, int64_t us)
{
    if (!store->is_closing)
        (void)sl_cond_wait_us(&store->wake, &store->lock, us);
    return !store->is_closing;
}

bool
sl_tend_is_idle(int64_t since_us, uint64_t rows, uint32_t seal_rows)
{
    return since_us >= TEND_IDLE_US &&
           (double)rows * (double)TEND_KEEP_US < (double)since_us * (double)seal_rows;
}

/* Nothing was encoded for a while: its memory, that of the batches, and what was freed meanwhile,
 * goes back to the system. While groups follow each other they use the same pages. Under the lock. */
static void
rest_encoder(struct sl_store *store)
{
    bool is_idle = !store->turns[SL_TURN_ENCODE] &&
                   sl_tend_is_idle(sl_clock_monotonic_us() - store->encoded_us,
                                   store->memtable.rows, store->options.seal_rows);
    if (!is_idle || (sl_arena_used_bytes(store->encoder) == 0 && sl_slab_kept_bytes() == 0))
        return;
    sl_store_turn_take_locked(store, SL_TURN_ENCODE);
    sl_mutex_unlock(&store->lock);
    sl_arena_clear(
        store->encoder); /* emptied in place: a writer that waits for its turn borrows it */
    sl_slab_trim();
    sl_memory_trim();
    sl_store_turn_give(store, SL_TURN_ENCODE);
    sl_mutex_lock(&store->lock);
}

/* What large queries have freed goes back to the system when none takes it again. Under the lock. */
static void
return_memory(struct sl_store *store, struct freed *freed)
{
    size_t bytes = sl_memory_freed_bytes();
    freed->ticks = bytes > TEND_FREE_BYTES && bytes == freed->bytes ? freed->ticks + 1 : 0;
    freed->bytes = bytes;
    if (freed->ticks < TEND_FREE_TICKS)
        return;
    sl_mutex_unlock(&store->lock);
    sl_memory_trim();
    sl_mutex_lock(&store->lock);
}

static void
seal_main(void *context)
{
    struct sl_store *store = context;
    struct freed freed = {0};

    sl_thread_set_niceness(SL_NICENESS_INGEST);
    sl_mutex_lock(&store->lock);
    while (!store->is_closing) {
        if (!sl_store_is_seal_due(store, sl_clock_monotonic_us())) {
            rest_encoder(store);
            return_memory(store, &freed);
            (void)rest(store, TEND_TICK_US);
            continue;
        }
        sl_mutex_unlock(&store->lock);
        struct sl_error err = {0};
        sl_status st = sl_seal(store, &err);
        if (st != SL_OK)
            sl_log_limited(&seal_lines, SL_LOG_ERROR, "store", "%s; it is tried again", err.text);
        sl_mutex_lock(&store->lock);
        int64_t until_us = sl_clock_monotonic_us() + (st == SL_OK ? 0 : TEND_RETRY_US);
        while (sl_clock_monotonic_us() < until_us && rest(store, TEND_TICK_US))
            continue;
    }
    sl_mutex_unlock(&store->lock);
}

/* Run the merge that is due, if there is one; true: another one may be. */
static bool
tend_merge(struct sl_store *store)
{
    struct sl_merge_pick pick;
    struct sl_error err = {0};
    bool is_merged = false;
    struct sl_version *version = sl_store_version(store);
    bool is_due = sl_merge_plan(version, sl_clock_now_us(), sl_clock_monotonic_us(),
                                SL_MERGE_WHEN_DUE, &pick);
    sl_version_release(version);
    sl_mutex_lock(&store->lock);
    store->merge_backlog_bytes = is_due ? pick.bytes : 0;
    sl_mutex_unlock(&store->lock);
    if (!is_due)
        return false;
    sl_status st = sl_merge_run(store, SL_MERGE_WHEN_DUE, &is_merged, &err);
    if (st != SL_OK && st != SL_CANCELLED)
        sl_log_limited(&merge_lines, SL_LOG_ERROR, "store", "merge: %s", err.text);
    return is_merged;
}

static void
merge_main(void *context)
{
    struct sl_store *store = context;
    sl_thread_set_niceness(SL_NICENESS_MERGE);
    sl_mutex_lock(&store->lock);
    while (rest(store, TEND_RETRY_US)) {
        bool is_again = true;
        while (is_again && !store->is_closing) {
            sl_mutex_unlock(&store->lock);
            is_again = tend_merge(store);
            sl_mutex_lock(&store->lock);
        }
    }
    sl_mutex_unlock(&store->lock);
}

/* A journal that failed is replaced when all that it should hold is in segments. */
static void
tend_journal(struct sl_store *store)
{
    struct sl_error err = {0};
    if (!sl_journal_trouble(store->journal, &err))
        return;
    sl_status st = sl_seal(store, &err);
    if (st == SL_OK)
        st = sl_journal_replace(store->journal, NULL, &err);
    if (st == SL_OK)
        sl_log(SL_LOG_WARN, "store", "the journal was replaced by a healthy file");
    else
        sl_log_limited(&journal_lines, SL_LOG_ERROR, "store", "the journal cannot be replaced: %s",
                       err.text);
}

static void
tend_retain(struct sl_store *store, int64_t *due_us)
{
    struct sl_error err = {0};
    const struct sl_store_options *options = &store->options;
    bool has_cap = options->disk_cap_bytes != 0 || options->disk_cap_percent != 0;
    int64_t now_us = sl_clock_monotonic_us();
    if ((!has_cap && options->retention_us == 0) || now_us < *due_us)
        return;
    *due_us = now_us + (has_cap ? TEND_CAP_US : TEND_RETAIN_US);
    if (sl_retain(store, &err) != SL_OK)
        sl_log_limited(&retain_lines, SL_LOG_ERROR, "store", "retention: %s", err.text);
}

static int
compare_newest(const void *a, const void *b)
{
    const struct sl_live *left = *(struct sl_live *const *)a;
    const struct sl_live *right = *(struct sl_live *const *)b;
    return (left->info.last_seen_max_us < right->info.last_seen_max_us) -
           (left->info.last_seen_max_us > right->info.last_seen_max_us);
}

/* The first questions after a start find the newest segments open: to read and prove their directories
 * is most of what a narrow question would else wait for. */
static void
open_newest(struct sl_store *store)
{
    struct sl_version *version = sl_store_version(store);
    struct sl_live **lives = sl_new((version->count + 1) * sizeof(struct sl_live *));
    memcpy(lives, version->segments, version->count * sizeof(struct sl_live *));
    qsort(lives, version->count, sizeof(struct sl_live *), compare_newest);
    bool is_closing = false;
    for (uint32_t i = 0; i < version->count && !is_closing; i++) {
        if (!sl_live_file_prepare(lives[i]->file))
            break;
        sl_mutex_lock(&store->lock);
        is_closing = store->is_closing;
        sl_mutex_unlock(&store->lock);
    }
    free(lives);
    sl_version_release(version);
}

static void
tend_main(void *context)
{
    struct sl_store *store = context;
    int64_t retain_due_us = 0;
    open_newest(store);
    sl_mutex_lock(&store->lock);
    while (rest(store, TEND_RETRY_US)) {
        sl_mutex_unlock(&store->lock);
        tend_journal(store);
        tend_retain(store, &retain_due_us);
        sl_mutex_lock(&store->lock);
    }
    sl_mutex_unlock(&store->lock);
}

void
sl_tend_start(struct sl_store *store)
{
    store->seal_thread = sl_thread_start("store-seal", seal_main, store);
    if (!store->options.is_merge_off)
        store->merge_thread = sl_thread_start("store-merge", merge_main, store);
    store->tend_thread = sl_thread_start("store-tend", tend_main, store);
}

void
sl_tend_stop(struct sl_store *store)
{
    sl_thread_join(store->seal_thread);
    sl_thread_join(store->merge_thread);
    sl_thread_join(store->tend_thread);
    store->seal_thread = store->merge_thread = store->tend_thread = NULL;
}
