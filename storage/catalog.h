/*
 * catalog.h - what must change atomically, in LMDB.
 *
 * The catalog names the live segments and everything that must move together with them: dead
 * rows, the journal position they cover, how far each producer and import got, the columns in
 * the order of first sight, and small values of other layers (templates, users, views).
 *
 * Writing: an *edit* collects changes in memory and is committed as one synced transaction, or
 * dropped. An edit never fails midway: trouble (a full disk, a value beyond its limit) shows at
 * commit, and then nothing has changed. Reading: sl_catalog_load copies everything out once.
 *
 * LMDB has no checksums, so every value ends in an XXH3 over its key and itself, and open lets a file
 * be proven first (catalog_proof.h). SL_CORRUPT means that it is damaged: the store then calls
 * sl_catalog_move_aside and rebuilds the catalog from segments and journal. The layout of keys and
 * values is described in catalog_record.h, the data file itself belongs to catalog_data.h.
 *
 * Ownership: open gives the caller a catalog, close takes it back.
 * Threads:   any, between open and close; an edit and a state belong to one thread at a time.
 *            Commits are serialised inside.
 * Errors:    SL_CORRUPT, SL_VERSION at open; SL_IO, SL_LIMIT at commit
 * Layer:     storage
 */
#ifndef SLUICE_STORAGE_CATALOG_H
#define SLUICE_STORAGE_CATALOG_H

#include "storage/base/hash.h"
#include "storage/base/status.h"
#include "storage/schema.h"
#include "storage/store.h"

enum {
    /* LMDB's keys end at 511 bytes; kind and key share one. */
    SL_CATALOG_KIND_BYTES_MAX = 64,
    SL_CATALOG_KEY_BYTES_MAX = 400,
    SL_CATALOG_VALUE_BYTES_MAX = 16 << 20,
};

struct sl_catalog;
struct sl_catalog_edit;

/*
 * Open the catalog directory `path`, made when missing. SL_CORRUPT: the data file does not
 * prove; nothing was changed, see sl_catalog_move_aside.
 */
SL_MUST_CHECK
sl_status sl_catalog_open(const char *path, struct sl_catalog **out_catalog, struct sl_error *err);
/* Was there no catalog, so that this open made an empty one? With segments in the directory that
 * means that it was lost. */
bool sl_catalog_is_new(const struct sl_catalog *catalog);
/* NULL is allowed. */
void sl_catalog_close(struct sl_catalog *catalog);

/* Rename a damaged catalog directory to <path>.damaged-<n>, the first n that is free. The new
 * name goes to out_path. */
SL_MUST_CHECK
sl_status sl_catalog_move_aside(const char *path, char *out_path, size_t out_path_bytes,
                                struct sl_error *err);

/* Prove a catalog that nobody has open, changing nothing: SL_CORRUPT when it is damaged,
 * SL_MISSING when it is not there. */
SL_MUST_CHECK
sl_status sl_catalog_check(const char *path, struct sl_error *err);

/* A live segment, with what is asked of it before its file is opened. */
struct sl_catalog_segment {
    uint64_t number; /* of its file */
    uint64_t rows, dead_rows, bytes, index_bytes;
    uint32_t groups, level;
    uint32_t generation;      /* rises with each change of its dead rows */
    bool is_filed_by_receipt; /* its rows have an unbelievable last_seen */
    int64_t partition_first_us, partition_last_us;
    int64_t first_seen_min_us, first_seen_max_us;
    int64_t last_seen_min_us, last_seen_max_us;
};

/* Dead rows of one row group, as bytes of bitmap.h. */
struct sl_catalog_dead {
    uint64_t segment;
    uint32_t group;
    uint32_t generation;
    const void *bitmap;
    size_t bitmap_bytes;
};

struct sl_catalog_producer {
    const char *name;
    size_t name_bytes; /* 1 .. SL_PRODUCER_NAME_BYTES_MAX */
    uint64_t epoch;
    uint64_t batch_number; /* the last durable one */
    int64_t touched_us;
};

