/*
 * merge_plan.c - which segments to merge next: see merge.h. Pure.
 */
#include "storage/merge.h"
#include "storage/partition.h"

static int
compare_times(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int
compare_span(const struct sl_live *a, const struct sl_live *b)
{
    int span = compare_times(sl_partition_floor(a->info.partition_first_us, SL_MERGE_SPAN_US),
                             sl_partition_floor(b->info.partition_first_us, SL_MERGE_SPAN_US));
    return span != 0 ? span : (int)a->info.is_filed_by_receipt - (int)b->info.is_filed_by_receipt;
}

/* Of two of one span. */
static int
compare_slice(const struct sl_live *a, const struct sl_live *b)
{
    int first = compare_times(a->info.partition_first_us, b->info.partition_first_us);
    return first != 0 ? first : compare_times(a->info.partition_last_us, b->info.partition_last_us);
}

static int
compare_input(const void *left, const void *right)
{
    const struct sl_live *a = *(const struct sl_live *const *)left;
    const struct sl_live *b = *(const struct sl_live *const *)right;
    int place = compare_span(a, b);
    if (place == 0)
        place = compare_slice(a, b);
    if (place != 0)
        return place;
    if (a->info.level != b->info.level)
        return a->info.level < b->info.level ? -1 : 1;
    return a->info.number < b->info.number ? -1 : a->info.number > b->info.number;
}

static bool
is_cold(const struct sl_live *live)
{
    return live->info.level >= SL_MERGE_LEVEL_COLD;
}

static bool
is_settled(const struct sl_live *live, int64_t monotonic_us)
{
    return live->born_us <= monotonic_us - SL_MERGE_SETTLED_US;
}

static uint64_t
living_rows(const struct sl_live *live)
{
    return live->info.rows - live->info.dead_rows;
}

/* As many of list[0 .. count) as one output holds. */
static void
take_inputs(const struct sl_live *const *list, uint32_t count, struct sl_merge_pick *pick)
{
    uint64_t rows = 0;
    *pick = (struct sl_merge_pick){0};
    for (uint32_t i = 0; i < count && pick->count < SL_MERGE_FAN_IN_MAX; i++) {
        uint64_t living = living_rows(list[i]);
        if (pick->count != 0 && rows + living > SL_MERGE_ROWS_MAX)
            break;
        rows += living;
        pick->inputs[pick->count++] = list[i];
        pick->bytes += list[i]->info.bytes;
    }
    pick->first_us = list[0]->info.partition_first_us;
    pick->last_us = list[0]->info.partition_last_us;
    pick->is_by_receipt = list[0]->info.is_filed_by_receipt;
}

/* list: one slice, by level. Inputs of equal level that are not cold. */
static bool
plan_hot(const struct sl_live *const *list, uint32_t count, int64_t now_us, enum sl_merge_zeal zeal,
         struct sl_merge_pick *out_pick)
{
    bool is_over =
        zeal == SL_MERGE_ALL || list[0]->info.partition_last_us < now_us - SL_MERGE_GRACE_US;
    uint32_t least = zeal == SL_MERGE_ALL ? 2 : is_over ? SL_MERGE_FAN_IN_MIN : SL_MERGE_OPEN_MAX;
    for (uint32_t first = 0; first < count && !is_cold(list[first]);) {
        uint32_t level = list[first]->info.level;
        uint32_t end = first;
        while (end < count &&
               (list[end]->info.level == level || (zeal == SL_MERGE_ALL && !is_cold(list[end]))))
            end++;
        if (end - first >= least) {
            take_inputs(&list[first], end - first, out_pick);
            out_pick->level = list[first + out_pick->count - 1]->info.level + 1;
            out_pick->effort = SL_EFFORT_SEAL;
            if (out_pick->level >= SL_MERGE_LEVEL_COLD)
                out_pick->level = SL_MERGE_LEVEL_COLD - 1;
            if (out_pick->count >= 2)
                return true;
            first++; /* it does not fit together with the next: it has grown up */
            continue;
        }
        first = end;
    }
    return false;
}

/* list: one slice, by level, whose span is cold. */
static bool
plan_cold_slice(const struct sl_live *const *list, uint32_t count, int64_t monotonic_us,
                enum sl_merge_zeal zeal, struct sl_merge_pick *out_pick)
{
    uint32_t warm_count = 0;
    while (warm_count < count && !is_cold(list[warm_count])) {
        if (zeal == SL_MERGE_WHEN_DUE && !is_settled(list[warm_count], monotonic_us))
            return false;
        warm_count++;
    }
    bool has_cold = warm_count < count;
    if (warm_count == 0 || (has_cold && warm_count < SL_MERGE_FAN_IN_MIN))
        return false;
    take_inputs(list, warm_count, out_pick);
    out_pick->level = SL_MERGE_LEVEL_COLD;
    out_pick->effort = SL_EFFORT_MERGE;
    return true;
}

/* list: a span that is cold, all filed alike, and has few rows. */
static bool
plan_cold_span(const struct sl_live *const *list, uint32_t count, int64_t monotonic_us,
               enum sl_merge_zeal zeal, struct sl_merge_pick *out_pick)
{
    uint32_t cold_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (zeal == SL_MERGE_WHEN_DUE && !is_settled(list[i], monotonic_us))
            return false;
        cold_count += is_cold(list[i]);
    }
    uint32_t least = cold_count == 0 ? 1 : zeal == SL_MERGE_ALL ? 2 : SL_MERGE_FAN_IN_MIN;
    if (count < least)
        return false;
    take_inputs(list, count, out_pick);
    out_pick->first_us = sl_partition_floor(list[0]->info.partition_first_us, SL_MERGE_SPAN_US);
    out_pick->last_us = out_pick->first_us + SL_MERGE_SPAN_US - 1;
    out_pick->level = SL_MERGE_LEVEL_COLD;
    out_pick->effort = SL_EFFORT_MERGE;
    return true;
}

