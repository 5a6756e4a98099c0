/*
 * bound.h - a statement after binding: names are columns, every expression has a type.
 *
 * This is what the front (lex, parse, bind) hands to the back (plan, operators). All of it lies
 * in the query's arena and is immutable once bound.
 *
 * A select computes in two stages when it groups:
 *
 *   source rows --where--> [group keys, aggregates] --having--> outputs --order, limit--> result
 *
 * Expressions of the first stage (where, keys, arguments of aggregates, and the outputs of a
 * select that does not group) refer to source columns by SL_EXPR_INPUT slots. Expressions of the
 * second stage (having, outputs, order) refer to SL_EXPR_KEY and SL_EXPR_AGGREGATE slots.
 *
 * Layer: query, internal.
 */
#ifndef SLUICE_QUERY_BOUND_H
#define SLUICE_QUERY_BOUND_H

#include "storage/base/base.h"
#include "storage/batch.h"
#include "storage/schema.h"

/* Type of an SQL expression. BIGINT is SL_TYPE_I64, BIGINT UNSIGNED is SL_TYPE_U64. */
struct sl_sql_type {
    enum sl_type type;
    uint8_t scale; /* DECIMAL digits after the point; TIME and SPAN: digits shown, 0..6 */
    bool is_nullable;
    bool is_binary;  /* TEXT: compares bytes, not letters */
    uint32_t length; /* TEXT: characters at most, for metadata; else display width or 0 */
};

/* One value. is_null, or the member that the type names. */
struct sl_value {
    enum sl_type type;
    uint8_t scale;
    bool is_null;
    union {
        int64_t i64;  /* I64, TIME, DATE, SPAN */
        uint64_t u64; /* unsigned types */
        double f64;
        sl_i128 i128; /* DECIMAL */
        struct sl_addr addr;
        struct sl_slice slice; /* TEXT, OCTETS */
    } as;
};

struct sl_function; /* function.h: scalar functions and operators */

enum sl_expr_kind {
    SL_EXPR_CONST,     /* value */
    SL_EXPR_INPUT,     /* slot: sl_select.inputs[slot] */
    SL_EXPR_KEY,       /* slot: sl_select.keys[slot] */
    SL_EXPR_AGGREGATE, /* slot: sl_select.aggregates[slot] */
    SL_EXPR_CALL,      /* function(args): operators, CASE, IN, BETWEEN, LIKE, casts too */
    SL_EXPR_PARAMETER, /* slot: typed parameter of a prepared statement */
    SL_EXPR_SUBQUERY,  /* slot: number of the subquery; gone when the statement is planned */
};

struct sl_expr {
    enum sl_expr_kind kind;
    struct sl_sql_type type;
    uint32_t position; /* byte offset in the text, for messages */
    uint32_t slot;
    struct sl_value value;
    const struct sl_function *function;
    struct sl_expr **args;
    uint32_t arg_count;
    uint32_t depth;  /* CALL: longest way down; bounded, so that walks may recurse */
    uint32_t weight; /* CALL: nodes below, shared ones counted each time; bounded */
};

enum sl_aggregate_kind {
    SL_AGG_COUNT_STAR,
    SL_AGG_COUNT, /* rows whose argument is not NULL */
    SL_AGG_COUNT_DISTINCT,
    SL_AGG_APPROX_COUNT_DISTINCT, /* HyperLogLog */
    SL_AGG_SUM,                   /* 128 bits inside; DECIMAL, or DOUBLE for DOUBLE */
    SL_AGG_SUM_DISTINCT,
    SL_AGG_AVG,
    SL_AGG_AVG_DISTINCT,
    SL_AGG_MIN,
    SL_AGG_MAX,
    SL_AGG_QUANTILE,        /* exact; parameter: 0..1; DOUBLE, interpolated between neighbours */
    SL_AGG_APPROX_QUANTILE, /* DOUBLE */
    SL_AGG_STDDEV_POP,
    SL_AGG_STDDEV_SAMP,
    SL_AGG_VAR_POP,
    SL_AGG_VAR_SAMP,
    SL_AGG_ANY, /* any value: a column that is not grouped by (ONLY_FULL_GROUP_BY off) */
    SL_AGG_GROUP_CONCAT,
    SL_AGG_BIT_OR,
    SL_AGG_BIT_AND,
    SL_AGG_BIT_XOR,
};

