/*
 * inserts.c - see inserts.h.
 *
 * Batches have numbers in the order in which they are closed, which is the order in which they are
 * appended: sl_inserts_settle closes the builder when it holds rows that were answered, and waits for
 * the number of the newest batch with such rows. Rows that somebody waits for are appended at once,
 * but not while a sync is under way that others wait for: until it is done the builder gathers the
 * rows of the next one. Rows that nobody waits for linger a moment.
 *
 * Behind a sync most clients that it answered are about to come again: the builder is kept open for all of
 * them, so that eight clients share one sync and not two by turns, but not longer than two syncs take, and
 * than a half where syncs are slow.
 *
 * To wake the thread takes longer than to append a row. So while rows are likely to come it looks by itself
 * after a moment, and whoever brings rows that are due later than that does not wake it.
 */
#include "server/inserts.h"

#include "server/stats.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/thread.h"
#include "storage/store.h"

enum {
    SHORT_ROWS_MAX = 64,   /* a statement of so many rows shares a batch */
    SHARED_ROWS = 1024,    /* of the shared builder */
    LONG_ROWS_MAX = 16384, /* rows, and cells, of a batch of a long statement */
    LONG_CELLS_MAX = 1 << 20,
    QUEUE_MAX = 8, /* batches that are closed and not appended */
    LINGER_US = 5000,
    HOLD_US = 100000,     /* rows that somebody waits for, behind syncs that follow each other */
    GATHER_US_MIN = 1000, /* clients need so long to ask again */
    GATHER_US_MAX = 2000, /* or half a sync */
    LOOK_US = 1000,       /* the thread looks so often while clients are about to come */
};

/* A closed batch and who waits for it. */
struct group {
    struct sl_inserts *inserts; /* borrowed */
    struct sl_batch *batch;     /* owned until it is appended */
    struct sl_insert_ticket *tickets;
    uint32_t ticket_count;
    bool is_long;       /* one statement's */
    int64_t started_us; /* monotonic: its append */
    struct group *next;
};

struct sl_inserts {
    struct sl_store *store; /* borrowed */
    struct sl_stats *stats; /* borrowed */
    struct sl_thread *thread;
    struct sl_mutex lock;
    struct sl_cond work;    /* the thread waits here */
    struct sl_cond changed; /* a batch was appended */
    /* Guarded by the lock. */
    struct sl_builder *builder;
    int64_t oldest_us;                /* monotonic: when the builder's first row came */
    struct sl_insert_ticket *tickets; /* who waits for the builder's rows */
    uint32_t ticket_count;
    uint32_t away_count;     /* were answered by a sync and are likely to come again */
    int64_t gather_until_us; /* monotonic: for so long they are waited for */
    int64_t looks_us; /* monotonic: when the thread looks by itself; INT64_MIN: it is awake */
    struct sl_insert_ticket *starved; /* who waits for room */
    struct group *first;
    struct group *last;
    uint32_t queue_count; /* closed or about to be, not appended */
    uint64_t closed_number;
    uint64_t appended_number;
    bool is_received;         /* the builder holds rows that were answered on receipt */
    uint64_t received_number; /* the newest closed batch with such rows */
    uint32_t syncing_count;   /* batches that somebody waits for, appended or about to be */
    bool is_stopping;
    _Atomic int64_t lost_logged_us;
};

/* ---- tickets ---- */

/* Call everybody in the list; a ticket is its owner's again as soon as it is called. */
static void
call_tickets(struct sl_insert_ticket *tickets, const struct sl_error *failure)
{
    while (tickets != NULL) {
        struct sl_insert_ticket *ticket = tickets;
        tickets = ticket->next;
        ticket->failure = *failure;
        ticket->call(ticket->context);
    }
}

static void
add_ticket(struct sl_insert_ticket **list, struct sl_insert_ticket *ticket)
{
    ticket->next = *list;
    *list = ticket;
}

/* ---- batches ---- */

