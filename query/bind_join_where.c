/*
 * bind_join_where.c - the conditions of a select from several tables, and the steps of its join.
 *
 * The conditions (WHERE, ON and USING) are taken apart at their ANDs:
 *
 *   what is about one table   becomes its own WHERE, so that the scan is pruned by it
 *   an equality of tables     is a key of the hash join
 *   the rest                  is asked of the pairs that the keys find
 *
 * A condition of an outer join decides what matches, one of WHERE decides about rows: that keeps WHERE
 * above an outer join whose table it is about. What is about earlier tables alone in the ON of a LEFT JOIN
 * becomes a pair of keys, the condition and TRUE.
 *
 * Without an outer join tables may be joined in any order: the first is one of flows, whose rows are
 * many and are never kept; each next one has a key, if any has. With one, they are joined as they were
 * written, but for the first two: there flows come first too, and LEFT becomes RIGHT.
 */
#include "query/bind_join.h"
#include "query/value.h"

/* The tables that an expression names. Words that are no columns (`tcp`) are of none. */
static sl_status
find_tables(struct sl_scope *s, const struct sl_node *node, uint64_t *tables, struct sl_error *err)
{
    static const struct sl_slice last_seen = {.bytes = (const uint8_t *)"last_seen",
                                              .size_bytes = 9};
    uint32_t found = 0;

    if (node == NULL)
        return SL_OK;
    if (node->kind == SL_NODE_NAME || node->kind == SL_NODE_LAST) {
        struct sl_node name = *node;
        if (node->kind == SL_NODE_LAST) {
            name.kind = SL_NODE_NAME;
            name.text = last_seen;
        }
        uint32_t table = sl_joined_find(s, &name, &found);
        if (found > 1)
            return sl_joined_fail_ambiguous(s, &name, err);
        if (found == 1)
            *tables |= UINT64_C(1) << table;
        else if (node->qualifier.size_bytes > 0)
            return sl_bind_fail_unknown(s, node, err);
        return SL_OK;
    }
    SL_TRY(find_tables(s, node->operand, tables, err));
    SL_TRY(find_tables(s, node->filter, tables, err));
    for (uint32_t i = 0; i < node->arg_count; i++)
        SL_TRY(find_tables(s, node->args[i], tables, err));
    return SL_OK;
}

static sl_status
add_condition(struct sl_scope *s, const struct sl_node *node, uint32_t on, struct sl_error *err)
{
    struct sl_joined *joined = s->joined;
    struct sl_joined_condition condition = {
        .node = node, .on = on, .visible_count = joined->visible_count};

    if (node->kind == SL_NODE_OPERATOR && node->function == SL_FN_AND) {
        SL_TRY(add_condition(s, node->args[0], on, err));
        return add_condition(s, node->args[1], on, err);
    }
    SL_TRY(find_tables(s, node, &condition.tables, err));
    struct sl_joined_condition *grown =
        sl_bind_grow(s, joined->conditions, sizeof(*grown), joined->condition_count,
                     &joined->condition_capacity, err);
    if (grown == NULL)
        return SL_LIMIT;
    joined->conditions = grown;
    grown[joined->condition_count++] = condition;
    return SL_OK;
}

/* An operator over two nodes, as if it had been written. */
static sl_status
make_operator(struct sl_scope *s, enum sl_function_id function, const struct sl_node *a,
              const struct sl_node *b, struct sl_node **out_node, struct sl_error *err)
{
    struct sl_arena *arena = s->binder->typing.arena;
    struct sl_node *node = sl_arena_calloc(arena, 1, sizeof(*node));
    struct sl_node **args = sl_arena_calloc(arena, 2, sizeof(struct sl_node *));

    if (node == NULL || args == NULL)
        return sl_fail_memory(err);
    args[0] = (struct sl_node *)(uintptr_t)a; /* nodes are only read from here on */
    args[1] = (struct sl_node *)(uintptr_t)b;
    *node = (struct sl_node){.kind = SL_NODE_OPERATOR,
                             .position = b->position,
                             .function = function,
                             .args = args,
                             .arg_count = 2};
    *out_node = node;
    return SL_OK;
}

/* USING (name): the name in a table before, and in this one. */
static sl_status
add_using(struct sl_scope *s, const struct sl_node *name, uint32_t number, uint32_t on,
          struct sl_error *err)
{
    struct sl_arena *arena = s->binder->typing.arena;
    struct sl_node *sides = sl_arena_calloc(arena, 2, sizeof(*sides));
    struct sl_node *equal = NULL;
    uint32_t found;

