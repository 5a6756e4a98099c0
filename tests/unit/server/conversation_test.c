/*
 * conversation_test.c - a whole server, spoken to as clients do: questions, statements, files.
 *
 * One server in a process of its own serves all tests (its exit status, under a sanitizer, is part
 * of the proof).
 */

#include "tests/support/peer.h"

/* ---- asking ---- */

static void
a_question_is_answered(void **state)
{
    (void)state;
    struct test_peer peer;
    struct sl_error err = {0};
    struct sl_wire_result result;
    struct sl_wire_done done;
    test_peer_greet(&peer, &test_served);
    test_peer_put_query(&peer, 7, 0, "SELECT 40 + 2 AS answer");
    assert_true(test_peer_send(&peer));
    struct sl_wire_frame frame = test_peer_expect(&peer, SL_WIRE_RESULT);
    assert_int_equal(frame.tag, 7);
    TEST_OK(sl_wire_result_decode(&frame, peer.arena, &result, &err), &err);
    assert_int_equal(result.column_count, 1);
    assert_string_equal(result.columns[0].name, "answer");
    (void)test_peer_expect(&peer, SL_WIRE_DATA);
    frame = test_peer_expect(&peer, SL_WIRE_DONE);
    TEST_OK(sl_wire_done_decode(&frame, peer.arena, &done, &err), &err);
    assert_int_equal(done.result_rows, 1);
    assert_int_equal(done.flags, 0);

    sl_wire_ping_encode(&peer.out, SL_WIRE_PING, 8, 99);
    sl_wire_empty_encode(&peer.out, SL_WIRE_STATUS, 9);
    assert_true(test_peer_send(&peer));
    (void)test_peer_expect(&peer, SL_WIRE_PONG);
    frame = test_peer_expect(&peer, SL_WIRE_STATUS_TEXT);
    assert_non_null(memmem(frame.payload, frame.payload_bytes, "segments", 8));
    test_peer_close(&peer);
}

static uint64_t
count_at_once(struct test_peer *watcher)
{
    return test_peer_number(watcher,
                            "SELECT value FROM system.metrics WHERE name = 'statements_at_once'");
}

/* Of two narrow questions. Sanitizers make the second one longer than a moment. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { AT_ONCE = 1 };
#else
enum { AT_ONCE = 2 };
#endif

/* Alone and narrow: the loop answers. The watcher's own question makes it the one who asked last. */
static void
a_narrow_question_is_answered_at_once(void **state)
{
    static const char *const wide[] = {
        "SELECT SUM(bytes) FROM flows",
        "SELECT COUNT(*) FROM system.metrics WHERE value < 0",
        "SELECT COUNT(*) FROM flows WHERE app = 'x'",
        "SELECT COUNT(*) FROM flows WHERE host IN 10.0.0.0/8",
        "SELECT COUNT(*) FROM flows WHERE host = 10.0.0.1 AND LENGTH(REPEAT('x', 9)) = 0",
        "SELECT COUNT(*) FROM flows WHERE host = 10.0.0.1 AND LENGTH/**/(app) = 0",
        "SELECT COUNT(*) FROM flows WHERE host = 10.0.0.1 AND LENGTH -- IN\n(app) = 0",
        "SELECT COUNT(*) FROM flows WHERE exporter_addr = 10.255.0.99",
    };
    struct test_peer peer;
    struct test_peer watcher;
    (void)state;
    test_peer_greet(&peer, &test_served);
    test_peer_greet(&watcher, &test_served);
    uint64_t before = count_at_once(&watcher);
    assert_int_equal(test_peer_number(&peer, "SELECT 1"), 1); /* the watcher asked last */
    assert_int_equal(count_at_once(&watcher), before);
    /* On a busy machine one of them may take longer than a moment, but not in every round. */
    uint64_t most = 0;
    for (unsigned round = 0; round < 500 && most < AT_ONCE; round++) {
        before = count_at_once(&watcher);
        assert_int_equal(test_peer_number(&peer, "SELECT 1"), 1);
        assert_int_equal(test_peer_number(&peer, "SELECT 2"), 2);
        assert_int_equal(
            test_peer_number(&peer, "SELECT COUNT(*) FROM flows WHERE host = 203.0.113.99"), 0);
        most = count_at_once(&watcher) - before;
    }
    assert_in_range(most, AT_ONCE, 2);
    before = count_at_once(&watcher);
    (void)test_peer_number(&peer, "SELECT 1");
    for (size_t i = 0; i < SL_COUNTOF(wide); i++)
        (void)test_peer_number(&peer, wide[i]);
    test_peer_put_query(&peer, 1, 0, "SELECT nonsense");
    assert_true(test_peer_send(&peer));
    (void)test_peer_expect_error(&peer, SL_NAME);
    assert_int_equal(count_at_once(&watcher), before);
    test_peer_close(&watcher);
    test_peer_close(&peer);
}

