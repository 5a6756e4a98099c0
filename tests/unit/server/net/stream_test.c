/*
 * stream_test.c - streams over real loopback sockets: nothing is lost or reordered, a pause holds
 * the peer back, peers that are slow or go away are noticed, and a last word arrives.
 *
 * Method: one loop runs both ends. A message is a length in 4 bytes and as many bytes of a known
 * pattern. Every test ends through its own callbacks; a timer fails it when it does not.
 */
#include "server/net/stream.h"

#include "storage/base/clock.h"
#include "storage/base/cursor.h"
#include "tests/support/test.h"

enum { HEAD_BYTES = 4, STALL_US = 1000000 };

struct end {
    struct world *world;
    struct sl_stream *stream;
    size_t messages;
    size_t bytes;
    size_t pause_after;  /* messages; 0: never */
    size_t answer_bytes; /* of the body of an answer to each message; 0: none */
    size_t queued_bytes_max;
    bool close_at_first;
    bool has_ended;
    struct sl_error why;
};

struct world {
    struct sl_loop *loop;
    struct sl_acceptor *acceptor;
    struct sl_timer *timeout;
    struct sl_timer *resume;
    struct sl_tcp *connecting;
    struct sl_budget budget;
    struct end server;
    struct end client;
    size_t stop_at_messages; /* of an end that does not answer */
    unsigned paused_ticks;   /* of resume's timer, since the pause */
    void (*on_ready)(struct world *world);
    bool stop_when_server_ends;
    bool stop_when_client_ends;
    bool ran_out_of_time;
};

static uint8_t
pattern(size_t at)
{
    return (uint8_t)(at * 31 + at / 251);
}

static void
send_message(struct end *end, size_t body_bytes)
{
    struct sl_buf out = sl_buf_empty(64 << 20);
    sl_buf_u32le(&out, (uint32_t)body_bytes);
    uint8_t *body = sl_buf_extend(&out, body_bytes);
    assert_non_null(body);
    for (size_t i = 0; i < body_bytes; i++)
        body[i] = pattern(i);
    sl_stream_send(end->stream, &out);
    sl_buf_fini(&out);
}

static size_t
on_bytes(void *context, const uint8_t *bytes, size_t size_bytes, size_t *out_wanted_bytes)
{
    struct end *end = context;
    *out_wanted_bytes = HEAD_BYTES;
    if (end->close_at_first) {
        sl_stream_close(end->stream);
        end->stream = NULL;
        sl_loop_stop(end->world->loop);
        return 0;
    }
    if (size_bytes < HEAD_BYTES)
        return 0;
    size_t body_bytes = sl_read_le(bytes, HEAD_BYTES);
    *out_wanted_bytes = HEAD_BYTES + body_bytes;
    if (size_bytes < HEAD_BYTES + body_bytes)
        return 0;
    for (size_t i = 0; i < body_bytes; i++)
        assert_int_equal(bytes[HEAD_BYTES + i], pattern(i));
    *out_wanted_bytes = HEAD_BYTES;
    end->messages++;
    end->bytes += body_bytes;
    if (end->answer_bytes != 0)
        send_message(end, end->answer_bytes);
    end->queued_bytes_max = sl_max_size(end->queued_bytes_max, sl_stream_queued_bytes(end->stream));
    if (end->messages == end->pause_after)
        sl_stream_pause(end->stream);
    if (end->world->stop_at_messages != 0 && end->answer_bytes == 0 &&
        end->messages == end->world->stop_at_messages)
        sl_loop_stop(end->world->loop);
    return HEAD_BYTES + body_bytes;
}

static void
on_drained(void *context)
{
    (void)context;
}

static void
on_end(void *context, const struct sl_error *why)
{
    struct end *end = context;
    struct world *world = end->world;
    end->stream = NULL;
    end->has_ended = true;
    end->why = *why;
    if ((end == &world->server && world->stop_when_server_ends) ||
        (end == &world->client && world->stop_when_client_ends))
        sl_loop_stop(world->loop);
}

static const struct sl_stream_events events = {on_bytes, on_drained, on_end};

