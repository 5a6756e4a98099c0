/*
 * stream.c - see stream.h.
 *
 * Bytes of TLS are opened before they are offered, and closed when they are written.
 *
 * Input is offered straight from the loop's own buffer; only what the owner leaves is copied.
 * Small outputs that find others waiting are gathered, so that a thousand acknowledgements are
 * not a thousand writes.
 */
#include "server/net/stream.h"

#include "storage/base/clock.h"

enum {
    PLAIN_BYTES = 16 << 10, /* a TLS record */
    CIPHER_BYTES_MAX = 1 << 30,
    STREAM_MAGIC = 0x53545245,
    KEPT_BYTES_MIN = 4 << 10,
    KEPT_BYTES_BEHIND = 64 << 10,    /* the next message begins in the same read */
    KEPT_BYTES_IDLE_MAX = 256 << 10, /* a larger buffer is given back when it is empty */
    GATHER_BYTES_MAX = 64 << 10,
    QUEUED_BYTES_MAX = 8 << 20, /* no input is offered while more output waits for the peer */
    LINGER_US = SL_US_PER_S,
    PACE_BYTES_PER_S = 16 << 10, /* a message that arrives slower than this is an attack */
};

struct sl_stream {
    uint32_t magic;
    struct sl_tcp *tcp; /* owned; NULL once it has ended */
    struct sl_stream_limits limits;
    const struct sl_stream_events *events; /* borrowed */
    void *context;
    struct sl_tls *tls;      /* owned; NULL: plain */
    struct sl_timer *timer;  /* owned: looks at the progress */
    struct sl_timer *resume; /* owned: offers what was kept during a pause; NULL: not due */
    struct sl_timer *linger; /* owned: ends the wait for the peer's close; NULL: not yet */

    uint8_t *kept; /* owned: input not used yet, from offset 0 */
    size_t kept_bytes;
    size_t kept_capacity; /* taken from the budget */
    size_t wanted_bytes;  /* offer at this size */

    struct sl_buf gathered; /* small outputs behind a write that is under way */
    size_t unwritten_bytes; /* at the last look */
    int64_t output_moved_us;
    int64_t input_moved_us;
    int64_t message_since_us; /* the kept bytes are there since */

    bool is_paused;
    bool is_throttled; /* too much output waits: no input until it is written */
    bool is_finishing;
    bool is_busy;    /* in a call of the owner's: nobody frees the stream below it */
    bool is_closed;  /* by the owner, while busy */
    bool is_new_tls; /* by the owner, while busy: what it leaves is the peer's first TLS */
};

static void
free_stream(struct sl_stream *stream)
{
    sl_timer_close(stream->timer);
    sl_timer_close(stream->resume);
    sl_timer_close(stream->linger);
    sl_tcp_close(stream->tcp);
    sl_tls_close(stream->tls);
    sl_budget_give(stream->limits.input_budget, stream->kept_capacity);
    free(stream->kept);
    sl_buf_fini(&stream->gathered);
    sl_retire(&stream->magic);
    free(stream);
}

/* Disconnect and tell the owner: the last thing a stream does by itself. */
static void
end_stream(struct sl_stream *stream, const struct sl_error *why)
{
    const struct sl_stream_events *events = stream->events;
    void *context = stream->context;
    struct sl_error copy = *why;
    free_stream(stream);
    events->on_end(context, &copy);
}

/* ---- input ---- */

static bool
keep(struct sl_stream *stream, const uint8_t *bytes, size_t size_bytes)
{
    size_t needed_bytes = stream->kept_bytes + size_bytes;
    if (needed_bytes > stream->kept_capacity) {
        /* Doubled, but not far beyond a message whose size is known. */
        size_t enough_bytes = sl_max_size(needed_bytes, stream->wanted_bytes + KEPT_BYTES_BEHIND);
        size_t capacity = sl_max_size(KEPT_BYTES_MIN, stream->kept_capacity * 2);
        while (capacity < needed_bytes)
            capacity *= 2;
        capacity = sl_min_size(capacity, sl_max_size(enough_bytes, KEPT_BYTES_MIN));
        if (!sl_budget_take(stream->limits.input_budget, capacity - stream->kept_capacity))
            return false;
        uint8_t *grown = realloc(stream->kept, capacity);
        if (grown == NULL) {
            sl_budget_give(stream->limits.input_budget, capacity - stream->kept_capacity);
            return false;
        }
        stream->kept = grown;
        stream->kept_capacity = capacity;
    }
    if (stream->kept_bytes == 0)
        stream->message_since_us = stream->input_moved_us;
    memcpy(stream->kept + stream->kept_bytes, bytes, size_bytes);
    stream->kept_bytes = needed_bytes;
    return true;
}

