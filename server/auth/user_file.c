/*
 * user_file.c - see user_file.h.
 */
#include "server/auth/user_file.h"

#include <fcntl.h>
#include <string.h>

#include "storage/base/buf.h"
#include "storage/base/cursor.h"
#include "storage/base/file.h"
#include "storage/base/hash.h"

enum {
    FILE_VERSION = 1,
    HASH_BYTES = 8,
    FILE_BYTES_MAX = 1 << 20,
};
static const char file_magic[] = "SLUSERS\n";
static const char file_name[] = "users";
static const char file_new_name[] = "users.new";

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

void
sl_user_list_drop(struct sl_user_list *list)
{
    if (list->users != NULL)
        sl_wipe(list->users, list->count * sizeof(*list->users));
    free(list->users);
    *list = (struct sl_user_list){0};
}

static void
encode(const struct sl_user_list *list, struct sl_buf *out)
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
sl_user_file_decode(const uint8_t *bytes, size_t size_bytes, struct sl_user_list *out_list,
                    struct sl_error *err)
{
    *out_list = (struct sl_user_list){0};
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
    *out_list = (struct sl_user_list){.users = list, .count = count};
    return SL_OK;
}

sl_status
sl_user_file_read(int dir_fd, struct sl_user_list *out_list, struct sl_error *err)
{
    int fd = -1;
    uint64_t size_bytes = 0;
    *out_list = (struct sl_user_list){0};
    SL_TRY(sl_file_open(dir_fd, file_name, O_RDONLY, &fd, err));
    sl_status st = sl_file_size(fd, &size_bytes, err);
    if (st == SL_OK && size_bytes > FILE_BYTES_MAX)
        st = sl_fail(err, SL_CORRUPT, "the file of users is too large");
    if (st == SL_OK && size_bytes != 0) {
        uint8_t *bytes = sl_new(size_bytes);
        st = sl_file_read_at(fd, 0, bytes, size_bytes, err);
        if (st == SL_OK)
            st = sl_user_file_decode(bytes, size_bytes, out_list, err);
        free(bytes);
    }
    sl_file_close(fd);
    return st;
}

static sl_status
write_bytes(int dir_fd, const struct sl_buf *bytes, struct sl_error *err)
{
    int fd = -1;
    SL_TRY(sl_file_remove(dir_fd, file_new_name, err));
    SL_TRY(sl_file_open_private(dir_fd, file_new_name, O_WRONLY | O_CREAT | O_EXCL, &fd, err));
    sl_status st = sl_file_write_at(fd, 0, bytes->bytes, bytes->size_bytes, err);
    if (st == SL_OK)
        st = sl_file_sync(fd, err);
    sl_file_close(fd);
    if (st == SL_OK)
        st = sl_file_rename(dir_fd, file_new_name, file_name, err);
    if (st == SL_OK)
        st = sl_dir_sync(dir_fd, err);
    return st;
}

sl_status
sl_user_file_write(int dir_fd, const struct sl_user_list *list, struct sl_error *err)
{
    struct sl_buf bytes = sl_buf_empty(FILE_BYTES_MAX);
    encode(list, &bytes);
    sl_status st = bytes.bad ? sl_fail(err, SL_LIMIT, "no memory for the file of users")
                             : write_bytes(dir_fd, &bytes, err);
    sl_buf_fini(&bytes);
    return st;
}
