/*
 * journal_format.c - see journal_format.h. Pure functions over bytes in memory.
 */
#include "storage/journal_format.h"

#include <stdio.h>

#include "storage/base/cursor.h"

static const uint8_t head_magic[8] = {'S', 'L', 'J', 'O', 'U', 'R', 'N', 'L'};
static const uint8_t frame_magic[4] = {'S', 'L', 'J', 'F'};

static void
put_le(uint8_t *p, uint64_t value, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

void
sl_journal_head_encode(const struct sl_journal_head *head, uint8_t bytes[SL_JOURNAL_HEAD_BYTES])
{
    SL_ASSERT(head->first_position > 0);

    memset(bytes, 0, SL_JOURNAL_HEAD_BYTES);
    memcpy(bytes, head_magic, sizeof(head_magic));
    put_le(bytes + 8, SL_JOURNAL_FORMAT_VERSION, 4);
    put_le(bytes + 12, head->is_restart ? SL_JOURNAL_FLAG_RESTART : 0, 4);
    put_le(bytes + 16, head->number, 8);
    put_le(bytes + 24, head->first_position, 8);
    put_le(bytes + 56, sl_hash64(bytes, 56), 8);
}

sl_status
sl_journal_head_decode(const void *bytes, size_t size_bytes, uint64_t number,
                       struct sl_journal_head *out_head, struct sl_error *err)
{
    static const uint8_t zeros[24] = {0};

    *out_head = (struct sl_journal_head){0};
    if (size_bytes < SL_JOURNAL_HEAD_BYTES)
        return sl_fail(err, SL_CORRUPT, "journal head is incomplete");

    struct sl_cursor c = sl_cursor_over(bytes, SL_JOURNAL_HEAD_BYTES);
    const uint8_t *magic = sl_cursor_take(&c, sizeof(head_magic));
    uint32_t version = sl_cursor_u32le(&c);
    uint32_t flags = sl_cursor_u32le(&c);
    uint64_t own_number = sl_cursor_u64le(&c);
    uint64_t first_position = sl_cursor_u64le(&c);
    const uint8_t *reserved = sl_cursor_take(&c, sizeof(zeros));
    uint64_t hash = sl_cursor_u64le(&c);
    SL_ASSERT(!c.bad);

    if (memcmp(magic, head_magic, sizeof(head_magic)) != 0)
        return sl_fail(err, SL_CORRUPT, "journal head has no magic");
    if (sl_hash64(bytes, 56) != hash)
        return sl_fail(err, SL_CORRUPT, "journal head hash does not match");
    if (version != SL_JOURNAL_FORMAT_VERSION)
        return sl_fail(err, SL_VERSION, "journal format %" PRIu32, version);
    if (own_number != number)
        return sl_fail(err, SL_CORRUPT, "journal head is that of file %" PRIu64, own_number);
    if (first_position == 0 || (flags & ~(uint32_t)SL_JOURNAL_FLAG_RESTART) != 0 ||
        memcmp(reserved, zeros, sizeof(zeros)) != 0)
        return sl_fail(err, SL_CORRUPT, "journal head has impossible fields");

    out_head->number = number;
    out_head->first_position = first_position;
    out_head->is_restart = (flags & SL_JOURNAL_FLAG_RESTART) != 0;
    return SL_OK;
}

static size_t
pad_8(size_t size_bytes)
{
    return (size_bytes + 7) / 8 * 8;
}

size_t
sl_journal_frame_bytes(const struct sl_journal_frame *frame)
{
    SL_ASSERT(frame->producer_bytes <= SL_PRODUCER_NAME_BYTES_MAX);
    SL_ASSERT(frame->batch_bytes <= SL_BATCH_BYTES_MAX);
    return SL_JOURNAL_FRAME_HEAD_BYTES + pad_8(frame->producer_bytes + frame->batch_bytes);
}

void
sl_journal_frame_begin(const struct sl_journal_frame *frame, struct sl_buf *out)
{
    SL_ASSERT(frame->producer_bytes <= SL_PRODUCER_NAME_BYTES_MAX);
    SL_ASSERT(out->size_bytes == 0);
    (void)sl_buf_extend(out, SL_JOURNAL_FRAME_HEAD_BYTES);
    sl_buf_append(out, frame->producer, frame->producer_bytes);
}

void
sl_journal_frame_end(const struct sl_journal_frame *frame, struct sl_buf *out)
{
    static const uint8_t zeros[8] = {0};
    size_t content_bytes = out->size_bytes - SL_JOURNAL_FRAME_HEAD_BYTES;
    size_t payload_bytes = pad_8(content_bytes);
    size_t batch_bytes = content_bytes - frame->producer_bytes;

    sl_buf_append(out, zeros, payload_bytes - content_bytes);
    if (out->bad)
        return;
    SL_ASSERT(batch_bytes <= SL_BATCH_BYTES_MAX);
    uint8_t *bytes = out->bytes;
    memset(bytes, 0, SL_JOURNAL_FRAME_HEAD_BYTES);
    memcpy(bytes, frame_magic, sizeof(frame_magic));
    put_le(bytes + 4, out->size_bytes, 4);
    bytes[24] = batch_bytes > 0 ? SL_JOURNAL_BATCH : SL_JOURNAL_MARK;
    bytes[25] = frame->is_import ? SL_JOURNAL_FRAME_FLAG_IMPORT : 0;
    put_le(bytes + 26, frame->producer_bytes, 2);
    put_le(bytes + 28, batch_bytes, 4);
    put_le(bytes + 32, frame->epoch, 8);
    put_le(bytes + 40, frame->batch_number, 8);
    if (frame->is_import) {
        put_le(bytes + 48, frame->import_id.low, 8);
        put_le(bytes + 56, frame->import_id.high, 8);
        put_le(bytes + 64, frame->import_offset, 8);
    }
    put_le(bytes + 72, sl_hash64(bytes + SL_JOURNAL_FRAME_HEAD_BYTES, payload_bytes), 8);
}

void
sl_journal_frame_encode(const struct sl_journal_frame *frame, struct sl_buf *out)
{
    sl_journal_frame_begin(frame, out);
    sl_buf_append(out, frame->batch, frame->batch_bytes);
    sl_journal_frame_end(frame, out);
}

/* Hash of a frame head at its place. */
static uint64_t
hash_frame_head(const uint8_t *bytes, uint64_t number, uint64_t offset)
{
    uint8_t input[16 + SL_JOURNAL_FRAME_HEAD_BYTES - 8];
    put_le(input, number, 8);
    put_le(input + 8, offset, 8);
    memcpy(input + 16, bytes, SL_JOURNAL_FRAME_HEAD_BYTES - 8);
    return sl_hash64(input, sizeof(input));
}

void
sl_journal_frame_place(uint8_t *bytes, uint64_t position, uint64_t durable_position,
                       uint64_t number, uint64_t offset)
{
    SL_ASSERT(durable_position <= position);
    SL_ASSERT(offset % 8 == 0);
    put_le(bytes + 8, position, 8);
    put_le(bytes + 16, durable_position, 8);
    put_le(bytes + 80, hash_frame_head(bytes, number, offset), 8);
}

/* Is there a frame head at bytes[0 .. left) that proves itself and its place? */
static bool
is_frame_head(const uint8_t *bytes, size_t left_bytes, uint64_t number, uint64_t offset)
{
    return left_bytes >= SL_JOURNAL_FRAME_HEAD_BYTES &&
           memcmp(bytes, frame_magic, sizeof(frame_magic)) == 0 &&
           hash_frame_head(bytes, number, offset) == sl_read_le(bytes + 80, 8);
}

/* The fields of a head that proved itself. NULL, or what no writer of ours writes. */
static const char *
read_frame_head(const uint8_t *bytes, struct sl_journal_stretch *s)
{
    struct sl_journal_frame *f = &s->frame;

    s->size_bytes = sl_read_le(bytes + 4, 4);
    s->position = sl_read_le(bytes + 8, 8);
    s->durable_position = sl_read_le(bytes + 16, 8);
    unsigned kind = bytes[24];
    unsigned flags = bytes[25];
    f->producer_bytes = sl_read_le(bytes + 26, 2);
    f->batch_bytes = sl_read_le(bytes + 28, 4);
    f->epoch = sl_read_le(bytes + 32, 8);
    f->batch_number = sl_read_le(bytes + 40, 8);
    f->is_import = (flags & SL_JOURNAL_FRAME_FLAG_IMPORT) != 0;
    f->import_id.low = sl_read_le(bytes + 48, 8);
    f->import_id.high = sl_read_le(bytes + 56, 8);
    f->import_offset = sl_read_le(bytes + 64, 8);

    if (f->producer_bytes > SL_PRODUCER_NAME_BYTES_MAX || f->batch_bytes > SL_BATCH_BYTES_MAX)
        return "frame is larger than its limits";
    if (s->size_bytes != sl_journal_frame_bytes(f))
        return "frame size does not fit its parts";
    if (s->position == 0 || s->durable_position > s->position)
        return "frame has an impossible position";
    if ((flags & ~(unsigned)SL_JOURNAL_FRAME_FLAG_IMPORT) != 0)
        return "frame has unknown flags";
    if (kind != (f->batch_bytes > 0 ? SL_JOURNAL_BATCH : SL_JOURNAL_MARK))
        return "frame is of an unknown kind";
    s->kind = (enum sl_journal_kind)kind;
    return NULL;
}

/* Size of the bytes from `offset` to the next head that proves itself, or to the end. */
static size_t
find_frame_head(const struct sl_journal_image *image, size_t offset)
{
    size_t at = offset;
    while (at < image->size_bytes &&
           !is_frame_head(image->bytes + at, image->size_bytes - at, image->number, at))
        at += 8;
    return sl_min_size(at, image->size_bytes) - offset;
}

bool
sl_journal_image_next(struct sl_journal_image *image, struct sl_journal_stretch *out_stretch)
{
    size_t offset = image->next_offset;
    SL_ASSERT(offset % 8 == 0 || offset >= image->size_bytes);
    if (offset >= image->size_bytes)
        return false;

    struct sl_journal_stretch s = {.offset = offset};
    const uint8_t *bytes = image->bytes + offset;
    size_t left_bytes = image->size_bytes - offset;

    if (!is_frame_head(bytes, left_bytes, image->number, offset)) {
        s.reason = "journal frame head does not prove itself";
        s.size_bytes = find_frame_head(image, offset);
    } else if ((s.reason = read_frame_head(bytes, &s)) != NULL) {
        s.size_bytes = 8 + find_frame_head(image, offset + 8);
    } else if (s.size_bytes > left_bytes) {
        s.reason = "journal ends within a frame";
        s.size_bytes = left_bytes;
    } else {
        const uint8_t *payload = bytes + SL_JOURNAL_FRAME_HEAD_BYTES;
        s.frame.producer = (const char *)payload;
        s.frame.batch = payload + s.frame.producer_bytes;
        if (sl_hash64(payload, s.size_bytes - SL_JOURNAL_FRAME_HEAD_BYTES) !=
            sl_read_le(bytes + 72, 8))
            s.reason = "journal frame payload does not match its hash";
    }

    SL_ASSERT(s.size_bytes > 0);
    SL_ASSERT(s.size_bytes <= left_bytes);
    image->next_offset = offset + s.size_bytes;
    *out_stretch = s;
    return true;
}

void
sl_journal_name(uint64_t number, const char *suffix, char name[SL_JOURNAL_NAME_BYTES])
{
    int length = snprintf(name, SL_JOURNAL_NAME_BYTES, "%010" PRIu64 ".journal%s", number, suffix);
    SL_ASSERT(length > 0 && length < SL_JOURNAL_NAME_BYTES);
}

bool
sl_journal_name_parse(const char *name, uint64_t *out_number)
{
    uint64_t number = 0;
    size_t digits = 0;
    while (digits < 19 && name[digits] >= '0' && name[digits] <= '9')
        number = number * 10 + (uint64_t)(name[digits++] - '0');
    *out_number = number;

    char expected[SL_JOURNAL_NAME_BYTES];
    sl_journal_name(number, "", expected);
    return number > 0 && strcmp(name, expected) == 0;
}
