/*
 * zone_test.c - time zones of the system.
 *
 * Method: names that are none; the moments that matter for MySQL; every zone of tzdata's list against
 * localtime_r(3) at random moments and around its changes; damaged files.
 */
#include "storage/base/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "storage/base/clock.h"
#include "tests/support/test.h"

#define ZONES "/usr/share/zoneinfo/"

static const struct sl_zone *
zone_of(const char *name)
{
    const struct sl_zone *zone = NULL;
    if (!sl_zone_find(name, &zone))
        fail_msg("%s is a zone", name);
    return zone;
}

static void
only_names_of_zones_are_found(void **state)
{
    static const char *const bad[] = {"Mars",
                                      "/etc/passwd",
                                      "../../../etc/passwd",
                                      "Europe/../Europe/Berlin",
                                      "Europe/",
                                      "/Europe/Berlin",
                                      "Europe//Berlin",
                                      "Europe",
                                      "tzdata.zi",
                                      "zone1970.tab",
                                      "+14:01",
                                      "+02:60",
                                      "02:00",
                                      "+2:00",
                                      "Europe/Berlin ",
                                      "-Europe",
                                      "Europe/.",
                                      "right/UTC",
                                      "Europe/Berlin\n",
                                      "+02:00x",
                                      "posixrules/../UTC"};
    char longer[200];
    const struct sl_zone *zone = NULL;
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(bad); i++)
        if (sl_zone_find(bad[i], &zone))
            fail_msg("%s was found", bad[i]);
    memset(longer, 'A', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    assert_false(sl_zone_find(longer, &zone));
    assert_null(zone_of("UTC"));
    assert_null(zone_of("system"));
    assert_null(zone_of(NULL));
    assert_null(zone_of(""));
    const struct sl_zone *berlin = zone_of("Europe/Berlin");
    assert_ptr_equal(berlin, zone_of("Europe/Berlin"));
    assert_ptr_equal(berlin, zone_of("europe/BERLIN"));
    assert_int_equal(sl_zone_to_local(zone_of("AMERICA/argentina/buenos_aires"), 0),
                     sl_zone_to_local(zone_of("America/Argentina/Buenos_Aires"), 0));
    assert_ptr_equal(sl_zone_at(sl_zone_number(berlin)), berlin);
    assert_null(sl_zone_at(0));
    assert_int_equal(sl_zone_number(NULL), 0);
}

static void
an_offset_is_a_zone(void **state)
{
    (void)state;
    assert_int_equal(sl_zone_to_local(zone_of("+14:00"), 0), 14 * SL_US_PER_HOUR);
    assert_int_equal(sl_zone_to_local(zone_of("-05:30"), 0), -330 * SL_US_PER_MINUTE);
    assert_int_equal(sl_zone_to_utc(zone_of("-05:30"), 0), 330 * SL_US_PER_MINUTE);
    assert_int_equal(sl_zone_to_local(NULL, 7), 7);
    assert_int_equal(sl_zone_to_local(zone_of("+14:00"), INT64_MAX), INT64_MAX);
    assert_int_equal(sl_zone_to_utc(zone_of("+14:00"), INT64_MIN), INT64_MIN);
}

/* What MariaDB's UNIX_TIMESTAMP answers in 'Europe/Berlin'. */
static void
the_clock_goes_back_and_forth(void **state)
{
    const struct sl_zone *berlin = zone_of("Europe/Berlin");
    static const struct {
        const char *local;
        int64_t unix_s;
    } moments[] = {{"2026-10-25 02:30:00", 1792888200}, {"2026-10-25 02:00:00", 1792886400},
                   {"2026-10-25 03:00:00", 1792893600}, {"2026-03-29 02:30:00", 1774746000},
                   {"2026-03-29 03:00:00", 1774746000}, {"2026-03-29 01:59:59", 1774745999}};
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(moments); i++) {
        int64_t local_us = 0;
        assert_true(sl_time_parse(moments[i].local, strlen(moments[i].local), &local_us));
        assert_int_equal(sl_zone_to_utc(berlin, local_us), moments[i].unix_s * SL_US_PER_S);
    }
}

/* libc reads the same files by other code. */
static void
agree_at(const char *name, const struct sl_zone *zone, time_t at)
{
    struct tm tm;
    assert_non_null(localtime_r(&at, &tm));
    int64_t local_us = sl_zone_to_local(zone, (int64_t)at * SL_US_PER_S);
    if (local_us != ((int64_t)at + tm.tm_gmtoff) * SL_US_PER_S)
        fail_msg("%s at %lld: %lld and %ld", name, (long long)at,
                 (long long)(local_us / SL_US_PER_S - at), tm.tm_gmtoff);
    /* Back: the moment itself, or the earlier one of two that look alike. */
    int64_t back_us = sl_zone_to_utc(zone, local_us);
    if (back_us > (int64_t)at * SL_US_PER_S || sl_zone_to_local(zone, back_us) != local_us)
        fail_msg("%s at %lld: back to %lld", name, (long long)at, (long long)back_us);
}

static void
agree(const char *name, uint64_t *random)
{
    const struct sl_zone *zone = zone_of(name);
    assert_int_equal(setenv("TZ", name, 1), 0);
    tzset();
    for (unsigned i = test_rounds(400); i > 0; i--) {
        /* 1900 .. 2100; the first hours of a day of March or October every other time */
        time_t at = (time_t)test_random_below(random, UINT64_C(6311433600)) - INT64_C(2208988800);
        agree_at(name, zone, at);
        agree_at(name, zone, at - at % 900);
    }
}

static void
every_zone_agrees_with_libc(void **state)
{
    uint64_t random = test_seed();
    char line[512], name[128];
    unsigned count = 0;
    (void)state;
    FILE *list = fopen(ZONES "zone1970.tab", "r");
    assert_non_null(list);
    for (; fgets(line, sizeof(line), list) != NULL; count++) {
        if (line[0] == '#' || sscanf(line, "%*s %*s %127s", name) != 1)
            continue;
        agree(name, &random);
    }
    (void)fclose(list);
    assert_true(count > 300);
    assert_int_equal(unsetenv("TZ"), 0);
}

static void
a_file_that_is_cut_or_changed_is_refused_or_a_zone(void **state)
{
    size_t size_bytes = 0;
    struct sl_zone *zone = NULL;
    struct sl_error err = {0};
    uint8_t *bytes = test_read_file(ZONES "Europe/Berlin", &size_bytes);
    (void)state;
    TEST_OK(sl_zone_decode(bytes, size_bytes, &zone, &err), &err);
    sl_zone_destroy(zone);
    for (size_t cut = 0; cut < size_bytes; cut++)
        assert_int_equal(sl_zone_decode(bytes, cut, &zone, NULL), SL_FORMAT);
    for (size_t at = 0; at < size_bytes; at++) {
        bytes[at] ^= 0x80;
        if (sl_zone_decode(bytes, size_bytes, &zone, NULL) == SL_OK)
            (void)sl_zone_to_utc(zone, sl_zone_to_local(zone, 0));
        sl_zone_destroy(zone);
        zone = NULL;
        bytes[at] ^= 0x80;
    }
    free(bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_of_zones_are_found),
        cmocka_unit_test(an_offset_is_a_zone),
        cmocka_unit_test(the_clock_goes_back_and_forth),
        cmocka_unit_test(every_zone_agrees_with_libc),
        cmocka_unit_test(a_file_that_is_cut_or_changed_is_refused_or_a_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
