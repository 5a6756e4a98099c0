/*
 * loop.h - the event loop: timers, signals, hand-over between threads, TCP.
 *
 * Everything that waits for the network waits here, and loop.c alone knows the library below. All
 * callbacks run on the thread that is in sl_loop_run; nothing in them may block. Other threads
 * reach the loop through sl_loop_post and through nothing else.
 *
 * Ownership: handles (timers, signals, listeners, sockets) free themselves some time after their
 *            close; no callback comes after close has returned.
 * Threads:   everything but sl_loop_post belongs to the loop's thread (before sl_loop_run: to
 *            the thread that will call it).
 * Layer:     server/net.
 */
#ifndef SLUICE_SERVER_NET_LOOP_H
#define SLUICE_SERVER_NET_LOOP_H

#include "server/net/endpoint.h"
#include "storage/base/base.h"
#include "storage/base/status.h"

struct sl_loop;

struct sl_loop *sl_loop_create(void);

/* Run until sl_loop_stop. */
void sl_loop_run(struct sl_loop *loop);
void sl_loop_stop(struct sl_loop *loop);

/* Closes what is still open, without callbacks, and runs what is still posted. Nobody may post
 * any more. NULL is allowed. */
void sl_loop_destroy(struct sl_loop *loop);

/* Any thread: run(context) on the loop, in the order posted. */
typedef void sl_loop_task_fn(void *context);
void sl_loop_post(struct sl_loop *loop, sl_loop_task_fn *run, void *context);

/* ---- timers, signals ---- */

struct sl_timer;

/* run(context) after after_us, and then every every_us (0: once; the timer is to be closed all
 * the same). */
struct sl_timer *sl_timer_open(struct sl_loop *loop, int64_t after_us, int64_t every_us,
                               sl_loop_task_fn *run, void *context);
/* NULL is allowed. */
void sl_timer_close(struct sl_timer *timer);

struct sl_signal;
struct sl_signal *sl_signal_open(struct sl_loop *loop, int number, sl_loop_task_fn *run,
                                 void *context);
void sl_signal_close(struct sl_signal *signal);

/* ---- TCP ---- */

struct sl_tcp;
struct sl_acceptor;

/* What a socket tells its owner. on_end is the last call: the socket is closed by then; why->status
 * is SL_OK when the peer closed in order. */
struct sl_tcp_events {
    void (*on_connect)(void *context); /* NULL for accepted sockets */
    void (*on_read)(void *context, const uint8_t *bytes, size_t size_bytes);
    void (*on_written)(void *context); /* a write is done that could not be done at once */
    void (*on_end)(void *context, const struct sl_error *why);
};

/* A new connection: its owner calls sl_tcp_own before it returns, or sl_tcp_close. */
typedef void sl_accept_fn(void *context, struct sl_tcp *tcp, const struct sl_endpoint *peer);

SL_MUST_CHECK
sl_status sl_acceptor_open(struct sl_loop *loop, const struct sl_endpoint *endpoint,
                           sl_accept_fn *on_accept, void *context,
                           struct sl_acceptor **out_acceptor, struct sl_error *err);
/* Where it listens: with the port that the system chose for port 0. */
struct sl_endpoint sl_acceptor_endpoint(const struct sl_acceptor *acceptor);
/* NULL is allowed. */
void sl_acceptor_close(struct sl_acceptor *acceptor);

/* Start to connect; on_connect or on_end will tell. */
SL_MUST_CHECK
sl_status sl_tcp_connect(struct sl_loop *loop, const struct sl_endpoint *endpoint,
                         const struct sl_tcp_events *events, void *context, struct sl_tcp **out_tcp,
                         struct sl_error *err);

/* Two ends of a connection within the loop: as accepted sockets, and no system call between them. */
void sl_pair_open(struct sl_loop *loop, struct sl_tcp *out_ends[2]);

/* Take over an accepted socket. Events are borrowed for the socket's life. Reading is off. */
void sl_tcp_own(struct sl_tcp *tcp, const struct sl_tcp_events *events, void *context);

void sl_tcp_read_start(struct sl_tcp *tcp);
void sl_tcp_read_stop(struct sl_tcp *tcp);

/* Send. Takes the bytes, which malloc gave; writes are sent in order. A failure comes as on_end. What
 * is small and fits is written before the return, and on_written does not come for it. */
enum { SL_TCP_SMALL_BYTES = 16 << 10 };
void sl_tcp_write(struct sl_tcp *tcp, uint8_t *bytes, size_t size_bytes);

/* Bytes that the system has not taken yet: falls while the peer reads. */
size_t sl_tcp_unwritten_bytes(const struct sl_tcp *tcp);

/* After what is queued, say that no more will come; the peer's own end then comes as on_end. */
void sl_tcp_shutdown(struct sl_tcp *tcp);

/* Close at once; what was not sent is dropped. NULL is allowed. */
void sl_tcp_close(struct sl_tcp *tcp);

struct sl_loop *sl_tcp_loop(const struct sl_tcp *tcp);

#endif
