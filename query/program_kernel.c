/*
 * program_kernel.c - tight loops for what is frequent: integer arithmetic, sums of counters, time
 * buckets, choices; predicates are in program_compare.c.
 *
 * Every loop agrees with the row function of its call; program_test.c compares them at random.
 */
#include "query/bucket_kernel.h"
#include "query/function_row.h"
#include "query/program_run.h"
#include "query/value.h"
#include "storage/base/clock.h"

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

bool
sl_run_join_present(struct sl_run *run, const struct sl_vector *args, uint32_t count,
                    const uint64_t **out)
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
    if (a == NULL || b == NULL || values == NULL || !sl_run_join_present(run, args, 2, &present))
        return sl_fail_memory(run->err);
    if (integer_loop(call->function->id, is_signed, a, b, run->count, values))
        return SL_OK;
    set_wide(run, call, values, present, out);
    *out_done = true;
    return SL_OK;
}

/* A column of narrow unsigned integers & a constant: eight bytes at a time, whatever the width. */
static sl_status
and_narrow(struct sl_run *run, const struct sl_expr *call, const struct sl_vector *column,
           const struct sl_vector *constant, struct sl_register *out)
{
    size_t bytes = (size_t)run->count * column->width;
    uint64_t one = sl_vector_entry_u64(constant, 0), all = 0, word;
    uint8_t *values = sl_arena_alloc(run->arena, bytes + 8);

    if (values == NULL)
        return sl_fail_memory(run->err);
    for (unsigned at = 0; at < 8; at += column->width)
        memcpy((uint8_t *)&all + at, &one, column->width);
    for (size_t at = 0; at + 8 <= bytes; at += 8) {
        memcpy(&word, (const uint8_t *)column->values + at, 8);
        word &= all;
        memcpy(values + at, &word, 8);
    }
    for (size_t at = bytes & ~(size_t)7; at < bytes; at++)
        values[at] = ((const uint8_t *)column->values)[at] & ((const uint8_t *)&all)[at % 8];
    set_wide(run, call, values, column->present, out);
    out->vector.width = column->width;
    return SL_OK;
}

static bool
is_narrow(const struct sl_vector *v)
{
    return v->encoding == SL_PLAIN && v->width < 8 && sl_type_is_unsigned(v->type);
}

/* a & b, a | b, a ^ b: both unsigned by their coercion. */
static sl_status
kernel_bits(struct sl_run *run, const struct sl_expr *call, const struct sl_vector *args,
            struct sl_register *out, bool *out_done)
{
    const uint64_t *present;

