/* bind_from.c - what the names of FROM stand for: flows, made tables, views, selects. */
#include "query/bind.h"
#include "query/definition.h"
#include "query/lex.h"
#include "query/own_table.h"
#include "storage/base/nearest.h"

struct sl_slice
sl_bind_database_of(const struct sl_binder *b, const struct sl_syntax_select *syntax)
{
    return syntax->schema.size_bytes > 0 ? syntax->schema : b->database;
}

/* A table whose rows are made; *out_is_system: the database has no others. */
static const struct sl_virtual_table *
find_virtual(const struct sl_binder *b, const struct sl_syntax_select *syntax, bool *out_is_system)
{
    const struct sl_virtual_table *const *lists[] = {b->env->tables, b->env->catalog};
    struct sl_slice database = sl_bind_database_of(b, syntax);

    *out_is_system = sl_is_system_database(database);
    for (size_t i = 0; i < SL_COUNTOF(lists); i++)
        for (const struct sl_virtual_table *const *t = lists[i]; t != NULL && *t != NULL; t++)
            if (sl_slice_is(database, (*t)->schema) && sl_slice_is(syntax->table, (*t)->name))
                return *t;
    return NULL;
}

/* The name of a table that this one may have meant; NULL. */
static const char *
suggest_table(const struct sl_binder *b, const struct sl_syntax_select *syntax, bool is_system)
{
    static const char *const everywhere[] = {"flows", "flowsv4", "flowsv6"};
    const struct sl_virtual_table *const *lists[] = {b->env->tables, b->env->catalog};
    struct sl_nearest nearest = sl_nearest_to(syntax->table.bytes, syntax->table.size_bytes);

    for (size_t i = 0; i < SL_COUNTOF(everywhere) && !is_system; i++)
        sl_nearest_offer(&nearest, everywhere[i]);
    for (size_t i = 0; i < SL_COUNTOF(lists); i++)
        for (const struct sl_virtual_table *const *t = lists[i]; t != NULL && *t != NULL; t++)
            if (sl_slice_is(sl_bind_database_of(b, syntax), (*t)->schema))
                sl_nearest_offer(&nearest, (*t)->name);
    return nearest.best;
}

static sl_status
fail_table(struct sl_binder *b, const struct sl_syntax_select *syntax, bool is_system,
           struct sl_error *err)
{
    bool has_schema = syntax->schema.size_bytes > 0;
    const char *near = suggest_table(b, syntax, is_system);

    return sl_bind_fail(b, err, SL_NAME, is_system ? 1109 : 1146, syntax->table_position,
                        "unknown table \"%.*s%s%.*s\"%s%s%s",
                        (int)sl_min_size(syntax->schema.size_bytes, 64),
                        has_schema ? (const char *)syntax->schema.bytes : "", has_schema ? "." : "",
                        (int)sl_min_size(syntax->table.size_bytes, 64),
                        (const char *)syntax->table.bytes, near != NULL ? ", did you mean \"" : "",
                        near != NULL ? near : "", near != NULL ? "\"?" : "");
}

/* A select below: a layer when it can be one, and then *out_next goes on with its FROM. */
static sl_status
bind_below(struct sl_scope *s, const struct sl_syntax_select *below,
           const struct sl_flow_view *view, const struct sl_syntax_select **out_next,
           struct sl_error *err)
{
    const struct sl_syntax_select *joined = below;

    *out_next = NULL;
    bool is_layer = sl_bind_is_layer(below);
    if (is_layer)
        SL_TRY(sl_bind_correlated(s->binder, below, &joined, err));
    if (is_layer && joined == below) { /* a subquery of it may ask for a join */
        *out_next = below;
        return sl_bind_layer(s, below, view, err);
    }
    s->select->source = SL_SOURCE_SELECT;
    return sl_bind_chain(s->binder, below, &s->select->subselect, err);
}

/* What FROM names; *out_next is the layer whose own FROM is still to be looked at. */
static sl_status
bind_from(struct sl_scope *s, const struct sl_syntax_select *syntax,
          const struct sl_syntax_select **out_next, struct sl_error *err)
{
    struct sl_binder *b = s->binder;
    struct sl_bound_view view;
    bool is_system;

    *out_next = NULL;
    s->select->source = SL_SOURCE_NONE;
    if (syntax->subselect != NULL)
        return bind_below(s, syntax->subselect, NULL, out_next, err);
    if (syntax->table.size_bytes == 0)
        return SL_OK;
    s->select->table = find_virtual(b, syntax, &is_system);
    if (s->select->table != NULL) {
        s->select->source = SL_SOURCE_VIRTUAL;
        return SL_OK;
    }
    if (is_system)
        return fail_table(b, syntax, true, err);
    if (sl_slice_is(syntax->table, "flows") && b->env->schema != NULL) {
        s->select->source = SL_SOURCE_FLOWS;
        return SL_OK;
    }
    struct sl_own_table *own;
    SL_TRY(sl_bind_own_table(b, syntax, &own, err));
    if (own != NULL) {
        s->select->table = &own->table;
        s->select->source = SL_SOURCE_VIRTUAL;
        return SL_OK;
    }
    b->database = sl_bind_database_of(b, syntax);
    SL_TRY(sl_bind_enter_view(b, syntax, b->database, err));
    SL_TRY(sl_bind_view(b, syntax, b->database, &view, err));
    if (view.select == NULL)
        return fail_table(b, syntax, false, err);
    return bind_below(s, view.select, view.view, out_next, err);
}

sl_status
sl_bind_source(struct sl_scope *s, struct sl_error *err)
{
    const struct sl_syntax_select *next = s->syntax;
    struct sl_slice database = s->binder->database;
    const struct sl_view_path *path = s->binder->path;
    sl_status st = SL_OK;

    s->level.from = s->syntax;
    if (s->syntax->join_count > 0)
        return sl_bind_joins(s, err);
    while (st == SL_OK && next != NULL)
        st = bind_from(s, next, &next, err);
    s->binder->database = database;
    s->binder->path = path;
    return st;
}
