/*
 * mysql_peer.h - a client of MySQL's protocol for the measured loops: the same bytes to any server, and as
 * little work of its own as there can be.
 *
 * Ownership: a peer is its opener's.
 * Threads:   one a peer.
 * Errors:    a server that fails or says something else than expected ends the program with a line.
 * Limits:    packets of SL_MYSQL_PEER_PACKET_BYTES_MAX; a login without a password.
 */
#ifndef SLUICE_BENCH_MYSQL_PEER_H
#define SLUICE_BENCH_MYSQL_PEER_H

#include "storage/base/base.h"
#include "storage/base/buf.h"

enum { SL_MYSQL_PEER_PACKET_BYTES_MAX = (1 << 24) - 2 };

struct sl_mysql_peer;

struct sl_mysql_peer *sl_mysql_peer_open(const char *host, const char *port, const char *database);
void sl_mysql_peer_close(struct sl_mysql_peer *peer);

/* Append COM_QUERY with a statement, ready to be sent. */
void sl_mysql_peer_put_query(struct sl_buf *out, const void *statement, size_t size_bytes);
void sl_mysql_peer_send(struct sl_mysql_peer *peer, const struct sl_buf *packet);

/* The whole answer of a statement without rows. */
void sl_mysql_peer_take_ok(struct sl_mysql_peer *peer);
/* The whole answer of a statement with rows; returns how many there were. */
uint64_t sl_mysql_peer_take_rows(struct sl_mysql_peer *peer);

#endif
