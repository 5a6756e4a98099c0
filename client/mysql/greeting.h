/*
 * greeting.h - who speaks to whom: greeting, login, change of user, switch of the scheme.
 *
 * Layouts, all integers little-endian:
 *
 *   greeting    0a, version\0, thread id[4], challenge[8], 00, capabilities low[2], collation[1],
 *               status[2], capabilities high[2], 15h, zero[10], challenge[12], 00, scheme\0
 *   login       capabilities[4], longest packet[4], collation[1], zero[23], user\0, token,
 *               [database\0], [scheme\0], [attributes]
 *   change      user\0, token, database\0, collation[2], [scheme\0], [attributes]
 *   switch      fe, scheme\0, challenge[20], 00
 *
 * A token has a length in front: of 1 to 9 bytes when both sides have PLUGIN_AUTH_LENENC, else
 * of 1 byte. What is in brackets is there when both sides have the capability; clients set bits
 * that were not offered, and those count for nothing.
 *
 * Layer: client/mysql, internal.
 */
#ifndef SLUICE_CLIENT_MYSQL_GREETING_H
#define SLUICE_CLIENT_MYSQL_GREETING_H

#include "client/mysql/packet.h"
#include "server/auth/scheme.h"

enum { SL_TOKEN_BYTES_MAX = 1024 /* what the native protocol passes on */ };

struct sl_greeting {
    uint32_t thread_id;
    uint32_t capabilities;    /* offered */
    const uint8_t *challenge; /* SL_CHALLENGE_BYTES, none of them zero */
    const char *scheme;
};
void sl_greeting_put(struct sl_buf *out, uint8_t *sequence, const struct sl_greeting *greeting);

struct sl_login {
    uint32_t capabilities; /* of both sides */
    uint16_t collation;
    char user[SL_MYSQL_NAME_BYTES_MAX + 1];
    char database[SL_MYSQL_NAME_BYTES_MAX + 1]; /* "" for none */
    char scheme[SL_MYSQL_NAME_BYTES_MAX + 1];   /* "" when the client does not say */
    char program[SL_MYSQL_NAME_BYTES_MAX + 1];  /* of the attributes; "" */
    uint8_t token[SL_TOKEN_BYTES_MAX];
    size_t token_bytes;
};
/* SL_FORMAT (1043): not a login of protocol 4.1. */
SL_MUST_CHECK
sl_status sl_login_decode(const uint8_t *payload, size_t payload_bytes, uint32_t offered,
                          struct sl_login *out_login, struct sl_error *err);

/* A login that breaks off behind its fixed part and asks for TLS first. */
bool sl_login_wants_tls(const uint8_t *payload, size_t payload_bytes);

/* The body of CHANGE_USER, after the command; capabilities are the connection's. */
SL_MUST_CHECK
sl_status sl_change_user_decode(const uint8_t *body, size_t body_bytes, uint32_t capabilities,
                                struct sl_login *out_login, struct sl_error *err);

void sl_switch_put(struct sl_buf *out, uint8_t *sequence, const char *scheme,
                   const uint8_t *challenge, size_t challenge_bytes);
/* caching_sha2_password: the token was right, OK follows. */
void sl_fast_ok_put(struct sl_buf *out, uint8_t *sequence);

#endif
