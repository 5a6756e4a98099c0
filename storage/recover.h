/*
 * recover.h - from a data directory as it was found to a store as it was left.
 *
 * Layer: storage. Called from the store.
 */
#ifndef SLUICE_STORAGE_RECOVER_H
#define SLUICE_STORAGE_RECOVER_H

#include "storage/store_state.h"

/* Open the catalog (or rebuild it), make the first version, remove files that it does not name,
 * replay the journal. The directories are open. */
SL_MUST_CHECK
sl_status sl_recover(struct sl_store *store, struct sl_error *err);

/* Build catalog records from the segments that are there, and commit them: recover_catalog.c. */
SL_MUST_CHECK
sl_status sl_recover_catalog(struct sl_store *store, struct sl_error *err);

/* Call visit for each segment file; *out_number_max is the largest number there, 0: none. */
struct sl_recover_numbers {
    uint64_t *numbers; /* owned, ascending */
    uint32_t count, capacity;
};
SL_MUST_CHECK
sl_status sl_recover_list(int segments_fd, struct sl_recover_numbers *out_numbers,
                          struct sl_error *err);

#endif
