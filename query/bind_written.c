/* bind_written.c - tables of flows as targets of INSERT, and DELETE with what the server leaves of it. */
#include "query/bind.h"
#include "query/flow_view.h"
#include "query/value.h"

/* origin = that of INSERTs into this table */
static sl_status
bind_origin_is(struct sl_scope *s, const struct sl_syntax_select *table, struct sl_expr **out_expr,
               struct sl_error *err)
{
    struct sl_binder *b = s->binder;
    const struct sl_column *column = sl_schema_at(b->env->schema, SL_COLUMN_ORIGIN);
    struct sl_input input = {.column = column, .type = sl_bind_column_type(column)};
    const char *origin = sl_bind_origin(b, table);
    struct sl_expr *sides[2];
    if (origin == NULL)
        return sl_fail_memory(err);
    struct sl_value value = {
        .type = SL_TYPE_TEXT,
        .as.slice = {.bytes = (const uint8_t *)origin, .size_bytes = (uint32_t)strlen(origin)}};
    uint32_t position = s->syntax->table_position;
    SL_TRY(sl_bind_input(s, &input, position, &sides[0], err));
    SL_TRY(sl_expr_const(&b->typing, position, &value, &sides[1], err));
    return sl_bind_op(s, SL_FN_EQ, position, sides[0], sides[1], out_expr, err);
}

/* What INSERTs have brought: into the table itself, and into the one that it is a client's view of. */
static sl_status
bind_own(struct sl_scope *s, struct sl_expr **out_expr, struct sl_error *err)
{
    const struct sl_syntax_select *read = s->syntax;
    struct sl_expr *of_read = NULL;
    for (const struct sl_layer *layer = s->level.layer; layer != NULL && layer->view == NULL;
         layer = layer->below)
        read = layer->select;
    SL_TRY(bind_origin_is(s, s->syntax, out_expr, err));
    if (read == s->syntax)
        return SL_OK;
    SL_TRY(bind_origin_is(s, read, &of_read, err));
    return sl_bind_op(s, SL_FN_OR, s->syntax->table_position, *out_expr, of_read, out_expr, err);
}

/* What the configuration leaves of a DELETE that came from a MySQL client. */
static sl_status
limit_delete(struct sl_scope *s, struct sl_error *err)
{
    struct sl_binder *b = s->binder;
    struct sl_expr **where = &s->select->where;
    struct sl_value no = {.type = SL_TYPE_BOOL};
    struct sl_expr *limit = NULL;
    if (b->session->dialect != SL_DIALECT_MYSQL || b->env->mysql_delete == SL_DELETE_ALL)
        return SL_OK;
    if (b->env->mysql_delete == SL_DELETE_OFF)
        return sl_expr_const(&b->typing, s->syntax->table_position, &no, where, err);
    SL_TRY(bind_own(s, &limit, err));
    if (*where == NULL) {
        *where = limit;
        return SL_OK;
    }
    return sl_bind_op(s, SL_FN_AND, s->syntax->table_position, *where, limit, where, err);
}

static sl_status
bind_written(struct sl_scope *s, struct sl_error *err)
{
    struct sl_binder *b = s->binder;
    s->select = sl_arena_calloc(b->typing.arena, 1, sizeof(*s->select));
    if (s->select == NULL)
        return sl_fail_memory(err);
    s->select->limit = UINT64_MAX;
    SL_TRY(sl_bind_source(s, err));
    if (s->select->source != SL_SOURCE_FLOWS)
        return sl_bind_fail(b, err, SL_UNSUPPORTED, 1290, s->syntax->table_position,
                            "only flows can be written to");
    return SL_OK;
}

sl_status
sl_bind_written(struct sl_binder *b, const struct sl_syntax_select *syntax,
                const struct sl_flow_view **out_view, struct sl_error *err)
{
    struct sl_scope s = {.binder = b, .syntax = syntax};
    *out_view = sl_is_system_database(sl_bind_database_of(b, syntax))
                    ? NULL
                    : sl_flow_view_find(syntax->table);
    return *out_view != NULL && b->env->schema != NULL ? SL_OK : bind_written(&s, err);
}

sl_status
sl_bind_delete(struct sl_binder *b, const struct sl_syntax_select *syntax,
               struct sl_statement *statement, struct sl_error *err)
{
    struct sl_scope s = {.binder = b, .syntax = syntax};
    struct sl_own_table *own;
    SL_TRY(sl_bind_own_table(b, syntax, &own, err));
    if (own != NULL)
        return sl_bind_own_delete(b, syntax, own, statement, err);
    SL_TRY(bind_written(&s, err));
    statement->select = s.select;
    SL_TRY(sl_bind_where(&s, err));
    return limit_delete(&s, err);
}
