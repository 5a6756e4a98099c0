/*
 * cli_server.c - `sluice flush` and `sluice status`: what is asked of the server as a whole.
 */
#include <stdio.h>

#include "client/cli.h"

int
sl_cli_flush(struct sl_cli *cli, int argc, char **argv)
{
    struct sl_error err = {0};
    struct sl_wire_frame frame;
    if (argc != 0)
        return sl_cli_misuse("flush does not know ", argv[0]);
    sl_status st = sl_cli_connect(cli, &err);
    if (st == SL_OK) {
        sl_wire_flush_encode(sl_connection_out(cli->connection), sl_connection_tag(cli->connection),
                             cli->is_merge ? SL_WIRE_FLUSH_MERGE : 0);
        st = sl_connection_send(cli->connection, &err);
    }
    if (st == SL_OK)
        st = sl_connection_expect(cli->connection, SL_WIRE_DONE, &frame, &err);
    return st == SL_OK ? 0 : sl_cli_complain(&err);
}

int
sl_cli_status(struct sl_cli *cli, int argc, char **argv)
{
    struct sl_error err = {0};
    struct sl_wire_frame frame;
    if (argc != 0)
        return sl_cli_misuse("status does not know ", argv[0]);
    sl_status st = sl_cli_connect(cli, &err);
    if (st == SL_OK) {
        sl_wire_empty_encode(sl_connection_out(cli->connection), SL_WIRE_STATUS,
                             sl_connection_tag(cli->connection));
        st = sl_connection_send(cli->connection, &err);
    }
    if (st == SL_OK)
        st = sl_connection_expect(cli->connection, SL_WIRE_STATUS_TEXT, &frame, &err);
    if (st != SL_OK)
        return sl_cli_complain(&err);
    sl_cli_show(frame.payload, frame.payload_bytes);
    return sl_cli_finish();
}
