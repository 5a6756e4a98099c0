/*
 * field_test.c - every way a field is named, and every form of its value.
 */
#include "storage/field.h"

#include "storage/base/clock.h"
#include "tests/support/test.h"

struct fixture {
    struct sl_schema *schema;
    struct sl_builder *builder;
};

static int
set_up(void **state)
{
    struct fixture *f = sl_new(sizeof(*f));
    f->schema = sl_schema_create();
    f->builder = sl_builder_create(16);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;
    sl_builder_destroy(f->builder);
    sl_schema_destroy(f->schema);
    free(f);
    return 0;
}

static struct sl_field
find(struct fixture *f, const char *name)
{
    struct sl_error err = {0};
    struct sl_field field;
    TEST_OK(sl_field_find(f->schema, name, strlen(name), &field, &err), &err);
    return field;
}

static sl_status
set(struct fixture *f, const char *name, const char *value)
{
    struct sl_error err = {0};
    struct sl_field field = find(f, name);
    return sl_field_set(&field, f->schema, f->builder, value, strlen(value), &err);
}

static struct sl_builder_column *
cells(struct fixture *f, const char *column)
{
    const struct sl_column *c = sl_schema_find(f->schema, column, strlen(column));
    assert_non_null(c);
    return sl_builder_column(f->builder, c);
}

static void
names_of_every_kind_lead_to_the_column(void **state)
{
    static const char *const names[][2] = {
        {"src_addr", "src_addr"},
        {"IPV4_SRC_ADDR", "src_addr"},
        {"ipv6_src_addr", "src_addr"},
        {"sourceIPv4Address", "src_addr"},
        {"8", "src_addr"},
        {"IN_BYTES", "in_bytes"},
        {"octetDeltaCount", "in_bytes"},
        {"OUT_BYTES", "out_bytes"},
        {"1", "in_bytes"},
        {"LAST_SWITCHED", "last_seen"},
        {"flowEndMilliseconds", "last_seen"},
        {"Some Thing-else", "some_thing_else"},
    };
    for (size_t i = 0; i < SL_COUNTOF(names); i++)
        assert_string_equal(find(*state, names[i][0]).column->name, names[i][1]);
    assert_int_equal(find(*state, "Some Thing-else").column->type, SL_TYPE_TEXT);
}

static void
times_tell_their_unit_by_their_size(void **state)
{
    static const char *const texts[] = {
        "1795421730",          "1795421730.000000",    "1795421730000",       "1795421730000000",
        "1795421730000000000", "2026-11-23T08:15:30Z", "2026-11-23 08:15:30",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < SL_COUNTOF(texts); i++) {
        assert_int_equal(set(f, "last_seen", texts[i]), SL_OK);
        assert_true(cells(f, "last_seen")->values.i64[0] == INT64_C(1795421730) * SL_US_PER_S);
    }
    assert_int_equal(set(f, "last_seen", "1795421730.25"), SL_OK);
    assert_true(cells(f, "last_seen")->values.i64[0] == INT64_C(1795421730250000));
    assert_int_equal(set(f, "last_seen", "yesterday"), SL_FORMAT);
    assert_int_equal(set(f, "last_seen", "99999999999999999999"), SL_FORMAT);
}

static void
numbers_keep_to_their_column(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(set(f, "src_port", "65535"), SL_OK);
    assert_int_equal(cells(f, "src_port")->values.u16[0], 65535);
    assert_int_equal(set(f, "src_port", "65536"), SL_FORMAT);
    assert_int_equal(set(f, "src_port", "-1"), SL_FORMAT);
    assert_int_equal(set(f, "src_port", "1x"), SL_FORMAT);
    assert_int_equal(set(f, "in_bytes", "18446744073709551615"), SL_OK);
    assert_int_equal(set(f, "in_bytes", "18446744073709551616"), SL_FORMAT);
    assert_int_equal(set(f, "in_bytes", ""), SL_OK);
}

