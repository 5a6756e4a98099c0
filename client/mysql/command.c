/*
 * command.c - what a client asks: one function for each command, see session.h.
 *
 * A command is answered at once, or becomes one request of the server (RUNNING). No command is
 * looked into further than MySQL's protocol demands: texts are the server's.
 */
#include "client/mysql/session.h"

#include <stdio.h>

#include "storage/base/clock.h"

enum {
    STATISTICS_BYTES_MAX = 256,
    FIELDS_TEXT_BYTES_MAX = 4 << 10,
};

static const char too_large[] = "The statement is larger than the server takes";

static void
answer_ok(struct sl_mysql_session *s)
{
    const struct sl_mysql_ok ok = {.status = sl_session_status(s)};
    sl_session_send_ok(s, &ok);
}

/* ---- requests ---- */

static void
run(struct sl_mysql_session *s, enum sl_session_task task, struct sl_buf *frames)
{
    s->task = task;
    if (sl_session_request(s, frames))
        s->state = SL_SESSION_RUNNING;
    else
        sl_session_send_error(s, SL_ER_PACKET_TOO_LARGE, too_large);
}

/* The session that a statement runs in; `variables` has room for all of them. */
static struct sl_wire_session
wire_session(const struct sl_mysql_session *s, struct sl_wire_variable *variables)
{
    for (uint32_t i = 0; i < s->variable_count; i++)
        variables[i] =
            (struct sl_wire_variable){.name = s->variables[i].name, .value = s->variables[i].value};
    return (struct sl_wire_session){.dialect = SL_WIRE_MYSQL,
                                    .database = s->database,
                                    .time_zone = s->time_zone,
                                    .variables = variables,
                                    .variable_count = s->variable_count};
}

static void
ask(struct sl_mysql_session *s, enum sl_session_task task, const uint8_t *text, size_t text_bytes)
{
    enum sl_wire_type type = task == SL_TASK_PREPARE ? SL_WIRE_PREPARE : SL_WIRE_QUERY;
    struct sl_buf out = sl_buf_empty(SL_WIRE_TEXT_BYTES_MAX + SL_WIRE_HEADER_BYTES);
    struct sl_wire_variable *variables =
        sl_new(((size_t)s->variable_count + 1) * sizeof(*variables));
    struct sl_wire_query query = {
        .session = wire_session(s, variables),
        .text = {.bytes = text, .size_bytes = (uint32_t)text_bytes},
    };
    if (task == SL_TASK_QUERY && s->is_multi)
        query.session.flags = SL_WIRE_QUERY_MULTI;
    sl_wire_query_encode(&out, type, ++s->tag, &query);
    run(s, task, &out);
    free(variables);
    sl_buf_fini(&out);
}

/* ---- commands ---- */

static void
take_init_db(struct sl_mysql_session *s, const uint8_t *body, size_t body_bytes)
{
    char name[SL_MYSQL_NAME_BYTES_MAX + 1];
    if (body_bytes == 0 || body_bytes > SL_MYSQL_NAME_BYTES_MAX ||
        memchr(body, '\0', body_bytes) != NULL) {
        sl_session_send_error(s, SL_ER_BAD_DB, "Unknown database");
        return;
    }
    memcpy(name, body, body_bytes);
    name[body_bytes] = '\0';
    sl_session_set_database(s, name);
    answer_ok(s);
}

/* The columns of a table are those of a query for none of its rows. */
static void
take_field_list(struct sl_mysql_session *s, const uint8_t *body, size_t body_bytes)
{
    struct sl_cursor c = sl_cursor_over(body, body_bytes);
    struct sl_buf text = sl_buf_empty(FIELDS_TEXT_BYTES_MAX);
    size_t table_bytes = 0;
    const uint8_t *table = sl_zero_take(&c, &table_bytes);
    size_t wild_bytes = sl_cursor_left(&c);
    if (table == NULL || wild_bytes > SL_MYSQL_NAME_BYTES_MAX) {
        sl_session_send_error(s, SL_ER_MALFORMED_PACKET, "Malformed FIELD_LIST");
        return;
    }
    sl_buf_text(&text, "SELECT * FROM `");
    for (size_t i = 0; i < table_bytes; i++) {
        if (table[i] == '`')
            sl_buf_u8(&text, '`');
        sl_buf_u8(&text, table[i]);
    }
    sl_buf_text(&text, "` LIMIT 0");
    free(s->wild);
    s->wild = sl_new(wild_bytes + 1);
    if (wild_bytes != 0)
        memcpy(s->wild, c.next, wild_bytes);
    if (text.bad)
        sl_session_send_error(s, SL_ER_MALFORMED_PACKET, "Malformed FIELD_LIST");
    else
        ask(s, SL_TASK_FIELDS, text.bytes, text.size_bytes);
    sl_buf_fini(&text);
}

