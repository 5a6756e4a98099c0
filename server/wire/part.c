/*
 * part.c - frames, texts and values: see part.h; layouts in server/PROTOCOL.md.
 */
#include "server/wire/part.h"

enum {
    HEADER_TAG = 4,
    HEADER_CHECK = 8,
    HEADER_TYPE = 12,
    DECIMAL_SCALE_MAX = 38,
};

_Static_assert(HEADER_TYPE + 4 == SL_WIRE_HEADER_BYTES, "a header is 16 bytes");
_Static_assert(SL_WIRE_DATA_BYTES_MAX >= SL_BATCH_BYTES_MAX + 64, "an INSERT holds a whole batch");

static uint32_t
payload_limit(unsigned type)
{
    switch ((enum sl_wire_type)type) {
#define X(name, number, limit_bytes) \
    case SL_WIRE_##name:             \
        return (limit_bytes);
        SL_WIRE_TYPE_LIST(X)
#undef X
    }
    return 0;
}

static bool
is_type(unsigned type)
{
    return payload_limit(type) != 0;
}

const char *
sl_wire_type_name(unsigned type)
{
    switch ((enum sl_wire_type)type) {
#define X(name, number, limit_bytes) \
    case SL_WIRE_##name:             \
        return #name;
        SL_WIRE_TYPE_LIST(X)
#undef X
    }
    return "?";
}

/* ---- frames ---- */

sl_status
sl_wire_next(const uint8_t *bytes, size_t size_bytes, size_t limit_bytes,
             struct sl_wire_frame *out_frame, size_t *out_used_bytes, size_t *out_wanted_bytes,
             struct sl_error *err)
{
    *out_used_bytes = 0;
    *out_wanted_bytes = SL_WIRE_HEADER_BYTES;
    if (size_bytes < SL_WIRE_HEADER_BYTES)
        return SL_OK;

    struct sl_cursor c = sl_cursor_over(bytes, SL_WIRE_HEADER_BYTES);
    uint32_t payload_bytes = sl_cursor_u32le(&c);
    uint32_t tag = sl_cursor_u32le(&c);
    uint32_t check = sl_cursor_u32le(&c);
    uint32_t word = sl_cursor_u32le(&c);

    if (word > UINT8_MAX || !is_type(word))
        return sl_fail(err, SL_FORMAT,
                       "this is not a frame of the sluice protocol (type %" PRIu32 ")", word);
    if (payload_bytes > sl_min_size(payload_limit(word), limit_bytes))
        return sl_fail(err, SL_LIMIT, "a frame %s of %" PRIu32 " bytes is too long",
                       sl_wire_type_name(word), payload_bytes);
    *out_wanted_bytes = SL_WIRE_HEADER_BYTES + (size_t)payload_bytes;
    if (size_bytes < *out_wanted_bytes)
        return SL_OK;

    const uint8_t *payload = bytes + SL_WIRE_HEADER_BYTES;
    if ((uint32_t)sl_hash64(payload, payload_bytes) != check)
        return sl_fail(err, SL_FORMAT, "a frame %s arrived damaged", sl_wire_type_name(word));
    *out_frame = (struct sl_wire_frame){.type = (enum sl_wire_type)word,
                                        .tag = tag,
                                        .payload = payload,
                                        .payload_bytes = payload_bytes};
    *out_used_bytes = *out_wanted_bytes;
    return SL_OK;
}

size_t
sl_part_begin(struct sl_buf *out, enum sl_wire_type type, uint32_t tag)
{
    size_t header_offset = out->size_bytes;
    sl_buf_u32le(out, 0);
    sl_buf_u32le(out, tag);
    sl_buf_u32le(out, 0);
    sl_buf_u32le(out, type);
    return header_offset;
}

void
sl_part_end(struct sl_buf *out, size_t header_offset)
{
    SL_ASSERT(out->bad || out->size_bytes >= header_offset + SL_WIRE_HEADER_BYTES);
    size_t payload_bytes = out->size_bytes - header_offset - SL_WIRE_HEADER_BYTES;

    if (out->bad || payload_bytes > payload_limit(out->bytes[header_offset + HEADER_TYPE])) {
        out->bad = true;
        out->size_bytes = header_offset; /* no half of a frame is left for who goes on */
        return;
    }
    const uint8_t *payload = out->bytes + header_offset + SL_WIRE_HEADER_BYTES;
    sl_buf_patch_u32le(out, header_offset, (uint32_t)payload_bytes);
    sl_buf_patch_u32le(out, header_offset + HEADER_CHECK,
                       (uint32_t)sl_hash64(payload, payload_bytes));
}

/* ---- writing ---- */

