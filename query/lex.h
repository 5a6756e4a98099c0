/*
 * lex.h - text to tokens, up to the first semicolon.
 *
 * Comments (`-- `, `#`, C style) are skipped; versioned ones (with a leading `!40001`) are executed up to
 * version 8.0.36, MariaDB's own (`M!`) never. Names are kept as written; strings lose their quotes and
 * escapes. The native dialect knows three things that MySQL's does not: bare addresses
 * (10.1.2.3, 2001:db8::1), CIDR blocks (10.0.0.0/8) and "..." as an identifier.
 *
 * Tokens are made when they are asked for. An INSERT of 64 MiB has more of them than memory: its parser lets
 * go of those that it is done with.
 *
 * Ownership: tokens, and strings with escapes, lie in the arena; everything else points into the text.
 * Errors:    what is no token is the end for who asks; `status` tells.
 * Limits:    one statement is at most SL_SQL_TEXT_BYTES_MAX.
 * Layer:     query, internal.
 */
#ifndef SLUICE_QUERY_LEX_H
#define SLUICE_QUERY_LEX_H

#include "query/query.h"
#include "storage/base/arena.h"
#include "storage/base/buf.h"
#include "storage/base/status.h"

#include <strings.h>

enum sl_token_kind {
    SL_TOKEN_END, /* the semicolon, or the end of the text */
    SL_TOKEN_NAME,
    SL_TOKEN_QUOTED, /* an identifier that was quoted: never a keyword */
    SL_TOKEN_STRING,
    SL_TOKEN_INTEGER,
    SL_TOKEN_DECIMAL, /* 1.5 */
    SL_TOKEN_DOUBLE,  /* 1e0 */
    SL_TOKEN_BYTES,   /* 0xff, x'ff', b'11': decoded */
    SL_TOKEN_ADDRESS,
    SL_TOKEN_CIDR,
    SL_TOKEN_VARIABLE,  /* @name, without the sign */
    SL_TOKEN_SYSTEM,    /* @@name, without scope and signs */
    SL_TOKEN_PARAMETER, /* ? */
    SL_TOKEN_OPERATOR,
};

struct sl_token {
    enum sl_token_kind kind;
    uint32_t position;     /* byte offset in the text */
    uint32_t end;          /* first byte behind it */
    bool is_double_quoted; /* STRING: may serve as an alias */
    struct sl_slice text;
};

struct sl_lexer {
    enum sl_dialect dialect;
    const char *text;
    size_t size;
    size_t at;
    bool in_versioned; /* inside a comment whose content is executed */
    struct sl_arena *arena;
    struct sl_token *tokens; /* number `first` and those behind it */
    uint32_t first;
    uint32_t count;
    uint32_t capacity;
    bool is_ended;
    struct sl_token end; /* END, when it is */
    sl_status status;
    struct sl_error failure;
};

/* Text and arena are borrowed. */
void sl_lexer_init(struct sl_lexer *lexer, enum sl_dialect dialect, const char *text,
                   size_t text_bytes, struct sl_arena *arena);
/* The same of a token that was not asked for before. */
const struct sl_token *sl_lexer_make(struct sl_lexer *lexer, uint32_t number);
/* The token of this number, from 0; beyond the last one: END. Not NULL; valid until something is forgotten. */
static inline const struct sl_token *
sl_lexer_token(struct sl_lexer *lexer, uint32_t number)
{
    uint32_t at = number - lexer->first;
    return at < lexer->count ? &lexer->tokens[at] : sl_lexer_make(lexer, number);
}
/* Nobody asks again for tokens before this number, but for the one in front of it. */
void sl_lexer_forget(struct sl_lexer *lexer, uint32_t number);
/* When END has been seen: bytes of the statement, semicolon included. */
uint32_t sl_lexer_consumed_bytes(const struct sl_lexer *lexer);

/* All tokens of a statement. */
struct sl_tokens {
    const struct sl_token *tokens; /* the last one is END */
    uint32_t count;
    uint32_t consumed_bytes; /* semicolon included */
};

SL_MUST_CHECK
sl_status sl_lex(enum sl_dialect dialect, const char *text, size_t text_bytes,
                 struct sl_arena *arena, struct sl_tokens *out_tokens, struct sl_error *err);

/* Line and column of a byte offset, both from 1; columns count characters. */
void sl_text_position(const char *text, size_t text_bytes, size_t offset, uint32_t *out_line,
                      uint32_t *out_column);

/* Record a failure at a byte offset of the text: "story at LINE:COLUMN". */
SL_PRINTF(7, 8)
sl_status sl_fail_at(struct sl_error *err, sl_status status, uint16_t sql_number, const char *text,
                     size_t text_bytes, size_t offset, const char *format, ...);

/* Put a name or a text between quotes (` or '), so that it reads as the same again in MySQL's
 * dialect. */
void sl_text_quote(struct sl_buf *out, struct sl_slice text, char quote);

/* A word, without regard to ASCII case. */
static inline bool
sl_slice_is(struct sl_slice slice, const char *word)
{
    /* Most words differ in their first letter; the case of one is bit 5. */
    if (slice.size_bytes != 0 && ((slice.bytes[0] ^ (uint8_t)word[0]) & ~0x20) != 0)
        return false;
    return strlen(word) == slice.size_bytes &&
           strncasecmp((const char *)slice.bytes, word, slice.size_bytes) == 0;
}

#endif
