/*
 * cli.c - what the commands of `sluice` share: the connection, a statement run, what is told.
 */
#include "client/cli.h"

#include <stdio.h>
#include <unistd.h>

#include "storage/base/clock.h"

volatile sig_atomic_t sl_cli_interrupted;

/* A character as a terminal may be given it. */
static int
harmless(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f ? '?' : (unsigned char)c;
}

void
sl_cli_tell(const char *what, const char *story)
{
    fprintf(stderr, "sluice: %s", what);
    for (; *story != '\0'; story++)
        (void)fputc(harmless(*story), stderr);
    (void)fputc('\n', stderr);
}

void
sl_cli_show(const uint8_t *text, size_t text_bytes)
{
    for (size_t i = 0; i < text_bytes; i++)
        (void)fputc(text[i] == '\n' || text[i] == '\t' ? text[i] : harmless((char)text[i]), stdout);
}

int
sl_cli_complain(const struct sl_error *err)
{
    sl_cli_tell("", err->text);
    return 1;
}

int
sl_cli_misuse(const char *what, const char *detail)
{
    fprintf(stderr, "sluice: %s%s; see sluice --help\n", what, detail);
    return 2;
}

int
sl_cli_finish(void)
{
    struct sl_error err = {0};
    if (fflush(stdout) == 0)
        return 0;
    (void)sl_fail_errno(&err, "the output cannot be written");
    return sl_cli_complain(&err);
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
