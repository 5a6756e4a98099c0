/*
 * ingest.h - the doors for flows: sources by configuration, and what they have seen.
 *
 *   socket --> receive thread --> ring --\
 *   socket --> receive thread --> ring ---+--> decode thread --> sink
 *   TCP stream (server's loop) --> ring --/
 *
 * A receive thread does nothing but recvmmsg and copy into a ring that was allocated before: no
 * lock, no allocation, no sync. When the ring is full it waits, so that the kernel's buffer takes
 * the burst and the kernel counts what it had to drop. One decode thread drains all rings into
 * one decoder and hands full or old batches to the sink, which may block: back-pressure then
 * goes the same way back to the kernel's buffer.
 *
 * Ownership: the caller owns the ingest; schema and sink are borrowed until it is destroyed.
 * Threads:   create, add, start, stop, destroy: one thread. Everything else: any.
 * Errors:    SL_IO from a socket, with the address in the story.
 * Limits:    SL_INGEST_SOURCES_MAX sources, SL_INGEST_STREAMS_MAX streams.
 * Layer:     ingest. Facade.
 */
#ifndef SLUICE_INGEST_INGEST_H
#define SLUICE_INGEST_INGEST_H

#include "ingest/decode/decoder.h"

enum { SL_INGEST_SOURCES_MAX = 16, SL_INGEST_STREAMS_MAX = 64 };

/* Who may send: an interval of addresses. No interval at all: everybody. */
struct sl_addr_range {
    struct sl_addr first;
    struct sl_addr last;
};

struct sl_ingest_options {
    struct sl_decoder_options decoder;
    const struct sl_addr_range *allowed; /* copied */
    size_t allowed_count;
    size_t ring_bytes;         /* of each source; a power of two from 1 MiB */
    size_t socket_bytes;       /* receive buffer that is asked of the kernel */
    int64_t state_interval_us; /* how often changed exporters are handed to `put_state` */

    /* Templates and sampling to keep (sl_store_meta_put); NULL: not kept. Called on the decode
     * thread; may write and sync. */
    sl_exporter_put_fn *put_state;
    void *put_context;
};

/* 64 MiB rings, 32 MiB of socket buffer, state every 10 seconds. */
struct sl_ingest_options sl_ingest_options_default(void);

struct sl_ingest;

struct sl_ingest *sl_ingest_create(const struct sl_ingest_options *options,
                                   struct sl_schema *schema, struct sl_sink sink);

/* Stops what runs, and frees. Rows that were received are handed to the sink before. NULL is
 * allowed. */
void sl_ingest_destroy(struct sl_ingest *ingest);

/* What an earlier run's put_state was given. Before start. */
SL_MUST_CHECK
sl_status sl_ingest_restore(struct sl_ingest *ingest, const void *key, size_t key_bytes,
                            const void *value, size_t value_bytes, struct sl_error *err);

/* Bind a UDP socket for NetFlow and IPFIX, "HOST:PORT" ("[::]:2055", "*:2055"); port 0 picks one.
 * Rows get the origin "netflow:HOST:PORT". Before start. The port goes to *out_port. */
SL_MUST_CHECK
sl_status sl_ingest_listen_udp(struct sl_ingest *ingest, const char *address, uint16_t *out_port,
                               struct sl_error *err);

/* Start the threads. */
SL_MUST_CHECK
sl_status sl_ingest_start(struct sl_ingest *ingest, struct sl_error *err);

/* Stop receiving, decode what was received, hand over the last batch and the last state. */
void sl_ingest_stop(struct sl_ingest *ingest);

/*
 * Hand everything that was received before the call to the sink; returns when it has it
 * (`sluice flush`). SL_TIMEOUT after timeout_us.
 */
SL_MUST_CHECK
sl_status sl_ingest_flush(struct sl_ingest *ingest, int64_t timeout_us, struct sl_error *err);

/*
 * IPFIX over TCP: a stream takes bytes as they arrive, in pieces of any size, and cuts them into
 * messages. The caller owns the connection; all calls for one stream come from one thread.
 */
struct sl_ingest_stream;

/* SL_DENIED: the address is not on the list. SL_LIMIT: there are SL_INGEST_STREAMS_MAX streams
 * already. After create, at any time. */
SL_MUST_CHECK
sl_status sl_ingest_stream_open(struct sl_ingest *ingest, struct sl_addr addr, uint16_t port,
                                struct sl_ingest_stream **out_stream, struct sl_error *err);
/* SL_FORMAT: this is no IPFIX, close the connection. SL_LIMIT: the decoder is behind; nothing
 * was taken of what *out_taken does not count, offer the rest again later. */
SL_MUST_CHECK
sl_status sl_ingest_stream_bytes(struct sl_ingest_stream *stream, const uint8_t *bytes,
                                 size_t size_bytes, size_t *out_taken, struct sl_error *err);
void sl_ingest_stream_close(struct sl_ingest_stream *stream);

/* One door. */
struct sl_source_counts {
    uint64_t datagrams;
    uint64_t bytes;
    uint64_t kernel_drops; /* SO_RXQ_OVFL: the socket's buffer was full */
    uint64_t refused;      /* from addresses that are not on the list */
    uint64_t cut;          /* larger than any datagram may be */
    uint64_t ring_waits;   /* times the ring was full */
    uint64_t socket_bytes; /* receive buffer that the kernel gave */
};
typedef void sl_source_visit_fn(void *context, const char *origin,
                                const struct sl_source_counts *counts);
void sl_ingest_sources(struct sl_ingest *ingest, sl_source_visit_fn *visit, void *context);

/* Decoder's counters, as of at most a second ago. */
void sl_ingest_counts(struct sl_ingest *ingest, struct sl_decoder_counts *out_counts);

/* Exporters, templates and interfaces, for the system tables: the decode thread makes the calls
 * between two datagrams while the caller waits. */
void sl_ingest_visit(struct sl_ingest *ingest, const struct sl_exporter_visitor *visitor);

#endif
