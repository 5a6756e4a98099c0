/*
 * segment_stream_pair.c - ANSWERS and PAIRED streams: which rows answer the row before them, and
 * values of leads with the differences of their answers (segment_pair.h), for whole minis or for
 * the rows focused on.
 */
#include "storage/segment/segment_decode.h"
#include "storage/segment/segment_kernel.h"
#include "storage/segment/segment_pair.h"
#include "storage/segment/segment_stream.h"

_Static_assert(sizeof(struct sl_segment_answers) <= SL_BLOCK_ROWS,
               "answers fit a buffer of single bytes");

sl_status
sl_segment_answers_evaluate(struct sl_segment_cursor *cursor, uint32_t index,
                            struct sl_segment_slot *slot, struct sl_segment_counters *counters,
                            struct sl_error *err)
{
    const struct sl_segment_stream *stream = &cursor->group->streams[index];
    const struct sl_segment_part *part = &stream->blocks[cursor->block];
    uint32_t lead_count = cursor->block_rows - stream->answer_counts[cursor->block];
    if (sl_segment_cursor_is_ready(cursor, index)) {
        *slot = cursor->block_slots[index];
        return SL_OK;
    }
    slot->values = sl_segment_block_buffer_take(cursor, 1);
    uint32_t *lead_bytes = sl_segment_block_buffer_take(cursor, 4);
    if (slot->values == NULL || lead_bytes == NULL)
        return sl_segment_decoding_fail(err);
    SL_TRY(sl_segment_decode_values(cursor, part, sl_segment_lead_bytes(lead_count),
                                    SL_SEGMENT_ALL_MINIS, 4, lead_bytes, counters, err));
    if (!sl_segment_answers_open(lead_bytes, lead_count, cursor->block_rows, slot->values))
        return sl_segment_fail(cursor->reader, part->offset, err,
                               "answers of %u rows to %u others do not add up",
                               cursor->block_rows - lead_count, lead_count);
    sl_segment_block_buffer_give(cursor, 4, 1);
    slot->ready = SL_SEGMENT_ALL_MINIS;
    return SL_OK;
}

/* Minis that hold values `first` .. `end` - 1; none: no minis. */
static uint32_t
minis_between(uint32_t first, uint32_t end)
{
    if (first >= end)
        return 0;
    uint32_t below_end = (2U << ((end - 1) / SL_MINI_ROWS)) - 1;
    return below_end & ~((1U << (first / SL_MINI_ROWS)) - 1);
}

/* What one mini of a PAIRED stream is made of. */
static void
expand_pairs(const struct sl_segment_answers *answers, const struct sl_segment_slot *slot,
             uint32_t first, uint32_t count, const void *leads, const void *differences)
{
    if (slot->width == 4)
        sl_segment_pair_narrow(answers, first, count, leads, differences, slot->values);
    else
        sl_segment_pair_wide(answers, first, count, leads, differences, slot->values);
}

/* Of the rows focused on: leads and differences by number, for whoever has them decoded. */
struct picked_pairs {
    uint32_t *leads;       /* by row: the number of its lead */
    uint32_t *differences; /* by row: the number of its difference + 1, or 0 */
    uint32_t *numbers;     /* those of leads, or of differences, that are wanted */
    uint64_t *values;      /* theirs */
};

static bool
locate_pairs(struct sl_segment_cursor *cursor, const struct sl_segment_answers *answers,
             struct picked_pairs *out)
{
    uint32_t count = cursor->row_count;
    out->leads = sl_arena_alloc(cursor->arena, count * sizeof(*out->leads));
    out->differences = sl_arena_alloc(cursor->arena, count * sizeof(*out->differences));
    out->numbers = sl_arena_alloc(cursor->arena, count * sizeof(*out->numbers));
    out->values = sl_arena_alloc(cursor->arena, count * sizeof(*out->values));
    if (out->leads == NULL || out->differences == NULL || out->numbers == NULL ||
        out->values == NULL)
        return false;
    sl_segment_pair_locate(answers, cursor->rows, count, out->leads, out->differences);
    return true;
}

/* Put differences on the answers among the rows focused on. */
static sl_status
add_picked_differences(struct sl_segment_cursor *cursor, const struct sl_segment_part *part,
                       uint32_t answer_count, const struct picked_pairs *pairs,
                       struct sl_segment_slot *slot, struct sl_segment_counters *counters,
                       struct sl_error *err)
{
    uint32_t wanted = 0;
    for (uint32_t i = 0; i < cursor->row_count; i++)
        if (pairs->differences[i] != 0)
            pairs->numbers[wanted++] = pairs->differences[i] - 1;
    if (wanted == 0)
        return SL_OK;
    SL_TRY(sl_segment_decode_picked(cursor, part, answer_count, pairs->numbers, wanted,
                                    pairs->values, counters, err));
    uint64_t all = 0;
    uint32_t next = 0;
    for (uint32_t i = 0; i < cursor->row_count; i++) {
        if (pairs->differences[i] == 0)
            continue;
        uint64_t code = pairs->values[next++];
        all |= code;
        if (slot->width == 4)
            ((uint32_t *)slot->values)[i] += sl_segment_unzigzag_narrow((uint32_t)code);
        else
            ((uint64_t *)slot->values)[i] += sl_segment_unzigzag_wide(code);
    }
    if (slot->width == 4 && all > UINT32_MAX)
        return sl_segment_fail(cursor->reader, part->offset, err, "a difference beyond 32 bits");
    return SL_OK;
}

