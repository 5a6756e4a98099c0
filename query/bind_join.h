/*
 * bind_join.h - the tables of a select that has several, while it is bound.
 *
 * Each table is a select of its own: its outputs are the columns that the one that joins reads of it, and
 * are added when a name first needs one. So views, computed columns and times mean what they mean alone.
 *
 * bind_join.c binds names to tables, bind_join_where.c takes the conditions apart and makes the steps.
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
    bool is_left;
};

/* One of the ANDed conditions. */
struct sl_joined_condition {
    const struct sl_node *node;
    uint64_t tables;        /* that it names, as bits */
    uint32_t left;          /* the table whose LEFT JOIN it belongs to; 0: it is about rows */
    uint32_t visible_count; /* tables that its names may be of */
    bool is_used;
};

struct sl_joined {
    struct sl_joined_table *tables;
    uint32_t count;
    uint32_t visible_count; /* an ON knows the tables before it */
    bool has_left;
    struct sl_joined_condition *conditions;
    uint32_t condition_count;
    uint32_t condition_capacity;
};

/* The first table that has the column (0 when none has), and how many of the visible ones have it. */
uint32_t sl_joined_find(const struct sl_scope *s, const struct sl_node *node, uint32_t *out_found);
sl_status sl_joined_fail_ambiguous(struct sl_scope *s, const struct sl_node *node,
                                   struct sl_error *err);

#endif
