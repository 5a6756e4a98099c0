/*
 * loop.c - the only user of libuv: see loop.h.
 *
 * Every handle of ours embeds libuv's and starts with it; libuv's `data` points back. A handle
 * is freed by its close callback alone, which runs one turn of the loop after the close.
 */
#include "server/net/loop.h"

#include <uv.h>

#include "server/net/pair.h"
#include "storage/base/thread.h"

enum {
    READ_BYTES = 64 << 10, /* of one read; shared by all sockets of a loop */
    BACKLOG = 511,
    LOOP_MAGIC = 0x4c4f4f50,
};

struct task {
    sl_loop_task_fn *run;
    void *context;
};

struct sl_loop {
    uint32_t magic;
    uv_loop_t uv;
    uv_async_t wake;
    struct sl_mutex mutex;
    struct task *tasks; /* owned; guarded by mutex, with the two counts */
    size_t task_count;
    size_t task_capacity;
    uv_idle_t handover; /* runs while ends of pairs are due */
    struct sl_tcp *due; /* they, latest first */
    char read_bytes[READ_BYTES];
};

struct sl_timer {
    uv_timer_t uv;
    sl_loop_task_fn *run;
    void *context;
};

struct sl_signal {
    uv_signal_t uv;
    sl_loop_task_fn *run;
    void *context;
};

struct sl_acceptor {
    uv_tcp_t uv;
    sl_accept_fn *on_accept;
    void *context;
    struct sl_loop *loop;
    struct sl_endpoint endpoint;
};

struct sl_tcp {
    uv_tcp_t uv;
    struct sl_loop *loop;
    const struct sl_tcp_events *events; /* borrowed; NULL until it is owned */
    void *context;
    uv_connect_t connect;
    uv_shutdown_t shutdown;
    bool is_end; /* of a pair: no socket, and what follows means something */
    struct sl_pair_end pair;
    bool is_due;
    struct sl_tcp *due_next;
};

struct write {
    uv_write_t uv;
    uint8_t *bytes; /* owned */
};

/* Frees the struct that starts with the handle. */
static void
free_handle(uv_handle_t *handle)
{
    free(handle);
}

static sl_status
fail_uv(struct sl_error *err, int code, const char *what)
{
    sl_status st = sl_fail(err, SL_IO, "%s: %s", what, uv_strerror(code));
    if (err != NULL)
        err->os_errno = -code;
    return st;
}

/* ---- loop ---- */

static void
run_tasks(struct sl_loop *loop)
{
    sl_mutex_lock(&loop->mutex);
    struct task *tasks = loop->tasks;
    size_t count = loop->task_count;
    loop->tasks = NULL;
    loop->task_count = 0;
    loop->task_capacity = 0;
    sl_mutex_unlock(&loop->mutex);

    for (size_t i = 0; i < count; i++)
        tasks[i].run(tasks[i].context);
    free(tasks);
}

static void hand_over(uv_idle_t *handover);

static void
on_wake(uv_async_t *wake)
{
    run_tasks(wake->data);
}

struct sl_loop *
sl_loop_create(void)
{
    struct sl_loop *loop = sl_new(sizeof(*loop));
    loop->magic = LOOP_MAGIC;
    sl_mutex_init(&loop->mutex, SL_LOCK_NET);
    int loop_code = uv_loop_init(&loop->uv);
    SL_ASSERT(loop_code == 0);
    int wake_code = uv_async_init(&loop->uv, &loop->wake, on_wake);
    SL_ASSERT(wake_code == 0);
    loop->wake.data = loop;
    (void)uv_idle_init(&loop->uv, &loop->handover); /* never fails */
    loop->handover.data = loop;
    return loop;
}

