/*
 * lane.h - the inserts of one connection: a producer, its batches in order, their acknowledgement.
 *
 * A batch waits in the lane until the one before it is appended, is decoded and appended on the
 * pool for inserts, and is answered when the store says that it is durable. After the first
 * failure every later batch is answered with an error too, until the producer is opened again:
 * so nothing is stored out of order.
 *
 * Ownership: the lane is its connection's. Batches on their way hold the connection through
 *            `hold` and `release`, so that an answer from the store always finds somebody.
 * Threads:   the loop's.
 * Layer:     server, internal.
 */
#ifndef SLUICE_SERVER_LANE_H
#define SLUICE_SERVER_LANE_H

#include "server/service.h"
#include "server/wire/wire.h"

enum { SL_LANE_CREDITS = 8 };

struct sl_insert;

/* What a lane needs of its connection. */
struct sl_lane_owner {
    void (*send)(void *context, struct sl_buf *bytes);
    void (*hold)(void *context);
    void (*release)(void *context); /* the last act of a batch */
    void (*on_room)(void *context); /* memory for inserts was given back */
};

struct sl_lane {
    const struct sl_service *service;
    const struct sl_lane_owner *owner; /* borrowed */
    void *context;
    char *producer; /* owned; NULL: none is open */
    uint64_t epoch;
    struct sl_error failure; /* why later batches are refused; SL_OK: they are not */
    struct sl_insert *first; /* waiting */
    struct sl_insert *last;
    struct sl_insert *working; /* being appended; NULL: none */
    uint32_t outstanding;      /* batches that are not answered yet */
    bool is_closed;
};

void sl_lane_init(struct sl_lane *lane, const struct sl_service *service,
                  const struct sl_lane_owner *owner, void *context);
/* Drop what waits; what is being appended goes on, unanswered. The caller holds the connection. */
void sl_lane_close(struct sl_lane *lane);
/* Asserts that nothing is on its way. */
void sl_lane_fini(struct sl_lane *lane);

/* A producer was opened for this connection; nothing may be on its way. */
void sl_lane_open(struct sl_lane *lane, const char *producer, uint64_t epoch);

/*
 * Take an INSERT frame. SL_OK: it is on its way. SL_LIMIT with *out_is_full: no memory now, offer
 * the frame again after on_room. Any other: the peer broke the protocol.
 */
SL_MUST_CHECK
sl_status sl_lane_take(struct sl_lane *lane, const struct sl_wire_frame *frame, bool *out_is_full,
                       struct sl_error *err);

#endif
