/*
 * journal_state.h - the inside of a journal, shared by the files that make it up.
 *
 *   journal.c          open, close, append, sync, trim, what is asked of it
 *   journal_commit.c   the commit thread: groups to the writer, to the disk, and who waits is told
 *   journal_replace.c  a healthy file in place of those that a failed write spoiled
 *
 * An append encodes and hashes its frame on its own thread and without a lock, then takes a
 * position and queues the frame under the lock: the order of the queue is the order of
 * positions. The commit thread takes the whole queue at once (a *group*), writes it, syncs once,
 * tells everybody. While it does so the next group gathers. A group for which nobody waits is
 * written when it is large enough, and synced with those that follow within the commit interval.
 *
 * The writer belongs to the commit thread. sl_journal_replace uses one of its own and swaps it in
 * under the lock while the journal is broken, when the commit thread touches none: it sets
 * is_broken only after its last use.
 *
 * Layer: storage. Internal to the journal.
 */
#ifndef SLUICE_STORAGE_JOURNAL_STATE_H
#define SLUICE_STORAGE_JOURNAL_STATE_H

#include "storage/base/thread.h"
#include "storage/journal.h"
#include "storage/journal_recover.h"
#include "storage/journal_writer.h"

#define SL_JOURNAL_MAGIC UINT32_C(0x10c5a1ed)

enum {
    /* Memory of long frames is used again: of those that a group has and that gather meanwhile, and
     * of more after the disk was slow. */
    SL_JOURNAL_SPARES_MAX = 32,
    SL_JOURNAL_SPARE_BYTES_MIN = 64 << 10,
    SL_JOURNAL_SPARE_BYTES_MAX = 2 << 20,
};

struct sl_journal_pending {
    struct sl_journal_pending *next;
    uint64_t position;
    sl_durable_fn *durable;
    void *context;
    struct sl_buf frame; /* owned, encoded */
};

struct sl_journal {
    uint32_t magic;
    int dir_fd; /* borrowed */
    struct sl_journal_options options;
    struct sl_thread *thread;
    struct sl_journal_writer writer; /* of the commit thread, see above */

    struct sl_mutex mutex;            /* guards everything below */
    struct sl_cond work;              /* the commit thread waits for it */
    struct sl_cond done;              /* appends that wait for room, and syncs, wait for it */
    struct sl_journal_pending *first; /* the queue: owned */
    struct sl_journal_pending *last;
    bool has_unsynced;         /* a frame came since the last sync began */
    int64_t first_unsynced_us; /* when the first of them came */
    uint64_t queue_bytes;      /* of the queue */
    uint64_t pending_bytes;    /* of the queue and the group being written */
    uint64_t next_position;
    uint64_t written_position; /* frames below it were given to the writer */
    uint64_t durable_position;
    bool is_wanted; /* somebody waits for a frame of the queue */
    bool is_rotation_wanted;
    bool is_stopping;
    bool is_broken; /* refuses frames until replaced */
    bool is_replacing;
    struct sl_error trouble;       /* why it is broken */
    struct sl_journal_files files; /* next_position is not used; the last item is being written */
    struct sl_buf spares[SL_JOURNAL_SPARES_MAX]; /* owned, empty */
    uint32_t spare_count;
    uint64_t bytes_written;
    uint64_t syncs;
};

/* The commit thread; the context is the journal. */
void sl_journal_commit_main(void *context);

/* The commit thread, or open: follow the current file by another. Its frames must be synced. */
SL_MUST_CHECK
sl_status sl_journal_rotate(struct sl_journal *journal, uint64_t first_position,
                            struct sl_error *err);

/* So many bytes are written although nobody waits for them. */
uint64_t sl_journal_write_bytes(const struct sl_journal *journal);

/* With the lock held, or nobody else there: give the memory of written frames back. */
void sl_journal_drop_spares(struct sl_journal *journal);

#endif
