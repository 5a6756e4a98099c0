/*
 * function_number.c - arithmetic and mathematics, one row at a time.
 */
#include <math.h>

#include "query/function_row.h"
#include "query/value.h"

static sl_i128
wide(const struct sl_value *v)
{
    return v->type == SL_TYPE_I64 ? (sl_i128)v->as.i64 : (sl_i128)v->as.u64;
}

/* A 128-bit result as the integer that the call has. */
static sl_status
set_integer(struct sl_eval *eval, sl_i128 value, struct sl_value *out)
{
    if (out->type == SL_TYPE_I64) {
        if (value > INT64_MAX || value < INT64_MIN)
            return sl_fail_range(eval->err, "BIGINT");
        out->as.i64 = (int64_t)value;
    } else {
        if (value > UINT64_MAX || value < 0)
            return sl_fail_range(eval->err, "BIGINT UNSIGNED");
        out->as.u64 = (uint64_t)value;
    }
    return SL_OK;
}

static sl_status
set_double(struct sl_eval *eval, double value, struct sl_value *out)
{
    if (!isfinite(value))
        return sl_fail_range(eval->err, "DOUBLE");
    out->as.f64 = value;
    return SL_OK;
}

static sl_status
decimal_arithmetic(struct sl_eval *eval, enum sl_function_id id, const struct sl_value *args,
                   struct sl_value *out)
{
    sl_i128 a = args[0].as.i128, b = args[1].as.i128;
    bool is_good;

    if (id == SL_FN_MUL) {
        is_good = sl_i128_multiply(a, b, &out->as.i128);
        unsigned scale = (unsigned)args[0].scale + args[1].scale;
        if (is_good && scale != out->scale)
            is_good = sl_decimal_rescale(out->as.i128, scale, out->scale, &out->as.i128);
    } else {
        is_good = sl_i128_add(a, id == SL_FN_SUB ? -b : b, &out->as.i128);
    }
    return is_good ? SL_OK : sl_fail_range(eval->err, "DECIMAL");
}

/* + - * */
sl_status
sl_row_arithmetic(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                  struct sl_value *out)
{
    enum sl_function_id id = call->function->id;

    if (out->type == SL_TYPE_DECIMAL)
        return decimal_arithmetic(eval, id, args, out);
    if (out->type == SL_TYPE_F64) {
        double a = args[0].as.f64, b = args[1].as.f64;
        return set_double(eval, id == SL_FN_ADD ? a + b : id == SL_FN_SUB ? a - b : a * b, out);
    }
    sl_i128 a = wide(&args[0]), b = wide(&args[1]);
    /* Two factors below 2^64 make one below 2^128: its sign may not fit, so ask first. */
    if (id == SL_FN_MUL && a > INT64_MAX && b > INT64_MAX)
        return sl_fail_range(eval->err, "BIGINT UNSIGNED");
    return set_integer(eval, id == SL_FN_ADD ? a + b : id == SL_FN_SUB ? a - b : a * b, out);
}

sl_status
sl_row_mod(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
           struct sl_value *out)
{
    (void)call;
    if (out->type == SL_TYPE_F64) {
        out->is_null = args[1].as.f64 == 0;
        return out->is_null ? SL_OK : set_double(eval, fmod(args[0].as.f64, args[1].as.f64), out);
    }
    if (out->type == SL_TYPE_DECIMAL) {
        out->is_null = args[1].as.i128 == 0;
        out->as.i128 = out->is_null ? 0 : args[0].as.i128 % args[1].as.i128;
        return SL_OK;
    }
    sl_i128 b = wide(&args[1]);
    out->is_null = b == 0;
    return out->is_null ? SL_OK : set_integer(eval, wide(&args[0]) % b, out);
}

sl_status
sl_row_divide(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
              struct sl_value *out)
{
    sl_i128 a, b;

    (void)call;
    if (out->type == SL_TYPE_F64) {
        out->is_null = args[1].as.f64 == 0;
        return out->is_null ? SL_OK : set_double(eval, args[0].as.f64 / args[1].as.f64, out);
    }
    b = args[1].as.i128;
    out->is_null = b == 0;
    if (out->is_null)
        return SL_OK;
    /* a / 10^s / (b / 10^t) as a value of scale r: a * 10^(r - s + t) / b */
    unsigned raise = (unsigned)(out->scale - args[0].scale) + args[1].scale;
    if (!sl_decimal_rescale(args[0].as.i128, 0, raise, &a))
        return sl_fail_range(eval->err, "DECIMAL");
    sl_i128 quotient = a / b, rest = a % b;
    sl_i128 rest_size = rest < 0 ? -rest : rest, b_size = b < 0 ? -b : b;
    if (rest_size >= b_size - rest_size)
        quotient += (a < 0) != (b < 0) ? -1 : 1;
    out->as.i128 = quotient;
    return SL_OK;
}

