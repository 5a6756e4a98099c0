/*
 * bounds.c - see bounds.h.
 *
 * A bound is an interval of 128-bit integers, whatever the column's type; it is clipped to the
 * type at the end. An interval that is empty after clipping gives no clause: the program will
 * find no row, and that case is not worth a special one.
 */
#include "query/bounds.h"

#include "query/function.h"
#include "storage/base/clock.h"

enum {
    TESTS_MAX = 256,   /* of one clause: beyond, testing costs more than it prunes */
    SECONDS_SLACK = 1, /* UNIX_TIMESTAMP may round */
};

static sl_status
fail_size(struct sl_error *err)
{
    return sl_fail(err, SL_LIMIT, "statement is too large");
}

/* ---- constants and columns ---- */

static bool
is_constant(const struct sl_expr *expr)
{
    return expr->kind == SL_EXPR_CONST && !expr->value.is_null;
}

/* The integer that a constant is; false for fractions, texts, addresses. */
static bool
integer_of(const struct sl_expr *expr, sl_i128 *out)
{
    const struct sl_value *value = &expr->value;

    if (!is_constant(expr))
        return false;
    if (sl_type_is_signed(value->type))
        *out = value->as.i64;
    else if (sl_type_is_unsigned(value->type))
        *out = value->type == SL_TYPE_BOOL ? (value->as.u64 & 0xff) != 0 : value->as.u64;
    else
        return false;
    return true;
}

static const struct sl_column *
column_of(const struct sl_expr *expr, const struct sl_input *inputs)
{
    return expr->kind == SL_EXPR_INPUT ? inputs[expr->slot].column : NULL;
}

/* ---- tests ---- */

struct tests {
    struct sl_test *list; /* TESTS_MAX of them */
    uint32_t count;
    const struct sl_input *inputs;
    struct sl_arena *arena;
};

static struct sl_test *
add_test(struct tests *tests, enum sl_test_kind kind, const struct sl_column *column)
{
    if (tests->count == TESTS_MAX)
        return NULL;
    struct sl_test *test = &tests->list[tests->count++];
    *test = (struct sl_test){.kind = kind, .column = column};
    return test;
}

/* What the column's type can hold. */
static bool
type_limits(enum sl_type type, sl_i128 *out_low, sl_i128 *out_high)
{
    *out_low = 0;
    switch (type) {
    case SL_TYPE_U8:
        *out_high = UINT8_MAX;
        return true;
    case SL_TYPE_U16:
        *out_high = UINT16_MAX;
        return true;
    case SL_TYPE_U32:
        *out_high = UINT32_MAX;
        return true;
    case SL_TYPE_U64:
    case SL_TYPE_MAC:
        *out_high = UINT64_MAX;
        return true;
    case SL_TYPE_I64:
    case SL_TYPE_TIME:
        *out_low = INT64_MIN;
        *out_high = INT64_MAX;
        return true;
    case SL_TYPE_NULL:
    case SL_TYPE_F64:
    case SL_TYPE_BOOL:
    case SL_TYPE_ADDR:
    case SL_TYPE_TEXT:
    case SL_TYPE_OCTETS:
    case SL_TYPE_DECIMAL:
    case SL_TYPE_DATE:
    case SL_TYPE_SPAN:
    case SL_TYPE_COUNT:
        break;
    }
    return false;
}

static struct sl_addr
key_of_integer(sl_i128 value)
{
    return (struct sl_addr){.low = (uint64_t)value};
}

/* column between low and high */
static bool
add_range(struct tests *tests, const struct sl_column *column, sl_i128 low, sl_i128 high)
{
    sl_i128 least, most;

    if (!type_limits(column->type, &least, &most))
        return false;
    low = low < least ? least : low;
    high = high > most ? most : high;
    if (low > high)
        return false;
    struct sl_test *test = add_test(tests, SL_TEST_RANGE, column);
    if (test == NULL)
        return false;
    test->low = key_of_integer(low);
    test->high = key_of_integer(high);
    return true;
}

static bool
add_addr_range(struct tests *tests, const struct sl_column *column, struct sl_addr low,
               struct sl_addr high)
{
    if (column->type != SL_TYPE_ADDR || sl_addr_compare(low, high) > 0)
        return false;
    struct sl_test *test = add_test(tests, SL_TEST_RANGE, column);
    if (test == NULL)
        return false;
    test->low = low;
    test->high = high;
    return true;
}

