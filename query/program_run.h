/*
 * program_run.h - what a running program is made of; shared by its parts.
 *
 * program.c compiles, program_run.c drives, program_row.c evaluates row functions over vectors and
 * dictionaries, program_kernel.c and program_compare.c have the tight loops for what is frequent.
 *
 * A register holds a vector or, for predicates, a *truth*: bits that say which rows are true,
 * beside `vector.present`, which says for which rows the answer is known (NULL: all). A row that
 * is true is known. Bits at and beyond `count` are zero in both.
 *
 * Layer: query, internal to the program.
 */
#ifndef SLUICE_QUERY_PROGRAM_RUN_H
#define SLUICE_QUERY_PROGRAM_RUN_H

#include "query/function.h"
#include "query/program.h"

struct sl_register {
    struct sl_vector vector;
    const uint64_t *truth; /* not NULL: vector has no values, only present */
};

struct sl_run {
    uint32_t count;
    struct sl_arena *arena;
    struct sl_error *err;
    const struct sl_program_row_source *source; /* for its check */
};

/* First and last address, both in it. */
struct sl_in_range {
    struct sl_addr first;
    struct sl_addr last;
};

/* Prepared once for a call: the constants of IN, sorted; the ranges of IN_RANGES; the pattern of REGEXP; or the
 * numbers of RAND. */
struct sl_in_set {
    struct sl_value *values; /* ascending by sl_value_compare, distinct */
    uint32_t count;
    bool has_null;
    bool is_binary;
    uint64_t *bits;             /* when all are below 65,536: a bitmap of them; else NULL */
    struct sl_in_range *ranges; /* of IN_RANGES: ascending, apart from each other; else NULL */
    uint32_t range_count;
    struct sl_regex *regex;   /* of REGEXP: what the value is searched for; else NULL */
    _Atomic uint64_t *random; /* of RAND with a constant seed: see sl_random_take; else NULL */
};

/* Bitmap of run->count bits, not cleared; NULL on SL_LIMIT. */
uint64_t *sl_run_bits(struct sl_run *run);

/* True bits and known bits (NULL: all) of a register of type BOOL. */
SL_MUST_CHECK
sl_status sl_run_truth(struct sl_run *run, const struct sl_register *reg, const uint64_t **out_true,
                       const uint64_t **out_known);

/* The register as a vector with values. */
SL_MUST_CHECK
sl_status sl_run_vector(struct sl_run *run, const struct sl_register *reg,
                        struct sl_vector *out_vector);

/* A constant that some rows lack becomes a dictionary of one entry, so that inside a program a
 * constant is the same for every row. */
SL_MUST_CHECK
sl_status sl_run_settle(struct sl_run *run, struct sl_vector *vector);

/*
 * Evaluate a call over vectors of run->count rows. Rows outside `mask` (NULL: all) may be left
 * out. `set` is what was prepared for an IN, IN_RANGES, REGEXP or RAND, else NULL; with it the only argument
 * is the value that is looked for, the seed.
 */
SL_MUST_CHECK
sl_status sl_run_call(struct sl_run *run, const struct sl_expr *call, const struct sl_in_set *set,
                      const struct sl_vector *args, uint32_t arg_count, const uint64_t *mask,
                      struct sl_register *out);

/* The tight loops: *out_done is false when none fits, or when one met an overflow that only the
 * row function can place. Arguments are not all constant. */
SL_MUST_CHECK
sl_status sl_kernel_call(struct sl_run *run, const struct sl_expr *call,
                         const struct sl_in_set *set, const struct sl_vector *args,
                         uint32_t arg_count, const uint64_t *mask, struct sl_register *out,
                         bool *out_done);

/* Of those: comparisons and BETWEEN, in program_compare.c. */
SL_MUST_CHECK
sl_status sl_kernel_compare(struct sl_run *run, const struct sl_expr *call,
                            const struct sl_vector *args, uint32_t arg_count, const uint64_t *mask,
                            struct sl_register *out, bool *out_done);

/* IN over constants; `set` may be NULL. */
SL_MUST_CHECK
sl_status sl_kernel_in(struct sl_run *run, const struct sl_in_set *set,
                       const struct sl_vector *column, const uint64_t *mask,
                       struct sl_register *out, bool *out_done);

/* A register of truth: negated if so, false where nothing is present, its tail cleared. */
void sl_run_finish_truth(struct sl_run *run, bool is_negated, const uint64_t *present,
                         uint64_t *truth, struct sl_register *out);

/* Rows where every argument is there. False: memory. *out is NULL when all rows are. */
SL_MUST_CHECK
bool sl_run_join_present(struct sl_run *run, const struct sl_vector *args, uint32_t count,
                         const uint64_t **out);

/* NETWORK(address, constant): of sl_kernel_call. */
SL_MUST_CHECK
sl_status sl_kernel_network(struct sl_run *run, const struct sl_vector *args,
                            struct sl_register *out, bool *out_done);

/* IN_RANGES over constants; `set` may be NULL. */
SL_MUST_CHECK
sl_status sl_kernel_in_ranges(struct sl_run *run, const struct sl_in_set *set,
                              const struct sl_vector *column, const uint64_t *mask,
                              struct sl_register *out, bool *out_done);

/* The range that holds the address; NULL: none. The set is one of ranges. */
const struct sl_in_range *sl_in_set_range(const struct sl_in_set *set, struct sl_addr addr);

/* Is the value in the set? */
bool sl_in_set_has(const struct sl_in_set *set, const struct sl_value *value);

#endif
