/*
 * segment_note.h - what a segment tells whoever rebuilds a lost catalog: the note of its footer.
 *
 * All integers are little-endian.
 *
 *   OFFSET  SIZE  FIELD         MEANING
 *        0     1  version       2
 *        1     8  seal_last     number of the last segment of its seal; 0: made by a merge
 *        9     8  position      journal frames below it are in this seal or older ones
 *       17     4  producers     count, then each:
 *                   1 bytes of name (1 .. 255), name, 8 epoch, 8 batch number, 8 touched
 *              4  imports       count, then each:
 *                   8 id low, 8 id high, 8 offset, 8 rows, 8 oldest, 8 newest, 1 finished (0 or 1)
 *
 * Only the last segment of a seal, the one of the newest slice, carries producers and imports. It
 * is written last, and retention takes it last: a seal whose last segment is there was complete.
 * A merge hands on the union of its inputs' notes.
 *
 * Errors: decode trusts nothing: SL_CORRUPT.
 * Layer:  storage. Called from seal, merge, recover.
 */
#ifndef SLUICE_STORAGE_SEGMENT_NOTE_H
#define SLUICE_STORAGE_SEGMENT_NOTE_H

#include "storage/base/buf.h"
#include "storage/catalog.h"

enum { SL_SEGMENT_NOTE_VERSION = 2, SL_SEGMENT_NOTE_HEAD_BYTES = 17 };

struct sl_segment_note {
    uint64_t seal_last;
    uint64_t position;
    struct sl_catalog_producer *producers; /* owned; names point into the bytes or the ledger */
    uint32_t producer_count, producer_capacity;
    struct sl_catalog_import *imports; /* owned */
    uint32_t import_count, import_capacity;
};

void sl_segment_note_fini(struct sl_segment_note *note);

/* Remember a producer or an import; of two under one name the one that got further stays. */
void sl_segment_note_add_producer(struct sl_segment_note *note,
                                  const struct sl_catalog_producer *producer);
void sl_segment_note_add_import(struct sl_segment_note *note,
                                const struct sl_catalog_import *import);

/* The same for one that is known to be new. */
void sl_segment_note_append_producer(struct sl_segment_note *note,
                                     const struct sl_catalog_producer *producer);
void sl_segment_note_append_import(struct sl_segment_note *note,
                                   const struct sl_catalog_import *import);

/* Append the bytes. What would pass SL_SEGMENT_NOTE_BYTES_MAX is left out: it is a help for a
 * disaster, not the record itself. */
void sl_segment_note_encode(const struct sl_segment_note *note, struct sl_buf *out);

/* Names point into `bytes`. On failure nothing needs to be freed. */
SL_MUST_CHECK
sl_status sl_segment_note_decode(const void *bytes, size_t size_bytes,
                                 struct sl_segment_note *out_note, struct sl_error *err);

#endif
