/*
 * store_state.h - the inside of a store, shared by the files that make it up.
 *
 * Who changes what:
 *
 *   append   (store_append.c)  journal, then memtable and ledger
 *   seal     (seal.c)          memtable prefix -> segments
 *   merge    (merge.c)         several segments -> one
 *   erase    (erase.c)         dead rows of segments
 *   retain   (retain.c)        old segments go
 *   tend     (tend.c)          calls the four above when they are due
 *
 * One lock guards everything that changes, and is never held across I/O. What must not run twice
 * at a time, but does I/O, is a *turn*: a flag under the lock, taken and given back by
 * sl_store_turn_take and sl_store_turn_give. A thread takes turns in the order of the enum.
 *
 * Publication. With the PUBLISH turn, a catalog edit is committed; if that succeeds, the new
 * version replaces the old one under the lock, in the same breath in which a seal drops the
 * memtable's prefix. So a snapshot sees every row once.
 *
 * Layer: storage. Internal to the store.
 */
#ifndef SLUICE_STORAGE_STORE_STATE_H
#define SLUICE_STORAGE_STORE_STATE_H

#include <stdatomic.h>

#include "storage/base/clock.h"
#include "storage/base/thread.h"
#include "storage/catalog.h"
#include "storage/journal.h"
#include "storage/ledger.h"
#include "storage/memtable.h"
#include "storage/segment/segment_writer.h"
#include "storage/snapshot.h"
#include "storage/store.h"
#include "storage/version.h"

enum sl_turn {
    SL_TURN_ERASE,   /* one DELETE at a time; merges do not publish meanwhile */
    SL_TURN_SEAL,    /* one seal at a time, so that positions only rise */
    SL_TURN_MERGE,   /* one merge at a time */
    SL_TURN_ENCODE,  /* one row group at a time is sorted and encoded: bounds memory */
    SL_TURN_APPEND,  /* journal and memtable in the same order */
    SL_TURN_PUBLISH, /* one catalog transaction and its version at a time */
    SL_TURN_COUNT
};

/* Shares of options.memory_limit_bytes. */
enum {
    SL_SHARE_MEMTABLE = 3, /* a third: appends wait beyond it */
    SL_SHARE_SEAL = 8,     /* an eighth: a seal is due beyond it */
    SL_SHARE_READERS = 8,  /* an eighth: dictionaries and indexes of segments nobody reads */
};

#define SL_STORE_MAGIC UINT32_C(0x570aed00)

struct sl_store {
    uint32_t magic; /* SL_STORE_MAGIC while alive */
    struct sl_store_options options;
    char *directory;          /* owned */
    struct sl_schema *schema; /* borrowed */
    int dir_fd, lock_fd, segments_fd, journal_fd;
    atomic_uint_fast64_t scratch_count; /* files so far: each has its own name while it has one */
    struct sl_catalog *catalog;         /* owned */
    struct sl_journal *journal;         /* owned; NULL while it is replayed */
    struct sl_live_files *files;        /* owned */
    struct sl_arena *encoder; /* owned; memory of one row group, of whoever has the ENCODE turn */
    struct sl_thread *seal_thread, *merge_thread, *tend_thread; /* owned; NULL: no background */

    struct sl_mutex lock;   /* guards everything below */
    struct sl_cond changed; /* a turn was given back, the memtable shrank, the store closes */
    struct sl_cond wake;    /* for the background threads: something may be due */
    bool turns[SL_TURN_COUNT];
    uint32_t seal_waiting; /* seals that want to encode: merges let them go first */
    int64_t encoded_us;    /* monotonic time at which ENCODE was given back */
    bool is_closing;
    struct sl_memtable memtable;
    struct sl_version *version; /* one reference */
    struct sl_ledger ledger;
    struct sl_snapshot *snapshots; /* all that are held */
    uint64_t next_position;        /* above all frames in the memtable */
    uint64_t next_segment;         /* number */
    uint32_t stored_columns;       /* columns of the schema that the catalog has */
    bool is_over_cap;              /* the disk cap is passed and nothing is left to drop */
    bool is_seal_failing;          /* the last seal failed: a full memtable refuses */
    struct sl_error seal_trouble;  /* why */
    uint64_t rows_appended, seals, merges, rows_dropped_retention;
    uint64_t bytes_written_seal, bytes_written_merge, merge_backlog_bytes;
    uint64_t merge_bytes; /* of files that a merge is writing */
};

void sl_store_turn_take(struct sl_store *store, enum sl_turn turn); /* takes the lock inside */
void sl_store_turn_give(struct sl_store *store, enum sl_turn turn);
/* The same for who holds the lock. */
void sl_store_turn_take_locked(struct sl_store *store, enum sl_turn turn);
void sl_store_turn_give_locked(struct sl_store *store, enum sl_turn turn);

/* A segment number nobody has. */
uint64_t sl_store_segment_number(struct sl_store *store);

/* The version of now, acquired. */
struct sl_version *sl_store_version(struct sl_store *store);

/* The catalog's record of a segment that was just written. */
struct sl_catalog_segment sl_store_segment_record(const struct sl_segment_meta *meta,
                                                  const struct sl_segment_summary *summary);

/*
 * Commit `edit` (destroyed in any case) and, if that succeeds, publish `change`. PUBLISH turn.
 * is_seal: drop the memtable's frozen prefix with it. Files of removed segments are marked as
 * dropped; a removed segment whose number comes back in `added` keeps its file. Imports of which no
 * row is left are forgotten.
 */
SL_MUST_CHECK
sl_status sl_store_publish(struct sl_store *store, struct sl_catalog_edit *edit,
                           const struct sl_version_change *change, bool is_seal,
                           struct sl_error *err);

/* Put columns that the catalog lacks, and the next segment number, into an edit; returns the
 * number of columns that are stored when it was committed. PUBLISH turn. */
uint32_t sl_store_put_growth(struct sl_store *store, struct sl_catalog_edit *edit);

/* Is a seal due now? Under the lock. */
bool sl_store_is_seal_due(const struct sl_store *store, int64_t now_us);

/* Put a replayed or appended batch into memtable and ledger: under the lock. */
struct sl_store_filing {
    const struct sl_mem_entry *entry;
    const struct sl_mem_hour *hours;
    uint32_t hour_count;
    const char *producer; /* NULL: none */
    size_t producer_bytes;
    uint64_t epoch, batch_number;
    bool is_import;
    struct sl_hash128 import_id;
    uint64_t import_offset;
};
void sl_store_file(struct sl_store *store, const struct sl_store_filing *filing);

/* A batch as the payload of a journal frame: 8 bytes time of receipt (little-endian microseconds
 * since 1970, signed), then batch_codec.h. */
enum { SL_STORE_ENVELOPE_BYTES = 8 };

#endif
