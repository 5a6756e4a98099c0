/*
 * ipfix_listener.c - see ipfix_listener.h.
 *
 * When the decoder is behind, a connection is paused and asks again a little later: TCP's own
 * window then holds the exporter back.
 */
#include "server/ipfix_listener.h"

#include "ingest/ingest.h"
#include "server/net/stream.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"

enum { RETRY_US = 20 * SL_US_PER_MS, EXPORT_MAGIC = 0x49504658 };

/* What comes and goes: whoever reaches the port can make these lines. */
static struct sl_log_kind ended_lines, refused_lines, connected_lines;

struct export
{
    uint32_t magic;
    struct sl_ipfix_listener *listener; /* borrowed */
    struct export *previous;
    struct export *next;
    struct sl_stream *stream;        /* owned */
    struct sl_ingest_stream *intake; /* owned */
    struct sl_timer *retry;          /* owned; NULL: not paused */
    struct sl_addr addr;
    int64_t heard_us; /* monotonic: its last bytes, or its beginning */
    char peer[SL_ENDPOINT_TEXT_BYTES];
};

struct sl_ipfix_listener {
    const struct sl_service *service; /* borrowed */
    struct sl_acceptor *acceptor;     /* owned */
    struct export *first;
};

static void
free_export(struct export *export)
{
    if (export->previous != NULL)
        export->previous->next = export->next;
    else
        export->listener->first = export->next;
    if (export->next != NULL)
        export->next->previous = export->previous;
    sl_timer_close(export->retry);
    sl_ingest_stream_close(export->intake);
    sl_retire(&export->magic);
    free(export);
}

static void
go_on(void *context)
{
    struct export *export = context;
    SL_ASSERT(export->magic == EXPORT_MAGIC);
    sl_timer_close(export->retry);
    export->retry = NULL;
    sl_stream_resume(export->stream);
}

static size_t
on_bytes(void *context, const uint8_t *bytes, size_t size_bytes, size_t *out_wanted_bytes)
{
    struct export *export = context;
    SL_ASSERT(export->magic == EXPORT_MAGIC);
    struct sl_error err = {0};
    size_t taken_bytes = 0;
    export->heard_us = sl_clock_monotonic_us();
    sl_status st = sl_ingest_stream_bytes(export->intake, bytes, size_bytes, &taken_bytes, &err);
    *out_wanted_bytes = 1;
    if (st == SL_OK)
        return taken_bytes;
    if (st == SL_LIMIT) {
        sl_stream_pause(export->stream);
        if (export->retry == NULL)
            export->retry =
                sl_timer_open(export->listener->service->loop, RETRY_US, 0, go_on, export);
        return taken_bytes;
    }
    sl_log_limited(&ended_lines, SL_LOG_WARN, "ingest", "connection of %s ended: %s", export->peer,
                   err.text);
    sl_stream_close(export->stream);
    free_export(export);
    return size_bytes;
}

static void
on_drained(void *context)
{
    (void)context; /* nothing is ever sent */
}

static void
on_end(void *context, const struct sl_error *why)
{
    struct export *export = context;
    SL_ASSERT(export->magic == EXPORT_MAGIC);
    sl_log_limited(&ended_lines, SL_LOG_INFO, "ingest", "exporter %s disconnected%s%s",
                   export->peer, why->status == SL_OK ? "" : ": ", why->text);
    free_export(export);
}

static const struct sl_stream_events stream_events = {
    .on_bytes = on_bytes,
    .on_drained = on_drained,
    .on_end = on_end,
};

static unsigned
count_of(const struct sl_ipfix_listener *listener, struct sl_addr addr)
{
    unsigned count = 0;
    for (const struct export *e = listener->first; e != NULL; e = e->next)
        count += sl_addr_equal(e->addr, addr);
    return count;
}

/* Of the address with the most connections the one that has been silent longest. */
static struct export *
find_dispensable(const struct sl_ipfix_listener *listener, unsigned *out_count)
{
    struct export *found = NULL;
    *out_count = 0;
    for (struct export *e = listener->first; e != NULL; e = e->next) {
        unsigned count = count_of(listener, e->addr);
        if (found == NULL || count > *out_count ||
            (count == *out_count && e->heard_us < found->heard_us)) {
            found = e;
            *out_count = count;
        }
    }
    return found;
}

