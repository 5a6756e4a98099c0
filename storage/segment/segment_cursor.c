/*
 * segment_cursor.c - the columns of one block as vectors, decoded mini by mini on demand.
 *
 * A stream of the block is a *slot*: the values decoded so far and a bit for each mini that is
 * ready. A column asks for its stream's closure in ascending order, so that operands are ready
 * before what is computed from them. Buffers are taken from a pool of the cursor and go back when
 * it moves: they are as long as a full block, and a query touches a handful of them.
 *
 * A cursor that is *focused* on a few rows has slots of that many values, in its arena. They are
 * taken from the block's slots where these are ready, else single values are decoded.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "storage/codec/codec.h"
#include "storage/segment/segment_input.h"
#include "storage/segment/segment_open.h"

#define CURSOR_MAGIC UINT32_C(0x43474553) /* "SEGC" */

enum { ALL_MINIS = (1 << SL_BLOCK_MINIS) - 1, BUFFER_KINDS = 4 };

/* Buffers of SL_BLOCK_ROWS values of 1, 2, 4 or 8 bytes. */
struct pool {
    void **buffers; /* owned */
    uint32_t count;
    uint32_t used;
};

/* A stream of the block. */
struct slot {
    uint32_t ready; /* minis */
    uint8_t width;  /* 4 or 8 */
    void *values;
};

/* A column of the block. */
struct output {
    uint32_t ready; /* minis of `vector` that are converted */
    bool is_open;   /* the fields of `vector` are set, but for the values to come */
    void *values;   /* of its own; NULL: those of the slot */
    uint64_t constant;
    struct sl_segment_kept *kept; /* what the vector lends; NULL: buffers of the cursor */
    struct sl_vector vector;
};

struct sl_segment_cursor {
    uint32_t magic;
    struct sl_budget *budget;         /* borrowed; NULL: unbounded */
    struct sl_segment_reader *reader; /* NULL: nowhere */
    uint32_t group_number;
    uint32_t block;
    uint32_t block_rows;
    uint32_t row_count;   /* of the vectors: block_rows, or the rows focused on */
    const uint32_t *rows; /* focused: their numbers in the block; in the arena. NULL: all */
    uint32_t focus_minis; /* of the block: those with such a row */
    const struct sl_segment_group *group;
    struct pool pools[BUFFER_KINDS];
    struct slot *slots;
    struct slot *block_slots; /* focused: of the whole block, as it was before */
    uint32_t slot_capacity;   /* of both */
    struct output *outputs;
    uint32_t output_capacity;
    uint8_t *raw; /* owned: bytes of the part being decoded */
    size_t raw_capacity;
    size_t budget_bytes;    /* taken from the budget */
    struct sl_arena *arena; /* strings of the block */
    bool is_distrustful;    /* zones are to be proven, not believed */
    bool is_keeping;        /* readers' caches are used */
};

static bool
cursor_charge(struct sl_segment_cursor *cursor, size_t bytes)
{
    if (cursor->budget != NULL && !sl_budget_take(cursor->budget, bytes))
        return false;
    cursor->budget_bytes += bytes;
    return true;
}

static sl_status
fail_memory(struct sl_error *err)
{
    return sl_fail(err, SL_LIMIT, "no memory to decode a block");
}

struct sl_segment_cursor *
sl_segment_cursor_create(struct sl_budget *budget)
{
    struct sl_segment_cursor *cursor = sl_new(sizeof(*cursor));
    cursor->magic = CURSOR_MAGIC;
    cursor->budget = budget;
    cursor->arena = sl_segment_arena_create(budget);
    return cursor;
}

void
sl_segment_cursor_distrust(struct sl_segment_cursor *cursor)
{
    cursor->is_distrustful = true;
}

void
sl_segment_cursor_keep(struct sl_segment_cursor *cursor)
{
    cursor->is_keeping = true;
}

/* Give back what the vectors of this block lend. */
static void
leave_kept(struct sl_segment_cursor *cursor)
{
    for (uint32_t i = 0; cursor->group != NULL && i < cursor->group->column_count; i++) {
        if (cursor->outputs[i].kept != NULL)
            sl_segment_cache_leave(cursor->reader->cache, cursor->outputs[i].kept);
        cursor->outputs[i].kept = NULL;
    }
}

static void
leave(struct sl_segment_cursor *cursor)
{
    leave_kept(cursor);
    if (cursor->reader != NULL)
        sl_segment_group_release(cursor->reader, cursor->group_number);
    cursor->reader = NULL;
    cursor->group = NULL;
}

void
sl_segment_cursor_destroy(struct sl_segment_cursor *cursor)
{
    if (cursor == NULL)
        return;
    SL_ASSERT(cursor->magic == CURSOR_MAGIC);
    leave(cursor);
    for (unsigned k = 0; k < BUFFER_KINDS; k++) {
        for (uint32_t i = 0; i < cursor->pools[k].count; i++)
            free(cursor->pools[k].buffers[i]);
        free(cursor->pools[k].buffers);
    }
    free(cursor->slots);
    free(cursor->block_slots);
    free(cursor->outputs);
    free(cursor->raw);
    sl_arena_destroy(cursor->arena);
    if (cursor->budget != NULL)
        sl_budget_give(cursor->budget, cursor->budget_bytes);
    sl_retire(&cursor->magic);
    free(cursor);
}

