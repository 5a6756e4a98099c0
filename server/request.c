/*
 * request.c - see request.h.
 */
#include "server/request.h"

#include <stdatomic.h>

#include "ingest/ingest.h"
#include "server/stats.h"
#include "server/status_screen.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/store.h"

enum {
    REQUEST_MAGIC = 0x52455155,
    INGEST_FLUSH_US = 30 * SL_US_PER_S,
    PIECE_ROWS_MIN = 64,  /* sl_vector_view counts so */
    STEP_BYTES = 1 << 20, /* a step ends when it has computed so much */
    OUT_BYTES_MAX = SL_WIRE_FRAME_BYTES_MAX + (8 << 20),
    DECODED_BYTES_MAX = 64 << 20, /* a payload of 17 MiB, its copy and its values */
};

/* ---- life ---- */

static sl_status
decode(struct sl_request *r, const struct sl_wire_frame *frame, struct sl_error *err)
{
    struct sl_wire_query query = {0};
    struct sl_wire_execute execute = {0};

    switch (frame->type) {
    case SL_WIRE_QUERY:
    case SL_WIRE_PREPARE:
        SL_TRY(sl_wire_query_decode(frame, r->arena, &query, err));
        r->session = query.session;
        r->text = query.text;
        return SL_OK;
    case SL_WIRE_EXECUTE:
        SL_TRY(sl_wire_execute_decode(frame, r->arena, &execute, err));
        r->session = execute.session;
        r->statement_id = execute.statement_id;
        return SL_OK;
    case SL_WIRE_DESCRIBE:
        return sl_wire_statement_decode(frame, &r->statement_id, err);
    case SL_WIRE_INSERT_OPEN:
        return sl_wire_insert_open_decode(frame, r->arena, &r->producer, err);
    case SL_WIRE_IMPORT:
        return sl_wire_import_decode(frame, &r->import, err);
    case SL_WIRE_FLUSH:
        return sl_wire_flush_decode(frame, &r->flush_flags, err);
    case SL_WIRE_STATUS:
        return sl_wire_empty_decode(frame, err);
    case SL_WIRE_USER:
        return sl_wire_user_decode(frame, r->arena, &r->change, err);
    default:
        SL_ASSERT(false); /* the conversation makes requests of these frames only */
    }
    return SL_FORMAT;
}

sl_status
sl_request_create(const struct sl_service *service, struct sl_entry *entry, const char *user,
                  const struct sl_wire_frame *frame, struct sl_request **out_request,
                  struct sl_error *err)
{
    struct sl_request *r = sl_new(sizeof(*r));
    *out_request = NULL;
    r->magic = REQUEST_MAGIC;
    r->service = service;
    r->entry = entry;
    r->user = user;
    r->type = frame->type;
    r->tag = frame->tag;
    r->started_us = sl_clock_monotonic_us();
    r->arena = sl_arena_create(DECODED_BYTES_MAX);
    r->out = sl_buf_empty(OUT_BYTES_MAX);
    r->input = sl_buf_empty(2 * SL_REQUEST_INPUT_BYTES + SL_WIRE_META_BYTES_MAX);

    sl_status st;
    struct sl_wire_frame copy = *frame;
    uint8_t *payload = sl_arena_alloc(r->arena, frame->payload_bytes);
    if (payload == NULL) {
        st = sl_fail(err, SL_LIMIT, "no memory for a request of %zu bytes", frame->payload_bytes);
    } else {
        if (frame->payload_bytes != 0)
            memcpy(payload, frame->payload, frame->payload_bytes);
        copy.payload = payload;
        st = decode(r, &copy, err);
    }
    if (st != SL_OK) {
        sl_request_destroy(r);
        return st;
    }
    *out_request = r;
    return SL_OK;
}

static void
drop_query(struct sl_request *r)
{
    if (r->query == NULL)
        return;
    (void)sl_entry_set_query(r->entry, NULL); /* true: nothing is refused to be taken back */
    sl_query_free(r->query);
    r->query = NULL;
}

