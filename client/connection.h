/*
 * connection.h - one conversation with a sluiced: frames over a blocking socket.
 *
 * Ownership: the caller's, between open and close. What receive hands out is borrowed until the
 *            next receive.
 * Threads:   one at a time, but for sl_connection_cancel, which any thread (and a signal handler
 *            by way of a flag) may use on a connection of its own.
 * Errors:    SL_IO      the peer cannot be reached, or is gone: the connection is of no use then
 *            SL_FORMAT  the peer does not keep to the protocol
 *            else what the server answered, with its text
 * Layer:     client, internal. Programs use sluice.h.
 */
#ifndef SLUICE_CLIENT_CONNECTION_H
#define SLUICE_CLIENT_CONNECTION_H

#include <signal.h>

#include "client/credentials.h"
#include "server/wire/wire.h"
#include "storage/base/status.h"

struct sl_connection;

/* Connect to "HOST:PORT", "HOST", ":PORT" or "[v6]:PORT"; NULL or "" means 127.0.0.1:7010; and log
 * in. SL_DENIED: the server has users, and the password is wrong or missing. */
SL_MUST_CHECK
sl_status sl_connection_open(const char *address, const struct sl_credentials *credentials,
                             struct sl_connection **out_connection, struct sl_error *err);
/* NULL is allowed. */
void sl_connection_close(struct sl_connection *connection);

/* The peer is gone, or what it sent was not understood: nothing more can be asked of it. */
bool sl_connection_is_broken(const struct sl_connection *connection);

/* The number by which another connection cancels what this one runs. */
uint64_t sl_connection_id(const struct sl_connection *connection);
const char *sl_connection_server(const struct sl_connection *connection);

/* The buffer of the next frames; encoders of wire.h append to it, send writes it out. */
struct sl_buf *sl_connection_out(struct sl_connection *connection);
SL_MUST_CHECK
sl_status sl_connection_send(struct sl_connection *connection, struct sl_error *err);

/* A fresh tag for a request. */
uint32_t sl_connection_tag(struct sl_connection *connection);

/* Wait for a frame. An ERROR frame is returned as the error it carries (and ends its request;
 * *out_frame then has its tag). */
SL_MUST_CHECK
sl_status sl_connection_receive(struct sl_connection *connection, struct sl_wire_frame *out_frame,
                                struct sl_error *err);

/* True when a whole frame, or a part of one, can be had without waiting. */
bool sl_connection_is_readable(struct sl_connection *connection);

/* Wait for a frame of the type given; anything else is SL_FORMAT. */
SL_MUST_CHECK
sl_status sl_connection_expect(struct sl_connection *connection, enum sl_wire_type type,
                               struct sl_wire_frame *out_frame, struct sl_error *err);

/*
 * Watch a flag that a signal handler sets: when a wait is interrupted and the flag is set, what
 * this connection runs is cancelled (once), and waiting goes on for the server's answer, which
 * is SL_CANCELLED then. NULL: do not watch. The flag is borrowed.
 */
void sl_connection_watch(struct sl_connection *connection, volatile sig_atomic_t *interrupted);

/* Over a second connection to the same server: stop what `connection_id` runs. */
SL_MUST_CHECK
sl_status sl_connection_cancel(const char *address, const struct sl_credentials *credentials,
                               uint64_t connection_id, struct sl_error *err);

#endif
