/*
 * front.h - one statement of a text, parsed and bound: what the front hands to the back.
 *
 * sl_statement_bind reads one statement, resolves its names against the schema and the virtual
 * tables, types every expression and folds constants. `now_us` is the statement's one idea of
 * the present: NOW() and LAST are constants once bound.
 *
 * Parameters (`?`): a session that brings values has them bound as constants, typed as they
 * came. Without values they are SL_EXPR_PARAMETER, good for metadata only: a program that
 * reads one does not compile.
 *
 * Ownership: everything in the statement lies in `arena`, borrows from `env` (schema, tables)
 *            and copies from `session` and the text.
 * Errors:    SL_SYNTAX (1064), SL_NAME (1054, 1146, 1305 ...), SL_TYPE, SL_LIMIT, SL_UNSUPPORTED
 *            (1235), each with "at LINE:COLUMN" and a MySQL error number.
 * Limits:    SL_SQL_TEXT_BYTES_MAX, SL_SQL_DEPTH_MAX, SL_SQL_COLUMNS_MAX, SL_SQL_IN_LIST_MAX.
 * Layer:     query, internal.
 */
#ifndef SLUICE_QUERY_FRONT_H
#define SLUICE_QUERY_FRONT_H

#include "query/bound.h"
#include "query/definition.h"
#include "query/query.h"
#include "storage/base/arena.h"
#include "storage/base/status.h"

enum sl_statement_class {
    SL_CLASS_EMPTY,   /* nothing but blanks, comments and perhaps a semicolon */
    SL_CLASS_SELECT,  /* select */
    SL_CLASS_EXPLAIN, /* the plan of select, as rows of one text column */
    SL_CLASS_EXPLAIN_ANALYZE,
    SL_CLASS_DELETE,     /* select has source FLOWS, inputs and where; no outputs */
    SL_CLASS_INSERT,     /* insert */
    SL_CLASS_SESSION,    /* changes */
    SL_CLASS_KILL,       /* kill_id */
    SL_CLASS_DEFINE,     /* definitions, perhaps none */
    SL_CLASS_OWN_INSERT, /* own */
    SL_CLASS_OWN_DELETE, /* own; select gives the numbers of the rows that go */
};

struct sl_definition_change {
    bool is_removed;
    struct sl_definition definition;
};

struct sl_insert;
struct sl_own_change; /* own_table.h */

enum sl_subquery_kind {
    SL_SUBQUERY_VALUE,  /* (select): one column; one row, or NULL for none */
    SL_SUBQUERY_EXISTS, /* EXISTS (select): 1 or 0 */
    SL_SUBQUERY_LIST,   /* behind IN: the last argument of an untyped call of IN */
};

/*
 * A select that runs once, before the statement is planned. SL_EXPR_SUBQUERY stands for it in the bound
 * tree; its values take that place, and what they make constant is folded: so indexes serve them
 * as they serve what is written.
 */
struct sl_subquery {
    enum sl_subquery_kind kind;
    uint32_t number;
    struct sl_select *select;
    const void *node;        /* the one it is of: bound twice, it is the same */
    struct sl_sql_type type; /* VALUE, EXISTS */
    struct sl_expr **values; /* once it ran: LIST: row by row; else the value */
    uint32_t value_count;
    struct sl_subquery *next;
};

struct sl_statement {
    enum sl_statement_class class;
    struct sl_select *select; /* head of its UNION chain; NULL for EMPTY */
    const struct sl_subquery
        *row_count; /* SELECT: how many rows it has without its LIMIT, for FOUND_ROWS(); NULL */
    struct sl_insert *insert; /* INSERT */
    const char *database;     /* SHOW about another database than the session's; NULL */
    struct sl_slice table;    /* SHOW about a table; else empty */
    bool is_show;             /* SELECT: written for a SHOW */
    bool keeps_warnings;      /* see query.h */
    size_t consumed_bytes;    /* of the text, its semicolon included */
    uint32_t parameter_count; /* `?` in the text */
    int64_t now_us;
    int64_t pause_us;                  /* SELECT: see query.h */
    int64_t timeout_us;                /* max_statement_time, max_execution_time; 0: none */
    const struct sl_session *session;  /* SET STATEMENT: instead of the one that was given; NULL */
    const struct sl_variable *changes; /* SESSION: see query.h */
    uint32_t change_count;
    uint64_t kill_id;
    bool kills_connection;
    struct sl_definition_change *definitions; /* DEFINE; INSERT: what it makes */
    uint32_t definition_count;
    struct sl_own_change *own; /* OWN_INSERT, OWN_DELETE; INSERT: a LOAD DATA into such a table */
    struct sl_subquery *subqueries; /* in the order in which they run */
    uint32_t subquery_count;
};

SL_MUST_CHECK
sl_status sl_statement_bind(const struct sl_query_env *env, const struct sl_session *session,
                            const char *text, size_t text_bytes, struct sl_arena *arena,
                            struct sl_statement *out_statement, struct sl_error *err);

#endif
