/*
 * light.c - which statements are not worth a worker; see query.h.
 */
#include <strings.h>

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

bool
sl_query_is_light(enum sl_dialect dialect, const char *text, size_t text_bytes)
{
    static const char verb[] = "INSERT";
    struct sl_tokens tokens;
    if (text_bytes > LIGHT_TEXT_BYTES_MAX || text_bytes < sizeof(verb) ||
        strncasecmp(text, verb, sizeof(verb) - 1) != 0)
        return false;
    struct sl_arena *arena = sl_arena_create(LIGHT_TOKENS_BYTES_MAX);
    bool is_light = sl_lex(dialect, text, text_bytes, arena, &tokens, NULL) == SL_OK &&
                    tokens.consumed_bytes == text_bytes && is_of_literals(&tokens);
    sl_arena_destroy(arena);
    return is_light;
}
