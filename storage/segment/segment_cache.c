/*
 * segment_cache.c - see segment_cache.h.
 *
 * Slabs are a ring. The hand points to the one it looks at next; a new one enters behind it, so that
 * it is looked at last. They are pages of the system and no memory of malloc, so that what is given
 * back is free for others. (Huge pages would halve the cost of new memory, but where it is
 * fragmented the system stops to make them: a query of 80 ms then took 300.)
 */
#include "storage/segment/segment_cache.h"

#include <stdatomic.h>

#include "storage/base/limits.h"
#include "storage/base/thread.h"
#include "storage/codec/bits.h"

enum {
    SLAB_BYTES_MIN = 64 << 10,
    SLAB_BYTES_MAX = 2 << 20,
    SLABS = 16,       /* at least, in the room that there is */
    ALIGN_BYTES = 64, /* of a block */
    TURNS = 32,       /* one of so many looks is worked for */
};

struct sl_segment_slab {
    struct sl_segment_slab *next, *previous;
    uint8_t *memory; /* owned; begins with blocks */
    size_t used_bytes;
    uint32_t users; /* of its blocks */
    bool is_recent;
    uint32_t block_count;           /* with a place */
    struct sl_segment_kept *blocks; /* all of them */
};

struct sl_segment_cache {
    struct sl_budget budget; /* outer: the memory shared with queries */
    size_t slab_bytes;
    struct sl_mutex lock; /* guards slabs, places, and what follows */
    struct sl_segment_slab *hand;
    struct sl_segment_slab *open; /* new blocks go there; NULL: none */
    uint32_t count;               /* of slabs */
    _Atomic uint32_t looks;       /* blocks that might have been worked for */
};

static void
ring_insert(struct sl_segment_cache *cache, struct sl_segment_slab *slab)
{
    struct sl_segment_slab *next = cache->hand == NULL ? slab : cache->hand;
    struct sl_segment_slab *previous = cache->hand == NULL ? slab : next->previous;
    slab->next = next;
    slab->previous = previous;
    next->previous = slab;
    previous->next = slab;
    cache->hand = next;
    cache->open = slab;
    cache->count++;
}

static void
ring_remove(struct sl_segment_cache *cache, struct sl_segment_slab *slab)
{
    slab->next->previous = slab->previous;
    slab->previous->next = slab->next;
    if (cache->hand == slab)
        cache->hand = slab->next == slab ? NULL : slab->next;
    if (cache->open == slab)
        cache->open = NULL;
    cache->count--;
}

/* Empty, and with room for the taking; NULL when there is no memory. */
static struct sl_segment_slab *
create_slab(struct sl_segment_cache *cache)
{
    if (!sl_budget_take(&cache->budget, cache->slab_bytes))
        return NULL;
    uint8_t *memory = sl_pages_take(cache->slab_bytes);
    if (memory == NULL) {
        sl_budget_give(&cache->budget, cache->slab_bytes);
        return NULL;
    }
    struct sl_segment_slab *slab = sl_new(sizeof(*slab));
    slab->memory = memory;
    return slab;
}

/* Out of the ring before. NULL is allowed. */
static void
destroy_slab(struct sl_segment_cache *cache, struct sl_segment_slab *slab)
{
    if (slab == NULL)
        return;
    sl_pages_give(slab->memory, cache->slab_bytes);
    sl_budget_give(&cache->budget, cache->slab_bytes);
    free(slab);
}

/* The slab, out of the ring, when nobody can find or use a block of it; else NULL. */
static struct sl_segment_slab *
take_dead(struct sl_segment_cache *cache, struct sl_segment_slab *slab)
{
    if (slab->users != 0 || slab->block_count != 0)
        return NULL;
    ring_remove(cache, slab);
    return slab;
}

static void
forget_block(struct sl_segment_kept *kept)
{
    *kept->place = NULL;
    kept->place = NULL;
    kept->slab->block_count--;
}

/* The next slab that nobody has used since the hand came by, out of the ring; NULL when all are in
 * use. The second time round none is recent any more. */
static struct sl_segment_slab *
take_victim(struct sl_segment_cache *cache)
{
    for (uint64_t left = UINT64_C(2) * cache->count; left > 0; left--) {
        struct sl_segment_slab *slab = cache->hand;
        cache->hand = slab->next;
        if (slab->users != 0 || slab->is_recent) {
            slab->is_recent = false;
            continue;
        }
        for (struct sl_segment_kept *kept = slab->blocks; kept != NULL; kept = kept->next)
            if (kept->place != NULL)
                forget_block(kept);
        return take_dead(cache, slab);
    }
    return NULL;
}

