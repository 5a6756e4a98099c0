/*
 * lex.c - the tokenizer: one pass over the bytes, one function for each kind of token.
 */
#include "query/lex.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    TOKENS_FIRST = 128,           /* an INSERT of a row of twenty columns */
    VERSION_EXECUTED_MAX = 80036, /* what the server claims to be */
};

void
sl_text_position(const char *text, size_t text_bytes, size_t offset, uint32_t *out_line,
                 uint32_t *out_column)
{
    uint32_t line = 1;
    uint32_t column = 1;

    for (size_t i = 0; i < offset && i < text_bytes; i++) {
        if (text[i] == '\n') {
            line++;
            column = 1;
        } else if (((uint8_t)text[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    *out_line = line;
    *out_column = column;
}

void
sl_text_quote(struct sl_buf *out, struct sl_slice text, char quote)
{
    sl_buf_u8(out, (uint8_t)quote);
    for (uint32_t i = 0; i < text.size_bytes; i++) {
        if (text.bytes[i] == (uint8_t)quote || (text.bytes[i] == '\\' && quote != '`'))
            sl_buf_u8(out, text.bytes[i]);
        sl_buf_u8(out, text.bytes[i]);
    }
    sl_buf_u8(out, (uint8_t)quote);
}

sl_status
sl_fail_at(struct sl_error *err, sl_status status, uint16_t sql_number, const char *text,
           size_t text_bytes, size_t offset, const char *format, ...)
{
    uint32_t line, column;
    char story[SL_ERROR_TEXT_BYTES];
    va_list args;

    /* The place must survive a story that is too long. */
    va_start(args, format);
    int length = vsnprintf(story, sizeof(story), format, args);
    va_end(args);
    if (length < 0)
        story[0] = '\0';
    sl_text_position(text, text_bytes, offset, &line, &column);
    char *tail = strstr(story, ", did you mean ");
    if (tail != NULL)
        *tail = '\0';
    if (tail != NULL)
        (void)sl_fail(err, status, "%.120s at %u:%u, %.80s", story, line, column, tail + 2);
    else
        (void)sl_fail(err, status, "%.200s at %u:%u", story, line, column);
    if (err != NULL)
        err->sql_number = sql_number;
    return status;
}

static sl_status
fail_here(struct sl_lexer *l, size_t offset, const char *story)
{
    return sl_fail_at(&l->failure, SL_SYNTAX, 1064, l->text, l->size, offset, "%s", story);
}

static char
peek(const struct sl_lexer *l, size_t ahead)
{
    return l->at + ahead < l->size ? l->text[l->at + ahead] : '\0';
}

/* isalpha and isdigit of the C locale, which each byte of a statement is asked for. */
static bool
is_letter(char c)
{
    uint8_t lower = (uint8_t)c | 0x20;
    return lower >= 'a' && lower <= 'z';
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_name_start(char c)
{
    return is_letter(c) || c == '_' || c == '$' || (uint8_t)c >= 0x80;
}

static bool
is_name_byte(char c)
{
    return is_name_start(c) || is_digit(c);
}

/* Append a token that ends at l->at. */
static sl_status
add(struct sl_lexer *l, enum sl_token_kind kind, size_t start, const void *bytes, size_t size)
{
    if (l->count == l->capacity) {
        uint32_t capacity = l->capacity == 0 ? TOKENS_FIRST : l->capacity * 2;
        struct sl_token *grown = sl_arena_alloc(l->arena, capacity * sizeof(*grown));
        if (grown == NULL)
            return sl_fail(&l->failure, SL_LIMIT,
                           "the statement has too many words for its memory");
        if (l->count > 0)
            memcpy(grown, l->tokens, l->count * sizeof(*grown));
        l->tokens = grown;
        l->capacity = capacity;
    }
    l->tokens[l->count++] = (struct sl_token){
        .kind = kind,
        .position = (uint32_t)start,
        .end = (uint32_t)l->at,
        .text = {.bytes = bytes, .size_bytes = (uint32_t)size},
    };
    return SL_OK;
}

static struct sl_token *
last_token(struct sl_lexer *l)
{
    SL_ASSERT(l->tokens != NULL && l->count > 0);
    return &l->tokens[l->count - 1];
}

/* A comment that starts with a slash. Its opener is skipped when its content is executed. */
static sl_status
skip_block_comment(struct sl_lexer *l)
{
    size_t start = l->at;

    if (peek(l, 2) == '!') {
        unsigned version = 0;
        size_t digits = 0;
        while (digits < 6 && isdigit((unsigned char)peek(l, 3 + digits))) {
            version = version * 10 + (unsigned)(peek(l, 3 + digits) - '0');
            digits++;
        }
        if (!l->in_versioned && (digits == 0 || version <= VERSION_EXECUTED_MAX)) {
            l->in_versioned = true;
            l->at += 3 + digits;
            return SL_OK;
        }
    }
    l->at += 2;
    while (l->at < l->size) {
        if (l->text[l->at] == '*' && peek(l, 1) == '/') {
            l->at += 2;
            return SL_OK;
        }
        l->at++;
    }
    return fail_here(l, start, "a comment has no end");
}

static void
skip_line(struct sl_lexer *l)
{
    while (l->at < l->size && l->text[l->at] != '\n')
        l->at++;
}

/* Blanks and comments. */
static sl_status
skip_space(struct sl_lexer *l)
{
    while (l->at < l->size) {
        char c = l->text[l->at];
        bool is_dash_comment = c == '-' && peek(l, 1) == '-' &&
                               (l->at + 2 >= l->size || isspace((unsigned char)peek(l, 2)) ||
                                iscntrl((unsigned char)peek(l, 2)));
        if (isspace((unsigned char)c)) {
            l->at++;
        } else if (c == '#' || is_dash_comment) {
            skip_line(l);
        } else if (c == '/' && peek(l, 1) == '*') {
            SL_TRY(skip_block_comment(l));
        } else if (l->in_versioned && c == '*' && peek(l, 1) == '/') {
            l->in_versioned = false;
            l->at += 2;
        } else {
            return SL_OK;
        }
    }
    return SL_OK;
}

/* What a backslash and `c` stand for; \% and \_ keep their backslash, as LIKE wants them. */
static size_t
unescape(char c, uint8_t out[2])
{
    static const char from[] = "0btnrZ";
    static const char to[] = "\0\b\t\n\r\x1a";
    const char *hit = c == '\0' ? NULL : strchr(from, c);

    if (c == '%' || c == '_') {
        out[0] = '\\';
        out[1] = (uint8_t)c;
        return 2;
    }
    out[0] = hit != NULL ? (uint8_t)to[hit - from] : (uint8_t)c;
    return 1;
}

/* What stands from the cursor to `end`, without its escapes. */
static sl_status
decode_quoted(struct sl_lexer *l, enum sl_token_kind kind, char quote, size_t end,
              const char **out_text, size_t *out_size)
{
    uint8_t *bytes = sl_arena_alloc(l->arena, end - l->at);
    size_t size = 0;

    if (bytes == NULL)
        return sl_fail(&l->failure, SL_LIMIT, "a quoted text is too long for the query's memory");
    while (l->at < end) {
        char c = l->text[l->at++];
        if (c == quote)
            l->at++;
        if (c == '\\' && kind == SL_TOKEN_STRING)
            size += unescape(l->text[l->at++], &bytes[size]);
        else
            bytes[size++] = (uint8_t)c;
    }
    *out_text = (const char *)bytes;
    *out_size = size;
    return SL_OK;
}

/* '...', "..." or `...`, with the quote doubled inside; backslashes only in strings. */
static sl_status
lex_quoted(struct sl_lexer *l, enum sl_token_kind kind)
{
    size_t start = l->at;
    char quote = l->text[l->at++];
    size_t end = l->at;
    bool has_pairs = false;

    while (end < l->size &&
           (l->text[end] != quote || (end + 1 < l->size && l->text[end + 1] == quote))) {
        bool is_pair = l->text[end] == quote || (kind == SL_TOKEN_STRING && l->text[end] == '\\');
        has_pairs |= is_pair;
        end += is_pair ? 2 : 1;
    }
    if (end >= l->size)
        return fail_here(l, start, "a quoted text has no end");

    const char *bytes = l->text + l->at;
    size_t size = end - l->at;
    if (has_pairs)
        SL_TRY(decode_quoted(l, kind, quote, end, &bytes, &size));
    l->at = end + 1;
    if (kind == SL_TOKEN_QUOTED && size == 0)
        return fail_here(l, start, "an identifier is empty");
    SL_TRY(add(l, kind, start, bytes, size));
    last_token(l)->is_double_quoted = quote == '"';
    return SL_OK;
}

/* `count` digits of base 2^bits, right aligned, to bytes. */
static sl_status
add_bytes(struct sl_lexer *l, size_t start, const char *digits, size_t count, unsigned bits)
{
    size_t size = (count * bits + 7) / 8;
    uint8_t *bytes = sl_arena_calloc(l->arena, size + 1, 1);

    if (bytes == NULL)
        return sl_fail(&l->failure, SL_LIMIT, "a literal is too long for the query's memory");
    for (size_t i = 0; i < count; i++) {
        char c = digits[count - 1 - i];
        unsigned value = isdigit((unsigned char)c)
                             ? (unsigned)(c - '0')
                             : (unsigned)(tolower((unsigned char)c) - 'a' + 10);
        size_t bit = i * bits;
        bytes[size - 1 - bit / 8] |= (uint8_t)(value << bit % 8);
    }
    return add(l, SL_TOKEN_BYTES, start, bytes, size);
}

static bool
is_digit_of(char c, unsigned bits)
{
    return bits == 4 ? isxdigit((unsigned char)c) != 0 : c == '0' || c == '1';
}

/* x'ff' or b'11'. */
static sl_status
lex_quoted_bytes(struct sl_lexer *l, unsigned bits)
{
    size_t start = l->at;
    size_t first = start + 2;

    l->at = first;
    while (l->at < l->size && is_digit_of(l->text[l->at], bits))
        l->at++;
    size_t count = l->at - first;
    if (peek(l, 0) != '\'' || (bits == 4 && count % 2 != 0))
        return fail_here(l, start, "not a hexadecimal or bit literal");
    l->at++;
    return add_bytes(l, start, l->text + first, count, bits);
}

/* 0xff or 0b11; false when it is a name such as 0xyz. */
static bool
is_prefixed_bytes(const struct sl_lexer *l, unsigned *out_bits, size_t *out_count)
{
    char kind = peek(l, 1);
    size_t count = 0;

    if (peek(l, 0) != '0' || (kind != 'x' && kind != 'b'))
        return false;
    *out_bits = kind == 'x' ? 4 : 1;
    while (is_digit_of(peek(l, 2 + count), *out_bits))
        count++;
    *out_count = count;
    return count > 0 && !is_name_byte(peek(l, 2 + count));
}

/* The native dialect: a bare address or block at the cursor, longest match. Needs three dots or
 * two colons, which nothing else in SQL has. */
static sl_status
lex_address(struct sl_lexer *l, bool *out_found)
{
    size_t size = 0;
    unsigned dots = 0, colons = 0;
    struct sl_addr first, last;

    *out_found = false;
    while (size < SL_ADDR_TEXT_BYTES) {
        char c = peek(l, size);
        if (!isxdigit((unsigned char)c) && c != '.' && c != ':')
            break;
        dots += c == '.';
        colons += c == ':';
        size++;
    }
    if ((dots != 3 && colons < 2) || is_name_byte(peek(l, size)))
        return SL_OK;
    if (!sl_addr_parse(l->text + l->at, size, &first))
        return SL_OK;

    size_t start = l->at;
    size_t digits = 0;
    *out_found = true;
    if (peek(l, size) == '/') {
        while (digits < 4 && isdigit((unsigned char)peek(l, size + 1 + digits)))
            digits++;
    }
    size_t whole = digits == 0 ? size : size + 1 + digits;
    if (digits > 0 && !sl_addr_parse_cidr(l->text + start, whole, &first, &last))
        return fail_here(l, start + size, "a prefix length that no address of this family has");
    l->at += whole;
    return add(l, digits > 0 ? SL_TOKEN_CIDR : SL_TOKEN_ADDRESS, start, l->text + start, whole);
}

/* 12, 1.5, .5, 1e3; 12abc is a name, as in MySQL. */
static sl_status
lex_number(struct sl_lexer *l)
{
    size_t start = l->at;
    enum sl_token_kind kind = SL_TOKEN_INTEGER;
    unsigned bits;
    size_t count;

    if (is_prefixed_bytes(l, &bits, &count)) {
        l->at += 2 + count;
        return add_bytes(l, start, l->text + start + 2, count, bits);
    }
    while (is_digit(peek(l, 0)))
        l->at++;
    if (peek(l, 0) == '.') {
        kind = SL_TOKEN_DECIMAL;
        l->at++;
        while (is_digit(peek(l, 0)))
            l->at++;
    }
    size_t sign = peek(l, 1) == '+' || peek(l, 1) == '-' ? 1 : 0;
    if ((peek(l, 0) == 'e' || peek(l, 0) == 'E') && isdigit((unsigned char)peek(l, 1 + sign))) {
        kind = SL_TOKEN_DOUBLE;
        l->at += 1 + sign;
        while (is_digit(peek(l, 0)))
            l->at++;
    }
    if (kind == SL_TOKEN_INTEGER && is_name_byte(peek(l, 0))) {
        kind = SL_TOKEN_NAME;
        while (is_name_byte(peek(l, 0)))
            l->at++;
    }
    return add(l, kind, start, l->text + start, l->at - start);
}

static sl_status
lex_name(struct sl_lexer *l)
{
    size_t start = l->at;

    while (is_name_byte(peek(l, 0)))
        l->at++;
    return add(l, SL_TOKEN_NAME, start, l->text + start, l->at - start);
}

/* @name, @`name`, @@name, @@session.name, @@global.name */
static sl_status
lex_variable(struct sl_lexer *l)
{
    size_t start = l->at++;
    enum sl_token_kind kind = SL_TOKEN_VARIABLE;

    if (peek(l, 0) == '@') {
        kind = SL_TOKEN_SYSTEM;
        l->at++;
    }
    char c = peek(l, 0);
    if (c == '`' || c == '\'' || c == '"') {
        SL_TRY(lex_quoted(l, SL_TOKEN_QUOTED));
        last_token(l)->kind = kind;
        last_token(l)->position = (uint32_t)start;
        return SL_OK;
    }
    size_t first = l->at;
    while (is_name_byte(peek(l, 0)) || peek(l, 0) == '.') {
        if (peek(l, 0) == '.' && kind == SL_TOKEN_SYSTEM)
            first = l->at + 1; /* the scope is not part of the name */
        l->at++;
    }
    if (l->at == first)
        return fail_here(l, start, "a variable has no name");
    return add(l, kind, start, l->text + first, l->at - first);
}

/* Bytes of the operator at the cursor; 0: there is none. */
static size_t
size_of_operator(const struct sl_lexer *l)
{
    static const char long_ones[][4] = {
        "<=>", "<<", ">>", "<=", ">=", "<>", "!=", "||", "&&", ":="};
    char first = peek(l, 0);

    for (size_t i = 0; i < SL_COUNTOF(long_ones); i++) {
        const char *op = long_ones[i];
        if (op[0] == first && op[1] == peek(l, 1) && (op[2] == '\0' || op[2] == peek(l, 2)))
            return op[2] == '\0' ? 2 : 3;
    }
    return first != '\0' && strchr("(),.=<>+-*/%|&^~!", first) != NULL;
}

static sl_status
lex_operator(struct sl_lexer *l)
{
    size_t start = l->at;
    size_t size = size_of_operator(l);

    if (size == 0)
        return fail_here(l, start, "a character that means nothing here");
    l->at += size;
    return add(l, SL_TOKEN_OPERATOR, start, l->text + start, size);
}

static sl_status
lex_one(struct sl_lexer *l)
{
    char c = peek(l, 0);
    bool is_number = isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)peek(l, 1)));

    if (l->dialect == SL_DIALECT_NATIVE && (isxdigit((unsigned char)c) || c == ':')) {
        bool found;
        SL_TRY(lex_address(l, &found));
        if (found)
            return SL_OK;
    }
    /* `t.1a` has a name behind its dot, `t.e` too; a number never follows a name directly. */
    if (is_number && !(c == '.' && l->count > 0 && l->tokens[l->count - 1].end == l->at &&
                       (l->tokens[l->count - 1].kind == SL_TOKEN_NAME ||
                        l->tokens[l->count - 1].kind == SL_TOKEN_QUOTED)))
        return lex_number(l);
    if ((c == 'x' || c == 'X') && peek(l, 1) == '\'')
        return lex_quoted_bytes(l, 4);
    if ((c == 'b' || c == 'B') && peek(l, 1) == '\'')
        return lex_quoted_bytes(l, 1);
    if ((c == 'n' || c == 'N') && peek(l, 1) == '\'') {
        l->at++; /* a national string is a string */
        return lex_quoted(l, SL_TOKEN_STRING);
    }
    if (is_name_start(c))
        return lex_name(l);
    if (c == '\'')
        return lex_quoted(l, SL_TOKEN_STRING);
    if (c == '"')
        return lex_quoted(l, l->dialect == SL_DIALECT_NATIVE ? SL_TOKEN_QUOTED : SL_TOKEN_STRING);
    if (c == '`')
        return lex_quoted(l, SL_TOKEN_QUOTED);
    if (c == '@')
        return lex_variable(l);
    if (c == '?') {
        l->at++;
        return add(l, SL_TOKEN_PARAMETER, l->at - 1, "?", 1);
    }
    return lex_operator(l);
}

/* One more token, or the end. */
static sl_status
lex_next(struct sl_lexer *l)
{
    SL_TRY(skip_space(l));
    if (l->at < l->size && l->text[l->at] != ';')
        return lex_one(l);
    if (l->in_versioned)
        return fail_here(l, l->at, "a comment has no end");
    l->is_ended = true;
    return SL_OK;
}

void
sl_lexer_init(struct sl_lexer *l, enum sl_dialect dialect, const char *text, size_t text_bytes,
              struct sl_arena *arena)
{
    *l = (struct sl_lexer){.dialect = dialect, .text = text, .size = text_bytes, .arena = arena};
    if (text_bytes <= SL_SQL_TEXT_BYTES_MAX)
        return;
    l->is_ended = true;
    l->status =
        sl_fail(&l->failure, SL_LIMIT, "the text is longer than %d bytes", SL_SQL_TEXT_BYTES_MAX);
}

const struct sl_token *
sl_lexer_make(struct sl_lexer *l, uint32_t number)
{
    while (number - l->first >= l->count && !l->is_ended) {
        l->status = lex_next(l);
        l->is_ended |= l->status != SL_OK;
        l->end = (struct sl_token){.kind = SL_TOKEN_END,
                                   .position = (uint32_t)l->at,
                                   .end = (uint32_t)l->at,
                                   .text = {.bytes = (const uint8_t *)""}};
    }
    return number - l->first < l->count ? &l->tokens[number - l->first] : &l->end;
}

void
sl_lexer_forget(struct sl_lexer *l, uint32_t number)
{
    uint32_t gone = number - l->first;

    SL_ASSERT(gone <= l->count);
    if (gone < TOKENS_FIRST / 2)
        return;
    gone--;
    memmove(l->tokens, l->tokens + gone, (l->count - gone) * sizeof(*l->tokens));
    l->first += gone;
    l->count -= gone;
}

uint32_t
sl_lexer_consumed_bytes(const struct sl_lexer *l)
{
    return (uint32_t)(l->at < l->size ? l->at + 1 : l->at);
}

sl_status
sl_lex(enum sl_dialect dialect, const char *text, size_t text_bytes, struct sl_arena *arena,
       struct sl_tokens *out_tokens, struct sl_error *err)
{
    struct sl_lexer l;

    *out_tokens = (struct sl_tokens){0};
    sl_lexer_init(&l, dialect, text, text_bytes, arena);
    (void)sl_lexer_token(&l, UINT32_MAX);
    if (l.status == SL_OK)
        l.status = add(&l, SL_TOKEN_END, l.at, "", 0);
    if (l.status != SL_OK) {
        if (err != NULL)
            *err = l.failure;
        return l.status;
    }
    *out_tokens = (struct sl_tokens){
        .tokens = l.tokens, .count = l.count, .consumed_bytes = sl_lexer_consumed_bytes(&l)};
    return SL_OK;
}
