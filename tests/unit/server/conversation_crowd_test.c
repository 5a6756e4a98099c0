/*
 * conversation_crowd_test.c - many clients at once, slow ones, some that go away; and a server that
 * is stopped while it serves.
 *
 * One server serves all tests; those that need other options start another one.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/peer.h"

enum { ROWS = 20000, BATCHES = 30 };

static void
two_hundred_connections_are_served(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    struct test_peer *peers = calloc(COUNT, sizeof(*peers));
    assert_non_null(peers);
    for (int i = 0; i < COUNT; i++)
        test_peer_greet(&peers[i], &test_served);
    for (int i = 0; i < COUNT; i++) {
        test_peer_put_query(&peers[i], 1, 0, "SELECT COUNT(*) FROM flows");
        assert_true(test_peer_send(&peers[i]));
    }
    for (int i = 0; i < COUNT; i++) {
        (void)test_peer_expect(&peers[i], SL_WIRE_RESULT);
        (void)test_peer_expect(&peers[i], SL_WIRE_DATA);
        (void)test_peer_expect(&peers[i], SL_WIRE_DONE);
    }
    assert_true(test_peer_number(&peers[0], "SELECT COUNT(*) FROM system.queries") >= COUNT);
    for (int i = 0; i < COUNT; i++)
        test_peer_close(&peers[i]);
    free(peers);
}

/* Enough rows that a result fills every buffer on the way. */
static void
fill(const struct test_server *target)
{
    struct test_peer peer;
    struct sl_schema *schema = sl_schema_create();
    struct sl_batch *batch = test_peer_batch(schema, ROWS, 77);
    test_peer_greet(&peer, target);
    uint64_t number = test_peer_open_producer(&peer, "filler").batch_number;
    for (int i = 0; i < BATCHES; i++) {
        test_peer_put_batch(&peer, batch, ++number);
        assert_true(test_peer_send(&peer));
        (void)test_peer_expect_ack(&peer, number);
    }
    test_peer_close(&peer);
    sl_batch_release(batch);
    sl_schema_destroy(schema);
}

static uint64_t
count_at_once(struct test_peer *watcher)
{
    return test_peer_number(watcher,
                            "SELECT value FROM system.metrics WHERE name = 'statements_at_once'");
}

/* Of one host, but nothing rules a row out: the loop leaves it to a worker, whatever it takes. */
static void
many_rows_are_no_matter_of_a_moment(void **state)
{
    (void)state;
    struct test_peer peer;
    struct test_peer watcher;
    fill(&test_served);
    test_peer_greet(&peer, &test_served);
    test_peer_greet(&watcher, &test_served);
    uint64_t before = count_at_once(&watcher);
    assert_int_equal(test_peer_number(&peer, "SELECT 1"), 1); /* the watcher asked last */
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            test_peer_number(&peer, "SELECT COUNT(*) FROM flows WHERE host = 203.0.113.99"), 0);
    assert_int_equal(count_at_once(&watcher), before);
    test_peer_close(&watcher);
    test_peer_close(&peer);
}

static const char running[] = "SELECT COUNT(*) FROM system.queries WHERE statement LIKE "
                              "'SELECT * FROM flows WHERE src_as = 77%'";

/* Start a result and do not read it. */
static void
start_slow(struct test_peer *peer, const struct test_server *target)
{
    test_peer_greet(peer, target);
    test_peer_put_query(peer, 3, 0, "SELECT * FROM flows WHERE src_as = 77");
    assert_true(test_peer_send(peer));
    (void)test_peer_expect(peer, SL_WIRE_RESULT);
}

static void
slow_readers_hold_no_thread_and_are_dropped(void **state)
{
    (void)state;
    enum { SLOW = 5 };
    static const char *const options[] = {"queries", "2", "stall", "3s", NULL};
    struct test_server small;
    struct test_peer slow[SLOW];
    struct test_peer peer;
    char path[600];
    (void)snprintf(path, sizeof(path), "%s/slow", test_served_directory);
    test_server_start(&small, path, options);
    fill(&small);
    for (int i = 0; i < SLOW; i++)
        start_slow(&slow[i], &small);
    test_peer_greet(&peer, &small);
    assert_int_equal(test_peer_number(&peer, running), SLOW);
    assert_int_equal(test_peer_number(&peer, "SELECT COUNT(*) FROM flows"), ROWS * BATCHES);
    int waited = 0;
    for (; waited < 100 && test_peer_number(&peer, running) != 0; waited++)
        (void)usleep(100000);
    assert_true(waited < 100);
    for (int i = 0; i < SLOW; i++)
        test_peer_close(&slow[i]);
    test_peer_close(&peer);
    test_server_stop(&small);
}

