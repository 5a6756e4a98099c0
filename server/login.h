/*
 * login.h - one peer proves who it is: AUTH, AUTH_MORE, AUTH_ANSWER, AUTH_OK.
 *
 * Schemes are those of auth/scheme.h. MySQL's are one step (AUTH, AUTH_OK); sluice_sha256 is two:
 * AUTH carries the client's nonce, AUTH_MORE the salt and the iterations (4 bytes), AUTH_ANSWER
 * the proof. A name that is not there is asked and refused in the same way as a wrong password.
 * While there are no users, "none" is the first scheme, and every response is right for peers of
 * this machine (and for all with `insecure`).
 *
 * Ownership: the connection's.
 * Threads:   the loop's.
 * Errors:    SL_DENIED (1045); SL_FORMAT: the peer broke the protocol. Both end the connection.
 * Layer:     server, internal.
 */
#ifndef SLUICE_SERVER_LOGIN_H
#define SLUICE_SERVER_LOGIN_H

#include "server/users.h"
#include "server/wire/wire.h"

struct sl_login {
    struct sl_users *users; /* borrowed */
    const char *peer;       /* borrowed: for the refusal */
    bool is_open;           /* without users, this peer is let in */
    uint8_t challenge[SL_CHALLENGE_BYTES];
    char user[SL_WIRE_NAME_BYTES_MAX + 1];
    bool is_waiting; /* AUTH_MORE is out: `exchange` has its content */
    struct sl_exchange exchange;
    bool is_done;
    bool has_proven; /* as a user that there is; else there are none */
};

/* A fresh challenge. */
void sl_login_init(struct sl_login *login, struct sl_users *users, const char *peer, bool is_open);

/* The schemes for WELCOME, the preferred one first. */
const char *sl_login_mechanisms(const struct sl_login *login);

/* AUTH or AUTH_ANSWER; the answer goes into `out`. */
SL_MUST_CHECK
sl_status sl_login_take(struct sl_login *login, const struct sl_wire_frame *frame,
                        struct sl_arena *arena, struct sl_buf *out, struct sl_error *err);

/* What the peer may do now: its user may have gone, and users may have come. SL_DENIED (1045). */
SL_MUST_CHECK
sl_status sl_login_role(const struct sl_login *login, enum sl_role *out_role, struct sl_error *err);

#endif
