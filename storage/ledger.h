/*
 * ledger.h - who sent what up to where: producers and imports.
 *
 * A producer numbers its batches 1, 2, 3 ... over all its connections; the newest connection's
 * epoch fences the older ones. An import is named by the hash of its content and remembers the
 * offset from which it goes on. What is `safe` may be written to the catalog: it follows what was
 * appended when a seal freezes the memtable (and is written with that seal), or when the journal
 * was synced.
 *
 * Ownership: the ledger owns its entries; pointers to them stay valid until it is gone or the
 *            entry is removed.
 * Threads:   belongs to whoever holds the store's lock.
 * Limits:    SL_PRODUCERS_MAX producers: a name is a program or an exporter, not a connection.
 * Layer:     storage.
 */
#ifndef SLUICE_STORAGE_LEDGER_H
#define SLUICE_STORAGE_LEDGER_H

#include "storage/catalog.h"

enum { SL_PRODUCERS_MAX = 1 << 16 };

struct sl_producer {
    struct sl_producer *next; /* of the same bucket */
    uint64_t epoch;
    uint64_t appended_number, safe_number;
    int64_t touched_us;
    bool is_dirty; /* the catalog does not have it as it is */
    size_t name_bytes;
    char name[SL_PRODUCER_NAME_BYTES_MAX + 1];
};

struct sl_import {
    struct sl_import *next; /* of the same bucket */
    struct sl_hash128 id;
    uint64_t offset, safe_offset;
    uint64_t rows, safe_rows;
    int64_t oldest_us, safe_oldest_us; /* last_seen of its oldest row; INT64_MAX: no rows */
    int64_t newest_us, safe_newest_us; /* and of its newest; INT64_MIN */
    bool is_finished;
    bool is_dirty;
    uint64_t last_position; /* journal position of its newest frame */
};

enum { SL_LEDGER_BUCKETS = 4096 };

struct sl_ledger {
    struct sl_producer *producers[SL_LEDGER_BUCKETS];
    struct sl_import *imports[SL_LEDGER_BUCKETS];
    uint32_t producer_count, import_count;
};

void sl_ledger_fini(struct sl_ledger *ledger);

/* NULL when it is not there. */
struct sl_producer *sl_ledger_find_producer(struct sl_ledger *ledger, const char *name,
                                            size_t name_bytes);
struct sl_import *sl_ledger_find_import(struct sl_ledger *ledger, struct sl_hash128 id);

/* Find or add; NULL when there are SL_PRODUCERS_MAX already. */
struct sl_producer *sl_ledger_add_producer(struct sl_ledger *ledger, const char *name,
                                           size_t name_bytes);
struct sl_import *sl_ledger_add_import(struct sl_ledger *ledger, struct sl_hash128 id);
void sl_ledger_remove_import(struct sl_ledger *ledger, struct sl_hash128 id);
/* The same for an import whose rows are gone, unless frames came since `position`: then it is
 * written again with the next seal. */
void sl_ledger_forget_import(struct sl_ledger *ledger, struct sl_hash128 id, uint64_t position);

/* What is appended is now safe: of one entry, or of all that are dirty. */
void sl_producer_settle(struct sl_producer *producer);
void sl_import_settle(struct sl_import *import);
void sl_ledger_settle(struct sl_ledger *ledger);

/* Put one entry, or everything that is dirty, into an edit. What is wholly safe is clean then. */
void sl_producer_put(struct sl_producer *producer, struct sl_catalog_edit *edit);
void sl_import_put(struct sl_import *import, struct sl_catalog_edit *edit);
void sl_ledger_put_dirty(struct sl_ledger *ledger, struct sl_catalog_edit *edit);

/* The edit was not committed, or the catalog is new: everything is dirty. */
void sl_ledger_soil(struct sl_ledger *ledger);

/* Read from the catalog. */
void sl_ledger_load(struct sl_ledger *ledger, const struct sl_catalog_state *state);

#endif
