/*
 * view_text.c - see view_text.h. The text is walked token by token; what lies between them is copied.
 */
#include "query/view_text.h"

#include "query/parser.h"
#include "storage/base/limits.h"

enum { VIEW_TEXT_BYTES_MAX = 4 * SL_DEFINITION_BYTES_MAX };

/* The WHERE of the select at each depth of parentheses: where its condition begins in the text that is
 * made; 0: there is none. */
struct rewriting {
    struct sl_parser parser;
    struct sl_buf out;
    size_t where[SL_SQL_DEPTH_MAX + 1];
    uint32_t depth;
};

static bool
is_word(const struct sl_token *token, const char *word)
{
    return token->kind == SL_TOKEN_NAME && sl_slice_is(token->text, word);
}

static void
insert_text(struct sl_buf *out, size_t at, const char *text)
{
    size_t size_bytes = strlen(text);

    sl_buf_text(out, text); /* room for it */
    if (out->bad)
        return;
    memmove(out->bytes + at + size_bytes, out->bytes + at, out->size_bytes - size_bytes - at);
    memcpy(out->bytes + at, text, size_bytes);
}

/* May an operand stand behind this token? Then LAST is one; else it is a clause. */
static bool
awaits_operand(const struct sl_token *token)
{
    static const char *const words[] = {"WHERE", "AND",    "OR", "NOT",
                                        "XOR",   "HAVING", "ON", "SELECT"};

    for (size_t i = 0; i < SL_COUNTOF(words); i++)
        if (is_word(token, words[i]))
            return true;
    return token->kind == SL_TOKEN_OPERATOR && !sl_slice_is(token->text, ")");
}

/* LAST 1h, all of its tokens consumed. */
static sl_status
put_last(struct rewriting *r, const struct sl_token *before)
{
    struct sl_node *last = NULL;
    size_t *where = &r->where[r->depth];
    uint32_t position = sl_parser_token(&r->parser)->position;

    r->parser.at++;
    SL_TRY(sl_parse_last(&r->parser, position, &last));
    SL_ASSERT(last != NULL);
    if (!awaits_operand(before)) {
        if (*where != 0) {
            insert_text(&r->out, *where, " (");
            sl_buf_text(&r->out, ") AND ");
        } else {
            sl_buf_text(&r->out, "WHERE ");
        }
    }
    sl_buf_printf(&r->out, "last_seen >= NOW(6) - INTERVAL %" PRId64 " MICROSECOND", last->number);
    return SL_OK;
}

/* One token that is not LAST. */
static void
put_token(struct rewriting *r, const struct sl_token *before)
{
    const struct sl_token *token = sl_parser_token(&r->parser);
    bool is_address = token->kind == SL_TOKEN_ADDRESS || token->kind == SL_TOKEN_CIDR;
    bool is_list = is_address && is_word(before, "IN"); /* MySQL wants parentheses */

    if (token->kind == SL_TOKEN_OPERATOR && sl_slice_is(token->text, "(") &&
        r->depth < SL_SQL_DEPTH_MAX)
        r->where[++r->depth] = 0;
    else if (token->kind == SL_TOKEN_OPERATOR && sl_slice_is(token->text, ")") && r->depth > 0)
        r->depth--;
    sl_buf_text(&r->out, is_list ? "(" : "");
    if (is_address)
        sl_text_quote(&r->out, token->text, '\'');
    else if (token->kind == SL_TOKEN_QUOTED)
        sl_text_quote(&r->out, token->text, '`');
    else
        sl_buf_append(&r->out, r->parser.text + token->position, token->end - token->position);
    sl_buf_text(&r->out, is_list ? ")" : "");
    if (is_word(token, "WHERE"))
        r->where[r->depth] = r->out.size_bytes;
    else if (is_word(token, "UNION"))
        r->where[r->depth] = 0;
    r->parser.at++;
}

static sl_status
rewrite(struct rewriting *r)
{
    static const struct sl_token start = {.kind = SL_TOKEN_OPERATOR};
    const struct sl_token *before = &start;

    while (sl_parser_token(&r->parser)->kind != SL_TOKEN_END && !r->out.bad) {
        const struct sl_token *token = sl_parser_token(&r->parser);
        sl_buf_append(&r->out, r->parser.text + before->end, token->position - before->end);
        if (sl_parser_is_last(&r->parser))
            SL_TRY(put_last(r, before));
        else
            put_token(r, before);
        before = sl_parser_last(&r->parser);
    }
    return SL_OK;
}

sl_status
sl_view_text(enum sl_dialect dialect, struct sl_slice text, struct sl_arena *arena,
             struct sl_slice *out_text, struct sl_error *err)
{
    struct rewriting *r = NULL;
    struct sl_lexer lexer;

    *out_text = text;
    if (dialect == SL_DIALECT_MYSQL)
        return SL_OK;
    r = sl_arena_calloc(arena, 1, sizeof(*r));
    if (r == NULL)
        return sl_fail(err, SL_LIMIT, "a definition is too long");
    r->parser = (struct sl_parser){.dialect = dialect,
                                   .text = (const char *)text.bytes,
                                   .text_bytes = text.size_bytes,
                                   .arena = arena,
                                   .lexer = &lexer,
                                   .err = err};
    r->out = sl_buf_empty(VIEW_TEXT_BYTES_MAX);
    sl_lexer_init(&lexer, dialect, (const char *)text.bytes, text.size_bytes, arena);
    sl_status st = rewrite(r);
    if (lexer.status != SL_OK)
        st = sl_fail(err, lexer.status, "%s", lexer.failure.text);
    const char *copy = st != SL_OK || r->out.bad
                           ? NULL
                           : sl_arena_string(arena, (const char *)r->out.bytes, r->out.size_bytes);
    if (st == SL_OK && copy == NULL)
        st = sl_fail(err, SL_LIMIT, "a definition is too long");
    if (copy != NULL)
        *out_text = (struct sl_slice){.bytes = (const uint8_t *)copy,
                                      .size_bytes = (uint32_t)r->out.size_bytes};
    sl_buf_fini(&r->out);
    return st;
}
