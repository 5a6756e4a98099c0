/*
 * ingest.c - see ingest.h.
 *
 * The decode thread owns the decoder. Others ask it for something through one request slot: they
 * write the request under the lock, wake the thread and wait; the thread takes the request out,
 * serves it without the lock, and says that it is done.
 */
#include "ingest/ingest.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ingest/ring.h"
#include "ingest/source_udp.h"
#include "storage/base/clock.h"
#include "storage/base/cursor.h"
#include "storage/base/log.h"
#include "storage/base/thread.h"

enum {
    INGEST_MAGIC = 0x494e4753,
    BURST_MAX = 256, /* datagrams of one ring before the next has its turn */
    IDLE_MS = 50,    /* an old batch leaves at most this late */
    PUTS_MAX = 8,    /* of state, between two looks at the rings: each may sync */
    STREAM_RING_BYTES = 4 << 20,
    IPFIX_VERSION = 10,
    IPFIX_HEADER_BYTES = 16,
};

enum request_kind { REQUEST_FLUSH, REQUEST_VISIT };

struct request {
    enum request_kind kind;
    uint64_t positions[SL_INGEST_SOURCES_MAX + 1]; /* FLUSH: of each ring, at the call */
    const struct sl_exporter_visitor *visitor;     /* VISIT: borrowed */
    sl_status status;
    struct sl_error err;
};

struct sl_ingest {
    uint32_t magic;
    struct sl_ingest_options options;
    struct sl_addr_range *allowed; /* owned */
    struct sl_decoder *decoder;    /* owned; the decode thread's while it runs */
    struct sl_source_udp *sources[SL_INGEST_SOURCES_MAX]; /* owned */
    unsigned source_count;
    struct sl_ring *stream_ring; /* owned */
    struct sl_thread *thread;    /* owned, between start and stop */
    int wake_fd;
    _Atomic bool is_stopping;
    _Atomic bool has_request;
    _Atomic uint32_t stream_count;
    _Atomic int64_t logged_us;
    int64_t state_us; /* when state was last handed over */

    struct sl_mutex lock;
    /* Guarded by lock: */
    struct sl_cond changed;
    struct request *request; /* borrowed from the thread that waits for it */
    bool is_served;
    bool is_running;
    struct sl_decoder_counts counts; /* a copy */
};

struct sl_ingest_stream {
    struct sl_ingest *ingest;
    struct sl_addr addr;
    uint16_t port;
    size_t used_bytes;
    uint8_t bytes[SL_RING_DATAGRAM_BYTES_MAX];
};

struct sl_ingest_options
sl_ingest_options_default(void)
{
    return (struct sl_ingest_options){.decoder = sl_decoder_options_default(),
                                      .ring_bytes = (size_t)64 << 20,
                                      .socket_bytes = (size_t)32 << 20,
                                      .state_interval_us = INT64_C(10) * SL_US_PER_S};
}

struct sl_ingest *
sl_ingest_create(const struct sl_ingest_options *options, struct sl_schema *schema,
                 struct sl_sink sink)
{
    struct sl_ingest *ingest = sl_new(sizeof(*ingest));
    ingest->magic = INGEST_MAGIC;
    ingest->options = *options;
    ingest->allowed = sl_new((options->allowed_count + 1) * sizeof(*ingest->allowed));
    if (options->allowed_count != 0)
        memcpy(ingest->allowed, options->allowed,
               options->allowed_count * sizeof(*ingest->allowed));
    ingest->options.allowed = ingest->allowed;
    ingest->decoder = sl_decoder_create(&options->decoder, schema, sink);
    ingest->stream_ring = sl_ring_create(STREAM_RING_BYTES);
    ingest->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    SL_ASSERT(ingest->stream_ring != NULL);
    SL_ASSERT(ingest->wake_fd >= 0);
    sl_mutex_init(&ingest->lock, SL_LOCK_INGEST);
    sl_cond_init(&ingest->changed);
    return ingest;
}

