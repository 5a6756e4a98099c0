/*
 * parse_select.c - SELECT: its items, WHERE, GROUP BY, ORDER BY, LIMIT, and chains of UNION.
 */
#include "query/parser.h"
#include "storage/base/limits.h"

sl_status
sl_parse_alias(struct sl_parser *p, struct sl_slice *out_alias, bool *out_found)
{
    bool is_as = sl_parser_accept_word(p, "AS");
    const struct sl_token *token = sl_parser_token(p);
    bool is_name = token->kind == SL_TOKEN_QUOTED || token->kind == SL_TOKEN_STRING ||
                   (token->kind == SL_TOKEN_NAME && (is_as || !sl_parser_is_reserved(token->text)));

    if (!is_as && sl_parser_is_last(p))
        is_name = false;
    *out_found = is_name;
    if (!is_name)
        return is_as ? sl_parser_fail(p, "an alias") : SL_OK;
    *out_alias = token->text;
    p->at++;
    return SL_OK;
}

static sl_status
parse_item(struct sl_parser *p, struct sl_item *item)
{
    const struct sl_token *first = sl_parser_token(p);

    SL_TRY(sl_parse_expr(p, &item->expr));
    const struct sl_token *last = sl_parser_last(p);
    SL_TRY(sl_parse_alias(p, &item->name, &item->is_alias));
    if (item->is_alias)
        return SL_OK;
    /* A column is named by its own name, everything else by its text. */
    if (item->expr->kind == SL_NODE_NAME || item->expr->kind == SL_NODE_STRING)
        item->name = item->expr->text;
    else
        item->name = (struct sl_slice){.bytes = (const uint8_t *)p->text + first->position,
                                       .size_bytes = last->end - first->position};
    return SL_OK;
}

static sl_status
parse_items(struct sl_parser *p, struct sl_syntax_select *select)
{
    uint32_t capacity = 0;

    do {
        if (select->item_count == SL_SQL_COLUMNS_MAX)
            return sl_fail_at(p->err, SL_LIMIT, 1117, p->text, p->text_bytes,
                              sl_parser_token(p)->position, "more than %d columns are selected",
                              SL_SQL_COLUMNS_MAX);
        if (select->item_count == capacity) {
            capacity = capacity == 0 ? 8 : capacity * 2;
            struct sl_item *grown = sl_arena_calloc(p->arena, capacity, sizeof(*grown));
            if (grown == NULL)
                return sl_parser_fail_memory(p);
            if (select->item_count > 0)
                memcpy(grown, select->items, select->item_count * sizeof(*grown));
            select->items = grown;
        }
        SL_TRY(parse_item(p, &select->items[select->item_count]));
        select->item_count++;
    } while (sl_parser_accept(p, ","));
    return SL_OK;
}

static sl_status
parse_groups(struct sl_parser *p, struct sl_syntax_select *select)
{
    struct sl_node_list list = {0};

    do {
        struct sl_node *node;
        SL_TRY(sl_parse_expr(p, &node));
        SL_TRY(sl_parser_append(p, &list, node));
        (void)sl_parser_accept_word(p, "ASC");
    } while (sl_parser_accept(p, ","));
    select->groups = list.nodes;
    select->group_count = list.count;
    select->is_rollup = sl_parser_accept_word(p, "WITH");
    return select->is_rollup ? sl_parser_expect_word(p, "ROLLUP") : SL_OK;
}

sl_status
sl_parse_orders(struct sl_parser *p, struct sl_order_item **out_orders, uint32_t *out_count)
{
    struct sl_node_list list = {0};
    uint64_t descending[SL_SQL_COLUMNS_MAX / 64] = {0};

    do {
        struct sl_node *node;
        if (list.count == SL_SQL_COLUMNS_MAX)
            return sl_parser_fail(p, "fewer things to order by");
        SL_TRY(sl_parse_expr(p, &node));
        SL_TRY(sl_parser_append(p, &list, node));
        if (sl_parser_accept_word(p, "DESC"))
            sl_bit_set(descending, list.count - 1);
        else
            (void)sl_parser_accept_word(p, "ASC");
    } while (sl_parser_accept(p, ","));
    struct sl_order_item *orders = sl_arena_calloc(p->arena, list.count, sizeof(*orders));
    if (orders == NULL)
        return sl_parser_fail_memory(p);
    for (uint32_t i = 0; i < list.count; i++) {
        orders[i].expr = list.nodes[i];
        orders[i].is_descending = sl_bit_get(descending, i);
    }
    *out_orders = orders;
    *out_count = list.count;
    return SL_OK;
}

