/*
 * bench_late.c - rows that come late: what they cost, and what they do to questions of time.
 *
 *   bench_late --dir NEW_DIR [--rate FLOWS_PER_SECOND] [--late PERCENT] [--minutes N] [--seed N]
 *              [--threads N]
 *
 * N minutes (default 90) of NetFlow v9 at --rate (default 1000), of which --late percent (default 1)
 * are exported up to an hour after their end. Time is simulated: the store's clock stands at the end
 * of the minute that is decoded, and a flush stands for each seal by age, every 5 minutes. Then
 * the clock moves on until all slices are over, and the merges that are due are awaited.
 *
 * Prints bytes written a row, segments, and the medians of 5: the newest 100 rows, and the sum of
 * one minute in the middle of the first hour, which is merged. COUNT and SUMs must equal what was
 * sent, else the status is 1. All flows are synthetic.
 */
#include <stdio.h>
#include <time.h>

#include "bench/bench_store.h"
#include "storage/base/clock.h"
#include "storage/value_text.h"

enum { SEAL_MINUTES = 5, ROUNDS = 5, QUIET_MS = 3000, POLL_MS = 100 };

struct sent {
    uint64_t flows, packets, bytes;
};

/* One minute of flows, decoded at its end. */
static void
send_minute(struct bench_store *b, struct sl_decoder *decoder,
            const struct flowgen_options *options, struct sent *sent)
{
    struct flowgen_datagram datagram;
    struct sl_error err = {0};
    uint64_t flows = (uint64_t)(options->flows_per_second * 60);
    struct flowgen_datagrams d = flowgen_datagrams_create(options, flows, 9);
    int64_t now_us = options->start_us + SL_US_PER_MINUTE;
    sl_clock_set_us(now_us);
    for (size_t at = 0; flowgen_datagrams_next(&d, &at, &datagram);)
        bench_decode(decoder, &datagram, now_us);
    if (sl_decoder_flush(decoder, &err) != SL_OK)
        bench_die("decode", &err);
    bool is_due = (options->start_us / SL_US_PER_MINUTE + 1) % SEAL_MINUTES == 0;
    if (is_due && sl_store_flush(b->store, &err) != SL_OK)
        bench_die("flush", &err);
    sent->flows += d.flows;
    sent->packets += d.packets;
    sent->bytes += d.flow_bytes;
    flowgen_datagrams_destroy(&d);
}

/* Until no merge has been made for a while. */
static void
await_merges(struct bench_store *b)
{
    struct sl_store_status s;
    uint64_t merges = UINT64_MAX;
    for (unsigned quiet_ms = 0; quiet_ms < QUIET_MS; quiet_ms += POLL_MS) {
        struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
        sl_store_status(b->store, &s);
        if (s.merges != merges || s.merge_backlog_bytes != 0)
            quiet_ms = 0;
        merges = s.merges;
    }
}

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void
question(struct bench_store *b, const char *name, const char *sql)
{
    double seconds[ROUNDS];
    char text[4096];
    for (unsigned round = 0; round < ROUNDS; round++)
        seconds[round] = bench_ask(b, sql, text, sizeof(text));
    qsort(seconds, ROUNDS, sizeof(double), compare_doubles);
    printf("%-12s %8.2f ms   %.60s\n", name, seconds[ROUNDS / 2] * 1e3, text);
}

static void
print_result(struct bench_store *b, const struct sent *sent, int64_t start_us)
{
    struct sl_store_status s;
    char from[SL_TIME_TEXT_BYTES];
    char to[SL_TIME_TEXT_BYTES];
    char sql[256];
    double flows = (double)sent->flows;
    sl_store_status(b->store, &s);
    printf("written: %.1f bytes a row: %.1f journal, %.1f seal, %.1f merge; %" PRIu64
           " seals, %" PRIu64 " merges, %" PRIu64 " segments, %.2f bytes a row stored\n",
           (double)(s.bytes_written_journal + s.bytes_written_seal + s.bytes_written_merge) / flows,
           (double)s.bytes_written_journal / flows, (double)s.bytes_written_seal / flows,
           (double)s.bytes_written_merge / flows, s.seals, s.merges, s.segment_count,
           (double)s.segment_bytes / flows);
    question(b, "newest 100", "SELECT * FROM flows ORDER BY last_seen DESC LIMIT 100");
    (void)sl_time_format(start_us + 30 * SL_US_PER_MINUTE, from);
    (void)sl_time_format(start_us + 31 * SL_US_PER_MINUTE, to);
    (void)snprintf(sql, sizeof(sql),
                   "SELECT COUNT(*), SUM(bytes) FROM flows WHERE last_seen >= '%s' AND "
                   "last_seen < '%s'",
                   from, to);
    question(b, "one minute", sql);
}

int
main(int argc, char **argv)
{
    struct flowgen_options options = flowgen_options_default();
    struct sl_store_options store_options = sl_store_options_default();
    struct bench_store b = {.threads = 2};
    struct sent sent = {0};
    struct sl_error err = {0};
    uint64_t minutes = 90;
    options.flows_per_second = 1000;
    options.late_share = 0.01;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--dir") == 0)
            store_options.directory = value;
        else if (strcmp(argv[i], "--rate") == 0)
            options.flows_per_second = strtod(value, NULL);
        else if (strcmp(argv[i], "--late") == 0)
            options.late_share = strtod(value, NULL) / 100;
        else if (strcmp(argv[i], "--minutes") == 0)
            minutes = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            options.seed = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--threads") == 0)
            b.threads = (unsigned)strtoul(value, NULL, 10);
    }
    if (argc % 2 == 0 || store_options.directory == NULL || b.threads == 0 || minutes < 60 ||
        !(options.flows_per_second >= 1)) {
        fprintf(stderr, "usage: bench_late --dir NEW_DIR [--rate N] [--late PERCENT] "
                        "[--minutes N, at least 60] [--seed N] [--threads N]\n");
        return 2;
    }
    int64_t start_us = options.start_us;
    sl_clock_set_us(start_us);
    bench_store_open(&b, &store_options);
    struct sl_decoder *decoder = bench_store_decoder(&b);
    for (uint64_t m = 0; m < minutes; m++, options.start_us += SL_US_PER_MINUTE, options.seed++)
        send_minute(&b, decoder, &options, &sent);
    sl_decoder_destroy(decoder);
    if (sl_store_flush(b.store, &err) != SL_OK)
        bench_die("flush", &err);
    sl_clock_set_us(options.start_us + 2 * SL_US_PER_HOUR);
    await_merges(&b);
    printf("%" PRIu64 " synthetic flows, %.0f a second, %.1f %% late\n", sent.flows,
           options.flows_per_second, options.late_share * 100);
    print_result(&b, &sent, start_us);
    bool is_right = bench_check_sums(&b, sent.flows, sent.packets, sent.bytes);
    bench_store_close(&b);
    return is_right ? 0 : 1;
}
