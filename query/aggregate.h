/*
 * aggregate.h - the state of one aggregate of one group: update, merge, finish.
 *
 * Every state is the same 24 bytes and starts as zero, so that a new group needs no
 * initialisation and aggregates do not know each other. Arguments arrive as arrays of one
 * *form*, without NULLs.
 *
 * Aggregates that must see each distinct value, or all values in order, keep nothing here: their
 * values are records of a table of their own (op_group.c), and `finish` gets the outcome.
 *
 * Threads: a state belongs to one worker.
 * Layer:   query, internal.
 */
#ifndef SLUICE_QUERY_AGGREGATE_H
#define SLUICE_QUERY_AGGREGATE_H

#include "query/bound.h"
#include "storage/base/arena.h"

/* Eight-byte aligned, because records are. */
typedef sl_i128 sl_i128_loose __attribute__((aligned(8)));

struct sl_aggregate_state {
    union {
        sl_i128_loose integer; /* SUM, AVG, MIN, MAX of integers and decimals */
        double f64;
        struct {
            double mean;
            double square; /* sum of squared distances from the mean */
        } moments;
        uint64_t bits; /* BIT_OR; BIT_AND keeps the complement */
        struct sl_addr addr;
        struct sl_slice slice;
    } value;
    uint64_t count; /* values seen */
};

_Static_assert(sizeof(struct sl_aggregate_state) == 24, "states are packed into records");

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
 * `arena`; false when it is full. Not for holistic ones; COUNT(*) has its own.
 */
SL_MUST_CHECK
bool sl_aggregate_update(const struct sl_aggregate *aggregate, void *const *records, size_t offset,
                         const union sl_argument *values, const uint32_t *index, uint32_t count,
                         struct sl_arena *arena);

/*
 * The short way for what is frequent: COUNT, and SUM and AVG of plain unsigned integers, where
 * every row has a value. Row rows[i] goes to the state at records[i] + offset. False, and nothing is
 * done, where it does not fit.
 */
SL_MUST_CHECK
bool sl_aggregate_update_plain(const struct sl_aggregate *aggregate, const struct sl_vector *vector,
                               const uint32_t *rows, uint32_t count, void *const *records,
                               size_t offset);

/* COUNT, SUM and AVG: `count` values more, whose sum is `sum`. */
void sl_aggregate_add_sum(void *record, size_t offset, uint64_t count, uint64_t sum);

/* COUNT(*) */
void sl_aggregate_count_rows(void *const *records, size_t offset, uint32_t count);

/* Add `from` to `into`; texts stay where they are. */
void sl_aggregate_merge(const struct sl_aggregate *aggregate, struct sl_aggregate_state *into,
                        const struct sl_aggregate_state *from);

/* The same for the states at from[i] + from_offset and into[i] + offset. */
void sl_aggregate_merge_many(const struct sl_aggregate *aggregate, void *const *into, size_t offset,
                             void *const *from, size_t from_offset, uint32_t count);

/* One more value for a state that keeps sums or extremes; texts are borrowed. */
void sl_aggregate_add_distinct(const struct sl_aggregate *aggregate,
                               struct sl_aggregate_state *state, const union sl_argument *value);

void sl_aggregate_finish(const struct sl_aggregate *aggregate,
                         const struct sl_aggregate_state *state, struct sl_value *out_value);

/* `value` of an argument's type, as a number. */
double sl_argument_f64(const union sl_argument *value, const struct sl_sql_type *type);

/* integer * 10^-scale as a value of `type`: DECIMAL, DOUBLE or an integer type. */
void sl_value_from_integer(sl_i128 integer, unsigned scale, const struct sl_sql_type *type,
                           struct sl_value *out_value);

#endif
