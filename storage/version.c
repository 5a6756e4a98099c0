/*
 * version.c - see version.h.
 */
#include "storage/version.h"

#include <stdatomic.h>

struct sl_live *
sl_live_create(const struct sl_catalog_segment *info, struct sl_live_file *file, int64_t born_us)
{
    struct sl_live *live = sl_new(sizeof(*live));
    live->info = *info;
    live->file = file;
    live->born_us = born_us;
    atomic_store_explicit(&live->references, 1, memory_order_relaxed);
    return live;
}

void
sl_live_acquire(struct sl_live *live)
{
    atomic_fetch_add_explicit(&live->references, 1, memory_order_relaxed);
}

void
sl_live_release(struct sl_live *live)
{
    if (live == NULL)
        return;
    /* Release publishes this thread's last reads, acquire collects those of all others. */
    if (atomic_fetch_sub_explicit(&live->references, 1, memory_order_acq_rel) != 1)
        return;
    sl_live_file_release(live->file);
    for (uint32_t group = 0; group < SL_GROUPS_PER_SEGMENT_MAX; group++)
        sl_bitmap_destroy(live->deads[group]);
    free(live);
}

static struct sl_version *
create_version(uint32_t capacity)
{
    struct sl_version *version = sl_new(sizeof(*version) + capacity * sizeof(struct sl_live *));
    atomic_store_explicit(&version->references, 1, memory_order_relaxed);
    return version;
}

struct sl_version *
sl_version_create(void)
{
    return create_version(0);
}

void
sl_version_acquire(struct sl_version *version)
{
    atomic_fetch_add_explicit(&version->references, 1, memory_order_relaxed);
}

void
sl_version_release(struct sl_version *version)
{
    if (version == NULL)
        return;
    /* As in sl_live_release. */
    if (atomic_fetch_sub_explicit(&version->references, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < version->count; i++)
        sl_live_release(version->segments[i]);
    free(version);
}

static int
compare_live(const void *a, const void *b)
{
    const struct sl_live *left = *(struct sl_live *const *)a;
    const struct sl_live *right = *(struct sl_live *const *)b;
    return left->info.number < right->info.number ? -1 : left->info.number > right->info.number;
}

static int
compare_number(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

struct sl_version *
sl_version_apply(const struct sl_version *version, const struct sl_version_change *change)
{
    uint32_t gone_count = change->removed_count + change->added_count;
    uint64_t *gone = sl_new((gone_count + 1) * sizeof(uint64_t));
    for (uint32_t i = 0; i < change->removed_count; i++)
        gone[i] = change->removed[i];
    for (uint32_t i = 0; i < change->added_count; i++)
        gone[change->removed_count + i] = change->added[i]->info.number;
    qsort(gone, gone_count, sizeof(uint64_t), compare_number);

    struct sl_version *next = create_version(version->count + change->added_count);
    for (uint32_t i = 0; i < version->count; i++) {
        const uint64_t *number = &version->segments[i]->info.number;
        if (bsearch(number, gone, gone_count, sizeof(uint64_t), compare_number) == NULL)
            next->segments[next->count++] = version->segments[i];
    }
    free(gone);
    for (uint32_t i = 0; i < change->added_count; i++)
        next->segments[next->count++] = change->added[i];
    if (change->added_count != 0)
        qsort(next->segments, next->count, sizeof(struct sl_live *), compare_live);
    for (uint32_t i = 0; i < next->count; i++) {
        const struct sl_catalog_segment *info = &next->segments[i]->info;
        sl_live_acquire(next->segments[i]);
        next->rows += info->rows - info->dead_rows;
        next->bytes += info->bytes;
    }
    return next;
}

struct sl_live *
sl_version_find(const struct sl_version *version, uint64_t number)
{
    uint32_t low = 0;
    uint32_t high = version->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (version->segments[middle]->info.number < number)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_found = low < version->count && version->segments[low]->info.number == number;
    return is_found ? version->segments[low] : NULL;
}
