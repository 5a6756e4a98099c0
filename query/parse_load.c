/*
 * parse_load.c - LOAD DATA LOCAL INFILE: an INSERT whose rows are lines of a file of the client's.
 */
#include "query/parser.h"

static sl_status
parse_text(struct sl_parser *p, struct sl_slice *out_text)
{
    const struct sl_token *token = sl_parser_token(p);
    if (token->kind != SL_TOKEN_STRING)
        return sl_parser_fail(p, "a text in quotes");
    *out_text = token->text;
    p->at++;
    return SL_OK;
}

/* A text of one character, or of none. */
static sl_status
parse_character(struct sl_parser *p, bool *out_is_there, uint8_t *out_character)
{
    struct sl_slice text = {0};
    const struct sl_token *token = sl_parser_token(p);
    SL_TRY(parse_text(p, &text));
    if (text.size_bytes > 1)
        return sl_fail_at(p->err, SL_SYNTAX, 1083, p->text, p->text_bytes, token->position,
                          "this must be one character");
    *out_is_there = text.size_bytes == 1;
    *out_character = *out_is_there ? text.bytes[0] : 0;
    return SL_OK;
}

static sl_status
parse_fields(struct sl_parser *p, struct sl_load_format *format)
{
    for (;;) {
        (void)sl_parser_accept_word(p, "OPTIONALLY");
        if (sl_parser_accept_word(p, "TERMINATED")) {
            SL_TRY(sl_parser_expect_word(p, "BY"));
            SL_TRY(parse_text(p, &format->field_end));
        } else if (sl_parser_accept_word(p, "ENCLOSED")) {
            SL_TRY(sl_parser_expect_word(p, "BY"));
            SL_TRY(parse_character(p, &format->has_enclosure, &format->enclosure));
        } else if (sl_parser_accept_word(p, "ESCAPED")) {
            SL_TRY(sl_parser_expect_word(p, "BY"));
            SL_TRY(parse_character(p, &format->has_escape, &format->escape));
        } else {
            return SL_OK;
        }
    }
}

static sl_status
parse_lines(struct sl_parser *p, struct sl_load_format *format)
{
    if (sl_parser_is_word(p, "STARTING"))
        return sl_fail_at(p->err, SL_UNSUPPORTED, 1235, p->text, p->text_bytes,
                          sl_parser_token(p)->position, "LINES STARTING BY is not supported");
    if (!sl_parser_accept_word(p, "TERMINATED"))
        return SL_OK;
    SL_TRY(sl_parser_expect_word(p, "BY"));
    return parse_text(p, &format->line_end);
}

/* IGNORE n LINES */
static sl_status
parse_skip(struct sl_parser *p, struct sl_load_format *format)
{
    if (!sl_parser_accept_word(p, "IGNORE"))
        return SL_OK;
    const struct sl_token *token = sl_parser_token(p);
    if (token->kind != SL_TOKEN_INTEGER || token->text.size_bytes > 9)
        return sl_parser_fail(p, "a number of lines");
    for (uint32_t i = 0; i < token->text.size_bytes; i++)
        format->skip_lines = format->skip_lines * 10 + (uint64_t)(token->text.bytes[i] - '0');
    p->at++;
    return sl_parser_accept_word(p, "ROWS") ? SL_OK : sl_parser_expect_word(p, "LINES");
}

static sl_status
parse_format(struct sl_parser *p, struct sl_load_format *format)
{
    *format = (struct sl_load_format){
        .field_end = {.bytes = (const uint8_t *)"\t", .size_bytes = 1},
        .line_end = {.bytes = (const uint8_t *)"\n", .size_bytes = 1},
        .has_escape = true,
        .escape = '\\',
    };
    if (sl_parser_accept_word(p, "CHARACTER")) {
        SL_TRY(sl_parser_expect_word(p, "SET"));
        p->at += sl_parser_token(p)->kind == SL_TOKEN_NAME; /* bytes stay what they are */
    }
    if (sl_parser_accept_word(p, "FIELDS") || sl_parser_accept_word(p, "COLUMNS"))
        SL_TRY(parse_fields(p, format));
    if (sl_parser_accept_word(p, "LINES"))
        SL_TRY(parse_lines(p, format));
    SL_TRY(parse_skip(p, format));
    if (format->line_end.size_bytes == 0 || format->field_end.size_bytes == 0)
        return sl_fail_at(
            p->err, SL_UNSUPPORTED, 1235, p->text, p->text_bytes, sl_parser_token(p)->position,
            "rows of a fixed size are not supported: name what ends fields and lines");
    return SL_OK;
}

sl_status
sl_parse_load(struct sl_parser *p, struct sl_syntax *syntax)
{
    struct sl_syntax_insert *insert = &syntax->insert;
    const struct sl_token *token;
    syntax->kind = SL_SYNTAX_INSERT;
    insert->is_load = true;
    insert->is_ignore = true; /* LOCAL: the file is on its way, nothing can stop it */
    SL_TRY(sl_parser_expect_word(p, "DATA"));
    if (!sl_parser_accept_word(p, "LOW_PRIORITY"))
        (void)sl_parser_accept_word(p, "CONCURRENT");
    token = sl_parser_token(p);
    if (!sl_parser_accept_word(p, "LOCAL"))
        return sl_fail_at(p->err, SL_UNSUPPORTED, 1235, p->text, p->text_bytes, token->position,
                          "only files of the client are read: LOAD DATA LOCAL INFILE");
    SL_TRY(sl_parser_expect_word(p, "INFILE"));
    SL_TRY(parse_text(p, &insert->file));
    if (!sl_parser_accept_word(p, "REPLACE"))
        (void)sl_parser_accept_word(p, "IGNORE");
    SL_TRY(sl_parser_expect_word(p, "INTO"));
    SL_TRY(sl_parser_expect_word(p, "TABLE"));
    SL_TRY(sl_parse_make_select(p, &syntax->select));
    SL_TRY(sl_parse_table_name(p, syntax->select));
    SL_TRY(parse_format(p, &insert->format));
    if (sl_parser_accept(p, "("))
        SL_TRY(sl_parse_insert_columns(p, insert));
    if (sl_parser_is_word(p, "SET"))
        return sl_fail_at(p->err, SL_UNSUPPORTED, 1235, p->text, p->text_bytes,
                          sl_parser_token(p)->position, "LOAD DATA with SET is not supported");
    return SL_OK;
}
