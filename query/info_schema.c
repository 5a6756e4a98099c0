/*
 * info_schema.c - see info_schema.h.
 */
#include "query/info_schema.h"

#include <stdio.h>

#include "query/info_walk.h"
#include "query/lex.h"
#include "query/system_variable.h"
#include "query/type_text.h"
#include "query/view_text.h"
#include "storage/base/buf.h"
#include "storage/store.h"

/* The text of a CREATE is a value of a result. */
enum { WALK_BYTES_MAX = 64 << 20, CREATE_BYTES_MAX = SL_TEXT_BYTES_MAX };

/* ---- rows of databases, tables, columns ---- */

static sl_status
emit_database(struct sl_info_walk *walk, struct sl_slice database, struct sl_error *err)
{
    sl_info_put_text(walk, "def");
    sl_info_put_slice(walk, database);
    sl_info_put_text(walk, "utf8mb4");
    sl_info_put_text(walk, "utf8mb4_general_ci");
    sl_info_put_null(walk, SL_TYPE_TEXT);
    sl_info_put_text(walk, "NO");
    return sl_info_end_row(walk, err);
}

/* Rows and bytes of flows; -1 without a store. */
static void
count_flows(const struct sl_info_walk *walk, int64_t *out_rows, int64_t *out_bytes,
            int64_t *out_index)
{
    struct sl_store_status status = {0};

    *out_rows = *out_bytes = *out_index = -1;
    if (walk->exec->env->store == NULL)
        return;
    sl_store_status(walk->exec->env->store, &status);
    *out_rows = (int64_t)(status.rows_memory + status.rows_sealed - status.rows_dead);
    *out_bytes = (int64_t)(status.segment_bytes + status.journal_bytes);
    *out_index = (int64_t)status.index_bytes;
}

static sl_status
emit_table(struct sl_info_walk *walk, const struct sl_info_table *table, struct sl_error *err)
{
    bool is_table = !table->is_view;
    bool is_system = table->kind == SL_INFO_VIRTUAL;
    int64_t rows = -1, bytes = -1, index_bytes = -1;

    bool is_own = is_table && table->kind == SL_INFO_CLIENTS;
    if (is_own) {
        rows = table->definition->row_count;
        bytes = table->definition->row_bytes;
        index_bytes = 0;
    } else if (is_table) {
        count_flows(walk, &rows, &bytes, &index_bytes);
    }
    sl_info_put_text(walk, "def");
    sl_info_put_slice(walk, table->database);
    sl_info_put_slice(walk, table->name);
    sl_info_put_text(walk, is_table ? "BASE TABLE" : is_system ? "SYSTEM VIEW" : "VIEW");
    sl_info_put_slice(walk, sl_info_slice_of("SLUICE"));
    walk->values[walk->count - 1].is_null = !is_table;
    sl_info_put_number(walk, is_table ? 10 : -1);
    sl_info_put_text(walk, "Compressed");
    walk->values[walk->count - 1].is_null = !is_table;
    sl_info_put_number(walk, rows);
    sl_info_put_number(walk, rows < 0 ? -1 : rows == 0 ? 0 : bytes / rows);
    sl_info_put_number(walk, bytes);
    sl_info_put_number(walk, is_table ? 0 : -1);
    sl_info_put_number(walk, index_bytes);
    sl_info_put_number(walk, is_table ? 0 : -1);
    sl_info_put_number(walk, -1);
    for (int i = 0; i < 3; i++)
        sl_info_put_null(walk, SL_TYPE_TIME);
    sl_info_put_text(walk, "utf8mb4_general_ci");
    walk->values[walk->count - 1].is_null = !is_table;
    sl_info_put_number(walk, -1);
    sl_info_put_text(walk, "");
    sl_info_put_text(walk, is_own ? "" : is_table ? "flows" : is_system ? "" : "VIEW");
    return sl_info_end_row(walk, err);
}

