/*
 * cli.c - `sluice`, the command line.
 *
 *   sluice [--connect HOST:PORT] query 'SQL' [--format table|csv|tsv|json|vertical] [--explain]
 *   sluice [--connect HOST:PORT] import FILE... [--type TYPE] [--exporter ADDR] [--strict]
 *                                               [--again] [--no-progress]
 *   sluice [--connect HOST:PORT] flush [--merge]
 *   sluice [--connect HOST:PORT] status
 *   sluice [--connect HOST:PORT] user add NAME --role ROLE | remove NAME | password NAME | list
 *   sluice check DIR
 *   sluice [--connect HOST:PORT]                  the interactive shell
 *
 * Exit status 0 only on success; an error is one line on standard error.
 */
#include "client/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "client/channel.h"
#include "client/import.h"
#include "server/auth/user_file.h"
#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/log.h"
#include "storage/store.h"

volatile sig_atomic_t sl_cli_interrupted;

static const char usage_text[] =
    "usage: sluice [--connect HOST:PORT] COMMAND\n"
    "\n"
    "  query 'SQL'      run a statement and print its rows\n"
    "    --format F     table (default on a terminal), csv, tsv, json, vertical\n"
    "    --explain      show how it would run instead\n"
    "  import FILE...   store flows from files and directories; - is standard input\n"
    "    --type T       auto (default), nprobe, csv, json, netflow (pcap with export packets)\n"
    "    --exporter A   address of the exporter, for rows that do not name theirs\n"
    "    --strict       stop at the first bad line\n"
    "    --again        import content that was imported before once more\n"
    "    --no-progress  no progress bar\n"
    "  flush            seal everything that is in memory, return when it is on disk\n"
    "    --merge        then merge small segments until nothing is due\n"
    "  status           one screen about the server\n"
    "  user add NAME --role reader|writer|admin\n"
    "                   a user; the password is asked for, or is a line of standard input\n"
    "  user remove NAME, user password NAME, user list\n"
    "  check DIR        prove every byte of a data directory that no server has open\n"
    "  (no command)     an interactive shell\n"
    "\n"
    "  --connect HOST:PORT   where sluiced listens (default 127.0.0.1:7010)\n"
    "  --user NAME           who you are (default: SLUICE_USER, else USER)\n"
    "  --password-file FILE  its first line is the password (default: SLUICE_PASSWORD)\n"
    "  --tls                 TLS; an authority of the system's vouches for the server\n"
    "  --tls-ca FILE         TLS; an authority in FILE does (PEM), or it is the certificate "
    "itself\n"
    "                        (default: SLUICE_TLS, \"system\" or a file)\n"
    "  --help, --version\n";

/* One line on standard error. Stories quote files and peers: nothing in them drives a terminal. */
static void
print_story(const char *what, const char *story)
{
    fprintf(stderr, "sluice: %s", what);
    for (; *story != '\0'; story++)
        (void)fputc((unsigned char)*story < ' ' || *story == 0x7f ? '?' : *story, stderr);
    (void)fputc('\n', stderr);
}

int
sl_cli_complain(const struct sl_error *err)
{
    print_story("", err->text);
    return 1;
}

int
sl_cli_misuse(const char *what, const char *detail)
{
    fprintf(stderr, "sluice: %s%s; see sluice --help\n", what, detail);
    return 2;
}

/* What was printed has left, or it is said why not. The exit status of the program. */
static int
finish_output(void)
{
    struct sl_error err = {0};
    if (fflush(stdout) == 0)
        return 0;
    (void)sl_fail_errno(&err, "the output cannot be written");
    return sl_cli_complain(&err);
}

static void
on_interrupt(int signal_number)
{
    (void)signal_number;
    if (sl_cli_interrupted != 0)
        _exit(130); /* the second one: the server does not answer */
    sl_cli_interrupted = 1;
}

sl_status
sl_cli_connect(struct sl_cli *cli, struct sl_error *err)
{
    if (cli->connection != NULL)
        return SL_OK;
    if (cli->credentials.user == NULL)
        SL_TRY(
            sl_credentials_find(cli->user, cli->password_file, cli->trust, &cli->credentials, err));
    sl_status st = sl_connection_open(cli->address, &cli->credentials, &cli->connection, err);
    if (st == SL_DENIED && cli->credentials.password == NULL && isatty(STDIN_FILENO)) {
        SL_TRY(sl_password_read(stdin, "Password: ", &cli->credentials.password, err));
        st = sl_connection_open(cli->address, &cli->credentials, &cli->connection, err);
    }
    SL_TRY(st);
    sl_connection_watch(cli->connection, &sl_cli_interrupted);
    return SL_OK;
}

