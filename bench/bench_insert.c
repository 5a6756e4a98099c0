/*
 * bench_insert.c - INSERT statements over MySQL's protocol, the same bytes to any server.
 *
 *   bench_insert HOST PORT DATABASE TABLE CONNECTIONS ROWS_PER_STATEMENT SECONDS [DELAYED]
 *
 * Each connection is a thread that sends a statement, waits for its OK, and sends the next: as
 * nProbe and ntopng do. Statements are made before the clock starts. Prints statements and rows a
 * second. No library of MySQL's: what is measured is the server.
 *
 * The table has ntopng's columns (flowsv4). A login without a password.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/mysql_peer.h"
#include "storage/base/clock.h"

enum {
    CONNECTIONS_MAX = 64,
    VARIANTS = 16, /* different statements of a connection, sent in turn */
};

static atomic_bool is_over;

struct client {
    pthread_t thread;
    struct sl_mysql_peer *peer;
    uint64_t statements;
    struct sl_buf packets[VARIANTS];
};

static void
die(const char *what)
{
    fprintf(stderr, "bench_insert: %s\n", what);
    exit(1);
}

static void
put_row(struct sl_buf *text, uint64_t number)
{
    sl_buf_printf(text,
                  "('0','91','%" PRIu64 "','%" PRIu64 "','%" PRIu64 "','443','6','%" PRIu64
                  "','%" PRIu64 "','66','%" PRIu64 "','%" PRIu64 "','host%" PRIu64
                  ".example.com','vm','0')",
                  UINT64_C(3232235776) + number % 250, 1024 + number * 7919 % 60000,
                  UINT64_C(167772160) + number * 104729 % 65536, 100 + number * 31 % 100000,
                  1000 + number * 17 % 1000000, UINT64_C(1795425000) + number / 50,
                  UINT64_C(1795425001) + number / 50, number % 500);
}

static void
make_statement(struct sl_buf *out, const char *verb, const char *table, uint64_t first,
               uint64_t rows)
{
    struct sl_buf text = sl_buf_empty(SL_MYSQL_PEER_PACKET_BYTES_MAX);
    sl_buf_printf(&text,
                  "%s INTO `%s` (VLAN_ID,L7_PROTO,IP_SRC_ADDR,L4_SRC_PORT,IP_DST_ADDR,L4_DST_PORT,"
                  "PROTOCOL,IN_BYTES,OUT_BYTES,PACKETS,FIRST_SWITCHED,LAST_SWITCHED,INFO,"
                  "NTOPNG_INSTANCE_NAME,INTERFACE_ID) VALUES ",
                  verb, table);
    for (uint64_t i = 0; i < rows; i++) {
        if (i != 0)
            sl_buf_u8(&text, ',');
        put_row(&text, first + i);
    }
    if (text.bad)
        die("a statement is too long");
    sl_mysql_peer_put_query(out, text.bytes, text.size_bytes);
    sl_buf_fini(&text);
}

static void *
run(void *context)
{
    struct client *c = context;
    while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
        const struct sl_buf *packet = &c->packets[c->statements % VARIANTS];
        sl_mysql_peer_send(c->peer, packet);
        sl_mysql_peer_take_ok(c->peer);
        c->statements++;
    }
    return NULL;
}

int
main(int argc, char **argv)
{
    static struct client clients[CONNECTIONS_MAX];
    if (argc < 8 || argc > 9)
        die("HOST PORT DATABASE TABLE CONNECTIONS ROWS_PER_STATEMENT SECONDS [DELAYED]");
    unsigned count = (unsigned)strtoul(argv[5], NULL, 10);
    uint64_t rows = strtoull(argv[6], NULL, 10);
    unsigned seconds = (unsigned)strtoul(argv[7], NULL, 10);
    if (count == 0 || count > CONNECTIONS_MAX || rows == 0 || seconds == 0)
        die("a number is out of range");
    for (unsigned i = 0; i < count; i++) {
        clients[i].peer = sl_mysql_peer_open(argv[1], argv[2], argv[3]);
        for (unsigned k = 0; k < VARIANTS; k++) {
            clients[i].packets[k] = sl_buf_empty(SL_MYSQL_PEER_PACKET_BYTES_MAX + 4);
            make_statement(&clients[i].packets[k], argc == 9 ? "INSERT DELAYED" : "INSERT", argv[4],
                           ((uint64_t)i * VARIANTS + k) * rows, rows);
        }
    }
    int64_t started_us = sl_clock_monotonic_us();
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&clients[i].thread, NULL, run, &clients[i]) != 0)
            die("no thread");
    (void)sleep(seconds);
    atomic_store(&is_over, true);
    uint64_t statements = 0;
    for (unsigned i = 0; i < count; i++) {
        (void)pthread_join(clients[i].thread, NULL);
        statements += clients[i].statements;
        sl_mysql_peer_close(clients[i].peer);
        for (unsigned k = 0; k < VARIANTS; k++)
            sl_buf_fini(&clients[i].packets[k]);
    }
    double elapsed_s = (double)(sl_clock_monotonic_us() - started_us) / 1e6;
    printf("%u connections, %" PRIu64 " rows a statement: %.0f statements/s, %.0f rows/s\n", count,
           rows, (double)statements / elapsed_s, (double)(statements * rows) / elapsed_s);
    return 0;
}
