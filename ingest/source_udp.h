/*
 * source_udp.h - a UDP socket and the thread that does nothing but receive from it.
 *
 * The thread takes up to SL_UDP_BURST datagrams a call and copies them into its ring. It holds
 * no lock, allocates nothing and never waits for the disk; when the ring is full it sleeps for
 * half a millisecond and the kernel's buffer takes the burst.
 *
 * Ownership: open gives the caller a source, close takes it back.
 * Threads:   the source's own, between start and stop; counts may be read by any.
 * Layer:     ingest.
 */
#ifndef SLUICE_INGEST_SOURCE_UDP_H
#define SLUICE_INGEST_SOURCE_UDP_H

#include "ingest/ingest.h"
#include "ingest/ring.h"

enum { SL_UDP_BURST = 64 };

struct sl_source_udp;

/* Bind "HOST:PORT". `wake_fd` is an eventfd that is written when the ring gets its first entry;
 * `allowed` is borrowed. */
SL_MUST_CHECK
sl_status sl_source_udp_open(const char *address, const struct sl_ingest_options *options,
                             int wake_fd, struct sl_source_udp **out_source, struct sl_error *err);
void sl_source_udp_close(struct sl_source_udp *source);

void sl_source_udp_start(struct sl_source_udp *source);
/* Returns when the thread has put its last datagram. */
void sl_source_udp_stop(struct sl_source_udp *source);

struct sl_ring *sl_source_udp_ring(struct sl_source_udp *source);
const char *sl_source_udp_origin(const struct sl_source_udp *source);
uint16_t sl_source_udp_port(const struct sl_source_udp *source);
void sl_source_udp_counts(const struct sl_source_udp *source, struct sl_source_counts *out_counts);

/* May this address send? */
bool sl_addr_is_allowed(const struct sl_addr_range *allowed, size_t allowed_count,
                        struct sl_addr addr);

#endif
