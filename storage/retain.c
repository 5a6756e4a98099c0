/*
 * retain.c - see retain.h.
 */
#include "storage/retain.h"

#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/log.h"

uint64_t
sl_retain_used_bytes(struct sl_store *store)
{
    struct sl_journal_status journal = {0};
    sl_journal_status(store->journal, &journal);
    uint64_t bytes =
        journal.bytes + sl_catalog_bytes(store->catalog) + sl_live_files_held_bytes(store->files);
    sl_mutex_lock(&store->lock);
    bytes += store->version->bytes + store->merge_bytes;
    sl_mutex_unlock(&store->lock);
    return bytes;
}

/* The cap in bytes; UINT64_MAX: none. */
static sl_status
find_cap(struct sl_store *store, uint64_t *out_cap_bytes, struct sl_error *err)
{
    const struct sl_store_options *options = &store->options;
    *out_cap_bytes = options->disk_cap_bytes == 0 ? UINT64_MAX : options->disk_cap_bytes;
    if (options->disk_cap_percent == 0)
        return SL_OK;
    uint64_t free_bytes = 0;
    uint64_t total_bytes = 0;
    SL_TRY(sl_dir_space(store->dir_fd, &free_bytes, &total_bytes, err));
    uint64_t percent_bytes = total_bytes / 100 * options->disk_cap_percent;
    if (percent_bytes < *out_cap_bytes)
        *out_cap_bytes = percent_bytes;
    return SL_OK;
}

static int
compare_age(const void *left, const void *right)
{
    const struct sl_live *a = *(const struct sl_live *const *)left;
    const struct sl_live *b = *(const struct sl_live *const *)right;
    if (a->info.partition_last_us != b->info.partition_last_us)
        return a->info.partition_last_us < b->info.partition_last_us ? -1 : 1;
    return a->info.number < b->info.number ? -1 : a->info.number > b->info.number;
}

struct victims {
    uint64_t *numbers; /* owned */
    uint32_t count;
    uint64_t rows, bytes;
};

/* The oldest segments: those that ended before cutoff_us, and further ones until `excess_bytes`
 * are found. */
static struct victims
pick_victims(const struct sl_version *version, int64_t cutoff_us, uint64_t excess_bytes)
{
    struct victims victims = {0};
    const struct sl_live **list = sl_new((version->count + 1) * sizeof(struct sl_live *));
    victims.numbers = sl_new((version->count + 1) * sizeof(uint64_t));
    for (uint32_t i = 0; i < version->count; i++)
        list[i] = version->segments[i];
    qsort(list, version->count, sizeof(struct sl_live *), compare_age);
    for (uint32_t i = 0; i < version->count; i++) {
        const struct sl_catalog_segment *info = &list[i]->info;
        bool is_victim = info->partition_last_us < cutoff_us || victims.bytes < excess_bytes;
        if (is_victim) {
            victims.numbers[victims.count++] = info->number;
            victims.rows += info->rows - info->dead_rows;
            victims.bytes += info->bytes;
        }
    }
    free(list);
    return victims;
}

/* PUBLISH turn. */
static sl_status
drop_victims(struct sl_store *store, const struct victims *victims, struct sl_error *err)
{
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    const struct sl_version_change change = {.removed = victims->numbers,
                                             .removed_count = victims->count};
    for (uint32_t i = 0; i < victims->count; i++)
        sl_catalog_remove_segment(edit, victims->numbers[i]);
    sl_status st = sl_store_publish(store, edit, &change, false, err);
    if (st == SL_OK) {
        sl_mutex_lock(&store->lock);
        store->rows_dropped_retention += victims->rows;
        sl_mutex_unlock(&store->lock);
    }
    return st;
}

sl_status
sl_retain(struct sl_store *store, struct sl_error *err)
{
    uint64_t cap_bytes = UINT64_MAX;
    SL_TRY(find_cap(store, &cap_bytes, err));
    int64_t cutoff_us = sl_store_retention_from_us(store);

    sl_store_turn_take(store, SL_TURN_PUBLISH);
    uint64_t used_bytes = sl_retain_used_bytes(store);
    uint64_t held_bytes = sl_live_files_held_bytes(store->files);
    uint64_t excess_bytes = used_bytes > cap_bytes ? used_bytes - cap_bytes : 0;
    /* What readers hold is on its way out: it is not paid for with further segments. */
    excess_bytes -= sl_min_size(excess_bytes, held_bytes);
    struct sl_version *version = sl_store_version(store);
    struct victims victims = pick_victims(version, cutoff_us, excess_bytes);
    sl_version_release(version);
    sl_status st = SL_OK;
    if (victims.count != 0)
        st = drop_victims(store, &victims, err);
    sl_store_turn_give(store, SL_TURN_PUBLISH);
    uint64_t dropped_rows = st == SL_OK ? victims.rows : 0;
    free(victims.numbers);
    if (dropped_rows != 0)
        sl_log(SL_LOG_INFO, "store", "retention dropped %" PRIu64 " rows", dropped_rows);

    used_bytes = sl_retain_used_bytes(store);
    if (used_bytes > cap_bytes)
        sl_snapshots_revoke(store);
    sl_mutex_lock(&store->lock);
    store->is_over_cap = used_bytes > cap_bytes && store->version->count == 0 &&
                         sl_live_files_held_bytes(store->files) == 0;
    sl_mutex_unlock(&store->lock);
    return st;
}
