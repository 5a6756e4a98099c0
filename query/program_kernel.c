/*
 * program_kernel.c - tight loops for what is frequent: comparisons of plain numbers and
 * addresses with constants, sets of small numbers, integer arithmetic, sums of counters, time
 * buckets, choices.
 *
 * Every loop agrees with the row function of its call; program_test.c compares them at random.
 * A comparison with constants is one range test: low <= x <= high, perhaps negated. Flags of 64
 * rows are made as bytes, which compilers vectorise, and packed to a word by multiplication.
 */
#include "query/function_row.h"
#include "query/program_run.h"
#include "query/value.h"
#include "storage/base/clock.h"

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

static inline uint64_t
pack_flags(const uint8_t flags[64])
{
    uint64_t word = 0;

    for (unsigned i = 0; i < 8; i++) {
        uint64_t eight;
        memcpy(&eight, &flags[(size_t)i * 8], 8);
        word |= (eight * UINT64_C(0x0102040810204080)) >> 56 << (i * 8);
    }
    return word;
}

/* truth[w] = which of 64 rows have low <= value <= high, as unsigned numbers of the width. */
#define DEFINE_RANGE(type)                                                            \
    static void range_##type(const type *values, uint32_t count, type low, type span, \
                             uint64_t *truth)                                         \
    {                                                                                 \
        for (uint32_t row = 0; row < count; row += 64) {                              \
            uint8_t flags[64] = {0};                                                  \
            uint32_t lanes = count - row < 64 ? count - row : 64;                     \
            if (lanes == 64)                                                          \
                for (uint32_t lane = 0; lane < 64; lane++)                            \
                    flags[lane] = (type)(values[row + lane] - low) <= span;           \
            else                                                                      \
                for (uint32_t lane = 0; lane < lanes; lane++)                         \
                    flags[lane] = (type)(values[row + lane] - low) <= span;           \
            truth[row / 64] = pack_flags(flags);                                      \
        }                                                                             \
    }

DEFINE_RANGE(uint8_t)
DEFINE_RANGE(uint16_t)
DEFINE_RANGE(uint32_t)
DEFINE_RANGE(uint64_t)

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

/* Rows of a vector in the range; width 1, 2, 4, 8 (unsigned order) or 16. */
static void
run_range(const void *values, unsigned width, uint32_t count, const struct range *r,
          uint64_t *truth)
{
    uint64_t low = r->low.low, span = r->high.low - r->low.low;

    if (r->is_empty)
        memset(truth, 0, sl_words_for(count) * sizeof(*truth));
    else if (width == 1)
        range_uint8_t(values, count, (uint8_t)low, (uint8_t)span, truth);
    else if (width == 2)
        range_uint16_t(values, count, (uint16_t)low, (uint16_t)span, truth);
    else if (width == 4)
        range_uint32_t(values, count, (uint32_t)low, (uint32_t)span, truth);
    else if (width == 8)
        range_uint64_t(values, count, low, span, truth);
    else
        range_addr(values, count, r, truth);
}

static void
set_truth(struct sl_run *run, const uint64_t *truth, const uint64_t *present,
          struct sl_register *out)
{
    *out = (struct sl_register){.truth = truth};
    out->vector = (struct sl_vector){.type = SL_TYPE_BOOL,
                                     .encoding = SL_PLAIN,
                                     .width = 1,
                                     .count = run->count,
                                     .value_count = run->count,
                                     .present = present};
}

/* Negate, forget what is not there, and clear the tail. */
static void
finish_truth(struct sl_run *run, bool is_negated, const uint64_t *present, uint64_t *truth,
             struct sl_register *out)
{
    size_t words = sl_words_for(run->count);

