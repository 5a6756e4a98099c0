/*
 * users.h - who may come in, and what each may do.
 *
 * Names and roles are records of the store's catalog (kind "user": the name, one byte of version,
 * one of role). What passwords are judged by is in the file `users` of the data directory, which
 * only its owner may read; names and roles are repeated there:
 *
 *   OFFSET SIZE FIELD                            all integers little-endian
 *        0    8 magic "SLUSERS\n"
 *        8    4 version, 1
 *       12    4 count of users, at most SL_USERS_MAX
 *       16      users: u8 bytes of the name, name, u8 role, verifier (SL_VERIFIER_BYTES)
 *               8 XXH3-64 (seed 0) of all before it
 *
 * The file is replaced whole (new file, sync, rename, sync of the directory) and before the
 * catalog, which follows it at open if the power went between. A catalog that names users while
 * there is no file is refused: a lost file must not open the doors. An empty file begins anew.
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

#include "server/auth/scheme.h"
#include "storage/base/buf.h"
#include "storage/base/status.h"

struct sl_store;
struct sl_users;

enum {
    SL_USERS_MAX = 1000,
    SL_USER_NAME_BYTES_MAX = 32, /* MySQL's limit */
};

/* Numbers rest on disk. A role may do what the ones before it may. */
enum sl_role {
    SL_ROLE_READER = 1, /* ask */
    SL_ROLE_WRITER = 2, /* insert, delete, change what tables there are, flush */
    SL_ROLE_ADMIN = 3,  /* users; what others run */
};
const char *sl_role_name(enum sl_role role);
bool sl_role_parse(const char *text, enum sl_role *out_role);

struct sl_user {
    char name[SL_USER_NAME_BYTES_MAX + 1];
    enum sl_role role;
    struct sl_verifier verifier;
};

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

/* The file's bytes; for sl_users_open and tests. SL_CORRUPT, SL_VERSION. *out_list is owned by
 * the caller (free). */
SL_MUST_CHECK
sl_status sl_users_decode(const uint8_t *bytes, size_t size_bytes, struct sl_user **out_list,
                          uint32_t *out_count, struct sl_error *err);

#endif
