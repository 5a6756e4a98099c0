/*
 * program_compare.c - tight loops for predicates: comparisons of columns with constants and with each
 * other, and IN.
 *
 * A comparison with constants is one range test: low <= x <= high, perhaps negated; on a sorted
 * dictionary it is a range of codes. Every loop agrees with the row function of its call;
 * program_test.c compares them at random.
 */
#include "query/function_row.h"
#include "query/program_run.h"
#include "query/range_kernel.h"
#include "query/value.h"

/* An interval of keys, in the order of the column: integers as they are or, signed ones, with
 * their sign bit flipped; addresses as they are. */
struct range {
    struct sl_addr low;
    struct sl_addr high;
    bool is_empty;
    bool is_negated;
};

static const struct sl_addr key_min = {.low = 0, .high = 0};
static const struct sl_addr key_max = {.low = UINT64_MAX, .high = UINT64_MAX};

static void
range_addr(const struct sl_addr *values, uint32_t count, const struct range *r, uint64_t *truth)
{
    for (uint32_t row = 0; row < count; row += 64) {
        uint32_t lanes = count - row < 64 ? count - row : 64;
        uint64_t word = 0;
        for (uint32_t lane = 0; lane < lanes; lane++)
            word |= (uint64_t)(sl_addr_compare(values[row + lane], r->low) >= 0 &&
                               sl_addr_compare(values[row + lane], r->high) <= 0)
                    << lane;
        truth[row / 64] = word;
    }
}

/* Rows of values in the range; width 1, 2, 4, 8 (unsigned order) or 16. */
static void
run_range(const void *values, unsigned width, uint32_t count, const struct range *r,
          uint64_t *truth)
{
    const struct sl_range_kernels *kernels = sl_range_kernels_best();
    uint64_t low = r->low.low, span = r->high.low - r->low.low;

    if (width == 1)
        kernels->u8(values, count, (uint8_t)low, (uint8_t)span, truth);
    else if (width == 2)
        kernels->u16(values, count, (uint16_t)low, (uint16_t)span, truth);
    else if (width == 4)
        kernels->u32(values, count, (uint32_t)low, (uint32_t)span, truth);
    else if (width == 8)
        kernels->u64(values, count, low, span, truth);
    else
        range_addr(values, count, r, truth);
}

/* The same where the mask (NULL: everywhere) has rows: an index may have left few. */
static void
run_masked(const void *values, unsigned width, uint32_t count, const struct range *r,
           const uint64_t *mask, uint64_t *truth)
{
    size_t words = sl_words_for(count);

    if (r->is_empty) {
        memset(truth, 0, words * sizeof(*truth));
        return;
    }
    for (size_t word = 0; word < words;) {
        size_t end = mask == NULL ? words : word;
        while (end < words && mask[end] != 0)
            end++;
        if (end == word) {
            truth[word++] = 0;
            continue;
        }
        uint32_t first = (uint32_t)word * 64;
        uint32_t rows = (uint32_t)sl_min_size(end * 64, count) - first;
        run_range((const uint8_t *)values + (size_t)first * width, width, rows, r, &truth[word]);
        word = end;
    }
}

/* Negate, forget what is not there, and clear the tail. */
void
sl_run_finish_truth(struct sl_run *run, bool is_negated, const uint64_t *present, uint64_t *truth,
                    struct sl_register *out)
{
    size_t words = sl_words_for(run->count);

    for (size_t w = 0; w < words && is_negated; w++)
        truth[w] = ~truth[w];
    for (size_t w = 0; w < words && present != NULL; w++)
        truth[w] &= present[w];
    if (run->count % 64 != 0)
        truth[words - 1] &= (UINT64_C(1) << run->count % 64) - 1;
    *out = (struct sl_register){.truth = truth};
    out->vector = (struct sl_vector){.type = SL_TYPE_BOOL,
                                     .encoding = SL_PLAIN,
                                     .width = 1,
                                     .count = run->count,
                                     .value_count = run->count,
                                     .present = present};
}

