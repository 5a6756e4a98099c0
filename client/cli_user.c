/*
 * cli_user.c - `sluice user`: who may come in.
 *
 * Passwords do not leave this process: what the server gets is what it judges them by.
 */
#include <stdio.h>
#include <unistd.h>

#include "client/cli.h"
#include "server/auth/scheme.h"
#include "server/auth/user_file.h"

/* Standard input; twice on a terminal. */
static sl_status
read_new_password(char **out_password, struct sl_error *err)
{
    char *again = NULL;
    SL_TRY(sl_password_read(stdin, "New password: ", out_password, err));
    if (!isatty(STDIN_FILENO))
        return SL_OK;
    sl_status st = sl_password_read(stdin, "The same again: ", &again, err);
    if (st == SL_OK && strcmp(*out_password, again) != 0)
        st = sl_fail(err, SL_FORMAT, "the two passwords differ");
    sl_password_fini(again);
    return st;
}

static sl_status
send_user(struct sl_cli *cli, const struct sl_wire_user *user, struct sl_error *err)
{
    struct sl_wire_frame frame;
    bool is_list = user->verb == SL_WIRE_USER_LIST;
    sl_wire_user_encode(sl_connection_out(cli->connection), sl_connection_tag(cli->connection),
                        user);
    SL_TRY(sl_connection_send(cli->connection, err));
    SL_TRY(sl_connection_expect(cli->connection, is_list ? SL_WIRE_STATUS_TEXT : SL_WIRE_DONE,
                                &frame, err));
    if (is_list)
        sl_cli_show(frame.payload, frame.payload_bytes);
    return fflush(stdout) == 0 ? SL_OK : sl_fail_errno(err, "standard output");
}

/* ADD and PASSWORD: the connection is opened first, so that its password is asked for first. */
static sl_status
send_with_password(struct sl_cli *cli, const struct sl_wire_user *asked, struct sl_error *err)
{
    struct sl_wire_user user = *asked;
    struct sl_verifier verifier;
    uint8_t bytes[SL_VERIFIER_BYTES];
    char *password = NULL;
    sl_status st = read_new_password(&password, err);
    if (st == SL_OK) {
        sl_verifier_make(password, &verifier);
        sl_verifier_encode(&verifier, bytes);
        user.verifier = (struct sl_slice){.bytes = bytes, .size_bytes = sizeof(bytes)};
        st = send_user(cli, &user, err);
    }
    sl_password_fini(password);
    return st;
}

int
sl_cli_user(struct sl_cli *cli, int argc, char **argv)
{
    struct sl_error err = {0};
    struct sl_wire_user user = {.verb = SL_WIRE_USER_LIST, .name = "", .role = ""};
    const char *verb = argc == 0 ? "" : argv[0];
    bool is_add = argc == 2 && strcmp(verb, "add") == 0 && cli->role != NULL;
    if (is_add) {
        user.verb = SL_WIRE_USER_ADD;
        user.role = cli->role;
    } else if (cli->role != NULL) {
        return sl_cli_misuse("--role is for user add NAME", "");
    } else if (argc == 1 && strcmp(verb, "list") == 0) {
        user.verb = SL_WIRE_USER_LIST;
    } else if (argc == 2 && strcmp(verb, "remove") == 0) {
        user.verb = SL_WIRE_USER_REMOVE;
    } else if (argc == 2 && strcmp(verb, "password") == 0) {
        user.verb = SL_WIRE_USER_PASSWORD;
    } else {
        return sl_cli_misuse("user takes add NAME --role ROLE, remove NAME, password NAME or list",
                             "");
    }
    enum sl_role role;
    if (user.verb == SL_WIRE_USER_ADD && !sl_role_parse(user.role, &role))
        return sl_cli_misuse("a role is reader, writer or admin, not ", user.role);
    if (user.verb != SL_WIRE_USER_LIST)
        user.name = argv[1];
    bool has_password = user.verb == SL_WIRE_USER_ADD || user.verb == SL_WIRE_USER_PASSWORD;
    sl_status st = sl_cli_connect(cli, &err);
    if (st == SL_OK && has_password)
        st = send_with_password(cli, &user, &err);
    else if (st == SL_OK)
        st = send_user(cli, &user, &err);
    return st == SL_OK ? 0 : sl_cli_complain(&err);
}
