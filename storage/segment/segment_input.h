/*
 * segment_input.h - the rows of a group, column by column, as flat arrays.
 *
 * A row group comes as pieces of batches whose vectors have any encoding. Here a column of them
 * becomes one array over all rows, in the order given: keys (segment_format.h) for types of fixed
 * size, provisional codes for addresses and byte strings, whose distinct values are collected in
 * a set. A set that is sorted says which final code stands for each provisional one.
 *
 * Ownership: everything lies in the arena of the group; batches are borrowed.
 * Errors:    SL_LIMIT when the arena's budget is used up.
 * Layer:     segment.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_INPUT_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_INPUT_H

#include "storage/base/arena.h"
#include "storage/batch.h"
#include "storage/segment/segment_writer.h"

struct sl_segment_input {
    const struct sl_segment_rows *rows; /* borrowed */
    const uint32_t **selected;          /* of each: numbers of its selected rows; NULL: all rows */
    size_t rows_count;
    uint32_t row_count; /* selected rows of all pieces */
    uint32_t column_count;
    const struct sl_column **columns; /* of any piece, ascending by index */
    struct sl_arena *arena;
};

/* Count rows and columns. 1 .. SL_GROUP_ROWS_MAX rows are asserted. */
SL_MUST_CHECK
sl_status sl_segment_input_init(struct sl_segment_input *input, const struct sl_segment_rows *rows,
                                size_t rows_count, struct sl_arena *arena, struct sl_error *err);

/* A key of segment_format.h for a plain value of `type`, and back. */
static inline uint64_t
sl_segment_key(enum sl_type type, uint64_t value)
{
    if (sl_type_is_signed(type))
        return value ^ (UINT64_C(1) << 63);
    if (type == SL_TYPE_F64)
        return value >> 63 != 0 ? ~value : value | UINT64_C(1) << 63;
    return value;
}

static inline uint64_t
sl_segment_key_value(enum sl_type type, uint64_t key)
{
    if (sl_type_is_signed(type))
        return key ^ (UINT64_C(1) << 63);
    if (type == SL_TYPE_F64)
        return key >> 63 != 0 ? key & ~(UINT64_C(1) << 63) : ~key;
    return key;
}

/*
 * Keys of a column of fixed size other than ADDR, as integers of `width` bytes. Rows without a value
 * get 0 as their value, and a zero bit in `present` (row_count bits; set for the others). Returns
 * the rows without one. What is gathered in another order next is gathered quicker from little
 * memory: sl_segment_input_width() is the narrowest that holds the vectors of all pieces.
 */
unsigned sl_segment_input_width(const struct sl_segment_input *input,
                                const struct sl_column *column);
uint32_t sl_segment_input_flat(const struct sl_segment_input *input, const struct sl_column *column,
                               unsigned width, void *keys, uint64_t *present);

/* Do all rows have the same value of such a column, in vectors that say so? Then *out_key is its key. */
bool sl_segment_input_is_constant(const struct sl_segment_input *input,
                                  const struct sl_column *column, uint64_t *out_key);

/* Distinct addresses, or distinct byte strings. */
struct sl_segment_set {
    struct sl_arena *arena;
    uint32_t count;
    uint32_t capacity;       /* of the entries */
    uint32_t table_mask;     /* slots - 1 */
    uint64_t *table;         /* entry + 1, or 0, in the low half; what tells entries apart above */
    struct sl_addr *addrs;   /* set of addresses */
    struct sl_slice *slices; /* set of strings: borrowed from the batches */
    uint64_t *hashes;        /* set of strings */
    uint64_t bytes;          /* of all strings */
    /* Codes of the entries of the dictionary met last, UINT32_MAX where not asked yet. */
    const void *memo_of;
    uint32_t *memo;
    uint32_t memo_capacity;
};

SL_MUST_CHECK
bool sl_segment_set_init(struct sl_segment_set *set, bool is_addresses, struct sl_arena *arena);

/* Provisional codes of an ADDR, TEXT or OCTETS column; rows without a value get 0. Returns false
 * when there is no memory. */
SL_MUST_CHECK
bool sl_segment_input_codes(const struct sl_segment_input *input, const struct sl_column *column,
                            struct sl_segment_set *set, uint32_t *codes, uint64_t *present,
                            uint32_t *out_null_count);

/* Sort the entries (strictly ascending then); *out_ranks maps provisional codes to final ones. */
SL_MUST_CHECK
bool sl_segment_set_sort(struct sl_segment_set *set, uint32_t **out_ranks);

/* Slices of a TEXT or OCTETS column, by row; empty where there is no value. */
uint32_t sl_segment_input_slices(const struct sl_segment_input *input,
                                 const struct sl_column *column, struct sl_slice *slices,
                                 uint64_t *present);

#endif
