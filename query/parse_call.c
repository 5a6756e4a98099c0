/*
 * parse_call.c - names with a parenthesis behind them.
 *
 * Most are a list of expressions; those with words inside (CAST, EXTRACT, TRIM, DATE_ADD,
 * SUBSTRING FROM FOR, GROUP_CONCAT SEPARATOR ...) have a small reader each.
 */
#include "query/parser.h"

static sl_status
parse_cast_type(struct sl_parser *p, struct sl_sql_type *out_type)
{
    static const struct {
        const char *word;
        enum sl_type type;
    } names[] = {
        {"SIGNED", SL_TYPE_I64},      {"UNSIGNED", SL_TYPE_U64},  {"INT", SL_TYPE_I64},
        {"INTEGER", SL_TYPE_I64},     {"BIGINT", SL_TYPE_I64},    {"CHAR", SL_TYPE_TEXT},
        {"VARCHAR", SL_TYPE_TEXT},    {"NCHAR", SL_TYPE_TEXT},    {"BINARY", SL_TYPE_OCTETS},
        {"DOUBLE", SL_TYPE_F64},      {"FLOAT", SL_TYPE_F64},     {"REAL", SL_TYPE_F64},
        {"DECIMAL", SL_TYPE_DECIMAL}, {"DATETIME", SL_TYPE_TIME}, {"TIMESTAMP", SL_TYPE_TIME},
        {"DATE", SL_TYPE_DATE},       {"TIME", SL_TYPE_SPAN},     {"ADDRESS", SL_TYPE_ADDR},
    };
    unsigned numbers[2] = {0, 0};
    unsigned count = 0;

    *out_type = (struct sl_sql_type){.type = SL_TYPE_NULL, .is_nullable = true};
    for (size_t i = 0; i < SL_COUNTOF(names) && out_type->type == SL_TYPE_NULL; i++)
        if (sl_parser_accept_word(p, names[i].word))
            out_type->type = names[i].type;
    if (out_type->type == SL_TYPE_NULL)
        return sl_parser_fail(p, "a type (SIGNED, UNSIGNED, CHAR, DECIMAL, DOUBLE, DATETIME ...)");
    if (out_type->type == SL_TYPE_I64 || out_type->type == SL_TYPE_U64) {
        if (sl_parser_accept_word(p, "UNSIGNED"))
            out_type->type = SL_TYPE_U64;
        (void)(sl_parser_accept_word(p, "INTEGER") || sl_parser_accept_word(p, "INT"));
    }
    if (sl_parser_accept(p, "(")) {
        do {
            struct sl_slice digits = sl_parser_token(p)->text;
            if (sl_parser_token(p)->kind != SL_TOKEN_INTEGER || digits.size_bytes > 5 || count == 2)
                return sl_parser_fail(p, "a small number");
            for (uint32_t i = 0; i < digits.size_bytes; i++)
                numbers[count] = numbers[count] * 10 + (unsigned)(digits.bytes[i] - '0');
            count++;
            p->at++;
        } while (sl_parser_accept(p, ","));
        SL_TRY(sl_parser_expect(p, ")"));
    }
    if (out_type->type == SL_TYPE_DECIMAL)
        out_type->scale = (uint8_t)(numbers[1] > 30 ? 30 : numbers[1]);
    if (out_type->type == SL_TYPE_TIME || out_type->type == SL_TYPE_SPAN)
        out_type->scale = (uint8_t)(numbers[0] > 6 ? 6 : numbers[0]);
    if (out_type->type == SL_TYPE_TEXT || out_type->type == SL_TYPE_OCTETS)
        out_type->length = count > 0 ? numbers[0] : 0;
    if (sl_parser_accept_word(p, "CHARACTER"))
        SL_TRY(sl_parser_expect_word(p, "SET"));
    else if (!sl_parser_accept_word(p, "CHARSET"))
        return SL_OK;
    p->at += sl_parser_token(p)->kind != SL_TOKEN_END; /* all text is UTF-8 */
    return SL_OK;
}

