/*
 * bind_names.c - names become columns: stored ones, derived ones, outputs of a subselect.
 *
 * Derived columns are expressions over stored ones, bound once for each select and shared:
 *
 *   bytes packets           (in + out) * sampling_rate / sampling_divisor
 *   scaled_in_bytes ...     in, out alone * sampling_rate / sampling_divisor
 *   raw_bytes raw_packets   in + out
 *   duration                last_seen - first_seen in seconds, DECIMAL with 6 digits
 *   bps pps                 bits and packets a second, DOUBLE; NULL for a flow without duration
 *   flows                   what the exporter says one record stands for, else 1
 *   idx                     a key to find the row again: flow_idx.def
 *   host port               both sides: predicates and GROUP BY only
 */
#include "query/bind.h"

#include "query/lex.h"
#include "query/value.h"

enum derived {
#define SL_DERIVED(id, name, sources) DERIVED_##id,
#include "storage/schema_derived.def"
#undef SL_DERIVED
    DERIVED_NONE,
};

static const char *const derived_names[] = {
#define SL_DERIVED(id, name, sources) name,
#include "storage/schema_derived.def"
#undef SL_DERIVED
};

static enum derived
find_derived(struct sl_slice name)
{
    for (unsigned i = 0; i < SL_COUNTOF(derived_names); i++)
        if (sl_slice_is(name, derived_names[i]))
            return (enum derived)i;
    return DERIVED_NONE;
}

bool
sl_bind_is_derived(struct sl_slice name)
{
    return find_derived(name) != DERIVED_NONE;
}

struct sl_sql_type
sl_bind_column_type(const struct sl_column *column)
{
    struct sl_sql_type type = {.type = column->type, .is_nullable = column->is_nullable};

    if (type.type == SL_TYPE_TIME)
        type.scale = 6;
    if (sl_type_is_bytes(type.type))
        type.length = 255;
    type.is_binary = type.type == SL_TYPE_OCTETS;
    return type;
}

sl_status
sl_bind_input(struct sl_scope *s, const struct sl_input *input, uint32_t position,
              struct sl_expr **out_expr, struct sl_error *err)
{
    struct sl_select *select = s->select;
    struct sl_expr *expr = sl_arena_calloc(s->binder->typing.arena, 1, sizeof(*expr));
    uint32_t slot = 0;

    if (expr == NULL)
        return sl_fail_memory(err);
    while (slot < select->input_count && (select->inputs[slot].column != input->column ||
                                          select->inputs[slot].table != input->table ||
                                          select->inputs[slot].index != input->index))
        slot++;
    if (slot == select->input_count) {
        struct sl_input *grown = sl_bind_grow(s, select->inputs, sizeof(*grown),
                                              select->input_count, &s->input_capacity, err);
        if (grown == NULL)
            return SL_LIMIT;
        select->inputs = grown;
        select->inputs[select->input_count++] = *input;
    }
    expr->kind = SL_EXPR_INPUT;
    expr->slot = slot;
    expr->type = input->type;
    expr->position = position;
    *out_expr = expr;
    return SL_OK;
}

static sl_status
bind_column(struct sl_scope *s, const struct sl_column *column, uint32_t position,
            struct sl_expr **out_expr, struct sl_error *err)
{
    struct sl_input input = {.column = column, .type = sl_bind_column_type(column)};

    return sl_bind_input(s, &input, position, out_expr, err);
}

static sl_status
bind_core(struct sl_scope *s, enum sl_core_column index, uint32_t position,
          struct sl_expr **out_expr, struct sl_error *err)
{
    return bind_column(s, sl_schema_at(s->binder->env->schema, index), position, out_expr, err);
}

/* One of the counters of a row; 0 when the total does not count that way. */
static sl_status
bind_counter(struct sl_scope *s, bool is_meant, enum sl_core_column column, uint32_t position,
             struct sl_expr **out_expr, struct sl_error *err)
{
    if (!is_meant)
        return sl_expr_const_i64(&s->binder->typing, position, 0, out_expr, err);
    return bind_core(s, column, position, out_expr, err);
}

