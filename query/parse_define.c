/*
 * parse_define.c - CREATE, ALTER and DROP of views, tables and databases.
 *
 * A table that a client creates holds no rows: its columns are remembered as they were declared,
 * and what is said of keys, engines, partitions and defaults is read past, because nothing
 * depends on it.
 */
#include "query/parser.h"
#include "storage/base/limits.h"

enum { NAMES_MAX = 64, CHANGES_MAX = SL_SQL_COLUMNS_MAX };

static sl_status
fail_size(struct sl_parser *p)
{
    return sl_fail(p->err, SL_LIMIT, "statement is too large");
}

static bool
is_name(const struct sl_parser *p)
{
    const struct sl_token *token = sl_parser_token(p);
    return token->kind == SL_TOKEN_NAME || token->kind == SL_TOKEN_QUOTED;
}

static sl_status
parse_name(struct sl_parser *p, const char *wanted, struct sl_slice *out_name)
{
    if (!is_name(p))
        return sl_parser_fail(p, wanted);
    *out_name = sl_parser_token(p)->text;
    p->at++;
    return SL_OK;
}

/* [database.]name, one more of the list. */
static sl_status
parse_defined_name(struct sl_parser *p, struct sl_define *define)
{
    uint32_t i = define->name_count;

    if (i == NAMES_MAX)
        return sl_parser_fail(p, "fewer names");
    if (i == 0)
        define->position = sl_parser_token(p)->position;
    SL_TRY(parse_name(p, "a name", &define->names[i]));
    if (sl_parser_accept(p, ".")) {
        define->databases[i] = define->names[i];
        SL_TRY(parse_name(p, "a name", &define->names[i]));
    }
    define->name_count++;
    return SL_OK;
}

/* IF EXISTS, IF NOT EXISTS */
static sl_status
parse_condition(struct sl_parser *p, struct sl_define *define)
{
    if (!sl_parser_accept_word(p, "IF"))
        return SL_OK;
    define->is_lenient = true;
    if (define->action != SL_DEFINE_DROP_VIEW && define->action != SL_DEFINE_DROP_TABLE)
        SL_TRY(sl_parser_expect_word(p, "NOT"));
    return sl_parser_expect_word(p, "EXISTS");
}

static void
skip_rest(struct sl_parser *p)
{
    while (sl_parser_token(p)->kind != SL_TOKEN_END)
        p->at++;
}

/* Past the rest of a definition: up to a comma or the end of the parenthesis it stands in. */
static void
skip_definition(struct sl_parser *p)
{
    uint32_t depth = 0;

    while (sl_parser_token(p)->kind != SL_TOKEN_END) {
        if (depth == 0 && (sl_parser_is(p, ",") || sl_parser_is(p, ")")))
            return;
        depth += sl_parser_is(p, "(");
        depth -= sl_parser_is(p, ")");
        p->at++;
    }
}

/* ---- columns ---- */

static sl_status
add_change(struct sl_parser *p, struct sl_define *define, uint32_t *capacity,
           struct sl_column_change **out_change)
{
    if (define->change_count == CHANGES_MAX)
        return sl_parser_fail(p, "fewer columns");
    if (define->change_count == *capacity) {
        *capacity = *capacity == 0 ? 16 : *capacity * 2;
        struct sl_column_change *grown = sl_arena_calloc(p->arena, *capacity, sizeof(*grown));
        if (grown == NULL)
            return fail_size(p);
        if (define->change_count > 0)
            memcpy(grown, define->changes, define->change_count * sizeof(*grown));
        define->changes = grown;
    }
    *out_change = &define->changes[define->change_count++];
    return SL_OK;
}

/* word [(n[, m])] [UNSIGNED], as it is written. */
static sl_status
parse_type(struct sl_parser *p, struct sl_slice *out_type)
{
    const struct sl_token *first = sl_parser_token(p);

    if (first->kind != SL_TOKEN_NAME)
        return sl_parser_fail(p, "a type");
    p->at++;
    if (sl_parser_accept(p, "(")) {
        while (sl_parser_token(p)->kind != SL_TOKEN_END && !sl_parser_is(p, ")"))
            p->at++;
        SL_TRY(sl_parser_expect(p, ")"));
    }
    (void)sl_parser_accept_word(p, "UNSIGNED");
    const struct sl_token *last = sl_parser_last(p);
    *out_type = (struct sl_slice){.bytes = (const uint8_t *)p->text + first->position,
                                  .size_bytes = last->end - first->position};
    return SL_OK;
}

