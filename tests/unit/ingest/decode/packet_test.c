/*
 * packet_test.c - the UDP payload of frames by hand; every prefix of them is cut, not misread.
 */
#include "ingest/decode/packet.h"
#include "tests/support/test.h"

/* Ethernet, a VLAN tag, IPv4, UDP 2055 -> 2056, "flow", and two bytes of frame padding. */
static const uint8_t ethernet[] = {
    1,    2, 3,    4,    5,    6,    7, 8,  9,  10, 11,  12,  0x81, 0x00, 0x00, 0x05, 0x08, 0x00,
    0x45, 0, 0,    32,   0,    0,    0, 0,  64, 17, 0,   0,   10,   0,    0,    1,    10,   0,
    0,    2, 0x08, 0x07, 0x08, 0x08, 0, 12, 0,  0,  'f', 'l', 'o',  'w',  0,    0};

/* Raw IPv6 with a destination options header. */
static const uint8_t ipv6[] = {0x60, 0, 0, 0, 0, 20, 60, 64, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0,
                               0,    0, 0, 0, 0, 0,  0,  1,  0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0,
                               0,    0, 0, 0, 0, 0,  0,  2,  17,   0,    0,    0,    0, 0, 0, 0,
                               0,    7, 0, 8, 0, 12, 0,  0,  'f',  'l',  'o',  'w'};

static enum sl_packet_kind
parse(int link, const uint8_t *bytes, size_t size_bytes, struct sl_packet *packet)
{
    /* A copy of the exact size: a sanitizer then sees the first byte too many. */
    static uint8_t *exact;
    free(exact);
    exact = malloc(size_bytes + 1);
    assert_non_null(exact);
    memmove(exact + 1, bytes, size_bytes);
    enum sl_packet_kind kind = sl_packet_parse(link, exact + 1, size_bytes, packet);
    if (kind == SL_PACKET_UDP)
        assert_memory_equal(packet->payload, "flow", 4);
    else
        memset(packet, 0, sizeof(*packet));
    free(exact);
    exact = NULL;
    return kind;
}

static void
ethernet_with_a_vlan_tag_is_read(void **state)
{
    (void)state;
    struct sl_packet p;
    assert_int_equal(parse(SL_LINK_ETHERNET, ethernet, sizeof(ethernet), &p), SL_PACKET_UDP);
    assert_int_equal(p.src_addr.low, 0x0a000001);
    assert_int_equal(p.dst_addr.low, 0x0a000002);
    assert_int_equal(p.src_port, 2055);
    assert_int_equal(p.dst_port, 2056);
    assert_int_equal(p.payload_bytes, 4);
}

static void
raw_and_loopback_frames_are_read(void **state)
{
    (void)state;
    struct sl_packet p;
    uint8_t loopback[64] = {0, 0, 0, 2};
    assert_int_equal(parse(SL_LINK_RAW, &ethernet[18], 32, &p), SL_PACKET_UDP);
    memcpy(&loopback[4], &ethernet[18], 32);
    assert_int_equal(parse(SL_LINK_NULL, loopback, 36, &p), SL_PACKET_UDP);
    assert_int_equal(parse(SL_LINK_RAW, ipv6, sizeof(ipv6), &p), SL_PACKET_UDP);
    char text[SL_ADDR_TEXT_BYTES];
    (void)sl_addr_format(p.src_addr, text);
    assert_string_equal(text, "2001:db8::1");
    assert_int_equal(p.src_port, 7);
}

static void
cut_frames_and_fragments_are_told(void **state)
{
    (void)state;
    struct sl_packet p;
    uint8_t copy[sizeof(ethernet)];
    for (size_t size_bytes = 0; size_bytes < sizeof(ethernet) - 2; size_bytes++)
        assert_int_not_equal(parse(SL_LINK_ETHERNET, ethernet, size_bytes, &p), SL_PACKET_UDP);
    for (size_t size_bytes = 0; size_bytes < sizeof(ipv6); size_bytes++)
        assert_int_not_equal(parse(SL_LINK_RAW, ipv6, size_bytes, &p), SL_PACKET_UDP);
    memcpy(copy, ethernet, sizeof(copy));
    copy[18 + 6] = 0x20; /* more fragments */
    assert_int_equal(parse(SL_LINK_ETHERNET, copy, sizeof(copy), &p), SL_PACKET_FRAGMENT);
    memcpy(copy, ethernet, sizeof(copy));
    copy[18 + 9] = 6;
    assert_int_equal(parse(SL_LINK_ETHERNET, copy, sizeof(copy), &p), SL_PACKET_OTHER);
    memcpy(copy, ethernet, sizeof(copy));
    copy[18 + 20 + 5] = 200; /* UDP claims more than there is */
    assert_int_equal(parse(SL_LINK_ETHERNET, copy, sizeof(copy), &p), SL_PACKET_CUT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ethernet_with_a_vlan_tag_is_read),
        cmocka_unit_test(raw_and_loopback_frames_are_read),
        cmocka_unit_test(cut_frames_and_fragments_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
