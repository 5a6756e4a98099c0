/*
 * aggregate.c - see aggregate.h.
 */
#include "query/aggregate.h"

#include <math.h>

#include "query/exec.h"

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

static struct sl_aggregate_state *
state_at(void *record, size_t offset)
{
    return (struct sl_aggregate_state *)(void *)((uint8_t *)record + offset);
}

static uint64_t *
word_at(void *record, size_t offset)
{
    return (uint64_t *)(void *)((uint8_t *)record + offset);
}

/* ---- cells ---- */

#define CELL_INLINE (UINT64_C(1) << 62)
#define CELL_BOXED  (UINT64_C(1) << 63)

static sl_i128_loose *
cell_box(uint64_t cell)
{
    return (sl_i128_loose *)(uintptr_t)(cell & ~CELL_BOXED);
}

/* Of a cell that is not none. */
static sl_i128
cell_get(uint64_t cell)
{
    return cell & CELL_BOXED ? *cell_box(cell) : (sl_i128)(cell & ~CELL_INLINE);
}

static bool
cell_put(uint64_t *cell, sl_i128 integer, struct sl_arena *arena)
{
    if (*cell & CELL_BOXED) {
        *cell_box(*cell) = integer;
        return true;
    }
    if (integer >= 0 && integer < (sl_i128)CELL_INLINE) {
        *cell = CELL_INLINE | (uint64_t)integer;
        return true;
    }
    sl_i128_loose *box = sl_arena_alloc(arena, sizeof(*box));
    if (box == NULL)
        return false;
    *box = integer;
    *cell = CELL_BOXED | (uint64_t)(uintptr_t)box;
    return true;
}

static bool
cell_add(uint64_t *cell, sl_i128 integer, struct sl_arena *arena)
{
    return cell_put(cell, *cell == 0 ? integer : cell_get(*cell) + integer, arena);
}

static inline bool
cell_add_u64(uint64_t *cell, uint64_t value, struct sl_arena *arena)
{
    uint64_t sum = (*cell | CELL_INLINE) + value;

    if (SL_LIKELY(((*cell | sum | value | value << 1) & CELL_BOXED) == 0)) {
        *cell = sum;
        return true;
    }
    return cell_add(cell, value, arena);
}

/* ---- COUNT, SUM, AVG ---- */

void
sl_aggregate_count_rows(void *const *records, size_t offset, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        ++*word_at(records[i], offset);
}

static sl_i128
as_integer(const union sl_argument *value, enum sl_form form)
{
    switch (form) {
    case SL_FORM_U64:
        return value->u64;
    case SL_FORM_I64:
        return value->i64;
    case SL_FORM_I128:
        return value->i128;
    case SL_FORM_F64:
        return (sl_i128)llround(value->f64);
    case SL_FORM_ADDR:
    case SL_FORM_SLICE:
        break;
    }
    return 0;
}

double
sl_argument_f64(const union sl_argument *value, const struct sl_sql_type *type)
{
    enum sl_form form = sl_form_of(type->type);

    if (form == SL_FORM_F64)
        return value->f64;
    double number = (double)as_integer(value, form);
    return type->type == SL_TYPE_DECIMAL ? number / pow(10, type->scale) : number;
}

