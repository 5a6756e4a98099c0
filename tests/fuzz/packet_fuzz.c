/*
 * packet_fuzz.c - a captured frame never leads outside itself. The first byte chooses the link.
 */
#include "ingest/decode/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    static const int links[] = {SL_LINK_NULL, SL_LINK_ETHERNET, SL_LINK_RAW,  SL_LINK_LOOP,
                                SL_LINK_SLL,  SL_LINK_IPV4,     SL_LINK_IPV6, SL_LINK_SLL2};
    struct sl_packet packet;
    if (size_bytes == 0)
        return 0;
    int link = links[bytes[0] % SL_COUNTOF(links)];
    if (sl_packet_parse(link, &bytes[1], size_bytes - 1, &packet) != SL_PACKET_UDP)
        return 0;
    SL_ASSERT(packet.payload >= bytes);
    SL_ASSERT(packet.payload + packet.payload_bytes <= bytes + size_bytes);
    return 0;
}
