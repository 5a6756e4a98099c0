/*
 * packet.h - packets of the MySQL protocol: framing, and the parts that payloads are made of.
 *
 * A packet is a 3-byte length, a 1-byte sequence number, and a payload. A payload of 2^24 - 1
 * bytes goes on in the next packet, until one is shorter (perhaps empty); the sequence counts
 * packets, not messages, modulo 256, and starts again with each command:
 *
 *   OFFSET SIZE FIELD
 *        0    3 payload bytes of this packet, little-endian
 *        3    1 sequence number
 *        4      payload
 *
 * Limits: a message beyond limit_bytes is refused at the header that passes it, before a byte of
 *         its payload is waited for.
 * Layer:  client/mysql, internal.
 */
#ifndef SLUICE_CLIENT_MYSQL_PACKET_H
#define SLUICE_CLIENT_MYSQL_PACKET_H

#include "client/mysql/protocol.h"
#include "storage/base/base.h"
#include "storage/base/buf.h"
#include "storage/base/cursor.h"
#include "storage/base/status.h"

/* A whole message. */
struct sl_packet {
    const uint8_t *payload; /* borrowed: from the bytes given, or from `joined` */
    size_t payload_bytes;
    uint8_t sequence_next; /* of the answer's first packet */
};

/*
 * The first message in bytes[0 .. size), whose first packet must have the number `sequence` (or
 * SL_PACKET_ANY: frames of compressed packets have numbers that are looked at, and clients number
 * packets in them as they like): *out_used_bytes is its size with all headers, or 0 when it is not all there: then
 * *out_wanted_bytes is the size to wait for. A message of several packets is joined in `joined`.
 * SL_FORMAT (1156): wrong number. SL_LIMIT (1153): too long.
 */
enum { SL_PACKET_ANY = -1 };
SL_MUST_CHECK
sl_status sl_packet_next(const uint8_t *bytes, size_t size_bytes, size_t limit_bytes, int sequence,
                         struct sl_buf *joined, struct sl_packet *out_packet,
                         size_t *out_used_bytes, size_t *out_wanted_bytes, struct sl_error *err);

/* Write a packet: begin, append the payload, end. The sequence number is counted up, by more
 * than one when the payload takes several packets. */
size_t sl_packet_begin(struct sl_buf *out);
void sl_packet_end(struct sl_buf *out, size_t header_offset, uint8_t *sequence);

/* ---- parts ---- */

/* A length of 1, 3, 4 or 9 bytes. */
void sl_lenenc_put(struct sl_buf *out, uint64_t number);
void sl_lenenc_put_bytes(struct sl_buf *out, const void *bytes, size_t size_bytes);
void sl_lenenc_put_text(struct sl_buf *out, const char *text);

/* 0xfb (NULL) and 0xff (no length) make the cursor bad. */
uint64_t sl_lenenc_take(struct sl_cursor *c);
/* The bytes behind a length; NULL, and bad, when they are not there. */
const uint8_t *sl_lenenc_take_bytes(struct sl_cursor *c, size_t *out_size_bytes);
/* Text up to a zero byte, which is stepped over; bad when there is none. */
const uint8_t *sl_zero_take(struct sl_cursor *c, size_t *out_size_bytes);

/* ---- packets that answer commands ---- */

struct sl_mysql_ok {
    uint64_t affected_rows;
    uint16_t status;
    uint16_t warning_count;
};
void sl_packet_put_ok(struct sl_buf *out, uint8_t *sequence, const struct sl_mysql_ok *ok);
/* The end of rows, and of some lists. */
void sl_packet_put_eof(struct sl_buf *out, uint8_t *sequence, const struct sl_mysql_ok *ok);
/* The same for a client that asked for OK in its place (DEPRECATE_EOF). */
void sl_packet_put_end(struct sl_buf *out, uint8_t *sequence, const struct sl_mysql_ok *ok);
/* state: five characters; NULL before the client's abilities are known. */
void sl_packet_put_error(struct sl_buf *out, uint8_t *sequence, uint16_t number, const char *state,
                         const char *text);

/* SQLSTATE of the errors that the adapter itself answers with. */
const char *sl_mysql_state_of(uint16_t number);

#endif