static sl_status
emit_column(struct sl_info_walk *walk, const struct sl_info_table *table,
            const struct sl_info_column *column, struct sl_error *err)
{
    struct sl_type_parts parts = sl_type_parts_of(column->type);

    sl_info_put_text(walk, "def");
    sl_info_put_slice(walk, table->database);
    sl_info_put_slice(walk, table->name);
    sl_info_put_text(walk, column->name);
    sl_info_put_number(walk, column->number);
    sl_info_put_null(walk, SL_TYPE_TEXT);
    sl_info_put_text(walk, column->is_nullable ? "YES" : "NO");
    sl_info_put_text(walk, parts.data_type);
    sl_info_put_number(walk, parts.chars);
    sl_info_put_number(walk, parts.octets);
    sl_info_put_number(walk, parts.precision);
    sl_info_put_number(walk, parts.scale);
    sl_info_put_number(walk, parts.time_digits);
    sl_info_put_text(walk, "utf8mb4");
    walk->values[walk->count - 1].is_null = !parts.is_text;
    sl_info_put_text(walk, "utf8mb4_general_ci");
    walk->values[walk->count - 1].is_null = !parts.is_text;
    sl_info_put_slice(walk, column->type);
    sl_info_put_text(walk, "");
    sl_info_put_text(walk, "");
    sl_info_put_text(walk, "select");
    sl_info_put_text(walk, column->comment);
    sl_info_put_text(walk, "");
    sl_info_put_number(walk, -1);
    return sl_info_end_row(walk, err);
}

/* The select of a view, in MySQL's dialect. */
static sl_status
view_text(struct sl_info_walk *walk, const struct sl_info_table *table, struct sl_slice *out_text,
          struct sl_error *err)
{
    const struct sl_definition *definition = table->definition;

    if (table->kind == SL_INFO_CLIENTS)
        return sl_view_text(definition->dialect, definition->text, walk->arena, out_text, err);
    SL_TRY(sl_flow_view_text(table->view, walk->arena, out_text, err));
    return sl_view_text(SL_DIALECT_NATIVE, *out_text, walk->arena, out_text, err);
}

static sl_status
emit_view(struct sl_info_walk *walk, const struct sl_info_table *table, struct sl_error *err)
{
    struct sl_slice text = {0};

    if (!table->is_view || table->kind == SL_INFO_VIRTUAL)
        return SL_OK;
    SL_TRY(view_text(walk, table, &text, err));
    sl_info_put_text(walk, "def");
    sl_info_put_slice(walk, table->database);
    sl_info_put_slice(walk, table->name);
    sl_info_put_slice(walk, text);
    sl_info_put_text(walk, "NONE");
    sl_info_put_text(walk, "NO");
    sl_info_put_text(walk, "root@localhost");
    sl_info_put_text(walk, "INVOKER");
    sl_info_put_text(walk, "utf8mb4");
    sl_info_put_text(walk, "utf8mb4_general_ci");
    return sl_info_end_row(walk, err);
}

/* A line of CREATE TABLE. */
static sl_status
put_column_line(struct sl_info_walk *walk, const struct sl_info_table *table,
                const struct sl_info_column *column, struct sl_error *err)
{
    (void)table;
    (void)err;
    sl_buf_text(&walk->text, column->number == 1 ? "\n  " : ",\n  ");
    sl_text_quote(&walk->text, sl_info_slice_of(column->name), '`');
    sl_buf_text(&walk->text, " ");
    sl_buf_append(&walk->text, column->type.bytes, column->type.size_bytes);
    sl_buf_text(&walk->text, column->is_nullable ? " DEFAULT NULL" : " NOT NULL");
    return SL_OK;
}

