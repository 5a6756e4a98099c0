/*
 * scan.h - reading flows: a snapshot, the columns wanted, simple bounds; out come morsels.
 *
 * A snapshot is a fixed set of rows: reference-counted segments and a prefix of the memtable.
 * A scan cuts it into *morsels* of at most SL_BLOCK_ROWS rows, drops those that zones and
 * indexes prove empty, and hands the rest out to any number of worker threads. For a morsel the
 * worker gets a *selection* (a superset of the rows that satisfy the bounds) and asks for the
 * columns it needs, when it needs them, giving the rows that still matter: late
 * materialisation is the caller's by construction.
 *
 * Bounds are hints that prune: a conjunction of clauses, each a disjunction of tests on one
 * column. The scan may ignore any of them; whoever needs exactness evaluates the predicate
 * itself, but for a morsel whose rows were chosen by it (sl_morsel_is_decided). Of such a morsel few rows
 * may be left, and it may be focused on them from the start (sl_morsel_focus). Rows that were deleted
 * are never in a selection: that part is exact.
 *
 * Ownership: snapshots and scans are the caller's; a morsel belongs to one worker and lends its
 *            vectors until the next sl_morsel_next or sl_morsel_close with it.
 * Threads:   a scan is shared; each worker opens a cursor of its own.
 * Errors:    SL_TIMEOUT behind the deadline, SL_CORRUPT with file and offset for a block that fails its proof (unless the scan
 *            may skip damage: then the block's rows are left out and counted), SL_IO,
 *            SL_LIMIT when the budget is used up, or more rows are left than the request allows.
 * Layer:     storage. Facade.
 */
#ifndef SLUICE_STORAGE_SCAN_H
#define SLUICE_STORAGE_SCAN_H

#include "storage/batch.h"
#include "storage/clause.h"
#include "storage/schema.h"

struct sl_store;
struct sl_snapshot;
struct sl_scan;
struct sl_morsel;

/* Have memory ready that so many workers decode blocks into, and keep it from scan to scan: some
 * megabytes each. For a server, when it starts; 0: no more. */
void sl_scan_prepare(unsigned workers);
/* The same for what the calling thread has of its own. */
void sl_scan_prepare_thread(void);

/* Everything that is readable now. Never NULL; never blocks on I/O. */
struct sl_snapshot *sl_snapshot_acquire(struct sl_store *store);
void sl_snapshot_release(struct sl_snapshot *snapshot);

/* True once the store wants this reader gone (disk cap); the query answers SL_CANCELLED. */
bool sl_snapshot_is_revoked(const struct sl_snapshot *snapshot);

enum sl_scan_order {
    SL_SCAN_ANY,
    SL_SCAN_NEWEST_FIRST, /* by descending maximum of last_seen */
    SL_SCAN_OLDEST_FIRST, /* by ascending minimum of last_seen */
};

struct sl_scan_request {
    const struct sl_clause *clauses; /* borrowed for the life of the scan */
    uint32_t clause_count;
    enum sl_scan_order order;
    uint32_t prune;           /* enum sl_prune bits */
    bool may_skip_damage;     /* leave damaged blocks out instead of failing */
    uint64_t rows_max;        /* SL_LIMIT as soon as pruning leaves more; 0: any number */
    struct sl_budget *budget; /* memory of cursors and decoded vectors; borrowed */
    int64_t deadline_us; /* monotonic, asked about for each row group that is opened; 0: none */
};

/* What happened so far, for EXPLAIN ANALYZE; any thread, at any time. */
struct sl_scan_counters {
    uint64_t segments, segments_pruned_time, segments_pruned_zone;
    uint64_t blocks, blocks_pruned_zone, blocks_pruned_index;
    uint64_t rows_total;    /* rows of the snapshot */
    uint64_t rows_selected; /* rows in the selections handed out */
    uint64_t values_decoded;
    uint64_t bytes_read; /* from files */
    uint64_t rows_memtable;
    uint64_t blocks_damaged, rows_damaged;
};

SL_MUST_CHECK
sl_status sl_scan_open(struct sl_snapshot *snapshot, const struct sl_scan_request *request,
                       struct sl_scan **out_scan, struct sl_error *err);
void sl_scan_close(struct sl_scan *scan);
void sl_scan_counters(const struct sl_scan *scan, struct sl_scan_counters *out_counters);

