/*
 * main.c - sluiced: arguments, exit codes, and the MySQL adapter beside the server.
 *
 * The adapter is a client like any other: it has a thread and a loop of its own and speaks the native
 * protocol with the server, over pairs whose other ends are on the same loop (door.h). That it
 * runs in the same process saves a second program.
 *
 * Exit status: 0 after an orderly stop, 1 when the server could not start (one line says why) or
 * was stopped at once by a second signal.
 */
#include <signal.h>
#include <stdio.h>

#include "client/mysql/mysql.h"
#include "server/config.h"
#include "server/server.h"
#include "server/service.h"
#include "storage/base/file.h"
#include "storage/base/log.h"
#include "storage/base/thread.h"

enum { HELP_BYTES_MAX = 64 << 10 };

static int
print_help(void)
{
    struct sl_buf text = sl_buf_empty(HELP_BYTES_MAX);
    sl_config_help(&text);
    size_t written = fwrite(text.bytes, 1, text.size_bytes, stdout);
    bool is_whole = written == text.size_bytes && fflush(stdout) == 0;
    sl_buf_fini(&text);
    return is_whole ? 0 : 1;
}

static struct sl_tcp *
join(void *context, const struct sl_endpoint *peer)
{
    return sl_server_join(context, peer);
}

static void
leave(void *context)
{
    sl_server_leave(context);
}

static sl_status
mysql_options(const struct sl_config *config, struct sl_server *server,
              struct sl_mysql_options *options, struct sl_error *err)
{
    const struct sl_tls_context *tls = sl_server_tls(server);
    const char *wanted = sl_config_text(config, SL_OPTION_MYSQL_LISTEN);
    *options = sl_mysql_options_default();
    SL_TRY(sl_endpoint_parse(wanted, &options->listen, err));
    bool is_safe = tls != NULL && sl_server_has_users(server);
    options->tls = tls;
    options->is_insecure = sl_config_number(config, SL_OPTION_INSECURE) != 0;
    if (!options->listen.is_loopback && !options->is_insecure && !is_safe)
        return sl_fail(err, SL_DENIED,
                       "mysql-listen = %s is not a loopback address: that needs users (sluice user "
                       "add), tls-certificate and tls-key, or --insecure, which opens it all the "
                       "same",
                       wanted);
    options->join = join;
    options->leave = leave;
    options->join_context = server;
    options->connections_max = (uint32_t)sl_config_number(config, SL_OPTION_CONNECTIONS);
    options->input_bytes_max = sl_config_number(config, SL_OPTION_INPUT_MEMORY);
    options->stall_us = (int64_t)sl_config_number(config, SL_OPTION_STALL);
    return SL_OK;
}

/* *out_mysql stays NULL when the door is off. */
static sl_status
open_mysql(const struct sl_config *config, struct sl_server *server, struct sl_mysql **out_mysql,
           struct sl_error *err)
{
    struct sl_mysql_options options;
    char text[SL_ENDPOINT_TEXT_BYTES];
    *out_mysql = NULL;
    if (sl_config_is_off(config, SL_OPTION_MYSQL_LISTEN))
        return SL_OK;
    SL_TRY(mysql_options(config, server, &options, err));
    sl_status st = sl_mysql_create(&options, out_mysql, err);
    if (st != SL_OK) {
        sl_error_prefix(err, "mysql-listen = %s", sl_config_text(config, SL_OPTION_MYSQL_LISTEN));
        return st;
    }
    sl_server_open_door(server, sl_mysql_loop(*out_mysql));
    struct sl_endpoint endpoint = sl_mysql_endpoint(*out_mysql);
    sl_endpoint_format(&endpoint, text);
    sl_log(SL_LOG_INFO, "server", "MySQL protocol on %s%s", text,
           options.tls != NULL ? ", with TLS" : "");
    if (!endpoint.is_loopback && options.is_insecure)
        sl_log(SL_LOG_WARN, "server", "--insecure: what passes %s can be read on the way", text);
    return SL_OK;
}

static void
run_mysql(void *context)
{
    sl_mysql_run(context);
}

static bool
has_door(const struct sl_config *config)
{
    static const enum sl_option doors[] = {SL_OPTION_LISTEN, SL_OPTION_MYSQL_LISTEN,
                                           SL_OPTION_NETFLOW_LISTEN, SL_OPTION_IPFIX_LISTEN};
    for (size_t i = 0; i < SL_COUNTOF(doors); i++)
        if (!sl_config_is_off(config, doors[i]))
            return true;
    return false;
}

static int
serve(const struct sl_config *config)
{
    struct sl_server *server = NULL;
    struct sl_mysql *mysql = NULL;
    struct sl_thread *thread = NULL;
    struct sl_error err = {0};
    if (!has_door(config)) {
        fprintf(stderr, "sluiced: every door is off: set listen, mysql-listen, netflow-listen or "
                        "ipfix-listen\n");
        return 1;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that is gone is a status, not the end */
    sl_file_raise_limit();
    sl_status st = sl_server_open(config, &server, &err);
    if (st == SL_OK)
        st = open_mysql(config, server, &mysql, &err);
    if (st != SL_OK) {
        fprintf(stderr, "sluiced: %s\n", err.text);
        if (st == SL_CORRUPT)
            fprintf(stderr,
                    "sluiced: \"sluice check %s\" names what is damaged and says what to do\n",
                    sl_config_text(config, SL_OPTION_DATA));
        sl_server_close(server);
        return 1;
    }
    if (mysql != NULL)
        thread = sl_thread_start("mysql", run_mysql, mysql);
    sl_server_run(server);
    if (mysql != NULL)
        sl_mysql_stop(mysql);
    sl_thread_join(thread);
    sl_mysql_destroy(mysql);
    sl_server_close(server);
    sl_log(SL_LOG_INFO, "server", "stopped");
    return 0;
}

int
main(int argc, char **argv)
{
    sl_file_reserve_standard();
    struct sl_config *config = sl_config_create();
    enum sl_config_wish wish = SL_WISH_RUN;
    struct sl_error err = {0};
    int code = 1;

    if (sl_config_arguments(config, argc, (const char *const *)argv, &wish, &err) != SL_OK)
        fprintf(stderr, "sluiced: %s\n", err.text);
    else if (wish == SL_WISH_HELP)
        code = print_help();
    else if (wish == SL_WISH_VERSION)
        code = printf("sluiced %s\n", SL_SERVER_VERSION) < 0 || fflush(stdout) != 0;
    else
        code = serve(config);
    sl_config_destroy(config);
    return code;
}
