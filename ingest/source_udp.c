/*
 * source_udp.c - see source_udp.h.
 */
#include "ingest/source_udp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/thread.h"

enum {
    SOURCE_MAGIC = 0x55445053,
    BUFFER_BYTES = SL_RING_DATAGRAM_BYTES_MAX + 1, /* one more shows a datagram that was cut */
    CONTROL_BYTES = 64,
    STOP_CHECK_MS = 100,
    RING_FULL_SLEEP_US = 500,
    BURST_SLEEP_US = 10000,
    BURST_BYTES_PER_US = 512, /* 4 Gbit/s: a small buffer is looked after more often */
    LAST_BURSTS_MAX = 4096,
    ORIGIN_BYTES = 128,
};

/* Counters are written by the receive thread and read by others: each alone, in no order. */
struct counts {
    _Atomic uint64_t datagrams, bytes, kernel_drops, refused, cut, ring_waits;
};

struct sl_source_udp {
    uint32_t magic;
    int fd;
    int wake_fd; /* borrowed */
    uint16_t port;
    char origin[ORIGIN_BYTES];
    const struct sl_addr_range *allowed; /* borrowed */
    size_t allowed_count;
    uint64_t socket_bytes;
    struct sl_ring *ring;     /* owned */
    struct sl_thread *thread; /* owned, between start and stop */
    _Atomic bool is_stopping;
    struct counts counts;
    /* What recvmmsg fills; made once. */
    uint8_t *buffers; /* owned: SL_UDP_BURST of BUFFER_BYTES */
    struct mmsghdr messages[SL_UDP_BURST];
    struct iovec vectors[SL_UDP_BURST];
    struct sockaddr_storage peers[SL_UDP_BURST];
    _Alignas(struct cmsghdr) uint8_t controls[SL_UDP_BURST][CONTROL_BYTES];
};

bool
sl_addr_is_allowed(const struct sl_addr_range *allowed, size_t allowed_count, struct sl_addr addr)
{
    for (size_t i = 0; i < allowed_count; i++)
        if (sl_addr_compare(allowed[i].first, addr) <= 0 &&
            sl_addr_compare(addr, allowed[i].last) <= 0)
            return true;
    return allowed_count == 0;
}

/* "HOST:PORT" in two; a host of "*" or "" is every address. */
static sl_status
split_address(const char *address, char host[ORIGIN_BYTES], const char **out_port,
              struct sl_error *err)
{
    const char *colon = strrchr(address, ':');
    size_t host_bytes = colon == NULL ? 0 : (size_t)(colon - address);
    if (colon == NULL || host_bytes >= ORIGIN_BYTES - 32)
        return sl_fail(err, SL_FORMAT, "\"%.80s\" is not HOST:PORT", address);
    char *end = NULL;
    bool is_digit = colon[1] >= '0' && colon[1] <= '9';
    unsigned long port = is_digit ? strtoul(&colon[1], &end, 10) : 0;
    /* getaddrinfo would take the lower 16 bits of any number. */
    if (!is_digit || *end != '\0' || port > UINT16_MAX)
        return sl_fail(err, SL_FORMAT, "\"%.80s\": a port is a number from 0 to 65535", address);
    memcpy(host, address, host_bytes);
    host[host_bytes] = '\0';
    if (host_bytes >= 2 && host[0] == '[' && host[host_bytes - 1] == ']') {
        memmove(host, &host[1], host_bytes - 2);
        host[host_bytes - 2] = '\0';
    }
    if (strcmp(host, "*") == 0)
        host[0] = '\0';
    *out_port = &colon[1];
    return SL_OK;
}

/* A bound socket for one of the answers; -1 with errno set. */
static int
bind_one(const struct addrinfo *info)
{
    int off = 0;
    int on = 1;
    int fd = socket(info->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, info->ai_protocol);
    if (fd < 0)
        return -1;
    /* One socket for both families; IPv4 peers then show as mapped, which sl_addr undoes. */
    if (info->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    (void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
    struct timeval patience = {.tv_usec = STOP_CHECK_MS * 1000L};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
        bind(fd, info->ai_addr, info->ai_addrlen) == 0)
        return fd;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

static sl_status
bind_socket(const char *address, int *out_fd, struct sl_error *err)
{
    char host[ORIGIN_BYTES] = "";
    const char *port = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *answers = NULL;
    SL_TRY(split_address(address, host, &port, err));
    int code = getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &answers);
    if (code != 0)
        return sl_fail(err, SL_IO, "%s: %s", address, gai_strerror(code));
    int fd = -1;
    /* IPv6 first: it takes both. */
    for (unsigned round = 0; round < 2 && fd < 0; round++)
        for (const struct addrinfo *a = answers; a != NULL && fd < 0; a = a->ai_next)
            if ((a->ai_family == AF_INET6) == (round == 0))
                fd = bind_one(a);
    freeaddrinfo(answers);
    if (fd < 0)
        return sl_fail_errno(err, "%s: cannot receive there", address);
    *out_fd = fd;
    return SL_OK;
}

/* Ask for a large receive buffer; say what to change when the kernel gives less. */
static uint64_t
enlarge_buffer(int fd, const char *origin, size_t wanted_bytes)
{
    int wanted = (int)sl_min_size(wanted_bytes, INT_MAX / 2);
    int given = 0;
    socklen_t given_bytes = sizeof(given);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof(wanted)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof(wanted));
    (void)getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &given, &given_bytes);
    given /= 2; /* the kernel doubles it for its own book-keeping */
    if (given < wanted)
        sl_log(SL_LOG_WARN, "ingest",
               "%s: the kernel gives a receive buffer of %d KiB instead of %d; bursts may be lost. "
               "Set net.core.rmem_max=%d with sysctl, or run with CAP_NET_ADMIN",
               origin, given / 1024, wanted / 1024, wanted);
    return given < 0 ? 0 : (uint64_t)given;
}

