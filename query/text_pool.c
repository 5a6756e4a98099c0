/*
 * text_pool.c - see text_pool.h.
 *
 * A map from bytes to a number serves three times: the pool's exact spellings, the pool's folded
 * texts (whose values are the numbers), and each cache.
 */
#include "query/text_pool.h"

#include "storage/base/hash.h"
#include "storage/base/thread.h"

enum { MAP_FIRST = 64 };

struct map_slot {
    const uint8_t *bytes; /* NULL: empty; borrowed from the pool's arena */
    uint32_t size_bytes;
    uint32_t number;
};

struct map {
    struct sl_budget *budget;
    struct map_slot *slots;
    size_t capacity;
    size_t count;
};

static void
map_fini(struct map *map)
{
    sl_budget_give(map->budget, map->capacity * sizeof(*map->slots));
    free(map->slots);
}

static struct map_slot *
map_slot(const struct map *map, struct sl_slice text)
{
    size_t mask = map->capacity - 1;
    size_t at = (size_t)sl_hash64(text.bytes, text.size_bytes) & mask;
    for (;; at = (at + 1) & mask) {
        struct map_slot *slot = &map->slots[at];
        if (slot->bytes == NULL)
            return slot;
        if (slot->size_bytes == text.size_bytes &&
            memcmp(slot->bytes, text.bytes, text.size_bytes) == 0)
            return slot;
    }
}

/* Room for one more; false when the budget is used up. */
static bool
map_reserve(struct map *map)
{
    if (map->capacity != 0 && map->count < map->capacity / 4 * 3)
        return true;
    struct map bigger = {.budget = map->budget, .count = map->count};
    bigger.capacity = map->capacity == 0 ? MAP_FIRST : map->capacity * 2;
    if (!sl_budget_take(map->budget, bigger.capacity * sizeof(*bigger.slots)))
        return false;
    bigger.slots = sl_try_alloc(bigger.capacity * sizeof(*bigger.slots));
    if (bigger.slots == NULL) {
        sl_budget_give(map->budget, bigger.capacity * sizeof(*bigger.slots));
        return false;
    }
    for (size_t i = 0; i < map->capacity; i++) {
        const struct map_slot *slot = &map->slots[i];
        if (slot->bytes == NULL)
            continue;
        struct sl_slice text = {.bytes = slot->bytes, .size_bytes = slot->size_bytes};
        *map_slot(&bigger, text) = *slot;
    }
    map_fini(map);
    *map = bigger;
    return true;
}

struct sl_text_pool {
    bool is_binary;
    struct sl_mutex lock;
    struct map exact;          /* guarded by lock */
    struct map folded;         /* guarded by lock */
    struct sl_arena *arena;    /* guarded by lock */
    struct sl_slice *spelling; /* guarded by lock: of each number */
    uint32_t spelling_count;
    size_t spelling_capacity;
};

struct sl_text_cache {
    struct sl_text_pool *pool; /* borrowed */
    struct map map;
};

struct sl_text_pool *
sl_text_pool_create(struct sl_budget *budget, bool is_binary)
{
    struct sl_text_pool *pool = sl_new(sizeof(*pool));

    pool->is_binary = is_binary;
    pool->exact.budget = budget;
    pool->folded.budget = budget;
    pool->arena = sl_arena_create_shared(budget);
    sl_mutex_init(&pool->lock, SL_LOCK_QUERY);
    return pool;
}

void
sl_text_pool_destroy(struct sl_text_pool *pool)
{
    if (pool == NULL)
        return;
    sl_budget_give(pool->exact.budget, pool->spelling_capacity * sizeof(*pool->spelling));
    free(pool->spelling);
    map_fini(&pool->exact);
    map_fini(&pool->folded);
    sl_arena_destroy(pool->arena);
    sl_mutex_fini(&pool->lock);
    free(pool);
}

struct sl_slice
sl_text_pool_slice(const struct sl_text_pool *pool, uint32_t number)
{
    SL_ASSERT(number < pool->spelling_count);
    return pool->spelling[number];
}

