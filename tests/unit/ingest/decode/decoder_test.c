/*
 * decoder_test.c - what each rule of the decoder makes of datagrams written by hand.
 *
 * Method: small messages are put together field by field, decoded, and the values of single rows
 * are looked up as text. Every rule in the heads of template.h, record.c and exporter.h has a
 * case; mutated and truncated messages must be counted and never make a row of their own.
 */
#include <stdio.h>

#include "storage/base/clock.h"
#include "storage/base/cursor.h"
#include "storage/base/log.h"
#include "tests/support/collect.h"

enum { EXPORT_S = 1600000000, UPTIME_MS = 100000 };
static const int64_t received_us = INT64_C(1600000001000000);

/* A message that is being written. */
struct message {
    struct sl_buf buf;
    size_t set_at;
};

static struct message
begin(uint16_t version, uint32_t sequence, uint32_t domain)
{
    struct message m = {.buf = sl_buf_empty(65535)};
    sl_buf_u16be(&m.buf, version);
    sl_buf_u16be(&m.buf, 0);
    if (version == 9)
        sl_buf_u32be(&m.buf, UPTIME_MS);
    sl_buf_u32be(&m.buf, EXPORT_S);
    sl_buf_u32be(&m.buf, sequence);
    sl_buf_u32be(&m.buf, domain);
    return m;
}

static void
begin_set(struct message *m, uint16_t id)
{
    m->set_at = m->buf.size_bytes;
    sl_buf_u16be(&m->buf, id);
    sl_buf_u16be(&m->buf, 0);
}

static void
end_set(struct message *m)
{
    size_t size_bytes = m->buf.size_bytes - m->set_at;
    m->buf.bytes[m->set_at + 2] = (uint8_t)(size_bytes >> 8);
    m->buf.bytes[m->set_at + 3] = (uint8_t)size_bytes;
}

struct pair {
    uint16_t id, bytes;
    uint32_t pen; /* IPFIX only */
};

static void
put_template(struct message *m, uint16_t version, uint16_t id, const struct pair *fields,
             uint16_t count)
{
    begin_set(m, version == 9 ? 0 : 2);
    sl_buf_u16be(&m->buf, id);
    sl_buf_u16be(&m->buf, count);
    for (uint16_t i = 0; i < count; i++) {
        sl_buf_u16be(&m->buf, (uint16_t)(fields[i].id | (fields[i].pen != 0 ? 0x8000 : 0)));
        sl_buf_u16be(&m->buf, fields[i].bytes);
        if (fields[i].pen != 0)
            sl_buf_u32be(&m->buf, fields[i].pen);
    }
    end_set(m);
}

static void
send_from(struct collect *c, struct message *m, uint16_t port)
{
    if (sl_read_be(m->buf.bytes, 2) == 10) {
        m->buf.bytes[2] = (uint8_t)(m->buf.size_bytes >> 8);
        m->buf.bytes[3] = (uint8_t)m->buf.size_bytes;
    }
    collect_datagram(c, sl_addr_from_v4(0x0a000001), port, received_us, m->buf.bytes,
                     m->buf.size_bytes);
    sl_buf_fini(&m->buf);
}

static void
send_message(struct collect *c, struct message *m)
{
    send_from(c, m, 2055);
}

/* One record whose fields are these numbers, at the lengths of the template. */
static void
put_record(struct message *m, const struct pair *fields, uint16_t count, const uint64_t *values)
{
    for (uint16_t i = 0; i < count; i++)
        for (unsigned k = 0; k < fields[i].bytes; k++) {
            unsigned behind = fields[i].bytes - 1U - k;
            sl_buf_u8(&m->buf, (uint8_t)(behind >= 8 ? 0 : values[i] >> (8 * behind)));
        }
}

/* Template and one record in one message of a fresh decoder. */
static void
decode_one(struct collect *c, uint16_t version, const struct pair *fields, uint16_t count,
           const uint64_t *values)
{
    collect_init(c, NULL);
    struct message m = begin(version, 0, 7);
    put_template(&m, version, 256, fields, count);
    begin_set(&m, 256);
    put_record(&m, fields, count, values);
    end_set(&m);
    send_message(c, &m);
    collect_flush(c);
    assert_int_equal(c->row_count, 1);
}

#define EXPECT(column, text) assert_string_equal(collect_text(&c, column, 0), text)

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

static const struct pair plain[] = {{.id = 8, .bytes = 4}, {.id = 1, .bytes = 4}};

static void
put_plain_data(struct message *m, uint16_t id, unsigned count)
{
    begin_set(m, id);
    for (unsigned i = 0; i < count; i++)
        put_record(m, plain, 2, (const uint64_t[]){0x0a000000 + i, 100 + i});
    end_set(m);
}