    for (size_t w = 0; w < words; w++) {
        truth[w] = is_negated ? ~truth[w] : truth[w];
        truth[w] &= present == NULL ? ~UINT64_C(0) : present[w];
    }
    if (run->count % 64 != 0)
        truth[words - 1] &= (UINT64_C(1) << run->count % 64) - 1;
    set_truth(run, truth, present, out);
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

/* The range that a comparison of the column with constants means; false when it is none. */
static bool
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
    return true;
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

/* Comparison and BETWEEN of a column with constants that are not NULL. */
static sl_status
kernel_compare(struct sl_run *run, const struct sl_expr *call, const struct sl_vector *args,
               uint32_t arg_count, struct sl_register *out, bool *out_done)
{
    enum sl_function_id id = call->function->id;
    const struct sl_vector *column = &args[0];
    struct range range;

    bool is_swapped = arg_count == 2 && args[0].encoding == SL_CONSTANT;
    const struct sl_vector *first = is_swapped ? &args[0] : &args[1];
    const struct sl_vector *second = arg_count == 3 ? &args[2] : first;
    if (is_swapped) {
        column = &args[1];
        id = id == SL_FN_LT   ? SL_FN_GT
             : id == SL_FN_LE ? SL_FN_GE
             : id == SL_FN_GT ? SL_FN_LT
             : id == SL_FN_GE ? SL_FN_LE
                              : id;
    }
    bool is_dict = column->encoding == SL_DICT && column->is_sorted;
    if ((column->encoding != SL_PLAIN && !is_dict) || !has_keys(column) ||
        first->encoding != SL_CONSTANT || second->encoding != SL_CONSTANT || !has_keys(first) ||
        !has_keys(second) || first->value_count == 0 || second->value_count == 0 ||
        (column->type == SL_TYPE_ADDR) != (first->type == SL_TYPE_ADDR))
        return SL_OK;
    struct sl_value a = sl_vector_value(first, 0), b = sl_vector_value(second, 0);
    if (!make_range(id, column, &a, &b, &range))
        return SL_OK;
    uint64_t *truth = sl_run_bits(run);
    if (truth == NULL)
        return sl_fail_memory(run->err);
    if (is_dict) {
        range = code_range(column, &range);
        run_range(column->codes, 4, run->count, &range, truth);
    } else {
        run_range(column->values, column->width, run->count, &range, truth);
    }
    finish_truth(run, range.is_negated, column->present, truth, out);
    *out_done = true;
    return SL_OK;
}

/* DOUBLE and DECIMAL: which of less, equal, greater the operator accepts, as bits 0 to 2. */
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

static sl_status
kernel_compare_numbers(struct sl_run *run, const struct sl_expr *call, const struct sl_vector *args,
                       uint32_t arg_count, struct sl_register *out, bool *out_done)
{
    const struct sl_vector *column = &args[0], *constant = &args[1];
    unsigned accepted = accepted_orders(call->function->id);
    bool is_f64 = column->type == SL_TYPE_F64;

    if (arg_count != 2 || column->encoding != SL_PLAIN || constant->encoding != SL_CONSTANT ||
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
    finish_truth(run, false, column->present, truth, out);
    *out_done = true;
    return SL_OK;
}

/* IN over small integers: a bitmap of the set. */
static sl_status
kernel_in(struct sl_run *run, const struct sl_in_set *set, const struct sl_vector *column,
          struct sl_register *out, bool *out_done)
{
    bool fits = column->encoding == SL_PLAIN && sl_type_is_unsigned(column->type) &&
                column->type != SL_TYPE_MAC;

    if (!fits || set == NULL || set->bits == NULL || set->has_null)
        return SL_OK;
    uint64_t *truth = sl_run_bits(run);
    if (truth == NULL)
        return sl_fail_memory(run->err);
    for (uint32_t row = 0; row < run->count; row += 64) {
        uint32_t lanes = run->count - row < 64 ? run->count - row : 64;
        uint64_t word = 0;
        for (uint32_t lane = 0; lane < lanes; lane++) {
            uint64_t value = sl_vector_entry_u64(column, row + lane);
            word |= (uint64_t)(value < 65536 && sl_bit_get(set->bits, value & 65535)) << lane;
        }
        truth[row / 64] = word;
    }
    finish_truth(run, false, column->present, truth, out);
    *out_done = true;
    return SL_OK;
}

/* The values of an integer vector, 8 bytes each, whatever its encoding; NULL on SL_LIMIT. */
static const uint64_t *
widen(struct sl_run *run, const struct sl_vector *v)
{
    if (v->encoding == SL_PLAIN && v->width == 8)
        return v->values;
    uint64_t *wide = sl_arena_alloc(run->arena, (size_t)run->count * sizeof(*wide) + 8);
    if (wide == NULL)
        return NULL;
    if (v->encoding == SL_CONSTANT) {
        uint64_t value = v->value_count == 0 ? 0 : sl_vector_entry_u64(v, 0);
        for (uint32_t row = 0; row < run->count; row++)
            wide[row] = value;
    } else if (v->encoding == SL_DICT) {
        for (uint32_t row = 0; row < run->count; row++)
            wide[row] = sl_vector_entry_u64(v, v->codes[row]);
    } else if (v->width == 1) {
        for (uint32_t row = 0; row < run->count; row++)
            wide[row] = ((const uint8_t *)v->values)[row];
    } else if (v->width == 2) {
        for (uint32_t row = 0; row < run->count; row++)
            wide[row] = ((const uint16_t *)v->values)[row];
    } else {
        for (uint32_t row = 0; row < run->count; row++)
            wide[row] = ((const uint32_t *)v->values)[row];
    }
    return wide;
}

/* Rows where every argument is there. False: memory. *out is NULL when all rows are. */
static bool
join_present(struct sl_run *run, const struct sl_vector *args, uint32_t count, const uint64_t **out)
{
    const uint64_t *present = NULL;

    for (uint32_t i = 0; i < count; i++) {
        if (args[i].present == NULL)
            continue;
        if (present == NULL) {
            present = args[i].present;
            continue;
        }
        uint64_t *both = sl_run_bits(run);
        if (both == NULL)
            return false;
        for (size_t w = 0; w < sl_words_for(run->count); w++)
            both[w] = present[w] & args[i].present[w];
        present = both;
    }
    *out = present;
    return true;
}

static bool
all_integers(const struct sl_vector *args, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!sl_type_is_integer(args[i].type) ||
            (args[i].encoding == SL_CONSTANT && args[i].value_count == 0) ||
            (args[i].encoding == SL_DICT && args[i].value_count == 0))
            return false;
    return true;
}

static void
set_wide(struct sl_run *run, const struct sl_expr *call, const void *values,
         const uint64_t *present, struct sl_register *out)
{
    *out = (struct sl_register){.truth = NULL};
    out->vector = (struct sl_vector){.type = call->type.type,
                                     .encoding = SL_PLAIN,
                                     .width = 8,
                                     .scale = call->type.scale,
                                     .count = run->count,
                                     .value_count = run->count,
                                     .values = values,
                                     .present = present};
}

/* One operation over whole arrays; true when some row overflowed (perhaps one that is left out
 * or NULL: then the row function decides). */
static bool
integer_loop(enum sl_function_id id, bool is_signed, const uint64_t *a, const uint64_t *b,
             uint32_t count, uint64_t *out)
{
    bool bad = false;

    if (is_signed && id == SL_FN_ADD)
        for (uint32_t i = 0; i < count; i++)
            bad |= __builtin_add_overflow((int64_t)a[i], (int64_t)b[i], (int64_t *)&out[i]);
    else if (is_signed && id == SL_FN_SUB)
        for (uint32_t i = 0; i < count; i++)
            bad |= __builtin_sub_overflow((int64_t)a[i], (int64_t)b[i], (int64_t *)&out[i]);
    else if (is_signed)
        for (uint32_t i = 0; i < count; i++)
            bad |= __builtin_mul_overflow((int64_t)a[i], (int64_t)b[i], (int64_t *)&out[i]);
    else if (id == SL_FN_ADD)
        for (uint32_t i = 0; i < count; i++)
            bad |= __builtin_add_overflow(a[i], b[i], &out[i]);
    else if (id == SL_FN_SUB)
        for (uint32_t i = 0; i < count; i++)
            bad |= __builtin_sub_overflow(a[i], b[i], &out[i]);
    else
        for (uint32_t i = 0; i < count; i++)
            bad |= __builtin_mul_overflow(a[i], b[i], &out[i]);
    return bad;
}

/* May the argument stand in arithmetic of this signedness? A constant may when it is not
 * negative. */
static bool
fits_sign(const struct sl_vector *v, bool is_signed)
{
    if (is_signed)
        return v->type == SL_TYPE_I64 || v->type == SL_TYPE_BOOL || v->type == SL_TYPE_U8 ||
               v->type == SL_TYPE_U16 || v->type == SL_TYPE_U32;
    return v->type != SL_TYPE_I64 ||
           (v->encoding == SL_CONSTANT && (int64_t)sl_vector_entry_u64(v, 0) >= 0);
}

static sl_status
kernel_arithmetic(struct sl_run *run, const struct sl_expr *call, const struct sl_vector *args,
                  struct sl_register *out, bool *out_done)
{
    bool is_signed = call->type.type == SL_TYPE_I64;
    const uint64_t *present;

