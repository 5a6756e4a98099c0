/*
 * filter.h - was this key ever here? "No" is certain, "maybe" is sometimes wrong: at 10 bits for each
 * key once in a hundred times, at 6 bits once in eleven.
 *
 * A split-block Bloom filter over 64-bit hashes: a key owns one bit in each of the eight words of
 * one block of 32 bytes, so that a probe touches one cache line. It is probed in the bytes it is
 * stored as.
 *
 * Layout: 4 blocks n, 1 or more, little-endian; n blocks of eight 32-bit words, little-endian.
 * A key with hash h belongs to block ((h >> 32) * n) >> 32; its bit in word i is bit
 * ((h & 0xffffffff) * salt[i] modulo 2^32) >> 27.
 *
 * Threads: pure, any.
 * Layer:   index.
 */
#ifndef SLUICE_STORAGE_INDEX_FILTER_H
#define SLUICE_STORAGE_INDEX_FILTER_H

#include "storage/base/addr.h"
#include "storage/base/base.h"
#include "storage/base/buf.h"
#include "storage/base/status.h"

enum {
    SL_FILTER_HEAD_BYTES = 4,
    SL_FILTER_BLOCK_WORDS = 8,
    SL_FILTER_BLOCK_BYTES = 4 * SL_FILTER_BLOCK_WORDS,
};

_Static_assert(SL_FILTER_BLOCK_BYTES == 32, "a block is half a cache line");

/* Borrows the bytes it was opened on. */
struct sl_filter {
    const uint8_t *blocks;
    uint32_t block_count;
};

/* The hash under which an address is stored: XXH3-64 of its key, low half first, little-endian. */
uint64_t sl_filter_hash_addr(struct sl_addr addr);

/* Append a filter of `count` keys with bits_per_key (1 or more); best without repetitions. */
void sl_filter_encode(const uint64_t *hashes, size_t count, size_t bits_per_key,
                      struct sl_buf *out);

SL_MUST_CHECK
sl_status sl_filter_open(const void *bytes, size_t size_bytes, struct sl_filter *out_filter,
                         struct sl_error *err);

bool sl_filter_may_contain(const struct sl_filter *filter, uint64_t hash);

#endif
