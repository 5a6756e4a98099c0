/*
 * statement.c - see statement.h.
 */
#include "client/mysql/statement.h"

#include <stdio.h>

#include "storage/base/clock.h"

enum {
    TYPE_BYTES = 2,
    UNSIGNED_BIT = 0x80,
    DATE_BYTES = 4,
    DATETIME_BYTES = 7,
    DATETIME_US_BYTES = 11,
    SPAN_BYTES = 8,
    SPAN_US_BYTES = 12,
    SPAN_DAYS_MAX = 100000, /* MySQL's own TIME ends at 34 days */
    MOMENT_TEXT_BYTES = 48,
    DECIMAL_DIGITS_MAX = 38,
};

/* ---- the list ---- */

void
sl_mysql_statements_init(struct sl_mysql_statements *statements, struct sl_budget *budget)
{
    *statements = (struct sl_mysql_statements){.budget = budget};
}

struct sl_mysql_statement *
sl_mysql_statements_find(struct sl_mysql_statements *statements, uint32_t id)
{
    for (uint32_t i = 0; i < statements->count; i++)
        if (statements->list[i].id == id)
            return &statements->list[i];
    return NULL;
}

void
sl_mysql_statements_add(struct sl_mysql_statements *statements, uint32_t id,
                        uint16_t parameter_count)
{
    statements->list =
        sl_grow(statements->list, sizeof(*statements->list), (size_t)statements->count + 1);
    statements->list[statements->count++] = (struct sl_mysql_statement){
        .id = id,
        .parameter_count = parameter_count,
        .types = sl_new((size_t)parameter_count * TYPE_BYTES + 1),
    };
}

void
sl_mysql_statement_drop_pieces(struct sl_mysql_statements *statements,
                               struct sl_mysql_statement *statement)
{
    statement->failure = 0;
    if (statement->pieces == NULL)
        return;
    for (uint32_t i = 0; i < statement->parameter_count; i++) {
        struct sl_buf *bytes = &statement->pieces[i].bytes;
        statements->piece_bytes -= bytes->size_bytes;
        sl_budget_give(statements->budget, bytes->size_bytes);
        sl_buf_fini(bytes);
    }
    free(statement->pieces);
    statement->pieces = NULL;
}

static void
free_statement(struct sl_mysql_statements *statements, struct sl_mysql_statement *statement)
{
    sl_mysql_statement_drop_pieces(statements, statement);
    free(statement->types);
}

void
sl_mysql_statements_remove(struct sl_mysql_statements *statements, uint32_t id)
{
    struct sl_mysql_statement *statement = sl_mysql_statements_find(statements, id);
    if (statement == NULL)
        return;
    free_statement(statements, statement);
    *statement = statements->list[--statements->count];
}

void
sl_mysql_statements_clear(struct sl_mysql_statements *statements)
{
    for (uint32_t i = 0; i < statements->count; i++)
        free_statement(statements, &statements->list[i]);
    free(statements->list);
    SL_ASSERT(statements->piece_bytes == 0);
    statements->list = NULL;
    statements->count = 0;
}

/* ---- values in pieces ---- */

void
sl_statement_add_piece(struct sl_mysql_statements *statements, struct sl_mysql_statement *statement,
                       const uint8_t *body, size_t body_bytes)
{
    struct sl_cursor c = sl_cursor_over(body, body_bytes);
    uint16_t index = sl_cursor_u16le(&c);
    size_t size_bytes = sl_cursor_left(&c);
    if (c.bad || index >= statement->parameter_count) {
        statement->failure = SL_ER_WRONG_ARGUMENTS;
        return;
    }
    if (size_bytes > SL_MYSQL_PACKET_BYTES_MAX - statements->piece_bytes ||
        !sl_budget_take(statements->budget, size_bytes)) {
        statement->failure = SL_ER_OUT_OF_RESOURCES;
        return;
    }
    if (statement->pieces == NULL)
        statement->pieces = sl_new((size_t)statement->parameter_count * sizeof(*statement->pieces));
    struct sl_mysql_piece *piece = &statement->pieces[index];
    if (!piece->is_there)
        piece->bytes = sl_buf_empty(SL_MYSQL_PACKET_BYTES_MAX);
    piece->is_there = true;
    size_t before_bytes = piece->bytes.size_bytes;
    if (size_bytes != 0)
        sl_buf_append(&piece->bytes, c.next, size_bytes);
    if (piece->bytes.bad) {
        piece->bytes.bad = false;
        piece->bytes.size_bytes = before_bytes;
        sl_budget_give(statements->budget, size_bytes);
        statement->failure = SL_ER_OUT_OF_RESOURCES;
        return;
    }
    statements->piece_bytes += size_bytes;
}

