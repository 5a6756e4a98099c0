/*
 * bench_engine.c - the engine in one process: datagrams in memory to rows on disk to answers.
 *
 *   bench_engine --dir NEW_DIR [--flows N] [--seed N] [--version 5|9] [--threads N]
 *
 * 1. generate: export datagrams of 8 exporters into memory (not timed)
 * 2. ingest:   decode, journal, memtable; sealing and merging run beside it, as in the server.
 *              Ends when everything is sealed and durable. Wall time and CPU of the process.
 * 3. check:    COUNT and SUMs of the stored rows equal those of the generated flows
 * 4. size:     every byte of the data directory, a flow and by column
 * 5. queries:  the standard questions, warm: median of 5
 *
 * All flows are synthetic (bench/README.md). A wrong sum ends the run with status 1.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/bench_store.h"
#include "storage/base/clock.h"

static double
peak_mib(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static void
ingest(struct bench_store *b, const struct flowgen_datagrams *d)
{
    struct sl_error err = {0};
    struct sl_decoder *decoder = bench_store_decoder(b);
    struct flowgen_datagram datagram;
    for (size_t at = 0; flowgen_datagrams_next(d, &at, &datagram);)
        bench_decode(decoder, &datagram, sl_clock_now_us());
    if (sl_decoder_flush(decoder, &err) != SL_OK)
        bench_die("decode", &err);
    sl_decoder_destroy(decoder);
}

static uint64_t
directory_bytes(const char *path)
{
    uint64_t total = 0;
    DIR *dir = opendir(path);
    for (struct dirent *e = dir == NULL ? NULL : readdir(dir); e != NULL; e = readdir(dir)) {
        char below[SL_PATH_BYTES_MAX];
        struct stat info;
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
        if (stat(below, &info) != 0)
            continue;
        /* What a sparse file occupies, not how long it says it is (LMDB's map). */
        total += S_ISDIR(info.st_mode) ? directory_bytes(below) : (uint64_t)info.st_blocks * 512;
    }
    if (dir != NULL)
        (void)closedir(dir);
    return total;
}

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void
questions(struct bench_store *b)
{
    static const struct {
        const char *name;
        const char *sql;
    } list[] = {
        {"count", "SELECT COUNT(*) FROM flows"},
        {"sum bytes", "SELECT SUM(bytes), SUM(packets) FROM flows"},
        {"top sources",
         "SELECT src_addr, SUM(bytes) AS b FROM flows GROUP BY src_addr ORDER BY b DESC LIMIT 10"},
        {"top destinations",
         "SELECT dst_addr, SUM(bytes) AS b FROM flows GROUP BY dst_addr ORDER BY b DESC LIMIT 10"},
        {"top ports",
         "SELECT dst_port, SUM(bytes) AS b FROM flows GROUP BY dst_port ORDER BY b DESC LIMIT 10"},
        {"top pairs", "SELECT src_addr, dst_addr, SUM(bytes) AS b FROM flows GROUP BY src_addr, "
                      "dst_addr ORDER BY b DESC LIMIT 10"},
        {"per minute", "SELECT time_bucket(last_seen, 60) AS t, SUM(bytes) FROM flows GROUP BY t "
                       "ORDER BY t"},
        {"by interface", "SELECT exporter_addr, input_if, output_if, SUM(bytes) FROM flows GROUP "
                         "BY exporter_addr, input_if, output_if ORDER BY 4 DESC LIMIT 20"},
        {"by AS",
         "SELECT src_as, SUM(bytes) AS b FROM flows GROUP BY src_as ORDER BY b DESC LIMIT 10"},
        {"needle, busy host", "SELECT COUNT(*), SUM(bytes) FROM flows WHERE host = 10.10.6.153"},
        {"needle, absent host", "SELECT COUNT(*) FROM flows WHERE host = 203.0.113.77"},
        {"port filter", "SELECT COUNT(*), SUM(bytes) FROM flows WHERE dst_port = 3389"},
        {"subnet filter", "SELECT COUNT(*), SUM(bytes) FROM flows WHERE dst_addr IN 10.10.3.0/24"},
        {"newest 100", "SELECT * FROM flows ORDER BY last_seen DESC LIMIT 100"},
        {"scan detection",
         "SELECT src_addr, COUNT(DISTINCT dst_addr) AS n FROM flows WHERE "
         "tcp_flags = 2 GROUP BY src_addr HAVING n > 100 ORDER BY n DESC LIMIT 10"},
        {"distinct sources", "SELECT COUNT(DISTINCT src_addr) FROM flows"},
    };
    char text[512];
    printf("%-20s %10s %10s\n", "question", "median ms", "min ms");
    for (size_t i = 0; i < SL_COUNTOF(list); i++) {
        double seconds[5];
        for (unsigned round = 0; round < 5; round++)
            seconds[round] = bench_ask(b, list[i].sql, text, sizeof(text));
        qsort(seconds, 5, sizeof(double), compare_doubles);
        printf("%-20s %10.2f %10.2f   %.60s\n", list[i].name, seconds[2] * 1e3, seconds[0] * 1e3,
               text);
    }
}