static struct sl_addr
peer_addr(const struct sockaddr_storage *peer, uint16_t *out_port)
{
    if (peer->ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, peer, sizeof(v6));
        *out_port = ntohs(v6.sin6_port);
        return sl_addr_from_v6(v6.sin6_addr.s6_addr);
    }
    struct sockaddr_in v4;
    memcpy(&v4, peer, sizeof(v4));
    *out_port = ntohs(v4.sin_port);
    return sl_addr_from_v4(ntohl(v4.sin_addr.s_addr));
}

sl_status
sl_source_udp_open(const char *address, const struct sl_ingest_options *options, int wake_fd,
                   struct sl_source_udp **out_source, struct sl_error *err)
{
    struct sockaddr_storage bound = {0};
    socklen_t bound_bytes = sizeof(bound);
    char text[SL_ADDR_TEXT_BYTES] = "";
    int fd = -1;
    *out_source = NULL;
    SL_TRY(bind_socket(address, &fd, err));
    struct sl_source_udp *s = sl_new(sizeof(*s));
    s->magic = SOURCE_MAGIC;
    s->fd = fd;
    s->wake_fd = wake_fd;
    s->allowed = options->allowed;
    s->allowed_count = options->allowed_count;
    s->ring = sl_ring_create(options->ring_bytes);
    s->buffers = sl_try_alloc((size_t)SL_UDP_BURST * BUFFER_BYTES);
    if (s->ring == NULL || s->buffers == NULL) {
        sl_source_udp_close(s);
        return sl_fail(err, SL_LIMIT, "%s: no memory for a ring of %zu bytes", address,
                       options->ring_bytes);
    }
    if (getsockname(fd, (struct sockaddr *)&bound, &bound_bytes) != 0) {
        sl_status st = sl_fail_errno(err, "%s: getsockname", address);
        sl_source_udp_close(s);
        return st;
    }
    (void)sl_addr_format(peer_addr(&bound, &s->port), text);
    bool is_v6 = strchr(text, ':') != NULL;
    (void)snprintf(s->origin, sizeof(s->origin), "netflow:%s%s%s:%u", is_v6 ? "[" : "", text,
                   is_v6 ? "]" : "", (unsigned)s->port);
    s->socket_bytes = enlarge_buffer(fd, s->origin, options->socket_bytes);
    *out_source = s;
    return SL_OK;
}

void
sl_source_udp_close(struct sl_source_udp *source)
{
    if (source == NULL)
        return;
    SL_ASSERT(source->magic == SOURCE_MAGIC);
    SL_ASSERT(source->thread == NULL);
    (void)close(source->fd);
    sl_ring_destroy(source->ring);
    free(source->buffers);
    sl_retire(&source->magic);
    free(source);
}

static void
count(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

/* The kernel tells with each datagram how many it has dropped on this socket so far. */
static void
note_drops(struct sl_source_udp *s, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        uint32_t drops = 0;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL)
            continue;
        memcpy(&drops, CMSG_DATA(c), sizeof(drops));
        atomic_store_explicit(&s->counts.kernel_drops, drops, memory_order_relaxed);
    }
}

static void
pause_us(long us)
{
    struct timespec pause = {.tv_nsec = us * 1000};
    (void)nanosleep(&pause, NULL);
}

/* Into the ring, however long that takes: what waits in the kernel's buffer is not lost. */
static void
put_waiting(struct sl_source_udp *s, const struct sl_ring_entry *entry, const uint8_t *bytes)
{
    while (!sl_ring_put(s->ring, entry, bytes)) {
        count(&s->counts.ring_waits, 1);
        pause_us(RING_FULL_SLEEP_US);
    }
}