/* A buffer of a block of values of `width` bytes. What it holds is unspecified. */
static void *
take_block_buffer(struct sl_segment_cursor *cursor, uint8_t width)
{
    unsigned kind = width == 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : 3;
    struct pool *pool = &cursor->pools[kind];
    if (pool->used == pool->count) {
        size_t bytes = (size_t)SL_BLOCK_ROWS * width;
        if (!cursor_charge(cursor, bytes))
            return NULL;
        void *buffer = sl_try_alloc(bytes);
        if (buffer == NULL)
            return NULL;
        pool->buffers = sl_grow(pool->buffers, sizeof(*pool->buffers), pool->count + 1);
        pool->buffers[pool->count++] = buffer;
    }
    return pool->buffers[pool->used++];
}

/* A buffer of as many values as vectors have. */
static void *
take_buffer(struct sl_segment_cursor *cursor, uint8_t width)
{
    if (cursor->rows != NULL)
        return sl_arena_alloc(cursor->arena, (size_t)cursor->row_count * width);
    return take_block_buffer(cursor, width);
}

/* Room for the slots and outputs of a group, all empty. */
static void
clear_slots(struct sl_segment_cursor *cursor)
{
    uint32_t streams = cursor->group->stream_count;
    uint32_t columns = cursor->group->column_count;
    if (streams > cursor->slot_capacity) {
        cursor->slots = sl_grow(cursor->slots, sizeof(*cursor->slots), streams);
        cursor->block_slots = sl_grow(cursor->block_slots, sizeof(*cursor->slots), streams);
        cursor->slot_capacity = streams;
    }
    if (columns > cursor->output_capacity) {
        cursor->outputs = sl_grow(cursor->outputs, sizeof(*cursor->outputs), columns);
        cursor->output_capacity = columns;
    }
    if (streams != 0)
        memset(cursor->slots, 0, streams * sizeof(*cursor->slots));
    if (columns != 0)
        memset(cursor->outputs, 0, columns * sizeof(*cursor->outputs));
    for (unsigned k = 0; k < BUFFER_KINDS; k++)
        cursor->pools[k].used = 0;
    sl_arena_reset(cursor->arena);
}

sl_status
sl_segment_cursor_seek(struct sl_segment_cursor *cursor, struct sl_segment_reader *reader,
                       uint32_t group, uint32_t block, struct sl_error *err)
{
    SL_ASSERT(cursor->magic == CURSOR_MAGIC);
    if (reader == NULL) {
        leave(cursor);
        return SL_OK;
    }
    SL_ASSERT(reader->magic == SL_SEGMENT_READER_MAGIC);
    if (group >= reader->footer.summary.group_count ||
        block >= reader->footer.groups[group].block_count)
        return sl_fail(err, SL_MISSING, "%s: no block %u in row group %u", reader->name, block,
                       group);
    if (cursor->reader != reader || cursor->group_number != group) {
        sl_segment_group_acquire(reader, group);
        leave(cursor);
    }
    leave_kept(cursor);
    cursor->reader = reader;
    cursor->group_number = group;
    cursor->group = &reader->footer.groups[group];
    cursor->block = block;
    cursor->block_rows = sl_segment_block_size(cursor->group->row_count, block);
    cursor->row_count = cursor->block_rows;
    cursor->rows = NULL;
    clear_slots(cursor);
    return SL_OK;
}

static uint32_t
minis_of(const uint64_t *selection, uint32_t row_count)
{
    enum { WORDS_PER_MINI = SL_MINI_ROWS / 64 };
    if (selection == NULL)
        return ALL_MINIS;
    uint32_t minis = 0;
    for (size_t w = 0; w < sl_words_for(row_count); w++)
        minis |= (uint32_t)(selection[w] != 0) << (w / WORDS_PER_MINI);
    return minis;
}

static void
exchange_slots(struct sl_segment_cursor *cursor)
{
    struct slot *slots = cursor->slots;
    cursor->slots = cursor->block_slots;
    cursor->block_slots = slots;
}

sl_status
sl_segment_cursor_focus(struct sl_segment_cursor *cursor, const uint64_t *selection,
                        uint32_t *out_row_count, struct sl_error *err)
{
    SL_ASSERT(cursor->magic == CURSOR_MAGIC);
    SL_ASSERT(cursor->reader != NULL && cursor->rows == NULL);
    uint32_t count = (uint32_t)sl_words_count(selection, sl_words_for(cursor->block_rows));
    uint32_t *rows = sl_arena_alloc(cursor->arena, count * sizeof(*rows));
    if (rows == NULL)
        return fail_memory(err);
    count = 0;
    for (size_t w = 0; w < sl_words_for(cursor->block_rows); w++)
        for (uint64_t bits = selection[w]; bits != 0; bits &= bits - 1)
            rows[count++] = (uint32_t)w * 64 + (uint32_t)__builtin_ctzll(bits);
    leave_kept(cursor);
    exchange_slots(cursor);
    memset(cursor->slots, 0, cursor->group->stream_count * sizeof(*cursor->slots));
    memset(cursor->outputs, 0, cursor->group->column_count * sizeof(*cursor->outputs));
    cursor->focus_minis = minis_of(selection, cursor->block_rows);
    cursor->rows = rows;
    cursor->row_count = count;
    *out_row_count = count;
    return SL_OK;
}

uint32_t
sl_segment_cursor_row(const struct sl_segment_cursor *cursor, uint32_t row)
{
    SL_ASSERT(cursor->rows != NULL && row < cursor->row_count);
    return cursor->rows[row];
}

