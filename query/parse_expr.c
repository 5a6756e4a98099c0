/*
 * parse_expr.c - expressions.
 *
 * Binary operators climb by precedence in one loop. Every way down passes sl_parser_enter, so that
 * nesting is bounded. What they stand between is in parse_primary.c, calls in parse_call.c, predicates in
 * parse_predicate.c, lengths of time in parse_interval.c.
 */
#include "query/parser.h"

/* Precedence levels, loose to tight. */
enum {
    LEVEL_OR = 1,
    LEVEL_XOR,
    LEVEL_AND,
    LEVEL_NOT,
    LEVEL_COMPARE,
    LEVEL_BIT_OR,
    LEVEL_BIT_AND,
    LEVEL_SHIFT,
    LEVEL_ADD,
    LEVEL_MUL,
    LEVEL_BIT_XOR,
    LEVEL_UNARY,
};

struct binary {
    const char *text;
    bool is_word;
    uint8_t level;
    enum sl_function_id function;
};

static const struct binary binaries[] = {
    {"OR", true, LEVEL_OR, SL_FN_OR},
    {"||", false, LEVEL_OR, SL_FN_OR},
    {"XOR", true, LEVEL_XOR, SL_FN_XOR},
    {"AND", true, LEVEL_AND, SL_FN_AND},
    {"&&", false, LEVEL_AND, SL_FN_AND},
    {"=", false, LEVEL_COMPARE, SL_FN_EQ},
    {"<=>", false, LEVEL_COMPARE, SL_FN_NULL_EQ},
    {"<>", false, LEVEL_COMPARE, SL_FN_NE},
    {"!=", false, LEVEL_COMPARE, SL_FN_NE},
    {"<", false, LEVEL_COMPARE, SL_FN_LT},
    {"<=", false, LEVEL_COMPARE, SL_FN_LE},
    {">", false, LEVEL_COMPARE, SL_FN_GT},
    {">=", false, LEVEL_COMPARE, SL_FN_GE},
    {"|", false, LEVEL_BIT_OR, SL_FN_BIT_OR},
    {"&", false, LEVEL_BIT_AND, SL_FN_BIT_AND},
    {"<<", false, LEVEL_SHIFT, SL_FN_SHL},
    {">>", false, LEVEL_SHIFT, SL_FN_SHR},
    {"+", false, LEVEL_ADD, SL_FN_ADD},
    {"-", false, LEVEL_ADD, SL_FN_SUB},
    {"*", false, LEVEL_MUL, SL_FN_MUL},
    {"/", false, LEVEL_MUL, SL_FN_DIV},
    {"DIV", true, LEVEL_MUL, SL_FN_INT_DIV},
    {"%", false, LEVEL_MUL, SL_FN_MOD},
    {"MOD", true, LEVEL_MUL, SL_FN_MOD},
    {"^", false, LEVEL_BIT_XOR, SL_FN_BIT_XOR},
};

static sl_status parse_level(struct sl_parser *p, unsigned level, struct sl_node **out_node);

static const struct binary *
find_binary(const struct sl_parser *p)
{
    const struct sl_token *token = sl_parser_token(p);

    for (size_t i = 0; i < SL_COUNTOF(binaries); i++) {
        const struct binary *b = &binaries[i];
        if (token->kind == (b->is_word ? SL_TOKEN_NAME : SL_TOKEN_OPERATOR) &&
            sl_slice_is(token->text, b->text))
            return b;
    }
    return NULL;
}

sl_status
sl_parser_operator(struct sl_parser *p, enum sl_function_id function, uint32_t position,
                   struct sl_node *const *args, uint32_t count, struct sl_node **out_node)
{
    struct sl_node_list list = {0};

    SL_TRY(sl_parser_node(p, SL_NODE_OPERATOR, position, out_node));
    for (uint32_t i = 0; i < count; i++)
        SL_TRY(sl_parser_append(p, &list, args[i]));
    (*out_node)->function = function;
    (*out_node)->args = list.nodes;
    (*out_node)->arg_count = list.count;
    return SL_OK;
}

sl_status
sl_parser_unary(struct sl_parser *p, enum sl_function_id function, uint32_t position,
                struct sl_node *arg, struct sl_node **out_node)
{
    return sl_parser_operator(p, function, position, &arg, 1, out_node);
}

/* -x, +x, ~x, !x, BINARY x, NOT x, then x [COLLATE name]. */
static sl_status
parse_unary(struct sl_parser *p, struct sl_node **out_node)
{
    uint32_t position = sl_parser_token(p)->position;
    struct sl_node *arg = NULL;

    if (sl_parser_accept(p, "-")) {
        SL_TRY(parse_level(p, LEVEL_UNARY, &arg));
        return sl_parser_unary(p, SL_FN_NEG, position, arg, out_node);
    }
    if (sl_parser_accept(p, "+"))
        return parse_level(p, LEVEL_UNARY, out_node);
    if (sl_parser_accept(p, "~")) {
        SL_TRY(parse_level(p, LEVEL_UNARY, &arg));
        return sl_parser_unary(p, SL_FN_BIT_NOT, position, arg, out_node);
    }
    if (sl_parser_accept(p, "!")) {
        SL_TRY(parse_level(p, LEVEL_UNARY, &arg));
        return sl_parser_unary(p, SL_FN_NOT, position, arg, out_node);
    }
    if (sl_parser_is_word(p, "BINARY") && sl_parser_peek(p, 1)->kind != SL_TOKEN_OPERATOR) {
        p->at++;
        SL_TRY(parse_level(p, LEVEL_UNARY, &arg));
        struct sl_node_list args = {0};
        SL_TRY(sl_parser_append(p, &args, arg));
        SL_TRY(sl_parser_node(p, SL_NODE_CAST, position, out_node));
        (*out_node)->cast =
            (struct sl_sql_type){.type = SL_TYPE_TEXT, .is_nullable = true, .is_binary = true};
        (*out_node)->args = args.nodes;
        (*out_node)->arg_count = 1;
        return SL_OK;
    }
    return sl_parse_primary(p, out_node);
}

