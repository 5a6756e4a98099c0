/*
 * parse_show.c - SHOW as a select over information_schema, whose columns have SHOW's names.
 *
 *   SHOW x LIKE 'p'   ->  SELECT * FROM (select for x) AS shown WHERE `first column` LIKE 'p'
 *                         (databases and tables: the first column AS `first column (p)`)
 *   SHOW x WHERE e    ->  SELECT * FROM (select for x) AS shown WHERE e
 *
 * Names that a client wrote are quoted again before they become part of a text.
 */
#include "query/parser.h"
#include "storage/base/buf.h"

enum { SHOW_TEXT_BYTES_MAX = 64 << 10 };

/* What is shown: the words behind SHOW, the column that LIKE means, the select. */
struct show {
    const char *words[3]; /* NULL: no more */
    const char *first;
    const char *select;
};

/* The select for it: the column that LIKE means, and the columns behind that one where the pattern
 * goes into its heading; NULL: it does not. */
struct shown {
    struct sl_slice first;
    const char *others;
};

#define NOTHING(columns) "SELECT " columns " FROM information_schema.SCHEMATA WHERE 1 = 0"
#define DIAGNOSTICS                                                                         \
    "SELECT LEVEL AS `Level`, CAST(CODE AS UNSIGNED) AS `Code`, MESSAGE AS `Message` FROM " \
    "information_schema.DIAGNOSTICS"
#define STATUS(table)                                                          \
    "SELECT VARIABLE_NAME AS `Variable_name`, VARIABLE_VALUE AS `Value` FROM " \
    "information_schema." table " ORDER BY 1"
#define DATABASES "SELECT SCHEMA_NAME AS `Database` FROM information_schema.SCHEMATA"
#define CHARSETS                                                             \
    "SELECT CHARACTER_SET_NAME AS `Charset`, DESCRIPTION AS `Description`, " \
    "DEFAULT_COLLATE_NAME AS `Default collation`, MAXLEN AS `Maxlen` FROM "  \
    "information_schema.CHARACTER_SETS"
#define ROUTINES(kind)                                                                           \
    "SELECT ROUTINE_SCHEMA AS `Db`, ROUTINE_NAME AS `Name`, ROUTINE_TYPE AS `Type`, DEFINER AS " \
    "`Definer`, LAST_ALTERED AS `Modified`, CREATED AS `Created`, SECURITY_TYPE AS "             \
    "`Security_type`, ROUTINE_COMMENT AS `Comment`, CHARACTER_SET_CLIENT AS "                    \
    "`character_set_client`, COLLATION_CONNECTION AS `collation_connection`, "                   \
    "DATABASE_COLLATION AS `Database Collation` FROM information_schema.ROUTINES WHERE "         \
    "ROUTINE_TYPE = '" kind "'"

