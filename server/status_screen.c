/*
 * status_screen.c - see status_screen.h.
 */
#include "server/status_screen.h"

#include <fcntl.h>
#include <stdio.h>

#include "ingest/ingest.h"
#include "server/registry.h"
#include "server/stats.h"
#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/store.h"

enum { NUMBER_BYTES = 32, RATE_SECONDS = 10 };

/* "12.3 GiB". */
static const char *
size_text(uint64_t bytes, char text[NUMBER_BYTES])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    unsigned unit = 0;
    for (; value >= 1024 && unit + 1 < SL_COUNTOF(units); unit++)
        value /= 1024;
    (void)snprintf(text, NUMBER_BYTES, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text;
}

static void
put_head(const struct sl_service *service, struct sl_buf *out)
{
    char since[SL_TIME_TEXT_BYTES];
    int64_t now_us = sl_clock_now_us();
    uint64_t up_s = (uint64_t)(now_us - service->stats->started_us) / SL_US_PER_S;
    (void)sl_time_format(service->stats->started_us / SL_US_PER_S * SL_US_PER_S, since);
    sl_buf_printf(out,
                  "sluiced %s   up %" PRIu64 "d %02" PRIu64 ":%02" PRIu64 ":%02" PRIu64
                  " since %s   data %s\n",
                  SL_SERVER_VERSION, up_s / 86400, up_s / 3600 % 24, up_s / 60 % 60, up_s % 60,
                  since, service->data_directory);
}

struct doors {
    struct sl_buf *out;
    uint64_t kernel_drops;
};

static void
put_door(void *context, const char *origin, const struct sl_source_counts *counts)
{
    struct doors *doors = context;
    doors->kernel_drops += counts->kernel_drops;
    sl_buf_printf(doors->out,
                  "  %-28s %" PRIu64 " datagrams, %" PRIu64 " dropped by the kernel, %" PRIu64
                  " refused\n",
                  origin, counts->datagrams, counts->kernel_drops, counts->refused);
}

struct losses {
    uint64_t lost, malformed, unknown, pending_lost, restarts;
    uint64_t times_outside;
};

static void
add_exporter(void *context, const struct sl_exporter_info *exporter)
{
    struct losses *losses = context;
    losses->lost += exporter->counts.lost;
    losses->malformed += exporter->counts.malformed;
    losses->unknown += exporter->counts.unknown;
    losses->pending_lost += exporter->counts.pending_lost;
    losses->restarts += exporter->counts.restarts;
    losses->times_outside += exporter->counts.times_outside;
}

static void
put_ingest(const struct sl_service *service, struct sl_buf *out)
{
    const struct sl_stats *stats = service->stats;
    struct sl_decoder_counts counts = {0};
    struct losses losses = {0};
    struct doors doors = {.out = out};
    const struct sl_exporter_visitor visitor = {.exporter = add_exporter, .context = &losses};
    sl_ingest_counts(service->ingest, &counts);
    sl_ingest_visit(service->ingest, &visitor);

    sl_buf_printf(out,
                  "\ningest      %.0f flows/s from listeners, %.0f flows/s from clients (%ds)\n",
                  sl_stats_rate(stats, SL_COUNTER_LISTEN_ROWS, RATE_SECONDS),
                  sl_stats_rate(stats, SL_COUNTER_INSERT_ROWS, RATE_SECONDS), (int)RATE_SECONDS);
    sl_buf_printf(out,
                  "  total     %" PRIu64 " flows from listeners, %" PRIu64
                  " flows from clients, %" PRIu64 " lost here\n",
                  sl_stats_value(stats, SL_COUNTER_LISTEN_ROWS),
                  sl_stats_value(stats, SL_COUNTER_INSERT_ROWS),
                  sl_stats_value(stats, SL_COUNTER_LISTEN_ROWS_LOST));
    sl_ingest_sources(service->ingest, put_door, &doors);
    sl_buf_printf(out,
                  "  exporters %" PRIu64 "   sequence gaps held %" PRIu64 "   malformed %" PRIu64
                  "   waiting for templates %" PRIu64 ", given up %" PRIu64
                  "   clocks outside %" PRIu64 "\n",
                  counts.exporters, losses.lost, losses.malformed + counts.malformed,
                  losses.unknown, losses.pending_lost, losses.times_outside);
}

