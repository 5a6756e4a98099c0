/*
 * decoder_test.c - what each rule of the decoder makes of the values of one record.
 *
 * Method: small messages are put together field by field, decoded, and the values of single rows
 * are looked up as text. Every rule in the heads of template.h and record.c has a case.
 */
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "tests/support/message.h"

static void
core_fields_fill_core_columns(void **state)
{
    (void)state;
    struct collect c;
    const struct pair fields[] = {
        {.id = 8, .bytes = 4},  {.id = 12, .bytes = 4}, {.id = 7, .bytes = 2},
        {.id = 11, .bytes = 2}, {.id = 4, .bytes = 1},  {.id = 1, .bytes = 4},
        {.id = 2, .bytes = 3},  {.id = 22, .bytes = 4}, {.id = 21, .bytes = 4},
        {.id = 56, .bytes = 6}, {.id = 16, .bytes = 2}, {.id = 10, .bytes = 2}};
    const uint64_t values[] = {0x0a000005, 0x0a000006, 1234,           443,   6, 5000, 7,
                               95000,      99000,      0x0123456789ab, 65001, 3};
    decode_one(&c, 9, fields, SL_COUNTOF(fields), values);
    EXPECT("src_addr", "10.0.0.5");
    EXPECT("dst_addr", "10.0.0.6");
    EXPECT("src_port", "1234");
    EXPECT("dst_port", "443");
    EXPECT("protocol", "6");
    EXPECT("in_bytes", "5000");
    EXPECT("in_packets", "7");
    EXPECT("first_seen", "2020-09-13T12:26:35Z");
    EXPECT("last_seen", "2020-09-13T12:26:39Z");
    EXPECT("source_mac_address", "01:23:45:67:89:ab");
    EXPECT("src_as", "65001");
    EXPECT("input_if", "3");
    EXPECT("exporter_addr", "10.0.0.1");
    EXPECT("observation_domain", "7");
    EXPECT("sampling_rate", "1");
    EXPECT("sampling_known", "0");
    collect_fini(&c);
}

static void
uptime_wraps_without_harm(void **state)
{
    (void)state;
    struct collect c;
    /* The flow began 5 s before the counter wrapped, 105 s before the message. */
    const struct pair fields[] = {{.id = 22, .bytes = 4}, {.id = 21, .bytes = 4}};
    const uint64_t values[] = {UINT32_MAX - 4999, 50000};
    decode_one(&c, 9, fields, 2, values);
    EXPECT("first_seen", "2020-09-13T12:24:55Z");
    EXPECT("last_seen", "2020-09-13T12:25:50Z");
    collect_fini(&c);
}

static void
alternates_give_way_to_what_is_not_zero(void **state)
{
    (void)state;
    struct collect c;
    const struct pair fields[] = {{.id = 8, .bytes = 4},
                                  {.id = 27, .bytes = 16},
                                  {.id = 28, .bytes = 16},
                                  {.id = 12, .bytes = 4}};
    const uint64_t values[] = {0, 0x42, 0, 0x0a000006};
    decode_one(&c, 9, fields, 4, values);
    EXPECT("src_addr", "::42");
    EXPECT("dst_addr", "10.0.0.6");
    collect_fini(&c);
}

static void
the_finest_clock_counts(void **state)
{
    (void)state;
    struct collect c;
    const struct pair fields[] = {
        {.id = 150, .bytes = 4}, {.id = 152, .bytes = 8}, {.id = 157, .bytes = 8}};
    /* NTP: 1600000000 s after 1970 and a quarter. */
    const uint64_t values[] = {EXPORT_S - 9, (uint64_t)(EXPORT_S - 8) * 1000 + 5,
                               (UINT64_C(1600000000) + UINT64_C(2208988800)) << 32 | 0x40000000};
    decode_one(&c, 10, fields, 3, values);
    EXPECT("first_seen", "2020-09-13T12:26:32.005Z");
    EXPECT("flow_start_seconds", "2020-09-13T12:26:31Z");
    EXPECT("last_seen", "2020-09-13T12:26:40.250Z");
    collect_fini(&c);
}