static const struct show shows[] = {
    {{"DATABASES"}, "Database", DATABASES},
    {{"SCHEMAS"}, "Database", DATABASES},
    {{"VARIABLES"},
     "Variable_name",
     "SELECT VARIABLE_NAME AS `Variable_name`, VARIABLE_VALUE AS `Value` FROM "
     "information_schema.SESSION_VARIABLES ORDER BY 1"},
    {{"GLOBAL", "STATUS"}, "Variable_name", STATUS("GLOBAL_STATUS")},
    {{"STATUS"}, "Variable_name", STATUS("SESSION_STATUS")},
    {{"WARNINGS"}, "Level", DIAGNOSTICS},
    {{"ERRORS"}, "Level", DIAGNOSTICS " WHERE LEVEL = 'Error'"},
    {{"PROCESSLIST"},
     "User",
     "SELECT ID AS `Id`, USER AS `User`, HOST AS `Host`, DB AS `db`, COMMAND AS `Command`, TIME AS "
     "`Time`, STATE AS `State`, INFO AS `Info` FROM information_schema.PROCESSLIST"},
    {{"ENGINES"},
     "Engine",
     "SELECT ENGINE AS `Engine`, SUPPORT AS `Support`, COMMENT AS `Comment`, TRANSACTIONS AS "
     "`Transactions`, XA, SAVEPOINTS AS `Savepoints` FROM information_schema.ENGINES"},
    {{"COLLATION"},
     "Collation",
     "SELECT COLLATION_NAME AS `Collation`, CHARACTER_SET_NAME AS `Charset`, ID AS `Id`, "
     "IS_DEFAULT AS `Default`, IS_COMPILED AS `Compiled`, SORTLEN AS `Sortlen`, PAD_ATTRIBUTE AS "
     "`Pad_attribute` FROM information_schema.COLLATIONS"},
    {{"CHARSET"}, "Charset", CHARSETS},
    {{"CHARACTER", "SET"}, "Charset", CHARSETS},
    {{"PLUGINS"},
     "Name",
     "SELECT PLUGIN_NAME AS `Name`, PLUGIN_STATUS AS `Status`, PLUGIN_TYPE AS `Type`, "
     "PLUGIN_LIBRARY AS `Library`, PLUGIN_LICENSE AS `License` FROM information_schema.PLUGINS"},
    {{"PRIVILEGES"}, "Privilege", NOTHING("'' AS `Privilege`, '' AS `Context`, '' AS `Comment`")},
    {{"FUNCTION", "STATUS"}, "Name", ROUTINES("FUNCTION")},
    {{"PROCEDURE", "STATUS"}, "Name", ROUTINES("PROCEDURE")},
    {{"TRIGGERS"},
     "Trigger",
     "SELECT TRIGGER_NAME AS `Trigger`, EVENT_MANIPULATION AS `Event`, EVENT_OBJECT_TABLE AS "
     "`Table`, ACTION_STATEMENT AS `Statement`, ACTION_TIMING AS `Timing`, CREATED AS `Created`, "
     "SQL_MODE AS `sql_mode`, DEFINER AS `Definer`, CHARACTER_SET_CLIENT AS "
     "`character_set_client`, COLLATION_CONNECTION AS `collation_connection`, DATABASE_COLLATION "
     "AS `Database Collation` FROM information_schema.TRIGGERS"},
    {{"EVENTS"},
     "Name",
     "SELECT EVENT_SCHEMA AS `Db`, EVENT_NAME AS `Name`, DEFINER AS `Definer`, TIME_ZONE AS "
     "`Time zone`, EVENT_TYPE AS `Type`, EXECUTE_AT AS `Execute at`, INTERVAL_VALUE AS `Interval "
     "value`, INTERVAL_FIELD AS `Interval field`, STARTS AS `Starts`, ENDS AS `Ends`, STATUS AS "
     "`Status`, ORIGINATOR AS `Originator`, CHARACTER_SET_CLIENT AS `character_set_client`, "
     "COLLATION_CONNECTION AS `collation_connection`, DATABASE_COLLATION AS `Database Collation` "
     "FROM information_schema.EVENTS"},
};

static sl_status
parse_name(struct sl_parser *p, const char *wanted, struct sl_slice *out_name)
{
    const struct sl_token *token = sl_parser_token(p);

    if (token->kind != SL_TOKEN_NAME && token->kind != SL_TOKEN_QUOTED)
        return sl_parser_fail(p, wanted);
    *out_name = token->text;
    p->at++;
    return SL_OK;
}

/* [FROM | IN database] into syntax->database. */
static sl_status
parse_database(struct sl_parser *p, struct sl_syntax *syntax)
{
    if (!sl_parser_accept_word(p, "FROM") && !sl_parser_accept_word(p, "IN"))
        return SL_OK;
    return parse_name(p, "the name of a database", &syntax->database);
}

/* [database.]table, and [FROM database] behind it where `has_from`. */
static sl_status
parse_table(struct sl_parser *p, struct sl_syntax *syntax, bool has_from)
{
    SL_TRY(parse_name(p, "a table", &syntax->table));
    if (sl_parser_accept(p, ".")) {
        syntax->database = syntax->table;
        SL_TRY(parse_name(p, "a table", &syntax->table));
    }
    return has_from ? parse_database(p, syntax) : SL_OK;
}

static void
put_database(struct sl_buf *text, const struct sl_syntax *syntax)
{
    if (syntax->database.size_bytes == 0)
        sl_buf_text(text, "IFNULL(DATABASE(), 'flows')");
    else
        sl_text_quote(text, syntax->database, '\'');
}

