/*
 * parse_insert.c - INSERT and REPLACE: flows have no key that could be there already, so that both
 * mean the same. UPDATE, of which only the form is read.
 *
 * A statement of 64 MiB has millions of values. So a literal with a comma or a parenthesis behind it
 * becomes a cell without a node; everything else is an expression like any other.
 */
#include "query/parser.h"
#include "storage/base/limits.h"

static sl_status
fail_cells(struct sl_parser *p)
{
    return sl_fail(p->err, SL_LIMIT, "the rows of the statement do not fit the query's memory");
}

/* [LOW_PRIORITY | DELAYED | HIGH_PRIORITY] [IGNORE] [INTO] */
static void
parse_modifiers(struct sl_parser *p, struct sl_syntax_insert *insert)
{
    insert->is_delayed = sl_parser_accept_word(p, "DELAYED");
    if (!insert->is_delayed && !sl_parser_accept_word(p, "LOW_PRIORITY"))
        (void)sl_parser_accept_word(p, "HIGH_PRIORITY");
    insert->is_ignore = sl_parser_accept_word(p, "IGNORE");
    (void)sl_parser_accept_word(p, "INTO");
}

/* (name, name, ...): the last part of a qualified name is the column. */
sl_status
sl_parse_insert_columns(struct sl_parser *p, struct sl_syntax_insert *insert)
{
    uint32_t capacity = 0;
    do {
        const struct sl_token *token = sl_parser_token(p);
        if (token->kind != SL_TOKEN_NAME && token->kind != SL_TOKEN_QUOTED)
            return sl_parser_fail(p, "a column");
        if (insert->column_count == SL_SQL_COLUMNS_MAX)
            return sl_fail_at(p->err, SL_LIMIT, 1117, p->text, p->text_bytes, token->position,
                              "more than %d columns", SL_SQL_COLUMNS_MAX);
        if (insert->column_count == capacity) {
            capacity = capacity == 0 ? 32 : capacity * 2;
            struct sl_insert_name *grown = sl_arena_alloc(p->arena, capacity * sizeof(*grown));
            if (grown == NULL)
                return fail_cells(p);
            if (insert->column_count != 0)
                memcpy(grown, insert->columns, insert->column_count * sizeof(*grown));
            insert->columns = grown;
        }
        insert->columns[insert->column_count++] =
            (struct sl_insert_name){.text = token->text, .position = token->position};
        p->at++;
    } while (sl_parser_accept(p, ","));
    return sl_parser_expect(p, ")");
}

/* Does the value end behind the current token? */
static bool
is_alone(const struct sl_parser *p)
{
    const struct sl_token *next = sl_parser_peek(p, 1);
    return next->kind == SL_TOKEN_OPERATOR &&
           (next->text.bytes[0] == ',' || next->text.bytes[0] == ')');
}

static sl_status
parse_cell(struct sl_parser *p, struct sl_cell *cell)
{
    const struct sl_token *token = sl_parser_token(p);
    struct sl_node *node = NULL;
    bool is_literal = token->kind == SL_TOKEN_STRING || token->kind == SL_TOKEN_INTEGER;
    if (is_literal && is_alone(p)) {
        *cell = (struct sl_cell){.kind = SL_CELL_TEXT,
                                 .as.bytes = token->text.bytes,
                                 .size_bytes = token->text.size_bytes};
        p->at++;
        return SL_OK;
    }
    bool is_none = token->kind == SL_TOKEN_NAME &&
                   (sl_slice_is(token->text, "NULL") || sl_slice_is(token->text, "DEFAULT"));
    if (is_none && is_alone(p)) {
        *cell = (struct sl_cell){.kind = SL_CELL_NONE};
        p->at++;
        return SL_OK;
    }
    SL_TRY(sl_parse_expr(p, &node));
    *cell = (struct sl_cell){.kind = SL_CELL_NODE, .as.node = node};
    return SL_OK;
}

