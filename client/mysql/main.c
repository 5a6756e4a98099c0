/*
 * main.c - sluice-mysql: the adapter as a program of its own; arguments and exit codes.
 *
 * Exit status: 0 after an orderly stop, 1 when it could not start (one line says why), 2 for
 * arguments that it does not understand.
 */
#include <signal.h>
#include <stdio.h>

#include "client/mysql/mysql.h"
#include "client/options.h"
#include "storage/base/file.h"
#include "storage/base/log.h"

enum { CONNECTIONS_LARGEST = 100000 };

static const char help[] =
    "usage: sluice-mysql [--connect HOST:PORT] [--listen HOST:PORT] [--connections N]\n"
    "                    [--tls-certificate FILE --tls-key FILE] [--insecure]\n"
    "\n"
    "Speaks the MySQL protocol to clients and the native protocol to a sluiced.\n"
    "\n"
    "  --connect HOST:PORT  the server (127.0.0.1:7010)\n"
    "  --listen HOST:PORT   where clients come in; port 0 picks a free one (127.0.0.1:3307)\n"
    "  --connections N      clients at once (1000)\n"
    "  --tls-certificate FILE, --tls-key FILE\n"
    "                       PEM; TLS is offered, and clients of other machines need it\n"
    "  --insecure           listen on other addresses than loopback without TLS and users\n"
    "  --help, --version\n";

/* What the command line said; NULL: nothing. */
struct wish {
    const char *connect;
    const char *listen;
    const char *connections;
    const char *certificate;
    const char *key;
    bool is_insecure;
};

static sl_status
options_of(const struct wish *wish, struct sl_mysql_options *options, struct sl_error *err)
{
    *options = sl_mysql_options_default();
    const char *connect = wish->connect != NULL ? wish->connect : "127.0.0.1:7010";
    const char *listen = wish->listen != NULL ? wish->listen : "127.0.0.1:3307";
    SL_TRY(sl_endpoint_parse(connect, &options->connect, err));
    SL_TRY(sl_endpoint_parse(listen, &options->listen, err));
    if ((wish->certificate == NULL) != (wish->key == NULL))
        return sl_fail(err, SL_FORMAT, "--tls-certificate and --tls-key need each other");
    options->is_insecure = wish->is_insecure;
    if (!options->listen.is_loopback && !wish->is_insecure && wish->certificate == NULL)
        return sl_fail(err, SL_DENIED,
                       "--listen %s is not a loopback address: that needs --tls-certificate and "
                       "--tls-key, or --insecure, which opens it all the same",
                       listen);
    if (wish->connections == NULL)
        return SL_OK;
    char *end = NULL;
    unsigned long count = strtoul(wish->connections, &end, 10);
    if (*end != '\0' || count == 0 || count > CONNECTIONS_LARGEST)
        return sl_fail(err, SL_FORMAT, "--connections %s is not a number from 1 to %d",
                       wish->connections, (int)CONNECTIONS_LARGEST);
    options->connections_max = (uint32_t)count;
    return SL_OK;
}

static void
on_signal(void *context)
{
    sl_mysql_stop(context);
}

static int
serve(const struct wish *wish)
{
    struct sl_mysql_options options;
    struct sl_mysql *mysql = NULL;
    struct sl_tls_context *tls = NULL;
    struct sl_error err = {0};
    char listen[SL_ENDPOINT_TEXT_BYTES];
    char connect[SL_ENDPOINT_TEXT_BYTES];
    (void)signal(SIGPIPE, SIG_IGN); /* a client that is gone is a status, not the end */
    sl_file_raise_limit();
    sl_status st = options_of(wish, &options, &err);
    if (st == SL_OK && wish->certificate != NULL)
        st = sl_tls_context_open(wish->certificate, wish->key, &tls, &err);
    options.tls = tls;
    if (st == SL_OK)
        st = sl_mysql_create(&options, &mysql, &err);
    if (st != SL_OK) {
        fprintf(stderr, "sluice-mysql: %s\n", err.text);
        sl_tls_context_close(tls);
        return 1;
    }
    struct sl_endpoint endpoint = sl_mysql_endpoint(mysql);
    sl_endpoint_format(&endpoint, listen);
    sl_endpoint_format(&options.connect, connect);
    sl_log(SL_LOG_INFO, "mysql", "listening on %s for sluiced at %s", listen, connect);
    struct sl_signal *signals[] = {
        sl_signal_open(sl_mysql_loop(mysql), SIGTERM, on_signal, mysql),
        sl_signal_open(sl_mysql_loop(mysql), SIGINT, on_signal, mysql),
    };
    sl_mysql_run(mysql);
    for (size_t i = 0; i < SL_COUNTOF(signals); i++)
        sl_signal_close(signals[i]);
    sl_mysql_destroy(mysql);
    sl_tls_context_close(tls);
    sl_log(SL_LOG_INFO, "mysql", "stopped");
    return 0;
}

int
main(int argc, char **argv)
{
    struct wish wish = {0};
    struct sl_error err = {0};
    bool wants_help = false, wants_version = false;
    const struct sl_option options[] = {
        {"--connect", NULL, &wish.connect, NULL},
        {"--listen", NULL, &wish.listen, NULL},
        {"--connections", NULL, &wish.connections, NULL},
        {"--tls-certificate", NULL, &wish.certificate, NULL},
        {"--tls-key", NULL, &wish.key, NULL},
        {"--insecure", NULL, NULL, &wish.is_insecure},
        {"--help", NULL, NULL, &wants_help},
        {"--version", NULL, NULL, &wants_version},
    };
    sl_file_reserve_standard();
    int words = argc == 0 ? 0 : argc - 1;
    char **word = argv + argc - words;
    sl_status st = sl_options_take(options, SL_COUNTOF(options), &words, word, &err);
    if (st == SL_OK && words != 0)
        st = sl_fail(&err, SL_FORMAT, "unexpected argument %.100s", word[0]);
    if (st != SL_OK) {
        fprintf(stderr, "sluice-mysql: %s; see sluice-mysql --help\n", err.text);
        return 2;
    }
    if (wants_help)
        (void)fputs(help, stdout);
    else if (wants_version)
        printf("sluice-mysql %s\n", SLUICE_VERSION);
    if (wants_help || wants_version)
        return fflush(stdout) != 0;
    return serve(&wish);
}
