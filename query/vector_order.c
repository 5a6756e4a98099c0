/*
 * vector_order.c - gathering rows of vectors, and their order; see exec.h.
 *
 * The rank squeezes a value into 64 bits so that most comparisons of a sort are one integer
 * comparison: addresses and decimals saturate, text keeps its first seven letters.
 */
#include "query/exec.h"

#include "query/range_kernel.h"
#include "storage/base/addr.h"

static bool
gather_text(const struct sl_vector *vector, const uint32_t *rows, uint32_t count,
            struct sl_arena *arena, struct sl_vector *out)
{
    uint32_t *offsets = sl_arena_calloc(arena, (size_t)count + 1, sizeof(*offsets));
    if (offsets == NULL)
        return false;
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!sl_vector_is_null(vector, rows[i]))
            total += sl_vector_slice(vector, rows[i]).size_bytes;
        if (total > UINT32_MAX)
            return false;
        offsets[i + 1] = (uint32_t)total;
    }
    uint8_t *bytes = sl_arena_alloc(arena, (size_t)total);
    if (bytes == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (offsets[i + 1] == offsets[i])
            continue;
        struct sl_slice slice = sl_vector_slice(vector, rows[i]);
        memcpy(bytes + offsets[i], slice.bytes, slice.size_bytes);
    }
    out->offsets = offsets;
    out->bytes = bytes;
    return true;
}

static bool
gather_fixed(const struct sl_vector *vector, const uint32_t *rows, uint32_t count,
             struct sl_arena *arena, struct sl_vector *out)
{
    size_t width = vector->width;
    uint8_t *values = sl_arena_alloc(arena, (size_t)count * width);
    uint32_t *entries = NULL;
    if (vector->encoding == SL_DICT)
        entries = sl_arena_alloc(arena, (size_t)count * sizeof(*entries));
    if (values == NULL || (vector->encoding == SL_DICT && entries == NULL))
        return false;
    for (uint32_t i = 0; entries != NULL && i < count; i++)
        entries[i] = vector->codes[rows[i]];
    sl_vector_copy_entries(vector->values, width, entries != NULL ? entries : rows, count, values);
    out->values = values;
    return true;
}

static bool
gather_presence(const struct sl_vector *vector, const uint32_t *rows, uint32_t count,
                struct sl_arena *arena, struct sl_vector *out)
{
    if (vector->present == NULL)
        return true;
    uint64_t *present = sl_arena_calloc(arena, sl_words_for(count), sizeof(*present));
    if (present == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        present[i / 64] |= (uint64_t)sl_bit_get(vector->present, rows[i]) << i % 64;
    out->present = present;
    return true;
}

bool
sl_vector_gather(const struct sl_vector *vector, const uint32_t *rows, uint32_t count,
                 struct sl_arena *arena, struct sl_vector *out_vector)
{
    struct sl_vector out = *vector;