    if (sides == NULL)
        return sl_fail_memory(err);
    s->joined->visible_count = number;
    uint32_t before = sl_joined_find(s, name, &found);
    s->joined->visible_count = number + 1;
    if (found == 0 || !sl_bind_is_column(&s->joined->tables[number].scope, name))
        return sl_bind_fail_unknown(s, name, err);
    if (found > 1)
        return sl_joined_fail_ambiguous(s, name, err);
    for (uint32_t i = 0; i < 2; i++) {
        const struct sl_syntax_select *from = &s->joined->tables[i == 0 ? before : number].syntax;
        sides[i] = *name;
        sides[i].qualifier = from->alias.size_bytes > 0 ? from->alias : from->table;
        if (sides[i].qualifier.size_bytes == 0)
            return sl_bind_fail(s->binder, err, SL_SYNTAX, 1248, from->table_position,
                                "with USING, every derived table must have an alias");
    }
    SL_TRY(make_operator(s, SL_FN_EQ, &sides[0], &sides[1], &equal, err));
    return add_condition(s, equal, on, err);
}

/* All of them: those of the joins, each of which knows the tables up to its own, then WHERE. */
static sl_status
collect_conditions(struct sl_scope *s, struct sl_error *err)
{
    struct sl_joined *joined = s->joined;

    for (uint32_t i = 1; i < joined->count; i++) {
        const struct sl_syntax_join *join = &s->syntax->joins[i - 1];
        const struct sl_joined_table *table = &joined->tables[i];
        uint32_t on = joined->has_outer ? i : 0;
        joined->visible_count = i + 1;
        for (uint32_t k = 0; k < table->using_count; k++)
            SL_TRY(add_using(s, table->using_names[k], i, on, err));
        if (join->on != NULL)
            SL_TRY(add_condition(s, join->on, on, err));
    }
    joined->visible_count = joined->count;
    return s->syntax->where == NULL ? SL_OK : add_condition(s, s->syntax->where, 0, err);
}

/* May a row of the first `count` tables lack this one? */
static bool
is_optional(const struct sl_joined *joined, uint32_t number, uint32_t count)
{
    bool is_found = joined->tables[number].kind == SL_JOIN_LEFT;

    for (uint32_t i = number + 1; i < count; i++)
        is_found |= joined->tables[i].kind == SL_JOIN_RIGHT;
    return is_found;
}

/* May the table's rows be left out for which the condition, which is about it alone, is not true? */
static bool
is_own(const struct sl_joined *joined, const struct sl_joined_condition *c, uint32_t number)
{
    enum sl_join_kind kind = c->on == 0 ? SL_JOIN_INNER : joined->tables[c->on].kind;

    switch (kind) {
    case SL_JOIN_LEFT:
        return number == c->on;
    case SL_JOIN_RIGHT:
        return number != c->on && !is_optional(joined, number, c->on);
    case SL_JOIN_INNER:
        break;
    }
    return !is_optional(joined, number, c->on == 0 ? joined->count : c->on);
}

/* What is about one table alone becomes its WHERE. */
static sl_status
push_down(struct sl_scope *s, struct sl_error *err)
{
    struct sl_joined *joined = s->joined;

    for (uint32_t i = 0; i < joined->condition_count; i++) {
        struct sl_joined_condition *c = &joined->conditions[i];
        bool is_left = c->on != 0 && joined->tables[c->on].kind == SL_JOIN_LEFT;
        uint64_t tables = is_left && c->tables == 0 ? UINT64_C(1) << c->on : c->tables;
        if (__builtin_popcountll(tables) != 1)
            continue;
        uint32_t number = (uint32_t)__builtin_ctzll(tables);
        if (!is_own(joined, c, number))
            continue;
        c->is_used = true;
        struct sl_joined_table *table = &joined->tables[number];
        struct sl_node *both = (struct sl_node *)(uintptr_t)c->node;
        if (table->syntax.where != NULL)
            SL_TRY(make_operator(s, SL_FN_AND, table->syntax.where, c->node, &both, err));
        table->syntax.where = both;
    }
    for (uint32_t i = 0; i < joined->count; i++)
        SL_TRY(sl_bind_where(&joined->tables[i].scope, err));
    return SL_OK;
}

/* ---- steps ---- */

static uint64_t
tables_of(const struct sl_select *select, const struct sl_expr *expr)
{
    uint64_t tables = 0;

    if (expr->kind == SL_EXPR_INPUT)
        tables = UINT64_C(1) << select->inputs[expr->slot].table;
    for (uint32_t i = 0; i < expr->arg_count; i++)
        tables |= tables_of(select, expr->args[i]);
    return tables;
}