/* The bytes of a part in the cursor's scratch. */
static sl_status
read_raw(struct sl_segment_cursor *cursor, const struct sl_segment_part *part,
         struct sl_segment_counters *counters, struct sl_error *err)
{
    if (part->size_bytes > cursor->raw_capacity) {
        size_t capacity = part->size_bytes + part->size_bytes / 4;
        if (!cursor_charge(cursor, capacity - cursor->raw_capacity))
            return fail_memory(err);
        uint8_t *raw = realloc(cursor->raw, capacity);
        if (raw == NULL)
            return fail_memory(err);
        cursor->raw = raw;
        cursor->raw_capacity = capacity;
    }
    return sl_segment_read_part(cursor->reader, part, cursor->raw, counters, err);
}

static sl_status
decode_values(struct sl_segment_cursor *cursor, const struct sl_segment_part *part, uint32_t count,
              uint32_t minis, uint8_t width, void *values, struct sl_segment_counters *counters,
              struct sl_error *err)
{
    SL_TRY(read_raw(cursor, part, counters, err));
    enum sl_codec codec = (enum sl_codec)part->codec;
    sl_status st =
        width == 4
            ? sl_codec_decode_u32(codec, cursor->raw, part->size_bytes, count, minis, values, err)
            : sl_codec_decode(codec, cursor->raw, part->size_bytes, count, minis, values, err);
    if (st != SL_OK)
        sl_segment_locate(cursor->reader, part->offset, err);
    if (counters != NULL)
        counters->values_decoded += (uint64_t)__builtin_popcount(minis) * SL_MINI_ROWS;
    return st;
}

/* Values of single rows, those that the cursor is focused on. */
static sl_status
decode_rows(struct sl_segment_cursor *cursor, const struct sl_segment_part *part, struct slot *slot,
            struct sl_segment_counters *counters, struct sl_error *err)
{
    uint64_t *wide = slot->values;
    uint64_t all = 0;
    if (slot->width == 4)
        wide = sl_arena_alloc(cursor->arena, cursor->row_count * sizeof(*wide));
    if (wide == NULL)
        return fail_memory(err);
    SL_TRY(read_raw(cursor, part, counters, err));
    sl_status st =
        sl_codec_decode_rows((enum sl_codec)part->codec, cursor->raw, part->size_bytes,
                             cursor->block_rows, cursor->rows, cursor->row_count, wide, err);
    if (st != SL_OK) {
        sl_segment_locate(cursor->reader, part->offset, err);
        return st;
    }
    if (counters != NULL)
        counters->values_decoded += cursor->row_count;
    for (uint32_t i = 0; slot->width == 4 && i < cursor->row_count; i++) {
        all |= wide[i];
        ((uint32_t *)slot->values)[i] = (uint32_t)wide[i];
    }
    if (all > UINT32_MAX)
        return sl_segment_fail(cursor->reader, part->offset, err, "a value beyond 32 bits");
    return SL_OK;
}

/* Is the block decoded where the rows focused on lie? */
static bool
is_ready(const struct sl_segment_cursor *cursor, uint32_t index)
{
    const struct slot *block = &cursor->block_slots[index];
    return cursor->rows != NULL && block->values != NULL &&
           (cursor->focus_minis & ~block->ready) == 0;
}

/* The rows focused on, from what is decoded of the block. */
static void
pick_ready(const struct sl_segment_cursor *cursor, uint32_t index, struct slot *slot)
{
    const struct slot *block = &cursor->block_slots[index];
    if (slot->width == 4)
        for (uint32_t i = 0; i < cursor->row_count; i++)
            ((uint32_t *)slot->values)[i] = ((const uint32_t *)block->values)[cursor->rows[i]];
    else
        for (uint32_t i = 0; i < cursor->row_count; i++)
            ((uint64_t *)slot->values)[i] = ((const uint64_t *)block->values)[cursor->rows[i]];
}

static uint32_t
mini_rows(const struct sl_segment_cursor *cursor, unsigned mini)
{
    uint32_t first = mini * SL_MINI_ROWS;
    uint32_t left = cursor->row_count > first ? cursor->row_count - first : 0;
    return left < SL_MINI_ROWS ? left : SL_MINI_ROWS;
}

/* Values of one mini as 64 bits: where they are, or widened into `room`. */
static const uint64_t *
widen(const struct slot *slot, uint32_t first, uint32_t count, uint64_t *room)
{
    if (slot->width == 8)
        return (const uint64_t *)slot->values + first;
    const uint32_t *values = (const uint32_t *)slot->values + first;
    for (uint32_t i = 0; i < count; i++)
        room[i] = values[i];
    return room;
}

static void
select_narrow(const struct slot *a, const struct slot *b, const struct slot *c, uint32_t first,
              uint32_t count, uint32_t *out)
{
    const uint32_t *sides = (const uint32_t *)a->values + first;
    const uint32_t *left = (const uint32_t *)b->values + first;
    const uint32_t *right = (const uint32_t *)c->values + first;
    for (uint32_t i = 0; i < count; i++)
        out[first + i] = sides[i] == 0 ? left[i] : right[i];
}

