/*
 * flowgen_export.c - generated flows as an exporter sends or dumps them. See flowgen.h.
 *
 * NetFlow v5: Cisco's layout, 24 bytes of header and 48 a record. NetFlow v9: RFC 3954, one
 * template for IPv4 (id 256) and one for IPv6 (id 257), 19 fields each. The uptime clock is
 * the low 32 bits of the epoch in milliseconds, so that it wraps every 49.7 days like a real one.
 */
#include "bench/flowgen.h"
#include "storage/base/clock.h"

/* Milliseconds of system uptime at a time, for an exporter that booted at a fixed moment. */
static uint32_t
uptime_ms(int64_t time_us)
{
    return (uint32_t)(uint64_t)(time_us / SL_US_PER_MS);
}

static void
put_v5_record(const struct flow *f, struct sl_buf *out)
{
    sl_buf_u32be(out, (uint32_t)f->src_addr.low);
    sl_buf_u32be(out, (uint32_t)f->dst_addr.low);
    sl_buf_u32be(out, (uint32_t)f->next_hop.low);
    sl_buf_u16be(out, f->input_if);
    sl_buf_u16be(out, f->output_if);
    sl_buf_u32be(out, (uint32_t)f->packets);
    sl_buf_u32be(out, (uint32_t)f->bytes);
    sl_buf_u32be(out, uptime_ms(f->first_us));
    sl_buf_u32be(out, uptime_ms(f->last_us));
    sl_buf_u16be(out, f->src_port);
    sl_buf_u16be(out, f->dst_port);
    sl_buf_u8(out, 0);
    sl_buf_u8(out, f->tcp_flags);
    sl_buf_u8(out, f->protocol);
    sl_buf_u8(out, f->tos);
    sl_buf_u16be(out, (uint16_t)f->src_as);
    sl_buf_u16be(out, (uint16_t)f->dst_as);
    sl_buf_u8(out, f->src_mask);
    sl_buf_u8(out, f->dst_mask);
    sl_buf_u16be(out, 0);
}

void
flowgen_netflow5(struct flowgen_exporter *exporter, const struct flow *flows, uint32_t count,
                 struct sl_buf *out)
{
    SL_ASSERT(count > 0 && count <= 30);
    int64_t now_us = flows[count - 1].last_us;
    sl_buf_u16be(out, 5);
    sl_buf_u16be(out, (uint16_t)count);
    sl_buf_u32be(out, uptime_ms(now_us));
    sl_buf_u32be(out, (uint32_t)(now_us / SL_US_PER_S));
    sl_buf_u32be(out, (uint32_t)(now_us % SL_US_PER_S) * 1000);
    sl_buf_u32be(out, exporter->sequence);
    sl_buf_u16be(out, 0);
    sl_buf_u16be(out, 0);
    for (uint32_t i = 0; i < count; i++)
        put_v5_record(&flows[i], out);
    exporter->sequence += count;
    exporter->datagrams++;
}

struct v9_field {
    uint16_t id;
    uint16_t size_bytes;
};

static const struct v9_field v4_fields[] = {
    {8, 4},  {12, 4}, {15, 4}, {10, 2}, {14, 2}, {2, 4},  {1, 4}, {22, 4}, {21, 4}, {7, 2},
    {11, 2}, {6, 1},  {4, 1},  {5, 1},  {16, 4}, {17, 4}, {9, 1}, {13, 1}, {61, 1},
};
static const struct v9_field v6_fields[] = {
    {27, 16}, {28, 16}, {62, 16}, {10, 2}, {14, 2}, {2, 4},  {1, 4},  {22, 4}, {21, 4}, {7, 2},
    {11, 2},  {6, 1},   {4, 1},   {5, 1},  {16, 4}, {17, 4}, {29, 1}, {30, 1}, {61, 1},
};
_Static_assert(SL_COUNTOF(v4_fields) == 19 && SL_COUNTOF(v6_fields) == 19, "19 fields a flow");

static void
put_templates(struct sl_buf *out)
{
    sl_buf_u16be(out, 0);
    sl_buf_u16be(out, 4 + 2 * (4 + 19 * 4));
    for (unsigned t = 0; t < 2; t++) {
        const struct v9_field *fields = t == 0 ? v4_fields : v6_fields;
        sl_buf_u16be(out, (uint16_t)(256 + t));
        sl_buf_u16be(out, 19);
        for (unsigned i = 0; i < 19; i++) {
            sl_buf_u16be(out, fields[i].id);
            sl_buf_u16be(out, fields[i].size_bytes);
        }
    }
}

static void
put_addr(struct sl_addr addr, bool is_v6, struct sl_buf *out)
{
    uint8_t bytes[16];
    sl_addr_to_v6(addr, bytes);
    if (is_v6)
        sl_buf_append(out, bytes, 16);
    else
        sl_buf_append(out, &bytes[12], 4);
}

