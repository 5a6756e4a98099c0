/*
 * bind.h - what the parts of the binder share.
 *
 * bind.c binds statements, bind_select.c selects and their two stages, bind_from.c
 * what they read, bind_written.c what INSERT and DELETE reach, bind_expr.c expressions,
 * bind_call.c calls and aggregates, bind_names.c columns, derived columns and names of values,
 * bind_view.c views and derived tables that are bound where they are read, bind_join.c several tables.
 *
 * Layer: query, internal to the binder.
 */
#ifndef SLUICE_QUERY_BIND_H
#define SLUICE_QUERY_BIND_H

#include "query/flow_view.h"
#include "query/front.h"
#include "query/insert.h"
#include "query/syntax.h"
#include "query/types.h"

/* From a view to those that read it: it must not stand in its own way. */
struct sl_view_path {
    struct sl_slice database;
    struct sl_slice name;
    const struct sl_view_path *up;
};

struct sl_binder {
    struct sl_typing typing;
    const struct sl_query_env *env;
    const struct sl_session *session;
    struct sl_slice database;        /* of names without one: the session's, or that of the view */
    uint32_t depth;                  /* of nested selects and expressions */
    const struct sl_view_path *path; /* the views whose text is being bound */
    struct sl_subquery *subqueries;  /* the last one first */
    uint32_t subquery_count;
    int64_t pause_us;             /* of all SLEEPs */
    const struct sl_scope *outer; /* of the select around the subquery that is being bound; NULL */
};

/* Where an expression stands decides which names mean something in it. */
enum sl_clause_place {
    SL_PLACE_WHERE,  /* columns */
    SL_PLACE_GROUP,  /* columns, then aliases */
    SL_PLACE_OUTPUT, /* columns, aggregates */
    SL_PLACE_TAIL,   /* HAVING, ORDER BY: aliases, then columns, aggregates */
};

/* host and port stand for both sides of a flow. */
enum sl_side { SL_SIDE_NONE, SL_SIDE_SOURCE, SL_SIDE_TARGET };

/* Derived columns, in this order in bind_names.c. */
enum { SL_DERIVED_COUNT = 15 };

/* A view or derived table that is bound as part of the select that reads it (bind_view.c). */
struct sl_layer {
    const struct sl_syntax_select *select; /* its items are columns of what reads it */
    const struct sl_flow_view *view;       /* a built-in one, else NULL */
    struct sl_layer *below;                /* what it reads; NULL: the source */
    struct sl_expr **bound;                /* by item; NULL: not yet */
};

/* What names mean: columns of `layer`, or of the source when that is NULL. */
struct sl_level {
    const struct sl_syntax_select *from; /* its FROM names them */
    struct sl_layer *layer;
    const struct sl_flow_view *view; /* in its text, a column that flows has not yet is NULL */
};

/* A user variable that this select has set, or has read before it set it (expr NULL). */
struct sl_assigned {
    struct sl_slice name;
    struct sl_expr *expr;
    struct sl_assigned *next; /* the one before it */
};

/* A column that * means. `name` is NULL when memory ran out. */
typedef sl_status sl_bind_star_fn(void *context, const char *name, struct sl_expr *expr,
                                  struct sl_error *err);

struct sl_joined; /* bind_join.c: the tables of a select that has several */

struct sl_scope {
    struct sl_binder *binder;
    const struct sl_syntax_select *syntax;
    struct sl_level level;
    struct sl_joined *joined; /* NULL: there is one table at most */
    struct sl_select *select;
    enum sl_clause_place place;
    enum sl_side side;
    bool in_aggregate;
    bool in_where; /* of this select or a layer, not in a column of a layer */
    uint32_t input_capacity;
    uint32_t aggregate_capacity;
    struct sl_expr *derived[SL_DERIVED_COUNT]; /* bound once, shared */
    struct sl_assigned *assigned;              /* the last one first */
    bool may_assign; /* what is bound next is an item of the list, or a result of its CASE */
    const struct sl_scope *outer; /* of a select with a subquery: of the one around it */
    uint32_t rolled_count; /* WITH ROLLUP: so many keys, the last ones, are NULL in this level */
};

