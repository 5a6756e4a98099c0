/*
 * value_cast.c - one value to another type: CAST, and every conversion that is implied.
 *
 * One function for each target; each says what it makes of every source type.
 */
#include <math.h>
#include <stdio.h>

#include "query/value.h"
#include "storage/base/clock.h"
#include "storage/value_text.h"

static size_t
format_span(int64_t span_us, unsigned scale, char *text, size_t size)
{
    int64_t span = span_us < 0 ? -span_us : span_us;
    int64_t seconds = span / SL_US_PER_S;
    int length = snprintf(text, size, "%s%02" PRId64 ":%02d:%02d.%06d", span_us < 0 ? "-" : "",
                          seconds / 3600, (int)(seconds / 60 % 60), (int)(seconds % 60),
                          (int)(span % SL_US_PER_S));

    return (size_t)length - (scale == 0 ? 7 : 6 - scale);
}

/* Bytes of the first `characters` characters. */
static uint32_t
prefix_bytes(struct sl_slice text, uint32_t characters, bool is_octets)
{
    uint32_t at = 0;

    if (is_octets)
        return text.size_bytes < characters ? text.size_bytes : characters;
    for (; at < text.size_bytes; at++)
        if ((text.bytes[at] & 0xc0) != 0x80 && characters-- == 0)
            break;
    return at;
}

static sl_status
to_text(struct sl_eval *eval, const struct sl_value *v, const struct sl_sql_type *type,
        struct sl_value *out)
{
    char text[64];
    size_t size = 0;

    if (sl_type_is_bytes(v->type)) {
        out->as.slice = v->as.slice;
    } else {
        if (v->type == SL_TYPE_TIME) {
            size = sl_datetime_format(v->as.i64, v->scale, text);
        } else if (v->type == SL_TYPE_DATE) {
            (void)sl_datetime_format(v->as.i64 * SL_US_PER_DAY, 0, text);
            size = 10;
        } else if (v->type == SL_TYPE_SPAN) {
            size = format_span(v->as.i64, v->scale, text, sizeof(text));
        } else {
            SL_ASSERT(v->type < SL_TYPE_COUNT);
            struct sl_vector one = {.type = v->type,
                                    .encoding = SL_CONSTANT,
                                    .width = (uint8_t)sl_type_bytes(v->type),
                                    .scale = v->scale,
                                    .count = 1,
                                    .value_count = 1};
            uint64_t narrow = v->as.u64;
            struct sl_buf buf = sl_buf_empty(sizeof(text));
            one.values = one.width < 8 ? (const void *)&narrow : (const void *)&v->as;
            sl_value_format(&one, 0, &buf);
            size = buf.bad ? 0 : buf.size_bytes;
            if (size > 0)
                memcpy(text, buf.bytes, size);
            sl_buf_fini(&buf);
        }
        uint8_t *bytes = sl_eval_bytes(eval, size);
        if (bytes == NULL)
            return SL_LIMIT;
        memcpy(bytes, text, size);
        out->as.slice = (struct sl_slice){.bytes = bytes, .size_bytes = (uint32_t)size};
    }
    if (type->length != 0)
        out->as.slice.size_bytes =
            prefix_bytes(out->as.slice, type->length, type->type == SL_TYPE_OCTETS);
    return SL_OK;
}

/* "... value: '1x'", of a value that is taken as far as it goes: 1292, ER_TRUNCATED_WRONG_VALUE. */
static void
warn(struct sl_eval *eval, const char *story, const struct sl_value *v)
{
    static const struct sl_sql_type text_type = {.type = SL_TYPE_TEXT};
    struct sl_warning *warning = sl_warnings_count(eval->warnings);
    struct sl_value text = {.type = SL_TYPE_TEXT};
    char shown[SL_WARNING_VALUE_BYTES] = "";

    if (warning == NULL)
        return;
    if (to_text(eval, v, &text_type, &text) == SL_OK)
        sl_warning_show_value(text.as.slice.bytes, text.as.slice.size_bytes, shown);
    *warning = (struct sl_warning){.level = SL_WARNING_WARNING, .number = 1292};
    (void)snprintf(warning->text, sizeof(warning->text), "%s value: '%s'", story, shown);
}

