/*
 * clock.h - the time, from one place, so that tests can set it.
 *
 * Time is int64_t microseconds since 1970-01-01 UTC (`_us`) everywhere in sluice.
 * Threads: any. A test that sets the clock does so before it starts threads.
 */
#ifndef SLUICE_STORAGE_BASE_CLOCK_H
#define SLUICE_STORAGE_BASE_CLOCK_H

#include "storage/base/base.h"

enum { SL_US_PER_MS = 1000, SL_US_PER_S = 1000000 };
#define SL_US_PER_MINUTE (INT64_C(60) * SL_US_PER_S)
#define SL_US_PER_HOUR   (INT64_C(60) * SL_US_PER_MINUTE)
#define SL_US_PER_DAY    (INT64_C(24) * SL_US_PER_HOUR)

/* Wall clock. */
int64_t sl_clock_now_us(void);

/* Monotonic, for durations and deadlines; its zero means nothing. */
int64_t sl_clock_monotonic_us(void);

/* CPU time of the calling thread. */
int64_t sl_clock_thread_cpu_us(void);

/* Tests only: make sl_clock_now_us answer `now_us` until set again; INT64_MIN gives the
 * real clock back. */
void sl_clock_set_us(int64_t now_us);

/* "2026-11-23T08:15:30.250Z": the fraction that the value has (0, 3 or 6 digits). Years
 * outside 0..9999 are clamped. Returns the length without the NUL. */
enum { SL_TIME_TEXT_BYTES = 32 };
size_t sl_time_format(int64_t time_us, char text[SL_TIME_TEXT_BYTES]);

/*
 * Parse "2026-11-23", "2026-11-23 08:15[:30[.250]]", with 'T' for the blank, with an optional
 * 'Z' or "+02:00". UTC unless it says otherwise. False when it is not one, or not a real date.
 */
SL_MUST_CHECK
bool sl_time_parse(const char *text, size_t size_bytes, int64_t *out_time_us);

/* Proleptic Gregorian calendar; days since 1970-01-01. */
int64_t sl_days_from_civil(int64_t year, unsigned month, unsigned day);
void sl_civil_from_days(int64_t days, int64_t *out_year, unsigned *out_month, unsigned *out_day);

#endif