/* (in + out), or one of them, times what sampling left out. */
static sl_status
bind_total(struct sl_scope *s, enum derived what, uint32_t position, struct sl_expr **out_expr,
           struct sl_error *err)
{
    bool has_out = what != DERIVED_SCALED_IN_BYTES && what != DERIVED_SCALED_IN_PACKETS;
    bool has_in = what != DERIVED_SCALED_OUT_BYTES && what != DERIVED_SCALED_OUT_PACKETS;
    bool is_bytes = what == DERIVED_BYTES || what == DERIVED_RAW_BYTES ||
                    what == DERIVED_SCALED_IN_BYTES || what == DERIVED_SCALED_OUT_BYTES;
    bool is_raw = what == DERIVED_RAW_BYTES || what == DERIVED_RAW_PACKETS;
    const struct sl_column *divisor =
        is_raw ? NULL : sl_schema_find(s->binder->env->schema, "sampling_divisor", 16);
    struct sl_expr *args[4];

    SL_TRY(bind_counter(s, has_in, is_bytes ? SL_COLUMN_IN_BYTES : SL_COLUMN_IN_PACKETS, position,
                        &args[0], err));
    SL_TRY(bind_counter(s, has_out, is_bytes ? SL_COLUMN_OUT_BYTES : SL_COLUMN_OUT_PACKETS,
                        position, &args[1], err));
    if (is_raw)
        SL_TRY(sl_expr_const_i64(&s->binder->typing, position, 1, &args[2], err));
    else
        SL_TRY(bind_core(s, SL_COLUMN_SAMPLING_RATE, position, &args[2], err));
    if (divisor != NULL) {
        struct sl_expr *one, *is_null;
        SL_TRY(bind_column(s, divisor, position, &args[3], err));
        SL_TRY(sl_expr_const_i64(&s->binder->typing, position, 1, &one, err));
        SL_TRY(
            sl_expr_call(&s->binder->typing, SL_FN_IS_NULL, position, &args[3], 1, &is_null, err));
        SL_TRY(sl_bind_if(s, position, is_null, one, args[3], &args[3], err));
        args[3]->type.is_nullable = false;
    }
    return sl_expr_call(&s->binder->typing, SL_FN_FLOW_TOTAL, position, args,
                        divisor == NULL ? 3 : 4, out_expr, err);
}

static sl_status bind_derived(struct sl_scope *s, enum derived what, uint32_t position,
                              struct sl_expr **out_expr, struct sl_error *err);

static sl_status
bind_rate(struct sl_scope *s, enum derived what, uint32_t position, struct sl_expr **out_expr,
          struct sl_error *err)
{
    struct sl_expr *args[4];
    bool is_bits = what == DERIVED_BPS;

    SL_TRY(bind_derived(s, is_bits ? DERIVED_BYTES : DERIVED_PACKETS, position, &args[0], err));
    SL_TRY(bind_core(s, SL_COLUMN_FIRST_SEEN, position, &args[1], err));
    SL_TRY(bind_core(s, SL_COLUMN_LAST_SEEN, position, &args[2], err));
    SL_TRY(sl_expr_const_i64(&s->binder->typing, position, is_bits ? 8 : 1, &args[3], err));
    return sl_expr_call(&s->binder->typing, SL_FN_FLOW_RATE, position, args, 4, out_expr, err);
}

