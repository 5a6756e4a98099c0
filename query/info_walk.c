/*
 * info_walk.c - see info_walk.h.
 */
#include "query/info_walk.h"

#include "query/front.h"
#include "query/lex.h"
#include "query/type_text.h"
#include "query/value.h"
#include "storage/base/buf.h"

enum { SELECT_TEXT_BYTES_MAX = 1 << 10 };

/* ---- rows ---- */

struct sl_slice
sl_info_slice_of(const char *text)
{
    return (struct sl_slice){.bytes = (const uint8_t *)text, .size_bytes = (uint32_t)strlen(text)};
}

void
sl_info_put_slice(struct sl_info_walk *walk, struct sl_slice text)
{
    SL_ASSERT(walk->count < SL_INFO_VALUES_MAX);
    walk->values[walk->count++] = (struct sl_value){.type = SL_TYPE_TEXT, .as.slice = text};
}

void
sl_info_put_text(struct sl_info_walk *walk, const char *text)
{
    sl_info_put_slice(walk, sl_info_slice_of(text));
}

void
sl_info_put_null(struct sl_info_walk *walk, enum sl_type type)
{
    SL_ASSERT(walk->count < SL_INFO_VALUES_MAX);
    walk->values[walk->count++] = (struct sl_value){.type = type, .is_null = true};
}

void
sl_info_put_number(struct sl_info_walk *walk, int64_t number)
{
    SL_ASSERT(walk->count < SL_INFO_VALUES_MAX);
    walk->values[walk->count++] =
        (struct sl_value){.type = SL_TYPE_I64, .is_null = number < 0, .as.i64 = number};
}

sl_status
sl_info_end_row(struct sl_info_walk *walk, struct sl_error *err)
{
    walk->count = 0;
    return sl_virtual_emit(walk->sink, walk->values, err);
}

/* ---- databases ---- */

static struct sl_slice
session_database(const struct sl_info_walk *walk)
{
    const char *database = sl_session_database(walk->exec->session);
    return sl_info_slice_of(database == NULL ? "flows" : database);
}

static bool
is_same(struct sl_slice a, struct sl_slice b)
{
    return sl_text_compare(a, b, false) == 0;
}

/* Databases of the server's own tables, then the others, each once. */
sl_status
sl_info_each_database(struct sl_info_walk *walk, sl_info_database_fn *visit, struct sl_error *err)
{
    const struct sl_slice flows = sl_info_slice_of("flows");
    const struct sl_slice session = session_database(walk);
    struct sl_slice last = flows;

    SL_TRY(visit(walk, flows, err));
    SL_TRY(visit(walk, sl_info_slice_of("information_schema"), err));
    SL_TRY(visit(walk, sl_info_slice_of("system"), err));
    if (!is_same(session, flows) && !sl_is_system_database(session))
        SL_TRY(visit(walk, session, err));
    for (uint32_t i = 0; i < walk->definition_count; i++) {
        struct sl_slice database = walk->definitions[i].database;
        if (is_same(database, last) || is_same(database, flows) || is_same(database, session))
            continue;
        SL_TRY(visit(walk, database, err));
        last = database;
    }
    return SL_OK;
}

/* ---- tables ---- */

static const struct sl_definition *
find_definition(const struct sl_info_walk *walk, struct sl_slice database, struct sl_slice name)
{
    for (uint32_t i = 0; i < walk->definition_count; i++)
        if (is_same(walk->definitions[i].database, database) &&
            is_same(walk->definitions[i].name, name))
            return &walk->definitions[i];
    return NULL;
}

static sl_status
each_virtual(struct sl_info_walk *walk, const struct sl_virtual_table *const *tables,
             struct sl_slice database, sl_info_table_fn *visit, struct sl_error *err)
{
    for (; tables != NULL && *tables != NULL; tables++) {
        struct sl_info_table table = {.kind = SL_INFO_VIRTUAL,
                                      .database = database,
                                      .name = sl_info_slice_of((*tables)->name),
                                      .is_view = true,
                                      .virtual_one = *tables};
        if (sl_slice_is(database, (*tables)->schema))
            SL_TRY(visit(walk, &table, err));
    }
    return SL_OK;
}

