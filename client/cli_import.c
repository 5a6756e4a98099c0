/*
 * cli_import.c - `sluice import`: files into the server, and what became of them in a few lines.
 */
#include <stdio.h>
#include <unistd.h>

#include "client/cli.h"
#include "client/import.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"

static void
print_totals(const struct sl_import_totals *t)
{
    double seconds = (double)t->elapsed_us / SL_US_PER_S;
    printf("%" PRIu64 " rows read, %" PRIu64 " stored, %" PRIu64 " rejected, %.2f s, %.0f rows/s\n",
           t->rows_read, t->rows_stored, t->rows_rejected, seconds,
           seconds <= 0 ? 0 : (double)t->rows_read / seconds);
    if (t->files_known != 0)
        printf("%" PRIu64 " of %" PRIu64
               " files were imported before (--again imports them once more)\n",
               t->files_known, t->files);
    (void)fflush(stdout);
    for (unsigned i = 0; i < t->reason_count; i++)
        sl_cli_tell("rejected ", t->reasons[i].text);
    if (t->rows_rejected > t->reason_count)
        fprintf(stderr, "sluice: and %" PRIu64 " more rejected rows\n",
                t->rows_rejected - t->reason_count);
}

/* The files that failed, or the first of many. */
static void
print_failures(const struct sl_import_totals *t)
{
    for (uint64_t i = 0; i < t->files_failed && i < SL_IMPORT_FAILURES_MAX; i++)
        sl_cli_tell("", t->failures[i]);
    if (t->files > 1 && t->files_failed != 0)
        fprintf(stderr, "sluice: %" PRIu64 " of %" PRIu64 " files could not be imported\n",
                t->files_failed, t->files);
}

/* False, and said, when the command line has a value that is none. */
static bool
read_options(const struct sl_cli *cli, struct sl_import_options *out_options)
{
    struct sl_addr exporter;
    *out_options = (struct sl_import_options){
        .exporter = cli->exporter,
        .is_strict = cli->is_strict,
        .is_again = cli->is_again,
        .shows_progress = !cli->hides_progress && isatty(STDERR_FILENO) != 0,
        .interrupted = &sl_cli_interrupted,
    };
    if (cli->type != NULL && strcmp(cli->type, "pcap") == 0)
        return sl_cli_misuse("this build makes no flows out of packets (--type pcap); captures of "
                             "NetFlow or IPFIX are --type netflow",
                             "") == 0;
    if (cli->type != NULL && !sl_import_type_parse(cli->type, &out_options->type))
        return sl_cli_misuse("no such type of import: ", cli->type) == 0;
    if (cli->exporter != NULL && !sl_addr_parse(cli->exporter, strlen(cli->exporter), &exporter))
        return sl_cli_misuse("--exporter takes an address, not ", cli->exporter) == 0;
    return true;
}

int
sl_cli_import(struct sl_cli *cli, int argc, char **argv)
{
    struct sl_error err = {0};
    struct sl_import_totals totals = {0};
    struct sl_import_options options;
    sl_status st = SL_OK;
    if (!read_options(cli, &options))
        return 2;
    if (argc == 0)
        return sl_cli_misuse("import needs a file", "");
    if (sl_cli_connect(cli, &err) != SL_OK)
        return sl_cli_complain(&err);
    sl_memory_keep();
    sl_log_set_level(SL_LOG_ERROR);             /* the decoder logs; here the summary tells */
    sl_connection_watch(cli->connection, NULL); /* Ctrl-C ends the import, between two batches */
    for (int i = 0; i < argc && st == SL_OK; i++)
        st = sl_import_path(cli->connection, argv[i], &options, &totals, &err);
    if (options.shows_progress)
        fprintf(stderr, "\r\033[K");
    if (totals.rows_read != 0 || (st == SL_OK && totals.files > totals.files_failed))
        print_totals(&totals);
    print_failures(&totals);
    if (st != SL_OK)
        return sl_cli_complain(&err);
    if (totals.files_failed != 0)
        return 1;
    if (totals.rows_read != 0 && totals.rows_rejected == totals.rows_read) {
        fprintf(stderr, "sluice: every row was rejected\n");
        return 1;
    }
    return 0;
}
