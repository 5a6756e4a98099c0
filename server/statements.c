/*
 * statements.c - see statements.h.
 */
#include "server/statements.h"

enum { TEXT_BYTES_MAX = 32 << 20 /* of all statements of a connection */ };

void
sl_statements_init(struct sl_statements *statements, struct sl_budget *memory)
{
    *statements = (struct sl_statements){.memory.limit_bytes = TEXT_BYTES_MAX};
    statements->memory.outer = memory;
}

static void
free_statement(struct sl_statements *statements, struct sl_statement_text *statement)
{
    sl_budget_give(&statements->memory, statement->text_bytes);
    free(statement->text);
    free(statement->database);
    free(statement->time_zone);
}

void
sl_statements_fini(struct sl_statements *statements)
{
    for (uint32_t i = 0; i < statements->count; i++)
        free_statement(statements, &statements->list[i]);
    free(statements->list);
    *statements = (struct sl_statements){0};
}

sl_status
sl_statements_add(struct sl_statements *statements, struct sl_request *r, struct sl_error *err)
{
    if (statements->count == SL_WIRE_STATEMENTS_MAX)
        return sl_fail(err, SL_LIMIT, "too many prepared statements on this connection");
    if (!sl_budget_take(&statements->memory, r->text.size_bytes))
        return sl_fail(err, SL_LIMIT, "no memory for one more prepared statement");
    char *text = sl_new((size_t)r->text.size_bytes + 1);
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
    r->statement_id = statements->last_id;
    return SL_OK;
}

void
sl_statements_remove(struct sl_statements *statements, uint32_t id)
{
    for (uint32_t i = 0; i < statements->count; i++) {
        if (statements->list[i].id != id)
            continue;
        free_statement(statements, &statements->list[i]);
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
