/*
 * light_test.c - which statements the server may run without a worker: examples of both kinds.
 */
#include "query/query.h"
#include "tests/support/test.h"

static bool
is_light(const char *text)
{
    return sl_query_weigh(SL_DIALECT_MYSQL, text, strlen(text)) == SL_QUERY_LITERALS;
}

static bool
is_plain(const char *text)
{
    return sl_query_weigh(SL_DIALECT_MYSQL, text, strlen(text)) == SL_QUERY_PLAIN;
}

static void
a_row_of_literals_is_light(void **state)
{
    static const char *const texts[] = {
        "INSERT INTO `flowsv4` (VLAN_ID,IP_SRC_ADDR,INFO) VALUES ('0','3232235776','a;b(c)')",
        "insert ignore into nf.flows values (1, -2.5, 1e3, 0xff, NULL, default, ?)",
        "INSERT DELAYED INTO flows (last_seen) VALUES (1), (2), (3)",
        "INSERT INTO flows /* of today */ (last_seen) VALUES ('1') -- the end",
    };
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(texts); i++)
        if (!is_light(texts[i]))
            fail_msg("not light: %s", texts[i]);
}

static void
what_may_compute_or_go_on_is_not(void **state)
{
    static const char *const texts[] = {
        "",
        "INSERT",
        "SELECT COUNT(*) FROM flows",
        "INSERT INTO flows (last_seen, info) VALUES (1, REPEAT('x', 16000000))",
        "INSERT INTO flows (last_seen, info) VALUES (1, COMPRESS ('{}'))",
        "INSERT INTO flows (last_seen) VALUES (1 + 1)",
        "INSERT INTO flows (last_seen) VALUES (1); SELECT COUNT(*) FROM flows",
        "INSERT INTO flows (last_seen) VALUES (1) /*! , (REPEAT('x', 16000000)) */",
        "INSERT INTO flows (last_seen) VALUES (@x)",
        "INSERT INTO flows (last_seen) SELECT last_seen FROM flows",
        "INSERT INTO flows (last_seen) VALUES ('1",
        "INSERT INTO `flows`.`sites` (`net`) VALUES ('10.0.0.1')",
    };
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(texts); i++)
        if (is_light(texts[i]))
            fail_msg("light: %s", texts[i]);
}

static void
a_long_text_is_not(void **state)
{
    char text[5000] = "INSERT INTO flows (last_seen) VALUES (1)";
    (void)state;
    assert_true(is_light(text));
    size_t used = strlen(text);
    for (; used + 5 < sizeof(text); used += 4)
        memcpy(text + used, ",(1)", 5);
    assert_false(is_light(text));
}

static void
a_select_that_calls_nothing_is_plain(void **state)
{
    static const char *const texts[] = {
        "SELECT 1",
        "select count(*), SUM (bytes) from flows where (dst_port in (53, 443) or not(protocol = "
        "6))",
        "SELECT src_addr FROM flows WHERE src_addr='10.0.0.1'OR(1 = 0) -- REPEAT('x', 10)",
        "SELECT 'REPEAT(', bytes FROM flows LIMIT 1;",
    };
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(texts); i++)
        if (!is_plain(texts[i]))
            fail_msg("not plain: %s", texts[i]);
}

static void
a_select_that_may_call_is_not(void **state)
{
    static const char *const texts[] = {
        "SELECT",
        "SELECT REPEAT('x', 16000000)",
        "SELECT REPEAT /* */ ('x', 16000000)",
        "SELECT /*! REPEAT */ ('x')",
        "SELECT `REPEAT`('x', 16000000)",
        "SELECT 1; SELECT 2",
        "SELECT 'x",
        "(SELECT 1)",
    };
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(texts); i++)
        if (is_plain(texts[i]))
            fail_msg("plain: %s", texts[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_of_literals_is_light),
        cmocka_unit_test(what_may_compute_or_go_on_is_not),
        cmocka_unit_test(a_long_text_is_not),
        cmocka_unit_test(a_select_that_calls_nothing_is_plain),
        cmocka_unit_test(a_select_that_may_call_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
