/*
 * value.c - order and conversion of single values.
 */
#include "query/value.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

#include "storage/base/clock.h"
#include "storage/value_text.h"

#define DAY_US SL_US_PER_DAY

sl_status
sl_fail_range(struct sl_error *err, const char *what)
{
    (void)sl_fail(err, SL_LIMIT, "%s value is out of range", what);
    if (err != NULL)
        err->sql_number = 1690;
    return SL_LIMIT;
}

sl_status
sl_fail_memory(struct sl_error *err)
{
    return sl_fail(err, SL_LIMIT, "the query needs more memory than it may use");
}

uint8_t *
sl_eval_bytes(struct sl_eval *eval, size_t size_bytes)
{
    uint8_t *bytes = sl_arena_alloc(eval->arena, size_bytes);

    if (bytes == NULL)
        (void)sl_fail_memory(eval->err);
    return bytes;
}

uint8_t *
sl_eval_text(struct sl_eval *eval, size_t size, struct sl_value *out)
{
    if (size > SL_TEXT_BYTES_MAX) {
        (void)sl_fail(eval->err, SL_LIMIT, "a text is longer than %d bytes", SL_TEXT_BYTES_MAX);
        return NULL;
    }
    uint8_t *bytes = sl_eval_bytes(eval, size);
    out->as.slice = (struct sl_slice){.bytes = bytes, .size_bytes = (uint32_t)size};
    return bytes;
}

sl_status
sl_eval_copy(struct sl_eval *eval, const void *text, size_t size, struct sl_value *out)
{
    uint8_t *bytes = sl_eval_text(eval, size, out);

    if (bytes == NULL)
        return SL_LIMIT;
    if (size > 0)
        memcpy(bytes, text, size);
    return SL_OK;
}

struct sl_value
sl_vector_value(const struct sl_vector *vector, uint32_t row)
{
    struct sl_value value = {.type = vector->type, .scale = vector->scale};

    if (vector->type == SL_TYPE_NULL || sl_vector_is_null(vector, row)) {
        value.is_null = true;
        return value;
    }
    uint32_t entry = sl_vector_entry(vector, row);
    switch (vector->type) {
    case SL_TYPE_U8:
    case SL_TYPE_U16:
    case SL_TYPE_U32:
    case SL_TYPE_U64:
    case SL_TYPE_BOOL:
    case SL_TYPE_MAC:
        value.as.u64 = sl_vector_entry_u64(vector, entry);
        break;
    case SL_TYPE_I64:
    case SL_TYPE_TIME:
    case SL_TYPE_DATE:
    case SL_TYPE_SPAN:
        value.as.i64 = ((const int64_t *)vector->values)[entry];
        break;
    case SL_TYPE_F64:
        value.as.f64 = ((const double *)vector->values)[entry];
        break;
    case SL_TYPE_DECIMAL:
        value.as.i128 = ((const sl_i128 *)vector->values)[entry];
        break;
    case SL_TYPE_ADDR:
        value.as.addr = sl_vector_entry_addr(vector, entry);
        break;
    case SL_TYPE_TEXT:
    case SL_TYPE_OCTETS:
        value.as.slice = sl_vector_entry_slice(vector, entry);
        break;
    case SL_TYPE_NULL:
    case SL_TYPE_COUNT:
        break;
    }
    return value;
}

int
sl_text_compare(struct sl_slice a, struct sl_slice b, bool is_binary)
{
    uint32_t size = a.size_bytes < b.size_bytes ? a.size_bytes : b.size_bytes;

    if (is_binary) {
        int order = size == 0 ? 0 : memcmp(a.bytes, b.bytes, size);
        if (order != 0)
            return order;
    } else {
        for (uint32_t i = 0; i < size; i++) {
            int order = tolower(a.bytes[i]) - tolower(b.bytes[i]);
            if (order != 0)
                return order;
        }
    }
    return (a.size_bytes > b.size_bytes) - (a.size_bytes < b.size_bytes);
}