/* The key of a constant in the column's order. -1: below all that the column can hold, 1: above,
 * 0: *out is it. */
static int
key_of(const struct sl_vector *column, const struct sl_value *value, struct sl_addr *out)
{
    bool is_signed = sl_type_is_signed(column->type);

    if (column->type == SL_TYPE_ADDR) {
        *out = value->as.addr;
        return column->width == 4 && !sl_addr_is_v4(*out) ? 1 : 0;
    }
    out->high = 0;
    out->low = value->as.u64;
    if (is_signed) {
        if (!sl_type_is_signed(value->type) && value->as.u64 > INT64_MAX)
            return 1;
        return 0;
    }
    if (sl_type_is_signed(value->type) && value->as.i64 < 0)
        return -1;
    return column->width < 8 && out->low >> (column->width * 8) != 0 ? 1 : 0;
}

/* Signed numbers are compared by distance from the low end: low and high stay as they are,
 * because x - low <=u high - low holds in two's complement too. */
static struct sl_addr
column_end(const struct sl_vector *column, bool is_high)
{
    struct sl_addr end = is_high ? key_max : key_min;

    if (column->width == 16)
        return end;
    end.high = 0;
    if (sl_type_is_signed(column->type))
        end.low = is_high ? (uint64_t)INT64_MAX : (uint64_t)INT64_MIN;
    else if (is_high)
        end.low = column->width == 8 ? UINT64_MAX : (UINT64_C(1) << (column->width * 8)) - 1;
    return end;
}

static int
compare_keys(const struct sl_vector *column, struct sl_addr a, struct sl_addr b)
{
    if (sl_type_is_signed(column->type))
        return ((int64_t)a.low > (int64_t)b.low) - ((int64_t)a.low < (int64_t)b.low);
    return sl_addr_compare(a, b);
}

static struct sl_addr
step_key(struct sl_addr key, int by)
{
    if (by > 0) {
        key.low++;
        key.high += key.low == 0;
    } else {
        key.high -= key.low == 0;
        key.low--;
    }
    return key;
}

/* The range that a comparison of the column with constants means. */
static void
make_range(enum sl_function_id id, const struct sl_vector *column, const struct sl_value *a,
           const struct sl_value *b, struct range *r)
{
    struct sl_addr low, high;
    int low_side = key_of(column, a, &low);
    int high_side = key_of(column, b, &high);

    *r = (struct range){.low = column_end(column, false), .high = column_end(column, true)};
    r->is_negated = id == SL_FN_NE;
    if (id == SL_FN_GT || id == SL_FN_GE || id == SL_FN_EQ || id == SL_FN_NE ||
        id == SL_FN_BETWEEN) {
        r->is_empty |= low_side > 0;
        if (low_side == 0) {
            r->is_empty |= id == SL_FN_GT && compare_keys(column, low, r->high) == 0;
            r->low = id == SL_FN_GT ? step_key(low, 1) : low;
        }
    }
    if (id == SL_FN_LT || id == SL_FN_LE || id == SL_FN_EQ || id == SL_FN_NE ||
        id == SL_FN_BETWEEN) {
        r->is_empty |= high_side < 0;
        if (high_side == 0) {
            r->is_empty |=
                id == SL_FN_LT && compare_keys(column, high, column_end(column, false)) == 0;
            r->high = id == SL_FN_LT ? step_key(high, -1) : high;
        }
    }
    r->is_empty = r->is_empty || compare_keys(column, r->low, r->high) > 0;
}