void
sl_loop_run(struct sl_loop *loop)
{
    SL_ASSERT(loop->magic == LOOP_MAGIC);
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void
sl_loop_stop(struct sl_loop *loop)
{
    uv_stop(&loop->uv);
}

static void
close_left_over(uv_handle_t *handle, void *context)
{
    struct sl_loop *loop = context;
    if (uv_is_closing(handle))
        return;
    bool is_own = handle == (uv_handle_t *)&loop->wake || handle == (uv_handle_t *)&loop->handover;
    uv_close(handle, is_own ? NULL : free_handle);
}

void
sl_loop_destroy(struct sl_loop *loop)
{
    if (loop == NULL)
        return;
    SL_ASSERT(loop->magic == LOOP_MAGIC);
    run_tasks(loop);
    uv_walk(&loop->uv, close_left_over, loop);
    while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0)
        continue; /* a task may have asked it to stop */
    int code = uv_loop_close(&loop->uv);
    SL_ASSERT(code == 0);
    SL_ASSERT(loop->task_count == 0);
    free(loop->tasks);
    sl_mutex_fini(&loop->mutex);
    sl_retire(&loop->magic);
    free(loop);
}

void
sl_loop_post(struct sl_loop *loop, sl_loop_task_fn *run, void *context)
{
    SL_ASSERT(loop->magic == LOOP_MAGIC);
    sl_mutex_lock(&loop->mutex);
    if (loop->task_count == loop->task_capacity) {
        loop->task_capacity = sl_max_size(64, loop->task_capacity * 2);
        loop->tasks = sl_grow(loop->tasks, sizeof(*loop->tasks), loop->task_capacity);
    }
    loop->tasks[loop->task_count++] = (struct task){.run = run, .context = context};
    sl_mutex_unlock(&loop->mutex);
    (void)uv_async_send(&loop->wake); /* fails only for a handle that is closing */
}

/* ---- timers, signals ---- */

static void
on_timer(uv_timer_t *uv)
{
    struct sl_timer *timer = (struct sl_timer *)uv->data;
    timer->run(timer->context);
}

/* Rounded up: a timer that fires early would see a deadline that has not passed. */
static uint64_t
ms_of(int64_t us)
{
    return us <= 0 ? 0 : ((uint64_t)us + 999) / 1000;
}

struct sl_timer *
sl_timer_open(struct sl_loop *loop, int64_t after_us, int64_t every_us, sl_loop_task_fn *run,
              void *context)
{
    struct sl_timer *timer = sl_new(sizeof(*timer));
    timer->run = run;
    timer->context = context;
    (void)uv_timer_init(&loop->uv, &timer->uv); /* never fails */
    timer->uv.data = timer;
    uv_update_time(&loop->uv);
    int code = uv_timer_start(&timer->uv, on_timer, ms_of(after_us), ms_of(every_us));
    SL_ASSERT(code == 0);
    return timer;
}

void
sl_timer_close(struct sl_timer *timer)
{
    if (timer != NULL)
        uv_close((uv_handle_t *)&timer->uv, free_handle);
}

static void
on_signal(uv_signal_t *uv, int number)
{
    struct sl_signal *signal = uv->data;
    (void)number;
    signal->run(signal->context);
}

struct sl_signal *
sl_signal_open(struct sl_loop *loop, int number, sl_loop_task_fn *run, void *context)
{
    struct sl_signal *signal = sl_new(sizeof(*signal));
    signal->run = run;
    signal->context = context;
    int init_code = uv_signal_init(&loop->uv, &signal->uv);
    SL_ASSERT(init_code == 0);
    signal->uv.data = signal;
    int start_code = uv_signal_start(&signal->uv, on_signal, number);
    SL_ASSERT(start_code == 0);
    return signal;
}

void
sl_signal_close(struct sl_signal *signal)
{
    if (signal != NULL)
        uv_close((uv_handle_t *)&signal->uv, free_handle);
}

/* ---- TCP ---- */

static struct sl_tcp *
create_tcp(struct sl_loop *loop)
{
    struct sl_tcp *tcp = sl_new(sizeof(*tcp));
    (void)uv_tcp_init(&loop->uv, &tcp->uv); /* makes no socket yet: never fails */
    tcp->uv.data = tcp;
    tcp->loop = loop;
    return tcp;
}

