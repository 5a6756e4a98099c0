/*
 * function_text.c - texts, one row at a time.
 *
 * Positions and lengths count characters of UTF-8; bytes that are none count as one each.
 * Results are at most SL_TEXT_BYTES_MAX bytes: what would be longer is SL_LIMIT.
 */
#include <ctype.h>
#include <stdio.h>

#include "query/function_row.h"
#include "query/value.h"
#include "storage/base/buf.h"
#include "storage/base/limits.h"
#include "storage/value_text.h"

#define TEXT(i) (args[i].as.slice)

/* Bytes of the first `count` characters. */
static uint32_t
skip_characters(struct sl_slice s, int64_t count)
{
    uint32_t at = 0;

    while (at < s.size_bytes && count > 0) {
        at++;
        while (at < s.size_bytes && (s.bytes[at] & 0xc0) == 0x80)
            at++;
        count--;
    }
    return at;
}

static int64_t
count_characters(struct sl_slice s)
{
    int64_t count = 0;

    for (uint32_t i = 0; i < s.size_bytes; i++)
        count += i == 0 || (s.bytes[i] & 0xc0) != 0x80;
    return count;
}

static struct sl_slice
part(struct sl_slice s, uint32_t from, uint32_t to)
{
    return (struct sl_slice){.bytes = s.bytes + from, .size_bytes = to > from ? to - from : 0};
}

static bool
equal_at(struct sl_slice text, uint32_t at, struct sl_slice what, bool is_binary)
{
    return at + (uint64_t)what.size_bytes <= text.size_bytes &&
           sl_text_compare(part(text, at, at + what.size_bytes), what, is_binary) == 0;
}

/* Byte offset of `what` at or behind `from`; UINT32_MAX. */
static uint32_t
find(struct sl_slice text, uint32_t from, struct sl_slice what, bool is_binary)
{
    for (uint32_t at = from; at + (uint64_t)what.size_bytes <= text.size_bytes; at++)
        if (equal_at(text, at, what, is_binary))
            return at;
    return UINT32_MAX;
}

static bool
is_same_letter(uint8_t a, uint8_t b, bool is_binary)
{
    return is_binary ? a == b : tolower(a) == tolower(b);
}

/* % any characters, _ one, escape makes the next literal. Greedy with one point of return, so
 * that the cost is at most text times pattern. */
sl_status
sl_row_like(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    struct sl_slice text = TEXT(0), pattern = TEXT(1);
    int escape = TEXT(2).size_bytes > 0 ? TEXT(2).bytes[0] : -1;
    uint32_t t = 0, p = 0, star = UINT32_MAX, retry = 0;
    bool is_binary = call->type.is_binary;

    (void)eval;
    while (t < text.size_bytes) {
        bool is_literal = p + 1 < pattern.size_bytes && pattern.bytes[p] == escape;
        uint8_t c = p < pattern.size_bytes ? pattern.bytes[p + is_literal] : 0;
        if (p < pattern.size_bytes && !is_literal && c == '%') {
            star = ++p;
            retry = t;
        } else if (p < pattern.size_bytes && !is_literal && c == '_') {
            t += skip_characters(part(text, t, text.size_bytes), 1);
            p++;
        } else if (p < pattern.size_bytes && is_same_letter(c, text.bytes[t], is_binary)) {
            t++;
            p += 1U + is_literal;
        } else if (star != UINT32_MAX) {
            p = star;
            t = ++retry;
        } else {
            break;
        }
    }
    while (p < pattern.size_bytes && pattern.bytes[p] == '%')
        p++;
    out->as.u64 = t == text.size_bytes && p == pattern.size_bytes;
    return SL_OK;
}

sl_status
sl_row_concat(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
              struct sl_value *out)
{
    size_t size = 0, used = 0;

