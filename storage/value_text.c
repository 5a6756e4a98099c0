/*
 * value_text.c - see value_text.h.
 */
#include "storage/value_text.h"

#include <math.h>
#include <stdio.h>

#include "storage/base/clock.h"

void
sl_decimal_format(sl_i128 value, unsigned scale, struct sl_buf *out)
{
    char digits[64]; /* 39 digits, a point, a sign, leading zeros up to the scale */
    size_t at = sizeof(digits);
    bool is_negative = value < 0;
    sl_u128 rest = is_negative ? -(sl_u128)value : (sl_u128)value;
    unsigned placed = 0;
    do {
        if (placed == scale && scale != 0)
            digits[--at] = '.';
        digits[--at] = (char)('0' + (int)(rest % 10));
        rest /= 10;
        placed++;
    } while ((rest != 0 || placed <= scale) && at > 2);
    if (is_negative)
        digits[--at] = '-';
    sl_buf_append(out, &digits[at], sizeof(digits) - at);
}

void
sl_f64_format(double value, struct sl_buf *out)
{
    char text[40];
    for (int precision = 15; precision <= 17; precision++) {
        (void)snprintf(text, sizeof(text), "%.*g", precision, value);
        if (strtod(text, NULL) == value || isnan(value))
            break;
    }
    sl_buf_text(out, text);
}

static void
format_u64(uint64_t value, struct sl_buf *out)
{
    char digits[SL_U64_TEXT_BYTES];
    sl_buf_append(out, digits, sl_u64_format(value, digits));
}

static void
format_i64(int64_t value, struct sl_buf *out)
{
    if (value < 0)
        sl_buf_u8(out, '-');
    format_u64(value < 0 ? -(uint64_t)value : (uint64_t)value, out);
}

static void
format_hex(struct sl_slice slice, struct sl_buf *out)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *at = sl_buf_extend(out, (size_t)slice.size_bytes * 2);
    for (uint32_t i = 0; at != NULL && i < slice.size_bytes; i++) {
        *at++ = (uint8_t)digits[slice.bytes[i] >> 4];
        *at++ = (uint8_t)digits[slice.bytes[i] & 15];
    }
}

static void
format_mac(uint64_t mac, struct sl_buf *out)
{
    sl_buf_printf(out, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned)(mac >> 40 & 255),
                  (unsigned)(mac >> 32 & 255), (unsigned)(mac >> 24 & 255),
                  (unsigned)(mac >> 16 & 255), (unsigned)(mac >> 8 & 255), (unsigned)(mac & 255));
}

static void
format_time(int64_t time_us, struct sl_buf *out)
{
    char text[SL_TIME_TEXT_BYTES];
    sl_buf_append(out, text, sl_time_format(time_us, text));
}

static void
format_date(int64_t days, struct sl_buf *out)
{
    int64_t year = 0;
    unsigned month = 0;
    unsigned day = 0;
    sl_civil_from_days(days, &year, &month, &day);
    sl_buf_printf(out, "%04" PRId64 "-%02u-%02u", year, month, day);
}

/* MySQL's TIME: "-838:59:59.000000", the fraction only when there is one. */
static void
format_span(int64_t span_us, struct sl_buf *out)
{
    uint64_t us = span_us < 0 ? -(uint64_t)span_us : (uint64_t)span_us;
    uint64_t seconds = us / SL_US_PER_S;
    sl_buf_printf(out, "%s%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, span_us < 0 ? "-" : "",
                  seconds / 3600, seconds / 60 % 60, seconds % 60);
    if (us % SL_US_PER_S != 0)
        sl_buf_printf(out, ".%06" PRIu64, us % SL_US_PER_S);
}

static void
format_addr(struct sl_addr addr, struct sl_buf *out)
{
    char text[SL_ADDR_TEXT_BYTES];
    sl_buf_append(out, text, sl_addr_format(addr, text));
}

void
sl_value_format(const struct sl_vector *v, uint32_t row, struct sl_buf *out)
{
    switch (v->type) {
    case SL_TYPE_U8:
    case SL_TYPE_U16:
    case SL_TYPE_U32:
    case SL_TYPE_U64:
    case SL_TYPE_BOOL:
        format_u64(sl_vector_u64(v, row), out);
        return;
    case SL_TYPE_I64:
        format_i64((int64_t)sl_vector_u64(v, row), out);
        return;
    case SL_TYPE_F64:
        sl_f64_format(sl_vector_f64(v, row), out);
        return;
    case SL_TYPE_TIME:
        format_time((int64_t)sl_vector_u64(v, row), out);
        return;
    case SL_TYPE_ADDR:
        format_addr(sl_vector_addr(v, row), out);
        return;
    case SL_TYPE_MAC:
        format_mac(sl_vector_u64(v, row), out);
        return;
    case SL_TYPE_TEXT: {
        struct sl_slice slice = sl_vector_slice(v, row);
        sl_buf_append(out, slice.bytes, slice.size_bytes);
        return;
    }
    case SL_TYPE_OCTETS:
        format_hex(sl_vector_slice(v, row), out);
        return;
    case SL_TYPE_DECIMAL:
        sl_decimal_format(sl_vector_i128(v, row), v->scale, out);
        return;
    case SL_TYPE_DATE:
        format_date((int64_t)sl_vector_u64(v, row), out);
        return;
    case SL_TYPE_SPAN:
        format_span((int64_t)sl_vector_u64(v, row), out);
        return;
    case SL_TYPE_NULL:
    case SL_TYPE_COUNT:
        return;
    }
}
