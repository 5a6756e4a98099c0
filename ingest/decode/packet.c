/*
 * packet.c - see packet.h.
 */
#include "ingest/decode/packet.h"

#include "storage/base/cursor.h"

enum {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_QINQ = 0x88a8,
    ETHERTYPE_QINQ_OLD = 0x9100,
    VLAN_TAGS_MAX = 4,
    IPV6_EXTENSIONS_MAX = 8,
    PROTOCOL_UDP = 17,
};

bool
sl_link_is_known(int link)
{
    switch (link) {
    case SL_LINK_NULL:
    case SL_LINK_ETHERNET:
    case SL_LINK_RAW:
    case SL_LINK_LOOP:
    case SL_LINK_SLL:
    case SL_LINK_IPV4:
    case SL_LINK_IPV6:
    case SL_LINK_SLL2:
        return true;
    default:
        return false;
    }
}

/* Over the tags of VLANs to what they carry. */
static uint16_t
skip_vlans(struct sl_cursor *c, uint16_t type)
{
    for (unsigned i = 0; i < VLAN_TAGS_MAX; i++) {
        if (type != ETHERTYPE_VLAN && type != ETHERTYPE_QINQ && type != ETHERTYPE_QINQ_OLD)
            break;
        (void)sl_cursor_u16be(c);
        type = sl_cursor_u16be(c);
    }
    return type;
}

/* Over the link header; the type of Ethernet that follows, 0 for none that we read. */
static uint16_t
skip_link(struct sl_cursor *c, int link)
{
    uint16_t type = 0;
    switch (link) {
    case SL_LINK_ETHERNET:
        (void)sl_cursor_take(c, 12);
        return skip_vlans(c, sl_cursor_u16be(c));
    case SL_LINK_SLL:
        (void)sl_cursor_take(c, 14);
        return skip_vlans(c, sl_cursor_u16be(c));
    case SL_LINK_SLL2:
        type = sl_cursor_u16be(c);
        (void)sl_cursor_take(c, 18);
        return skip_vlans(c, type);
    case SL_LINK_NULL:
    case SL_LINK_LOOP:
        /* The family is in the byte order, and with the numbers, of the machine that captured:
         * the version in the IP header says the same everywhere. */
        (void)sl_cursor_take(c, 4);
        break;
    default:
        break;
    }
    if (c->bad || sl_cursor_left(c) == 0)
        return 0;
    return c->next[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
}

/* Over an IPv4 header; what follows ends where the header says (frames are padded). */
static enum sl_packet_kind
skip_ipv4(struct sl_cursor *c, struct sl_packet *p, uint8_t *out_protocol)
{
    struct sl_cursor header = *c;
    uint8_t first = sl_cursor_u8(&header);
    (void)sl_cursor_u8(&header);
    uint16_t total_bytes = sl_cursor_u16be(&header);
    (void)sl_cursor_u16be(&header);
    uint16_t fragment = sl_cursor_u16be(&header);
    (void)sl_cursor_u8(&header);
    *out_protocol = sl_cursor_u8(&header);
    (void)sl_cursor_u16be(&header);
    p->src_addr = sl_addr_from_v4(sl_cursor_u32be(&header));
    p->dst_addr = sl_addr_from_v4(sl_cursor_u32be(&header));
    size_t header_bytes = (size_t)(first & 0xf) * 4;
    if (header.bad)
        return SL_PACKET_CUT;
    if (first >> 4 != 4 || header_bytes < 20)
        return SL_PACKET_OTHER;
    if ((fragment & 0x3fff) != 0) /* an offset, or more to come */
        return *out_protocol == PROTOCOL_UDP ? SL_PACKET_FRAGMENT : SL_PACKET_OTHER;
    /* A total of 0 is what a capture on a sending machine with offload shows. */
    if (total_bytes == 0)
        total_bytes = (uint16_t)sl_min_size(sl_cursor_left(c), UINT16_MAX);
    if (total_bytes < header_bytes || sl_cursor_left(c) < total_bytes)
        return SL_PACKET_CUT;
    c->end = &c->next[total_bytes];
    (void)sl_cursor_take(c, header_bytes);
    return SL_PACKET_UDP;
}

static enum sl_packet_kind
skip_ipv6(struct sl_cursor *c, struct sl_packet *p, uint8_t *out_protocol)
{
    uint32_t first = sl_cursor_u32be(c);
    uint16_t rest_bytes = sl_cursor_u16be(c);
    uint8_t next = sl_cursor_u8(c);
    (void)sl_cursor_u8(c);
    const uint8_t *src = sl_cursor_take(c, 16);
    const uint8_t *dst = sl_cursor_take(c, 16);
    if (src == NULL || dst == NULL || sl_cursor_left(c) < rest_bytes)
        return SL_PACKET_CUT;
    if (first >> 28 != 6)
        return SL_PACKET_OTHER;
    p->src_addr = sl_addr_from_v6(src);
    p->dst_addr = sl_addr_from_v6(dst);
    c->end = &c->next[rest_bytes];
    for (unsigned i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
        if (next == 44)
            return SL_PACKET_FRAGMENT;
        if (next != 0 && next != 43 && next != 60)
            break;
        next = sl_cursor_u8(c);
        size_t words = sl_cursor_u8(c);
        (void)sl_cursor_take(c, 6 + words * 8);
    }
    *out_protocol = next;
    return c->bad ? SL_PACKET_CUT : SL_PACKET_UDP;
}

enum sl_packet_kind
sl_packet_parse(int link, const uint8_t *bytes, size_t size_bytes, struct sl_packet *out_packet)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    struct sl_packet p = {0};
    uint8_t protocol = 0;
    enum sl_packet_kind kind = SL_PACKET_OTHER;
    uint16_t type = skip_link(&c, link);
    if (c.bad)
        return SL_PACKET_CUT;
    if (type == ETHERTYPE_IPV4)
        kind = skip_ipv4(&c, &p, &protocol);
    else if (type == ETHERTYPE_IPV6)
        kind = skip_ipv6(&c, &p, &protocol);
    if (kind != SL_PACKET_UDP)
        return kind;
    if (protocol != PROTOCOL_UDP)
        return SL_PACKET_OTHER;
    p.src_port = sl_cursor_u16be(&c);
    p.dst_port = sl_cursor_u16be(&c);
    uint16_t udp_bytes = sl_cursor_u16be(&c);
    (void)sl_cursor_u16be(&c); /* checksum: offload leaves it wrong in captures */
    if (c.bad || udp_bytes < 8 || sl_cursor_left(&c) < udp_bytes - 8U)
        return SL_PACKET_CUT;
    p.payload_bytes = udp_bytes - 8U;
    p.payload = sl_cursor_take(&c, p.payload_bytes);
    *out_packet = p;
    return SL_PACKET_UDP;
}
