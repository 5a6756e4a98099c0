/*
 * deflate.h - the compressed form of the MySQL protocol: packets in frames of zlib.
 *
 * After a login with the capability COMPRESS, both directions are frames. Packets do not know of
 * them: one may begin in a frame and end in the next.
 *
 *   OFFSET SIZE FIELD
 *        0    3 bytes behind this header, little-endian
 *        3    1 number of the frame; an answer goes on from the request's
 *        4    3 bytes that they inflate to; 0: they are not compressed
 *        7      a zlib stream (RFC 1950), or the bytes
 *
 * Limits: a frame inflates to at most 2^24 - 1 bytes, and to exactly what its header says; what it
 *         swells to is taken from a budget before.
 * Layer:  client/mysql, internal. deflate.c is the adapter's only user of zlib.
 */
#ifndef SLUICE_CLIENT_MYSQL_DEFLATE_H
#define SLUICE_CLIENT_MYSQL_DEFLATE_H

#include "client/mysql/protocol.h"
#include "storage/base/arena.h"
#include "storage/base/buf.h"
#include "storage/base/status.h"

enum { SL_DEFLATE_HEADER_BYTES = 7 };

/* What frames of one client have been inflated to. */
struct sl_inflated {
    struct sl_budget *budget; /* borrowed */
    uint8_t *bytes;           /* owned; taken from the budget */
    size_t capacity_bytes;
    size_t offset_bytes;   /* of the bytes that are not used yet */
    size_t size_bytes;     /* of them */
    size_t frame_bytes;    /* of the frame that was inflated last; 0: it is used up */
    uint8_t sequence_next; /* of the next frame in either direction */
};

void sl_inflated_init(struct sl_inflated *inflated, struct sl_budget *budget);
void sl_inflated_fini(struct sl_inflated *inflated);

/*
 * Inflate the frame at the start of bytes[0 .. size), unless that has been done. frame_bytes is 0
 * when it is not all there: then *out_wanted_bytes is the size to wait for. SL_FORMAT (1156: not the
 * frame sequence_next; 1157); SL_LIMIT (1041, 1153).
 */
SL_MUST_CHECK
sl_status sl_inflate(struct sl_inflated *inflated, const uint8_t *bytes, size_t size_bytes,
                     size_t *out_wanted_bytes, struct sl_error *err);

void sl_inflated_drop(struct sl_inflated *inflated, size_t used_bytes);
/* The frame's size, which the stream may forget; memory is given back when nothing is left. */
size_t sl_inflated_end_frame(struct sl_inflated *inflated);

/* Packets become frames, numbered from *sequence on. */
void sl_deflate(struct sl_buf *packets, uint8_t *sequence);

#endif
