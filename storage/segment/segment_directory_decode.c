/*
 * segment_directory_decode.c - the directory of a row group, from bytes: every number is proven
 * before it is followed. segment_directory.c writes it, in the same order.
 */
#include "storage/segment/segment_directory.h"

#include "storage/base/arena.h"
#include "storage/base/cursor.h"
#include "storage/base/hash.h"
#include "storage/index/filter.h"

/* What decode carries along. */
struct decoding {
    struct sl_cursor in;
    struct sl_arena *arena;
    const struct sl_segment_footer *footer;
    struct sl_segment_group *group;
    uint64_t offset; /* of the next part */
    struct sl_error *err;
};

/* A varint below `limit`, else the cursor turns bad. */
static uint32_t
decode_number(struct decoding *d, uint64_t limit)
{
    uint64_t value = sl_cursor_varint(&d->in);
    if (value >= limit) {
        d->in.bad = true;
        return 0;
    }
    return (uint32_t)value;
}

/* The count of a list whose elements take at least one byte each. */
static uint32_t
decode_count(struct decoding *d, uint32_t count_max)
{
    uint32_t count = decode_number(d, (uint64_t)count_max + 1);
    if (count > sl_cursor_left(&d->in))
        d->in.bad = true;
    return d->in.bad ? 0 : count;
}

static void *
decode_alloc(struct decoding *d, uint32_t count, size_t element_bytes, sl_status *status)
{
    void *memory = sl_arena_calloc(d->arena, count, element_bytes);
    if (memory == NULL)
        *status = sl_fail(d->err, SL_LIMIT, "no memory for the directory of a row group");
    return memory;
}

/* The next part, whose size is known. */
static void
place_part(struct decoding *d, uint32_t size_bytes, struct sl_segment_part *part)
{
    part->offset = d->offset;
    part->size_bytes = size_bytes;
    part->hash = sl_cursor_u64le(&d->in);
    d->offset += size_bytes;
}

static void
decode_part(struct decoding *d, struct sl_segment_part *part)
{
    place_part(d, decode_number(d, (uint64_t)SL_SEGMENT_BYTES_MAX + 1), part);
}

static void
decode_coded_part(struct decoding *d, struct sl_segment_part *part)
{
    part->codec = sl_cursor_u8(&d->in);
    if (part->codec >= SL_CODEC_COUNT)
        d->in.bad = true;
    decode_part(d, part);
}

/* The first entry of a piece, behind that of the piece before. */
static struct sl_addr
decode_first(struct decoding *d, const struct sl_addr *before)
{
    const struct sl_addr zero = {0};
    struct sl_addr from = before == NULL ? zero : *before;
    struct sl_addr first;
    bool is_high_beyond = __builtin_add_overflow(from.high, sl_cursor_varint(&d->in), &first.high);
    uint64_t start = first.high == from.high ? from.low : 0;
    bool is_low_beyond = __builtin_add_overflow(start, sl_cursor_varint(&d->in), &first.low);
    bool is_ascending = before == NULL || sl_addr_compare(*before, first) < 0;
    if (is_high_beyond || is_low_beyond || !is_ascending)
        d->in.bad = true;
    return first;
}

/* Of a dictionary of addresses. */
static sl_status
decode_pieces(struct decoding *d, struct sl_segment_dictionary *dictionary)
{
    sl_status status = SL_OK;
    uint32_t count = sl_segment_piece_count(dictionary->entry_count, SL_SEGMENT_PIECE_ENTRIES);
    if (count > sl_cursor_left(&d->in))
        d->in.bad = true;
    if (d->in.bad)
        return SL_OK;
    dictionary->piece_count = count;
    dictionary->first_piece = d->group->address_pieces;
    d->group->address_pieces += count;
    dictionary->parts = decode_alloc(d, count, sizeof(*dictionary->parts), &status);
    dictionary->firsts = decode_alloc(d, count, sizeof(*dictionary->firsts), &status);
    for (uint32_t i = 0; status == SL_OK && i < count; i++) {
        dictionary->firsts[i] = decode_first(d, i == 0 ? NULL : &dictionary->firsts[i - 1]);
        decode_part(d, &dictionary->parts[i]);
    }
    return status;
}