static void
on_incoming(uv_stream_t *server, int status)
{
    struct sl_acceptor *acceptor = server->data;
    if (status < 0)
        return; /* out of descriptors: the peer stays in the backlog */

    struct sl_tcp *tcp = create_tcp(acceptor->loop);
    struct sockaddr_storage address = {0};
    int size_bytes = sizeof(address);
    struct sl_endpoint peer;
    if (uv_accept(server, (uv_stream_t *)&tcp->uv) != 0 ||
        uv_tcp_getpeername(&tcp->uv, (struct sockaddr *)&address, &size_bytes) != 0 ||
        sl_endpoint_of(&address, &peer, NULL) != SL_OK) {
        sl_tcp_close(tcp);
        return;
    }
    (void)uv_tcp_nodelay(&tcp->uv, 1);
    (void)uv_tcp_keepalive(&tcp->uv, 1, 60);
    acceptor->on_accept(acceptor->context, tcp, &peer);
}

sl_status
sl_acceptor_open(struct sl_loop *loop, const struct sl_endpoint *endpoint, sl_accept_fn *on_accept,
                 void *context, struct sl_acceptor **out_acceptor, struct sl_error *err)
{
    *out_acceptor = NULL;
    struct sockaddr_storage address = {0};
    SL_TRY(sl_endpoint_address(endpoint, &address, err));

    struct sl_acceptor *acceptor = sl_new(sizeof(*acceptor));
    acceptor->loop = loop;
    acceptor->on_accept = on_accept;
    acceptor->context = context;
    (void)uv_tcp_init(&loop->uv, &acceptor->uv);
    acceptor->uv.data = acceptor;

    int size_bytes = sizeof(address);
    int code = uv_tcp_bind(&acceptor->uv, (const struct sockaddr *)&address, 0);
    if (code == 0)
        code = uv_listen((uv_stream_t *)&acceptor->uv, BACKLOG, on_incoming);
    if (code == 0)
        code = uv_tcp_getsockname(&acceptor->uv, (struct sockaddr *)&address, &size_bytes);
    sl_status st = SL_OK;
    if (code != 0)
        st = fail_uv(err, code, "cannot listen");
    else
        st = sl_endpoint_of(&address, &acceptor->endpoint, err);
    if (st != SL_OK) {
        sl_acceptor_close(acceptor);
        return st;
    }
    *out_acceptor = acceptor;
    return SL_OK;
}

struct sl_endpoint
sl_acceptor_endpoint(const struct sl_acceptor *acceptor)
{
    return acceptor->endpoint;
}

void
sl_acceptor_close(struct sl_acceptor *acceptor)
{
    if (acceptor != NULL)
        uv_close((uv_handle_t *)&acceptor->uv, free_handle);
}

/* Close and tell the owner; the last thing a socket does. */
static void
end_tcp(struct sl_tcp *tcp, int code)
{
    const struct sl_tcp_events *events = tcp->events;
    void *context = tcp->context;
    struct sl_error why = {0};
    if (code != UV_EOF)
        (void)fail_uv(&why, code, "connection");
    sl_tcp_close(tcp);
    if (events != NULL)
        events->on_end(context, &why);
}

static void
on_connected(uv_connect_t *connect, int status)
{
    struct sl_tcp *tcp = connect->data;
    if (status == UV_ECANCELED)
        return; /* closed while connecting */
    if (status < 0) {
        end_tcp(tcp, status);
        return;
    }
    (void)uv_tcp_nodelay(&tcp->uv, 1);
    tcp->events->on_connect(tcp->context);
}

sl_status
sl_tcp_connect(struct sl_loop *loop, const struct sl_endpoint *endpoint,
               const struct sl_tcp_events *events, void *context, struct sl_tcp **out_tcp,
               struct sl_error *err)
{
    *out_tcp = NULL;
    struct sockaddr_storage address = {0};
    SL_TRY(sl_endpoint_address(endpoint, &address, err));

