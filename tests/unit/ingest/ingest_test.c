/*
 * ingest_test.c - datagrams through a real socket and messages through a stream reach the sink.
 *
 * Method: a listener on a port that the kernel picks, a sender in the test, sl_ingest_flush as
 * the barrier. The ring is tested alone with two threads and a sum.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ingest/ingest.h"
#include "ingest/ring.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/thread.h"
#include "tests/support/test.h"

struct taken {
    _Atomic uint64_t rows;
    _Atomic uint64_t states;
};

static sl_status
take_batch(void *context, struct sl_batch *batch, struct sl_error *err)
{
    struct taken *taken = context;
    (void)err;
    taken->rows += batch->row_count;
    sl_batch_release(batch);
    return SL_OK;
}

static void
take_state(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
    struct taken *taken = context;
    (void)key;
    (void)value;
    assert_true(key_bytes > 0 && value_bytes > 0);
    taken->states++;
}

/* One v5 datagram with `count` records. */
static size_t
make_v5(uint8_t *bytes, uint8_t count, uint32_t sequence)
{
    memset(bytes, 0, 24 + (size_t)count * 48);
    bytes[1] = 5;
    bytes[3] = count;
    for (unsigned i = 0; i < 4; i++)
        bytes[16 + i] = (uint8_t)(sequence >> (24 - 8 * i));
    return 24 + (size_t)count * 48;
}

/* An IPFIX message: a template of one field, and three records of it. */
static size_t
make_ipfix(uint8_t *bytes)
{
    static const uint8_t message[] = {0, 10, 0, 44, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, /* head */
                                      0, 2,  0, 12, 1, 0, 0, 1, 0, 1, 0, 4,             /* set 2 */
                                      1, 0,  0, 16, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 7};
    memcpy(bytes, message, sizeof(message));
    return sizeof(message);
}

static void
send_all(uint16_t port, unsigned datagrams)
{
    uint8_t bytes[2048];
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    for (unsigned i = 0; i < datagrams; i++) {
        size_t size_bytes = make_v5(bytes, 30, i * 30);
        assert_int_equal(sendto(fd, bytes, size_bytes, 0, (struct sockaddr *)&to, sizeof(to)),
                         (ssize_t)size_bytes);
    }
    (void)close(fd);
}

static void
note_source(void *context, const char *origin, const struct sl_source_counts *counts)
{
    struct sl_source_counts *sum = context;
    assert_non_null(strstr(origin, "netflow:127.0.0.1:"));
    *sum = *counts;
}

static void
note_exporter(void *context, const struct sl_exporter_info *info)
{
    uint64_t *records = context;
    *records += info->counts.records;
    assert_int_equal(info->counts.gaps, 0);
}

static struct sl_ingest_options
small_options(struct taken *taken)
{
    struct sl_ingest_options options = sl_ingest_options_default();
    options.ring_bytes = (size_t)1 << 20;
    options.socket_bytes = (size_t)1 << 20;
    options.put_state = take_state;
    options.put_context = taken;
    return options;
}

static void
datagrams_of_a_socket_reach_the_sink(void **state)
{
    (void)state;
    struct taken taken = {0};
    struct sl_error err = {0};
    uint16_t port = 0;
    uint64_t records = 0;
    struct sl_source_counts counts = {0};
    struct sl_ingest_options options = small_options(&taken);
    struct sl_schema *schema = sl_schema_create();
    struct sl_ingest *ingest =
        sl_ingest_create(&options, schema, (struct sl_sink){.put = take_batch, .context = &taken});
    TEST_OK(sl_ingest_listen_udp(ingest, "127.0.0.1:0", &port, &err), &err);
    assert_true(port != 0);
    TEST_OK(sl_ingest_start(ingest, &err), &err);
    send_all(port, 100);
    for (unsigned i = 0; i < 200 && counts.datagrams < 100; i++) {
        (void)usleep(10000);
        sl_ingest_sources(ingest, note_source, &counts);
    }
    TEST_OK(sl_ingest_flush(ingest, 10 * SL_US_PER_S, &err), &err);
    assert_int_equal(counts.datagrams, 100);
    assert_int_equal(taken.rows, 3000);
    struct sl_exporter_visitor visitor = {.exporter = note_exporter, .context = &records};
    sl_ingest_visit(ingest, &visitor);
    assert_int_equal(records, 3000);
    sl_ingest_stop(ingest);
    struct sl_decoder_counts decoded;
    sl_ingest_counts(ingest, &decoded);
    assert_int_equal(decoded.rows, 3000);
    sl_ingest_destroy(ingest);
    sl_schema_destroy(schema);
}

static void
peers_that_are_not_on_the_list_are_refused(void **state)
{
    (void)state;
    struct taken taken = {0};
    struct sl_error err = {0};
    uint16_t port = 0;
    struct sl_source_counts counts = {0};
    struct sl_addr_range other = {.first = sl_addr_from_v4(1), .last = sl_addr_from_v4(2)};
    struct sl_ingest_options options = small_options(&taken);
    options.allowed = &other;
    options.allowed_count = 1;
    struct sl_schema *schema = sl_schema_create();
    struct sl_ingest *ingest =
        sl_ingest_create(&options, schema, (struct sl_sink){.put = take_batch, .context = &taken});
    TEST_OK(sl_ingest_listen_udp(ingest, "127.0.0.1:0", &port, &err), &err);
    TEST_OK(sl_ingest_start(ingest, &err), &err);
    struct sl_ingest_stream *stream = NULL;
    assert_int_equal(sl_ingest_stream_open(ingest, sl_addr_from_v4(9), 1, &stream, &err),
                     SL_DENIED);
    assert_null(stream);
    send_all(port, 5);
    for (unsigned i = 0; i < 200 && counts.refused < 5; i++) {
        (void)usleep(10000);
        sl_ingest_sources(ingest, note_source, &counts);
    }
    sl_ingest_destroy(ingest);
    assert_int_equal(counts.refused, 5);
    assert_int_equal(taken.rows, 0);
    sl_schema_destroy(schema);
}

