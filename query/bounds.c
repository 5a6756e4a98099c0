/*
 * bounds.c - see bounds.h.
 *
 * A bound is an interval of 128-bit integers, whatever the column's type; it is clipped to the
 * type at the end. An interval that is empty after clipping gives no clause: the program will
 * find no row, and that case is not worth a special one.
 */
#include "query/bounds.h"

#include "query/bounds_side.h"
#include "query/bounds_time.h"
#include "query/function.h"
#include "storage/base/clock.h"

enum {
    TESTS_MAX = 256, /* of one clause: beyond, testing costs more than it prunes */
    RANGES_MAX = 8,  /* of addresses, that rows are compared with one by one */
};

static sl_status
fail_size(struct sl_error *err)
{
    return sl_fail(err, SL_LIMIT, "statement is too large");
}

/* ---- tests ---- */

struct tests {
    struct sl_test *list; /* TESTS_MAX of them */
    uint32_t count;
    bool is_wider; /* than the expression */
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

/* An interval of the numbers that a side is, as one of its column. */
static bool
add_interval(struct tests *tests, const struct sl_bound_side *side, sl_i128 low, sl_i128 high)
{
    if (side->form != SL_SIDE_IPV4)
        return add_range(tests, side->column, low * side->unit_us / side->factor - side->slack_us,
                         high * side->unit_us / side->factor + side->slack_us);
    low = low < 0 ? 0 : low;
    high = high > UINT32_MAX ? UINT32_MAX : high;
    return low <= high &&
           add_addr_range(tests, side->column, key_of_integer(low), key_of_integer(high));
}

static bool
test_addr(struct tests *tests, enum sl_function_id id, const struct sl_column *column,
          struct sl_addr addr)
{
    const struct sl_addr first = {0};
    const struct sl_addr last = {.low = UINT64_MAX, .high = UINT64_MAX};