struct sl_catalog_import {
    struct sl_hash128 id;
    uint64_t offset;
    uint64_t rows;
    int64_t oldest_us, newest_us; /* last_seen of its rows: it is forgotten with the last of them */
    bool is_finished;
};

struct sl_catalog_column {
    const char *name;
    enum sl_type type;
    enum sl_unit unit;
};

/* Numbers that only rise. Absent means 0. */
enum sl_catalog_counter {
    SL_CATALOG_JOURNAL_POSITION = 0, /* the segments cover all frames below it */
    SL_CATALOG_SEGMENT_NUMBER = 1,   /* of the next segment file */
    SL_CATALOG_HOSTS_NUMBER = 2,     /* of the next host index file */
    SL_CATALOG_COUNTER_COUNT
};

/* Everything but meta, as of one moment. Pointers live until sl_catalog_state_destroy. */
struct sl_catalog_state {
    uint64_t counters[SL_CATALOG_COUNTER_COUNT];
    const struct sl_catalog_segment *segments; /* by number */
    size_t segment_count;
    const struct sl_catalog_dead *deads; /* by segment and group */
    size_t dead_count;
    const struct sl_catalog_producer *producers;
    size_t producer_count;
    const struct sl_catalog_import *imports;
    size_t import_count;
    const struct sl_catalog_column *columns; /* in the order they were added */
    size_t column_count;
    struct sl_arena *arena; /* owned: what the above point to */
};
SL_MUST_CHECK
sl_status sl_catalog_load(struct sl_catalog *catalog, struct sl_catalog_state **out_state,
                          struct sl_error *err);
/* NULL is allowed. */
void sl_catalog_state_destroy(struct sl_catalog_state *state);

/* An empty edit. Never NULL. */
struct sl_catalog_edit *sl_catalog_edit_create(void);
/* Drop it; NULL is allowed. */
void sl_catalog_edit_destroy(struct sl_catalog_edit *edit);

/* Changes, in order; a later one of the same key wins. Everything is copied. */
void sl_catalog_put_segment(struct sl_catalog_edit *edit, const struct sl_catalog_segment *segment);
/* With its dead rows. */
void sl_catalog_remove_segment(struct sl_catalog_edit *edit, uint64_t number);
void sl_catalog_put_dead(struct sl_catalog_edit *edit, const struct sl_catalog_dead *dead);
void sl_catalog_put_producer(struct sl_catalog_edit *edit,
                             const struct sl_catalog_producer *producer);
void sl_catalog_remove_producer(struct sl_catalog_edit *edit, const char *name, size_t name_bytes);
void sl_catalog_put_import(struct sl_catalog_edit *edit, const struct sl_catalog_import *import);
void sl_catalog_remove_import(struct sl_catalog_edit *edit, struct sl_hash128 id);
/* `index`: its place in the order, 0, 1, 2 ... without holes. */
void sl_catalog_put_column(struct sl_catalog_edit *edit, uint32_t index,
                           const struct sl_catalog_column *column);
void sl_catalog_put_counter(struct sl_catalog_edit *edit, enum sl_catalog_counter counter,
                            uint64_t value);
/* value NULL deletes. */
void sl_catalog_put_meta(struct sl_catalog_edit *edit, const char *kind, const void *key,
                         size_t key_bytes, const void *value, size_t value_bytes);

/* Apply the edit as one transaction that is on disk when this returns; the edit is destroyed in
 * any case. On failure nothing of it was applied. */
SL_MUST_CHECK
sl_status sl_catalog_commit(struct sl_catalog *catalog, struct sl_catalog_edit *edit,
                            struct sl_error *err);

/* Visit the meta values of a kind in the order of keys; bytes are borrowed for the call, and no
 * lock is held then. */
SL_MUST_CHECK
sl_status sl_catalog_walk_meta(struct sl_catalog *catalog, const char *kind,
                               sl_meta_visit_fn *visit, void *context, struct sl_error *err);

/* Bytes of the data file in use. */
uint64_t sl_catalog_bytes(struct sl_catalog *catalog);

#endif
