/*
 * group_distinct.c - COUNT(DISTINCT) of small values: those of a partition are dealt out to their
 * groups, and sorted and counted there.
 *
 * Most groups have a few values: an insertion sort. Others are sorted by their bytes, from the lowest, as
 * many bytes as their greatest value has.
 */
#include "query/group.h"

enum { FEW = 48 }; /* values that are sorted by insertion */

/* Counting sort by one byte; false: that byte is the same for all, and nothing was done. */
static bool
sort_by_byte(const uint32_t *from, uint32_t *into, uint32_t count, unsigned shift)
{
    uint32_t starts[256] = {0};
    uint32_t at = 0;

    for (uint32_t i = 0; i < count; i++)
        starts[from[i] >> shift & 255]++;
    if (starts[from[0] >> shift & 255] == count)
        return false;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint32_t of_byte = starts[byte];
        starts[byte] = at;
        at += of_byte;
    }
    for (uint32_t i = 0; i < count; i++)
        into[starts[from[i] >> shift & 255]++] = from[i];
    return true;
}

static void
sort_few(uint32_t *values, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t value = values[i];
        uint32_t at = i;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

/* values[0 .. count), which are not kept; `spare` has as much room. */
static uint32_t
count_distinct(uint32_t *values, uint32_t *spare, uint32_t count)
{
    uint32_t distinct = count != 0;

    if (count <= FEW)
        sort_few(values, count);
    for (unsigned shift = 0; shift < 32 && count > FEW; shift += 8)
        if (sort_by_byte(values, spare, count, shift)) {
            uint32_t *sorted = spare;
            spare = values;
            values = sorted;
        }
    for (uint32_t i = 1; i < count; i++)
        distinct += values[i] != values[i - 1];
    return distinct;
}

/* Scratch of a partition. */
struct deal {
    uint32_t *ends;   /* of each group: where its next value goes, in the end where they end */
    uint32_t *values; /* group by group */
    uint32_t *spare;
};

/* Where the values of each group begin. */
static void
find_starts(const struct group_places *places, const struct sl_group_table *table,
            const struct sl_group_partition *p, uint32_t group_count, uint32_t *ends)
{
    uint32_t at = 0;

    memset(ends, 0, group_count * sizeof(*ends));
    for (const struct sl_group_page *page = p->first; page != NULL; page = page->next) {
        const uint64_t *keys = (const void *)page->records;
        uint32_t count = sl_group_page_count(table, p, page);
        for (uint32_t i = 0; i < count; i++)
            ends[places->numbers[sl_group_place_number((uint32_t)keys[i])]]++;
    }
    for (uint32_t group = 0; group < group_count; group++) {
        uint32_t of_group = ends[group];
        ends[group] = at;
        at += of_group;
    }
}

static void
deal_out(const struct group_places *places, const struct sl_group_table *table,
         const struct sl_group_partition *p, const struct deal *deal)
{
    for (const struct sl_group_page *page = p->first; page != NULL; page = page->next) {
        const uint64_t *keys = (const void *)page->records;
        uint32_t count = sl_group_page_count(table, p, page);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t number = places->numbers[sl_group_place_number((uint32_t)keys[i])];
            deal->values[deal->ends[number]++] = (uint32_t)(keys[i] >> 32);
        }
    }
}

bool
group_count_distinct(const struct group_aggregate *a, const struct group_places *places,
                     uint32_t group_count, const struct sl_group_table *table, unsigned partition)
{
    const struct sl_group_partition *p = &table->partitions[partition];
    uint64_t count = p->record_count;
    size_t bytes = (group_count + 2 * count) * sizeof(uint32_t);
    uint32_t start = 0;

    SL_ASSERT(table->record_bytes == sizeof(uint64_t));
    if (count == 0)
        return true;
    if (count > UINT32_MAX || !sl_budget_take(table->budget, bytes))
        return false;
    struct deal deal = {.ends = sl_try_alloc(bytes)};
    bool is_done = deal.ends != NULL;
    if (is_done) {
        deal.values = deal.ends + group_count;
        deal.spare = deal.values + count;
        find_starts(places, table, p, group_count, deal.ends);
        deal_out(places, table, p, &deal);
        for (uint32_t group = 0; group < group_count; group++) {
            uint64_t *state = group_state(places->records[group], a);
            *state = count_distinct(deal.values + start, deal.spare, deal.ends[group] - start);
            start = deal.ends[group];
        }
    }
    free(deal.ends);
    sl_budget_give(table->budget, bytes);
    return is_done;
}
