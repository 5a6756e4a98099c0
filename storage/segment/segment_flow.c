/*
 * segment_flow.c - see segment_flow.h.
 */
#include "storage/segment/segment_flow.h"

#include "storage/segment/segment_index.h"

/* What a pair of columns of the two ends is like. */
enum pair_kind {
    PAIR_PORTS,      /* the client's says which conversation it is */
    PAIR_PROPERTY,   /* of the address of each end */
    PAIR_INTERFACES, /* where the source comes in, and the way to the target */
    PAIR_PACKETS,    /* bytes, which follow, refer to them: so they come last */
};

static const struct pair {
    uint32_t source, target;
    enum pair_kind kind;
} pairs[] = {
    {SL_COLUMN_SRC_PORT, SL_COLUMN_DST_PORT, PAIR_PORTS},
    {SL_COLUMN_SRC_AS, SL_COLUMN_DST_AS, PAIR_PROPERTY},
    {SL_COLUMN_SRC_MASK, SL_COLUMN_DST_MASK, PAIR_PROPERTY},
    {SL_COLUMN_INPUT_IF, SL_COLUMN_OUTPUT_IF, PAIR_INTERFACES},
    {SL_COLUMN_IN_PACKETS, SL_COLUMN_OUT_PACKETS, PAIR_PACKETS},
};

static void
swap_sides(const struct sl_segment_encoding *e, uint64_t *a, uint64_t *b)
{
    for (uint32_t i = 0; i < e->row_count; i++) {
        uint64_t mask = -(uint64_t)e->sides[i];
        uint64_t difference = (a[i] ^ b[i]) & mask;
        a[i] ^= difference;
        b[i] ^= difference;
    }
}

/* A pair whose keys are client's and server's: the streams of source and target, as columns. */
static sl_status
add_pair(struct sl_segment_encoding *e, const struct sl_segment_ordered *source,
         const struct sl_segment_ordered *target, const uint32_t streams[2], uint32_t dictionary)
{
    uint32_t from = streams[0];
    uint32_t to = streams[1];
    if (e->side_stream != SL_SEGMENT_NONE) {
        from = sl_segment_emit_combined(e->emit, SL_SEGMENT_FORM_SELECT, source->number,
                                        e->side_stream, streams[0], streams[1]);
        to = sl_segment_emit_combined(e->emit, SL_SEGMENT_FORM_SELECT, target->number,
                                      e->side_stream, streams[1], streams[0]);
    }
    SL_TRY(sl_segment_column_add(e, source, from, dictionary));
    return sl_segment_column_add(e, target, to, dictionary);
}

/* Client's and server's keys, already swapped, as two streams. */
static sl_status
emit_pair(struct sl_segment_encoding *e, enum pair_kind kind,
          const struct sl_segment_ordered *client, const struct sl_segment_ordered *server,
          uint32_t streams[2])
{
    const uint32_t owners[2] = {client->number, server->number};
    const uint64_t *const keys[2] = {client->keys, server->keys};
    if (kind == PAIR_PROPERTY)
        return sl_segment_function_emit_pair(&e->functions, e->emit, owners, keys, streams, e->err);
    if (kind == PAIR_PORTS)
        SL_TRY(sl_segment_emit_paired(e->emit, owners[0], keys[0], 4, &streams[0], e->err));
    else
        SL_TRY(sl_segment_emit_values(e->emit, owners[0], keys[0], &streams[0], e->err));
    return sl_segment_emit_values(e->emit, owners[1], keys[1], &streams[1], e->err);
}

/* Two columns of which each is a function of its own, or one of them is not there. */
static sl_status
emit_alone(struct sl_segment_encoding *e, enum pair_kind kind,
           const struct sl_segment_ordered *ordered, uint32_t *out_stream)
{
    if (ordered->is_trivial)
        return SL_OK;
    bool may_be_function = kind == PAIR_PROPERTY || kind == PAIR_INTERFACES;
    SL_TRY(sl_segment_column_emit(e, ordered, may_be_function ? SL_SEGMENT_DECIDERS_ALL : 0,
                                  out_stream));
    return sl_segment_column_add(e, ordered, *out_stream, SL_SEGMENT_NONE);
}

/* Interfaces as functions of source and target, or of client and server, whichever is smaller. Keys
 * are the source's and the target's before and afterwards. */
