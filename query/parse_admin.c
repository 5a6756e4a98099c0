/*
 * parse_admin.c - statements about the care of tables: ANALYZE, CHECK, OPTIMIZE and REPAIR TABLE, and FLUSH.
 *
 * Here the server cares by itself. What MySQL prints for such tables is a select; a table that is not
 * there is that select's error.
 */
#include "query/parser.h"
#include "storage/base/buf.h"

enum { TEXT_BYTES_MAX = 64 << 10 };

/* A statement's word, and the last two columns of its answer. */
struct care {
    const char *word;
    const char *operation;
    const char *kind;
    const char *story;
};

static const struct care cares[] = {
    {"ANALYZE", "analyze", "status",
     "Table is already up to date"}, /* bounds are kept as it grows */
    {"CHECK", "check", "note", "The storage engine for the table doesn't support check"},
    {"OPTIMIZE", "optimize", "note", "The storage engine for the table doesn't support optimize"},
    {"REPAIR", "repair", "note", "The storage engine for the table doesn't support repair"},
};

/* ANALYZE [LOCAL] TABLE: without the last word it is another statement. */
static const struct care *
find_care(struct sl_parser *p)
{
    uint32_t start = p->at;

    for (size_t i = 0; i < SL_COUNTOF(cares); i++) {
        if (!sl_parser_accept_word(p, cares[i].word))
            continue;
        if (!sl_parser_accept_word(p, "LOCAL"))
            (void)sl_parser_accept_word(p, "NO_WRITE_TO_BINLOG");
        if (sl_parser_accept_word(p, "TABLE") || sl_parser_accept_word(p, "TABLES"))
            return &cares[i];
        p->at = start;
        return NULL;
    }
    return NULL;
}

/* [database.]table as a row of the answer. */
static sl_status
put_row(struct sl_parser *p, const struct care *care, struct sl_buf *text)
{
    struct sl_syntax_select table = {0};

    SL_TRY(sl_parse_table_name(p, &table));
    struct sl_slice database = table.schema.size_bytes > 0 ? table.schema : p->default_database;
    sl_buf_text(text, text->size_bytes == 0 ? "SELECT CONCAT(" : " UNION ALL SELECT CONCAT(");
    sl_text_quote(text, database, '\'');
    sl_buf_text(text, ", '.', ");
    sl_text_quote(text, table.table, '\'');
    sl_buf_printf(text, ") AS `Table`, '%s' AS `Op`, '%s' AS `Msg_type`, \"%s\" AS `Msg_text`",
                  care->operation, care->kind, care->story);
    sl_buf_text(text, " FROM (SELECT 1) AS one WHERE NOT EXISTS (SELECT 1 FROM ");
    sl_text_quote(text, database, '`');
    sl_buf_text(text, ".");
    sl_text_quote(text, table.table, '`');
    sl_buf_text(text, " WHERE 1 = 0)");
    return SL_OK;
}

static sl_status
parse_care(struct sl_parser *p, const struct care *care, struct sl_syntax *syntax)
{
    struct sl_buf text = sl_buf_empty(TEXT_BYTES_MAX);
    sl_status st;

    do {
        st = put_row(p, care, &text);
    } while (st == SL_OK && sl_parser_accept(p, ","));
    /* FOR UPGRADE, QUICK, EXTENDED ...: how thorough it is to be */
    while (sl_parser_token(p)->kind == SL_TOKEN_NAME)
        p->at++;
    syntax->kind = SL_SYNTAX_SELECT;
    if (st == SL_OK)
        st = sl_parse_written(p, &text, syntax);
    sl_buf_fini(&text);
    return st;
}

/* FLUSH of what needs none: users, tables and logs are read and written as they change. */
static sl_status
parse_flush(struct sl_parser *p, struct sl_syntax *syntax)
{
    static const char *const kinds[] = {"BINARY", "ENGINE", "ERROR", "GENERAL", "RELAY", "SLOW"};
    static const char *const things[] = {"PRIVILEGES", "TABLES", "TABLE", "LOGS", "HOSTS"};
    uint32_t position = sl_parser_token(p)->position;

    syntax->kind = SL_SYNTAX_EMPTY;
    if (!sl_parser_accept_word(p, "LOCAL"))
        (void)sl_parser_accept_word(p, "NO_WRITE_TO_BINLOG");
    do {
        bool is_known = false;
        for (size_t i = 0; i < SL_COUNTOF(kinds); i++)
            (void)sl_parser_accept_word(p, kinds[i]);
        for (size_t i = 0; i < SL_COUNTOF(things) && !is_known; i++)
            is_known = sl_parser_accept_word(p, things[i]);
        if (!is_known || sl_parser_is_word(p, "WITH") || sl_parser_is_word(p, "FOR"))
            return sl_fail_at(
                p->err, SL_UNSUPPORTED, 1235, p->text, p->text_bytes, position,
                "FLUSH of PRIVILEGES, TABLES, LOGS and HOSTS, without locks, is all there is");
    } while (sl_parser_accept(p, ","));
    return SL_OK;
}

sl_status
sl_parse_admin(struct sl_parser *p, struct sl_syntax *syntax, bool *out_is_one)
{
    const struct care *care = find_care(p);

    *out_is_one = true;
    if (care != NULL)
        return parse_care(p, care, syntax);
    if (sl_parser_accept_word(p, "FLUSH"))
        return parse_flush(p, syntax);
    *out_is_one = false;
    return SL_OK;
}