    if ((!is_signed && call->type.type != SL_TYPE_U64) || !all_integers(args, 2) ||
        !fits_sign(&args[0], is_signed) || !fits_sign(&args[1], is_signed))
        return SL_OK;
    const uint64_t *a = widen(run, &args[0]), *b = widen(run, &args[1]);
    uint64_t *values = sl_arena_alloc(run->arena, (size_t)run->count * sizeof(*values) + 8);
    if (a == NULL || b == NULL || values == NULL || !join_present(run, args, 2, &present))
        return sl_fail_memory(run->err);
    if (integer_loop(call->function->id, is_signed, a, b, run->count, values))
        return SL_OK;
    set_wide(run, call, values, present, out);
    *out_done = true;
    return SL_OK;
}

/* a & b, a | b, a ^ b: both unsigned by their coercion. */
static sl_status
kernel_bits(struct sl_run *run, const struct sl_expr *call, const struct sl_vector *args,
            struct sl_register *out, bool *out_done)
{
    const uint64_t *present;

    if (!all_integers(args, 2))
        return SL_OK;
    const uint64_t *a = widen(run, &args[0]), *b = widen(run, &args[1]);
    uint64_t *values = sl_arena_alloc(run->arena, (size_t)run->count * sizeof(*values) + 8);
    if (a == NULL || b == NULL || values == NULL || !join_present(run, args, 2, &present))
        return sl_fail_memory(run->err);
    if (call->function->id == SL_FN_BIT_AND)
        for (uint32_t i = 0; i < run->count; i++)
            values[i] = a[i] & b[i];
    else if (call->function->id == SL_FN_BIT_OR)
        for (uint32_t i = 0; i < run->count; i++)
            values[i] = a[i] | b[i];
    else
        for (uint32_t i = 0; i < run->count; i++)
            values[i] = a[i] ^ b[i];
    set_wide(run, call, values, present, out);
    *out_done = true;
    return SL_OK;
}

/* Constants are no arrays: what a row has of an integer vector, or of a constant. */
struct operand {
    const uint64_t *values; /* NULL: constant */
    uint64_t constant;
};

static bool
open_operand(struct sl_run *run, const struct sl_vector *v, struct operand *out)
{
    *out = (struct operand){0};
    if (v->encoding == SL_CONSTANT)
        out->constant = sl_vector_entry_u64(v, 0);
    else
        out->values = widen(run, v);
    return v->encoding == SL_CONSTANT || out->values != NULL;
}

static uint64_t
operand_at(const struct operand *operand, uint32_t row)
{
    return operand->values == NULL ? operand->constant : operand->values[row];
}

/* in + out. What does not fit is the greatest number; most sums are far from it, and their loop
 * has no branch. */
static void
add_totals(const struct operand *a, const struct operand *b, uint32_t count, uint64_t *totals)
{
    uint64_t any = a->constant | b->constant;

    if (a->values == NULL || b->values == NULL) {
        const uint64_t *values = a->values == NULL ? b->values : a->values;
        uint64_t constant = a->values == NULL ? a->constant : b->constant;
        for (uint32_t i = 0; i < count; i++) {
            uint64_t value = values == NULL ? b->constant : values[i];
            totals[i] = value + constant;
            any |= value;
        }
    } else {
        for (uint32_t i = 0; i < count; i++) {
            totals[i] = a->values[i] + b->values[i];
            any |= a->values[i] | b->values[i];
        }
    }
    if (any >> 63 != 0)
        for (uint32_t i = 0; i < count; i++)
            if (__builtin_add_overflow(operand_at(a, i), operand_at(b, i), &totals[i]))
                totals[i] = UINT64_MAX;
}

/* (in + out) * rate / divisor; the last two are 1 nearly always. */
static sl_status
kernel_flow_total(struct sl_run *run, const struct sl_expr *call, const struct sl_vector *args,
                  struct sl_register *out, bool *out_done)
{
    uint32_t count = call->arg_count;
    const uint64_t *present;
    struct operand a, b, rate;
    struct operand divisor = {.constant = 1};

