/*
 * log.c - see log.h.
 */
#include "storage/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "storage/base/clock.h"

static _Atomic int level_min = SL_LOG_INFO;

void
sl_log_set_level(enum sl_log_level level)
{
    atomic_store_explicit(&level_min, (int)level, memory_order_relaxed);
}

static const char *
level_name(enum sl_log_level level)
{
    switch (level) {
    case SL_LOG_DEBUG:
        return "debug";
    case SL_LOG_INFO:
        return "info";
    case SL_LOG_WARN:
        return "warn";
    case SL_LOG_ERROR:
        return "error";
    }
    return "error";
}

void
sl_log(enum sl_log_level level, const char *part, const char *format, ...)
{
    if ((int)level < atomic_load_explicit(&level_min, memory_order_relaxed))
        return;
    char line[1024];
    char when[SL_TIME_TEXT_BYTES];
    int64_t now_us = sl_clock_now_us();
    (void)sl_time_format(now_us - now_us % SL_US_PER_MS, when);
    int head = snprintf(line, sizeof(line), "%s %s %s: ", when, level_name(level), part);
    size_t at = head < 0 ? 0 : sl_min_size((size_t)head, sizeof(line) - 2);
    va_list args;
    va_start(args, format);
    int body = vsnprintf(&line[at], sizeof(line) - at - 1, format, args);
    va_end(args);
    at += body < 0 ? 0 : sl_min_size((size_t)body, sizeof(line) - at - 2);
    for (size_t i = 0; i < at; i++)
        if ((unsigned char)line[i] < 0x20)
            line[i] = ' '; /* a peer's bytes may be in the text: one line stays one line */
    line[at++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, at);
    (void)written; /* a log that cannot be written has nowhere to complain */
}

bool
sl_log_due(_Atomic int64_t *last_us, int64_t interval_us)
{
    int64_t now_us = sl_clock_monotonic_us();
    int64_t before_us = atomic_load_explicit(last_us, memory_order_relaxed);
    if (before_us != 0 && now_us - before_us < interval_us)
        return false;
    return atomic_compare_exchange_strong_explicit(last_us, &before_us, now_us,
                                                   memory_order_relaxed, memory_order_relaxed);
}