/* Products of 32 bits are one instruction where those of 64 are none. */
static void
scale_narrow(const struct slot *a, const struct slot *b, const struct slot *c, uint32_t first,
             uint32_t count, uint64_t *out)
{
    const uint32_t *x = (const uint32_t *)a->values + first;
    const uint32_t *y = (const uint32_t *)b->values + first;
    const uint32_t *z = (const uint32_t *)c->values + first;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t product = (uint64_t)x[i] * y[i] + z[i];
        out[first + i] = x[i] == 0 ? y[i] : product;
    }
}

/* One mini of a computed stream of width 8. */
static void
combine_wide(enum sl_segment_form form, const struct slot *a, const struct slot *b,
             const struct slot *c, uint32_t first, uint32_t count, uint64_t *out)
{
    uint64_t room[3][SL_MINI_ROWS];
    const uint64_t *x = widen(a, first, count, room[0]);
    const uint64_t *y = widen(b, first, count, room[1]);
    out += first;
    if (form == SL_SEGMENT_FORM_ADD) {
        for (uint32_t i = 0; i < count; i++)
            out[i] = x[i] + y[i];
        return;
    }
    const uint64_t *z = widen(c, first, count, room[2]);
    if (form == SL_SEGMENT_FORM_SELECT) {
        for (uint32_t i = 0; i < count; i++)
            out[i] = x[i] == 0 ? y[i] : z[i];
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        out[i] = x[i] == 0 ? y[i] : x[i] * y[i] + z[i];
}

/* The map at a's values. */
static sl_status
look_up(struct sl_segment_cursor *cursor, uint32_t index, const struct slot *a,
        const struct sl_segment_item *item, uint32_t first, uint32_t count, struct slot *slot,
        struct sl_error *err)
{
    const struct sl_segment_stream *stream = &cursor->group->streams[index];
    const uint32_t *codes = (const uint32_t *)a->values + first;
    uint32_t beyond = 0;
    for (uint32_t i = 0; i < count; i++)
        beyond |= codes[i] >= stream->map_count;
    if (beyond != 0)
        return sl_segment_fail(cursor->reader, cursor->group->directory.offset, err,
                               "stream %u: a key beyond the map of %u entries", index,
                               stream->map_count);
    /* Locals: a store through values may else change where the map is. */
    if (slot->width == 4) {
        const uint32_t *map = item->map_narrow;
        uint32_t *values = (uint32_t *)slot->values + first;
        for (uint32_t i = 0; i < count; i++)
            values[i] = map[codes[i]];
    } else {
        const uint64_t *map = item->map_wide;
        uint64_t *values = (uint64_t *)slot->values + first;
        for (uint32_t i = 0; i < count; i++)
            values[i] = map[codes[i]];
    }
    return SL_OK;
}

/* Exceptions of the block, over whatever the map gave. */
static sl_status
apply_exceptions(struct sl_segment_cursor *cursor, const struct sl_segment_stream *stream,
                 struct slot *slot, struct sl_segment_counters *counters, struct sl_error *err)
{
    uint32_t count = stream->exception_counts[cursor->block];
    if (count == 0)
        return SL_OK;
    uint32_t *rows = take_block_buffer(cursor, 4);
    uint64_t *values = take_block_buffer(cursor, 8);
    uint32_t next = 0; /* of the rows focused on */
    if (rows == NULL || values == NULL)
        return fail_memory(err);
    const struct sl_segment_part *rows_part = &stream->exception_rows[cursor->block];
    SL_TRY(decode_values(cursor, rows_part, count, ALL_MINIS, 4, rows, counters, err));
    SL_TRY(decode_values(cursor, &stream->exception_values[cursor->block], count, ALL_MINIS, 8,
                         values, counters, err));
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i] >= cursor->block_rows || (i > 0 && rows[i] <= rows[i - 1]) ||
            (slot->width == 4 && values[i] > UINT32_MAX))
            return sl_segment_fail(cursor->reader, rows_part->offset, err,
                                   "exception %u is out of order or range", i);
        uint32_t at = rows[i];
        if (cursor->rows != NULL) {
            while (next < cursor->row_count && cursor->rows[next] < at)
                next++;
            if (next == cursor->row_count || cursor->rows[next] != at)
                continue;
            at = next;
        }
        if (slot->width == 4)
            ((uint32_t *)slot->values)[at] = (uint32_t)values[i];
        else
            ((uint64_t *)slot->values)[at] = values[i];
    }
    cursor->pools[2].used--;
    cursor->pools[3].used--;
    return SL_OK;
}

static sl_status
evaluate_function(struct sl_segment_cursor *cursor, uint32_t index, uint32_t minis,
                  struct slot *slot, struct sl_segment_counters *counters, struct sl_error *err)
{
    const struct sl_segment_stream *stream = &cursor->group->streams[index];
    const struct sl_segment_item *item;
    SL_TRY(sl_segment_item_get(cursor->reader, cursor->group_number,
                               sl_segment_item_of_stream(cursor->group, index), &item, counters,
                               err));
    for (unsigned m = 0; m < SL_BLOCK_MINIS; m++)
        if ((minis >> m & 1) != 0)
            SL_TRY(look_up(cursor, index, &cursor->slots[stream->a], item, m * SL_MINI_ROWS,
                           mini_rows(cursor, m), slot, err));
    return apply_exceptions(cursor, stream, slot, counters, err);
}

