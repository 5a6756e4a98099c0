/*
 * aggregate.c - see aggregate.h: arguments out of vectors, and which state an aggregate has.
 *
 * What is done to states is in aggregate_update.c, aggregate_merge.c and aggregate_finish.c.
 */
#include "query/aggregate.h"

#include <math.h>

#include "query/aggregate_state.h"

enum sl_form
sl_form_of(enum sl_type type)
{
    if (sl_type_is_bytes(type))
        return SL_FORM_SLICE;
    if (sl_type_is_signed(type))
        return SL_FORM_I64;
    if (type == SL_TYPE_F64)
        return SL_FORM_F64;
    if (type == SL_TYPE_DECIMAL)
        return SL_FORM_I128;
    return type == SL_TYPE_ADDR ? SL_FORM_ADDR : SL_FORM_U64;
}

/* Plain values without NULLs, which is what most columns are: one loop for each width. */
static bool
gather_plain(const struct sl_vector *v, const uint32_t *rows, uint32_t count,
             union sl_argument *out)
{
    if (v->present != NULL || v->encoding != SL_PLAIN || sl_type_is_bytes(v->type))
        return false;
    switch (v->width) {
    case 1:
        for (uint32_t i = 0; i < count; i++)
            out[i].u64 = ((const uint8_t *)v->values)[rows[i]];
        return true;
    case 2:
        for (uint32_t i = 0; i < count; i++)
            out[i].u64 = ((const uint16_t *)v->values)[rows[i]];
        return true;
    case 4:
        if (v->type == SL_TYPE_ADDR)
            return false;
        for (uint32_t i = 0; i < count; i++)
            out[i].u64 = ((const uint32_t *)v->values)[rows[i]];
        return true;
    case 8:
        for (uint32_t i = 0; i < count; i++)
            out[i].u64 = ((const uint64_t *)v->values)[rows[i]];
        return true;
    default:
        return false;
    }
}

static union sl_argument
read_argument(const struct sl_vector *v, uint32_t row, enum sl_form form)
{
    union sl_argument value = {0};

    switch (form) {
    case SL_FORM_U64:
    case SL_FORM_I64:
        value.u64 = sl_vector_u64(v, row);
        break;
    case SL_FORM_F64:
        value.f64 = sl_vector_f64(v, row);
        break;
    case SL_FORM_I128:
        value.i128 = sl_vector_i128(v, row);
        break;
    case SL_FORM_ADDR:
        value.addr = sl_vector_addr(v, row);
        break;
    case SL_FORM_SLICE:
        value.slice = sl_vector_slice(v, row);
        break;
    }
    return value;
}

uint32_t
sl_argument_gather(const struct sl_vector *vector, const uint32_t *rows, uint32_t count,
                   union sl_argument *out_values, uint32_t *out_index)
{
    enum sl_form form = sl_form_of(vector->type);

    if (gather_plain(vector, rows, count, out_values)) {
        for (uint32_t i = 0; i < count; i++)
            out_index[i] = i;
        return count;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (sl_vector_is_null(vector, rows[i]))
            continue;
        out_values[kept] = read_argument(vector, rows[i], form);
        out_index[kept++] = i;
    }
    return kept;
}

double
sl_argument_f64(const union sl_argument *value, const struct sl_sql_type *type)
{
    enum sl_form form = sl_form_of(type->type);

    if (form == SL_FORM_F64)
        return value->f64;
    double number = (double)sl_argument_integer(value, form);
    return type->type == SL_TYPE_DECIMAL ? number / pow(10, type->scale) : number;
}

bool
sl_aggregate_is_holistic(enum sl_aggregate_kind kind)
{
    switch (kind) {
    case SL_AGG_COUNT_DISTINCT:
    case SL_AGG_APPROX_COUNT_DISTINCT:
    case SL_AGG_SUM_DISTINCT:
    case SL_AGG_AVG_DISTINCT:
    case SL_AGG_QUANTILE:
    case SL_AGG_APPROX_QUANTILE:
    case SL_AGG_GROUP_CONCAT:
        return true;
    case SL_AGG_COUNT_STAR:
    case SL_AGG_COUNT:
    case SL_AGG_SUM:
    case SL_AGG_AVG:
    case SL_AGG_MIN:
    case SL_AGG_MAX:
    case SL_AGG_STDDEV_POP:
    case SL_AGG_STDDEV_SAMP:
    case SL_AGG_VAR_POP:
    case SL_AGG_VAR_SAMP:
    case SL_AGG_ANY:
    case SL_AGG_BIT_OR:
    case SL_AGG_BIT_AND:
    case SL_AGG_BIT_XOR:
        return false;
    }
    return false;
}

enum sl_state
sl_aggregate_state_of(const struct sl_aggregate *aggregate)
{
    if (aggregate->kind == SL_AGG_COUNT_STAR || aggregate->kind == SL_AGG_COUNT ||
        aggregate->kind == SL_AGG_COUNT_DISTINCT)
        return SL_STATE_COUNT;
    enum sl_form form = sl_form_of(aggregate->argument->type.type);
    if (form != SL_FORM_U64 && form != SL_FORM_I64 && form != SL_FORM_I128)
        return SL_STATE_FULL;
    switch (aggregate->kind) {
    case SL_AGG_SUM:
    case SL_AGG_MIN:
    case SL_AGG_MAX:
    case SL_AGG_ANY:
        return SL_STATE_INTEGER;
    case SL_AGG_AVG:
        return SL_STATE_AVERAGE;
    default:
        return SL_STATE_FULL;
    }
}

size_t
sl_aggregate_state_bytes(const struct sl_aggregate *aggregate)
{
    switch (sl_aggregate_state_of(aggregate)) {
    case SL_STATE_COUNT:
    case SL_STATE_INTEGER:
        return sizeof(uint64_t);
    case SL_STATE_AVERAGE:
        return sizeof(struct sl_average);
    case SL_STATE_FULL:
        break;
    }
    return sizeof(struct sl_aggregate_state);
}
