/*
 * plan.c - see plan.h.
 *
 * The shape of every select, from the bottom up:
 *
 *   source | join of sources -> filter (WHERE) -> group -> filter (HAVING) -> project | sort -> limit
 *
 * DISTINCT is a second grouping, by the outputs; UNION stacks the plans of its members and sorts
 * and cuts the whole.
 */
#include "query/plan.h"

#include "query/bounds_side.h"
#include "query/function.h"
#include "storage/schema.h"

/* Beyond this many rows to keep, ending the scan early, or fetching what does not decide the order
 * at the end, would cost more than it saves. */
enum { NEWEST_ROWS_MAX = 100000 };

/* A select of the flows of so many hosts may be narrow. */
enum { HOSTS_NARROW_MAX = 16 };

static sl_status
fail_size(struct sl_error *err)
{
    return sl_fail(err, SL_LIMIT, "statement is too large");
}

/* What is known while one select is planned. */
struct planning {
    struct sl_exec *exec;
    const struct sl_select *select;
    struct sl_op *op;   /* the top so far */
    struct sl_op *scan; /* the scan below */
    enum sl_scan_order order;
    struct sl_conjunct *conjuncts;
    uint32_t conjunct_count;
    bool is_never; /* the WHERE is constant and not true */
    bool is_cut;   /* ORDER BY and LIMIT are the select's own, not those of a union */
    uint64_t keep_rows;
};

static bool
is_single(const struct sl_select *select)
{
    return select->next_union == NULL;
}

/* A few rows of the scan itself in some order? */
static bool
is_top_of_scan(const struct sl_select *select, uint64_t keep_rows)
{
    return select->source == SL_SOURCE_FLOWS && !select->is_grouped && !select->is_distinct &&
           select->order_count > 0 && is_single(select) && keep_rows <= NEWEST_ROWS_MAX;
}

/* May the scan walk by time and end early? Then the first order is by last_seen itself. */
static enum sl_scan_order
choose_order(const struct sl_select *select, uint64_t keep_rows)
{
    if (!is_top_of_scan(select, keep_rows))
        return SL_SCAN_ANY;
    const struct sl_expr *expr = select->outputs[select->orders[0].output].expr;
    if (expr->kind != SL_EXPR_INPUT)
        return SL_SCAN_ANY;
    const struct sl_column *column = select->inputs[expr->slot].column;
    if (!column->is_core || column->index != SL_COLUMN_LAST_SEEN)
        return SL_SCAN_ANY;
    return select->orders[0].is_descending ? SL_SCAN_NEWEST_FIRST : SL_SCAN_OLDEST_FIRST;
}

/* Does a clause leave nothing but the rows of a few hosts? */
static bool
names_hosts(const struct sl_clause *clauses, uint32_t clause_count)
{
    for (uint32_t c = 0; c < clause_count; c++) {
        bool is_host = clauses[c].test_count != 0;
        for (uint32_t t = 0; t < clauses[c].test_count; t++) {
            const struct sl_test *test = &clauses[c].tests[t];
            bool is_end = test->column->is_core && (test->column->index == SL_COLUMN_SRC_ADDR ||
                                                    test->column->index == SL_COLUMN_DST_ADDR);
            bool is_few = test->kind == SL_TEST_SET ? test->key_count <= HOSTS_NARROW_MAX
                                                    : sl_addr_equal(test->low, test->high);
            is_host = is_host && is_end && is_few;
        }
        if (is_host)
            return true;
    }
    return false;
}

