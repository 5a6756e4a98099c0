/*
 * value.h - single values: order, conversion, text. What MySQL does, stated once.
 *
 * These are the definitions. Vector kernels and the planner must agree with them.
 *
 * Text compares without regard to ASCII case (folded to lower case), unless binary; shorter is
 * less. Text that does not look like the number, time or address that is asked for converts as
 * far as it goes ('12abc' is 12) and counts a warning.
 *
 * Layer: query, internal.
 */
#ifndef SLUICE_QUERY_VALUE_H
#define SLUICE_QUERY_VALUE_H

#include "query/bound.h"
#include "query/function.h"

enum {
    SL_DECIMAL_DIGITS_MAX = 38,
    SL_DECIMAL_SCALE_MAX = 30,
};

static inline bool
sl_type_is_integer(enum sl_type type)
{
    return type == SL_TYPE_I64 || (type >= SL_TYPE_U8 && type <= SL_TYPE_U64) ||
           type == SL_TYPE_BOOL;
}

/* The row's value, as it is. */
struct sl_value sl_vector_value(const struct sl_vector *vector, uint32_t row);

/* <0, 0, >0 */
int sl_text_compare(struct sl_slice a, struct sl_slice b, bool is_binary);

/* Two values that are not NULL, of one comparable type: equal types, or two integers. */
int sl_value_compare(const struct sl_value *a, const struct sl_value *b, bool is_binary);

/* 10^exponent; exponent at most 38. */
sl_i128 sl_power_of_ten(unsigned exponent);

/* a * b, a + b; false when the result has more than 38 digits. */
SL_MUST_CHECK
bool sl_i128_multiply(sl_i128 a, sl_i128 b, sl_i128 *out);
SL_MUST_CHECK
bool sl_i128_add(sl_i128 a, sl_i128 b, sl_i128 *out);

/* value * 10^-from as value * 10^-to, rounded half away from zero; false when out of range. */
SL_MUST_CHECK
bool sl_decimal_rescale(sl_i128 value, unsigned from, unsigned to, sl_i128 *out);
double sl_decimal_to_f64(sl_i128 value, unsigned scale);

/* The number that starts the text; false (a warning) when it does not end with it. */
bool sl_text_to_decimal(struct sl_slice text, unsigned scale, sl_i128 *out);
bool sl_text_to_f64(struct sl_slice text, double *out);

/* "2026-11-23[ T]08:15:30.25[Z|+02:00]", and 20261123081530 */
bool sl_text_to_time(struct sl_slice text, int64_t *out_time_us);
bool sl_number_to_time(int64_t number, int64_t *out_time_us);
/* "[-]hh:mm[:ss[.fraction]]" */
bool sl_text_to_span(struct sl_slice text, int64_t *out_span_us);
bool sl_text_to_mac(struct sl_slice text, uint64_t *out_mac);

/* 20261123081530 for a time, with its microseconds apart. */
int64_t sl_time_to_number(int64_t time_us, int64_t *out_fraction_us);

/* "2026-11-23 08:15:30[.250000]" as MySQL prints; `scale` digits. Returns the length. */
enum { SL_DATETIME_TEXT_BYTES = 40 };
size_t sl_datetime_format(int64_t time_us, unsigned scale, char text[SL_DATETIME_TEXT_BYTES]);

/* Convert to `type` (its scale for DECIMAL, its length for TEXT when not 0); `value` is not NULL.
 * *out is NULL for what has no value there. SL_LIMIT (1690) when it is out of range. */
SL_MUST_CHECK
sl_status sl_value_cast(struct sl_eval *eval, const struct sl_value *value,
                        const struct sl_sql_type *type, struct sl_value *out);

/* "... is out of range": SL_LIMIT, 1690. */
sl_status sl_fail_range(struct sl_error *err, const char *what);

/* Memory of a text result; NULL sets SL_LIMIT. */
uint8_t *sl_eval_bytes(struct sl_eval *eval, size_t size_bytes);
/* The same as the result, which the caller fills; at most SL_TEXT_BYTES_MAX. And a copy as the result. */
uint8_t *sl_eval_text(struct sl_eval *eval, size_t size_bytes, struct sl_value *out);
SL_MUST_CHECK
sl_status sl_eval_copy(struct sl_eval *eval, const void *text, size_t size_bytes,
                       struct sl_value *out);
sl_status sl_fail_memory(struct sl_error *err);

#endif
