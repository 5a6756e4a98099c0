/*
 * clock.c - see clock.h. The calendar is Howard Hinnant's "chrono-Compatible Low-Level Date
 * Algorithms" idea: years that begin in March make the leap day the last of its year.
 */
#include "storage/base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Atomic int64_t set_now_us = INT64_MIN;

static int64_t
read_clock_us(clockid_t id)
{
    struct timespec now;
    int failed = clock_gettime(id, &now);
    SL_ASSERT(failed == 0);
    return (int64_t)now.tv_sec * SL_US_PER_S + now.tv_nsec / 1000;
}

int64_t
sl_clock_now_us(void)
{
    int64_t now_us = atomic_load_explicit(&set_now_us, memory_order_relaxed);
    return now_us != INT64_MIN ? now_us : read_clock_us(CLOCK_REALTIME);
}

int64_t
sl_clock_monotonic_us(void)
{
    return read_clock_us(CLOCK_MONOTONIC);
}

int64_t
sl_clock_thread_cpu_us(void)
{
    return read_clock_us(CLOCK_THREAD_CPUTIME_ID);
}

void
sl_clock_set_us(int64_t now_us)
{
    atomic_store_explicit(&set_now_us, now_us, memory_order_relaxed);
}

int64_t
sl_days_from_civil(int64_t year, unsigned month, unsigned day)
{
    int64_t shifted = month <= 2 ? year - 1 : year;
    int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t month_of_year = month > 2 ? (int64_t)month - 3 : (int64_t)month + 9;
    int64_t day_of_year = (153 * month_of_year + 2) / 5 + (int64_t)day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void
sl_civil_from_days(int64_t days, int64_t *out_year, unsigned *out_month, unsigned *out_day)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_of_year = (5 * day_of_year + 2) / 153;
    *out_day = (unsigned)(day_of_year - (153 * month_of_year + 2) / 5 + 1);
    *out_month = (unsigned)(month_of_year < 10 ? month_of_year + 3 : month_of_year - 9);
    *out_year = year_of_era + era * 400 + (*out_month <= 2 ? 1 : 0);
}

size_t
sl_time_format(int64_t time_us, char text[SL_TIME_TEXT_BYTES])
{
    int64_t days = time_us / SL_US_PER_DAY;
    int64_t day_us = time_us % SL_US_PER_DAY;
    if (day_us < 0) {
        day_us += SL_US_PER_DAY;
        days--;
    }
    int64_t year = 0;
    unsigned month = 0;
    unsigned day = 0;
    sl_civil_from_days(days, &year, &month, &day);
    if (year < 0 || year > 9999)
        year = year < 0 ? 0 : 9999;
    unsigned second = (unsigned)(day_us / SL_US_PER_S);
    unsigned fraction_us = (unsigned)(day_us % SL_US_PER_S);
    char fraction[12] = "";
    if (fraction_us % 1000 != 0)
        (void)snprintf(fraction, sizeof(fraction), ".%06u", fraction_us);
    else if (fraction_us != 0)
        (void)snprintf(fraction, sizeof(fraction), ".%03u", fraction_us / 1000);
    int used =
        snprintf(text, SL_TIME_TEXT_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u%sZ", (unsigned)year,
                 month, day, second / 3600, second / 60 % 60, second % 60, fraction);
    SL_ASSERT(used > 0 && used < SL_TIME_TEXT_BYTES);
    return (size_t)used;
}

struct time_reader {
    const char *next;
    const char *end;
    bool bad;
};

/* Exactly `digits` decimal digits; bad otherwise. */
static unsigned
read_digits(struct time_reader *r, unsigned digits)
{
    unsigned value = 0;
    for (unsigned i = 0; i < digits; i++) {
        if (r->next == r->end || *r->next < '0' || *r->next > '9') {
            r->bad = true;
            return 0;
        }
        value = value * 10 + (unsigned)(*r->next++ - '0');
    }
    return value;
}

static bool
skip_char(struct time_reader *r, char wanted)
{
    if (r->next == r->end || *r->next != wanted)
        return false;
    r->next++;
    return true;
}

static void
need_char(struct time_reader *r, char wanted)
{
    if (!skip_char(r, wanted))
        r->bad = true;
}

/* Up to nine digits after the point; what is finer than a microsecond is cut off. */
static int64_t
read_fraction_us(struct time_reader *r)
{
    int64_t value_us = 0;
    int64_t unit_us = SL_US_PER_S / 10;
    unsigned digits = 0;
    while (r->next != r->end && *r->next >= '0' && *r->next <= '9') {
        value_us += (*r->next++ - '0') * unit_us;
        unit_us /= 10;
        digits++;
    }
    if (digits == 0 || digits > 9)
        r->bad = true;
    return value_us;
}

/* "", "Z", "+02:00", "-0530": what to subtract to reach UTC. */
static int64_t
read_zone_us(struct time_reader *r)
{
    if (r->next == r->end || skip_char(r, 'Z') || skip_char(r, 'z'))
        return 0;
    bool is_east = skip_char(r, '+');
    if (!is_east)
        need_char(r, '-');
    unsigned hours = read_digits(r, 2);
    (void)skip_char(r, ':');
    unsigned minutes = read_digits(r, 2);
    if (hours > 14 || minutes > 59)
        r->bad = true;
    int64_t offset_us = (int64_t)(hours * 60 + minutes) * SL_US_PER_MINUTE;
    return is_east ? offset_us : -offset_us;
}

static int64_t
read_clock_part_us(struct time_reader *r)
{
    if (r->next == r->end)
        return 0;
    if (!skip_char(r, 'T') && !skip_char(r, 't'))
        need_char(r, ' ');
    unsigned hour = read_digits(r, 2);
    need_char(r, ':');
    unsigned minute = read_digits(r, 2);
    bool has_second = skip_char(r, ':');
    unsigned second = has_second ? read_digits(r, 2) : 0;
    int64_t fraction_us = has_second && skip_char(r, '.') ? read_fraction_us(r) : 0;
    if (hour > 23 || minute > 59 || second > 59)
        r->bad = true;
    int64_t zone_us = read_zone_us(r);
    return (int64_t)(hour * 3600 + minute * 60 + second) * SL_US_PER_S + fraction_us - zone_us;
}

bool
sl_time_parse(const char *text, size_t size_bytes, int64_t *out_time_us)
{
    struct time_reader r = {.next = text, .end = size_bytes == 0 ? text : text + size_bytes};

    *out_time_us = 0;
    unsigned year = read_digits(&r, 4);
    need_char(&r, '-');
    unsigned month = read_digits(&r, 2);
    need_char(&r, '-');
    unsigned day = read_digits(&r, 2);
    int64_t clock_us = r.bad ? 0 : read_clock_part_us(&r);
    if (r.bad || r.next != r.end || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    int64_t days = sl_days_from_civil(year, month, day);
    int64_t real_year = 0;
    unsigned real_month = 0;
    unsigned real_day = 0;
    sl_civil_from_days(days, &real_year, &real_month, &real_day);
    if (real_month != month || real_day != day)
        return false;
    *out_time_us = days * SL_US_PER_DAY + clock_us;
    return true;
}