void
sl_ingest_destroy(struct sl_ingest *ingest)
{
    if (ingest == NULL)
        return;
    SL_ASSERT(ingest->magic == INGEST_MAGIC);
    sl_ingest_stop(ingest);
    for (unsigned i = 0; i < ingest->source_count; i++)
        sl_source_udp_close(ingest->sources[i]);
    sl_ring_destroy(ingest->stream_ring);
    sl_decoder_destroy(ingest->decoder);
    (void)close(ingest->wake_fd);
    sl_cond_fini(&ingest->changed);
    sl_mutex_fini(&ingest->lock);
    free(ingest->allowed);
    sl_retire(&ingest->magic);
    free(ingest);
}

sl_status
sl_ingest_restore(struct sl_ingest *ingest, const void *key, size_t key_bytes, const void *value,
                  size_t value_bytes, struct sl_error *err)
{
    SL_ASSERT(ingest->thread == NULL);
    return sl_decoder_import(ingest->decoder, key, key_bytes, value, value_bytes, err);
}

sl_status
sl_ingest_listen_udp(struct sl_ingest *ingest, const char *address, uint16_t *out_port,
                     struct sl_error *err)
{
    SL_ASSERT(ingest->thread == NULL);
    if (ingest->source_count == SL_INGEST_SOURCES_MAX)
        return sl_fail(err, SL_LIMIT, "%s would be one more than %d listeners", address,
                       SL_INGEST_SOURCES_MAX);
    struct sl_source_udp *source = NULL;
    SL_TRY(sl_source_udp_open(address, &ingest->options, ingest->wake_fd, &source, err));
    ingest->sources[ingest->source_count++] = source;
    *out_port = sl_source_udp_port(source);
    return SL_OK;
}

/* The rings in the order of request.positions: sources, then the streams. */
static struct sl_ring *
ring_at(struct sl_ingest *ingest, unsigned index)
{
    if (index < ingest->source_count)
        return sl_source_udp_ring(ingest->sources[index]);
    return ingest->stream_ring;
}

static void
note_failure(struct sl_ingest *ingest, const struct sl_error *err)
{
    if (sl_log_due(&ingest->logged_us, SL_US_PER_MINUTE))
        sl_log(SL_LOG_ERROR, "ingest", "rows could not be stored: %s", err->text);
}

/* Up to BURST_MAX datagrams of one ring. True when there was one. */
static bool
drain_ring(struct sl_ingest *ingest, unsigned index)
{
    struct sl_ring *ring = ring_at(ingest, index);
    const char *origin =
        index < ingest->source_count ? sl_source_udp_origin(ingest->sources[index]) : "ipfix:tcp";
    unsigned done = 0;
    for (; done < BURST_MAX; done++) {
        struct sl_error err = {0};
        const uint8_t *bytes = NULL;
        const struct sl_ring_entry *entry = sl_ring_peek(ring, &bytes);
        if (entry == NULL)
            break;
        struct sl_datagram_from from = {.addr = entry->addr,
                                        .port = entry->port,
                                        .received_us = entry->received_us,
                                        .origin = origin};
        if (sl_decoder_datagram(ingest->decoder, &from, bytes, entry->size_bytes, &err) != SL_OK)
            note_failure(ingest, &err);
        sl_ring_pop(ring);
    }
    return done != 0;
}

static bool
drain_all(struct sl_ingest *ingest)
{
    bool any = false;
    for (unsigned i = 0; i <= ingest->source_count; i++)
        any |= drain_ring(ingest, i);
    return any;
}

static bool
is_past_all(struct sl_ingest *ingest, const struct request *request)
{
    for (unsigned i = 0; i <= ingest->source_count; i++)
        if (!sl_ring_is_past(ring_at(ingest, i), request->positions[i]))
            return false;
    return true;
}

