/*
 * filter.h - was this key ever here? "No" is certain, "maybe" is sometimes wrong: at 10 bits for each
 * key once in a hundred times, at 6 bits once in eleven.
 *
 * A split-block Bloom filter over 64-bit hashes: a key owns one bit in each of the eight words of
 * one block of 32 bytes, so that a probe touches one cache line, and a file must be read for no more
 * than the block. It is probed in the bytes it is stored as.
 *
 * Layout: blocks of eight 32-bit words, little-endian; how many there are, n, is told elsewhere. A key
 * with hash h belongs to block ((h >> 32) * n) >> 32; its bit in word i is bit
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

enum {
    SL_FILTER_BLOCK_WORDS = 8,
    SL_FILTER_BLOCK_BYTES = 4 * SL_FILTER_BLOCK_WORDS,
};

_Static_assert(SL_FILTER_BLOCK_BYTES == 32, "a block is half a cache line");

/* The hash under which an address is stored: XXH3-64 of its key, low half first, little-endian. */
uint64_t sl_filter_hash_addr(struct sl_addr addr);

/* Blocks of a filter of `count` keys with bits_per_key (1 or more): 1 or more. */
uint32_t sl_filter_block_count(size_t count, size_t bits_per_key);

/* Append a filter of `count` keys; best without repetitions. */
void sl_filter_encode(const uint64_t *hashes, size_t count, size_t bits_per_key,
                      struct sl_buf *out);

/* The block, of block_count, that knows the hash. */
uint32_t sl_filter_block_of(uint64_t hash, uint32_t block_count);

/* `block` has SL_FILTER_BLOCK_BYTES. */
bool sl_filter_block_may_contain(const uint8_t *block, uint64_t hash);

#endif
