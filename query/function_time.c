/*
 * function_time.c - times, one row at a time. Arguments of fields are local already (types.h).
 */
#include <stdio.h>

#include "query/function_date.h"
#include "query/function_row.h"
#include "query/syntax.h"
#include "query/value.h"
#include "storage/base/clock.h"
#include "storage/base/zone.h"

static const char *const day_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};
static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};

struct civil {
    int64_t year, days; /* days since 1970-01-01 */
    unsigned month, day, hour, minute, second, microsecond;
    unsigned weekday;  /* 0: Monday */
    unsigned year_day; /* 1.. */
};

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static struct civil
civil_of(int64_t time_us)
{
    struct civil c = {.days = floor_div(time_us, SL_US_PER_DAY)};
    int64_t rest = time_us - c.days * SL_US_PER_DAY;

    sl_civil_from_days(c.days, &c.year, &c.month, &c.day);
    c.hour = (unsigned)(rest / SL_US_PER_HOUR);
    c.minute = (unsigned)(rest / SL_US_PER_MINUTE % 60);
    c.second = (unsigned)(rest / SL_US_PER_S % 60);
    c.microsecond = (unsigned)(rest % SL_US_PER_S);
    c.weekday = (unsigned)(((c.days + 3) % 7 + 7) % 7);
    c.year_day = (unsigned)(c.days - sl_days_from_civil(c.year, 1, 1)) + 1;
    return c;
}

sl_status
sl_row_time_bucket(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                   struct sl_value *out)
{
    int64_t seconds = args[1].as.i64;

    (void)eval;
    (void)call;
    out->is_null = seconds <= 0 || seconds > INT64_C(1000000000);
    if (!out->is_null)
        out->as.i64 = floor_div(args[0].as.i64, seconds * SL_US_PER_S) * seconds * SL_US_PER_S;
    return SL_OK;
}

/* UNIX_TIMESTAMP(t) DIV n * n. Before 1970, UNIX_TIMESTAMP is 0. */
sl_status
sl_row_unix_bucket(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                   struct sl_value *out)
{
    int64_t seconds = args[0].as.i64 < 0 ? 0 : args[0].as.i64 / SL_US_PER_S;

    (void)eval;
    (void)call;
    SL_ASSERT(args[1].as.i64 > 0);
    out->as.i64 = seconds / args[1].as.i64 * args[1].as.i64;
    return SL_OK;
}

/* (t, number of a zone) */
sl_status
sl_row_to_local(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->as.i64 = sl_zone_to_local(sl_zone_at((uint32_t)args[1].as.i64), args[0].as.i64);
    return SL_OK;
}

sl_status
sl_row_to_utc(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
              struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->as.i64 = sl_zone_to_utc(sl_zone_at((uint32_t)args[1].as.i64), args[0].as.i64);
    return SL_OK;
}

static bool
find_zone(struct sl_slice name, const struct sl_zone **out_zone)
{
    char text[SL_ZONE_NAME_BYTES_MAX + 1];

    if (name.size_bytes > SL_ZONE_NAME_BYTES_MAX || name.size_bytes == 0 ||
        memchr(name.bytes, '\0', name.size_bytes) != NULL)
        return false;
    memcpy(text, name.bytes, name.size_bytes);
    text[name.size_bytes] = '\0';
    return sl_zone_find(text, out_zone);
}

/* (local time, from, to, number of the session's zone): what the clock of `to` shows when that of
 * `from` shows args[0]; shown by the session's clock again. NULL where there is no such zone. */
sl_status
sl_row_convert_tz(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                  struct sl_value *out)
{
    const struct sl_zone *own = sl_zone_at((uint32_t)args[3].as.i64), *from, *to;

    (void)eval;
    (void)call;
    out->is_null = !find_zone(args[1].as.slice, &from) || !find_zone(args[2].as.slice, &to);
    if (!out->is_null) {
        int64_t shown_us = sl_zone_to_local(to, sl_zone_to_utc(from, args[0].as.i64));
        out->as.i64 = sl_zone_to_utc(own, shown_us);
    }
    return SL_OK;
}

sl_status
sl_row_same(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->as = args[0].as;
    return SL_OK;
}