static void
show_query_progress(void *context, const struct sl_wire_progress *progress)
{
    bool *was_shown = context;
    if (progress->elapsed_us < SL_US_PER_S || progress->rows_total == 0)
        return;
    *was_shown = true;
    fprintf(stderr, "\r%.0f %% of %" PRIu64 " rows, %.1f s ",
            100.0 * (double)progress->rows_done / (double)progress->rows_total,
            progress->rows_total, (double)progress->elapsed_us / SL_US_PER_S);
    (void)fflush(stderr);
}

sl_status
sl_cli_run(struct sl_cli *cli, const char *text, size_t text_bytes, enum sl_print_format format,
           FILE *file, char *out_summary, size_t summary_bytes, struct sl_error *err)
{
    struct sl_result *result = NULL;
    struct sl_result_options options = {0};
    bool was_shown = false;
    uint64_t rows = 0;
    uint32_t column_count = 0;
    if (isatty(STDERR_FILENO)) {
        options.progress = show_query_progress;
        options.context = &was_shown;
    }
    SL_TRY(sl_cli_connect(cli, err));
    int64_t started_us = sl_clock_monotonic_us();
    SL_TRY(sl_result_start(cli->connection, text, text_bytes, &options, &result, err));
    (void)sl_result_columns(result, &column_count);
    sl_status st = sl_print_result(result, format, file, &rows, err);
    if (was_shown)
        fprintf(stderr, "\r\033[K");
    double seconds = (double)(sl_clock_monotonic_us() - started_us) / SL_US_PER_S;
    if (out_summary != NULL && column_count != 0)
        (void)snprintf(out_summary, summary_bytes, "%" PRIu64 " row%s in %.3f s", rows,
                       rows == 1 ? "" : "s", seconds);
    else if (out_summary != NULL)
        (void)snprintf(out_summary, summary_bytes, "%" PRIu64 " rows changed in %.3f s",
                       sl_result_done(result)->affected_rows, seconds);
    sl_result_close(result);
    return st;
}

static int
run_query(struct sl_cli *cli, int argc, char **argv)
{
    struct sl_error err = {0};
    const char *text = NULL;
    bool is_explain = false;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--explain") == 0)
            is_explain = true;
        else if (strcmp(argv[i], "--format") == 0 && i + 1 < argc) {
            if (!sl_print_format_parse(argv[++i], &cli->format))
                return sl_cli_misuse("no such format: ", argv[i]);
            cli->has_format = true;
        } else if (strcmp(argv[i], "--format") == 0)
            return sl_cli_misuse("there is no value behind ", argv[i]);
        else if (strncmp(argv[i], "--", 2) == 0 && strncmp(argv[i], "-- ", 3) != 0)
            return sl_cli_misuse("query does not know ", argv[i]);
        else if (text != NULL)
            return sl_cli_misuse("query takes one statement; quote it", "");
        else
            text = argv[i];
    }
    if (text == NULL || text[strspn(text, " \t\r\n;")] == '\0')
        return sl_cli_misuse("query needs a statement", "");
    if (!cli->has_format)
        cli->format = isatty(STDOUT_FILENO) ? SL_PRINT_TABLE : SL_PRINT_TSV;
    struct sl_buf statement = sl_buf_empty(SL_SQL_TEXT_BYTES_MAX);
    if (is_explain)
        sl_buf_text(&statement, "EXPLAIN ");
    sl_buf_text(&statement, text);
    sl_status st =
        sl_fail(&err, SL_LIMIT, "the statement is longer than %d bytes", SL_SQL_TEXT_BYTES_MAX);
    if (!statement.bad)
        st = sl_cli_run(cli, (const char *)statement.bytes, statement.size_bytes, cli->format,
                        stdout, NULL, 0, &err);
    sl_buf_fini(&statement);
    return st == SL_OK ? 0 : sl_cli_complain(&err);
}

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
        print_story("rejected ", t->reasons[i].text);
    if (t->rows_rejected > t->reason_count)
        fprintf(stderr, "sluice: and %" PRIu64 " more rejected rows\n",
                t->rows_rejected - t->reason_count);
}

/* The files that failed, or the first of many. */
static void
print_failures(const struct sl_import_totals *t)
{
    for (uint64_t i = 0; i < t->files_failed && i < SL_IMPORT_FAILURES_MAX; i++)
        print_story("", t->failures[i]);
    if (t->files > 1 && t->files_failed != 0)
        fprintf(stderr, "sluice: %" PRIu64 " of %" PRIu64 " files could not be imported\n",
                t->files_failed, t->files);
}

