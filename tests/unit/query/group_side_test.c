/*
 * group_side_test.c - a row counts once for a host that is both of its sides, and else once for each.
 *
 * Method: both sides are entries of one dictionary of ascending addresses, of two that have the same
 * entries, or of one whose entries come twice, where other codes may be the same address. Counts by
 * address are compared with naive ones.
 */
#include "tests/support/test.h"
#include "tests/unit/query/op_world.h"

enum { ROWS = 4000, ADDRS = 500, ENTRIES = 2 * ADDRS };

enum entries_kind { SHARED, APART, TWICE, KINDS };

struct source {
    struct op_source base;
    enum entries_kind kind;
    uint32_t entries[2][ENTRIES];
    uint32_t codes[2][ROWS];
    uint64_t counts[ADDRS];
};

static void
fill_source(struct source *source, enum entries_kind kind, uint64_t *seed)
{
    uint32_t entry_count = kind == TWICE ? ENTRIES : ADDRS;

    source->kind = kind;
    for (uint32_t e = 0; e < ENTRIES; e++)
        source->entries[0][e] = source->entries[1][e] = e % ADDRS;
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t first = (uint32_t)(test_random(seed) >> 8) % entry_count;
        uint32_t other = (uint32_t)(test_random(seed) >> 8) % entry_count;
        if (i % 3 == 0)
            other = kind == TWICE ? (first + ADDRS) % ENTRIES : first;
        source->codes[0][i] = first;
        source->codes[1][i] = other;
        source->counts[first % ADDRS]++;
        source->counts[other % ADDRS] += first % ADDRS != other % ADDRS;
    }
}

static sl_status
source_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    struct source *source = op->state;
    struct sl_arena *arena = source->base.arenas.arenas[worker];
    struct sl_vector *vectors = sl_arena_calloc(arena, 2, sizeof(*vectors));

    (void)err;
    if (atomic_fetch_add(&source->base.next, 1) != 0)
        return SL_OK;
    for (unsigned s = 0; s < 2; s++)
        vectors[s] = (struct sl_vector){.type = SL_TYPE_ADDR,
                                        .encoding = SL_DICT,
                                        .width = sizeof(uint32_t),
                                        .count = ROWS,
                                        .value_count = source->kind == TWICE ? ENTRIES : ADDRS,
                                        .values = source->entries[s],
                                        .codes = source->codes[s],
                                        .dictionary = source->kind == APART ? s + 1 : 1,
                                        .is_sorted = source->kind != TWICE};
    *out_chunk = (struct sl_chunk){.count = ROWS, .inputs = vectors, .arena = arena};
    return SL_OK;
}

static const struct sl_op_class source_class = {
    .name = "source", .start = op_source_start, .next = source_next, .close = op_source_close};

static void
a_host_of_both_sides_counts_once(void **state)
{
    static const struct sl_sql_type types[] = {{.type = SL_TYPE_ADDR}, {.type = SL_TYPE_ADDR}};
    static const struct sl_aggregate count = {.kind = SL_AGG_COUNT_STAR, .type.type = SL_TYPE_I64};
    uint64_t seed = test_seed();
    struct sl_chunk chunk;
    (void)state;

    for (int kind = SHARED; kind < KINDS; kind++) {
        struct op_world w;
        struct source *source = op_world_open(&w, 1, types, 2, &source_class, sizeof(*source));
        fill_source(source, (enum entries_kind)kind, &seed);
        struct sl_key key = {.kind = SL_KEY_HOST,
                             .expr = op_world_input(&w, 0),
                             .other = op_world_input(&w, 1),
                             .type = types[0]};
        struct sl_op *op = op_world_group(&w, &key, 1, &count, 1, NULL, 0);
        while (op_world_groups(op, &chunk))
            for (uint32_t row = 0; row < chunk.count; row++) {
                uint64_t number = sl_vector_addr(&chunk.keys[0], row).low;
                assert_true(number < ADDRS);
                assert_int_equal(sl_vector_u64(&chunk.aggregates[0], row), source->counts[number]);
                source->counts[number] = 0;
            }
        for (uint32_t i = 0; i < ADDRS; i++)
            assert_int_equal(source->counts[i], 0); /* none was left out */
        op_world_close(&w, op);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_of_both_sides_counts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