static sl_status
decode_dictionary(struct decoding *d, struct sl_segment_dictionary *dictionary)
{
    sl_status status = SL_OK;
    dictionary->kind = sl_cursor_u8(&d->in);
    dictionary->owner = decode_number(d, d->footer->column_count);
    dictionary->entry_count = decode_number(d, SL_SEGMENT_DICTIONARY_ENTRIES_MAX + 1);
    if (dictionary->kind == SL_SEGMENT_DICTIONARY_ADDRESSES)
        return decode_pieces(d, dictionary);
    if (dictionary->kind != SL_SEGMENT_DICTIONARY_BYTES)
        d->in.bad = true;
    dictionary->bytes = decode_number(d, (uint64_t)SL_SEGMENT_BYTES_MAX + 1);
    dictionary->piece_count = 1;
    dictionary->parts = decode_alloc(d, 1, sizeof(*dictionary->parts), &status);
    if (status == SL_OK)
        decode_part(d, &dictionary->parts[0]);
    return status;
}

static sl_status
decode_dictionaries(struct decoding *d)
{
    struct sl_segment_group *group = d->group;
    sl_status status = SL_OK;
    uint32_t count = decode_count(d, SL_COLUMNS_MAX);
    group->dictionaries = decode_alloc(d, count, sizeof(*group->dictionaries), &status);
    if (status != SL_OK)
        return status;
    group->dictionary_count = count;
    for (uint32_t i = 0; i < count; i++) {
        SL_TRY(decode_dictionary(d, &group->dictionaries[i]));
        if (d->in.bad)
            return sl_fail(d->err, SL_CORRUPT, "dictionary %u is malformed", i);
    }
    return SL_OK;
}

/* Number of a stream below `index` that has values. */
static uint32_t
decode_operand(struct decoding *d, uint32_t index)
{
    uint32_t operand = decode_number(d, index);
    if (!d->in.bad && !sl_segment_stream_has_values(&d->group->streams[operand]))
        d->in.bad = true;
    return operand;
}

/* The same, and its values are of 4 bytes: codes and sides. */
static uint32_t
decode_narrow_operand(struct decoding *d, uint32_t index)
{
    uint32_t operand = decode_operand(d, index);
    if (!d->in.bad && d->group->streams[operand].width != 4)
        d->in.bad = true;
    return operand;
}

static void
decode_width(struct decoding *d, struct sl_segment_stream *stream)
{
    stream->width = sl_cursor_u8(&d->in);
    if (stream->width != 4 && stream->width != 8)
        d->in.bad = true;
}

/* The map of a FUNCTION: its own, or that of a FUNCTION before it. */
static sl_status
decode_map(struct decoding *d, struct sl_segment_stream *stream, uint32_t index)
{
    sl_status status = SL_OK;
    uint32_t shared = decode_number(d, (uint64_t)index + 1);
    stream->map_of = index;
    if (shared != 0 && !d->in.bad) {
        const struct sl_segment_stream *other = &d->group->streams[shared - 1];
        if (other->form != SL_SEGMENT_FORM_FUNCTION || other->map == NULL ||
            other->width != stream->width)
            d->in.bad = true;
        stream->map_of = shared - 1;
        stream->map_count = other->map_count;
        return SL_OK;
    }
    stream->map_count = decode_number(d, SL_SEGMENT_DICTIONARY_ENTRIES_MAX + 1);
    uint32_t map_blocks = sl_segment_block_count(stream->map_count);
    if (map_blocks > sl_cursor_left(&d->in))
        d->in.bad = true;
    if (d->in.bad)
        return SL_OK;
    stream->map = decode_alloc(d, map_blocks, sizeof(*stream->map), &status);
    for (uint32_t i = 0; status == SL_OK && i < map_blocks; i++)
        decode_coded_part(d, &stream->map[i]);
    return status;
}

static sl_status
decode_function(struct decoding *d, struct sl_segment_stream *stream, uint32_t index)
{
    uint32_t block_count = d->group->block_count;
    decode_width(d, stream);
    stream->a = decode_narrow_operand(d, index);
    sl_status status = decode_map(d, stream, index);
    if (d->in.bad || status != SL_OK)
        return status;
    stream->exception_counts = decode_alloc(d, block_count, sizeof(uint32_t), &status);
    stream->exception_rows = decode_alloc(d, block_count, sizeof(*stream->map), &status);
    stream->exception_values = decode_alloc(d, block_count, sizeof(*stream->map), &status);
    for (uint32_t i = 0; status == SL_OK && i < block_count; i++) {
        uint32_t rows = sl_segment_block_size(d->group->row_count, i);
        stream->exception_counts[i] = decode_number(d, (uint64_t)rows + 1);
        if (stream->exception_counts[i] == 0)
            continue;
        decode_coded_part(d, &stream->exception_rows[i]);
        decode_coded_part(d, &stream->exception_values[i]);
    }
    return status;
}

