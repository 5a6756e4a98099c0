/*
 * cursor_test.c - bounded reads, and the buffer that writes what they read.
 */
#include "storage/base/cursor.h"

#include "storage/base/buf.h"
#include "tests/support/test.h"

static void
what_was_written_is_read(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned round = 0; round < 1000; round++) {
        struct sl_buf buf = sl_buf_empty(1 << 20);
        uint64_t value = test_random(&seed) >> test_random_below(&seed, 64);
        sl_buf_u8(&buf, (uint8_t)value);
        sl_buf_u16be(&buf, (uint16_t)value);
        sl_buf_u32be(&buf, (uint32_t)value);
        sl_buf_u64be(&buf, value);
        sl_buf_u16le(&buf, (uint16_t)value);
        sl_buf_u32le(&buf, (uint32_t)value);
        sl_buf_u64le(&buf, value);
        sl_buf_varint(&buf, value);
        struct sl_cursor c = sl_cursor_over(buf.bytes, buf.size_bytes);
        assert_int_equal(sl_cursor_u8(&c), (uint8_t)value);
        assert_int_equal(sl_cursor_u16be(&c), (uint16_t)value);
        assert_int_equal(sl_cursor_u32be(&c), (uint32_t)value);
        assert_true(sl_cursor_u64be(&c) == value);
        assert_int_equal(sl_cursor_u16le(&c), (uint16_t)value);
        assert_int_equal(sl_cursor_u32le(&c), (uint32_t)value);
        assert_true(sl_cursor_u64le(&c) == value);
        assert_true(sl_cursor_varint(&c) == value);
        assert_false(c.bad);
        assert_int_equal(sl_cursor_left(&c), 0);
        sl_buf_fini(&buf);
    }
}

static void
a_read_past_the_end_is_sticky_and_zero(void **state)
{
    const uint8_t bytes[3] = {1, 2, 3};
    struct sl_cursor c = sl_cursor_over(bytes, sizeof(bytes));
    (void)state;
    assert_int_equal(sl_cursor_u32be(&c), 0);
    assert_true(c.bad);
    assert_int_equal(sl_cursor_u8(&c), 0);
    assert_null(sl_cursor_take(&c, 0));
}

static void
a_varint_that_does_not_end_is_bad(void **state)
{
    uint8_t bytes[12];
    (void)state;
    memset(bytes, 0xff, sizeof(bytes));
    struct sl_cursor c = sl_cursor_over(bytes, sizeof(bytes));
    assert_true(sl_cursor_varint(&c) == 0);
    assert_true(c.bad);
    c = sl_cursor_over(bytes, 0);
    assert_true(sl_cursor_varint(&c) == 0);
    assert_true(c.bad);
}

static void
a_buffer_stops_at_its_limit(void **state)
{
    struct sl_buf buf = sl_buf_empty(10);
    (void)state;
    sl_buf_text(&buf, "12345678");
    assert_false(buf.bad);
    sl_buf_u32le(&buf, 1);
    assert_true(buf.bad);
    sl_buf_u8(&buf, 1);
    assert_int_equal(buf.size_bytes, 8);
    sl_buf_clear(&buf);
    sl_buf_printf(&buf, "%s", "0123456789");
    assert_false(buf.bad);
    assert_int_equal(buf.size_bytes, 10);
    sl_buf_fini(&buf);
    struct sl_buf large = sl_buf_empty(1000);
    sl_buf_printf(&large, "%0300d", 7);
    assert_int_equal(large.size_bytes, 300);
    assert_int_equal(large.bytes[299], '7');
    sl_buf_fini(&large);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_read_past_the_end_is_sticky_and_zero),
        cmocka_unit_test(a_varint_that_does_not_end_is_bad),
        cmocka_unit_test(a_buffer_stops_at_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