void
sl_request_destroy(struct sl_request *r)
{
    if (r == NULL)
        return;
    SL_ASSERT(r->magic == REQUEST_MAGIC);
    drop_query(r);
    free(r->columns);
    sl_buf_fini(&r->out);
    sl_buf_fini(&r->input);
    sl_arena_destroy(r->arena);
    sl_retire(&r->magic);
    free(r);
}

void
sl_request_bind(struct sl_request *r, const struct sl_statement_text *statement)
{
    r->text = (struct sl_slice){.bytes = (const uint8_t *)statement->text,
                                .size_bytes = (uint32_t)statement->text_bytes};
    if (r->type != SL_WIRE_DESCRIBE)
        return;
    r->session.dialect = statement->dialect;
    r->session.database = statement->database;
    r->session.time_zone = statement->time_zone;
}

const char *
sl_request_what(const struct sl_request *r)
{
    switch (r->type) {
    case SL_WIRE_PREPARE:
        return "prepare";
    case SL_WIRE_DESCRIBE:
        return "describe";
    case SL_WIRE_EXECUTE:
        return "execute";
    case SL_WIRE_INSERT_OPEN:
        return "insert";
    case SL_WIRE_IMPORT:
        return "import";
    case SL_WIRE_FLUSH:
        return "flush";
    case SL_WIRE_STATUS:
        return "status";
    case SL_WIRE_USER:
        return "user";
    default:
        return "query";
    }
}

/* ---- answers ---- */

static void
fail(struct sl_request *r, const struct sl_error *error)
{
    struct sl_stats *stats = r->service->stats;
    sl_stats_add(stats, SL_COUNTER_STATEMENTS_FAILED, 1);
    if (error->status == SL_CANCELLED)
        sl_stats_add(stats, SL_COUNTER_STATEMENTS_CANCELLED, 1);
    drop_query(r);
    sl_wire_error_encode(&r->out, r->tag, error);
    r->has_failed = true;
    r->is_done = true;
}

static void
finish(struct sl_request *r)
{
    struct sl_wire_done done = {
        .elapsed_us = (uint64_t)(sl_clock_monotonic_us() - r->started_us),
    };
    sl_wire_done_encode(&r->out, r->tag, &done);
    r->is_done = true;
}

/* ---- statements ---- */

static struct sl_value
value_of(const struct sl_wire_value *wire)
{
    struct sl_value value = {.type = wire->type, .scale = wire->scale, .is_null = wire->is_null};
    if (wire->is_null)
        return value;
    switch (wire->type) {
    case SL_TYPE_I64:
    case SL_TYPE_TIME:
    case SL_TYPE_DATE:
    case SL_TYPE_SPAN:
        value.as.i64 = wire->as.i64;
        break;
    case SL_TYPE_F64:
        value.as.f64 = wire->as.f64;
        break;
    case SL_TYPE_DECIMAL:
        value.as.i128 = wire->as.i128;
        break;
    case SL_TYPE_ADDR:
        value.as.addr = wire->as.addr;
        break;
    case SL_TYPE_TEXT:
    case SL_TYPE_OCTETS:
        value.as.slice = wire->as.slice;
        break;
    case SL_TYPE_U8:
    case SL_TYPE_U16:
    case SL_TYPE_U32:
    case SL_TYPE_U64:
    case SL_TYPE_BOOL:
    case SL_TYPE_MAC:
        value.as.u64 = wire->as.u64;
        break;
    case SL_TYPE_NULL:
    case SL_TYPE_COUNT:
        break;
    }
    return value;
}

