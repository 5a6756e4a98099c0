/*
 * channel.h - bytes to and from a sluiced: a blocking socket, plain or with TLS on it.
 *
 * Ownership: the caller's, between open and close.
 * Threads:   one at a time.
 * Errors:    SL_IO       the peer cannot be reached, or is gone: the channel is of no use then
 *            SL_TIMEOUT  it said nothing for SL_CHANNEL_PATIENCE_S, while patience is short
 *            SL_FORMAT   an address that is none; a peer that does not speak TLS
 *            SL_DENIED   a certificate that is not to be trusted
 * Layer:     client, internal.
 */
#ifndef SLUICE_CLIENT_CHANNEL_H
#define SLUICE_CLIENT_CHANNEL_H

#include "storage/base/base.h"
#include <signal.h>

#include "storage/base/status.h"

struct sl_channel;

/* A server answers within a round trip and a thread's wake-up; ten seconds of silence mean that
 * something else listens there, or nothing behind a filter. */
enum { SL_CHANNEL_PATIENCE_S = 10 };

/* Trust in the system's authorities. */
#define SL_CHANNEL_SYSTEM "system"

/*
 * Connect to "HOST:PORT", "HOST", ":PORT" or "[v6]:PORT"; NULL or "" means 127.0.0.1:7010. `trust`:
 * NULL for a plain channel, else TLS, and the PEM file of the authorities (or the certificate
 * itself) that make the server's certificate good, or SL_CHANNEL_SYSTEM.
 */
SL_MUST_CHECK
sl_status sl_channel_open(const char *address, const char *trust, struct sl_channel **out_channel,
                          struct sl_error *err);
/* NULL is allowed. */
void sl_channel_close(struct sl_channel *channel);

/* From now on silence may last. */
void sl_channel_be_patient(struct sl_channel *channel);

SL_MUST_CHECK
sl_status sl_channel_send(struct sl_channel *channel, const uint8_t *bytes, size_t size_bytes,
                          struct sl_error *err);

/* Wait for bytes; *out_bytes is 0 when a signal came first. */
SL_MUST_CHECK
sl_status sl_channel_receive(struct sl_channel *channel, uint8_t *bytes, size_t capacity_bytes,
                             size_t *out_bytes, struct sl_error *err);

/* Something has come that was not received yet. */
bool sl_channel_is_readable(const struct sl_channel *channel);

/* Wait until something has; false when a signal came first. While it waits the thread's signal mask
 * is `mask`: who blocks a signal, looks at what its handler sets, and then waits, misses none. */
bool sl_channel_wait(const struct sl_channel *channel, const sigset_t *mask);

#endif
