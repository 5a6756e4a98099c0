/*
 * parse_interval.c - lengths of time: INTERVAL 5 MINUTE, LAST 1h, and their units.
 */
#include "query/parser.h"

static const struct {
    const char *word;
    const char *letters; /* native short form: 5m */
    enum sl_time_unit unit;
} units[] = {
    {"MICROSECOND", "us", SL_TIME_MICROSECOND},
    {"SECOND", "s", SL_TIME_SECOND},
    {"MINUTE", "m", SL_TIME_MINUTE},
    {"HOUR", "h", SL_TIME_HOUR},
    {"DAY", "d", SL_TIME_DAY},
    {"WEEK", "w", SL_TIME_WEEK},
    {"MONTH", NULL, SL_TIME_MONTH},
    {"QUARTER", NULL, SL_TIME_QUARTER},
    {"YEAR", NULL, SL_TIME_YEAR},
};

const char sl_last_story[] = "LAST needs a length of time such as 1h, 30m or 7 DAY";

bool
sl_parser_is_last(const struct sl_parser *p)
{
    const struct sl_token *next = sl_parser_peek(p, 1);
    bool is_number =
        next->kind == SL_TOKEN_INTEGER ||
        (next->kind == SL_TOKEN_NAME && next->text.bytes[0] >= '0' && next->text.bytes[0] <= '9');

    return p->dialect == SL_DIALECT_NATIVE && is_number && sl_parser_is_word(p, "LAST");
}

/* The unit behind INTERVAL n; also SECOND without its INTERVAL, for LAST 5 MINUTE(S). */
bool
sl_parser_accept_unit(struct sl_parser *p, enum sl_time_unit *out_unit)
{
    struct sl_slice word = sl_parser_token(p)->text;

    if (sl_parser_token(p)->kind != SL_TOKEN_NAME)
        return false;
    if (word.size_bytes > 1 && (word.bytes[word.size_bytes - 1] | 0x20) == 's')
        word.size_bytes--;
    for (size_t i = 0; i < SL_COUNTOF(units); i++) {
        if (sl_slice_is(word, units[i].word)) {
            *out_unit = units[i].unit;
            p->at++;
            return true;
        }
    }
    return false;
}

/* INTERVAL expr unit, the word itself consumed; `time` is what it is added to. */
sl_status
sl_parse_interval(struct sl_parser *p, uint32_t position, struct sl_node *time, bool is_minus,
                  struct sl_node **out_node)
{
    struct sl_node *amount = NULL;
    struct sl_node_list args = {0};

    SL_TRY(sl_parse_expr(p, &amount));
    SL_TRY(sl_parser_node(p, SL_NODE_INTERVAL, position, out_node));
    if (!sl_parser_accept_unit(p, &(*out_node)->unit))
        return sl_parser_fail(p, "a unit of time (SECOND, MINUTE, HOUR, DAY ...)");
    SL_TRY(sl_parser_append(p, &args, amount));
    (*out_node)->operand = time;
    (*out_node)->args = args.nodes;
    (*out_node)->arg_count = 1;
    (*out_node)->text.size_bytes = is_minus ? 1 : 0;
    return SL_OK;
}

/* LAST 1h, LAST 5 MINUTE */
sl_status
sl_parse_last(struct sl_parser *p, uint32_t position, struct sl_node **out_node)
{
    static const int64_t unit_us[] = {
        [SL_TIME_MICROSECOND] = 1,
        [SL_TIME_SECOND] = 1000000,
        [SL_TIME_MINUTE] = 60000000,
        [SL_TIME_HOUR] = INT64_C(3600000000),
        [SL_TIME_DAY] = INT64_C(86400000000),
        [SL_TIME_WEEK] = INT64_C(604800000000),
    };
    const struct sl_token *token = sl_parser_token(p);
    enum sl_time_unit unit = SL_TIME_YEAR;
    struct sl_slice letters = token->text;
    int64_t amount = 0;

    while (letters.size_bytes > 0 && letters.bytes[0] >= '0' && letters.bytes[0] <= '9' &&
           amount < 1000000000) {
        amount = amount * 10 + (letters.bytes[0] - '0');
        letters.bytes++;
        letters.size_bytes--;
    }
    p->at++;
    if (token->kind == SL_TOKEN_INTEGER && letters.size_bytes == 0)
        (void)sl_parser_accept_unit(p, &unit);
    for (size_t i = 0; i < SL_COUNTOF(units); i++)
        if (token->kind == SL_TOKEN_NAME && units[i].letters != NULL &&
            sl_slice_is(letters, units[i].letters))
            unit = units[i].unit;
    if (unit >= SL_COUNTOF(unit_us) || amount > INT64_MAX / unit_us[unit])
        return sl_fail_at(p->err, SL_SYNTAX, 1064, p->text, p->text_bytes, token->position, "%s",
                          sl_last_story);
    SL_TRY(sl_parser_node(p, SL_NODE_LAST, position, out_node));
    (*out_node)->number = amount * unit_us[unit];
    return SL_OK;
}
