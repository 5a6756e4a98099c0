/*
 * segment_cursor.h - a cursor from the inside: for what brings its streams and columns about.
 *
 * A stream of the block is a *slot*: the values decoded so far and a bit for each mini that is
 * ready. A column is an *output*: the vector, and a bit for each mini of it that is there. Each of
 * these files calls those below it only:
 *
 *     segment_cursor.c        where the cursor stands: life, seek, focus
 *     segment_match.c        rows of the block that satisfy clauses
 *     segment_vector.c        outputs: from slots, dictionaries and kept blocks to vectors
 *     segment_keep.c          what of the block is kept
 *     segment_stream.c        slots: streams, whatever their form
 *     segment_stream_pair.c   of these, the forms ANSWERS and PAIRED
 *     segment_decode.c        buffers, and parts of the file decoded into them
 *
 * A cursor that is *focused* on a few rows has slots of that many values, in its arena. They are
 * taken from the block's slots where these are ready, else single values are decoded.
 *
 * Ownership: values of slots and outputs lie in a buffer of the pools, in the arena, or are lent by
 *            a kept block. All of it goes back when the cursor moves.
 * Errors:    SL_LIMIT when a block does not fit the budget; SL_CORRUPT with file and offset. What
 *            fails is not marked as ready, and the cursor may be moved.
 * Threads:   a cursor belongs to one.
 * Layer:     segment, internal.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_CURSOR_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_CURSOR_H

#include "storage/segment/segment_match.h"
#include "storage/segment/segment_open.h"
#include "storage/segment/segment_stock.h"

#define SL_SEGMENT_CURSOR_MAGIC UINT32_C(0x43474553) /* "SEGC" */

enum { SL_SEGMENT_ALL_MINIS = (1 << SL_BLOCK_MINIS) - 1 };

/* Buffers of one kind. */
struct sl_segment_pool {
    void **buffers; /* owned; of the stock */
    uint32_t count;
    uint32_t used;
};

/* A stream of the block. */
struct sl_segment_slot {
    uint32_t ready; /* minis */
    uint8_t width;  /* 4 or 8 */
    void *values;
};

/* A column of the block. */
struct sl_segment_output {
    uint32_t ready;     /* minis of `vector` that are converted */
    bool is_open;       /* the fields of `vector` are set, but for the values to come */
    bool lacks_entries; /* of addresses: the vector has codes alone; `constant` is one */
    void *values;       /* of its own; NULL: those of the slot */
    uint64_t constant;
    struct sl_addr constant_addr;
    struct sl_segment_kept *kept; /* what the vector lends; NULL: buffers of the cursor */
    struct sl_vector vector;
};

struct sl_segment_cursor {
    uint32_t magic;
    struct sl_budget *budget;         /* borrowed; NULL: unbounded */
    struct sl_segment_reader *reader; /* NULL: nowhere */
    uint32_t group_number;
    uint32_t block;
    uint32_t expected_end; /* blocks below will be asked for too */
    uint32_t block_rows;
    uint32_t row_count;   /* of the vectors: block_rows, or the rows focused on */
    const uint32_t *rows; /* focused: their numbers in the block; in the arena. NULL: all */
    uint32_t focus_minis; /* of the block: those with such a row */
    const struct sl_segment_group *group;
    struct sl_segment_pool pools[SL_SEGMENT_BUFFER_KINDS]; /* by kind */
    struct sl_segment_slot *slots;
    struct sl_segment_slot *block_slots; /* focused: of the whole block, as it was before */
    uint32_t slot_capacity;              /* of both */
    struct sl_segment_output *outputs;
    uint32_t output_capacity;
    uint8_t *raw; /* owned: bytes of the part being decoded; a buffer, or larger than any */
    size_t raw_capacity;
    size_t budget_bytes;    /* taken from the budget */
    struct sl_arena *arena; /* strings of the block */
    bool is_distrustful;    /* zones are to be proven, not believed */
    bool is_keeping;        /* readers' caches are used */
    uint64_t scan_rows;     /* is_keeping: of the whole query, at most */
    uint32_t row_bytes;     /* of what was asked for of the block before, as it is kept */
    struct sl_segment_match lookup;
};

/* Minis with a row of the selection; NULL: all rows. */
static inline uint32_t
sl_segment_minis_of(const uint64_t *selection, uint32_t row_count)
{
    enum { WORDS_PER_MINI = SL_MINI_ROWS / 64 };
    if (selection == NULL)
        return SL_SEGMENT_ALL_MINIS;
    uint32_t minis = 0;
    size_t words = sl_words_for(row_count);
    for (size_t first = 0; first < words; first += WORDS_PER_MINI) {
        uint64_t any = 0;
        for (size_t w = first; w < first + WORDS_PER_MINI && w < words; w++)
            any |= selection[w];
        minis |= (uint32_t)(any != 0) << (first / WORDS_PER_MINI);
    }
    return minis;
}

/* Change between the slots of the rows focused on and those of the whole block. */
static inline void
sl_segment_cursor_exchange_slots(struct sl_segment_cursor *cursor)
{
    struct sl_segment_slot *slots = cursor->slots;
    cursor->slots = cursor->block_slots;
    cursor->block_slots = slots;
}

/* Is the block decoded where the rows focused on lie? */
static inline bool
sl_segment_cursor_is_ready(const struct sl_segment_cursor *cursor, uint32_t index)
{
    const struct sl_segment_slot *block = &cursor->block_slots[index];
    return cursor->rows != NULL && block->values != NULL &&
           (cursor->focus_minis & ~block->ready) == 0;
}

/* Rows of a mini that the vectors have. */
static inline uint32_t
sl_segment_cursor_mini_rows(const struct sl_segment_cursor *cursor, unsigned mini)
{
    uint32_t first = mini * SL_MINI_ROWS;
    uint32_t left = cursor->row_count > first ? cursor->row_count - first : 0;
    return left < SL_MINI_ROWS ? left : SL_MINI_ROWS;
}

/* Values of one mini as 64 bits: where they are, or widened into `room`. */
static inline const uint64_t *
sl_segment_slot_widen(const struct sl_segment_slot *slot, uint32_t first, uint32_t count,
                      uint64_t *room)
{
    if (slot->width == 8)
        return (const uint64_t *)slot->values + first;
    const uint32_t *values = (const uint32_t *)slot->values + first;
    for (uint32_t i = 0; i < count; i++)
        room[i] = values[i];
    return room;
}

#endif
