/*
 * segment_note_fuzz.c - any bytes as the note of a segment; what decodes encodes to something
 * that decodes again.
 */
#include "storage/segment/segment_format.h"
#include "storage/segment_note.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct sl_segment_note note;
    struct sl_segment_note again;
    struct sl_error err = {0};
    if (sl_segment_note_decode(bytes, size_bytes, &note, &err) != SL_OK)
        return 0;
    struct sl_buf encoded = sl_buf_empty(SL_SEGMENT_NOTE_BYTES_MAX);
    sl_segment_note_encode(&note, &encoded);
    SL_ASSERT(!encoded.bad);
    sl_status st = sl_segment_note_decode(encoded.bytes, encoded.size_bytes, &again, &err);
    SL_ASSERT(st == SL_OK);
    SL_ASSERT(again.position == note.position && again.seal_last == note.seal_last);
    SL_ASSERT(again.producer_count <= note.producer_count);
    sl_segment_note_fini(&again);
    sl_segment_note_fini(&note);
    sl_buf_fini(&encoded);
    return 0;
}