sl_status
sl_row_unix_timestamp(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                      struct sl_value *out)
{
    int64_t time_us = args[0].as.i64 < 0 ? 0 : args[0].as.i64;

    (void)eval;
    (void)call;
    if (out->type == SL_TYPE_I64)
        out->as.i64 = time_us / SL_US_PER_S;
    else
        out->as.i128 = time_us / (int64_t)sl_power_of_ten(6U - out->scale);
    return SL_OK;
}

/* NULL outside 1970 .. 3001, as MySQL 8. */
sl_status
sl_row_from_unixtime(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                     struct sl_value *out)
{
    sl_i128 time_us = args[0].as.i128;

    (void)eval;
    (void)call;
    out->is_null = time_us < 0 || time_us >= (sl_i128)INT64_C(32536771200) * SL_US_PER_S;
    if (!out->is_null)
        out->as.i64 = (int64_t)time_us;
    return SL_OK;
}

sl_status
sl_row_time_field(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                  struct sl_value *out)
{
    struct civil c = civil_of(args[0].as.i64);

    (void)eval;
    switch (call->function->id) {
    case SL_FN_YEAR:
        out->as.i64 = c.year;
        break;
    case SL_FN_QUARTER:
        out->as.i64 = (c.month + 2) / 3;
        break;
    case SL_FN_MONTH:
        out->as.i64 = c.month;
        break;
    case SL_FN_DAY:
        out->as.i64 = c.day;
        break;
    case SL_FN_HOUR:
        out->as.i64 = c.hour;
        break;
    case SL_FN_MINUTE:
        out->as.i64 = c.minute;
        break;
    case SL_FN_SECOND:
        out->as.i64 = c.second;
        break;
    case SL_FN_MICROSECOND:
        out->as.i64 = c.microsecond;
        break;
    case SL_FN_DAYOFWEEK:
        out->as.i64 = (c.weekday + 1) % 7 + 1;
        break;
    case SL_FN_WEEKDAY:
        out->as.i64 = c.weekday;
        break;
    default:
        out->as.i64 = c.year_day;
    }
    return SL_OK;
}

static sl_status
set_text(const char *text, struct sl_value *out)
{
    out->as.slice =
        (struct sl_slice){.bytes = (const uint8_t *)text, .size_bytes = (uint32_t)strlen(text)};
    return SL_OK;
}

sl_status
sl_row_dayname(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
               struct sl_value *out)
{
    (void)eval;
    (void)call;
    return set_text(day_names[civil_of(args[0].as.i64).weekday], out);
}

sl_status
sl_row_monthname(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                 struct sl_value *out)
{
    (void)eval;
    (void)call;
    return set_text(month_names[civil_of(args[0].as.i64).month - 1], out);
}

static const char *
ordinal_suffix(unsigned day)
{
    if (day / 10 == 1)
        return "th";
    return day % 10 == 1 ? "st" : day % 10 == 2 ? "nd" : day % 10 == 3 ? "rd" : "th";
}

/* A %letter that stands for the week, or for the year that the week is of; negative when it is none. */
static int
format_week(char letter, const struct civil *c, char *text, size_t size)
{
    int64_t year;

    switch (letter) {
    case 'U':
        return snprintf(text, size, "%02u", sl_week_of(c->days, SL_WEEK_FULL_FIRST, &year));
    case 'u':
        return snprintf(text, size, "%02u", sl_week_of(c->days, SL_WEEK_MONDAY, &year));
    case 'V':
        return snprintf(text, size, "%02u",
                        sl_week_of(c->days, SL_WEEK_YEAR | SL_WEEK_FULL_FIRST, &year));
    case 'v':
        return snprintf(text, size, "%02u",
                        sl_week_of(c->days, SL_WEEK_YEAR | SL_WEEK_MONDAY, &year));
    case 'X':
        (void)sl_week_of(c->days, SL_WEEK_YEAR | SL_WEEK_FULL_FIRST, &year);
        return snprintf(text, size, "%04d", (int)year);
    case 'x':
        (void)sl_week_of(c->days, SL_WEEK_YEAR | SL_WEEK_MONDAY, &year);
        return snprintf(text, size, "%04d", (int)year);
    default:
        return -1;
    }
}

