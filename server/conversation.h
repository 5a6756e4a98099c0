/*
 * conversation.h - one native connection: an explicit state machine over frames.
 *
 *   HELLO --> AUTH --> READY --> FINISHING
 *     |        |         |           ^
 *     +--------+---------+-----------+   an error of the protocol, a peer that is late, a stop
 *
 * In READY at most one request runs (request.h), inserts flow beside it (lane.h), and CANCEL and
 * PING are answered at once. A peer that goes away cancels what it runs; the conversation lives
 * on, deaf, until its last worker has come back.
 *
 * Ownership: conversations own themselves; the list knows those that are there.
 * Threads:   the loop's.
 * Layer:     server, internal.
 */
#ifndef SLUICE_SERVER_CONVERSATION_H
#define SLUICE_SERVER_CONVERSATION_H

#include "server/net/loop.h"
#include "server/service.h"

struct sl_conversation;

struct sl_conversation_list {
    const struct sl_service *service; /* borrowed */
    struct sl_conversation *first;
    uint32_t count;
    uint32_t stepping_count;                  /* whose request is with a worker */
    const struct sl_conversation *asked_last; /* only compared: it may be gone */
    uint32_t denial_count; /* of those, whose login failed and who are not told yet */
    bool is_stopping;
    void (*on_empty)(void *context); /* the last one has gone, after sl_conversation_stop_all */
    void *context;
};

/* An accepted connection. Beyond the limit it is told so and closed. */
void sl_conversation_start(struct sl_conversation_list *list, struct sl_tcp *tcp,
                           const struct sl_endpoint *peer);

/* A connection whose statement was cancelled goes on with it at once, and ends when is_whole. One
 * that is gone by now is no error. */
void sl_conversation_kill(struct sl_conversation_list *list, uint64_t connection_id, bool is_whole);

/* Cancel everything, tell everybody, close; on_empty when all have gone (at once, when nobody is
 * there). New ones are refused from now on. */
void sl_conversation_stop_all(struct sl_conversation_list *list);

#endif