/* A <prefix>flows that nobody created is there for a SHOW that names it. */
static sl_status
visit_shown(struct sl_info_walk *walk, struct sl_slice database, sl_info_table_fn *visit,
            struct sl_error *err)
{
    struct sl_info_table table = {.kind = SL_INFO_BUILT_IN,
                                  .database = database,
                                  .name = walk->exec->shown_table,
                                  .is_view = true};

    table.view = sl_flow_view_find(table.name);
    bool is_missing = table.view != NULL && table.view->is_prefixed &&
                      is_same(database, session_database(walk)) &&
                      find_definition(walk, database, table.name) == NULL;
    return is_missing ? visit(walk, &table, err) : SL_OK;
}

sl_status
sl_info_each_table(struct sl_info_walk *walk, struct sl_slice database, sl_info_table_fn *visit,
                   struct sl_error *err)
{
    const struct sl_flow_view *view;
    struct sl_info_table table = {
        .kind = SL_INFO_FLOWS, .database = database, .name = sl_info_slice_of("flows")};

    if (sl_is_system_database(database)) {
        SL_TRY(each_virtual(walk, walk->exec->env->tables, database, visit, err));
        return each_virtual(walk, walk->exec->env->catalog, database, visit, err);
    }
    if (walk->exec->env->schema != NULL)
        SL_TRY(visit(walk, &table, err));
    for (uint32_t i = 0; (view = sl_flow_view_at(i)) != NULL; i++) {
        if (view->is_prefixed ||
            find_definition(walk, database, sl_info_slice_of(view->name)) != NULL)
            continue;
        table = (struct sl_info_table){.kind = SL_INFO_BUILT_IN,
                                       .database = database,
                                       .name = sl_info_slice_of(view->name),
                                       .is_view = true,
                                       .view = view};
        SL_TRY(visit(walk, &table, err));
    }
    SL_TRY(visit_shown(walk, database, visit, err));
    for (uint32_t i = 0; i < walk->definition_count; i++) {
        const struct sl_definition *d = &walk->definitions[i];
        if (!is_same(d->database, database) || d->kind == SL_DEFINITION_DATABASE)
            continue;
        table = (struct sl_info_table){.kind = SL_INFO_CLIENTS,
                                       .database = database,
                                       .name = d->name,
                                       .is_view = d->kind == SL_DEFINITION_VIEW,
                                       .definition = d};
        table.view = table.is_view ? NULL : sl_flow_view_find(d->name);
        if (table.view != NULL)
            table.kind = SL_INFO_BUILT_IN;
        SL_TRY(visit(walk, &table, err));
    }
    return SL_OK;
}

/* ---- columns ---- */

/* A column of a type of ours, its text in the walk's arena. */
static sl_status
visit_typed(struct sl_info_walk *walk, const struct sl_info_table *table, const char *name,
            const struct sl_sql_type *type, uint32_t number, const char *comment,
            sl_info_column_fn *visit, struct sl_error *err)
{
    char text[SL_TYPE_TEXT_BYTES];

    sl_type_text(type, text);
    struct sl_info_column column = {.name = name,
                                    .type = sl_info_slice_of(text),
                                    .is_nullable = type->is_nullable,
                                    .comment = comment,
                                    .number = number};
    return visit(walk, table, &column, err);
}

static sl_status
each_column_of_flows(struct sl_info_walk *walk, const struct sl_info_table *table,
                     sl_info_column_fn *visit, struct sl_error *err)
{
    const struct sl_schema *schema = walk->exec->env->schema;

    for (uint32_t i = 0; i < sl_schema_count(schema); i++) {
        const struct sl_column *c = sl_schema_at(schema, i);
        struct sl_sql_type type = {.type = c->type, .is_nullable = c->is_nullable, .length = 255};
        type.scale = c->type == SL_TYPE_TIME ? 6 : 0;
        SL_TRY(visit_typed(walk, table, c->name, &type, i + 1, c->text, visit, err));
    }
    return SL_OK;
}