    if (count > 4 || !all_integers(args, count))
        return SL_OK;
    if (!open_operand(run, &args[0], &a) || !open_operand(run, &args[1], &b) ||
        !open_operand(run, &args[2], &rate) ||
        (count == 4 && !open_operand(run, &args[3], &divisor)) ||
        !join_present(run, args, count, &present))
        return sl_fail_memory(run->err);
    bool is_whole = divisor.values == NULL && divisor.constant <= 1;
    bool is_one = is_whole && rate.values == NULL && rate.constant == 1;
    *out_done = true;
    if (is_one && a.values != NULL && b.values == NULL && b.constant == 0) {
        set_wide(run, call, a.values, present, out);
        return SL_OK;
    }
    uint64_t *values = sl_arena_alloc(run->arena, (size_t)run->count * sizeof(*values) + 8);
    if (values == NULL)
        return sl_fail_memory(run->err);
    if (is_whole)
        add_totals(&a, &b, run->count, values);
    if (is_whole && !is_one)
        for (uint32_t i = 0; i < run->count; i++)
            if (__builtin_mul_overflow(values[i], operand_at(&rate, i), &values[i]))
                values[i] = UINT64_MAX;
    if (!is_whole)
        for (uint32_t i = 0; i < run->count; i++)
            values[i] = sl_flow_total(operand_at(&a, i), operand_at(&b, i), operand_at(&rate, i),
                                      operand_at(&divisor, i));
    set_wide(run, call, values, present, out);
    return SL_OK;
}

/* Integers to wider ones: unsigned types keep their narrow values. */
static sl_status
kernel_cast(struct sl_run *run, const struct sl_expr *call, const struct sl_vector *args,
            struct sl_register *out, bool *out_done)
{
    bool is_relabel = call->type.type == SL_TYPE_U64 && sl_type_is_unsigned(args[0].type);
    bool is_widen = call->type.type == SL_TYPE_I64 && sl_type_is_unsigned(args[0].type) &&
                    args[0].encoding == SL_PLAIN;

