/*
 * inserts.h - the rows of INSERT statements, from all connections, on their way into the store.
 *
 * Rows of short statements meet in one builder, so that many connections share a batch; long
 * statements bring batches of their own. One thread appends them. It waits for more rows while
 * nobody waits for it: rows that were answered for on receipt stay in the builder for a moment.
 *
 *   request workers --rows--> builder, queue --batches--> thread --> store
 *
 * Ownership: the server's. A ticket is its connection's, and must live until it is called.
 * Threads:   sl_inserts_put on any worker; tickets are called on any thread, and must not block.
 * Layer:     server, internal.
 */
#ifndef SLUICE_SERVER_INSERTS_H
#define SLUICE_SERVER_INSERTS_H

#include "query/query.h"
#include "storage/base/status.h"

struct sl_inserts;
struct sl_stats;
struct sl_store;

/* Who waits: for rows to be durable, or for room. */
struct sl_insert_ticket {
    void (*call)(void *context); /* once for each wait; `failure` says how it went */
    void *context;
    struct sl_error failure; /* status SL_OK: it went well */
    struct sl_insert_ticket *next;
};

enum sl_insert_ack {
    SL_INSERT_DURABLE,  /* the ticket is called when the rows are on disk */
    SL_INSERT_RECEIVED, /* nobody waits; a failure of the store is logged */
};

struct sl_inserts *sl_inserts_create(struct sl_store *store, struct sl_stats *stats);
/* Everything that was put goes into the store first. NULL is allowed. */
void sl_inserts_destroy(struct sl_inserts *inserts);

/*
 * Take further rows of the statement; *out_is_done: all of them are taken. With *out_is_waiting the
 * caller returns when its ticket has been called: then rows are durable, or there may be room.
 */
SL_MUST_CHECK
sl_status sl_inserts_put(struct sl_inserts *inserts, struct sl_query *query, enum sl_insert_ack ack,
                         struct sl_insert_ticket *ticket, bool *out_is_done, bool *out_is_waiting,
                         struct sl_error *err);

/* Return when rows that were put before are in the store, readable. For sl_query_env.settle. */
void sl_inserts_settle(void *context);
/* Would it return at once? */
bool sl_inserts_are_settled(struct sl_inserts *inserts);

#endif
