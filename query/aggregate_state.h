/*
 * aggregate_state.h - states and their cells from the inside: for what updates, merges and finishes
 * them (aggregate.h says what they are).
 *
 * All of it is inline, because it runs for each row or group.
 *
 * Ownership: a cell that no longer fits its word has an integer in the arena that was given.
 * Errors:    false when the arena is full.
 * Layer:     query, internal: aggregate*.c.
 */
#ifndef SLUICE_QUERY_AGGREGATE_STATE_H
#define SLUICE_QUERY_AGGREGATE_STATE_H

#include <math.h>

#include "query/aggregate.h"
#include "query/exec.h"

/* SL_STATE_FULL of a record. */
static inline struct sl_aggregate_state *
sl_aggregate_state_at(void *record, size_t offset)
{
    return (struct sl_aggregate_state *)(void *)((uint8_t *)record + offset);
}

/* A word of any other state: a cell or a count. */
static inline uint64_t *
sl_aggregate_word_at(void *record, size_t offset)
{
    return (uint64_t *)(void *)((uint8_t *)record + offset);
}

#define SL_AGGREGATE_CELL_INLINE (UINT64_C(1) << 62)
#define SL_AGGREGATE_CELL_BOXED  (UINT64_C(1) << 63)

static inline sl_i128_loose *
sl_aggregate_cell_box(uint64_t cell)
{
    return (sl_i128_loose *)(uintptr_t)(cell & ~SL_AGGREGATE_CELL_BOXED);
}

/* Of a cell that is not none. */
static inline sl_i128
sl_aggregate_cell_get(uint64_t cell)
{
    return cell & SL_AGGREGATE_CELL_BOXED ? *sl_aggregate_cell_box(cell)
                                          : (sl_i128)(cell & ~SL_AGGREGATE_CELL_INLINE);
}

/* The cell becomes `integer`; a box that it has is used again. */
SL_MUST_CHECK
static inline bool
sl_aggregate_cell_put(uint64_t *cell, sl_i128 integer, struct sl_arena *arena)
{
    if (*cell & SL_AGGREGATE_CELL_BOXED) {
        *sl_aggregate_cell_box(*cell) = integer;
        return true;
    }
    if (integer >= 0 && integer < (sl_i128)SL_AGGREGATE_CELL_INLINE) {
        *cell = SL_AGGREGATE_CELL_INLINE | (uint64_t)integer;
        return true;
    }
    sl_i128_loose *box = sl_arena_alloc(arena, sizeof(*box));
    if (box == NULL)
        return false;
    *box = integer;
    *cell = SL_AGGREGATE_CELL_BOXED | (uint64_t)(uintptr_t)box;
    return true;
}

SL_MUST_CHECK
static inline bool
sl_aggregate_cell_add(uint64_t *cell, sl_i128 integer, struct sl_arena *arena)
{
    return sl_aggregate_cell_put(
        cell, *cell == 0 ? integer : sl_aggregate_cell_get(*cell) + integer, arena);
}

/* The same for what is frequent: no integer of 128 bits is made where the sum fits its word. */
SL_MUST_CHECK
static inline bool
sl_aggregate_cell_add_u64(uint64_t *cell, uint64_t value, struct sl_arena *arena)
{
    uint64_t sum = (*cell | SL_AGGREGATE_CELL_INLINE) + value;

    if (SL_LIKELY(((*cell | sum | value | value << 1) & SL_AGGREGATE_CELL_BOXED) == 0)) {
        *cell = sum;
        return true;
    }
    return sl_aggregate_cell_add(cell, value, arena);
}

/* An argument as an integer; 0 for what is none. */
static inline sl_i128
sl_argument_integer(const union sl_argument *value, enum sl_form form)
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

/* Does an integer come before (MIN) or after (MAX) what the cell holds? */
static inline bool
sl_aggregate_beats_cell(const struct sl_aggregate *aggregate, uint64_t cell, sl_i128 integer)
{
    if (cell == 0)
        return true;
    if (aggregate->kind == SL_AGG_ANY)
        return false;
    return aggregate->kind == SL_AGG_MIN ? integer < sl_aggregate_cell_get(cell)
                                         : integer > sl_aggregate_cell_get(cell);
}

/* The same for what a full state holds: never integers. */
static inline bool
sl_aggregate_beats(const struct sl_aggregate *aggregate, enum sl_form form,
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

/* A full state of MIN, MAX or ANY holds `value` from now on; a text is not copied. */
static inline void
sl_aggregate_replace(enum sl_form form, struct sl_aggregate_state *state,
                     const union sl_argument *value)
{
    if (form == SL_FORM_F64)
        state->value.f64 = value->f64;
    else if (form == SL_FORM_ADDR)
        state->value.addr = value->addr;
    else
        state->value.slice = value->slice;
}

#endif
