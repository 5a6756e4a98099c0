/*
 * wire_insert.c - frames of inserts and imports; layouts in server/PROTOCOL.md.
 */
#include "server/wire/part.h"
#include "server/wire/wire.h"
#include "storage/batch_codec.h"

static void
put_hash(struct sl_buf *out, struct sl_hash128 hash)
{
    sl_buf_u64le(out, hash.low);
    sl_buf_u64le(out, hash.high);
}

static struct sl_hash128
read_hash(struct sl_part_reader *r)
{
    struct sl_hash128 hash = {.low = sl_cursor_u64le(&r->cursor)};
    hash.high = sl_cursor_u64le(&r->cursor);
    return hash;
}

void
sl_wire_insert_open_encode(struct sl_buf *out, uint32_t tag, const char *producer)
{
    size_t at = sl_part_begin(out, SL_WIRE_INSERT_OPEN, tag);
    sl_part_put_text(out, producer);
    sl_part_end(out, at);
}

sl_status
sl_wire_insert_open_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                           const char **out_producer, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_INSERT_OPEN, arena);
    *out_producer = sl_part_text(&r, SL_PRODUCER_NAME_BYTES_MAX);
    if (!r.cursor.bad && (*out_producer)[0] == '\0')
        sl_part_refuse(&r, "a producer has a name");
    return sl_part_finish(&r, err);
}

void
sl_wire_insert_ready_encode(struct sl_buf *out, uint32_t tag,
                            const struct sl_wire_insert_ready *ready)
{
    size_t at = sl_part_begin(out, SL_WIRE_INSERT_READY, tag);
    sl_buf_u64le(out, ready->epoch);
    sl_buf_u64le(out, ready->batch_number);
    sl_buf_u32le(out, ready->credits);
    sl_buf_u64le(out, (uint64_t)ready->oldest_us);
    sl_part_end(out, at);
}

sl_status
sl_wire_insert_ready_decode(const struct sl_wire_frame *frame,
                            struct sl_wire_insert_ready *out_ready, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_INSERT_READY, NULL);
    out_ready->epoch = sl_cursor_u64le(&r.cursor);
    out_ready->batch_number = sl_cursor_u64le(&r.cursor);
    out_ready->credits = sl_cursor_u32le(&r.cursor);
    out_ready->oldest_us = (int64_t)sl_cursor_u64le(&r.cursor);
    if (!r.cursor.bad && (out_ready->credits == 0 || out_ready->credits > SL_WIRE_CREDITS_MAX))
        sl_part_refuse(&r, "credits are 1 to 64");
    return sl_part_finish(&r, err);
}

void
sl_wire_insert_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_insert *insert,
                      const struct sl_batch *batch)
{
    size_t at = sl_part_begin(out, SL_WIRE_INSERT, tag);
    sl_buf_u64le(out, insert->batch_number);
    sl_buf_u8(out, insert->has_import);
    put_hash(out, insert->import_id);
    sl_buf_u64le(out, insert->import_offset);
    sl_batch_encode(batch, out);
    sl_part_end(out, at);
}

sl_status
sl_wire_insert_decode(const struct sl_wire_frame *frame, struct sl_wire_insert *out_insert,
                      struct sl_slice *out_batch, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_INSERT, NULL);
    out_insert->batch_number = sl_cursor_u64le(&r.cursor);
    out_insert->has_import = sl_part_bool(&r);
    out_insert->import_id = read_hash(&r);
    out_insert->import_offset = sl_cursor_u64le(&r.cursor);
    bool says_nothing = out_insert->import_id.low == 0 && out_insert->import_id.high == 0 &&
                        out_insert->import_offset == 0;
    if (!out_insert->has_import && !says_nothing)
        sl_part_refuse(&r, "no import, and yet an import's id or offset");
    if (!r.cursor.bad && out_insert->batch_number == 0)
        sl_part_refuse(&r, "batches are numbered from 1");

    size_t left_bytes = sl_cursor_left(&r.cursor);
    const uint8_t *bytes = sl_cursor_take(&r.cursor, left_bytes);
    *out_batch = (struct sl_slice){.bytes = bytes, .size_bytes = (uint32_t)left_bytes};
    return sl_part_finish(&r, err);
}

void
sl_wire_insert_ack_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_insert_ack *ack)
{
    size_t at = sl_part_begin(out, SL_WIRE_INSERT_ACK, tag);
    sl_buf_u64le(out, ack->batch_number);
    sl_buf_u8(out, ack->is_repeated);
    sl_part_end(out, at);
}

sl_status
sl_wire_insert_ack_decode(const struct sl_wire_frame *frame, struct sl_wire_insert_ack *out_ack,
                          struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_INSERT_ACK, NULL);
    out_ack->batch_number = sl_cursor_u64le(&r.cursor);
    out_ack->is_repeated = sl_part_bool(&r);
    return sl_part_finish(&r, err);
}

void
sl_wire_import_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_import *import)
{
    size_t at = sl_part_begin(out, SL_WIRE_IMPORT, tag);
    sl_buf_u8(out, (uint8_t)import->verb);
    put_hash(out, import->id);
    sl_part_end(out, at);
}

sl_status
sl_wire_import_decode(const struct sl_wire_frame *frame, struct sl_wire_import *out_import,
                      struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_IMPORT, NULL);
    uint8_t verb = sl_cursor_u8(&r.cursor);
    out_import->id = read_hash(&r);
    if (verb < SL_WIRE_IMPORT_FIND || verb > SL_WIRE_IMPORT_FORGET)
        sl_part_refuse(&r, "an unknown verb");
    SL_TRY(sl_part_finish(&r, err));
    out_import->verb = (enum sl_wire_import_verb)verb;
    return SL_OK;
}

void
sl_wire_import_state_encode(struct sl_buf *out, uint32_t tag,
                            const struct sl_wire_import_state *state)
{
    size_t at = sl_part_begin(out, SL_WIRE_IMPORT_STATE, tag);
    sl_buf_u64le(out, state->offset);
    sl_buf_u8(out, state->is_finished);
    sl_part_end(out, at);
}

sl_status
sl_wire_import_state_decode(const struct sl_wire_frame *frame,
                            struct sl_wire_import_state *out_state, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_IMPORT_STATE, NULL);
    out_state->offset = sl_cursor_u64le(&r.cursor);
    out_state->is_finished = sl_part_bool(&r);
    return sl_part_finish(&r, err);
}
