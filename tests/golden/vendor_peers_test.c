/*
 * vendor_peers_test.c - what telegraf and nfacctd print of a capture is what we decode from it.
 *
 * Method: telegraf's lines name each field; every line must have a row of its own in which all
 * the fields agree that telegraf writes as values. nfacctd adds up rows with equal keys: packets
 * and bytes of every pair of endpoints must be the same in sum.
 */
#include <stdio.h>

#include <jansson.h>

#include "ingest/decode/capture.h"
#include "storage/base/log.h"
#include "tests/support/collect.h"

static const char *shared;

enum { PATH_BYTES = 1024 };

/* Our column for telegraf's field; NULL: telegraf writes words or derived values there. Fields
 * that are not in the table have the name of their element. */
static const struct {
    const char *field;
    const char *column;
} fields_of_telegraf[] = {
    {"src", "src_addr"},
    {"dst", "dst_addr"},
    {"in_total_bytes", "octet_total_count"},
    {"in_total_packets", "packet_total_count"},
    {"in_snmp", "input_if"},
    {"out_snmp", "output_if"},
    {"bgp_src_as", "src_as"},
    {"bgp_dst_as", "dst_as"},
    {"vlan_src", "vlan"},
    {"src_tos", "tos"},
    {"dst_tos", "post_ip_class_of_service"},
    {"in_src_mac", "source_mac_address"},
    {"out_dst_mac", "post_destination_mac_address"},
    {"flow_start_ms", "first_seen"},
    {"flow_end_ms", "last_seen"},
    {"type_29305_85", "reverse_octet_total_count"},
    {"type_29305_86", "reverse_packet_total_count"},
    {"app_latency_ms", "appl_latency_ms"},
    {"protocol", NULL},   /* a word */
    {"tcp_flags", NULL},  /* a picture */
    {"ip_version", NULL}, /* a word */
    {"flow_end_reason", NULL},
    {"fwd_status", NULL},
    {"fwd_reason", NULL},
    {"flow_start", NULL},     /* seconds of flow_start_ms */
    {"flow_end", NULL},       /* seconds of flow_end_ms */
    {"first_switched", NULL}, /* raw uptime; v5 and v9 have times from it */
    {"last_switched", NULL},
    {"engine_type", NULL}, /* header */
    {"engine_id", NULL},
    {"sys_uptime", NULL},
    {"seq_number", NULL},
    {"flows", NULL}, /* count in the header */
    {"sampling_interval", NULL},
    {"icmp_type", NULL}, /* halves of element 32 */
    {"icmp_code", NULL},
};

static const char *
column_of(const struct collect *c, const char *field)
{
    for (size_t i = 0; i < SL_COUNTOF(fields_of_telegraf); i++)
        if (strcmp(fields_of_telegraf[i].field, field) == 0)
            return fields_of_telegraf[i].column;
    const struct sl_column *column = sl_schema_resolve(c->schema, field, strlen(field));
    return column == NULL ? NULL : column->name;
}

/* "12u", "\"text\"" or "\"0x1f\"" against the value of a row. */
static bool
field_agrees(const struct collect *c, uint32_t row, const char *column, char *value)
{
    uint32_t at = 0;
    const struct sl_vector *v = collect_vector(c, column, row, &at);
    size_t value_bytes = strlen(value);
    if (v == NULL)
        return false;
    if (value[0] != '"') {
        uint64_t number = strtoull(value, NULL, 10);
        uint64_t ours = sl_vector_u64(v, at);
        return v->type == SL_TYPE_TIME ? ours / 1000 == number : ours == number;
    }
    value[value_bytes - 1] = '\0';
    if (strncmp(value, "\"0x", 3) == 0)
        return sl_vector_u64(v, at) == strtoull(&value[3], NULL, 16);
    return strcmp(&value[1], collect_text(c, column, row)) == 0;
}

/* Do all fields of a line agree with this row? */
static bool
line_agrees(const struct collect *c, uint32_t row, const char *line, unsigned *out_compared)
{
    char copy[8192];
    char *rest = copy;
    (void)snprintf(copy, sizeof(copy), "%s", line);
    *out_compared = 0;
    for (char *pair = strsep(&rest, ","); pair != NULL; pair = strsep(&rest, ",")) {
        char *value = strchr(pair, '=');
        if (value == NULL)
            continue;
        *value++ = '\0';
        const char *column = column_of(c, pair);
        if (column == NULL)
            continue;
        (*out_compared)++;
        if (!field_agrees(c, row, column, value))
            return false;
    }
    return true;
}

