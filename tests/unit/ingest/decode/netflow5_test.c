/*
 * netflow5_test.c - versions without templates: v1 in both lengths, v5 with its sampling, v7.
 */
#include <stdio.h>

#include "storage/base/log.h"
#include "tests/support/collect.h"

static void
put_header(struct sl_buf *m, uint16_t version, uint16_t count)
{
    sl_buf_u16be(m, version);
    sl_buf_u16be(m, count);
    sl_buf_u32be(m, 100000);     /* uptime */
    sl_buf_u32be(m, 1600000000); /* seconds */
    sl_buf_u32be(m, 500000000);  /* nanoseconds */
    if (version != 1)
        sl_buf_u32be(m, 0); /* sequence */
    if (version == 5)
        sl_buf_u32be(m, 0x01024064); /* engine 1, 2; one in 100 */
    if (version == 7)
        sl_buf_u32be(m, 0);
}

/* The part that all versions share: up to the ports. */
static void
put_front(struct sl_buf *m)
{
    sl_buf_u32be(m, 0x0a000001);
    sl_buf_u32be(m, 0x0a000002);
    sl_buf_u32be(m, 0x0a0000fe);
    sl_buf_u32be(m, 0x00030004); /* interfaces */
    sl_buf_u32be(m, 7);
    sl_buf_u32be(m, 4200);
    sl_buf_u32be(m, 99000);
    sl_buf_u32be(m, 99500);
    sl_buf_u32be(m, 0x04d201bb); /* 1234, 443 */
}

static void
send_all(struct collect *c, struct sl_buf *m)
{
    collect_datagram(c, sl_addr_from_v4(1), 1, INT64_C(1600000001000000), m->bytes, m->size_bytes);
    sl_buf_fini(m);
    collect_flush(c);
}

static void
expect_front(const struct collect *c)
{
    assert_int_equal(c->row_count, 1);
    assert_string_equal(collect_text(c, "src_addr", 0), "10.0.0.1");
    assert_string_equal(collect_text(c, "next_hop", 0), "10.0.0.254");
    assert_string_equal(collect_text(c, "input_if", 0), "3");
    assert_string_equal(collect_text(c, "in_bytes", 0), "4200");
    assert_string_equal(collect_text(c, "dst_port", 0), "443");
    assert_string_equal(collect_text(c, "protocol", 0), "6");
    assert_string_equal(collect_text(c, "tos", 0), "8");
    assert_string_equal(collect_text(c, "tcp_flags", 0), "27");
    assert_string_equal(collect_text(c, "first_seen", 0), "2020-09-13T12:26:39.500Z");
    assert_string_equal(collect_text(c, "last_seen", 0), "2020-09-13T12:26:40Z");
}

static void
version_1_is_read_in_both_lengths(void **state)
{
    (void)state;
    for (unsigned rest = 7; rest <= 11; rest += 4) {
        struct collect c;
        struct sl_buf m = sl_buf_empty(2000);
        collect_init(&c, NULL);
        put_header(&m, 1, 1);
        put_front(&m);
        sl_buf_u32be(&m, 0x00000608); /* padding, protocol, type of service */
        sl_buf_u8(&m, 27);
        memset(sl_buf_extend(&m, rest), 0, rest);
        send_all(&c, &m);
        expect_front(&c);
        collect_fini(&c);
    }
}

static void
versions_5_and_7_are_read(void **state)
{
    (void)state;
    for (uint16_t version = 5; version <= 7; version += 2) {
        struct collect c;
        struct sl_buf m = sl_buf_empty(2000);
        collect_init(&c, NULL);
        put_header(&m, version, 1);
        put_front(&m);
        sl_buf_u32be(&m, 0x001b0608); /* padding, flags, protocol, type of service */
        sl_buf_u32be(&m, 0xfde9fdea); /* 65001, 65002 */
        sl_buf_u32be(&m, 0x18100000); /* masks */
        if (version == 7)
            sl_buf_u32be(&m, 0x0a0000fd);
        send_all(&c, &m);
        expect_front(&c);
        assert_string_equal(collect_text(&c, "dst_as", 0), "65002");
        assert_string_equal(collect_text(&c, "src_mask", 0), "24");
        if (version == 5) {
            assert_string_equal(collect_text(&c, "observation_domain", 0), "258");
            assert_string_equal(collect_text(&c, "sampling_rate", 0), "100");
            assert_string_equal(collect_text(&c, "sampling_known", 0), "1");
        } else {
            assert_string_equal(collect_text(&c, "ipv4_router_sc", 0), "10.0.0.253");
        }
        collect_fini(&c);
    }
}

static void
counts_that_do_not_fit_make_no_rows(void **state)
{
    (void)state;
    const uint16_t counts[] = {0, 2, 31, 65535};
    struct collect c;
    collect_init(&c, NULL);
    for (size_t i = 0; i < SL_COUNTOF(counts); i++) {
        struct sl_buf m = sl_buf_empty(2000);
        put_header(&m, 5, counts[i]);
        put_front(&m);
        memset(sl_buf_extend(&m, 12), 0, 12);
        send_all(&c, &m);
    }
    assert_int_equal(c.row_count, 0);
    assert_int_equal(collect_counts(&c).malformed, SL_COUNTOF(counts));
    collect_fini(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_is_read_in_both_lengths),
        cmocka_unit_test(versions_5_and_7_are_read),
        cmocka_unit_test(counts_that_do_not_fit_make_no_rows),
    };
    sl_log_set_level(SL_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