    if (!all_integers(args, 2))
        return SL_OK;
    if (call->function->id == SL_FN_BIT_AND && is_narrow(&args[0]) &&
        args[1].encoding == SL_CONSTANT) {
        *out_done = true;
        return and_narrow(run, call, &args[0], &args[1], out);
    }
    const uint64_t *a = widen(run, &args[0]), *b = widen(run, &args[1]);
    uint64_t *values = sl_arena_alloc(run->arena, (size_t)run->count * sizeof(*values) + 8);
    if (a == NULL || b == NULL || values == NULL || !sl_run_join_present(run, args, 2, &present))
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

static bool
is_constant(const struct sl_vector *v, uint64_t value)
{
    return v->encoding == SL_CONSTANT && v->present == NULL && sl_vector_entry_u64(v, 0) == value;
}

/* Nothing went out, and every packet was looked at: the total is what came in, as it is. */
static bool
is_lone_counter(const struct sl_vector *args, uint32_t count)
{
    return args[0].encoding == SL_PLAIN && sl_type_is_unsigned(args[0].type) &&
           is_constant(&args[1], 0) && is_constant(&args[2], 1) &&
           (count < 4 || is_constant(&args[3], 0) || is_constant(&args[3], 1));
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
    if (is_lone_counter(args, count)) {
        *out = (struct sl_register){.vector = args[0]};
        out->vector.type = call->type.type;
        *out_done = true;
        return SL_OK;
    }
    if (!open_operand(run, &args[0], &a) || !open_operand(run, &args[1], &b) ||
        !open_operand(run, &args[2], &rate) ||
        (count == 4 && !open_operand(run, &args[3], &divisor)) ||
        !sl_run_join_present(run, args, count, &present))
        return sl_fail_memory(run->err);
    bool is_whole = divisor.values == NULL && divisor.constant <= 1;
    bool is_one = is_whole && rate.values == NULL && rate.constant == 1;
    *out_done = true;
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

/* Bounds of the times that count; min > max when none does. */
static void
time_bounds(const struct sl_vector *v, uint32_t count, const uint64_t *mask, int64_t *out_min,
            int64_t *out_max)
{
    const struct sl_bucket_kernels *kernels = sl_bucket_kernels_best();
    const int64_t *times = v->values;

    *out_min = INT64_MAX;
    *out_max = INT64_MIN;
    for (uint32_t first = 0; first < count; first += 64) {
        uint32_t lanes = count - first < 64 ? count - first : 64;
        uint64_t all = lanes == 64 ? UINT64_MAX : (UINT64_C(1) << lanes) - 1;
        uint64_t rows = all & (mask == NULL ? all : mask[first / 64]) &
                        (v->present == NULL ? all : v->present[first / 64]);
        if (rows == all) {
            kernels->bounds(&times[first], lanes, out_min, out_max);
            continue;
        }
        for (; rows != 0; rows &= rows - 1)
            kernels->bounds(&times[first + (uint32_t)__builtin_ctzll(rows)], 1, out_min, out_max);
    }
}

/* TIME_BUCKET and UNIX_BUCKET of a plain column by a constant: the rows of a block lie in few
 * buckets, which become a dictionary. */
static sl_status
kernel_bucket(struct sl_run *run, const struct sl_expr *call, const struct sl_vector *args,
              const uint64_t *mask, struct sl_register *out, bool *out_done)
{
    bool is_unix = call->function->id == SL_FN_UNIX_BUCKET;
    struct sl_buckets buckets;
    int64_t min, max;

    if (args[0].encoding != SL_PLAIN || args[1].encoding != SL_CONSTANT || args[1].value_count == 0)
        return SL_OK;
    int64_t seconds = (int64_t)sl_vector_entry_u64(&args[1], 0);
    if (seconds <= 0 || seconds > INT64_C(1000000000))
        return SL_OK;
    time_bounds(&args[0], run->count, mask, &min, &max);
    if ((is_unix && min < 0) || !sl_buckets_lay_out(min, max, seconds * SL_US_PER_S, &buckets))
        return SL_OK;
    uint32_t *codes = sl_arena_alloc(run->arena, (size_t)run->count * sizeof(*codes));
    int64_t *values = sl_arena_alloc(run->arena, buckets.count * sizeof(*values));
    if (codes == NULL || values == NULL)
        return sl_fail_memory(run->err);
    sl_bucket_kernels_best()->codes(args[0].values, run->count, &buckets, codes);
    for (uint32_t i = 0; i < buckets.count; i++)
        values[i] = (buckets.low_us + i * buckets.step_us) / (is_unix ? SL_US_PER_S : 1);
    set_wide(run, call, values, args[0].present, out);
    out->vector.encoding = SL_DICT;
    out->vector.is_sorted = true;
    out->vector.value_count = buckets.count;
    out->vector.codes = codes;
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
    sl_run_finish_truth(run, false, NULL, truth, out);
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
    if (values == NULL || !sl_run_join_present(run, args, 2, &present))
        return sl_fail_memory(run->err);
    for (uint32_t row = 0; row < run->count; row++)
        values[row] = (sl_i128)last[row] - first[row];
    set_wide(run, call, values, present, out);
    out->vector.width = sizeof(*values);
    *out_done = true;
    return SL_OK;
}

/* Most loops are cheaper than asking which rows matter. */
sl_status
sl_kernel_call(struct sl_run *run, const struct sl_expr *call, const struct sl_in_set *set,
               const struct sl_vector *args, uint32_t arg_count, const uint64_t *mask,
               struct sl_register *out, bool *out_done)
{
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
        return sl_kernel_compare(run, call, args, arg_count, mask, out, out_done);
    case SL_FN_IN:
        return sl_kernel_in(run, set, &args[0], mask, out, out_done);
    case SL_FN_IN_RANGES:
        return sl_kernel_in_ranges(run, set, &args[0], mask, out, out_done);
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
        return kernel_bucket(run, call, args, mask, out, out_done);
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
