/*
 * mysql_packet_test.c - packets that are longer than a packet can be, and frames of compressed
 * ones: what was written is read again.
 */
#include "client/mysql/deflate.h"
#include "client/mysql/packet.h"
#include "storage/base/cursor.h"
#include "tests/support/test.h"

enum { OUT_BYTES_MAX = 64 << 20, BUDGET_BYTES = 128 << 20, PART = SL_MYSQL_PART_BYTES_MAX };

static uint8_t *
noise(size_t size_bytes)
{
    uint64_t seed = 7;
    uint8_t *bytes = sl_new(size_bytes + 8);
    for (size_t at = 0; at < size_bytes; at += 8) {
        uint64_t draw = test_random(&seed);
        memcpy(bytes + at, &draw, sizeof(draw));
    }
    return bytes;
}

/* The packets that a payload takes, and the number of the next. */
static void
round_trip(size_t size_bytes, unsigned packet_count)
{
    struct sl_buf out = sl_buf_empty(OUT_BYTES_MAX);
    struct sl_buf joined = sl_buf_empty(OUT_BYTES_MAX);
    struct sl_packet packet = {0};
    struct sl_error err = {0};
    uint8_t *bytes = noise(size_bytes);
    uint8_t sequence = 254; /* it begins again at 0 */
    size_t used_bytes = 0;
    size_t wanted_bytes = 0;
    size_t start = sl_packet_begin(&out);
    if (size_bytes != 0)
        sl_buf_append(&out, bytes, size_bytes);
    sl_packet_end(&out, start, &sequence);
    assert_false(out.bad);
    assert_int_equal(out.size_bytes, size_bytes + packet_count * SL_MYSQL_HEADER_BYTES);
    assert_int_equal(sequence, (uint8_t)(254 + packet_count));

    TEST_OK(sl_packet_next(out.bytes, out.size_bytes, OUT_BYTES_MAX, 254, &joined, &packet,
                           &used_bytes, &wanted_bytes, &err),
            &err);
    assert_int_equal(used_bytes, out.size_bytes);
    assert_int_equal(packet.payload_bytes, size_bytes);
    assert_int_equal(packet.sequence_next, sequence);
    if (size_bytes != 0)
        assert_memory_equal(packet.payload, bytes, size_bytes);
    TEST_OK(sl_packet_next(out.bytes, out.size_bytes - 1, OUT_BYTES_MAX, 254, &joined, &packet,
                           &used_bytes, &wanted_bytes, &err),
            &err);
    assert_int_equal(used_bytes, 0);
    free(bytes);
    sl_buf_fini(&out);
    sl_buf_fini(&joined);
}

static void
payloads_of_all_lengths_are_read_as_written(void **state)
{
    (void)state;
    round_trip(0, 1);
    round_trip(1, 1);
    round_trip(PART - 1, 1);
    round_trip(PART, 2); /* the second is empty */
    round_trip(PART + 1, 2);
    round_trip(2 * (size_t)PART, 3);
    round_trip(2 * (size_t)PART + 5, 3);
}