/* The interval of values x for which `x <id> value`. */
static bool
interval_of(enum sl_function_id id, sl_i128 value, sl_i128 *low, sl_i128 *high)
{
    *low = -((sl_i128)1 << 100);
    *high = (sl_i128)1 << 100;
    switch ((int)id) {
    case SL_FN_EQ:
    case SL_FN_NULL_EQ:
        *low = *high = value;
        return true;
    case SL_FN_LT:
        *high = value - 1;
        return true;
    case SL_FN_LE:
        *high = value;
        return true;
    case SL_FN_GT:
        *low = value + 1;
        return true;
    case SL_FN_GE:
        *low = value;
        return true;
    default:
        return false;
    }
}

/* The comparison with its sides exchanged. */
static enum sl_function_id
mirror(enum sl_function_id id)
{
    switch ((int)id) {
    case SL_FN_LT:
        return SL_FN_GT;
    case SL_FN_LE:
        return SL_FN_GE;
    case SL_FN_GT:
        return SL_FN_LT;
    case SL_FN_GE:
        return SL_FN_LE;
    default:
        return id;
    }
}

/*
 * Functions of a time that rise with it: an interval of the function's values is an interval of
 * times, widened by as much as the function may have rounded.
 */
static bool
time_under(const struct sl_expr *expr, const struct sl_input *inputs,
           const struct sl_column **out_column, sl_i128 *out_unit_us, sl_i128 *out_slack_us)
{
    sl_i128 step = 0;

    if (expr->kind != SL_EXPR_CALL || expr->arg_count == 0)
        return false;
    const struct sl_column *column = column_of(expr->args[0], inputs);
    if (column == NULL || column->type != SL_TYPE_TIME)
        return false;
    *out_column = column;
    switch ((int)expr->function->id) {
    case SL_FN_UNIX_TIMESTAMP:
        *out_unit_us = SL_US_PER_S;
        *out_slack_us = (sl_i128)SECONDS_SLACK * SL_US_PER_S;
        return expr->type.type == SL_TYPE_I64 || expr->type.type == SL_TYPE_U64;
    case SL_FN_UNIX_BUCKET:
        *out_unit_us = SL_US_PER_S;
        break;
    case SL_FN_TIME_BUCKET:
        *out_unit_us = 1;
        break;
    case SL_FN_DATE:
        *out_unit_us = SL_US_PER_DAY;
        *out_slack_us = (sl_i128)2 * SL_US_PER_DAY; /* time zones */
        return true;
    default:
        return false;
    }
    if (expr->arg_count < 2 || !integer_of(expr->args[1], &step) || step <= 0 || step > INT32_MAX)
        return false;
    *out_slack_us = step * SL_US_PER_S;
    return true;
}

static bool
test_comparison(struct tests *tests, enum sl_function_id id, const struct sl_expr *side,
                const struct sl_expr *constant)
{
    const struct sl_column *column = column_of(side, tests->inputs);
    sl_i128 value, low, high, unit_us, slack_us;

    if (!is_constant(constant))
        return false;
    if (column == NULL) {
        if (!time_under(side, tests->inputs, &column, &unit_us, &slack_us) ||
            !integer_of(constant, &value) || !interval_of(id, value, &low, &high))
            return false;
        return add_range(tests, column, low * unit_us - slack_us, high * unit_us + slack_us);
    }
    if (integer_of(constant, &value) && constant->value.type != SL_TYPE_BOOL)
        return interval_of(id, value, &low, &high) && add_range(tests, column, low, high);
    bool is_equal = id == SL_FN_EQ || id == SL_FN_NULL_EQ;
    if (constant->value.type == SL_TYPE_TEXT && column->type == SL_TYPE_TEXT && is_equal) {
        struct sl_test *test = add_test(tests, SL_TEST_TEXT, column);
        if (test == NULL)
            return false;
        test->text = constant->value.as.slice;
        return true;
    }
    if (constant->value.type != SL_TYPE_ADDR)
        return false;
    struct sl_addr addr = constant->value.as.addr;
    const struct sl_addr first = {0};
    const struct sl_addr last = {.low = UINT64_MAX, .high = UINT64_MAX};
    if (is_equal)
        return add_addr_range(tests, column, addr, addr);
    if (id == SL_FN_LT || id == SL_FN_LE)
        return add_addr_range(tests, column, first, addr);
    if (id == SL_FN_GT || id == SL_FN_GE)
        return add_addr_range(tests, column, addr, last);
    return false;
}

