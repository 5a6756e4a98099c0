/*
 * thread.c - see thread.h.
 */
#include "storage/base/thread.h"

#include "storage/base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#ifdef SL_DEBUG
static _Thread_local uint32_t held_ranks; /* bit r: a lock of rank r is held */

static void
rank_enter(enum sl_lock_rank rank)
{
    SL_ASSERT(held_ranks >> rank == 0);
    held_ranks |= UINT32_C(1) << rank;
}

static void
rank_leave(enum sl_lock_rank rank)
{
    SL_ASSERT((held_ranks >> rank & 1) != 0);
    held_ranks &= ~(UINT32_C(1) << rank);
}
#else
static void
rank_enter(enum sl_lock_rank rank)
{
    (void)rank;
}

static void
rank_leave(enum sl_lock_rank rank)
{
    (void)rank;
}
#endif

_Static_assert(SL_LOCK_COUNT <= 32, "held ranks are bits of a word");

void
sl_mutex_init(struct sl_mutex *mutex, enum sl_lock_rank rank)
{
    mutex->rank = rank;
    int failed = pthread_mutex_init(&mutex->mutex, NULL);
    SL_ASSERT(failed == 0);
}

void
sl_mutex_fini(struct sl_mutex *mutex)
{
    int failed = pthread_mutex_destroy(&mutex->mutex);
    SL_ASSERT(failed == 0);
}

void
sl_mutex_lock(struct sl_mutex *mutex)
{
    rank_enter(mutex->rank);
    int failed = pthread_mutex_lock(&mutex->mutex);
    SL_ASSERT(failed == 0);
}

void
sl_mutex_unlock(struct sl_mutex *mutex)
{
    rank_leave(mutex->rank);
    int failed = pthread_mutex_unlock(&mutex->mutex);
    SL_ASSERT(failed == 0);
}

void
sl_cond_init(struct sl_cond *cond)
{
    pthread_condattr_t attributes;
    int failed = pthread_condattr_init(&attributes);
    SL_ASSERT(failed == 0);
    failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    SL_ASSERT(failed == 0);
    failed = pthread_cond_init(&cond->cond, &attributes);
    SL_ASSERT(failed == 0);
    (void)pthread_condattr_destroy(&attributes);
}

void
sl_cond_fini(struct sl_cond *cond)
{
    int failed = pthread_cond_destroy(&cond->cond);
    SL_ASSERT(failed == 0);
}

void
sl_cond_wait(struct sl_cond *cond, struct sl_mutex *mutex)
{
    int failed = pthread_cond_wait(&cond->cond, &mutex->mutex);
    SL_ASSERT(failed == 0);
}

bool
sl_cond_wait_us(struct sl_cond *cond, struct sl_mutex *mutex, int64_t timeout_us)
{
    struct timespec until;
    int failed = clock_gettime(CLOCK_MONOTONIC, &until);
    SL_ASSERT(failed == 0);
    int64_t ns = until.tv_nsec + (timeout_us < 0 ? 0 : timeout_us % 1000000) * 1000;
    until.tv_sec += (timeout_us < 0 ? 0 : timeout_us / 1000000) + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    failed = pthread_cond_timedwait(&cond->cond, &mutex->mutex, &until);
    SL_ASSERT(failed == 0 || failed == ETIMEDOUT);
    return failed == 0;
}

void
sl_cond_signal(struct sl_cond *cond)
{
    (void)pthread_cond_signal(&cond->cond);
}

void
sl_cond_broadcast(struct sl_cond *cond)
{
    (void)pthread_cond_broadcast(&cond->cond);
}

struct sl_thread {
    pthread_t thread;
    sl_thread_fn *run;
    void *context;
    char name[16];
};

static void *
thread_main(void *context)
{
    struct sl_thread *thread = context;
    (void)pthread_setname_np(pthread_self(), thread->name);
    thread->run(thread->context);
    return NULL;
}

