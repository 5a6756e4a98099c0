/*
 * parser.h - what the two halves of the parser share: the cursor over tokens.
 *
 * parse_expr.c reads expressions, parse_primary.c what operators stand between, parse_interval.c lengths of time,
 * parse_predicate.c predicates, parse_row.c rows, parse_call.c calls, parse.c selects and statements, parse_from.c what
 * stands behind FROM, parse_insert.c and parse_session.c those that are no selects.
 *
 * Layer: query, internal to the parser.
 */
#ifndef SLUICE_QUERY_PARSER_H
#define SLUICE_QUERY_PARSER_H

#include "query/lex.h"
#include "query/parse.h"

struct sl_parser {
    enum sl_dialect dialect;
    const char *text;
    size_t text_bytes;
    struct sl_slice default_database; /* the session's */
    struct sl_arena *arena;
    struct sl_lexer *lexer;
    uint32_t at; /* number of the current token */
    uint32_t depth;
    uint32_t parameter_count;
    const struct sl_common_table *common_tables; /* parse_with.c: the last one first */
    struct sl_error *err;
};

/* A list that grows in the arena. */
struct sl_node_list {
    struct sl_node **nodes;
    uint32_t count;
    uint32_t capacity;
};

static inline const struct sl_token *
sl_parser_token(const struct sl_parser *p)
{
    return sl_lexer_token(p->lexer, p->at);
}

/* The token `ahead` of the current one; END stays END. */
static inline const struct sl_token *
sl_parser_peek(const struct sl_parser *p, uint32_t ahead)
{
    return sl_lexer_token(p->lexer, p->at + ahead);
}

/* The token in front of the current one, which there must be. */
static inline const struct sl_token *
sl_parser_last(const struct sl_parser *p)
{
    return sl_lexer_token(p->lexer, p->at - 1);
}

/* Is the current token this unquoted word, this operator? The accepting forms step over it. */
bool sl_parser_is_word(const struct sl_parser *p, const char *word);
bool sl_parser_is(const struct sl_parser *p, const char *op);
bool sl_parser_accept_word(struct sl_parser *p, const char *word);
bool sl_parser_accept(struct sl_parser *p, const char *op);

SL_MUST_CHECK
sl_status sl_parser_expect_word(struct sl_parser *p, const char *word);
SL_MUST_CHECK
sl_status sl_parser_expect(struct sl_parser *p, const char *op);

/* "unexpected X": SL_SYNTAX at the current token. `wanted` may be NULL. */
sl_status sl_parser_fail(struct sl_parser *p, const char *wanted);
/* SL_LIMIT: the arena had no room for what the statement says. */
sl_status sl_parser_fail_memory(struct sl_parser *p);

/* Nesting: enter fails beyond the limit. */
SL_MUST_CHECK
sl_status sl_parser_enter(struct sl_parser *p);
void sl_parser_leave(struct sl_parser *p);

SL_MUST_CHECK
sl_status sl_parser_node(struct sl_parser *p, enum sl_node_kind kind, uint32_t position,
                         struct sl_node **out_node);
SL_MUST_CHECK
sl_status sl_parser_append(struct sl_parser *p, struct sl_node_list *list, struct sl_node *node);

/* A node of an operator over its arguments. */
SL_MUST_CHECK
sl_status sl_parser_operator(struct sl_parser *p, enum sl_function_id function, uint32_t position,
                             struct sl_node *const *args, uint32_t count,
                             struct sl_node **out_node);

SL_MUST_CHECK
sl_status sl_parser_unary(struct sl_parser *p, enum sl_function_id function, uint32_t position,
                          struct sl_node *arg, struct sl_node **out_node);

/* Does LAST with a length of time start here? Native dialect only. */
bool sl_parser_is_last(const struct sl_parser *p);
/* The length behind LAST, which is consumed. */
SL_MUST_CHECK
sl_status sl_parse_last(struct sl_parser *p, uint32_t position, struct sl_node **out_node);
/* What is said when its length is missing. */
extern const char sl_last_story[];

/* parse_predicate.c: [NOT] IN, BETWEEN, LIKE, REGEXP, IS behind *node, which it becomes the left side of;
 * *out_found false: none is there. */
SL_MUST_CHECK
sl_status sl_parse_predicate(struct sl_parser *p, struct sl_node **node, bool *out_found);
/* = ANY (select), which is IN, and <> ALL (select), NOT IN, behind the operator. */
SL_MUST_CHECK
sl_status sl_parse_quantified(struct sl_parser *p, enum sl_function_id function, uint32_t position,
                              struct sl_node **node, bool *out_found);
/* Behind a parenthesis: does a select stand in it? */
bool sl_parser_is_subquery(const struct sl_parser *p);
/* (select), the parenthesis consumed. */
SL_MUST_CHECK
sl_status sl_parse_subquery(struct sl_parser *p, enum sl_node_kind kind, uint32_t position,
                            struct sl_node **out_node);

/* parse_row.c: a comparison one of whose sides is a row; IN whose left side, the first node, is one. */
SL_MUST_CHECK
sl_status sl_parse_row_compare(struct sl_parser *p, enum sl_function_id function, uint32_t position,
                               struct sl_node *left, struct sl_node *right,
                               struct sl_node **out_node);
SL_MUST_CHECK
sl_status sl_parse_row_in(struct sl_parser *p, uint32_t position, struct sl_node *const *nodes,
                          uint32_t count, struct sl_node **out_node);

/* MINUTE or MINUTES at the cursor, stepped over. */
bool sl_parser_accept_unit(struct sl_parser *p, enum sl_time_unit *out_unit);

