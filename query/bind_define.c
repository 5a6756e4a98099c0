/*
 * bind_define.c - CREATE, ALTER and DROP become changes of definitions.
 *
 * What a client of ntopng's or nProbe's kind says again at each start is said again without harm:
 * a column that is there is not added twice, and what a built-in view already is needs no change.
 */
#include "query/bind.h"
#include "query/definition.h"
#include "query/lex.h"
#include "query/value.h"
#include "query/view_text.h"
#include "storage/base/buf.h"

/* The statement that is bound, and the name that it is about. */
struct defining {
    struct sl_binder *binder;
    const struct sl_define *define;
    struct sl_statement *statement;
    struct sl_slice database;
    struct sl_slice name;
    struct sl_definition found;
    bool is_found;
};

static sl_status
fail_name(const struct defining *d, sl_status status, uint16_t number, const char *story,
          struct sl_error *err)
{
    return sl_bind_fail(d->binder, err, status, number, d->define->position, "\"%.*s\" %s",
                        (int)sl_min_size(d->name.size_bytes, 64), (const char *)d->name.bytes,
                        story);
}

/* IF [NOT] EXISTS has its way: a note, in MySQL's words. */
static void
note_exists(const struct defining *d)
{
    sl_warnings_add(d->binder->env->warnings, SL_WARNING_NOTE, 1050, "Table '%.*s' already exists",
                    (int)sl_min_size(d->name.size_bytes, 64), (const char *)d->name.bytes);
}

static void
note_unknown(const struct defining *d)
{
    sl_warnings_add(d->binder->env->warnings, SL_WARNING_NOTE, 1051, "Unknown table '%.*s.%.*s'",
                    (int)sl_min_size(d->database.size_bytes, 64), (const char *)d->database.bytes,
                    (int)sl_min_size(d->name.size_bytes, 64), (const char *)d->name.bytes);
}

static void
note_database(const struct defining *d)
{
    sl_warnings_add(d->binder->env->warnings, SL_WARNING_NOTE, 1007,
                    "Can't create database '%.*s'; database exists",
                    (int)sl_min_size(d->database.size_bytes, 64), (const char *)d->database.bytes);
}

static sl_status
add_change(struct defining *d, bool is_removed, enum sl_definition_kind kind, struct sl_slice text)
{
    struct sl_definition_change *change =
        &d->statement->definitions[d->statement->definition_count];

    *change = (struct sl_definition_change){
        .is_removed = is_removed,
        .definition = {.kind = kind,
                       .dialect = d->binder->session->dialect,
                       .database = d->database,
                       .name = d->name,
                       .text = text},
    };
    d->statement->definition_count++;
    return SL_OK;
}

/* May it be made? *out_is_done: it is there, and that is no error. */
static sl_status
check_new(const struct defining *d, bool *out_is_done, struct sl_error *err)
{
    bool is_flows = sl_slice_is(d->name, "flows");
    /* What INSERTs have made has no columns yet. */
    bool is_declared =
        d->is_found && (d->found.kind != SL_DEFINITION_TABLE || d->found.text.size_bytes > 0);

    *out_is_done = (is_declared || is_flows) && d->define->is_lenient;
    if (*out_is_done) {
        note_exists(d);
        return SL_OK;
    }
    if (is_flows ||
        (is_declared && (!d->define->is_replace || d->found.kind != SL_DEFINITION_VIEW)))
        return fail_name(d, SL_EXISTS, 1050, "exists already", err);
    return SL_OK;
}

/* Is it what a built-in view of this name is, as a dump writes it? That stays built in: its text names
 * columns that a flow may have yet to bring. */
static sl_status
is_built_in(const struct defining *d, bool *out_is_one, struct sl_error *err)
{
    const struct sl_flow_view *view = sl_flow_view_find(d->name);
    struct sl_arena *arena = d->binder->typing.arena;
    struct sl_slice text = {0};

    *out_is_one = false;
    if (view == NULL)
        return SL_OK;
    SL_TRY(sl_flow_view_text(view, arena, &text, err));
    SL_TRY(sl_view_text(SL_DIALECT_NATIVE, text, arena, &text, err));
    *out_is_one = sl_text_compare(text, d->define->text, true) == 0;
    return SL_OK;
}

