/*
 * group_sum.c - counts and sums by the numbers of groups: see group_number.h.
 *
 * A row is one addition to the count of its group and one to each of its sums, which lie side by
 * side. They are 64 bits wide: a bound of what they can hold so far says when they must be moved to
 * the records, whose states are wider.
 */
#include "query/group.h"

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

#define DEFINE_GATHER(type)                                                                   \
    static void gather_##type(const type *values, const struct group_slice *s, uint64_t *out) \
    {                                                                                         \
        if (s->is_adjacent)                                                                   \
            for (uint32_t i = 0; i < s->count; i++)                                           \
                out[i] = values[s->rows[0] + i];                                              \
        else                                                                                  \
            for (uint32_t i = 0; i < s->count; i++)                                           \
                out[i] = values[s->rows[i]];                                                  \
    }

DEFINE_GATHER(uint8_t)
DEFINE_GATHER(uint16_t)
DEFINE_GATHER(uint32_t)
DEFINE_GATHER(uint64_t)

/* The values of a slice, 8 bytes each, all of them there: in place, or in `room`. */
static const uint64_t *
values_of(const struct sl_vector *v, const struct group_slice *slice, uint64_t *room)
{
    if (v->encoding != SL_PLAIN) {
        for (uint32_t i = 0; i < slice->count; i++)
            room[i] = sl_vector_u64(v, slice->rows[i]);
        return room;
    }
    switch (v->width) {
    case 1:
        gather_uint8_t(v->values, slice, room);
        return room;
    case 2:
        gather_uint16_t(v->values, slice, room);
        return room;
    case 4:
        gather_uint32_t(v->values, slice, room);
        return room;
    default:
        if (slice->is_adjacent)
            return (const uint64_t *)v->values + slice->rows[0];
        gather_uint64_t(v->values, slice, room);
        return room;
    }
}

/* No sum of the values is greater; false when there is no such number below 2^63. */
static bool
bound_of(const uint64_t *values, uint32_t count, uint64_t *out_bound)
{
    uint64_t any = 0;

    for (uint32_t i = 0; i < count; i++)
        any |= values[i];
    return !__builtin_mul_overflow(any, (uint64_t)count, out_bound) && *out_bound >> 63 == 0;
}

static void
add_counts(const uint32_t *row_numbers, uint32_t count, uint64_t *sums, unsigned stride)
{
    for (uint32_t i = 0; i < count; i++)
        sums[(size_t)row_numbers[i] * stride]++;
}

static void
add_sums(const uint32_t *row_numbers, const uint64_t *values, uint32_t count, uint64_t *sums,
         unsigned stride)
{
    for (uint32_t i = 0; i < count; i++)
        sums[(size_t)row_numbers[i] * stride] += values[i];
}

/* A count and one sum, which is the most frequent. */
static void
add_pairs(const uint32_t *row_numbers, const uint64_t *values, uint32_t count, uint64_t *sums)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t *pair = &sums[(size_t)row_numbers[i] * 2];
        pair[0]++;
        pair[1] += values[i];
    }
}

static uint64_t
total_of(const uint64_t *values, uint32_t count)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < count; i++)
        total += values[i];
    return total;
}

enum group_outcome
group_sums_add(const struct group *group, struct group_worker *w, const struct sl_vector *arguments,
               const struct group_slice *slice)
{
    struct group_numbers *numbers = &w->numbers;
    const uint64_t **values = numbers->values;
    uint64_t bound = 0, most = 0;
    unsigned stride = numbers->sum_stride;

    for (uint32_t i = 0; i < group->aggregate_count; i++) {
        unsigned sum = group->aggregates[i].sum;
        if (sum == GROUP_SUM_NONE || sum == GROUP_SUM_COUNT)
            continue;
        uint64_t *room = numbers->row_values + (size_t)sum * GROUP_SLICE_ROWS;
        values[sum] = values_of(&arguments[i], slice, room);
        if (!bound_of(values[sum], slice->count, &bound))
            return GROUP_UNFIT;
        most = bound > most ? bound : most;
    }
    if ((numbers->sum_bound + most) >> 63 != 0 && !group_sums_fold(group, w))
        return GROUP_NO_MEMORY;
    numbers->sum_bound += most;
    if (group->key_count == 0) {
        numbers->sums[stride] += slice->count;
        for (unsigned sum = 1; sum < stride; sum++)
            numbers->sums[stride + sum] += total_of(values[sum], slice->count);
        return GROUP_DONE;
    }
    if (stride == 2) {
        add_pairs(numbers->row_numbers, values[1], slice->count, numbers->sums);
        return GROUP_DONE;
    }
    add_counts(numbers->row_numbers, slice->count, numbers->sums, stride);
    for (unsigned sum = 1; sum < stride; sum++)
        add_sums(numbers->row_numbers, values[sum], slice->count, numbers->sums + sum, stride);
    return GROUP_DONE;
}

bool
group_sums_fold(const struct group *group, struct group_worker *w)
{
    struct group_numbers *numbers = &w->numbers;
    unsigned stride = numbers->sum_stride;

    for (uint32_t n = 1; n <= numbers->count; n++) {
        const uint64_t *sums = &numbers->sums[(size_t)n * stride];
        for (uint32_t i = 0; i < group->aggregate_count; i++) {
            const struct group_aggregate *a = &group->aggregates[i];
            if (a->sum != GROUP_SUM_NONE &&
                !sl_aggregate_add_sum(a->aggregate, group_state(numbers->records[n], a), sums[0],
                                      sums[a->sum], w->kept))
                return false;
        }
    }
    if (numbers->count != 0)
        memset(numbers->sums, 0, ((size_t)numbers->count + 1) * stride * sizeof(uint64_t));
    numbers->sum_bound = 0;
    return true;
}
