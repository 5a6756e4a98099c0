/*
 * conversation_request.c - the one request of a conversation: its steps on workers, and what they give.
 */
#include "server/conversation_parts.h"
#include "storage/base/clock.h"
#include "storage/base/hash.h"

enum { PROGRESS_US = SL_US_PER_S / 2 };

static void on_stepped(void *context);

/* The lane opens on the loop, before the client can know that it is open. */
static void
answer_insert_open(struct sl_conversation *c)
{
    struct sl_request *r = c->request;
    if (r->type != SL_WIRE_INSERT_OPEN || r->has_failed || c->state != SL_CONVERSATION_READY)
        return;
    sl_lane_open(&c->lane, r->producer, r->ready.epoch);
    r->ready.credits = SL_LANE_CREDITS;
    sl_wire_insert_ready_encode(&r->out, r->tag, &r->ready);
}

static void
begin_step(struct sl_conversation *c)
{
    SL_ASSERT(!c->is_stepping);
    c->is_stepping = true;
    c->list->stepping_count++;
    c->is_held_back = false;
}

/* A step that is not worth a worker: what it costs to hand it over would be most of it. */
static void
step_here(struct sl_conversation *c)
{
    begin_step(c);
    sl_request_step(c->request);
    on_stepped(c);
}

/* The ticket of a request that waited was called: its next step says how it went. */
static void
on_ticket(void *context)
{
    struct sl_conversation *c = context;
    SL_ASSERT(c->magic == SL_CONVERSATION_MAGIC);
    if (c->ticket_state == SL_TICKET_NONE) { /* the step that gave it away is not back yet */
        c->ticket_state = SL_TICKET_CALLED;
        return;
    }
    c->ticket_state = SL_TICKET_NONE;
    if (c->request != NULL && sl_request_is_ending(c->request))
        step_here(c); /* a frame to encode */
    else if (c->request != NULL)
        sl_conversation_step(c);
    sl_conversation_release(c);
}

/* Any thread. */
void
sl_conversation_call_ticket(void *context)
{
    struct sl_conversation *c = context;
    SL_ASSERT(c->magic == SL_CONVERSATION_MAGIC);
    sl_loop_post(c->service->loop, on_ticket, c);
}

/* The request waits: hold the connection until its ticket is called, if it was not called already.
 * True: it was, the request may go on. */