static void
a_running_query_is_cancelled_by_another_connection(void **state)
{
    (void)state;
    struct test_peer slow;
    struct test_peer peer;
    struct sl_wire_frame frame;
    fill(&test_served);
    start_slow(&slow, &test_served);
    test_peer_greet(&peer, &test_served);
    assert_int_equal(test_peer_number(&peer, running), 1);
    sl_wire_cancel_encode(&peer.out, 5, &(struct sl_wire_cancel){slow.connection_id, 0});
    sl_wire_cancel_encode(&peer.out, 6, &(struct sl_wire_cancel){999999, 0});
    assert_true(test_peer_send(&peer));
    (void)test_peer_expect(&peer, SL_WIRE_DONE);
    (void)test_peer_expect_error(&peer, SL_MISSING);
    do {
        assert_true(test_peer_frame(&slow, &frame));
    } while (frame.type == SL_WIRE_DATA);
    assert_int_equal(frame.type, SL_WIRE_ERROR);
    assert_int_equal(test_peer_number(&slow, "SELECT 3"), 3);

    sl_wire_cancel_encode(&peer.out, 7,
                          &(struct sl_wire_cancel){slow.connection_id, SL_WIRE_CANCEL_CONNECTION});
    assert_true(test_peer_send(&peer));
    (void)test_peer_expect(&peer, SL_WIRE_DONE);
    test_peer_expect_end(&slow);
    test_peer_close(&slow);
    test_peer_close(&peer);
}

static void
a_client_that_goes_away_stops_its_query(void **state)
{
    (void)state;
    struct test_peer slow;
    struct test_peer peer;
    start_slow(&slow, &test_served);
    test_peer_greet(&peer, &test_served);
    assert_int_equal(test_peer_number(&peer, running), 1);
    test_peer_close(&slow);
    int waited = 0;
    for (; waited < 100 && test_peer_number(&peer, running) != 0; waited++)
        (void)usleep(20000);
    assert_true(waited < 100);
    test_peer_close(&peer);
}

static void
connections_beyond_the_limit_are_told_so(void **state)
{
    (void)state;
    static const char *const options[] = {"connections", "2", NULL};
    struct test_server small;
    struct test_peer peers[3];
    char path[600];
    (void)snprintf(path, sizeof(path), "%s/small", test_served_directory);
    test_server_start(&small, path, options);
    test_peer_greet(&peers[0], &small);
    test_peer_greet(&peers[1], &small);
    test_peer_open(&peers[2], &small);
    (void)test_peer_expect_error(&peers[2], SL_LIMIT);
    for (int i = 0; i < 3; i++)
        test_peer_close(&peers[i]);
    test_server_stop(&small);
}

static void
a_stop_ends_what_runs(void **state)
{
    (void)state;
    struct test_server other;
    struct test_peer slow;
    struct test_peer idle;
    char path[600];
    (void)snprintf(path, sizeof(path), "%s/stopped", test_served_directory);
    test_server_start(&other, path, NULL);
    fill(&other);
    start_slow(&slow, &other);
    test_peer_greet(&idle, &other);
    assert_int_equal(kill(other.pid, SIGTERM), 0);
    struct sl_wire_frame frame;
    while (test_peer_frame(&slow, &frame)) {
    }
    test_peer_expect_end(&idle);
    test_peer_close(&slow);
    test_peer_close(&idle);
    test_server_reap(&other);

    /* What was acknowledged is there when it is started again. */
    struct test_peer peer;
    test_server_start(&other, path, NULL);
    test_peer_greet(&peer, &other);
    assert_int_equal(test_peer_number(&peer, "SELECT COUNT(*) FROM flows"), ROWS * BATCHES);
    test_peer_close(&peer);
    test_server_stop(&other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_rows_are_no_matter_of_a_moment),
        cmocka_unit_test(two_hundred_connections_are_served),
        cmocka_unit_test(slow_readers_hold_no_thread_and_are_dropped),
        cmocka_unit_test(a_running_query_is_cancelled_by_another_connection),
        cmocka_unit_test(a_client_that_goes_away_stops_its_query),
        cmocka_unit_test(connections_beyond_the_limit_are_told_so),
        cmocka_unit_test(a_stop_ends_what_runs),
    };
    return cmocka_run_group_tests(tests, test_served_start, test_served_stop);
}