/* Those of a client's view, as a select from it has them. A view whose text no longer means
 * anything has none. */
static sl_status
each_column_of_view(struct sl_info_walk *walk, const struct sl_info_table *table,
                    sl_info_column_fn *visit, struct sl_error *err)
{
    struct sl_statement statement;
    struct sl_query_env env = *walk->exec->env;
    struct sl_session session = *walk->exec->session;
    struct sl_buf text = sl_buf_empty(SELECT_TEXT_BYTES_MAX);

    env.warnings = NULL; /* what the view's select has to say, whoever asks it is told */
    session.dialect = SL_DIALECT_MYSQL;
    sl_buf_text(&text, "SELECT * FROM ");
    sl_text_quote(&text, table->database, '`');
    sl_buf_text(&text, ".");
    sl_text_quote(&text, table->name, '`');
    sl_status st = text.bad ? SL_LIMIT
                            : sl_statement_bind(&env, &session, (const char *)text.bytes,
                                                text.size_bytes, walk->arena, &statement, NULL);
    sl_buf_fini(&text);
    if (st != SL_OK)
        return SL_OK;
    for (uint32_t i = 0; i < statement.select->visible_count; i++) {
        const struct sl_output *output = &statement.select->outputs[i];
        SL_TRY(visit_typed(walk, table, output->name, &output->expr->type, i + 1, "", visit, err));
    }
    return SL_OK;
}

/* As they were declared. */
static sl_status
each_column_of_own(struct sl_info_walk *walk, const struct sl_info_table *table,
                   sl_info_column_fn *visit, struct sl_error *err)
{
    struct sl_slice name, type;
    uint32_t number = 0;

    for (uint32_t at = 0; sl_definition_column(table->definition, &at, &name, &type);) {
        number++;
        struct sl_info_column column = {
            .name = sl_arena_string(walk->arena, (const char *)name.bytes, name.size_bytes),
            .type = type,
            .is_nullable = true,
            .comment = "",
            .number = number};
        if (column.name == NULL)
            return sl_fail_memory(err);
        SL_TRY(visit(walk, table, &column, err));
    }
    return SL_OK;
}

static sl_status
each_column_of_built_in(struct sl_info_walk *walk, const struct sl_info_table *table,
                        sl_info_column_fn *visit, struct sl_error *err)
{
    uint32_t count;
    const struct sl_flow_column *columns = sl_flow_view_columns(table->view, &count);

    for (uint32_t i = 0; i < count; i++) {
        struct sl_info_column column = {.name = columns[i].name,
                                        .type = sl_info_slice_of(columns[i].type),
                                        .is_nullable = columns[i].is_nullable,
                                        .comment = "",
                                        .number = i + 1};
        SL_TRY(visit(walk, table, &column, err));
    }
    return SL_OK;
}

sl_status
sl_info_each_column(struct sl_info_walk *walk, const struct sl_info_table *table,
                    sl_info_column_fn *visit, struct sl_error *err)
{
    switch (table->kind) {
    case SL_INFO_FLOWS:
        return each_column_of_flows(walk, table, visit, err);
    case SL_INFO_BUILT_IN:
        return each_column_of_built_in(walk, table, visit, err);
    case SL_INFO_CLIENTS:
        if (!table->is_view)
            return each_column_of_own(walk, table, visit, err);
        return each_column_of_view(walk, table, visit, err);
    case SL_INFO_VIRTUAL:
        break;
    }
    for (uint32_t i = 0; i < table->virtual_one->column_count; i++) {
        const struct sl_virtual_column *c = &table->virtual_one->columns[i];
        SL_TRY(visit_typed(walk, table, c->name, &c->type, i + 1, "", visit, err));
    }
    return SL_OK;
}
