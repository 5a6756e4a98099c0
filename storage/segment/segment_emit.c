/*
 * segment_emit.c - encode blocks, append them to the file, enter them in the directory.
 */
#include "storage/segment/segment_emit.h"

#include "storage/base/arena.h"
#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/segment/segment_pair.h"

enum {
    FLUSH_BYTES = 4 << 20,
    /* About what a thread writes of a row: a buffer that grows to it is copied on the way. */
    BYTES_PER_ROW = 8,
    /* Streams that the writer makes of one column, at most: five of in_bytes, and presence. */
    STREAMS_PER_COLUMN = 6,
    /* Blocks that an estimate encodes, and rows of each. */
    ESTIMATE_BLOCKS = 3,
    ESTIMATE_ROWS = 4 * SL_MINI_ROWS,
};

void
sl_segment_emit_init(struct sl_segment_emit *emit, int fd, enum sl_effort effort, uint64_t offset)
{
    *emit = (struct sl_segment_emit){.fd = fd, .effort = effort, .offset = offset};
    emit->buf = sl_buf_empty(SIZE_MAX);
    emit->late = sl_buf_empty(SIZE_MAX);
    emit->indexes = sl_buf_empty(SIZE_MAX);
    emit->trial = sl_buf_empty(SIZE_MAX);
}

void
sl_segment_emit_fini(struct sl_segment_emit *emit)
{
    sl_buf_fini(&emit->trial);
    sl_buf_fini(&emit->indexes);
    sl_buf_fini(&emit->late);
    sl_buf_fini(&emit->buf);
}

static sl_status
fail_memory(struct sl_error *err)
{
    return sl_fail(err, SL_LIMIT, "no memory to encode a row group");
}

sl_status
sl_segment_emit_group(struct sl_segment_emit *emit, struct sl_segment_group *group,
                      uint32_t row_count, uint32_t column_count, struct sl_arena *arena,
                      struct sl_error *err)
{
    SL_ASSERT(row_count >= 1);
    SL_ASSERT(row_count <= SL_GROUP_ROWS_MAX);
    *group = (struct sl_segment_group){.row_count = row_count};
    group->block_count = sl_segment_block_count(row_count);
    group->data_offset = emit->offset + emit->buf.size_bytes;
    emit->group = group;
    emit->answers = NULL;
    emit->tally = NULL;
    emit->arena = arena;
    emit->stream_capacity = STREAMS_PER_COLUMN * column_count + 1;
    emit->dictionary_capacity = column_count + 1;
    emit->column_capacity = column_count;
    emit->index_capacity = 2 * column_count;
    sl_buf_reserve(&emit->buf, (size_t)row_count * BYTES_PER_ROW);
    group->streams = sl_arena_calloc(arena, emit->stream_capacity, sizeof(*group->streams));
    group->dictionaries =
        sl_arena_calloc(arena, emit->dictionary_capacity, sizeof(*group->dictionaries));
    group->columns = sl_arena_calloc(arena, emit->column_capacity, sizeof(*group->columns));
    group->indexes = sl_arena_calloc(arena, emit->index_capacity, sizeof(*group->indexes));
    if (group->streams == NULL || group->dictionaries == NULL || group->columns == NULL ||
        group->indexes == NULL)
        return fail_memory(err);
    return SL_OK;
}

sl_status
sl_segment_emit_flush(struct sl_segment_emit *emit, size_t keep_bytes, struct sl_error *err)
{
    if (emit->buf.bad || emit->late.bad)
        return fail_memory(err);
    if (emit->buf.size_bytes <= keep_bytes || emit->fd < 0)
        return SL_OK;
    SL_TRY(sl_file_write_at(emit->fd, emit->offset, emit->buf.bytes, emit->buf.size_bytes, err));
    emit->offset += emit->buf.size_bytes;
    sl_buf_clear(&emit->buf);
    return SL_OK;
}

/* The bytes of a buffer from `start` on are a part. */
static void
close_part(const struct sl_segment_emit *emit, const struct sl_buf *buf, size_t start,
           struct sl_segment_part *part)
{
    if (buf->bad)
        return;
    size_t size_bytes = buf->size_bytes - start;
    SL_ASSERT(size_bytes <= SL_SEGMENT_BYTES_MAX);
    part->offset = emit->offset + start;
    part->size_bytes = (uint32_t)size_bytes;
    part->hash = sl_hash64(buf->bytes + start, size_bytes);
}

