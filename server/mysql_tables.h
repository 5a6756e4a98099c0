/*
 * mysql_tables.h - what clients of MySQL ask its server about itself: information_schema.PROCESSLIST,
 * SESSION_STATUS and GLOBAL_STATUS, and mysql.help_topic.
 *
 * Columns are those of MySQL 8 that mean something here. Threads: any. Layer: server, internal.
 */
#ifndef SLUICE_SERVER_MYSQL_TABLES_H
#define SLUICE_SERVER_MYSQL_TABLES_H

#include "query/query.h"

enum { SL_MYSQL_TABLE_COUNT = 4 };

/* The context of their fill functions is a struct sl_service, as that of sl_system_tables(). */
extern const struct sl_virtual_table sl_mysql_tables[SL_MYSQL_TABLE_COUNT];

#endif
