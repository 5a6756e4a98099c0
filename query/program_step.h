/*
 * program_step.h - a compiled expression: steps in the order in which they run.
 *
 * program.c makes it, program_run.c runs it.
 *
 * Ownership: all of it is the arena's that the program was compiled in.
 * Layer:     query, internal to the program.
 */
#ifndef SLUICE_QUERY_PROGRAM_STEP_H
#define SLUICE_QUERY_PROGRAM_STEP_H

#include "query/program_run.h"

enum step_kind {
    STEP_LOAD,
    STEP_CONST,
    STEP_CALL,
    STEP_AND,
    STEP_OR,
    STEP_MERGE,     /* args: condition, then, otherwise */
    STEP_MASK_TRUE, /* mask `out` = mask & args[0] is true */
    STEP_MASK_NOT_TRUE,
    STEP_MASK_NOT_FALSE,
};

struct step {
    enum step_kind kind;
    const struct sl_expr *expr;
    uint32_t mask;
    uint32_t out; /* register, or mask */
    uint32_t *args;
    uint32_t arg_count;
    struct sl_vector constant;
    struct sl_in_set *set;
};

struct sl_program {
    struct step *steps;
    uint32_t step_count;
    uint32_t step_capacity;
    uint32_t register_count;
    uint32_t mask_count;
    uint32_t *mask_parents;
    uint32_t mask_capacity;
    uint32_t result;
    uint64_t *inputs_read;
    uint32_t input_words;
};

#endif
