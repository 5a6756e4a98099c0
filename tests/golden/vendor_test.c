/*
 * vendor_test.c - captures of real exporters decode to the records that others decode from them.
 *
 * Method: each capture under ../shared/data/vendor goes through a fresh decoder. Where a file of
 * expected records lies beside it, every field of every record is looked up by its name, in the
 * column that the element fills, and compared by value. Where none does, the number of records
 * is that which tshark counts. What differs on purpose is named in `differences`, with the
 * reason.
 */
#include <dirent.h>
#include <stdio.h>

#include <jansson.h>

#include "ingest/decode/capture.h"
#include "storage/base/clock.h"
#include "storage/base/cursor.h"
#include "tests/support/collect.h"

static const char *shared;

/* Fields that we do not store as they stand in the expectation. `test` NULL: everywhere. */
static const struct {
    const char *test;
    const char *key;
    const char *reason;
} differences[] = {
    {NULL, "exporter", "header of the message: counted, and in exporter_addr and the domain"},
    {NULL, "type", "says flow or options, which is no field"},
    {NULL, "version", "header of the message"},
    {NULL, "flow_seq_num", "header of the message: gaps are counted instead"},
    {NULL, "flow_records", "header of the message"},
    {NULL, "flowset_id", "number of the template"},
    {NULL, "engine_type", "v5 header: the engine is the observation domain"},
    {NULL, "engine_id", "v5 header: the engine is the observation domain"},
    {NULL, "padding_octets", "element 210 is not a value"},
    {NULL, "paddingOctets", "element 210 is not a value"},
    {NULL, "first_switched",
     "the expectation adds milliseconds as microseconds; uptimes of the other one are compared"},
    {NULL, "last_switched", "the same"},
    {NULL, "flowStartSysUpTime", "compared as a distance, from the other expectation"},
    {NULL, "flowEndSysUpTime", "the same"},
    {"netflow-5-valid-01", "sampling_algorithm", "v5 header: becomes sampling_rate"},
    {"netflow-5-valid-01", "sampling_interval", "v5 header: becomes sampling_rate"},
    {"netflow5-mikrotik", "sampling_algorithm", "v5 header: becomes sampling_rate"},
    {"netflow5-mikrotik", "sampling_interval", "v5 header: becomes sampling_rate"},
    {"netflow-9-cisco-wlc", "application_id",
     "written as engine..selector there; the octets are those of the other expectation"},
};

/* Captures of which we make more than the expectation. */
static const struct {
    const char *test;
    uint32_t early; /* records in front of the expected ones */
    uint32_t records, options;
    const char *reason;
} longer[] = {
    {"netflow9_e10s_4_7byte_pad.pcap", 2, 8, 0,
     "two records came before their template: they are kept until it comes"},
    {"netflow-9-invalid-01", 0, 2, 1,
     "sets are read by their own lengths; the count of the header is not believed"},
};

/* Names that the expectations use and nobody else does. */
static const struct {
    const char *key;
    const char *name;
} aliases[] = {
    {"asa_username", "AAA_USERNAME"},
    {"username", "AAA_USERNAME"},
    {"asa_xlate_src_addr_ipv4", "XLATE_SRC_ADDR_IPV4"},
    {"asa_xlate_dst_addr_ipv4", "XLATE_DST_ADDR_IPV4"},
    {"asa_xlate_src_port", "XLATE_SRC_PORT"},
    {"asa_xlate_dst_port", "XLATE_DST_PORT"},
    {"asa_fw_event", "FW_EVENT"},
    {"fw_event", "firewallEvent"},
    {"conn_id", "flowId"},
    {"icmp_type", "icmpTypeIPv4"},
    {"icmp_code", "icmpCodeIPv4"},
    {"event_time_msec", "observationTimeMilliseconds"},
    {"flow_start_msec", "flowStartMilliseconds"},
    {"in_permanent_bytes", "octetTotalCount"},
    {"ip_dscp", "ipDiffServCodePoint"},
    {"viptelaVPNId", "VIPTELA_VPN_ID"},
};

