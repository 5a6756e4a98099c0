/*
 * flow_view.c - see flow_view.h.
 *
 * The list is read three times: views, columns, and the view that each column is of. Columns of
 * one view stand beside each other.
 */
#include "query/flow_view.h"

#include "query/lex.h"
#include "storage/base/buf.h"
#include "storage/schema.h"

enum { VIEW_TEXT_BYTES_MAX = 64 << 10 };

enum null_rule { NOT_NULL, NULLABLE };
enum name_form { EXACT, PREFIXED };

#define SL_FLOW_FIELD(name, type)
#define SL_FLOW_COLUMN(view, name, type, null, expression, column, store)
enum view_id {
#define SL_FLOW_VIEW(id, name, form, condition) VIEW_##id,
#include "query/flow_view.def"
#undef SL_FLOW_VIEW
};
static const struct sl_flow_view views[] = {
#define SL_FLOW_VIEW(id, name, form, condition) {name, (form) == PREFIXED, condition},
#include "query/flow_view.def"
#undef SL_FLOW_VIEW
};
#undef SL_FLOW_FIELD
#undef SL_FLOW_COLUMN

#define SL_FLOW_VIEW(id, name, form, condition)
static const struct {
    const char *name;
    enum sl_type type;
} fields[] = {
#define SL_FLOW_FIELD(name, type) {name, SL_TYPE_##type},
#define SL_FLOW_COLUMN(view, name, type, null, expression, column, store)
#include "query/flow_view.def"
#undef SL_FLOW_FIELD
#undef SL_FLOW_COLUMN
};

#define SL_FLOW_FIELD(name, type)
static const struct sl_flow_column columns[] = {
#define SL_FLOW_COLUMN(view, name, type, null, expression, column, store) \
    {name, sizeof(name) - 1, type, (null) == NULLABLE, expression, column, SL_FLOW_STORE_##store},
#include "query/flow_view.def"
#undef SL_FLOW_COLUMN
};
static const enum view_id column_views[] = {
#define SL_FLOW_COLUMN(view, name, type, null, expression, column, store) VIEW_##view,
#include "query/flow_view.def"
#undef SL_FLOW_COLUMN
};
#undef SL_FLOW_FIELD
#undef SL_FLOW_VIEW

const struct sl_flow_view *
sl_flow_view_find(struct sl_slice name)
{
    for (size_t i = 0; i < SL_COUNTOF(views); i++) {
        size_t size = strlen(views[i].name);
        struct sl_slice tail = name;
        if (views[i].is_prefixed) {
            if (name.size_bytes <= size)
                continue;
            tail.bytes = name.bytes + name.size_bytes - size;
            tail.size_bytes = (uint32_t)size;
        }
        if (sl_slice_is(tail, views[i].name))
            return &views[i];
    }
    return NULL;
}

const struct sl_flow_view *
sl_flow_view_at(uint32_t index)
{
    return index < SL_COUNTOF(views) ? &views[index] : NULL;
}

const struct sl_flow_column *
sl_flow_view_columns(const struct sl_flow_view *view, uint32_t *out_count)
{
    enum view_id id = (enum view_id)(view - views);
    uint32_t first = 0, count = 0;
    while (column_views[first] != id)
        first++;
    while (first + count < SL_COUNTOF(columns) && column_views[first + count] == id)
        count++;
    *out_count = count;
    return &columns[first];
}

const struct sl_flow_column *
sl_flow_view_column(const struct sl_flow_view *view, struct sl_slice name)
{
    uint32_t count;
    const struct sl_flow_column *own = sl_flow_view_columns(view, &count);
    for (uint32_t i = 0; i < count; i++)
        if (own[i].name_bytes == name.size_bytes && sl_slice_is(name, own[i].name))
            return &own[i];
    return NULL;
}

bool
sl_flow_field_type(struct sl_slice name, enum sl_type *out_type)
{
    for (size_t i = 0; i < SL_COUNTOF(fields); i++)
        if (sl_slice_is(name, fields[i].name)) {
            *out_type = fields[i].type;
            return true;
        }
    const struct sl_element *element;
    for (uint32_t i = 0; (element = sl_element_at(i)) != NULL; i++)
        if (sl_slice_is(name, element->column)) {
            *out_type = element->type;
            return true;
        }
    element = sl_element_by_name((const char *)name.bytes, name.size_bytes);
    if (element != NULL)
        *out_type = element->type;
    return element != NULL;
}

sl_status
sl_flow_view_text(const struct sl_flow_view *view, struct sl_arena *arena,
                  struct sl_slice *out_text, struct sl_error *err)
{
    struct sl_buf text = sl_buf_empty(VIEW_TEXT_BYTES_MAX);
    uint32_t count;
    const struct sl_flow_column *own = sl_flow_view_columns(view, &count);

    for (uint32_t i = 0; i < count; i++)
        sl_buf_printf(&text, "%s%s AS `%s`", i == 0 ? "SELECT " : ", ", own[i].expression,
                      own[i].name);
    sl_buf_text(&text, " FROM flows");
    if (view->condition[0] != '\0')
        sl_buf_printf(&text, " WHERE %s", view->condition);
    const char *copy =
        text.bad ? NULL : sl_arena_string(arena, (const char *)text.bytes, text.size_bytes);
    *out_text = (struct sl_slice){.bytes = (const uint8_t *)copy,
                                  .size_bytes = copy == NULL ? 0 : (uint32_t)text.size_bytes};
    sl_buf_fini(&text);
    return copy == NULL ? sl_fail(err, SL_LIMIT, "statement is too large") : SL_OK;
}
