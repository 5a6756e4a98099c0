/*
 * function_math.c - trigonometry, one row at a time.
 */
#include <math.h>

#include "query/function_row.h"
#include "query/value.h"

/* SIN and its kin: NULL where the function has no value. */
sl_status
sl_row_trigonometry(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                    struct sl_value *out)
{
    double x = args[0].as.f64;

    switch ((int)call->function->id) {
    case SL_FN_SIN:
        out->as.f64 = sin(x);
        break;
    case SL_FN_COS:
        out->as.f64 = cos(x);
        break;
    case SL_FN_TAN:
        out->as.f64 = tan(x);
        break;
    case SL_FN_COT:
        if (tan(x) == 0)
            return sl_fail_range(eval->err, "DOUBLE");
        out->as.f64 = 1 / tan(x);
        break;
    case SL_FN_ASIN:
        out->is_null = !(x >= -1 && x <= 1);
        out->as.f64 = out->is_null ? 0 : asin(x);
        break;
    case SL_FN_ACOS:
        out->is_null = !(x >= -1 && x <= 1);
        out->as.f64 = out->is_null ? 0 : acos(x);
        break;
    case SL_FN_DEGREES:
        out->as.f64 = x * (180 / M_PI);
        break;
    default:
        out->as.f64 = x * (M_PI / 180);
    }
    return isfinite(out->as.f64) ? SL_OK : sl_fail_range(eval->err, "DOUBLE");
}

/* ATAN(y), ATAN(y, x), ATAN2(y, x) */
sl_status
sl_row_atan(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    (void)eval;
    out->as.f64 =
        call->arg_count == 1 ? atan(args[0].as.f64) : atan2(args[0].as.f64, args[1].as.f64);
    return SL_OK;
}
