/*
 * segment_vector.c - the columns of one block as vectors: from streams, dictionaries and presence,
 * or from what is kept of the block; converted mini by mini on demand.
 *
 * A column of addresses is opened as codes. Its entries are attached when somebody wants addresses: those
 * of the rows where there are few, else the whole dictionary.
 */
#include <stdatomic.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/codec/bits.h"
#include "storage/codec/codec.h"
#include "storage/segment/segment_decode.h"
#include "storage/segment/segment_input.h"
#include "storage/segment/segment_keep.h"
#include "storage/segment/segment_kernel.h"
#include "storage/segment/segment_lookup.h"
#include "storage/segment/segment_stream.h"

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
max_of(const struct sl_segment_slot *slot, uint32_t first, uint32_t count)
{
    uint64_t max = 0;
    if (slot->width == 4)
        return sl_segment_kernels_best()->max_u32((const uint32_t *)slot->values + first, count);
    const uint64_t *values = (const uint64_t *)slot->values + first;
    for (uint32_t i = 0; i < count; i++)
        max = values[i] > max ? values[i] : max;
    return max;
}

/* Keys of one mini as values of the vector. */
static void
convert(const struct sl_segment_slot *slot, enum sl_type type, uint8_t width, uint32_t first,
        uint32_t count, void *out)
{
    uint64_t room[SL_MINI_ROWS];
    const uint32_t *narrow = (const uint32_t *)slot->values + first;
    if (slot->width == 4 && width == 2) {
        sl_segment_kernels_best()->to_u16(narrow, count, (uint16_t *)out + first);
        return;
    }
    if (slot->width == 4 && width == 1) {
        sl_segment_kernels_best()->to_u8(narrow, count, (uint8_t *)out + first);
        return;
    }
    const uint64_t *keys = sl_segment_slot_widen(slot, first, count, room);
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
              struct sl_segment_output *output, struct sl_segment_counters *counters,
              struct sl_error *err)
{
    const struct sl_segment_zone *zone = &column->zones[cursor->block];
    bool is_all = zone->null_count == 0 && !cursor->is_distrustful;
    if (column->presence == SL_SEGMENT_NONE || is_all)
        return SL_OK;
    SL_TRY(
        sl_segment_stream_evaluate(cursor, column->presence, SL_SEGMENT_ALL_MINIS, counters, err));
    uint64_t *present =
        sl_arena_calloc(cursor->arena, sl_words_for(cursor->row_count), sizeof(*present));
    if (present == NULL)
        return sl_segment_decoding_fail(err);
    const struct sl_segment_slot *slot = &cursor->slots[column->presence];
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

/* A dictionary as that of the vector, which has as many entries. */
static void
set_dictionary(const struct sl_segment_item *item, enum sl_type type, struct sl_vector *vector)
{
    set_entries(item, 0, vector->value_count, vector);
    vector->dictionary = item->identity;
    vector->is_sorted = type != SL_TYPE_TEXT;
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
        return sl_segment_decoding_fail(err);
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
             struct sl_segment_output *output, struct sl_segment_counters *counters,
             struct sl_error *err)
{
    const struct sl_segment_part *part = &stream->blocks[cursor->block];
    uint8_t *bytes;
    uint32_t *offsets;
    SL_TRY(sl_segment_decode_read(cursor, part, counters, err));
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
    output->ready = SL_SEGMENT_ALL_MINIS;
    return cursor->rows == NULL ? SL_OK
                                : pick_strings(cursor, bytes, offsets, &output->vector, err);
}

/* A block whose zone says that all values are one: nothing is read but a dictionary. The address of a
 * code is attached later. */
static void
open_constant(const struct sl_column *column, uint64_t key, const struct sl_segment_item *item,
              struct sl_segment_output *output)
{
    struct sl_vector *vector = &output->vector;
    vector->encoding = SL_CONSTANT;
    output->ready = SL_SEGMENT_ALL_MINIS;
    if (item != NULL) {
        set_entries(item, (uint32_t)key, 1, vector);
        return;
    }
    output->constant = output->lacks_entries ? key : sl_segment_key_value(column->type, key);
    vector->width = (uint8_t)sl_type_bytes(column->type);
    vector->values = &output->constant;
    vector->value_count = 1;
}

/* Borrow what is kept of the column, unless the output does so already. */
static void
find_kept(const struct sl_segment_cursor *cursor, const struct sl_segment_group_column *column,
          struct sl_segment_output *output)
{
    struct sl_segment_kept **place = sl_segment_keep_place(cursor, column, SL_SEGMENT_KEEP_VALUES);
    if (place != NULL && output->kept == NULL)
        output->kept = sl_segment_cache_find(cursor->reader->cache, place);
}

/* Presence: kept together with the values, or of the block. */
static sl_status
open_rows(struct sl_segment_cursor *cursor, const struct sl_segment_group_column *column,
          struct sl_segment_output *output, struct sl_segment_counters *counters,
          struct sl_error *err)
{
    find_kept(cursor, column, output);
    if (output->kept == NULL) {
        sl_segment_stream_announce(cursor, column->stream);
        return open_presence(cursor, column, output, counters, err);
    }
    output->vector.present = output->kept->present;
    output->ready = SL_SEGMENT_ALL_MINIS;
    return SL_OK;
}

static void
leave_kept(const struct sl_segment_cursor *cursor, struct sl_segment_output *output)
{
    sl_segment_cache_leave(cursor->reader->cache, output->kept);
    output->kept = NULL;
}

/* Values that are kept as distances, made up again. */
static void *
add_base(struct sl_segment_cursor *cursor, const struct sl_segment_kept *kept,
         const uint32_t *distances)
{
    uint64_t *values = sl_segment_buffer_take(cursor, 8);
    if (values != NULL)
        sl_bits_scale(distances, cursor->row_count, kept->base, 1, values);
    return values;
}

/* Of what is kept of the block take the rows focused on, and leave it. */
static sl_status
pick_kept(struct sl_segment_cursor *cursor, struct sl_segment_output *output, struct sl_error *err)
{
    struct sl_vector *vector = &output->vector;
    const struct sl_segment_kept *kept = output->kept;
    const uint32_t *rows = cursor->rows;
    uint32_t count = cursor->row_count;
    uint8_t width = kept->width;
    uint8_t *values = sl_arena_alloc(cursor->arena, (size_t)count * width);
    uint64_t *present = sl_arena_calloc(cursor->arena, sl_words_for(count), sizeof(*present));
    if (values == NULL || present == NULL) {
        leave_kept(cursor, output);
        return sl_segment_decoding_fail(err);
    }
    sl_vector_copy_entries(kept->values, width, rows, count, values);
    for (uint32_t i = 0; kept->present != NULL && i < count; i++)
        present[i / 64] |= (uint64_t)sl_bit_get(kept->present, rows[i]) << i % 64;
    vector->present = kept->present == NULL ? NULL : present;
    if (vector->encoding == SL_DICT) {
        vector->codes = (const uint32_t *)(const void *)values;
    } else if (kept->is_distance) {
        vector->values = add_base(cursor, kept, (const uint32_t *)(const void *)values);
        vector->width = 8;
    } else {
        vector->values = values;
    }
    leave_kept(cursor, output);
    return vector->encoding == SL_PLAIN && vector->values == NULL ? sl_segment_decoding_fail(err)
                                                                  : SL_OK;
}

/* What is kept of a block, as the values of the vector. */
static sl_status
lend_kept(struct sl_segment_cursor *cursor, struct sl_segment_output *output, struct sl_error *err)
{
    const struct sl_segment_kept *kept = output->kept;
    struct sl_vector *vector = &output->vector;
    vector->values = kept->values;
    vector->width = kept->width;
    vector->value_count = cursor->row_count;
    if (!kept->is_distance || cursor->rows != NULL) /* see pick_kept */
        return SL_OK;
    vector->values = add_base(cursor, kept, kept->values);
    vector->width = 8;
    return vector->values == NULL ? sl_segment_decoding_fail(err) : SL_OK;
}

/* What of the vector does not depend on the rows asked for. */
static sl_status
open_output(struct sl_segment_cursor *cursor, const struct sl_segment_group_column *column,
            const struct sl_column *described, struct sl_segment_output *output,
            struct sl_segment_counters *counters, struct sl_error *err)
{
    const struct sl_segment_zone *zone = &column->zones[cursor->block];
    const struct sl_segment_stream *stream = &cursor->group->streams[column->stream];
    const struct sl_segment_item *item = NULL;
    struct sl_vector *vector = &output->vector;
    *output = (struct sl_segment_output){.kept = output->kept};
    *vector = sl_vector_nulls(described->type, cursor->row_count);
    output->ready = SL_SEGMENT_ALL_MINIS;
    if (zone->null_count != cursor->block_rows || cursor->is_distrustful) {
        output->ready = 0;
        vector->encoding = SL_PLAIN;
        SL_TRY(open_rows(cursor, column, output, counters, err));
        output->lacks_entries = described->type == SL_TYPE_ADDR;
        if (column->dictionary != SL_SEGMENT_NONE && !output->lacks_entries)
            SL_TRY(sl_segment_item_get(cursor->reader, cursor->group_number, column->dictionary,
                                       &item, counters, err));
        if (stream->form == SL_SEGMENT_FORM_BYTES)
            SL_TRY(open_strings(cursor, stream, output, counters, err));
        else if (zone->min == zone->max && zone->min <= type_limit(described->type) &&
                 !cursor->is_distrustful)
            open_constant(described, zone->min, item, output);
        else if (column->dictionary != SL_SEGMENT_NONE) {
            vector->encoding = SL_DICT;
            vector->value_count = cursor->group->dictionaries[column->dictionary].entry_count;
            vector->codes = output->kept == NULL ? NULL : output->kept->values;
            if (item != NULL)
                set_dictionary(item, described->type, vector);
        } else if (output->kept != NULL) {
            SL_TRY(lend_kept(cursor, output, err));
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
            const struct sl_column *described, uint32_t minis, struct sl_segment_output *output,
            struct sl_error *err)
{
    struct sl_segment_slot *slot = &cursor->slots[column->stream];
    struct sl_vector *vector = &output->vector;
    bool is_dict = vector->encoding == SL_DICT;
    uint8_t width = is_dict ? 4 : plain_width(described->type, slot->width);
    uint64_t limit = is_dict ? vector->value_count - 1 : type_limit(described->type);
    bool is_same = is_dict || (width == slot->width && sl_type_is_unsigned(described->type));
    if (!is_same && output->values == NULL) {
        output->values = sl_segment_buffer_take(cursor, width);
        if (output->values == NULL)
            return sl_segment_decoding_fail(err);
        if (minis != SL_SEGMENT_ALL_MINIS)
            memset(output->values, 0, (size_t)cursor->row_count * width);
    }
    for (unsigned m = 0; m < SL_BLOCK_MINIS; m++) {
        uint32_t first = m * SL_MINI_ROWS;
        uint32_t count = (minis >> m & 1) != 0 ? sl_segment_cursor_mini_rows(cursor, m) : 0;
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

/* Bring minis of an open output about, and keep the column when it is whole. */
static sl_status
decode_output(struct sl_segment_cursor *cursor, const struct sl_segment_group_column *column,
              const struct sl_column *described, uint32_t minis, struct sl_segment_output *output,
              struct sl_segment_counters *counters, struct sl_error *err)
{
    bool is_first = cursor->rows == NULL && output->ready == 0; /* while the cursor stands here */
    struct sl_segment_kept **place =
        is_first ? sl_segment_keep_place(cursor, column, SL_SEGMENT_KEEP_VALUES) : NULL;
    if (place != NULL && !sl_segment_keep_is_worth(cursor, place))
        place = NULL;
    if (place != NULL)
        minis = SL_SEGMENT_ALL_MINIS;
    SL_TRY(sl_segment_stream_evaluate(cursor, column->stream, minis, counters, err));
    SL_TRY(fill_output(cursor, column, described, minis, output, err));
    if (place != NULL && output->ready == SL_SEGMENT_ALL_MINIS)
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
    struct sl_segment_kept **place = sl_segment_keep_place(cursor, column, SL_SEGMENT_KEEP_VALUES);
    if (place == NULL || sl_segment_cursor_is_ready(cursor, column->stream))
        return SL_OK;
    struct sl_segment_kept *kept = sl_segment_cache_find(cursor->reader->cache, place);
    if (kept != NULL) {
        sl_segment_cache_leave(cursor->reader->cache, kept);
        return SL_OK;
    }
    if (!sl_segment_keep_is_worth(cursor, place))
        return SL_OK;
    const uint32_t *rows = cursor->rows;
    uint32_t row_count = cursor->row_count;
    struct sl_segment_output whole = {0};
    sl_segment_cursor_exchange_slots(cursor);
    cursor->rows = NULL;
    cursor->row_count = cursor->block_rows;
    sl_status st = open_output(cursor, column, described, &whole, counters, err);
    if (st == SL_OK && whole.ready == 0)
        st = decode_output(cursor, column, described, SL_SEGMENT_ALL_MINIS, &whole, counters, err);
    if (whole.kept != NULL) /* another thread was faster */
        sl_segment_cache_leave(cursor->reader->cache, whole.kept);
    sl_segment_cursor_exchange_slots(cursor);
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

/* The one address of a block. */
static sl_status
attach_constant(struct sl_segment_cursor *cursor, uint32_t dictionary,
                struct sl_segment_output *output, struct sl_segment_counters *counters,
                struct sl_error *err)
{
    struct sl_vector *vector = &output->vector;
    uint32_t code = (uint32_t)output->constant;
    SL_TRY(sl_segment_lookup_addresses(cursor->reader, cursor->group_number, dictionary, &code, 1,
                                       &output->constant_addr, counters, err));
    vector->width = sizeof(output->constant_addr);
    vector->values = &output->constant_addr;
    if (!sl_addr_is_v4(output->constant_addr))
        return SL_OK;
    output->constant = output->constant_addr.low;
    vector->width = sizeof(uint32_t);
    vector->values = &output->constant;
    return SL_OK;
}

/* The addresses of the few rows focused on, as plain values. */
static sl_status
attach_picked(struct sl_segment_cursor *cursor, uint32_t dictionary, struct sl_vector *vector,
              struct sl_segment_counters *counters, struct sl_error *err)
{
    struct sl_addr *addrs = sl_arena_alloc(cursor->arena, cursor->row_count * sizeof(*addrs));
    if (addrs == NULL)
        return sl_segment_decoding_fail(err);
    SL_TRY(sl_segment_lookup_addresses(cursor->reader, cursor->group_number, dictionary,
                                       vector->codes, cursor->row_count, addrs, counters, err));
    vector->encoding = SL_PLAIN;
    vector->width = sizeof(*addrs);
    vector->values = addrs;
    vector->value_count = cursor->row_count;
    vector->codes = NULL;
    return SL_OK;
}

/* Addresses for the codes of an output that lacks them. */
static sl_status
attach_entries(struct sl_segment_cursor *cursor, uint32_t dictionary,
               struct sl_segment_output *output, struct sl_segment_counters *counters,
               struct sl_error *err)
{
    const struct sl_segment_item *item;
    uint32_t group = cursor->group_number;
    if (output->vector.encoding == SL_CONSTANT) {
        SL_TRY(attach_constant(cursor, dictionary, output, counters, err));
    } else if (cursor->rows != NULL &&
               sl_segment_lookup_pays(cursor->reader, group, dictionary, cursor->row_count)) {
        SL_TRY(attach_picked(cursor, dictionary, &output->vector, counters, err));
    } else {
        SL_TRY(sl_segment_item_get(cursor->reader, group, dictionary, &item, counters, err));
        set_dictionary(item, SL_TYPE_ADDR, &output->vector);
    }
    output->lacks_entries = false;
    return SL_OK;
}

/* What of a column all blocks have in common will be asked for. */
static void
want_items(struct sl_segment_cursor *cursor, const struct sl_segment_group_column *column)
{
    const struct sl_segment_group *group = cursor->group;
    const struct sl_segment_stream *stream = &group->streams[column->stream];
    for (uint32_t i = 0; i < stream->closure_count; i++) {
        const struct sl_segment_stream *operand = &group->streams[stream->closure[i]];
        if (operand->form == SL_SEGMENT_FORM_FUNCTION)
            sl_segment_item_want(cursor->reader, cursor->group_number,
                                 sl_segment_item_of_stream(group, operand->map_of));
    }
    if (column->dictionary == SL_SEGMENT_NONE ||
        (cursor->rows != NULL && group->dictionaries[column->dictionary].firsts != NULL &&
         sl_segment_lookup_pays(cursor->reader, cursor->group_number, column->dictionary,
                                cursor->row_count)))
        return;
    const struct sl_segment_dictionary *dictionary = &group->dictionaries[column->dictionary];
    sl_segment_item_want(cursor->reader, cursor->group_number, column->dictionary);
    if (dictionary->piece_count != 0)
        sl_file_will_read(
            cursor->reader->fd, dictionary->parts[0].offset,
            (size_t)sl_segment_parts_bytes(dictionary->parts, dictionary->piece_count));
}

void
sl_segment_cursor_announce(struct sl_segment_cursor *cursor, const struct sl_column *column)
{
    struct sl_segment_reader *reader = cursor->reader;
    const struct sl_segment_group_column *found =
        sl_segment_find_column(reader, cursor->group_number, column);
    if (found == NULL || found->zones[cursor->block].null_count == cursor->block_rows)
        return;
    struct sl_segment_open_group *open = &reader->groups[cursor->group_number];
    _Atomic uint32_t *announced = &open->announced[found->stream];
    if (sl_segment_keep_was_asked(cursor, found))
        return; /* it is kept, or not far away */
    if (atomic_load_explicit(announced, memory_order_relaxed) == 0)
        want_items(cursor, found);
    sl_segment_stream_announce(cursor, found->stream);
}

/* The column with the values of the rows selected; addresses as codes. */
static sl_status
open_column(struct sl_segment_cursor *cursor, const struct sl_segment_group_column *column,
            const struct sl_column *described, const uint64_t *selection,
            struct sl_segment_counters *counters, struct sl_error *err)
{
    struct sl_segment_output *output = &cursor->outputs[column - cursor->group->columns];
    if (!output->is_open && cursor->rows != NULL)
        SL_TRY(keep_asked(cursor, column, described, counters, err));
    if (!output->is_open)
        SL_TRY(open_output(cursor, column, described, output, counters, err));
    if (cursor->rows != NULL)
        selection = NULL; /* these few are brought about together */
    uint32_t minis = sl_segment_minis_of(selection, cursor->row_count) & ~output->ready;
    /* Even for no row at all the vector must have something to point to. */
    if (output->ready == 0 && minis == 0)
        minis = 1;
    if (minis != 0)
        SL_TRY(decode_output(cursor, column, described, minis, output, counters, err));
    return SL_OK;
}

sl_status
sl_segment_cursor_column(struct sl_segment_cursor *cursor, const struct sl_column *column,
                         const uint64_t *selection, struct sl_vector *out_vector,
                         struct sl_segment_counters *counters, struct sl_error *err)
{
    SL_ASSERT(cursor->magic == SL_SEGMENT_CURSOR_MAGIC);
    SL_ASSERT(cursor->reader != NULL);
    const struct sl_segment_group_column *found =
        sl_segment_find_column(cursor->reader, cursor->group_number, column);
    if (found == NULL) {
        *out_vector = missing_column(column, cursor->row_count);
        return SL_OK;
    }
    struct sl_segment_output *output = &cursor->outputs[found - cursor->group->columns];
    *out_vector = sl_vector_nulls(column->type, cursor->row_count);
    SL_TRY(open_column(cursor, found, column, selection, counters, err));
    if (output->lacks_entries)
        SL_TRY(attach_entries(cursor, found->dictionary, output, counters, err));
    *out_vector = output->vector;
    return SL_OK;
}

sl_status
sl_segment_cursor_codes(struct sl_segment_cursor *cursor, const struct sl_column *column,
                        struct sl_addr low, struct sl_addr high, const uint64_t *selection,
                        struct sl_code_range *out_range, struct sl_segment_counters *counters,
                        struct sl_error *err)
{
    SL_ASSERT(cursor->magic == SL_SEGMENT_CURSOR_MAGIC);
    SL_ASSERT(cursor->reader != NULL && cursor->rows == NULL && column->type == SL_TYPE_ADDR);
    const struct sl_segment_group_column *found =
        sl_segment_find_column(cursor->reader, cursor->group_number, column);
    struct sl_segment_codes codes = {0};
    bool is_any = false;
    *out_range = (struct sl_code_range){.rows = SL_CODES_NONE};
    if (found == NULL || found->zones[cursor->block].null_count == cursor->block_rows)
        return SL_OK;
    SL_TRY(sl_segment_lookup_codes(cursor->reader, cursor->group_number, found->dictionary, low,
                                   high, &codes, &is_any, counters, err));
    const struct sl_segment_zone *zone = &found->zones[cursor->block];
    if (!is_any || zone->min > codes.last || zone->max < codes.first)
        return SL_OK;
    SL_TRY(open_column(cursor, found, column, selection, counters, err));
    const struct sl_vector *vector = &cursor->outputs[found - cursor->group->columns].vector;
    *out_range = (struct sl_code_range){.rows = SL_CODES_BETWEEN,
                                        .codes = vector->codes,
                                        .present = vector->present,
                                        .first = codes.first,
                                        .span = codes.last - codes.first};
    if (vector->encoding == SL_CONSTANT) /* its code is that of the zone */
        out_range->rows = SL_CODES_ALL;
    return SL_OK;
}

bool
sl_segment_cursor_distances(struct sl_segment_cursor *cursor, const struct sl_column *column,
                            const uint32_t **out_distances, uint64_t *out_base)
{
    SL_ASSERT(cursor->magic == SL_SEGMENT_CURSOR_MAGIC);
    SL_ASSERT(cursor->reader != NULL);
    const struct sl_segment_group_column *found =
        sl_segment_find_column(cursor->reader, cursor->group_number, column);
    if (found == NULL || cursor->rows != NULL)
        return false;
    struct sl_segment_output *output = &cursor->outputs[found - cursor->group->columns];
    if (!output->is_open)
        find_kept(cursor, found, output);
    const struct sl_segment_kept *kept = output->kept;
    if (kept == NULL || !kept->is_distance || kept->present != NULL)
        return false;
    *out_distances = kept->values;
    *out_base = kept->base;
    return true;
}
