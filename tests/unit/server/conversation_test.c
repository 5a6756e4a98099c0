/*
 * conversation_test.c - a whole server, spoken to as clients do and as attackers do.
 *
 * One server in a process of its own serves all tests (its exit status, under a sanitizer, is part
 * of the proof); tests that need other options start another one.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "storage/batch_codec.h"
#include "tests/support/peer.h"

enum { ROWS = 20000, BATCHES = 30 };

static char *directory;
static struct test_server server;

/* ---- asking ---- */

static void
a_question_is_answered(void **state)
{
    (void)state;
    struct test_peer peer;
    struct sl_error err = {0};
    struct sl_wire_result result;
    struct sl_wire_done done;
    test_peer_greet(&peer, &server);
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

/* Alone and narrow: the loop answers. The watcher's own question makes it the one who asked last. */
/* Of two narrow questions. The thread sanitizer makes the second one longer than a moment. */
#ifdef __SANITIZE_THREAD__
enum { AT_ONCE = 1 };
#else
enum { AT_ONCE = 2 };
#endif

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
    test_peer_greet(&peer, &server);
    test_peer_greet(&watcher, &server);
    uint64_t before = count_at_once(&watcher);
    assert_int_equal(test_peer_number(&peer, "SELECT 1"), 1); /* the watcher asked last */
    assert_int_equal(count_at_once(&watcher), before);
    /* On a busy machine one of them may take longer than a moment, but not in every round. */
    uint64_t most = 0;
    for (unsigned round = 0; round < 50 && most < AT_ONCE; round++) {
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
    test_peer_greet(&peer, &server);
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
    test_peer_greet(&peer, &server);
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

/* ---- inserts ---- */

static struct sl_batch *
make_batch(struct sl_schema *schema, uint32_t row_count, uint64_t mark)
{
    static const uint32_t noise[] = {SL_COLUMN_IN_PACKETS, SL_COLUMN_OUT_BYTES,
                                     SL_COLUMN_OUT_PACKETS};
    struct sl_builder *b = sl_builder_create(row_count);
    uint64_t seed = mark;
    for (uint32_t i = 0; i < row_count; i++) {
        int64_t at_us = INT64_C(1795000000000000) + (int64_t)i * 1000;
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_FIRST_SEEN)),
                           (uint64_t)at_us);
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_LAST_SEEN)),
                           (uint64_t)at_us);
        sl_builder_set_addr(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_SRC_ADDR)),
                            sl_addr_from_v4(0x0a000000 + i % 5000));
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_SRC_AS)), mark);
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_IN_BYTES)),
                           i * 7919 % 100003);
        for (int c = 0; c < 3; c++) /* incompressible: results that fill the buffers on the way */
            sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, noise[c])),
                               test_random(&seed));
        sl_builder_next(b);
    }
    struct sl_batch *batch = sl_builder_finish(b);
    sl_builder_destroy(b);
    return batch;
}

static struct sl_wire_insert_ready
open_producer(struct test_peer *peer, const char *name)
{
    struct sl_error err = {0};
    struct sl_wire_insert_ready ready;
    sl_wire_insert_open_encode(&peer->out, 1, name);
    assert_true(test_peer_send(peer));
    struct sl_wire_frame frame = test_peer_expect(peer, SL_WIRE_INSERT_READY);
    TEST_OK(sl_wire_insert_ready_decode(&frame, &ready, &err), &err);
    return ready;
}

static void
put_batch(struct test_peer *peer, struct sl_batch *batch, uint64_t number)
{
    const struct sl_wire_insert insert = {.batch_number = number};
    sl_wire_insert_encode(&peer->out, (uint32_t)number, &insert, batch);
}

static struct sl_wire_insert_ack
expect_ack(struct test_peer *peer, uint64_t number)
{
    struct sl_error err = {0};
    struct sl_wire_insert_ack ack;
    struct sl_wire_frame frame = test_peer_expect(peer, SL_WIRE_INSERT_ACK);
    TEST_OK(sl_wire_insert_ack_decode(&frame, &ack, &err), &err);
    assert_int_equal(ack.batch_number, number);
    assert_int_equal(frame.tag, number);
    return ack;
}

