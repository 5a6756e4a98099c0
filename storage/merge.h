/*
 * merge.h - several segments of one slice become one, and where there are few rows, of six hours.
 *
 * The plan is pure: from the live segments and the time it picks the next inputs.
 *
 *   hot    at least 4 segments of one level in one slice, once the slice is over (or 16 of them
 *          before): the output is one level higher. So a row is merged by size tier.
 *   cold   a *span*, which is a quarter of a day, that is over for 24 hours: all that was not merged
 *          cold before, once, with the codecs that take longer. A span whose rows fill no more than a
 *          row group becomes one segment, else each of its slices does: an hour of a quiet site would
 *          be a file of some thousand rows, whose directory is a quarter of its bytes, and a year of
 *          them 8,760. What comes later is merged cold when there are 4 again.
 *
 * The output is committed only if its inputs are still live with the generation they had; else it
 * is thrown away and the plan is asked again.
 *
 * Layer: storage. Called from the store.
 */
#ifndef SLUICE_STORAGE_MERGE_H
#define SLUICE_STORAGE_MERGE_H

#include "storage/codec/codec.h"
#include "storage/store_state.h"

enum {
    SL_MERGE_FAN_IN_MIN = 4,
    SL_MERGE_FAN_IN_MAX = 64,
    SL_MERGE_OPEN_MAX = 16,  /* segments of a slice that is not over */
    SL_MERGE_LEVEL_COLD = 8, /* and above: merged cold */
    SL_MERGE_GROUP_ROWS = 1 << 20,
    /* Rows of one output: full groups, with room for what does not divide. */
    SL_MERGE_ROWS_MAX = SL_MERGE_GROUP_ROWS * (SL_GROUPS_PER_SEGMENT_MAX - 1),
};
/* A slice is over when this much of time has passed since its end. */
#define SL_MERGE_GRACE_US (INT64_C(5) * 60 * 1000000)
#define SL_MERGE_COLD_US  (INT64_C(24) * 3600 * 1000000)
/* By so much a row may outlive the age at which retention drops it. */
#define SL_MERGE_SPAN_US (INT64_C(6) * 3600 * 1000000)
/* Segments that just came are not merged cold yet: more may follow (an import). */
#define SL_MERGE_SETTLED_US (INT64_C(3600) * 1000000)

enum sl_merge_zeal {
    SL_MERGE_WHEN_DUE, /* as above */
    SL_MERGE_ALL, /* every slice is over, and 2 inputs are enough; somebody waits: two threads */
};

struct sl_merge_pick {
    const struct sl_live *inputs[SL_MERGE_FAN_IN_MAX]; /* borrowed from the version */
    uint32_t count;
    uint32_t level; /* of the output */
    enum sl_effort effort;
    int64_t first_us, last_us;
    bool is_by_receipt;
    uint64_t bytes; /* of the inputs */
};

/* The next merge that is due, the oldest slice first; false: none. */
SL_MUST_CHECK
bool sl_merge_plan(const struct sl_version *version, int64_t now_us, int64_t monotonic_us,
                   enum sl_merge_zeal zeal, struct sl_merge_pick *out_pick);

/* Run one merge. *out_merged: there was one and it was committed. */
SL_MUST_CHECK
sl_status sl_merge_run(struct sl_store *store, enum sl_merge_zeal zeal, bool *out_merged,
                       struct sl_error *err);

#endif
