/*
 * request_statement.h - what the parts of a request share.
 *
 * request.c is its life and everything that is no statement, request_statement.c runs statements,
 * request_session.c carries the session between the wire and the query layer.
 *
 * Threads: the one that steps the request.
 * Layer:   server, internal to the request.
 */
#ifndef SLUICE_SERVER_REQUEST_STATEMENT_H
#define SLUICE_SERVER_REQUEST_STATEMENT_H

#include "server/request.h"

/* request_statement.c: QUERY and EXECUTE; PREPARE and DESCRIBE. */
SL_MUST_CHECK
sl_status sl_request_step_statements(struct sl_request *r, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_request_describe(struct sl_request *r, struct sl_error *err);

/* request_session.c: the session as the query layer wants it, in the request's arena. */
SL_MUST_CHECK
sl_status sl_request_session(const struct sl_request *r, struct sl_session *out_session,
                             struct sl_error *err);
/* What the statement has changed goes into the session of the next one, and to the client. */
SL_MUST_CHECK
sl_status sl_request_take_changes(struct sl_request *r, struct sl_wire_change **out_changes,
                                  struct sl_error *err);

/* request.c: the answer ends well; nobody may cancel the statement any more, and it is freed. */
void sl_request_finish(struct sl_request *r);
void sl_request_drop_query(struct sl_request *r);

#endif