static void
batches_are_acknowledged_once_and_fenced(void **state)
{
    (void)state;
    struct test_peer first;
    struct test_peer second;
    struct sl_schema *schema = sl_schema_create();
    struct sl_batch *batch = make_batch(schema, 100, 64512);
    test_peer_greet(&first, &server);
    struct sl_wire_insert_ready ready = open_producer(&first, "fence");
    assert_int_equal(ready.batch_number, 0);
    assert_true(ready.credits >= 4);
    for (uint64_t i = 1; i <= 4; i++)
        put_batch(&first, batch, i);
    assert_true(test_peer_send(&first));
    for (uint64_t i = 1; i <= 4; i++)
        assert_false(expect_ack(&first, i).is_repeated);
    put_batch(&first, batch, 4);
    assert_true(test_peer_send(&first));
    assert_true(expect_ack(&first, 4).is_repeated);
    assert_int_equal(test_peer_number(&first, "SELECT COUNT(*) FROM flows WHERE src_as = 64512"),
                     400);

    test_peer_greet(&second, &server);
    assert_int_equal(open_producer(&second, "fence").batch_number, 4);
    put_batch(&first, batch, 5);
    assert_true(test_peer_send(&first));
    (void)test_peer_expect_error(&first, SL_FENCED);
    put_batch(&first, batch, 6);
    assert_true(test_peer_send(&first));
    (void)test_peer_expect_error(&first, SL_FENCED);
    put_batch(&second, batch, 5);
    assert_true(test_peer_send(&second));
    (void)expect_ack(&second, 5);
    assert_int_equal(
        test_peer_number(&second, "SELECT COUNT(*) FROM flows WHERE origin = 'native'"), 500);
    test_peer_close(&first);
    test_peer_close(&second);
    sl_batch_release(batch);
    sl_schema_destroy(schema);
}

static void
a_batch_that_does_not_decode_closes_its_producer(void **state)
{
    (void)state;
    struct test_peer peer;
    struct sl_schema *schema = sl_schema_create();
    struct sl_batch *batch = make_batch(schema, 10, 1);
    test_peer_greet(&peer, &server);
    (void)open_producer(&peer, "bad");
    put_batch(&peer, batch, 1);
    /* Damage the batch, and make the check sum fit again. */
    uint8_t *bytes = peer.out.bytes;
    for (size_t i = SL_WIRE_HEADER_BYTES + 40; i < SL_WIRE_HEADER_BYTES + 60; i++)
        bytes[i] ^= 0xff;
    uint32_t check = (uint32_t)sl_hash64(bytes + SL_WIRE_HEADER_BYTES,
                                         peer.out.size_bytes - SL_WIRE_HEADER_BYTES);
    sl_buf_patch_u32le(&peer.out, 8, check);
    put_batch(&peer, batch, 2);
    assert_true(test_peer_send(&peer));
    struct sl_wire_frame frame = test_peer_expect(&peer, SL_WIRE_ERROR);
    assert_int_equal(frame.tag, 1);
    frame = test_peer_expect(&peer, SL_WIRE_ERROR);
    assert_int_equal(frame.tag, 2);
    assert_int_equal(open_producer(&peer, "bad").batch_number, 0);
    test_peer_close(&peer);
    sl_batch_release(batch);
    sl_schema_destroy(schema);
}

static void
imports_are_remembered(void **state)
{
    (void)state;
    struct test_peer peer;
    struct sl_error err = {0};
    struct sl_wire_import_state import_state;
    struct sl_schema *schema = sl_schema_create();
    struct sl_batch *batch = make_batch(schema, 10, 2);
    const struct sl_hash128 id = {.low = 11, .high = 22};
    test_peer_greet(&peer, &server);
    (void)open_producer(&peer, "importer");
    const struct sl_wire_insert insert = {1, true, id, 4096};
    sl_wire_insert_encode(&peer.out, 1, &insert, batch);
    assert_true(test_peer_send(&peer));
    (void)expect_ack(&peer, 1);
    for (int finished = 0; finished < 2; finished++) {
        sl_wire_import_encode(&peer.out, 2, &(struct sl_wire_import){SL_WIRE_IMPORT_FIND, id});
        assert_true(test_peer_send(&peer));
        struct sl_wire_frame frame = test_peer_expect(&peer, SL_WIRE_IMPORT_STATE);
        TEST_OK(sl_wire_import_state_decode(&frame, &import_state, &err), &err);
        assert_int_equal(import_state.offset, 4096);
        assert_int_equal(import_state.is_finished, finished);
        sl_wire_import_encode(&peer.out, 3, &(struct sl_wire_import){SL_WIRE_IMPORT_FINISH, id});
        assert_true(test_peer_send(&peer));
        (void)test_peer_expect(&peer, SL_WIRE_DONE);
    }
    assert_int_equal(test_peer_number(&peer, "SELECT COUNT(*) FROM system.imports"), 1);
    sl_wire_flush_encode(&peer.out, 4, SL_WIRE_FLUSH_MERGE);
    assert_true(test_peer_send(&peer));
    (void)test_peer_expect(&peer, SL_WIRE_DONE);
    assert_true(test_peer_number(&peer, "SELECT COUNT(*) FROM system.segments") > 0);
    test_peer_close(&peer);
    sl_batch_release(batch);
    sl_schema_destroy(schema);
}

