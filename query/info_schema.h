/*
 * info_schema.h - information_schema: what there is, for clients of MySQL.
 *
 * Its tables are virtual ones whose rows come from the schema of flows, the built-in views, what
 * clients have created, and the server's own virtual tables. The databases are `flows`, the
 * session's, and those in which something was created; each has `flows` and the built-in views.
 * <prefix>flows is listed where a client created it.
 *
 * Layer: query, internal.
 */
#ifndef SLUICE_QUERY_INFO_SCHEMA_H
#define SLUICE_QUERY_INFO_SCHEMA_H

#include "query/query.h"

/* NULL-terminated. */
const struct sl_virtual_table *const *sl_info_schema_tables(void);

#endif