static bool
is_difference(const char *test, const char *key)
{
    for (size_t i = 0; i < SL_COUNTOF(differences); i++)
        if ((differences[i].test == NULL || strcmp(differences[i].test, test) == 0) &&
            strcmp(differences[i].key, key) == 0)
            return true;
    return false;
}

static char *
join(const char *a, const char *b)
{
    size_t size_bytes = strlen(shared) + strlen(a) + strlen(b) + 20;
    char *path = sl_new(size_bytes);
    (void)snprintf(path, size_bytes, "%s/data/vendor/%s/%s", shared, a, b);
    return path;
}

static bool
ends_with(const char *text, const char *suffix)
{
    size_t text_bytes = strlen(text);
    size_t suffix_bytes = strlen(suffix);
    return text_bytes >= suffix_bytes && strcmp(&text[text_bytes - suffix_bytes], suffix) == 0;
}

/* What happens to a datagram on its way; a seed of 0: nothing. */
enum harm { HARM_CUT, HARM_CHANGE };

static void
feed_datagram(struct collect *c, struct sl_addr addr, uint16_t port, int64_t time_us,
              const uint8_t *bytes, size_t size_bytes, enum harm harm, uint64_t *seed)
{
    uint8_t *harmed = malloc(size_bytes + 1);
    assert_non_null(harmed);
    memcpy(harmed, bytes, size_bytes);
    if (*seed != 0 && size_bytes != 0 && harm == HARM_CUT)
        size_bytes = test_random_below(seed, size_bytes);
    else if (*seed != 0 && size_bytes != 0)
        for (uint64_t i = 1 + test_random_below(seed, 4); i > 0; i--)
            harmed[test_random_below(seed, size_bytes)] = (uint8_t)test_random(seed);
    collect_datagram(c, addr, port, time_us, harmed, size_bytes);
    free(harmed);
}

/* One file: a capture, or one datagram as it stands. */
static void
feed_harmed(struct collect *c, const char *path, enum harm harm, uint64_t *seed)
{
    struct sl_error err = {0};
    if (!ends_with(path, "pcap")) {
        size_t size_bytes = 0;
        uint8_t *bytes = test_read_file(path, &size_bytes);
        feed_datagram(c, sl_addr_from_v4(0xc0000201), 4444, INT64_C(1500000000000000), bytes,
                      size_bytes, harm, seed);
        free(bytes);
        return;
    }
    struct sl_capture *capture = NULL;
    TEST_OK(sl_capture_open(path, &capture, &err), &err);
    for (;;) {
        struct sl_packet packet;
        int64_t time_us = 0;
        bool more = false;
        TEST_OK(sl_capture_next(capture, &packet, &time_us, &more, &err), &err);
        if (!more)
            break;
        feed_datagram(c, packet.src_addr, packet.src_port, time_us, packet.payload,
                      packet.payload_bytes, harm, seed);
    }
    sl_capture_close(capture);
}

static void
feed(struct collect *c, const char *path)
{
    uint64_t seed = 0;
    feed_harmed(c, path, HARM_CUT, &seed);
}

static const char *const columns_of_time[] = {"first_seen", "last_seen"};

/* The columns in which the value of an expected key may be: that of the element by either name,
 * then the element's own. */
static unsigned
columns_of(const char *key, char names[4][SL_COLUMN_NAME_BYTES_MAX + 1])
{
    unsigned count = 0;
    const struct sl_element *element = sl_element_by_name(key, strlen(key));
    for (uint32_t i = 0; element == NULL && sl_element_at(i) != NULL; i++) {
        char own[SL_COLUMN_NAME_BYTES_MAX + 1];
        sl_element_own_column(sl_element_at(i), own);
        if (strcmp(own, key) == 0)
            element = sl_element_at(i);
    }
    (void)snprintf(names[count++], SL_COLUMN_NAME_BYTES_MAX, "%s", key);
    if (element == NULL)
        return count;
    (void)snprintf(names[count++], SL_COLUMN_NAME_BYTES_MAX, "%s", element->column);
    sl_element_own_column(element, names[count++]);
    if (strcmp(element->column, "post_bytes") == 0)
        (void)snprintf(names[count++], SL_COLUMN_NAME_BYTES_MAX, "out_bytes");
    if (strcmp(element->column, "post_packets") == 0)
        (void)snprintf(names[count++], SL_COLUMN_NAME_BYTES_MAX, "out_packets");
    return count;
}

