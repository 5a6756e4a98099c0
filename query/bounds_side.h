/*
 * bounds_side.h - one side of a comparison, as a column that it follows.
 *
 * A side that is a column, or a function that rises with one, can be compared with a constant in
 * the column's own terms. Views write such functions: seconds of a time, an address as a number,
 * and a fallback for rows that have none.
 *
 * Layer: query, internal to bounds.
 */
#ifndef SLUICE_QUERY_BOUNDS_SIDE_H
#define SLUICE_QUERY_BOUNDS_SIDE_H

#include "query/bound.h"
#include "query/function.h"

enum sl_side_form {
    SL_SIDE_PLAIN, /* the column itself */
    SL_SIDE_TIME,  /* a number that rises with a time */
    SL_SIDE_IPV4,  /* INET_ATON of an address: NULL for IPv6 */
};

struct sl_bound_side {
    const struct sl_column *column; /* of the store */
    enum sl_side_form form;
    sl_i128 unit_us;                /* TIME: of one step; else 1 */
    sl_i128 slack_us;               /* TIME: how far the function may have rounded */
    sl_i128 factor;                 /* TIME: steps are multiplied by it (nanoseconds); else 1 */
    const struct sl_expr *fallback; /* what the side is where the column says nothing; NULL */
};

/* False: it follows no column of the store. */
bool sl_bound_side_of(const struct sl_expr *expr, const struct sl_input *inputs,
                      struct sl_bound_side *out_side);

/* `fallback <id> constant` is certainly not true (or there is no fallback). */
bool sl_bound_side_excludes(const struct sl_bound_side *side, enum sl_function_id id,
                            const struct sl_expr *constant);

/* A constant that is not NULL; the integer that it is (false for fractions, texts, addresses), for
 * a TIME also written as a whole DECIMAL. */
bool sl_bound_is_constant(const struct sl_expr *expr);
bool sl_bound_integer(const struct sl_expr *expr, sl_i128 *out);
bool sl_bound_side_integer(const struct sl_bound_side *side, const struct sl_expr *constant,
                           sl_i128 *out);

/* The column of the store that the expression is; NULL. */
const struct sl_column *sl_bound_column(const struct sl_expr *expr, const struct sl_input *inputs);

/* The interval of values x for which `x <id> value`; false for other functions. */
bool sl_bound_interval(enum sl_function_id id, sl_i128 value, sl_i128 *low, sl_i128 *high);

/* The comparison with its sides exchanged. */
enum sl_function_id sl_bound_mirror(enum sl_function_id id);

#endif