void
sl_segment_emit_part(struct sl_segment_emit *emit, const void *bytes, size_t size_bytes,
                     struct sl_segment_part *out_part)
{
    size_t start = emit->buf.size_bytes;
    sl_buf_append(&emit->buf, bytes, size_bytes);
    close_part(emit, &emit->buf, start, out_part);
}

static void
emit_block(struct sl_segment_emit *emit, const uint64_t *values, uint32_t count,
           struct sl_segment_part *part)
{
    size_t start = emit->buf.size_bytes;
    part->codec = (uint8_t)sl_codec_encode(values, count, emit->effort, &emit->buf);
    close_part(emit, &emit->buf, start, part);
}

static struct sl_segment_stream *
add_stream(struct sl_segment_emit *emit, enum sl_segment_form form, uint32_t owner,
           uint32_t *out_stream)
{
    SL_ASSERT(emit->group->stream_count < emit->stream_capacity);
    SL_ASSERT(emit->group->stream_count < SL_SEGMENT_STREAMS_MAX);
    *out_stream = emit->group->stream_count++;
    struct sl_segment_stream *stream = &emit->group->streams[*out_stream];
    stream->form = (uint8_t)form;
    stream->owner = owner;
    return stream;
}

uint8_t
sl_segment_emit_width(const uint64_t *values, uint32_t count)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < count; i++)
        all |= values[i];
    return all > UINT32_MAX ? 8 : 4;
}

sl_status
sl_segment_emit_values(struct sl_segment_emit *emit, uint32_t owner, const uint64_t *values,
                       uint32_t *out_stream, struct sl_error *err)
{
    const struct sl_segment_group *group = emit->group;
    struct sl_segment_stream *stream = add_stream(emit, SL_SEGMENT_FORM_VALUES, owner, out_stream);
    stream->width = 4;
    stream->blocks = sl_arena_calloc(emit->arena, group->block_count, sizeof(*stream->blocks));
    if (stream->blocks == NULL)
        return fail_memory(err);
    for (uint32_t i = 0; i < group->block_count; i++) {
        const uint64_t *block = values + (size_t)i * SL_BLOCK_ROWS;
        uint32_t rows = sl_segment_block_size(group->row_count, i);
        if (stream->width == 4) /* the codec finds the block in the cache then */
            stream->width = sl_segment_emit_width(block, rows);
        emit_block(emit, block, rows, &stream->blocks[i]);
    }
    return sl_segment_emit_flush(emit, FLUSH_BYTES, err);
}

sl_status
sl_segment_emit_answers(struct sl_segment_emit *emit, uint32_t owner, const uint64_t *answers,
                        struct sl_error *err)
{
    const struct sl_segment_group *group = emit->group;
    struct sl_segment_stream *stream =
        add_stream(emit, SL_SEGMENT_FORM_ANSWERS, owner, &emit->answer_stream);
    emit->pairs = sl_arena_alloc(emit->arena, (size_t)2 * SL_BLOCK_ROWS * sizeof(*emit->pairs));
    stream->blocks = sl_arena_calloc(emit->arena, group->block_count, sizeof(*stream->blocks));
    stream->answer_counts = sl_arena_calloc(emit->arena, group->block_count, sizeof(uint32_t));
    if (emit->pairs == NULL || stream->blocks == NULL || stream->answer_counts == NULL)
        return fail_memory(err);
    for (uint32_t i = 0; i < group->block_count; i++) {
        uint32_t rows = sl_segment_block_size(group->row_count, i);
        const uint64_t *bits = answers + (size_t)i * (SL_BLOCK_ROWS / 64);
        for (size_t w = 0; w < sl_words_for(rows); w++)
            stream->answer_counts[i] += (uint32_t)__builtin_popcountll(bits[w]);
        sl_segment_answers_close(bits, rows, emit->pairs);
        emit_block(emit, emit->pairs, sl_segment_lead_bytes(rows - stream->answer_counts[i]),
                   &stream->blocks[i]);
    }
    emit->answers = answers;
    return sl_segment_emit_flush(emit, FLUSH_BYTES, err);
}

