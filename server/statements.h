/*
 * statements.h - the prepared statements of one connection: their texts, by id.
 *
 * Nothing of them is bound: a statement is bound anew for each DESCRIBE and EXECUTE, so that it
 * sees the columns of that moment.
 *
 * Limits:  SL_WIRE_STATEMENTS_MAX, and 32 MiB of texts.
 * Threads: the loop's; a request that runs borrows its text, and CLOSE waits for it.
 * Layer:   server, internal.
 */
#ifndef SLUICE_SERVER_STATEMENTS_H
#define SLUICE_SERVER_STATEMENTS_H

#include "server/request.h"

struct sl_statements {
    struct sl_statement_text *list; /* owned */
    uint32_t count;
    uint32_t last_id;
    struct sl_budget memory; /* of their texts */
};

/* Texts are counted by `memory` too, which outlives them. */
void sl_statements_init(struct sl_statements *statements, struct sl_budget *memory);
void sl_statements_fini(struct sl_statements *statements);

/* Remember the text of a PREPARE, and give the request its id. SL_LIMIT when there are too many,
 * or no memory is left for them. */
SL_MUST_CHECK
sl_status sl_statements_add(struct sl_statements *statements, struct sl_request *request,
                            struct sl_error *err);
/* One that is not there is forgotten already. */
void sl_statements_remove(struct sl_statements *statements, uint32_t id);

/* DESCRIBE, EXECUTE: give the request its text. SL_MISSING (1243) when there is none. */
SL_MUST_CHECK
sl_status sl_statements_bind(const struct sl_statements *statements, struct sl_request *request,
                             struct sl_error *err);

#endif
