/*
 * function_convert.c - texts of numbers and of bytes, and one of several texts, one row at a time.
 */
#include <ctype.h>
#include <stdio.h>

#include "query/function_row.h"
#include "query/value.h"
#include "storage/base/buf.h"
#include "storage/value_text.h"

#define TEXT(i) (args[i].as.slice)

sl_status
sl_row_ascii(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
             struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->as.i64 = TEXT(0).size_bytes > 0 ? TEXT(0).bytes[0] : 0;
    return SL_OK;
}

sl_status
sl_row_char(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    uint8_t *bytes = sl_eval_text(eval, call->arg_count, out);

    for (uint32_t i = 0; i < call->arg_count && bytes != NULL; i++)
        bytes[i] = (uint8_t)args[i].as.i64;
    return bytes == NULL ? SL_LIMIT : SL_OK;
}

sl_status
sl_row_hex(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
           struct sl_value *out)
{
    static const char digits[] = "0123456789ABCDEF";
    char number[20];

    (void)call;
    if (!sl_type_is_bytes(args[0].type)) {
        int size = snprintf(number, sizeof(number), "%" PRIX64, args[0].as.u64);
        return sl_eval_copy(eval, number, (size_t)size, out);
    }
    uint8_t *bytes = sl_eval_text(eval, 2 * (size_t)TEXT(0).size_bytes, out);
    for (uint32_t i = 0; i < TEXT(0).size_bytes && bytes != NULL; i++) {
        bytes[(size_t)2 * i] = (uint8_t)digits[TEXT(0).bytes[i] >> 4];
        bytes[(size_t)2 * i + 1] = (uint8_t)digits[TEXT(0).bytes[i] & 15];
    }
    return bytes == NULL ? SL_LIMIT : SL_OK;
}

sl_status
sl_row_unhex(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
             struct sl_value *out)
{
    uint32_t size = TEXT(0).size_bytes;
    uint32_t odd = size % 2; /* a missing first digit is 0 */
    uint8_t *bytes = sl_eval_text(eval, (size + 1) / 2, out);

    (void)call;
    if (bytes == NULL)
        return SL_LIMIT;
    memset(bytes, 0, (size + 1) / 2);
    for (uint32_t i = 0; i < size; i++) {
        uint8_t c = TEXT(0).bytes[i];
        out->is_null |= !isxdigit(c);
        uint8_t digit = (uint8_t)(isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
        bytes[(i + odd) / 2] |= (uint8_t)((i + odd) % 2 == 0 ? digit << 4 : digit & 15);
    }
    return SL_OK;
}

/* 1234567.891 with commas between thousands. */
sl_status
sl_row_format(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
              struct sl_value *out)
{
    struct sl_buf plain = sl_buf_empty(128);
    char text[128];
    size_t used = 0;

    (void)call;
    sl_decimal_format(args[0].as.i128, args[0].scale, &plain);
    const uint8_t *dot = memchr(plain.bytes, '.', plain.size_bytes);
    size_t whole = dot == NULL ? plain.size_bytes : (size_t)(dot - plain.bytes);
    for (size_t i = 0; i < plain.size_bytes && used + 2 < sizeof(text); i++) {
        bool is_digit = i > 0 && plain.bytes[i - 1] != '-';
        if (i < whole && is_digit && (whole - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = (char)plain.bytes[i];
    }
    sl_buf_fini(&plain);
    return sl_eval_copy(eval, text, used, out);
}

sl_status
sl_row_field(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
             struct sl_value *out)
{
    (void)eval;
    for (uint32_t i = 1; i < call->arg_count && !args[0].is_null && out->as.i64 == 0; i++)
        if (!args[i].is_null && sl_text_compare(TEXT(0), TEXT(i), false) == 0)
            out->as.i64 = i;
    return SL_OK;
}

/* FIND_IN_SET(text, list): its number among what commas separate, else 0. */
sl_status
sl_row_find_in_set(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                   struct sl_value *out)
{
    bool is_binary = call->args[0]->type.is_binary || call->args[1]->type.is_binary;
    struct sl_slice list = TEXT(1);
    uint32_t start = 0;

    (void)eval;
    if (list.size_bytes == 0 || memchr(TEXT(0).bytes, ',', TEXT(0).size_bytes) != NULL)
        return SL_OK;
    for (int64_t number = 1; start <= list.size_bytes; number++) {
        uint32_t end = start;
        while (end < list.size_bytes && list.bytes[end] != ',')
            end++;
        if (sl_text_compare(
                TEXT(0),
                ((struct sl_slice){.bytes = list.bytes + start, .size_bytes = end - start}),
                is_binary) == 0) {
            out->as.i64 = number;
            return SL_OK;
        }
        start = end + 1;
    }
    return SL_OK;
}

sl_status
sl_row_elt(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
           struct sl_value *out)
{
    int64_t index = args[0].is_null ? 0 : args[0].as.i64;

    (void)eval;
    out->is_null = index < 1 || index >= call->arg_count || args[index].is_null;
    if (!out->is_null)
        out->as.slice = TEXT(index);
    return SL_OK;
}

/* The digits that start a text, as far as 64 bits go; a sign is of the whole number. */
static uint64_t
read_digits(struct sl_slice text, int64_t base)
{
    uint32_t at = 0;
    uint64_t number = 0;

    while (at < text.size_bytes && isspace(text.bytes[at]))
        at++;
    bool is_negative = at < text.size_bytes && text.bytes[at] == '-';
    for (at += is_negative; at < text.size_bytes; at++) {
        uint8_t c = (uint8_t)tolower(text.bytes[at]);
        int64_t digit = isdigit(c) ? c - '0' : c >= 'a' && c <= 'z' ? c - 'a' + 10 : 36;
        if (digit >= base)
            break;
        if (__builtin_mul_overflow(number, (uint64_t)base, &number) ||
            __builtin_add_overflow(number, (uint64_t)digit, &number))
            return UINT64_MAX;
    }
    return is_negative ? 0 - number : number;
}

/* CONV(text, from base, to base): unsigned, but signed to a negative base. */
sl_status
sl_row_conv(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    int64_t from = args[1].as.i64, to = args[2].as.i64;
    bool is_signed = to < 0;
    char digits[66];
    size_t at = sizeof(digits);

    (void)call;
    from = from < 0 && from >= -36 ? -from : from;
    to = is_signed && to >= -36 ? -to : to;
    out->is_null = from < 2 || from > 36 || to < 2 || to > 36;
    if (out->is_null)
        return SL_OK;
    uint64_t number = read_digits(TEXT(0), from);
    bool is_minus = is_signed && number > INT64_MAX;
    number = is_minus ? 0 - number : number;
    do {
        digits[--at] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number % (uint64_t)to];
        number /= (uint64_t)to;
    } while (number > 0);
    if (is_minus)
        digits[--at] = '-';
    return sl_eval_copy(eval, &digits[at], sizeof(digits) - at, out);
}