/* base64 of octets, as the expectations write what is not text. */
static size_t
decode_base64(const char *text, uint8_t *bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t used = 0;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    for (; *text != '\0' && *text != '='; text++) {
        const char *digit = strchr(digits, *text);
        if (digit == NULL || used > 4000)
            return 0;
        bits = bits << 6 | (uint32_t)(digit - digits);
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            bytes[used++] = (uint8_t)(bits >> bit_count);
        }
    }
    return used;
}

/* "0f8e7ff3-fc1a030f-00000000": how ACL ids are written. */
static bool
text_is_hex(const char *text, struct sl_slice octets)
{
    char hex[256] = "";
    char plain[256] = "";
    size_t used = 0;
    if (octets.size_bytes > 100 || strlen(text) > 200)
        return false;
    for (uint32_t i = 0; i < octets.size_bytes; i++)
        (void)snprintf(&hex[(size_t)i * 2], 3, "%02x", octets.bytes[i]);
    for (; *text != '\0'; text++)
        if (*text != '-')
            plain[used++] = *text;
    return strcmp(hex, plain) == 0;
}

static bool
text_is_octets(const char *expected, struct sl_slice octets)
{
    uint8_t bytes[8192];
    size_t size_bytes = decode_base64(expected, bytes);
    if (size_bytes == octets.size_bytes && memcmp(bytes, octets.bytes, size_bytes) == 0)
        return true;
    /* Strings of elements that nobody told us about are octets for us. */
    size_t kept = octets.size_bytes;
    while (kept > 0 && octets.bytes[kept - 1] == 0)
        kept--;
    if (strlen(expected) == kept && memcmp(expected, octets.bytes, kept) == 0)
        return true;
    return text_is_hex(expected, octets);
}

/* `expected` is a JSON value of any of the expectations. */
static bool
value_is(const struct sl_vector *v, uint32_t row, const json_t *expected)
{
    if (json_is_integer(expected) && v->type != SL_TYPE_TIME &&
        (sl_type_is_unsigned(v->type) || sl_type_is_signed(v->type)))
        return sl_vector_u64(v, row) == (uint64_t)json_integer_value(expected);
    if (json_is_integer(expected) && v->type == SL_TYPE_TIME &&
        (int64_t)sl_vector_u64(v, row) / 1000 == json_integer_value(expected))
        return true;
    if (json_is_integer(expected) && v->type == SL_TYPE_OCTETS) {
        struct sl_slice s = sl_vector_slice(v, row);
        return s.size_bytes <= 8 &&
               sl_read_be(s.bytes, s.size_bytes) == (uint64_t)json_integer_value(expected);
    }
    if (!json_is_string(expected))
        return false;
    const char *text = json_string_value(expected);
    struct sl_addr addr;
    int64_t time_us = 0;
    if (v->type == SL_TYPE_ADDR)
        return sl_addr_parse(text, strlen(text), &addr) &&
               sl_addr_equal(addr, sl_vector_addr(v, row));
    if (v->type == SL_TYPE_TIME)
        return sl_time_parse(text, strlen(text), &time_us) &&
               time_us / 1000 == (int64_t)sl_vector_u64(v, row) / 1000;
    if (sl_type_is_bytes(v->type))
        return text_is_octets(text, sl_vector_slice(v, row));
    struct sl_buf out = sl_buf_empty(4096);
    sl_value_format(v, row, &out);
    bool is_same = out.size_bytes == strlen(text) && memcmp(out.bytes, text, out.size_bytes) == 0;
    sl_buf_fini(&out);
    return is_same;
}