static void
put_v9_record(const struct flow *f, bool is_v6, struct sl_buf *out)
{
    put_addr(f->src_addr, is_v6, out);
    put_addr(f->dst_addr, is_v6, out);
    put_addr(f->next_hop, is_v6, out);
    sl_buf_u16be(out, f->input_if);
    sl_buf_u16be(out, f->output_if);
    sl_buf_u32be(out, (uint32_t)f->packets);
    sl_buf_u32be(out, (uint32_t)f->bytes);
    sl_buf_u32be(out, uptime_ms(f->first_us));
    sl_buf_u32be(out, uptime_ms(f->last_us));
    sl_buf_u16be(out, f->src_port);
    sl_buf_u16be(out, f->dst_port);
    sl_buf_u8(out, f->tcp_flags);
    sl_buf_u8(out, f->protocol);
    sl_buf_u8(out, f->tos);
    sl_buf_u32be(out, f->src_as);
    sl_buf_u32be(out, f->dst_as);
    sl_buf_u8(out, f->src_mask);
    sl_buf_u8(out, f->dst_mask);
    sl_buf_u8(out, 0);
}

void
flowgen_netflow9(struct flowgen_exporter *exporter, const struct flow *flows, uint32_t count,
                 struct sl_buf *out)
{
    SL_ASSERT(count > 0 && count <= FLOWGEN_NETFLOW9_FLOWS_MAX);
    bool is_v6 = !sl_addr_is_v4(flows[0].src_addr);
    bool has_templates = exporter->datagrams % 64 == 0;
    int64_t now_us = flows[0].last_us;
    for (uint32_t i = 1; i < count; i++)
        now_us = flows[i].last_us > now_us ? flows[i].last_us : now_us;
    sl_buf_u16be(out, 9);
    sl_buf_u16be(out, (uint16_t)(count + (has_templates ? 2 : 0)));
    /* Header time is in whole seconds: uptime is given at that second, so times come out exact. */
    int64_t header_us = now_us / SL_US_PER_S * SL_US_PER_S;
    sl_buf_u32be(out, uptime_ms(header_us));
    sl_buf_u32be(out, (uint32_t)(header_us / SL_US_PER_S));
    sl_buf_u32be(out, exporter->sequence);
    sl_buf_u32be(out, exporter->source_id);
    if (has_templates)
        put_templates(out);
    size_t set_at = out->size_bytes;
    sl_buf_u16be(out, is_v6 ? 257 : 256);
    sl_buf_u16be(out, 0);
    for (uint32_t i = 0; i < count; i++)
        put_v9_record(&flows[i], is_v6, out);
    while ((out->size_bytes - set_at) % 4 != 0)
        sl_buf_u8(out, 0);
    if (!out->bad) {
        size_t set_bytes = out->size_bytes - set_at;
        out->bytes[set_at + 2] = (uint8_t)(set_bytes >> 8);
        out->bytes[set_at + 3] = (uint8_t)set_bytes;
    }
    exporter->sequence++;
    exporter->datagrams++;
}

void
flowgen_nprobe_header(struct sl_buf *out)
{
    sl_buf_text(out, "IPV4_SRC_ADDR|IPV4_DST_ADDR|IPV4_NEXT_HOP|INPUT_SNMP|OUTPUT_SNMP|IN_PKTS|"
                     "IN_BYTES|FIRST_SWITCHED|LAST_SWITCHED|L4_SRC_PORT|L4_DST_PORT|TCP_FLAGS|"
                     "PROTOCOL|SRC_TOS|SRC_AS|DST_AS|SRC_MASK|DST_MASK|EXPORTER_IPV4_ADDRESS\n");
}

static void
put_text_addr(struct sl_addr addr, struct sl_buf *out)
{
    char text[SL_ADDR_TEXT_BYTES];
    sl_buf_append(out, text, sl_addr_format(addr, text));
    sl_buf_u8(out, '|');
}

void
flowgen_nprobe_line(const struct flow *f, struct sl_buf *out)
{
    put_text_addr(f->src_addr, out);
    put_text_addr(f->dst_addr, out);
    put_text_addr(f->next_hop, out);
    sl_buf_printf(out, "%u|%u|%" PRIu64 "|%" PRIu64 "|%" PRId64 ".%03u|%" PRId64 ".%03u|%u|%u|%u|",
                  f->input_if, f->output_if, f->packets, f->bytes, f->first_us / SL_US_PER_S,
                  (unsigned)(f->first_us % SL_US_PER_S / 1000), f->last_us / SL_US_PER_S,
                  (unsigned)(f->last_us % SL_US_PER_S / 1000), f->src_port, f->dst_port,
                  f->tcp_flags);
    sl_buf_printf(out, "%u|%u|%u|%u|%u|%u|192.0.2.%u\n", f->protocol, f->tos, f->src_as, f->dst_as,
                  f->src_mask, f->dst_mask, f->exporter + 1);
}
