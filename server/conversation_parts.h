/*
 * conversation_parts.h - what the parts of a conversation share.
 *
 * conversation.c is its life, what it sends and its stream; conversation_frame.c takes frames;
 * conversation_request.c steps its one request over workers.
 *
 * Threads: the loop's, but for sl_conversation_call_ticket.
 * Layer:   server, internal to the conversation.
 */
#ifndef SLUICE_SERVER_CONVERSATION_PARTS_H
#define SLUICE_SERVER_CONVERSATION_PARTS_H

#include "server/conversation.h"
#include "server/lane.h"
#include "server/login.h"
#include "server/net/stream.h"
#include "server/request.h"
#include "server/statements.h"
#include "server/wire/wire.h"

enum {
    SL_CONVERSATION_MAGIC = 0x434f4e56,
    SL_CONVERSATION_LASTING = 16,
    SL_CONVERSATION_SMALL_BYTES = 128 << 10, /* of a frame that is no rows */
    SL_CONVERSATION_QUEUED_BYTES = 4
                                   << 20, /* a result waits while more is on its way to the peer */
};

/* A request that waits for its ticket may hear from it before its step has come back. */
enum sl_ticket_state { SL_TICKET_NONE, SL_TICKET_AWAITED, SL_TICKET_CALLED };

enum sl_conversation_state {
    SL_CONVERSATION_HELLO,
    SL_CONVERSATION_AUTH,
    SL_CONVERSATION_READY,
    SL_CONVERSATION_FINISHING
};

struct sl_conversation {
    uint32_t magic;
    enum sl_conversation_state state;
    uint32_t references; /* the stream, the request, and each insert on its way hold one */
    struct sl_conversation_list *list; /* borrowed */
    struct sl_conversation *previous;
    struct sl_conversation *next;
    const struct sl_service *service; /* borrowed */
    struct sl_stream *stream;         /* owned; NULL once the peer is gone */
    struct sl_entry *entry;           /* owned */
    char peer[SL_ENDPOINT_TEXT_BYTES];
    bool needs_tls; /* the peer is on another machine, and there is a certificate */
    bool is_secure; /* TLS */
    struct sl_login login;
    uint64_t features;          /* of both sides */
    struct sl_timer *handshake; /* owned; NULL in READY. Of a login that failed: its answer */
    struct sl_error *denial;    /* owned: that answer; NULL */
    uint32_t denial_tag;
    struct sl_timer *progress; /* owned; NULL unless a request wants it */
    struct sl_timer *pause;    /* owned; NULL unless a request's next step is later */

    uint64_t lasting[SL_CONVERSATION_LASTING]; /* hashes of statements that lasted */
    uint32_t lasting_next;
    struct sl_request *request; /* owned, but while a worker steps it */
    bool is_stepping;
    bool is_held_back; /* the next step waits for the peer to read */
    struct sl_insert_ticket ticket;
    enum sl_ticket_state ticket_state;
    bool has_head; /* the peer has seen a RESULT whose DONE is not computed yet */
    struct sl_lane lane;
    bool is_starved;      /* an INSERT waits for memory */
    bool is_file_open;    /* the peer was asked for a file and has not sent its end */
    bool is_file_waiting; /* a piece of it waits until the request wants it */

    struct sl_statements statements;
};

/* conversation.c. hold and release take a struct sl_conversation, for the lane's sake as a pointer to
 * anything; so does send, which empties the buffer. */
void sl_conversation_hold(void *context);
void sl_conversation_release(void *context);
void sl_conversation_drop_request(struct sl_conversation *c);
void sl_conversation_send(void *context, struct sl_buf *bytes);
void sl_conversation_send_error(struct sl_conversation *c, uint32_t tag,
                                const struct sl_error *error);
void sl_conversation_send_done(struct sl_conversation *c, uint32_t tag);
/* Tell the peer why, note it, and close when it has heard. */
void sl_conversation_refuse(struct sl_conversation *c, uint32_t tag, const struct sl_error *why);

/* conversation_frame.c: *out_is_taken false: offer the frame again later. */
SL_MUST_CHECK
sl_status sl_conversation_take_frame(struct sl_conversation *c, const struct sl_wire_frame *frame,
                                     bool *out_is_taken, struct sl_error *err);

/* conversation_request.c: a frame that makes a request; its next step; the request's ticket (any thread). */
SL_MUST_CHECK
sl_status sl_conversation_take_request(struct sl_conversation *c, const struct sl_wire_frame *frame,
                                       enum sl_role role, struct sl_error *err);
void sl_conversation_step(struct sl_conversation *c);
/* The next step of a request that pauses, now. */
void sl_conversation_wake(void *context);
void sl_conversation_call_ticket(void *context);

#endif
