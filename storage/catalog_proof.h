/*
 * catalog_proof.h - is a data file what a catalog wrote? Found out where it does no harm.
 *
 * LMDB reads through a mapping and believes its pages, so a damaged file may end the process that
 * reads it. The proof therefore runs in a child process, which reads everything that is read at any
 * later time: first the pages (catalog_pages.h), then through LMDB all records (catalog_data.h). A
 * child that dies, or finds something wrong, means a damaged file.
 *
 * Threads: any; nobody has the file open for writing.
 * Errors:  SL_CORRUPT, SL_VERSION, SL_IO, SL_MISSING, SL_LIMIT (memory)
 * Layer:   storage. Called from catalog.c.
 */
#ifndef SLUICE_STORAGE_CATALOG_PROOF_H
#define SLUICE_STORAGE_CATALOG_PROOF_H

#include "storage/base/status.h"

/* `file`: the path of the data file, which is not changed. */
SL_MUST_CHECK
sl_status sl_catalog_prove(const char *file, struct sl_error *err);

#endif
