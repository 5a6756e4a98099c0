/*
 * tend.h - the background of a store: what is due is done.
 *
 * Three threads: one seals, so that a seal never waits for anything else; one merges, before queries
 * compute, or under them segments would be many and every answer would have more to read; one opens the
 * newest segments once, applies retention and mends the journal.
 *
 * Layer: storage. Called from the store.
 */
#ifndef SLUICE_STORAGE_TEND_H
#define SLUICE_STORAGE_TEND_H

#include "storage/store_state.h"

/* Was nothing encoded for so long, and do the rows that came meanwhile say that the next seal, which is due
 * at `seal_rows`, is not near? */
bool sl_tend_is_idle(int64_t since_us, uint64_t rows, uint32_t seal_rows);

void sl_tend_start(struct sl_store *store);

/* is_closing was set: returns when the threads have ended. */
void sl_tend_stop(struct sl_store *store);

#endif
