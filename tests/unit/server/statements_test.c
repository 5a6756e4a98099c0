/*
 * statements_test.c - prepared texts come back by id, and take no more memory than they may.
 */
#include "server/statements.h"
#include "tests/support/test.h"

/* A PREPARE with so many bytes of text, all the same. */
static sl_status
add(struct sl_statements *statements, char letter, uint32_t size_bytes, uint32_t *out_id)
{
    uint8_t *text = sl_new((size_t)size_bytes + 1);
    memset(text, letter, size_bytes);
    struct sl_request r = {.text = {.bytes = text, .size_bytes = size_bytes},
                           .session = {.database = "flows", .time_zone = "UTC"}};
    sl_status st = sl_statements_add(statements, &r, NULL);
    free(text); /* a copy is kept */
    *out_id = r.statement_id;
    return st;
}

static void
texts_come_back_by_id(void **state)
{
    (void)state;
    struct sl_budget memory = {.limit_bytes = 1 << 20};
    struct sl_statements statements;
    struct sl_error err = {0};
    uint32_t ids[3];
    sl_statements_init(&statements, &memory);
    for (unsigned i = 0; i < SL_COUNTOF(ids); i++)
        assert_int_equal(add(&statements, (char)('a' + i), 10 + i, &ids[i]), SL_OK);
    sl_statements_remove(&statements, ids[0]);
    sl_statements_remove(&statements, ids[0]);
    for (unsigned i = 1; i < SL_COUNTOF(ids); i++) {
        struct sl_request r = {.type = SL_WIRE_DESCRIBE, .statement_id = ids[i]};
        TEST_OK(sl_statements_bind(&statements, &r, &err), &err);
        assert_int_equal(r.text.size_bytes, 10 + i);
        assert_int_equal(r.text.bytes[9], 'a' + i);
        assert_string_equal(r.session.database, "flows");
    }
    struct sl_request gone = {.type = SL_WIRE_DESCRIBE, .statement_id = ids[0]};
    assert_int_equal(sl_statements_bind(&statements, &gone, &err), SL_MISSING);
    assert_int_equal(err.sql_number, 1243);
    sl_statements_fini(&statements);
    assert_int_equal(memory.used_bytes, 0);
}

static void
a_connection_has_no_more_than_its_share(void **state)
{
    (void)state;
    struct sl_budget memory = {.limit_bytes = SIZE_MAX};
    struct sl_statements statements;
    uint32_t id = 0;
    sl_statements_init(&statements, &memory);
    for (unsigned i = 0; i < SL_WIRE_STATEMENTS_MAX; i++)
        assert_int_equal(add(&statements, 'a', 1, &id), SL_OK);
    assert_int_equal(add(&statements, 'a', 1, &id), SL_LIMIT);
    sl_statements_fini(&statements);

    sl_statements_init(&statements, &memory);
    assert_int_equal(add(&statements, 'a', 16 << 20, &id), SL_OK);
    assert_int_equal(add(&statements, 'a', 16 << 20, &id), SL_OK);
    uint32_t none = 0;
    assert_int_equal(add(&statements, 'a', 1, &none), SL_LIMIT);
    sl_statements_remove(&statements, id);
    assert_int_equal(add(&statements, 'a', 1, &id), SL_OK);
    sl_statements_fini(&statements);
    assert_int_equal(memory.used_bytes, 0);
}

static void
all_connections_share_a_limit(void **state)
{
    (void)state;
    struct sl_budget memory = {.limit_bytes = 100};
    struct sl_statements statements[2];
    uint32_t id = 0;
    sl_statements_init(&statements[0], &memory);
    sl_statements_init(&statements[1], &memory);
    assert_int_equal(add(&statements[0], 'a', 60, &id), SL_OK);
    assert_int_equal(add(&statements[1], 'a', 60, &id), SL_LIMIT);
    assert_int_equal(add(&statements[1], 'a', 40, &id), SL_OK);
    sl_statements_fini(&statements[0]);
    assert_int_equal(add(&statements[1], 'a', 60, &id), SL_OK);
    sl_statements_fini(&statements[1]);
    assert_int_equal(memory.used_bytes, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_come_back_by_id),
        cmocka_unit_test(a_connection_has_no_more_than_its_share),
        cmocka_unit_test(all_connections_share_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
