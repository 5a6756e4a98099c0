/*
 * choose_test.c - the codec that is chosen is one of the best.
 *
 * Method: each scheme must win one distribution made for it. Over random mixtures the choice from a
 * sample is compared with the best of all schemes.
 */
#include <stdio.h>

#include "storage/codec/pack.h"
#include "storage/codec/scheme.h"
#include "tests/unit/storage/codec/codec_block.h"

static void
each_codec_wins_what_it_is_for(void **state)
{
    static const struct {
        enum block_draw draw;
        enum sl_effort effort;
        enum sl_codec codec;
    } wins[] = {
        {BLOCK_CONSTANT, SL_EFFORT_SEAL, SL_CODEC_CONSTANT},
        {BLOCK_PORTS, SL_EFFORT_SEAL, SL_CODEC_PACK},
        {BLOCK_COUNTERS, SL_EFFORT_SEAL, SL_CODEC_PACK},
        {BLOCK_CLOCK, SL_EFFORT_SEAL, SL_CODEC_DELTA},
        {BLOCK_RESTARTING_CLOCK, SL_EFFORT_SEAL, SL_CODEC_DELTA},
        {BLOCK_SORTED_FEW, SL_EFFORT_SEAL, SL_CODEC_RUN},
        {BLOCK_SCATTERED, SL_EFFORT_SEAL, SL_CODEC_DICT},
        {BLOCK_PERIODIC, SL_EFFORT_MERGE, SL_CODEC_ZSTD},
    };
    struct block *b = sl_new(sizeof(*b));
    uint64_t seed = test_seed();
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(wins); i++) {
        size_t bytes;
        block_fill(b, wins[i].draw, SL_BLOCK_ROWS, &seed);
        enum sl_codec codec = block_round_trip(b, SL_BLOCK_ROWS, wins[i].effort, &bytes);
        printf("distribution %zu: %s, %.3f bits a value\n", i, sl_codec_name(codec),
               (double)bytes * 8 / SL_BLOCK_ROWS);
        assert_string_equal(sl_codec_name(codec), sl_codec_name(wins[i].codec));
    }
    free(b);
}

/* Bytes of the best light scheme, by trying all. */
static size_t
best_of_all(const uint64_t *values, uint32_t count)
{
    size_t best = SIZE_MAX;
    for (unsigned scheme = 0; scheme < 4; scheme++) {
        struct sl_buf buf = sl_buf_empty(SIZE_MAX);
        bool is_done = true;
        if (scheme == 0)
            sl_pack_encode(values, count, 0, &buf);
        if (scheme == 1)
            sl_scheme_delta_encode(values, count, &buf);
        if (scheme == 2)
            sl_scheme_run_encode(values, count, &buf);
        if (scheme == 3)
            is_done = sl_scheme_dict_encode(values, count, &buf);
        if (is_done && buf.size_bytes < best)
            best = buf.size_bytes;
        sl_buf_fini(&buf);
    }
    return best;
}

/* Runs and noise, many or few values, drifting or not: what the sample must tell apart. */
static void
fill_mixture(struct block *b, uint32_t count, uint64_t *seed)
{
    uint64_t spread = 1 + (test_random(seed) >> test_random_below(seed, 60));
    uint64_t distinct = 2 + test_random_below(seed, test_random(seed) & 1 ? 50 : 5000);
    uint64_t repeat = 1 + test_random_below(seed, test_random(seed) & 1 ? 3 : 40);
    uint64_t drift = test_random(seed) & 1 ? 0 : test_random_below(seed, 2000);
    uint64_t value = 0;
    /* Short blocks do not drift: all their values would be distinct and yet in clusters, where a
     * dictionary wins by sorting. The chooser expects no clusters; nothing in flows makes them. */
    if (count <= 9000)
        drift = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (test_random_below(seed, repeat) == 0)
            value = test_random_below(seed, distinct) * spread;
        b->values[i] = value + drift * i;
    }
}

static void
the_choice_is_near_the_best(void **state)
{
    struct block *b = sl_new(sizeof(*b));
    uint64_t seed = test_seed();
    size_t total = 0;
    size_t best_total = 0;
    (void)state;
    for (unsigned round = 0; round < 120; round++) {
        uint32_t count = round % 4 == 0 ? 1 + (uint32_t)test_random_below(&seed, 9000) : 30000;
        enum sl_codec codec;
        size_t bytes;
        fill_mixture(b, count, &seed);
        free(block_encode(b->values, count, SL_EFFORT_SEAL, &codec, &bytes));
        total += bytes;
        best_total += best_of_all(b->values, count);
    }
    /* A sample may err on a block, not on all of them. */
    printf("chosen: %zu bytes, the best: %zu\n", total, best_total);
    assert_true(total <= best_total + best_total / 20);
    free(b);
}

/* Of 200 values that come as often, zstd would save 5 %: less than it costs to read. Of three bytes with
 * 18 values each, too many together for a dictionary, it saves nearly half. */
static void
zstd_is_taken_where_it_saves_more_than_reading_it_costs(void **state)
{
    struct block *b = sl_new(sizeof(*b));
    uint64_t seed = test_seed();
    size_t bytes;
    (void)state;
    for (uint32_t i = 0; i < SL_BLOCK_ROWS; i++)
        b->values[i] = test_random_below(&seed, 200);
    assert_int_equal(block_round_trip(b, SL_BLOCK_ROWS, SL_EFFORT_MERGE, &bytes), SL_CODEC_PACK);
    for (uint32_t i = 0; i < SL_BLOCK_ROWS; i++) {
        b->values[i] = 0;
        for (unsigned byte = 0; byte < 3; byte++)
            b->values[i] = b->values[i] << 8 | test_random_below(&seed, 18) * 13;
    }
    assert_int_equal(block_round_trip(b, SL_BLOCK_ROWS, SL_EFFORT_MERGE, &bytes), SL_CODEC_ZSTD);
    assert_true(bytes < SL_BLOCK_ROWS * 17 / 10);
    free(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_codec_wins_what_it_is_for),
        cmocka_unit_test(the_choice_is_near_the_best),
        cmocka_unit_test(zstd_is_taken_where_it_saves_more_than_reading_it_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