/* Grow an array in the arena so that `count + 1` fit; NULL on SL_LIMIT. */
void *sl_bind_grow(struct sl_scope *s, void *array, size_t element_bytes, uint32_t count,
                   uint32_t *capacity, struct sl_error *err);

SL_PRINTF(6, 7)
sl_status sl_bind_fail(struct sl_binder *b, struct sl_error *err, sl_status status, uint16_t number,
                       uint32_t position, const char *format, ...);

/* bind_expr.c */
SL_MUST_CHECK
sl_status sl_bind_expr(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
                       struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_op(struct sl_scope *s, enum sl_function_id id, uint32_t position,
                     struct sl_expr *a, struct sl_expr *b, struct sl_expr **out_expr,
                     struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_if(struct sl_scope *s, uint32_t position, struct sl_expr *condition,
                     struct sl_expr *then, struct sl_expr *otherwise, struct sl_expr **out_expr,
                     struct sl_error *err);

/* bind_variable.c: @name, @@name; @name := expr; and the variables behind a CASE: `afters[i]` is what
 * was assigned when the result is the i-th, the last one that of ELSE; `whens` has one less. */
SL_MUST_CHECK
sl_status sl_bind_variable(struct sl_scope *s, const struct sl_node *node,
                           struct sl_expr **out_expr, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_assign(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
                         struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_assigned_by_case(struct sl_scope *s, const struct sl_node *node,
                                   struct sl_expr *const *whens, struct sl_assigned *const *afters,
                                   uint32_t count, struct sl_error *err);

/* bind_compare.c: comparison, IN, BETWEEN and LIKE, with all that names and sides mean there. */
SL_MUST_CHECK
sl_status sl_bind_predicate(struct sl_scope *s, const struct sl_node *node,
                            struct sl_expr **out_expr, struct sl_error *err);

/* bind_call.c */
SL_MUST_CHECK
sl_status sl_bind_call(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
                       struct sl_error *err);
/* SUM and its kin. */
bool sl_bind_is_aggregate(const struct sl_node *node);
/* bind_session.c: NOW, USER and their kin; *out_found false: it is none of them. */
SL_MUST_CHECK
sl_status sl_bind_session(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
                          bool *out_found, struct sl_error *err);
/* A word that is a call without parentheses (CURRENT_TIMESTAMP); false when it is none. */
bool sl_bind_is_constant_word(const struct sl_node *node);

/* bind_concat.c: the arguments of GROUP_CONCAT, and its ORDER BY, as the one argument of the aggregate. */
SL_MUST_CHECK
sl_status sl_bind_concat(struct sl_scope *s, const struct sl_node *node, struct sl_aggregate *a,
                         struct sl_error *err);

/* bind_subquery.c: x IN (select), (select), EXISTS (select). */
SL_MUST_CHECK
sl_status sl_bind_subquery(struct sl_scope *s, const struct sl_node *node,
                           struct sl_expr **out_expr, struct sl_error *err);
/* The binder's subqueries, in the order in which they must run, to the statement. */
void sl_bind_give_subqueries(struct sl_binder *b, struct sl_statement *statement);
/* SQL_CALC_FOUND_ROWS: one more subquery, the number of rows without ORDER BY and LIMIT. */
SL_MUST_CHECK
sl_status sl_bind_row_count(struct sl_binder *b, const struct sl_syntax_select *syntax,
                            const struct sl_subquery **out_subquery, struct sl_error *err);
/* Is it a column of a select around the subquery that is being bound? */
bool sl_bind_is_outer(const struct sl_binder *b, const struct sl_node *node);

/* bind_names.c */
SL_MUST_CHECK
sl_status sl_bind_name(struct sl_scope *s, const struct sl_node *node, struct sl_expr **out_expr,
                       struct sl_error *err);
/* The slot of a column of the source, added when it is new. */
SL_MUST_CHECK
sl_status sl_bind_input(struct sl_scope *s, const struct sl_input *input, uint32_t position,
                        struct sl_expr **out_expr, struct sl_error *err);
struct sl_sql_type sl_bind_column_type(const struct sl_column *column);
sl_status sl_bind_fail_unknown(struct sl_scope *s, const struct sl_node *node,
                               struct sl_error *err);
/* Is it `host`, `port`? */
bool sl_bind_is_sided(const struct sl_scope *s, const struct sl_node *node,
                      enum sl_key_kind *out_kind);
/* Does the name mean a column here (derived ones included)? */
bool sl_bind_is_column(const struct sl_scope *s, const struct sl_node *node);
/* Is it the name of a derived column, which nothing can be written to? */
bool sl_bind_is_derived(struct sl_slice name);
/* The key that groups by it; an error when none does. */
SL_MUST_CHECK
sl_status sl_bind_sided_key(struct sl_scope *s, enum sl_key_kind kind, uint32_t position,
                            struct sl_expr **out_expr, struct sl_error *err);

/* The qualifier names this level's FROM, or there is none. */
bool sl_bind_is_qualified(const struct sl_scope *s, const struct sl_node *node);

/* What names a column's values have. */
enum sl_naming { SL_NAMING_NONE, SL_NAMING_PROTOCOL, SL_NAMING_PORT };
enum sl_naming sl_bind_naming(const struct sl_scope *s, const struct sl_node *node);

/* value_name.c: names of protocols and services. */
bool sl_protocol_by_name(struct sl_slice name, uint8_t *out_protocol);
bool sl_service_by_name(struct sl_slice name, uint16_t *out_port);
/* NULL when it has none. */
const char *sl_protocol_name(uint8_t protocol);
const char *sl_service_name(uint16_t port);

/* bind_from.c: the database that a table's name is of; what FROM names. */
struct sl_slice sl_bind_database_of(const struct sl_binder *b,
                                    const struct sl_syntax_select *syntax);
SL_MUST_CHECK
sl_status sl_bind_source(struct sl_scope *s, struct sl_error *err);

/* bind_select.c: WHERE, and that of every layer; one more output of the select. */
SL_MUST_CHECK
sl_status sl_bind_where(struct sl_scope *s, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_output(struct sl_scope *s, const char *name, struct sl_expr *expr,
                         uint32_t *capacity, uint32_t position, struct sl_error *err);

/* bind_join.c: the tables of FROM, each in a scope of its own. bind_join_where.c: WHERE and the
 * conditions of the joins; what is about one table is bound as its own WHERE. */
SL_MUST_CHECK
sl_status sl_bind_joins(struct sl_scope *s, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_join_where(struct sl_scope *s, struct sl_error *err);
/* The scope of the table that a name is of; NULL: of none, or of several. */
struct sl_scope *sl_bind_joined_scope(const struct sl_scope *s, const struct sl_node *node);
SL_MUST_CHECK
sl_status sl_bind_joined_name(struct sl_scope *s, const struct sl_node *node,
                              struct sl_expr **out_expr, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_joined_star(struct sl_scope *s, const struct sl_node *node,
                              sl_bind_star_fn *visit, void *context, struct sl_error *err);

/* Where a column of a join comes from. */
void sl_bind_joined_origin(const struct sl_scope *s, const struct sl_input *input,
                           struct sl_output *output);

/* bind_correlated.c: the select with its correlated subqueries as joins; itself when it has none. */
SL_MUST_CHECK
sl_status sl_bind_correlated(struct sl_binder *b, const struct sl_syntax_select *syntax,
                             const struct sl_syntax_select **out_syntax, struct sl_error *err);

/* bind_select.c: one select of a chain, whose ORDER BY is its own where it is alone. */
SL_MUST_CHECK
sl_status sl_bind_one(struct sl_binder *b, const struct sl_syntax_select *syntax, bool is_alone,
                      uint32_t rolled_count, struct sl_scope *s, struct sl_error *err);
/* One type for each column of a chain. */
SL_MUST_CHECK
sl_status sl_bind_unify(struct sl_binder *b, struct sl_select *head, struct sl_error *err);

/* bind_rollup.c: a select WITH ROLLUP, as one that reads its levels. */
SL_MUST_CHECK
sl_status sl_bind_rollup(struct sl_binder *b, const struct sl_syntax_select *syntax, bool is_alone,
                         struct sl_scope *s, struct sl_error *err);
/* What orders the levels: hidden outputs behind those of ORDER BY. */
SL_MUST_CHECK
sl_status sl_bind_rollup_order(struct sl_scope *s, uint32_t *capacity, struct sl_error *err);
/* In outputs, HAVING and ORDER BY: an expression that is a key becomes it, and may be NULL. */
SL_MUST_CHECK
sl_status sl_bind_rollup_key(struct sl_scope *s, struct sl_expr **expr, struct sl_error *err);
/* GROUPING(key, ...): a bit for each key that is NULL because this level has it not. */
SL_MUST_CHECK
sl_status sl_bind_grouping(struct sl_scope *s, const struct sl_node *node,
                           struct sl_expr **out_expr, struct sl_error *err);

/* bind_select.c: a chain of selects; `orders` of the head belong to the chain. */
SL_MUST_CHECK
sl_status sl_bind_chain(struct sl_binder *b, const struct sl_syntax_select *syntax,
                        struct sl_select **out_head, struct sl_error *err);

/* bind_written.c: the table and where of a DELETE, within what the configuration lets it remove. */
SL_MUST_CHECK
sl_status sl_bind_delete(struct sl_binder *b, const struct sl_syntax_select *syntax,
                         struct sl_statement *statement, struct sl_error *err);
/* Is the table one that rows can be inserted into? *out_view: the built-in view, NULL for flows. */
SL_MUST_CHECK
sl_status sl_bind_written(struct sl_binder *b, const struct sl_syntax_select *syntax,
                          const struct sl_flow_view **out_view, struct sl_error *err);

/* bind_insert.c: the origin of rows that an INSERT puts into this table, "insert:DATABASE.TABLE" in lower case; NULL
 * when there is no memory. */
const char *sl_bind_origin(struct sl_binder *b, const struct sl_syntax_select *table);
/* The rows of an INSERT; names that nobody knows become columns. A <prefix>flows that is not defined
 * becomes so: it is then listed. */
SL_MUST_CHECK
sl_status sl_bind_insert(struct sl_binder *b, const struct sl_syntax *syntax,
                         struct sl_statement *statement, struct sl_error *err);

/* The select of INSERT ... SELECT, of `width` columns (else 1136), as one whose outputs may be given other types. */
SL_MUST_CHECK
sl_status sl_bind_inserted(struct sl_binder *b, const struct sl_syntax_insert *from, uint32_t width,
                           struct sl_select **out_select, struct sl_error *err);

/* UPDATE: refused, unless no row can be meant: then it is a statement that does nothing. */
SL_MUST_CHECK
sl_status sl_bind_update(struct sl_binder *b, const struct sl_syntax *syntax, struct sl_error *err);

/* "unknown table": the qualifier of a name or *. */
sl_status sl_bind_fail_table(struct sl_binder *b, const struct sl_node *node, struct sl_error *err);
/* Each column that * means here. */
SL_MUST_CHECK
sl_status sl_bind_star(struct sl_scope *s, const struct sl_node *node, sl_bind_star_fn *visit,
                       void *context, struct sl_error *err);
/* A name for the result, in the arena; NULL. */
const char *sl_bind_make_name(struct sl_binder *b, struct sl_slice name);

/* bind_view.c */
struct sl_bound_view {
    const struct sl_syntax_select *select; /* NULL: there is no such view */
    const struct sl_flow_view *view;       /* a built-in one, else NULL */
};
/* Its name goes onto the binder's path, which the caller restores; 1462 when it is there. */
SL_MUST_CHECK
sl_status sl_bind_enter_view(struct sl_binder *b, const struct sl_syntax_select *syntax,
                             struct sl_slice database, struct sl_error *err);
/* The view of this name in `database`: a client's, else a built-in one. */
SL_MUST_CHECK
sl_status sl_bind_view(struct sl_binder *b, const struct sl_syntax_select *syntax,
                       struct sl_slice database, struct sl_bound_view *out_view,
                       struct sl_error *err);
/* Can it be a layer? Else it is a subselect. */
bool sl_bind_is_layer(const struct sl_syntax_select *select);
/* Put it below the scope's layers. */
SL_MUST_CHECK
sl_status sl_bind_layer(struct sl_scope *s, const struct sl_syntax_select *select,
                        const struct sl_flow_view *view, struct sl_error *err);
/* Names and * of the scope's layer, and the WHERE of all of them (NULL: none). */
bool sl_bind_layer_has(const struct sl_scope *s, const struct sl_node *node);
SL_MUST_CHECK
sl_status sl_bind_layer_name(struct sl_scope *s, const struct sl_node *node,
                             struct sl_expr **out_expr, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_layer_star(struct sl_scope *s, sl_bind_star_fn *visit, void *context,
                             struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_layer_where(struct sl_scope *s, struct sl_expr **out_where, struct sl_error *err);
/* Through layers that only rename: `s` and `node` become the source's. False: it is no name. */
bool sl_bind_follow(struct sl_scope *s, struct sl_node *node);
/* Does the name mean a built-in view's INTERFACE_ID? */
bool sl_bind_is_interface(const struct sl_scope *s, const struct sl_node *node);

/* bind_define.c: CREATE, ALTER, DROP. */
SL_MUST_CHECK
sl_status sl_bind_define(struct sl_binder *b, const struct sl_define *define,
                         struct sl_statement *statement, struct sl_error *err);

/* bind_own.c: a table that a client has made for itself; *out_table NULL: it is none. What INSERT
 * and DELETE do to it. */
SL_MUST_CHECK
sl_status sl_bind_own_table(struct sl_binder *b, const struct sl_syntax_select *syntax,
                            struct sl_own_table **out_table, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_own_insert(struct sl_binder *b, const struct sl_syntax *syntax,
                             const struct sl_own_table *table, struct sl_statement *statement,
                             struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_own_delete(struct sl_binder *b, const struct sl_syntax_select *syntax,
                             struct sl_own_table *table, struct sl_statement *statement,
                             struct sl_error *err);

/* bind_set.c: SET and USE, whose values are constants. sl_bind_constant binds an expression that may
 * name no column; it is SL_EXPR_CONST unless a parameter without a value is in it. */
SL_MUST_CHECK
sl_status sl_bind_constant(struct sl_binder *b, const struct sl_node *node,
                           struct sl_expr **out_expr, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_bind_set(struct sl_binder *b, const struct sl_syntax *syntax,
                      struct sl_statement *statement, struct sl_error *err);

/* bind_stage.c: equality, and first-stage expressions as second-stage ones. */
bool sl_expr_equal(const struct sl_expr *a, const struct sl_expr *b);
SL_MUST_CHECK
sl_status sl_bind_lift(struct sl_scope *s, struct sl_expr **expr, struct sl_error *err);
/* The slot of an aggregate, added when no equal one exists. */
SL_MUST_CHECK
sl_status sl_bind_aggregate(struct sl_scope *s, const struct sl_aggregate *aggregate,
                            uint32_t position, struct sl_expr **out_expr, struct sl_error *err);

#endif