sl_status
sl_parse_limit(struct sl_parser *p, struct sl_syntax_select *select)
{
    if (!sl_parser_accept_word(p, "LIMIT"))
        return SL_OK;
    SL_TRY(sl_parse_expr(p, &select->limit));
    if (sl_parser_accept(p, ",")) {
        select->offset = select->limit;
        return sl_parse_expr(p, &select->limit);
    }
    return sl_parser_accept_word(p, "OFFSET") ? sl_parse_expr(p, &select->offset) : SL_OK;
}

/* ORDER BY and LIMIT, for a select or the chain it heads. */
static sl_status
parse_tail(struct sl_parser *p, struct sl_syntax_select *select)
{
    if (sl_parser_accept_word(p, "ORDER")) {
        SL_TRY(sl_parser_expect_word(p, "BY"));
        SL_TRY(sl_parse_orders(p, &select->orders, &select->order_count));
    }
    return sl_parse_limit(p, select);
}

/* FOR UPDATE, FOR SHARE, LOCK IN SHARE MODE: nothing is ever locked. */
static sl_status
parse_lock(struct sl_parser *p)
{
    if (sl_parser_accept_word(p, "FOR"))
        return sl_parser_accept_word(p, "UPDATE") ? SL_OK : sl_parser_expect_word(p, "SHARE");
    if (!sl_parser_accept_word(p, "LOCK"))
        return SL_OK;
    SL_TRY(sl_parser_expect_word(p, "IN"));
    SL_TRY(sl_parser_expect_word(p, "SHARE"));
    return sl_parser_expect_word(p, "MODE");
}

bool
sl_parser_is_select(const struct sl_parser *p)
{
    return sl_parser_is_word(p, "SELECT") || sl_parser_is_word(p, "WITH") || sl_parser_is(p, "(");
}

sl_status
sl_parse_make_select(struct sl_parser *p, struct sl_syntax_select **out_select)
{
    *out_select = sl_arena_calloc(p->arena, 1, sizeof(**out_select));
    if (*out_select == NULL)
        return sl_parser_fail_memory(p);
    (*out_select)->position = sl_parser_token(p)->position;
    return SL_OK;
}

/* [WHERE expr] [LAST 1h], the second in the native dialect only. */
sl_status
sl_parse_where(struct sl_parser *p, struct sl_node **out_where)
{
    struct sl_node *args[2];

    if (sl_parser_accept_word(p, "WHERE"))
        SL_TRY(sl_parse_expr(p, out_where));
    if (!sl_parser_is_last(p))
        return SL_OK;
    args[0] = *out_where;
    SL_TRY(sl_parse_expr(p, &args[1]));
    if (args[0] == NULL) {
        *out_where = args[1];
        return SL_OK;
    }
    return sl_parser_operator(p, SL_FN_AND, args[1]->position, args, 2, out_where);
}

/* Hints to a planner that is not ours; and what FOUND_ROWS() is to count. */
static void
parse_hints(struct sl_parser *p, struct sl_syntax_select *select)
{
    static const char *const hints[] = {
        "ALL",       "HIGH_PRIORITY",    "STRAIGHT_JOIN",  "SQL_NO_CACHE",
        "SQL_CACHE", "SQL_SMALL_RESULT", "SQL_BIG_RESULT", "SQL_BUFFER_RESULT"};
    bool is_hint = true;

    while (is_hint) {
        is_hint = sl_parser_accept_word(p, "SQL_CALC_FOUND_ROWS");
        select->wants_found_rows |= is_hint;
        for (size_t i = 0; i < SL_COUNTOF(hints) && !is_hint; i++)
            is_hint = sl_parser_accept_word(p, hints[i]);
    }
}

