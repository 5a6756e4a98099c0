/*
 * parse_primary.c - what operators stand between: literals, names, words, variables, parentheses.
 */
#include "query/parser.h"

static sl_status
parse_case(struct sl_parser *p, uint32_t position, struct sl_node **out_node)
{
    struct sl_node_list args = {0};
    struct sl_node *node;

    SL_TRY(sl_parser_node(p, SL_NODE_CASE, position, out_node));
    if (!sl_parser_is_word(p, "WHEN"))
        SL_TRY(sl_parse_expr(p, &(*out_node)->operand));
    while (sl_parser_accept_word(p, "WHEN")) {
        SL_TRY(sl_parse_expr(p, &node));
        SL_TRY(sl_parser_append(p, &args, node));
        SL_TRY(sl_parser_expect_word(p, "THEN"));
        SL_TRY(sl_parse_expr(p, &node));
        SL_TRY(sl_parser_append(p, &args, node));
    }
    if (args.count == 0)
        return sl_parser_fail(p, "WHEN");
    if (sl_parser_accept_word(p, "ELSE")) {
        SL_TRY(sl_parse_expr(p, &node));
        SL_TRY(sl_parser_append(p, &args, node));
    }
    (*out_node)->args = args.nodes;
    (*out_node)->arg_count = args.count;
    return sl_parser_expect_word(p, "END");
}

/* A column, t.column, db.t.column or t.*. */
static sl_status
parse_name(struct sl_parser *p, struct sl_node **out_node)
{
    const struct sl_token *token = sl_parser_token(p);

    SL_TRY(sl_parser_node(p, SL_NODE_NAME, token->position, out_node));
    (*out_node)->text = token->text;
    (*out_node)->is_quoted = token->kind == SL_TOKEN_QUOTED;
    p->at++;
    for (int part = 0; part < 2 && sl_parser_accept(p, "."); part++) {
        token = sl_parser_token(p);
        (*out_node)->qualifier = (*out_node)->text;
        if (sl_parser_accept(p, "*")) {
            (*out_node)->kind = SL_NODE_STAR;
            return SL_OK;
        }
        if (token->kind != SL_TOKEN_NAME && token->kind != SL_TOKEN_QUOTED)
            return sl_parser_fail(p, "a name");
        (*out_node)->text = token->text;
        (*out_node)->is_quoted = token->kind == SL_TOKEN_QUOTED;
        p->at++;
    }
    return SL_OK;
}

/* Adjacent strings are one. */
static sl_status
parse_string(struct sl_parser *p, struct sl_node **out_node)
{
    const struct sl_token *token = sl_parser_token(p);
    uint32_t count = 1;
    size_t size = token->text.size_bytes;

    SL_TRY(sl_parser_node(p, SL_NODE_STRING, token->position, out_node));
    while (sl_parser_peek(p, count)->kind == SL_TOKEN_STRING)
        size += sl_parser_peek(p, count++)->text.size_bytes;
    (*out_node)->text = token->text;
    if (count > 1) {
        uint8_t *bytes = sl_arena_alloc(p->arena, size);
        if (bytes == NULL)
            return sl_fail(p->err, SL_LIMIT, "a text is too long for the query's memory");
        size_t used = 0;
        for (uint32_t i = 0; i < count; i++) {
            struct sl_slice part = sl_parser_peek(p, i)->text;
            memcpy(&bytes[used], part.bytes, part.size_bytes);
            used += part.size_bytes;
        }
        (*out_node)->text = (struct sl_slice){.bytes = bytes, .size_bytes = (uint32_t)size};
    }
    p->at += count;
    return SL_OK;
}

/* TIMESTAMP '...', DATE '...' */
static sl_status
parse_typed_literal(struct sl_parser *p, struct sl_node **out_node)
{
    bool is_date = sl_parser_is_word(p, "DATE");
    uint32_t position = sl_parser_token(p)->position;
    struct sl_node_list args = {0};
    struct sl_node *text;

    p->at++;
    SL_TRY(parse_string(p, &text));
    SL_TRY(sl_parser_append(p, &args, text));
    SL_TRY(sl_parser_node(p, SL_NODE_CAST, position, out_node));
    (*out_node)->cast = (struct sl_sql_type){.type = is_date ? SL_TYPE_DATE : SL_TYPE_TIME,
                                             .scale = is_date ? 0 : 6,
                                             .is_nullable = true};
    (*out_node)->args = args.nodes;
    (*out_node)->arg_count = 1;
    return SL_OK;
}

/* (a), which is a, or (a, b), a row. The parenthesis is consumed. */
static sl_status
parse_parenthesis(struct sl_parser *p, uint32_t position, struct sl_node **out_node)
{
    struct sl_node_list list = {0};

    SL_TRY(sl_parse_args(p, &list));
    if (list.count == 1) {
        *out_node = list.nodes[0];
        return SL_OK;
    }
    SL_TRY(sl_parser_node(p, SL_NODE_ROW, position, out_node));
    (*out_node)->args = list.nodes;
    (*out_node)->arg_count = list.count;
    return SL_OK;
}

