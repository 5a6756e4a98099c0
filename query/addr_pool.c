/*
 * addr_pool.c - see addr_pool.h.
 *
 * The pool is cut by hash into stripes, each a small table with a lock of its own, so that
 * workers seldom wait for each other. Number = place in the stripe * STRIPES + stripe.
 */
#include "query/addr_pool.h"

#include "query/group_table.h"
#include "storage/base/thread.h"

enum {
    STRIPES = 64,
    CAPACITY_FIRST = 16, /* addresses of a stripe */
    CAPACITY_MAX = (1 << 27) / STRIPES,
};

/* Everything guarded by lock. */
struct stripe {
    struct sl_mutex lock;
    struct sl_addr *addrs; /* owned: capacity */
    uint32_t *slots;       /* owned: 2 * capacity; place + 1, 0 is empty */
    uint32_t count;
    uint32_t capacity; /* 0, or a power of two */
};

struct sl_addr_pool {
    struct sl_budget *budget; /* borrowed */
    struct stripe stripes[STRIPES];
};

struct sl_addr_pool *
sl_addr_pool_create(struct sl_budget *budget)
{
    struct sl_addr_pool *pool = sl_new(sizeof(*pool));

    pool->budget = budget;
    for (unsigned i = 0; i < STRIPES; i++)
        sl_mutex_init(&pool->stripes[i].lock, SL_LOCK_QUERY);
    return pool;
}

static size_t
stripe_bytes(uint32_t capacity)
{
    return capacity * (sizeof(struct sl_addr) + 2 * sizeof(uint32_t));
}

void
sl_addr_pool_destroy(struct sl_addr_pool *pool)
{
    if (pool == NULL)
        return;
    for (unsigned i = 0; i < STRIPES; i++) {
        struct stripe *stripe = &pool->stripes[i];
        sl_budget_give(pool->budget, stripe_bytes(stripe->capacity));
        free(stripe->addrs);
        free(stripe->slots);
        sl_mutex_fini(&stripe->lock);
    }
    free(pool);
}

/* Where the address is, or would be. */
static uint32_t *
find_slot(const struct stripe *stripe, struct sl_addr addr, uint64_t hash)
{
    uint32_t mask = 2 * stripe->capacity - 1;

    for (uint32_t at = (uint32_t)hash & mask;; at = (at + 1) & mask) {
        uint32_t *slot = &stripe->slots[at];
        if (*slot == 0 || sl_addr_equal(stripe->addrs[*slot - 1], addr))
            return slot;
    }
}

static bool
grow(struct stripe *stripe, struct sl_budget *budget)
{
    struct stripe bigger = {.count = stripe->count};

    bigger.capacity = stripe->capacity == 0 ? CAPACITY_FIRST : 2 * stripe->capacity;
    if (bigger.capacity > CAPACITY_MAX || !sl_budget_take(budget, stripe_bytes(bigger.capacity)))
        return false;
    bigger.addrs = sl_try_alloc(bigger.capacity * sizeof(*bigger.addrs));
    bigger.slots = sl_try_alloc(2 * (size_t)bigger.capacity * sizeof(*bigger.slots));
    if (bigger.addrs == NULL || bigger.slots == NULL) {
        free(bigger.addrs);
        free(bigger.slots);
        sl_budget_give(budget, stripe_bytes(bigger.capacity));
        return false;
    }
    for (uint32_t i = 0; i < stripe->count; i++) {
        bigger.addrs[i] = stripe->addrs[i];
        *find_slot(&bigger, bigger.addrs[i], sl_group_hash(&bigger.addrs[i], 16)) = i + 1;
    }
    free(stripe->addrs);
    free(stripe->slots);
    sl_budget_give(budget, stripe_bytes(stripe->capacity));
    stripe->addrs = bigger.addrs;
    stripe->slots = bigger.slots;
    stripe->capacity = bigger.capacity;
    return true;
}

bool
sl_addr_pool_number(struct sl_addr_pool *pool, struct sl_addr addr, uint32_t *out_code)
{
    uint64_t hash = sl_group_hash(&addr, sizeof(addr));
    unsigned number = (unsigned)(hash >> 58);
    struct stripe *stripe = &pool->stripes[number];
    bool is_done = true;

    sl_mutex_lock(&stripe->lock);
    if (stripe->count == stripe->capacity)
        is_done = grow(stripe, pool->budget);
    if (is_done) {
        uint32_t *slot = find_slot(stripe, addr, hash);
        if (*slot == 0) {
            stripe->addrs[stripe->count++] = addr;
            *slot = stripe->count;
        }
        *out_code = SL_ADDR_CODE_NUMBERED + (*slot - 1) * STRIPES + number;
    }
    sl_mutex_unlock(&stripe->lock);
    return is_done;
}

struct sl_addr
sl_addr_pool_addr(const struct sl_addr_pool *pool, uint32_t code)
{
    SL_ASSERT(code != SL_ADDR_CODE_NONE);
    if (code < SL_ADDR_CODE_NUMBERED)
        return sl_addr_from_v4(code);
    const struct stripe *stripe = &pool->stripes[(code - SL_ADDR_CODE_NUMBERED) % STRIPES];
    uint32_t place = (code - SL_ADDR_CODE_NUMBERED) / STRIPES;
    SL_ASSERT(place < stripe->count);
    return stripe->addrs[place];
}
