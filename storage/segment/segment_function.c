/*
 * segment_function.c - is this column a function of an address, and does it pay to say so?
 *
 * The map takes, for each address, the value that most of its rows have (a majority vote in one
 * pass; where there is no majority any value that occurs will do). Before that a look at a few
 * thousand neighbouring rows refuses what is plainly no function.
 */
#include "storage/segment/segment_function.h"

enum {
    PROBE_WINDOWS = 16,
    PROBE_ROWS = 1024,
    PROBE_SLOTS = 4096,
    /* A column below this many rows a byte is small whatever one does. */
    ROWS_PER_BYTE_MIN = 256,
    /* One row in so many may deviate. */
    EXCEPTION_SHARE = 8,
    EXCEPTION_BYTES = 4,
    VOTE_SEEN = 1 << 30, /* more than rows of a group */
};

struct probe {
    uint32_t code; /* + 1; 0: empty */
    uint64_t value;
};

/* Do neighbouring rows with the same address mostly agree? True where there is no evidence. */
static bool
is_plausible(const uint32_t *codes, const uint64_t *values, uint32_t count)
{
    struct probe slots[PROBE_SLOTS];
    memset(slots, 0, sizeof(slots));
    uint32_t agree = 0;
    uint32_t differ = 0;
    for (uint32_t w = 0; w < PROBE_WINDOWS; w++) {
        uint32_t first = (uint32_t)((uint64_t)count * w / PROBE_WINDOWS);
        uint32_t end = count - first < PROBE_ROWS ? count : first + PROBE_ROWS;
        for (uint32_t i = first; i < end; i++) {
            struct probe *slot = &slots[codes[i] % PROBE_SLOTS];
            if (slot->code == codes[i] + 1) {
                agree += slot->value == values[i];
                differ += slot->value != values[i];
            }
            *slot = (struct probe){codes[i] + 1, values[i]};
        }
    }
    return differ <= (agree + differ) / EXCEPTION_SHARE * 2 + PROBE_WINDOWS;
}

/* Rows first .. end - 1 vote. Returns the votes against, each of which strikes out one for it. */
static uint32_t
vote_rows(struct sl_segment_ballot *ballots, const uint32_t *codes, const uint64_t *values,
          uint32_t first, uint32_t end)
{
    uint32_t against = 0;
    for (uint32_t i = first; i < end; i++) {
        struct sl_segment_ballot *ballot = &ballots[codes[i]];
        bool is_other = ballot->value != values[i];
        if (ballot->votes % VOTE_SEEN == 0) {
            *ballot = (struct sl_segment_ballot){values[i], VOTE_SEEN | 1};
        } else {
            ballot->votes += is_other ? UINT64_MAX : 1;
            against += is_other;
        }
    }
    return against;
}

/*
 * The value of the majority of the rows of each address; addresses that no row has take that of
 * the address before. Returns the votes against: 0 when all rows of each address agree; at most as
 * many as there will be exceptions, because of two rows that strike each other out at least one is
 * an exception. From `limit` on the map is not made.
 */
static uint32_t
vote(const struct sl_segment_functions *f, enum sl_segment_decider decider, const uint64_t *values,
     uint32_t limit, uint64_t *map)
{
    uint32_t code_count = f->code_counts[decider];
    uint32_t against = 0;
    memset(f->ballots, 0, code_count * sizeof(*f->ballots));
    for (uint32_t first = 0; first < f->row_count; first += SL_MINI_ROWS) {
        uint32_t end = f->row_count - first < SL_MINI_ROWS ? f->row_count : first + SL_MINI_ROWS;
        against += vote_rows(f->ballots, f->codes[decider], values, first, end);
        if (against >= limit)
            return against;
    }
    uint64_t last = 0;
    for (uint32_t code = 0; code < code_count; code++) {
        if (f->ballots[code].votes != 0)
            last = f->ballots[code].value;
        map[code] = last;
    }
    return against;
}

static uint32_t
count_exceptions(const struct sl_segment_functions *f, const uint32_t *codes,
                 const uint64_t *values, const uint64_t *map)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < f->row_count; i++)
        count += map[codes[i]] != values[i];
    return count;
}

/* The decider with the fewest exceptions below *out_exceptions, its map in maps[0]; false when none
 * is worth it. The exporter, whose map is the smallest, comes first. */
static bool
find_decider(struct sl_segment_functions *f, unsigned deciders, const uint64_t *values,
             struct sl_segment_map *out_map, uint32_t *out_exceptions)
{
    out_map->codes = NULL;
    for (unsigned d = SL_SEGMENT_DECIDER_COUNT; d-- > 0;) {
        if ((deciders >> d & 1) == 0 || f->code_counts[d] == 0 ||
            !is_plausible(f->codes[d], values, f->row_count))
            continue;
        uint32_t exceptions = vote(f, d, values, *out_exceptions, f->maps[1]);
        if (exceptions != 0 && exceptions < *out_exceptions)
            exceptions = count_exceptions(f, f->codes[d], values, f->maps[1]);
        if (exceptions >= *out_exceptions)
            continue;
        uint64_t *map = f->maps[1];
        f->maps[1] = f->maps[0];
        f->maps[0] = map;
        *out_exceptions = exceptions;
        *out_map = (struct sl_segment_map){.stream = f->streams[d],
                                           .codes = f->codes[d],
                                           .values = map,
                                           .count = f->code_counts[d],
                                           .is_exact = exceptions == 0};
        if (exceptions == 0)
            break;
    }
    return out_map->codes != NULL;
}

sl_status
sl_segment_function_emit(struct sl_segment_functions *f, struct sl_segment_emit *emit,
                         uint32_t owner, unsigned deciders, const uint64_t *values,
                         uint32_t *out_stream, struct sl_error *err)
{
    struct sl_segment_map map;
    uint32_t exceptions = f->row_count / EXCEPTION_SHARE + 1;
    uint64_t plain_bytes = 0;
    if (f->map_capacity != 0 && f->row_count >= ROWS_PER_BYTE_MIN)
        plain_bytes = sl_segment_emit_estimate(emit, values, f->row_count);
    if (plain_bytes / EXCEPTION_BYTES + 1 < exceptions)
        exceptions = (uint32_t)(plain_bytes / EXCEPTION_BYTES + 1);
    if (plain_bytes <= f->row_count / ROWS_PER_BYTE_MIN ||
        !find_decider(f, deciders, values, &map, &exceptions))
        return sl_segment_emit_values(emit, owner, values, out_stream, err);
    uint64_t map_bytes = sl_segment_emit_estimate(emit, map.values, map.count);
    if (map_bytes + (uint64_t)exceptions * EXCEPTION_BYTES >= plain_bytes)
        return sl_segment_emit_values(emit, owner, values, out_stream, err);
    return sl_segment_emit_function(emit, owner, &map, values, out_stream, err);
}