static sl_status
bind_condition(struct sl_scope *s, struct sl_joined_condition *condition, struct sl_expr **out_expr,
               struct sl_error *err)
{
    condition->is_used = true;
    s->place = SL_PLACE_WHERE;
    s->joined->visible_count = condition->visible_count;
    sl_status st = sl_bind_expr(s, condition->node, out_expr, err);
    s->joined->visible_count = s->joined->count;
    return st;
}

static sl_status
add_key(struct sl_scope *s, struct sl_join *step, struct sl_expr *probe, struct sl_expr *build,
        bool is_binary, struct sl_error *err)
{
    struct sl_sql_type decimal = sl_sql_type_of(SL_TYPE_DECIMAL);
    bool has_signs = sl_type_is_signed(probe->type.type) != sl_type_is_signed(build->type.type);

    if (has_signs) { /* BIGINT and BIGINT UNSIGNED: a DECIMAL holds both */
        SL_TRY(sl_expr_coerce(&s->binder->typing, &probe, &decimal, err));
        SL_TRY(sl_expr_coerce(&s->binder->typing, &build, &decimal, err));
    }
    struct sl_join_key *key = &step->keys[step->key_count++];
    *key = (struct sl_join_key){.probe = probe, .build = build, .type = build->type};
    key->type.is_binary = is_binary;
    return SL_OK;
}

/* An equality of the table of this step with earlier ones, as a key; *out_done false: it is none. */
static sl_status
take_key(struct sl_scope *s, struct sl_join *step, uint64_t before, const struct sl_expr *equal,
         bool *out_done, struct sl_error *err)
{
    *out_done = false;
    if (!sl_expr_is_call(equal, SL_FN_EQ))
        return SL_OK;
    uint64_t own = UINT64_C(1) << step->table;
    for (uint32_t i = 0; i < 2; i++) {
        struct sl_expr *probe = equal->args[i], *build = equal->args[1 - i];
        uint64_t tables = tables_of(s->select, probe);
        if (tables_of(s->select, build) != own || tables == 0 || (tables & ~before) != 0)
            continue;
        *out_done = true;
        return add_key(s, step, probe, build, equal->type.is_binary, err);
    }
    return SL_OK;
}

/* A condition of an ON about earlier tables alone: it must be true for a row to match anything. */
static sl_status
take_test(struct sl_scope *s, struct sl_join *step, struct sl_expr *test, struct sl_error *err)
{
    struct sl_sql_type truth = sl_sql_type_of(SL_TYPE_BOOL);
    struct sl_value yes = {.type = SL_TYPE_BOOL, .as.u64 = 1};
    struct sl_expr *one;

    SL_TRY(sl_expr_coerce(&s->binder->typing, &test, &truth, err));
    SL_TRY(sl_bind_op(s, SL_FN_IS_TRUE, test->position, test, NULL, &test, err));
    SL_TRY(sl_expr_const(&s->binder->typing, test->position, &yes, &one, err));
    return add_key(s, step, test, one, false, err);
}

/* One more condition, ANDed to those that are there. */
static sl_status
add_truth(struct sl_scope *s, struct sl_expr *expr, struct sl_expr **all, struct sl_error *err)
{
    struct sl_sql_type truth = sl_sql_type_of(SL_TYPE_BOOL);

    SL_TRY(sl_expr_coerce(&s->binder->typing, &expr, &truth, err));
    if (*all == NULL) {
        *all = expr;
        return SL_OK;
    }
    return sl_bind_op(s, SL_FN_AND, expr->position, *all, expr, all, err);
}

/* Does a later join keep rows that this step has not? */
static bool
is_before_right(const struct sl_joined *joined, uint32_t number)
{
    for (uint32_t i = number + 1; i < joined->count; i++)
        if (joined->tables[i].kind == SL_JOIN_RIGHT)
            return true;
    return false;
}

/* Is the condition for step `number`, which joins a table to those `before`? */
static bool
is_of_step(const struct sl_joined *joined, const struct sl_joined_condition *c,
           const struct sl_join *step, uint32_t number, uint64_t before)
{
    uint64_t own = UINT64_C(1) << step->table;

    if (c->is_used || (c->tables & ~(before | own)) != 0)
        return false;
    if (c->on != 0)
        return c->on == number;
    return (c->tables & own) != 0 && step->kind == SL_JOIN_INNER &&
           !is_before_right(joined, number);
}