static sl_status
emit_create(struct sl_info_walk *walk, const struct sl_info_table *table, struct sl_error *err)
{
    struct sl_slice view = {0};

    walk->text.size_bytes = 0;
    if (table->is_view && table->kind != SL_INFO_VIRTUAL)
        SL_TRY(view_text(walk, table, &view, err));
    bool is_view = view.size_bytes > 0;
    sl_buf_text(&walk->text, is_view ? "CREATE ALGORITHM=MERGE DEFINER=`root`@`localhost` SQL "
                                       "SECURITY INVOKER VIEW "
                                     : "CREATE TABLE ");
    sl_text_quote(&walk->text, table->name, '`');
    sl_buf_text(&walk->text, is_view ? " AS " : " (");
    if (is_view) {
        sl_buf_append(&walk->text, view.bytes, view.size_bytes);
    } else {
        SL_TRY(sl_info_each_column(walk, table, put_column_line, err));
        sl_buf_text(&walk->text, "\n) ENGINE=SLUICE DEFAULT CHARSET=utf8mb4");
    }
    if (walk->text.bad)
        return sl_fail(err, SL_LIMIT, "a definition is too long");
    sl_info_put_slice(walk, table->database);
    sl_info_put_slice(walk, table->name);
    sl_info_put_slice(walk, (struct sl_slice){.bytes = walk->text.bytes,
                                              .size_bytes = (uint32_t)walk->text.size_bytes});
    return sl_info_end_row(walk, err);
}

static sl_status
emit_creates(struct sl_info_walk *walk, struct sl_slice database, struct sl_error *err)
{
    return sl_info_each_table(walk, database, emit_create, err);
}

static sl_status
emit_columns(struct sl_info_walk *walk, const struct sl_info_table *table, struct sl_error *err)
{
    return sl_info_each_column(walk, table, emit_column, err);
}

static sl_status
emit_tables(struct sl_info_walk *walk, struct sl_slice database, struct sl_error *err)
{
    return sl_info_each_table(walk, database, emit_table, err);
}

static sl_status
emit_tables_columns(struct sl_info_walk *walk, struct sl_slice database, struct sl_error *err)
{
    return sl_info_each_table(walk, database, emit_columns, err);
}

static sl_status
emit_views(struct sl_info_walk *walk, struct sl_slice database, struct sl_error *err)
{
    return sl_info_each_table(walk, database, emit_view, err);
}

static sl_status
run_walk(struct sl_virtual_sink *sink, sl_info_database_fn *visit, struct sl_error *err)
{
    struct sl_info_walk walk = {.exec = sl_virtual_exec(sink), .sink = sink};

    walk.arena = sl_arena_create(WALK_BYTES_MAX);
    walk.text = sl_buf_empty(CREATE_BYTES_MAX);
    sl_status st = sl_definitions_list(walk.exec->env->definitions, walk.arena, &walk.definitions,
                                       &walk.definition_count, err);
    if (st == SL_OK)
        st = sl_info_each_database(&walk, visit, err);
    sl_buf_fini(&walk.text);
    sl_arena_destroy(walk.arena);
    return st;
}

/* ---- fill functions: a table of information_schema each ---- */

static sl_status
fill_schemata(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    (void)context;
    return run_walk(sink, emit_database, err);
}

static sl_status
fill_tables(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    (void)context;
    return run_walk(sink, emit_tables, err);
}

static sl_status
fill_columns(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    (void)context;
    return run_walk(sink, emit_tables_columns, err);
}

static sl_status
fill_views(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    (void)context;
    return run_walk(sink, emit_views, err);
}

static sl_status
fill_create_statements(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    (void)context;
    return run_walk(sink, emit_creates, err);
}

static sl_status
fill_nothing(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    (void)context;
    (void)sink;
    (void)err;
    return SL_OK;
}

static sl_status
fill_engines(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    struct sl_info_walk walk = {.sink = sink};

    (void)context;
    sl_info_put_text(&walk, "SLUICE");
    sl_info_put_text(&walk, "DEFAULT");
    sl_info_put_text(&walk, "Columns of network flows");
    for (int i = 0; i < 3; i++)
        sl_info_put_text(&walk, "NO");
    return sl_info_end_row(&walk, err);
}

