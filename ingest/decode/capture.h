/*
 * capture.h - the UDP datagrams of a pcap or pcapng file.
 *
 * Ownership: open gives the caller a capture, close takes it back.
 * Errors:    SL_IO and SL_FORMAT name the file. A damaged end of file is an error of next, after
 *            everything before it was given out.
 * Layer:     ingest/decode. The only user of libpcap.
 */
#ifndef SLUICE_INGEST_DECODE_CAPTURE_H
#define SLUICE_INGEST_DECODE_CAPTURE_H

#include <stdio.h>

#include "ingest/decode/packet.h"
#include "storage/base/status.h"

struct sl_capture;

SL_MUST_CHECK
sl_status sl_capture_open(const char *path, struct sl_capture **out_capture, struct sl_error *err);
/* From a stream that is open for reading, which is taken over in any case; `name` is for errors. */
SL_MUST_CHECK
sl_status sl_capture_open_stream(FILE *stream, const char *name, struct sl_capture **out_capture,
                                 struct sl_error *err);
/* NULL is allowed. */
void sl_capture_close(struct sl_capture *capture);

/* The next UDP datagram, borrowed until the next call; *out_more false at the end. Other
 * packets are skipped and counted. */
SL_MUST_CHECK
sl_status sl_capture_next(struct sl_capture *capture, struct sl_packet *out_packet,
                          int64_t *out_time_us, bool *out_more, struct sl_error *err);

struct sl_capture_counts {
    uint64_t packets;   /* of all kinds */
    uint64_t datagrams; /* given out */
    uint64_t fragments; /* of UDP: not put together */
    uint64_t cut;       /* captured in part, or lying about their length */
};
struct sl_capture_counts sl_capture_counts(const struct sl_capture *capture);

#endif
