/*
 * bind_view.c - views and derived tables that are bound as part of the select that reads them.
 *
 * A select without groups, DISTINCT, ORDER BY, LIMIT or UNION only names expressions. The one
 * that reads it then reads its source, and each of its names is bound where it is used: so a
 * predicate on a view's column becomes one on flows, and bounds.c finds it. Such selects lie
 * upon each other as layers; the rest stay SL_SOURCE_SELECT.
 */
#include "query/bind.h"
#include "query/definition.h"
#include "query/lex.h"
#include "query/parse.h"
#include "query/value.h"
#include "storage/base/limits.h"

static bool
is_volatile(const struct sl_node *node)
{
    const struct sl_function *function =
        node->kind == SL_NODE_CALL ? sl_function_find(node->text.bytes, node->text.size_bytes)
                                   : NULL;

    return function != NULL && (function->flags & SL_FN_VOLATILE) != 0;
}

/* An aggregate, or what has another value each time: it is computed where it stands. */
static bool
stands_alone(const struct sl_node *node)
{
    if (node == NULL)
        return false;
    if (sl_bind_is_aggregate(node) || is_volatile(node))
        return true;
    for (uint32_t i = 0; i < node->arg_count; i++)
        if (stands_alone(node->args[i]))
            return true;
    return stands_alone(node->operand);
}

bool
sl_bind_is_layer(const struct sl_syntax_select *select)
{
    if (select->next_union != NULL || select->join_count > 0 || select->is_distinct ||
        select->group_count > 0 || select->having != NULL || select->order_count > 0 ||
        select->limit != NULL)
        return false;
    for (uint32_t i = 0; i < select->item_count; i++)
        if (stands_alone(select->items[i].expr))
            return false;
    return true;
}

sl_status
sl_bind_layer(struct sl_scope *s, const struct sl_syntax_select *select,
              const struct sl_flow_view *view, struct sl_error *err)
{
    struct sl_arena *arena = s->binder->typing.arena;
    struct sl_layer *layer = sl_arena_calloc(arena, 1, sizeof(*layer));
    struct sl_layer **end = &s->level.layer;
    uint32_t depth = 1;

    if (layer == NULL)
        return sl_fail_memory(err);
    layer->select = select;
    layer->view = view;
    layer->bound = sl_arena_calloc(arena, select->item_count, sizeof(struct sl_expr *));
    if (layer->bound == NULL)
        return sl_fail_memory(err);
    for (; *end != NULL; end = &(*end)->below)
        depth++;
    if (depth > SL_SQL_DEPTH_MAX)
        return sl_bind_fail(s->binder, err, SL_LIMIT, 0, s->syntax->table_position,
                            "views are nested too deeply");
    *end = layer;
    return SL_OK;
}

/* One layer down: there, names are those of the layer's own FROM. */
static struct sl_level
level_below(const struct sl_layer *layer)
{
    return (struct sl_level){.from = layer->select, .layer = layer->below, .view = layer->view};
}

enum { ITEM_NONE = -1, ITEM_BELOW = -2 };

/* The item of the layer that has this name; ITEM_BELOW: the name means the same below. */
static int64_t
find_item(const struct sl_layer *layer, struct sl_slice name)
{
    int64_t found = layer->view != NULL ? ITEM_BELOW : ITEM_NONE;

    for (uint32_t i = 0; i < layer->select->item_count; i++) {
        const struct sl_item *item = &layer->select->items[i];
        if (item->expr->kind == SL_NODE_STAR)
            found = ITEM_BELOW;
        else if (sl_text_compare(item->name, name, false) == 0)
            return i;
    }
    return found;
}

static struct sl_node
unqualified(const struct sl_node *node)
{
    struct sl_node bare = *node;
    bare.qualifier.size_bytes = 0;
    return bare;
}

bool
sl_bind_layer_has(const struct sl_scope *s, const struct sl_node *node)
{
    int64_t item = find_item(s->level.layer, node->text);
    if (item != ITEM_BELOW)
        return item != ITEM_NONE;
    struct sl_scope below = *s;
    struct sl_node bare = unqualified(node);
    below.level = level_below(s->level.layer);
    return sl_bind_is_column(&below, &bare);
}

bool
sl_bind_follow(struct sl_scope *s, struct sl_node *node)
{
    while (s->level.layer != NULL) {
        const struct sl_layer *layer = s->level.layer;
        int64_t item = node->kind == SL_NODE_NAME && sl_bind_is_qualified(s, node)
                           ? find_item(layer, node->text)
                           : ITEM_NONE;
        if (item == ITEM_NONE)
            return false;
        *node = item == ITEM_BELOW ? unqualified(node) : *layer->select->items[item].expr;
        s->level = level_below(layer);
    }
    return node->kind == SL_NODE_NAME && sl_bind_is_qualified(s, node);
}

static sl_status
bind_item(struct sl_scope *s, uint32_t index, struct sl_expr **out_expr, struct sl_error *err)
{
    struct sl_layer *layer = s->level.layer;
    struct sl_level level = s->level;
    enum sl_clause_place place = s->place;
    bool in_where = s->in_where;

    *out_expr = layer->bound[index];
    if (*out_expr != NULL && s->side == SL_SIDE_NONE)
        return SL_OK;
    s->level = level_below(layer);
    s->place = SL_PLACE_WHERE;
    s->in_where = false;
    sl_status st = sl_bind_expr(s, layer->select->items[index].expr, out_expr, err);
    s->level = level;
    s->place = place;
    s->in_where = in_where;
    if (s->side == SL_SIDE_NONE)
        layer->bound[index] = *out_expr;
    return st;
}

