/*
 * bind_lookup.c - the table that a correlated subquery becomes: see bind_correlated.h.
 *
 *   (SELECT key AS `$0`, ..., value AS `$n` FROM ... WHERE ... GROUP BY key, ...) AS `$1`
 */
#include <stdio.h>

#include "query/bind_correlated.h"
#include "query/value.h"

static sl_status
make_node(struct sl_binder *b, enum sl_node_kind kind, uint32_t position,
          struct sl_node *const *args, uint32_t count, struct sl_node **out_node,
          struct sl_error *err)
{
    struct sl_node *node = sl_arena_calloc(b->typing.arena, 1, sizeof(*node));
    struct sl_node **own = sl_arena_calloc(b->typing.arena, (size_t)count + 1, sizeof(*own));

    if (node == NULL || own == NULL) {
        *out_node = NULL;
        return sl_fail_memory(err);
    }
    for (uint32_t i = 0; i < count; i++)
        own[i] = args[i];
    *node = (struct sl_node){.kind = kind, .position = position, .args = own, .arg_count = count};
    *out_node = node; /* which may be where one of the arguments was */
    return SL_OK;
}

sl_status
sl_bind_make_operator(struct sl_binder *b, enum sl_function_id function, uint32_t position,
                      struct sl_node *const *args, uint32_t count, struct sl_node **out_node,
                      struct sl_error *err)
{
    SL_TRY(make_node(b, SL_NODE_OPERATOR, position, args, count, out_node, err));
    SL_ASSERT(*out_node != NULL);
    (*out_node)->function = function;
    return SL_OK;
}

sl_status
sl_bind_make_truth(struct sl_binder *b, bool truth, uint32_t position, struct sl_node **out_node,
                   struct sl_error *err)
{
    SL_TRY(make_node(b, SL_NODE_BOOL, position, NULL, 0, out_node, err));
    SL_ASSERT(*out_node != NULL);
    (*out_node)->number = truth;
    return SL_OK;
}

sl_status
sl_bind_make_null(struct sl_binder *b, uint32_t position, struct sl_node **out_node,
                  struct sl_error *err)
{
    return make_node(b, SL_NODE_NULL, position, NULL, 0, out_node, err);
}

sl_status
sl_bind_make_number(struct sl_binder *b, int64_t number, uint32_t position,
                    struct sl_node **out_node, struct sl_error *err)
{
    SL_TRY(make_node(b, SL_NODE_NUMBER, position, NULL, 0, out_node, err));
    SL_ASSERT(*out_node != NULL);
    (*out_node)->number = number;
    return SL_OK;
}

sl_status
sl_bind_make_star(struct sl_binder *b, uint32_t position, struct sl_node **out_node,
                  struct sl_error *err)
{
    return make_node(b, SL_NODE_STAR, position, NULL, 0, out_node, err);
}

sl_status
sl_bind_make_call(struct sl_binder *b, const char *name, uint32_t position,
                  struct sl_node *const *args, uint32_t count, struct sl_node **out_node,
                  struct sl_error *err)
{
    SL_TRY(make_node(b, SL_NODE_CALL, position, args, count, out_node, err));
    SL_ASSERT(*out_node != NULL);
    (*out_node)->text =
        (struct sl_slice){.bytes = (const uint8_t *)name, .size_bytes = (uint32_t)strlen(name)};
    return SL_OK;
}

/* "$7", which nobody writes. */
static sl_status
make_name(struct sl_binder *b, uint32_t number, struct sl_slice *out_name, struct sl_error *err)
{
    char text[16];
    int size = snprintf(text, sizeof(text), "$%u", number);
    const char *name = sl_arena_string(b->typing.arena, text, (size_t)size);

    *out_name = (struct sl_slice){.bytes = (const uint8_t *)name, .size_bytes = (uint32_t)size};
    return name == NULL ? sl_fail_memory(err) : SL_OK;
}

/* Column `index` of the table, as the select around names it. */
static sl_status
name_column(struct sl_binder *b, const struct sl_lookup *lookup, uint32_t index,
            struct sl_node **out_node, struct sl_error *err)
{
    SL_TRY(make_node(b, SL_NODE_NAME, lookup->position, NULL, 0, out_node, err));
    SL_ASSERT(*out_node != NULL);
    (*out_node)->is_quoted = true;
    (*out_node)->qualifier = lookup->alias;
    return make_name(b, index, &(*out_node)->text, err);
}

