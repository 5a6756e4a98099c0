/*
 * segment_note.c - see segment_note.h.
 */
#include "storage/segment_note.h"

#include "storage/base/cursor.h"
#include "storage/base/limits.h"
#include "storage/segment/segment_format.h"

enum {
    NOTE_PRODUCER_BYTES_MIN = 1 + 1 + 8 + 8 + 8,
    NOTE_IMPORT_BYTES = 8 + 8 + 8 + 8 + 8 + 8 + 1,
};

_Static_assert(1 + 8 + 8 == SL_SEGMENT_NOTE_HEAD_BYTES, "table of the note");

void
sl_segment_note_fini(struct sl_segment_note *note)
{
    free(note->producers);
    free(note->imports);
    *note = (struct sl_segment_note){0};
}

void
sl_segment_note_append_producer(struct sl_segment_note *note,
                                const struct sl_catalog_producer *producer)
{
    if (note->producer_count == note->producer_capacity) {
        note->producer_capacity = note->producer_capacity * 2 + 8;
        note->producers =
            sl_grow(note->producers, sizeof(struct sl_catalog_producer), note->producer_capacity);
    }
    note->producers[note->producer_count++] = *producer;
}

void
sl_segment_note_append_import(struct sl_segment_note *note, const struct sl_catalog_import *import)
{
    if (note->import_count == note->import_capacity) {
        note->import_capacity = note->import_capacity * 2 + 8;
        note->imports =
            sl_grow(note->imports, sizeof(struct sl_catalog_import), note->import_capacity);
    }
    note->imports[note->import_count++] = *import;
}

void
sl_segment_note_add_producer(struct sl_segment_note *note,
                             const struct sl_catalog_producer *producer)
{
    for (uint32_t i = 0; i < note->producer_count; i++) {
        struct sl_catalog_producer *known = &note->producers[i];
        bool is_it = known->name_bytes == producer->name_bytes &&
                     memcmp(known->name, producer->name, producer->name_bytes) == 0;
        if (!is_it)
            continue;
        if (producer->batch_number > known->batch_number)
            known->batch_number = producer->batch_number;
        if (producer->epoch > known->epoch)
            known->epoch = producer->epoch;
        if (producer->touched_us > known->touched_us)
            known->touched_us = producer->touched_us;
        return;
    }
    sl_segment_note_append_producer(note, producer);
}

void
sl_segment_note_add_import(struct sl_segment_note *note, const struct sl_catalog_import *import)
{
    for (uint32_t i = 0; i < note->import_count; i++) {
        struct sl_catalog_import *known = &note->imports[i];
        if (known->id.low != import->id.low || known->id.high != import->id.high)
            continue;
        bool is_finished = known->is_finished || import->is_finished;
        if (import->offset > known->offset)
            *known = *import;
        known->is_finished = is_finished;
        return;
    }
    sl_segment_note_append_import(note, import);
}

void
sl_segment_note_encode(const struct sl_segment_note *note, struct sl_buf *out)
{
    size_t start = out->size_bytes;
    sl_buf_u8(out, SL_SEGMENT_NOTE_VERSION);
    sl_buf_u64le(out, note->seal_last);
    sl_buf_u64le(out, note->position);
    size_t count_offset = out->size_bytes;
    sl_buf_u32le(out, 0);
    uint32_t count = 0;
    size_t limit = SL_SEGMENT_NOTE_BYTES_MAX / 2;
    for (uint32_t i = 0; i < note->producer_count; i++) {
        const struct sl_catalog_producer *p = &note->producers[i];
        if (out->size_bytes - start + NOTE_PRODUCER_BYTES_MIN + p->name_bytes > limit)
            break;
        sl_buf_u8(out, (uint8_t)p->name_bytes);
        sl_buf_append(out, p->name, p->name_bytes);
        sl_buf_u64le(out, p->epoch);
        sl_buf_u64le(out, p->batch_number);
        sl_buf_u64le(out, (uint64_t)p->touched_us);
        count++;
    }
    sl_buf_patch_u32le(out, count_offset, count);
    count_offset = out->size_bytes;
    sl_buf_u32le(out, 0);
    count = 0;
    for (uint32_t i = 0; i < note->import_count; i++) {
        const struct sl_catalog_import *import = &note->imports[i];
        if (out->size_bytes - start + NOTE_IMPORT_BYTES > SL_SEGMENT_NOTE_BYTES_MAX)
            break;
        sl_buf_u64le(out, import->id.low);
        sl_buf_u64le(out, import->id.high);
        sl_buf_u64le(out, import->offset);
        sl_buf_u64le(out, import->rows);
        sl_buf_u64le(out, (uint64_t)import->oldest_us);
        sl_buf_u64le(out, (uint64_t)import->newest_us);
        sl_buf_u8(out, import->is_finished);
        count++;
    }
    sl_buf_patch_u32le(out, count_offset, count);
}

static void
decode_producers(struct sl_cursor *c, struct sl_segment_note *note)
{
    uint32_t count = sl_cursor_u32le(c);
    c->bad |= count > sl_cursor_left(c) / NOTE_PRODUCER_BYTES_MIN;
    for (uint32_t i = 0; i < count && !c->bad; i++) {
        struct sl_catalog_producer producer = {.name_bytes = sl_cursor_u8(c)};
        producer.name = (const char *)sl_cursor_take(c, producer.name_bytes);
        producer.epoch = sl_cursor_u64le(c);
        producer.batch_number = sl_cursor_u64le(c);
        producer.touched_us = (int64_t)sl_cursor_u64le(c);
        c->bad |= producer.name_bytes == 0;
        if (!c->bad)
            sl_segment_note_add_producer(note, &producer);
    }
}

static void
decode_imports(struct sl_cursor *c, struct sl_segment_note *note)
{
    uint32_t count = sl_cursor_u32le(c);
    c->bad |= count > sl_cursor_left(c) / NOTE_IMPORT_BYTES;
    for (uint32_t i = 0; i < count && !c->bad; i++) {
        struct sl_catalog_import import = {0};
        import.id.low = sl_cursor_u64le(c);
        import.id.high = sl_cursor_u64le(c);
        import.offset = sl_cursor_u64le(c);
        import.rows = sl_cursor_u64le(c);
        import.oldest_us = (int64_t)sl_cursor_u64le(c);
        import.newest_us = (int64_t)sl_cursor_u64le(c);
        uint8_t is_finished = sl_cursor_u8(c);
        import.is_finished = is_finished == 1;
        c->bad |= is_finished > 1;
        if (!c->bad)
            sl_segment_note_add_import(note, &import);
    }
}

sl_status
sl_segment_note_decode(const void *bytes, size_t size_bytes, struct sl_segment_note *out_note,
                       struct sl_error *err)
{
    struct sl_segment_note note = {0};
    *out_note = note;
    if (size_bytes > SL_SEGMENT_NOTE_BYTES_MAX)
        return sl_fail(err, SL_CORRUPT, "a note of %zu bytes", size_bytes);
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    uint8_t version = sl_cursor_u8(&c);
    note.seal_last = sl_cursor_u64le(&c);
    note.position = sl_cursor_u64le(&c);
    decode_producers(&c, &note);
    decode_imports(&c, &note);
    if (c.bad || sl_cursor_left(&c) != 0 || version != SL_SEGMENT_NOTE_VERSION) {
        sl_segment_note_fini(&note);
        return sl_fail(err, SL_CORRUPT, "the note of %zu bytes does not decode", size_bytes);
    }
    *out_note = note;
    return SL_OK;
}
