/*
 * segment_cache.c - see segment_cache.h.
 *
 * Kept blocks are a ring. The hand points to the one it looks at next; a new one enters behind it,
 * so that it is looked at last.
 */
#include "storage/segment/segment_cache.h"

#include <stdatomic.h>

#include "storage/base/limits.h"
#include "storage/base/thread.h"

struct sl_segment_cache {
    struct sl_budget budget; /* outer: the memory shared with queries */
    struct sl_mutex lock;    /* guards all blocks, and what follows */
    struct sl_segment_kept *hand;
    uint32_t count; /* in the ring */
};

static void
ring_insert(struct sl_segment_cache *cache, struct sl_segment_kept *kept)
{
    struct sl_segment_kept *next = cache->hand == NULL ? kept : cache->hand;
    struct sl_segment_kept *previous = cache->hand == NULL ? kept : next->previous;
    kept->next = next;
    kept->previous = previous;
    next->previous = kept;
    previous->next = kept;
    cache->hand = next;
    cache->count++;
}

/* Out of the ring and out of its place. */
static void
ring_remove(struct sl_segment_cache *cache, struct sl_segment_kept *kept)
{
    kept->next->previous = kept->previous;
    kept->previous->next = kept->next;
    if (cache->hand == kept)
        cache->hand = kept->next == kept ? NULL : kept->next;
    cache->count--;
    *kept->place = NULL;
    kept->place = NULL;
}

static void
destroy_kept(struct sl_segment_cache *cache, struct sl_segment_kept *kept)
{
    sl_budget_give(&cache->budget, kept->bytes);
    free(kept);
}

/* The next block that nobody has used since the hand came by, out of the ring; NULL when all are in
 * use. The second time round no block is recent any more. */
static struct sl_segment_kept *
take_victim(struct sl_segment_cache *cache)
{
    for (uint64_t left = UINT64_C(2) * cache->count; left > 0; left--) {
        struct sl_segment_kept *kept = cache->hand;
        cache->hand = kept->next;
        if (kept->users == 0 && !kept->is_recent) {
            ring_remove(cache, kept);
            return kept;
        }
        kept->is_recent = false;
    }
    return NULL;
}

/* sl_reclaim_fn: somebody needs memory. */
static bool
reclaim(void *context)
{
    struct sl_segment_cache *cache = context;
    sl_mutex_lock(&cache->lock);
    struct sl_segment_kept *victim = take_victim(cache);
    sl_mutex_unlock(&cache->lock);
    if (victim == NULL)
        return false;
    destroy_kept(cache, victim);
    return true;
}

struct sl_segment_cache *
sl_segment_cache_create(size_t bytes_max, struct sl_budget *memory)
{
    struct sl_segment_cache *cache = sl_new(sizeof(*cache));
    sl_mutex_init(&cache->lock, SL_LOCK_BLOCKS);
    cache->budget.limit_bytes = bytes_max;
    cache->budget.outer = memory;
    cache->budget.reclaim = memory->reclaim = reclaim;
    cache->budget.reclaim_context = memory->reclaim_context = cache;
    return cache;
}

void
sl_segment_cache_destroy(struct sl_segment_cache *cache)
{
    if (cache == NULL)
        return;
    SL_ASSERT(cache->count == 0);
    cache->budget.outer->reclaim = NULL;
    sl_mutex_fini(&cache->lock);
    free(cache);
}

struct sl_segment_kept *
sl_segment_cache_find(struct sl_segment_cache *cache, struct sl_segment_kept **place)
{
    sl_mutex_lock(&cache->lock);
    struct sl_segment_kept *kept = *place;
    if (kept != NULL) {
        kept->users++;
        kept->is_recent = true;
    }
    sl_mutex_unlock(&cache->lock);
    return kept;
}

void
sl_segment_cache_leave(struct sl_segment_cache *cache, struct sl_segment_kept *kept)
{
    sl_mutex_lock(&cache->lock);
    SL_ASSERT(kept->users > 0);
    bool is_last = --kept->users == 0 && kept->place == NULL;
    sl_mutex_unlock(&cache->lock);
    if (is_last)
        destroy_kept(cache, kept);
}