static unsigned
find_line(const struct collect *c, const char *line, bool *used)
{
    unsigned compared = 0;
    for (uint32_t row = 0; row < c->row_count; row++)
        if (!used[row] && line_agrees(c, row, line, &compared)) {
            used[row] = true;
            return compared;
        }
    return 0;
}

/* name_0.bin, name_1.bin ... as long as they exist. */
static void
feed_parts(struct collect *c, const char *folder, const char *pattern, unsigned first)
{
    for (unsigned i = first;; i++) {
        char name[64];
        char path[PATH_BYTES];
        size_t size_bytes = 0;
        (void)snprintf(name, sizeof(name), "%s%u.bin", pattern, i);
        (void)snprintf(path, sizeof(path), "%s/data/vendor/telegraf/%s/%s", shared, folder, name);
        FILE *file = fopen(path, "rb");
        if (file == NULL)
            return;
        (void)fclose(file);
        uint8_t *bytes = test_read_file(path, &size_bytes);
        collect_datagram(c, sl_addr_from_v4(1), 1, INT64_C(1684917213000000), bytes, size_bytes);
        free(bytes);
    }
}

static void
feed_one(struct collect *c, const char *folder, const char *name)
{
    char path[PATH_BYTES];
    size_t size_bytes = 0;
    (void)snprintf(path, sizeof(path), "%s/data/vendor/telegraf/%s/%s", shared, folder, name);
    uint8_t *bytes = test_read_file(path, &size_bytes);
    collect_datagram(c, sl_addr_from_v4(1), 1, INT64_C(1684917213000000), bytes, size_bytes);
    free(bytes);
}

/* Off the end: the line's own time, behind a blank. Blanks within quotes are text. */
static void
cut_timestamp(char *text)
{
    text[strcspn(text, "\n")] = '\0';
    char *blank = strrchr(text, ' ');
    if (blank != NULL && strspn(&blank[1], "0123456789") == strlen(&blank[1]))
        *blank = '\0';
}

