/*
 * ask.c - statements on standard input, answers and times on standard output, over one connection.
 *
 *   ask HOST:PORT
 *
 * A line is a word, a blank and a statement. "time" fetches every row and throws it away, "answer"
 * also prints them. Per statement:
 *
 *   row TAB value TAB value ...      (answer only) NULL is \N; tabs, newlines and backslashes of a
 *                                    text are written \t \n \\
 *   ok MICROSECONDS ROWS             from the statement's sending to its last row's arrival
 *   error TEXT                       instead of ok
 *
 * For programs that compare sluice with others: each question costs what it costs inside one open
 * connection. Status 0 at the end of the input, 1 when the server cannot be reached.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/sluice.h"
#include "storage/base/clock.h"

static void
put_value(const char *text)
{
    if (text == NULL) {
        fputs("\\N", stdout);
        return;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\t')
            fputs("\\t", stdout);
        else if (*c == '\n')
            fputs("\\n", stdout);
        else if (*c == '\\')
            fputs("\\\\", stdout);
        else
            (void)putchar(*c);
    }
}

static void
put_row(struct sluice_result *result)
{
    fputs("row", stdout);
    for (unsigned i = 0; i < sluice_result_column_count(result); i++) {
        (void)putchar('\t');
        put_value(sluice_result_text(result, i));
    }
    (void)putchar('\n');
}

static void
ask(struct sluice *db, const char *sql, bool is_printed)
{
    struct sluice_error error = {0};
    uint64_t rows = 0;
    int64_t started_us = sl_clock_monotonic_us();
    struct sluice_result *result = sluice_query(db, sql, &error);
    while (result != NULL && sluice_result_next(result, &error)) {
        rows++;
        if (is_printed)
            put_row(result);
    }
    int64_t us = sl_clock_monotonic_us() - started_us;
    bool is_complete = result != NULL && error.status == 0;
    if (result != NULL)
        sluice_result_close(result);
    if (is_complete)
        printf("ok %" PRId64 " %" PRIu64 "\n", us, rows);
    else
        printf("error %s\n", error.text);
    (void)fflush(stdout);
}

int
main(int argc, char **argv)
{
    struct sluice_error error;
    char *line = NULL;
    size_t line_bytes = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: ask HOST:PORT\n");
        return 2;
    }
    struct sluice *db = sluice_connect(argv[1], &error);
    if (db == NULL) {
        fprintf(stderr, "ask: %s\n", error.text);
        return 1;
    }
    while (getline(&line, &line_bytes, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "time ", 5) == 0)
            ask(db, line + 5, false);
        else if (strncmp(line, "answer ", 7) == 0)
            ask(db, line + 7, true);
        else
            printf("error neither time nor answer\n");
        (void)fflush(stdout);
    }
    free(line);
    sluice_close(db);
    return 0;
}
