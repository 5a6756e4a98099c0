/*
 * value_text.h - values as text, in the one form that the contract names.
 *
 * Times as ISO 8601 with the fraction that the value has ("2026-11-23T08:15:30.250Z"), addresses
 * in RFC 5952 form, MAC as 00:11:22:aa:bb:cc, decimals with their scale, doubles in the shortest
 * form that reads back the same, octets as lower-case hexadecimal, BOOL as 0 and 1.
 *
 * Layer: batch. Facade: the client prints with it, the query casts with it.
 */
#ifndef SLUICE_STORAGE_VALUE_TEXT_H
#define SLUICE_STORAGE_VALUE_TEXT_H

#include "storage/base/buf.h"
#include "storage/batch.h"

enum { SL_U64_TEXT_BYTES = 20 };

/* Decimal digits without a zero byte. Returns how many there are, 1 .. SL_U64_TEXT_BYTES. */
static inline size_t
sl_u64_format(uint64_t value, char *text)
{
    char digits[SL_U64_TEXT_BYTES];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    memcpy(text, &digits[at], sizeof(digits) - at);
    return sizeof(digits) - at;
}

/* Append the value of `row`, which is not NULL. TEXT is appended as it is. */
void sl_value_format(const struct sl_vector *vector, uint32_t row, struct sl_buf *out);

/* "-12.340" for (-12340, 3). */
void sl_decimal_format(sl_i128 value, unsigned scale, struct sl_buf *out);

/* The shortest decimal that strtod reads back as the same double. */
void sl_f64_format(double value, struct sl_buf *out);

#endif
