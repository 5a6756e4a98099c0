/*
 * syntax.h - the tree that the parser builds: what was written, before any name is known.
 *
 * Operators are calls of functions with the operator's id; negated forms are wrapped in NOT.
 * Everything lies in the query's arena.
 *
 * Layer: query, internal.
 */
#ifndef SLUICE_QUERY_SYNTAX_H
#define SLUICE_QUERY_SYNTAX_H

#include "query/bound.h"
#include "query/function.h"

enum sl_node_kind {
    SL_NODE_NULL,
    SL_NODE_BOOL,    /* number: 0 or 1 */
    SL_NODE_NUMBER,  /* number: a word of the language, such as a unit */
    SL_NODE_INTEGER, /* text: digits */
    SL_NODE_DECIMAL,
    SL_NODE_DOUBLE,
    SL_NODE_STRING,
    SL_NODE_BYTES,
    SL_NODE_ADDRESS,
    SL_NODE_CIDR,
    SL_NODE_NAME, /* text, qualifier */
    SL_NODE_STAR, /* `*` or `t.*`: in select lists and COUNT(*) */
    SL_NODE_VARIABLE,
    SL_NODE_SYSTEM,
    SL_NODE_ASSIGN,    /* @text := args[0] */
    SL_NODE_PARAMETER, /* number: from 0 */
    SL_NODE_OPERATOR,  /* function, args */
    SL_NODE_CALL,      /* text: name of the function; args */
    SL_NODE_CASE,      /* args: when, then, ..., [else]; operand: CASE x */
    SL_NODE_CAST,      /* args[0], cast */
    SL_NODE_INTERVAL,  /* args[0], unit; operand: the time; text "-" to subtract */
    SL_NODE_LAST,      /* LAST 5m: number is microseconds */
    SL_NODE_IN_SELECT, /* args IN (select): as many columns as args */
    SL_NODE_SELECT,    /* (select) as a value */
    SL_NODE_EXISTS,    /* EXISTS (select) */
    SL_NODE_ROW,       /* (a, b, ...): args; only where rows are compared */
};

enum sl_time_unit {
    SL_TIME_MICROSECOND,
    SL_TIME_SECOND,
    SL_TIME_MINUTE,
    SL_TIME_HOUR,
    SL_TIME_DAY,
    SL_TIME_WEEK,
    SL_TIME_MONTH,
    SL_TIME_QUARTER,
    SL_TIME_YEAR,
};

struct sl_syntax_select;
struct sl_order_item;

struct sl_node {
    enum sl_node_kind kind;
    uint32_t position;
    struct sl_slice text;
    struct sl_slice qualifier; /* NAME, STAR: table; empty when there is none */
    int64_t number;
    enum sl_function_id function; /* OPERATOR */
    enum sl_time_unit unit;       /* INTERVAL */
    struct sl_sql_type cast;      /* CAST */
    struct sl_node *operand;      /* CASE, INTERVAL */
    struct sl_node **args;
    uint32_t arg_count;
    bool is_distinct;             /* COUNT(DISTINCT x) */
    bool is_quoted;               /* NAME: never a word of ours */
    struct sl_slice separator;    /* GROUP_CONCAT; bytes NULL: the default */
    struct sl_order_item *orders; /* GROUP_CONCAT(x ORDER BY y) */
    uint32_t order_count;
    struct sl_node *filter;          /* CALL: FILTER (WHERE condition); NULL */
    struct sl_syntax_select *select; /* IN_SELECT, SELECT, EXISTS */
};

struct sl_item {
    struct sl_node *expr;
    struct sl_slice name; /* the alias, or the text as written */
    bool is_alias;
};

struct sl_order_item {
    struct sl_node *expr;
    bool is_descending;
};

/* A further table behind FROM, and what joins it to those before it. */
struct sl_syntax_join {
    struct sl_syntax_select *table; /* its FROM alone */
    enum sl_join_kind kind;         /* INNER: CROSS and a comma too */
    bool is_natural;
    bool is_hidden;               /* what * stands for has none of its columns */
    struct sl_node *on;           /* NULL: none */
    struct sl_node **using_names; /* USING (name, ...) */
    uint32_t using_count;
};

struct sl_syntax_select {
    uint32_t position;
    bool is_distinct;
    bool wants_found_rows; /* SQL_CALC_FOUND_ROWS */
    struct sl_item *items;
    uint32_t item_count;

    /* FROM: nothing, a table, or a subselect. */
    struct sl_slice schema;
    struct sl_slice table; /* size 0: none */
    struct sl_slice alias;
    uint32_t table_position;
    struct sl_syntax_select *subselect;
    struct sl_syntax_join *joins; /* further tables, in the order in which they were written */
    uint32_t join_count;

    struct sl_node *where;
    struct sl_node **groups;
    uint32_t group_count;
    bool is_rollup; /* WITH ROLLUP */
    struct sl_node *having;

    /* Of the whole chain when this is its head. */
    struct sl_order_item *orders;
    uint32_t order_count;
    struct sl_node *limit;
    struct sl_node *offset;

    struct sl_syntax_select *next_union;
    bool is_union_all; /* of this one with the one before it */
};