/* Every number, and what stands for one, as a decimal of `scale` digits. */
static sl_status
to_decimal(struct sl_eval *eval, const struct sl_value *v, unsigned scale, sl_i128 *out)
{
    int64_t fraction = 0, number;

    switch (v->type) {
    case SL_TYPE_I64:
        return sl_decimal_rescale(v->as.i64, 0, scale, out) ? SL_OK
                                                            : sl_fail_range(eval->err, "DECIMAL");
    case SL_TYPE_U8:
    case SL_TYPE_U16:
    case SL_TYPE_U32:
    case SL_TYPE_U64:
    case SL_TYPE_BOOL:
    case SL_TYPE_MAC:
        return sl_decimal_rescale(v->as.u64, 0, scale, out) ? SL_OK
                                                            : sl_fail_range(eval->err, "DECIMAL");
    case SL_TYPE_DECIMAL:
        return sl_decimal_rescale(v->as.i128, v->scale, scale, out)
                   ? SL_OK
                   : sl_fail_range(eval->err, "DECIMAL");
    case SL_TYPE_F64: {
        double scaled = v->as.f64 * (double)sl_power_of_ten(scale);
        if (!(fabs(scaled) < 1e38))
            return sl_fail_range(eval->err, "DECIMAL");
        *out = (sl_i128)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
        return SL_OK;
    }
    case SL_TYPE_TEXT:
    case SL_TYPE_OCTETS:
        if (!sl_text_to_decimal(v->as.slice, scale, out))
            warn(eval, "Truncated incorrect DECIMAL", v);
        return SL_OK;
    case SL_TYPE_TIME:
        number = sl_time_to_number(v->as.i64, &fraction);
        return sl_decimal_rescale((sl_i128)number * 1000000 + fraction, 6, scale, out)
                   ? SL_OK
                   : sl_fail_range(eval->err, "DECIMAL");
    case SL_TYPE_DATE:
        number = sl_time_to_number(v->as.i64 * SL_US_PER_DAY, &fraction) / 1000000;
        return sl_decimal_rescale(number, 0, scale, out) ? SL_OK
                                                         : sl_fail_range(eval->err, "DECIMAL");
    case SL_TYPE_SPAN: {
        int64_t span = v->as.i64 < 0 ? -v->as.i64 : v->as.i64;
        int64_t seconds = span / SL_US_PER_S;
        number = (seconds / 3600 * 100 + seconds / 60 % 60) * 100 + seconds % 60;
        sl_i128 all = (sl_i128)number * 1000000 + span % SL_US_PER_S;
        return sl_decimal_rescale(v->as.i64 < 0 ? -all : all, 6, scale, out)
                   ? SL_OK
                   : sl_fail_range(eval->err, "DECIMAL");
    }
    case SL_TYPE_ADDR: /* an IPv4 address is its number; IPv6 has none: see sl_value_cast */
        return sl_decimal_rescale(v->as.addr.low, 0, scale, out)
                   ? SL_OK
                   : sl_fail_range(eval->err, "DECIMAL");
    case SL_TYPE_NULL:
    case SL_TYPE_COUNT:
        break;
    }
    *out = 0;
    return SL_OK;
}

static sl_status
to_f64(struct sl_eval *eval, const struct sl_value *v, double *out)
{
    sl_i128 decimal;

    if (v->type == SL_TYPE_F64) {
        *out = v->as.f64;
    } else if (v->type == SL_TYPE_DECIMAL) {
        *out = sl_decimal_to_f64(v->as.i128, v->scale);
    } else if (sl_type_is_bytes(v->type)) {
        if (!sl_text_to_f64(v->as.slice, out))
            warn(eval, "Truncated incorrect DOUBLE", v);
    } else {
        SL_TRY(to_decimal(eval, v, 6, &decimal));
        *out = sl_decimal_to_f64(decimal, 6);
        if (sl_type_is_integer(v->type))
            *out = v->type == SL_TYPE_I64 ? (double)v->as.i64 : (double)v->as.u64;
    }
    return SL_OK;
}

/* BIGINT or BIGINT UNSIGNED. A negative number cast to unsigned wraps, as in MySQL; text and
 * doubles saturate with a warning. */
