/*
 * bind_insert.c - INSERT: the names of its columns, and its values as the columns take them.
 *
 * Literals stay the text that they are: what a text means to a column is storage/field.h's, for
 * imports and INSERT alike. Expressions become constants of the column's type, or a text again
 * where only the column knows what a number means (an address, seconds since 1970). A column of a
 * built-in view stands for the one of flows that it shows (flow_view.def).
 */
#include "query/bind.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "query/definition.h"
#include "query/lex.h"
#include "query/value.h"

enum { ORIGIN_BYTES = 160 }; /* two names of 64 bytes, and what stands around them */

/* What rows go into. */
struct table {
    const struct sl_flow_view *view; /* NULL: flows itself */
    bool is_found;                   /* a client has created something of this name */
    bool is_declared;                /* a table, with these columns */
    struct sl_definition declared;
};

static sl_status
find_table(struct sl_binder *b, const struct sl_syntax_select *syntax, struct table *out_table,
           struct sl_error *err)
{
    struct sl_slice database = syntax->schema.size_bytes > 0 ? syntax->schema : b->database;
    *out_table = (struct table){0};
    SL_TRY(sl_bind_written(b, syntax, &out_table->view, err));
    out_table->is_found = sl_definitions_find(b->env->definitions, database, syntax->table,
                                              b->typing.arena, &out_table->declared);
    out_table->is_declared = out_table->is_found && out_table->declared.kind == SL_DEFINITION_TABLE;
    return SL_OK;
}

/* ---- columns ---- */

static sl_status
bind_plain_target(struct sl_binder *b, const struct sl_insert_name *name,
                  struct sl_insert_target *out_target, struct sl_error *err)
{
    if (sl_bind_is_derived(name->text))
        return sl_bind_fail(b, err, SL_UNSUPPORTED, 3105, name->position,
                            "\"%.*s\" is computed from other columns and cannot be written to",
                            (int)sl_min_size(name->text.size_bytes, 64),
                            (const char *)name->text.bytes);
    return sl_field_find(b->env->schema, (const char *)name->text.bytes, name->text.size_bytes,
                         &out_target->field, err);
}

/* The column of flows that fills a view's, added when no row has had it yet. */
static sl_status
find_column(struct sl_binder *b, const char *name, const struct sl_column **out_column,
            struct sl_error *err)
{
    struct sl_slice slice = {.bytes = (const uint8_t *)name, .size_bytes = (uint32_t)strlen(name)};
    const struct sl_element *element = NULL;
    enum sl_type type;
    *out_column = sl_schema_find(b->env->schema, name, slice.size_bytes);
    if (*out_column != NULL)
        return SL_OK;
    for (uint32_t i = 0; (element = sl_element_at(i)) != NULL; i++)
        if (strcmp(element->column, name) == 0)
            return sl_schema_add_element(b->env->schema, element, element->pen, element->id,
                                         out_column, err);
    bool is_known = sl_flow_field_type(slice, &type);
    SL_ASSERT(is_known); /* flow_view.def names columns of flows only */
    return sl_schema_add(b->env->schema, name, type, SL_UNIT_NONE, out_column, err);
}

static sl_status
bind_view_target(struct sl_binder *b, const struct sl_flow_column *from,
                 struct sl_insert_target *out_target, struct sl_error *err)
{
    const struct sl_column *column = NULL;
    if (from->store == SL_FLOW_STORE_NOTHING)
        return SL_OK; /* of the row itself, whatever was sent */
    SL_TRY(find_column(b, from->column, &column, err));
    out_target->field = sl_field_of(column, from->name, strlen(from->name));
    if (from->store == SL_FLOW_STORE_IPV4 || from->store == SL_FLOW_STORE_IPV6)
        out_target->field.form = SL_FIELD_ZERO_IS_NONE;
    return SL_OK;
}

/* nProbe declares what has more than four bytes as varchar(2n), and then writes it in hexadecimal:
 * a number that was declared as a text is one. */
