/*
 * flowgen_main.c - generated flows as a file, or their statistics.
 *
 *   flowgen [--seed N] [--flows N] [--rate FLOWS_PER_SECOND] [--format nprobe|csv|stats]
 *           [--until now]
 *
 * --until now lets the flows end about now, for a demonstration. `csv` has sluice's column names; `stats` prints the figures that bench/README.md compares with
 * real sets.
 */
#include <stdio.h>

#include "bench/flowgen.h"
#include "storage/base/clock.h"
#include "storage/base/hash.h"

/* A set of 64-bit hashes: how many distinct values were put in. */
struct distinct {
    uint64_t *slots;
    size_t mask;
    uint64_t count;
};

static struct distinct
distinct_create(uint64_t flows)
{
    size_t slots = 1024;
    while (slots < flows * 2)
        slots *= 2;
    return (struct distinct){.slots = sl_new(slots * sizeof(uint64_t)), .mask = slots - 1};
}

static void
distinct_put(struct distinct *set, uint64_t hash)
{
    hash |= 1; /* 0 marks an empty slot; one bit of 64 is no loss here */
    for (size_t at = hash & set->mask;; at = (at + 1) & set->mask) {
        if (set->slots[at] == hash)
            return;
        if (set->slots[at] == 0) {
            set->slots[at] = hash;
            set->count++;
            return;
        }
    }
}

static void
print_stats(struct flowgen *g, uint64_t flows)
{
    struct distinct src = distinct_create(flows);
    struct distinct pair = distinct_create(flows);
    struct distinct tuple = distinct_create(flows);
    uint64_t protocols[256] = {0};
    uint64_t one_packet = 0;
    uint64_t bytes = 0;
    uint64_t v6 = 0;
    struct flow f;
    int64_t first_us = 0;
    for (uint64_t i = 0; i < flows; i++) {
        flowgen_next(g, &f);
        first_us = i == 0 ? f.last_us : first_us;
        uint64_t src_hash = sl_hash64(&f.src_addr, sizeof(f.src_addr));
        uint64_t dst_hash = sl_hash64(&f.dst_addr, sizeof(f.dst_addr));
        uint64_t pair_hash = sl_hash_u64(src_hash * 3 + dst_hash);
        uint64_t ports = (uint64_t)f.src_port << 32 | (uint64_t)f.dst_port << 8 | f.protocol;
        distinct_put(&src, src_hash);
        distinct_put(&pair, pair_hash);
        distinct_put(&tuple, sl_hash_u64(pair_hash + ports));
        protocols[f.protocol]++;
        one_packet += f.packets == 1;
        bytes += f.bytes;
        v6 += !sl_addr_is_v4(f.src_addr);
    }
    double n = (double)flows;
    printf("flows %" PRIu64 " seconds %.1f\n", flows, (double)(f.last_us - first_us) / 1e6);
    printf("distinct: sources %" PRIu64 " pairs %" PRIu64 " 5-tuples %" PRIu64 "\n", src.count,
           pair.count, tuple.count);
    printf("protocols: tcp %.3f udp %.3f icmp %.3f\n", (double)protocols[6] / n,
           (double)protocols[17] / n, (double)(protocols[1] + protocols[58]) / n);
    printf("one packet %.3f, mean bytes %.0f, ipv6 %.3f\n", (double)one_packet / n,
           (double)bytes / n, (double)v6 / n);
    free(src.slots);
    free(pair.slots);
    free(tuple.slots);
}

static void
put_csv(const struct flow *f, struct sl_buf *out)
{
    char src[SL_ADDR_TEXT_BYTES];
    char dst[SL_ADDR_TEXT_BYTES];
    char hop[SL_ADDR_TEXT_BYTES];
    char first[SL_TIME_TEXT_BYTES];
    char last[SL_TIME_TEXT_BYTES];
    (void)sl_addr_format(f->src_addr, src);
    (void)sl_addr_format(f->dst_addr, dst);
    (void)sl_addr_format(f->next_hop, hop);
    (void)sl_time_format(f->first_us, first);
    (void)sl_time_format(f->last_us, last);
    sl_buf_printf(out, "%s,%s,192.0.2.%u,%s,%s,%u,%u,%u,%u,%u,%u,%u,%u,%u,", first, last,
                  f->exporter + 1, src, dst, f->src_port, f->dst_port, f->protocol, f->tcp_flags,
                  f->tos, f->input_if, f->output_if, f->src_as, f->dst_as);
    sl_buf_printf(out, "%u,%u,%s,%" PRIu64 ",%" PRIu64 ",%s\n", f->src_mask, f->dst_mask, hop,
                  f->bytes, f->packets, flowgen_app(f));
}

static int
print_rows(struct flowgen *g, uint64_t flows, bool is_csv)
{
    struct sl_buf out = sl_buf_empty(1 << 22);
    struct flow f;
    if (is_csv)
        sl_buf_text(&out, "first_seen,last_seen,exporter_addr,src_addr,dst_addr,src_port,dst_port,"
                          "protocol,tcp_flags,tos,input_if,output_if,src_as,dst_as,src_mask,"
                          "dst_mask,next_hop,in_bytes,in_packets,app\n");
    else
        flowgen_nprobe_header(&out);
    for (uint64_t i = 0; i < flows; i++) {
        flowgen_next(g, &f);
        if (is_csv)
            put_csv(&f, &out);
        else
            flowgen_nprobe_line(&f, &out);
        if (out.size_bytes > (1 << 21) || i + 1 == flows) {
            if (fwrite(out.bytes, 1, out.size_bytes, stdout) != out.size_bytes) {
                fprintf(stderr, "flowgen: standard output cannot be written\n");
                return 1;
            }
            sl_buf_clear(&out);
        }
    }
    sl_buf_fini(&out);
    return 0;
}

int
main(int argc, char **argv)
{
    struct flowgen_options options = flowgen_options_default();
    uint64_t flows = 1000000;
    const char *format = "nprobe";
    bool ends_now = false;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            options.seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--flows") == 0)
            flows = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--rate") == 0)
            options.flows_per_second = strtod(argv[i + 1], NULL);
        else if (strcmp(argv[i], "--format") == 0)
            format = argv[i + 1];
        else if (strcmp(argv[i], "--until") == 0 && strcmp(argv[i + 1], "now") == 0)
            ends_now = true;
        else
            format = "";
    }
    if (ends_now) {
        double span_s = (double)flows / options.flows_per_second;
        options.start_us = sl_clock_now_us() - (int64_t)(span_s * SL_US_PER_S);
    }
    bool is_known =
        strcmp(format, "nprobe") == 0 || strcmp(format, "csv") == 0 || strcmp(format, "stats") == 0;
    if (argc % 2 == 0 || flows == 0 || !is_known) {
        fprintf(stderr, "usage: flowgen [--seed N] [--flows N] [--rate FLOWS_PER_SECOND] "
                        "[--format nprobe|csv|stats] [--until now]\n");
        return 2;
    }
    struct flowgen *g = flowgen_create(&options);
    int status = 0;
    if (strcmp(format, "stats") == 0)
        print_stats(g, flows);
    else
        status = print_rows(g, flows, strcmp(format, "csv") == 0);
    flowgen_destroy(g);
    return status;
}