sl_status
sl_segment_paired_pick(struct sl_segment_cursor *cursor, const struct sl_segment_stream *stream,
                       struct sl_segment_slot *slot, struct sl_segment_counters *counters,
                       struct sl_error *err)
{
    const struct sl_segment_part *part = &stream->blocks[cursor->block];
    uint32_t answer_count = cursor->group->streams[stream->a].answer_counts[cursor->block];
    struct picked_pairs pairs;
    if (!locate_pairs(cursor, cursor->slots[stream->a].values, &pairs))
        return sl_segment_decoding_fail(err);
    /* A lead and its answer want the same value. */
    uint32_t wanted = 0;
    for (uint32_t i = 0; i < cursor->row_count; i++)
        if (i == 0 || pairs.leads[i] != pairs.leads[i - 1])
            pairs.numbers[wanted++] = pairs.leads[i];
    SL_TRY(sl_segment_decode_picked(cursor, part, cursor->block_rows - answer_count, pairs.numbers,
                                    wanted, pairs.values, counters, err));
    uint64_t all = 0;
    uint32_t next = 0;
    for (uint32_t i = 0; i < cursor->row_count; i++) {
        next += i != 0 && pairs.leads[i] != pairs.leads[i - 1];
        all |= pairs.values[next];
        if (slot->width == 4)
            ((uint32_t *)slot->values)[i] = (uint32_t)pairs.values[next];
        else
            ((uint64_t *)slot->values)[i] = pairs.values[next];
    }
    if (slot->width == 4 && all > UINT32_MAX)
        return sl_segment_fail(cursor->reader, part->offset, err, "a value beyond 32 bits");
    if (stream->differences == NULL || answer_count == 0)
        return SL_OK;
    return add_picked_differences(cursor, &stream->differences[cursor->block], answer_count, &pairs,
                                  slot, counters, err);
}

sl_status
sl_segment_paired_evaluate(struct sl_segment_cursor *cursor, const struct sl_segment_stream *stream,
                           uint32_t minis, const struct sl_segment_slot *slot,
                           struct sl_segment_counters *counters, struct sl_error *err)
{
    const struct sl_segment_answers *answers = cursor->slots[stream->a].values;
    uint32_t block = cursor->block;
    uint32_t answer_count = cursor->group->streams[stream->a].answer_counts[block];
    uint32_t lead_count = cursor->row_count - answer_count;
    bool has_differences = stream->differences != NULL && answer_count != 0;
    void *leads = sl_segment_block_buffer_take(cursor, slot->width);
    void *differences = has_differences ? sl_segment_block_buffer_take(cursor, slot->width) : NULL;
    if (leads == NULL || (has_differences && differences == NULL))
        return sl_segment_decoding_fail(err);
    uint32_t lead_minis = 0;
    uint32_t answer_minis = 0;
    for (unsigned m = 0; m < SL_BLOCK_MINIS; m++) {
        uint32_t first = m * SL_MINI_ROWS - answers->before[m];
        uint32_t end = first + sl_segment_cursor_mini_rows(cursor, m) -
                       (answers->before[m + 1] - answers->before[m]);
        if ((minis >> m & 1) == 0 || sl_segment_cursor_mini_rows(cursor, m) == 0)
            continue;
        /* The first row may be an answer to the last lead before. */
        lead_minis |= minis_between(first == 0 ? 0 : first - 1, end);
        answer_minis |= minis_between(answers->before[m], answers->before[m + 1]);
    }
    SL_TRY(sl_segment_decode_values(cursor, &stream->blocks[block], lead_count, lead_minis,
                                    slot->width, leads, counters, err));
    if (has_differences && answer_minis != 0)
        SL_TRY(sl_segment_decode_values(cursor, &stream->differences[block], answer_count,
                                        answer_minis, slot->width, differences, counters, err));
    for (unsigned m = 0; m < SL_BLOCK_MINIS; m++)
        if ((minis >> m & 1) != 0 && sl_segment_cursor_mini_rows(cursor, m) != 0)
            expand_pairs(answers, slot, m * SL_MINI_ROWS, sl_segment_cursor_mini_rows(cursor, m),
                         leads, differences);
    sl_segment_block_buffer_give(cursor, slot->width, has_differences ? 2 : 1);
    return SL_OK;
}