static void
print_column(void *context, const char *column, uint64_t data_bytes, uint64_t index_bytes)
{
    double flows = *(const double *)context;
    if (data_bytes + index_bytes != 0)
        printf("  %-20s %8.3f %8.3f\n", column, (double)data_bytes / flows,
               (double)index_bytes / flows);
}

static void
sizes(struct bench_store *b, const char *dir, uint64_t flows)
{
    struct sl_error err = {0};
    struct sl_store_status status;
    double count = (double)flows;
    sl_store_status(b->store, &status);
    printf("size: %.3f bytes a flow in the directory; segments %.3f (indexes %.3f of it), "
           "journal %.3f, catalog %.3f; %" PRIu64 " segments\n",
           (double)directory_bytes(dir) / count, (double)status.segment_bytes / count,
           (double)status.index_bytes / count, (double)status.journal_bytes / count,
           (double)status.catalog_bytes / count, status.segment_count);
    printf("  %-20s %8s %8s\n", "bytes a flow", "data", "index");
    if (sl_store_column_bytes(b->store, print_column, &count, &err) != SL_OK)
        bench_die("sizes", &err);
}

int
main(int argc, char **argv)
{
    struct flowgen_options options = flowgen_options_default();
    struct bench_store b = {.threads = 2};
    struct sl_error err = {0};
    uint64_t flows = 10000000;
    int version = 9;
    const char *dir = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--flows") == 0)
            flows = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            options.seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--dir") == 0)
            dir = argv[i + 1];
        else if (strcmp(argv[i], "--version") == 0)
            version = argv[i + 1][0] == '5' ? 5 : 9;
        else if (strcmp(argv[i], "--threads") == 0)
            b.threads = (unsigned)strtoul(argv[i + 1], NULL, 10);
    }
    if (argc % 2 == 0 || flows == 0 || dir == NULL || b.threads == 0) {
        fprintf(stderr, "usage: bench_engine --dir NEW_DIR [--flows N] [--seed N] [--version 5|9] "
                        "[--threads N]\n");
        return 2;
    }
    options.flows_per_second = 20000;
    struct flowgen_datagrams d = flowgen_datagrams_create(&options, flows, version);
    printf("%" PRIu64 " synthetic flows in %" PRIu64 " NetFlow v%d datagrams, %.1f bytes a flow\n",
           d.flows, d.count, version, (double)d.bytes.size_bytes / (double)d.flows);
    double base_mib = peak_mib();

    /* Data is as old as the generator says: it must not be filed by the time of receipt. */
    sl_clock_set_us(options.start_us + SL_US_PER_HOUR);
    struct sl_store_options store_options = sl_store_options_default();
    store_options.directory = dir;
    bench_store_open(&b, &store_options);
    double cpu = bench_cpu_seconds();
    int64_t started_us = sl_clock_monotonic_us();
    ingest(&b, &d);
    double received = bench_seconds_since(started_us);
    if (sl_store_flush(b.store, &err) != SL_OK)
        bench_die("flush", &err);
    double wall = bench_seconds_since(started_us);
    cpu = bench_cpu_seconds() - cpu;
    printf("ingest: %.2f M flows/s until sealed and durable (%.2f s; %.2f s until received), "
           "%.3f us CPU a flow, peak memory %.0f MiB above the datagrams\n",
           (double)d.flows / wall / 1e6, wall, received, cpu * 1e6 / (double)d.flows,
           peak_mib() - base_mib);
    bool is_right = bench_check_sums(&b, d.flows, d.packets, d.flow_bytes);
    sizes(&b, dir, d.flows);
    started_us = sl_clock_monotonic_us();
    cpu = bench_cpu_seconds();
    if (sl_store_merge_all(b.store, &err) != SL_OK)
        bench_die("merge", &err);
    printf("merge: %.2f s, %.3f us CPU a flow\n", bench_seconds_since(started_us),
           (bench_cpu_seconds() - cpu) * 1e6 / (double)d.flows);
    sizes(&b, dir, d.flows);
    is_right = bench_check_sums(&b, d.flows, d.packets, d.flow_bytes) && is_right;
    questions(&b);
    bench_store_close(&b);
    flowgen_datagrams_destroy(&d);
    return is_right ? 0 : 1;
}