/* list: a span, all filed alike, by slice and level. */
static bool
plan_span(const struct sl_live *const *list, uint32_t count, int64_t now_us, int64_t monotonic_us,
          enum sl_merge_zeal zeal, struct sl_merge_pick *out_pick)
{
    int64_t first_us = sl_partition_floor(list[0]->info.partition_first_us, SL_MERGE_SPAN_US);
    bool is_span_cold = first_us + SL_MERGE_SPAN_US < now_us - SL_MERGE_COLD_US;
    uint64_t rows = 0;

    for (uint32_t i = 0; i < count; i++)
        rows += living_rows(list[i]);
    if (is_span_cold && rows <= SL_SLICE_ROWS)
        return plan_cold_span(list, count, monotonic_us, zeal, out_pick);
    for (uint32_t first = 0; first < count;) {
        uint32_t end = first + 1;
        while (end < count && compare_slice(list[end], list[first]) == 0)
            end++;
        if ((is_span_cold &&
             plan_cold_slice(&list[first], end - first, monotonic_us, zeal, out_pick)) ||
            plan_hot(&list[first], end - first, now_us, zeal, out_pick))
            return true;
        first = end;
    }
    return false;
}

bool
sl_merge_plan(const struct sl_version *version, int64_t now_us, int64_t monotonic_us,
              enum sl_merge_zeal zeal, struct sl_merge_pick *out_pick)
{
    *out_pick = (struct sl_merge_pick){0};
    const struct sl_live **list = sl_new((version->count + 1) * sizeof(struct sl_live *));
    uint32_t count = 0;
    for (uint32_t i = 0; i < version->count; i++)
        if (!sl_live_file_is_damaged(version->segments[i]->file))
            list[count++] = version->segments[i];
    qsort(list, count, sizeof(struct sl_live *), compare_input);
    bool is_due = false;
    for (uint32_t first = 0; first < count && !is_due;) {
        uint32_t end = first + 1;
        while (end < count && compare_span(list[end], list[first]) == 0)
            end++;
        is_due = plan_span(&list[first], end - first, now_us, monotonic_us, zeal, out_pick);
        first = end;
    }
    free(list);
    if (!is_due)
        *out_pick = (struct sl_merge_pick){0};
    return is_due;
}
