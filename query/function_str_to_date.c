/*
 * function_str_to_date.c - STR_TO_DATE: a text read by a format of DATE_FORMAT's letters.
 */
#include <ctype.h>
#include <strings.h>

#include "query/function_row.h"
#include "query/value.h"
#include "storage/base/clock.h"
#include "storage/base/zone.h"

/* What was read so far. */
struct reading {
    struct sl_slice text;
    uint32_t at;
    unsigned year, month, day, year_day;
    unsigned hour, minute, second, microsecond;
    bool is_twelve, is_afternoon;
};

static const char *const month_names[] = {"january",   "february", "march",    "april",
                                          "may",       "june",     "july",     "august",
                                          "september", "october",  "november", "december"};

/* At most `digits` digits; false when there is none. */
static bool
read_number(struct reading *r, unsigned digits, unsigned *out)
{
    uint32_t start = r->at;

    *out = 0;
    while (r->at < r->text.size_bytes && r->at - start < digits && isdigit(r->text.bytes[r->at]))
        *out = *out * 10 + (unsigned)(r->text.bytes[r->at++] - '0');
    return r->at > start;
}

static bool
read_year(struct reading *r, unsigned digits)
{
    uint32_t start = r->at;

    if (!read_number(r, digits, &r->year))
        return false;
    if (r->at - start <= 2)
        r->year += r->year < 70 ? 2000 : 1900;
    return true;
}

static bool
is_word(const struct reading *r, const char *word, size_t size)
{
    return r->text.size_bytes - r->at >= size &&
           strncasecmp((const char *)&r->text.bytes[r->at], word, size) == 0;
}

/* The name of a month, or its first three letters. */
static bool
read_month(struct reading *r, bool is_short)
{
    for (unsigned i = 0; i < SL_COUNTOF(month_names); i++) {
        size_t size = is_short ? 3 : strlen(month_names[i]);
        if (!is_word(r, month_names[i], size))
            continue;
        r->month = i + 1;
        r->at += (uint32_t)size;
        return true;
    }
    return false;
}

static bool
read_half(struct reading *r)
{
    r->is_twelve = true;
    r->is_afternoon = is_word(r, "PM", 2);
    bool is_good = r->is_afternoon || is_word(r, "AM", 2);
    r->at += is_good ? 2 : 0;
    return is_good;
}

/* Up to six digits behind the point, the first of which are tenths. */
static bool
read_fraction(struct reading *r)
{
    uint32_t start = r->at;

    if (!read_number(r, 6, &r->microsecond))
        return false;
    for (uint32_t digits = r->at - start; digits < 6; digits++)
        r->microsecond *= 10;
    return true;
}

static bool
read_clock(struct reading *r)
{
    return read_number(r, 2, &r->hour) && is_word(r, ":", 1) && r->at++ < UINT32_MAX &&
           read_number(r, 2, &r->minute) && is_word(r, ":", 1) && r->at++ < UINT32_MAX &&
           read_number(r, 2, &r->second);
}

/* Twelve hours and their half. */
static bool
read_twelve(struct reading *r)
{
    if (!read_clock(r))
        return false;
    while (r->at < r->text.size_bytes && r->text.bytes[r->at] == ' ')
        r->at++;
    return read_half(r);
}

/* Letters of the date; false too when the text is none. */
static bool
read_date_letter(struct reading *r, char letter)
{
    unsigned ignored;

    switch (letter) {
    case 'Y':
        return read_year(r, 4);
    case 'y':
        return read_year(r, 2);
    case 'm':
    case 'c':
        return read_number(r, 2, &r->month);
    case 'M':
        return read_month(r, false);
    case 'b':
        return read_month(r, true);
    case 'd':
    case 'e':
        return read_number(r, 2, &r->day);
    case 'D':
        if (!read_number(r, 2, &r->day) || r->text.size_bytes - r->at < 2)
            return false;
        r->at += 2; /* th */
        return true;
    case 'j':
        return read_number(r, 3, &r->year_day) && r->year_day > 0;
    case 'w':
        return read_number(r, 1, &ignored) && ignored < 7;
    case '%':
        return is_word(r, "%", 1) && r->at++ < UINT32_MAX;
    default:
        return false;
    }
}

