/*
 * element_test.c - the element table is sorted, its names are unique, its rules hold.
 *
 * Method: walk the whole table and check each promise of element.def and schema.h for every
 * entry; a few entries are pinned by hand.
 */
#include <strings.h>

#include "storage/schema.h"
#include "tests/support/test.h"

static void
table_is_sorted_and_found_by_number(void **state)
{
    (void)state;
    uint64_t last = 0;
    for (uint32_t i = 0; sl_element_at(i) != NULL; i++) {
        const struct sl_element *e = sl_element_at(i);
        uint64_t key = (uint64_t)e->pen << 16 | e->id;
        assert_true(key > last);
        last = key;
        assert_ptr_equal(sl_element_find(e->pen, e->id), e);
        assert_true(e->iana != NULL || e->name != NULL);
        assert_true(sl_type_is_storable(e->type));
    }
    assert_null(sl_element_find(0, 0));
    assert_null(sl_element_find(0, 65535));
    assert_null(sl_element_find(UINT32_MAX, 1));
}

/* Every name leads back to its element, so no name means two of them in either kind. */
static void
names_are_unique(void **state)
{
    (void)state;
    for (uint32_t i = 0; sl_element_at(i) != NULL; i++) {
        const struct sl_element *e = sl_element_at(i);
        if (e->iana != NULL)
            assert_ptr_equal(sl_element_by_name(e->iana, strlen(e->iana)), e);
        if (e->name != NULL)
            assert_ptr_equal(sl_element_by_name(e->name, strlen(e->name)), e);
    }
}

/* A second name may not hide behind the column of another element. */
static void
names_do_not_shadow_columns(void **state)
{
    (void)state;
    for (uint32_t i = 0; sl_element_at(i) != NULL; i++)
        for (uint32_t j = 0; sl_element_at(j) != NULL; j++) {
            const struct sl_element *a = sl_element_at(i);
            const struct sl_element *b = sl_element_at(j);
            if (a->name != NULL && strcasecmp(a->name, b->column) == 0)
                assert_string_equal(a->column, b->column);
        }
}

static void
columns_follow_the_rule(void **state)
{
    (void)state;
    struct sl_schema *schema = sl_schema_create();
    for (uint32_t i = 0; sl_element_at(i) != NULL; i++) {
        const struct sl_element *e = sl_element_at(i);
        char own[SL_COLUMN_NAME_BYTES_MAX + 1];
        sl_element_own_column(e, own);
        const struct sl_column *core = sl_schema_find(schema, e->column, strlen(e->column));
        bool is_core = core != NULL && core->is_core;
        if (is_core)
            assert_true(core->type == e->type || core->type == SL_TYPE_TEXT);
        else if (strncmp(e->column, "post_", 5) != 0)
            assert_string_equal(own, e->column);
    }
    sl_schema_destroy(schema);
}

/* Two elements may share a column only when its type is the same for both. */
static void
every_element_gets_its_column(void **state)
{
    (void)state;
    struct sl_error err = {0};
    struct sl_schema *schema = sl_schema_create();
    for (uint32_t i = 0; sl_element_at(i) != NULL; i++) {
        const struct sl_element *e = sl_element_at(i);
        const struct sl_column *column = NULL;
        TEST_OK(sl_schema_add_element(schema, e, e->pen, e->id, &column, &err), &err);
        assert_int_equal(column->type, e->type);
    }
    sl_schema_destroy(schema);
}

static void
expect_column(const char *name, const char *column)
{
    const struct sl_element *e = sl_element_by_name(name, strlen(name));
    assert_non_null(e);
    assert_string_equal(e->column, column);
}

static void
known_names_lead_where_they_should(void **state)
{
    (void)state;
    expect_column("octetDeltaCount", "in_bytes");
    expect_column("OCTETDELTACOUNT", "in_bytes");
    expect_column("IN_BYTES", "in_bytes");
    expect_column("OUT_BYTES", "out_bytes");
    expect_column("OUT_PKTS", "out_packets");
    expect_column("postOctetDeltaCount", "post_bytes");
    expect_column("L7_PROTO", "l7_proto");
    expect_column("L7_PROTO_NAME", "app");
    expect_column("IPV6_SRC_ADDR", "src_addr");
    expect_column("SSL_SERVER_NAME", "tls_server_name");
    expect_column("postMCastPacketDeltaCount", "post_mcast_packet_delta_count");
    expect_column("hashIPPayloadOffset", "hash_ip_payload_offset");
    expect_column("VRFname", "vrf_name");
    assert_null(sl_element_by_name("byts", 4));
    assert_null(sl_element_by_name("", 0));
    assert_int_equal(sl_element_find(0, 156)->form, SL_WIRE_NANOSECONDS);
    assert_int_equal(sl_element_find(0, 280)->type, SL_TYPE_U64);
    assert_int_equal(sl_element_find(0, 291)->form, SL_WIRE_LIST);
    assert_int_equal(sl_element_find(0, 410)->type, SL_TYPE_U16);
    assert_int_equal(sl_element_find(0, 457)->type, SL_TYPE_U16);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sorted_and_found_by_number),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(names_do_not_shadow_columns),
        cmocka_unit_test(columns_follow_the_rule),
        cmocka_unit_test(every_element_gets_its_column),
        cmocka_unit_test(known_names_lead_where_they_should),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