/* name type ..., the rest of the definition left. */
static sl_status
parse_column(struct sl_parser *p, struct sl_column_change *change)
{
    SL_TRY(parse_name(p, "a column", &change->to));
    SL_TRY(parse_type(p, &change->type));
    skip_definition(p);
    return SL_OK;
}

/* A key, a constraint: anything in the list that is no column. */
static bool
is_key(const struct sl_parser *p)
{
    static const char *const words[] = {"PRIMARY", "UNIQUE",     "KEY",     "INDEX", "FULLTEXT",
                                        "SPATIAL", "CONSTRAINT", "FOREIGN", "CHECK"};

    for (size_t i = 0; i < SL_COUNTOF(words); i++)
        if (sl_parser_is_word(p, words[i]))
            return true;
    return false;
}

static sl_status
parse_table(struct sl_parser *p, struct sl_define *define)
{
    struct sl_column_change *change = NULL;
    uint32_t capacity = 0;

    SL_TRY(parse_condition(p, define));
    SL_TRY(parse_defined_name(p, define));
    SL_TRY(sl_parser_expect(p, "("));
    do {
        if (is_key(p)) {
            skip_definition(p);
            continue;
        }
        SL_TRY(add_change(p, define, &capacity, &change));
        SL_ASSERT(change != NULL);
        SL_TRY(parse_column(p, change));
    } while (sl_parser_accept(p, ","));
    SL_TRY(sl_parser_expect(p, ")"));
    skip_rest(p); /* ENGINE, CHARSET, PARTITION BY ... */
    return SL_OK;
}

/* One change of ALTER TABLE; what is none of a column is read past. */
static sl_status
parse_change(struct sl_parser *p, struct sl_define *define, uint32_t *capacity)
{
    struct sl_column_change *change = NULL;
    bool is_add = sl_parser_accept_word(p, "ADD");
    bool is_modify = !is_add && sl_parser_accept_word(p, "MODIFY");
    bool is_change = !is_add && !is_modify && sl_parser_accept_word(p, "CHANGE");
    bool is_drop = !is_add && !is_modify && !is_change && sl_parser_accept_word(p, "DROP");
    bool has_word =
        (is_add || is_modify || is_change || is_drop) && sl_parser_accept_word(p, "COLUMN");

    if ((!is_add && !is_modify && !is_change && !is_drop) || (!has_word && is_key(p))) {
        skip_definition(p);
        return SL_OK;
    }
    SL_TRY(add_change(p, define, capacity, &change));
    SL_ASSERT(change != NULL);
    if (is_modify || is_change || is_drop)
        SL_TRY(parse_name(p, "a column", &change->name));
    if (is_drop)
        return SL_OK;
    if (is_modify)
        p->at--; /* the name that it keeps is read again */
    return parse_column(p, change);
}

static sl_status
parse_alter(struct sl_parser *p, struct sl_define *define)
{
    uint32_t capacity = 0;

    SL_TRY(parse_defined_name(p, define));
    do {
        SL_TRY(parse_change(p, define, &capacity));
    } while (sl_parser_accept(p, ","));
    return SL_OK;
}

/* ---- views ---- */

/* ALGORITHM = x, DEFINER = x, SQL SECURITY x: what MySQL's dumps write before VIEW. */
static void
skip_to_view(struct sl_parser *p)
{
    static const char *const words[] = {"ALGORITHM", "DEFINER", "SQL"};
    bool is_one = false;

    for (size_t i = 0; i < SL_COUNTOF(words); i++)
        is_one = is_one || sl_parser_is_word(p, words[i]);
    while (is_one && sl_parser_token(p)->kind != SL_TOKEN_END && !sl_parser_is_word(p, "VIEW"))
        p->at++;
}

