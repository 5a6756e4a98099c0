/*
 * mysql.c - see mysql.h.
 */
#include "client/mysql/mysql.h"

#include "client/mysql/session.h"
#include "storage/base/clock.h"

enum {
    MYSQL_MAGIC = 0x4d59534c,
    CONNECTIONS_MAX = 1000,
    INPUT_BYTES_MAX = 256 << 20,
    ROWS_BYTES_MAX = 1 << 30,
    STOP_US = 3 * SL_US_PER_S, /* for clients to hear why; then they are cut off */
};

struct sl_mysql {
    uint32_t magic;
    struct sl_mysql_options options;
    struct sl_loop *loop;         /* owned */
    struct sl_acceptor *acceptor; /* owned; NULL once it stops */
    struct sl_timer *patience;    /* owned; NULL until it stops */
    struct sl_session_list sessions;
};

struct sl_mysql_options
sl_mysql_options_default(void)
{
    return (struct sl_mysql_options){.connections_max = CONNECTIONS_MAX,
                                     .input_bytes_max = INPUT_BYTES_MAX,
                                     .rows_bytes_max = ROWS_BYTES_MAX,
                                     .stall_us = SL_US_PER_MINUTE};
}

static void
on_accept(void *context, struct sl_tcp *tcp, const struct sl_endpoint *peer)
{
    struct sl_mysql *mysql = context;
    SL_ASSERT(mysql->magic == MYSQL_MAGIC);
    sl_session_start(&mysql->sessions, tcp, peer);
}

static void
stop_loop(void *context)
{
    struct sl_mysql *mysql = context;
    SL_ASSERT(mysql->magic == MYSQL_MAGIC);
    sl_loop_stop(mysql->loop);
}

sl_status
sl_mysql_create(const struct sl_mysql_options *options, struct sl_mysql **out_mysql,
                struct sl_error *err)
{
    struct sl_mysql *mysql = sl_new(sizeof(*mysql));
    *out_mysql = NULL;
    mysql->magic = MYSQL_MAGIC;
    mysql->options = *options;
    mysql->loop = sl_loop_create();
    mysql->sessions.options = &mysql->options;
    mysql->sessions.loop = mysql->loop;
    mysql->sessions.input_budget.limit_bytes = options->input_bytes_max;
    mysql->sessions.rows_budget.limit_bytes = options->rows_bytes_max;
    mysql->sessions.started_us = sl_clock_monotonic_us();
    mysql->sessions.on_empty = stop_loop;
    mysql->sessions.context = mysql;
    sl_status st =
        sl_acceptor_open(mysql->loop, &options->listen, on_accept, mysql, &mysql->acceptor, err);
    if (st != SL_OK) {
        sl_mysql_destroy(mysql);
        return st;
    }
    *out_mysql = mysql;
    return SL_OK;
}

struct sl_endpoint
sl_mysql_endpoint(const struct sl_mysql *mysql)
{
    return sl_acceptor_endpoint(mysql->acceptor);
}

struct sl_loop *
sl_mysql_loop(struct sl_mysql *mysql)
{
    return mysql->loop;
}

void
sl_mysql_run(struct sl_mysql *mysql)
{
    SL_ASSERT(mysql->magic == MYSQL_MAGIC);
    sl_loop_run(mysql->loop);
    sl_timer_close(mysql->patience);
    mysql->patience = NULL;
    sl_session_close_all(&mysql->sessions);
    if (mysql->options.leave != NULL)
        mysql->options.leave(mysql->options.join_context);
}

static void
stop(void *context)
{
    struct sl_mysql *mysql = context;
    SL_ASSERT(mysql->magic == MYSQL_MAGIC);
    if (mysql->sessions.is_stopping)
        return;
    sl_acceptor_close(mysql->acceptor);
    mysql->acceptor = NULL;
    mysql->patience = sl_timer_open(mysql->loop, STOP_US, 0, stop_loop, mysql);
    sl_session_stop_all(&mysql->sessions);
}

void
sl_mysql_stop(struct sl_mysql *mysql)
{
    SL_ASSERT(mysql->magic == MYSQL_MAGIC);
    sl_loop_post(mysql->loop, stop, mysql);
}

void
sl_mysql_destroy(struct sl_mysql *mysql)
{
    if (mysql == NULL)
        return;
    SL_ASSERT(mysql->magic == MYSQL_MAGIC);
    sl_timer_close(mysql->patience);
    sl_acceptor_close(mysql->acceptor);
    sl_session_close_all(&mysql->sessions);
    sl_loop_destroy(mysql->loop);
    sl_retire(&mysql->magic);
    free(mysql);
}
