/*
 * batch.c - see batch.h.
 *
 * The builder keeps one plain array at full width for each column and narrows at the end: one
 * pass finds the bits that occur, a second writes the narrow copy into the batch's arena. Decoders
 * thus write with one store, and what is kept is small.
 */
#include "storage/batch.h"

#include <stdatomic.h>

enum { PIECE_ALIGN = 16 }; /* of an arena's memory: so much may be lost to it by each piece */

/* A loop for each width: a copy of a size that is not known costs a call. */
void
sl_vector_copy_entries(const void *values, size_t width, const uint32_t *entries, uint32_t count,
                       void *out)
{
    const uint8_t *from = values;
    uint8_t *to = out;
    SL_ASSERT(width == 1 || width == 2 || width == 4 || width == 8 || width == 16);
    if (width == 1)
        for (uint32_t i = 0; i < count; i++)
            to[i] = from[entries[i]];
    else if (width == 2)
        for (size_t i = 0; i < count; i++)
            memcpy(&to[i * 2], &from[(size_t)entries[i] * 2], 2);
    else if (width == 4)
        for (size_t i = 0; i < count; i++)
            memcpy(&to[i * 4], &from[(size_t)entries[i] * 4], 4);
    else if (width == 8)
        for (size_t i = 0; i < count; i++)
            memcpy(&to[i * 8], &from[(size_t)entries[i] * 8], 8);
    else
        for (size_t i = 0; i < count; i++)
            memcpy(&to[i * 16], &from[(size_t)entries[i] * 16], 16);
}

struct sl_vector
sl_vector_nulls(enum sl_type type, uint32_t count)
{
    return (struct sl_vector){.type = type,
                              .encoding = SL_CONSTANT,
                              .width = (uint8_t)sl_type_bytes(type),
                              .count = count};
}

struct sl_vector
sl_vector_view(const struct sl_vector *v, uint32_t first, uint32_t count)
{
    struct sl_vector view = *v;

    SL_ASSERT(first % 64 == 0 && first <= v->count && count <= v->count - first);
    view.count = count;
    if (v->present != NULL)
        view.present = v->present + first / 64;
    if (v->encoding == SL_DICT)
        view.codes = v->codes + first;
    if (v->encoding != SL_PLAIN)
        return view;
    view.value_count = count;
    if (v->offsets != NULL)
        view.offsets = v->offsets + first;
    else
        view.values = (const uint8_t *)v->values + (size_t)first * v->width;
    return view;
}

void
sl_batch_acquire(struct sl_batch *batch)
{
    atomic_fetch_add_explicit(&batch->references, 1, memory_order_relaxed);
}

void
sl_batch_release(struct sl_batch *batch)
{
    if (batch == NULL)
        return;
    /* The release half publishes this thread's last reads; the acquire half lets the thread
     * that frees see those of all others. */
    if (atomic_fetch_sub_explicit(&batch->references, 1, memory_order_acq_rel) != 1)
        return;
    sl_arena_destroy(batch->arena); /* the batch itself lies in it */
}

const struct sl_vector *
sl_batch_find(const struct sl_batch *batch, const struct sl_column *column)
{
    for (uint32_t i = 0; i < batch->column_count; i++)
        if (batch->columns[i].column == column)
            return &batch->columns[i].vector;
    return NULL;
}

size_t
sl_batch_bytes(const struct sl_batch *batch)
{
    return sl_arena_used_bytes(batch->arena);
}

struct sl_builder *
sl_builder_create(uint32_t capacity)
{
    SL_ASSERT(capacity > 0 && capacity <= SL_BATCH_ROWS_MAX);
    struct sl_builder *builder = sl_new(sizeof(*builder));
    builder->capacity = capacity;
    return builder;
}

static void
destroy_column(struct sl_builder_column *column)
{
    free(column->values.u8);
    free(column->present);
    free(column->bytes);
    free(column);
}

void
sl_builder_destroy(struct sl_builder *builder)
{
    if (builder == NULL)
        return;
    for (uint32_t i = 0; i < builder->column_count; i++)
        destroy_column(builder->columns[i]);
    free(builder->columns);
    free(builder->slot_of);
    free(builder);
}

static struct sl_builder_column *
create_column(const struct sl_builder *builder, const struct sl_column *column)
{
    struct sl_builder_column *added = sl_new(sizeof(*added));
    size_t entry_bytes = sl_type_is_bytes(column->type) ? 4 : sl_type_bytes(column->type);
    added->column = column;
    added->values.u8 = sl_new(((size_t)builder->capacity + 1) * entry_bytes);
    added->present = sl_new(sl_words_for(builder->capacity) * sizeof(uint64_t));
    return added;
}

