/*
 * function_date.c - dates and lengths of time, one row at a time. Times that come as arguments are local
 * (types_date.c).
 */
#include "query/function_date.h"
#include "query/function_row.h"
#include "query/value.h"
#include "storage/base/clock.h"
#include "storage/base/zone.h"

enum { DAYS_AT_EPOCH = 719528 }; /* MySQL's number of 1970-01-01 */

static const int64_t span_most_us = INT64_C(3020399) * SL_US_PER_S; /* 838:59:59 */
static const int64_t days_low = -719528;                            /* 0000-01-01 */
static const int64_t days_high = 2932897;                           /* behind 9999-12-31 */

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static unsigned
days_of_year(int64_t year)
{
    return (unsigned)(sl_days_from_civil(year + 1, 1, 1) - sl_days_from_civil(year, 1, 1));
}

/* Its first day counted from Monday, or from Sunday. */
static unsigned
first_weekday(int64_t days, bool is_monday_first)
{
    int64_t from = days + (is_monday_first ? 3 : 4);

    return (unsigned)((from % 7 + 7) % 7);
}

unsigned
sl_week_rules(int64_t mode)
{
    unsigned rules = (unsigned)(mode & 7);

    return (rules & SL_WEEK_MONDAY) != 0 ? rules : rules ^ SL_WEEK_FULL_FIRST;
}

unsigned
sl_week_of(int64_t days, unsigned rules, int64_t *out_year)
{
    bool is_full_first = (rules & SL_WEEK_FULL_FIRST) != 0;
    bool has_years = (rules & SL_WEEK_YEAR) != 0;
    unsigned month, day;

    sl_civil_from_days(days, out_year, &month, &day);
    int64_t first = sl_days_from_civil(*out_year, 1, 1);
    unsigned weekday = first_weekday(first, (rules & SL_WEEK_MONDAY) != 0);
    bool is_late = is_full_first ? weekday != 0 : weekday >= 4; /* week 1 begins in January */
    if (month == 1 && day <= 7 - weekday) {
        if (!has_years && is_late)
            return 0;
        has_years = true;
        unsigned length = days_of_year(--*out_year);
        first -= length;
        weekday = (weekday + 53 * 7 - length) % 7;
        is_late = is_full_first ? weekday != 0 : weekday >= 4;
    }
    int64_t since = days - (is_late ? first + 7 - weekday : first - weekday);
    if (has_years && since >= INT64_C(52) * 7) {
        weekday = (weekday + days_of_year(*out_year)) % 7;
        if (is_full_first ? weekday == 0 : weekday < 4) {
            ++*out_year;
            return 1;
        }
    }
    return (unsigned)(since / 7) + 1;
}

/* WEEK(t[, mode]), WEEKOFYEAR(t), YEARWEEK(t[, mode]) */
sl_status
sl_row_week(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    int64_t mode = call->arg_count > 1 ? args[1].as.i64 : 0;
    int64_t year;

    (void)eval;
    if (call->function->id == SL_FN_WEEKOFYEAR)
        mode = 3;
    unsigned rules = sl_week_rules(mode);
    if (call->function->id == SL_FN_YEARWEEK)
        rules |= SL_WEEK_YEAR;
    out->as.i64 = sl_week_of(args[0].as.i64, rules, &year);
    if (call->function->id == SL_FN_YEARWEEK)
        out->as.i64 += year * 100;
    return SL_OK;
}

sl_status
sl_row_last_day(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                struct sl_value *out)
{
    int64_t year;
    unsigned month, day;

    (void)eval;
    (void)call;
    sl_civil_from_days(args[0].as.i64, &year, &month, &day);
    out->as.i64 = sl_days_from_civil(year + (month == 12), month % 12 + 1, 1) - 1;
    return SL_OK;
}

static void
set_days(int64_t days, struct sl_value *out)
{
    out->is_null = days < days_low || days >= days_high;
    out->as.i64 = out->is_null ? 0 : days;
}

/* MAKEDATE(year, day of the year): years below 100 are of 1970 to 2069. */
sl_status
sl_row_makedate(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                struct sl_value *out)
{
    int64_t year = args[0].as.i64, day = args[1].as.i64;

    (void)eval;
    (void)call;
    out->is_null = year < 0 || year > 9999 || day < 1 || day > 4000000;
    if (out->is_null)
        return SL_OK;
    if (year < 100)
        year += year < 70 ? 2000 : 1900;
    set_days(sl_days_from_civil(year, 1, 1) + day - 1, out);
    return SL_OK;
}

/* FROM_DAYS(n) */
sl_status
sl_row_from_days(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                 struct sl_value *out)
{
    int64_t number = args[0].as.i64;

    (void)eval;
    (void)call;
    out->is_null = number < 0 || number > 4000000;
    if (!out->is_null)
        set_days(number - DAYS_AT_EPOCH, out);
    return SL_OK;
}

static void
set_span(sl_i128 span_us, struct sl_value *out)
{
    out->as.i64 = span_us > span_most_us    ? span_most_us
                  : span_us < -span_most_us ? -span_most_us
                                            : (int64_t)span_us;
}

/* MAKETIME(hour, minute, second) */
sl_status
sl_row_maketime(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                struct sl_value *out)
{
    int64_t hour = args[0].as.i64, minute = args[1].as.i64;
    sl_i128 second_us = args[2].as.i128;

    (void)eval;
    (void)call;
    out->is_null =
        minute < 0 || minute > 59 || second_us < 0 || second_us >= (sl_i128)60 * SL_US_PER_S;
    if (out->is_null)
        return SL_OK;
    sl_i128 rest = (sl_i128)minute * 60 * SL_US_PER_S + second_us;
    sl_i128 hours = (sl_i128)(hour < 0 ? -(sl_i128)hour : hour) * 3600 * SL_US_PER_S;
    set_span(hour < 0 ? -(hours + rest) : hours + rest, out);
    return SL_OK;
}

sl_status
sl_row_time_to_sec(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                   struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->as.i64 = args[0].as.i64 / SL_US_PER_S;
    return SL_OK;
}

/* TIMEDIFF(a, b): two times, or two lengths. */
sl_status
sl_row_timediff(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                struct sl_value *out)
{
    (void)eval;
    (void)call;
    set_span((sl_i128)args[0].as.i64 - args[1].as.i64, out);
    return SL_OK;
}

/* ADDTIME(t, length, number of the session's zone), SUBTIME */
sl_status
sl_row_addtime(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
               struct sl_value *out)
{
    const struct sl_zone *zone = sl_zone_at((uint32_t)args[2].as.i64);
    int64_t span_us = call->function->id == SL_FN_SUBTIME ? -args[1].as.i64 : args[1].as.i64;

    (void)eval;
    if (out->type == SL_TYPE_SPAN) {
        set_span((sl_i128)args[0].as.i64 + span_us, out);
        return SL_OK;
    }
    int64_t local_us = args[0].as.i64 + span_us;
    int64_t days = floor_div(local_us, SL_US_PER_DAY);
    out->is_null = days < days_low || days >= days_high;
    if (!out->is_null)
        out->as.i64 = sl_zone_to_utc(zone, local_us);
    return SL_OK;
}