/* The one answer without a header: a text. */
static void
take_statistics(struct sl_mysql_session *s)
{
    const struct sl_session_list *list = s->list;
    int64_t up_us = sl_clock_monotonic_us() - list->started_us;
    double up_s = (double)up_us / SL_US_PER_S;
    struct sl_buf out = sl_buf_empty(STATISTICS_BYTES_MAX);
    size_t start = sl_packet_begin(&out);
    sl_buf_printf(&out,
                  "Uptime: %" PRId64 "  Threads: %" PRIu32 "  Questions: %" PRIu64
                  "  Queries per second avg: %.3f",
                  up_us / SL_US_PER_S, list->count, list->question_count,
                  (double)list->question_count / (up_s < 1 ? 1 : up_s));
    sl_packet_end(&out, start, &s->sequence);
    (void)sl_session_send(s, &out);
    sl_buf_fini(&out);
}

static void
take_kill(struct sl_mysql_session *s, const uint8_t *body, size_t body_bytes)
{
    struct sl_cursor c = sl_cursor_over(body, body_bytes);
    struct sl_wire_cancel cancel = {.connection_id = sl_cursor_u32le(&c),
                                    .flags = SL_WIRE_CANCEL_CONNECTION};
    if (c.bad || sl_cursor_left(&c) != 0 || cancel.connection_id == 0) {
        sl_session_send_error(s, SL_ER_NO_SUCH_THREAD, "Unknown thread id");
        return;
    }
    struct sl_buf out = sl_buf_empty(SL_WIRE_SMALL_BYTES_MAX);
    sl_wire_cancel_encode(&out, ++s->tag, &cancel);
    run(s, SL_TASK_KILL, &out);
    sl_buf_fini(&out);
}

static void
take_change_user(struct sl_mysql_session *s, const uint8_t *body, size_t body_bytes)
{
    struct sl_error why = {0};
    struct sl_login login;
    if (sl_change_user_decode(body, body_bytes, s->login.capabilities, &login, &why) != SL_OK) {
        sl_session_finish(s, why.sql_number, why.text);
        return;
    }
    s->login = login;
    sl_session_relink(s);
}

/* 0 and 1 switch several statements in one text on and off. Answered by EOF, not OK. */
static void
take_set_option(struct sl_mysql_session *s, const uint8_t *body, size_t body_bytes)
{
    struct sl_cursor c = sl_cursor_over(body, body_bytes);
    uint16_t option = sl_cursor_u16le(&c);
    if (c.bad || sl_cursor_left(&c) != 0 || option > 1) {
        sl_session_send_error(s, SL_ER_UNKNOWN_COMMAND, "Unknown command");
        return;
    }
    const struct sl_mysql_ok ok = {.status = sl_session_status(s)};
    struct sl_buf out = sl_buf_empty(STATISTICS_BYTES_MAX);
    s->is_multi = option == 0;
    sl_packet_put_eof(&out, &s->sequence, &ok);
    (void)sl_session_send(s, &out);
    sl_buf_fini(&out);
}

/* ---- prepared statements ---- */

/* The server forgets it too; its answer is dropped (answer.c). */
static void
close_statement(struct sl_mysql_session *s, uint32_t id)
{
    struct sl_buf out = sl_buf_empty(SL_WIRE_SMALL_BYTES_MAX);
    if (sl_mysql_statements_find(&s->statements, id) == NULL)
        return;
    sl_mysql_statements_remove(&s->statements, id);
    sl_wire_statement_encode(&out, SL_WIRE_CLOSE, ++s->tag, id);
    (void)sl_session_request(s, &out); /* a frame of 20 bytes is never too large */
    sl_buf_fini(&out);
}

static void
take_reset_connection(struct sl_mysql_session *s)
{
    while (s->statements.count != 0)
        close_statement(s, s->statements.list[0].id);
    sl_session_reset(s);
    answer_ok(s);
}