/* Bytes that hold the largest value. */
static uint8_t
width_of(struct sl_vector vector)
{
    uint64_t all = 0;
    if (!sl_type_is_unsigned(vector.type) || vector.width == 1)
        return vector.width;
    for (uint32_t i = 0; i < vector.count; i++)
        all |= sl_vector_entry_u64(&vector, i);
    return all <= UINT8_MAX ? 1 : all <= UINT16_MAX ? 2 : all <= UINT32_MAX ? 4 : 8;
}

/* Values as such of `width` bytes, all of which fit. The vector is a copy, whose width no store
 * through `out` changes. */
static void
copy_values(struct sl_vector vector, uint8_t width, void *out)
{
    if (width == vector.width)
        memcpy(out, vector.values, (size_t)vector.count * width);
    else if (width == 1)
        for (uint32_t i = 0; i < vector.count; i++)
            ((uint8_t *)out)[i] = (uint8_t)sl_vector_entry_u64(&vector, i);
    else if (width == 2)
        for (uint32_t i = 0; i < vector.count; i++)
            ((uint16_t *)out)[i] = (uint16_t)sl_vector_entry_u64(&vector, i);
    else
        for (uint32_t i = 0; i < vector.count; i++)
            ((uint32_t *)out)[i] = (uint32_t)sl_vector_entry_u64(&vector, i);
}

/* A copy of the vector, in memory that the budget gave; NULL when there is none. */
static struct sl_segment_kept *
copy_vector(struct sl_segment_cache *cache, const struct sl_vector *vector)
{
    bool is_dict = vector->encoding == SL_DICT;
    uint8_t width = is_dict ? 4 : width_of(*vector);
    size_t value_bytes = ((size_t)vector->count * width + 7) & ~(size_t)7;
    size_t present_bytes =
        vector->present == NULL ? 0 : sl_words_for(vector->count) * sizeof(uint64_t);
    size_t bytes = sizeof(struct sl_segment_kept) + value_bytes + present_bytes;
    if (!sl_budget_take(&cache->budget, bytes))
        return NULL;
    struct sl_segment_kept *kept = malloc(bytes);
    if (kept == NULL) {
        sl_budget_give(&cache->budget, bytes);
        return NULL;
    }
    uint8_t *values = (uint8_t *)(kept + 1);
    *kept = (struct sl_segment_kept){.values = values, .width = width, .bytes = bytes};
    if (is_dict)
        memcpy(values, vector->codes, (size_t)vector->count * width);
    else
        copy_values(*vector, width, values);
    if (present_bytes != 0) {
        memcpy(values + value_bytes, vector->present, present_bytes);
        kept->present = (const uint64_t *)(const void *)(values + value_bytes);
    }
    return kept;
}

void
sl_segment_cache_offer(struct sl_segment_cache *cache, struct sl_segment_kept **place,
                       const struct sl_vector *vector)
{
    struct sl_segment_kept *kept = copy_vector(cache, vector);
    if (kept == NULL)
        return;
    sl_mutex_lock(&cache->lock);
    bool is_first = *place == NULL; /* two may decode the same block at once */
    if (is_first) {
        *place = kept;
        kept->place = place;
        ring_insert(cache, kept);
    }
    sl_mutex_unlock(&cache->lock);
    if (!is_first)
        destroy_kept(cache, kept);
}

void
sl_segment_cache_forget(struct sl_segment_cache *cache, struct sl_segment_kept **places,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sl_mutex_lock(&cache->lock);
        struct sl_segment_kept *kept = places[i];
        bool is_unused = kept != NULL && kept->users == 0;
        if (kept != NULL)
            ring_remove(cache, kept);
        sl_mutex_unlock(&cache->lock);
        if (is_unused)
            destroy_kept(cache, kept);
    }
}

size_t
sl_segment_cache_bytes(const struct sl_segment_cache *cache)
{
    return atomic_load_explicit(&cache->budget.used_bytes, memory_order_relaxed);
}
