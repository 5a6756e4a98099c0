/*
 * segment_flow.h - columns of flows that have a form of their own.
 *
 * The two ends of a flow as client and server, times as start and duration, bytes as bytes per
 * packet: what segment_format.h says that the writer makes of them.
 *
 * Layer: segment, internal.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_FLOW_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_FLOW_H

#include "storage/segment/segment_column.h"

/* src_addr and dst_addr, which other columns may be functions of; sides and answers are known. The
 * arrays of their codes are written over. */
SL_MUST_CHECK
sl_status sl_segment_flow_addresses(struct sl_segment_encoding *e,
                                    const struct sl_segment_coded ends[2]);

/* What belongs to addresses, which come first: AS, masks, interfaces. */
SL_MUST_CHECK
sl_status sl_segment_flow_properties(struct sl_segment_encoding *e);

/* What each flow has of its own: times, ports, packets, bytes, protocol, flags, type of service. None of
 * them is looked at as a function of another column, so that they may be a lane of their own. */
SL_MUST_CHECK
sl_status sl_segment_flow_measures(struct sl_segment_encoding *e);

/* Is it one of the columns of sl_segment_flow_measures? */
bool sl_segment_flow_is_measure(const struct sl_column *column);

#endif
