/*
 * type_text.h - a type as MySQL's clients read it in information_schema and SHOW.
 *
 * Layer: query, internal.
 */
#ifndef SLUICE_QUERY_TYPE_TEXT_H
#define SLUICE_QUERY_TYPE_TEXT_H

#include "query/bound.h"

enum { SL_TYPE_TEXT_BYTES = 48 };

/* "bigint unsigned", "varchar(255)": what COLUMN_TYPE says. A BIGINT UNSIGNED that may be NULL is a
 * decimal(20,0), as it is in a result. */
void sl_type_text(const struct sl_sql_type *type, char text[SL_TYPE_TEXT_BYTES]);

/* The parts of such a text, or of one that a client declared; -1: does not apply. */
struct sl_type_parts {
    char data_type[SL_TYPE_TEXT_BYTES]; /* the word alone, in lower case */
    int64_t chars;                      /* of texts and bytes */
    int64_t octets;
    int64_t precision; /* digits of a number */
    int64_t scale;
    int64_t time_digits; /* behind the second */
    bool is_text;        /* has a character set */
};
struct sl_type_parts sl_type_parts_of(struct sl_slice text);

/* The type of values in a column that a client declared so, for a table of its own: integers have 64
 * bits, and what is no type of MySQL's is a text. */
struct sl_sql_type sl_type_declared(struct sl_slice text);

#endif
