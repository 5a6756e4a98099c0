/*
 * postings.h - for each entry of a dictionary, the minis of a row group that hold it.
 *
 * Entries are codes 0 .. entry_count - 1, minis are numbered through the row group (row number /
 * SL_MINI_ROWS). Both counts lie in the directory of whoever stores postings, not in the bytes.
 * Postings may be stored in pieces, of some entries each, that are opened one by one: entries of a
 * piece are numbered from its first one on. One entry is found by reading one chunk of
 * SL_POSTINGS_CHUNK entries; layout in postings.c.
 *
 * Ownership: opened postings borrow the bytes.
 * Threads:   a builder belongs to one thread; opened postings to any number.
 * Errors:    reading trusts nothing: SL_CORRUPT.
 * Limits:    1,024 minis (SL_GROUP_ROWS_MAX).
 * Layer:     index.
 */
#ifndef SLUICE_STORAGE_INDEX_POSTINGS_H
#define SLUICE_STORAGE_INDEX_POSTINGS_H

#include "storage/base/base.h"
#include "storage/base/buf.h"
#include "storage/base/limits.h"
#include "storage/base/status.h"

enum {
    SL_POSTINGS_MINIS_MAX = SL_GROUP_ROWS_MAX / SL_MINI_ROWS,
    SL_POSTINGS_CHUNK = 128, /* entries */
};

struct sl_postings_builder;

/* NULL when there is no memory for `entry_count` entries. */
struct sl_postings_builder *sl_postings_builder_create(uint32_t entry_count, uint32_t mini_count);
/* NULL is allowed. */
void sl_postings_builder_destroy(struct sl_postings_builder *builder);

/* The rows of mini `mini` have these codes, all below entry_count; bit i of `present` (NULL: all)
 * says whether row i has a value. Minis come in ascending order; one may come in pieces. */
void sl_postings_builder_add(struct sl_postings_builder *builder, uint32_t mini,
                             const uint32_t *codes, uint32_t count, const uint64_t *present);

/* (entry, mini) pairs so far. */
uint64_t sl_postings_builder_pair_count(const struct sl_postings_builder *builder);

/* All rows are there. False: there was no memory, and the builder can only be destroyed. */
SL_MUST_CHECK
bool sl_postings_builder_close(struct sl_postings_builder *builder);

/* Append the piece of entries first .. first + count - 1, of a builder that is closed. */
void sl_postings_builder_encode(const struct sl_postings_builder *builder, uint32_t first,
                                uint32_t count, struct sl_buf *out);

struct sl_postings {
    const uint8_t *ends;   /* borrowed: ends of chunks */
    const uint8_t *chunks; /* borrowed */
    size_t chunks_bytes;
    uint32_t entry_count;
    uint32_t mini_count;
    bool is_zero_first; /* see postings.c */
};

SL_MUST_CHECK
sl_status sl_postings_open(const void *bytes, size_t size_bytes, uint32_t entry_count,
                           uint32_t mini_count, struct sl_postings *out_postings,
                           struct sl_error *err);

/* Set the bit of every mini that holds an entry of first .. last (both inclusive, below
 * entry_count), in minis[0 .. sl_words_for(mini_count)). Bits that were set stay. */
SL_MUST_CHECK
sl_status sl_postings_collect(const struct sl_postings *postings, uint32_t first, uint32_t last,
                              uint64_t *minis, struct sl_error *err);

#endif
