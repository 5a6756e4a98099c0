/*
 * conversation.c - see conversation.h.
 */
#include "server/conversation_parts.h"
#include "server/stats.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"

enum {
    HANDSHAKE_US = 10 * SL_US_PER_S,
    DENIAL_US = SL_US_PER_S / 2, /* a wrong password is answered after so long, times who waits */
    DENIAL_US_MAX = 5 * SL_US_PER_S,
};

/* ---- life ---- */

void
sl_conversation_hold(void *context)
{
    struct sl_conversation *c = context;
    c->references++;
}

static void
leave_list(struct sl_conversation *c)
{
    struct sl_conversation_list *list = c->list;
    if (c->previous != NULL)
        c->previous->next = c->next;
    else
        list->first = c->next;
    if (c->next != NULL)
        c->next->previous = c->previous;
    list->count--;
    if (list->is_stopping && list->count == 0)
        list->on_empty(list->context);
}

void
sl_conversation_release(void *context)
{
    struct sl_conversation *c = context;
    SL_ASSERT(c->magic == SL_CONVERSATION_MAGIC);
    SL_ASSERT(c->references > 0);
    if (--c->references != 0)
        return;
    SL_ASSERT(c->stream == NULL);
    SL_ASSERT(c->request == NULL);
    sl_lane_fini(&c->lane);
    sl_entry_close(c->entry);
    sl_statements_fini(&c->statements);
    sl_stats_add(c->service->stats, SL_COUNTER_CONNECTIONS_CLOSED, 1);
    leave_list(c);
    sl_retire(&c->magic);
    free(c);
}

static void
stop_timers(struct sl_conversation *c)
{
    sl_timer_close(c->handshake);
    sl_timer_close(c->progress);
    sl_timer_close(c->pause);
    c->handshake = NULL;
    c->progress = NULL;
    c->pause = NULL;
    if (c->denial != NULL)
        c->list->denial_count--;
    free(c->denial);
    c->denial = NULL;
}

void
sl_conversation_drop_request(struct sl_conversation *c)
{
    sl_request_destroy(c->request);
    c->request = NULL;
    c->has_head = false;
    c->is_held_back = false;
    sl_entry_end(c->entry);
    sl_timer_close(c->progress);
    c->progress = NULL;
    sl_conversation_release(c);
}

/* Nobody listens any more: stop the work, keep what workers still hold. */
static void
abandon(struct sl_conversation *c)
{
    stop_timers(c);
    sl_entry_cancel(c->entry);
    sl_lane_close(&c->lane);
    if (c->request != NULL && !c->is_stepping)
        sl_conversation_drop_request(c);
}

/* ---- sending ---- */

void
sl_conversation_send(void *context, struct sl_buf *bytes)
{
    struct sl_conversation *c = context;
    SL_ASSERT(!bytes->bad);
    if (c->stream == NULL) {
        sl_buf_clear(bytes);
        return;
    }
    sl_stats_add(c->service->stats, SL_COUNTER_BYTES_SENT, bytes->size_bytes);
    sl_stream_send(c->stream, bytes);
}

void
sl_conversation_send_error(struct sl_conversation *c, uint32_t tag, const struct sl_error *error)
{
    struct sl_buf out = sl_buf_empty(SL_CONVERSATION_SMALL_BYTES);
    sl_wire_error_encode(&out, tag, error);
    sl_conversation_send(c, &out);
    sl_buf_fini(&out);
}

void
sl_conversation_send_done(struct sl_conversation *c, uint32_t tag)
{
    struct sl_buf out = sl_buf_empty(SL_CONVERSATION_SMALL_BYTES);
    struct sl_wire_done done = {0};
    sl_wire_done_encode(&out, tag, &done);
    sl_conversation_send(c, &out);
    sl_buf_fini(&out);
}

/* Tell the peer why, and close when it has heard. */
static void
finish(struct sl_conversation *c, uint32_t tag, const struct sl_error *why)
{
    if (c->state == SL_CONVERSATION_FINISHING)
        return;
    c->state = SL_CONVERSATION_FINISHING;
    sl_conversation_hold(c);
    sl_conversation_send_error(c, tag, why);
    abandon(c);
    if (c->stream != NULL) /* NOLINT(clang-analyzer-unix.Malloc): held above */
        sl_stream_finish(c->stream);
    sl_conversation_release(c);
}