/* On the thread that owns the decoder, without the lock. False: not yet. */
static bool
serve(struct sl_ingest *ingest, struct request *request)
{
    switch (request->kind) {
    case REQUEST_FLUSH:
        if (!is_past_all(ingest, request))
            return false;
        request->status = sl_decoder_flush(ingest->decoder, &request->err);
        return true;
    case REQUEST_VISIT:
        sl_decoder_visit(ingest->decoder, request->visitor);
        return true;
    }
    return true;
}

/* The request is out of the slot while it is served, so its owner cannot leave meanwhile. */
static void
serve_request(struct sl_ingest *ingest)
{
    sl_mutex_lock(&ingest->lock);
    struct request *request = ingest->request;
    ingest->request = NULL;
    sl_mutex_unlock(&ingest->lock);
    if (request == NULL)
        return;
    bool is_done = serve(ingest, request);
    sl_mutex_lock(&ingest->lock);
    if (is_done) {
        atomic_store_explicit(&ingest->has_request, false, memory_order_relaxed);
        ingest->is_served = true;
    } else {
        ingest->request = request;
    }
    sl_cond_broadcast(&ingest->changed);
    sl_mutex_unlock(&ingest->lock);
}

/* Sources are forged, so thousands may be new at once: their state is kept little by little. */
static void
keep_state(struct sl_ingest *ingest, int64_t now_us, uint32_t puts_max)
{
    if (ingest->options.put_state == NULL ||
        now_us - ingest->state_us < ingest->options.state_interval_us)
        return;
    if (sl_decoder_export(ingest->decoder, puts_max, ingest->options.put_state,
                          ingest->options.put_context))
        ingest->state_us = now_us;
}

static void
copy_counts(struct sl_ingest *ingest)
{
    struct sl_decoder_counts counts;
    sl_decoder_counts(ingest->decoder, &counts);
    sl_mutex_lock(&ingest->lock);
    ingest->counts = counts;
    sl_mutex_unlock(&ingest->lock);
}

static void
decode(void *context)
{
    struct sl_ingest *ingest = context;
    int64_t ticked_us = 0;

    sl_thread_set_niceness(SL_NICENESS_INGEST);
    for (;;) {
        struct sl_error err = {0};
        bool is_stopping = atomic_load_explicit(&ingest->is_stopping, memory_order_acquire);
        bool any = drain_all(ingest);
        int64_t now_us = sl_clock_now_us();
        if (now_us - ticked_us >= INT64_C(1) * IDLE_MS * SL_US_PER_MS || now_us < ticked_us) {
            ticked_us = now_us;
            if (sl_decoder_tick(ingest->decoder, now_us, &err) != SL_OK)
                note_failure(ingest, &err);
            keep_state(ingest, now_us, PUTS_MAX);
            copy_counts(ingest);
        }
        if (atomic_load_explicit(&ingest->has_request, memory_order_acquire))
            serve_request(ingest);
        if (any)
            continue;
        if (is_stopping)
            break; /* nothing came since the receivers had stopped */
        struct pollfd wake = {.fd = ingest->wake_fd, .events = POLLIN};
        if (poll(&wake, 1, IDLE_MS) == 1) {
            uint64_t count = 0;
            ssize_t got = read(ingest->wake_fd, &count, sizeof(count));
            (void)got; /* somebody else's wake is none: the rings say what is there */
        }
    }
}

sl_status
sl_ingest_start(struct sl_ingest *ingest, struct sl_error *err)
{
    SL_ASSERT(ingest->magic == INGEST_MAGIC);
    if (ingest->thread != NULL)
        return sl_fail(err, SL_EXISTS, "ingest runs already");
    atomic_store_explicit(&ingest->is_stopping, false, memory_order_relaxed);
    ingest->is_running = true;
    ingest->thread = sl_thread_start("sl-decode", decode, ingest);
    for (unsigned i = 0; i < ingest->source_count; i++)
        sl_source_udp_start(ingest->sources[i]);
    return SL_OK;
}

