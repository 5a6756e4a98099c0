/*
 * segment_encode.c - the order of a row group's rows, then its columns one by one.
 *
 * A group of n rows needs about 110 n bytes, and some more for each column of addresses or
 * strings.
 */
#include "storage/segment/segment_encode.h"

#include "storage/segment/segment_flow.h"
#include "storage/segment/segment_lane.h"
#include "storage/segment/segment_order.h"

/* With fewer answers than one row in so many, each row is kept for itself. */
enum { ROWS_PER_ANSWER_MAX = 16 };

/* Fewer rows are encoded before a thread has begun. */
enum { SHARED_ROWS_MIN = 1 << 15 };

/* Flat arrays that decide sides and order, by the rows as given. */
struct deciding {
    void *protocol, *src_port, *dst_port;
    struct sl_segment_coded ends[2]; /* src_addr and dst_addr */
    uint8_t *sides;
    uint32_t answer_count;
};

/* A column of `width` bytes at most, in `keys`; NULL when the rows lack it. */
static void *
flatten_key(struct sl_segment_encoding *e, uint32_t index, unsigned width, void *keys)
{
    const struct sl_column *column = sl_segment_column_find(&e->input, index);
    if (column == NULL)
        return NULL;
    (void)sl_segment_input_flat(&e->input, column, width, keys, e->flat_present);
    return keys;
}

/* src_addr and dst_addr as codes of one sorted dictionary. */
static sl_status
flatten_addresses(struct sl_segment_encoding *e, struct deciding *d)
{
    static const uint32_t indexes[2] = {SL_COLUMN_SRC_ADDR, SL_COLUMN_DST_ADDR};
    uint32_t *ranks;
    if (!sl_segment_set_init(&e->addrs, true, e->arena))
        return sl_segment_encoding_fail(e);
    for (unsigned i = 0; i < 2; i++) {
        d->ends[i].column = sl_segment_column_find(&e->input, indexes[i]);
        d->ends[i].codes = sl_arena_calloc(e->arena, e->row_count, sizeof(uint32_t));
        d->ends[i].present =
            sl_arena_calloc(e->arena, sl_words_for(e->row_count), sizeof(uint64_t));
        if (d->ends[i].codes == NULL || d->ends[i].present == NULL)
            return sl_segment_encoding_fail(e);
        if (d->ends[i].column == NULL)
            continue;
        sl_bit_set(e->done, indexes[i]);
        if (!sl_segment_input_codes(&e->input, d->ends[i].column, &e->addrs, d->ends[i].codes,
                                    d->ends[i].present, &d->ends[i].null_count))
            return sl_segment_encoding_fail(e);
    }
    if (!sl_segment_set_sort(&e->addrs, &ranks))
        return sl_segment_encoding_fail(e);
    d->ends[0].entry_count = d->ends[1].entry_count = e->addrs.count;
    for (uint32_t i = 0; e->addrs.count != 0 && i < e->row_count; i++) {
        d->ends[0].codes[i] = ranks[d->ends[0].codes[i]];
        d->ends[1].codes[i] = ranks[d->ends[1].codes[i]];
    }
    return SL_OK;
}

/* Sides and inner order. The array for a flat column holds three narrow ones here. */
static sl_status
decide_order(struct sl_segment_encoding *e, struct deciding *d, bool has_thread)
{
    SL_TRY(flatten_addresses(e, d));
    uint16_t *ports = (uint16_t *)e->flat;
    d->src_port = flatten_key(e, SL_COLUMN_SRC_PORT, sizeof(*ports), ports);
    d->dst_port = flatten_key(e, SL_COLUMN_DST_PORT, sizeof(*ports), ports + e->row_count);
    d->protocol =
        flatten_key(e, SL_COLUMN_PROTOCOL, sizeof(uint8_t), ports + (size_t)2 * e->row_count);
    const struct sl_segment_order_keys keys = {
        .row_count = e->row_count,
        .protocol = d->protocol,
        .src_port = d->src_port,
        .dst_port = d->dst_port,
        .src_code = d->ends[0].codes,
        .dst_code = d->ends[1].codes,
        .code_count = e->addrs.count,
    };
    d->sides = sl_arena_alloc(e->arena, e->row_count);
    if (d->sides == NULL)
        return sl_segment_encoding_fail(e);
    sl_segment_order_sides(&keys, d->sides);
    d->answer_count =
        sl_segment_order_sort(&keys, d->sides, e->work, has_thread, e->order, e->answers);
    return SL_OK;
}

