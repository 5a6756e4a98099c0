/*
 * log.h - one line for an operator, on standard error.
 *
 *   2026-11-23T08:15:30.250Z warn ingest: exporter 192.0.2.1 restarted, templates dropped
 *
 * Threads: any. A line is written with one write(2).
 */
#ifndef SLUICE_STORAGE_BASE_LOG_H
#define SLUICE_STORAGE_BASE_LOG_H

#include "storage/base/base.h"

enum sl_log_level { SL_LOG_DEBUG, SL_LOG_INFO, SL_LOG_WARN, SL_LOG_ERROR };

/* Lines below this level are dropped. Default SL_LOG_INFO. */
void sl_log_set_level(enum sl_log_level level);

/* `part` names the subsystem ("ingest"); the text has no line end. */
SL_PRINTF(3, 4) void sl_log(enum sl_log_level level, const char *part, const char *format, ...);

/* True at most once in `interval_us` for each `*last_us` (zero-initialised by its owner, one
 * per site and peer): if (sl_log_due(&exporter->logged_us, SL_US_PER_MINUTE)) sl_log(...). */
bool sl_log_due(_Atomic int64_t *last_us, int64_t interval_us);

#endif
