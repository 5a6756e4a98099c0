/*
 * bind_variable.c - @name and @@name, and @name := expr in the list of a select.
 *
 * An assignment in a list is for what stands behind it in the same row: there the name means the
 * expression. Nothing else of MySQL's meaning is kept, so what needs it is refused with 1235: an
 * assignment that depends on a condition other than that of CASE and IF or is not made by all their
 * results, and a name that is read in front of its assignment, where MySQL has the value of the
 * row before. The session's variable stays as it is.
 */
#include "query/bind.h"
#include "query/lex.h"
#include "query/system_variable.h"
#include "query/value.h"

static sl_status
fail_assign(struct sl_scope *s, const struct sl_node *node, const char *story, struct sl_error *err)
{
    return sl_bind_fail(s->binder, err, SL_UNSUPPORTED, 1235, node->position, "\"@%.*s\" %s",
                        (int)sl_min_size(node->text.size_bytes, 64), (const char *)node->text.bytes,
                        story);
}

static sl_status
push(struct sl_scope *s, struct sl_slice name, struct sl_expr *expr, struct sl_error *err)
{
    struct sl_assigned *one = sl_arena_calloc(s->binder->typing.arena, 1, sizeof(*one));

    if (one == NULL)
        return sl_fail_memory(err);
    *one = (struct sl_assigned){.name = name, .expr = expr, .next = s->assigned};
    s->assigned = one;
    return SL_OK;
}

static const struct sl_assigned *
find(const struct sl_assigned *list, struct sl_slice name)
{
    while (list != NULL && sl_text_compare(list->name, name, false) != 0)
        list = list->next;
    return list;
}

static struct sl_value
text_value(const char *text)
{
    return (struct sl_value){
        .type = SL_TYPE_TEXT,
        .as.slice = {.bytes = (const uint8_t *)text, .size_bytes = (uint32_t)strlen(text)}};
}

/* Variables whose values are not in a table. */
static bool
find_own(const struct sl_session *session, struct sl_slice name, struct sl_value *out_value)
{
    if (sl_slice_is(name, "time_zone"))
        *out_value = text_value(session->time_zone == NULL ? "UTC" : session->time_zone);
    else if (sl_slice_is(name, "warning_count"))
        *out_value = (struct sl_value){.type = SL_TYPE_U64, .as.u64 = sl_session_warnings(session)};
    else if (sl_slice_is(name, "error_count"))
        *out_value = (struct sl_value){.type = SL_TYPE_U64, .as.u64 = sl_session_errors(session)};
    else
        return false;
    return true;
}

static sl_status
bind_system(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
            struct sl_error *err)
{
    const struct sl_session *session = s->binder->session;
    const struct sl_value *own = sl_session_find(session, "@@", node->text);
    const struct sl_system_variable *known = sl_system_variable_find(node->text);
    struct sl_value value;

    if (own != NULL)
        value = *own;
    else if (known != NULL)
        value = sl_system_variable_value(known);
    else if (!find_own(session, node->text, &value))
        return sl_bind_fail(
            s->binder, err, SL_NAME, 1193, node->position, "unknown system variable \"%.*s\"",
            (int)sl_min_size(node->text.size_bytes, 64), (const char *)node->text.bytes);
    return sl_expr_const(&s->binder->typing, node->position, &value, out_expr, err);
}

sl_status
sl_bind_variable(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
                 struct sl_error *err)
{
    struct sl_value value = {.type = SL_TYPE_NULL, .is_null = true};

    if (node->kind == SL_NODE_SYSTEM)
        return bind_system(s, node, out_expr, err);
    const struct sl_assigned *assigned = find(s->assigned, node->text);
    if (assigned != NULL && assigned->expr != NULL) {
        *out_expr = assigned->expr;
        return SL_OK;
    }
    if (assigned == NULL)
        SL_TRY(push(s, node->text, NULL, err));
    const struct sl_value *own = sl_session_find(s->binder->session, "@", node->text);
    return sl_expr_const(&s->binder->typing, node->position, own != NULL ? own : &value, out_expr,
                         err);
}

sl_status
sl_bind_assign(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
               struct sl_error *err)
{
    bool may_assign = s->may_assign;

    SL_TRY(sl_bind_expr(s, node->args[0], out_expr, err));
    const struct sl_assigned *before = find(s->assigned, node->text);
    if (!may_assign)
        return fail_assign(s, node, "can be set by an item of the list only, or in its CASE", err);
    if (before != NULL && before->expr == NULL)
        return fail_assign(s, node, "is read before it is set: rows have no row before them", err);
    return push(s, node->text, *out_expr, err);
}

/* The variable behind the CASE: a CASE of the same conditions. */
static sl_status
join_results(struct sl_scope *s, const struct sl_node *node, struct sl_expr *const *whens,
             struct sl_assigned *const *afters, uint32_t count, struct sl_slice name,
             struct sl_error *err)
{
    const struct sl_node variable = {
        .kind = SL_NODE_VARIABLE, .position = node->position, .text = name};
    struct sl_sql_type type;
    struct sl_expr **values =
        sl_arena_calloc(s->binder->typing.arena, count, sizeof(struct sl_expr *));

    if (values == NULL)
        return sl_fail_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        const struct sl_assigned *after = find(afters[i], name);
        if (after == NULL || after->expr == NULL)
            return fail_assign(s, &variable, "is not set by every result of its CASE", err);
        values[i] = after->expr;
    }
    SL_TRY(sl_expr_unify(&s->binder->typing, values, count, &type, err));
    struct sl_expr *expr = values[count - 1];
    for (uint32_t i = count - 1; i-- > 0;)
        SL_TRY(sl_bind_if(s, node->position, whens[i], values[i], expr, &expr, err));
    return push(s, name, expr, err);
}

sl_status
sl_bind_assigned_by_case(struct sl_scope *s, const struct sl_node *node,
                         struct sl_expr *const *whens, struct sl_assigned *const *afters,
                         uint32_t count, struct sl_error *err)
{
    const struct sl_assigned *before = s->assigned;

    for (uint32_t i = 0; i < count; i++)
        for (const struct sl_assigned *a = afters[i]; a != before; a = a->next) {
            const struct sl_assigned *known = find(s->assigned, a->name);
            bool is_joined = known != NULL && known != find(before, a->name);
            if (a->expr == NULL && known == NULL)
                SL_TRY(push(s, a->name, NULL, err));
            else if (a->expr != NULL && !is_joined)
                SL_TRY(join_results(s, node, whens, afters, count, a->name, err));
        }
    return SL_OK;
}
