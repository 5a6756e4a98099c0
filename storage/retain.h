/*
 * retain.h - what is dropped when: by age, and by a hard cap on the disk.
 *
 * Age is partition time: a segment goes when its whole slice is older than the retention. The
 * cap counts journal, catalog, segments, what a merge is writing, and files that the store has
 * dropped but readers hold; beyond it the oldest segments go, and readers that hold up the space
 * are told to stop. An import whose rows are all gone is forgotten with them.
 *
 * Layer: storage. Called from the store.
 */
#ifndef SLUICE_STORAGE_RETAIN_H
#define SLUICE_STORAGE_RETAIN_H

#include "storage/store_state.h"

/* Apply both now. */
SL_MUST_CHECK
sl_status sl_retain(struct sl_store *store, struct sl_error *err);

/* Bytes that count against the cap. */
uint64_t sl_retain_used_bytes(struct sl_store *store);

#endif