static bool
update_sum(const struct sl_aggregate *aggregate, enum sl_form form, void *const *records,
           size_t offset, const union sl_argument *values, const uint32_t *index, uint32_t count,
           struct sl_arena *arena)
{
    if (form == SL_FORM_F64) {
        for (uint32_t i = 0; i < count; i++) {
            struct sl_aggregate_state *state = state_at(records[index[i]], offset);
            state->value.f64 += values[i].f64;
            state->count++;
        }
        return true;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t *cell = word_at(records[index[i]], offset);
        if (!cell_add(cell, as_integer(&values[i], form), arena))
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
            if (!cell_add_u64(word_at(records[i], offset), values[rows[i]], arena))     \
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
sl_aggregate_add_sum(const struct sl_aggregate *aggregate, void *state, uint64_t count,
                     uint64_t sum, struct sl_arena *arena)
{
    uint64_t *words = state;

    if (count == 0)
        return true;
    if (aggregate->kind == SL_AGG_SUM)
        return cell_add(words, (sl_i128)sum, arena);
    if (aggregate->kind != SL_AGG_AVG) {
        *words += count;
        return true;
    }
    words[offsetof(struct sl_average, count) / sizeof(*words)] += count;
    return cell_add(words, (sl_i128)sum, arena);
}

/* ---- MIN, MAX, ANY ---- */

/* Does an integer come before (MIN) or after (MAX) what the cell holds? */
static bool
beats_cell(const struct sl_aggregate *aggregate, uint64_t cell, sl_i128 integer)
{
    if (cell == 0)
        return true;
    if (aggregate->kind == SL_AGG_ANY)
        return false;
    return aggregate->kind == SL_AGG_MIN ? integer < cell_get(cell) : integer > cell_get(cell);
}

/* The same for what a full state holds. */
static bool
beats(const struct sl_aggregate *aggregate, enum sl_form form,
      const struct sl_aggregate_state *state, const union sl_argument *value)
{
    const struct sl_sql_type *type = &aggregate->argument->type;
    int order = 0;

    if (state->count == 0)
        return true;
    if (aggregate->kind == SL_AGG_ANY)
        return false;
    if (form == SL_FORM_F64)
        order = (value->f64 > state->value.f64) - (value->f64 < state->value.f64);
    else if (form == SL_FORM_ADDR)
        order = sl_addr_compare(value->addr, state->value.addr);
    else if (form == SL_FORM_SLICE)
        order = sl_slice_compare(value->slice, state->value.slice,
                                 type->is_binary || type->type == SL_TYPE_OCTETS);
    return aggregate->kind == SL_AGG_MIN ? order < 0 : order > 0;
}

static void
replace(enum sl_form form, struct sl_aggregate_state *state, const union sl_argument *value)
{
    if (form == SL_FORM_F64)
        state->value.f64 = value->f64;
    else if (form == SL_FORM_ADDR)
        state->value.addr = value->addr;
    else
        state->value.slice = value->slice;
}

static bool
update_extreme_cell(const struct sl_aggregate *aggregate, enum sl_form form, void *const *records,
                    size_t offset, const union sl_argument *values, const uint32_t *index,
                    uint32_t count, struct sl_arena *arena)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t *cell = word_at(records[index[i]], offset);
        sl_i128 integer = as_integer(&values[i], form);
        if (beats_cell(aggregate, *cell, integer) && !cell_put(cell, integer, arena))
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
        struct sl_aggregate_state *state = state_at(records[index[i]], offset);
        if (beats(aggregate, form, state, &values[i])) {
            union sl_argument kept = values[i];
            if (form == SL_FORM_SLICE) {
                uint8_t *copy = sl_arena_alloc(arena, kept.slice.size_bytes);
                if (copy == NULL)
                    return false;
                if (kept.slice.size_bytes != 0)
                    memcpy(copy, kept.slice.bytes, kept.slice.size_bytes);
                kept.slice.bytes = copy;
            }
            replace(form, state, &kept);
        }
        state->count++;
    }
    return true;
}

