/*
 * function_sort.c - values as bytes whose order is theirs: what GROUP_CONCAT(... ORDER BY ...) keeps.
 *
 * SORTED(text, directions, value, ...) is, for each value, one byte that says whether it is there, then
 * the value; then the text; then its size, 32 bits in the machine's order (group_finish.c takes the
 * text out again). Bit i of `directions` says that value i is descending: its bytes are inverted.
 *
 *   integers, times, DECIMAL   big-endian, the sign inverted
 *   DOUBLE                     the same of its bits; a negative one has all of them inverted
 *   text and bytes             letters without their case, 0 as 0 255, at the end 0 0; cut after
 *                              SORT_TEXT_BYTES_MAX bytes, as MySQL's max_sort_length does
 */
#include "query/function_row.h"
#include "query/value.h"
#include "storage/base/limits.h"

enum { SORT_TEXT_BYTES_MAX = 1024 };

static size_t
put_big_endian(uint8_t *out, uint64_t bits)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(bits >> (56 - 8 * i));
    return 8;
}

static size_t
put_text(uint8_t *out, struct sl_slice text, bool is_binary)
{
    size_t used = 0;

    for (uint32_t i = 0; i < text.size_bytes && i < SORT_TEXT_BYTES_MAX; i++) {
        uint8_t c = text.bytes[i];
        out[used++] = !is_binary && c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
        if (c == 0)
            out[used++] = 255;
    }
    out[used++] = 0;
    out[used++] = 0;
    return used;
}

/* A value that is not NULL. */
static size_t
put_value(uint8_t *out, const struct sl_value *value, const struct sl_sql_type *type)
{
    const uint64_t sign = UINT64_C(1) << 63;

    if (sl_type_is_bytes(value->type))
        return put_text(out, value->as.slice, type->is_binary);
    if (value->type == SL_TYPE_F64) {
        double number = value->as.f64 == 0 ? 0 : value->as.f64; /* -0 is 0 */
        uint64_t bits;
        memcpy(&bits, &number, sizeof(bits));
        return put_big_endian(out, bits & sign ? ~bits : bits | sign);
    }
    if (value->type == SL_TYPE_ADDR) {
        size_t used = put_big_endian(out, value->as.addr.high);
        return used + put_big_endian(out + used, value->as.addr.low);
    }
    if (value->type == SL_TYPE_DECIMAL) {
        size_t used = put_big_endian(out, (uint64_t)(value->as.i128 >> 64) ^ sign);
        return used + put_big_endian(out + used, (uint64_t)value->as.i128);
    }
    return put_big_endian(out,
                          sl_type_is_signed(value->type) ? value->as.u64 ^ sign : value->as.u64);
}

/* Bytes that a value takes at most, the one in front included. */
static size_t
value_bytes_max(const struct sl_value *value)
{
    if (value->is_null)
        return 1;
    return sl_type_is_bytes(value->type)
               ? 3 + 2 * sl_min_size(value->as.slice.size_bytes, SORT_TEXT_BYTES_MAX)
               : 1 + 2 * sizeof(uint64_t);
}

sl_status
sl_row_sorted(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
              struct sl_value *out)
{
    struct sl_slice text = args[0].as.slice;
    uint32_t value_count = call->arg_count - 2;
    size_t used = 0;

    out->is_null = args[0].is_null;
    if (out->is_null)
        return SL_OK;
    size_t size_bytes = text.size_bytes + sizeof(text.size_bytes);
    for (uint32_t i = 0; i < value_count; i++)
        size_bytes += value_bytes_max(&args[i + 2]);
    uint8_t *bytes = sl_eval_bytes(eval, size_bytes);
    if (bytes == NULL)
        return SL_LIMIT;
    for (uint32_t i = 0; i < value_count; i++) {
        const struct sl_value *value = &args[i + 2];
        size_t start = used;
        bytes[used++] = !value->is_null;
        if (!value->is_null)
            used += put_value(bytes + used, value, &call->args[i + 2]->type);
        for (; args[1].as.u64 >> i & 1 && start < used; start++)
            bytes[start] = (uint8_t)~bytes[start];
    }
    if (text.size_bytes != 0)
        memcpy(bytes + used, text.bytes, text.size_bytes);
    used += text.size_bytes;
    memcpy(bytes + used, &text.size_bytes, sizeof(text.size_bytes));
    used += sizeof(text.size_bytes);
    out->as.slice = (struct sl_slice){.bytes = bytes, .size_bytes = (uint32_t)used};
    return SL_OK;
}
