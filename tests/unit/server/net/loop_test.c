/*
 * loop_test.c - tasks reach the loop from other threads, in their order, and none is left behind.
 */
#include "server/net/loop.h"

#include "storage/base/thread.h"
#include "tests/support/test.h"

enum { POSTS = 10000 };

struct posts {
    struct sl_loop *loop;
    uint32_t next;
    struct post {
        struct posts *posts;
        uint32_t number;
    } list[POSTS];
};

static void
take_post(void *context)
{
    const struct post *post = context;
    struct posts *posts = post->posts;
    assert_int_equal(post->number, posts->next);
    if (++posts->next == POSTS)
        sl_loop_stop(posts->loop);
}

static void
post_many(void *context)
{
    struct posts *posts = context;
    for (uint32_t i = 0; i < POSTS; i++) {
        posts->list[i] = (struct post){.posts = posts, .number = i};
        sl_loop_post(posts->loop, take_post, &posts->list[i]);
    }
}

static void
other_threads_reach_the_loop_in_their_order(void **state)
{
    (void)state;
    struct posts *posts = sl_new(sizeof(*posts));
    posts->loop = sl_loop_create();
    struct sl_thread *thread = sl_thread_start("poster", post_many, posts);
    sl_loop_run(posts->loop);
    sl_thread_join(thread);
    assert_int_equal(posts->next, POSTS);
    sl_loop_destroy(posts->loop);
    free(posts);
}

/* Tasks own what they are given: one that never runs would leak it. */
static void
what_is_posted_when_nothing_runs_is_run_by_destroy(void **state)
{
    (void)state;
    struct posts *posts = sl_new(sizeof(*posts));
    posts->loop = sl_loop_create();
    post_many(posts);
    assert_int_equal(posts->next, 0);
    sl_loop_destroy(posts->loop);
    assert_int_equal(posts->next, POSTS);
    free(posts);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_threads_reach_the_loop_in_their_order),
        cmocka_unit_test(what_is_posted_when_nothing_runs_is_run_by_destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