/* Words that stand for themselves. */
static sl_status
parse_word(struct sl_parser *p, struct sl_node **out_node)
{
    const struct sl_token *token = sl_parser_token(p);
    const struct sl_token *next = sl_parser_peek(p, 1);
    bool is_call = next->kind == SL_TOKEN_OPERATOR && sl_slice_is(next->text, "(");

    if (token->text.bytes[0] == '_' && next->kind == SL_TOKEN_STRING) {
        p->at++; /* an introducer: _utf8mb4'...' */
        return parse_string(p, out_node);
    }
    if (sl_parser_accept_word(p, "NULL"))
        return sl_parser_node(p, SL_NODE_NULL, token->position, out_node);
    if (!is_call && (sl_parser_is_word(p, "TRUE") || sl_parser_is_word(p, "FALSE"))) {
        SL_TRY(sl_parser_node(p, SL_NODE_BOOL, token->position, out_node));
        (*out_node)->number = sl_parser_is_word(p, "TRUE");
        p->at++;
        return SL_OK;
    }
    if (next->kind == SL_TOKEN_STRING &&
        (sl_parser_is_word(p, "TIMESTAMP") || sl_parser_is_word(p, "DATE")))
        return parse_typed_literal(p, out_node);
    if (is_call && sl_parser_is_word(p, "ROW")) {
        p->at += 2;
        return parse_parenthesis(p, token->position, out_node);
    }
    if (is_call && sl_parser_is_word(p, "EXISTS")) {
        p->at += 2;
        return sl_parse_subquery(p, SL_NODE_EXISTS, token->position, out_node);
    }
    if (sl_parser_accept_word(p, "CASE"))
        return parse_case(p, token->position, out_node);
    if (sl_parser_is_word(p, "INTERVAL") && !is_call) {
        p->at++;
        SL_TRY(sl_parse_interval(p, token->position, NULL, false, out_node));
        SL_TRY(sl_parser_expect(p, "+"));
        return sl_parse_addend(p, &(*out_node)->operand);
    }
    if (sl_parser_is_last(p)) {
        p->at++;
        return sl_parse_last(p, token->position, out_node);
    }
    if (is_call)
        return sl_parse_function(p, out_node);
    if (sl_parser_is_reserved(token->text))
        return sl_parser_fail(p, "an expression");
    return parse_name(p, out_node);
}

static sl_status
parse_literal(struct sl_parser *p, enum sl_node_kind kind, struct sl_node **out_node)
{
    const struct sl_token *token = sl_parser_token(p);

    SL_TRY(sl_parser_node(p, kind, token->position, out_node));
    (*out_node)->text = token->text;
    p->at++;
    return SL_OK;
}

/* @name, @name := expr */
static sl_status
parse_variable(struct sl_parser *p, struct sl_node **out_node)
{
    struct sl_node_list args = {0};
    struct sl_node *value = NULL;

    SL_TRY(parse_literal(p, SL_NODE_VARIABLE, out_node));
    if (!sl_parser_accept(p, ":="))
        return SL_OK;
    SL_TRY(sl_parse_expr(p, &value));
    SL_TRY(sl_parser_append(p, &args, value));
    (*out_node)->kind = SL_NODE_ASSIGN;
    (*out_node)->args = args.nodes;
    (*out_node)->arg_count = 1;
    return SL_OK;
}

sl_status
sl_parse_primary(struct sl_parser *p, struct sl_node **out_node)
{
    uint32_t position = sl_parser_token(p)->position;

    switch (sl_parser_token(p)->kind) {
    case SL_TOKEN_NAME:
        return parse_word(p, out_node);
    case SL_TOKEN_QUOTED:
        return parse_name(p, out_node);
    case SL_TOKEN_STRING:
        return parse_string(p, out_node);
    case SL_TOKEN_INTEGER:
        return parse_literal(p, SL_NODE_INTEGER, out_node);
    case SL_TOKEN_DECIMAL:
        return parse_literal(p, SL_NODE_DECIMAL, out_node);
    case SL_TOKEN_DOUBLE:
        return parse_literal(p, SL_NODE_DOUBLE, out_node);
    case SL_TOKEN_BYTES:
        return parse_literal(p, SL_NODE_BYTES, out_node);
    case SL_TOKEN_ADDRESS:
        return parse_literal(p, SL_NODE_ADDRESS, out_node);
    case SL_TOKEN_CIDR:
        return parse_literal(p, SL_NODE_CIDR, out_node);
    case SL_TOKEN_VARIABLE:
        return parse_variable(p, out_node);
    case SL_TOKEN_SYSTEM:
        return parse_literal(p, SL_NODE_SYSTEM, out_node);
    case SL_TOKEN_PARAMETER:
        SL_TRY(parse_literal(p, SL_NODE_PARAMETER, out_node));
        (*out_node)->number = p->parameter_count++;
        return SL_OK;
    case SL_TOKEN_OPERATOR:
        break;
    case SL_TOKEN_END:
        return sl_parser_fail(p, "an expression");
    }
    if (sl_parser_accept(p, "(")) {
        if (sl_parser_is_subquery(p))
            return sl_parse_subquery(p, SL_NODE_SELECT, position, out_node);
        return parse_parenthesis(p, position, out_node);
    }
    if (sl_parser_is(p, "*"))
        return parse_literal(p, SL_NODE_STAR, out_node);
    return sl_parser_fail(p, "an expression");
}
