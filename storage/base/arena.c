/*
 * arena.c - see arena.h.
 *
 * Blocks form a list, the newest first; only the newest is bumped. Steps double from
 * 4 KiB to 1 MiB, so that small arenas stay small and large ones ask malloc rarely.
 */
#include "storage/base/arena.h"

#include "storage/base/slab.h"

#include <stdatomic.h>
#include <sys/mman.h>

enum {
    ARENA_FIRST_BYTES = 4096,
    ARENA_STEP_BYTES_MAX = 1 << 20,
    ARENA_ALIGN = 16,
    HUGE_PAGE_BYTES = 2 << 20,
};

struct arena_block {
    struct arena_block *older;
    size_t capacity_bytes; /* of data, without this header */
    size_t used_bytes;
    size_t pad;
};

_Static_assert(sizeof(struct arena_block) % ARENA_ALIGN == 0, "data after the header is aligned");

struct sl_arena {
    struct arena_block *newest;
    size_t step_bytes;
    size_t used_bytes;
    struct sl_budget own;
    struct sl_budget *budget; /* &own, or shared with others */
    bool is_in_slabs;
};

struct sl_arena *
sl_arena_create(size_t budget_bytes)
{
    struct sl_arena *arena = sl_new(sizeof(*arena));
    arena->own.limit_bytes = budget_bytes;
    arena->budget = &arena->own;
    arena->step_bytes = ARENA_FIRST_BYTES;
    return arena;
}

struct sl_arena *
sl_arena_create_in_slabs(size_t budget_bytes, size_t first_bytes)
{
    struct sl_arena *arena = sl_arena_create(budget_bytes);
    arena->is_in_slabs = true;
    arena->step_bytes = first_bytes;
    return arena;
}

struct sl_arena *
sl_arena_create_shared(struct sl_budget *budget)
{
    struct sl_arena *arena = sl_arena_create(0);
    arena->budget = budget;
    return arena;
}

/* Of this budget alone, up to a limit. */
static bool
take_own(struct sl_budget *budget, size_t limit_bytes, size_t bytes)
{
    if (bytes > limit_bytes)
        return false;
    do {
        size_t used = atomic_fetch_add_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
        if (used <= limit_bytes - bytes)
            return true;
        atomic_fetch_sub_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
    } while (budget->reclaim != NULL && budget->reclaim(budget->reclaim_context));
    return false;
}

/* Of a budget and those around it; what is taken already by the one inside decides how far it may go. */
static bool
take(struct sl_budget *budget, size_t taken_bytes, size_t bytes)
{
    bool is_modest = taken_bytes <= budget->reserve_bytes / SL_BUDGET_MODEST;
    size_t limit_bytes = budget->limit_bytes - (is_modest ? 0 : budget->reserve_bytes);
    if (!take_own(budget, limit_bytes, bytes))
        return false;
    if (budget->outer == NULL)
        return true;
    size_t used = atomic_load_explicit(&budget->used_bytes, memory_order_relaxed);
    if (take(budget->outer, used, bytes))
        return true;
    atomic_fetch_sub_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
    return false;
}

bool
sl_budget_take(struct sl_budget *budget, size_t bytes)
{
    return take(budget, 0, bytes);
}

void
sl_budget_give(struct sl_budget *budget, size_t bytes)
{
    atomic_fetch_sub_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
    if (budget->outer != NULL)
        sl_budget_give(budget->outer, bytes);
}

size_t
sl_budget_limit(const struct sl_budget *budget)
{
    size_t limit_bytes = budget->limit_bytes;
    for (const struct sl_budget *outer = budget->outer; outer != NULL; outer = outer->outer)
        limit_bytes = sl_min_size(limit_bytes, outer->limit_bytes - outer->reserve_bytes);
    return limit_bytes;
}

static void
free_block(struct sl_arena *arena, struct arena_block *block)
{
    size_t bytes = sizeof(*block) + block->capacity_bytes;
    sl_budget_give(arena->budget, bytes);
    arena->used_bytes -= bytes;
    if (arena->is_in_slabs) {
        sl_slab_give(block);
        return;
    }
    if (bytes >= ARENA_STEP_BYTES_MAX)
        sl_memory_note_freed(bytes);
    free(block);
}

void
sl_arena_clear(struct sl_arena *arena)
{
    while (arena->newest != NULL) {
        struct arena_block *block = arena->newest;
        arena->newest = block->older;
        free_block(arena, block);
    }
    arena->step_bytes = ARENA_FIRST_BYTES;
}

