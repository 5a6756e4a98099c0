/*
 * flowgen_datagrams.c - the export datagrams of many flows in memory. See flowgen.h.
 *
 * One after another: u16 size of the payload, u8 exporter, u8 flows, payload.
 */
#include <stdio.h>

#include "bench/flowgen.h"

enum { HEADER_BYTES = 4, SECONDS_AT = 8, V5_FLOWS_MAX = 30, V6_FLOWS_MAX = 15 };

/* Flows that wait for their datagram, by exporter and family. */
struct waiting {
    struct flow flows[V5_FLOWS_MAX];
    uint32_t count;
};

static void
emit(struct flowgen_datagrams *d, struct flowgen_exporter *exporter, unsigned index,
     struct waiting *w, int version)
{
    if (w->count == 0)
        return;
    size_t at = d->bytes.size_bytes;
    sl_buf_u16le(&d->bytes, 0);
    sl_buf_u8(&d->bytes, (uint8_t)index);
    sl_buf_u8(&d->bytes, (uint8_t)w->count);
    if (version == 5)
        flowgen_netflow5(exporter, w->flows, w->count, &d->bytes);
    else
        flowgen_netflow9(exporter, w->flows, w->count, &d->bytes);
    if (d->bytes.bad) {
        fprintf(stderr, "flowgen: no memory for so many datagrams\n");
        exit(1);
    }
    size_t payload_bytes = d->bytes.size_bytes - at - HEADER_BYTES;
    d->bytes.bytes[at] = (uint8_t)payload_bytes;
    d->bytes.bytes[at + 1] = (uint8_t)(payload_bytes >> 8);
    d->count++;
    w->count = 0;
}

struct flowgen_datagrams
flowgen_datagrams_create(const struct flowgen_options *options, uint64_t flows, int version)
{
    struct waiting(*waiting)[2] = sl_new(options->exporters * sizeof(*waiting));
    struct flowgen_exporter exporters[FLOWGEN_EXPORTERS_MAX] = {0};
    struct flowgen_datagrams d = {.bytes = sl_buf_empty(SIZE_MAX / 2)};
    struct flowgen *g = flowgen_create(options);
    SL_ASSERT(options->exporters <= FLOWGEN_EXPORTERS_MAX);
    for (unsigned i = 0; i < options->exporters; i++)
        exporters[i].source_id = i + 1;
    while (d.flows < flows) {
        struct flow f;
        flowgen_next(g, &f);
        bool is_v6 = !sl_addr_is_v4(f.src_addr);
        if (is_v6 && version == 5)
            continue;
        struct waiting *w = &waiting[f.exporter][is_v6];
        w->flows[w->count++] = f;
        d.flows++;
        d.packets += f.packets;
        d.flow_bytes += f.bytes;
        uint32_t full =
            version == 5 ? V5_FLOWS_MAX : (is_v6 ? V6_FLOWS_MAX : FLOWGEN_NETFLOW9_FLOWS_MAX);
        if (w->count == full)
            emit(&d, &exporters[f.exporter], f.exporter, w, version);
    }
    for (unsigned i = 0; i < options->exporters; i++) {
        emit(&d, &exporters[i], i, &waiting[i][0], version);
        emit(&d, &exporters[i], i, &waiting[i][1], version);
    }
    flowgen_destroy(g);
    free(waiting);
    return d;
}

void
flowgen_datagrams_destroy(struct flowgen_datagrams *d)
{
    sl_buf_fini(&d->bytes);
}

bool
flowgen_datagrams_next(const struct flowgen_datagrams *d, size_t *at, struct flowgen_datagram *out)
{
    if (*at >= d->bytes.size_bytes)
        return false;
    const uint8_t *header = d->bytes.bytes + *at;
    *out = (struct flowgen_datagram){.bytes = header + HEADER_BYTES,
                                     .size_bytes = (size_t)header[0] | (size_t)header[1] << 8,
                                     .exporter = header[2],
                                     .flows = header[3]};
    *at += HEADER_BYTES + out->size_bytes;
    return true;
}

void
flowgen_datagrams_shift(struct flowgen_datagrams *d, uint32_t seconds)
{
    struct flowgen_datagram datagram;
    size_t at = 0;
    for (size_t next = 0; flowgen_datagrams_next(d, &next, &datagram); at = next) {
        uint8_t *field = d->bytes.bytes + at + HEADER_BYTES + SECONDS_AT;
        uint32_t value;
        memcpy(&value, field, sizeof(value));
        value = __builtin_bswap32(__builtin_bswap32(value) + seconds);
        memcpy(field, &value, sizeof(value));
    }
}
