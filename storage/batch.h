/*
 * batch.h - columns in memory: the currency between the layers of sluice.
 *
 * A *vector* is one column of some rows. It keeps the encoding it was found in, so that work
 * can be done once for each distinct value instead of once for each row:
 *
 *   SL_PLAIN     values[row]
 *   SL_CONSTANT  values[0] for every row; value_count 0 means NULL for every row
 *   SL_DICT      values[codes[row]]
 *
 * Values of fixed types lie in `values`, each `width` bytes, little-endian host integers. The
 * width may be smaller than the type's for unsigned types (1, 2, 4 or 8, zero-extended) and is
 * 4 or 16 for ADDR: 4 means that all values are IPv4, as the low 32 bits of their keys. All
 * other types have exactly sl_type_bytes(type). TEXT and OCTETS lie in `bytes`, value i from
 * offsets[i] to offsets[i + 1].
 *
 * Presence: `present` NULL means that every row has a value; otherwise bit `row` of it tells.
 * A row without a value has an unspecified but readable one (a code below value_count, or 0
 * when value_count is 0). Bits at and beyond `count` are zero.
 *
 * A *batch* is a set of vectors of equal length with the columns they belong to. Columns that
 * are not in it are NULL for all its rows, or 0 where the column is not nullable.
 *
 * Ownership: a vector borrows everything; whoever hands it out says until when. A batch is
 *            immutable, reference-counted, and owns (through its arena) all its vectors point to.
 * Threads:   a batch may be read by any number of threads.
 * Layer:     batch. Facade: every layer above may include it.
 */
#ifndef SLUICE_STORAGE_BATCH_H
#define SLUICE_STORAGE_BATCH_H

#include "storage/base/addr.h"
#include "storage/base/arena.h"
#include "storage/base/base.h"
#include "storage/base/limits.h"
#include "storage/base/status.h"
#include "storage/schema.h"
#include "storage/type.h"

enum sl_encoding { SL_PLAIN = 0, SL_CONSTANT = 1, SL_DICT = 2 };

struct sl_vector {
    enum sl_type type;
    enum sl_encoding encoding;
    uint8_t width;           /* bytes of a value in `values`; 0 for TEXT and OCTETS */
    uint8_t scale;           /* DECIMAL: digits after the point */
    bool is_sorted;          /* DICT: values ascend strictly in the order of the type */
    uint32_t count;          /* rows */
    uint32_t value_count;    /* entries: count, 1 or 0, or the size of the dictionary */
    const void *values;      /* fixed types */
    const uint32_t *offsets; /* TEXT, OCTETS: value_count + 1 */
    const uint8_t *bytes;    /* TEXT, OCTETS */
    const uint32_t *codes;   /* DICT: count entries below value_count */
    const uint64_t *present; /* NULL: all rows; else a bitmap of count bits */
    uint64_t dictionary;     /* DICT: who has the same number has the same entries; 0: no one */
};

/* Rows of a column of addresses that lie between two: told by codes of a sorted dictionary. */
enum sl_code_rows {
    SL_CODES_NONE,
    SL_CODES_ALL,     /* that have a value */
    SL_CODES_BETWEEN, /* that have a value, and a code first .. first + span */
};

struct sl_code_range {
    enum sl_code_rows rows;
    const uint32_t *codes;   /* BETWEEN: by row */
    const uint64_t *present; /* NULL: all rows have a value; else a bitmap */
    uint32_t first, span;
};

/* A borrowed byte string. */
struct sl_slice {
    const uint8_t *bytes;
    uint32_t size_bytes;
};

static inline bool
sl_vector_is_null(const struct sl_vector *v, uint32_t row)
{
    if (v->encoding == SL_CONSTANT && v->value_count == 0)
        return true;
    return v->present != NULL && !sl_bit_get(v->present, row);
}

/* Entry of `values` that row has: row, 0, or its code. */
static inline uint32_t
sl_vector_entry(const struct sl_vector *v, uint32_t row)
{
    switch (v->encoding) {
    case SL_PLAIN:
        return row;
    case SL_CONSTANT:
        return 0;
    case SL_DICT:
        return v->codes[row];
    }
    return 0;
}