/* WHERE that leaves the one table. */
static void
put_table_filter(struct sl_buf *text, const struct sl_syntax *syntax)
{
    sl_buf_text(text, " WHERE TABLE_SCHEMA = ");
    put_database(text, syntax);
    sl_buf_text(text, " AND TABLE_NAME = ");
    sl_text_quote(text, syntax->table, '\'');
}

static sl_status
put_tables(struct sl_parser *p, bool is_full, struct sl_syntax *syntax, struct sl_buf *text,
           struct shown *out_shown)
{
    struct sl_buf first = sl_buf_empty(1 << 10);
    SL_TRY(parse_database(p, syntax));
    struct sl_slice database =
        syntax->database.size_bytes > 0 ? syntax->database : p->default_database;

    sl_buf_text(&first, "Tables_in_");
    sl_buf_append(&first, database.bytes, database.size_bytes);
    const char *copy =
        first.bad ? NULL : sl_arena_string(p->arena, (const char *)first.bytes, first.size_bytes);
    out_shown->first =
        (struct sl_slice){.bytes = (const uint8_t *)copy,
                          .size_bytes = copy == NULL ? 0 : (uint32_t)first.size_bytes};
    out_shown->others = is_full ? ", `Table_type`" : "";
    sl_buf_fini(&first);
    if (copy == NULL)
        return sl_fail(p->err, SL_LIMIT, "statement is too large");
    sl_buf_text(text, "SELECT TABLE_NAME AS ");
    sl_text_quote(text, out_shown->first, '`');
    if (is_full)
        sl_buf_text(text, ", TABLE_TYPE AS `Table_type`");
    sl_buf_text(text, " FROM information_schema.TABLES WHERE TABLE_SCHEMA = ");
    put_database(text, syntax);
    sl_buf_text(text, " ORDER BY 1");
    return SL_OK;
}

static sl_status
put_table_status(struct sl_parser *p, struct sl_syntax *syntax, struct sl_buf *text)
{
    SL_TRY(parse_database(p, syntax));
    sl_buf_text(text,
                "SELECT TABLE_NAME AS `Name`, ENGINE AS `Engine`, VERSION AS `Version`, ROW_FORMAT "
                "AS `Row_format`, TABLE_ROWS AS `Rows`, AVG_ROW_LENGTH AS `Avg_row_length`, "
                "DATA_LENGTH AS `Data_length`, MAX_DATA_LENGTH AS `Max_data_length`, INDEX_LENGTH "
                "AS `Index_length`, DATA_FREE AS `Data_free`, AUTO_INCREMENT AS `Auto_increment`, "
                "CREATE_TIME AS `Create_time`, UPDATE_TIME AS `Update_time`, CHECK_TIME AS "
                "`Check_time`, TABLE_COLLATION AS `Collation`, CHECKSUM AS `Checksum`, "
                "CREATE_OPTIONS AS `Create_options`, TABLE_COMMENT AS `Comment` FROM "
                "information_schema.TABLES WHERE TABLE_SCHEMA = ");
    put_database(text, syntax);
    sl_buf_text(text, " ORDER BY 1");
    return SL_OK;
}

static void
put_columns(bool is_full, const struct sl_syntax *syntax, struct sl_buf *text)
{
    sl_buf_printf(text,
                  "SELECT COLUMN_NAME AS `Field`, COLUMN_TYPE AS `Type`, %sIS_NULLABLE AS `Null`, "
                  "COLUMN_KEY AS `Key`, COLUMN_DEFAULT AS `Default`, EXTRA AS `Extra`%s FROM "
                  "information_schema.COLUMNS",
                  is_full ? "COLLATION_NAME AS `Collation`, " : "",
                  is_full ? ", PRIVILEGES AS `Privileges`, COLUMN_COMMENT AS `Comment`" : "");
    put_table_filter(text, syntax);
    sl_buf_text(text, " ORDER BY ORDINAL_POSITION");
}