static sl_status
bind_flows(struct sl_scope *s, uint32_t position, struct sl_expr **out_expr, struct sl_error *err)
{
    const struct sl_element *element = sl_element_find(0, 3); /* deltaFlowCount */
    const struct sl_column *column =
        element == NULL
            ? NULL
            : sl_schema_find(s->binder->env->schema, element->column, strlen(element->column));
    struct sl_expr *one, *count, *is_null;

    SL_TRY(sl_expr_const_i64(&s->binder->typing, position, 1, &one, err));
    *out_expr = one;
    if (column == NULL)
        return SL_OK;
    SL_TRY(bind_column(s, column, position, &count, err));
    SL_TRY(sl_expr_call(&s->binder->typing, SL_FN_IS_NULL, position, &count, 1, &is_null, err));
    SL_TRY(sl_bind_if(s, position, is_null, one, count, out_expr, err));
    (*out_expr)->type.is_nullable = false;
    return SL_OK;
}

static sl_status
bind_idx(struct sl_scope *s, uint32_t position, struct sl_expr **out_expr, struct sl_error *err)
{
    static const enum sl_core_column columns[] = {
#define SL_IDX(number, column) SL_COLUMN_##column,
#include "query/flow_idx.def"
#undef SL_IDX
    };
    struct sl_expr *args[SL_COUNTOF(columns)];

    for (size_t i = 0; i < SL_COUNTOF(columns); i++)
        SL_TRY(bind_core(s, columns[i], position, &args[i], err));
    return sl_expr_call(&s->binder->typing, SL_FN_FLOW_IDX, position, args, SL_COUNTOF(columns),
                        out_expr, err);
}

sl_status
sl_bind_sided_key(struct sl_scope *s, enum sl_key_kind kind, uint32_t position,
                  struct sl_expr **out_expr, struct sl_error *err)
{
    bool is_host = kind == SL_KEY_HOST;

    for (uint32_t i = 0; i < s->select->key_count && !s->in_aggregate; i++) {
        if (s->select->keys[i].kind != kind || s->place == SL_PLACE_WHERE)
            continue;
        struct sl_expr *expr = sl_arena_calloc(s->binder->typing.arena, 1, sizeof(*expr));
        if (expr == NULL)
            return sl_fail_memory(err);
        *expr = (struct sl_expr){
            .kind = SL_EXPR_KEY, .slot = i, .position = position, .type = s->select->keys[i].type};
        *out_expr = expr;
        return SL_OK;
    }
    return sl_bind_fail(s->binder, err, SL_NAME, 1054, position,
                        "\"%s\" stands for both sides of a flow and works in a condition or in "
                        "GROUP BY only; use src_%s or dst_%s",
                        is_host ? "host" : "port", is_host ? "addr" : "port",
                        is_host ? "addr" : "port");
}

/* host or port: one side of the flow where the scope says which. */
static sl_status
bind_sided(struct sl_scope *s, enum sl_key_kind kind, uint32_t position, struct sl_expr **out_expr,
           struct sl_error *err)
{
    bool is_host = kind == SL_KEY_HOST;
    enum sl_core_column column;

    switch (s->side) {
    case SL_SIDE_NONE:
        return sl_bind_sided_key(s, kind, position, out_expr, err);
    case SL_SIDE_SOURCE:
        column = is_host ? SL_COLUMN_SRC_ADDR : SL_COLUMN_SRC_PORT;
        break;
    case SL_SIDE_TARGET:
        column = is_host ? SL_COLUMN_DST_ADDR : SL_COLUMN_DST_PORT;
        break;
    }
    return bind_core(s, column, position, out_expr, err);
}

static sl_status
bind_derived(struct sl_scope *s, enum derived what, uint32_t position, struct sl_expr **out_expr,
             struct sl_error *err)
{
    struct sl_expr *args[2];

