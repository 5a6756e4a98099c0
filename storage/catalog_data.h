/*
 * catalog_data.h - one data file of the catalog: records under keys, changed by whole transactions.
 *
 * What is in it is described in catalog_record.h; where it lies, when it is proven and when it is
 * replaced is the business of catalog.h.
 *
 * LMDB never gives a page back: the file stays as large as it once was. sl_catalog_data_is_sparse
 * tells when most of it is free pages, sl_catalog_data_copy fills a new file with what the old holds.
 *
 * LMDB believes what it reads. A file that was not proven (catalog_proof.h) may end the process here.
 *
 * Ownership: open gives the caller a data file, close takes it back.
 * Threads:   one at a time: not even two readers, since a commit may move the mapping.
 * Errors:    SL_CORRUPT, SL_VERSION, SL_IO, SL_LIMIT (the map cannot grow, or no memory)
 * Layer:     storage. The only user of LMDB.
 */
#ifndef SLUICE_STORAGE_CATALOG_DATA_H
#define SLUICE_STORAGE_CATALOG_DATA_H

#include "storage/catalog_record.h"

struct sl_catalog_data;

enum sl_catalog_access {
    SL_CATALOG_READ,  /* the file is there and stays as it is */
    SL_CATALOG_WRITE, /* made when missing, with nothing in it */
};

/* `file`: its path. */
SL_MUST_CHECK
sl_status sl_catalog_data_open(const char *file, enum sl_catalog_access access,
                               struct sl_catalog_data **out_data, struct sl_error *err);
/* NULL is allowed. */
void sl_catalog_data_close(struct sl_catalog_data *data);

/* All records whose key begins with one of `prefixes` (none of them empty), those of each in the
 * order of keys, as of one moment. */
SL_MUST_CHECK
sl_status sl_catalog_data_walk(struct sl_catalog_data *data, const struct sl_slice *prefixes,
                               size_t prefix_count, sl_catalog_record_fn *visit, void *context,
                               struct sl_error *err);

/* Through LMDB itself: every record holds its hash and fields, keys ascend, a look-up finds each of
 * them, and the format is ours. */
SL_MUST_CHECK
sl_status sl_catalog_data_prove(struct sl_catalog_data *data, struct sl_error *err);

/* Apply the edit, which has no trouble, as one transaction that is on disk when this returns. On
 * failure nothing of it was applied. */
SL_MUST_CHECK
sl_status sl_catalog_data_commit(struct sl_catalog_data *data, const struct sl_catalog_edit *edit,
                                 struct sl_error *err);

/* All records of `from`, as the first transaction of `to`, which is empty. */
SL_MUST_CHECK
sl_status sl_catalog_data_copy(struct sl_catalog_data *from, struct sl_catalog_data *to,
                               struct sl_error *err);

/* Does less than a quarter of the pages hold records, apart from the few that every file has? */
bool sl_catalog_data_is_sparse(const struct sl_catalog_data *data);

/* Bytes of the file in use. */
uint64_t sl_catalog_data_bytes(const struct sl_catalog_data *data);

#endif