/* sl_reclaim_fn: somebody needs memory. */
static bool
reclaim(void *context)
{
    struct sl_segment_cache *cache = context;
    sl_mutex_lock(&cache->lock);
    struct sl_segment_slab *victim = take_victim(cache);
    sl_mutex_unlock(&cache->lock);
    destroy_slab(cache, victim);
    return victim != NULL;
}

struct sl_segment_cache *
sl_segment_cache_create(size_t bytes_max, struct sl_budget *memory)
{
    struct sl_segment_cache *cache = sl_new(sizeof(*cache));
    sl_mutex_init(&cache->lock, SL_LOCK_BLOCKS);
    size_t share_bytes =
        sl_max_size(bytes_max / SLABS & ~(size_t)(SLAB_BYTES_MIN - 1), SLAB_BYTES_MIN);
    cache->slab_bytes = sl_min_size(share_bytes, SLAB_BYTES_MAX);
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
        kept->slab->users++;
        kept->slab->is_recent = true;
    }
    sl_mutex_unlock(&cache->lock);
    return kept;
}

void
sl_segment_cache_leave(struct sl_segment_cache *cache, struct sl_segment_kept *kept)
{
    sl_mutex_lock(&cache->lock);
    SL_ASSERT(kept->slab->users > 0);
    kept->slab->users--;
    struct sl_segment_slab *dead = take_dead(cache, kept->slab);
    sl_mutex_unlock(&cache->lock);
    destroy_slab(cache, dead);
}

static uint64_t
any_bits(const void *values, uint8_t width, uint32_t count)
{
    const uint64_t *v64 = values;
    const uint32_t *v32 = values;
    const uint16_t *v16 = values;
    uint64_t any_wide = 0;
    uint32_t any = 0;
    switch (width) {
    case 8:
        for (uint32_t i = 0; i < count; i++)
            any_wide |= v64[i];
        return any_wide;
    case 4:
        for (uint32_t i = 0; i < count; i++)
            any |= v32[i];
        return any;
    default:
        for (uint32_t i = 0; i < count; i++)
            any |= v16[i];
        return any;
    }
}

/* Bytes that hold the largest value. */
static uint8_t
width_of(const struct sl_vector *vector)
{
    if (!sl_type_is_unsigned(vector->type) || vector->width == 1)
        return vector->width;
    uint64_t any = any_bits(vector->values, vector->width, vector->count);
    return any <= UINT8_MAX ? 1 : any <= UINT16_MAX ? 2 : any <= UINT32_MAX ? 4 : 8;
}

static void
copy_from_u64(const uint64_t *values, uint32_t count, uint8_t width, void *out)
{
    uint32_t *o32 = out;
    uint16_t *o16 = out;
    uint8_t *o8 = out;
    if (width == 4)
        for (uint32_t i = 0; i < count; i++)
            o32[i] = (uint32_t)values[i];
    else if (width == 2)
        for (uint32_t i = 0; i < count; i++)
            o16[i] = (uint16_t)values[i];
    else
        for (uint32_t i = 0; i < count; i++)
            o8[i] = (uint8_t)values[i];
}

static void
copy_from_u32(const uint32_t *values, uint32_t count, uint8_t width, void *out)
{
    uint16_t *o16 = out;
    uint8_t *o8 = out;
    if (width == 2)
        for (uint32_t i = 0; i < count; i++)
            o16[i] = (uint16_t)values[i];
    else
        for (uint32_t i = 0; i < count; i++)
            o8[i] = (uint8_t)values[i];
}

/* Values of `from` bytes as such of `width`, all of which fit. */
static void
copy_values(const void *values, uint8_t from, uint32_t count, uint8_t width, void *out)
{
    const uint16_t *v16 = values;
    uint8_t *o8 = out;
    if (width == from)
        memcpy(out, values, (size_t)count * width);
    else if (from == 8)
        copy_from_u64(values, count, width, out);
    else if (from == 4)
        copy_from_u32(values, count, width, out);
    else
        for (uint32_t i = 0; i < count; i++)
            o8[i] = (uint8_t)v16[i];
}

/* Are values of 64 bits so near each other that their distances from the least take half of that? */
static bool
is_near(const struct sl_vector *vector, uint64_t *out_base)
{
    uint64_t max;
    if (vector->width != 8 || vector->count == 0)
        return false;
    sl_bits_range(vector->values, vector->count, out_base, &max);
    return max - *out_base <= UINT32_MAX;
}

static void
copy_distances(const uint64_t *values, uint32_t count, uint64_t base, uint32_t *out)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = (uint32_t)(values[i] - base);
}

