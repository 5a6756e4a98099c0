/*
 * segment_match.h - the rows of a block that satisfy a clause, without a look at the others.
 *
 * Who asks for a host asks for the next one, for its peers, for a minute of it: a few rows of blocks
 * whose values are kept. So beside the values of a column the rows in their order are kept
 * (segment_row_order.h), 2 bytes a row. Where a clause leaves more than one row of SL_SEGMENT_MATCH_SHARE, or
 * a column of it is not kept or may be NULL, it is left to others: to look at all values takes some 20 us a
 * block, and to sort them ten times that. So of the blocks that are looked into for the second time or a
 * later one, one of 32 is sorted: all are in the end, and no query takes much longer for it.
 *
 * Threads: a cursor belongs to one.
 * Layer:   segment, internal.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_MATCH_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_MATCH_H

#include "storage/clause.h"
#include "storage/segment/segment_interval.h"

enum {
    SL_SEGMENT_MATCH_CLAUSES_MAX = 8, /* of a scan, the first ones: others are left to others */
    SL_SEGMENT_MATCH_NUMBERS_MAX =
        32,                         /* clauses with numbers below: a bit says that one is decided */
    SL_SEGMENT_MATCH_KEYS_MAX = 64, /* intervals of all clauses, the same */
    SL_SEGMENT_MATCH_SHARE = 8,
};

/* An interval of the keys of a column. */
struct sl_segment_match_keys {
    const struct sl_segment_group_column *column;
    enum sl_type type;
    struct sl_segment_interval interval;
};

/* The clauses of a scan in the words of one row group. */
struct sl_segment_match {
    const struct sl_clause *clauses; /* borrowed; NULL: of none yet */
    const struct sl_segment_group *group;
    uint32_t clause_count;                          /* those that can be looked up */
    uint32_t numbers[SL_SEGMENT_MATCH_CLAUSES_MAX]; /* of each of them, among the clauses */
    uint32_t ends[SL_SEGMENT_MATCH_CLAUSES_MAX];    /* behind its last one in `keys` */
    struct sl_segment_match_keys keys[SL_SEGMENT_MATCH_KEYS_MAX];
};

#endif