/* Is every answer's value that of its lead? */
static bool
is_repeated(const struct sl_segment_emit *emit, const uint64_t *values)
{
    uint64_t differences = 0;
    for (size_t w = 0; differences == 0 && w < sl_words_for(emit->group->row_count); w++) {
        for (uint64_t word = emit->answers[w]; word != 0; word &= word - 1) {
            size_t row = w * 64 + (size_t)__builtin_ctzll(word);
            differences |= values[row] ^ values[row - 1];
        }
    }
    return differences == 0;
}

/* The values of leads, of up to 64 rows of which `answers` says which are none. Returns their number.
 * Written without a branch, as what follows: answers come at random. */
static uint32_t
take_leads(const uint64_t *values, uint32_t rows, uint64_t answers, uint64_t *leads)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rows; i++, answers >>= 1) {
        leads[count] = values[i];
        count += (answers & 1) == 0;
    }
    return count;
}

/* And what the others differ by from the row before: signed in the width of the stream, zigzag of
 * its high bits. */
static void
take_differences(const uint64_t *values, uint64_t answers, unsigned unused_bits,
                 uint64_t *differences)
{
    for (uint64_t word = answers; word != 0; word &= word - 1) {
        size_t row = (size_t)__builtin_ctzll(word);
        uint64_t difference = (values[row] - values[row - 1]) << unused_bits;
        difference = difference << 1 ^ (0 - (difference >> 63)) << unused_bits;
        *differences++ = difference >> unused_bits;
    }
}

/* Leads and differences of one block, each an array of SL_BLOCK_ROWS. */
static void
emit_pairs(struct sl_segment_emit *emit, struct sl_segment_stream *stream, uint32_t block,
           const uint64_t *values)
{
    size_t first = (size_t)block * SL_BLOCK_ROWS;
    uint32_t rows = sl_segment_block_size(emit->group->row_count, block);
    unsigned unused_bits = stream->width == 4 ? 32 : 0;
    uint64_t *leads = emit->pairs;
    uint64_t *differences = leads + SL_BLOCK_ROWS;
    uint32_t lead_count = 0;
    for (uint32_t i = 0; i < rows; i += 64) {
        uint32_t size = rows - i < 64 ? rows - i : 64;
        uint64_t answers = emit->answers[(first + i) / 64];
        if (stream->differences != NULL)
            take_differences(values + first + i, answers, unused_bits,
                             differences + i - lead_count);
        lead_count += take_leads(values + first + i, size, answers, leads + lead_count);
    }
    uint32_t answer_count = rows - lead_count;
    emit_block(emit, leads, lead_count, &stream->blocks[block]);
    if (stream->differences != NULL && answer_count != 0)
        emit_block(emit, differences, answer_count, &stream->differences[block]);
}

sl_status
sl_segment_emit_paired(struct sl_segment_emit *emit, uint32_t owner, const uint64_t *values,
                       uint8_t width, uint32_t *out_stream, struct sl_error *err)
{
    const struct sl_segment_group *group = emit->group;
    if (emit->answers == NULL)
        return sl_segment_emit_values(emit, owner, values, out_stream, err);
    struct sl_segment_stream *stream = add_stream(emit, SL_SEGMENT_FORM_PAIRED, owner, out_stream);
    stream->width = width;
    stream->a = emit->answer_stream;
    stream->blocks = sl_arena_calloc(emit->arena, group->block_count, sizeof(*stream->blocks));
    bool has_memory = stream->blocks != NULL;
    if (!is_repeated(emit, values)) {
        stream->differences =
            sl_arena_calloc(emit->arena, group->block_count, sizeof(*stream->blocks));
        has_memory = has_memory && stream->differences != NULL;
    }
    if (!has_memory)
        return fail_memory(err);
    for (uint32_t i = 0; i < group->block_count; i++)
        emit_pairs(emit, stream, i, values);
    return sl_segment_emit_flush(emit, FLUSH_BYTES, err);
}

