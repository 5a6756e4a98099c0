/*
 * deflate.c - see deflate.h.
 */
#include "client/mysql/deflate.h"

#include <zlib.h>

#include "storage/base/cursor.h"

enum {
    DEFLATE_MIN_BYTES = 50, /* shorter ones do not become shorter: MySQL's own limit */
    DEFLATE_LEVEL = 1,      /* a network is faster than what the higher levels save */
    KEPT_BYTES_MAX = SL_MYSQL_PACKET_BYTES_MAX + SL_MYSQL_PART_BYTES_MAX + (64 << 10),
};

void
sl_inflated_init(struct sl_inflated *inflated, struct sl_budget *budget)
{
    *inflated = (struct sl_inflated){.budget = budget};
}

void
sl_inflated_fini(struct sl_inflated *inflated)
{
    sl_budget_give(inflated->budget, inflated->capacity_bytes);
    free(inflated->bytes);
    inflated->bytes = NULL;
    inflated->capacity_bytes = 0;
    inflated->offset_bytes = 0;
    inflated->size_bytes = 0;
}

static sl_status
fail_number(struct sl_error *err, sl_status status, uint16_t number, const char *story)
{
    (void)sl_fail(err, status, "%s", story);
    if (err != NULL)
        err->sql_number = number;
    return status;
}

/* Room for more_bytes behind what is there. */
static sl_status
make_room(struct sl_inflated *inflated, size_t more_bytes, struct sl_error *err)
{
    if (inflated->offset_bytes != 0 && inflated->size_bytes != 0)
        memmove(inflated->bytes, inflated->bytes + inflated->offset_bytes, inflated->size_bytes);
    inflated->offset_bytes = 0;
    size_t needed_bytes = inflated->size_bytes + more_bytes;
    if (needed_bytes > KEPT_BYTES_MAX)
        return fail_number(err, SL_LIMIT, SL_ER_PACKET_TOO_LARGE,
                           "Got a packet bigger than 'max_allowed_packet' bytes");
    if (needed_bytes <= inflated->capacity_bytes)
        return SL_OK;
    size_t added_bytes = needed_bytes - inflated->capacity_bytes;
    if (!sl_budget_take(inflated->budget, added_bytes))
        return fail_number(err, SL_LIMIT, SL_ER_OUT_OF_RESOURCES, "Out of memory");
    uint8_t *grown = realloc(inflated->bytes, needed_bytes);
    if (grown == NULL) {
        sl_budget_give(inflated->budget, added_bytes);
        return fail_number(err, SL_LIMIT, SL_ER_OUT_OF_RESOURCES, "Out of memory");
    }
    inflated->bytes = grown;
    inflated->capacity_bytes = needed_bytes;
    return SL_OK;
}

/* plain_bytes 0: the body is not compressed. */
static sl_status
take_body(struct sl_inflated *inflated, const uint8_t *body, size_t body_bytes, size_t plain_bytes,
          struct sl_error *err)
{
    size_t more_bytes = plain_bytes == 0 ? body_bytes : plain_bytes;
    uLongf got_bytes = more_bytes;
    if (more_bytes == 0)
        return SL_OK;
    SL_TRY(make_room(inflated, more_bytes, err));
    uint8_t *end = inflated->bytes + inflated->size_bytes;
    if (plain_bytes == 0)
        memcpy(end, body, body_bytes);
    else if (uncompress(end, &got_bytes, body, body_bytes) != Z_OK || got_bytes != plain_bytes)
        return fail_number(err, SL_FORMAT, SL_ER_UNCOMPRESS,
                           "Couldn't uncompress communication packet");
    inflated->size_bytes += more_bytes;
    return SL_OK;
}

sl_status
sl_inflate(struct sl_inflated *inflated, const uint8_t *bytes, size_t size_bytes,
           size_t *out_wanted_bytes, struct sl_error *err)
{
    *out_wanted_bytes = SL_DEFLATE_HEADER_BYTES;
    if (inflated->frame_bytes != 0 || size_bytes < SL_DEFLATE_HEADER_BYTES)
        return SL_OK;
    if (bytes[3] != inflated->sequence_next)
        return fail_number(err, SL_FORMAT, SL_ER_PACKETS_OUT_OF_ORDER, "Got packets out of order");
    size_t body_bytes = (size_t)sl_read_le(bytes, 3);
    size_t plain_bytes = (size_t)sl_read_le(bytes + 4, 3);
    *out_wanted_bytes = SL_DEFLATE_HEADER_BYTES + body_bytes;
    if (size_bytes < *out_wanted_bytes)
        return SL_OK;

    SL_TRY(take_body(inflated, bytes + SL_DEFLATE_HEADER_BYTES, body_bytes, plain_bytes, err));
    inflated->frame_bytes = *out_wanted_bytes;
    inflated->sequence_next = (uint8_t)(bytes[3] + 1);
    return SL_OK;
}

void
sl_inflated_drop(struct sl_inflated *inflated, size_t used_bytes)
{
    SL_ASSERT(used_bytes <= inflated->size_bytes);
    inflated->offset_bytes += used_bytes;
    inflated->size_bytes -= used_bytes;
}

size_t
sl_inflated_end_frame(struct sl_inflated *inflated)
{
    size_t frame_bytes = inflated->frame_bytes;
    inflated->frame_bytes = 0;
    if (inflated->size_bytes == 0)
        sl_inflated_fini(inflated);
    return frame_bytes;
}

/* One frame of at most a packet's largest payload. */
static void
put_frame(struct sl_buf *out, const uint8_t *plain, size_t plain_bytes, uint8_t sequence)
{
    uint8_t header[SL_DEFLATE_HEADER_BYTES] = {0};
    uLongf body_bytes = compressBound(plain_bytes);
    size_t header_offset = out->size_bytes;
    uint8_t *frame = sl_buf_extend(out, SL_DEFLATE_HEADER_BYTES + body_bytes);
    if (frame == NULL)
        return;
    uint8_t *body = frame + SL_DEFLATE_HEADER_BYTES;
    bool is_shorter = plain_bytes >= DEFLATE_MIN_BYTES &&
                      compress2(body, &body_bytes, plain, plain_bytes, DEFLATE_LEVEL) == Z_OK &&
                      body_bytes < plain_bytes;
    if (!is_shorter) {
        memcpy(body, plain, plain_bytes);
        body_bytes = plain_bytes;
    }
    for (int i = 0; i < 3; i++) {
        header[i] = (uint8_t)(body_bytes >> i * 8);
        header[4 + i] = (uint8_t)((is_shorter ? plain_bytes : 0) >> i * 8);
    }
    header[3] = sequence;
    memcpy(frame, header, sizeof(header));
    out->size_bytes = header_offset + SL_DEFLATE_HEADER_BYTES + body_bytes;
}

void
sl_deflate(struct sl_buf *packets, uint8_t *sequence)
{
    struct sl_buf out = sl_buf_empty(packets->limit_bytes * 2);
    for (size_t at = 0; at < packets->size_bytes; at += SL_MYSQL_PART_BYTES_MAX)
        put_frame(&out, packets->bytes + at,
                  sl_min_size(packets->size_bytes - at, SL_MYSQL_PART_BYTES_MAX), (*sequence)++);
    SL_ASSERT(!out.bad); /* frames are hardly longer than their packets */
    out.limit_bytes = packets->limit_bytes;
    sl_buf_fini(packets);
    *packets = out;
}