    for (uint32_t i = 0; i < call->arg_count; i++)
        size += TEXT(i).size_bytes;
    uint8_t *bytes = sl_eval_text(eval, size, out);
    if (bytes == NULL)
        return SL_LIMIT;
    for (uint32_t i = 0; i < call->arg_count; i++) {
        if (TEXT(i).size_bytes > 0)
            memcpy(&bytes[used], TEXT(i).bytes, TEXT(i).size_bytes);
        used += TEXT(i).size_bytes;
    }
    return SL_OK;
}

/* NULLs are left out; a NULL separator makes it NULL. */
sl_status
sl_row_concat_ws(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                 struct sl_value *out)
{
    struct sl_buf buf = sl_buf_empty(SL_TEXT_BYTES_MAX);
    bool is_first = true;

    out->is_null = args[0].is_null;
    for (uint32_t i = 1; i < call->arg_count && !args[0].is_null; i++) {
        if (args[i].is_null)
            continue;
        if (!is_first)
            sl_buf_append(&buf, TEXT(0).bytes, TEXT(0).size_bytes);
        sl_buf_append(&buf, TEXT(i).bytes, TEXT(i).size_bytes);
        is_first = false;
    }
    sl_status st = buf.bad ? sl_fail(eval->err, SL_LIMIT, "a text is too long")
                           : sl_eval_copy(eval, buf.bytes, buf.size_bytes, out);
    sl_buf_fini(&buf);
    return st;
}

sl_status
sl_row_length(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
              struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->as.i64 = TEXT(0).size_bytes;
    return SL_OK;
}

sl_status
sl_row_char_length(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                   struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->as.i64 = count_characters(TEXT(0));
    return SL_OK;
}

static sl_status
map_letters(struct sl_eval *eval, struct sl_slice s, bool is_upper, struct sl_value *out)
{
    uint8_t *bytes = sl_eval_text(eval, s.size_bytes, out);

    if (bytes == NULL)
        return SL_LIMIT;
    for (uint32_t i = 0; i < s.size_bytes; i++) {
        bool is_letter = is_upper ? s.bytes[i] >= 'a' && s.bytes[i] <= 'z'
                                  : s.bytes[i] >= 'A' && s.bytes[i] <= 'Z';
        bytes[i] = is_letter ? s.bytes[i] ^ 0x20 : s.bytes[i];
    }
    return SL_OK;
}

sl_status
sl_row_lower(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
             struct sl_value *out)
{
    (void)call;
    return map_letters(eval, TEXT(0), false, out);
}

sl_status
sl_row_upper(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
             struct sl_value *out)
{
    (void)call;
    return map_letters(eval, TEXT(0), true, out);
}

sl_status
sl_row_substring(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                 struct sl_value *out)
{
    int64_t length = count_characters(TEXT(0));
    int64_t from = args[1].as.i64;
    int64_t count = call->arg_count == 3 ? args[2].as.i64 : length;

    (void)eval;
    if (from < 0)
        from = from < -length ? 0 : length + from + 1;
    if (from <= 0 || from > length || count <= 0) {
        out->as.slice = part(TEXT(0), 0, 0);
        return SL_OK;
    }
    uint32_t start = skip_characters(TEXT(0), from - 1);
    struct sl_slice rest = part(TEXT(0), start, TEXT(0).size_bytes);
    out->as.slice = part(rest, 0, skip_characters(rest, count));
    return SL_OK;
}