static sl_status
decode_blocks(struct decoding *d, struct sl_segment_stream *stream)
{
    sl_status status = SL_OK;
    uint32_t block_count = d->group->block_count;
    bool is_bytes = stream->form == SL_SEGMENT_FORM_BYTES;
    if (!is_bytes)
        decode_width(d, stream);
    if (block_count > sl_cursor_left(&d->in))
        d->in.bad = true;
    if (d->in.bad)
        return SL_OK;
    stream->blocks = decode_alloc(d, block_count, sizeof(*stream->blocks), &status);
    if (is_bytes)
        stream->block_bytes = decode_alloc(d, block_count, sizeof(uint32_t), &status);
    for (uint32_t i = 0; status == SL_OK && i < block_count; i++) {
        if (is_bytes) {
            stream->block_bytes[i] = decode_number(d, (uint64_t)SL_SEGMENT_BYTES_MAX + 1);
            decode_part(d, &stream->blocks[i]);
        } else {
            decode_coded_part(d, &stream->blocks[i]);
        }
    }
    return status;
}

static sl_status
decode_answers(struct decoding *d, struct sl_segment_stream *stream)
{
    sl_status status = SL_OK;
    uint32_t block_count = d->group->block_count;
    if (block_count > sl_cursor_left(&d->in))
        d->in.bad = true;
    if (d->in.bad)
        return SL_OK;
    stream->blocks = decode_alloc(d, block_count, sizeof(*stream->blocks), &status);
    stream->answer_counts = decode_alloc(d, block_count, sizeof(uint32_t), &status);
    for (uint32_t i = 0; status == SL_OK && i < block_count; i++) {
        /* An answer has a lead of its own. */
        uint32_t rows = sl_segment_block_size(d->group->row_count, i);
        stream->answer_counts[i] = decode_number(d, (uint64_t)rows / 2 + 1);
        decode_coded_part(d, &stream->blocks[i]);
    }
    return status;
}

static sl_status
decode_paired(struct decoding *d, struct sl_segment_stream *stream, uint32_t index)
{
    sl_status status = SL_OK;
    uint32_t block_count = d->group->block_count;
    decode_width(d, stream);
    stream->a = decode_number(d, index);
    uint8_t has_differences = sl_cursor_u8(&d->in);
    if (block_count > sl_cursor_left(&d->in) || has_differences > 1)
        d->in.bad = true;
    if (d->in.bad || d->group->streams[stream->a].form != SL_SEGMENT_FORM_ANSWERS) {
        d->in.bad = true;
        return SL_OK;
    }
    const uint32_t *answer_counts = d->group->streams[stream->a].answer_counts;
    stream->blocks = decode_alloc(d, block_count, sizeof(*stream->blocks), &status);
    if (has_differences != 0)
        stream->differences = decode_alloc(d, block_count, sizeof(*stream->differences), &status);
    for (uint32_t i = 0; status == SL_OK && i < block_count; i++) {
        decode_coded_part(d, &stream->blocks[i]);
        if (has_differences != 0 && answer_counts[i] != 0)
            decode_coded_part(d, &stream->differences[i]);
    }
    return status;
}

/* Merge the ascending closure of `operand` into the stream's; false when there are too many. */
static bool
closure_add(struct sl_segment_stream *stream, const uint32_t *operands, uint32_t count)
{
    uint32_t merged[SL_SEGMENT_CLOSURE_MAX] = {0};
    uint32_t used = 0, i = 0, j = 0;
    while (i < stream->closure_count || j < count) {
        if (used == SL_SEGMENT_CLOSURE_MAX)
            return false;
        if (j == count || (i < stream->closure_count && stream->closure[i] < operands[j]))
            merged[used++] = stream->closure[i++];
        else {
            i += i < stream->closure_count && stream->closure[i] == operands[j];
            merged[used++] = operands[j++];
        }
    }
    memcpy(stream->closure, merged, used * sizeof(uint32_t));
    stream->closure_count = used;
    return true;
}