/* CAST(x AS type), CONVERT(x, type), CONVERT(x USING charset) */
static sl_status
parse_cast(struct sl_parser *p, uint32_t position, struct sl_node **out_node)
{
    struct sl_node *value;
    struct sl_node_list args = {0};

    SL_TRY(sl_parse_expr(p, &value));
    SL_TRY(sl_parser_append(p, &args, value));
    SL_TRY(sl_parser_node(p, SL_NODE_CAST, position, out_node));
    (*out_node)->args = args.nodes;
    (*out_node)->arg_count = 1;
    if (sl_parser_accept_word(p, "USING")) {
        (*out_node)->cast = (struct sl_sql_type){.type = SL_TYPE_TEXT, .is_nullable = true};
        p->at += sl_parser_token(p)->kind != SL_TOKEN_END;
    } else {
        if (!sl_parser_accept(p, ","))
            SL_TRY(sl_parser_expect_word(p, "AS"));
        SL_TRY(parse_cast_type(p, &(*out_node)->cast));
    }
    return sl_parser_expect(p, ")");
}

/* DATE_ADD(t, INTERVAL n unit) and its kin; the name and parenthesis are consumed. */
static sl_status
parse_date_add(struct sl_parser *p, uint32_t position, bool is_minus, struct sl_node **out_node)
{
    struct sl_node *time;

    SL_TRY(sl_parse_expr(p, &time));
    SL_TRY(sl_parser_expect(p, ","));
    SL_TRY(sl_parser_expect_word(p, "INTERVAL"));
    SL_TRY(sl_parse_interval(p, position, time, is_minus, out_node));
    return sl_parser_expect(p, ")");
}

/* TIMESTAMPDIFF(unit, a, b), TIMESTAMPADD(unit, n, t) */
static sl_status
parse_timestamp_unit(struct sl_parser *p, uint32_t position, bool is_add, struct sl_node **out_node)
{
    enum sl_time_unit unit;
    struct sl_node_list args = {0};

    if (!sl_parser_accept_unit(p, &unit))
        return sl_parser_fail(p, "a unit of time (SECOND, MINUTE, HOUR, DAY ...)");
    SL_TRY(sl_parser_expect(p, ","));
    SL_TRY(sl_parse_args(p, &args));
    if (args.count != 2)
        return sl_parser_fail(p, "two values behind the unit");
    if (is_add) {
        SL_TRY(sl_parser_node(p, SL_NODE_INTERVAL, position, out_node));
        (*out_node)->operand = args.nodes[1];
        (*out_node)->unit = unit;
        (*out_node)->args = args.nodes;
        (*out_node)->arg_count = 1;
        return SL_OK;
    }
    struct sl_node *all[3] = {NULL, args.nodes[0], args.nodes[1]};
    SL_TRY(sl_parser_node(p, SL_NODE_NUMBER, position, &all[0]));
    all[0]->number = unit;
    return sl_parser_operator(p, SL_FN_TIMESTAMPDIFF, position, all, 3, out_node);
}

/* EXTRACT(unit FROM t) is the function of that name. */
static sl_status
parse_extract(struct sl_parser *p, uint32_t position, struct sl_node **out_node)
{
    struct sl_node_list args = {0};

    SL_TRY(sl_parser_node(p, SL_NODE_CALL, position, out_node));
    (*out_node)->text = sl_parser_token(p)->text;
    p->at += sl_parser_token(p)->kind == SL_TOKEN_NAME;
    SL_TRY(sl_parser_expect_word(p, "FROM"));
    SL_TRY(sl_parse_args(p, &args));
    (*out_node)->args = args.nodes;
    (*out_node)->arg_count = args.count;
    return SL_OK;
}

/* TRIM([BOTH | LEADING | TRAILING] [what] FROM text), or TRIM(text) */
static sl_status
parse_trim(struct sl_parser *p, uint32_t position, struct sl_node **out_node)
{
    const char *name = "TRIM";
    struct sl_node *first = NULL;
    struct sl_node *second = NULL;
    struct sl_node_list args = {0};

    if (sl_parser_accept_word(p, "LEADING"))
        name = "LTRIM";
    else if (sl_parser_accept_word(p, "TRAILING"))
        name = "RTRIM";
    else
        (void)sl_parser_accept_word(p, "BOTH");
    if (!sl_parser_is_word(p, "FROM"))
        SL_TRY(sl_parse_expr(p, &first));
    if (sl_parser_accept_word(p, "FROM"))
        SL_TRY(sl_parse_expr(p, &second));
    SL_TRY(sl_parser_expect(p, ")"));
    SL_TRY(sl_parser_node(p, SL_NODE_CALL, position, out_node));
    SL_TRY(sl_parser_append(p, &args, second != NULL ? second : first));
    if (second != NULL && first != NULL)
        SL_TRY(sl_parser_append(p, &args, first));
    (*out_node)->text =
        (struct sl_slice){.bytes = (const uint8_t *)name, .size_bytes = (uint32_t)strlen(name)};
    (*out_node)->args = args.nodes;
    (*out_node)->arg_count = args.count;
    return SL_OK;
}