/* Bring the minis of a stream about whose operands are ready. */
static sl_status
evaluate_one(struct sl_segment_cursor *cursor, uint32_t index, uint32_t minis,
             struct sl_segment_counters *counters, struct sl_error *err)
{
    const struct sl_segment_stream *stream = &cursor->group->streams[index];
    struct slot *slot = &cursor->slots[index];
    minis &= ~slot->ready;
    if (minis == 0)
        return SL_OK;
    if (slot->values == NULL) {
        slot->width = stream->width;
        slot->values = take_buffer(cursor, slot->width);
        if (slot->values == NULL)
            return fail_memory(err);
        if (minis != ALL_MINIS) /* readable, and no code beyond a dictionary */
            memset(slot->values, 0, (size_t)cursor->row_count * slot->width);
    }
    enum sl_segment_form form = (enum sl_segment_form)stream->form;
    if (is_ready(cursor, index)) {
        pick_ready(cursor, index, slot);
    } else if (form == SL_SEGMENT_FORM_VALUES && cursor->rows != NULL) {
        SL_TRY(decode_rows(cursor, &stream->blocks[cursor->block], slot, counters, err));
    } else if (form == SL_SEGMENT_FORM_VALUES) {
        SL_TRY(decode_values(cursor, &stream->blocks[cursor->block], cursor->row_count, minis,
                             slot->width, slot->values, counters, err));
    } else if (form == SL_SEGMENT_FORM_FUNCTION) {
        SL_TRY(evaluate_function(cursor, index, minis, slot, counters, err));
    } else {
        const struct slot *a = &cursor->slots[stream->a];
        const struct slot *b = &cursor->slots[stream->b];
        const struct slot *c = &cursor->slots[stream->c];
        for (unsigned m = 0; m < SL_BLOCK_MINIS; m++) {
            uint32_t count = (minis >> m & 1) != 0 ? mini_rows(cursor, m) : 0;
            if (count == 0)
                continue;
            if (slot->width == 4)
                select_narrow(a, b, c, m * SL_MINI_ROWS, count, slot->values);
            else if (form == SL_SEGMENT_FORM_SCALE && a->width + b->width + c->width == 12)
                scale_narrow(a, b, c, m * SL_MINI_ROWS, count, slot->values);
            else
                combine_wide(form, a, b, c, m * SL_MINI_ROWS, count, slot->values);
        }
    }
    slot->ready |= minis;
    return SL_OK;
}

static sl_status
evaluate(struct sl_segment_cursor *cursor, uint32_t index, uint32_t minis,
         struct sl_segment_counters *counters, struct sl_error *err)
{
    const struct sl_segment_stream *stream = &cursor->group->streams[index];
    if (is_ready(cursor, index)) /* no need of what it is computed from */
        return evaluate_one(cursor, index, minis, counters, err);
    for (uint32_t i = 0; i < stream->closure_count; i++)
        SL_TRY(evaluate_one(cursor, stream->closure[i], minis, counters, err));
    return SL_OK;
}

/* The largest value that a column of the type may have. */
static uint64_t
type_limit(enum sl_type type)
{
    switch ((int)type) {
    case SL_TYPE_U8:
        return UINT8_MAX;
    case SL_TYPE_BOOL:
        return 1;
    case SL_TYPE_U16:
        return UINT16_MAX;
    case SL_TYPE_U32:
        return UINT32_MAX;
    case SL_TYPE_MAC:
        return (UINT64_C(1) << 48) - 1;
    default:
        return UINT64_MAX;
    }
}

static uint64_t
max_of(const struct slot *slot, uint32_t first, uint32_t count)
{
    uint64_t max = 0;
    if (slot->width == 4) {
        uint32_t narrow = 0;
        const uint32_t *values = (const uint32_t *)slot->values + first;
        for (uint32_t i = 0; i < count; i++)
            narrow = values[i] > narrow ? values[i] : narrow;
        return narrow;
    }
    const uint64_t *values = (const uint64_t *)slot->values + first;
    for (uint32_t i = 0; i < count; i++)
        max = values[i] > max ? values[i] : max;
    return max;
}

/* Keys of one mini as values of the vector. */
static void
convert(const struct slot *slot, enum sl_type type, uint8_t width, uint32_t first, uint32_t count,
        void *out)
{
    uint64_t room[SL_MINI_ROWS];
    const uint64_t *keys = widen(slot, first, count, room);
    if (width == 1)
        for (uint32_t i = 0; i < count; i++)
            ((uint8_t *)out)[first + i] = (uint8_t)keys[i];
    else if (width == 2)
        for (uint32_t i = 0; i < count; i++)
            ((uint16_t *)out)[first + i] = (uint16_t)keys[i];
    else if (width == 4)
        for (uint32_t i = 0; i < count; i++)
            ((uint32_t *)out)[first + i] = (uint32_t)keys[i];
    else
        for (uint32_t i = 0; i < count; i++)
            ((uint64_t *)out)[first + i] = sl_segment_key_value(type, keys[i]);
}

