/*
 * segment_column.c - see segment_column.h.
 */
#include "storage/segment/segment_column.h"

#include "storage/codec/bits.h"
#include "storage/segment/segment_index.h"

/* Columns with an index, where it pays: those that queries ask for by value. The addresses of the
 * two ends are indexed together (segment_flow.c). */
static const uint32_t indexed[] = {
    SL_COLUMN_PROTOCOL,           SL_COLUMN_SRC_PORT, SL_COLUMN_DST_PORT,
    SL_COLUMN_TCP_FLAGS,          SL_COLUMN_VLAN,     SL_COLUMN_INPUT_IF,
    SL_COLUMN_OUTPUT_IF,          SL_COLUMN_SRC_AS,   SL_COLUMN_DST_AS,
    SL_COLUMN_EXPORTER_ADDR,      SL_COLUMN_APP,      SL_COLUMN_L7_PROTO,
    SL_COLUMN_OBSERVATION_DOMAIN,
};

enum { PREFETCH_ROWS = 64 };

sl_status
sl_segment_encoding_fail(struct sl_segment_encoding *e)
{
    return sl_fail(e->err, SL_LIMIT, "no memory to encode a row group of %u rows", e->row_count);
}

const struct sl_column *
sl_segment_column_find(const struct sl_segment_input *input, uint32_t index)
{
    for (uint32_t i = 0; i < input->column_count; i++)
        if (input->columns[i]->index == index)
            return input->columns[i];
    return NULL;
}

uint32_t
sl_segment_number(struct sl_segment_numbers *numbers, const struct sl_column *column)
{
    uint32_t *number = &numbers->number_of[column->index];
    if (*number == 0) {
        numbers->columns[numbers->count++] = column;
        *number = numbers->count;
    }
    return *number - 1;
}

uint32_t
sl_segment_column_number(struct sl_segment_encoding *e, const struct sl_column *column)
{
    return sl_segment_number(e->numbers, column);
}

/* Rows come from all over: each asks for its place a while before it is read. */
#define PERMUTE_AS(type)                                                         \
    {                                                                            \
        uint32_t ahead = count < PREFETCH_ROWS ? 0 : count - PREFETCH_ROWS;      \
        uint32_t i = 0;                                                          \
        for (; i < ahead; i++) {                                                 \
            __builtin_prefetch(&((const type *)flat)[order[i + PREFETCH_ROWS]]); \
            keys[i] = ((const type *)flat)[order[i]];                            \
        }                                                                        \
        for (; i < count; i++)                                                   \
            keys[i] = ((const type *)flat)[order[i]];                            \
    }

/* Keys of `width` bytes from the order given into the inner order. */
static void
permute(const struct sl_segment_encoding *e, const void *flat, unsigned width, uint64_t *keys)
{
    const uint32_t *order = e->order;
    uint32_t count = e->row_count;
    if (width == 1)
        PERMUTE_AS(uint8_t)
    else if (width == 2)
        PERMUTE_AS(uint16_t)
    else if (width == 4)
        PERMUTE_AS(uint32_t)
    else
        PERMUTE_AS(uint64_t)
}

static void
permute_bits(const struct sl_segment_encoding *e, const uint64_t *flat, uint64_t *bits)
{
    memset(bits, 0, sl_words_for(e->row_count) * sizeof(*bits));
    for (uint32_t i = 0; i < e->row_count; i++)
        bits[i / 64] |= (uint64_t)sl_bit_get(flat, e->order[i]) << (i % 64);
}

static struct sl_segment_zone
zone_of(const struct sl_segment_ordered *o, uint32_t first, uint32_t count)
{
    struct sl_segment_zone zone = {.min = UINT64_MAX};
    if (o->null_count == 0) {
        sl_bits_range(&o->keys[first], count, &zone.min, &zone.max);
        return zone;
    }
    for (uint32_t i = first; i < first + count; i++) {
        if (!sl_bit_get(o->present, i)) {
            zone.null_count++;
            continue;
        }
        zone.min = o->keys[i] < zone.min ? o->keys[i] : zone.min;
        zone.max = o->keys[i] > zone.max ? o->keys[i] : zone.max;
    }
    if (zone.null_count == count)
        zone.min = 0;
    return zone;
}

/* Rows without a value take that of the row before: whatever packs well. */
static void
fill_nulls(struct sl_segment_encoding *e, struct sl_segment_ordered *o)
{
    uint64_t last = 0;
    for (uint32_t i = 0; i < e->row_count; i++) {
        if (sl_bit_get(o->present, i))
            last = o->keys[i];
        else
            o->keys[i] = last;
    }
}

/* Addresses and strings have no zero to read as. */
static bool
may_be_null(const struct sl_column *column)
{
    return column->is_nullable || column->type == SL_TYPE_ADDR || sl_type_is_bytes(column->type);
}

/* Zones, and whether the column needs to be stored at all. A column that is not nullable reads
 * as 0 where it is missing, so that rows without a value have one. */
