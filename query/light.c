/*
 * light.c - which statements are not worth a worker; see query.h.
 */
#include <strings.h>

#include "query/definition.h"
#include "query/lex.h"

enum {
    LIGHT_TEXT_BYTES_MAX = 4 << 10,
    LIGHT_TOKENS_BYTES_MAX = 512 << 10, /* a token for each byte of the text */
};

/* A value that stands for itself, or what stands between such. */
static bool
is_literal(const struct sl_token *token)
{
    switch (token->kind) {
    case SL_TOKEN_STRING:
    case SL_TOKEN_INTEGER:
    case SL_TOKEN_DECIMAL:
    case SL_TOKEN_DOUBLE:
    case SL_TOKEN_BYTES:
    case SL_TOKEN_ADDRESS:
    case SL_TOKEN_PARAMETER:
        return true;
    case SL_TOKEN_NAME:
        return sl_slice_is(token->text, "NULL") || sl_slice_is(token->text, "DEFAULT");
    case SL_TOKEN_OPERATOR:
        return token->text.size_bytes == 1 && strchr("(),-", token->text.bytes[0]) != NULL;
    case SL_TOKEN_END:
    case SL_TOKEN_QUOTED:
    case SL_TOKEN_CIDR:
    case SL_TOKEN_VARIABLE:
    case SL_TOKEN_SYSTEM:
        break;
    }
    return false;
}

/* INSERT ... VALUES, and literals to the end. */
static bool
is_of_literals(const struct sl_tokens *tokens)
{
    bool has_values = false;
    for (uint32_t i = 0; i + 1 < tokens->count; i++) {
        const struct sl_token *token = &tokens->tokens[i];
        if (has_values && !is_literal(token))
            return false;
        if (token->kind == SL_TOKEN_NAME && sl_slice_is(token->text, "VALUES"))
            has_values = true;
    }
    return has_values;
}

/* Into flows: rows of a client's own table are synced with the statement. */
static bool
is_into_flows(const struct sl_tokens *tokens)
{
    struct sl_slice name = {0};
    for (uint32_t i = 0; i + 1 < tokens->count; i++) {
        const struct sl_token *token = &tokens->tokens[i];
        bool is_name = token->kind == SL_TOKEN_NAME || token->kind == SL_TOKEN_QUOTED;
        bool is_end = token->kind == SL_TOKEN_OPERATOR && sl_slice_is(token->text, "(");
        if (is_end || (token->kind == SL_TOKEN_NAME && sl_slice_is(token->text, "VALUES")))
            break;
        name = is_name ? token->text : name;
    }
    return !sl_definition_is_own(name);
}

/* Some functions make long values of short texts, in time that no deadline bounds: a parenthesis stands behind
 * these words only, or behind none. */
static bool
calls_nothing(const struct sl_tokens *tokens)
{
    static const char *const words[] = {"COUNT", "SUM", "MIN", "MAX", "AVG",
                                        "IN",    "AND", "OR",  "NOT", "WHERE"};
    for (uint32_t i = 1; i + 1 < tokens->count; i++) {
        const struct sl_token *token = &tokens->tokens[i];
        const struct sl_token *before = token - 1;
        bool is_name = before->kind == SL_TOKEN_NAME || before->kind == SL_TOKEN_QUOTED;
        bool is_plain = token->kind != SL_TOKEN_OPERATOR || !sl_slice_is(token->text, "(");
        for (size_t k = 0; k < SL_COUNTOF(words) && before->kind == SL_TOKEN_NAME; k++)
            is_plain |= sl_slice_is(before->text, words[k]);
        if (is_name && !is_plain)
            return false;
    }
    return true;
}

static bool
starts_with(const char *text, const char *word)
{
    return strncasecmp(text, word, strlen(word)) == 0;
}

enum sl_query_weight
sl_query_weigh(enum sl_dialect dialect, const char *text, size_t text_bytes)
{
    enum sl_query_weight weight = SL_QUERY_HEAVY;
    struct sl_tokens tokens;
    if (text_bytes > LIGHT_TEXT_BYTES_MAX || text_bytes < sizeof("INSERT") ||
        (!starts_with(text, "INSERT") && !starts_with(text, "SELECT")))
        return SL_QUERY_HEAVY;
    struct sl_arena *arena = sl_arena_create(LIGHT_TOKENS_BYTES_MAX);
    if (sl_lex(dialect, text, text_bytes, arena, &tokens, NULL) == SL_OK &&
        tokens.consumed_bytes == text_bytes) {
        if (starts_with(text, "SELECT"))
            weight = calls_nothing(&tokens) ? SL_QUERY_PLAIN : SL_QUERY_HEAVY;
        else if (is_into_flows(&tokens) && is_of_literals(&tokens))
            weight = SL_QUERY_LITERALS;
    }
    sl_arena_destroy(arena);
    return weight;
}