struct sl_thread *
sl_thread_start(const char *name, sl_thread_fn *run, void *context)
{
    struct sl_thread *thread = sl_new(sizeof(*thread));
    thread->run = run;
    thread->context = context;
    (void)snprintf(thread->name, sizeof(thread->name), "%.15s", name);

    /* Signals belong to the thread that runs the event loop. */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread->thread, NULL, thread_main, thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    SL_ASSERT(failed == 0);
    return thread;
}

void
sl_thread_join(struct sl_thread *thread)
{
    if (thread == NULL)
        return;
    int failed = pthread_join(thread->thread, NULL);
    SL_ASSERT(failed == 0);
    free(thread);
}

void
sl_thread_set_niceness(int niceness)
{
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), niceness);
}

struct pool_job {
    struct pool_job *next;
    sl_thread_fn *run;
    void *context;
};

struct sl_pool {
    char name[16];
    unsigned thread_count;
    int niceness;
    struct sl_mutex lock; /* guards all below */
    struct sl_cond work;
    struct pool_job *first, *last; /* that wait; last means nothing if there are none */
    bool is_stopping;
    bool is_eager;              /* set before the first job */
    sl_pool_begin_fn *begin;    /* set before the threads are started; NULL: nothing */
    struct sl_thread **threads; /* NULL before the first job */
};

static void
pool_main(void *context)
{
    struct sl_pool *pool = context;
    sl_thread_set_niceness(pool->niceness);
    if (pool->begin != NULL)
        pool->begin();
    sl_mutex_lock(&pool->lock);
    for (;;) {
        struct pool_job *job = pool->first;
        if (job == NULL) {
            if (pool->is_stopping)
                break;
            sl_cond_wait(&pool->work, &pool->lock);
            continue;
        }
        pool->first = job->next;
        sl_mutex_unlock(&pool->lock);
        job->run(job->context);
        free(job);
        sl_mutex_lock(&pool->lock);
    }
    sl_mutex_unlock(&pool->lock);
}

struct sl_pool *
sl_pool_create(const char *name, unsigned thread_count, int niceness)
{
    SL_ASSERT(thread_count > 0);
    struct sl_pool *pool = sl_new(sizeof(*pool));
    sl_mutex_init(&pool->lock, SL_LOCK_POOL);
    sl_cond_init(&pool->work);
    pool->thread_count = thread_count;
    pool->niceness = niceness;
    (void)snprintf(pool->name, sizeof(pool->name), "%.15s", name);
    return pool;
}

/*
 * With the lock held. A process has the threads of a pool when it has work for them: a store is
 * opened before, and proves its catalog in a forked child, which is to inherit no lock of an
 * allocator that another thread holds.
 */
static void
start_threads(struct sl_pool *pool)
{
    if (pool->threads != NULL)
        return;
    pool->threads = sl_new(sizeof(struct sl_thread *) * pool->thread_count);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pool->threads[i] = sl_thread_start(pool->name, pool_main, pool);
}

void
sl_pool_start(struct sl_pool *pool, sl_pool_begin_fn *begin)
{
    sl_mutex_lock(&pool->lock);
    pool->begin = begin;
    start_threads(pool);
    sl_mutex_unlock(&pool->lock);
}

void
sl_pool_destroy(struct sl_pool *pool)
{
    if (pool == NULL)
        return;
    sl_mutex_lock(&pool->lock);
    pool->is_stopping = true;
    sl_cond_broadcast(&pool->work);
    sl_mutex_unlock(&pool->lock);
    for (unsigned i = 0; pool->threads != NULL && i < pool->thread_count; i++)
        sl_thread_join(pool->threads[i]);
    free(pool->threads);
    sl_cond_fini(&pool->work);
    sl_mutex_fini(&pool->lock);
    free(pool);
}

void
sl_pool_submit(struct sl_pool *pool, sl_thread_fn *run, void *context)
{
    struct pool_job *job = sl_new(sizeof(*job));
    job->run = run;
    job->context = context;
    sl_mutex_lock(&pool->lock);
    if (pool->first == NULL)
        pool->first = job;
    else
        pool->last->next = job;
    pool->last = job;
    start_threads(pool);
    sl_cond_signal(&pool->work);
    sl_mutex_unlock(&pool->lock);
}

