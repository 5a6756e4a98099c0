/*
 * group_sum.c - counts and sums by the numbers of groups: see group_number.h.
 *
 * A row is one addition to the count of its group and one to each of its sums, which lie side by
 * side. They are 64 bits wide: a bound of what they can hold so far says when they must be moved to
 * the records, whose states are wider.
 */
#include "query/group.h"
#include "query/sum_kernel.h"
#include "storage/base/words.h"

enum { AHEAD = 24 }; /* rows whose sums are on their way from memory */

bool
group_sums_fit(const struct group *group, const struct sl_vector *arguments)
{
    for (uint32_t i = 0; i < group->aggregate_count; i++) {
        const struct group_aggregate *a = &group->aggregates[i];
        const struct sl_vector *v = &arguments[i];
        if (a->sum == GROUP_SUM_NONE || a->aggregate->kind == SL_AGG_COUNT_STAR)
            continue;
        /* Rows without a value would not count. */
        if (v->present != NULL || v->value_count == 0)
            return false;
    }
    return true;
}

#define GATHER_AS(type)                         \
    for (uint32_t i = 0; i < slice->count; i++) \
        room[i] = ((const type *)v->values)[slice->rows[i]];

/* Some values of a plain vector, 8 bytes each. */
static void
gather(const struct sl_vector *v, const struct group_slice *slice, uint64_t *room)
{
    if (v->width == 1)
        GATHER_AS(uint8_t)
    else if (v->width == 2)
        GATHER_AS(uint16_t)
    else if (v->width == 4)
        GATHER_AS(uint32_t)
    else
        GATHER_AS(uint64_t)
}

/* The values of a slice: where they lie, or 8 bytes each in `room`. */
static struct group_values
values_of(const struct sl_vector *v, const struct group_slice *slice, uint64_t *room)
{
    if (v->encoding == SL_PLAIN && slice->is_adjacent)
        return (struct group_values){.values = (const uint8_t *)v->values +
                                               (size_t)slice->rows[0] * v->width,
                                     .width = v->width};
    if (v->encoding == SL_PLAIN)
        gather(v, slice, room);
    else
        for (uint32_t i = 0; i < slice->count; i++)
            room[i] = sl_vector_u64(v, slice->rows[i]);
    return (struct group_values){.values = room, .width = sizeof(*room)};
}

/* No sum of the values is greater; false when there is no such number below 2^63. */
static bool
bound_of(const struct group_values *v, uint32_t count, uint64_t *out_bound)
{
    const uint64_t *values = v->values;
    uint64_t any = 0;

    if (v->width < sizeof(*values))
        any = (UINT64_C(1) << 8 * v->width) - 1;
    else
        for (uint32_t i = 0; i < count; i++)
            any |= values[i];
    return !__builtin_mul_overflow(any, (uint64_t)count, out_bound) && *out_bound >> 63 == 0;
}

/* Row i has values[i] and belongs to row_numbers[i]: to a count and one sum, which is the most
 * frequent, or to one sum of several. */
#define DEFINE_ADD(type)                                                                      \
    static void pairs_##type(const uint32_t *row_numbers, const type *values, uint32_t count, \
                             uint64_t *sums)                                                  \
    {                                                                                         \
        for (uint32_t i = 0; i < count; i++) {                                                \
            uint64_t *pair = &sums[(size_t)row_numbers[i] * 2];                               \
            if (i + AHEAD < count)                                                            \
                __builtin_prefetch(&sums[(size_t)row_numbers[i + AHEAD] * 2], 1);             \
            pair[0]++;                                                                        \
            pair[1] += values[i];                                                             \
        }                                                                                     \
    }                                                                                         \
    static void sums_##type(const uint32_t *row_numbers, const type *values, uint32_t count,  \
                            uint64_t *sums, unsigned stride)                                  \
    {                                                                                         \
        for (uint32_t i = 0; i < count; i++)                                                  \
            sums[(size_t)row_numbers[i] * stride] += values[i];                               \
    }                                                                                         \
    static uint64_t total_##type(const type *values, uint32_t count)                          \
    {                                                                                         \
        uint64_t total = 0;                                                                   \
        for (uint32_t i = 0; i < count; i++)                                                  \
            total += values[i];                                                               \
        return total;                                                                         \
    }

DEFINE_ADD(uint8_t)
DEFINE_ADD(uint16_t)
DEFINE_ADD(uint32_t)
DEFINE_ADD(uint64_t)