static void
hand_over(struct sl_source_udp *s, unsigned index, int64_t received_us)
{
    struct sl_ring_entry entry = {.received_us = received_us,
                                  .size_bytes = s->messages[index].msg_len};
    const uint8_t *bytes = s->vectors[index].iov_base;
    note_drops(s, &s->messages[index].msg_hdr);
    entry.addr = peer_addr(&s->peers[index], &entry.port);
    if (entry.size_bytes > SL_RING_DATAGRAM_BYTES_MAX) {
        count(&s->counts.cut, 1);
        return;
    }
    if (!sl_addr_is_allowed(s->allowed, s->allowed_count, entry.addr)) {
        count(&s->counts.refused, 1);
        return;
    }
    count(&s->counts.datagrams, 1);
    count(&s->counts.bytes, entry.size_bytes);
    put_waiting(s, &entry, bytes);
}

static void
prepare(struct sl_source_udp *s)
{
    for (unsigned i = 0; i < SL_UDP_BURST; i++) {
        s->vectors[i] = (struct iovec){.iov_base = &s->buffers[(size_t)i * BUFFER_BYTES],
                                       .iov_len = BUFFER_BYTES};
        s->messages[i].msg_hdr = (struct msghdr){.msg_name = &s->peers[i],
                                                 .msg_namelen = sizeof(s->peers[i]),
                                                 .msg_iov = &s->vectors[i],
                                                 .msg_iovlen = 1,
                                                 .msg_control = s->controls[i],
                                                 .msg_controllen = CONTROL_BYTES};
    }
}

static void
receive(void *context)
{
    struct sl_source_udp *s = context;
    _Atomic int64_t logged_us = 0;
    const uint64_t one = 1;
    /* What comes meanwhile the kernel's buffer must hold. */
    long gather_us = (long)sl_min_size(BURST_SLEEP_US, s->socket_bytes / BURST_BYTES_PER_US);
    sl_thread_set_niceness(SL_NICENESS_RECEIVE);
    for (unsigned last_bursts = 0; last_bursts < LAST_BURSTS_MAX;) {
        /* What has reached the socket before the stop is still taken, within reason. */
        bool is_stopping = atomic_load_explicit(&s->is_stopping, memory_order_relaxed);
        last_bursts += is_stopping;
        prepare(s);
        int got = recvmmsg(s->fd, s->messages, SL_UDP_BURST,
                           is_stopping ? MSG_DONTWAIT : MSG_WAITFORONE, NULL);
        if (got <= 0 && is_stopping)
            return;
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got < 0) {
            if (sl_log_due(&logged_us, SL_US_PER_MINUTE))
                sl_log(SL_LOG_ERROR, "ingest", "%s: recvmmsg: errno %d", s->origin, errno);
            pause_us(STOP_CHECK_MS * 1000L);
            continue;
        }
        int64_t received_us = sl_clock_now_us();
        for (int i = 0; i < got; i++)
            hand_over(s, (unsigned)i, received_us);
        /* The counter of an eventfd cannot be full before 2^64 bursts; nothing else can fail. */
        ssize_t written = write(s->wake_fd, &one, sizeof(one));
        (void)written;
        /* Let a burst gather: a call and two wakes for each datagram cost more than the datagram. */
        if (got < SL_UDP_BURST && !is_stopping)
            pause_us(gather_us);
    }
}

void
sl_source_udp_start(struct sl_source_udp *source)
{
    SL_ASSERT(source->thread == NULL);
    source->thread = sl_thread_start("sl-udp", receive, source);
}

void
sl_source_udp_stop(struct sl_source_udp *source)
{
    atomic_store_explicit(&source->is_stopping, true, memory_order_relaxed);
    sl_thread_join(source->thread);
    source->thread = NULL;
}

struct sl_ring *
sl_source_udp_ring(struct sl_source_udp *source)
{
    return source->ring;
}

const char *
sl_source_udp_origin(const struct sl_source_udp *source)
{
    return source->origin;
}

uint16_t
sl_source_udp_port(const struct sl_source_udp *source)
{
    return source->port;
}

void
sl_source_udp_counts(const struct sl_source_udp *source, struct sl_source_counts *out_counts)
{
    const struct counts *c = &source->counts;
    *out_counts = (struct sl_source_counts){
        .datagrams = atomic_load_explicit(&c->datagrams, memory_order_relaxed),
        .bytes = atomic_load_explicit(&c->bytes, memory_order_relaxed),
        .kernel_drops = atomic_load_explicit(&c->kernel_drops, memory_order_relaxed),
        .refused = atomic_load_explicit(&c->refused, memory_order_relaxed),
        .cut = atomic_load_explicit(&c->cut, memory_order_relaxed),
        .ring_waits = atomic_load_explicit(&c->ring_waits, memory_order_relaxed),
        .socket_bytes = source->socket_bytes,
    };
}
