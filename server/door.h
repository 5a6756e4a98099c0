/*
 * door.h - the native connections of one loop.
 *
 * The server's own loop has those that come over TCP. A client within the process (the MySQL
 * adapter) has a thread and a loop of its own, and what it says over a pair (net/pair.h) is heard on that
 * same loop: a statement and its answer change threads only where there is something to compute.
 *
 * Ownership: the server's; service (copied) and loop are borrowed.
 * Threads:   the loop's, but for create and destroy (the server's) and kill (any).
 * Layer:     server, internal.
 */
#ifndef SLUICE_SERVER_DOOR_H
#define SLUICE_SERVER_DOOR_H

#include "server/net/loop.h"
#include "server/service.h"
#include "storage/base/status.h"

struct sl_door;

struct sl_door *sl_door_create(const struct sl_service *service, struct sl_loop *loop);
/* Behind stop or leave, or nobody has come. NULL is allowed. */
void sl_door_destroy(struct sl_door *door);

/* An accepted connection. */
void sl_door_take(struct sl_door *door, struct sl_tcp *tcp, const struct sl_endpoint *peer);

/* A connection from within the process, for `peer`, taken as one of this machine's: the caller's
 * end. */
struct sl_tcp *sl_door_join(struct sl_door *door, const struct sl_endpoint *peer);

/* End all connections; when nobody uses the loop any more, it stops. */
void sl_door_stop(struct sl_door *door);
/* The same while the loop does not run: returns when nobody uses it any more. */
void sl_door_leave(struct sl_door *door);

/* sl_conversation_kill, soon. */
void sl_door_kill(struct sl_door *door, uint64_t connection_id, bool is_whole);

#endif