static bool
test_between(struct tests *tests, const struct sl_expr *expr)
{
    const struct sl_expr *side = expr->args[0];
    const struct sl_column *column = column_of(side, tests->inputs);
    const struct sl_expr *from = expr->args[1];
    const struct sl_expr *to = expr->args[2];
    sl_i128 low, high;
    sl_i128 unit_us = 1;
    sl_i128 slack_us = 0;

    if (!is_constant(from) || !is_constant(to))
        return false;
    if (column != NULL && from->value.type == SL_TYPE_ADDR && to->value.type == SL_TYPE_ADDR)
        return add_addr_range(tests, column, from->value.as.addr, to->value.as.addr);
    if (column == NULL && !time_under(side, tests->inputs, &column, &unit_us, &slack_us))
        return false;
    if (!integer_of(from, &low) || !integer_of(to, &high))
        return false;
    return add_range(tests, column, low * unit_us - slack_us, high * unit_us + slack_us);
}

static int
compare_keys(const void *a, const void *b)
{
    struct sl_addr x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return sl_addr_compare(x, y);
}

static int
compare_signed_keys(const void *a, const void *b)
{
    struct sl_addr x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    int64_t u = (int64_t)x.low;
    int64_t v = (int64_t)y.low;
    return (u > v) - (u < v);
}

static bool
test_texts(struct tests *tests, const struct sl_column *column, const struct sl_expr *expr)
{
    for (uint32_t i = 1; i < expr->arg_count; i++) {
        const struct sl_expr *element = expr->args[i];
        if (element->kind == SL_EXPR_CONST && element->value.is_null)
            continue; /* equals nothing */
        if (!is_constant(element) || element->value.type != SL_TYPE_TEXT)
            return false;
        struct sl_test *test = add_test(tests, SL_TEST_TEXT, column);
        if (test == NULL)
            return false;
        test->text = element->value.as.slice;
    }
    return true;
}

static bool
test_in(struct tests *tests, const struct sl_expr *expr)
{
    const struct sl_column *column = column_of(expr->args[0], tests->inputs);
    sl_i128 least = 0;
    sl_i128 most = 0;
    sl_i128 value;
    uint32_t count = 0;

    if (column == NULL)
        return false;
    if (column->type == SL_TYPE_TEXT)
        return test_texts(tests, column, expr);
    bool is_addr = column->type == SL_TYPE_ADDR;
    if (!is_addr && !type_limits(column->type, &least, &most))
        return false;
    struct sl_addr *keys = sl_arena_calloc(tests->arena, expr->arg_count, sizeof(*keys));
    if (keys == NULL)
        return false;
    for (uint32_t i = 1; i < expr->arg_count; i++) {
        const struct sl_expr *element = expr->args[i];
        if (element->kind == SL_EXPR_CONST && element->value.is_null)
            continue;
        if (!is_constant(element))
            return false;
        if (is_addr && element->value.type == SL_TYPE_ADDR) {
            keys[count++] = element->value.as.addr;
            continue;
        }
        if (is_addr || !integer_of(element, &value))
            return false;
        if (value >= least && value <= most)
            keys[count++] = key_of_integer(value);
    }
    if (count == 0)
        return false;
    qsort(keys, count, sizeof(*keys),
          sl_type_is_signed(column->type) ? compare_signed_keys : compare_keys);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < count; i++)
        if (!sl_addr_equal(keys[i], keys[kept - 1]))
            keys[kept++] = keys[i];
    struct sl_test *test = add_test(tests, SL_TEST_SET, column);
    if (test == NULL)
        return false;
    test->keys = keys;
    test->key_count = kept;
    return true;
}

static bool
test_ranges(struct tests *tests, const struct sl_expr *expr)
{
    const struct sl_column *column = column_of(expr->args[0], tests->inputs);

    if (column == NULL)
        return false;
    for (uint32_t i = 1; i + 1 < expr->arg_count; i += 2) {
        const struct sl_expr *low = expr->args[i];
        const struct sl_expr *high = expr->args[i + 1];
        if (!is_constant(low) || !is_constant(high) || low->value.type != SL_TYPE_ADDR ||
            high->value.type != SL_TYPE_ADDR)
            return false;
        if (!add_addr_range(tests, column, low->value.as.addr, high->value.as.addr))
            return false;
    }
    return true;
}

