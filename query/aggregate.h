/*
 * aggregate.h - the state of one aggregate of one group: update, merge, finish.
 *
 * A state is 8, 16 or 24 bytes, as little as its aggregate needs, and starts as zero, so that a new
 * group needs no initialisation and aggregates do not know each other. States may be moved as
 * bytes. Arguments arrive as arrays of one *form*, without NULLs.
 *
 *   SL_STATE_COUNT     8  a number of rows or values
 *   SL_STATE_INTEGER   8  a cell: an integer, or none
 *   SL_STATE_AVERAGE  16  a cell, and of how many values it is the sum
 *   SL_STATE_FULL     24  struct sl_aggregate_state
 *
 * A *cell* is an exact integer of 128 bits in 64: nearly all are small.
 *
 *   0                       none
 *   bit 62 set, 63 clear    the other 62 bits are the integer
 *   bit 63 set              the other bits are the address of an sl_i128 in an arena of the operator
 *
 * Aggregates that must see each distinct value, or all values in order, keep nothing here: their
 * values are records of a table of their own (group_value.c), and `finish` gets the outcome.
 *
 * Ownership: what a state points to belongs to the arena that was given; arenas outlive states.
 * Threads:   a state belongs to one worker.
 * Errors:    false when the arena is full.
 * Layer:     query, internal.
 */
#ifndef SLUICE_QUERY_AGGREGATE_H
#define SLUICE_QUERY_AGGREGATE_H

#include "query/bound.h"
#include "storage/base/arena.h"

/* Eight-byte aligned, because records are. */
typedef sl_i128 sl_i128_loose __attribute__((aligned(8)));

enum sl_state {
    SL_STATE_COUNT,
    SL_STATE_INTEGER,
    SL_STATE_AVERAGE,
    SL_STATE_FULL,
};

struct sl_average {
    uint64_t cell;
    uint64_t count;
};

/* SL_STATE_FULL */
struct sl_aggregate_state {
    union {
        sl_i128_loose integer; /* sums of distinct values, quantiles of integers and decimals */
        double f64;
        struct {
            double mean;
            double square; /* sum of squared distances from the mean */
        } moments;
        uint64_t bits; /* BIT_OR, BIT_XOR; BIT_AND keeps the complement */
        struct sl_addr addr;
        struct sl_slice slice;
    } value;
    uint64_t count; /* values seen */
};

_Static_assert(sizeof(struct sl_aggregate_state) == 24, "states are packed into records");

enum sl_state sl_aggregate_state_of(const struct sl_aggregate *aggregate);
size_t sl_aggregate_state_bytes(const struct sl_aggregate *aggregate); /* a multiple of 8 */

enum sl_form {
    SL_FORM_U64,
    SL_FORM_I64,
    SL_FORM_F64,
    SL_FORM_I128,
    SL_FORM_ADDR,
    SL_FORM_SLICE,
};

/* A value of any form. */
union sl_argument {
    uint64_t u64;
    int64_t i64;
    double f64;
    sl_i128_loose i128;
    struct sl_addr addr;
    struct sl_slice slice;
};

_Static_assert(sizeof(union sl_argument) == 16, "arguments are arrays of 16 bytes");

enum sl_form sl_form_of(enum sl_type type);

/* Values of rows[0 .. count) that are not NULL; out_index[i] is the position in `rows` that
 * value i came from. Returns how many. */
uint32_t sl_argument_gather(const struct sl_vector *vector, const uint32_t *rows, uint32_t count,
                            union sl_argument *out_values, uint32_t *out_index);

/* Does it need a table of its values? */
bool sl_aggregate_is_holistic(enum sl_aggregate_kind kind);

/*
 * Give values[i] to the state at records[index[i]] + offset. Texts that are kept are copied to
 * `arena`. Not for holistic ones; COUNT(*) has its own.
 */
SL_MUST_CHECK
bool sl_aggregate_update(const struct sl_aggregate *aggregate, void *const *records, size_t offset,
                         const union sl_argument *values, const uint32_t *index, uint32_t count,
                         struct sl_arena *arena);

/*
 * The short way for what is frequent: COUNT, and SUM and AVG of plain unsigned integers, where
 * every row has a value. Row rows[i] goes to the state at records[i] + offset. Where it does not
 * fit, *out_done is false and nothing is done.
 */
SL_MUST_CHECK
bool sl_aggregate_update_plain(const struct sl_aggregate *aggregate, const struct sl_vector *vector,
                               const uint32_t *rows, uint32_t count, void *const *records,
                               size_t offset, struct sl_arena *arena, bool *out_done);

/*
 * COUNT, SUM and AVG: to the state at records[i] + offset come sums[i][0] values more, whose sum is
 * sums[i][which].
 */
SL_MUST_CHECK
bool sl_aggregate_add_sums(const struct sl_aggregate *aggregate, void *const *records,
                           size_t offset, const uint64_t *const *sums, unsigned which,
                           uint32_t count, struct sl_arena *arena);

/* COUNT(*) */
void sl_aggregate_count_rows(void *const *records, size_t offset, uint32_t count);

/* Add the states at from[i] + offset to those at into[i] + offset; texts stay where they are, and
 * what `from` held is no state any more. */
SL_MUST_CHECK
bool sl_aggregate_merge_many(const struct sl_aggregate *aggregate, void *const *into,
                             void *const *from, size_t offset, uint32_t count,
                             struct sl_arena *arena);

/* One more value for the state of a distinct aggregate. */
void sl_aggregate_add_distinct(const struct sl_aggregate *aggregate, void *state,
                               const union sl_argument *value);

void sl_aggregate_finish(const struct sl_aggregate *aggregate, const void *state,
                         struct sl_value *out_value);

/*
 * The short way for what is frequent: the states at records[i] + offset as values of the
 * aggregate's type. False where it does not fit; `out_values` is unspecified then.
 */
SL_MUST_CHECK
bool sl_aggregate_finish_plain(const struct sl_aggregate *aggregate, void *const *records,
                               size_t offset, uint32_t count, void *out_values);

/* `value` of an argument's type, as a number. */
double sl_argument_f64(const union sl_argument *value, const struct sl_sql_type *type);

/* integer * 10^-scale as a value of `type`: DECIMAL, DOUBLE or an integer type. */
void sl_value_from_integer(sl_i128 integer, unsigned scale, const struct sl_sql_type *type,
                           struct sl_value *out_value);

#endif
