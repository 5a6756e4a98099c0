/*
 * tls.h - TLS 1.2 and 1.3, either side, between two heaps of bytes.
 *
 * Nothing here knows sockets: what came is put in, what is to be sent is collected, plain text is
 * read and written on the other side. tls.c alone knows libssl. stream.h puts it under a stream,
 * client/channel.h under a blocking socket.
 *
 * Ownership: a context outlives its sessions; both are the caller's.
 * Threads:   a context may be shared, a session is one thread's at a time.
 * Errors:    SL_IO, SL_FORMAT a certificate or key; SL_FORMAT a peer that does not speak TLS;
 *            SL_DENIED a server whose certificate is not to be trusted.
 * Layer:     server/net.
 */
#ifndef SLUICE_SERVER_NET_TLS_H
#define SLUICE_SERVER_NET_TLS_H

#include "storage/base/buf.h"
#include "storage/base/status.h"

struct sl_tls_context;
struct sl_tls;

/* PEM files: the certificate with its chain, and its key. */
SL_MUST_CHECK
sl_status sl_tls_context_open(const char *certificate_path, const char *key_path,
                              struct sl_tls_context **out_context, struct sl_error *err);
/* NULL is allowed. */
void sl_tls_context_close(struct sl_tls_context *context);

/* For clients: authorities, a PEM file, say which servers are to be trusted; NULL: the system's. */
SL_MUST_CHECK
sl_status sl_tls_context_open_client(const char *authorities_path,
                                     struct sl_tls_context **out_context, struct sl_error *err);

/* A session that waits for a client's first words. */
struct sl_tls *sl_tls_accept(const struct sl_tls_context *context);
/* A session with a server, which must prove to be `host`, a name or an address. sl_tls_read says the
 * first words. */
struct sl_tls *sl_tls_connect(const struct sl_tls_context *context, const char *host);

/* Do these first bytes of a connection begin TLS? At least SL_TLS_FIRST_BYTES of them. */
enum { SL_TLS_FIRST_BYTES = 3 };
bool sl_tls_begins(const uint8_t *bytes);
/* NULL is allowed. */
void sl_tls_close(struct sl_tls *tls);

/* Bytes that the peer sent. */
void sl_tls_put(struct sl_tls *tls, const uint8_t *bytes, size_t size_bytes);

/* The next plain bytes; *out_bytes is 0 when there are none yet, and *out_is_end true when the
 * peer has ended its side in order. Works on the handshake too: collect afterwards. */
SL_MUST_CHECK
sl_status sl_tls_read(struct sl_tls *tls, uint8_t *plain, size_t capacity_bytes, size_t *out_bytes,
                      bool *out_is_end, struct sl_error *err);

/* Plain bytes can be read that have come already. */
bool sl_tls_has_input(const struct sl_tls *tls);

/* The handshake is done: plain bytes can be written. */
bool sl_tls_is_ready(const struct sl_tls *tls);
void sl_tls_write(struct sl_tls *tls, const uint8_t *plain, size_t size_bytes);
/* Say that no more will come. */
void sl_tls_finish(struct sl_tls *tls);

/* Move what is to be sent to the peer to the end of `out`. */
void sl_tls_collect(struct sl_tls *tls, struct sl_buf *out);

#endif
