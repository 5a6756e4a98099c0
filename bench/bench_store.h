/*
 * bench_store.h - a store, its schema and its pool in one process, and what the measured loops ask it.
 *
 * A failure ends the process with a message: nothing that went wrong is measured.
 */
#ifndef SLUICE_BENCH_BENCH_STORE_H
#define SLUICE_BENCH_BENCH_STORE_H

#include "bench/flowgen.h"
#include "ingest/decode/decoder.h"
#include "storage/store.h"

struct bench_store {
    struct sl_schema *schema;
    struct sl_pool *pool;
    struct sl_store *store;
    unsigned threads;
};

SL_NORETURN
void bench_die(const char *what, const struct sl_error *err);

/* CPU of the process so far. */
double bench_cpu_seconds(void);
double bench_seconds_since(int64_t started_us); /* monotonic */

/* Open a store of `options` in a new schema and a new pool of b->threads. */
void bench_store_open(struct bench_store *b, const struct sl_store_options *options);
void bench_store_close(struct bench_store *b);

/* A decoder whose batches go to the store. */
struct sl_decoder *bench_store_decoder(struct bench_store *b);

/* Decode a datagram of exporter 192.0.2.(1 + n) that comes now. */
void bench_decode(struct sl_decoder *decoder, const struct flowgen_datagram *datagram,
                  int64_t now_us);

/* Run a statement, fetch all rows; `text` gets the first one, "|" between values. Seconds. */
double bench_ask(struct bench_store *b, const char *sql, char *text, size_t text_bytes);

/* COUNT and SUMs of what is stored are these; else says so. */
SL_MUST_CHECK
bool bench_check_sums(struct bench_store *b, uint64_t flows, uint64_t packets, uint64_t flow_bytes);

#endif
