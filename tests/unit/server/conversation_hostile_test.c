/* conversation_hostile_test.c - a whole server, spoken to as attackers do. */

#include "storage/batch_codec.h"
#include "tests/support/peer.h"

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
        test_peer_open(&peer, &test_served);
        assert_true(test_peer_send_bytes(&peer, words[i], sl_max_size(strlen(words[i]), 20)));
        test_peer_expect_end(&peer);
        test_peer_close(&peer);
    }
    for (int half = 0; half < 2; half++) { /* silence, and half a header, then gone */
        test_peer_open(&peer, &test_served);
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
        test_peer_open(&peer, &test_served);
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
    struct sl_batch *batch = test_peer_batch(schema, 10, 3);
    for (int which = 0; which < 7; which++) {
        test_peer_greet(&peer, &test_served);
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
            test_peer_put_batch(&peer, batch, 1);
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
    struct sl_batch *batch = test_peer_batch(schema, 1, 4);
    test_peer_greet(&peer, &test_served);
    (void)test_peer_open_producer(&peer, "greedy");
    for (uint64_t i = 1; i <= 1000; i++)
        test_peer_put_batch(&peer, batch, i);
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
variables_too_long_for_one_answer_are_refused(void **state)
{
    (void)state;
    struct test_peer peer;
    struct sl_buf text = sl_buf_empty(SL_WIRE_TEXT_BYTES_MAX);
    for (int i = 0; i < 100; i++)
        sl_buf_printf(&text, "%s @a%d = REPEAT('x', 65535)", i == 0 ? "SET" : ",", i);
    sl_buf_u8(&text, 0);
    assert_false(text.bad);
    test_peer_greet(&peer, &test_served);
    test_peer_put_query(&peer, 1, 0, (const char *)text.bytes);
    assert_true(test_peer_send(&peer));
    (void)test_peer_expect(&peer, SL_WIRE_RESULT);
    const char *story = test_peer_expect_error(&peer, SL_LIMIT);
    assert_non_null(strstr(story, "too long for one answer"));
    assert_int_equal(test_peer_number(&peer, "SELECT 7"), 7);
    test_peer_close(&peer);
    sl_buf_fini(&text);
}

static void
random_bytes_do_no_harm(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (int round = 0; round < 60; round++) {
        struct test_peer peer;
        if (round % 2 == 0)
            test_peer_open(&peer, &test_served);
        else
            test_peer_greet(&peer, &test_served);
        test_peer_put_query(&peer, 1, 0, "SELECT 1");
        sl_wire_ping_encode(&peer.out, SL_WIRE_PING, 2, 3);
        for (int i = 0; i < 3; i++)
            peer.out.bytes[test_random_below(&seed, peer.out.size_bytes)] =
                (uint8_t)test_random(&seed);
        (void)test_peer_send(&peer);
        test_peer_close(&peer);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_are_turned_away),
        cmocka_unit_test(frames_out_of_order_end_the_handshake),
        cmocka_unit_test(broken_promises_end_the_connection),
        cmocka_unit_test(more_batches_than_credits_end_the_connection),
        cmocka_unit_test(variables_too_long_for_one_answer_are_refused),
        cmocka_unit_test(random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, test_served_start, test_served_stop);
}