static void
drop_kept(struct sl_stream *stream, size_t used_bytes)
{
    SL_ASSERT(used_bytes <= stream->kept_bytes);
    stream->kept_bytes -= used_bytes;
    if (used_bytes != 0)
        stream->message_since_us = stream->input_moved_us;
    if (stream->kept_bytes != 0 && used_bytes != 0)
        memmove(stream->kept, stream->kept + used_bytes, stream->kept_bytes);
    if (stream->kept_bytes == 0 && stream->kept_capacity > KEPT_BYTES_IDLE_MAX) {
        sl_budget_give(stream->limits.input_budget, stream->kept_capacity);
        free(stream->kept);
        stream->kept = NULL;
        stream->kept_capacity = 0;
    }
}

/* Offer until the owner wants more than there is. Returns the bytes used; the stream may be
 * closed (is_closed) or paused afterwards. */
static size_t
offer(struct sl_stream *stream, const uint8_t *bytes, size_t size_bytes)
{
    size_t used_bytes = 0;
    stream->is_busy = true;
    while (size_bytes - used_bytes >= stream->wanted_bytes) {
        if (stream->is_closed || stream->is_paused || stream->is_finishing || stream->is_new_tls)
            break;
        if (sl_stream_queued_bytes(stream) > QUEUED_BYTES_MAX) {
            stream->is_throttled = true;
            sl_tcp_read_stop(stream->tcp);
            break;
        }
        size_t left_bytes = size_bytes - used_bytes;
        size_t wanted_bytes = 1;
        size_t taken_bytes = stream->events->on_bytes(stream->context, bytes + used_bytes,
                                                      left_bytes, &wanted_bytes);
        if (stream->is_closed)
            break;
        SL_ASSERT(taken_bytes <= left_bytes);
        used_bytes += taken_bytes;
        stream->wanted_bytes = stream->is_new_tls ? 1 : wanted_bytes;
        SL_ASSERT(stream->is_paused || stream->is_finishing || stream->is_new_tls ||
                  taken_bytes != 0 || wanted_bytes > left_bytes);
    }
    stream->is_busy = false;
    return used_bytes;
}

/* What TLS itself has to say. */
static void
send_tls(struct sl_stream *stream)
{
    struct sl_buf out = sl_buf_empty(CIPHER_BYTES_MAX);
    size_t size_bytes = 0;
    sl_tls_collect(stream->tls, &out);
    uint8_t *taken = sl_buf_take(&out, &size_bytes);
    if (size_bytes != 0)
        sl_tcp_write(stream->tcp, taken, size_bytes);
    else
        free(taken);
}

static void
end_without_memory(struct sl_stream *stream)
{
    struct sl_error why = {0};
    (void)sl_fail(&why, SL_LIMIT, "the server has no memory for more input");
    end_stream(stream, &why);
}

static bool take_plain(struct sl_stream *stream, const uint8_t *bytes, size_t size_bytes);

/* Bytes of TLS that came. False: the stream is gone. */
static bool
take_cipher(struct sl_stream *stream, const uint8_t *bytes, size_t size_bytes)
{
    uint8_t plain[PLAIN_BYTES];
    size_t plain_bytes = 0;
    bool is_end = false;
    struct sl_error why = {0};
    sl_tls_put(stream->tls, bytes, size_bytes);
    do {
        sl_status st = sl_tls_read(stream->tls, plain, sizeof(plain), &plain_bytes, &is_end, &why);
        send_tls(stream);
        if (st != SL_OK || is_end) {
            end_stream(stream, &why);
            return false;
        }
        if (plain_bytes != 0 && !stream->is_finishing && !take_plain(stream, plain, plain_bytes))
            return false;
    } while (plain_bytes != 0);
    return true;
}

/* What is kept and was not used is the peer's first TLS. False: the stream is gone. */
static bool
begin_tls(struct sl_stream *stream, size_t used_bytes)
{
    size_t left_bytes = stream->kept_bytes - used_bytes;
    uint8_t *left = sl_new(left_bytes + 1);
    stream->is_new_tls = false;
    memcpy(left, stream->kept + used_bytes, left_bytes);
    drop_kept(stream, stream->kept_bytes);
    bool is_there = take_cipher(stream, left, left_bytes);
    free(left);
    return is_there;
}

void
sl_stream_secure(struct sl_stream *stream, const struct sl_tls_context *context)
{
    SL_ASSERT(stream->magic == STREAM_MAGIC && stream->is_busy && stream->tls == NULL);
    stream->tls = sl_tls_accept(context);
    stream->is_new_tls = true;
}