/* ---- values in the body ---- */

struct decoder {
    struct sl_cursor c;
    struct sl_arena *arena;
    bool is_over_budget;
};

static struct sl_wire_value
value_i64(int64_t number)
{
    return (struct sl_wire_value){.type = SL_TYPE_I64, .as.i64 = number};
}

/* An integer of `size_bytes` bytes, extended by its sign. */
static struct sl_wire_value
take_integer(struct decoder *d, size_t size_bytes, bool is_unsigned)
{
    const uint8_t *p = sl_cursor_take(&d->c, size_bytes);
    uint64_t bits = p == NULL ? 0 : sl_read_le(p, size_bytes);
    if (is_unsigned)
        return (struct sl_wire_value){.type = SL_TYPE_U64, .as.u64 = bits};
    unsigned shift = (unsigned)(64 - size_bytes * 8);
    return value_i64((int64_t)(bits << shift) >> shift);
}

static struct sl_wire_value
take_float(struct decoder *d)
{
    uint32_t bits = sl_cursor_u32le(&d->c);
    float number;
    memcpy(&number, &bits, sizeof(number));
    return (struct sl_wire_value){.type = SL_TYPE_F64, .as.f64 = (double)number};
}

static struct sl_wire_value
take_double(struct decoder *d)
{
    uint64_t bits = sl_cursor_u64le(&d->c);
    struct sl_wire_value value = {.type = SL_TYPE_F64};
    memcpy(&value.as.f64, &bits, sizeof(value.as.f64));
    return value;
}

static struct sl_wire_value
take_bytes(struct decoder *d, enum sl_type type)
{
    size_t size_bytes = 0;
    const uint8_t *bytes = sl_lenenc_take_bytes(&d->c, &size_bytes);
    struct sl_wire_value value = {.type = type};
    value.as.slice = (struct sl_slice){.bytes = bytes, .size_bytes = (uint32_t)size_bytes};
    return value;
}

static struct sl_wire_value
value_text(struct decoder *d, const char *text)
{
    struct sl_wire_value value = {.type = SL_TYPE_TEXT};
    size_t size_bytes = strlen(text);
    const char *copy = sl_arena_string(d->arena, text, size_bytes);
    if (copy == NULL)
        d->is_over_budget = true;
    else
        value.as.slice =
            (struct sl_slice){.bytes = (const uint8_t *)copy, .size_bytes = (uint32_t)size_bytes};
    return value;
}

/* "2026-11-23", "2026-11-23 08:15:30", "2026-11-23 08:15:30.250000". */
static struct sl_wire_value
take_moment(struct decoder *d)
{
    char text[MOMENT_TEXT_BYTES];
    size_t size_bytes = sl_cursor_u8(&d->c);
    struct sl_cursor c = sl_cursor_sub(&d->c, size_bytes);
    bool is_length = size_bytes == 0 || size_bytes == DATE_BYTES || size_bytes == DATETIME_BYTES ||
                     size_bytes == DATETIME_US_BYTES;
    unsigned year = size_bytes == 0 ? 0 : sl_cursor_u16le(&c);
    unsigned month = size_bytes == 0 ? 0 : sl_cursor_u8(&c);
    unsigned day = size_bytes == 0 ? 0 : sl_cursor_u8(&c);
    int at = snprintf(text, sizeof(text), "%04u-%02u-%02u", year, month, day);
    if (size_bytes >= DATETIME_BYTES) {
        unsigned hour = sl_cursor_u8(&c);
        unsigned minute = sl_cursor_u8(&c);
        unsigned second = sl_cursor_u8(&c);
        at +=
            snprintf(text + at, sizeof(text) - (size_t)at, " %02u:%02u:%02u", hour, minute, second);
    }
    if (size_bytes == DATETIME_US_BYTES)
        (void)snprintf(text + at, sizeof(text) - (size_t)at, ".%06" PRIu32, sl_cursor_u32le(&c));
    d->c.bad = d->c.bad || c.bad || !is_length;
    return value_text(d, text);
}