static void
data_waits_for_its_template(void **state)
{
    (void)state;
    struct collect c;
    collect_init(&c, NULL);
    struct message m = begin(9, 0, 1);
    put_plain_data(&m, 256, 3);
    send_message(&c, &m);
    assert_int_equal(collect_counts(&c).unknown, 1);
    m = begin(9, 1, 1);
    put_template(&m, 9, 256, plain, 2);
    put_plain_data(&m, 256, 2);
    send_message(&c, &m);
    /* Another port, another domain: other templates. */
    m = begin(9, 0, 2);
    put_plain_data(&m, 256, 1);
    send_message(&c, &m);
    m = begin(9, 0, 1);
    put_plain_data(&m, 256, 1);
    send_from(&c, &m, 2056);
    collect_flush(&c);
    assert_int_equal(c.row_count, 5);
    struct sl_exporter_counts counts = collect_counts(&c);
    assert_int_equal(counts.unknown, 3);
    assert_int_equal(counts.pending_lost, 0);
    struct sl_error err = {0};
    TEST_OK(sl_decoder_tick(c.decoder, received_us + 31 * SL_US_PER_MINUTE, &err), &err);
    assert_int_equal(collect_counts(&c).pending_lost, 2);
    collect_fini(&c);
}

static void
pending_data_is_bounded(void **state)
{
    (void)state;
    struct collect c;
    struct sl_decoder_options options = sl_decoder_options_default();
    options.pending_limit_bytes = 10000;
    collect_init(&c, &options);
    for (unsigned i = 0; i < 100; i++) {
        struct message m = begin(9, i, 1);
        put_plain_data(&m, 256, 50);
        send_message(&c, &m);
        struct sl_decoder_counts counts;
        sl_decoder_counts(c.decoder, &counts);
        assert_true(counts.pending_bytes <= 10000);
    }
    struct message m = begin(9, 100, 1);
    put_template(&m, 9, 256, plain, 2);
    send_message(&c, &m);
    collect_flush(&c);
    struct sl_exporter_counts counts = collect_counts(&c);
    assert_true(c.row_count > 0);
    assert_int_equal(c.row_count / 50 + counts.pending_lost, 100);
    collect_fini(&c);
}

static void
templates_change_and_are_withdrawn(void **state)
{
    (void)state;
    struct collect c;
    const struct pair changed[] = {{.id = 12, .bytes = 4}, {.id = 2, .bytes = 4}};
    collect_init(&c, NULL);
    struct message m = begin(10, 0, 1);
    put_template(&m, 10, 256, plain, 2);
    put_plain_data(&m, 256, 1);
    put_template(&m, 10, 256, changed, 2);
    put_plain_data(&m, 256, 1);
    put_template(&m, 10, 256, changed, 2);
    begin_set(&m, 2); /* withdrawal */
    sl_buf_u16be(&m.buf, 256);
    sl_buf_u16be(&m.buf, 0);
    end_set(&m);
    put_plain_data(&m, 256, 1);
    send_message(&c, &m);
    collect_flush(&c);
    struct sl_exporter_counts counts = collect_counts(&c);
    assert_int_equal(c.row_count, 2);
    assert_int_equal(counts.template_changes, 1);
    assert_int_equal(counts.unknown, 1);
    assert_string_equal(collect_text(&c, "src_addr", 0), "10.0.0.0");
    assert_string_equal(collect_text(&c, "dst_addr", 1), "10.0.0.0");
    assert_string_equal(collect_text(&c, "src_addr", 1), "NULL");
    collect_fini(&c);
}

/* v9 options: sampler 3 samples one in 100; records name their sampler. */
static void
put_sampler(struct message *m)
{
    begin_set(m, 1);
    sl_buf_u16be(&m->buf, 257);
    sl_buf_u16be(&m->buf, 4);
    sl_buf_u16be(&m->buf, 8);
    const uint16_t fields[] = {1, 4, 48, 1, 50, 4};
    for (size_t i = 0; i < SL_COUNTOF(fields); i++)
        sl_buf_u16be(&m->buf, fields[i]);
    end_set(m);
    begin_set(m, 257);
    sl_buf_u32be(&m->buf, 0);
    sl_buf_u8(&m->buf, 3);
    sl_buf_u32be(&m->buf, 100);
    end_set(m);
}

