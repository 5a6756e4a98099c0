/*
 * function_logic.c - comparison, three-valued logic, choice and casts, one row at a time.
 */
#include "query/function_row.h"
#include "query/value.h"

static sl_status
set_truth(struct sl_value *out, bool value)
{
    out->as.u64 = value;
    return SL_OK;
}

sl_status
sl_row_compare(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
               struct sl_value *out)
{
    int order = sl_value_compare(&args[0], &args[1], call->type.is_binary);

    (void)eval;
    switch (call->function->id) {
    case SL_FN_EQ:
        return set_truth(out, order == 0);
    case SL_FN_NE:
        return set_truth(out, order != 0);
    case SL_FN_LT:
        return set_truth(out, order < 0);
    case SL_FN_LE:
        return set_truth(out, order <= 0);
    case SL_FN_GT:
        return set_truth(out, order > 0);
    default:
        return set_truth(out, order >= 0);
    }
}

sl_status
sl_row_null_eq(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
               struct sl_value *out)
{
    (void)eval;
    if (args[0].is_null || args[1].is_null)
        return set_truth(out, args[0].is_null && args[1].is_null);
    return set_truth(out, sl_value_compare(&args[0], &args[1], call->type.is_binary) == 0);
}

/* x >= low AND x <= high, with NULL where neither side decides. */
sl_status
sl_row_between(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
               struct sl_value *out)
{
    bool is_binary = call->type.is_binary;

    (void)eval;
    out->is_null = args[0].is_null;
    if (args[0].is_null)
        return SL_OK;
    bool is_below = !args[1].is_null && sl_value_compare(&args[0], &args[1], is_binary) < 0;
    bool is_above = !args[2].is_null && sl_value_compare(&args[0], &args[2], is_binary) > 0;
    if (is_below || is_above)
        return set_truth(out, false);
    out->is_null = args[1].is_null || args[2].is_null;
    return set_truth(out, true);
}

sl_status
sl_row_in(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
          struct sl_value *out)
{
    bool has_null = args[0].is_null;

    (void)eval;
    for (uint32_t i = 1; i < call->arg_count && !args[0].is_null; i++) {
        has_null |= args[i].is_null;
        if (!args[i].is_null && sl_value_compare(&args[0], &args[i], call->type.is_binary) == 0)
            return set_truth(out, true);
    }
    out->is_null = has_null;
    return set_truth(out, false);
}

sl_status
sl_row_in_ranges(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                 struct sl_value *out)
{
    uint32_t low = 0, high = (call->arg_count - 1) / 2;

    (void)eval;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sl_addr_compare(args[2 + 2 * middle].as.addr, args[0].as.addr) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return set_truth(out, 2 + 2 * low < call->arg_count &&
                              sl_addr_compare(args[1 + 2 * low].as.addr, args[0].as.addr) <= 0);
}

sl_status
sl_row_and(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
           struct sl_value *out)
{
    bool a_false = !args[0].is_null && args[0].as.u64 == 0;
    bool b_false = !args[1].is_null && args[1].as.u64 == 0;

    (void)eval;
    (void)call;
    out->is_null = !a_false && !b_false && (args[0].is_null || args[1].is_null);
    return set_truth(out, !a_false && !b_false);
}

sl_status
sl_row_or(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
          struct sl_value *out)
{
    bool a_true = !args[0].is_null && args[0].as.u64 != 0;
    bool b_true = !args[1].is_null && args[1].as.u64 != 0;

    (void)eval;
    (void)call;
    out->is_null = !a_true && !b_true && (args[0].is_null || args[1].is_null);
    return set_truth(out, a_true || b_true);
}

sl_status
sl_row_xor(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
           struct sl_value *out)
{
    (void)eval;
    (void)call;
    return set_truth(out, (args[0].as.u64 != 0) != (args[1].as.u64 != 0));
}

sl_status
sl_row_not(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
           struct sl_value *out)
{
    (void)eval;
    (void)call;
    return set_truth(out, args[0].as.u64 == 0);
}

sl_status
sl_row_is_null(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
               struct sl_value *out)
{
    (void)eval;
    (void)call;
    return set_truth(out, args[0].is_null);
}

sl_status
sl_row_is_true(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
               struct sl_value *out)
{
    (void)eval;
    (void)call;
    return set_truth(out, !args[0].is_null && args[0].as.u64 != 0);
}

sl_status
sl_row_is_false(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                struct sl_value *out)
{
    (void)eval;
    (void)call;
    return set_truth(out, !args[0].is_null && args[0].as.u64 == 0);
}

sl_status
sl_row_if(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
          struct sl_value *out)
{
    const struct sl_value *chosen = !args[0].is_null && args[0].as.u64 != 0 ? &args[1] : &args[2];

    (void)eval;
    (void)call;
    out->is_null = chosen->is_null;
    out->as = chosen->as;
    return SL_OK;
}

sl_status
sl_row_cast(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    return sl_value_cast(eval, &args[0], &call->type, out);
}

/* Several texts as one key: each with its length in front. */
sl_status
sl_row_tuple(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
             struct sl_value *out)
{
    size_t size = 0, used = 0;

    for (uint32_t i = 0; i < call->arg_count; i++)
        size += sizeof(uint32_t) + args[i].as.slice.size_bytes;
    if (size > SL_TEXT_BYTES_MAX)
        return sl_fail(eval->err, SL_LIMIT, "values that are counted together are too long");
    uint8_t *bytes = sl_eval_bytes(eval, size);
    if (bytes == NULL)
        return SL_LIMIT;
    for (uint32_t i = 0; i < call->arg_count; i++) {
        struct sl_slice s = args[i].as.slice;
        memcpy(&bytes[used], &s.size_bytes, sizeof(s.size_bytes));
        used += sizeof(s.size_bytes);
        for (uint32_t b = 0; b < s.size_bytes; b++) {
            /* Texts that compare equal must make the same key. */
            bool is_upper =
                s.bytes[b] >= 'A' && s.bytes[b] <= 'Z' && !call->args[i]->type.is_binary;
            bytes[used++] = is_upper ? (uint8_t)(s.bytes[b] | 0x20) : s.bytes[b];
        }
    }
    out->as.slice = (struct sl_slice){.bytes = bytes, .size_bytes = (uint32_t)used};
    return SL_OK;
}

/* (value, rows that it is of): one at most. */
sl_status
sl_row_single(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
              struct sl_value *out)
{
    (void)call;
    if (!args[1].is_null && args[1].as.i64 > 1) {
        (void)sl_fail(eval->err, SL_TYPE,
                      "a subquery that stands for a value returns more than 1 row");
        if (eval->err != NULL)
            eval->err->sql_number = 1242; /* ER_SUBQUERY_NO_1_ROW */
        return SL_TYPE;
    }
    *out = args[0];
    return SL_OK;
}