/* An uptime in the expectation is a time in ours: compare the distance of start and end. */
static bool
uptime_agrees(const struct collect *c, uint32_t row, const json_t *fields)
{
    const json_t *start = json_object_get(fields, "flow_start_sys_up_time");
    const json_t *end = json_object_get(fields, "flow_end_sys_up_time");
    const json_t *exporter = json_object_get(fields, "exporter");
    int64_t first_us = (int64_t)collect_u64(c, columns_of_time[0], row);
    int64_t last_us = (int64_t)collect_u64(c, columns_of_time[1], row);
    if (!json_is_integer(start) || !json_is_integer(end))
        return true;
    int32_t ms = (int32_t)(uint32_t)(json_integer_value(end) - json_integer_value(start));
    if (last_us - first_us != (int64_t)ms * 1000)
        return false;
    json_int_t uptime_ms = json_integer_value(json_object_get(exporter, "uptime_millis"));
    const char *timestamp = json_string_value(json_object_get(exporter, "timestamp"));
    int64_t export_us = 0;
    if (uptime_ms == 0 || !sl_time_parse(timestamp, strlen(timestamp), &export_us))
        return true;
    int32_t ahead_ms = (int32_t)(uint32_t)(json_integer_value(end) - uptime_ms);
    return last_us == export_us + (int64_t)ahead_ms * 1000;
}

static bool
field_agrees(const struct collect *c, uint32_t row, const char *key, const json_t *expected)
{
    char names[4][SL_COLUMN_NAME_BYTES_MAX + 1];
    unsigned count = columns_of(key, names);
    for (unsigned i = 0; i < count; i++) {
        uint32_t at = 0;
        const struct sl_vector *v = collect_vector(c, names[i], row, &at);
        if (v != NULL && value_is(v, at, expected))
            return true;
    }
    for (size_t i = 0; i < SL_COUNTOF(aliases); i++)
        if (strcmp(aliases[i].key, key) == 0 && field_agrees(c, row, aliases[i].name, expected))
            return true;
    /* Elements without a name in our table: by value, in any column of unknown ones. */
    for (uint32_t i = 0; i < sl_schema_count(c->schema); i++) {
        uint32_t at = 0;
        const char *name = sl_schema_at(c->schema, i)->name;
        const struct sl_vector *v =
            strncmp(name, "pen", 3) == 0 ? collect_vector(c, name, row, &at) : NULL;
        if (v != NULL && value_is(v, at, expected))
            return true;
    }
    /* The type and code of ICMP stand in the port, where the expectation has none. */
    uint64_t protocol = collect_u64(c, "protocol", row);
    if ((protocol == 1 || protocol == 58) && json_is_integer(expected) &&
        (strcmp(key, "destination_transport_port") == 0 || strcmp(key, "l4_dst_port") == 0))
        return json_integer_value(expected) == 0;
    /* The unused one of a pair of alternates is zero and says nothing. */
    const char *text = json_string_value(expected);
    return (text != NULL && (strcmp(text, "::") == 0 || strcmp(text, "0.0.0.0") == 0)) ||
           (json_is_integer(expected) && json_integer_value(expected) == 0 &&
            strstr(key, "prefix_length") != NULL);
}

static unsigned faults;

static void
compare_record(const struct collect *c, const char *test, uint32_t row, json_t *fields)
{
    const char *key = NULL;
    json_t *expected = NULL;
    json_object_foreach(fields, key, expected)
    {
        if (is_difference(test, key) || strstr(key, "sys_up_time") != NULL)
            continue;
        if (json_is_object(expected) || field_agrees(c, row, key, expected))
            continue;
        char *text = json_dumps(expected, JSON_ENCODE_ANY);
        printf("%s: record %" PRIu32 ": %s is not %s\n", test, row, key, text);
        free(text);
        faults++;
    }
    if (!uptime_agrees(c, row, fields)) {
        printf("%s: record %" PRIu32 ": uptimes\n", test, row);
        faults++;
    }
}