void
sl_arena_destroy(struct sl_arena *arena)
{
    if (arena == NULL)
        return;
    sl_arena_clear(arena);
    free(arena);
}

/* A new newest block of so many bytes, or NULL. */
static struct arena_block *
add_block(struct sl_arena *arena, size_t capacity_bytes)
{
    size_t bytes = 0;
    if (__builtin_add_overflow(capacity_bytes, sizeof(struct arena_block), &bytes))
        return NULL;
    if (!sl_budget_take(arena->budget, bytes))
        return NULL;
    struct arena_block *block = arena->is_in_slabs ? sl_slab_take(bytes) : malloc(bytes);
    if (block == NULL) {
        sl_budget_give(arena->budget, bytes);
        return NULL;
    }
    block->older = arena->newest;
    block->capacity_bytes = capacity_bytes;
    block->used_bytes = 0;
    arena->newest = block;
    arena->used_bytes += bytes;
    return block;
}

void *
sl_arena_alloc(struct sl_arena *arena, size_t size_bytes)
{
    if (size_bytes > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    size_t rounded_bytes = (size_bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    struct arena_block *block = arena->newest;
    if (block == NULL || block->capacity_bytes - block->used_bytes < rounded_bytes) {
        block = add_block(arena, sl_max_size(arena->step_bytes, rounded_bytes));
        if (block == NULL)
            return NULL;
        size_t step_bytes = sl_min_size(arena->step_bytes * 2, ARENA_STEP_BYTES_MAX);
        arena->step_bytes = sl_max_size(step_bytes, ARENA_FIRST_BYTES);
    }
    uint8_t *memory = (uint8_t *)(block + 1) + block->used_bytes;
    block->used_bytes += rounded_bytes;
    return memory;
}

void *
sl_arena_calloc(struct sl_arena *arena, size_t count, size_t element_bytes)
{
    size_t size_bytes = 0;
    if (__builtin_mul_overflow(count, element_bytes, &size_bytes))
        return NULL;
    void *memory = sl_arena_alloc(arena, size_bytes);
    if (memory != NULL)
        memset(memory, 0, size_bytes);
    return memory;
}

char *
sl_arena_string(struct sl_arena *arena, const char *text, size_t size_bytes)
{
    if (size_bytes == SIZE_MAX)
        return NULL;
    char *copy = sl_arena_alloc(arena, size_bytes + 1);
    if (copy == NULL)
        return NULL;
    if (size_bytes != 0)
        memcpy(copy, text, size_bytes);
    copy[size_bytes] = '\0';
    return copy;
}

void
sl_arena_reset(struct sl_arena *arena)
{
    struct arena_block *kept = NULL;
    while (arena->newest != NULL) {
        struct arena_block *block = arena->newest;
        arena->newest = block->older;
        if (kept == NULL || block->capacity_bytes > kept->capacity_bytes) {
            struct arena_block *smaller = kept;
            kept = block;
            block = smaller;
        }
        if (block != NULL)
            free_block(arena, block);
    }
    if (kept != NULL) {
        kept->older = NULL;
        kept->used_bytes = 0;
    }
    arena->newest = kept;
}

void
sl_arena_recycle(struct sl_arena *arena)
{
    size_t total_bytes = 0;
    bool is_whole = arena->newest != NULL && arena->newest->older == NULL;
    if (is_whole) {
        arena->newest->used_bytes = 0;
        return;
    }
    while (arena->newest != NULL) {
        struct arena_block *block = arena->newest;
        total_bytes += block->used_bytes;
        arena->newest = block->older;
        free_block(arena, block);
    }
    /* Half as much again, so that the next rounds, which are never quite the same, fit too: what they do
     * not touch is no memory yet, and another piece would have all its pages cleared anew. NULL: it begins
     * with nothing, as the first did. */
    struct arena_block *whole = add_block(arena, total_bytes + total_bytes / 2);
    if (whole != NULL && whole->capacity_bytes >= 2 * (size_t)HUGE_PAGE_BYTES) {
        uint8_t *start = (uint8_t *)whole;
        start += -(uintptr_t)start % HUGE_PAGE_BYTES;
        size_t bytes = (size_t)((uint8_t *)(whole + 1) + whole->capacity_bytes - start);
        /* Advice that is not taken costs nothing but speed. */
        (void)madvise(start, bytes - bytes % HUGE_PAGE_BYTES, MADV_HUGEPAGE);
    }
}

size_t
sl_arena_used_bytes(const struct sl_arena *arena)
{
    return arena->used_bytes;
}