static bool
await_ticket(struct sl_conversation *c)
{
    bool is_called = c->ticket_state == SL_TICKET_CALLED;
    c->ticket_state = is_called ? SL_TICKET_NONE : SL_TICKET_AWAITED;
    if (!is_called)
        sl_conversation_hold(c);
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

/* Where it stands among the statements that last; NULL: it is not there. */
static uint64_t *
find_lasting(struct sl_conversation *c, const struct sl_request *r)
{
    uint64_t hash = sl_hash64(r->text.bytes, r->text.size_bytes);
    for (unsigned i = 0; i < SL_CONVERSATION_LASTING; i++)
        if (c->lasting[i] == hash)
            return &c->lasting[i];
    return NULL;
}

/* A worker has answered: was that a matter of a moment? What is asked again goes where it belongs. What counts
 * is the work: hand-overs, and whoever else wants the CPU, would hold a statement with workers for good. */
static void
note_duration(struct sl_conversation *c, const struct sl_request *r)
{
    uint64_t *found = find_lasting(c, r);
    bool is_lasting = r->is_large || r->cpu_us > SL_REQUEST_MOMENT_US;
    if (found != NULL && !is_lasting)
        *found = 0;
    if (found == NULL && is_lasting)
        c->lasting[c->lasting_next++ % SL_CONVERSATION_LASTING] =
            sl_hash64(r->text.bytes, r->text.size_bytes);
}

void
sl_conversation_wake(void *context)
{
    struct sl_conversation *c = context;
    SL_ASSERT(c->magic == SL_CONVERSATION_MAGIC);
    sl_timer_close(c->pause);
    c->pause = NULL;
    sl_conversation_step(c);
}

static void
on_stepped(void *context)
{
    struct sl_conversation *c = context;
    SL_ASSERT(c->magic == SL_CONVERSATION_MAGIC);
    struct sl_request *r = c->request;
    c->is_stepping = false;
    c->list->stepping_count--;
    bool may_go_on = !r->is_waiting || await_ticket(c);

    if (c->stream == NULL || c->state != SL_CONVERSATION_READY) {
        sl_conversation_drop_request(c);
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
    sl_conversation_send(c, &r->out);
    bool wants_input = r->wants_input && !is_done;
    /* A KILL that came while it was stepped has found no pause to end. */
    int64_t pause_us = is_done || sl_entry_is_cancelled(c->entry) ? 0 : r->pause_us;
    if (is_done) {
        note_duration(c, r);
        sl_conversation_drop_request(c);
    }
    if (pause_us != 0)
        c->pause = sl_timer_open(c->service->loop, pause_us, 0, sl_conversation_wake, c);
    else if (is_done || wants_input)
        offer_file(c);
    else if (sl_stream_queued_bytes(c->stream) > SL_CONVERSATION_QUEUED_BYTES)
        c->is_held_back = true;
    else
        sl_conversation_step(c);
}

static void
work(void *context)
{
    struct sl_conversation *c = context;
    SL_ASSERT(c->magic == SL_CONVERSATION_MAGIC);
    struct sl_loop *loop = c->service->loop;
    int64_t before_us = sl_clock_thread_cpu_us();
    sl_request_step(c->request);
    c->request->cpu_us += sl_clock_thread_cpu_us() - before_us;
    sl_loop_post(loop, on_stepped, c);
}

void
sl_conversation_step(struct sl_conversation *c)
{
    begin_step(c);
    sl_pool_submit(c->service->requests, work, c);
}

static void
send_progress(void *context)
{
    struct sl_conversation *c = context;
    struct sl_query_progress progress;
    if (!c->is_stepping || !c->has_head || !sl_entry_progress(c->entry, &progress))
        return;
    if (sl_stream_queued_bytes(c->stream) > SL_CONVERSATION_QUEUED_BYTES)
        return;
    struct sl_wire_progress wire = {
        .rows_total = progress.rows_total,
        .rows_done = progress.rows_done,
        .bytes_read = progress.bytes_read,
        .elapsed_us = (uint64_t)(sl_clock_monotonic_us() - c->request->started_us),
    };
    struct sl_buf out = sl_buf_empty(SL_CONVERSATION_SMALL_BYTES);
    sl_wire_progress_encode(&out, c->request->tag, &wire);
    sl_conversation_send(c, &out);
    sl_buf_fini(&out);
}

/*
 * The whole answer here and now, where nobody waits for the loop meanwhile: no request runs, and the
 * last one was this client's too.
 */
static bool
answer_at_once(struct sl_conversation *c, struct sl_request *r, enum sl_query_weight weight)
{
    bool is_alone = c->list->stepping_count == 0 && c->list->asked_last == c;
    c->list->asked_last = c;
    return is_alone && weight == SL_QUERY_PLAIN && find_lasting(c, r) == NULL && sl_request_try(r);
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

sl_status
sl_conversation_take_request(struct sl_conversation *c, const struct sl_wire_frame *frame,
                             enum sl_role role, struct sl_error *err)
{
    struct sl_request *r = NULL;
    struct sl_error refusal = {0};
    if (c->request != NULL)
        return sl_fail(err, SL_FORMAT, "one request at a time: %s came while another runs",
                       sl_wire_type_name(frame->type));
    SL_TRY(sl_request_create(c->service, c->entry, c->login.user, frame, &r, err));
    if (ready_request(c, r, &refusal) != SL_OK) {
        sl_conversation_send_error(c, frame->tag, &refusal);
        sl_request_destroy(r);
        return SL_OK;
    }
    r->role = role;
    c->request = r;
    r->ticket = &c->ticket;
    r->features = c->features;
    sl_conversation_hold(c);
    sl_entry_begin(c->entry, sl_request_what(r), (const char *)r->text.bytes, r->text.size_bytes);
    if ((r->session.flags & SL_WIRE_QUERY_PROGRESS) != 0 &&
        (c->features & SL_WIRE_FEATURE_PROGRESS) != 0)
        c->progress = sl_timer_open(c->service->loop, PROGRESS_US, PROGRESS_US, send_progress, c);
    enum sl_query_weight weight = sl_request_weigh(r);
    if (weight == SL_QUERY_LITERALS) {
        step_here(c);
    } else if (answer_at_once(c, r, weight)) {
        begin_step(c);
        on_stepped(c);
    } else {
        sl_conversation_step(c);
    }
    return SL_OK;
}