sl_status
sl_row_int_div(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
               struct sl_value *out)
{
    sl_i128 a, b;

    (void)call;
    if (args[0].type == SL_TYPE_DECIMAL || args[1].type == SL_TYPE_DECIMAL) {
        unsigned left = args[0].type == SL_TYPE_DECIMAL ? args[0].scale : 0;
        unsigned right = args[1].type == SL_TYPE_DECIMAL ? args[1].scale : 0;
        unsigned scale = left > right ? left : right;
        a = args[0].type == SL_TYPE_DECIMAL ? args[0].as.i128 : wide(&args[0]);
        b = args[1].type == SL_TYPE_DECIMAL ? args[1].as.i128 : wide(&args[1]);
        if (!sl_decimal_rescale(a, left, scale, &a) || !sl_decimal_rescale(b, right, scale, &b))
            return sl_fail_range(eval->err, "DECIMAL");
    } else {
        a = wide(&args[0]);
        b = wide(&args[1]);
    }
    out->is_null = b == 0;
    return out->is_null ? SL_OK : set_integer(eval, a / b, out);
}

sl_status
sl_row_negate(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
              struct sl_value *out)
{
    (void)call;
    if (out->type == SL_TYPE_F64)
        out->as.f64 = -args[0].as.f64;
    else if (out->type == SL_TYPE_DECIMAL)
        out->as.i128 = -args[0].as.i128;
    else
        return set_integer(eval, -wide(&args[0]), out);
    return SL_OK;
}

sl_status
sl_row_abs(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
           struct sl_value *out)
{
    (void)call;
    if (out->type == SL_TYPE_F64)
        out->as.f64 = fabs(args[0].as.f64);
    else if (out->type == SL_TYPE_DECIMAL)
        out->as.i128 = args[0].as.i128 < 0 ? -args[0].as.i128 : args[0].as.i128;
    else
        return set_integer(eval, wide(&args[0]) < 0 ? -wide(&args[0]) : wide(&args[0]), out);
    return SL_OK;
}

/* | & ^ << >> */
sl_status
sl_row_bits(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    uint64_t a = args[0].as.u64, b = args[1].as.u64;

    (void)eval;
    switch (call->function->id) {
    case SL_FN_BIT_OR:
        out->as.u64 = a | b;
        break;
    case SL_FN_BIT_AND:
        out->as.u64 = a & b;
        break;
    case SL_FN_BIT_XOR:
        out->as.u64 = a ^ b;
        break;
    case SL_FN_SHL:
        out->as.u64 = b > 63 ? 0 : a << b;
        break;
    default:
        out->as.u64 = b > 63 ? 0 : a >> b;
    }
    return SL_OK;
}

sl_status
sl_row_bit_not(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
               struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->as.u64 = ~args[0].as.u64;
    return SL_OK;
}

sl_status
sl_row_sign(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->as.i64 = (args[0].as.f64 > 0) - (args[0].as.f64 < 0);
    return SL_OK;
}

/* The greatest whole number not above (`up` 0) or the least not below (`up` 1). */
static sl_status
integral(struct sl_eval *eval, const struct sl_value *arg, int up, struct sl_value *out)
{
    if (arg->type == SL_TYPE_F64) {
        out->as.f64 = up ? ceil(arg->as.f64) : floor(arg->as.f64);
        return SL_OK;
    }
    if (arg->type != SL_TYPE_DECIMAL)
        return set_integer(eval, wide(arg), out);
    sl_i128 power = sl_power_of_ten(arg->scale);
    sl_i128 whole = arg->as.i128 / power, rest = arg->as.i128 % power;
    return set_integer(eval, whole + (up ? rest > 0 : -(rest < 0)), out);
}

sl_status
sl_row_floor(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
             struct sl_value *out)
{
    (void)call;
    return integral(eval, &args[0], 0, out);
}

sl_status
sl_row_ceil(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    (void)call;
    return integral(eval, &args[0], 1, out);
}

/* ROUND and TRUNCATE share all but the last step. */
static sl_status
round_to(struct sl_eval *eval, const struct sl_value *args, uint32_t count, bool is_cut,
         struct sl_value *out)
{
    int64_t digits = count == 2 ? args[1].as.i64 : 0;

