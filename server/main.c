/*
 * main.c - sluiced: arguments, exit codes, and nothing else.
 *
 * Exit status: 0 after an orderly stop, 1 when the server could not start (one line says why) or
 * was stopped at once by a second signal.
 */
#include <signal.h>
#include <stdio.h>

#include "server/config.h"
#include "server/server.h"
#include "server/service.h"
#include "storage/base/log.h"

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

static int
serve(const struct sl_config *config)
{
    struct sl_server *server = NULL;
    struct sl_error err = {0};
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that is gone is a status, not the end */
    if (sl_server_open(config, &server, &err) != SL_OK) {
        fprintf(stderr, "sluiced: %s\n", err.text);
        return 1;
    }
    sl_server_run(server);
    sl_server_close(server);
    sl_log(SL_LOG_INFO, "server", "stopped");
    return 0;
}

int
main(int argc, char **argv)
{
    struct sl_config *config = sl_config_create();
    enum sl_config_wish wish = SL_WISH_RUN;
    struct sl_error err = {0};
    int code = 1;

    if (sl_config_arguments(config, argc, (const char *const *)argv, &wish, &err) != SL_OK)
        fprintf(stderr, "sluiced: %s\n", err.text);
    else if (wish == SL_WISH_HELP)
        code = print_help();
    else if (wish == SL_WISH_VERSION)
        code = printf("sluiced %s\n", SL_SERVER_VERSION) < 0;
    else
        code = serve(config);
    sl_config_destroy(config);
    return code;
}
