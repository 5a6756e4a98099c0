/*
 * channel.c - see channel.h.
 */
#include "client/channel.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "server/net/tls.h"

enum { HOST_BYTES = 256, PORT_BYTES = 8, CIPHER_BYTES = 64 << 10, CIPHER_BYTES_MAX = 1 << 30 };

static const char default_host[] = "127.0.0.1";
static const char default_port[] = "7010";

struct sl_channel {
    int fd;
    struct sl_tls_context *context; /* owned; NULL: plain */
    struct sl_tls *tls;             /* owned; NULL: plain */
};

/* ---- the socket ---- */

static bool
is_port(const char *text)
{
    unsigned port = 0;
    for (; *text >= '0' && *text <= '9' && port <= UINT16_MAX; text++)
        port = port * 10 + (unsigned)(*text - '0');
    return *text == '\0' && port != 0 && port <= UINT16_MAX;
}

/* "HOST:PORT" into its parts, with defaults for what is missing. */
static sl_status
split_address(const char *address, char host[HOST_BYTES], char port[PORT_BYTES],
              struct sl_error *err)
{
    if (address == NULL)
        address = "";
    const char *host_start = address;
    size_t host_bytes = strlen(address);
    const char *colon = strrchr(address, ':');
    const char *bracket = strchr(address, ']');
    if (address[0] == '[' && bracket != NULL) {
        host_start++;
        host_bytes = (size_t)(bracket - host_start);
        colon = bracket[1] == ':' ? &bracket[1] : NULL;
    } else if (colon != NULL && strchr(address, ':') == colon) {
        host_bytes = (size_t)(colon - address);
    } else {
        colon = NULL; /* no port, or a bare IPv6 address */
    }
    if (host_bytes >= HOST_BYTES || (colon != NULL && !is_port(colon + 1)))
        return sl_fail(err, SL_FORMAT, "\"%.80s\" is not HOST:PORT with a port of 1 to 65535",
                       address);
    (void)snprintf(host, HOST_BYTES, "%.*s", (int)host_bytes, host_start);
    if (host[0] == '\0')
        (void)snprintf(host, HOST_BYTES, "%s", default_host);
    (void)snprintf(port, PORT_BYTES, "%s", colon != NULL ? colon + 1 : default_port);
    return SL_OK;
}

/* How long a single send, receive or connect may take; 0: for ever. */
static void
set_patience(int fd, time_t seconds)
{
    struct timeval limit = {.tv_sec = seconds};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static sl_status
connect_to(const char *host, const char *port, int *out_fd, struct sl_error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;

    int failed = getaddrinfo(host, port, &hints, &found);
    bool is_v6 = strchr(host, ':') != NULL;
    if (failed != 0)
        return sl_fail(err, SL_IO, "cannot resolve %s%s%s:%s: %s", is_v6 ? "[" : "", host,
                       is_v6 ? "]" : "", port, gai_strerror(failed));
    int fd = -1;
    for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (fd >= 0)
            set_patience(fd, SL_CHANNEL_PATIENCE_S);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            int reason = errno == EINPROGRESS ? ETIMEDOUT : errno;
            (void)close(fd);
            errno = reason;
            fd = -1;
        }
    }
    freeaddrinfo(found);
    if (fd < 0)
        return sl_fail_errno(err, "cannot connect to sluiced at %s%s%s:%s (is it running?)",
                             is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    *out_fd = fd;
    return SL_OK;
}

