/*
 * exporter_test.c - what the decoder remembers of an exporter from one message to the next:
 * templates, data that waits for them, sampling, sequence; and that after a restart of ours.
 */
#include "ingest/decode/decoder_state.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "tests/support/message.h"

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

/* Put, withdrawn one by one and by the sort, in any order: what is there is what a table of all ids
 * says, by id and in a row. */
static void
templates_agree_with_a_table_of_all_ids(void **state)
{
    (void)state;
    enum { IDS = 90, STEP = 724 };
    bool is_there[IDS] = {0};
    bool is_options[IDS] = {0};
    const struct sl_field field = {.id = 1, .size_bytes = 4};
    const struct sl_exporter_key key = {.version = 10};
    const struct sl_decoder_options options = sl_decoder_options_default();
    uint64_t seed = test_seed();
    struct sl_exporters exporters;
    sl_exporters_init(&exporters);
    struct sl_exporter *e = sl_exporters_get(&exporters, &key, &options, received_us);
    for (unsigned round = 0; round < 4000; round++) {
        uint64_t what = test_random_below(&seed, 100);
        uint32_t n = (uint32_t)test_random_below(&seed, IDS);
        uint16_t id = (uint16_t)(SL_TEMPLATE_ID_MIN + n * STEP);
        bool is_option = test_random(&seed) % 2 == 0;
        if (what == 0) {
            sl_exporter_drop_templates(&exporters, e, is_option);
            for (uint32_t i = 0; i < IDS; i++)
                is_there[i] = is_there[i] && is_options[i] != is_option;
        } else if (what < 40) {
            sl_exporter_drop_template(&exporters, e, id);
            is_there[n] = false;
        } else {
            struct sl_template *t = sl_template_create(id, &field, 1, 0, is_option);
            assert_true(sl_exporter_put_template(&exporters, e, t));
            is_there[n] = true;
            is_options[n] = is_option;
        }
        uint32_t place = sl_exporter_sent_place(e);
        for (uint32_t i = 0; i < IDS; i++) {
            if (!is_there[i])
                continue;
            const struct sl_template *t = e->templates[place++];
            assert_int_equal(t->id, SL_TEMPLATE_ID_MIN + i * STEP);
            assert_ptr_equal(sl_exporter_template(e, t->id), t);
            assert_int_equal(t->is_options, is_options[i]);
        }
        assert_int_equal(place, e->template_count);
        assert_int_equal(place, exporters.template_count);
        assert_int_equal(sl_exporter_template(e, id) != NULL, is_there[n]);
    }
    sl_exporters_fini(&exporters);
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
    assert_true(sl_decoder_export(before.decoder, UINT32_MAX, take_state, &c));
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_waits_for_its_template),
        cmocka_unit_test(templates_change_and_are_withdrawn),
        cmocka_unit_test(templates_agree_with_a_table_of_all_ids),
        cmocka_unit_test(sampling_comes_from_options_records_and_rules),
        cmocka_unit_test(gaps_are_counted_and_late_datagrams_are_none),
        cmocka_unit_test(templates_and_sampling_survive_a_restart_of_ours),
    };
    sl_log_set_level(SL_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