/* Strings one behind the other with their offsets, for the codec. */
static sl_status
concatenate(struct sl_arena *arena, const struct sl_slice *slices, uint32_t count,
            uint8_t **out_bytes, uint32_t **out_offsets, struct sl_error *err)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += slices[i].size_bytes;
    if (total > SL_SEGMENT_BYTES_MAX)
        return sl_fail(err, SL_LIMIT, "strings of a dictionary beyond 4 GiB");
    *out_bytes = sl_arena_alloc(arena, (size_t)total);
    *out_offsets = sl_arena_alloc(arena, ((size_t)count + 1) * sizeof(uint32_t));
    if (*out_bytes == NULL || *out_offsets == NULL)
        return fail_memory(err);
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        (*out_offsets)[i] = at;
        if (slices[i].size_bytes != 0)
            memcpy(*out_bytes + at, slices[i].bytes, slices[i].size_bytes);
        at += slices[i].size_bytes;
    }
    (*out_offsets)[count] = at;
    return SL_OK;
}

static sl_status
emit_strings(struct sl_segment_emit *emit, struct sl_buf *buf, const struct sl_slice *slices,
             uint32_t count, struct sl_segment_part *part, uint32_t *out_bytes,
             struct sl_error *err)
{
    uint8_t *bytes = NULL;
    uint32_t *offsets = NULL;
    SL_TRY(concatenate(emit->arena, slices, count, &bytes, &offsets, err));
    SL_ASSERT(offsets != NULL);
    size_t start = buf->size_bytes;
    sl_codec_encode_bytes(bytes, offsets, count, emit->effort, buf);
    close_part(emit, buf, start, part);
    *out_bytes = offsets[count];
    return sl_segment_emit_flush(emit, FLUSH_BYTES, err);
}

sl_status
sl_segment_emit_bytes(struct sl_segment_emit *emit, uint32_t owner, const struct sl_slice *slices,
                      uint32_t *out_stream, struct sl_error *err)
{
    const struct sl_segment_group *group = emit->group;
    struct sl_segment_stream *stream = add_stream(emit, SL_SEGMENT_FORM_BYTES, owner, out_stream);
    stream->blocks = sl_arena_calloc(emit->arena, group->block_count, sizeof(*stream->blocks));
    stream->block_bytes = sl_arena_calloc(emit->arena, group->block_count, sizeof(uint32_t));
    if (stream->blocks == NULL || stream->block_bytes == NULL)
        return fail_memory(err);
    for (uint32_t i = 0; i < group->block_count; i++)
        SL_TRY(emit_strings(emit, &emit->buf, slices + (size_t)i * SL_BLOCK_ROWS,
                            sl_segment_block_size(group->row_count, i), &stream->blocks[i],
                            &stream->block_bytes[i], err));
    return SL_OK;
}

/* Exceptions of one block: rows first, values second, each an array of SL_BLOCK_ROWS. */
static void
emit_exceptions(struct sl_segment_emit *emit, struct sl_segment_stream *stream, uint32_t block,
                const struct sl_segment_map *map, const uint64_t *values, uint64_t *scratch)
{
    size_t first = (size_t)block * SL_BLOCK_ROWS;
    uint32_t rows = sl_segment_block_size(emit->group->row_count, block);
    uint32_t count = 0;
    for (uint32_t i = 0; i < rows; i++) {
        if (values[first + i] == map->values[map->codes[first + i]])
            continue;
        scratch[count] = i;
        scratch[SL_BLOCK_ROWS + count] = values[first + i];
        count++;
    }
    stream->exception_counts[block] = count;
    if (count == 0)
        return;
    emit_block(emit, scratch, count, &stream->exception_rows[block]);
    emit_block(emit, scratch + SL_BLOCK_ROWS, count, &stream->exception_values[block]);
}