static bool
is_declared_text(const struct sl_definition *table, struct sl_slice column)
{
    struct sl_slice name;
    struct sl_slice type;
    uint32_t at = 0;
    while (sl_definition_column(table, &at, &name, &type))
        if (sl_text_compare(name, column, false) == 0)
            return type.size_bytes > 8 && strncasecmp((const char *)type.bytes, "varchar(", 8) == 0;
    return false;
}

static sl_status
bind_target(struct sl_binder *b, const struct table *table, const struct sl_insert_name *name,
            struct sl_insert_target *out_target, struct sl_error *err)
{
    const struct sl_flow_column *column =
        table->view == NULL ? NULL : sl_flow_view_column(table->view, name->text);
    struct sl_field *field = &out_target->field;
    out_target->position = name->position;
    if (column != NULL)
        SL_TRY(bind_view_target(b, column, out_target, err));
    else
        SL_TRY(bind_plain_target(b, name, out_target, err));
    bool is_plain = field->column != NULL && field->form == SL_FIELD_PLAIN;
    if (is_plain && table->is_declared && is_declared_text(&table->declared, name->text))
        field->form = SL_FIELD_HEX;
    return SL_OK;
}

/* Without a list: the columns of SELECT *, in its order. */
static sl_status
bind_view_columns(struct sl_binder *b, const struct sl_flow_view *view, struct sl_insert *insert,
                  struct sl_error *err)
{
    const struct sl_flow_column *columns = sl_flow_view_columns(view, &insert->width);
    struct sl_insert_target *targets =
        sl_arena_calloc(b->typing.arena, insert->width, sizeof(*targets));
    if (targets == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < insert->width; i++)
        SL_TRY(bind_view_target(b, &columns[i], &targets[i], err));
    insert->targets = targets;
    return SL_OK;
}

/* The same of flows itself. */
static sl_status
bind_all_columns(struct sl_binder *b, const struct sl_syntax *syntax, struct sl_insert *insert,
                 struct sl_error *err)
{
    struct sl_node star = {.kind = SL_NODE_STAR, .position = syntax->select->position};
    struct sl_item item = {.expr = &star};
    struct sl_syntax_select select = *syntax->select;
    struct sl_select *bound = NULL;
    select.items = &item;
    select.item_count = 1;
    SL_TRY(sl_bind_chain(b, &select, &bound, err));
    struct sl_insert_target *targets =
        sl_arena_calloc(b->typing.arena, bound->visible_count, sizeof(*targets));
    if (targets == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < bound->visible_count; i++) {
        const char *text = bound->outputs[i].name;
        struct sl_insert_name name = {
            .text = {.bytes = (const uint8_t *)text, .size_bytes = (uint32_t)strlen(text)},
            .position = syntax->select->table_position};
        SL_TRY(bind_plain_target(b, &name, &targets[i], err));
    }
    insert->targets = targets;
    insert->width = bound->visible_count;
    return SL_OK;
}

static sl_status
bind_columns(struct sl_binder *b, const struct sl_syntax *syntax, const struct table *table,
             struct sl_insert *insert, struct sl_error *err)
{
    const struct sl_syntax_insert *from = &syntax->insert;
    if (from->columns == NULL)
        return table->view == NULL ? bind_all_columns(b, syntax, insert, err)
                                   : bind_view_columns(b, table->view, insert, err);
    struct sl_insert_target *targets =
        sl_arena_calloc(b->typing.arena, from->column_count, sizeof(*targets));
    if (targets == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < from->column_count; i++)
        SL_TRY(bind_target(b, table, &from->columns[i], &targets[i], err));
    insert->targets = targets;
    insert->width = from->column_count;
    return SL_OK;
}

/* ---- values ---- */

static sl_status
fail_value(struct sl_binder *b, const struct sl_expr *expr, const struct sl_column *column,
           struct sl_error *err)
{
    return sl_bind_fail(b, err, SL_TYPE, 1366, expr->position, "no value for the column %s (%s)",
                        column->name, sl_type_name(column->type));
}