    if (what == DERIVED_HOST || what == DERIVED_PORT)
        return bind_sided(s, what == DERIVED_HOST ? SL_KEY_HOST : SL_KEY_PORT, position, out_expr,
                          err);
    if (s->derived[what] == NULL) {
        struct sl_expr **made = &s->derived[what];
        if (what == DERIVED_DURATION) {
            SL_TRY(bind_core(s, SL_COLUMN_FIRST_SEEN, position, &args[0], err));
            SL_TRY(bind_core(s, SL_COLUMN_LAST_SEEN, position, &args[1], err));
            SL_TRY(sl_expr_call(&s->binder->typing, SL_FN_FLOW_DURATION, position, args, 2, made,
                                err));
        } else if (what == DERIVED_BPS || what == DERIVED_PPS) {
            SL_TRY(bind_rate(s, what, position, made, err));
        } else if (what == DERIVED_IDX) {
            SL_TRY(bind_idx(s, position, made, err));
        } else if (what == DERIVED_FLOWS) {
            SL_TRY(bind_flows(s, position, made, err));
        } else {
            SL_TRY(bind_total(s, what, position, made, err));
        }
    }
    *out_expr = s->derived[what];
    return SL_OK;
}

bool
sl_bind_is_qualified(const struct sl_scope *s, const struct sl_node *node)
{
    const struct sl_syntax_select *from = s->level.from;

    if (node->qualifier.size_bytes == 0)
        return true;
    if (from == NULL) /* values of an INSERT: there is no table to name */
        return false;
    struct sl_slice own = from->alias.size_bytes > 0 ? from->alias : from->table;
    return sl_text_compare(node->qualifier, own, false) == 0;
}

/* Column of a virtual table or output of a subselect; UINT32_MAX. */
static uint32_t
find_index(const struct sl_scope *s, struct sl_slice name)
{
    const struct sl_select *select = s->select;

    if (select->source == SL_SOURCE_VIRTUAL) {
        for (uint32_t i = 0; i < select->table->column_count; i++)
            if (sl_slice_is(name, select->table->columns[i].name))
                return i;
    } else if (select->source == SL_SOURCE_SELECT) {
        for (uint32_t i = 0; i < select->subselect->visible_count; i++)
            if (sl_slice_is(name, select->subselect->outputs[i].name))
                return i;
    }
    return UINT32_MAX;
}

static const struct sl_column *
find_column(const struct sl_scope *s, struct sl_slice name)
{
    if (s->select->source != SL_SOURCE_FLOWS)
        return NULL;
    return sl_schema_resolve(s->binder->env->schema, (const char *)name.bytes, name.size_bytes);
}

bool
sl_bind_is_column(const struct sl_scope *s, const struct sl_node *node)
{
    enum sl_type type;

    if (s->joined != NULL)
        return sl_bind_joined_scope(s, node) != NULL;
    if (node->kind != SL_NODE_NAME || !sl_bind_is_qualified(s, node))
        return false;
    if (s->level.layer != NULL)
        return sl_bind_layer_has(s, node);
    if (s->select->source == SL_SOURCE_FLOWS)
        return find_derived(node->text) != DERIVED_NONE || find_column(s, node->text) != NULL ||
               (s->level.view != NULL && sl_flow_field_type(node->text, &type));
    return find_index(s, node->text) != UINT32_MAX;
}

bool
sl_bind_is_sided(const struct sl_scope *s, const struct sl_node *node, enum sl_key_kind *out_kind)
{
    struct sl_scope at = *s;
    struct sl_node name = *node;
    enum derived what;

    if (s->joined != NULL) {
        const struct sl_scope *table = sl_bind_joined_scope(s, node);
        return table != NULL && sl_bind_is_sided(table, node, out_kind);
    }
    if (s->select->source != SL_SOURCE_FLOWS || !sl_bind_follow(&at, &name))
        return false;
    what = find_derived(name.text);
    *out_kind = what == DERIVED_HOST ? SL_KEY_HOST : SL_KEY_PORT;
    return what == DERIVED_HOST || what == DERIVED_PORT;
}

