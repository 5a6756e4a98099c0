/*
 * decoder_limit_test.c - what peers cannot make the decoder do: grow without bound, use up what
 * others need, make rows of bytes that hold none.
 */
#include "ingest/decode/decoder_state.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "tests/support/message.h"

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
columns_beyond_the_limit_go_into_extra(void **state)
{
    (void)state;
    struct collect c;
    struct pair fields[SL_COLUMNS_PER_ADDRESS_MAX + 2];
    uint64_t values[SL_COLUMNS_PER_ADDRESS_MAX + 2] = {0};
    for (uint32_t i = 0; i < SL_COUNTOF(fields); i++)
        fields[i] = (struct pair){.id = (uint16_t)(20000 + i), .bytes = 1};
    values[SL_COLUMNS_PER_ADDRESS_MAX] = 0xab;
    decode_one(&c, 9, fields, SL_COUNTOF(fields), values);
    EXPECT("extra", "{\"pen0_20200\":\"ab\",\"pen0_20201\":\"00\"}");
    assert_int_equal(collect_counts(&c).extra, 2);
    collect_fini(&c);
}

/* However many exporters name things, and whatever they call them in turn. */
static void
names_of_all_exporters_share_a_limit(void **state)
{
    (void)state;
    enum { LIMIT_BYTES = 1 << 20 };
    const struct sl_decoder_options options = sl_decoder_options_default();
    char name[SL_NAME_BYTES_MAX + 1] = "";
    struct sl_exporters exporters;
    uint64_t refused = 0;
    sl_exporters_init(&exporters);
    exporters.name_memory.limit_bytes = LIMIT_BYTES;
    memset(name, 'x', SL_NAME_BYTES_MAX);
    for (uint32_t domain = 0; domain < 100; domain++) {
        const struct sl_exporter_key key = {.domain = domain, .version = 10};
        struct sl_exporter *e = sl_exporters_get(&exporters, &key, &options, received_us);
        for (uint64_t i = 0; i < 100; i++) {
            bool is_named = sl_names_set(&e->interfaces, i, "short", NULL);
            bool is_renamed = sl_names_set(&e->interfaces, i, name, "described");
            const struct sl_name *known = sl_names_find(&e->interfaces, i);
            assert_true(is_named || known == NULL || known->name == NULL);
            assert_true(!is_renamed || known != NULL);
            refused += !is_renamed;
            assert_true(exporters.name_memory.used_bytes <= LIMIT_BYTES);
        }
    }
    assert_in_range(refused, 1, 9000);
    sl_exporters_drop_silent(&exporters, INT64_MAX);
    assert_int_equal(exporters.count, 0);
    assert_int_equal(exporters.name_memory.used_bytes, 0);
    sl_exporters_fini(&exporters);
}

/* What withdrawn templates took is used by the next ones, wherever their ids lie. */
static void
withdrawn_templates_take_no_memory(void **state)
{
    (void)state;
    struct collect c;
    collect_init(&c, NULL);
    for (unsigned round = 0; round < 255; round++) {
        struct message m = begin(10, 0, 1);
        for (unsigned i = 0; i < 4; i++)
            put_template(&m, 10, (uint16_t)((round + 1) * 256 + i), plain, 2);
        begin_set(&m, 2);
        sl_buf_u16be(&m.buf, 2); /* all of them */
        sl_buf_u16be(&m.buf, 0);
        end_set(&m);
        send_message(&c, &m);
        assert_int_equal(collect_counts(&c).templates, 0);
    }
    for (uint32_t i = 0; i < c.decoder->exporters.bucket_count; i++)
        for (const struct sl_exporter *e = c.decoder->exporters.buckets[i]; e != NULL; e = e->next)
            assert_true(e->template_capacity <= 8);
    collect_fini(&c);
}

/* A template of `count` fields from `first` on, from an address and a domain of its own. */
static void
add_columns(struct collect *c, uint32_t addr, uint32_t domain, uint32_t pen, uint16_t first,
            uint16_t count)
{
    struct pair fields[500];
    assert_true(count <= SL_COUNTOF(fields));
    for (uint16_t i = 0; i < count; i++)
        fields[i] = (struct pair){.id = (uint16_t)(first + i), .bytes = 4, .pen = pen};
    struct message m = begin(10, 0, domain);
    put_template(&m, 10, 256, fields, count);
    send_from_addr(c, &m, sl_addr_from_v4(addr), 2055);
}

static bool
has_column(const struct collect *c, const char *name)
{
    return sl_schema_find(c->schema, name, strlen(name)) != NULL;
}

static void
domains_of_one_address_share_its_columns(void **state)
{
    (void)state;
    struct collect c;
    collect_init(&c, NULL);
    for (uint32_t domain = 0; domain < 10; domain++)
        add_columns(&c, 1, domain, 9999, (uint16_t)(1 + domain * 100), 100);
    assert_true(has_column(&c, "pen9999_200"));
    assert_false(has_column(&c, "pen9999_201"));
    add_columns(&c, 2, 0, 9999, 901, 1);
    assert_true(has_column(&c, "pen9999_901"));
    collect_fini(&c);
}