void
sl_conversation_refuse(struct sl_conversation *c, uint32_t tag, const struct sl_error *why)
{
    static struct sl_log_kind kind;
    sl_stats_add(c->service->stats, SL_COUNTER_PROTOCOL_ERRORS, 1);
    sl_log_limited(&kind, SL_LOG_INFO, "server", "connection %" PRIu64 " from %s ended: %s",
                   sl_entry_id(c->entry), c->peer, why->text);
    finish(c, tag, why);
}

static void
answer_denied(void *context)
{
    struct sl_conversation *c = context;
    struct sl_error why = *c->denial;
    sl_conversation_refuse(c, c->denial_tag, &why);
}

/* A login that failed is answered late, the later the more others wait for the same: so guessing is slow,
 * also over many connections, and whoever knows the password does not notice. */
static void
deny_later(struct sl_conversation *c, uint32_t tag, const struct sl_error *why)
{
    int64_t after_us = DENIAL_US * ((int64_t)c->list->denial_count + 1);
    stop_timers(c);
    c->list->denial_count++;
    c->denial = sl_new(sizeof(*c->denial));
    *c->denial = *why;
    c->denial_tag = tag;
    c->handshake = sl_timer_open(
        c->service->loop, after_us < DENIAL_US_MAX ? after_us : DENIAL_US_MAX, 0, answer_denied, c);
    sl_stream_pause(c->stream);
}

/* ---- stream ---- */

/* The first bytes of a peer: HELLO, or TLS with HELLO in it. True: it is TLS, or too early to say. */
static bool
take_tls(struct sl_conversation *c, const uint8_t *bytes, size_t size_bytes,
         size_t *out_wanted_bytes)
{
    *out_wanted_bytes = SL_TLS_FIRST_BYTES;
    if (c->state != SL_CONVERSATION_HELLO || c->is_secure || c->service->tls == NULL)
        return false;
    if (size_bytes < SL_TLS_FIRST_BYTES)
        return true;
    c->is_secure = sl_tls_begins(bytes);
    if (c->is_secure)
        sl_stream_secure(c->stream, c->service->tls);
    return c->is_secure;
}

static size_t
on_bytes(void *context, const uint8_t *bytes, size_t size_bytes, size_t *out_wanted_bytes)
{
    struct sl_conversation *c = context;
    SL_ASSERT(c->magic == SL_CONVERSATION_MAGIC);
    size_t limit_bytes =
        c->state == SL_CONVERSATION_READY ? SL_WIRE_FRAME_BYTES_MAX : SL_WIRE_HELLO_BYTES_MAX;
    struct sl_wire_frame frame = {0};
    struct sl_error why = {0};
    size_t used_bytes = 0;
    bool is_taken = true;

    if (take_tls(c, bytes, size_bytes, out_wanted_bytes))
        return 0;
    sl_status st =
        sl_wire_next(bytes, size_bytes, limit_bytes, &frame, &used_bytes, out_wanted_bytes, &why);
    if (st == SL_OK && used_bytes == 0)
        return 0;
    if (st == SL_OK)
        st = sl_conversation_take_frame(c, &frame, &is_taken, &why);
    if (st == SL_DENIED && c->state == SL_CONVERSATION_AUTH) {
        deny_later(c, frame.tag, &why);
        return size_bytes;
    }
    if (st != SL_OK) {
        sl_conversation_refuse(c, frame.tag, &why);
        return size_bytes;
    }
    if (!is_taken) {
        sl_stream_pause(c->stream);
        *out_wanted_bytes = 1;
        return 0;
    }
    sl_stats_add(c->service->stats, SL_COUNTER_BYTES_RECEIVED, used_bytes);
    *out_wanted_bytes = SL_WIRE_HEADER_BYTES;
    return used_bytes;
}

static void
on_drained(void *context)
{
    struct sl_conversation *c = context;
    SL_ASSERT(c->magic == SL_CONVERSATION_MAGIC);
    if (c->is_held_back)
        sl_conversation_step(c);
}

static void
on_end(void *context, const struct sl_error *why)
{
    struct sl_conversation *c = context;
    SL_ASSERT(c->magic == SL_CONVERSATION_MAGIC);
    c->stream = NULL;
    if (why->status != SL_OK)
        sl_log(SL_LOG_DEBUG, "server", "connection %" PRIu64 " from %s: %s", sl_entry_id(c->entry),
               c->peer, why->text);
    abandon(c);
    sl_conversation_release(c); /* the stream's */
}

static const struct sl_stream_events stream_events = {
    .on_bytes = on_bytes,
    .on_drained = on_drained,
    .on_end = on_end,
};

