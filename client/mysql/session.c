/*
 * session.c - see session.h: life, login, streams, and what a session carries.
 */
#include "client/mysql/session.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "storage/base/clock.h"
#include "storage/base/log.h"

enum {
    LOGIN_US = 10 * SL_US_PER_S,
    LOGIN_ROUNDS_MAX = 8,
    LOGIN_TAG = 2,
    LOGIN_ARENA_BYTES = 16 << 10,
    SMALL_BYTES_MAX = 128 << 10,
};

/* ---- sending ---- */

static void
close_link(struct sl_mysql_session *s)
{
    sl_link_close(s->link);
    s->link = NULL;
}

static void
stop_timer(struct sl_mysql_session *s)
{
    sl_timer_close(s->timer);
    s->timer = NULL;
}

static void
put_out(struct sl_mysql_session *s, struct sl_buf *packets)
{
    if (s->is_compressed)
        sl_deflate(packets, &s->inflated.sequence_next);
    sl_stream_send(s->stream, packets);
}

void
sl_session_finish(struct sl_mysql_session *s, uint16_t number, const char *text)
{
    if (s->state == SL_SESSION_FINISHING)
        return;
    /* A client that has not been greeted has told nothing of what it understands. */
    const char *sql_state = s->state == SL_SESSION_LINKING ? NULL : sl_mysql_state_of(number);
    struct sl_buf out = sl_buf_empty(SMALL_BYTES_MAX);
    sl_packet_put_error(&out, &s->sequence, number, sql_state, text);
    s->state = SL_SESSION_FINISHING;
    stop_timer(s);
    close_link(s);
    put_out(s, &out);
    sl_buf_fini(&out);
    sl_stream_finish(s->stream);
}

bool
sl_session_send(struct sl_mysql_session *s, struct sl_buf *packets)
{
    if (packets->bad) {
        sl_buf_clear(packets);
        sl_session_finish(s, SL_ER_OUT_OF_RESOURCES, "Out of memory for an answer");
        return false;
    }
    if (s->state == SL_SESSION_FINISHING)
        sl_buf_clear(packets);
    else
        put_out(s, packets);
    return s->state != SL_SESSION_FINISHING;
}

void
sl_session_send_ok(struct sl_mysql_session *s, const struct sl_mysql_ok *ok)
{
    struct sl_buf out = sl_buf_empty(SMALL_BYTES_MAX);
    sl_packet_put_ok(&out, &s->sequence, ok);
    (void)sl_session_send(s, &out);
    sl_buf_fini(&out);
}

void
sl_session_send_error(struct sl_mysql_session *s, uint16_t number, const char *text)
{
    struct sl_buf out = sl_buf_empty(SMALL_BYTES_MAX);
    sl_packet_put_error(&out, &s->sequence, number, sl_mysql_state_of(number), text);
    (void)sl_session_send(s, &out);
    sl_buf_fini(&out);
}

bool
sl_session_request(struct sl_mysql_session *s, struct sl_buf *frames)
{
    if (frames->bad) {
        sl_buf_clear(frames);
        return false;
    }
    sl_link_send(s->link, frames);
    return true;
}

/* The client's turn: what it has sent meanwhile is offered again. */
static void
listen_again(struct sl_mysql_session *s, enum sl_session_state state)
{
    s->state = state;
    if (!s->is_paused)
        return;
    s->is_paused = false;
    sl_stream_resume(s->stream);
}

void
sl_session_done(struct sl_mysql_session *s)
{
    if (s->state == SL_SESSION_FINISHING)
        return;
    free(s->wild);
    s->wild = NULL;
    listen_again(s, SL_SESSION_READY);
}

/* ---- what a session carries ---- */

uint16_t
sl_session_status(const struct sl_mysql_session *s)
{
    for (uint32_t i = 0; i < s->variable_count; i++)
        if (strcasecmp(s->variables[i].name, "@@autocommit") == 0 &&
            s->variables[i].value.as.u64 == 0)
            return 0;
    return SL_STATUS_AUTOCOMMIT;
}