static void
addresses_of_two_families_share_a_column(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(set(f, "IPV4_SRC_ADDR", "10.1.2.3"), SL_OK);
    assert_int_equal(set(f, "IPV6_SRC_ADDR", "::"), SL_OK);
    assert_true(cells(f, "src_addr")->values.addr[0].low == 0x0a010203);
    assert_int_equal(set(f, "IPV4_DST_ADDR", "0.0.0.0"), SL_OK);
    assert_int_equal(set(f, "IPV6_DST_ADDR", "2001:db8::1"), SL_OK);
    assert_true(cells(f, "dst_addr")->values.addr[0].high == UINT64_C(0x20010db800000000));
    assert_int_equal(set(f, "IPV4_NEXT_HOP", "3232235786"), SL_OK);
    assert_int_equal(set(f, "src_addr", "4294967296"), SL_FORMAT);
    assert_int_equal(set(f, "src_addr", "10.1.2"), SL_FORMAT);
    assert_int_equal(set(f, "src_addr", "10.1.2.256"), SL_FORMAT);
    assert_int_equal(set(f, "src_addr", "1.2.3.4.5"), SL_FORMAT);
}

static void
protocols_and_applications_have_names_too(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(set(f, "PROTOCOL", "tcp"), SL_OK);
    assert_int_equal(cells(f, "protocol")->values.u8[0], 6);
    assert_int_equal(set(f, "PROTOCOL", "17"), SL_OK);
    assert_int_equal(cells(f, "protocol")->values.u8[0], 17);
    assert_int_equal(set(f, "PROTOCOL", "xyz"), SL_FORMAT);
    assert_int_equal(set(f, "L7_PROTO", "91.126"), SL_OK);
    assert_int_equal(cells(f, "l7_proto")->values.u16[0], 126);
    assert_int_equal(cells(f, "l7_master")->values.u16[0], 91);
    assert_int_equal(set(f, "L7_PROTO", "TLS.Google"), SL_OK);
    assert_int_equal(cells(f, "app")->bytes_used, strlen("TLS.Google"));
}

static void
a_row_needs_a_time_and_must_not_be_too_old(void **state)
{
    struct fixture *f = *state;
    struct sl_error err = {0};
    assert_int_equal(set(f, "in_bytes", "5"), SL_OK);
    assert_int_equal(sl_field_end_row(f->schema, f->builder, INT64_MIN, &err), SL_FORMAT);
    assert_int_equal(f->builder->row_count, 0);
    assert_int_equal(set(f, "first_seen", "1795421730"), SL_OK);
    assert_int_equal(sl_field_end_row(f->schema, f->builder, INT64_MIN, &err), SL_OK);
    assert_int_equal(f->builder->row_count, 1);
    assert_true(cells(f, "last_seen")->values.i64[0] == INT64_C(1795421730) * SL_US_PER_S);
    assert_int_equal(cells(f, "sampling_rate")->values.u32[0], 1);
    assert_int_equal(cells(f, "in_bytes")->set_rows, 0);
    assert_int_equal(set(f, "last_seen", "1795421730"), SL_OK);
    assert_int_equal(sl_field_end_row(f->schema, f->builder, INT64_MAX, &err), SL_FORMAT);
    assert_non_null(strstr(err.text, "retention"));
}

/* Stored under such a name, a field would never be found by a query. */
static void
names_of_derived_columns_are_taken(void **state)
{
    static const char *const names[] = {"bytes", "Packets", "duration", "host", "idx"};
    struct fixture *f = *state;
    for (size_t i = 0; i < SL_COUNTOF(names); i++) {
        struct sl_error err = {0};
        struct sl_field field;
        assert_int_equal(SL_FORMAT,
                         sl_field_find(f->schema, names[i], strlen(names[i]), &field, &err));
        assert_non_null(strstr(err.text, "is computed from"));
    }
    assert_string_equal("delta_flow_count", find(f, "flows").column->name);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_of_every_kind_lead_to_the_column, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_of_derived_columns_are_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(times_tell_their_unit_by_their_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_keep_to_their_column, set_up, tear_down),
        cmocka_unit_test_setup_teardown(addresses_of_two_families_share_a_column, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(protocols_and_applications_have_names_too, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_row_needs_a_time_and_must_not_be_too_old, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
