/*
 * log.h - one line for an operator, on standard error.
 *
 *   2026-11-23T08:15:30.250Z warn ingest: exporter 192.0.2.1 restarted, templates dropped
 *
 * Threads: any. A line is written with one write(2).
 */
#ifndef SLUICE_STORAGE_BASE_LOG_H
#define SLUICE_STORAGE_BASE_LOG_H

#include <stdatomic.h>

#include "storage/base/base.h"

enum sl_log_level { SL_LOG_DEBUG, SL_LOG_INFO, SL_LOG_WARN, SL_LOG_ERROR };

/* Lines below this level are dropped. Default SL_LOG_INFO. */
void sl_log_set_level(enum sl_log_level level);

/* `part` names the subsystem ("ingest"); the text has no line end. */
SL_PRINTF(3, 4) void sl_log(enum sl_log_level level, const char *part, const char *format, ...);

/*
 * A kind of line that a peer or a full disk can cause, static beside its call: SL_LOG_LINES_MAX of them are
 * written in an interval, whoever causes them (a limit for each peer is none where addresses are
 * forged); the next one says how many were left out.
 */
enum { SL_LOG_LINES_MAX = 10 };
struct sl_log_kind {
    int64_t interval_us; /* 0: a minute */
    _Atomic int64_t since_us;
    _Atomic uint32_t written;
    _Atomic uint64_t left_out;
};
SL_PRINTF(4, 5)
void sl_log_limited(struct sl_log_kind *kind, enum sl_log_level level, const char *part,
                    const char *format, ...);

/* True at most once in `interval_us` for each `*last_us` (zero-initialised by its owner, one
 * per site and peer): if (sl_log_due(&exporter->logged_us, SL_US_PER_MINUTE)) sl_log(...). */
bool sl_log_due(_Atomic int64_t *last_us, int64_t interval_us);

#endif