static void
several_statements_give_several_results(void **state)
{
    (void)state;
    struct test_peer peer;
    struct sl_error err = {0};
    struct sl_wire_done done;
    test_peer_greet(&peer, &test_served);
    test_peer_put_query(&peer, 1, SL_WIRE_QUERY_MULTI, "SELECT 1; SELECT 2 /* and */; -- end\n ;");
    assert_true(test_peer_send(&peer));
    for (int i = 0; i < 2; i++) {
        (void)test_peer_expect(&peer, SL_WIRE_RESULT);
        (void)test_peer_expect(&peer, SL_WIRE_DATA);
        struct sl_wire_frame frame = test_peer_expect(&peer, SL_WIRE_DONE);
        TEST_OK(sl_wire_done_decode(&frame, peer.arena, &done, &err), &err);
        assert_int_equal(done.flags, i == 0 ? SL_WIRE_DONE_MORE : 0);
    }
    test_peer_put_query(&peer, 2, SL_WIRE_QUERY_MULTI, "SELECT 1; SELECT byts FROM flows");
    assert_true(test_peer_send(&peer));
    (void)test_peer_expect(&peer, SL_WIRE_RESULT);
    (void)test_peer_expect(&peer, SL_WIRE_DATA);
    (void)test_peer_expect(&peer, SL_WIRE_DONE);
    assert_non_null(strstr(test_peer_expect_error(&peer, SL_NAME), "did you mean"));

    test_peer_put_query(&peer, 3, 0, "SELECT 1; SELECT 2");
    assert_true(test_peer_send(&peer));
    assert_non_null(strstr(test_peer_expect_error(&peer, SL_SYNTAX), "one statement"));
    assert_int_equal(test_peer_number(&peer, "SELECT 5;"), 5);
    test_peer_close(&peer);
}

static void
statements_are_prepared_described_executed_and_closed(void **state)
{
    (void)state;
    static const char text[] = "SELECT ? + 1";
    struct test_peer peer;
    struct sl_error err = {0};
    struct sl_wire_prepared prepared;
    const struct sl_wire_value value = {.type = SL_TYPE_I64, .as.i64 = 41};
    const struct sl_wire_session session = {.database = "flows", .time_zone = "UTC"};
    test_peer_greet(&peer, &test_served);
    sl_wire_query_encode(&peer.out, SL_WIRE_PREPARE, 1,
                         &(struct sl_wire_query){session, {(const uint8_t *)text, 12}});
    assert_true(test_peer_send(&peer));
    struct sl_wire_frame frame = test_peer_expect(&peer, SL_WIRE_PREPARED);
    TEST_OK(sl_wire_prepared_decode(&frame, peer.arena, &prepared, &err), &err);
    assert_int_equal(prepared.parameter_count, 1);
    assert_int_equal(prepared.result.column_count, 1);

    sl_wire_statement_encode(&peer.out, SL_WIRE_DESCRIBE, 2, prepared.statement_id);
    assert_true(test_peer_send(&peer));
    (void)test_peer_expect(&peer, SL_WIRE_PREPARED);

    struct sl_wire_execute execute = {prepared.statement_id, session};
    execute.session.parameters = &value;
    execute.session.parameter_count = 1;
    sl_wire_execute_encode(&peer.out, 3, &execute);
    assert_true(test_peer_send(&peer));
    (void)test_peer_expect(&peer, SL_WIRE_RESULT);
    (void)test_peer_expect(&peer, SL_WIRE_DATA);
    (void)test_peer_expect(&peer, SL_WIRE_DONE);

    execute.session.parameter_count = 0;
    sl_wire_execute_encode(&peer.out, 4, &execute);
    assert_true(test_peer_send(&peer));
    (void)test_peer_expect_error(&peer, SL_SYNTAX);

    sl_wire_statement_encode(&peer.out, SL_WIRE_CLOSE, 5, prepared.statement_id);
    assert_true(test_peer_send(&peer));
    (void)test_peer_expect(&peer, SL_WIRE_DONE);
    sl_wire_execute_encode(&peer.out, 6, &execute);
    assert_true(test_peer_send(&peer));
    (void)test_peer_expect_error(&peer, SL_MISSING);
    test_peer_close(&peer);
}

/* ---- files of the client ---- */