static void
execute(struct sl_mysql_session *s, struct sl_mysql_statement *statement, const uint8_t *body,
        size_t body_bytes)
{
    struct sl_error why = {0};
    struct sl_wire_value *values = NULL;
    struct sl_arena *arena = sl_arena_create(SL_SESSION_HEAD_BYTES_MAX);
    struct sl_buf out = sl_buf_empty(SL_WIRE_TEXT_BYTES_MAX + SL_WIRE_HEADER_BYTES);
    struct sl_wire_variable *variables =
        sl_new(((size_t)s->variable_count + 1) * sizeof(*variables));
    if (sl_statement_decode(statement, body, body_bytes, arena, &values, &why) != SL_OK) {
        sl_session_send_error(s, why.sql_number != 0 ? why.sql_number : SL_ER_OUT_OF_RESOURCES,
                              why.text);
    } else {
        struct sl_wire_execute request = {.statement_id = statement->id,
                                          .session = wire_session(s, variables)};
        request.session.parameters = values;
        request.session.parameter_count = statement->parameter_count;
        sl_wire_execute_encode(&out, ++s->tag, &request);
        run(s, SL_TASK_EXECUTE, &out);
    }
    sl_mysql_statement_drop_pieces(&s->statements, statement);
    free(variables);
    sl_buf_fini(&out);
    sl_arena_destroy(arena);
}

static void
fail_unknown_statement(struct sl_mysql_session *s, uint32_t id)
{
    char text[SL_ERROR_TEXT_BYTES];
    (void)snprintf(text, sizeof(text), "Unknown prepared statement handler (%" PRIu32 ")", id);
    sl_session_send_error(s, SL_ER_UNKNOWN_STATEMENT, text);
}

/* The commands that begin with a statement's id. Two of them have no answer at all. */
static void
take_statement(struct sl_mysql_session *s, uint8_t command, const uint8_t *body, size_t body_bytes)
{
    struct sl_cursor c = sl_cursor_over(body, body_bytes);
    uint32_t id = sl_cursor_u32le(&c);
    struct sl_mysql_statement *statement =
        c.bad ? NULL : sl_mysql_statements_find(&s->statements, id);
    if (command == SL_COM_STMT_CLOSE) {
        if (statement != NULL)
            close_statement(s, id);
        return;
    }
    if (command == SL_COM_STMT_SEND_LONG_DATA) {
        if (statement != NULL)
            sl_statement_add_piece(&s->statements, statement, c.next, sl_cursor_left(&c));
        return;
    }
    if (statement == NULL) {
        fail_unknown_statement(s, id);
    } else if (command == SL_COM_STMT_EXECUTE) {
        execute(s, statement, c.next, sl_cursor_left(&c));
    } else if (command == SL_COM_STMT_RESET) {
        sl_mysql_statement_drop_pieces(&s->statements, statement);
        answer_ok(s);
    } else {
        SL_ASSERT(command == SL_COM_STMT_FETCH);
        sl_session_send_error(s, SL_ER_NO_OPEN_CURSOR, "The statement has no open cursor");
    }
}

void
sl_session_command(struct sl_mysql_session *s, const struct sl_packet *packet)
{
    if (packet->payload_bytes == 0) {
        sl_session_send_error(s, SL_ER_MALFORMED_PACKET, "Malformed packet: it has no command");
        return;
    }
    uint8_t command = packet->payload[0];
    const uint8_t *body = packet->payload + 1;
    size_t body_bytes = packet->payload_bytes - 1;
    s->list->question_count++;
    switch ((enum sl_mysql_command)command) {
    case SL_COM_QUIT:
        s->state = SL_SESSION_FINISHING;
        sl_stream_finish(s->stream);
        return;
    case SL_COM_INIT_DB:
        take_init_db(s, body, body_bytes);
        return;
    case SL_COM_QUERY:
        ask(s, SL_TASK_QUERY, body, body_bytes);
        return;
    case SL_COM_FIELD_LIST:
        take_field_list(s, body, body_bytes);
        return;
    case SL_COM_STATISTICS:
        take_statistics(s);
        return;
    case SL_COM_PROCESS_KILL:
        take_kill(s, body, body_bytes);
        return;
    case SL_COM_PING:
        answer_ok(s);
        return;
    case SL_COM_CHANGE_USER:
        take_change_user(s, body, body_bytes);
        return;
    case SL_COM_STMT_PREPARE:
        ask(s, SL_TASK_PREPARE, body, body_bytes);
        return;
    case SL_COM_STMT_EXECUTE:
    case SL_COM_STMT_SEND_LONG_DATA:
    case SL_COM_STMT_CLOSE:
    case SL_COM_STMT_RESET:
    case SL_COM_STMT_FETCH:
        take_statement(s, command, body, body_bytes);
        return;
    case SL_COM_SET_OPTION:
        take_set_option(s, body, body_bytes);
        return;
    case SL_COM_RESET_CONNECTION:
        take_reset_connection(s);
        return;
    }
    sl_session_send_error(s, SL_ER_UNKNOWN_COMMAND, "Unknown command");
}
