/*
 * bind_compare.c - predicates: where host and port, names of values, addresses and blocks mean
 * more than elsewhere.
 *
 * A predicate on host or port is bound twice, once for each side, and is true when either is.
 * `<>` is bound as the negation of `=`.
 */
#include "query/bind.h"
#include "query/lex.h"
#include "query/value.h"
#include "storage/base/clock.h"

static bool
has_sided(const struct sl_scope *s, const struct sl_node *node)
{
    enum sl_key_kind kind;

    for (uint32_t i = 0; i < node->arg_count; i++)
        if (sl_bind_is_sided(s, node->args[i], &kind))
            return true;
    return false;
}

/* A name or a text that names a value of the column it is compared with. */
static bool
find_value_name(const struct sl_scope *s, const struct sl_node *node, enum sl_naming naming,
                int64_t *out_number)
{
    uint8_t protocol;
    uint16_t port;

    bool is_word = (node->kind == SL_NODE_NAME && node->qualifier.size_bytes == 0 &&
                    !sl_bind_is_column(s, node)) ||
                   node->kind == SL_NODE_STRING;
    if (!is_word || naming == SL_NAMING_NONE)
        return false;
    if (naming == SL_NAMING_PROTOCOL && sl_protocol_by_name(node->text, &protocol)) {
        *out_number = protocol;
        return true;
    }
    if (naming == SL_NAMING_PORT && sl_service_by_name(node->text, &port)) {
        *out_number = port;
        return true;
    }
    return false;
}

static sl_status
bind_arg(struct sl_scope *s, const struct sl_node *node, enum sl_naming naming,
         struct sl_expr **out_expr, struct sl_error *err)
{
    int64_t number;

    if (find_value_name(s, node, naming, &number))
        return sl_expr_const_i64(&s->binder->typing, node->position, number, out_expr, err);
    return sl_bind_expr(s, node, out_expr, err);
}

/* Is the node a block of addresses, written bare or quoted? */
static bool
is_block(const struct sl_node *node, struct sl_addr *out_first, struct sl_addr *out_last)
{
    if (node->kind != SL_NODE_CIDR &&
        (node->kind != SL_NODE_STRING ||
         memchr(node->text.bytes, '/', node->text.size_bytes) == NULL))
        return false;
    return sl_addr_parse_cidr((const char *)node->text.bytes, node->text.size_bytes, out_first,
                              out_last);
}

struct range {
    struct sl_addr first;
    struct sl_addr last;
};

static int
compare_ranges(const void *a, const void *b)
{
    return sl_addr_compare(((const struct range *)a)->first, ((const struct range *)b)->first);
}

static sl_status
addr_const(struct sl_scope *s, uint32_t position, struct sl_addr addr, struct sl_expr **out_expr,
           struct sl_error *err)
{
    struct sl_value value = {.type = SL_TYPE_ADDR, .as.addr = addr};

    return sl_expr_const(&s->binder->typing, position, &value, out_expr, err);
}

/* Sort, join what overlaps, and make BETWEEN of one range or IN RANGES of several. */
static sl_status
make_ranges(struct sl_scope *s, uint32_t position, struct sl_expr *left, struct range *ranges,
            uint32_t count, struct sl_expr **out_expr, struct sl_error *err)
{
    uint32_t kept = 0;

    qsort(ranges, count, sizeof(*ranges), compare_ranges);
    for (uint32_t i = 1; i < count; i++) {
        if (sl_addr_compare(ranges[i].first, ranges[kept].last) <= 0) {
            if (sl_addr_compare(ranges[i].last, ranges[kept].last) > 0)
                ranges[kept].last = ranges[i].last;
        } else {
            ranges[++kept] = ranges[i];
        }
    }
    count = kept + 1;
    struct sl_expr **args =
        sl_arena_calloc(s->binder->typing.arena, 1 + 2 * (size_t)count, sizeof(struct sl_expr *));
    if (args == NULL)
        return sl_fail_memory(err);
    args[0] = left;
    for (uint32_t i = 0; i < count; i++) {
        SL_TRY(addr_const(s, position, ranges[i].first, &args[1 + 2 * i], err));
        SL_TRY(addr_const(s, position, ranges[i].last, &args[2 + 2 * i], err));
    }
    return sl_expr_call(&s->binder->typing, count == 1 ? SL_FN_BETWEEN : SL_FN_IN_RANGES, position,
                        args, 1 + 2 * count, out_expr, err);
}

