/*
 * zone_file.c - the bytes of a TZif file (RFC 8536) as the changes of a zone.
 *
 * A file is two blocks and a footer. The first block has times of 32 bits and is stepped over:
 *
 *   head, 44 bytes   "TZif", version, 15 reserved, then six counts (u32, big-endian):
 *                    UT flags, standard flags, leap seconds, times, types, bytes of names
 *   body             times x 4 or 8 | one u8 type for each time | types x 6 | names |
 *                    leap seconds x 8 or 12 | standard flags | UT flags
 *   footer           newline, a rule as in POSIX TZ, newline
 *
 * A type is i32 offset, u8 is summer time, u8 name. The rule says when the clock changes in the years
 * behind the last time: "CET-1CEST,M3.5.0,M10.5.0/3". It may be empty, or name no summer time.
 */
#include "storage/base/zone_file.h"

#include <stdlib.h>
#include <string.h>

#include "storage/base/clock.h"
#include "storage/base/cursor.h"

enum {
    HEAD_BYTES = 44,
    TIMES_MAX = 4000,
    TYPES_MAX = 256,
    OFFSET_S_MAX = 26 * 3600, /* RFC 8536, 3.2 */
    DAY_S = 86400,
    RULE_HOURS_MAX = 167,
};
#define TIME_S_MAX (INT64_C(1) << 42) /* microseconds of it fit 64 bits */

struct head {
    uint32_t ut_count, standard_count, leap_count, time_count, type_count, name_bytes;
};

static bool
read_head(struct sl_cursor *c, struct head *out_head)
{
    const uint8_t *start = sl_cursor_take(c, 20);
    out_head->ut_count = sl_cursor_u32be(c);
    out_head->standard_count = sl_cursor_u32be(c);
    out_head->leap_count = sl_cursor_u32be(c);
    out_head->time_count = sl_cursor_u32be(c);
    out_head->type_count = sl_cursor_u32be(c);
    out_head->name_bytes = sl_cursor_u32be(c);
    return !c->bad && memcmp(start, "TZif", 4) == 0 && start[4] >= '2';
}

static bool
skip_first_block(struct sl_cursor *c)
{
    struct head h;
    if (!read_head(c, &h))
        return false;
    uint64_t size_bytes = (uint64_t)h.time_count * 5 + (uint64_t)h.type_count * 6 + h.name_bytes +
                          (uint64_t)h.leap_count * 8 + h.standard_count + h.ut_count;
    return size_bytes <= sl_cursor_left(c) && sl_cursor_take(c, (size_t)size_bytes) != NULL;
}

static void
add_change(struct sl_zone *zone, int64_t time_s, int32_t offset_s)
{
    if (time_s < -TIME_S_MAX)
        zone->first_offset_s = offset_s; /* some files begin with the big bang */
    else
        zone->changes[zone->change_count++] = (struct sl_zone_change){time_s, offset_s};
}

/* Times, types and what follows them; the cursor is then at the footer. */
static bool
read_body(struct sl_cursor *c, const struct head *h, struct sl_zone *zone)
{
    struct sl_cursor times = sl_cursor_sub(c, (size_t)h->time_count * 8);
    struct sl_cursor kinds = sl_cursor_sub(c, h->time_count);
    struct sl_cursor types = sl_cursor_sub(c, (size_t)h->type_count * 6);
    (void)sl_cursor_take(c, (size_t)h->name_bytes + h->standard_count + h->ut_count);
    int32_t offsets_s[TYPES_MAX] = {0};
    int64_t before_s = INT64_MIN;
    if (c->bad)
        return false;
    for (uint32_t i = 0; i < h->type_count; i++) {
        offsets_s[i] = (int32_t)sl_cursor_u32be(&types);
        (void)sl_cursor_take(&types, 2);
        if (offsets_s[i] < -OFFSET_S_MAX || offsets_s[i] > OFFSET_S_MAX)
            return false;
    }
    zone->first_offset_s = offsets_s[0];
    for (uint32_t i = 0; i < h->time_count; i++) {
        int64_t time_s = (int64_t)sl_cursor_u64be(&times);
        uint8_t kind = sl_cursor_u8(&kinds);
        if (kind >= h->type_count || time_s > TIME_S_MAX || (i > 0 && time_s <= before_s))
            return false;
        add_change(zone, time_s, offsets_s[kind]);
        before_s = time_s;
    }
    return true;
}

