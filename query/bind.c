/*
 * bind.c - one statement: parse, bind, and the SHOW statements as selects over constants.
 */
#include "query/bind.h"
#include "query/system_variable.h"

#include <ctype.h>
#include <strings.h>

#include "query/parse.h"
#include "query/value.h"
#include "storage/base/buf.h"
#include "storage/base/clock.h"

enum { SHOW_TEXT_BYTES_MAX = 1 << 20 };

static const char *
mysql_type(enum sl_type type)
{
    switch (type) {
    case SL_TYPE_U8:
        return "tinyint unsigned";
    case SL_TYPE_U16:
        return "smallint unsigned";
    case SL_TYPE_U32:
        return "int unsigned";
    case SL_TYPE_U64:
    case SL_TYPE_MAC:
        return "bigint unsigned";
    case SL_TYPE_BOOL:
        return "tinyint(1)";
    case SL_TYPE_I64:
        return "bigint";
    case SL_TYPE_F64:
        return "double";
    case SL_TYPE_TIME:
        return "datetime(6)";
    case SL_TYPE_DATE:
        return "date";
    case SL_TYPE_SPAN:
        return "time(6)";
    case SL_TYPE_ADDR:
        return "varchar(45)";
    case SL_TYPE_OCTETS:
        return "varbinary(65535)";
    case SL_TYPE_DECIMAL:
        return "decimal(38)";
    default:
        return "varchar(65535)";
    }
}

/* One arm of the UNION that answers SHOW; names are ours and need no quoting. */
static void
add_row(struct sl_buf *text, bool is_first, const char *name, enum sl_type type, bool is_nullable)
{
    sl_buf_printf(text, "%sSELECT '%s'%s, '%s'%s, '%s'%s, ''%s, NULL%s, ''%s",
                  is_first ? "" : " UNION ALL ", name, is_first ? " AS `Field`" : "",
                  mysql_type(type), is_first ? " AS `Type`" : "", is_nullable ? "YES" : "NO",
                  is_first ? " AS `Null`" : "", is_first ? " AS `Key`" : "",
                  is_first ? " AS `Default`" : "", is_first ? " AS `Extra`" : "");
}

static sl_status
show_columns(struct sl_binder *b, const struct sl_syntax *syntax, struct sl_buf *text,
             struct sl_error *err)
{
    /* The table is found as a select finds it, and so is the complaint when it is not there. */
    struct sl_node star = {.kind = SL_NODE_STAR, .position = syntax->select->position};
    struct sl_item item = {.expr = &star};
    struct sl_syntax_select select = *syntax->select;
    struct sl_select *bound;

    select.items = &item;
    select.item_count = 1;
    SL_TRY(sl_bind_chain(b, &select, &bound, err));
    for (uint32_t i = 0; i < bound->visible_count; i++)
        add_row(text, i == 0, bound->outputs[i].name, bound->outputs[i].expr->type.type,
                bound->outputs[i].expr->type.is_nullable);
    return SL_OK;
}

static void
show_tables(const struct sl_binder *b, struct sl_buf *text)
{
    const char *database = b->session->database == NULL ? "flows" : b->session->database;

    /* The name becomes part of a text that is parsed again. */
    for (const char *c = database; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && *c != '_')
            database = c = "flows";
    sl_buf_printf(text, "SELECT 'flows' AS `Tables_in_%s`", database);
    for (const struct sl_virtual_table *const *t = b->env->tables; t != NULL && *t != NULL; t++)
        if (strcasecmp((*t)->schema, database) == 0)
            sl_buf_printf(text, " UNION ALL SELECT '%s'", (*t)->name);
}

static sl_status
bind_show(struct sl_binder *b, const struct sl_syntax *syntax, struct sl_statement *statement,
          struct sl_error *err)
{
    struct sl_buf text = sl_buf_empty(SHOW_TEXT_BYTES_MAX);
    struct sl_syntax shown;
    sl_status st = SL_OK;