static int
run_import(struct sl_cli *cli, int argc, char **argv)
{
    struct sl_error err = {0};
    struct sl_import_totals totals = {0};
    struct sl_import_options options = {.shows_progress = isatty(STDERR_FILENO) != 0,
                                        .interrupted = &sl_cli_interrupted};
    int file_count = 0;
    sl_status st = SL_OK;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--strict") == 0)
            options.is_strict = true;
        else if (strcmp(argv[i], "--again") == 0)
            options.is_again = true;
        else if (strcmp(argv[i], "--no-progress") == 0)
            options.shows_progress = false;
        else if (strcmp(argv[i], "--exporter") == 0 && i + 1 < argc)
            options.exporter = argv[++i];
        else if (strcmp(argv[i], "--type") == 0 && i + 1 < argc) {
            if (strcmp(argv[++i], "pcap") == 0)
                return sl_cli_misuse(
                    "this build makes no flows out of packets (--type pcap); captures of "
                    "NetFlow or IPFIX are --type netflow",
                    "");
            if (!sl_import_type_parse(argv[i], &options.type))
                return sl_cli_misuse("no such type of import: ", argv[i]);
        } else if (strcmp(argv[i], "--type") == 0 || strcmp(argv[i], "--exporter") == 0)
            return sl_cli_misuse("there is no value behind ", argv[i]);
        else if (strncmp(argv[i], "--", 2) == 0)
            return sl_cli_misuse("import does not know ", argv[i]);
        else
            argv[file_count++] = argv[i];
    }
    struct sl_addr exporter;
    if (options.exporter != NULL &&
        !sl_addr_parse(options.exporter, strlen(options.exporter), &exporter))
        return sl_cli_misuse("--exporter takes an address, not ", options.exporter);
    if (file_count == 0)
        return sl_cli_misuse("import needs a file", "");
    if (sl_cli_connect(cli, &err) != SL_OK)
        return sl_cli_complain(&err);
    sl_memory_keep();
    sl_log_set_level(SL_LOG_ERROR);             /* the decoder logs; here the summary tells */
    sl_connection_watch(cli->connection, NULL); /* Ctrl-C ends the import, between two batches */
    for (int i = 0; i < file_count && st == SL_OK; i++)
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

static int
run_flush(struct sl_cli *cli, int argc, char **argv)
{
    struct sl_error err = {0};
    struct sl_wire_frame frame;
    uint32_t flags = 0;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--merge") != 0)
            return sl_cli_misuse("flush does not know ", argv[i]);
        flags = SL_WIRE_FLUSH_MERGE;
    }
    sl_status st = sl_cli_connect(cli, &err);
    if (st == SL_OK) {
        sl_wire_flush_encode(sl_connection_out(cli->connection), sl_connection_tag(cli->connection),
                             flags);
        st = sl_connection_send(cli->connection, &err);
    }
    if (st == SL_OK)
        st = sl_connection_expect(cli->connection, SL_WIRE_DONE, &frame, &err);
    return st == SL_OK ? 0 : sl_cli_complain(&err);
}

static int
run_status(struct sl_cli *cli, int argc, char **argv)
{
    struct sl_error err = {0};
    struct sl_wire_frame frame;
    if (argc != 0)
        return sl_cli_misuse("status does not know ", argv[0]);
    sl_status st = sl_cli_connect(cli, &err);
    if (st == SL_OK) {
        sl_wire_empty_encode(sl_connection_out(cli->connection), SL_WIRE_STATUS,
                             sl_connection_tag(cli->connection));
        st = sl_connection_send(cli->connection, &err);
    }
    if (st == SL_OK)
        st = sl_connection_expect(cli->connection, SL_WIRE_STATUS_TEXT, &frame, &err);
    if (st != SL_OK)
        return sl_cli_complain(&err);
    (void)fwrite(frame.payload, 1, frame.payload_bytes, stdout);
    return finish_output();
}

/* What was damaged, so that each advice is given once. */
struct findings {
    bool has[SL_CHECK_PART_COUNT];
};

static void
print_finding(void *context, enum sl_check_part part, const char *finding)
{
    struct findings *findings = context;
    findings->has[part] = true;
    print_story("", finding);
}

