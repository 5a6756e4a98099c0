/*
 * script_test.c - a text is cut into statements as the server reads it.
 */
#include "client/script.h"

#include <string.h>

#include "tests/support/test.h"

/* A text and the bytes of its first statement, 0 where it goes on. */
static const struct {
    const char *text;
    size_t end;
} ends[] = {
    {"", 0},
    {"SELECT 1", 0},
    {"SELECT 1;", 9},
    {"SELECT 1; SELECT 2;", 9},
    {";", 1},
    /* quotes */
    {"SELECT ';'", 0},
    {"SELECT ';';", 11},
    {"SELECT 'it''s;';", 16},
    {"SELECT '\\';", 0},
    {"SELECT '\\';';", 13},
    {"SELECT \"a;\";", 12},
    {"SELECT \"\\\";", 11},
    {"SELECT `;\\`;", 12},
    {"SELECT 'a\nb;", 0},
    /* comments, to the end of the line */
    {"SELECT 1 -- it's;\n;", 19},
    {"SELECT 1 --\n;", 13},
    {"SELECT 1 -- all;", 0},
    {"SELECT 1 # it's;\n;", 18},
    {"SELECT 1 --", 0},
    /* two minus signs are no comment */
    {"SELECT 5--1;", 12},
    {"SELECT 5 - -1;", 14},
    /* comments with an end */
    {"SELECT /* it's; */ 1;", 21},
    {"SELECT /* ; ", 0},
    {"SELECT /*/ ;", 0},
    {"SELECT /**/;", 12},
    {"SELECT 4/2;", 11},
    {"SELECT '/*';", 12},
    {"SELECT '--';", 12},
};

static void
a_statement_ends_where_the_server_ends_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(ends); i++) {
        size_t bytes = strlen(ends[i].text);
        char *exact = sl_new(bytes + (bytes == 0)); /* a read behind it is seen */
        memcpy(exact, ends[i].text, bytes);
        if (sl_script_end(exact, bytes) != ends[i].end)
            fail_msg("%s: %zu, not %zu", ends[i].text, sl_script_end(exact, bytes), ends[i].end);
        /* Cut anywhere before its end it goes on. */
        for (size_t cut = 0; ends[i].end != 0 && cut < ends[i].end; cut++)
            assert_int_equal(sl_script_end(exact, cut), 0);
        free(exact);
    }
}

static void
what_is_before_a_statement_is_passed_over(void **state)
{
    static const struct {
        const char *text;
        size_t start;
    } starts[] = {
        {"", 0},
        {"SELECT 1", 0},
        {" \t\r\n;; SELECT", 7},
        {"-- x\nSELECT", 5},
        {"# x;\nSELECT", 5},
        {"/* ; */ SELECT", 8},
        {"--5", 0},
        {"-- all of it", 12},
        {"; /* no end", 2},
        {"'text'", 0},
        {"/*/", 0},
        {"/**/", 4},
        {"- 1", 0},
        {"/ 1", 0},
    };
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(starts); i++)
        assert_int_equal(sl_script_start(starts[i].text, strlen(starts[i].text)), starts[i].start);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_statement_ends_where_the_server_ends_it),
        cmocka_unit_test(what_is_before_a_statement_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
