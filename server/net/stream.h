/*
 * stream.h - a TCP connection with buffers, limits and patience.
 *
 * Bytes that arrive are offered to the owner, who uses as many as make whole messages; the rest
 * is kept and offered again with what follows. Bytes to send are queued: the owner asks for the
 * queue's size, stops producing, and is told when it has drained. While more than 8 MiB are
 * queued no input is offered: a peer that only asks would fill the memory with answers.
 *
 * A peer is slow when the owner waits for more of a message, or when bytes are queued, and
 * nothing at all has moved for `stall_us`. It is disconnected. Silence between messages is none
 * of this.
 *
 * A stream can be made secure in its middle: what follows the bytes used so far is TLS, in both
 * directions, and the owner sees plain bytes as before.
 *
 * Ownership: the stream is its owner's until sl_stream_close or on_end, whichever comes first.
 * Threads:   the loop's.
 * Limits:    kept input is taken from a budget that all connections of a server share; when it
 *            is used up, the connection that wants more ends with SL_LIMIT.
 * Layer:     server/net.
 */
#ifndef SLUICE_SERVER_NET_STREAM_H
#define SLUICE_SERVER_NET_STREAM_H

#include "server/net/loop.h"
#include "server/net/tls.h"
#include "storage/base/arena.h"
#include "storage/base/buf.h"

struct sl_stream;

struct sl_stream_events {
    /*
     * bytes[0 .. size) are unused so far. Returns how many are used now; *out_wanted_bytes is the
     * size at which to ask again (more than what is left). The owner may close the stream in
     * here; what it returns is then of no interest.
     */
    size_t (*on_bytes)(void *context, const uint8_t *bytes, size_t size_bytes,
                       size_t *out_wanted_bytes);
    void (*on_drained)(void *context); /* the queue is empty again */
    /* The last call; the stream is gone. why->status is SL_OK when the peer closed in order. */
    void (*on_end)(void *context, const struct sl_error *why);
};

struct sl_stream_limits {
    struct sl_budget *input_budget; /* borrowed */
    int64_t stall_us;
};

/* Takes the socket; starts to read. */
struct sl_stream *sl_stream_open(struct sl_tcp *tcp, const struct sl_stream_limits *limits,
                                 const struct sl_stream_events *events, void *context);

/* From on_bytes: what comes behind the bytes that this call will have used (also none) is TLS, and so
 * is all that is sent from now on. What is sent before the peer's handshake is done is dropped. */
void sl_stream_secure(struct sl_stream *stream, const struct sl_tls_context *context);

/* Queue the buffer's bytes, which are taken; the buffer is empty again. Asserts it is not bad. */
void sl_stream_send(struct sl_stream *stream, struct sl_buf *bytes);

/* Queued and not yet taken by the system. */
size_t sl_stream_queued_bytes(const struct sl_stream *stream);

/* Stop offering bytes, and reading them; go on with what was kept, on a later turn of the loop.
 * From on_bytes, a pause takes effect when it returns. */
void sl_stream_pause(struct sl_stream *stream);
void sl_stream_resume(struct sl_stream *stream);

/* Close at once, without on_end. NULL is allowed. */
void sl_stream_close(struct sl_stream *stream);

/* Offer nothing more, send what is queued, wait a moment for the peer to close (so that what was
 * sent last is not lost to a reset), close; on_end follows. */
void sl_stream_finish(struct sl_stream *stream);

#endif
