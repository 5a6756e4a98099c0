/*
 * aggregate_update.c - values into states: COUNT, SUM and AVG; MIN, MAX and ANY; moments; bits.
 */
#include "query/aggregate_state.h"

/* ---- COUNT, SUM, AVG ---- */

void
sl_aggregate_count_rows(void *const *records, size_t offset, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        ++*sl_aggregate_word_at(records[i], offset);
}

static bool
update_sum(const struct sl_aggregate *aggregate, enum sl_form form, void *const *records,
           size_t offset, const union sl_argument *values, const uint32_t *index, uint32_t count,
           struct sl_arena *arena)
{
    if (form == SL_FORM_F64) {
        for (uint32_t i = 0; i < count; i++) {
            struct sl_aggregate_state *state = sl_aggregate_state_at(records[index[i]], offset);
            state->value.f64 += values[i].f64;
            state->count++;
        }
        return true;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t *cell = sl_aggregate_word_at(records[index[i]], offset);
        if (!sl_aggregate_cell_add(cell, sl_argument_integer(&values[i], form), arena))
            return false;
        if (aggregate->kind == SL_AGG_AVG)
            cell[1]++; /* sl_average.count */
    }
    return true;
}

#define DEFINE_SUM(type)                                                                \
    static bool sum_##type(const type *values, const uint32_t *rows, uint32_t count,    \
                           void *const *records, size_t offset, struct sl_arena *arena) \
    {                                                                                   \
        for (uint32_t i = 0; i < count; i++)                                            \
            if (!sl_aggregate_cell_add_u64(sl_aggregate_word_at(records[i], offset),    \
                                           values[rows[i]], arena))                     \
                return false;                                                           \
        return true;                                                                    \
    }

DEFINE_SUM(uint8_t)
DEFINE_SUM(uint16_t)
DEFINE_SUM(uint32_t)
DEFINE_SUM(uint64_t)

static bool
sum_plain(const struct sl_vector *v, const uint32_t *rows, uint32_t count, void *const *records,
          size_t offset, struct sl_arena *arena)
{
    switch (v->width) {
    case 1:
        return sum_uint8_t(v->values, rows, count, records, offset, arena);
    case 2:
        return sum_uint16_t(v->values, rows, count, records, offset, arena);
    case 4:
        return sum_uint32_t(v->values, rows, count, records, offset, arena);
    default:
        return sum_uint64_t(v->values, rows, count, records, offset, arena);
    }
}

bool
sl_aggregate_update_plain(const struct sl_aggregate *aggregate, const struct sl_vector *vector,
                          const uint32_t *rows, uint32_t count, void *const *records, size_t offset,
                          struct sl_arena *arena, bool *out_done)
{
    bool is_constant_null = vector->encoding == SL_CONSTANT && vector->value_count == 0;
    bool is_sum = aggregate->kind == SL_AGG_SUM || aggregate->kind == SL_AGG_AVG;

    *out_done = false;
    if (vector->present != NULL || is_constant_null || count == 0)
        return true;
    if (aggregate->kind != SL_AGG_COUNT &&
        (!is_sum || vector->encoding != SL_PLAIN || sl_form_of(vector->type) != SL_FORM_U64))
        return true;
    *out_done = true;
    if (is_sum) {
        if (!sum_plain(vector, rows, count, records, offset, arena))
            return false;
        offset += offsetof(struct sl_average, count);
        if (aggregate->kind == SL_AGG_SUM)
            return true;
    }
    sl_aggregate_count_rows(records, offset, count);
    return true;
}

bool
sl_aggregate_add_sums(const struct sl_aggregate *aggregate, void *const *records, size_t offset,
                      const uint64_t *const *sums, unsigned which, uint32_t count,
                      struct sl_arena *arena)
{
    bool is_sum = aggregate->kind == SL_AGG_SUM || aggregate->kind == SL_AGG_AVG;
    size_t count_offset = offset;

    if (is_sum) {
        for (uint32_t i = 0; i < count; i++)
            if (sums[i][0] != 0 &&
                !sl_aggregate_cell_add_u64(sl_aggregate_word_at(records[i], offset), sums[i][which],
                                           arena))
                return false;
        if (aggregate->kind == SL_AGG_SUM)
            return true;
        count_offset += offsetof(struct sl_average, count);
    }
    for (uint32_t i = 0; i < count; i++)
        *sl_aggregate_word_at(records[i], count_offset) += sums[i][0];
    return true;
}

/* ---- MIN, MAX, ANY ---- */

static bool
update_extreme_cell(const struct sl_aggregate *aggregate, enum sl_form form, void *const *records,
                    size_t offset, const union sl_argument *values, const uint32_t *index,
                    uint32_t count, struct sl_arena *arena)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t *cell = sl_aggregate_word_at(records[index[i]], offset);
        sl_i128 integer = sl_argument_integer(&values[i], form);
        if (sl_aggregate_beats_cell(aggregate, *cell, integer) &&
            !sl_aggregate_cell_put(cell, integer, arena))
            return false;
    }
    return true;
}

