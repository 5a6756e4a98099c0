/*
 * parse_predicate.c - what stands behind an operand: [NOT] IN, BETWEEN, LIKE, REGEXP, IS, = ANY.
 */
#include "query/parser.h"

#include "storage/base/limits.h"

bool
sl_parser_is_subquery(const struct sl_parser *p)
{
    return sl_parser_is_word(p, "SELECT") || sl_parser_is_word(p, "WITH");
}

sl_status
sl_parse_subquery(struct sl_parser *p, enum sl_node_kind kind, uint32_t position,
                  struct sl_node **out_node)
{
    SL_TRY(sl_parser_node(p, kind, position, out_node));
    SL_TRY(sl_parse_chain(p, &(*out_node)->select));
    return sl_parser_expect(p, ")");
}

/* left IN (select): a row has several values. */
static sl_status
parse_in_select(struct sl_parser *p, uint32_t position, struct sl_node *left,
                struct sl_node **out_node)
{
    struct sl_node_list list = {0};

    if (left->kind == SL_NODE_ROW)
        list = (struct sl_node_list){.nodes = left->args, .count = left->arg_count};
    else
        SL_TRY(sl_parser_append(p, &list, left));
    SL_TRY(sl_parse_subquery(p, SL_NODE_IN_SELECT, position, out_node));
    (*out_node)->args = list.nodes;
    (*out_node)->arg_count = list.count;
    return SL_OK;
}

/* (a, b, ...) behind IN; a single CIDR or address may stand without parentheses. */
static sl_status
parse_in(struct sl_parser *p, uint32_t position, struct sl_node *left, struct sl_node **out_node)
{
    struct sl_node_list list = {0};

    SL_TRY(sl_parser_append(p, &list, left));
    enum sl_token_kind kind = sl_parser_token(p)->kind;
    if (kind == SL_TOKEN_CIDR || kind == SL_TOKEN_ADDRESS) {
        struct sl_node *block;
        SL_TRY(sl_parse_operand(p, &block));
        SL_TRY(sl_parser_append(p, &list, block));
    } else {
        SL_TRY(sl_parser_expect(p, "("));
        if (sl_parser_is_subquery(p))
            return parse_in_select(p, position, left, out_node);
        SL_TRY(sl_parse_args(p, &list));
    }
    if (list.count < 2)
        return sl_parser_fail(p, "a value");
    if (list.count > SL_SQL_IN_LIST_MAX)
        return sl_fail_at(p->err, SL_LIMIT, 0, p->text, p->text_bytes, position,
                          "an IN list has more than %d elements", SL_SQL_IN_LIST_MAX);
    if (left->kind == SL_NODE_ROW)
        return sl_parse_row_in(p, position, list.nodes, list.count, out_node);
    SL_TRY(sl_parser_node(p, SL_NODE_OPERATOR, position, out_node));
    (*out_node)->function = SL_FN_IN;
    (*out_node)->args = list.nodes;
    (*out_node)->arg_count = list.count;
    return SL_OK;
}

static sl_status
parse_between(struct sl_parser *p, uint32_t position, struct sl_node *left,
              struct sl_node **out_node)
{
    struct sl_node *args[3] = {left};

    SL_TRY(sl_parse_operand(p, &args[1]));
    SL_TRY(sl_parser_expect_word(p, "AND"));
    SL_TRY(sl_parse_operand(p, &args[2]));
    return sl_parser_operator(p, SL_FN_BETWEEN, position, args, 3, out_node);
}

static sl_status
parse_like(struct sl_parser *p, uint32_t position, struct sl_node *left, struct sl_node **out_node)
{
    struct sl_node *args[3] = {left};

    SL_TRY(sl_parse_operand(p, &args[1]));
    if (sl_parser_accept_word(p, "ESCAPE")) {
        SL_TRY(sl_parse_operand(p, &args[2]));
    } else {
        SL_TRY(sl_parser_node(p, SL_NODE_STRING, position, &args[2]));
        args[2]->text = (struct sl_slice){.bytes = (const uint8_t *)"\\", .size_bytes = 1};
    }
    return sl_parser_operator(p, SL_FN_LIKE, position, args, 3, out_node);
}