/* 0xff is a number to a column of numbers. */
static sl_status
bind_bytes(struct sl_binder *b, const struct sl_node *node, struct sl_expr **out_expr,
           struct sl_error *err)
{
    struct sl_value value = {.type = SL_TYPE_U64};
    for (uint32_t i = 0; i < node->text.size_bytes; i++)
        value.as.u64 = value.as.u64 << 8 | node->text.bytes[i];
    return sl_expr_const(&b->typing, node->position, &value, out_expr, err);
}

/* The type that a constant is to have before it is set: the column's own, or TEXT where the column
 * reads more into a number than its value. */
static struct sl_sql_type
type_before_set(const struct sl_expr *expr, const struct sl_column *column)
{
    struct sl_sql_type text = sl_sql_type_of(SL_TYPE_TEXT);
    struct sl_sql_type own = sl_bind_column_type(column);
    enum sl_type from = expr->type.type;
    bool is_number = sl_type_is_integer(from) || from == SL_TYPE_DECIMAL || from == SL_TYPE_F64;
    bool reads_numbers = column->type == SL_TYPE_ADDR || column->type == SL_TYPE_TIME ||
                         column->type == SL_TYPE_MAC || sl_type_is_integer(from);
    own.length = 0;
    return is_number && reads_numbers ? text : own;
}

static sl_status
bind_constant(struct sl_binder *b, struct sl_expr *expr, const struct sl_column *column,
              struct sl_cell *cell, struct sl_error *err)
{
    bool is_text = expr->type.type == SL_TYPE_TEXT;
    bool needs_zone = is_text && column->type == SL_TYPE_TIME && b->typing.zone != NULL;
    if (expr->kind == SL_EXPR_CONST && expr->value.is_null) {
        *cell = (struct sl_cell){.kind = SL_CELL_NONE};
        return SL_OK;
    }
    if (!is_text || needs_zone) {
        struct sl_sql_type type = type_before_set(expr, column);
        SL_TRY(sl_expr_coerce(&b->typing, &expr, &type, err));
    }
    if (expr->kind != SL_EXPR_CONST || expr->value.is_null)
        return fail_value(b, expr, column, err);
    *cell = (struct sl_cell){.kind = SL_CELL_VALUE, .as.value = &expr->value};
    if (expr->value.type == SL_TYPE_TEXT)
        *cell = (struct sl_cell){.kind = SL_CELL_TEXT,
                                 .as.bytes = expr->value.as.slice.bytes,
                                 .size_bytes = expr->value.as.slice.size_bytes};
    return SL_OK;
}

static sl_status
bind_node(struct sl_binder *b, const struct sl_column *column, struct sl_cell *cell,
          struct sl_error *err)
{
    const struct sl_node *node = cell->as.node;
    struct sl_expr *expr = NULL;
    bool is_number = node->kind == SL_NODE_BYTES && node->text.size_bytes <= 8 &&
                     !sl_type_is_bytes(column->type);
    if (is_number)
        SL_TRY(bind_bytes(b, node, &expr, err));
    else
        SL_TRY(sl_bind_constant(b, node, &expr, err));
    if (expr->kind == SL_EXPR_PARAMETER) { /* metadata only: nothing will be stored */
        *cell = (struct sl_cell){.kind = SL_CELL_NONE};
        return SL_OK;
    }
    return bind_constant(b, expr, column, cell, err);
}

/* A text for a time in a session whose clock is not UTC's. Digits are seconds since 1970. */
static sl_status
bind_local_time(struct sl_binder *b, const struct sl_insert_target *target, struct sl_cell *cell,
                struct sl_error *err)
{
    struct sl_value value = {.type = SL_TYPE_TEXT,
                             .as.slice = {.bytes = cell->as.bytes, .size_bytes = cell->size_bytes}};
    struct sl_expr *expr = NULL;
    bool has_sign = false;
    for (uint32_t i = 0; i < cell->size_bytes; i++)
        has_sign |= cell->as.bytes[i] == '-' || cell->as.bytes[i] == ':';
    if (!has_sign)
        return SL_OK;
    SL_TRY(sl_expr_const(&b->typing, target->position, &value, &expr, err));
    return bind_constant(b, expr, target->field.column, cell, err);
}

