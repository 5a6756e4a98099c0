/*
 * packet.c - see packet.h.
 */
#include "client/mysql/packet.h"

enum {
    LENENC_NULL = 0xfb,
    LENENC_2 = 0xfc,
    LENENC_3 = 0xfd,
    LENENC_8 = 0xfe,
    OK_HEADER = 0x00,
    EOF_HEADER = 0xfe,
    ERROR_HEADER = 0xff,
};

/* ---- reading ---- */

/* The parts of a message whose last header is known to be there: their payloads, end to end. */
static void
join(const uint8_t *bytes, size_t used_bytes, struct sl_buf *joined)
{
    sl_buf_clear(joined);
    for (size_t at = 0; at < used_bytes;) {
        size_t part_bytes = (size_t)sl_read_le(bytes + at, 3);
        sl_buf_append(joined, bytes + at + SL_MYSQL_HEADER_BYTES, part_bytes);
        at += SL_MYSQL_HEADER_BYTES + part_bytes;
    }
}

static sl_status
fail_number(struct sl_error *err, sl_status status, uint16_t number, const char *story)
{
    (void)sl_fail(err, status, "%s", story);
    if (err != NULL)
        err->sql_number = number;
    return status;
}

sl_status
sl_packet_next(const uint8_t *bytes, size_t size_bytes, size_t limit_bytes, int sequence,
               struct sl_buf *joined, struct sl_packet *out_packet, size_t *out_used_bytes,
               size_t *out_wanted_bytes, struct sl_error *err)
{
    size_t at = 0;
    size_t payload_bytes = 0;
    size_t part_bytes = 0;
    uint8_t number = sequence == SL_PACKET_ANY ? 0 : (uint8_t)sequence;
    *out_used_bytes = 0;
    do {
        if (size_bytes - at < SL_MYSQL_HEADER_BYTES) {
            *out_wanted_bytes = at + SL_MYSQL_HEADER_BYTES;
            return SL_OK;
        }
        part_bytes = (size_t)sl_read_le(bytes + at, 3);
        if (sequence == SL_PACKET_ANY)
            number = bytes[at + 3];
        if (bytes[at + 3] != number)
            return fail_number(err, SL_FORMAT, SL_ER_PACKETS_OUT_OF_ORDER,
                               "Got packets out of order");
        payload_bytes += part_bytes;
        if (payload_bytes > limit_bytes)
            return fail_number(err, SL_LIMIT, SL_ER_PACKET_TOO_LARGE,
                               "Got a packet bigger than 'max_allowed_packet' bytes");
        at += SL_MYSQL_HEADER_BYTES;
        if (size_bytes - at < part_bytes) {
            *out_wanted_bytes = at + part_bytes;
            return SL_OK;
        }
        at += part_bytes;
        number++;
    } while (part_bytes == SL_MYSQL_PART_BYTES_MAX);

    bool is_single = at == SL_MYSQL_HEADER_BYTES + payload_bytes;
    if (!is_single) {
        join(bytes, at, joined);
        if (joined->bad)
            return fail_number(err, SL_LIMIT, SL_ER_OUT_OF_RESOURCES, "Out of memory");
    }
    *out_packet =
        (struct sl_packet){.payload = is_single ? bytes + SL_MYSQL_HEADER_BYTES : joined->bytes,
                           .payload_bytes = payload_bytes,
                           .sequence_next = number};
    *out_used_bytes = at;
    return SL_OK;
}

uint64_t
sl_lenenc_take(struct sl_cursor *c)
{
    uint8_t first = sl_cursor_u8(c);
    const uint8_t *p = NULL;
    switch (first) {
    case LENENC_2:
        return sl_cursor_u16le(c);
    case LENENC_3:
        p = sl_cursor_take(c, 3);
        return p == NULL ? 0 : sl_read_le(p, 3);
    case LENENC_8:
        return sl_cursor_u64le(c);
    case LENENC_NULL:
    case ERROR_HEADER:
        c->bad = true;
        return 0;
    default:
        return first;
    }
}

const uint8_t *
sl_lenenc_take_bytes(struct sl_cursor *c, size_t *out_size_bytes)
{
    uint64_t size_bytes = sl_lenenc_take(c);
    const uint8_t *bytes = sl_cursor_take(c, (size_t)size_bytes);
    *out_size_bytes = bytes == NULL ? 0 : (size_t)size_bytes;
    return bytes;
}

const uint8_t *
sl_zero_take(struct sl_cursor *c, size_t *out_size_bytes)
{
    size_t left_bytes = sl_cursor_left(c);
    const uint8_t *end = left_bytes == 0 ? NULL : memchr(c->next, '\0', left_bytes);
    *out_size_bytes = 0;
    if (c->bad || end == NULL) {
        c->bad = true;
        return NULL;
    }
    *out_size_bytes = (size_t)(end - c->next);
    return sl_cursor_take(c, *out_size_bytes + 1);
}

/* ---- writing ---- */

static void
put_header(uint8_t *header, size_t part_bytes, uint8_t sequence)
{
    header[0] = (uint8_t)part_bytes;
    header[1] = (uint8_t)(part_bytes >> 8);
    header[2] = (uint8_t)(part_bytes >> 16);
    header[3] = sequence;
}

size_t
sl_packet_begin(struct sl_buf *out)
{
    size_t header_offset = out->size_bytes;
    sl_buf_u32le(out, 0);
    return header_offset;
}

