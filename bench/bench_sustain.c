/*
 * bench_sustain.c - datagrams in memory into a store without pause: does the background keep up?
 *
 *   bench_sustain --dir NEW_DIR [--seconds N] [--flows N] [--seed N] [--version 5|9] [--threads N]
 *                 [--clients N] [--merge on|off]
 *
 * One thread decodes and appends as fast as the store takes it, for N seconds (default 60), while
 * the store seals, indexes and merges as in the server. The datagrams (--flows of them, default
 * 3000000) are sent again and again; each lap's export times are those of now. --clients asks that
 * many questions at a time meanwhile, without pause, from as many threads.
 *
 * Prints every 5 seconds what came in and what waits (rows in memory, journal, segments), and at
 * the end the rate until everything is sealed and durable, CPU a flow, bytes written a flow. COUNT
 * and SUMs must equal what was sent, else the status is 1. All flows are synthetic.
 */
#include <stdatomic.h>
#include <stdio.h>

#include "bench/bench_store.h"
#include "storage/base/clock.h"

enum { CLIENTS_MAX = 64, REPORT_SECONDS = 5 };

struct run {
    struct bench_store store;
    struct flowgen_datagrams datagrams;
    int64_t export_us; /* when the first of them says that it was sent */
    uint64_t seconds;
    uint64_t flows, packets, bytes; /* sent */
    int64_t reported_us;            /* when the last line was printed */
    uint64_t reported_flows;
    atomic_bool is_over;
    _Atomic uint64_t answers;
};

/* A client that asks what dashboards ask, again as soon as it is answered. */
static void
client_main(void *context)
{
    static const char *const questions[] = {
        "SELECT time_bucket(last_seen, 10) AS t, SUM(bytes) FROM flows LAST 1m GROUP BY t",
        "SELECT src_addr, SUM(bytes) FROM flows LAST 1m GROUP BY src_addr ORDER BY 2 DESC LIMIT 10",
        "SELECT * FROM flows ORDER BY last_seen DESC LIMIT 100",
        "SELECT COUNT(*), SUM(bytes) FROM flows WHERE host = 10.10.6.153",
    };
    struct run *run = context;
    char text[4096];
    for (size_t i = 0; !atomic_load_explicit(&run->is_over, memory_order_relaxed); i++) {
        (void)bench_ask(&run->store, questions[i % SL_COUNTOF(questions)], text, sizeof(text));
        atomic_fetch_add_explicit(&run->answers, 1, memory_order_relaxed);
    }
}

/* A line every REPORT_SECONDS, or as soon after that as the store lets us. */
static void
print_state(struct run *run, int64_t started_us)
{
    struct sl_store_status s;
    int64_t now_us = sl_clock_monotonic_us();
    double seconds = (double)(now_us - run->reported_us) / 1e6;
    if (seconds < REPORT_SECONDS)
        return;
    sl_store_status(run->store.store, &s);
    printf("%5.0f s: %5.2f M flows/s; waiting: %6.2f M rows in memory, %4.0f MiB of journal, "
           "%4.0f MiB to merge; %" PRIu64 " segments, %" PRIu64 " answers\n",
           bench_seconds_since(started_us),
           (double)(run->flows - run->reported_flows) / 1e6 / seconds, (double)s.rows_memory / 1e6,
           (double)s.journal_bytes / (1 << 20), (double)s.merge_backlog_bytes / (1 << 20),
           s.segment_count, atomic_load_explicit(&run->answers, memory_order_relaxed));
    (void)fflush(stdout);
    run->reported_us = now_us;
    run->reported_flows = run->flows;
}

/* All datagrams once; false when the time is up. */
static bool
send_lap(struct run *run, struct sl_decoder *decoder, int64_t started_us)
{
    struct flowgen_datagram datagram;
    int64_t now_us = sl_clock_now_us();
    flowgen_datagrams_shift(&run->datagrams, (uint32_t)((now_us - run->export_us) / SL_US_PER_S));
    run->export_us += (now_us - run->export_us) / SL_US_PER_S * SL_US_PER_S;
    for (size_t at = 0, i = 0; flowgen_datagrams_next(&run->datagrams, &at, &datagram); i++) {
        if (i % 64 == 0)
            now_us = sl_clock_now_us();
        bench_decode(decoder, &datagram, now_us);
        run->flows += datagram.flows;
        if (i % 64 == 0)
            print_state(run, started_us);
    }
    run->packets += run->datagrams.packets;
    run->bytes += run->datagrams.flow_bytes;
    return bench_seconds_since(started_us) < (double)run->seconds;
}