static sl_status
plan_scan(struct planning *p, struct sl_error *err)
{
    struct sl_exec *exec = p->exec;
    const struct sl_select *select = p->select;
    struct sl_clause *clauses = NULL;
    uint32_t clause_count = 0;

    if (exec->snapshot == NULL)
        return sl_fail(err, SL_MISSING, "there is no table flows here");
    SL_TRY(sl_bounds_clauses(p->conjuncts, p->conjunct_count, select->inputs, exec->arena, &clauses,
                             &clause_count, err));
    exec->is_wide = exec->is_wide || !names_hosts(clauses, clause_count);
    struct sl_scan_request request = {.clauses = clauses,
                                      .clause_count = clause_count,
                                      .order = p->order,
                                      .prune = exec->env->prune,
                                      .may_skip_damage = exec->env->may_skip_damage,
                                      .rows_max = exec->env->rows_max,
                                      .budget = &exec->budget};
    SL_TRY(sl_op_scan(exec, select->inputs, select->input_count, &request, &p->op, err));
    p->scan = p->op;
    return SL_OK;
}

static sl_status plan_union(struct sl_exec *exec, const struct sl_select *select,
                            struct sl_op **out_op, struct sl_error *err);

/* The tables, each with its own plan: rows of the first one find theirs in the others. */
static sl_status
plan_join(struct planning *p, struct sl_error *err)
{
    const struct sl_select *select = p->select;

    p->exec->is_wide = true; /* how many rows match is not known */
    for (uint32_t i = 0; i < select->join_count; i++) {
        const struct sl_join *join = &select->joins[i];
        struct sl_op *table = NULL;
        SL_TRY(plan_union(p->exec, join->select, &table, err));
        SL_TRY(sl_op_rename(p->exec, table, select->inputs, select->input_count, join->table,
                            &table, err));
        if (i == 0)
            p->op = table;
        else
            SL_TRY(sl_op_join(p->exec, p->op, table, select->inputs, select->input_count, join,
                              &p->op, err));
    }
    return SL_OK;
}

static sl_status
plan_source(struct planning *p, struct sl_error *err)
{
    const struct sl_select *select = p->select;
    struct sl_op *inner = NULL;

    switch (select->source) {
    case SL_SOURCE_NONE:
        return sl_op_none(p->exec, &p->op, err);
    case SL_SOURCE_FLOWS:
        return plan_scan(p, err);
    case SL_SOURCE_VIRTUAL:
        p->exec->is_wide = true;
        return sl_op_virtual(p->exec, select->table, select->inputs, select->input_count, &p->op,
                             err);
    case SL_SOURCE_SELECT:
        SL_TRY(plan_union(p->exec, select->subselect, &inner, err));
        return sl_op_rename(p->exec, inner, select->inputs, select->input_count, 0, &p->op, err);
    case SL_SOURCE_JOIN:
        return plan_join(p, err);
    }
    return sl_fail(err, SL_UNSUPPORTED, "unknown source of rows");
}

static sl_status
plan_where(struct planning *p, struct sl_error *err)
{
    if (p->conjunct_count != 0)
        SL_TRY(sl_op_filter(p->exec, p->op, p->conjuncts, p->conjunct_count, "where", &p->op, err));
    if (p->is_never)
        SL_TRY(sl_op_limit(p->exec, p->op, 0, 0, &p->op, err));
    return SL_OK;
}

/* COUNT(*) and nothing else over all flows: the snapshot knows. */
static bool
is_row_count(const struct planning *p)
{
    const struct sl_select *select = p->select;

    if (select->source != SL_SOURCE_FLOWS || !select->is_grouped || select->key_count != 0 ||
        select->where != NULL || p->exec->snapshot == NULL)
        return false;
    for (uint32_t i = 0; i < select->aggregate_count; i++)
        if (select->aggregates[i].kind != SL_AGG_COUNT_STAR)
            return false;
    return true;
}

/* An expression that passes on slot `slot` of the rows below. */
static struct sl_expr *
pass_slot(const struct sl_exec *exec, enum sl_expr_kind kind, uint32_t slot,
          const struct sl_sql_type *type)
{
    struct sl_expr *expr = sl_arena_calloc(exec->arena, 1, sizeof(*expr));
    if (expr == NULL)
        return NULL;
    expr->kind = kind;
    expr->slot = slot;
    expr->type = *type;
    return expr;
}

