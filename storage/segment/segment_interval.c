/*
 * segment_interval.c - see segment_interval.h.
 */
#include "storage/segment/segment_interval.h"

#include "storage/segment/segment_input.h"

/* First entry of a dictionary of addresses, from `first` on, at or above `key`. */
static uint32_t
lower_bound(const struct sl_segment_item *item, uint32_t first, uint32_t count, struct sl_addr key)
{
    uint32_t low = first;
    uint32_t high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sl_addr_compare(sl_segment_item_addr(item, middle), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Codes of the addresses low .. high; false when there are none. */
static bool
find_codes(const struct sl_segment_item *item, uint32_t count, struct sl_addr low,
           struct sl_addr high, struct sl_segment_interval *out_interval)
{
    if (sl_addr_compare(low, high) > 0)
        return false;
    uint32_t first = lower_bound(item, 0, count, low);
    uint32_t end = sl_addr_equal(low, high) ? first : lower_bound(item, first, count, high);
    if (end < count && sl_addr_equal(sl_segment_item_addr(item, end), high))
        end++;
    if (first >= end)
        return false;
    *out_interval = (struct sl_segment_interval){first, end - 1};
    return true;
}

bool
sl_segment_interval_find(const struct sl_segment_group *group,
                         const struct sl_segment_group_column *column,
                         const struct sl_segment_item *item, enum sl_type type, struct sl_addr low,
                         struct sl_addr high, struct sl_segment_interval *out_interval)
{
    if (item != NULL)
        return find_codes(item, group->dictionaries[column->dictionary].entry_count, low, high,
                          out_interval);
    *out_interval =
        (struct sl_segment_interval){sl_segment_key(type, low.low), sl_segment_key(type, high.low)};
    return out_interval->first <= out_interval->last;
}