struct sl_aggregate {
    enum sl_aggregate_kind kind;
    struct sl_sql_type type;
    struct sl_expr *argument;  /* first-stage; NULL for COUNT(*) */
    double parameter;          /* QUANTILE */
    struct sl_slice separator; /* GROUP_CONCAT */
    bool is_distinct;          /* GROUP_CONCAT: each text once */
    bool is_ordered;           /* GROUP_CONCAT: the argument is a call of SORTED */
};

/* A group key. `host` and `port` count a row once under each distinct side. */
enum sl_key_kind { SL_KEY_EXPR, SL_KEY_HOST, SL_KEY_PORT };

struct sl_key {
    enum sl_key_kind kind;
    struct sl_expr *expr;  /* EXPR: first-stage. HOST, PORT: the source side (INPUT) */
    struct sl_expr *other; /* HOST, PORT: the destination side (INPUT) */
    struct sl_sql_type type;
};

struct sl_order {
    uint32_t output; /* index into outputs; hidden outputs follow the visible ones */
    bool is_descending;
};

struct sl_output {
    const char *name;          /* as written, or the alias */
    const char *origin_table;  /* for metadata: "" when it is no plain column */
    const char *origin_column; /* "" */
    struct sl_expr *expr;
};

struct sl_virtual_table; /* query.h */
struct sl_select;

enum sl_source_kind {
    SL_SOURCE_NONE,    /* SELECT 1: one row without columns */
    SL_SOURCE_FLOWS,   /* inputs are columns of the store */
    SL_SOURCE_VIRTUAL, /* inputs are columns of a virtual table */
    SL_SOURCE_SELECT,  /* inputs are outputs of a subselect */
    SL_SOURCE_JOIN,    /* inputs are outputs of the tables that are joined */
};

struct sl_input {
    const struct sl_column *column; /* FLOWS */
    uint32_t table;                 /* JOIN: number of the table behind FROM, else 0 */
    uint32_t index; /* VIRTUAL: column; SELECT, JOIN: output of the subselect, of the table */
    struct sl_sql_type type;
};

/* An equality of two expressions over the inputs of the select that joins. */
struct sl_join_key {
    struct sl_expr *probe;   /* reads tables of earlier steps */
    struct sl_expr *build;   /* reads the table of this step */
    struct sl_sql_type type; /* of both, or integers of its sign */
};

enum sl_join_kind {
    SL_JOIN_INNER,
    SL_JOIN_LEFT,  /* a row of earlier steps that matches none is kept, with NULLs */
    SL_JOIN_RIGHT, /* a row of this step that matches none is kept, with NULLs */
};

/*
 * One step of a join: rows of `select` are found by their keys. They match where all keys are equal, none
 * is NULL, and the condition is true; without keys, it is asked of every row with every row. Step 0 has
 * neither: its rows come first.
 */
struct sl_join {
    struct sl_select *select; /* its outputs are what is read of the table */
    uint32_t table;           /* see sl_input */
    enum sl_join_kind kind;
    struct sl_join_key *keys;
    uint32_t key_count;
    struct sl_expr *condition; /* over the inputs of the select that joins; NULL: none */
};

struct sl_select {
    enum sl_source_kind source;
    const struct sl_virtual_table *table; /* VIRTUAL */
    struct sl_select *subselect;          /* SELECT: head of its UNION chain */
    struct sl_join *joins;                /* JOIN: in the order in which they are done */
    uint32_t join_count;
    struct sl_input *inputs;
    uint32_t input_count;

    struct sl_expr *where; /* NULL: all. A host or port predicate is already an OR over sides */

    bool is_grouped; /* has GROUP BY or an aggregate */
    struct sl_key *keys;
    uint32_t key_count;
    struct sl_aggregate *aggregates;
    uint32_t aggregate_count;
    struct sl_expr *having;

    struct sl_output *outputs; /* visible_count visible ones, then those only ORDER BY needs */
    uint32_t output_count;
    uint32_t visible_count;
    bool is_distinct;

    /* ORDER BY and LIMIT of the head belong to the whole union. */
    struct sl_order *orders;
    uint32_t order_count;
    uint64_t limit; /* UINT64_MAX: none */
    uint64_t offset;

    struct sl_select *next_union; /* UNION [ALL]: same visible_count and types */
    bool is_union_all;            /* of this select with the one before it */
};

#endif