void
sl_session_set_database(struct sl_mysql_session *s, const char *name)
{
    (void)snprintf(s->database, sizeof(s->database), "%s", name);
}

/* "+02:00"; other zones that the server knows are UTC by other names. */
static int64_t
zone_of(const char *zone)
{
    if ((zone[0] != '+' && zone[0] != '-') || strlen(zone) != 6 || zone[3] != ':')
        return 0;
    for (int i = 1; i < 6; i++)
        if (i != 3 && !isdigit((unsigned char)zone[i]))
            return 0;
    int minutes =
        ((zone[1] - '0') * 10 + zone[2] - '0') * 60 + (zone[4] - '0') * 10 + zone[5] - '0';
    return minutes * SL_US_PER_MINUTE * (zone[0] == '-' ? -1 : 1);
}

static void
set_time_zone(struct sl_mysql_session *s, const char *zone)
{
    (void)snprintf(s->time_zone, sizeof(s->time_zone), "%s", zone);
    s->zone_us = zone_of(s->time_zone);
}

static size_t
bytes_of_value(const struct sl_wire_value *value)
{
    bool has_bytes = !value->is_null && sl_type_is_bytes(value->type);
    return has_bytes ? value->as.slice.size_bytes : 0;
}

static void
drop_value(struct sl_mysql_session *s, struct sl_session_variable *variable)
{
    sl_budget_give(&s->list->input_budget, bytes_of_value(&variable->value));
    free(variable->bytes);
    variable->bytes = NULL;
    variable->value = (struct sl_wire_value){.type = SL_TYPE_NULL, .is_null = true};
}

static struct sl_session_variable *
find_variable(struct sl_mysql_session *s, const char *name)
{
    for (uint32_t i = 0; i < s->variable_count; i++)
        if (strcasecmp(s->variables[i].name, name) == 0)
            return &s->variables[i];
    if (s->variable_count == SL_WIRE_VARIABLES_MAX)
        return NULL;
    s->variables = sl_grow(s->variables, sizeof(*s->variables), (size_t)s->variable_count + 1);
    struct sl_session_variable *variable = &s->variables[s->variable_count++];
    *variable = (struct sl_session_variable){.name = sl_new_string(name),
                                             .value = {.type = SL_TYPE_NULL, .is_null = true}};
    return variable;
}

static void
set_variable(struct sl_mysql_session *s, const struct sl_wire_change *change)
{
    size_t size_bytes = bytes_of_value(&change->value);
    struct sl_session_variable *variable = find_variable(s, change->name);
    if (variable == NULL || !sl_budget_take(&s->list->input_budget, size_bytes)) {
        sl_session_finish(s, SL_ER_OUT_OF_RESOURCES, "Out of memory for variables");
        return;
    }
    drop_value(s, variable);
    variable->value = change->value;
    if (size_bytes == 0)
        return;
    variable->bytes = sl_try_alloc(size_bytes);
    if (variable->bytes == NULL) {
        sl_budget_give(&s->list->input_budget, size_bytes);
        variable->value = (struct sl_wire_value){.type = SL_TYPE_NULL, .is_null = true};
        sl_session_finish(s, SL_ER_OUT_OF_RESOURCES, "Out of memory for variables");
        return;
    }
    memcpy(variable->bytes, change->value.as.slice.bytes, size_bytes);
    variable->value.as.slice.bytes = variable->bytes;
}

void
sl_session_change(struct sl_mysql_session *s, const struct sl_wire_change *change)
{
    char text[SL_MYSQL_NAME_BYTES_MAX + 1];
    if (change->name[0] == '@') {
        set_variable(s, change);
        return;
    }
    if (change->value.is_null || change->value.type != SL_TYPE_TEXT)
        return;
    (void)snprintf(text, sizeof(text), "%.*s", (int)change->value.as.slice.size_bytes,
                   (const char *)change->value.as.slice.bytes);
    if (strcmp(change->name, "database") == 0)
        sl_session_set_database(s, text);
    else if (strcmp(change->name, "time_zone") == 0)
        set_time_zone(s, text);
}

