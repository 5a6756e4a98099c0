/*
 * batch_addrs.h - an array of addresses of both families, as bytes.
 *
 * Layout
 *     (n + 7) / 8  bit i % 8 of byte i / 8 is 1 when address i is IPv6; further bits zero
 *     ints         batch_ints.h of the IPv4 ones in order (width 4)
 *     ints         of the IPv6 ones in order: the high halves (width 8)
 *     ints         the low halves (width 8)
 *
 * An IPv4 address so takes a quarter of an IPv6 one, also beside it. The bit is a matter of the
 * encoder alone: a small number among the IPv6 ones is the IPv4 address of that number.
 *
 * Threads: pure, any.
 * Layer:   batch. Internal to batch_codec.c.
 */
#ifndef SLUICE_STORAGE_BATCH_ADDRS_H
#define SLUICE_STORAGE_BATCH_ADDRS_H

#include "storage/base/addr.h"
#include "storage/base/buf.h"
#include "storage/base/cursor.h"

/* Append `count` addresses, at most SL_BATCH_ROWS_MAX. */
void sl_addrs_encode(const struct sl_addr *addrs, uint32_t count, struct sl_buf *out);

/* Read what was encoded. False when it is not there. */
SL_MUST_CHECK
bool sl_addrs_decode(struct sl_cursor *c, uint32_t count, struct sl_addr *addrs);

#endif