void
sl_part_put_bytes(struct sl_buf *out, const void *bytes, size_t size_bytes)
{
    if (size_bytes > UINT32_MAX) {
        out->bad = true;
        return;
    }
    sl_buf_u32le(out, (uint32_t)size_bytes);
    if (size_bytes != 0)
        sl_buf_append(out, bytes, size_bytes);
}

void
sl_part_put_text(struct sl_buf *out, const char *text)
{
    sl_part_put_bytes(out, text, strlen(text));
}

void
sl_part_put_value(struct sl_buf *out, const struct sl_wire_value *value)
{
    sl_buf_u8(out, (uint8_t)value->type);
    sl_buf_u8(out, value->type == SL_TYPE_DECIMAL ? value->scale : 0);
    sl_buf_u8(out, value->is_null);
    if (value->is_null)
        return;

    switch (value->type) {
    case SL_TYPE_U8:
    case SL_TYPE_U16:
    case SL_TYPE_U32:
    case SL_TYPE_U64:
    case SL_TYPE_BOOL:
    case SL_TYPE_MAC:
        sl_buf_u64le(out, value->as.u64);
        return;
    case SL_TYPE_I64:
    case SL_TYPE_TIME:
    case SL_TYPE_DATE:
    case SL_TYPE_SPAN:
        sl_buf_u64le(out, (uint64_t)value->as.i64);
        return;
    case SL_TYPE_F64: {
        uint64_t bits;
        memcpy(&bits, &value->as.f64, sizeof(bits));
        sl_buf_u64le(out, bits);
        return;
    }
    case SL_TYPE_ADDR:
        sl_buf_u64le(out, value->as.addr.low);
        sl_buf_u64le(out, value->as.addr.high);
        return;
    case SL_TYPE_DECIMAL:
        sl_buf_u64le(out, (uint64_t)value->as.i128);
        sl_buf_u64le(out, (uint64_t)((sl_u128)value->as.i128 >> 64));
        return;
    case SL_TYPE_TEXT:
    case SL_TYPE_OCTETS:
        sl_part_put_bytes(out, value->as.slice.bytes, value->as.slice.size_bytes);
        return;
    case SL_TYPE_NULL:
    case SL_TYPE_COUNT:
        break;
    }
    SL_ASSERT(false); /* a value that is not NULL has a type */
}

/* ---- reading ---- */

struct sl_part_reader
sl_part_open(const struct sl_wire_frame *frame, enum sl_wire_type type, struct sl_arena *arena)
{
    SL_ASSERT(frame->type == type);
    return (struct sl_part_reader){.cursor = sl_cursor_over(frame->payload, frame->payload_bytes),
                                   .arena = arena,
                                   .frame = frame};
}

void
sl_part_refuse(struct sl_part_reader *reader, const char *trouble)
{
    reader->cursor.bad = true;
    if (reader->trouble == NULL)
        reader->trouble = trouble;
}

sl_status
sl_part_finish(const struct sl_part_reader *reader, struct sl_error *err)
{
    const char *name = sl_wire_type_name(reader->frame->type);
    if (reader->is_over_budget)
        return sl_fail(err, SL_LIMIT, "frame %s: no memory for its contents", name);
    if (reader->trouble != NULL)
        return sl_fail(err, SL_FORMAT, "frame %s: %s", name, reader->trouble);
    if (reader->cursor.bad)
        return sl_fail(err, SL_FORMAT, "frame %s ends too early (%zu bytes)", name,
                       reader->frame->payload_bytes);
    if (sl_cursor_left(&reader->cursor) != 0)
        return sl_fail(err, SL_FORMAT, "frame %s has %zu bytes too many", name,
                       sl_cursor_left(&reader->cursor));
    return SL_OK;
}

struct sl_slice
sl_part_bytes(struct sl_part_reader *reader, size_t limit_bytes)
{
    uint32_t size_bytes = sl_cursor_u32le(&reader->cursor);
    if (size_bytes > limit_bytes)
        sl_part_refuse(reader, "a text is longer than allowed");
    const uint8_t *bytes = sl_cursor_take(&reader->cursor, size_bytes);
    return (struct sl_slice){.bytes = bytes, .size_bytes = bytes == NULL ? 0 : size_bytes};
}

const char *
sl_part_text(struct sl_part_reader *reader, size_t limit_bytes)
{
    struct sl_slice slice = sl_part_bytes(reader, limit_bytes);
    if (slice.size_bytes == 0)
        return "";
    if (memchr(slice.bytes, 0, slice.size_bytes) != NULL) {
        sl_part_refuse(reader, "a text holds a zero byte");
        return "";
    }
    const char *text = sl_arena_string(reader->arena, (const char *)slice.bytes, slice.size_bytes);
    if (text == NULL) {
        reader->is_over_budget = true;
        reader->cursor.bad = true;
        return "";
    }
    return text;
}