/* Codes of a sorted dictionary whose entries are in the range: they are adjacent. */
static struct range
code_range(const struct sl_vector *dict, const struct range *r)
{
    struct range codes = {.is_negated = r->is_negated};
    uint32_t bounds[2];

    for (int side = 0; side < 2; side++) {
        uint32_t low = 0, high = dict->value_count;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            struct sl_addr key = {0};
            if (dict->type == SL_TYPE_ADDR)
                key = sl_vector_entry_addr(dict, middle);
            else
                key.low = sl_vector_entry_u64(dict, middle);
            int order = compare_keys(dict, key, side == 0 ? r->low : r->high);
            if (order < 0 || (side == 1 && order == 0))
                low = middle + 1;
            else
                high = middle;
        }
        bounds[side] = low;
    }
    codes.is_empty = r->is_empty || bounds[0] >= bounds[1];
    codes.low.low = bounds[0];
    codes.high.low = bounds[1] - 1U;
    return codes;
}

static bool
has_keys(const struct sl_vector *v)
{
    return sl_type_is_unsigned(v->type) || sl_type_is_signed(v->type) || v->type == SL_TYPE_ADDR;
}

/* Rows of a column, plain or over a sorted dictionary, in the range. */
static void
run_column(const struct sl_vector *column, uint32_t count, const struct range *range,
           const uint64_t *mask, uint64_t *truth)
{
    if (column->encoding == SL_PLAIN) {
        run_masked(column->values, column->width, count, range, mask, truth);
        return;
    }
    struct range codes = code_range(column, range);
    run_masked(column->codes, 4, count, &codes, mask, truth);
}

/* Can rows of the vector be found by ranges? */
static bool
has_ranges(const struct sl_vector *v)
{
    return has_keys(v) && (v->encoding == SL_PLAIN || (v->encoding == SL_DICT && v->is_sorted));
}

/* a < b is b > a. */
static enum sl_function_id
swap_sides(enum sl_function_id id)
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

/* Comparison and BETWEEN of a column with constants that are not NULL. */
static sl_status
compare_constant(struct sl_run *run, enum sl_function_id id, const struct sl_vector *args,
                 uint32_t arg_count, const uint64_t *mask, struct sl_register *out, bool *out_done)
{
    const struct sl_vector *column = &args[0];
    struct range range;

    bool is_swapped = arg_count == 2 && args[0].encoding == SL_CONSTANT;
    const struct sl_vector *first = is_swapped ? &args[0] : &args[1];
    const struct sl_vector *second = arg_count == 3 ? &args[2] : first;
    if (is_swapped) {
        column = &args[1];
        id = swap_sides(id);
    }
    if (!has_ranges(column) || first->encoding != SL_CONSTANT || second->encoding != SL_CONSTANT ||
        !has_keys(first) || !has_keys(second) || first->value_count == 0 ||
        second->value_count == 0 || (column->type == SL_TYPE_ADDR) != (first->type == SL_TYPE_ADDR))
        return SL_OK;
    struct sl_value a = sl_vector_value(first, 0), b = sl_vector_value(second, 0);
    make_range(id, column, &a, &b, &range);
    uint64_t *truth = sl_run_bits(run);
    if (truth == NULL)
        return sl_fail_memory(run->err);
    run_column(column, run->count, &range, mask, truth);
    sl_run_finish_truth(run, range.is_negated, column->present, truth, out);
    *out_done = true;
    return SL_OK;
}

/* Which of less, equal, greater the operator accepts, as bits 0 to 2. */
static unsigned
accepted_orders(enum sl_function_id id)
{
    switch (id) {
    case SL_FN_EQ:
        return 2;
    case SL_FN_NE:
        return 5;
    case SL_FN_LT:
        return 1;
    case SL_FN_LE:
        return 3;
    case SL_FN_GT:
        return 4;
    default:
        return 6;
    }
}

/* Some values of an integer vector, 8 bytes each. The vector is a copy, whose width no store through
 * `out` changes. */
static void
load_values(struct sl_vector v, uint32_t first, uint32_t count, uint64_t *out)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = sl_vector_entry_u64(&v, first + i);
}

