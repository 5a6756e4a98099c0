/*
 * group_memo_test.c - groups whose records, or numbers, are remembered by code agree with sums by address.
 *
 * Method: a source of the test hands out chunks over two dictionaries in turn, with some addresses in
 * both; few rows of each chunk count, and some have no address. Groups are counted naively in an array by
 * address. In some turns records are united after each slice, so that what was remembered is void. Of a
 * small dictionary numbers are remembered (group_number.h), where values of groups are wanted too.
 */
#include "query/group.h"
#include "tests/support/test.h"
#include "tests/unit/query/op_world.h"

enum {
    CHUNK = 5000,
    CHUNKS = 24,
    ENTRIES = 60000,
    FEW_ENTRIES = 3000,
    ADDRS = 2 * ENTRIES,
    VALUES = 3,
    DICTIONARIES = 2
};

static const struct sl_sql_type types[] = {
    {.type = SL_TYPE_ADDR, .is_nullable = true},
    {.type = SL_TYPE_U64},
};

/* What is known of an address; the last one is of rows that have none. */
struct naive {
    uint64_t count, sum, seen; /* a bit for each value */
};

struct source {
    struct op_source base;
    struct naive *groups; /* ADDRS + 1 */
    uint64_t seed;
    bool is_wide; /* IPv6 too: entries of 16 bytes */
    bool is_full; /* every row has an address */
    uint32_t entry_count;
    void *entries[DICTIONARIES];
};

/* Every third address of the wide ones is IPv6. */
static struct sl_addr
addr_of(uint32_t number, bool is_wide)
{
    bool is_v6 = is_wide && number % 3 == 0;
    return (struct sl_addr){.low = number, .high = is_v6 ? UINT64_C(0x20010db800000000) : 0};
}

/* Which address is entry `entry`: those of the second dictionary begin in the middle of the first. */
static uint32_t
number_of(const struct source *source, unsigned dictionary, uint32_t entry)
{
    return dictionary * source->entry_count / 2 + entry;
}

static void
make_entries(struct source *source)
{
    for (unsigned d = 0; d < DICTIONARIES; d++) {
        source->entries[d] = sl_new(source->entry_count * sizeof(struct sl_addr));
        for (uint32_t e = 0; e < source->entry_count; e++) {
            struct sl_addr addr = addr_of(number_of(source, d, e), source->is_wide);
            if (source->is_wide)
                ((struct sl_addr *)source->entries[d])[e] = addr;
            else
                ((uint32_t *)source->entries[d])[e] = (uint32_t)addr.low;
        }
    }
}

static void
note(struct naive *group, uint64_t value)
{
    group->count++;
    group->sum += value;
    group->seen |= UINT64_C(1) << value;
}

/* One worker alone runs it: the naive side counts what is handed out. */
static sl_status
source_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    struct source *source = op->state;
    struct sl_arena *arena = source->base.arenas.arenas[worker];
    unsigned number = atomic_fetch_add(&source->base.next, 1);
    unsigned d = number / 5 % DICTIONARIES;

    (void)err;
    sl_arena_reset(arena);
    if (number >= CHUNKS)
        return SL_OK;
    struct sl_vector *vectors = sl_arena_calloc(arena, 2, sizeof(*vectors));
    uint32_t *codes = sl_arena_calloc(arena, CHUNK, sizeof(*codes));
    uint64_t *values = sl_arena_calloc(arena, CHUNK, sizeof(*values));
    uint64_t *present = sl_arena_calloc(arena, sl_words_for(CHUNK), sizeof(*present));
    uint64_t *selection = sl_arena_calloc(arena, sl_words_for(CHUNK), sizeof(*selection));
    for (uint32_t i = 0; i < CHUNK; i++) {
        uint64_t draw = test_random(&source->seed) >> 8;
        codes[i] = (uint32_t)(draw % (number % 2 == 0 ? source->entry_count : 1000));
        values[i] = draw / ENTRIES % VALUES;
        bool has_addr = source->is_full || draw % 11 != 0;
        if (has_addr)
            sl_bit_set(present, i);
        if (draw % 2 == 0)
            continue;
        sl_bit_set(selection, i);
        note(&source->groups[has_addr ? number_of(source, d, codes[i]) : ADDRS], values[i]);
    }
    vectors[0] = (struct sl_vector){.type = SL_TYPE_ADDR,
                                    .encoding = SL_DICT,
                                    .width = source->is_wide ? 16 : 4,
                                    .count = CHUNK,
                                    .value_count = source->entry_count,
                                    .values = source->entries[d],
                                    .codes = codes,
                                    .dictionary = d + 1,
                                    .is_sorted = true,
                                    .present = source->is_full ? NULL : present};
    vectors[1] = (struct sl_vector){.type = SL_TYPE_U64,
                                    .encoding = SL_PLAIN,
                                    .width = 8,
                                    .count = CHUNK,
                                    .value_count = CHUNK,
                                    .values = values};
    *out_chunk = (struct sl_chunk){
        .count = CHUNK, .selection = selection, .inputs = vectors, .arena = arena};
    return SL_OK;
}

static const struct sl_op_class source_class = {
    .name = "source", .start = op_source_start, .next = source_next, .close = op_source_close};