/* address IN (blocks and addresses), address = block. Elements that are no constant stay an IN
 * of their own, joined by OR. */
static sl_status
bind_blocks(struct sl_scope *s, const struct sl_node *node, struct sl_expr *left,
            struct sl_expr **out_expr, struct sl_error *err)
{
    struct sl_arena *arena = s->binder->typing.arena;
    struct range *ranges = sl_arena_calloc(arena, node->arg_count, sizeof(*ranges));
    struct sl_expr **others = sl_arena_calloc(arena, node->arg_count, sizeof(struct sl_expr *));
    struct sl_sql_type addr = sl_sql_type_of(SL_TYPE_ADDR);
    uint32_t range_count = 0, other_count = 1;

    if (ranges == NULL || others == NULL)
        return sl_fail_memory(err);
    others[0] = left;
    for (uint32_t i = 1; i < node->arg_count; i++) {
        struct range *r = &ranges[range_count];
        struct sl_expr *element = NULL;
        if (is_block(node->args[i], &r->first, &r->last)) {
            range_count++;
            continue;
        }
        SL_TRY(sl_bind_expr(s, node->args[i], &element, err));
        if (element->kind == SL_EXPR_CONST && !element->value.is_null) {
            SL_TRY(sl_expr_coerce(&s->binder->typing, &element, &addr, err));
            if (element->value.is_null)
                return sl_bind_fail(s->binder, err, SL_TYPE, 1411, node->args[i]->position,
                                    "this is not an address");
            r->first = r->last = element->value.as.addr;
            range_count++;
        } else {
            others[other_count++] = element;
        }
    }
    SL_TRY(make_ranges(s, node->position, left, ranges, range_count, out_expr, err));
    if (other_count == 1)
        return SL_OK;
    struct sl_expr *rest = NULL;
    SL_TRY(sl_expr_call(&s->binder->typing, SL_FN_IN, node->position, others, other_count, &rest,
                        err));
    return sl_bind_op(s, SL_FN_OR, node->position, *out_expr, rest, out_expr, err);
}

/*
 * idx = n says when the flow ended: the second is in its high half. The bound on last_seen lets
 * the scan prune; the ends of the range of seconds stand for all beyond them.
 */
static sl_status
bound_by_idx(struct sl_scope *s, struct sl_expr **expr, struct sl_error *err)
{
    const struct sl_expr *e = *expr;
    struct sl_value low = {.type = SL_TYPE_TIME, .scale = 6}, high = low;
    struct sl_expr *args[3], *between;

    if (!sl_expr_is_call(e, SL_FN_EQ) || !sl_expr_is_call(e->args[0], SL_FN_FLOW_IDX) ||
        e->args[1]->kind != SL_EXPR_CONST || e->args[1]->type.type != SL_TYPE_I64)
        return SL_OK;
    int64_t seconds = e->args[1]->value.as.i64 >> 32;
    if (seconds <= 0 || seconds >= INT32_MAX)
        return SL_OK;
    low.as.i64 = (seconds + INT64_C(946684800)) * SL_US_PER_S;
    high.as.i64 = low.as.i64 + SL_US_PER_S - 1;
    args[0] = e->args[0]->args[1];
    SL_TRY(sl_expr_const(&s->binder->typing, e->position, &low, &args[1], err));
    SL_TRY(sl_expr_const(&s->binder->typing, e->position, &high, &args[2], err));
    SL_TRY(sl_expr_call(&s->binder->typing, SL_FN_BETWEEN, e->position, args, 3, &between, err));
    return sl_bind_op(s, SL_FN_AND, e->position, between, *expr, expr, err);
}

