/*
 * service.h - what every connection of a server works with: the parts, borrowed.
 *
 * server.c builds it, everybody else reads it. Three pools, so that none can starve the next:
 * `work` is the store's and the helpers' of queries; `requests` runs whatever a client waits for,
 * and a request may wait for `work`; `inserts` appends batches, and an append may wait for a seal
 * on `work`.
 *
 * Layer: server, internal.
 */
#ifndef SLUICE_SERVER_SERVICE_H
#define SLUICE_SERVER_SERVICE_H

#include "query/query.h"
#include "server/config.h"
#include "storage/base/arena.h"
#include "storage/base/thread.h"

struct sl_ingest;
struct sl_inserts;
struct sl_loop;
struct sl_registry;
struct sl_stats;
struct sl_store;
struct sl_tls_context;
struct sl_users;

#define SL_SERVER_VERSION "0.1.0"

struct sl_service {
    const struct sl_config *config;
    struct sl_loop *loop;
    struct sl_schema *schema;
    struct sl_store *store;
    struct sl_ingest *ingest;
    struct sl_pool *work;
    struct sl_pool *requests;
    struct sl_pool *inserts;
    struct sl_inserts *sql_inserts; /* rows of INSERT statements */
    struct sl_registry *registry;
    struct sl_users *users;
    struct sl_stats *stats;
    struct sl_query_env env;
    struct sl_budget *stream_budget; /* input that is not a whole frame yet, requests */
    struct sl_budget *insert_budget; /* batches that wait to be appended */
    const char *data_directory;
    struct sl_tls_context *tls; /* NULL: there is no certificate */
};

#endif
