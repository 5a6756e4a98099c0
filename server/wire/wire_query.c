/*
 * wire_query.c - frames of queries: sessions, statements, results; layouts in server/PROTOCOL.md.
 */
#include "server/wire/part.h"
#include "server/wire/wire.h"
#include "storage/batch_codec.h"

/* The fewest bytes that an element of each array takes: what a count is held against. */
enum {
    TEXT_BYTES_MIN = 4,
    VALUE_BYTES_MIN = 3,
    VARIABLE_BYTES_MIN = TEXT_BYTES_MIN + VALUE_BYTES_MIN,
    COLUMN_BYTES_MIN = 3 * TEXT_BYTES_MIN + 2 + 4 + 4,
    WARNING_BYTES_MIN = 2 + TEXT_BYTES_MIN,
};

enum { COLUMN_IS_NULLABLE = 1, COLUMN_IS_BINARY = 2 };

/* ---- session ---- */

static void
put_session(struct sl_buf *out, const struct sl_wire_session *session)
{
    sl_buf_u8(out, (uint8_t)session->dialect);
    sl_buf_u32le(out, session->flags);
    sl_buf_u64le(out, session->timeout_us);
    sl_part_put_text(out, session->database);
    sl_part_put_text(out, session->time_zone);
    sl_buf_u32le(out, session->variable_count);
    for (uint32_t i = 0; i < session->variable_count; i++) {
        sl_part_put_text(out, session->variables[i].name);
        sl_part_put_value(out, &session->variables[i].value);
    }
    sl_buf_u32le(out, session->parameter_count);
    for (uint32_t i = 0; i < session->parameter_count; i++)
        sl_part_put_value(out, &session->parameters[i]);
}

static struct sl_wire_session
read_session(struct sl_part_reader *r)
{
    struct sl_wire_session session = {0};
    uint8_t dialect = sl_cursor_u8(&r->cursor);
    if (dialect > SL_WIRE_MYSQL)
        sl_part_refuse(r, "an unknown dialect");
    session.dialect = dialect == SL_WIRE_MYSQL ? SL_WIRE_MYSQL : SL_WIRE_NATIVE;
    session.flags = sl_part_flags(r, SL_WIRE_QUERY_MULTI | SL_WIRE_QUERY_PROGRESS);
    session.timeout_us = sl_cursor_u64le(&r->cursor);
    session.database = sl_part_text(r, SL_WIRE_NAME_BYTES_MAX);
    session.time_zone = sl_part_text(r, SL_WIRE_NAME_BYTES_MAX);

    uint32_t count = sl_part_count(r, SL_WIRE_VARIABLES_MAX, VARIABLE_BYTES_MIN);
    struct sl_wire_variable *variables = sl_part_array(r, count, sizeof(*variables));
    for (uint32_t i = 0; i < count && !r->cursor.bad; i++) {
        variables[i].name = sl_part_text(r, SL_WIRE_NAME_BYTES_MAX);
        variables[i].value = sl_part_value(r);
    }
    session.variables = variables;
    session.variable_count = count;

    count = sl_part_count(r, SL_WIRE_PARAMETERS_MAX, VALUE_BYTES_MIN);
    struct sl_wire_value *parameters = sl_part_array(r, count, sizeof(*parameters));
    for (uint32_t i = 0; i < count && !r->cursor.bad; i++)
        parameters[i] = sl_part_value(r);
    session.parameters = parameters;
    session.parameter_count = count;
    return session;
}

/* ---- statements ---- */

void
sl_wire_query_encode(struct sl_buf *out, enum sl_wire_type type, uint32_t tag,
                     const struct sl_wire_query *query)
{
    SL_ASSERT(type == SL_WIRE_QUERY || type == SL_WIRE_PREPARE);
    size_t at = sl_part_begin(out, type, tag);
    put_session(out, &query->session);
    sl_part_put_bytes(out, query->text.bytes, query->text.size_bytes);
    sl_part_end(out, at);
}

sl_status
sl_wire_query_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                     struct sl_wire_query *out_query, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, frame->type, arena);
    out_query->session = read_session(&r);
    out_query->text = sl_part_bytes(&r, SL_SQL_TEXT_BYTES_MAX);
    return sl_part_finish(&r, err);
}

void
sl_wire_execute_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_execute *execute)
{
    size_t at = sl_part_begin(out, SL_WIRE_EXECUTE, tag);
    sl_buf_u32le(out, execute->statement_id);
    put_session(out, &execute->session);
    sl_part_end(out, at);
}

sl_status
sl_wire_execute_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                       struct sl_wire_execute *out_execute, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_EXECUTE, arena);
    out_execute->statement_id = sl_cursor_u32le(&r.cursor);
    out_execute->session = read_session(&r);
    return sl_part_finish(&r, err);
}

