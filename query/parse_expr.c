/*
 * parse_expr.c - expressions.
 *
 * Binary operators climb by precedence in one loop. Every way down passes sl_parser_enter, so that
 * nesting is bounded. Calls are in parse_call.c, predicates in parse_predicate.c.
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
        return parse_level(p, LEVEL_ADD + 1, &(*out_node)->operand);
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

static sl_status
parse_primary(struct sl_parser *p, struct sl_node **out_node)
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
    return parse_primary(p, out_node);
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
