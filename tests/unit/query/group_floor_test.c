/*
 * group_floor_test.c - of groups by two keys those that are asked for are there, whole, and others may be left
 * out.
 *
 * Method: chunks whose rows are drawn before a query begins, and added up naively by group; a few groups
 * have more rows than others, and a few have sums wider than a word. Keys are numbers, or addresses
 * without a dictionary, so that groups have numbers or records from the start. In some turns tables are
 * united on the way. One worker or two run it.
 */
#include "query/group.h"
#include "tests/support/test.h"
#include "tests/unit/query/op_world.h"

enum {
    CHUNK = 5000,
    CHUNKS = 40,
    FIRSTS = 300, /* values of the first key */
    SECONDS = 400,
    GROUPS = FIRSTS * SECONDS,
    HOT = 30, /* groups that every third row is of */
    TURNS = 40,
};

static const struct sl_sql_type number_types[] = {
    {.type = SL_TYPE_U32}, {.type = SL_TYPE_U32}, {.type = SL_TYPE_U64, .is_nullable = true}};
static const struct sl_sql_type addr_types[] = {
    {.type = SL_TYPE_ADDR}, {.type = SL_TYPE_U32}, {.type = SL_TYPE_U64, .is_nullable = true}};

struct naive {
    uint64_t count;
    sl_u128 sum;
    bool is_given;
};

struct source {
    struct op_source base;
    bool has_addrs;
    struct sl_addr addrs[CHUNKS][CHUNK];
    uint32_t firsts[CHUNKS][CHUNK];
    uint32_t seconds[CHUNKS][CHUNK];
    uint64_t values[CHUNKS][CHUNK];
    uint64_t present[CHUNKS][(CHUNK + 63) / 64];
};

/* `has_wide`: the last of the hot groups have values of which two are too wide for a word. */
static void
fill_source(struct source *source, bool has_wide, struct naive *groups, uint64_t *seed)
{
    for (unsigned chunk = 0; chunk < CHUNKS; chunk++)
        for (uint32_t i = 0; i < CHUNK; i++) {
            uint64_t draw = test_random(seed) >> 8;
            bool is_hot = draw % 3 == 0;
            uint32_t hot = (uint32_t)(draw / 64 % HOT * (draw / 4096 % HOT) / HOT);
            uint32_t number = is_hot ? hot * (GROUPS / HOT) : (uint32_t)(draw / 64 % GROUPS);
            uint64_t value = draw % 1000;
            if (has_wide && is_hot && hot >= HOT - 3)
                value = UINT64_MAX - value;
            source->firsts[chunk][i] = number / SECONDS;
            source->seconds[chunk][i] = number % SECONDS;
            source->addrs[chunk][i] = (struct sl_addr){.low = number / SECONDS,
                                                       .high = number / SECONDS % 3 == 0 ? 1 : 0};
            source->values[chunk][i] = value;
            groups[number].count++;
            if (test_random(seed) % 50 == 0)
                continue;
            sl_bit_set(source->present[chunk], i);
            groups[number].sum += value;
        }
}

static struct sl_vector
plain(enum sl_type type, uint8_t width, const void *values)
{
    return (struct sl_vector){.type = type,
                              .encoding = SL_PLAIN,
                              .width = width,
                              .count = CHUNK,
                              .value_count = CHUNK,
                              .values = values};
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
    struct sl_vector *vectors = sl_arena_calloc(arena, 3, sizeof(*vectors));
    vectors[0] = source->has_addrs
                     ? plain(SL_TYPE_ADDR, sizeof(struct sl_addr), source->addrs[chunk])
                     : plain(SL_TYPE_U32, sizeof(uint32_t), source->firsts[chunk]);
    vectors[1] = plain(SL_TYPE_U32, sizeof(uint32_t), source->seconds[chunk]);
    vectors[2] = plain(SL_TYPE_U64, sizeof(uint64_t), source->values[chunk]);
    vectors[2].present = source->present[chunk];
    *out_chunk = (struct sl_chunk){.count = CHUNK, .inputs = vectors, .arena = arena};
    return SL_OK;
}