sl_status
sl_bind_layer_name(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
                   struct sl_error *err)
{
    struct sl_level level = s->level;
    int64_t item = find_item(level.layer, node->text);

    if (item >= 0)
        return bind_item(s, (uint32_t)item, out_expr, err);
    struct sl_node bare = unqualified(node);
    s->level = level_below(level.layer);
    sl_status st = sl_bind_name(s, &bare, out_expr, err);
    s->level = level;
    return st;
}

sl_status
sl_bind_layer_star(struct sl_scope *s, sl_bind_star_fn *visit, void *context, struct sl_error *err)
{
    struct sl_layer *layer = s->level.layer;
    struct sl_level level = s->level;
    sl_status st = SL_OK;

    for (uint32_t i = 0; i < layer->select->item_count && st == SL_OK; i++) {
        const struct sl_item *item = &layer->select->items[i];
        struct sl_expr *expr;
        if (item->expr->kind == SL_NODE_STAR) {
            s->level = level_below(layer);
            st = sl_bind_star(s, item->expr, visit, context, err);
            s->level = level;
            continue;
        }
        st = bind_item(s, i, &expr, err);
        if (st == SL_OK)
            st = visit(context, sl_bind_make_name(s->binder, item->name), expr, err);
    }
    return st;
}

sl_status
sl_bind_layer_where(struct sl_scope *s, struct sl_expr **out_where, struct sl_error *err)
{
    struct sl_level level = s->level;
    struct sl_sql_type truth = sl_sql_type_of(SL_TYPE_BOOL);
    sl_status st = SL_OK;

    *out_where = NULL;
    s->place = SL_PLACE_WHERE;
    for (const struct sl_layer *layer = level.layer; layer != NULL && st == SL_OK;
         layer = layer->below) {
        const struct sl_node *where = layer->select->where;
        struct sl_expr *expr;
        if (where == NULL)
            continue;
        s->level = level_below(layer);
        st = sl_bind_expr(s, where, &expr, err);
        if (st == SL_OK)
            st = sl_expr_coerce(&s->binder->typing, &expr, &truth, err);
        if (st == SL_OK && *out_where != NULL)
            st = sl_bind_op(s, SL_FN_AND, where->position, *out_where, expr, &expr, err);
        *out_where = expr;
    }
    s->level = level;
    return st;
}

bool
sl_bind_is_interface(const struct sl_scope *s, const struct sl_node *node)
{
    const struct sl_scope *table = s->joined == NULL ? s : sl_bind_joined_scope(s, node);
    if (table == NULL)
        return false;
    struct sl_scope at = *table;
    struct sl_node name = *node;

    while (at.level.layer != NULL) {
        const struct sl_layer *layer = at.level.layer;
        int64_t item = name.kind == SL_NODE_NAME && sl_bind_is_qualified(&at, &name)
                           ? find_item(layer, name.text)
                           : ITEM_NONE;
        if (item == ITEM_NONE)
            return false;
        if (layer->view != NULL)
            return sl_slice_is(name.text, "INTERFACE_ID");
        name = item == ITEM_BELOW ? unqualified(&name) : *layer->select->items[item].expr;
        at.level = level_below(layer);
    }
    return false;
}

sl_status
sl_bind_enter_view(struct sl_binder *b, const struct sl_syntax_select *syntax,
                   struct sl_slice database, struct sl_error *err)
{
    for (const struct sl_view_path *path = b->path; path != NULL; path = path->up)
        if (sl_text_compare(path->database, database, false) == 0 &&
            sl_text_compare(path->name, syntax->table, false) == 0)
            return sl_bind_fail(b, err, SL_NAME, 1462, syntax->table_position,
                                "the view \"%.*s\" reads from itself",
                                (int)sl_min_size(syntax->table.size_bytes, 64),
                                (const char *)syntax->table.bytes);
    struct sl_view_path *entered = sl_arena_calloc(b->typing.arena, 1, sizeof(*entered));
    if (entered == NULL)
        return sl_fail_memory(err);
    *entered = (struct sl_view_path){.database = database, .name = syntax->table, .up = b->path};
    b->path = entered;
    return SL_OK;
}

sl_status
sl_bind_view(struct sl_binder *b, const struct sl_syntax_select *syntax, struct sl_slice database,
             struct sl_bound_view *out_view, struct sl_error *err)
{
    struct sl_arena *arena = b->typing.arena;
    struct sl_definition definition;
    enum sl_dialect dialect = SL_DIALECT_NATIVE;
    struct sl_slice text = {0};
    struct sl_syntax parsed;

    *out_view = (struct sl_bound_view){0};
    if (sl_definitions_find(b->env->definitions, database, syntax->table, arena, &definition) &&
        definition.kind == SL_DEFINITION_VIEW) {
        text = definition.text;
        dialect = definition.dialect;
    } else if (b->env->schema != NULL) {
        out_view->view = sl_flow_view_find(syntax->table);
        if (out_view->view != NULL)
            SL_TRY(sl_flow_view_text(out_view->view, arena, &text, err));
    }
    if (text.bytes == NULL)
        return SL_OK;
    SL_TRY(sl_parse(dialect, (const char *)text.bytes, text.size_bytes, database, arena, &parsed,
                    err));
    if (parsed.kind != SL_SYNTAX_SELECT)
        return sl_fail(err, SL_CORRUPT, "a view is not a select");
    out_view->select = parsed.select;
    return SL_OK;
}