/* INTERVAL amount unit, the first word consumed; `time` is what it is added to, or NULL. */
SL_MUST_CHECK
sl_status sl_parse_interval(struct sl_parser *p, uint32_t position, struct sl_node *time,
                            bool is_minus, struct sl_node **out_node);

/* A name and the parenthesis behind it. */
SL_MUST_CHECK
sl_status sl_parse_function(struct sl_parser *p, struct sl_node **out_node);

/* Words that end an expression or a table and so cannot be an alias without AS. */
bool sl_parser_is_reserved(struct sl_slice word);

/* parse_from.c: the tables behind FROM. */
SL_MUST_CHECK
sl_status sl_parse_from(struct sl_parser *p, struct sl_syntax_select *select);
/* schema.table or table, into the select's members. */
SL_MUST_CHECK
sl_status sl_parse_table_name(struct sl_parser *p, struct sl_syntax_select *select);
/* parse_with.c: WITH and what it names, if it stands here; whoever asks takes the names back. */
SL_MUST_CHECK
sl_status sl_parse_with(struct sl_parser *p);
/* Where the select's table means such a name, it becomes its select. */
void sl_parse_common_table(const struct sl_parser *p, struct sl_syntax_select *select);

/* parse_select.c: does a select start here? */
bool sl_parser_is_select(const struct sl_parser *p);
/* SELECT ... UNION ... */
SL_MUST_CHECK
sl_status sl_parse_chain(struct sl_parser *p, struct sl_syntax_select **out_head);
/* A select without members at the cursor. */
SL_MUST_CHECK
sl_status sl_parse_make_select(struct sl_parser *p, struct sl_syntax_select **out_select);
/* [AS] alias; *out_found false: none is there. */
SL_MUST_CHECK
sl_status sl_parse_alias(struct sl_parser *p, struct sl_slice *out_alias, bool *out_found);
/* [WHERE expr] [LAST 1h] */
SL_MUST_CHECK
sl_status sl_parse_where(struct sl_parser *p, struct sl_node **out_where);
/* expr [ASC | DESC], ... behind ORDER BY. */
SL_MUST_CHECK
sl_status sl_parse_orders(struct sl_parser *p, struct sl_order_item **out_orders,
                          uint32_t *out_count);
/* [LIMIT [offset,] count [OFFSET offset]] */
SL_MUST_CHECK
sl_status sl_parse_limit(struct sl_parser *p, struct sl_syntax_select *select);

/* parse_insert.c: INSERT and REPLACE; UPDATE; the first word consumed. */
SL_MUST_CHECK
sl_status sl_parse_insert(struct sl_parser *p, struct sl_syntax *syntax);
SL_MUST_CHECK
sl_status sl_parse_update(struct sl_parser *p, struct sl_syntax *syntax);
/* (column, ...), the parenthesis consumed. */
SL_MUST_CHECK
sl_status sl_parse_insert_columns(struct sl_parser *p, struct sl_syntax_insert *insert);
/* parse_load.c: LOAD DATA, the first word consumed. */
SL_MUST_CHECK
sl_status sl_parse_load(struct sl_parser *p, struct sl_syntax *syntax);

/* parse.c: any statement at the cursor. */
SL_MUST_CHECK
sl_status sl_parse_statement(struct sl_parser *p, struct sl_syntax *syntax);

/* parse_session.c: SET, USE, BEGIN ...; *out_is_one false: the statement is none of them. */
SL_MUST_CHECK
sl_status sl_parse_session(struct sl_parser *p, struct sl_syntax *syntax, bool *out_is_one);

/* parse_admin.c: ANALYZE TABLE, FLUSH and their kin; *out_is_one false: the statement is none of them. */
SL_MUST_CHECK
sl_status sl_parse_admin(struct sl_parser *p, struct sl_syntax *syntax, bool *out_is_one);

/* parse_show.c: a select that we wrote, in MySQL's dialect, as the statement's. */
struct sl_buf;
SL_MUST_CHECK
sl_status sl_parse_written(struct sl_parser *p, const struct sl_buf *text,
                           struct sl_syntax *syntax);
/* parse_show.c: what stands behind SHOW; a table behind DESCRIBE. */
SL_MUST_CHECK
sl_status sl_parse_show(struct sl_parser *p, struct sl_syntax *syntax);
SL_MUST_CHECK
sl_status sl_parse_describe(struct sl_parser *p, struct sl_syntax *syntax);

/* parse_define.c: CREATE, ALTER and DROP, the word still to be read; *out_is_one false: none. */
SL_MUST_CHECK
sl_status sl_parse_define(struct sl_parser *p, struct sl_syntax *syntax, bool *out_is_one);

SL_MUST_CHECK
sl_status sl_parse_expr(struct sl_parser *p, struct sl_node **out_node);

/* What binds tighter than a comparison. */
SL_MUST_CHECK
sl_status sl_parse_operand(struct sl_parser *p, struct sl_node **out_node);

/* What binds tighter than + and -. */
SL_MUST_CHECK
sl_status sl_parse_addend(struct sl_parser *p, struct sl_node **out_node);

/* parse_primary.c: what no operator stands in. */
SL_MUST_CHECK
sl_status sl_parse_primary(struct sl_parser *p, struct sl_node **out_node);

/* expr, expr, ... up to the closing parenthesis, which is consumed. */
SL_MUST_CHECK
sl_status sl_parse_args(struct sl_parser *p, struct sl_node_list *out_list);

#endif
