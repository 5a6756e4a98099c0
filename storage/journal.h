/*
 * journal.h - batches that are not sealed yet, made durable by group commit.
 *
 * Every appended frame has a *position*: 1, 2, 3 ... over the whole life of a store, never used
 * twice. A position names a point between frames as well: "everything below p". The catalog
 * stores the position that the segments cover; replay starts there, and files that lie wholly
 * below it may be trimmed.
 *
 * One commit thread writes and syncs. A sync starts as soon as somebody waits for one and none
 * is running; whatever arrives meanwhile shares the next. For frames that nobody waits for, the
 * commit interval bounds the time until they are durable; they are written a megabyte at a time
 * meanwhile, while they are in the cache, so that the memory of a few serves all.
 *
 * A write or sync that fails is never tried again, because the kernel may have dropped the
 * pages and would answer the second try with success. Everyone who waits is told SL_IO, the
 * journal refuses frames from then on, and only sl_journal_replace makes it whole: it writes
 * what the memtable still holds to a new file, and the new file voids the old ones.
 *
 * The bytes are described in journal_format.h.
 *
 * Ownership: open gives the caller a journal, close takes it back. Drafts are taken over.
 * Threads:   every function but open and close may be called from any thread. Callbacks come
 *            from the commit thread, without a lock held, in the order of positions.
 * Errors:    SL_READONLY  a write failed earlier; sl_journal_trouble says why
 *            SL_IO        the operating system refused
 *            SL_VERSION   written by a version this build cannot read
 *            SL_LIMIT     a producer, batch or file larger than the limits
 * Layer:     storage. Called from the store.
 */
#ifndef SLUICE_STORAGE_JOURNAL_H
#define SLUICE_STORAGE_JOURNAL_H

#include "storage/base/buf.h"
#include "storage/base/hash.h"
#include "storage/store.h"

struct sl_journal;

struct sl_journal_options {
    uint64_t file_bytes;        /* a file that has reached this size is followed by another */
    int64_t commit_interval_us; /* sync for frames that nobody waits for */
    uint64_t pending_bytes_max; /* frames not yet written; an append beyond it waits */
};

/* 64 MiB files, 200 ms, 64 MiB pending. */
struct sl_journal_options sl_journal_options_default(void);

/* One batch on its way to the disk, or back. All pointers are borrowed for the call. */
struct sl_journal_frame {
    const char *producer;  /* not NUL-terminated */
    size_t producer_bytes; /* to SL_PRODUCER_NAME_BYTES_MAX; 0: a source that nobody can ask again,
                              the numbers are 0 too */
    uint64_t epoch;
    uint64_t batch_number;
    bool is_import; /* import_id and import_offset mean something */
    struct sl_hash128 import_id;
    uint64_t import_offset; /* where the import goes on after this batch */
    const void *batch;      /* 1 .. SL_BATCH_BYTES_MAX bytes; not read by draft and append */
    size_t batch_bytes;
};

/* Called for each frame in the order of positions. An error ends the replay with it. */
typedef sl_status sl_journal_visit_fn(void *context, uint64_t position,
                                      const struct sl_journal_frame *frame, struct sl_error *err);

/* Called for each damaged place: file, offset in it, what is wrong. */
typedef void sl_journal_damage_fn(void *context, const char *file, uint64_t offset,
                                  const char *reason);

/* What open calls back; all may be NULL. */
struct sl_journal_replay {
    uint64_t from_position; /* the catalog's: frames below it are sealed; 0 and 1: all frames */
    sl_journal_visit_fn *visit;
    sl_journal_damage_fn *report; /* replay goes on behind it */
    void *context;                /* of both */
};

/*
 * Open the journal in directory `dir_fd` (borrowed until close): replay, cut a tail that was
 * being written when the process or the machine stopped, start a new file, start the commit
 * thread. New frames get positions of at least from_position, whatever the files hold.
 *
 * What was replayed is durable when open returns. `options` NULL means the defaults.
 */
SL_MUST_CHECK
sl_status sl_journal_open(int dir_fd, const struct sl_journal_options *options,
                          const struct sl_journal_replay *replay, struct sl_journal **out_journal,
                          struct sl_error *err);

/* Make everything durable, end the commit thread, free. NULL is allowed. */
void sl_journal_close(struct sl_journal *journal);

/*
 * A frame is written in place: the caller appends the batch to the draft, of about so many bytes, and
 * hands it to append. Its memory is that of frames which were written before.
 */
void sl_journal_draft(struct sl_journal *journal, const struct sl_journal_frame *frame,
                      size_t about_bytes, struct sl_buf *out_draft);

/*
 * Append a frame. The draft is taken over (it is empty then) whatever becomes of it. `durable` (NULL:
 * nobody waits) is called once with SL_OK when the frame is on disk or SL_IO when it never will be; on
 * an error of append itself it is not called. Waits while too many bytes are pending.
 */
SL_MUST_CHECK
sl_status sl_journal_append(struct sl_journal *journal, const struct sl_journal_frame *frame,
                            struct sl_buf *draft, sl_durable_fn *durable, void *context,
                            uint64_t *out_position, struct sl_error *err);

/* Wait until every frame appended so far is durable. */
SL_MUST_CHECK
sl_status sl_journal_sync(struct sl_journal *journal, struct sl_error *err);

/* Remove files whose frames all have positions below `position`. When that covers the current
 * file too, an empty one takes its place first: what remains is a head. */
SL_MUST_CHECK
sl_status sl_journal_trim(struct sl_journal *journal, uint64_t position, struct sl_error *err);

/*
 * After a failure: write a healthy file that voids all older ones. `refill` names the frames
 * that the memtable holds and no segment of the catalog does, in memtable order; they get new
 * positions, above all old ones. NULL: the catalog covers everything (the memtable was sealed
 * instead; its position is then next_position of sl_journal_status). Until replace returns
 * SL_OK the journal refuses frames. After a failure call it again, or seal the whole memtable
 * first, but never a part of it: the failed replacement may yet appear after a power cut. One call
 * at a time.
 */
struct sl_journal_refill {
    /* Fill *out_frame with frame number `index` (0, 1 ...), borrowed until the next call; false
     * past the last. */
    bool (*next)(void *context, uint64_t index, struct sl_journal_frame *out_frame);
    /* Frame `index` now has this position. Called for every frame when the file is durable, before
     * the journal takes frames again. */
    void (*placed)(void *context, uint64_t index, uint64_t position);
    void *context;
};
SL_MUST_CHECK
sl_status sl_journal_replace(struct sl_journal *journal, const struct sl_journal_refill *refill,
                             struct sl_error *err);

/* Why the journal refuses frames: true and the story, or false. */
bool sl_journal_trouble(struct sl_journal *journal, struct sl_error *out_trouble);

struct sl_journal_status {
    uint64_t next_position;    /* of the next frame */
    uint64_t durable_position; /* everything below it is durable */
    uint64_t bytes;            /* of all files */
    uint64_t bytes_written;    /* since open */
    uint64_t syncs;            /* since open */
    uint32_t file_count;
};
void sl_journal_status(struct sl_journal *journal, struct sl_journal_status *out_status);

/*
 * Prove every byte of a journal that nobody has open, changing nothing. Damage below
 * from_position is reported too. An unfinished tail is not damage.
 */
SL_MUST_CHECK
sl_status sl_journal_check(int dir_fd, uint64_t from_position, sl_journal_damage_fn *report,
                           void *context, uint64_t *out_damaged, struct sl_error *err);

#endif
