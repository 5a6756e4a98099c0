/*
 * segment_function.c - is this column a function of another one, and does it pay to say so?
 *
 * The map takes, for each address or code, the value that most of its rows have (a majority vote in one
 * pass; where there is no majority any value that occurs will do). Before that a look at a few
 * thousand neighbouring rows refuses what is plainly no function, and no votes are counted as long as
 * all rows agree: that is quicker, because nothing is written where an address comes again.
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
    VOTE_SEEN = 1 << 30, /* more than rows of a group, of two columns */
};

struct probe {
    uint32_t code; /* + 1; 0: empty */
    uint64_t value;
};

/* Do neighbouring rows with the same address mostly agree, as they would with fewer than `limit` exceptions
 * of all rows? An exception differs from the row before it, and the next one from it. True where there is
 * no evidence. */
static bool
is_plausible(const uint32_t *codes, const uint64_t *values, uint32_t count, uint32_t limit)
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
    uint64_t expected = (uint64_t)2 * limit * (agree + differ) / count;
    return differ <= expected + PROBE_WINDOWS;
}

/* Rows whose values are held against a map. */
struct voters {
    enum sl_segment_decider decider;
    const uint64_t *values;
};

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

/* Rows first .. end - 1 enter the first value of each address. False when some row has another. */
static bool
agree_rows(struct sl_segment_ballot *ballots, const uint32_t *codes, const uint64_t *values,
           uint32_t first, uint32_t end)
{
    uint64_t differences = 0;
    for (uint32_t i = first; i < end; i++) {
        struct sl_segment_ballot *ballot = &ballots[codes[i]];
        if (ballot->votes == 0)
            *ballot = (struct sl_segment_ballot){values[i], VOTE_SEEN | 1};
        differences |= ballot->value ^ values[i];
    }
    return differences == 0;
}

static uint32_t
window_end(uint32_t first, uint32_t count)
{
    return count - first < SL_MINI_ROWS ? count : first + SL_MINI_ROWS;
}

/* Do all rows of each address have the same value? */
static bool
agree(struct sl_segment_functions *f, const struct voters *voters, size_t voters_count)
{
    memset(f->ballots, 0, f->code_counts[voters[0].decider] * sizeof(*f->ballots));
    for (size_t v = 0; v < voters_count; v++)
        for (uint32_t first = 0; first < f->row_count; first += SL_MINI_ROWS)
            if (!agree_rows(f->ballots, f->codes[voters[v].decider], voters[v].values, first,
                            window_end(first, f->row_count)))
                return false;
    return true;
}

/* Votes against the majorities. From `limit` on not all rows have voted. */
static uint32_t
count_votes(struct sl_segment_functions *f, const struct voters *voters, size_t voters_count,
            uint32_t limit)
{
    uint32_t against = 0;
    memset(f->ballots, 0, f->code_counts[voters[0].decider] * sizeof(*f->ballots));
    for (size_t v = 0; v < voters_count; v++)
        for (uint32_t first = 0; first < f->row_count && against < limit; first += SL_MINI_ROWS)
            against += vote_rows(f->ballots, f->codes[voters[v].decider], voters[v].values, first,
                                 window_end(first, f->row_count));
    return against;
}

/*
 * The value of the majority of the rows of each address; addresses that no row has take that of
 * the address before. Returns the votes against: 0 when all rows of each address agree; at most as
 * many as there will be exceptions, because of two rows that strike each other out at least one is
 * an exception. From `limit` on the map is not made.
 */
static uint32_t
vote(struct sl_segment_functions *f, const struct voters *voters, size_t voters_count,
     uint32_t limit, uint64_t *map)
{
    uint32_t code_count = f->code_counts[voters[0].decider];
    uint32_t against =
        agree(f, voters, voters_count) ? 0 : count_votes(f, voters, voters_count, limit);
    if (against >= limit)
        return against;
    uint64_t last = 0;
    for (uint32_t code = 0; code < code_count; code++) {
        if (f->ballots[code].votes != 0)
            last = f->ballots[code].value;
        map[code] = last;
    }
    return against;
}

/* The map of the majorities, and the rows that deviate from it. From `limit` on neither is right,
 * but that there are so many. */