static sl_status
bind_cells(struct sl_binder *b, const struct sl_syntax_insert *from, struct sl_insert *insert,
           struct sl_error *err)
{
    bool has_zone = b->typing.zone != NULL;
    for (uint32_t i = 0, at = 0; i < from->cell_count; i++) {
        const struct sl_insert_target *target = &insert->targets[at];
        const struct sl_column *column = target->field.column;
        struct sl_cell *cell = &from->cells[i];
        at = at + 1 == insert->width ? 0 : at + 1;
        if (column == NULL)
            cell->kind = SL_CELL_NONE;
        else if (cell->kind == SL_CELL_NODE)
            SL_TRY(bind_node(b, column, cell, err));
        else if (has_zone && cell->kind == SL_CELL_TEXT && column->type == SL_TYPE_TIME)
            SL_TRY(bind_local_time(b, target, cell, err));
    }
    insert->cells = from->cells;
    insert->row_count = from->row_count;
    return SL_OK;
}

/* ---- the statement ---- */

const char *
sl_bind_origin(struct sl_binder *b, const struct sl_syntax_select *table)
{
    struct sl_slice schema = table->schema.size_bytes > 0 ? table->schema : b->database;
    char origin[ORIGIN_BYTES];
    int size_bytes =
        snprintf(origin, sizeof(origin), "insert:%.*s.%.*s",
                 (int)sl_min_size(schema.size_bytes, 64), (const char *)schema.bytes,
                 (int)sl_min_size(table->table.size_bytes, 64), (const char *)table->table.bytes);
    for (int i = 0; i < size_bytes; i++)
        origin[i] = (char)tolower((unsigned char)origin[i]);
    return sl_arena_string(b->typing.arena, origin, (size_t)size_bytes);
}

static sl_status
bind_load(struct sl_binder *b, const struct sl_syntax_insert *from, struct sl_insert *insert,
          struct sl_error *err)
{
    insert->format = from->format;
    insert->file =
        sl_arena_string(b->typing.arena, (const char *)from->file.bytes, from->file.size_bytes);
    return insert->file == NULL ? sl_fail_memory(err) : SL_OK;
}

sl_status
sl_bind_inserted(struct sl_binder *b, const struct sl_syntax_insert *from, uint32_t width,
                 struct sl_select **out_select, struct sl_error *err)
{
    struct sl_node star = {.kind = SL_NODE_STAR, .position = from->source->position};
    struct sl_item item = {.expr = &star};
    struct sl_syntax_select outer = {.position = from->source->position,
                                     .items = &item,
                                     .item_count = 1,
                                     .table_position = from->source->position,
                                     .subselect = from->source};
    SL_TRY(sl_bind_chain(b, &outer, out_select, err));
    if ((*out_select)->visible_count != width)
        return sl_bind_fail(b, err, SL_SYNTAX, 1136, from->source->position,
                            "column count does not match value count at row 1");
    return SL_OK;
}

/* INSERT ... SELECT: what is selected gets the type that a constant would have. */
static sl_status
bind_source(struct sl_binder *b, const struct sl_syntax_insert *from, struct sl_insert *insert,
            struct sl_statement *statement, struct sl_error *err)
{
    SL_TRY(sl_bind_inserted(b, from, insert->width, &statement->select, err));
    for (uint32_t i = 0; i < insert->width; i++) {
        const struct sl_column *column = insert->targets[i].field.column;
        struct sl_expr **expr = &statement->select->outputs[i].expr;
        if (column == NULL || (*expr)->type.type == column->type)
            continue;
        bool is_text = (*expr)->type.type == SL_TYPE_TEXT && column->type != SL_TYPE_TIME;
        struct sl_sql_type type = type_before_set(*expr, column);
        if (!is_text)
            SL_TRY(sl_expr_coerce(&b->typing, expr, &type, err));
    }
    return SL_OK;
}