    if (is_relabel) {
        *out = (struct sl_register){.vector = args[0]};
        out->vector.type = SL_TYPE_U64;
        *out_done = true;
    } else if (is_widen) {
        const uint64_t *wide = widen(run, &args[0]);
        if (wide == NULL)
            return sl_fail_memory(run->err);
        set_wide(run, call, wide, args[0].present, out);
        *out_done = true;
    }
    return SL_OK;
}

/* TIME_BUCKET and UNIX_BUCKET of a plain column by a constant. */
static sl_status
kernel_bucket(struct sl_run *run, const struct sl_expr *call, const struct sl_vector *args,
              struct sl_register *out, bool *out_done)
{
    bool is_unix = call->function->id == SL_FN_UNIX_BUCKET;

    if (args[0].encoding != SL_PLAIN || args[1].encoding != SL_CONSTANT || args[1].value_count == 0)
        return SL_OK;
    int64_t seconds = (int64_t)sl_vector_entry_u64(&args[1], 0);
    if (seconds <= 0 || seconds > INT64_C(1000000000))
        return SL_OK;
    const int64_t *times = args[0].values;
    int64_t *values = sl_arena_alloc(run->arena, (size_t)run->count * sizeof(*values) + 8);
    if (values == NULL)
        return sl_fail_memory(run->err);
    int64_t step = seconds * SL_US_PER_S;
    /* Neighbours fall in the same bucket: divide only when one does not. */
    int64_t low = 0, high = 0;
    for (uint32_t i = 0; i < run->count; i++) {
        int64_t time = is_unix && times[i] < 0 ? 0 : times[i];
        if (time < low || time >= high) {
            low = (time / step - (time % step < 0)) * step;
            if (__builtin_add_overflow(low, step, &high))
                return SL_OK;
        }
        values[i] = is_unix ? low / SL_US_PER_S : low;
    }
    set_wide(run, call, values, args[0].present, out);
    *out_done = true;
    return SL_OK;
}

static sl_status
kernel_is_null(struct sl_run *run, const struct sl_vector *args, struct sl_register *out,
               bool *out_done)
{
    uint64_t *truth = sl_run_bits(run);

    if (truth == NULL)
        return sl_fail_memory(run->err);
    for (size_t w = 0; w < sl_words_for(run->count); w++)
        truth[w] = args[0].present == NULL ? 0 : ~args[0].present[w];
    finish_truth(run, false, NULL, truth, out);
    *out_done = true;
    return SL_OK;
}

/* IF over values of 8 bytes, or narrower unsigned ones. */
static sl_status
kernel_if(struct sl_run *run, const struct sl_expr *call, const struct sl_vector *args,
          struct sl_register *out, bool *out_done)
{
    const struct sl_vector *test = &args[0];
    bool is_wide = sl_type_bytes(call->type.type) == 8 && test->encoding == SL_PLAIN;

