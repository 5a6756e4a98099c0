/*
 * column.c - see column.h.
 */
#include "client/mysql/column.h"

enum {
    FIXED_PART_BYTES = 12, /* of a definition, after the names */
    NO_DECIMALS = 39,      /* an expression of text: as many as there are */
    DOUBLE_DECIMALS = 31,
    VARCHAR_BYTES_MAX = 65535,
    TEXT_CHARS_UNKNOWN = 255,
    ADDR_CHARS = 45,
    MAC_CHARS = 17,
    DECIMAL_DIGITS_UNKNOWN = 40,
    U64_DIGITS = 20,
    DATETIME_CHARS = 19,
    SPAN_CHARS = 10,
    FRACTION_DIGITS_MAX = 6,
};

/* The client's collation where results can have it: they are UTF-8. */
static uint16_t
text_collation(uint16_t collation)
{
    bool is_utf8mb4 = collation == SL_COLLATION_UTF8MB4 || collation == SL_COLLATION_UTF8MB4_BIN ||
                      (collation >= 224 && collation <= 247) ||
                      (collation >= 255 && collation <= 323);
    bool is_utf8mb3 = collation == SL_COLLATION_UTF8MB3 || collation == 83 ||
                      (collation >= 192 && collation <= 215);
    return is_utf8mb4 || is_utf8mb3 ? collation : SL_COLLATION_UTF8MB4;
}

static uint32_t
bytes_of_char(uint16_t collation)
{
    bool is_utf8mb3 = collation == SL_COLLATION_UTF8MB3 || collation == 83 ||
                      (collation >= 192 && collation <= 215);
    return is_utf8mb3 ? 3 : 4;
}

static void
show_number(struct sl_mysql_column *shown, enum sl_mysql_type type, uint32_t length, uint16_t flags)
{
    shown->type = type;
    shown->length = length;
    shown->flags |= flags;
}

static void
show_text(struct sl_mysql_column *shown, const struct sl_wire_column *column, uint32_t chars,
          uint16_t collation)
{
    uint64_t length = (uint64_t)chars * bytes_of_char(collation);
    bool is_long = length > VARCHAR_BYTES_MAX;
    shown->collation = column->is_binary ? SL_COLLATION_UTF8MB4_BIN : collation;
    shown->flags = (uint16_t)(shown->flags & ~SL_FLAG_BINARY);
    if (column->is_binary)
        shown->flags |= SL_FLAG_BINARY;
    if (is_long)
        shown->flags |= SL_FLAG_BLOB;
    shown->type = is_long ? SL_MYSQL_BLOB : SL_MYSQL_VAR_STRING;
    shown->length = length > UINT32_MAX ? UINT32_MAX : (uint32_t)length;
    shown->decimals = column->table[0] == '\0' ? NO_DECIMALS : 0;
}

static void
show_u64(struct sl_mysql_column *shown, const struct sl_wire_column *column)
{
    if (column->is_nullable)
        show_number(shown, SL_MYSQL_NEWDECIMAL, U64_DIGITS + 1, 0);
    else
        show_number(shown, SL_MYSQL_LONGLONG, U64_DIGITS, SL_FLAG_UNSIGNED);
}

static void
show_time(struct sl_mysql_column *shown, const struct sl_wire_column *column,
          enum sl_mysql_type type, uint32_t chars)
{
    shown->decimals = (uint8_t)sl_min_size(column->scale, FRACTION_DIGITS_MAX);
    show_number(shown, type, chars + (shown->decimals == 0 ? 0 : 1u + shown->decimals), 0);
}