static void
a_stream_is_cut_into_messages(void **state)
{
    (void)state;
    struct taken taken = {0};
    struct sl_error err = {0};
    uint8_t bytes[256];
    size_t taken_bytes = 0;
    struct sl_ingest_options options = small_options(&taken);
    struct sl_schema *schema = sl_schema_create();
    struct sl_ingest *ingest =
        sl_ingest_create(&options, schema, (struct sl_sink){.put = take_batch, .context = &taken});
    TEST_OK(sl_ingest_start(ingest, &err), &err);
    struct sl_ingest_stream *stream = NULL;
    TEST_OK(sl_ingest_stream_open(ingest, sl_addr_from_v4(9), 1, &stream, &err), &err);
    size_t size_bytes = make_ipfix(bytes);
    /* Byte by byte, then two messages at once. */
    for (size_t i = 0; i < size_bytes; i++)
        TEST_OK(sl_ingest_stream_bytes(stream, &bytes[i], 1, &taken_bytes, &err), &err);
    size_bytes += make_ipfix(&bytes[size_bytes]);
    TEST_OK(sl_ingest_stream_bytes(stream, bytes, size_bytes, &taken_bytes, &err), &err);
    assert_int_equal(taken_bytes, size_bytes);
    TEST_OK(sl_ingest_flush(ingest, 10 * SL_US_PER_S, &err), &err);
    assert_int_equal(taken.rows, 9);
    const uint8_t junk[] = "GET / HTTP/1.1";
    assert_int_equal(sl_ingest_stream_bytes(stream, junk, sizeof(junk), &taken_bytes, &err),
                     SL_FORMAT);
    sl_ingest_stream_close(stream);
    sl_ingest_stop(ingest);
    assert_true(taken.states > 0); /* the template is worth keeping */
    sl_ingest_destroy(ingest);
    sl_schema_destroy(schema);
}

enum { RING_ROUNDS = 200000 };

static void
fill_ring(void *context)
{
    struct sl_ring *ring = context;
    uint64_t seed = 7;
    uint8_t bytes[1500];
    memset(bytes, 0x5a, sizeof(bytes));
    for (uint32_t i = 0; i < RING_ROUNDS; i++) {
        struct sl_ring_entry entry = {.received_us = i,
                                      .size_bytes = (uint32_t)test_random_below(&seed, 1500)};
        if (entry.size_bytes > 0)
            bytes[entry.size_bytes - 1] = (uint8_t)i;
        while (!sl_ring_put(ring, &entry, bytes))
            (void)usleep(50);
        if (entry.size_bytes > 0)
            bytes[entry.size_bytes - 1] = 0x5a;
    }
}

static void
a_ring_keeps_order_and_bytes(void **state)
{
    (void)state;
    struct sl_ring *ring = sl_ring_create((size_t)1 << 18);
    uint64_t seed = 7;
    struct sl_thread *thread = sl_thread_start("filler", fill_ring, ring);
    for (uint32_t i = 0; i < RING_ROUNDS;) {
        const uint8_t *bytes = NULL;
        const struct sl_ring_entry *entry = sl_ring_peek(ring, &bytes);
        if (entry == NULL)
            continue;
        assert_int_equal(entry->received_us, i);
        assert_int_equal(entry->size_bytes, test_random_below(&seed, 1500));
        if (entry->size_bytes > 0)
            assert_int_equal(bytes[entry->size_bytes - 1], (uint8_t)i);
        sl_ring_pop(ring);
        i++;
    }
    sl_thread_join(thread);
    const uint8_t *none = NULL;
    assert_null(sl_ring_peek(ring, &none));
    assert_true(sl_ring_is_past(ring, sl_ring_tail(ring)));
    sl_ring_destroy(ring);
}

/* Memory that the consumer has left is used again at once, as long as it keeps up. */
static void
a_ring_that_is_empty_begins_anew(void **state)
{
    static const uint8_t datagram[SL_RING_DATAGRAM_BYTES_MAX];
    struct sl_ring *ring = sl_ring_create((size_t)1 << 20);
    const uint8_t *first = NULL;
    const uint8_t *bytes = NULL;
    size_t far_bytes = 0;
    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        struct sl_ring_entry entry = {.size_bytes = i % 2 == 0 ? SL_RING_DATAGRAM_BYTES_MAX : i};
        assert_true(sl_ring_put(ring, &entry, datagram));
        const struct sl_ring_entry *got = sl_ring_peek(ring, &bytes);
        assert_non_null(got);
        assert_int_equal(got->size_bytes, entry.size_bytes);
        first = first == NULL ? bytes : first;
        far_bytes = sl_max_size(far_bytes, (size_t)(bytes - first));
        sl_ring_pop(ring);
    }
    assert_true(far_bytes < (size_t)3 * SL_RING_DATAGRAM_BYTES_MAX);
    assert_null(sl_ring_peek(ring, &bytes));
    sl_ring_destroy(ring);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_of_a_socket_reach_the_sink),
        cmocka_unit_test(peers_that_are_not_on_the_list_are_refused),
        cmocka_unit_test(a_stream_is_cut_into_messages),
        cmocka_unit_test(a_ring_keeps_order_and_bytes),
        cmocka_unit_test(a_ring_that_is_empty_begins_anew),
    };
    sl_log_set_level(SL_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