static sl_status
emit_interfaces(struct sl_segment_encoding *e, const struct sl_segment_ordered *source,
                const struct sl_segment_ordered *target, uint32_t streams[2])
{
    static const unsigned deciders[4] = {1 << SL_SEGMENT_SOURCE, 1 << SL_SEGMENT_TARGET,
                                         1 << SL_SEGMENT_CLIENT, 1 << SL_SEGMENT_SERVER};
    const struct sl_segment_ordered *const ends[2] = {source, target};
    struct sl_segment_decision decisions[4];
    for (unsigned i = 0; i < 4; i++) {
        if (i == 2)
            swap_sides(e, source->keys, target->keys);
        decisions[i] =
            sl_segment_function_decide(&e->functions, e->emit, i, deciders[i], ends[i % 2]->keys);
    }
    bool is_routed =
        decisions[0].bytes + decisions[1].bytes < decisions[2].bytes + decisions[3].bytes;
    if (is_routed)
        swap_sides(e, source->keys, target->keys);
    for (unsigned i = 0; i < 2; i++) {
        SL_TRY(sl_segment_function_emit(e->emit, ends[i]->number, &decisions[is_routed ? i : i + 2],
                                        ends[i]->keys, &streams[i], e->err));
        if (is_routed)
            SL_TRY(sl_segment_column_add(e, ends[i], streams[i], SL_SEGMENT_NONE));
    }
    if (is_routed)
        return SL_OK;
    swap_sides(e, source->keys, target->keys);
    return add_pair(e, source, target, streams, SL_SEGMENT_NONE);
}

/* Next hops are a matter of the interface that leads there. */
static void
take_output_if(struct sl_segment_encoding *e, const struct sl_segment_ordered *target)
{
    const struct sl_segment_group *group = e->emit->group;
    for (uint32_t i = 0; !target->is_trivial && i < group->column_count; i++)
        if (group->columns[i].number == target->number &&
            group->streams[group->columns[i].stream].width == 4)
            sl_segment_functions_add(&e->functions, SL_SEGMENT_OUTPUT_IF, group->columns[i].stream,
                                     target->keys, 0);
}

static sl_status
encode_pair(struct sl_segment_encoding *e, const struct pair *pair)
{
    struct sl_segment_ordered source, target;
    uint32_t streams[2] = {SL_SEGMENT_NONE, SL_SEGMENT_NONE};
    SL_TRY(
        sl_segment_column_keys(e, sl_segment_column_find(&e->input, pair->source), 0, 0, &source));
    SL_TRY(
        sl_segment_column_keys(e, sl_segment_column_find(&e->input, pair->target), 1, 1, &target));
    bool is_sided = !source.is_trivial && !target.is_trivial;
    if (is_sided && pair->kind == PAIR_INTERFACES) {
        SL_TRY(emit_interfaces(e, &source, &target, streams));
    } else if (is_sided) {
        swap_sides(e, source.keys, target.keys);
        SL_TRY(emit_pair(e, pair->kind, &source, &target, streams));
        SL_TRY(add_pair(e, &source, &target, streams, SL_SEGMENT_NONE));
    } else {
        SL_TRY(emit_alone(e, pair->kind, &source, &streams[0]));
        SL_TRY(emit_alone(e, pair->kind, &target, &streams[1]));
    }
    if (pair->kind == PAIR_INTERFACES)
        take_output_if(e, &target);
    if (pair->kind == PAIR_PACKETS) {
        memcpy(e->packet_streams, streams, sizeof(streams));
        e->is_packets_sided = is_sided;
    }
    return SL_OK;
}

