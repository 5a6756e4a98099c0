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
    enum sl_print_format format = isatty(STDOUT_FILENO) ? SL_PRINT_TABLE : SL_PRINT_TSV;
    if (cli->format != NULL && !sl_print_format_parse(cli->format, &format))
        return sl_cli_misuse("no such format: ", cli->format);
    if (argc > 1)
        return sl_cli_misuse("query takes one statement; quote it", "");
    const char *text = argc == 0 ? "" : argv[0];
    if (text[strspn(text, " \t\r\n;")] == '\0')
        return sl_cli_misuse("query needs a statement", "");
    struct sl_buf statement = sl_buf_empty(SL_SQL_TEXT_BYTES_MAX);
    if (cli->is_explain)
        sl_buf_text(&statement, "EXPLAIN ");
    sl_buf_text(&statement, text);
    sl_status st =
        sl_fail(&err, SL_LIMIT, "the statement is longer than %d bytes", SL_SQL_TEXT_BYTES_MAX);
    if (!statement.bad)
        st = sl_cli_run(cli, (const char *)statement.bytes, statement.size_bytes, format, stdout,
                        NULL, 0, &err);
    sl_buf_fini(&statement);
    return st == SL_OK ? 0 : sl_cli_complain(&err);
}
