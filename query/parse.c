/*
 * parse.c - which statement it is, and the cursor that all parse_*.c share.
 */
#include "query/parse.h"

#include "query/parser.h"
#include "storage/base/limits.h"

bool
sl_parser_is_word(const struct sl_parser *p, const char *word)
{
    const struct sl_token *token = sl_parser_token(p);

    return token->kind == SL_TOKEN_NAME && sl_slice_is(token->text, word);
}

bool
sl_parser_is(const struct sl_parser *p, const char *op)
{
    const struct sl_token *token = sl_parser_token(p);

    return token->kind == SL_TOKEN_OPERATOR && sl_slice_is(token->text, op);
}

bool
sl_parser_accept_word(struct sl_parser *p, const char *word)
{
    bool is_there = sl_parser_is_word(p, word);

    p->at += is_there;
    return is_there;
}

bool
sl_parser_accept(struct sl_parser *p, const char *op)
{
    bool is_there = sl_parser_is(p, op);

    p->at += is_there;
    return is_there;
}

sl_status
sl_parser_fail(struct sl_parser *p, const char *wanted)
{
    const struct sl_token *token = sl_parser_token(p);
    uint32_t size = token->end - token->position;
    char found[48] = "end of statement";

    if (token->kind != SL_TOKEN_END) {
        uint32_t shown = size < 32 ? size : 32;
        found[0] = '"';
        memcpy(&found[1], p->text + token->position, shown);
        memcpy(&found[1 + shown], shown < size ? "...\"" : "\"", shown < size ? 5 : 2);
    }
    return sl_fail_at(p->err, SL_SYNTAX, 1064, p->text, p->text_bytes, token->position,
                      wanted == NULL ? "unexpected %s" : "unexpected %s, expected %s", found,
                      wanted);
}

sl_status
sl_parser_expect_word(struct sl_parser *p, const char *word)
{
    return sl_parser_accept_word(p, word) ? SL_OK : sl_parser_fail(p, word);
}

sl_status
sl_parser_expect(struct sl_parser *p, const char *op)
{
    return sl_parser_accept(p, op) ? SL_OK : sl_parser_fail(p, op);
}

sl_status
sl_parser_enter(struct sl_parser *p)
{
    if (p->depth == SL_SQL_DEPTH_MAX)
        return sl_fail_at(p->err, SL_LIMIT, 0, p->text, p->text_bytes, sl_parser_token(p)->position,
                          "the statement is nested deeper than %d levels", SL_SQL_DEPTH_MAX);
    p->depth++;
    return SL_OK;
}

void
sl_parser_leave(struct sl_parser *p)
{
    SL_ASSERT(p->depth > 0);
    p->depth--;
}

sl_status
sl_parser_fail_memory(struct sl_parser *p)
{
    return sl_fail(p->err, SL_LIMIT, "the statement is too long for the query's memory");
}

sl_status
sl_parser_node(struct sl_parser *p, enum sl_node_kind kind, uint32_t position,
               struct sl_node **out_node)
{
    *out_node = sl_arena_calloc(p->arena, 1, sizeof(**out_node));
    if (*out_node == NULL)
        return sl_parser_fail_memory(p);
    (*out_node)->kind = kind;
    (*out_node)->position = position;
    return SL_OK;
}

sl_status
sl_parser_append(struct sl_parser *p, struct sl_node_list *list, struct sl_node *node)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 4 : list->capacity * 2;
        struct sl_node **grown = sl_arena_calloc(p->arena, capacity, sizeof(struct sl_node *));
        if (grown == NULL)
            return sl_parser_fail_memory(p);
        if (list->count > 0)
            memcpy(grown, list->nodes, list->count * sizeof(struct sl_node *));
        list->nodes = grown;
        list->capacity = capacity;
    }
    list->nodes[list->count++] = node;
    return SL_OK;
}