struct sl_builder_column *
sl_builder_column(struct sl_builder *builder, const struct sl_column *column)
{
    if (column->index < builder->slot_capacity && builder->slot_of[column->index] != 0)
        return builder->columns[builder->slot_of[column->index] - 1];
    if (column->index >= builder->slot_capacity) {
        uint32_t capacity = column->index + 32;
        builder->slot_of = sl_grow(builder->slot_of, sizeof(uint32_t), capacity);
        memset(&builder->slot_of[builder->slot_capacity], 0,
               (capacity - builder->slot_capacity) * sizeof(uint32_t));
        builder->slot_capacity = capacity;
    }
    if (builder->column_count == builder->column_capacity) {
        builder->column_capacity += 32;
        builder->columns =
            sl_grow(builder->columns, sizeof(struct sl_builder_column *), builder->column_capacity);
    }
    struct sl_builder_column *added = create_column(builder, column);
    builder->columns[builder->column_count++] = added;
    builder->slot_of[column->index] = builder->column_count;
    return added;
}

void
sl_builder_set_u64(struct sl_builder *b, struct sl_builder_column *c, uint64_t value)
{
    size_t width = sl_type_bytes(c->column->type);
    SL_DEBUG_ASSERT(b->row_count < b->capacity);
    SL_ASSERT(width >= 1 && width <= 8);
    switch (width) {
    case 1:
        c->values.u8[b->row_count] = (uint8_t)value;
        break;
    case 2:
        c->values.u16[b->row_count] = (uint16_t)value;
        break;
    case 4:
        c->values.u32[b->row_count] = (uint32_t)value;
        break;
    default:
        c->values.u64[b->row_count] = value;
        break;
    }
    sl_builder_mark(b, c);
}

void
sl_builder_mark_rows(struct sl_builder_column *c, uint32_t first, uint32_t count)
{
    uint32_t end = first + count;
    while (first < end) {
        uint32_t shift = first % 64;
        uint32_t bits = 64 - shift < end - first ? 64 - shift : end - first;
        uint64_t mask = UINT64_MAX >> (64 - bits) << shift;
        uint64_t *word = &c->present[first / 64];
        c->set_rows += bits;
        if ((*word & mask) !=
            0) /* seldom: to count bits is a call where the processor may be any */
            c->set_rows -= (uint32_t)__builtin_popcountll(*word & mask);
        *word |= mask;
        first += bits;
    }
}

void
sl_builder_set_f64(struct sl_builder *b, struct sl_builder_column *c, double value)
{
    SL_ASSERT(c->column->type == SL_TYPE_F64);
    c->values.f64[b->row_count] = value;
    sl_builder_mark(b, c);
}

void
sl_builder_set_addr(struct sl_builder *b, struct sl_builder_column *c, struct sl_addr value)
{
    SL_ASSERT(c->column->type == SL_TYPE_ADDR);
    c->values.addr[b->row_count] = value;
    sl_builder_mark(b, c);
}

/* Offsets of rows up to and including `row` are written: rows that had no text are empty. */
static void
fill_offsets(struct sl_builder_column *c, uint32_t row)
{
    while (c->last_end < row) {
        c->last_end++;
        c->values.u32[c->last_end] = (uint32_t)c->bytes_used;
    }
}

uint8_t *
sl_builder_open_slices(struct sl_builder_column *c, uint32_t first, size_t size_bytes)
{
    SL_ASSERT(sl_type_is_bytes(c->column->type));
    fill_offsets(c, first);
    if (c->bytes_capacity - c->bytes_used < size_bytes) {
        c->bytes_capacity = c->bytes_capacity * 2 + size_bytes + 1024;
        c->bytes = sl_grow(c->bytes, 1, c->bytes_capacity);
    }
    return c->bytes;
}

void
sl_builder_close_slices(struct sl_builder *b, struct sl_builder_column *c, uint32_t end,
                        size_t bytes_used)
{
    SL_ASSERT(bytes_used <= c->bytes_capacity);
    b->bytes_used += bytes_used - c->bytes_used;
    c->bytes_used = bytes_used;
    c->last_end = end;
}

void
sl_builder_set_slice(struct sl_builder *b, struct sl_builder_column *c, const void *bytes,
                     size_t size_bytes)
{
    SL_ASSERT(sl_type_is_bytes(c->column->type));
    if (sl_bit_get(c->present, b->row_count))
        return;
    if (size_bytes > SL_TEXT_BYTES_MAX)
        size_bytes = SL_TEXT_BYTES_MAX;
    (void)sl_builder_open_slices(c, b->row_count, size_bytes);
    if (size_bytes != 0)
        memcpy(&c->bytes[c->bytes_used], bytes, size_bytes);
    c->values.u32[b->row_count + 1] = (uint32_t)(c->bytes_used + size_bytes);
    sl_builder_close_slices(b, c, b->row_count + 1, c->bytes_used + size_bytes);
    sl_builder_mark(b, c);
}

