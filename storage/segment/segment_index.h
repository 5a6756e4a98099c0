/*
 * segment_index.h - which minis of a row group hold a value.
 *
 * An index of a column maps keys (segment_format.h) to sets of minis: POSTINGS for addresses
 * (index/postings.h over the codes of the dictionary), MINIS for the others.
 *
 * MINIS
 *     varint distinct keys n, 1 .. SL_BLOCK_ROWS
 *     1 codec, varint size, the keys, ascending, by codec.h
 *     a bitmap (index/bitmap.h) of the members i * SL_SEGMENT_GROUP_MINIS_MAX + m for each
 *     mini m that holds key i: one bitmap for all keys, so that a rare key costs two bytes and
 *     not a bitmap of its own
 *
 * An index is written where it excludes something: where the average key lies in less than half
 * of the minis, and where it takes at most one byte in SL_SEGMENT_INDEX_SHARE of the group for each
 * of its columns. src_addr and dst_addr share one: both directions of a conversation are
 * neighbours, so that nearly the same minis hold a host as either. Their dictionary has a FILTER
 * (index/filter.h) too, with fewer bits for each entry where it has few.
 *
 * Layer: segment.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_INDEX_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_INDEX_H

#include "storage/segment/segment_emit.h"

/*
 * Index a column of fixed size, or the codes of one of `entry_count` entries (addresses: POSTINGS;
 * others: MINIS). Keys are in the inner order; `present` NULL: all rows have a value. Nothing is
 * emitted where it does not pay.
 */
SL_MUST_CHECK
sl_status sl_segment_index_emit(struct sl_segment_emit *emit, enum sl_segment_index_kind kind,
                                uint32_t number, uint32_t entry_count, const uint64_t *keys,
                                const uint64_t *present, struct sl_error *err);

/* One POSTINGS index of two columns with one dictionary: minis where either has the entry. */
SL_MUST_CHECK
sl_status sl_segment_index_emit_ends(struct sl_segment_emit *emit, const uint32_t numbers[2],
                                     uint32_t entry_count, const uint64_t *const keys[2],
                                     const uint64_t *const present[2], struct sl_error *err);

/* The FILTER of the dictionary of one or two address columns (numbers[1] SL_SEGMENT_NONE: one). */
SL_MUST_CHECK
sl_status sl_segment_index_emit_filter(struct sl_segment_emit *emit, const uint32_t numbers[2],
                                       const struct sl_addr *addrs, uint32_t count,
                                       struct sl_error *err);

/*
 * The minis of keys first .. last (both inclusive) of an index of MINIS or POSTINGS, as far as piece `piece`
 * knows them, which has some of these keys: in minis[SL_SEGMENT_MINI_WORDS], where bits that were set stay.
 * entry_count: entries of the column's dictionary (POSTINGS).
 */
SL_MUST_CHECK
sl_status sl_segment_index_collect(const struct sl_segment_index *index, uint32_t piece,
                                   const void *bytes, uint32_t entry_count, uint32_t mini_count,
                                   uint64_t first, uint64_t last, uint64_t *minis,
                                   struct sl_error *err);

#endif
