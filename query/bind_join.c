/*
 * bind_join.c - several tables behind FROM: a scope for each, and names that are of one of them.
 */
#include "query/bind_join.h"
#include "query/value.h"

static bool
is_named(const struct sl_joined_table *table, struct sl_slice name)
{
    const struct sl_syntax_select *from = &table->syntax;
    struct sl_slice own = from->alias.size_bytes > 0 ? from->alias : from->table;

    return sl_text_compare(own, name, false) == 0;
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
        if (name.size_bytes > 0 && is_named(&s->joined->tables[i], name))
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
        SL_TRY(open_table(s, join->table, i, err));
        s->joined->tables[i].is_left = join->is_left;
        s->joined->has_left |= join->is_left;
    }
    return SL_OK;
}

/* ---- names ---- */

/* A column that USING says is one in all its tables. */
static bool
is_using(const struct sl_scope *s, struct sl_slice name)
{
    for (uint32_t i = 0; i < s->syntax->join_count; i++) {
        const struct sl_syntax_join *join = &s->syntax->joins[i];
        for (uint32_t k = 0; k < join->using_count; k++)
            if (sl_text_compare(join->using_names[k]->text, name, false) == 0)
                return true;
    }
    return false;
}

uint32_t
sl_joined_find(const struct sl_scope *s, const struct sl_node *node, uint32_t *out_found)
{
    const struct sl_joined *joined = s->joined;
    uint32_t first = 0;

    *out_found = 0;
    for (uint32_t i = joined->visible_count; i-- > 0 && node->kind == SL_NODE_NAME;) {
        if (!sl_bind_is_column(&joined->tables[i].scope, node))
            continue;
        first = i;
        ++*out_found;
    }
    if (*out_found > 1 && node->qualifier.size_bytes == 0 && is_using(s, node->text))
        *out_found = 1;
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

/* An expression of the table as an input of the select that joins. */
static sl_status
pass_output(struct sl_scope *s, uint32_t number, const char *name, struct sl_expr *expr,
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
    input.type.is_nullable |= table->is_left;
    return sl_bind_input(s, &input, position, out_expr, err);
}

sl_status
sl_bind_joined_name(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
                    struct sl_error *err)
{
    uint32_t found;
    uint32_t number = sl_joined_find(s, node, &found);
    struct sl_expr *expr;

    if (found == 0)
        return sl_bind_fail_unknown(s, node, err);
    if (found > 1)
        return sl_joined_fail_ambiguous(s, node, err);
    SL_TRY(sl_bind_name(&s->joined->tables[number].scope, node, &expr, err));
    return pass_output(s, number, sl_bind_make_name(s->binder, node->text), expr, node->position,
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

/* The columns of one table, on their way to who asked for *. */
struct star {
    struct sl_scope *scope;
    uint32_t table;
    uint32_t position;
    bool
        is_split; /* USING's columns stand in front, once: those of the first table that has them */
    bool is_using; /* now come these */
    sl_bind_star_fn *visit;
    void *context;
};

/* Has a table before shown it, as a column of USING? */
static bool
is_shown(const struct star *star, struct sl_slice name)
{
    const struct sl_node node = {.kind = SL_NODE_NAME, .text = name};

    for (uint32_t i = 0; i < sl_max_size(star->table, 1); i++)
        if (sl_bind_is_column(&star->scope->joined->tables[i].scope, &node))
            return true;
    return false;
}

static sl_status
pass_star(void *context, const char *name, struct sl_expr *expr, struct sl_error *err)
{
    const struct star *star = context;
    struct sl_expr *input;

    if (name == NULL)
        return sl_fail_memory(err);
    struct sl_slice slice = {.bytes = (const uint8_t *)name, .size_bytes = (uint32_t)strlen(name)};
    bool is_first = star->is_split && is_using(star->scope, slice) && is_shown(star, slice);
    if (is_first != star->is_using)
        return SL_OK;
    SL_TRY(pass_output(star->scope, star->table, name, expr, star->position, &input, err));
    return star->visit(star->context, name, input, err);
}

sl_status
sl_bind_joined_star(struct sl_scope *s, const struct sl_node *node, sl_bind_star_fn *visit,
                    void *context, struct sl_error *err)
{
    struct star star = {.scope = s, .position = node->position, .visit = visit, .context = context};
    bool is_all = node->qualifier.size_bytes == 0;
    bool is_found = false;

    star.is_split = is_all;
    star.is_using = true;
    if (is_all) /* USING's columns are those of the first table */
        SL_TRY(sl_bind_star(&s->joined->tables[0].scope, node, pass_star, &star, err));
    star.is_using = false;
    for (star.table = 0; star.table < s->joined->count; star.table++) {
        struct sl_joined_table *table = &s->joined->tables[star.table];
        if (!is_all && !is_named(table, node->qualifier))
            continue;
        is_found = true;
        SL_TRY(sl_bind_star(&table->scope, node, pass_star, &star, err));
    }
    if (!is_found)
        return sl_bind_fail(s->binder, err, SL_NAME, 1051, node->position, "unknown table \"%.*s\"",
                            (int)sl_min_size(node->qualifier.size_bytes, 64),
                            (const char *)node->qualifier.bytes);
    return SL_OK;
}