    struct sl_tcp *tcp = create_tcp(loop);
    sl_tcp_own(tcp, events, context);
    tcp->connect.data = tcp;
    int code =
        uv_tcp_connect(&tcp->connect, &tcp->uv, (const struct sockaddr *)&address, on_connected);
    if (code != 0) {
        sl_tcp_close(tcp);
        return fail_uv(err, code, "cannot connect");
    }
    *out_tcp = tcp;
    return SL_OK;
}

/* ---- pairs ---- */

/* Have what lies in the end's queue handed over, on a turn of its own. */
static void
make_due(struct sl_tcp *tcp)
{
    struct sl_loop *loop = tcp->loop;
    if (tcp->is_due || !sl_pair_is_due(&tcp->pair))
        return;
    tcp->is_due = true;
    tcp->due_next = loop->due;
    loop->due = tcp;
    (void)uv_idle_start(&loop->handover, hand_over); /* fails only without a callback */
}

/* An end that is closed is freed before its turn comes. */
static void
drop_due(struct sl_tcp *tcp)
{
    struct sl_tcp **at = &tcp->loop->due;
    while (*at != NULL && *at != tcp)
        at = &(*at)->due_next;
    if (*at == tcp)
        *at = tcp->due_next;
}

static struct sl_tcp *
mate_of(const struct sl_tcp *tcp)
{
    struct sl_pair_end *mate = tcp->pair.mate;
    return mate == NULL
               ? NULL
               : (struct sl_tcp *)(void *)((uint8_t *)mate - offsetof(struct sl_tcp, pair));
}

void
sl_pair_open(struct sl_loop *loop, struct sl_tcp *out_ends[2])
{
    for (int i = 0; i < 2; i++) {
        out_ends[i] = create_tcp(loop);
        out_ends[i]->is_end = true;
    }
    sl_pair_join(&out_ends[0]->pair, &out_ends[1]->pair);
}

/* One chunk; whoever gets it may close either end, which are freed a turn later. */
static void
hand_over_end(struct sl_tcp *tcp)
{
    if (tcp->pair.is_broken) {
        end_tcp(tcp, UV_EPIPE);
        return;
    }
    struct sl_pair_chunk *chunk = sl_pair_take(&tcp->pair);
    if (chunk != NULL) {
        struct sl_tcp *mate =
            mate_of(tcp); /* also when this end closes now: it has read the chunk */
        tcp->events->on_read(tcp->context, chunk->bytes, chunk->size_bytes);
        free(chunk->bytes);
        free(chunk);
        if (mate != NULL && !uv_is_closing((uv_handle_t *)&mate->uv))
            mate->events->on_written(mate->context);
    } else if (sl_pair_is_over(&tcp->pair)) {
        end_tcp(tcp, UV_EOF);
        return;
    }
    if (!uv_is_closing((uv_handle_t *)&tcp->uv))
        make_due(tcp);
}

static void
hand_over(uv_idle_t *handover)
{
    struct sl_loop *loop = handover->data;
    struct sl_tcp *due = loop->due;
    loop->due = NULL;
    while (due != NULL) {
        struct sl_tcp *tcp = due;
        due = tcp->due_next;
        tcp->is_due = false;
        if (!uv_is_closing((uv_handle_t *)&tcp->uv))
            hand_over_end(tcp);
    }
    if (loop->due == NULL)
        (void)uv_idle_stop(handover);
}

void
sl_tcp_own(struct sl_tcp *tcp, const struct sl_tcp_events *events, void *context)
{
    tcp->events = events;
    tcp->context = context;
}

static void
lend_bytes(uv_handle_t *handle, size_t suggested_bytes, uv_buf_t *out_buf)
{
    struct sl_tcp *tcp = handle->data;
    (void)suggested_bytes;
    *out_buf = uv_buf_init(tcp->loop->read_bytes, READ_BYTES);
}

