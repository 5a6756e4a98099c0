/*
 * users.c - see users.h.
 */
#include "server/users.h"

#include <fcntl.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/log.h"
#include "storage/base/thread.h"
#include "storage/store.h"

enum {
    USERS_MAGIC = 0x55534552,
    RECORD_VERSION = 1,
    SECRET_BYTES = 16,
};
static const char record_kind[] = "user";

struct sl_users {
    uint32_t magic;
    struct sl_store *store; /* borrowed */
    int dir_fd;             /* owned */
    uint8_t secret[SECRET_BYTES];
    struct sl_mutex change; /* held by whoever makes a new list */
    struct sl_mutex mutex;
    struct sl_user_list list; /* guarded by mutex */
};

/* ---- the list ---- */

/* The index of a name, or of the place where it belongs. */
static bool
find(const struct sl_user_list *list, const char *name, uint32_t *out_index)
{
    uint32_t i = 0;
    while (i < list->count && strcmp(list->users[i].name, name) < 0)
        i++;
    *out_index = i;
    return i < list->count && strcmp(list->users[i].name, name) == 0;
}

static uint32_t
count_admins(const struct sl_user_list *list)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->count; i++)
        count += list->users[i].role == SL_ROLE_ADMIN;
    return count;
}

static struct sl_user_list
copy_list(const struct sl_user_list *from)
{
    struct sl_user_list copy = {.users = sl_new(((size_t)from->count + 1) * sizeof(*copy.users)),
                                .count = from->count};
    if (from->count != 0)
        memcpy(copy.users, from->users, from->count * sizeof(*copy.users));
    return copy;
}

/* ---- the catalog ---- */

static sl_status
put_record(struct sl_users *users, const struct sl_user *user, struct sl_error *err)
{
    const uint8_t record[] = {RECORD_VERSION, (uint8_t)user->role};
    return sl_store_meta_put(users->store, record_kind, user->name, strlen(user->name), record,
                             sizeof(record), err);
}

/* What the catalog names. */
struct record_walk {
    const struct sl_user_list *list;
    char (*strange)[SL_USER_NAME_BYTES_MAX + 1]; /* owned: names that the file has not */
    uint32_t strange_count;
    bool *is_known; /* owned; of each user of the list: name and role are in the catalog */
};

static void
visit_record(void *context, const void *key, size_t key_bytes, const void *value,
             size_t value_bytes)
{
    struct record_walk *walk = context;
    const uint8_t *record = value;
    char name[SL_USER_NAME_BYTES_MAX + 1] = "";
    uint32_t index = 0;
    if (key_bytes == 0 || key_bytes > SL_USER_NAME_BYTES_MAX)
        return;
    memcpy(name, key, key_bytes);
    if (find(walk->list, name, &index)) {
        walk->is_known[index] = value_bytes == 2 && record[0] == RECORD_VERSION &&
                                record[1] == (uint8_t)walk->list->users[index].role;
        return;
    }
    walk->strange = sl_grow(walk->strange, sizeof(*walk->strange), walk->strange_count + 1);
    memcpy(walk->strange[walk->strange_count++], name, sizeof(name));
}

/* The catalog follows the file. */
static sl_status
follow_file(struct sl_users *users, bool has_file, struct sl_error *err)
{
    struct record_walk walk = {.list = &users->list,
                               .is_known = sl_new((size_t)users->list.count + 1)};
    sl_status st = sl_store_meta_walk(users->store, record_kind, visit_record, &walk, err);
    if (st == SL_OK && !has_file && walk.strange_count != 0)
        st = sl_fail(err, SL_CORRUPT,
                     "the catalog names %" PRIu32 " users, but the file \"users\" of the data "
                     "directory is gone: restore it, or put an empty one there to begin anew",
                     walk.strange_count);
    for (uint32_t i = 0; i < walk.strange_count && st == SL_OK; i++)
        st = sl_store_meta_put(users->store, record_kind, walk.strange[i], strlen(walk.strange[i]),
                               NULL, 0, err);
    for (uint32_t i = 0; i < users->list.count && st == SL_OK; i++)
        if (!walk.is_known[i])
            st = put_record(users, &users->list.users[i], err);
    free(walk.strange);
    free(walk.is_known);
    return st;
}

/* ---- life ---- */

sl_status
sl_users_open(struct sl_store *store, const char *directory, struct sl_users **out_users,
              struct sl_error *err)
{
    struct sl_users *users = sl_new(sizeof(*users));
    *out_users = NULL;
    users->magic = USERS_MAGIC;
    users->store = store;
    users->dir_fd = -1;
    sl_random_bytes(users->secret, sizeof(users->secret));
    sl_mutex_init(&users->change, SL_LOCK_USERS_CHANGE);
    sl_mutex_init(&users->mutex, SL_LOCK_USERS);

    bool has_file = false;
    sl_status st = sl_dir_open(AT_FDCWD, directory, &users->dir_fd, err);
    if (st == SL_OK) {
        st = sl_user_file_read(users->dir_fd, &users->list, err);
        has_file = st == SL_OK;
        if (st == SL_OK || st == SL_MISSING)
            st = follow_file(users, has_file, err);
    }
    if (st != SL_OK) {
        sl_users_close(users);
        return st;
    }
    *out_users = users;
    return SL_OK;
}

void
sl_users_close(struct sl_users *users)
{
    if (users == NULL)
        return;
    SL_ASSERT(users->magic == USERS_MAGIC);
    sl_file_close(users->dir_fd);
    sl_user_list_drop(&users->list);
    sl_mutex_fini(&users->change);
    sl_mutex_fini(&users->mutex);
    sl_retire(&users->magic);
    free(users);
}

