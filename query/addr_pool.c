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
    STRIPES = 16,
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

/* Where an address that is new goes. */
static uint32_t *
free_slot(const struct stripe *stripe, uint64_t hash)
{
    uint32_t mask = 2 * stripe->capacity - 1;
    uint32_t at = (uint32_t)hash & mask;

    while (stripe->slots[at] != 0)
        at = (at + 1) & mask;
    return &stripe->slots[at];
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
    bigger.slots = sl_try_alloc_table(2 * (size_t)bigger.capacity * sizeof(*bigger.slots));
    if (bigger.addrs == NULL || bigger.slots == NULL) {
        free(bigger.addrs);
        free(bigger.slots);
        sl_budget_give(budget, stripe_bytes(bigger.capacity));
        return false;
    }
    for (uint32_t i = 0; i < stripe->count; i++) {
        bigger.addrs[i] = stripe->addrs[i];
        *free_slot(&bigger, sl_group_hash(&bigger.addrs[i], sizeof(*bigger.addrs))) = i + 1;
    }
    free(stripe->addrs);
    free(stripe->slots);
    sl_budget_give(budget, stripe_bytes(stripe->capacity));
    stripe->addrs = bigger.addrs;
    stripe->slots = bigger.slots;
    stripe->capacity = bigger.capacity;
    return true;
}

/* Some addresses, stripe by stripe. */
struct batch {
    uint64_t hashes[SL_ADDR_POOL_MANY]; /* of each address */
    uint16_t order[SL_ADDR_POOL_MANY];
    uint32_t ends[STRIPES]; /* of each stripe's, in `order` */
};

static unsigned
stripe_of(uint64_t hash)
{
    return (unsigned)(hash >> 60);
}

static void
sort_batch(struct batch *batch, const struct sl_addr *addrs, uint32_t count)
{
    uint32_t at = 0;

    memset(batch->ends, 0, sizeof(batch->ends));
    for (uint32_t i = 0; i < count; i++) {
        batch->hashes[i] = sl_group_hash(&addrs[i], sizeof(addrs[i]));
        batch->ends[stripe_of(batch->hashes[i])]++;
    }
    for (unsigned stripe = 0; stripe < STRIPES; stripe++) {
        uint32_t of_stripe = batch->ends[stripe];
        batch->ends[stripe] = at;
        at += of_stripe;
    }
    for (uint32_t i = 0; i < count; i++)
        batch->order[batch->ends[stripe_of(batch->hashes[i])]++] = (uint16_t)i;
}

/* What will be looked at is on its way from memory. */
static void
fetch(const struct stripe *stripe, const struct batch *batch, uint32_t start, uint32_t end)
{
    uint32_t mask = 2 * stripe->capacity - 1;

    for (uint32_t i = start; i < end; i++)
        __builtin_prefetch(&stripe->slots[(uint32_t)batch->hashes[batch->order[i]] & mask]);
    for (uint32_t i = start; i < end; i++) {
        uint32_t slot = stripe->slots[(uint32_t)batch->hashes[batch->order[i]] & mask];
        if (slot != 0)
            __builtin_prefetch(&stripe->addrs[slot - 1]);
    }
}

/* Under the lock of the stripe. */
static bool
number_stripe(struct sl_addr_pool *pool, unsigned number, const struct batch *batch, uint32_t start,
              uint32_t end, const struct sl_addr *addrs, uint32_t *out_codes)
{
    struct stripe *stripe = &pool->stripes[number];

    if (stripe->capacity != 0)
        fetch(stripe, batch, start, end);
    for (uint32_t i = start; i < end; i++) {
        uint32_t at = batch->order[i];
        if (stripe->count == stripe->capacity && !grow(stripe, pool->budget))
            return false;
        uint32_t *slot = find_slot(stripe, addrs[at], batch->hashes[at]);
        if (*slot == 0) {
            stripe->addrs[stripe->count++] = addrs[at];
            *slot = stripe->count;
        }
        out_codes[at] = SL_ADDR_CODE_NUMBERED + (*slot - 1) * STRIPES + number;
    }
    return true;
}

bool
sl_addr_pool_number(struct sl_addr_pool *pool, const struct sl_addr *addrs, uint32_t count,
                    uint32_t *out_codes)
{
    struct batch batch;
    uint32_t start = 0;
    bool is_done = true;

    SL_ASSERT(count <= SL_ADDR_POOL_MANY);
    sort_batch(&batch, addrs, count);
    for (unsigned number = 0; number < STRIPES && is_done; number++) {
        uint32_t end = batch.ends[number];
        if (start == end)
            continue;
        sl_mutex_lock(&pool->stripes[number].lock);
        is_done = number_stripe(pool, number, &batch, start, end, addrs, out_codes);
        sl_mutex_unlock(&pool->stripes[number].lock);
        start = end;
    }
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
