/*
 * kill_test.c - kill -9 at random moments under inserts of the native protocol.
 *
 * Method: a server in a process of its own takes batches of one producer over a window of
 * credits, with seals, merges and age-based seals going on, and is killed after a random number
 * of acknowledgements and a random pause. After each restart the producer's last durable batch is
 * at least the last one acknowledged; every batch up to it is there exactly once and whole, and
 * none beyond it at all. The client then sends the rest again, as real ones do. In the end
 * sl_store_check finds nothing.
 *
 * Every row carries its batch's number in src_as and its own in src_port, so that a lost, doubled
 * or half row changes a count or a sum.
 *
 * SLUICE_KILL_ROUNDS sets the number of rounds (100, fewer with a sanitizer).
 */
#include <stdio.h>
#include <unistd.h>

#include "storage/batch_codec.h"
#include "storage/store.h"
#include "tests/support/peer.h"

enum { ROUNDS = 100, WINDOW = 6, ROWS_MAX = 3000 };

static const char *const options[] = {"seal-rows", "4096", "seal-age", "1s", NULL};

/* Rows of batch `number`: few or many, always the same. */
static uint32_t
row_count_of(uint64_t number)
{
    return (uint32_t)(1 + sl_hash_u64(number) % ROWS_MAX);
}

static struct sl_batch *
make_batch(struct sl_schema *schema, uint64_t number)
{
    uint32_t row_count = row_count_of(number);
    struct sl_builder *b = sl_builder_create(row_count);
    for (uint32_t i = 0; i < row_count; i++) {
        uint64_t at_us = UINT64_C(1795000000000000) + number * 1000000 + i;
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_FIRST_SEEN)),
                           at_us);
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_LAST_SEEN)),
                           at_us);
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_SRC_AS)), number);
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_SRC_PORT)), i);
        sl_builder_next(b);
    }
    struct sl_batch *batch = sl_builder_finish(b);
    sl_builder_destroy(b);
    return batch;
}

/* Batches 1 .. last, each whole and once, and nothing else. */
static void
prove(struct test_peer *peer, uint64_t last)
{
    uint64_t rows = 0;
    uint64_t numbers = 0;
    uint64_t ports = 0;
    for (uint64_t number = 1; number <= last; number++) {
        uint64_t count = row_count_of(number);
        rows += count;
        numbers += number * count;
        ports += count * (count - 1) / 2;
    }
    assert_int_equal(test_peer_number(peer, "SELECT COUNT(*) FROM flows"), rows);
    if (last == 0)
        return;
    assert_int_equal(test_peer_number(peer, "SELECT MAX(src_as) FROM flows"), last);
    assert_int_equal(test_peer_number(peer, "SELECT COUNT(DISTINCT src_as) FROM flows"), last);
    assert_int_equal(test_peer_number(peer, "SELECT SUM(src_as) FROM flows"), numbers);
    assert_int_equal(test_peer_number(peer, "SELECT SUM(src_port) FROM flows"), ports);
}

struct sender {
    struct test_peer peer;
    struct sl_schema *schema;
    uint64_t sent;
    uint64_t acknowledged;
};

static void
send_next(struct sender *s)
{
    struct sl_batch *batch = make_batch(s->schema, s->sent + 1);
    test_peer_put_batch(&s->peer, batch, s->sent + 1);
    assert_true(test_peer_send(&s->peer));
    s->sent++;
    sl_batch_release(batch);
}

static void
take_ack(struct sender *s)
{
    assert_false(test_peer_expect_ack(&s->peer, s->acknowledged + 1).is_repeated);
    s->acknowledged++;
}

/* Send until `wanted` more are acknowledged, wait a little, and pull the plug. */
static void
one_round(struct sender *s, const char *path, uint64_t *seed)
{
    struct test_server server;
    uint64_t acknowledged_before = s->acknowledged;
    test_server_start(&server, path, options);
    test_peer_greet(&s->peer, &server);
    uint64_t durable = test_peer_open_producer(&s->peer, "survivor").batch_number;
    assert_true(durable >= acknowledged_before);
    assert_true(durable <= s->sent);
    prove(&s->peer, durable);
    s->sent = durable;
    s->acknowledged = durable;

    uint64_t wanted = durable + test_random_below(seed, 12);
    while (s->acknowledged < wanted) {
        while (s->sent < s->acknowledged + WINDOW)
            send_next(s);
        take_ack(s);
    }
    for (uint64_t extra = test_random_below(seed, WINDOW);
         extra > 0 && s->sent < s->acknowledged + WINDOW; extra--)
        send_next(s);
    if (test_random_below(seed, 4) == 0) {
        sl_wire_flush_encode(&s->peer.out, 1, SL_WIRE_FLUSH_MERGE);
        assert_true(test_peer_send(&s->peer));
    }
    (void)usleep((useconds_t)test_random_below(seed, 30000));
    test_server_kill(&server);
    test_peer_close(&s->peer);
}

static void
report(void *context, enum sl_check_part part, const char *finding)
{
    (void)context;
    (void)part;
    printf("%s\n", finding);
}

static void
nothing_acknowledged_is_lost_or_doubled(void **state)
{
    (void)state;
    struct sl_error err = {0};
    const char *text = getenv("SLUICE_KILL_ROUNDS");
    unsigned long rounds = text == NULL ? test_rounds(ROUNDS) : strtoul(text, NULL, 10);
    uint64_t seed = test_seed();
    char *directory = test_dir_create();
    char path[600];
    (void)snprintf(path, sizeof(path), "%s/data", directory);
    struct sender sender = {.schema = sl_schema_create()};

    for (unsigned long round = 0; round < rounds; round++)
        one_round(&sender, path, &seed);

    struct test_server server;
    struct test_peer peer;
    uint64_t damaged = 0;
    test_server_start(&server, path, options);
    test_peer_greet(&peer, &server);
    prove(&peer, test_peer_open_producer(&peer, "survivor").batch_number);
    test_peer_close(&peer);
    test_server_stop(&server);
    TEST_OK(sl_store_check(path, report, NULL, &damaged, &err), &err);
    assert_int_equal(damaged, 0);
    printf("%lu rounds, %" PRIu64 " batches\n", rounds, sender.sent);
    sl_schema_destroy(sender.schema);
    test_dir_remove(directory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_acknowledged_is_lost_or_doubled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