/* Presence of the whole block as a bitmap. */
static sl_status
open_presence(struct sl_segment_cursor *cursor, const struct sl_segment_group_column *column,
              struct output *output, struct sl_segment_counters *counters, struct sl_error *err)
{
    const struct sl_segment_zone *zone = &column->zones[cursor->block];
    bool is_all = zone->null_count == 0 && !cursor->is_distrustful;
    if (column->presence == SL_SEGMENT_NONE || is_all)
        return SL_OK;
    SL_TRY(evaluate(cursor, column->presence, ALL_MINIS, counters, err));
    uint64_t *present =
        sl_arena_calloc(cursor->arena, sl_words_for(cursor->row_count), sizeof(*present));
    if (present == NULL)
        return fail_memory(err);
    const struct slot *slot = &cursor->slots[column->presence];
    uint32_t null_count = 0;
    for (uint32_t i = 0; i < cursor->row_count; i++) {
        uint64_t value = slot->width == 4 ? ((const uint32_t *)slot->values)[i]
                                          : ((const uint64_t *)slot->values)[i];
        present[i / 64] |= (uint64_t)(value != 0) << (i % 64);
        null_count += value == 0;
    }
    if (cursor->rows == NULL && null_count != zone->null_count)
        return sl_segment_fail(cursor->reader, cursor->group->directory.offset, err,
                               "stream %u: %u rows without a value, not %u", column->presence,
                               null_count, zone->null_count);
    output->vector.present = present;
    return SL_OK;
}

/* Entries of a dictionary as those of the vector, from `first` on. */
static void
set_entries(const struct sl_segment_item *item, uint32_t first, uint32_t count,
            struct sl_vector *vector)
{
    vector->value_count = count;
    if (item->short_addrs != NULL) {
        vector->width = 4;
        vector->values = item->short_addrs + first;
    } else if (item->addrs != NULL) {
        vector->width = sizeof(struct sl_addr);
        vector->values = item->addrs + first;
    } else {
        vector->offsets = item->offsets + first;
        vector->bytes = item->bytes;
    }
}

/* The strings of the rows focused on, out of all those of the block. */
static sl_status
pick_strings(struct sl_segment_cursor *cursor, const uint8_t *bytes, const uint32_t *offsets,
             struct sl_vector *vector, struct sl_error *err)
{
    uint32_t *ends = sl_arena_alloc(cursor->arena, (cursor->row_count + 1) * sizeof(*ends));
    uint32_t total = 0;
    for (uint32_t i = 0; i < cursor->row_count; i++)
        total += offsets[cursor->rows[i] + 1] - offsets[cursor->rows[i]];
    uint8_t *picked = sl_arena_alloc(cursor->arena, total);
    if (ends == NULL || picked == NULL)
        return fail_memory(err);
    ends[0] = 0;
    for (uint32_t i = 0; i < cursor->row_count; i++) {
        uint32_t first = offsets[cursor->rows[i]];
        uint32_t size_bytes = offsets[cursor->rows[i] + 1] - first;
        if (size_bytes != 0)
            memcpy(&picked[ends[i]], &bytes[first], size_bytes);
        ends[i + 1] = ends[i] + size_bytes;
    }
    vector->bytes = picked;
    vector->offsets = ends;
    return SL_OK;
}

/* All strings of a block without a dictionary. */
static sl_status
open_strings(struct sl_segment_cursor *cursor, const struct sl_segment_stream *stream,
             struct output *output, struct sl_segment_counters *counters, struct sl_error *err)
{
    const struct sl_segment_part *part = &stream->blocks[cursor->block];
    uint8_t *bytes;
    uint32_t *offsets;
    SL_TRY(read_raw(cursor, part, counters, err));
    sl_status st = sl_codec_decode_bytes(cursor->raw, part->size_bytes, cursor->block_rows,
                                         stream->block_bytes[cursor->block], cursor->arena, &bytes,
                                         &offsets, err);
    if (st != SL_OK) {
        sl_segment_locate(cursor->reader, part->offset, err);
        return st;
    }
    if (offsets[cursor->block_rows] != stream->block_bytes[cursor->block])
        return sl_segment_fail(cursor->reader, part->offset, err, "%u bytes of strings, not %u",
                               offsets[cursor->block_rows], stream->block_bytes[cursor->block]);
    if (counters != NULL)
        counters->values_decoded += cursor->block_rows;
    output->vector.bytes = bytes;
    output->vector.offsets = offsets;
    output->vector.value_count = cursor->row_count;
    output->ready = ALL_MINIS;
    return cursor->rows == NULL ? SL_OK
                                : pick_strings(cursor, bytes, offsets, &output->vector, err);
}

/* A block whose zone says that all values are one: nothing is read but a dictionary. */
static void
open_constant(const struct sl_column *column, uint64_t key, const struct sl_segment_item *item,
              struct output *output)
{
    struct sl_vector *vector = &output->vector;
    vector->encoding = SL_CONSTANT;
    output->ready = ALL_MINIS;
    if (item != NULL) {
        set_entries(item, (uint32_t)key, 1, vector);
        return;
    }
    output->constant = sl_segment_key_value(column->type, key);
    vector->width = (uint8_t)sl_type_bytes(column->type);
    vector->values = &output->constant;
    vector->value_count = 1;
}

/* The place of a column of the block in the reader's cache; NULL: it has none. */
static struct sl_segment_kept **
place_of(const struct sl_segment_cursor *cursor, const struct sl_segment_group_column *column)
{
    const struct sl_segment_open_group *open = &cursor->reader->groups[cursor->group_number];
    if (!cursor->is_keeping || cursor->reader->cache == NULL || cursor->is_distrustful ||
        cursor->group->streams[column->stream].form == SL_SEGMENT_FORM_BYTES)
        return NULL;
    return &open->kept[(size_t)(column - cursor->group->columns) * cursor->group->block_count +
                       cursor->block];
}