/* A <prefix>flows that only INSERTs have made: a table without declared columns. */
static sl_status
define_prefixed(struct sl_binder *b, const struct sl_syntax_select *syntax,
                const struct table *table, struct sl_statement *statement, struct sl_error *err)
{
    struct sl_definition_change *change;

    if (table->view == NULL || !table->view->is_prefixed || table->is_found ||
        b->env->definitions == NULL)
        return SL_OK;
    change = sl_arena_calloc(b->typing.arena, 1, sizeof(*change));
    if (change == NULL)
        return sl_fail_memory(err);
    change->definition = (struct sl_definition){
        .kind = SL_DEFINITION_TABLE,
        .dialect = b->session->dialect,
        .database = syntax->schema.size_bytes > 0 ? syntax->schema : b->database,
        .name = syntax->table,
        .text = {.bytes = (const uint8_t *)""}};
    statement->definitions = change;
    statement->definition_count = 1;
    return SL_OK;
}

sl_status
sl_bind_insert(struct sl_binder *b, const struct sl_syntax *syntax, struct sl_statement *statement,
               struct sl_error *err)
{
    const struct sl_syntax_insert *from = &syntax->insert;
    struct sl_insert *insert = sl_arena_calloc(b->typing.arena, 1, sizeof(*insert));
    struct sl_own_table *own = NULL;
    struct table table;
    if (insert == NULL)
        return sl_fail_memory(err);
    if (b->session->is_reader)
        return sl_bind_fail(b, err, SL_DENIED, 1142, syntax->select->table_position,
                            "the role of user \"%.80s\" is reader: it changes nothing",
                            b->session->user);
    SL_TRY(sl_bind_own_table(b, syntax->select, &own, err));
    if (own != NULL)
        return sl_bind_own_insert(b, syntax, own, statement, err);
    statement->insert = insert;
    insert->is_delayed = from->is_delayed;
    insert->is_ignore = from->is_ignore;
    SL_TRY(find_table(b, syntax->select, &table, err));
    SL_TRY(bind_columns(b, syntax, &table, insert, err));
    SL_TRY(define_prefixed(b, syntax->select, &table, statement, err));
    insert->origin = sl_bind_origin(b, syntax->select);
    if (insert->origin == NULL)
        return sl_fail_memory(err);
    if (from->is_load)
        return bind_load(b, from, insert, err);
    if (from->source != NULL)
        return bind_source(b, from, insert, statement, err);
    if (from->cell_count / from->row_count != insert->width)
        return sl_bind_fail(b, err, SL_SYNTAX, 1136, from->values_position,
                            "column count does not match value count at row 1");
    return bind_cells(b, from, insert, err);
}

/* ntopng starts with UPDATE ... WHERE INTERFACE = 'name', to move its oldest tables to a column
 * that ours have had from the start. */
static bool
is_of_no_row(const struct sl_binder *b, const struct sl_flow_view *view,
             const struct sl_node *where)
{
    return view != NULL && where != NULL && where->kind == SL_NODE_OPERATOR &&
           where->function == SL_FN_EQ && where->args[0]->kind == SL_NODE_NAME &&
           sl_slice_is(where->args[0]->text, "INTERFACE") &&
           where->args[1]->kind == SL_NODE_STRING &&
           sl_schema_find(b->env->schema, "interface", strlen("interface")) == NULL;
}

sl_status
sl_bind_update(struct sl_binder *b, const struct sl_syntax *syntax, struct sl_error *err)
{
    const struct sl_flow_view *view = NULL;
    SL_TRY(sl_bind_written(b, syntax->select, &view, err));
    if (is_of_no_row(b, view, syntax->select->where))
        return SL_OK;
    return sl_bind_fail(b, err, SL_UNSUPPORTED, 1235, syntax->select->table_position,
                        "UPDATE is not supported: flows do not change");
}
