/*
 * parse_session.c - statements that change the session and no flow: SET, USE, those of
 * transactions, which begin and end nothing here, and KILL.
 */
#include "query/parser.h"

enum { ASSIGNMENTS_MAX = 256 }; /* what one answer can carry */

static sl_status
add_assignment(struct sl_parser *p, struct sl_syntax *syntax, enum sl_assignment_kind kind,
               const struct sl_token *at, struct sl_slice name, struct sl_node *value)
{
    if (syntax->assignments == NULL)
        syntax->assignments =
            sl_arena_calloc(p->arena, ASSIGNMENTS_MAX, sizeof(*syntax->assignments));
    if (syntax->assignments == NULL || syntax->assignment_count == ASSIGNMENTS_MAX)
        return sl_fail(p->err, SL_LIMIT, "SET has more than %d variables", (int)ASSIGNMENTS_MAX);
    syntax->assignments[syntax->assignment_count++] = (struct sl_assignment){
        .kind = kind, .name = name, .value = value, .position = at->position};
    return SL_OK;
}

static struct sl_slice
slice_of(const char *text)
{
    return (struct sl_slice){.bytes = (const uint8_t *)text, .size_bytes = (uint32_t)strlen(text)};
}

/* DEFAULT (a NULL node), a bare word, which is a text here, or an expression. */
static sl_status
parse_value(struct sl_parser *p, struct sl_node **out_node)
{
    const struct sl_token *token = sl_parser_token(p);
    const struct sl_token *next = sl_parser_peek(p, 1);
    bool is_last = next->kind == SL_TOKEN_END ||
                   (next->kind == SL_TOKEN_NAME && sl_slice_is(next->text, "FOR")) ||
                   (next->kind == SL_TOKEN_OPERATOR && sl_slice_is(next->text, ","));
    bool is_value = sl_parser_is_word(p, "NULL") || sl_parser_is_word(p, "TRUE") ||
                    sl_parser_is_word(p, "FALSE");
    *out_node = NULL;
    if (sl_parser_accept_word(p, "DEFAULT"))
        return SL_OK;
    if (token->kind != SL_TOKEN_NAME || !is_last || is_value)
        return sl_parse_expr(p, out_node);
    SL_TRY(sl_parser_node(p, SL_NODE_STRING, token->position, out_node));
    (*out_node)->text = token->text;
    p->at++;
    return SL_OK;
}

/* SET NAMES set [COLLATE collation], SET CHARACTER SET set */
static sl_status
parse_names(struct sl_parser *p, struct sl_syntax *syntax, bool has_connection)
{
    const struct sl_token *at = sl_parser_token(p);
    struct sl_node *value = NULL;
    if (!sl_parser_accept_word(p, "DEFAULT")) {
        bool is_name =
            at->kind == SL_TOKEN_NAME || at->kind == SL_TOKEN_STRING || at->kind == SL_TOKEN_QUOTED;
        if (!is_name)
            return sl_parser_fail(p, "the name of a character set");
        SL_TRY(sl_parser_node(p, SL_NODE_STRING, at->position, &value));
        value->text = at->text;
        p->at++;
    }
    SL_TRY(
        add_assignment(p, syntax, SL_ASSIGN_SYSTEM, at, slice_of("character_set_client"), value));
    SL_TRY(
        add_assignment(p, syntax, SL_ASSIGN_SYSTEM, at, slice_of("character_set_results"), value));
    if (has_connection)
        SL_TRY(add_assignment(p, syntax, SL_ASSIGN_SYSTEM, at, slice_of("character_set_connection"),
                              value));
    if (!sl_parser_accept_word(p, "COLLATE"))
        return SL_OK;
    SL_TRY(parse_value(p, &value));
    return add_assignment(p, syntax, SL_ASSIGN_SYSTEM, at, slice_of("collation_connection"), value);
}

static void
skip_rest(struct sl_parser *p)
{
    while (sl_parser_token(p)->kind != SL_TOKEN_END)
        p->at++;
}

static sl_status
fail_global(struct sl_parser *p)
{
    (void)sl_fail_at(p->err, SL_UNSUPPORTED, 1235, p->text, p->text_bytes,
                     sl_parser_token(p)->position, "variables of all sessions cannot be set");
    return SL_UNSUPPORTED;
}

