/*
 * segment_directory.c - the directory of a row group, to bytes. segment_directory_decode.c reads it.
 *
 * Layout: segment_format.h. Parts have sizes only; their offsets follow from the order, which is
 * why encode and decode walk streams, dictionaries and indexes in the same order, and why the
 * parts of an accepted directory tile the group to the byte.
 */
#include "storage/segment/segment_directory.h"

static void
encode_part(const struct sl_segment_part *part, struct sl_buf *out)
{
    sl_buf_varint(out, part->size_bytes);
    sl_buf_u64le(out, part->hash);
}

static void
encode_coded_part(const struct sl_segment_part *part, struct sl_buf *out)
{
    sl_buf_u8(out, part->codec);
    encode_part(part, out);
}

static void
encode_function(const struct sl_segment_stream *stream, uint32_t block_count, struct sl_buf *out)
{
    sl_buf_u8(out, stream->width);
    sl_buf_varint(out, stream->a);
    sl_buf_varint(out, stream->map == NULL ? stream->map_of + 1 : 0);
    if (stream->map != NULL)
        sl_buf_varint(out, stream->map_count);
    for (uint32_t i = 0; stream->map != NULL && i < sl_segment_block_count(stream->map_count); i++)
        encode_coded_part(&stream->map[i], out);
    for (uint32_t i = 0; i < block_count; i++) {
        sl_buf_varint(out, stream->exception_counts[i]);
        if (stream->exception_counts[i] == 0)
            continue;
        encode_coded_part(&stream->exception_rows[i], out);
        encode_coded_part(&stream->exception_values[i], out);
    }
}

static void
encode_paired(const struct sl_segment_group *group, const struct sl_segment_stream *stream,
              struct sl_buf *out)
{
    const uint32_t *answer_counts = group->streams[stream->a].answer_counts;
    sl_buf_u8(out, stream->width);
    sl_buf_varint(out, stream->a);
    sl_buf_u8(out, stream->differences != NULL);
    for (uint32_t i = 0; i < group->block_count; i++) {
        encode_coded_part(&stream->blocks[i], out);
        if (stream->differences != NULL && answer_counts[i] != 0)
            encode_coded_part(&stream->differences[i], out);
    }
}

static void
encode_stream(const struct sl_segment_group *group, const struct sl_segment_stream *stream,
              struct sl_buf *out)
{
    uint32_t block_count = group->block_count;
    sl_buf_u8(out, stream->form);
    sl_buf_varint(out, stream->owner);
    switch ((enum sl_segment_form)stream->form) {
    case SL_SEGMENT_FORM_VALUES:
        sl_buf_u8(out, stream->width);
        for (uint32_t i = 0; i < block_count; i++)
            encode_coded_part(&stream->blocks[i], out);
        break;
    case SL_SEGMENT_FORM_BYTES:
        for (uint32_t i = 0; i < block_count; i++) {
            sl_buf_varint(out, stream->block_bytes[i]);
            encode_part(&stream->blocks[i], out);
        }
        break;
    case SL_SEGMENT_FORM_FUNCTION:
        encode_function(stream, block_count, out);
        break;
    case SL_SEGMENT_FORM_ANSWERS:
        for (uint32_t i = 0; i < block_count; i++) {
            sl_buf_varint(out, stream->answer_counts[i]);
            encode_coded_part(&stream->blocks[i], out);
        }
        break;
    case SL_SEGMENT_FORM_PAIRED:
        encode_paired(group, stream, out);
        break;
    case SL_SEGMENT_FORM_ADD:
        sl_buf_varint(out, stream->a);
        sl_buf_varint(out, stream->b);
        break;
    case SL_SEGMENT_FORM_SCALE:
    case SL_SEGMENT_FORM_SELECT:
        sl_buf_varint(out, stream->a);
        sl_buf_varint(out, stream->b);
        sl_buf_varint(out, stream->c);
        break;
    }
}

static void
encode_column(const struct sl_segment_group *group, const struct sl_segment_group_column *column,
              struct sl_buf *out)
{
    sl_buf_varint(out, column->number);
    sl_buf_varint(out, column->stream);
    sl_buf_varint(out, column->presence == SL_SEGMENT_NONE ? 0 : column->presence + 1);
    sl_buf_varint(out, column->dictionary == SL_SEGMENT_NONE ? 0 : column->dictionary + 1);
    bool has_bounds = sl_segment_stream_has_values(&group->streams[column->stream]);
    for (uint32_t i = 0; i < group->block_count; i++) {
        const struct sl_segment_zone *zone = &column->zones[i];
        sl_buf_varint(out, zone->null_count);
        if (!has_bounds || zone->null_count == sl_segment_block_size(group->row_count, i))
            continue;
        sl_buf_varint(out, zone->min);
        sl_buf_varint(out, zone->max - zone->min);
    }
}

