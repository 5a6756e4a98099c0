/*
 * segment_row_order.c - see segment_row_order.h.
 *
 * A radix sort of row numbers, least significant digit first, by the distance of each value from the
 * least: codes of a row group take two passes, the times of some minutes three.
 */
#include "storage/segment/segment_row_order.h"

enum {
    DIGIT_BITS_MAX = 11,
    DIGITS_MAX = 3,
    FENCE_ROWS = 16,
    TOP_FENCES = 64,
};

_Static_assert(DIGIT_BITS_MAX *DIGITS_MAX >= 32, "digits hold every value");

/* Where the parts of an order lie. */
struct layout {
    uint32_t top_count, fence_count;
};

static struct layout
lay_out(uint32_t count)
{
    uint32_t fence_count = (count + FENCE_ROWS - 1) / FENCE_ROWS;
    return (struct layout){.top_count = (fence_count + TOP_FENCES - 1) / TOP_FENCES,
                           .fence_count = fence_count};
}

size_t
sl_segment_row_order_bytes(uint32_t count)
{
    struct layout layout = lay_out(count);
    return (layout.top_count + layout.fence_count) * sizeof(uint32_t) + count * sizeof(uint16_t);
}

size_t
sl_segment_row_order_scratch(uint32_t count)
{
    return count * (sizeof(uint32_t) + sizeof(uint16_t));
}

/* Distances from the least value; returns the greatest. */
static uint32_t
take_distances(const struct sl_segment_row_values *v, uint32_t *distances)
{
    uint32_t least = UINT32_MAX;
    uint32_t most = 0;
    for (uint32_t row = 0; row < v->count; row++) {
        distances[row] = sl_segment_row_value(v, row);
        least = distances[row] < least ? distances[row] : least;
        most = distances[row] > most ? distances[row] : most;
    }
    for (uint32_t row = 0; row < v->count; row++)
        distances[row] -= least;
    return most - least;
}

/* One pass: the rows of `from` (NULL: 0, 1, 2 ...) to `to`, by a digit of their distances. */
static void
pass(const uint32_t *distances, uint32_t count, unsigned shift, unsigned bits, const uint16_t *from,
     uint16_t *to)
{
    uint32_t next[1 << DIGIT_BITS_MAX] = {0};
    uint32_t mask = (UINT32_C(1) << bits) - 1;
    uint32_t at = 0;
    for (uint32_t row = 0; row < count; row++)
        next[distances[row] >> shift & mask]++;
    for (uint32_t digit = 0; digit <= mask; digit++) {
        uint32_t rows = next[digit];
        next[digit] = at;
        at += rows;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = from == NULL ? i : from[i];
        to[next[distances[row] >> shift & mask]++] = (uint16_t)row;
    }
}

static void
sort_rows(const struct sl_segment_row_values *values, void *scratch, uint16_t *out)
{
    uint32_t *distances = scratch;
    uint16_t *between = (uint16_t *)(distances + values->count);
    uint32_t most = take_distances(values, distances);
    unsigned bits = most == 0 ? 1 : 32 - (unsigned)__builtin_clz(most);
    unsigned passes = (bits + DIGIT_BITS_MAX - 1) / DIGIT_BITS_MAX;
    unsigned digit_bits = (bits + passes - 1) / passes;
    const uint16_t *from = NULL;
    for (unsigned p = 0; p < passes; p++) {
        uint16_t *to = (passes - p) % 2 == 1 ? out : between; /* the last one goes to `out` */
        pass(distances, values->count, p * digit_bits, digit_bits, from, to);
        from = to;
    }
}

void
sl_segment_row_order_sort(const struct sl_segment_row_values *values, void *scratch,
                          void *out_order)
{
    SL_ASSERT(values->count != 0 && values->count <= SL_BLOCK_ROWS);
    struct layout layout = lay_out(values->count);
    uint32_t *tops = out_order;
    uint32_t *fences = tops + layout.top_count;
    uint16_t *rows = (uint16_t *)(fences + layout.fence_count);
    sort_rows(values, scratch, rows);
    for (uint32_t i = 0; i < layout.fence_count; i++)
        fences[i] = sl_segment_row_value(values, rows[(size_t)i * FENCE_ROWS]);
    for (uint32_t i = 0; i < layout.top_count; i++)
        tops[i] = fences[(size_t)i * TOP_FENCES];
}

/* How many of some ascending values are below `least`. */
static uint32_t
count_below(const uint32_t *values, uint32_t count, uint32_t least)
{
    uint32_t below = 0;
    for (uint32_t i = 0; i < count; i++)
        below += values[i] < least;
    return below;
}

/* Number in the order of the first row with a value of at least `least`. */
static uint32_t
lower_bound(const struct sl_segment_row_values *values, const void *order, uint32_t least)
{
    struct layout layout = lay_out(values->count);
    const uint32_t *tops = order;
    const uint32_t *fences = tops + layout.top_count;
    const uint16_t *rows = (const uint16_t *)(fences + layout.fence_count);
    uint32_t top = count_below(tops, layout.top_count, least);
    if (top == 0)
        return 0; /* not even the first value is below */
    uint32_t fence = (top - 1) * TOP_FENCES;
    uint32_t left = layout.fence_count - fence;
    fence += count_below(fences + fence, left < TOP_FENCES ? left : TOP_FENCES, least);
    /* Value number (fence - 1) * FENCE_ROWS is below, number fence * FENCE_ROWS is not. */
    uint32_t first = (fence - 1) * FENCE_ROWS + 1;
    uint32_t end = fence * FENCE_ROWS < values->count ? fence * FENCE_ROWS : values->count;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (sl_segment_row_value(values, rows[middle]) < least)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

const uint16_t *
sl_segment_row_order_find(const struct sl_segment_row_values *values, const void *order,
                          uint32_t low, uint32_t high, uint32_t *out_count)
{
    struct layout layout = lay_out(values->count);
    const uint32_t *tops = order;
    const uint16_t *rows = (const uint16_t *)(tops + layout.top_count + layout.fence_count);
    uint32_t first = lower_bound(values, order, low);
    uint32_t end = high == UINT32_MAX ? values->count : lower_bound(values, order, high + 1);
    SL_ASSERT(first <= end && end <= values->count); /* low <= high */
    *out_count = end - first;
    return rows + first;
}