sl_status
sl_segment_emit_function(struct sl_segment_emit *emit, uint32_t owner,
                         const struct sl_segment_map *map, const uint64_t *values,
                         uint32_t *out_stream, struct sl_error *err)
{
    const struct sl_segment_group *group = emit->group;
    struct sl_segment_stream *stream =
        add_stream(emit, SL_SEGMENT_FORM_FUNCTION, owner, out_stream);
    uint32_t map_blocks = sl_segment_block_count(map->count);
    uint32_t blocks = group->block_count;
    uint64_t *scratch = sl_arena_alloc(emit->arena, (size_t)2 * SL_BLOCK_ROWS * sizeof(*scratch));
    stream->width = map->width;
    stream->a = map->stream;
    stream->map_count = map->count;
    stream->map_of = *out_stream;
    if (map->shared_with != SL_SEGMENT_NONE) {
        stream->map_of = map->shared_with;
        map_blocks = 0;
    }
    struct sl_segment_part *parts = sl_arena_calloc(emit->arena, map_blocks, sizeof(*parts));
    stream->map = map->shared_with == SL_SEGMENT_NONE ? parts : NULL;
    stream->exception_counts = sl_arena_calloc(emit->arena, blocks, sizeof(uint32_t));
    stream->exception_rows = sl_arena_calloc(emit->arena, blocks, sizeof(*stream->map));
    stream->exception_values = sl_arena_calloc(emit->arena, blocks, sizeof(*stream->map));
    if (scratch == NULL || parts == NULL || stream->exception_counts == NULL ||
        stream->exception_rows == NULL || stream->exception_values == NULL)
        return fail_memory(err);
    for (uint32_t i = 0; i < map_blocks; i++)
        emit_block(emit, map->values + (size_t)i * SL_BLOCK_ROWS,
                   sl_segment_block_size(map->count, i), &parts[i]);
    for (uint32_t i = 0; i < blocks && !map->is_exact; i++)
        emit_exceptions(emit, stream, i, map, values, scratch);
    return sl_segment_emit_flush(emit, FLUSH_BYTES, err);
}

uint32_t
sl_segment_emit_combined(struct sl_segment_emit *emit, enum sl_segment_form form, uint32_t owner,
                         uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t index;
    struct sl_segment_stream *stream = add_stream(emit, form, owner, &index);
    SL_ASSERT(a < index);
    SL_ASSERT(b < index);
    SL_ASSERT(c < index);
    stream->a = a;
    stream->b = b;
    stream->c = c;
    const struct sl_segment_stream *streams = emit->group->streams;
    stream->width = 8;
    if (form == SL_SEGMENT_FORM_SELECT && streams[b].width == 4 && streams[c].width == 4)
        stream->width = 4;
    return index;
}

static struct sl_segment_dictionary *
add_dictionary(struct sl_segment_emit *emit, enum sl_segment_dictionary_kind kind, uint32_t owner,
               uint32_t count, uint32_t *out_dictionary)
{
    SL_ASSERT(emit->group->dictionary_count < emit->dictionary_capacity);
    SL_ASSERT(count <= SL_SEGMENT_DICTIONARY_ENTRIES_MAX);
    *out_dictionary = emit->group->dictionary_count++;
    struct sl_segment_dictionary *dictionary = &emit->group->dictionaries[*out_dictionary];
    dictionary->kind = (uint8_t)kind;
    dictionary->owner = owner;
    dictionary->entry_count = count;
    return dictionary;
}

/* Room for the parts of a dictionary. */
static sl_status
take_parts(const struct sl_segment_emit *emit, struct sl_segment_dictionary *dictionary,
           uint32_t piece_count, struct sl_error *err)
{
    dictionary->piece_count = piece_count;
    dictionary->parts = sl_arena_calloc(emit->arena, piece_count, sizeof(*dictionary->parts));
    dictionary->firsts = sl_arena_calloc(emit->arena, piece_count, sizeof(*dictionary->firsts));
    if (dictionary->parts == NULL || dictionary->firsts == NULL)
        return fail_memory(err);
    return SL_OK;
}

sl_status
sl_segment_emit_addresses(struct sl_segment_emit *emit, uint32_t owner, const struct sl_addr *addrs,
                          uint32_t count, uint32_t *out_dictionary, struct sl_error *err)
{
    struct sl_segment_dictionary *dictionary =
        add_dictionary(emit, SL_SEGMENT_DICTIONARY_ADDRESSES, owner, count, out_dictionary);
    SL_TRY(
        take_parts(emit, dictionary, sl_segment_piece_count(count, SL_SEGMENT_PIECE_ENTRIES), err));
    for (uint32_t i = 0; i < dictionary->piece_count; i++) {
        const struct sl_addr *piece = addrs + (size_t)i * SL_SEGMENT_PIECE_ENTRIES;
        size_t start = emit->late.size_bytes;
        dictionary->firsts[i] = piece[0];
        sl_codec_encode_keys(piece, sl_segment_piece_size(count, SL_SEGMENT_PIECE_ENTRIES, i),
                             emit->effort, &emit->late);
        close_part(emit, &emit->late, start, &dictionary->parts[i]);
    }
    return sl_segment_emit_flush(emit, FLUSH_BYTES, err);
}