static int
compare_numbers(const void *a, const void *b)
{
    uint32_t left = ((const struct sl_segment_group_column *)a)->number;
    uint32_t right = ((const struct sl_segment_group_column *)b)->number;
    return (left > right) - (left < right);
}

void
sl_segment_group_sort(struct sl_segment_group *group)
{
    qsort(group->columns, group->column_count, sizeof(*group->columns), compare_numbers);
}

static sl_status
visit_parts(const struct sl_segment_part *parts, uint32_t count, sl_segment_part_fn *visit,
            void *context, struct sl_error *err)
{
    for (uint32_t i = 0; parts != NULL && i < count; i++)
        if (parts[i].size_bytes != 0)
            SL_TRY(visit(context, &parts[i], err));
    return SL_OK;
}

uint64_t
sl_segment_parts_bytes(const struct sl_segment_part *parts, uint32_t count)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += parts[i].size_bytes;
    return bytes;
}

sl_status
sl_segment_group_parts(const struct sl_segment_group *group, sl_segment_part_fn *visit,
                       void *context, struct sl_error *err)
{
    for (uint32_t i = 0; i < group->stream_count; i++) {
        const struct sl_segment_stream *stream = &group->streams[i];
        for (uint32_t block = 0; stream->blocks != NULL && block < group->block_count; block++) {
            SL_TRY(visit_parts(&stream->blocks[block], 1, visit, context, err));
            if (stream->differences != NULL)
                SL_TRY(visit_parts(&stream->differences[block], 1, visit, context, err));
        }
        if (stream->form != SL_SEGMENT_FORM_FUNCTION)
            continue;
        SL_TRY(visit_parts(stream->map, sl_segment_block_count(stream->map_count), visit, context,
                           err));
        for (uint32_t block = 0; block < group->block_count; block++) {
            SL_TRY(visit_parts(&stream->exception_rows[block], 1, visit, context, err));
            SL_TRY(visit_parts(&stream->exception_values[block], 1, visit, context, err));
        }
    }
    for (uint32_t i = 0; i < group->dictionary_count; i++)
        SL_TRY(visit_parts(group->dictionaries[i].parts, group->dictionaries[i].piece_count, visit,
                           context, err));
    for (uint32_t i = 0; i < group->index_count; i++)
        SL_TRY(visit_parts(group->indexes[i].parts, group->indexes[i].piece_count, visit, context,
                           err));
    return SL_OK;
}

/* Of a dictionary of addresses. */
static void
encode_pieces(const struct sl_segment_dictionary *dictionary, struct sl_buf *out)
{
    struct sl_addr before = {0};
    for (uint32_t i = 0; i < dictionary->piece_count; i++) {
        struct sl_addr first = dictionary->firsts[i];
        bool is_same = first.high == before.high;
        sl_buf_varint(out, first.high - before.high);
        sl_buf_varint(out, is_same ? first.low - before.low : first.low);
        encode_part(&dictionary->parts[i], out);
        before = first;
    }
}

static void
encode_index(const struct sl_segment_index *index, struct sl_buf *out)
{
    bool is_filter = index->kind == SL_SEGMENT_INDEX_FILTER;
    sl_buf_u8(out, index->kind);
    sl_buf_varint(out, index->number);
    sl_buf_varint(out, index->also == SL_SEGMENT_NONE ? 0 : index->also + 1);
    if (is_filter)
        sl_buf_varint(out, index->block_count);
    for (uint32_t i = 0; i < index->piece_count; i++) {
        if (is_filter)
            sl_buf_u64le(out, index->parts[i].hash);
        else
            encode_part(&index->parts[i], out);
    }
}

void
sl_segment_directory_encode(const struct sl_segment_group *group, struct sl_buf *out)
{
    sl_buf_varint(out, group->row_count);
    sl_buf_varint(out, group->stream_count);
    for (uint32_t i = 0; i < group->stream_count; i++)
        encode_stream(group, &group->streams[i], out);
    sl_buf_varint(out, group->dictionary_count);
    for (uint32_t i = 0; i < group->dictionary_count; i++) {
        const struct sl_segment_dictionary *dictionary = &group->dictionaries[i];
        sl_buf_u8(out, dictionary->kind);
        sl_buf_varint(out, dictionary->owner);
        sl_buf_varint(out, dictionary->entry_count);
        if (dictionary->kind == SL_SEGMENT_DICTIONARY_ADDRESSES) {
            encode_pieces(dictionary, out);
            continue;
        }
        sl_buf_varint(out, dictionary->bytes);
        encode_part(&dictionary->parts[0], out);
    }
    sl_buf_varint(out, group->column_count);
    for (uint32_t i = 0; i < group->column_count; i++)
        encode_column(group, &group->columns[i], out);
    sl_buf_varint(out, group->index_count);
    for (uint32_t i = 0; i < group->index_count; i++)
        encode_index(&group->indexes[i], out);
}
