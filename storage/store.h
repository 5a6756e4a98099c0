/*
 * store.h - the flows of one data directory: open, append, flush, delete, close.
 *
 * A row is readable as soon as sl_store_append returns, and durable when its completion is
 * called. What is where, in a data directory:
 *
 *   lock                       one process at a time (flock)
 *   catalog/                   LMDB: what must change atomically (catalog.h)
 *   journal/<number>.journal   batches not yet sealed (journal.h)
 *   segments/<number>.segment  sealed rows (segment/segment_format.h)
 *   hosts/<number>.hosts       host index of an hour or a day (index/host_index.h)
 *   scratch-<number>           for a moment: see sl_store_open_scratch
 *
 * Ownership: the caller's, between open and close.
 * Threads:   every function but open and close may be called from any thread.
 * Errors:    SL_FENCED    another connection took over the producer
 *            SL_EXISTS    a batch of this number was stored before (it is durable: no harm)
 *            SL_READONLY  the journal failed; see sl_store_status
 *            SL_LIMIT     the memtable is full and sealing cannot keep up, or the disk cap
 * Layer:     storage. Facade.
 */
#ifndef SLUICE_STORAGE_STORE_H
#define SLUICE_STORAGE_STORE_H

#include "storage/base/hash.h"
#include "storage/base/thread.h"
#include "storage/batch.h"
#include "storage/schema.h"

struct sl_budget;
struct sl_store;
struct sl_catalog;

struct sl_store_options {
    const char *directory;       /* made when missing */
    uint64_t memory_limit_bytes; /* of memtable, seal and merge together */
    uint32_t seal_rows;          /* rows of one partition that are sealed together: 1 Mi */
    int64_t seal_age_us;         /* the oldest row waits at most so long in memory */
    int64_t commit_interval_us;  /* sync for rows that nobody waits for */
    int64_t retention_us;        /* rows older than this are dropped; 0: kept */
    uint64_t disk_cap_bytes;     /* of the whole directory; 0: none */
    unsigned disk_cap_percent;   /* of the file system; 0: none */
    struct sl_budget *memory;    /* of queries: decoded blocks are kept in it; NULL: none */
    uint64_t cache_bytes;        /* at most so many; 0: none */
    bool is_merge_off;           /* tests */
    bool is_background_off;      /* tests: seal, merge and retention only when asked */
};

/* Defaults for everything but the directory. */
struct sl_store_options sl_store_options_default(void);

/*
 * Open and recover: read the catalog (or rebuild it), remove files that it does not name,
 * replay the journal. `schema` is borrowed until close. Progress and repairs are logged.
 */
SL_MUST_CHECK
sl_status sl_store_open(const struct sl_store_options *options, struct sl_schema *schema,
                        struct sl_store **out_store, struct sl_error *err);

/* Sync the journal, stop the background, close. Rows in memory are replayed at the next open. */
void sl_store_close(struct sl_store *store);

/* Where an append comes from; NULL means a source that nobody can ask again (UDP). */
struct sl_append_from {
    const char *producer;               /* 1 .. SL_PRODUCER_NAME_BYTES_MAX bytes */
    uint64_t epoch;                     /* of sl_store_producer_open */
    uint64_t batch_number;              /* 1, 2, 3 ... within a producer, over all its epochs */
    const struct sl_hash128 *import_id; /* NULL when the batch is not part of an import */
    uint64_t import_offset;             /* where the import goes on after this batch */
    const void *encoded; /* the bytes that sl_batch_decode made the batch of; NULL: not at hand */
    size_t encoded_bytes;
};

/* Called once, from a thread of the store, when the batch is durable (SL_OK) or never will be; it
 * is readable by then. Must not block. */
typedef void sl_durable_fn(void *context, sl_status status);

/*
 * Append a batch: it becomes readable now, durable later. `durable` may be NULL: then the
 * commit interval bounds the wait. Takes a reference of its own on success. Blocks while the
 * memtable is full (back-pressure).
 */
SL_MUST_CHECK
sl_status sl_store_append(struct sl_store *store, struct sl_batch *batch,
                          const struct sl_append_from *from, sl_durable_fn *durable, void *context,
                          struct sl_error *err);

/* Open a producer: a new epoch, which fences the old one. *out_batch_number is the last batch
 * that is durable (0: none). */
SL_MUST_CHECK
sl_status sl_store_producer_open(struct sl_store *store, const char *producer, uint64_t *out_epoch,
                                 uint64_t *out_batch_number, struct sl_error *err);

/* How far an import got: state of the content `id`. A finished one is not imported again. */
struct sl_import_state {
    uint64_t offset; /* 0: nothing durable yet */
    bool is_finished;
};
SL_MUST_CHECK
sl_status sl_store_import_find(struct sl_store *store, struct sl_hash128 id,
                               struct sl_import_state *out_state, struct sl_error *err);
/* All batches of it are durable: remember that. `forget` true removes the fingerprint. */
SL_MUST_CHECK
sl_status sl_store_import_finish(struct sl_store *store, struct sl_hash128 id,
                                 struct sl_error *err);