    out.count = count;
    out.present = NULL;
    if (!gather_presence(vector, rows, count, arena, &out))
        return false;
    if (vector->encoding == SL_CONSTANT || vector->type == SL_TYPE_NULL) {
        *out_vector = out;
        return true;
    }
    /* A dictionary much larger than the rows that are left is not worth carrying along. */
    if (vector->encoding == SL_DICT && vector->value_count <= count) {
        uint32_t *codes = sl_arena_alloc(arena, (size_t)count * sizeof(*codes));
        if (codes == NULL)
            return false;
        for (uint32_t i = 0; i < count; i++)
            codes[i] = vector->codes[rows[i]];
        out.codes = codes;
        *out_vector = out;
        return true;
    }
    out.encoding = SL_PLAIN;
    out.codes = NULL;
    out.is_sorted = false;
    out.dictionary = 0;
    out.value_count = count;
    bool is_done = sl_type_is_bytes(vector->type) ? gather_text(vector, rows, count, arena, &out)
                                                  : gather_fixed(vector, rows, count, arena, &out);
    *out_vector = out;
    return is_done;
}

static uint8_t
fold(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

int
sl_slice_compare(struct sl_slice a, struct sl_slice b, bool is_binary)
{
    uint32_t common = a.size_bytes < b.size_bytes ? a.size_bytes : b.size_bytes;

    if (is_binary) {
        int order = common == 0 ? 0 : memcmp(a.bytes, b.bytes, common);
        if (order != 0)
            return order < 0 ? -1 : 1;
    } else {
        for (uint32_t i = 0; i < common; i++) {
            uint8_t x = fold(a.bytes[i]);
            uint8_t y = fold(b.bytes[i]);
            if (x != y)
                return x < y ? -1 : 1;
        }
    }
    return (a.size_bytes > b.size_bytes) - (a.size_bytes < b.size_bytes);
}

static bool
compares_bytes(const struct sl_sql_type *type)
{
    return type->is_binary || type->type == SL_TYPE_OCTETS;
}

int
sl_vector_compare(const struct sl_vector *a, uint32_t row_a, const struct sl_vector *b,
                  uint32_t row_b, const struct sl_sql_type *type)
{
    bool null_a = sl_vector_is_null(a, row_a);
    bool null_b = sl_vector_is_null(b, row_b);
    if (null_a || null_b)
        return (int)null_b - (int)null_a;
    if (sl_type_is_bytes(type->type))
        return sl_slice_compare(sl_vector_slice(a, row_a), sl_vector_slice(b, row_b),
                                compares_bytes(type));
    if (sl_type_is_signed(type->type)) {
        int64_t x = (int64_t)sl_vector_u64(a, row_a);
        int64_t y = (int64_t)sl_vector_u64(b, row_b);
        return (x > y) - (x < y);
    }
    if (type->type == SL_TYPE_F64) {
        double x = sl_vector_f64(a, row_a);
        double y = sl_vector_f64(b, row_b);
        return (x > y) - (x < y);
    }
    if (type->type == SL_TYPE_ADDR)
        return sl_addr_compare(sl_vector_addr(a, row_a), sl_vector_addr(b, row_b));
    if (type->type == SL_TYPE_DECIMAL) {
        sl_i128 x = sl_vector_i128(a, row_a);
        sl_i128 y = sl_vector_i128(b, row_b);
        return (x > y) - (x < y);
    }
    uint64_t x = sl_vector_u64(a, row_a);
    uint64_t y = sl_vector_u64(b, row_b);
    return (x > y) - (x < y);
}

static uint64_t
rank_text(struct sl_slice slice, bool is_binary)
{
    uint64_t rank = 0;
    for (uint32_t i = 0; i < 7; i++) {
        uint8_t c = i < slice.size_bytes ? slice.bytes[i] : 0;
        rank = rank << 8 | (is_binary ? c : fold(c));
    }
    return rank + 1;
}

/* Half a step is lost below the top bit, so that 0 stays for NULL. */
static uint64_t
rank_f64(double value)
{
    uint64_t bits;
    value = value == 0 ? 0 : value; /* -0 and 0 are one value */
    memcpy(&bits, &value, sizeof(bits));
    bits = bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
    return bits / 2 + 1;
}

static uint64_t
rank_decimal(sl_i128 value)
{
    const sl_i128 edge = (sl_i128)1 << 62;
    if (value >= edge)
        return UINT64_MAX;
    if (value < -edge)
        return 1;
    return (uint64_t)(value + edge) + 1;
}

uint64_t
sl_vector_rank(const struct sl_vector *vector, uint32_t row, const struct sl_sql_type *type)
{
    if (sl_vector_is_null(vector, row))
        return 0;
    if (sl_type_is_bytes(type->type))
        return rank_text(sl_vector_slice(vector, row), compares_bytes(type));
    if (type->type == SL_TYPE_F64)
        return rank_f64(sl_vector_f64(vector, row));
    if (type->type == SL_TYPE_DECIMAL)
        return rank_decimal(sl_vector_i128(vector, row));
    if (type->type == SL_TYPE_ADDR) {
        struct sl_addr addr = sl_vector_addr(vector, row);
        bool is_low = addr.high == 0 && addr.low < UINT64_C(1) << 62;
        return is_low ? addr.low + 1 : UINT64_C(1) << 63 | addr.high >> 1;
    }
    uint64_t value = sl_vector_u64(vector, row);
    if (sl_type_is_signed(type->type))
        value ^= UINT64_C(1) << 63;
    return value == UINT64_MAX ? value : value + 1;
}

/* Keys (values, with the sign bit flipped where there is one) whose rank, key + 1 but for the last,
 * lies between: false when there are none. */
static bool
find_keys(unsigned width, uint64_t low, uint64_t high, uint64_t *out_low, uint64_t *out_high)
{
    uint64_t max = UINT64_MAX >> (64 - 8 * width);
    if (high == 0)
        return false;
    *out_low = low == 0 ? 0 : low - 1;
    *out_high = high == UINT64_MAX ? high : high - 1;
    if (*out_high > max)
        *out_high = max;
    return *out_low <= *out_high;
}

bool
sl_decimal_of_rank(uint64_t rank, int64_t *out_value)
{
    const int64_t edge = INT64_C(1) << 62;
    if (rank <= 1 || rank - 1 >= (uint64_t)edge * 2)
        return false;
    *out_value = (int64_t)(rank - 1) - edge;
    return true;
}

/* Decimals whose rank_decimal, at least 1, lies between. The usual case, all above some value, has a
 * loop of its own. */
static void
decimals_between(const sl_i128 *values, uint32_t count, uint64_t low, uint64_t high,
                 uint64_t *out_truth)
{
    const sl_i128 edge = (sl_i128)1 << 62;
    const sl_i128 lowest = (sl_i128)((unsigned __int128)1 << 127);
    bool is_open = high == UINT64_MAX;
    sl_i128 least = low <= 1 ? lowest : (sl_i128)(low - 1) - edge;
    sl_i128 most = high == 0 ? lowest : (sl_i128)(high - 1) - edge; /* 0: that of NULL alone */

    least = least > edge ? edge : least;
    most = is_open ? ~lowest : most >= edge ? edge - 1 : most;
    for (uint32_t row = 0; row < count; row += 64) {
        uint32_t lanes = count - row < 64 ? count - row : 64;
        uint64_t word = 0;
        if (is_open)
            for (uint32_t lane = 0; lane < lanes; lane++)
                word |= (uint64_t)(values[row + lane] >= least) << lane;
        else
            for (uint32_t lane = 0; lane < lanes; lane++)
                word |= (uint64_t)(values[row + lane] >= least && values[row + lane] <= most)
                        << lane;
        out_truth[row / 64] = word;
    }
}

bool
sl_vector_rank_between(const struct sl_vector *vector, const struct sl_sql_type *type, uint64_t low,
                       uint64_t high, uint64_t *out_truth)
{
    const struct sl_range_kernels *kernels = sl_range_kernels_best();
    bool is_signed = sl_type_is_signed(type->type) && vector->width == 8;
    uint64_t first, last;

    if (vector->encoding != SL_PLAIN || vector->present != NULL)
        return false;
    if (type->type == SL_TYPE_DECIMAL) {
        decimals_between(vector->values, vector->count, low, high, out_truth);
        return true;
    }
    if (!is_signed && !sl_type_is_unsigned(type->type))
        return false;
    if (!find_keys(vector->width, low, high, &first, &last)) {
        memset(out_truth, 0, sl_words_for(vector->count) * sizeof(*out_truth));
        return true;
    }
    uint64_t span = last - first;
    if (is_signed)
        first ^= UINT64_C(1) << 63;
    if (vector->width == 1)
        kernels->u8(vector->values, vector->count, (uint8_t)first, (uint8_t)span, out_truth);
    else if (vector->width == 2)
        kernels->u16(vector->values, vector->count, (uint16_t)first, (uint16_t)span, out_truth);
    else if (vector->width == 4)
        kernels->u32(vector->values, vector->count, (uint32_t)first, (uint32_t)span, out_truth);
    else
        kernels->u64(vector->values, vector->count, first, span, out_truth);
    return true;
}

/* Plain values without NULL, the usual case of an order: a loop for each width. */
static bool
rank_plain(const struct sl_vector *v, const uint32_t *rows, uint32_t count, uint64_t flip,
           uint64_t *out_ranks)
{
    if (v->encoding != SL_PLAIN || v->present != NULL || (v->width != 8 && v->width != 4))
        return false;
    const uint64_t *wide = v->values;
    const uint32_t *narrow = v->values;
    if (v->width == 8)
        for (uint32_t i = 0; i < count; i++)
            out_ranks[i] = wide[rows[i]] ^ flip;
    else
        for (uint32_t i = 0; i < count; i++)
            out_ranks[i] = narrow[rows[i]] ^ flip;
    for (uint32_t i = 0; i < count; i++)
        out_ranks[i] += out_ranks[i] != UINT64_MAX;
    return true;
}

void
sl_vector_ranks(const struct sl_vector *vector, const uint32_t *rows, uint32_t count,
                const struct sl_sql_type *type, uint64_t *out_ranks)
{
    bool is_wide_signed = sl_type_is_signed(type->type) && vector->width == 8;

    if (is_wide_signed && rank_plain(vector, rows, count, UINT64_C(1) << 63, out_ranks))
        return;
    if (sl_type_is_unsigned(type->type) && rank_plain(vector, rows, count, 0, out_ranks))
        return;
    if (type->type == SL_TYPE_DECIMAL && vector->encoding == SL_PLAIN && vector->present == NULL) {
        for (uint32_t i = 0; i < count; i++)
            out_ranks[i] = rank_decimal(sl_vector_i128(vector, rows[i]));
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        out_ranks[i] = sl_vector_rank(vector, rows[i], type);
}