static void
wake(struct sl_ingest *ingest)
{
    const uint64_t one = 1;
    ssize_t written = write(ingest->wake_fd, &one, sizeof(one));
    (void)written; /* a full counter has woken it already */
}

void
sl_ingest_stop(struct sl_ingest *ingest)
{
    struct sl_error err = {0};
    if (ingest->thread == NULL)
        return;
    for (unsigned i = 0; i < ingest->source_count; i++)
        sl_source_udp_stop(ingest->sources[i]);
    /* Pairs with the acquire in decode: what the receivers put is there to be drained. */
    atomic_store_explicit(&ingest->is_stopping, true, memory_order_release);
    wake(ingest);
    sl_thread_join(ingest->thread);
    ingest->thread = NULL;
    sl_mutex_lock(&ingest->lock);
    ingest->is_running = false;
    sl_cond_broadcast(&ingest->changed);
    sl_mutex_unlock(&ingest->lock);
    if (sl_decoder_flush(ingest->decoder, &err) != SL_OK)
        note_failure(ingest, &err);
    ingest->state_us = 0;
    keep_state(ingest, INT64_MAX, UINT32_MAX);
    copy_counts(ingest);
}

/* Have the decode thread serve a request. One at a time: the slot is taken under the lock. */
static sl_status
ask(struct sl_ingest *ingest, struct request *request, int64_t timeout_us, struct sl_error *err)
{
    int64_t deadline_us = sl_clock_monotonic_us() + timeout_us;
    bool is_served = false;
    bool is_placed = false;
    sl_mutex_lock(&ingest->lock);
    while (ingest->is_running && !is_served) {
        bool is_free =
            !atomic_load_explicit(&ingest->has_request, memory_order_relaxed) && !ingest->is_served;
        if (!is_placed && is_free) {
            ingest->request = request;
            atomic_store_explicit(&ingest->has_request, true, memory_order_release);
            is_placed = true;
            wake(ingest);
        }
        int64_t left_us = deadline_us - sl_clock_monotonic_us();
        bool is_mine = is_placed && ingest->is_served;
        if (is_mine) {
            is_served = true;
            ingest->is_served = false; /* the slot is free for the next */
            sl_cond_broadcast(&ingest->changed);
            break;
        }
        bool is_in_slot = is_placed && ingest->request == request;
        if (left_us <= 0 && (!is_placed || is_in_slot)) {
            if (is_in_slot) {
                ingest->request = NULL;
                atomic_store_explicit(&ingest->has_request, false, memory_order_relaxed);
                sl_cond_broadcast(&ingest->changed);
            }
            sl_mutex_unlock(&ingest->lock);
            return sl_fail(err, SL_TIMEOUT, "ingest did not answer in time");
        }
        (void)sl_cond_wait_us(&ingest->changed, &ingest->lock, left_us > 0 ? left_us : 1000);
    }
    sl_mutex_unlock(&ingest->lock);
    if (!is_served)
        (void)serve(ingest, request); /* nothing runs: the decoder is ours */
    if (request->status != SL_OK && err != NULL)
        *err = request->err;
    return request->status;
}

sl_status
sl_ingest_flush(struct sl_ingest *ingest, int64_t timeout_us, struct sl_error *err)
{
    struct request request = {.kind = REQUEST_FLUSH};
    for (unsigned i = 0; i <= ingest->source_count; i++)
        request.positions[i] = sl_ring_tail(ring_at(ingest, i));
    return ask(ingest, &request, timeout_us, err);
}

void
sl_ingest_visit(struct sl_ingest *ingest, const struct sl_exporter_visitor *visitor)
{
    struct request request = {.kind = REQUEST_VISIT, .visitor = visitor};
    (void)ask(ingest, &request, SL_US_PER_MINUTE, NULL);
}

