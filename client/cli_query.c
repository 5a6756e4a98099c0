/*
 * cli_query.c - `sluice query`: one statement, its rows on standard output.
 */
#include <stdio.h>
#include <unistd.h>

#include "client/cli.h"

int
sl_cli_query(struct sl_cli *cli, int argc, char **argv)
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