/* ---- hostile peers ---- */

static void
put_header(struct sl_buf *out, uint32_t payload_bytes, uint32_t type)
{
    sl_buf_u32le(out, payload_bytes);
    sl_buf_u32le(out, 5);
    sl_buf_u32le(out, 0);
    sl_buf_u32le(out, type);
}

static void
strangers_are_turned_away(void **state)
{
    (void)state;
    static const char *const words[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello hello",
                                        "0123456789abcdef0123456789abcdef"};
    struct test_peer peer;
    for (size_t i = 0; i < SL_COUNTOF(words); i++) {
        test_peer_open(&peer, &server);
        assert_true(test_peer_send_bytes(&peer, words[i], sl_max_size(strlen(words[i]), 20)));
        test_peer_expect_end(&peer);
        test_peer_close(&peer);
    }
    for (int half = 0; half < 2; half++) { /* silence, and half a header, then gone */
        test_peer_open(&peer, &server);
        assert_true(test_peer_send_bytes(&peer, "abc", half == 0 ? 0 : 3));
        test_peer_close(&peer);
    }
}

static void
frames_out_of_order_end_the_handshake(void **state)
{
    (void)state;
    struct test_peer peer;
    for (int which = 0; which < 6; which++) {
        test_peer_open(&peer, &server);
        switch (which) {
        case 0:
            sl_wire_auth_encode(&peer.out, 1, &(struct sl_wire_auth){"a", "none", {NULL, 0}});
            break;
        case 1:
            test_peer_put_query(&peer, 1, 0, "SELECT 1");
            break;
        case 2:
            sl_wire_hello_encode(&peer.out, 1, &(struct sl_wire_hello){2, 9, 0, "future"});
            break;
        case 3:
            put_header(&peer.out, 64 << 20, SL_WIRE_INSERT);
            break;
        case 4:
            sl_wire_hello_encode(&peer.out, 1, &(struct sl_wire_hello){1, 1, 0, "x"});
            peer.out.bytes[SL_WIRE_HEADER_BYTES] ^= 1;
            break;
        default:
            sl_wire_hello_encode(&peer.out, 1, &(struct sl_wire_hello){1, 1, 0, "x"});
            test_peer_put_query(&peer, 1, 0, "SELECT 1");
            break;
        }
        (void)test_peer_send(&peer);
        if (which == 5)
            (void)test_peer_expect(&peer, SL_WIRE_WELCOME);
        test_peer_expect_end(&peer);
        test_peer_close(&peer);
    }
}

static void
broken_promises_end_the_connection(void **state)
{
    (void)state;
    struct test_peer peer;
    struct sl_schema *schema = sl_schema_create();
    struct sl_batch *batch = make_batch(schema, 10, 3);
    for (int which = 0; which < 7; which++) {
        test_peer_greet(&peer, &server);
        switch (which) {
        case 0:
            put_header(&peer.out, 0, 200);
            break;
        case 1:
            put_header(&peer.out, UINT32_MAX, SL_WIRE_QUERY);
            break;
        case 2: /* an answer, from a client */
            sl_wire_ping_encode(&peer.out, SL_WIRE_PONG, 1, 1);
            break;
        case 3: /* a second greeting */
            sl_wire_hello_encode(&peer.out, 1, &(struct sl_wire_hello){1, 1, 0, "x"});
            break;
        case 4: /* a batch of nobody's */
            put_batch(&peer, batch, 1);
            break;
        case 5: /* a check sum that does not fit */
            put_header(&peer.out, 8, SL_WIRE_PING);
            sl_buf_u64le(&peer.out, 1);
            break;
        default: /* two requests at once */
            for (int i = 0; i < 50; i++)
                test_peer_put_query(&peer, 1, 0, "SELECT COUNT(*) FROM system.metrics");
            break;
        }
        (void)test_peer_send(&peer);
        struct sl_wire_frame frame;
        bool has_error = false;
        while (test_peer_frame(&peer, &frame))
            has_error |= frame.type == SL_WIRE_ERROR;
        assert_true(has_error);
        test_peer_close(&peer);
    }
    sl_batch_release(batch);
    sl_schema_destroy(schema);
}