static uint32_t
elect(struct sl_segment_functions *f, const struct voters *voters, size_t voters_count,
      uint32_t limit, uint64_t *map)
{
    uint32_t exceptions = vote(f, voters, voters_count, limit, map);
    if (exceptions == 0 || exceptions >= limit)
        return exceptions;
    exceptions = 0;
    for (size_t v = 0; v < voters_count; v++)
        for (uint32_t i = 0; i < f->row_count; i++)
            exceptions += map[f->codes[voters[v].decider][i]] != voters[v].values[i];
    return exceptions;
}

/* The map of the last election becomes that of decision `number`. */
static void
keep_map(struct sl_segment_functions *f, unsigned number)
{
    uint64_t *map = f->maps[number];
    f->maps[number] = f->maps[SL_SEGMENT_DECISIONS];
    f->maps[SL_SEGMENT_DECISIONS] = map;
}

/* The decider with the fewest exceptions below *out_exceptions, its map in maps[number]; false when
 * none is worth it. Those with the smallest maps come first. */
static bool
find_decider(struct sl_segment_functions *f, unsigned number, unsigned deciders,
             const uint64_t *values, struct sl_segment_map *out_map, uint32_t *out_exceptions)
{
    out_map->codes = NULL;
    for (unsigned d = SL_SEGMENT_DECIDER_COUNT; d-- > 0;) {
        if ((deciders >> d & 1) == 0 || f->code_counts[d] == 0 ||
            !is_plausible(f->codes[d], values, f->row_count, *out_exceptions))
            continue;
        const struct voters voters = {d, values};
        uint32_t exceptions = elect(f, &voters, 1, *out_exceptions, f->maps[SL_SEGMENT_DECISIONS]);
        if (exceptions >= *out_exceptions)
            continue;
        keep_map(f, number);
        *out_exceptions = exceptions;
        *out_map = (struct sl_segment_map){.stream = f->streams[d],
                                           .codes = f->codes[d],
                                           .values = f->maps[number],
                                           .count = f->code_counts[d],
                                           .is_exact = exceptions == 0,
                                           .shared_with = SL_SEGMENT_NONE};
        if (exceptions == 0)
            break;
    }
    return out_map->codes != NULL;
}

struct sl_segment_decision
sl_segment_function_decide(struct sl_segment_functions *f, struct sl_segment_emit *emit,
                           unsigned number, unsigned deciders, const uint64_t *values)
{
    struct sl_segment_decision decision = {.map = {.codes = NULL}};
    struct sl_segment_map *map = &decision.map;
    uint32_t exceptions = f->row_count / EXCEPTION_SHARE + 1;
    if (f->map_capacity == 0 || f->row_count < ROWS_PER_BYTE_MIN)
        return decision;
    decision.bytes = sl_segment_emit_estimate(emit, values, f->row_count);
    if (decision.bytes / EXCEPTION_BYTES + 1 < exceptions)
        exceptions = (uint32_t)(decision.bytes / EXCEPTION_BYTES + 1);
    if (decision.bytes <= f->row_count / ROWS_PER_BYTE_MIN ||
        !find_decider(f, number, deciders, values, map, &exceptions))
        return decision;
    uint64_t map_bytes = sl_segment_emit_estimate(emit, map->values, map->count) +
                         (uint64_t)exceptions * EXCEPTION_BYTES;
    map->width = sl_segment_emit_width(values, f->row_count) == 4 ? 4 : 8;
    if (map_bytes < decision.bytes)
        decision.bytes = map_bytes;
    else
        map->codes = NULL;
    return decision;
}

sl_status
sl_segment_function_emit(struct sl_segment_emit *emit, uint32_t owner,
                         const struct sl_segment_decision *decision, const uint64_t *values,
                         uint32_t *out_stream, struct sl_error *err)
{
    if (decision->map.codes == NULL)
        return sl_segment_emit_values(emit, owner, values, out_stream, err);
    return sl_segment_emit_function(emit, owner, &decision->map, values, out_stream, err);
}

