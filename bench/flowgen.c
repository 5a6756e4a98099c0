/*
 * flowgen.c - see flowgen.h.
 *
 * Every choice below names the share or the shape it imitates. Power laws are drawn by
 * inverting the continuous distribution, which needs no table:
 *   s < 1:  rank = n * u^(1 / (1 - s))
 *   s > 1:  rank = (1 - u * (1 - n^(1 - s)))^(1 / (1 - s))
 */
#include "bench/flowgen.h"

#include <math.h>

#include "storage/base/clock.h"
#include "storage/base/hash.h"

enum { OUTSIDE_HOSTS_MAX = 4000000, OUTSIDE_HOSTS_FIRST = 20000, UPLINKS = 4, ACCESS_LINKS = 24 };

struct flowgen {
    struct flowgen_options options;
    uint64_t state;
    double now_us;          /* of the last export */
    double rate;            /* flows a second in this minute */
    int64_t rate_until_us;  /* end of this minute */
    uint32_t outside_count; /* addresses met so far */
    struct flow reverse;    /* the other half of the last conversation */
    double reverse_delay_us;
    bool has_reverse;
};

struct flowgen_options
flowgen_options_default(void)
{
    return (struct flowgen_options){
        .seed = 1,
        .start_us = INT64_C(1795420800) * SL_US_PER_S, /* 2026-11-23T08:00:00Z */
        .flows_per_second = 20000,
        .exporters = 8,
        .inside_hosts = 5000,
        .ipv6_share = 0.05,
    };
}