static void
sampling_comes_from_options_records_and_rules(void **state)
{
    (void)state;
    struct collect c;
    const struct pair with_sampler[] = {{.id = 1, .bytes = 4}, {.id = 48, .bytes = 1}};
    collect_init(&c, NULL);
    struct message m = begin(9, 0, 1);
    put_sampler(&m);
    put_template(&m, 9, 256, with_sampler, 2);
    begin_set(&m, 256);
    put_record(&m, with_sampler, 2, (const uint64_t[]){5, 3});
    end_set(&m);
    send_message(&c, &m);
    collect_flush(&c);
    EXPECT("sampling_rate", "100");
    EXPECT("sampling_known", "1");
    assert_int_equal(collect_counts(&c).option_records, 1);
    collect_fini(&c);

    /* 2 of every 7 packets. */
    const struct pair ratio[] = {{.id = 305, .bytes = 4}, {.id = 306, .bytes = 4}};
    decode_one(&c, 10, ratio, 2, (const uint64_t[]){4, 10});
    EXPECT("sampling_rate", "7");
    EXPECT("sampling_divisor", "2");
    collect_fini(&c);

    struct sl_exporter_rule rule = {.first = sl_addr_from_v4(0),
                                    .last = sl_addr_from_v4(UINT32_MAX),
                                    .sampling = SL_SAMPLING_FIXED,
                                    .sampling_rate = 512};
    struct sl_decoder_options options = sl_decoder_options_default();
    options.rules = &rule;
    options.rule_count = 1;
    collect_init(&c, &options);
    m = begin(9, 0, 1);
    put_sampler(&m);
    put_template(&m, 9, 256, with_sampler, 2);
    begin_set(&m, 256);
    put_record(&m, with_sampler, 2, (const uint64_t[]){5, 3});
    end_set(&m);
    send_message(&c, &m);
    collect_flush(&c);
    EXPECT("sampling_rate", "512");
    collect_fini(&c);
}

static void
gaps_are_counted_and_late_datagrams_are_none(void **state)
{
    (void)state;
    struct collect c;
    collect_init(&c, NULL);
    const uint32_t sequences[] = {10, 11, 14, 13, 15};
    for (size_t i = 0; i < SL_COUNTOF(sequences); i++) {
        struct message m = begin(9, sequences[i], 1);
        put_template(&m, 9, 256, plain, 2);
        send_message(&c, &m);
    }
    struct sl_exporter_counts counts = collect_counts(&c);
    assert_int_equal(counts.gaps, 1);
    assert_int_equal(counts.lost, 2);
    assert_int_equal(counts.reordered, 1);
    assert_int_equal(counts.restarts, 0);
    /* IPFIX counts data records. */
    uint32_t sequence = 0;
    for (unsigned i = 0; i < 3; i++) {
        struct message m = begin(10, sequence, 1);
        put_template(&m, 10, 256, plain, 2);
        put_plain_data(&m, 256, 4);
        send_message(&c, &m);
        sequence += i == 1 ? 9 : 4; /* five are lost behind the second */
    }
    counts = collect_counts(&c);
    assert_int_equal(counts.gaps, 2);
    assert_int_equal(counts.lost, 7);
    collect_fini(&c);
}

static void
take_state(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
    struct sl_error err = {0};
    struct collect *to = context;
    /* Cut anywhere, it is refused and changes nothing. */
    for (size_t bytes = 0; bytes < value_bytes; bytes++)
        assert_int_equal(sl_decoder_import(to->decoder, key, key_bytes, value, bytes, NULL),
                         SL_FORMAT);
    TEST_OK(sl_decoder_import(to->decoder, key, key_bytes, value, value_bytes, &err), &err);
}

static void
templates_and_sampling_survive_a_restart_of_ours(void **state)
{
    (void)state;
    struct collect before;
    struct collect c;
    collect_init(&before, NULL);
    collect_init(&c, NULL);
    struct message m = begin(9, 5, 1);
    put_sampler(&m);
    put_template(&m, 9, 256, plain, 2);
    send_message(&before, &m);
    sl_decoder_export(before.decoder, take_state, &c);
    collect_fini(&before);
    /* The first data record is decoded, and sampled as it was. */
    m = begin(9, 500, 1);
    put_plain_data(&m, 256, 1);
    send_message(&c, &m);
    collect_flush(&c);
    assert_int_equal(c.row_count, 1);
    EXPECT("sampling_rate", "100");
    assert_int_equal(collect_counts(&c).gaps, 0);
    /* The exporter restarts: what was restored and not seen again is not believed any more. */
    m = begin(9, 0, 1);
    put_plain_data(&m, 256, 1);
    send_message(&c, &m);
    collect_flush(&c);
    assert_int_equal(c.row_count, 1);
    assert_int_equal(collect_counts(&c).unknown, 1);
    assert_int_equal(collect_counts(&c).restarts, 1);
    collect_fini(&c);
}