/* The streams that `index` is computed from, itself last. */
static bool
find_closure(struct sl_segment_group *group, uint32_t index)
{
    struct sl_segment_stream *stream = &group->streams[index];
    uint32_t operands[3] = {stream->a, stream->b, stream->c};
    uint32_t operand_count = 0;
    switch ((enum sl_segment_form)stream->form) {
    case SL_SEGMENT_FORM_VALUES:
    case SL_SEGMENT_FORM_BYTES:
    case SL_SEGMENT_FORM_ANSWERS:
        operand_count = 0;
        break;
    case SL_SEGMENT_FORM_FUNCTION:
    case SL_SEGMENT_FORM_PAIRED:
        operand_count = 1;
        break;
    case SL_SEGMENT_FORM_ADD:
        operand_count = 2;
        break;
    case SL_SEGMENT_FORM_SCALE:
    case SL_SEGMENT_FORM_SELECT:
        operand_count = 3;
        break;
    }
    for (uint32_t i = 0; i < operand_count; i++) {
        const struct sl_segment_stream *operand = &group->streams[operands[i]];
        if (!closure_add(stream, operand->closure, operand->closure_count))
            return false;
    }
    return closure_add(stream, &index, 1);
}

static sl_status
decode_stream(struct decoding *d, uint32_t index)
{
    struct sl_segment_group *group = d->group;
    struct sl_segment_stream *stream = &group->streams[index];
    sl_status status = SL_OK;
    stream->form = sl_cursor_u8(&d->in);
    stream->owner = decode_number(d, d->footer->column_count);
    switch ((enum sl_segment_form)stream->form) {
    case SL_SEGMENT_FORM_VALUES:
    case SL_SEGMENT_FORM_BYTES:
        status = decode_blocks(d, stream);
        break;
    case SL_SEGMENT_FORM_FUNCTION:
        status = decode_function(d, stream, index);
        break;
    case SL_SEGMENT_FORM_ANSWERS:
        status = decode_answers(d, stream);
        break;
    case SL_SEGMENT_FORM_PAIRED:
        status = decode_paired(d, stream, index);
        break;
    case SL_SEGMENT_FORM_ADD:
        stream->a = decode_operand(d, index);
        stream->b = decode_operand(d, index);
        stream->width = 8;
        break;
    case SL_SEGMENT_FORM_SCALE:
    case SL_SEGMENT_FORM_SELECT:
        stream->a = stream->form == SL_SEGMENT_FORM_SELECT ? decode_narrow_operand(d, index)
                                                           : decode_operand(d, index);
        stream->b = decode_operand(d, index);
        stream->c = decode_operand(d, index);
        stream->width = 8;
        break;
    default: /* a byte of the file, not one of ours */
        d->in.bad = true;
    }
    if (status != SL_OK)
        return status;
    if (d->in.bad || !find_closure(group, index))
        return sl_fail(d->err, SL_CORRUPT, "stream %u is malformed", index);
    if (stream->form == SL_SEGMENT_FORM_SELECT)
        stream->width = group->streams[stream->b].width > group->streams[stream->c].width
                            ? group->streams[stream->b].width
                            : group->streams[stream->c].width;
    return SL_OK;
}

static sl_status
decode_streams(struct decoding *d)
{
    struct sl_segment_group *group = d->group;
    sl_status status = SL_OK;
    uint32_t count = decode_count(d, SL_SEGMENT_STREAMS_MAX);
    group->streams = decode_alloc(d, count, sizeof(*group->streams), &status);
    if (status != SL_OK)
        return status;
    group->stream_count = count;
    for (uint32_t i = 0; i < count; i++)
        SL_TRY(decode_stream(d, i));
    return SL_OK;
}

/* Do stream and dictionary of a column fit its type? */
static bool
column_fits(const struct sl_segment_group *group, const struct sl_segment_group_column *column,
            enum sl_type type)
{
    bool is_bytes = group->streams[column->stream].form == SL_SEGMENT_FORM_BYTES;
    bool has_values = sl_segment_stream_has_values(&group->streams[column->stream]);
    if (column->dictionary == SL_SEGMENT_NONE)
        return sl_type_is_bytes(type) ? is_bytes : has_values && type != SL_TYPE_ADDR;
    uint8_t kind = group->dictionaries[column->dictionary].kind;
    if (group->streams[column->stream].width != 4)
        return false;
    return kind == SL_SEGMENT_DICTIONARY_ADDRESSES ? type == SL_TYPE_ADDR : sl_type_is_bytes(type);
}