/* The session as the query layer wants it; arrays live in `arena`. */
static sl_status
session_of(const struct sl_request *r, struct sl_arena *arena, struct sl_session *out_session,
           struct sl_error *err)
{
    const struct sl_wire_session *wire = &r->session;
    struct sl_variable *variables =
        sl_arena_calloc(arena, wire->variable_count, sizeof(*variables));
    struct sl_value *parameters =
        sl_arena_calloc(arena, wire->parameter_count, sizeof(*parameters));
    if (variables == NULL || parameters == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for the variables of a statement");
    for (uint32_t i = 0; i < wire->variable_count; i++) {
        variables[i].name = wire->variables[i].name;
        variables[i].value = value_of(&wire->variables[i].value);
    }
    for (uint32_t i = 0; i < wire->parameter_count; i++)
        parameters[i] = value_of(&wire->parameters[i]);

    *out_session = (struct sl_session){
        .dialect = wire->dialect == SL_WIRE_MYSQL ? SL_DIALECT_MYSQL : SL_DIALECT_NATIVE,
        .database = wire->database,
        .time_zone = wire->time_zone,
        .user = r->user,
        .is_reader = r->role < SL_ROLE_WRITER,
        .connection_id = sl_entry_id(r->entry),
        .variables = variables,
        .variable_count = wire->variable_count,
        .parameters = parameters,
        .parameter_count = wire->parameter_count,
    };
    return SL_OK;
}

/* A value of the query layer on the wire. */
static struct sl_wire_value
wire_value_of(const struct sl_value *value)
{
    struct sl_wire_value wire = {
        .type = value->type, .scale = value->scale, .is_null = value->is_null};
    switch (value->type) {
    case SL_TYPE_F64:
        wire.as.f64 = value->as.f64;
        break;
    case SL_TYPE_DECIMAL:
        wire.as.i128 = value->as.i128;
        break;
    case SL_TYPE_ADDR:
        wire.as.addr = value->as.addr;
        break;
    case SL_TYPE_TEXT:
    case SL_TYPE_OCTETS:
        wire.as.slice = value->as.slice;
        break;
    default:
        wire.as.u64 = value->as.u64; /* eight bytes, signed or not */
        break;
    }
    return wire;
}

static sl_status
prepare(const struct sl_request *r, size_t text_offset, struct sl_query **out_query,
        struct sl_error *err)
{
    struct sl_query_env env = r->service->env;
    if (r->session.timeout_us != 0 && r->session.timeout_us < INT64_MAX &&
        (env.timeout_us == 0 || (int64_t)r->session.timeout_us < env.timeout_us))
        env.timeout_us = (int64_t)r->session.timeout_us;