/*
 * One value of a row of INSERT. Literals, which are nearly all values of a long list, are kept as
 * the bytes that were written: no node is made for them.
 */
enum sl_cell_kind {
    SL_CELL_NONE, /* NULL, DEFAULT */
    SL_CELL_TEXT, /* `bytes`: a string without its quotes, or the digits of a number */
    SL_CELL_NODE, /* `node`: any other expression; the binder makes a VALUE of it */
    SL_CELL_VALUE,
};

struct sl_cell {
    union {
        const uint8_t *bytes;
        const struct sl_node *node;
        const struct sl_value *value;
        uint32_t offset; /* while a line of a file is read (load.c) */
    } as;
    uint32_t size_bytes; /* TEXT */
    enum sl_cell_kind kind;
};

struct sl_insert_name {
    struct sl_slice text;
    uint32_t position;
};

/* How LOAD DATA's lines are written. */
struct sl_load_format {
    struct sl_slice field_end;
    struct sl_slice line_end;
    bool has_enclosure;
    bool has_escape;
    uint8_t enclosure;
    uint8_t escape;
    uint64_t skip_lines;
};

/* INSERT, REPLACE, LOAD DATA. */
struct sl_syntax_insert {
    struct sl_insert_name *columns; /* NULL: those of SELECT * */
    uint32_t column_count;
    struct sl_cell *cells; /* row by row, each of cell_count / row_count */
    uint32_t cell_count;
    uint32_t row_count;
    uint32_t values_position;        /* of the first row */
    struct sl_syntax_select *source; /* INSERT ... SELECT; NULL: VALUES */
    bool is_delayed;
    bool is_ignore;
    bool is_load;         /* no cells: lines of a file */
    struct sl_slice file; /* LOAD DATA: its name, to the client */
    struct sl_load_format format;
};

enum sl_syntax_kind {
    SL_SYNTAX_EMPTY,
    SL_SYNTAX_SELECT,
    SL_SYNTAX_EXPLAIN,
    SL_SYNTAX_EXPLAIN_ANALYZE,
    SL_SYNTAX_DELETE,
    SL_SYNTAX_INSERT,
    SL_SYNTAX_UPDATE,
    SL_SYNTAX_SHOW,    /* select: of information_schema; database and table: what it is about */
    SL_SYNTAX_DEFINE,  /* define */
    SL_SYNTAX_SESSION, /* SET, USE, BEGIN ...: assignments, perhaps none */
    SL_SYNTAX_KILL,    /* kill_id */
};

enum sl_assignment_kind { SL_ASSIGN_USER, SL_ASSIGN_SYSTEM, SL_ASSIGN_DATABASE };

struct sl_assignment {
    enum sl_assignment_kind kind;
    struct sl_slice name;  /* without signs; DATABASE: the database */
    struct sl_node *value; /* NULL: DEFAULT */
    uint32_t position;
};

enum sl_define_action {
    SL_DEFINE_VIEW,     /* CREATE VIEW: text is its select */
    SL_DEFINE_TABLE,    /* CREATE TABLE: changes add its columns */
    SL_DEFINE_DATABASE, /* CREATE DATABASE */
    SL_DEFINE_ALTER,    /* ALTER TABLE: changes */
    SL_DEFINE_DROP_VIEW,
    SL_DEFINE_DROP_TABLE,
};

/* A column of CREATE or ALTER TABLE. */
struct sl_column_change {
    struct sl_slice name; /* as it is now; empty: it is new */
    struct sl_slice to;   /* as it becomes; empty: it goes */
    struct sl_slice type; /* as written: "smallint(5) unsigned" */
};

/* CREATE, ALTER and DROP of what clients define. */
struct sl_define {
    enum sl_define_action action;
    bool is_replace;            /* OR REPLACE */
    bool is_lenient;            /* IF EXISTS, IF NOT EXISTS */
    struct sl_slice *databases; /* of each name; empty: the session's */
    struct sl_slice *names;     /* DATABASE: empty */
    uint32_t name_count;        /* 1, but for DROP */
    uint32_t position;          /* of the first name */
    struct sl_slice text;       /* VIEW */
    struct sl_syntax_select *view;
    struct sl_column_change *changes;
    uint32_t change_count;
};

struct sl_syntax {
    enum sl_syntax_kind kind;
    struct sl_syntax_select *select; /* INSERT: the table; UPDATE: where too */
    struct sl_syntax_insert insert;
    struct sl_slice database;             /* SHOW: the one named, else empty */
    struct sl_slice table;                /* SHOW: of its columns, keys ...; it must be there */
    struct sl_syntax_select *view_select; /* SHOW CREATE: instead of `select` for a view */
    bool wants_view;                      /* SHOW CREATE VIEW */
    bool keeps_warnings;                  /* SHOW: WARNINGS, ERRORS */
    struct sl_assignment *assignments;
    uint32_t assignment_count;
    bool is_scoped; /* SET STATEMENT: the assignments are for this statement, whatever its kind */
    uint64_t kill_id;
    bool kills_connection;
    struct sl_define *define;
    uint32_t parameter_count;
    size_t consumed_bytes;
};

#endif