void
sl_builder_next(struct sl_builder *b)
{
    SL_ASSERT(b->row_count < b->capacity);
    b->row_count++;
}

static void
clear_entry(struct sl_builder *b, struct sl_builder_column *c)
{
    uint32_t row = b->row_count;
    sl_bit_clear(c->present, row);
    c->set_rows--;
    if (!sl_type_is_bytes(c->column->type)) {
        size_t width = sl_type_bytes(c->column->type);
        memset(&c->values.u8[row * width], 0, width);
        return;
    }
    size_t before = c->values.u32[row];
    b->bytes_used -= c->bytes_used - before;
    c->bytes_used = before;
    c->last_end = row;
}

void
sl_builder_abandon(struct sl_builder *b)
{
    if (b->row_count == b->capacity)
        return;
    for (uint32_t i = 0; i < b->column_count; i++)
        if (sl_bit_get(b->columns[i]->present, b->row_count))
            clear_entry(b, b->columns[i]);
}

void
sl_builder_truncate(struct sl_builder *b, uint32_t row_count)
{
    SL_ASSERT(row_count <= b->row_count);
    sl_builder_abandon(b);
    while (b->row_count > row_count) {
        b->row_count--;
        sl_builder_abandon(b);
    }
}

/* Memory of a batch that is being finished. Its size was bounded by the builder's, and the
 * arena has no budget: NULL can only mean that the machine has no memory left. */
static void *
take(struct sl_arena *arena, size_t size_bytes)
{
    void *memory = sl_arena_alloc(arena, size_bytes);
    SL_ASSERT(memory != NULL);
    return memory;
}

static const void *
copy_into(struct sl_arena *arena, const void *bytes, size_t size_bytes)
{
    void *copy = take(arena, size_bytes);
    if (size_bytes != 0)
        memcpy(copy, bytes, size_bytes);
    return copy;
}

#define OR_AS(array)                           \
    for (uint32_t row = 0; row < count; row++) \
        all |= c->values.array[row];

/* All bits that occur in `count` values of `width` bytes. */
static uint64_t
bits_of(const struct sl_builder_column *c, uint32_t count, size_t width)
{
    uint64_t all = 0;
    switch (width) {
    case 1:
        OR_AS(u8)
        return all;
    case 2:
        OR_AS(u16)
        return all;
    case 4:
        OR_AS(u32)
        return all;
    default:
        OR_AS(u64)
        return all;
    }
}

#define NARROW_AS(array, type)                 \
    for (uint32_t row = 0; row < count; row++) \
        ((type *)narrow)[row] = (type)c->values.array[row];

/* Copy values of `width` bytes into as many of `narrow_width`. */
static void
copy_narrow(const struct sl_builder_column *c, uint32_t count, size_t width, size_t narrow_width,
            void *narrow)
{
    if (width == sizeof(struct sl_addr))
        for (uint32_t row = 0; row < count; row++)
            ((uint32_t *)narrow)[row] = (uint32_t)c->values.addr[row].low;
    else if (width == 8 && narrow_width == 4)
        NARROW_AS(u64, uint32_t)
    else if (width == 8 && narrow_width == 2)
        NARROW_AS(u64, uint16_t)
    else if (width == 8)
        NARROW_AS(u64, uint8_t)
    else if (width == 4 && narrow_width == 2)
        NARROW_AS(u32, uint16_t)
    else if (width == 4)
        NARROW_AS(u32, uint8_t)
    else
        NARROW_AS(u16, uint8_t)
}

static uint8_t
width_for(uint64_t max)
{
    if (max <= UINT8_MAX)
        return 1;
    if (max <= UINT16_MAX)
        return 2;
    return max <= UINT32_MAX ? 4 : 8;
}

/* Of all values, which are there for every row. */
static bool
is_constant(const struct sl_builder_column *c, uint32_t count)
{
    if (sl_type_is_bytes(c->column->type)) {
        uint32_t first_bytes = c->values.u32[1];
        for (uint32_t row = 1; row < count; row++)
            if (c->values.u32[row + 1] - c->values.u32[row] != first_bytes)
                return false;
        size_t rest_bytes = ((size_t)count - 1) * first_bytes;
        return rest_bytes == 0 || memcmp(c->bytes, &c->bytes[first_bytes], rest_bytes) == 0;
    }
    size_t width = sl_type_bytes(c->column->type);
    return count == 1 ||
           memcmp(c->values.u8, &c->values.u8[width], ((size_t)count - 1) * width) == 0;
}

static bool
is_all_v4(const struct sl_builder_column *c, uint32_t count)
{
    uint64_t differs = 0;
    for (uint32_t row = 0; row < count; row++)
        differs |= !sl_addr_is_v4(c->values.addr[row]);
    return differs == 0;
}

