/*
 * parse_with.c - WITH name [(column, ...)] AS (select), ... in front of a select.
 *
 * A name stands for its select: where it is read, the table is that select in parentheses. So what is bound
 * knows nothing of WITH. A select sees the names before its own, and those around it.
 */
#include "query/parser.h"
#include "query/value.h"

struct sl_common_table {
    struct sl_slice name;
    struct sl_syntax_select *select;
    const struct sl_common_table *up;
};

/* (column, ...) renames what the select gives; the parenthesis is consumed. */
static sl_status
rename_items(struct sl_parser *p, const struct sl_syntax_insert *names,
             struct sl_syntax_select *select)
{
    bool is_good = names->column_count == select->item_count;

    for (uint32_t i = 0; i < select->item_count && is_good; i++) {
        is_good = select->items[i].expr->kind != SL_NODE_STAR;
        select->items[i].name = names->columns[i].text;
        select->items[i].is_alias = true;
    }
    if (!is_good)
        return sl_fail_at(p->err, SL_SYNTAX, 1353, p->text, p->text_bytes,
                          names->columns[0].position,
                          "as many columns must be named as are selected, without *");
    return SL_OK;
}

static sl_status
parse_one(struct sl_parser *p)
{
    const struct sl_token *token = sl_parser_token(p);
    struct sl_common_table *table = sl_arena_calloc(p->arena, 1, sizeof(*table));
    struct sl_syntax_insert names = {0};

    if (table == NULL)
        return sl_parser_fail_memory(p);
    if (token->kind != SL_TOKEN_NAME && token->kind != SL_TOKEN_QUOTED)
        return sl_parser_fail(p, "a name");
    table->name = token->text;
    p->at++;
    if (sl_parser_accept(p, "("))
        SL_TRY(sl_parse_insert_columns(p, &names));
    SL_TRY(sl_parser_expect_word(p, "AS"));
    SL_TRY(sl_parser_expect(p, "("));
    SL_TRY(sl_parse_chain(p, &table->select));
    SL_TRY(sl_parser_expect(p, ")"));
    if (names.column_count > 0)
        SL_TRY(rename_items(p, &names, table->select));
    table->up = p->common_tables;
    p->common_tables = table;
    return SL_OK;
}

sl_status
sl_parse_with(struct sl_parser *p)
{
    if (!sl_parser_accept_word(p, "WITH"))
        return SL_OK;
    if (sl_parser_is_word(p, "RECURSIVE"))
        return sl_fail_at(p->err, SL_UNSUPPORTED, 1235, p->text, p->text_bytes,
                          sl_parser_token(p)->position, "WITH RECURSIVE is not supported");
    do {
        SL_TRY(parse_one(p));
    } while (sl_parser_accept(p, ","));
    return SL_OK;
}

void
sl_parse_common_table(const struct sl_parser *p, struct sl_syntax_select *select)
{
    const struct sl_common_table *table = p->common_tables;

    while (table != NULL && sl_text_compare(table->name, select->table, false) != 0)
        table = table->up;
    if (table == NULL || select->schema.size_bytes > 0)
        return;
    select->subselect = table->select;
    select->alias = select->table;
    select->table.size_bytes = 0;
}
