/*
 * seal.h - what is in memory becomes segments.
 *
 *   freeze    the memtable's prefix and the journal position that covers it, in one moment
 *   write     its rows by slice of time, a segment each, synced and renamed
 *   commit    segments, position, producers and imports in one catalog transaction
 *   publish   prefix out, segments in, for every snapshot from now on
 *   trim      the journal
 *
 * in that order: a crash before the commit leaves files that the catalog does not name and a
 * journal that holds the rows; one after it leaves a journal with frames that are skipped.
 *
 * Layer: storage. Called from the store.
 */
#ifndef SLUICE_STORAGE_SEAL_H
#define SLUICE_STORAGE_SEAL_H

#include "storage/store_state.h"

/* Rows of one row group, about. */
enum { SL_SEAL_GROUP_ROWS = 1 << 20 };

/* Seal everything that is in memory now. On failure the rows stay in memory. */
SL_MUST_CHECK
sl_status sl_seal(struct sl_store *store, struct sl_error *err);

#endif