void
sl_session_reset(struct sl_mysql_session *s)
{
    for (uint32_t i = 0; i < s->variable_count; i++) {
        drop_value(s, &s->variables[i]);
        free(s->variables[i].name);
    }
    free(s->variables);
    s->variables = NULL;
    s->variable_count = 0;
    sl_mysql_statements_clear(&s->statements);
    set_time_zone(s, "UTC");
    s->is_multi = (s->login.capabilities & SL_CAP_MULTI_STATEMENTS) != 0;
}

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
    struct sl_buf out = sl_buf_empty(SMALL_BYTES_MAX);
    sl_greeting_put(&out, &s->sequence, &greeting);
    (void)sl_session_send(s, &out);
    sl_buf_fini(&out);
}

static void
ask_switch(struct sl_mysql_session *s, const char *scheme, const uint8_t *challenge,
           size_t challenge_bytes)
{
    struct sl_buf out = sl_buf_empty(SMALL_BYTES_MAX);
    s->scheme = scheme;
    sl_switch_put(&out, &s->sequence, scheme, challenge, challenge_bytes);
    if (sl_session_send(s, &out))
        listen_again(s, SL_SESSION_SWITCHING);
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
    struct sl_buf out = sl_buf_empty(SMALL_BYTES_MAX);
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

static void
take_login(struct sl_mysql_session *s, const struct sl_packet *packet)
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

static void
take_response(struct sl_mysql_session *s, const struct sl_packet *packet)
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
    struct sl_buf out = sl_buf_empty(SMALL_BYTES_MAX);
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
    stop_timer(s);
    sl_session_reset(s);
    sl_session_set_database(s, s->login.database);
    listen_again(s, SL_SESSION_READY);
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
        /* The response that came with CHANGE_USER was to another challenge. */
        ask_switch(s, s->preferred, s->challenge, sizeof(s->challenge));
    } else {
        send_greeting(s);
        listen_again(s, SL_SESSION_GREETED);
    }
}

static void
on_frame(void *context, const struct sl_wire_frame *frame)
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
        sl_session_answer(s, frame);
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
    sl_endpoint_format(&s->list->options->connect, address);
    (void)snprintf(text, sizeof(text), "The connection to sluiced at %s ended: %.120s", address,
                   why->status == SL_OK ? "closed by the server" : why->text);
    if (s->state == SL_SESSION_LINKING &&
        sl_log_due(&s->list->unreachable_logged_us, SL_US_PER_MINUTE))
        sl_log(SL_LOG_WARN, "mysql", "%s", text);
    sl_session_finish(s, SL_ER_SERVER_SHUTDOWN, text);
}

static const struct sl_link_events link_events = {
    .on_welcome = on_welcome,
    .on_frame = on_frame,
    .on_end = on_link_end,
};

static void
on_late(void *context)
{
    struct sl_mysql_session *s = context;
    SL_ASSERT(s->magic == SL_SESSION_MAGIC);
    sl_session_finish(s, SL_ER_NET_READ_INTERRUPTED, "Got timeout reading communication packets");
}

static struct sl_stream_limits
limits_of(struct sl_session_list *list)
{
    return (struct sl_stream_limits){.input_budget = &list->input_budget,
                                     .stall_us = list->options->stall_us};
}

static void
open_link(struct sl_mysql_session *s)
{
    struct sl_error why = {0};
    struct sl_stream_limits limits = limits_of(s->list);
    s->has_asked = false;
    s->rounds = 0;
    s->timer = sl_timer_open(s->list->loop, LOGIN_US, 0, on_late, s);
    if (sl_link_open(s->list->loop, &s->list->options->connect, &limits, &link_events, s, &s->link,
                     &why) != SL_OK)
        sl_session_finish(s, SL_ER_SERVER_SHUTDOWN, why.text);
}