/* Rows that ntopng did not INSERT are of every interface that is asked for. */
static sl_status
keep_other_rows(struct sl_scope *s, const struct sl_node *node, struct sl_expr *const *args,
                struct sl_expr **expr, struct sl_error *err)
{
    struct sl_expr *is_null;

    for (uint32_t i = 0; i < node->arg_count; i++) {
        if (!sl_bind_is_interface(s, node->args[i]))
            continue;
        SL_TRY(sl_bind_op(s, SL_FN_IS_NULL, node->position, args[i], NULL, &is_null, err));
        return sl_bind_op(s, SL_FN_OR, node->position, is_null, *expr, expr, err);
    }
    return SL_OK;
}

static sl_status
bind_plain(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
           struct sl_error *err)
{
    enum sl_naming naming = SL_NAMING_NONE;
    struct sl_addr first = {0}, last = {0};
    bool has_block = false;
    enum sl_function_id id = node->function;

    for (uint32_t i = 0; i < node->arg_count && naming == SL_NAMING_NONE; i++)
        naming = sl_bind_naming(s, node->args[i]);
    for (uint32_t i = 1; i < node->arg_count && !has_block; i++)
        has_block = is_block(node->args[i], &first, &last);

    struct sl_expr **args =
        sl_arena_calloc(s->binder->typing.arena, node->arg_count + 1, sizeof(struct sl_expr *));
    if (args == NULL)
        return sl_fail_memory(err);
    SL_TRY(bind_arg(s, node->args[0], naming, &args[0], err));
    if (has_block && args[0]->type.type == SL_TYPE_ADDR &&
        (id == SL_FN_IN || id == SL_FN_EQ || id == SL_FN_NE)) {
        SL_TRY(bind_blocks(s, node, args[0], out_expr, err));
        return id == SL_FN_NE
                   ? sl_bind_op(s, SL_FN_NOT, node->position, *out_expr, NULL, out_expr, err)
                   : SL_OK;
    }
    for (uint32_t i = 1; i < node->arg_count; i++)
        SL_TRY(bind_arg(s, node->args[i], naming, &args[i], err));
    if (id == SL_FN_IN && node->arg_count == 2)
        id = SL_FN_EQ;
    SL_TRY(
        sl_expr_call(&s->binder->typing, id, node->position, args, node->arg_count, out_expr, err));
    if (id == SL_FN_EQ || id == SL_FN_IN)
        SL_TRY(keep_other_rows(s, node, args, out_expr, err));
    return bound_by_idx(s, out_expr, err);
}

sl_status
sl_bind_predicate(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
                  struct sl_error *err)
{
    struct sl_node positive = *node;
    struct sl_expr *source = NULL, *target = NULL;

    /* Where the rows are grouped by host or port, the name is the key. */
    bool is_key = s->place == SL_PLACE_TAIL || s->place == SL_PLACE_OUTPUT;
    if (s->side != SL_SIDE_NONE || !has_sided(s, node) ||
        (is_key && s->select->key_count > 0 && !s->in_aggregate))
        return bind_plain(s, node, out_expr, err);
    if (node->function == SL_FN_NE)
        positive.function = SL_FN_EQ;
    s->side = SL_SIDE_SOURCE;
    sl_status st = bind_plain(s, &positive, &source, err);
    s->side = SL_SIDE_TARGET;
    if (st == SL_OK)
        st = bind_plain(s, &positive, &target, err);
    s->side = SL_SIDE_NONE;
    SL_TRY(st);
    SL_TRY(sl_bind_op(s, SL_FN_OR, node->position, source, target, out_expr, err));
    return node->function == SL_FN_NE
               ? sl_bind_op(s, SL_FN_NOT, node->position, *out_expr, NULL, out_expr, err)
               : SL_OK;
}