static void
more_batches_than_credits_end_the_connection(void **state)
{
    (void)state;
    struct test_peer peer;
    struct sl_schema *schema = sl_schema_create();
    struct sl_batch *batch = make_batch(schema, 1, 4);
    test_peer_greet(&peer, &server);
    (void)open_producer(&peer, "greedy");
    for (uint64_t i = 1; i <= 1000; i++)
        put_batch(&peer, batch, i);
    (void)test_peer_send(&peer);
    struct sl_wire_frame frame;
    uint64_t acknowledged = 0;
    while (test_peer_frame(&peer, &frame))
        acknowledged += frame.type == SL_WIRE_INSERT_ACK;
    assert_true(acknowledged < 1000);
    test_peer_close(&peer);
    sl_batch_release(batch);
    sl_schema_destroy(schema);
}

static void
random_bytes_do_no_harm(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (int round = 0; round < 60; round++) {
        struct test_peer peer;
        if (round % 2 == 0)
            test_peer_open(&peer, &server);
        else
            test_peer_greet(&peer, &server);
        test_peer_put_query(&peer, 1, 0, "SELECT 1");
        sl_wire_ping_encode(&peer.out, SL_WIRE_PING, 2, 3);
        for (int i = 0; i < 3; i++)
            peer.out.bytes[test_random_below(&seed, peer.out.size_bytes)] =
                (uint8_t)test_random(&seed);
        (void)test_peer_send(&peer);
        test_peer_close(&peer);
    }
}

/* ---- many, slow, gone ---- */

static void
two_hundred_connections_are_served(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    struct test_peer *peers = calloc(COUNT, sizeof(*peers));
    assert_non_null(peers);
    for (int i = 0; i < COUNT; i++)
        test_peer_greet(&peers[i], &server);
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
    struct sl_batch *batch = make_batch(schema, ROWS, 77);
    test_peer_greet(&peer, target);
    uint64_t number = open_producer(&peer, "filler").batch_number;
    for (int i = 0; i < BATCHES; i++) {
        put_batch(&peer, batch, ++number);
        assert_true(test_peer_send(&peer));
        (void)expect_ack(&peer, number);
    }
    test_peer_close(&peer);
    sl_batch_release(batch);
    sl_schema_destroy(schema);
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
    (void)snprintf(path, sizeof(path), "%s/slow", directory);
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
    test_peer_greet(&peer, &server);
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
    assert_true(done.warning_total >= 1);
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
    test_peer_greet(&peer, &server);
    test_peer_greet(&other, &server);
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

static void
a_running_query_is_cancelled_by_another_connection(void **state)
{
    (void)state;
    struct test_peer slow;
    struct test_peer peer;
    struct sl_wire_frame frame;
    fill(&server);
    start_slow(&slow, &server);
    test_peer_greet(&peer, &server);
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
    start_slow(&slow, &server);
    test_peer_greet(&peer, &server);
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
    (void)snprintf(path, sizeof(path), "%s/small", directory);
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
    (void)snprintf(path, sizeof(path), "%s/stopped", directory);
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

static int
set_up(void **state)
{
    char path[600];
    (void)state;
    directory = test_dir_create();
    (void)snprintf(path, sizeof(path), "%s/data", directory);
    test_server_start(&server, path, NULL);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    test_server_stop(&server);
    test_dir_remove(directory);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_answered),
        cmocka_unit_test(a_narrow_question_is_answered_at_once),
        cmocka_unit_test(several_statements_give_several_results),
        cmocka_unit_test(statements_are_prepared_described_executed_and_closed),
        cmocka_unit_test(batches_are_acknowledged_once_and_fenced),
        cmocka_unit_test(a_batch_that_does_not_decode_closes_its_producer),
        cmocka_unit_test(imports_are_remembered),
        cmocka_unit_test(strangers_are_turned_away),
        cmocka_unit_test(frames_out_of_order_end_the_handshake),
        cmocka_unit_test(broken_promises_end_the_connection),
        cmocka_unit_test(more_batches_than_credits_end_the_connection),
        cmocka_unit_test(random_bytes_do_no_harm),
        cmocka_unit_test(two_hundred_connections_are_served),
        cmocka_unit_test(slow_readers_hold_no_thread_and_are_dropped),
        cmocka_unit_test(a_file_of_the_client_becomes_rows),
        cmocka_unit_test(what_comes_behind_the_failure_of_a_file_is_dropped),
        cmocka_unit_test(a_running_query_is_cancelled_by_another_connection),
        cmocka_unit_test(a_client_that_goes_away_stops_its_query),
        cmocka_unit_test(connections_beyond_the_limit_are_told_so),
        cmocka_unit_test(a_stop_ends_what_runs),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
