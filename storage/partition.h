/*
 * partition.h - which slice of time a row is filed under.
 *
 * Partition time is last_seen where it is believable: of a live row, not later than 5 minutes
 * after it was received and not more than 24 hours before; of an import, any time after 1970.
 * Other rows are filed by their time of receipt, in slices of their own, so that a clock that
 * lies ends pruning for nobody else. Columns keep what the exporter said.
 *
 * A slice is an aligned part of an hour: the shortest of 1, 2, 5, 10, 20, 60 minutes that holds
 * about 1 Mi rows at the density of the rows at hand (rows for each minute that has any).
 *
 * Layer: storage. Called from the memtable, seal, merge.
 */
#ifndef SLUICE_STORAGE_PARTITION_H
#define SLUICE_STORAGE_PARTITION_H

#include "storage/base/clock.h"
#include "storage/memtable.h"

enum {
    /* Rows that a slice should hold. */
    SL_SLICE_ROWS = 1 << 20,
    /* Slices of one seal, so that rows of a thousand years do not make a file each: rows of the
     * thinnest beyond it are filed by receipt. */
    SL_SLICES_MAX = 256,
};

/* Microseconds are in the years 1970 .. 9999. */
#define SL_PARTITION_TIME_MAX_US (INT64_C(253402300799) * SL_US_PER_S)

/* Partition time of a row. */
static inline int64_t
sl_partition_time(int64_t last_seen_us, int64_t received_us, bool is_import, bool *out_by_receipt)
{
    int64_t low = is_import ? 1 : received_us - SL_US_PER_DAY;
    int64_t high = is_import ? SL_PARTITION_TIME_MAX_US : received_us + 5 * SL_US_PER_MINUTE;
    *out_by_receipt = last_seen_us < low || last_seen_us > high;
    return *out_by_receipt ? received_us : last_seen_us;
}

/* Largest multiple of `step` that is not above `time_us`. */
static inline int64_t
sl_partition_floor(int64_t time_us, int64_t step_us)
{
    int64_t rest = time_us % step_us;
    return time_us - (rest < 0 ? rest + step_us : rest);
}

/* Minutes of the slice for an hour with `rows` rows in `minutes` distinct minutes. */
uint32_t sl_slice_minutes(uint64_t rows, uint32_t minutes);

/* Some rows of a batch. */
struct sl_slice_part {
    const struct sl_batch *batch; /* borrowed from the view */
    uint64_t *selection;          /* owned bitmap; NULL: all rows */
    uint32_t rows;
};

struct sl_time_slice {
    int64_t first_us, last_us; /* inclusive */
    bool is_by_receipt;
    uint64_t rows;
    struct sl_slice_part *parts; /* owned */
    uint32_t part_count, part_capacity;
};

/* Slices in ascending order of time. */
struct sl_slice_plan {
    struct sl_time_slice *slices; /* owned */
    uint32_t count;
};

/* Split the rows of a view. The view must outlive the plan. */
void sl_slice_plan_init(const struct sl_mem_view *view, struct sl_slice_plan *out_plan);
void sl_slice_plan_fini(struct sl_slice_plan *plan);

#endif