static void
add_pairs(const uint32_t *row_numbers, const struct group_values *v, uint32_t count, uint64_t *sums)
{
    switch (v->width) {
    case 1:
        pairs_uint8_t(row_numbers, v->values, count, sums);
        break;
    case 2:
        pairs_uint16_t(row_numbers, v->values, count, sums);
        break;
    case 4:
        pairs_uint32_t(row_numbers, v->values, count, sums);
        break;
    default:
        pairs_uint64_t(row_numbers, v->values, count, sums);
    }
}

static void
add_sums(const uint32_t *row_numbers, const struct group_values *v, uint32_t count, uint64_t *sums,
         unsigned stride)
{
    switch (v->width) {
    case 1:
        sums_uint8_t(row_numbers, v->values, count, sums, stride);
        break;
    case 2:
        sums_uint16_t(row_numbers, v->values, count, sums, stride);
        break;
    case 4:
        sums_uint32_t(row_numbers, v->values, count, sums, stride);
        break;
    default:
        sums_uint64_t(row_numbers, v->values, count, sums, stride);
    }
}

#define WIDEN_AS(type)                   \
    for (uint32_t i = 0; i < count; i++) \
        room[i] = ((const type *)v->values)[i];

/* The values, 8 bytes each: where they lie, or in `room`. */
static const uint64_t *
widen(const struct group_values *v, uint32_t count, uint64_t *room)
{
    if (v->width == 8)
        return v->values;
    if (v->width == 1)
        WIDEN_AS(uint8_t)
    else if (v->width == 2)
        WIDEN_AS(uint16_t)
    else
        WIDEN_AS(uint32_t)
    return room;
}

/* A count and two sums in one pass: rows of one group in a row wait for each other's additions, and so
 * they wait once. */
static void
add_triples(const uint32_t *row_numbers, const uint64_t *first, const uint64_t *second,
            uint32_t count, uint64_t *sums)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t *triple = &sums[(size_t)row_numbers[i] * 3];
        if (i + AHEAD < count)
            __builtin_prefetch(&sums[(size_t)row_numbers[i + AHEAD] * 3], 1);
        triple[0]++;
        triple[1] += first[i];
        triple[2] += second[i];
    }
}

static uint64_t
total_of(const struct group_values *v, uint32_t count)
{
    switch (v->width) {
    case 1:
        return total_uint8_t(v->values, count);
    case 2:
        return total_uint16_t(v->values, count);
    case 4:
        return total_uint32_t(v->values, count);
    default:
        return total_uint64_t(v->values, count);
    }
}

static void
add_counts(const uint32_t *row_numbers, uint32_t count, uint64_t *sums, unsigned stride)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i + AHEAD < count)
            __builtin_prefetch(&sums[(size_t)row_numbers[i + AHEAD] * stride], 1);
        sums[(size_t)row_numbers[i] * stride]++;
    }
}

bool
group_sums_read(const struct group *group, struct group_worker *w,
                const struct sl_vector *arguments, const struct group_slice *slice,
                uint64_t *out_most)
{
    struct group_numbers *numbers = &w->numbers;
    struct group_values *values = numbers->values;
    uint64_t bound = 0;

    *out_most = 0;
    for (uint32_t i = 0; i < group->aggregate_count; i++) {
        unsigned sum = group->aggregates[i].sum;
        if (sum == GROUP_SUM_NONE || sum == GROUP_SUM_COUNT)
            continue;
        uint64_t *room = numbers->row_values + (size_t)sum * GROUP_SLICE_ROWS;
        values[sum] = values_of(&arguments[i], slice, room);
        if (!bound_of(&values[sum], slice->count, &bound))
            return false;
        *out_most = bound > *out_most ? bound : *out_most;
    }
    return true;
}

void
group_sums_put(const struct group_worker *w, const uint32_t *row_numbers, uint32_t count,
               uint64_t *sums)
{
    const struct group_values *values = w->numbers.values;
    unsigned stride = w->numbers.sum_stride;

    if (stride == 2) {
        add_pairs(row_numbers, &values[1], count, sums);
        return;
    }
    if (stride == 3) {
        uint64_t *room = w->numbers.row_values;
        add_triples(row_numbers, widen(&values[1], count, room + GROUP_SLICE_ROWS),
                    widen(&values[2], count, room + (size_t)2 * GROUP_SLICE_ROWS), count, sums);
        return;
    }
    add_counts(row_numbers, count, sums, stride);
    for (unsigned sum = 1; sum < stride; sum++)
        add_sums(row_numbers, &values[sum], count, sums + sum, stride);
}

