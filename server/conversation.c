/*
 * conversation.c - see conversation.h.
 */
#include "server/conversation.h"

#include "server/lane.h"
#include "server/login.h"
#include "server/net/stream.h"
#include "server/request.h"
#include "server/statements.h"
#include "server/stats.h"
#include "server/wire/wire.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"

enum {
    CONVERSATION_MAGIC = 0x434f4e56,
    HANDSHAKE_US = 10 * SL_US_PER_S,
    DENIAL_US = SL_US_PER_S / 2, /* a wrong password is answered after so long, times who waits */
    DENIAL_US_MAX = 5 * SL_US_PER_S,
    PROGRESS_US = SL_US_PER_S / 2,
    QUEUED_BYTES_HIGH = 4 << 20, /* a result waits while more is on its way to the peer */
    SMALL_BYTES_MAX = 128 << 10,
    HANDSHAKE_ARENA_BYTES = 64 << 10,
};

static const uint64_t features = SL_WIRE_FEATURE_INSERT | SL_WIRE_FEATURE_PREPARE |
                                 SL_WIRE_FEATURE_LOCAL_FILE | SL_WIRE_FEATURE_PROGRESS;

/* A request that waits for its ticket may hear from it before its step has come back. */
enum ticket_state { TICKET_NONE, TICKET_AWAITED, TICKET_CALLED };

enum state { STATE_HELLO, STATE_AUTH, STATE_READY, STATE_FINISHING };

struct sl_conversation {
    uint32_t magic;
    enum state state;
    uint32_t references; /* the stream, the request, and each insert on its way hold one */
    struct sl_conversation_list *list; /* borrowed */
    struct sl_conversation *previous;
    struct sl_conversation *next;
    const struct sl_service *service; /* borrowed */
    struct sl_stream *stream;         /* owned; NULL once the peer is gone */
    struct sl_entry *entry;           /* owned */
    char peer[SL_ENDPOINT_TEXT_BYTES];
    struct sl_login login;
    uint64_t features;          /* of both sides */
    struct sl_timer *handshake; /* owned; NULL in READY. Of a login that failed: its answer */
    struct sl_error *denial;    /* owned: that answer; NULL */
    uint32_t denial_tag;
    struct sl_timer *progress; /* owned; NULL unless a request wants it */

    struct sl_request *request; /* owned, but while a worker steps it */
    bool is_stepping;
    bool is_held_back; /* the next step waits for the peer to read */
    struct sl_insert_ticket ticket;
    enum ticket_state ticket_state;
    bool has_head; /* the peer has seen a RESULT whose DONE is not computed yet */
    struct sl_lane lane;
    bool is_starved;      /* an INSERT waits for memory */
    bool is_file_open;    /* the peer was asked for a file and has not sent its end */
    bool is_file_waiting; /* a piece of it waits until the request wants it */

    struct sl_statements statements;
};

/* ---- life ---- */

static void
hold(void *context)
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

static void
release(void *context)
{
    struct sl_conversation *c = context;
    SL_ASSERT(c->magic == CONVERSATION_MAGIC);
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
    c->handshake = NULL;
    c->progress = NULL;
    if (c->denial != NULL)
        c->list->denial_count--;
    free(c->denial);
    c->denial = NULL;
}

static void
drop_request(struct sl_conversation *c)
{
    sl_request_destroy(c->request);
    c->request = NULL;
    c->is_held_back = false;
    sl_entry_end(c->entry);
    sl_timer_close(c->progress);
    c->progress = NULL;
    release(c);
}

/* Nobody listens any more: stop the work, keep what workers still hold. */
static void
abandon(struct sl_conversation *c)
{
    stop_timers(c);
    sl_entry_cancel(c->entry);
    sl_lane_close(&c->lane);
    if (c->request != NULL && !c->is_stepping)
        drop_request(c);
}

/* ---- sending ---- */

static void
send_out(void *context, struct sl_buf *bytes)
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

static void
send_error(struct sl_conversation *c, uint32_t tag, const struct sl_error *error)
{
    struct sl_buf out = sl_buf_empty(SMALL_BYTES_MAX);
    sl_wire_error_encode(&out, tag, error);
    send_out(c, &out);
    sl_buf_fini(&out);
}