/* Memory was given back: whoever waits for it may try again. */
static void
on_room(void *context)
{
    struct sl_conversation *self = context;
    for (struct sl_conversation *c = self->list->first; c != NULL; c = c->next) {
        if (!c->is_starved || c->stream == NULL)
            continue;
        c->is_starved = false;
        sl_stream_resume(c->stream);
    }
}

static const struct sl_lane_owner lane_owner = {
    .send = sl_conversation_send,
    .hold = sl_conversation_hold,
    .release = sl_conversation_release,
    .on_room = on_room,
};

static void
on_late(void *context)
{
    struct sl_conversation *c = context;
    struct sl_error why = {0};
    (void)sl_fail(&why, SL_TIMEOUT, "the handshake took longer than %d seconds",
                  (int)(HANDSHAKE_US / SL_US_PER_S));
    sl_conversation_refuse(c, 0, &why);
}

void
sl_conversation_start(struct sl_conversation_list *list, struct sl_tcp *tcp,
                      const struct sl_endpoint *peer)
{
    const struct sl_service *service = list->service;
    struct sl_conversation *c = sl_new(sizeof(*c));
    c->magic = SL_CONVERSATION_MAGIC;
    c->list = list;
    c->service = service;
    c->references = 1;
    c->ticket = (struct sl_insert_ticket){.call = sl_conversation_call_ticket, .context = c};
    sl_endpoint_format(peer, c->peer);
    bool is_insecure = sl_config_number(service->config, SL_OPTION_INSECURE) != 0;
    c->needs_tls = service->tls != NULL && !peer->is_loopback && !is_insecure;
    sl_login_init(&c->login, service->users, c->peer, peer->is_loopback || is_insecure);
    c->entry = sl_entry_open(service->registry, c->peer);
    sl_lane_init(&c->lane, service, &lane_owner, c);
    sl_statements_init(&c->statements, service->env.memory);
    c->next = list->first;
    if (c->next != NULL)
        c->next->previous = c;
    list->first = c;
    list->count++;
    sl_stats_add(service->stats, SL_COUNTER_CONNECTIONS_OPENED, 1);

    struct sl_stream_limits limits = {
        .input_budget = service->stream_budget,
        .stall_us = (int64_t)sl_config_number(service->config, SL_OPTION_STALL),
    };
    c->stream = sl_stream_open(tcp, &limits, &stream_events, c);
    c->handshake = sl_timer_open(service->loop, HANDSHAKE_US, 0, on_late, c);

    struct sl_error why = {0};
    if (list->is_stopping) {
        (void)sl_fail(&why, SL_CANCELLED, "the server is going down");
        finish(c, 0, &why);
    } else if (list->count > sl_config_number(service->config, SL_OPTION_CONNECTIONS)) {
        sl_stats_add(service->stats, SL_COUNTER_CONNECTIONS_REFUSED, 1);
        (void)sl_fail(&why, SL_LIMIT, "too many connections; the limit is \"connections = %s\"",
                      sl_config_text(service->config, SL_OPTION_CONNECTIONS));
        why.sql_number = 1040; /* ER_CON_COUNT_ERROR */
        finish(c, 0, &why);
    }
}

void
sl_conversation_kill(struct sl_conversation_list *list, uint64_t connection_id, bool is_whole)
{
    struct sl_error why = {0};
    struct sl_conversation *c = list->first;
    while (c != NULL && (sl_entry_id(c->entry) != connection_id || c->stream == NULL))
        c = c->next;
    if (c == NULL)
        return;
    if (c->pause != NULL)
        sl_conversation_wake(c);
    else if (c->is_held_back || (c->request != NULL && !c->is_stepping && c->request->wants_input))
        sl_conversation_step(c); /* which finds that it is cancelled */
    if (!is_whole)
        return;
    (void)sl_fail(&why, SL_CANCELLED, "another connection ended this one");
    finish(c, 0, &why);
}

void
sl_conversation_stop_all(struct sl_conversation_list *list)
{
    struct sl_error why = {0};
    (void)sl_fail(&why, SL_CANCELLED, "the server is going down");
    list->is_stopping = true;
    if (list->count == 0) {
        list->on_empty(list->context);
        return;
    }
    for (struct sl_conversation *c = list->first, *next = NULL; c != NULL; c = next) {
        next = c->next;
        finish(c, c->request != NULL ? c->request->tag : 0, &why);
    }
}
