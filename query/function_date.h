/*
 * function_date.h - weeks, in each of MySQL's ways to count them.
 *
 * Layer: query, internal to the function table.
 */
#ifndef SLUICE_QUERY_FUNCTION_DATE_H
#define SLUICE_QUERY_FUNCTION_DATE_H

#include "storage/base/base.h"

enum {
    SL_WEEK_MONDAY = 1,     /* weeks begin on Monday, else on Sunday */
    SL_WEEK_YEAR = 2,       /* 1 to 53: the first days may be of the year before; else 0 to 53 */
    SL_WEEK_FULL_FIRST = 4, /* week 1 is the first whole one, else the first with 4 days */
};

/* The rules of WEEK(t, mode), modes 0 to 7. */
unsigned sl_week_rules(int64_t mode);

/* The week of a day (since 1970-01-01), and the year that it is of. */
unsigned sl_week_of(int64_t days, unsigned rules, int64_t *out_year);

#endif