/* COUNT(DISTINCT x) and nothing else: the groups of x are counted, which is cheaper than values
 * that are kept beside a group. */
static bool
is_distinct_count(const struct sl_select *select)
{
    return select->key_count == 0 && select->aggregate_count == 1 &&
           select->aggregates[0].kind == SL_AGG_COUNT_DISTINCT;
}

static sl_status
plan_distinct_count(struct planning *p, struct sl_error *err)
{
    struct sl_exec *exec = p->exec;
    const struct sl_aggregate *distinct = &p->select->aggregates[0];
    const struct sl_sql_type *type = &distinct->argument->type;
    struct sl_key *key = sl_arena_calloc(exec->arena, 1, sizeof(*key));
    struct sl_aggregate *count = sl_arena_calloc(exec->arena, 1, sizeof(*count));
    struct sl_expr *value = pass_slot(exec, SL_EXPR_KEY, 0, type);

    if (key == NULL || count == NULL || value == NULL)
        return fail_size(err);
    *key = (struct sl_key){.kind = SL_KEY_EXPR, .expr = distinct->argument, .type = *type};
    *count = (struct sl_aggregate){.kind = SL_AGG_COUNT, .type = distinct->type, .argument = value};
    SL_TRY(sl_op_group(exec, p->op, key, 1, NULL, 0, p->select->input_count, &p->op, err));
    return sl_op_group(exec, p->op, NULL, 0, count, 1, 0, &p->op, err);
}

static bool
is_sum(const struct sl_select *select, const struct sl_expr *expr)
{
    if (expr->kind != SL_EXPR_AGGREGATE)
        return false;
    enum sl_aggregate_kind kind = select->aggregates[expr->slot].kind;
    return kind == SL_AGG_COUNT_STAR || kind == SL_AGG_COUNT || kind == SL_AGG_SUM;
}

/* Does a part of HAVING ask for a count or a sum of at least so much? */
static bool
asks_for_least(const struct sl_select *select, const struct sl_expr *expr,
               struct sl_group_floor *out_floor)
{
    sl_i128 value, low, high;

    if (expr->kind != SL_EXPR_CALL || expr->arg_count != 2 || !is_sum(select, expr->args[0]) ||
        !sl_bound_integer(expr->args[1], &value) ||
        !sl_bound_interval(expr->function->id, value, &low, &high) || low <= 0 || low > INT64_MAX)
        return false;
    *out_floor = (struct sl_group_floor){
        .kind = SL_FLOOR_LEAST, .aggregate = expr->args[0]->slot, .least = (uint64_t)low};
    return true;
}

/* Which groups are asked for, by HAVING or else by the first order. */
static struct sl_group_floor
choose_floor(const struct planning *p, const struct sl_conjunct *having, uint32_t having_count)
{
    const struct sl_select *select = p->select;
    struct sl_group_floor floor = {.kind = SL_FLOOR_NONE};

    for (uint32_t i = 0; i < having_count; i++)
        if (asks_for_least(select, having[i].expr, &floor))
            return floor;
    if (having_count != 0 || !p->is_cut || select->is_distinct || select->order_count == 0 ||
        !select->orders[0].is_descending)
        return floor;
    const struct sl_expr *first = select->outputs[select->orders[0].output].expr;
    if (is_sum(select, first))
        floor = (struct sl_group_floor){
            .kind = SL_FLOOR_TOP, .aggregate = first->slot, .keep = p->keep_rows};
    return floor;
}

