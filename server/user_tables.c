/*
 * user_tables.c - see user_tables.h.
 */
#include "server/user_tables.h"

#include "server/service.h"
#include "server/table_value.h"
#include "server/users.h"

static const struct sl_virtual_column user_columns[] = {{"name", TEXT(SL_USER_NAME_BYTES_MAX)},
                                                        {"role", TEXT(16)}};

static sl_status
emit_user(struct sl_virtual_sink *sink, const char *name, enum sl_role role, struct sl_error *err)
{
    const struct sl_value values[SL_COUNTOF(user_columns)] = {value_text(name),
                                                              value_text(sl_role_name(role))};
    return sl_virtual_emit(sink, values, err);
}

static const struct sl_virtual_column mysql_columns[] = {
    {"Host", TEXT(255)},      {"User", TEXT(32)},       {"Select_priv", TEXT(1)},
    {"Insert_priv", TEXT(1)}, {"Delete_priv", TEXT(1)}, {"Create_priv", TEXT(1)},
    {"Super_priv", TEXT(1)},  {"plugin", TEXT(64)}};

static sl_status
emit_mysql_user(struct sl_virtual_sink *sink, const char *name, enum sl_role role,
                struct sl_error *err)
{
    const struct sl_value yes = value_text("Y");
    const struct sl_value writes = role >= SL_ROLE_WRITER ? yes : value_text("N");
    const struct sl_value values[SL_COUNTOF(mysql_columns)] = {
        value_text("%"),
        value_text(name),
        yes,
        writes,
        writes,
        writes,
        role == SL_ROLE_ADMIN ? yes : value_text("N"),
        value_text("mysql_native_password")};
    return sl_virtual_emit(sink, values, err);
}

typedef sl_status emit_fn(struct sl_virtual_sink *sink, const char *name, enum sl_role role,
                          struct sl_error *err);

/* "name\trole\n" for each; `own` alone, when it is not NULL. */
static sl_status
emit_lines(char *lines, const char *own, struct sl_virtual_sink *sink, emit_fn *emit,
           struct sl_error *err)
{
    char *rest = NULL;

    for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *tab = strchr(line, '\t');
        enum sl_role role = SL_ROLE_READER;
        SL_ASSERT(tab != NULL);
        *tab = '\0';
        (void)sl_role_parse(tab + 1, &role);
        if (own == NULL || strcmp(own, line) == 0)
            SL_TRY(emit(sink, line, role, err));
    }
    return SL_OK;
}

static sl_status
fill(const struct sl_service *service, struct sl_virtual_sink *sink, emit_fn *emit,
     struct sl_error *err)
{
    struct sl_buf lines = sl_buf_empty((size_t)SL_USERS_MAX * 64);
    const char *name = sl_virtual_session(sink)->user;
    struct sl_user asking;
    bool is_admin = name != NULL && sl_users_find(service->users, name, &asking) &&
                    asking.role == SL_ROLE_ADMIN;

    sl_users_list(service->users, &lines);
    sl_buf_u8(&lines, '\0');
    sl_status st = lines.bad ? sl_fail(err, SL_LIMIT, "no memory for the list of users")
                             : emit_lines((char *)lines.bytes,
                                          is_admin       ? NULL
                                          : name == NULL ? ""
                                                         : name,
                                          sink, emit, err);
    sl_buf_fini(&lines);
    return st;
}

static sl_status
fill_users(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    return fill(context, sink, emit_user, err);
}

static sl_status
fill_mysql_users(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    return fill(context, sink, emit_mysql_user, err);
}

const struct sl_virtual_table sl_user_tables[SL_USER_TABLE_COUNT] = {
    {.schema = "system",
     .name = "users",
     .columns = user_columns,
     .column_count = SL_COUNTOF(user_columns),
     .fill = fill_users},
    {.schema = "mysql",
     .name = "user",
     .columns = mysql_columns,
     .column_count = SL_COUNTOF(mysql_columns),
     .fill = fill_mysql_users},
};
