/*
 * arena.h - memory that lives together and dies together.
 *
 * A bump allocator with a byte budget, for a query, a batch, a request. Nothing is
 * freed one by one; sl_arena_destroy frees all of it. Blocks are taken from malloc, or cut
 * from slabs, in growing steps; a large request gets a block of its own.
 *
 * Ownership: the arena owns what it hands out.
 * Threads:   one thread at a time.
 * Errors:    an allocation beyond the budget, or one that malloc refuses, returns NULL;
 *            the caller answers SL_LIMIT. The arena stays usable.
 */
#ifndef SLUICE_STORAGE_BASE_ARENA_H
#define SLUICE_STORAGE_BASE_ARENA_H

#include "storage/base/base.h"

struct sl_arena;

/* An empty arena. budget_bytes counts what blocks take. Never NULL. */
struct sl_arena *sl_arena_create(size_t budget_bytes);

/* The same for memory that comes and goes by the generation (slab.h); its first block has room for
 * so many bytes, where they can be foretold. */
struct sl_arena *sl_arena_create_in_slabs(size_t budget_bytes, size_t first_bytes);

/* NULL is allowed. */
void sl_arena_destroy(struct sl_arena *arena);

/* 16-byte aligned memory, not zeroed; NULL beyond the budget. size 0 gives a valid pointer. */
void *sl_arena_alloc(struct sl_arena *arena, size_t size_bytes);

/* The same, zeroed, for `count` elements; an overflowing product is NULL too. */
void *sl_arena_calloc(struct sl_arena *arena, size_t count, size_t element_bytes);

/* A NUL-terminated copy of `size_bytes` bytes. */
char *sl_arena_string(struct sl_arena *arena, const char *text, size_t size_bytes);

/* Forget all allocations and give their memory back; the arena is as it was created. */
void sl_arena_clear(struct sl_arena *arena);

/* Forget all allocations, keep the largest block for reuse. */
void sl_arena_reset(struct sl_arena *arena);

/* Forget all allocations, keep as much memory as they took for the same once more. In one piece,
 * which asks for huge pages when it is large. */
void sl_arena_recycle(struct sl_arena *arena);

/* Bytes that its blocks take. */
size_t sl_arena_used_bytes(const struct sl_arena *arena);

/* Give something back to the budget, which others need more; false when there is nothing. It may
 * take locks below those of whoever takes memory. Any thread. */
typedef bool sl_reclaim_fn(void *context);

/*
 * Make allocations from `arena` count against `parent`'s budget too (a query's operators
 * share the query's budget). The counter is atomic; `used` may be NULL.
 */
struct sl_budget {
    size_t limit_bytes;
    _Atomic size_t used_bytes;
    /* The last bytes are for those budgets inside that have, with what they ask for, no more than one
     * part in SL_BUDGET_MODEST of them: who wants little gets it while others hold all the rest. */
    size_t reserve_bytes;
    struct sl_budget *outer; /* what is taken here is taken there too; NULL: none. Borrowed */
    sl_reclaim_fn *reclaim;  /* asked as long as the limit is in the way; NULL: nobody */
    void *reclaim_context;
};
enum { SL_BUDGET_MODEST = 16 };
struct sl_arena *sl_arena_create_shared(struct sl_budget *budget);

/* Reserve or return bytes of a shared budget for memory that is not in an arena. */
SL_MUST_CHECK
bool sl_budget_take(struct sl_budget *budget, size_t bytes);
void sl_budget_give(struct sl_budget *budget, size_t bytes);
/* The smallest limit that holds for it when it takes much. */
size_t sl_budget_limit(const struct sl_budget *budget);

#endif