void
sl_wire_statement_encode(struct sl_buf *out, enum sl_wire_type type, uint32_t tag,
                         uint32_t statement_id)
{
    SL_ASSERT(type == SL_WIRE_DESCRIBE || type == SL_WIRE_CLOSE);
    size_t at = sl_part_begin(out, type, tag);
    sl_buf_u32le(out, statement_id);
    sl_part_end(out, at);
}

sl_status
sl_wire_statement_decode(const struct sl_wire_frame *frame, uint32_t *out_statement_id,
                         struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, frame->type, NULL);
    *out_statement_id = sl_cursor_u32le(&r.cursor);
    return sl_part_finish(&r, err);
}

/* ---- results ---- */

static void
put_result(struct sl_buf *out, const struct sl_wire_result *result)
{
    sl_buf_u32le(out, result->column_count);
    for (uint32_t i = 0; i < result->column_count; i++) {
        const struct sl_wire_column *column = &result->columns[i];
        sl_part_put_text(out, column->name);
        sl_part_put_text(out, column->table);
        sl_part_put_text(out, column->origin);
        sl_buf_u8(out, (uint8_t)column->type);
        sl_buf_u8(out, column->scale);
        sl_buf_u32le(out, (column->is_nullable ? COLUMN_IS_NULLABLE : 0U) |
                              (column->is_binary ? COLUMN_IS_BINARY : 0U));
        sl_buf_u32le(out, column->length);
    }
}

/* Names of result columns may be whole expressions: bounded by their frame alone. */
static struct sl_wire_result
read_result(struct sl_part_reader *r)
{
    uint32_t count = sl_part_count(r, SL_SQL_COLUMNS_MAX, COLUMN_BYTES_MIN);
    struct sl_wire_column *columns = sl_part_array(r, count, sizeof(*columns));
    for (uint32_t i = 0; i < count && !r->cursor.bad; i++) {
        struct sl_wire_column *column = &columns[i];
        column->name = sl_part_text(r, SL_WIRE_META_BYTES_MAX);
        column->table = sl_part_text(r, SL_WIRE_META_BYTES_MAX);
        column->origin = sl_part_text(r, SL_WIRE_META_BYTES_MAX);
        uint8_t type = sl_cursor_u8(&r->cursor);
        if (type >= SL_TYPE_COUNT)
            sl_part_refuse(r, "a column has an unknown type");
        else
            column->type = (enum sl_type)type;
        column->scale = sl_cursor_u8(&r->cursor);
        uint32_t flags = sl_part_flags(r, COLUMN_IS_NULLABLE | COLUMN_IS_BINARY);
        column->is_nullable = (flags & COLUMN_IS_NULLABLE) != 0;
        column->is_binary = (flags & COLUMN_IS_BINARY) != 0;
        column->length = sl_cursor_u32le(&r->cursor);
    }
    return (struct sl_wire_result){.columns = columns, .column_count = count};
}

void
sl_wire_result_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_result *result)
{
    size_t at = sl_part_begin(out, SL_WIRE_RESULT, tag);
    put_result(out, result);
    sl_part_end(out, at);
}

sl_status
sl_wire_result_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                      struct sl_wire_result *out_result, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_RESULT, arena);
    *out_result = read_result(&r);
    return sl_part_finish(&r, err);
}

void
sl_wire_prepared_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_prepared *prepared)
{
    size_t at = sl_part_begin(out, SL_WIRE_PREPARED, tag);
    sl_buf_u32le(out, prepared->statement_id);
    sl_buf_u32le(out, prepared->parameter_count);
    put_result(out, &prepared->result);
    sl_part_end(out, at);
}

sl_status
sl_wire_prepared_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                        struct sl_wire_prepared *out_prepared, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_PREPARED, arena);
    out_prepared->statement_id = sl_cursor_u32le(&r.cursor);
    out_prepared->parameter_count = sl_cursor_u32le(&r.cursor);
    out_prepared->result = read_result(&r);
    if (out_prepared->parameter_count > SL_WIRE_PARAMETERS_MAX)
        sl_part_refuse(&r, "too many parameters");
    return sl_part_finish(&r, err);
}

void
sl_wire_data_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_column *columns,
                    const struct sl_vector *vectors, uint32_t column_count, uint32_t row_count)
{
    const char **names = sl_try_alloc(column_count * sizeof(*names));
    if (names == NULL) {
        out->bad = true;
        return;
    }
    for (uint32_t i = 0; i < column_count; i++)
        names[i] = columns[i].name;
    size_t at = sl_part_begin(out, SL_WIRE_DATA, tag);
    sl_vectors_encode(names, vectors, column_count, row_count, out);
    sl_part_end(out, at);
    free(names);
}

