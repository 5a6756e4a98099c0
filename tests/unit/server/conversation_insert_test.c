/* conversation_insert_test.c - batches of producers over the native protocol, and imports. */

#include "storage/batch_codec.h"
#include "tests/support/peer.h"

static void
batches_are_acknowledged_once_and_fenced(void **state)
{
    (void)state;
    struct test_peer first;
    struct test_peer second;
    struct sl_schema *schema = sl_schema_create();
    struct sl_batch *batch = test_peer_batch(schema, 100, 64512);
    test_peer_greet(&first, &test_served);
    struct sl_wire_insert_ready ready = test_peer_open_producer(&first, "fence");
    assert_int_equal(ready.batch_number, 0);
    assert_true(ready.credits >= 4);
    for (uint64_t i = 1; i <= 4; i++)
        test_peer_put_batch(&first, batch, i);
    assert_true(test_peer_send(&first));
    for (uint64_t i = 1; i <= 4; i++)
        assert_false(test_peer_expect_ack(&first, i).is_repeated);
    test_peer_put_batch(&first, batch, 4);
    assert_true(test_peer_send(&first));
    assert_true(test_peer_expect_ack(&first, 4).is_repeated);
    assert_int_equal(test_peer_number(&first, "SELECT COUNT(*) FROM flows WHERE src_as = 64512"),
                     400);

    test_peer_greet(&second, &test_served);
    assert_int_equal(test_peer_open_producer(&second, "fence").batch_number, 4);
    test_peer_put_batch(&first, batch, 5);
    assert_true(test_peer_send(&first));
    (void)test_peer_expect_error(&first, SL_FENCED);
    test_peer_put_batch(&first, batch, 6);
    assert_true(test_peer_send(&first));
    (void)test_peer_expect_error(&first, SL_FENCED);
    test_peer_put_batch(&second, batch, 5);
    assert_true(test_peer_send(&second));
    (void)test_peer_expect_ack(&second, 5);
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
    struct sl_batch *batch = test_peer_batch(schema, 10, 1);
    test_peer_greet(&peer, &test_served);
    (void)test_peer_open_producer(&peer, "bad");
    test_peer_put_batch(&peer, batch, 1);
    /* Damage the batch, and make the check sum fit again. */
    uint8_t *bytes = peer.out.bytes;
    for (size_t i = SL_WIRE_HEADER_BYTES + 40; i < SL_WIRE_HEADER_BYTES + 60; i++)
        bytes[i] ^= 0xff;
    uint32_t check = (uint32_t)sl_hash64(bytes + SL_WIRE_HEADER_BYTES,
                                         peer.out.size_bytes - SL_WIRE_HEADER_BYTES);
    sl_buf_patch_u32le(&peer.out, 8, check);
    test_peer_put_batch(&peer, batch, 2);
    assert_true(test_peer_send(&peer));
    struct sl_wire_frame frame = test_peer_expect(&peer, SL_WIRE_ERROR);
    assert_int_equal(frame.tag, 1);
    frame = test_peer_expect(&peer, SL_WIRE_ERROR);
    assert_int_equal(frame.tag, 2);
    assert_int_equal(test_peer_open_producer(&peer, "bad").batch_number, 0);
    test_peer_close(&peer);
    sl_batch_release(batch);
    sl_schema_destroy(schema);
}

/* While a producer opens, batches are neither those of the one before nor its own. */
static void
a_batch_ahead_of_its_producer_ends_the_connection(void **state)
{
    (void)state;
    struct test_peer peer;
    struct sl_schema *schema = sl_schema_create();
    struct sl_batch *batch = test_peer_batch(schema, 10, 64513);
    for (unsigned i = 0; i < 3; i++) {
        test_peer_greet(&peer, &test_served);
        (void)test_peer_open_producer(&peer, "ahead");
        sl_wire_insert_open_encode(&peer.out, 2, "another");
        test_peer_put_batch(&peer, batch, 1);
        assert_true(test_peer_send(&peer));
        (void)test_peer_expect_error(&peer, SL_FORMAT);
        test_peer_expect_end(&peer);
        test_peer_close(&peer);
    }
    test_peer_greet(&peer, &test_served);
    assert_int_equal(test_peer_open_producer(&peer, "ahead").batch_number, 0);
    assert_int_equal(test_peer_number(&peer, "SELECT COUNT(*) FROM flows WHERE src_as = 64513"), 0);
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
    struct sl_batch *batch = test_peer_batch(schema, 10, 2);
    const struct sl_hash128 id = {.low = 11, .high = 22};
    test_peer_greet(&peer, &test_served);
    (void)test_peer_open_producer(&peer, "importer");
    const struct sl_wire_insert insert = {1, true, id, 4096};
    sl_wire_insert_encode(&peer.out, 1, &insert, batch);
    assert_true(test_peer_send(&peer));
    (void)test_peer_expect_ack(&peer, 1);
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_acknowledged_once_and_fenced),
        cmocka_unit_test(a_batch_that_does_not_decode_closes_its_producer),
        cmocka_unit_test(a_batch_ahead_of_its_producer_ends_the_connection),
        cmocka_unit_test(imports_are_remembered),
    };
    return cmocka_run_group_tests(tests, test_served_start, test_served_stop);
}
