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
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "storage/base/base.h"
#include "storage/base/buf.h"
#include "storage/base/clock.h"

enum {
    CONNECTIONS_MAX = 64,
    VARIANTS = 16, /* different statements of a connection, sent in turn */
    PACKET_BYTES_MAX = (1 << 24) - 2,
    ANSWER_BYTES = 4096,
    CAPABILITIES = 0x0008a20d, /* LONG_PASSWORD LONG_FLAG CONNECT_WITH_DB PROTOCOL_41 TRANSACTIONS
                                  SECURE_CONNECTION PLUGIN_AUTH */
};

static atomic_bool is_over;

struct client {
    pthread_t thread;
    int fd;
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
send_all(int fd, const uint8_t *bytes, size_t size_bytes)
{
    while (size_bytes != 0) {
        ssize_t sent = send(fd, bytes, size_bytes, MSG_NOSIGNAL);
        if (sent <= 0)
            die("the server takes no more");
        bytes += sent;
        size_bytes -= (size_t)sent;
    }
}

/* One packet; its payload in `payload`. */
static size_t
receive(int fd, uint8_t payload[ANSWER_BYTES])
{
    uint8_t bytes[ANSWER_BYTES + 4];
    size_t have = 0;
    size_t wanted = 4;
    while (have < wanted) {
        ssize_t got = recv(fd, bytes + have, sizeof(bytes) - have, 0);
        if (got <= 0)
            die("the server closed the connection");
        have += (size_t)got;
        if (have >= 4)
            wanted = 4 + ((size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16);
        if (wanted > sizeof(bytes))
            die("an answer is too long");
    }
    memcpy(payload, bytes + 4, wanted - 4);
    return wanted - 4;
}

static void
expect_ok(int fd)
{
    uint8_t payload[ANSWER_BYTES];
    size_t size_bytes = receive(fd, payload);
    if (size_bytes != 0 && payload[0] == 0x00)
        return;
    if (size_bytes > 9 && payload[0] == 0xff)
        fprintf(stderr, "%.*s\n", (int)(size_bytes - 9), (const char *)payload + 9);
    die("no OK");
}

static void
put_packet(struct sl_buf *out, uint8_t sequence, const struct sl_buf *payload)
{
    if (payload->bad || payload->size_bytes > PACKET_BYTES_MAX)
        die("a statement is too long");
    sl_buf_u32le(out, (uint32_t)payload->size_bytes | (uint32_t)sequence << 24);
    sl_buf_append(out, payload->bytes, payload->size_bytes);
}

static int
reach(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int one = 1;
    if (getaddrinfo(host, port, &hints, &found) != 0)
        die("no such host");
    int fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0)
        die("cannot connect");
    freeaddrinfo(found);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static int
log_in(const char *host, const char *port, const char *database)
{
    uint8_t greeting[ANSWER_BYTES];
    struct sl_buf login = sl_buf_empty(ANSWER_BYTES);
    struct sl_buf packet = sl_buf_empty(ANSWER_BYTES);
    int fd = reach(host, port);
    (void)receive(fd, greeting);
    sl_buf_u32le(&login, CAPABILITIES);
    sl_buf_u32le(&login, PACKET_BYTES_MAX);
    sl_buf_u8(&login, 45);
    for (int i = 0; i < 23; i++)
        sl_buf_u8(&login, 0);
    sl_buf_text(&login, "root");
    sl_buf_u8(&login, 0);
    sl_buf_u8(&login, 0); /* no password */
    sl_buf_text(&login, database);
    sl_buf_u8(&login, 0);
    sl_buf_text(&login, "mysql_native_password");
    sl_buf_u8(&login, 0);
    put_packet(&packet, 1, &login);
    send_all(fd, packet.bytes, packet.size_bytes);
    expect_ok(fd);
    sl_buf_fini(&login);
    sl_buf_fini(&packet);
    return fd;
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
    struct sl_buf text = sl_buf_empty(PACKET_BYTES_MAX);
    sl_buf_u8(&text, 3); /* COM_QUERY */
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
    put_packet(out, 0, &text);
    sl_buf_fini(&text);
}

static void *
run(void *context)
{
    struct client *c = context;
    while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
        const struct sl_buf *packet = &c->packets[c->statements % VARIANTS];
        send_all(c->fd, packet->bytes, packet->size_bytes);
        expect_ok(c->fd);
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
        clients[i].fd = log_in(argv[1], argv[2], argv[3]);
        for (unsigned k = 0; k < VARIANTS; k++) {
            clients[i].packets[k] = sl_buf_empty(PACKET_BYTES_MAX + 4);
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
        (void)close(clients[i].fd);
        for (unsigned k = 0; k < VARIANTS; k++)
            sl_buf_fini(&clients[i].packets[k]);
    }
    double elapsed_s = (double)(sl_clock_monotonic_us() - started_us) / 1e6;
    printf("%u connections, %" PRIu64 " rows a statement: %.0f statements/s, %.0f rows/s\n", count,
           rows, (double)statements / elapsed_s, (double)(statements * rows) / elapsed_s);
    return 0;
}