static int
compare_integers(const struct sl_value *a, const struct sl_value *b)
{
    bool a_signed = a->type == SL_TYPE_I64;
    bool b_signed = b->type == SL_TYPE_I64;

    if (a_signed && a->as.i64 < 0 && !b_signed)
        return -1;
    if (b_signed && b->as.i64 < 0 && !a_signed)
        return 1;
    if (a_signed && b_signed)
        return (a->as.i64 > b->as.i64) - (a->as.i64 < b->as.i64);
    return (a->as.u64 > b->as.u64) - (a->as.u64 < b->as.u64);
}

static int
compare_decimals(const struct sl_value *a, const struct sl_value *b)
{
    sl_i128 left = a->as.i128, right = b->as.i128;
    unsigned scale = a->scale > b->scale ? a->scale : b->scale;

    /* When raising one to the other's scale overflows, its magnitude decides. */
    if (!sl_decimal_rescale(a->as.i128, a->scale, scale, &left))
        return a->as.i128 > 0 ? 1 : -1;
    if (!sl_decimal_rescale(b->as.i128, b->scale, scale, &right))
        return b->as.i128 > 0 ? -1 : 1;
    return (left > right) - (left < right);
}

int
sl_value_compare(const struct sl_value *a, const struct sl_value *b, bool is_binary)
{
    SL_DEBUG_ASSERT(!a->is_null && !b->is_null);
    switch (a->type) {
    case SL_TYPE_U8:
    case SL_TYPE_U16:
    case SL_TYPE_U32:
    case SL_TYPE_U64:
    case SL_TYPE_BOOL:
    case SL_TYPE_I64:
        return compare_integers(a, b);
    case SL_TYPE_MAC:
        return (a->as.u64 > b->as.u64) - (a->as.u64 < b->as.u64);
    case SL_TYPE_TIME:
    case SL_TYPE_DATE:
    case SL_TYPE_SPAN:
        return (a->as.i64 > b->as.i64) - (a->as.i64 < b->as.i64);
    case SL_TYPE_F64:
        return (a->as.f64 > b->as.f64) - (a->as.f64 < b->as.f64);
    case SL_TYPE_DECIMAL:
        return compare_decimals(a, b);
    case SL_TYPE_ADDR:
        return sl_addr_compare(a->as.addr, b->as.addr);
    case SL_TYPE_TEXT:
        return sl_text_compare(a->as.slice, b->as.slice, is_binary);
    case SL_TYPE_OCTETS:
        return sl_text_compare(a->as.slice, b->as.slice, true);
    case SL_TYPE_NULL:
    case SL_TYPE_COUNT:
        break;
    }
    return 0;
}

sl_i128
sl_power_of_ten(unsigned exponent)
{
    sl_i128 power = 1;

    SL_ASSERT(exponent <= SL_DECIMAL_DIGITS_MAX);
    while (exponent-- > 0)
        power *= 10;
    return power;
}

static bool
fits(sl_i128 value)
{
    static const sl_i128 limit =
        (sl_i128)UINT64_C(10000000000000000000) * UINT64_C(10000000000000000000);

    return value < limit && value > -limit;
}

bool
sl_i128_add(sl_i128 a, sl_i128 b, sl_i128 *out)
{
    /* Both have at most 38 digits, and 2 * 10^38 is still below 2^128 but not below 2^127. */
    sl_u128 sum = (sl_u128)a + (sl_u128)b;
    sl_i128 result = (sl_i128)sum;

    if ((a >= 0) == (b >= 0) && (result >= 0) != (a >= 0))
        return false;
    *out = result;
    return fits(result);
}

bool
sl_i128_multiply(sl_i128 a, sl_i128 b, sl_i128 *out)
{
    sl_u128 left = a < 0 ? -(sl_u128)a : (sl_u128)a;
    sl_u128 right = b < 0 ? -(sl_u128)b : (sl_u128)b;

    if (left >> 64 == 0 && right >> 64 == 0) {
        left *= right;
    } else {
        if (left != 0 && right > ((~(sl_u128)0) >> 1) / left)
            return false;
        left *= right;
    }
    if (left >> 127 != 0)
        return false;
    *out = (a < 0) != (b < 0) ? -(sl_i128)left : (sl_i128)left;
    return fits(*out);
}