static void
compare_beats(const struct collect *c, const char *test, const char *golden)
{
    json_error_t problem;
    uint32_t row = 0;
    uint64_t options = 0;
    size_t index = 0;
    json_t *event = NULL;
    char *path = join("codec-netflow", golden);
    for (size_t i = 0; i < SL_COUNTOF(longer); i++)
        if (strcmp(longer[i].test, test) == 0)
            row = longer[i].early;
    json_t *root = json_load_file(path, 0, &problem);
    assert_non_null(root);
    json_array_foreach(json_object_get(root, "events"), index, event)
    {
        json_t *fields = json_object_get(json_object_get(event, "Fields"), "netflow");
        const char *type = json_string_value(json_object_get(fields, "type"));
        if (strcmp(type, "netflow_options") == 0)
            options++;
        else
            compare_record(c, test, row++, fields);
    }
    struct sl_exporter_counts counts = collect_counts(c);
    for (size_t i = 0; i < SL_COUNTOF(longer); i++)
        if (strcmp(longer[i].test, test) == 0) {
            row = longer[i].records;
            options = longer[i].options;
        }
    if (counts.records != row || c->row_count != row || counts.option_records != options) {
        printf("%s: %" PRIu64 " records and %" PRIu64 " of options, not %" PRIu32 " and %" PRIu64
               "\n",
               test, counts.records, counts.option_records, row, options);
        faults++;
    }
    json_decref(root);
    free(path);
}

/* Full events by index; an index counts flows and options alike, so only files without options
 * are compared field by field. */
static void
compare_logstash(const struct collect *c, const char *test, const char *expected)
{
    json_error_t problem;
    const char *key = NULL;
    json_t *event = NULL;
    char *path = join("codec-netflow", expected);
    json_t *root = json_load_file(path, 0, &problem);
    assert_non_null(root);
    json_t *count = json_object_get(root, "event_count");
    struct sl_exporter_counts counts = collect_counts(c);
    uint64_t all = counts.records + counts.option_records;
    if (json_is_integer(count) && all < (uint64_t)json_integer_value(count)) {
        printf("%s: %" PRIu64 " events, not %lld\n", test, all, json_integer_value(count));
        faults++;
    }
    if (counts.option_records == 0)
        json_object_foreach(json_object_get(root, "events_by_index"), key, event)
        {
            uint32_t row = (uint32_t)strtoul(key, NULL, 10);
            compare_record(c, test, row, json_object_get(event, "netflow"));
        }
    json_decref(root);
    free(path);
}

static void
codec_netflow_decodes_to_its_golden_files(void **state)
{
    (void)state;
    json_error_t problem;
    size_t index = 0;
    json_t *entry = NULL;
    if (shared == NULL)
        skip();
    char *path = join("codec-netflow", "manifest.json");
    json_t *root = json_load_file(path, 0, &problem);
    assert_non_null(root);
    faults = 0;
    json_array_foreach(root, index, entry)
    {
        struct collect c;
        size_t file_index = 0;
        json_t *file = NULL;
        const char *test = json_string_value(json_object_get(entry, "test"));
        const char *golden = json_string_value(json_object_get(entry, "golden_beats"));
        const char *expected = json_string_value(json_object_get(entry, "expected_logstash"));
        collect_init(&c, NULL);
        json_array_foreach(json_object_get(entry, "files"), file_index, file)
        {
            char *input = join("codec-netflow", json_string_value(file));
            feed(&c, input);
            free(input);
        }
        collect_flush(&c);
        if (golden != NULL)
            compare_beats(&c, test, golden);
        if (expected != NULL)
            compare_logstash(&c, test, expected);
        collect_fini(&c);
    }
    json_decref(root);
    free(path);
    assert_int_equal(faults, 0);
}

/* Files without expected records beside them: records, options and broken rules as counted by
 * tshark (a set without its template is not a record for either). */
static const struct {
    const char *folder;
    const char *files[4];
    uint64_t records, option_records, malformed;
} counted[] = {
#include "tests/golden/vendor_counts.def"
};

