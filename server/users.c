/*
 * users.c - see users.h.
 */
#include "server/users.h"

#include <fcntl.h>
#include <string.h>

#include "storage/base/cursor.h"
#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/log.h"
#include "storage/base/thread.h"
#include "storage/store.h"

enum {
    USERS_MAGIC = 0x55534552,
    FILE_VERSION = 1,
    RECORD_VERSION = 1,
    HASH_BYTES = 8,
    SECRET_BYTES = 16,
    FILE_BYTES_MAX = 1 << 20,
};
static const char file_magic[] = "SLUSERS\n";
static const char file_name[] = "users";
static const char file_new_name[] = "users.new";
static const char record_kind[] = "user";

struct list {
    struct sl_user *users; /* owned; sorted by name */
    uint32_t count;
};

struct sl_users {
    uint32_t magic;
    struct sl_store *store; /* borrowed */
    int dir_fd;             /* owned */
    uint8_t secret[SECRET_BYTES];
    struct sl_mutex change; /* held by whoever makes a new list */
    struct sl_mutex mutex;
    struct list list; /* guarded by mutex */
};

const char *
sl_role_name(enum sl_role role)
{
    switch (role) {
    case SL_ROLE_READER:
        return "reader";
    case SL_ROLE_WRITER:
        return "writer";
    case SL_ROLE_ADMIN:
        return "admin";
    }
    return "?";
}

bool
sl_role_parse(const char *text, enum sl_role *out_role)
{
    for (enum sl_role role = SL_ROLE_READER; role <= SL_ROLE_ADMIN; role++) {
        if (strcmp(sl_role_name(role), text) != 0)
            continue;
        *out_role = role;
        return true;
    }
    return false;
}

/* ---- the list ---- */

/* The index of a name, or of the place where it belongs. */
static bool
find(const struct list *list, const char *name, uint32_t *out_index)
{
    uint32_t i = 0;
    while (i < list->count && strcmp(list->users[i].name, name) < 0)
        i++;
    *out_index = i;
    return i < list->count && strcmp(list->users[i].name, name) == 0;
}

static uint32_t
count_admins(const struct list *list)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->count; i++)
        count += list->users[i].role == SL_ROLE_ADMIN;
    return count;
}

static struct list
copy_list(const struct list *from)
{
    struct list copy = {.users = sl_new(((size_t)from->count + 1) * sizeof(*copy.users)),
                        .count = from->count};
    if (from->count != 0)
        memcpy(copy.users, from->users, from->count * sizeof(*copy.users));
    return copy;
}

static void
drop_list(struct list *list)
{
    if (list->users != NULL)
        sl_wipe(list->users, list->count * sizeof(*list->users));
    free(list->users);
    *list = (struct list){0};
}

/* ---- the file ---- */

static void
encode(const struct list *list, struct sl_buf *out)
{
    uint8_t verifier[SL_VERIFIER_BYTES];
    sl_buf_append(out, file_magic, sizeof(file_magic) - 1);
    sl_buf_u32le(out, FILE_VERSION);
    sl_buf_u32le(out, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct sl_user *user = &list->users[i];
        sl_buf_u8(out, (uint8_t)strlen(user->name));
        sl_buf_text(out, user->name);
        sl_buf_u8(out, (uint8_t)user->role);
        sl_verifier_encode(&user->verifier, verifier);
        sl_buf_append(out, verifier, sizeof(verifier));
    }
    if (!out->bad)
        sl_buf_u64le(out, sl_hash64(out->bytes, out->size_bytes));
}

static void
take_user(struct sl_cursor *c, const struct sl_user *before, struct sl_user *user)
{
    size_t name_bytes = sl_cursor_u8(c);
    const uint8_t *name = sl_cursor_take(c, name_bytes);
    uint8_t role = sl_cursor_u8(c);
    const uint8_t *verifier = sl_cursor_take(c, SL_VERIFIER_BYTES);
    bool is_good = verifier != NULL && name_bytes != 0 && name_bytes <= SL_USER_NAME_BYTES_MAX &&
                   memchr(name, '\0', name_bytes) == NULL && role >= SL_ROLE_READER &&
                   role <= SL_ROLE_ADMIN && sl_verifier_decode(verifier, &user->verifier);
    if (is_good) {
        memcpy(user->name, name, name_bytes);
        user->role = (enum sl_role)role;
    }
    if (!is_good || (before != NULL && strcmp(before->name, user->name) >= 0))
        c->bad = true;
}

sl_status
sl_users_decode(const uint8_t *bytes, size_t size_bytes, struct sl_user **out_list,
                uint32_t *out_count, struct sl_error *err)
{
    *out_list = NULL;
    *out_count = 0;
    if (size_bytes < HASH_BYTES)
        return sl_fail(err, SL_CORRUPT, "the file of users is cut short");
    size_t body_bytes = size_bytes - HASH_BYTES;
    struct sl_cursor c = sl_cursor_over(bytes, body_bytes);
    const uint8_t *magic = sl_cursor_take(&c, sizeof(file_magic) - 1);
    uint32_t version = sl_cursor_u32le(&c);
    uint32_t count = sl_cursor_u32le(&c);
    if (c.bad || memcmp(magic, file_magic, sizeof(file_magic) - 1) != 0 ||
        sl_read_le(bytes + body_bytes, HASH_BYTES) != sl_hash64(bytes, body_bytes))
        return sl_fail(err, SL_CORRUPT, "the file of users is damaged");
    if (version != FILE_VERSION)
        return sl_fail(err, SL_VERSION, "the file of users has version %" PRIu32 ", not %d",
                       version, (int)FILE_VERSION);
    if (count > SL_USERS_MAX)
        return sl_fail(err, SL_CORRUPT, "the file of users names too many");

    struct sl_user *list = sl_new(((size_t)count + 1) * sizeof(*list));
    for (uint32_t i = 0; i < count && !c.bad; i++)
        take_user(&c, i == 0 ? NULL : &list[i - 1], &list[i]);
    if (c.bad || sl_cursor_left(&c) != 0) {
        free(list);
        return sl_fail(err, SL_CORRUPT, "the file of users does not hold what it says");
    }
    *out_list = list;
    *out_count = count;
    return SL_OK;
}

