/*
 * bind_correlated.h - a subquery that reads columns of the select around it, while it becomes a table that
 * is joined to that select.
 *
 * bind_correlated.c takes the subquery apart, bind_exists.c says what EXISTS and IN make of it, and bind_lookup.c
 * puts the table together.
 *
 * Layer: query, internal to the binder.
 */
#ifndef SLUICE_QUERY_BIND_CORRELATED_H
#define SLUICE_QUERY_BIND_CORRELATED_H

#include "query/bind.h"

/* The select around, its copy with the joins, and what its names mean. */
struct sl_correlated {
    struct sl_binder *binder;
    struct sl_scope outer;
    struct sl_syntax_select select; /* a copy: joins are added */
};

enum { SL_LOOKUP_KEYS_MAX = 16 };

/* Whose columns a node names. */
enum { SL_OF_INNER = 1, SL_OF_OUTER = 2 };

/* A subquery as a table: rows of it that are equal in `keys` are one. */
struct sl_lookup {
    const struct sl_syntax_select *select; /* the subquery: its FROM */
    uint32_t position;
    struct sl_node *keys[SL_LOOKUP_KEYS_MAX];   /* over its tables ... */
    struct sl_node *probes[SL_LOOKUP_KEYS_MAX]; /* ... and what they equal around it */
    uint32_t key_count;
    const struct sl_node *bound; /* EXISTS: a comparison with what is around it that is none of
                                  * equality; NULL: none */
    bool is_bound_left;          /* its first side is over the subquery's tables */
    struct sl_node *where;       /* what else it says of its rows; NULL: nothing */
    struct sl_syntax_select *table;
    struct sl_slice alias;
};

/* "... may do so by equality of one of its own": 1235. */
sl_status sl_correlated_fail(const struct sl_correlated *c, uint32_t position,
                             struct sl_error *err);
/* The types of two sides of a comparison: `key` is over the subquery's tables, `probe` is not. */
SL_MUST_CHECK
sl_status sl_correlated_types(struct sl_correlated *c, struct sl_scope *inner, struct sl_node *key,
                              struct sl_node *probe, struct sl_sql_type out_types[2],
                              struct sl_error *err);
/* One more equality between the subquery's rows and those around. */
SL_MUST_CHECK
sl_status sl_correlated_add_key(struct sl_correlated *c, struct sl_scope *inner,
                                struct sl_lookup *lookup, struct sl_node *key,
                                struct sl_node *probe, struct sl_error *err);
bool sl_correlated_has_aggregate(const struct sl_node *node);

/* EXISTS (select) and args IN (select) as a node. `must`: rows for which it is not true are not wanted. */
SL_MUST_CHECK
sl_status sl_bind_exists(struct sl_correlated *c, struct sl_scope *inner, struct sl_lookup *lookup,
                         bool must, struct sl_node **out_node, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_member(struct sl_correlated *c, struct sl_scope *inner, struct sl_lookup *lookup,
                         const struct sl_node *node, bool must, struct sl_node **out_node,
                         struct sl_error *err);

/* Begin the table: its keys are its first columns. */
SL_MUST_CHECK
sl_status sl_lookup_open(struct sl_correlated *c, struct sl_lookup *lookup, struct sl_error *err);
/* One more column, and a node that names it around. */
SL_MUST_CHECK
sl_status sl_lookup_add(struct sl_correlated *c, struct sl_lookup *lookup, struct sl_node *value,
                        struct sl_node **out_name, struct sl_error *err);
/* Join it. */
SL_MUST_CHECK
sl_status sl_lookup_join(struct sl_correlated *c, struct sl_lookup *lookup, enum sl_join_kind kind,
                         struct sl_error *err);
/* A node that is true where a row was found. */
SL_MUST_CHECK
sl_status sl_lookup_found(struct sl_correlated *c, const struct sl_lookup *lookup,
                          struct sl_node **out_node, struct sl_error *err);

/* Nodes as if they had been written. */
SL_MUST_CHECK
sl_status sl_bind_make_operator(struct sl_binder *b, enum sl_function_id function,
                                uint32_t position, struct sl_node *const *args, uint32_t count,
                                struct sl_node **out_node, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_make_truth(struct sl_binder *b, bool truth, uint32_t position,
                             struct sl_node **out_node, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_make_null(struct sl_binder *b, uint32_t position, struct sl_node **out_node,
                            struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_make_number(struct sl_binder *b, int64_t number, uint32_t position,
                              struct sl_node **out_node, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_make_star(struct sl_binder *b, uint32_t position, struct sl_node **out_node,
                            struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_make_call(struct sl_binder *b, const char *name, uint32_t position,
                            struct sl_node *const *args, uint32_t count, struct sl_node **out_node,
                            struct sl_error *err);

#endif