sl_status
sl_lookup_open(struct sl_correlated *c, struct sl_lookup *lookup, struct sl_error *err)
{
    enum { VALUES_MAX = 16 };
    struct sl_arena *arena = c->binder->typing.arena;
    struct sl_syntax_select *table = sl_arena_calloc(arena, 1, sizeof(*table));
    const struct sl_syntax_select *from = lookup->select;
    struct sl_node *name;

    if (table == NULL)
        return sl_fail_memory(err);
    *table = (struct sl_syntax_select){.position = from->position,
                                       .schema = from->schema,
                                       .table = from->table,
                                       .alias = from->alias,
                                       .table_position = from->table_position,
                                       .subselect = from->subselect,
                                       .joins = from->joins,
                                       .join_count = from->join_count,
                                       .where = lookup->where,
                                       .group_count = lookup->key_count};
    table->items = sl_arena_calloc(arena, SL_LOOKUP_KEYS_MAX + VALUES_MAX, sizeof(struct sl_item));
    table->groups = sl_arena_calloc(arena, lookup->key_count, sizeof(struct sl_node *));
    if (table->items == NULL || table->groups == NULL)
        return sl_fail_memory(err);
    lookup->table = table;
    SL_TRY(make_name(c->binder, c->select.join_count, &lookup->alias, err));
    for (uint32_t i = 0; i < lookup->key_count; i++) {
        table->groups[i] = lookup->keys[i];
        SL_TRY(sl_lookup_add(c, lookup, lookup->keys[i], &name, err));
    }
    return SL_OK;
}

sl_status
sl_lookup_add(struct sl_correlated *c, struct sl_lookup *lookup, struct sl_node *value,
              struct sl_node **out_name, struct sl_error *err)
{
    struct sl_syntax_select *table = lookup->table;

    if (table->item_count == 2U * SL_LOOKUP_KEYS_MAX)
        return sl_bind_fail(c->binder, err, SL_LIMIT, 0, lookup->position,
                            "a subquery has too many aggregates");
    struct sl_item *item = &table->items[table->item_count];
    item->expr = value;
    item->is_alias = true;
    SL_TRY(make_name(c->binder, table->item_count, &item->name, err));
    return name_column(c->binder, lookup, table->item_count++, out_name, err);
}

static sl_status
make_condition(struct sl_correlated *c, const struct sl_lookup *lookup, struct sl_node **out_on,
               struct sl_error *err)
{
    struct sl_node *pair[2], *both[2] = {NULL, NULL};

    *out_on = NULL;
    for (uint32_t i = 0; i < lookup->key_count; i++) {
        pair[0] = lookup->probes[i];
        SL_TRY(name_column(c->binder, lookup, i, &pair[1], err));
        SL_TRY(
            sl_bind_make_operator(c->binder, SL_FN_EQ, lookup->position, pair, 2, &both[1], err));
        if (i > 0)
            SL_TRY(sl_bind_make_operator(c->binder, SL_FN_AND, lookup->position, both, 2, &both[1],
                                         err));
        both[0] = *out_on = both[1];
    }
    return SL_OK;
}

sl_status
sl_lookup_join(struct sl_correlated *c, struct sl_lookup *lookup, enum sl_join_kind kind,
               struct sl_error *err)
{
    struct sl_arena *arena = c->binder->typing.arena;
    struct sl_syntax_select *select = &c->select;
    struct sl_syntax_select *from = sl_arena_calloc(arena, 1, sizeof(*from));
    struct sl_syntax_join *joins =
        sl_arena_calloc(arena, (size_t)select->join_count + 1, sizeof(*joins));

    if (from == NULL || joins == NULL)
        return sl_fail_memory(err);
    *from = (struct sl_syntax_select){.position = lookup->position,
                                      .table_position = lookup->position,
                                      .alias = lookup->alias,
                                      .subselect = lookup->table};
    if (select->join_count > 0)
        memcpy(joins, select->joins, select->join_count * sizeof(*joins));
    struct sl_syntax_join *join = &joins[select->join_count++];
    *join = (struct sl_syntax_join){.table = from, .kind = kind, .is_hidden = true};
    select->joins = joins;
    return make_condition(c, lookup, &join->on, err);
}

sl_status
sl_lookup_found(struct sl_correlated *c, const struct sl_lookup *lookup, struct sl_node **out_node,
                struct sl_error *err)
{
    struct sl_node *name = NULL, *is_null = NULL;

    SL_TRY(name_column(c->binder, lookup, 0, &name, err));
    SL_TRY(
        sl_bind_make_operator(c->binder, SL_FN_IS_NULL, lookup->position, &name, 1, &is_null, err));
    return sl_bind_make_operator(c->binder, SL_FN_NOT, lookup->position, &is_null, 1, out_node,
                                 err);
}
