/*
 * link.c - see link.h.
 */
#include "client/mysql/link.h"

enum {
    LINK_MAGIC = 0x4c494e4b,
    HELLO_TAG = 1,
    WELCOME_ARENA_BYTES = 16 << 10,
};

struct sl_link {
    uint32_t magic;
    struct sl_tcp *tcp;       /* owned until it is connected */
    struct sl_stream *stream; /* owned from then on */
    struct sl_stream_limits limits;
    const struct sl_link_events *events; /* borrowed */
    void *context;
    bool is_welcome;
};

static void
free_link(struct sl_link *link)
{
    sl_retire(&link->magic);
    free(link);
}

/* The last event. */
static void
end_link(struct sl_link *link, const struct sl_error *why)
{
    const struct sl_link_events *events = link->events;
    void *context = link->context;
    free_link(link);
    events->on_end(context, why);
}

static sl_status
take_welcome(struct sl_link *link, const struct sl_wire_frame *frame, struct sl_error *err)
{
    struct sl_wire_welcome welcome;
    struct sl_arena *arena = sl_arena_create(WELCOME_ARENA_BYTES);
    sl_status st = sl_wire_welcome_decode(frame, arena, &welcome, err);
    if (st == SL_OK && (welcome.features & SL_WIRE_FEATURE_PREPARE) == 0)
        st = sl_fail(err, SL_VERSION, "the server has no prepared statements");
    if (st == SL_OK) {
        link->is_welcome = true;
        link->events->on_welcome(link->context, &welcome);
    }
    sl_arena_destroy(arena);
    return st;
}

/* Returns with the link perhaps closed: nothing of it may be touched behind an event. */
static size_t
on_bytes(void *context, const uint8_t *bytes, size_t size_bytes, size_t *out_wanted_bytes)
{
    struct sl_link *link = context;
    SL_ASSERT(link->magic == LINK_MAGIC);
    struct sl_wire_frame frame = {0};
    struct sl_error why = {0};
    size_t used_bytes = 0;
    sl_status st = sl_wire_next(bytes, size_bytes, SL_WIRE_FRAME_BYTES_MAX, &frame, &used_bytes,
                                out_wanted_bytes, &why);
    if (st == SL_OK && used_bytes == 0)
        return 0;
    *out_wanted_bytes = SL_WIRE_HEADER_BYTES;
    if (st == SL_OK && frame.type == SL_WIRE_WELCOME && !link->is_welcome) {
        st = take_welcome(link, &frame, &why);
    } else if (st == SL_OK) {
        link->events->on_frame(link->context, &frame, used_bytes == size_bytes);
    }
    if (st == SL_OK)
        return used_bytes;
    sl_stream_close(link->stream);
    end_link(link, &why);
    return size_bytes;
}

static void
on_drained(void *context)
{
    struct sl_link *link = context;
    SL_ASSERT(link->magic == LINK_MAGIC);
    link->events->on_drained(link->context);
}

static void
on_end(void *context, const struct sl_error *why)
{
    struct sl_link *link = context;
    SL_ASSERT(link->magic == LINK_MAGIC);
    end_link(link, why);
}

static const struct sl_stream_events stream_events = {
    .on_bytes = on_bytes,
    .on_drained = on_drained,
    .on_end = on_end,
};

static void
on_connect(void *context)
{
    struct sl_link *link = context;
    SL_ASSERT(link->magic == LINK_MAGIC);
    struct sl_wire_hello hello = {.version_min = SL_WIRE_VERSION,
                                  .version_max = SL_WIRE_VERSION,
                                  .features = SL_WIRE_FEATURE_PREPARE | SL_WIRE_FEATURE_LOCAL_FILE,
                                  .client = "sluice-mysql"};
    struct sl_buf out = sl_buf_empty(SL_WIRE_SMALL_BYTES_MAX);
    link->stream = sl_stream_open(link->tcp, &link->limits, &stream_events, link);
    link->tcp = NULL;
    sl_wire_hello_encode(&out, HELLO_TAG, &hello);
    sl_stream_send(link->stream, &out);
    sl_buf_fini(&out);
}

static const struct sl_tcp_events tcp_events = {
    .on_connect = on_connect,
    .on_end = on_end,
};

sl_status
sl_link_open(struct sl_loop *loop, const struct sl_endpoint *endpoint, struct sl_tcp *end,
             const struct sl_stream_limits *limits, const struct sl_link_events *events,
             void *context, struct sl_link **out_link, struct sl_error *err)
{
    struct sl_link *link = sl_new(sizeof(*link));
    *out_link = NULL;
    link->magic = LINK_MAGIC;
    link->limits = *limits;
    link->events = events;
    link->context = context;
    link->tcp = end;
    sl_status st = SL_OK;
    if (endpoint != NULL)
        st = sl_tcp_connect(loop, endpoint, &tcp_events, link, &link->tcp, err);
    if (st != SL_OK) {
        free_link(link);
        return st;
    }
    if (endpoint == NULL)
        on_connect(link); /* it is connected from the start */
    *out_link = link;
    return SL_OK;
}

void
sl_link_close(struct sl_link *link)
{
    if (link == NULL)
        return;
    SL_ASSERT(link->magic == LINK_MAGIC);
    sl_tcp_close(link->tcp);
    sl_stream_close(link->stream);
    free_link(link);
}

void
sl_link_send(struct sl_link *link, struct sl_buf *frames)
{
    SL_ASSERT(link->magic == LINK_MAGIC);
    SL_ASSERT(link->is_welcome);
    sl_stream_send(link->stream, frames);
}

size_t
sl_link_queued_bytes(const struct sl_link *link)
{
    SL_ASSERT(link->magic == LINK_MAGIC);
    return sl_stream_queued_bytes(link->stream);
}

void
sl_link_pause(struct sl_link *link)
{
    SL_ASSERT(link->magic == LINK_MAGIC);
    sl_stream_pause(link->stream);
}

void
sl_link_resume(struct sl_link *link)
{
    SL_ASSERT(link->magic == LINK_MAGIC);
    sl_stream_resume(link->stream);
}
