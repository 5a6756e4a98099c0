/*
 * log.c - see log.h.
 */
#include "storage/base/log.h"

#include <stdarg.h>
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

/* One line; `tail` is put behind the text. */
SL_PRINTF(4, 0)
static void
write_line(enum sl_log_level level, const char *part, const char *tail, const char *format,
           va_list args)
{
    char line[1024];
    char when[SL_TIME_TEXT_BYTES];
    int64_t now_us = sl_clock_now_us();
    size_t room = sizeof(line) - strlen(tail) - 1; /* and the line's end */
    (void)sl_time_format(now_us - now_us % SL_US_PER_MS, when);
    int head = snprintf(line, room, "%s %s %s: ", when, level_name(level), part);
    size_t at = head < 0 ? 0 : sl_min_size((size_t)head, room - 1);
    int body = vsnprintf(&line[at], room - at, format, args);
    at += body < 0 ? 0 : sl_min_size((size_t)body, room - at - 1);
    for (size_t i = 0; i < at; i++)
        if ((unsigned char)line[i] < 0x20)
            line[i] = ' '; /* a peer's bytes may be in the text: one line stays one line */
    int end = snprintf(&line[at], sizeof(line) - at, "%s\n", tail);
    at += end < 0 ? 0 : (size_t)end;
    ssize_t written = write(STDERR_FILENO, line, at);
    (void)written; /* a log that cannot be written has nowhere to complain */
}

static bool
is_shown(enum sl_log_level level)
{
    return (int)level >= atomic_load_explicit(&level_min, memory_order_relaxed);
}

void
sl_log(enum sl_log_level level, const char *part, const char *format, ...)
{
    if (!is_shown(level))
        return;
    va_list args;
    va_start(args, format);
    write_line(level, part, "", format, args);
    va_end(args);
}

void
sl_log_limited(struct sl_log_kind *kind, enum sl_log_level level, const char *part,
               const char *format, ...)
{
    char tail[80] = "";
    uint64_t left_out = 0;
    if (!is_shown(level))
        return;
    if (sl_log_due(&kind->since_us,
                   kind->interval_us == 0 ? SL_US_PER_MINUTE : kind->interval_us)) {
        atomic_store_explicit(&kind->written, 0, memory_order_relaxed);
        left_out = atomic_exchange_explicit(&kind->left_out, 0, memory_order_relaxed);
    }
    uint32_t before = atomic_fetch_add_explicit(&kind->written, 1, memory_order_relaxed);
    if (before >= SL_LOG_LINES_MAX) {
        (void)atomic_fetch_add_explicit(&kind->left_out, 1, memory_order_relaxed);
        return;
    }
    if (left_out != 0)
        (void)snprintf(tail, sizeof(tail), " (%" PRIu64 " such lines were left out)", left_out);
    else if (before == SL_LOG_LINES_MAX - 1)
        (void)snprintf(tail, sizeof(tail), " (more such lines are left out for a while)");
    va_list args;
    va_start(args, format);
    write_line(level, part, tail, format, args);
    va_end(args);
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
