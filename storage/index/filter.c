/*
 * filter.c - see filter.h.
 */
#include "storage/index/filter.h"
#include "storage/base/cursor.h"
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

static size_t
block_offset(uint64_t hash, uint32_t block_count)
{
    return (size_t)(((hash >> 32) * block_count) >> 32) * SL_FILTER_BLOCK_BYTES;
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
    size_t block_bits = (size_t)SL_FILTER_BLOCK_BYTES * 8;
    size_t block_count = (count * bits_per_key + block_bits - 1) / block_bits;
    if (block_count == 0)
        block_count = 1;
    SL_ASSERT(block_count <= UINT32_MAX);
    sl_buf_u32le(out, (uint32_t)block_count);
    uint8_t *blocks = sl_buf_extend(out, block_count * SL_FILTER_BLOCK_BYTES);
    if (blocks == NULL)
        return;
    memset(blocks, 0, block_count * SL_FILTER_BLOCK_BYTES);
    for (size_t i = 0; i < count; i++) {
        uint8_t *block = &blocks[block_offset(hashes[i], (uint32_t)block_count)];
        for (unsigned word = 0; word < SL_FILTER_BLOCK_WORDS; word++) {
            unsigned bit = bit_of(hashes[i], word);
            block[bit / 8] |= (uint8_t)(1U << (bit % 8));
        }
    }
}

sl_status
sl_filter_open(const void *bytes, size_t size_bytes, struct sl_filter *out_filter,
               struct sl_error *err)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    uint32_t block_count = sl_cursor_u32le(&c);
    *out_filter = (struct sl_filter){0};
    if (c.bad || block_count == 0 ||
        sl_cursor_left(&c) != (uint64_t)block_count * SL_FILTER_BLOCK_BYTES)
        return sl_fail(err, SL_CORRUPT, "filter: %zu bytes are not %u blocks", size_bytes,
                       block_count);
    *out_filter = (struct sl_filter){.blocks = c.next, .block_count = block_count};
    return SL_OK;
}

bool
sl_filter_may_contain(const struct sl_filter *filter, uint64_t hash)
{
    const uint8_t *block = &filter->blocks[block_offset(hash, filter->block_count)];
    for (unsigned word = 0; word < SL_FILTER_BLOCK_WORDS; word++) {
        unsigned bit = bit_of(hash, word);
        if ((block[bit / 8] >> (bit % 8) & 1) == 0)
            return false;
    }
    return true;
}