bool
sl_part_bool(struct sl_part_reader *reader)
{
    uint8_t byte = sl_cursor_u8(&reader->cursor);
    if (byte > 1)
        sl_part_refuse(reader, "a truth is neither 0 nor 1");
    return byte == 1;
}

uint32_t
sl_part_flags(struct sl_part_reader *reader, uint32_t known)
{
    uint32_t flags = sl_cursor_u32le(&reader->cursor);
    if ((flags & ~known) != 0)
        sl_part_refuse(reader, "an unknown flag is set");
    return flags & known;
}

static void
read_value(struct sl_part_reader *reader, struct sl_wire_value *value)
{
    struct sl_cursor *c = &reader->cursor;
    switch (value->type) {
    case SL_TYPE_U8:
    case SL_TYPE_U16:
    case SL_TYPE_U32:
    case SL_TYPE_U64:
    case SL_TYPE_BOOL:
    case SL_TYPE_MAC:
        value->as.u64 = sl_cursor_u64le(c);
        return;
    case SL_TYPE_I64:
    case SL_TYPE_TIME:
    case SL_TYPE_DATE:
    case SL_TYPE_SPAN:
        value->as.i64 = (int64_t)sl_cursor_u64le(c);
        return;
    case SL_TYPE_F64: {
        uint64_t bits = sl_cursor_u64le(c);
        memcpy(&value->as.f64, &bits, sizeof(bits));
        return;
    }
    case SL_TYPE_ADDR:
        value->as.addr.low = sl_cursor_u64le(c);
        value->as.addr.high = sl_cursor_u64le(c);
        return;
    case SL_TYPE_DECIMAL: {
        uint64_t low = sl_cursor_u64le(c);
        value->as.i128 = (sl_i128)((sl_u128)sl_cursor_u64le(c) << 64 | low);
        return;
    }
    case SL_TYPE_TEXT:
    case SL_TYPE_OCTETS:
        value->as.slice = sl_part_bytes(reader, SL_SQL_VALUE_BYTES_MAX);
        return;
    case SL_TYPE_NULL:
    case SL_TYPE_COUNT:
        break;
    }
    sl_part_refuse(reader, "a value without a type is not NULL");
}

/* An integer that its type cannot hold is a lie that no later code should meet. */
static bool
value_fits(const struct sl_wire_value *value)
{
    switch (value->type) {
    case SL_TYPE_BOOL:
        return value->as.u64 <= 1;
    case SL_TYPE_U8:
        return value->as.u64 <= UINT8_MAX;
    case SL_TYPE_U16:
        return value->as.u64 <= UINT16_MAX;
    case SL_TYPE_U32:
        return value->as.u64 <= UINT32_MAX;
    case SL_TYPE_MAC:
        return value->as.u64 >> 48 == 0;
    default:
        return true;
    }
}

struct sl_wire_value
sl_part_value(struct sl_part_reader *reader)
{
    struct sl_wire_value value = {.type = SL_TYPE_NULL, .is_null = true};
    uint8_t type = sl_cursor_u8(&reader->cursor);
    uint8_t scale = sl_cursor_u8(&reader->cursor);
    bool is_null = sl_part_bool(reader);

    if (type >= SL_TYPE_COUNT)
        sl_part_refuse(reader, "a value has an unknown type");
    else if (scale > (type == SL_TYPE_DECIMAL ? DECIMAL_SCALE_MAX : 0))
        sl_part_refuse(reader, "a value has a scale that its type does not have");
    if (reader->cursor.bad)
        return value;

    value.type = (enum sl_type)type;
    value.scale = scale;
    value.is_null = is_null;
    if (!is_null)
        read_value(reader, &value);
    if (!is_null && !reader->cursor.bad && !value_fits(&value))
        sl_part_refuse(reader, "a value is larger than its type");
    return value;
}

uint32_t
sl_part_count(struct sl_part_reader *reader, uint32_t count_max, size_t element_bytes_min)
{
    uint32_t count = sl_cursor_u32le(&reader->cursor);
    if (count > count_max)
        sl_part_refuse(reader, "a count is beyond its limit");
    else if (count > sl_cursor_left(&reader->cursor) / element_bytes_min)
        sl_part_refuse(reader, "a count is larger than what follows");
    return reader->cursor.bad ? 0 : count;
}

void *
sl_part_array(struct sl_part_reader *reader, uint32_t count, size_t element_bytes)
{
    if (count == 0)
        return NULL;
    void *array = sl_arena_calloc(reader->arena, count, element_bytes);
    if (array == NULL) {
        reader->is_over_budget = true;
        reader->cursor.bad = true;
    }
    return array;
}