static sl_status
to_integer(struct sl_eval *eval, const struct sl_value *v, struct sl_value *out)
{
    sl_i128 decimal;
    bool is_whole = true;

    if (sl_type_is_integer(v->type) || v->type == SL_TYPE_MAC) {
        out->as.u64 = v->as.u64;
        return SL_OK;
    }
    if (v->type == SL_TYPE_F64) {
        double rounded = rint(v->as.f64);
        decimal = rounded >= 1e30    ? (sl_i128)1e30
                  : rounded <= -1e30 ? (sl_i128)-1e30
                  : isnan(rounded)   ? 0
                                     : (sl_i128)rounded;
    } else if (sl_type_is_bytes(v->type)) {
        /* MySQL reads the integer that starts the text: '1.9' is 1. */
        is_whole = sl_text_to_decimal(v->as.slice, 6, &decimal);
        decimal /= 1000000;
    } else {
        SL_TRY(to_decimal(eval, v, 0, &decimal));
    }
    is_whole &= decimal >= INT64_MIN;
    if (out->type == SL_TYPE_I64) {
        is_whole &= decimal <= INT64_MAX;
        out->as.i64 = decimal > INT64_MAX   ? INT64_MAX
                      : decimal < INT64_MIN ? INT64_MIN
                                            : (int64_t)decimal;
    } else {
        is_whole &= decimal <= UINT64_MAX;
        out->as.u64 = decimal > UINT64_MAX  ? UINT64_MAX
                      : decimal > INT64_MAX ? (uint64_t)decimal
                      : decimal < INT64_MIN ? 0
                                            : (uint64_t)(int64_t)decimal;
    }
    if (!is_whole)
        warn(eval, "Truncated incorrect INTEGER", v);
    return SL_OK;
}

static int64_t
floor_to(int64_t value, int64_t step)
{
    int64_t rest = value % step;

    return value - (rest < 0 ? rest + step : rest);
}

/* To TIME, DATE or SPAN; NULL where the source is none. */
static sl_status
to_temporal(struct sl_eval *eval, const struct sl_value *v, const struct sl_sql_type *type,
            struct sl_value *out)
{
    int64_t time_us = 0;
    sl_i128 number = 0;
    bool is_good = true;

    if (v->type == SL_TYPE_TIME) {
        time_us = v->as.i64;
    } else if (v->type == SL_TYPE_DATE) {
        time_us = v->as.i64 * SL_US_PER_DAY;
    } else if (v->type == SL_TYPE_SPAN) {
        is_good = type->type == SL_TYPE_SPAN;
        time_us = v->as.i64;
    } else if (sl_type_is_bytes(v->type)) {
        is_good = type->type == SL_TYPE_SPAN && sl_text_to_span(v->as.slice, &time_us);
        if (!is_good) {
            is_good = sl_text_to_time(v->as.slice, &time_us);
            if (type->type == SL_TYPE_SPAN) /* of a date and time, the time of day */
                time_us -= floor_to(time_us, SL_US_PER_DAY);
        }
    } else if (type->type == SL_TYPE_SPAN || v->type == SL_TYPE_ADDR || v->type == SL_TYPE_MAC) {
        is_good = false;
    } else {
        SL_TRY(to_decimal(eval, v, 6, &number));
        is_good = number >= 0 && number / 1000000 <= INT64_C(99991231235959) &&
                  sl_number_to_time((int64_t)(number / 1000000), &time_us);
        time_us += (int64_t)(number % 1000000);
    }
    if (!is_good) {
        warn(eval, type->type == SL_TYPE_SPAN ? "Incorrect time" : "Incorrect datetime", v);
        out->is_null = true;
        return SL_OK;
    }
    out->as.i64 = time_us;
    if (type->type == SL_TYPE_DATE) {
        out->as.i64 = floor_to(time_us, SL_US_PER_DAY) / SL_US_PER_DAY;
    } else if (type->scale < 6) {
        if (type->type == SL_TYPE_SPAN && v->type == SL_TYPE_TIME)
            out->as.i64 = time_us - floor_to(time_us, SL_US_PER_DAY);
        int64_t unit = (int64_t)sl_power_of_ten(6U - type->scale);
        out->as.i64 = floor_to(out->as.i64 + unit / 2, unit);
    } else if (type->type == SL_TYPE_SPAN && v->type == SL_TYPE_TIME) {
        out->as.i64 = time_us - floor_to(time_us, SL_US_PER_DAY);
    }
    return SL_OK;
}