/* SL_MISSING: there is none. */
static sl_status
read_file(struct sl_users *users, struct sl_error *err)
{
    int fd = -1;
    uint64_t size_bytes = 0;
    SL_TRY(sl_file_open(users->dir_fd, file_name, O_RDONLY, &fd, err));
    sl_status st = sl_file_size(fd, &size_bytes, err);
    if (st == SL_OK && size_bytes > FILE_BYTES_MAX)
        st = sl_fail(err, SL_CORRUPT, "the file of users is too large");
    if (st == SL_OK && size_bytes != 0) {
        uint8_t *bytes = sl_new(size_bytes);
        st = sl_file_read_at(fd, 0, bytes, size_bytes, err);
        if (st == SL_OK)
            st = sl_users_decode(bytes, size_bytes, &users->list.users, &users->list.count, err);
        free(bytes);
    }
    sl_file_close(fd);
    return st;
}

static sl_status
write_bytes(struct sl_users *users, const struct sl_buf *bytes, struct sl_error *err)
{
    int fd = -1;
    SL_TRY(sl_file_remove(users->dir_fd, file_new_name, err));
    SL_TRY(
        sl_file_open_private(users->dir_fd, file_new_name, O_WRONLY | O_CREAT | O_EXCL, &fd, err));
    sl_status st = sl_file_write_at(fd, 0, bytes->bytes, bytes->size_bytes, err);
    if (st == SL_OK)
        st = sl_file_sync(fd, err);
    sl_file_close(fd);
    if (st == SL_OK)
        st = sl_file_rename(users->dir_fd, file_new_name, file_name, err);
    if (st == SL_OK)
        st = sl_dir_sync(users->dir_fd, err);
    return st;
}

static sl_status
write_file(struct sl_users *users, const struct list *list, struct sl_error *err)
{
    struct sl_buf bytes = sl_buf_empty(FILE_BYTES_MAX);
    encode(list, &bytes);
    sl_status st = bytes.bad ? sl_fail(err, SL_LIMIT, "no memory for the file of users")
                             : write_bytes(users, &bytes, err);
    sl_buf_fini(&bytes);
    return st;
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
    const struct list *list;
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
        st = read_file(users, err);
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
    drop_list(&users->list);
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
publish(struct sl_users *users, struct list *list)
{
    sl_mutex_lock(&users->mutex);
    struct list old = users->list;
    users->list = *list;
    sl_mutex_unlock(&users->mutex);
    drop_list(&old);
    *list = (struct list){0};
}

/* Names are listed on terminals. */
static bool
is_printable(const char *name)
{
    for (; *name != '\0'; name++)
        if ((uint8_t)*name < ' ' || *name == 0x7f)
            return false;
    return true;
}

static sl_status
check_new(const struct list *list, const struct sl_user *user, struct sl_error *err)
{
    uint32_t index = 0;
    if (user->name[0] == '\0' || !is_printable(user->name))
        return sl_fail(err, SL_NAME,
                       "a user has a name of 1 to %d bytes without control characters",
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
    struct list list = copy_list(&users->list);
    sl_status st = check_new(&list, user, err);
    if (st == SL_OK) {
        (void)find(&list, user->name, &index);
        memmove(&list.users[index + 1], &list.users[index],
                (list.count - index) * sizeof(*list.users));
        list.users[index] = *user;
        list.count++;
        st = write_file(users, &list, err);
    }
    if (st == SL_OK) {
        publish(users, &list);
        st = put_record(users, user, err);
        sl_log(SL_LOG_INFO, "server", "user \"%s\" was added as %s", user->name,
               sl_role_name(user->role));
    }
    drop_list(&list);
    sl_mutex_unlock(&users->change);
    return st;
}

sl_status
sl_users_remove(struct sl_users *users, const char *name, struct sl_error *err)
{
    uint32_t index = 0;
    sl_status st = SL_OK;
    sl_mutex_lock(&users->change);
    struct list list = copy_list(&users->list);
    if (!find(&list, name, &index))
        st = sl_fail(err, SL_MISSING, "there is no user \"%.80s\"", name);
    else if (list.users[index].role == SL_ROLE_ADMIN && list.count > 1 && count_admins(&list) == 1)
        st = sl_fail(err, SL_DENIED, "\"%s\" is the last admin, who goes last", name);
    if (st == SL_OK) {
        list.count--;
        memmove(&list.users[index], &list.users[index + 1],
                (list.count - index) * sizeof(*list.users));
        st = write_file(users, &list, err);
    }
    if (st == SL_OK) {
        publish(users, &list);
        st = sl_store_meta_put(users->store, record_kind, name, strlen(name), NULL, 0, err);
        sl_log(SL_LOG_INFO, "server", "user \"%s\" was removed", name);
    }
    drop_list(&list);
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
    struct list list = copy_list(&users->list);
    if (!find(&list, name, &index))
        st = sl_fail(err, SL_MISSING, "there is no user \"%.80s\"", name);
    if (st == SL_OK) {
        list.users[index].verifier = *verifier;
        st = write_file(users, &list, err);
    }
    if (st == SL_OK) {
        publish(users, &list);
        sl_log(SL_LOG_INFO, "server", "user \"%s\" has a new password", name);
    }
    drop_list(&list);
    sl_mutex_unlock(&users->change);
    return st;
}
