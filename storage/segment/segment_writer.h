/*
 * segment_writer.h - batches to a sealed, synced segment file.
 *
 * A segment is written group by group: sl_segment_writer_group sorts the rows it is given into
 * the inner order (protocol, service port, which side serves, host, peer, time), encodes them and
 * writes them out, so that memory is bounded by one group. sl_segment_writer_commit writes the
 * footer, syncs, renames the temporary file to its name and syncs the directory: only after it
 * returns may a catalog name the segment.
 *
 * Ownership: batches are borrowed for the call only. The temporary file ("<name>.tmp") belongs to
 *            the writer until commit; close removes it if there was none.
 * Threads:   one; sl_segment_writer_share lets the writer start a second one for the time of a group.
 * Errors:    SL_IO, SL_LIMIT (budget, or a bound of segment_format.h). After an error only
 *            close may follow.
 * Layer:     segment.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_WRITER_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_WRITER_H

#include "storage/base/arena.h"
#include "storage/batch.h"
#include "storage/codec/codec.h"

struct sl_segment_writer;
struct sl_segment_reader;

/* What the footer says and the writer cannot know. All pointers borrowed until commit. */
struct sl_segment_meta {
    uint64_t number; /* of the segment; also in its file name */
    uint32_t level;  /* 0: sealed from the memtable */
    uint32_t generation;
    bool is_by_receipt; /* rows filed by time of receipt */
    int64_t partition_first_us;
    int64_t partition_last_us;
    const uint64_t *replaces; /* numbers of the segments this one replaces */
    uint32_t replace_count;   /* at most SL_SEGMENT_REPLACES_MAX */
    const void *note;         /* opaque bytes for whoever rebuilds a catalog */
    uint32_t note_bytes;      /* at most SL_SEGMENT_NOTE_BYTES_MAX */
};

/* What the catalog keeps of a segment: true bounds of its rows, sizes of its file. */
struct sl_segment_summary {
    uint64_t row_count;
    uint32_t group_count;
    uint64_t file_bytes;
    uint64_t index_bytes; /* part of file_bytes */
    int64_t first_seen_min_us, first_seen_max_us;
    int64_t last_seen_min_us, last_seen_max_us;
    int64_t duration_min_us, duration_max_us; /* last_seen - first_seen, clamped to 64 bits */
};

/* Some rows of a batch: those whose bit is set, or all. */
struct sl_segment_rows {
    const struct sl_batch *batch;
    const uint64_t *selection; /* NULL: all rows; no bit beyond the batch is set */
};

/* Create "<name>.tmp" in dir_fd. `arena` is working memory for one group after the other, borrowed
 * until close and recycled after each group; NULL: one without bounds for each group. */
SL_MUST_CHECK
sl_status sl_segment_writer_open(int dir_fd, const char *name, const struct sl_segment_meta *meta,
                                 enum sl_effort effort, struct sl_arena *arena,
                                 struct sl_segment_writer **out_writer, struct sl_error *err);

/* From now on a thread of its own encodes some columns of each group of more than a few rows, which
 * takes less time and the same CPU. The bytes are the same. */
void sl_segment_writer_share(struct sl_segment_writer *writer);

/*
 * Add a row group of 1 .. SL_GROUP_ROWS_MAX rows; at most SL_GROUPS_PER_SEGMENT_MAX groups.
 * out_order (NULL: not wanted) has room for as many entries as rows are given: row i of the group
 * is input row out_order[i], where input rows count selected rows in the order given.
 */
SL_MUST_CHECK
sl_status sl_segment_writer_group(struct sl_segment_writer *writer,
                                  const struct sl_segment_rows *rows, size_t rows_count,
                                  uint32_t *out_order, struct sl_error *err);

/*
 * Add a group of another file as it is: its parts are proven and copied, not decoded. All groups of
 * that file must come into this one, in any way: the footer's bounds are those of the whole file.
 */
SL_MUST_CHECK
sl_status sl_segment_writer_copy(struct sl_segment_writer *writer, struct sl_segment_reader *reader,
                                 uint32_t group, struct sl_error *err);

/* Footer, sync, rename, sync of the directory. At least one group. Close follows. */
SL_MUST_CHECK
sl_status sl_segment_writer_commit(struct sl_segment_writer *writer,
                                   struct sl_segment_summary *out_summary, struct sl_error *err);

/* NULL is allowed. Without a commit nothing is left behind. */
void sl_segment_writer_close(struct sl_segment_writer *writer);

#endif
