/*
 * greeting.c - see greeting.h.
 */
#include "client/mysql/greeting.h"

enum {
    CHALLENGE_FIRST_BYTES = 8,
    GREETING_RESERVED_BYTES = 10,
    LOGIN_RESERVED_BYTES = 23,
    LOGIN_FIXED_BYTES = 32,
    SWITCH_HEADER = 0xfe,
    AUTH_MORE_HEADER = 0x01,
    SHA2_FAST_OK = 0x03,
};

void
sl_greeting_put(struct sl_buf *out, uint8_t *sequence, const struct sl_greeting *greeting)
{
    size_t start = sl_packet_begin(out);
    sl_buf_u8(out, SL_MYSQL_PROTOCOL_VERSION);
    sl_buf_append(out, SL_MYSQL_SERVER_VERSION, sizeof(SL_MYSQL_SERVER_VERSION));
    sl_buf_u32le(out, greeting->thread_id);
    sl_buf_append(out, greeting->challenge, CHALLENGE_FIRST_BYTES);
    sl_buf_u8(out, 0);
    sl_buf_u16le(out, (uint16_t)greeting->capabilities);
    sl_buf_u8(out, SL_COLLATION_UTF8MB4);
    sl_buf_u16le(out, SL_STATUS_AUTOCOMMIT);
    sl_buf_u16le(out, (uint16_t)(greeting->capabilities >> 16));
    sl_buf_u8(out, SL_CHALLENGE_BYTES + 1);
    for (int i = 0; i < GREETING_RESERVED_BYTES; i++)
        sl_buf_u8(out, 0);
    sl_buf_append(out, greeting->challenge + CHALLENGE_FIRST_BYTES,
                  SL_CHALLENGE_BYTES - CHALLENGE_FIRST_BYTES);
    sl_buf_u8(out, 0);
    sl_buf_append(out, greeting->scheme, strlen(greeting->scheme) + 1);
    sl_packet_end(out, start, sequence);
}

/* ---- what clients send ---- */

/* Names go on as C strings: longer ones, and ones with a zero inside, are refused. */
static void
copy_name(struct sl_cursor *c, const uint8_t *bytes, size_t size_bytes,
          char name[SL_MYSQL_NAME_BYTES_MAX + 1])
{
    if (bytes == NULL || size_bytes > SL_MYSQL_NAME_BYTES_MAX ||
        memchr(bytes, '\0', size_bytes) != NULL) {
        c->bad = true;
        return;
    }
    memcpy(name, bytes, size_bytes);
    name[size_bytes] = '\0';
}

static void
take_name(struct sl_cursor *c, char name[SL_MYSQL_NAME_BYTES_MAX + 1])
{
    size_t size_bytes = 0;
    const uint8_t *bytes = sl_zero_take(c, &size_bytes);
    copy_name(c, bytes, size_bytes, name);
}

/* Some clients leave out the zero byte of what ends their packet. */
static void
take_last_name(struct sl_cursor *c, char name[SL_MYSQL_NAME_BYTES_MAX + 1])
{
    size_t left_bytes = sl_cursor_left(c);
    if (left_bytes == 0 || memchr(c->next, '\0', left_bytes) != NULL) {
        if (left_bytes != 0)
            take_name(c, name);
        return;
    }
    copy_name(c, sl_cursor_take(c, left_bytes), left_bytes, name);
}

static void
take_token(struct sl_cursor *c, bool is_lenenc, struct sl_login *login)
{
    uint64_t size_bytes = is_lenenc ? sl_lenenc_take(c) : sl_cursor_u8(c);
    if (size_bytes > SL_TOKEN_BYTES_MAX) {
        c->bad = true;
        return;
    }
    const uint8_t *bytes = sl_cursor_take(c, (size_t)size_bytes);
    if (bytes == NULL)
        return;
    memcpy(login->token, bytes, (size_t)size_bytes);
    login->token_bytes = (size_t)size_bytes;
}

static bool
is_text(const uint8_t *bytes, size_t size_bytes, const char *text)
{
    return bytes != NULL && size_bytes == strlen(text) && memcmp(bytes, text, size_bytes) == 0;
}

