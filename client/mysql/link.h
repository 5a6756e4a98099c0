/*
 * link.h - one connection to the server, by events: connect, HELLO, then frames in both ways.
 *
 * Every MySQL connection has a link of its own, so that the server sees one client for each of
 * them, and its connection id is the client's thread id.
 *
 * Ownership: the session's. No event comes after sl_link_close, nor after on_end, with which the
 *            link is gone. A link may be closed in its events.
 * Threads:   the loop's.
 * Layer:     client/mysql, internal.
 */
#ifndef SLUICE_CLIENT_MYSQL_LINK_H
#define SLUICE_CLIENT_MYSQL_LINK_H

#include "server/net/stream.h"
#include "server/wire/wire.h"

struct sl_link;

struct sl_link_events {
    void (*on_welcome)(void *context, const struct sl_wire_welcome *welcome);
    /* All but WELCOME. is_last: nothing that has come is behind it. */
    void (*on_frame)(void *context, const struct sl_wire_frame *frame, bool is_last);
    void (*on_drained)(void *context); /* what was sent has been taken */
    void (*on_end)(void *context, const struct sl_error *why);
};

/* Over TCP to `endpoint`; when that is NULL, over `end` of a pair, which the link takes over, also when
 * it fails. */
SL_MUST_CHECK
sl_status sl_link_open(struct sl_loop *loop, const struct sl_endpoint *endpoint, struct sl_tcp *end,
                       const struct sl_stream_limits *limits, const struct sl_link_events *events,
                       void *context, struct sl_link **out_link, struct sl_error *err);
/* The server cancels what ran. NULL is allowed. */
void sl_link_close(struct sl_link *link);

/* Queue whole frames; only after on_welcome. The buffer is empty again. */
void sl_link_send(struct sl_link *link, struct sl_buf *frames);

/* Bytes that the server has not taken yet. */
size_t sl_link_queued_bytes(const struct sl_link *link);

/* Take no more frames, so that the server holds back; go on. */
void sl_link_pause(struct sl_link *link);
void sl_link_resume(struct sl_link *link);

#endif
