/*
 * flowgen.h - plausible flows from a seed.
 *
 * A synthetic stand-in for traffic of a network that no public data set of millions of flows
 * covers. It is calibrated to measured statistics of real sets (host and port concentration,
 * share of one-packet flows, packet and byte tails, application mix, IPv6 share; see the table
 * of bench/README.md), knows nothing of how sluice stores flows, and says "synthetic" beside
 * every number it gives.
 *
 * A flow here is what a router exports: one direction. Most conversations give two flows, close
 * together, with addresses and ports swapped. Flows come in export order, which is that of
 * their end; their start lies a duration earlier.
 *
 * Threads: one generator belongs to one thread; the same options give the same flows.
 */
#ifndef SLUICE_BENCH_FLOWGEN_H
#define SLUICE_BENCH_FLOWGEN_H

#include "storage/base/addr.h"
#include "storage/base/base.h"
#include "storage/base/buf.h"

struct flow {
    int64_t first_us; /* whole milliseconds */
    int64_t last_us;
    uint64_t bytes;
    uint64_t packets;
    struct sl_addr src_addr;
    struct sl_addr dst_addr;
    struct sl_addr next_hop;
    uint32_t src_as;
    uint32_t dst_as;
    uint32_t exporter; /* 0 .. exporters - 1 */
    uint16_t input_if;
    uint16_t output_if;
    uint16_t src_port;
    uint16_t dst_port;
    uint8_t protocol;
    uint8_t tcp_flags;
    uint8_t tos;
    uint8_t src_mask;
    uint8_t dst_mask;
};

enum { FLOWGEN_EXPORTERS_MAX = 64 };

struct flowgen_options {
    uint64_t seed;
    int64_t start_us;        /* of the first export */
    double flows_per_second; /* mean; bursts go beyond */
    uint32_t exporters;      /* 1 .. FLOWGEN_EXPORTERS_MAX */
    uint32_t inside_hosts;   /* addresses of the network's own */
    double ipv6_share;       /* 0 .. 1 */
    double late_share;       /* of flows exported up to an hour after their end */
};

struct flowgen_options flowgen_options_default(void);

struct flowgen;
struct flowgen *flowgen_create(const struct flowgen_options *options);
void flowgen_destroy(struct flowgen *generator);
void flowgen_next(struct flowgen *generator, struct flow *out_flow);

/* Name of the flow's application as a classifier of packets would give it ("TLS.YouTube", "DNS",
 * "Unknown"): a function of service port, protocol and the /24 of the outside host. Static. */
const char *flowgen_app(const struct flow *flow);

/*
 * Export datagrams. An exporter's state (sequence numbers, whether its templates were sent)
 * lives in struct flowgen_exporter; zero-initialise it.
 */
struct flowgen_exporter {
    uint32_t sequence;
    uint32_t datagrams;
    uint32_t source_id;
};

/* Up to 30 IPv4 flows as one NetFlow v5 datagram (1,464 bytes). IPv6 flows must not be there. */
void flowgen_netflow5(struct flowgen_exporter *exporter, const struct flow *flows, uint32_t count,
                      struct sl_buf *out);

/* One NetFlow v9 datagram of 19 fields a flow; the flows are all IPv4 or all IPv6. Every
 * 64th datagram carries the templates first. */
enum { FLOWGEN_NETFLOW9_FLOWS_MAX = 24 };
void flowgen_netflow9(struct flowgen_exporter *exporter, const struct flow *flows, uint32_t count,
                      struct sl_buf *out);

/*
 * The export datagrams of many flows in memory: each exporter fills its datagrams, one for each
 * family, and sends what is left at the end. NetFlow v5 leaves IPv6 flows out.
 */
struct flowgen_datagrams {
    struct sl_buf bytes; /* of flowgen_datagrams_next */
    uint64_t count;
    uint64_t flows;
    uint64_t packets;
    uint64_t flow_bytes;
};

/* version: 5 or 9. Ends the process when there is no memory for so many. */
struct flowgen_datagrams flowgen_datagrams_create(const struct flowgen_options *options,
                                                  uint64_t flows, int version);
void flowgen_datagrams_destroy(struct flowgen_datagrams *datagrams);

/* All export times (v5, v9) become so many seconds later: the same datagrams once more. */
void flowgen_datagrams_shift(struct flowgen_datagrams *datagrams, uint32_t seconds);

struct flowgen_datagram {
    const uint8_t *bytes; /* borrowed from the datagrams */
    size_t size_bytes;
    unsigned exporter; /* 0 .. FLOWGEN_EXPORTERS_MAX - 1 */
    unsigned flows;
};

/* The datagram at *at (0 for the first); moves *at on. False behind the last one. */
bool flowgen_datagrams_next(const struct flowgen_datagrams *datagrams, size_t *at,
                            struct flowgen_datagram *out_datagram);

/* nProbe's text dump: the header line, and a line for a flow. */
void flowgen_nprobe_header(struct sl_buf *out);
void flowgen_nprobe_line(const struct flow *flow, struct sl_buf *out);

#endif