/* The conditions that this step can decide, now that the tables `before` are there. */
static sl_status
take_conditions(struct sl_scope *s, struct sl_join *step, uint32_t number, uint64_t before,
                struct sl_error *err)
{
    struct sl_joined *joined = s->joined;
    uint64_t own = UINT64_C(1) << step->table;

    for (uint32_t i = 0; i < joined->condition_count; i++) {
        struct sl_joined_condition *c = &joined->conditions[i];
        bool is_done = false;
        struct sl_expr *expr;
        if (!is_of_step(joined, c, step, number, before))
            continue;
        SL_TRY(bind_condition(s, c, &expr, err));
        if (step->kind == SL_JOIN_LEFT && (c->tables & own) == 0) {
            SL_TRY(take_test(s, step, expr, err));
            continue;
        }
        SL_TRY(take_key(s, step, before, expr, &is_done, err));
        if (!is_done)
            SL_TRY(add_truth(s, expr, &step->condition, err));
    }
    return SL_OK;
}

static bool
is_flows(const struct sl_joined *joined, uint32_t number)
{
    return joined->tables[number].scope.select->source == SL_SOURCE_FLOWS;
}

/* The table that comes first, or next to those that are `placed`. */
static uint32_t
pick_table(const struct sl_joined *joined, uint32_t step, uint64_t placed)
{
    uint32_t picked = joined->count;

    if (joined->has_outer) {
        bool is_exchanged = !is_flows(joined, 0) && is_flows(joined, 1);
        return is_exchanged && step < 2 ? 1 - step : step;
    }
    for (uint32_t i = 0; i < joined->count; i++) {
        bool is_better = placed == 0 && is_flows(joined, i);
        if (placed >> i & 1)
            continue;
        if (picked == joined->count)
            picked = i;
        for (uint32_t k = 0; k < joined->condition_count && placed != 0; k++) {
            const struct sl_joined_condition *c = &joined->conditions[k];
            uint64_t others = c->tables & ~(UINT64_C(1) << i);
            is_better |= c->node->kind == SL_NODE_OPERATOR && c->node->function == SL_FN_EQ &&
                         others != c->tables && others != 0 && (others & ~placed) == 0;
        }
        if (is_better)
            return i;
    }
    return picked;
}

/* What the step keeps: what the join of this number does, seen from the table that the step adds. */
static enum sl_join_kind
kind_of_step(const struct sl_joined *joined, uint32_t number, uint32_t table)
{
    enum sl_join_kind kind = number == 0 ? SL_JOIN_INNER : joined->tables[number].kind;

    if (table == number || kind == SL_JOIN_INNER)
        return kind;
    return kind == SL_JOIN_LEFT ? SL_JOIN_RIGHT : SL_JOIN_LEFT;
}

static sl_status
make_step(struct sl_scope *s, struct sl_join *step, uint32_t number, uint64_t placed,
          struct sl_error *err)
{
    struct sl_joined *joined = s->joined;
    struct sl_arena *arena = s->binder->typing.arena;
    uint32_t table = pick_table(joined, number, placed);

    *step = (struct sl_join){.select = joined->tables[table].scope.select,
                             .table = table,
                             .kind = kind_of_step(joined, number, table)};
    step->keys = sl_arena_calloc(arena, joined->condition_count, sizeof(struct sl_join_key));
    if (step->keys == NULL)
        return sl_fail_memory(err);
    return number == 0 ? SL_OK : take_conditions(s, step, number, placed, err);
}

sl_status
sl_bind_join_where(struct sl_scope *s, struct sl_error *err)
{
    struct sl_joined *joined = s->joined;
    uint64_t placed = 0;
    struct sl_expr *expr;

    SL_TRY(collect_conditions(s, err));
    SL_TRY(push_down(s, err));
    s->select->joins =
        sl_arena_calloc(s->binder->typing.arena, joined->count, sizeof(struct sl_join));
    if (s->select->joins == NULL)
        return sl_fail_memory(err);
    s->in_where = true;
    for (uint32_t i = 0; i < joined->count; i++) {
        struct sl_join *step = &s->select->joins[s->select->join_count++];
        SL_TRY(make_step(s, step, i, placed, err));
        placed |= UINT64_C(1) << step->table;
    }
    for (uint32_t i = 0; i < joined->condition_count; i++) {
        if (joined->conditions[i].is_used)
            continue;
        SL_TRY(bind_condition(s, &joined->conditions[i], &expr, err));
        SL_TRY(add_truth(s, expr, &s->select->where, err));
    }
    s->in_where = false;
    return SL_OK;
}
