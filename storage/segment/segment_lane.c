/*
 * segment_lane.c - see segment_lane.h.
 */
#include "storage/segment/segment_lane.h"

#include "storage/base/file.h"

static struct sl_segment_lane *
take_memory(struct sl_segment_encoding *e)
{
    size_t words = sl_words_for(e->row_count);
    struct sl_segment_lane *lane = sl_arena_calloc(e->arena, 1, sizeof(*lane));
    if (lane == NULL)
        return NULL;
    struct sl_segment_encoding *own = &lane->encoding;
    *own = *e;
    own->work[0] = e->work[2];
    own->work[1] = e->work[3];
    e->work[2] = e->work[3] = NULL;
    own->flat_present = sl_arena_calloc(e->arena, words, sizeof(uint64_t));
    bool has_memory = own->flat_present != NULL;
    uint64_t **arrays[] = {&own->flat, &own->work[2], &own->work[3]};
    for (size_t i = 0; i < SL_COUNTOF(arrays); i++) {
        *arrays[i] = sl_arena_alloc(e->arena, e->row_count * sizeof(uint64_t));
        has_memory = has_memory && *arrays[i] != NULL;
    }
    for (size_t i = 0; i < SL_COUNTOF(own->bits); i++) {
        own->bits[i] = sl_arena_calloc(e->arena, words, sizeof(uint64_t));
        has_memory = has_memory && own->bits[i] != NULL;
    }
    return has_memory ? lane : NULL;
}

/* The directory of the lane begins with the streams that are there. */
static sl_status
open_emit(struct sl_segment_lane *lane, const struct sl_segment_encoding *e)
{
    const struct sl_segment_group *group = e->emit->group;
    struct sl_segment_emit *emit = &lane->emit;
    SL_TRY(sl_segment_emit_group(emit, &lane->group, e->row_count, e->input.column_count,
                                 lane->encoding.arena, e->err));
    lane->shared_count = lane->group.stream_count = group->stream_count;
    memcpy(lane->group.streams, group->streams, group->stream_count * sizeof(*group->streams));
    if (e->emit->answers == NULL)
        return SL_OK;
    emit->answers = e->emit->answers;
    emit->answer_stream = e->emit->answer_stream;
    emit->pairs = sl_arena_alloc(emit->arena, (size_t)2 * SL_BLOCK_ROWS * sizeof(*emit->pairs));
    return emit->pairs == NULL ? sl_segment_encoding_fail(&lane->encoding) : SL_OK;
}

sl_status
sl_segment_lane_open(struct sl_segment_encoding *e, struct sl_arena *arena,
                     struct sl_segment_lane **out_lane)
{
    struct sl_segment_lane *lane = take_memory(e);
    if (lane == NULL)
        return sl_segment_encoding_fail(e);
    lane->encoding.arena = arena;
    sl_segment_emit_init(&lane->emit, -1, e->emit->effort, 0);
    SL_TRY(open_emit(lane, e)); /* buffers are empty yet */
    lane->encoding.emit = &lane->emit;
    lane->encoding.numbers = &lane->numbers;
    lane->encoding.err = &lane->err;
    *out_lane = lane;
    return SL_OK;
}

static void
lane_main(void *context)
{
    struct sl_segment_lane *lane = context;
    lane->status = lane->run(&lane->encoding);
}

void
sl_segment_lane_start(struct sl_segment_lane *lane, sl_segment_lane_fn *run, bool has_thread)
{
    lane->run = run;
    if (has_thread)
        lane->thread = sl_thread_start("store-encode", lane_main, lane);
    else
        lane_main(lane);
}

/* From the lane's numbers to those of the group that it joins. */
struct joining {
    struct sl_segment_lane *lane;
    struct sl_segment_encoding *e;
    uint64_t offset;  /* in the file, of the lane's first byte */
    uint32_t streams; /* by which the numbers of the lane's own rise */
};

static uint32_t
column_number(const struct joining *j, uint32_t number)
{
    return sl_segment_column_number(j->e, j->lane->numbers.columns[number]);
}

static uint32_t
stream_number(const struct joining *j, uint32_t stream)
{
    return stream < j->lane->shared_count || stream == SL_SEGMENT_NONE ? stream
                                                                       : stream + j->streams;
}