static void
on_bytes(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct sl_tcp *tcp = stream->data;
    if (count < 0)
        end_tcp(tcp, (int)count);
    else if (count > 0)
        tcp->events->on_read(tcp->context, (const uint8_t *)buf->base, (size_t)count);
}

void
sl_tcp_read_start(struct sl_tcp *tcp)
{
    if (tcp->is_end) {
        tcp->pair.is_reading = true;
        make_due(tcp);
        return;
    }
    /* Fails only for a socket that is closing or reading already; both need nothing. */
    (void)uv_read_start((uv_stream_t *)&tcp->uv, lend_bytes, on_bytes);
}

void
sl_tcp_read_stop(struct sl_tcp *tcp)
{
    tcp->pair.is_reading = false;
    (void)uv_read_stop((uv_stream_t *)&tcp->uv);
}

static void
on_write_done(uv_write_t *request, int status)
{
    struct write *write = (struct write *)request->data;
    struct sl_tcp *tcp = request->handle->data;
    free(write->bytes);
    free(write);
    if (uv_is_closing((uv_handle_t *)&tcp->uv))
        return;
    if (status < 0)
        end_tcp(tcp, status);
    else
        tcp->events->on_written(tcp->context);
}

void
sl_tcp_write(struct sl_tcp *tcp, uint8_t *bytes, size_t size_bytes)
{
    SL_ASSERT(size_bytes <= UINT32_MAX);
    if (tcp->is_end) {
        sl_pair_write(&tcp->pair, bytes, size_bytes);
        make_due(tcp->pair.mate != NULL ? mate_of(tcp) : tcp);
        return;
    }
    uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)size_bytes);
    /* A short answer nearly always fits at once; a queued write costs a change of the poll set. */
    if (size_bytes <= SL_TCP_SMALL_BYTES) {
        int sent_bytes = uv_try_write((uv_stream_t *)&tcp->uv, &buf, 1);
        size_t done_bytes = sent_bytes < 0 ? 0 : (size_t)sent_bytes;
        if (done_bytes == size_bytes) {
            free(bytes);
            return;
        }
        buf.base += done_bytes;
        buf.len -= done_bytes;
    }
    struct write *write = sl_new(sizeof(*write));
    write->bytes = bytes;
    write->uv.data = write;
    int code = uv_write(&write->uv, (uv_stream_t *)&tcp->uv, &buf, 1, on_write_done);
    if (code != 0) {
        /* Not connected or closing: the read side tells the owner. */
        free(bytes);
        free(write);
    }
}

size_t
sl_tcp_unwritten_bytes(const struct sl_tcp *tcp)
{
    return tcp->is_end ? sl_pair_unwritten_bytes(&tcp->pair)
                       : uv_stream_get_write_queue_size((const uv_stream_t *)&tcp->uv);
}

static void
on_shutdown(uv_shutdown_t *request, int status)
{
    (void)request; /* a failure means that the connection is gone: the read side tells */
    (void)status;
}

void
sl_tcp_shutdown(struct sl_tcp *tcp)
{
    if (tcp->is_end) {
        sl_pair_shutdown(&tcp->pair);
        if (tcp->pair.mate != NULL)
            make_due(mate_of(tcp));
        return;
    }
    (void)uv_shutdown(&tcp->shutdown, (uv_stream_t *)&tcp->uv, on_shutdown);
}

void
sl_tcp_close(struct sl_tcp *tcp)
{
    if (tcp == NULL || uv_is_closing((uv_handle_t *)&tcp->uv))
        return;
    if (tcp->is_end) {
        struct sl_tcp *mate = mate_of(tcp);
        drop_due(tcp);
        sl_pair_close(&tcp->pair);
        if (mate != NULL)
            make_due(mate); /* which sees the end */
    }
    uv_close((uv_handle_t *)&tcp->uv, free_handle);
}

struct sl_loop *
sl_tcp_loop(const struct sl_tcp *tcp)
{
    return tcp->loop;
}