    if (syntax->kind == SL_SYNTAX_SHOW_TABLES)
        show_tables(b, &text);
    else
        st = show_columns(b, syntax, &text, err);
    char *copy = st == SL_OK && !text.bad
                     ? sl_arena_string(b->typing.arena, (const char *)text.bytes, text.size_bytes)
                     : NULL;
    if (st == SL_OK && copy == NULL)
        st = sl_fail_memory(err);
    if (st == SL_OK)
        st = sl_parse(SL_DIALECT_MYSQL, copy, text.size_bytes, b->typing.arena, &shown, err);
    if (st == SL_OK)
        st = sl_bind_chain(b, shown.select, &statement->select, err);
    sl_buf_fini(&text);
    return st;
}

sl_status
sl_statement_bind(const struct sl_query_env *env, const struct sl_session *session,
                  const char *text, size_t text_bytes, struct sl_arena *arena,
                  struct sl_statement *out_statement, struct sl_error *err)
{
    struct sl_syntax syntax;
    struct sl_binder b = {.env = env, .session = session};

    *out_statement = (struct sl_statement){.class = SL_CLASS_EMPTY};
    b.typing = (struct sl_typing){
        .arena = arena, .text = text, .text_bytes = text_bytes, .now_us = sl_clock_now_us()};
    if (!sl_time_zone_parse(session->time_zone, &b.typing.zone_us))
        return sl_bind_fail(&b, err, SL_NAME, 1298, 0, "unknown or incorrect time zone \"%.40s\"",
                            session->time_zone);
    SL_TRY(sl_parse(session->dialect, text, text_bytes, arena, &syntax, err));
    const char *database = session->database == NULL ? "flows" : session->database;
    b.database = (struct sl_slice){.bytes = (const uint8_t *)database,
                                   .size_bytes = (uint32_t)strlen(database)};
    out_statement->now_us = b.typing.now_us;
    out_statement->consumed_bytes = syntax.consumed_bytes;
    out_statement->parameter_count = syntax.parameter_count;
    switch (syntax.kind) {
    case SL_SYNTAX_EMPTY:
        return SL_OK;
    case SL_SYNTAX_SELECT:
        out_statement->class = SL_CLASS_SELECT;
        SL_TRY(sl_bind_chain(&b, syntax.select, &out_statement->select, err));
        break;
    case SL_SYNTAX_EXPLAIN:
    case SL_SYNTAX_EXPLAIN_ANALYZE:
        out_statement->class =
            syntax.kind == SL_SYNTAX_EXPLAIN ? SL_CLASS_EXPLAIN : SL_CLASS_EXPLAIN_ANALYZE;
        SL_TRY(sl_bind_chain(&b, syntax.select, &out_statement->select, err));
        break;
    case SL_SYNTAX_DELETE:
        out_statement->class = SL_CLASS_DELETE;
        SL_TRY(sl_bind_delete(&b, syntax.select, &out_statement->select, err));
        break;
    case SL_SYNTAX_INSERT:
        out_statement->class = SL_CLASS_INSERT;
        SL_TRY(sl_bind_insert(&b, &syntax, &out_statement->insert, err));
        break;
    case SL_SYNTAX_UPDATE:
        SL_TRY(sl_bind_update(&b, &syntax, err));
        break;
    case SL_SYNTAX_SESSION:
        out_statement->class = SL_CLASS_SESSION;
        SL_TRY(sl_bind_set(&b, &syntax, out_statement, err));
        break;
    case SL_SYNTAX_SHOW_TABLES:
    case SL_SYNTAX_SHOW_COLUMNS:
        out_statement->class = SL_CLASS_SELECT;
        SL_TRY(bind_show(&b, &syntax, out_statement, err));
        break;
    }
    out_statement->warning_count = b.typing.warning_count;
    return SL_OK;
}
