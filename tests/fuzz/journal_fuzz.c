/*
 * journal_fuzz.c - the reader of journal files, over any bytes.
 *
 * The input is the image of file number 1. Every stretch must lie inside it, and behind the one
 * before; a good frame must encode to the bytes it was read from.
 */
#include "storage/journal_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct sl_journal_head head;
    sl_status st = sl_journal_head_decode(bytes, size_bytes, 1, &head, NULL);
    SL_ASSERT(st != SL_OK || head.first_position > 0);

    struct sl_journal_image image = {.bytes = bytes,
                                     .size_bytes = size_bytes,
                                     .number = 1,
                                     .next_offset = SL_JOURNAL_HEAD_BYTES};
    struct sl_journal_stretch s;
    size_t end = SL_JOURNAL_HEAD_BYTES;
    while (sl_journal_image_next(&image, &s)) {
        SL_ASSERT(s.offset == end);
        SL_ASSERT(s.size_bytes <= size_bytes - s.offset);
        end = s.offset + s.size_bytes;
        if (s.reason != NULL)
            continue;
        SL_ASSERT(sl_journal_frame_bytes(&s.frame) == s.size_bytes);
        struct sl_buf again = sl_buf_empty(s.size_bytes);
        sl_journal_frame_encode(&s.frame, &again);
        SL_ASSERT(again.size_bytes == s.size_bytes);
        sl_journal_frame_place(again.bytes, s.position, s.durable_position, 1, s.offset);
        size_t payload_bytes = s.frame.producer_bytes + s.frame.batch_bytes;
        SL_ASSERT(memcmp(again.bytes + SL_JOURNAL_FRAME_HEAD_BYTES,
                         bytes + s.offset + SL_JOURNAL_FRAME_HEAD_BYTES, payload_bytes) == 0);
        sl_buf_fini(&again);
    }
    return 0;
}