/* Presence: kept together with the values, or of the block. */
static sl_status
open_rows(struct sl_segment_cursor *cursor, const struct sl_segment_group_column *column,
          struct output *output, struct sl_segment_counters *counters, struct sl_error *err)
{
    struct sl_segment_kept **place = place_of(cursor, column);
    if (place != NULL)
        output->kept = sl_segment_cache_find(cursor->reader->cache, place);
    if (output->kept == NULL)
        return open_presence(cursor, column, output, counters, err);
    output->vector.present = output->kept->present;
    output->ready = ALL_MINIS;
    return SL_OK;
}

/* Of what is kept of the block take the rows focused on. */
static sl_status
pick_kept(struct sl_segment_cursor *cursor, struct output *output, struct sl_error *err)
{
    struct sl_vector *vector = &output->vector;
    const struct sl_segment_kept *kept = output->kept;
    const uint32_t *rows = cursor->rows;
    uint32_t count = cursor->row_count;
    uint8_t width = kept->width;
    uint8_t *values = sl_arena_alloc(cursor->arena, (size_t)count * width);
    uint64_t *present = sl_arena_calloc(cursor->arena, sl_words_for(count), sizeof(*present));
    if (values == NULL || present == NULL)
        return fail_memory(err);
    sl_vector_copy_entries(kept->values, width, rows, count, values);
    for (uint32_t i = 0; kept->present != NULL && i < count; i++)
        present[i / 64] |= (uint64_t)sl_bit_get(kept->present, rows[i]) << i % 64;
    vector->present = kept->present == NULL ? NULL : present;
    if (vector->encoding == SL_DICT)
        vector->codes = (const uint32_t *)(const void *)values;
    else
        vector->values = values;
    sl_segment_cache_leave(cursor->reader->cache, output->kept);
    output->kept = NULL;
    return SL_OK;
}

/* What of the vector does not depend on the rows asked for. */
static sl_status
open_output(struct sl_segment_cursor *cursor, const struct sl_segment_group_column *column,
            const struct sl_column *described, struct output *output,
            struct sl_segment_counters *counters, struct sl_error *err)
{
    const struct sl_segment_zone *zone = &column->zones[cursor->block];
    const struct sl_segment_stream *stream = &cursor->group->streams[column->stream];
    const struct sl_segment_item *item = NULL;
    struct sl_vector *vector = &output->vector;
    *output = (struct output){0};
    *vector = sl_vector_nulls(described->type, cursor->row_count);
    output->ready = ALL_MINIS;
    if (zone->null_count != cursor->block_rows || cursor->is_distrustful) {
        output->ready = 0;
        vector->encoding = SL_PLAIN;
        if (column->dictionary != SL_SEGMENT_NONE)
            SL_TRY(sl_segment_item_get(cursor->reader, cursor->group_number, column->dictionary,
                                       &item, counters, err));
        SL_TRY(open_rows(cursor, column, output, counters, err));
        if (stream->form == SL_SEGMENT_FORM_BYTES)
            SL_TRY(open_strings(cursor, stream, output, counters, err));
        else if (zone->min == zone->max && zone->min <= type_limit(described->type) &&
                 !cursor->is_distrustful)
            open_constant(described, zone->min, item, output);
        else if (item != NULL) {
            uint32_t count = cursor->group->dictionaries[column->dictionary].entry_count;
            set_entries(item, 0, count, vector);
            vector->encoding = SL_DICT;
            vector->dictionary = item->identity;
            vector->is_sorted = described->type != SL_TYPE_TEXT;
            vector->codes = output->kept == NULL ? NULL : output->kept->values;
        } else if (output->kept != NULL) {
            vector->values = output->kept->values;
            vector->width = output->kept->width;
            vector->value_count = cursor->row_count;
        }
        if (output->kept != NULL && cursor->rows != NULL)
            SL_TRY(pick_kept(cursor, output, err));
    }
    output->is_open = true;
    return SL_OK;
}

/* Width of a plain value in the vector: that of the type, or of the stream where it is smaller. */
static uint8_t
plain_width(enum sl_type type, uint8_t stream_width)
{
    uint8_t width = (uint8_t)sl_type_bytes(type);
    return sl_type_is_unsigned(type) && stream_width < width ? stream_width : width;
}

/* Values of minis whose stream is ready. */
static sl_status
fill_output(struct sl_segment_cursor *cursor, const struct sl_segment_group_column *column,
            const struct sl_column *described, uint32_t minis, struct output *output,
            struct sl_error *err)
{
    struct slot *slot = &cursor->slots[column->stream];
    struct sl_vector *vector = &output->vector;
    bool is_dict = vector->encoding == SL_DICT;
    uint8_t width = is_dict ? 4 : plain_width(described->type, slot->width);
    uint64_t limit = is_dict ? vector->value_count - 1 : type_limit(described->type);
    bool is_same = is_dict || (width == slot->width && sl_type_is_unsigned(described->type));
    if (!is_same && output->values == NULL) {
        output->values = take_buffer(cursor, width);
        if (output->values == NULL)
            return fail_memory(err);
        if (minis != ALL_MINIS)
            memset(output->values, 0, (size_t)cursor->row_count * width);
    }
    for (unsigned m = 0; m < SL_BLOCK_MINIS; m++) {
        uint32_t first = m * SL_MINI_ROWS;
        uint32_t count = (minis >> m & 1) != 0 ? mini_rows(cursor, m) : 0;
        if (limit != UINT64_MAX && max_of(slot, first, count) > limit)
            return sl_segment_fail(cursor->reader, cursor->group->directory.offset, err,
                                   "stream %u: a key beyond %" PRIu64, column->stream, limit);
        if (!is_same)
            convert(slot, described->type, width, first, count, output->values);
    }
    output->ready |= minis;
    if (is_dict) {
        vector->codes = slot->values;
    } else {
        vector->width = width;
        vector->value_count = cursor->row_count;
        vector->values = is_same ? slot->values : output->values;
    }
    return SL_OK;
}

