/*
 * op_world.h - what tests of operators run in: an execution with its pool and budget, and a source
 * whose chunks the test makes.
 */
#ifndef SLUICE_TESTS_UNIT_QUERY_OP_WORLD_H
#define SLUICE_TESTS_UNIT_QUERY_OP_WORLD_H

#include "query/exec.h"
#include "query/op.h"
#include "tests/support/test.h"

struct op_world {
    struct sl_query_env env;
    struct sl_exec exec;
    struct sl_op *source;
    const struct sl_sql_type *types; /* of the source's columns; borrowed */
    uint32_t column_count;
};

/* What the state of a source begins with. */
struct op_source {
    struct sl_op_arenas arenas;
    atomic_uint next; /* the number of the next chunk, whichever worker asks */
};

/* Of the class of a source, or the part of its own that opens and closes this. */
sl_status op_source_start(struct sl_op *op, struct sl_error *err);
void op_source_close(struct sl_op *op);

/* A query of so many threads, over a source of that class; returns the state of the source. */
void *op_world_open(struct op_world *w, unsigned threads, const struct sl_sql_type *types,
                    uint32_t column_count, const struct sl_op_class *class, size_t state_bytes);

/* Closes the plan whose root is given, too: all memory must be back then. */
void op_world_close(struct op_world *w, struct sl_op *root);

/* Column `number` of the source. */
struct sl_expr *op_world_input(struct op_world *w, uint32_t number);

/* A group over the source, started, of which `floor` is asked for; NULL: all. Tables are united above
 * `room_bytes`; 0: above what an operator has room for. Keys and aggregates are borrowed. */
struct sl_op *op_world_group(struct op_world *w, const struct sl_key *keys, uint32_t key_count,
                             const struct sl_aggregate *aggregates, uint32_t aggregate_count,
                             const struct sl_group_floor *floor, size_t room_bytes);

/* COUNT(*) and SUM of column `summed` of the source: two aggregates, in the query's memory. */
const struct sl_aggregate *op_world_count_and_sum(struct op_world *w, uint32_t summed);

/* What is asked for in a turn: the most or the least, by each of those two aggregates. `leasts`: four of
 * them. */
struct sl_group_floor op_world_floor(unsigned turn, const uint64_t *leasts);

/* What every group has that is asked for, of all that have `values`, which are sorted by this. */
sl_u128 op_world_least(const struct sl_group_floor *floor, sl_u128 *values, uint32_t count);

/* The next chunk of groups, with all keys and aggregates, as there is no program to ask for them;
 * false when there are no more. */
bool op_world_groups(struct sl_op *op, struct sl_chunk *out_chunk);

#endif