static void
put_piece(struct test_peer *peer, uint32_t tag, const char *text)
{
    struct sl_slice bytes = {(const uint8_t *)text, (uint32_t)strlen(text)};
    sl_wire_file_data_encode(&peer->out, tag, bytes);
}

/* Ask for the file, up to the server's wish for it. */
static void
start_load(struct test_peer *peer, uint32_t tag)
{
    struct sl_error err = {0};
    const char *name = NULL;
    test_peer_put_query(peer, tag, 0,
                        "LOAD DATA LOCAL INFILE 'a.csv' INTO TABLE flows FIELDS TERMINATED BY ',' "
                        "(src_port, last_seen)");
    assert_true(test_peer_send(peer));
    (void)test_peer_expect(peer, SL_WIRE_RESULT);
    struct sl_wire_frame frame = test_peer_expect(peer, SL_WIRE_FILE_WANTED);
    assert_int_equal(frame.tag, tag);
    TEST_OK(sl_wire_file_wanted_decode(&frame, peer->arena, &name, &err), &err);
    assert_string_equal(name, "a.csv");
}

static void
a_file_of_the_client_becomes_rows(void **state)
{
    (void)state;
    static const char count[] = "SELECT COUNT(*) FROM flows WHERE src_port BETWEEN 8001 AND 8009";
    struct test_peer peer;
    struct sl_error err = {0};
    struct sl_wire_done done;
    test_peer_greet(&peer, &test_served);
    uint64_t before = test_peer_number(&peer, count);
    start_load(&peer, 21);
    put_piece(&peer, 21, "8001,1795421730\n80");
    put_piece(&peer, 21, "02,1795421");
    put_piece(&peer, 21, "730\nno flow\n");
    sl_wire_file_end_encode(&peer.out, 21, "");
    assert_true(test_peer_send(&peer));
    struct sl_wire_frame frame = test_peer_expect(&peer, SL_WIRE_DONE);
    TEST_OK(sl_wire_done_decode(&frame, peer.arena, &done, &err), &err);
    assert_int_equal(done.affected_rows, 2);
    assert_int_equal(done.warning_total, 3); /* no second field, no number, and so no flow */
    assert_int_equal(done.warning_count, 3);
    assert_int_equal(done.warnings[0].sql_number, 1261);
    assert_string_equal(done.warnings[0].text, "Row 3 doesn't contain data for all columns");
    assert_int_equal(done.warnings[1].sql_number, 1366);
    assert_int_equal(done.warnings[2].sql_number, 1364);
    assert_int_equal(test_peer_number(&peer, count), before + 2);

    start_load(&peer, 22);
    sl_wire_file_end_encode(&peer.out, 22, "there is no such file");
    assert_true(test_peer_send(&peer));
    assert_non_null(strstr(test_peer_expect_error(&peer, SL_MISSING), "no such file"));
    test_peer_close(&peer);
}

static void
what_comes_behind_the_failure_of_a_file_is_dropped(void **state)
{
    (void)state;
    struct test_peer peer;
    struct test_peer other;
    test_peer_greet(&peer, &test_served);
    test_peer_greet(&other, &test_served);
    start_load(&peer, 23);
    put_piece(&peer, 23, "8001,1795421730\n");
    assert_true(test_peer_send(&peer));
    sl_wire_cancel_encode(&other.out, 1, &(struct sl_wire_cancel){peer.connection_id, 0});
    assert_true(test_peer_send(&other));
    (void)test_peer_expect(&other, SL_WIRE_DONE);
    (void)test_peer_expect_error(&peer, SL_CANCELLED);
    put_piece(&peer, 23, "8001,1795421730\n");
    sl_wire_file_end_encode(&peer.out, 23, "");
    assert_true(test_peer_send(&peer));
    assert_int_equal(test_peer_number(&peer, "SELECT 3"), 3);

    /* Gone in the middle of its file; nobody asked for this one. */
    start_load(&peer, 24);
    test_peer_close(&peer);
    put_piece(&other, 2, "8001,1795421730\n");
    assert_true(test_peer_send(&other));
    test_peer_expect_end(&other);
    test_peer_close(&other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_answered),
        cmocka_unit_test(a_narrow_question_is_answered_at_once),
        cmocka_unit_test(several_statements_give_several_results),
        cmocka_unit_test(statements_are_prepared_described_executed_and_closed),
        cmocka_unit_test(a_file_of_the_client_becomes_rows),
        cmocka_unit_test(what_comes_behind_the_failure_of_a_file_is_dropped),
    };
    return cmocka_run_group_tests(tests, test_served_start, test_served_stop);
}
