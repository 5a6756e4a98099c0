/*
 * login.c - see session.h: greeting, login and the link that judges it (LINKING to READY).
 */
#include <stdio.h>

#include "client/mysql/session.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"

enum {
    LOGIN_US = 10 * SL_US_PER_S,
    LOGIN_ROUNDS_MAX = 8,
    LOGIN_TAG = 2,
    LOGIN_ARENA_BYTES = 16 << 10,
    LOGIN_BYTES_MAX = 128 << 10,
};

/* ---- login ---- */

static uint32_t
offered(const struct sl_mysql_session *s)
{
    return (uint32_t)SL_CAP_OFFERED |
           (s->list->options->tls != NULL && !s->is_secure ? (uint32_t)SL_CAP_SSL : 0);
}

static void
send_greeting(struct sl_mysql_session *s)
{
    struct sl_greeting greeting = {
        .thread_id = (uint32_t)s->connection_id,
        .capabilities = offered(s),
        .challenge = s->challenge,
        .scheme = s->preferred,
    };
    struct sl_buf out = sl_buf_empty(LOGIN_BYTES_MAX);
    sl_greeting_put(&out, &s->sequence, &greeting);
    (void)sl_session_send(s, &out);
    sl_buf_fini(&out);
}

static void
ask_switch(struct sl_mysql_session *s, const char *scheme, const uint8_t *challenge,
           size_t challenge_bytes)
{
    struct sl_buf out = sl_buf_empty(LOGIN_BYTES_MAX);
    s->scheme = scheme;
    sl_switch_put(&out, &s->sequence, scheme, challenge, challenge_bytes);
    if (sl_session_send(s, &out))
        sl_session_listen(s, SL_SESSION_SWITCHING);
    sl_buf_fini(&out);
}

/* The scheme as a name of ours that the server judges, NULL for any other. */
static const char *
known_scheme(const struct sl_mysql_session *s, const char *name)
{
    if (s->has_native && strcmp(name, SL_SCHEME_NATIVE) == 0)
        return SL_SCHEME_NATIVE;
    if (s->has_sha2 && strcmp(name, SL_SCHEME_SHA2) == 0)
        return SL_SCHEME_SHA2;
    return NULL;
}

/* The client's response goes to the server. */
static void
ask_server(struct sl_mysql_session *s)
{
    struct sl_buf out = sl_buf_empty(LOGIN_BYTES_MAX);
    struct sl_slice response = {.bytes = s->login.token,
                                .size_bytes = (uint32_t)s->login.token_bytes};
    struct sl_wire_auth auth = {
        .user = s->login.user, .mechanism = s->scheme, .response = response};
    if (s->has_asked)
        sl_wire_auth_answer_encode(&out, LOGIN_TAG, response);
    else
        sl_wire_auth_encode(&out, LOGIN_TAG, &auth);
    s->has_asked = true;
    s->state = SL_SESSION_PROVING;
    if (!sl_session_request(s, &out))
        sl_session_finish(s, SL_ER_HANDSHAKE, "Bad handshake");
    sl_buf_fini(&out);
}

/* Clients of other machines show passwords and flows to whoever listens on the way. */
static bool
may_come_in(struct sl_mysql_session *s)
{
    if (s->is_local || s->list->options->is_insecure)
        return true;
    if (s->is_open)
        sl_session_finish(s, SL_ER_ACCESS_DENIED,
                          "Access denied: the server has no users, so only this machine gets in");
    else if (!s->is_secure)
        sl_session_finish(s, SL_ER_SECURE_REQUIRED,
                          "Connections using insecure transport are prohibited");
    return s->state != SL_SESSION_FINISHING;
}

void
sl_session_take_login(struct sl_mysql_session *s, const struct sl_packet *packet)
{
    struct sl_error why = {0};
    if ((offered(s) & SL_CAP_SSL) != 0 &&
        sl_login_wants_tls(packet->payload, packet->payload_bytes)) {
        s->is_secure = true;
        sl_stream_secure(s->stream, s->list->options->tls);
        return;
    }
    if (sl_login_decode(packet->payload, packet->payload_bytes, offered(s), &s->login, &why) !=
        SL_OK) {
        sl_session_finish(s, why.sql_number, why.text);
        return;
    }
    if (!may_come_in(s))
        return;
    bool names_scheme = (s->login.capabilities & SL_CAP_PLUGIN_AUTH) != 0;
    s->scheme = known_scheme(s, names_scheme ? s->login.scheme : SL_SCHEME_NATIVE);
    /* libmariadb answers nothing when it is to use another scheme than the greeting's. */
    bool awaits_switch = s->scheme != NULL && strcmp(s->scheme, s->preferred) != 0 &&
                         names_scheme && s->login.token_bytes == 0;
    if (awaits_switch)
        ask_switch(s, s->scheme, s->challenge, sizeof(s->challenge));
    else if (s->scheme != NULL)
        ask_server(s);
    else if (names_scheme)
        ask_switch(s, s->preferred, s->challenge, sizeof(s->challenge));
    else
        sl_session_finish(s, SL_ER_HANDSHAKE, "The server judges no scheme that the client has");
}