static void
put_index(const struct sl_syntax *syntax, struct sl_buf *text)
{
    sl_buf_text(text, "SELECT TABLE_NAME AS `Table`, NON_UNIQUE AS `Non_unique`, INDEX_NAME AS "
                      "`Key_name`, SEQ_IN_INDEX AS `Seq_in_index`, COLUMN_NAME AS `Column_name`, "
                      "COLLATION AS `Collation`, CARDINALITY AS `Cardinality`, SUB_PART AS "
                      "`Sub_part`, PACKED AS `Packed`, NULLABLE AS `Null`, INDEX_TYPE AS "
                      "`Index_type`, COMMENT AS `Comment`, INDEX_COMMENT AS `Index_comment`, "
                      "IS_VISIBLE AS `Visible`, EXPRESSION AS `Expression` FROM "
                      "information_schema.STATISTICS");
    put_table_filter(text, syntax);
}

static void
put_create_database(const struct sl_syntax *syntax, struct sl_buf *text)
{
    sl_buf_text(text, "SELECT ");
    sl_text_quote(text, syntax->database, '\'');
    sl_buf_text(text, " AS `Database`, CONCAT('CREATE DATABASE `', ");
    sl_text_quote(text, syntax->database, '\'');
    sl_buf_text(text, ", '` /*!40100 DEFAULT CHARACTER SET utf8mb4 */') AS `Create Database`");
}

/* With the headings of what it is. */
static void
put_create_named(const struct sl_syntax *syntax, bool is_view, struct sl_buf *text)
{
    const char *kind = is_view ? "View" : "Table";

    sl_buf_printf(text,
                  "SELECT TABLE_NAME AS `%s`, CREATE_STATEMENT AS `Create %s`%s FROM "
                  "information_schema.CREATE_STATEMENTS",
                  kind, kind,
                  is_view ? ", 'utf8mb4' AS `character_set_client`, 'utf8mb4_general_ci' AS "
                            "`collation_connection`"
                          : "");
    put_table_filter(text, syntax);
}

/* CREATE TABLE | VIEW | DATABASE name. Which one a name is of is known when it is bound. */
static sl_status
put_create(struct sl_parser *p, struct sl_syntax *syntax, struct sl_buf *text)
{
    bool is_view = sl_parser_accept_word(p, "VIEW");

    if (!is_view && (sl_parser_accept_word(p, "DATABASE") || sl_parser_accept_word(p, "SCHEMA"))) {
        SL_TRY(parse_name(p, "the name of a database", &syntax->database));
        put_create_database(syntax, text);
        return SL_OK;
    }
    if (!is_view)
        SL_TRY(sl_parser_expect_word(p, "TABLE"));
    SL_TRY(parse_table(p, syntax, false));
    put_create_named(syntax, true, text);
    SL_TRY(sl_parse_written(p, text, syntax));
    syntax->view_select = syntax->select;
    syntax->wants_view = is_view;
    text->size_bytes = 0;
    put_create_named(syntax, is_view, text);
    return SL_OK;
}

/* user, 'user'@'host', CURRENT_USER[()]: a condition that the one who asks is meant; a role is of a user
 * wherever he comes from. */
static sl_status
put_grantee(struct sl_parser *p, struct sl_buf *text)
{
    const struct sl_token *name = sl_parser_token(p);

    if (sl_parser_accept_word(p, "CURRENT_USER")) {
        if (sl_parser_accept(p, "("))
            return sl_parser_expect(p, ")");
        return SL_OK;
    }
    if (name->kind != SL_TOKEN_NAME && name->kind != SL_TOKEN_QUOTED &&
        name->kind != SL_TOKEN_STRING)
        return sl_parser_fail(p, "a user");
    p->at++;
    p->at += sl_parser_token(p)->kind == SL_TOKEN_VARIABLE; /* @host, @'host' */
    sl_buf_text(text, " WHERE SUBSTRING_INDEX(CURRENT_USER(), '@', 1) = ");
    sl_text_quote(text, name->text, '\'');
    return SL_OK;
}

/* GRANTS [FOR user]: what the role of the one who asks lets him do; of others nothing is said. */
static sl_status
put_grants(struct sl_parser *p, struct sl_buf *text)
{
    sl_buf_text(
        text,
        "SELECT CONCAT('GRANT ', CASE CURRENT_ROLE() WHEN 'reader' THEN 'SELECT' WHEN "
        "'writer' THEN 'SELECT, INSERT, DELETE, CREATE, DROP, RELOAD, ALTER, CREATE VIEW' ELSE "
        "'ALL PRIVILEGES' END, ' ON *.* TO `', REPLACE(CURRENT_USER(), '@', '`@`'), '`', "
        "IF(CURRENT_ROLE() = 'admin', ' WITH GRANT OPTION', '')) AS `Grants` FROM (SELECT 1) "
        "AS one");
    return sl_parser_accept_word(p, "FOR") ? put_grantee(p, text) : SL_OK;
}

