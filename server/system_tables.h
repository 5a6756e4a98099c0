/*
 * system_tables.h - the server's own state as tables: system.segments, .columns, .exporters,
 * .interfaces, .templates, .sources, .imports, .queries, .users, .metrics, .settings.
 *
 * The tables' context (sl_query_env.tables_context) is the struct sl_service.
 *
 * Layer: server, internal.
 */
#ifndef SLUICE_SERVER_SYSTEM_TABLES_H
#define SLUICE_SERVER_SYSTEM_TABLES_H

#include "query/query.h"

/* NULL-terminated; static. */
const struct sl_virtual_table *const *sl_system_tables(void);

#endif
