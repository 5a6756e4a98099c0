/*
 * bind_join.c - several tables behind FROM: a scope for each, and names that are of one of them.
 */
#include "query/bind_join.h"
#include "query/value.h"

bool
sl_joined_is_named(const struct sl_joined_table *table, struct sl_slice name)
{
    const struct sl_syntax_select *from = &table->syntax;
    struct sl_slice own = from->alias.size_bytes > 0 ? from->alias : from->table;

    return sl_text_compare(own, name, false) == 0;
}

bool
sl_joined_is_using(const struct sl_joined_table *table, struct sl_slice name)
{
    for (uint32_t i = 0; i < table->using_count; i++)
        if (sl_text_compare(table->using_names[i]->text, name, false) == 0)
            return true;
    return false;
}

static sl_status
open_table(struct sl_scope *s, const struct sl_syntax_select *from, uint32_t number,
           struct sl_error *err)
{
    struct sl_binder *b = s->binder;
    struct sl_joined_table *table = &s->joined->tables[number];

    table->syntax = (struct sl_syntax_select){.position = from->position,
                                              .schema = from->schema,
                                              .table = from->table,
                                              .alias = from->alias,
                                              .table_position = from->table_position,
                                              .subselect = from->subselect};
    struct sl_slice name = from->alias.size_bytes > 0 ? from->alias : from->table;
    for (uint32_t i = 0; i < number; i++)
        if (name.size_bytes > 0 && sl_joined_is_named(&s->joined->tables[i], name))
            return sl_bind_fail(b, err, SL_NAME, 1066, from->table_position,
                                "two tables are named \"%.*s\"",
                                (int)sl_min_size(name.size_bytes, 64), (const char *)name.bytes);
    table->scope = (struct sl_scope){.binder = b, .syntax = &table->syntax};
    table->scope.select = sl_arena_calloc(b->typing.arena, 1, sizeof(*table->scope.select));
    if (table->scope.select == NULL)
        return sl_fail_memory(err);
    table->scope.select->limit = UINT64_MAX;
    return sl_bind_source(&table->scope, err);
}

sl_status
sl_bind_joins(struct sl_scope *s, struct sl_error *err)
{
    const struct sl_syntax_select *syntax = s->syntax;
    struct sl_arena *arena = s->binder->typing.arena;
    uint32_t count = syntax->join_count + 1;

    s->joined = sl_arena_calloc(arena, 1, sizeof(*s->joined));
    if (s->joined == NULL)
        return sl_fail_memory(err);
    s->joined->tables = sl_arena_calloc(arena, count, sizeof(struct sl_joined_table));
    if (s->joined->tables == NULL)
        return sl_fail_memory(err);
    s->select->source = SL_SOURCE_JOIN;
    s->joined->count = s->joined->visible_count = count;
    SL_TRY(open_table(s, syntax, 0, err));
    for (uint32_t i = 1; i < count; i++) {
        const struct sl_syntax_join *join = &syntax->joins[i - 1];
        struct sl_joined_table *table = &s->joined->tables[i];
        SL_TRY(open_table(s, join->table, i, err));
        table->kind = join->kind;
        table->is_hidden = join->is_hidden;
        table->using_names = join->using_names;
        table->using_count = join->using_count;
        if (join->is_natural)
            SL_TRY(sl_joined_natural(s, i, err));
        table->is_optional = join->kind == SL_JOIN_LEFT;
        for (uint32_t k = 0; k < i && join->kind == SL_JOIN_RIGHT; k++)
            s->joined->tables[k].is_optional = true;
        s->joined->has_outer |= join->kind != SL_JOIN_INNER;
    }
    return SL_OK;
}

/* ---- names ---- */

uint32_t
sl_joined_find(const struct sl_scope *s, const struct sl_node *node, uint32_t *out_found)
{
    const struct sl_joined *joined = s->joined;
    bool is_bare = node->qualifier.size_bytes == 0;
    uint32_t first = 0;

    *out_found = 0;
    for (uint32_t i = 0; i < joined->visible_count && node->kind == SL_NODE_NAME; i++) {
        const struct sl_joined_table *table = &joined->tables[i];
        if (!sl_bind_is_column(&table->scope, node))
            continue;
        bool is_merged = is_bare && *out_found > 0 && sl_joined_is_using(table, node->text);
        if (*out_found == 0 || (is_merged && table->kind == SL_JOIN_RIGHT))
            first = i;
        *out_found += !is_merged;
    }
    return first;
}

struct sl_scope *
sl_bind_joined_scope(const struct sl_scope *s, const struct sl_node *node)
{
    uint32_t found;
    uint32_t table = sl_joined_find(s, node, &found);

    return found == 1 ? &s->joined->tables[table].scope : NULL;
}

sl_status
sl_joined_fail_ambiguous(struct sl_scope *s, const struct sl_node *node, struct sl_error *err)
{
    return sl_bind_fail(
        s->binder, err, SL_NAME, 1052, node->position, "several tables have a column \"%.*s\"",
        (int)sl_min_size(node->text.size_bytes, 64), (const char *)node->text.bytes);
}

sl_status
sl_joined_pass(struct sl_scope *s, uint32_t number, const char *name, struct sl_expr *expr,
               uint32_t position, struct sl_expr **out_expr, struct sl_error *err)
{
    struct sl_joined_table *table = &s->joined->tables[number];
    struct sl_select *select = table->scope.select;
    uint32_t index = 0;

    while (index < select->output_count && !sl_expr_equal(select->outputs[index].expr, expr))
        index++;
    if (index == select->output_count)
        SL_TRY(sl_bind_output(&table->scope, name, expr, &table->output_capacity, position, err));
    select->visible_count = select->output_count;
    struct sl_input input = {.table = number, .index = index, .type = expr->type};
    input.type.is_nullable |= table->is_optional;
    return sl_bind_input(s, &input, position, out_expr, err);
}

sl_status
sl_bind_joined_name(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
                    struct sl_error *err)
{
    uint32_t found;
    uint32_t number = sl_joined_find(s, node, &found);
    struct sl_scope *table = &s->joined->tables[number].scope;
    enum sl_key_kind kind;
    struct sl_expr *expr;

    if (found == 0)
        return sl_bind_fail_unknown(s, node, err);
    if (found > 1)
        return sl_joined_fail_ambiguous(s, node, err);
    if (s->side == SL_SIDE_NONE && sl_bind_is_sided(table, node, &kind))
        return sl_bind_sided_key(s, kind, node->position, out_expr, err);
    table->side = s->side;
    SL_TRY(sl_bind_name(table, node, &expr, err));
    table->side = SL_SIDE_NONE;
    return sl_joined_pass(s, number, sl_bind_make_name(s->binder, node->text), expr, node->position,
                          out_expr, err);
}

void
sl_bind_joined_origin(const struct sl_scope *s, const struct sl_input *input,
                      struct sl_output *output)
{
    const struct sl_select *select = s->joined->tables[input->table].scope.select;

    output->origin_table = select->outputs[input->index].origin_table;
    output->origin_column = select->outputs[input->index].origin_column;
}