/*
 * Tell the scan that no row with last_seen below `low_us` (NEWEST_FIRST) or above `high_us`
 * (OLDEST_FIRST) is of interest any more: segments and morsels beyond it are not handed out.
 * Monotonic; any worker may call it.
 */
void sl_scan_narrow_time(struct sl_scan *scan, int64_t low_us, int64_t high_us);

/* A worker's cursor. */
struct sl_morsel *sl_morsel_open(struct sl_scan *scan);
void sl_morsel_close(struct sl_morsel *morsel);

/* Move to the next morsel with at least one selected row; *out_more is false at the end. */
SL_MUST_CHECK
sl_status sl_morsel_next(struct sl_morsel *morsel, bool *out_more, struct sl_error *err);

/* Do all rows of the selection satisfy clause number `clause` of the request? False: perhaps not. */
bool sl_morsel_is_decided(const struct sl_morsel *morsel, uint32_t clause);

/* Rows of the morsel, and its selection: a bitmap of that many bits, which the worker may
 * narrow in place. */
uint32_t sl_morsel_row_count(const struct sl_morsel *morsel);
uint64_t *sl_morsel_selection(struct sl_morsel *morsel);

/* Bounds of last_seen in this morsel, true for all its rows. */
void sl_morsel_time(const struct sl_morsel *morsel, int64_t *out_min_us, int64_t *out_max_us);

/*
 * The column of this morsel. Values of rows outside `selection` (NULL: all rows) are
 * unspecified but readable. A column that the rows do not have comes as constant NULL, or as
 * constant 0 where it is not nullable. Asking again with the same or a smaller selection costs
 * nothing.
 */
SL_MUST_CHECK
sl_status sl_morsel_column(struct sl_morsel *morsel, const struct sl_column *column,
                           const uint64_t *selection, struct sl_vector *out_vector,
                           struct sl_error *err);

/*
 * The rows whose address in `column` is low .. high, where they can be told without the addresses: then
 * *out_is_known, and values of rows outside `selection` are unspecified. Else ask for the column.
 * Lent as vectors are, and gone after sl_morsel_focus.
 */
SL_MUST_CHECK
sl_status sl_morsel_codes(struct sl_morsel *morsel, const struct sl_column *column,
                          struct sl_addr low, struct sl_addr high, const uint64_t *selection,
                          struct sl_code_range *out_range, bool *out_is_known,
                          struct sl_error *err);

/*
 * A column of 64 bits as distances from a base, where it lies in memory so and every row has a value:
 * the value is out_base + distance, modulo 2^64. False: ask for the column. Lent as vectors are, and
 * gone after sl_morsel_focus.
 */
bool sl_morsel_distances(struct sl_morsel *morsel, const struct sl_column *column,
                         const uint32_t **out_distances, uint64_t *out_base);

/* The column will be asked for: the system may fetch it meanwhile, side by side with others. */
void sl_morsel_announce(struct sl_morsel *morsel, const struct sl_column *column);

/* To focus pays where at most one row of so many is left: to pick values costs some ten times as much as
 * to go over all of them. */
enum { SL_SCAN_FOCUS_SHARE = 16 };

/*
 * Narrow a morsel to its selected rows, at least one: from now on it has so many rows, all of them
 * selected, in the same order, and its columns are decoded for them alone. Worth it where few are
 * left. Vectors lent before are gone. *out_is_focused false: it stays as it was (its rows are in
 * memory as they are, or it is focused already).
 */
SL_MUST_CHECK
sl_status sl_morsel_focus(struct sl_morsel *morsel, bool *out_is_focused, struct sl_error *err);

/*
 * Where a morsel stands, and the way back: a morsel of the same scan, at its end or not, stands
 * on the same rows again, none of them selected. The caller selects what it is after.
 */
uint64_t sl_morsel_place(const struct sl_morsel *morsel);
/* The number there of a row of the morsel, which is another one where the morsel is focused. */
uint32_t sl_morsel_row_number(const struct sl_morsel *morsel, uint32_t row);
SL_MUST_CHECK
sl_status sl_morsel_seek(struct sl_morsel *morsel, uint64_t place, struct sl_error *err);

/* Rows of this morsel were left out because they are damaged. */
bool sl_morsel_is_damaged(const struct sl_morsel *morsel);

/* Number of rows whose column satisfies nothing but presence, without decoding: total rows of
 * the snapshot. Used for COUNT(*) without WHERE. */
uint64_t sl_snapshot_row_count(const struct sl_snapshot *snapshot);

#endif