void
sl_wire_progress_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_progress *progress)
{
    size_t at = sl_part_begin(out, SL_WIRE_PROGRESS, tag);
    sl_buf_u64le(out, progress->rows_total);
    sl_buf_u64le(out, progress->rows_done);
    sl_buf_u64le(out, progress->bytes_read);
    sl_buf_u64le(out, progress->elapsed_us);
    sl_part_end(out, at);
}

sl_status
sl_wire_progress_decode(const struct sl_wire_frame *frame, struct sl_wire_progress *out_progress,
                        struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_PROGRESS, NULL);
    out_progress->rows_total = sl_cursor_u64le(&r.cursor);
    out_progress->rows_done = sl_cursor_u64le(&r.cursor);
    out_progress->bytes_read = sl_cursor_u64le(&r.cursor);
    out_progress->elapsed_us = sl_cursor_u64le(&r.cursor);
    return sl_part_finish(&r, err);
}

void
sl_wire_done_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_done *done)
{
    size_t at = sl_part_begin(out, SL_WIRE_DONE, tag);
    sl_buf_u32le(out, done->flags);
    sl_buf_u64le(out, done->affected_rows);
    sl_buf_u64le(out, done->result_rows);
    sl_buf_u64le(out, done->elapsed_us);
    sl_buf_u32le(out, done->warning_total);
    sl_buf_u32le(out, done->warning_count);
    for (uint32_t i = 0; i < done->warning_count; i++) {
        sl_buf_u16le(out, done->warnings[i].sql_number);
        sl_part_put_text(out, done->warnings[i].text);
    }
    sl_buf_u32le(out, done->change_count);
    for (uint32_t i = 0; i < done->change_count; i++) {
        sl_part_put_text(out, done->changes[i].name);
        sl_part_put_value(out, &done->changes[i].value);
    }
    sl_part_end(out, at);
}

sl_status
sl_wire_done_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                    struct sl_wire_done *out_done, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_DONE, arena);
    *out_done = (struct sl_wire_done){.flags = sl_part_flags(&r, SL_WIRE_DONE_MORE)};
    out_done->affected_rows = sl_cursor_u64le(&r.cursor);
    out_done->result_rows = sl_cursor_u64le(&r.cursor);
    out_done->elapsed_us = sl_cursor_u64le(&r.cursor);
    out_done->warning_total = sl_cursor_u32le(&r.cursor);

    uint32_t count = sl_part_count(&r, SL_WIRE_WARNINGS_MAX, WARNING_BYTES_MIN);
    struct sl_wire_warning *warnings = sl_part_array(&r, count, sizeof(*warnings));
    for (uint32_t i = 0; i < count && !r.cursor.bad; i++) {
        warnings[i].sql_number = sl_cursor_u16le(&r.cursor);
        warnings[i].text = sl_part_text(&r, SL_WIRE_ERROR_TEXT_BYTES_MAX);
    }
    out_done->warnings = warnings;
    out_done->warning_count = count;

    count = sl_part_count(&r, SL_WIRE_CHANGES_MAX, VARIABLE_BYTES_MIN);
    struct sl_wire_change *changes = sl_part_array(&r, count, sizeof(*changes));
    for (uint32_t i = 0; i < count && !r.cursor.bad; i++) {
        changes[i].name = sl_part_text(&r, SL_WIRE_NAME_BYTES_MAX);
        changes[i].value = sl_part_value(&r);
    }
    out_done->changes = changes;
    out_done->change_count = count;
    return sl_part_finish(&r, err);
}

/* ---- a client's file ---- */

void
sl_wire_file_wanted_encode(struct sl_buf *out, uint32_t tag, const char *name)
{
    size_t at = sl_part_begin(out, SL_WIRE_FILE_WANTED, tag);
    sl_part_put_text(out, name);
    sl_part_end(out, at);
}

sl_status
sl_wire_file_wanted_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                           const char **out_name, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_FILE_WANTED, arena);
    *out_name = sl_part_text(&r, SL_PATH_BYTES_MAX);
    return sl_part_finish(&r, err);
}

void
sl_wire_file_data_encode(struct sl_buf *out, uint32_t tag, struct sl_slice bytes)
{
    size_t at = sl_part_begin(out, SL_WIRE_FILE_DATA, tag);
    sl_buf_append(out, bytes.bytes, bytes.size_bytes);
    sl_part_end(out, at);
}

void
sl_wire_file_end_encode(struct sl_buf *out, uint32_t tag, const char *reason)
{
    size_t at = sl_part_begin(out, SL_WIRE_FILE_END, tag);
    sl_part_put_text(out, reason);
    sl_part_end(out, at);
}

sl_status
sl_wire_file_end_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                        const char **out_reason, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_FILE_END, arena);
    *out_reason = sl_part_text(&r, SL_WIRE_ERROR_TEXT_BYTES_MAX);
    return sl_part_finish(&r, err);
}