static sl_status
send_plain(int fd, const uint8_t *bytes, size_t size_bytes, struct sl_error *err)
{
    for (size_t sent = 0; sent < size_bytes;) {
        ssize_t put = send(fd, bytes + sent, size_bytes - sent, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return sl_fail_errno(err, "the connection to sluiced broke");
        sent += (size_t)put;
    }
    return SL_OK;
}

static sl_status
receive_plain(int fd, uint8_t *bytes, size_t capacity_bytes, size_t *out_bytes,
              struct sl_error *err)
{
    ssize_t got = recv(fd, bytes, capacity_bytes, 0);
    *out_bytes = 0;
    if (got < 0 && errno == EINTR)
        return SL_OK;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return sl_fail(err, SL_TIMEOUT, "no answer for %d s", SL_CHANNEL_PATIENCE_S);
    if (got < 0)
        return sl_fail_errno(err, "the connection to sluiced broke");
    if (got == 0)
        return sl_fail(err, SL_IO, "sluiced closed the connection");
    *out_bytes = (size_t)got;
    return SL_OK;
}

/* ---- TLS ---- */

/* What TLS has to say. */
static sl_status
send_cipher(struct sl_channel *channel, struct sl_error *err)
{
    struct sl_buf out = sl_buf_empty(CIPHER_BYTES_MAX);
    sl_tls_collect(channel->tls, &out);
    SL_ASSERT(!out.bad); /* its size is that of a frame */
    sl_status st = send_plain(channel->fd, out.bytes, out.size_bytes, err);
    sl_buf_fini(&out);
    return st;
}

/* What was put already, else what comes; *out_bytes may be 0 after either. */
static sl_status
receive_tls(struct sl_channel *channel, uint8_t *bytes, size_t capacity_bytes, size_t *out_bytes,
            struct sl_error *err)
{
    uint8_t cipher[CIPHER_BYTES];
    size_t cipher_bytes = 0;
    bool is_end = false;
    sl_status st = sl_tls_read(channel->tls, bytes, capacity_bytes, out_bytes, &is_end, err);
    sl_status sent = send_cipher(channel, st == SL_OK ? err : NULL); /* also why it ends */
    SL_TRY(st);
    SL_TRY(sent);
    if (is_end)
        return sl_fail(err, SL_IO, "sluiced closed the connection");
    if (*out_bytes != 0)
        return SL_OK;
    SL_TRY(receive_plain(channel->fd, cipher, sizeof(cipher), &cipher_bytes, err));
    sl_tls_put(channel->tls, cipher, cipher_bytes);
    return sl_tls_read(channel->tls, bytes, capacity_bytes, out_bytes, &is_end, err);
}

static sl_status
begin_tls(struct sl_channel *channel, const char *host, const char *trust, struct sl_error *err)
{
    uint8_t early[1];
    size_t early_bytes = 0;
    bool is_system = strcmp(trust, SL_CHANNEL_SYSTEM) == 0;
    SL_TRY(sl_tls_context_open_client(is_system ? NULL : trust, &channel->context, err));
    channel->tls = sl_tls_connect(channel->context, host);
    while (!sl_tls_is_ready(channel->tls) && early_bytes == 0)
        SL_TRY(receive_tls(channel, early, sizeof(early), &early_bytes, err));
    if (early_bytes != 0)
        return sl_fail(err, SL_FORMAT, "the server spoke before it was asked");
    return send_cipher(channel, err);
}

/* ---- channels ---- */

sl_status
sl_channel_open(const char *address, const char *trust, struct sl_channel **out_channel,
                struct sl_error *err)
{
    char host[HOST_BYTES];
    char port[PORT_BYTES];
    int fd = -1;
    *out_channel = NULL;
    SL_TRY(split_address(address, host, port, err));
    SL_TRY(connect_to(host, port, &fd, err));
    struct sl_channel *channel = sl_new(sizeof(*channel));
    channel->fd = fd;
    sl_status st = trust == NULL ? SL_OK : begin_tls(channel, host, trust, err);
    if (st != SL_OK) {
        sl_channel_close(channel);
        return st;
    }
    *out_channel = channel;
    return SL_OK;
}

void
sl_channel_close(struct sl_channel *channel)
{
    if (channel == NULL)
        return;
    if (channel->tls != NULL) {
        sl_tls_finish(channel->tls);
        (void)send_cipher(channel, NULL); /* who is gone need not be told */
    }
    (void)close(channel->fd);
    sl_tls_close(channel->tls);
    sl_tls_context_close(channel->context);
    free(channel);
}

void
sl_channel_be_patient(struct sl_channel *channel)
{
    set_patience(channel->fd, 0);
}

sl_status
sl_channel_send(struct sl_channel *channel, const uint8_t *bytes, size_t size_bytes,
                struct sl_error *err)
{
    if (channel->tls == NULL)
        return send_plain(channel->fd, bytes, size_bytes, err);
    sl_tls_write(channel->tls, bytes, size_bytes);
    return send_cipher(channel, err);
}

sl_status
sl_channel_receive(struct sl_channel *channel, uint8_t *bytes, size_t capacity_bytes,
                   size_t *out_bytes, struct sl_error *err)
{
    if (channel->tls == NULL)
        return receive_plain(channel->fd, bytes, capacity_bytes, out_bytes, err);
    return receive_tls(channel, bytes, capacity_bytes, out_bytes, err);
}

bool
sl_channel_is_readable(const struct sl_channel *channel)
{
    struct pollfd wait = {.fd = channel->fd, .events = POLLIN};
    return (channel->tls != NULL && sl_tls_has_input(channel->tls)) || poll(&wait, 1, 0) > 0;
}

bool
sl_channel_wait(const struct sl_channel *channel, const sigset_t *mask)
{
    struct pollfd wait = {.fd = channel->fd, .events = POLLIN};
    if (channel->tls != NULL && sl_tls_has_input(channel->tls))
        return true;
    return ppoll(&wait, 1, NULL, mask) >= 0 || errno != EINTR; /* other errors: receive tells */
}