/* All text is UTF-8; these are the names that drivers look for. */
static const struct {
    const char *collation, *charset, *description;
    int64_t id, length;
    bool is_default;
} collations[] = {
    {"utf8mb4_general_ci", "utf8mb4", "UTF-8 Unicode", 45, 4, true},
    {"utf8mb4_bin", "utf8mb4", "UTF-8 Unicode", 46, 4, false},
    {"utf8mb4_unicode_ci", "utf8mb4", "UTF-8 Unicode", 224, 4, false},
    {"utf8mb4_0900_ai_ci", "utf8mb4", "UTF-8 Unicode", 255, 4, false},
    {"utf8mb3_general_ci", "utf8mb3", "UTF-8 Unicode", 33, 3, true},
    {"binary", "binary", "Binary pseudo charset", 63, 1, true},
};

static sl_status
fill_character_sets(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    struct sl_info_walk walk = {.sink = sink};

    (void)context;
    for (size_t i = 0; i < SL_COUNTOF(collations); i++) {
        if (!collations[i].is_default)
            continue;
        sl_info_put_text(&walk, collations[i].charset);
        sl_info_put_text(&walk, collations[i].collation);
        sl_info_put_text(&walk, collations[i].description);
        sl_info_put_number(&walk, collations[i].length);
        SL_TRY(sl_info_end_row(&walk, err));
    }
    return SL_OK;
}

static sl_status
fill_collations(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    struct sl_info_walk walk = {.sink = sink};

    (void)context;
    for (size_t i = 0; i < SL_COUNTOF(collations); i++) {
        sl_info_put_text(&walk, collations[i].collation);
        sl_info_put_text(&walk, collations[i].charset);
        sl_info_put_number(&walk, collations[i].id);
        sl_info_put_text(&walk, collations[i].is_default ? "Yes" : "");
        sl_info_put_text(&walk, "Yes");
        sl_info_put_number(&walk, 1);
        sl_info_put_text(&walk, "PAD SPACE");
        SL_TRY(sl_info_end_row(&walk, err));
    }
    return SL_OK;
}

static sl_status
fill_applicability(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    struct sl_info_walk walk = {.sink = sink};

    (void)context;
    for (size_t i = 0; i < SL_COUNTOF(collations); i++) {
        sl_info_put_text(&walk, collations[i].collation);
        sl_info_put_text(&walk, collations[i].charset);
        SL_TRY(sl_info_end_row(&walk, err));
    }
    return SL_OK;
}

static sl_status
emit_counter(struct sl_info_walk *walk, const char *name, uint64_t value, struct sl_error *err)
{
    char number[24];

    (void)snprintf(number, sizeof(number), "%" PRIu64, value);
    sl_info_put_text(walk, name);
    sl_info_put_text(walk, number);
    return sl_info_end_row(walk, err);
}

static sl_status
fill_session_variables(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    struct sl_info_walk walk = {.exec = sl_virtual_exec(sink), .sink = sink};
    const struct sl_session *session = walk.exec->session;
    const struct sl_system_variable *variable;
    char number[24];

    (void)context;
    for (uint32_t i = 0; (variable = sl_system_variable_at(i)) != NULL; i++) {
        const struct sl_value *own =
            sl_session_find(session, "@@", sl_info_slice_of(variable->name));
        struct sl_value value = own != NULL ? *own : sl_system_variable_value(variable);
        sl_info_put_text(&walk, variable->name);
        if (value.type == SL_TYPE_TEXT) {
            sl_info_put_slice(&walk, value.as.slice);
            walk.values[1].is_null = value.is_null;
        } else {
            (void)snprintf(number, sizeof(number), "%" PRIu64, value.as.u64);
            sl_info_put_text(&walk, number);
        }
        SL_TRY(sl_info_end_row(&walk, err));
    }
    SL_TRY(emit_counter(&walk, "error_count", sl_session_errors(session), err));
    SL_TRY(emit_counter(&walk, "warning_count", sl_session_warnings(session), err));
    sl_info_put_text(&walk, "time_zone");
    sl_info_put_text(&walk, session->time_zone == NULL ? "UTC" : session->time_zone);
    return sl_info_end_row(&walk, err);
}