static void
open_end(struct end *end, struct sl_tcp *tcp)
{
    struct sl_stream_limits limits = {&end->world->budget, STALL_US};
    end->stream = sl_stream_open(tcp, &limits, &events, end);
    struct world *world = end->world;
    if (world->server.stream != NULL && world->client.stream != NULL)
        world->on_ready(world);
}

static void
on_accept(void *context, struct sl_tcp *tcp, const struct sl_endpoint *peer)
{
    struct world *world = context;
    assert_true(peer->is_loopback);
    open_end(&world->server, tcp);
}

static void
on_connect(void *context)
{
    struct world *world = context;
    struct sl_tcp *tcp = world->connecting;
    world->connecting = NULL;
    open_end(&world->client, tcp);
}

static void
on_connect_end(void *context, const struct sl_error *why)
{
    struct world *world = context;
    world->connecting = NULL;
    world->client.has_ended = true;
    world->client.why = *why;
    sl_loop_stop(world->loop);
}

static const struct sl_tcp_events connect_events = {.on_connect = on_connect,
                                                    .on_end = on_connect_end};

static void
on_timeout(void *context)
{
    struct world *world = context;
    world->ran_out_of_time = true;
    sl_loop_stop(world->loop);
}

/* Both ends, on_ready when both are open, until something stops the loop. */
static void
run_world(struct world *world)
{
    struct sl_error err = {0};
    struct sl_endpoint endpoint;
    world->loop = sl_loop_create();
    world->server.world = world;
    world->client.world = world;
    if (world->budget.limit_bytes == 0)
        world->budget.limit_bytes = 64 << 20;
    TEST_OK(sl_endpoint_parse("127.0.0.1:0", &endpoint, &err), &err);
    TEST_OK(sl_acceptor_open(world->loop, &endpoint, on_accept, world, &world->acceptor, &err),
            &err);
    endpoint = sl_acceptor_endpoint(world->acceptor);
    assert_int_not_equal(endpoint.port, 0);
    TEST_OK(
        sl_tcp_connect(world->loop, &endpoint, &connect_events, world, &world->connecting, &err),
        &err);
    world->timeout = sl_timer_open(world->loop, INT64_C(20) * SL_US_PER_S, 0, on_timeout, world);
    sl_loop_run(world->loop);
    assert_false(world->ran_out_of_time);
}

static void
end_world(struct world *world)
{
    sl_stream_close(world->server.stream);
    sl_stream_close(world->client.stream);
    sl_timer_close(world->timeout);
    sl_timer_close(world->resume);
    sl_acceptor_close(world->acceptor);
    sl_loop_destroy(world->loop);
    assert_int_equal(world->budget.used_bytes, 0);
}

static void
send_many(struct world *world)
{
    for (size_t i = 0; i < 2000; i++)
        send_message(&world->client, i % 97 == 0 ? 300000 : i % 7 == 0 ? 0 : i);
}

static void
messages_of_every_size_arrive_in_order(void **state)
{
    (void)state;
    struct world world = {.on_ready = send_many, .stop_at_messages = 2000};
    run_world(&world);
    size_t expected_bytes = 0;
    for (size_t i = 0; i < 2000; i++)
        expected_bytes += i % 97 == 0 ? 300000 : i % 7 == 0 ? 0 : i;
    assert_int_equal(world.server.bytes, expected_bytes);
    end_world(&world);
}

static void
go_on(void *context)
{
    struct world *world = context;
    if (world->server.messages < 3)
        return; /* not yet paused: a slow machine */
    if (world->paused_ticks++ != 1)
        return; /* it must last, and it ends once */
    assert_int_equal(world->server.messages, 3);
    assert_true(sl_stream_queued_bytes(world->client.stream) > 0);
    sl_stream_resume(world->server.stream);
}

static void
send_and_resume_later(struct world *world)
{
    for (int i = 0; i < 40; i++)
        send_message(&world->client, 1 << 20);
    world->resume = sl_timer_open(world->loop, STALL_US / 4, STALL_US / 4, go_on, world);
}

static void
a_pause_holds_the_peer_back(void **state)
{
    (void)state;
    struct world world = {.on_ready = send_and_resume_later, .stop_at_messages = 40};
    world.server.pause_after = 3;
    run_world(&world);
    assert_int_equal(world.server.bytes, 40 << 20);
    end_world(&world);
}

