/*
 * mysql.h - the MySQL-compatible view adapter: clients of MySQL in, the native protocol out.
 *
 *   MySQL clients --> sessions --> links --> sluiced
 *
 * The adapter knows two protocols and nothing else: no SQL, no tables, no passwords. Texts go to
 * the server as they are, in the MySQL dialect; scheme, challenge and response of a login go to
 * the server, which alone judges them. TLS and compression end here.
 *
 * Clients of other machines need TLS and a server with users, unless is_insecure says otherwise.
 *
 * Threads: create, run, destroy on one thread, which has a loop of its own; sl_mysql_stop on any.
 * Limits:  clients at once; bytes that clients have sent and nobody has worked on yet; bytes of
 *          rows that wait for clients to read. A client that is slow holds back its own query and
 *          is disconnected when it takes nothing at all for `stall_us`.
 * Layer:   client/mysql. Facade: server/main.c includes it too.
 */
#ifndef SLUICE_CLIENT_MYSQL_MYSQL_H
#define SLUICE_CLIENT_MYSQL_MYSQL_H

#include "server/net/loop.h"
#include "server/net/tls.h"
#include "storage/base/status.h"

/* A connection to a server in the same process, for this client: an end of sl_pair_open. */
typedef struct sl_tcp *sl_mysql_join_fn(void *context, const struct sl_endpoint *peer);
/* All such connections are to end; the loop does not run now, and may be run for that. */
typedef void sl_mysql_leave_fn(void *context);

struct sl_mysql_options {
    struct sl_endpoint listen;
    struct sl_endpoint connect; /* the native protocol; unused when there is join */
    sl_mysql_join_fn *join;     /* NULL: over TCP. Called on the adapter's thread */
    sl_mysql_leave_fn *leave;   /* with join: behind the last use of it */
    void *join_context;
    uint32_t connections_max;
    size_t input_bytes_max;
    size_t rows_bytes_max;
    int64_t stall_us;
    const struct sl_tls_context *tls; /* borrowed; NULL: TLS is not offered */
    bool is_insecure;
};

/* All but the two endpoints. */
struct sl_mysql_options sl_mysql_options_default(void);

struct sl_mysql;

/* Listen. The server need not be there yet: each client's login tries to reach it. */
SL_MUST_CHECK
sl_status sl_mysql_create(const struct sl_mysql_options *options, struct sl_mysql **out_mysql,
                          struct sl_error *err);
/* With the port that the system chose for port 0. */
struct sl_endpoint sl_mysql_endpoint(const struct sl_mysql *mysql);
/* For signals of a program of its own. */
struct sl_loop *sl_mysql_loop(struct sl_mysql *mysql);

/* Serve until sl_mysql_stop, and until all have been told. */
void sl_mysql_run(struct sl_mysql *mysql);
/* Any thread, once: no new clients, tell the others, close. */
void sl_mysql_stop(struct sl_mysql *mysql);
/* After run has returned, or instead of it. NULL is allowed. */
void sl_mysql_destroy(struct sl_mysql *mysql);

#endif
