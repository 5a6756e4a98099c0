/*
 * thread.h - threads, ranked locks, a worker pool.
 *
 * Locks carry a rank from lock_rank.def; debug builds assert that a thread takes them in
 * rising order only, which rules out deadlock.
 *
 * The pool runs jobs on a fixed number of threads. sl_pool_each is fork and join: the
 * caller works too, so it finishes even when every worker is busy with something else. It begins
 * alone: to wake a thread and to wait for it costs some 100 us where cores sleep, which is all
 * that a short question takes.
 */
#ifndef SLUICE_STORAGE_BASE_THREAD_H
#define SLUICE_STORAGE_BASE_THREAD_H

#include <pthread.h>

#include "storage/base/base.h"

enum sl_lock_rank {
#define SL_LOCK(name, text) SL_LOCK_##name,
#include "storage/base/lock_rank.def"
#undef SL_LOCK
    SL_LOCK_COUNT
};

struct sl_mutex {
    pthread_mutex_t mutex;
    enum sl_lock_rank rank;
};

void sl_mutex_init(struct sl_mutex *mutex, enum sl_lock_rank rank);
void sl_mutex_fini(struct sl_mutex *mutex);
void sl_mutex_lock(struct sl_mutex *mutex);
void sl_mutex_unlock(struct sl_mutex *mutex);

struct sl_cond {
    pthread_cond_t cond;
};

void sl_cond_init(struct sl_cond *cond);
void sl_cond_fini(struct sl_cond *cond);
void sl_cond_wait(struct sl_cond *cond, struct sl_mutex *mutex);
/* Wait at most timeout_us; false when the time ran out. */
bool sl_cond_wait_us(struct sl_cond *cond, struct sl_mutex *mutex, int64_t timeout_us);
void sl_cond_signal(struct sl_cond *cond);
void sl_cond_broadcast(struct sl_cond *cond);

/* A named thread (at most 15 characters show in ps). Never fails: stops the process. */
typedef void sl_thread_fn(void *context);
struct sl_thread;
struct sl_thread *sl_thread_start(const char *name, sl_thread_fn *run, void *context);
/* Wait for its end and free it. NULL is allowed. */
void sl_thread_join(struct sl_thread *thread);

/*
 * Who comes first where there are not cores enough for all, as setpriority(2) counts. Flows that nobody
 * takes are lost, and answers can wait. Below 0 it needs CAP_SYS_NICE, or RLIMIT_NICE.
 */
enum {
    SL_NICENESS_RECEIVE =
        -15,                  /* takes datagrams out of the kernel's buffer, and does little else */
    SL_NICENESS_INGEST = -10, /* decodes, seals, writes the journal */
    SL_NICENESS_MERGE = 0,    /* merges segments: without it, every answer has more to read */
    SL_NICENESS_QUERY = 10,   /* computes answers */
};
/* Of the calling thread, and of those that it starts; where that is not allowed, it stays as it is. */
void sl_thread_set_niceness(int niceness);

struct sl_pool;
/* The threads have this niceness, whoever submits. */
struct sl_pool *sl_pool_create(const char *name, unsigned thread_count, int niceness);
/* Runs what was submitted, then joins. NULL is allowed. */
void sl_pool_destroy(struct sl_pool *pool);
void sl_pool_submit(struct sl_pool *pool, sl_thread_fn *run, void *context);
/* Start its threads now, and not with the first job, which would wait for all of them. Each calls
 * `begin` first, which may be NULL. */
typedef void sl_pool_begin_fn(void);
void sl_pool_start(struct sl_pool *pool, sl_pool_begin_fn *begin);
unsigned sl_pool_thread_count(const struct sl_pool *pool);

/*
 * run(context, 0) .. run(context, count - 1), each once, on the caller and up to
 * `threads_max - 1` workers; returns when all have returned. pool may be NULL: the caller
 * does it alone. The workers are called when a run says that it lasts, so a run says so now and then.
 */
enum { SL_POOL_ALONE_US = 100 };
typedef void sl_pool_each_fn(void *context, unsigned index);
void sl_pool_each(struct sl_pool *pool, unsigned threads_max, unsigned count, sl_pool_each_fn *run,
                  void *context);

/* By a run, between two pieces of its work: the workers of its sl_pool_each are called if that has
 * lasted for `alone_us` by now. A look at the clock; nothing once they are called. */
void sl_pool_each_lasts(int64_t alone_us);

/* Tests: sl_pool_each calls the workers of this pool at once. */
void sl_pool_set_eager(struct sl_pool *pool);

#endif
