/*
 * request_statement.c - the statements of a request: prepare, rows, what an INSERT waits for, the end.
 */
#include "server/request_statement.h"

#include <stdatomic.h>

#include "server/stats.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"

enum {
    PIECE_ROWS_MIN = 64,  /* sl_vector_view counts so */
    STEP_BYTES = 1 << 20, /* a step ends when it has computed so much */
    LIGHT_PARAMETERS_MAX = 256,
    SLOW_US = 10 * SL_US_PER_S, /* MySQL's long_query_time */
};

static sl_status
prepare(const struct sl_request *r, size_t text_offset, struct sl_query **out_query,
        struct sl_error *err)
{
    struct sl_query_env env = r->service->env;
    if (r->session.timeout_us != 0 && r->session.timeout_us < INT64_MAX &&
        (env.timeout_us == 0 || (int64_t)r->session.timeout_us < env.timeout_us))
        env.timeout_us = (int64_t)r->session.timeout_us;

    if (r->is_tried) {
        env.pool = NULL;
        env.settle = NULL;
        env.timeout_us = SL_REQUEST_TRY_US;
        env.rows_max = SL_REQUEST_MOMENT_ROWS;
    }
    struct sl_session session;
    sl_status st = sl_request_session(r, &session, err);
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
    if (!r->is_tried)
        sl_stats_add(r->service->stats, SL_COUNTER_STATEMENTS, 1);
    r->statement_us = sl_clock_monotonic_us();
    r->result_rows = 0;
    r->is_inserted = false;
    SL_TRY(prepare(r, r->text_offset, &r->query, err));
    if (r->is_tried && !sl_query_is_narrow(r->query)) {
        sl_query_free(r->query);
        r->query = NULL;
        return sl_fail(err, SL_UNSUPPORTED, "not narrow");
    }
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
           " flows: mysql-delete = %s (own: only what INSERTs into the same table brought; "
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

/* For ROW_COUNT() and FOUND_ROWS() of the next statement. */
static void
keep_counts(struct sl_request *r)
{
    const struct sl_query_info *info = sl_query_info(r->query);
    struct sl_entry_counts counts = sl_entry_counts(r->entry);
    bool has_rows = info->kind == SL_STATEMENT_ROWS;

    counts.row_count = has_rows ? -1 : (int64_t)info->affected_rows;
    if (has_rows)
        counts.found_rows = info->found_rows < 0 ? (int64_t)r->result_rows : info->found_rows;
    sl_entry_set_counts(r->entry, counts);
}

/* What the statement had to say: for SHOW WARNINGS, and into DONE. `list` has room for all of them. */
static void
tell_warnings(struct sl_request *r, struct sl_wire_done *done, struct sl_wire_warning *list)
{
    struct sl_warnings *warnings = sl_entry_warnings(r->entry);

    if (sl_query_info(r->query)->keeps_warnings)
        return;
    sl_warnings_take(warnings, sl_query_warnings(r->query));
    done->warning_total = (uint32_t)sl_min_size(sl_warnings_total(warnings), UINT32_MAX);
    done->warnings = list;
    for (uint32_t i = 0; i < sl_warnings_places(warnings); i++)
        if (warnings->kept[i] != NULL)
            list[done->warning_count++] = (struct sl_wire_warning){
                .sql_number = warnings->kept[i]->number, .text = warnings->kept[i]->text};
}

static void
count_statement(const struct sl_request *r, uint64_t elapsed_us)
{
    static const enum sl_counter commands[] = {[SL_COMMAND_SELECT] = SL_COUNTER_SELECTS,
                                               [SL_COMMAND_INSERT] = SL_COUNTER_INSERTS,
                                               [SL_COMMAND_DELETE] = SL_COUNTER_DELETES,
                                               [SL_COMMAND_LOAD] = SL_COUNTER_LOADS};
    struct sl_stats *stats = r->service->stats;
    enum sl_command command = sl_query_info(r->query)->command;

    sl_stats_add(stats, SL_COUNTER_STATEMENT_US, elapsed_us);
    sl_stats_add(stats, SL_COUNTER_ROWS_SENT, r->result_rows);
    if (command != SL_COMMAND_OTHER)
        sl_stats_add(stats, commands[command], 1);
    if (elapsed_us > SLOW_US)
        sl_stats_add(stats, SL_COUNTER_STATEMENTS_SLOW, 1);
}

static sl_status
end_statement(struct sl_request *r, struct sl_error *err)
{
    _Static_assert((int)SL_WARNINGS_MAX == (int)SL_WIRE_WARNINGS_MAX, "all of them go on the wire");
    struct sl_wire_warning warnings[SL_WARNINGS_MAX];
    log_delete(r);
    bool has_more = r->text_offset < r->text.size_bytes;
    uint32_t change_count = sl_query_info(r->query)->change_count;
    struct sl_wire_change *changes = NULL;
    if (sl_query_info(r->query)->is_kill)
        SL_TRY(kill(r, err));
    if (change_count != 0)
        SL_TRY(sl_request_take_changes(r, &changes, err));
    struct sl_wire_done done = {
        .changes = changes,
        .change_count = change_count,
        .flags = has_more ? SL_WIRE_DONE_MORE : 0,
        .affected_rows = sl_query_info(r->query)->affected_rows,
        .result_rows = r->result_rows,
        .elapsed_us = (uint64_t)(sl_clock_monotonic_us() - r->statement_us),
    };
    tell_warnings(r, &done, warnings);
    sl_wire_done_encode(&r->out, r->tag, &done);
    if (r->out.bad)
        return sl_fail(err, SL_LIMIT, "the values that were set are too long for one answer");
    struct sl_query_progress progress;
    sl_query_progress(r->query, &progress);
    r->is_large = progress.rows_done > SL_REQUEST_MOMENT_ROWS;
    count_statement(r, done.elapsed_us);
    keep_counts(r);
    sl_request_drop_query(r);
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
    struct sl_vector *views = sl_try_alloc(columns * sizeof(*views));
    if (views == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for rows of the result");
    for (uint32_t i = 0; i < columns; i++)
        views[i] = sl_vector_view(&r->rows.vectors[i], r->rows.first, rows);
    sl_wire_data_encode(&r->out, r->tag, r->columns, views, columns, rows);
    free(views);
    *out_fits = !r->out.bad;
    r->out.bad = false;
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

sl_status
sl_request_step_statements(struct sl_request *r, struct sl_error *err)
{
    bool wants_progress = (r->session.flags & SL_WIRE_QUERY_PROGRESS) != 0;
    r->pause_us = 0;
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
            r->pause_us = sl_query_info(r->query)->pause_us;
            if (wants_progress || r->pause_us != 0)
                return SL_OK; /* the head goes out before the work begins */
        }
    }
    return SL_OK;
}

/* PREPARE and DESCRIBE: what it needs and gives, without running it. */
sl_status
sl_request_describe(struct sl_request *r, struct sl_error *err)
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

enum sl_query_weight
sl_request_weigh(const struct sl_request *r)
{
    bool is_statement = r->type == SL_WIRE_QUERY || r->type == SL_WIRE_EXECUTE;
    enum sl_dialect dialect =
        r->session.dialect == SL_WIRE_MYSQL ? SL_DIALECT_MYSQL : SL_DIALECT_NATIVE;
    if (!is_statement || r->session.parameter_count > LIGHT_PARAMETERS_MAX)
        return SL_QUERY_HEAVY;
    return sl_query_weigh(dialect, (const char *)r->text.bytes, r->text.size_bytes);
}

bool
sl_request_is_ending(const struct sl_request *r)
{
    return r->is_waiting && r->is_inserted && r->text_offset >= r->text.size_bytes;
}