/* COUNT(*) WARNINGS | ERRORS, under MySQL's headings */
static sl_status
put_count(struct sl_parser *p, struct sl_buf *text)
{
    SL_TRY(sl_parser_expect(p, "("));
    SL_TRY(sl_parser_expect(p, "*"));
    SL_TRY(sl_parser_expect(p, ")"));
    if (sl_parser_accept_word(p, "ERRORS")) {
        sl_buf_text(text, "SELECT @@error_count AS `@@session.error_count`");
        return SL_OK;
    }
    sl_buf_text(text, "SELECT @@warning_count AS `@@session.warning_count`");
    return sl_parser_expect_word(p, "WARNINGS");
}

static const struct show *
find_show(struct sl_parser *p)
{
    for (size_t i = 0; i < SL_COUNTOF(shows); i++) {
        const struct show *show = &shows[i];
        uint32_t at = p->at;
        bool is_this = true;
        for (size_t k = 0; k < SL_COUNTOF(show->words) && show->words[k] != NULL; k++)
            is_this = is_this && sl_parser_accept_word(p, show->words[k]);
        if (is_this)
            return show;
        p->at = at;
    }
    return NULL;
}

static sl_status
put_of_table(struct sl_parser *p, bool is_columns, bool is_full, struct sl_syntax *syntax,
             struct sl_buf *text)
{
    if (!sl_parser_accept_word(p, "IN"))
        SL_TRY(sl_parser_expect_word(p, "FROM"));
    SL_TRY(parse_table(p, syntax, true));
    if (is_columns)
        put_columns(is_full, syntax, text);
    else
        put_index(syntax, text);
    return SL_OK;
}

/* The select for what is shown. */
static sl_status
put_select(struct sl_parser *p, struct sl_syntax *syntax, struct sl_buf *text,
           struct shown *out_shown)
{
    bool is_full = sl_parser_accept_word(p, "FULL") || sl_parser_accept_word(p, "EXTENDED");
    const char *first = "Name";

    if (sl_parser_accept_word(p, "TABLES"))
        return put_tables(p, is_full, syntax, text, out_shown);
    bool is_columns = sl_parser_accept_word(p, "COLUMNS") || sl_parser_accept_word(p, "FIELDS");
    bool is_index =
        !is_columns && (sl_parser_accept_word(p, "INDEX") || sl_parser_accept_word(p, "INDEXES") ||
                        sl_parser_accept_word(p, "KEYS"));
    if (is_columns || is_index) {
        first = is_columns ? "Field" : "Key_name";
        SL_TRY(put_of_table(p, is_columns, is_full, syntax, text));
    } else if (sl_parser_accept_word(p, "TABLE")) {
        SL_TRY(sl_parser_expect_word(p, "STATUS"));
        SL_TRY(put_table_status(p, syntax, text));
    } else if (sl_parser_accept_word(p, "CREATE")) {
        SL_TRY(put_create(p, syntax, text));
    } else if (sl_parser_accept_word(p, "GRANTS")) {
        SL_TRY(put_grants(p, text));
    } else if (sl_parser_accept_word(p, "COUNT")) {
        syntax->keeps_warnings = true;
        SL_TRY(put_count(p, text));
    } else {
        const struct show *show = find_show(p);
        if (show == NULL &&
            (sl_parser_accept_word(p, "GLOBAL") || sl_parser_accept_word(p, "SESSION") ||
             sl_parser_accept_word(p, "LOCAL")))
            show = find_show(p);
        if (show == NULL)
            return sl_parser_fail(p, "DATABASES, TABLES, COLUMNS, VARIABLES or another list");
        SL_TRY(parse_database(p, syntax));
        first = show->first;
        syntax->keeps_warnings = strcmp(first, "Level") == 0;
        out_shown->others = strcmp(first, "Database") == 0 ? "" : NULL;
        sl_buf_text(text, show->select);
    }
    out_shown->first =
        (struct sl_slice){.bytes = (const uint8_t *)first, .size_bytes = (uint32_t)strlen(first)};
    return SL_OK;
}