/* Of a value, so that all `count` of them fit. */
static uint8_t
fewest_bytes(const struct sl_builder_column *c, uint32_t count)
{
    enum sl_type type = c->column->type;
    size_t width = sl_type_bytes(type);
    if (type == SL_TYPE_ADDR)
        return is_all_v4(c, count) ? 4 : 16;
    if (!sl_type_is_unsigned(type))
        return (uint8_t)width;
    return (uint8_t)sl_min_size(width, width_for(bits_of(c, count, width)));
}

/* Decide how a column that was built will lie in its batch: all of the vector but its pointers.
 * Returns the memory that its copy takes, or a little more. */
static size_t
plan_column(struct sl_builder_column *c, uint32_t count, struct sl_batch_column *out)
{
    struct sl_vector *v = &out->vector;
    size_t bytes = (size_t)3 * PIECE_ALIGN;
    out->column = c->column;
    *v = (struct sl_vector){.type = c->column->type, .count = count};
    if (sl_type_is_bytes(v->type))
        fill_offsets(c, count);
    /* A row without a value holds zero; where the column cannot be NULL that is the value. */
    if (c->set_rows < count && c->column->is_nullable) {
        v->present = c->present;
        bytes += sl_words_for(count) * sizeof(uint64_t);
    }
    v->encoding = v->present == NULL && is_constant(c, count) ? SL_CONSTANT : SL_PLAIN;
    v->value_count = v->encoding == SL_CONSTANT ? 1 : count;
    if (sl_type_is_bytes(v->type))
        return bytes + ((size_t)v->value_count + 1) * sizeof(uint32_t) +
               c->values.u32[v->value_count];
    v->width = fewest_bytes(c, v->value_count);
    return bytes + (size_t)v->value_count * v->width;
}

/* Copy what was built, as planned. */
static void
copy_column(const struct sl_builder_column *c, struct sl_arena *arena, struct sl_vector *v)
{
    uint32_t count = v->value_count;
    size_t width = sl_type_bytes(v->type);
    if (v->present != NULL)
        v->present = copy_into(arena, c->present, sl_words_for(v->count) * sizeof(uint64_t));
    if (sl_type_is_bytes(v->type)) {
        v->offsets = copy_into(arena, c->values.u32, ((size_t)count + 1) * sizeof(uint32_t));
        v->bytes = copy_into(arena, c->bytes, v->offsets[count]);
        return;
    }
    if (v->width == width) {
        v->values = copy_into(arena, c->values.u8, count * width);
        return;
    }
    void *narrow = take(arena, (size_t)count * v->width);
    copy_narrow(c, count, width, v->width, narrow);
    v->values = narrow;
}

static void
reset_column(struct sl_builder_column *c, uint32_t row_count)
{
    if (c->set_rows == 0 && c->last_end == 0)
        return; /* nothing was written */
    size_t entry_bytes = sl_type_is_bytes(c->column->type) ? 4 : sl_type_bytes(c->column->type);
    memset(c->values.u8, 0, ((size_t)row_count + 1) * entry_bytes);
    memset(c->present, 0, sl_words_for(row_count) * sizeof(uint64_t));
    c->set_rows = 0;
    c->last_end = 0;
    c->bytes_used = 0;
}

struct sl_batch *
sl_builder_finish(struct sl_builder *builder)
{
    sl_builder_abandon(builder);
    uint32_t count = builder->row_count;
    if (count == 0)
        return NULL;
    struct sl_batch_column *plan = sl_new(builder->column_count * sizeof(*plan));
    size_t bytes =
        (size_t)2 * PIECE_ALIGN + sizeof(struct sl_batch) + builder->column_count * sizeof(*plan);
    uint32_t column_count = 0;
    for (uint32_t i = 0; i < builder->column_count; i++)
        if (builder->columns[i]->set_rows != 0)
            bytes += plan_column(builder->columns[i], count, &plan[column_count++]);

    /* One piece for all of it: a batch takes what it needs and no more. */
    struct sl_arena *arena = sl_arena_create_in_slabs(SIZE_MAX, bytes);
    struct sl_batch *batch = take(arena, sizeof(*batch));
    struct sl_batch_column *columns = take(arena, column_count * sizeof(*columns));
    memcpy(columns, plan, column_count * sizeof(*columns));
    free(plan);
    column_count = 0;
    for (uint32_t i = 0; i < builder->column_count; i++) {
        if (builder->columns[i]->set_rows != 0)
            copy_column(builder->columns[i], arena, &columns[column_count++].vector);
        reset_column(builder->columns[i], count);
    }
    builder->row_count = 0;
    builder->bytes_used = 0;
    batch->row_count = count;
    batch->column_count = column_count;
    batch->columns = columns;
    batch->arena = arena;
    atomic_init(&batch->references, 1);
    return batch;
}
