/*
 * sort_pick.h - which rows of a chunk a sort still has to keep.
 *
 * The *rank* of a row is that of its first order, turned round for DESC: smaller comes first. With a
 * limit of n rows, the n-th best rank that any worker has seen bounds what all of them still look at.
 * Of a chunk the first order is computed for all rows, everything else for those that the bound lets
 * pass, and of these at most n, the best of the chunk by all orders, go into the worker's store.
 *
 * Threads: the picking of a sort is shared by its workers, a store belongs to one.
 * Errors:  SL_LIMIT beyond the budget.
 * Layer:   query, internal.
 */
#ifndef SLUICE_QUERY_SORT_PICK_H
#define SLUICE_QUERY_SORT_PICK_H

#include "query/exec.h"
#include "query/row_store.h"

/* Columns of a store that say where a row lies, behind those of its terms. */
enum { SL_SORT_PLACE_COLUMNS = 2 };

struct sl_sort_picking {
    const struct sl_order *orders;
    uint32_t order_count;
    uint32_t *order_columns; /* of the stores, for each order */
    struct sl_term *terms;   /* what stores hold, a column for each */
    uint32_t term_count;
    struct sl_sql_type *types; /* of the columns of a store */
    uint64_t keep_rows;
    bool has_places; /* chunks come from a scan: stores hold sl_morsel_place and row number too */
    atomic_uint_fast64_t bound_rank; /* only falls */
};

/* A row and its rank. */
struct sl_sort_entry {
    uint64_t rank;
    uint32_t row;
};

/* -1, 0, 1 for two rows of equal rank. */
typedef int sl_sort_compare_fn(const void *context, uint32_t row_a, uint32_t row_b);

/* Stable. `scratch` is as large as `entries`; the result is in `entries`. */
void sl_sort_entries(struct sl_sort_entry *entries, struct sl_sort_entry *scratch, uint32_t count,
                     sl_sort_compare_fn *compare, const void *context);

/* The rank in the order that is wanted, and back. */
static inline uint64_t
sl_sort_turn(const struct sl_sort_picking *picking, uint64_t rank)
{
    return picking->orders[0].is_descending ? ~rank : rank;
}

/* keep_rows rows of this rank or a better one are kept somewhere. */
void sl_sort_lower_bound(struct sl_sort_picking *picking, uint64_t rank);

/* Append the rows of a chunk that may be in the answer. The chunk is used up. */
SL_MUST_CHECK
sl_status sl_sort_pick(struct sl_sort_picking *picking, struct sl_exec *exec,
                       struct sl_chunk *chunk, struct sl_row_store *store, struct sl_error *err);

#endif
