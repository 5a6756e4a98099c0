/*
 * journal_format.h - the bytes of a journal file, and nothing else.
 *
 * This file is normative. A reader in another language needs only this comment.
 *
 * A journal is a row of files, <number>.journal, the number in at least ten decimal digits. A
 * file is a head and frames behind each other, each on an 8-byte boundary. Frames are only ever
 * added at the end; a file that was open when the process stopped is never added to again. Behind
 * the last frame there may be zeros: room that was made for frames to come.
 *
 *      0 +--------------------+
 *        | head               |  64 bytes
 *     64 +--------------------+
 *        | frame head         |  88 bytes
 *        | producer, batch    |  zero padded to a multiple of 8
 *        +--------------------+
 *        | frame head ...     |
 *
 * All integers are little-endian, all hashes are XXH3-64. Reserved bytes and bits, and padding,
 * are zero and must be zero when read.
 *
 * Head:
 *
 *   OFFSET  SIZE  FIELD             MEANING
 *        0     8  magic             "SLJOURNL"
 *        8     4  format_version    1
 *       12     4  flags             bit 0: restart, all files of lower number are void
 *       16     8  number            of the file, as in its name
 *       24     8  first_position    of its first frame, 1 .. ; everything below it is durable
 *       32    24  reserved
 *       56     8  hash              over bytes 0 .. 55
 *
 * Frame head:
 *
 *   OFFSET  SIZE  FIELD             MEANING
 *        0     4  magic             "SLJF"
 *        4     4  size_bytes        of head and payload with padding, a multiple of 8
 *        8     8  position          one more than that of the frame before it
 *       16     8  durable_position  frames below it were on disk when this one was written
 *       24     1  kind              1 batch, 2 mark (no payload, all numbers below are zero)
 *       25     1  flags             bit 0: import_id and import_offset mean something
 *       26     2  producer_bytes    0 .. 255
 *       28     4  batch_bytes       1 .. 67_108_864; 0 in a mark
 *       32     8  epoch             of the producer
 *       40     8  batch_number      of the producer
 *       48     8  import_id, low    XXH3-128 of the imported content
 *       56     8  import_id, high
 *       64     8  import_offset     where the import goes on
 *       72     8  payload_hash      over the payload with its padding
 *       80     8  head_hash         over file number (8), offset of the frame in the file (8),
 *                                   and bytes 0 .. 79
 *
 * Why the head hash knows number and offset: a frame that a disk wrote to the wrong place, or
 * one from an older life of the same blocks, proves itself but not its place.
 *
 * Why durable_position: frames that share a sync reach the disk in any order, so after a power
 * cut a bad frame may well be followed by a good one. It was acknowledged, and then this is
 * damage, if and only if a later frame (or the head of a later file) says that it was durable.
 * A mark is written at close for just that purpose: it proves everything before it.
 *
 * Why the size is in a head with a hash of its own: behind a frame whose payload is damaged,
 * reading goes on at the next one. Behind a damaged head it goes on at the next 8-byte boundary
 * that holds a head which proves itself.
 *
 * Layer: storage. Called from journal.c and journal_recover.c.
 */
#ifndef SLUICE_STORAGE_JOURNAL_FORMAT_H
#define SLUICE_STORAGE_JOURNAL_FORMAT_H

#include "storage/journal.h"

enum {
    SL_JOURNAL_FORMAT_VERSION = 1,
    SL_JOURNAL_HEAD_BYTES = 64,
    SL_JOURNAL_FRAME_HEAD_BYTES = 88,
    SL_JOURNAL_FLAG_RESTART = 1,
    SL_JOURNAL_FRAME_FLAG_IMPORT = 1,
    SL_JOURNAL_FRAME_BYTES_MAX =
        SL_JOURNAL_FRAME_HEAD_BYTES + SL_PRODUCER_NAME_BYTES_MAX + SL_BATCH_BYTES_MAX + 7,
    /* A file ends with the frame that passes its size, so this is far above all real ones; it
     * bounds the memory that a foreign file of this name can ask for. */
    SL_JOURNAL_FILE_BYTES_MAX = 1 << 30,
    /* "<20 digits>.journal.tmp" */
    SL_JOURNAL_NAME_BYTES = 40,
};

_Static_assert(8 + 4 + 4 + 8 + 8 + 24 + 8 == SL_JOURNAL_HEAD_BYTES, "table of the head");
_Static_assert(4 + 4 + 8 + 8 + 1 + 1 + 2 + 4 + 8 + 8 + 16 + 8 + 8 + 8 ==
                   SL_JOURNAL_FRAME_HEAD_BYTES,
               "table of the frame head");
_Static_assert(SL_JOURNAL_HEAD_BYTES % 8 == 0, "frames are aligned");
_Static_assert(SL_JOURNAL_FRAME_HEAD_BYTES % 8 == 0, "payloads are aligned");

enum sl_journal_kind { SL_JOURNAL_BATCH = 1, SL_JOURNAL_MARK = 2 };

struct sl_journal_head {
    uint64_t number;
    uint64_t first_position;
    bool is_restart;
};

void sl_journal_head_encode(const struct sl_journal_head *head,
                            uint8_t bytes[SL_JOURNAL_HEAD_BYTES]);

/* Errors: SL_CORRUPT, SL_VERSION. `number` is that of the file's name. */
SL_MUST_CHECK
sl_status sl_journal_head_decode(const void *bytes, size_t size_bytes, uint64_t number,
                                 struct sl_journal_head *out_head, struct sl_error *err);

/* Size of the frame with its head and padding. A frame without batch is a mark. */
size_t sl_journal_frame_bytes(const struct sl_journal_frame *frame);

/*
 * Write everything that does not depend on the place: begin leaves room for the head and writes the
 * producer, the caller appends the batch (nothing: a mark), end pads it and fills in the head. In a
 * buffer of its own. encode is all three, with the batch of the frame.
 */
void sl_journal_frame_begin(const struct sl_journal_frame *frame, struct sl_buf *out);
void sl_journal_frame_end(const struct sl_journal_frame *frame, struct sl_buf *out);
void sl_journal_frame_encode(const struct sl_journal_frame *frame, struct sl_buf *out);

/* Complete an encoded frame for its place. */
void sl_journal_frame_place(uint8_t *bytes, uint64_t position, uint64_t durable_position,
                            uint64_t number, uint64_t offset);

/* A stretch of a file: a frame that proves itself, or bytes that do not. */
struct sl_journal_stretch {
    size_t offset;
    size_t size_bytes;
    const char *reason; /* NULL: a good frame, and the rest of this means something */
    enum sl_journal_kind kind;
    uint64_t position;
    uint64_t durable_position;
    struct sl_journal_frame frame; /* points into the image */
};

/* A file in memory, walked from its first frame to its end. */
struct sl_journal_image {
    const uint8_t *bytes;
    size_t size_bytes;
    uint64_t number;
    size_t next_offset; /* start with SL_JOURNAL_HEAD_BYTES */
};

/* The next stretch; false at the end. Two bad ones never follow each other, unless the first is
 * a frame with a good head. */
SL_MUST_CHECK
bool sl_journal_image_next(struct sl_journal_image *image, struct sl_journal_stretch *out_stretch);

/* "0000000012.journal", or with ".tmp" behind it. */
void sl_journal_name(uint64_t number, const char *suffix, char name[SL_JOURNAL_NAME_BYTES]);

/* The number of a name without ".tmp"; false for any other name. */
SL_MUST_CHECK
bool sl_journal_name_parse(const char *name, uint64_t *out_number);

#endif