static void
compare_telegraf(const struct collect *c, const char *folder, uint32_t expected_lines)
{
    char path[PATH_BYTES];
    static char line[16384];
    bool used[1024] = {false};
    unsigned faults = 0;
    uint32_t lines = 0;
    uint64_t options = 0;
    (void)snprintf(path, sizeof(path), "%s/data/vendor/telegraf/%s/expected.out", shared, folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(c->row_count < SL_COUNTOF(used));
    while (fgets(line, sizeof(line), file) != NULL) {
        char *start = strchr(line, ' ');
        if (start == NULL)
            continue;
        start++;
        cut_timestamp(start);
        lines++;
        if (strstr(start, "exporting_pid=") != NULL) {
            options++; /* statistics of the exporter, no flow */
            continue;
        }
        if (find_line(c, start, used) < 6) {
            printf("%s: no row for %.200s\n", folder, start);
            faults++;
        }
    }
    (void)fclose(file);
    assert_int_equal(faults, 0);
    assert_int_equal(lines, expected_lines);
    assert_int_equal(c->row_count, expected_lines - options);
    assert_int_equal(collect_counts(c).option_records, options);
}

static void
telegraf_prints_the_same_flows(void **state)
{
    (void)state;
    struct collect c;
    if (shared == NULL)
        skip();
    collect_init(&c, NULL);
    feed_one(&c, "netflow_v5_example", "netflow_v5.bin");
    collect_flush(&c);
    compare_telegraf(&c, "netflow_v5_example", 8);
    collect_fini(&c);

    collect_init(&c, NULL);
    feed_one(&c, "netflow_v9_example", "netflow_v9.bin");
    collect_flush(&c);
    compare_telegraf(&c, "netflow_v9_example", 8);
    collect_fini(&c);

    collect_init(&c, NULL);
    feed_parts(&c, "ipfix_pen_35632", "message-", 1);
    collect_flush(&c);
    compare_telegraf(&c, "ipfix_pen_35632", 2);
    collect_fini(&c);

    collect_init(&c, NULL);
    feed_parts(&c, "issue_13305", "message-", 1);
    collect_flush(&c);
    compare_telegraf(&c, "issue_13305", 2);
    collect_fini(&c);

    collect_init(&c, NULL);
    feed_parts(&c, "ipfix_example", "ipfix_", 0);
    collect_flush(&c);
    compare_telegraf(&c, "ipfix_example", 31);
    collect_fini(&c);
}

static void
feed_capture(struct collect *c, const char *folder, const char *name)
{
    char path[PATH_BYTES];
    struct sl_error err = {0};
    struct sl_capture *capture = NULL;
    (void)snprintf(path, sizeof(path), "%s/data/vendor/pmacct/%s/%s", shared, folder, name);
    TEST_OK(sl_capture_open(path, &capture, &err), &err);
    for (;;) {
        struct sl_packet packet;
        int64_t time_us = 0;
        bool more = false;
        TEST_OK(sl_capture_next(capture, &packet, &time_us, &more, &err), &err);
        if (!more)
            break;
        collect_datagram(c, packet.src_addr, packet.src_port, time_us, packet.payload,
                         packet.payload_bytes);
    }
    sl_capture_close(capture);
}

/* Keys of one flow, as nfacctd prints them and as our columns hold them. */
static const char *const keys_of_nfacctd[][2] = {{"ip_src", "src_addr"},
                                                 {"ip_dst", "dst_addr"},
                                                 {"port_src", "src_port"},
                                                 {"port_dst", "dst_port"},
                                                 {"iface_in", "input_if"},
                                                 {"iface_out", "output_if"},
                                                 {"tos", "tos"}};

static bool
is_same_key(const json_t *a, const json_t *b)
{
    for (size_t i = 0; i < SL_COUNTOF(keys_of_nfacctd); i++)
        if (!json_equal(json_object_get(a, keys_of_nfacctd[i][0]),
                        json_object_get(b, keys_of_nfacctd[i][0])))
            return false;
    return true;
}

static bool
row_has_key(const struct collect *c, uint32_t row, const json_t *record)
{
    for (size_t i = 0; i < SL_COUNTOF(keys_of_nfacctd); i++) {
        const json_t *value = json_object_get(record, keys_of_nfacctd[i][0]);
        char text[64];
        if (json_is_string(value))
            (void)snprintf(text, sizeof(text), "%s", json_string_value(value));
        else
            (void)snprintf(text, sizeof(text), "%lld", json_integer_value(value));
        if (strcmp(text, collect_text(c, keys_of_nfacctd[i][1], row)) != 0)
            return false;
    }
    return true;
}

static void
compare_nfacctd(const struct collect *c, const char *folder)
{
    char path[PATH_BYTES];
    char line[4096];
    (void)snprintf(path, sizeof(path), "%s/data/vendor/pmacct/%s/output-flow-00.json", shared,
                   folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    json_t *records = json_array();
    while (fgets(line, sizeof(line), file) != NULL) {
        json_error_t problem;
        json_t *record = json_loads(line, 0, &problem);
        assert_non_null(record);
        (void)json_array_append_new(records, record);
    }
    (void)fclose(file);
    uint64_t all_bytes = 0;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);
        uint64_t theirs[2] = {0, 0};
        uint64_t ours[2] = {0, 0};
        all_bytes += (uint64_t)json_integer_value(json_object_get(record, "bytes"));
        for (size_t k = 0; k < json_array_size(records); k++) {
            const json_t *other = json_array_get(records, k);
            if (!is_same_key(record, other))
                continue;
            theirs[0] += (uint64_t)json_integer_value(json_object_get(other, "bytes"));
            theirs[1] += (uint64_t)json_integer_value(json_object_get(other, "packets"));
        }
        for (uint32_t row = 0; row < c->row_count; row++)
            if (row_has_key(c, row, record)) {
                ours[0] += collect_u64(c, "in_bytes", row);
                ours[1] += collect_u64(c, "in_packets", row);
            }
        assert_int_equal(ours[0], theirs[0]);
        assert_int_equal(ours[1], theirs[1]);
    }
    assert_int_equal(collect_sum(c, "in_bytes"), all_bytes);
    json_decref(records);
}

static void
nfacctd_prints_the_same_sums(void **state)
{
    (void)state;
    static const struct {
        const char *folder;
        const char *captures[2];
    } cases[] = {
        {"100-IPFIXv10-CISCO", {"traffic-00.pcap", NULL}},
        {"101-NFv9-CISCO-cust_primitives", {"traffic-00.pcap", NULL}},
        {"103-IPFIXv10-CISCO-pretag-JSON_encoding", {"traffic-00.pcap", NULL}},
        {"111-IPFIXv10-NFv9-IPv6-IPv4-mix_sources", {"traffic-00.pcap", "traffic-01.pcap"}},
    };
    if (shared == NULL)
        skip();
    for (size_t i = 0; i < SL_COUNTOF(cases); i++) {
        struct collect c;
        collect_init(&c, NULL);
        for (size_t k = 0; k < 2 && cases[i].captures[k] != NULL; k++)
            feed_capture(&c, cases[i].folder, cases[i].captures[k]);
        collect_flush(&c);
        compare_nfacctd(&c, cases[i].folder);
        collect_fini(&c);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(telegraf_prints_the_same_flows),
        cmocka_unit_test(nfacctd_prints_the_same_sums),
    };
    shared = test_shared();
    sl_log_set_level(SL_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
