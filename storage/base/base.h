/*
 * base.h - the ground: integers, attributes, assertions, small memory.
 *
 * Everything here is free of policy. What stops the process is a bug of ours and
 * nothing else (SL_ASSERT); what the world does wrong is a status (status.h).
 *
 * Layer: base. Included by every file.
 */
#ifndef SLUICE_STORAGE_BASE_BASE_H
#define SLUICE_STORAGE_BASE_BASE_H

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SL_MUST_CHECK   __attribute__((warn_unused_result))
#define SL_NORETURN     __attribute__((noreturn))
#define SL_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define SL_LIKELY(x)    __builtin_expect(!!(x), 1)
#define SL_UNLIKELY(x)  __builtin_expect(!!(x), 0)
#define SL_COUNTOF(a)   (sizeof(a) / sizeof((a)[0]))
#define SL_UNUSED       __attribute__((unused))

/* 128-bit integers: sums never wrap, and a DECIMAL is one of these with a scale. */
typedef __int128 sl_i128;
typedef unsigned __int128 sl_u128;

SL_NORETURN
void sl_assert_fail(const char *condition, const char *file, int line, const char *function);

/* Both stay in release builds: a database that has lost its invariants must
 * stop before it writes. Checks costing more than O(1) use SL_DEBUG_ASSERT. */
#define SL_ASSERT(cond) \
    (SL_LIKELY(cond) ? (void)0 : sl_assert_fail(#cond, __FILE__, __LINE__, __func__))

#ifdef SL_DEBUG
#define SL_DEBUG_ASSERT(cond) SL_ASSERT(cond)
#else
#define SL_DEBUG_ASSERT(cond) ((void)sizeof(cond))
#endif

/*
 * Long-lived structs begin with a magic number, checked at every entry. Clearing
 * it is the last act before free: volatile, because a compiler rightly drops an
 * ordinary store to memory that is about to be freed.
 */
static inline void
sl_retire(uint32_t *magic)
{
    *(volatile uint32_t *)magic = 0;
}

/*
 * Zeroed memory for one small, fixed structure, released with free(). Never NULL:
 * a server that cannot get 100 bytes stops. Memory whose size comes from data, a
 * query or a peer is taken from an arena with a budget instead (arena.h), or with
 * sl_try_alloc, and there it may fail.
 */
void *sl_new(size_t size_bytes);

/* A copy of a string, under the same rule as sl_new. */
char *sl_new_string(const char *text);

/*
 * realloc for an array of our own that grows with amortised doubling, under the
 * rule of sl_new: never NULL. For tables whose size a limit of limits.h bounds.
 */
void *sl_grow(void *array, size_t element_bytes, size_t count);

/* Zeroed memory of a size that data decides; NULL when there is none. */
void *sl_try_alloc(size_t size_bytes);

/*
 * The same for tables that are looked into all over before they are written: their pages are made at
 * once. A page that is read first is faulted twice, and the second time the system interrupts every core
 * that runs a thread of the process.
 */
void *sl_try_alloc_table(size_t size_bytes);

/* Zeroed pages from the system, for large pieces that come and go: what is given back is free for
 * others at once. A multiple of 64 KiB. NULL when there are none. */
void *sl_pages_take(size_t size_bytes);
void sl_pages_give(void *pages, size_t size_bytes);

/* Give what was freed back to the system. glibc keeps freed blocks of up to 32 MiB in the arena of
 * the thread that allocated them; whoever has just freed the memory of a million rows calls this,
 * so that the process holds what is in use. Some milliseconds. */
void sl_memory_trim(void);

/* Note that a large block was freed; how much has been since the last trim. Any thread. */
void sl_memory_note_freed(size_t size_bytes);
size_t sl_memory_freed_bytes(void);

/* Threads share so many heaps, so that what one frees another may take: for a process of many
 * threads that need much memory in turn. Before any thread is started. */
void sl_memory_share(unsigned heaps);

/* Keep what is freed for the next block of its size instead: for a process that does little else
 * than fill and empty the same megabytes again and again, and ends then. */
void sl_memory_keep(void);

static inline size_t
sl_min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t
sl_max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Number of 64-bit words that hold `count` bits. */
static inline size_t
sl_words_for(size_t count)
{
    return (count + 63) / 64;
}

static inline bool
sl_bit_get(const uint64_t *words, size_t index)
{
    return (words[index / 64] >> (index % 64)) & 1;
}

static inline void
sl_bit_set(uint64_t *words, size_t index)
{
    words[index / 64] |= UINT64_C(1) << (index % 64);
}

static inline void
sl_bit_clear(uint64_t *words, size_t index)
{
    words[index / 64] &= ~(UINT64_C(1) << (index % 64));
}

#endif