    for (uint32_t i = 1; i < 3; i++)
        is_wide = is_wide && args[i].type == call->type.type &&
                  (args[i].encoding != SL_DICT || args[i].value_count > 0);
    if (!is_wide)
        return SL_OK;
    const uint8_t *flags = test->values;
    const uint64_t *a = widen(run, &args[1]), *b = widen(run, &args[2]);
    uint64_t *values = sl_arena_alloc(run->arena, (size_t)run->count * sizeof(*values) + 8);
    uint64_t *present = sl_arena_calloc(run->arena, sl_words_for(run->count), sizeof(*present));
    if (a == NULL || b == NULL || values == NULL || present == NULL)
        return sl_fail_memory(run->err);
    bool has_null = false;
    for (uint32_t row = 0; row < run->count; row++) {
        bool is_true = flags[row] != 0 && (test->present == NULL || sl_bit_get(test->present, row));
        bool is_null = sl_vector_is_null(is_true ? &args[1] : &args[2], row);
        values[row] = is_true ? a[row] : b[row];
        present[row / 64] |= (uint64_t)!is_null << row % 64;
        has_null |= is_null;
    }
    set_wide(run, call, values, has_null ? present : NULL, out);
    *out_done = true;
    return SL_OK;
}

/* last - first, in microseconds: a DECIMAL of 6 digits. */
static sl_status
kernel_duration(struct sl_run *run, const struct sl_expr *call, const struct sl_vector *args,
                struct sl_register *out, bool *out_done)
{
    const uint64_t *present;

    for (uint32_t i = 0; i < 2; i++)
        if (args[i].encoding != SL_PLAIN)
            return SL_OK;
    const int64_t *first = args[0].values, *last = args[1].values;
    sl_i128 *values = sl_arena_alloc(run->arena, (size_t)run->count * sizeof(*values));
    if (values == NULL || !join_present(run, args, 2, &present))
        return sl_fail_memory(run->err);
    for (uint32_t row = 0; row < run->count; row++)
        values[row] = (sl_i128)last[row] - first[row];
    set_wide(run, call, values, present, out);
    out->vector.width = sizeof(*values);
    *out_done = true;
    return SL_OK;
}

sl_status
sl_kernel_call(struct sl_run *run, const struct sl_expr *call, const struct sl_in_set *set,
               const struct sl_vector *args, uint32_t arg_count, const uint64_t *mask,
               struct sl_register *out, bool *out_done)
{
    (void)mask; /* these loops are cheaper than asking which rows matter */
    *out_done = false;
    if (run->count == 0)
        return SL_OK;
    switch (call->function->id) {
    case SL_FN_EQ:
    case SL_FN_NE:
    case SL_FN_LT:
    case SL_FN_LE:
    case SL_FN_GT:
    case SL_FN_GE:
    case SL_FN_BETWEEN:
        SL_TRY(kernel_compare_numbers(run, call, args, arg_count, out, out_done));
        return *out_done ? SL_OK : kernel_compare(run, call, args, arg_count, out, out_done);
    case SL_FN_IN:
        return kernel_in(run, set, &args[0], out, out_done);
    case SL_FN_ADD:
    case SL_FN_SUB:
    case SL_FN_MUL:
        return kernel_arithmetic(run, call, args, out, out_done);
    case SL_FN_BIT_AND:
    case SL_FN_BIT_OR:
    case SL_FN_BIT_XOR:
        return kernel_bits(run, call, args, out, out_done);
    case SL_FN_FLOW_TOTAL:
        return kernel_flow_total(run, call, args, out, out_done);
    case SL_FN_CAST:
        return kernel_cast(run, call, args, out, out_done);
    case SL_FN_TIME_BUCKET:
    case SL_FN_UNIX_BUCKET:
        return kernel_bucket(run, call, args, out, out_done);
    case SL_FN_IS_NULL:
        return kernel_is_null(run, args, out, out_done);
    case SL_FN_IF:
        return kernel_if(run, call, args, out, out_done);
    case SL_FN_FLOW_DURATION:
        return kernel_duration(run, call, args, out, out_done);
    case SL_FN_NETWORK:
        return sl_kernel_network(run, args, out, out_done);
    default:
        return SL_OK;
    }
}
