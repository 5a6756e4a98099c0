/*
 * schema_test.c - columns are found by every name, added once, and never change.
 */
#include "storage/schema.h"

#include <stdio.h>

#include "storage/base/limits.h"
#include "tests/support/test.h"

static void
core_columns_have_their_places(void **state)
{
    struct sl_schema *schema = sl_schema_create();
    (void)state;
    assert_int_equal(sl_schema_count(schema), SL_CORE_COLUMN_COUNT);
    assert_string_equal(sl_schema_at(schema, 0)->name, "first_seen");
    const struct sl_column *column = sl_schema_find(schema, "Src_Addr", 8);
    assert_ptr_equal(column, sl_schema_at(schema, SL_COLUMN_SRC_ADDR));
    assert_null(sl_schema_find(schema, "src_add", 7));
    assert_null(sl_schema_find(schema, "src_addrs", 9));
    assert_null(sl_schema_find(schema, "", 0));
    sl_schema_destroy(schema);
}

static void
a_column_is_added_once_and_keeps_its_type(void **state)
{
    struct sl_schema *schema = sl_schema_create();
    struct sl_error err = {0};
    const struct sl_column *first = NULL;
    const struct sl_column *again = NULL;
    (void)state;
    TEST_OK(sl_schema_add(schema, "rtt", SL_TYPE_U32, SL_UNIT_US, &first, &err), &err);
    TEST_OK(sl_schema_add(schema, "rtt", SL_TYPE_U32, SL_UNIT_US, &again, &err), &err);
    assert_ptr_equal(first, again);
    assert_true(first->is_nullable);
    assert_int_equal(sl_schema_add(schema, "rtt", SL_TYPE_TEXT, SL_UNIT_NONE, &again, &err),
                     SL_TYPE);
    assert_int_equal(sl_schema_add(schema, "Bad Name", SL_TYPE_U8, SL_UNIT_NONE, &again, &err),
                     SL_FORMAT);
    assert_int_equal(sl_schema_add(schema, "1x", SL_TYPE_U8, SL_UNIT_NONE, &again, &err),
                     SL_FORMAT);
    assert_int_equal(sl_schema_add(schema, "x", SL_TYPE_DECIMAL, SL_UNIT_NONE, &again, &err),
                     SL_TYPE);
    sl_schema_destroy(schema);
}

static void
there_is_an_end_to_columns(void **state)
{
    struct sl_schema *schema = sl_schema_create();
    struct sl_error err = {0};
    const struct sl_column *column = NULL;
    char name[32];
    (void)state;
    for (unsigned i = SL_CORE_COLUMN_COUNT; i < SL_COLUMNS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "extra_%u", i);
        TEST_OK(sl_schema_add(schema, name, SL_TYPE_U8, SL_UNIT_NONE, &column, &err), &err);
        assert_ptr_equal(column, sl_schema_find(schema, name, strlen(name)));
    }
    assert_int_equal(sl_schema_add(schema, "more", SL_TYPE_U8, SL_UNIT_NONE, &column, &err),
                     SL_LIMIT);
    assert_null(sl_schema_find(schema, "more", 4));
    sl_schema_destroy(schema);
}

static void
a_misspelt_name_is_answered_with_the_nearest(void **state)
{
    struct sl_schema *schema = sl_schema_create();
    (void)state;
    static const struct {
        const char *misspelt;
        const char *meant;
    } cases[] = {{"src_adr", "src_addr"}, {"PROTCOL", "protocol"}, {"zzzzzzzz", NULL}};
    for (size_t i = 0; i < SL_COUNTOF(cases); i++) {
        struct sl_nearest nearest = sl_nearest_to(cases[i].misspelt, strlen(cases[i].misspelt));
        sl_schema_suggest(schema, &nearest);
        assert_true(cases[i].meant == NULL ? nearest.best == NULL
                                           : strcmp(nearest.best, cases[i].meant) == 0);
    }
    sl_schema_destroy(schema);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_columns_have_their_places),
        cmocka_unit_test(a_column_is_added_once_and_keeps_its_type),
        cmocka_unit_test(there_is_an_end_to_columns),
        cmocka_unit_test(a_misspelt_name_is_answered_with_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
