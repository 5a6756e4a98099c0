/*
 * table_value.h - what the tables that the server makes up have in common: texts, and columns of them.
 *
 * Layer: server, internal.
 */
#ifndef SLUICE_SERVER_TABLE_VALUE_H
#define SLUICE_SERVER_TABLE_VALUE_H

#include "query/query.h"

/* The type of a column of texts. */
#define TEXT(size)                             \
    {                                          \
        .type = SL_TYPE_TEXT, .length = (size) \
    }

/* The text is borrowed. */
static inline struct sl_value
value_text(const char *text)
{
    return (struct sl_value){
        .type = SL_TYPE_TEXT,
        .as.slice = {.bytes = (const uint8_t *)text, .size_bytes = (uint32_t)strlen(text)}};
}

#endif
