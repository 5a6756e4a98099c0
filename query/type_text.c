/*
 * type_text.c - see type_text.h.
 */
#include "query/type_text.h"

#include <ctype.h>
#include <stdio.h>

#include "query/lex.h"

enum { CHAR_BYTES_MAX = 4, TEXT_CHARS = 65535, VARCHAR_CHARS_MAX = 16383, ADDR_CHARS = 45 };

static void
put_chars(const char *word, uint32_t length, uint32_t most, char text[SL_TYPE_TEXT_BYTES])
{
    if (length == 0 || length > most)
        length = most;
    (void)snprintf(text, SL_TYPE_TEXT_BYTES, "%s(%u)", word, (unsigned)length);
}

static const char *
fixed_text(const struct sl_sql_type *type)
{
    switch (type->type) {
    case SL_TYPE_U8:
        return "tinyint unsigned";
    case SL_TYPE_U16:
        return "smallint unsigned";
    case SL_TYPE_U32:
        return "int unsigned";
    case SL_TYPE_U64:
        return type->is_nullable ? "decimal(20,0)" : "bigint unsigned";
    case SL_TYPE_BOOL:
        return "int";
    case SL_TYPE_I64:
        return "bigint";
    case SL_TYPE_F64:
        return "double";
    case SL_TYPE_DATE:
        return "date";
    case SL_TYPE_MAC:
        return "varchar(17)";
    default:
        return NULL;
    }
}

void
sl_type_text(const struct sl_sql_type *type, char text[SL_TYPE_TEXT_BYTES])
{
    const char *fixed = fixed_text(type);

    if (fixed != NULL) {
        (void)snprintf(text, SL_TYPE_TEXT_BYTES, "%s", fixed);
        return;
    }
    switch (type->type) {
    case SL_TYPE_TIME:
    case SL_TYPE_SPAN:
        if (type->scale == 0)
            (void)snprintf(text, SL_TYPE_TEXT_BYTES, "%s",
                           type->type == SL_TYPE_TIME ? "datetime" : "time");
        else
            put_chars(type->type == SL_TYPE_TIME ? "datetime" : "time", type->scale, 6, text);
        break;
    case SL_TYPE_DECIMAL:
        (void)snprintf(text, SL_TYPE_TEXT_BYTES, "decimal(38,%u)", (unsigned)type->scale);
        break;
    case SL_TYPE_OCTETS:
        put_chars("varbinary", type->length, TEXT_CHARS, text);
        break;
    case SL_TYPE_ADDR:
        put_chars("varchar", ADDR_CHARS, ADDR_CHARS, text);
        break;
    default:
        put_chars("varchar", type->length, VARCHAR_CHARS_MAX, text);
        break;
    }
}

/* Digits of an integer type. */
static int64_t
integer_digits(struct sl_slice word, bool is_unsigned)
{
    static const struct {
        const char *name;
        int64_t digits;
    } words[] = {{"tinyint", 3}, {"smallint", 5}, {"mediumint", 7},
                 {"int", 10},    {"integer", 10}, {"bigint", 19}};

    for (size_t i = 0; i < SL_COUNTOF(words); i++)
        if (sl_slice_is(word, words[i].name))
            return words[i].digits + (words[i].digits == 19 && is_unsigned);
    return -1;
}

/* The number at *at, stepped over; -1 when there is none. */
static int64_t
read_number(struct sl_slice text, uint32_t *at)
{
    int64_t number = -1;

    while (*at < text.size_bytes && !isdigit(text.bytes[*at]) && text.bytes[*at] != ')')
        ++*at;
    for (; *at < text.size_bytes && isdigit(text.bytes[*at]); ++*at)
        number =
            number > 100000000 ? number : (number < 0 ? 0 : number) * 10 + text.bytes[*at] - '0';
    return number;
}

static bool
is_word(struct sl_slice word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (sl_slice_is(word, words[i]))
            return true;
    return false;
}

static bool
says_unsigned(struct sl_slice text)
{
    enum { WORD_BYTES = 8 };

    for (uint32_t i = 0; i + WORD_BYTES <= text.size_bytes; i++)
        if (sl_slice_is((struct sl_slice){text.bytes + i, WORD_BYTES}, "unsigned"))
            return true;
    return false;
}

