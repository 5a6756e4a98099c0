/*
 * forget.c - see forget.h.
 */
#include "storage/forget.h"

struct span {
    int64_t first_us, last_us; /* both inclusive */
};

static int
compare_spans(const void *left, const void *right)
{
    const struct span *a = left;
    const struct span *b = right;
    return a->first_us < b->first_us ? -1 : a->first_us > b->first_us;
}

/* last_seen of the live segments as spans that neither overlap nor touch, in order. */
static struct span *
list_spans(const struct sl_version *version, uint32_t *out_count)
{
    struct span *spans = sl_new(sl_max_size(version->count, 1) * sizeof(struct span));
    for (uint32_t i = 0; i < version->count; i++)
        spans[i] = (struct span){version->segments[i]->info.last_seen_min_us,
                                 version->segments[i]->info.last_seen_max_us};
    qsort(spans, version->count, sizeof(struct span), compare_spans);
    uint32_t count = 0;
    for (uint32_t i = 0; i < version->count; i++) {
        if (count == 0 || spans[i].first_us > spans[count - 1].last_us)
            spans[count++] = spans[i];
        else if (spans[i].last_us > spans[count - 1].last_us)
            spans[count - 1].last_us = spans[i].last_us;
    }
    *out_count = count;
    return spans;
}

static bool
touches(const struct span *spans, uint32_t count, int64_t oldest_us, int64_t newest_us)
{
    uint32_t low = 0;
    uint32_t high = count; /* the first span that ends at oldest_us or later is in low .. high */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (spans[middle].last_us < oldest_us)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && spans[low].first_us <= newest_us;
}

struct sl_forgotten
sl_forget_imports(const struct sl_ledger *ledger, const struct sl_version *version,
                  uint64_t memory_position, struct sl_catalog_edit *edit)
{
    struct sl_forgotten forgotten = {0};
    if (ledger->import_count == 0)
        return forgotten;
    uint32_t span_count = 0;
    struct span *spans = list_spans(version, &span_count);
    for (uint32_t i = 0; i < SL_LEDGER_BUCKETS; i++) {
        for (const struct sl_import *m = ledger->imports[i]; m != NULL; m = m->next) {
            if (m->rows == 0 || m->last_position >= memory_position ||
                touches(spans, span_count, m->oldest_us, m->newest_us))
                continue;
            sl_catalog_remove_import(edit, m->id);
            forgotten.ids = sl_grow(forgotten.ids, sizeof(struct sl_hash128), forgotten.count + 1);
            forgotten.ids[forgotten.count++] = m->id;
        }
    }
    free(spans);
    return forgotten;
}
