/*
 * mysql_statement_fuzz.c - bodies of SEND_LONG_DATA and EXECUTE. The first byte is the number of
 * parameters; then pieces follow (length[1], body), a zero length, and one EXECUTE that is decoded
 * twice: the second time with the types of the first.
 */
#include "client/mysql/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

enum { ARENA_BYTES = 1 << 20, BUDGET_BYTES = 1 << 20, OUT_BYTES_MAX = 32 << 20 };

/* What was decoded can go to the server. */
static void
encode(const struct sl_wire_value *values, uint32_t count)
{
    struct sl_buf out = sl_buf_empty(OUT_BYTES_MAX);
    struct sl_wire_execute execute = {.statement_id = 1};
    execute.session.database = "flows";
    execute.session.time_zone = "UTC";
    execute.session.parameters = values;
    execute.session.parameter_count = count;
    sl_wire_execute_encode(&out, 1, &execute);
    SL_ASSERT(!out.bad);

    struct sl_wire_frame frame = {0};
    struct sl_wire_execute again;
    size_t used_bytes = 0;
    size_t wanted_bytes = 0;
    struct sl_arena *arena = sl_arena_create(OUT_BYTES_MAX);
    SL_ASSERT(sl_wire_next(out.bytes, out.size_bytes, SL_WIRE_FRAME_BYTES_MAX, &frame, &used_bytes,
                           &wanted_bytes, NULL) == SL_OK);
    SL_ASSERT(sl_wire_execute_decode(&frame, arena, &again, NULL) == SL_OK);
    SL_ASSERT(again.session.parameter_count == count);
    sl_arena_destroy(arena);
    sl_buf_fini(&out);
}

static void
execute(struct sl_mysql_statement *statement, const struct sl_cursor *body)
{
    struct sl_wire_value *values = NULL;
    struct sl_arena *arena = sl_arena_create(ARENA_BYTES);
    struct sl_error err = {0};
    if (sl_statement_decode(statement, body->next, sl_cursor_left(body), arena, &values, &err) ==
        SL_OK)
        encode(values, statement->parameter_count);
    sl_arena_destroy(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct sl_budget budget = {.limit_bytes = BUDGET_BYTES};
    struct sl_mysql_statements statements;
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    sl_mysql_statements_init(&statements, &budget);
    sl_mysql_statements_add(&statements, 1, sl_cursor_u8(&c));
    struct sl_mysql_statement *statement = sl_mysql_statements_find(&statements, 1);
    for (size_t piece_bytes = sl_cursor_u8(&c); piece_bytes != 0; piece_bytes = sl_cursor_u8(&c)) {
        const uint8_t *piece = sl_cursor_take(&c, piece_bytes);
        if (piece == NULL)
            break;
        sl_statement_add_piece(&statements, statement, piece, piece_bytes);
    }
    execute(statement, &c);
    sl_mysql_statement_drop_pieces(&statements, statement);
    SL_ASSERT(budget.used_bytes == 0);
    execute(statement, &c);
    sl_mysql_statements_clear(&statements);
    return 0;
}