void
sl_session_take_response(struct sl_mysql_session *s, const struct sl_packet *packet)
{
    if (packet->payload_bytes > SL_TOKEN_BYTES_MAX || ++s->rounds > LOGIN_ROUNDS_MAX) {
        sl_session_finish(s, SL_ER_HANDSHAKE, "Bad handshake");
        return;
    }
    if (packet->payload_bytes != 0)
        memcpy(s->login.token, packet->payload, packet->payload_bytes);
    s->login.token_bytes = packet->payload_bytes;
    ask_server(s);
}

static void
welcome_client(struct sl_mysql_session *s)
{
    const struct sl_mysql_ok ok = {.status = SL_STATUS_AUTOCOMMIT};
    bool is_empty =
        s->login.token_bytes == 0 || (s->login.token_bytes == 1 && s->login.token[0] == 0);
    struct sl_buf out = sl_buf_empty(LOGIN_BYTES_MAX);
    if (strcmp(s->scheme, SL_SCHEME_SHA2) == 0 && !is_empty)
        sl_fast_ok_put(&out, &s->sequence);
    sl_packet_put_ok(&out, &s->sequence, &ok);
    bool is_sent = sl_session_send(s, &out);
    sl_buf_fini(&out);
    if (!is_sent)
        return;
    s->is_compressed = (s->login.capabilities & SL_CAP_COMPRESS) != 0;
    sl_log(SL_LOG_DEBUG, "mysql", "%s: user \"%s\", database \"%s\", program \"%s\"", s->peer,
           s->login.user, s->login.database, s->login.program);
    memset(s->login.token, 0, sizeof(s->login.token));
    sl_session_stop_timer(s);
    sl_session_reset(s);
    sl_session_set_database(s, s->login.database);
    sl_session_listen(s, SL_SESSION_READY);
}

/* PROVING: what the server says of the response. */
static void
take_verdict(struct sl_mysql_session *s, const struct sl_wire_frame *frame)
{
    struct sl_arena *arena = sl_arena_create(LOGIN_ARENA_BYTES);
    const char *scheme = NULL;
    struct sl_slice challenge = {0};
    struct sl_wire_error told;
    if (frame->type == SL_WIRE_AUTH_OK) {
        welcome_client(s);
    } else if (frame->type == SL_WIRE_AUTH_MORE &&
               sl_wire_auth_more_decode(frame, arena, &scheme, &challenge, NULL) == SL_OK &&
               known_scheme(s, scheme) != NULL) {
        ask_switch(s, known_scheme(s, scheme), challenge.bytes, challenge.size_bytes);
    } else if (frame->type == SL_WIRE_ERROR && sl_wire_error_decode(frame, &told, NULL) == SL_OK) {
        sl_session_finish(s, told.sql_number, told.text);
    } else {
        sl_session_finish(s, SL_ER_UNKNOWN, "The server's answer to the login was not understood");
    }
    sl_arena_destroy(arena);
}

/* ---- the link ---- */

static void
on_welcome(void *context, const struct sl_wire_welcome *welcome)
{
    struct sl_mysql_session *s = context;
    SL_ASSERT(s->magic == SL_SESSION_MAGIC);
    const char *native = strstr(welcome->mechanisms, SL_SCHEME_NATIVE);
    const char *sha2 = strstr(welcome->mechanisms, SL_SCHEME_SHA2);
    s->connection_id = welcome->connection_id;
    memcpy(s->challenge, welcome->challenge, sizeof(s->challenge));
    s->is_open = strstr(welcome->mechanisms, SL_SCHEME_NONE) != NULL;
    s->has_native = native != NULL;
    s->has_sha2 = sha2 != NULL;
    bool is_sha2_first = sha2 != NULL && (native == NULL || sha2 < native);
    s->preferred = is_sha2_first ? SL_SCHEME_SHA2 : SL_SCHEME_NATIVE;
    if (!s->has_native && !s->has_sha2) {
        sl_session_finish(s, SL_ER_UNKNOWN, "The server judges no scheme of MySQL's");
    } else if (s->state == SL_SESSION_CHANGING) {
        if (!may_come_in(s))
            return;
        /* The response that came with CHANGE_USER was to another challenge. */
        ask_switch(s, s->preferred, s->challenge, sizeof(s->challenge));
    } else {
        send_greeting(s);
        sl_session_listen(s, SL_SESSION_GREETED);
    }
}