/* Plain bytes that came. False: the stream is gone. */
static bool
take_plain(struct sl_stream *stream, const uint8_t *bytes, size_t size_bytes)
{
    bool is_direct = stream->kept_bytes == 0;
    if (!is_direct && !keep(stream, bytes, size_bytes)) {
        end_without_memory(stream);
        return false;
    }
    size_t used_bytes = is_direct ? offer(stream, bytes, size_bytes)
                                  : offer(stream, stream->kept, stream->kept_bytes);
    if (stream->is_closed) {
        free_stream(stream);
        return false;
    }
    if (stream->is_new_tls && !is_direct)
        return begin_tls(stream, used_bytes);
    if (stream->is_new_tls) {
        stream->is_new_tls = false;
        return take_cipher(stream, bytes + used_bytes, size_bytes - used_bytes);
    }
    if (!is_direct) {
        drop_kept(stream, used_bytes);
        return true;
    }
    if (used_bytes < size_bytes && !keep(stream, bytes + used_bytes, size_bytes - used_bytes)) {
        end_without_memory(stream);
        return false;
    }
    return true;
}

static void
on_read(void *context, const uint8_t *bytes, size_t size_bytes)
{
    struct sl_stream *stream = context;
    SL_ASSERT(stream->magic == STREAM_MAGIC);
    stream->input_moved_us = sl_clock_monotonic_us();
    if (stream->is_finishing)
        return;
    if (stream->tls != NULL)
        (void)take_cipher(stream, bytes, size_bytes);
    else
        (void)take_plain(stream, bytes, size_bytes);
}

void
sl_stream_pause(struct sl_stream *stream)
{
    SL_ASSERT(stream->magic == STREAM_MAGIC);
    stream->is_paused = true;
    sl_tcp_read_stop(stream->tcp);
}

/* A turn of its own, so that whoever resumes need not expect to be closed by it. */
static void
offer_kept(void *context)
{
    struct sl_stream *stream = context;
    SL_ASSERT(stream->magic == STREAM_MAGIC);
    sl_timer_close(stream->resume);
    stream->resume = NULL;
    size_t used_bytes = offer(stream, stream->kept, stream->kept_bytes);
    if (stream->is_closed)
        free_stream(stream);
    else if (stream->is_new_tls)
        (void)begin_tls(stream, used_bytes);
    else
        drop_kept(stream, used_bytes);
}

static void
read_on(struct sl_stream *stream)
{
    stream->input_moved_us = sl_clock_monotonic_us();
    stream->message_since_us = stream->input_moved_us;
    sl_tcp_read_start(stream->tcp);
    if (stream->resume == NULL)
        stream->resume = sl_timer_open(sl_tcp_loop(stream->tcp), 0, 0, offer_kept, stream);
}

void
sl_stream_resume(struct sl_stream *stream)
{
    SL_ASSERT(stream->magic == STREAM_MAGIC);
    if (!stream->is_paused || stream->is_finishing)
        return;
    stream->is_paused = false;
    read_on(stream);
}

/* ---- output ---- */

/* The plain bytes become those of TLS. */
static void
encrypt(struct sl_stream *stream, struct sl_buf *bytes)
{
    struct sl_buf out = sl_buf_empty(CIPHER_BYTES_MAX);
    size_t limit_bytes = bytes->limit_bytes;
    if (sl_tls_is_ready(stream->tls))
        sl_tls_write(stream->tls, bytes->bytes, bytes->size_bytes);
    sl_buf_fini(bytes);
    sl_tls_collect(stream->tls, &out);
    SL_ASSERT(!out.bad); /* its size is that of what the owner had in memory */
    out.limit_bytes = limit_bytes;
    *bytes = out;
}

static void
write_out(struct sl_stream *stream, struct sl_buf *bytes)
{
    size_t size_bytes = 0;
    if (stream->tls != NULL)
        encrypt(stream, bytes);
    uint8_t *taken = sl_buf_take(bytes, &size_bytes);
    if (size_bytes == 0) {
        free(taken);
        return;
    }
    if (sl_tcp_unwritten_bytes(stream->tcp) == 0)
        stream->output_moved_us = sl_clock_monotonic_us();
    sl_tcp_write(stream->tcp, taken, size_bytes);
}

void
sl_stream_send(struct sl_stream *stream, struct sl_buf *bytes)
{
    SL_ASSERT(stream->magic == STREAM_MAGIC);
    SL_ASSERT(!bytes->bad);
    if (stream->is_finishing) {
        sl_buf_clear(bytes);
        return;
    }
    bool is_idle = sl_tcp_unwritten_bytes(stream->tcp) == 0;
    if (is_idle && stream->gathered.size_bytes == 0) {
        write_out(stream, bytes);
        return;
    }
    if (stream->gathered.size_bytes + bytes->size_bytes <= GATHER_BYTES_MAX) {
        sl_buf_append(&stream->gathered, bytes->bytes, bytes->size_bytes);
        sl_buf_clear(bytes);
        return;
    }
    write_out(stream, &stream->gathered);
    write_out(stream, bytes);
}