static void
put_storage(const struct sl_service *service, struct sl_buf *out)
{
    struct sl_store_status s = {0};
    char a[NUMBER_BYTES], b[NUMBER_BYTES], c[NUMBER_BYTES], d[NUMBER_BYTES];
    char first[SL_TIME_TEXT_BYTES] = "-";
    char last[SL_TIME_TEXT_BYTES] = "-";
    sl_store_status(service->store, &s);

    sl_buf_printf(out,
                  "\nstorage     %" PRIu64 " flows: %" PRIu64 " sealed, %" PRIu64
                  " in memory, %" PRIu64 " deleted\n",
                  s.rows_sealed + s.rows_memory, s.rows_sealed, s.rows_memory, s.rows_dead);
    if (s.rows_sealed != 0) {
        (void)sl_time_format(s.time_min_us, first);
        (void)sl_time_format(s.time_max_us, last);
    }
    sl_buf_printf(out, "  time      %s to %s\n", first, last);
    sl_buf_printf(out, "  segments  %" PRIu64 " in %s (indexes %s)   %.2f bytes per flow sealed\n",
                  s.segment_count, size_text(s.segment_bytes, a), size_text(s.index_bytes, b),
                  s.rows_sealed == 0 ? 0.0 : (double)s.segment_bytes / (double)s.rows_sealed);

    uint64_t useful = s.bytes_written_seal;
    uint64_t written = s.bytes_written_journal + s.bytes_written_seal + s.bytes_written_merge;
    sl_buf_printf(out, "  written   journal %s, seal %s, merge %s   write amplification %.2f\n",
                  size_text(s.bytes_written_journal, a), size_text(s.bytes_written_seal, b),
                  size_text(s.bytes_written_merge, c),
                  useful == 0 ? 0.0 : (double)written / (double)useful);
    sl_buf_printf(out,
                  "  work      %" PRIu64 " seals, %" PRIu64 " merges, backlog %s   dropped by "
                  "retention %" PRIu64 " flows\n",
                  s.seals, s.merges, size_text(s.merge_backlog_bytes, a), s.rows_dropped_retention);

    uint64_t free_bytes = 0;
    uint64_t total_bytes = 0;
    int fd = -1;
    struct sl_error err = {0};
    if (sl_dir_open(AT_FDCWD, service->data_directory, &fd, &err) != SL_OK ||
        sl_dir_space(fd, &free_bytes, &total_bytes, &err) != SL_OK)
        sl_buf_printf(out, "  disk      %s\n", err.text);
    else
        sl_buf_printf(out, "  disk      %s used (journal %s, catalog %s), %s free of %s\n",
                      size_text(s.segment_bytes + s.journal_bytes + s.catalog_bytes, a),
                      size_text(s.journal_bytes, b), size_text(s.catalog_bytes, c),
                      size_text(free_bytes, d), size_text(total_bytes, (char[NUMBER_BYTES]){0}));
    sl_file_close(fd);
    if (s.is_readonly)
        sl_buf_printf(out, "  TROUBLE   the store takes no flows: %s\n", s.trouble);
    else if (s.trouble[0] != '\0')
        sl_buf_printf(out, "  TROUBLE   %s\n", s.trouble);
}

/* The begin of a statement in one line: it is a peer's, and this is somebody else's terminal. */
static void
put_statement(const char *text, struct sl_buf *out)
{
    enum { SHOWN_BYTES = 100 };
    size_t bytes = strnlen(text, SHOWN_BYTES + 1);
    if (bytes > SHOWN_BYTES)
        for (bytes = SHOWN_BYTES; bytes > 0 && ((unsigned char)text[bytes] & 0xc0) == 0x80;)
            bytes--; /* whole characters of UTF-8 */
    for (size_t i = 0; i < bytes; i++)
        sl_buf_u8(out, (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : (uint8_t)text[i]);
    sl_buf_u8(out, '\n');
}

struct running {
    struct sl_buf *out;
    unsigned shown;
};

static sl_status
put_running(void *context, const struct sl_entry_info *info, struct sl_error *err)
{
    struct running *running = context;
    (void)err;
    if (info->started_us == 0 || running->shown == 10)
        return SL_OK;
    running->shown++;
    int64_t run_us = sl_clock_now_us() - info->started_us;
    sl_buf_printf(running->out, "  %6" PRIu64 "  %-8s %8.1fs  ", info->connection_id, info->what,
                  (double)run_us / SL_US_PER_S);
    put_statement(info->text, running->out);
    return SL_OK;
}

static void
put_queries(const struct sl_service *service, struct sl_buf *out)
{
    const struct sl_stats *stats = service->stats;
    uint64_t count = sl_stats_value(stats, SL_COUNTER_STATEMENTS);
    uint64_t us = sl_stats_value(stats, SL_COUNTER_STATEMENT_US);
    sl_buf_printf(out,
                  "\nqueries     %" PRIu64 " run, %" PRIu64 " failed, %" PRIu64
                  " cancelled, mean %.1f ms, %.1f/s now   connections %" PRIu64 "\n",
                  count, sl_stats_value(stats, SL_COUNTER_STATEMENTS_FAILED),
                  sl_stats_value(stats, SL_COUNTER_STATEMENTS_CANCELLED),
                  count == 0 ? 0.0 : (double)us / (double)count / 1000,
                  sl_stats_rate(stats, SL_COUNTER_STATEMENTS, RATE_SECONDS),
                  sl_stats_value(stats, SL_COUNTER_CONNECTIONS_OPENED) -
                      sl_stats_value(stats, SL_COUNTER_CONNECTIONS_CLOSED));
    struct running running = {.out = out};
    struct sl_error err = {0};
    if (sl_registry_walk(service->registry, put_running, &running, &err) != SL_OK)
        sl_buf_printf(out, "  %s\n", err.text);
}

void
sl_status_screen(const struct sl_service *service, struct sl_buf *out)
{
    put_head(service, out);
    put_ingest(service, out);
    put_storage(service, out);
    put_queries(service, out);
}
