/*
 * store_rows.h - flows that prove themselves, for tests of the store.
 *
 * Every row has an id, which it carries in in_bytes, and all its other values follow from the id
 * and its last_seen. So whoever reads a row can tell whether it is whole, and whoever counts ids
 * can tell whether each is there once.
 */
#ifndef SLUICE_TESTS_MODEL_STORE_ROWS_H
#define SLUICE_TESTS_MODEL_STORE_ROWS_H

#include "storage/scan.h"
#include "storage/store.h"
#include "tests/support/test.h"

/* 2026-11-23T12:00:00Z, where these tests begin. */
#define ROWS_START_US (INT64_C(1795435200) * 1000000)

/* Rows first_id .. first_id + count - 1 with these times. */
struct sl_batch *rows_build(struct sl_schema *schema, uint64_t first_id,
                            const int64_t *last_seen_us, uint32_t count);

/* What a row adds to rows_seen.hash. */
uint64_t rows_hash(uint64_t id, int64_t last_seen_us);

/* What a scan saw. */
struct rows_seen {
    uint32_t *times; /* by id, owned: how often; NULL: not wanted */
    uint64_t id_count;
    uint64_t rows, sum, hash; /* hash: of all rows, in any order */
    uint64_t broken;          /* rows that do not prove themselves */
};

/* Read all rows of a snapshot with `request` (NULL: everything). */
sl_status rows_read(struct sl_snapshot *snapshot, struct sl_schema *schema,
                    const struct sl_scan_request *request, struct rows_seen *seen,
                    struct sl_error *err);

/* DELETE of the rows with id % modulus == rest; context of rows_match. */
struct rows_doomed {
    struct sl_schema *schema;
    uint64_t modulus, rest;
};
sl_status rows_match(void *context, struct sl_morsel *morsel, struct sl_error *err);

#endif
