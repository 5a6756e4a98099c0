/*
 * answer.c - what the server answers, as the packets that MySQL's clients expect; see session.h.
 *
 *   RESULT with columns  ->  their number, their definitions, EOF
 *   DATA                 ->  rows, a chunk a turn of the loop, while the link waits
 *   DONE                 ->  EOF behind rows, OK without; "more results" from its flag
 *   ERROR                ->  ERR, also in the place of a row
 */
#include "client/mysql/session.h"

#include <ctype.h>
#include <stdio.h>

#include "storage/base/log.h"
#include "storage/batch_codec.h"

static void
fail_protocol(struct sl_mysql_session *s, const char *what)
{
    static struct sl_log_kind kind;
    sl_log_limited(&kind, SL_LOG_ERROR, "mysql", "the server's answer to %s was not understood: %s",
                   s->peer, what);
    sl_session_finish(s, SL_ER_UNKNOWN, "The server's answer was not understood");
}

static void
forget_rows(struct sl_mysql_session *s)
{
    sl_arena_destroy(s->rows);
    s->rows = NULL;
    s->vectors = NULL;
    s->row_count = 0;
    s->row_index = 0;
}

static void
forget_head(struct sl_mysql_session *s)
{
    forget_rows(s);
    sl_arena_destroy(s->head);
    s->head = NULL;
    s->shown = NULL;
    s->has_columns = false;
    s->result = (struct sl_wire_result){0};
}

/* The request has ended. */
static void
end_task(struct sl_mysql_session *s)
{
    forget_head(s);
    sl_session_done(s);
}

/* ---- columns ---- */

static bool
is_ok_for_eof(const struct sl_mysql_session *s)
{
    return (s->login.capabilities & SL_CAP_DEPRECATE_EOF) != 0;
}

/* Behind a list of definitions. */
static void
put_list_end(struct sl_mysql_session *s, struct sl_buf *out)
{
    const struct sl_mysql_ok ok = {.status = sl_session_status(s)};
    if (!is_ok_for_eof(s))
        sl_packet_put_eof(out, &s->sequence, &ok);
}