/*
 * Tests of which one holds for every row that satisfies `expr`; false when that cannot be said.
 * Recursion is as deep as the expression, which the parser bounds.
 */
static bool
test_expr(struct tests *tests, const struct sl_expr *expr)
{
    if (expr->kind != SL_EXPR_CALL)
        return false;
    enum sl_function_id id = expr->function->id;
    switch ((int)id) {
    case SL_FN_OR:
        return test_expr(tests, expr->args[0]) && test_expr(tests, expr->args[1]);
    case SL_FN_AND: {
        /* Either side alone is wide enough. */
        uint32_t count = tests->count;
        if (test_expr(tests, expr->args[0]))
            return true;
        tests->count = count;
        return test_expr(tests, expr->args[1]);
    }
    case SL_FN_EQ:
    case SL_FN_NULL_EQ:
    case SL_FN_LT:
    case SL_FN_LE:
    case SL_FN_GT:
    case SL_FN_GE:
        if (is_constant(expr->args[0]))
            return test_comparison(tests, mirror(id), expr->args[1], expr->args[0]);
        return test_comparison(tests, id, expr->args[0], expr->args[1]);
    case SL_FN_BETWEEN:
        return test_between(tests, expr);
    case SL_FN_IN:
        return test_in(tests, expr);
    case SL_FN_IN_RANGES:
        return test_ranges(tests, expr);
    default:
        return false;
    }
}

sl_status
sl_bounds_clauses(const struct sl_conjunct *conjuncts, uint32_t count,
                  const struct sl_input *inputs, struct sl_arena *arena,
                  struct sl_clause **out_clauses, uint32_t *out_count, struct sl_error *err)
{
    struct sl_clause *clauses = sl_arena_calloc(arena, count, sizeof(*clauses));
    struct sl_test *list = sl_arena_calloc(arena, TESTS_MAX, sizeof(*list));
    uint32_t kept = 0;

    *out_clauses = NULL;
    *out_count = 0;
    if (clauses == NULL || list == NULL)
        return fail_size(err);
    for (uint32_t i = 0; i < count; i++) {
        struct tests tests = {.list = list, .inputs = inputs, .arena = arena};
        if (!test_expr(&tests, conjuncts[i].expr) || tests.count == 0)
            continue;
        struct sl_test *copy = sl_arena_calloc(arena, tests.count, sizeof(*copy));
        if (copy == NULL)
            return fail_size(err);
        memcpy(copy, list, tests.count * sizeof(*copy));
        clauses[kept++] = (struct sl_clause){.tests = copy, .test_count = tests.count};
    }
    *out_clauses = clauses;
    *out_count = kept;
    return SL_OK;
}

/* ---- conjuncts ---- */

/* A guess: equality of addresses leaves least, times are mostly decided by pruning already. */
static uint32_t
cost_of(const struct sl_expr *expr)
{
    if (expr->kind != SL_EXPR_CALL)
        return 0;
    switch ((int)expr->function->id) {
    case SL_FN_EQ:
        if (expr->args[0]->type.type == SL_TYPE_ADDR)
            return 1;
        return expr->args[0]->kind == SL_EXPR_CALL ? 30 : 2;
    case SL_FN_IN:
    case SL_FN_IN_RANGES:
        return expr->args[0]->kind == SL_EXPR_CALL ? 31 : 3;
    case SL_FN_BETWEEN:
    case SL_FN_LT:
    case SL_FN_LE:
    case SL_FN_GT:
    case SL_FN_GE:
        if (expr->args[0]->kind == SL_EXPR_CALL || expr->args[1]->kind == SL_EXPR_CALL)
            return 32;
        return expr->args[0]->type.type == SL_TYPE_TIME ? 20 : 10;
    case SL_FN_OR: {
        uint32_t left = cost_of(expr->args[0]);
        uint32_t right = cost_of(expr->args[1]);
        return 4 + (left > right ? left : right);
    }
    case SL_FN_LIKE:
        return 40;
    default:
        return 35;
    }
}