/* A %letter of DATE_FORMAT that stands for a part of the date; negative when it is none. */
static int
format_date(char letter, const struct civil *c, char *text, size_t size)
{
    switch (letter) {
    case 'Y':
        return snprintf(text, size, "%04d", (int)c->year);
    case 'y':
        return snprintf(text, size, "%02d", (int)(c->year % 100));
    case 'm':
        return snprintf(text, size, "%02u", c->month);
    case 'c':
        return snprintf(text, size, "%u", c->month);
    case 'M':
        return snprintf(text, size, "%s", month_names[c->month - 1]);
    case 'b':
        return snprintf(text, size, "%.3s", month_names[c->month - 1]);
    case 'd':
        return snprintf(text, size, "%02u", c->day);
    case 'e':
        return snprintf(text, size, "%u", c->day);
    case 'D':
        return snprintf(text, size, "%u%s", c->day, ordinal_suffix(c->day));
    case 'W':
        return snprintf(text, size, "%s", day_names[c->weekday]);
    case 'a':
        return snprintf(text, size, "%.3s", day_names[c->weekday]);
    case 'w':
        return snprintf(text, size, "%u", (c->weekday + 1) % 7);
    case 'j':
        return snprintf(text, size, "%03u", c->year_day);
    default:
        return format_week(letter, c, text, size);
    }
}

/* The same for the time of day; any other letter stands for itself. */
static int
format_clock(char letter, const struct civil *c, char *text, size_t size)
{
    unsigned twelve = c->hour % 12 == 0 ? 12 : c->hour % 12;
    const char *half = c->hour < 12 ? "AM" : "PM";

    switch (letter) {
    case 'H':
        return snprintf(text, size, "%02u", c->hour);
    case 'k':
        return snprintf(text, size, "%u", c->hour);
    case 'h':
    case 'I':
        return snprintf(text, size, "%02u", twelve);
    case 'l':
        return snprintf(text, size, "%u", twelve);
    case 'i':
        return snprintf(text, size, "%02u", c->minute);
    case 's':
    case 'S':
        return snprintf(text, size, "%02u", c->second);
    case 'f':
        return snprintf(text, size, "%06u", c->microsecond);
    case 'p':
        return snprintf(text, size, "%s", half);
    case 'r':
        return snprintf(text, size, "%02u:%02u:%02u %s", twelve, c->minute, c->second, half);
    case 'T':
        return snprintf(text, size, "%02u:%02u:%02u", c->hour, c->minute, c->second);
    default:
        text[0] = letter;
        return 1;
    }
}

/* One %letter of DATE_FORMAT. Returns the length, below `size`. */
static size_t
format_letter(char letter, const struct civil *c, char *text, size_t size)
{
    int length = format_date(letter, c, text, size);

    if (length < 0)
        length = format_clock(letter, c, text, size);
    return (size_t)length < size ? (size_t)length : size - 1;
}

sl_status
sl_row_date_format(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                   struct sl_value *out)
{
    struct civil c = civil_of(args[0].as.i64);
    struct sl_slice format = args[1].as.slice;
    char piece[32];
    size_t used = 0;

    (void)call;
    if (format.size_bytes > 1024)
        return sl_fail(eval->err, SL_LIMIT, "the format of a date is too long");
    uint8_t *bytes = sl_eval_bytes(eval, (size_t)format.size_bytes * sizeof(piece));
    if (bytes == NULL)
        return SL_LIMIT;
    for (uint32_t i = 0; i < format.size_bytes; i++) {
        if (format.bytes[i] != '%' || i + 1 == format.size_bytes) {
            bytes[used++] = format.bytes[i];
            continue;
        }
        size_t size = format_letter((char)format.bytes[++i], &c, piece, sizeof(piece));
        memcpy(&bytes[used], piece, size);
        used += size;
    }
    out->as.slice = (struct sl_slice){.bytes = bytes, .size_bytes = (uint32_t)used};
    return SL_OK;
}

/* Microseconds of units that have a fixed length; 0 for months and longer. */
static int64_t
unit_us(enum sl_time_unit unit)
{
    static const int64_t lengths[] = {
        [SL_TIME_MICROSECOND] = 1,
        [SL_TIME_SECOND] = SL_US_PER_S,
        [SL_TIME_MINUTE] = INT64_C(60) * SL_US_PER_S,
        [SL_TIME_HOUR] = INT64_C(3600) * SL_US_PER_S,
        [SL_TIME_DAY] = INT64_C(86400) * SL_US_PER_S,
        [SL_TIME_WEEK] = INT64_C(604800) * SL_US_PER_S,
        [SL_TIME_YEAR] = 0,
    };

    return lengths[unit];
}