/* SELECT ... up to HAVING. */
static sl_status
parse_select(struct sl_parser *p, struct sl_syntax_select **out_select)
{
    struct sl_syntax_select *select;

    SL_TRY(sl_parse_make_select(p, out_select));
    select = *out_select;
    SL_ASSERT(select != NULL); /* SL_OK says so */
    SL_TRY(sl_parser_expect_word(p, "SELECT"));
    parse_hints(p, select);
    select->is_distinct =
        sl_parser_accept_word(p, "DISTINCT") || sl_parser_accept_word(p, "DISTINCTROW");
    parse_hints(p, select);
    SL_TRY(parse_items(p, select));
    if (sl_parser_accept_word(p, "FROM"))
        SL_TRY(sl_parse_from(p, select));
    SL_TRY(sl_parse_where(p, &select->where));
    if (sl_parser_accept_word(p, "GROUP")) {
        SL_TRY(sl_parser_expect_word(p, "BY"));
        SL_TRY(parse_groups(p, select));
    }
    if (sl_parser_accept_word(p, "HAVING"))
        SL_TRY(sl_parse_expr(p, &select->having));
    return SL_OK;
}

/* A select, or a chain in parentheses: then its own ORDER BY and LIMIT make it a subselect. */
static sl_status
parse_arm(struct sl_parser *p, struct sl_syntax_select **out_select)
{
    struct sl_syntax_select *inner = NULL;

    if (!sl_parser_is(p, "("))
        return parse_select(p, out_select);
    p->at++;
    SL_TRY(sl_parse_chain(p, &inner));
    SL_TRY(sl_parser_expect(p, ")"));
    bool is_plain = inner->next_union == NULL && inner->order_count == 0 && inner->limit == NULL;
    if (is_plain) {
        *out_select = inner;
        return SL_OK;
    }
    struct sl_node_list list = {0};
    struct sl_node *star = NULL;
    SL_TRY(sl_parse_make_select(p, out_select));
    SL_ASSERT(*out_select != NULL);
    SL_TRY(sl_parser_node(p, SL_NODE_STAR, inner->position, &star));
    SL_TRY(sl_parser_append(p, &list, star));
    (*out_select)->items = sl_arena_calloc(p->arena, 1, sizeof(struct sl_item));
    if ((*out_select)->items == NULL)
        return sl_parser_fail_memory(p);
    (*out_select)->items[0].expr = star;
    (*out_select)->item_count = 1;
    (*out_select)->position = inner->position;
    (*out_select)->table_position = inner->position;
    (*out_select)->subselect = inner;
    return SL_OK;
}

sl_status
sl_parse_chain(struct sl_parser *p, struct sl_syntax_select **out_head)
{
    const struct sl_common_table *around = p->common_tables;

    SL_TRY(sl_parser_enter(p));
    SL_TRY(sl_parse_with(p));
    SL_TRY(parse_arm(p, out_head));
    struct sl_syntax_select *last = *out_head;
    if (!sl_parser_is_word(p, "UNION"))
        SL_TRY(parse_tail(p, last));
    while (sl_parser_accept_word(p, "UNION")) {
        bool is_all = sl_parser_accept_word(p, "ALL");
        if (!is_all)
            (void)sl_parser_accept_word(p, "DISTINCT");
        if (last->order_count > 0 || last->limit != NULL)
            return sl_parser_fail(p, "parentheses around a select with ORDER BY or LIMIT");
        SL_TRY(parse_arm(p, &last->next_union));
        last = last->next_union;
        last->is_union_all = is_all;
        if (!sl_parser_is_word(p, "UNION"))
            SL_TRY(parse_tail(p, *out_head));
    }
    p->common_tables = around;
    sl_parser_leave(p);
    SL_TRY(parse_lock(p));
    return SL_OK;
}