/* Bytes to whole bytes per packet, and what is left over. */
static void
divide(const uint64_t *packets, uint32_t count, uint64_t *keys, uint64_t *rest)
{
    for (uint32_t i = 0; i < count; i++) {
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
}

static void
multiply(const uint64_t *packets, uint32_t count, const uint64_t *rest, uint64_t *keys)
{
    for (uint32_t i = 0; i < count; i++)
        if (packets[i] > 1)
            keys[i] = keys[i] * packets[i] + rest[i];
}

/* Bytes as they are, or as whole bytes per packet and remainder where that is smaller by more than
 * three streams are slower to read than one. Quotients may replace the keys. */
static sl_status
emit_scaled(struct sl_segment_encoding *e, uint32_t owner, uint32_t packet_stream,
            const uint64_t *packets, uint64_t *keys, uint32_t *out_stream)
{
    enum { SAVES_PARTS = 16 };
    uint64_t *rest = e->flat;
    uint64_t plain_bytes = sl_segment_emit_estimate(e->emit, keys, e->row_count);
    divide(packets, e->row_count, keys, rest);
    uint64_t scaled_bytes = sl_segment_emit_estimate(e->emit, keys, e->row_count) +
                            sl_segment_emit_estimate(e->emit, rest, e->row_count);
    if (plain_bytes <= scaled_bytes + plain_bytes / SAVES_PARTS) {
        multiply(packets, e->row_count, rest, keys);
        return sl_segment_emit_values(e->emit, owner, keys, out_stream, e->err);
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
encode_bytes(struct sl_segment_encoding *e)
{
    struct sl_segment_ordered ends[2];
    uint32_t streams[2] = {SL_SEGMENT_NONE, SL_SEGMENT_NONE};
    SL_TRY(sl_segment_column_keys(e, sl_segment_column_find(&e->input, SL_COLUMN_IN_BYTES), 2, 0,
                                  &ends[0]));
    SL_TRY(sl_segment_column_keys(e, sl_segment_column_find(&e->input, SL_COLUMN_OUT_BYTES), 3, 1,
                                  &ends[1]));
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
            SL_TRY(sl_segment_column_add(e, &ends[i], streams[i], SL_SEGMENT_NONE));
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
widen_summary(struct sl_segment_encoding *e, const uint64_t *first_keys, const uint64_t *last_keys)
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
encode_times(struct sl_segment_encoding *e)
{
    struct sl_segment_ordered first, last;
    uint32_t first_stream = SL_SEGMENT_NONE;
    uint32_t duration_stream;
    SL_TRY(sl_segment_column_keys(e, sl_segment_column_find(&e->input, SL_COLUMN_FIRST_SEEN), 0, 0,
                                  &first));
    SL_TRY(sl_segment_column_keys(e, sl_segment_column_find(&e->input, SL_COLUMN_LAST_SEEN), 1, 1,
                                  &last));
    uint64_t zero_key = sl_segment_key(SL_TYPE_TIME, 0);
    for (uint32_t i = 0; first.column == NULL && i < e->row_count; i++)
        first.keys[i] = zero_key;
    for (uint32_t i = 0; last.column == NULL && i < e->row_count; i++)
        last.keys[i] = zero_key;
    widen_summary(e, first.keys, last.keys);
    if (!first.is_trivial) {
        SL_TRY(sl_segment_emit_paired(e->emit, first.number, first.keys, 8, &first_stream, e->err));
        SL_TRY(sl_segment_column_add(e, &first, first_stream, SL_SEGMENT_NONE));
    }
    if (last.is_trivial)
        return SL_OK;
    if (first.is_trivial) {
        SL_TRY(sl_segment_emit_paired(e->emit, last.number, last.keys, 8, &first_stream, e->err));
        return sl_segment_column_add(e, &last, first_stream, SL_SEGMENT_NONE);
    }
    uint64_t all = 0;
    for (uint32_t i = 0; i < e->row_count; i++) {
        last.keys[i] -= first.keys[i];
        all |= last.keys[i];
    }
    uint8_t width = all > UINT32_MAX ? 8 : 4;
    SL_TRY(
        sl_segment_emit_paired(e->emit, last.number, last.keys, width, &duration_stream, e->err));
    uint32_t stream = sl_segment_emit_combined(e->emit, SL_SEGMENT_FORM_ADD, last.number,
                                               first_stream, duration_stream, 0);
    return sl_segment_column_add(e, &last, stream, SL_SEGMENT_NONE);
}

/* A stream of addresses decides for the columns that follow. */
static void
take_decider(struct sl_segment_encoding *e, enum sl_segment_decider decider, uint32_t stream,
             const uint64_t *codes)
{
    sl_segment_functions_add(&e->functions, decider, stream, codes, e->addrs.count);
}

static const uint64_t *
presence_of(const struct sl_segment_ordered *end)
{
    return end->null_count == 0 ? NULL : end->present;
}

static sl_status
index_ends(struct sl_segment_encoding *e, const struct sl_segment_ordered ends[2])
{
    const uint32_t numbers[2] = {ends[0].number, ends[1].number};
    const uint64_t *const keys[2] = {ends[0].keys, ends[1].keys};
    const uint64_t *const present[2] = {presence_of(&ends[0]), presence_of(&ends[1])};
    return sl_segment_index_emit_ends(e->emit, numbers, e->addrs.count, keys, present, e->err);
}

static sl_status
filter_ends(struct sl_segment_encoding *e, uint32_t number, uint32_t also)
{
    const uint32_t numbers[2] = {number, also};
    return sl_segment_index_emit_filter(e->emit, numbers, e->addrs.addrs, e->addrs.count, e->err);
}

sl_status
sl_segment_flow_addresses(struct sl_segment_encoding *e,
                          const struct sl_segment_coded ends_coded[2])
{
    struct sl_segment_ordered ends[2];
    uint32_t streams[2], dictionary;
    if (e->addrs.count == 0)
        return SL_OK;
    for (unsigned i = 0; i < 2; i++) {
        ends[i] = (struct sl_segment_ordered){.is_trivial = true};
        if (ends_coded[i].column != NULL)
            SL_TRY(sl_segment_column_codes(e, &ends_coded[i], i, &ends[i]));
    }
    uint32_t owner = ends[0].is_trivial ? ends[1].number : ends[0].number;
    SL_TRY(sl_segment_emit_addresses(e->emit, owner, e->addrs.addrs, e->addrs.count, &dictionary,
                                     e->err));
    if (ends[0].is_trivial || ends[1].is_trivial) {
        const struct sl_segment_ordered *end = ends[0].is_trivial ? &ends[1] : &ends[0];
        SL_TRY(sl_segment_index_emit(e->emit, SL_SEGMENT_INDEX_POSTINGS, end->number,
                                     e->addrs.count, end->keys, presence_of(end), e->err));
        SL_TRY(filter_ends(e, end->number, SL_SEGMENT_NONE));
        SL_TRY(sl_segment_emit_values(e->emit, end->number, end->keys, &streams[0], e->err));
        return sl_segment_column_add(e, end, streams[0], dictionary);
    }
    uint32_t *const spare[2] = {ends_coded[0].codes, ends_coded[1].codes};
    if (!sl_segment_functions_init(&e->functions, e->row_count, e->addrs.count, spare, e->arena))
        return sl_segment_encoding_fail(e);
    SL_TRY(index_ends(e, ends));
    SL_TRY(filter_ends(e, ends[0].number, ends[1].number));
    swap_sides(e, ends[0].keys, ends[1].keys);
    SL_TRY(sl_segment_emit_paired(e->emit, ends[0].number, ends[0].keys, 4, &streams[0], e->err));
    SL_TRY(sl_segment_emit_paired(e->emit, ends[1].number, ends[1].keys, 4, &streams[1], e->err));
    SL_TRY(add_pair(e, &ends[0], &ends[1], streams, dictionary));
    take_decider(e, SL_SEGMENT_CLIENT, streams[0], ends[0].keys);
    take_decider(e, SL_SEGMENT_SERVER, streams[1], ends[1].keys);
    if (e->side_stream == SL_SEGMENT_NONE)
        return SL_OK; /* the source is the client */
    swap_sides(e, ends[0].keys, ends[1].keys);
    const struct sl_segment_group_column *added =
        &e->emit->group->columns[e->emit->group->column_count - 2];
    take_decider(e, SL_SEGMENT_SOURCE, added[0].stream, ends[0].keys);
    take_decider(e, SL_SEGMENT_TARGET, added[1].stream, ends[1].keys);
    return SL_OK;
}

static bool
is_measured(const struct pair *pair)
{
    return pair->kind == PAIR_PORTS || pair->kind == PAIR_PACKETS;
}

sl_status
sl_segment_flow_properties(struct sl_segment_encoding *e)
{
    for (size_t i = 0; i < SL_COUNTOF(pairs); i++)
        if (!is_measured(&pairs[i]))
            SL_TRY(encode_pair(e, &pairs[i]));
    return SL_OK;
}

sl_status
sl_segment_flow_measures(struct sl_segment_encoding *e)
{
    e->packet_streams[0] = e->packet_streams[1] = SL_SEGMENT_NONE;
    SL_TRY(encode_times(e));
    for (size_t i = 0; i < SL_COUNTOF(pairs); i++)
        if (is_measured(&pairs[i]))
            SL_TRY(encode_pair(e, &pairs[i]));
    SL_TRY(encode_bytes(e));
    for (uint32_t i = 0; i < e->input.column_count; i++) {
        const struct sl_column *column = e->input.columns[i];
        if (!sl_bit_get(e->done, column->index) && sl_segment_flow_is_measure(column))
            SL_TRY(sl_segment_column_encode(e, column));
    }
    return SL_OK;
}

bool
sl_segment_flow_is_measure(const struct sl_column *column)
{
    static const uint32_t others[] = {
        SL_COLUMN_FIRST_SEEN, SL_COLUMN_LAST_SEEN, SL_COLUMN_IN_BYTES, SL_COLUMN_OUT_BYTES,
        SL_COLUMN_PROTOCOL,   SL_COLUMN_TCP_FLAGS, SL_COLUMN_TOS};
    bool is_one = false;
    for (size_t i = 0; i < SL_COUNTOF(others); i++)
        is_one = is_one || column->index == others[i];
    for (size_t i = 0; i < SL_COUNTOF(pairs); i++)
        is_one = is_one || (is_measured(&pairs[i]) &&
                            (column->index == pairs[i].source || column->index == pairs[i].target));
    return is_one;
}
