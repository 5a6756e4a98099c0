/*
 * bind_select.c - selects: keys, outputs, order, and chains of UNION.
 *
 * Order of work: source, WHERE, keys, then everything of the second stage bound as if it were
 * the first; when the select groups, all of that is lifted at once.
 */
#include "query/bind.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "query/definition.h"
#include "query/lex.h"
#include "query/value.h"
#include "storage/base/limits.h"

sl_status
sl_bind_fail(struct sl_binder *b, struct sl_error *err, sl_status status, uint16_t number,
             uint32_t position, const char *format, ...)
{
    char story[SL_ERROR_TEXT_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(story, sizeof(story), format, args);
    va_end(args);
    return sl_fail_at(err, status, number, b->typing.text, b->typing.text_bytes, position, "%s",
                      story);
}

sl_status
sl_bind_fail_table(struct sl_binder *b, const struct sl_node *node, struct sl_error *err)
{
    return sl_bind_fail(b, err, SL_NAME, 1051, node->position, "unknown table \"%.*s\"",
                        (int)sl_min_size(node->qualifier.size_bytes, 64),
                        (const char *)node->qualifier.bytes);
}

const char *
sl_bind_make_name(struct sl_binder *b, struct sl_slice name)
{
    uint32_t size = name.size_bytes > 256 ? 256 : name.size_bytes;

    return sl_arena_string(b->typing.arena, (const char *)name.bytes, size);
}

static sl_status
bind_condition(struct sl_scope *s, const struct sl_node *node, enum sl_clause_place place,
               struct sl_expr **out_expr, struct sl_error *err)
{
    struct sl_sql_type truth = sl_sql_type_of(SL_TYPE_BOOL);

    *out_expr = NULL;
    if (node == NULL)
        return SL_OK;
    s->place = place;
    SL_TRY(sl_bind_expr(s, node, out_expr, err));
    return sl_expr_coerce(&s->binder->typing, out_expr, &truth, err);
}

/* An ordinal, when the node is a plain integer: which item of the list is meant. */
static sl_status
find_ordinal(struct sl_scope *s, const struct sl_node *node, uint32_t count, uint32_t *out_index,
             bool *out_found, struct sl_error *err)
{
    uint64_t number = 0;

    *out_found = node->kind == SL_NODE_INTEGER;
    if (!*out_found)
        return SL_OK;
    for (uint32_t i = 0; i < node->text.size_bytes && number < 1000000; i++)
        number = number * 10 + (uint64_t)(node->text.bytes[i] - '0');
    if (number == 0 || number > count)
        return sl_bind_fail(s->binder, err, SL_NAME, 1054, node->position,
                            "there is no column number %" PRIu64 " in the list", number);
    *out_index = (uint32_t)number - 1;
    return SL_OK;
}

/* GROUP BY alias means the item of that alias, unless a column has the name. `host` and `port` are none. */
static const struct sl_node *
resolve_group(const struct sl_scope *s, const struct sl_node *node)
{
    enum sl_key_kind kind;

    if (node->kind != SL_NODE_NAME || node->qualifier.size_bytes > 0 ||
        (sl_bind_is_column(s, node) && !sl_bind_is_sided(s, node, &kind)))
        return node;
    for (uint32_t i = 0; i < s->syntax->item_count; i++) {
        const struct sl_item *item = &s->syntax->items[i];
        if (item->is_alias && sl_text_compare(item->name, node->text, false) == 0)
            return item->expr;
    }
    return node;
}

static sl_status
bind_key(struct sl_scope *s, const struct sl_node *node, struct sl_key *key, struct sl_error *err)
{
    uint32_t index = 0;
    bool is_ordinal;

    SL_TRY(find_ordinal(s, node, s->syntax->item_count, &index, &is_ordinal, err));
    if (is_ordinal)
        node = s->syntax->items[index].expr;
    else
        node = resolve_group(s, node);
    s->place = SL_PLACE_GROUP;
    if (sl_bind_is_sided(s, node, &key->kind)) {
        s->side = SL_SIDE_TARGET;
        SL_TRY(sl_bind_expr(s, node, &key->other, err));
        s->side = SL_SIDE_SOURCE;
    } else {
        key->kind = SL_KEY_EXPR;
    }
    SL_TRY(sl_bind_expr(s, node, &key->expr, err));
    s->side = SL_SIDE_NONE;
    key->type = key->expr->type;
    return SL_OK;
}

static sl_status
bind_keys(struct sl_scope *s, struct sl_error *err)
{
    struct sl_select *select = s->select;
    uint32_t count = s->syntax->group_count;
    uint32_t sided = 0;

    struct sl_key *keys = sl_arena_calloc(s->binder->typing.arena, count + 1, sizeof(*keys));
    if (keys == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        SL_TRY(bind_key(s, s->syntax->groups[i], &keys[i], err));
        sided += keys[i].kind != SL_KEY_EXPR;
    }
    if (sided > 1)
        return sl_bind_fail(s->binder, err, SL_UNSUPPORTED, 1235, s->syntax->groups[0]->position,
                            "only one of host and port can be grouped by at once");
    select->keys = keys;
    select->key_count = count;
    select->is_grouped = count > 0;
    return SL_OK;
}

sl_status
sl_bind_output(struct sl_scope *s, const char *name, struct sl_expr *expr, uint32_t *capacity,
               uint32_t position, struct sl_error *err)
{
    struct sl_select *select = s->select;

    if (name == NULL)
        return sl_fail_memory(err);
    if (select->output_count >= 2 * SL_SQL_COLUMNS_MAX)
        return sl_bind_fail(s->binder, err, SL_LIMIT, 1117, position,
                            "more than %d columns are selected", SL_SQL_COLUMNS_MAX);
    struct sl_output *grown =
        sl_bind_grow(s, select->outputs, sizeof(*grown), select->output_count, capacity, err);
    if (grown == NULL)
        return SL_LIMIT;
    select->outputs = grown;
    struct sl_output *output = &grown[select->output_count++];
    *output =
        (struct sl_output){.name = name, .origin_table = "", .origin_column = "", .expr = expr};
    if (expr->kind == SL_EXPR_INPUT && select->source == SL_SOURCE_FLOWS) {
        output->origin_table = "flows";
        output->origin_column = select->inputs[expr->slot].column->name;
    } else if (expr->kind == SL_EXPR_INPUT && select->source == SL_SOURCE_VIRTUAL) {
        output->origin_table = select->table->name;
        output->origin_column = select->table->columns[select->inputs[expr->slot].index].name;
    } else if (expr->kind == SL_EXPR_INPUT && s->joined != NULL) {
        sl_bind_joined_origin(s, &select->inputs[expr->slot], output);
    }
    return SL_OK;
}

sl_status
sl_bind_star(struct sl_scope *s, const struct sl_node *node, sl_bind_star_fn *visit, void *context,
             struct sl_error *err)
{
    const struct sl_select *select = s->select;
    const struct sl_schema *schema = s->binder->env->schema;
    uint32_t count = 0;

    if (s->joined != NULL)
        return sl_bind_joined_star(s, node, visit, context, err);
    if (!sl_bind_is_qualified(s, node))
        return sl_bind_fail_table(s->binder, node, err);
    if (s->level.layer != NULL)
        return sl_bind_layer_star(s, visit, context, err);
    if (select->source == SL_SOURCE_FLOWS)
        count = sl_schema_count(schema);
    else if (select->source == SL_SOURCE_VIRTUAL)
        count = select->table->column_count;
    else if (select->source == SL_SOURCE_SELECT)
        count = select->subselect->visible_count;
    else
        return sl_bind_fail(s->binder, err, SL_SYNTAX, 1096, node->position,
                            "* without a table means nothing");
    for (uint32_t i = 0; i < count; i++) {
        struct sl_input input = {.index = i};
        struct sl_expr *expr;
        const char *name;
        if (select->source == SL_SOURCE_FLOWS) {
            input = (struct sl_input){.column = sl_schema_at(schema, i)};
            input.type = sl_bind_column_type(input.column);
            name = input.column->name;
        } else if (select->source == SL_SOURCE_VIRTUAL) {
            input.type = select->table->columns[i].type;
            name = select->table->columns[i].name;
        } else {
            input.type = select->subselect->outputs[i].expr->type;
            name = select->subselect->outputs[i].name;
        }
        SL_TRY(sl_bind_input(s, &input, node->position, &expr, err));
        SL_TRY(visit(context, name, expr, err));
    }
    return SL_OK;
}

/* The list of outputs while * adds to it. */
struct star {
    struct sl_scope *scope;
    uint32_t *capacity;
    uint32_t position;
};

static sl_status
add_star(void *context, const char *name, struct sl_expr *expr, struct sl_error *err)
{
    const struct star *star = context;

    return sl_bind_output(star->scope, name, expr, star->capacity, star->position, err);
}

static sl_status
bind_outputs(struct sl_scope *s, uint32_t *capacity, struct sl_error *err)
{
    for (uint32_t i = 0; i < s->syntax->item_count; i++) {
        const struct sl_item *item = &s->syntax->items[i];
        struct sl_expr *expr;
        if (item->expr->kind == SL_NODE_STAR) {
            struct star star = {s, capacity, item->expr->position};
            SL_TRY(sl_bind_star(s, item->expr, add_star, &star, err));
            continue;
        }
        s->place = SL_PLACE_OUTPUT;
        s->may_assign = true;
        SL_TRY(sl_bind_expr(s, item->expr, &expr, err));
        SL_TRY(sl_bind_output(s, sl_bind_make_name(s->binder, item->name), expr, capacity,
                              item->expr->position, err));
    }
    s->select->visible_count = s->select->output_count;
    return SL_OK;
}

/* The output that ORDER BY names: by number or by alias; UINT32_MAX: none, it is an expression. */
static sl_status
find_output(struct sl_scope *s, const struct sl_node *node, uint32_t *out_index,
            struct sl_error *err)
{
    const struct sl_select *select = s->select;
    bool found;

    *out_index = UINT32_MAX;
    SL_TRY(find_ordinal(s, node, select->visible_count, out_index, &found, err));
    if (found || node->kind != SL_NODE_NAME || node->qualifier.size_bytes > 0)
        return SL_OK;
    for (uint32_t i = 0; i < select->visible_count && *out_index == UINT32_MAX; i++)
        if (sl_slice_is(node->text, select->outputs[i].name))
            *out_index = i;
    return SL_OK;
}

/* ORDER BY of a single select: outputs, or hidden outputs behind them. */
static sl_status
bind_orders(struct sl_scope *s, uint32_t *capacity, struct sl_error *err)
{
    struct sl_select *select = s->select;

    select->orders = sl_arena_calloc(s->binder->typing.arena, s->syntax->order_count + 1,
                                     sizeof(struct sl_order));
    if (select->orders == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < s->syntax->order_count; i++) {
        const struct sl_order_item *item = &s->syntax->orders[i];
        struct sl_order *order = &select->orders[i];
        struct sl_expr *expr;
        order->is_descending = item->is_descending;
        SL_TRY(find_output(s, item->expr, &order->output, err));
        select->order_count++;
        if (order->output != UINT32_MAX)
            continue;
        s->place = SL_PLACE_TAIL;
        SL_TRY(sl_bind_expr(s, item->expr, &expr, err));
        for (uint32_t o = 0; o < select->output_count && order->output == UINT32_MAX; o++)
            if (sl_expr_equal(select->outputs[o].expr, expr))
                order->output = o;
        if (order->output != UINT32_MAX)
            continue;
        if (select->is_distinct)
            return sl_bind_fail(s->binder, err, SL_TYPE, 3065, item->expr->position,
                                "with DISTINCT, ORDER BY must name what is selected");
        order->output = select->output_count;
        SL_TRY(sl_bind_output(s, "", expr, capacity, item->expr->position, err));
    }
    return SL_OK;
}

/* ORDER BY of a chain: by number or name of its columns. */
static sl_status
bind_chain_orders(struct sl_scope *s, struct sl_error *err)
{
    struct sl_select *select = s->select;

    select->orders = sl_arena_calloc(s->binder->typing.arena, s->syntax->order_count + 1,
                                     sizeof(struct sl_order));
    if (select->orders == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < s->syntax->order_count; i++) {
        const struct sl_order_item *item = &s->syntax->orders[i];
        struct sl_order *order = &select->orders[select->order_count++];
        order->is_descending = item->is_descending;
        SL_TRY(find_output(s, item->expr, &order->output, err));
        if (order->output == UINT32_MAX)
            return sl_bind_fail(s->binder, err, SL_NAME, 1054, item->expr->position,
                                "behind UNION, ORDER BY must name a column of the result");
    }
    return SL_OK;
}

static sl_status
bind_count(struct sl_scope *s, const struct sl_node *node, uint64_t none, uint64_t *out_count,
           struct sl_error *err)
{
    struct sl_sql_type number = sl_sql_type_of(SL_TYPE_I64);
    struct sl_expr *expr;

    *out_count = none;
    if (node == NULL)
        return SL_OK;
    SL_TRY(sl_bind_expr(s, node, &expr, err));
    if (expr->kind == SL_EXPR_PARAMETER)
        return SL_OK;
    if (expr->type.type == SL_TYPE_U64 && expr->kind == SL_EXPR_CONST) {
        *out_count = expr->value.as.u64;
        return SL_OK;
    }
    SL_TRY(sl_expr_coerce(&s->binder->typing, &expr, &number, err));
    if (expr->kind != SL_EXPR_CONST || expr->value.is_null || expr->value.as.i64 < 0)
        return sl_bind_fail(s->binder, err, SL_SYNTAX, 1064, node->position,
                            "LIMIT and OFFSET need a number that is not negative");
    *out_count = (uint64_t)expr->value.as.i64;
    return SL_OK;
}

/* LIMIT and OFFSET see no columns. */
static sl_status
bind_limits(struct sl_scope *s, struct sl_error *err)
{
    struct sl_select none = {.source = SL_SOURCE_NONE};
    struct sl_scope empty = {
        .binder = s->binder, .syntax = s->syntax, .select = &none, .level = {.from = s->syntax}};

    SL_TRY(bind_count(&empty, s->syntax->limit, UINT64_MAX, &s->select->limit, err));
    return bind_count(&empty, s->syntax->offset, 0, &s->select->offset, err);
}

sl_status
sl_bind_where(struct sl_scope *s, struct sl_error *err)
{
    struct sl_expr *own, *below;

    if (s->joined != NULL)
        return sl_bind_join_where(s, err);
    s->in_where = true;
    SL_TRY(bind_condition(s, s->syntax->where, SL_PLACE_WHERE, &own, err));
    SL_TRY(sl_bind_layer_where(s, &below, err));
    s->in_where = false;
    s->select->where = own == NULL ? below : own;
    if (own != NULL && below != NULL)
        return sl_bind_op(s, SL_FN_AND, own->position, below, own, &s->select->where, err);
    return SL_OK;
}

static sl_status
lift_all(struct sl_scope *s, struct sl_error *err)
{
    struct sl_select *select = s->select;

    select->is_grouped = select->key_count > 0 || select->aggregate_count > 0;
    if (!select->is_grouped)
        return SL_OK;
    for (uint32_t i = 0; i < select->output_count; i++)
        SL_TRY(sl_bind_lift(s, &select->outputs[i].expr, err));
    if (select->having != NULL)
        SL_TRY(sl_bind_lift(s, &select->having, err));
    select->key_count -= s->rolled_count;
    return SL_OK;
}

sl_status
sl_bind_one(struct sl_binder *b, const struct sl_syntax_select *syntax, bool is_alone,
            uint32_t rolled_count, struct sl_scope *s, struct sl_error *err)
{
    uint32_t capacity = 0;

    SL_TRY(sl_bind_correlated(b, syntax, &syntax, err));
    *s = (struct sl_scope){.binder = b, .syntax = syntax, .rolled_count = rolled_count};
    s->select = sl_arena_calloc(b->typing.arena, 1, sizeof(*s->select));
    if (s->select == NULL)
        return sl_fail_memory(err);
    s->select->limit = UINT64_MAX;
    s->select->is_distinct = syntax->is_distinct;
    s->select->is_union_all = syntax->is_union_all;
    SL_TRY(sl_bind_source(s, err));
    SL_TRY(sl_bind_where(s, err));
    SL_TRY(bind_keys(s, err));
    SL_TRY(bind_outputs(s, &capacity, err));
    SL_TRY(bind_condition(s, syntax->having, SL_PLACE_TAIL, &s->select->having, err));
    if (is_alone)
        SL_TRY(bind_orders(s, &capacity, err));
    if (is_alone && syntax->is_rollup)
        SL_TRY(sl_bind_rollup_order(s, &capacity, err));
    SL_TRY(lift_all(s, err));
    if (s->select->having != NULL && !s->select->is_grouped) {
        /* HAVING without groups is a condition on the rows. */
        struct sl_expr *having = s->select->having;
        s->select->having = NULL;
        if (s->select->where == NULL)
            s->select->where = having;
        else
            SL_TRY(sl_bind_op(s, SL_FN_AND, having->position, s->select->where, having,
                              &s->select->where, err));
    }
    return SL_OK;
}

/* Each column of a chain has one type for all its selects. */
sl_status
sl_bind_unify(struct sl_binder *b, struct sl_select *head, struct sl_error *err)
{
    for (uint32_t i = 0; i < head->visible_count; i++) {
        struct sl_sql_type type = head->outputs[i].expr->type;
        for (struct sl_select *s = head->next_union; s != NULL; s = s->next_union)
            type = sl_sql_type_unify(&type, &s->outputs[i].expr->type);
        uint32_t length = type.length;
        type.length = 0;
        for (struct sl_select *s = head; s != NULL; s = s->next_union) {
            struct sl_expr *copy;
            SL_TRY(sl_expr_coerce(&b->typing, &s->outputs[i].expr, &type, err));
            copy = sl_arena_alloc(b->typing.arena, sizeof(*copy));
            if (copy == NULL)
                return sl_fail_memory(err);
            *copy = *s->outputs[i].expr; /* may be shared: its type is this output's own */
            copy->type.is_nullable = type.is_nullable;
            copy->type.length = length;
            s->outputs[i].expr = copy;
        }
    }
    return SL_OK;
}

static sl_status
bind_member(struct sl_binder *b, const struct sl_syntax_select *syntax, bool is_alone,
            struct sl_scope *s, struct sl_error *err)
{
    return syntax->is_rollup ? sl_bind_rollup(b, syntax, is_alone, s, err)
                             : sl_bind_one(b, syntax, is_alone, 0, s, err);
}

static sl_status
bind_chain(struct sl_binder *b, const struct sl_syntax_select *syntax, struct sl_select **out_head,
           struct sl_error *err)
{
    bool is_alone = syntax->next_union == NULL;
    struct sl_scope head;

    SL_TRY(bind_member(b, syntax, is_alone, &head, err));
    *out_head = head.select;
    struct sl_select *last = head.select;
    for (const struct sl_syntax_select *next = syntax->next_union; next != NULL;
         next = next->next_union) {
        struct sl_scope scope;
        SL_TRY(bind_member(b, next, false, &scope, err));
        if (scope.select->visible_count != head.select->visible_count)
            return sl_bind_fail(b, err, SL_TYPE, 1222, next->position,
                                "the selects of a UNION have different numbers of columns");
        last->next_union = scope.select;
        last = scope.select;
    }
    if (!is_alone) {
        SL_TRY(sl_bind_unify(b, head.select, err));
        SL_TRY(bind_chain_orders(&head, err));
    }
    return bind_limits(&head, err);
}

sl_status
sl_bind_chain(struct sl_binder *b, const struct sl_syntax_select *syntax,
              struct sl_select **out_head, struct sl_error *err)
{
    if (b->depth >= SL_SQL_DEPTH_MAX)
        return sl_bind_fail(b, err, SL_LIMIT, 0, syntax->position,
                            "the statement is nested too deeply");
    b->depth++;
    sl_status st = bind_chain(b, syntax, out_head, err);
    b->depth--;
    return st;
}
