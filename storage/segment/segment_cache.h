/*
 * segment_cache.h - decoded blocks of columns, kept for the next query.
 *
 * What was asked is asked again, with another filter or another grouping, and to decode is most of
 * what a query over blocks in the page cache does. So a column of a block that queries come back
 * to is kept: its codes, or its values in as few bytes as hold them (of times: their distance from
 * the earliest), and its presence. Blocks lie
 * in *slabs*, one behind the other as they come. Which slabs stay is decided by the clock
 * algorithm: a hand goes round, and takes those that nobody has used since it came by last.
 *
 * The cache takes its memory from a budget that it shares with queries, and gives it back when
 * they need it (sl_budget.reclaim): what is kept is what nobody else wants.
 *
 * Ownership: a block is the cache's; a user holds it by count between find and leave. A *place* is
 *            a pointer, NULL at first, in the reader whose block it is; the cache alone looks at it.
 * Threads:   any. A block never changes. One lock, held for a few instructions.
 * Layer:     segment.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_CACHE_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_CACHE_H

#include "storage/base/arena.h"
#include "storage/batch.h"

struct sl_segment_cache;

/* A column of a block. */
struct sl_segment_kept {
    const void *values;      /* SL_DICT: codes; SL_PLAIN: values; or bytes */
    const uint64_t *present; /* NULL: every row has a value */
    uint8_t width;           /* of a value; 4 for codes */
    bool is_distance;        /* `values` are 32 bits each, from `base` on, modulo 2^64 */
    uint64_t base;
    /* Below: the cache's. */
    struct sl_segment_slab *slab;   /* it lies in */
    struct sl_segment_kept *next;   /* in the slab */
    struct sl_segment_kept **place; /* NULL: forgotten */
};

/* At most `bytes_max`, and what `memory` has left; it outlives the cache, and nobody uses it while
 * the cache is made or destroyed. */
struct sl_segment_cache *sl_segment_cache_create(size_t bytes_max, struct sl_budget *memory);
/* All places were forgotten. NULL is allowed. */
void sl_segment_cache_destroy(struct sl_segment_cache *cache);

/* The block of a place, until sl_segment_cache_leave; NULL when it is not kept. */
struct sl_segment_kept *sl_segment_cache_find(struct sl_segment_cache *cache,
                                              struct sl_segment_kept **place);
void sl_segment_cache_leave(struct sl_segment_cache *cache, struct sl_segment_kept *kept);

/* Keep a copy of a vector, SL_DICT or SL_PLAIN of a fixed type and decoded as a whole, if there is
 * room for it. */
void sl_segment_cache_offer(struct sl_segment_cache *cache, struct sl_segment_kept **place,
                            const struct sl_vector *vector);

/* Keep a copy of so many bytes that belong to a block, aligned as for uint64_t, if there is room for it. */
void sl_segment_cache_offer_bytes(struct sl_segment_cache *cache, struct sl_segment_kept **place,
                                  const void *bytes, size_t size_bytes);

/* One more block was looked into row by row, where something kept would have told: is it this one's turn to
 * be worked for? One of so many is, whoever asks, so that no query pays for all that will come. */
bool sl_segment_cache_is_turn(struct sl_segment_cache *cache);

/* The reader closes. */
void sl_segment_cache_forget(struct sl_segment_cache *cache, struct sl_segment_kept **places,
                             size_t count);

/* Bytes that there is room for, with what is kept now. */
size_t sl_segment_cache_room(const struct sl_segment_cache *cache);

/* Bytes taken now, whole slabs. */
size_t sl_segment_cache_bytes(const struct sl_segment_cache *cache);

#endif