void
sl_session_relink(struct sl_mysql_session *s)
{
    sl_session_reset(s);
    close_link(s);
    s->state = SL_SESSION_CHANGING;
    open_link(s);
}

/* ---- the client ---- */

static void
take_message(struct sl_mysql_session *s, const struct sl_packet *packet)
{
    s->sequence = packet->sequence_next;
    switch (s->state) {
    case SL_SESSION_GREETED:
        take_login(s, packet);
        return;
    case SL_SESSION_SWITCHING:
        take_response(s, packet);
        return;
    case SL_SESSION_READY:
        sl_session_command(s, packet);
        return;
    case SL_SESSION_LINKING:
    case SL_SESSION_PROVING:
    case SL_SESSION_RUNNING:
    case SL_SESSION_CHANGING:
    case SL_SESSION_FINISHING:
        break;
    }
    SL_ASSERT(!"messages are taken in three states only");
}

static bool
may_speak(const struct sl_mysql_session *s)
{
    return s->state == SL_SESSION_GREETED || s->state == SL_SESSION_SWITCHING ||
           s->state == SL_SESSION_READY;
}

/* The first message of bytes[0 .. size), which is the client's turn to say. Returns the bytes used. */
static size_t
take_bytes(struct sl_mysql_session *s, const uint8_t *bytes, size_t size_bytes,
           size_t *out_wanted_bytes)
{
    struct sl_packet packet = {0};
    struct sl_error why = {0};
    size_t used_bytes = 0;
    bool is_ready = s->state == SL_SESSION_READY;
    size_t limit_bytes = is_ready ? SL_MYSQL_PACKET_BYTES_MAX : SL_MYSQL_LOGIN_BYTES_MAX;
    sl_status st = sl_packet_next(bytes, size_bytes, limit_bytes, is_ready ? 0 : s->sequence,
                                  &s->joined, &packet, &used_bytes, out_wanted_bytes, &why);
    if (st != SL_OK) {
        s->sequence = (uint8_t)(is_ready ? 1 : s->sequence + 1);
        sl_session_finish(s, why.sql_number, why.text);
        return size_bytes;
    }
    if (used_bytes == 0)
        return 0;
    take_message(s, &packet);
    sl_buf_fini(&s->joined);
    s->joined = sl_buf_empty(SL_MYSQL_PACKET_BYTES_MAX);
    *out_wanted_bytes = 1;
    return used_bytes;
}

/* What is compressed is inflated frame by frame, and a frame counts as used when the packets that
 * end in it have been taken: so frames, and not what they swell to, wait while a command runs. */
static size_t
take_compressed(struct sl_mysql_session *s, const uint8_t *bytes, size_t size_bytes,
                size_t *out_wanted_bytes)
{
    struct sl_error why = {0};
    size_t wanted_bytes = 0;
    if (sl_inflate(&s->inflated, bytes, size_bytes, out_wanted_bytes, &why) != SL_OK) {
        sl_session_finish(s, why.sql_number, why.text);
        return size_bytes;
    }
    if (s->inflated.frame_bytes == 0)
        return 0;
    while (s->inflated.size_bytes != 0) {
        if (s->state == SL_SESSION_FINISHING)
            return size_bytes;
        if (!may_speak(s)) {
            s->is_paused = true;
            sl_stream_pause(s->stream);
            return 0;
        }
        size_t used_bytes = take_bytes(s, s->inflated.bytes + s->inflated.offset_bytes,
                                       s->inflated.size_bytes, &wanted_bytes);
        if (used_bytes == 0)
            break;
        sl_inflated_drop(&s->inflated, used_bytes);
    }
    *out_wanted_bytes = 1;
    return sl_inflated_end_frame(&s->inflated);
}