unsigned
sl_pool_thread_count(const struct sl_pool *pool)
{
    return pool == NULL ? 0 : pool->thread_count;
}

void
sl_pool_set_eager(struct sl_pool *pool)
{
    pool->is_eager = true;
}

/*
 * One fork and join. Helpers may start after the caller has finished everything, so the
 * state lives until the last of them has let go: `references` counts the caller and each
 * submitted helper.
 */
struct each_state {
    sl_pool_each_fn *run;
    void *context;
    unsigned count;
    _Atomic unsigned next;
    _Atomic unsigned references;
    struct sl_mutex lock; /* guards finished */
    struct sl_cond done;
    unsigned finished;
    /* The caller's alone: */
    struct sl_pool *pool;
    unsigned helpers; /* that it may still call */
    int64_t started_us;
};

/* The fork and join that this thread has made and is at work on; NULL: none, or it is a helper. */
static _Thread_local struct each_state *each_mine;

static void
each_release(struct each_state *state)
{
    if (atomic_fetch_sub_explicit(&state->references, 1, memory_order_acq_rel) != 1)
        return;
    sl_cond_fini(&state->done);
    sl_mutex_fini(&state->lock);
    free(state);
}

static void
each_work(struct each_state *state)
{
    unsigned finished = 0;
    for (;;) {
        unsigned index = atomic_fetch_add_explicit(&state->next, 1, memory_order_relaxed);
        if (index >= state->count)
            break;
        state->run(state->context, index);
        finished++;
    }
    if (finished == 0)
        return;
    sl_mutex_lock(&state->lock);
    state->finished += finished;
    if (state->finished == state->count)
        sl_cond_broadcast(&state->done);
    sl_mutex_unlock(&state->lock);
}

static void
each_helper(void *context)
{
    struct each_state *state = context;
    struct each_state *outer = each_mine;
    each_mine = NULL;
    each_work(state);
    each_mine = outer;
    each_release(state);
}

void
sl_pool_each_lasts(int64_t alone_us)
{
    struct each_state *state = each_mine;
    if (state == NULL || state->helpers == 0)
        return;
    if (alone_us != 0 && sl_clock_monotonic_us() - state->started_us < alone_us)
        return;
    /* Relaxed: the queue's lock orders it before anything that a helper does. */
    atomic_fetch_add_explicit(&state->references, state->helpers, memory_order_relaxed);
    for (; state->helpers != 0; state->helpers--)
        sl_pool_submit(state->pool, each_helper, state);
}

void
sl_pool_each(struct sl_pool *pool, unsigned threads_max, unsigned count, sl_pool_each_fn *run,
             void *context)
{
    if (count == 0)
        return;
    SL_ASSERT(count < UINT_MAX - SL_LOCK_COUNT * 1000U);
    struct each_state *state = sl_new(sizeof(*state));
    state->run = run;
    state->context = context;
    state->count = count;
    state->pool = pool;
    state->started_us = sl_clock_monotonic_us();
    sl_mutex_init(&state->lock, SL_LOCK_QUEUE);
    sl_cond_init(&state->done);
    atomic_store_explicit(&state->references, 1, memory_order_relaxed);

    unsigned helpers = sl_pool_thread_count(pool);
    if (helpers > count - 1)
        helpers = count - 1;
    if (threads_max == 0 || helpers > threads_max - 1)
        helpers = threads_max == 0 ? 0 : threads_max - 1;
    state->helpers = helpers;
    struct each_state *outer = each_mine;
    each_mine = state;
    if (pool != NULL && pool->is_eager)
        sl_pool_each_lasts(0);
    each_work(state);
    each_mine = outer;
    sl_mutex_lock(&state->lock);
    while (state->finished < state->count)
        sl_cond_wait(&state->done, &state->lock);
    sl_mutex_unlock(&state->lock);
    each_release(state);
}