/* Entry `entry` of an integer vector (unsigned types zero-extended, signed types as their
 * two's complement), whatever its width. */
static inline uint64_t
sl_vector_entry_u64(const struct sl_vector *v, uint32_t entry)
{
    switch (v->width) {
    case 1:
        return ((const uint8_t *)v->values)[entry];
    case 2:
        return ((const uint16_t *)v->values)[entry];
    case 4:
        return ((const uint32_t *)v->values)[entry];
    default:
        return ((const uint64_t *)v->values)[entry];
    }
}

static inline struct sl_addr
sl_vector_entry_addr(const struct sl_vector *v, uint32_t entry)
{
    if (v->width == 4)
        return sl_addr_from_v4(((const uint32_t *)v->values)[entry]);
    return ((const struct sl_addr *)v->values)[entry];
}

static inline struct sl_slice
sl_vector_entry_slice(const struct sl_vector *v, uint32_t entry)
{
    uint32_t start = v->offsets[entry];
    return (struct sl_slice){.bytes = v->bytes + start,
                             .size_bytes = v->offsets[entry + 1] - start};
}

/* The value of a row that is not NULL. */
static inline uint64_t
sl_vector_u64(const struct sl_vector *v, uint32_t row)
{
    return sl_vector_entry_u64(v, sl_vector_entry(v, row));
}

static inline struct sl_addr
sl_vector_addr(const struct sl_vector *v, uint32_t row)
{
    return sl_vector_entry_addr(v, sl_vector_entry(v, row));
}

static inline struct sl_slice
sl_vector_slice(const struct sl_vector *v, uint32_t row)
{
    return sl_vector_entry_slice(v, sl_vector_entry(v, row));
}

static inline double
sl_vector_f64(const struct sl_vector *v, uint32_t row)
{
    return ((const double *)v->values)[sl_vector_entry(v, row)];
}

static inline sl_i128
sl_vector_i128(const struct sl_vector *v, uint32_t row)
{
    return ((const sl_i128 *)v->values)[sl_vector_entry(v, row)];
}

/* out[i] = entry number entries[i] of `values`, all of `width` bytes. */
void sl_vector_copy_entries(const void *values, size_t width, const uint32_t *entries,
                            uint32_t count, void *out);

/* Rows first .. first + count of the vector, borrowed from it. first is a multiple of 64. */
struct sl_vector sl_vector_view(const struct sl_vector *v, uint32_t first, uint32_t count);

/* A vector of `count` NULLs. */
struct sl_vector sl_vector_nulls(enum sl_type type, uint32_t count);

struct sl_batch_column {
    const struct sl_column *column; /* borrowed from the schema */
    struct sl_vector vector;
};

struct sl_batch {
    uint32_t row_count;    /* 1 .. SL_BATCH_ROWS_MAX */
    uint32_t column_count; /* each column at most once, in no order */
    const struct sl_batch_column *columns;
    _Atomic uint32_t references;
    struct sl_arena *arena; /* owned: everything above lies in it */
};

void sl_batch_acquire(struct sl_batch *batch);
/* NULL is allowed. Frees with the last reference. */
void sl_batch_release(struct sl_batch *batch);

/* The vector of a column, or NULL when the batch lacks it. */
const struct sl_vector *sl_batch_find(const struct sl_batch *batch, const struct sl_column *column);

/* Bytes of memory it holds. */
size_t sl_batch_bytes(const struct sl_batch *batch);

/*
 * Build a batch row by row.
 *
 * A decoder asks once for each column it fills, then writes values of row `builder->row_count`
 * straight into the column's array of plain values at the type's full width, and counts the
 * row when it is complete. A column that a row does not set is NULL there (0 where the column
 * is not nullable): sl_builder_next clears what the last row might have left.
 *
 * Threads: one.
 */