static const struct sl_op_class source_class = {
    .name = "source", .start = op_source_start, .next = source_next, .close = op_source_close};

/* COUNT(*) and SUM(value) by both keys, of which `floor` is asked for. */
static struct sl_op *
start_group(struct op_world *w, const struct sl_group_floor *floor, size_t room_bytes)
{
    struct sl_key *keys = sl_arena_calloc(w->exec.arena, 2, sizeof(*keys));

    for (uint32_t i = 0; i < 2; i++)
        keys[i] = (struct sl_key){.expr = op_world_input(w, i), .type = w->types[i]};
    return op_world_group(w, keys, 2, op_world_count_and_sum(w, 2), 2, floor, room_bytes);
}

/* Groups that are given are whole, and given once. Returns how many. */
static uint32_t
take_groups(struct sl_op *op, bool has_addrs, struct naive *groups)
{
    struct sl_chunk chunk;
    uint32_t given = 0;

    while (op_world_groups(op, &chunk)) {
        for (uint32_t row = 0; row < chunk.count; row++, given++) {
            uint64_t first = has_addrs ? sl_vector_addr(&chunk.keys[0], row).low
                                       : sl_vector_u64(&chunk.keys[0], row);
            uint64_t second = sl_vector_u64(&chunk.keys[1], row);
            assert_true(first < FIRSTS && second < SECONDS);
            struct naive *group = &groups[first * SECONDS + second];
            assert_false(group->is_given);
            group->is_given = true;
            assert_int_equal(sl_vector_u64(&chunk.aggregates[0], row), group->count);
            bool is_null = sl_vector_is_null(&chunk.aggregates[1], row);
            assert_true((is_null ? 0 : (sl_u128)sl_vector_i128(&chunk.aggregates[1], row)) ==
                        group->sum);
        }
    }
    return given;
}

static sl_u128
asked_of(const struct naive *group, const struct sl_group_floor *floor)
{
    return floor->aggregate == 0 ? group->count : group->sum;
}

/* What every group has that is asked for. */
static sl_u128
least_asked(const struct naive *groups, const struct sl_group_floor *floor)
{
    sl_u128 *values = sl_new(GROUPS * sizeof(*values));

    for (uint32_t i = 0; i < GROUPS; i++)
        values[i] = asked_of(&groups[i], floor);
    sl_u128 least = op_world_least(floor, values, GROUPS);
    free(values);
    return least;
}

static void
groups_that_are_asked_for_are_whole(void **state)
{
    static const uint64_t leasts[] = {1, 60, 200, INT64_MAX};
    uint64_t seed = test_seed();
    unsigned narrow_turns = 0;
    (void)state;

    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct op_world w;
        bool has_addrs = turn % 3 == 1;
        struct source *source =
            op_world_open(&w, 1 + turn / 3 % 2, has_addrs ? addr_types : number_types, 3,
                          &source_class, sizeof(*source));
        struct naive *groups = sl_new(GROUPS * sizeof(*groups));
        uint32_t there = 0;
        source->has_addrs = has_addrs;
        fill_source(source, turn % 5 == 2, groups, &seed);
        struct sl_group_floor floor = op_world_floor(turn, leasts);
        struct sl_op *op = start_group(&w, &floor, turn % 7 == 3 ? 1 << 20 : 0);
        uint32_t given = take_groups(op, has_addrs, groups);
        sl_u128 least = least_asked(groups, &floor);
        for (uint32_t i = 0; i < GROUPS; i++) {
            there += groups[i].count != 0;
            if (groups[i].count != 0 && asked_of(&groups[i], &floor) >= least)
                assert_true(groups[i].is_given);
        }
        /* Most groups have one row, or two. */
        if (floor.kind == SL_FLOOR_LEAST && floor.least == 200 && floor.aggregate == 0) {
            narrow_turns++;
            assert_true(given < there / 2);
        }
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
