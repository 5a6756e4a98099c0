/*
 * parse_row.c - rows of values that are compared: (a, b) = (1, 2), (a, b) IN ((1, 2), (3, 4)).
 *
 * They are taken apart here, so that nobody else has to know of rows:
 *
 *   (a, b) = (c, d)          a = c AND b = d, which a join takes as keys
 *   (a, b) < (c, d)          a < c OR a = c AND b < d
 *   (a, b) IN (rows)         a IN (...) AND b IN (...) AND ((a, b) = row OR ...): indexes serve the first
 *
 * The last form is NULL where the plain one is: the lists are NULL or true wherever a row is.
 */
#include "query/parser.h"

static sl_status
make_binary(struct sl_parser *p, enum sl_function_id function, uint32_t position,
            struct sl_node *left, struct sl_node *right, struct sl_node **out_node)
{
    struct sl_node *args[2] = {left, right};

    return sl_parser_operator(p, function, position, args, 2, out_node);
}

/* All pairs by = or <=>. */
static sl_status
make_equal(struct sl_parser *p, enum sl_function_id function, uint32_t position,
           const struct sl_node *left, const struct sl_node *right, struct sl_node **out_node)
{
    struct sl_node *pair = NULL;

    for (uint32_t i = 0; i < left->arg_count; i++) {
        SL_TRY(make_binary(p, function, position, left->args[i], right->args[i], &pair));
        if (i == 0)
            *out_node = pair;
        else
            SL_TRY(make_binary(p, SL_FN_AND, position, *out_node, pair, out_node));
    }
    return SL_OK;
}

/* By < <= > >=: the first pair that differs decides. */
static sl_status
make_order(struct sl_parser *p, enum sl_function_id function, uint32_t position,
           const struct sl_node *left, const struct sl_node *right, struct sl_node **out_node)
{
    bool is_less = function == SL_FN_LT || function == SL_FN_LE;
    struct sl_node *strict = NULL, *equal = NULL;
    uint32_t last = left->arg_count - 1;

    SL_TRY(make_binary(p, function, position, left->args[last], right->args[last], out_node));
    for (uint32_t i = last; i-- > 0;) {
        struct sl_node *a = left->args[i], *b = right->args[i];
        SL_TRY(make_binary(p, is_less ? SL_FN_LT : SL_FN_GT, position, a, b, &strict));
        SL_TRY(make_binary(p, SL_FN_EQ, position, a, b, &equal));
        SL_TRY(make_binary(p, SL_FN_AND, position, equal, *out_node, &equal));
        SL_TRY(make_binary(p, SL_FN_OR, position, strict, equal, out_node));
    }
    return SL_OK;
}

static sl_status
check_width(struct sl_parser *p, const struct sl_node *left, const struct sl_node *right)
{
    uint32_t width = left->kind == SL_NODE_ROW ? left->arg_count : 1;

    if (right->kind == SL_NODE_ROW && right->arg_count == width)
        return SL_OK;
    return sl_fail_at(p->err, SL_TYPE, 1241, p->text, p->text_bytes, right->position,
                      "a row of %u value%s is compared with another kind", width,
                      width == 1 ? "" : "s");
}

sl_status
sl_parse_row_compare(struct sl_parser *p, enum sl_function_id function, uint32_t position,
                     struct sl_node *left, struct sl_node *right, struct sl_node **out_node)
{
    struct sl_node *equal = NULL;

    SL_TRY(check_width(p, left, right));
    switch ((int)function) {
    case SL_FN_EQ:
    case SL_FN_NULL_EQ:
        return make_equal(p, function, position, left, right, out_node);
    case SL_FN_NE:
        SL_TRY(make_equal(p, SL_FN_EQ, position, left, right, &equal));
        return sl_parser_operator(p, SL_FN_NOT, position, &equal, 1, out_node);
    default:
        return make_order(p, function, position, left, right, out_node);
    }
}

/* Equal to any of the rows: halves, so that the tree stays flat. */
static sl_status
make_any(struct sl_parser *p, uint32_t position, const struct sl_node *left,
         struct sl_node *const *rows, uint32_t count, struct sl_node **out_node)
{
    struct sl_node *halves[2] = {NULL, NULL};

    if (count == 1)
        return make_equal(p, SL_FN_EQ, position, left, rows[0], out_node);
    SL_TRY(make_any(p, position, left, rows, count / 2, &halves[0]));
    SL_TRY(make_any(p, position, left, &rows[count / 2], count - count / 2, &halves[1]));
    return sl_parser_operator(p, SL_FN_OR, position, halves, 2, out_node);
}

/* Column `column` of the left side IN those of the rows. */
static sl_status
make_list(struct sl_parser *p, uint32_t position, const struct sl_node *left,
          struct sl_node *const *rows, uint32_t count, uint32_t column, struct sl_node **out_node)
{
    struct sl_node_list list = {0};

    SL_TRY(sl_parser_append(p, &list, left->args[column]));
    for (uint32_t i = 0; i < count; i++)
        SL_TRY(sl_parser_append(p, &list, rows[i]->args[column]));
    return sl_parser_operator(p, SL_FN_IN, position, list.nodes, list.count, out_node);
}

sl_status
sl_parse_row_in(struct sl_parser *p, uint32_t position, struct sl_node *const *nodes,
                uint32_t count, struct sl_node **out_node)
{
    const struct sl_node *left = nodes[0];
    struct sl_node *const *rows = &nodes[1];

    for (uint32_t i = 1; i < count; i++)
        SL_TRY(check_width(p, left, nodes[i]));
    SL_TRY(make_any(p, position, left, rows, count - 1, out_node));
    for (uint32_t i = 0; i < left->arg_count; i++) {
        struct sl_node *list = NULL;
        SL_TRY(make_list(p, position, left, rows, count - 1, i, &list));
        SL_TRY(make_binary(p, SL_FN_AND, position, list, *out_node, out_node));
    }
    return SL_OK;
}