bool
sl_segment_functions_init(struct sl_segment_functions *f, uint32_t row_count, uint32_t addr_count,
                          uint32_t *const spare[2], struct sl_arena *arena)
{
    uint32_t capacity =
        addr_count > SL_SEGMENT_SMALL_CODES_MAX ? addr_count : SL_SEGMENT_SMALL_CODES_MAX;
    *f = (struct sl_segment_functions){.row_count = row_count};
    f->ballots = sl_arena_alloc(arena, capacity * sizeof(*f->ballots));
    bool has_memory = f->ballots != NULL;
    for (size_t i = 0; i < SL_COUNTOF(f->maps); i++) {
        f->maps[i] = sl_arena_alloc(arena, capacity * sizeof(uint64_t));
        has_memory = has_memory && f->maps[i] != NULL;
    }
    for (unsigned i = 0; i < SL_SEGMENT_DECIDER_COUNT; i++) {
        if (i == SL_SEGMENT_CLIENT || i == SL_SEGMENT_SERVER)
            f->codes[i] = spare[i - SL_SEGMENT_CLIENT];
        else
            f->codes[i] = sl_arena_alloc(arena, row_count * sizeof(uint32_t));
        has_memory = has_memory && f->codes[i] != NULL;
    }
    f->map_capacity = has_memory ? capacity : 0;
    return has_memory;
}

void
sl_segment_functions_add(struct sl_segment_functions *f, enum sl_segment_decider decider,
                         uint32_t stream, const uint64_t *values, uint32_t code_count)
{
    uint64_t max = 0;
    if (f->map_capacity == 0)
        return;
    for (uint32_t i = 0; i < f->row_count; i++) {
        max = values[i] > max ? values[i] : max;
        f->codes[decider][i] = (uint32_t)values[i];
    }
    if (max >= f->map_capacity)
        return;
    f->streams[decider] = stream;
    f->code_counts[decider] = code_count != 0 ? code_count : (uint32_t)max + 1;
}

/* Is one map for both ends smaller? Then it lies in maps[0]. */
static bool
is_shared(struct sl_segment_functions *f, struct sl_segment_emit *emit,
          const uint64_t *const values[2], bool *out_exact)
{
    uint32_t limit = f->row_count / EXCEPTION_SHARE + 1;
    if (f->code_counts[SL_SEGMENT_CLIENT] == 0 || f->row_count < ROWS_PER_BYTE_MIN ||
        !is_plausible(f->codes[SL_SEGMENT_CLIENT], values[0], f->row_count, limit) ||
        !is_plausible(f->codes[SL_SEGMENT_SERVER], values[1], f->row_count, limit))
        return false;
    uint64_t plain_bytes = sl_segment_emit_estimate(emit, values[0], f->row_count) +
                           sl_segment_emit_estimate(emit, values[1], f->row_count);
    if (plain_bytes <= f->row_count / ROWS_PER_BYTE_MIN)
        return false;
    const struct voters voters[2] = {{SL_SEGMENT_CLIENT, values[0]},
                                     {SL_SEGMENT_SERVER, values[1]}};
    if (plain_bytes / EXCEPTION_BYTES + 1 < limit)
        limit = (uint32_t)(plain_bytes / EXCEPTION_BYTES + 1);
    uint64_t exceptions = elect(f, voters, SL_COUNTOF(voters), limit, f->maps[0]);
    if (exceptions >= limit)
        return false;
    *out_exact = exceptions == 0;
    uint64_t map_bytes =
        sl_segment_emit_estimate(emit, f->maps[0], f->code_counts[SL_SEGMENT_CLIENT]);
    return map_bytes + exceptions * EXCEPTION_BYTES < plain_bytes;
}

sl_status
sl_segment_function_emit_pair(struct sl_segment_functions *f, struct sl_segment_emit *emit,
                              const uint32_t owners[2], const uint64_t *const values[2],
                              uint32_t out_streams[2], struct sl_error *err)
{
    bool is_exact = false;
    if (!is_shared(f, emit, values, &is_exact)) {
        SL_TRY(sl_segment_emit_values(emit, owners[0], values[0], &out_streams[0], err));
        return sl_segment_emit_values(emit, owners[1], values[1], &out_streams[1], err);
    }
    struct sl_segment_map map = {.values = f->maps[0],
                                 .count = f->code_counts[SL_SEGMENT_CLIENT],
                                 .width = 4,
                                 .is_exact = is_exact,
                                 .shared_with = SL_SEGMENT_NONE};
    for (unsigned i = 0; i < 2; i++)
        if (sl_segment_emit_width(values[i], f->row_count) == 8)
            map.width = 8;
    for (unsigned i = 0; i < 2; i++) {
        enum sl_segment_decider decider = i == 0 ? SL_SEGMENT_CLIENT : SL_SEGMENT_SERVER;
        map.stream = f->streams[decider];
        map.codes = f->codes[decider];
        SL_TRY(sl_segment_emit_function(emit, owners[i], &map, values[i], &out_streams[i], err));
        map.shared_with = out_streams[0];
    }
    return SL_OK;
}
