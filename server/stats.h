/*
 * stats.h - what the server counts: one list for the status screen and system.metrics.
 *
 * Counters only rise and are written without a lock by whoever sees the event. Once a second the
 * loop takes a sample; rates are differences of samples.
 *
 * Threads: counting and reading: any. sl_stats_sample: one.
 * Layer:   server, internal.
 */
#ifndef SLUICE_SERVER_STATS_H
#define SLUICE_SERVER_STATS_H

#include <stdatomic.h>

#include "storage/base/base.h"

/* id, name in system.metrics, help */
#define SL_COUNTER_LIST(X)                                                                      \
    X(CONNECTIONS_OPENED, "connections_opened", "native connections accepted")                  \
    X(CONNECTIONS_CLOSED, "connections_closed", "native connections that have ended")           \
    X(CONNECTIONS_REFUSED, "connections_refused", "native connections beyond the limit")        \
    X(PROTOCOL_ERRORS, "protocol_errors", "connections ended because they broke the protocol")  \
    X(BYTES_RECEIVED, "bytes_received", "bytes of frames received on native connections")       \
    X(BYTES_SENT, "bytes_sent", "bytes of frames sent on native connections")                   \
    X(STATEMENTS, "statements", "statements that were begun")                                   \
    X(STATEMENTS_FAILED, "statements_failed", "statements that ended with an error")            \
    X(STATEMENTS_CANCELLED, "statements_cancelled", "statements that somebody stopped")         \
    X(STATEMENTS_AT_ONCE, "statements_at_once", "statements that the loop answered itself")     \
    X(STATEMENTS_SLOW, "statements_slow", "statements that took more than ten seconds")         \
    X(SELECTS, "selects", "SELECTs that were answered")                                         \
    X(INSERTS, "inserts", "INSERTs that were carried out")                                      \
    X(DELETES, "deletes", "DELETEs that were carried out")                                      \
    X(LOADS, "loads", "LOADs of a client's file that were carried out")                         \
    X(STATEMENT_US, "statement_us", "microseconds that statements took")                        \
    X(ROWS_SENT, "rows_sent", "rows of results")                                                \
    X(INSERT_BATCHES, "insert_batches", "batches of the native protocol that are durable")      \
    X(INSERT_REPEATED, "insert_repeated", "batches of the native protocol stored before")       \
    X(INSERT_FAILED, "insert_failed", "batches of the native protocol that were refused")       \
    X(INSERT_ROWS, "insert_rows", "flows of the native protocol that are durable")              \
    X(SQL_BATCHES, "sql_batches", "batches that INSERT statements were gathered into")          \
    X(SQL_ROWS, "sql_rows", "flows that INSERT statements brought")                             \
    X(SQL_ROWS_LOST, "sql_rows_lost", "flows of INSERT statements that the store did not take") \
    X(LISTEN_BATCHES, "listen_batches", "batches that flow listeners handed over")              \
    X(LISTEN_ROWS, "listen_rows", "flows that flow listeners handed over")                      \
    X(LISTEN_ROWS_LOST, "listen_rows_lost", "flows of listeners that the store did not take")

enum sl_counter {
#define X(id, name, help) SL_COUNTER_##id,
    SL_COUNTER_LIST(X)
#undef X
        SL_COUNTER_COUNT
};

enum { SL_STATS_SAMPLES = 61 }; /* a minute and the sample before it */

struct sl_stats {
    _Atomic uint64_t counters[SL_COUNTER_COUNT]; /* relaxed: they order nothing */
    int64_t started_us;
    /* Written by sl_stats_sample alone; a reader may see one counter newer than its time. */
    _Atomic uint64_t samples[SL_STATS_SAMPLES][SL_COUNTER_COUNT];
    _Atomic int64_t sampled_us[SL_STATS_SAMPLES];
    _Atomic uint32_t sample_count;
};

struct sl_stats *sl_stats_create(void);
void sl_stats_destroy(struct sl_stats *stats);

static inline void
sl_stats_add(struct sl_stats *stats, enum sl_counter counter, uint64_t amount)
{
    (void)atomic_fetch_add_explicit(&stats->counters[counter], amount, memory_order_relaxed);
}

uint64_t sl_stats_value(const struct sl_stats *stats, enum sl_counter counter);
void sl_stats_sample(struct sl_stats *stats);
/* Per second, over the last `seconds` (at most 60) of samples. */
double sl_stats_rate(const struct sl_stats *stats, enum sl_counter counter, unsigned seconds);

const char *sl_counter_name(enum sl_counter counter);
const char *sl_counter_help(enum sl_counter counter);

#endif