struct sl_mysql_column
sl_mysql_column_of(const struct sl_wire_column *column, uint16_t wanted)
{
    uint16_t collation = text_collation(wanted);
    uint32_t chars = column->length == 0 ? TEXT_CHARS_UNKNOWN : column->length;
    struct sl_mysql_column shown = {.source = column->type,
                                    .collation = SL_COLLATION_BINARY,
                                    .flags = column->is_nullable ? 0 : SL_FLAG_NOT_NULL};
    shown.flags |= SL_FLAG_BINARY;
    switch (column->type) {
    case SL_TYPE_BOOL:
        show_number(&shown, SL_MYSQL_LONG, 1, 0);
        break;
    case SL_TYPE_U8:
        show_number(&shown, SL_MYSQL_TINY, 3, SL_FLAG_UNSIGNED);
        break;
    case SL_TYPE_U16:
        show_number(&shown, SL_MYSQL_SHORT, 5, SL_FLAG_UNSIGNED);
        break;
    case SL_TYPE_U32:
        show_number(&shown, SL_MYSQL_LONG, 10, SL_FLAG_UNSIGNED);
        break;
    case SL_TYPE_U64:
        show_u64(&shown, column);
        break;
    case SL_TYPE_I64:
        show_number(&shown, SL_MYSQL_LONGLONG, 20, 0);
        break;
    case SL_TYPE_F64:
        show_number(&shown, SL_MYSQL_DOUBLE, 22, 0);
        shown.decimals = DOUBLE_DECIMALS;
        break;
    case SL_TYPE_DECIMAL:
        show_number(&shown, SL_MYSQL_NEWDECIMAL,
                    column->length != 0 ? column->length : DECIMAL_DIGITS_UNKNOWN, 0);
        shown.decimals = column->scale;
        break;
    case SL_TYPE_TIME:
        show_time(&shown, column, SL_MYSQL_DATETIME, DATETIME_CHARS);
        break;
    case SL_TYPE_SPAN:
        show_time(&shown, column, SL_MYSQL_TIME, SPAN_CHARS);
        break;
    case SL_TYPE_DATE:
        show_number(&shown, SL_MYSQL_DATE, 10, 0);
        break;
    case SL_TYPE_ADDR:
        show_text(&shown, column, ADDR_CHARS, collation);
        break;
    case SL_TYPE_MAC:
        show_text(&shown, column, MAC_CHARS, collation);
        break;
    case SL_TYPE_TEXT:
        show_text(&shown, column, chars, collation);
        break;
    case SL_TYPE_OCTETS:
        show_number(&shown, SL_MYSQL_VAR_STRING, chars, 0);
        break;
    case SL_TYPE_NULL:
    case SL_TYPE_COUNT:
        shown.type = SL_MYSQL_NULL;
        break;
    }
    return shown;
}

static void
put_definition(struct sl_buf *out, const struct sl_wire_column *column,
               const struct sl_mysql_column *shown, const char *database)
{
    bool is_plain = column->table[0] != '\0';
    sl_lenenc_put_text(out, "def");
    sl_lenenc_put_text(out, is_plain ? database : "");
    sl_lenenc_put_text(out, column->table);
    sl_lenenc_put_text(out, column->table);
    sl_lenenc_put_text(out, column->name);
    sl_lenenc_put_text(out, column->origin);
    sl_buf_u8(out, FIXED_PART_BYTES);
    sl_buf_u16le(out, shown->collation);
    sl_buf_u32le(out, shown->length);
    sl_buf_u8(out, (uint8_t)shown->type);
    sl_buf_u16le(out, shown->flags);
    sl_buf_u8(out, shown->decimals);
    sl_buf_u16le(out, 0);
}

void
sl_mysql_column_put(struct sl_buf *out, uint8_t *sequence, const struct sl_wire_column *column,
                    const struct sl_mysql_column *shown, const char *database)
{
    size_t start = sl_packet_begin(out);
    put_definition(out, column, shown, database);
    sl_packet_end(out, start, sequence);
}

void
sl_mysql_field_put(struct sl_buf *out, uint8_t *sequence, const struct sl_wire_column *column,
                   const struct sl_mysql_column *shown, const char *database)
{
    size_t start = sl_packet_begin(out);
    put_definition(out, column, shown, database);
    sl_buf_u8(out, 0xfb);
    sl_packet_end(out, start, sequence);
}

void
sl_mysql_parameter_put(struct sl_buf *out, uint8_t *sequence)
{
    static const struct sl_wire_column parameter = {.name = "?", .table = "", .origin = ""};
    static const struct sl_mysql_column shown = {
        .type = SL_MYSQL_NULL, .collation = SL_COLLATION_BINARY, .flags = SL_FLAG_BINARY};
    sl_mysql_column_put(out, sequence, &parameter, &shown, "");
}
