/*
 * row.c - see row.h.
 */
#include "client/mysql/row.h"

#include <math.h>
#include <stdio.h>

#include "storage/base/clock.h"
#include "storage/value_text.h"

enum {
    NULL_TEXT = 0xfb,
    NULL_BITS_SKIPPED = 2, /* of the bitmap of a binary row */
    SHORT_TEXT_BYTES = 64, /* longer than any value that is formatted here */
    POINT_DIGITS_MAX = 15,
    FRACTION_DIGITS = 6,
};

/* The calendar's ends: what lies beyond is shown as the end. */
#define TIME_US_MIN (INT64_C(-62167219200) * SL_US_PER_S)
#define TIME_US_MAX (INT64_C(253402300800) * SL_US_PER_S - 1)

/* ---- numbers as text ---- */

static size_t
format_i64(int64_t value, char *text)
{
    if (value >= 0)
        return sl_u64_format((uint64_t)value, text);
    text[0] = '-';
    return 1 + sl_u64_format(-(uint64_t)value, text + 1);
}

/* The shortest form with an exponent: "-1.5e-07". */
static void
format_shortest(double value, char text[SL_MYSQL_F64_BYTES])
{
    for (int precision = POINT_DIGITS_MAX - 1; precision <= POINT_DIGITS_MAX + 1; precision++) {
        (void)snprintf(text, SL_MYSQL_F64_BYTES, "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

/* digits[0 .. count) with the point behind the first `point` of them (which may be none, or more
 * than there are). */
static size_t
place_point(const char *digits, int count, int point, char *text)
{
    size_t at = 0;
    if (point <= 0)
        text[at++] = '0';
    for (int i = 0; i < point; i++)
        text[at++] = i < count ? digits[i] : '0';
    if (count <= point)
        return at;
    text[at++] = '.';
    for (int i = point; i < 0; i++)
        text[at++] = '0';
    for (int i = point < 0 ? 0 : point; i < count; i++)
        text[at++] = digits[i];
    return at;
}

size_t
sl_mysql_f64_format(double value, char text[SL_MYSQL_F64_BYTES])
{
    char shortest[SL_MYSQL_F64_BYTES];
    char digits[SL_MYSQL_F64_BYTES];
    int count = 0;
    size_t at = 0;
    if (value == 0) {
        text[0] = '0';
        return 1;
    }
    format_shortest(fabs(value), shortest);
    const char *mark = strchr(shortest, 'e');
    SL_ASSERT(mark != NULL); /* the value is finite */
    for (const char *p = shortest; p < mark; p++)
        if (*p != '.')
            digits[count++] = *p;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    long point = strtol(mark + 1, NULL, 10) + 1;

    if (value < 0)
        text[at++] = '-';
    if (point >= 1 - POINT_DIGITS_MAX && point <= POINT_DIGITS_MAX)
        return at + place_point(digits, count, (int)point, text + at);
    at += place_point(digits, count, 1, text + at);
    text[at++] = 'e';
    return at + format_i64(point - 1, text + at);
}

/* ---- times as text ---- */

static char *
put_digits(char *text, uint64_t value, int digits)
{
    for (int i = digits; i-- > 0; value /= 10)
        text[i] = (char)('0' + value % 10);
    return text + digits;
}

/* The first `digits` of six. */
static char *
put_fraction(char *text, uint64_t us, unsigned digits)
{
    char all[FRACTION_DIGITS];
    if (digits == 0)
        return text;
    (void)put_digits(all, us, FRACTION_DIGITS);
    *text++ = '.';
    memcpy(text, all, digits);
    return text + digits;
}

struct moment {
    uint16_t year;
    uint8_t month, day, hour, minute, second;
    uint32_t us;
};

static struct moment
moment_of_days(int64_t days)
{
    int64_t year = 0;
    unsigned month = 0;
    unsigned day = 0;
    int64_t bounded = days;
    if (days < TIME_US_MIN / SL_US_PER_DAY)
        bounded = TIME_US_MIN / SL_US_PER_DAY;
    if (days > TIME_US_MAX / SL_US_PER_DAY)
        bounded = TIME_US_MAX / SL_US_PER_DAY;
    sl_civil_from_days(bounded, &year, &month, &day);
    return (struct moment){.year = (uint16_t)year, .month = (uint8_t)month, .day = (uint8_t)day};
}

static struct moment
moment_of_time(int64_t time_us, const struct sl_zone *zone)
{
    int64_t local_us = sl_zone_to_local(zone, time_us);
    local_us = local_us < TIME_US_MIN   ? TIME_US_MIN
               : local_us > TIME_US_MAX ? TIME_US_MAX
                                        : local_us;
    int64_t days = local_us / SL_US_PER_DAY;
    int64_t rest_us = local_us % SL_US_PER_DAY;
    if (rest_us < 0) {
        rest_us += SL_US_PER_DAY;
        days--;
    }
    struct moment m = moment_of_days(days);
    m.hour = (uint8_t)(rest_us / SL_US_PER_HOUR);
    m.minute = (uint8_t)(rest_us / SL_US_PER_MINUTE % 60);
    m.second = (uint8_t)(rest_us / SL_US_PER_S % 60);
    m.us = (uint32_t)(rest_us % SL_US_PER_S);
    return m;
}

static char *
put_day(char *at, const struct moment *m)
{
    at = put_digits(at, m->year, 4);
    *at++ = '-';
    at = put_digits(at, m->month, 2);
    *at++ = '-';
    return put_digits(at, m->day, 2);
}

static size_t
format_time(int64_t time_us, const struct sl_zone *zone, unsigned digits, char *text)
{
    struct moment m = moment_of_time(time_us, zone);
    char *at = put_day(text, &m);
    *at++ = ' ';
    at = put_digits(at, m.hour, 2);
    *at++ = ':';
    at = put_digits(at, m.minute, 2);
    *at++ = ':';
    at = put_digits(at, m.second, 2);
    at = put_fraction(at, m.us, digits);
    return (size_t)(at - text);
}

static size_t
format_date(int64_t days, char *text)
{
    struct moment m = moment_of_days(days);
    return (size_t)(put_day(text, &m) - text);
}

static size_t
format_span(int64_t span_us, unsigned digits, char *text)
{
    uint64_t us = span_us < 0 ? -(uint64_t)span_us : (uint64_t)span_us;
    uint64_t seconds = us / SL_US_PER_S;
    uint64_t hours = seconds / 3600;
    char *at = text;
    if (span_us < 0)
        *at++ = '-';
    if (hours < 100)
        at = put_digits(at, hours, 2);
    else
        at += sl_u64_format(hours, at);
    *at++ = ':';
    at = put_digits(at, seconds / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, seconds % 60, 2);
    at = put_fraction(at, us % SL_US_PER_S, digits);
    return (size_t)(at - text);
}

/* ---- any value as text, with its length ---- */

static size_t
format_mac(uint64_t mac, char *text)
{
    return (size_t)snprintf(text, SHORT_TEXT_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x",
                            (unsigned)(mac >> 40 & 255), (unsigned)(mac >> 32 & 255),
                            (unsigned)(mac >> 24 & 255), (unsigned)(mac >> 16 & 255),
                            (unsigned)(mac >> 8 & 255), (unsigned)(mac & 255));
}

static void
put_decimal(struct sl_buf *out, const struct sl_vector *v, uint32_t row, unsigned scale)
{
    size_t at = out->size_bytes;
    sl_buf_u8(out, 0);
    sl_decimal_format(sl_vector_i128(v, row), scale, out);
    if (!out->bad)
        out->bytes[at] = (uint8_t)(out->size_bytes - at - 1); /* below 64 digits */
}

/* Values of bounded size go through `text`; the others straight out. */
static void
put_text(struct sl_buf *out, const struct sl_mysql_column *column, const struct sl_vector *v,
         uint32_t row, const struct sl_zone *zone)
{
    char text[SHORT_TEXT_BYTES];
    size_t size_bytes = 0;
    switch (v->type) {
    case SL_TYPE_U8:
    case SL_TYPE_U16:
    case SL_TYPE_U32:
    case SL_TYPE_U64:
    case SL_TYPE_BOOL:
        size_bytes = sl_u64_format(sl_vector_u64(v, row), text);
        break;
    case SL_TYPE_I64:
        size_bytes = format_i64((int64_t)sl_vector_u64(v, row), text);
        break;
    case SL_TYPE_F64:
        size_bytes = sl_mysql_f64_format(sl_vector_f64(v, row), text);
        break;
    case SL_TYPE_TIME:
        size_bytes = format_time((int64_t)sl_vector_u64(v, row), zone, column->decimals, text);
        break;
    case SL_TYPE_DATE:
        size_bytes = format_date((int64_t)sl_vector_u64(v, row), text);
        break;
    case SL_TYPE_SPAN:
        size_bytes = format_span((int64_t)sl_vector_u64(v, row), column->decimals, text);
        break;
    case SL_TYPE_ADDR:
        size_bytes = sl_addr_format(sl_vector_addr(v, row), text);
        break;
    case SL_TYPE_MAC:
        size_bytes = format_mac(sl_vector_u64(v, row), text);
        break;
    case SL_TYPE_DECIMAL:
        put_decimal(out, v, row, v->scale);
        return;
    case SL_TYPE_TEXT:
    case SL_TYPE_OCTETS: {
        struct sl_slice slice = sl_vector_slice(v, row);
        sl_lenenc_put_bytes(out, slice.bytes, slice.size_bytes);
        return;
    }
    case SL_TYPE_NULL:
    case SL_TYPE_COUNT:
        break;
    }
    SL_ASSERT(size_bytes != 0 && size_bytes < SHORT_TEXT_BYTES);
    uint8_t *at = sl_buf_extend(out, size_bytes + 1);
    if (at == NULL)
        return;
    at[0] = (uint8_t)size_bytes;
    memcpy(at + 1, text, size_bytes);
}

/* ---- binary values ---- */

static void
put_moment(struct sl_buf *out, const struct moment *m)
{
    bool has_clock = m->hour != 0 || m->minute != 0 || m->second != 0 || m->us != 0;
    uint8_t size_bytes = m->us != 0 ? 11 : has_clock ? 7 : 4;
    sl_buf_u8(out, size_bytes);
    sl_buf_u16le(out, m->year);
    sl_buf_u8(out, m->month);
    sl_buf_u8(out, m->day);
    if (size_bytes == 4)
        return;
    sl_buf_u8(out, m->hour);
    sl_buf_u8(out, m->minute);
    sl_buf_u8(out, m->second);
    if (size_bytes == 11)
        sl_buf_u32le(out, m->us);
}

static void
put_span(struct sl_buf *out, int64_t span_us)
{
    uint64_t us = span_us < 0 ? -(uint64_t)span_us : (uint64_t)span_us;
    uint64_t seconds = us / SL_US_PER_S;
    uint32_t fraction_us = (uint32_t)(us % SL_US_PER_S);
    uint8_t size_bytes = fraction_us != 0 ? 12 : us != 0 ? 8 : 0;
    sl_buf_u8(out, size_bytes);
    if (size_bytes == 0)
        return;
    sl_buf_u8(out, span_us < 0);
    sl_buf_u32le(out, (uint32_t)(seconds / 86400));
    sl_buf_u8(out, (uint8_t)(seconds / 3600 % 24));
    sl_buf_u8(out, (uint8_t)(seconds / 60 % 60));
    sl_buf_u8(out, (uint8_t)(seconds % 60));
    if (size_bytes == 12)
        sl_buf_u32le(out, fraction_us);
}

static void
put_binary(struct sl_buf *out, const struct sl_mysql_column *column, const struct sl_vector *v,
           uint32_t row, const struct sl_zone *zone)
{
    struct moment m;
    double number;
    uint64_t bits;
    switch (column->type) {
    case SL_MYSQL_TINY:
        sl_buf_u8(out, (uint8_t)sl_vector_u64(v, row));
        return;
    case SL_MYSQL_SHORT:
        sl_buf_u16le(out, (uint16_t)sl_vector_u64(v, row));
        return;
    case SL_MYSQL_LONG:
        sl_buf_u32le(out, (uint32_t)sl_vector_u64(v, row));
        return;
    case SL_MYSQL_LONGLONG:
        sl_buf_u64le(out, sl_vector_u64(v, row));
        return;
    case SL_MYSQL_DOUBLE:
        number = sl_vector_f64(v, row);
        memcpy(&bits, &number, sizeof(bits));
        sl_buf_u64le(out, bits);
        return;
    case SL_MYSQL_DATETIME:
        m = moment_of_time((int64_t)sl_vector_u64(v, row), zone);
        put_moment(out, &m);
        return;
    case SL_MYSQL_DATE:
        m = moment_of_days((int64_t)sl_vector_u64(v, row));
        put_moment(out, &m);
        return;
    case SL_MYSQL_TIME:
        put_span(out, (int64_t)sl_vector_u64(v, row));
        return;
    default:
        put_text(out, column, v, row, zone);
    }
}

/* ---- rows ---- */

/* MySQL has no infinities: they are NULL there, so here. */
static bool
is_null(const struct sl_vector *v, uint32_t row)
{
    return v->type == SL_TYPE_NULL || sl_vector_is_null(v, row) ||
           (v->type == SL_TYPE_F64 && !isfinite(sl_vector_f64(v, row)));
}

static void
put_text_row(struct sl_buf *out, const struct sl_rows *rows, uint32_t row)
{
    for (uint32_t i = 0; i < rows->column_count; i++) {
        if (is_null(&rows->vectors[i], row))
            sl_buf_u8(out, NULL_TEXT);
        else
            put_text(out, &rows->columns[i], &rows->vectors[i], row, rows->zone);
    }
}

static void
put_binary_row(struct sl_buf *out, const struct sl_rows *rows, uint32_t row)
{
    size_t map_bytes = (rows->column_count + NULL_BITS_SKIPPED + 7) / 8;
    sl_buf_u8(out, 0);
    size_t map_offset = out->size_bytes;
    uint8_t *map = sl_buf_extend(out, map_bytes);
    if (map == NULL)
        return;
    memset(map, 0, map_bytes);
    for (uint32_t i = 0; i < rows->column_count && !out->bad; i++) {
        size_t bit = i + NULL_BITS_SKIPPED;
        if (is_null(&rows->vectors[i], row))
            out->bytes[map_offset + bit / 8] |= (uint8_t)(1u << bit % 8);
        else
            put_binary(out, &rows->columns[i], &rows->vectors[i], row, rows->zone);
    }
}

void
sl_row_put(struct sl_buf *out, uint8_t *sequence, const struct sl_rows *rows, uint32_t row,
           enum sl_row_form form)
{
    size_t start = sl_packet_begin(out);
    if (form == SL_ROW_TEXT)
        put_text_row(out, rows, row);
    else
        put_binary_row(out, rows, row);
    sl_packet_end(out, start, sequence);
}
