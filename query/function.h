/*
 * function.h - the table of scalar functions and operators.
 *
 * One list, function.def, names each function, how many arguments it takes, how it is typed and
 * how one row of it is computed. That row function is its definition: constants are folded with
 * it, and the vector kernels of program_kernel.c must agree with it.
 *
 * Operators are functions whose names no one can type as a call. Negated forms do not exist:
 * `x NOT IN (...)` is NOT(IN(...)).
 *
 * What the planner may rely on (arguments after typing):
 *   EQ NE LT LE GT GE NULL_EQ   both sides in one comparable type (integers may differ in width)
 *   BETWEEN(x, low, high)       the same, three times
 *   IN(x, v...)                 the same; no element is NULL unless written
 *   IN_RANGES(x, l1, h1, ...)   x and constants are ADDR; ranges ascend and do not overlap
 *   LIKE(x, pattern, escape)    TEXT
 *   TIME_BUCKET(t, seconds)     TIME; UNIX_BUCKET(t, seconds) is the same as seconds, I64
 *   FLOW_TOTAL(in, out, rate[, divisor]) (in + out) * rate / divisor, U64, never fails
 *
 * Threads: the table is constant; row functions are pure but for their arena.
 * Layer:   query, internal.
 */
#ifndef SLUICE_QUERY_FUNCTION_H
#define SLUICE_QUERY_FUNCTION_H

#include <stdatomic.h>

#include "query/bound.h"
#include "query/warning.h"
#include "storage/base/arena.h"
#include "storage/base/nearest.h"
#include "storage/base/status.h"

enum sl_function_id {
#define SL_FUNCTION(id, name, low, high, flags, signature, type, row) SL_FN_##id,
#define SL_ALIAS(name, id)
#include "query/function.def"
#undef SL_FUNCTION
#undef SL_ALIAS
    SL_FN_COUNT
};

enum sl_function_flag {
    SL_FN_STRICT = 1,   /* NULL when any argument is: the row function is not asked */
    SL_FN_OPERATOR = 2, /* cannot be called by name */
    SL_FN_NULLABLE = 4, /* may be NULL though no argument is */
    SL_FN_VOLATILE = 8, /* another value each time: never folded, asked for each row */
};

enum { SL_FN_ARGS_ANY = 255 };

/* Its failure ends the evaluation. */
typedef sl_status sl_eval_check_fn(void *context, struct sl_error *err);
struct sl_regex_scratch;

/* The state of RAND (function_hash.c). */
struct sl_random {
    uint32_t a, b;
    bool is_seeded;
};

/* The numbers of RAND with a constant seed, which the rows of a statement share: the state as one
 * number, and the numbers of the next `count` rows. Threads: any. */
uint64_t sl_random_start(uint32_t number);
struct sl_random sl_random_take(_Atomic uint64_t *state, uint32_t count);

/* What a row function may use. */
struct sl_eval {
    struct sl_arena *arena;       /* results that are TEXT or OCTETS */
    struct sl_warnings *warnings; /* doubtful conversions; NULL: nobody is told. Borrowed */
    struct sl_error *err;
    sl_eval_check_fn *check; /* asked now and then by what takes long; NULL: nobody is */
    void *check_context;
    struct sl_regex_scratch *regex_scratch; /* regex.c */
    struct sl_random random;
};

/* One row. *out comes with the call's type and scale, not NULL. */
typedef sl_status sl_row_fn(struct sl_eval *eval, const struct sl_expr *call,
                            const struct sl_value *args, struct sl_value *out);

/* Fix the type of a call whose arguments are typed; may wrap arguments in casts. */
struct sl_typing;
typedef sl_status sl_type_fn(struct sl_typing *typing, struct sl_expr *call, struct sl_error *err);

struct sl_function {
    enum sl_function_id id;
    const char *name;
    uint8_t arg_min;
    uint8_t arg_max; /* SL_FN_ARGS_ANY */
    uint8_t flags;
    const char *signature; /* see types.h; NULL: `type` decides */
    sl_type_fn *type;      /* NULL: the signature decides */
    sl_row_fn *row;        /* NULL: the program has a step of its own for it */
};

const struct sl_function *sl_function_at(enum sl_function_id id);

/* A function that may be called, without regard to case; NULL. */
const struct sl_function *sl_function_find(const uint8_t *name, size_t name_bytes);

/* Offer the names of all functions that may be called. */
void sl_function_suggest(struct sl_nearest *nearest);

/* The value of a call whose arguments are values: NULL rules, then the row function. */
SL_MUST_CHECK
sl_status sl_function_apply(struct sl_eval *eval, const struct sl_expr *call,
                            const struct sl_value *args, struct sl_value *out);

static inline bool
sl_expr_is_call(const struct sl_expr *expr, enum sl_function_id id)
{
    return expr->kind == SL_EXPR_CALL && expr->function->id == id;
}

#endif