enum sl_naming
sl_bind_naming(const struct sl_scope *s, const struct sl_node *node)
{
    enum sl_key_kind kind;
    struct sl_scope at = *s;
    struct sl_node name = *node;

    if (s->joined != NULL) {
        const struct sl_scope *table = sl_bind_joined_scope(s, node);
        return table == NULL ? SL_NAMING_NONE : sl_bind_naming(table, node);
    }
    if (sl_bind_is_sided(s, node, &kind))
        return kind == SL_KEY_PORT ? SL_NAMING_PORT : SL_NAMING_NONE;
    if (!sl_bind_follow(&at, &name))
        return SL_NAMING_NONE;
    const struct sl_column *column = find_column(&at, name.text);
    if (column == NULL || !column->is_core)
        return SL_NAMING_NONE;
    if (column->index == SL_COLUMN_PROTOCOL)
        return SL_NAMING_PROTOCOL;
    bool is_port = column->index == SL_COLUMN_SRC_PORT || column->index == SL_COLUMN_DST_PORT;
    return is_port ? SL_NAMING_PORT : SL_NAMING_NONE;
}

/* A column name near the misspelt one, among all that mean something here. */
static const char *
suggest(const struct sl_scope *s, struct sl_slice name)
{
    if (s->select->source != SL_SOURCE_FLOWS || s->level.layer != NULL || name.size_bytes < 3)
        return NULL;
    struct sl_nearest nearest = sl_nearest_to(name.bytes, name.size_bytes);
    for (unsigned i = 0; i < SL_COUNTOF(derived_names); i++)
        sl_nearest_offer(&nearest, derived_names[i]);
    sl_schema_suggest(s->binder->env->schema, &nearest);
    return nearest.best;
}

sl_status
sl_bind_fail_unknown(struct sl_scope *s, const struct sl_node *node, struct sl_error *err)
{
    const char *near = suggest(s, node->text);
    int size = node->text.size_bytes > 64 ? 64 : (int)node->text.size_bytes;

    if (sl_bind_is_outer(s->binder, node))
        return sl_bind_fail(
            s->binder, err, SL_UNSUPPORTED, 1235, node->position,
            "\"%.*s\" is of the select around the subquery, which is not supported here", size,
            (const char *)node->text.bytes);
    if (near != NULL)
        return sl_bind_fail(s->binder, err, SL_NAME, 1054, node->position,
                            "unknown column \"%.*s\", did you mean \"%s\"?", size,
                            (const char *)node->text.bytes, near);
    return sl_bind_fail(s->binder, err, SL_NAME, 1054, node->position, "unknown column \"%.*s\"",
                        size, (const char *)node->text.bytes);
}

/* A column that no row of flows has had yet: NULL in a built-in view. */
static sl_status
bind_missing(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
             struct sl_error *err)
{
    struct sl_value null = {.is_null = true};

    if (s->level.view == NULL || !sl_flow_field_type(node->text, &null.type))
        return sl_bind_fail_unknown(s, node, err);
    return sl_expr_const(&s->binder->typing, node->position, &null, out_expr, err);
}

sl_status
sl_bind_name(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
             struct sl_error *err)
{
    struct sl_select *select = s->select;

    if (s->joined != NULL)
        return sl_bind_joined_name(s, node, out_expr, err);
    if (!sl_bind_is_qualified(s, node))
        return sl_bind_fail_unknown(s, node, err);
    if (s->level.layer != NULL)
        return sl_bind_is_column(s, node) ? sl_bind_layer_name(s, node, out_expr, err)
                                          : sl_bind_fail_unknown(s, node, err);
    if (select->source == SL_SOURCE_FLOWS) {
        enum derived what = find_derived(node->text);
        if (what != DERIVED_NONE)
            return bind_derived(s, what, node->position, out_expr, err);
        const struct sl_column *column = find_column(s, node->text);
        return column == NULL ? bind_missing(s, node, out_expr, err)
                              : bind_column(s, column, node->position, out_expr, err);
    }
    uint32_t index = find_index(s, node->text);
    if (index == UINT32_MAX)
        return sl_bind_fail_unknown(s, node, err);
    struct sl_input input = {.index = index};
    input.type = select->source == SL_SOURCE_VIRTUAL ? select->table->columns[index].type
                                                     : select->subselect->outputs[index].expr->type;
    return sl_bind_input(s, &input, node->position, out_expr, err);
}