static sl_status
fill_diagnostics(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    static const char *const levels[] = {
        [SL_WARNING_NOTE] = "Note", [SL_WARNING_WARNING] = "Warning", [SL_WARNING_ERROR] = "Error"};
    struct sl_info_walk walk = {.sink = sink};
    const struct sl_warnings *warnings = sl_virtual_session(sink)->warnings;
    uint32_t places = warnings == NULL ? 0 : sl_warnings_places(warnings);

    (void)context;
    for (uint32_t i = 0; i < places; i++) {
        const struct sl_warning *warning = warnings->kept[i];
        if (warning == NULL)
            continue;
        sl_info_put_text(&walk, levels[warning->level]);
        sl_info_put_number(&walk, warning->number);
        sl_info_put_text(&walk, warning->text);
        SL_TRY(sl_info_end_row(&walk, err));
    }
    return SL_OK;
}

/* ---- the list ---- */

#define TYPE_TEXT                           \
    {                                       \
        .type = SL_TYPE_TEXT, .length = 255 \
    }
#define TYPE_TEXT_NULL                                           \
    {                                                            \
        .type = SL_TYPE_TEXT, .length = 255, .is_nullable = true \
    }
#define TYPE_NUMBER                       \
    {                                     \
        .type = SL_TYPE_I64, .length = 20 \
    }
#define TYPE_NUMBER_NULL                                       \
    {                                                          \
        .type = SL_TYPE_I64, .length = 20, .is_nullable = true \
    }
#define TYPE_TIME_NULL                                          \
    {                                                           \
        .type = SL_TYPE_TIME, .length = 19, .is_nullable = true \
    }

/* FIRST_x is the number of the first column of table x, END_x that behind its last one: each is
 * followed by one that takes the step back. */
enum line {
#define SL_INFO_TABLE(name, fill)           FIRST_##name, STEP_##name = FIRST_##name - 1,
#define SL_INFO_COLUMN(table, column, kind) AT_##table##_##column,
#define SL_INFO_END(name)                   END_##name, BACK_##name = END_##name - 1,
#include "query/info_schema.def"
#undef SL_INFO_TABLE
#undef SL_INFO_COLUMN
#undef SL_INFO_END
};

static const struct sl_virtual_column columns[] = {
#define SL_INFO_TABLE(name, fill)
#define SL_INFO_COLUMN(table, column, kind) {#column, TYPE_##kind},
#define SL_INFO_END(name)
#include "query/info_schema.def"
#undef SL_INFO_TABLE
#undef SL_INFO_COLUMN
#undef SL_INFO_END
};

static const struct sl_virtual_table tables[] = {
#define SL_INFO_COLUMN(table, column, kind)
#define SL_INFO_END(name)
#define SL_INFO_TABLE(table_, function_)            \
    {.schema = "information_schema",                \
     .name = #table_,                               \
     .columns = &columns[FIRST_##table_],           \
     .column_count = END_##table_ - FIRST_##table_, \
     .fill = fill_##function_},
#include "query/info_schema.def"
#undef SL_INFO_TABLE
#undef SL_INFO_COLUMN
#undef SL_INFO_END
};

enum table_number {
#define SL_INFO_COLUMN(table, column, kind)
#define SL_INFO_TABLE(name, fill) NUMBER_##name,
#define SL_INFO_END(name)
#include "query/info_schema.def"
#undef SL_INFO_TABLE
};
static const struct sl_virtual_table *const list[] = {
#define SL_INFO_TABLE(name, fill) &tables[NUMBER_##name],
#include "query/info_schema.def"
#undef SL_INFO_TABLE
#undef SL_INFO_COLUMN
#undef SL_INFO_END
    NULL,
};

const struct sl_virtual_table *const *
sl_info_schema_tables(void)
{
    return list;
}