static size_t
on_bytes(void *context, const uint8_t *bytes, size_t size_bytes, size_t *out_wanted_bytes)
{
    struct sl_mysql_session *s = context;
    SL_ASSERT(s->magic == SL_SESSION_MAGIC);
    *out_wanted_bytes = 1;
    if (s->state == SL_SESSION_FINISHING)
        return size_bytes;
    if (!may_speak(s)) {
        s->is_paused = true;
        sl_stream_pause(s->stream);
        return 0;
    }
    return s->is_compressed ? take_compressed(s, bytes, size_bytes, out_wanted_bytes)
                            : take_bytes(s, bytes, size_bytes, out_wanted_bytes);
}

static void
on_drained(void *context)
{
    struct sl_mysql_session *s = context;
    SL_ASSERT(s->magic == SL_SESSION_MAGIC);
    if (s->state == SL_SESSION_RUNNING)
        sl_session_pump(s);
}

static void
leave_list(struct sl_mysql_session *s)
{
    struct sl_session_list *list = s->list;
    if (s->previous != NULL)
        s->previous->next = s->next;
    else
        list->first = s->next;
    if (s->next != NULL)
        s->next->previous = s->previous;
    list->count--;
    if (list->is_stopping && list->count == 0)
        list->on_empty(list->context);
}

static void
free_session(struct sl_mysql_session *s)
{
    stop_timer(s);
    close_link(s);
    sl_session_reset(s);
    sl_buf_fini(&s->joined);
    sl_inflated_fini(&s->inflated);
    free(s->wild);
    sl_arena_destroy(s->head);
    sl_arena_destroy(s->rows);
    leave_list(s);
    sl_retire(&s->magic);
    free(s);
}

/* The client has gone: so does everything that was done for it. */
static void
on_end(void *context, const struct sl_error *why)
{
    struct sl_mysql_session *s = context;
    SL_ASSERT(s->magic == SL_SESSION_MAGIC);
    if (why->status != SL_OK)
        sl_log(SL_LOG_DEBUG, "mysql", "%s: %s", s->peer, why->text);
    s->stream = NULL;
    free_session(s);
}

static const struct sl_stream_events stream_events = {
    .on_bytes = on_bytes,
    .on_drained = on_drained,
    .on_end = on_end,
};

void
sl_session_start(struct sl_session_list *list, struct sl_tcp *tcp, const struct sl_endpoint *peer)
{
    struct sl_mysql_session *s = sl_new(sizeof(*s));
    struct sl_stream_limits limits = limits_of(list);
    s->magic = SL_SESSION_MAGIC;
    s->state = SL_SESSION_LINKING;
    s->list = list;
    s->joined = sl_buf_empty(SL_MYSQL_PACKET_BYTES_MAX);
    s->is_local = peer->is_loopback;
    sl_inflated_init(&s->inflated, &list->input_budget);
    sl_mysql_statements_init(&s->statements, &list->input_budget);
    sl_endpoint_format(peer, s->peer);
    set_time_zone(s, "UTC");
    s->next = list->first;
    if (s->next != NULL)
        s->next->previous = s;
    list->first = s;
    list->count++;
    s->stream = sl_stream_open(tcp, &limits, &stream_events, s);
    if (list->is_stopping)
        sl_session_finish(s, SL_ER_SERVER_SHUTDOWN, "Server shutdown in progress");
    else if (list->count > list->options->connections_max)
        sl_session_finish(s, SL_ER_CON_COUNT, "Too many connections");
    else
        open_link(s);
}

void
sl_session_stop_all(struct sl_session_list *list)
{
    list->is_stopping = true;
    if (list->count == 0) {
        list->on_empty(list->context);
        return;
    }
    for (struct sl_mysql_session *s = list->first, *next = NULL; s != NULL; s = next) {
        next = s->next;
        sl_session_finish(s, SL_ER_SERVER_SHUTDOWN, "Server shutdown in progress");
    }
}

void
sl_session_close_all(struct sl_session_list *list)
{
    list->is_stopping = false; /* nobody waits for the last one any more */
    for (struct sl_mysql_session *s = list->first, *next = NULL; s != NULL; s = next) {
        next = s->next;
        sl_stream_close(s->stream);
        s->stream = NULL;
        free_session(s);
    }
}
