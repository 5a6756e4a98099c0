/*
 * ring.c - see ring.h.
 */
#include "ingest/ring.h"

#include <stdatomic.h>

enum {
    LINE_BYTES = 64,
    FILLER = UINT32_MAX,
    /* Behind so many bytes a ring that is empty begins anew, in memory that is in the cache still: as
     * long as the consumer keeps up, the rest is not touched. */
    RESTART_BYTES = 2 * (SL_RING_DATAGRAM_BYTES_MAX + 1),
};

_Static_assert(RESTART_BYTES >= (int)sizeof(struct sl_ring_entry) + SL_RING_DATAGRAM_BYTES_MAX + 15,
               "what a filler of the rest leaves of an empty ring has room for any entry");

struct sl_ring {
    size_t size_bytes;
    uint8_t *bytes;               /* owned */
    uint8_t unshared[LINE_BYTES]; /* the counters below lie on lines of their own */
    _Atomic uint64_t tail;        /* bytes ever put */
    uint8_t apart[LINE_BYTES];
    _Atomic uint64_t head; /* bytes ever given back */
};

struct sl_ring *
sl_ring_create(size_t size_bytes)
{
    SL_ASSERT((size_bytes & (size_bytes - 1)) == 0);
    SL_ASSERT(size_bytes >= (size_t)4 * SL_RING_DATAGRAM_BYTES_MAX);
    uint8_t *bytes = sl_try_alloc(size_bytes);
    if (bytes == NULL)
        return NULL;
    struct sl_ring *ring = sl_new(sizeof(*ring));
    ring->size_bytes = size_bytes;
    ring->bytes = bytes;
    return ring;
}

void
sl_ring_destroy(struct sl_ring *ring)
{
    if (ring == NULL)
        return;
    free(ring->bytes);
    free(ring);
}

static size_t
entry_bytes(uint32_t size_bytes)
{
    return sizeof(struct sl_ring_entry) + (((size_t)size_bytes + 15) & ~(size_t)15);
}

bool
sl_ring_put(struct sl_ring *ring, const struct sl_ring_entry *entry, const uint8_t *bytes)
{
    SL_ASSERT(entry->size_bytes <= SL_RING_DATAGRAM_BYTES_MAX);
    size_t wanted_bytes = entry_bytes(entry->size_bytes);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed); /* our own */
    /* Pairs with the release in sl_ring_pop: the consumer is done with these bytes. */
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    size_t offset = (size_t)(tail & (ring->size_bytes - 1));
    size_t rest_bytes = ring->size_bytes - offset;
    bool is_restart = head == tail && offset >= RESTART_BYTES;
    size_t filler_bytes = rest_bytes < wanted_bytes || is_restart ? rest_bytes : 0;
    if (ring->size_bytes - (size_t)(tail - head) < filler_bytes + wanted_bytes)
        return false;
    if (filler_bytes != 0) {
        /* The rest is a multiple of 16, which may be less than a head: size_bytes of a filler
         * would not fit then, so the consumer knows that a rest without room for a head is one. */
        if (filler_bytes >= sizeof(*entry)) {
            struct sl_ring_entry filler = {.size_bytes = FILLER};
            memcpy(&ring->bytes[offset], &filler, sizeof(filler));
        }
        tail += filler_bytes;
        offset = 0;
    }
    memcpy(&ring->bytes[offset], entry, sizeof(*entry));
    memcpy(&ring->bytes[offset + sizeof(*entry)], bytes, entry->size_bytes);
    /* Pairs with the acquire in sl_ring_peek. */
    atomic_store_explicit(&ring->tail, tail + wanted_bytes, memory_order_release);
    return true;
}

const struct sl_ring_entry *
sl_ring_peek(struct sl_ring *ring, const uint8_t **out_bytes)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed); /* our own */
    for (;;) {
        uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (head == tail)
            return NULL;
        size_t offset = (size_t)(head & (ring->size_bytes - 1));
        size_t rest_bytes = ring->size_bytes - offset;
        const struct sl_ring_entry *entry = (const void *)&ring->bytes[offset];
        if (rest_bytes >= sizeof(*entry) && entry->size_bytes != FILLER) {
            *out_bytes = &ring->bytes[offset + sizeof(*entry)];
            return entry;
        }
        head += rest_bytes;
        atomic_store_explicit(&ring->head, head, memory_order_release);
    }
}

void
sl_ring_pop(struct sl_ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t offset = (size_t)(head & (ring->size_bytes - 1));
    const struct sl_ring_entry *entry = (const void *)&ring->bytes[offset];
    SL_ASSERT(entry->size_bytes <= SL_RING_DATAGRAM_BYTES_MAX);
    /* Pairs with the acquire in sl_ring_put: our reads are over before it writes here again. */
    atomic_store_explicit(&ring->head, head + entry_bytes(entry->size_bytes), memory_order_release);
}

uint64_t
sl_ring_tail(const struct sl_ring *ring)
{
    return atomic_load_explicit(&ring->tail, memory_order_acquire);
}

bool
sl_ring_is_past(const struct sl_ring *ring, uint64_t position)
{
    return (int64_t)(atomic_load_explicit(&ring->head, memory_order_acquire) - position) >= 0;
}