static sl_status
emit_sides(struct sl_segment_encoding *e, const struct deciding *d)
{
    bool is_any = false;
    for (uint32_t i = 0; i < e->row_count; i++) {
        e->sides[i] = d->sides[e->order[i]];
        is_any = is_any || e->sides[i] != 0;
        e->work[0][i] = e->sides[i];
    }
    e->side_stream = SL_SEGMENT_NONE;
    if (!is_any)
        return SL_OK;
    uint32_t owner = sl_segment_column_number(e, e->input.columns[0]);
    if (d->answer_count >= e->row_count / ROWS_PER_ANSWER_MAX)
        SL_TRY(sl_segment_emit_answers(e->emit, owner, e->answers, e->err));
    return sl_segment_emit_paired(e->emit, owner, e->work[0], 4, &e->side_stream, e->err);
}

/* Addresses, what is a function of them, and all that has no special form. */
static sl_status
encode_properties(struct sl_segment_encoding *e, const struct deciding *d)
{
    SL_TRY(sl_segment_flow_addresses(e, d->ends));
    SL_TRY(sl_segment_flow_properties(e));
    for (uint32_t i = 0; i < e->input.column_count; i++) {
        const struct sl_column *column = e->input.columns[i];
        if (!sl_bit_get(e->done, column->index) && !sl_segment_flow_is_measure(column))
            SL_TRY(sl_segment_column_encode(e, column));
    }
    return SL_OK;
}

static sl_status
encode_columns(struct sl_segment_encoding *e, const struct deciding *d,
               const struct sl_segment_encode_request *request, bool has_thread)
{
    struct sl_segment_lane *lane;
    SL_TRY(emit_sides(e, d));
    SL_TRY(sl_segment_lane_open(e, request->lane_arena, &lane));
    sl_segment_lane_start(lane, sl_segment_flow_measures, has_thread);
    sl_status st = encode_properties(e, d);
    SL_TRY(sl_segment_lane_finish(lane, e, st));
    sl_segment_group_sort(e->emit->group);
    sl_segment_emit_group_end(e->emit);
    return SL_OK;
}

/* Work arrays of the group. */
static sl_status
take_memory(struct sl_segment_encoding *e)
{
    size_t words = sl_words_for(e->row_count);
    e->order = sl_arena_alloc(e->arena, e->row_count * sizeof(*e->order));
    e->flat = sl_arena_alloc(e->arena, e->row_count * sizeof(uint64_t));
    e->sides = sl_arena_alloc(e->arena, e->row_count);
    e->flat_present = sl_arena_calloc(e->arena, words, sizeof(uint64_t));
    e->answers = sl_arena_calloc(e->arena, words, sizeof(uint64_t));
    bool has_memory = e->order != NULL && e->flat != NULL && e->sides != NULL &&
                      e->flat_present != NULL && e->answers != NULL;
    for (size_t i = 0; i < SL_COUNTOF(e->work); i++) {
        e->work[i] = sl_arena_alloc(e->arena, e->row_count * sizeof(uint64_t));
        has_memory = has_memory && e->work[i] != NULL;
    }
    for (size_t i = 0; i < SL_COUNTOF(e->bits); i++) {
        e->bits[i] = sl_arena_calloc(e->arena, words, sizeof(uint64_t));
        has_memory = has_memory && e->bits[i] != NULL;
    }
    return has_memory ? SL_OK : sl_segment_encoding_fail(e);
}

sl_status
sl_segment_encode(struct sl_segment_emit *emit, const struct sl_segment_encode_request *request,
                  struct sl_arena *arena, struct sl_segment_group *out_group,
                  const uint32_t **out_order, struct sl_error *err)
{
    struct sl_segment_encoding *e = sl_arena_calloc(arena, 1, sizeof(*e));
    struct deciding d = {0};
    if (e == NULL)
        return sl_fail(err, SL_LIMIT, "no memory to encode a row group");
    e->emit = emit;
    e->arena = arena;
    e->numbers = request->numbers;
    e->summary = request->summary;
    e->err = err;
    SL_TRY(sl_segment_input_init(&e->input, request->rows, request->rows_count, arena, err));
    e->row_count = e->input.row_count;
    SL_TRY(sl_segment_emit_group(emit, out_group, e->row_count, e->input.column_count, arena, err));
    SL_TRY(take_memory(e));
    bool has_thread = request->is_shared && e->row_count >= SHARED_ROWS_MIN;
    SL_TRY(decide_order(e, &d, has_thread));
    SL_TRY(encode_columns(e, &d, request, has_thread));
    *out_order = e->order;
    return SL_OK;
}