static bool
show_columns(struct sl_mysql_session *s)
{
    uint32_t count = s->result.column_count;
    s->shown = sl_arena_calloc(s->head, count, sizeof(*s->shown));
    if (s->shown == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        s->shown[i] = sl_mysql_column_of(&s->result.columns[i], s->login.collation);
    return true;
}

static void
put_columns(struct sl_mysql_session *s, struct sl_buf *out)
{
    for (uint32_t i = 0; i < s->result.column_count; i++)
        sl_mysql_column_put(out, &s->sequence, &s->result.columns[i], &s->shown[i], s->database);
}

static void
take_result(struct sl_mysql_session *s, const struct sl_wire_frame *frame)
{
    forget_head(s);
    s->head = sl_arena_create(SL_SESSION_HEAD_BYTES_MAX);
    if (sl_wire_result_decode(frame, s->head, &s->result, NULL) != SL_OK || !show_columns(s)) {
        fail_protocol(s, "RESULT");
        return;
    }
    s->has_columns = s->result.column_count != 0;
    if (!s->has_columns || s->task == SL_TASK_FIELDS)
        return;
    struct sl_buf out = sl_buf_empty(SL_SESSION_OUT_BYTES_MAX);
    size_t start = sl_packet_begin(&out);
    sl_lenenc_put(&out, s->result.column_count);
    sl_packet_end(&out, start, &s->sequence);
    put_columns(s, &out);
    put_list_end(s, &out);
    (void)sl_session_send(s, &out);
    sl_buf_fini(&out);
}

/* ---- rows ---- */

static bool
have_right_types(const struct sl_mysql_session *s, const struct sl_vector *vectors)
{
    for (uint32_t i = 0; i < s->result.column_count; i++)
        if (vectors[i].type != s->result.columns[i].type && vectors[i].type != SL_TYPE_NULL)
            return false;
    return true;
}

static void
take_data(struct sl_mysql_session *s, const struct sl_wire_frame *frame)
{
    uint32_t column_count = 0;
    struct sl_error why = {0};
    if (!s->has_columns || s->task == SL_TASK_FIELDS) {
        fail_protocol(s, "DATA without RESULT");
        return;
    }
    s->rows = sl_arena_create_shared(&s->list->rows_budget);
    sl_status st = sl_vectors_decode(frame->payload, frame->payload_bytes, s->rows, &s->vectors,
                                     NULL, &column_count, &s->row_count, &why);
    if (st == SL_LIMIT) {
        sl_session_finish(s, SL_ER_OUT_OF_RESOURCES, "Out of memory for rows");
    } else if (st != SL_OK || column_count != s->result.column_count ||
               !have_right_types(s, s->vectors)) {
        fail_protocol(s, st != SL_OK ? why.text : "DATA has other columns than RESULT");
    } else {
        sl_session_pump(s);
    }
}

/* Write a chunk of the rows that are there. */
static void
put_rows(struct sl_mysql_session *s)
{
    struct sl_rows rows = {.columns = s->shown,
                           .vectors = s->vectors,
                           .column_count = s->result.column_count,
                           .zone = s->zone};
    enum sl_row_form form = s->task == SL_TASK_EXECUTE ? SL_ROW_BINARY : SL_ROW_TEXT;
    struct sl_buf out = sl_buf_empty(SL_SESSION_OUT_BYTES_MAX);
    while (s->row_index < s->row_count && out.size_bytes < SL_SESSION_CHUNK_BYTES && !out.bad)
        sl_row_put(&out, &s->sequence, &rows, s->row_index++, form);
    (void)sl_session_send(s, &out);
    sl_buf_fini(&out);
    if (s->row_index == s->row_count)
        forget_rows(s);
}

void
sl_session_pump(struct sl_mysql_session *s)
{
    if (s->rows != NULL)
        put_rows(s);
    if (s->state == SL_SESSION_FINISHING)
        return;
    bool must_wait =
        s->rows != NULL || sl_stream_queued_bytes(s->stream) > SL_SESSION_QUEUED_BYTES_HIGH;
    if (must_wait && !s->is_held_back)
        sl_link_pause(s->link);
    else if (!must_wait && s->is_held_back)
        sl_link_resume(s->link);
    s->is_held_back = must_wait;
}

/* ---- ends ---- */

/* '%' and '_' as in LIKE, letters of either case. */
static bool
is_like(const char *name, const char *wild)
{
    const char *star = NULL;
    const char *back = NULL;
    while (*name != '\0') {
        if (*wild == '%') {
            star = ++wild;
            back = name;
        } else if (*wild == '_' || (*wild != '\0' && tolower((unsigned char)*wild) ==
                                                         tolower((unsigned char)*name))) {
            wild++;
            name++;
        } else if (star != NULL) {
            wild = star;
            name = ++back;
        } else {
            return false;
        }
    }
    while (*wild == '%')
        wild++;
    return *wild == '\0';
}

static void
answer_fields(struct sl_mysql_session *s)
{
    const struct sl_mysql_ok ok = {.status = sl_session_status(s)};
    struct sl_buf out = sl_buf_empty(SL_SESSION_OUT_BYTES_MAX);
    for (uint32_t i = 0; i < s->result.column_count; i++)
        if (s->wild[0] == '\0' || is_like(s->result.columns[i].name, s->wild))
            sl_mysql_field_put(&out, &s->sequence, &s->result.columns[i], &s->shown[i],
                               s->database);
    if (is_ok_for_eof(s))
        sl_packet_put_end(&out, &s->sequence, &ok);
    else
        sl_packet_put_eof(&out, &s->sequence, &ok);
    (void)sl_session_send(s, &out);
    sl_buf_fini(&out);
}

static void
answer_done(struct sl_mysql_session *s, const struct sl_wire_done *done)
{
    bool has_more = (done->flags & SL_WIRE_DONE_MORE) != 0;
    uint16_t status = sl_session_status(s);
    struct sl_mysql_ok ok = {
        .affected_rows = s->has_columns ? 0 : done->affected_rows,
        .status = has_more ? (uint16_t)(status | SL_STATUS_MORE_RESULTS) : status,
        .warning_count =
            (uint16_t)(done->warning_total > UINT16_MAX ? UINT16_MAX : done->warning_total),
    };
    struct sl_buf out = sl_buf_empty(SL_WIRE_SMALL_BYTES_MAX);
    if (!s->has_columns)
        sl_packet_put_ok(&out, &s->sequence, &ok);
    else if (is_ok_for_eof(s))
        sl_packet_put_end(&out, &s->sequence, &ok);
    else
        sl_packet_put_eof(&out, &s->sequence, &ok);
    (void)sl_session_send(s, &out);
    sl_buf_fini(&out);
}

static void
take_done(struct sl_mysql_session *s, const struct sl_wire_frame *frame)
{
    struct sl_wire_done done;
    struct sl_arena *arena = sl_arena_create(SL_SESSION_HEAD_BYTES_MAX);
    if (sl_wire_done_decode(frame, arena, &done, NULL) != SL_OK || s->task == SL_TASK_PREPARE) {
        fail_protocol(s, "DONE");
        sl_arena_destroy(arena);
        return;
    }
    for (uint32_t i = 0; i < done.change_count; i++)
        sl_session_change(s, &done.changes[i]);
    if (s->task == SL_TASK_FIELDS)
        answer_fields(s);
    else
        answer_done(s, &done);
    if ((done.flags & SL_WIRE_DONE_MORE) != 0)
        forget_head(s);
    else
        end_task(s);
    sl_arena_destroy(arena);
}

void
sl_session_fail(struct sl_mysql_session *s, const struct sl_wire_error *told)
{
    struct sl_buf out = sl_buf_empty(SL_WIRE_SMALL_BYTES_MAX);
    if (s->task == SL_TASK_KILL && told->status == SL_MISSING)
        sl_packet_put_error(&out, &s->sequence, SL_ER_NO_SUCH_THREAD,
                            sl_mysql_state_of(SL_ER_NO_SUCH_THREAD), told->text);
    else
        sl_packet_put_error(&out, &s->sequence, told->sql_number, told->sql_state, told->text);
    (void)sl_session_send(s, &out);
    sl_buf_fini(&out);
    end_task(s);
}

static void
take_error(struct sl_mysql_session *s, const struct sl_wire_frame *frame)
{
    struct sl_wire_error told;
    if (sl_wire_error_decode(frame, &told, NULL) != SL_OK) {
        fail_protocol(s, "ERROR");
        return;
    }
    if (s->state == SL_SESSION_SENDING)
        s->failure = told; /* the client listens when it has sent all */
    else
        sl_session_fail(s, &told);
}

static void
take_prepared(struct sl_mysql_session *s, const struct sl_wire_frame *frame)
{
    struct sl_wire_prepared prepared;
    forget_head(s);
    s->head = sl_arena_create(SL_SESSION_HEAD_BYTES_MAX);
    if (s->task != SL_TASK_PREPARE ||
        sl_wire_prepared_decode(frame, s->head, &prepared, NULL) != SL_OK ||
        prepared.parameter_count > SL_WIRE_PARAMETERS_MAX) {
        fail_protocol(s, "PREPARED");
        return;
    }
    s->result = prepared.result;
    if (!show_columns(s)) {
        fail_protocol(s, "PREPARED");
        return;
    }
    sl_mysql_statements_add(&s->statements, prepared.statement_id,
                            (uint16_t)prepared.parameter_count);

    struct sl_buf out = sl_buf_empty(SL_SESSION_OUT_BYTES_MAX);
    size_t start = sl_packet_begin(&out);
    sl_buf_u8(&out, 0);
    sl_buf_u32le(&out, prepared.statement_id);
    sl_buf_u16le(&out, (uint16_t)s->result.column_count);
    sl_buf_u16le(&out, (uint16_t)prepared.parameter_count);
    sl_buf_u8(&out, 0);
    sl_buf_u16le(&out, 0); /* warnings */
    sl_packet_end(&out, start, &s->sequence);
    for (uint32_t i = 0; i < prepared.parameter_count; i++)
        sl_mysql_parameter_put(&out, &s->sequence);
    if (prepared.parameter_count != 0)
        put_list_end(s, &out);
    put_columns(s, &out);
    if (s->result.column_count != 0)
        put_list_end(s, &out);
    bool is_sent = sl_session_send(s, &out);
    sl_buf_fini(&out);
    if (is_sent)
        end_task(s);
}

/* Not the answer that is waited for: the end of a CLOSE, which nobody waits for, or the server's
 * last word. */
static void
take_other(struct sl_mysql_session *s, const struct sl_wire_frame *frame)
{
    struct sl_wire_error told;
    if (frame->type == SL_WIRE_DONE && frame->tag != 0)
        return;
    if (frame->type == SL_WIRE_ERROR && sl_wire_error_decode(frame, &told, NULL) == SL_OK)
        sl_session_finish(s, SL_ER_SERVER_SHUTDOWN, told.text);
    else
        fail_protocol(s, sl_wire_type_name(frame->type));
}

static void
take_frame(struct sl_mysql_session *s, const struct sl_wire_frame *frame)
{
    bool is_running = s->state == SL_SESSION_RUNNING || s->state == SL_SESSION_SENDING;
    if (!is_running || frame->tag != s->tag) {
        take_other(s, frame);
        return;
    }
    switch (frame->type) {
    case SL_WIRE_RESULT:
        take_result(s, frame);
        return;
    case SL_WIRE_DATA:
        take_data(s, frame);
        return;
    case SL_WIRE_DONE:
        take_done(s, frame);
        return;
    case SL_WIRE_ERROR:
        take_error(s, frame);
        return;
    case SL_WIRE_PREPARED:
        take_prepared(s, frame);
        return;
    case SL_WIRE_FILE_WANTED:
        sl_session_want_file(s, frame);
        return;
    default:
        fail_protocol(s, sl_wire_type_name(frame->type));
    }
}

/* A short answer comes in one piece and is passed on in one. Whoever is to wait gets what there is. */
void
sl_session_answer(struct sl_mysql_session *s, const struct sl_wire_frame *frame, bool is_last)
{
    s->is_gathering = true;
    take_frame(s, frame);
    s->is_gathering = false;
    if (is_last || s->is_held_back)
        sl_session_flush(s);
}