    digits = digits > 30 ? 30 : digits < -30 ? -30 : digits;
    if (args[0].type == SL_TYPE_F64) {
        double power = (double)sl_power_of_ten((unsigned)(digits < 0 ? -digits : digits));
        double scaled = digits < 0 ? args[0].as.f64 / power : args[0].as.f64 * power;
        if (!isfinite(scaled))
            out->as.f64 = args[0].as.f64;
        else
            out->as.f64 = digits < 0 ? (is_cut ? trunc(scaled) : rint(scaled)) * power
                                     : (is_cut ? trunc(scaled) : rint(scaled)) / power;
        return SL_OK;
    }
    unsigned scale = args[0].type == SL_TYPE_DECIMAL ? args[0].scale : 0;
    sl_i128 value = scale > 0 || args[0].type == SL_TYPE_DECIMAL ? args[0].as.i128 : wide(&args[0]);
    if (digits < (int64_t)scale) {
        unsigned drop = (unsigned)((int64_t)scale - digits);
        sl_i128 power = drop > SL_DECIMAL_DIGITS_MAX ? 0 : sl_power_of_ten(drop);
        sl_i128 rounded = power == 0 ? 0 : value / power;
        if (!is_cut && power != 0 && !sl_decimal_rescale(value, drop, 0, &rounded))
            return sl_fail_range(eval->err, "DECIMAL");
        if (!sl_i128_multiply(rounded, power, &value))
            return sl_fail_range(eval->err, "DECIMAL");
    }
    if (out->type != SL_TYPE_DECIMAL)
        return set_integer(eval, value, out);
    return sl_decimal_rescale(value, scale, out->scale, &out->as.i128)
               ? SL_OK
               : sl_fail_range(eval->err, "DECIMAL");
}

sl_status
sl_row_round(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
             struct sl_value *out)
{
    return round_to(eval, args, call->arg_count, false, out);
}

sl_status
sl_row_truncate(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                struct sl_value *out)
{
    return round_to(eval, args, call->arg_count, true, out);
}

sl_status
sl_row_pow(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
           struct sl_value *out)
{
    (void)call;
    return set_double(eval, pow(args[0].as.f64, args[1].as.f64), out);
}

sl_status
sl_row_exp(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
           struct sl_value *out)
{
    (void)call;
    return set_double(eval, exp(args[0].as.f64), out);
}

sl_status
sl_row_sqrt(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->is_null = args[0].as.f64 < 0;
    out->as.f64 = out->is_null ? 0 : sqrt(args[0].as.f64);
    return SL_OK;
}

static sl_status
set_log(double value, double base, struct sl_value *out)
{
    out->is_null = !(value > 0) || !(base > 0) || base == 1;
    if (out->is_null)
        return SL_OK;
    out->as.f64 = base == 2 ? log2(value) : base == 10 ? log10(value) : log(value) / log(base);
    return SL_OK;
}

sl_status
sl_row_ln(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
          struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->is_null = !(args[0].as.f64 > 0);
    out->as.f64 = out->is_null ? 0 : log(args[0].as.f64);
    return SL_OK;
}

/* LOG(x), LOG(base, x) */
sl_status
sl_row_log(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
           struct sl_value *out)
{
    return call->arg_count == 1 ? sl_row_ln(eval, call, args, out)
                                : set_log(args[1].as.f64, args[0].as.f64, out);
}

sl_status
sl_row_log2(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    (void)eval;
    (void)call;
    return set_log(args[0].as.f64, 2, out);
}

sl_status
sl_row_log10(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
             struct sl_value *out)
{
    (void)eval;
    (void)call;
    return set_log(args[0].as.f64, 10, out);
}

sl_status
sl_row_pi(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
          struct sl_value *out)
{
    (void)eval;
    (void)call;
    (void)args;
    out->as.f64 = M_PI;
    return SL_OK;
}

static sl_status
choose(const struct sl_expr *call, const struct sl_value *args, int sign, struct sl_value *out)
{
    const struct sl_value *best = &args[0];

    for (uint32_t i = 1; i < call->arg_count; i++)
        if (sl_value_compare(&args[i], best, call->type.is_binary) * sign > 0)
            best = &args[i];
    out->as = best->as;
    return SL_OK;
}

sl_status
sl_row_greatest(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                struct sl_value *out)
{
    (void)eval;
    return choose(call, args, 1, out);
}

sl_status
sl_row_least(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
             struct sl_value *out)
{
    (void)eval;
    return choose(call, args, -1, out);
}

sl_status
sl_row_bit_count(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                 struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->as.i64 = __builtin_popcountll(args[0].as.u64);
    return SL_OK;
}

sl_status
sl_row_crc32(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
             struct sl_value *out)
{
    uint32_t crc = UINT32_MAX;

    (void)eval;
    (void)call;
    for (uint32_t i = 0; i < args[0].as.slice.size_bytes; i++) {
        crc ^= args[0].as.slice.bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (UINT32_C(0xedb88320) & (0U - (crc & 1)));
    }
    out->as.i64 = (int64_t)(uint32_t)~crc;
    return SL_OK;
}