static sl_status
decode_zones(struct decoding *d, struct sl_segment_group_column *column)
{
    const struct sl_segment_group *group = d->group;
    sl_status status = SL_OK;
    bool has_bounds = sl_segment_stream_has_values(&group->streams[column->stream]);
    uint64_t key_limit = column->dictionary == SL_SEGMENT_NONE
                             ? UINT64_MAX
                             : group->dictionaries[column->dictionary].entry_count;
    column->zones = decode_alloc(d, group->block_count, sizeof(*column->zones), &status);
    for (uint32_t i = 0; status == SL_OK && i < group->block_count; i++) {
        struct sl_segment_zone *zone = &column->zones[i];
        uint32_t rows = sl_segment_block_size(group->row_count, i);
        zone->null_count = decode_number(d, (uint64_t)rows + 1);
        if (column->presence == SL_SEGMENT_NONE && zone->null_count != 0)
            d->in.bad = true;
        if (!has_bounds || zone->null_count == rows)
            continue;
        zone->min = sl_cursor_varint(&d->in);
        uint64_t span = sl_cursor_varint(&d->in);
        zone->max = zone->min + span;
        if (zone->max < zone->min || (key_limit != UINT64_MAX && zone->max >= key_limit))
            d->in.bad = true;
    }
    return status;
}

static sl_status
decode_column(struct decoding *d, uint32_t index, uint32_t number_min)
{
    struct sl_segment_group *group = d->group;
    struct sl_segment_group_column *column = &group->columns[index];
    column->number = decode_number(d, d->footer->column_count);
    column->stream = decode_number(d, group->stream_count);
    uint32_t presence = decode_number(d, (uint64_t)group->stream_count + 1);
    uint32_t dictionary = decode_number(d, (uint64_t)group->dictionary_count + 1);
    column->presence = presence == 0 ? SL_SEGMENT_NONE : presence - 1;
    column->dictionary = dictionary == 0 ? SL_SEGMENT_NONE : dictionary - 1;
    bool is_sound =
        !d->in.bad && column->number >= number_min &&
        (presence == 0 || sl_segment_stream_has_values(&group->streams[column->presence])) &&
        column_fits(group, column, d->footer->columns[column->number].type);
    if (is_sound)
        SL_TRY(decode_zones(d, column));
    if (!is_sound || d->in.bad)
        return sl_fail(d->err, SL_CORRUPT, "column %u is malformed", index);
    return SL_OK;
}

static sl_status
decode_columns(struct decoding *d)
{
    struct sl_segment_group *group = d->group;
    sl_status status = SL_OK;
    uint32_t count = decode_count(d, SL_COLUMNS_MAX);
    group->columns = decode_alloc(d, count, sizeof(*group->columns), &status);
    if (status != SL_OK)
        return status;
    group->column_count = count;
    for (uint32_t i = 0; i < count; i++)
        SL_TRY(decode_column(d, i, i == 0 ? 0 : group->columns[i - 1].number + 1));
    return SL_OK;
}

static const struct sl_segment_group_column *
find_column(const struct sl_segment_group *group, uint32_t number)
{
    for (uint32_t i = 0; i < group->column_count; i++)
        if (group->columns[i].number == number)
            return &group->columns[i];
    return NULL;
}

/* Has the group the columns, with keys that an index of this kind can hold? */
static bool
is_indexable(const struct decoding *d, const struct sl_segment_index *index)
{
    const struct sl_segment_group_column *column = find_column(d->group, index->number);
    enum sl_type type = d->footer->columns[index->number].type;
    if (column == NULL)
        return false;
    bool has_codes = column->dictionary != SL_SEGMENT_NONE;
    if (index->kind == SL_SEGMENT_INDEX_MINIS)
        return index->also == SL_SEGMENT_NONE &&
               (has_codes || (sl_type_is_unsigned(type) && sl_type_bytes(type) <= 4));
    bool is_of_addresses =
        index->kind == SL_SEGMENT_INDEX_POSTINGS || index->kind == SL_SEGMENT_INDEX_FILTER;
    if (!is_of_addresses || !has_codes || type != SL_TYPE_ADDR)
        return false;
    if (index->also == SL_SEGMENT_NONE)
        return true;
    const struct sl_segment_group_column *other = find_column(d->group, index->also);
    return other != NULL && other != column && other->dictionary == column->dictionary;
}

