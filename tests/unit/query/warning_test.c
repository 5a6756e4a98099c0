/*
 * warning_test.c - warnings are all counted, the first are kept whole, whoever adds them; and what a value
 * looks like in one.
 */
#include "query/warning.h"

#include <stdio.h>

#include "query/value.h"
#include "storage/base/thread.h"
#include "tests/support/test.h"

enum { ADDERS = 4, ADDED = 500 };

static void
lists_keep_what_they_have_room_for(void **state)
{
    struct sl_warnings warnings, taken, counter = {0};

    (void)state;
    sl_warnings_init(&warnings);
    sl_warnings_init(&taken);
    sl_warnings_add(&taken, SL_WARNING_NOTE, 1051, "gone");
    for (int i = 0; i < SL_WARNINGS_MAX + 7; i++)
        sl_warnings_add(&warnings, i == 3 ? SL_WARNING_ERROR : SL_WARNING_WARNING, 1292, "no %d",
                        i);
    assert_int_equal(sl_warnings_total(&warnings), SL_WARNINGS_MAX + 7);
    assert_int_equal(sl_warnings_of_level(&warnings, SL_WARNING_ERROR), 1);
    assert_int_equal(sl_warnings_of_level(&warnings, SL_WARNING_WARNING), SL_WARNINGS_MAX - 1);

    sl_warnings_take(&taken, &warnings);
    assert_int_equal(sl_warnings_total(&taken), SL_WARNINGS_MAX + 7);
    assert_string_equal(taken.kept[0]->text, "no 0");
    assert_string_equal(taken.kept[SL_WARNINGS_MAX - 1]->text, "no 63");
    assert_int_equal(sl_warnings_total(&warnings), 0);
    assert_null(warnings.kept[0]);
    sl_warnings_fini(&taken);
    assert_int_equal(sl_warnings_total(&taken), 0);
    sl_warnings_fini(&warnings);

    sl_warnings_add(&counter, SL_WARNING_WARNING, 1292, "only counted");
    sl_warnings_add(NULL, SL_WARNING_WARNING, 1292, "nobody listens");
    assert_int_equal(sl_warnings_total(&counter), 1);
    assert_null(counter.kept[0]);
}

static void
add_many(void *context)
{
    for (int i = 0; i < ADDED; i++)
        sl_warnings_add(context, SL_WARNING_WARNING, 1292, "one of many");
}

static void
threads_add_at_once(void **state)
{
    struct sl_thread *threads[ADDERS];
    struct sl_warnings warnings;

    (void)state;
    sl_warnings_init(&warnings);
    for (int i = 0; i < ADDERS; i++)
        threads[i] = sl_thread_start("adder", add_many, &warnings);
    for (int i = 0; i < ADDERS; i++)
        sl_thread_join(threads[i]);
    assert_int_equal(sl_warnings_total(&warnings), ADDERS * ADDED);
    for (int i = 0; i < SL_WARNINGS_MAX; i++)
        assert_string_equal(warnings.kept[i]->text, "one of many");
    sl_warnings_fini(&warnings);
}

static void
check_shown(const char *bytes, size_t size_bytes, const char *expected)
{
    char text[SL_WARNING_VALUE_BYTES];

    sl_warning_show_value((const uint8_t *)bytes, size_bytes, text);
    assert_string_equal(text, expected);
}

static void
values_are_shown_in_a_line(void **state)
{
    char many[200], shown[SL_WARNING_VALUE_BYTES] = "";

    (void)state;
    check_shown("", 0, "");
    check_shown("a\nb\0c", 5, "a\\x0Ab\\x00c");
    check_shown("\xc3\xbc\xe2\x82\xac", 5, "\xc3\xbc\xe2\x82\xac");
    check_shown("\xc3", 1, "\\xC3");
    check_shown("\xff\xe2\x82", 3, "\\xFF\\xE2\\x82");
    memset(many, 'x', sizeof(many));
    memset(shown, 'x', sizeof(shown) - 1);
    check_shown(many, sizeof(many), shown);
    memcpy(&many[127], "\xc3\xbc", 2); /* no half of a character */
    shown[127] = '\0';
    check_shown(many, sizeof(many), shown);
}

/* A cast, and what there is to say of it. */
static void
check_cast(const struct sl_value *value, enum sl_type type, const char *expected)
{
    struct sl_arena *arena = sl_arena_create(1 << 20);
    struct sl_sql_type to = {.type = type, .scale = type == SL_TYPE_DECIMAL ? 2 : 0};
    struct sl_warnings warnings;
    struct sl_value out;
    struct sl_error err = {0};

    sl_warnings_init(&warnings);
    struct sl_eval eval = {.arena = arena, .warnings = &warnings, .err = &err};
    TEST_OK(sl_value_cast(&eval, value, &to, &out), &err);
    assert_int_equal(sl_warnings_total(&warnings), expected != NULL);
    if (expected != NULL) {
        assert_int_equal(warnings.kept[0]->number, 1292);
        assert_string_equal(warnings.kept[0]->text, expected);
    }
    sl_warnings_fini(&warnings);
    sl_arena_destroy(arena);
}

static void
casts_say_what_they_could_not_take(void **state)
{
    const struct sl_value x = {.type = SL_TYPE_TEXT,
                               .as.slice = {.bytes = (const uint8_t *)"1x", .size_bytes = 2}};
    const struct sl_value one = {.type = SL_TYPE_TEXT, .as.slice = {x.as.slice.bytes, 1}};
    const struct sl_value huge = {.type = SL_TYPE_F64, .as.f64 = -1e30};
    const struct sl_value month = {.type = SL_TYPE_I64, .as.i64 = 20261301};

    (void)state;
    check_cast(&x, SL_TYPE_F64, "Truncated incorrect DOUBLE value: '1x'");
    check_cast(&x, SL_TYPE_DECIMAL, "Truncated incorrect DECIMAL value: '1x'");
    check_cast(&x, SL_TYPE_I64, "Truncated incorrect INTEGER value: '1x'");
    check_cast(&x, SL_TYPE_BOOL, "Truncated incorrect DOUBLE value: '1x'");
    check_cast(&x, SL_TYPE_DATE, "Incorrect datetime value: '1x'");
    check_cast(&x, SL_TYPE_SPAN, "Incorrect time value: '1x'");
    check_cast(&x, SL_TYPE_ADDR, "Incorrect inet6 value: '1x'");
    check_cast(&x, SL_TYPE_MAC, "Incorrect MAC value: '1x'");
    check_cast(&x, SL_TYPE_TEXT, NULL);
    check_cast(&one, SL_TYPE_U64, NULL);
    check_cast(&one, SL_TYPE_F64, NULL);
    check_cast(&huge, SL_TYPE_I64, "Truncated incorrect INTEGER value: '-1e+30'");
    check_cast(&huge, SL_TYPE_U64, "Truncated incorrect INTEGER value: '-1e+30'");
    check_cast(&month, SL_TYPE_TIME, "Incorrect datetime value: '20261301'");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_keep_what_they_have_room_for),
        cmocka_unit_test(threads_add_at_once),
        cmocka_unit_test(values_are_shown_in_a_line),
        cmocka_unit_test(casts_say_what_they_could_not_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
