/*
 * segment_encode.c - what each column of a row group becomes.
 *
 * The group is worked off column by column: a column is flattened in the order given, permuted
 * into the inner order, its zones are taken, and then it is emitted, alone or with its partner of
 * the other side. Work arrays of eight bytes a row are reused from column to column, so that a
 * group of n rows needs about 100 n bytes, and some more for each column of addresses or strings.
 */
#include "storage/segment/segment_encode.h"

#include <stdlib.h>

#include "storage/codec/bits.h"
#include "storage/segment/segment_function.h"
#include "storage/segment/segment_index.h"
#include "storage/segment/segment_input.h"
#include "storage/segment/segment_order.h"

/* Columns of the two ends of a flow, and whether each may be a function of its end. Packets are
 * the last: bytes, which follow, refer to them. */
static const struct pair {
    uint32_t source, target;
    bool may_be_function;
} pairs[] = {
    {SL_COLUMN_SRC_PORT, SL_COLUMN_DST_PORT, false},
    {SL_COLUMN_SRC_AS, SL_COLUMN_DST_AS, true},
    {SL_COLUMN_SRC_MASK, SL_COLUMN_DST_MASK, true},
    {SL_COLUMN_INPUT_IF, SL_COLUMN_OUTPUT_IF, true},
    {SL_COLUMN_IN_PACKETS, SL_COLUMN_OUT_PACKETS, false},
};

/* Columns with an index, where it pays: those that queries ask for by value. */
static const uint32_t indexed[] = {
    SL_COLUMN_PROTOCOL, SL_COLUMN_SRC_PORT, SL_COLUMN_DST_PORT,           SL_COLUMN_TCP_FLAGS,
    SL_COLUMN_VLAN,     SL_COLUMN_INPUT_IF, SL_COLUMN_OUTPUT_IF,          SL_COLUMN_SRC_AS,
    SL_COLUMN_DST_AS,   SL_COLUMN_SRC_ADDR, SL_COLUMN_DST_ADDR,           SL_COLUMN_EXPORTER_ADDR,
    SL_COLUMN_APP,      SL_COLUMN_L7_PROTO, SL_COLUMN_OBSERVATION_DOMAIN,
};

enum {
    DECIDERS_NONE = 0,
    DECIDERS_CLIENT = 1 << SL_SEGMENT_CLIENT,
    DECIDERS_SERVER = 1 << SL_SEGMENT_SERVER,
    DECIDERS_ALL = (1 << SL_SEGMENT_DECIDER_COUNT) - 1,
};

/* A column in the inner order. */
struct ordered {
    const struct sl_column *column; /* NULL: the input lacks it */
    uint32_t number;
    uint64_t *keys;
    uint64_t *present; /* bits in the inner order */
    uint32_t null_count;
    struct sl_segment_zone *zones;
    bool is_trivial; /* NULL or zero everywhere: not stored */
};

struct encoding {
    struct sl_segment_emit *emit;
    struct sl_segment_input input;
    struct sl_segment_numbers *numbers;
    struct sl_segment_summary *summary;
    struct sl_arena *arena;
    struct sl_error *err;
    uint32_t row_count;
    uint32_t *order;
    uint64_t *flat;         /* scratch: a column in the order given */
    uint64_t *flat_present; /* scratch */
    uint64_t *work[4];      /* keys of columns in the inner order */
    uint64_t *bits[2];      /* their presence */
    uint64_t *sides;        /* inner order: 0 or 1 */
    uint32_t side_stream;   /* SL_SEGMENT_NONE: the source is the client everywhere */
    struct sl_segment_functions functions;
    struct sl_segment_set addrs;
    uint32_t packet_streams[2]; /* that bytes refer to; SL_SEGMENT_NONE: no packets */
    bool is_packets_sided;
    uint64_t done[(SL_COLUMNS_MAX + 63) / 64]; /* columns that are dealt with */
};