/* Pairs of names and values; the program's name is worth keeping. */
static void
take_attributes(struct sl_cursor *c, struct sl_login *login)
{
    if (sl_cursor_left(c) == 0)
        return;
    uint64_t total_bytes = sl_lenenc_take(c);
    struct sl_cursor list = sl_cursor_sub(c, (size_t)total_bytes);
    while (!list.bad && sl_cursor_left(&list) != 0) {
        size_t key_bytes = 0;
        size_t value_bytes = 0;
        const uint8_t *key = sl_lenenc_take_bytes(&list, &key_bytes);
        const uint8_t *value = sl_lenenc_take_bytes(&list, &value_bytes);
        if (!list.bad && (is_text(key, key_bytes, "program_name") ||
                          (is_text(key, key_bytes, "_client_name") && login->program[0] == '\0')))
            copy_name(&list, value, value_bytes, login->program);
    }
    c->bad = c->bad || list.bad;
}

static sl_status
fail_login(struct sl_error *err)
{
    (void)sl_fail(err, SL_FORMAT, "Bad handshake");
    if (err != NULL)
        err->sql_number = SL_ER_HANDSHAKE;
    return SL_FORMAT;
}

bool
sl_login_wants_tls(const uint8_t *payload, size_t payload_bytes)
{
    struct sl_cursor c = sl_cursor_over(payload, payload_bytes);
    return payload_bytes == LOGIN_FIXED_BYTES && (sl_cursor_u32le(&c) & SL_CAP_SSL) != 0;
}

sl_status
sl_login_decode(const uint8_t *payload, size_t payload_bytes, uint32_t offered,
                struct sl_login *login, struct sl_error *err)
{
    const uint32_t needed = SL_CAP_PROTOCOL_41 | SL_CAP_SECURE_CONNECTION;
    struct sl_cursor c = sl_cursor_over(payload, payload_bytes);
    *login = (struct sl_login){0};
    login->capabilities = sl_cursor_u32le(&c) & offered;
    (void)sl_cursor_u32le(&c); /* the longest packet that it takes: ours are shorter */
    login->collation = sl_cursor_u8(&c);
    (void)sl_cursor_take(&c, LOGIN_RESERVED_BYTES);
    if (c.bad || (login->capabilities & needed) != needed)
        return fail_login(err);

    take_name(&c, login->user);
    take_token(&c, (login->capabilities & SL_CAP_PLUGIN_AUTH_LENENC) != 0, login);
    if ((login->capabilities & SL_CAP_CONNECT_WITH_DB) != 0)
        take_last_name(&c, login->database);
    if ((login->capabilities & SL_CAP_PLUGIN_AUTH) != 0)
        take_last_name(&c, login->scheme);
    if ((login->capabilities & SL_CAP_CONNECT_ATTRS) != 0)
        take_attributes(&c, login);
    return c.bad ? fail_login(err) : SL_OK;
}

sl_status
sl_change_user_decode(const uint8_t *body, size_t body_bytes, uint32_t capabilities,
                      struct sl_login *login, struct sl_error *err)
{
    struct sl_cursor c = sl_cursor_over(body, body_bytes);
    *login = (struct sl_login){.capabilities = capabilities, .collation = SL_COLLATION_UTF8MB4};
    take_name(&c, login->user);
    take_token(&c, false, login);
    take_last_name(&c, login->database);
    if (!c.bad && sl_cursor_left(&c) >= 2)
        login->collation = sl_cursor_u16le(&c);
    if ((capabilities & SL_CAP_PLUGIN_AUTH) != 0)
        take_last_name(&c, login->scheme);
    if ((capabilities & SL_CAP_CONNECT_ATTRS) != 0)
        take_attributes(&c, login);
    return c.bad ? fail_login(err) : SL_OK;
}

void
sl_switch_put(struct sl_buf *out, uint8_t *sequence, const char *scheme, const uint8_t *challenge,
              size_t challenge_bytes)
{
    size_t start = sl_packet_begin(out);
    sl_buf_u8(out, SWITCH_HEADER);
    sl_buf_append(out, scheme, strlen(scheme) + 1);
    sl_buf_append(out, challenge, challenge_bytes);
    sl_buf_u8(out, 0);
    sl_packet_end(out, start, sequence);
}

void
sl_fast_ok_put(struct sl_buf *out, uint8_t *sequence)
{
    size_t start = sl_packet_begin(out);
    sl_buf_u8(out, AUTH_MORE_HEADER);
    sl_buf_u8(out, SHA2_FAST_OK);
    sl_packet_end(out, start, sequence);
}