/* Make room for the headers within a payload that takes several packets, last part first. */
static void
split(struct sl_buf *out, size_t header_offset, size_t payload_bytes, uint8_t *sequence)
{
    size_t full_count = payload_bytes / SL_MYSQL_PART_BYTES_MAX;
    if (sl_buf_extend(out, full_count * SL_MYSQL_HEADER_BYTES) == NULL)
        return;
    uint8_t *start = out->bytes + header_offset;
    for (size_t i = full_count + 1; i-- > 0;) {
        size_t offset = i * SL_MYSQL_PART_BYTES_MAX;
        size_t part_bytes = sl_min_size(payload_bytes - offset, SL_MYSQL_PART_BYTES_MAX);
        uint8_t *header = start + offset + i * SL_MYSQL_HEADER_BYTES;
        memmove(header + SL_MYSQL_HEADER_BYTES, start + SL_MYSQL_HEADER_BYTES + offset, part_bytes);
        put_header(header, part_bytes, (uint8_t)(*sequence + i));
    }
    *sequence = (uint8_t)(*sequence + full_count + 1);
}

void
sl_packet_end(struct sl_buf *out, size_t header_offset, uint8_t *sequence)
{
    if (out->bad)
        return;
    SL_ASSERT(out->size_bytes >= header_offset + SL_MYSQL_HEADER_BYTES);
    size_t payload_bytes = out->size_bytes - header_offset - SL_MYSQL_HEADER_BYTES;
    if (payload_bytes >= SL_MYSQL_PART_BYTES_MAX) {
        split(out, header_offset, payload_bytes, sequence);
        return;
    }
    put_header(out->bytes + header_offset, payload_bytes, (*sequence)++);
}

void
sl_lenenc_put(struct sl_buf *out, uint64_t number)
{
    if (number < LENENC_NULL) {
        sl_buf_u8(out, (uint8_t)number);
    } else if (number <= UINT16_MAX) {
        sl_buf_u8(out, LENENC_2);
        sl_buf_u16le(out, (uint16_t)number);
    } else if (number <= SL_MYSQL_PART_BYTES_MAX) {
        sl_buf_u8(out, LENENC_3);
        sl_buf_u16le(out, (uint16_t)number);
        sl_buf_u8(out, (uint8_t)(number >> 16));
    } else {
        sl_buf_u8(out, LENENC_8);
        sl_buf_u64le(out, number);
    }
}

void
sl_lenenc_put_bytes(struct sl_buf *out, const void *bytes, size_t size_bytes)
{
    sl_lenenc_put(out, size_bytes);
    if (size_bytes != 0)
        sl_buf_append(out, bytes, size_bytes);
}

void
sl_lenenc_put_text(struct sl_buf *out, const char *text)
{
    sl_lenenc_put_bytes(out, text, strlen(text));
}

/* ---- answers ---- */

static void
put_ok_payload(struct sl_buf *out, uint8_t header, const struct sl_mysql_ok *ok)
{
    sl_buf_u8(out, header);
    sl_lenenc_put(out, ok->affected_rows);
    sl_lenenc_put(out, 0); /* nothing has an AUTO_INCREMENT */
    sl_buf_u16le(out, ok->status);
    sl_buf_u16le(out, ok->warning_count);
}

void
sl_packet_put_ok(struct sl_buf *out, uint8_t *sequence, const struct sl_mysql_ok *ok)
{
    size_t start = sl_packet_begin(out);
    put_ok_payload(out, OK_HEADER, ok);
    sl_packet_end(out, start, sequence);
}

void
sl_packet_put_eof(struct sl_buf *out, uint8_t *sequence, const struct sl_mysql_ok *ok)
{
    size_t start = sl_packet_begin(out);
    sl_buf_u8(out, EOF_HEADER);
    sl_buf_u16le(out, ok->warning_count);
    sl_buf_u16le(out, ok->status);
    sl_packet_end(out, start, sequence);
}

void
sl_packet_put_end(struct sl_buf *out, uint8_t *sequence, const struct sl_mysql_ok *ok)
{
    size_t start = sl_packet_begin(out);
    put_ok_payload(out, EOF_HEADER, ok);
    sl_packet_end(out, start, sequence);
}

void
sl_packet_put_error(struct sl_buf *out, uint8_t *sequence, uint16_t number, const char *state,
                    const char *text)
{
    size_t start = sl_packet_begin(out);
    sl_buf_u8(out, ERROR_HEADER);
    sl_buf_u16le(out, number);
    if (state != NULL) {
        SL_ASSERT(strlen(state) == 5);
        sl_buf_u8(out, '#');
        sl_buf_text(out, state);
    }
    sl_buf_append(out, text, strnlen(text, SL_MYSQL_ERROR_TEXT_BYTES_MAX));
    sl_packet_end(out, start, sequence);
}

const char *
sl_mysql_state_of(uint16_t number)
{
    switch (number) {
    case SL_ER_CON_COUNT:
        return "08004";
    case SL_ER_HANDSHAKE:
    case SL_ER_UNKNOWN_COMMAND:
    case SL_ER_SERVER_SHUTDOWN:
    case SL_ER_PACKET_TOO_LARGE:
    case SL_ER_PACKETS_OUT_OF_ORDER:
    case SL_ER_UNCOMPRESS:
    case SL_ER_NET_READ_INTERRUPTED:
        return "08S01";
    case SL_ER_ACCESS_DENIED:
        return "28000";
    case SL_ER_BAD_DB:
    case SL_ER_PREPARED_COUNT:
        return "42000";
    default:
        return "HY000";
    }
}
