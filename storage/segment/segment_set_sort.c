/*
 * segment_set_sort.c - the entries of a set in the order of a dictionary: addresses by their digits,
 * strings by comparing them. See segment_input.h.
 */
#include "storage/segment/segment_input.h"

#include <stdlib.h>

/* Where the entries of each digit go, from how many there are. Returns the largest number. */
static uint32_t
start_digits(const uint32_t counts[256], uint32_t starts[256])
{
    uint32_t sum = 0;
    uint32_t largest = 0;
    for (unsigned b = 0; b < 256; b++) {
        starts[b] = sum;
        sum += counts[b];
        largest = counts[b] > largest ? counts[b] : largest;
    }
    return largest;
}

/* IPv4 addresses by their 32 bits above the numbers of their entries: an even number of digits, so that they
 * are in place again. */
static void
sort_v4(uint64_t *keys, uint64_t *spare, uint32_t count)
{
    uint32_t counts[4][256] = {0};
    for (uint32_t i = 0; i < count; i++)
        for (unsigned d = 0; d < 4; d++)
            counts[d][(uint8_t)(keys[i] >> (32 + 8 * d))]++;
    for (unsigned d = 0; d < 4; d++) {
        uint32_t starts[256];
        (void)start_digits(counts[d], starts);
        for (uint32_t i = 0; i < count; i++)
            spare[starts[(uint8_t)(keys[i] >> (32 + 8 * d))]++] = keys[i];
        uint64_t *other = keys;
        keys = spare;
        spare = other;
    }
}

/* Entries of any kind. Least significant digit first, eight bits at a time; digits that all agree on cost
 * nothing. */
static bool
sort_wide(const struct sl_segment_set *set, uint32_t *order, uint32_t count)
{
    uint32_t *target = sl_arena_alloc(set->arena, count * sizeof(*target));
    uint32_t(*counts)[256] = sl_arena_calloc(set->arena, 16, sizeof(*counts));
    if (target == NULL || counts == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct sl_addr addr = set->addrs[order[i]];
        for (unsigned d = 0; d < 8; d++) {
            counts[d][(uint8_t)(addr.low >> (8 * d))]++;
            counts[8 + d][(uint8_t)(addr.high >> (8 * d))]++;
        }
    }
    uint32_t *source = order;
    for (unsigned d = 0; d < 16; d++) {
        uint32_t starts[256];
        if (start_digits(counts[d], starts) == count)
            continue;
        for (uint32_t i = 0; i < count; i++) {
            struct sl_addr addr = set->addrs[source[i]];
            uint64_t word = d < 8 ? addr.low : addr.high;
            target[starts[(uint8_t)(word >> (8 * (d % 8)))]++] = source[i];
        }
        uint32_t *other = source;
        source = target;
        target = other;
    }
    if (source != order)
        memcpy(order, source, count * sizeof(*order));
    return true;
}

/* Most addresses are IPv4, which come first: sorted for themselves they need a quarter of the digits. */
static bool
sort_addresses(struct sl_segment_set *set, uint32_t *order)
{
    uint64_t *keys = sl_arena_alloc(set->arena, 2 * (size_t)set->count * sizeof(*keys));
    uint32_t *wide = sl_arena_alloc(set->arena, set->count * sizeof(*wide));
    uint32_t v4_count = 0;
    uint32_t wide_count = 0;
    if (keys == NULL || wide == NULL)
        return false;
    for (uint32_t i = 0; i < set->count; i++) {
        if (sl_addr_is_v4(set->addrs[i]))
            keys[v4_count++] = set->addrs[i].low << 32 | i;
        else
            wide[wide_count++] = i;
    }
    sort_v4(keys, keys + set->count, v4_count);
    if (!sort_wide(set, wide, wide_count))
        return false;
    for (uint32_t i = 0; i < v4_count; i++)
        order[i] = (uint32_t)keys[i];
    memcpy(order + v4_count, wide, wide_count * sizeof(*order));
    return true;
}

/* A string with the code that it had. */
struct sorting {
    struct sl_slice slice;
    uint32_t code;
};

static int
compare_strings(const void *a, const void *b)
{
    const struct sl_slice *left = &((const struct sorting *)a)->slice;
    const struct sl_slice *right = &((const struct sorting *)b)->slice;
    size_t common = left->size_bytes < right->size_bytes ? left->size_bytes : right->size_bytes;
    int order = common == 0 ? 0 : memcmp(left->bytes, right->bytes, common);
    if (order != 0)
        return order;
    return (left->size_bytes > right->size_bytes) - (left->size_bytes < right->size_bytes);
}

static bool
sort_strings(struct sl_segment_set *set, uint32_t *order)
{
    struct sorting *entries = sl_arena_alloc(set->arena, set->count * sizeof(*entries));
    if (entries == NULL)
        return false;
    for (uint32_t i = 0; i < set->count; i++)
        entries[i] = (struct sorting){set->slices[i], i};
    qsort(entries, set->count, sizeof(*entries), compare_strings);
    for (uint32_t i = 0; i < set->count; i++)
        order[i] = entries[i].code;
    return true;
}

bool
sl_segment_set_sort(struct sl_segment_set *set, uint32_t **out_ranks)
{
    uint32_t *order = sl_arena_alloc(set->arena, set->count * sizeof(*order));
    uint32_t *ranks = sl_arena_alloc(set->arena, set->count * sizeof(*ranks));
    *out_ranks = ranks;
    if (order == NULL || ranks == NULL)
        return false;
    if (set->addrs != NULL ? !sort_addresses(set, order) : !sort_strings(set, order))
        return false;
    for (uint32_t i = 0; i < set->count; i++)
        ranks[order[i]] = i;

    size_t element_bytes = set->addrs != NULL ? sizeof(struct sl_addr) : sizeof(struct sl_slice);
    void *sorted = sl_arena_alloc(set->arena, set->count * element_bytes);
    if (sorted == NULL)
        return false;
    if (set->addrs != NULL) {
        for (uint32_t i = 0; i < set->count; i++)
            ((struct sl_addr *)sorted)[i] = set->addrs[order[i]];
        set->addrs = sorted;
    } else {
        for (uint32_t i = 0; i < set->count; i++)
            ((struct sl_slice *)sorted)[i] = set->slices[order[i]];
        set->slices = sorted;
    }
    return true;
}