static sl_status
define_view(struct defining *d, struct sl_error *err)
{
    const struct sl_view_path path = {.database = d->database, .name = d->name};
    struct sl_select *bound;
    bool is_done;

    SL_TRY(check_new(d, &is_done, err));
    if (is_done)
        return SL_OK;
    SL_TRY(is_built_in(d, &is_done, err));
    if (is_done)
        return d->is_found ? add_change(d, true, d->found.kind, (struct sl_slice){0}) : SL_OK;
    d->binder->path = &path;
    struct sl_slice database = d->binder->database;
    d->binder->database = d->database;
    sl_status st = sl_bind_chain(d->binder, d->define->view, &bound, err);
    d->binder->database = database;
    d->binder->path = NULL;
    return st == SL_OK ? add_change(d, false, SL_DEFINITION_VIEW, d->define->text) : st;
}

/* ---- columns of tables ---- */

static bool
is_line(struct sl_slice name)
{
    return memchr(name.bytes, '\n', name.size_bytes) == NULL &&
           memchr(name.bytes, '\t', name.size_bytes) == NULL;
}

static void
put_column(struct sl_buf *text, struct sl_slice name, struct sl_slice type)
{
    for (uint32_t i = 0; i < type.size_bytes; i++)
        sl_buf_u8(text, type.bytes[i] == '\n' || type.bytes[i] == '\t' ? ' ' : type.bytes[i]);
    sl_buf_u8(text, '\t');
    sl_buf_append(text, name.bytes, name.size_bytes);
    sl_buf_u8(text, '\n');
}

/* The last change that is about this column; NULL. */
static const struct sl_column_change *
find_change(const struct sl_define *define, struct sl_slice name)
{
    for (uint32_t i = define->change_count; i-- > 0;)
        if (sl_text_compare(define->changes[i].name, name, false) == 0)
            return &define->changes[i];
    return NULL;
}

static bool
has_column(const struct sl_definition *table, struct sl_slice name)
{
    struct sl_slice own, type;

    for (uint32_t at = 0; sl_definition_column(table, &at, &own, &type);)
        if (sl_text_compare(own, name, false) == 0)
            return true;
    return false;
}

/* The columns that there were, as they become, then the new ones. */
static sl_status
change_columns(struct defining *d, const struct sl_definition *before, struct sl_error *err)
{
    struct sl_buf text = sl_buf_empty(SL_DEFINITION_BYTES_MAX);
    const struct sl_define *define = d->define;
    struct sl_slice name, type;
    bool is_good = true;

    for (uint32_t at = 0; sl_definition_column(before, &at, &name, &type);) {
        const struct sl_column_change *change = find_change(define, name);
        if (change == NULL)
            put_column(&text, name, type);
        else if (change->to.size_bytes > 0)
            put_column(&text, change->to, change->type);
    }
    for (uint32_t i = 0; i < define->change_count; i++) {
        const struct sl_column_change *change = &define->changes[i];
        is_good = is_good && is_line(change->to);
        if (change->name.size_bytes == 0 && !has_column(before, change->to))
            put_column(&text, change->to, change->type);
    }
    const char *copy = text.bad ? NULL
                                : sl_arena_string(d->binder->typing.arena, (const char *)text.bytes,
                                                  text.size_bytes);
    struct sl_slice columns = {.bytes = (const uint8_t *)copy,
                               .size_bytes = copy == NULL ? 0 : (uint32_t)text.size_bytes};
    sl_buf_fini(&text);
    if (copy == NULL)
        return sl_fail(err, SL_LIMIT, "a definition is at most %d bytes long",
                       SL_DEFINITION_BYTES_MAX);
    if (!is_good)
        return fail_name(d, SL_NAME, 1166, "has a column whose name is not one", err);
    return add_change(d, false, SL_DEFINITION_TABLE, columns);
}

