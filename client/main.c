/*
 * main.c - `sluice`, the command line: its options, and which command they are for.
 *
 * Exit status 0 only on success; an error is one line on standard error.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "client/channel.h"
#include "client/cli.h"
#include "client/options.h"
#include "storage/base/file.h"

static const char usage_text[] =
    "usage: sluice [OPTION]... COMMAND [OPTION]...\n"
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
    "  (no command)     an interactive shell; statements of a file or pipe, each ended by ;\n"
    "\n"
    "  --connect HOST:PORT   where sluiced listens (default 127.0.0.1:7010)\n"
    "  --user NAME           who you are (default: SLUICE_USER, else USER)\n"
    "  --password-file FILE  its first line is the password (default: SLUICE_PASSWORD)\n"
    "  --tls                 TLS; an authority of the system's vouches for the server\n"
    "  --tls-ca FILE         TLS; an authority in FILE does (PEM), or it is the certificate "
    "itself\n"
    "                        (default: SLUICE_TLS, \"system\" or a file)\n"
    "  --help, --version\n";

static void
on_interrupt(int signal_number)
{
    (void)signal_number;
    if (sl_cli_interrupted != 0)
        _exit(130); /* the second one: the server does not answer */
    sl_cli_interrupted = 1;
}

/* No command at all is the shell. */
static int
run_command(struct sl_cli *cli, int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(struct sl_cli *cli, int argc, char **argv);
    } commands[] = {
        {"query", sl_cli_query},   {"import", sl_cli_import}, {"flush", sl_cli_flush},
        {"status", sl_cli_status}, {"user", sl_cli_user},     {"check", sl_cli_check},
    };
    if (argc == 0)
        return sl_shell_run(cli);
    for (size_t i = 0; i < SL_COUNTOF(commands); i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(cli, argc - 1, argv + 1);
    return sl_cli_misuse("no such command: ", argv[0]);
}

int
main(int argc, char **argv)
{
    struct sl_cli cli = {0};
    struct sl_error err = {0};
    bool wants_help = false, wants_version = false;
    const struct sl_option options[] = {
        {"--connect", NULL, &cli.address, NULL},
        {"--user", NULL, &cli.user, NULL},
        {"--password-file", NULL, &cli.password_file, NULL},
        {"--tls", NULL, NULL, &cli.has_tls},
        {"--tls-ca", NULL, &cli.trust, NULL},
        {"--format", "query", &cli.format, NULL},
        {"--explain", "query", NULL, &cli.is_explain},
        {"--type", "import", &cli.type, NULL},
        {"--exporter", "import", &cli.exporter, NULL},
        {"--strict", "import", NULL, &cli.is_strict},
        {"--again", "import", NULL, &cli.is_again},
        {"--no-progress", "import", NULL, &cli.hides_progress},
        {"--merge", "flush", NULL, &cli.is_merge},
        {"--role", "user", &cli.role, NULL},
        {"--help", NULL, NULL, &wants_help},
        {"-h", NULL, NULL, &wants_help},
        {"--version", NULL, NULL, &wants_version},
    };
    sl_file_reserve_standard();
    (void)setlocale(LC_CTYPE, ""); /* tables and the shell show what the terminal can */
    struct sigaction on_int = {.sa_handler = on_interrupt}; /* without SA_RESTART: waits end */
    (void)sigaction(SIGINT, &on_int, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    int words = argc == 0 ? 0 : argc - 1;
    char **word = argv + argc - words;
    if (sl_options_take(options, SL_COUNTOF(options), &words, word, &err) != SL_OK)
        return sl_cli_misuse("", err.text);
    if (wants_help || wants_version) {
        if (wants_help)
            (void)fputs(usage_text, stdout);
        else
            printf("sluice %s\n", SLUICE_VERSION);
        return sl_cli_finish();
    }
    if (cli.has_tls && cli.trust == NULL)
        cli.trust = SL_CHANNEL_SYSTEM;
    int status = run_command(&cli, words, word);
    sl_connection_close(cli.connection);
    sl_credentials_fini(&cli.credentials);
    return status;
}
