/*
 * session.c - see session.h: life, streams, and what a session carries.
 */
#include "client/mysql/session.h"

#include <stdio.h>
#include <strings.h>

#include "storage/base/clock.h"
#include "storage/base/log.h"

enum { SMALL_BYTES_MAX = 128 << 10 };

/* ---- sending ---- */

void
sl_session_close_link(struct sl_mysql_session *s)
{
    sl_link_close(s->link);
    s->link = NULL;
}

void
sl_session_stop_timer(struct sl_mysql_session *s)
{
    sl_timer_close(s->timer);
    s->timer = NULL;
}

static void
write_out(struct sl_mysql_session *s, struct sl_buf *packets)
{
    if (s->is_compressed)
        sl_deflate(packets, &s->inflated.sequence_next);
    sl_stream_send(s->stream, packets);
}

/* What could not be gathered is lost, and with it the session. */
void
sl_session_flush(struct sl_mysql_session *s)
{
    if (s->gathered.bad) {
        sl_buf_clear(&s->gathered);
        sl_session_finish(s, SL_ER_OUT_OF_RESOURCES, "Out of memory for an answer");
    } else if (s->gathered.size_bytes != 0) {
        write_out(s, &s->gathered);
    }
}

static void
put_out(struct sl_mysql_session *s, struct sl_buf *packets)
{
    size_t size_bytes = s->gathered.size_bytes + packets->size_bytes;
    if (s->is_gathering && size_bytes <= SL_SESSION_CHUNK_BYTES) {
        sl_buf_append(&s->gathered, packets->bytes, packets->size_bytes);
        sl_buf_clear(packets);
        return;
    }
    sl_session_flush(s);
    write_out(s, packets);
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
    s->is_gathering = false;
    sl_session_stop_timer(s);
    sl_session_close_link(s);
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
void
sl_session_listen(struct sl_mysql_session *s, enum sl_session_state state)
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
    sl_session_listen(s, SL_SESSION_READY);
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

static void
set_time_zone(struct sl_mysql_session *s, const char *zone)
{
    /* Names of zones fit; the precision says so where a name comes from a longer buffer. */
    (void)snprintf(s->time_zone, sizeof(s->time_zone), "%.*s", (int)sizeof(s->time_zone) - 1, zone);
    (void)!sl_zone_find(s->time_zone, &s->zone);
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

/* ---- the client ---- */

struct sl_stream_limits
sl_session_limits(struct sl_session_list *list)
{
    return (struct sl_stream_limits){.input_budget = &list->input_budget,
                                     .stall_us = list->options->stall_us};
}

static void
take_message(struct sl_mysql_session *s, const struct sl_packet *packet)
{
    s->sequence = packet->sequence_next;
    switch (s->state) {
    case SL_SESSION_GREETED:
        sl_session_take_login(s, packet);
        return;
    case SL_SESSION_SWITCHING:
        sl_session_take_response(s, packet);
        return;
    case SL_SESSION_READY:
        sl_session_command(s, packet);
        return;
    case SL_SESSION_SENDING:
        sl_session_take_file(s, packet);
        return;
    case SL_SESSION_LINKING:
    case SL_SESSION_PROVING:
    case SL_SESSION_RUNNING:
    case SL_SESSION_CHANGING:
    case SL_SESSION_FINISHING:
        break;
    }
    SL_ASSERT(false); /* messages are taken in three states only */
}

static bool
may_speak(const struct sl_mysql_session *s)
{
    return s->state == SL_SESSION_GREETED || s->state == SL_SESSION_SWITCHING ||
           s->state == SL_SESSION_READY || s->state == SL_SESSION_SENDING;
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
    bool is_long = is_ready || s->state == SL_SESSION_SENDING;
    int sequence = s->is_compressed ? SL_PACKET_ANY : is_ready ? 0 : s->sequence;
    size_t limit_bytes = is_long ? SL_MYSQL_PACKET_BYTES_MAX : SL_MYSQL_LOGIN_BYTES_MAX;
    sl_status st = sl_packet_next(bytes, size_bytes, limit_bytes, sequence, &s->joined, &packet,
                                  &used_bytes, out_wanted_bytes, &why);
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
    if (s->state == SL_SESSION_READY && s->inflated.size_bytes == 0 && s->inflated.frame_bytes == 0)
        s->inflated.sequence_next = 0; /* a command begins */
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
    sl_session_stop_timer(s);
    sl_session_close_link(s);
    sl_session_reset(s);
    sl_buf_fini(&s->joined);
    sl_buf_fini(&s->gathered);
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
    struct sl_stream_limits limits = sl_session_limits(list);
    s->magic = SL_SESSION_MAGIC;
    s->state = SL_SESSION_LINKING;
    s->list = list;
    s->joined = sl_buf_empty(SL_MYSQL_PACKET_BYTES_MAX);
    s->gathered = sl_buf_empty(SL_SESSION_CHUNK_BYTES);
    s->is_local = peer->is_loopback;
    sl_inflated_init(&s->inflated, &list->input_budget);
    sl_mysql_statements_init(&s->statements, &list->input_budget);
    s->endpoint = *peer;
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
        sl_session_link(s);
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
