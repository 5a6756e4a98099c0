/*
 * spill.h - what an operator puts aside when its memory is used up: a file without a name in the
 * store's directory, gone with the operator.
 *
 * Bytes are counted by the budget of all queries' disk (sl_query_env.spill). A file system that has
 * little left is not filled: ingest needs it.
 *
 * Ownership: init in the caller's memory; fini in the end, also after a failure, or of zero bytes.
 * Threads:   one writes; after that, any read.
 * Errors:    SL_LIMIT: no disk for it. Storage's own.
 * Layer:     query, internal.
 */
#ifndef SLUICE_QUERY_SPILL_H
#define SLUICE_QUERY_SPILL_H

#include "query/query.h"

struct sl_spill {
    const struct sl_query_env *env; /* borrowed */
    int fd;                         /* owned; -1 until there are bytes */
    uint64_t size_bytes;
    uint64_t checked_bytes; /* size at which the file system is next asked what it has left */
};

void sl_spill_init(struct sl_spill *spill, const struct sl_query_env *env);

/* Is there a disk to put anything on? */
bool sl_spill_is_possible(const struct sl_spill *spill);

/* Put bytes behind those that there are; *out_offset is where. */
SL_MUST_CHECK
sl_status sl_spill_write(struct sl_spill *spill, const void *bytes, size_t size_bytes,
                         uint64_t *out_offset, struct sl_error *err);

SL_MUST_CHECK
sl_status sl_spill_read(const struct sl_spill *spill, uint64_t offset, void *bytes,
                        size_t size_bytes, struct sl_error *err);

void sl_spill_fini(struct sl_spill *spill);

#endif