static sl_status
to_address(struct sl_eval *eval, const struct sl_value *v, struct sl_value *out)
{
    sl_i128 number = 0;

    if (v->type == SL_TYPE_ADDR) {
        out->as.addr = v->as.addr;
    } else if (v->type == SL_TYPE_OCTETS && v->as.slice.size_bytes == 4) {
        const uint8_t *b = v->as.slice.bytes;
        out->as.addr = sl_addr_from_v4((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
                                       (uint32_t)b[2] << 8 | b[3]);
    } else if (v->type == SL_TYPE_OCTETS && v->as.slice.size_bytes == 16) {
        out->as.addr = sl_addr_from_v6(v->as.slice.bytes);
    } else if (sl_type_is_bytes(v->type)) {
        out->is_null =
            !sl_addr_parse((const char *)v->as.slice.bytes, v->as.slice.size_bytes, &out->as.addr);
    } else {
        SL_TRY(to_decimal(eval, v, 0, &number));
        out->is_null = number < 0 || number > UINT32_MAX ||
                       sl_type_is_signed(v->type) != (v->type == SL_TYPE_I64);
        if (!out->is_null)
            out->as.addr = sl_addr_from_v4((uint32_t)number);
    }
    if (out->is_null)
        warn(eval, "Incorrect inet6", v);
    return SL_OK;
}

static bool
is_true(struct sl_eval *eval, const struct sl_value *v)
{
    double number;

    switch (v->type) {
    case SL_TYPE_F64:
        return v->as.f64 != 0;
    case SL_TYPE_DECIMAL:
        return v->as.i128 != 0;
    case SL_TYPE_TEXT:
    case SL_TYPE_OCTETS:
        if (!sl_text_to_f64(v->as.slice, &number))
            warn(eval, "Truncated incorrect DOUBLE", v);
        return number != 0;
    case SL_TYPE_ADDR:
        return v->as.addr.low != 0 || v->as.addr.high != 0;
    default:
        return v->as.u64 != 0;
    }
}

sl_status
sl_value_cast(struct sl_eval *eval, const struct sl_value *value, const struct sl_sql_type *type,
              struct sl_value *out)
{
    *out = (struct sl_value){.type = type->type, .scale = type->scale};
    if (value->is_null || value->type == SL_TYPE_NULL ||
        (value->type == SL_TYPE_ADDR && type->type != SL_TYPE_ADDR &&
         !sl_type_is_bytes(type->type) && !sl_addr_is_v4(value->as.addr))) {
        out->is_null = true;
        return SL_OK;
    }
    switch (type->type) {
    case SL_TYPE_U8:
    case SL_TYPE_U16:
    case SL_TYPE_U32:
    case SL_TYPE_U64:
    case SL_TYPE_I64:
        return to_integer(eval, value, out);
    case SL_TYPE_F64:
        return to_f64(eval, value, &out->as.f64);
    case SL_TYPE_BOOL:
        out->as.u64 = is_true(eval, value);
        return SL_OK;
    case SL_TYPE_DECIMAL:
        return to_decimal(eval, value, type->scale, &out->as.i128);
    case SL_TYPE_TIME:
    case SL_TYPE_DATE:
    case SL_TYPE_SPAN:
        return to_temporal(eval, value, type, out);
    case SL_TYPE_ADDR:
        return to_address(eval, value, out);
    case SL_TYPE_MAC:
        if (value->type == SL_TYPE_MAC)
            out->as.u64 = value->as.u64;
        else
            out->is_null =
                !sl_type_is_bytes(value->type) || !sl_text_to_mac(value->as.slice, &out->as.u64);
        if (out->is_null)
            warn(eval, "Incorrect MAC", value);
        return SL_OK;
    case SL_TYPE_TEXT:
    case SL_TYPE_OCTETS:
        return to_text(eval, value, type, out);
    case SL_TYPE_NULL:
    case SL_TYPE_COUNT:
        break;
    }
    out->is_null = true;
    return SL_OK;
}