struct sl_builder_column {
    const struct sl_column *column;
    union {
        uint8_t *u8;
        uint16_t *u16;
        uint32_t *u32; /* also offsets of TEXT and OCTETS: see sl_builder_set_slice */
        uint64_t *u64;
        int64_t *i64;
        double *f64;
        struct sl_addr *addr;
    } values;          /* capacity entries, zeroed */
    uint64_t *present; /* bitmap of capacity bits; set through the functions below */
    uint32_t set_rows; /* rows with a value so far */
    uint32_t last_end; /* TEXT, OCTETS: rows whose offset is written */
    uint8_t *bytes;    /* TEXT, OCTETS: owned, grows */
    size_t bytes_used;
    size_t bytes_capacity;
};

struct sl_builder {
    uint32_t row_count; /* complete rows */
    uint32_t capacity;  /* at most SL_BATCH_ROWS_MAX */
    uint32_t column_count;
    uint32_t column_capacity;
    struct sl_builder_column **columns;
    uint32_t *slot_of; /* schema index -> position in columns + 1, 0 for none */
    uint32_t slot_capacity;
    size_t bytes_used; /* of all text, so that a batch stays below SL_BATCH_BYTES_MAX */
};

struct sl_builder *sl_builder_create(uint32_t capacity);
void sl_builder_destroy(struct sl_builder *builder);

/* The builder's column, added when missing; the pointer lives until the builder is reset or
 * destroyed. */
struct sl_builder_column *sl_builder_column(struct sl_builder *builder,
                                            const struct sl_column *column);

static inline void
sl_builder_mark(const struct sl_builder *b, struct sl_builder_column *c)
{
    uint64_t bit = UINT64_C(1) << (b->row_count % 64);
    uint64_t *word = &c->present[b->row_count / 64];
    c->set_rows += (*word & bit) == 0;
    *word |= bit;
}

/* An integer of any integer type (two's complement for signed ones). */
void sl_builder_set_u64(struct sl_builder *b, struct sl_builder_column *c, uint64_t value);
void sl_builder_set_f64(struct sl_builder *b, struct sl_builder_column *c, double value);
void sl_builder_set_addr(struct sl_builder *b, struct sl_builder_column *c, struct sl_addr value);
/* Copies; longer than SL_TEXT_BYTES_MAX is cut. The first set of a row wins. */
void sl_builder_set_slice(struct sl_builder *b, struct sl_builder_column *c, const void *bytes,
                          size_t size_bytes);

/* Rows first .. first + count of the column, which may be ahead of the builder's, have values: their
 * entries were written. Below the capacity. */
void sl_builder_mark_rows(struct sl_builder_column *c, uint32_t first, uint32_t count);

/*
 * Texts of many rows from `first` on, none of which has one: between open and close the caller
 * writes up to size_bytes bytes from bytes_used of the answer on, and the end of row r as offset
 * r + 1; close tells the row behind the last one and the end of its text. Rows are then marked.
 */
uint8_t *sl_builder_open_slices(struct sl_builder_column *c, uint32_t first, size_t size_bytes);
void sl_builder_close_slices(struct sl_builder *b, struct sl_builder_column *c, uint32_t end,
                             size_t bytes_used);

/* The row is complete. Asserts that there was room. */
void sl_builder_next(struct sl_builder *b);

/* Take back what the incomplete row has set. */
void sl_builder_abandon(struct sl_builder *b);

static inline bool
sl_builder_is_full(const struct sl_builder *b)
{
    return b->row_count == b->capacity || b->bytes_used > SL_BATCH_BYTES_MAX / 4;
}

/* Take back the incomplete row and all complete ones from `row_count` on. */
void sl_builder_truncate(struct sl_builder *b, uint32_t row_count);

/* What was built, as a batch with one reference (NULL when there are no rows); the builder is
 * empty again. Vectors come out narrow: constant where all rows agree, the smallest width that
 * holds the values, IPv4 as 4 bytes. */
struct sl_batch *sl_builder_finish(struct sl_builder *builder);

#endif