static sl_status
finish_ordered(struct sl_segment_encoding *e, struct sl_segment_ordered *o)
{
    const struct sl_segment_group *group = e->emit->group;
    if (!may_be_null(o->column))
        o->null_count = 0;
    uint64_t zero_key = sl_segment_key(o->column->type, 0);
    o->is_trivial = o->null_count == e->row_count;
    o->zones = sl_arena_alloc(e->arena, group->block_count * sizeof(*o->zones));
    if (o->zones == NULL)
        return sl_segment_encoding_fail(e);
    bool is_zero = !may_be_null(o->column);
    for (uint32_t i = 0; i < group->block_count; i++) {
        o->zones[i] = zone_of(o, i * SL_BLOCK_ROWS, sl_segment_block_size(e->row_count, i));
        is_zero = is_zero && o->zones[i].min == zero_key && o->zones[i].max == zero_key;
    }
    o->is_trivial = o->is_trivial || is_zero;
    if (o->null_count != 0 && !o->is_trivial)
        fill_nulls(e, o);
    return SL_OK;
}

/* Index a column that is one of those, while its keys are still its own. */
static sl_status
index_column(struct sl_segment_encoding *e, const struct sl_segment_ordered *o,
             uint32_t entry_count)
{
    bool is_indexed = false;
    for (size_t i = 0; i < SL_COUNTOF(indexed); i++)
        is_indexed = is_indexed || indexed[i] == o->column->index;
    if (!is_indexed || o->is_trivial)
        return SL_OK;
    enum sl_segment_index_kind kind =
        o->column->type == SL_TYPE_ADDR ? SL_SEGMENT_INDEX_POSTINGS : SL_SEGMENT_INDEX_MINIS;
    return sl_segment_index_emit(e->emit, kind, o->number, entry_count, o->keys,
                                 o->null_count == 0 ? NULL : o->present, e->err);
}

/* Keys and presence of the column in the inner order. */
static void
gather_keys(struct sl_segment_encoding *e, struct sl_segment_ordered *o)
{
    uint64_t constant;
    if (sl_segment_input_is_constant(&e->input, o->column, &constant)) {
        for (uint32_t i = 0; i < e->row_count; i++)
            o->keys[i] = constant;
        return;
    }
    unsigned width = sl_segment_input_width(&e->input, o->column);
    o->null_count = sl_segment_input_flat(&e->input, o->column, width, e->flat, e->flat_present);
    permute(e, e->flat, width, o->keys);
    if (o->null_count != 0)
        permute_bits(e, e->flat_present, o->present);
}

/* A column of fixed size (not ADDR), in the inner order, in work arrays `slot`. */
sl_status
sl_segment_column_keys(struct sl_segment_encoding *e, const struct sl_column *column, unsigned slot,
                       unsigned bits_slot, struct sl_segment_ordered *o)
{
    *o = (struct sl_segment_ordered){
        .column = column, .keys = e->work[slot], .present = e->bits[bits_slot]};
    if (column == NULL) {
        o->is_trivial = true;
        return SL_OK;
    }
    sl_bit_set(e->done, column->index);
    gather_keys(e, o);
    SL_TRY(finish_ordered(e, o));
    if (!o->is_trivial)
        o->number = sl_segment_column_number(e, column);
    return index_column(e, o, 0);
}

/* Enter a column in the directory, with its presence where some rows lack it. */
sl_status
sl_segment_column_add(struct sl_segment_encoding *e, const struct sl_segment_ordered *o,
                      uint32_t stream, uint32_t dictionary)
{
    struct sl_segment_group *group = e->emit->group;
    uint32_t presence = SL_SEGMENT_NONE;
    if (o->null_count != 0) {
        for (uint32_t i = 0; i < e->row_count; i++)
            e->flat[i] = sl_bit_get(o->present, i);
        SL_TRY(sl_segment_emit_values(e->emit, o->number, e->flat, &presence, e->err));
    }
    SL_ASSERT(group->column_count < e->emit->column_capacity);
    group->columns[group->column_count++] = (struct sl_segment_group_column){
        .number = o->number,
        .stream = stream,
        .presence = presence,
        .dictionary = dictionary,
        .zones = o->zones,
    };
    return SL_OK;
}

/* Values that may be a function of an address, else as they are. */
sl_status
sl_segment_column_emit(struct sl_segment_encoding *e, const struct sl_segment_ordered *o,
                       unsigned deciders, uint32_t *out_stream)
{
    const struct sl_segment_decision decision =
        sl_segment_function_decide(&e->functions, e->emit, 0, deciders, o->keys);
    return sl_segment_function_emit(e->emit, o->number, &decision, o->keys, out_stream, e->err);
}