static void
read_at_last(void *context)
{
    struct world *world = context;
    if (world->paused_ticks++ == 1)
        sl_stream_resume(world->client.stream);
}

static void
ask_without_reading(struct world *world)
{
    sl_stream_pause(world->client.stream);
    for (int i = 0; i < 60; i++)
        send_message(&world->client, 100);
    world->resume = sl_timer_open(world->loop, STALL_US / 4, STALL_US / 4, read_at_last, world);
}

static void
a_peer_that_asks_and_does_not_read_is_not_heard(void **state)
{
    (void)state;
    struct world world = {.on_ready = ask_without_reading, .stop_at_messages = 60};
    world.server.answer_bytes = 1 << 20;
    run_world(&world);
    assert_true(world.server.queued_bytes_max < 10 << 20);
    assert_int_equal(world.client.bytes, 60 << 20);
    end_world(&world);
}

static void
send_without_end(struct world *world)
{
    for (int i = 0; i < 40; i++)
        send_message(&world->client, 1 << 20);
}

static void
a_peer_that_does_not_read_is_dropped(void **state)
{
    (void)state;
    struct world world = {.on_ready = send_without_end, .stop_when_client_ends = true};
    world.server.pause_after = 1;
    run_world(&world);
    assert_int_equal(world.client.why.status, SL_TIMEOUT);
    end_world(&world);
}

static void
send_half(struct world *world)
{
    struct sl_buf out = sl_buf_empty(100);
    sl_buf_u32le(&out, 50);
    sl_buf_u8(&out, 1);
    sl_stream_send(world->client.stream, &out);
    sl_buf_fini(&out);
}

static void
half_a_message_is_not_waited_for_without_end(void **state)
{
    (void)state;
    struct world world = {.on_ready = send_half, .stop_when_server_ends = true};
    run_world(&world);
    assert_int_equal(world.server.why.status, SL_TIMEOUT);
    end_world(&world);
}

static void
send_large(struct world *world)
{
    send_message(&world->client, 8 << 20);
}

static void
input_beyond_the_budget_ends_the_connection(void **state)
{
    (void)state;
    struct world world = {.on_ready = send_large, .stop_when_server_ends = true};
    world.budget.limit_bytes = 1 << 20;
    run_world(&world);
    assert_int_equal(world.server.why.status, SL_LIMIT);
    end_world(&world);
}

static void
speak_and_finish(struct world *world)
{
    /* The server has input of the client's that it will never read when it finishes. */
    for (int i = 0; i < 20; i++)
        send_message(&world->client, 100000);
    send_message(&world->server, 5000);
    sl_stream_finish(world->server.stream);
}

static void
the_last_word_arrives_before_the_end(void **state)
{
    (void)state;
    struct world world = {.on_ready = speak_and_finish, .stop_when_client_ends = true};
    run_world(&world);
    assert_int_equal(world.client.messages, 1);
    assert_int_equal(world.client.why.status, SL_OK);
    end_world(&world);
}

static void
an_owner_may_close_while_it_is_offered_bytes(void **state)
{
    (void)state;
    struct world world = {.on_ready = send_many};
    world.server.close_at_first = true;
    run_world(&world);
    assert_null(world.server.stream);
    end_world(&world);
}

static void
close_client(struct world *world)
{
    sl_stream_close(world->client.stream);
    world->client.stream = NULL;
}

static void
a_peer_that_goes_away_is_noticed(void **state)
{
    (void)state;
    struct world world = {.on_ready = close_client, .stop_when_server_ends = true};
    run_world(&world);
    assert_true(world.server.has_ended);
    end_world(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_every_size_arrive_in_order),
        cmocka_unit_test(a_pause_holds_the_peer_back),
        cmocka_unit_test(a_peer_that_asks_and_does_not_read_is_not_heard),
        cmocka_unit_test(a_peer_that_does_not_read_is_dropped),
        cmocka_unit_test(half_a_message_is_not_waited_for_without_end),
        cmocka_unit_test(input_beyond_the_budget_ends_the_connection),
        cmocka_unit_test(the_last_word_arrives_before_the_end),
        cmocka_unit_test(an_owner_may_close_while_it_is_offered_bytes),
        cmocka_unit_test(a_peer_that_goes_away_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