/* Room for all cells: a value stands behind each comma at most, and behind the first parenthesis. */
static sl_status
make_cells(struct sl_parser *p, struct sl_syntax_insert *insert)
{
    const char *end = p->text + p->text_bytes;
    size_t count = 1;
    for (const char *next = p->text + insert->values_position;
         (next = memchr(next, ',', (size_t)(end - next))) != NULL; next++)
        count++;
    insert->cells = sl_arena_alloc(p->arena, count * sizeof(*insert->cells));
    return insert->cells == NULL ? fail_cells(p) : SL_OK;
}

/* (value, value, ...), the parenthesis consumed; every row is as long as the first. */
static sl_status
parse_row(struct sl_parser *p, struct sl_syntax_insert *insert, uint32_t position)
{
    uint32_t start = insert->cell_count;
    if (!sl_parser_is(p, ")")) {
        do {
            SL_TRY(parse_cell(p, &insert->cells[insert->cell_count]));
            insert->cell_count++;
        } while (sl_parser_accept(p, ","));
    }
    SL_TRY(sl_parser_expect(p, ")"));
    uint32_t width = insert->cell_count - start;
    insert->row_count++;
    if (width == 0)
        return sl_fail_at(p->err, SL_UNSUPPORTED, 1235, p->text, p->text_bytes, position,
                          "a row without values is not supported");
    if ((uint64_t)width * insert->row_count != insert->cell_count)
        return sl_fail_at(p->err, SL_SYNTAX, 1136, p->text, p->text_bytes, position,
                          "column count does not match value count at row %u", insert->row_count);
    return SL_OK;
}

sl_status
sl_parse_insert(struct sl_parser *p, struct sl_syntax *syntax)
{
    struct sl_syntax_insert *insert = &syntax->insert;
    syntax->kind = SL_SYNTAX_INSERT;
    parse_modifiers(p, insert);
    SL_TRY(sl_parse_make_select(p, &syntax->select));
    SL_TRY(sl_parse_table_name(p, syntax->select));
    const struct sl_token *next = sl_parser_peek(p, 1);
    bool is_select = next->kind == SL_TOKEN_NAME &&
                     (sl_slice_is(next->text, "SELECT") || sl_slice_is(next->text, "WITH"));
    if (!is_select && sl_parser_accept(p, "("))
        SL_TRY(sl_parse_insert_columns(p, insert));
    if (sl_parser_is_select(p))
        return sl_parse_chain(p, &insert->source);
    if (sl_parser_is_word(p, "SET"))
        return sl_fail_at(p->err, SL_UNSUPPORTED, 1235, p->text, p->text_bytes,
                          sl_parser_token(p)->position, "INSERT ... SET is not supported");
    if (!sl_parser_accept_word(p, "VALUES") && !sl_parser_accept_word(p, "VALUE"))
        return sl_parser_fail(p, "VALUES");
    insert->values_position = sl_parser_token(p)->position;
    SL_TRY(make_cells(p, insert));
    do {
        sl_lexer_forget(p->lexer, p->at);
        uint32_t position = sl_parser_token(p)->position;
        SL_TRY(sl_parser_expect(p, "("));
        SL_TRY(parse_row(p, insert, position));
    } while (sl_parser_accept(p, ","));
    if (sl_parser_is_word(p, "ON"))
        return sl_fail_at(p->err, SL_UNSUPPORTED, 1235, p->text, p->text_bytes,
                          sl_parser_token(p)->position,
                          "ON DUPLICATE KEY is not supported: no flow is a duplicate");
    return SL_OK;
}

/* UPDATE table SET column = value, ... [WHERE ...]: flows do not change (bind_insert.c), so that
 * nothing is kept of the values. */
sl_status
sl_parse_update(struct sl_parser *p, struct sl_syntax *syntax)
{
    struct sl_node *node = NULL;
    syntax->kind = SL_SYNTAX_UPDATE;
    (void)sl_parser_accept_word(p, "LOW_PRIORITY");
    (void)sl_parser_accept_word(p, "IGNORE");
    SL_TRY(sl_parse_make_select(p, &syntax->select));
    SL_TRY(sl_parse_table_name(p, syntax->select));
    SL_TRY(sl_parser_expect_word(p, "SET"));
    do {
        SL_TRY(sl_parse_expr(p, &node)); /* column = value */
    } while (sl_parser_accept(p, ","));
    return sl_parse_where(p, &syntax->select->where);
}