static sl_status
parse_view(struct sl_parser *p, struct sl_define *define)
{
    SL_TRY(parse_condition(p, define));
    SL_TRY(parse_defined_name(p, define));
    if (sl_parser_is(p, "("))
        return sl_fail_at(p->err, SL_UNSUPPORTED, 1235, p->text, p->text_bytes,
                          sl_parser_token(p)->position,
                          "a list of columns is not supported, name them in the select");
    SL_TRY(sl_parser_expect_word(p, "AS"));
    uint32_t start = sl_parser_token(p)->position;
    uint32_t parameters = p->parameter_count;
    SL_TRY(sl_parse_chain(p, &define->view));
    if (p->parameter_count != parameters)
        return sl_fail_at(p->err, SL_SYNTAX, 1351, p->text, p->text_bytes, start,
                          "a view cannot have parameters");
    define->text = (struct sl_slice){.bytes = (const uint8_t *)p->text + start,
                                     .size_bytes = sl_parser_last(p)->end - start};
    return SL_OK;
}

/* ---- statements ---- */

static sl_status
parse_create(struct sl_parser *p, struct sl_define *define)
{
    if (sl_parser_accept_word(p, "OR")) {
        SL_TRY(sl_parser_expect_word(p, "REPLACE"));
        define->is_replace = true;
    }
    skip_to_view(p);
    if (sl_parser_accept_word(p, "VIEW")) {
        define->action = SL_DEFINE_VIEW;
        return parse_view(p, define);
    }
    if (define->is_replace)
        return sl_parser_fail(p, "VIEW");
    if (sl_parser_accept_word(p, "TABLE")) {
        define->action = SL_DEFINE_TABLE;
        return parse_table(p, define);
    }
    if (!sl_parser_accept_word(p, "DATABASE") && !sl_parser_accept_word(p, "SCHEMA"))
        return sl_parser_fail(p, "VIEW, TABLE or DATABASE");
    define->action = SL_DEFINE_DATABASE;
    SL_TRY(parse_condition(p, define));
    define->position = sl_parser_token(p)->position;
    SL_TRY(parse_name(p, "the name of a database", &define->databases[0]));
    define->name_count = 1;
    skip_rest(p); /* its character set */
    return SL_OK;
}

static sl_status
parse_drop(struct sl_parser *p, struct sl_define *define)
{
    bool is_view = sl_parser_accept_word(p, "VIEW");

    if (!is_view)
        SL_TRY(sl_parser_expect_word(p, "TABLE"));
    define->action = is_view ? SL_DEFINE_DROP_VIEW : SL_DEFINE_DROP_TABLE;
    SL_TRY(parse_condition(p, define));
    do {
        SL_TRY(parse_defined_name(p, define));
    } while (sl_parser_accept(p, ","));
    if (!sl_parser_accept_word(p, "CASCADE"))
        (void)sl_parser_accept_word(p, "RESTRICT");
    return SL_OK;
}

sl_status
sl_parse_define(struct sl_parser *p, struct sl_syntax *syntax, bool *out_is_one)
{
    bool is_create = sl_parser_is_word(p, "CREATE");
    bool is_alter = sl_parser_is_word(p, "ALTER");

    *out_is_one = is_create || is_alter || sl_parser_is_word(p, "DROP");
    if (!*out_is_one)
        return SL_OK;
    p->at++;
    struct sl_define *define = sl_arena_calloc(p->arena, 1, sizeof(*define));
    if (define == NULL)
        return fail_size(p);
    define->names = sl_arena_calloc(p->arena, NAMES_MAX, sizeof(*define->names));
    define->databases = sl_arena_calloc(p->arena, NAMES_MAX, sizeof(*define->databases));
    if (define->names == NULL || define->databases == NULL)
        return fail_size(p);
    syntax->kind = SL_SYNTAX_DEFINE;
    syntax->define = define;
    if (is_create)
        return parse_create(p, define);
    if (!is_alter)
        return parse_drop(p, define);
    define->action = SL_DEFINE_ALTER;
    SL_TRY(sl_parser_expect_word(p, "TABLE"));
    return parse_alter(p, define);
}