static void
missing_clocks_come_from_duration_event_or_export(void **state)
{
    (void)state;
    struct collect c;
    const struct pair duration[] = {{.id = 152, .bytes = 8}, {.id = 161, .bytes = 4}};
    const uint64_t lasted[] = {(uint64_t)EXPORT_S * 1000 - 5000, 2000};
    decode_one(&c, 10, duration, 2, lasted);
    EXPECT("last_seen", "2020-09-13T12:26:37Z");
    collect_fini(&c);

    const struct pair event[] = {{.id = 323, .bytes = 8}};
    const uint64_t happened[] = {(uint64_t)EXPORT_S * 1000 - 1500};
    decode_one(&c, 10, event, 1, happened);
    EXPECT("first_seen", "2020-09-13T12:26:38.500Z");
    EXPECT("last_seen", "2020-09-13T12:26:38.500Z");
    collect_fini(&c);

    const struct pair nothing[] = {{.id = 1, .bytes = 8}};
    decode_one(&c, 10, nothing, 1, (const uint64_t[]){5});
    EXPECT("first_seen", "2020-09-13T12:26:40Z");
    EXPECT("last_seen", "2020-09-13T12:26:40Z");
    collect_fini(&c);

    /* Uptimes of IPFIX, which has none in its header, against element 160. */
    const struct pair uptimes[] = {
        {.id = 160, .bytes = 8}, {.id = 22, .bytes = 4}, {.id = 21, .bytes = 4}};
    decode_one(&c, 10, uptimes, 3,
               (const uint64_t[]){(uint64_t)(EXPORT_S - 100) * 1000, 40000, 60000});
    EXPECT("first_seen", "2020-09-13T12:25:40Z");
    EXPECT("last_seen", "2020-09-13T12:26:00Z");
    collect_fini(&c);
}

static void
same_element_twice_and_second_counters_get_columns_of_their_own(void **state)
{
    (void)state;
    struct collect c;
    const struct pair fields[] = {{.id = 1, .bytes = 8},
                                  {.id = 1, .bytes = 8},
                                  {.id = 231, .bytes = 8},
                                  {.id = 89, .bytes = 1},
                                  {.id = 89, .bytes = 1}};
    decode_one(&c, 10, fields, 5, (const uint64_t[]){10, 20, 30, 64, 65});
    EXPECT("in_bytes", "10");
    EXPECT("octet_delta_count_2", "20");
    EXPECT("initiator_octets", "30");
    EXPECT("forwarding_status", "64");
    EXPECT("forwarding_status_2", "65");
    collect_fini(&c);
}

static void
reverse_counters_are_the_way_back(void **state)
{
    (void)state;
    struct collect c;
    const struct pair fields[] = {{.id = 1, .bytes = 8},
                                  {.id = 1, .bytes = 4, .pen = 29305},
                                  {.id = 2, .bytes = 4, .pen = 29305},
                                  {.id = 6, .bytes = 1, .pen = 29305}};
    decode_one(&c, 10, fields, 4, (const uint64_t[]){10, 20, 2, 18});
    EXPECT("in_bytes", "10");
    EXPECT("out_bytes", "20");
    EXPECT("out_packets", "2");
    EXPECT("reverse_tcp_control_bits", "18");
    collect_fini(&c);
}

static void
totals_count_where_no_delta_does(void **state)
{
    (void)state;
    struct collect c;
    const struct pair totals[] = {{.id = 85, .bytes = 8}, {.id = 85, .bytes = 8, .pen = 29305}};
    decode_one(&c, 10, totals, 2, (const uint64_t[]){11, 12});
    EXPECT("in_bytes", "11");
    EXPECT("out_bytes", "12");
    EXPECT("octet_total_count", "11");
    collect_fini(&c);

    const struct pair both[] = {{.id = 1, .bytes = 8}, {.id = 85, .bytes = 8}};
    decode_one(&c, 10, both, 2, (const uint64_t[]){1, 500});
    EXPECT("in_bytes", "1");
    EXPECT("octet_total_count", "500");
    collect_fini(&c);
}

static void
elements_23_and_24_depend_on_the_exporter(void **state)
{
    (void)state;
    struct collect c;
    const struct pair other[] = {{.id = 1, .bytes = 4}, {.id = 23, .bytes = 4}};
    decode_one(&c, 9, other, 2, (const uint64_t[]){1, 2});
    EXPECT("post_bytes", "2");
    EXPECT("out_bytes", "NULL");
    collect_fini(&c);

    const struct pair nprobe[] = {{.id = 1, .bytes = 4},
                                  {.id = 23, .bytes = 4},
                                  {.id = 24, .bytes = 4},
                                  {.id = 57472 + 118, .bytes = 2}};
    decode_one(&c, 9, nprobe, 4, (const uint64_t[]){1, 2, 3, 7});
    EXPECT("out_bytes", "2");
    EXPECT("out_packets", "3");
    EXPECT("l7_proto", "7");
    EXPECT("sampling_known", "1");
    collect_fini(&c);
}

