/*
 * hash.c - the only user of xxHash. See hash.h.
 */
#include "storage/base/hash.h"

#include <xxhash.h>
#if defined(__x86_64__)
#include <xxh_x86dispatch.h> /* the same hashes, by the widest loop that the CPU has */
#endif

struct sl_hash_stream {
    XXH3_state_t *state; /* owned: it wants 64-byte alignment, which its own create gives */
};

uint64_t
sl_hash64(const void *bytes, size_t size_bytes)
{
    return XXH3_64bits(bytes, size_bytes);
}

struct sl_hash_stream *
sl_hash_stream_create(void)
{
    struct sl_hash_stream *stream = sl_new(sizeof(*stream));
    stream->state = XXH3_createState();
    SL_ASSERT(stream->state != NULL);
    (void)XXH3_128bits_reset(stream->state);
    return stream;
}

void
sl_hash_stream_update(struct sl_hash_stream *stream, const void *bytes, size_t size_bytes)
{
    (void)XXH3_128bits_update(stream->state, bytes, size_bytes);
}

struct sl_hash128
sl_hash_stream_digest(const struct sl_hash_stream *stream)
{
    XXH128_hash_t digest = XXH3_128bits_digest(stream->state);
    return (struct sl_hash128){.low = digest.low64, .high = digest.high64};
}

void
sl_hash_stream_destroy(struct sl_hash_stream *stream)
{
    if (stream == NULL)
        return;
    XXH3_freeState(stream->state);
    free(stream);
}
