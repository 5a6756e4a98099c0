/*
 * mysql_peer.c - see mysql_peer.h.
 */
#include "bench/mysql_peer.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEADER_BYTES = 4,
    INPUT_BYTES = 1 << 18, /* also the longest packet that is understood */
    LOGIN_BYTES_MAX = 4096,
    COM_QUERY = 3,
    CAPABILITIES = 0x0008a20d, /* LONG_PASSWORD LONG_FLAG CONNECT_WITH_DB PROTOCOL_41 TRANSACTIONS
                                  SECURE_CONNECTION PLUGIN_AUTH */
    OK_HEADER = 0x00,
    EOF_HEADER = 0xfe,
    EOF_BYTES = 5,
    ERROR_HEADER = 0xff,
    ERROR_TEXT_OFFSET = 9,
};

struct sl_mysql_peer {
    int fd;
    size_t begin, end; /* of what is in input and not taken */
    uint8_t input[INPUT_BYTES];
};

_Noreturn static void
die(const char *what)
{
    fprintf(stderr, "mysql_peer: %s\n", what);
    exit(1);
}

/* ---- packets ---- */

/* Have at least `wanted` bytes at input[begin]. */
static void
fill(struct sl_mysql_peer *peer, size_t wanted)
{
    if (wanted > INPUT_BYTES)
        die("an answer is too long");
    if (peer->begin + wanted > INPUT_BYTES) {
        memmove(peer->input, peer->input + peer->begin, peer->end - peer->begin);
        peer->end -= peer->begin;
        peer->begin = 0;
    }
    while (peer->end - peer->begin < wanted) {
        ssize_t got = recv(peer->fd, peer->input + peer->end, INPUT_BYTES - peer->end, 0);
        if (got <= 0)
            die("the server closed the connection");
        peer->end += (size_t)got;
    }
}

/* The payload of the next packet, until the next call. */
static const uint8_t *
receive(struct sl_mysql_peer *peer, size_t *out_size_bytes)
{
    fill(peer, HEADER_BYTES);
    const uint8_t *header = peer->input + peer->begin;
    size_t size_bytes = (size_t)header[0] | (size_t)header[1] << 8 | (size_t)header[2] << 16;
    fill(peer, HEADER_BYTES + size_bytes);
    const uint8_t *payload = peer->input + peer->begin + HEADER_BYTES;
    peer->begin += HEADER_BYTES + size_bytes;
    if (size_bytes == 0)
        die("an answer is empty");
    if (payload[0] == ERROR_HEADER && size_bytes > ERROR_TEXT_OFFSET) {
        fprintf(stderr, "%.*s\n", (int)(size_bytes - ERROR_TEXT_OFFSET),
                (const char *)payload + ERROR_TEXT_OFFSET);
        die("an error");
    }
    *out_size_bytes = size_bytes;
    return payload;
}

static void
put_packet(struct sl_buf *out, uint8_t sequence, const struct sl_buf *payload)
{
    if (payload->bad || payload->size_bytes > SL_MYSQL_PEER_PACKET_BYTES_MAX)
        die("a statement is too long");
    sl_buf_u32le(out, (uint32_t)payload->size_bytes | (uint32_t)sequence << 24);
    sl_buf_append(out, payload->bytes, payload->size_bytes);
}

void
sl_mysql_peer_put_query(struct sl_buf *out, const void *statement, size_t size_bytes)
{
    struct sl_buf payload = sl_buf_empty(SL_MYSQL_PEER_PACKET_BYTES_MAX);
    sl_buf_u8(&payload, COM_QUERY);
    sl_buf_append(&payload, statement, size_bytes);
    put_packet(out, 0, &payload);
    sl_buf_fini(&payload);
}

void
sl_mysql_peer_send(struct sl_mysql_peer *peer, const struct sl_buf *packet)
{
    for (size_t at = 0; at < packet->size_bytes;) {
        ssize_t sent = send(peer->fd, packet->bytes + at, packet->size_bytes - at, MSG_NOSIGNAL);
        if (sent <= 0)
            die("the server takes no more");
        at += (size_t)sent;
    }
}

/* ---- answers ---- */

void
sl_mysql_peer_take_ok(struct sl_mysql_peer *peer)
{
    size_t size_bytes = 0;
    if (receive(peer, &size_bytes)[0] != OK_HEADER)
        die("no OK");
}

/* Packets up to an EOF: definitions of columns, or rows. */
static uint64_t
take_list(struct sl_mysql_peer *peer)
{
    size_t size_bytes = 0;
    uint64_t count = 0;
    for (;;) {
        const uint8_t *payload = receive(peer, &size_bytes);
        if (payload[0] == EOF_HEADER && size_bytes == EOF_BYTES)
            return count;
        count++;
    }
}

uint64_t
sl_mysql_peer_take_rows(struct sl_mysql_peer *peer)
{
    size_t size_bytes = 0;
    uint64_t column_count = receive(peer, &size_bytes)[0];
    if (take_list(peer) != column_count)
        die("no result");
    return take_list(peer);
}

/* ---- life ---- */

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

struct sl_mysql_peer *
sl_mysql_peer_open(const char *host, const char *port, const char *database)
{
    struct sl_mysql_peer *peer = sl_new(sizeof(*peer));
    struct sl_buf login = sl_buf_empty(LOGIN_BYTES_MAX);
    struct sl_buf packet = sl_buf_empty(LOGIN_BYTES_MAX);
    size_t greeting_bytes = 0;
    peer->fd = reach(host, port);
    (void)receive(peer, &greeting_bytes);
    sl_buf_u32le(&login, CAPABILITIES);
    sl_buf_u32le(&login, SL_MYSQL_PEER_PACKET_BYTES_MAX);
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
    sl_mysql_peer_send(peer, &packet);
    sl_mysql_peer_take_ok(peer);
    sl_buf_fini(&login);
    sl_buf_fini(&packet);
    return peer;
}

void
sl_mysql_peer_close(struct sl_mysql_peer *peer)
{
    (void)close(peer->fd);
    free(peer);
}