sl_status
sl_parse_written(struct sl_parser *p, const struct sl_buf *text, struct sl_syntax *syntax)
{
    struct sl_syntax shown;
    const char *copy =
        text->bad ? NULL : sl_arena_string(p->arena, (const char *)text->bytes, text->size_bytes);

    if (copy == NULL)
        return sl_fail(p->err, SL_LIMIT, "statement is too large");
    SL_TRY(sl_parse(SL_DIALECT_MYSQL, copy, text->size_bytes, p->default_database, p->arena, &shown,
                    p->err));
    syntax->select = shown.select;
    return SL_OK;
}

/* What of it is selected: all, or its first column under the heading with the pattern. */
static void
put_heading(struct sl_buf *text, const struct shown *shown, const struct sl_slice *pattern)
{
    struct sl_buf name = sl_buf_empty(SHOW_TEXT_BYTES_MAX);

    if (pattern == NULL || shown->others == NULL) {
        sl_buf_u8(text, '*');
        return;
    }
    sl_buf_append(&name, shown->first.bytes, shown->first.size_bytes);
    sl_buf_text(&name, " (");
    sl_buf_append(&name, pattern->bytes, pattern->size_bytes);
    sl_buf_u8(&name, ')');
    sl_text_quote(text, shown->first, '`');
    sl_buf_text(text, " AS ");
    sl_text_quote(
        text, (struct sl_slice){.bytes = name.bytes, .size_bytes = (uint32_t)name.size_bytes}, '`');
    sl_buf_text(text, shown->others);
    text->bad |= name.bad;
    sl_buf_fini(&name);
}

static sl_status
parse_shown(struct sl_parser *p, struct sl_buf *select, struct sl_buf *text,
            struct sl_syntax *syntax)
{
    struct shown shown = {0};
    const struct sl_slice *pattern = NULL;

    SL_TRY(put_select(p, syntax, select, &shown));
    if (sl_parser_accept_word(p, "LIKE")) {
        if (sl_parser_token(p)->kind != SL_TOKEN_STRING)
            return sl_parser_fail(p, "a pattern");
        pattern = &sl_parser_token(p)->text;
        p->at++;
    }
    sl_buf_text(text, "SELECT ");
    put_heading(text, &shown, pattern);
    sl_buf_text(text, " FROM (");
    sl_buf_append(text, select->bytes, select->size_bytes);
    sl_buf_text(text, ") AS shown");
    text->bad |= select->bad;
    if (pattern != NULL) {
        sl_buf_text(text, " WHERE ");
        sl_text_quote(text, shown.first, '`');
        sl_buf_text(text, " LIKE ");
        sl_text_quote(text, *pattern, '\'');
    }
    SL_TRY(sl_parse_written(p, text, syntax));
    if (sl_parser_accept_word(p, "WHERE"))
        SL_TRY(sl_parse_expr(p, &syntax->select->where));
    return sl_parse_limit(p, syntax->select);
}

sl_status
sl_parse_show(struct sl_parser *p, struct sl_syntax *syntax)
{
    struct sl_buf select = sl_buf_empty(SHOW_TEXT_BYTES_MAX);
    struct sl_buf text = sl_buf_empty(SHOW_TEXT_BYTES_MAX);

    syntax->kind = SL_SYNTAX_SHOW;
    sl_status st = parse_shown(p, &select, &text, syntax);
    sl_buf_fini(&select);
    sl_buf_fini(&text);
    return st;
}

sl_status
sl_parse_describe(struct sl_parser *p, struct sl_syntax *syntax)
{
    struct sl_buf text = sl_buf_empty(SHOW_TEXT_BYTES_MAX);

    syntax->kind = SL_SYNTAX_SHOW;
    sl_status st = parse_table(p, syntax, false);
    if (st == SL_OK) {
        put_columns(false, syntax, &text);
        st = sl_parse_written(p, &text, syntax);
    }
    sl_buf_fini(&text);
    return st;
}
