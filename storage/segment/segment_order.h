/*
 * segment_order.h - which end of a flow is the server, and the inner order of a row group.
 *
 * Rows of a group are put in the order (protocol, service port, client, server, client's port,
 * arrival). Equal things lie together then, and light codecs find nothing but runs and narrow
 * ranges: measured on flows this alone is worth a quarter of the bytes. Both directions of a
 * conversation are neighbours (segment_pair.h), which is worth another sixth. Pruning by time
 * survives, because segments are short.
 *
 * The service port is the better known of the two (a table by rank, in segment_order.c), else
 * the lower one; the end that has it is the server (of equal ports: the lower address). ICMP has no ports: there the destination
 * port, which is type and code, stands for the service, and the destination is the server. No
 * reader depends on any of this.
 *
 * Layer: segment.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_ORDER_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_ORDER_H

#include "storage/base/base.h"

/* The columns that decide the order, over all rows of the group; NULL: all zero. */
struct sl_segment_order_keys {
    uint32_t row_count;
    const uint8_t *protocol;
    const uint16_t *src_port;
    const uint16_t *dst_port;
    const uint32_t *src_code; /* codes in the sorted dictionary of addresses */
    const uint32_t *dst_code;
    uint32_t code_count;
};

/* For each row (in the order given): 0 when the source is the client, 1 when it is the server. */
void sl_segment_order_sides(const struct sl_segment_order_keys *keys, uint8_t *sides);

/*
 * *order (row_count entries) becomes the inner order: row i of the group is given row order[i].
 * In `answers`, which is zero, the bit is set of every row, in the inner order, that answers the row
 * before it (segment_pair.h); a server's row that came first changes places with the client's.
 * Returns the number of answers. `scratch`: memory to sort in, each of row_count values. has_thread: half
 * of many rows are sorted by a thread of its own; the order is the same.
 */
uint32_t sl_segment_order_sort(const struct sl_segment_order_keys *keys, const uint8_t *sides,
                               uint64_t *const scratch[3], bool has_thread, uint32_t *order,
                               uint64_t *answers);

#endif
