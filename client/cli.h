/*
 * cli.h - what the subcommands of `sluice` share.
 *
 * Layer: client, internal to the program.
 */
#ifndef SLUICE_CLIENT_CLI_H
#define SLUICE_CLIENT_CLI_H

#include <signal.h>

#include "client/connection.h"
#include "client/print.h"

/* What the command line said (NULL, false: it did not), and the connection. */
struct sl_cli {
    const char *address;       /* --connect; NULL: the default */
    const char *user;          /* --user; NULL: see credentials.h */
    const char *password_file; /* --password-file */
    const char *trust;         /* of sl_channel_open: --tls-ca, --tls */
    const char *format;        /* query --format */
    const char *type;          /* import --type */
    const char *exporter;      /* import --exporter */
    const char *role;          /* user add --role */
    bool has_tls;              /* --tls */
    bool is_explain;           /* query --explain */
    bool is_strict;            /* import --strict */
    bool is_again;             /* import --again */
    bool hides_progress;       /* import --no-progress */
    bool is_merge;             /* flush --merge */
    struct sl_credentials credentials;
    struct sl_connection *connection; /* opened when first needed */
};

/* Set by SIGINT; watched by the connection. */
extern volatile sig_atomic_t sl_cli_interrupted;

/* One line on standard error. Stories quote files and peers: control characters of theirs become
 * '?', so that nothing in them drives a terminal. */
void sl_cli_tell(const char *what, const char *story);

/* The same; the exit status of the program: 1 for an error, 2 for arguments that are not
 * understood. */
int sl_cli_complain(const struct sl_error *err);
int sl_cli_misuse(const char *what, const char *detail);

/* A screen that the server made, on standard output: its lines and tabs, with the same care. */
void sl_cli_show(const uint8_t *text, size_t text_bytes);

/* What was printed has left, or it is said why not. The exit status of the program. */
SL_MUST_CHECK
int sl_cli_finish(void);

/* Open the connection if it is not. */
SL_MUST_CHECK
sl_status sl_cli_connect(struct sl_cli *cli, struct sl_error *err);

/* Run one statement and print its rows to `file`; what has no rows says how many it changed.
 * *out_summary (if not NULL) gets "N rows in 0.012 s". */
SL_MUST_CHECK
sl_status sl_cli_run(struct sl_cli *cli, const char *text, size_t text_bytes,
                     enum sl_print_format format, FILE *file, char *out_summary,
                     size_t summary_bytes, struct sl_error *err);

/* The commands, each in the file of its name (flush and status: cli_server.c), with the arguments
 * behind theirs: options are in `cli`. The exit status of the program. */
int sl_cli_query(struct sl_cli *cli, int argc, char **argv);
int sl_cli_import(struct sl_cli *cli, int argc, char **argv);
int sl_cli_flush(struct sl_cli *cli, int argc, char **argv);
int sl_cli_status(struct sl_cli *cli, int argc, char **argv);
int sl_cli_user(struct sl_cli *cli, int argc, char **argv);
int sl_cli_check(struct sl_cli *cli, int argc, char **argv);

/* The interactive shell; the exit status of the program. */
int sl_shell_run(struct sl_cli *cli);

#endif