static int64_t
unit_months(enum sl_time_unit unit)
{
    return unit == SL_TIME_YEAR ? 12 : unit == SL_TIME_QUARTER ? 3 : 1;
}

static unsigned
days_of_month(int64_t year, unsigned month)
{
    int64_t next =
        month == 12 ? sl_days_from_civil(year + 1, 1, 1) : sl_days_from_civil(year, month + 1, 1);

    return (unsigned)(next - sl_days_from_civil(year, month, 1));
}

/* DATE_ADD(t, amount, unit, number of the session's zone), on the local clock; NULL outside the years
 * 0 to 9999. */
sl_status
sl_row_date_add(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                struct sl_value *out)
{
    enum sl_time_unit unit = (enum sl_time_unit)args[2].as.i64;
    const struct sl_zone *zone = sl_zone_at((uint32_t)args[3].as.i64);
    int64_t time_us = args[0].type == SL_TYPE_DATE ? args[0].as.i64 * SL_US_PER_DAY
                                                   : sl_zone_to_local(zone, args[0].as.i64);
    sl_i128 amount = args[1].as.i128, result;

    (void)eval;
    (void)call;
    if (unit_us(unit) > 0) {
        sl_i128 limit = (sl_i128)1 << 62;
        out->is_null = amount > limit || amount < -limit;
        result =
            out->is_null ? 0 : amount * unit_us(unit) / sl_power_of_ten(args[1].scale) + time_us;
    } else {
        struct civil c = civil_of(time_us);
        out->is_null = amount > 120000 || amount < -120000;
        int64_t months = c.year * 12 + (int64_t)c.month - 1 +
                         (out->is_null ? 0 : (int64_t)amount) * unit_months(unit);
        int64_t year = floor_div(months, 12);
        unsigned month = (unsigned)(months - year * 12) + 1;
        unsigned last = days_of_month(year, month);
        int64_t days = sl_days_from_civil(year, month, c.day < last ? c.day : last);
        result = (sl_i128)days * SL_US_PER_DAY + (time_us - c.days * SL_US_PER_DAY);
    }
    static const int64_t low = INT64_C(-62167219200) * SL_US_PER_S;
    static const int64_t high = INT64_C(253402300800) * SL_US_PER_S;
    out->is_null = out->is_null || result < low || result >= high;
    if (!out->is_null)
        out->as.i64 = out->type == SL_TYPE_DATE ? floor_div((int64_t)result, SL_US_PER_DAY)
                                                : sl_zone_to_utc(zone, (int64_t)result);
    return SL_OK;
}

/* Whole units from a to b. */
sl_status
sl_row_timestampdiff(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                     struct sl_value *out)
{
    enum sl_time_unit unit = (enum sl_time_unit)args[0].as.i64;
    int64_t a = args[1].as.i64, b = args[2].as.i64;

    (void)eval;
    (void)call;
    if (unit_us(unit) > 0) {
        out->as.i64 = (int64_t)(((sl_i128)b - a) / unit_us(unit));
        return SL_OK;
    }
    int sign = b < a ? -1 : 1;
    struct civil from = civil_of(b < a ? b : a), to = civil_of(b < a ? a : b);
    int64_t from_rest = (b < a ? b : a) - from.days * SL_US_PER_DAY;
    int64_t to_rest = (b < a ? a : b) - to.days * SL_US_PER_DAY;
    int64_t months = (to.year - from.year) * 12 + (int64_t)to.month - (int64_t)from.month;
    if (to.day < from.day || (to.day == from.day && to_rest < from_rest))
        months--;
    out->as.i64 = sign * (months / unit_months(unit));
    return SL_OK;
}

sl_status
sl_row_datediff(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->as.i64 = args[0].as.i64 - args[1].as.i64;
    return SL_OK;
}

/* Days since year 0, as MySQL counts them. */
sl_status
sl_row_to_days(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
               struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->as.i64 = args[0].as.i64 + 719528;
    return SL_OK;
}

sl_status
sl_row_sec_to_time(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                   struct sl_value *out)
{
    static const double most = 838.0 * 3600 + 59 * 60 + 59;
    double seconds = args[0].as.f64;

    (void)eval;
    (void)call;
    seconds = seconds > most ? most : seconds < -most ? -most : seconds;
    out->as.i64 = (int64_t)(seconds * SL_US_PER_S);
    return SL_OK;
}