static int64_t
earlier(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

static int64_t
later(int64_t a_us, int64_t b_us)
{
    return a_us > b_us ? a_us : b_us;
}

/* When the builder's rows are to be appended, monotonic; INT64_MAX: there are none. */
static int64_t
due_us_locked(const struct sl_inserts *s)
{
    if (s->builder->row_count == 0)
        return INT64_MAX;
    if (s->is_stopping)
        return INT64_MIN;
    if (s->tickets == NULL)
        return s->oldest_us + LINGER_US;
    int64_t held_until_us = s->oldest_us + HOLD_US;
    if (s->syncing_count == 0 && s->away_count == 0)
        return INT64_MIN;
    return s->syncing_count != 0 ? held_until_us : earlier(s->gather_until_us, held_until_us);
}

/* Must the thread be woken for what has come? Whoever does it gives the lock back first: else the thread
 * wakes only to wait for it. */
static bool
is_sleeping_long(const struct sl_inserts *s)
{
    return s->first != NULL || due_us_locked(s) < s->looks_us;
}

static void
enqueue_locked(struct sl_inserts *s, struct group *group)
{
    if (s->last != NULL)
        s->last->next = group;
    else
        s->first = group;
    s->last = group;
    s->closed_number++;
}

/* The builder's rows become a batch of their own. */
static void
close_builder_locked(struct sl_inserts *s)
{
    struct group *group = sl_new(sizeof(*group));
    group->inserts = s;
    group->batch = sl_builder_finish(s->builder);
    group->tickets = s->tickets;
    group->ticket_count = s->ticket_count;
    s->tickets = NULL;
    s->ticket_count = 0;
    SL_ASSERT(group->batch != NULL);
    s->queue_count++;
    enqueue_locked(s, group);
    if (s->is_received)
        s->received_number = s->closed_number;
    s->is_received = false;
}

/* Clients that share batches were answered: how long to wait for them. */
static void
expect_locked(struct sl_inserts *s, const struct group *group, int64_t now_us)
{
    int64_t sync_us = now_us - group->started_us;
    int64_t gather_us = earlier(2 * sync_us, later(sync_us / 2, GATHER_US_MAX));

    s->away_count += group->ticket_count;
    s->gather_until_us = now_us + later(gather_us, GATHER_US_MIN);
}

/* The next rows that somebody waits for may go. */
static void
end_sync(struct sl_inserts *s, const struct group *group)
{
    int64_t now_us = sl_clock_monotonic_us();
    sl_mutex_lock(&s->lock);
    s->syncing_count--;
    if (!group->is_long)
        expect_locked(s, group, now_us);
    bool wakes = is_sleeping_long(s);
    sl_mutex_unlock(&s->lock);
    if (wakes)
        sl_cond_signal(&s->work);
}

/* A thread of the store's. */
static void
on_durable(void *context, sl_status status)
{
    struct group *group = context;
    struct sl_error failure = {0};
    end_sync(group->inserts, group);
    if (status != SL_OK)
        (void)sl_fail(&failure, status, "the rows did not become durable: %s",
                      sl_status_text(status));
    call_tickets(group->tickets, &failure);
    free(group);
}

static void
append_group(struct sl_inserts *s, struct group *group)
{
    struct sl_batch *batch = group->batch;
    struct sl_error failure = {0};
    bool is_awaited = group->tickets != NULL;
    uint32_t row_count = batch->row_count;
    group->started_us = sl_clock_monotonic_us();
    /* From here on a group that somebody waits for belongs to on_durable. */
    sl_status st =
        sl_store_append(s->store, batch, NULL, is_awaited ? on_durable : NULL, group, &failure);
    sl_batch_release(batch);
    if (st == SL_OK) {
        sl_stats_add(s->stats, SL_COUNTER_SQL_BATCHES, 1);
        sl_stats_add(s->stats, SL_COUNTER_SQL_ROWS, row_count);
        if (!is_awaited)
            free(group);
        return;
    }
    sl_stats_add(s->stats, SL_COUNTER_SQL_ROWS_LOST, row_count);
    if (sl_log_due(&s->lost_logged_us, SL_US_PER_S))
        sl_log(SL_LOG_ERROR, "server", "%" PRIu32 " rows of INSERT statements were not stored: %s",
               row_count, failure.text);
    if (is_awaited)
        end_sync(s, group);
    call_tickets(group->tickets, &failure);
    free(group);
}

/* ---- the thread ---- */

/* Wait until the builder's rows are due, or a moment while some are likely to come. */
static void
wait_locked(struct sl_inserts *s, int64_t now_us)
{
    bool is_busy = s->syncing_count != 0 || s->gather_until_us > now_us;
    s->looks_us = due_us_locked(s);
    if (is_busy)
        s->looks_us = earlier(s->looks_us, now_us + LOOK_US);
    if (s->looks_us == INT64_MAX)
        sl_cond_wait(&s->work, &s->lock);
    else
        (void)sl_cond_wait_us(&s->work, &s->lock, s->looks_us - now_us);
    s->looks_us = INT64_MIN;
}

/* Wait for a closed batch and take it; NULL: stopping, and nothing is left. */
static struct group *
take_group_locked(struct sl_inserts *s)
{
    while (s->first == NULL) {
        int64_t now_us = sl_clock_monotonic_us();
        if (s->builder->row_count == 0 && s->is_stopping)
            return NULL;
        if (due_us_locked(s) > now_us) {
            wait_locked(s, now_us);
            continue;
        }
        if (s->gather_until_us <= now_us)
            s->away_count = 0; /* who has not come until now is not waited for again */
        close_builder_locked(s);
    }
    struct group *group = s->first;
    s->first = group->next;
    if (s->first == NULL)
        s->last = NULL;
    s->syncing_count += group->tickets != NULL;
    return group;
}

/* A place in the queue is free. */
static void
leave_queue_locked(struct sl_inserts *s)
{
    static const struct sl_error none = {0};
    struct sl_insert_ticket *starved = s->starved;
    s->starved = NULL;
    s->queue_count--;
    call_tickets(starved, &none);
}

static void
run(void *context)
{
    struct sl_inserts *s = context;
    sl_mutex_lock(&s->lock);
    for (;;) {
        struct group *group = take_group_locked(s);
        if (group == NULL)
            break;
        sl_mutex_unlock(&s->lock);
        append_group(s, group);
        sl_mutex_lock(&s->lock);
        s->appended_number++;
        leave_queue_locked(s);
        sl_cond_broadcast(&s->changed);
    }
    sl_mutex_unlock(&s->lock);
}

/* ---- life ---- */

struct sl_inserts *
sl_inserts_create(struct sl_store *store, struct sl_stats *stats)
{
    struct sl_inserts *s = sl_new(sizeof(*s));
    s->store = store;
    s->stats = stats;
    s->builder = sl_builder_create(SHARED_ROWS);
    sl_mutex_init(&s->lock, SL_LOCK_INSERTS);
    sl_cond_init(&s->work);
    sl_cond_init(&s->changed);
    s->looks_us = INT64_MIN;
    s->thread = sl_thread_start("sql insert", run, s);
    return s;
}

void
sl_inserts_destroy(struct sl_inserts *s)
{
    if (s == NULL)
        return;
    sl_mutex_lock(&s->lock);
    s->is_stopping = true;
    sl_cond_signal(&s->work);
    sl_mutex_unlock(&s->lock);
    sl_thread_join(s->thread);
    SL_ASSERT(s->queue_count == 0);
    sl_builder_destroy(s->builder);
    sl_cond_fini(&s->work);
    sl_cond_fini(&s->changed);
    sl_mutex_fini(&s->lock);
    free(s);
}

/* ---- statements ---- */

/* Somebody waits for the builder's rows. */
static void
await_locked(struct sl_inserts *s, struct sl_insert_ticket *ticket)
{
    add_ticket(&s->tickets, ticket);
    s->ticket_count++;
    s->away_count -= s->away_count != 0;
}

/* A short statement: its rows go into the shared builder. */
static sl_status
put_short(struct sl_inserts *s, struct sl_query *query, struct sl_insert_ticket *durable,
          struct sl_insert_ticket *ticket, bool *out_is_done, bool *out_is_waiting,
          struct sl_error *err)
{
    uint32_t wanted = sl_query_info(query)->insert_rows;
    sl_status st = SL_OK;
    sl_mutex_lock(&s->lock);
    struct sl_builder *b = s->builder;
    bool has_room = !sl_builder_is_full(b) && b->capacity - b->row_count >= wanted;
    if (!has_room && s->queue_count >= QUEUE_MAX) {
        add_ticket(&s->starved, ticket);
        *out_is_waiting = true;
        sl_mutex_unlock(&s->lock);
        return SL_OK;
    }
    if (!has_room)
        close_builder_locked(s);
    uint32_t rows_before = b->row_count;
    st = sl_query_fill(query, b, out_is_done, err);
    if (rows_before == 0)
        s->oldest_us = sl_clock_monotonic_us();
    if (st == SL_OK && b->row_count != rows_before) {
        if (durable == NULL)
            s->is_received = true;
        else
            await_locked(s, durable);
        *out_is_waiting = durable != NULL;
    }
    bool wakes = is_sleeping_long(s);
    sl_mutex_unlock(&s->lock);
    if (wakes)
        sl_cond_signal(&s->work);
    return st;
}

/* A builder for the next rows of a long statement. */
static sl_status
build_batch(struct sl_query *query, struct sl_batch **out_batch, bool *out_is_done,
            struct sl_error *err)
{
    const struct sl_query_info *info = sl_query_info(query);
    uint32_t rows = LONG_CELLS_MAX / info->insert_columns;
    rows = rows < LONG_ROWS_MAX ? rows : LONG_ROWS_MAX;
    rows = rows < info->insert_rows ? rows : info->insert_rows;
    struct sl_builder *builder = sl_builder_create(rows);
    sl_status st = sl_query_fill(query, builder, out_is_done, err);
    *out_batch = st == SL_OK ? sl_builder_finish(builder) : NULL;
    sl_builder_destroy(builder);
    return st;
}

static sl_status
put_long(struct sl_inserts *s, struct sl_query *query, struct sl_insert_ticket *durable,
         struct sl_insert_ticket *ticket, bool *out_is_done, bool *out_is_waiting,
         struct sl_error *err)
{
    struct sl_batch *batch = NULL;
    sl_mutex_lock(&s->lock);
    *out_is_waiting = s->queue_count >= QUEUE_MAX;
    if (*out_is_waiting)
        add_ticket(&s->starved, ticket);
    else
        s->queue_count++; /* a place for the batch that is built now */
    sl_mutex_unlock(&s->lock);
    if (*out_is_waiting)
        return SL_OK;

    sl_status st = build_batch(query, &batch, out_is_done, err);
    sl_mutex_lock(&s->lock);
    if (batch == NULL) {
        leave_queue_locked(s);
    } else {
        struct group *group = sl_new(sizeof(*group));
        group->inserts = s;
        group->batch = batch;
        group->is_long = true;
        if (durable != NULL)
            add_ticket(&group->tickets, durable);
        group->ticket_count = durable != NULL;
        *out_is_waiting = durable != NULL;
        enqueue_locked(s, group);
        if (durable == NULL)
            s->received_number = s->closed_number;
    }
    sl_mutex_unlock(&s->lock);
    sl_cond_signal(&s->work);
    return st;
}

sl_status
sl_inserts_put(struct sl_inserts *s, struct sl_query *query, enum sl_insert_ack ack,
               struct sl_insert_ticket *ticket, bool *out_is_done, bool *out_is_waiting,
               struct sl_error *err)
{
    struct sl_insert_ticket *durable = ack == SL_INSERT_DURABLE ? ticket : NULL;
    *out_is_done = *out_is_waiting = false;
    ticket->failure = (struct sl_error){0};
    if (sl_query_info(query)->insert_rows <= SHORT_ROWS_MAX)
        return put_short(s, query, durable, ticket, out_is_done, out_is_waiting, err);
    return put_long(s, query, durable, ticket, out_is_done, out_is_waiting, err);
}

bool
sl_inserts_are_settled(struct sl_inserts *s)
{
    sl_mutex_lock(&s->lock);
    bool are_settled = !s->is_received && s->appended_number >= s->received_number;
    sl_mutex_unlock(&s->lock);
    return are_settled;
}

void
sl_inserts_settle(void *context)
{
    struct sl_inserts *s = context;
    sl_mutex_lock(&s->lock);
    if (s->is_received) {
        close_builder_locked(s);
        sl_cond_signal(&s->work);
    }
    uint64_t number = s->received_number;
    while (s->appended_number < number)
        sl_cond_wait(&s->changed, &s->lock);
    sl_mutex_unlock(&s->lock);
}
