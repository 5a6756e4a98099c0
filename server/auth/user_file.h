/*
 * user_file.h - the file of users: names, roles, and what passwords are judged by.
 *
 * It is the file `users` of the data directory, which only its owner may read:
 *
 *   OFFSET SIZE FIELD                            all integers little-endian
 *        0    8 magic "SLUSERS\n"
 *        8    4 version, 1
 *       12    4 count of users, at most SL_USERS_MAX
 *       16      users in the order of their names: u8 bytes of the name, name, u8 role, verifier
 *               (SL_VERIFIER_BYTES)
 *               8 XXH3-64 (seed 0) of all before it
 *
 * An empty file names nobody. The file is replaced whole: new file, sync, rename, sync of the
 * directory.
 *
 * Ownership: lists are the caller's, to be freed with sl_user_list_drop, which wipes them.
 * Threads:   any; one writer at a time.
 * Errors:    SL_MISSING there is no file; SL_CORRUPT; SL_VERSION; SL_LIMIT; SL_IO.
 * Layer:     server/auth. The server keeps it; `sluice check` reads it.
 */
#ifndef SLUICE_SERVER_AUTH_USER_FILE_H
#define SLUICE_SERVER_AUTH_USER_FILE_H

#include "server/auth/scheme.h"
#include "storage/base/status.h"

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

struct sl_user_list {
    struct sl_user *users; /* sorted by name */
    uint32_t count;
};
/* Wipe and free; the list is then empty. */
void sl_user_list_drop(struct sl_user_list *list);

SL_MUST_CHECK
sl_status sl_user_file_decode(const uint8_t *bytes, size_t size_bytes,
                              struct sl_user_list *out_list, struct sl_error *err);
/* Of the data directory dir_fd. */
SL_MUST_CHECK
sl_status sl_user_file_read(int dir_fd, struct sl_user_list *out_list, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_user_file_write(int dir_fd, const struct sl_user_list *list, struct sl_error *err);

#endif
