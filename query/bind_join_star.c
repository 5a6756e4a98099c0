/*
 * bind_join_star.c - the columns of a joined row: what * shows, and what NATURAL joins by.
 *
 * A row grows from table to table. The columns that USING says are one stand in front, in the order of the row
 * before, and are those of the side that is there for certain: the table of a RIGHT JOIN, else the row before.
 * The other columns of this side come next, as MySQL has them.
 */
#include "query/bind_join.h"
#include "query/value.h"
#include "storage/base/limits.h"

struct column {
    uint32_t table;
    struct sl_slice name;
    struct sl_expr *expr; /* in the table's scope */
};

struct columns {
    struct column *columns;
    uint32_t count;
    uint32_t capacity;
};

/* Those of one table, while * shows them. */
struct star {
    struct sl_scope *scope; /* of the select that joins */
    uint32_t table;
    uint32_t position;
    struct columns *out;
};

static sl_status
add_column(struct sl_scope *s, struct columns *row, const struct column *column, uint32_t position,
           struct sl_error *err)
{
    if (row->count == SL_SQL_COLUMNS_MAX)
        return sl_bind_fail(s->binder, err, SL_LIMIT, 1117, position,
                            "more than %d columns are joined", SL_SQL_COLUMNS_MAX);
    struct column *grown =
        sl_bind_grow(s, row->columns, sizeof(*grown), row->count, &row->capacity, err);
    if (grown == NULL)
        return SL_LIMIT;
    row->columns = grown;
    grown[row->count++] = *column;
    return SL_OK;
}

static sl_status
add_star(void *context, const char *name, struct sl_expr *expr, struct sl_error *err)
{
    const struct star *star = context;

    if (name == NULL)
        return sl_fail_memory(err);
    struct column column = {
        .table = star->table,
        .name = {.bytes = (const uint8_t *)name, .size_bytes = (uint32_t)strlen(name)},
        .expr = expr};
    return add_column(star->scope, star->out, &column, star->position, err);
}

static sl_status
list_table(struct sl_scope *s, uint32_t number, uint32_t position, struct columns *out,
           struct sl_error *err)
{
    struct star star = {.scope = s, .table = number, .position = position, .out = out};
    const struct sl_node all = {.kind = SL_NODE_STAR, .position = position};

    if (s->joined->tables[number].is_hidden)
        return SL_OK;
    return sl_bind_star(&s->joined->tables[number].scope, &all, add_star, &star, err);
}

static const struct column *
find_column(const struct columns *row, struct sl_slice name)
{
    for (uint32_t i = 0; i < row->count; i++)
        if (sl_text_compare(row->columns[i].name, name, false) == 0)
            return &row->columns[i];
    return NULL;
}

/* The columns of one side that are in no USING of the table. */
static sl_status
add_others(struct sl_scope *s, const struct sl_joined_table *table, const struct columns *side,
           struct columns *joined, uint32_t position, struct sl_error *err)
{
    for (uint32_t i = 0; i < side->count; i++)
        if (!sl_joined_is_using(table, side->columns[i].name))
            SL_TRY(add_column(s, joined, &side->columns[i], position, err));
    return SL_OK;
}

/* The row with one more table. */
static sl_status
join_table(struct sl_scope *s, uint32_t number, uint32_t position, struct columns *row,
           struct sl_error *err)
{
    const struct sl_joined_table *table = &s->joined->tables[number];
    struct columns own = {0}, joined = {0};
    bool is_right = table->kind == SL_JOIN_RIGHT;
    bool is_own_first = is_right && table->using_count > 0;

    SL_TRY(list_table(s, number, position, &own, err));
    for (uint32_t i = 0; i < row->count; i++) {
        const struct column *column = &row->columns[i];
        if (!sl_joined_is_using(table, column->name))
            continue;
        const struct column *other = find_column(&own, column->name);
        SL_TRY(add_column(s, &joined, is_right && other != NULL ? other : column, position, err));
    }
    SL_TRY(add_others(s, table, is_own_first ? &own : row, &joined, position, err));
    SL_TRY(add_others(s, table, is_own_first ? row : &own, &joined, position, err));
    *row = joined;
    return SL_OK;
}

static sl_status
list_row(struct sl_scope *s, uint32_t table_count, uint32_t position, struct columns *out,
         struct sl_error *err)
{
    *out = (struct columns){0};
    for (uint32_t i = 0; i < table_count; i++)
        SL_TRY(join_table(s, i, position, out, err));
    return SL_OK;
}

sl_status
sl_joined_natural(struct sl_scope *s, uint32_t number, struct sl_error *err)
{
    struct sl_joined_table *table = &s->joined->tables[number];
    uint32_t position = table->syntax.table_position;
    struct columns before, own = {0};

    SL_TRY(list_row(s, number, position, &before, err));
    SL_TRY(list_table(s, number, position, &own, err));
    table->using_names =
        sl_arena_calloc(s->binder->typing.arena, before.count, sizeof(struct sl_node *));
    if (table->using_names == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < before.count; i++) {
        struct sl_node name = {.kind = SL_NODE_NAME,
                               .position = position,
                               .is_quoted = true,
                               .text = before.columns[i].name};
        if (find_column(&own, name.text) == NULL)
            continue;
        if (sl_joined_is_using(table, name.text))
            return sl_joined_fail_ambiguous(s, &name, err);
        struct sl_node *copy = sl_arena_alloc(s->binder->typing.arena, sizeof(*copy));
        if (copy == NULL)
            return sl_fail_memory(err);
        *copy = name;
        table->using_names[table->using_count++] = copy;
    }
    return SL_OK;
}

sl_status
sl_bind_joined_star(struct sl_scope *s, const struct sl_node *node, sl_bind_star_fn *visit,
                    void *context, struct sl_error *err)
{
    struct sl_joined *joined = s->joined;
    struct columns row = {0};

    if (node->qualifier.size_bytes == 0)
        SL_TRY(list_row(s, joined->count, node->position, &row, err));
    for (uint32_t i = 0; i < joined->count && node->qualifier.size_bytes > 0; i++)
        if (sl_joined_is_named(&joined->tables[i], node->qualifier))
            SL_TRY(list_table(s, i, node->position, &row, err));
    if (row.count == 0)
        return sl_bind_fail_table(s->binder, node, err);
    for (uint32_t i = 0; i < row.count; i++) {
        const struct column *column = &row.columns[i];
        const char *name = (const char *)column->name.bytes;
        struct sl_expr *input;
        SL_TRY(sl_joined_pass(s, column->table, name, column->expr, node->position, &input, err));
        SL_TRY(visit(context, name, input, err));
    }
    return SL_OK;
}