SL_MUST_CHECK
sl_status sl_store_import_forget(struct sl_store *store, struct sl_hash128 id,
                                 struct sl_error *err);

/* One row of system.imports for each import that is remembered. */
struct sl_import_info {
    struct sl_hash128 id;
    uint64_t offset;
    uint64_t rows;
    int64_t newest_us; /* last_seen of its newest row; INT64_MIN: it has no rows */
    bool is_finished;
};
typedef void sl_import_info_fn(void *context, const struct sl_import_info *info);
SL_MUST_CHECK
sl_status sl_store_imports(struct sl_store *store, sl_import_info_fn *visit, void *context,
                           struct sl_error *err);

/* Rows with a partition time before this are dropped at once: an import rejects them with that
 * reason. INT64_MIN: all rows are kept. */
int64_t sl_store_retention_from_us(const struct sl_store *store);

/* Seal everything that is in memory; returns when it is on disk and in the catalog. */
SL_MUST_CHECK
sl_status sl_store_flush(struct sl_store *store, struct sl_error *err);

/* Run merges until none is due; for tests and `OPTIMIZE`-like maintenance. */
SL_MUST_CHECK
sl_status sl_store_merge_all(struct sl_store *store, struct sl_error *err);

/* Apply retention and disk cap now. */
SL_MUST_CHECK
sl_status sl_store_retain(struct sl_store *store, struct sl_error *err);

/*
 * Delete rows: seals everything its snapshot sees, asks `match` about each morsel (narrow the
 * selection to the rows that go), publishes the dead rows in one catalog transaction.
 */
struct sl_morsel;
typedef sl_status sl_delete_match_fn(void *context, struct sl_morsel *morsel, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_store_delete(struct sl_store *store, sl_delete_match_fn *match, void *context,
                          uint64_t *out_deleted_rows, struct sl_error *err);

/* Small durable values of other layers (templates, sampling, views, users), by kind and key:
 * put with value NULL deletes; value bytes are borrowed for the call of `visit`. Synced before
 * put returns. */
SL_MUST_CHECK
sl_status sl_store_meta_put(struct sl_store *store, const char *kind, const void *key,
                            size_t key_bytes, const void *value, size_t value_bytes,
                            struct sl_error *err);
typedef void sl_meta_visit_fn(void *context, const void *key, size_t key_bytes, const void *value,
                              size_t value_bytes);
SL_MUST_CHECK
sl_status sl_store_meta_walk(struct sl_store *store, const char *kind, sl_meta_visit_fn *visit,
                             void *context, struct sl_error *err);

/* An empty file in the store's directory that has no name and is gone when it is closed, also after
 * a crash. */
SL_MUST_CHECK
sl_status sl_store_open_scratch(struct sl_store *store, int *out_fd, struct sl_error *err);

/* The numbers behind `status` and system tables. */
struct sl_store_status {
    uint64_t rows_memory, rows_sealed, rows_dead;
    uint64_t segment_count, segment_bytes, journal_bytes, catalog_bytes, index_bytes;
    uint64_t bytes_written_journal, bytes_written_seal, bytes_written_merge;
    uint64_t rows_appended, seals, merges, merge_backlog_bytes;
    uint64_t rows_dropped_retention;
    int64_t time_min_us, time_max_us; /* of last_seen, over sealed rows */
    bool is_readonly;
    char trouble[SL_ERROR_TEXT_BYTES]; /* why it is read-only, "" otherwise */
};
void sl_store_status(struct sl_store *store, struct sl_store_status *out_status);

/* One row of system.segments for each live segment; strings are borrowed for the call. */
struct sl_segment_info {
    const char *name;
    uint64_t rows, dead_rows, bytes, index_bytes;
    uint32_t groups, level, generation;
    int64_t partition_first_us, partition_last_us, last_seen_min_us, last_seen_max_us;
};
typedef void sl_segment_info_fn(void *context, const struct sl_segment_info *info);
void sl_store_segments(struct sl_store *store, sl_segment_info_fn *visit, void *context);

/* Bytes by column over all segments: data and index; for system.columns. */
typedef void sl_column_bytes_fn(void *context, const char *column, uint64_t data_bytes,
                                uint64_t index_bytes);
SL_MUST_CHECK
sl_status sl_store_column_bytes(struct sl_store *store, sl_column_bytes_fn *visit, void *context,
                                struct sl_error *err);

/*
 * Prove every byte of a directory that no server has open: catalog, journal, segments. `report`
 * (NULL: none) is called for each damaged place with one line that names the file below the
 * directory, the offset where one is known, and what is wrong; *out_damaged counts them.
 */
enum sl_check_part { SL_CHECK_CATALOG, SL_CHECK_SEGMENT, SL_CHECK_JOURNAL, SL_CHECK_PART_COUNT };
typedef void sl_check_fn(void *context, enum sl_check_part part, const char *finding);
SL_MUST_CHECK
sl_status sl_store_check(const char *directory, sl_check_fn *report, void *context,
                         uint64_t *out_damaged, struct sl_error *err);

/* What an operator can do about damage in such a file, in one line. */
const char *sl_check_advice(enum sl_check_part part);

#endif
