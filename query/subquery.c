/*
 * subquery.c - see subquery.h.
 */
#include "query/subquery.h"

#include "query/plan.h"
#include "query/subquery_fill.h"
#include "query/system_variable.h"
#include "query/value.h"
#include "storage/base/limits.h"

/* A subquery while its values are gathered. */
struct running {
    struct sl_exec *exec;
    struct sl_typing typing;
    struct sl_subquery **by_number;
    struct sl_subquery *subquery;
    uint32_t capacity; /* of its values */
};

static sl_status
add_constant(struct running *r, struct sl_expr *constant, struct sl_error *err)
{
    struct sl_subquery *s = r->subquery;

    if (s->value_count == r->capacity) {
        uint32_t capacity = r->capacity == 0 ? 4 : 2 * r->capacity;
        struct sl_expr **grown =
            sl_arena_calloc(r->typing.arena, capacity, sizeof(struct sl_expr *));
        if (grown == NULL)
            return sl_fail_memory(err);
        if (s->value_count > 0)
            memcpy(grown, s->values, s->value_count * sizeof(struct sl_expr *));
        s->values = grown;
        r->capacity = capacity;
    }
    s->values[s->value_count++] = constant;
    return SL_OK;
}

/* A constant that lives as long as the statement. */
static sl_status
add_value(struct running *r, const struct sl_vector *vector, uint32_t row, struct sl_error *err)
{
    struct sl_value value = sl_vector_value(vector, row);
    struct sl_expr *constant;

    SL_TRY(sl_expr_const(&r->typing, 0, &value, &constant, err));
    return add_constant(r, constant, err);
}

static sl_status
add_row(struct running *r, const struct sl_vector *vectors, uint32_t row, struct sl_error *err)
{
    struct sl_subquery *s = r->subquery;
    uint32_t width = s->select->visible_count;

    if (s->kind == SL_SUBQUERY_EXISTS) { /* that there is one is all that matters */
        s->value_count = 1;
        return SL_OK;
    }
    if (s->kind == SL_SUBQUERY_VALUE && s->value_count != 0) {
        (void)sl_fail(err, SL_TYPE, "a subquery that stands for a value returns more than 1 row");
        if (err != NULL)
            err->sql_number = 1242; /* ER_SUBQUERY_NO_1_ROW */
        return SL_TYPE;
    }
    if (s->value_count + width > SL_SQL_IN_LIST_MAX)
        return sl_fail(err, SL_LIMIT, "a subquery behind IN gives more than %d values",
                       SL_SQL_IN_LIST_MAX);
    for (uint32_t i = 0; i < width; i++)
        SL_TRY(add_value(r, &vectors[i], row, err));
    return SL_OK;
}

static sl_status
add_rows(struct running *r, struct sl_op *root, struct sl_error *err)
{
    struct sl_chunk chunk = {0};

    for (unsigned worker = 0; worker < root->width; worker++)
        do {
            SL_TRY(sl_op_next(root, worker, &chunk, err));
            for (uint32_t row = 0; row < chunk.count; row++)
                if (chunk.selection == NULL || sl_bit_get(chunk.selection, row))
                    SL_TRY(add_row(r, chunk.inputs, row, err));
        } while (chunk.count != 0);
    return SL_OK;
}

/* VALUE: in the type that the tree around it was bound for. EXISTS: the truth. */
static sl_status
settle(struct running *r, struct sl_error *err)
{
    struct sl_subquery *s = r->subquery;
    struct sl_value value = {.type = s->type.type, .scale = s->type.scale};
    struct sl_expr *constant;

    if (s->kind == SL_SUBQUERY_LIST)
        return SL_OK;
    if (s->kind == SL_SUBQUERY_EXISTS) {
        value.as.u64 = s->value_count;
        s->value_count = 0;
    } else if (s->value_count == 0) {
        value.is_null = true;
    } else {
        SL_TRY(sl_expr_coerce(&r->typing, &s->values[0], &s->type, err));
        value = s->values[0]->value;
        s->value_count = 0;
    }
    SL_TRY(sl_expr_const(&r->typing, 0, &value, &constant, err));
    constant->type = s->type;
    constant->type.is_nullable = value.is_null;
    return add_constant(r, constant, err);
}

static void
explain(const struct sl_subquery *s, const struct sl_op *root, struct sl_buf *out)
{
    static const char *const kinds[] = {[SL_SUBQUERY_VALUE] = "value",
                                        [SL_SUBQUERY_EXISTS] = "exists",
                                        [SL_SUBQUERY_LIST] = "list"};

    if (out == NULL)
        return;
    sl_buf_printf(out, "subquery %u, %s, runs first\n", s->number + 1, kinds[s->kind]);
    sl_plan_explain(root, 1, out);
}

static sl_status
run_one(struct running *r, struct sl_buf *explanation, struct sl_error *err)
{
    struct sl_op *root = NULL;

    r->capacity = 0;
    SL_TRY(sl_subqueries_fill(&r->typing, r->by_number, r->subquery->select, err));
    sl_status st = sl_plan_build(r->exec, r->subquery->select, &root, err);
    if (st == SL_OK)
        st = sl_op_start(root, err);
    if (st == SL_OK)
        st = add_rows(r, root, err);
    if (st == SL_OK)
        explain(r->subquery, root, explanation);
    sl_op_close(root);
    return st == SL_OK ? settle(r, err) : st;
}

sl_status
sl_subqueries_run(struct sl_exec *exec, struct sl_statement *statement, struct sl_buf *explanation,
                  struct sl_error *err)
{
    struct running r = {.exec = exec,
                        .typing = {.arena = exec->arena,
                                   .now_us = statement->now_us,
                                   .text = "",
                                   .warnings = exec->env->warnings}};

    if (statement->subqueries == NULL)
        return SL_OK;
    if (!sl_zone_find(exec->session->time_zone, &r.typing.zone))
        return sl_fail(err, SL_NAME, "unknown time zone");
    r.by_number =
        sl_arena_calloc(exec->arena, statement->subquery_count, sizeof(struct sl_subquery *));
    if (r.by_number == NULL)
        return sl_fail_memory(err);
    for (r.subquery = statement->subqueries; r.subquery != NULL; r.subquery = r.subquery->next) {
        r.by_number[r.subquery->number] = r.subquery;
        SL_TRY(run_one(&r, explanation, err));
    }
    return sl_subqueries_fill(&r.typing, r.by_number, statement->select, err);
}