/* ---- the rule ---- */

/* The day of a year and the local second in it at which the clock changes. */
struct rule_day {
    char
        form; /* 'M': month, week (5: the last), weekday; 'J': day 1..365 without 29 February; 'N': day 0..365 */
    int month, week, day;
    int32_t second;
};

struct rule {
    bool has_summer;
    int32_t winter_s, summer_s; /* offsets from UTC */
    struct rule_day start, end; /* of summer, on the clock that runs before the change */
};

static uint8_t
peek(const struct sl_cursor *c)
{
    return sl_cursor_left(c) == 0 ? '\n' : *c->next;
}

static bool
accept(struct sl_cursor *c, char letter)
{
    if (peek(c) != (uint8_t)letter)
        return false;
    (void)sl_cursor_u8(c);
    return true;
}

/* Up to three digits, low..high; else the cursor is bad. */
static int
read_number(struct sl_cursor *c, int low, int high)
{
    int number = 0, digits = 0;
    for (; digits < 3 && peek(c) >= '0' && peek(c) <= '9'; digits++)
        number = number * 10 + (sl_cursor_u8(c) - '0');
    if (digits == 0 || number < low || number > high)
        c->bad = true;
    return number;
}

/* [+-]hh[:mm[:ss]] */
static int32_t
read_clock(struct sl_cursor *c)
{
    bool is_minus = accept(c, '-');
    if (!is_minus)
        (void)accept(c, '+');
    int32_t seconds = read_number(c, 0, RULE_HOURS_MAX) * 3600;
    if (accept(c, ':'))
        seconds += read_number(c, 0, 59) * 60;
    if (accept(c, ':'))
        seconds += read_number(c, 0, 59);
    return is_minus ? -seconds : seconds;
}

/* "CET" or "<+03>" */
static void
skip_name(struct sl_cursor *c)
{
    uint32_t letters = 0;
    if (accept(c, '<')) {
        while (!c->bad && !accept(c, '>'))
            (void)sl_cursor_u8(c);
        return;
    }
    for (; !c->bad && (peek(c) | 0x20) >= 'a' && (peek(c) | 0x20) <= 'z'; letters++)
        (void)sl_cursor_u8(c);
    c->bad |= letters == 0;
}

static struct rule_day
read_day(struct sl_cursor *c)
{
    struct rule_day day = {.form = 'N', .second = 2 * 3600};
    if (accept(c, 'M')) {
        day.form = 'M';
        day.month = read_number(c, 1, 12);
        c->bad |= !accept(c, '.');
        day.week = read_number(c, 1, 5);
        c->bad |= !accept(c, '.');
        day.day = read_number(c, 0, 6);
    } else if (accept(c, 'J')) {
        day.form = 'J';
        day.day = read_number(c, 1, 365);
    } else {
        day.day = read_number(c, 0, 365);
    }
    if (accept(c, '/'))
        day.second = read_clock(c);
    return day;
}

static bool
read_rule(struct sl_cursor *c, struct rule *out_rule)
{
    skip_name(c);
    out_rule->winter_s = -read_clock(c); /* POSIX counts to the west */
    out_rule->has_summer = peek(c) != '\n';
    if (out_rule->has_summer) {
        skip_name(c);
        out_rule->summer_s = out_rule->winter_s + 3600;
        if (peek(c) != ',')
            out_rule->summer_s = -read_clock(c);
        c->bad |= !accept(c, ',');
        out_rule->start = read_day(c);
        c->bad |= !accept(c, ',');
        out_rule->end = read_day(c);
    }
    return accept(c, '\n') && !c->bad && out_rule->winter_s >= -OFFSET_S_MAX &&
           out_rule->winter_s <= OFFSET_S_MAX && out_rule->summer_s >= -OFFSET_S_MAX &&
           out_rule->summer_s <= OFFSET_S_MAX;
}

