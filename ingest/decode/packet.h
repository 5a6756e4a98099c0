/*
 * packet.h - the UDP payload of a captured frame.
 *
 * Knows Ethernet with VLAN tags, Linux cooked captures (SLL and SLL2), raw IP and the loopback
 * header of BSD, IPv4 and IPv6 with extension headers. Every length is checked against what was
 * captured; a length of a header that claims more than there is ends the packet.
 *
 * Pure; no allocation. Layer: ingest/decode.
 */
#ifndef SLUICE_INGEST_DECODE_PACKET_H
#define SLUICE_INGEST_DECODE_PACKET_H

#include "storage/base/addr.h"

/* Link types, by the numbers of the pcap file format. */
enum sl_link {
    SL_LINK_NULL = 0,
    SL_LINK_ETHERNET = 1,
    SL_LINK_RAW = 101,
    SL_LINK_LOOP = 108,
    SL_LINK_SLL = 113,
    SL_LINK_IPV4 = 228,
    SL_LINK_IPV6 = 229,
    SL_LINK_SLL2 = 276,
};

enum sl_packet_kind {
    SL_PACKET_UDP,      /* payload is whole */
    SL_PACKET_OTHER,    /* not UDP over IP */
    SL_PACKET_FRAGMENT, /* a piece of a UDP datagram */
    SL_PACKET_CUT,      /* shorter than its headers say */
};

struct sl_packet {
    struct sl_addr src_addr;
    struct sl_addr dst_addr;
    uint16_t src_port;
    uint16_t dst_port;
    const uint8_t *payload; /* borrowed from the frame */
    size_t payload_bytes;
};

/* Is this a link type that sl_packet_parse knows? */
bool sl_link_is_known(int link);

/* *out_packet is set for SL_PACKET_UDP only. */
enum sl_packet_kind sl_packet_parse(int link, const uint8_t *bytes, size_t size_bytes,
                                    struct sl_packet *out_packet);

#endif