static void
icmp_type_and_code_stand_in_the_port(void **state)
{
    (void)state;
    struct collect c;
    const struct pair fields[] = {
        {.id = 4, .bytes = 1}, {.id = 11, .bytes = 2}, {.id = 32, .bytes = 2}};
    decode_one(&c, 9, fields, 3, (const uint64_t[]){1, 0, 0x0803});
    EXPECT("dst_port", "2051");
    EXPECT("icmp_type_code_ipv4", "2051");
    collect_fini(&c);
    decode_one(&c, 9, fields, 3, (const uint64_t[]){6, 0, 0x0803});
    EXPECT("dst_port", "0");
    collect_fini(&c);
    const struct pair split[] = {
        {.id = 4, .bytes = 1}, {.id = 178, .bytes = 1}, {.id = 179, .bytes = 1}};
    decode_one(&c, 10, split, 3, (const uint64_t[]){58, 128, 1});
    EXPECT("dst_port", "32769");
    collect_fini(&c);
}

static void
lengths_that_an_element_cannot_have_are_kept_as_octets(void **state)
{
    (void)state;
    struct collect c;
    const struct pair fields[] = {{.id = 8, .bytes = 50},
                                  {.id = 9, .bytes = 4},
                                  {.id = 4242, .bytes = 2},
                                  {.id = 210, .bytes = 3},
                                  {.id = 1, .bytes = 0}};
    decode_one(&c, 9, fields, 5, (const uint64_t[]){5, 300, 0xabcd, 0, 0});
    assert_int_equal(strlen(collect_text(&c, "pen0_8", 0)), 100);
    EXPECT("src_addr", "NULL");
    EXPECT("src_mask", "255"); /* 300 does not fit: cut and counted */
    EXPECT("pen0_4242", "abcd");
    assert_int_equal(collect_counts(&c).clipped, 1);
    collect_fini(&c);
}

static void
variable_fields_and_lists_are_read(void **state)
{
    (void)state;
    struct collect c;
    const struct pair fields[] = {{.id = 82, .bytes = 65535},
                                  {.id = 291, .bytes = 65535},
                                  {.id = 1, .bytes = 8},
                                  {.id = 460, .bytes = 65535}};
    const uint8_t list[] = {3, 0, 7, 0, 2, 0, 80, 1, 0xbb};
    collect_init(&c, NULL);
    struct message m = begin(10, 0, 1);
    put_template(&m, 10, 300, fields, 4);
    begin_set(&m, 300);
    for (unsigned i = 0; i < 2; i++) {
        sl_buf_u8(&m.buf, 4);
        sl_buf_text(&m.buf, i == 0 ? "eth0" : "eth1");
        sl_buf_u8(&m.buf, sizeof(list));
        sl_buf_append(&m.buf, list, sizeof(list));
        sl_buf_u64be(&m.buf, 100 + i);
        sl_buf_u8(&m.buf, 255);
        sl_buf_u16be(&m.buf, 300);
        for (unsigned k = 0; k < 300; k++)
            sl_buf_u8(&m.buf, 'x');
    }
    end_set(&m);
    send_message(&c, &m);
    collect_flush(&c);
    assert_int_equal(c.row_count, 2);
    EXPECT("interface_name", "eth0");
    EXPECT("basic_list", "{\"list\":\"allOf\",\"sourceTransportPort\":[80,443]}");
    EXPECT("in_bytes", "100");
    assert_string_equal(collect_text(&c, "interface_name", 1), "eth1");
    assert_int_equal(strlen(collect_text(&c, "http_request_host", 1)), 300);
    collect_fini(&c);
}

static void
clocks_that_lie_are_kept_and_counted(void **state)
{
    (void)state;
    struct collect c;
    const struct pair fields[] = {{.id = 152, .bytes = 8}, {.id = 153, .bytes = 8}};
    decode_one(&c, 10, fields, 2, (const uint64_t[]){1000, 2000});
    EXPECT("first_seen", "1970-01-01T00:00:01Z");
    EXPECT("last_seen", "1970-01-01T00:00:02Z");
    assert_int_equal(collect_counts(&c).times_outside, 1);
    collect_fini(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_fields_fill_core_columns),
        cmocka_unit_test(uptime_wraps_without_harm),
        cmocka_unit_test(alternates_give_way_to_what_is_not_zero),
        cmocka_unit_test(the_finest_clock_counts),
        cmocka_unit_test(missing_clocks_come_from_duration_event_or_export),
        cmocka_unit_test(same_element_twice_and_second_counters_get_columns_of_their_own),
        cmocka_unit_test(reverse_counters_are_the_way_back),
        cmocka_unit_test(totals_count_where_no_delta_does),
        cmocka_unit_test(elements_23_and_24_depend_on_the_exporter),
        cmocka_unit_test(icmp_type_and_code_stand_in_the_port),
        cmocka_unit_test(lengths_that_an_element_cannot_have_are_kept_as_octets),
        cmocka_unit_test(variable_fields_and_lists_are_read),
        cmocka_unit_test(clocks_that_lie_are_kept_and_counted),
    };
    sl_log_set_level(SL_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