/* Bits of the rows whose order is accepted; signed numbers come with their sign bit flipped. */
static uint64_t
compare_lanes(enum sl_function_id id, const uint64_t *a, const uint64_t *b, uint32_t lanes)
{
    uint64_t less = 0, equal = 0;

    for (uint32_t lane = 0; lane < lanes; lane++) {
        less |= (uint64_t)(a[lane] < b[lane]) << lane;
        equal |= (uint64_t)(a[lane] == b[lane]) << lane;
    }
    unsigned accepted = accepted_orders(id);
    return ((accepted & 1) != 0 ? less : 0) | ((accepted & 2) != 0 ? equal : 0) |
           ((accepted & 4) != 0 ? ~(less | equal) : 0);
}

/* Two columns of integers that are both unsigned, or both signed. */
static sl_status
compare_columns(struct sl_run *run, enum sl_function_id id, const struct sl_vector *args,
                const uint64_t *mask, struct sl_register *out, bool *out_done)
{
    const struct sl_vector *a = &args[0], *b = &args[1];
    bool is_signed = sl_type_is_signed(a->type);
    const uint64_t *present;

    if (a->encoding != SL_PLAIN || b->encoding != SL_PLAIN || a->type == SL_TYPE_ADDR ||
        b->type == SL_TYPE_ADDR || !has_keys(a) || !has_keys(b) ||
        is_signed != sl_type_is_signed(b->type) || (is_signed && a->type != b->type))
        return SL_OK;
    uint64_t *truth = sl_run_bits(run);
    if (truth == NULL || !sl_run_join_present(run, args, 2, &present))
        return sl_fail_memory(run->err);
    for (uint32_t row = 0; row < run->count; row += 64) {
        uint32_t lanes = run->count - row < 64 ? run->count - row : 64;
        uint64_t left[64], right[64];
        truth[row / 64] = 0;
        if (mask != NULL && mask[row / 64] == 0)
            continue;
        load_values(*a, row, lanes, left);
        load_values(*b, row, lanes, right);
        for (uint32_t lane = 0; is_signed && lane < lanes; lane++) {
            left[lane] ^= UINT64_C(1) << 63;
            right[lane] ^= UINT64_C(1) << 63;
        }
        truth[row / 64] = compare_lanes(id, left, right, lanes);
    }
    sl_run_finish_truth(run, false, present, truth, out);
    *out_done = true;
    return SL_OK;
}

/* DOUBLE or DECIMAL with a constant of the same kind. */
static sl_status
compare_numbers(struct sl_run *run, enum sl_function_id id, const struct sl_vector *args,
                struct sl_register *out, bool *out_done)
{
    const struct sl_vector *column = &args[0], *constant = &args[1];
    unsigned accepted = accepted_orders(id);
    bool is_f64 = column->type == SL_TYPE_F64;

    if (column->encoding != SL_PLAIN || constant->encoding != SL_CONSTANT ||
        constant->value_count == 0 || column->type != constant->type ||
        column->scale != constant->scale || (!is_f64 && column->type != SL_TYPE_DECIMAL))
        return SL_OK;
    uint64_t *truth = sl_run_bits(run);
    if (truth == NULL)
        return sl_fail_memory(run->err);
    const double *doubles = column->values;
    const sl_i128 *decimals = column->values;
    double a = is_f64 ? *(const double *)constant->values : 0;
    sl_i128 b = is_f64 ? 0 : *(const sl_i128 *)constant->values;
    for (uint32_t row = 0; row < run->count; row += 64) {
        uint32_t lanes = run->count - row < 64 ? run->count - row : 64;
        uint64_t word = 0;
        for (uint32_t lane = 0; lane < lanes; lane++) {
            int order = is_f64 ? (doubles[row + lane] > a) - (doubles[row + lane] < a)
                               : (decimals[row + lane] > b) - (decimals[row + lane] < b);
            word |= (uint64_t)(accepted >> (order + 1) & 1) << lane;
        }
        truth[row / 64] = word;
    }
    sl_run_finish_truth(run, false, column->present, truth, out);
    *out_done = true;
    return SL_OK;
}

