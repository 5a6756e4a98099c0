/*
 * clock_test.c - calendar and text of times.
 *
 * Method: examples at the edges, and agreement with timegm(3) over random days.
 */
#include "storage/base/clock.h"

#include <time.h>

#include "tests/support/test.h"

static int64_t
parse(const char *text)
{
    int64_t time_us = 0;
    if (!sl_time_parse(text, strlen(text), &time_us))
        fail_msg("%s is a time", text);
    return time_us;
}

static void
text_shows_the_fraction_that_is_there(void **state)
{
    char text[SL_TIME_TEXT_BYTES];
    (void)state;
    (void)sl_time_format(parse("2026-11-23T08:15:30.25Z"), text);
    assert_string_equal(text, "2026-11-23T08:15:30.250Z");
    (void)sl_time_format(parse("2026-11-23 08:15:30"), text);
    assert_string_equal(text, "2026-11-23T08:15:30Z");
    (void)sl_time_format(parse("2026-11-23 08:15:30.000001"), text);
    assert_string_equal(text, "2026-11-23T08:15:30.000001Z");
    (void)sl_time_format(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
    (void)sl_time_format(INT64_MAX, text);
    assert_int_equal(strlen(text), strlen("9999-01-01T00:00:00.000000Z"));
    (void)sl_time_format(INT64_MIN, text);
}

static void
zones_are_subtracted(void **state)
{
    (void)state;
    assert_int_equal(parse("2026-11-23T10:15:30+02:00"), parse("2026-11-23T08:15:30Z"));
    assert_int_equal(parse("2026-11-23T02:45:30-0530"), parse("2026-11-23T08:15:30"));
    assert_int_equal(parse("2026-11-23"), parse("2026-11-23 00:00"));
}

static void
what_is_no_time_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "2026",
        "2026-13-01",
        "2026-02-29",
        "2026-00-10",
        "2026-11-31",
        "2026-11-23 24:00:00",
        "2026-11-23 08:60",
        "2026-11-23 08:15:30.",
        "2026-11-23 08:15.25",
        "2026-11-23 08:15.00",
        "2026-11-23x",
        "2026-11-23T08:15:30+15:00",
        "2026-11-23T08:15:30ZZ",
        "+026-11-23",
    };
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(texts); i++) {
        int64_t time_us = 0;
        if (sl_time_parse(texts[i], strlen(texts[i]), &time_us))
            fail_msg("%s was taken for a time", texts[i]);
    }
}

static void
the_calendar_agrees_with_timegm(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned round = 0; round < 100000; round++) {
        time_t when = (time_t)test_random_below(&seed, UINT64_C(250000000000)) - 60000000000;
        struct tm parts;
        assert_non_null(gmtime_r(&when, &parts));
        int64_t day_s = when % 86400 < 0 ? when % 86400 + 86400 : when % 86400;
        int64_t days = (when - day_s) / 86400;
        int64_t year = 0;
        unsigned month = 0;
        unsigned day = 0;
        sl_civil_from_days(days, &year, &month, &day);
        assert_int_equal(year, parts.tm_year + 1900);
        assert_int_equal(month, parts.tm_mon + 1);
        assert_int_equal(day, parts.tm_mday);
        assert_int_equal(sl_days_from_civil(year, month, day), days);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_shows_the_fraction_that_is_there),
        cmocka_unit_test(zones_are_subtracted),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(the_calendar_agrees_with_timegm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