bool
sl_decimal_rescale(sl_i128 value, unsigned from, unsigned to, sl_i128 *out)
{
    if (to >= from)
        return to - from <= SL_DECIMAL_DIGITS_MAX
                   ? sl_i128_multiply(value, sl_power_of_ten(to - from), out)
                   : value == 0 && (*out = 0, true);
    if (from - to > SL_DECIMAL_DIGITS_MAX) {
        *out = 0;
        return true;
    }
    sl_i128 power = sl_power_of_ten(from - to);
    sl_i128 quotient = value / power;
    sl_i128 rest = value % power;
    if (rest < 0)
        rest = -rest;
    if (rest >= power - rest)
        quotient += value < 0 ? -1 : 1;
    *out = quotient;
    return true;
}

double
sl_decimal_to_f64(sl_i128 value, unsigned scale)
{
    return (double)value / (double)sl_power_of_ten(scale);
}

/* Bytes of the number that starts the text: sign, digits, fraction, exponent. */
static size_t
number_length(struct sl_slice text, size_t *out_start)
{
    const uint8_t *s = text.bytes;
    size_t size = text.size_bytes, at = 0, digits = 0;

    while (at < size && isspace(s[at]))
        at++;
    *out_start = at;
    if (at < size && (s[at] == '-' || s[at] == '+'))
        at++;
    for (; at < size && isdigit(s[at]); at++)
        digits++;
    if (at < size && s[at] == '.')
        for (at++; at < size && isdigit(s[at]); at++)
            digits++;
    if (digits == 0)
        return 0;
    if (at < size && (s[at] | 0x20) == 'e') {
        size_t exponent = at + 1;
        if (exponent < size && (s[exponent] == '-' || s[exponent] == '+'))
            exponent++;
        if (exponent < size && isdigit(s[exponent]))
            for (at = exponent; at < size && isdigit(s[at]);)
                at++;
    }
    return at - *out_start;
}

static bool
is_blank(struct sl_slice text, size_t from)
{
    while (from < text.size_bytes && isspace(text.bytes[from]))
        from++;
    return from == text.size_bytes;
}

bool
sl_text_to_f64(struct sl_slice text, double *out)
{
    char copy[352];
    size_t start, size = number_length(text, &start);

    *out = 0;
    if (size == 0)
        return false;
    size_t used = size < sizeof(copy) - 1 ? size : sizeof(copy) - 1;
    memcpy(copy, text.bytes + start, used);
    copy[used] = '\0';
    *out = strtod(copy, NULL);
    if (isinf(*out))
        *out = *out < 0 ? -1.7976931348623157e308 : 1.7976931348623157e308;
    return is_blank(text, start + size);
}

bool
sl_text_to_decimal(struct sl_slice text, unsigned scale, sl_i128 *out)
{
    size_t start, size = number_length(text, &start);
    const uint8_t *s = text.bytes + start;
    sl_i128 value = 0;
    unsigned fraction = 0;
    bool is_fraction = false, is_negative = size > 0 && s[0] == '-';
    bool is_whole = is_blank(text, start + size) && size > 0;

    *out = 0;
    for (size_t i = 0; i < size; i++) {
        if (s[i] == '.') {
            is_fraction = true;
        } else if ((s[i] | 0x20) == 'e') {
            double number; /* rare: through a double */
            (void)sl_text_to_f64(text, &number);
            number *= (double)sl_power_of_ten(scale);
            *out = fabs(number) < 1e37 ? (sl_i128)llrint(fmin(fmax(number, -9e18), 9e18)) : 0;
            return is_whole && fabs(number) < 9e18;
        } else if (isdigit(s[i])) {
            if (is_fraction && fraction > scale)
                continue; /* one digit more than wanted is enough to round */
            if (!sl_i128_multiply(value, 10, &value)) {
                *out = (is_negative ? -1 : 1) * (sl_power_of_ten(SL_DECIMAL_DIGITS_MAX) - 1);
                return false;
            }
            value += s[i] - '0';
            fraction += is_fraction;
        }
    }
    return sl_decimal_rescale(is_negative ? -value : value, fraction, scale, out) && is_whole;
}