static void
move_parts(const struct joining *j, struct sl_segment_part *parts, uint32_t count)
{
    for (uint32_t i = 0; parts != NULL && i < count; i++)
        parts[i].offset += j->offset;
}

static void
join_streams(const struct joining *j)
{
    struct sl_segment_emit *emit = j->e->emit;
    const struct sl_segment_group *from = &j->lane->group;
    uint32_t own_count = from->stream_count - j->lane->shared_count;
    SL_ASSERT(own_count <= emit->stream_capacity - emit->group->stream_count);
    SL_ASSERT(own_count <= SL_SEGMENT_STREAMS_MAX - emit->group->stream_count);
    for (uint32_t i = j->lane->shared_count; i < from->stream_count; i++) {
        struct sl_segment_stream stream = from->streams[i];
        stream.owner = column_number(j, stream.owner);
        stream.a = stream_number(j, stream.a);
        stream.b = stream_number(j, stream.b);
        stream.c = stream_number(j, stream.c);
        SL_ASSERT(stream.form != SL_SEGMENT_FORM_FUNCTION); /* of a lane nothing decides */
        SL_ASSERT(stream.form != SL_SEGMENT_FORM_BYTES);
        move_parts(j, stream.blocks, from->block_count);
        move_parts(j, stream.differences, from->block_count);
        emit->group->streams[emit->group->stream_count++] = stream;
    }
}

static void
join_columns(const struct joining *j)
{
    struct sl_segment_emit *emit = j->e->emit;
    const struct sl_segment_group *from = &j->lane->group;
    SL_ASSERT(from->dictionary_count == 0);
    SL_ASSERT(from->column_count <= emit->column_capacity - emit->group->column_count);
    for (uint32_t i = 0; i < from->column_count; i++) {
        struct sl_segment_group_column column = from->columns[i];
        column.number = column_number(j, column.number);
        column.stream = stream_number(j, column.stream);
        column.presence = stream_number(j, column.presence);
        emit->group->columns[emit->group->column_count++] = column;
    }
}

static sl_status
join_indexes(const struct joining *j)
{
    struct sl_segment_emit *emit = j->e->emit;
    const struct sl_segment_group *from = &j->lane->group;
    for (uint32_t i = 0; i < from->index_count; i++) {
        const struct sl_segment_index *index = &from->indexes[i];
        struct sl_segment_index *joined;
        SL_ASSERT(index->also == SL_SEGMENT_NONE && index->kind == SL_SEGMENT_INDEX_MINIS);
        SL_TRY(sl_segment_emit_index(emit, SL_SEGMENT_INDEX_MINIS, column_number(j, index->number),
                                     SL_SEGMENT_NONE, 1, &joined, j->e->err));
        size_t start = emit->indexes.size_bytes;
        sl_buf_append(&emit->indexes, j->lane->emit.indexes.bytes + index->parts[0].offset,
                      index->parts[0].size_bytes);
        sl_segment_emit_index_piece(emit, joined, 0, start);
    }
    return SL_OK;
}

static sl_status
join(struct sl_segment_lane *lane, struct sl_segment_encoding *e)
{
    struct sl_segment_emit *emit = e->emit;
    const struct sl_buf *bytes = &lane->emit.buf;
    if (bytes->bad || lane->emit.indexes.bad)
        return sl_segment_encoding_fail(e);
    SL_TRY(sl_segment_emit_flush(emit, 0, e->err));
    const struct joining j = {.lane = lane,
                              .e = e,
                              .offset = emit->offset,
                              .streams = emit->group->stream_count - lane->shared_count};
    join_streams(&j);
    join_columns(&j);
    SL_TRY(join_indexes(&j));
    SL_TRY(sl_file_write_at(emit->fd, emit->offset, bytes->bytes, bytes->size_bytes, e->err));
    emit->offset += bytes->size_bytes;
    return SL_OK;
}

sl_status
sl_segment_lane_finish(struct sl_segment_lane *lane, struct sl_segment_encoding *e, sl_status st)
{
    sl_thread_join(lane->thread);
    lane->thread = NULL;
    if (st == SL_OK && lane->status != SL_OK && e->err != NULL)
        *e->err = lane->err;
    if (st == SL_OK)
        st = lane->status;
    if (st == SL_OK)
        st = join(lane, e);
    sl_segment_emit_fini(&lane->emit);
    return st;
}
