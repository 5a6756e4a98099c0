/*
 * login.c - see login.h.
 */
#include "server/login.h"

#include <stdio.h>

#include "storage/base/cursor.h"

enum { SALT_MESSAGE_BYTES = SL_SALT_BYTES + 4 };

static sl_status
deny(const struct sl_login *login, bool has_response, struct sl_error *err)
{
    const char *colon = strrchr(login->peer, ':');
    int host_bytes = colon == NULL ? (int)strlen(login->peer) : (int)(colon - login->peer);
    return sl_fail(err, SL_DENIED, "Access denied for user '%.80s'@'%.*s' (using password: %s)",
                   login->user, host_bytes, login->peer, has_response ? "YES" : "NO");
}

void
sl_login_init(struct sl_login *login, struct sl_users *users, const char *peer, bool is_open)
{
    *login = (struct sl_login){.users = users, .peer = peer, .is_open = is_open};
    sl_random_bytes(login->challenge, sizeof(login->challenge));
    /* MySQL's schemes end a challenge at its first zero byte: there must be none. */
    for (size_t i = 0; i < sizeof(login->challenge); i++)
        login->challenge[i] = (uint8_t)(login->challenge[i] % 127 + 1);
}

const char *
sl_login_mechanisms(const struct sl_login *login)
{
    if (sl_users_are_none(login->users))
        return SL_SCHEME_NONE " " SL_SCHEME_NATIVE " " SL_SCHEME_SHA2;
    return SL_SCHEME_SLUICE " " SL_SCHEME_NATIVE " " SL_SCHEME_SHA2;
}

static void
welcome(struct sl_login *login, uint32_t tag, enum sl_role role, struct sl_buf *out)
{
    struct sl_wire_auth_ok ok = {.user = login->user, .role = sl_role_name(role)};
    sl_wire_auth_ok_encode(out, tag, &ok);
    login->is_done = true;
}

/* sluice_sha256, the first half. */
static sl_status
ask_proof(struct sl_login *login, uint32_t tag, struct sl_slice nonce, struct sl_buf *out,
          struct sl_error *err)
{
    struct sl_exchange *exchange = &login->exchange;
    struct sl_user user;
    uint8_t message[SALT_MESSAGE_BYTES];
    if (nonce.size_bytes != SL_NONCE_BYTES)
        return deny(login, nonce.size_bytes != 0, err);
    memcpy(exchange->challenge, login->challenge, SL_CHALLENGE_BYTES);
    memcpy(exchange->nonce, nonce.bytes, SL_NONCE_BYTES);
    exchange->iterations = SL_ITERATIONS;
    if (sl_users_find(login->users, login->user, &user)) {
        memcpy(exchange->salt, user.verifier.salt, SL_SALT_BYTES);
        exchange->iterations = user.verifier.iterations;
    } else {
        sl_users_feign_salt(login->users, login->user, exchange->salt);
    }
    memcpy(message, exchange->salt, SL_SALT_BYTES);
    for (int i = 0; i < 4; i++)
        message[SL_SALT_BYTES + i] = (uint8_t)(exchange->iterations >> i * 8);
    sl_wire_auth_more_encode(out, tag, SL_SCHEME_SLUICE,
                             (struct sl_slice){.bytes = message, .size_bytes = sizeof(message)});
    login->is_waiting = true;
    return SL_OK;
}

static sl_status
take_auth(struct sl_login *login, const struct sl_wire_frame *frame, struct sl_arena *arena,
          struct sl_buf *out, struct sl_error *err)
{
    struct sl_wire_auth auth;
    struct sl_user user = {.role = SL_ROLE_ADMIN};
    if (frame->type != SL_WIRE_AUTH)
        return sl_fail(err, SL_FORMAT, "%s before AUTH", sl_wire_type_name(frame->type));
    SL_TRY(sl_wire_auth_decode(frame, arena, &auth, err));
    const struct sl_piece response = {auth.response.bytes, auth.response.size_bytes};
    (void)snprintf(login->user, sizeof(login->user), "%s", auth.user);
    bool is_right = false;
    if (sl_users_are_none(login->users)) {
        is_right = login->is_open;
    } else if (strcmp(auth.mechanism, SL_SCHEME_SLUICE) == 0) {
        return ask_proof(login, frame->tag, auth.response, out, err);
    } else if (sl_users_find(login->users, login->user, &user)) {
        is_right = (strcmp(auth.mechanism, SL_SCHEME_NATIVE) == 0 &&
                    sl_native_is_right(&user.verifier, login->challenge, response)) ||
                   (strcmp(auth.mechanism, SL_SCHEME_SHA2) == 0 &&
                    sl_sha2_is_right(&user.verifier, login->challenge, response));
        login->has_proven = is_right;
    }
    if (!is_right)
        return deny(login, response.size_bytes != 0, err);
    welcome(login, frame->tag, user.role, out);
    return SL_OK;
}

static sl_status
take_answer(struct sl_login *login, const struct sl_wire_frame *frame, struct sl_buf *out,
            struct sl_error *err)
{
    struct sl_slice response = {0};
    struct sl_user user;
    if (frame->type != SL_WIRE_AUTH_ANSWER)
        return sl_fail(err, SL_FORMAT, "%s before AUTH_ANSWER", sl_wire_type_name(frame->type));
    SL_TRY(sl_wire_auth_answer_decode(frame, &response, err));
    const struct sl_piece proof = {response.bytes, response.size_bytes};
    if (!sl_users_find(login->users, login->user, &user) ||
        !sl_proof_is_right(&user.verifier, &login->exchange, proof))
        return deny(login, proof.size_bytes != 0, err);
    login->has_proven = true;
    welcome(login, frame->tag, user.role, out);
    return SL_OK;
}

sl_status
sl_login_take(struct sl_login *login, const struct sl_wire_frame *frame, struct sl_arena *arena,
              struct sl_buf *out, struct sl_error *err)
{
    return login->is_waiting ? take_answer(login, frame, out, err)
                             : take_auth(login, frame, arena, out, err);
}

sl_status
sl_login_role(const struct sl_login *login, enum sl_role *out_role, struct sl_error *err)
{
    struct sl_user user = {.role = SL_ROLE_ADMIN};
    bool is_in = login->has_proven ? sl_users_find(login->users, login->user, &user)
                                   : sl_users_are_none(login->users) && login->is_open;
    *out_role = user.role;
    return is_in ? SL_OK : deny(login, true, err);
}
