/*
 * catalog_pages.h - proves the pages of an LMDB data file before LMDB sees them.
 *
 * LMDB believes its pages: a wrong page number or size in a header is not an error but a write to
 * the wrong place, at the next commit. So all of it is proven first, over bytes in memory.
 *
 * The layout is that of LMDB 0.9 (data version 1) on 64-bit little-endian machines. Proven are:
 *
 *   roots    the pages 0 and 1: transaction t in page t % 2, the two follow each other
 *   trees    of the newest root, records and free pages: every page bears its own number, every
 *            node lies in its page and nodes fill it, each page has one parent, all leaves lie at
 *            one depth, and the numbers of pages and entries are those of the root
 *   free     each free page once, none in use, none beyond the end
 *   age      each root's records name the transaction of that root (catalog_record.h, 'T'): a root
 *            whose number was damaged would show an older state that is whole in itself. LMDB
 *            reuses no page of the second newest root, so that one is still whole too.
 *
 * Not looked at: contents of records (their hashes), order of keys, and space that nothing uses.
 *
 * Layer: storage. Called from catalog_proof.c. Pure.
 */
#ifndef SLUICE_STORAGE_CATALOG_PAGES_H
#define SLUICE_STORAGE_CATALOG_PAGES_H

#include "storage/base/base.h"
#include "storage/base/status.h"

/* Errors: SL_CORRUPT with page and reason, SL_VERSION, SL_LIMIT (memory). */
SL_MUST_CHECK
sl_status sl_catalog_pages_prove(const void *bytes, size_t size_bytes, struct sl_error *err);

#endif
