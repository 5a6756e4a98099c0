/*
 * inserter.h - numbered batches of one producer, with credits and acknowledgements.
 *
 * Ownership: the caller's, between open and close. Put takes over the batch.
 * Threads:   one.
 * Errors:    after any error the inserter is only good for close; what was acknowledged stays.
 * Layer:     client, internal.
 */
#ifndef SLUICE_CLIENT_INSERTER_H
#define SLUICE_CLIENT_INSERTER_H

#include "client/connection.h"

struct sl_inserter;

SL_MUST_CHECK
sl_status sl_inserter_open(struct sl_connection *connection, const char *producer,
                           struct sl_inserter **out_inserter, struct sl_error *err);
void sl_inserter_close(struct sl_inserter *inserter);

/* Rows older than this are beyond the retention; INT64_MIN: none. */
int64_t sl_inserter_oldest_us(const struct sl_inserter *inserter);

/* Send a batch; waits while no credit is left. import_id NULL: not part of an import. */
SL_MUST_CHECK
sl_status sl_inserter_put(struct sl_inserter *inserter, struct sl_batch *batch,
                          const struct sl_hash128 *import_id, uint64_t import_offset,
                          struct sl_error *err);

/* Wait until everything sent is durable. */
SL_MUST_CHECK
sl_status sl_inserter_wait(struct sl_inserter *inserter, struct sl_error *err);

/* Rows acknowledged so far. */
uint64_t sl_inserter_durable_rows(const struct sl_inserter *inserter);

#endif
