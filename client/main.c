/*
 * main.c - `sluice`, the command line: its options, and which command they are for.
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
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "client/channel.h"
#include "client/cli.h"
#include "storage/base/file.h"

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

static void
on_interrupt(int signal_number)
{
    (void)signal_number;
    if (sl_cli_interrupted != 0)
        _exit(130); /* the second one: the server does not answer */
    sl_cli_interrupted = 1;
}

static int
run_command(struct sl_cli *cli, int argc, char **argv)
{
    if (argc == 0)
        return sl_shell_run(cli);
    if (strcmp(argv[0], "query") == 0)
        return sl_cli_query(cli, argc - 1, argv + 1);
    if (strcmp(argv[0], "import") == 0)
        return sl_cli_import(cli, argc - 1, argv + 1);
    if (strcmp(argv[0], "flush") == 0)
        return sl_cli_flush(cli, argc - 1, argv + 1);
    if (strcmp(argv[0], "status") == 0)
        return sl_cli_status(cli, argc - 1, argv + 1);
    if (strcmp(argv[0], "user") == 0)
        return sl_cli_user(cli, argc - 1, argv + 1);
    if (strcmp(argv[0], "check") == 0)
        return sl_cli_check(argc - 1, argv + 1);
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
            return sl_cli_finish();
        }
        if (strcmp(argv[at], "--version") == 0) {
            printf("sluice %s\n", SLUICE_VERSION);
            return sl_cli_finish();
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