/* Welford: one pass, and no difference of two large sums. */
static void
update_moments(const struct sl_aggregate *aggregate, void *const *records, size_t offset,
               const union sl_argument *values, const uint32_t *index, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct sl_aggregate_state *state = state_at(records[index[i]], offset);
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
        struct sl_aggregate_state *state = state_at(records[index[i]], offset);
        uint64_t bits = (uint64_t)as_integer(&values[i], form);
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
            ++*word_at(records[index[i]], offset);
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

static void
merge_moments(struct sl_aggregate_state *into, const struct sl_aggregate_state *from)
{
    double a = (double)into->count;
    double b = (double)from->count;
    double distance = from->value.moments.mean - into->value.moments.mean;

    into->value.moments.mean += distance * b / (a + b);
    into->value.moments.square +=
        from->value.moments.square + distance * distance * a * b / (a + b);
    into->count += from->count;
}

static void
merge_full(const struct sl_aggregate *aggregate, struct sl_aggregate_state *into,
           const struct sl_aggregate_state *from)
{
    enum sl_form form = sl_form_of(aggregate->argument->type.type);

    if (from->count == 0)
        return;
    if (into->count == 0) {
        *into = *from;
        return;
    }
    switch (aggregate->kind) {
    case SL_AGG_SUM:
    case SL_AGG_AVG:
        into->value.f64 += from->value.f64;
        break;
    case SL_AGG_MIN:
    case SL_AGG_MAX: {
        union sl_argument value;
        memcpy(&value, &from->value, sizeof(value));
        if (beats(aggregate, form, into, &value))
            replace(form, into, &value);
        break;
    }
    case SL_AGG_STDDEV_POP:
    case SL_AGG_STDDEV_SAMP:
    case SL_AGG_VAR_POP:
    case SL_AGG_VAR_SAMP:
        merge_moments(into, from);
        return;
    case SL_AGG_BIT_OR:
    case SL_AGG_BIT_AND:
        into->value.bits |= from->value.bits;
        break;
    default: /* ANY, and the holistic ones, which are not finished yet */
        break;
    }
    into->count += from->count;
}

/* Two cells of a SUM, or of MIN, MAX, ANY. */
static bool
merge_cells(const struct sl_aggregate *aggregate, uint64_t *into, uint64_t from,
            struct sl_arena *arena)
{
    if (from == 0)
        return true;
    if (aggregate->kind == SL_AGG_SUM || aggregate->kind == SL_AGG_AVG)
        return (from & CELL_BOXED) == 0 ? cell_add_u64(into, from & ~CELL_INLINE, arena)
                                        : cell_add(into, cell_get(from), arena);
    if (beats_cell(aggregate, *into, cell_get(from)))
        *into = from;
    return true;
}

bool
sl_aggregate_merge_many(const struct sl_aggregate *aggregate, void *const *into, void *const *from,
                        size_t offset, uint32_t count, struct sl_arena *arena)
{
    switch (sl_aggregate_state_of(aggregate)) {
    case SL_STATE_COUNT:
        for (uint32_t i = 0; i < count; i++)
            *word_at(into[i], offset) += *word_at(from[i], offset);
        return true;
    case SL_STATE_INTEGER:
        for (uint32_t i = 0; i < count; i++)
            if (!merge_cells(aggregate, word_at(into[i], offset), *word_at(from[i], offset), arena))
                return false;
        return true;
    case SL_STATE_AVERAGE:
        for (uint32_t i = 0; i < count; i++) {
            uint64_t *target = word_at(into[i], offset);
            const uint64_t *source = word_at(from[i], offset);
            if (!merge_cells(aggregate, target, source[0], arena))
                return false;
            target[1] += source[1];
        }
        return true;
    case SL_STATE_FULL:
        break;
    }
    for (uint32_t i = 0; i < count; i++)
        merge_full(aggregate, state_at(into[i], offset), state_at(from[i], offset));
    return true;
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
        full->value.integer += as_integer(value, form);
}

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
            sl_value_from_integer(cell_get(words[0]),
                                  type->type == SL_TYPE_DECIMAL ? type->scale : 0, &aggregate->type,
                                  out);
        return;
    }
    case SL_STATE_AVERAGE:
        out->is_null = words[0] == 0;
        if (!out->is_null)
            finish_average(aggregate, cell_get(words[0]), words[1], out);
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
            words[i] = *word_at(records[i], offset);
        return true;
    }
    if (state != SL_STATE_INTEGER || type->type != SL_TYPE_DECIMAL)
        return false;
    unsigned scale =
        aggregate->argument->type.type == SL_TYPE_DECIMAL ? aggregate->argument->type.scale : 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t cell = *word_at(records[i], offset);
        if (cell == 0)
            return false;
        integers[i] = cell_get(cell);
    }
    return scale == type->scale;
}
