/*
 * thread_test.c - the pool runs everything once, fork and join does not deadlock.
 */
#include "storage/base/thread.h"

#include <stdatomic.h>

#include "tests/support/test.h"

static void
count_one(void *context)
{
    atomic_fetch_add((_Atomic unsigned *)context, 1);
}

static void
every_job_runs_once_before_the_pool_ends(void **state)
{
    _Atomic unsigned count = 0;
    struct sl_pool *pool = sl_pool_create("test", 3, 0);
    (void)state;
    for (unsigned i = 0; i < 10000; i++)
        sl_pool_submit(pool, count_one, &count);
    sl_pool_destroy(pool);
    assert_int_equal(count, 10000);
}

static _Atomic unsigned begun;

static void
begin(void)
{
    atomic_fetch_add(&begun, 1);
}

static void
threads_that_are_started_begin_before_any_job(void **state)
{
    _Atomic unsigned count = 0;
    struct sl_pool *pool = sl_pool_create("test", 3, 0);
    (void)state;
    sl_pool_start(pool, begin);
    sl_pool_submit(pool, count_one, &count);
    sl_pool_destroy(pool);
    assert_int_equal(begun, 3);
    assert_int_equal(count, 1);
}

struct each_check {
    _Atomic unsigned seen[1000];
    struct sl_pool *pool;
};

static void
mark(void *context, unsigned index)
{
    struct each_check *check = context;
    atomic_fetch_add(&check->seen[index], 1);
}

static void
each_covers_every_index_once(void **state)
{
    static struct each_check check;
    struct sl_pool *pool = sl_pool_create("test", 2, 0);
    (void)state;
    sl_pool_set_eager(pool);
    for (unsigned round = 0; round < 50; round++)
        sl_pool_each(pool, 3, 1000, mark, &check);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(check.seen[i], 50);
    sl_pool_each(NULL, 1, 1000, mark, &check);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(check.seen[i], 51);
    sl_pool_destroy(pool);
}

static void
nested(void *context, unsigned index)
{
    struct each_check *check = context;
    (void)index;
    sl_pool_each(check->pool, 4, 10, mark, check);
}

static void
each_inside_each_does_not_deadlock(void **state)
{
    static struct each_check check;
    (void)state;
    check.pool = sl_pool_create("test", 1, 0);
    sl_pool_set_eager(check.pool);
    sl_pool_each(check.pool, 4, 20, nested, &check);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(check.seen[i], 20);
    sl_pool_destroy(check.pool);
}

struct help_check {
    pthread_t caller;
    struct sl_mutex lock;
    struct sl_cond changed;
    bool is_helped; /* guarded by lock */
};

static void
be_short(void *context, unsigned index)
{
    struct help_check *check = context;
    (void)index;
    sl_pool_each_lasts(INT64_MAX);
    assert_true(pthread_equal(check->caller, pthread_self()));
}

/* Index 0 waits for index 1, which only another thread can run meanwhile. */
static void
be_long(void *context, unsigned index)
{
    struct help_check *check = context;
    sl_mutex_lock(&check->lock);
    if (index == 1) {
        check->is_helped = true;
        sl_cond_broadcast(&check->changed);
    }
    sl_mutex_unlock(&check->lock);
    if (index == 1) {
        sl_pool_each_lasts(0); /* a worker has nobody to call */
        return;
    }
    sl_pool_each_lasts(0);
    sl_mutex_lock(&check->lock);
    while (!check->is_helped)
        sl_cond_wait(&check->changed, &check->lock);
    sl_mutex_unlock(&check->lock);
}

static void
each_calls_workers_when_it_lasts(void **state)
{
    struct help_check check = {.caller = pthread_self()};
    struct sl_pool *pool = sl_pool_create("test", 2, 0);
    (void)state;
    sl_mutex_init(&check.lock, SL_LOCK_SERVER);
    sl_cond_init(&check.changed);
    sl_pool_each(pool, 3, 100, be_short, &check);
    sl_pool_each(pool, 3, 2, be_long, &check);
    assert_true(check.is_helped);
    sl_pool_each_lasts(0); /* outside: nothing */
    sl_pool_destroy(pool);
    sl_cond_fini(&check.changed);
    sl_mutex_fini(&check.lock);
}

static void
waiting_ends_with_the_timeout(void **state)
{
    struct sl_mutex lock;
    struct sl_cond cond;
    (void)state;
    sl_mutex_init(&lock, SL_LOCK_QUEUE);
    sl_cond_init(&cond);
    sl_mutex_lock(&lock);
    assert_false(sl_cond_wait_us(&cond, &lock, 1000));
    sl_mutex_unlock(&lock);
    sl_cond_fini(&cond);
    sl_mutex_fini(&lock);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_runs_once_before_the_pool_ends),
        cmocka_unit_test(threads_that_are_started_begin_before_any_job),
        cmocka_unit_test(each_covers_every_index_once),
        cmocka_unit_test(each_inside_each_does_not_deadlock),
        cmocka_unit_test(each_calls_workers_when_it_lasts),
        cmocka_unit_test(waiting_ends_with_the_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