sl_status
sl_segment_emit_strings(struct sl_segment_emit *emit, uint32_t owner, const struct sl_slice *slices,
                        uint32_t count, uint32_t *out_dictionary, struct sl_error *err)
{
    struct sl_segment_dictionary *dictionary =
        add_dictionary(emit, SL_SEGMENT_DICTIONARY_BYTES, owner, count, out_dictionary);
    SL_TRY(take_parts(emit, dictionary, 1, err));
    return emit_strings(emit, &emit->late, slices, count, dictionary->parts, &dictionary->bytes,
                        err);
}

sl_status
sl_segment_emit_index(struct sl_segment_emit *emit, enum sl_segment_index_kind kind,
                      uint32_t number, uint32_t also, uint32_t piece_count,
                      struct sl_segment_index **out_index, struct sl_error *err)
{
    SL_ASSERT(emit->group->index_count < emit->index_capacity);
    struct sl_segment_index *index = &emit->group->indexes[emit->group->index_count];
    index->kind = (uint8_t)kind;
    index->number = number;
    index->also = also;
    index->piece_count = piece_count;
    index->parts = sl_arena_calloc(emit->arena, piece_count, sizeof(*index->parts));
    *out_index = index;
    if (index->parts == NULL)
        return fail_memory(err);
    emit->group->index_count++;
    return SL_OK;
}

void
sl_segment_emit_index_piece(struct sl_segment_emit *emit, struct sl_segment_index *index,
                            uint32_t piece, size_t start)
{
    SL_ASSERT(piece < index->piece_count);
    /* Its offset is in the buffer, until the group ends. */
    index->parts[piece].offset = start;
    index->parts[piece].size_bytes =
        emit->indexes.bad ? 0 : (uint32_t)(emit->indexes.size_bytes - start);
}

static void
append_dictionaries(struct sl_segment_emit *emit)
{
    uint64_t offset = emit->offset + emit->buf.size_bytes;
    for (uint32_t i = 0; i < emit->group->dictionary_count; i++) {
        const struct sl_segment_dictionary *dictionary = &emit->group->dictionaries[i];
        for (uint32_t k = 0; k < dictionary->piece_count; k++) {
            dictionary->parts[k].offset = offset;
            offset += dictionary->parts[k].size_bytes;
        }
    }
    sl_buf_append(&emit->buf, emit->late.bytes, emit->late.size_bytes);
}

static void
append_indexes(struct sl_segment_emit *emit)
{
    struct sl_segment_group *group = emit->group;
    uint64_t data_bytes = emit->offset + emit->buf.size_bytes - group->data_offset;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < group->index_count; i++) {
        struct sl_segment_index index = group->indexes[i];
        uint32_t columns = index.also == SL_SEGMENT_NONE ? 1 : 2;
        if (sl_segment_parts_bytes(index.parts, index.piece_count) >
            columns * data_bytes / SL_SEGMENT_INDEX_SHARE)
            continue;
        for (uint32_t k = 0; k < index.piece_count; k++)
            sl_segment_emit_part(emit, emit->indexes.bytes + index.parts[k].offset,
                                 index.parts[k].size_bytes, &index.parts[k]);
        group->indexes[kept++] = index;
    }
    group->index_count = kept;
}

void
sl_segment_emit_group_end(struct sl_segment_emit *emit)
{
    emit->buf.bad = emit->buf.bad || emit->late.bad || emit->indexes.bad;
    if (!emit->buf.bad) {
        append_dictionaries(emit);
        append_indexes(emit);
    }
    sl_buf_clear(&emit->late);
    sl_buf_clear(&emit->indexes);
}

uint64_t
sl_segment_emit_estimate(struct sl_segment_emit *emit, const uint64_t *values, uint32_t count)
{
    uint64_t bytes = 0;
    uint64_t rows = 0;
    for (uint32_t i = 0; i < ESTIMATE_BLOCKS; i++) {
        uint32_t first = (uint32_t)((uint64_t)count * i / ESTIMATE_BLOCKS);
        uint32_t size = count - first < ESTIMATE_ROWS ? count - first : ESTIMATE_ROWS;
        if (size == 0)
            continue;
        sl_buf_clear(&emit->trial);
        (void)sl_codec_encode(values + first, size, emit->effort, &emit->trial);
        bytes += emit->trial.size_bytes;
        rows += size;
    }
    return rows == 0 ? 0 : bytes * count / rows;
}