static void
columns_beyond_the_limit_go_into_extra(void **state)
{
    (void)state;
    struct collect c;
    struct pair fields[SL_COLUMNS_PER_EXPORTER_MAX + 2];
    uint64_t values[SL_COLUMNS_PER_EXPORTER_MAX + 2] = {0};
    for (uint16_t i = 0; i < SL_COUNTOF(fields); i++)
        fields[i] = (struct pair){.id = (uint16_t)(20000 + i), .bytes = 1};
    values[SL_COLUMNS_PER_EXPORTER_MAX] = 0xab;
    decode_one(&c, 9, fields, SL_COUNTOF(fields), values);
    EXPECT("extra", "{\"pen0_20200\":\"ab\",\"pen0_20201\":\"00\"}");
    assert_int_equal(collect_counts(&c).extra, 2);
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

static void
broken_templates_are_counted_and_not_kept(void **state)
{
    (void)state;
    struct collect c;
    const struct pair empty[] = {{.id = 8, .bytes = 0}};
    const struct pair vast[] = {{.id = 8, .bytes = 65000}, {.id = 9, .bytes = 65000}};
    collect_init(&c, NULL);
    struct message m = begin(9, 0, 1);
    put_template(&m, 9, 256, empty, 1); /* would loop for ever */
    put_template(&m, 9, 257, vast, 2);
    put_template(&m, 9, 100, plain, 2); /* a reserved id */
    begin_set(&m, 0);
    sl_buf_u16be(&m.buf, 258);
    sl_buf_u16be(&m.buf, 9000); /* fields that are not there */
    end_set(&m);
    send_message(&c, &m);
    struct sl_exporter_counts counts = collect_counts(&c);
    assert_int_equal(counts.malformed, 4);
    assert_int_equal(counts.templates, 0);
    collect_fini(&c);
}

/* Of a good message every prefix, and many mutations, make at most the rows it had. */
static void
cut_and_mutated_messages_make_no_row_of_their_own(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct message good = begin(9, 0, 1);
    put_sampler(&good);
    put_template(&good, 9, 256, plain, 2);
    put_plain_data(&good, 256, 3);
    for (size_t cut = 0; cut <= good.buf.size_bytes; cut++) {
        struct collect c;
        collect_init(&c, NULL);
        collect_datagram(&c, sl_addr_from_v4(1), 1, received_us, good.buf.bytes, cut);
        collect_flush(&c);
        assert_int_equal(c.row_count, cut == good.buf.size_bytes ? 3 : 0);
        collect_fini(&c);
    }
    struct collect c;
    collect_init(&c, NULL);
    for (unsigned round = 0; round < 3000; round++) {
        uint8_t bytes[1024];
        size_t size_bytes = good.buf.size_bytes;
        memcpy(bytes, good.buf.bytes, size_bytes);
        for (uint64_t i = 1 + test_random_below(&seed, 4); i > 0; i--)
            bytes[test_random_below(&seed, size_bytes)] = (uint8_t)test_random(&seed);
        collect_datagram(&c, sl_addr_from_v4(1), 1, received_us, bytes, size_bytes);
    }
    collect_flush(&c);
    struct sl_decoder_counts counts;
    sl_decoder_counts(c.decoder, &counts);
    assert_int_equal(counts.rows, c.row_count);
    collect_fini(&c);
    sl_buf_fini(&good.buf);
}

static void
a_full_batch_goes_to_the_sink(void **state)
{
    (void)state;
    struct collect c;
    struct sl_error err = {0};
    struct sl_decoder_options options = sl_decoder_options_default();
    options.batch_rows = 10;
    collect_init(&c, &options);
    struct message m = begin(9, 0, 1);
    put_template(&m, 9, 256, plain, 2);
    put_plain_data(&m, 256, 25);
    send_message(&c, &m);
    assert_int_equal(c.row_count, 20);
    TEST_OK(sl_decoder_tick(c.decoder, received_us + SL_US_PER_MS, &err), &err);
    assert_int_equal(c.row_count, 20);
    TEST_OK(sl_decoder_tick(c.decoder, received_us + SL_US_PER_S, &err), &err);
    assert_int_equal(c.row_count, 25);
    assert_int_equal(collect_sum(&c, "in_bytes"), 25 * 100 + 300);
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
        cmocka_unit_test(data_waits_for_its_template),
        cmocka_unit_test(pending_data_is_bounded),
        cmocka_unit_test(templates_change_and_are_withdrawn),
        cmocka_unit_test(sampling_comes_from_options_records_and_rules),
        cmocka_unit_test(gaps_are_counted_and_late_datagrams_are_none),
        cmocka_unit_test(templates_and_sampling_survive_a_restart_of_ours),
        cmocka_unit_test(columns_beyond_the_limit_go_into_extra),
        cmocka_unit_test(clocks_that_lie_are_kept_and_counted),
        cmocka_unit_test(broken_templates_are_counted_and_not_kept),
        cmocka_unit_test(cut_and_mutated_messages_make_no_row_of_their_own),
        cmocka_unit_test(a_full_batch_goes_to_the_sink),
    };
    sl_log_set_level(SL_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