static struct sl_wire_value
take_span(struct decoder *d)
{
    size_t size_bytes = sl_cursor_u8(&d->c);
    struct sl_cursor c = sl_cursor_sub(&d->c, size_bytes);
    struct sl_wire_value value = {.type = SL_TYPE_SPAN};
    if (size_bytes == 0)
        return value;
    bool is_negative = sl_cursor_u8(&c) != 0;
    uint32_t days = sl_cursor_u32le(&c);
    int64_t span_us = (int64_t)sl_min_size(days, SPAN_DAYS_MAX) * SL_US_PER_DAY;
    span_us += sl_cursor_u8(&c) * SL_US_PER_HOUR;
    span_us += sl_cursor_u8(&c) * SL_US_PER_MINUTE;
    span_us += (int64_t)sl_cursor_u8(&c) * SL_US_PER_S;
    if (size_bytes == SPAN_US_BYTES)
        span_us += sl_cursor_u32le(&c);
    bool is_length = size_bytes == SPAN_BYTES || size_bytes == SPAN_US_BYTES;
    d->c.bad = d->c.bad || c.bad || !is_length || days > SPAN_DAYS_MAX;
    value.as.i64 = is_negative ? -span_us : span_us;
    return value;
}

/* "-12.340": exact, or bad. */
static struct sl_wire_value
take_decimal(struct decoder *d)
{
    size_t size_bytes = 0;
    const uint8_t *text = sl_lenenc_take_bytes(&d->c, &size_bytes);
    struct sl_wire_value value = {.type = SL_TYPE_DECIMAL};
    unsigned digits = 0;
    unsigned scale = 0;
    bool has_point = false;
    sl_i128 number = 0;
    bool has_sign = size_bytes != 0 && (text[0] == '-' || text[0] == '+');
    size_t at = has_sign;
    for (; at < size_bytes && digits < DECIMAL_DIGITS_MAX; at++) {
        if (text[at] == '.' && !has_point) {
            has_point = true;
            continue;
        }
        if (text[at] < '0' || text[at] > '9')
            break;
        number = number * 10 + (text[at] - '0');
        digits++;
        scale += has_point;
    }
    if (at != size_bytes || digits == 0)
        d->c.bad = true;
    value.scale = (uint8_t)scale;
    value.as.i128 = has_sign && text[0] == '-' ? -number : number;
    return value;
}

static struct sl_wire_value
take_value(struct decoder *d, uint8_t type, bool is_unsigned)
{
    switch ((enum sl_mysql_type)type) {
    case SL_MYSQL_TINY:
        return take_integer(d, 1, is_unsigned);
    case SL_MYSQL_SHORT:
    case SL_MYSQL_YEAR:
        return take_integer(d, 2, is_unsigned);
    case SL_MYSQL_LONG:
    case SL_MYSQL_INT24:
        return take_integer(d, 4, is_unsigned);
    case SL_MYSQL_LONGLONG:
        return take_integer(d, 8, is_unsigned);
    case SL_MYSQL_FLOAT:
        return take_float(d);
    case SL_MYSQL_DOUBLE:
        return take_double(d);
    case SL_MYSQL_DECIMAL:
    case SL_MYSQL_NEWDECIMAL:
        return take_decimal(d);
    case SL_MYSQL_DATE:
    case SL_MYSQL_DATETIME:
    case SL_MYSQL_TIMESTAMP:
        return take_moment(d);
    case SL_MYSQL_TIME:
        return take_span(d);
    case SL_MYSQL_VARCHAR:
    case SL_MYSQL_VAR_STRING:
    case SL_MYSQL_STRING:
    case SL_MYSQL_JSON:
    case SL_MYSQL_ENUM:
    case SL_MYSQL_SET:
        return take_bytes(d, SL_TYPE_TEXT);
    case SL_MYSQL_TINY_BLOB:
    case SL_MYSQL_MEDIUM_BLOB:
    case SL_MYSQL_LONG_BLOB:
    case SL_MYSQL_BLOB:
        return take_bytes(d, SL_TYPE_OCTETS);
    case SL_MYSQL_NULL:
        return (struct sl_wire_value){.type = SL_TYPE_NULL, .is_null = true};
    }
    d->c.bad = true;
    return (struct sl_wire_value){.type = SL_TYPE_NULL, .is_null = true};
}

