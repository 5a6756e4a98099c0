/*
 * clause.h - simple bounds on columns: what an index or a zone can decide.
 *
 * A request is a conjunction of clauses, each a disjunction of tests on one column. Whoever
 * evaluates them may answer "perhaps"; exactness is the query's business.
 *
 * Layer: batch. Facade: the query writes them, scan and segment prune by them.
 */
#ifndef SLUICE_STORAGE_CLAUSE_H
#define SLUICE_STORAGE_CLAUSE_H

#include "storage/base/addr.h"
#include "storage/batch.h"
#include "storage/schema.h"

/*
 * One test: column between low and high, both inclusive, as keys in the column's order
 * (integers zero-extended or two's complement in `low`, addresses as they are), or
 * equal to one of a sorted list, or equal to a text without regard to ASCII case. NULL never
 * passes.
 */
enum sl_test_kind { SL_TEST_RANGE, SL_TEST_SET, SL_TEST_TEXT };

struct sl_test {
    enum sl_test_kind kind;
    const struct sl_column *column;
    struct sl_addr low;         /* RANGE */
    struct sl_addr high;        /* RANGE */
    const struct sl_addr *keys; /* SET: ascending, distinct; borrowed for the life of the scan */
    uint32_t key_count;         /* SET */
    struct sl_slice text;       /* TEXT: borrowed */
};

/* True when any of its tests is. */
struct sl_clause {
    const struct sl_test *tests;
    uint32_t test_count;
};

/* What a scan may use; each can be switched off (tests prove the answers stay the same). */
enum sl_prune {
    SL_PRUNE_TIME = 1,     /* segments by first_seen and last_seen */
    SL_PRUNE_ZONE = 2,     /* minimum and maximum of row groups and blocks */
    SL_PRUNE_BITMAP = 4,   /* bitmap indexes */
    SL_PRUNE_POSTINGS = 8, /* address dictionaries and their postings */
    SL_PRUNE_FILTER = 16,  /* membership filters of address dictionaries */
    SL_PRUNE_ROWS = 32,    /* rows of a block in the order of a column's values */
    SL_PRUNE_ALL = 63,
};

#endif
