/*
 * forget.h - which imports have no row left.
 *
 * Rows do not say which import they came with: an identity per row would cost more than the
 * bytes of a port. What is known is the time of an import's rows. When no live segment touches that
 * time and none of its frames is in the memtable, no row of it is left. Rows of others in the
 * same time keep a fingerprint alive (--again imports in spite of it); a merge that leaves out
 * dead rows narrows its segment's time, so this is asked again with each merge.
 *
 * Layer: storage.
 */
#ifndef SLUICE_STORAGE_FORGET_H
#define SLUICE_STORAGE_FORGET_H

#include "storage/ledger.h"
#include "storage/version.h"

struct sl_forgotten {
    struct sl_hash128 *ids; /* the caller's to free */
    uint32_t count;
};

/*
 * Imports without a row in `version` or in journal frames from `memory_position` on; their records
 * are removed in `edit`. The ledger keeps them until the edit was committed. Under the store's lock.
 */
struct sl_forgotten sl_forget_imports(const struct sl_ledger *ledger,
                                      const struct sl_version *version, uint64_t memory_position,
                                      struct sl_catalog_edit *edit);

#endif