    tests->is_wider |= id == SL_FN_LT || id == SL_FN_GT; /* the ranges have their ends in them */
    switch ((int)id) {
    case SL_FN_EQ:
    case SL_FN_NULL_EQ:
        return add_addr_range(tests, column, addr, addr);
    case SL_FN_LT:
    case SL_FN_LE:
        return add_addr_range(tests, column, first, addr);
    case SL_FN_GT:
    case SL_FN_GE:
        return add_addr_range(tests, column, addr, last);
    default:
        return false;
    }
}

/* Does a test of the side, compared with the constant, say just what the comparison says? */
static bool
is_same_kind(const struct sl_bound_side *side, const struct sl_expr *constant)
{
    enum sl_type type = side->column->type;
    if (side->form != SL_SIDE_PLAIN || side->fallback != NULL)
        return false;
    if (type == SL_TYPE_ADDR || type == SL_TYPE_TIME)
        return constant->value.type == type;
    return sl_type_is_unsigned(type) &&
           (sl_type_is_unsigned(constant->value.type) || constant->value.type == SL_TYPE_I64);
}

static bool
test_comparison(struct tests *tests, enum sl_function_id id, const struct sl_expr *expr,
                const struct sl_expr *constant)
{
    struct sl_bound_side side;
    sl_i128 value, low, high;

    if (!sl_bound_is_constant(constant) || !sl_bound_side_of(expr, tests->inputs, &side) ||
        !sl_bound_side_excludes(&side, id, constant))
        return false;
    bool is_plain = side.form == SL_SIDE_PLAIN;
    tests->is_wider |= !is_same_kind(&side, constant);
    if (sl_bound_side_integer(&side, constant, &value) &&
        (!is_plain || constant->value.type != SL_TYPE_BOOL))
        return sl_bound_interval(id, value, &low, &high) && add_interval(tests, &side, low, high);
    bool is_equal = id == SL_FN_EQ || id == SL_FN_NULL_EQ;
    if (is_plain && constant->value.type == SL_TYPE_TEXT && side.column->type == SL_TYPE_TEXT &&
        is_equal) {
        struct sl_test *test = add_test(tests, SL_TEST_TEXT, side.column);
        if (test == NULL)
            return false;
        test->text = constant->value.as.slice;
        return true;
    }
    return is_plain && constant->value.type == SL_TYPE_ADDR &&
           test_addr(tests, id, side.column, constant->value.as.addr);
}

static bool
test_between(struct tests *tests, const struct sl_expr *expr)
{
    const struct sl_expr *from = expr->args[1];
    const struct sl_expr *to = expr->args[2];
    struct sl_bound_side side;
    sl_i128 low, high;

    if (!sl_bound_is_constant(from) || !sl_bound_is_constant(to) ||
        !sl_bound_side_of(expr->args[0], tests->inputs, &side) ||
        (!sl_bound_side_excludes(&side, SL_FN_GE, from) &&
         !sl_bound_side_excludes(&side, SL_FN_LE, to)))
        return false;
    tests->is_wider |= !is_same_kind(&side, from) || !is_same_kind(&side, to);
    if (side.form == SL_SIDE_PLAIN && from->value.type == SL_TYPE_ADDR &&
        to->value.type == SL_TYPE_ADDR)
        return add_addr_range(tests, side.column, from->value.as.addr, to->value.as.addr);
    return sl_bound_side_integer(&side, from, &low) && sl_bound_side_integer(&side, to, &high) &&
           add_interval(tests, &side, low, high);
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
test_texts(struct tests *tests, const struct sl_bound_side *side, const struct sl_expr *expr)
{
    for (uint32_t i = 1; i < expr->arg_count; i++) {
        const struct sl_expr *element = expr->args[i];
        if (element->kind == SL_EXPR_CONST && element->value.is_null)
            continue; /* equals nothing */
        if (!sl_bound_is_constant(element) || element->value.type != SL_TYPE_TEXT ||
            !sl_bound_side_excludes(side, SL_FN_EQ, element))
            return false;
        struct sl_test *test = add_test(tests, SL_TEST_TEXT, side->column);
        if (test == NULL)
            return false;
        test->text = element->value.as.slice;
    }
    return true;
}

/* The keys of IN's constants within least .. most; false when one is of another kind. */
static bool
list_keys(const struct sl_bound_side *side, const struct sl_expr *expr, struct sl_addr *keys,
          uint32_t *out_count)
{
    bool is_addr = side->form == SL_SIDE_PLAIN && side->column->type == SL_TYPE_ADDR;
    sl_i128 least = 0;
    sl_i128 most = UINT32_MAX;
    sl_i128 value;

    if (side->form == SL_SIDE_PLAIN && !is_addr && !type_limits(side->column->type, &least, &most))
        return false;
    *out_count = 0;
    for (uint32_t i = 1; i < expr->arg_count; i++) {
        const struct sl_expr *element = expr->args[i];
        if (element->kind == SL_EXPR_CONST && element->value.is_null)
            continue;
        if (!sl_bound_is_constant(element) || !sl_bound_side_excludes(side, SL_FN_EQ, element))
            return false;
        if (is_addr && element->value.type == SL_TYPE_ADDR) {
            keys[(*out_count)++] = element->value.as.addr;
            continue;
        }
        if (is_addr || !sl_bound_integer(element, &value))
            return false;
        if (value >= least && value <= most)
            keys[(*out_count)++] = key_of_integer(value);
    }
    return *out_count > 0;
}

static bool
is_exact_list(const struct sl_bound_side *side, const struct sl_expr *expr)
{
    for (uint32_t i = 1; i < expr->arg_count; i++)
        if (!is_same_kind(side, expr->args[i]))
            return false;
    return true;
}

static bool
test_in(struct tests *tests, const struct sl_expr *expr)
{
    struct sl_bound_side side;
    uint32_t count;

    if (!sl_bound_side_of(expr->args[0], tests->inputs, &side) || side.form == SL_SIDE_TIME)
        return false;
    if (side.form == SL_SIDE_PLAIN && side.column->type == SL_TYPE_TEXT)
        return test_texts(tests, &side, expr);
    tests->is_wider |= !is_exact_list(&side, expr);
    struct sl_addr *keys = sl_arena_calloc(tests->arena, expr->arg_count, sizeof(*keys));
    if (keys == NULL || !list_keys(&side, expr, keys, &count))
        return false;
    qsort(keys, count, sizeof(*keys),
          sl_type_is_signed(side.column->type) ? compare_signed_keys : compare_keys);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < count; i++)
        if (!sl_addr_equal(keys[i], keys[kept - 1]))
            keys[kept++] = keys[i];
    struct sl_test *test = add_test(tests, SL_TEST_SET, side.column);
    if (test == NULL)
        return false;
    test->keys = keys;
    test->key_count = kept;
    return true;
}

static bool
test_ranges(struct tests *tests, const struct sl_expr *expr)
{
    const struct sl_column *column = sl_bound_column(expr->args[0], tests->inputs);

    if (column == NULL)
        return false;
    for (uint32_t i = 1; i + 1 < expr->arg_count; i += 2) {
        const struct sl_expr *low = expr->args[i];
        const struct sl_expr *high = expr->args[i + 1];
        if (!sl_bound_is_constant(low) || !sl_bound_is_constant(high) ||
            low->value.type != SL_TYPE_ADDR || high->value.type != SL_TYPE_ADDR)
            return false;
        if (!add_addr_range(tests, column, low->value.as.addr, high->value.as.addr))
            return false;
    }
    return true;
}

static bool
is_true_constant(const struct sl_expr *expr)
{
    sl_i128 value;
    return sl_bound_integer(expr, &value) && value != 0;
}

/* FALSE or NULL: satisfied by no row. */
static bool
is_false_constant(const struct sl_expr *expr)
{
    return expr->kind == SL_EXPR_CONST && !is_true_constant(expr) &&
           (expr->value.is_null || expr->type.type == SL_TYPE_BOOL ||
            sl_type_is_signed(expr->type.type));
}

/*
 * Tests of which one holds for every row that satisfies `expr`; false when that cannot be said.
 * No row satisfies a constant that is false: no tests, so that the other side of an OR decides.
 * Recursion is as deep as the expression, which the parser bounds.
 */
static bool
test_expr(struct tests *tests, const struct sl_expr *expr)
{
    if (expr->kind != SL_EXPR_CALL)
        return is_false_constant(expr);
    enum sl_function_id id = expr->function->id;
    switch ((int)id) {
    case SL_FN_OR:
        return test_expr(tests, expr->args[0]) && test_expr(tests, expr->args[1]);
    case SL_FN_AND: {
        /* Either side alone is wide enough. */
        uint32_t count = tests->count;
        tests->is_wider = true;
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
        if (sl_bound_is_constant(expr->args[0]))
            return test_comparison(tests, sl_bound_mirror(id), expr->args[1], expr->args[0]);
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

/* Is the expression true for no other rows than the tests of it are? So it is for equality with addresses,
 * and for ranges of them. Recursion as above. */
static bool
is_of_addresses(const struct sl_expr *expr, const struct sl_input *inputs)
{
    if (expr->kind != SL_EXPR_CALL)
        return is_false_constant(expr);
    const struct sl_expr *side = expr->args[0];
    switch ((int)expr->function->id) {
    case SL_FN_OR:
        return is_of_addresses(expr->args[0], inputs) && is_of_addresses(expr->args[1], inputs);
    case SL_FN_EQ:
    case SL_FN_NULL_EQ:
        if (sl_bound_is_constant(side))
            side = expr->args[1];
        break;
    case SL_FN_BETWEEN:
    case SL_FN_IN:
    case SL_FN_IN_RANGES:
        break;
    default:
        return false;
    }
    const struct sl_column *column = sl_bound_column(side, inputs);
    return column != NULL && column->type == SL_TYPE_ADDR;
}

/* Have the tests so few ranges that a row may be compared with each? */
static bool
has_few_ranges(const struct sl_clause *clause)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < clause->test_count; i++)
        count += clause->tests[i].kind == SL_TEST_SET ? clause->tests[i].key_count : 1;
    return count <= RANGES_MAX;
}

sl_status
sl_bounds_clauses(struct sl_conjunct *conjuncts, uint32_t count, const struct sl_input *inputs,
                  struct sl_arena *arena, struct sl_clause **out_clauses, uint32_t *out_count,
                  struct sl_error *err)
{
    struct sl_clause *clauses = sl_arena_calloc(arena, count, sizeof(*clauses));
    struct sl_test *list = sl_arena_alloc(arena, TESTS_MAX * sizeof(*list));
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
        conjuncts[i].exact_clause = tests.is_wider ? 0 : kept + 1;
        clauses[kept] = (struct sl_clause){.tests = copy, .test_count = tests.count};
        if (is_of_addresses(conjuncts[i].expr, inputs) && has_few_ranges(&clauses[kept]))
            conjuncts[i].addresses = &clauses[kept];
        kept++;
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
    case SL_FN_REGEXP:
        return 50;
    default:
        return 35;
    }
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

/* The time range of the list, which has one at most; NULL. */
static struct sl_conjunct *
find_range(struct sl_conjunct *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i].is_time_range)
            return &list[i];
    return NULL;
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
        SL_ASSERT(conjunct.expr != NULL);
        if (is_true_constant(conjunct.expr))
            continue;
        *out_never = *out_never || is_false_constant(conjunct.expr);
        SL_TRY(sl_term_compile(conjunct.expr, input_count, arena, &conjunct.term, err));
        conjunct.cost = cost_of(conjunct.expr);
        sl_bounds_find_time(&conjunct, inputs);
        struct sl_conjunct *range = conjunct.is_time_range ? find_range(list, kept) : NULL;
        if (range != NULL)
            SL_TRY(sl_bounds_join_times(range, &conjunct, input_count, arena, err));
        else
            list[kept++] = conjunct;
    }
    order_conjuncts(list, kept);
    *out_count = kept;
    return SL_OK;
}
