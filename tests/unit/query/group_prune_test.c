/*
 * group_prune_test.c - of groups by address those that are asked for are there, whole, and others may be
 * left out.
 *
 * Method: chunks over several dictionaries, which share addresses and come again, are drawn before a
 * query begins, and counted naively by address; a few addresses have more rows than all others. In some
 * turns some chunks have no dictionary, so that records are in a table before candidates are known; in
 * others there is no room to keep runs. One worker or two run it.
 */
#include "query/group.h"
#include "tests/support/test.h"
#include "tests/unit/query/op_world.h"

enum {
    CHUNK = 5000,
    CHUNKS = 36,
    CHUNKS_IN_TURN = 3, /* of the same dictionary */
    DICTIONARIES = 6,
    ENTRIES = 20000,
    STEP = ENTRIES / 4, /* from the first address of a dictionary to that of the next */
    ADDRS = ENTRIES + (DICTIONARIES - 1) * STEP,
    HOT = 16000, /* here are addresses with many rows, which four dictionaries have */
    HOT_COUNT = 30,
    TURNS = 48,
};

static const struct sl_sql_type types[] = {
    {.type = SL_TYPE_ADDR, .is_nullable = true},
    {.type = SL_TYPE_U64},
};

/* The last one is of rows that have no address. */
struct naive {
    uint64_t count, sum;
    bool is_given;
};

struct source {
    struct op_source base;
    struct sl_addr *addrs[CHUNKS]; /* of plain chunks; else NULL */
    uint32_t *codes[CHUNKS];
    uint64_t *values[CHUNKS];
    uint64_t *present[CHUNKS];
    void *entries[DICTIONARIES];
};

/* Every third address is IPv6. */
static struct sl_addr
addr_of(uint32_t number)
{
    return (struct sl_addr){.low = number,
                            .high = number % 3 == 0 ? UINT64_C(0x20010db800000000) : 0};
}

static unsigned
dictionary_of(unsigned chunk)
{
    return chunk / CHUNKS_IN_TURN % DICTIONARIES;
}

/* One row of a chunk: the number of its address, and its value. */
static uint32_t
draw_row(uint64_t *seed, unsigned chunk, uint64_t *out_value)
{
    uint64_t draw = test_random(seed) >> 8;
    uint32_t first = dictionary_of(chunk) * STEP;
    uint32_t hot = HOT + (uint32_t)(draw / 64 % HOT_COUNT * (draw / 4096 % HOT_COUNT) / HOT_COUNT);
    bool is_hot = draw % 3 == 0 && hot >= first && hot < first + ENTRIES;

    *out_value = draw % 1000 == 7 ? 1000000 : draw % 1000;
    return is_hot ? hot : first + (uint32_t)(draw / 64 % ENTRIES);
}

static void
draw_chunk(struct source *source, unsigned chunk, bool is_plain, struct naive *groups,
           uint64_t *seed)
{
    source->codes[chunk] = sl_new(CHUNK * sizeof(uint32_t));
    source->values[chunk] = sl_new(CHUNK * sizeof(uint64_t));
    source->present[chunk] = sl_new(sl_words_for(CHUNK) * sizeof(uint64_t));
    source->addrs[chunk] = is_plain ? sl_new(CHUNK * sizeof(struct sl_addr)) : NULL;
    for (uint32_t i = 0; i < CHUNK; i++) {
        uint32_t number = draw_row(seed, chunk, &source->values[chunk][i]);
        bool is_null = test_random(seed) % 50 == 0;
        source->codes[chunk][i] = number - dictionary_of(chunk) * STEP;
        if (is_plain)
            source->addrs[chunk][i] = addr_of(number);
        if (!is_null)
            sl_bit_set(source->present[chunk], i);
        struct naive *group = &groups[is_null ? (uint32_t)ADDRS : number];
        group->count++;
        group->sum += source->values[chunk][i];
    }
}

static void
fill_source(struct source *source, bool has_plain, struct naive *groups, uint64_t *seed)
{
    for (unsigned d = 0; d < DICTIONARIES; d++) {
        struct sl_addr *entries = sl_new(ENTRIES * sizeof(*entries));
        for (uint32_t e = 0; e < ENTRIES; e++)
            entries[e] = addr_of(d * STEP + e);
        source->entries[d] = entries;
    }
    for (unsigned chunk = 0; chunk < CHUNKS; chunk++)
        draw_chunk(source, chunk, has_plain && chunk % 12 == 5, groups, seed);
}

static void
empty_source(struct source *source)
{
    for (unsigned d = 0; d < DICTIONARIES; d++)
        free(source->entries[d]);
    for (unsigned chunk = 0; chunk < CHUNKS; chunk++) {
        free(source->addrs[chunk]);
        free(source->codes[chunk]);
        free(source->values[chunk]);
        free(source->present[chunk]);
    }
}