/* Everything before the n-th delimiter, from the right when n is negative. */
sl_status
sl_row_substring_index(struct sl_eval *eval, const struct sl_expr *call,
                       const struct sl_value *args, struct sl_value *out)
{
    struct sl_slice text = TEXT(0), mark = TEXT(1);
    int64_t n = args[2].as.i64, total = 0, wanted = n;

    (void)eval;
    (void)call;
    out->as.slice = part(text, 0, 0);
    if (n == 0 || mark.size_bytes == 0)
        return SL_OK;
    for (uint32_t at = find(text, 0, mark, true); at != UINT32_MAX;
         at = find(text, at + mark.size_bytes, mark, true))
        total++;
    if (n < 0)
        wanted = total + 1 + n; /* what stands before the wanted-th mark is cut off */
    out->as.slice = text;
    if (wanted <= 0 || wanted > total)
        return SL_OK;
    uint32_t at = find(text, 0, mark, true);
    for (int64_t i = 1; i < wanted; i++)
        at = find(text, at + mark.size_bytes, mark, true);
    out->as.slice = n > 0 ? part(text, 0, at) : part(text, at + mark.size_bytes, text.size_bytes);
    return SL_OK;
}

sl_status
sl_row_left(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->as.slice = part(TEXT(0), 0, skip_characters(TEXT(0), args[1].as.i64));
    return SL_OK;
}

sl_status
sl_row_right(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
             struct sl_value *out)
{
    int64_t wanted = args[1].as.i64 < 0 ? 0 : args[1].as.i64;
    int64_t skip = count_characters(TEXT(0)) - wanted;

    (void)eval;
    (void)call;
    out->as.slice =
        part(TEXT(0), skip_characters(TEXT(0), skip < 0 ? 0 : skip), TEXT(0).size_bytes);
    return SL_OK;
}

static sl_status
trim(const struct sl_expr *call, const struct sl_value *args, bool from_left, bool from_right,
     struct sl_value *out)
{
    struct sl_slice text = TEXT(0);
    struct sl_slice what = {.bytes = (const uint8_t *)" ", .size_bytes = 1};

    if (call->arg_count == 2)
        what = TEXT(1);
    while (from_left && what.size_bytes > 0 && equal_at(text, 0, what, true))
        text = part(text, what.size_bytes, text.size_bytes);
    while (from_right && what.size_bytes > 0 && text.size_bytes >= what.size_bytes &&
           equal_at(text, text.size_bytes - what.size_bytes, what, true))
        text.size_bytes -= what.size_bytes;
    out->as.slice = text;
    return SL_OK;
}

sl_status
sl_row_trim(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    (void)eval;
    return trim(call, args, true, true, out);
}

sl_status
sl_row_ltrim(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
             struct sl_value *out)
{
    (void)eval;
    return trim(call, args, true, false, out);
}

sl_status
sl_row_rtrim(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
             struct sl_value *out)
{
    (void)eval;
    return trim(call, args, false, true, out);
}

sl_status
sl_row_replace(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
               struct sl_value *out)
{
    struct sl_slice text = TEXT(0), from = TEXT(1);
    struct sl_buf buf = sl_buf_empty(SL_TEXT_BYTES_MAX);
    uint32_t at = 0;

    (void)call;
    while (from.size_bytes > 0 && !buf.bad) {
        uint32_t hit = find(text, at, from, true);
        if (hit == UINT32_MAX)
            break;
        sl_buf_append(&buf, text.bytes + at, hit - at);
        sl_buf_append(&buf, TEXT(2).bytes, TEXT(2).size_bytes);
        at = hit + from.size_bytes;
    }
    sl_buf_append(&buf, text.bytes + at, text.size_bytes - at);
    sl_status st = buf.bad ? sl_fail(eval->err, SL_LIMIT, "a text is too long")
                           : sl_eval_copy(eval, buf.bytes, buf.size_bytes, out);
    sl_buf_fini(&buf);
    return st;
}

sl_status
sl_row_reverse(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
               struct sl_value *out)
{
    uint32_t size = TEXT(0).size_bytes, at = 0;
    uint8_t *bytes = sl_eval_text(eval, size, out);

    (void)call;
    if (bytes == NULL)
        return SL_LIMIT;
    while (at < size) {
        uint32_t step = skip_characters(part(TEXT(0), at, size), 1);
        memcpy(&bytes[size - at - step], TEXT(0).bytes + at, step);
        at += step;
    }
    return SL_OK;
}

