/*
 * result.c - see result.h.
 */
#include "client/result.h"

#include "storage/batch_codec.h"

/* A DATA frame decodes into at most this much: a batch of the largest size, widened. */
enum { VECTORS_BYTES_MAX = 512 << 20, HEAD_BYTES_MAX = 16 << 20 };

struct sl_result {
    struct sl_connection *connection; /* borrowed */
    uint32_t tag;
    bool has_ended;
    struct sl_result_options options;
    struct sl_arena *head; /* columns and the final words */
    struct sl_arena *rows; /* vectors of the current frame */
    struct sl_wire_result columns;
    struct sl_wire_done done;
};

const struct sl_wire_column *
sl_result_columns(const struct sl_result *r, uint32_t *out_count)
{
    *out_count = r->columns.column_count;
    return r->columns.columns;
}

const struct sl_wire_done *
sl_result_done(const struct sl_result *r)
{
    return &r->done;
}

/* The next frame that belongs to this result; progress is reported on the way. */
static sl_status
receive(struct sl_result *r, struct sl_wire_frame *out_frame, struct sl_error *err)
{
    for (;;) {
        sl_status st = sl_connection_receive(r->connection, out_frame, err);
        if (st != SL_OK) {
            r->has_ended = true;
            return st;
        }
        if (out_frame->tag != r->tag)
            return sl_fail(err, SL_FORMAT, "sluiced answered a request that was not asked");
        if (out_frame->type != SL_WIRE_PROGRESS)
            return SL_OK;
        struct sl_wire_progress progress;
        SL_TRY(sl_wire_progress_decode(out_frame, &progress, err));
        if (r->options.progress != NULL)
            r->options.progress(r->options.context, &progress);
    }
}

sl_status
sl_result_start(struct sl_connection *connection, const char *text, size_t text_bytes,
                const struct sl_result_options *options, struct sl_result **out_result,
                struct sl_error *err)
{
    struct sl_wire_frame frame;
    *out_result = NULL;
    if (text_bytes > SL_SQL_TEXT_BYTES_MAX)
        return sl_fail(err, SL_LIMIT, "the statement is longer than %d bytes",
                       SL_SQL_TEXT_BYTES_MAX);
    struct sl_wire_query query = {
        .session = {.dialect = SL_WIRE_NATIVE,
                    .flags = options->progress != NULL ? SL_WIRE_QUERY_PROGRESS : 0,
                    .database = "flows",
                    .time_zone = options->time_zone != NULL ? options->time_zone : "UTC"},
        .text = {.bytes = (const uint8_t *)text, .size_bytes = (uint32_t)text_bytes}};
    uint32_t tag = sl_connection_tag(connection);
    sl_wire_query_encode(sl_connection_out(connection), SL_WIRE_QUERY, tag, &query);
    SL_TRY(sl_connection_send(connection, err));

    struct sl_result *r = sl_new(sizeof(*r));
    r->connection = connection;
    r->tag = tag;
    r->options = *options;
    r->head = sl_arena_create(HEAD_BYTES_MAX);
    r->rows = sl_arena_create(VECTORS_BYTES_MAX);
    sl_status st = receive(r, &frame, err);
    if (st == SL_OK && frame.type != SL_WIRE_RESULT)
        st = sl_fail(err, SL_FORMAT, "sluiced answered %s where RESULT was expected",
                     sl_wire_type_name(frame.type));
    if (st == SL_OK)
        st = sl_wire_result_decode(&frame, r->head, &r->columns, err);
    if (st != SL_OK) {
        sl_result_close(r);
        return st;
    }
    *out_result = r;
    return SL_OK;
}

/* The vectors of a DATA frame, proven against the head: count and types. */
static sl_status
take_rows(struct sl_result *r, const struct sl_wire_frame *frame,
          const struct sl_vector **out_vectors, uint32_t *out_row_count, struct sl_error *err)
{
    struct sl_vector *vectors = NULL;
    uint32_t count = 0;
    sl_arena_reset(r->rows);
    SL_TRY(sl_vectors_decode(frame->payload, frame->payload_bytes, r->rows, &vectors, NULL, &count,
                             out_row_count, err));
    if (count != r->columns.column_count)
        return sl_fail(err, SL_FORMAT, "sluiced sent %u columns where %u were announced", count,
                       r->columns.column_count);
    for (uint32_t i = 0; i < count; i++)
        if (vectors[i].type != r->columns.columns[i].type && vectors[i].type != SL_TYPE_NULL)
            return sl_fail(err, SL_FORMAT, "column %u arrived as %s, announced as %s", i + 1,
                           sl_type_name(vectors[i].type), sl_type_name(r->columns.columns[i].type));
    *out_vectors = vectors;
    return SL_OK;
}

sl_status
sl_result_next(struct sl_result *r, const struct sl_vector **out_vectors, uint32_t *out_row_count,
               struct sl_error *err)
{
    struct sl_wire_frame frame;
    *out_vectors = NULL;
    *out_row_count = 0;
    if (r->has_ended)
        return SL_OK;
    SL_TRY(receive(r, &frame, err));
    if (frame.type == SL_WIRE_DATA)
        return take_rows(r, &frame, out_vectors, out_row_count, err);
    if (frame.type != SL_WIRE_DONE)
        return sl_fail(err, SL_FORMAT, "sluiced answered %s where rows were expected",
                       sl_wire_type_name(frame.type));
    r->has_ended = true;
    return sl_wire_done_decode(&frame, r->head, &r->done, err);
}

void
sl_result_close(struct sl_result *r)
{
    if (r == NULL)
        return;
    if (!r->has_ended) {
        struct sl_wire_cancel cancel = {0};
        sl_wire_cancel_encode(sl_connection_out(r->connection), sl_connection_tag(r->connection),
                              &cancel);
        sl_status st = sl_connection_send(r->connection, NULL);
        /* Two requests end now: the query (ERROR or DONE) and its cancel (DONE). A connection
         * that broke ends the loop as well. */
        unsigned ended = 0;
        while (ended < 2 && st != SL_IO) {
            struct sl_wire_frame frame = {.type = SL_WIRE_ERROR};
            st = sl_connection_receive(r->connection, &frame, NULL);
            if (st == SL_IO || st == SL_FORMAT)
                break;
            ended += st != SL_OK || frame.type == SL_WIRE_DONE;
        }
    }
    sl_arena_destroy(r->rows);
    sl_arena_destroy(r->head);
    free(r);
}
