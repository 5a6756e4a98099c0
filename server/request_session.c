/*
 * request_session.c - the session of a request: from the wire to the query layer, and its changes back.
 *
 * Wire and query have a value each, because neither may know the other; their unions have the same
 * members, and whatever has eight bytes is carried as u64.
 */
#include "server/request_statement.h"

static struct sl_value
value_of(const struct sl_wire_value *wire)
{
    struct sl_value value = {.type = wire->type, .scale = wire->scale, .is_null = wire->is_null};
    if (wire->is_null)
        return value;
    if (wire->type == SL_TYPE_DECIMAL)
        value.as.i128 = wire->as.i128;
    else if (wire->type == SL_TYPE_ADDR)
        value.as.addr = wire->as.addr;
    else if (sl_type_is_bytes(wire->type))
        value.as.slice = wire->as.slice;
    else
        value.as.u64 = wire->as.u64;
    return value;
}

static struct sl_wire_value
wire_value_of(const struct sl_value *value)
{
    struct sl_wire_value wire = {
        .type = value->type, .scale = value->scale, .is_null = value->is_null};
    if (value->type == SL_TYPE_DECIMAL)
        wire.as.i128 = value->as.i128;
    else if (value->type == SL_TYPE_ADDR)
        wire.as.addr = value->as.addr;
    else if (sl_type_is_bytes(value->type))
        wire.as.slice = value->as.slice;
    else
        wire.as.u64 = value->as.u64;
    return wire;
}

/* The session as the query layer wants it. */
sl_status
sl_request_session(const struct sl_request *r, struct sl_session *out_session, struct sl_error *err)
{
    const struct sl_wire_session *wire = &r->session;
    struct sl_variable *variables =
        sl_arena_calloc(r->arena, wire->variable_count, sizeof(*variables));
    struct sl_value *parameters =
        sl_arena_calloc(r->arena, wire->parameter_count, sizeof(*parameters));
    if (variables == NULL || parameters == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for the variables of a statement");
    for (uint32_t i = 0; i < wire->variable_count; i++) {
        variables[i].name = wire->variables[i].name;
        variables[i].value = value_of(&wire->variables[i].value);
    }
    for (uint32_t i = 0; i < wire->parameter_count; i++)
        parameters[i] = value_of(&wire->parameters[i]);

    struct sl_entry_counts counts = sl_entry_counts(r->entry);
    *out_session = (struct sl_session){
        .dialect = wire->dialect == SL_WIRE_MYSQL ? SL_DIALECT_MYSQL : SL_DIALECT_NATIVE,
        .database = wire->database,
        .time_zone = wire->time_zone,
        .user = r->user,
        .peer = sl_entry_peer(r->entry),
        .row_count = counts.row_count,
        .found_rows = counts.found_rows,
        .warnings = sl_entry_warnings(r->entry),
        .is_reader = r->role < SL_ROLE_WRITER,
        .is_admin = r->role >= SL_ROLE_ADMIN,
        .connection_id = sl_entry_id(r->entry),
        .variables = variables,
        .variable_count = wire->variable_count,
        .parameters = parameters,
        .parameter_count = wire->parameter_count,
    };
    return SL_OK;
}

/* A copy that lives as long as the request. */
static sl_status
keep_change(struct sl_request *r, const struct sl_variable *from, struct sl_wire_variable *out_kept,
            struct sl_error *err)
{
    out_kept->name = sl_arena_string(r->arena, from->name, strlen(from->name));
    out_kept->value = wire_value_of(&from->value);
    bool is_bytes = !from->value.is_null && sl_type_is_bytes(from->value.type);
    if (is_bytes)
        out_kept->value.as.slice.bytes = (const uint8_t *)sl_arena_string(
            r->arena, (const char *)from->value.as.slice.bytes, from->value.as.slice.size_bytes);
    if (out_kept->name == NULL || (is_bytes && out_kept->value.as.slice.bytes == NULL))
        return sl_fail(err, SL_LIMIT, "no memory for the variables of a session");
    return SL_OK;
}

/* What a statement has set holds for those behind it in the same text, and is told to the client in
 * DONE. The newest variable of a name stands first, which is the one that counts. */
sl_status
sl_request_take_changes(struct sl_request *r, struct sl_wire_change **out_changes,
                        struct sl_error *err)
{
    const struct sl_query_info *info = sl_query_info(r->query);
    uint32_t count = info->change_count;
    uint32_t old_count = r->session.variable_count;
    struct sl_wire_change *changes = sl_arena_calloc(r->arena, count, sizeof(*changes));
    struct sl_wire_variable *all =
        sl_arena_calloc(r->arena, (size_t)count + old_count, sizeof(*all));
    uint32_t used = 0;
    if (changes == NULL || all == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for the variables of a session");
    for (uint32_t i = count; i-- > 0;) {
        struct sl_wire_variable kept;
        SL_TRY(keep_change(r, &info->changes[i], &kept, err));
        changes[i] = (struct sl_wire_change){.name = kept.name, .value = kept.value};
        if (kept.name[0] == '@')
            all[used++] = kept;
    }
    for (uint32_t i = 0; i < count; i++) {
        const char *text = (const char *)changes[i].value.as.slice.bytes;
        if (strcmp(changes[i].name, "database") == 0)
            r->session.database = text;
        else if (strcmp(changes[i].name, "time_zone") == 0)
            r->session.time_zone = text;
    }
    for (uint32_t i = 0; i < old_count; i++)
        all[used++] = r->session.variables[i];
    r->session.variables = all;
    r->session.variable_count = used;
    *out_changes = changes;
    return SL_OK;
}
