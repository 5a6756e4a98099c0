/*
 * flow_view_test.c - the list of the built-in views holds together.
 */
#include "query/flow_view.h"
#include "storage/base/buf.h"
#include "tests/unit/query/front_support.h"

static struct sl_slice
slice(const char *text)
{
    return (struct sl_slice){.bytes = (const uint8_t *)text, .size_bytes = (uint32_t)strlen(text)};
}

static void
views_are_found_by_name(void **state)
{
    (void)state;
    assert_null(sl_flow_view_find(slice("flows")));
    assert_null(sl_flow_view_find(slice("flowsv5")));
    assert_string_equal(sl_flow_view_find(slice("FLOWSV4"))->name, "flowsv4");
    assert_string_equal(sl_flow_view_find(slice("flowsv6"))->name, "flowsv6");
    assert_true(sl_flow_view_find(slice("nfFlows"))->is_prefixed);
    assert_string_equal(
        sl_flow_view_column(sl_flow_view_find(slice("nfflows")), slice("in_bytes"))->column,
        "in_bytes");
    assert_null(sl_flow_view_column(sl_flow_view_find(slice("flowsv4")), slice("nosuch")));
}

/* An expression that names a column which is not in flows, or an INSERT that fills one, fails. */
static void
each_column_can_be_read_and_written(void **state)
{
    struct front f;
    const struct sl_flow_view *view;

    (void)state;
    front_open(&f);
    for (uint32_t v = 0; (view = sl_flow_view_at(v)) != NULL; v++) {
        uint32_t count;
        const struct sl_flow_column *columns = sl_flow_view_columns(view, &count);
        assert_true(count > 10);
        for (uint32_t i = 0; i < count; i++) {
            const struct sl_flow_column *c = &columns[i];
            const struct sl_column *column;
            enum sl_type type;
            assert_true((c->column[0] == '\0') == (c->store == SL_FLOW_STORE_NOTHING));
            assert_false(c->is_nullable && strcmp(c->type, "bigint unsigned") == 0);
            if (c->column[0] == '\0')
                continue;
            if (!sl_flow_field_type(slice(c->column), &type))
                fail_msg("%s.%s: flows has no %s", view->name, c->name, c->column);
            TEST_OK(sl_schema_add(f.schema, c->column, type, SL_UNIT_NONE, &column, &f.err),
                    &f.err);
        }
        struct sl_slice text;
        TEST_OK(sl_flow_view_text(view, f.arena, &text, &f.err), &f.err);
        TEST_OK(front_bind(&f, (const char *)text.bytes), &f.err);
        assert_int_equal(f.statement.select->visible_count, count);
        for (uint32_t i = 0; i < count; i++)
            if (f.statement.select->outputs[i].expr->type.is_nullable && !columns[i].is_nullable)
                fail_msg("%s.%s can be NULL", view->name, columns[i].name);
    }
    front_close(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_are_found_by_name),
        cmocka_unit_test(each_column_can_be_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
