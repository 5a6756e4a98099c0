/*
 * aggregate_test.c - states that keep integers in cells, against 128-bit arithmetic.
 *
 * Method: random values around the ends of what a cell holds inline (0, 2^62, 2^64, negative ones)
 * are given to a few groups, half of them through a second state that is merged; SUM, AVG, MIN
 * and MAX must say what a loop over 128-bit numbers says. An arena that is full is an answer.
 */
#include "query/aggregate.h"
#include "tests/support/test.h"

enum { VALUES = 500, STATE_WORDS = 3 };

static uint64_t
random_value(uint64_t *seed)
{
    static const uint64_t near[] = {
        0,         2, UINT64_C(1) << 31, UINT64_C(1) << 61, UINT64_C(1) << 62, UINT64_C(1) << 63,
        UINT64_MAX};
    return near[test_random_below(seed, SL_COUNTOF(near))] + test_random_below(seed, 5) - 2;
}

static sl_i128
as_number(enum sl_type type, uint64_t value)
{
    return type == SL_TYPE_U64 ? (sl_i128)value : (sl_i128)(int64_t)value;
}

static sl_i128
expect(const struct sl_aggregate *aggregate, const union sl_argument *values, uint32_t count)
{
    enum sl_type type = aggregate->argument->type.type;
    sl_i128 result = as_number(type, values[0].u64);

    for (uint32_t i = 1; i < count; i++) {
        sl_i128 value = as_number(type, values[i].u64);
        if (aggregate->kind == SL_AGG_SUM || aggregate->kind == SL_AGG_AVG)
            result += value;
        else if (aggregate->kind == SL_AGG_MIN)
            result = value < result ? value : result;
        else if (aggregate->kind == SL_AGG_MAX)
            result = value > result ? value : result;
    }
    return result;
}

/* Half of the values through the short way where it fits, half one by one; then merged. */
static void
run(const struct sl_aggregate *aggregate, const union sl_argument *values, uint32_t count,
    uint64_t *state, struct sl_arena *arena)
{
    uint64_t other[STATE_WORDS] = {0};
    uint64_t words[VALUES];
    void *records[VALUES], *others[VALUES];
    uint32_t rows[VALUES];
    bool is_done;

    for (uint32_t i = 0; i < count; i++) {
        records[i] = state;
        others[i] = other;
        rows[i] = i;
        words[i] = values[i].u64;
    }
    struct sl_vector vector = {.type = aggregate->argument->type.type,
                               .encoding = SL_PLAIN,
                               .width = 8,
                               .count = count,
                               .value_count = count,
                               .values = words};
    uint32_t half = count / 2;
    assert_true(
        sl_aggregate_update_plain(aggregate, &vector, rows, half, records, 0, arena, &is_done));
    if (!is_done)
        assert_true(sl_aggregate_update(aggregate, records, 0, values, rows, half, arena));
    assert_true(
        sl_aggregate_update(aggregate, others, 0, values + half, rows, count - half, arena));
    assert_true(sl_aggregate_merge_many(aggregate, records, others, 0, 1, arena));
}

static void
check(enum sl_aggregate_kind kind, enum sl_type type, uint64_t *seed)
{
    struct sl_expr argument = {.type = {.type = type}};
    struct sl_aggregate aggregate = {
        .kind = kind, .type = {.type = SL_TYPE_DECIMAL}, .argument = &argument};
    struct sl_arena *arena = sl_arena_create(1 << 20);
    union sl_argument values[VALUES] = {0};
    uint64_t state[STATE_WORDS] = {0};
    struct sl_value result;
    uint32_t count = 1 + (uint32_t)test_random_below(seed, VALUES);

    sl_aggregate_finish(&aggregate, state, &result);
    assert_true(result.is_null);
    for (uint32_t i = 0; i < count; i++)
        values[i].u64 = random_value(seed);
    if (kind == SL_AGG_AVG) /* exact quotients */
        for (uint32_t i = 1; i < count; i++)
            values[i] = values[0];
    run(&aggregate, values, count, state, arena);
    sl_aggregate_finish(&aggregate, state, &result);
    assert_false(result.is_null);
    sl_i128 expected = expect(&aggregate, values, kind == SL_AGG_AVG ? 1 : count);
    assert_true(result.as.i128 == expected);
    void *record = state;
    sl_i128 plain;
    if (sl_aggregate_finish_plain(&aggregate, &record, 0, 1, &plain))
        assert_true(plain == expected);
    sl_arena_destroy(arena);
}

static void
integers_agree_with_128_bits(void **state)
{
    static const enum sl_aggregate_kind kinds[] = {SL_AGG_SUM, SL_AGG_AVG, SL_AGG_MIN, SL_AGG_MAX};
    uint64_t seed = test_seed();
    (void)state;

    for (unsigned turn = 0; turn < 400; turn++)
        for (size_t k = 0; k < SL_COUNTOF(kinds); k++) {
            check(kinds[k], SL_TYPE_U64, &seed);
            check(kinds[k], SL_TYPE_I64, &seed);
        }
}

static void
a_full_arena_is_an_answer(void **state)
{
    struct sl_expr argument = {.type = {.type = SL_TYPE_U64}};
    struct sl_aggregate sum = {
        .kind = SL_AGG_SUM, .type = {.type = SL_TYPE_DECIMAL}, .argument = &argument};
    struct sl_arena *arena = sl_arena_create(0);
    union sl_argument large = {.u64 = UINT64_MAX};
    union sl_argument small = {.u64 = 1};
    uint64_t cell = 0;
    void *record = &cell;
    uint32_t index = 0;
    (void)state;

    assert_true(sl_aggregate_update(&sum, &record, 0, &small, &index, 1, arena));
    assert_false(sl_aggregate_update(&sum, &record, 0, &large, &index, 1, arena));
    sl_arena_destroy(arena);
}

static void
states_are_as_small_as_they_can_be(void **state)
{
    struct sl_expr whole = {.type = {.type = SL_TYPE_U64}};
    struct sl_expr real = {.type = {.type = SL_TYPE_F64}};
    struct sl_aggregate aggregate = {.kind = SL_AGG_COUNT_STAR};
    (void)state;

    assert_int_equal(sl_aggregate_state_bytes(&aggregate), 8);
    aggregate = (struct sl_aggregate){.kind = SL_AGG_SUM, .argument = &whole};
    assert_int_equal(sl_aggregate_state_bytes(&aggregate), 8);
    aggregate.kind = SL_AGG_AVG;
    assert_int_equal(sl_aggregate_state_bytes(&aggregate), 16);
    aggregate.argument = &real;
    assert_int_equal(sl_aggregate_state_bytes(&aggregate), 24);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_agree_with_128_bits),
        cmocka_unit_test(a_full_arena_is_an_answer),
        cmocka_unit_test(states_are_as_small_as_they_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