static int
days_of_month(int64_t year, int month)
{
    int64_t next = month == 12 ? sl_days_from_civil(year + 1, 1, 1)
                               : sl_days_from_civil(year, (unsigned)month + 1, 1);
    return (int)(next - sl_days_from_civil(year, (unsigned)month, 1));
}

/* Local seconds since 1970 of the change in `year`. */
static int64_t
change_in_year(const struct rule_day *rule, int64_t year)
{
    int64_t day = sl_days_from_civil(year, 1, 1) + rule->day;
    if (rule->form == 'J')
        day -= rule->day < 60 || days_of_month(year, 2) == 28 ? 1 : 0;
    if (rule->form == 'M') {
        int64_t first = sl_days_from_civil(year, (unsigned)rule->month, 1);
        int weekday = (int)(((first + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday; 0: Sunday */
        int in_month = (rule->day - weekday + 7) % 7 + (rule->week - 1) * 7;
        while (in_month >= days_of_month(year, rule->month))
            in_month -= 7;
        day = first + in_month;
    }
    return day * DAY_S + rule->second;
}

/* The changes of a year behind the last one of the file, in their order. */
static void
add_year(struct sl_zone *zone, const struct rule *rule, int64_t year, int64_t after_s)
{
    struct sl_zone_change pair[2] = {
        {change_in_year(&rule->start, year) - rule->winter_s, rule->summer_s},
        {change_in_year(&rule->end, year) - rule->summer_s, rule->winter_s}};
    bool is_south = pair[1].time_s < pair[0].time_s;
    for (int i = 0; i < 2; i++) {
        const struct sl_zone_change *next = &pair[is_south ? 1 - i : i];
        int64_t before_s =
            zone->change_count == 0 ? after_s : zone->changes[zone->change_count - 1].time_s;
        if (next->time_s > before_s)
            add_change(zone, next->time_s, next->offset_s);
    }
}

static void
add_rule(struct sl_zone *zone, const struct rule *rule)
{
    int64_t last_s = zone->change_count == 0 ? -1 : zone->changes[zone->change_count - 1].time_s;
    int64_t year = 1970;
    unsigned month = 0, day = 0;
    if (last_s > 0)
        sl_civil_from_days(last_s / DAY_S, &year, &month, &day);
    if (!rule->has_summer && zone->change_count == 0)
        zone->first_offset_s = rule->winter_s;
    for (; rule->has_summer && year <= SL_ZONE_YEAR_LAST; year++)
        add_year(zone, rule, year, last_s);
}

sl_status
sl_zone_decode(const void *bytes, size_t size_bytes, struct sl_zone **out_zone,
               struct sl_error *err)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    struct head h;
    struct rule rule = {.has_summer = false};

    *out_zone = NULL;
    if (size_bytes > SL_ZONE_FILE_BYTES_MAX)
        return sl_fail(err, SL_FORMAT, "a zone file has %zu bytes", size_bytes);
    if (!skip_first_block(&c) || !read_head(&c, &h))
        return sl_fail(err, SL_FORMAT, "no zone file of version 2 or later");
    if (h.leap_count != 0)
        return sl_fail(err, SL_FORMAT, "a zone file with leap seconds");
    if (h.time_count > TIMES_MAX || h.type_count == 0 || h.type_count > TYPES_MAX)
        return sl_fail(err, SL_FORMAT, "a zone file of %u times and %u types", h.time_count,
                       h.type_count);
    size_t room = (size_t)h.time_count + (size_t)2 * (SL_ZONE_YEAR_LAST - 1970 + 1);
    struct sl_zone *zone = sl_new(sizeof(*zone));
    zone->changes = sl_new(room * sizeof(*zone->changes));
    bool is_good = read_body(&c, &h, zone) && accept(&c, '\n');
    if (is_good && !accept(&c, '\n')) {
        is_good = read_rule(&c, &rule);
        if (is_good)
            add_rule(zone, &rule);
    }
    if (!is_good || c.bad) {
        sl_zone_destroy(zone);
        return sl_fail(err, SL_FORMAT, "a zone file breaks its own rules");
    }
    *out_zone = zone;
    return SL_OK;
}