static void
send_all(struct run *run)
{
    struct sl_error err = {0};
    struct sl_decoder *decoder = bench_store_decoder(&run->store);
    int64_t started_us = sl_clock_monotonic_us();
    run->reported_us = started_us;
    while (send_lap(run, decoder, started_us))
        continue;
    if (sl_decoder_flush(decoder, &err) != SL_OK)
        bench_die("decode", &err);
    sl_decoder_destroy(decoder);
}

static void
print_result(struct run *run, double received, double wall, double cpu, double decode_cpu)
{
    struct sl_store_status s;
    double flows = (double)run->flows;
    sl_store_status(run->store.store, &s);
    printf("%" PRIu64 " flows: %.2f M flows/s received, %.2f M flows/s until sealed and durable "
           "(%.1f s), %.3f us CPU a flow%s, %.3f of it to decode and append\n",
           run->flows, flows / received / 1e6, flows / wall / 1e6, wall, cpu * 1e6 / flows,
           run->answers == 0 ? "" : " with the queries", decode_cpu * 1e6 / flows);
    printf("bytes a flow: %.1f stored; written: %.1f journal, %.1f seal, %.1f merge; %" PRIu64
           " seals, %" PRIu64 " merges\n",
           (double)s.segment_bytes / flows, (double)s.bytes_written_journal / flows,
           (double)s.bytes_written_seal / flows, (double)s.bytes_written_merge / flows, s.seals,
           s.merges);
}

static bool
measure(struct run *run, const struct sl_store_options *options, unsigned clients)
{
    struct sl_error err = {0};
    struct sl_pool *pool =
        clients == 0 ? NULL
                     : sl_pool_create("client", clients, SL_NICENESS_QUERY); /* as a server's */
    bench_store_open(&run->store, options);
    double cpu = bench_cpu_seconds();
    int64_t started_us = sl_clock_monotonic_us();
    for (unsigned i = 0; i < clients; i++)
        sl_pool_submit(pool, client_main, run);
    if (clients != 0)
        sl_thread_set_niceness(SL_NICENESS_INGEST); /* as a server's decoder */
    int64_t decode_us = sl_clock_thread_cpu_us();
    send_all(run);
    decode_us = sl_clock_thread_cpu_us() - decode_us;
    double received = bench_seconds_since(started_us);
    atomic_store_explicit(&run->is_over, true, memory_order_relaxed);
    sl_pool_destroy(pool);
    if (sl_store_flush(run->store.store, &err) != SL_OK)
        bench_die("flush", &err);
    double wall = bench_seconds_since(started_us);
    print_result(run, received, wall, bench_cpu_seconds() - cpu, (double)decode_us / 1e6);
    bool is_right = bench_check_sums(&run->store, run->flows, run->packets, run->bytes);
    bench_store_close(&run->store);
    return is_right;
}

int
main(int argc, char **argv)
{
    struct flowgen_options options = flowgen_options_default();
    struct sl_store_options store_options = sl_store_options_default();
    struct run run = {.store.threads = 2, .seconds = 60};
    uint64_t flows = 3000000;
    int version = 9;
    unsigned clients = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--dir") == 0)
            store_options.directory = value;
        else if (strcmp(argv[i], "--seconds") == 0)
            run.seconds = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--flows") == 0)
            flows = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            options.seed = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--version") == 0)
            version = value[0] == '5' ? 5 : 9;
        else if (strcmp(argv[i], "--threads") == 0)
            run.store.threads = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--clients") == 0)
            clients = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--merge") == 0)
            store_options.is_merge_off = strcmp(value, "off") == 0;
    }
    if (argc % 2 == 0 || flows == 0 || store_options.directory == NULL || run.store.threads == 0 ||
        run.seconds == 0 || clients > CLIENTS_MAX) {
        fprintf(stderr, "usage: bench_sustain --dir NEW_DIR [--seconds N] [--flows N] [--seed N] "
                        "[--version 5|9] [--threads N] [--clients N] [--merge on|off]\n");
        return 2;
    }
    /* The flows' own clock runs about as fast as they will be sent. */
    options.flows_per_second = 2000000;
    run.datagrams = flowgen_datagrams_create(&options, flows, version);
    run.export_us = options.start_us;
    printf("%" PRIu64 " synthetic flows in %" PRIu64 " NetFlow v%d datagrams, again and again\n",
           run.datagrams.flows, run.datagrams.count, version);
    bool is_right = measure(&run, &store_options, clients);
    flowgen_datagrams_destroy(&run.datagrams);
    return is_right ? 0 : 1;
}