static void
send_done(struct sl_conversation *c, uint32_t tag)
{
    struct sl_buf out = sl_buf_empty(SMALL_BYTES_MAX);
    struct sl_wire_done done = {0};
    sl_wire_done_encode(&out, tag, &done);
    send_out(c, &out);
    sl_buf_fini(&out);
}

/* Tell the peer why, and close when it has heard. */
static void
finish(struct sl_conversation *c, uint32_t tag, const struct sl_error *why)
{
    if (c->state == STATE_FINISHING)
        return;
    c->state = STATE_FINISHING;
    hold(c);
    send_error(c, tag, why);
    abandon(c);
    if (c->stream != NULL) /* NOLINT(clang-analyzer-unix.Malloc): held above */
        sl_stream_finish(c->stream);
    release(c);
}

static void
refuse(struct sl_conversation *c, uint32_t tag, const struct sl_error *why)
{
    sl_stats_add(c->service->stats, SL_COUNTER_PROTOCOL_ERRORS, 1);
    sl_log(SL_LOG_INFO, "server", "connection %" PRIu64 " from %s ended: %s", sl_entry_id(c->entry),
           c->peer, why->text);
    finish(c, tag, why);
}

static void
answer_denied(void *context)
{
    struct sl_conversation *c = context;
    struct sl_error why = *c->denial;
    refuse(c, c->denial_tag, &why);
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

/* ---- requests ---- */

static void step_request(struct sl_conversation *c);
static void on_stepped(void *context);

/* The lane opens on the loop, before the client can know that it is open. */
static void
answer_insert_open(struct sl_conversation *c)
{
    struct sl_request *r = c->request;
    if (r->type != SL_WIRE_INSERT_OPEN || r->has_failed || c->state != STATE_READY)
        return;
    sl_lane_open(&c->lane, r->producer, r->ready.epoch);
    r->ready.credits = SL_LANE_CREDITS;
    sl_wire_insert_ready_encode(&r->out, r->tag, &r->ready);
}

/* The ticket of a request that waited was called: its next step says how it went. */
static void
on_ticket(void *context)
{
    struct sl_conversation *c = context;
    SL_ASSERT(c->magic == CONVERSATION_MAGIC);
    if (c->ticket_state == TICKET_NONE) { /* the step that gave it away is not back yet */
        c->ticket_state = TICKET_CALLED;
        return;
    }
    c->ticket_state = TICKET_NONE;
    if (c->request != NULL && sl_request_is_ending(c->request)) {
        c->is_stepping = true; /* a frame to encode: not worth a worker */
        sl_request_step(c->request);
        on_stepped(c);
    } else if (c->request != NULL) {
        step_request(c);
    }
    release(c);
}

/* Any thread. */
static void
call_ticket(void *context)
{
    struct sl_conversation *c = context;
    SL_ASSERT(c->magic == CONVERSATION_MAGIC);
    sl_loop_post(c->service->loop, on_ticket, c);
}

/* The request waits: hold the connection until its ticket is called, if it was not called already.
 * True: it was, the request may go on. */
static bool
await_ticket(struct sl_conversation *c)
{
    bool is_called = c->ticket_state == TICKET_CALLED;
    c->ticket_state = is_called ? TICKET_NONE : TICKET_AWAITED;
    if (!is_called)
        hold(c);
    return is_called;
}

/* A piece of a file that waited may be taken now. */
static void
offer_file(struct sl_conversation *c)
{
    if (!c->is_file_waiting)
        return;
    c->is_file_waiting = false;
    sl_stream_resume(c->stream);
}

static void
on_stepped(void *context)
{
    struct sl_conversation *c = context;
    SL_ASSERT(c->magic == CONVERSATION_MAGIC);
    struct sl_request *r = c->request;
    c->is_stepping = false;
    bool may_go_on = !r->is_waiting || await_ticket(c);

    if (c->stream == NULL || c->state != STATE_READY) {
        drop_request(c);
        return;
    }
    if (!may_go_on)
        return;
    bool is_done = r->is_done;
    c->has_head = r->has_head;
    c->is_file_open = c->is_file_open || r->wants_file;
    r->wants_file = false;
    if (is_done)
        answer_insert_open(c);
    if (is_done && r->type == SL_WIRE_PREPARE && r->has_failed)
        sl_statements_remove(&c->statements, r->statement_id);
    send_out(c, &r->out);
    bool wants_input = r->wants_input && !is_done;
    if (is_done)
        drop_request(c);
    if (is_done || wants_input)
        offer_file(c);
    else if (sl_stream_queued_bytes(c->stream) > QUEUED_BYTES_HIGH)
        c->is_held_back = true;
    else
        step_request(c);
}

static void
work(void *context)
{
    struct sl_conversation *c = context;
    SL_ASSERT(c->magic == CONVERSATION_MAGIC);
    struct sl_loop *loop = c->service->loop;
    sl_request_step(c->request);
    sl_loop_post(loop, on_stepped, c);
}

static void
step_request(struct sl_conversation *c)
{
    SL_ASSERT(!c->is_stepping);
    c->is_stepping = true;
    c->is_held_back = false;
    sl_pool_submit(c->service->requests, SL_POOL_FOREGROUND, work, c);
}

static void
send_progress(void *context)
{
    struct sl_conversation *c = context;
    struct sl_query_progress progress;
    if (!c->is_stepping || !c->has_head || !sl_entry_progress(c->entry, &progress))
        return;
    if (sl_stream_queued_bytes(c->stream) > QUEUED_BYTES_HIGH)
        return;
    struct sl_wire_progress wire = {
        .rows_total = progress.rows_total,
        .rows_done = progress.rows_done,
        .bytes_read = progress.bytes_read,
        .elapsed_us = (uint64_t)(sl_clock_monotonic_us() - c->request->started_us),
    };
    struct sl_buf out = sl_buf_empty(SMALL_BYTES_MAX);
    sl_wire_progress_encode(&out, c->request->tag, &wire);
    send_out(c, &out);
    sl_buf_fini(&out);
}

static sl_status
ready_request(struct sl_conversation *c, struct sl_request *r, struct sl_error *err)
{
    switch (r->type) {
    case SL_WIRE_PREPARE:
        return sl_statements_add(&c->statements, r, err);
    case SL_WIRE_DESCRIBE:
    case SL_WIRE_EXECUTE:
        return sl_statements_bind(&c->statements, r, err);
    case SL_WIRE_INSERT_OPEN:
        if (c->lane.outstanding != 0)
            return sl_fail(err, SL_LIMIT,
                           "batches are on their way: open a producer when all are answered");
        return SL_OK;
    default:
        return SL_OK;
    }
}

/* What a role must at least be to send a frame. */
static enum sl_role
role_for(enum sl_wire_type type)
{
    switch (type) {
    case SL_WIRE_INSERT_OPEN:
    case SL_WIRE_INSERT:
    case SL_WIRE_IMPORT:
    case SL_WIRE_FLUSH:
        return SL_ROLE_WRITER;
    default:
        return SL_ROLE_READER; /* statements and USER are looked into later */
    }
}

static sl_status
take_request(struct sl_conversation *c, const struct sl_wire_frame *frame, enum sl_role role,
             struct sl_error *err)
{
    struct sl_request *r = NULL;
    struct sl_error refusal = {0};
    if (c->request != NULL)
        return sl_fail(err, SL_FORMAT, "one request at a time: %s came while another runs",
                       sl_wire_type_name(frame->type));
    SL_TRY(sl_request_create(c->service, c->entry, c->login.user, frame, &r, err));
    if (ready_request(c, r, &refusal) != SL_OK) {
        send_error(c, frame->tag, &refusal);
        sl_request_destroy(r);
        return SL_OK;
    }
    r->role = role;
    c->request = r;
    r->ticket = &c->ticket;
    r->features = c->features;
    hold(c);
    sl_entry_begin(c->entry, sl_request_what(r), (const char *)r->text.bytes, r->text.size_bytes);
    if ((r->session.flags & SL_WIRE_QUERY_PROGRESS) != 0 &&
        (c->features & SL_WIRE_FEATURE_PROGRESS) != 0)
        c->progress = sl_timer_open(c->service->loop, PROGRESS_US, PROGRESS_US, send_progress, c);
    step_request(c);
    return SL_OK;
}

/* ---- frames ---- */

static sl_status
take_hello(struct sl_conversation *c, const struct sl_wire_frame *frame, struct sl_arena *arena,
           struct sl_error *err)
{
    struct sl_wire_hello hello;
    if (frame->type != SL_WIRE_HELLO)
        return sl_fail(err, SL_FORMAT, "%s before HELLO", sl_wire_type_name(frame->type));
    SL_TRY(sl_wire_hello_decode(frame, arena, &hello, err));
    if (hello.version_min > SL_WIRE_VERSION || hello.version_max < SL_WIRE_VERSION)
        return sl_fail(
            err, SL_VERSION, "this server speaks version %d of the protocol, the client %u to %u",
            (int)SL_WIRE_VERSION, (unsigned)hello.version_min, (unsigned)hello.version_max);

    struct sl_wire_welcome welcome = {
        .version = SL_WIRE_VERSION,
        .features = features,
        .connection_id = sl_entry_id(c->entry),
        .server = "sluiced " SL_SERVER_VERSION,
        .mechanisms = sl_login_mechanisms(&c->login),
    };
    memcpy(welcome.challenge, c->login.challenge, sizeof(welcome.challenge));
    struct sl_buf out = sl_buf_empty(SMALL_BYTES_MAX);
    sl_wire_welcome_encode(&out, frame->tag, &welcome);
    send_out(c, &out);
    sl_buf_fini(&out);
    c->features = hello.features & features;
    c->state = STATE_AUTH;
    return SL_OK;
}

static sl_status
take_auth(struct sl_conversation *c, const struct sl_wire_frame *frame, struct sl_arena *arena,
          struct sl_error *err)
{
    struct sl_buf out = sl_buf_empty(SMALL_BYTES_MAX);
    sl_status st = sl_login_take(&c->login, frame, arena, &out, err);
    if (st == SL_OK)
        send_out(c, &out);
    sl_buf_fini(&out);
    if (!c->login.is_done)
        return st;
    sl_entry_set_user(c->entry, c->login.user);
    c->state = STATE_READY;
    sl_timer_close(c->handshake);
    c->handshake = NULL;
    return SL_OK;
}

static sl_status
take_cancel(struct sl_conversation *c, const struct sl_wire_frame *frame, enum sl_role role,
            struct sl_error *err)
{
    struct sl_wire_cancel cancel;
    struct sl_error why = {0};
    SL_TRY(sl_wire_cancel_decode(frame, &cancel, err));
    uint64_t id = cancel.connection_id == 0 ? sl_entry_id(c->entry) : cancel.connection_id;
    bool is_whole = (cancel.flags & SL_WIRE_CANCEL_CONNECTION) != 0;
    const char *user = role == SL_ROLE_ADMIN ? NULL : c->login.user;
    if (sl_registry_kill(c->service->registry, id, is_whole, user, &why) == SL_OK)
        send_done(c, frame->tag);
    else
        send_error(c, frame->tag, &why);
    return SL_OK;
}

static sl_status
take_ping(struct sl_conversation *c, const struct sl_wire_frame *frame, struct sl_error *err)
{
    uint64_t number = 0;
    SL_TRY(sl_wire_ping_decode(frame, &number, err));
    struct sl_buf out = sl_buf_empty(SMALL_BYTES_MAX);
    sl_wire_ping_encode(&out, SL_WIRE_PONG, frame->tag, number);
    send_out(c, &out);
    sl_buf_fini(&out);
    return SL_OK;
}

static sl_status
take_close(struct sl_conversation *c, const struct sl_wire_frame *frame, struct sl_error *err)
{
    uint32_t id = 0;
    SL_TRY(sl_wire_statement_decode(frame, &id, err));
    if (c->request != NULL)
        return sl_fail(err, SL_FORMAT, "one request at a time: CLOSE came while another runs");
    sl_statements_remove(&c->statements, id);
    send_done(c, frame->tag);
    return SL_OK;
}

/* FILE_DATA, FILE_END: for the request that asked, as it wants it. What comes behind its failure is
 * dropped up to the end, which a client cannot take back. */
static sl_status
take_file(struct sl_conversation *c, const struct sl_wire_frame *frame, bool *out_is_taken,
          struct sl_error *err)
{
    struct sl_request *r = c->request;
    if (!c->is_file_open)
        return sl_fail(err, SL_FORMAT, "%s that nobody asked for", sl_wire_type_name(frame->type));
    bool is_wanted = r != NULL && r->tag == frame->tag;
    if (is_wanted && (c->is_stepping || !r->wants_input)) {
        c->is_file_waiting = true;
        *out_is_taken = false;
        return SL_OK;
    }
    c->is_file_open = frame->type != SL_WIRE_FILE_END;
    if (!is_wanted)
        return SL_OK;
    SL_TRY(sl_request_take_file(r, frame, err));
    if (!r->wants_input)
        step_request(c);
    return SL_OK;
}

/* The feature that a frame belongs to must be named by both sides. */
static uint64_t
feature_of(enum sl_wire_type type)
{
    switch (type) {
    case SL_WIRE_INSERT_OPEN:
    case SL_WIRE_INSERT:
    case SL_WIRE_IMPORT:
        return SL_WIRE_FEATURE_INSERT;
    case SL_WIRE_PREPARE:
    case SL_WIRE_DESCRIBE:
    case SL_WIRE_EXECUTE:
    case SL_WIRE_CLOSE:
        return SL_WIRE_FEATURE_PREPARE;
    case SL_WIRE_FILE_DATA:
    case SL_WIRE_FILE_END:
        return SL_WIRE_FEATURE_LOCAL_FILE;
    default:
        return 0;
    }
}

/* *out_is_taken false: offer the frame again later. */
static sl_status
take_ready(struct sl_conversation *c, const struct sl_wire_frame *frame, bool *out_is_taken,
           struct sl_error *err)
{
    enum sl_role role = SL_ROLE_READER;
    struct sl_error refusal = {0};
    if ((feature_of(frame->type) & ~c->features) != 0)
        return sl_fail(err, SL_FORMAT, "%s is of a feature that HELLO did not name",
                       sl_wire_type_name(frame->type));
    if (sl_login_role(&c->login, &role, &refusal) != SL_OK) {
        refuse(c, frame->tag, &refusal);
        return SL_OK;
    }
    if (role < role_for(frame->type)) {
        (void)sl_fail(&refusal, SL_DENIED, "%s: the role of user \"%.80s\" is %s",
                      sl_wire_type_name(frame->type), c->login.user, sl_role_name(role));
        refusal.sql_number = 1142; /* ER_TABLEACCESS_DENIED_ERROR */
        send_error(c, frame->tag, &refusal);
        return SL_OK;
    }
    switch (frame->type) {
    case SL_WIRE_QUERY:
    case SL_WIRE_PREPARE:
    case SL_WIRE_DESCRIBE:
    case SL_WIRE_EXECUTE:
    case SL_WIRE_INSERT_OPEN:
    case SL_WIRE_IMPORT:
    case SL_WIRE_FLUSH:
    case SL_WIRE_STATUS:
    case SL_WIRE_USER:
        return take_request(c, frame, role, err);
    case SL_WIRE_INSERT: {
        bool is_full = false;
        sl_status st = sl_lane_take(&c->lane, frame, &is_full, err);
        *out_is_taken = !is_full;
        c->is_starved = is_full;
        return is_full ? SL_OK : st;
    }
    case SL_WIRE_FILE_DATA:
    case SL_WIRE_FILE_END:
        return take_file(c, frame, out_is_taken, err);
    case SL_WIRE_CANCEL:
        return take_cancel(c, frame, role, err);
    case SL_WIRE_PING:
        return take_ping(c, frame, err);
    case SL_WIRE_CLOSE:
        return take_close(c, frame, err);
    default:
        return sl_fail(err, SL_FORMAT, "%s is out of order here", sl_wire_type_name(frame->type));
    }
}

static sl_status
take_frame(struct sl_conversation *c, const struct sl_wire_frame *frame, bool *out_is_taken,
           struct sl_error *err)
{
    sl_status st = SL_OK;
    *out_is_taken = true;
    switch (c->state) {
    case STATE_HELLO:
    case STATE_AUTH: {
        struct sl_arena *arena = sl_arena_create(HANDSHAKE_ARENA_BYTES);
        st = c->state == STATE_HELLO ? take_hello(c, frame, arena, err)
                                     : take_auth(c, frame, arena, err);
        sl_arena_destroy(arena);
        return st;
    }
    case STATE_READY:
        return take_ready(c, frame, out_is_taken, err);
    case STATE_FINISHING:
        break;
    }
    return SL_OK;
}

/* ---- stream ---- */

static size_t
on_bytes(void *context, const uint8_t *bytes, size_t size_bytes, size_t *out_wanted_bytes)
{
    struct sl_conversation *c = context;
    SL_ASSERT(c->magic == CONVERSATION_MAGIC);
    size_t limit_bytes =
        c->state == STATE_READY ? SL_WIRE_FRAME_BYTES_MAX : SL_WIRE_HELLO_BYTES_MAX;
    struct sl_wire_frame frame = {0};
    struct sl_error why = {0};
    size_t used_bytes = 0;
    bool is_taken = true;

    sl_status st =
        sl_wire_next(bytes, size_bytes, limit_bytes, &frame, &used_bytes, out_wanted_bytes, &why);
    if (st == SL_OK && used_bytes == 0)
        return 0;
    if (st == SL_OK)
        st = take_frame(c, &frame, &is_taken, &why);
    if (st == SL_DENIED && c->state == STATE_AUTH) {
        deny_later(c, frame.tag, &why);
        return size_bytes;
    }
    if (st != SL_OK) {
        refuse(c, frame.tag, &why);
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
    SL_ASSERT(c->magic == CONVERSATION_MAGIC);
    if (c->is_held_back)
        step_request(c);
}

static void
on_end(void *context, const struct sl_error *why)
{
    struct sl_conversation *c = context;
    SL_ASSERT(c->magic == CONVERSATION_MAGIC);
    c->stream = NULL;
    if (why->status != SL_OK)
        sl_log(SL_LOG_DEBUG, "server", "connection %" PRIu64 " from %s: %s", sl_entry_id(c->entry),
               c->peer, why->text);
    abandon(c);
    release(c); /* the stream's */
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
    .send = send_out,
    .hold = hold,
    .release = release,
    .on_room = on_room,
};

static void
on_late(void *context)
{
    struct sl_conversation *c = context;
    struct sl_error why = {0};
    (void)sl_fail(&why, SL_TIMEOUT, "the handshake took longer than %d seconds",
                  (int)(HANDSHAKE_US / SL_US_PER_S));
    refuse(c, 0, &why);
}

void
sl_conversation_start(struct sl_conversation_list *list, struct sl_tcp *tcp,
                      const struct sl_endpoint *peer)
{
    const struct sl_service *service = list->service;
    struct sl_conversation *c = sl_new(sizeof(*c));
    c->magic = CONVERSATION_MAGIC;
    c->list = list;
    c->service = service;
    c->references = 1;
    c->ticket = (struct sl_insert_ticket){.call = call_ticket, .context = c};
    sl_endpoint_format(peer, c->peer);
    bool is_insecure = sl_config_number(service->config, SL_OPTION_INSECURE) != 0;
    sl_login_init(&c->login, service->users, c->peer, peer->is_loopback || is_insecure);
    c->entry = sl_entry_open(service->registry, c->peer);
    sl_lane_init(&c->lane, service, &lane_owner, c);
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
    if (c->is_held_back || (c->request != NULL && !c->is_stepping && c->request->wants_input))
        step_request(c); /* which finds that it is cancelled */
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
