/*
 * ring.h - datagrams from one thread to another, through memory that was there before.
 *
 * A ring of bytes with one producer and one consumer. Each entry is a head and a datagram,
 * padded to 16 bytes; an entry never wraps: where the rest of the ring is too short, or not needed
 * because the ring is empty, a filler takes it. `tail` is written by the producer alone, `head` by
 * the consumer alone:
 *
 *   producer: sees room (acquire head) -> writes entry -> publishes it (release tail)
 *   consumer: sees tail (acquire)      -> reads entry  -> gives it back (release head)
 *
 * so each sees the other's bytes complete, and neither ever waits for the other inside a call.
 *
 * Threads: one producer, one consumer; counts may be read by any. Layer: ingest.
 */
#ifndef SLUICE_INGEST_RING_H
#define SLUICE_INGEST_RING_H

#include "storage/base/addr.h"

enum { SL_RING_DATAGRAM_BYTES_MAX = 65535 };

struct sl_ring_entry {
    struct sl_addr addr;
    int64_t received_us;
    uint32_t size_bytes; /* UINT32_MAX: filler */
    uint16_t port;
    uint16_t unused;
};
_Static_assert(sizeof(struct sl_ring_entry) % 16 == 0, "entries stay aligned");

struct sl_ring;

/* size_bytes: a power of two, at least 256 KiB. NULL when there is no memory. */
struct sl_ring *sl_ring_create(size_t size_bytes);
void sl_ring_destroy(struct sl_ring *ring);

/* Producer: copy a datagram in; false when there is no room. entry->size_bytes is its size. */
bool sl_ring_put(struct sl_ring *ring, const struct sl_ring_entry *entry, const uint8_t *bytes);

/* Consumer: the oldest datagram, borrowed until sl_ring_pop; NULL when there is none. */
const struct sl_ring_entry *sl_ring_peek(struct sl_ring *ring, const uint8_t **out_bytes);
void sl_ring_pop(struct sl_ring *ring);

/* Position behind everything put so far, and whether the consumer is past a position. */
uint64_t sl_ring_tail(const struct sl_ring *ring);
bool sl_ring_is_past(const struct sl_ring *ring, uint64_t position);

#endif