sl_status
sl_ingest_stream_open(struct sl_ingest *ingest, struct sl_addr addr, uint16_t port,
                      struct sl_ingest_stream **out_stream, struct sl_error *err)
{
    SL_ASSERT(ingest->magic == INGEST_MAGIC);
    *out_stream = NULL;
    if (!sl_addr_is_allowed(ingest->allowed, ingest->options.allowed_count, addr))
        return sl_fail(err, SL_DENIED, "it is not on the list of exporters");
    if (atomic_fetch_add_explicit(&ingest->stream_count, 1, memory_order_relaxed) >=
        SL_INGEST_STREAMS_MAX) {
        atomic_fetch_sub_explicit(&ingest->stream_count, 1, memory_order_relaxed);
        return sl_fail(err, SL_LIMIT, "there are %d connections of exporters already",
                       SL_INGEST_STREAMS_MAX);
    }
    struct sl_ingest_stream *stream = sl_new(sizeof(*stream));
    stream->ingest = ingest;
    stream->addr = addr;
    stream->port = port;
    *out_stream = stream;
    return SL_OK;
}

void
sl_ingest_stream_close(struct sl_ingest_stream *stream)
{
    if (stream == NULL)
        return;
    atomic_fetch_sub_explicit(&stream->ingest->stream_count, 1, memory_order_relaxed);
    free(stream);
}

/* Bytes that the message in the buffer still lacks before its length is known, or at all. 0: it
 * is whole. */
static sl_status
stream_missing(const struct sl_ingest_stream *stream, size_t *out_missing, struct sl_error *err)
{
    *out_missing = 4 - sl_min_size(stream->used_bytes, 4);
    if (*out_missing != 0)
        return SL_OK;
    uint64_t version = sl_read_be(stream->bytes, 2);
    size_t message_bytes = (size_t)sl_read_be(&stream->bytes[2], 2);
    if (version != IPFIX_VERSION || message_bytes < IPFIX_HEADER_BYTES)
        return sl_fail(err, SL_FORMAT, "not IPFIX: version %" PRIu64 ", %zu bytes", version,
                       message_bytes);
    *out_missing = message_bytes - stream->used_bytes;
    return SL_OK;
}

sl_status
sl_ingest_stream_bytes(struct sl_ingest_stream *stream, const uint8_t *bytes, size_t size_bytes,
                       size_t *out_taken, struct sl_error *err)
{
    struct sl_ingest *ingest = stream->ingest;
    *out_taken = 0;
    for (;;) {
        size_t missing_bytes = 0;
        SL_TRY(stream_missing(stream, &missing_bytes, err));
        if (missing_bytes == 0) {
            struct sl_ring_entry entry = {.addr = stream->addr,
                                          .port = stream->port,
                                          .received_us = sl_clock_now_us(),
                                          .size_bytes = (uint32_t)stream->used_bytes};
            if (!sl_ring_put(ingest->stream_ring, &entry, stream->bytes))
                return sl_fail(err, SL_LIMIT, "the decoder is behind");
            stream->used_bytes = 0;
            wake(ingest);
            continue;
        }
        size_t taken_bytes = sl_min_size(missing_bytes, size_bytes - *out_taken);
        if (taken_bytes == 0)
            return SL_OK;
        memcpy(&stream->bytes[stream->used_bytes], &bytes[*out_taken], taken_bytes);
        stream->used_bytes += taken_bytes;
        *out_taken += taken_bytes;
    }
}

void
sl_ingest_sources(struct sl_ingest *ingest, sl_source_visit_fn *visit, void *context)
{
    for (unsigned i = 0; i < ingest->source_count; i++) {
        struct sl_source_counts counts;
        sl_source_udp_counts(ingest->sources[i], &counts);
        visit(context, sl_source_udp_origin(ingest->sources[i]), &counts);
    }
}

void
sl_ingest_counts(struct sl_ingest *ingest, struct sl_decoder_counts *out_counts)
{
    sl_mutex_lock(&ingest->lock);
    *out_counts = ingest->counts;
    sl_mutex_unlock(&ingest->lock);
}