static sl_status
plan_group(struct planning *p, struct sl_error *err)
{
    const struct sl_select *select = p->select;
    struct sl_conjunct *having = NULL;
    uint32_t having_count = 0;
    bool is_never = false;

    SL_TRY(sl_bounds_split(select->having, NULL, 0, p->exec->arena, &having, &having_count,
                           &is_never, err));
    if (is_row_count(p)) {
        SL_TRY(sl_op_row_count(p->exec, select->aggregates, select->aggregate_count, &p->op, err));
    } else if (is_distinct_count(select)) {
        SL_TRY(plan_distinct_count(p, err));
    } else {
        struct sl_group_floor floor = choose_floor(p, having, having_count);
        SL_TRY(sl_op_group(p->exec, p->op, select->keys, select->key_count, select->aggregates,
                           select->aggregate_count, select->input_count, &p->op, err));
        sl_op_group_narrow(p->op, &floor);
    }
    if (having_count != 0)
        SL_TRY(sl_op_filter(p->exec, p->op, having, having_count, "having", &p->op, err));
    return SL_OK;
}

static sl_status
compile_outputs(const struct sl_exec *exec, const struct sl_output *outputs, uint32_t count,
                uint32_t input_count, struct sl_term **out_terms, struct sl_error *err)
{
    *out_terms = sl_arena_calloc(exec->arena, count, sizeof(**out_terms));
    if (*out_terms == NULL)
        return fail_size(err);
    for (uint32_t i = 0; i < count; i++)
        SL_TRY(sl_term_compile(outputs[i].expr, input_count, exec->arena, &(*out_terms)[i], err));
    return SL_OK;
}

/*
 * Group the rows of `p->op`, which carry the outputs as inputs, by the visible ones. Hidden ones
 * depend on them, so any value will do. The result carries keys and aggregates; *out_terms turn
 * them into outputs again.
 */
static sl_status
plan_distinct(struct planning *p, uint32_t visible_count, uint32_t output_count,
              const struct sl_output *outputs, struct sl_term **out_terms, struct sl_error *err)
{
    struct sl_exec *exec = p->exec;
    uint32_t hidden_count = output_count - visible_count;
    struct sl_key *keys = sl_arena_calloc(exec->arena, visible_count, sizeof(*keys));
    struct sl_aggregate *hidden = sl_arena_calloc(exec->arena, hidden_count, sizeof(*hidden));
    *out_terms = sl_arena_calloc(exec->arena, output_count, sizeof(**out_terms));

    if (keys == NULL || hidden == NULL || *out_terms == NULL)
        return fail_size(err);
    for (uint32_t i = 0; i < output_count; i++) {
        const struct sl_sql_type *type = &outputs[i].expr->type;
        bool is_key = i < visible_count;
        uint32_t slot = is_key ? i : i - visible_count;
        struct sl_expr *below = pass_slot(exec, SL_EXPR_INPUT, i, type);
        struct sl_expr *above =
            pass_slot(exec, is_key ? SL_EXPR_KEY : SL_EXPR_AGGREGATE, slot, type);
        if (below == NULL || above == NULL)
            return fail_size(err);
        if (is_key)
            keys[slot] = (struct sl_key){.kind = SL_KEY_EXPR, .expr = below, .type = *type};
        else
            hidden[slot] =
                (struct sl_aggregate){.kind = SL_AGG_ANY, .type = *type, .argument = below};
        SL_TRY(sl_term_compile(above, 0, exec->arena, &(*out_terms)[i], err));
    }
    return sl_op_group(exec, p->op, keys, visible_count, hidden, hidden_count, output_count, &p->op,
                       err);
}

/* Outputs, order and limit of one select that is no union, or of a whole union. */
static sl_status
plan_outputs(struct planning *p, const struct sl_term *terms, uint32_t output_count, bool is_cut,
             struct sl_error *err)
{
    const struct sl_select *select = p->select;
    struct sl_exec *exec = p->exec;
    bool is_limited = is_cut && (select->limit != UINT64_MAX || select->offset != 0);

    if (is_cut && select->order_count != 0) {
        struct sl_op *scan = is_top_of_scan(select, p->keep_rows) ? p->scan : NULL;
        SL_TRY(sl_op_sort(exec, p->op, terms, output_count, select->orders, select->order_count,
                          p->keep_rows, scan, p->order != SL_SCAN_ANY, &p->op, err));
        if (!is_limited)
            return SL_OK;
        return sl_op_limit(exec, p->op, select->limit, select->offset, &p->op, err);
    }
    /* Rows that the limit drops are never projected, so their columns are never read. */
    if (is_limited)
        SL_TRY(sl_op_limit(exec, p->op, select->limit, select->offset, &p->op, err));
    return sl_op_project(exec, p->op, terms, output_count, &p->op, err);
}

