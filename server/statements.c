/*
 * statements.c - see statements.h.
 */
#include "server/statements.h"

enum { TEXT_BYTES_MAX = 32 << 20 /* of all statements of a connection */ };

static void
free_statement(struct sl_statement_text *statement)
{
    free(statement->text);
    free(statement->database);
    free(statement->time_zone);
}

void
sl_statements_fini(struct sl_statements *statements)
{
    for (uint32_t i = 0; i < statements->count; i++)
        free_statement(&statements->list[i]);
    free(statements->list);
    *statements = (struct sl_statements){0};
}

sl_status
sl_statements_add(struct sl_statements *statements, struct sl_request *r, struct sl_error *err)
{
    if (statements->count == SL_WIRE_STATEMENTS_MAX ||
        statements->text_bytes + r->text.size_bytes > TEXT_BYTES_MAX)
        return sl_fail(err, SL_LIMIT, "too many prepared statements on this connection");
    char *text = sl_try_alloc((size_t)r->text.size_bytes + 1);
    if (text == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for a prepared statement");
    if (r->text.size_bytes != 0)
        memcpy(text, r->text.bytes, r->text.size_bytes);

    statements->list = sl_grow(statements->list, sizeof(*statements->list), statements->count + 1);
    statements->list[statements->count++] = (struct sl_statement_text){
        .id = ++statements->last_id,
        .text = text,
        .text_bytes = r->text.size_bytes,
        .dialect = r->session.dialect,
        .database = sl_new_string(r->session.database),
        .time_zone = sl_new_string(r->session.time_zone),
    };
    statements->text_bytes += r->text.size_bytes;
    r->statement_id = statements->last_id;
    return SL_OK;
}

void
sl_statements_remove(struct sl_statements *statements, uint32_t id)
{
    for (uint32_t i = 0; i < statements->count; i++) {
        if (statements->list[i].id != id)
            continue;
        statements->text_bytes -= statements->list[i].text_bytes;
        free_statement(&statements->list[i]);
        statements->list[i] = statements->list[--statements->count];
        return;
    }
}

sl_status
sl_statements_bind(const struct sl_statements *statements, struct sl_request *r,
                   struct sl_error *err)
{
    for (uint32_t i = 0; i < statements->count; i++) {
        if (statements->list[i].id != r->statement_id)
            continue;
        sl_request_bind(r, &statements->list[i]);
        return SL_OK;
    }
    sl_status st =
        sl_fail(err, SL_MISSING, "there is no prepared statement %" PRIu32, r->statement_id);
    if (err != NULL)
        err->sql_number = 1243; /* ER_UNKNOWN_STMT_HANDLER */
    return st;
}