/* Room for a block, whose slab counts as used until it is left; NULL: none. */
static struct sl_segment_kept *
take_room(struct sl_segment_cache *cache, size_t size_bytes)
{
    size_t bytes = (size_bytes + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
    struct sl_segment_slab *fresh = NULL;
    if (bytes > cache->slab_bytes)
        return NULL;
    sl_mutex_lock(&cache->lock);
    if (cache->open == NULL || cache->slab_bytes - cache->open->used_bytes < bytes) {
        sl_mutex_unlock(&cache->lock);
        fresh = create_slab(cache);
        if (fresh == NULL)
            return NULL;
        sl_mutex_lock(&cache->lock);
        ring_insert(cache, fresh);
    }
    struct sl_segment_slab *slab = cache->open;
    struct sl_segment_kept *kept =
        (struct sl_segment_kept *)(void *)(slab->memory + slab->used_bytes);
    *kept = (struct sl_segment_kept){.slab = slab, .next = slab->blocks};
    slab->blocks = kept;
    slab->used_bytes += bytes;
    slab->users++;
    sl_mutex_unlock(&cache->lock);
    return kept;
}

/* What take_room gave is whole: let it be found, and leave it. */
static void
publish(struct sl_segment_cache *cache, struct sl_segment_kept **place,
        struct sl_segment_kept *kept)
{
    sl_mutex_lock(&cache->lock);
    if (*place == NULL) { /* else another one made it at the same time */
        *place = kept;
        kept->place = place;
        kept->slab->block_count++;
    }
    sl_mutex_unlock(&cache->lock);
    sl_segment_cache_leave(cache, kept);
}

void
sl_segment_cache_offer_bytes(struct sl_segment_cache *cache, struct sl_segment_kept **place,
                             const void *bytes, size_t size_bytes)
{
    struct sl_segment_kept *kept = take_room(cache, sizeof(*kept) + size_bytes);
    if (kept == NULL)
        return;
    memcpy(kept + 1, bytes, size_bytes);
    kept->width = 1;
    kept->values = kept + 1;
    publish(cache, place, kept);
}

void
sl_segment_cache_offer(struct sl_segment_cache *cache, struct sl_segment_kept **place,
                       const struct sl_vector *vector)
{
    bool is_dict = vector->encoding == SL_DICT;
    uint64_t base = 0;
    uint8_t width = is_dict ? 4 : width_of(vector);
    bool is_distance = !is_dict && width == 8 && is_near(vector, &base);
    if (is_distance)
        width = 4;
    size_t value_bytes = ((size_t)vector->count * width + 7) & ~(size_t)7;
    size_t present_bytes =
        vector->present == NULL ? 0 : sl_words_for(vector->count) * sizeof(uint64_t);
    size_t bytes = sizeof(struct sl_segment_kept) + value_bytes + present_bytes;
    struct sl_segment_kept *kept = take_room(cache, bytes);
    if (kept == NULL)
        return;
    uint8_t *values = (uint8_t *)(kept + 1);
    kept->width = width;
    kept->values = values;
    kept->is_distance = is_distance;
    kept->base = base;
    if (is_dict)
        memcpy(values, vector->codes, (size_t)vector->count * width);
    else if (is_distance)
        copy_distances(vector->values, vector->count, base, (uint32_t *)(void *)values);
    else
        copy_values(vector->values, vector->width, vector->count, width, values);
    if (present_bytes != 0) {
        memcpy(values + value_bytes, vector->present, present_bytes);
        kept->present = (const uint64_t *)(const void *)(values + value_bytes);
    }
    publish(cache, place, kept);
}

void
sl_segment_cache_forget(struct sl_segment_cache *cache, struct sl_segment_kept **places,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct sl_segment_slab *dead = NULL;
        sl_mutex_lock(&cache->lock);
        if (places[i] != NULL) {
            struct sl_segment_slab *slab = places[i]->slab;
            forget_block(places[i]);
            dead = take_dead(cache, slab);
        }
        sl_mutex_unlock(&cache->lock);
        destroy_slab(cache, dead);
    }
}

bool
sl_segment_cache_is_turn(struct sl_segment_cache *cache)
{
    /* Relaxed: which of them it is does not matter. */
    return atomic_fetch_add_explicit(&cache->looks, 1, memory_order_relaxed) % TURNS == 0;
}

size_t
sl_segment_cache_room(const struct sl_segment_cache *cache)
{
    const struct sl_budget *memory = cache->budget.outer;
    size_t used_bytes = atomic_load_explicit(&memory->used_bytes, memory_order_relaxed);
    size_t kept_bytes = sl_segment_cache_bytes(cache);
    size_t others_bytes = used_bytes > kept_bytes ? used_bytes - kept_bytes : 0;
    size_t limit_bytes = memory->limit_bytes - memory->reserve_bytes;
    size_t left_bytes = limit_bytes > others_bytes ? limit_bytes - others_bytes : 0;
    return sl_min_size(cache->budget.limit_bytes, left_bytes);
}

size_t
sl_segment_cache_bytes(const struct sl_segment_cache *cache)
{
    return atomic_load_explicit(&cache->budget.used_bytes, memory_order_relaxed);
}