/* Pieces of an index by its kind. */
static uint32_t
decode_piece_count(struct decoding *d, struct sl_segment_index *index)
{
    const struct sl_segment_group_column *column = find_column(d->group, index->number);
    switch ((enum sl_segment_index_kind)index->kind) {
    case SL_SEGMENT_INDEX_MINIS:
        return 1;
    case SL_SEGMENT_INDEX_POSTINGS:
        return sl_segment_piece_count(d->group->dictionaries[column->dictionary].entry_count,
                                      SL_SEGMENT_PIECE_ENTRIES);
    case SL_SEGMENT_INDEX_FILTER:
        index->block_count = decode_number(d, SL_SEGMENT_FILTER_BLOCKS_MAX + 1);
        if (index->block_count == 0)
            d->in.bad = true;
        return sl_segment_piece_count(index->block_count, SL_SEGMENT_PIECE_FILTER);
    }
    return 0;
}

static sl_status
decode_index(struct decoding *d, struct sl_segment_index *index)
{
    sl_status status = SL_OK;
    index->kind = sl_cursor_u8(&d->in);
    index->number = decode_number(d, d->footer->column_count);
    uint32_t also = decode_number(d, (uint64_t)d->footer->column_count + 1);
    index->also = also == 0 ? SL_SEGMENT_NONE : also - 1;
    if (!d->in.bad && !is_indexable(d, index))
        d->in.bad = true;
    uint32_t count = d->in.bad ? 0 : decode_piece_count(d, index);
    if (count > sl_cursor_left(&d->in))
        d->in.bad = true;
    if (d->in.bad)
        return SL_OK;
    index->piece_count = count;
    index->first_piece = d->group->index_pieces;
    d->group->index_pieces += count;
    index->parts = decode_alloc(d, count, sizeof(*index->parts), &status);
    for (uint32_t i = 0; status == SL_OK && i < count; i++) {
        if (index->kind != SL_SEGMENT_INDEX_FILTER) {
            decode_part(d, &index->parts[i]);
            continue;
        }
        uint32_t blocks = sl_segment_piece_size(index->block_count, SL_SEGMENT_PIECE_FILTER, i);
        place_part(d, blocks * SL_FILTER_BLOCK_BYTES, &index->parts[i]);
    }
    return status;
}

static sl_status
decode_indexes(struct decoding *d)
{
    struct sl_segment_group *group = d->group;
    sl_status status = SL_OK;
    uint32_t count = decode_count(d, 3 * SL_COLUMNS_MAX);
    group->indexes = decode_alloc(d, count, sizeof(*group->indexes), &status);
    if (status != SL_OK)
        return status;
    group->index_count = count;
    for (uint32_t i = 0; i < count; i++) {
        SL_TRY(decode_index(d, &group->indexes[i]));
        if (d->in.bad)
            return sl_fail(d->err, SL_CORRUPT, "index %u is malformed", i);
    }
    return SL_OK;
}

sl_status
sl_segment_directory_decode(const void *bytes, const struct sl_segment_footer *footer,
                            struct sl_arena *arena, struct sl_segment_group *group,
                            struct sl_error *err)
{
    uint64_t at = group->directory.offset;
    if (sl_hash64(bytes, group->directory.size_bytes) != group->directory.hash)
        return sl_fail(err, SL_CORRUPT, "offset %" PRIu64 ": hash of a directory differs", at);
    struct decoding d = {.in = sl_cursor_over(bytes, group->directory.size_bytes),
                         .arena = arena,
                         .footer = footer,
                         .group = group,
                         .offset = group->data_offset,
                         .err = err};
    if (sl_cursor_varint(&d.in) != group->row_count)
        return sl_fail(err, SL_CORRUPT, "offset %" PRIu64 ": rows of directory and footer differ",
                       at);
    sl_status st = decode_streams(&d);
    if (st == SL_OK)
        st = decode_dictionaries(&d);
    if (st == SL_OK)
        st = decode_columns(&d);
    if (st == SL_OK)
        st = decode_indexes(&d);
    if (st != SL_OK) {
        sl_error_prefix(err, "offset %" PRIu64, at);
        return st;
    }
    if (d.in.bad || sl_cursor_left(&d.in) != 0 || d.offset != at)
        return sl_fail(err, SL_CORRUPT, "offset %" PRIu64 ": parts of a row group leave a gap", at);
    return SL_OK;
}
