/*
 * parse.h - tokens to a tree, by recursive descent with MySQL's precedence.
 *
 * From loose to tight: OR ||, XOR, AND &&, NOT, BETWEEN CASE, comparison IN LIKE REGEXP IS, |, &,
 * << >>, + -, * / DIV % MOD, ^, unary - ~, !.
 *
 * Errors: SL_SYNTAX (1064) at the first token that does not fit; SL_LIMIT for nesting beyond
 *         SL_SQL_DEPTH_MAX; SL_UNSUPPORTED (1235) for what MySQL has and we do not.
 * Layer:  query, internal.
 */
#ifndef SLUICE_QUERY_PARSE_H
#define SLUICE_QUERY_PARSE_H

#include "query/lex.h"
#include "query/syntax.h"

/* `database` is the session's: SHOW TABLES names it. */
SL_MUST_CHECK
sl_status sl_parse(enum sl_dialect dialect, const char *text, size_t text_bytes,
                   struct sl_slice database, struct sl_arena *arena, struct sl_syntax *out_syntax,
                   struct sl_error *err);

#endif
