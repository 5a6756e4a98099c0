/*
 * script.c - one step is a quoted text, a comment, or a character; what is still open ends behind
 * the end of the text.
 */
#include "client/script.h"

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_line_comment(const char *text, size_t text_bytes, size_t at)
{
    if (text[at] == '#')
        return true;
    return text[at] == '-' && at + 1 < text_bytes && text[at + 1] == '-' &&
           (at + 2 == text_bytes || (unsigned char)text[at + 2] <= ' ' || text[at + 2] == 0x7f);
}

static bool
is_block_comment(const char *text, size_t text_bytes, size_t at)
{
    return text[at] == '/' && at + 1 < text_bytes && text[at + 1] == '*';
}

static size_t
skip_line(const char *text, size_t text_bytes, size_t at)
{
    while (at < text_bytes && text[at] != '\n')
        at++;
    return at;
}

static size_t
skip_block(const char *text, size_t text_bytes, size_t at)
{
    for (at += 2; at + 1 < text_bytes; at++)
        if (text[at] == '*' && text[at + 1] == '/')
            return at + 2;
    return text_bytes + 1;
}

/* A doubled quote is the end of one text and the begin of the next: the same for our purpose. */
static size_t
skip_quoted(const char *text, size_t text_bytes, size_t at)
{
    char quote = text[at++];
    while (at < text_bytes && text[at] != quote)
        at += quote == '\'' && text[at] == '\\' ? 2 : 1;
    return at < text_bytes ? at + 1 : text_bytes + 1;
}

/* Behind the comment that begins at `at`; `at` itself when none does. */
static size_t
skip_comment(const char *text, size_t text_bytes, size_t at)
{
    if (is_line_comment(text, text_bytes, at))
        return skip_line(text, text_bytes, at);
    if (is_block_comment(text, text_bytes, at))
        return skip_block(text, text_bytes, at);
    return at;
}

size_t
sl_script_end(const char *text, size_t text_bytes)
{
    size_t at = 0;
    while (at < text_bytes && text[at] != ';') {
        size_t behind = skip_comment(text, text_bytes, at);
        if (behind != at)
            at = behind;
        else if (text[at] == '\'' || text[at] == '"' || text[at] == '`')
            at = skip_quoted(text, text_bytes, at);
        else
            at++;
    }
    return at < text_bytes ? at + 1 : 0;
}

size_t
sl_script_start(const char *text, size_t text_bytes)
{
    size_t at = 0;
    while (at < text_bytes) {
        size_t behind = skip_comment(text, text_bytes, at);
        bool is_gap = behind != at || is_blank(text[at]) || text[at] == ';';
        if (!is_gap || behind > text_bytes)
            break;
        at = behind == at ? at + 1 : behind;
    }
    return at;
}
