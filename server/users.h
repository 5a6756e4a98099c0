/*
 * users.h - who may come in, and what each may do.
 *
 * Names and roles are records of the store's catalog (kind "user": the name, one byte of version,
 * one of role). What passwords are judged by is in a file beside it, where names and roles are
 * repeated (auth/user_file.h). The file is replaced before the catalog, which follows it at open if
 * the power went between. A catalog that names users while there is no file is refused: a lost file
 * must not open the doors. An empty file begins anew.
 *
 * While there are no users, clients of this machine are let in with any name and password, as
 * admins. The first user must be an admin, and the last admin goes last.
 *
 * Threads: any. Changes take milliseconds (they sync); look-ups do not wait for them.
 * Errors:  SL_EXISTS, SL_MISSING a name; SL_DENIED the rules above; SL_LIMIT; SL_CORRUPT the file.
 * Layer:   server, internal.
 */
#ifndef SLUICE_SERVER_USERS_H
#define SLUICE_SERVER_USERS_H

#include "server/auth/user_file.h"
#include "storage/base/buf.h"
#include "storage/base/status.h"

struct sl_store;
struct sl_users;

SL_MUST_CHECK
sl_status sl_users_open(struct sl_store *store, const char *directory, struct sl_users **out_users,
                        struct sl_error *err);
/* NULL is allowed. */
void sl_users_close(struct sl_users *users);

bool sl_users_are_none(struct sl_users *users);
/* False: no such user. */
bool sl_users_find(struct sl_users *users, const char *name, struct sl_user *out_user);
/* For a name that is not there, the salt that it is asked with: the same each time, so that
 * nobody learns from it which names there are. */
void sl_users_feign_salt(struct sl_users *users, const char *name, uint8_t salt[SL_SALT_BYTES]);

SL_MUST_CHECK
sl_status sl_users_add(struct sl_users *users, const struct sl_user *user, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_users_remove(struct sl_users *users, const char *name, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_users_set_verifier(struct sl_users *users, const char *name,
                                const struct sl_verifier *verifier, struct sl_error *err);

/* A line for each, by name: name, tab, role. */
void sl_users_list(struct sl_users *users, struct sl_buf *out);

#endif
