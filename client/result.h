/*
 * result.h - the answer to a query as vectors, as they arrive.
 *
 * Ownership: the caller's, between start and close. Columns live as long as the result, vectors
 *            until the next call.
 * Threads:   one.
 * Layer:     client, internal.
 */
#ifndef SLUICE_CLIENT_RESULT_H
#define SLUICE_CLIENT_RESULT_H

#include "client/connection.h"

struct sl_result;

/* Called about twice a second while the server computes. */
typedef void sl_result_progress_fn(void *context, const struct sl_wire_progress *progress);

struct sl_result_options {
    const char *time_zone;           /* NULL: UTC */
    sl_result_progress_fn *progress; /* NULL: none wanted */
    void *context;
};

/* Send the statement and wait for the head of its result. */
SL_MUST_CHECK
sl_status sl_result_start(struct sl_connection *connection, const char *text, size_t text_bytes,
                          const struct sl_result_options *options, struct sl_result **out_result,
                          struct sl_error *err);

/* Ends the request first: what is still on its way is cancelled and thrown away. NULL is
 * allowed. */
void sl_result_close(struct sl_result *result);

/* Columns of the result; 0 for a statement that has none. */
const struct sl_wire_column *sl_result_columns(const struct sl_result *result, uint32_t *out_count);

/* The next rows, one vector a column; *out_row_count 0 is the end. */
SL_MUST_CHECK
sl_status sl_result_next(struct sl_result *result, const struct sl_vector **out_vectors,
                         uint32_t *out_row_count, struct sl_error *err);

/* After the end: what the server said of the statement; texts borrowed from the result. */
const struct sl_wire_done *sl_result_done(const struct sl_result *result);

#endif