/*
 * A block is kept as a whole. To read and to prove its bytes costs the same for all of it, so that
 * some minis more are decoded for the next query. For a few rows of a needle they are the second
 * time only: then the column is one that queries come back to.
 */
static bool
is_worth_keeping(struct sl_segment_cursor *cursor, struct sl_segment_kept **place, uint32_t minis)
{
    enum { SHARE = 8 };
    struct sl_segment_open_group *open = &cursor->reader->groups[cursor->group_number];
    uint32_t count = (cursor->block_rows + SL_MINI_ROWS - 1) / SL_MINI_ROWS;
    if (cursor->rows == NULL && (uint32_t)__builtin_popcount(minis) * SHARE >= count)
        return true;
    /* Relaxed: it is a guess about the future and nothing else. */
    return atomic_exchange_explicit(&open->asked[place - open->kept], true, memory_order_relaxed);
}

/* Bring minis of an open output about, and keep the column when it is whole. */
static sl_status
decode_output(struct sl_segment_cursor *cursor, const struct sl_segment_group_column *column,
              const struct sl_column *described, uint32_t minis, struct output *output,
              struct sl_segment_counters *counters, struct sl_error *err)
{
    struct sl_segment_kept **place = cursor->rows == NULL ? place_of(cursor, column) : NULL;
    if (place != NULL && is_worth_keeping(cursor, place, minis))
        minis = ALL_MINIS & ~output->ready;
    SL_TRY(evaluate(cursor, column->stream, minis, counters, err));
    SL_TRY(fill_output(cursor, column, described, minis, output, err));
    if (place != NULL && output->ready == ALL_MINIS)
        sl_segment_cache_offer(cursor->reader->cache, place, &output->vector);
    return SL_OK;
}

/* A column of which few rows are asked for: bring the whole block of it into the cache if that
 * pays. */
static sl_status
keep_asked(struct sl_segment_cursor *cursor, const struct sl_segment_group_column *column,
           const struct sl_column *described, struct sl_segment_counters *counters,
           struct sl_error *err)
{
    struct sl_segment_kept **place = place_of(cursor, column);
    if (place == NULL)
        return SL_OK;
    struct sl_segment_kept *kept = sl_segment_cache_find(cursor->reader->cache, place);
    if (kept != NULL) {
        sl_segment_cache_leave(cursor->reader->cache, kept);
        return SL_OK;
    }
    if (!is_worth_keeping(cursor, place, 0))
        return SL_OK;
    const uint32_t *rows = cursor->rows;
    uint32_t row_count = cursor->row_count;
    struct output whole;
    exchange_slots(cursor);
    cursor->rows = NULL;
    cursor->row_count = cursor->block_rows;
    sl_status st = open_output(cursor, column, described, &whole, counters, err);
    if (st == SL_OK && whole.ready == 0)
        st = decode_output(cursor, column, described, ALL_MINIS, &whole, counters, err);
    if (st == SL_OK && whole.kept != NULL) /* another thread was faster */
        sl_segment_cache_leave(cursor->reader->cache, whole.kept);
    exchange_slots(cursor);
    cursor->rows = rows;
    cursor->row_count = row_count;
    return st;
}

/* A column that the group does not have. */
static struct sl_vector
missing_column(const struct sl_column *column, uint32_t row_count)
{
    static const uint64_t zero = 0;
    struct sl_vector vector = sl_vector_nulls(column->type, row_count);
    if (column->is_nullable || column->type == SL_TYPE_ADDR || sl_type_is_bytes(column->type))
        return vector;
    vector.width = (uint8_t)sl_type_bytes(column->type);
    vector.values = &zero;
    vector.value_count = 1;
    return vector;
}

sl_status
sl_segment_cursor_column(struct sl_segment_cursor *cursor, const struct sl_column *column,
                         const uint64_t *selection, struct sl_vector *out_vector,
                         struct sl_segment_counters *counters, struct sl_error *err)
{
    SL_ASSERT(cursor->magic == CURSOR_MAGIC);
    SL_ASSERT(cursor->reader != NULL);
    const struct sl_segment_group_column *found =
        sl_segment_find_column(cursor->reader, cursor->group_number, column);
    if (found == NULL) {
        *out_vector = missing_column(column, cursor->row_count);
        return SL_OK;
    }
    struct output *output = &cursor->outputs[found - cursor->group->columns];
    *out_vector = sl_vector_nulls(column->type, cursor->row_count);
    if (!output->is_open && cursor->rows != NULL)
        SL_TRY(keep_asked(cursor, found, column, counters, err));
    if (!output->is_open)
        SL_TRY(open_output(cursor, found, column, output, counters, err));
    if (cursor->rows != NULL)
        selection = NULL; /* these few are brought about together */
    uint32_t minis = minis_of(selection, cursor->row_count) & ~output->ready;
    /* Even for no row at all the vector must have something to point to. */
    if (output->ready == 0 && minis == 0)
        minis = 1;
    if (minis != 0)
        SL_TRY(decode_output(cursor, found, column, minis, output, counters, err));
    *out_vector = output->vector;
    return SL_OK;
}