static bool
add_spelling(struct sl_text_pool *pool, struct sl_slice text)
{
    if (pool->spelling_count == pool->spelling_capacity) {
        size_t capacity = pool->spelling_capacity == 0 ? MAP_FIRST : 2 * pool->spelling_capacity;
        size_t added = (capacity - pool->spelling_capacity) * sizeof(text);
        if (capacity >= SL_TEXT_NONE || !sl_budget_take(pool->exact.budget, added))
            return false;
        struct sl_slice *bigger = sl_try_alloc(capacity * sizeof(*bigger));
        if (bigger == NULL) {
            sl_budget_give(pool->exact.budget, added);
            return false;
        }
        if (pool->spelling_count != 0)
            memcpy(bigger, pool->spelling, pool->spelling_count * sizeof(*bigger));
        free(pool->spelling);
        pool->spelling = bigger;
        pool->spelling_capacity = capacity;
    }
    pool->spelling[pool->spelling_count++] = text;
    return true;
}

static bool
is_smaller(struct sl_slice a, struct sl_slice b)
{
    /* Of one number, so of one length: ASCII folding keeps it. */
    return memcmp(a.bytes, b.bytes, a.size_bytes) < 0;
}

/* A copy with a terminating byte, so that empty texts have an address too. */
static uint8_t *
copy_text(struct sl_text_pool *pool, struct sl_slice text, bool is_folded)
{
    uint8_t *copy = sl_arena_alloc(pool->arena, (size_t)text.size_bytes + 1);
    if (copy == NULL)
        return NULL;
    for (uint32_t i = 0; i < text.size_bytes; i++) {
        uint8_t c = text.bytes[i];
        copy[i] = is_folded && c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
    }
    copy[text.size_bytes] = 0;
    return copy;
}

/* Under the lock: the slot of an exact spelling, numbered; NULL when the budget is used up. */
static const struct map_slot *
number_text(struct sl_text_pool *pool, struct sl_slice text)
{
    if (!map_reserve(&pool->exact) || !map_reserve(&pool->folded))
        return NULL;
    struct map_slot *exact = map_slot(&pool->exact, text);
    if (exact->bytes != NULL)
        return exact;

    uint8_t *copy = copy_text(pool, text, false);
    uint8_t *key = pool->is_binary ? copy : copy_text(pool, text, true);
    if (copy == NULL || key == NULL)
        return NULL;
    struct sl_slice kept = {.bytes = copy, .size_bytes = text.size_bytes};
    struct sl_slice folded_text = {.bytes = key, .size_bytes = text.size_bytes};
    struct map_slot *folded = map_slot(&pool->folded, folded_text);
    if (folded->bytes == NULL) {
        uint32_t number = pool->spelling_count;
        if (!add_spelling(pool, kept))
            return NULL;
        *folded = (struct map_slot){.bytes = key, .size_bytes = text.size_bytes, .number = number};
        pool->folded.count++;
    } else if (is_smaller(kept, pool->spelling[folded->number])) {
        pool->spelling[folded->number] = kept;
    }
    *exact =
        (struct map_slot){.bytes = copy, .size_bytes = text.size_bytes, .number = folded->number};
    pool->exact.count++;
    return exact;
}

struct sl_text_cache *
sl_text_cache_create(struct sl_text_pool *pool)
{
    struct sl_text_cache *cache = sl_new(sizeof(*cache));

    cache->pool = pool;
    cache->map.budget = pool->exact.budget;
    return cache;
}

void
sl_text_cache_destroy(struct sl_text_cache *cache)
{
    if (cache == NULL)
        return;
    map_fini(&cache->map);
    free(cache);
}

uint32_t
sl_text_cache_number(struct sl_text_cache *cache, struct sl_slice text)
{
    struct sl_text_pool *pool = cache->pool;

    if (!map_reserve(&cache->map))
        return SL_TEXT_NONE;
    struct map_slot *slot = map_slot(&cache->map, text);
    if (slot->bytes != NULL)
        return slot->number;
    sl_mutex_lock(&pool->lock);
    const struct map_slot *known = number_text(pool, text);
    if (known != NULL)
        *slot = *known;
    sl_mutex_unlock(&pool->lock);
    if (known == NULL)
        return SL_TEXT_NONE;
    cache->map.count++;
    return slot->number;
}