/* COLLATE name: every name that ends in _bin compares bytes, every other letters. */
static sl_status
parse_collate(struct sl_parser *p, struct sl_node **node)
{
    while (sl_parser_accept_word(p, "COLLATE")) {
        const struct sl_token *name = sl_parser_token(p);
        struct sl_node_list args = {0};
        struct sl_node *cast = NULL;
        bool is_binary = sl_slice_is(name->text, "binary") ||
                         (name->text.size_bytes > 4 &&
                          memcmp(&name->text.bytes[name->text.size_bytes - 4], "_bin", 4) == 0);
        if (name->kind != SL_TOKEN_NAME && name->kind != SL_TOKEN_STRING)
            return sl_parser_fail(p, "the name of a collation");
        p->at++;
        SL_TRY(sl_parser_append(p, &args, *node));
        SL_TRY(sl_parser_node(p, SL_NODE_CAST, name->position, &cast));
        cast->cast =
            (struct sl_sql_type){.type = SL_TYPE_TEXT, .is_nullable = true, .is_binary = is_binary};
        cast->args = args.nodes;
        cast->arg_count = 1;
        *node = cast;
    }
    return SL_OK;
}

static bool
is_row(const struct sl_node *node)
{
    return node->kind == SL_NODE_ROW;
}

/* left op right op right ..., as long as the operators bind at least as tightly as `level`. */
static sl_status
climb(struct sl_parser *p, unsigned level, struct sl_node **node)
{
    for (;;) {
        const struct binary *b = find_binary(p);
        uint32_t position = sl_parser_token(p)->position;
        if (level <= LEVEL_COMPARE) {
            bool found;
            SL_TRY(sl_parse_predicate(p, node, &found));
            if (found)
                continue;
        }
        if (b == NULL || b->level < level)
            return SL_OK;
        p->at++;
        if (b->level == LEVEL_ADD && sl_parser_accept_word(p, "INTERVAL")) {
            SL_TRY(sl_parse_interval(p, position, *node, b->function == SL_FN_SUB, node));
            continue;
        }
        bool is_any = false;
        if (b->level == LEVEL_COMPARE)
            SL_TRY(sl_parse_quantified(p, b->function, position, node, &is_any));
        if (is_any)
            continue;
        struct sl_node *args[2] = {*node, NULL};
        SL_TRY(parse_level(p, b->level + 1U, &args[1]));
        SL_ASSERT(args[0] != NULL && args[1] != NULL);
        if (b->level == LEVEL_COMPARE && (is_row(args[0]) || is_row(args[1])))
            SL_TRY(sl_parse_row_compare(p, b->function, position, args[0], args[1], node));
        else
            SL_TRY(sl_parser_operator(p, b->function, position, args, 2, node));
    }
}

static sl_status
parse_level(struct sl_parser *p, unsigned level, struct sl_node **out_node)
{
    uint32_t position = sl_parser_token(p)->position;

    SL_TRY(sl_parser_enter(p));
    if (level <= LEVEL_NOT && sl_parser_is_word(p, "NOT")) {
        struct sl_node *arg = NULL;
        p->at++;
        SL_TRY(parse_level(p, LEVEL_NOT, &arg));
        SL_TRY(sl_parser_unary(p, SL_FN_NOT, position, arg, out_node));
    } else {
        SL_TRY(parse_unary(p, out_node));
        SL_TRY(parse_collate(p, out_node));
    }
    if (level < LEVEL_UNARY)
        SL_TRY(climb(p, level, out_node));
    sl_parser_leave(p);
    return SL_OK;
}

sl_status
sl_parse_expr(struct sl_parser *p, struct sl_node **out_node)
{
    return parse_level(p, LEVEL_OR, out_node);
}

sl_status
sl_parse_addend(struct sl_parser *p, struct sl_node **out_node)
{
    return parse_level(p, LEVEL_ADD + 1, out_node);
}

sl_status
sl_parse_operand(struct sl_parser *p, struct sl_node **out_node)
{
    return parse_level(p, LEVEL_BIT_OR, out_node);
}

sl_status
sl_parse_args(struct sl_parser *p, struct sl_node_list *out_list)
{
    do {
        struct sl_node *node;
        SL_TRY(sl_parse_expr(p, &node));
        SL_TRY(sl_parser_append(p, out_list, node));
    } while (sl_parser_accept(p, ","));
    return sl_parser_expect(p, ")");
}