/*
 * All places are taken: one gives way when its address has more of them than the newcomer's
 * would, or when it has been silent for as long as a peer may stall. So one address cannot lock
 * the others out, whether its connections are idle or busy.
 */
static bool
make_place(struct sl_ipfix_listener *listener, struct sl_addr addr)
{
    unsigned count = 0;
    struct export *e = find_dispensable(listener, &count);
    if (e == NULL)
        return false;
    int64_t silent_us = sl_clock_monotonic_us() - e->heard_us;
    int64_t stall_us = (int64_t)sl_config_number(listener->service->config, SL_OPTION_STALL);
    if (count <= count_of(listener, addr) + 1 && silent_us < stall_us)
        return false;
    sl_log_limited(&ended_lines, SL_LOG_WARN, "ingest",
                   "connection of %s ended: silent for %" PRId64
                   " s, it gives its place to another exporter",
                   e->peer, silent_us / SL_US_PER_S);
    sl_stream_close(e->stream);
    free_export(e);
    return true;
}

/* A place in the intake for this peer. */
static sl_status
open_intake(struct sl_ipfix_listener *listener, const struct sl_endpoint *peer,
            struct sl_addr *out_addr, struct sl_ingest_stream **out_intake, struct sl_error *err)
{
    struct sl_ingest *ingest = listener->service->ingest;
    if (!sl_addr_parse(peer->host, strlen(peer->host), out_addr))
        return sl_fail(err, SL_FORMAT, "its address is not understood");
    sl_status st = sl_ingest_stream_open(ingest, *out_addr, peer->port, out_intake, err);
    if (st == SL_LIMIT && make_place(listener, *out_addr))
        st = sl_ingest_stream_open(ingest, *out_addr, peer->port, out_intake, err);
    return st;
}

static void
on_accept(void *context, struct sl_tcp *tcp, const struct sl_endpoint *peer)
{
    struct sl_ipfix_listener *listener = context;
    const struct sl_service *service = listener->service;
    struct sl_addr addr = {0};
    struct sl_error err = {0};
    char text[SL_ENDPOINT_TEXT_BYTES];
    sl_endpoint_format(peer, text);

    struct sl_ingest_stream *intake = NULL;
    if (open_intake(listener, peer, &addr, &intake, &err) != SL_OK) {
        sl_log_limited(&refused_lines, SL_LOG_WARN, "ingest", "exporter %s refused: %s", text,
                       err.text);
        sl_tcp_close(tcp);
        return;
    }
    struct export *export = sl_new(sizeof(*export));
    export->magic = EXPORT_MAGIC;
    export->listener = listener;
    export->intake = intake;
    export->addr = addr;
    export->heard_us = sl_clock_monotonic_us();
    memcpy(export->peer, text, sizeof(text));
    export->next = listener->first;
    if (export->next != NULL)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who gave way has left the list */
        export->next->previous = export;
    listener->first = export;
    struct sl_stream_limits limits = {
        .input_budget = service->stream_budget,
        .stall_us = (int64_t)sl_config_number(service->config, SL_OPTION_STALL),
    };
    export->stream = sl_stream_open(tcp, &limits, &stream_events, export);
    sl_log_limited(&connected_lines, SL_LOG_INFO, "ingest", "exporter %s connected", text);
}

sl_status
sl_ipfix_listener_open(const struct sl_service *service, const struct sl_endpoint *endpoint,
                       struct sl_ipfix_listener **out_listener, struct sl_error *err)
{
    struct sl_ipfix_listener *listener = sl_new(sizeof(*listener));
    listener->service = service;
    *out_listener = NULL;
    sl_status st =
        sl_acceptor_open(service->loop, endpoint, on_accept, listener, &listener->acceptor, err);
    if (st != SL_OK) {
        free(listener);
        return st;
    }
    *out_listener = listener;
    return SL_OK;
}

struct sl_endpoint
sl_ipfix_listener_endpoint(const struct sl_ipfix_listener *listener)
{
    return sl_acceptor_endpoint(listener->acceptor);
}

void
sl_ipfix_listener_close(struct sl_ipfix_listener *listener)
{
    if (listener == NULL)
        return;
    while (listener->first != NULL) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who is freed has left the list */
        sl_stream_close(listener->first->stream);
        free_export(listener->first);
    }
    sl_acceptor_close(listener->acceptor);
    free(listener);
}