    struct sl_session session;
    sl_status st = session_of(r, r->arena, &session, err);
    if (st == SL_OK)
        st = sl_query_prepare(&env, &session, (const char *)r->text.bytes + text_offset,
                              r->text.size_bytes - text_offset, out_query, err);
    return st;
}

/* Skip blanks, semicolons and comments (not the ones that MySQL executes); the offset of the next
 * statement, or the text's size when there is none. */
static size_t
skip_blank(struct sl_slice text, size_t at)
{
    while (at < text.size_bytes) {
        const uint8_t *p = text.bytes + at;
        size_t left = text.size_bytes - at;
        if (*p == ' ' || *p == ';' || (*p >= '\t' && *p <= '\r')) {
            at++;
        } else if (*p == '#' || (left >= 3 && p[0] == '-' && p[1] == '-' && p[2] <= ' ')) {
            const uint8_t *end = memchr(p, '\n', left);
            at = end == NULL ? text.size_bytes : (size_t)(end - text.bytes);
        } else if (left >= 3 && p[0] == '/' && p[1] == '*' && p[2] != '!') {
            const uint8_t *end = memmem(p + 2, left - 2, "*/", 2);
            at = end == NULL ? text.size_bytes : (size_t)(end - text.bytes) + 2;
        } else {
            break;
        }
    }
    return at;
}

static sl_status
copy_columns(const struct sl_query_info *info, struct sl_wire_column **out_columns,
             struct sl_error *err)
{
    *out_columns = sl_try_alloc((info->column_count + 1) * sizeof(**out_columns));
    if (*out_columns == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for the columns of a result");
    for (uint32_t i = 0; i < info->column_count; i++) {
        const struct sl_result_column *from = &info->columns[i];
        (*out_columns)[i] = (struct sl_wire_column){
            .name = from->name,
            .table = from->table,
            .origin = from->origin,
            .type = from->type.type,
            .scale = from->type.scale,
            .is_nullable = from->type.is_nullable,
            .is_binary = from->type.is_binary,
            .length = from->type.length,
        };
    }
    return SL_OK;
}

/* LOAD DATA: the client is to send its file. */
static sl_status
ask_for_file(struct sl_request *r, struct sl_error *err)
{
    const char *file = sl_query_info(r->query)->file;
    if (file == NULL)
        return SL_OK;
    if ((r->features & SL_WIRE_FEATURE_LOCAL_FILE) == 0)
        return sl_fail(err, SL_UNSUPPORTED, "this client sends no files");
    r->is_file_ended = false;
    r->wants_file = true;
    sl_wire_file_wanted_encode(&r->out, r->tag, file);
    return SL_OK;
}

/* Prepare the statement at text_offset and send the head of its result. */
static sl_status
begin_statement(struct sl_request *r, struct sl_error *err)
{
    sl_stats_add(r->service->stats, SL_COUNTER_STATEMENTS, 1);
    r->statement_us = sl_clock_monotonic_us();
    r->result_rows = 0;
    r->is_inserted = false;
    SL_TRY(prepare(r, r->text_offset, &r->query, err));
    if (!sl_entry_set_query(r->entry, r->query)) {
        sl_query_free(r->query);
        r->query = NULL;
        return sl_fail(err, SL_CANCELLED, "the statement was cancelled");
    }
    const struct sl_query_info *info = sl_query_info(r->query);
    if (info->parameter_count != r->session.parameter_count)
        return sl_fail(err, SL_SYNTAX,
                       "the statement has %" PRIu32 " parameters, %" PRIu32 " values came with it",
                       info->parameter_count, r->session.parameter_count);

    r->text_offset = skip_blank(r->text, r->text_offset + info->consumed_bytes);
    bool has_more = r->text_offset < r->text.size_bytes;
    if (has_more && (r->session.flags & SL_WIRE_QUERY_MULTI) == 0)
        return sl_fail(err, SL_SYNTAX, "one statement at a time: another begins at offset %zu",
                       r->text_offset);

    free(r->columns);
    r->columns = NULL;
    SL_TRY(copy_columns(info, &r->columns, err));
    struct sl_wire_result result = {.columns = r->columns, .column_count = info->column_count};
    sl_wire_result_encode(&r->out, r->tag, &result);
    if (r->out.bad)
        return sl_fail(err, SL_LIMIT, "the names of the result's columns are too long");
    r->has_head = true;
    return ask_for_file(r, err);
}

/* A copy that lives as long as the request. */
static sl_status
keep_change(struct sl_request *r, const struct sl_variable *from, struct sl_wire_variable *out_kept,
            struct sl_error *err)
{
    out_kept->name = sl_arena_string(r->arena, from->name, strlen(from->name));
    out_kept->value = wire_value_of(&from->value);
    bool is_bytes = !from->value.is_null && sl_type_is_bytes(from->value.type);
    if (is_bytes)
        out_kept->value.as.slice.bytes = (const uint8_t *)sl_arena_string(
            r->arena, (const char *)from->value.as.slice.bytes, from->value.as.slice.size_bytes);
    if (out_kept->name == NULL || (is_bytes && out_kept->value.as.slice.bytes == NULL))
        return sl_fail(err, SL_LIMIT, "no memory for the variables of a session");
    return SL_OK;
}

/* What a statement has set holds for those behind it in the same text, and is told to the client in
 * DONE. The newest variable of a name stands first, which is the one that counts. */
static sl_status
take_changes(struct sl_request *r, struct sl_wire_change **out_changes, struct sl_error *err)
{
    const struct sl_query_info *info = sl_query_info(r->query);
    uint32_t count = info->change_count;
    uint32_t old_count = r->session.variable_count;
    struct sl_wire_change *changes = sl_arena_calloc(r->arena, count, sizeof(*changes));
    struct sl_wire_variable *all =
        sl_arena_calloc(r->arena, (size_t)count + old_count, sizeof(*all));
    uint32_t used = 0;
    if (changes == NULL || all == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for the variables of a session");
    for (uint32_t i = count; i-- > 0;) {
        struct sl_wire_variable kept;
        SL_TRY(keep_change(r, &info->changes[i], &kept, err));
        changes[i] = (struct sl_wire_change){.name = kept.name, .value = kept.value};
        if (kept.name[0] == '@')
            all[used++] = kept;
    }
    for (uint32_t i = 0; i < count; i++) {
        const char *text = (const char *)changes[i].value.as.slice.bytes;
        if (strcmp(changes[i].name, "database") == 0)
            r->session.database = text;
        else if (strcmp(changes[i].name, "time_zone") == 0)
            r->session.time_zone = text;
    }
    for (uint32_t i = 0; i < old_count; i++)
        all[used++] = r->session.variables[i];
    r->session.variables = all;
    r->session.variable_count = used;
    *out_changes = changes;
    return SL_OK;
}

/* Said once: a program that cleans up every night shall not surprise, nor be surprised. */
static void
log_delete(const struct sl_request *r)
{
    static atomic_bool is_told;
    const struct sl_query_info *info = sl_query_info(r->query);
    if (!info->is_limited || atomic_exchange(&is_told, true))
        return;
    sl_log(SL_LOG_INFO, "server",
           "a DELETE of a MySQL client removed %" PRIu64
           " flows: mysql-delete = %s (own: only those that INSERTs into the same table brought; "
           "off: none; all: every flow that it names)",
           info->affected_rows, sl_config_text(r->service->config, SL_OPTION_MYSQL_DELETE));
}

static sl_status
kill(const struct sl_request *r, struct sl_error *err)
{
    const struct sl_query_info *info = sl_query_info(r->query);
    const char *user = r->role == SL_ROLE_ADMIN ? NULL : r->user;
    return sl_registry_kill(r->service->registry, info->kill_id, info->kills_connection, user, err);
}

static sl_status
end_statement(struct sl_request *r, struct sl_error *err)
{
    log_delete(r);
    struct sl_stats *stats = r->service->stats;
    bool has_more = r->text_offset < r->text.size_bytes;
    uint32_t change_count = sl_query_info(r->query)->change_count;
    struct sl_wire_change *changes = NULL;
    if (sl_query_info(r->query)->is_kill)
        SL_TRY(kill(r, err));
    if (change_count != 0)
        SL_TRY(take_changes(r, &changes, err));
    struct sl_wire_done done = {
        .changes = changes,
        .change_count = change_count,
        .flags = has_more ? SL_WIRE_DONE_MORE : 0,
        .affected_rows = sl_query_info(r->query)->affected_rows,
        .warning_total = sl_query_info(r->query)->warning_count,
        .result_rows = r->result_rows,
        .elapsed_us = (uint64_t)(sl_clock_monotonic_us() - r->statement_us),
    };
    drop_query(r);
    sl_stats_add(stats, SL_COUNTER_STATEMENT_US, done.elapsed_us);
    sl_stats_add(stats, SL_COUNTER_ROWS_SENT, r->result_rows);
    sl_wire_done_encode(&r->out, r->tag, &done);
    r->has_head = false;
    r->is_done = !has_more;
    return SL_OK;
}

static enum sl_insert_ack
insert_ack(const struct sl_request *r)
{
    if (sl_query_info(r->query)->is_delayed)
        return SL_INSERT_RECEIVED;
    if (r->session.dialect != SL_WIRE_MYSQL)
        return SL_INSERT_DURABLE;
    return (enum sl_insert_ack)sl_config_number(r->service->config, SL_OPTION_MYSQL_INSERT_ACK);
}

/* What has come of the file; behind the last piece, that it was the last. */
static sl_status
feed(struct sl_request *r, struct sl_error *err)
{
    if (r->is_file_ended && r->file_reason[0] != '\0')
        return sl_fail(err, SL_MISSING, "the client could not send its file: %.200s",
                       r->file_reason);
    sl_status st = sl_query_feed(r->query, r->input.bytes, r->input.size_bytes, err);
    sl_buf_clear(&r->input);
    return st;
}

/* INSERT: further rows, then what became of them. Also after a wait, which the ticket ended. */
static sl_status
continue_insert(struct sl_request *r, struct sl_error *err)
{
    const struct sl_error *failure = &r->ticket->failure;
    bool has_waited = r->is_waiting;
    r->is_waiting = false;
    if (has_waited && failure->status != SL_OK) {
        *err = *failure;
        return failure->status;
    }
    if (r->is_inserted)
        return end_statement(r, err);
    if (sl_query_info(r->query)->wants_input) {
        r->wants_input = r->input.size_bytes < SL_REQUEST_INPUT_BYTES && !r->is_file_ended;
        if (r->wants_input)
            return SL_OK;
        SL_TRY(feed(r, err));
    }
    return sl_inserts_put(r->service->sql_inserts, r->query, insert_ack(r), r->ticket,
                          &r->is_inserted, &r->is_waiting, err);
}

/* A piece of the rows as a frame; *out_fits is false when they are too many bytes for one. */
static sl_status
put_piece(struct sl_request *r, uint32_t rows, bool *out_fits, struct sl_error *err)
{
    uint32_t columns = sl_query_info(r->query)->column_count;
    size_t good_bytes = r->out.size_bytes;
    struct sl_vector *views = sl_try_alloc(columns * sizeof(*views));
    if (views == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for rows of the result");
    for (uint32_t i = 0; i < columns; i++)
        views[i] = sl_vector_view(&r->rows.vectors[i], r->rows.first, rows);
    sl_wire_data_encode(&r->out, r->tag, r->columns, views, columns, rows);
    free(views);
    *out_fits = !r->out.bad;
    if (r->out.bad) {
        r->out.bad = false;
        r->out.size_bytes = good_bytes;
    }
    return SL_OK;
}

/* The next rows of the statement, or its end. */
static sl_status
continue_statement(struct sl_request *r, struct sl_error *err)
{
    struct sl_request_rows *rows = &r->rows;
    bool fits = false;
    if (sl_query_info(r->query)->kind == SL_STATEMENT_INSERT)
        return continue_insert(r, err);
    if (rows->first == rows->count) {
        *rows = (struct sl_request_rows){0};
        SL_TRY(sl_query_next(r->query, &rows->vectors, &rows->count, err));
        if (rows->count == 0)
            return end_statement(r, err);
        rows->piece = rows->count;
    }
    uint32_t piece = (uint32_t)sl_min_size(rows->piece, rows->count - rows->first);
    SL_TRY(put_piece(r, piece, &fits, err));
    if (!fits && piece <= PIECE_ROWS_MIN)
        return sl_fail(err, SL_LIMIT, "%" PRIu32 " rows of the result take more than %d MiB", piece,
                       (int)(SL_WIRE_DATA_BYTES_MAX >> 20));
    if (!fits) {
        /* Well below the limit, for whoever must hold the frame. */
        rows->piece = piece / 8 / PIECE_ROWS_MIN * PIECE_ROWS_MIN;
        if (rows->piece == 0)
            rows->piece = PIECE_ROWS_MIN;
        return SL_OK;
    }
    rows->first += piece;
    r->result_rows += piece;
    return SL_OK;
}

static sl_status
step_statements(struct sl_request *r, struct sl_error *err)
{
    bool wants_progress = (r->session.flags & SL_WIRE_QUERY_PROGRESS) != 0;
    if (r->query == NULL && r->text_offset == 0)
        r->text_offset = skip_blank(r->text, 0);
    while (!r->is_done && r->out.size_bytes < STEP_BYTES) {
        if (sl_entry_is_cancelled(r->entry))
            return sl_fail(err, SL_CANCELLED, "the statement was cancelled");
        if (r->query != NULL) {
            SL_TRY(continue_statement(r, err));
            if (r->is_waiting || r->wants_input)
                return SL_OK;
        } else {
            SL_TRY(begin_statement(r, err));
            if (wants_progress)
                return SL_OK; /* the head goes out before the work begins */
        }
    }
    return SL_OK;
}

/* PREPARE and DESCRIBE: what it needs and gives, without running it. */
static sl_status
describe(struct sl_request *r, struct sl_error *err)
{
    r->session.parameter_count = 0;
    SL_TRY(prepare(r, 0, &r->query, err));
    const struct sl_query_info *info = sl_query_info(r->query);
    if (skip_blank(r->text, info->consumed_bytes) < r->text.size_bytes) {
        sl_query_free(r->query);
        r->query = NULL;
        return sl_fail(err, SL_SYNTAX, "one statement at a time can be prepared");
    }
    struct sl_wire_prepared prepared = {.statement_id = r->statement_id,
                                        .parameter_count = info->parameter_count};
    sl_status st = copy_columns(info, &r->columns, err);
    if (st == SL_OK) {
        prepared.result =
            (struct sl_wire_result){.columns = r->columns, .column_count = info->column_count};
        sl_wire_prepared_encode(&r->out, r->tag, &prepared);
        if (r->out.bad)
            st = sl_fail(err, SL_LIMIT, "the names of the result's columns are too long");
    }
    sl_query_free(r->query);
    r->query = NULL;
    r->is_done = true;
    return st;
}

/* ---- the store ---- */

static sl_status
open_producer(struct sl_request *r, struct sl_error *err)
{
    SL_TRY(sl_store_producer_open(r->service->store, r->producer, &r->ready.epoch,
                                  &r->ready.batch_number, err));
    r->ready.oldest_us = sl_store_retention_from_us(r->service->store);
    r->is_done = true; /* the connection answers, once its lane is open */
    return SL_OK;
}

static sl_status
import(struct sl_request *r, struct sl_error *err)
{
    struct sl_store *store = r->service->store;
    struct sl_import_state state = {0};
    struct sl_wire_import_state wire = {0};

    switch (r->import.verb) {
    case SL_WIRE_IMPORT_FIND:
        SL_TRY(sl_store_import_find(store, r->import.id, &state, err));
        wire.offset = state.offset;
        wire.is_finished = state.is_finished;
        sl_wire_import_state_encode(&r->out, r->tag, &wire);
        r->is_done = true;
        return SL_OK;
    case SL_WIRE_IMPORT_FINISH:
        SL_TRY(sl_store_import_finish(store, r->import.id, err));
        break;
    case SL_WIRE_IMPORT_FORGET:
        SL_TRY(sl_store_import_forget(store, r->import.id, err));
        break;
    }
    finish(r);
    return SL_OK;
}

static sl_status
flush(struct sl_request *r, struct sl_error *err)
{
    SL_TRY(sl_ingest_flush(r->service->ingest, INGEST_FLUSH_US, err));
    SL_TRY(sl_store_flush(r->service->store, err));
    if ((r->flush_flags & SL_WIRE_FLUSH_MERGE) != 0)
        SL_TRY(sl_store_merge_all(r->service->store, err));
    finish(r);
    return SL_OK;
}

static sl_status
status(struct sl_request *r)
{
    struct sl_buf text = sl_buf_empty(SL_WIRE_META_BYTES_MAX);
    sl_status_screen(r->service, &text);
    sl_wire_status_text_encode(
        &r->out, r->tag,
        (struct sl_slice){.bytes = text.bytes, .size_bytes = (uint32_t)text.size_bytes});
    sl_buf_fini(&text);
    r->is_done = true;
    return SL_OK;
}

/* ---- users ---- */

static sl_status
check_user_change(const struct sl_request *r, struct sl_verifier *out_verifier,
                  struct sl_error *err)
{
    const struct sl_wire_user *change = &r->change;
    bool is_own = change->verb == SL_WIRE_USER_PASSWORD && strcmp(change->name, r->user) == 0;
    bool has_verifier = change->verb == SL_WIRE_USER_ADD || change->verb == SL_WIRE_USER_PASSWORD;
    if (r->role != SL_ROLE_ADMIN && !is_own)
        return sl_fail(err, SL_DENIED, "users are an admin's: the role of \"%.80s\" is %s", r->user,
                       sl_role_name(r->role));
    if (has_verifier && (change->verifier.size_bytes != SL_VERIFIER_BYTES ||
                         !sl_verifier_decode(change->verifier.bytes, out_verifier)))
        return sl_fail(err, SL_TYPE, "USER does not carry a verifier");
    return SL_OK;
}

static sl_status
add_user(struct sl_request *r, const struct sl_verifier *verifier, struct sl_error *err)
{
    struct sl_user user = {.verifier = *verifier};
    if (strlen(r->change.name) > SL_USER_NAME_BYTES_MAX)
        return sl_fail(err, SL_NAME, "a user has a name of 1 to %d bytes on one line",
                       (int)SL_USER_NAME_BYTES_MAX);
    if (!sl_role_parse(r->change.role, &user.role))
        return sl_fail(err, SL_NAME, "no such role: \"%.80s\"", r->change.role);
    memcpy(user.name, r->change.name, strlen(r->change.name) + 1);
    return sl_users_add(r->service->users, &user, err);
}

static sl_status
change_user(struct sl_request *r, struct sl_error *err)
{
    struct sl_users *users = r->service->users;
    struct sl_verifier verifier = {0};
    SL_TRY(check_user_change(r, &verifier, err));
    switch (r->change.verb) {
    case SL_WIRE_USER_ADD:
        SL_TRY(add_user(r, &verifier, err));
        break;
    case SL_WIRE_USER_REMOVE:
        SL_TRY(sl_users_remove(users, r->change.name, err));
        break;
    case SL_WIRE_USER_PASSWORD:
        SL_TRY(sl_users_set_verifier(users, r->change.name, &verifier, err));
        break;
    case SL_WIRE_USER_LIST: {
        struct sl_buf text = sl_buf_empty(SL_WIRE_META_BYTES_MAX);
        sl_users_list(users, &text);
        sl_wire_status_text_encode(
            &r->out, r->tag,
            (struct sl_slice){.bytes = text.bytes, .size_bytes = (uint32_t)text.size_bytes});
        sl_buf_fini(&text);
        r->is_done = true;
        return SL_OK;
    }
    }
    finish(r);
    return SL_OK;
}

static sl_status
step(struct sl_request *r, struct sl_error *err)
{
    switch (r->type) {
    case SL_WIRE_PREPARE:
    case SL_WIRE_DESCRIBE:
        return describe(r, err);
    case SL_WIRE_INSERT_OPEN:
        return open_producer(r, err);
    case SL_WIRE_IMPORT:
        return import(r, err);
    case SL_WIRE_FLUSH:
        return flush(r, err);
    case SL_WIRE_STATUS:
        return status(r);
    case SL_WIRE_USER:
        return change_user(r, err);
    default:
        return step_statements(r, err);
    }
}

sl_status
sl_request_take_file(struct sl_request *r, const struct sl_wire_frame *frame, struct sl_error *err)
{
    SL_ASSERT(r->wants_input);
    if (frame->type == SL_WIRE_FILE_END) {
        SL_TRY(sl_wire_file_end_decode(frame, r->arena, &r->file_reason, err));
        r->is_file_ended = true;
    } else {
        sl_buf_append(&r->input, frame->payload, frame->payload_bytes);
        SL_ASSERT(!r->input.bad); /* a step takes it away beyond SL_REQUEST_INPUT_BYTES */
    }
    r->wants_input = !r->is_file_ended && r->input.size_bytes < SL_REQUEST_INPUT_BYTES;
    return SL_OK;
}

bool
sl_request_is_ending(const struct sl_request *r)
{
    return r->is_waiting && r->is_inserted && r->text_offset >= r->text.size_bytes;
}

void
sl_request_step(struct sl_request *r)
{
    struct sl_error err = {0};
    SL_ASSERT(r->magic == REQUEST_MAGIC);
    SL_ASSERT(!r->is_done);
    sl_status st = step(r, &err);
    if (st == SL_OK)
        return;
    r->out.bad = false;
    err.status = st;
    fail(r, &err);
}
