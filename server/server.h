/*
 * server.h - the composition root: builds the parts, connects them, stops them in reverse.
 *
 *   flow listeners --> ingest --> sink --> store <-- inserts -- conversations <-- TCP
 *                                           ^                        |
 *                                           +--- queries <-----------+
 *
 * Threads: open, run and close on one thread; sl_server_stop from a callback of the loop.
 * Layer:   server, internal.
 */
#ifndef SLUICE_SERVER_SERVER_H
#define SLUICE_SERVER_SERVER_H

#include "server/config.h"
#include "server/net/loop.h"
#include "server/net/tls.h"
#include "storage/base/status.h"

struct sl_server;

/* Open the store, the doors, and say on the log where they are. config is borrowed until close. */
SL_MUST_CHECK
sl_status sl_server_open(const struct sl_config *config, struct sl_server **out_server,
                         struct sl_error *err);

/* Serve until SIGTERM or SIGINT; then stop in order: no new flows and connections, running
 * requests cancelled, what was received appended. A second signal ends the process at once (what
 * was acknowledged is on disk). */
void sl_server_run(struct sl_server *server);

/*
 * A client within the process that has a loop: open_door once, before the server runs. join, on
 * that loop's thread: a connection for `peer`; the caller's end, the server's is on the same loop
 * (sl_pair_open). leave, when that loop has been stopped, on its thread: returns when nothing
 * of the server uses it any more.
 */
void sl_server_open_door(struct sl_server *server, struct sl_loop *loop);
struct sl_tcp *sl_server_join(struct sl_server *server, const struct sl_endpoint *peer);
void sl_server_leave(struct sl_server *server);

/* Somebody has been added with `sluice user add`: passwords are asked for. */
SL_MUST_CHECK
bool sl_server_has_users(const struct sl_server *server);

/* Of tls-certificate and tls-key; NULL without them. Borrowed until sl_server_close. */
const struct sl_tls_context *sl_server_tls(const struct sl_server *server);

/* Sync and close. NULL is allowed. */
void sl_server_close(struct sl_server *server);

#endif