static void
on_frame(void *context, const struct sl_wire_frame *frame, bool is_last)
{
    struct sl_mysql_session *s = context;
    SL_ASSERT(s->magic == SL_SESSION_MAGIC);
    struct sl_wire_error told;
    switch (s->state) {
    case SL_SESSION_PROVING:
        take_verdict(s, frame);
        return;
    case SL_SESSION_READY:
    case SL_SESSION_RUNNING:
    case SL_SESSION_SENDING:
        sl_session_answer(s, frame, is_last);
        return;
    case SL_SESSION_LINKING:
    case SL_SESSION_GREETED:
    case SL_SESSION_SWITCHING:
    case SL_SESSION_CHANGING:
        if (frame->type == SL_WIRE_ERROR && sl_wire_error_decode(frame, &told, NULL) == SL_OK)
            sl_session_finish(s, told.sql_number, told.text);
        else
            sl_session_finish(s, SL_ER_UNKNOWN, "The server spoke out of turn");
        return;
    case SL_SESSION_FINISHING:
        return;
    }
}

static void
on_link_end(void *context, const struct sl_error *why)
{
    struct sl_mysql_session *s = context;
    SL_ASSERT(s->magic == SL_SESSION_MAGIC);
    char address[SL_ENDPOINT_TEXT_BYTES];
    char text[SL_ERROR_TEXT_BYTES];
    s->link = NULL;
    if (s->state == SL_SESSION_FINISHING)
        return;
    const struct sl_mysql_options *options = s->list->options;
    if (options->join != NULL)
        (void)snprintf(address, sizeof(address), "(this process)");
    else
        sl_endpoint_format(&options->connect, address);
    (void)snprintf(text, sizeof(text), "The connection to sluiced at %s ended: %.120s", address,
                   why->status == SL_OK ? "closed by the server" : why->text);
    if (s->state == SL_SESSION_LINKING &&
        sl_log_due(&s->list->unreachable_logged_us, SL_US_PER_MINUTE))
        sl_log(SL_LOG_WARN, "mysql", "%s", text);
    sl_session_finish(s, SL_ER_SERVER_SHUTDOWN, text);
}

static void
on_link_drained(void *context)
{
    struct sl_mysql_session *s = context;
    SL_ASSERT(s->magic == SL_SESSION_MAGIC);
    if (s->state == SL_SESSION_SENDING)
        sl_session_feed(s);
}

static const struct sl_link_events link_events = {
    .on_welcome = on_welcome,
    .on_frame = on_frame,
    .on_drained = on_link_drained,
    .on_end = on_link_end,
};

static void
on_late(void *context)
{
    struct sl_mysql_session *s = context;
    SL_ASSERT(s->magic == SL_SESSION_MAGIC);
    sl_session_finish(s, SL_ER_NET_READ_INTERRUPTED, "Got timeout reading communication packets");
}

void
sl_session_link(struct sl_mysql_session *s)
{
    struct sl_error why = {0};
    struct sl_stream_limits limits = sl_session_limits(s->list);
    s->has_asked = false;
    s->rounds = 0;
    s->timer = sl_timer_open(s->list->loop, LOGIN_US, 0, on_late, s);
    const struct sl_mysql_options *options = s->list->options;
    const struct sl_endpoint *connect = options->join == NULL ? &options->connect : NULL;
    struct sl_tcp *end =
        connect != NULL ? NULL : options->join(options->join_context, &s->endpoint);
    if (sl_link_open(s->list->loop, connect, end, &limits, &link_events, s, &s->link, &why) !=
        SL_OK)
        sl_session_finish(s, SL_ER_SERVER_SHUTDOWN, why.text);
}

void
sl_session_relink(struct sl_mysql_session *s)
{
    sl_session_reset(s);
    sl_session_close_link(s);
    s->state = SL_SESSION_CHANGING;
    sl_session_link(s);
}