static sl_status
define_table(struct defining *d, struct sl_error *err)
{
    const struct sl_definition nothing = {.kind = SL_DEFINITION_TABLE};
    bool is_done;

    SL_TRY(check_new(d, &is_done, err));
    return is_done ? SL_OK : change_columns(d, &nothing, err);
}

static sl_status
alter_table(struct defining *d, struct sl_error *err)
{
    bool is_ours = sl_slice_is(d->name, "flows") || sl_flow_view_find(d->name) != NULL;

    if (d->is_found && d->found.kind == SL_DEFINITION_VIEW)
        return fail_name(d, SL_TYPE, 1347, "is not a table", err);
    if (d->is_found && d->define->change_count == 0)
        return SL_OK; /* indexes, and what mysqldump writes around rows */
    if (d->is_found && d->found.row_count > 0)
        return fail_name(d, SL_UNSUPPORTED, 1235, "has rows: its columns stay as they are", err);
    if (d->is_found)
        return change_columns(d, &d->found, err);
    return is_ours ? SL_OK : fail_name(d, SL_NAME, 1146, "is not there", err);
}

static sl_status
drop(struct defining *d, struct sl_error *err)
{
    bool is_view = d->define->action == SL_DEFINE_DROP_VIEW;

    if (sl_slice_is(d->name, "flows"))
        return fail_name(d, SL_DENIED, 1142, "holds the rows and stays; DELETE takes them", err);
    bool is_other = d->is_found && is_view != (d->found.kind == SL_DEFINITION_VIEW);
    if (is_other && !is_view && d->define->is_lenient) {
        note_unknown(d); /* mysqldump asks so before it makes a view */
        return SL_OK;
    }
    if (is_other)
        return is_view ? fail_name(d, SL_TYPE, 1347, "is not a view", err)
                       : fail_name(d, SL_NAME, 1051, "is not a table", err);
    if (d->is_found)
        return add_change(d, true, d->found.kind, (struct sl_slice){0});
    if (sl_flow_view_find(d->name) != NULL)
        return SL_OK;
    if (d->define->is_lenient) {
        note_unknown(d);
        return SL_OK;
    }
    return fail_name(d, SL_NAME, 1051, "is not there", err);
}

static sl_status
define_database(struct defining *d, struct sl_error *err)
{
    if (d->is_found && !d->define->is_lenient)
        return sl_bind_fail(d->binder, err, SL_EXISTS, 1007, d->define->position,
                            "the database exists already");
    if (d->is_found) {
        note_database(d);
        return SL_OK;
    }
    return add_change(d, false, SL_DEFINITION_DATABASE,
                      (struct sl_slice){.bytes = (const uint8_t *)""});
}

static sl_status
define_one(struct defining *d, struct sl_error *err)
{
    if (sl_is_system_database(d->database))
        return fail_name(d, SL_DENIED, 1044, "would be in a database of the server's", err);
    d->is_found = sl_definitions_find(d->binder->env->definitions, d->database, d->name,
                                      d->binder->typing.arena, &d->found);
    switch (d->define->action) {
    case SL_DEFINE_VIEW:
        return define_view(d, err);
    case SL_DEFINE_TABLE:
        return define_table(d, err);
    case SL_DEFINE_DATABASE:
        return define_database(d, err);
    case SL_DEFINE_ALTER:
        return alter_table(d, err);
    case SL_DEFINE_DROP_VIEW:
    case SL_DEFINE_DROP_TABLE:
        break;
    }
    return drop(d, err);
}

sl_status
sl_bind_define(struct sl_binder *b, const struct sl_define *define, struct sl_statement *statement,
               struct sl_error *err)
{
    struct defining d = {.binder = b, .define = define, .statement = statement};

    statement->definitions =
        sl_arena_calloc(b->typing.arena, define->name_count, sizeof(*statement->definitions));
    if (statement->definitions == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < define->name_count; i++) {
        d.database = define->databases[i].size_bytes > 0 ? define->databases[i] : b->database;
        d.name = define->names[i];
        SL_TRY(define_one(&d, err));
    }
    return SL_OK;
}