/* ---- look-ups ---- */

bool
sl_users_are_none(struct sl_users *users)
{
    sl_mutex_lock(&users->mutex);
    bool are_none = users->list.count == 0;
    sl_mutex_unlock(&users->mutex);
    return are_none;
}

bool
sl_users_find(struct sl_users *users, const char *name, struct sl_user *out_user)
{
    uint32_t index = 0;
    sl_mutex_lock(&users->mutex);
    bool is_found = find(&users->list, name, &index);
    if (is_found)
        *out_user = users->list.users[index];
    sl_mutex_unlock(&users->mutex);
    return is_found;
}

void
sl_users_feign_salt(struct sl_users *users, const char *name, uint8_t salt[SL_SALT_BYTES])
{
    uint8_t digest[SL_SHA256_BYTES];
    const struct sl_piece key = {users->secret, sizeof(users->secret)};
    const struct sl_piece text = {name, strlen(name)};
    sl_hmac_sha256(key, text, digest);
    memcpy(salt, digest, SL_SALT_BYTES);
}

void
sl_users_list(struct sl_users *users, struct sl_buf *out)
{
    sl_mutex_lock(&users->mutex);
    for (uint32_t i = 0; i < users->list.count; i++)
        sl_buf_printf(out, "%s\t%s\n", users->list.users[i].name,
                      sl_role_name(users->list.users[i].role));
    sl_mutex_unlock(&users->mutex);
}

/* ---- changes ---- */

/* The file has the new list: so do look-ups from now on. */
static void
publish(struct sl_users *users, struct sl_user_list *list)
{
    sl_mutex_lock(&users->mutex);
    struct sl_user_list old = users->list;
    users->list = *list;
    sl_mutex_unlock(&users->mutex);
    sl_user_list_drop(&old);
    *list = (struct sl_user_list){0};
}

static sl_status
check_new(const struct sl_user_list *list, const struct sl_user *user, struct sl_error *err)
{
    uint32_t index = 0;
    if (user->name[0] == '\0' || strpbrk(user->name, "\t\r\n") != NULL)
        return sl_fail(err, SL_NAME, "a user has a name of 1 to %d bytes on one line",
                       (int)SL_USER_NAME_BYTES_MAX);
    if (find(list, user->name, &index))
        return sl_fail(err, SL_EXISTS, "there is a user \"%s\" already", user->name);
    if (list->count == SL_USERS_MAX)
        return sl_fail(err, SL_LIMIT, "there are %d users already", (int)SL_USERS_MAX);
    if (list->count == 0 && user->role != SL_ROLE_ADMIN)
        return sl_fail(err, SL_DENIED, "the first user must be an admin: who else adds the next?");
    return SL_OK;
}

sl_status
sl_users_add(struct sl_users *users, const struct sl_user *user, struct sl_error *err)
{
    uint32_t index = 0;
    sl_mutex_lock(&users->change); /* only its holder changes the list: reading it needs no more */
    struct sl_user_list list = copy_list(&users->list);
    sl_status st = check_new(&list, user, err);
    if (st == SL_OK) {
        (void)find(&list, user->name, &index);
        memmove(&list.users[index + 1], &list.users[index],
                (list.count - index) * sizeof(*list.users));
        list.users[index] = *user;
        list.count++;
        st = sl_user_file_write(users->dir_fd, &list, err);
    }
    if (st == SL_OK) {
        publish(users, &list);
        st = put_record(users, user, err);
        sl_log(SL_LOG_INFO, "server", "user \"%s\" was added as %s", user->name,
               sl_role_name(user->role));
    }
    sl_user_list_drop(&list);
    sl_mutex_unlock(&users->change);
    return st;
}

sl_status
sl_users_remove(struct sl_users *users, const char *name, struct sl_error *err)
{
    uint32_t index = 0;
    sl_status st = SL_OK;
    sl_mutex_lock(&users->change);
    struct sl_user_list list = copy_list(&users->list);
    if (!find(&list, name, &index))
        st = sl_fail(err, SL_MISSING, "there is no user \"%.80s\"", name);
    else if (list.users[index].role == SL_ROLE_ADMIN && list.count > 1 && count_admins(&list) == 1)
        st = sl_fail(err, SL_DENIED, "\"%s\" is the last admin, who goes last", name);
    if (st == SL_OK) {
        list.count--;
        memmove(&list.users[index], &list.users[index + 1],
                (list.count - index) * sizeof(*list.users));
        st = sl_user_file_write(users->dir_fd, &list, err);
    }
    if (st == SL_OK) {
        publish(users, &list);
        st = sl_store_meta_put(users->store, record_kind, name, strlen(name), NULL, 0, err);
        sl_log(SL_LOG_INFO, "server", "user \"%s\" was removed", name);
    }
    sl_user_list_drop(&list);
    sl_mutex_unlock(&users->change);
    return st;
}

sl_status
sl_users_set_verifier(struct sl_users *users, const char *name, const struct sl_verifier *verifier,
                      struct sl_error *err)
{
    uint32_t index = 0;
    sl_status st = SL_OK;
    sl_mutex_lock(&users->change);
    struct sl_user_list list = copy_list(&users->list);
    if (!find(&list, name, &index))
        st = sl_fail(err, SL_MISSING, "there is no user \"%.80s\"", name);
    if (st == SL_OK) {
        list.users[index].verifier = *verifier;
        st = sl_user_file_write(users->dir_fd, &list, err);
    }
    if (st == SL_OK) {
        publish(users, &list);
        sl_log(SL_LOG_INFO, "server", "user \"%s\" has a new password", name);
    }
    sl_user_list_drop(&list);
    sl_mutex_unlock(&users->change);
    return st;
}