struct sl_type_parts
sl_type_parts_of(struct sl_slice text)
{
    static const char *const texts[] = {"varchar",  "char",       "text",
                                        "tinytext", "mediumtext", "longtext"};
    static const char *const bytes[] = {"varbinary", "binary",     "blob",
                                        "tinyblob",  "mediumblob", "longblob"};
    static const char *const times[] = {"datetime", "timestamp", "time"};
    struct sl_type_parts parts = {
        .chars = -1, .octets = -1, .precision = -1, .scale = -1, .time_digits = -1};
    uint32_t at = 0;

    while (at < text.size_bytes && at + 1 < SL_TYPE_TEXT_BYTES && isalnum(text.bytes[at])) {
        parts.data_type[at] = (char)tolower(text.bytes[at]);
        at++;
    }
    struct sl_slice word = {.bytes = text.bytes, .size_bytes = at};
    int64_t first = read_number(text, &at);
    int64_t second = read_number(text, &at);
    parts.is_text = is_word(word, texts, SL_COUNTOF(texts));
    if (parts.is_text || is_word(word, bytes, SL_COUNTOF(bytes))) {
        parts.chars = first < 0 ? TEXT_CHARS : first;
        parts.octets = parts.is_text && first >= 0 ? first * CHAR_BYTES_MAX : parts.chars;
    } else if (is_word(word, times, SL_COUNTOF(times))) {
        parts.time_digits = first < 0 ? 0 : first;
    } else if (sl_slice_is(word, "decimal") || sl_slice_is(word, "numeric")) {
        parts.precision = first < 0 ? 10 : first;
        parts.scale = second < 0 ? 0 : second;
    } else if (sl_slice_is(word, "double")) {
        parts.precision = 22;
    } else if (sl_slice_is(word, "float")) {
        parts.precision = 12;
    } else {
        parts.precision = integer_digits(word, says_unsigned(text));
        parts.scale = parts.precision < 0 ? -1 : 0;
    }
    return parts;
}

struct sl_sql_type
sl_type_declared(struct sl_slice text)
{
    static const char *const integers[] = {"tinyint", "smallint", "mediumint", "int", "integer",
                                           "bigint",  "bool",     "boolean",   "year"};
    static const char *const doubles[] = {"double", "float", "real"};
    static const char *const decimals[] = {"decimal", "numeric", "dec", "fixed"};
    static const char *const bytes[] = {"varbinary", "binary",     "blob",
                                        "tinyblob",  "mediumblob", "longblob"};
    struct sl_type_parts parts = sl_type_parts_of(text);
    struct sl_slice word = {.bytes = (const uint8_t *)parts.data_type,
                            .size_bytes = (uint32_t)strlen(parts.data_type)};
    struct sl_sql_type type = {.type = SL_TYPE_TEXT, .is_nullable = true};

    if (is_word(word, integers, SL_COUNTOF(integers))) {
        type.type = says_unsigned(text) ? SL_TYPE_U64 : SL_TYPE_I64;
    } else if (is_word(word, doubles, SL_COUNTOF(doubles))) {
        type.type = SL_TYPE_F64;
    } else if (is_word(word, decimals, SL_COUNTOF(decimals))) {
        type.type = SL_TYPE_DECIMAL;
        type.scale = (uint8_t)(parts.scale < 0 ? 0 : parts.scale > 30 ? 30 : parts.scale);
    } else if (sl_slice_is(word, "datetime") || sl_slice_is(word, "timestamp") ||
               sl_slice_is(word, "time")) {
        type.type = sl_slice_is(word, "time") ? SL_TYPE_SPAN : SL_TYPE_TIME;
        type.scale = (uint8_t)(parts.time_digits > 6 ? 6 : parts.time_digits);
    } else if (sl_slice_is(word, "date")) {
        type.type = SL_TYPE_DATE;
    } else {
        bool is_bytes = is_word(word, bytes, SL_COUNTOF(bytes));
        type.type = is_bytes ? SL_TYPE_OCTETS : SL_TYPE_TEXT;
        type.is_binary = is_bytes;
        type.length = parts.chars < 0 || parts.chars > TEXT_CHARS ? 255 : (uint32_t)parts.chars;
    }
    return type;
}