/* [SESSION] name = value, @@[session.]name = value, @name = value */
static sl_status
parse_assignment(struct sl_parser *p, struct sl_syntax *syntax)
{
    static const char global[] = "@@global.";
    struct sl_node *value;
    const struct sl_token *token = sl_parser_token(p);
    bool is_global = sl_parser_is_word(p, "GLOBAL") || sl_parser_is_word(p, "PERSIST");
    if (token->kind == SL_TOKEN_SYSTEM && token->end - token->position >= sizeof(global) - 1)
        is_global = strncasecmp(p->text + token->position, global, sizeof(global) - 1) == 0;
    if (is_global)
        return fail_global(p);
    if (!sl_parser_accept_word(p, "SESSION"))
        (void)sl_parser_accept_word(p, "LOCAL");
    if (sl_parser_accept_word(p, "NAMES"))
        return parse_names(p, syntax, true);
    if (sl_parser_accept_word(p, "CHARSET"))
        return parse_names(p, syntax, false);
    if (sl_parser_accept_word(p, "CHARACTER")) {
        SL_TRY(sl_parser_expect_word(p, "SET"));
        return parse_names(p, syntax, false);
    }
    if (sl_parser_accept_word(p, "TRANSACTION")) {
        skip_rest(p); /* every statement sees one moment, whatever the level */
        return SL_OK;
    }
    token = sl_parser_token(p);
    bool is_variable = token->kind == SL_TOKEN_VARIABLE;
    if (!is_variable && token->kind != SL_TOKEN_SYSTEM && token->kind != SL_TOKEN_NAME &&
        token->kind != SL_TOKEN_QUOTED)
        return sl_parser_fail(p, "a variable");
    p->at++;
    if (!sl_parser_accept(p, ":="))
        SL_TRY(sl_parser_expect(p, "="));
    SL_TRY(parse_value(p, &value));
    return add_assignment(p, syntax, is_variable ? SL_ASSIGN_USER : SL_ASSIGN_SYSTEM, token,
                          token->text, value);
}

static sl_status
parse_set(struct sl_parser *p, struct sl_syntax *syntax)
{
    do {
        SL_TRY(parse_assignment(p, syntax));
    } while (sl_parser_accept(p, ","));
    return SL_OK;
}

/* SET STATEMENT name = value, ... FOR statement */
static sl_status
parse_scoped(struct sl_parser *p, struct sl_syntax *syntax)
{
    SL_TRY(parse_set(p, syntax));
    SL_TRY(sl_parser_expect_word(p, "FOR"));
    if (sl_parser_is_word(p, "SET") || sl_parser_is_word(p, "USE"))
        return sl_parser_fail(p, "a statement that does not change the session");
    syntax->kind = SL_SYNTAX_EMPTY;
    syntax->is_scoped = true;
    return sl_parse_statement(p, syntax);
}

static sl_status
parse_use(struct sl_parser *p, struct sl_syntax *syntax)
{
    const struct sl_token *token = sl_parser_token(p);
    if (token->kind != SL_TOKEN_NAME && token->kind != SL_TOKEN_QUOTED)
        return sl_parser_fail(p, "the name of a database");
    p->at++;
    return add_assignment(p, syntax, SL_ASSIGN_DATABASE, token, token->text, NULL);
}

/* KILL [CONNECTION | QUERY] number */
static sl_status
parse_kill(struct sl_parser *p, struct sl_syntax *syntax)
{
    bool is_query = sl_parser_accept_word(p, "QUERY");
    if (!is_query)
        (void)sl_parser_accept_word(p, "CONNECTION");
    const struct sl_token *token = sl_parser_token(p);
    if (token->kind != SL_TOKEN_INTEGER)
        return sl_parser_fail(p, "the number of a connection");
    for (uint32_t i = 0; i < token->text.size_bytes; i++) {
        unsigned digit = (unsigned)(token->text.bytes[i] - '0');
        if (syntax->kill_id > (UINT64_MAX - digit) / 10)
            return sl_parser_fail(p, "the number of a connection");
        syntax->kill_id = syntax->kill_id * 10 + digit;
    }
    p->at++;
    syntax->kind = SL_SYNTAX_KILL;
    syntax->kills_connection = !is_query;
    return SL_OK;
}

sl_status
sl_parse_session(struct sl_parser *p, struct sl_syntax *syntax, bool *out_is_one)
{
    static const char *const idle[] = {"BEGIN",   "START", "COMMIT", "ROLLBACK", "SAVEPOINT",
                                       "RELEASE", "LOCK",  "UNLOCK", "DO"};
    *out_is_one = true;
    syntax->kind = SL_SYNTAX_SESSION;
    if (sl_parser_accept_word(p, "SET"))
        return sl_parser_accept_word(p, "STATEMENT") ? parse_scoped(p, syntax)
                                                     : parse_set(p, syntax);
    if (sl_parser_accept_word(p, "USE"))
        return parse_use(p, syntax);
    if (sl_parser_accept_word(p, "KILL"))
        return parse_kill(p, syntax);
    for (size_t i = 0; i < SL_COUNTOF(idle); i++) {
        if (!sl_parser_is_word(p, idle[i]))
            continue;
        skip_rest(p);
        return SL_OK;
    }
    *out_is_one = false;
    syntax->kind = SL_SYNTAX_EMPTY;
    return SL_OK;
}
