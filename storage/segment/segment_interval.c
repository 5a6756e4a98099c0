/*
 * segment_interval.c - see segment_interval.h.
 */
#include "storage/segment/segment_interval.h"

#include "storage/segment/segment_input.h"
#include "storage/segment/segment_lookup.h"

sl_status
sl_segment_interval_find(struct sl_segment_reader *reader, uint32_t group,
                         const struct sl_segment_group_column *column, enum sl_type type,
                         struct sl_addr low, struct sl_addr high,
                         struct sl_segment_interval *out_interval, bool *out_is_any,
                         struct sl_segment_counters *counters, struct sl_error *err)
{
    struct sl_segment_codes codes = {0};
    if (type != SL_TYPE_ADDR) {
        *out_interval = (struct sl_segment_interval){sl_segment_key(type, low.low),
                                                     sl_segment_key(type, high.low)};
        *out_is_any = out_interval->first <= out_interval->last;
        return SL_OK;
    }
    SL_TRY(sl_segment_lookup_codes(reader, group, column->dictionary, low, high, &codes, out_is_any,
                                   counters, err));
    *out_interval = (struct sl_segment_interval){codes.first, codes.last};
    return SL_OK;
}