/* The file of users, which a server without users has not. */
static sl_status
check_users(const char *directory, uint64_t *damaged, struct sl_error *err)
{
    struct sl_user_list list = {0};
    struct sl_error why = {0};
    int dir_fd = -1;
    SL_TRY(sl_dir_open(AT_FDCWD, directory, &dir_fd, err));
    sl_status st = sl_user_file_read(dir_fd, &list, &why);
    sl_user_list_drop(&list);
    sl_file_close(dir_fd);
    if (st == SL_OK || st == SL_MISSING)
        return SL_OK;
    fprintf(stderr,
            "sluice: users: %s\n"
            "sluice: put the file of users back from a backup: sluiced does not start "
            "without it\n",
            why.text);
    *damaged += 1;
    return SL_OK;
}

static int
run_check(int argc, char **argv)
{
    struct sl_error err = {0};
    uint64_t damaged = 0;
    struct findings findings = {0};
    if (argc != 1)
        return sl_cli_misuse("check takes one data directory", "");
    sl_status st = sl_store_check(argv[0], print_finding, &findings, &damaged, &err);
    for (enum sl_check_part part = 0; part < SL_CHECK_PART_COUNT; part++)
        if (findings.has[part])
            print_story("", sl_check_advice(part));
    if (st != SL_OK || check_users(argv[0], &damaged, &err) != SL_OK)
        return sl_cli_complain(&err);
    if (damaged != 0) {
        fprintf(stderr, "sluice: %" PRIu64 " damaged place%s in %s\n", damaged,
                damaged == 1 ? "" : "s", argv[0]);
        return 1;
    }
    printf("%s: every byte is as it was written\n", argv[0]);
    return finish_output();
}

static int
run_command(struct sl_cli *cli, int argc, char **argv)
{
    if (argc == 0)
        return sl_shell_run(cli);
    if (strcmp(argv[0], "query") == 0)
        return run_query(cli, argc - 1, argv + 1);
    if (strcmp(argv[0], "import") == 0)
        return run_import(cli, argc - 1, argv + 1);
    if (strcmp(argv[0], "flush") == 0)
        return run_flush(cli, argc - 1, argv + 1);
    if (strcmp(argv[0], "status") == 0)
        return run_status(cli, argc - 1, argv + 1);
    if (strcmp(argv[0], "user") == 0)
        return sl_user_run(cli, argc - 1, argv + 1);
    if (strcmp(argv[0], "check") == 0)
        return run_check(argc - 1, argv + 1);
    return sl_cli_misuse("no such command: ", argv[0]);
}

/* The option before the command at argv[at], "--key value" or "--key=value"; the words it takes,
 * 0 when it is none of ours, -1 when its value is missing. */
static int
take_option(struct sl_cli *cli, int argc, char **argv, int at)
{
    const struct {
        const char *name;
        const char **value;
    } options[] = {
        {"--connect", &cli->address},
        {"--user", &cli->user},
        {"--password-file", &cli->password_file},
        {"--tls-ca", &cli->trust},
    };
    if (strcmp(argv[at], "--tls") == 0) {
        cli->trust = cli->trust == NULL ? SL_CHANNEL_SYSTEM : cli->trust;
        return 1;
    }
    for (size_t i = 0; i < SL_COUNTOF(options); i++) {
        size_t bytes = strlen(options[i].name);
        if (strncmp(argv[at], options[i].name, bytes) != 0)
            continue;
        if (argv[at][bytes] == '=') {
            *options[i].value = &argv[at][bytes + 1];
            return 1;
        }
        if (argv[at][bytes] != '\0')
            continue;
        if (at + 1 == argc)
            return -1;
        *options[i].value = argv[at + 1];
        return 2;
    }
    return 0;
}

int
main(int argc, char **argv)
{
    sl_file_reserve_standard();
    (void)setlocale(LC_CTYPE, ""); /* tables and the shell show what the terminal can */
    struct sl_cli cli = {0};
    struct sigaction on_int = {.sa_handler = on_interrupt}; /* without SA_RESTART: waits end */
    (void)sigaction(SIGINT, &on_int, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    int at = 1;
    while (at < argc && argv[at][0] == '-') {
        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
            (void)fputs(usage_text, stdout);
            return finish_output();
        }
        if (strcmp(argv[at], "--version") == 0) {
            printf("sluice %s\n", SLUICE_VERSION);
            return finish_output();
        }
        int words = take_option(&cli, argc, argv, at);
        if (words <= 0)
            return sl_cli_misuse(words == 0 ? "unknown option " : "there is no value behind ",
                                 argv[at]);
        at += words;
    }
    int status = run_command(&cli, argc - at, argv + at);
    sl_connection_close(cli.connection);
    sl_credentials_fini(&cli.credentials);
    return status;
}
