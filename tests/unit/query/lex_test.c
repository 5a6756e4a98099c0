/*
 * lex_test.c - tokens by example, in both dialects, with their places.
 */
#include "query/lex.h"
#include "tests/support/test.h"

static struct sl_tokens
lex(struct sl_arena *arena, enum sl_dialect dialect, const char *text)
{
    struct sl_error err = {0};
    struct sl_tokens tokens;

    TEST_OK(sl_lex(dialect, text, strlen(text), arena, &tokens, &err), &err);
    return tokens;
}

/* One token alone: its kind and text. */
static void
one(enum sl_dialect dialect, const char *text, enum sl_token_kind kind, const char *expected)
{
    struct sl_arena *arena = sl_arena_create(1 << 20);
    struct sl_tokens tokens = lex(arena, dialect, text);
    struct sl_slice got = tokens.tokens[0].text;

    if (tokens.count != 2 || tokens.tokens[0].kind != kind || got.size_bytes != strlen(expected) ||
        memcmp(got.bytes, expected, got.size_bytes) != 0)
        fail_msg("%s: %u tokens, kind %d, \"%.*s\"", text, tokens.count, (int)tokens.tokens[0].kind,
                 (int)got.size_bytes, (const char *)got.bytes);
    sl_arena_destroy(arena);
}

static void
literals_and_names(void **state)
{
    const enum sl_dialect native = SL_DIALECT_NATIVE, mysql = SL_DIALECT_MYSQL;

    (void)state;
    one(mysql, "'a''b\\n\\%'", SL_TOKEN_STRING, "a'b\n\\%");
    one(mysql, "\"x\"\"y\"", SL_TOKEN_STRING, "x\"y");
    one(native, "\"time\"", SL_TOKEN_QUOTED, "time");
    one(mysql, "`a``b`", SL_TOKEN_QUOTED, "a`b");
    one(mysql, "12", SL_TOKEN_INTEGER, "12");
    one(mysql, ".5", SL_TOKEN_DECIMAL, ".5");
    one(mysql, "1.5e-3", SL_TOKEN_DOUBLE, "1.5e-3");
    one(mysql, "1h", SL_TOKEN_NAME, "1h");
    one(mysql, "0x41", SL_TOKEN_BYTES, "A");
    one(mysql, "x'4142'", SL_TOKEN_BYTES, "AB");
    one(mysql, "b'1000001'", SL_TOKEN_BYTES, "A");
    one(mysql, "@v.x", SL_TOKEN_VARIABLE, "v.x");
    one(mysql, "@@session.sql_mode", SL_TOKEN_SYSTEM, "sql_mode");
    one(mysql, "<=>", SL_TOKEN_OPERATOR, "<=>");
    one(native, "10.1.2.3", SL_TOKEN_ADDRESS, "10.1.2.3");
    one(native, "10.0.0.0/8", SL_TOKEN_CIDR, "10.0.0.0/8");
    one(native, "2001:db8::/32", SL_TOKEN_CIDR, "2001:db8::/32");
    one(native, "::1", SL_TOKEN_ADDRESS, "::1");
    one(native, "dead:beef::1", SL_TOKEN_ADDRESS, "dead:beef::1");
    one(native, "deadbeef", SL_TOKEN_NAME, "deadbeef");
}

static void
comments_vanish_or_run(void **state)
{
    struct sl_arena *arena = sl_arena_create(1 << 20);
    struct sl_tokens t;

    (void)state;
    t = lex(arena, SL_DIALECT_MYSQL,
            "a -- b\n# c\n/* d */ /*!40001 e */ /*!99999 f */ /*M! g */ h; i");
    assert_int_equal(t.count, 4);
    assert_true(sl_slice_is(t.tokens[1].text, "E"));
    assert_true(sl_slice_is(t.tokens[2].text, "h"));
    assert_int_equal(t.tokens[3].kind, SL_TOKEN_END);
    assert_int_equal(t.consumed_bytes, 59);
    t = lex(arena, SL_DIALECT_MYSQL, "1--1");
    assert_int_equal(t.count, 5);
    sl_arena_destroy(arena);
}

static void
what_has_no_end_is_refused(void **state)
{
    static const char *const texts[] = {"'a", "`a",   "/* a", "/*! a", "x'1'",
                                        "@",  "\x01", "'a\\", "``"};
    struct sl_arena *arena = sl_arena_create(1 << 20);
    struct sl_tokens tokens;

    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(texts); i++) {
        struct sl_error err = {0};
        assert_int_equal(sl_lex(SL_DIALECT_MYSQL, texts[i], strlen(texts[i]), arena, &tokens, &err),
                         SL_SYNTAX);
        assert_int_equal(err.sql_number, 1064);
    }
    sl_arena_destroy(arena);
}

static void
places_count_lines_and_characters(void **state)
{
    uint32_t line, column;

    (void)state;
    sl_text_position("a\n\xc3\xa9x", 5, 4, &line, &column);
    assert_int_equal(line, 2);
    assert_int_equal(column, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_and_names),
        cmocka_unit_test(comments_vanish_or_run),
        cmocka_unit_test(what_has_no_end_is_refused),
        cmocka_unit_test(places_count_lines_and_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