static void
other_captures_hold_the_records_that_tshark_counts(void **state)
{
    (void)state;
    if (shared == NULL)
        skip();
    faults = 0;
    for (size_t i = 0; i < SL_COUNTOF(counted); i++) {
        struct collect c;
        collect_init(&c, NULL);
        for (size_t k = 0; k < 4 && counted[i].files[k] != NULL; k++) {
            char *path = join(counted[i].folder, counted[i].files[k]);
            feed(&c, path);
            free(path);
        }
        collect_flush(&c);
        struct sl_exporter_counts counts = collect_counts(&c);
        struct sl_decoder_counts all;
        sl_decoder_counts(c.decoder, &all);
        if (counts.records != counted[i].records || c.row_count != counted[i].records ||
            counts.option_records != counted[i].option_records ||
            counts.malformed + all.malformed != counted[i].malformed) {
            printf("{\"%s\", {\"%s\"}, %" PRIu64 ", %" PRIu64 ", %" PRIu64 "}, unknown %" PRIu64
                   "\n",
                   counted[i].folder, counted[i].files[0], counts.records, counts.option_records,
                   counts.malformed + all.malformed, counts.unknown);
            faults++;
        }
        collect_fini(&c);
    }
    assert_int_equal(faults, 0);
}

/* Cut, a capture gives at most the records it has; changed, none that is not counted. The sanitizers
 * see what is read too far. */
static void
captures_that_are_cut_or_changed_make_no_record_of_their_own(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    if (shared == NULL)
        skip();
    for (size_t i = 0; i < 2 * test_rounds(10) * SL_COUNTOF(counted); i++) {
        enum harm harm = i % 2 == 0 ? HARM_CUT : HARM_CHANGE;
        size_t file = i / 2 % SL_COUNTOF(counted);
        struct collect c;
        collect_init(&c, NULL);
        for (size_t k = 0; k < 4 && counted[file].files[k] != NULL; k++) {
            char *path = join(counted[file].folder, counted[file].files[k]);
            feed_harmed(&c, path, harm, &seed);
            free(path);
        }
        collect_flush(&c);
        struct sl_decoder_counts all;
        sl_decoder_counts(c.decoder, &all);
        assert_int_equal(all.rows, c.row_count);
        if (harm == HARM_CUT)
            assert_in_range(c.row_count, 0, counted[file].records);
        collect_fini(&c);
    }
}

/* IPFIX file format (RFC 5655): messages back to back. */
static void
ipfix_file_holds_its_records_and_templates(void **state)
{
    (void)state;
    struct collect c;
    size_t size_bytes = 0;
    unsigned messages = 0;
    if (shared == NULL)
        skip();
    char *path = join("ipfixcol2", "example_flows.ipfix");
    uint8_t *bytes = test_read_file(path, &size_bytes);
    collect_init(&c, NULL);
    for (size_t at = 0; at + 4 <= size_bytes; messages++) {
        size_t message_bytes = (size_t)sl_read_be(&bytes[at + 2], 2);
        assert_true(message_bytes >= 16 && message_bytes <= size_bytes - at);
        collect_datagram(&c, sl_addr_from_v4(1), 1, INT64_C(1500000000000000), &bytes[at],
                         message_bytes);
        at += message_bytes;
    }
    collect_flush(&c);
    struct sl_exporter_counts counts = collect_counts(&c);
    assert_int_equal(messages, 68); /* the first holds nothing but templates */
    assert_int_equal(counts.records + counts.option_records, 3979);
    assert_int_equal(counts.templates, 8);
    assert_int_equal(counts.malformed, 0);
    assert_int_equal(counts.gaps, 0);
    collect_fini(&c);
    free(bytes);
    free(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codec_netflow_decodes_to_its_golden_files),
        cmocka_unit_test(other_captures_hold_the_records_that_tshark_counts),
        cmocka_unit_test(captures_that_are_cut_or_changed_make_no_record_of_their_own),
        cmocka_unit_test(ipfix_file_holds_its_records_and_templates),
    };
    shared = test_shared();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
