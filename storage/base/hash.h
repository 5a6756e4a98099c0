/*
 * hash.h - XXH3 over everything that rests on disk or crosses the wire.
 *
 * 64 bits guard blocks, frames and records; 128 bits name contents (imports).
 * Not cryptographic: it finds accidents, not adversaries.
 */
#ifndef SLUICE_STORAGE_BASE_HASH_H
#define SLUICE_STORAGE_BASE_HASH_H

#include "storage/base/base.h"

uint64_t sl_hash64(const void *bytes, size_t size_bytes);

/* A 64-bit mix of an integer, for hash tables in memory; not stored anywhere. */
static inline uint64_t
sl_hash_u64(uint64_t value)
{
    value ^= value >> 32;
    value *= UINT64_C(0xd6e8feb86659fd93);
    value ^= value >> 32;
    value *= UINT64_C(0xd6e8feb86659fd93);
    value ^= value >> 32;
    return value;
}

struct sl_hash128 {
    uint64_t low;
    uint64_t high;
};

/* A running hash for contents that arrive in pieces. Owned; destroy it. */
struct sl_hash_stream;
struct sl_hash_stream *sl_hash_stream_create(void);
void sl_hash_stream_update(struct sl_hash_stream *stream, const void *bytes, size_t size_bytes);
struct sl_hash128 sl_hash_stream_digest(const struct sl_hash_stream *stream);
void sl_hash_stream_destroy(struct sl_hash_stream *stream);

#endif
