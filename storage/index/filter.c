/*
 * filter.c - see filter.h.
 */
#include "storage/index/filter.h"
#include "storage/base/hash.h"

/* Odd numbers with about as many ones as zeros: products of one hash by them differ. */
static const uint32_t salts[SL_FILTER_BLOCK_WORDS] = {
    UINT32_C(0x9e3779b1), UINT32_C(0x85ebca77), UINT32_C(0xc2b2ae3d), UINT32_C(0x27d4eb2f),
    UINT32_C(0x165667b1), UINT32_C(0xd3a2646d), UINT32_C(0xfd7046c5), UINT32_C(0xb55a4f09),
};

uint64_t
sl_filter_hash_addr(struct sl_addr addr)
{
    uint8_t key[16];
    for (size_t i = 0; i < 8; i++) {
        key[i] = (uint8_t)(addr.low >> (8 * i));
        key[8 + i] = (uint8_t)(addr.high >> (8 * i));
    }
    return sl_hash64(key, sizeof(key));
}

uint32_t
sl_filter_block_count(size_t count, size_t bits_per_key)
{
    size_t block_bits = (size_t)SL_FILTER_BLOCK_BYTES * 8;
    size_t block_count = (count * bits_per_key + block_bits - 1) / block_bits;
    SL_ASSERT(block_count <= UINT32_MAX);
    return block_count == 0 ? 1 : (uint32_t)block_count;
}

uint32_t
sl_filter_block_of(uint64_t hash, uint32_t block_count)
{
    return (uint32_t)(((hash >> 32) * block_count) >> 32);
}

/* The bit of word `word`, as a bit of the block's bytes. */
static unsigned
bit_of(uint64_t hash, unsigned word)
{
    return word * 32 + ((uint32_t)hash * salts[word] >> 27);
}

void
sl_filter_encode(const uint64_t *hashes, size_t count, size_t bits_per_key, struct sl_buf *out)
{
    uint32_t block_count = sl_filter_block_count(count, bits_per_key);
    size_t size_bytes = (size_t)block_count * SL_FILTER_BLOCK_BYTES;
    uint8_t *blocks = sl_buf_extend(out, size_bytes);
    if (blocks == NULL)
        return;
    memset(blocks, 0, size_bytes);
    for (size_t i = 0; i < count; i++) {
        uint32_t number = sl_filter_block_of(hashes[i], block_count);
        uint8_t *block = &blocks[(size_t)number * SL_FILTER_BLOCK_BYTES];
        for (unsigned word = 0; word < SL_FILTER_BLOCK_WORDS; word++) {
            unsigned bit = bit_of(hashes[i], word);
            block[bit / 8] |= (uint8_t)(1U << (bit % 8));
        }
    }
}

bool
sl_filter_block_may_contain(const uint8_t *block, uint64_t hash)
{
    for (unsigned word = 0; word < SL_FILTER_BLOCK_WORDS; word++) {
        unsigned bit = bit_of(hash, word);
        if ((block[bit / 8] >> (bit % 8) & 1) == 0)
            return false;
    }
    return true;
}
