/*
 * scan_state.h - the inside of a scan, for those who must know which rows a morsel holds.
 *
 * Layer: storage. Internal: scan.c, morsel.c, erase.c.
 */
#ifndef SLUICE_STORAGE_SCAN_STATE_H
#define SLUICE_STORAGE_SCAN_STATE_H

#include "storage/base/thread.h"
#include "storage/snapshot.h"

/* One row group of a segment, or one batch of the memtable. */
struct sl_scan_unit {
    int64_t min_us, max_us;           /* last_seen: of the segment, or of the batch */
    const struct sl_live *live;       /* NULL: entry */
    const struct sl_mem_entry *entry; /* NULL: live and group */
    uint32_t group;
    uint32_t segment; /* number of its segment in this scan */
};

/* What is known of a segment as a whole. */
enum sl_scan_match { SL_MATCH_UNKNOWN, SL_MATCH_BUSY, SL_MATCH_YES, SL_MATCH_NO };

/* A row group that was opened and pruned, and still has blocks to hand out or workers on it. */
struct sl_scan_group {
    struct sl_scan_group *next;
    const struct sl_scan_unit *unit;
    struct sl_segment_reader *reader; /* lent by the file until the last worker has left */
    uint64_t minis[SL_SEGMENT_MINI_WORDS];
    uint32_t block_count, next_block;
    uint32_t users;  /* workers on a block of it */
    bool is_visited; /* opened for one worker that came back: not in the list */
};

struct sl_scan {
    const struct sl_snapshot *snapshot; /* borrowed */
    struct sl_scan_request request;
    struct sl_scan_unit *units; /* owned, in the order of handing out */
    uint32_t unit_count;
    uint64_t segment_rows;           /* of the segments among them */
    size_t charged_bytes;            /* of the budget, for units and matches */
    _Atomic int64_t low_us, high_us; /* only rows between are of interest */
    struct sl_scan_shared *shared;   /* owned */
};

/* What workers change. */
struct sl_scan_shared {
    struct sl_mutex lock; /* guards all below */
    struct sl_cond changed;
    uint32_t next_unit;
    uint32_t preparing;           /* units that workers are opening */
    uint64_t candidate_rows;      /* in the minis that pruning left so far */
    uint8_t *matches;             /* owned: enum sl_scan_match by segment */
    struct sl_scan_group *groups; /* owned, in the order of handing out */
    struct sl_scan_counters counters;
};

struct sl_morsel {
    struct sl_scan *scan;             /* borrowed */
    struct sl_segment_cursor *cursor; /* owned; NULL until the first block */
    struct sl_scan_group *group;      /* NULL: on a batch, or nowhere */
    const struct sl_scan_unit *batch; /* NULL: on a block, or nowhere */
    const struct sl_scan_unit *unit;  /* of the last block; NULL: none yet */
    uint32_t block, row_count;
    bool is_focused; /* row_count are the selected rows of the block */
    bool is_damaged; /* its rows were left out */
    int64_t min_us, max_us;
    uint32_t decided;                /* a bit for each clause: see sl_morsel_is_decided */
    struct sl_segment_counters cost; /* not yet added to the scan's */
    uint64_t selection[SL_BLOCK_ROWS / 64];
};

/* What the next morsel is made of: a block of a group, or a unit that is a batch. */
struct sl_scan_piece {
    struct sl_scan_group *group;
    uint32_t block;
    const struct sl_scan_unit *batch;
};

/*
 * Hand out the next piece; both pointers NULL at the end. In no order, a worker goes on with its
 * `last` unit, then opens one of its own, and helps others at the end: dictionaries are decoded, and
 * groups of codes gathered, by one worker only. In an order, all work on the next unit.
 */
SL_MUST_CHECK
sl_status sl_scan_take(struct sl_scan *scan, const struct sl_scan_unit *last,
                       struct sl_segment_counters *cost, struct sl_scan_piece *out_piece,
                       struct sl_error *err);

/* The group of a unit once more, for a worker that comes back to a block of it. */
SL_MUST_CHECK
sl_status sl_scan_visit(const struct sl_scan_unit *unit, struct sl_scan_group **out_group,
                        struct sl_error *err);

/* Did pruning leave a mini of the block? */
bool sl_scan_is_candidate(const struct sl_scan_group *group, uint32_t block);

/* A worker leaves a group. */
void sl_scan_leave(struct sl_scan *scan, struct sl_scan_group *group);

/* Add what a morsel cost, and `rows` selected rows. */
void sl_scan_charge(struct sl_scan *scan, struct sl_segment_counters *cost, uint64_t rows);

/* Rows of a block that cannot be read were left out. */
void sl_scan_count_damage(struct sl_scan *scan, uint32_t blocks, uint64_t rows);

/* Could rows with last_seen between still be of interest? */
bool sl_scan_wants(const struct sl_scan *scan, int64_t min_us, int64_t max_us);

#endif