size_t
sl_stream_queued_bytes(const struct sl_stream *stream)
{
    return sl_tcp_unwritten_bytes(stream->tcp) + stream->gathered.size_bytes;
}

static void
end_linger(void *context)
{
    struct sl_stream *stream = context;
    struct sl_error why = {0};
    SL_ASSERT(stream->magic == STREAM_MAGIC);
    end_stream(stream, &why);
}

/* All is written. Closing now, with input unread, would reset the connection and may take the
 * last frame away from the peer. */
static void
linger(struct sl_stream *stream)
{
    if (stream->linger != NULL)
        return;
    if (stream->tls != NULL) {
        sl_tls_finish(stream->tls);
        send_tls(stream);
    }
    sl_tcp_shutdown(stream->tcp);
    sl_tcp_read_start(stream->tcp);
    stream->linger = sl_timer_open(sl_tcp_loop(stream->tcp), LINGER_US, 0, end_linger, stream);
}

static void
on_written(void *context)
{
    struct sl_stream *stream = context;
    SL_ASSERT(stream->magic == STREAM_MAGIC);
    stream->output_moved_us = sl_clock_monotonic_us();
    if (sl_tcp_unwritten_bytes(stream->tcp) != 0)
        return;
    if (stream->gathered.size_bytes != 0) {
        write_out(stream, &stream->gathered);
        return;
    }
    if (stream->is_finishing) {
        linger(stream);
        return;
    }
    if (stream->is_throttled && !stream->is_paused)
        read_on(stream);
    stream->is_throttled = false;
    stream->events->on_drained(stream->context);
}

/* ---- life ---- */

static void
on_tcp_end(void *context, const struct sl_error *why)
{
    struct sl_stream *stream = context;
    SL_ASSERT(stream->magic == STREAM_MAGIC);
    stream->tcp = NULL; /* it has closed itself */
    end_stream(stream, why);
}

static bool
is_input_late(const struct sl_stream *stream, int64_t now_us)
{
    if (stream->is_paused || stream->is_throttled || stream->is_finishing ||
        stream->kept_bytes == 0)
        return false;
    int64_t pace_us = (int64_t)stream->wanted_bytes * (SL_US_PER_S / PACE_BYTES_PER_S);
    return now_us - stream->input_moved_us > stream->limits.stall_us ||
           now_us - stream->message_since_us > stream->limits.stall_us + pace_us;
}

static void
check_progress(void *context)
{
    struct sl_stream *stream = context;
    SL_ASSERT(stream->magic == STREAM_MAGIC);
    int64_t now_us = sl_clock_monotonic_us();
    size_t unwritten_bytes = sl_tcp_unwritten_bytes(stream->tcp);
    if (unwritten_bytes < stream->unwritten_bytes || unwritten_bytes == 0)
        stream->output_moved_us = now_us;
    stream->unwritten_bytes = unwritten_bytes;

    struct sl_error why = {0};
    if (now_us - stream->output_moved_us > stream->limits.stall_us)
        (void)sl_fail(&why, SL_TIMEOUT, "the peer does not read what it asked for");
    else if (is_input_late(stream, now_us))
        (void)sl_fail(&why, SL_TIMEOUT, "the peer began a message and does not go on");
    else
        return;
    end_stream(stream, &why);
}

static const struct sl_tcp_events tcp_events = {
    .on_read = on_read,
    .on_written = on_written,
    .on_end = on_tcp_end,
};

struct sl_stream *
sl_stream_open(struct sl_tcp *tcp, const struct sl_stream_limits *limits,
               const struct sl_stream_events *events, void *context)
{
    struct sl_stream *stream = sl_new(sizeof(*stream));
    stream->magic = STREAM_MAGIC;
    stream->tcp = tcp;
    stream->limits = *limits;
    stream->events = events;
    stream->context = context;
    stream->wanted_bytes = 1;
    stream->gathered = sl_buf_empty(GATHER_BYTES_MAX);
    stream->input_moved_us = sl_clock_monotonic_us();
    stream->output_moved_us = stream->input_moved_us;
    int64_t look_us = limits->stall_us / 4;
    stream->timer = sl_timer_open(sl_tcp_loop(tcp), look_us, look_us, check_progress, stream);
    sl_tcp_own(tcp, &tcp_events, stream);
    sl_tcp_read_start(tcp);
    return stream;
}

void
sl_stream_close(struct sl_stream *stream)
{
    if (stream == NULL)
        return;
    SL_ASSERT(stream->magic == STREAM_MAGIC);
    if (stream->is_busy)
        stream->is_closed = true;
    else
        free_stream(stream);
}

void
sl_stream_finish(struct sl_stream *stream)
{
    SL_ASSERT(stream->magic == STREAM_MAGIC);
    if (stream->is_finishing)
        return;
    stream->is_finishing = true;
    if (sl_stream_queued_bytes(stream) == 0)
        linger(stream);
}
