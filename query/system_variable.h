/*
 * system_variable.h - @@variables: their values, and which ones SET may change.
 *
 * Layer: query, internal.
 */
#ifndef SLUICE_QUERY_SYSTEM_VARIABLE_H
#define SLUICE_QUERY_SYSTEM_VARIABLE_H

#include "query/query.h"

enum sl_system_kind { SL_SYSTEM_TEXT, SL_SYSTEM_NUMBER, SL_SYSTEM_SWITCH };
enum sl_system_rule {
    SL_SYSTEM_FREE,
    SL_SYSTEM_FIXED,
    SL_SYSTEM_CHARSET,
    SL_SYSTEM_MODE,
    SL_SYSTEM_READONLY,
};

struct sl_system_variable {
    const char *name;
    enum sl_system_kind kind;
    const char *text;
    enum sl_system_rule rule;
};

/* NULL for an unknown one; without regard to case. */
const struct sl_system_variable *sl_system_variable_find(struct sl_slice name);
/* In the order of their names; NULL behind the last one. */
const struct sl_system_variable *sl_system_variable_at(uint32_t index);

/* Its value before any SET. */
struct sl_value sl_system_variable_value(const struct sl_system_variable *variable);

/* The session's value of "@@name" or "@name"; NULL when it has none. */
const struct sl_value *sl_session_find(const struct sl_session *session, const char *sign,
                                       struct sl_slice name);

/* @@warning_count and @@error_count: of the statement before. */
static inline uint64_t
sl_session_warnings(const struct sl_session *session)
{
    return session->warnings == NULL ? 0 : sl_warnings_total(session->warnings);
}
static inline uint64_t
sl_session_errors(const struct sl_session *session)
{
    return session->warnings == NULL ? 0
                                     : sl_warnings_of_level(session->warnings, SL_WARNING_ERROR);
}

/* A character set that clients may name: all are served with UTF-8. */
bool sl_is_charset(struct sl_slice name);

#endif
