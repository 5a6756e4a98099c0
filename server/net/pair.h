/*
 * pair.h - the bytes between two ends of a connection within one loop.
 *
 * No system call: what one end writes lies in the other's queue, as the memory it was written from,
 * until the loop hands it over. loop.c makes sockets of such ends.
 *
 * Ownership: an end owns what lies in its queue.
 * Threads:   the loop's.
 * Layer:     server/net, internal.
 */
#ifndef SLUICE_SERVER_NET_PAIR_H
#define SLUICE_SERVER_NET_PAIR_H

#include "storage/base/base.h"

struct sl_pair_chunk {
    struct sl_pair_chunk *next;
    uint8_t *bytes; /* owned */
    size_t size_bytes;
};

struct sl_pair_end {
    struct sl_pair_end *mate; /* NULL: closed */
    struct sl_pair_chunk *first;
    struct sl_pair_chunk *last;
    size_t queued_bytes; /* written by the mate, not handed over */
    bool is_reading;
    bool is_ended;  /* the mate writes nothing more */
    bool is_broken; /* what was written will not be read: the mate is gone */
};

void sl_pair_join(struct sl_pair_end *a, struct sl_pair_end *b);

/* Takes the bytes, which malloc gave. Without a mate they are dropped, and the end is broken. */
void sl_pair_write(struct sl_pair_end *end, uint8_t *bytes, size_t size_bytes);

/* Written and not handed over. */
size_t sl_pair_unwritten_bytes(const struct sl_pair_end *end);

/* Nothing more will be written. */
void sl_pair_shutdown(struct sl_pair_end *end);

/* The oldest chunk, to be freed with its bytes; NULL: there is none, or nobody reads. */
struct sl_pair_chunk *sl_pair_take(struct sl_pair_end *end);

/* All is read, and the mate writes nothing more. */
bool sl_pair_is_over(const struct sl_pair_end *end);

/* Is there something to hand over? */
bool sl_pair_is_due(const struct sl_pair_end *end);

/* Drop what is queued, and part from the mate, which is broken when that was something. */
void sl_pair_close(struct sl_pair_end *end);

#endif