static uint64_t
rows_to_keep(const struct sl_select *select)
{
    return select->limit > UINT64_MAX - select->offset ? UINT64_MAX
                                                       : select->limit + select->offset;
}

/* One select. `is_cut`: its ORDER BY and LIMIT are its own, not those of a union. */
static sl_status
plan_select(struct sl_exec *exec, const struct sl_select *select, bool is_cut,
            struct sl_op **out_op, struct sl_error *err)
{
    struct planning p = {
        .exec = exec, .select = select, .keep_rows = rows_to_keep(select), .is_cut = is_cut};
    struct sl_term *terms = NULL;

    p.order = is_cut ? choose_order(select, p.keep_rows) : SL_SCAN_ANY;
    SL_TRY(sl_bounds_split(select->where, select->inputs, select->input_count, exec->arena,
                           &p.conjuncts, &p.conjunct_count, &p.is_never, err));
    if (!is_row_count(&p)) {
        SL_TRY(plan_source(&p, err));
        SL_TRY(plan_where(&p, err));
    }
    if (select->is_grouped)
        SL_TRY(plan_group(&p, err));
    SL_TRY(compile_outputs(exec, select->outputs, select->output_count, select->input_count, &terms,
                           err));
    if (select->is_distinct) {
        SL_TRY(sl_op_project(exec, p.op, terms, select->output_count, &p.op, err));
        SL_TRY(plan_distinct(&p, select->visible_count, select->output_count, select->outputs,
                             &terms, err));
    }
    SL_TRY(plan_outputs(&p, terms, select->output_count, is_cut, err));
    *out_op = p.op;
    return SL_OK;
}

/* A chain of selects; ORDER BY and LIMIT of the head belong to the whole. */
static sl_status
plan_union(struct sl_exec *exec, const struct sl_select *select, struct sl_op **out_op,
           struct sl_error *err)
{
    struct planning p = {.exec = exec, .select = select, .keep_rows = rows_to_keep(select)};
    struct sl_term *terms = NULL;
    uint32_t count = select->visible_count;

    if (is_single(select))
        return plan_select(exec, select, true, out_op, err);
    SL_TRY(plan_select(exec, select, false, &p.op, err));
    terms = sl_arena_calloc(exec->arena, count, sizeof(*terms));
    if (terms == NULL)
        return fail_size(err);
    for (const struct sl_select *next = select->next_union; next != NULL; next = next->next_union) {
        struct sl_op *member = NULL;
        SL_TRY(plan_select(exec, next, true, &member, err));
        SL_TRY(sl_op_union(exec, p.op, member, &p.op, err));
        if (next->is_union_all)
            continue;
        struct sl_term *distinct = NULL;
        SL_TRY(plan_distinct(&p, count, count, select->outputs, &distinct, err));
        SL_TRY(sl_op_project(exec, p.op, distinct, count, &p.op, err));
    }
    for (uint32_t i = 0; i < count; i++) {
        struct sl_expr *expr = pass_slot(exec, SL_EXPR_INPUT, i, &select->outputs[i].expr->type);
        if (expr == NULL)
            return fail_size(err);
        SL_TRY(sl_term_compile(expr, count, exec->arena, &terms[i], err));
    }
    SL_TRY(plan_outputs(&p, terms, count, true, err));
    *out_op = p.op;
    return SL_OK;
}

sl_status
sl_plan_build(struct sl_exec *exec, const struct sl_select *select, struct sl_op **out_op,
              struct sl_error *err)
{
    *out_op = NULL;
    return plan_union(exec, select, out_op, err);
}
