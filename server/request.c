/*
 * request.c - see request.h.
 */
#include "server/request.h"

#include "ingest/ingest.h"
#include "server/request_statement.h"
#include "server/stats.h"
#include "server/status_screen.h"
#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/log.h"
#include "storage/store.h"

enum {
    REQUEST_MAGIC = 0x52455155,
    INGEST_FLUSH_US = 30 * SL_US_PER_S,
    OUT_BYTES_MAX = SL_WIRE_FRAME_BYTES_MAX + (8 << 20),
    DECODED_BYTES_MAX = SL_WIRE_TEXT_BYTES_MAX + (32 << 20), /* a payload and its values */
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
    r->memory =
        (struct sl_budget){.limit_bytes = DECODED_BYTES_MAX, .outer = service->stream_budget};
    r->arena = sl_arena_create_shared(&r->memory);
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

void
sl_request_drop_query(struct sl_request *r)
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
    sl_request_drop_query(r);
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

/* For SHOW WARNINGS: what there was to say before the failure, and that. */
static void
keep_failure(struct sl_request *r, const struct sl_error *error)
{
    struct sl_warnings *warnings = sl_entry_warnings(r->entry);

    sl_warnings_fini(warnings);
    if (r->query != NULL)
        sl_warnings_take(warnings, sl_query_warnings(r->query));
    sl_warnings_add(warnings, SL_WARNING_ERROR, sl_wire_error_number(error), "%s",
                    sl_wire_error_story(error));
}

static void
fail(struct sl_request *r, const struct sl_error *error)
{
    struct sl_stats *stats = r->service->stats;
    struct sl_entry_counts counts = sl_entry_counts(r->entry);
    counts.row_count = -1;
    sl_entry_set_counts(r->entry, counts);
    keep_failure(r, error);
    sl_stats_add(stats, SL_COUNTER_STATEMENTS_FAILED, 1);
    if (error->status == SL_CANCELLED)
        sl_stats_add(stats, SL_COUNTER_STATEMENTS_CANCELLED, 1);
    sl_request_drop_query(r);
    sl_wire_error_encode(&r->out, r->tag, error);
    r->has_failed = true;
    r->is_done = true;
}

void
sl_request_finish(struct sl_request *r)
{
    struct sl_wire_done done = {
        .elapsed_us = (uint64_t)(sl_clock_monotonic_us() - r->started_us),
    };
    sl_wire_done_encode(&r->out, r->tag, &done);
    r->is_done = true;
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
    sl_request_finish(r);
    return SL_OK;
}

static sl_status
flush(struct sl_request *r, struct sl_error *err)
{
    SL_TRY(sl_ingest_flush(r->service->ingest, INGEST_FLUSH_US, err));
    SL_TRY(sl_store_flush(r->service->store, err));
    if ((r->flush_flags & SL_WIRE_FLUSH_MERGE) != 0)
        SL_TRY(sl_store_merge_all(r->service->store, err));
    sl_request_finish(r);
    return SL_OK;
}

/* The whole answer is a text, which is taken. */
static void
answer_text(struct sl_request *r, struct sl_buf *text)
{
    const struct sl_slice whole = {.bytes = text->bytes, .size_bytes = (uint32_t)text->size_bytes};
    sl_wire_status_text_encode(&r->out, r->tag, whole);
    sl_buf_fini(text);
    r->is_done = true;
}

static sl_status
status(struct sl_request *r)
{
    struct sl_buf text = sl_buf_empty(SL_WIRE_META_BYTES_MAX);
    sl_status_screen(r->service, &text);
    answer_text(r, &text);
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
        answer_text(r, &text);
        return SL_OK;
    }
    }
    sl_request_finish(r);
    return SL_OK;
}

static sl_status
step(struct sl_request *r, struct sl_error *err)
{
    switch (r->type) {
    case SL_WIRE_PREPARE:
    case SL_WIRE_DESCRIBE:
        return sl_request_describe(r, err);
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
        return sl_request_step_statements(r, err);
    }
}

bool
sl_request_try(struct sl_request *r)
{
    struct sl_error ignored = {0};
    SL_ASSERT(r->magic == REQUEST_MAGIC);
    SL_ASSERT(r->query == NULL && !r->is_done);
    if ((r->session.flags & SL_WIRE_QUERY_MULTI) != 0 ||
        !sl_inserts_are_settled(r->service->sql_inserts))
        return false;
    r->is_tried = true;
    sl_file_set_impatient(true);
    sl_status st = step(r, &ignored);
    sl_file_set_impatient(false);
    r->is_tried = false;
    if (st == SL_OK && r->is_done) {
        sl_stats_add(r->service->stats, SL_COUNTER_STATEMENTS, 1);
        sl_stats_add(r->service->stats, SL_COUNTER_STATEMENTS_AT_ONCE, 1);
        return true;
    }
    sl_request_drop_query(r);
    sl_buf_clear(&r->out);
    r->out.bad = false;
    r->rows = (struct sl_request_rows){0};
    r->text_offset = 0;
    r->has_head = false;
    return false;
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
