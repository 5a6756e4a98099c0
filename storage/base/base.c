/*
 * base.c - see base.h.
 */
#include "storage/base/base.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

void
sl_assert_fail(const char *condition, const char *file, int line, const char *function)
{
    fprintf(stderr, "sluice: assertion failed: %s (%s:%d, %s)\n", condition, file, line, function);
    abort();
}

static SL_NORETURN
void
out_of_memory(size_t size_bytes)
{
    fprintf(stderr, "sluice: out of memory for %zu bytes of a fixed structure\n", size_bytes);
    abort();
}

void *
sl_new(size_t size_bytes)
{
    void *memory = calloc(1, size_bytes == 0 ? 1 : size_bytes);
    if (memory == NULL)
        out_of_memory(size_bytes);
    return memory;
}

char *
sl_new_string(const char *text)
{
    size_t size_bytes = strlen(text) + 1;
    char *copy = sl_new(size_bytes);
    memcpy(copy, text, size_bytes);
    return copy;
}

void *
sl_grow(void *array, size_t element_bytes, size_t count)
{
    size_t size_bytes = 0;
    if (__builtin_mul_overflow(element_bytes, count, &size_bytes))
        out_of_memory(SIZE_MAX);
    void *grown = realloc(array, size_bytes == 0 ? 1 : size_bytes);
    if (grown == NULL)
        out_of_memory(size_bytes);
    return grown;
}

void *
sl_try_alloc(size_t size_bytes)
{
    return calloc(1, size_bytes == 0 ? 1 : size_bytes);
}

void *
sl_try_alloc_table(size_t size_bytes)
{
    enum { PAGE_BYTES = 4096 };
    volatile uint8_t *table = sl_try_alloc(size_bytes);
    for (size_t at = 0; table != NULL && at < size_bytes; at += PAGE_BYTES)
        table[at] = 0;
    return (void *)(uintptr_t)table;
}

void *
sl_pages_take(size_t size_bytes)
{
    void *pages =
        mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

void
sl_pages_give(void *pages, size_t size_bytes)
{
    SL_ASSERT(munmap(pages, size_bytes) == 0);
}

static _Atomic size_t freed_bytes; /* relaxed: it is an estimate */

void
sl_memory_trim(void)
{
    atomic_store_explicit(&freed_bytes, 0, memory_order_relaxed);
    (void)malloc_trim(0);
}

void
sl_memory_note_freed(size_t size_bytes)
{
    atomic_fetch_add_explicit(&freed_bytes, size_bytes, memory_order_relaxed);
}

size_t
sl_memory_freed_bytes(void)
{
    return atomic_load_explicit(&freed_bytes, memory_order_relaxed);
}

void
sl_memory_share(unsigned heaps)
{
    (void)mallopt(M_ARENA_MAX, (int)heaps);
}

void
sl_memory_keep(void)
{
    enum { BLOCK_BYTES_MAX = 32 << 20, FREE_BYTES_MAX = 256 << 20 };
    (void)mallopt(M_MMAP_THRESHOLD, BLOCK_BYTES_MAX);
    (void)mallopt(M_TRIM_THRESHOLD, FREE_BYTES_MAX);
}