static sl_status
fail_memory(struct encoding *e)
{
    return sl_fail(e->err, SL_LIMIT, "no memory to encode a row group of %u rows", e->row_count);
}

static const struct sl_column *
find_column(const struct sl_segment_input *input, uint32_t index)
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

static uint32_t
number_of(struct encoding *e, const struct sl_column *column)
{
    return sl_segment_number(e->numbers, column);
}

#define PERMUTE_AS(type)                        \
    for (uint32_t i = 0; i < e->row_count; i++) \
        keys[i] = ((const type *)flat)[e->order[i]];

/* Keys of `width` bytes from the order given into the inner order. */
static void
permute(const struct encoding *e, const void *flat, unsigned width, uint64_t *keys)
{
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
permute_bits(const struct encoding *e, const uint64_t *flat, uint64_t *bits)
{
    memset(bits, 0, sl_words_for(e->row_count) * sizeof(*bits));
    for (uint32_t i = 0; i < e->row_count; i++)
        bits[i / 64] |= (uint64_t)sl_bit_get(flat, e->order[i]) << (i % 64);
}

static struct sl_segment_zone
zone_of(const struct ordered *o, uint32_t first, uint32_t count)
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
fill_nulls(struct encoding *e, struct ordered *o)
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
finish_ordered(struct encoding *e, struct ordered *o)
{
    const struct sl_segment_group *group = e->emit->group;
    if (!may_be_null(o->column))
        o->null_count = 0;
    uint64_t zero_key = sl_segment_key(o->column->type, 0);
    o->is_trivial = o->null_count == e->row_count;
    o->zones = sl_arena_alloc(e->arena, group->block_count * sizeof(*o->zones));
    if (o->zones == NULL)
        return fail_memory(e);
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
index_column(struct encoding *e, const struct ordered *o, uint32_t entry_count)
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

/* A column of fixed size (not ADDR), in the inner order, in work arrays `slot`. */
static sl_status
take_keys(struct encoding *e, const struct sl_column *column, unsigned slot, unsigned bits_slot,
          struct ordered *o)
{
    *o = (struct ordered){.column = column, .keys = e->work[slot], .present = e->bits[bits_slot]};
    if (column == NULL) {
        o->is_trivial = true;
        memset(o->keys, 0, e->row_count * sizeof(*o->keys));
        return SL_OK;
    }
    sl_bit_set(e->done, column->index);
    unsigned width = sl_segment_input_width(&e->input, column);
    o->null_count = sl_segment_input_flat(&e->input, column, width, e->flat, e->flat_present);
    permute(e, e->flat, width, o->keys);
    if (o->null_count != 0)
        permute_bits(e, e->flat_present, o->present);
    SL_TRY(finish_ordered(e, o));
    if (!o->is_trivial)
        o->number = number_of(e, column);
    return index_column(e, o, 0);
}

/* Enter a column in the directory, with its presence where some rows lack it. */
static sl_status
add_column(struct encoding *e, const struct ordered *o, uint32_t stream, uint32_t dictionary)
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
static sl_status
emit_dependent(struct encoding *e, const struct ordered *o, unsigned deciders, uint32_t *out_stream)
{
    return sl_segment_function_emit(&e->functions, e->emit, o->number, deciders, o->keys,
                                    out_stream, e->err);
}

static void
swap_sides(const struct encoding *e, uint64_t *a, uint64_t *b)
{
    for (uint32_t i = 0; i < e->row_count; i++) {
        uint64_t mask = -e->sides[i];
        uint64_t difference = (a[i] ^ b[i]) & mask;
        a[i] ^= difference;
        b[i] ^= difference;
    }
}

/* A pair whose keys are client's and server's: the streams of source and target, as columns. */
static sl_status
add_pair(struct encoding *e, const struct ordered *source, const struct ordered *target,
         const uint32_t streams[2], uint32_t dictionary)
{
    uint32_t from = streams[0];
    uint32_t to = streams[1];
    if (e->side_stream != SL_SEGMENT_NONE) {
        from = sl_segment_emit_combined(e->emit, SL_SEGMENT_FORM_SELECT, source->number,
                                        e->side_stream, streams[0], streams[1]);
        to = sl_segment_emit_combined(e->emit, SL_SEGMENT_FORM_SELECT, target->number,
                                      e->side_stream, streams[1], streams[0]);
    }
    SL_TRY(add_column(e, source, from, dictionary));
    return add_column(e, target, to, dictionary);
}

static sl_status
encode_pair(struct encoding *e, const struct pair *pair)
{
    struct ordered source, target;
    uint32_t streams[2] = {SL_SEGMENT_NONE, SL_SEGMENT_NONE};
    bool is_packets = pair->source == SL_COLUMN_IN_PACKETS;
    SL_TRY(take_keys(e, find_column(&e->input, pair->source), 0, 0, &source));
    SL_TRY(take_keys(e, find_column(&e->input, pair->target), 1, 1, &target));
    bool is_sided = !source.is_trivial && !target.is_trivial;
    unsigned all = pair->may_be_function ? DECIDERS_ALL : DECIDERS_NONE;
    if (is_sided) {
        swap_sides(e, source.keys, target.keys);
        SL_TRY(emit_dependent(e, &source, all & DECIDERS_CLIENT, &streams[0]));
        SL_TRY(emit_dependent(e, &target, all & DECIDERS_SERVER, &streams[1]));
        SL_TRY(add_pair(e, &source, &target, streams, SL_SEGMENT_NONE));
    } else if (!source.is_trivial) {
        SL_TRY(emit_dependent(e, &source, all, &streams[0]));
        SL_TRY(add_column(e, &source, streams[0], SL_SEGMENT_NONE));
    } else if (!target.is_trivial) {
        SL_TRY(emit_dependent(e, &target, all, &streams[1]));
        SL_TRY(add_column(e, &target, streams[1], SL_SEGMENT_NONE));
    }
    if (is_packets) {
        memcpy(e->packet_streams, streams, sizeof(streams));
        e->is_packets_sided = is_sided;
    }
    return SL_OK;
}

/* bytes as whole bytes per packet and remainder; quotients and remainders replace keys. */
static sl_status
emit_scaled(struct encoding *e, uint32_t owner, uint32_t packet_stream, const uint64_t *packets,
            uint64_t *keys, uint32_t *out_stream)
{
    uint64_t *rest = e->flat;
    for (uint32_t i = 0; i < e->row_count; i++) {
        uint64_t bytes = keys[i];
        rest[i] = 0;
        if (packets[i] <= 1)
            continue;
        if (((bytes | packets[i]) >> 32) == 0) {
            keys[i] = (uint32_t)bytes / (uint32_t)packets[i];
            rest[i] = (uint32_t)bytes % (uint32_t)packets[i];
        } else {
            keys[i] = bytes / packets[i];
            rest[i] = bytes % packets[i];
        }
    }
    uint32_t quotient_stream, rest_stream;
    SL_TRY(sl_segment_emit_values(e->emit, owner, keys, &quotient_stream, e->err));
    SL_TRY(sl_segment_emit_values(e->emit, owner, rest, &rest_stream, e->err));
    *out_stream = sl_segment_emit_combined(e->emit, SL_SEGMENT_FORM_SCALE, owner, packet_stream,
                                           quotient_stream, rest_stream);
    return SL_OK;
}

/* Bytes follow packets, whose keys must still lie in work 0 and 1. */
static sl_status
encode_bytes(struct encoding *e)
{
    struct ordered ends[2];
    uint32_t streams[2] = {SL_SEGMENT_NONE, SL_SEGMENT_NONE};
    SL_TRY(take_keys(e, find_column(&e->input, SL_COLUMN_IN_BYTES), 2, 0, &ends[0]));
    SL_TRY(take_keys(e, find_column(&e->input, SL_COLUMN_OUT_BYTES), 3, 1, &ends[1]));
    bool is_sided = e->is_packets_sided && !ends[0].is_trivial && !ends[1].is_trivial;
    if (is_sided)
        swap_sides(e, ends[0].keys, ends[1].keys);
    for (unsigned i = 0; i < 2; i++) {
        if (ends[i].is_trivial)
            continue;
        bool has_packets =
            e->packet_streams[i] != SL_SEGMENT_NONE && is_sided == e->is_packets_sided;
        if (has_packets)
            SL_TRY(emit_scaled(e, ends[i].number, e->packet_streams[i], e->work[i], ends[i].keys,
                               &streams[i]));
        else
            SL_TRY(
                sl_segment_emit_values(e->emit, ends[i].number, ends[i].keys, &streams[i], e->err));
        if (!is_sided)
            SL_TRY(add_column(e, &ends[i], streams[i], SL_SEGMENT_NONE));
    }
    return is_sided ? add_pair(e, &ends[0], &ends[1], streams, SL_SEGMENT_NONE) : SL_OK;
}

static int64_t
time_of(uint64_t key)
{
    return (int64_t)sl_segment_key_value(SL_TYPE_TIME, key);
}

static void
widen(int64_t *min, int64_t *max, int64_t value)
{
    *min = value < *min ? value : *min;
    *max = value > *max ? value : *max;
}

/* Bounds of the group's times into the segment's. */
static void
widen_summary(struct encoding *e, const uint64_t *first_keys, const uint64_t *last_keys)
{
    struct sl_segment_summary *sum = e->summary;
    for (uint32_t i = 0; i < e->row_count; i++) {
        int64_t first = time_of(first_keys[i]);
        int64_t last = time_of(last_keys[i]);
        int64_t duration;
        if (__builtin_sub_overflow(last, first, &duration))
            duration = last < first ? INT64_MIN : INT64_MAX;
        widen(&sum->first_seen_min_us, &sum->first_seen_max_us, first);
        widen(&sum->last_seen_min_us, &sum->last_seen_max_us, last);
        widen(&sum->duration_min_us, &sum->duration_max_us, duration);
    }
}

/* first_seen, and last_seen as what it is later. */
static sl_status
encode_times(struct encoding *e)
{
    struct ordered first, last;
    uint32_t first_stream = SL_SEGMENT_NONE;
    uint32_t duration_stream;
    SL_TRY(take_keys(e, find_column(&e->input, SL_COLUMN_FIRST_SEEN), 0, 0, &first));
    SL_TRY(take_keys(e, find_column(&e->input, SL_COLUMN_LAST_SEEN), 1, 1, &last));
    uint64_t zero_key = sl_segment_key(SL_TYPE_TIME, 0);
    for (uint32_t i = 0; first.column == NULL && i < e->row_count; i++)
        first.keys[i] = zero_key;
    for (uint32_t i = 0; last.column == NULL && i < e->row_count; i++)
        last.keys[i] = zero_key;
    widen_summary(e, first.keys, last.keys);
    if (!first.is_trivial) {
        SL_TRY(sl_segment_emit_values(e->emit, first.number, first.keys, &first_stream, e->err));
        SL_TRY(add_column(e, &first, first_stream, SL_SEGMENT_NONE));
    }
    if (last.is_trivial)
        return SL_OK;
    if (first.is_trivial) {
        SL_TRY(sl_segment_emit_values(e->emit, last.number, last.keys, &first_stream, e->err));
        return add_column(e, &last, first_stream, SL_SEGMENT_NONE);
    }
    for (uint32_t i = 0; i < e->row_count; i++)
        last.keys[i] -= first.keys[i];
    SL_TRY(sl_segment_emit_values(e->emit, last.number, last.keys, &duration_stream, e->err));
    uint32_t stream = sl_segment_emit_combined(e->emit, SL_SEGMENT_FORM_ADD, last.number,
                                               first_stream, duration_stream, 0);
    return add_column(e, &last, stream, SL_SEGMENT_NONE);
}

static sl_status
encode_keys(struct encoding *e, const struct sl_column *column)
{
    struct ordered o;
    uint32_t stream;
    SL_TRY(take_keys(e, column, 0, 0, &o));
    if (o.is_trivial)
        return SL_OK;
    SL_TRY(emit_dependent(e, &o, DECIDERS_ALL, &stream));
    return add_column(e, &o, stream, SL_SEGMENT_NONE);
}

/* Rows without a value, in the order given. */
struct nullness {
    const uint64_t *present;
    uint32_t count;
};

/* Final codes of a column in the inner order; entry_count of its dictionary. */
static sl_status
take_codes(struct encoding *e, const struct sl_column *column, const uint32_t *codes,
           const struct nullness *nulls, uint32_t entry_count, unsigned slot, struct ordered *o)
{
    *o = (struct ordered){.column = column,
                          .keys = e->work[slot],
                          .present = e->bits[slot],
                          .null_count = nulls->count};
    permute(e, codes, sizeof(*codes), o->keys);
    if (nulls->count != 0)
        permute_bits(e, nulls->present, o->present);
    SL_TRY(finish_ordered(e, o));
    if (!o->is_trivial)
        o->number = number_of(e, column);
    return index_column(e, o, entry_count);
}

/* Byte strings that hardly repeat. */
static sl_status
encode_strings(struct encoding *e, const struct sl_column *column)
{
    struct ordered o = {.column = column, .present = e->bits[0]};
    struct sl_slice *flat = sl_arena_alloc(e->arena, 2 * (size_t)e->row_count * sizeof(*flat));
    if (flat == NULL)
        return fail_memory(e);
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
    o.number = number_of(e, column);
    SL_TRY(sl_segment_emit_bytes(e->emit, o.number, slices, &stream, e->err));
    return add_column(e, &o, stream, SL_SEGMENT_NONE);
}

/* The exporter's codes decide for the columns that follow. */
static void
take_exporter(struct encoding *e, const struct ordered *o, uint32_t stream, uint32_t code_count)
{
    struct sl_segment_functions *f = &e->functions;
    if (code_count > f->map_capacity)
        return;
    for (uint32_t i = 0; i < e->row_count; i++)
        f->codes[SL_SEGMENT_EXPORTER][i] = (uint32_t)o->keys[i];
    f->streams[SL_SEGMENT_EXPORTER] = stream;
    f->code_counts[SL_SEGMENT_EXPORTER] = code_count;
}

/* An address (but src_addr and dst_addr), or byte strings: a dictionary of its own and codes. */
static sl_status
encode_codes(struct encoding *e, const struct sl_column *column)
{
    struct sl_segment_set set;
    struct ordered o;
    uint32_t null_count, stream, dictionary;
    uint32_t *ranks;
    bool is_addresses = column->type == SL_TYPE_ADDR;
    uint32_t *codes = sl_arena_alloc(e->arena, e->row_count * sizeof(*codes));
    sl_bit_set(e->done, column->index);
    if (codes == NULL || !sl_segment_set_init(&set, is_addresses, e->arena) ||
        !sl_segment_input_codes(&e->input, column, &set, codes, e->flat_present, &null_count))
        return fail_memory(e);
    uint32_t value_count = e->row_count - null_count;
    if (!is_addresses && (set.count > value_count / 2 + 1 || set.bytes > SL_SEGMENT_BYTES_MAX))
        return encode_strings(e, column);
    if (!sl_segment_set_sort(&set, &ranks))
        return fail_memory(e);
    for (uint32_t i = 0; set.count != 0 && i < e->row_count; i++)
        codes[i] = ranks[codes[i]];
    const struct nullness nulls = {e->flat_present, null_count};
    SL_TRY(take_codes(e, column, codes, &nulls, set.count, 0, &o));
    if (o.is_trivial)
        return SL_OK;
    SL_TRY(emit_dependent(e, &o, DECIDERS_ALL, &stream));
    if (column->index == SL_COLUMN_EXPORTER_ADDR)
        take_exporter(e, &o, stream, set.count);
    SL_TRY(is_addresses ? sl_segment_emit_addresses(e->emit, o.number, set.addrs, set.count,
                                                    &dictionary, e->err)
                        : sl_segment_emit_strings(e->emit, o.number, set.slices, set.count,
                                                  &dictionary, e->err));
    return add_column(e, &o, stream, dictionary);
}

/* Flat arrays that decide sides and order, by the rows as given. */
struct deciding {
    uint64_t *protocol, *src_port, *dst_port, *time;
    uint32_t *codes[2]; /* final, of src_addr and dst_addr */
    uint64_t *present[2];
    uint32_t null_counts[2];
    const struct sl_column *columns[2];
    uint8_t *sides;
};

static sl_status
flatten_key(struct encoding *e, uint32_t index, uint64_t *keys, uint64_t **out_keys)
{
    const struct sl_column *column = find_column(&e->input, index);
    *out_keys = NULL;
    if (column == NULL)
        return SL_OK;
    (void)sl_segment_input_keys(&e->input, column, keys, e->flat_present);
    *out_keys = keys;
    return SL_OK;
}

/* src_addr and dst_addr as codes of one sorted dictionary. */
static sl_status
flatten_addresses(struct encoding *e, struct deciding *d)
{
    static const uint32_t indexes[2] = {SL_COLUMN_SRC_ADDR, SL_COLUMN_DST_ADDR};
    uint32_t *ranks;
    if (!sl_segment_set_init(&e->addrs, true, e->arena))
        return fail_memory(e);
    for (unsigned i = 0; i < 2; i++) {
        d->columns[i] = find_column(&e->input, indexes[i]);
        d->codes[i] = sl_arena_calloc(e->arena, e->row_count, sizeof(uint32_t));
        d->present[i] = sl_arena_calloc(e->arena, sl_words_for(e->row_count), sizeof(uint64_t));
        if (d->codes[i] == NULL || d->present[i] == NULL)
            return fail_memory(e);
        if (d->columns[i] == NULL)
            continue;
        sl_bit_set(e->done, indexes[i]);
        if (!sl_segment_input_codes(&e->input, d->columns[i], &e->addrs, d->codes[i], d->present[i],
                                    &d->null_counts[i]))
            return fail_memory(e);
    }
    if (!sl_segment_set_sort(&e->addrs, &ranks))
        return fail_memory(e);
    for (uint32_t i = 0; e->addrs.count != 0 && i < e->row_count; i++) {
        d->codes[0][i] = ranks[d->codes[0][i]];
        d->codes[1][i] = ranks[d->codes[1][i]];
    }
    return SL_OK;
}

/* Sides and inner order; the work arrays serve as flat ones here. */
static sl_status
decide_order(struct encoding *e, struct deciding *d)
{
    SL_TRY(flatten_addresses(e, d));
    SL_TRY(flatten_key(e, SL_COLUMN_PROTOCOL, e->work[0], &d->protocol));
    SL_TRY(flatten_key(e, SL_COLUMN_SRC_PORT, e->work[1], &d->src_port));
    SL_TRY(flatten_key(e, SL_COLUMN_DST_PORT, e->work[2], &d->dst_port));
    SL_TRY(flatten_key(e, SL_COLUMN_FIRST_SEEN, e->work[3], &d->time));
    const struct sl_segment_order_keys keys = {
        .row_count = e->row_count,
        .protocol = d->protocol,
        .src_port = d->src_port,
        .dst_port = d->dst_port,
        .src_code = d->codes[0],
        .dst_code = d->codes[1],
        .code_count = e->addrs.count,
        .time = d->time,
    };
    d->sides = sl_arena_alloc(e->arena, e->row_count);
    if (d->sides == NULL)
        return fail_memory(e);
    sl_segment_order_sides(&keys, d->sides);
    if (!sl_segment_order_sort(&keys, d->sides, e->arena, e->order))
        return fail_memory(e);
    return SL_OK;
}

static sl_status
emit_sides(struct encoding *e, const struct deciding *d)
{
    bool is_any = false;
    for (uint32_t i = 0; i < e->row_count; i++) {
        e->sides[i] = d->sides[e->order[i]];
        is_any = is_any || e->sides[i] != 0;
    }
    e->side_stream = SL_SEGMENT_NONE;
    if (!is_any)
        return SL_OK;
    uint32_t owner = number_of(e, e->input.columns[0]);
    return sl_segment_emit_values(e->emit, owner, e->sides, &e->side_stream, e->err);
}

static void
narrow(const uint64_t *keys, uint32_t count, uint32_t *codes)
{
    for (uint32_t i = 0; i < count; i++)
        codes[i] = (uint32_t)keys[i];
}

/* Client's and server's addresses, which other columns may be functions of. */
static sl_status
encode_addresses(struct encoding *e, const struct deciding *d)
{
    struct ordered ends[2];
    struct sl_segment_functions *f = &e->functions;
    uint32_t streams[2], dictionary;
    if (e->addrs.count == 0)
        return SL_OK;
    for (unsigned i = 0; i < 2; i++) {
        const struct nullness nulls = {d->present[i], d->null_counts[i]};
        if (d->columns[i] != NULL)
            SL_TRY(take_codes(e, d->columns[i], d->codes[i], &nulls, e->addrs.count, i, &ends[i]));
        else
            ends[i] = (struct ordered){.is_trivial = true};
    }
    uint32_t owner = ends[0].is_trivial ? ends[1].number : ends[0].number;
    SL_TRY(sl_segment_emit_addresses(e->emit, owner, e->addrs.addrs, e->addrs.count, &dictionary,
                                     e->err));
    if (ends[0].is_trivial || ends[1].is_trivial) {
        const struct ordered *end = ends[0].is_trivial ? &ends[1] : &ends[0];
        SL_TRY(sl_segment_emit_values(e->emit, end->number, end->keys, &streams[0], e->err));
        return add_column(e, end, streams[0], dictionary);
    }
    *f = (struct sl_segment_functions){.row_count = e->row_count, .map_capacity = e->addrs.count};
    f->ballots = sl_arena_alloc(e->arena, f->map_capacity * sizeof(*f->ballots));
    f->maps[0] = sl_arena_alloc(e->arena, f->map_capacity * sizeof(uint64_t));
    f->maps[1] = sl_arena_alloc(e->arena, f->map_capacity * sizeof(uint64_t));
    bool has_memory = f->ballots != NULL && f->maps[0] != NULL && f->maps[1] != NULL;
    for (unsigned i = 0; i < SL_SEGMENT_DECIDER_COUNT; i++) {
        f->codes[i] = sl_arena_alloc(e->arena, e->row_count * sizeof(uint32_t));
        has_memory = has_memory && f->codes[i] != NULL;
    }
    if (!has_memory)
        return fail_memory(e);
    narrow(ends[1].keys, e->row_count, f->codes[SL_SEGMENT_TARGET]);
    swap_sides(e, ends[0].keys, ends[1].keys);
    narrow(ends[0].keys, e->row_count, f->codes[SL_SEGMENT_CLIENT]);
    narrow(ends[1].keys, e->row_count, f->codes[SL_SEGMENT_SERVER]);
    SL_TRY(sl_segment_emit_values(e->emit, ends[0].number, ends[0].keys, &streams[0], e->err));
    SL_TRY(sl_segment_emit_values(e->emit, ends[1].number, ends[1].keys, &streams[1], e->err));
    SL_TRY(add_pair(e, &ends[0], &ends[1], streams, dictionary));
    f->streams[SL_SEGMENT_CLIENT] = streams[0];
    f->streams[SL_SEGMENT_SERVER] = streams[1];
    f->streams[SL_SEGMENT_TARGET] =
        e->emit->group->columns[e->emit->group->column_count - 1].stream;
    f->code_counts[SL_SEGMENT_CLIENT] = f->map_capacity;
    f->code_counts[SL_SEGMENT_SERVER] = f->map_capacity;
    /* Without sides the target is the server. */
    f->code_counts[SL_SEGMENT_TARGET] = e->side_stream != SL_SEGMENT_NONE ? f->map_capacity : 0;
    return SL_OK;
}

static sl_status
encode_columns(struct encoding *e, const struct deciding *d)
{
    SL_TRY(emit_sides(e, d));
    SL_TRY(encode_addresses(e, d));
    SL_TRY(encode_times(e));
    for (size_t i = 0; i < SL_COUNTOF(pairs); i++)
        SL_TRY(encode_pair(e, &pairs[i]));
    SL_TRY(encode_bytes(e));
    for (uint32_t i = 0; i < e->input.column_count; i++) {
        const struct sl_column *column = e->input.columns[i];
        if (sl_bit_get(e->done, column->index))
            continue;
        bool has_codes = column->type == SL_TYPE_ADDR || sl_type_is_bytes(column->type);
        SL_TRY(has_codes ? encode_codes(e, column) : encode_keys(e, column));
    }
    struct sl_segment_group *group = e->emit->group;
    sl_segment_group_sort(group);
    sl_segment_emit_group_end(e->emit);
    return SL_OK;
}

/* Work arrays of the group. */
static sl_status
take_memory(struct encoding *e)
{
    size_t words = sl_words_for(e->row_count);
    e->order = sl_arena_alloc(e->arena, e->row_count * sizeof(*e->order));
    e->flat = sl_arena_alloc(e->arena, e->row_count * sizeof(uint64_t));
    e->sides = sl_arena_alloc(e->arena, e->row_count * sizeof(uint64_t));
    e->flat_present = sl_arena_calloc(e->arena, words, sizeof(uint64_t));
    bool has_memory =
        e->order != NULL && e->flat != NULL && e->sides != NULL && e->flat_present != NULL;
    for (size_t i = 0; i < SL_COUNTOF(e->work); i++) {
        e->work[i] = sl_arena_alloc(e->arena, e->row_count * sizeof(uint64_t));
        has_memory = has_memory && e->work[i] != NULL;
    }
    for (size_t i = 0; i < SL_COUNTOF(e->bits); i++) {
        e->bits[i] = sl_arena_calloc(e->arena, words, sizeof(uint64_t));
        has_memory = has_memory && e->bits[i] != NULL;
    }
    return has_memory ? SL_OK : fail_memory(e);
}

sl_status
sl_segment_encode(struct sl_segment_emit *emit, const struct sl_segment_encode_request *request,
                  struct sl_arena *arena, struct sl_segment_group *out_group,
                  struct sl_segment_encoded *out_encoded, struct sl_error *err)
{
    struct encoding *e = sl_arena_calloc(arena, 1, sizeof(*e));
    struct deciding d = {0};
    if (e == NULL)
        return sl_fail(err, SL_LIMIT, "no memory to encode a row group");
    e->emit = emit;
    e->arena = arena;
    e->numbers = request->numbers;
    e->summary = request->summary;
    e->err = err;
    e->packet_streams[0] = e->packet_streams[1] = SL_SEGMENT_NONE;
    SL_TRY(sl_segment_input_init(&e->input, request->rows, request->rows_count, arena, err));
    e->row_count = e->input.row_count;
    SL_TRY(sl_segment_emit_group(emit, out_group, e->row_count, e->input.column_count, arena, err));
    SL_TRY(take_memory(e));
    SL_TRY(decide_order(e, &d));
    SL_TRY(encode_columns(e, &d));
    *out_encoded = (struct sl_segment_encoded){
        .order = e->order, .addrs = e->addrs.addrs, .addr_count = e->addrs.count};
    return SL_OK;
}
