/*
 * aggregate_finish.c - states as values: the scale of decimals, quotients, roots.
 */
#include <math.h>

#include "query/aggregate_state.h"

static sl_i128
power_of_10(unsigned exponent)
{
    sl_i128 power = 1;
    for (unsigned i = 0; i < exponent; i++)
        power *= 10;
    return power;
}

/* Half away from zero, as MySQL rounds decimals. */
static sl_i128
divide_rounded(sl_i128 number, sl_i128 divisor)
{
    sl_i128 half = divisor / 2;
    return (number >= 0 ? number + half : number - half) / divisor;
}

static sl_i128
rescale(sl_i128 integer, unsigned from, unsigned to)
{
    if (to == from)
        return integer;
    if (to > from)
        return integer * power_of_10(to - from);
    return divide_rounded(integer, power_of_10(from - to));
}

void
sl_value_from_integer(sl_i128 integer, unsigned scale, const struct sl_sql_type *type,
                      struct sl_value *out_value)
{
    struct sl_value value = {.type = type->type, .scale = type->scale};

    if (type->type == SL_TYPE_DECIMAL)
        value.as.i128 = rescale(integer, scale, type->scale);
    else if (type->type == SL_TYPE_F64)
        value.as.f64 = (double)integer / pow(10, scale);
    else
        value.as.u64 = (uint64_t)rescale(integer, scale, 0);
    *out_value = value;
}

static void
finish_average(const struct sl_aggregate *aggregate, sl_i128 sum, uint64_t count,
               struct sl_value *out)
{
    const struct sl_sql_type *type = &aggregate->argument->type;
    unsigned scale = type->type == SL_TYPE_DECIMAL ? type->scale : 0;

    if (aggregate->type.type == SL_TYPE_F64) {
        out->as.f64 = (double)sum / pow(10, scale) / (double)count;
        return;
    }
    /* Digits are made before dividing, so that the quotient is rounded once. */
    unsigned digits = aggregate->type.scale > scale ? aggregate->type.scale : scale;
    sl_i128 number = sum * power_of_10(digits - scale);
    sl_value_from_integer(divide_rounded(number, (sl_i128)count), digits, &aggregate->type, out);
}

static void
finish_moments(const struct sl_aggregate *aggregate, const struct sl_aggregate_state *state,
               struct sl_value *out)
{
    bool is_sample = aggregate->kind == SL_AGG_STDDEV_SAMP || aggregate->kind == SL_AGG_VAR_SAMP;
    bool is_root = aggregate->kind == SL_AGG_STDDEV_POP || aggregate->kind == SL_AGG_STDDEV_SAMP;
    uint64_t divisor = is_sample ? state->count - 1 : state->count;

    if (divisor == 0) {
        out->is_null = true;
        return;
    }
    double variance = state->value.moments.square / (double)divisor;
    out->as.f64 = is_root ? sqrt(variance) : variance;
}

/* A value that was kept as it came. */
static void
finish_value(const struct sl_aggregate *aggregate, const struct sl_aggregate_state *state,
             struct sl_value *out)
{
    const struct sl_sql_type *type = &aggregate->argument->type;

    switch (sl_form_of(type->type)) {
    case SL_FORM_F64:
        out->as.f64 = state->value.f64;
        break;
    case SL_FORM_ADDR:
        out->as.addr = state->value.addr;
        break;
    case SL_FORM_SLICE:
        out->as.slice = state->value.slice;
        break;
    case SL_FORM_U64:
    case SL_FORM_I64:
    case SL_FORM_I128:
        sl_value_from_integer(state->value.integer, type->type == SL_TYPE_DECIMAL ? type->scale : 0,
                              &aggregate->type, out);
        break;
    }
}

static void
finish_full(const struct sl_aggregate *aggregate, const struct sl_aggregate_state *state,
            struct sl_value *out)
{
    bool is_f64 = aggregate->argument->type.type == SL_TYPE_F64;

    switch (aggregate->kind) {
    case SL_AGG_APPROX_COUNT_DISTINCT:
        sl_value_from_integer(state->count, 0, &aggregate->type, out);
        return;
    case SL_AGG_BIT_OR:
    case SL_AGG_BIT_XOR:
        out->as.u64 = state->value.bits;
        return;
    case SL_AGG_BIT_AND:
        out->as.u64 = ~state->value.bits;
        return;
    default:
        break;
    }
    if (state->count == 0)
        out->is_null = true;
    else if (aggregate->kind == SL_AGG_AVG_DISTINCT && !is_f64)
        finish_average(aggregate, state->value.integer, state->count, out);
    else if (aggregate->kind == SL_AGG_AVG || aggregate->kind == SL_AGG_AVG_DISTINCT)
        out->as.f64 = state->value.f64 / (double)state->count;
    else if (aggregate->kind >= SL_AGG_STDDEV_POP && aggregate->kind <= SL_AGG_VAR_SAMP)
        finish_moments(aggregate, state, out);
    else if (aggregate->kind == SL_AGG_GROUP_CONCAT)
        out->as.slice = state->value.slice;
    else if (aggregate->kind != SL_AGG_SUM_DISTINCT && aggregate->type.type == SL_TYPE_F64)
        out->as.f64 = state->value.f64; /* a quantile, between two values perhaps */
    else
        finish_value(aggregate, state, out);
}

void
sl_aggregate_finish(const struct sl_aggregate *aggregate, const void *state,
                    struct sl_value *out_value)
{
    const uint64_t *words = state;
    struct sl_value *out = out_value;

    *out = (struct sl_value){.type = aggregate->type.type, .scale = aggregate->type.scale};
    switch (sl_aggregate_state_of(aggregate)) {
    case SL_STATE_COUNT:
        sl_value_from_integer(words[0], 0, &aggregate->type, out);
        return;
    case SL_STATE_INTEGER: {
        const struct sl_sql_type *type = &aggregate->argument->type;
        out->is_null = words[0] == 0;
        if (!out->is_null)
            sl_value_from_integer(sl_aggregate_cell_get(words[0]),
                                  type->type == SL_TYPE_DECIMAL ? type->scale : 0, &aggregate->type,
                                  out);
        return;
    }
    case SL_STATE_AVERAGE:
        out->is_null = words[0] == 0;
        if (!out->is_null)
            finish_average(aggregate, sl_aggregate_cell_get(words[0]), words[1], out);
        return;
    case SL_STATE_FULL:
        finish_full(aggregate, state, out);
    }
}

bool
sl_aggregate_finish_plain(const struct sl_aggregate *aggregate, void *const *records, size_t offset,
                          uint32_t count, void *out_values)
{
    const struct sl_sql_type *type = &aggregate->type;
    enum sl_state state = sl_aggregate_state_of(aggregate);
    uint64_t *words = out_values;
    sl_i128 *integers = out_values;

    if (state == SL_STATE_COUNT && sl_type_bytes(type->type) == 8 && type->type != SL_TYPE_F64) {
        for (uint32_t i = 0; i < count; i++)
            words[i] = *sl_aggregate_word_at(records[i], offset);
        return true;
    }
    if (state != SL_STATE_INTEGER || type->type != SL_TYPE_DECIMAL)
        return false;
    unsigned scale =
        aggregate->argument->type.type == SL_TYPE_DECIMAL ? aggregate->argument->type.scale : 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t cell = *sl_aggregate_word_at(records[i], offset);
        if (cell == 0)
            return false;
        integers[i] = sl_aggregate_cell_get(cell);
    }
    return scale == type->scale;
}
