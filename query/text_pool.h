/*
 * text_pool.h - numbers for texts: equal texts of one query get one number, whoever asks.
 *
 * Groups and distinct values are keyed by these numbers, so every key has a fixed size. Texts
 * that are equal without regard to ASCII case share a number unless the pool is binary; the
 * number then stands for the smallest of its spellings, in byte order, so that an answer does
 * not depend on which worker came first.
 *
 * A worker asks through a cache of its own, which knows exact spellings; only a spelling that is
 * new to the worker takes the lock.
 *
 * Threads: a pool any, a cache one.
 * Errors:  SL_TEXT_NONE when the budget is used up.
 * Layer:   query, internal.
 */
#ifndef SLUICE_QUERY_TEXT_POOL_H
#define SLUICE_QUERY_TEXT_POOL_H

#include "storage/base/arena.h"
#include "storage/batch.h"

#define SL_TEXT_NONE UINT32_MAX

struct sl_text_pool;
struct sl_text_cache;

struct sl_text_pool *sl_text_pool_create(struct sl_budget *budget, bool is_binary);
/* NULL is allowed. */
void sl_text_pool_destroy(struct sl_text_pool *pool);

/* The text of a number; after the last sl_text_cache_number only. */
struct sl_slice sl_text_pool_slice(const struct sl_text_pool *pool, uint32_t number);

struct sl_text_cache *sl_text_cache_create(struct sl_text_pool *pool);
void sl_text_cache_destroy(struct sl_text_cache *cache);

uint32_t sl_text_cache_number(struct sl_text_cache *cache, struct sl_slice text);

#endif