static sl_status
parse_regexp(struct sl_parser *p, uint32_t position, struct sl_node *left,
             struct sl_node **out_node)
{
    struct sl_node *args[2] = {left};

    SL_TRY(sl_parse_operand(p, &args[1]));
    return sl_parser_operator(p, SL_FN_REGEXP, position, args, 2, out_node);
}

/* IS [NOT] NULL | TRUE | FALSE | UNKNOWN */
static sl_status
parse_is(struct sl_parser *p, uint32_t position, struct sl_node *left, struct sl_node **out_node)
{
    bool is_not = sl_parser_accept_word(p, "NOT");
    enum sl_function_id function = SL_FN_IS_NULL;

    if (sl_parser_accept_word(p, "TRUE"))
        function = SL_FN_IS_TRUE;
    else if (sl_parser_accept_word(p, "FALSE"))
        function = SL_FN_IS_FALSE;
    else if (!sl_parser_accept_word(p, "NULL") && !sl_parser_accept_word(p, "UNKNOWN"))
        return sl_parser_fail(p, "NULL, TRUE, FALSE or UNKNOWN");
    SL_TRY(sl_parser_unary(p, function, position, left, out_node));
    return is_not ? sl_parser_unary(p, SL_FN_NOT, position, *out_node, out_node) : SL_OK;
}

sl_status
sl_parse_predicate(struct sl_parser *p, struct sl_node **left, bool *out_found)
{
    uint32_t position = sl_parser_token(p)->position;
    struct sl_node *node = NULL;
    uint32_t start = p->at;
    bool is_not = sl_parser_accept_word(p, "NOT");

    *out_found = true;
    if (!is_not && sl_parser_accept_word(p, "IS"))
        return parse_is(p, position, *left, left);
    if (sl_parser_accept_word(p, "IN")) {
        SL_TRY(parse_in(p, position, *left, &node));
    } else if (sl_parser_accept_word(p, "BETWEEN")) {
        SL_TRY(parse_between(p, position, *left, &node));
    } else if (sl_parser_accept_word(p, "LIKE")) {
        SL_TRY(parse_like(p, position, *left, &node));
    } else if (sl_parser_accept_word(p, "REGEXP") || sl_parser_accept_word(p, "RLIKE")) {
        SL_TRY(parse_regexp(p, position, *left, &node));
    } else {
        p->at = start;
        *out_found = false;
        return SL_OK;
    }
    *left = node;
    return is_not ? sl_parser_unary(p, SL_FN_NOT, position, node, left) : SL_OK;
}

sl_status
sl_parse_quantified(struct sl_parser *p, enum sl_function_id function, uint32_t position,
                    struct sl_node **node, bool *out_found)
{
    const struct sl_token *next = sl_parser_peek(p, 1);
    const struct sl_token *after = sl_parser_peek(p, 2);
    bool is_all = sl_parser_is_word(p, "ALL");
    bool is_any = sl_parser_is_word(p, "ANY") || sl_parser_is_word(p, "SOME");

    *out_found = (is_all || is_any) && next->kind == SL_TOKEN_OPERATOR &&
                 sl_slice_is(next->text, "(") && after->kind == SL_TOKEN_NAME &&
                 sl_slice_is(after->text, "SELECT");
    if (!*out_found)
        return SL_OK;
    if (function != (is_all ? SL_FN_NE : SL_FN_EQ))
        return sl_fail_at(p->err, SL_UNSUPPORTED, 1235, p->text, p->text_bytes, position,
                          "of ANY and ALL, only = ANY and <> ALL are supported");
    p->at += 2;
    SL_TRY(parse_in_select(p, position, *node, node));
    return is_all ? sl_parser_unary(p, SL_FN_NOT, position, *node, node) : SL_OK;
}