/* Codes of a column in the inner order. */
sl_status
sl_segment_column_codes(struct sl_segment_encoding *e, const struct sl_segment_coded *coded,
                        unsigned slot, struct sl_segment_ordered *o)
{
    *o = (struct sl_segment_ordered){.column = coded->column,
                                     .keys = e->work[slot],
                                     .present = e->bits[slot],
                                     .null_count = coded->null_count};
    if (coded->entry_count <= 1) /* whatever the order */
        memset(o->keys, 0, e->row_count * sizeof(*o->keys));
    else
        permute(e, coded->codes, sizeof(*coded->codes), o->keys);
    if (coded->null_count != 0)
        permute_bits(e, coded->present, o->present);
    SL_TRY(finish_ordered(e, o));
    if (!o->is_trivial)
        o->number = sl_segment_column_number(e, coded->column);
    return index_column(e, o, coded->entry_count);
}

static sl_status
encode_keys(struct sl_segment_encoding *e, const struct sl_column *column)
{
    struct sl_segment_ordered o;
    uint32_t stream;
    SL_TRY(sl_segment_column_keys(e, column, 0, 0, &o));
    if (o.is_trivial)
        return SL_OK;
    SL_TRY(sl_segment_column_emit(e, &o, SL_SEGMENT_DECIDERS_ALL, &stream));
    return sl_segment_column_add(e, &o, stream, SL_SEGMENT_NONE);
}

/* Byte strings that hardly repeat. */
static sl_status
encode_strings(struct sl_segment_encoding *e, const struct sl_column *column)
{
    struct sl_segment_ordered o = {.column = column, .present = e->bits[0]};
    struct sl_slice *flat = sl_arena_alloc(e->arena, 2 * (size_t)e->row_count * sizeof(*flat));
    if (flat == NULL)
        return sl_segment_encoding_fail(e);
    struct sl_slice *slices = flat + e->row_count;
    o.null_count = sl_segment_input_slices(&e->input, column, flat, e->flat_present);
    for (uint32_t i = 0; i < e->row_count; i++)
        slices[i] = flat[e->order[i]];
    permute_bits(e, e->flat_present, o.present);
    o.keys = e->work[0];
    memset(o.keys, 0, e->row_count * sizeof(*o.keys));
    SL_TRY(finish_ordered(e, &o));
    if (o.is_trivial)
        return SL_OK;
    uint32_t stream;
    o.number = sl_segment_column_number(e, column);
    SL_TRY(sl_segment_emit_bytes(e->emit, o.number, slices, &stream, e->err));
    return sl_segment_column_add(e, &o, stream, SL_SEGMENT_NONE);
}

/* An address (but src_addr and dst_addr), or byte strings: a dictionary of its own and codes. */
static sl_status
encode_codes(struct sl_segment_encoding *e, const struct sl_column *column)
{
    struct sl_segment_set set;
    struct sl_segment_ordered o;
    struct sl_segment_coded coded = {
        .column = column, .codes = (uint32_t *)e->flat, .present = e->flat_present};
    uint32_t stream, dictionary;
    uint32_t *ranks;
    bool is_addresses = column->type == SL_TYPE_ADDR;
    sl_bit_set(e->done, column->index);
    if (!sl_segment_set_init(&set, is_addresses, e->arena) ||
        !sl_segment_input_codes(&e->input, column, &set, coded.codes, e->flat_present,
                                &coded.null_count))
        return sl_segment_encoding_fail(e);
    uint32_t value_count = e->row_count - coded.null_count;
    if (!is_addresses && (set.count > value_count / 2 + 1 || set.bytes > SL_SEGMENT_BYTES_MAX))
        return encode_strings(e, column);
    if (!sl_segment_set_sort(&set, &ranks))
        return sl_segment_encoding_fail(e);
    for (uint32_t i = 0; set.count > 1 && i < e->row_count; i++)
        coded.codes[i] = ranks[coded.codes[i]];
    coded.entry_count = set.count;
    SL_TRY(sl_segment_column_codes(e, &coded, 0, &o));
    if (o.is_trivial)
        return SL_OK;
    SL_TRY(sl_segment_column_emit(e, &o, SL_SEGMENT_DECIDERS_ALL, &stream));
    if (column->index == SL_COLUMN_EXPORTER_ADDR)
        sl_segment_functions_add(&e->functions, SL_SEGMENT_EXPORTER, stream, o.keys, set.count);
    SL_TRY(is_addresses ? sl_segment_emit_addresses(e->emit, o.number, set.addrs, set.count,
                                                    &dictionary, e->err)
                        : sl_segment_emit_strings(e->emit, o.number, set.slices, set.count,
                                                  &dictionary, e->err));
    return sl_segment_column_add(e, &o, stream, dictionary);
}

sl_status
sl_segment_column_encode(struct sl_segment_encoding *e, const struct sl_column *column)
{
    bool has_codes = column->type == SL_TYPE_ADDR || sl_type_is_bytes(column->type);
    return has_codes ? encode_codes(e, column) : encode_keys(e, column);
}