/* Sources are forged, so the columns of all addresses together leave room for known elements. */
static void
forged_sources_leave_room_for_known_elements(void **state)
{
    (void)state;
    struct collect c;
    collect_init(&c, NULL);
    for (uint32_t addr = 1; addr <= 200; addr++)
        add_columns(&c, addr, 0, 10000 + addr, 1, 100);
    uint32_t others = sl_schema_count(c.schema);
    assert_true(others < SL_COLUMNS_MAX);
    assert_true(others > 2 * SL_COLUMNS_PER_ADDRESS_MAX);
    /* Every element that we know, and the ways back of IANA's. */
    const struct sl_element *element = NULL;
    for (uint32_t i = 0; (element = sl_element_at(i)) != NULL; i++)
        for (unsigned reverse = 0; reverse < 2; reverse++) {
            const struct sl_column *column = NULL;
            char name[SL_COLUMN_NAME_BYTES_MAX + 1];
            if (reverse != 0 && element->pen != 0)
                continue;
            sl_added_name(element, reverse != 0, name);
            column = sl_added_get(&c.decoder->added, sl_addr_from_v4(77), name, element->type,
                                  SL_NAME_OF_ELEMENT);
            assert_true(column != NULL || has_column(&c, name));
        }
    add_columns(&c, 999, 0, 9999, 1, 1);
    assert_false(has_column(&c, "pen9999_1"));
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

struct kept_state {
    unsigned put_count;
    unsigned gone_count;
};

static void
count_state(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
    struct kept_state *kept = context;
    struct sl_exporter_key decoded;
    assert_true(sl_exporter_key_decode(key, key_bytes, &decoded));
    kept->put_count += value != NULL;
    kept->gone_count += value == NULL;
    assert_true((value == NULL) == (value_bytes == 0));
}

/* A message with a template and a record from an address, at a time. */
static void
send_at(struct collect *c, uint32_t addr, int64_t at_us)
{
    struct message m = begin(9, 0, 1);
    put_template(&m, 9, 256, plain, 2);
    put_plain_data(&m, 256, 1);
    collect_datagram(c, sl_addr_from_v4(addr), 1, at_us, m.buf.bytes, m.buf.size_bytes);
    sl_buf_fini(&m.buf);
}

/* Forged sources fill the table: an exporter that is heard stays, a new one waits until the others
 * have been silent for long, and their state is forgotten. */
static void
silent_exporters_give_their_place(void **state)
{
    (void)state;
    struct collect c;
    struct sl_decoder_counts counts;
    struct kept_state kept = {0};
    collect_init(&c, NULL);
    for (uint32_t addr = 1; addr <= SL_EXPORTERS_MAX; addr++)
        send_at(&c, addr, received_us);
    /* Little by little. */
    assert_false(sl_decoder_export(c.decoder, 100, count_state, &kept));
    assert_int_equal(kept.put_count, 100);
    assert_true(sl_decoder_export(c.decoder, UINT32_MAX, count_state, &kept));
    assert_int_equal(kept.put_count, SL_EXPORTERS_MAX);
    send_at(&c, 0x0a0a0a0a, received_us + SL_US_PER_MINUTE);
    sl_decoder_counts(c.decoder, &counts);
    assert_int_equal(counts.refused, 1);
    send_at(&c, 1, received_us + SL_US_PER_HOUR);
    /* A clock that was wrong: data that waits is dated to a time far away. */
    struct message m = begin(9, 0, 1);
    put_plain_data(&m, 300, 1);
    collect_datagram(&c, sl_addr_from_v4(2), 1, received_us + SL_US_PER_DAY, m.buf.bytes,
                     m.buf.size_bytes);
    collect_datagram(&c, sl_addr_from_v4(2), 1, received_us, m.buf.bytes, m.buf.size_bytes);
    sl_buf_fini(&m.buf);
    send_at(&c, 0x0a0a0a0a, received_us + 2 * SL_US_PER_HOUR);
    sl_decoder_counts(c.decoder, &counts);
    assert_int_equal(counts.refused, 1);
    assert_int_equal(counts.exporters, 3);
    assert_false(sl_decoder_export(c.decoder, 8, count_state, &kept));
    assert_int_equal(kept.gone_count, 8);
    assert_true(sl_decoder_export(c.decoder, UINT32_MAX, count_state, &kept));
    assert_int_equal(kept.gone_count, SL_EXPORTERS_MAX - 2);
    assert_int_equal(kept.put_count, SL_EXPORTERS_MAX + 1);
    collect_flush(&c);
    assert_int_equal(c.row_count, SL_EXPORTERS_MAX + 2);
    collect_fini(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(withdrawn_templates_take_no_memory),
        cmocka_unit_test(names_of_all_exporters_share_a_limit),
        cmocka_unit_test(pending_data_is_bounded),
        cmocka_unit_test(columns_beyond_the_limit_go_into_extra),
        cmocka_unit_test(domains_of_one_address_share_its_columns),
        cmocka_unit_test(forged_sources_leave_room_for_known_elements),
        cmocka_unit_test(broken_templates_are_counted_and_not_kept),
        cmocka_unit_test(cut_and_mutated_messages_make_no_row_of_their_own),
        cmocka_unit_test(silent_exporters_give_their_place),
        cmocka_unit_test(a_full_batch_goes_to_the_sink),
    };
    sl_log_set_level(SL_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