/* name(args), the name and parenthesis consumed. */
static sl_status
parse_call(struct sl_parser *p, const struct sl_token *name, struct sl_node **out_node)
{
    struct sl_node_list args = {0};
    struct sl_node *node;

    SL_TRY(sl_parser_node(p, SL_NODE_CALL, name->position, out_node));
    (*out_node)->text = name->text;
    (*out_node)->is_distinct = sl_parser_accept_word(p, "DISTINCT");
    if (!(*out_node)->is_distinct)
        (void)sl_parser_accept_word(p, "ALL");
    if (sl_parser_is(p, ")")) {
        p->at++;
        return SL_OK;
    }
    for (;;) {
        SL_TRY(sl_parse_expr(p, &node));
        SL_TRY(sl_parser_append(p, &args, node));
        if (sl_parser_accept(p, ","))
            continue;
        /* SUBSTRING(x FROM a FOR b), POSITION(a IN b) was read as a predicate */
        if (sl_slice_is(name->text, "SUBSTRING") || sl_slice_is(name->text, "SUBSTR"))
            if (sl_parser_accept_word(p, "FROM") || sl_parser_accept_word(p, "FOR"))
                continue;
        break;
    }
    if (sl_parser_accept_word(p, "ORDER")) {
        if (!sl_slice_is(name->text, "GROUP_CONCAT"))
            return sl_fail_at(p->err, SL_SYNTAX, 1064, p->text, p->text_bytes, name->position,
                              "only GROUP_CONCAT has an ORDER BY inside");
        SL_TRY(sl_parser_expect_word(p, "BY"));
        SL_TRY(sl_parse_orders(p, &(*out_node)->orders, &(*out_node)->order_count));
    }
    if (sl_parser_accept_word(p, "SEPARATOR")) {
        if (sl_parser_token(p)->kind != SL_TOKEN_STRING)
            return sl_parser_fail(p, "a quoted separator");
        (*out_node)->separator = sl_parser_token(p)->text;
        p->at++;
    }
    (*out_node)->args = args.nodes;
    (*out_node)->arg_count = args.count;
    return sl_parser_expect(p, ")");
}

/* FILTER (WHERE condition) behind a call. */
static sl_status
parse_filter(struct sl_parser *p, struct sl_node *call)
{
    const struct sl_token *next = sl_parser_peek(p, 1);

    if (!sl_parser_is_word(p, "FILTER") || next->kind != SL_TOKEN_OPERATOR ||
        !sl_slice_is(next->text, "("))
        return SL_OK; /* an alias, perhaps */
    p->at += 2;
    SL_TRY(sl_parser_expect_word(p, "WHERE"));
    SL_TRY(sl_parse_expr(p, &call->filter));
    return sl_parser_expect(p, ")");
}

/* A name with a parenthesis behind it. */
sl_status
sl_parse_function(struct sl_parser *p, struct sl_node **out_node)
{
    const struct sl_token *name = sl_parser_token(p);
    struct sl_slice word = name->text;

    p->at += 2;
    if (sl_slice_is(word, "CAST") || sl_slice_is(word, "CONVERT"))
        return parse_cast(p, name->position, out_node);
    if (sl_slice_is(word, "DATE_ADD") || sl_slice_is(word, "ADDDATE"))
        return parse_date_add(p, name->position, false, out_node);
    if (sl_slice_is(word, "DATE_SUB") || sl_slice_is(word, "SUBDATE"))
        return parse_date_add(p, name->position, true, out_node);
    if (sl_slice_is(word, "TIMESTAMPDIFF"))
        return parse_timestamp_unit(p, name->position, false, out_node);
    if (sl_slice_is(word, "TIMESTAMPADD"))
        return parse_timestamp_unit(p, name->position, true, out_node);
    if (sl_slice_is(word, "EXTRACT"))
        return parse_extract(p, name->position, out_node);
    if (sl_slice_is(word, "TRIM"))
        return parse_trim(p, name->position, out_node);
    SL_TRY(parse_call(p, name, out_node));
    return parse_filter(p, *out_node);
}