/* Frames of `plain`, read again whole and after a cut of each of the first bytes. */
static void
deflate_round_trip(const uint8_t *plain, size_t size_bytes, unsigned frame_count)
{
    struct sl_budget budget = {.limit_bytes = BUDGET_BYTES};
    struct sl_buf packets = sl_buf_empty(OUT_BYTES_MAX);
    struct sl_inflated inflated;
    struct sl_error err = {0};
    uint8_t sequence = 3;
    size_t wanted_bytes = 0;
    size_t plain_at = 0;
    sl_buf_append(&packets, plain, size_bytes);
    sl_deflate(&packets, &sequence);
    assert_int_equal(sequence, 3 + frame_count);
    sl_inflated_init(&inflated, &budget);
    inflated.sequence_next = 3;
    for (size_t have = 0; have < sl_min_size(packets.size_bytes, 20); have++) {
        TEST_OK(sl_inflate(&inflated, packets.bytes, have, &wanted_bytes, &err), &err);
        assert_int_equal(inflated.frame_bytes, 0);
        assert_true(wanted_bytes > have);
    }
    for (size_t at = 0; at < packets.size_bytes;) {
        TEST_OK(
            sl_inflate(&inflated, packets.bytes + at, packets.size_bytes - at, &wanted_bytes, &err),
            &err);
        assert_true(inflated.size_bytes <= size_bytes - plain_at);
        assert_memory_equal(inflated.bytes + inflated.offset_bytes, plain + plain_at,
                            inflated.size_bytes);
        plain_at += inflated.size_bytes;
        sl_inflated_drop(&inflated, inflated.size_bytes);
        at += sl_inflated_end_frame(&inflated);
    }
    assert_int_equal(plain_at, size_bytes);
    assert_int_equal(inflated.sequence_next, sequence);
    assert_int_equal(budget.used_bytes, 0); /* nothing is left, so nothing is held */
    sl_buf_fini(&packets);
}

static void
frames_are_inflated_to_what_was_deflated(void **state)
{
    uint8_t *bytes = noise(PART + 100);
    (void)state;
    deflate_round_trip(bytes, 1, 1);
    deflate_round_trip(bytes, 49, 1);
    deflate_round_trip(bytes, 5000, 1); /* noise stays as it is */
    deflate_round_trip(bytes, PART + 100, 2);
    memset(bytes, 'x', PART + 100);
    deflate_round_trip(bytes, 50, 1);
    deflate_round_trip(bytes, PART, 1);
    deflate_round_trip(bytes, PART + 100, 2);
    free(bytes);
}

static void
frames_that_lie_are_refused(void **state)
{
    struct sl_budget budget = {.limit_bytes = BUDGET_BYTES};
    struct sl_buf packets = sl_buf_empty(OUT_BYTES_MAX);
    struct sl_inflated inflated;
    struct sl_error err = {0};
    uint8_t plain[1000] = {0};
    uint8_t sequence = 0;
    size_t wanted_bytes = 0;
    (void)state;
    sl_buf_append(&packets, plain, sizeof(plain));
    sl_deflate(&packets, &sequence);
    for (int lie = -1; lie <= 1; lie += 2) {
        uint8_t *copy = sl_new(packets.size_bytes);
        memcpy(copy, packets.bytes, packets.size_bytes);
        copy[4] = (uint8_t)(copy[4] + lie); /* inflates to one byte more, or less */
        sl_inflated_init(&inflated, &budget);
        assert_int_equal(sl_inflate(&inflated, copy, packets.size_bytes, &wanted_bytes, &err),
                         SL_FORMAT);
        assert_int_equal(err.sql_number, SL_ER_UNCOMPRESS);
        sl_inflated_fini(&inflated);
        free(copy);
    }
    sl_inflated_init(&inflated, &budget);
    inflated.sequence_next = 7; /* not the frame's number */
    assert_int_equal(sl_inflate(&inflated, packets.bytes, packets.size_bytes, &wanted_bytes, &err),
                     SL_FORMAT);
    assert_int_equal(err.sql_number, SL_ER_PACKETS_OUT_OF_ORDER);
    sl_inflated_fini(&inflated);
    budget.limit_bytes = 10; /* no memory for what it swells to */
    sl_inflated_init(&inflated, &budget);
    assert_int_equal(sl_inflate(&inflated, packets.bytes, packets.size_bytes, &wanted_bytes, &err),
                     SL_LIMIT);
    sl_inflated_fini(&inflated);
    assert_int_equal(budget.used_bytes, 0);
    sl_buf_fini(&packets);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payloads_of_all_lengths_are_read_as_written),
        cmocka_unit_test(frames_are_inflated_to_what_was_deflated),
        cmocka_unit_test(frames_that_lie_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