static bool
is_blob(uint8_t type)
{
    return type >= SL_MYSQL_TINY_BLOB && type <= SL_MYSQL_BLOB;
}

static struct sl_wire_value
value_of_piece(const struct sl_mysql_piece *piece, uint8_t type)
{
    struct sl_wire_value value = {.type = is_blob(type) ? SL_TYPE_OCTETS : SL_TYPE_TEXT};
    value.as.slice = (struct sl_slice){.bytes = piece->bytes.bytes,
                                       .size_bytes = (uint32_t)piece->bytes.size_bytes};
    return value;
}

static sl_status
fail_body(struct sl_error *err, uint16_t number, const char *story)
{
    (void)sl_fail(err, SL_FORMAT, "%s", story);
    if (err != NULL)
        err->sql_number = number;
    return SL_FORMAT;
}

/* The types of this EXECUTE, or those of an earlier one. */
static void
take_types(struct sl_mysql_statement *statement, struct sl_cursor *c)
{
    if (sl_cursor_u8(c) != 1)
        return;
    size_t size_bytes = (size_t)statement->parameter_count * TYPE_BYTES;
    const uint8_t *types = sl_cursor_take(c, size_bytes);
    if (types == NULL)
        return;
    memcpy(statement->types, types, size_bytes);
    statement->has_types = true;
}

sl_status
sl_statement_decode(struct sl_mysql_statement *statement, const uint8_t *body, size_t body_bytes,
                    struct sl_arena *arena, struct sl_wire_value **out_values, struct sl_error *err)
{
    struct decoder d = {.c = sl_cursor_over(body, body_bytes), .arena = arena};
    uint32_t count = statement->parameter_count;
    *out_values = NULL;
    if (statement->failure != 0)
        return fail_body(err, statement->failure, "Incorrect arguments to SEND_LONG_DATA");
    (void)sl_cursor_u8(&d.c); /* a wish for a cursor: rows are sent at once instead */
    uint32_t iterations = sl_cursor_u32le(&d.c);
    if (!d.c.bad && iterations != 1)
        return fail_body(err, SL_ER_WRONG_ARGUMENTS, "Incorrect arguments to EXECUTE");
    if (count == 0)
        return d.c.bad ? fail_body(err, SL_ER_MALFORMED_PACKET, "Malformed EXECUTE") : SL_OK;

    const uint8_t *nulls = sl_cursor_take(&d.c, (count + 7) / 8);
    take_types(statement, &d.c);
    if (!d.c.bad && !statement->has_types)
        return fail_body(err, SL_ER_WRONG_ARGUMENTS, "EXECUTE without types of its parameters");
    struct sl_wire_value *values = sl_arena_calloc(arena, count, sizeof(*values));
    if (values == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for the parameters of a statement");

    for (uint32_t i = 0; i < count && !d.c.bad && !d.is_over_budget; i++) {
        uint8_t type = statement->types[(size_t)i * TYPE_BYTES];
        bool is_unsigned = (statement->types[(size_t)i * TYPE_BYTES + 1] & UNSIGNED_BIT) != 0;
        if (statement->pieces != NULL && statement->pieces[i].is_there)
            values[i] = value_of_piece(&statement->pieces[i], type);
        else if ((nulls[i / 8] >> i % 8 & 1) != 0)
            values[i] = (struct sl_wire_value){.type = SL_TYPE_NULL, .is_null = true};
        else
            values[i] = take_value(&d, type, is_unsigned);
    }
    if (d.is_over_budget)
        return sl_fail(err, SL_LIMIT, "no memory for the parameters of a statement");
    if (d.c.bad || sl_cursor_left(&d.c) != 0)
        return fail_body(err, SL_ER_MALFORMED_PACKET, "Malformed EXECUTE: its values do not fit");
    *out_values = values;
    return SL_OK;
}