/* The first of COUNT(*), SUM(value), COUNT(DISTINCT value) by address. */
static struct sl_op *
start_group(struct op_world *w, uint32_t aggregate_count, size_t room_bytes)
{
    struct sl_key *key = sl_arena_calloc(w->exec.arena, 1, sizeof(*key));
    struct sl_aggregate *aggregates = sl_arena_calloc(w->exec.arena, 3, sizeof(*aggregates));

    *key = (struct sl_key){.expr = op_world_input(w, 0), .type = types[0]};
    aggregates[0] = (struct sl_aggregate){.kind = SL_AGG_COUNT_STAR, .type.type = SL_TYPE_I64};
    aggregates[1] = (struct sl_aggregate){
        .kind = SL_AGG_SUM, .type.type = SL_TYPE_DECIMAL, .argument = op_world_input(w, 1)};
    aggregates[2] = (struct sl_aggregate){
        .kind = SL_AGG_COUNT_DISTINCT, .type.type = SL_TYPE_I64, .argument = op_world_input(w, 1)};
    return op_world_group(w, key, 1, aggregates, aggregate_count, NULL, room_bytes);
}

static void
compare(struct source *source, struct sl_op *op, uint32_t aggregate_count)
{
    struct sl_chunk chunk;

    while (op_world_groups(op, &chunk)) {
        for (uint32_t row = 0; row < chunk.count; row++) {
            bool is_null = sl_vector_is_null(&chunk.keys[0], row);
            uint32_t number = is_null ? (uint32_t)ADDRS : 0;
            if (!is_null) {
                struct sl_addr addr = sl_vector_addr(&chunk.keys[0], row);
                number = (uint32_t)addr.low;
                assert_true(number < ADDRS);
                assert_true(sl_addr_equal(addr, addr_of(number, source->is_wide)));
            }
            struct naive *group = &source->groups[number];
            assert_int_equal(sl_vector_u64(&chunk.aggregates[0], row), group->count);
            assert_true(sl_vector_i128(&chunk.aggregates[1], row) == group->sum);
            if (aggregate_count == 3)
                assert_int_equal(sl_vector_u64(&chunk.aggregates[2], row),
                                 __builtin_popcountll(group->seen));
            *group = (struct naive){0};
        }
    }
    for (uint32_t i = 0; i <= ADDRS; i++)
        assert_int_equal(source->groups[i].count, 0); /* none was left out */
}

static void
groups_by_code_agree_with_sums_by_address(void **state)
{
    uint64_t seed = test_seed();
    (void)state;

    for (unsigned turn = 0; turn < 16; turn++) {
        uint32_t aggregate_count = turn % 2 == 0 ? 2 : 3;
        struct op_world w;
        struct source *source =
            op_world_open(&w, 1, types, SL_COUNTOF(types), &source_class, sizeof(*source));
        source->groups = sl_new((ADDRS + 1) * sizeof(*source->groups));
        source->seed = test_random(&seed);
        source->is_wide = turn / 2 % 2 == 1;
        source->is_full = turn / 4 % 2 == 1;
        source->entry_count = turn < 8 ? ENTRIES : FEW_ENTRIES;
        make_entries(source);
        struct sl_op *op = start_group(&w, aggregate_count, turn / 4 % 2 == 1 ? 1 : 0);
        compare(source, op, aggregate_count);
        for (unsigned d = 0; d < DICTIONARIES; d++)
            free(source->entries[d]);
        free(source->groups);
        op_world_close(&w, op);
    }
}

/* A named dictionary, and rows enough to pay for its numbers; the same one stays whatever comes. */
static void
what_is_remembered_is_of_one_dictionary(void **state)
{
    struct sl_budget budget = {.limit_bytes = 1 << 20};
    struct group_worker *w = sl_new(sizeof(*w));
    struct sl_vector key = {.type = SL_TYPE_ADDR, .encoding = SL_DICT, .value_count = ENTRIES};
    (void)state;

    w->table.budget = &budget;
    assert_null(group_memo_open(w, 0, &key, CHUNK)); /* of this chunk alone */
    key.dictionary = 7;
    assert_null(group_memo_open(w, 0, &key, 10));
    struct group_memo *memo = group_memo_open(w, 0, &key, CHUNK);
    assert_non_null(memo);
    memo->numbers[3] = 1;
    assert_ptr_equal(group_memo_open(w, 0, &key, 10), memo);
    assert_int_equal(memo->numbers[3], 1);
    key.dictionary = 8;
    assert_ptr_equal(group_memo_open(w, 0, &key, CHUNK), memo);
    assert_int_equal(memo->numbers[3], 0);
    assert_null(group_memo_open(w, 1, &(struct sl_vector){.encoding = SL_PLAIN}, CHUNK));
    key.value_count = 1 << 19; /* more than the budget */
    key.dictionary = 9;
    assert_null(group_memo_open(w, 0, &key, 1 << 15));
    group_memo_fini(memo, &budget);
    assert_int_equal(budget.used_bytes, 0);
    free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_by_code_agree_with_sums_by_address),
        cmocka_unit_test(what_is_remembered_is_of_one_dictionary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
