/*
 * options_test.c - options are told from arguments wherever they stand, and what is not understood
 * is refused with its name.
 */
#include "client/options.h"

#include <string.h>

#include "tests/support/test.h"

enum { WORDS_MAX = 8 };

struct taken {
    const char *address;
    const char *format;
    bool has_tls;
    bool is_merge;
    int argc;
    char *argv[WORDS_MAX];
    struct sl_error err;
};

static sl_status
take(struct taken *t, const char *const words[])
{
    *t = (struct taken){0};
    const struct sl_option options[] = {
        {"--connect", NULL, &t->address, NULL},
        {"--tls", NULL, NULL, &t->has_tls},
        {"--format", "query", &t->format, NULL},
        {"--merge", "flush", NULL, &t->is_merge},
    };
    while (words[t->argc] != NULL) {
        t->argv[t->argc] = (char *)(uintptr_t)words[t->argc]; /* moved, not changed */
        t->argc++;
    }
    return sl_options_take(options, SL_COUNTOF(options), &t->argc, t->argv, &t->err);
}

#define TAKE(t, ...) take(t, (const char *const[]){__VA_ARGS__, NULL})

static void
assert_words(const struct taken *t, const char *const words[])
{
    int count = 0;
    for (; words[count] != NULL; count++) {
        assert_true(count < t->argc);
        assert_string_equal(t->argv[count], words[count]);
    }
    assert_int_equal(t->argc, count);
}

#define ASSERT_WORDS(t, ...) assert_words(t, (const char *const[]){__VA_ARGS__, NULL})

static void
options_stand_before_and_behind_the_command(void **state)
{
    struct taken t;
    (void)state;
    TEST_OK(TAKE(&t, "--connect", "a:1", "--format=csv", "query", "--tls", "SELECT 1"), &t.err);
    assert_string_equal(t.address, "a:1");
    assert_string_equal(t.format, "csv");
    assert_true(t.has_tls);
    ASSERT_WORDS(&t, "query", "SELECT 1");

    TEST_OK(TAKE(&t, "query", "SELECT 1", "--connect=a:1", "--connect", "b:2"), &t.err);
    assert_string_equal(t.address, "b:2");
    assert_false(t.has_tls);
    ASSERT_WORDS(&t, "query", "SELECT 1");
}

static void
a_value_may_be_empty_or_hold_an_equals_sign(void **state)
{
    struct taken t;
    (void)state;
    TEST_OK(TAKE(&t, "--connect="), &t.err);
    assert_string_equal(t.address, "");
    TEST_OK(TAKE(&t, "--connect=a=b"), &t.err);
    assert_string_equal(t.address, "a=b");
    TEST_OK(TAKE(&t, "--connect", "--tls"), &t.err);
    assert_string_equal(t.address, "--tls");
    assert_int_equal(t.argc, 0);
}

static void
what_is_no_option_is_an_argument(void **state)
{
    struct taken t;
    (void)state;
    TEST_OK(TAKE(&t, "import", "-", "-x", "", "-- a comment\nSELECT 1", "--5"), &t.err);
    ASSERT_WORDS(&t, "import", "-", "-x", "", "-- a comment\nSELECT 1", "--5");
    TEST_OK(TAKE(&t, "import", "--tls", "--", "--tls", "--"), &t.err);
    assert_true(t.has_tls);
    ASSERT_WORDS(&t, "import", "--tls", "--");
}

static void
what_is_not_understood_is_refused(void **state)
{
    struct taken t;
    (void)state;
    assert_int_equal(TAKE(&t, "query", "--formats", "csv"), SL_FORMAT);
    assert_string_equal(t.err.text, "unknown option --formats");
    assert_int_equal(TAKE(&t, "query", "--form", "csv"), SL_FORMAT);
    assert_int_equal(TAKE(&t, "query", "--format"), SL_FORMAT);
    assert_string_equal(t.err.text, "there is no value behind --format");
    assert_int_equal(TAKE(&t, "--tls=yes"), SL_FORMAT);
    assert_string_equal(t.err.text, "--tls takes no value");
}

static void
an_option_of_another_command_is_refused(void **state)
{
    struct taken t;
    (void)state;
    assert_int_equal(TAKE(&t, "query", "SELECT 1", "--merge"), SL_FORMAT);
    assert_string_equal(t.err.text, "query does not know --merge");
    assert_int_equal(TAKE(&t, "--merge", "query", "SELECT 1"), SL_FORMAT);
    assert_int_equal(TAKE(&t, "--format=csv"), SL_FORMAT);
    assert_string_equal(t.err.text, "the shell does not know --format");
    TEST_OK(TAKE(&t, "--merge", "flush"), &t.err);
    assert_true(t.is_merge);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_before_and_behind_the_command),
        cmocka_unit_test(a_value_may_be_empty_or_hold_an_equals_sign),
        cmocka_unit_test(what_is_no_option_is_an_argument),
        cmocka_unit_test(what_is_not_understood_is_refused),
        cmocka_unit_test(an_option_of_another_command_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