static bool
update_extreme(const struct sl_aggregate *aggregate, enum sl_form form, void *const *records,
               size_t offset, const union sl_argument *values, const uint32_t *index,
               uint32_t count, struct sl_arena *arena)
{
    if (sl_aggregate_state_of(aggregate) == SL_STATE_INTEGER)
        return update_extreme_cell(aggregate, form, records, offset, values, index, count, arena);
    for (uint32_t i = 0; i < count; i++) {
        struct sl_aggregate_state *state = sl_aggregate_state_at(records[index[i]], offset);
        if (sl_aggregate_beats(aggregate, form, state, &values[i])) {
            union sl_argument kept = values[i];
            if (form == SL_FORM_SLICE) {
                uint8_t *copy = sl_arena_alloc(arena, kept.slice.size_bytes);
                if (copy == NULL)
                    return false;
                if (kept.slice.size_bytes != 0)
                    memcpy(copy, kept.slice.bytes, kept.slice.size_bytes);
                kept.slice.bytes = copy;
            }
            sl_aggregate_replace(form, state, &kept);
        }
        state->count++;
    }
    return true;
}

/* ---- the others ---- */

/* Welford: one pass, and no difference of two large sums. */
static void
update_moments(const struct sl_aggregate *aggregate, void *const *records, size_t offset,
               const union sl_argument *values, const uint32_t *index, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct sl_aggregate_state *state = sl_aggregate_state_at(records[index[i]], offset);
        double value = sl_argument_f64(&values[i], &aggregate->argument->type);
        double distance = value - state->value.moments.mean;
        state->count++;
        state->value.moments.mean += distance / (double)state->count;
        state->value.moments.square += distance * (value - state->value.moments.mean);
    }
}

static void
update_bits(const struct sl_aggregate *aggregate, enum sl_form form, void *const *records,
            size_t offset, const union sl_argument *values, const uint32_t *index, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct sl_aggregate_state *state = sl_aggregate_state_at(records[index[i]], offset);
        uint64_t bits = (uint64_t)sl_argument_integer(&values[i], form);
        if (aggregate->kind == SL_AGG_BIT_XOR)
            state->value.bits ^= bits;
        else
            state->value.bits |= aggregate->kind == SL_AGG_BIT_AND ? ~bits : bits;
        state->count++;
    }
}

bool
sl_aggregate_update(const struct sl_aggregate *aggregate, void *const *records, size_t offset,
                    const union sl_argument *values, const uint32_t *index, uint32_t count,
                    struct sl_arena *arena)
{
    SL_ASSERT(!sl_aggregate_is_holistic(aggregate->kind));
    SL_ASSERT(aggregate->kind != SL_AGG_COUNT_STAR);
    enum sl_form form = sl_form_of(aggregate->argument->type.type);

    switch (aggregate->kind) {
    case SL_AGG_COUNT:
        for (uint32_t i = 0; i < count; i++)
            ++*sl_aggregate_word_at(records[index[i]], offset);
        return true;
    case SL_AGG_SUM:
    case SL_AGG_AVG:
        return update_sum(aggregate, form, records, offset, values, index, count, arena);
    case SL_AGG_MIN:
    case SL_AGG_MAX:
    case SL_AGG_ANY:
        return update_extreme(aggregate, form, records, offset, values, index, count, arena);
    case SL_AGG_STDDEV_POP:
    case SL_AGG_STDDEV_SAMP:
    case SL_AGG_VAR_POP:
    case SL_AGG_VAR_SAMP:
        update_moments(aggregate, records, offset, values, index, count);
        return true;
    case SL_AGG_BIT_OR:
    case SL_AGG_BIT_AND:
    case SL_AGG_BIT_XOR:
        update_bits(aggregate, form, records, offset, values, index, count);
        return true;
    case SL_AGG_COUNT_STAR:
    case SL_AGG_COUNT_DISTINCT:
    case SL_AGG_APPROX_COUNT_DISTINCT:
    case SL_AGG_SUM_DISTINCT:
    case SL_AGG_AVG_DISTINCT:
    case SL_AGG_QUANTILE:
    case SL_AGG_APPROX_QUANTILE:
    case SL_AGG_GROUP_CONCAT:
        break;
    }
    return false; /* not reached */
}

void
sl_aggregate_add_distinct(const struct sl_aggregate *aggregate, void *state,
                          const union sl_argument *value)
{
    if (aggregate->kind == SL_AGG_COUNT_DISTINCT) {
        ++*(uint64_t *)state;
        return;
    }
    struct sl_aggregate_state *full = state;
    enum sl_form form = sl_form_of(aggregate->argument->type.type);
    full->count++;
    if (form == SL_FORM_F64)
        full->value.f64 += value->f64;
    else
        full->value.integer += sl_argument_integer(value, form);
}