static bool
is_last_seen(const struct sl_expr *expr, const struct sl_input *inputs)
{
    const struct sl_column *column = column_of(expr, inputs);
    return column != NULL && column->is_core && column->index == SL_COLUMN_LAST_SEEN;
}

/* Does the conjunct say nothing but "last_seen lies between"? */
static void
find_time_range(struct sl_conjunct *conjunct, const struct sl_input *inputs)
{
    const struct sl_expr *expr = conjunct->expr;
    sl_i128 low = 0;
    sl_i128 high = 0;
    sl_i128 value;

    if (expr->kind != SL_EXPR_CALL || expr->arg_count < 2)
        return;
    enum sl_function_id id = expr->function->id;
    if (id == SL_FN_BETWEEN && is_last_seen(expr->args[0], inputs)) {
        if (!integer_of(expr->args[1], &low) || !integer_of(expr->args[2], &high) ||
            expr->args[1]->value.type != SL_TYPE_TIME || expr->args[2]->value.type != SL_TYPE_TIME)
            return;
    } else {
        const struct sl_expr *side = expr->args[0];
        const struct sl_expr *constant = expr->args[1];
        if (is_constant(side)) {
            side = expr->args[1];
            constant = expr->args[0];
            id = mirror(id);
        }
        if (!is_last_seen(side, inputs) || !integer_of(constant, &value) ||
            constant->value.type != SL_TYPE_TIME || !interval_of(id, value, &low, &high))
            return;
    }
    conjunct->is_time_range = true;
    conjunct->low_us = low < INT64_MIN ? INT64_MIN : low > INT64_MAX ? INT64_MAX : (int64_t)low;
    conjunct->high_us = high > INT64_MAX ? INT64_MAX : high < INT64_MIN ? INT64_MIN : (int64_t)high;
}

static uint32_t
count_conjuncts(const struct sl_expr *expr)
{
    if (expr == NULL)
        return 0;
    if (!sl_expr_is_call(expr, SL_FN_AND))
        return 1;
    return count_conjuncts(expr->args[0]) + count_conjuncts(expr->args[1]);
}

static void
list_conjuncts(const struct sl_expr *expr, struct sl_conjunct *list, uint32_t *count)
{
    if (sl_expr_is_call(expr, SL_FN_AND)) {
        list_conjuncts(expr->args[0], list, count);
        list_conjuncts(expr->args[1], list, count);
        return;
    }
    list[(*count)++].expr = expr;
}

static bool
is_true_constant(const struct sl_expr *expr)
{
    sl_i128 value;
    return integer_of(expr, &value) && value != 0;
}

static void
order_conjuncts(struct sl_conjunct *list, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct sl_conjunct conjunct = list[i];
        uint32_t at = i;
        for (; at > 0 && list[at - 1].cost > conjunct.cost; at--)
            list[at] = list[at - 1];
        list[at] = conjunct;
    }
}

sl_status
sl_bounds_split(const struct sl_expr *where, const struct sl_input *inputs, uint32_t input_count,
                struct sl_arena *arena, struct sl_conjunct **out_conjuncts, uint32_t *out_count,
                bool *out_never, struct sl_error *err)
{
    uint32_t count = 0;
    uint32_t kept = 0;

    *out_never = false;
    *out_count = 0;
    *out_conjuncts = sl_arena_calloc(arena, count_conjuncts(where), sizeof(**out_conjuncts));
    if (*out_conjuncts == NULL)
        return fail_size(err);
    if (where == NULL)
        return SL_OK;
    struct sl_conjunct *list = *out_conjuncts;
    list_conjuncts(where, list, &count);
    for (uint32_t i = 0; i < count; i++) {
        struct sl_conjunct conjunct = {.expr = list[i].expr};
        if (is_true_constant(conjunct.expr))
            continue;
        *out_never = *out_never ||
                     (conjunct.expr->kind == SL_EXPR_CONST &&
                      (conjunct.expr->value.is_null || conjunct.expr->type.type == SL_TYPE_BOOL ||
                       sl_type_is_signed(conjunct.expr->type.type)));
        SL_TRY(sl_term_compile(conjunct.expr, input_count, arena, &conjunct.term, err));
        conjunct.cost = cost_of(conjunct.expr);
        find_time_range(&conjunct, inputs);
        list[kept++] = conjunct;
    }
    order_conjuncts(list, kept);
    *out_count = kept;
    return SL_OK;
}
