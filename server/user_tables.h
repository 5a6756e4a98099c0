/*
 * user_tables.h - the users as tables: system.users, and mysql.user with the columns of MySQL 8 that mean
 * something here.
 *
 * An admin sees all of them, anybody else himself: who there is is an admin's to know, as with
 * `sluice user list`. Threads: any. Layer: server, internal.
 */
#ifndef SLUICE_SERVER_USER_TABLES_H
#define SLUICE_SERVER_USER_TABLES_H

#include "query/query.h"

enum { SL_USER_TABLE_COUNT = 2 };

/* The context of their fill functions is a struct sl_service, as that of sl_system_tables(). */
extern const struct sl_virtual_table sl_user_tables[SL_USER_TABLE_COUNT];

#endif
