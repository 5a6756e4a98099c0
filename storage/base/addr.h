/*
 * addr.h - one address type for IPv4 and IPv6.
 *
 * An address is a 128-bit *key* whose unsigned order is the order of addresses in sluice:
 * every IPv4 address first, in numeric order, then every IPv6 address, in numeric order.
 *
 *   key                                 address
 *   0 .. 2^32 - 1                       IPv4 a.b.c.d (and ::ffff:a.b.c.d, which is the same)
 *   2^32 .. 2^32 + 0xffff00000000 - 1   IPv6 :: .. ::fffe:ffff:ffff, that is key - 2^32
 *   2^48 .. 2^128 - 1                   every other IPv6 address, as it is
 *
 * The shift in the middle line makes room for IPv4 and fills the hole that the mapped
 * addresses leave, so the map is a bijection, an IPv4 address is a 32-bit number, and
 * every CIDR block of either family is one interval of keys.
 *
 * "No address" is not a key: it is NULL, by the presence of the vector that holds it.
 */
#ifndef SLUICE_STORAGE_BASE_ADDR_H
#define SLUICE_STORAGE_BASE_ADDR_H

#include "storage/base/base.h"

struct sl_addr {
    uint64_t low;
    uint64_t high;
};

/* Longest text of an address, with its terminating NUL. */
enum { SL_ADDR_TEXT_BYTES = 46 };

static inline struct sl_addr
sl_addr_from_v4(uint32_t host_order)
{
    return (struct sl_addr){.low = host_order};
}

static inline bool
sl_addr_is_v4(struct sl_addr addr)
{
    return addr.high == 0 && addr.low <= UINT32_MAX;
}

/* 16 bytes in network order; a mapped address becomes the IPv4 one. */
struct sl_addr sl_addr_from_v6(const uint8_t bytes[16]);

/* 16 bytes in network order; an IPv4 address as ::ffff:a.b.c.d. */
void sl_addr_to_v6(struct sl_addr addr, uint8_t bytes[16]);

/* <0, 0, >0 in the order above. */
static inline int
sl_addr_compare(struct sl_addr a, struct sl_addr b)
{
    if (a.high != b.high)
        return a.high < b.high ? -1 : 1;
    if (a.low != b.low)
        return a.low < b.low ? -1 : 1;
    return 0;
}

static inline bool
sl_addr_equal(struct sl_addr a, struct sl_addr b)
{
    return a.low == b.low && a.high == b.high;
}

/* RFC 5952 text. Returns the length without the NUL. */
size_t sl_addr_format(struct sl_addr addr, char text[SL_ADDR_TEXT_BYTES]);

/* Exactly one address of either family in text[0 .. size). No port, zone or blanks. */
SL_MUST_CHECK
bool sl_addr_parse(const char *text, size_t size_bytes, struct sl_addr *out_addr);

/*
 * "10.0.0.0/8", "2001:db8::/32" or a bare address (a block of one) as an interval of keys,
 * both ends inclusive. Host bits beyond the mask are ignored. A CIDR matches its own family.
 */
SL_MUST_CHECK
bool sl_addr_parse_cidr(const char *text, size_t size_bytes, struct sl_addr *out_first,
                        struct sl_addr *out_last);

/* The block of `prefix_bits` (0..32 for IPv4, 0..128 for IPv6; larger is clamped) around
 * `addr`, as an interval of keys of addr's family. */
void sl_addr_block(struct sl_addr addr, unsigned prefix_bits, struct sl_addr *out_first,
                   struct sl_addr *out_last);

#endif