sl_status
sl_kernel_compare(struct sl_run *run, const struct sl_expr *call, const struct sl_vector *args,
                  uint32_t arg_count, const uint64_t *mask, struct sl_register *out, bool *out_done)
{
    enum sl_function_id id = call->function->id;

    SL_TRY(compare_constant(run, id, args, arg_count, mask, out, out_done));
    if (!*out_done && arg_count == 2)
        SL_TRY(compare_numbers(run, id, args, out, out_done));
    if (!*out_done && arg_count == 2)
        SL_TRY(compare_columns(run, id, args, mask, out, out_done));
    return SL_OK;
}

/* The range of one element of a set; false when it is of another kind than the column. */
static bool
element_range(const struct sl_vector *column, const struct sl_value *value, struct range *r)
{
    bool is_addr = column->type == SL_TYPE_ADDR;

    if (is_addr ? value->type != SL_TYPE_ADDR
                : !sl_type_is_integer(column->type) || !sl_type_is_integer(value->type))
        return false;
    make_range(SL_FN_EQ, column, value, value, r);
    return true;
}

/* IN over few values: one range after the other. */
static sl_status
in_few(struct sl_run *run, const struct sl_in_set *set, const struct sl_vector *column,
       const uint64_t *mask, struct sl_register *out, bool *out_done)
{
    enum { FEW = 8 };
    struct range ranges[FEW];
    size_t words = sl_words_for(run->count);

    if (set->count == 0 || set->count > FEW || !has_ranges(column))
        return SL_OK;
    for (uint32_t i = 0; i < set->count; i++)
        if (!element_range(column, &set->values[i], &ranges[i]))
            return SL_OK;
    uint64_t *truth = sl_run_bits(run), *one = sl_run_bits(run);
    if (truth == NULL || one == NULL)
        return sl_fail_memory(run->err);
    run_column(column, run->count, &ranges[0], mask, truth);
    for (uint32_t i = 1; i < set->count; i++) {
        run_column(column, run->count, &ranges[i], mask, one);
        for (size_t w = 0; w < words; w++)
            truth[w] |= one[w];
    }
    sl_run_finish_truth(run, false, column->present, truth, out);
    *out_done = true;
    return SL_OK;
}

/* IN over small integers: a bitmap of the set. */
static sl_status
in_bitmap(struct sl_run *run, const struct sl_in_set *set, const struct sl_vector *column,
          const uint64_t *mask, struct sl_register *out, bool *out_done)
{
    bool fits = column->encoding == SL_PLAIN && sl_type_is_unsigned(column->type) &&
                column->type != SL_TYPE_MAC;

    if (!fits || set->bits == NULL)
        return SL_OK;
    uint64_t *truth = sl_run_bits(run);
    if (truth == NULL)
        return sl_fail_memory(run->err);
    for (uint32_t row = 0; row < run->count; row += 64) {
        uint32_t lanes = run->count - row < 64 ? run->count - row : 64;
        uint64_t values[64], word = 0;
        truth[row / 64] = 0;
        if (mask != NULL && mask[row / 64] == 0)
            continue;
        load_values(*column, row, lanes, values);
        for (uint32_t lane = 0; lane < lanes; lane++)
            word |= (uint64_t)(values[lane] < 65536 && sl_bit_get(set->bits, values[lane] & 65535))
                    << lane;
        truth[row / 64] = word;
    }
    sl_run_finish_truth(run, false, column->present, truth, out);
    *out_done = true;
    return SL_OK;
}

sl_status
sl_kernel_in(struct sl_run *run, const struct sl_in_set *set, const struct sl_vector *column,
             const uint64_t *mask, struct sl_register *out, bool *out_done)
{
    if (set == NULL || set->has_null)
        return SL_OK;
    SL_TRY(in_few(run, set, column, mask, out, out_done));
    return *out_done ? SL_OK : in_bitmap(run, set, column, mask, out, out_done);
}
