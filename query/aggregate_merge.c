/*
 * aggregate_merge.c - states of two tables into one: sl_aggregate_merge_many().
 */
#include "query/aggregate_state.h"

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
        if (sl_aggregate_beats(aggregate, form, into, &value))
            sl_aggregate_replace(form, into, &value);
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
    case SL_AGG_BIT_XOR:
        into->value.bits ^= from->value.bits;
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
        return (from & SL_AGGREGATE_CELL_BOXED) == 0
                   ? sl_aggregate_cell_add_u64(into, from & ~SL_AGGREGATE_CELL_INLINE, arena)
                   : sl_aggregate_cell_add(into, sl_aggregate_cell_get(from), arena);
    if (sl_aggregate_beats_cell(aggregate, *into, sl_aggregate_cell_get(from)))
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
            *sl_aggregate_word_at(into[i], offset) += *sl_aggregate_word_at(from[i], offset);
        return true;
    case SL_STATE_INTEGER:
        for (uint32_t i = 0; i < count; i++)
            if (!merge_cells(aggregate, sl_aggregate_word_at(into[i], offset),
                             *sl_aggregate_word_at(from[i], offset), arena))
                return false;
        return true;
    case SL_STATE_AVERAGE:
        for (uint32_t i = 0; i < count; i++) {
            uint64_t *target = sl_aggregate_word_at(into[i], offset);
            const uint64_t *source = sl_aggregate_word_at(from[i], offset);
            if (!merge_cells(aggregate, target, source[0], arena))
                return false;
            target[1] += source[1];
        }
        return true;
    case SL_STATE_FULL:
        break;
    }
    for (uint32_t i = 0; i < count; i++)
        merge_full(aggregate, sl_aggregate_state_at(into[i], offset),
                   sl_aggregate_state_at(from[i], offset));
    return true;
}