/* `count` times `what`. */
static sl_status
repeat(struct sl_eval *eval, struct sl_slice what, int64_t count, struct sl_value *out)
{
    if (count <= 0 || what.size_bytes == 0)
        return sl_eval_copy(eval, "", 0, out);
    if (count > SL_TEXT_BYTES_MAX)
        return sl_fail(eval->err, SL_LIMIT, "a text is longer than %d bytes", SL_TEXT_BYTES_MAX);
    size_t size_bytes = (size_t)count * what.size_bytes;
    uint8_t *bytes = sl_eval_text(eval, size_bytes, out);
    if (bytes == NULL)
        return SL_LIMIT;
    /* What is there is copied behind itself: twice as much each time. */
    memcpy(bytes, what.bytes, what.size_bytes);
    for (size_t done = what.size_bytes; done < size_bytes; done *= 2)
        memcpy(&bytes[done], bytes, sl_min_size(done, size_bytes - done));
    return SL_OK;
}

sl_status
sl_row_repeat(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
              struct sl_value *out)
{
    (void)call;
    return repeat(eval, TEXT(0), args[1].as.i64, out);
}

sl_status
sl_row_space(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
             struct sl_value *out)
{
    struct sl_slice blank = {.bytes = (const uint8_t *)" ", .size_bytes = 1};

    (void)call;
    return repeat(eval, blank, args[0].as.i64, out);
}

static sl_status
pad(struct sl_eval *eval, const struct sl_value *args, bool is_left, struct sl_value *out)
{
    int64_t wanted = args[1].as.i64, have = count_characters(TEXT(0));
    struct sl_value fill = *out;

    out->is_null = wanted < 0 || (have < wanted && TEXT(2).size_bytes == 0);
    if (out->is_null)
        return SL_OK;
    if (have >= wanted) {
        out->as.slice = part(TEXT(0), 0, skip_characters(TEXT(0), wanted));
        return SL_OK;
    }
    SL_TRY(repeat(eval, TEXT(2),
                  (wanted - have + count_characters(TEXT(2)) - 1) / count_characters(TEXT(2)),
                  &fill));
    uint32_t size = skip_characters(fill.as.slice, wanted - have);
    uint8_t *bytes = sl_eval_text(eval, (size_t)size + TEXT(0).size_bytes, out);
    if (bytes == NULL)
        return SL_LIMIT;
    memcpy(is_left ? bytes : bytes + TEXT(0).size_bytes, fill.as.slice.bytes, size);
    if (TEXT(0).size_bytes > 0)
        memcpy(is_left ? bytes + size : bytes, TEXT(0).bytes, TEXT(0).size_bytes);
    return SL_OK;
}

sl_status
sl_row_lpad(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    (void)call;
    return pad(eval, args, true, out);
}

sl_status
sl_row_rpad(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    (void)call;
    return pad(eval, args, false, out);
}

/* Position of `what` in characters from 1, 0 when it is not there. */
static int64_t
locate(struct sl_slice what, struct sl_slice text, int64_t from)
{
    if (from < 1)
        return 0;
    uint32_t hit = find(text, skip_characters(text, from - 1), what, false);
    return hit == UINT32_MAX ? 0 : count_characters(part(text, 0, hit)) + 1;
}

sl_status
sl_row_locate(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
              struct sl_value *out)
{
    (void)eval;
    out->as.i64 = locate(TEXT(0), TEXT(1), call->arg_count == 3 ? args[2].as.i64 : 1);
    return SL_OK;
}

sl_status
sl_row_instr(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
             struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->as.i64 = locate(TEXT(1), TEXT(0), 1);
    return SL_OK;
}

sl_status
sl_row_strcmp(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
              struct sl_value *out)
{
    int order = sl_text_compare(TEXT(0), TEXT(1), call->args[0]->type.is_binary);

    (void)eval;
    out->as.i64 = (order > 0) - (order < 0);
    return SL_OK;
}