bool
sl_parser_is_reserved(struct sl_slice word)
{
    static const char *const words[] = {
        "SELECT", "FROM",      "WHERE",  "GROUP",    "HAVING",  "ORDER",     "LIMIT",
        "OFFSET", "UNION",     "AND",    "OR",       "XOR",     "NOT",       "IN",
        "IS",     "LIKE",      "REGEXP", "RLIKE",    "BETWEEN", "DIV",       "MOD",
        "AS",     "ON",        "USING",  "JOIN",     "LEFT",    "RIGHT",     "INNER",
        "CROSS",  "NATURAL",   "CASE",   "WHEN",     "THEN",    "ELSE",      "END",
        "ASC",    "DESC",      "BY",     "DISTINCT", "FOR",     "SEPARATOR", "COLLATE",
        "ESCAPE", "PROCEDURE", "WINDOW", "WITH",     "INTO",    "LOCK",      "STRAIGHT_JOIN",
    };

    for (size_t i = 0; i < SL_COUNTOF(words); i++)
        if (sl_slice_is(word, words[i]))
            return true;
    return false;
}

/* DELETE FROM table [WHERE ...] */
static sl_status
parse_delete(struct sl_parser *p, struct sl_syntax *syntax)
{
    syntax->kind = SL_SYNTAX_DELETE;
    SL_TRY(sl_parser_expect_word(p, "FROM"));
    SL_TRY(sl_parse_make_select(p, &syntax->select));
    SL_TRY(sl_parse_table_name(p, syntax->select));
    return sl_parse_where(p, &syntax->select->where);
}

sl_status
sl_parse_statement(struct sl_parser *p, struct sl_syntax *syntax)
{
    if (sl_parser_token(p)->kind == SL_TOKEN_END)
        return SL_OK;
    if (sl_parser_accept_word(p, "DELETE"))
        return parse_delete(p, syntax);
    if (sl_parser_accept_word(p, "INSERT") || sl_parser_accept_word(p, "REPLACE"))
        return sl_parse_insert(p, syntax);
    if (sl_parser_accept_word(p, "LOAD"))
        return sl_parse_load(p, syntax);
    if (sl_parser_accept_word(p, "UPDATE"))
        return sl_parse_update(p, syntax);
    if (sl_parser_accept_word(p, "SHOW"))
        return sl_parse_show(p, syntax);
    bool is_done = false;
    SL_TRY(sl_parse_session(p, syntax, &is_done));
    if (!is_done)
        SL_TRY(sl_parse_define(p, syntax, &is_done));
    if (!is_done)
        SL_TRY(sl_parse_admin(p, syntax, &is_done));
    if (is_done)
        return SL_OK;
    bool is_explain = sl_parser_is_word(p, "EXPLAIN") || sl_parser_is_word(p, "DESCRIBE") ||
                      sl_parser_is_word(p, "DESC");
    if (is_explain) {
        p->at++;
        bool is_analyze = sl_parser_accept_word(p, "ANALYZE");
        syntax->kind = is_analyze ? SL_SYNTAX_EXPLAIN_ANALYZE : SL_SYNTAX_EXPLAIN;
        if (!is_analyze && !sl_parser_is_select(p))
            return sl_parse_describe(p, syntax);
        return sl_parse_chain(p, &syntax->select);
    }
    if (!sl_parser_is_select(p))
        return sl_parser_fail(
            p, "SELECT, INSERT, DELETE, EXPLAIN, SHOW, SET, CREATE, KILL or DESCRIBE");
    syntax->kind = SL_SYNTAX_SELECT;
    return sl_parse_chain(p, &syntax->select);
}

sl_status
sl_parse(enum sl_dialect dialect, const char *text, size_t text_bytes, struct sl_slice database,
         struct sl_arena *arena, struct sl_syntax *out_syntax, struct sl_error *err)
{
    struct sl_lexer lexer;
    struct sl_parser p = {.dialect = dialect,
                          .text = text,
                          .text_bytes = text_bytes,
                          .default_database = database,
                          .arena = arena,
                          .lexer = &lexer,
                          .err = err};

    *out_syntax = (struct sl_syntax){.kind = SL_SYNTAX_EMPTY};
    sl_lexer_init(&lexer, dialect, text, text_bytes, arena);
    sl_status st = sl_parse_statement(&p, out_syntax);
    if (st == SL_OK && sl_parser_token(&p)->kind != SL_TOKEN_END)
        st = sl_parser_fail(&p, NULL);
    if (lexer.status != SL_OK) { /* the end that the parser saw is none */
        if (err != NULL)
            *err = lexer.failure;
        return lexer.status;
    }
    out_syntax->parameter_count = p.parameter_count;
    out_syntax->consumed_bytes = sl_lexer_consumed_bytes(&lexer);
    return st;
}