bool
group_sums_move(const struct group *group, const uint64_t *const *sums, void *const *records,
                uint32_t count, struct sl_arena *arena)
{
    for (uint32_t i = 0; i < group->aggregate_count; i++) {
        const struct group_aggregate *a = &group->aggregates[i];
        if (a->sum != GROUP_SUM_NONE &&
            !sl_aggregate_add_sums(a->aggregate, records, a->offset, sums, a->sum, count, arena))
            return false;
    }
    return true;
}

enum group_outcome
group_sums_add(const struct group *group, struct group_worker *w, const struct sl_vector *arguments,
               const struct group_slice *slice)
{
    struct group_numbers *numbers = &w->numbers;
    unsigned stride = numbers->sum_stride;
    uint64_t most;

    if (!group_sums_read(group, w, arguments, slice, &most))
        return GROUP_UNFIT;
    if ((numbers->sum_bound + most) >> 63 != 0 && !group_sums_fold(group, w))
        return GROUP_NO_MEMORY;
    numbers->sum_bound += most;
    if (group->key_count != 0) {
        group_sums_put(w, numbers->row_numbers, slice->count, numbers->sums);
        return GROUP_DONE;
    }
    numbers->sums[stride] += slice->count;
    for (unsigned sum = 1; sum < stride; sum++)
        numbers->sums[stride + sum] += total_of(&numbers->values[sum], slice->count);
    return GROUP_DONE;
}

/* The sum of a column's selected values, `count` of them, and what it is at most. False: there is no
 * loop for the column, or no such number below 2^63. */
static bool
sum_column(const struct sl_vector *v, const uint64_t *selection, uint32_t count, uint64_t *out_sum,
           uint64_t *out_most)
{
    const struct sl_sum_kernels *kernels = sl_sum_kernels_best();

    if (v->encoding == SL_CONSTANT)
        return !__builtin_mul_overflow(sl_vector_u64(v, 0), (uint64_t)count, out_sum) &&
               (*out_most = *out_sum) >> 63 == 0;
    if (v->encoding != SL_PLAIN || v->width > sizeof(uint32_t))
        return false;
    *out_most = ((UINT64_C(1) << 8 * v->width) - 1) * count;
    if (v->width == 1)
        *out_sum = kernels->u8(v->values, selection, v->count);
    else if (v->width == 2)
        *out_sum = kernels->u16(v->values, selection, v->count);
    else
        *out_sum = kernels->u32(v->values, selection, v->count);
    return true;
}

enum group_outcome
group_sums_add_chunk(const struct group *group, struct group_worker *w,
                     const struct sl_vector *arguments, const uint64_t *selection,
                     uint32_t row_count)
{
    struct group_numbers *numbers = &w->numbers;
    uint64_t sums[GROUP_SUMS_MAX] = {0};
    uint64_t most = 0;

    sums[GROUP_SUM_COUNT] =
        selection == NULL ? row_count : sl_words_count(selection, sl_words_for(row_count));
    for (uint32_t i = 0; i < group->aggregate_count; i++) {
        unsigned sum = group->aggregates[i].sum;
        uint64_t bound;
        if (sum == GROUP_SUM_COUNT)
            continue;
        if (!sum_column(&arguments[i], selection, (uint32_t)sums[GROUP_SUM_COUNT], &sums[sum],
                        &bound))
            return GROUP_UNFIT;
        most = bound > most ? bound : most;
    }
    enum group_outcome outcome = group_numbers_map(group, w, 0, NULL, NULL);
    if (outcome != GROUP_DONE)
        return outcome;
    if ((numbers->sum_bound + most) >> 63 != 0 && !group_sums_fold(group, w))
        return GROUP_NO_MEMORY;
    numbers->sum_bound += most;
    for (unsigned sum = 0; sum < numbers->sum_stride; sum++)
        numbers->sums[numbers->sum_stride + sum] += sums[sum];
    return GROUP_DONE;
}

bool
group_sums_fold(const struct group *group, struct group_worker *w)
{
    struct group_numbers *numbers = &w->numbers;
    unsigned stride = numbers->sum_stride;

    for (uint32_t first = 1; first <= numbers->count; first += GROUP_SLICE_ROWS) {
        uint32_t count = numbers->count - first + 1;
        count = count < GROUP_SLICE_ROWS ? count : GROUP_SLICE_ROWS;
        for (uint32_t i = 0; i < count; i++)
            w->sums[i] = &numbers->sums[(size_t)(first + i) * stride];
        if (!group_sums_move(group, w->sums, &numbers->records[first], count, w->kept))
            return false;
    }
    if (numbers->count != 0)
        memset(numbers->sums, 0, ((size_t)numbers->count + 1) * stride * sizeof(uint64_t));
    numbers->sum_bound = 0;
    return true;
}