bool
sl_number_to_time(int64_t number, int64_t *out_time_us)
{
    int64_t date = number, clock = 0;

    if (number >= INT64_C(100000000)) {
        date = number / 1000000;
        clock = number % 1000000;
    }
    char text[SL_DATETIME_TEXT_BYTES];
    if (number < 0 || date > 99991231)
        return false;
    int size = snprintf(text, sizeof(text), "%04d-%02d-%02d %02d:%02d:%02d", (int)(date / 10000),
                        (int)(date / 100 % 100), (int)(date % 100), (int)(clock / 10000),
                        (int)(clock / 100 % 100), (int)(clock % 100));
    return sl_time_parse(text, (size_t)size, out_time_us);
}

bool
sl_text_to_time(struct sl_slice text, int64_t *out_time_us)
{
    size_t start = 0, end = text.size_bytes;

    while (start < end && isspace(text.bytes[start]))
        start++;
    while (end > start && isspace(text.bytes[end - 1]))
        end--;
    if (sl_time_parse((const char *)text.bytes + start, end - start, out_time_us))
        return true;
    if (end - start != 8 && end - start != 14)
        return false;
    int64_t number = 0;
    for (size_t i = start; i < end; i++) {
        if (!isdigit(text.bytes[i]))
            return false;
        number = number * 10 + (text.bytes[i] - '0');
    }
    return sl_number_to_time(number, out_time_us);
}

bool
sl_text_to_span(struct sl_slice text, int64_t *out_span_us)
{
    int64_t parts[3] = {0};
    int64_t fraction = 0, unit = 100000;
    unsigned part = 0, digits = 0;
    size_t at = 0;
    bool is_negative = text.size_bytes > 0 && text.bytes[0] == '-';

    for (at = is_negative; at < text.size_bytes; at++) {
        uint8_t c = text.bytes[at];
        if (isdigit(c) && digits < 4) {
            parts[part] = parts[part] * 10 + (c - '0');
            digits++;
        } else if (c == ':' && part < 2 && digits > 0) {
            part++;
            digits = 0;
        } else {
            break;
        }
    }
    if (at < text.size_bytes && text.bytes[at] == '.' && part == 2)
        for (at++; at < text.size_bytes && isdigit(text.bytes[at]); at++, unit /= 10)
            fraction += (text.bytes[at] - '0') * unit;
    if (part == 0 || digits == 0 || !is_blank(text, at) || parts[1] > 59 || parts[2] > 59)
        return false;
    int64_t span = ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * SL_US_PER_S + fraction;
    *out_span_us = is_negative ? -span : span;
    return true;
}

bool
sl_text_to_mac(struct sl_slice text, uint64_t *out_mac)
{
    uint64_t mac = 0;

    if (text.size_bytes != 17)
        return false;
    for (size_t i = 0; i < 17; i++) {
        uint8_t c = text.bytes[i];
        if (i % 3 == 2) {
            if (c != ':' && c != '-')
                return false;
        } else if (isxdigit(c)) {
            mac = mac << 4 | (uint64_t)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
        } else {
            return false;
        }
    }
    *out_mac = mac;
    return true;
}

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t
sl_time_to_number(int64_t time_us, int64_t *out_fraction_us)
{
    int64_t days = floor_div(time_us, DAY_US);
    int64_t rest = time_us - days * DAY_US;
    int64_t seconds = rest / SL_US_PER_S;
    int64_t year;
    unsigned month, day;

    sl_civil_from_days(days, &year, &month, &day);
    *out_fraction_us = rest % SL_US_PER_S;
    return ((((year * 100 + month) * 100 + day) * 100 + seconds / 3600) * 100 + seconds / 60 % 60) *
               100 +
           seconds % 60;
}

size_t
sl_datetime_format(int64_t time_us, unsigned scale, char text[SL_DATETIME_TEXT_BYTES])
{
    int64_t fraction;
    int64_t number = sl_time_to_number(time_us, &fraction);
    int size = snprintf(text, SL_DATETIME_TEXT_BYTES, "%04d-%02d-%02d %02d:%02d:%02d.%06d",
                        (int)(number / INT64_C(10000000000)), (int)(number / 100000000 % 100),
                        (int)(number / 1000000 % 100), (int)(number / 10000 % 100),
                        (int)(number / 100 % 100), (int)(number % 100), (int)fraction);
    size_t length =
        (size_t)size < SL_DATETIME_TEXT_BYTES ? (size_t)size : SL_DATETIME_TEXT_BYTES - 1;
    return scale == 0 ? length - 7 : length - 6 + scale;
}
