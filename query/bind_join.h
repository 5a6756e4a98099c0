/*
 * bind_join.h - the tables of a select that has several, while it is bound.
 *
 * Each table is a select of its own: its outputs are the columns that the one that joins reads of it, and
 * are added when a name first needs one. So views, computed columns and times mean what they mean alone.
 *
 * bind_join.c binds names to tables, bind_join_star.c finds what * means and what NATURAL has in common,
 * bind_join_where.c takes the conditions apart and makes the steps.
 *
 * Layer: query, internal to the binder.
 */
#ifndef SLUICE_QUERY_BIND_JOIN_H
#define SLUICE_QUERY_BIND_JOIN_H

#include "query/bind.h"

struct sl_joined_table {
    struct sl_scope scope;
    struct sl_syntax_select syntax; /* its FROM, and the WHERE that is about it alone */
    uint32_t output_capacity;
    enum sl_join_kind kind;       /* what joins it to those before it */
    bool is_hidden;               /* see sl_syntax_join */
    bool is_optional;             /* rows may lack it: NULL then */
    struct sl_node **using_names; /* of USING, or what NATURAL found */
    uint32_t using_count;
};

/* One of the ANDed conditions. */
struct sl_joined_condition {
    const struct sl_node *node;
    uint64_t tables;        /* that it names, as bits */
    uint32_t on;            /* the table whose ON it is of; 0: WHERE, or no join is an outer one */
    uint32_t visible_count; /* tables that its names may be of */
    bool is_used;
};

struct sl_joined {
    struct sl_joined_table *tables;
    uint32_t count;
    uint32_t visible_count; /* an ON knows the tables before it */
    bool has_outer;
    struct sl_joined_condition *conditions;
    uint32_t condition_count;
    uint32_t condition_capacity;
};

bool sl_joined_is_named(const struct sl_joined_table *table, struct sl_slice name);
/* Is it one of the names of the table's USING? */
bool sl_joined_is_using(const struct sl_joined_table *table, struct sl_slice name);
/* An expression of the table as an input of the select that joins. */
SL_MUST_CHECK
sl_status sl_joined_pass(struct sl_scope *s, uint32_t number, const char *name,
                         struct sl_expr *expr, uint32_t position, struct sl_expr **out_expr,
                         struct sl_error *err);

/* The table is joined by NATURAL: its USING. */
SL_MUST_CHECK
sl_status sl_joined_natural(struct sl_scope *s, uint32_t number, struct sl_error *err);

/* The first table that has the column (0 when none has), and how many of the visible ones have it: what
 * USING says is one counts as one, and a RIGHT JOIN takes it from its own table. */
uint32_t sl_joined_find(const struct sl_scope *s, const struct sl_node *node, uint32_t *out_found);
sl_status sl_joined_fail_ambiguous(struct sl_scope *s, const struct sl_node *node,
                                   struct sl_error *err);

#endif