static uint64_t
draw(struct flowgen *g)
{
    uint64_t z = g->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* In (0, 1]. */
static double
draw_unit(struct flowgen *g)
{
    return ((double)(draw(g) >> 11) + 1) * 0x1p-53;
}

static uint32_t
draw_below(struct flowgen *g, uint32_t bound)
{
    return (uint32_t)((draw(g) >> 32) * bound >> 32);
}

/* A rank 0 .. n - 1 with frequency falling as rank^-s. */
static uint32_t
draw_rank(struct flowgen *g, uint32_t n, double s)
{
    double u = draw_unit(g);
    double rank =
        s < 1 ? n * pow(u, 1 / (1 - s)) : pow(1 - u * (1 - pow(n, 1 - s)), 1 / (1 - s)) - 1;
    uint32_t index = rank <= 0 ? 0 : (uint32_t)rank;
    return index < n ? index : n - 1;
}

static double
draw_normal(struct flowgen *g)
{
    double radius = sqrt(-2 * log(draw_unit(g)));
    return radius * cos(6.283185307179586 * draw_unit(g));
}

/* Hosts of our own: a few /16 and /24 networks, concentrated with s = 1.3. */
static struct sl_addr
inside_addr(struct flowgen *g, bool is_v6)
{
    uint32_t rank = draw_rank(g, g->options.inside_hosts, 1.3);
    uint64_t mixed = sl_hash_u64(rank + UINT64_C(0x1d5));
    if (is_v6) {
        struct sl_addr addr = {.high = UINT64_C(0x20010db8000a0000) | mixed % 16,
                               .low = mixed | UINT64_C(0x0200000000000000)};
        return addr;
    }
    uint32_t network = rank % 8 < 5 ? 0x0a0a0000U : 0xc0a80000U;
    return sl_addr_from_v4(network | ((uint32_t)mixed % 20) << 8 |
                           (1 + (uint32_t)(mixed >> 32) % 254));
}

/* Hosts of the Internet: a new one for 15 flows in a hundred, else an old one with s = 0.75;
 * they cluster, three addresses of a /24 on average. */
static struct sl_addr
outside_addr(struct flowgen *g, bool is_v6)
{
    uint32_t rank = 0;
    if (g->outside_count < OUTSIDE_HOSTS_MAX && draw_unit(g) < 0.15)
        rank = g->outside_count++;
    else
        rank = draw_rank(g, g->outside_count, 0.75);
    uint64_t cluster = sl_hash_u64(rank / 3 + UINT64_C(0x0a5));
    uint64_t host = sl_hash_u64(rank + UINT64_C(0x77));
    if (is_v6)
        return (struct sl_addr){.high = UINT64_C(0x2a00000000000000) |
                                        (cluster & UINT64_C(0xffffffffff)) << 16 | host % 4,
                                .low = host % 3 == 0 ? 1 + host % 64 : host};
    /* 11.0.0.0 .. 222.255.255.0, without the private and loopback networks of the inside */
    uint32_t network =
        (11 + (uint32_t)(cluster % 115)) << 24 | ((uint32_t)(cluster >> 16) & 0xffff00);
    if (cluster >> 60 < 8)
        network = (128 + (uint32_t)(cluster % 60)) << 24 | ((uint32_t)(cluster >> 16) & 0xffff00);
    return sl_addr_from_v4(network | (1 + (uint32_t)(host % 254)));
}

static bool
is_inside(struct sl_addr addr)
{
    if (!sl_addr_is_v4(addr))
        return addr.high >> 16 == UINT64_C(0x20010db8000a);
    return addr.low >> 16 == 0x0a0a || addr.low >> 16 == 0xc0a8;
}

/* A prefix belongs to one autonomous system and one mask; the inside has none. */
static void
route(struct sl_addr addr, uint32_t *out_as, uint8_t *out_mask)
{
    uint64_t prefix = sl_addr_is_v4(addr) ? addr.low >> 14 : addr.high >> 24;
    uint64_t mixed = sl_hash_u64(prefix);
    bool is_v4 = sl_addr_is_v4(addr);
    if (is_inside(addr)) {
        *out_as = 0;
        *out_mask = is_v4 ? 24 : 64;
        return;
    }
    /* A few systems hold most prefixes. */
    *out_as = 1 + (uint32_t)(pow((double)(mixed >> 40) / 0x1p24, 3) * 60000);
    *out_mask = is_v4 ? (uint8_t)(16 + mixed % 3) : (uint8_t)(32 + 4 * (mixed % 5));
}

/* The ten commonest ports take 70 % (443, 53, 80, 22 ...), the rest a long tail. */
static uint16_t
service_port(struct flowgen *g, uint8_t *out_protocol)
{
    static const struct {
        uint16_t port;
        uint8_t protocol;
        uint8_t percent;
    } common[] = {
        {443, 6, 24}, {53, 17, 14}, {80, 6, 8},   {443, 17, 7}, {123, 17, 4}, {22, 6, 3},
        {445, 6, 3},  {8080, 6, 2}, {3389, 6, 2}, {993, 6, 1},  {25, 6, 1},   {5060, 17, 1},
    };
    uint32_t percent = draw_below(g, 100);
    for (size_t i = 0; i < SL_COUNTOF(common); i++) {
        if (percent < common[i].percent) {
            *out_protocol = common[i].protocol;
            return common[i].port;
        }
        percent -= common[i].percent;
    }
    *out_protocol = draw_below(g, 3) == 0 ? 17 : 6;
    return (uint16_t)(1 + (draw_rank(g, 65535, 0.9) * 40503U + 8443U) % 65535U);
}

static uint16_t
client_port(struct flowgen *g)
{
    if (draw_below(g, 100) < 66)
        return (uint16_t)(32768 + draw_below(g, 28232));
    return (uint16_t)(1024 + draw_below(g, 64512));
}

/* Half the flows have one or two packets; the body is log-normal, the tail Pareto. */
static uint64_t
draw_packets(struct flowgen *g)
{
    uint32_t kind = draw_below(g, 1000);
    if (kind < 380)
        return 1;
    if (kind < 500)
        return 2;
    if (kind < 990)
        return 2 + (uint64_t)exp(1.386 + 1.2 * draw_normal(g));
    double tail = 30 * pow(draw_unit(g), -1 / 1.1);
    return tail > 100000 ? 100000 : (uint64_t)tail;
}

/* Bytes of `packets` packets: few distinct small sizes; the heavier the flow, the fuller. */
static uint64_t
draw_bytes(struct flowgen *g, uint64_t packets, uint8_t protocol)
{
    static const uint16_t tiny[] = {40, 44, 52, 60, 40, 52};
    static const uint16_t small_udp[] = {60, 66, 71, 76, 76, 82, 90, 104, 120};
    if (packets == 1 && protocol == 6)
        return tiny[draw_below(g, SL_COUNTOF(tiny))];
    if (packets <= 2 && protocol == 17)
        return packets * small_udp[draw_below(g, SL_COUNTOF(small_udp))] + draw_below(g, 4) * 16;
    if (packets <= 4)
        return packets * 52 + (draw_below(g, 3) == 0 ? draw_below(g, 500) : 8 * draw_below(g, 4));
    double full = packets > 200 ? 0.85 : 0.15 + 0.5 * draw_unit(g);
    double mean = 60 + full * 1400 * draw_unit(g);
    return (uint64_t)((double)packets * mean);
}

/* One-packet flows have no length; others last with their packets, up to the active timeout
 * of a minute. Milliseconds. */
static int64_t
draw_duration_ms(struct flowgen *g, uint64_t packets)
{
    if (packets == 1)
        return 0;
    double ms = exp(4.5 + 1.9 * draw_normal(g)) * (1 + log((double)packets));
    return ms > 60000 ? 60000 - (int64_t)draw_below(g, 400) : (int64_t)ms;
}

/* The exporter that sees a pair, and the links: functions of the hosts, as routing is. */
static void
place(struct flowgen *g, struct flow *f)
{
    struct sl_addr inside = is_inside(f->src_addr) ? f->src_addr : f->dst_addr;
    struct sl_addr other = is_inside(f->src_addr) ? f->dst_addr : f->src_addr;
    uint64_t at_inside = sl_hash_u64(inside.low + inside.high * 3);
    uint64_t at_other =
        sl_hash_u64((sl_addr_is_v4(other) ? other.low >> 16 : other.high >> 32) + 7);
    uint16_t access = (uint16_t)(10 + at_inside / 64 % ACCESS_LINKS);
    uint16_t uplink = is_inside(other) ? (uint16_t)(10 + at_other % ACCESS_LINKS)
                                       : (uint16_t)(1 + at_other % UPLINKS);
    bool goes_out = is_inside(f->src_addr);
    f->exporter = (uint32_t)(at_inside % g->options.exporters);
    f->input_if = goes_out ? access : uplink;
    f->output_if = goes_out ? uplink : access;
    f->next_hop = sl_addr_from_v4(0x0aff0000U | (uint32_t)f->output_if);
    route(f->src_addr, &f->src_as, &f->src_mask);
    route(f->dst_addr, &f->dst_as, &f->dst_mask);
}

static void
set_times(struct flowgen *g, struct flow *f, double end_us)
{
    int64_t end_ms = (int64_t)(end_us / SL_US_PER_MS);
    if (g->options.late_share > 0 && draw_unit(g) < g->options.late_share)
        end_ms -= (int64_t)draw_below(g, 3600000);
    f->last_us = end_ms * SL_US_PER_MS;
    f->first_us = f->last_us - draw_duration_ms(g, f->packets) * SL_US_PER_MS;
}

/* Background radiation: a scanner of the Internet knocks on one port; a tenth is answered. */
static void
make_scan(struct flowgen *g, struct flow *f, bool is_v6)
{
    f->src_addr = outside_addr(g, is_v6);
    f->dst_addr = inside_addr(g, is_v6);
    f->protocol = draw_below(g, 100) < 85 ? 6 : (draw_below(g, 2) == 0 ? 17 : 1);
    f->src_port = client_port(g);
    uint8_t ignored = 0;
    f->dst_port =
        draw_below(g, 2) == 0 ? (uint16_t)(1 + draw_below(g, 65535)) : service_port(g, &ignored);
    f->packets = 1;
    f->bytes = f->protocol == 6 ? 40 + 4 * (uint64_t)draw_below(g, 6) : 60 + draw_below(g, 40);
    f->tcp_flags = f->protocol == 6 ? 2 : 0;
    if (f->protocol == 1) {
        f->protocol = is_v6 ? 58 : 1;
        f->src_port = 0;
        f->dst_port = is_v6 ? 128 * 256 : 8 * 256;
    }
}

/* A client and a server: clients are inside for most of the flows between inside and outside. */
static void
make_session(struct flowgen *g, struct flow *f, bool is_v6, bool is_internal)
{
    f->src_addr = inside_addr(g, is_v6);
    f->dst_addr = is_internal ? inside_addr(g, is_v6) : outside_addr(g, is_v6);
    f->dst_port = service_port(g, &f->protocol);
    if (is_internal && draw_below(g, 2) == 0) {
        static const uint16_t ports[] = {53, 445, 123, 389, 88, 5353};
        f->dst_port = ports[draw_below(g, SL_COUNTOF(ports))];
        f->protocol = f->dst_port == 445 || f->dst_port == 389 || f->dst_port == 88 ? 6 : 17;
    }
    f->src_port = f->dst_port == 123 && draw_below(g, 2) == 0 ? 123 : client_port(g);
    f->packets = draw_packets(g);
    if (f->dst_port == 53 && f->protocol == 17)
        f->packets = 1 + draw_below(g, 10) / 9;
    f->bytes = draw_bytes(g, f->packets, f->protocol);
    if (f->protocol == 6) {
        static const uint8_t flags[] = {0x1b, 0x1b, 0x1b, 0x1f, 0x1a, 0x18, 0x10, 0x13};
        f->tcp_flags = f->packets == 1 ? (draw_below(g, 2) == 0 ? 0x02 : 0x14)
                                       : flags[draw_below(g, SL_COUNTOF(flags))];
    }
    f->tos = draw_below(g, 100) < 92 ? 0 : (uint8_t)(draw_below(g, 8) << 5);
}

/* The answer: sides swapped, its own counters, a little later. */
static void
make_reverse(struct flowgen *g, const struct flow *f, struct flow *r)
{
    *r = *f;
    r->src_addr = f->dst_addr;
    r->dst_addr = f->src_addr;
    r->src_port = f->dst_port;
    r->dst_port = f->src_port;
    if (f->protocol == 1 || f->protocol == 58) {
        r->src_port = 0;
        r->dst_port = f->protocol == 1 ? 0 : 129 * 256;
    }
    double ratio = exp(0.25 * draw_normal(g));
    uint64_t packets = (uint64_t)((double)f->packets * ratio + 0.5);
    r->packets = packets == 0 ? 1 : packets;
    r->bytes = draw_bytes(g, r->packets, f->protocol) * (f->packets > 2 ? 2 : 1);
    if (r->bytes > r->packets * 1500)
        r->bytes = r->packets * 1500;
    r->tcp_flags = f->tcp_flags == 2 ? (draw_below(g, 4) == 0 ? 0x12 : 0x14) : f->tcp_flags;
    place(g, r);
    int64_t shift_us = (int64_t)(1 + draw_below(g, 60)) * SL_US_PER_MS;
    r->first_us = f->first_us + shift_us;
    r->last_us =
        f->last_us + (f->packets == 1 ? shift_us : (int64_t)draw_below(g, 40) * SL_US_PER_MS);
    if (r->packets == 1)
        r->last_us = r->first_us;
    if (r->last_us < r->first_us)
        r->last_us = r->first_us;
}

const char *
flowgen_app(const struct flow *f)
{
    static const char *const tls[] = {"TLS.YouTube",   "TLS.Google",    "TLS.Microsoft365",
                                      "TLS.Facebook",  "TLS.Netflix",   "TLS.GoogleServices",
                                      "TLS.WhatsApp",  "TLS.Instagram", "TLS.AmazonAWS",
                                      "TLS.Cloudflare"};
    static const char *const quic[] = {"QUIC.YouTube", "QUIC.Google", "QUIC.Facebook"};
    static const struct {
        uint16_t port;
        const char *name;
    } others[] = {
        {53, "DNS"},          {80, "HTTP"},     {123, "NTP"},   {22, "SSH"},  {445, "SMBv23"},
        {8080, "HTTP_Proxy"}, {3389, "RDP"},    {993, "IMAPS"}, {25, "SMTP"}, {5060, "SIP"},
        {389, "LDAP"},        {88, "Kerberos"}, {5353, "MDNS"},
    };
    struct sl_addr outside = is_inside(f->src_addr) ? f->dst_addr : f->src_addr;
    uint64_t network = sl_hash_u64(sl_addr_is_v4(outside) ? outside.low >> 8 : outside.high);
    if (f->protocol == 1 || f->protocol == 58)
        return "ICMP";
    if (f->src_port == 443 || f->dst_port == 443) {
        bool is_named = network % 32 < 20;
        if (f->protocol == 6)
            return is_named ? tls[(network >> 8) % SL_COUNTOF(tls)] : "TLS";
        return is_named ? quic[(network >> 8) % SL_COUNTOF(quic)] : "QUIC";
    }
    for (size_t i = 0; i < SL_COUNTOF(others); i++) {
        if (f->src_port == others[i].port || f->dst_port == others[i].port)
            return others[i].name;
    }
    return "Unknown";
}

/* Poisson arrivals; the rate changes each minute, now and then by a lot. */
static void
advance(struct flowgen *g)
{
    if ((int64_t)g->now_us >= g->rate_until_us) {
        g->rate = g->options.flows_per_second * exp(0.3 * draw_normal(g));
        if (draw_below(g, 100) == 0)
            g->rate *= 5 + draw_below(g, 20);
        g->rate_until_us = (int64_t)g->now_us + SL_US_PER_MINUTE;
    }
    g->now_us += -log(draw_unit(g)) / g->rate * SL_US_PER_S;
}

struct flowgen *
flowgen_create(const struct flowgen_options *options)
{
    struct flowgen *g = sl_new(sizeof(*g));
    g->options = *options;
    g->state = options->seed * UINT64_C(0xd1342543de82ef95) + 1;
    g->now_us = (double)options->start_us;
    g->outside_count = OUTSIDE_HOSTS_FIRST;
    return g;
}

void
flowgen_destroy(struct flowgen *g)
{
    free(g);
}

void
flowgen_next(struct flowgen *g, struct flow *f)
{
    advance(g);
    if (g->has_reverse) {
        g->has_reverse = false;
        *f = g->reverse;
        return;
    }
    memset(f, 0, sizeof(*f));
    bool is_v6 = draw_unit(g) < g->options.ipv6_share;
    uint32_t role = draw_below(g, 100);
    bool is_scan = role < 25;
    if (is_scan)
        make_scan(g, f, is_v6);
    else
        make_session(g, f, is_v6, role < 40);
    place(g, f);
    set_times(g, f, g->now_us);
    /* One way: nine of ten scans, two of ten sessions. */
    g->has_reverse = draw_below(g, 100) < (is_scan ? 10 : 80);
    if (g->has_reverse)
        make_reverse(g, f, &g->reverse);
}