static sl_status
source_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    struct source *source = op->state;
    struct sl_arena *arena = source->base.arenas.arenas[worker];
    unsigned chunk = atomic_fetch_add(&source->base.next, 1);

    (void)err;
    sl_arena_reset(arena);
    if (chunk >= CHUNKS)
        return SL_OK;
    bool is_plain = source->addrs[chunk] != NULL;
    struct sl_vector *vectors = sl_arena_calloc(arena, 2, sizeof(*vectors));
    vectors[0] = (struct sl_vector){.type = SL_TYPE_ADDR,
                                    .encoding = is_plain ? SL_PLAIN : SL_DICT,
                                    .width = sizeof(struct sl_addr),
                                    .count = CHUNK,
                                    .value_count = is_plain ? CHUNK : ENTRIES,
                                    .values = is_plain ? source->addrs[chunk]
                                                       : source->entries[dictionary_of(chunk)],
                                    .codes = is_plain ? NULL : source->codes[chunk],
                                    .dictionary = is_plain ? 0 : dictionary_of(chunk) + 1,
                                    .present = source->present[chunk]};
    vectors[1] = (struct sl_vector){.type = SL_TYPE_U64,
                                    .encoding = SL_PLAIN,
                                    .width = sizeof(uint64_t),
                                    .count = CHUNK,
                                    .value_count = CHUNK,
                                    .values = source->values[chunk]};
    *out_chunk = (struct sl_chunk){.count = CHUNK, .inputs = vectors, .arena = arena};
    return SL_OK;
}

static const struct sl_op_class source_class = {
    .name = "source", .start = op_source_start, .next = source_next, .close = op_source_close};

/* COUNT(*) and SUM(value) by address, of which `floor` is asked for. */
static struct sl_op *
start_group(struct op_world *w, const struct sl_group_floor *floor, size_t room_bytes)
{
    struct sl_key *key = sl_arena_calloc(w->exec.arena, 1, sizeof(*key));

    *key = (struct sl_key){.expr = op_world_input(w, 0), .type = types[0]};
    return op_world_group(w, key, 1, op_world_count_and_sum(w, 1), 2, floor, room_bytes);
}

/* Groups that are given are whole, and given once. Returns how many. */
static uint32_t
take_groups(struct sl_op *op, struct naive *groups)
{
    struct sl_chunk chunk;
    uint32_t given = 0;

    while (op_world_groups(op, &chunk)) {
        for (uint32_t row = 0; row < chunk.count; row++, given++) {
            uint32_t number = ADDRS;
            if (!sl_vector_is_null(&chunk.keys[0], row)) {
                struct sl_addr addr = sl_vector_addr(&chunk.keys[0], row);
                number = (uint32_t)addr.low;
                assert_true(number < ADDRS && sl_addr_equal(addr, addr_of(number)));
            }
            struct naive *group = &groups[number];
            assert_false(group->is_given);
            group->is_given = true;
            assert_int_equal(sl_vector_u64(&chunk.aggregates[0], row), group->count);
            assert_true(sl_vector_i128(&chunk.aggregates[1], row) == group->sum);
        }
    }
    return given;
}

static uint64_t
asked_of(const struct naive *group, const struct sl_group_floor *floor)
{
    return floor->aggregate == 0 ? group->count : group->sum;
}

/* What every group has that is asked for. */
static sl_u128
least_asked(const struct naive *groups, const struct sl_group_floor *floor)
{
    sl_u128 *values = sl_new((ADDRS + 1) * sizeof(*values));

    for (uint32_t i = 0; i < ADDRS + 1; i++)
        values[i] = asked_of(&groups[i], floor);
    sl_u128 least = op_world_least(floor, values, ADDRS + 1);
    free(values);
    return least;
}

static void
groups_that_are_asked_for_are_whole(void **state)
{
    static const uint64_t leasts[] = {1, 60, 400, 1 << 20};
    uint64_t seed = test_seed();
    unsigned narrow_turns = 0;
    (void)state;

    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct op_world w;
        unsigned threads = 1 + turn / 3 % 2;
        struct source *source =
            op_world_open(&w, threads, types, SL_COUNTOF(types), &source_class, sizeof(*source));
        struct naive *groups = sl_new((ADDRS + 1) * sizeof(*groups));
        bool has_plain = turn % 3 == 1;
        bool has_room = turn % 3 != 2;
        uint32_t there = 0;
        fill_source(source, has_plain, groups, &seed);
        struct sl_group_floor floor = op_world_floor(turn, leasts);
        struct sl_op *op = start_group(&w, &floor, has_room ? 0 : 1 << 20);
        uint32_t given = take_groups(op, groups);
        sl_u128 least = least_asked(groups, &floor);
        for (uint32_t i = 0; i <= ADDRS; i++) {
            there += groups[i].count != 0;
            if (groups[i].count != 0 && asked_of(&groups[i], &floor) >= least)
                assert_true(groups[i].is_given);
        }
        bool is_few = floor.kind == SL_FLOOR_TOP ? floor.keep <= 20 : floor.least == 400;
        /* Most groups have a few rows, and are not asked for. What two workers leave out depends on who
         * takes which chunk. */
        if (threads == 1 && has_room && floor.aggregate == 0 && is_few) {
            narrow_turns++;
            assert_true(given < there * 3 / 4);
        }
        empty_source(source);
        free(groups);
        op_world_close(&w, op);
    }
    assert_true(narrow_turns != 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_that_are_asked_for_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