static bool
read_letter(struct reading *r, char letter)
{
    switch (letter) {
    case 'H':
    case 'k':
        return read_number(r, 2, &r->hour);
    case 'h':
    case 'I':
    case 'l':
        r->is_twelve = true;
        return read_number(r, 2, &r->hour);
    case 'i':
        return read_number(r, 2, &r->minute);
    case 's':
    case 'S':
        return read_number(r, 2, &r->second);
    case 'f':
        return read_fraction(r);
    case 'p':
        return read_half(r);
    case 'r':
        return read_twelve(r);
    case 'T':
        return read_clock(r);
    default:
        return read_date_letter(r, letter);
    }
}

static void
skip_blanks(struct reading *r)
{
    while (r->at < r->text.size_bytes && isspace(r->text.bytes[r->at]))
        r->at++;
}

/* The whole format; a text that ends early leaves the rest 0, one that goes on longer is good too. */
static bool
read_format(struct reading *r, struct sl_slice format)
{
    for (uint32_t i = 0; i < format.size_bytes; i++) {
        skip_blanks(r);
        if (r->at == r->text.size_bytes)
            return true;
        if (isspace(format.bytes[i]))
            continue;
        if (format.bytes[i] == '%' && i + 1 < format.size_bytes) {
            if (!read_letter(r, (char)format.bytes[++i]))
                return false;
        } else if (format.bytes[i] != r->text.bytes[r->at++]) {
            return false;
        }
    }
    return true;
}

/* Days since 1970-01-01; false when there is no such day. */
static bool
days_of(const struct reading *r, int64_t *out_days)
{
    int64_t year;
    unsigned month, day;

    if (r->year_day > 0) {
        *out_days = sl_days_from_civil(r->year, 1, 1) + r->year_day - 1;
        return true;
    }
    if (r->month < 1 || r->month > 12 || r->day < 1 || r->day > 31)
        return false;
    *out_days = sl_days_from_civil(r->year, r->month, r->day);
    sl_civil_from_days(*out_days, &year, &month, &day);
    return month == r->month && day == r->day;
}

/* Microseconds of the day; false when there is no such time. */
static bool
clock_of(struct reading *r, int64_t *out_us)
{
    if (r->is_twelve && (r->hour < 1 || r->hour > 12))
        return false;
    if (r->is_twelve)
        r->hour = r->hour % 12 + (r->is_afternoon ? 12 : 0);
    *out_us = ((int64_t)r->hour * 3600 + r->minute * INT64_C(60) + r->second) * SL_US_PER_S +
              r->microsecond;
    return r->hour < 24 && r->minute < 60 && r->second < 60;
}

static void
warn(struct sl_eval *eval, struct sl_slice text)
{
    char shown[SL_WARNING_VALUE_BYTES];

    sl_warning_show_value(text.bytes, text.size_bytes, shown);
    sl_warnings_add(eval->warnings, SL_WARNING_WARNING, 1411,
                    "Incorrect datetime value: '%s' for function str_to_date", shown);
}

/* (text, format, number of the session's zone); NULL where the text is not what the format says. */
sl_status
sl_row_str_to_date(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                   struct sl_value *out)
{
    struct reading r = {.text = args[0].as.slice};
    int64_t days = 0, clock_us = 0;
    bool is_good = read_format(&r, args[1].as.slice) && clock_of(&r, &clock_us);

    (void)call;
    if (is_good && out->type != SL_TYPE_SPAN)
        is_good = days_of(&r, &days);
    if (!is_good)
        warn(eval, args[0].as.slice);
    out->is_null = !is_good;
    if (out->type == SL_TYPE_DATE)
        out->as.i64 = days;
    else if (out->type == SL_TYPE_SPAN)
        out->as.i64 = clock_us;
    else
        out->as.i64 =
            sl_zone_to_utc(sl_zone_at((uint32_t)args[2].as.i64), days * SL_US_PER_DAY + clock_us);
    return SL_OK;
}
