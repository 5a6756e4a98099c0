/*
 * parse_from.c - what stands behind FROM: tables, selects in parentheses, and what joins them.
 *
 *   FROM a [AS x] [, b] [[INNER | CROSS] JOIN b [ON condition | USING (name, ...)]]
 *        [LEFT | RIGHT [OUTER] JOIN b ON condition | USING (name, ...)]
 *        [NATURAL [INNER | LEFT [OUTER] | RIGHT [OUTER]] JOIN b] ...
 *
 * Joins are read from left to right; a comma is a join without a condition.
 */
#include "query/parser.h"
#include "storage/base/limits.h"

sl_status
sl_parse_table_name(struct sl_parser *p, struct sl_syntax_select *select)
{
    for (int part = 0; part < 2; part++) {
        const struct sl_token *token = sl_parser_token(p);
        if (token->kind != SL_TOKEN_QUOTED &&
            (token->kind != SL_TOKEN_NAME || (part == 0 && sl_parser_is_reserved(token->text))))
            return sl_parser_fail(p, "a table");
        select->schema = select->table;
        select->table = token->text;
        select->table_position = part == 0 ? token->position : select->table_position;
        p->at++;
        if (part == 0 && !sl_parser_accept(p, "."))
            break;
    }
    return SL_OK;
}

/* A table or a select, into the members of `select` that name one. */
static sl_status
parse_table(struct sl_parser *p, struct sl_syntax_select *select)
{
    bool has_alias;

    select->table_position = sl_parser_token(p)->position;
    if (sl_parser_accept(p, "(")) {
        SL_TRY(sl_parse_chain(p, &select->subselect));
        SL_TRY(sl_parser_expect(p, ")"));
        SL_TRY(sl_parse_alias(p, &select->alias, &has_alias));
        if (!has_alias && p->dialect == SL_DIALECT_MYSQL)
            return sl_fail_at(p->err, SL_SYNTAX, 1248, p->text, p->text_bytes,
                              select->table_position, "every derived table must have an alias");
        return SL_OK;
    }
    SL_TRY(sl_parse_table_name(p, select));
    if (select->schema.size_bytes == 0 && sl_slice_is(select->table, "DUAL") &&
        sl_parser_last(p)->kind == SL_TOKEN_NAME)
        select->table.size_bytes = 0;
    sl_parse_common_table(p, select);
    /* A LAST that lost its length is no alias: all rows would come. */
    if (p->dialect == SL_DIALECT_NATIVE && sl_parser_is_word(p, "LAST") && !sl_parser_is_last(p))
        return sl_fail_at(p->err, SL_SYNTAX, 1064, p->text, p->text_bytes,
                          sl_parser_token(p)->position, "%s", sl_last_story);
    return sl_parse_alias(p, &select->alias, &has_alias);
}

/* What joins a further table, stepped over; *out_found false: nothing does. */
static sl_status
parse_kind(struct sl_parser *p, struct sl_syntax_join *join, bool *out_found)
{
    *out_found = true;
    if (sl_parser_accept(p, ",") || sl_parser_accept_word(p, "JOIN") ||
        sl_parser_accept_word(p, "STRAIGHT_JOIN"))
        return SL_OK;
    join->is_natural = sl_parser_accept_word(p, "NATURAL");
    if (sl_parser_accept_word(p, "LEFT"))
        join->kind = SL_JOIN_LEFT;
    else if (sl_parser_accept_word(p, "RIGHT"))
        join->kind = SL_JOIN_RIGHT;
    bool is_outer = join->kind != SL_JOIN_INNER;
    if (is_outer)
        (void)sl_parser_accept_word(p, "OUTER");
    else
        *out_found = sl_parser_accept_word(p, "INNER") ||
                     (!join->is_natural && sl_parser_accept_word(p, "CROSS")) || join->is_natural;
    return *out_found ? sl_parser_expect_word(p, "JOIN") : SL_OK;
}

/* USING (name, ...), the word consumed. */
static sl_status
parse_using(struct sl_parser *p, struct sl_syntax_join *join)
{
    struct sl_node_list list = {0};

    SL_TRY(sl_parser_expect(p, "("));
    do {
        const struct sl_token *token = sl_parser_token(p);
        struct sl_node *name;
        if (token->kind != SL_TOKEN_NAME && token->kind != SL_TOKEN_QUOTED)
            return sl_parser_fail(p, "a column");
        SL_TRY(sl_parser_node(p, SL_NODE_NAME, token->position, &name));
        name->text = token->text;
        name->is_quoted = true;
        SL_TRY(sl_parser_append(p, &list, name));
        p->at++;
    } while (sl_parser_accept(p, ","));
    join->using_names = list.nodes;
    join->using_count = list.count;
    return sl_parser_expect(p, ")");
}

static sl_status
parse_join(struct sl_parser *p, struct sl_syntax_join *join)
{
    SL_TRY(sl_parse_make_select(p, &join->table));
    SL_TRY(parse_table(p, join->table));
    if (join->is_natural)
        return SL_OK;
    if (sl_parser_accept_word(p, "USING"))
        return parse_using(p, join);
    if (sl_parser_accept_word(p, "ON"))
        return sl_parse_expr(p, &join->on);
    return join->kind != SL_JOIN_INNER ? sl_parser_fail(p, "ON or USING") : SL_OK;
}

/* Room for one more. */
static struct sl_syntax_join *
add_join(struct sl_parser *p, struct sl_syntax_select *select, uint32_t *capacity)
{
    if (select->join_count == *capacity) {
        *capacity = *capacity == 0 ? 2 : 2 * *capacity;
        struct sl_syntax_join *grown = sl_arena_calloc(p->arena, *capacity, sizeof(*grown));
        if (grown == NULL)
            return NULL;
        if (select->join_count > 0)
            memcpy(grown, select->joins, select->join_count * sizeof(*grown));
        select->joins = grown;
    }
    return &select->joins[select->join_count++];
}

sl_status
sl_parse_from(struct sl_parser *p, struct sl_syntax_select *select)
{
    uint32_t capacity = 0;
    bool is_more;

    SL_TRY(parse_table(p, select));
    for (;;) {
        struct sl_syntax_join next = {0};
        SL_TRY(parse_kind(p, &next, &is_more));
        if (!is_more)
            return SL_OK;
        if (select->join_count == SL_SQL_TABLES_MAX - 1)
            return sl_fail_at(p->err, SL_LIMIT, 1116, p->text, p->text_bytes,
                              sl_parser_token(p)->position, "more than %d tables are joined",
                              SL_SQL_TABLES_MAX);
        struct sl_syntax_join *join = add_join(p, select, &capacity);
        if (join == NULL)
            return sl_parser_fail_memory(p);
        *join = next;
        SL_TRY(parse_join(p, join));
    }
}
